//! Imports that can be resumed: which batch of a source is open, and how far each of its files is taken in.
//!
//! Progress is part of the chunk's own atomic commit, so "resume" never skips and never repeats a row. A batch is found
//! again by source and fingerprint (what the caller thinks identifies the same input: file names, sizes, times, mapping);
//! another fingerprint opens a new batch, and what the old one stored stays and is met as duplicates.
//!
//! What outlives a batch are the positions of its source: they are written by the chunks too, and stay when the batch ends.

use std::collections::BTreeMap;

use clew_model::BatchId;
use serde::{Deserialize, Serialize};

use crate::chunk::{Chunk, Position, Progress};
use crate::error::StorageError;
use crate::log::Log;

/// An open import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Its id.
    pub id: BatchId,
    /// The ordinal of its next chunk.
    pub next_chunk: i64,
    /// Where each file that was begun goes on.
    pub resume: BTreeMap<String, Progress>,
    /// True when an earlier process left it unfinished.
    pub resumed: bool,
}

/// The imports of a store.
#[derive(Clone)]
pub struct BatchRegister {
    log: Log,
}

impl std::fmt::Debug for BatchRegister {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BatchRegister")
    }
}

#[derive(Serialize, Deserialize)]
struct Newest {
    ordinal: u64,
    fingerprint: String,
    files: u64,
    open: bool,
}

fn source_key(source: &str) -> Vec<u8> {
    format!("source\0{source}").into_bytes()
}

fn file_prefix(batch: &BatchId) -> String {
    format!("file\0{batch}\0")
}

fn chunk_key(batch: &BatchId) -> Vec<u8> {
    format!("chunk\0{batch}").into_bytes()
}

fn position_prefix(source: &str) -> Vec<u8> {
    format!("position\0{source}\0").into_bytes()
}

fn position_key(source: &str, name: &str) -> Vec<u8> {
    [position_prefix(source).as_slice(), name.as_bytes()].concat()
}

/// The entries of the keyspace that `chunk` changes.
pub(crate) fn progress(chunk: &Chunk) -> Vec<(Vec<u8>, Vec<u8>)> {
    let position = |position: &Position| (position_key(&chunk.source, &position.name), position.value.clone());
    let mut entries: Vec<_> = chunk.positions.iter().map(position).collect();
    let Some(progress) = &chunk.progress else { return entries };
    let key = format!("{}{}", file_prefix(&chunk.batch), progress.file).into_bytes();
    let value = serde_json::to_vec(progress).expect("plain data serialises");
    // One key a chunk: chunks of several files may be stored in another order than they are numbered.
    let numbered = format!("chunk\0{}\0{:020}", chunk.batch, chunk.chunk).into_bytes();
    entries.extend([(key, value), (numbered, Vec::new())]);
    entries
}

impl BatchRegister {
    pub(crate) fn new(log: Log) -> Self {
        Self { log }
    }

    /// The open batch of `source` with this fingerprint, or a new one.
    pub fn open_batch(&self, source: &str, fingerprint: &str, files: u64) -> Result<Batch, StorageError> {
        let newest = self.newest(source)?;
        if let Some(newest) = newest.as_ref().filter(|newest| newest.open && newest.fingerprint == fingerprint) {
            let id = BatchId::new(source, newest.ordinal);
            return Ok(Batch { next_chunk: self.next_chunk(&id)?, resume: self.resume(&id)?, resumed: true, id });
        }
        let ordinal = newest.map_or(0, |newest| newest.ordinal) + 1;
        self.write(source, &Newest { ordinal, fingerprint: fingerprint.to_owned(), files, open: true }, None)?;
        Ok(Batch { id: BatchId::new(source, ordinal), next_chunk: 0, resume: BTreeMap::new(), resumed: false })
    }

    /// Ends `batch` of `source`: the same input is a new batch from here on.
    pub fn close_batch(&self, source: &str, batch: &BatchId) -> Result<(), StorageError> {
        let Some(mut newest) = self.newest(source)? else { return Ok(()) };
        if BatchId::new(source, newest.ordinal) != *batch {
            return Ok(());
        }
        newest.open = false;
        self.write(source, &newest, Some(batch))
    }

    /// The position of `source` called `name`; `None` before the first chunk that had one.
    pub fn position(&self, source: &str, name: &str) -> Result<Option<Vec<u8>>, StorageError> {
        Ok(self.log.batches.get(position_key(source, name))?.map(|value| value.to_vec()))
    }

    /// The positions of `source` whose names begin with `begin`, in the order of their names.
    pub fn positions(&self, source: &str, begin: &str) -> Result<Vec<Position>, StorageError> {
        let prefix = position_prefix(source).len();
        let mut found = Vec::new();
        for item in self.log.batches.prefix(position_key(source, begin)) {
            let (key, value) = item.into_inner()?;
            let name = String::from_utf8_lossy(&key[prefix..]).into_owned();
            found.push(Position { name, value: value.to_vec() });
        }
        Ok(found)
    }

    /// Forgets the positions of `source` whose names `keep` says no to. Returns how many those were.
    pub fn forget_positions(&self, source: &str, keep: impl Fn(&str) -> bool) -> Result<usize, StorageError> {
        self.forget_positions_of(source, "", keep)
    }

    /// The same among those whose names begin with `begin`.
    pub fn forget_positions_of(&self, source: &str, begin: &str, keep: impl Fn(&str) -> bool) -> Result<usize, StorageError> {
        let prefix = position_prefix(source);
        let mut stale = Vec::new();
        for item in self.log.batches.prefix(position_key(source, begin)) {
            let key = item.key()?;
            if !std::str::from_utf8(&key[prefix.len()..]).is_ok_and(&keep) {
                stale.push(key);
            }
        }
        let n = stale.len();
        if n > 0 {
            self.log.commit(1024, |batch| stale.into_iter().for_each(|key| batch.remove(&self.log.batches, key)))?;
        }
        Ok(n)
    }

    fn newest(&self, source: &str) -> Result<Option<Newest>, StorageError> {
        let Some(value) = self.log.batches.get(source_key(source))? else { return Ok(None) };
        let damaged =
            |e: serde_json::Error| StorageError::Damaged { what: "the batch register".to_owned(), detail: e.to_string() };
        serde_json::from_slice(&value).map(Some).map_err(damaged)
    }

    fn write(&self, source: &str, newest: &Newest, finished: Option<&BatchId>) -> Result<(), StorageError> {
        let mut stale = Vec::new();
        if let Some(batch) = finished {
            for prefix in [file_prefix(batch), format!("{}\0", String::from_utf8_lossy(&chunk_key(batch)))] {
                for item in self.log.batches.prefix(prefix) {
                    stale.push(item.key()?);
                }
            }
        }
        self.log.commit(1024, |batch| {
            let value = serde_json::to_vec(newest).expect("plain data serialises");
            batch.insert(&self.log.batches, source_key(source), value);
            for key in stale {
                batch.remove(&self.log.batches, key);
            }
        })
    }

    fn resume(&self, batch: &BatchId) -> Result<BTreeMap<String, Progress>, StorageError> {
        let mut resume = BTreeMap::new();
        for item in self.log.batches.prefix(file_prefix(batch)) {
            let (_, value) = item.into_inner()?;
            let progress: Progress = serde_json::from_slice(&value)
                .map_err(|e| StorageError::Damaged { what: "the batch register".to_owned(), detail: e.to_string() })?;
            resume.insert(progress.file.clone(), progress);
        }
        Ok(resume)
    }

    fn next_chunk(&self, batch: &BatchId) -> Result<i64, StorageError> {
        let prefix = [chunk_key(batch), vec![0]].concat();
        let Some(last) = self.log.batches.prefix(&prefix).next_back() else { return Ok(0) };
        let key = last.key()?;
        let number = std::str::from_utf8(&key[prefix.len()..]).ok().and_then(|text| text.parse::<i64>().ok());
        Ok(number.map_or(0, |number| number + 1))
    }
}
