//! The key register's files: which fact keys exist, with the hash of the newest content and the log offset that
//! brought it.
//!
//! A **run** is a file of records sorted by key, 32 bytes each, followed by a Bloom filter and one fence per block, the
//! only parts held in memory (about 13 bits a key: 80 MB at 50 million facts). Keys are hashes, hence uniform, so a
//! sorted chunk of keys walks filter and fences in order and a lookup that misses costs a few nanoseconds.
//!
//! Why not an LSM tree's own inserts: one insert into a memtable costs a microsecond, a bulk chunk has a hundred thousand
//! keys, and a bulk chunk's keys must appear in the same instant as its facts. A run is written beside the chunk's
//! Parquet files and named by the log entry that names those, so one atomic batch makes both exist. Runs are merged eight
//! to one by size class; a crash in between leaves a file that no manifest names, which opening removes.
//!
//! Deliberately missing: deletion of single keys (erasure rewrites a run), compression (hashes do not compress).

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use crate::background::SteadyFile;
use crate::error::StorageError;

const RECORD: usize = 32;
/// Records in a block of 4 KiB: what one sparse lookup reads.
const BLOCK: usize = 128;
const MAGIC: &[u8; 8] = b"clewkey1";
const FOOTER: usize = 8 * 4;
/// Bits of Bloom filter a key: one false positive in about 250 with eight probes in one cache line.
const BLOOM_BITS: usize = 12;
/// Candidate blocks at most this far apart are read together.
const COALESCE: usize = 8;
/// The longest coalesced read, in blocks: 1 MiB.
const LONGEST_READ: usize = 256;
/// Runs of one size class that are merged into one.
pub(crate) const FAN_IN: usize = 8;

/// A key with what is known of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct KeyRecord {
    pub(crate) key: u128,
    pub(crate) content: u64,
    /// Log offset of the entry that brought `content`; 0 stands for the run's own offset.
    pub(crate) offset: u64,
}

impl KeyRecord {
    fn to_bytes(self) -> [u8; RECORD] {
        let mut bytes = [0; RECORD];
        bytes[..16].copy_from_slice(&self.key.to_be_bytes());
        bytes[16..24].copy_from_slice(&self.content.to_le_bytes());
        bytes[24..].copy_from_slice(&self.offset.to_le_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Self {
        Self {
            key: u128::from_be_bytes(bytes[..16].try_into().expect("16 of 32 bytes")),
            content: u64::from_le_bytes(bytes[16..24].try_into().expect("8 of 32 bytes")),
            offset: u64::from_le_bytes(bytes[24..RECORD].try_into().expect("8 of 32 bytes")),
        }
    }
}

/// A split-block Bloom filter (the one of the Parquet format) whose block order is the key order.
struct Bloom {
    words: Vec<u32>,
}

impl Bloom {
    const SALTS: [u32; 8] =
        [0x47b6_137b, 0x4497_4d91, 0x8824_ad5b, 0xa2b7_289d, 0x7054_95c7, 0x2df1_424b, 0x9efc_4947, 0x5c6b_fb31];

    fn new(keys: usize) -> Self {
        Self { words: vec![0; (keys * BLOOM_BITS).div_ceil(256).max(1) * 8] }
    }

    fn block(&self, key: u128) -> usize {
        let blocks = (self.words.len() / 8) as u128;
        (((key >> 64) * blocks) >> 64) as usize * 8
    }

    fn insert(&mut self, key: u128) {
        let start = self.block(key);
        for (word, salt) in self.words[start..start + 8].iter_mut().zip(Self::SALTS) {
            *word |= 1 << ((key as u32).wrapping_mul(salt) >> 27);
        }
    }

    fn may_contain(&self, key: u128) -> bool {
        let start = self.block(key);
        let words = &self.words[start..start + 8];
        words.iter().zip(Self::SALTS).all(|(word, salt)| word >> ((key as u32).wrapping_mul(salt) >> 27) & 1 == 1)
    }
}

/// A sorted file of key records.
pub(crate) struct Run {
    pub(crate) name: String,
    pub(crate) rows: usize,
    /// Offset of records that carry 0: a chunk's run is written before its offset is known.
    offset: u64,
    file: File,
    path: PathBuf,
    bloom: Bloom,
    fences: Vec<u64>,
}

impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Run").field("name", &self.name).field("rows", &self.rows).finish_non_exhaustive()
    }
}

/// Writes a run record by record, in key order.
pub(crate) struct RunWriter {
    path: PathBuf,
    file: BufWriter<SteadyFile>,
    bloom: Bloom,
    fences: Vec<u64>,
    rows: usize,
}

impl RunWriter {
    /// A new run `name` in `folder` for about `expected` records.
    pub(crate) fn create(folder: &Path, name: &str, expected: usize) -> Result<Self, StorageError> {
        let path = folder.join(name);
        let file = File::options().create(true).truncate(true).read(true).write(true).open(&path);
        let file = SteadyFile::new(file.map_err(|e| StorageError::io(&path, e))?);
        let file = BufWriter::with_capacity(1 << 18, file);
        Ok(Self { path, file, bloom: Bloom::new(expected), fences: Vec::with_capacity(expected / BLOCK + 1), rows: 0 })
    }

    /// Adds `record`, whose key is greater than all before.
    pub(crate) fn push(&mut self, record: KeyRecord) -> Result<(), StorageError> {
        if self.rows.is_multiple_of(BLOCK) {
            self.fences.push((record.key >> 64) as u64);
        }
        self.rows += 1;
        self.bloom.insert(record.key);
        self.file.write_all(&record.to_bytes()).map_err(|e| StorageError::io(&self.path, e))
    }

    /// Writes filter and fences, syncs, and gives the run; `offset` stands for records without one.
    pub(crate) fn finish(mut self, offset: u64) -> Result<Run, StorageError> {
        let mut index: Vec<u8> = Vec::with_capacity(self.bloom.words.len() * 4 + self.fences.len() * 8);
        index.extend(self.bloom.words.iter().flat_map(|word| word.to_le_bytes()));
        index.extend(self.fences.iter().flat_map(|fence| fence.to_le_bytes()));
        let mut footer = Vec::with_capacity(FOOTER);
        footer.extend((self.rows as u64).to_le_bytes());
        footer.extend((self.bloom.words.len() as u64).to_le_bytes());
        footer.extend(xxh3_64(&index).to_le_bytes());
        footer.extend(MAGIC);
        let io = |e| StorageError::io(&self.path, e);
        self.file.write_all(&index).and_then(|()| self.file.write_all(&footer)).map_err(io)?;
        let file = self.file.into_inner().map_err(|e| StorageError::io(&self.path, e.into_error()))?;
        let file = file.finish().map_err(|e| StorageError::io(&self.path, e))?;
        let name = self.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Run { name, rows: self.rows, offset, file, path: self.path, bloom: self.bloom, fences: self.fences })
    }
}

impl Run {
    /// Writes `records`, sorted by key without repeats.
    pub(crate) fn write(folder: &Path, name: &str, records: &[KeyRecord], offset: u64) -> Result<Self, StorageError> {
        let mut writer = RunWriter::create(folder, name, records.len())?;
        for record in records {
            writer.push(*record)?;
        }
        writer.finish(offset)
    }

    /// Opens the run `name`, checking its index.
    pub(crate) fn open(folder: &Path, name: &str, offset: u64) -> Result<Self, StorageError> {
        let path = folder.join(name);
        let damaged = |detail: &str| StorageError::Damaged { what: format!("key file {name}"), detail: detail.to_owned() };
        let io = |e| StorageError::io(&path, e);
        let file = File::open(&path).map_err(io)?;
        let length = file.metadata().map_err(io)?.len();
        if length < FOOTER as u64 {
            return Err(damaged("it is too short"));
        }
        let mut footer = [0; FOOTER];
        file.read_exact_at(&mut footer, length - FOOTER as u64).map_err(io)?;
        let number = |at: usize| u64::from_le_bytes(footer[at..at + 8].try_into().expect("8 bytes"));
        let (rows, words, checksum) = (number(0) as usize, number(8) as usize, number(16));
        let blocks = rows.div_ceil(BLOCK);
        let expected =
            rows.checked_mul(RECORD).and_then(|n| n.checked_add(words.checked_mul(4)?)?.checked_add(blocks * 8 + FOOTER));
        if &footer[24..] != MAGIC || expected != Some(length as usize) || words == 0 || words % 8 != 0 {
            return Err(damaged("its footer does not fit its length"));
        }
        let mut index = vec![0; words * 4 + blocks * 8];
        file.read_exact_at(&mut index, (rows * RECORD) as u64).map_err(io)?;
        if xxh3_64(&index) != checksum {
            return Err(damaged("the checksum of its index does not match"));
        }
        let (bloom, fences) = index.split_at(words * 4);
        let bloom = bloom.chunks_exact(4).map(|b| u32::from_le_bytes(b.try_into().expect("4 bytes"))).collect();
        let fences = fences.chunks_exact(8).map(|b| u64::from_le_bytes(b.try_into().expect("8 bytes"))).collect();
        Ok(Self { name: name.to_owned(), rows, offset, file, path, bloom: Bloom { words: bloom }, fences })
    }

    /// The run with the offset that its entry got.
    pub(crate) fn at_offset(mut self, offset: u64) -> Self {
        self.offset = offset;
        self
    }

    /// Calls `found(i, record)` for every `keys[i]` that the run holds; `keys` ascend.
    pub(crate) fn lookup(&self, keys: &[u128], mut found: impl FnMut(usize, KeyRecord)) -> Result<(), StorageError> {
        // (index of the key, first block, last block): more than one block only where fences tie.
        let mut candidates: Vec<(usize, usize, usize)> = Vec::new();
        let mut from = 0;
        for (i, key) in keys.iter().enumerate().filter(|(_, key)| self.bloom.may_contain(**key)) {
            let high = (*key >> 64) as u64;
            from += gallop(&self.fences[from..], |fence| fence < high);
            let first = from.saturating_sub(1);
            let ties = self.fences[from..].iter().take_while(|fence| **fence == high).count();
            candidates.push((i, first, (from + ties).saturating_sub(1)));
        }
        let mut buffer = Vec::new();
        let mut start = 0;
        while start < candidates.len() {
            let (_, first, mut last) = candidates[start];
            let mut end = start + 1;
            while end < candidates.len()
                && candidates[end].1 <= last + COALESCE
                && candidates[end].2.max(last) - first < LONGEST_READ
            {
                last = last.max(candidates[end].2);
                end += 1;
            }
            let (begin, stop) = (first * BLOCK, ((last + 1) * BLOCK).min(self.rows));
            self.read(begin, stop, &mut buffer)?;
            for &(i, first, last) in &candidates[start..end] {
                let (low, high) = (first * BLOCK - begin, ((last + 1) * BLOCK).min(self.rows) - begin);
                if let Some(record) = find(&buffer[low * RECORD..high * RECORD], keys[i]) {
                    found(i, self.dated(record));
                }
            }
            start = end;
        }
        Ok(())
    }

    fn dated(&self, record: KeyRecord) -> KeyRecord {
        KeyRecord { offset: if record.offset == 0 { self.offset } else { record.offset }, ..record }
    }

    fn read(&self, begin: usize, stop: usize, buffer: &mut Vec<u8>) -> Result<(), StorageError> {
        buffer.resize((stop - begin) * RECORD, 0);
        self.file.read_exact_at(buffer, (begin * RECORD) as u64).map_err(|e| StorageError::io(&self.path, e))
    }

    /// The size class: runs of one class are merged when [`FAN_IN`] of them exist.
    pub(crate) fn class(&self) -> u32 {
        (self.rows.max(1) / 4096 + 1).ilog(FAN_IN)
    }
}

/// How many leading `items` satisfy `holds`, where those that do come first; cheap when few do.
fn gallop(items: &[u64], holds: impl Fn(u64) -> bool) -> usize {
    let mut step = 1;
    while step < items.len() && holds(items[step]) {
        step *= 2;
    }
    let low = step / 2;
    let high = (step + 1).min(items.len());
    low + items[low..high].partition_point(|item| holds(*item))
}

fn find(records: &[u8], key: u128) -> Option<KeyRecord> {
    let wanted = key.to_be_bytes();
    let (mut low, mut high) = (0, records.len() / RECORD);
    while low < high {
        let middle = usize::midpoint(low, high);
        let bytes = &records[middle * RECORD..(middle + 1) * RECORD];
        match bytes[..16].cmp(&wanted) {
            std::cmp::Ordering::Less => low = middle + 1,
            std::cmp::Ordering::Greater => high = middle,
            std::cmp::Ordering::Equal => return Some(KeyRecord::from_bytes(bytes)),
        }
    }
    None
}

/// Reads a run from front to back.
struct Cursor {
    run: Arc<Run>,
    buffer: Vec<u8>,
    at: usize,
    next: usize,
}

impl Cursor {
    const READ: usize = 32 * BLOCK;

    fn new(run: Arc<Run>) -> Result<Self, StorageError> {
        let mut cursor = Self { run, buffer: Vec::new(), at: 0, next: 0 };
        cursor.fill()?;
        Ok(cursor)
    }

    fn fill(&mut self) -> Result<(), StorageError> {
        let stop = (self.next + Self::READ).min(self.run.rows);
        self.run.read(self.next, stop, &mut self.buffer)?;
        self.next = stop;
        self.at = 0;
        Ok(())
    }

    fn peek(&self) -> Option<KeyRecord> {
        self.buffer.get(self.at..self.at + RECORD).map(|bytes| self.run.dated(KeyRecord::from_bytes(bytes)))
    }

    fn advance(&mut self) -> Result<(), StorageError> {
        self.at += RECORD;
        if self.at >= self.buffer.len() { self.fill() } else { Ok(()) }
    }
}

/// Merges `runs` into the run `name`; of a repeated key the record with the greatest offset stays.
pub(crate) fn merge(folder: &Path, name: &str, runs: &[Arc<Run>]) -> Result<Run, StorageError> {
    let expected = runs.iter().map(|run| run.rows).sum();
    let mut writer = RunWriter::create(folder, name, expected)?;
    let mut cursors = runs.iter().map(|run| Cursor::new(Arc::clone(run))).collect::<Result<Vec<_>, _>>()?;
    let mut heads: Vec<Option<KeyRecord>> = cursors.iter().map(Cursor::peek).collect();
    while let Some(key) = heads.iter().flatten().map(|record| record.key).min() {
        let mut newest: Option<KeyRecord> = None;
        for (cursor, head) in cursors.iter_mut().zip(&mut heads) {
            let Some(record) = head.filter(|record| record.key == key) else { continue };
            if newest.is_none_or(|newest| newest.offset < record.offset) {
                newest = Some(record);
            }
            cursor.advance()?;
            *head = cursor.peek();
        }
        writer.push(newest.expect("the key came from a head"))?;
    }
    writer.finish(0)
}

/// Removes run files that `keep` does not name.
pub(crate) fn remove_orphans(folder: &Path, keep: impl Fn(&str) -> bool) -> Result<(), StorageError> {
    let io = |e| StorageError::io(folder, e);
    for entry in fs::read_dir(folder).map_err(io)? {
        let entry = entry.map_err(io)?;
        if !keep(&entry.file_name().to_string_lossy()) {
            fs::remove_file(entry.path()).map_err(io)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn hashed(n: u64) -> u128 {
        xxhash_rust::xxh3::xxh3_128(&n.to_le_bytes())
    }

    fn record(key: u128, content: u64, offset: u64) -> KeyRecord {
        KeyRecord { key, content, offset }
    }

    #[test]
    fn a_run_finds_what_it_holds_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let mut records: Vec<_> = (0..10_000).map(|n| record(hashed(n), n, 0)).collect();
        records.sort_unstable();
        Run::write(folder.path(), "a", &records, 7).unwrap();
        let run = Run::open(folder.path(), "a", 7).unwrap();
        let mut keys: Vec<_> = (5_000..15_000).map(hashed).collect();
        keys.sort_unstable();
        let mut seen = Vec::new();
        run.lookup(&keys, |i, found| {
            assert_eq!(found.key, keys[i]);
            assert_eq!(found.offset, 7);
            seen.push(found.content);
        })
        .unwrap();
        seen.sort_unstable();
        assert_eq!(seen, (5_000..10_000).collect::<Vec<_>>());
    }

    #[test]
    fn a_cut_run_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        Run::write(folder.path(), "a", &[record(1, 1, 1)], 1).unwrap();
        let bytes = fs::read(folder.path().join("a")).unwrap();
        fs::write(folder.path().join("a"), &bytes[..bytes.len() - 1]).unwrap();
        assert!(matches!(Run::open(folder.path(), "a", 1), Err(StorageError::Damaged { .. })));
        fs::write(folder.path().join("a"), b"").unwrap();
        assert!(Run::open(folder.path(), "a", 1).is_err());
    }

    /// Keys whose upper halves tie or crowd at the ends: the fences' and the filter's edges.
    fn edgy_key() -> impl Strategy<Value = u128> {
        prop_oneof![
            (0_u128..400),
            (0_u128..400).prop_map(|n| u128::MAX - n),
            (0_u128..1000).prop_map(|n| (7 << 64) | n),
            (0_u64..500).prop_map(hashed),
        ]
    }

    proptest! {
        #[test]
        fn merged_runs_equal_a_map(
            runs in prop::collection::vec(prop::collection::btree_map(edgy_key(), any::<u64>(), 0..600), 1..5),
            probes in prop::collection::btree_set(edgy_key(), 0..600),
        ) {
            let folder = tempfile::tempdir().unwrap();
            let mut expected = BTreeMap::new();
            let mut files = Vec::new();
            for (n, run) in runs.iter().enumerate() {
                let offset = n as u64 + 1;
                let records: Vec<_> = run.iter().map(|(key, content)| record(*key, *content, 0)).collect();
                expected.extend(run.iter().map(|(key, content)| (*key, (*content, offset))));
                files.push(Arc::new(Run::write(folder.path(), &format!("{n}"), &records, offset).unwrap()));
            }
            let merged = merge(folder.path(), "merged", &files).unwrap();
            prop_assert_eq!(merged.rows, expected.len());
            let keys: Vec<u128> = probes.iter().copied().collect();
            let mut found = BTreeMap::new();
            merged.lookup(&keys, |_, record| { found.insert(record.key, (record.content, record.offset)); }).unwrap();
            expected.retain(|key, _| probes.contains(key));
            prop_assert_eq!(found, expected);
        }
    }
}
