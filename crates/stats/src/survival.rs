//! Time until something happens, where for some it has not happened yet: Kaplan–Meier curves and the log-rank test.
//!
//! Held against R's `survival` in `tests/`. Deliberately missing: covariates (Cox), left truncation, weights.

use nalgebra::{DMatrix, DVector};
use statrs::function::gamma::gamma_ur;

use crate::distribution::{is_level, normal_critical};
use crate::{Estimate, Reason};

/// A time, and whether the event happened then; else the observation ended (censored).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spell {
    /// Duration, not negative.
    pub time: f64,
    /// Whether the event happened.
    pub observed: bool,
}

/// How to make the band around a curve (R `conf.type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Band {
    /// On the scale of log(-log S): stays inside 0..=1 by itself. The default.
    LogLog,
    /// On the scale of log S; cut at 1.
    Log,
    /// On that of S; cut at 0 and 1.
    Plain,
}

/// A time at which somebody had the event or was censored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The time.
    pub time: f64,
    /// Still under observation just before.
    pub at_risk: u64,
    /// Events at the time.
    pub events: u64,
    /// Censored at the time.
    pub censored: u64,
    /// Share for which the event comes later (Kaplan & Meier 1958, JASA 53:457).
    pub survival: f64,
    /// Its standard error (Greenwood 1926); none where the share is 0.
    pub standard_error: Option<f64>,
    /// Lower end of the band; none where the share is 0, and, on the scale of log(-log S), where it is 1.
    pub lower: Option<f64>,
    /// Upper end.
    pub upper: Option<f64>,
}

/// A curve.
#[derive(Clone, Debug, PartialEq)]
pub struct SurvivalCurve {
    /// How many.
    pub n: u64,
    /// Confidence level of the band.
    pub level: f64,
    /// By time.
    pub points: Vec<Point>,
}

/// The curve of some spells. Empty without spells, with a time that is negative or not finite, and with a bad level. O(n log n).
#[must_use]
pub fn kaplan_meier(spells: &[Spell], level: f64, band: Band) -> SurvivalCurve {
    let mut curve = SurvivalCurve { n: spells.len() as u64, level, points: Vec::new() };
    if !is_level(level) || spells.iter().any(|spell| !(spell.time.is_finite() && spell.time >= 0.0)) {
        return curve;
    }
    let z = normal_critical(level);
    let mut sorted = spells.to_vec();
    sorted.sort_unstable_by(|a, b| a.time.total_cmp(&b.time));
    let (mut at_risk, mut survival, mut greenwood) = (curve.n, 1.0, 0.0);
    for same in sorted.chunk_by(|a, b| a.time.total_cmp(&b.time).is_eq()) {
        let events = same.iter().filter(|spell| spell.observed).count() as u64;
        let (n, d) = (at_risk as f64, events as f64);
        survival *= 1.0 - d / n;
        if events < at_risk {
            greenwood += d / (n * (n - d));
        }
        let is_known = survival > 0.0;
        let error = greenwood.sqrt();
        let (lower, upper) = ends(survival, error, z, band).filter(|_| is_known).unzip();
        let standard_error = is_known.then_some(survival * error);
        let (time, censored) = (same[0].time, same.len() as u64 - events);
        curve.points.push(Point { time, at_risk, events, censored, survival, standard_error, lower, upper });
        at_risk -= same.len() as u64;
    }
    curve
}

/// The band around a share whose logarithm has this error.
fn ends(survival: f64, error: f64, z: f64, band: Band) -> Option<(f64, f64)> {
    match band {
        Band::Plain => {
            let half = z * survival * error;
            Some(((survival - half).max(0.0), (survival + half).min(1.0)))
        }
        Band::Log => Some((survival * (-z * error).exp(), (survival * (z * error).exp()).min(1.0))),
        Band::LogLog => {
            let log = survival.ln();
            let half = z * error / log.abs();
            (log < 0.0).then(|| (survival.powf(half.exp()), survival.powf((-half).exp())))
        }
    }
}

impl SurvivalCurve {
    /// The share after a time, with its band: that of the last point that is not later. 1 before the first.
    #[must_use]
    pub fn at(&self, time: f64) -> Estimate {
        match self.points.partition_point(|point| point.time <= time).checked_sub(1) {
            None if self.n == 0 => Estimate::unknown(0, self.level, Reason::NoRows),
            None => Estimate::point(1.0, self.n, self.level, Reason::NoSpread),
            Some(at) => {
                let point = &self.points[at];
                match (point.lower, point.upper) {
                    (Some(lower), Some(upper)) => Estimate::new(point.survival, lower, upper, self.n, self.level),
                    _ => Estimate::point(point.survival, self.n, self.level, Reason::NoSpread),
                }
            }
        }
    }

    /// The time by which the share `p` had the event, and the same for the ends of the band; none that is not reached. Where a
    /// curve is exactly at the level it is halfway to its next step (R `quantile.survfit`).
    #[must_use]
    pub fn quantile(&self, p: f64) -> [Option<f64>; 3] {
        let level = 1.0 - p;
        let crossing = |of: &dyn Fn(&Point) -> Option<f64>| {
            let known = || self.points.iter().filter(|point| point.events > 0);
            // Past the last known end of a band there is none.
            let first = known().find(|point| of(point).is_some_and(|share| share <= level + 1e-12))?;
            let share = of(first)?;
            if (share - level).abs() > 1e-12 {
                return Some(first.time);
            }
            let next = known().find(|point| of(point).is_none_or(|other| other < share - 1e-12));
            Some(next.map_or(first.time, |next| f64::midpoint(first.time, next.time)))
        };
        [crossing(&|point| Some(point.survival)), crossing(&|point| point.lower), crossing(&|point| point.upper)]
    }

    /// Mean time until the event, or until the last time observed if that comes first (R `rmean`), with its normal interval.
    #[must_use]
    pub fn restricted_mean(&self) -> Estimate {
        let Some(last) = self.points.last() else { return Estimate::unknown(self.n, self.level, Reason::NoRows) };
        let (mut before, mut survival, mut mean) = (0.0, 1.0, 0.0);
        let mut areas = Vec::with_capacity(self.points.len());
        for point in &self.points {
            mean += survival * (point.time - before);
            areas.push(mean);
            (before, survival) = (point.time, point.survival);
        }
        let mut variance = 0.0;
        for (point, area) in self.points.iter().zip(&areas) {
            let (n, d) = (point.at_risk as f64, point.events as f64);
            if point.events < point.at_risk {
                variance += (mean - area).powi(2) * d / (n * (n - d));
            }
        }
        if variance <= 0.0 || last.time <= 0.0 {
            return Estimate::point(mean, self.n, self.level, Reason::NoSpread);
        }
        let half = normal_critical(self.level) * variance.sqrt();
        Estimate::new(mean, mean - half, mean + half, self.n, self.level)
    }
}

/// Whether curves differ.
#[derive(Clone, Debug, PartialEq)]
pub struct LogRank {
    /// Chi-squared statistic.
    pub statistic: f64,
    /// Its degrees of freedom: groups with anybody at risk, less one.
    pub df: usize,
    /// p-value.
    pub p_value: f64,
    /// Events of each group.
    pub observed: Vec<u64>,
    /// Events that each would have if they did not differ.
    pub expected: Vec<f64>,
}

/// The log-rank test (Mantel 1966, Cancer Chemotherapy Reports 50:163; R `survdiff`). `None` with fewer than two groups that
/// expect an event.
#[must_use]
pub fn log_rank(groups: &[Vec<Spell>]) -> Option<LogRank> {
    let k = groups.len();
    let mut all: Vec<(f64, usize, bool)> = Vec::new();
    for (group, spells) in groups.iter().enumerate() {
        all.extend(spells.iter().map(|spell| (spell.time, group, spell.observed)));
    }
    all.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let mut at_risk: Vec<f64> = groups.iter().map(|group| group.len() as f64).collect();
    let (mut observed, mut expected) = (vec![0_u64; k], vec![0.0; k]);
    let mut covariance = DMatrix::<f64>::zeros(k, k);
    for same in all.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
        let n: f64 = at_risk.iter().sum();
        let d = same.iter().filter(|spell| spell.2).count() as f64;
        let spread = if n > 1.0 { d * (n - d) / (n - 1.0) } else { 0.0 };
        for i in 0..k {
            expected[i] += d * at_risk[i] / n;
            for j in 0..k {
                let own = if i == j { at_risk[i] / n } else { 0.0 };
                covariance[(i, j)] += spread * (own - at_risk[i] * at_risk[j] / (n * n));
            }
        }
        for &(_, group, happened) in same {
            observed[group] += u64::from(happened);
            at_risk[group] -= 1.0;
        }
    }
    let used: Vec<usize> = (0..k).filter(|group| expected[*group] > 0.0).collect();
    let (_, free) = used.split_last()?;
    if free.is_empty() {
        return None;
    }
    let gap = DVector::from_iterator(free.len(), free.iter().map(|group| observed[*group] as f64 - expected[*group]));
    let part = DMatrix::from_fn(free.len(), free.len(), |i, j| covariance[(free[i], free[j])]);
    let statistic = gap.dot(&part.cholesky()?.solve(&gap));
    let p_value = if statistic > 0.0 { gamma_ur(free.len() as f64 / 2.0, statistic / 2.0) } else { 1.0 };
    Some(LogRank { statistic, df: free.len(), p_value, observed, expected })
}
