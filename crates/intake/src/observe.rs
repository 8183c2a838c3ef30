//! What fields look like while rows go by: exact counts of every value, profiles of a sample.
//!
//! Counting costs a look at each column's null count; of facts, typing has counted on its way. A profile costs about a microsecond a value, so only some rows are profiled, evenly spread: of a
//! file up to [`FIRST_ROWS`] in the first block and [`LATER_ROWS`] in each later one; of a live source [`LIVE_ROWS_PER_HOUR`], spread
//! by a bucket that fills with time. Equal values of a sample are profiled once and counted (a dictionary per column). Both are
//! bounds on rows, not on values: `examples/quality_cost.rs` measures what they cost a row.
//!
//! Counts are stored with the chunk that they describe, in the same atomic step; profiles gather in memory and go with a chunk every so
//! often, so that a crash may lose the profile of a sample, and never a count.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::{DataType, Schema, TimestampMicrosecondType};
use clew_cleanse::profile::Profile;
use clew_lake::schema;
use clew_model::tables::{ColumnType, Table};
use rustc_hash::FxHashMap;
use serde_json::value::RawValue;

use crate::expect::{Expectations, Judged, OnFailure, Rule, TIMELY, Tally, time_of};
use crate::import::COLUMN_MISSING;
use crate::reader::ROW;
use crate::typing::{self, Typed, convert};

/// Rows of a file's first block that are profiled, at most.
pub const FIRST_ROWS: usize = 4_096;
/// Rows of a later block that are profiled, at most.
pub const LATER_ROWS: usize = 512;
/// Rows of a live source that are profiled in an hour.
pub const LIVE_ROWS_PER_HOUR: usize = 20_000;
/// Rows of a live source that may be profiled at once.
pub const LIVE_BURST: usize = 2_000;
/// Fields of a chunk that are counted: a source with more has the others uncounted.
const MOST_FIELDS: usize = 1_024;

/// Bytes of a key of JSON that is watched.
const LONGEST_KEY: usize = 64;
/// Keys that the tracking API adds to what it was sent.
const ADDED_KEYS: &[&str] = &["context", "_context"];

/// Columns of facts that say nothing about the source's data.
const OWN: &[&str] = &[
    "source",
    "population",
    "subject",
    "content",
    "identifiers",
    "received_at",
    "quality",
    "file",
    "row_no",
    "raw",
    "derived",
    "deleted",
];

/// Which rows are profiled.
#[derive(Clone, Debug)]
pub enum Sampling {
    /// Those of a file.
    File,
    /// Those of a live source, as long as its bucket has any.
    Live(Arc<Bucket>),
    /// None: they were looked at when they came first.
    Again,
}

impl Sampling {
    /// Places among `n` rows whose first has the number `first_row`.
    pub fn of(&self, first_row: i64, n: usize, at: i64) -> Vec<u32> {
        let most = match self {
            Self::File if first_row == 1 => FIRST_ROWS,
            Self::File => LATER_ROWS,
            Self::Live(bucket) => bucket.draw(n, at),
            Self::Again => 0,
        };
        if most == 0 {
            return Vec::new();
        }
        // Odd steps do not fall in with rows that take turns.
        let step = n.div_ceil(most) | 1;
        (0..n as u32).step_by(step).collect()
    }
}

/// Rows that may still be profiled; fills with time.
#[derive(Debug)]
pub struct Bucket(Mutex<(i64, f64)>);

impl Default for Bucket {
    fn default() -> Self {
        Self(Mutex::new((0, LIVE_BURST as f64)))
    }
}

impl Bucket {
    /// Draws up to `n` rows at the instant `at` (microseconds).
    fn draw(&self, n: usize, at: i64) -> usize {
        let mut held = self.0.lock().expect("no holder panics");
        let hours = (at - held.0).max(0) as f64 / 3.6e9;
        held.1 = (held.1 + hours * LIVE_ROWS_PER_HOUR as f64).min(LIVE_BURST as f64);
        held.0 = at;
        let drawn = (held.1 as usize).min(n);
        held.1 -= drawn as f64;
        drawn
    }
}

/// A field: its table (none: raw rows) and its name.
pub type FieldKey = (Option<&'static str>, String);

/// What is counted of every value of a field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FieldCounts {
    /// Values, missing ones included.
    pub n: u64,
    /// Missing ones.
    pub nulls: u64,
    /// Refused or flagged ones.
    pub invalid: u64,
    /// Repaired ones.
    pub changed: u64,
}

impl FieldCounts {
    /// Of a column that is stored as it came.
    fn of(column: &ArrayRef) -> Self {
        Self { n: column.len() as u64, nulls: column.logical_null_count() as u64, ..Self::default() }
    }

    fn add(&mut self, other: Self) {
        self.n += other.n;
        self.nulls += other.nulls;
        self.invalid += other.invalid;
        self.changed += other.changed;
    }
}

/// What was seen of the rows of a chunk.
#[derive(Debug, Default)]
pub struct Observed {
    /// By field.
    pub fields: BTreeMap<FieldKey, FieldCounts>,
    /// Profiles of the sampled rows by field.
    pub profiles: BTreeMap<FieldKey, Profile>,
    /// What expectations found.
    pub judged: Judged,
    /// Columns that the mapping reads, that earlier imports had, and that these rows lack, with the rows concerned.
    pub missing: BTreeMap<String, u64>,
}

impl Observed {
    /// Adds what was seen of further rows.
    pub fn extend(&mut self, other: Self) {
        for (key, counts) in other.fields {
            self.fields.entry(key).or_default().add(counts);
        }
        self.add_profiles(other.profiles);
        self.judged.extend(other.judged);
        for (column, rows) in other.missing {
            *self.missing.entry(column).or_insert(0) += rows;
        }
    }

    /// Adds profiles of further rows.
    pub fn add_profiles(&mut self, profiles: BTreeMap<FieldKey, Profile>) {
        for (key, profile) in profiles {
            // Keys of JSON may be values: without a limit they would fill the memory of a live source.
            if key.0.is_none() && self.profiles.len() >= MOST_FIELDS && !self.profiles.contains_key(&key) {
                continue;
            }
            self.profiles.entry(key).and_modify(|known| known.merge(&profile)).or_insert(profile);
        }
    }

    /// Looks at raw rows in the columns of `rows` behind the row number; `all` are the columns that the rows have.
    pub fn see_raw(&mut self, rows: &RecordBatch, all: &Schema, sample: &[u32]) {
        for (field, column) in rows.schema().fields().iter().zip(rows.columns()).filter(|(field, _)| field.name() != ROW) {
            let key = (None, field.name().clone());
            self.count(key.clone(), FieldCounts::of(column));
            self.profile(key, column, sample, None);
        }
        for field in all.fields().iter().filter(|field| rows.column_by_name(field.name()).is_none()).take(MOST_FIELDS) {
            self.fields.entry((None, field.name().clone())).or_default();
        }
    }

    /// Looks at the `fields` of facts; times are profiled as the seconds that they lie before `received_at`. What typing counted of a field is
    /// taken as it is: a value that could not be read is null in the column, and yet was given.
    pub fn see_facts(&mut self, table: &'static Table, typed: &Typed, fields: &[String], (sample, at): (&[u32], i64)) {
        for counted in typed.fields.iter().filter(|counted| !OWN.contains(&&*counted.field)) {
            let typing::FieldCounts { field, n, nulls, invalid, changed } = counted;
            let counts = FieldCounts { n: *n, nulls: *nulls, invalid: *invalid, changed: *changed };
            self.count((Some(table.name), field.to_string()), counts);
        }
        for name in fields.iter().filter(|name| !OWN.contains(&name.as_str())) {
            let Some(column) = typed.rows.column_by_name(name) else { continue };
            let key = (Some(table.name), name.clone());
            if typed.fields.iter().all(|counted| counted.field != *name) {
                self.count(key.clone(), FieldCounts::of(column));
            }
            let received_at = matches!(column.data_type(), DataType::Timestamp(..)).then_some(at);
            self.profile(key, column, sample, received_at);
        }
    }

    /// Looks at the top-level keys of `objects` (JSON), in the sampled rows only: profiles of their values under `<name>.<key>`, and of how many
    /// objects were looked at under `<name>.` alone.
    pub fn see_keys(&mut self, name: &str, objects: &StringArray, sample: &[u32]) {
        let looked: Vec<&str> = sample
            .iter()
            .map(|row| *row as usize)
            .map(|row| if objects.is_valid(row) { objects.value(row) } else { "{}" })
            .collect();
        if looked.is_empty() {
            return;
        }
        self.profiles.entry((None, format!("{name}."))).or_default().add_times(Some("object"), looked.len() as u64);
        for object in looked {
            let Ok(entries) = serde_json::from_str::<FxHashMap<Cow<'_, str>, &RawValue>>(object) else { continue };
            for (key, value) in entries.iter().filter(|(key, _)| key.len() <= LONGEST_KEY && !ADDED_KEYS.contains(&&***key)) {
                let value = value.get();
                let text = match value.as_bytes().first() {
                    Some(b'n') => continue,
                    Some(b'"') => serde_json::from_str::<Cow<'_, str>>(value).unwrap_or_default(),
                    Some(b'{') => Cow::Borrowed("object"),
                    Some(b'[') => Cow::Borrowed("list"),
                    _ => Cow::Borrowed(value),
                };
                let key = (None, format!("{name}.{key}"));
                if self.profiles.len() < MOST_FIELDS || self.profiles.contains_key(&key) {
                    self.profiles.entry(key).or_default().add_times(Some(&text), 1);
                }
            }
        }
    }

    fn count(&mut self, key: FieldKey, counts: FieldCounts) {
        if self.fields.len() < MOST_FIELDS || self.fields.contains_key(&key) {
            self.fields.entry(key).or_default().add(counts);
        }
    }

    fn profile(&mut self, key: FieldKey, column: &ArrayRef, sample: &[u32], received_at: Option<i64>) {
        if sample.is_empty() || column.data_type().is_nested() || !self.fields.contains_key(&key) {
            return;
        }
        let profile = self.profiles.entry(key).or_default();
        let Ok(sampled) = take(column, &UInt32Array::from(sample.to_vec()), None) else { return };
        profile_of(&as_text(&sampled, received_at), profile);
    }

    /// Rows of `field_quality` and `checks`; profiles go with them where `with_profiles` has some.
    pub fn notes(&self, place: &NotePlace, profiles: &BTreeMap<FieldKey, Profile>) -> Vec<(&'static str, RecordBatch)> {
        let mut notes = Vec::new();
        if !self.fields.is_empty() || !profiles.is_empty() {
            notes.push(("field_quality", self.field_quality(place, profiles)));
        }
        notes.extend(self.checks(place).map(|rows| ("checks", rows)));
        notes
    }

    fn field_quality(&self, place: &NotePlace, profiles: &BTreeMap<FieldKey, Profile>) -> RecordBatch {
        let mut keys: Vec<&FieldKey> = self.fields.keys().collect();
        keys.extend(profiles.keys().filter(|key| !self.fields.contains_key(*key)));
        let count = |of: fn(&FieldCounts) -> u64| -> ArrayRef {
            Arc::new(keys.iter().map(|key| Some(self.fields.get(*key).map_or(0, of) as i64)).collect::<Int64Array>())
        };
        place.rows("field_quality", keys.len(), &|column| match column {
            "target" => Arc::new(keys.iter().map(|(target, _)| *target).collect::<StringArray>()),
            "field" => Arc::new(keys.iter().map(|(_, field)| Some(field.as_str())).collect::<StringArray>()),
            "n" => count(|counts| counts.n),
            "nulls" => count(|counts| counts.nulls),
            "invalid" => count(|counts| counts.invalid),
            "changed" => count(|counts| counts.changed),
            "profile" => Arc::new(keys.iter().map(|key| profiles.get(*key).map(Profile::to_json)).collect::<StringArray>()),
            other => unreachable!("field_quality has no column {other}"),
        })
    }

    fn checks(&self, place: &NotePlace) -> Option<RecordBatch> {
        let rules = place.expectations.rules().iter().zip(&self.judged.tallies).filter(|(_, tally)| tally.checked > 0);
        let mut checks: Vec<Check> = rules.map(|(rule, tally)| Check::of(rule, *tally)).collect();
        checks.extend(
            self.judged.timely.iter().filter(|(_, tally)| tally.checked > 0).map(|(table, tally)| Check::timely(table, *tally)),
        );
        checks.extend(self.missing.iter().map(|(column, rows)| Check::missing(column, *rows)));
        if checks.is_empty() {
            return None;
        }
        let text = |of: for<'c> fn(&'c Check<'c>) -> Option<&'c str>| -> ArrayRef {
            Arc::new(checks.iter().map(of).collect::<StringArray>())
        };
        let count = |of: fn(&Check) -> u64| -> ArrayRef {
            Arc::new(checks.iter().map(|check| Some(of(check) as i64)).collect::<Int64Array>())
        };
        Some(place.rows("checks", checks.len(), &|column| match column {
            "rule" => text(|check| Some(check.rule)),
            "target" => text(|check| check.target),
            "field" => text(|check| check.field),
            "severity" => text(|check| Some(check.severity.as_str())),
            "checked" => count(|check| check.tally.checked),
            "failed" => count(|check| check.tally.failed),
            other => unreachable!("checks has no column {other}"),
        }))
    }
}

/// A row of `checks`.
struct Check<'a> {
    rule: &'a str,
    target: Option<&'static str>,
    field: Option<&'a str>,
    severity: OnFailure,
    tally: Tally,
}

impl<'a> Check<'a> {
    fn of(rule: &'a Rule, tally: Tally) -> Self {
        let (target, field) = (rule.target.map(|table| table.name), rule.field.as_deref());
        Self { rule: &rule.name, target, field, severity: rule.severity, tally }
    }

    /// How many facts came within the source's `freshness`.
    fn timely(table: &'static str, tally: Tally) -> Self {
        Self { rule: TIMELY, target: Some(table), field: Some(time_of(table)), severity: OnFailure::Warn, tally }
    }

    /// That a column is there is expected of every source.
    fn missing(column: &'a str, rows: u64) -> Self {
        let tally = Tally { checked: rows, failed: rows };
        Self { rule: COLUMN_MISSING, target: None, field: Some(column), severity: OnFailure::Quarantine, tally }
    }
}

/// What the notes of a chunk have in common.
#[derive(Clone, Copy)]
pub struct NotePlace<'a> {
    /// Source.
    pub source: &'a str,
    /// Batch.
    pub batch: &'a str,
    /// Chunk.
    pub chunk: i64,
    /// Microseconds, UTC.
    pub at: i64,
    /// The expectations that tallies refer to.
    pub expectations: &'a Expectations,
}

impl NotePlace<'_> {
    /// `n` rows of `table`: `column` gives the columns that rows do not have in common.
    pub fn rows(&self, table: &str, n: usize, column: &dyn Fn(&str) -> ArrayRef) -> RecordBatch {
        let schema = schema(table).expect("the model has this table");
        let same = |text: &str| -> ArrayRef { Arc::new(std::iter::repeat_n(Some(text), n).collect::<StringArray>()) };
        let columns = schema.fields().iter().map(|field| match field.name().as_str() {
            "source" => same(self.source),
            "batch" => same(self.batch),
            "chunk" => Arc::new(Int64Array::from(vec![self.chunk; n])),
            "at" => Arc::new(TimestampMicrosecondArray::from_value(self.at, n).with_timezone("UTC")),
            name => column(name),
        });
        let columns = columns.collect();
        RecordBatch::try_new(schema, columns).expect("every column has its type and a value per row")
    }
}

/// Every so-manieth of `n` facts, as many as rows are sampled.
pub fn sample_of_facts(of_rows: usize, n: usize) -> Vec<u32> {
    if of_rows == 0 || n == 0 {
        return Vec::new();
    }
    (0..n as u32).step_by(n.div_ceil(of_rows) | 1).collect()
}

fn as_text(column: &ArrayRef, received_at: Option<i64>) -> StringArray {
    let Some(at) = received_at else { return convert::text(column) };
    let Some(instants) = column.as_primitive_opt::<TimestampMicrosecondType>() else { return convert::text(column) };
    instants.iter().map(|instant| instant.map(|instant| ((at - instant) / 1_000_000).to_string())).collect()
}

/// Counts each different value once with its number.
fn profile_of(values: &StringArray, profile: &mut Profile) {
    let mut counts: FxHashMap<&str, u64> = FxHashMap::default();
    let mut order: Vec<&str> = Vec::new();
    for value in values.iter().flatten() {
        *counts.entry(value).or_insert_with(|| {
            order.push(value);
            0
        }) += 1;
    }
    profile.add_times(None, values.null_count() as u64);
    // In the order of their first: the sketch of commonest values depends on it.
    order.into_iter().for_each(|value| profile.add_times(Some(value), counts[value]));
}

/// Whether the profile of `field` is one of ages.
pub fn is_time(target: Option<&str>, field: &str) -> bool {
    let column = target.and_then(Table::find).and_then(|table| table.column(field));
    column.is_some_and(|column| column.kind == ColumnType::Timestamp)
}
