//! The write-path hook: what a layer above decides about new subjects, made durable with the facts that brought them.
//!
//! The lake knows no rules. It shows a registered [`WriteHook`] the subjects that a chunk brings, as [`Sighting`]s, one after the other in
//! the order of the log, and puts what the hook writes to its index into the same atomic batch as the chunk. So the index says of every
//! acknowledged fact whose it is, after a crash too.
//!
//! | keyspace | key → value |
//! |---|---|
//! | `online-<generation>` | the hook's own keys and values |
//! | `recent` | offset, ordinal (big-endian) → a sighting that the generation does not hold as a base |
//! | `meta` | `online_generation`, `online_version`, `online_base`, `online_cutoff` |
//!
//! A run makes a new **generation** ([`Lake::rebase`]): its answer is written beside the index in use, what came after the run had read is
//! decided again on top of it, and one durable batch switches over. A crash leaves the old one or the new one; the other is removed at
//! opening. A hook of another version (its rules have changed) begins with an empty generation and the recent sightings.
//!
//! What it costs: nothing for chunks of known subjects but a question to the hook, which remembers; for a new subject the decision and a few
//! keys, on the log's own thread. Imports ([`crate::Appender`]) and chunks of more than [`BULK_ROWS`] rows are left to the next run, and
//! so is what comes while [`MOST_RECENT`] sightings wait for one. A fault of the index never refuses a fact: the index is marked and made anew by the next run.

use std::any::Any;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, RwLock};
use std::time::Instant;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use fjall::{Keyspace, KeyspaceCreateOptions};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::append::Decider;
use crate::crash;
use crate::error::StorageError;
use crate::lake::Lake;
use crate::log::Log;

/// Rows of a chunk that are still looked at one by one; a chunk with more is a bulk import by another way.
pub const BULK_ROWS: usize = 8_192;
/// Sightings that may wait for a run, some 200 MB of log; what comes beyond is left to it.
pub const MOST_RECENT: u64 = 2_000_000;
/// Sightings that are decided and written together when a generation is made.
const REPLAYED_TOGETHER: usize = 4_096;
/// Bytes of values that wait in memory, for each keyspace: as nodes of a skip list they take several times that.
const INDEX_MEMTABLE: u64 = 8 << 20;
/// Old sightings that are removed in one batch.
const REMOVED_TOGETHER: usize = 16_384;
const PREFIX: &str = "online-";

/// A subject as a stored fact shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// The subject.
    pub subject: i64,
    /// Population of the fact.
    pub population: String,
    /// Source of the fact.
    pub source: String,
    /// Time of the fact, microseconds UTC.
    pub at_us: i64,
    /// A record, whose versions may each bring other identifiers; else an identifier set.
    pub record: bool,
    /// Type and value of its identifiers.
    pub identifiers: Vec<(String, String)>,
}

impl Sighting {
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(64);
        bytes.extend(self.subject.to_be_bytes());
        bytes.extend(self.at_us.to_be_bytes());
        bytes.push(u8::from(self.record));
        let texts = [&self.population, &self.source].into_iter().chain(self.identifiers.iter().flat_map(|(a, b)| [a, b]));
        for text in texts {
            bytes.extend((text.len() as u32).to_be_bytes());
            bytes.extend(text.as_bytes());
        }
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let number = |at: usize| Some(i64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
        let (subject, at_us, record) = (number(0)?, number(8)?, *bytes.get(16)? == 1);
        let (mut rest, mut texts) = (&bytes[17..], Vec::new());
        while !rest.is_empty() {
            let (length, tail) = rest.split_at_checked(4)?;
            let length = u32::from_be_bytes(length.try_into().ok()?) as usize;
            let (text, tail) = tail.split_at_checked(length)?;
            texts.push(std::str::from_utf8(text).ok()?.to_owned());
            rest = tail;
        }
        let mut texts = texts.into_iter();
        let (population, source) = (texts.next()?, texts.next()?);
        let mut identifiers = Vec::with_capacity(texts.len() / 2);
        while let (Some(kind), Some(value)) = (texts.next(), texts.next()) {
            identifiers.push((kind, value));
        }
        Some(Self { subject, population, source, at_us, record, identifiers })
    }
}

/// A sighting and its bytes. Appends are prepared side by side and decided about one after the other: what can be made before is.
pub(crate) struct Encoded {
    sighting: Sighting,
    bytes: Vec<u8>,
}

impl From<Sighting> for Encoded {
    fn from(sighting: Sighting) -> Self {
        Self { bytes: sighting.to_bytes(), sighting }
    }
}

/// What a layer above registers into the write path ([`crate::Options::hook`]).
pub trait WriteHook: Any + fmt::Debug + Send + Sync {
    /// Changes whenever what the hook wrote before means something else now.
    fn version(&self) -> u64;
    /// Those of `subjects` that the index does not know. Called by many threads.
    fn unknown(&self, index: &Index, subjects: Vec<i64>) -> Result<Vec<i64>, StorageError>;
    /// Decides about one subject and writes the answer into `index`. Everything that it goes by is in there.
    fn decide(&self, index: &mut IndexWriter<'_>, sighting: &Sighting) -> Result<(), StorageError>;
    /// These changes are durable, in this order, and may be shown.
    fn stored(&self, changes: &[Change]);
    /// Forgets what it shows and reads it from `index`: at opening, and when a run's answer has taken over.
    fn load(&self, index: &Index) -> Result<(), StorageError>;
}

/// A key of the index with its new value.
pub type Change = (Vec<u8>, Vec<u8>);

/// The hook's index, to read.
#[derive(Clone)]
pub struct Index {
    keys: Keyspace,
    recent: Keyspace,
    /// Sightings up to here are in the base.
    cutoff: u64,
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Index").field("cutoff", &self.cutoff).finish_non_exhaustive()
    }
}

impl Index {
    /// The value of `key`.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        Ok(self.keys.get(key)?.map(|value| value.to_vec()))
    }

    /// Calls `found` with every key that begins with `prefix`, in order.
    pub fn scan(
        &self,
        prefix: &[u8],
        mut found: impl FnMut(&[u8], &[u8]) -> Result<(), StorageError>,
    ) -> Result<(), StorageError> {
        for item in self.keys.prefix(prefix) {
            let (key, value) = item.into_inner()?;
            found(&key, &value)?;
        }
        Ok(())
    }

    /// Calls `found` with every sighting behind the base, in the order of the log.
    pub fn recent(&self, mut found: impl FnMut(Sighting) -> Result<(), StorageError>) -> Result<(), StorageError> {
        self.behind(self.cutoff, |_, sighting| found(sighting))
    }

    /// A place to try out decisions: what is written there goes nowhere.
    pub fn scratch(&self) -> IndexWriter<'_> {
        IndexWriter::new(self)
    }

    fn behind(&self, offset: u64, mut found: impl FnMut(u64, Sighting) -> Result<(), StorageError>) -> Result<(), StorageError> {
        for item in self.recent.range((offset + 1).to_be_bytes().to_vec()..) {
            let (key, value) = item.into_inner()?;
            let damaged = || StorageError::Damaged { what: "the list of new subjects".to_owned(), detail: "an entry".to_owned() };
            let offset = key.get(..8).and_then(|bytes| bytes.try_into().ok()).map(u64::from_be_bytes).ok_or_else(damaged)?;
            found(offset, Sighting::from_bytes(&value).ok_or_else(damaged)?)?;
        }
        Ok(())
    }
}

/// The index while a chunk is decided about: reads see what was written before them.
#[derive(Debug)]
pub struct IndexWriter<'a> {
    index: &'a Index,
    places: FxHashMap<Vec<u8>, usize>,
    changes: Vec<Change>,
}

impl<'a> IndexWriter<'a> {
    fn new(index: &'a Index) -> Self {
        Self { index, places: FxHashMap::default(), changes: Vec::new() }
    }

    /// The value of `key`.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        match self.places.get(key) {
            Some(&place) => Ok(Some(self.changes[place].1.clone())),
            None => self.index.get(key),
        }
    }

    /// Sets the value of `key`.
    pub fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        if let Some(&place) = self.places.get(&key) {
            self.changes[place].1 = value;
        } else {
            self.places.insert(key.clone(), self.changes.len());
            self.changes.push((key, value));
        }
    }
}

/// What a run leaves as the base of a new generation.
#[derive(Clone, Copy, Debug)]
pub struct Base {
    /// Log offset up to which the run has surely read.
    pub cutoff: u64,
    /// What the base was made of, told by [`Lake::index_base`].
    pub tag: i64,
}

/// Numbers about the hook, since the process began.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HookLoad {
    /// Seconds spent on finding and deciding about new subjects.
    pub seconds: f64,
    /// Sightings that were decided about.
    pub decided: u64,
    /// Sightings that wait for the next run.
    pub recent: u64,
    /// Rows whose subjects were left to the next run.
    pub deferred_rows: u64,
}

/// A hook at work.
pub(crate) struct Hooked {
    pub(crate) hook: Arc<dyn WriteHook>,
    log: Log,
    current: RwLock<Index>,
    /// Held while the log's thread decides and commits, and while a generation takes over.
    deciding: Mutex<()>,
    rebasing: Mutex<()>,
    nanos: AtomicU64,
    decided: AtomicU64,
    recent: AtomicU64,
    deferred_rows: AtomicU64,
    /// How often the hook has read an index: what it shows has changed by then.
    loads: AtomicU64,
    faulty: AtomicBool,
}

/// What the hook decided about a group of appends, not yet durable.
pub(crate) struct Decided<'h> {
    hooked: &'h Hooked,
    index: Index,
    changes: Vec<Change>,
    recent: Vec<Change>,
    /// Lets go behind everything else: nobody decides or switches in between.
    _deciding: MutexGuard<'h, ()>,
}

impl Decided<'_> {
    /// Adds the changes to the batch of the group.
    pub(crate) fn fill(&self, batch: &mut fjall::OwnedWriteBatch) {
        for (key, value) in &self.changes {
            batch.insert(&self.index.keys, key.as_slice(), value.as_slice());
        }
        for (key, value) in &self.recent {
            batch.insert(&self.index.recent, key.as_slice(), value.as_slice());
        }
    }

    /// Bytes that the batch takes on.
    pub(crate) fn bytes(&self) -> usize {
        self.changes.iter().chain(&self.recent).map(|(key, value)| key.len() + value.len()).sum()
    }

    /// The group is durable.
    pub(crate) fn stored(self) {
        self.hooked.recent.fetch_add(self.recent.len() as u64, Ordering::Relaxed);
        self.hooked.hook.stored(&self.changes);
    }
}

impl Hooked {
    /// The hook over the index that `log` has, or over an empty one.
    pub(crate) fn open(log: &Log, hook: Arc<dyn WriteHook>) -> Result<Self, StorageError> {
        let mut generation = log.number("online_generation")?.unwrap_or(0);
        let recent = log.keyspace("recent")?;
        let stale = log.number("online_version")? != Some(hook.version());
        let cutoff = log.number("online_cutoff")?.unwrap_or(0);
        if stale {
            generation += 1;
        }
        for name in log.keyspace_names().into_iter().filter(|name| name.starts_with(PREFIX)) {
            if stale || name != format!("{PREFIX}{generation}") {
                log.delete_keyspace(&name)?;
            }
        }
        let index = Index { keys: log.keyspace(&format!("{PREFIX}{generation}"))?, recent, cutoff };
        let hooked = Self {
            log: log.clone(),
            current: RwLock::new(index.clone()),
            deciding: Mutex::new(()),
            rebasing: Mutex::new(()),
            nanos: AtomicU64::new(0),
            decided: AtomicU64::new(0),
            recent: AtomicU64::new(0),
            deferred_rows: AtomicU64::new(0),
            loads: AtomicU64::new(0),
            faulty: AtomicBool::new(false),
            hook,
        };
        OldSightings::of(&index).remove(log)?;
        if stale {
            hooked.replay(&index, cutoff)?;
            log.commit(1024, |batch| {
                batch.insert(&log.meta, "online_generation", generation.to_be_bytes());
                batch.insert(&log.meta, "online_version", hooked.hook.version().to_be_bytes());
                batch.remove(&log.meta, "online_base");
            })?;
        }
        let mut waiting = 0;
        index.recent(|_| {
            waiting += 1;
            Ok(())
        })?;
        hooked.recent.store(waiting, Ordering::Relaxed);
        hooked.load(&index)?;
        Ok(hooked)
    }

    fn load(&self, index: &Index) -> Result<(), StorageError> {
        let loaded = self.hook.load(index);
        self.loads.fetch_add(1, Ordering::Release);
        loaded
    }

    /// The index in use.
    pub(crate) fn index(&self) -> Index {
        self.current.read().expect("nobody who swaps the index panics").clone()
    }

    /// What `rows` show of subjects that the index does not know; of records all. Empty for imports and bulk chunks, and after a fault.
    pub(crate) fn sightings<'a>(
        &self,
        decider: Decider,
        rows: impl Iterator<Item = (&'static str, &'a RecordBatch)> + Clone,
    ) -> Vec<Encoded> {
        let begun = Instant::now();
        let count: usize = rows.clone().map(|(_, rows)| rows.num_rows()).sum();
        if count == 0 {
            return Vec::new();
        }
        let full = self.recent.load(Ordering::Relaxed) > MOST_RECENT || self.faulty.load(Ordering::Relaxed);
        if decider == Decider::NextRun || count > BULK_ROWS || full {
            self.deferred_rows.fetch_add(count as u64, Ordering::Relaxed);
            return Vec::new();
        }
        let index = self.index();
        let mut found = Vec::new();
        for (table, rows) in rows {
            if let Err(error) = self.look_at(&index, table, rows, &mut found) {
                self.fault(&error);
                return Vec::new();
            }
        }
        let encoded = found.into_iter().map(Encoded::from).collect();
        self.nanos.fetch_add(begun.elapsed().as_nanos() as u64, Ordering::Relaxed);
        encoded
    }

    fn look_at(&self, index: &Index, table: &str, rows: &RecordBatch, found: &mut Vec<Sighting>) -> Result<(), StorageError> {
        let Some(facts) = Facts::of(table, rows) else { return Ok(()) };
        if facts.record {
            found.extend((0..rows.num_rows()).filter_map(|row| facts.sighting(row)));
            return Ok(());
        }
        // By subject: the row of its earliest fact.
        let mut first: FxHashMap<i64, usize> = FxHashMap::default();
        for row in (0..rows.num_rows()).filter(|row| facts.subjects.is_valid(*row)) {
            let earliest = first.entry(facts.subjects.value(row)).or_insert(row);
            if facts.at(row) < facts.at(*earliest) {
                *earliest = row;
            }
        }
        let unknown: FxHashSet<i64> = self.hook.unknown(index, first.keys().copied().collect())?.into_iter().collect();
        let mut places: Vec<usize> = first.iter().filter(|(subject, _)| unknown.contains(subject)).map(|(_, row)| *row).collect();
        places.sort_unstable();
        found.extend(places.into_iter().filter_map(|row| facts.sighting(row)));
        Ok(())
    }

    /// Decides about the sightings of the appends of one group, given with their offsets. On the log's own thread, which all appends wait for.
    pub(crate) fn decide(&self, group: impl Iterator<Item = (u64, Vec<Encoded>)>) -> Decided<'_> {
        let deciding = self.deciding.lock().expect("no decider panics");
        let begun = Instant::now();
        let index = self.index();
        let (mut recent, mut writer) = (Vec::new(), IndexWriter::new(&index));
        for (offset, sightings) in group {
            for (ordinal, Encoded { sighting, bytes }) in (0_u32..).zip(sightings) {
                if self.faulty.load(Ordering::Relaxed) {
                    break;
                }
                if let Err(error) = self.hook.decide(&mut writer, &sighting) {
                    self.fault(&error);
                }
                recent.push((recent_key(offset, ordinal), bytes));
            }
        }
        // After a fault the index is made anew: half of an answer is worth nothing.
        let changes = if self.faulty.load(Ordering::Relaxed) { Vec::new() } else { writer.changes };
        self.decided.fetch_add(recent.len() as u64, Ordering::Relaxed);
        self.nanos.fetch_add(begun.elapsed().as_nanos() as u64, Ordering::Relaxed);
        crash::point("online.decided");
        Decided { hooked: self, index, changes, recent, _deciding: deciding }
    }

    fn fault(&self, error: &StorageError) {
        tracing::error!(%error, "the index of the write path failed; facts are stored without it until the next run makes it anew");
        self.faulty.store(true, Ordering::Relaxed);
        // Where not even this can be written, the next decisions will fail as well.
        let _ = self.log.commit_lazily(64, |batch| batch.remove(&self.log.meta, "online_version"));
    }

    /// Decides again about the sightings behind `offset` on top of `index`; gives the last offset and how many they are.
    fn replay(&self, index: &Index, offset: u64) -> Result<(u64, u64), StorageError> {
        let (mut last, mut count) = (offset, 0);
        let mut waiting: Vec<Sighting> = Vec::with_capacity(REPLAYED_TOGETHER);
        let flush = |waiting: &mut Vec<Sighting>| -> Result<(), StorageError> {
            let mut writer = IndexWriter::new(index);
            for sighting in waiting.drain(..) {
                self.hook.decide(&mut writer, &sighting)?;
            }
            let bytes = writer.changes.iter().map(|(key, value)| key.len() + value.len()).sum();
            self.log.commit_lazily(bytes, |batch| {
                for (key, value) in &writer.changes {
                    batch.insert(&index.keys, key.as_slice(), value.as_slice());
                }
            })
        };
        index.behind(offset, |at, sighting| {
            last = at;
            count += 1;
            waiting.push(sighting);
            if waiting.len() == REPLAYED_TOGETHER { flush(&mut waiting) } else { Ok(()) }
        })?;
        flush(&mut waiting)?;
        Ok((last, count))
    }

    /// See [`Lake::rebase`].
    fn rebase(&self, pairs: impl Iterator<Item = Change>, base: Base) -> Result<(), StorageError> {
        let _one_at_a_time = self.rebasing.lock().expect("nobody who makes a generation panics");
        let log = &self.log;
        let generation = log.number("online_generation")?.unwrap_or(0) + 1;
        let name = format!("{PREFIX}{generation}");
        log.delete_keyspace(&name)?;
        let keys = log.keyspace(&name)?;
        let mut ingestion = keys.start_ingestion()?;
        for (number, (key, value)) in pairs.enumerate() {
            if number.is_multiple_of(REPLAYED_TOGETHER) {
                log.make_room((key.len() + value.len()) * REPLAYED_TOGETHER)?;
            }
            ingestion.write(key, value)?;
        }
        ingestion.finish()?;
        crash::point("online.built");
        let old = self.index();
        let index = Index { keys, recent: old.recent.clone(), cutoff: base.cutoff.max(old.cutoff) };
        // Most of it while appends go on, the rest while they wait.
        let (upto, before) = self.replay(&index, index.cutoff)?;
        let deciding = self.deciding.lock().expect("no decider panics");
        let (_, while_waiting) = self.replay(&index, upto)?;
        log.commit(1024, |batch| {
            batch.insert(&log.meta, "online_generation", generation.to_be_bytes());
            batch.insert(&log.meta, "online_version", self.hook.version().to_be_bytes());
            batch.insert(&log.meta, "online_base", base.tag.to_be_bytes());
            batch.insert(&log.meta, "online_cutoff", index.cutoff.to_be_bytes());
        })?;
        crash::point("online.switched");
        *self.current.write().expect("nobody who swaps the index panics") = index.clone();
        self.faulty.store(false, Ordering::Relaxed);
        self.recent.store(before + while_waiting, Ordering::Relaxed);
        self.load(&index)?;
        // Appends go on: what they add lies behind the cutoff, what is removed does not, and nobody reads that any more. Only one rebase
        // removes at a time, and a crash in between leaves what the next opening removes.
        drop(deciding);
        OldSightings::of(&index).remove(log)?;
        log.delete_keyspace(&format!("{PREFIX}{}", generation - 1))
    }
}

/// Sightings that are in the base, which no reader looks at: to be removed, some at a time.
struct OldSightings<'i> {
    recent: &'i Keyspace,
    /// Where to go on. A removed key leaves a mark that a range from the first key would step over again in every round.
    from: Vec<u8>,
    end: Vec<u8>,
}

impl<'i> OldSightings<'i> {
    fn of(index: &'i Index) -> Self {
        Self { recent: &index.recent, from: Vec::new(), end: (index.cutoff + 1).to_be_bytes().to_vec() }
    }

    /// The next keys; none where there are no more.
    fn next(&mut self) -> Result<Vec<fjall::Slice>, StorageError> {
        let range = self.recent.range(self.from.clone()..self.end.clone());
        let keys = range.take(REMOVED_TOGETHER).map(fjall::Guard::key).collect::<Result<Vec<_>, _>>()?;
        if let Some(last) = keys.last() {
            // The least key behind it.
            self.from = [last.as_ref(), &[0]].concat();
        }
        Ok(keys)
    }

    /// Removes them. A crash leaves some.
    fn remove(mut self, log: &Log) -> Result<(), StorageError> {
        loop {
            let keys = self.next()?;
            if keys.is_empty() {
                return Ok(());
            }
            log.commit_lazily(keys.len() * 32, |batch| {
                for key in keys {
                    batch.remove(self.recent, key);
                }
            })?;
        }
    }
}

fn recent_key(offset: u64, ordinal: u32) -> Vec<u8> {
    [offset.to_be_bytes().as_slice(), &ordinal.to_be_bytes()].concat()
}

impl Lake {
    /// The registered hook.
    pub fn hook(&self) -> Option<&Arc<dyn WriteHook>> {
        self.inner.hooked.as_ref().map(|hooked| &hooked.hook)
    }

    /// The hook's index.
    pub fn index(&self) -> Option<Index> {
        self.inner.hooked.as_ref().map(|hooked| hooked.index())
    }

    /// What the index' base was made of; `None`: it has none, and a run should make one.
    pub fn index_base(&self) -> Result<Option<i64>, StorageError> {
        let Some(hooked) = self.inner.hooked.as_ref().filter(|hooked| !hooked.faulty.load(Ordering::Relaxed)) else {
            return Ok(None);
        };
        Ok(hooked.log.number("online_base")?.map(u64::cast_signed))
    }

    /// How often what the hook shows was replaced as a whole; counted when readers see it, which is after [`Self::index_base`] tells it.
    pub fn hook_loads(&self) -> u64 {
        self.inner.hooked.as_ref().map_or(0, |hooked| hooked.loads.load(Ordering::Acquire))
    }

    /// Numbers about the hook.
    pub fn hook_load(&self) -> HookLoad {
        let Some(hooked) = &self.inner.hooked else { return HookLoad::default() };
        HookLoad {
            seconds: hooked.nanos.load(Ordering::Relaxed) as f64 / 1e9,
            decided: hooked.decided.load(Ordering::Relaxed),
            recent: hooked.recent.load(Ordering::Relaxed),
            deferred_rows: hooked.deferred_rows.load(Ordering::Relaxed),
        }
    }

    /// Makes a new generation of the hook's index from `pairs`, ascending by key without repeats, and decides about everything behind
    /// `base.cutoff` again. Appends wait for the last part of it only. Without a hook nothing is done.
    pub async fn rebase(&self, pairs: impl Iterator<Item = Change> + Send + 'static, base: Base) -> Result<(), StorageError> {
        let inner = Arc::clone(&self.inner);
        let made = tokio::task::spawn_blocking(move || match &inner.hooked {
            Some(hooked) => hooked.rebase(pairs, base),
            None => Ok(()),
        });
        made.await.map_err(|_| StorageError::Closed)?
    }
}

impl Log {
    fn keyspace(&self, name: &str) -> Result<Keyspace, StorageError> {
        Ok(self.db.keyspace(name, || KeyspaceCreateOptions::default().max_memtable_size(INDEX_MEMTABLE))?)
    }

    fn keyspace_names(&self) -> Vec<String> {
        self.db.list_keyspace_names().iter().map(ToString::to_string).collect()
    }

    /// Removes the keyspace called `name`, if it is there.
    fn delete_keyspace(&self, name: &str) -> Result<(), StorageError> {
        if self.db.keyspace_exists(name) {
            self.db.delete_keyspace(self.keyspace(name)?)?;
        }
        Ok(())
    }
}

/// The columns of a fact table that a sighting is made of.
struct Facts<'a> {
    record: bool,
    subjects: &'a arrow::array::Int64Array,
    populations: &'a arrow::array::StringArray,
    sources: &'a arrow::array::StringArray,
    times: &'a arrow::array::TimestampMicrosecondArray,
    lists: &'a arrow::array::ListArray,
    kinds: &'a arrow::array::StringArray,
    values: &'a arrow::array::StringArray,
}

impl<'a> Facts<'a> {
    /// `None` for tables without subjects.
    fn of(table: &str, rows: &'a RecordBatch) -> Option<Self> {
        let time = match table {
            "events" => "occurred_at",
            "responses" => "answered_at",
            "records" => "valid_from",
            _ => return None,
        };
        let lists = rows.column_by_name("identifiers")?.as_list_opt::<i32>()?;
        let items = lists.values().as_struct_opt()?;
        let text = |name: &str| rows.column_by_name(name)?.as_string_opt::<i32>();
        Some(Self {
            record: table == "records",
            subjects: rows.column_by_name("subject")?.as_primitive_opt::<Int64Type>()?,
            populations: text("population")?,
            sources: text("source")?,
            times: rows.column_by_name(time)?.as_primitive_opt::<TimestampMicrosecondType>()?,
            kinds: items.column_by_name("type")?.as_string_opt::<i32>()?,
            values: items.column_by_name("value")?.as_string_opt::<i32>()?,
            lists,
        })
    }

    /// A record without a time has always been so.
    fn at(&self, row: usize) -> i64 {
        if self.times.is_valid(row) { self.times.value(row) } else { 0 }
    }

    fn sighting(&self, row: usize) -> Option<Sighting> {
        if self.subjects.is_null(row) {
            return None;
        }
        let ends = self.lists.value_offsets();
        let places = if self.lists.is_null(row) { 0..0 } else { ends[row] as usize..ends[row + 1] as usize };
        let pair = |at: usize| (self.kinds.value(at).to_owned(), self.values.value(at).to_owned());
        Some(Sighting {
            subject: self.subjects.value(row),
            population: self.populations.value(row).to_owned(),
            source: self.sources.value(row).to_owned(),
            at_us: self.at(row),
            record: self.record,
            identifiers: places.filter(|&at| self.kinds.is_valid(at) && self.values.is_valid(at)).map(pair).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sighting_reads_back_and_damage_is_told() {
        let sighting = Sighting {
            subject: i64::MAX,
            population: "customer".into(),
            source: String::new(),
            at_us: -5,
            record: true,
            identifiers: vec![("email".into(), "ann@x.org".into()), ("user_id".into(), "\u{e9}".into())],
        };
        let bytes = sighting.to_bytes();
        assert_eq!(Sighting::from_bytes(&bytes), Some(sighting));
        for length in [0, 16, 17, 20, bytes.len() - 1] {
            assert_eq!(Sighting::from_bytes(&bytes[..length]), None, "{length}");
        }
    }
    #[test]
    fn what_is_removed_is_walked_over_once() {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::open(folder.path()).unwrap();
        let (keys, recent) = (log.keyspace("online-0").unwrap(), log.keyspace("recent").unwrap());
        let (old, new) = (REMOVED_TOGETHER as u64 * 2 + 10, 5);
        log.commit_lazily(0, |batch| {
            for offset in 0..old + new {
                batch.insert(&recent, recent_key(offset, 7), b"".as_slice());
            }
        })
        .unwrap();
        let index = Index { keys, recent, cutoff: old - 1 };
        let mut walk = OldSightings::of(&index);
        let mut met: Vec<(usize, Vec<u8>)> = Vec::new();
        loop {
            let from = walk.from.clone();
            let keys = walk.next().unwrap();
            assert!(keys.iter().all(|key| **key >= *from), "no round begins before the end of the last one");
            let Some(last) = keys.last() else { break };
            met.push((keys.len(), last.to_vec()));
            assert_eq!(walk.from, [&**last, &[0]].concat());
            log.commit_lazily(0, |batch| keys.iter().for_each(|key| batch.remove(&index.recent, key.clone()))).unwrap();
        }
        assert_eq!(met.iter().map(|(n, _)| *n).collect::<Vec<_>>(), [REMOVED_TOGETHER, REMOVED_TOGETHER, 10]);
        assert_eq!(met.last().unwrap().1, recent_key(old - 1, 7), "up to the cutoff");
        assert_eq!(index.recent.iter().count() as u64, new, "what came behind it stays");
        OldSightings::of(&index).remove(&log).unwrap();
        assert_eq!(index.recent.iter().count() as u64, new);
    }
}
