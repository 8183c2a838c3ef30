//! What today's mapping made of a group, and the chunk that stores it: facts at their first place, rows that are refused again under their
//! old id or a new one, and what became of every row of quarantine.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use clew_lake::{Chunk, FactBatch, Mode, Progress, Repair, RepairOutcome, Repairs, schema};
use clew_model::BatchId;

use super::select::{Group, OpenRow};
use super::{Action, Request, register_name};
use crate::import::{ForReplay, Mapped, Place as Met, Refused, quarantine_id, quarantine_rows};
use crate::outcome::Taken;
use crate::spec::{Kind, Source};
use crate::typing::places;

/// Where a chunk goes.
pub(super) struct Place {
    pub batch: BatchId,
    pub chunk: i64,
    pub progress: Option<Progress>,
}

impl Place {
    /// For a chunk that is only weighed.
    pub fn nowhere(source: &str) -> Self {
        Self { batch: BatchId::new(&register_name(source), 0), chunk: 0, progress: None }
    }
}

/// See the module. Rows are told by their position in the group: facts by `taken.places`, refused ones by their `row_no`.
#[derive(Default)]
pub(super) struct Applied {
    pub taken: Taken,
    /// Rows that stay as they are.
    stay: BTreeSet<usize>,
    /// Facts that are refused here and not by the typer, by table.
    refused: BTreeMap<&'static str, u64>,
    /// Keys of edited rows.
    pub keys: BTreeMap<usize, String>,
}

impl Applied {
    /// Nothing of `group` is wanted.
    pub fn discarded(group: &Group) -> Self {
        let mut applied = Self::default();
        applied.taken.rows.read = group.rows.len() as u64;
        applied.taken.rows.skipped = group.rows.len() as u64;
        applied
    }

    fn count(&mut self, row: &OpenRow) {
        self.taken.rows.read += 1;
        match row.target {
            None => self.taken.rows.unreadable += 1,
            Some(table) => {
                self.taken.rows.mapped += 1;
                *self.refused.entry(table.name).or_default() += 1;
            }
        }
    }

    /// The row at `at` is refused as before.
    pub fn stays(&mut self, at: usize, row: &OpenRow) {
        self.count(row);
        self.stay.insert(at);
    }

    /// The row at `at` is refused for `reason`.
    pub fn refuse(&mut self, at: usize, row: &OpenRow, reason: &'static str, detail: String) {
        self.count(row);
        let target = row.target.map(|table| table.name);
        let (raw, replay) = (String::new(), ForReplay::default());
        self.taken.refused.push(Refused { target, row_no: at as i64, ordinal: 0, reason, detail, raw, replay });
    }

    /// Adds what a block gave whose rows are numbered from 1 and stand at `members` in the group. `dated` says of each fact batch whether
    /// its facts are versions from when they came.
    pub fn add(&mut self, group: &Group, mapped: Mapped, members: &[usize], dated: &[bool]) {
        let rows = &mut self.taken.rows;
        rows.read += mapped.rows.read;
        rows.mapped += mapped.rows.mapped;
        rows.skipped += mapped.rows.skipped;
        rows.unreadable += mapped.rows.unreadable;
        self.taken.candidates.extend(&mapped.candidates);
        let dated = dated.iter().copied().chain(std::iter::repeat(false));
        for (facts, dated) in mapped.facts.into_iter().zip(dated) {
            let at: Vec<u32> = places(&facts.rows, 1).into_iter().map(|place| members[place as usize] as u32).collect();
            let rows = at_first_place(group, &facts.rows, &at, dated);
            self.taken.facts.push(FactBatch { rows, ..facts });
            self.taken.places.push(at);
        }
        self.taken.refused.extend(mapped.refused.into_iter().map(|one| {
            let at = members[(one.row_no - 1) as usize] as i64;
            Refused { row_no: at, ..one }
        }));
    }

    /// Adds what is counted here to the facts equation.
    pub fn finish(mut self) -> Self {
        for (table, n) in std::mem::take(&mut self.refused) {
            let (rows, content) = (RecordBatch::new_empty(schema(table).expect("a target is a table of the model")), Vec::new());
            self.taken.facts.push(FactBatch { table, rows, content, produced: n, quarantined: n, rejected: 0 });
            self.taken.places.push(Vec::new());
        }
        self
    }
}

/// Facts under the place and time that their rows had when they came first; `at` gives the row of each.
fn at_first_place(group: &Group, facts: &RecordBatch, at: &[u32], dated: bool) -> RecordBatch {
    let rows = || at.iter().map(|at| &group.rows[*at as usize]);
    let numbers: ArrayRef = Arc::new(rows().map(|row| row.row_no).collect::<Int64Array>());
    let times: ArrayRef = Arc::new(TimestampMicrosecondArray::from_iter_values(rows().map(|row| row.at)).with_timezone("UTC"));
    let file: Option<ArrayRef> = group.file.as_deref().map(|file| {
        let files = std::iter::repeat_n(Some(file), at.len());
        Arc::new(files.collect::<StringArray>()) as ArrayRef
    });
    let schema = facts.schema();
    let columns = schema.fields().iter().zip(facts.columns()).map(|(field, column)| match field.name().as_str() {
        "file" => Arc::clone(file.as_ref().unwrap_or(column)),
        "row_no" => Arc::clone(&numbers),
        "received_at" => Arc::clone(&times),
        "valid_from" if dated => Arc::clone(&times),
        _ => Arc::clone(column),
    });
    RecordBatch::try_new(Arc::clone(&schema), columns.collect()).expect("every column has a value per fact")
}

/// The chunk of `group`, without its facts.
pub(super) fn of(source: Option<&Source>, request: &Request, group: &Group, applied: &Applied, place: &Place) -> Chunk {
    let mode = source.map_or(Mode::Append, |source| source.spec.mode.into());
    let mut chunk = Chunk::new(&group.source, place.batch.clone(), place.chunk, mode);
    chunk.file.clone_from(&group.file);
    chunk.rows = applied.taken.rows;
    chunk.progress.clone_from(&place.progress);
    let met = Met {
        source: &group.source,
        batch: place.batch.as_str(),
        file: group.file.as_deref().unwrap_or_default(),
        at: 0,
        numbered: source.is_none_or(|source| source.spec.kind().is_none_or(Kind::numbers_rows)),
    };
    let discard = match &request.action {
        Action::Discard { reason } => Some(reason.clone()),
        Action::Replay => None,
    };
    let mut outcomes = vec![discard.as_ref().map(|_| RepairOutcome::Discarded); group.rows.len()];
    for at in &applied.stay {
        outcomes[*at] = Some(RepairOutcome::Quarantined);
    }
    let mut refused = Vec::with_capacity(applied.taken.refused.len());
    for one in &applied.taken.refused {
        let at = one.row_no as usize;
        let mut again = again(request, &group.rows[at], applied.keys.get(&at), one);
        let id = &group.rows[at].id;
        if quarantine_id(&met, &again) == *id {
            outcomes[at] = Some(RepairOutcome::Quarantined);
        } else {
            again.replay.replaces = Some(id.clone());
            outcomes[at] = outcomes[at].or(Some(RepairOutcome::Replaced));
        }
        refused.push(again);
    }
    chunk.quarantine = quarantine_rows(&met, &refused);
    let mut facts: Vec<Vec<(u32, u32)>> = vec![Vec::new(); group.rows.len()];
    for (batch, places) in (0..).zip(&applied.taken.places) {
        for (row, at) in (0..).zip(places) {
            facts[*at as usize].push((batch, row));
        }
    }
    let rows = group.rows.iter().zip(outcomes).zip(facts).map(|((row, outcome), facts)| Repair {
        quarantine_id: row.id.clone(),
        edited: request.edits.contains_key(&row.id),
        outcome,
        facts,
    });
    chunk.repairs = Repairs { decided_by: request.decided_by.clone(), reason: discard, rows: rows.collect() };
    chunk
}

/// `one`, which `row` is refused as now, for quarantine.
fn again(request: &Request, row: &OpenRow, key: Option<&String>, one: &Refused) -> Refused {
    Refused {
        target: one.target,
        row_no: row.row_no.unwrap_or(0),
        ordinal: one.ordinal,
        reason: one.reason,
        detail: one.detail.clone(),
        raw: request.edits.get(&row.id).or(row.raw.as_ref()).cloned().unwrap_or_default(),
        replay: ForReplay {
            key: key.or(row.key.as_ref()).cloned(),
            context: row.context.clone(),
            received_at: Some(row.at),
            replaces: None,
        },
    }
}
