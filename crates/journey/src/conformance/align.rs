//! Optimal alignments: the shortest way through the markings of the model and the trace at once.
//!
//! Moves cost 0 or 1, so a breadth-first search with two ends (0–1 BFS) finds the least cost without a heap. Markings of a
//! process tree have at most one token a place; they are numbered as they are met, and what each enables is kept for all
//! variants.

use std::collections::VecDeque;
use std::collections::hash_map::Entry;

use rustc_hash::FxHashMap;

use super::net::PetriNet;

/// A step of an alignment. Silent moves of the model are not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// It happened and is allowed.
    Both(u32),
    /// It happened and is not allowed here.
    Inserted(u32),
    /// It is wanted here and did not happen.
    Skipped(u32),
}

/// A trace beside the nearest run of the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Alignment {
    pub cost: u64,
    pub moves: Vec<Move>,
}

/// A marking, as a set of places.
type Marking = Box<[u64]>;
/// What a marking enables: the activity (none if silent) and the marking after it.
type Steps = Vec<(Option<u32>, u32)>;
/// (marking, place in the trace).
type State = (u32, u32);

/// What is known of a state: its cost, whether that is final, and how it was reached.
struct Reached {
    cost: u32,
    is_final: bool,
    from: State,
    step: Option<Move>,
}

/// Aligns traces with one net.
pub(super) struct Aligner<'a> {
    net: &'a PetriNet,
    most_states: usize,
    numbers: FxHashMap<Marking, u32>,
    markings: Vec<Marking>,
    steps: Vec<Option<Steps>>,
}

impl<'a> Aligner<'a> {
    pub fn new(net: &'a PetriNet, most_states: usize) -> Self {
        let mut aligner = Self { net, most_states, numbers: FxHashMap::default(), markings: Vec::new(), steps: Vec::new() };
        for place in 0..2 {
            let mut marking = vec![0; net.places.div_ceil(64)];
            marking[0] = 1 << place;
            aligner.number(marking.into());
        }
        aligner
    }

    fn number(&mut self, marking: Marking) -> u32 {
        let next = self.markings.len() as u32;
        match self.numbers.entry(marking) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => {
                self.markings.push(new.key().clone());
                self.steps.push(None);
                *new.insert(next)
            }
        }
    }

    fn steps(&mut self, marking: u32) -> Steps {
        if let Some(known) = &self.steps[marking as usize] {
            return known.clone();
        }
        let has = |marking: &Marking, place: usize| marking[place / 64] >> (place % 64) & 1 == 1;
        let own = self.markings[marking as usize].clone();
        let mut found = Steps::new();
        for transition in &self.net.transitions {
            if !transition.inputs.iter().all(|place| has(&own, *place)) {
                continue;
            }
            let mut next = own.clone();
            transition.inputs.iter().for_each(|place| next[place / 64] &= !(1 << (place % 64)));
            transition.outputs.iter().for_each(|place| next[place / 64] |= 1 << (place % 64));
            found.push((transition.label, self.number(next)));
        }
        self.steps[marking as usize] = Some(found.clone());
        found
    }

    /// The alignment of least cost; none if it takes too many states. The same for a trace whatever came before.
    pub fn align(&mut self, trace: &[u32]) -> Option<Alignment> {
        let (start, goal): (State, State) = ((0, 0), (1, trace.len() as u32));
        let mut reached: FxHashMap<State, Reached> = FxHashMap::default();
        reached.insert(start, Reached { cost: 0, is_final: false, from: start, step: None });
        let mut queue = VecDeque::from([(start, 0_u32)]);
        while let Some((state, cost)) = queue.pop_front() {
            let known = reached.get_mut(&state)?;
            if known.is_final || known.cost < cost {
                continue;
            }
            known.is_final = true;
            if state == goal {
                return Some(Alignment { cost: u64::from(cost), moves: way(&reached, goal) });
            }
            if reached.len() > self.most_states {
                return None;
            }
            let (marking, at) = state;
            let next = trace.get(at as usize).copied();
            let mut reach = |to: State, price: u32, step: Option<Move>| {
                let found = Reached { cost: cost + price, is_final: false, from: state, step };
                match reached.entry(to) {
                    Entry::Occupied(known) if known.get().cost <= found.cost => return,
                    Entry::Occupied(mut known) => drop(known.insert(found)),
                    Entry::Vacant(new) => drop(new.insert(found)),
                }
                if price == 0 { queue.push_front((to, cost)) } else { queue.push_back((to, cost + price)) }
            };
            for (label, after) in self.steps(marking) {
                match label {
                    None => reach((after, at), 0, None),
                    Some(activity) => {
                        reach((after, at), 1, Some(Move::Skipped(activity)));
                        if next == Some(activity) {
                            reach((after, at + 1), 0, Some(Move::Both(activity)));
                        }
                    }
                }
            }
            if let Some(activity) = next {
                reach((marking, at + 1), 1, Some(Move::Inserted(activity)));
            }
        }
        None
    }
}

fn way(reached: &FxHashMap<State, Reached>, goal: State) -> Vec<Move> {
    let (mut at, mut moves) = (goal, Vec::new());
    while let Some(step) = reached.get(&at).filter(|step| step.from != at) {
        moves.extend(step.step);
        at = step.from;
    }
    moves.reverse();
    moves
}
