//! Does one column go with another? The statistics that screen candidates before a model sees them.
//!
//! Pairs with a missing value (`NaN`) on either side are left out. The tests take rows as independent; for answers that
//! come several per person see [`crate::regression`].

use crate::distribution::{f_upper, is_level, normal_critical, t_two_sided};
use crate::{Estimate, Reason};

/// A correlation with its interval and test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Association {
    /// The correlation -1..=1; interval by Fisher's z from four pairs on.
    pub correlation: Estimate,
    /// Two-sided p-value of "no correlation", Student's t with n - 2 degrees of freedom; `None` below three pairs.
    pub p_value: Option<f64>,
}

/// Pearson's correlation. With a 0/1 column it is the point-biserial one.
///
/// Interval: Fisher's z with error `1 / sqrt(n - 3)`. A perfect correlation has no interval ([`Reason::NoSpread`]).
#[must_use]
pub fn pearson(x: &[f64], y: &[f64], level: f64) -> Association {
    let (x, y) = pairs(x, y);
    correlate(&x, &y, level, |_| 1.0)
}

/// Spearman's rank correlation, ties at their mean rank.
///
/// Interval: Fisher's z with error `sqrt((1 + r²/2) / (n - 3))` (Bonett & Wright 2000, Psychometrika 65:23).
#[must_use]
pub fn spearman(x: &[f64], y: &[f64], level: f64) -> Association {
    let (x, y) = pairs(x, y);
    correlate(&mean_ranks(&x), &mean_ranks(&y), level, |r| 1.0 + r * r / 2.0)
}

fn pairs(x: &[f64], y: &[f64]) -> (Vec<f64>, Vec<f64>) {
    x.iter().zip(y).filter(|(a, b)| a.is_finite() && b.is_finite()).map(|(a, b)| (*a, *b)).unzip()
}

fn correlate(x: &[f64], y: &[f64], level: f64, inflation: impl Fn(f64) -> f64) -> Association {
    let n = x.len();
    let fail = |reason| Association { correlation: Estimate::unknown(n as u64, level, reason), p_value: None };
    if !is_level(level) {
        return fail(Reason::BadLevel);
    }
    if n == 0 {
        return fail(Reason::NoRows);
    }
    if n == 1 {
        return fail(Reason::TooFewRows);
    }
    let Some(rho) = correlation(x, y) else {
        return fail(Reason::NoSpread);
    };
    let free = n as f64 - 2.0;
    let p_value = (n > 2).then(|| {
        let t = rho * (free / ((1.0 - rho) * (1.0 + rho)).max(f64::MIN_POSITIVE)).sqrt();
        t_two_sided(t, free)
    });
    let estimate = if n < 4 {
        Estimate::point(rho, n as u64, level, Reason::TooFewRows)
    } else if 1.0 - rho.abs() < 1e-15 {
        Estimate::point(rho, n as u64, level, Reason::NoSpread)
    } else {
        let half = normal_critical(level) * (inflation(rho) / (n as f64 - 3.0)).sqrt();
        Estimate::new(rho, (rho.atanh() - half).tanh(), (rho.atanh() + half).tanh(), n as u64, level)
    };
    Association { correlation: estimate, p_value }
}

fn correlation(x: &[f64], y: &[f64]) -> Option<f64> {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (mean_x, mean_y) = (mean(x), mean(y));
    let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
    for (x, y) in x.iter().zip(y) {
        let (dx, dy) = (x - mean_x, y - mean_y);
        xx += dx * dx;
        yy += dy * dy;
        xy += dx * dy;
    }
    let constant = |values: &[f64]| values.iter().all(|value| value.to_bits() == values[0].to_bits());
    let rho = xy / (xx.sqrt() * yy.sqrt());
    (!constant(x) && !constant(y) && rho.is_finite()).then(|| rho.clamp(-1.0, 1.0))
}

/// Ranks from 1, ties at the mean of their ranks, in the order of the values. `NaN` sorts last.
#[must_use]
pub fn mean_ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    // total_cmp orders -0.0 before 0.0, which are equal values: ties are those of partial_cmp.
    for tied in order.chunk_by(|&a, &b| values[a].partial_cmp(&values[b]).is_some_and(std::cmp::Ordering::is_eq)) {
        let rank = start as f64 + f64::midpoint(tied.len() as f64, 1.0);
        for &row in tied {
            ranks[row] = rank;
        }
        start += tied.len();
    }
    ranks
}

/// How much of the outcome's variance lies between categories.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CorrelationRatio {
    /// Rows with both a category and an outcome.
    pub n: usize,
    /// Categories among them.
    pub categories: usize,
    /// The correlation ratio η² = between / total, 0..=1.
    pub eta_squared: Option<f64>,
    /// p-value of the one-way F test; `None` if there is no variance within categories.
    pub p_value: Option<f64>,
    /// Why something is absent.
    pub reason: Option<Reason>,
}

/// The correlation ratio of `outcome` by category; `None` is a missing category.
#[must_use]
pub fn correlation_ratio(categories: &[Option<u32>], outcome: &[f64]) -> CorrelationRatio {
    let mut rows: Vec<(u32, f64)> = categories
        .iter()
        .zip(outcome)
        .filter_map(|(category, y)| category.filter(|_| y.is_finite()).map(|category| (category, *y)))
        .collect();
    rows.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let n = rows.len();
    let groups: Vec<&[(u32, f64)]> = rows.chunk_by(|a, b| a.0 == b.0).collect();
    let mut ratio = CorrelationRatio { n, categories: groups.len(), eta_squared: None, p_value: None, reason: None };
    if n == 0 {
        ratio.reason = Some(Reason::NoRows);
        return ratio;
    }
    let mean_of = |rows: &[(u32, f64)]| rows.iter().map(|row| row.1).sum::<f64>() / rows.len() as f64;
    let mean = mean_of(&rows);
    let total: f64 = rows.iter().map(|row| (row.1 - mean).powi(2)).sum();
    if groups.len() < 2 || rows.iter().all(|row| row.1.to_bits() == rows[0].1.to_bits()) {
        ratio.reason = Some(Reason::NoSpread);
        return ratio;
    }
    let between: f64 = groups.iter().map(|group| group.len() as f64 * (mean_of(group) - mean).powi(2)).sum();
    ratio.eta_squared = Some((between / total).clamp(0.0, 1.0));
    let (df1, df2) = (groups.len() as f64 - 1.0, (n - groups.len()) as f64);
    if df2 < 1.0 {
        ratio.reason = Some(Reason::TooFewRows);
    } else if total - between <= 1e-12 * total {
        ratio.reason = Some(Reason::NoSpread);
    } else {
        ratio.p_value = Some(f_upper(between / df1 / ((total - between) / df2), df1, df2));
    }
    ratio
}
