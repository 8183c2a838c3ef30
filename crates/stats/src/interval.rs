//! Intervals for one sample: a share, a net promoter score, a mean.
//!
//! Input is counts (or moments), because that is what merges across partitions and nodes. The defaults that the rest of
//! Clew takes are [`Proportion::Wilson`] and [`Nps::AdjustedWald`]: at n = 10 the plain Wald interval of an NPS covers
//! the truth in 88 to 90 of 100 cases instead of 95, the adjusted one in 94 to 96.
//!
//! Deliberately missing: finite-population corrections and weights (the survey design comes with raking).

use crate::distribution::{beta_quantile, is_level, normal_critical, t_critical};
use crate::{Estimate, Reason};

/// How to make an interval for a share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proportion {
    /// Wilson's score interval (Wilson 1927, JASA 22:209). The default.
    Wilson,
    /// Wilson's with continuity correction (Newcombe 1998, Statistics in Medicine 17:857, method 4; R `prop.test`).
    WilsonCorrected,
    /// `p ± z·sqrt(p(1-p)/n)`, cut at 0 and 1. Zero width at 0 and n successes: here to be compared with.
    Wald,
    /// Exact, from the beta quantiles (Clopper & Pearson 1934, Biometrika 26:404). Covers at least the level, so is wide.
    ClopperPearson,
}

/// Interval for the share `successes / n`.
#[must_use]
pub fn proportion(successes: u64, n: u64, level: f64, method: Proportion) -> Estimate {
    if !is_level(level) {
        return Estimate::unknown(n, level, Reason::BadLevel);
    }
    if n == 0 {
        return Estimate::unknown(n, level, Reason::NoRows);
    }
    if successes > n {
        return Estimate::unknown(n, level, Reason::BadInput);
    }
    let (x, total, z) = (successes as f64, n as f64, normal_critical(level));
    let p = x / total;
    let (lower, upper) = match method {
        Proportion::Wilson => wilson(p, total, z),
        Proportion::WilsonCorrected => wilson_corrected(p, total, z),
        Proportion::Wald => {
            let half = z * (p * (1.0 - p) / total).sqrt();
            (p - half, p + half)
        }
        Proportion::ClopperPearson => clopper_pearson(x, total, level),
    };
    // At 0 and n successes the score bound is exactly 0 or 1; floating point may miss it by one unit in the last place.
    let lower = if successes == 0 { 0.0 } else { lower.max(0.0) };
    let upper = if successes == n { 1.0 } else { upper.min(1.0) };
    Estimate::new(p, lower, upper, n, level)
}

pub(crate) fn wilson(p: f64, n: f64, z: f64) -> (f64, f64) {
    let z2 = z * z;
    let centre = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = z / (1.0 + z2 / n) * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    (centre - half, centre + half)
}

fn wilson_corrected(p: f64, n: f64, z: f64) -> (f64, f64) {
    let z2 = z * z;
    let denominator = 2.0 * (n + z2);
    let root = |sign: f64| {
        let inside = z2 - sign * 2.0 - 1.0 / n + 4.0 * p * (n * (1.0 - p) + sign);
        z * inside.max(0.0).sqrt()
    };
    let lower = (2.0 * n * p + z2 - 1.0 - root(1.0)) / denominator;
    let upper = (2.0 * n * p + z2 + 1.0 + root(-1.0)) / denominator;
    (lower, upper)
}

fn clopper_pearson(x: f64, n: f64, level: f64) -> (f64, f64) {
    let tail = (1.0 - level) / 2.0;
    let lower = if x == 0.0 { 0.0 } else { beta_quantile(tail, x, n - x + 1.0) };
    let upper = if x >= n { 1.0 } else { beta_quantile(1.0 - tail, x + 1.0, n - x) };
    (lower, upper)
}

/// The three counts behind a net promoter score.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NpsCounts {
    /// Answers 9 and 10.
    pub promoters: u64,
    /// Answers 7 and 8.
    pub passives: u64,
    /// Answers 0 to 6.
    pub detractors: u64,
}

impl NpsCounts {
    /// All answers.
    #[must_use]
    pub const fn n(&self) -> u64 {
        self.promoters + self.passives + self.detractors
    }

    /// The score -1..=1 and the variance of one answer coded -1, 0, 1 (divisor n); `None` without answers.
    pub(crate) fn score_and_variance(&self) -> Option<(f64, f64)> {
        let n = self.n() as f64;
        (n > 0.0).then(|| score_and_variance(self.promoters as f64, self.detractors as f64, n))
    }
}

fn score_and_variance(promoters: f64, detractors: f64, n: f64) -> (f64, f64) {
    let score = (promoters - detractors) / n;
    (score, ((promoters + detractors) / n - score * score).max(0.0))
}

/// How to make an interval for a net promoter score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nps {
    /// Adds 3/4 promoter, 3/4 detractor and 3/2 passives before the Wald formula (Bonett & Price 2012, J. Educ. Behav.
    /// Stat. 37:479; Rocks 2016, Int. J. Market Research 58:165). The default.
    AdjustedWald,
    /// The plain formula (R package NPS).
    Wald,
}

/// Interval for a net promoter score on -1..=1.
///
/// The point estimate is always the plain `(promoters - detractors) / n`. The interval is cut at -1 and 1 and, at low
/// levels where the adjusted centre moves away from a score of -1 or 1, widened to contain the point estimate.
#[must_use]
pub fn nps(counts: NpsCounts, level: f64, method: Nps) -> Estimate {
    let n = counts.n();
    if !is_level(level) {
        return Estimate::unknown(n, level, Reason::BadLevel);
    }
    let Some((score, variance)) = counts.score_and_variance() else {
        return Estimate::unknown(n, level, Reason::NoRows);
    };
    let (centre, variance, size) = match method {
        Nps::Wald => (score, variance, n as f64),
        Nps::AdjustedWald => {
            let size = n as f64 + 3.0;
            let (centre, variance) = score_and_variance(counts.promoters as f64 + 0.75, counts.detractors as f64 + 0.75, size);
            (centre, variance, size)
        }
    };
    let half = normal_critical(level) * (variance / size).sqrt();
    let lower = (centre - half).max(-1.0).min(score);
    let upper = (centre + half).min(1.0).max(score);
    Estimate::new(score, lower, upper, n, level)
}

/// n, sum and sum of squares: enough for a mean and its interval, and mergeable by addition.
///
/// Meant for scores on a bounded scale, where sums of whole numbers are exact in `f64` and so do not depend on the
/// order of merging. For values with a mean far larger than their spread, centre them first.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moments {
    /// How many values.
    pub n: u64,
    /// Their sum.
    pub sum: f64,
    /// The sum of their squares.
    pub sum_of_squares: f64,
}

impl Moments {
    /// Adds one value.
    pub fn push(&mut self, value: f64) {
        self.n += 1;
        self.sum += value;
        self.sum_of_squares += value * value;
    }

    /// Adds what `other` has seen.
    pub fn merge(&mut self, other: &Self) {
        self.n += other.n;
        self.sum += other.sum;
        self.sum_of_squares += other.sum_of_squares;
    }

    /// The mean; `None` without values.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (self.n > 0).then(|| self.sum / self.n as f64)
    }

    /// The sample variance (divisor n - 1); `None` below two values.
    ///
    /// What rounding leaves of a spread that is zero (below `1e-14` of the mean square) counts as zero.
    #[must_use]
    pub fn variance(&self) -> Option<f64> {
        if self.n < 2 {
            return None;
        }
        let n = self.n as f64;
        let squares = self.sum_of_squares - self.sum * self.sum / n;
        Some(if squares <= 1e-14 * self.sum_of_squares { 0.0 } else { squares / (n - 1.0) })
    }
}

impl FromIterator<f64> for Moments {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        let mut moments = Self::default();
        values.into_iter().for_each(|value| moments.push(value));
        moments
    }
}

/// Student's t interval for a mean.
///
/// One value has a mean, but no interval ([`Reason::TooFewRows`]); so have several equal ones ([`Reason::NoSpread`]),
/// because an interval of width zero would claim a certainty that nobody has.
#[must_use]
pub fn mean(moments: &Moments, level: f64) -> Estimate {
    let n = moments.n;
    if !is_level(level) {
        return Estimate::unknown(n, level, Reason::BadLevel);
    }
    let Some(mean) = moments.mean() else {
        return Estimate::unknown(n, level, Reason::NoRows);
    };
    if !(mean.is_finite() && moments.sum_of_squares.is_finite() && moments.sum_of_squares >= 0.0) {
        return Estimate::unknown(n, level, Reason::BadInput);
    }
    match moments.variance() {
        None => Estimate::point(mean, n, level, Reason::TooFewRows),
        Some(variance) if variance <= 0.0 => Estimate::point(mean, n, level, Reason::NoSpread),
        Some(variance) => match t_critical(level, n as f64 - 1.0) {
            Some(t) => {
                let half = t * (variance / n as f64).sqrt();
                Estimate::new(mean, mean - half, mean + half, n, level)
            }
            None => Estimate::point(mean, n, level, Reason::BadInput),
        },
    }
}
