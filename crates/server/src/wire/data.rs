//! Sources in depth: health, volume, equations by batch, quality by field, alarms, the tail of the door, test messages.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{FactsEquation, RowsEquation, Source, TakenMessages};

/// How a source is, in one word and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SourceHealth {
    /// healthy, late, failing or idle.
    pub status: String,
    /// Why, as a sentence.
    pub reason: String,
}

/// Facts of one hour or local day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VolumePoint {
    /// Its beginning.
    pub start: String,
    /// Facts that happened in it.
    pub n: u64,
}

/// What became of the messages of a live source since the process began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LiveCounts {
    /// Stored.
    pub accepted: u64,
    /// There already.
    pub duplicate: u64,
    /// In quarantine.
    pub quarantined: u64,
    /// Refused for good.
    pub rejected: u64,
    /// Said nothing.
    pub skipped: u64,
}

impl From<clew_intake::live::Counts> for LiveCounts {
    fn from(counts: clew_intake::live::Counts) -> Self {
        let clew_intake::live::Counts { accepted, duplicate, quarantined, rejected, skipped } = counts;
        Self { accepted, duplicate, quarantined, rejected, skipped }
    }
}

/// How a stream is followed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StreamState {
    /// connecting, following, held (the store takes nothing now), retrying, refused (the source has a mistake) or stopped.
    pub state: String,
    /// Messages that wait at the broker, as it said last, over all its lines; null: it has not said.
    pub lag: Option<u64>,
}

impl From<&clew_intake::stream::StreamHealth> for StreamState {
    fn from(health: &clew_intake::stream::StreamHealth) -> Self {
        let lags = || health.lines.values().filter_map(|line| line.lag);
        Self { state: health.state.as_str().to_owned(), lag: lags().next().map(|_| lags().sum()) }
    }
}

/// One source: is what comes in complete and clean?
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SourceDetail {
    /// As on the page of all sources.
    pub source: Source,
    /// The end of its volume: now, or the newest fact of the sources that are read where all are long ago; null: no facts.
    pub as_of: Option<String>,
    /// hour or day.
    pub grain: String,
    /// Oldest first, without gaps, up to `as_of`.
    pub volume: Vec<VolumePoint>,
    /// Newest first.
    pub batches: Vec<BatchEquations>,
    /// Batches that there are.
    pub batches_total: u64,
    /// Newest first, at most fifty; empty also where no expectation is declared.
    pub alarms: Vec<Alarm>,
}

/// Both equations of one batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BatchEquations {
    /// The batch.
    pub batch: String,
    /// When its first chunk came in.
    pub first_at: String,
    /// When its last chunk came in.
    pub last_at: String,
    /// Files or endpoints, at most three.
    pub files: Vec<String>,
    /// How many files or endpoints there are.
    pub files_total: u64,
    /// The rows equation.
    pub rows: RowsEquation,
    /// The facts equation, one a target table.
    pub targets: Vec<FactsEquation>,
}

/// An expectation that was not met, or a change in how values are spread.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Alarm {
    /// Its id.
    pub alarm_id: String,
    /// The source.
    pub source: String,
    /// The batch that raised it.
    pub batch: String,
    /// expectation or drift.
    pub kind: String,
    /// The rule.
    pub rule: String,
    /// The table; null: the raw rows.
    pub target: Option<String>,
    /// The field; null: the whole.
    pub field: Option<String>,
    /// warn or quarantine.
    pub severity: String,
    /// Rows concerned.
    pub n: u64,
    /// Their share, 0..1; null where a share has no meaning.
    pub share: Option<f64>,
    /// What changed, in words, without a value.
    pub detail: String,
    /// What to do.
    pub remedy: String,
    /// When.
    pub at: String,
    /// Whether it is of the source's newest batch: a later one without it closes it.
    pub open: bool,
}

/// Quality by source and field.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Quality {
    /// Why there is nothing of the last thirty days; null where there is something.
    pub reason: Option<String>,
    /// By name.
    pub sources: Vec<SourceQuality>,
    /// By source, target and the order of fields; raw columns (target null) last.
    pub fields: Vec<FieldQuality>,
}

/// A part of a counted whole.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QualityShare {
    /// 0..1; null: it cannot be told.
    pub share: Option<f64>,
    /// The whole.
    pub n: u64,
    /// Why it cannot be told.
    pub reason: Option<String>,
}

/// The quality of a source, over all its fields.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SourceQuality {
    /// The source.
    pub source: String,
    /// Values that are there, of all values of its fields.
    pub completeness: QualityShare,
    /// Values that hold what their field may hold, of those that are there.
    pub validity: QualityShare,
    /// Checks of expectations that were met.
    pub consistency: QualityShare,
    /// Facts that came within the declared time.
    pub timeliness: QualityShare,
    /// Median time between happening and receipt, of the target that takes longest, milliseconds; null: not known.
    pub median_lag_ms: Option<i64>,
}

/// The quality of a field.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FieldQuality {
    /// The source.
    pub source: String,
    /// The table; null: a raw column.
    pub target: Option<String>,
    /// The field.
    pub field: String,
    /// Values.
    pub n: u64,
    /// Of these, empty ones.
    pub nulls: u64,
    /// Of these, not what the field may hold.
    pub invalid: u64,
    /// Of these, repaired by cleansing.
    pub changed: u64,
    /// 1 − nulls / n.
    pub completeness: QualityShare,
    /// 1 − invalid / (n − nulls).
    pub validity: QualityShare,
    /// Different values, of a sample of those that are there.
    pub uniqueness: QualityShare,
    /// Checks of the expectations over this field that were met.
    pub consistency: QualityShare,
    /// By batch of the last thirty days, oldest first, at most 24.
    pub trend: Vec<QualityPoint>,
}

/// The quality of a field in one batch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QualityPoint {
    /// The batch.
    pub batch: String,
    /// When its last chunk came in.
    pub at: String,
    /// Values.
    pub n: u64,
    /// 1 − nulls / n.
    pub completeness: Option<f64>,
    /// 1 − invalid / (n − nulls).
    pub validity: Option<f64>,
}

/// A message that the door has answered: the data of an event `line` of `GET /data/tail`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TailLine {
    /// The source that is sent it, or follows its stream.
    pub source: String,
    /// identify, track, page, screen, group, alias or row; null: it says none.
    pub kind: Option<String>,
    /// What it is called.
    pub name: Option<String>,
    /// stored, duplicate, quarantined, rejected or skipped.
    pub verdict: String,
    /// Stable code of the reason.
    pub code: Option<String>,
    /// The reason in words.
    pub detail: Option<String>,
    /// The id that its sender gave it.
    pub message_id: Option<String>,
    /// Whom it names; values are masked unless `values=shown` was asked for.
    pub identifiers: Vec<TailIdentifier>,
    /// Bytes; null where it is a row among others.
    pub size_bytes: Option<u64>,
    /// Its place in its request, from 0.
    pub index: u64,
    /// The place of its chunk in the log.
    pub offset: u64,
    /// When it arrived.
    pub received_at: String,
}

/// An identifier in a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TailIdentifier {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its value, masked unless asked for.
    pub value: String,
}

/// Body of `POST /data/test`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TestRequest {
    /// A live source.
    pub source: String,
    /// check: decode and type it, store nothing. send: send it the way of all others.
    pub mode: String,
    /// track, identify, page, screen, group, alias or batch; for sources that take rows json, jsonl or csv.
    pub call: String,
    /// The body as a sender would send it; at most 64 KB.
    pub body: String,
}

/// The way of a test message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TestReport {
    /// The source.
    pub source: String,
    /// check or send.
    pub mode: String,
    /// Where it stopped, or came through: in the order of the way.
    pub steps: Vec<TestStep>,
    /// What became of each message that was not simply stored.
    pub messages: TakenMessages,
    /// The facts, typed; at most twenty.
    pub facts: Vec<TestFact>,
    /// Queries that find what was stored, one a table.
    pub queries: Vec<String>,
}

/// A step of the way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TestStep {
    /// received, decoded, typed, subject, verdict, log, sql or person.
    pub step: String,
    /// done, stopped or open: open is what comes later, or what checking alone cannot tell.
    pub status: String,
    /// In words.
    pub detail: String,
}

/// A fact that came of a test message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TestFact {
    /// The table.
    pub target: String,
    /// Its columns that hold something.
    #[schema(value_type = Object)]
    pub columns: serde_json::Map<String, serde_json::Value>,
    /// Its subject; a 64-bit number, as text.
    pub subject: Option<String>,
    /// The person behind it; null: not known yet.
    pub person_id: Option<String>,
}
