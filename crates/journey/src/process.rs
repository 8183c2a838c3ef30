//! The process map of a log: how often each activity occurs, begins and ends a case, which follows which and how long
//! that takes, and the variants. The words are those of process mining (XES): case, activity, variant, directly-follows
//! graph. Figures are equal to PM4Py's on its own logs, which a test holds.
//!
//! Edges are numbered by their place in a table of activities times activities, as long as that is small
//! ([`DENSE_ACTIVITIES`]), and by a hash map beyond.

use std::io;

use rustc_hash::FxHashMap;

use crate::log::Traces;
use crate::spill::Room;
use crate::spilled_waits::{EdgeWaits, NotedWaits, SortedWaits};
pub use crate::variants::Variant;
use crate::variants::Variants;
use crate::waits::Waits;

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

/// What one thread has seen.
#[derive(Debug)]
pub(crate) struct Partial<'a> {
    question: ProcessQuestion,
    cases: u64,
    events: u64,
    activities: Vec<u64>,
    start: Vec<u64>,
    end: Vec<u64>,
    numbers: EdgeNumbers,
    counts: Vec<u64>,
    waits: NotedWaits<'a>,
    variants: Variants,
    room: Option<Room<'a>>,
}

impl<'a> Partial<'a> {
    /// Nothing yet, of a log with so many activities and at most `events` events.
    pub fn new(question: ProcessQuestion, activities: u32, events: usize, room: Option<Room<'a>>) -> Self {
        let dense = activities <= DENSE_ACTIVITIES;
        let zeros = || vec![0; activities as usize];
        let (numbers, places) = if dense {
            (EdgeNumbers::Dense { stride: activities.max(1) }, activities as usize * activities as usize)
        } else {
            (EdgeNumbers::Hashed { numbers: FxHashMap::default(), edges: Vec::new() }, 0)
        };
        let waits = NotedWaits::new(if question.edges { events } else { 0 }, room);
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
            room,
        }
    }

    /// Takes whole cases in.
    pub fn scan(&mut self, traces: &Traces<'_>) -> io::Result<()> {
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
        self.waits.make_room()
    }

    /// Every pair of neighbours, in a loop without branches; then the pairs of two cases are taken out.
    fn note_edges(&mut self, traces: &Traces<'_>) {
        let (code, time_us) = (traces.code, traces.time_us);
        let base = self.waits.held.edge.len();
        match &mut self.numbers {
            EdgeNumbers::Dense { stride } => {
                let stride = *stride;
                self.waits.held.edge.extend(code.windows(2).map(|pair| pair[0] * stride + pair[1]));
                for rows in traces.cases().skip(1) {
                    self.waits.held.edge[base + rows.start - 1] = Waits::NONE;
                }
            }
            numbers @ EdgeNumbers::Hashed { .. } => {
                let mut starts = traces.cases().map(|rows| rows.start).skip(1).peekable();
                for at in 1..code.len() {
                    let new_case = starts.next_if_eq(&at).is_some();
                    self.waits.held.edge.push(if new_case { Waits::NONE } else { numbers.of(code[at - 1], code[at]) });
                }
                if let EdgeNumbers::Hashed { edges, .. } = numbers {
                    self.counts.resize(edges.len(), 0);
                }
            }
        }
        self.waits.held.wait_us.extend(time_us.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])));
        for &edge in &self.waits.held.edge[base..] {
            if edge != Waits::NONE {
                self.counts[edge as usize] += 1;
            }
        }
    }

    /// Puts together what the threads have seen.
    pub fn finish(parts: Vec<Self>, threads: usize) -> io::Result<ProcessMap> {
        let room = parts.first().and_then(|part| part.room);
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
            if variants.is_empty() {
                variants = part.variants;
            } else {
                variants.merge(&part.variants);
            }
            if !part.waits.is_empty() {
                waits.push((part.numbers, part.counts, part.waits));
            }
        }
        (map.activities, map.start, map.end) = (pairs(&activities), pairs(&start), pairs(&end));
        map.edges = edges(waits, threads, room)?;
        (map.variants, map.top_variants) = (variants.len() as u64, variants.top(top));
        Ok(map)
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
fn edges(parts: Vec<(EdgeNumbers, Vec<u64>, NotedWaits<'_>)>, threads: usize, room: Option<Room<'_>>) -> io::Result<Vec<Edge>> {
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
    let buckets: Vec<SortedWaits> = std::thread::scope(|scope| {
        let sorting: Vec<_> =
            parts.into_iter().map(|(_, counts, waits)| scope.spawn(move || waits.into_buckets(&counts))).collect();
        sorting.into_iter().map(|thread| thread.join().expect("counting does not panic")).collect::<io::Result<_>>()
    })?;
    let same = |a: &(u32, u32, usize, usize), b: &(u32, u32, usize, usize)| (a.0, a.1) == (b.0, b.1);
    let groups: Vec<&[(u32, u32, usize, usize)]> = places.chunk_by(same).collect();
    let select = |groups: &[&[(u32, u32, usize, usize)]]| {
        let mut scratch = Vec::new();
        let edge = |group: &&[(u32, u32, usize, usize)]| {
            let mut waits = EdgeWaits::default();
            for &(_, _, part, number) in *group {
                waits.add(&buckets[part], number);
            }
            let (median_wait_us, p90_wait_us) = waits.median_and_p90(room, &mut scratch)?;
            Ok(Edge { from: group[0].0, to: group[0].1, n: waits.n() as u64, median_wait_us, p90_wait_us })
        };
        groups.iter().map(edge).collect::<io::Result<Vec<_>>>()
    };
    // Frequent edges stand beside rare ones: many small shares even out.
    let share = groups.len().div_ceil(threads * 16).max(1);
    let next = std::sync::atomic::AtomicUsize::new(0);
    let shares: Vec<&[&[_]]> = groups.chunks(share).collect();
    let mut found: Vec<(usize, io::Result<Vec<Edge>>)> = std::thread::scope(|scope| {
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
    let mut all = Vec::with_capacity(groups.len());
    for (_, edges) in found {
        all.extend(edges?);
    }
    Ok(all)
}
