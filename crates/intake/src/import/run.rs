//! Prepared jobs into the lake, chunk by chunk, in order.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use clew_lake::literal::Text;
use clew_lake::{
    AppendError, Appender, Appending, Batch, Chunk, Lake, Mode as LakeMode, Position, Progress as LakeProgress, Repairs,
    RowCounts,
};
use clew_model::tables::Table;

use super::job::{FileWork, Job};
use super::lookups::LoadedLookup;
use super::quality::Quality;
use super::quarantine::{Place, rows as quarantine_rows};
use super::report::{FileReport, RowReport, SourceReport, TargetReport};
use super::workers::{Common, Event, Mapped, Start, Stream, refuse_row};
use super::{ImportError, Progress};
use crate::alarm::{self, Alarm};
use crate::expect::{Expectations, seen};
use crate::observe::{NotePlace, Observed};
use crate::outcome::{MAX_SALT, Offered, check, rename_subject};
use crate::reader::Reader;
use crate::spec::{Kind, Source};

/// Subjects that an import remembers: 160 MB at most.
const MOST_SUBJECTS: usize = 10_000_000;

/// Runs jobs.
pub struct Importer<'a> {
    pub(super) lake: &'a Lake,
    progress: &'a dyn Progress,
    /// Subjects that this import has offered to the register.
    seen: Mutex<Offered>,
    pub(super) deletions: Mutex<BTreeMap<String, Vec<(&'static Table, RecordBatch)>>>,
    pub(super) threads: usize,
}

/// Chunks in their order, those of them that are not stored yet with their file and their rows.
struct Line {
    appender: Appender,
    on_their_way: VecDeque<(usize, RowCounts, Appending)>,
}

/// One batch on its way.
pub struct Run<'a> {
    pub(super) source: &'a Source,
    pub(super) batch: Batch,
    pub(super) chunk: i64,
    pub(super) received_at: i64,
    pub(super) files: Vec<RunFile>,
    pub(super) expectations: Arc<Expectations>,
    /// Columns that are missing, and what each may be called now.
    pub(super) renamed: BTreeMap<String, Option<String>>,
    is_numbered: bool,
    pub(super) quality: Quality,
    /// Promoted columns that took a wider type, as told with their chunks.
    pub(super) widened: Vec<Alarm>,
    since: Instant,
}

/// A file of a batch, or what stands for one.
pub struct RunFile {
    pub(super) report: FileReport,
    /// Which version of it this is: a batch goes on in the same one only.
    version: Vec<u8>,
    /// What is kept when it is taken in to its end.
    seen: Option<Position>,
}

impl RunFile {
    /// The file that facts call `name`.
    pub fn new(name: &str, version: Vec<u8>, seen: Option<Position>) -> Self {
        Self { report: FileReport::new(name), version, seen }
    }
}

/// The name of the position that rows without files have.
pub const MARK_POSITION: &str = "mark";

impl<'a> Importer<'a> {
    /// An importer into `lake`.
    pub fn new(lake: &'a Lake, progress: &'a dyn Progress) -> Self {
        let threads = std::thread::available_parallelism().map_or(2, usize::from).min(16);
        let seen = Mutex::new(Offered::new(MOST_SUBJECTS));
        Self { lake, progress, seen, deletions: Mutex::default(), threads }
    }

    /// Opens the batch of `source` with this fingerprint, or goes on in it.
    pub fn begin(&self, source: &'a Source, expectations: &Arc<Expectations>, fingerprint: &str) -> Result<Run<'a>, ImportError> {
        let batch = self.lake.batches().open_batch(&source.name, fingerprint, 0)?;
        let uniques = seen::recall(self.lake, &source.name, batch.id.as_str(), expectations)?;
        Ok(Run {
            source,
            chunk: batch.next_chunk,
            batch,
            received_at: self.lake.now().micros(),
            files: Vec::new(),
            expectations: Arc::clone(expectations),
            renamed: BTreeMap::new(),
            is_numbered: source.spec.kind().is_none_or(Kind::numbers_rows),
            quality: Quality::behind(uniques),
            widened: Vec::new(),
            since: Instant::now(),
        })
    }

    fn begin_job(&self, job: &'a Job<'a>) -> Result<Run<'a>, ImportError> {
        let mut run = self.begin(job.source, &job.expectations, &job.fingerprint)?;
        run.files = job.files.iter().map(|file| RunFile::new(&file.name, Vec::new(), Some(file.seen()))).collect();
        job.files.iter().for_each(|file| run.learn(&file.work));
        Ok(run)
    }

    /// Tells what is not as expected, closes the batch and reports.
    pub async fn end(&self, mut run: Run<'_>) -> Result<SourceReport, ImportError> {
        let alarms = if run.source.mappings.is_empty() { Vec::new() } else { self.tell(&mut run).await? };
        self.lake.batches().close_batch(&run.source.name, &run.batch.id)?;
        seen::forget(self.lake, &run.source.name)?;
        Ok(SourceReport { alarms, ..run.into_report() })
    }

    /// Counts the rows of a lookup.
    pub async fn count_lookup(&self, job: &'a Job<'a>, lookup: &LoadedLookup) -> Result<SourceReport, ImportError> {
        let mut run = self.begin_job(job)?;
        self.recall(&mut run).await?;
        let mut line = Line { appender: self.lake.appender(), on_their_way: VecDeque::new() };
        for (file, (_, rows, unreadable)) in lookup.files.iter().enumerate() {
            if run.resume_row(file).is_none() {
                continue;
            }
            let mut mapped = Mapped::empty(file, rows.read as i64 + 1);
            mapped.rows = *rows;
            mapped.refused = unreadable.iter().cloned().map(refuse_row).collect();
            self.append(&mut run, &mut line, mapped, true).await?;
        }
        self.settle(&mut run, &mut line, 0).await?;
        self.end(run).await
    }

    /// Imports one source of files.
    pub async fn run(&self, job: &'a Job<'a>) -> Result<SourceReport, ImportError> {
        let mut run = self.begin_job(job)?;
        self.recall(&mut run).await?;
        let starts = job.starts(|file| run.resume_row(file));
        self.store(&mut run, starts).await?;
        let deleted = self.append_deletions(&mut run).await?;
        let mut report = self.end(run).await?;
        report.deleted = deleted;
        Ok(report)
    }

    /// Stores what `starts` read, which are files of `run` by their positions.
    pub async fn store(&self, run: &mut Run<'_>, starts: Vec<Start>) -> Result<(), ImportError> {
        let mut line = Line { appender: self.lake.appender(), on_their_way: VecDeque::new() };
        let stored = self.store_all(run, &mut line, starts).await;
        if stored.is_err() {
            // What is on its way is whole chunks: it is stored, and the next import goes on behind it.
            let _ = self.settle(run, &mut line, 0).await;
        }
        stored
    }

    async fn store_all(&self, run: &mut Run<'_>, line: &mut Line, starts: Vec<Start>) -> Result<(), ImportError> {
        let mut stream = self.stream(run.source, &run.expectations, starts, run.received_at);
        let mut held: Option<Box<Mapped>> = None;
        while let Some(event) = stream.next().await {
            match event? {
                // A chunk is held until it is known whether its file ends with it.
                Event::Chunk(mapped) => {
                    if let Some(before) = held.replace(mapped) {
                        self.append(run, line, *before, false).await?;
                    }
                }
                Event::FileEnd(file) => {
                    let last = held.take().map_or_else(|| Mapped::empty(file, run.resume_row(file).unwrap_or(1)), |last| *last);
                    self.append(run, line, last, true).await?;
                }
            }
        }
        self.settle(run, line, 0).await
    }

    /// What `starts` read, mapped for `source`, in their order.
    pub(super) fn stream(
        &self,
        source: &Source,
        expectations: &Arc<Expectations>,
        starts: Vec<Start>,
        received_at: i64,
    ) -> Stream {
        let targets = Arc::new(source.mappings.iter().map(|mapping| mapping.target).collect());
        Stream::start(starts, Common { targets, received_at, expectations: Arc::clone(expectations) }, self.threads)
    }

    /// Lets `mapped` be stored behind what is on its way, and waits while too much is.
    async fn append(&self, run: &mut Run<'_>, line: &mut Line, mut mapped: Mapped, done: bool) -> Result<(), ImportError> {
        self.settle(run, line, self.threads).await?;
        let widened = crate::widening::alarms(self.lake, &mapped.facts, &run.source.spec.columns);
        (mapped.notes, mapped.remembered) = run.notes(&mut mapped.observed, widened);
        let appending = self.append_mapped(run, &mut line.appender, &mut mapped, done).await?;
        line.on_their_way.push_back((mapped.file, mapped.rows, appending));
        run.chunk += 1;
        Ok(())
    }

    /// Waits until at most `most` chunks are on their way, and counts those that are stored.
    async fn settle(&self, run: &mut Run<'_>, line: &mut Line, most: usize) -> Result<(), ImportError> {
        while line.on_their_way.len() > most
            && let Some((file, rows, appending)) = line.on_their_way.pop_front()
        {
            let receipt = appending.receipt().await?;
            let report = &mut run.files[file].report;
            report.add_rows(rows);
            for (table, facts) in &receipt.facts {
                report.add_facts(table, facts);
            }
            self.progress.stored(&run.source.name, &report.file, rows.read);
        }
        Ok(())
    }

    async fn append_mapped(
        &self,
        run: &Run<'_>,
        appender: &mut Appender,
        mapped: &mut Mapped,
        done: bool,
    ) -> Result<Appending, ImportError> {
        for salt in 0..MAX_SALT {
            let new = self.seen.lock().unwrap_or_else(PoisonError::into_inner).new_among(&mapped.candidates);
            let subjects = match new {
                Ok(subjects) => subjects,
                Err(taken) => {
                    rename_subject(&mut mapped.candidates, &mut mapped.facts, taken, salt + 1);
                    continue;
                }
            };
            let offered: Vec<(i64, u64)> = subjects.iter().map(|(subject, bytes)| (*subject, check(bytes))).collect();
            match appender.append(run.chunk_of(mapped, subjects, done)).await {
                Ok(appending) => {
                    self.seen.lock().unwrap_or_else(PoisonError::into_inner).extend(offered);
                    return Ok(appending);
                }
                Err(AppendError::SubjectCollision { subject }) => {
                    rename_subject(&mut mapped.candidates, &mut mapped.facts, subject, salt + 1);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(ImportError::Append(AppendError::SubjectCollision { subject: 0 }))
    }

    /// What an earlier, interrupted run of this batch has counted already.
    pub async fn recall(&self, run: &mut Run<'_>) -> Result<(), ImportError> {
        if !run.batch.resumed {
            return Ok(());
        }
        let sql = format!(
            "SELECT file, target, sum(rows_read) AS r, sum(rows_mapped) AS m, sum(rows_skipped) AS s, sum(rows_unreadable) AS u, \
             sum(produced) AS p, sum(stored) AS st, sum(duplicate) AS d, sum(quarantined) AS q, sum(rejected) AS rj \
             FROM accounting WHERE batch = {} GROUP BY file, target",
            Text(run.batch.id.as_str())
        );
        let places: HashMap<String, usize> =
            run.files.iter().enumerate().rev().map(|(place, file)| (file.report.file.clone(), place)).collect();
        for batch in self.lake.session().sql(&sql).await?.collect().await? {
            let text = |at: usize| crate::typing::convert::text(batch.column(at));
            let (files, targets) = (text(0), text(1));
            let sum = |at: usize, row: usize| {
                let column = batch.column(at).as_primitive::<Int64Type>();
                if column.is_valid(row) { column.value(row) as u64 } else { 0 }
            };
            for row in 0..batch.num_rows() {
                let Some(place) = files.is_valid(row).then(|| places.get(files.value(row))).flatten() else { continue };
                let report = &mut run.files[*place].report;
                if targets.is_null(row) {
                    report.rows =
                        RowReport { read: sum(2, row), mapped: sum(3, row), skipped: sum(4, row), unreadable: sum(5, row) };
                } else if let Some(table) = Table::find(targets.value(row)) {
                    let counts = TargetReport {
                        produced: sum(6, row),
                        stored: sum(7, row),
                        duplicate: sum(8, row),
                        quarantined: sum(9, row),
                        rejected: sum(10, row),
                    };
                    report.targets.insert(table.name, counts);
                }
            }
        }
        Ok(())
    }

    async fn append_deletions(&self, run: &mut Run<'_>) -> Result<u64, ImportError> {
        let found = self.deletions.lock().unwrap_or_else(PoisonError::into_inner).remove(&run.source.name);
        let mut deleted = 0;
        for (table, rows) in found.into_iter().flatten() {
            let facts = super::snapshot::deleted_versions(table, &rows, run.received_at);
            let mut chunk = Chunk::new(&run.source.name, run.batch.id.clone(), run.chunk, LakeMode::Snapshot);
            chunk.facts = vec![facts];
            let receipt = self.lake.append(chunk).await?;
            run.chunk += 1;
            deleted += receipt.facts.get(table.name).map_or(0, |counts| counts.stored);
        }
        Ok(deleted)
    }
}

impl Run<'_> {
    /// Adds a file. Returns its position.
    pub fn add(&mut self, file: RunFile) -> usize {
        self.files.push(file);
        self.files.len() - 1
    }

    /// Takes note of the columns that rows of `work` lack.
    pub fn learn(&mut self, work: &FileWork) {
        let missing = work.missing.iter().chain(work.absent.iter().map(|(missing, _)| missing));
        self.renamed.extend(missing.map(|missing| (missing.column.clone(), missing.renamed.clone())));
    }

    /// The rows that describe a chunk with what was `observed` of it, and the columns that it has `widened`.
    fn notes(&mut self, observed: &mut Observed, mut widened: Vec<Alarm>) -> (Vec<(&'static str, RecordBatch)>, Vec<Position>) {
        let (new, profiles) = self.quality.gather(observed);
        let remembered = seen::positions(&self.expectations, self.batch.id.as_str(), &format!("{:020}", self.chunk), &new);
        let mut notes = observed.notes(&self.note_place(), &profiles);
        // Chunks before it may be on their way with the same.
        let is_same =
            |one: &Alarm, other: &Alarm| (&one.rule, &one.target, &one.field) == (&other.rule, &other.target, &other.field);
        widened.retain(|new| !self.widened.iter().any(|told| is_same(told, new)));
        if !widened.is_empty() {
            notes.push(("alarms", alarm::rows(&self.note_place(), &widened)));
            self.widened.extend(widened);
        }
        (notes, remembered)
    }

    /// What the notes of its next chunk have in common.
    pub(super) fn note_place(&self) -> NotePlace<'_> {
        NotePlace {
            source: &self.source.name,
            batch: self.batch.id.as_str(),
            chunk: self.chunk,
            at: self.received_at,
            expectations: &self.expectations,
        }
    }

    /// The first row of the file that is not stored yet; `None` when all are.
    pub fn resume_row(&self, file: usize) -> Option<i64> {
        let file = &self.files[file];
        match self.batch.resume.get(&file.report.file).filter(|progress| progress.state == file.version) {
            Some(progress) if progress.done => None,
            Some(progress) => Some(progress.next_row as i64),
            None => Some(1),
        }
    }

    /// The row behind the last one that is stored, for rows that go on for ever.
    pub fn next_row(&self, file: usize) -> i64 {
        self.batch.resume.get(&self.files[file].report.file).map_or(1, |progress| progress.next_row as i64)
    }

    /// What became of it so far.
    pub fn into_report(self) -> SourceReport {
        SourceReport {
            source: self.source.name.clone(),
            batch: self.batch.id.to_string(),
            resumed: self.batch.resumed,
            files: self.files.into_iter().map(|file| file.report).collect(),
            deleted: 0,
            warnings: Vec::new(),
            alarms: Vec::new(),
            seconds: self.since.elapsed().as_secs_f64(),
        }
    }

    fn chunk_of(&self, mapped: &Mapped, subjects: Vec<(i64, Vec<u8>)>, done: bool) -> Chunk {
        let source = &self.source.name;
        let file = &self.files[mapped.file];
        let name = &file.report.file;
        let (batch, numbered) = (self.batch.id.as_str(), self.is_numbered);
        let place = Place { source, batch, file: name, at: self.received_at, numbered };
        let mark = mapped.position.clone().map(|value| Position { name: MARK_POSITION.to_owned(), value });
        let seen = file.seen.clone().filter(|_| done);
        let state = file.version.clone();
        Chunk {
            source: source.clone(),
            batch: self.batch.id.clone(),
            chunk: self.chunk,
            file: Some(name.clone()),
            mode: self.source.spec.mode.into(),
            rows: mapped.rows,
            facts: mapped.facts.clone(),
            quarantine: quarantine_rows(&place, &mapped.refused),
            repairs: Repairs::default(),
            subjects,
            notes: mapped.notes.clone(),
            progress: Some(LakeProgress { file: name.clone(), next_row: mapped.next_row as u64, done, state }),
            positions: mark.into_iter().chain(seen).chain(mapped.remembered.iter().cloned()).collect(),
        }
    }
}

impl Job<'_> {
    /// The files from where `resume` says; those that it gives `None` for are left out.
    pub fn starts(&self, resume: impl Fn(usize) -> Option<i64>) -> Vec<Start> {
        let start = |(at, file): (usize, &super::job::FileJob)| {
            let (path, options) = (file.path.clone(), file.options.clone());
            let open = Box::new(move || Reader::open(&path, &options));
            Some(Start { file: at, name: file.name.clone(), open, work: file.work.clone(), from_row: resume(at)? })
        };
        self.files.iter().enumerate().filter_map(start).collect()
    }
}
