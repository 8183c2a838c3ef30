//! What readers of the tables compute on top of them: an interval for a share that was just counted, the difference of
//! two rows of `scores`, the stage of an event, the hash of a definition.
//!
//! The server shows numbers that no table holds as such, and a number without its interval is not shown. It may not know
//! the pure crates, so it finds here the few calls it needs, made with the same methods as the steps use.
//!
//! [`difference`] compares two *rows of `scores`* and not two tallies: Newcombe's interval of two shares and the combined
//! interval of two net promoter scores are functions of the two intervals alone, and the moments behind Welch's follow from a
//! mean's interval. So any two rows, of any slice, are compared without reading answers again; a property test holds the
//! result against [`clew_insight::change::compare`].

use clew_insight::change::Verdict;
pub use clew_insight::metric::{Kind, Period};
use clew_stats::comparison::{difference_of, welch};
use clew_stats::interval::{self, Moments, Proportion};
use clew_stats::multiple::benjamini_hochberg;
pub use clew_stats::{Estimate, Reason};

use crate::definitions::Definitions;
pub use crate::steps::metrics::{answers_filter, version};

/// The share `part / n` with Wilson's interval.
pub fn share(part: u64, n: u64, level: f64) -> Estimate {
    interval::proportion(part, n, level, Proportion::Wilson)
}

/// A mean with Student's interval, from n, sum and sum of squares.
pub fn mean(n: u64, sum: f64, sum_of_squares: f64, level: f64) -> Estimate {
    interval::mean(&Moments { n, sum, sum_of_squares }, level)
}

/// What can be said about a movement.
pub use clew_insight::change::Verdict as Movement;

/// `now - before` of two values of a metric of this kind, with the interval of the difference.
pub fn difference(kind: Kind, now: &Estimate, before: &Estimate) -> (Estimate, Movement) {
    let difference = match kind {
        Kind::Nps | Kind::Csat | Kind::Share => difference_of(now, before),
        Kind::Ces | Kind::Mean => match (moments(now), moments(before)) {
            (Some(now), Some(before_moments)) => welch(&now, &before_moments, before.level).difference,
            _ => difference_of(now, before),
        },
    };
    let verdict = match difference.interval() {
        None => Verdict::NotComparable,
        Some((lower, _)) if lower > 0.0 => Verdict::Up,
        Some((_, upper)) if upper < 0.0 => Verdict::Down,
        Some(_) => Verdict::Unclear,
    };
    (difference, verdict)
}

/// The moments behind a mean and its Student interval: the half width is the standard error times the same quantile that a
/// sample of this size with unit variance has.
fn moments(estimate: &Estimate) -> Option<Moments> {
    let (mean, (lower, upper)) = (estimate.estimate?, estimate.interval()?);
    let (n, degrees) = (estimate.n, estimate.n.checked_sub(1)? as f64);
    let unit = interval::mean(&Moments { n, sum: 0.0, sum_of_squares: degrees }, estimate.level).interval()?;
    let variance = ((upper - lower) / (unit.1 - unit.0)).powi(2);
    let count = n as f64;
    Some(Moments { n, sum: mean * count, sum_of_squares: variance * degrees + mean * mean * count })
}

/// Which of many differences stand out although so many were looked at: false discovery rate of 5 % (Benjamini &
/// Hochberg), on p-values that follow from each interval by the normal approximation. Gives the size in standard errors.
pub fn standing_out(differences: &[Estimate], z_of_level: f64) -> Vec<Option<f64>> {
    const RATE: f64 = 0.05;
    let sizes: Vec<Option<f64>> = differences
        .iter()
        .map(|difference| {
            let (lower, upper) = difference.interval().filter(|(lower, upper)| lower < upper)?;
            Some(difference.estimate? / ((upper - lower) / (2.0 * z_of_level)))
        })
        .collect();
    let p_values: Vec<Option<f64>> = sizes.iter().map(|size| size.map(two_sided)).collect();
    let adjusted = benjamini_hochberg(&p_values);
    sizes.into_iter().zip(adjusted).map(|(size, p)| size.filter(|_| p.is_some_and(|p| p < RATE))).collect()
}

/// `P(|Z| > |z|)`, good to 1.2e-7 relative (Numerical Recipes' `erfcc`): enough to tell 5 % from more.
fn two_sided(z: f64) -> f64 {
    const TERMS: [f64; 10] = [
        -1.265_512_23,
        1.000_023_68,
        0.374_091_96,
        0.096_784_18,
        -0.186_288_06,
        0.278_868_07,
        -1.135_203_98,
        1.488_515_87,
        -0.822_152_23,
        0.170_872_77,
    ];
    let x = z.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.5 * x);
    let exponent = TERMS.iter().rev().fold(0.0, |sum, term| sum * t + term);
    t * (exponent - x * x).exp()
}

impl Definitions {
    /// The stage of an event, as the step `journeys` tells it.
    pub fn stage_of(&self, name: &str, channel: &str) -> Option<&str> {
        let stage = clew_journey::stage_of(&self.journey, name, channel)?;
        self.journey.stages.get(usize::from(stage)).map(|stage| stage.name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use clew_insight::change::compare;
    use clew_insight::metric::Metric;
    use proptest::prelude::*;

    use super::*;

    fn metric(kind: &str) -> Metric {
        let scale = if kind == "mean" { serde_json::json!({"scale_min": 1, "scale_max": 5}) } else { serde_json::json!({}) };
        let mut value = serde_json::json!({"name": "m", "kind": kind});
        value.as_object_mut().unwrap().extend(scale.as_object().unwrap().clone());
        serde_json::from_value(value).unwrap()
    }

    fn close(a: Option<f64>, b: Option<f64>) -> bool {
        match (a, b) {
            (Some(a), Some(b)) => (a - b).abs() <= 1e-9,
            (a, b) => a == b,
        }
    }

    proptest! {
        /// Rows of `scores` hold enough: their difference is that of the tallies they were made from.
        #[test]
        fn rows_differ_as_their_tallies_do(
            kind in prop::sample::select(vec!["nps", "csat", "ces", "mean", "share"]),
            now in prop::collection::vec(0_u8..=10, 0..40),
            before in prop::collection::vec(0_u8..=10, 0..40),
        ) {
            let metric = metric(kind);
            let tally = |scores: &[u8]| {
                let mut tally = metric.tally();
                scores.iter().for_each(|&score| metric.push(&mut tally, f64::from(score)));
                tally
            };
            let (now, before) = (tally(&now), tally(&before));
            let expected = compare(&now, &before, 0.95);
            let (found, verdict) = difference(metric.kind, &now.estimate(0.95), &before.estimate(0.95));
            prop_assert!(close(found.estimate, expected.difference.estimate), "{found:?} {expected:?}");
            // A side without spread has no interval of its own; Welch may still have one: then ours is wider, namely none.
            if found.interval().is_some() {
                prop_assert!(close(found.lower, expected.difference.lower), "{found:?} {expected:?}");
                prop_assert!(close(found.upper, expected.difference.upper), "{found:?} {expected:?}");
                prop_assert_eq!(verdict, expected.verdict);
            }
        }
    }

    /// Table values: R `2 * pnorm(-z)`.
    #[test]
    fn the_normal_tail_is_good_enough_to_judge_by() {
        for (z, p) in [(0.0, 1.0), (1.0, 0.317_310_5), (1.959_964, 0.05), (-3.0, 0.002_699_796)] {
            assert!((two_sided(z) - p).abs() < 1e-6, "{z}: {}", two_sided(z));
        }
    }

    #[test]
    fn one_in_twenty_by_chance_does_not_stand_out() {
        let at = |estimate: f64| Estimate::new(estimate, estimate - 1.96, estimate + 1.96, 100, 0.95);
        let mut many = vec![at(0.1); 39];
        many.push(at(2.1));
        assert!(standing_out(&many, 1.96).iter().all(Option::is_none));
        many.push(at(6.0));
        assert_eq!(standing_out(&many, 1.96).iter().flatten().count(), 1);
    }
}
