//! The profile of a column: what the scorecard and the drift watch compare.
//!
//! One pass over values gives counts, how many are missing, about how many differ, the smallest and largest, lengths,
//! the shapes of the text (`A9-99` for `X4-17`) and the commonest values; numbers also get a histogram. Two profiles of parts
//! merge into the profile of the whole, so that a profile a day and source is kept and weeks are added up from days.
//!
//! In memory a profile holds values of customers (its commonest ones, its extremes): it never goes into a log.
//!
//! [`Profile::to_json`] writes it for the lake without a single value: words become hashes, extremes are those of numbers. So a
//! profile tells whether a column changed, and never whom it is about; erasing a person leaves profiles as they are.
//!
//! Deliberately missing: correlations between columns, and thresholds for shares: those are expectations in the source's file.

mod wire;

use std::collections::BTreeMap;

use crate::sketch::{Distinct, Heavy, Histogram};

/// Commonest values that are kept.
const TOP: usize = 64;
/// Different shapes that are kept; the rest is counted as one.
const SHAPES: usize = 64;
/// Letters of a value that its shape shows.
const SHAPE_LETTERS: usize = 24;
/// The shape that stands for all that did not fit.
pub const OTHER_SHAPES: &str = "…";

/// Of a hundred values, so many must be of a kind for the column to be of it.
const KIND_SHARE: u64 = 95;

/// What kind of values a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Whole numbers.
    Integer,
    /// Numbers.
    Decimal,
    /// True or false.
    Boolean,
    /// Days or instants.
    Time,
    /// Anything.
    Text,
}

impl Kind {
    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Integer => "integer",
            Self::Decimal => "decimal",
            Self::Boolean => "boolean",
            Self::Time => "time",
            Self::Text => "text",
        }
    }
}

/// What is known of a column.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// Values, missing ones included.
    pub n: u64,
    /// Missing values.
    pub nulls: u64,
    /// Values that are there and were refused or changed by cleansing, as the caller says.
    pub invalid: u64,
    /// The smallest value as text; `None` if there is none.
    pub min: Option<String>,
    /// The largest value as text.
    pub max: Option<String>,
    /// Letters of the shortest value.
    pub min_length: Option<u32>,
    /// Letters of the longest value.
    pub max_length: Option<u32>,
    /// Letters of all values together.
    pub total_length: u64,
    /// Values that are numbers.
    pub numbers: u64,
    /// Of these, whole numbers.
    pub integers: u64,
    /// Values that are `true` or `false`.
    pub booleans: u64,
    /// Values that begin with a calendar day.
    pub times: u64,
    /// The smallest number; `None` without numbers.
    pub lowest: Option<f64>,
    /// The largest number.
    pub highest: Option<f64>,
    distinct: Distinct,
    top: Heavy,
    shapes: BTreeMap<String, u64>,
    histogram: Histogram,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            n: 0,
            nulls: 0,
            invalid: 0,
            min: None,
            max: None,
            min_length: None,
            max_length: None,
            total_length: 0,
            numbers: 0,
            integers: 0,
            booleans: 0,
            times: 0,
            lowest: None,
            highest: None,
            distinct: Distinct::default(),
            top: Heavy::new(TOP),
            shapes: BTreeMap::new(),
            histogram: Histogram::default(),
        }
    }
}

impl Profile {
    /// Counts a value; `valid` is whether cleansing kept it as a value of its kind.
    pub fn add(&mut self, value: Option<&str>, valid: bool) {
        self.add_times(value, 1);
        self.invalid += u64::from(value.is_some() && !valid);
    }

    /// Counts a value, all valid, that occurs `times` times; costs as much as one.
    pub fn add_times(&mut self, value: Option<&str>, times: u64) {
        self.n += times;
        let Some(value) = value else {
            self.nulls += times;
            return;
        };
        if times == 0 {
            return;
        }
        if self.min.as_deref().is_none_or(|min| value < min) {
            self.min = Some(value.to_owned());
        }
        if self.max.as_deref().is_none_or(|max| value > max) {
            self.max = Some(value.to_owned());
        }
        let length = value.chars().count() as u32;
        self.min_length = Some(self.min_length.map_or(length, |min| min.min(length)));
        self.max_length = Some(self.max_length.map_or(length, |max| max.max(length)));
        self.total_length += u64::from(length) * times;
        self.distinct.add(value);
        self.top.add_times(value, times);
        *self.shapes.entry(shape_of(value)).or_insert(0) += times;
        self.trim_shapes();
        if let Ok(number) = value.parse::<f64>()
            && number.is_finite()
        {
            self.numbers += times;
            self.integers += if number.fract() == 0.0 && !value.contains(['.', 'e', 'E']) { times } else { 0 };
            self.lowest = Some(self.lowest.map_or(number, |lowest| lowest.min(number)));
            self.highest = Some(self.highest.map_or(number, |highest| highest.max(number)));
            self.histogram.add_times(number, times);
        } else if value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false") {
            self.booleans += times;
        } else if begins_with_day(value) {
            self.times += times;
        }
    }

    /// Adds the profile of another part of the column.
    pub fn merge(&mut self, other: &Self) {
        self.n += other.n;
        self.nulls += other.nulls;
        self.invalid += other.invalid;
        self.total_length += other.total_length;
        self.numbers += other.numbers;
        self.integers += other.integers;
        self.booleans += other.booleans;
        self.times += other.times;
        self.lowest = self.lowest.into_iter().chain(other.lowest).reduce(f64::min);
        self.highest = self.highest.into_iter().chain(other.highest).reduce(f64::max);
        let smaller = |a: Option<String>, b: Option<&String>| match (a, b) {
            (Some(a), Some(b)) => Some(if *b < a { b.clone() } else { a }),
            (a, b) => a.or_else(|| b.cloned()),
        };
        let larger = |a: Option<String>, b: Option<&String>| match (a, b) {
            (Some(a), Some(b)) => Some(if *b > a { b.clone() } else { a }),
            (a, b) => a.or_else(|| b.cloned()),
        };
        self.min = smaller(self.min.take(), other.min.as_ref());
        self.max = larger(self.max.take(), other.max.as_ref());
        self.min_length = self.min_length.into_iter().chain(other.min_length).min();
        self.max_length = self.max_length.into_iter().chain(other.max_length).max();
        self.distinct.merge(&other.distinct);
        self.top.merge(&other.top);
        other.shapes.iter().for_each(|(shape, count)| *self.shapes.entry(shape.clone()).or_insert(0) += count);
        self.trim_shapes();
        self.histogram.merge(&other.histogram);
    }

    /// Moves the rarest shapes into [`OTHER_SHAPES`] when there are too many; equal counts: the last by name.
    fn trim_shapes(&mut self) {
        while self.shapes.len() > SHAPES {
            let rarest = self
                .shapes
                .iter()
                .filter(|(shape, _)| *shape != OTHER_SHAPES)
                .min_by(|a, b| a.1.cmp(b.1).then_with(|| b.0.cmp(a.0)));
            let Some(shape) = rarest.map(|(shape, _)| shape.clone()) else { return };
            let count = self.shapes.remove(&shape).unwrap_or(0);
            *self.shapes.entry(OTHER_SHAPES.to_owned()).or_insert(0) += count;
        }
    }

    /// Values that are there.
    pub const fn present(&self) -> u64 {
        self.n - self.nulls
    }

    /// The share of values that are there; `None` without values.
    pub fn completeness(&self) -> Option<f64> {
        (self.n > 0).then(|| self.present() as f64 / self.n as f64)
    }

    /// The share of values there that are valid; `None` without values.
    pub fn validity(&self) -> Option<f64> {
        (self.present() > 0).then(|| (self.present() - self.invalid) as f64 / self.present() as f64)
    }

    /// About how many values differ (standard error 1.6 %), never more than there are.
    pub fn distinct(&self) -> f64 {
        self.distinct.estimate().min(self.present() as f64)
    }

    /// The share of values that occur for the first time: 1 when all differ; `None` without values.
    pub fn uniqueness(&self) -> Option<f64> {
        (self.present() > 0).then(|| self.distinct() / self.present() as f64)
    }

    /// Mean length in letters; `None` without values.
    pub fn mean_length(&self) -> Option<f64> {
        (self.present() > 0).then(|| self.total_length as f64 / self.present() as f64)
    }

    /// The commonest values, most first; a count may be too small by the second part of the answer.
    pub fn top(&self, values: usize) -> (Vec<(&str, u64)>, u64) {
        let mut top = self.top.top();
        top.truncate(values);
        (top, self.top.error())
    }

    /// Shapes and how many values have them, most first, equal counts by shape.
    pub fn shapes(&self) -> Vec<(&str, u64)> {
        let mut shapes: Vec<(&str, u64)> = self.shapes.iter().map(|(shape, count)| (shape.as_str(), *count)).collect();
        shapes.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
        shapes
    }

    /// What kind of values these are: the kind of at least 95 in 100 of them, text where there is none; `None` without values.
    pub fn kind(&self) -> Option<Kind> {
        let most = |count: u64| count * 100 >= self.present() * KIND_SHARE;
        let kind = match () {
            () if most(self.integers) => Kind::Integer,
            () if most(self.numbers) => Kind::Decimal,
            () if most(self.booleans) => Kind::Boolean,
            () if most(self.times) => Kind::Time,
            () => Kind::Text,
        };
        (self.present() > 0).then_some(kind)
    }

    /// The numbers among the values.
    pub const fn histogram(&self) -> &Histogram {
        &self.histogram
    }
}

/// The shape of a text: A for capitals, a for other letters, 9 for digits, signs as they are; from the third in a row on
/// letters and digits are left out, so that names of any length have one shape.
pub fn shape_of(text: &str) -> String {
    let mut shape = String::new();
    let (mut before, mut run) = (' ', 0);
    for c in text.chars().take(4 * SHAPE_LETTERS) {
        let kind = match c {
            _ if c.is_numeric() => '9',
            _ if c.is_uppercase() => 'A',
            _ if c.is_alphabetic() => 'a',
            _ if c.is_whitespace() => ' ',
            _ => c,
        };
        run = if kind == before { run + 1 } else { 1 };
        before = kind;
        // Digits keep their number up to a postcode's or telephone's length.
        let most = if kind == '9' { 12 } else { 2 };
        if run <= most {
            shape.push(kind);
        }
    }
    shape.chars().take(SHAPE_LETTERS).collect()
}

/// Whether `value` begins as `2026-01-31`, `31.01.2026` or `01/31/2026` do.
fn begins_with_day(value: &str) -> bool {
    let shape = |shape: &[u8]| {
        value.len() >= shape.len()
            && value.bytes().zip(shape).all(|(byte, want)| if *want == b'9' { byte.is_ascii_digit() } else { byte == *want })
    };
    shape(b"9999-99-99") || shape(b"99.99.9999") || shape(b"99/99/9999")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn profile<'a>(values: impl IntoIterator<Item = Option<&'a str>>) -> Profile {
        let mut profile = Profile::default();
        values.into_iter().for_each(|value| profile.add(value, value != Some("bad")));
        profile
    }

    #[test]
    fn a_profile_counts_what_it_saw() {
        let found = profile([Some("Ann"), Some("Bob"), None, Some("Ann"), Some("bad"), Some("12.5")]);
        assert_eq!((found.n, found.nulls, found.invalid, found.numbers), (6, 1, 1, 1));
        assert_eq!((found.min.as_deref(), found.max.as_deref()), (Some("12.5"), Some("bad")));
        assert_eq!((found.min_length, found.max_length, found.mean_length()), (Some(3), Some(4), Some(3.2)));
        assert_eq!((found.completeness(), found.validity()), (Some(5.0 / 6.0), Some(0.8)));
        assert!((found.distinct() - 4.0).abs() < 0.1);
        assert_eq!(found.top(1), (vec![("Ann", 2)], 0));
        assert_eq!(found.shapes(), [("Aaa", 3), ("99.9", 1), ("aa", 1)]);
    }

    #[test]
    fn the_kind_of_a_column_is_that_of_nearly_all_its_values() {
        let of = |values: &[&str]| profile(values.iter().map(|value| Some(*value))).kind();
        assert_eq!(of(&["1", "20", "-3"]), Some(Kind::Integer));
        assert_eq!(of(&["1", "2.5"]), Some(Kind::Decimal));
        assert_eq!(of(&["true", "False"]), Some(Kind::Boolean));
        assert_eq!(of(&["2026-01-31T10:00:00Z", "31.01.2026"]), Some(Kind::Time));
        assert_eq!(of(&["1", "x"]), Some(Kind::Text));
        assert_eq!(of(&[]), None);
        let found = profile([Some("9"), Some("12.5"), Some("-100")]);
        assert_eq!((found.lowest, found.highest), (Some(-100.0), Some(12.5)), "as numbers, not as text");
    }

    #[test]
    fn a_value_counted_at_once_is_one_counted_one_by_one() {
        let (mut at_once, mut one_by_one) = (Profile::default(), Profile::default());
        for (value, times) in
            [(Some("a"), 3), (None, 2), (Some("4.5"), 4), (Some("true"), 1), (Some("2026-01-31"), 2), (Some("b"), 0)]
        {
            at_once.add_times(value, times);
            (0..times).for_each(|_| one_by_one.add(value, true));
        }
        assert_eq!(at_once, one_by_one);
    }

    #[test]
    fn an_empty_column_has_no_shares() {
        let empty = Profile::default();
        assert_eq!((empty.completeness(), empty.validity(), empty.uniqueness(), empty.mean_length()), (None, None, None, None));
        let nulls = profile([None, None]);
        assert_eq!((nulls.completeness(), nulls.validity()), (Some(0.0), None));
    }

    #[test]
    fn shapes_of_texts() {
        for (text, shape) in
            [("X4-17", "A9-99"), ("Ann Lee", "Aaa Aaa"), ("10115", "99999"), ("ann@acme.com", "aa@aa.aa"), ("", "")]
        {
            assert_eq!(shape_of(text), shape, "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_profile_of_parts_is_the_profile_of_the_whole(
            values in prop::collection::vec(prop::option::of("[a-cA-C]{1,3}|[0-9]{1,3}"), 0..60),
            cut in 0_usize..60,
        ) {
            let cut = cut.min(values.len());
            let refs: Vec<Option<&str>> = values.iter().map(Option::as_deref).collect();
            let whole = profile(refs.iter().copied());
            let (mut left, right) = (profile(refs[..cut].iter().copied()), profile(refs[cut..].iter().copied()));
            left.merge(&right);
            // Top values are exact while fewer than 64 differ.
            if whole.distinct() < 50.0 {
                prop_assert_eq!(&left, &whole);
            }
            prop_assert_eq!((left.n, left.nulls, &left.min, &left.max), (whole.n, whole.nulls, &whole.min, &whole.max));
        }
    }
}
