//! `clew run`: the steps in order, each only as far as something changed, each noted in `runs`.
//!
//! A step is skipped when its last finished row in `runs` names the same input versions and the same definitions. That
//! one rule makes runs incremental and resumable: after a kill, the steps that had finished are up to date and the next
//! run goes on with the first that is not. A step commits its tables one by one; repeating it gives the same tables.
//!
//! Person-local steps further narrow down to buckets ([`crate::touched`]); population steps rerun whole.

use std::collections::BTreeMap;
use std::time::Instant;

use arrow::array::{Float64Array, Int64Array, StringArray};
use arrow::error::ArrowError;
use clew_lake::{Lake, SealError, StorageError, WriteError, Written};
use datafusion::error::DataFusionError;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::columns::{Columns, TableRows, times};
use crate::definitions::Definitions;
use crate::online;
use crate::steps;

/// The steps, in the order in which they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Who is who.
    Identity,
    /// Attributes over time, one profile a person.
    Profiles,
    /// Steps, journeys, transitions, stages.
    Journeys,
    /// Scores by metric, slice and period.
    Metrics,
    /// Comments, sentiment, themes.
    Voice,
    /// What moves the scores.
    Drivers,
}

impl Step {
    /// Every step, in order.
    pub const ALL: [Self; 6] = [Self::Identity, Self::Profiles, Self::Journeys, Self::Metrics, Self::Voice, Self::Drivers];

    /// Its name in `runs` and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Profiles => "profiles",
            Self::Journeys => "journeys",
            Self::Metrics => "metrics",
            Self::Voice => "voice",
            Self::Drivers => "drivers",
        }
    }

    /// The step called `name`.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.name() == name)
    }

    /// The tables whose change makes it run again. The mapping of subjects to people is a function of the facts and of
    /// `person_changes`, so that a rewritten but equal `subjects` table does not set off everything behind it.
    const fn inputs(self) -> &'static [&'static str] {
        match self {
            Self::Identity => &["events", "responses", "records", "decisions"],
            Self::Profiles => &["events", "responses", "records", "person_changes"],
            Self::Journeys => &["events", "person_changes"],
            Self::Metrics => &["responses", "records", "person_changes"],
            Self::Voice => &["events", "responses", "person_changes"],
            Self::Drivers => &["events", "responses", "records", "person_changes", "comments"],
        }
    }
}

/// What to run.
#[derive(Clone, Copy, Debug, Default)]
pub struct RunOptions {
    /// Only this step, on the tables as they are.
    pub only: Option<Step>,
    /// Everything anew, whatever has changed.
    pub full: bool,
}

/// Hears how a run goes on.
pub trait Progress: Send + Sync {
    /// `step` begins.
    fn started(&self, step: Step);
    /// A step has ended.
    fn finished(&self, report: &StepReport);
}

/// Nobody listens.
impl Progress for () {
    fn started(&self, _: Step) {}
    fn finished(&self, _: &StepReport) {}
}

/// How much of a step was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// All of it.
    Full,
    /// Only the buckets of touched people.
    Incremental,
    /// Nothing had changed.
    Unchanged,
}

impl Mode {
    const fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Incremental => "incremental",
            Self::Unchanged => "unchanged",
        }
    }
}

/// What a step did.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StepReport {
    /// The step.
    pub step: Step,
    /// How much of it.
    pub mode: Mode,
    /// Rows written, all its tables together.
    pub rows: u64,
    /// Wall time.
    pub seconds: f64,
    /// In words.
    pub detail: String,
}

/// What a run did.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunReport {
    /// The run.
    pub run_id: String,
    /// Its steps.
    pub steps: Vec<StepReport>,
    /// Wall time.
    pub seconds: f64,
}

/// Why a run stopped. Steps that had finished stay; the next run goes on after them.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The lake could not read.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The lake could not write.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The log could not be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A query failed.
    #[error("a query of the pipeline failed: {0}")]
    Query(#[from] DataFusionError),
    /// Columns did not fit.
    #[error("the pipeline's columns do not fit: {0}")]
    Columns(#[from] ArrowError),
    /// A definition of the project cannot be used; `clew check` says more.
    #[error("{file}: {problem}")]
    Definition {
        /// The project file.
        file: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// A decision that cannot be read.
    #[error("decision {id}: a decision `{kind}` does not go with {found} subjects")]
    Decision {
        /// Its id.
        id: String,
        /// Its kind.
        kind: String,
        /// Subjects that it names.
        found: usize,
    },
    /// A person id in `person_changes` that is none.
    #[error(transparent)]
    PersonId(#[from] clew_identity::persons::NotAPersonId),
    /// A time that no calendar holds.
    #[error("a time is out of the calendar's range: {0}")]
    Time(#[from] jiff::Error),
}

/// What a step works with.
#[derive(Debug)]
pub struct StepContext<'a> {
    /// Where it reads and writes.
    pub lake: &'a Lake,
    /// What the project says.
    pub definitions: &'a Definitions,
    /// The time of the run, microseconds.
    pub now_us: i64,
    /// What the step's last finished run saw; `None` asks for everything.
    pub since: Option<InputVersions>,
    /// Stands for what this run sees: its input versions and definitions.
    pub inputs: i64,
}

/// What a step did, before it is timed.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Rows written.
    pub rows: u64,
    /// Delta version of each table written.
    pub versions: BTreeMap<String, i64>,
    /// Whether only some buckets were done.
    pub incremental: bool,
    /// In words.
    pub detail: String,
}

impl Outcome {
    /// Notes that `table` was written.
    pub fn wrote(&mut self, table: &str, written: Written) {
        self.rows += written.rows;
        self.versions.insert(table.to_owned(), written.version);
    }
}

/// Table → version, and under `definitions` the hash of what the project says.
pub type InputVersions = BTreeMap<String, i64>;

/// Runs the pipeline.
pub async fn run(
    lake: &Lake,
    definitions: &Definitions,
    options: RunOptions,
    progress: &dyn Progress,
) -> Result<RunReport, RunError> {
    let started = Instant::now();
    lake.seal().await?;
    let now_us = lake.now().micros();
    let run_id = format!("r_{}", clew_model::id::Base32::of(now_us as u64));
    let former = finished_steps(lake).await?;
    let mut reports = Vec::new();
    for step in Step::ALL.into_iter().filter(|&step| options.only.is_none_or(|only| only == step)) {
        let versions = input_versions(lake, definitions, step).await?;
        let last = former.get(step.name()).filter(|_| !options.full);
        let inputs = tag(&versions);
        // A crash between the step's tables and the index of the write path leaves the latter behind.
        let stale = step == Step::Identity && online::is_stale(lake, inputs)?;
        if last == Some(&versions) && !stale {
            let report = StepReport { step, mode: Mode::Unchanged, rows: 0, seconds: 0.0, detail: String::new() };
            progress.finished(&report);
            reports.push(report);
            continue;
        }
        progress.started(step);
        let context =
            StepContext { lake, definitions, now_us, since: last.filter(|last| narrows(last, &versions)).cloned(), inputs };
        let begun = Instant::now();
        let result = steps::run(step, &context).await;
        let mode = match &result {
            Ok(outcome) if !outcome.incremental => Mode::Full,
            Err(_) if context.since.is_none() => Mode::Full,
            _ => Mode::Incremental,
        };
        let seconds = begun.elapsed().as_secs_f64();
        let outcome = match result {
            Ok(outcome) => outcome,
            Err(error) => {
                let report = StepReport { step, mode, rows: 0, seconds, detail: error.to_string() };
                let row =
                    Row { run_id: &run_id, report: &report, inputs: &versions, outputs: &BTreeMap::new(), status: "failed" };
                // The step's own error tells more than that its row could not be written either.
                let _ = note(lake, &row, now_us).await;
                return Err(error);
            }
        };
        let report = StepReport { step, mode, rows: outcome.rows, seconds, detail: outcome.detail };
        let row = Row { run_id: &run_id, report: &report, inputs: &versions, outputs: &outcome.versions, status: "done" };
        note(lake, &row, now_us).await?;
        progress.finished(&report);
        reports.push(report);
    }
    Ok(RunReport { run_id, steps: reports, seconds: started.elapsed().as_secs_f64() })
}

/// A number that stands for `versions`.
fn tag(versions: &InputVersions) -> i64 {
    let text: String = versions.iter().map(|(name, version)| format!("{name}={version};")).collect();
    xxh3_64(text.as_bytes()).cast_signed()
}

/// An incremental run needs the definitions to be as they were.
fn narrows(last: &InputVersions, now: &InputVersions) -> bool {
    last.get("definitions") == now.get("definitions")
}

async fn input_versions(lake: &Lake, definitions: &Definitions, step: Step) -> Result<InputVersions, RunError> {
    let mut versions = BTreeMap::new();
    for table in step.inputs() {
        versions.insert((*table).to_owned(), lake.version(table).await?.unwrap_or(-1));
    }
    versions.insert("definitions".to_owned(), xxh3_64(definitions.text_of(step).as_bytes()) as i64);
    Ok(versions)
}

/// Input versions of each step's last finished run.
async fn finished_steps(lake: &Lake) -> Result<BTreeMap<String, InputVersions>, RunError> {
    let sql = "SELECT step, input_versions FROM runs WHERE status = 'done' AND mode <> 'unchanged' ORDER BY started_at";
    let mut last = BTreeMap::new();
    for batch in lake.session().sql(sql).await?.collect().await? {
        let (step, versions) = (Columns(&batch).text("step")?, Columns(&batch).text("input_versions")?);
        for (step, versions) in step.iter().zip(versions.iter()) {
            let versions = versions.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
            last.insert(step.unwrap_or_default().to_owned(), versions);
        }
    }
    Ok(last)
}

/// A row of `runs`.
struct Row<'a> {
    run_id: &'a str,
    report: &'a StepReport,
    inputs: &'a InputVersions,
    outputs: &'a BTreeMap<String, i64>,
    status: &'static str,
}

async fn note(lake: &Lake, row: &Row<'_>, now_us: i64) -> Result<(), RunError> {
    let Row { run_id, report, inputs, outputs, status } = *row;
    let json = |versions: &BTreeMap<String, i64>| serde_json::to_string(versions).expect("a map of integers is JSON");
    let one = |text: &str| StringArray::from_iter_values([text.to_owned()]);
    let row = TableRows::of("runs", 1)
        .with("run_id", one(run_id))
        .with("step", one(report.step.name()))
        .with("mode", one(report.mode.name()))
        .with("input_versions", one(&json(inputs)))
        .with("output_versions", one(&json(outputs)))
        .with("rows", Int64Array::from_iter_values([report.rows as i64]))
        .with("seconds", Float64Array::from_iter_values([report.seconds]))
        .with("started_at", times([Some(now_us)]))
        .with("status", one(status))
        .with("detail", one(&report.detail))
        .finish()?;
    lake.append_derived("runs", vec![row]).await?;
    Ok(())
}
