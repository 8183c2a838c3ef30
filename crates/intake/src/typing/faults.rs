//! What typing found wrong with facts: failures (the fact is quarantined) and flags (it is stored, and says so).
//!
//! Codes are contract: `quarantine.reason` and `quality` hold them, people filter by them. Details name the field and
//! what was expected, never the value: the raw row in quarantine has it, logs and error messages must not.

use std::sync::Arc;

use arrow::array::{ArrayRef, ListArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field};

use super::cleansing::notes::Notes;
use crate::reader::TextColumn;

/// Why a fact is quarantined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A required column is null.
    MissingValue,
    /// Text that is no time.
    InvalidTime,
    /// A time before 1900 or after 2199.
    TimeOutOfRange,
    /// A time without offset in a source without zone.
    NaiveTime,
    /// Text that is no calendar day.
    InvalidDate,
    /// Text that is no number.
    InvalidNumber,
    /// A number that its column cannot hold.
    NumberTooLarge,
    /// Text that is neither true nor false.
    InvalidBoolean,
    /// A word outside a closed vocabulary.
    UnknownWord,
    /// Not three letters.
    InvalidCurrency,
    /// No JSON object.
    InvalidJson,
    /// A property above 32 KB.
    PropertyTooLarge,
}

impl Reason {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::MissingValue => "missing_value",
            Self::InvalidTime => "invalid_time",
            Self::TimeOutOfRange => "time_out_of_range",
            Self::NaiveTime => "naive_time",
            Self::InvalidDate => "invalid_date",
            Self::InvalidNumber => "invalid_number",
            Self::NumberTooLarge => "number_too_large",
            Self::InvalidBoolean => "invalid_boolean",
            Self::UnknownWord => "unknown_word",
            Self::InvalidCurrency => "invalid_currency",
            Self::InvalidJson => "invalid_json",
            Self::PropertyTooLarge => "property_too_large",
        }
    }

    fn describe(self, field: &str) -> String {
        match self {
            Self::MissingValue => format!("{field} is missing"),
            Self::InvalidTime => {
                format!(
                    "{field} is not a time such as 2026-01-31 12:00:00; other orders take `cleanse: {{date_order: dmy}}` or parse_time(text, format)"
                )
            }
            Self::TimeOutOfRange => format!("{field} lies outside the years 1900 to 2199"),
            Self::NaiveTime => format!("{field} has no offset and the source no `timezone:`"),
            Self::InvalidDate => {
                format!("{field} is not a day such as 2026-01-31; other orders take `cleanse: {{date_order: dmy}}`")
            }
            Self::InvalidNumber => format!("{field} is not a number"),
            Self::NumberTooLarge => format!("{field} is a number too large for its column"),
            Self::InvalidBoolean => format!("{field} is neither true nor false"),
            Self::UnknownWord => format!("{field} holds a word that is not in its vocabulary"),
            Self::InvalidCurrency => format!("{field} is not an ISO 4217 code of three letters"),
            Self::InvalidJson => format!("{field} is not a JSON object"),
            Self::PropertyTooLarge => format!("{field} is larger than 32 KB"),
        }
    }
}

macro_rules! flags {
    ($(#[doc = $meaning:literal] $name:ident = $bit:literal $code:literal),+ $(,)?) => {
        /// Marks that a stored fact carries in `quality`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Flag { $(#[doc = $meaning] $name = 1 << $bit),+ }

        const CODES: &[(u32, &str)] = &[$((1 << $bit, $code)),+];

        /// Code and meaning of every flag of a fact.
        pub const FLAGS: &[(&str, &str)] = &[$(($code, $meaning)),+];
    };
}

flags! {
    /// The clock was set back: the local time happened twice, the earlier one is taken.
    AmbiguousTime = 0 "ambiguous_time",
    /// The clock was set forward: the local time never happened, it is moved by the gap.
    NonexistentTime = 1 "nonexistent_time",
    /// An identifier value that identifies nobody was dropped.
    BlockedIdentifier = 2 "blocked_identifier",
    /// A channel outside the vocabulary; the word is kept in `properties`.
    UnknownChannel = 3 "unknown_channel",
    /// A direction outside the vocabulary; the word is kept in `properties`.
    UnknownDirection = 4 "unknown_direction",
    /// A language that nobody knows; the word is kept in `raw`.
    UnknownLanguage = 5 "unknown_language",
    /// A country that nobody knows; the word is kept in `raw`.
    UnknownCountry = 6 "unknown_country",
    /// Digits beyond the fourth behind the point were rounded away.
    RoundedAmount = 7 "rounded_amount",
    /// A score below or above its scale.
    ScoreOutOfScale = 8 "score_out_of_scale",
    /// A currency of three letters that ISO 4217 does not list; kept.
    UnknownCurrency = 9 "unknown_currency",
    /// The sender's clock is off by more than a minute; the time was corrected.
    ClockSkew = 24 "clock_skew",
    /// Revenue or total is no amount: it stands in `properties` only.
    UnreadAmount = 25 "unread_amount",
}

/// Failures and flags of the facts of one batch.
pub struct Faults {
    /// Per fact: 0, or the position in `kinds` plus one.
    failed: Vec<u16>,
    kinds: Vec<(Reason, String)>,
    flags: Vec<u32>,
    any_flag: u32,
}

impl Faults {
    /// None so far, for `n` facts.
    pub fn new(n: usize) -> Self {
        Self { failed: vec![0; n], kinds: Vec::new(), flags: vec![0; n], any_flag: 0 }
    }

    /// Number of facts.
    pub fn len(&self) -> usize {
        self.flags.len()
    }

    /// The fact at `row` fails; the first failure of a fact stays.
    pub fn fail(&mut self, row: usize, reason: Reason, field: &str) {
        if self.failed[row] != 0 {
            return;
        }
        let at = self.kinds.iter().position(|(r, f)| *r == reason && f == field).unwrap_or_else(|| {
            self.kinds.push((reason, field.to_owned()));
            self.kinds.len() - 1
        });
        self.failed[row] = at as u16 + 1;
    }

    /// How many facts fail for one of `reasons`.
    pub fn count(&self, reasons: &[Reason]) -> usize {
        let is_counted = |kind: &&u16| **kind != 0 && reasons.contains(&self.kinds[**kind as usize - 1].0);
        self.failed.iter().filter(is_counted).count()
    }

    /// Adds the failures and flags of `other`, which is about the same facts.
    pub fn absorb(&mut self, other: &Self) {
        for (row, kind) in other.failed.iter().enumerate().filter(|(_, kind)| **kind != 0) {
            let (reason, field) = &other.kinds[*kind as usize - 1];
            self.fail(row, *reason, field);
        }
        other.flags.iter().enumerate().filter(|(_, flags)| **flags != 0).for_each(|(row, flags)| self.mark(row, *flags));
    }

    /// Marks the fact at `row`.
    pub fn flag(&mut self, row: usize, flag: Flag) {
        self.flags[row] |= flag as u32;
        self.any_flag |= flag as u32;
    }

    /// Marks the fact at `row` with several flags at once.
    pub fn mark(&mut self, row: usize, flags: u32) {
        self.flags[row] |= flags;
        self.any_flag |= flags;
    }

    /// Whether any fact failed.
    pub fn any_failed(&self) -> bool {
        !self.kinds.is_empty()
    }

    /// Whether the fact at `row` failed.
    pub fn has_failed(&self, row: usize) -> bool {
        self.failed[row] != 0
    }

    /// Code and detail of every failed fact.
    pub fn failures(&self) -> impl Iterator<Item = (usize, &'static str, String)> + '_ {
        self.failed.iter().enumerate().filter(|(_, kind)| **kind != 0).map(|(row, kind)| {
            let (reason, field) = &self.kinds[*kind as usize - 1];
            (row, reason.code(), reason.describe(field))
        })
    }

    /// The column `quality`: flags of the fact, then `field:flag` of its fields.
    pub fn quality(&self, notes: &Notes) -> ArrayRef {
        let element = Arc::new(Field::new("element", DataType::Utf8, true));
        let of_fields = notes.flags();
        if self.any_flag == 0 && of_fields.is_empty() {
            return arrow::array::new_null_array(&DataType::List(element), self.flags.len());
        }
        let mut lengths = Vec::with_capacity(self.flags.len());
        let mut codes = TextColumn::with_capacity(of_fields.len());
        let mut of_fields = of_fields.into_iter().peekable();
        let mut code = String::new();
        for (row, flags) in self.flags.iter().enumerate() {
            let mut length = 0;
            for (_, code) in CODES.iter().filter(|(bit, _)| flags & bit != 0) {
                codes.push(code.as_bytes());
                length += 1;
            }
            while let Some((_, field, flags)) = of_fields.next_if(|(of, ..)| *of as usize == row) {
                for flag in flags.codes() {
                    code.clear();
                    code.push_str(field);
                    code.push(':');
                    code.push_str(flag);
                    codes.push(code.as_bytes());
                    length += 1;
                }
            }
            lengths.push(length);
        }
        let nulls = lengths.iter().map(|n| *n > 0).collect::<NullBuffer>();
        Arc::new(ListArray::new(element, OffsetBuffer::from_lengths(lengths), codes.finish(), Some(nulls)))
    }
}
