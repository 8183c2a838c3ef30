//! The Petri net of a process tree, and token replay on it.

use std::collections::VecDeque;

use rustc_hash::FxHashSet;

use crate::process_tree::ProcessTree;

/// Markings that are tried to enable an activity by silent moves; beyond it a token is missing.
const MOST_SILENT: usize = 10_000;

/// A transition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Transition {
    /// The activity; none for a silent one.
    pub label: Option<u32>,
    pub inputs: Vec<usize>,
    pub outputs: Vec<usize>,
}

/// A workflow net: it begins with a token in place 0 and ends with one in place 1.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PetriNet {
    pub(super) places: usize,
    pub(super) transitions: Vec<Transition>,
}

/// Tokens of a replay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replay {
    /// Produced, with the one at the beginning.
    pub produced: u64,
    /// Consumed, with the one at the end.
    pub consumed: u64,
    /// Missing.
    pub missing: u64,
    /// Remaining.
    pub remaining: u64,
}

impl Replay {
    /// Half for what was not missing, half for what did not remain. 1 for a trace that fits.
    pub fn fitness(&self) -> f64 {
        0.5 * (1.0 - self.missing as f64 / self.consumed as f64) + 0.5 * (1.0 - self.remaining as f64 / self.produced as f64)
    }

    /// Adds so many cases of another.
    pub fn add(&mut self, other: &Self, cases: u64) {
        self.produced += other.produced * cases;
        self.consumed += other.consumed * cases;
        self.missing += other.missing * cases;
        self.remaining += other.remaining * cases;
    }
}

impl PetriNet {
    /// The net of a tree.
    pub fn of(tree: &ProcessTree) -> Self {
        let mut net = Self { places: 2, transitions: Vec::new() };
        net.block(tree, 0, 1);
        net
    }

    fn place(&mut self) -> usize {
        self.places += 1;
        self.places - 1
    }

    fn transition(&mut self, label: Option<u32>, inputs: Vec<usize>, outputs: Vec<usize>) {
        self.transitions.push(Transition { label, inputs, outputs });
    }

    fn block(&mut self, tree: &ProcessTree, from: usize, to: usize) {
        match tree {
            ProcessTree::Activity(code) => self.transition(Some(*code), vec![from], vec![to]),
            ProcessTree::Sequence(parts) => match parts.split_last() {
                None => self.transition(None, vec![from], vec![to]),
                Some((last, parts)) => {
                    let mut at = from;
                    for part in parts {
                        let next = self.place();
                        self.block(part, at, next);
                        at = next;
                    }
                    self.block(last, at, to);
                }
            },
            ProcessTree::Choice(parts) => parts.iter().for_each(|part| self.block(part, from, to)),
            ProcessTree::Parallel(parts) => {
                let ends: Vec<(usize, usize)> = parts.iter().map(|_| (self.place(), self.place())).collect();
                self.transition(None, vec![from], ends.iter().map(|end| end.0).collect());
                parts.iter().zip(&ends).for_each(|(part, end)| self.block(part, end.0, end.1));
                self.transition(None, ends.iter().map(|end| end.1).collect(), vec![to]);
            }
            ProcessTree::Loop(body, back) => {
                // Places of its own, so that a repetition cannot leave for another branch of a choice.
                let (begin, end) = (self.place(), self.place());
                self.transition(None, vec![from], vec![begin]);
                self.block(body, begin, end);
                self.block(back, end, begin);
                self.transition(None, vec![end], vec![to]);
            }
        }
    }

    /// Plays a trace. Silent transitions fire where they enable what comes next (the fewest of them); else a token is missing.
    /// An activity that the model has not is passed over: it needs and makes no tokens.
    pub fn replay(&self, trace: &[u32]) -> Replay {
        let mut tokens = vec![0_u32; self.places];
        tokens[0] = 1;
        let mut counts = Replay { produced: 1, ..Replay::default() };
        for activity in trace {
            let of_activity = |transition: &&Transition| transition.label == Some(*activity);
            let Some(any) = self.transitions.iter().find(of_activity) else { continue };
            let enabled = |tokens: &[u32]| {
                self.transitions
                    .iter()
                    .filter(of_activity)
                    .find(|transition| transition.inputs.iter().all(|place| tokens[*place] > 0))
            };
            self.silently(&mut tokens, &mut counts, |tokens| enabled(tokens).is_some());
            let transition = enabled(&tokens).unwrap_or(any);
            fire(transition, &mut tokens, &mut counts);
        }
        self.silently(&mut tokens, &mut counts, |tokens| tokens[1] > 0);
        counts.consumed += 1;
        if tokens[1] == 0 {
            counts.missing += 1;
        } else {
            tokens[1] -= 1;
        }
        counts.remaining = tokens.iter().map(|tokens| u64::from(*tokens)).sum();
        counts
    }

    /// Fires the fewest silent transitions after which `wanted` holds, if there are such.
    fn silently(&self, tokens: &mut Vec<u32>, counts: &mut Replay, wanted: impl Fn(&[u32]) -> bool) {
        if wanted(tokens) {
            return;
        }
        let mut seen: FxHashSet<Vec<u32>> = FxHashSet::default();
        seen.insert(tokens.clone());
        let mut queue = VecDeque::from([(tokens.clone(), *counts)]);
        while let Some((marking, so_far)) = queue.pop_front() {
            for transition in self.transitions.iter().filter(|transition| transition.label.is_none()) {
                if !transition.inputs.iter().all(|place| marking[*place] > 0) {
                    continue;
                }
                let (mut next, mut after) = (marking.clone(), so_far);
                fire(transition, &mut next, &mut after);
                if wanted(&next) {
                    (*tokens, *counts) = (next, after);
                    return;
                }
                if seen.len() < MOST_SILENT && seen.insert(next.clone()) {
                    queue.push_back((next, after));
                }
            }
        }
    }
}

/// Fires; a token that is not there is missing.
fn fire(transition: &Transition, tokens: &mut [u32], counts: &mut Replay) {
    for place in &transition.inputs {
        counts.consumed += 1;
        if tokens[*place] == 0 {
            counts.missing += 1;
        } else {
            tokens[*place] -= 1;
        }
    }
    for place in &transition.outputs {
        counts.produced += 1;
        tokens[*place] += 1;
    }
}
