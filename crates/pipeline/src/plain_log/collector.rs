//! The parts of a log as they come from a file: in memory as long as there is room, the rest in a file of its own.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use clew_journey::{Answers, Chunk, Log, Questions, Room, Spill, scan_in};

use super::ACTIVITY_BITS;
use crate::spill_file::SpillFile;

/// Events of a log that are held in memory, 16 bytes each; the rest of a larger log lies in a file.
const MOST_HELD: usize = 24 << 20;
/// Waits and beginnings of sessions that a thread keeps of a log that is larger than memory.
const MOST_ENTRIES: usize = 8 << 20;

/// Collects the parts of a log, from any thread and in any order. Those that memory has no room for go to a file.
#[derive(Debug)]
pub struct Collector {
    chunks: Mutex<Vec<((usize, usize), Chunk)>>,
    most_held: usize,
    held: AtomicUsize,
    spill: OnceLock<Arc<dyn Spill>>,
    failed: OnceLock<io::Error>,
}

impl Default for Collector {
    fn default() -> Self {
        Self::holding(MOST_HELD)
    }
}

impl Collector {
    fn holding(most_held: usize) -> Self {
        let (chunks, held, spill, failed) = (Mutex::default(), AtomicUsize::new(0), OnceLock::new(), OnceLock::new());
        Self { chunks, most_held, held, spill, failed }
    }

    /// Adds the part that stands at `place` in the file. Without activities, every event is of the same one.
    pub fn add(&self, place: (usize, usize), case: &[u32], time_us: &[i64], activity: &[u32]) {
        let chunk = if activity.is_empty() && !case.is_empty() {
            Chunk::new(case, time_us, &vec![0; case.len()])
        } else {
            Chunk::new(case, time_us, activity)
        };
        match self.placed(chunk) {
            Ok(chunk) => self.chunks.lock().unwrap_or_else(PoisonError::into_inner).push((place, chunk)),
            // Told when the log is asked for; the first failure is as good as the last.
            Err(error) => drop(self.failed.set(error)),
        }
    }

    /// In memory or in the file.
    fn placed(&self, chunk: Chunk) -> io::Result<Chunk> {
        if self.held.fetch_add(chunk.events(), Ordering::Relaxed) + chunk.events() <= self.most_held {
            return Ok(chunk);
        }
        if self.spill.get().is_none() {
            // Another thread's is as good.
            drop(self.spill.set(Arc::new(SpillFile::new()?)));
        }
        chunk.spill(self.spill.get().expect("it was set"))
    }

    /// The same with the group of each event, `u32::MAX` for none.
    pub fn add_with_groups(&self, place: (usize, usize), case: &[u32], time_us: &[i64], activity: &[u32], group: &[u32]) {
        let code = |(activity, group): (&u32, &u32)| (group.wrapping_add(1) << ACTIVITY_BITS) | activity;
        self.add(place, case, time_us, &activity.iter().zip(group).map(code).collect::<Vec<_>>());
    }

    /// The log, in the order of the file.
    pub(super) fn into_log(self) -> io::Result<CollectedLog> {
        if let Some(error) = self.failed.into_inner() {
            return Err(error);
        }
        let mut chunks = self.chunks.into_inner().unwrap_or_else(PoisonError::into_inner);
        chunks.sort_by_key(|(place, _)| *place);
        let mut log = Log::default();
        chunks.into_iter().for_each(|(_, chunk)| log.push(chunk));
        Ok(CollectedLog { log, spill: self.spill.into_inner() })
    }
}

/// A log, and the file with what memory has no room for.
#[derive(Debug)]
pub(super) struct CollectedLog {
    log: Log,
    spill: Option<Arc<dyn Spill>>,
}

impl CollectedLog {
    /// Gives activities other codes, see [`Log::rename`].
    pub fn rename(&mut self, codes: Vec<u32>) {
        self.log.rename(codes);
    }

    /// Answers `questions`.
    pub fn scan(self, questions: &Questions, threads: usize) -> io::Result<Answers> {
        let room = self.spill.as_deref().map(|spill| Room { spill, entries: MOST_ENTRIES });
        scan_in(self.log, questions, threads, room)
    }
}

#[cfg(test)]
mod tests {
    use clew_journey::{PathQuestion, ProcessQuestion};

    use super::*;

    #[test]
    fn what_does_not_fit_is_answered_all_the_same() {
        let ask = |parts: Collector| {
            for at in (0..9).rev() {
                let case: Vec<u32> = (0..50).map(|row| row * 7 % 13).collect();
                let time_us: Vec<i64> = (0..50).map(|row| at * 100 + row * row % 37).collect();
                let activity: Vec<u32> = (0..50).map(|row| (row * 3 + at as u32) % 5).collect();
                parts.add((at as usize, 0), &case, &time_us, &activity);
            }
            let is_spilled = parts.spill.get().is_some();
            let (process, paths) = (
                ProcessQuestion { edges: true, variants: Some(9) },
                PathQuestion { gap_us: Some(20), depth: 3, collapse: false, top: 9 },
            );
            let questions = Questions { activities: 5, process: Some(process), paths: Some(paths), ..Questions::default() };
            (is_spilled, parts.into_log().unwrap().scan(&questions, 2).unwrap())
        };
        let (in_memory, expected) = ask(Collector::default());
        let (spilled, found) = ask(Collector::holding(120));
        assert_eq!((in_memory, spilled), (false, true));
        assert_eq!(expected.process.as_ref().unwrap().events, 450);
        assert_eq!(found, expected);
    }
}
