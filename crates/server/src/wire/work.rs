//! Data, runs, jobs, SQL and search.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{LiveCounts, Repair, SourceHealth, StreamState, VolumePoint};

/// Is what comes in complete and clean?
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DataPage {
    /// By name.
    pub sources: Vec<Source>,
    /// The newest run.
    pub last_run: Option<RunSummary>,
    /// When the schedule will look next.
    pub next_run_at: Option<String>,
    /// Facts first.
    pub tables: Vec<TableSize>,
    /// The time by which lateness of sources that are read is judged: now, or the newest of their facts where all are long ago; null: none has facts.
    pub as_of: Option<String>,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TableSize {
    /// Its name.
    pub table: String,
    /// fact or derived.
    pub kind: String,
    /// Rows.
    pub rows: u64,
    /// Delta version; null: not written yet.
    pub version: Option<i64>,
}

/// A source of the project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Source {
    /// Its name.
    pub source: String,
    /// append, upsert or snapshot; null where it is a lookup.
    pub mode: Option<String>,
    /// Reference data.
    pub lookup: bool,
    /// Where its rows come from: files, s3, postgres, mysql; tracking or rows over HTTP; nats or kafka; unknown where its file names none, or several.
    pub kind: String,
    /// How it is.
    pub health: SourceHealth,
    /// Facts by local day, the thirty days up to `as_of`, oldest first, without gaps; empty where it has none.
    pub volume: Vec<VolumePoint>,
    /// When its bucket or database is asked next; null: it is being asked, it is sent or followed, its files are watched all the time, or nothing comes in by itself.
    pub expected_at: Option<String>,
    /// What became of its messages since the server started; null where nothing is sent to it over HTTP.
    pub live: Option<LiveCounts>,
    /// How its stream is followed; null where it follows none now.
    pub stream: Option<StreamState>,
    /// Alarms of its newest batch.
    pub open_alarms: u64,
    /// Whether the server takes in what is new by itself: files within seconds, streams at once, buckets and databases on schedule. It says nothing of what is sent over HTTP.
    pub watch: bool,
    /// Population.
    pub population: String,
    /// As declared.
    pub files: Vec<String>,
    /// Last time a chunk came in; null: never imported.
    pub last_import_at: Option<String>,
    /// Newest time of a fact in it; null: none.
    pub newest_fact_at: Option<String>,
    /// The rows equation, sum over all batches.
    pub rows: RowsEquation,
    /// The facts equation, one a target table.
    pub targets: Vec<FactsEquation>,
    /// Open rows of quarantine by reason, n descending.
    pub quarantine: Vec<ReasonCount>,
}

/// read = mapped + skipped + unreadable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RowsEquation {
    /// Rows read.
    pub read: u64,
    /// Rows that gave at least one fact.
    pub mapped: u64,
    /// Rows that the mapping's filter left out.
    pub skipped: u64,
    /// Rows that could not be read.
    pub unreadable: u64,
    /// Whether it holds.
    pub balanced: bool,
}

/// produced = stored + duplicate + quarantined + rejected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FactsEquation {
    /// events, records or responses.
    pub target: String,
    /// Facts made.
    pub produced: u64,
    /// Facts stored.
    pub stored: u64,
    /// Facts already there.
    pub duplicate: u64,
    /// Facts in quarantine.
    pub quarantined: u64,
    /// Facts refused for good.
    pub rejected: u64,
    /// Whether it holds.
    pub balanced: bool,
}

/// Open rows of quarantine for a reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReasonCount {
    /// Stable code.
    pub reason: String,
    /// Rows.
    pub n: u64,
}

/// Quarantined rows, newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Quarantine {
    /// Newest first.
    pub items: Vec<QuarantineItem>,
    /// null: the end.
    pub next_cursor: Option<String>,
    /// Rows that fit the filter.
    pub total: u64,
}

/// A quarantined row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QuarantineItem {
    /// Its id.
    pub quarantine_id: String,
    /// The source.
    pub source: String,
    /// Batch that met it first.
    pub batch: String,
    /// Target table; null for an unreadable row.
    pub target: Option<String>,
    /// File.
    pub file: Option<String>,
    /// Row in that file.
    pub row_no: Option<i64>,
    /// Stable code.
    pub reason: String,
    /// In words.
    pub detail: String,
    /// The raw row.
    pub raw: Option<String>,
    /// When.
    pub at: String,
    /// What its newest repair came to; null: nobody has tried.
    pub repair: Option<Repair>,
}

/// Runs, newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Runs {
    /// Newest first.
    pub runs: Vec<Run>,
}

/// A run at a glance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunSummary {
    /// The run.
    pub run_id: String,
    /// Start.
    pub started_at: String,
    /// Sum over its steps.
    pub seconds: f64,
    /// running, done or failed.
    pub status: String,
}

/// A run with its steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Run {
    /// The run.
    pub run_id: String,
    /// Start.
    pub started_at: String,
    /// Sum over its steps.
    pub seconds: f64,
    /// running, done or failed.
    pub status: String,
    /// In the order of running.
    pub steps: Vec<RunStep>,
}

/// A step of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunStep {
    /// The step.
    pub step: String,
    /// full or incremental.
    pub mode: String,
    /// Rows written.
    pub rows: u64,
    /// Wall time.
    pub seconds: f64,
    /// Start.
    pub started_at: String,
    /// done or failed.
    pub status: String,
    /// In words.
    pub detail: Option<String>,
}

/// Body of `POST /run`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunRequest {
    /// One step only; null: all.
    #[serde(default)]
    pub only: Option<String>,
    /// Everything anew.
    #[serde(default)]
    pub full: bool,
}

/// Body of `POST /import`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImportRequest {
    /// Empty: all.
    #[serde(default)]
    pub sources: Vec<String>,
    /// Run the pipeline afterwards.
    #[serde(default)]
    pub run: bool,
    /// Read the named buckets and databases from their beginning again.
    #[serde(default)]
    pub anew: bool,
}

/// Work that is done in the background.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Job {
    /// The job.
    pub job_id: String,
    /// run, import, replay or discard.
    pub kind: String,
    /// queued, running, done or failed.
    pub status: String,
    /// When it was asked for.
    pub created_at: String,
    /// When it ended.
    pub finished_at: Option<String>,
    /// Steps or sources so far, in order.
    pub steps: Vec<JobStep>,
    /// 0..1; null: cannot be told.
    pub progress: Option<f64>,
    /// When failed: what happened.
    pub error: Option<String>,
    /// When done: what the command would print with `--json`.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub report: Option<serde_json::Value>,
}

/// A step of a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobStep {
    /// Step or source.
    pub step: String,
    /// waiting, running, done or failed.
    pub status: String,
    /// Rows so far.
    pub rows: u64,
    /// Seconds so far.
    pub seconds: f64,
}

/// Body of `POST /sql`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SqlRequest {
    /// One query.
    pub query: String,
    /// At most 10,000; default 1,000.
    #[serde(default)]
    pub limit: Option<u64>,
}

/// Rows of a query.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SqlResult {
    /// Its columns.
    pub columns: Vec<SqlColumn>,
    /// Row-major; timestamps RFC 3339, decimals as text, lists as arrays.
    #[schema(value_type = Vec<Vec<Object>>)]
    pub rows: Vec<Vec<serde_json::Value>>,
    /// There were more rows than the limit.
    pub truncated: bool,
    /// Wall time.
    pub seconds: f64,
}

/// A column of a query.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SqlColumn {
    /// Its name.
    pub name: String,
    /// Its type as the engine calls it.
    #[serde(rename = "type")]
    pub kind: String,
}

/// What a search found, best first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SearchResult {
    /// Best first.
    pub hits: Vec<Hit>,
}

/// A thing that a search found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Hit {
    /// person, metric, theme, journey or source.
    pub kind: String,
    /// Its id or name.
    pub id: String,
    /// What to show.
    pub title: String,
    /// One line more.
    pub detail: Option<String>,
}
