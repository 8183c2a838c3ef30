//! The key register: is this fact known, and with which content?
//!
//! Keys are in three places: in **runs** (files, see [`crate::keys`]), in the **tail** (keys of unsealed small entries, in
//! memory and in their log entries) and **pending** (keys of appends that are being judged or written now). Pending keys
//! work like locks: an append that meets one waits until its owner is stored or gave up, so that appends judge and write
//! in parallel and still every key gets exactly one verdict.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use rustc_hash::FxBuildHasher;

use crate::crash;
use crate::error::StorageError;
use crate::keys::{self, FAN_IN, KeyRecord, Run};
use crate::log::{Log, room};

/// What the register knows of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    /// Hash of the newest content.
    pub(crate) content: u64,
    /// The log entry that brought it.
    pub(crate) offset: u64,
}

/// See the module.
pub(crate) struct Register {
    state: Mutex<State>,
    released: Condvar,
    folder: PathBuf,
}

#[derive(Default)]
struct State {
    runs: Vec<Arc<Run>>,
    tail: HashMap<u128, Known, FxBuildHasher>,
    pending: Vec<(u64, Arc<Vec<u128>>)>,
    next: u64,
}

/// The hold of one append on its keys; letting go wakes those who wait for them.
pub(crate) struct Hold {
    register: Arc<Register>,
    id: u64,
}

impl Register {
    /// The register of the runs that the log names; removes files that it does not.
    pub(crate) fn open(folder: &Path, log: &Log) -> Result<Self, StorageError> {
        std::fs::create_dir_all(folder).map_err(|e| StorageError::io(folder, e))?;
        let mut runs = Vec::new();
        for item in log.runs.iter() {
            let (name, offset) = item.into_inner()?;
            let name = String::from_utf8_lossy(&name).into_owned();
            let offset = offset.as_ref().try_into().map_or(0, u64::from_be_bytes);
            runs.push(Arc::new(Run::open(folder, &name, offset)?));
        }
        keys::remove_orphans(folder, |name| runs.iter().any(|run| run.name == name))?;
        let state = State { runs, ..State::default() };
        Ok(Self { state: Mutex::new(state), released: Condvar::new(), folder: folder.to_owned() })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of the register panics")
    }

    /// Takes hold of `keys` (ascending, no repeats), waiting for whoever has one of them, and tells what is known of each.
    pub(crate) fn judge(self: &Arc<Self>, keys: &Arc<Vec<u128>>) -> Result<(Hold, Vec<Option<Known>>), StorageError> {
        let mut state = self.lock();
        while state.pending.iter().any(|(_, held)| intersect(held, keys)) {
            state = self.released.wait(state).expect("no holder of the register panics");
        }
        let mut known: Vec<Option<Known>> = if state.tail.is_empty() {
            vec![None; keys.len()]
        } else {
            keys.iter().map(|key| state.tail.get(key).copied()).collect()
        };
        let id = state.next;
        state.next += 1;
        state.pending.push((id, Arc::clone(keys)));
        let runs = state.runs.clone();
        drop(state);
        let hold = Hold { register: Arc::clone(self), id };
        // Outside the lock: nobody else can store these keys now, and merging runs does not change what they hold.
        for run in runs {
            run.lookup(keys, |i, record| {
                if known[i].is_none_or(|known| known.offset < record.offset) {
                    known[i] = Some(Known { content: record.content, offset: record.offset });
                }
            })?;
        }
        Ok((hold, known))
    }

    /// Adds keys of an entry that is stored in the log but not in a run.
    pub(crate) fn add_tail(&self, keys: &[KeyRecord]) {
        let mut state = self.lock();
        for key in keys {
            state.tail.insert(key.key, Known { content: key.content, offset: key.offset });
        }
    }

    /// Adds a run that the log names.
    pub(crate) fn add_run(&self, run: Run) {
        self.lock().runs.push(Arc::new(run));
    }

    /// Replaces the tail's keys up to `offset` by `run`, which holds them.
    pub(crate) fn settle(&self, offset: u64, run: Option<Run>) {
        let mut state = self.lock();
        state.tail.retain(|_, known| known.offset > offset);
        state.runs.extend(run.map(Arc::new));
    }

    /// The runs of a size class with enough of them to be worth a merge.
    fn mergeable(&self) -> Option<Vec<Arc<Run>>> {
        let state = self.lock();
        let mut classes: HashMap<u32, Vec<Arc<Run>>> = HashMap::new();
        for run in &state.runs {
            classes.entry(run.class()).or_default().push(Arc::clone(run));
        }
        let smallest = classes.into_iter().filter(|(_, runs)| runs.len() >= FAN_IN).min_by_key(|(class, _)| *class);
        smallest.map(|(_, runs)| runs)
    }

    /// Merges runs until no size class has too many. `name` gives names for new files.
    pub(crate) fn compact(&self, log: &Log, name: impl Fn() -> String) -> Result<(), StorageError> {
        while let Some(runs) = self.mergeable() {
            let bytes: usize = runs.iter().map(|run| run.rows * 34).sum();
            room(&self.folder, bytes as u64)?;
            let name = name();
            let merged = keys::merge(&self.folder, &name, &runs)?;
            crate::datafile::sync_folder(&self.folder)?;
            crash::point("keys.merged");
            log.commit(1024, |batch| {
                for run in &runs {
                    batch.remove(&log.runs, run.name.as_bytes());
                }
                batch.insert(&log.runs, name.as_bytes(), 0_u64.to_be_bytes());
            })?;
            crash::point("keys.swapped");
            let mut state = self.lock();
            state.runs.retain(|run| !runs.iter().any(|merged| merged.name == run.name));
            state.runs.push(Arc::new(merged));
            drop(state);
            for run in runs {
                // Readers of the old run keep their open file; a file that stays behind is removed at the next opening.
                let _ = std::fs::remove_file(self.folder.join(&run.name));
            }
        }
        Ok(())
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut state = self.register.lock();
        state.pending.retain(|(id, _)| *id != self.id);
        drop(state);
        self.register.released.notify_all();
    }
}

/// Whether two ascending lists share a key.
fn intersect(a: &[u128], b: &[u128]) -> bool {
    let (small, large) = if a.len() < b.len() { (a, b) } else { (b, a) };
    if small.len() * 16 < large.len() {
        return small.iter().any(|key| large.binary_search(key).is_ok());
    }
    let (mut i, mut j) = (0, 0);
    while i < small.len() && j < large.len() {
        match small[i].cmp(&large[j]) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => return true,
        }
    }
    false
}
