//! One thread splits, `threads` threads decode, map and type, and the caller gets the results in the order of the file.
//!
//! Every queue is bounded, so memory is bounded by a few blocks however slow the lake is. Dropping the [`Stream`] ends
//! the threads: the next send of each finds nobody listening.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::Int64Type;
use clew_lake::{FactBatch, Position, RowCounts};
use clew_model::tables::Table;
use rustc_hash::FxHashSet;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::ImportError;
use super::job::{FileWork, Missing};
use super::quarantine::{ForReplay, Refused, row_key};
use crate::expect::{Expectations, REASON};
use crate::mapping::Program;
use crate::observe::{Observed, Sampling, sample_of_facts};
use crate::reader::{Block, Decoded, Decoder, ROW, ReadError, Reader, Unreadable};
use crate::typing::{Arrival, Candidates, in_row_order};

/// Why the rows of a file without a column that the mapping reads are in quarantine.
pub const COLUMN_MISSING: &str = "column_missing";

/// What becomes of one block.
pub struct Mapped {
    /// Position of its file.
    pub file: usize,
    /// The row behind its last one.
    pub next_row: i64,
    /// The rows equation.
    pub rows: RowCounts,
    /// Facts by mapping.
    pub facts: Vec<FactBatch>,
    /// What goes to quarantine.
    pub refused: Vec<Refused>,
    /// Subjects of the facts.
    pub candidates: Candidates,
    /// Where the source goes on behind it, see [`Block::position`].
    pub position: Option<Vec<u8>>,
    /// What its fields looked like.
    pub observed: Observed,
    /// Rows of tables that describe the chunk.
    pub notes: Vec<(&'static str, RecordBatch)>,
    /// What is to be remembered with it.
    pub remembered: Vec<Position>,
}

impl Mapped {
    /// No row of the file at `file`.
    pub fn empty(file: usize, next_row: i64) -> Self {
        Self {
            file,
            next_row,
            rows: RowCounts::default(),
            facts: Vec::new(),
            refused: Vec::new(),
            candidates: Candidates::default(),
            observed: Observed::default(),
            notes: Vec::new(),
            remembered: Vec::new(),
            position: None,
        }
    }
}

/// What comes out, in order.
pub enum Event {
    /// A block of a file.
    Chunk(Box<Mapped>),
    /// The end of the file at this position.
    FileEnd(usize),
}

/// Opens what is read, on the thread that reads it.
pub type Open = Box<dyn FnOnce() -> Result<Reader, ReadError> + Send>;

/// A file to read, or rows in the place of one.
pub struct Start {
    /// Position, for the events.
    pub file: usize,
    /// As facts name it.
    pub name: String,
    /// Opens it.
    pub open: Open,
    /// What is done with it.
    pub work: Arc<FileWork>,
    /// The first row wanted, from 1.
    pub from_row: i64,
}

/// What the blocks of one file have in common.
pub struct Context {
    /// Position of the file.
    pub file: usize,
    /// As facts name it.
    pub name: String,
    /// Makes rows of its blocks.
    pub decoder: Arc<Decoder>,
    /// Positions of the program's columns among those of the decoder.
    pub wanted: Vec<usize>,
    /// What is done with it.
    pub work: Arc<FileWork>,
    /// The tables of the mappings.
    pub targets: Arc<Vec<&'static Table>>,
    /// Microseconds, UTC.
    pub received_at: i64,
    /// What the data must be like.
    pub expectations: Arc<Expectations>,
    /// Which rows are profiled.
    pub sampling: Sampling,
    /// Columns that earlier imports had and these rows lack: they go to quarantine whole.
    pub missing: Vec<Missing>,
}

/// What all files of a source have in common.
#[derive(Clone)]
pub struct Common {
    /// The tables of the mappings.
    pub targets: Arc<Vec<&'static Table>>,
    /// Microseconds, UTC.
    pub received_at: i64,
    /// What the data must be like.
    pub expectations: Arc<Expectations>,
}

type Numbered = (u64, Arc<Context>, Block);
type Outcome = (u64, Result<Event, ImportError>);

/// Results in the order of the files and their rows.
pub struct Stream {
    results: mpsc::Receiver<Outcome>,
    early: BTreeMap<u64, Result<Event, ImportError>>,
    next: u64,
}

impl Stream {
    /// Starts the threads.
    pub fn start(files: Vec<Start>, common: Common, threads: usize) -> Self {
        let (to_workers, blocks) = sync_channel::<Numbered>(threads);
        let (to_caller, results) = mpsc::channel::<Outcome>(threads);
        let blocks = Arc::new(Mutex::new(blocks));
        let handle = Handle::current();
        for _ in 0..threads {
            let (blocks, to_caller, handle) = (blocks.clone(), to_caller.clone(), handle.clone());
            std::thread::spawn(move || work(&blocks, &to_caller, &handle));
        }
        std::thread::spawn(move || {
            let mut number = 0;
            if let Err(error) = split(files, &common, &mut number, (&to_workers, &to_caller)) {
                // Nobody listening means that the import has ended already.
                let _ = to_caller.blocking_send((number, Err(error)));
            }
        });
        Self { results, early: BTreeMap::new(), next: 0 }
    }

    /// The next event, or `None` behind the last.
    pub async fn next(&mut self) -> Option<Result<Event, ImportError>> {
        loop {
            if let Some(event) = self.early.remove(&self.next) {
                self.next += 1;
                return Some(event);
            }
            match self.results.recv().await {
                Some((number, event)) => {
                    self.early.insert(number, event);
                }
                // All senders are gone: a gap means that a worker died with its block.
                None if self.early.is_empty() => return None,
                None => return Some(Err(ImportError::Worker)),
            }
        }
    }
}

fn split(
    files: Vec<Start>,
    common: &Common,
    number: &mut u64,
    (to_workers, to_caller): (&SyncSender<Numbered>, &mpsc::Sender<Outcome>),
) -> Result<(), ImportError> {
    for start in files {
        let mut reader = (start.open)()?;
        reader.add_columns(start.work.added.iter().map(String::as_str));
        let work = &start.work;
        if work.missing.is_empty() {
            reader.project(&|name| work.columns().any(|column| column == name))?;
        }
        let mut block = reader.next_block()?;
        let missing = work.missing_in(block.as_ref().map_or(0, Block::len));
        let schema = reader.schema();
        let columns = work.columns().filter(|_| missing.is_empty());
        let wanted = columns.map(|name| schema.index_of(name)).collect::<Result<Vec<usize>, _>>();
        let wanted = wanted.map_err(|_| ReadError::Format {
            path: Path::new(&start.name).into(),
            message: "its columns changed while the import ran".into(),
            remedy: "import again when nobody writes it".into(),
        })?;
        let context = Arc::new(Context {
            file: start.file,
            name: start.name,
            decoder: reader.decoder(),
            wanted,
            work: start.work,
            targets: common.targets.clone(),
            received_at: common.received_at,
            expectations: common.expectations.clone(),
            sampling: Sampling::File,
            missing,
        });
        while let Some(mut next) = block {
            next.skip_before(start.from_row);
            if !next.is_empty() {
                if to_workers.send((*number, context.clone(), next)).is_err() {
                    return Ok(());
                }
                *number += 1;
            }
            block = reader.next_block()?;
        }
        if to_caller.blocking_send((*number, Ok(Event::FileEnd(start.file)))).is_err() {
            return Ok(());
        }
        *number += 1;
    }
    Ok(())
}

fn work(blocks: &Mutex<Receiver<Numbered>>, to_caller: &mpsc::Sender<Outcome>, handle: &Handle) {
    loop {
        let next = blocks.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((number, context, block)) = next else { return };
        let event = context.map(&block, handle).map(|mapped| Event::Chunk(Box::new(mapped)));
        if to_caller.blocking_send((number, event)).is_err() {
            return;
        }
    }
}

impl Context {
    /// Decodes, maps and types `block`; plans run on `handle`'s runtime, of which this thread is none.
    pub fn map(&self, block: &Block, handle: &Handle) -> Result<Mapped, ImportError> {
        if !self.missing.is_empty() {
            return Ok(self.set_all_apart(block));
        }
        let mut decoded = self.decoder.decode(block, &self.wanted);
        let program = &self.work.program;
        let read = block.len() as u64;
        let mut mapped = Mapped::empty(self.file, block.first_row + read as i64);
        let sample = self.sampling.of(block.first_row, decoded.batch.num_rows(), self.received_at);
        mapped.observed.see_raw(&decoded.batch, &self.work.schema, &sample);
        self.judge_raw(block, &mut decoded, &mut mapped.observed);
        decoded.batch = self.of_program(&decoded.batch);
        let mut outputs = Vec::with_capacity(program.len());
        for at in 0..program.len() {
            if let Ok(output) = handle.block_on(program.run(at, &decoded.batch)) {
                outputs.push(in_row_order(output));
                continue;
            }
            // Some row makes the SQL fail: find such rows, take them out for every target, and begin again.
            outputs.clear();
            self.set_failing_apart(block, &mut decoded.batch, &mut decoded.unreadable, handle)?;
            for at in 0..program.len() {
                outputs.push(in_row_order(handle.block_on(program.run(at, &decoded.batch))?));
            }
            break;
        }
        mapped.position = block.position().map(<[u8]>::to_vec);
        let arrival = Arrival { received_at: self.received_at, file: &self.name, first_row: block.first_row, keys: &block.keys };
        for (at, (typer, output)) in self.work.typers.iter().zip(&outputs).enumerate() {
            let table = self.targets[at];
            let mut typed = typer.apply(output, &arrival, &mut mapped.candidates);
            let sampled = sample_of_facts(sample.len(), typed.rows.num_rows());
            mapped.observed.see_facts(table, &typed, typer.fields(), (&sampled, self.received_at));
            self.expectations.judge_facts(table, &mut typed, &mut mapped.observed.judged);
            let quarantined = typed.failures.len() as u64;
            let (mut last, mut ordinal) = (0, 0);
            for failure in typed.failures {
                ordinal = if failure.row_no == last { ordinal + 1 } else { 0 };
                last = failure.row_no;
                let raw = self.decoder.raw_row(block, failure.row_no);
                let (row_no, reason, detail) = (failure.row_no, failure.reason, failure.detail);
                let replay = for_replay(block, row_no);
                mapped.refused.push(Refused { target: Some(table.name), row_no, ordinal, reason, detail, raw, replay });
            }
            let (produced, rejected) = (typed.produced, 0);
            mapped.facts.push(FactBatch {
                table: table.name,
                rows: typed.rows,
                content: typed.content,
                produced,
                quarantined,
                rejected,
            });
        }
        let with_facts = rows_with_facts(&outputs, block);
        let unreadable = decoded.unreadable.len() as u64;
        mapped.rows = RowCounts { read, mapped: with_facts, skipped: read - with_facts - unreadable, unreadable };
        mapped.refused.extend(decoded.unreadable.into_iter().map(|row| {
            let replay = for_replay(block, row.row_no);
            Refused { replay, ..refuse_row(row) }
        }));
        Ok(mapped)
    }

    /// The columns that the program reads, which are the first.
    fn of_program(&self, batch: &RecordBatch) -> RecordBatch {
        let columns: Vec<usize> = (0..=self.work.program.columns.len()).collect();
        batch.project(&columns).expect("they were decoded first")
    }

    /// Takes out the rows that an expectation over raw rows keeps from being stored.
    fn judge_raw(&self, block: &Block, decoded: &mut Decoded, observed: &mut Observed) {
        let apart = self.expectations.judge_raw(&decoded.batch, &self.work.conditions, &mut observed.judged);
        if apart.is_empty() {
            return;
        }
        let rows = decoded.batch.column_by_name(ROW).expect("every decoded batch has it").as_primitive::<Int64Type>().clone();
        let mut keep = vec![true; rows.len()];
        for (at, rule) in apart {
            keep[at] = false;
            let (row_no, detail) = (rows.value(at), self.expectations.detail(rule));
            decoded.unreadable.push(Unreadable { row_no, reason: REASON, detail, raw: self.decoder.raw_row(block, row_no) });
        }
        decoded.batch = filter_record_batch(&decoded.batch, &BooleanArray::from(keep)).expect("the mask has a value per row");
    }

    /// Every row of a block that lacks columns goes to quarantine, to be replayed when the mapping is corrected.
    fn set_all_apart(&self, block: &Block) -> Mapped {
        let columns: Vec<&str> = self.missing.iter().map(|missing| missing.column.as_str()).collect();
        let detail = match columns[..] {
            [column] => format!("the column {column}, which the mapping reads and earlier imports had, is missing"),
            _ => format!("the columns {}, which the mapping reads and earlier imports had, are missing", columns.join(", ")),
        };
        let decoded = self.decoder.decode(block, &[]);
        let rows = decoded.batch.column_by_name(ROW).expect("every decoded batch has it").as_primitive::<Int64Type>();
        let read = block.len() as u64;
        let mut mapped = Mapped::empty(self.file, block.first_row + read as i64);
        mapped.position = block.position().map(<[u8]>::to_vec);
        mapped.rows = RowCounts { read, unreadable: read, ..RowCounts::default() };
        let whole = rows.values().iter().map(|row_no| Unreadable {
            row_no: *row_no,
            reason: COLUMN_MISSING,
            detail: detail.clone(),
            raw: self.decoder.raw_row(block, *row_no),
        });
        let refused = |row: Unreadable| Refused { replay: for_replay(block, row.row_no), ..refuse_row(row) };
        mapped.refused = whole.chain(decoded.unreadable).map(refused).collect();
        mapped.observed.missing = columns.iter().map(|column| ((*column).to_owned(), rows.len() as u64)).collect();
        mapped
    }

    fn set_failing_apart(
        &self,
        block: &Block,
        batch: &mut RecordBatch,
        unreadable: &mut Vec<Unreadable>,
        handle: &Handle,
    ) -> Result<(), ImportError> {
        let mut failing: FxHashSet<i64> = FxHashSet::default();
        for at in 0..self.work.program.len() {
            find_failing(&self.work.program, at, batch, handle, &mut failing)?;
        }
        let rows = batch.column_by_name(ROW).expect("every decoded batch has it").as_primitive::<Int64Type>();
        let keep: BooleanArray = rows.values().iter().map(|row| Some(!failing.contains(row))).collect();
        let mut failing: Vec<i64> = failing.into_iter().collect();
        failing.sort_unstable();
        for row_no in failing {
            let raw = self.decoder.raw_row(block, row_no);
            let detail = "the SQL of a mapping fails on this row: use try_cast or a CASE".into();
            unreadable.push(Unreadable { row_no, reason: "mapping_failed", detail, raw });
        }
        *batch = filter_record_batch(batch, &keep).expect("the mask has a value per row");
        Ok(())
    }
}

/// Halves the batch until the rows are found on which mapping `at` fails.
fn find_failing(
    program: &Program,
    at: usize,
    batch: &RecordBatch,
    handle: &Handle,
    failing: &mut FxHashSet<i64>,
) -> Result<(), ImportError> {
    let Err(error) = handle.block_on(program.run(at, batch)) else { return Ok(()) };
    match batch.num_rows() {
        // It fails without a row: the fault is not in the data.
        0 => Err(error.into()),
        1 => {
            failing.insert(batch.column_by_name(ROW).expect("every decoded batch has it").as_primitive::<Int64Type>().value(0));
            Ok(())
        }
        rows => {
            let half = rows / 2;
            find_failing(program, at, &batch.slice(0, half), handle, failing)?;
            find_failing(program, at, &batch.slice(half, rows - half), handle, failing)
        }
    }
}

/// How many rows of `block` gave a fact to any target.
fn rows_with_facts(outputs: &[RecordBatch], block: &Block) -> u64 {
    let mut seen = vec![false; block.len()];
    for output in outputs {
        let rows = output.column_by_name(ROW).expect("every mapping carries it").as_primitive::<Int64Type>();
        for row in rows.values() {
            seen[(row - block.first_row) as usize] = true;
        }
    }
    seen.iter().filter(|seen| **seen).count() as u64
}

/// An unreadable row for quarantine.
pub fn refuse_row(row: Unreadable) -> Refused {
    let Unreadable { row_no, reason, detail, raw } = row;
    Refused { target: None, row_no, ordinal: 0, reason, detail, raw, replay: ForReplay::default() }
}

/// What a replay must know of row `row_no` of `block`.
fn for_replay(block: &Block, row_no: i64) -> ForReplay {
    let key = usize::try_from(row_no - block.first_row).ok().and_then(|at| block.keys.get(at));
    ForReplay { key: key.copied().map(row_key), ..ForReplay::default() }
}
