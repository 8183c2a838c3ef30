//! Closed vocabularies and what stands in when the mapping says nothing.
//!
//! A word of the vocabulary is read whatever its case. Any other is looked up: names and codes of countries, languages and currencies
//! in `clew_cleanse`, spellings and synonyms of our own words in small lists. Those that are found count as repaired, the others
//! take the fallback of their vocabulary, or fail. What is said stays the plain reading, so that a longer list never makes a known
//! fact a conflict.

use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, StringArray, StringBuilder};
use arrow::datatypes::Float64Type;
use clew_cleanse::choice::Choices;
use clew_cleanse::code;
use clew_cleanse::flag::Flags;
use clew_model::{Channel, Direction, ResponseKind};

use super::cleansing::typed::{Margin, Typed};
use super::faults::{Faults, Flag, Reason};
use super::properties::Originals;
use super::{Work, constant, convert};

const RECORD_KINDS: &[&str] = &["person", "organisation"];
const RESPONDENTS: &[&str] = &["customer", "employee", "organisation"];

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

    /// The plain reading of the trimmed `word`, written to `out`; false when there is none.
    fn plain(self, word: &str, out: &mut String) -> bool {
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
            Self::RecordKind => RECORD_KINDS.iter().find(|known| **known == lower).copied(),
            Self::Respondent => RESPONDENTS.iter().find(|known| **known == lower).copied(),
            Self::Language => lower.split(['-', '_']).next().filter(|language| letters(2, language)),
            Self::Country | Self::Currency => {
                let is_code = letters(if self == Self::Country { 2 } else { 3 }, lower);
                if is_code {
                    out.push_str(lower);
                    out.make_ascii_uppercase();
                }
                return is_code;
            }
        };
        known.inspect(|word| out.push_str(word)).is_some()
    }

    /// What a word means that is none of the vocabulary's own, and how that was found out. Codes are looked up even where they are plain:
    /// two letters are not yet a country.
    fn meaning(self, word: &str) -> (Option<Box<str>>, Flags) {
        let of_list = |choices: &Choices| {
            let read = choices.clean(word);
            (read.value.map(Box::from), read.flags)
        };
        match self {
            Self::Channel => of_list(&CHANNELS),
            Self::Direction => of_list(&DIRECTIONS),
            Self::ResponseKind => of_list(&RESPONSE_KINDS),
            Self::RecordKind => of_list(&KINDS_OF_RECORD),
            Self::Respondent => of_list(&KINDS_OF_RESPONDENT),
            Self::Language => {
                let read = code::language(word);
                (read.value.map(|language| language.as_str().into()), read.flags)
            }
            Self::Country => {
                let read = code::country(word);
                (read.value.map(|country| country.as_str().into()), read.flags)
            }
            Self::Currency => {
                let read = code::currency(word);
                (read.value.map(|currency| currency.as_str().into()), read.flags)
            }
        }
    }

    const fn is_code(self) -> bool {
        matches!(self, Self::Language | Self::Country | Self::Currency)
    }

    /// What stands for a word that nobody knows; an error where its fact fails.
    fn unknown(self, row: usize, name: &str, faults: &mut Faults) -> Result<Option<&'static str>, ()> {
        let Some((fallback, flag)) = self.fallback() else {
            let reason = if self == Self::Currency { Reason::InvalidCurrency } else { Reason::UnknownWord };
            faults.fail(row, reason, name);
            return Err(());
        };
        faults.flag(row, flag);
        Ok(fallback)
    }

    /// Reads a column, and looks up what is not plain.
    pub(super) fn read(self, given: &ArrayRef, name: &'static str, margin: &mut Margin, originals: &mut Words) -> Typed {
        let text = convert::text(given);
        let mut out = StringBuilder::with_capacity(text.len(), text.len() * 6);
        let mut said: Vec<(usize, Option<String>)> = Vec::new();
        let mut plain = String::new();
        for row in 0..text.len() {
            let Some(word) = convert::present(&text, row) else {
                out.append_null();
                continue;
            };
            plain.clear();
            let is_plain = self.plain(word, &mut plain);
            if is_plain && !self.is_code() {
                out.append_value(&plain);
                continue;
            }
            let (meaning, flags) = self.meaning(word);
            match meaning {
                Some(meaning) if is_plain && *meaning == *plain => out.append_value(&plain),
                Some(meaning) => {
                    out.append_value(&meaning);
                    margin.change(row, text.value(row), flags);
                    if !is_plain {
                        originals.resolve(row, name, word);
                    }
                    said.push((
                        row,
                        if is_plain {
                            Some(plain.clone())
                        } else {
                            self.fallback().and_then(|(word, _)| word.map(str::to_owned))
                        },
                    ));
                }
                // Three letters that no list has may be money all the same, and a fact is not lost for that.
                None if is_plain && self == Self::Currency => {
                    out.append_value(&plain);
                    margin.faults.flag(row, Flag::UnknownCurrency);
                }
                None => {
                    let stored = self.unknown(row, name, margin.faults);
                    out.append_option(stored.unwrap_or_default());
                    if stored.is_ok() {
                        margin.counts.invalid += u64::from(stored.is_ok_and(|word| word.is_some()));
                        margin.empty(row, text.value(row), Flags::NONE);
                    }
                    if is_plain {
                        said.push((row, Some(plain.clone())));
                    } else {
                        originals.keep(row, name, word, stored.is_ok());
                    }
                }
            }
        }
        let column = out.finish();
        let said = (!said.is_empty()).then(|| vec![replaced(&column, &said)]);
        Typed { column: Arc::new(column), said }
    }
}

/// `column` with other words in some rows, which are sorted.
fn replaced(column: &StringArray, words: &[(usize, Option<String>)]) -> ArrayRef {
    let mut next = words.iter().peekable();
    let words = (0..column.len()).map(|row| match next.next_if(|(at, _)| *at == row) {
        Some((_, word)) => word.as_deref(),
        None => column.is_valid(row).then(|| column.value(row)),
    });
    Arc::new(words.collect::<StringArray>())
}

/// Words as they were given: those that nobody knew are kept in `properties`; those that cleansing found out were part of what the fact said
/// before it could.
#[derive(Default)]
pub struct Words {
    /// Kept in `properties`.
    pub kept: Originals,
    /// Said in `properties`: those, and the ones that were found out.
    pub said: Originals,
    /// Whether any was found out.
    pub differ: bool,
}

impl Words {
    fn keep(&mut self, row: usize, name: &'static str, word: &str, is_stored: bool) {
        if is_stored {
            self.kept.entry(row).or_default().push((name, word.to_owned()));
            self.said.entry(row).or_default().push((name, word.to_owned()));
        }
    }

    fn resolve(&mut self, row: usize, name: &'static str, word: &str) {
        self.said.entry(row).or_default().push((name, word.to_owned()));
        self.differ = true;
    }
}

fn choices(words: &[&str], synonyms: &[(&str, &str)]) -> Choices {
    Choices::new(words, synonyms).expect("the lists of this module have no word twice")
}

/// What systems call our channels.
static CHANNELS: LazyLock<Choices> = LazyLock::new(|| {
    let words: Vec<&str> = Channel::ALL.iter().map(|channel| channel.as_str()).collect();
    choices(
        &words,
        &[
            ("website", "web"),
            ("online", "web"),
            ("webshop", "web"),
            ("browser", "web"),
            ("mobile_app", "app"),
            ("ios", "app"),
            ("android", "app"),
            ("mail", "email"),
            ("telephone", "phone"),
            ("telefon", "phone"),
            ("call", "phone"),
            ("voice", "phone"),
            ("live_chat", "chat"),
            ("web_chat", "chat"),
            ("chatbot", "bot"),
            ("text_message", "sms"),
            ("whatsapp", "messaging"),
            ("messenger", "messaging"),
            ("social_media", "social"),
            ("in_store", "store"),
            ("branch", "store"),
            ("retail", "store"),
            ("letter", "post"),
        ],
    )
});

static DIRECTIONS: LazyLock<Choices> = LazyLock::new(|| {
    choices(
        &["inbound", "outbound", "internal"],
        &[
            ("in", "inbound"),
            ("incoming", "inbound"),
            ("received", "inbound"),
            ("out", "outbound"),
            ("outgoing", "outbound"),
            ("sent", "outbound"),
        ],
    )
});

static RESPONSE_KINDS: LazyLock<Choices> = LazyLock::new(|| {
    choices(
        &["nps", "csat", "ces", "rating", "boolean", "choice", "text"],
        &[
            ("net_promoter_score", "nps"),
            ("customer_satisfaction", "csat"),
            ("customer_effort_score", "ces"),
            ("yes_no", "boolean"),
            ("comment", "text"),
        ],
    )
});

static KINDS_OF_RECORD: LazyLock<Choices> = LazyLock::new(|| {
    choices(
        RECORD_KINDS,
        &[
            ("individual", "person"),
            ("contact", "person"),
            ("organization", "organisation"),
            ("company", "organisation"),
            ("business", "organisation"),
        ],
    )
});

static KINDS_OF_RESPONDENT: LazyLock<Choices> = LazyLock::new(|| {
    choices(
        RESPONDENTS,
        &[("client", "customer"), ("staff", "employee"), ("organization", "organisation"), ("company", "organisation")],
    )
});

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
        let (Some(value), Some(stored)) = (value, work.typed(beside).cloned()) else { continue };
        let nothing = || arrow::array::new_null_array(&arrow::datatypes::DataType::Utf8, rows);
        let given = work.typed(name).cloned().unwrap_or_else(nothing);
        if let Some(said) = work.said(name).cloned() {
            work.say(name, vec![coalesce(&said, value, Some(&stored))]);
        }
        work.set(name, coalesce(&given, value, Some(&stored)));
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
