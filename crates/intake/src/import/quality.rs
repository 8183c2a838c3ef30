//! What an import tells of its data: profiles on their way into the tables, and alarms when the batch ends.
//!
//! Alarms are made from the tables, so that an import which went on after an interruption tells of the whole batch.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{Array, AsArray};
use arrow::datatypes::Int64Type;
use clew_cleanse::profile::Profile;
use clew_lake::literal::Text;
use clew_lake::{Chunk, Lake, Mode};
use datafusion::error::DataFusionError;

use super::ImportError;
use super::run::{Importer, Run};
use super::workers::COLUMN_MISSING;
use crate::alarm::{self, Alarm, AlarmKind};
use crate::drift::{self, Limits, Over, percent, span};
use crate::expect::{BatchTest, Expectations, NewValues, OnFailure, Rule, TIMELY, Tally, Uniques, in_words};
use crate::observe::{FieldKey, Observed};
use crate::typing::convert::text;

/// Microseconds of a second.
const MICROS: i64 = 1_000_000;
/// Chunks whose profiles are gathered before they are written.
const GATHERED: usize = 16;

/// Gathers what goes beyond one chunk.
#[derive(Default)]
pub struct Quality {
    uniques: Uniques,
    profiles: Observed,
    gathered: usize,
}

impl Quality {
    /// Goes on behind what `unique` has seen before.
    pub fn behind(uniques: Uniques) -> Self {
        Self { uniques, ..Self::default() }
    }

    /// Counts repeated values of the next chunk; gives the new ones by rule, and the profiles that are due with it: not those of every file,
    /// since a bucket has a hundred thousand small ones.
    pub fn gather(&mut self, observed: &mut Observed) -> (NewValues, BTreeMap<FieldKey, Profile>) {
        let new = self.uniques.count(&mut observed.judged);
        self.profiles.add_profiles(std::mem::take(&mut observed.profiles));
        self.gathered += 1;
        (new, if self.gathered < GATHERED { BTreeMap::new() } else { self.rest() })
    }

    /// The profiles that are not written yet.
    pub fn rest(&mut self) -> BTreeMap<FieldKey, Profile> {
        self.gathered = 0;
        std::mem::take(&mut self.profiles.profiles)
    }
}

impl Importer<'_> {
    /// Writes the alarms of a batch that has come to its end, and gives them.
    pub(super) async fn tell(&self, run: &mut Run<'_>) -> Result<Vec<Alarm>, ImportError> {
        self.write_profiles(run).await?;
        let (source, batch, expectations) = (&run.source.name, run.batch.id.clone(), &run.expectations);
        let mut alarms = Vec::new();
        let mut gone = BTreeSet::new();
        for failed in failed_checks(self.lake, source, batch.as_str()).await? {
            if failed.rule == COLUMN_MISSING {
                let column = failed.field.unwrap_or_default();
                alarms.push(column_missing(&column, failed.tally.failed, run.renamed.get(&column).cloned().flatten().as_deref()));
                gone.insert(column);
            } else {
                alarms.push(expectation(expectations, &failed));
            }
        }
        let rows = run.files.iter().map(|file| file.report.rows.read).sum();
        let targets: Vec<&str> = run.source.mappings.iter().map(|mapping| mapping.target.name).collect();
        let asks_age = expectations.of_batch.iter().any(|one| matches!(one.test, BatchTest::Freshness(_)));
        let newest = if asks_age { drift::newest_fact(self.lake, source, &targets).await? } else { None };
        alarms.extend(batch_tests(expectations, rows, newest.map(|newest| (self.lake.now().micros() - newest) / MICROS)));
        if run.source.spec.drift.is_enabled() {
            let limits = Limits::of(&run.source.spec.drift);
            let windows = drift::batches(self.lake, source, batch.as_str()).await?;
            if let Some(now) = &windows.now {
                alarms.extend(drift::compare(&windows.before, now, &limits, &gone));
                alarms.extend(drift::volume(&windows.volumes, now.day, Over::NotYet, &limits));
            }
        }
        alarms.extend(run.widened.iter().cloned());
        let carrier = Chunk::new(source, batch.clone(), run.chunk, Mode::Append);
        if alarm::write(self.lake, carrier, batch.as_str(), &alarms).await? {
            run.chunk += 1;
        }
        Ok(alarms)
    }

    /// Writes the profiles that no chunk of the batch took along, before they are compared.
    async fn write_profiles(&self, run: &mut Run<'_>) -> Result<(), ImportError> {
        let profiles = run.quality.rest();
        if profiles.is_empty() {
            return Ok(());
        }
        let mut carrier = Chunk::new(&run.source.name, run.batch.id.clone(), run.chunk, Mode::Append);
        carrier.notes = Observed::default().notes(&run.note_place(), &profiles);
        self.lake.append(carrier).await?;
        run.chunk += 1;
        Ok(())
    }
}

/// A rule that failed in a batch.
#[derive(Debug)]
pub struct FailedCheck {
    /// The rule.
    pub rule: String,
    /// Its table.
    pub target: Option<String>,
    /// Its field.
    pub field: Option<String>,
    /// What became of the rows.
    pub severity: OnFailure,
    /// How often.
    pub tally: Tally,
}

/// The rules that failed in a batch.
async fn failed_checks(lake: &Lake, source: &str, batch: &str) -> Result<Vec<FailedCheck>, DataFusionError> {
    let sql = format!(
        "SELECT rule, target, field, severity, sum(checked), sum(failed) FROM checks WHERE source = {} AND batch = {} AND rule <> '{TIMELY}' \
         GROUP BY rule, target, field, severity HAVING sum(failed) > 0 ORDER BY rule, target, field",
        Text(source),
        Text(batch)
    );
    let mut failed = Vec::new();
    for batch in lake.session().sql(&sql).await?.collect().await? {
        let words: Vec<_> = (0..4).map(|at| text(batch.column(at))).collect();
        let word = |at: usize, row: usize| words[at].is_valid(row).then(|| words[at].value(row).to_owned());
        let number = |at: usize, row: usize| batch.column(at).as_primitive::<Int64Type>().value(row).max(0) as u64;
        failed.extend((0..batch.num_rows()).map(|row| FailedCheck {
            rule: word(0, row).unwrap_or_default(),
            target: word(1, row),
            field: word(2, row),
            severity: if words[3].value(row) == "quarantine" { OnFailure::Quarantine } else { OnFailure::Warn },
            tally: Tally { checked: number(4, row), failed: number(5, row) },
        }));
    }
    Ok(failed)
}

/// The alarm of a rule that failed.
pub fn expectation(expectations: &Expectations, failed: &FailedCheck) -> Alarm {
    let Tally { checked, failed: n } = failed.tally;
    let share = n as f64 / checked.max(1) as f64;
    let rule = expectations.rules().iter().find(|rule| rule.name == failed.rule);
    let failure = rule.map_or_else(|| "it does not hold".to_owned(), Rule::failure);
    let of = failed.target.as_deref().map_or("rows", |_| "facts");
    let (what, remedy) = match failed.severity {
        OnFailure::Warn => ("they are stored", "correct the source or the mapping, or the expectation"),
        OnFailure::Quarantine => ("they are in quarantine", "correct the source or the mapping, then replay them"),
    };
    Alarm {
        kind: AlarmKind::Expectation,
        rule: failed.rule.clone(),
        target: failed.target.clone(),
        field: failed.field.clone(),
        severity: failed.severity,
        n,
        share: Some(share),
        before: None,
        after: None,
        detail: format!("{failure}: {n} of {checked} {of} ({}), {what}", percent(share)),
        remedy: remedy.to_owned(),
    }
}

/// The alarm of a column that a source had before.
pub fn column_missing(column: &str, rows: u64, renamed: Option<&str>) -> Alarm {
    let remedy = match renamed {
        Some(renamed) => format!("if it is called {renamed} now, write that in the mapping, then replay the rows"),
        None => "correct the source, or the mapping, then replay the rows".to_owned(),
    };
    Alarm {
        kind: AlarmKind::Drift,
        rule: COLUMN_MISSING.to_owned(),
        target: None,
        field: Some(column.to_owned()),
        severity: OnFailure::Quarantine,
        n: rows,
        share: None,
        before: None,
        after: None,
        detail: format!(
            "the column {column}, which the mapping reads and earlier imports had, is missing: {rows} rows are in quarantine"
        ),
        remedy,
    }
}

/// What is asked of a batch as a whole and does not hold; `rows` were read, the newest fact is `age` seconds old.
pub fn batch_tests(expectations: &Expectations, rows: u64, age: Option<i64>) -> Vec<Alarm> {
    let mut alarms = Vec::new();
    for one in &expectations.of_batch {
        let (n, after, detail) = match one.test {
            BatchTest::RowCount(bounds) => {
                let is_within =
                    bounds.min.is_none_or(|min| rows as f64 >= min) && bounds.max.is_none_or(|max| rows as f64 <= max);
                if is_within {
                    continue;
                }
                (rows, rows as f64, format!("{rows} rows, which is not a number {}", in_words(bounds)))
            }
            BatchTest::Freshness(bound) => {
                let Some(age) = age.filter(|age| *age > bound) else { continue };
                (0, age as f64, format!("the newest fact is {} old, more than {}", span(age as f64), span(bound as f64)))
            }
        };
        alarms.push(Alarm {
            kind: AlarmKind::Expectation,
            rule: one.name.clone(),
            target: None,
            field: None,
            severity: OnFailure::Warn,
            n,
            share: None,
            before: None,
            after: Some(after),
            detail,
            remedy: "see whether the source delivers everything, or correct the expectation".to_owned(),
        });
    }
    alarms
}
