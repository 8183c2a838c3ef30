//! Live sources: what became of a request, write keys, the audit.

use clew_intake::live::{Answer, Counts};
use clew_intake::outcome::Outcome;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What became of the messages of a request: everything that it says is on disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TakenMessages {
    /// True: the request was taken. Messages of it may still be in quarantine.
    pub success: bool,
    /// Stored.
    pub accepted: u64,
    /// There already, from an earlier try.
    pub duplicate: u64,
    /// In quarantine, with a reason.
    pub quarantined: u64,
    /// Refused for good; nothing of them is kept.
    pub rejected: u64,
    /// Said nothing that could be stored.
    pub skipped: u64,
    /// Every message that was not simply accepted.
    pub results: Vec<MessageResult>,
}

/// What became of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MessageResult {
    /// Its place in the request, from 0.
    pub index: u64,
    /// The id that the sender gave it.
    #[serde(rename = "messageId")]
    pub message_id: Option<String>,
    /// duplicate, quarantined, rejected or skipped.
    pub status: String,
    /// Stable code of the reason.
    pub code: Option<String>,
    /// In words.
    pub message: Option<String>,
}

impl From<Answer> for TakenMessages {
    fn from(Answer { outcomes, ids }: Answer) -> Self {
        let Counts { accepted, duplicate, quarantined, rejected, skipped } = Counts::of(&outcomes);
        let mut results = Vec::new();
        for ((index, outcome), id) in (0..).zip(outcomes).zip(ids) {
            let (status, code, message) = match outcome {
                Outcome::Stored => continue,
                Outcome::Duplicate => ("duplicate", None, None),
                Outcome::Skipped => ("skipped", None, None),
                Outcome::Quarantined { code, detail } => ("quarantined", Some(code), Some(detail.into_owned())),
                Outcome::Rejected { code } => ("rejected", Some(code), None),
            };
            results.push(MessageResult {
                index,
                message_id: id.map(Into::into),
                status: status.to_owned(),
                code: code.map(str::to_owned),
                message,
            });
        }
        Self { success: true, accepted, duplicate, quarantined, rejected, skipped, results }
    }
}

/// A write key, without the key itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WriteKey {
    /// Names it, for revoking.
    pub key_id: String,
    /// The source that it writes to.
    pub source: String,
    /// What people call it.
    pub label: Option<String>,
    /// When it was made.
    pub created_at: String,
    /// When it was revoked; null: it is valid.
    pub revoked_at: Option<String>,
}

/// Write keys, oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WriteKeyList {
    /// Oldest first, revoked ones included.
    pub keys: Vec<WriteKey>,
}

/// Body of `POST /keys`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyRequest {
    /// A source with `api:`.
    pub source: String,
    /// What people call it; at most 200 bytes.
    #[serde(default)]
    pub label: Option<String>,
}

/// A new write key: the only time that it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewWriteKey {
    /// What the list shows of it.
    pub key: WriteKey,
    /// The key itself.
    pub write_key: String,
}

/// What an audit found: both conservation equations, recounted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Audit {
    /// Whether everything holds.
    pub holds: bool,
    /// In order of name.
    pub sources: Vec<AuditedSource>,
    /// Everything that does not hold.
    pub breaks: Vec<AuditBreak>,
}

/// A source, recounted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditedSource {
    /// Its name.
    pub source: String,
    /// Batches that accounting knows.
    pub batches: u64,
    /// Rows read.
    pub read: u64,
    /// Rows that gave at least one fact.
    pub mapped: u64,
    /// Rows that said nothing.
    pub skipped: u64,
    /// Rows that could not be read.
    pub unreadable: u64,
    /// By table.
    pub targets: Vec<AuditedTable>,
    /// Rows of `quarantine` = open + repaired + discarded + replaced.
    pub in_quarantine: u64,
    /// Rows that nothing has been decided about.
    pub open: u64,
    /// Rows that a replay stored, or found to be there already.
    pub repaired: u64,
    /// Rows that nobody wants.
    pub discarded: u64,
    /// Rows that a replay refused for another reason, under an id of their own.
    pub replaced: u64,
}

/// A table of a source, recounted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditedTable {
    /// The table.
    pub table: String,
    /// Facts that were made.
    pub produced: u64,
    /// Facts that accounting says were stored.
    pub stored: u64,
    /// Facts that were there already.
    pub duplicate: u64,
    /// Facts in quarantine.
    pub quarantined: u64,
    /// Facts refused for good.
    pub rejected: u64,
    /// Facts that the table has.
    pub in_table: u64,
    /// Keys that occur more than once.
    pub repeated: u64,
}

/// Something that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditBreak {
    /// The source.
    pub source: String,
    /// The table; null for the rows equation.
    pub table: Option<String>,
    /// The batches that it is in, as far as they can be told.
    pub batches: Vec<String>,
    /// What, with the numbers.
    pub detail: String,
}

impl From<clew_intake::AuditReport> for Audit {
    fn from(report: clew_intake::AuditReport) -> Self {
        let table = |target: clew_intake::TargetAudit| AuditedTable {
            table: target.table,
            produced: target.produced,
            stored: target.stored,
            duplicate: target.duplicate,
            quarantined: target.quarantined,
            rejected: target.rejected,
            in_table: target.in_table,
            repeated: target.repeated,
        };
        let source = |source: clew_intake::SourceAudit| AuditedSource {
            source: source.source,
            batches: source.batches,
            read: source.read,
            mapped: source.mapped,
            skipped: source.skipped,
            unreadable: source.unreadable,
            targets: source.targets.into_iter().map(table).collect(),
            in_quarantine: source.in_quarantine,
            open: source.open,
            repaired: source.repaired,
            discarded: source.discarded,
            replaced: source.replaced,
        };
        let broken = |one: clew_intake::Break| AuditBreak {
            source: one.source,
            table: one.table,
            batches: one.batches,
            detail: one.detail,
        };
        Self {
            holds: report.holds,
            sources: report.sources.into_iter().map(source).collect(),
            breaks: report.breaks.into_iter().map(broken).collect(),
        }
    }
}
