//! Do two independent samples differ? Shares, net promoter scores, means, and any two estimates with intervals.
//!
//! Each answer is a [`Comparison`]: the difference `a - b` with its interval, and a test where the field has one. The
//! interval and the test come from different formulas and may disagree in the last per mille: the interval decides.
//!
//! All methods assume that the two samples are independent. Where the same unit is in both (people who answered in two
//! periods), positive correlation makes the interval too wide, not too narrow.

use crate::distribution::{is_level, normal_critical, normal_two_sided, t_critical, t_two_sided};
use crate::interval::{self, Moments, NpsCounts};
use crate::{Estimate, Reason};

/// A difference `a - b` and the test of "no difference".
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// The difference with its interval; its n counts both sides.
    pub difference: Estimate,
    /// The test statistic: z, or t where `df` is present.
    pub statistic: Option<f64>,
    /// Degrees of freedom of a t statistic.
    pub df: Option<f64>,
    /// Two-sided p-value; `None` where the standard error is zero or unknown.
    pub p_value: Option<f64>,
}

impl Comparison {
    pub(crate) fn unknown(n: u64, level: f64, reason: Reason) -> Self {
        Self { difference: Estimate::unknown(n, level, reason), statistic: None, df: None, p_value: None }
    }
}

/// How to make the interval of a difference of two shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProportionDifference {
    /// From the two Wilson intervals (Newcombe 1998, Statistics in Medicine 17:873, method 10). The default.
    Newcombe,
    /// The plain formula with the unpooled standard error (R `prop.test(correct = FALSE)`).
    Wald,
}

/// Two shares `(successes, n)`; the test is the pooled z test (its square is the chi-squared statistic).
#[must_use]
pub fn two_proportions(a: (u64, u64), b: (u64, u64), level: f64, method: ProportionDifference) -> Comparison {
    let n = a.1 + b.1;
    let (first, second) = (
        interval::proportion(a.0, a.1, level, interval::Proportion::Wilson),
        interval::proportion(b.0, b.1, level, interval::Proportion::Wilson),
    );
    if let Some(reason) = first.reason.or(second.reason) {
        return Comparison::unknown(n, level, reason);
    }
    let (n1, n2) = (a.1 as f64, b.1 as f64);
    let (p1, p2) = (a.0 as f64 / n1, b.0 as f64 / n2);
    let difference = match method {
        ProportionDifference::Newcombe => difference_of(&first, &second),
        ProportionDifference::Wald => {
            let half = normal_critical(level) * (p1 * (1.0 - p1) / n1 + p2 * (1.0 - p2) / n2).sqrt();
            Estimate::new(p1 - p2, p1 - p2 - half, p1 - p2 + half, n, level)
        }
    };
    let statistic = pooled_z((a.0 as f64, n1), (b.0 as f64, n2));
    Comparison { difference, statistic, df: None, p_value: statistic.map(normal_two_sided) }
}

/// The pooled z of two shares `(successes, n)`; `None` where all or none succeed.
pub(crate) fn pooled_z(a: (f64, f64), b: (f64, f64)) -> Option<f64> {
    let pooled = (a.0 + b.0) / (a.1 + b.1);
    let error = (pooled * (1.0 - pooled) * (1.0 / a.1 + 1.0 / b.1)).sqrt();
    (error > 0.0).then(|| (a.0 / a.1 - b.0 / b.1) / error)
}

/// How to make the interval of a difference of two net promoter scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NpsDifference {
    /// From the two adjusted Wald intervals by [`difference_of`]; holds at small n. The default.
    Combined,
    /// The plain formula (R package NPS, `nps.test`).
    Wald,
}

/// Two net promoter scores; the test is the unpooled z test (R package NPS).
#[must_use]
pub fn two_nps(a: NpsCounts, b: NpsCounts, level: f64, method: NpsDifference) -> Comparison {
    let n = a.n() + b.n();
    if !is_level(level) {
        return Comparison::unknown(n, level, Reason::BadLevel);
    }
    let (Some((score_a, variance_a)), Some((score_b, variance_b))) = (a.score_and_variance(), b.score_and_variance()) else {
        return Comparison::unknown(n, level, Reason::NoRows);
    };
    let error = (variance_a / a.n() as f64 + variance_b / b.n() as f64).sqrt();
    let gap = score_a - score_b;
    let difference = match method {
        NpsDifference::Combined => difference_of(
            &interval::nps(a, level, interval::Nps::AdjustedWald),
            &interval::nps(b, level, interval::Nps::AdjustedWald),
        ),
        NpsDifference::Wald => {
            let half = normal_critical(level) * error;
            Estimate::new(gap, gap - half, gap + half, n, level)
        }
    };
    let statistic = (error > 0.0).then(|| gap / error);
    Comparison { difference, statistic, df: None, p_value: statistic.map(normal_two_sided) }
}

/// Two means with unequal variances (Welch 1947, Biometrika 34:28), Welch–Satterthwaite degrees of freedom.
///
/// Each side needs two values ([`Reason::TooFewRows`]: the difference is there, its interval is not), and one of them
/// some spread ([`Reason::NoSpread`]).
#[must_use]
pub fn welch(a: &Moments, b: &Moments, level: f64) -> Comparison {
    let n = a.n + b.n;
    if !is_level(level) {
        return Comparison::unknown(n, level, Reason::BadLevel);
    }
    let (Some(mean_a), Some(mean_b)) = (a.mean(), b.mean()) else {
        return Comparison::unknown(n, level, Reason::NoRows);
    };
    let gap = mean_a - mean_b;
    if !gap.is_finite() {
        return Comparison::unknown(n, level, Reason::BadInput);
    }
    let without_interval =
        |reason| Comparison { difference: Estimate::point(gap, n, level, reason), statistic: None, df: None, p_value: None };
    let (Some(variance_a), Some(variance_b)) = (a.variance(), b.variance()) else {
        return without_interval(Reason::TooFewRows);
    };
    let (share_a, share_b) = (variance_a / a.n as f64, variance_b / b.n as f64);
    let squared_error = share_a + share_b;
    if squared_error <= 0.0 {
        return without_interval(Reason::NoSpread);
    }
    let df = squared_error * squared_error / (share_a * share_a / (a.n as f64 - 1.0) + share_b * share_b / (b.n as f64 - 1.0));
    let Some(critical) = t_critical(level, df) else {
        return without_interval(Reason::BadInput);
    };
    let error = squared_error.sqrt();
    Comparison {
        difference: Estimate::new(gap, gap - critical * error, gap + critical * error, n, level),
        statistic: Some(gap / error),
        df: Some(df),
        p_value: Some(t_two_sided(gap / error, df)),
    }
}

/// The difference `a - b` of two independent estimates, from their intervals alone (MOVER, "square and add": Zou &
/// Donner 2008, Statistics in Medicine 27:1693, equation 2). For two Wilson intervals this is Newcombe's method 10.
///
/// Both must be of the same level, else [`Reason::BadInput`]. If one has no interval, the difference has none.
#[must_use]
pub fn difference_of(a: &Estimate, b: &Estimate) -> Estimate {
    let (n, level) = (a.n + b.n, a.level);
    if a.level.to_bits() != b.level.to_bits() {
        return Estimate::unknown(n, level, Reason::BadInput);
    }
    let missing = a.reason.or(b.reason).unwrap_or(Reason::BadInput);
    let (Some(at_a), Some(at_b)) = (a.estimate, b.estimate) else {
        return Estimate::unknown(n, level, missing);
    };
    let gap = at_a - at_b;
    let (Some((lower_a, upper_a)), Some((lower_b, upper_b))) = (a.interval(), b.interval()) else {
        return Estimate::point(gap, n, level, missing);
    };
    let lower = gap - (at_a - lower_a).hypot(upper_b - at_b);
    let upper = gap + (upper_a - at_a).hypot(at_b - lower_b);
    Estimate::new(gap, lower, upper, n, level)
}
