//! What an import did: both conservation equations per file.

use std::collections::BTreeMap;

use clew_lake::{FactCounts, RowCounts};
use serde::{Deserialize, Serialize};

use crate::alarm::Alarm;

/// What an import did.
#[derive(Clone, Debug, Serialize)]
pub struct ImportReport {
    /// By source, lookups first.
    pub sources: Vec<SourceReport>,
    /// Sources in other systems that could not be read, or not to the end: they hold nobody else up.
    pub failed: Vec<Failure>,
}

/// Why a source in another system could not be read to the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The source.
    pub source: String,
    /// What is wrong and what to do, without secrets or values of rows.
    pub message: String,
    /// Whether trying again may help: the other system was away.
    pub is_away: bool,
}

/// What an import did with one source.
#[derive(Clone, Debug, Serialize)]
pub struct SourceReport {
    /// The source.
    pub source: String,
    /// The batch.
    pub batch: String,
    /// Whether it went on where an earlier import stopped.
    pub resumed: bool,
    /// By file.
    pub files: Vec<FileReport>,
    /// What is odd without being wrong, such as a column that the query did not have the last time.
    pub warnings: Vec<String>,
    /// Versions that say that an id vanished from a complete export.
    pub deleted: u64,
    /// What is not as expected.
    pub alarms: Vec<Alarm>,
    /// Seconds from first to last row.
    pub seconds: f64,
}

/// What an import did with one file.
#[derive(Clone, Debug, Serialize)]
pub struct FileReport {
    /// The file, as facts name it.
    pub file: String,
    /// The rows equation.
    pub rows: RowReport,
    /// read = mapped + skipped + unreadable.
    pub rows_balanced: bool,
    /// The facts equation by target table; empty for a lookup.
    pub targets: BTreeMap<&'static str, TargetReport>,
    /// produced = stored + duplicate + quarantined + rejected, for every target.
    pub facts_balanced: bool,
}

/// The rows equation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowReport {
    /// Rows read.
    pub read: u64,
    /// Rows that gave at least one fact, or an entry of a lookup.
    pub mapped: u64,
    /// Rows that the mapping's filter left out.
    pub skipped: u64,
    /// Rows that could not be read.
    pub unreadable: u64,
}

/// The facts equation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetReport {
    /// Facts that the mapping made.
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

impl SourceReport {
    /// Nothing was new.
    pub fn nothing_new(source: &str) -> Self {
        let (source, batch) = (source.to_owned(), String::new());
        Self {
            source,
            batch,
            resumed: false,
            files: Vec::new(),
            warnings: Vec::new(),
            deleted: 0,
            alarms: Vec::new(),
            seconds: 0.0,
        }
    }
}

impl FileReport {
    /// Nothing yet.
    pub fn new(file: &str) -> Self {
        Self {
            file: file.into(),
            rows: RowReport::default(),
            rows_balanced: true,
            targets: BTreeMap::new(),
            facts_balanced: true,
        }
    }

    /// Adds the rows of a chunk.
    pub fn add_rows(&mut self, rows: RowCounts) {
        let sum = &mut self.rows;
        sum.read += rows.read;
        sum.mapped += rows.mapped;
        sum.skipped += rows.skipped;
        sum.unreadable += rows.unreadable;
        self.rows_balanced = sum.read == sum.mapped + sum.skipped + sum.unreadable;
    }

    /// Adds the facts of a chunk.
    pub fn add_facts(&mut self, table: &'static str, facts: &FactCounts) {
        let sum = self.targets.entry(table).or_default();
        sum.produced += facts.produced;
        sum.stored += facts.stored;
        sum.duplicate += facts.duplicate;
        sum.quarantined += facts.quarantined;
        sum.rejected += facts.rejected;
        self.facts_balanced = self.targets.values().all(|t| t.produced == t.stored + t.duplicate + t.quarantined + t.rejected);
    }
}

impl ImportReport {
    /// Whether both equations hold for every file.
    pub fn is_balanced(&self) -> bool {
        self.sources.iter().flat_map(|source| &source.files).all(|file| file.rows_balanced && file.facts_balanced)
    }

    /// Facts stored by this import.
    pub fn stored(&self) -> u64 {
        self.sources
            .iter()
            .flat_map(|source| &source.files)
            .flat_map(|file| file.targets.values())
            .map(|target| target.stored)
            .sum()
    }

    /// What failed, in words; `None` where nothing did.
    pub fn failures(&self) -> Option<String> {
        let words: Vec<String> =
            self.failed.iter().map(|failure| format!("source {}: {}", failure.source, failure.message)).collect();
        (!words.is_empty()).then(|| words.join("\n"))
    }
}
