//! The process map of a log: how often each activity occurs, begins and ends a case, which follows which and how long
//! that takes, and the variants. The words are those of process mining (XES): case, activity, variant, directly-follows
//! graph. Figures are equal to PM4Py's on its own logs, which a test holds.
//!
//! Edges are numbered by their place in a table of activities times activities, as long as that is small
//! ([`DENSE_ACTIVITIES`]), and by a hash map beyond. Variants are found by the hash of a case's activities and compared
//! activity by activity, so that two with the same hash stay two.

use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::xxh3_64;

use crate::log::Traces;
use crate::waits::{Buckets, Waits, median_and_p90};

/// With up to so many activities an edge is a place in a table (at most 4 million places).
const DENSE_ACTIVITIES: u32 = 2048;

/// What a process map is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessQuestion {
    /// How many variants are listed; with 0 they are only counted, without a number they are left out.
    pub variants: Option<usize>,
    /// Whether edges are wanted, with their waits.
    pub edges: bool,
}

/// Two activities that follow each other in a case.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Edge {
    /// The earlier activity.
    pub from: u32,
    /// The later activity.
    pub to: u32,
    /// How often.
    pub n: u64,
    /// Median wait in microseconds.
    pub median_wait_us: f64,
    /// 90th percentile of the wait in microseconds.
    pub p90_wait_us: f64,
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
    /// Directly-follows edges by (from, to).
    pub edges: Vec<Edge>,
    /// Different variants.
    pub variants: u64,
    /// The most frequent ones first, then by their activities.
    pub top_variants: Vec<Variant>,
}

/// Numbers of edges.
#[derive(Debug)]
enum EdgeNumbers {
    /// `from * stride + to`.
    Dense { stride: u32 },
    /// In the order of their appearance.
    Hashed { numbers: FxHashMap<(u32, u32), u32>, edges: Vec<(u32, u32)> },
}

impl EdgeNumbers {
    fn of(&mut self, from: u32, to: u32) -> u32 {
        match self {
            Self::Dense { stride } => from * *stride + to,
            Self::Hashed { numbers, edges } => *numbers.entry((from, to)).or_insert_with(|| {
                edges.push((from, to));
                edges.len() as u32 - 1
            }),
        }
    }

    fn edge(&self, number: usize) -> (u32, u32) {
        match self {
            Self::Dense { stride } => (number as u32 / stride, number as u32 % stride),
            Self::Hashed { edges, .. } => edges[number],
        }
    }
}

/// Variants of some cases.
#[derive(Debug, Default)]
struct Variants {
    /// Activities of one variant after the other, each in `width` bytes, the highest first: as bytes they are compared as they
    /// are as numbers.
    activities: Vec<u8>,
    width: usize,
    found: Vec<Found>,
    /// The newest variant of each hash.
    newest: FxHashMap<u64, u32>,
    trace: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Found {
    start: usize,
    bytes: u32,
    /// The variant of the same hash before it, or itself.
    before: u32,
    cases: u64,
}

impl Variants {
    fn new(activities: u32) -> Self {
        Self { width: if activities <= 1 << u8::BITS { 1 } else { 4 }, ..Self::default() }
    }

    fn add(&mut self, trace: &[u32]) {
        let mut bytes = std::mem::take(&mut self.trace);
        bytes.clear();
        if self.width == 1 {
            bytes.extend(trace.iter().map(|activity| *activity as u8));
        } else {
            bytes.extend(trace.iter().flat_map(|activity| activity.to_be_bytes()));
        }
        self.count(&bytes, xxh3_64(&bytes), 1);
        self.trace = bytes;
    }

    fn count(&mut self, trace: &[u8], hash: u64, cases: u64) {
        let next = self.found.len() as u32;
        let newest = self.newest.entry(hash).or_insert(next);
        let mut at = *newest;
        while let Some(found) = self.found.get_mut(at as usize) {
            if self.activities[found.start..found.start + found.bytes as usize] == *trace {
                found.cases += cases;
                return;
            }
            if found.before == at {
                break;
            }
            at = found.before;
        }
        self.found.push(Found { start: self.activities.len(), bytes: trace.len() as u32, before: *newest, cases });
        *newest = next;
        self.activities.extend_from_slice(trace);
    }

    fn trace(&self, found: &Found) -> &[u8] {
        &self.activities[found.start..found.start + found.bytes as usize]
    }

    fn merge(&mut self, other: &Self) {
        for found in &other.found {
            let trace = other.trace(found);
            self.count(trace, xxh3_64(trace), found.cases);
        }
    }

    /// The most frequent ones, then by their activities.
    fn top(&self, top: usize) -> Vec<Variant> {
        let activity = |bytes: &[u8]| bytes.iter().fold(0, |activity, byte| activity << 8 | u32::from(*byte));
        let variant = |found: &Found| Variant {
            activities: self.trace(found).chunks_exact(self.width).map(activity).collect(),
            cases: found.cases,
        };
        let by_rank = |a: &&Found, b: &&Found| b.cases.cmp(&a.cases).then_with(|| self.trace(a).cmp(self.trace(b)));
        let mut order: Vec<&Found> = self.found.iter().collect();
        if top < order.len() {
            order.select_nth_unstable_by(top, by_rank);
            order.truncate(top);
        }
        order.sort_unstable_by(by_rank);
        order.into_iter().map(variant).collect()
    }
}

/// What one thread has seen.
#[derive(Debug)]
pub(crate) struct Partial {
    question: ProcessQuestion,
    cases: u64,
    events: u64,
    activities: Vec<u64>,
    start: Vec<u64>,
    end: Vec<u64>,
    numbers: EdgeNumbers,
    counts: Vec<u64>,
    waits: Waits,
    variants: Variants,
}

impl Partial {
    /// Nothing yet, of a log with so many activities and at most `events` events.
    pub fn new(question: ProcessQuestion, activities: u32, events: usize) -> Self {
        let dense = activities <= DENSE_ACTIVITIES;
        let zeros = || vec![0; activities as usize];
        let (numbers, places) = if dense {
            (EdgeNumbers::Dense { stride: activities.max(1) }, activities as usize * activities as usize)
        } else {
            (EdgeNumbers::Hashed { numbers: FxHashMap::default(), edges: Vec::new() }, 0)
        };
        // Room that is never written costs no memory, and growing would copy.
        let room = if question.edges { events } else { 0 };
        let waits = Waits { edge: Vec::with_capacity(room), wait_us: Vec::with_capacity(room) };
        Self {
            question,
            cases: 0,
            events: 0,
            activities: zeros(),
            start: zeros(),
            end: zeros(),
            numbers,
            counts: vec![0; places],
            waits,
            variants: Variants::new(activities),
        }
    }

    /// Takes whole cases in.
    pub fn scan(&mut self, traces: &Traces<'_>) {
        let code = traces.code;
        self.events += code.len() as u64;
        for &activity in code {
            self.activities[activity as usize] += 1;
        }
        if self.question.edges {
            self.note_edges(traces);
        }
        for rows in traces.cases() {
            self.cases += 1;
            self.start[code[rows.start] as usize] += 1;
            self.end[code[rows.end - 1] as usize] += 1;
            if self.question.variants.is_some() {
                self.variants.add(&code[rows]);
            }
        }
    }

    /// Every pair of neighbours, in a loop without branches; then the pairs of two cases are taken out.
    fn note_edges(&mut self, traces: &Traces<'_>) {
        let (code, time_us) = (traces.code, traces.time_us);
        let base = self.waits.edge.len();
        match &mut self.numbers {
            EdgeNumbers::Dense { stride } => {
                let stride = *stride;
                self.waits.edge.extend(code.windows(2).map(|pair| pair[0] * stride + pair[1]));
                for rows in traces.cases().skip(1) {
                    self.waits.edge[base + rows.start - 1] = Waits::NONE;
                }
            }
            numbers @ EdgeNumbers::Hashed { .. } => {
                let mut starts = traces.cases().map(|rows| rows.start).skip(1).peekable();
                for at in 1..code.len() {
                    let new_case = starts.next_if_eq(&at).is_some();
                    self.waits.edge.push(if new_case { Waits::NONE } else { numbers.of(code[at - 1], code[at]) });
                }
                if let EdgeNumbers::Hashed { edges, .. } = numbers {
                    self.counts.resize(edges.len(), 0);
                }
            }
        }
        self.waits.wait_us.extend(time_us.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])));
        for &edge in &self.waits.edge[base..] {
            if edge != Waits::NONE {
                self.counts[edge as usize] += 1;
            }
        }
    }

    /// Puts together what the threads have seen.
    pub fn finish(parts: Vec<Self>, threads: usize) -> ProcessMap {
        let mut map = ProcessMap::default();
        let top = parts.first().and_then(|part| part.question.variants).unwrap_or(0);
        let mut variants = Variants::default();
        let (mut activities, mut start, mut end) = (Vec::new(), Vec::new(), Vec::new());
        let mut waits = Vec::new();
        for part in parts {
            map.cases += part.cases;
            map.events += part.events;
            add(&mut activities, &part.activities);
            add(&mut start, &part.start);
            add(&mut end, &part.end);
            if variants.found.is_empty() {
                variants = part.variants;
            } else {
                variants.merge(&part.variants);
            }
            if !part.waits.edge.is_empty() {
                waits.push((part.numbers, part.counts, part.waits));
            }
        }
        (map.activities, map.start, map.end) = (pairs(&activities), pairs(&start), pairs(&end));
        map.edges = edges(waits, threads);
        (map.variants, map.top_variants) = (variants.found.len() as u64, variants.top(top));
        map
    }
}

fn add(sums: &mut Vec<u64>, counts: &[u64]) {
    sums.resize(counts.len().max(sums.len()), 0);
    for (sum, count) in sums.iter_mut().zip(counts) {
        *sum += count;
    }
}

fn pairs(counts: &[u64]) -> Vec<(u32, u64)> {
    counts.iter().enumerate().filter(|(_, n)| **n > 0).map(|(at, n)| (at as u32, *n)).collect()
}

/// The edges of all parts with exact quantiles, each part's waits in buckets of its own.
fn edges(parts: Vec<(EdgeNumbers, Vec<u64>, Waits)>, threads: usize) -> Vec<Edge> {
    // (from, to, part, number in the part), so that the same edge of several parts stands together.
    let mut places: Vec<(u32, u32, usize, usize)> = Vec::new();
    for (part, (numbers, counts, _)) in parts.iter().enumerate() {
        let seen = counts.iter().enumerate().filter(|(_, n)| **n > 0);
        places.extend(seen.map(|(number, _)| {
            let (from, to) = numbers.edge(number);
            (from, to, part, number)
        }));
    }
    places.sort_unstable();
    let buckets: Vec<Buckets> = std::thread::scope(|scope| {
        let sorting: Vec<_> =
            parts.into_iter().map(|(_, counts, waits)| scope.spawn(move || waits.into_buckets(&counts))).collect();
        sorting.into_iter().map(|thread| thread.join().expect("counting does not panic")).collect()
    });
    let same = |a: &(u32, u32, usize, usize), b: &(u32, u32, usize, usize)| (a.0, a.1) == (b.0, b.1);
    let groups: Vec<&[(u32, u32, usize, usize)]> = places.chunk_by(same).collect();
    let select = |groups: &[&[(u32, u32, usize, usize)]]| {
        let mut waits = Vec::new();
        let edge = |group: &&[(u32, u32, usize, usize)]| {
            waits.clear();
            for &(_, _, part, number) in *group {
                waits.extend_from_slice(buckets[part].of(number));
            }
            let (median_wait_us, p90_wait_us) = median_and_p90(&mut waits);
            Edge { from: group[0].0, to: group[0].1, n: waits.len() as u64, median_wait_us, p90_wait_us }
        };
        groups.iter().map(edge).collect::<Vec<_>>()
    };
    // Frequent edges stand beside rare ones: many small shares even out.
    let share = groups.len().div_ceil(threads * 16).max(1);
    let next = std::sync::atomic::AtomicUsize::new(0);
    let shares: Vec<&[&[_]]> = groups.chunks(share).collect();
    let mut found: Vec<(usize, Vec<Edge>)> = std::thread::scope(|scope| {
        let work = || {
            let mut done = Vec::new();
            loop {
                let at = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                let Some(share) = shares.get(at) else { return done };
                done.push((at, select(share)));
            }
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("selection does not panic")).collect()
    });
    found.sort_unstable_by_key(|(at, _)| *at);
    found.into_iter().flat_map(|(_, edges)| edges).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_with_the_same_hash_stay_two() {
        let mut variants = Variants::new(10);
        for trace in [&[1, 2][..], &[3], &[1, 2], &[3], &[4, 4, 4], &[1, 2]] {
            variants.count(trace, 7, 1);
        }
        let variant = |activities: &[u32], cases| Variant { activities: activities.to_vec(), cases };
        assert_eq!(variants.top(9), [variant(&[1, 2], 3), variant(&[3], 2), variant(&[4, 4, 4], 1)]);
        assert_eq!(variants.top(1), [variant(&[1, 2], 3)]);
    }
}
