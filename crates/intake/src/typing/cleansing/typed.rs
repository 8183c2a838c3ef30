//! Dates of birth and amounts: text into values that have no spelling, with what the text was kept where it took reading.
//!
//! A value in the plain form of the import (year-month-day, digits with a point) is read as ever. Everything else goes through
//! `clew_cleanse` under the source's conventions. What is hashed as the fact's content is what was said: the plain reading where
//! there is one, else the text itself, so that another statement about the source never makes a known fact a conflict.
//!
//! A date of birth that cannot be (31 February, a placeholder, more than 120 years ago) is dropped from its record and flagged: the
//! record is worth more than its date. An amount that cannot be read quarantines its fact, and so does a date whose order nobody stated.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Date32Array, Decimal128Array, StringArray};
use arrow::datatypes::DataType;
use clew_cleanse::amount;
use clew_cleanse::code::Currency;
use clew_cleanse::date;
use clew_cleanse::flag::{Flag, Flags};
use clew_model::tables::ColumnType;

use super::conventions::Conventions;
use super::notes::FieldNotes;
use crate::typing::convert::{self, SCALE, parse_amount};
use crate::typing::counts::FieldCounts;
use crate::typing::faults::{self, Faults, Reason};
use crate::typing::time;

const DAY_US: i64 = 86_400_000_000;

/// A column that was read from text.
pub struct Typed {
    /// The values.
    pub column: ArrayRef,
    /// What was said, where it differs from the values: columns that are hashed in their place.
    pub said: Option<Vec<ArrayRef>>,
}

/// What is noted about a field while it is read.
pub struct Margin<'a> {
    /// Failures.
    pub faults: &'a mut Faults,
    /// Notes.
    pub notes: &'a mut FieldNotes,
    /// Counts.
    pub counts: &'a mut FieldCounts,
}

impl Margin<'_> {
    /// A value was repaired.
    pub fn change(&mut self, row: usize, raw: &str, flags: Flags) {
        self.counts.changed += 1;
        self.notes.keep_raw(row, raw);
        self.notes.flag(row, flags);
    }

    /// A value is none; it is counted as the null that it becomes.
    pub fn empty(&mut self, row: usize, raw: &str, flags: Flags) {
        self.notes.keep_raw(row, raw);
        self.notes.flag(row, flags);
    }
}

/// Plain readings and texts, as they are said.
struct Said<T> {
    plain: Vec<Option<T>>,
    text: Vec<Option<String>>,
    differs: bool,
}

impl<T: Copy + PartialEq> Said<T> {
    fn new(rows: usize) -> Self {
        Self { plain: vec![None; rows], text: Vec::new(), differs: false }
    }

    fn put(&mut self, row: usize, raw: &str, plain: Option<T>, value: Option<T>) {
        self.plain[row] = plain;
        // A text stands for itself whatever its neighbours are: else the same row would be hashed otherwise in another chunk.
        self.differs |= plain.is_none() || plain != value;
        if plain.is_none() {
            self.text.resize(self.plain.len(), None);
            self.text[row] = Some(raw.to_owned());
        }
    }

    fn columns(self, of_plain: impl FnOnce(Vec<Option<T>>) -> ArrayRef) -> Option<Vec<ArrayRef>> {
        let text = (!self.text.is_empty()).then(|| Arc::new(StringArray::from(self.text)) as ArrayRef);
        self.differs.then(|| std::iter::once(of_plain(self.plain)).chain(text).collect())
    }
}

/// Dates of birth, each as of an instant (UTC microseconds): when the record was made, or when it arrived.
pub fn birth_dates(given: &ArrayRef, as_of_us: impl Fn(usize) -> i64, conventions: &Conventions, margin: &mut Margin) -> Typed {
    let text = convert::text(given);
    let order = conventions.order.unwrap_or(date::Order::Iso);
    let mut options = date::Options { kind: date::Kind::Birth, ..date::Options::new(order) };
    let mut today = i64::MIN;
    let mut said = Said::new(text.len());
    let mut days: Vec<Option<i32>> = vec![None; text.len()];
    for (row, day) in days.iter_mut().enumerate() {
        let Some(raw) = convert::present(&text, row) else { continue };
        let plain = time::parse_date(raw);
        let made = as_of_us(row).div_euclid(DAY_US);
        if made != today {
            (today, options.as_of) = (made, time::date_of_days(made));
        }
        let read = date::clean(raw, &options);
        *day = read.value.map(|date| time::days_of_date(date) as i32);
        said.put(row, raw, plain, *day);
        match *day {
            Some(_) if *day == plain => {}
            Some(_) => margin.change(row, text.value(row), read.flags),
            None if read.flags.has(Flag::InvalidDate) && conventions.order.is_none() => {
                margin.faults.fail(row, Reason::InvalidDate, "birth_date");
            }
            None => margin.empty(row, text.value(row), read.flags),
        }
    }
    Typed { column: Arc::new(Date32Array::from(days)), said: said.columns(|days| Arc::new(Date32Array::from(days))) }
}

/// Money, and the currencies that stood beside the numbers.
pub fn amounts(given: &ArrayRef, conventions: &Conventions, margin: &mut Margin) -> (Typed, Vec<(usize, Currency)>) {
    let text = convert::text(given);
    let money = |values: Vec<Option<i128>>| -> ArrayRef {
        Arc::new(Decimal128Array::from(values).with_data_type(DataType::Decimal128(18, SCALE as i8)))
    };
    let takes_plain = conventions.mark != Some(amount::DecimalMark::Comma);
    let (mut said, mut currencies) = (Said::new(text.len()), Vec::new());
    let mut values: Vec<Option<i128>> = vec![None; text.len()];
    for (row, value) in values.iter_mut().enumerate() {
        let Some(raw) = convert::present(&text, row) else { continue };
        let plain = parse_amount(raw);
        if let (Ok((units, rounded)), true) = (plain, takes_plain) {
            *value = Some(units);
            said.plain[row] = *value;
            if rounded {
                margin.faults.flag(row, faults::Flag::RoundedAmount);
            }
            continue;
        }
        let plain = plain.ok().map(|(units, _)| units);
        let read = amount::clean(raw, conventions.mark.unwrap_or_default());
        *value = read.value.map(|amount| i128::from(amount.units));
        said.put(row, raw, plain, *value);
        match read.value {
            Some(_) if *value == plain => {}
            Some(amount) => {
                margin.change(row, text.value(row), read.flags.with(Flag::Reformatted));
                currencies.extend(amount.currency.map(|currency| (row, currency)));
            }
            None if read.flags.has(Flag::Placeholder) => margin.empty(row, text.value(row), read.flags),
            None => {
                let too_large = read.flags.has(Flag::AmountTooLarge);
                let reason = if too_large { Reason::NumberTooLarge } else { Reason::InvalidNumber };
                margin.faults.fail(row, reason, "amount");
            }
        }
    }
    (Typed { column: money(values), said: said.columns(money) }, currencies)
}

/// Whether a column of this type and name is read here.
pub fn reads(kind: ColumnType, name: &str, given: &DataType) -> bool {
    let is_text = matches!(given, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Dictionary(..));
    (kind == ColumnType::Decimal && name == "amount" && is_text) || (kind == ColumnType::Date && name == "birth_date")
}
