//! Pairs of steps that follow, with how many, of how many people, and the exact median and p90 of the wait.
//!
//! Edges are numbered as they occur; their waits give exact quantiles by counting sort and selection (`waits`).
//!
//! For incremental runs, [`TransitionState`] keeps the waits of each edge as a sorted list of (wait, how many). The
//! contributions of people add up, so that taking out the old and putting in the new contribution of the touched
//! people gives exactly the state of a full rebuild: equal structure, not only equal figures. It costs 16 bytes for
//! each different wait of an edge. Where that is too much, store `n` and `people` (which subtract as plain numbers) and
//! recompute the quantiles of the touched edges from the stored steps with [`transitions`].

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use rustc_hash::FxHashMap;

use crate::events::Events;
use crate::journeys::Journeys;
use crate::waits::{Buckets, Waits, between, median_and_p90, position};

/// An edge: two steps that follow in a journey.
#[derive(Clone, Debug, PartialEq)]
pub struct Transition {
    /// Position in `Definition::journeys`.
    pub rule: u32,
    /// Name code of the earlier step.
    pub from: u32,
    /// Name code of the later step.
    pub to: u32,
    /// How often.
    pub n: u64,
    /// Different persons.
    pub people: u64,
    /// Median wait in microseconds.
    pub median_wait_us: f64,
    /// 90th percentile of the wait in microseconds.
    pub p90_wait_us: f64,
}

/// (rule, from, to).
type Edge = (u32, u32, u32);

/// Occurrences of edges in the order of persons.
#[derive(Clone, Debug, Default)]
struct Occurrences {
    numbers: FxHashMap<Edge, u32>,
    edges: Vec<Edge>,
    counts: Vec<u64>,
    people: Vec<u64>,
    last_person: Vec<Option<u32>>,
    waits: Waits,
}

impl Occurrences {
    /// Adds one occurrence; those of a person come together.
    fn push(&mut self, edge: Edge, person: u32, wait_us: i64) {
        let number = *self.numbers.entry(edge).or_insert_with(|| {
            self.edges.push(edge);
            self.counts.push(0);
            self.people.push(0);
            self.last_person.push(None);
            self.edges.len() as u32 - 1
        });
        let at = number as usize;
        self.counts[at] += 1;
        if self.last_person[at] != Some(person) {
            self.people[at] += 1;
            self.last_person[at] = Some(person);
        }
        self.waits.edge.push(number);
        self.waits.wait_us.push(wait_us);
    }

    fn of(journeys: &Journeys, events: &Events<'_>) -> Self {
        let mut occurrences = Self::default();
        for journey in &journeys.journeys {
            for pair in journeys.steps(journey).windows(2) {
                let edge = (journey.rule, events.name[pair[0]], events.name[pair[1]]);
                occurrences.push(edge, journey.person, events.time_us[pair[1]] - events.time_us[pair[0]]);
            }
        }
        occurrences
    }

    fn buckets(&mut self) -> Buckets {
        std::mem::take(&mut self.waits).into_buckets(&self.counts)
    }

    /// The edges in order of (rule, from, to).
    fn finish(mut self) -> Vec<Transition> {
        let mut waits = self.buckets();
        let mut found: Vec<Transition> = Vec::with_capacity(self.edges.len());
        for (at, &(rule, from, to)) in self.edges.iter().enumerate() {
            let (median_wait_us, p90_wait_us) = median_and_p90(waits.of_mut(at));
            found.push(Transition { rule, from, to, n: self.counts[at], people: self.people[at], median_wait_us, p90_wait_us });
        }
        found.sort_unstable_by_key(|edge| (edge.rule, edge.from, edge.to));
        found
    }
}

/// The transitions of all journeys, by (rule, from, to). O(steps).
pub fn transitions(journeys: &Journeys, events: &Events<'_>) -> Vec<Transition> {
    Occurrences::of(journeys, events).finish()
}

/// What an edge is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct EdgeState {
    n: u64,
    people: u64,
    /// (wait, how many), by wait.
    waits: Vec<(i64, u64)>,
}

/// Transitions in a form from which the contribution of people can be taken out and put in again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TransitionState {
    edges: BTreeMap<Edge, EdgeState>,
}

/// A contribution was to be taken out that is not in the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the transition {from} → {to} of journey {rule} does not hold what is to be taken out of it: rebuild it in full")]
pub struct NotContained {
    /// Position in `Definition::journeys`.
    pub rule: u32,
    /// Name code.
    pub from: u32,
    /// Name code.
    pub to: u32,
}

impl TransitionState {
    /// The contribution of these journeys. A person's journeys must all be in one contribution: people are counted.
    pub fn of(journeys: &Journeys, events: &Events<'_>) -> Self {
        let mut occurrences = Occurrences::of(journeys, events);
        let mut waits = occurrences.buckets();
        let mut edges = BTreeMap::new();
        for (at, &edge) in occurrences.edges.iter().enumerate() {
            let waits = waits.of_mut(at);
            waits.sort_unstable();
            let waits = waits.chunk_by(|a, b| a == b).map(|same| (same[0], same.len() as u64)).collect();
            edges.insert(edge, EdgeState { n: occurrences.counts[at], people: occurrences.people[at], waits });
        }
        Self { edges }
    }

    /// Puts in the contribution of other people.
    pub fn add(&mut self, other: &Self) {
        for (&edge, more) in &other.edges {
            let state = self.edges.entry(edge).or_default();
            state.n += more.n;
            state.people += more.people;
            state.waits = merged(&state.waits, &more.waits);
        }
    }

    /// Takes out the contribution of people.
    ///
    /// # Errors
    /// If it is not contained; the state is unchanged then.
    pub fn subtract(&mut self, other: &Self) -> Result<(), NotContained> {
        let mut changed = Vec::with_capacity(other.edges.len());
        for (&(rule, from, to), less) in &other.edges {
            let wrong = NotContained { rule, from, to };
            let state = self.edges.get(&(rule, from, to)).ok_or(wrong)?;
            let n = state.n.checked_sub(less.n).ok_or(wrong)?;
            let people = state.people.checked_sub(less.people).ok_or(wrong)?;
            changed.push(((rule, from, to), EdgeState { n, people, waits: without(&state.waits, &less.waits).ok_or(wrong)? }));
        }
        for (edge, state) in changed {
            if state.n == 0 {
                self.edges.remove(&edge);
            } else {
                self.edges.insert(edge, state);
            }
        }
        Ok(())
    }

    /// The edges as [`transitions`] returns them.
    pub fn finish(&self) -> Vec<Transition> {
        let finish = |(&(rule, from, to), state): (&Edge, &EdgeState)| Transition {
            rule,
            from,
            to,
            n: state.n,
            people: state.people,
            median_wait_us: quantile_of_counts(&state.waits, state.n, 1, 2),
            p90_wait_us: quantile_of_counts(&state.waits, state.n, 9, 10),
        };
        self.edges.iter().map(finish).collect()
    }

    /// (rule, from, to) of every edge, in order.
    pub fn edges(&self) -> BTreeSet<(u32, u32, u32)> {
        self.edges.keys().copied().collect()
    }
}

fn merged(a: &[(i64, u64)], b: &[(i64, u64)]) -> Vec<(i64, u64)> {
    let mut out = Vec::with_capacity(a.len() + b.len());
    let (mut a, mut b) = (a.iter().copied().peekable(), b.iter().copied().peekable());
    loop {
        let take = match (a.peek(), b.peek()) {
            (None, None) => return out,
            (Some(x), Some(y)) if x.0 == y.0 => {
                out.push((x.0, x.1 + y.1));
                a.next();
                b.next();
                continue;
            }
            (Some(x), Some(y)) if x.0 > y.0 => b.next(),
            (None, Some(_)) => b.next(),
            _ => a.next(),
        };
        out.extend(take);
    }
}

fn without(all: &[(i64, u64)], less: &[(i64, u64)]) -> Option<Vec<(i64, u64)>> {
    let mut out = Vec::with_capacity(all.len());
    let mut less = less.iter().copied().peekable();
    for &(wait, n) in all {
        let n = match less.next_if(|(other, _)| *other == wait) {
            Some((_, taken)) => n.checked_sub(taken)?,
            None => n,
        };
        if n > 0 {
            out.push((wait, n));
        }
    }
    less.next().is_none().then_some(out)
}

fn quantile_of_counts(waits: &[(i64, u64)], n: u64, over: usize, under: usize) -> f64 {
    let (rank, share) = position(n as usize, over, under);
    let at = |rank: u64| {
        let mut seen = 0;
        let reaches = |(_, count): &&(i64, u64)| {
            seen += count;
            seen > rank
        };
        waits.iter().find(reaches).or(waits.last()).map_or(0, |(wait, _)| *wait)
    };
    between(at(rank as u64), at(rank as u64 + 1), share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_counts_are_those_of_r_type_7() {
        // R: quantile(c(15, 20, 35, 40, 50), c(.5, .9)) = 35, 46; quantile(c(1, 1, 1, 2), .9) = 1.7.
        let counted = [(15, 1), (20, 1), (35, 1), (40, 1), (50, 1)];
        assert!((quantile_of_counts(&counted, 5, 1, 2) - 35.0).abs() < 1e-12);
        assert!((quantile_of_counts(&counted, 5, 9, 10) - 46.0).abs() < 1e-12);
        assert!((quantile_of_counts(&[(1, 3), (2, 1)], 4, 9, 10) - 1.7).abs() < 1e-12);
    }

    #[test]
    fn what_is_not_there_cannot_be_taken_out() {
        let state = |waits: &[(i64, u64)]| {
            let n = waits.iter().map(|(_, n)| n).sum();
            TransitionState { edges: [((0, 1, 2), EdgeState { n, people: 1, waits: waits.to_vec() })].into() }
        };
        let mut whole = state(&[(5, 2), (7, 1)]);
        let before = whole.clone();
        assert_eq!(whole.subtract(&state(&[(6, 1)])), Err(NotContained { rule: 0, from: 1, to: 2 }));
        assert_eq!(whole, before);
        assert_eq!(whole.subtract(&before), Ok(()));
        assert_eq!(whole, TransitionState::default());
    }
}
