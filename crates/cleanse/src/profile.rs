//! The profile of a column: what the scorecard and the drift watch compare.
//!
//! One pass over values gives counts, how many are missing, about how many differ, the smallest and largest, lengths,
//! the shapes of the text (`A9-99` for `X4-17`) and the commonest values; numbers also get a histogram. Two profiles of parts
//! merge into the profile of the whole, so that a profile a day and source is kept and weeks are added up from days.
//!
//! A profile holds values of customers (its commonest ones, its extremes): it belongs into the lake beside the facts, never into a log.
//!
//! Deliberately missing: correlations between columns, and thresholds for shares: those are expectations in the source's file.

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
        self.n += 1;
        let Some(value) = value else {
            self.nulls += 1;
            return;
        };
        self.invalid += u64::from(!valid);
        if self.min.as_deref().is_none_or(|min| value < min) {
            self.min = Some(value.to_owned());
        }
        if self.max.as_deref().is_none_or(|max| value > max) {
            self.max = Some(value.to_owned());
        }
        let length = value.chars().count() as u32;
        self.min_length = Some(self.min_length.map_or(length, |min| min.min(length)));
        self.max_length = Some(self.max_length.map_or(length, |max| max.max(length)));
        self.total_length += u64::from(length);
        self.distinct.add(value);
        self.top.add(value);
        *self.shapes.entry(shape_of(value)).or_insert(0) += 1;
        self.trim_shapes();
        if let Ok(number) = value.parse::<f64>()
            && number.is_finite()
        {
            self.numbers += 1;
            self.histogram.add(number);
        }
    }

    /// Adds the profile of another part of the column.
    pub fn merge(&mut self, other: &Self) {
        self.n += other.n;
        self.nulls += other.nulls;
        self.invalid += other.invalid;
        self.total_length += other.total_length;
        self.numbers += other.numbers;
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
