//! Closed vocabularies and what stands in when the mapping says nothing.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, StringArray, StringBuilder};
use arrow::datatypes::Float64Type;
use clew_model::{Channel, Direction, ResponseKind};

use super::faults::{Faults, Flag, Reason};
use super::properties::Originals;
use super::{Work, constant, convert};

/// How the words of a column are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vocabulary {
    /// Unknown words become `system`.
    Channel,
    /// Unknown words become null.
    Direction,
    /// Unknown words fail.
    ResponseKind,
    /// person or organisation; unknown words fail.
    RecordKind,
    /// customer, employee or organisation; unknown words fail.
    Respondent,
    /// ISO 639-1, regions cut off; others become null.
    Language,
    /// ISO 3166-1 alpha-2; others become null.
    Country,
    /// ISO 4217; others fail.
    Currency,
}

impl Vocabulary {
    /// The vocabulary of a column, or `None`.
    pub fn of(table: &str, column: &str) -> Option<Self> {
        Some(match (table, column) {
            (_, "channel") => Self::Channel,
            (_, "direction") => Self::Direction,
            ("responses", "kind") => Self::ResponseKind,
            ("records", "kind") => Self::RecordKind,
            (_, "respondent") => Self::Respondent,
            (_, "language") => Self::Language,
            (_, "country") => Self::Country,
            (_, "currency") => Self::Currency,
            _ => return None,
        })
    }

    /// What an unknown word turns into, with the flag that says so; `None` fails the fact.
    fn fallback(self) -> Option<(Option<&'static str>, Flag)> {
        match self {
            Self::Channel => Some((Some(Channel::System.as_str()), Flag::UnknownChannel)),
            Self::Direction => Some((None, Flag::UnknownDirection)),
            Self::Language => Some((None, Flag::UnknownLanguage)),
            Self::Country => Some((None, Flag::UnknownCountry)),
            _ => None,
        }
    }

    /// Appends the known word for the trimmed `word`; false when there is none.
    fn append(self, word: &str, out: &mut StringBuilder) -> bool {
        let mut lower = [0_u8; 16];
        let lower = match lower.get_mut(..word.len()) {
            Some(buffer) => {
                buffer.copy_from_slice(word.as_bytes());
                buffer.make_ascii_lowercase();
                std::str::from_utf8(buffer).unwrap_or_default()
            }
            None => "",
        };
        let letters = |n: usize, text: &str| text.len() == n && text.bytes().all(|b| b.is_ascii_lowercase());
        let known = match self {
            Self::Channel => Channel::parse(lower).map(Channel::as_str),
            Self::Direction => Direction::parse(lower).map(Direction::as_str),
            Self::ResponseKind => ResponseKind::parse(lower).map(ResponseKind::as_str),
            Self::RecordKind => ["person", "organisation"].into_iter().find(|known| *known == lower),
            Self::Respondent => ["customer", "employee", "organisation"].into_iter().find(|known| *known == lower),
            Self::Language => {
                let language = lower.split(['-', '_']).next().unwrap_or_default();
                letters(2, language).then(|| out.append_value(language));
                return letters(2, language);
            }
            Self::Country | Self::Currency => {
                let valid = letters(if self == Self::Country { 2 } else { 3 }, lower);
                valid.then(|| out.append_value(lower.to_ascii_uppercase()));
                return valid;
            }
        };
        known.map(|word| out.append_value(word)).is_some()
    }

    /// Reads a column.
    pub fn read(self, given: &ArrayRef, name: &'static str, faults: &mut Faults, originals: &mut Originals) -> ArrayRef {
        let text = convert::text(given);
        let mut out = StringBuilder::with_capacity(text.len(), text.len() * 6);
        for row in 0..text.len() {
            let Some(word) = convert::present(&text, row) else {
                out.append_null();
                continue;
            };
            if self.append(word, &mut out) {
                continue;
            }
            if let Some((fallback, flag)) = self.fallback() {
                out.append_option(fallback);
                faults.flag(row, flag);
                originals.entry(row).or_default().push((name, word.to_owned()));
            } else {
                out.append_null();
                let reason = if self == Self::Currency { Reason::InvalidCurrency } else { Reason::UnknownWord };
                faults.fail(row, reason, name);
            }
        }
        Arc::new(out.finish())
    }
}

/// Fills what the population and the project say.
pub(super) fn fill_defaults(work: &mut Work) {
    let origin = work.typer.origin.clone();
    let rows = work.rows();
    let population = origin.population.as_str();
    let respondent = if matches!(population, "employee" | "organisation") { population } else { "customer" };
    let fill = |work: &mut Work, name: &str, value: &str| {
        if work.place(name).is_some() {
            let filled = match work.typed(name) {
                Some(given) => coalesce(given, value, None),
                None => constant(value, rows),
            };
            work.set(name, filled);
        }
    };
    if work.typer.table.name == "records" {
        fill(work, "kind", if population == "organisation" { "organisation" } else { "person" });
    }
    fill(work, "respondent", respondent);
    for (name, value, beside) in [("currency", &origin.currency, "amount"), ("language", &origin.language, "text")] {
        let (Some(value), Some(beside)) = (value, work.typed(beside).cloned()) else { continue };
        let given =
            work.typed(name).cloned().unwrap_or_else(|| arrow::array::new_null_array(&arrow::datatypes::DataType::Utf8, rows));
        work.set(name, coalesce(&given, value, Some(&beside)));
    }
}

/// `given`, with `value` for nulls where `beside` is not null.
fn coalesce(given: &ArrayRef, value: &str, beside: Option<&ArrayRef>) -> ArrayRef {
    if given.null_count() == 0 {
        return given.clone();
    }
    let text = given.as_string::<i32>();
    let filled = (0..text.len()).map(|row| {
        if text.is_valid(row) {
            return Some(text.value(row));
        }
        beside.is_none_or(|beside| beside.is_valid(row)).then_some(value)
    });
    Arc::new(filled.collect::<StringArray>())
}

/// The scale of every answer: as given, else that of its kind (NPS 0–10, CSAT 1–5, CES 1–7).
pub(super) fn fill_scale(
    kinds: Option<&ArrayRef>,
    low: Option<ArrayRef>,
    high: Option<ArrayRef>,
    rows: usize,
) -> (ArrayRef, ArrayRef) {
    let kinds = kinds.map(AsArray::as_string::<i32>);
    let standard = |row: usize| match kinds.filter(|kinds| kinds.is_valid(row)).map(|kinds| kinds.value(row)) {
        Some("nps") => Some((0.0, 10.0)),
        Some("csat") => Some((1.0, 5.0)),
        Some("ces") => Some((1.0, 7.0)),
        Some("boolean") => Some((0.0, 1.0)),
        _ => None,
    };
    let fill = |given: Option<ArrayRef>, of: fn((f64, f64)) -> f64| -> ArrayRef {
        let given = given.as_ref().map(AsArray::as_primitive::<Float64Type>);
        let value = |row: usize| given.filter(|given| given.is_valid(row)).map(|given| given.value(row));
        Arc::new((0..rows).map(|row| value(row).or_else(|| standard(row).map(of))).collect::<Float64Array>())
    };
    (fill(low, |scale| scale.0), fill(high, |scale| scale.1))
}

/// Flags scores outside their scale; they are kept as they are.
pub(super) fn flag_scores(scores: &ArrayRef, scale: (&ArrayRef, &ArrayRef), faults: &mut Faults) {
    let of = |column: &ArrayRef, row: usize| {
        let column = column.as_primitive::<Float64Type>();
        column.is_valid(row).then(|| column.value(row))
    };
    for row in 0..scores.len() {
        let Some(score) = of(scores, row) else { continue };
        let below = of(scale.0, row).is_some_and(|low| score < low);
        let above = of(scale.1, row).is_some_and(|high| score > high);
        if below || above {
            faults.flag(row, Flag::ScoreOutOfScale);
        }
    }
}
