//! `clew journey compare`: what differs between two groups of a log, or between before and after a moment.

use std::collections::BTreeMap;

use clew_journey::{CompareQuestion, Compared, Duration, Side, compare};
use clew_stats::Estimate;
use serde::Serialize;

use super::LEVEL;
use super::table::{LogTable, NONE};

/// How the events are told apart.
#[derive(Clone, Debug)]
pub enum Groups {
    /// By the first further column of the log.
    Values {
        /// Values of the first group; none: the only two that there are.
        a: Vec<String>,
        /// Values of the second; none: all others.
        b: Vec<String>,
    },
    /// Earlier than a moment, and not earlier.
    Before {
        /// The moment, in microseconds.
        moment_us: i64,
        /// Only so much time before and after; none: all.
        span: Option<Duration>,
    },
}

/// What is asked.
#[derive(Clone, Debug)]
pub struct CompareAsked {
    /// The groups.
    pub groups: Groups,
    /// What comes later than this is no outcome.
    pub within: Duration,
    /// Cases that each group needs.
    pub min_cases: u64,
    /// False discovery rate.
    pub false_discovery_rate: f64,
    /// Least difference of shares.
    pub min_difference: f64,
    /// Variants that are tested.
    pub variants: usize,
    /// Differences that are listed.
    pub top: usize,
}

/// What cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum Incomparable {
    /// A value that the column has not.
    #[error("the column has no value `{value}`; it has {known}")]
    NoSuchValue {
        /// What was asked for.
        value: String,
        /// What there is.
        known: String,
    },
    /// More than two values, and none said.
    #[error("the column has {n} values ({known}): say which to compare")]
    NotTwo {
        /// How many.
        n: usize,
        /// Some of them.
        known: String,
    },
    /// One value in both groups.
    #[error("`{0}` is in both groups")]
    Both(String),
    /// No event.
    #[error("no event is in the {0} group")]
    Empty(&'static str),
}

/// `clew journey compare`.
#[derive(Clone, Debug, Serialize)]
pub struct CompareReport {
    /// The first group.
    pub a: GroupRow,
    /// The second.
    pub b: GroupRow,
    /// What comes later than this after an event is not its outcome.
    pub within_ms: i64,
    /// Events that were not observed for so long, and do not count as visits.
    pub censored: u64,
    /// Tests that were made; p-values are corrected for all of them.
    pub tests: usize,
    /// False discovery rate of what is found.
    pub false_discovery_rate: f64,
    /// How many differences were found.
    pub found: usize,
    /// Those that were found first, by effect; then the others by p-value.
    pub differences: Vec<DifferenceRow>,
}

/// A group.
#[derive(Clone, Debug, Serialize)]
pub struct GroupRow {
    /// What it is.
    pub group: String,
    /// Cases with an event of it.
    pub cases: u64,
    /// Its events.
    pub events: u64,
}

/// A figure with its interval; shares are fractions, waits milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Figure {
    /// Null where it is not known.
    pub estimate: Option<f64>,
    /// Lower end.
    pub lower: Option<f64>,
    /// Upper end.
    pub upper: Option<f64>,
    /// Observations.
    pub n: u64,
}

impl Figure {
    /// An estimate in another unit.
    pub fn of(estimate: &Estimate, unit: f64) -> Self {
        let scaled = |value: Option<f64>| value.map(|value| value / unit);
        Self { estimate: scaled(estimate.estimate), lower: scaled(estimate.lower), upper: scaled(estimate.upper), n: estimate.n }
    }
}

/// A difference.
#[derive(Clone, Debug, Serialize)]
pub struct DifferenceRow {
    /// `transition`, `wait`, `step` or `variant`.
    pub of: &'static str,
    /// The activities that it is about: from and to, the step, or all of the variant. A transition of one goes on to nothing.
    pub activities: Vec<String>,
    /// Whether it is a finding.
    pub found: bool,
    /// Figure of the first group.
    pub a: Figure,
    /// Figure of the second.
    pub b: Figure,
    /// Second minus first.
    pub difference: Figure,
    /// Cases of the first group.
    pub cases_a: u64,
    /// Cases of the second.
    pub cases_b: u64,
    /// Cases of the second group for which it went otherwise.
    pub effect_cases: f64,
    /// p-value; null where there is nothing to test.
    pub p_value: Option<f64>,
    /// p-value corrected for all tests.
    pub adjusted_p_value: Option<f64>,
}

impl LogTable {
    /// Compares groups.
    pub fn compare(&self, asked: &CompareAsked) -> Result<CompareReport, Incomparable> {
        let (side, names) = self.sides(&asked.groups)?;
        for (own, which) in [(Side::A, "first"), (Side::B, "second")] {
            if !side.contains(&own) {
                return Err(Incomparable::Empty(which));
            }
        }
        let question = CompareQuestion {
            within_us: asked.within.micros(),
            observed_until_us: self.observed_until_us,
            min_cases: asked.min_cases,
            variants: asked.variants,
            level: LEVEL,
            false_discovery_rate: asked.false_discovery_rate,
            min_difference: asked.min_difference,
        };
        let answer = compare(&self.traces(), &side, &question);
        let [a, b] = names;
        let group = |group, cases, events| GroupRow { group, cases, events };
        let found = answer.differences.iter().filter(|difference| difference.found).count();
        Ok(CompareReport {
            a: group(a, answer.cases.0, answer.events.0),
            b: group(b, answer.cases.1, answer.events.1),
            within_ms: asked.within.micros() / 1_000,
            censored: answer.censored,
            tests: answer.tests,
            false_discovery_rate: asked.false_discovery_rate,
            found,
            differences: answer.differences.iter().take(asked.top).map(|difference| self.difference_row(difference)).collect(),
        })
    }

    fn difference_row(&self, difference: &clew_journey::Difference) -> DifferenceRow {
        let name = |code: u32| self.activity.texts[code as usize].clone();
        let (of, activities, unit) = match &difference.of {
            Compared::Transition { from, to } => ("transition", std::iter::once(*from).chain(*to).map(name).collect(), 1.0),
            Compared::Wait { from, to } => ("wait", vec![name(*from), name(*to)], 1e3),
            Compared::Step(step) => ("step", vec![name(*step)], 1.0),
            Compared::Variant(steps) => ("variant", steps.iter().copied().map(name).collect(), 1.0),
        };
        DifferenceRow {
            of,
            activities,
            found: difference.found,
            a: Figure::of(&difference.a, unit),
            b: Figure::of(&difference.b, unit),
            difference: Figure::of(&difference.difference, unit),
            cases_a: difference.cases.0,
            cases_b: difference.cases.1,
            effect_cases: difference.effect,
            p_value: difference.p_value,
            adjusted_p_value: difference.adjusted_p_value,
        }
    }

    fn periods(&self, moment_us: i64, span: Option<Duration>) -> (Vec<Side>, [String; 2]) {
        let span_us = span.map_or(i64::MAX, Duration::micros);
        let side = |time_us: &i64| match time_us - moment_us {
            before if before < 0 && before >= -span_us => Side::A,
            after if after >= 0 && after < span_us => Side::B,
            _ => Side::Neither,
        };
        let day = jiff::Timestamp::from_microsecond(moment_us).map_or_else(|_| moment_us.to_string(), |at| at.to_string());
        let length = span.map_or_else(String::new, |span| format!(" ({span})"));
        (self.time_us.iter().map(side).collect(), [format!("before {day}{length}"), format!("from {day} on{length}")])
    }

    fn sides(&self, groups: &Groups) -> Result<(Vec<Side>, [String; 2]), Incomparable> {
        let (a, b) = match groups {
            Groups::Before { moment_us, span } => return Ok(self.periods(*moment_us, *span)),
            Groups::Values { a, b } => (a, b),
        };
        let Some(column) = self.more.first() else { return Err(Incomparable::Empty("first")) };
        let mut counts: BTreeMap<u32, u64> = BTreeMap::new();
        column.codes.iter().filter(|code| **code != NONE).for_each(|code| *counts.entry(*code).or_default() += 1);
        let known = || {
            let mut by_count: Vec<(&u32, &u64)> = counts.iter().collect();
            by_count.sort_by_key(|(_, n)| std::cmp::Reverse(**n));
            let shown: Vec<String> =
                by_count.iter().take(12).map(|(code, _)| format!("`{}`", column.texts[**code as usize])).collect();
            format!("{}{}", shown.join(", "), if by_count.len() > shown.len() { ", …" } else { "" })
        };
        let codes = |values: &[String]| {
            let code = |value: &String| {
                column.code(value).ok_or_else(|| Incomparable::NoSuchValue { value: value.clone(), known: known() })
            };
            values.iter().map(code).collect::<Result<Vec<u32>, _>>()
        };
        let (mut in_a, mut in_b) = (codes(a)?, codes(b)?);
        if in_a.is_empty() && in_b.is_empty() {
            let both: Vec<u32> = counts.keys().copied().collect();
            let [first, second] = both[..] else { return Err(Incomparable::NotTwo { n: both.len(), known: known() }) };
            (in_a, in_b) = (vec![first], vec![second]);
        }
        if let Some(both) = in_a.iter().find(|code| in_b.contains(code)) {
            return Err(Incomparable::Both(column.texts[*both as usize].clone()));
        }
        let side = |code: &u32| match code {
            code if *code == NONE => Side::Neither,
            code if in_a.contains(code) => Side::A,
            code if in_b.contains(code) => Side::B,
            _ if in_a.is_empty() => Side::A,
            _ if in_b.is_empty() => Side::B,
            _ => Side::Neither,
        };
        let name = |codes: &[u32]| {
            let texts: Vec<&str> = codes.iter().filter_map(|code| column.text(*code)).collect();
            if texts.is_empty() { "others".into() } else { texts.join(", ") }
        };
        Ok((column.codes.iter().map(side).collect(), [name(&in_a), name(&in_b)]))
    }
}
