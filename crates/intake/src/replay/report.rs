//! What a replay did, or would do: the equations of its batch, what became of the rows, why some are still refused.

use std::collections::BTreeMap;

use clew_lake::{Receipt, RepairOutcome};
use serde::{Deserialize, Serialize};

use super::chunk::Place;
use super::select::{Group, OpenRow};
use super::{MOST_EXAMPLES, Request};
use crate::import::{RowReport, TargetReport};
use crate::outcome::Taken;

/// Reasons told of one source.
const MOST_REASONS: usize = 100;

/// Table, reason and words of a refusal.
type Refusal<'a> = (Option<&'a str>, &'a str, &'a str);

/// What a replay did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReplayReport {
    /// Whether nothing was stored.
    pub dry_run: bool,
    /// By source, in order of name.
    pub sources: Vec<SourceReplay>,
    /// Wall time.
    pub seconds: f64,
}

/// What a replay did with the rows of one source.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SourceReplay {
    /// The source.
    pub source: String,
    /// The batch; none where nothing was stored.
    pub batch: Option<String>,
    /// The rows equation: rows of quarantine are read.
    pub rows: RowReport,
    /// The facts equation by table.
    pub targets: BTreeMap<String, TargetReport>,
    /// What became of the rows.
    pub outcomes: Outcomes,
    /// Rows that nothing can be done with, and why.
    pub left: u64,
    /// Why they are left.
    pub left_because: Option<String>,
    /// Why rows and facts are still refused, most first.
    pub reasons: Vec<ReasonReport>,
    /// Some rows of each outcome.
    pub examples: Vec<Example>,
}

/// Rows of quarantine by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcomes {
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

impl Outcomes {
    fn add(&mut self, outcome: RepairOutcome) {
        *match outcome {
            RepairOutcome::Stored => &mut self.stored,
            RepairOutcome::Duplicate => &mut self.duplicate,
            RepairOutcome::Quarantined => &mut self.quarantined,
            RepairOutcome::Replaced => &mut self.replaced,
            RepairOutcome::Discarded => &mut self.discarded,
        } += 1;
    }

    /// All rows.
    pub fn rows(&self) -> u64 {
        self.stored + self.duplicate + self.quarantined + self.replaced + self.discarded
    }
}

/// Rows and facts that are refused for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReasonReport {
    /// The table; none for rows that became no fact.
    pub target: Option<String>,
    /// Stable code.
    pub reason: String,
    /// In words, without a value.
    pub detail: String,
    /// How many.
    pub n: u64,
}

/// One row and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Example {
    /// The row of quarantine.
    pub quarantine_id: String,
    /// The table that it failed for; none for a row that became no fact.
    pub target: Option<String>,
    /// File or endpoint.
    pub file: Option<String>,
    /// Row in it.
    pub row_no: Option<i64>,
    /// Why it was in quarantine.
    pub was: String,
    /// stored, duplicate, quarantined, replaced or discarded.
    pub outcome: String,
    /// Why it is refused now; none where it is not.
    pub reason: Option<String>,
    /// In words, without a value.
    pub detail: Option<String>,
    /// The row as it was taken in, where the request asks to show it.
    pub raw: Option<String>,
}

impl ReplayReport {
    pub(super) fn new(dry_run: bool) -> Self {
        Self { dry_run, sources: Vec::new(), seconds: 0.0 }
    }

    /// The outcomes of all sources.
    pub fn outcomes(&self) -> Outcomes {
        let mut all = Outcomes::default();
        for Outcomes { stored, duplicate, quarantined, replaced, discarded } in self.sources.iter().map(|source| source.outcomes)
        {
            all.stored += stored;
            all.duplicate += duplicate;
            all.quarantined += quarantined;
            all.replaced += replaced;
            all.discarded += discarded;
        }
        all
    }

    fn source(&mut self, name: &str) -> &mut SourceReplay {
        let at = match self.sources.binary_search_by(|source| source.source.as_str().cmp(name)) {
            Ok(at) => at,
            Err(at) => {
                self.sources.insert(at, SourceReplay { source: name.to_owned(), ..SourceReplay::default() });
                at
            }
        };
        &mut self.sources[at]
    }

    /// Nothing can be done with `group`.
    pub(super) fn left(&mut self, group: &Group, why: &str) {
        let source = self.source(&group.source);
        source.left += group.rows.len() as u64;
        source.left_because = Some(why.to_owned());
    }

    /// Adds what became of `group`, which went to the batch of `place`.
    pub(super) fn add(&mut self, request: &Request, (group, place): (&Group, &Place), taken: &Taken, receipt: &Receipt) {
        let source = self.source(&group.source);
        source.batch = (!request.dry_run).then(|| place.batch.to_string());
        source.rows.read += taken.rows.read;
        source.rows.mapped += taken.rows.mapped;
        source.rows.skipped += taken.rows.skipped;
        source.rows.unreadable += taken.rows.unreadable;
        for (table, facts) in &receipt.facts {
            let sum = source.targets.entry((*table).to_owned()).or_default();
            sum.produced += facts.produced;
            sum.stored += facts.stored;
            sum.duplicate += facts.duplicate;
            sum.quarantined += facts.quarantined;
            sum.rejected += facts.rejected;
        }
        let mut refused: BTreeMap<i64, Vec<Refusal>> = BTreeMap::new();
        for one in &taken.refused {
            refused.entry(one.row_no).or_default().push((one.target, one.reason, &one.detail));
        }
        for (at, (row, outcome)) in group.rows.iter().zip(&receipt.repairs).enumerate() {
            source.outcomes.add(*outcome);
            let mut now = refused.remove(&(at as i64)).unwrap_or_default();
            if now.is_empty() && *outcome == RepairOutcome::Quarantined {
                now.push((row.target.map(|table| table.name), &row.reason, &row.detail));
            }
            if now.is_empty() && *outcome == RepairOutcome::Replaced {
                now.push((row.target.map(|table| table.name), "conflict", "its id is stored with other content"));
            }
            for reason in &now {
                source.refuse(*reason);
            }
            source.example(request, (group, row), *outcome, now.first().copied());
        }
        source.reasons.sort_by(|a, b| b.n.cmp(&a.n).then_with(|| a.reason.cmp(&b.reason)));
    }
}

impl SourceReplay {
    fn refuse(&mut self, (target, reason, detail): Refusal) {
        let known = |one: &&mut ReasonReport| {
            one.target.as_deref() == target && one.reason == reason && (one.detail == detail || one.detail.is_empty())
        };
        if let Some(one) = self.reasons.iter_mut().find(known) {
            one.n += 1;
            return;
        }
        // Beyond the limit the words are left out, the counts are not.
        let detail = if self.reasons.len() < MOST_REASONS { detail } else { "" };
        self.reasons.push(ReasonReport {
            target: target.map(str::to_owned),
            reason: reason.to_owned(),
            detail: detail.to_owned(),
            n: 1,
        });
    }

    fn example(&mut self, request: &Request, (group, row): (&Group, &OpenRow), outcome: RepairOutcome, refused: Option<Refusal>) {
        let told = self.examples.iter().filter(|example| example.outcome == outcome.as_str()).count();
        if told >= request.examples.min(MOST_EXAMPLES) {
            return;
        }
        self.examples.push(Example {
            quarantine_id: row.id.clone(),
            target: row.target.map(|table| table.name.to_owned()),
            file: group.file.clone(),
            row_no: row.row_no,
            was: row.reason.clone(),
            outcome: outcome.as_str().to_owned(),
            reason: refused.map(|(_, reason, _)| reason.to_owned()),
            detail: refused.map(|(_, _, detail)| detail.to_owned()),
            raw: request.show.then(|| request.edits.get(&row.id).or(row.raw.as_ref()).cloned()).flatten(),
        });
    }
}
