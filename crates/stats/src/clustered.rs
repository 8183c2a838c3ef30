//! Shares whose trials come in clusters: of the visits of many people to a step, those that went on.
//!
//! Visits of one person resemble each other, so a thousand visits of a hundred people know less than a thousand of a
//! thousand. The counts are divided by the design effect (the variance between clusters over that of independent
//! trials), and the usual formulas take what is left: Rao & Scott 1992, Biometrics 48:577; for Wilson's interval with the
//! effective size Dean & Pagano 2015, J. Survey Stat. Methodol. 3:484. A design effect below 1 counts as 1: what looks
//! more regular than chance is not a reason to be surer.
//!
//! Input is sums that merge by addition, exact whatever the order.

use crate::comparison::{Comparison, difference_of, pooled_z};
use crate::distribution::{is_level, normal_critical, normal_two_sided};
use crate::interval::wilson;
use crate::{Estimate, Reason};

/// Trials and successes with their squares over clusters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClusteredShare {
    /// Clusters with a trial.
    pub clusters: u64,
    /// Trials.
    pub trials: u64,
    /// Successes among them.
    pub successes: u64,
    /// Σ trials² over clusters.
    pub trials_squared: u64,
    /// Σ trials · successes.
    pub crossed: u64,
    /// Σ successes².
    pub successes_squared: u64,
}

impl ClusteredShare {
    /// Adds a cluster. One without trials does not count.
    pub fn push(&mut self, trials: u64, successes: u64) {
        self.clusters += u64::from(trials > 0);
        self.trials += trials;
        self.successes += successes;
        self.trials_squared += trials * trials;
        self.crossed += trials * successes;
        self.successes_squared += successes * successes;
    }

    /// Adds what `other` has seen, of other clusters.
    pub fn merge(&mut self, other: &Self) {
        self.clusters += other.clusters;
        self.trials += other.trials;
        self.successes += other.successes;
        self.trials_squared += other.trials_squared;
        self.crossed += other.crossed;
        self.successes_squared += other.successes_squared;
    }

    /// How many times larger the variance of the share is than that of as many independent trials, at least 1. One cluster
    /// is one observation, whatever its trials. `None` without trials, and where every or no trial succeeds.
    #[must_use]
    pub fn design_effect(&self) -> Option<f64> {
        if self.trials == 0 || self.successes == 0 || self.successes >= self.trials {
            return None;
        }
        if self.clusters < 2 {
            return Some(self.trials as f64);
        }
        let (n, m) = (self.trials as f64, self.clusters as f64);
        let p = self.successes as f64 / n;
        let squares = self.successes_squared as f64 - 2.0 * p * self.crossed as f64 + p * p * self.trials_squared as f64;
        Some((m / (m - 1.0) * squares / (n * p * (1.0 - p))).max(1.0))
    }

    fn reason(&self, level: f64) -> Option<Reason> {
        if !is_level(level) {
            Some(Reason::BadLevel)
        } else if self.trials == 0 {
            Some(Reason::NoRows)
        } else {
            (self.successes > self.trials).then_some(Reason::BadInput)
        }
    }

    /// The share with Wilson's interval at the effective size; `n` is all trials. Where every or no trial succeeds the design
    /// effect is unknown, and clusters count instead of trials.
    #[must_use]
    pub fn share(&self, level: f64) -> Estimate {
        self.share_with(self.design_effect(), level)
    }

    fn share_with(&self, effect: Option<f64>, level: f64) -> Estimate {
        if let Some(reason) = self.reason(level) {
            return Estimate::unknown(self.trials, level, reason);
        }
        let n = self.trials as f64;
        let p = self.successes as f64 / n;
        let (lower, upper) = wilson(p, n / effect.unwrap_or(n / self.clusters.max(1) as f64), normal_critical(level));
        // Rounding may miss the bound of a share of 0 or 1.
        let lower = if self.successes == 0 { 0.0 } else { lower.max(0.0) };
        let upper = if self.successes == self.trials { 1.0 } else { upper.min(1.0) };
        Estimate::new(p, lower, upper, self.trials, level)
    }
}

/// Two shares: the difference `a - b` with Newcombe's interval, and the pooled z test, both of the effective counts.
///
/// A side where every or no trial succeeds takes the other's design effect. With one trial a cluster this is
/// [`two_proportions`](crate::comparison::two_proportions).
#[must_use]
pub fn two_clustered_shares(a: &ClusteredShare, b: &ClusteredShare, level: f64) -> Comparison {
    let n = a.trials + b.trials;
    if let Some(reason) = a.reason(level).or_else(|| b.reason(level)) {
        return Comparison::unknown(n, level, reason);
    }
    let own = (a.design_effect(), b.design_effect());
    let (effect_a, effect_b) = (own.0.or(own.1), own.1.or(own.0));
    let difference = difference_of(&a.share_with(effect_a, level), &b.share_with(effect_b, level));
    let effective = |share: &ClusteredShare, effect: Option<f64>| {
        let effect = effect.unwrap_or(1.0);
        (share.successes as f64 / effect, share.trials as f64 / effect)
    };
    let statistic = pooled_z(effective(a, effect_a), effective(b, effect_b));
    Comparison { difference, statistic, df: None, p_value: statistic.map(normal_two_sided) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparison::{ProportionDifference, two_proportions};
    use crate::interval::{Proportion, proportion};

    fn of(clusters: &[(u64, u64)]) -> ClusteredShare {
        let mut share = ClusteredShare::default();
        clusters.iter().for_each(|&(trials, successes)| share.push(trials, successes));
        share
    }

    #[test]
    fn with_one_trial_a_cluster_it_is_the_plain_share() {
        let single = |successes: u64, n: u64| of(&(0..n).map(|at| (1, u64::from(at < successes))).collect::<Vec<_>>());
        let (a, b) = (single(30, 100), single(12, 90));
        // m / (m - 1) is what a sample adds to the plain variance.
        assert!((a.design_effect().expect("known") - 100.0 / 99.0).abs() < 1e-12);
        let (found, plain) =
            (two_clustered_shares(&a, &b, 0.95), two_proportions((30, 100), (12, 90), 0.95, ProportionDifference::Newcombe));
        let close = |x: Option<f64>, y: Option<f64>| (x.expect("known") - y.expect("known")).abs() < 0.02;
        assert_eq!(found.difference.estimate, plain.difference.estimate);
        assert!(close(found.statistic, plain.statistic) && close(found.difference.lower, plain.difference.lower));
        let none = single(0, 40);
        assert_eq!(none.share(0.95), proportion(0, 40, 0.95, Proportion::Wilson));
        assert_eq!(two_clustered_shares(&none, &of(&[]), 0.95).difference.reason, Some(Reason::NoRows));
    }

    #[test]
    fn the_same_answer_k_times_is_one_answer() {
        // Each cluster's only trial, repeated nine times: nothing more is known.
        let once = of(&(0..200).map(|at| (1, u64::from(at % 5 == 0))).collect::<Vec<_>>());
        let nine = of(&(0..200).map(|at| (9, 9 * u64::from(at % 5 == 0))).collect::<Vec<_>>());
        let (a, b) = (once.share(0.95), nine.share(0.95));
        assert!((a.lower.expect("known") - b.lower.expect("known")).abs() < 1e-12);
        assert!((nine.design_effect().expect("known") / once.design_effect().expect("known") - 9.0).abs() < 1e-12);
        assert_eq!(of(&[(50, 20)]).design_effect(), Some(50.0));
    }

    #[test]
    fn merging_is_pushing() {
        let mut merged = of(&[(3, 1), (0, 0)]);
        merged.merge(&of(&[(5, 4)]));
        assert_eq!(merged, of(&[(5, 4), (3, 1)]));
    }
}
