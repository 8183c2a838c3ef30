//! Clusters of journeys: cases that do the same things, named by the steps that set them apart.
//!
//! A case is the direction of its counts: ln(1 + times) of each activity, weighted by how few cases have it (tf–idf), so that
//! what everybody does says little and long journeys are not far from short ones only for being long. Directions are grouped
//! by spherical k-means (I. Dhillon & D. Modha 2001, Machine Learning 42:143) from k-means++ beginnings (D. Arthur & S.
//! Vassilvitskii 2007, SODA); the number of clusters is that of the best simplified silhouette unless it is given. Equal
//! counts are one direction with a weight. The order of steps is not looked at: paths and variants are for that.
//!
//! The seed comes in; the same log and seed give the same clusters.

use std::collections::BTreeMap;

use clew_stats::comparison::{Comparison, ProportionDifference, two_proportions};
use clew_stats::dice::Dice;

use crate::log::Traces;

/// Directions that are looked at for the number of clusters, at most.
const SAMPLE: usize = 4_000;
const BEGINNINGS: usize = 4;
const MOST_ROUNDS: usize = 60;
/// Steps that name a cluster.
const NAMING: usize = 3;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClusterQuestion {
    /// How many clusters; none: as many as fit best, from 2 to `most`.
    pub clusters: Option<usize>,
    /// Most clusters.
    pub most: usize,
    /// Seed.
    pub seed: u64,
}

/// A step that sets a cluster apart.
#[derive(Clone, Debug, PartialEq)]
pub struct StepApart {
    /// The activity.
    pub activity: u32,
    /// Cases of the cluster that have it, and of all others.
    pub cases: (u64, u64),
    /// Share of the cluster minus share of the others. The interval describes the groups; they were made to differ.
    pub difference: Comparison,
}

/// A cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct JourneyCluster {
    /// Cases.
    pub cases: u64,
    /// Steps that it has most more often or less often than the others, the largest difference first.
    pub apart: Vec<StepApart>,
    /// The most frequent of its variants.
    pub variant: Vec<u32>,
}

/// Clusters, the largest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JourneyClusters {
    /// The clusters.
    pub clusters: Vec<JourneyCluster>,
    /// Case and cluster.
    pub of_case: Vec<(u32, u32)>,
    /// Mean simplified silhouette, −1..1: near 1 where clusters lie apart; none below two clusters.
    pub silhouette: Option<f64>,
}

/// A direction of length 1, by activity; empty for a case without any weight.
type Direction = Vec<(u32, f64)>;

/// Groups the cases. With `d` different counts: O(d · clusters · rounds).
pub fn cluster(traces: &Traces<'_>, question: &ClusterQuestion) -> JourneyClusters {
    let mut counts: BTreeMap<Vec<(u32, u32)>, Vec<u32>> = BTreeMap::new();
    for (case, rows) in traces.numbered() {
        let mut codes = traces.code[rows].to_vec();
        codes.sort_unstable();
        let counted = codes.chunk_by(|a, b| a == b).map(|same| (same[0], same.len() as u32)).collect();
        counts.entry(counted).or_default().push(case);
    }
    if counts.is_empty() {
        return JourneyClusters::default();
    }
    let (counted, cases): (Vec<_>, Vec<_>) = counts.into_iter().unzip();
    let weights: Vec<f64> = cases.iter().map(|cases| cases.len() as f64).collect();
    let directions = directions(&counted, &weights);
    let activities = counted.iter().flatten().map(|count| count.0).max().map_or(0, |most| most as usize + 1);
    let space = Space { directions: &directions, weights: &weights, activities };
    let k = question.clusters.unwrap_or_else(|| space.best_number(question)).clamp(1, directions.len());
    let means = space.means(k, question.seed);
    let of_direction = space.nearest(&means);
    let mut of_case: Vec<(u32, u32)> =
        cases.iter().zip(&of_direction).flat_map(|(cases, cluster)| cases.iter().map(|case| (*case, *cluster))).collect();
    of_case.sort_unstable();
    let silhouette = (k > 1).then(|| space.silhouette(&means, &of_direction));
    describe(traces, of_case, k, silhouette)
}

fn directions(counted: &[Vec<(u32, u32)>], weights: &[f64]) -> Vec<Direction> {
    let all: f64 = weights.iter().sum();
    let mut with: BTreeMap<u32, f64> = BTreeMap::new();
    for (counts, weight) in counted.iter().zip(weights) {
        counts.iter().for_each(|(activity, _)| *with.entry(*activity).or_default() += weight);
    }
    let direction = |counts: &Vec<(u32, u32)>| {
        let weighted = |(activity, n): &(u32, u32)| (*activity, f64::from(*n).ln_1p() * (1.0 + all / with[activity]).ln());
        let mut direction: Direction = counts.iter().map(weighted).collect();
        let length = direction.iter().map(|(_, value)| value * value).sum::<f64>().sqrt();
        direction.iter_mut().for_each(|(_, value)| *value /= length);
        direction
    };
    counted.iter().map(direction).collect()
}

struct Space<'a> {
    directions: &'a [Direction],
    weights: &'a [f64],
    activities: usize,
}

fn cosine(direction: &Direction, mean: &[f64]) -> f64 {
    direction.iter().map(|(activity, value)| value * mean[*activity as usize]).sum()
}

impl Space<'_> {
    /// The number of clusters with the best silhouette, of a sample.
    fn best_number(&self, question: &ClusterQuestion) -> usize {
        let every = self.directions.len().div_ceil(SAMPLE);
        let directions: Vec<Direction> = self.directions.iter().step_by(every).cloned().collect();
        let weights: Vec<f64> = self.weights.iter().copied().step_by(every).collect();
        let sample = Space { directions: &directions, weights: &weights, activities: self.activities };
        let quality = |k: usize| {
            let means = sample.means(k, question.seed);
            (k, sample.silhouette(&means, &sample.nearest(&means)))
        };
        let found = (2..=question.most.min(directions.len())).map(quality);
        found.fold((1, f64::NEG_INFINITY), |best, next| if next.1 > best.1 { next } else { best }).0
    }

    /// Means of the best of some beginnings.
    fn means(&self, k: usize, seed: u64) -> Vec<Vec<f64>> {
        let mut best = (f64::NEG_INFINITY, Vec::new());
        for beginning in 0..BEGINNINGS as u64 {
            let mut dice = Dice::new(seed.wrapping_mul(31).wrapping_add(beginning));
            let mut means = self.begin(k, &mut dice);
            let mut quality = f64::NEG_INFINITY;
            for _ in 0..MOST_ROUNDS {
                let of_direction = self.nearest(&means);
                means = self.centred(&of_direction, means);
                let next = (0..self.directions.len())
                    .map(|at| self.weights[at] * cosine(&self.directions[at], &means[of_direction[at] as usize]))
                    .sum();
                if next <= quality {
                    break;
                }
                quality = next;
            }
            if quality > best.0 {
                best = (quality, means);
            }
        }
        best.1
    }

    /// k-means++: each further mean is drawn by the distance to those before it.
    fn begin(&self, k: usize, dice: &mut Dice) -> Vec<Vec<f64>> {
        let mut means: Vec<Vec<f64>> = Vec::new();
        let mut distance = vec![1.0_f64; self.directions.len()];
        for _ in 0..k {
            let pulls = || distance.iter().zip(self.weights).map(|(distance, weight)| distance * weight);
            let mut left = dice.share() * pulls().sum::<f64>();
            let drawn = pulls().position(|pull| {
                left -= pull;
                left < 0.0
            });
            let mut mean = vec![0.0; self.activities];
            self.directions[drawn.unwrap_or(0)].iter().for_each(|(activity, value)| mean[*activity as usize] = *value);
            for (distance, direction) in distance.iter_mut().zip(self.directions) {
                *distance = distance.min((1.0 - cosine(direction, &mean)).max(0.0));
            }
            means.push(mean);
        }
        means
    }

    fn nearest(&self, means: &[Vec<f64>]) -> Vec<u32> {
        let nearest = |direction: &Direction| {
            let closer = |best: (u32, f64), (at, mean): (usize, &Vec<f64>)| {
                let near = cosine(direction, mean);
                if near > best.1 { (at as u32, near) } else { best }
            };
            means.iter().enumerate().fold((0, f64::NEG_INFINITY), closer).0
        };
        self.directions.iter().map(nearest).collect()
    }

    /// Means of the directions of each; one that nobody is near stays.
    fn centred(&self, of_direction: &[u32], before: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
        let mut means = vec![vec![0.0; self.activities]; before.len()];
        for ((direction, weight), cluster) in self.directions.iter().zip(self.weights).zip(of_direction) {
            direction.iter().for_each(|(activity, value)| means[*cluster as usize][*activity as usize] += weight * value);
        }
        for (mean, before) in means.iter_mut().zip(before) {
            let length = mean.iter().map(|value| value * value).sum::<f64>().sqrt();
            if length > 0.0 {
                mean.iter_mut().for_each(|value| *value /= length);
            } else {
                *mean = before;
            }
        }
        means
    }

    /// Mean over cases of how much nearer their own mean is than the next one (E. Hruschka, L. de Castro & R. Campello 2004).
    fn silhouette(&self, means: &[Vec<f64>], of_direction: &[u32]) -> f64 {
        let of = |at: usize| {
            let far = |mean: &Vec<f64>| 1.0 - cosine(&self.directions[at], mean);
            let own = far(&means[of_direction[at] as usize]);
            let others =
                means.iter().enumerate().filter(|(other, _)| *other as u32 != of_direction[at]).map(|(_, mean)| far(mean));
            let next = others.fold(f64::INFINITY, f64::min);
            let most = own.max(next);
            if most > 0.0 { (next - own) / most } else { 0.0 }
        };
        let sum: f64 = (0..self.directions.len()).map(|at| self.weights[at] * of(at)).sum();
        sum / self.weights.iter().sum::<f64>()
    }
}

fn describe(traces: &Traces<'_>, of_case: Vec<(u32, u32)>, k: usize, silhouette: Option<f64>) -> JourneyClusters {
    let mut sizes = vec![0_u64; k];
    let mut with: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
    let mut variants: Vec<BTreeMap<&[u32], u64>> = vec![BTreeMap::new(); k];
    for ((_, rows), (_, cluster)) in traces.numbered().zip(&of_case) {
        let (trace, cluster) = (&traces.code[rows], *cluster as usize);
        sizes[cluster] += 1;
        *variants[cluster].entry(trace).or_default() += 1;
        let mut codes = trace.to_vec();
        codes.sort_unstable();
        codes.dedup();
        codes.into_iter().for_each(|code| with.entry(code).or_insert_with(|| vec![0; k])[cluster] += 1);
    }
    let all: u64 = sizes.iter().sum();
    let apart = |cluster: usize| {
        let step = |(activity, with): (&u32, &Vec<u64>)| {
            let (own, others) = (with[cluster], with.iter().sum::<u64>() - with[cluster]);
            let method = ProportionDifference::Newcombe;
            let difference = two_proportions((own, sizes[cluster]), (others, all - sizes[cluster]), 0.95, method);
            StepApart { activity: *activity, cases: (own, others), difference }
        };
        let mut steps: Vec<StepApart> = with.iter().map(step).collect();
        let size = |step: &StepApart| step.difference.difference.estimate.map_or(0.0, f64::abs);
        steps.sort_by(|a, b| size(b).total_cmp(&size(a)).then(a.activity.cmp(&b.activity)));
        steps.truncate(NAMING);
        steps.retain(|step| size(step) > 0.0);
        steps
    };
    let mut order: Vec<usize> = (0..k).filter(|cluster| sizes[*cluster] > 0).collect();
    order.sort_by_key(|cluster| std::cmp::Reverse(sizes[*cluster]));
    let described = |cluster: &usize| JourneyCluster {
        cases: sizes[*cluster],
        apart: apart(*cluster),
        variant: variants[*cluster]
            .iter()
            .rev()
            .max_by_key(|(_, cases)| **cases)
            .map_or_else(Vec::new, |(trace, _)| trace.to_vec()),
    };
    let mut rank = vec![0_u32; k];
    order.iter().enumerate().for_each(|(at, cluster)| rank[*cluster] = at as u32);
    let of_case = of_case.into_iter().map(|(case, cluster)| (case, rank[cluster as usize])).collect();
    JourneyClusters { clusters: order.iter().map(described).collect(), of_case, silhouette }
}
