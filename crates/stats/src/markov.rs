//! Absorbing Markov chains: how likely is success, and how much of it is lost without a state?
//!
//! Solved exactly through the fundamental matrix (Kemeny & Snell 1976, Finite Markov Chains, chapter 3), where tools of the
//! field simulate. Without a state, whoever would come to it fails; so what is lost is the probability of ever coming to
//! it times that of success from there: one inverse answers for all states, and none is solved again.

use nalgebra::{DMatrix, DVector};

/// Most states: the inverse takes their cube of steps.
pub const MOST_STATES: usize = 1_000;

/// Counts, or weights, of moves between states.
#[derive(Clone, Debug, PartialEq)]
pub struct AbsorbingChain {
    start: DVector<f64>,
    moves: DMatrix<f64>,
    success: DVector<f64>,
    failure: DVector<f64>,
}

/// What a chain does.
#[derive(Clone, Debug, PartialEq)]
pub struct Absorption {
    /// Probability of success from the start.
    pub success: f64,
    /// For each state the share of that which is lost without it (removal effect: E. Anderl et al. 2016, Int. J. Research in
    /// Marketing 33:457).
    pub removal_effects: Vec<f64>,
}

impl AbsorbingChain {
    /// A chain of so many states without any move; none if there are more than [`MOST_STATES`].
    #[must_use]
    pub fn new(states: usize) -> Option<Self> {
        let zero = || DVector::zeros(states);
        let chain = || Self { start: zero(), moves: DMatrix::zeros(states, states), success: zero(), failure: zero() };
        (states <= MOST_STATES).then(chain)
    }

    /// Adds so many walks through these states to success or failure. A walk without states is not counted.
    pub fn walk(&mut self, states: &[usize], succeeds: f64, fails: f64) {
        let (Some(first), Some(last)) = (states.first(), states.last()) else { return };
        let times = succeeds + fails;
        self.start[*first] += times;
        for pair in states.windows(2) {
            self.moves[(pair[0], pair[1])] += times;
        }
        self.success[*last] += succeeds;
        self.failure[*last] += fails;
    }

    /// Success, and what is lost without each state. `None` where nothing succeeds, and where a state is never left.
    #[must_use]
    pub fn absorption(&self) -> Option<Absorption> {
        let n = self.start.len();
        let walks = self.start.sum();
        let mut kept = DMatrix::identity(n, n);
        let mut success = self.success.clone();
        for state in 0..n {
            let out = self.moves.row(state).sum() + self.success[state] + self.failure[state];
            // A state that nobody comes to.
            if out <= 0.0 {
                continue;
            }
            success[state] /= out;
            for to in 0..n {
                kept[(state, to)] -= self.moves[(state, to)] / out;
            }
        }
        let visits = kept.try_inverse()?;
        let from_start = visits.tr_mul(&(&self.start / walks));
        let then = &visits * success.clone();
        let total = from_start.dot(&success);
        if !(total.is_finite() && total > 0.0) {
            return None;
        }
        let lost = |state: usize| from_start[state] / visits[(state, state)] * then[state] / total;
        Some(Absorption { success: total, removal_effects: (0..n).map(lost).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_of_two_is_that_by_hand() {
        // start → 0 always; 0 → 1 in 3 of 4, 0 fails in 1 of 4; 1 succeeds in 2 of 3, returns to 0 never.
        let mut chain = AbsorbingChain::new(3).expect("few states");
        chain.walk(&[0, 1], 2.0, 1.0);
        chain.walk(&[0], 0.0, 1.0);
        let found = chain.absorption().expect("some succeed");
        assert!((found.success - 0.5).abs() < 1e-15);
        assert_eq!(found.removal_effects, [1.0, 1.0, 0.0]);
        assert_eq!(AbsorbingChain::new(2).expect("few").absorption(), None);
        assert_eq!(AbsorbingChain::new(MOST_STATES + 1), None);
    }

    #[test]
    fn a_removal_effect_is_that_of_the_chain_without_the_state() {
        let mut dice = crate::dice::Dice::new(11);
        let walks: Vec<Vec<usize>> = (0..60).map(|_| (0..=dice.below(6)).map(|_| dice.below(4) as usize).collect()).collect();
        // Success from the start by following all probabilities for long.
        let simulated = |removed: Option<usize>| {
            let (mut counts, mut start) = (vec![[0.0_f64; 6]; 4], [0.0_f64; 4]);
            for (at, walk) in walks.iter().enumerate() {
                start[walk[0]] += 1.0;
                walk.windows(2).for_each(|pair| counts[pair[0]][pair[1]] += 1.0);
                counts[walk[walk.len() - 1]][4 + at % 2] += 1.0;
            }
            let (mut at, mut success) = (start.map(|n| n / walks.len() as f64), 0.0);
            for _ in 0..2_000 {
                let mut next = [0.0; 4];
                for state in (0..4).filter(|state| Some(*state) != removed) {
                    let out: f64 = counts[state].iter().sum();
                    (0..4).for_each(|to| next[to] += at[state] * counts[state][to] / out);
                    success += at[state] * counts[state][4] / out;
                }
                at = next;
            }
            success
        };
        let mut chain = AbsorbingChain::new(4).expect("few states");
        for (at, walk) in walks.iter().enumerate() {
            let succeeds = if at % 2 == 0 { 1.0 } else { 0.0 };
            chain.walk(walk, succeeds, 1.0 - succeeds);
        }
        let found = chain.absorption().expect("some succeed");
        assert!((found.success - simulated(None)).abs() < 1e-12);
        for state in 0..4 {
            let expected = 1.0 - simulated(Some(state)) / simulated(None);
            assert!((found.removal_effects[state] - expected).abs() < 1e-12, "state {state}");
        }
    }
}
