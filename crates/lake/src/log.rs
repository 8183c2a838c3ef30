//! The durable log: fjall keyspaces, one writer thread, one fsync for all appends that wait together.
//!
//! | keyspace | key → value |
//! |---|---|
//! | `entries` | offset (big-endian) → entry, see [`crate::entry`] |
//! | `runs` | name of a key run → its offset |
//! | `batches` | imports and where they stand, see [`crate::batches`] |
//! | `meta` | `epoch`, `trimmed` |
//! | `online-…`, `recent` | the write-path hook's index, see [`crate::hook`] |
//!
//! Everything that one append makes true is one fjall batch. Offsets are given by the writer thread at commit, so the
//! log has no holes and "sealed up to n" is one number. Before a batch the thread asks the disk for room: fjall gives up
//! on a database whose journal write failed, and a refusal in time leaves nothing half written.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, sync_channel};
use std::thread::JoinHandle;

use fjall::config::CompressionPolicy;
use fjall::{CompressionType, Database, Keyspace, KeyspaceCreateOptions, PersistMode};

use crate::crash;
use crate::error::{OpenError, StorageError};
use crate::hook::{Decided, Encoded, Hooked};

/// Room that a store leaves on its disk: the log must be able to shrink when nothing else fits.
const RESERVE: u64 = 64 << 20;
/// Appends that share one fsync at most, and the bytes after which no more join.
const GROUP: usize = 512;
const GROUP_BYTES: usize = 32 << 20;
/// Appends that may wait for the writer.
const QUEUE: usize = 1024;

/// The keyspaces.
#[derive(Clone)]
pub(crate) struct Log {
    pub(crate) db: Database,
    pub(crate) entries: Keyspace,
    pub(crate) runs: Keyspace,
    pub(crate) batches: Keyspace,
    pub(crate) meta: Keyspace,
    pub(crate) folder: PathBuf,
}

/// What one append makes durable.
pub(crate) struct Commit {
    /// The encoded entry.
    pub(crate) entry: Vec<u8>,
    /// New subjects that the chunk brings, for the write-path hook.
    pub(crate) sightings: Vec<Encoded>,
    /// The name of the chunk's key run, where it has one.
    pub(crate) run: Option<String>,
    /// Progress of the import: keys and values of `batches`.
    pub(crate) progress: Vec<(Vec<u8>, Vec<u8>)>,
    /// Called on the writer thread with the offset, before the append is acknowledged and before the next commit.
    pub(crate) publish: Box<dyn FnOnce(u64) + Send>,
    pub(crate) done: Sender<Result<u64, StorageError>>,
}

impl Log {
    /// Opens or creates the log; fails with [`fjall::Error::Locked`] when another process has it.
    pub(crate) fn open(folder: &Path) -> Result<Self, OpenError> {
        std::fs::create_dir_all(folder).map_err(|e| StorageError::io(folder, e))?;
        let fjall = |e| OpenError::Storage(StorageError::Log(e));
        let db = Database::builder(folder).worker_threads(1).journal_compression(CompressionType::None).open().map_err(fjall)?;
        let keyspace = |name: &str| db.keyspace(name, KeyspaceCreateOptions::default).map_err(fjall);
        // Entries are packed already, and most are sealed and removed again before a memtable of this size is full.
        let as_is = || {
            let options = KeyspaceCreateOptions::default().max_memtable_size(32 << 20);
            options.data_block_compression_policy(CompressionPolicy::disabled())
        };
        Ok(Self {
            entries: db.keyspace("entries", as_is).map_err(fjall)?,
            runs: keyspace("runs")?,
            batches: keyspace("batches")?,
            meta: keyspace("meta")?,
            folder: folder.to_owned(),
            db,
        })
    }

    /// A number in `meta`.
    pub(crate) fn number(&self, name: &str) -> Result<Option<u64>, StorageError> {
        let value = self.meta.get(name)?;
        Ok(value.and_then(|bytes| Some(u64::from_be_bytes(bytes.as_ref().try_into().ok()?))))
    }

    /// Applies `fill`'s changes as one durable batch.
    pub(crate) fn commit(&self, expected: usize, fill: impl FnOnce(&mut fjall::OwnedWriteBatch)) -> Result<(), StorageError> {
        self.make_room(expected)?;
        let mut batch = self.db.batch().durability(Some(PersistMode::SyncData));
        fill(&mut batch);
        Ok(batch.commit()?)
    }

    /// Applies `fill`'s changes as one batch that the next durable one makes durable.
    pub(crate) fn commit_lazily(
        &self,
        expected: usize,
        fill: impl FnOnce(&mut fjall::OwnedWriteBatch),
    ) -> Result<(), StorageError> {
        self.make_room(expected)?;
        let mut batch = self.db.batch();
        fill(&mut batch);
        Ok(batch.commit()?)
    }

    /// Refuses when `bytes` more would leave less than the reserve.
    pub(crate) fn make_room(&self, bytes: usize) -> Result<(), StorageError> {
        room(&self.folder, bytes as u64)
    }

    /// Syncs the journal.
    pub(crate) fn sync(&self) -> Result<(), StorageError> {
        Ok(self.db.persist(PersistMode::SyncAll)?)
    }
}

/// Refuses when `bytes` more in `folder` would leave less than the reserve on its disk.
pub(crate) fn room(folder: &Path, bytes: u64) -> Result<(), StorageError> {
    let disk = rustix::fs::statvfs(folder).map_err(|e| StorageError::io(folder, e.into()))?;
    let available = disk.f_bavail.saturating_mul(disk.f_frsize);
    let wanted = bytes.saturating_add(RESERVE);
    if available < wanted {
        return Err(StorageError::DiskFull { path: folder.to_owned(), needed: wanted - available });
    }
    Ok(())
}

/// The thread that commits appends.
pub(crate) struct LogWriter {
    queue: Option<SyncSender<Commit>>,
    thread: Option<JoinHandle<()>>,
}

impl LogWriter {
    /// Starts the thread; the first commit gets the offset `next`.
    pub(crate) fn start(log: Log, hooked: Option<Arc<Hooked>>, next: u64) -> Result<Self, StorageError> {
        let (queue, waiting) = sync_channel(QUEUE);
        let thread = std::thread::Builder::new().name("clew-log".to_owned());
        let thread = thread.spawn(move || write(&log, hooked.as_deref(), &waiting, next)).map_err(StorageError::Thread)?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    /// Hands over a commit; its answer comes through `done`.
    pub(crate) fn submit(&self, commit: Commit) -> Result<(), StorageError> {
        self.queue.as_ref().ok_or(StorageError::Closed)?.send(commit).map_err(|_| StorageError::Closed)
    }
}

impl Drop for LogWriter {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn write(log: &Log, hooked: Option<&Hooked>, waiting: &Receiver<Commit>, mut next: u64) {
    while let Ok(first) = waiting.recv() {
        let mut bytes = first.entry.len();
        let mut group = vec![first];
        while group.len() < GROUP && bytes < GROUP_BYTES {
            let Ok(commit) = waiting.try_recv() else { break };
            bytes += commit.entry.len();
            group.push(commit);
        }
        // One after the other, in the order of the log: a decision sees those before it.
        let brings = group.iter().any(|commit| !commit.sightings.is_empty());
        let decided = hooked.filter(|_| brings).map(|hooked| {
            hooked.decide((next..).zip(&mut group).map(|(offset, commit)| (offset, std::mem::take(&mut commit.sightings))))
        });
        bytes += decided.as_ref().map_or(0, Decided::bytes);
        crash::point("append.committing");
        // Twice the bytes: the journal now, the tree when the memtable is flushed.
        let result = log.commit(bytes * 2, |batch| {
            for (offset, commit) in (next..).zip(&mut group) {
                batch.insert(&log.entries, offset.to_be_bytes(), std::mem::take(&mut commit.entry));
                if let Some(run) = &commit.run {
                    batch.insert(&log.runs, run.as_bytes(), offset.to_be_bytes());
                }
                for (key, value) in commit.progress.drain(..) {
                    batch.insert(&log.batches, key, value);
                }
            }
            if let Some(decided) = &decided {
                decided.fill(batch);
            }
        });
        match result {
            Ok(()) => {
                crash::point("append.committed");
                if let Some(decided) = decided {
                    decided.stored();
                }
                for commit in group {
                    (commit.publish)(next);
                    // A caller that went away has its rows stored all the same.
                    let _ = commit.done.send(Ok(next));
                    next += 1;
                }
            }
            Err(error) => refuse(group, &error),
        }
    }
}

fn refuse(group: Vec<Commit>, error: &StorageError) {
    for commit in group {
        let error = match error {
            StorageError::DiskFull { path, needed } => StorageError::DiskFull { path: path.clone(), needed: *needed },
            StorageError::Log(fjall::Error::Io(e)) => StorageError::Log(fjall::Error::Io(e.kind().into())),
            _ => StorageError::Closed,
        };
        drop(commit.publish);
        let _ = commit.done.send(Err(error));
    }
}
