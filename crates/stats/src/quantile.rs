//! Sample quantiles in the nine definitions of Hyndman & Fan (1996, The American Statistician 50:361), as R numbers them.
//!
//! Tools disagree about the median wait of ten people because they take different ones; Clew takes type 7 (R, NumPy and
//! DuckDB `quantile_cont`) unless a standard names another.

/// The nine definitions. The doc line of each is the position in the sorted sample, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuantileType {
    /// Inverse of the empirical distribution function (a step function).
    T1,
    /// As type 1, with the average at discontinuities.
    T2,
    /// The nearest even order statistic (SAS).
    T3,
    /// `np`
    T4,
    /// `np + 1/2` (hydrologists)
    T5,
    /// `(n + 1)p` (Minitab, SPSS)
    T6,
    /// `(n - 1)p + 1` (R, NumPy, Excel). The default.
    T7,
    /// `(n + 1/3)p + 1/3` (median-unbiased)
    T8,
    /// `(n + 1/4)p + 3/8` (for normal samples)
    T9,
}

/// The `p` quantile of `values`, in any order. `None` if there is no value, one is `NaN`, or `p` is outside 0..=1.
#[must_use]
pub fn quantile(values: &[f64], p: f64, definition: QuantileType) -> Option<f64> {
    if values.iter().any(|value| value.is_nan()) {
        return None;
    }
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    quantile_of_sorted(&sorted, p, definition)
}

/// The `p` quantile of values that are sorted already and hold no `NaN`. `None` if there is none or `p` is outside 0..=1.
#[must_use]
pub fn quantile_of_sorted(sorted: &[f64], p: f64, definition: QuantileType) -> Option<f64> {
    if sorted.is_empty() || !(0.0..=1.0).contains(&p) {
        return None;
    }
    let n = sorted.len() as f64;
    // Position = n p + shift: whole part j and rest g, as in Hyndman & Fan; R's guard against 0.1 * 10 != 1.
    let shift = match definition {
        QuantileType::T1 | QuantileType::T2 | QuantileType::T4 => 0.0,
        QuantileType::T3 => -0.5,
        QuantileType::T5 => 0.5,
        QuantileType::T6 => p,
        QuantileType::T7 => 1.0 - p,
        QuantileType::T8 => (p + 1.0) / 3.0,
        QuantileType::T9 => p / 4.0 + 0.375,
    };
    let position = n * p + shift;
    let guard = 4.0 * f64::EPSILON * position.abs().max(1.0);
    let whole = (position + guard).floor();
    let rest = if (position - whole).abs() < guard { 0.0 } else { position - whole };
    let weight = match definition {
        QuantileType::T1 => f64::from(rest > 0.0),
        QuantileType::T2 => {
            if rest > 0.0 {
                1.0
            } else {
                0.5
            }
        }
        QuantileType::T3 => f64::from(rest > 0.0 || whole.rem_euclid(2.0) > 0.0),
        _ => rest,
    };
    let at = |index: f64| sorted[(index.max(1.0).min(n) as usize) - 1];
    let (below, above) = (at(whole), at(whole + 1.0));
    Some(if weight <= 0.0 { below } else { below + weight * (above - below) })
}
