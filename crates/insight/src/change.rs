//! Did a metric move between two periods, or can nobody say?
//!
//! The cockpit's "what changed" would be a list of noise if it compared two numbers. A change is up or down only if the
//! interval of the difference leaves out 0; otherwise it is unclear, which is an answer of its own and not "no change".
//!
//! Where many metrics and slices are compared at once, one in twenty is "up" or "down" by chance at level 0.95: raise
//! the level with the number of comparisons, or adjust with [`clew_stats::multiple`].

use clew_stats::comparison::{NpsDifference, ProportionDifference, two_nps, two_proportions, welch};
use clew_stats::{Estimate, Reason};

use crate::metric::Tally;

/// What can be said about the movement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The value rose: the interval of the difference lies above 0.
    Up,
    /// The value fell: the interval lies below 0.
    Down,
    /// The interval covers 0: the data do not tell.
    Unclear,
    /// There is no interval; the difference says why.
    NotComparable,
}

/// A metric in two periods.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// The later value.
    pub now: Estimate,
    /// The earlier value.
    pub before: Estimate,
    /// `now - before` with its interval, in the metric's unit (a difference of shares is a fraction: 0.05 is 5 points).
    pub difference: Estimate,
    /// What can be said.
    pub verdict: Verdict,
}

/// Compares the tallies of two periods: Newcombe's interval for shares, combined adjusted Wald intervals for NPS, Welch's for means.
///
/// Tallies of different kinds are not comparable ([`Reason::BadInput`]).
#[must_use]
pub fn compare(now: &Tally, before: &Tally, level: f64) -> Change {
    let difference = match (now, before) {
        (Tally::Nps(now), Tally::Nps(before)) => {
            two_nps(now.counts(), before.counts(), level, NpsDifference::Combined).difference
        }
        (Tally::Share(now), Tally::Share(before)) => {
            two_proportions((now.top, now.n), (before.top, before.n), level, ProportionDifference::Newcombe).difference
        }
        (Tally::Mean(now), Tally::Mean(before)) => welch(&now.moments, &before.moments, level).difference,
        _ => Estimate::unknown(now.n() + before.n(), level, Reason::BadInput),
    };
    let verdict = match difference.interval() {
        None => Verdict::NotComparable,
        Some((lower, _)) if lower > 0.0 => Verdict::Up,
        Some((_, upper)) if upper < 0.0 => Verdict::Down,
        Some(_) => Verdict::Unclear,
    };
    Change { now: now.estimate(level), before: before.estimate(level), difference, verdict }
}
