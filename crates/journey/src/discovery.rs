//! Models from logs: the inductive miner, and the dependency measure of the heuristics miner.
//!
//! The inductive miner (S. Leemans, D. Fahland & W. van der Aalst 2013, Petri Nets, LNCS 7927:311; with noise: BPM workshops
//! 2013, LNBIP 171:66) looks for a cut of the activities: into exclusive, following, parallel or repeated parts; splits the
//! log along it, and goes on inside each part. Where there is no cut it falls back to what always holds. Without noise the
//! model allows every trace of the log, which a test holds with the alignments of `conformance`.
//!
//! The directly-follows graph alone decides about cuts, so a log costs its variants times the depth of the model.

mod cut;

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashMap;

use self::cut::{Cut, Graph};
use crate::log::Traces;
use crate::process_tree::ProcessTree;

/// Traces with how often they occur.
pub(crate) type Variants = BTreeMap<Vec<u32>, u64>;

/// The variants of a log.
pub(crate) fn variants(traces: &Traces<'_>) -> Variants {
    let mut counted: FxHashMap<&[u32], u64> = FxHashMap::default();
    for rows in traces.cases() {
        *counted.entry(&traces.code[rows]).or_default() += 1;
    }
    counted.into_iter().map(|(trace, cases)| (trace.to_vec(), cases)).collect()
}

/// A transition by the heuristics miner's measure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dependency {
    /// The earlier activity.
    pub from: u32,
    /// The later one.
    pub to: u32,
    /// How often.
    pub n: u64,
    /// (n − n of the way back) / (n + n of the way back + 1), of an activity after itself n / (n + 1): near 1 where one leads to
    /// the other (A. Weijters, W. van der Aalst & A. de Medeiros 2006, BETA working paper 166).
    pub dependency: f64,
}

/// Dependencies of all transitions, by (from, to).
pub fn dependencies(traces: &Traces<'_>) -> Vec<Dependency> {
    let graph = Graph::of(&variants(traces));
    let n = |from: u32, to: u32| graph.edges.get(&(from, to)).copied().unwrap_or(0) as f64;
    let dependency = |(&(from, to), &count): (&(u32, u32), &u64)| {
        let back = if from == to { 0.0 } else { n(to, from) };
        let there = count as f64;
        Dependency { from, to, n: count, dependency: (there - back) / (there + back + 1.0) }
    };
    graph.edges.iter().map(dependency).collect()
}

/// Finds a model. With `noise` (0 to below 1), where the whole graph has no cut, transitions rarer than this share of the most
/// frequent one from the same activity are passed over, as are empty parts rarer than this share.
pub fn discover(traces: &Traces<'_>, noise: f64) -> ProcessTree {
    mine(variants(traces), noise).flattened()
}

fn mine(mut log: Variants, noise: f64) -> ProcessTree {
    let all: u64 = log.values().sum();
    let empty = log.remove(&Vec::new()).unwrap_or(0);
    if log.is_empty() {
        return ProcessTree::silent();
    }
    if empty > 0 {
        let part = mine(log, noise);
        return if empty as f64 > noise * all as f64 { part.optional() } else { part };
    }
    let activities: BTreeSet<u32> = log.keys().flatten().copied().collect();
    if let (Some(only), 1, true) = (activities.first(), activities.len(), log.keys().all(|trace| trace.len() == 1)) {
        return ProcessTree::Activity(*only);
    }
    let graph = Graph::of(&log);
    let found = graph.cut(&activities).or_else(|| (noise > 0.0).then(|| graph.without_rare(noise).cut(&activities)).flatten());
    match found {
        Some(Cut::Exclusive(parts)) => ProcessTree::Choice(each(exclusive(&log, &parts), noise)),
        Some(Cut::Sequence(parts)) => ProcessTree::Sequence(each(projected(&log, &parts), noise)),
        Some(Cut::Parallel(parts)) => ProcessTree::Parallel(each(projected(&log, &parts), noise)),
        Some(Cut::Loop(body, back)) => {
            let (body, back) = repeated(&log, &body, &back);
            ProcessTree::Loop(Box::new(mine(body, noise)), Box::new(mine(back, noise)))
        }
        None => fall_back(&log, &graph, &activities, noise),
    }
}

fn each(logs: Vec<Variants>, noise: f64) -> Vec<ProcessTree> {
    logs.into_iter().map(|log| mine(log, noise)).collect()
}

/// What always holds: an activity once in every trace beside the rest, a restart wherever an end meets a beginning, anything.
fn fall_back(log: &Variants, graph: &Graph, activities: &BTreeSet<u32>, noise: f64) -> ProcessTree {
    let once = |activity: &&u32| log.keys().all(|trace| trace.iter().filter(|other| other == activity).count() == 1);
    if let (Some(activity), true) = (activities.iter().find(once), activities.len() > 1) {
        let rest: BTreeSet<u32> = activities.iter().copied().filter(|other| other != activity).collect();
        let rest = projected(log, &[rest]).pop().unwrap_or_default();
        return ProcessTree::Parallel(vec![ProcessTree::Activity(*activity), mine(rest, noise)]);
    }
    let mut parts = Variants::new();
    for (trace, cases) in log {
        let restarts = |pair: &u32, next: &u32| graph.end.contains_key(pair) && graph.start.contains_key(next);
        for part in trace.chunk_by(|a, b| !restarts(a, b)) {
            *parts.entry(part.to_vec()).or_default() += cases;
        }
    }
    if parts.len() != log.len() || parts.keys().ne(log.keys()) {
        return ProcessTree::Loop(Box::new(mine(parts, noise)), Box::new(ProcessTree::silent()));
    }
    let any = activities.iter().map(|activity| ProcessTree::Activity(*activity)).collect();
    ProcessTree::Loop(Box::new(ProcessTree::Choice(any)), Box::new(ProcessTree::silent()))
}

/// Each trace goes to the part of most of its events; the others are noise.
fn exclusive(log: &Variants, parts: &[BTreeSet<u32>]) -> Vec<Variants> {
    let mut logs = vec![Variants::new(); parts.len()];
    for (trace, cases) in log {
        let count = |part: &BTreeSet<u32>| trace.iter().filter(|activity| part.contains(activity)).count();
        let place = (0..parts.len()).rev().max_by_key(|at| count(&parts[*at])).unwrap_or(0);
        let own = trace.iter().copied().filter(|activity| parts[place].contains(activity)).collect();
        *logs[place].entry(own).or_default() += cases;
    }
    logs
}

/// Each part has the events of its activities of every trace.
fn projected(log: &Variants, parts: &[BTreeSet<u32>]) -> Vec<Variants> {
    let of_part = |part: &BTreeSet<u32>| {
        let mut own = Variants::new();
        for (trace, cases) in log {
            *own.entry(trace.iter().copied().filter(|activity| part.contains(activity)).collect()).or_default() += cases;
        }
        own
    };
    parts.iter().map(of_part).collect()
}

/// Stretches of the body, and of what leads back to it. A trace that begins or ends with the latter, or has two bodies in a
/// row, has an empty one in between.
fn repeated(log: &Variants, body: &BTreeSet<u32>, back: &[BTreeSet<u32>]) -> (Variants, Variants) {
    let (mut bodies, mut backs) = (Variants::new(), Variants::new());
    let part = |activity: &u32| {
        if body.contains(activity) { 0 } else { 1 + back.iter().position(|part| part.contains(activity)).unwrap_or(0) }
    };
    for (trace, cases) in log {
        let mut was_body = false;
        for stretch in trace.chunk_by(|a, b| part(a) == part(b)) {
            let is_body = part(&stretch[0]) == 0;
            if !is_body && !was_body {
                *bodies.entry(Vec::new()).or_default() += cases;
            }
            let own = if is_body { &mut bodies } else { &mut backs };
            *own.entry(stretch.to_vec()).or_default() += cases;
            was_body = is_body;
        }
        if !was_body {
            *bodies.entry(Vec::new()).or_default() += cases;
        }
    }
    (bodies, backs)
}
