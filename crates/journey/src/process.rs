//! The process map of a case log: how often each activity occurs, begins and ends a case, which follows which and how
//! long that takes, and the variants. The words are those of process mining (XES): case, activity, variant,
//! directly-follows graph. Figures are equal to PM4Py's on its own logs, which a test holds.
//!
//! A case log need not be sorted: [`CaseLog::order`] gives the order in which it is read, by case, then time, then
//! position in the input, so that equal times keep the order of the file (as PM4Py does).

use rustc_hash::FxHashMap;

use crate::events::runs;
use crate::transitions::{Occurrences, Transition};

/// A log in columns of equal length: codes of cases and activities, times in microseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct CaseLog<'a> {
    /// Case of each event.
    pub case: &'a [u32],
    /// Time of each event.
    pub time_us: &'a [i64],
    /// Activity of each event.
    pub activity: &'a [u32],
}

impl CaseLog<'_> {
    /// Rows by case, time and position.
    pub fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.case.len()).collect();
        let key = |row: usize| (self.case[row], self.time_us[row]);
        if !order.is_sorted_by_key(|&row| key(row)) {
            order.sort_by_key(|&row| key(row));
        }
        order
    }
}

/// A sequence of activities and the number of cases that ran exactly so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    /// Activities in order.
    pub activities: Vec<u32>,
    /// Cases.
    pub cases: u64,
}

/// The map of a log.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProcessMap {
    /// Cases.
    pub cases: u64,
    /// Events.
    pub events: u64,
    /// (activity, events), by activity; the same shape for `start` and `end`, which count cases.
    pub activities: Vec<(u32, u64)>,
    /// Activities that begin a case.
    pub start: Vec<(u32, u64)>,
    /// Activities that end a case.
    pub end: Vec<(u32, u64)>,
    /// Directly-follows edges by (from, to); `people` counts cases, `rule` is 0.
    pub edges: Vec<Transition>,
    /// Variants, the most frequent first, then by their activities.
    pub variants: Vec<Variant>,
}

/// Computes the map. O(events), apart from sorting an unsorted log and ordering the variants.
///
/// # Panics
/// If the columns differ in length.
pub fn process_map(log: &CaseLog<'_>) -> ProcessMap {
    assert!(log.case.len() == log.time_us.len() && log.case.len() == log.activity.len(), "columns of a case log have one length");
    let order = log.order();
    let cases: Vec<u32> = order.iter().map(|&row| log.case[row]).collect();
    let trace: Vec<u32> = order.iter().map(|&row| log.activity[row]).collect();
    let mut map = ProcessMap { events: trace.len() as u64, ..ProcessMap::default() };
    let count = |counts: &mut FxHashMap<u32, u64>, activity: u32| *counts.entry(activity).or_default() += 1;
    let (mut activities, mut start, mut end) = (FxHashMap::default(), FxHashMap::default(), FxHashMap::default());
    let mut variants: FxHashMap<&[u32], u64> = FxHashMap::default();
    let mut edges = Occurrences::default();
    for rows in runs(&cases) {
        map.cases += 1;
        count(&mut start, trace[rows.start]);
        count(&mut end, trace[rows.end - 1]);
        for at in rows.clone() {
            count(&mut activities, trace[at]);
            if at > rows.start {
                let wait_us = log.time_us[order[at]] - log.time_us[order[at - 1]];
                edges.push((0, trace[at - 1], trace[at]), cases[at], wait_us);
            }
        }
        *variants.entry(&trace[rows]).or_default() += 1;
    }
    let sorted = |counts: FxHashMap<u32, u64>| {
        let mut counts: Vec<(u32, u64)> = counts.into_iter().collect();
        counts.sort_unstable();
        counts
    };
    map.variants = variants.into_iter().map(|(activities, cases)| Variant { activities: activities.to_vec(), cases }).collect();
    map.variants.sort_unstable_by(|a, b| b.cases.cmp(&a.cases).then_with(|| a.activities.cmp(&b.activities)));
    (map.activities, map.start, map.end) = (sorted(activities), sorted(start), sorted(end));
    map.edges = edges.finish();
    map
}
