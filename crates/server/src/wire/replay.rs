//! Quarantine that is repaired: what to replay or discard, and what became of it.

use std::collections::BTreeMap;

use clew_intake::Selection;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which open rows of quarantine: those that fit everything that is said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct QuarantineChoice {
    /// Of this source.
    pub source: Option<String>,
    /// Of one of these sources; empty: not asked.
    pub sources: Vec<String>,
    /// For this reason.
    pub reason: Option<String>,
    /// events, records, responses; rows: rows that never became a fact.
    pub target: Option<String>,
    /// Met first by this batch.
    pub batch: Option<String>,
    /// With one of these ids; empty: not asked.
    pub ids: Vec<String>,
}

impl From<QuarantineChoice> for Selection {
    fn from(choice: QuarantineChoice) -> Self {
        let QuarantineChoice { source, mut sources, reason, target, batch, ids } = choice;
        sources.extend(source);
        Self { sources, reason, target, batch, ids }
    }
}

/// Body of `POST /data/replay`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ReplayRequest {
    /// Which rows.
    pub which: QuarantineChoice,
    /// Raw rows as they are to be read, by quarantine_id.
    pub edits: BTreeMap<String, String>,
    /// Tell what would become of them; store nothing.
    pub dry_run: bool,
    /// Rows told of each outcome; default 3, at most 100.
    pub examples: Option<u64>,
    /// Show the raw rows of the examples.
    pub show: bool,
    /// Who decides; the cockpit when left out.
    pub decided_by: Option<String>,
}

/// Body of `POST /data/discard`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DiscardRequest {
    /// Which rows; it must say something.
    pub which: QuarantineChoice,
    /// Why, in the decider's words.
    pub reason: String,
    /// Tell what would become of them; store nothing.
    pub dry_run: bool,
    /// Rows told; default 3, at most 100.
    pub examples: Option<u64>,
    /// Show their raw rows.
    pub show: bool,
    /// Who decides; the cockpit when left out.
    pub decided_by: Option<String>,
}

/// What a replay or a discard did, or would do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReplayReport {
    /// Whether nothing was stored.
    pub dry_run: bool,
    /// By name.
    pub sources: Vec<SourceReplay>,
    /// Wall time.
    pub seconds: f64,
}

/// What became of the rows of one source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SourceReplay {
    /// The source.
    pub source: String,
    /// The batch; null: nothing was stored.
    pub batch: Option<String>,
    /// The rows equation: rows of quarantine are read.
    pub rows: ReplayRows,
    /// The facts equation by table.
    pub targets: BTreeMap<String, ReplayFacts>,
    /// What became of the rows.
    pub outcomes: ReplayOutcomes,
    /// Rows that nothing can be done with.
    pub left: u64,
    /// Why they are left; null: none is.
    pub left_because: Option<String>,
    /// Why rows and facts are still refused, most first.
    pub reasons: Vec<ReplayReason>,
    /// Some rows of each outcome.
    pub examples: Vec<ReplayExample>,
}

/// read = mapped + skipped + unreadable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReplayRows {
    /// Rows of quarantine.
    pub read: u64,
    /// Rows that gave at least one fact.
    pub mapped: u64,
    /// Rows that the mapping's filter left out, or that were discarded.
    pub skipped: u64,
    /// Rows that could not be read.
    pub unreadable: u64,
}

/// produced = stored + duplicate + quarantined + rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReplayFacts {
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
}

/// Rows of quarantine by what became of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReplayOutcomes {
    /// Stored and closed.
    pub stored: u64,
    /// There already, and closed.
    pub duplicate: u64,
    /// Refused as before, and open.
    pub quarantined: u64,
    /// Refused for another reason: closed, and a row of their own is open.
    pub replaced: u64,
    /// Unwanted, and closed.
    pub discarded: u64,
}

/// Rows and facts that are refused for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReplayReason {
    /// The table; null: rows that became no fact.
    pub target: Option<String>,
    /// Stable code.
    pub reason: String,
    /// In words, without a value.
    pub detail: String,
    /// How many.
    pub n: u64,
}

/// A row and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReplayExample {
    /// The row of quarantine.
    pub quarantine_id: String,
    /// The table that it failed for; null: it became no fact.
    pub target: Option<String>,
    /// File or endpoint.
    pub file: Option<String>,
    /// Row in it.
    pub row_no: Option<i64>,
    /// Why it was in quarantine.
    pub was: String,
    /// stored, duplicate, quarantined, replaced or discarded.
    pub outcome: String,
    /// Why it is refused now; null: it is not.
    pub reason: Option<String>,
    /// In words, without a value.
    pub detail: Option<String>,
    /// The row as it was taken in, where the request asks to show it.
    pub raw: Option<String>,
}

/// What came of a row of quarantine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Repair {
    /// stored, duplicate, replaced, discarded: it is closed; quarantined: it is open.
    pub outcome: String,
    /// Whether its raw row was edited.
    pub edited: bool,
    /// Who decided.
    pub decided_by: String,
    /// When.
    pub at: String,
}
