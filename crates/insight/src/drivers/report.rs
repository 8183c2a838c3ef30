//! The decomposition of the kept candidates, told in words of the business: importance, effect, performance, families.

use std::collections::BTreeMap;

use clew_stats::association::pearson;
use clew_stats::bootstrap::{self, Bootstrap, Replicate};
use clew_stats::importance::decompose;
use clew_stats::interval::{self, Moments, Proportion};
use clew_stats::quantile::{QuantileType, quantile_of_sorted};
use clew_stats::regression::clustered;
use clew_stats::{Design, Estimate, Reason};

use super::encode::{Answers, Encoded};
use super::{Contrast, Driver, DriverKind, Drivers, Effect, Family, NotRanked, Options};
use crate::pareto;

const P_LOW: f64 = 0.1;
const P_HIGH: f64 = 0.9;

pub(super) fn fill(drivers: &mut Drivers, kept: &[Encoded], answers: &Answers, options: &Options) {
    let predictors: Vec<Vec<&[f64]>> = kept.iter().map(|encoded| encoded.columns.iter().map(Vec::as_slice).collect()).collect();
    let design = Design::new(&answers.outcome, &predictors).expect("screening kept at most 16, all of one length");
    let importance = decompose(&design);
    let Some(r2) = importance.r2 else {
        // The budget of columns leaves rows enough, so only a spread lost in rounding comes here.
        drivers.not_ranked = Some(NotRanked::ConstantScore);
        return;
    };
    let draws = bootstrap::importance(&design, Some(&answers.people), options.seed, options.replicates)
        .expect("one person per scored answer");
    let estimates = Estimates { n: drivers.n, level: options.level, r2, draws };
    drivers.r2 = estimates.of(r2, |replicate| Some(replicate.r2));
    drivers.adjusted_r2 = importance.adjusted_r2;

    let lmg: Vec<f64> = importance.predictors.iter().map(|predictor| predictor.lmg.unwrap_or(0.0)).collect();
    let passes: Vec<bool> = kept.iter().map(|encoded| encoded.p_adjusted.is_some_and(|p| p <= 1.0 - options.level)).collect();
    let names: Vec<&str> = kept.iter().map(|encoded| encoded.candidate.name.as_str()).collect();
    for place in ordered(&names, &lmg, options.vital_share) {
        let (index, encoded) = (place.index, &kept[place.index]);
        let number = encoded.kind != DriverKind::Category;
        let coefficient = importance.predictors[index].coefficients.first().and_then(|c| c.standardised);
        let correlation = || pearson(&encoded.values, &answers.outcome, options.level).correlation.estimate;
        drivers.ranked.push(Driver {
            name: encoded.candidate.name.clone(),
            family: encoded.candidate.family.clone(),
            kind: encoded.kind,
            importance: estimates.sum(&[index], &lmg),
            share: estimates.share(&[index], &lmg),
            cumulative: place.cumulative,
            vital_few: place.leads && passes[index],
            coefficient: coefficient.filter(|_| number),
            correlation: if number { correlation() } else { None },
            effect: effect(encoded, answers, options.level),
            performance: performance(encoded, options.level),
            n: encoded.present as u64,
            p_value: encoded.p_value,
            p_adjusted: encoded.p_adjusted,
        });
    }
    drivers.families = families(kept, &lmg, &passes, &estimates, options.vital_share);
}

/// Pareto order with ties by name.
fn ordered(names: &[&str], sizes: &[f64], reach: f64) -> Vec<pareto::Place> {
    let mut by_name: Vec<usize> = (0..names.len()).collect();
    by_name.sort_by_key(|&index| names[index]);
    let sorted: Vec<f64> = by_name.iter().map(|&index| sizes[index]).collect();
    let places = pareto::order(&sorted, reach);
    places.into_iter().map(|place| pareto::Place { index: by_name[place.index], ..place }).collect()
}

/// Point values with bootstrap intervals.
struct Estimates {
    n: u64,
    level: f64,
    r2: f64,
    draws: Bootstrap,
}

impl Estimates {
    fn of(&self, value: f64, statistic: impl Fn(&Replicate) -> Option<f64>) -> Estimate {
        match self.draws.interval(self.level, statistic) {
            Some((lower, upper)) => Estimate::new(value, lower, upper, self.n, self.level),
            None => Estimate::point(value, self.n, self.level, Reason::TooFewRows),
        }
    }

    fn sum(&self, members: &[usize], lmg: &[f64]) -> Estimate {
        let total = |values: &[f64]| members.iter().map(|&index| values[index]).sum::<f64>();
        self.of(total(lmg), |replicate| Some(total(&replicate.lmg)))
    }

    fn share(&self, members: &[usize], lmg: &[f64]) -> Estimate {
        let total = |values: &[f64]| members.iter().map(|&index| values[index]).sum::<f64>();
        if self.r2 <= 0.0 {
            return Estimate::unknown(self.n, self.level, Reason::NoSpread);
        }
        self.of(total(lmg) / self.r2, |replicate| (replicate.r2 > 0.0).then(|| total(&replicate.lmg) / replicate.r2))
    }
}

fn families(kept: &[Encoded], lmg: &[f64], passes: &[bool], estimates: &Estimates, reach: f64) -> Vec<Family> {
    let mut members: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, encoded) in kept.iter().enumerate() {
        members.entry(&encoded.candidate.family).or_default().push(index);
    }
    let (names, mut members): (Vec<&str>, Vec<Vec<usize>>) = members.into_iter().unzip();
    for indices in &mut members {
        indices.sort_by(|&a, &b| lmg[b].total_cmp(&lmg[a]).then_with(|| kept[a].candidate.name.cmp(&kept[b].candidate.name)));
    }
    let sizes: Vec<f64> = members.iter().map(|indices| indices.iter().map(|&index| lmg[index]).sum()).collect();
    let family = |place: pareto::Place| {
        let indices = &members[place.index];
        Family {
            family: names[place.index].to_owned(),
            drivers: indices.iter().map(|&index| kept[index].candidate.name.clone()).collect(),
            importance: estimates.sum(indices, lmg),
            share: estimates.share(indices, lmg),
            cumulative: place.cumulative,
            vital_few: place.leads && indices.iter().any(|&index| passes[index]),
        }
    };
    pareto::order(&sizes, reach).into_iter().map(family).collect()
}

fn performance(encoded: &Encoded, level: f64) -> Option<Estimate> {
    let present = encoded.values.iter().copied().filter(|value| !value.is_nan());
    match encoded.kind {
        DriverKind::Numeric => {
            // Centred first, so that a large mean does not swallow the spread.
            let origin = present.clone().next()?;
            let mut found = interval::mean(&present.map(|value| value - origin).collect::<Moments>(), level);
            for end in [&mut found.estimate, &mut found.lower, &mut found.upper] {
                *end = end.map(|value| value + origin);
            }
            Some(found)
        }
        DriverKind::Boolean => {
            let yes = present.filter(|value| *value > 0.5).count();
            Some(interval::proportion(yes as u64, encoded.present as u64, level, Proportion::Wilson))
        }
        DriverKind::Category => None,
    }
}

fn effect(encoded: &Encoded, answers: &Answers, level: f64) -> Option<Effect> {
    let slope = |values: &[f64]| {
        let fit = clustered(&answers.outcome, &[values], Some(&answers.people), level);
        fit.expect("one value per scored answer").slopes[0]
    };
    match encoded.kind {
        DriverKind::Boolean => Some(Effect { contrast: Contrast::AbsentPresent, points: slope(&encoded.values) }),
        DriverKind::Numeric => {
            let (from, to) = low_and_high(&encoded.values)?;
            let points = scale(&slope(&encoded.values), to - from);
            Some(Effect { contrast: Contrast::Values { from, to }, points })
        }
        DriverKind::Category => {
            let (from, to) = lowest_and_highest_level(encoded, answers)?;
            let one_or_other: Vec<f64> = encoded
                .values
                .iter()
                .map(|&value| match value {
                    value if value.is_nan() => f64::NAN,
                    value if value as usize == from => 0.0,
                    value if value as usize == to => 1.0,
                    _ => f64::NAN,
                })
                .collect();
            let name = |level: usize| encoded.levels[level].to_owned();
            let contrast = Contrast::Levels { from: name(from), to: name(to) };
            Some(Effect { contrast, points: slope(&one_or_other) })
        }
    }
}

fn scale(slope: &Estimate, by: f64) -> Estimate {
    match (slope.estimate, slope.interval()) {
        (Some(value), Some((lower, upper))) => Estimate::new(value * by, lower * by, upper * by, slope.n, slope.level),
        (Some(value), None) => Estimate::point(value * by, slope.n, slope.level, slope.reason.unwrap_or(Reason::TooFewRows)),
        (None, _) => *slope,
    }
}

fn low_and_high(values: &[f64]) -> Option<(f64, f64)> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let low = quantile_of_sorted(&sorted, P_LOW, QuantileType::T7)?;
    let high = quantile_of_sorted(&sorted, P_HIGH, QuantileType::T7)?;
    if low < high {
        return Some((low, high));
    }
    sorted.retain(|value| value.to_bits() != low.to_bits());
    quantile_of_sorted(&sorted, 0.5, QuantileType::T7).map(|other| (low, other))
}

fn lowest_and_highest_level(encoded: &Encoded, answers: &Answers) -> Option<(usize, usize)> {
    let mut sums = vec![Moments::default(); encoded.levels.len()];
    for (value, score) in encoded.values.iter().zip(&answers.outcome) {
        if !value.is_nan() {
            sums[*value as usize].push(*score);
        }
    }
    let mut means: Vec<(usize, f64)> =
        sums.iter().enumerate().filter_map(|(level, sum)| sum.mean().map(|mean| (level, mean))).collect();
    means.sort_by(|a, b| a.1.total_cmp(&b.1));
    let (lowest, highest) = (means.first()?, means.last()?);
    (lowest.0 != highest.0).then_some((lowest.0, highest.0))
}
