//! What is new: themes with more comments in the latest period than their own history explains.
//!
//! Given how many comments a theme had in the history and now, and how many comments there were at all, the latest count
//! is binomial if the theme's share has not changed (the exact conditional test of two Poisson rates, Przyborowski and
//! Wilenski 1940). All comments are the exposure, so a busy week is not a surge of everything. Counts of themes are
//! livelier than Poisson; where the history shows that (Pearson's χ² per degree of freedom above 1, from
//! [`LEAST_PERIODS_FOR_DISPERSION`] periods on), all counts are divided by it before the test. One-sided p-values are
//! adjusted over all themes by Benjamini and Hochberg (1995), since many themes are looked at at once.
//!
//! Deliberately missing: seasons and weekdays (choose periods that hold whole ones), slow trends, and decline.

use clew_stats::multiple::benjamini_hochberg;
use serde::{Deserialize, Serialize};
use statrs::function::beta::{beta_reg, inv_beta_reg};

/// Periods of history from which over-dispersion is estimated; with fewer it is taken as none.
pub const LEAST_PERIODS_FOR_DISPERSION: usize = 4;

/// When a surge counts as one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SurgeOptions {
    /// Adjusted p-values up to this are called emerging.
    pub false_discovery_rate: f64,
    /// The latest period must hold at least this many comments of the theme.
    pub least_count: u64,
    /// The rate must have grown at least by this factor.
    pub least_ratio: f64,
    /// Periods of history looked at, the newest ones.
    pub most_periods: usize,
}

impl Default for SurgeOptions {
    fn default() -> Self {
        Self { false_discovery_rate: 0.05, least_count: 5, least_ratio: 1.5, most_periods: 12 }
    }
}

/// Why no test was possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoSurgeTest {
    /// No comments at all before the latest period.
    NoHistory,
    /// No comments at all in the latest period.
    NothingNow,
    /// No comment of this theme at any time.
    NeverSeen,
    /// A theme has more comments than there are, or another number of periods.
    CountsDisagree,
}

/// The latest period of one theme against its history.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Surge {
    /// Comments of the theme in the latest period.
    pub observed: u64,
    /// Comments expected from its share in the history.
    pub expected: Option<f64>,
    /// Rate now over rate before; none when the theme is new or was not tested.
    pub ratio: Option<f64>,
    /// The lower end of the 95 % interval of `ratio` (Clopper and Pearson, transformed).
    pub ratio_lower: Option<f64>,
    /// The upper end; none when it is unbounded (a theme without history).
    pub ratio_upper: Option<f64>,
    /// One-sided p-value of growth.
    pub p_value: Option<f64>,
    /// The p-value adjusted over all tested themes.
    pub q_value: Option<f64>,
    /// Variance over what a Poisson count would have, at least 1.
    pub dispersion: f64,
    /// It surges: `q_value`, size and growth clear the options.
    pub emerging: bool,
    /// Why there is no test.
    pub reason: Option<NoSurgeTest>,
}

/// Tests the latest period of each theme. `themes[i][t]` counts the comments of theme i in period t, `totals[t]` all comments;
/// periods ascend and the last is the one tested. One answer per theme, in order.
pub fn surges(themes: &[Vec<u64>], totals: &[u64], options: &SurgeOptions) -> Vec<Surge> {
    let mut found: Vec<Surge> = themes.iter().map(|counts| test(counts, totals, options)).collect();
    let p_values: Vec<Option<f64>> = found.iter().map(|surge| surge.p_value).collect();
    for (surge, q) in found.iter_mut().zip(benjamini_hochberg(&p_values)) {
        let Some(q) = q else { continue };
        surge.q_value = Some(q);
        surge.emerging = q <= options.false_discovery_rate
            && surge.observed >= options.least_count
            && surge.ratio.is_none_or(|ratio| ratio >= options.least_ratio);
    }
    found
}

fn test(counts: &[u64], totals: &[u64], options: &SurgeOptions) -> Surge {
    let observed = counts.last().copied().unwrap_or(0);
    let none = |reason| Surge {
        observed,
        expected: None,
        ratio: None,
        ratio_lower: None,
        ratio_upper: None,
        p_value: None,
        q_value: None,
        dispersion: 1.0,
        emerging: false,
        reason: Some(reason),
    };
    if counts.len() != totals.len() || counts.iter().zip(totals).any(|(count, total)| count > total) {
        return none(NoSurgeTest::CountsDisagree);
    }
    let Some(now) = totals.len().checked_sub(1) else { return none(NoSurgeTest::NoHistory) };
    let from = now.saturating_sub(options.most_periods);
    let (past, past_totals) = (&counts[from..now], &totals[from..now]);
    let (before, exposure) = (past.iter().sum::<u64>() as f64, past_totals.iter().sum::<u64>() as f64);
    let total = totals[now] as f64;
    if exposure == 0.0 {
        return none(NoSurgeTest::NoHistory);
    }
    if total == 0.0 {
        return none(NoSurgeTest::NothingNow);
    }
    if before + observed as f64 == 0.0 {
        return none(NoSurgeTest::NeverSeen);
    }
    let dispersion = dispersion(past, past_totals);
    let share = total / (total + exposure);
    let (x, rest) = (observed as f64 / dispersion, before / dispersion);
    // P(X ≥ x) for X ~ Bin(x + rest, share), continued to counts that are not whole.
    let p_value = if observed == 0 { 1.0 } else { beta_reg(x, rest + 1.0, share) };
    let odds = |p: f64| p / (1.0 - p) * exposure / total;
    Surge {
        expected: Some(before / exposure * total),
        ratio: (before > 0.0).then(|| observed as f64 / total / (before / exposure)),
        ratio_lower: Some(if observed == 0 { 0.0 } else { odds(inv_beta_reg(x, rest + 1.0, 0.025)) }),
        ratio_upper: (before > 0.0).then(|| odds(inv_beta_reg(x + 1.0, rest, 0.975))),
        p_value: Some(p_value.clamp(0.0, 1.0)),
        dispersion,
        reason: None,
        ..none(NoSurgeTest::NoHistory)
    }
}

/// Pearson's χ² of the history against a constant share, per degree of freedom, at least 1.
fn dispersion(counts: &[u64], totals: &[u64]) -> f64 {
    let periods = totals.iter().filter(|total| **total > 0).count();
    let (sum, exposure) = (counts.iter().sum::<u64>() as f64, totals.iter().sum::<u64>() as f64);
    if periods < LEAST_PERIODS_FOR_DISPERSION || sum == 0.0 {
        return 1.0;
    }
    let cells = counts.iter().zip(totals).filter(|(_, total)| **total > 0);
    let chi_square: f64 = cells
        .map(|(&count, &total)| {
            let expected = sum / exposure * total as f64;
            (count as f64 - expected).powi(2) / expected
        })
        .sum();
    (chi_square / (periods as f64 - 1.0)).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_p_value_is_the_exact_binomial_one() {
        // P(X >= 12) for X ~ Bin(22, 1/5); scipy.stats.binom.sf(11, 22, .2) = 0.000388...: by the sum itself.
        let choose = |n: u64, k: u64| (1..=k).fold(1.0, |c, i| c * (n - k + i) as f64 / i as f64);
        let tail: f64 = (12..=22).map(|k| choose(22, k) * 0.2_f64.powi(k as i32) * 0.8_f64.powi(22 - k as i32)).sum();
        let found = surges(&[vec![3, 4, 3, 0, 12]], &[100, 100, 100, 100, 100], &SurgeOptions::default());
        let expected_dispersion = ((0.25 + 2.25 + 0.25 + 6.25_f64) / 2.5 / 3.0).max(1.0);
        assert!((found[0].dispersion - expected_dispersion).abs() < 1e-12);
        let plain = surges(&[vec![10, 12]], &[400, 100], &SurgeOptions::default());
        assert!((plain[0].p_value.unwrap() - tail).abs() < 1e-12);
        assert!((plain[0].ratio.unwrap() - 4.8).abs() < 1e-12);
        assert!(plain[0].emerging);
    }

    #[test]
    fn a_busy_period_is_not_a_surge_of_everything() {
        let found = surges(&[vec![10, 10, 10, 10, 100]], &[100, 100, 100, 100, 1000], &SurgeOptions::default());
        assert!(!found[0].emerging && (found[0].ratio.unwrap() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_theme_that_always_jumps_about_must_jump_further() {
        let calm = surges(&[vec![10, 10, 10, 10, 30]], &[200; 5], &SurgeOptions::default());
        let wild = surges(&[vec![0, 25, 1, 14, 30]], &[200; 5], &SurgeOptions::default());
        assert!(calm[0].emerging && !wild[0].emerging, "{calm:?} {wild:?}");
    }

    #[test]
    fn a_new_theme_can_emerge_and_has_no_ratio() {
        let found = surges(&[vec![0, 0, 0, 0, 9]], &[100; 5], &SurgeOptions::default());
        assert!(found[0].emerging);
        assert_eq!((found[0].ratio, found[0].ratio_upper), (None, None));
        assert!(found[0].ratio_lower.unwrap() > 1.0);
    }

    #[test]
    fn what_cannot_be_tested_says_why() {
        let reason = |counts: Vec<u64>, totals: &[u64]| surges(&[counts], totals, &SurgeOptions::default())[0].reason;
        assert_eq!(reason(vec![], &[]), Some(NoSurgeTest::NoHistory));
        assert_eq!(reason(vec![5], &[9]), Some(NoSurgeTest::NoHistory));
        assert_eq!(reason(vec![5, 0], &[9, 0]), Some(NoSurgeTest::NothingNow));
        assert_eq!(reason(vec![0, 0], &[9, 9]), Some(NoSurgeTest::NeverSeen));
        assert_eq!(reason(vec![5, 1], &[4, 9]), Some(NoSurgeTest::CountsDisagree));
        assert_eq!(reason(vec![5], &[4, 9]), Some(NoSurgeTest::CountsDisagree));
    }

    #[test]
    fn chance_alone_rarely_surges() {
        // 500 themes whose counts hardly differ: the discovery rate must stay near nothing.
        let themes: Vec<Vec<u64>> = (0..500_u64)
            .map(|i| (0..9_u64).map(|t| 8 + xxhash_rust::xxh3::xxh3_64(&(i * 9 + t).to_le_bytes()) % 9).collect())
            .collect();
        let found = surges(&themes, &[10_000; 9], &SurgeOptions::default());
        assert_eq!(found.iter().filter(|surge| surge.emerging).count(), 0);
    }
}
