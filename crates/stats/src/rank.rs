//! Two samples compared by the order of their values: for waits, whose means are ruled by the longest few.

use crate::distribution::{is_level, normal_critical, normal_two_sided};
use crate::{Estimate, Reason};

/// Which of two samples tends to be larger.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MannWhitney {
    /// Pairs in which `a` is larger, plus half of the ties.
    pub u: f64,
    /// The probability that a value of `a` is larger than one of `b`, ties counted half.
    pub superiority: f64,
    /// Two-sided p-value by the normal approximation with corrections for ties and continuity; `None` where all values are
    /// equal.
    pub p_value: Option<f64>,
}

/// Mann & Whitney 1947, Annals of Mathematical Statistics 18:50 (SciPy `mannwhitneyu(method="asymptotic")`, R
/// `wilcox.test(exact = FALSE)`). Both samples sorted ascending, without `NaN`. `None` if one is empty. O(a + b).
#[must_use]
pub fn mann_whitney(a: &[f64], b: &[f64]) -> Option<MannWhitney> {
    if a.is_empty() || b.is_empty() {
        return None;
    }
    let (mut at_a, mut at_b, mut twice_u, mut ties) = (0, 0, 0.0, 0.0);
    while at_a < a.len() || at_b < b.len() {
        let value = match (a.get(at_a), b.get(at_b)) {
            (Some(x), Some(y)) => x.min(*y),
            (Some(x), None) => *x,
            (None, y) => *y?,
        };
        let same = |values: &[f64]| values.iter().take_while(|other| **other <= value).count();
        let (of_a, of_b) = (same(&a[at_a..]), same(&b[at_b..]));
        twice_u += of_a as f64 * (2.0 * at_b as f64 + of_b as f64);
        let tied = (of_a + of_b) as f64;
        ties += tied * tied * tied - tied;
        at_a += of_a;
        at_b += of_b;
    }
    let (n1, n2, u) = (a.len() as f64, b.len() as f64, twice_u / 2.0);
    let n = n1 + n2;
    let variance = n1 * n2 / 12.0 * (n + 1.0 - ties / (n * (n - 1.0)));
    let gap = ((u - n1 * n2 / 2.0).abs() - 0.5).max(0.0);
    let p_value = (variance > 0.0).then(|| normal_two_sided(gap / variance.sqrt()));
    Some(MannWhitney { u, superiority: u / (n1 * n2), p_value })
}

/// The median (type 7) with the interval between two order statistics whose ranks are `n/2 ∓ z·sqrt(n)/2`, outward to whole
/// ranks (Conover 1999, Practical Nonparametric Statistics, 3.2). Sorted ascending, without `NaN`.
///
/// Below six values no two of them cover 95 %: the median then has no interval ([`Reason::TooFewRows`]).
#[must_use]
pub fn median(sorted: &[f64], level: f64) -> Estimate {
    let n = sorted.len();
    if !is_level(level) {
        return Estimate::unknown(n as u64, level, Reason::BadLevel);
    }
    if n == 0 {
        return Estimate::unknown(0, level, Reason::NoRows);
    }
    let median = f64::midpoint(sorted[(n - 1) / 2], sorted[n / 2]);
    let half = normal_critical(level) * (n as f64).sqrt() / 2.0;
    let lower = (n as f64 / 2.0 - half).floor();
    if lower < 1.0 {
        return Estimate::point(median, n as u64, level, Reason::TooFewRows);
    }
    let lower = lower as usize;
    Estimate::new(median, sorted[lower - 1], sorted[n - lower], n as u64, level)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_those_of_scipy() {
        // scipy 1.17.1: mannwhitneyu(a, b, method="asymptotic", use_continuity=True)
        let a = [1.1, 2.3, 2.9, 3.0, 4.7, 5.5, 8.1];
        let b = [2.0, 3.3, 3.5, 4.8, 6.0, 7.7, 9.1, 9.9];
        let found = mann_whitney(&a, &b).expect("values");
        assert!((found.u - 16.0).abs() < 1e-12 && (found.p_value.expect("spread") - 0.183_232_976_928_821_8).abs() < 1e-12);
        let (a, b) = ([1.0, 2.0, 2.0, 3.0, 3.0, 3.0, 4.0], [2.0, 3.0, 3.0, 4.0, 4.0, 5.0, 5.0, 5.0]);
        let found = mann_whitney(&a, &b).expect("values");
        assert!((found.u - 11.0).abs() < 1e-12 && (found.p_value.expect("spread") - 0.049_238_967_838_553_395).abs() < 1e-12);
        let back = mann_whitney(&b, &a).expect("values");
        assert!((back.superiority + found.superiority - 1.0).abs() < 1e-12 && back.p_value == found.p_value);
        let equal = mann_whitney(&[1.0; 3], &[1.0; 3]).expect("values");
        assert_eq!((equal.superiority, equal.p_value), (0.5, None));
        assert_eq!(mann_whitney(&[], &[1.0]), None);
    }

    #[test]
    fn a_median_lies_between_its_order_statistics() {
        let values: Vec<f64> = (1..=100).map(f64::from).collect();
        // n/2 - 1.96 * 5 = 40.2: the 40th and the 61st of 100.
        let found = median(&values, 0.95);
        assert_eq!((found.estimate, found.interval()), (Some(50.5), Some((40.0, 61.0))));
        assert_eq!(median(&values[..5], 0.95).reason, Some(Reason::TooFewRows));
        assert_eq!(median(&[], 0.95).reason, Some(Reason::NoRows));
    }
}
