//! One append: a verdict for every fact, rows written, one atomic commit.
//!
//! ```text
//! check → keys of all facts → register.judge (holds the keys) → verdicts → Parquet / IPC → log writer → publish
//! ```
//! Runs on blocking threads; several run at once, and only the log writer's commit is serial. Until that commit nothing
//! is visible and everything on disk is an orphan; a failure removes what was staged. [`judge`], [`prepare`] and [`commit`] are
//! apart for [`crate::Appender`], which overlaps the middle one. Whoever has judged waits for nobody's keys any more, so that
//! holding keys while others are waited for in the order of commits cannot lock up.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Instant;

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use arrow::compute::{concat_batches, filter_record_batch};
use arrow::datatypes::SchemaRef;
use clew_model::Timestamp;
use clew_model::tables::{Table, TableKind};
use rustc_hash::FxBuildHasher;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use crate::accounting::accounting;
use crate::batches;
use crate::chunk::{Chunk, FactBatch, FactCounts, Mode, NOTES, Receipt, RepairOutcome, Verdict};
use crate::conflict::{Conflict, First, conflict_rows};
use crate::crash;
use crate::datafile::DataFileWriter;
use crate::entry::{Body, Entry, Part, encode, memory};
use crate::error::{AppendError, Misfit, StorageError};
use crate::hook::Encoded;
use crate::keys::{KeyRecord, Run};
use crate::lake::Inner;
use crate::log::{Commit, room};
use crate::register::Known;
use crate::repairs;
use crate::schema::{arrow_schema, conform, find, widen};

/// Rows of one table up to this many bytes are in the log entry, larger ones are staged as a file.
const INLINE_BYTES: usize = 1 << 20;
/// Keys up to this many are in the log entry, more are staged as a run.
const INLINE_KEYS: usize = 4096;

/// One fact, subject or quarantine row on its way to a verdict.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    key: u128,
    /// Index of the fact batch; [`SUBJECTS`], [`QUARANTINE`] and [`REPAIRS`] for the others.
    batch: u32,
    row: u32,
}

const SUBJECTS: u32 = u32::MAX;
const QUARANTINE: u32 = u32::MAX - 1;
/// Rows of quarantine that a replay decides about: asked for, never written.
const REPAIRS: u32 = u32::MAX - 2;

/// Facts of one target, checked and in the table's types.
struct Target {
    table: &'static Table,
    schema: SchemaRef,
    rows: RecordBatch,
    content: Vec<u64>,
    keep: Vec<bool>,
    conflicts: Vec<Conflict>,
    counts: FactCounts,
}

impl Target {
    fn verdicts(&self) -> Vec<Verdict> {
        let kept = |keep: &bool| if *keep { Verdict::Stored } else { Verdict::Duplicate };
        let mut verdicts: Vec<Verdict> = self.keep.iter().map(kept).collect();
        for conflict in &self.conflicts {
            verdicts[conflict.row] = Verdict::Conflict;
        }
        verdicts
    }
}

/// Files that go away again unless the append succeeds.
#[derive(Default)]
struct Staged {
    files: Vec<PathBuf>,
}

impl Drop for Staged {
    fn drop(&mut self) {
        for file in &self.files {
            let _ = std::fs::remove_file(file);
        }
    }
}

/// A chunk whose facts have their verdicts. It holds its keys: nobody else can store them now.
pub(crate) struct Judged {
    chunk: Chunk,
    targets: Vec<Target>,
    quarantine: RecordBatch,
    repairs: Vec<RepairOutcome>,
    notes: Vec<(&'static Table, RecordBatch)>,
    keys: Vec<KeyRecord>,
    at: Timestamp,
    holds: Holds,
}

impl Judged {
    /// What the append would answer: nothing of it is stored yet.
    pub(crate) fn receipt(&self) -> Receipt {
        let mut facts = BTreeMap::new();
        for target in &self.targets {
            merge_counts(facts.entry(target.table.name).or_default(), target.counts);
        }
        let verdicts = self.targets.iter().map(Target::verdicts).collect();
        let quarantined_rows = self.quarantine.num_rows() as u64;
        Receipt { offset: 0, facts, verdicts, quarantined_rows, repairs: self.repairs.clone() }
    }
}

/// Who decides whose the new subjects of a chunk are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decider {
    /// The write-path hook, now.
    Hook,
    /// The run that follows an import. Files are read side by side, so that the order of their chunks is none to go by.
    NextRun,
}

type Holds = (crate::register::Hold, Option<crate::register::Hold>);

/// A judged chunk whose rows are on disk or encoded, but not yet part of the store.
pub(crate) struct Prepared {
    chunk: Chunk,
    parts: Vec<Part>,
    entry: Vec<u8>,
    keys: Vec<KeyRecord>,
    run: Option<Run>,
    sightings: Vec<Encoded>,
    staged: Staged,
    receipt: Receipt,
    holds: Holds,
}

/// Stores `chunk`; see the module.
pub(crate) fn append(inner: &Arc<Inner>, chunk: Chunk) -> Result<Receipt, AppendError> {
    commit(inner, prepare(inner, judge(inner, chunk)?, Decider::Hook)?)
}

/// Takes hold of the chunk's keys, waiting for whoever has one of them, and decides what becomes of each fact.
pub(crate) fn judge(inner: &Arc<Inner>, mut chunk: Chunk) -> Result<Judged, AppendError> {
    let mut targets = check(&mut chunk)?;
    let quarantine_schema = arrow_schema(find("quarantine")?);
    let quarantine = conform("quarantine", &chunk.quarantine, &quarantine_schema)?;
    let notes = std::mem::take(&mut chunk.notes).into_iter().map(check_note).collect::<Result<_, _>>()?;
    let candidates = candidates(&chunk, &targets, &quarantine);
    let mut unique: Vec<u128> = candidates.iter().map(|candidate| candidate.key).collect();
    unique.dedup();
    let unique = Arc::new(unique);
    let (hold, known) = inner.register.judge(&unique)?;

    let mut quarantine_keep = vec![false; quarantine.num_rows()];
    let mut keys = verdicts(&chunk, &mut targets, &mut quarantine_keep, &candidates, &known)?;
    crash::point("append.judged");

    let at = inner.options.clock.now();
    let conflicts = conflict_rows(&chunk, targets.iter().map(|t| (t.table, &t.rows, t.conflicts.as_slice())), at)?;
    // Verdicts of all facts are made for replays only; the receipt has its own.
    let repairs = if chunk.repairs.rows.is_empty() {
        Vec::new()
    } else {
        let settled: Vec<Vec<Verdict>> = targets.iter().map(Target::verdicts).collect();
        repairs::outcomes(&chunk.repairs, &settled, &conflicts)
    };
    let (conflict_hold, conflicts) = unseen_conflicts(inner, conflicts, &mut keys)?;
    let quarantine = filtered(&quarantine, &quarantine_keep);
    let quarantine = concat_batches(&quarantine_schema, [&quarantine, &conflicts]).map_err(|e| shape("quarantine", &e))?;
    Ok(Judged { chunk, targets, quarantine, repairs, notes, keys, at, holds: (hold, conflict_hold) })
}

/// Encodes the rows and keys of a judged chunk; most of an append's time is spent here.
pub(crate) fn prepare(inner: &Arc<Inner>, judged: Judged, decider: Decider) -> Result<Prepared, AppendError> {
    let receipt = judged.receipt();
    let Judged { chunk, targets, quarantine, repairs, notes, mut keys, at, holds } = judged;
    let mut staged = Staged::default();
    let mut parts = Vec::new();
    let kept: Vec<RecordBatch> = targets.iter().map(|target| filtered(&target.rows, &target.keep)).collect();
    let sightings = match &inner.hooked {
        Some(hooked) => hooked.sightings(decider, targets.iter().zip(&kept).map(|(target, rows)| (target.table.name, rows))),
        None => Vec::new(),
    };
    for (target, rows) in targets.into_iter().zip(kept) {
        parts.extend(stage(inner, &mut staged, target.table, target.schema, rows)?);
    }
    let accounted = accounting(&chunk, &receipt.facts, at).map_err(|e| shape("accounting", &e))?;
    parts.extend(stage(inner, &mut staged, find("quarantine")?, quarantine.schema(), quarantine)?);
    parts.extend(stage(inner, &mut staged, find("accounting")?, accounted.schema(), accounted)?);
    if !chunk.repairs.rows.is_empty() {
        let repaired = repairs::rows(&chunk, &repairs, at).map_err(|e| shape("repairs", &e))?;
        parts.extend(stage(inner, &mut staged, find("repairs")?, repaired.schema(), repaired)?);
    }
    for (table, rows) in notes {
        parts.extend(stage(inner, &mut staged, table, rows.schema(), rows)?);
    }
    crash::point("append.staged");
    let run = stage_keys(inner, &mut staged, &mut keys)?;
    crash::point("append.keys_staged");
    let entry = encode(&parts, &keys).map_err(|e| shape("log", &e))?;
    Ok(Prepared { chunk, parts, entry, keys, run, sightings, staged, receipt, holds })
}

/// Commits through the log writer and waits until the chunk is durable and visible.
pub(crate) fn commit(inner: &Arc<Inner>, prepared: Prepared) -> Result<Receipt, AppendError> {
    let Prepared { chunk, parts, entry, mut keys, run, sightings, mut staged, receipt, holds } = prepared;
    let bytes = memory(&parts, keys.len());
    let (done, answer) = channel();
    let run_name = run.as_ref().map(|run| run.name.clone());
    let publisher = Arc::downgrade(inner);
    let publish = move |offset: u64| {
        if let Some(inner) = publisher.upgrade() {
            keys.iter_mut().for_each(|key| key.offset = offset);
            inner.register.add_tail(&keys);
            if let Some(run) = run {
                inner.register.add_run(run.at_offset(offset));
            }
            inner.publish(Entry { offset, parts, keys, bytes, since: Instant::now() });
        }
        drop(holds);
    };
    let progress = batches::progress(&chunk);
    inner.submit(Commit { entry, sightings, run: run_name, progress, publish: Box::new(publish), done })?;
    let offset = answer.recv().map_err(|_| StorageError::Closed)??;
    staged.files.clear();
    Ok(Receipt { offset, ..receipt })
}

fn shape(table: &str, error: &arrow::error::ArrowError) -> AppendError {
    AppendError::Shape { table: table.to_owned(), detail: error.to_string() }
}

/// Checks the chunk's equations and brings its rows into the tables' types.
fn check(chunk: &mut Chunk) -> Result<Vec<Target>, AppendError> {
    let rows = chunk.rows;
    if rows.read != rows.mapped + rows.skipped + rows.unreadable {
        return Err(AppendError::Shape {
            table: "accounting".to_owned(),
            detail: format!(
                "{} rows read are not {} mapped + {} skipped + {} unreadable",
                rows.read, rows.mapped, rows.skipped, rows.unreadable
            ),
        });
    }
    std::mem::take(&mut chunk.facts).into_iter().map(check_facts).collect()
}

fn check_facts(facts: FactBatch) -> Result<Target, AppendError> {
    let table = find(facts.table)?;
    let misfit = |detail: String| Misfit { table: table.name.to_owned(), detail };
    if table.kind != TableKind::Fact
        || matches!(table.name, "quarantine" | "accounting" | "repairs")
        || NOTES.contains(&table.name)
    {
        return Err(misfit("is not a target of facts".to_owned()).into());
    }
    let n = facts.rows.num_rows();
    if facts.content.len() != n {
        return Err(misfit(format!("{n} rows have {} content hashes", facts.content.len())).into());
    }
    if facts.produced != n as u64 + facts.quarantined + facts.rejected {
        return Err(misfit(format!(
            "{} produced are not {n} rows + {} quarantined + {} rejected",
            facts.produced, facts.quarantined, facts.rejected
        ))
        .into());
    }
    let schema = widen(table, &arrow_schema(table), facts.rows.schema_ref())?;
    let rows = conform(table.name, &facts.rows, &schema)?;
    let counts = FactCounts {
        produced: facts.produced,
        quarantined: facts.quarantined,
        rejected: facts.rejected,
        ..FactCounts::default()
    };
    Ok(Target { table, schema, rows, content: facts.content, keep: vec![false; n], conflicts: Vec::new(), counts })
}

fn check_note((name, rows): (&'static str, RecordBatch)) -> Result<(&'static Table, RecordBatch), AppendError> {
    let table = find(name)?;
    if !NOTES.contains(&name) {
        let detail = format!("describes no chunk; {} do", NOTES.join(", "));
        return Err(Misfit { table: name.to_owned(), detail }.into());
    }
    Ok((table, conform(name, &rows, &arrow_schema(table))?))
}

fn merge_counts(into: &mut FactCounts, counts: FactCounts) {
    into.produced += counts.produced;
    into.stored += counts.stored;
    into.duplicate += counts.duplicate;
    into.quarantined += counts.quarantined;
    into.conflict += counts.conflict;
    into.rejected += counts.rejected;
}

/// Keeps keys of different kinds apart: an event and a response of one source may share an id.
fn tag(kind: &str) -> u128 {
    xxh3_128(kind.as_bytes())
}

/// The key of every fact, subject and quarantine row, ascending by key, then in the order of the chunk.
fn candidates(chunk: &Chunk, targets: &[Target], quarantine: &RecordBatch) -> Vec<Candidate> {
    let facts: usize = targets.iter().map(|target| target.rows.num_rows()).sum();
    let mut all = Vec::with_capacity(facts + chunk.subjects.len() + quarantine.num_rows());
    // Equal to `FactKey::new(source, id)`: the hash of the source's length, the source and the id.
    let mut bytes = (chunk.source.len() as u64).to_le_bytes().to_vec();
    bytes.extend(chunk.source.as_bytes());
    let prefix = bytes.len();
    for (batch, target) in (0..).zip(targets) {
        let ids = target.rows.column(0).as_string::<i32>();
        let tag = tag(target.table.name);
        // Records are versions by content: an older one seen again is known, and stays what it was.
        let by_content = target.table.name == "records" && chunk.mode == Mode::Append;
        for (row, id) in (0..).zip(ids) {
            bytes.truncate(prefix);
            bytes.extend(id.unwrap_or_default().as_bytes());
            let mut key = xxh3_128(&bytes) ^ tag;
            if by_content {
                key ^= xxh3_128(&target.content[row as usize].to_le_bytes());
            }
            all.push(Candidate { key, batch, row });
        }
    }
    let subject_tag = tag("subject");
    for (row, (subject, _)) in (0..).zip(&chunk.subjects) {
        all.push(Candidate { key: xxh3_128(&subject.to_le_bytes()) ^ subject_tag, batch: SUBJECTS, row });
    }
    let quarantine_tag = tag("quarantine");
    for (row, id) in (0..).zip(quarantine.column(0).as_string::<i32>()) {
        all.push(Candidate { key: xxh3_128(id.unwrap_or_default().as_bytes()) ^ quarantine_tag, batch: QUARANTINE, row });
    }
    if chunk.mode != Mode::Append {
        for (row, repair) in (0..).zip(&chunk.repairs.rows).filter(|(_, repair)| !repair.facts.is_empty()) {
            all.push(Candidate { key: xxh3_128(repair.quarantine_id.as_bytes()) ^ quarantine_tag, batch: REPAIRS, row });
        }
    }
    all.sort_unstable();
    all
}

/// The log entry in which the row of each replayed fact was met first: a version stored behind it is newer than the fact.
fn met_at(chunk: &Chunk, candidates: &[Candidate], known: &[Option<Known>]) -> HashMap<(u32, u32), u64, FxBuildHasher> {
    let mut met = HashMap::default();
    if chunk.repairs.rows.is_empty() {
        return met;
    }
    for (group, known) in candidates.chunk_by(|a, b| a.key == b.key).zip(known) {
        let Some(known) = known else { continue };
        for candidate in group.iter().filter(|candidate| candidate.batch == REPAIRS) {
            met.extend(chunk.repairs.rows[candidate.row as usize].facts.iter().map(|fact| (*fact, known.offset)));
        }
    }
    met
}

/// Decides every candidate; gives the keys that are new or have new content, ascending.
fn verdicts(
    chunk: &Chunk,
    targets: &mut [Target],
    quarantine_keep: &mut [bool],
    candidates: &[Candidate],
    known: &[Option<Known>],
) -> Result<Vec<KeyRecord>, AppendError> {
    let mut keys = Vec::with_capacity(known.len());
    let met = met_at(chunk, candidates, known);
    for (group, known) in candidates.chunk_by(|a, b| a.key == b.key).zip(known) {
        // `None` as offset: the first one is in this very chunk.
        let mut newest = known.map(|known| (known.content, Some(known.offset)));
        for candidate in group.iter().filter(|candidate| candidate.batch != REPAIRS) {
            let row = candidate.row as usize;
            let content = match candidate.batch {
                SUBJECTS => xxh3_64(&chunk.subjects[row].1),
                QUARANTINE => 0,
                batch => targets[batch as usize].content[row],
            };
            let same = newest.map(|(newest, _)| newest == content);
            match candidate.batch {
                SUBJECTS if same == Some(false) => {
                    return Err(AppendError::SubjectCollision { subject: chunk.subjects[row].0 });
                }
                SUBJECTS => {}
                QUARANTINE => quarantine_keep[row] = newest.is_none(),
                batch => {
                    let target = &mut targets[batch as usize];
                    match (same, newest) {
                        (Some(true), _) => target.counts.duplicate += 1,
                        (Some(false), Some((content, offset))) if chunk.mode == Mode::Append => {
                            target.counts.conflict += 1;
                            target.counts.quarantined += 1;
                            target.conflicts.push(Conflict {
                                row,
                                content: target.content[row],
                                first: First { content, offset },
                            });
                            continue;
                        }
                        _ => {
                            target.counts.stored += 1;
                            target.keep[row] = true;
                            // A late version is none that the next import is compared with.
                            if let (Some(met), Some((_, Some(offset)))) = (met.get(&(batch, candidate.row)), newest)
                                && *met < offset
                            {
                                continue;
                            }
                        }
                    }
                }
            }
            if same != Some(true) {
                newest = Some((content, None));
            }
        }
        if let Some((content, None)) = newest {
            keys.push(KeyRecord { key: group[0].key, content, offset: 0 });
        }
    }
    for target in targets {
        target.conflicts.sort_unstable_by_key(|conflict| conflict.row);
    }
    Ok(keys)
}

/// Leaves out conflicts that an earlier import put into quarantine already; adds the keys of the others to `keys`.
fn unseen_conflicts(
    inner: &Arc<Inner>,
    conflicts: RecordBatch,
    keys: &mut Vec<KeyRecord>,
) -> Result<(Option<crate::register::Hold>, RecordBatch), AppendError> {
    if conflicts.num_rows() == 0 {
        return Ok((None, conflicts));
    }
    // A tag of their own keeps these keys apart from all keys held so far, so that two appends cannot wait for each other.
    let tag = tag("conflict");
    let mut by_key: BTreeMap<u128, usize> = BTreeMap::new();
    for (row, id) in conflicts.column(0).as_string::<i32>().iter().enumerate() {
        by_key.entry(xxh3_128(id.unwrap_or_default().as_bytes()) ^ tag).or_insert(row);
    }
    let (hold, known) = inner.register.judge(&Arc::new(by_key.keys().copied().collect()))?;
    let mut keep = vec![false; conflicts.num_rows()];
    for ((key, row), known) in by_key.into_iter().zip(known) {
        if known.is_none() {
            keep[row] = true;
            keys.push(KeyRecord { key, content: 0, offset: 0 });
        }
    }
    keys.sort_unstable();
    Ok((Some(hold), filtered(&conflicts, &keep)))
}

fn filtered(rows: &RecordBatch, keep: &[bool]) -> RecordBatch {
    if keep.iter().all(|keep| *keep) {
        return rows.clone();
    }
    filter_record_batch(rows, &BooleanArray::from(keep.to_vec())).expect("one flag a row")
}

/// Brings rows where they go: nowhere if there are none, into the entry if they are few, else into a file.
fn stage(
    inner: &Inner,
    staged: &mut Staged,
    table: &'static Table,
    schema: SchemaRef,
    rows: RecordBatch,
) -> Result<Option<Part>, AppendError> {
    if rows.num_rows() == 0 {
        return Ok(None);
    }
    let bytes: usize = rows.columns().iter().map(|c| c.to_data().get_slice_memory_size().unwrap_or(0)).sum();
    if bytes <= INLINE_BYTES {
        return Ok(Some(Part { table, schema, body: Body::Rows(rows) }));
    }
    let folder = inner.folder(table);
    std::fs::create_dir_all(&folder).map_err(|e| StorageError::io(&folder, e))?;
    room(&folder, bytes as u64 / 2)?;
    let mut writer = DataFileWriter::create(table, &folder, &inner.file_name("parquet"), None, &schema)?;
    writer.write(&rows)?;
    let file = writer.finish()?;
    staged.files.push(folder.join(&file.path));
    Ok(Some(Part { table, schema, body: Body::File(file) }))
}

/// Writes many keys as a run and leaves few where they are.
fn stage_keys(inner: &Inner, staged: &mut Staged, keys: &mut Vec<KeyRecord>) -> Result<Option<Run>, AppendError> {
    if keys.len() <= INLINE_KEYS {
        return Ok(None);
    }
    let folder = inner.register.folder();
    room(folder, keys.len() as u64 * 34)?;
    let name = inner.file_name("keys");
    staged.files.push(folder.join(&name));
    let run = Run::write(folder, &name, keys, 0)?;
    crate::datafile::sync_folder(folder)?;
    // Not cleared but gone: what the entry keeps until it is sealed must not hold their room.
    *keys = Vec::new();
    Ok(Some(run))
}
