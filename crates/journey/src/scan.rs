//! One scan: every question that is asked of a log is answered from one pass over its cases.
//!
//! Threads take partitions of cases one after the other; each keeps its own sums, which are added at the end. Nothing in
//! an answer depends on who took which, so that 1, 2 and 4 threads give the same answer to the bit.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::funnel::{self, Funnel, FunnelGroup};
use crate::log::{Log, PARTITIONS, Sorted};
use crate::paths::{self, PathQuestion, Paths};
use crate::process::{self, ProcessMap, ProcessQuestion};
use crate::retention::{self, Cohort, Periods};
use crate::spill::Room;

/// What is asked. Codes of the log are activities below `activities`; a funnel with groups needs a log of its own.
#[derive(Clone, Debug, Default)]
pub struct Questions {
    /// How many activities there are.
    pub activities: u32,
    /// The process map.
    pub process: Option<ProcessQuestion>,
    /// A funnel.
    pub funnel: Option<Funnel>,
    /// Retention by these periods.
    pub retention: Option<Periods>,
    /// Paths.
    pub paths: Option<PathQuestion>,
}

/// The answers to what was asked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answers {
    /// The process map.
    pub process: Option<ProcessMap>,
    /// People of the funnel, by group.
    pub funnel: Option<Vec<FunnelGroup>>,
    /// Cohorts with at least one person, by period.
    pub retention: Option<Vec<Cohort>>,
    /// Beginnings of sessions.
    pub paths: Option<Paths>,
}

/// What one thread keeps.
struct Partial<'a> {
    process: Option<process::Partial<'a>>,
    funnel: Option<funnel::Partial<'a>>,
    retention: Option<retention::Partial<'a>>,
    paths: Option<paths::Partial>,
}

impl<'a> Partial<'a> {
    fn new(questions: &'a Questions, events: usize, room: Option<Room<'a>>) -> Self {
        Self {
            process: questions.process.map(|question| process::Partial::new(question, questions.activities, events, room)),
            funnel: questions.funnel.as_ref().map(funnel::Partial::new),
            retention: questions.retention.as_ref().map(retention::Partial::new),
            paths: questions.paths.map(|question| paths::Partial::new(question, questions.activities, room)),
        }
    }
}

/// Answers `questions` with so many threads (at least one). O(events), apart from sorting cases whose times run
/// backwards, ordering the variants, and sorting the beginnings of sessions.
///
/// # Panics
/// If the log has a code that is not below `activities` (times groups, for a funnel), or has spilled chunks.
pub fn scan(log: Log, questions: &Questions, threads: usize) -> Answers {
    scan_in(log, questions, threads, None).expect("nothing of the log was spilled")
}

/// The same, of a log of any size: with `room`, what a scan would keep of every event is spilled as well. What is kept then grows
/// with cases, variants and beginnings that differ, not with events.
///
/// # Errors
/// Of the disk.
///
/// # Panics
/// As [`scan`](scan()).
pub fn scan_in(log: Log, questions: &Questions, threads: usize, room: Option<Room<'_>>) -> io::Result<Answers> {
    let threads = threads.clamp(1, PARTITIONS);
    let (next, events) = (AtomicUsize::new(0), log.events());
    let work = || {
        let (mut partial, mut sorted) = (Partial::new(questions, events, room), Sorted::default());
        loop {
            let partition = next.fetch_add(1, Ordering::Relaxed);
            if partition >= PARTITIONS {
                return Ok(partial);
            }
            let traces = sorted.load(&log, partition)?;
            partial.process.iter_mut().try_for_each(|process| process.scan(&traces))?;
            partial.funnel.iter_mut().for_each(|funnel| funnel.scan(&traces));
            partial.retention.iter_mut().for_each(|retention| retention.scan(&traces));
            partial.paths.iter_mut().for_each(|paths| paths.scan(&traces));
        }
    };
    let partials: Vec<Partial<'_>> = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let own = work();
        let others = others.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        std::iter::once(own).chain(others).collect::<io::Result<_>>()
    })?;
    // The waits are about to need room.
    drop(log);
    let (mut process, mut funnel, mut retention, mut paths) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for partial in partials {
        process.extend(partial.process);
        funnel.extend(partial.funnel);
        retention.extend(partial.retention);
        paths.extend(partial.paths);
    }
    Ok(Answers {
        process: questions.process.is_some().then(|| process::Partial::finish(process, threads)).transpose()?,
        funnel: questions.funnel.is_some().then(|| funnel::Partial::finish(funnel)),
        retention: questions.retention.is_some().then(|| retention::Partial::finish(retention)),
        paths: questions.paths.is_some().then(|| paths::Partial::finish(paths)),
    })
}
