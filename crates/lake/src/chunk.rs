//! What comes into the lake: a chunk of one import with its facts, its counts and where it leaves off.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;
use clew_model::BatchId;
use serde::{Deserialize, Serialize};

use crate::schema::schema;

/// How a known key with new content is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// It contradicts what is stored: quarantine.
    Append,
    /// It is a new version.
    Upsert,
    /// It is a new version, and ids that a complete export lacks are marked deleted by the caller.
    Snapshot,
}

/// The rows equation of a chunk: read = mapped + skipped + unreadable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowCounts {
    /// Rows read.
    pub read: u64,
    /// Rows that gave at least one fact.
    pub mapped: u64,
    /// Rows that the mapping's filter left out.
    pub skipped: u64,
    /// Rows that could not be read.
    pub unreadable: u64,
}

/// Facts of one target table.
#[derive(Clone, Debug)]
pub struct FactBatch {
    /// events, records, responses or decisions.
    pub table: &'static str,
    /// Rows of the table's schema, promoted `p_` columns on top.
    pub rows: RecordBatch,
    /// Content hash of each row: everything but when and where it arrived.
    pub content: Vec<u64>,
    /// Facts that the mapping made: rows + quarantined + rejected.
    pub produced: u64,
    /// Facts that validation put into the chunk's quarantine.
    pub quarantined: u64,
    /// Facts refused for good: no consent, erased person.
    pub rejected: u64,
}

/// Where a resumed import goes on in one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The file, as the import names it.
    pub file: String,
    /// The first row that is not in the lake yet, from 1.
    pub next_row: u64,
    /// True when the file is taken in to its end.
    pub done: bool,
    /// What the reader needs to go on: a byte offset, counters.
    pub state: Vec<u8>,
}

/// How far a source is read, kept beyond the batch: a high-water mark, an offset, an object that was taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// What the position is in, such as the key of an object or a partition; unique within the source.
    pub name: String,
    /// What the reader needs to go on.
    pub value: Vec<u8>,
}

/// What became of a quarantined row when it was replayed or decided about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RepairOutcome {
    /// At least one fact of it is stored.
    Stored,
    /// Its facts were there already.
    Duplicate,
    /// It is refused as before and stays open.
    Quarantined,
    /// It is refused for another reason: a row of its own says so, and this one is closed.
    Replaced,
    /// Nothing of it is wanted.
    Discarded,
}

impl RepairOutcome {
    /// The word of the table `repairs`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Duplicate => "duplicate",
            Self::Quarantined => "quarantined",
            Self::Replaced => "replaced",
            Self::Discarded => "discarded",
        }
    }
}

/// A quarantined row that a chunk decides about.
#[derive(Clone, Debug)]
pub struct Repair {
    /// Its id.
    pub quarantine_id: String,
    /// Whether its raw row was edited.
    pub edited: bool,
    /// What is known before its facts have their verdicts; `None`: they decide, and without facts it is discarded.
    pub outcome: Option<RepairOutcome>,
    /// Its facts: position of the fact batch, row in it.
    pub facts: Vec<(u32, u32)>,
}

/// What a chunk of a replay decides, for the table `repairs`.
#[derive(Clone, Debug, Default)]
pub struct Repairs {
    /// Who.
    pub decided_by: String,
    /// Why, in their words.
    pub reason: Option<String>,
    /// The rows.
    pub rows: Vec<Repair>,
}

/// One atomic append.
#[derive(Clone, Debug)]
pub struct Chunk {
    /// The source.
    pub source: String,
    /// The import.
    pub batch: BatchId,
    /// Ordinal of the chunk within the batch, from 0.
    pub chunk: i64,
    /// File or endpoint, for the accounting.
    pub file: Option<String>,
    /// How known keys are taken.
    pub mode: Mode,
    /// The rows equation.
    pub rows: RowCounts,
    /// Facts by target.
    pub facts: Vec<FactBatch>,
    /// Rows for the table `quarantine`.
    pub quarantine: RecordBatch,
    /// Rows of quarantine that this chunk decides about.
    pub repairs: Repairs,
    /// Subject numbers with the canonical bytes that they stand for, to detect collisions.
    pub subjects: Vec<(i64, Vec<u8>)>,
    /// Rows of tables that describe the chunk: `field_quality`, `checks`, `alarms`.
    pub notes: Vec<(&'static str, RecordBatch)>,
    /// Where the import goes on after this chunk.
    pub progress: Option<Progress>,
    /// Where the next import begins after this chunk; each replaces the one of its name.
    pub positions: Vec<Position>,
}

/// The tables that [`Chunk::notes`] may fill.
pub(crate) const NOTES: [&str; 3] = ["field_quality", "checks", "alarms"];

impl Chunk {
    /// A chunk without facts.
    ///
    /// # Panics
    /// Never: the model has a quarantine table.
    pub fn new(source: &str, batch: BatchId, chunk: i64, mode: Mode) -> Self {
        Self {
            source: source.to_owned(),
            batch,
            chunk,
            file: None,
            mode,
            rows: RowCounts::default(),
            facts: Vec::new(),
            quarantine: RecordBatch::new_empty(schema("quarantine").expect("the model has this table")),
            repairs: Repairs::default(),
            subjects: Vec::new(),
            notes: Vec::new(),
            progress: None,
            positions: Vec::new(),
        }
    }
}

/// What became of one target's facts: produced = stored + duplicate + quarantined + rejected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactCounts {
    /// Facts that the mapping made.
    pub produced: u64,
    /// Facts stored.
    pub stored: u64,
    /// Facts already there with the same content.
    pub duplicate: u64,
    /// Facts in quarantine, conflicts among them.
    pub quarantined: u64,
    /// Of these, facts whose id is stored with other content.
    pub conflict: u64,
    /// Facts refused for good.
    pub rejected: u64,
}

/// What became of one fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is stored.
    Stored,
    /// It was there already with the same content.
    Duplicate,
    /// Its id is stored with other content: it is in quarantine.
    Conflict,
}

/// The acknowledgement: the chunk is on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Its place in the log.
    pub offset: u64,
    /// What became of the facts, by target table.
    pub facts: BTreeMap<&'static str, FactCounts>,
    /// What became of every row of every [`FactBatch`], in their order.
    pub verdicts: Vec<Vec<Verdict>>,
    /// Rows that went into the table `quarantine` and were not there already.
    pub quarantined_rows: u64,
    /// What became of every row of [`Chunk::repairs`], in their order.
    pub repairs: Vec<RepairOutcome>,
}
