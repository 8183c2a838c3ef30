//! Expectations: what a source's file says that its data must be like, held against every row.
//!
//! They are compiled once per source and evaluated column by column on each block, in an import as at the door. A raw row is looked at
//! before the mapping: one that does not pass and shall not be stored counts as unreadable, as a row on which the SQL fails does. A fact is
//! looked at behind typing and cleansing; one that shall not be stored is quarantined. Either way its reason is
//! [`REASON`], the detail names the rule, never the value, and both conservation equations hold.
//!
//! | kind | looks at | can quarantine |
//! |---|---|---|
//! | `not_null`, `range`, `pattern`, `allowed`, `reference` | one value | yes |
//! | `sql` | one row | yes |
//! | `unique`, `row_count`, `freshness` | a batch, when it ends | no: what is stored already stays |
//!
//! A missing value passes everything but `not_null`; an element of a list is a value. `unique` remembers 8-byte hashes, at most
//! [`MOST_UNIQUE`] a rule and batch; what comes behind is compared with these only. They are stored with their chunks ([`seen`]), so that
//! they outlive a crash.

mod compile;
pub mod seen;
mod spec;
#[cfg(test)]
mod tests;
mod values;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use clew_model::tables::Table;
use regex::Regex;
use rustc_hash::FxHashSet;
use xxhash_rust::xxh3::xxh3_64;

pub use self::compile::{ExpectationProblem, in_words};
pub use self::spec::{AllowedValue, Bounds, DriftSpec, Expectation, OnFailure, OnMissingColumn, seconds_of};
use self::values::{Value, Values};
use crate::mapping::{Condition, Parsed};
use crate::typing::{Failure, Typed};

/// Why a row or fact that does not pass is in quarantine.
pub const REASON: &str = "expectation";
/// What `checks` calls it that facts arrive within the source's `freshness`: a score of theirs, no expectation of each.
pub const TIMELY: &str = "timely";
/// Values that one `unique` remembers in a batch: about 64 MB.
pub const MOST_UNIQUE: usize = 4_000_000;

/// The expectations of one source.
#[derive(Debug, Default)]
pub struct Expectations {
    rules: Vec<Rule>,
    /// What is asked of a batch as a whole.
    pub of_batch: Vec<OfBatch>,
}

/// One expectation over values or rows.
#[derive(Debug)]
pub struct Rule {
    /// What alarms and tables call it.
    pub name: String,
    /// Its table; none: raw rows.
    pub target: Option<&'static Table>,
    /// Its field or raw column; none: the whole row.
    pub field: Option<String>,
    /// What becomes of what does not pass.
    pub severity: OnFailure,
    /// In words: "is missing".
    failure: String,
    test: Test,
}

#[derive(Debug)]
enum Test {
    NotNull,
    Range(Bounds),
    Pattern(Regex),
    Allowed(FxHashSet<String>, Vec<f64>),
    Reference(Arc<FxHashSet<String>>),
    Unique,
    /// Over facts, planned.
    Facts(Box<compile::OfFacts>),
    /// Over raw rows: planned for the columns of each file.
    Raw(Box<Parsed>),
}

/// An expectation over a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct OfBatch {
    /// What alarms call it.
    pub name: String,
    /// What is asked.
    pub test: BatchTest,
}

/// What is asked of a batch.
#[derive(Clone, Debug, PartialEq)]
pub enum BatchTest {
    /// Rows read.
    RowCount(Bounds),
    /// Seconds that the newest fact may be old.
    Freshness(i64),
}

/// What the raw-row conditions of a source are for files of one layout.
#[derive(Debug, Default)]
pub struct RawConditions(Vec<Option<Condition>>);

/// How often a rule was looked at, and how often it failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Rows or facts.
    pub checked: u64,
    /// Those that did not pass.
    pub failed: u64,
}

/// What the expectations found in a chunk, by the place of the rule.
#[derive(Clone, Debug, Default)]
pub struct Judged {
    /// By rule.
    pub tallies: Vec<Tally>,
    /// Hashes of the values of `unique`, by rule, to be counted by [`Uniques`] in the order of chunks.
    pub hashes: Vec<(usize, Vec<u64>)>,
    /// By table: facts that came with a time, and those that were older than the source's `freshness`.
    pub timely: BTreeMap<&'static str, Tally>,
}

impl Judged {
    fn tally(&mut self, rule: usize) -> &mut Tally {
        if self.tallies.len() <= rule {
            self.tallies.resize(rule + 1, Tally::default());
        }
        &mut self.tallies[rule]
    }

    /// Adds what was found in further rows of the chunk.
    pub fn extend(&mut self, other: Self) {
        for (rule, tally) in other.tallies.iter().enumerate() {
            let sum = self.tally(rule);
            sum.checked += tally.checked;
            sum.failed += tally.failed;
        }
        self.hashes.extend(other.hashes);
        for (table, tally) in other.timely {
            let sum = self.timely.entry(table).or_default();
            sum.checked += tally.checked;
            sum.failed += tally.failed;
        }
    }
}

/// The column that says when a fact of `table` was.
pub fn time_of(table: &str) -> &'static str {
    match table {
        "events" => "occurred_at",
        "responses" => "answered_at",
        _ => "valid_from",
    }
}

/// Hashes of values that no chunk before had and that are remembered, by the place of their `unique`.
pub type NewValues = Vec<(usize, Vec<u64>)>;

/// The values that each `unique` of a source has seen in a batch.
#[derive(Debug, Default)]
pub struct Uniques(Vec<FxHashSet<u64>>);

impl Uniques {
    /// Counts the values of a chunk that were there before as failures; gives those that it remembers from now on, by rule.
    pub fn count(&mut self, judged: &mut Judged) -> NewValues {
        let mut all_new = Vec::new();
        for (rule, hashes) in std::mem::take(&mut judged.hashes) {
            let seen = self.of(rule);
            let (mut again, mut new) = (0, Vec::new());
            for hash in hashes {
                if seen.contains(&hash) {
                    again += 1;
                } else if seen.len() < MOST_UNIQUE {
                    // What is not remembered is not stored either: both have one bound.
                    seen.insert(hash);
                    new.push(hash);
                }
            }
            judged.tally(rule).failed += again;
            all_new.push((rule, new));
        }
        all_new
    }

    fn of(&mut self, rule: usize) -> &mut FxHashSet<u64> {
        if self.0.len() <= rule {
            self.0.resize_with(rule + 1, FxHashSet::default);
        }
        &mut self.0[rule]
    }
}

impl Expectations {
    /// The rules over values and rows; tallies go by their place.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Holds raw rows against the rules over them; gives what is to be set apart: place and rule.
    pub fn judge_raw(&self, rows: &RecordBatch, conditions: &RawConditions, judged: &mut Judged) -> Vec<(usize, usize)> {
        let mut failed = vec![None; rows.num_rows()];
        for (place, rule) in self.rules.iter().enumerate().filter(|(_, rule)| rule.target.is_none()) {
            let condition = conditions.0.get(place).and_then(Option::as_ref);
            let values = rule.field.as_ref().and_then(|field| rows.column_by_name(field)).map(Values::of);
            rule.judge(place, values, condition.map(|condition| condition.holds(rows)), (judged, &mut failed));
        }
        failed.into_iter().enumerate().filter_map(|(row, rule)| Some((row, rule?))).collect()
    }

    /// Counts facts that were older than the source's `freshness` when they came in.
    fn see_delay(&self, table: &'static Table, rows: &RecordBatch, judged: &mut Judged) {
        let bounds = self.of_batch.iter().filter_map(|one| match one.test {
            BatchTest::Freshness(seconds) => Some(seconds),
            BatchTest::RowCount(_) => None,
        });
        let Some(most) = bounds.min() else { return };
        let instants = |name: &str| Some(rows.column_by_name(name)?.as_primitive_opt::<TimestampMicrosecondType>()?.clone());
        let (Some(at), Some(received)) = (instants(time_of(table.name)), instants("received_at")) else { return };
        let tally = judged.timely.entry(table.name).or_default();
        for delay in at.iter().zip(&received).filter_map(|(at, received)| Some(received? - at?)) {
            tally.checked += 1;
            tally.failed += u64::from(delay / 1_000_000 > most);
        }
    }

    /// Holds facts of `table` against the rules over them; those that shall not be stored leave `typed` as failures.
    pub fn judge_facts(&self, table: &'static Table, typed: &mut Typed, judged: &mut Judged) {
        self.see_delay(table, &typed.rows, judged);
        let rules = || self.rules.iter().enumerate().filter(|(_, rule)| rule.target.is_some_and(|of| of.name == table.name));
        if rules().next().is_none() {
            return;
        }
        let rows = &typed.rows;
        let mut failed = vec![None; rows.num_rows()];
        let numbered = compile::numbered(rows);
        for (place, rule) in rules() {
            let values = rule.field.as_ref().and_then(|field| Values::of_fact(rows, field));
            let holds = match &rule.test {
                Test::Facts(condition) => Some(condition.holds(&numbered)),
                _ => None,
            };
            rule.judge(place, values, holds, (judged, &mut failed));
        }
        self.set_apart(typed, &failed);
    }

    fn set_apart(&self, typed: &mut Typed, failed: &[Option<usize>]) {
        if failed.iter().all(Option::is_none) {
            return;
        }
        let numbers =
            typed.rows.column_by_name("row_no").expect("every fact of a source has its row").as_primitive::<Int64Type>();
        for (at, rule) in failed.iter().enumerate().filter_map(|(at, rule)| Some((at, (*rule)?))) {
            typed.failures.push(Failure { row_no: numbers.value(at), reason: REASON, detail: self.detail(rule) });
        }
        typed.failures.sort_by_key(|failure| failure.row_no);
        let keep: BooleanArray = failed.iter().map(|rule| Some(rule.is_none())).collect();
        typed.rows = filter_record_batch(&typed.rows, &keep).expect("the mask has a value per row");
        let mut kept = failed.iter().map(Option::is_none);
        typed.content.retain(|_| kept.next().unwrap_or(true));
    }

    /// What quarantine says of a row or fact that failed the rule at `place`.
    pub fn detail(&self, place: usize) -> String {
        let rule = &self.rules[place];
        match &rule.field {
            Some(field) => format!("expectation `{}`: {field} {}", rule.name, rule.failure),
            None => format!("expectation `{}`: {}", rule.name, rule.failure),
        }
    }
}

impl Rule {
    /// What an alarm says of it: "email is missing".
    pub fn failure(&self) -> String {
        self.field.as_ref().map_or_else(|| self.failure.clone(), |field| format!("{field} {}", self.failure))
    }

    /// Tallies the rule and notes the rows that it sends to quarantine, unless another rule did before.
    fn judge(
        &self,
        place: usize,
        values: Option<Values>,
        holds: Option<BooleanArray>,
        (judged, failed): (&mut Judged, &mut [Option<usize>]),
    ) {
        let passes = match (&self.test, values, holds) {
            (Test::Unique, Some(values), _) => {
                let mut hashes = Vec::with_capacity(values.rows());
                values.each(|_, value| hashes.push(xxh3_64(value.text().as_bytes())));
                judged.tally(place).checked += hashes.len() as u64;
                judged.hashes.push((place, hashes));
                return;
            }
            (Test::Facts(_) | Test::Raw(_), _, Some(holds)) => {
                (0..holds.len()).map(|row| holds.is_null(row) || holds.value(row)).collect()
            }
            (_, Some(values), _) => self.passes(&values),
            // The column is not there: nothing was looked at.
            _ => return,
        };
        let tally = judged.tally(place);
        tally.checked += passes.len() as u64;
        for (row, _) in passes.iter().enumerate().filter(|(_, passes)| !**passes) {
            tally.failed += 1;
            if self.severity == OnFailure::Quarantine {
                failed[row].get_or_insert(place);
            }
        }
    }

    /// Whether each row passes.
    fn passes(&self, values: &Values) -> Vec<bool> {
        if matches!(self.test, Test::NotNull) {
            let mut passes = vec![false; values.rows()];
            values.each(|row, _| passes[row] = true);
            return passes;
        }
        let mut passes = vec![true; values.rows()];
        values.each(|row, value| passes[row] &= self.test.accepts(value));
        passes
    }
}

impl Test {
    fn accepts(&self, value: Value) -> bool {
        match self {
            Self::Range(Bounds { min, max }) => {
                value.number().is_some_and(|number| min.is_none_or(|min| number >= min) && max.is_none_or(|max| number <= max))
            }
            Self::Pattern(pattern) => pattern.is_match(&value.text()),
            Self::Allowed(texts, numbers) => {
                texts.contains(&*value.text())
                    || (!numbers.is_empty() && value.number().is_some_and(|number| numbers.contains(&number)))
            }
            Self::Reference(keys) => keys.contains(&*value.text()),
            Self::NotNull | Self::Unique | Self::Facts(_) | Self::Raw(_) => true,
        }
    }
}
