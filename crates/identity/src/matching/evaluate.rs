//! How right a matching is, where the truth is known.

use rustc_hash::FxHashMap;
use serde::Serialize;

/// Precision, recall and their harmonic mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Accuracy {
    /// Share of what was found that is true; `None` where nothing was found.
    pub precision: Option<f64>,
    /// Share of what is true that was found; `None` where nothing is true.
    pub recall: Option<f64>,
    /// Harmonic mean of both.
    pub f1: Option<f64>,
}

impl Accuracy {
    /// From counts: what was found and is true, what was found, what is true.
    pub fn new(both: f64, found: f64, truth: f64) -> Self {
        let share = |part: f64, whole: f64| (whole > 0.0).then(|| part / whole);
        let f1 = share(2.0 * both, found + truth);
        Self { precision: share(both, found), recall: share(both, truth), f1 }
    }
}

fn pairs_of(sizes: impl Iterator<Item = u64>) -> f64 {
    sizes.map(|n| (n * n.saturating_sub(1) / 2) as f64).sum()
}

fn sizes(labels: &[u32]) -> FxHashMap<u32, u64> {
    let mut sizes: FxHashMap<u32, u64> = FxHashMap::default();
    labels.iter().for_each(|label| *sizes.entry(*label).or_default() += 1);
    sizes
}

/// True pairs in all: with `parts`, only those between the two.
pub fn true_pairs(truth: &[u32], parts: Option<&[u8]>) -> f64 {
    let all = pairs_of(sizes(truth).into_values());
    parts.map_or(all, |parts| {
        let of = |part: u8| truth.iter().zip(parts).filter(|(_, p)| **p == part).map(|(label, _)| *label).collect::<Vec<u32>>();
        all - pairs_of(sizes(&of(0)).into_values()) - pairs_of(sizes(&of(1)).into_values())
    })
}

/// Pairs at or above `threshold` against the truth, one label a record. True pairs that were never compared count as not found.
pub fn of_pairs(pairs: impl Iterator<Item = (u32, u32, f64)>, threshold: f64, truth: &[u32], parts: Option<&[u8]>) -> Accuracy {
    let (mut found, mut both) = (0.0, 0.0);
    for (a, b, _) in pairs.filter(|(.., probability)| *probability >= threshold) {
        found += 1.0;
        both += f64::from(u8::from(truth[a as usize] == truth[b as usize]));
    }
    Accuracy::new(both, found, true_pairs(truth, parts))
}

/// Mean squared difference between probability and truth over the compared pairs (G. W. Brier, 1950).
pub fn brier(pairs: impl Iterator<Item = (u32, u32, f64)>, truth: &[u32]) -> Option<f64> {
    let (mut sum, mut n) = (0.0, 0_u64);
    for (a, b, probability) in pairs {
        let is = f64::from(u8::from(truth[a as usize] == truth[b as usize]));
        sum += (probability - is).powi(2);
        n += 1;
    }
    (n > 0).then(|| sum / n as f64)
}

/// Pairs of records in one cluster against pairs of one truth.
pub fn of_clusters(clusters: &[u32], truth: &[u32]) -> Accuracy {
    let both = pairs_of(joint(clusters, truth).into_values());
    Accuracy::new(both, pairs_of(sizes(clusters).into_values()), pairs_of(sizes(truth).into_values()))
}

fn joint(clusters: &[u32], truth: &[u32]) -> FxHashMap<(u32, u32), u64> {
    let mut joint: FxHashMap<(u32, u32), u64> = FxHashMap::default();
    clusters.iter().zip(truth).for_each(|(a, b)| *joint.entry((*a, *b)).or_default() += 1);
    joint
}

/// B³ (A. Bagga, B. Baldwin, "Algorithms for Scoring Coreference Chains", 1998): precision and recall of each record's cluster, averaged over records.
pub fn b_cubed(clusters: &[u32], truth: &[u32]) -> Accuracy {
    let (of_cluster, of_truth) = (sizes(clusters), sizes(truth));
    let (mut precision, mut recall) = (0.0, 0.0);
    let mut joint: Vec<((u32, u32), u64)> = joint(clusters, truth).into_iter().collect();
    joint.sort_unstable();
    for ((cluster, label), n) in joint {
        let n = n as f64;
        precision += n * n / of_cluster[&cluster] as f64;
        recall += n * n / of_truth[&label] as f64;
    }
    let records = clusters.len() as f64;
    if records == 0.0 {
        return Accuracy::default();
    }
    let (precision, recall) = (precision / records, recall / records);
    Accuracy { precision: Some(precision), recall: Some(recall), f1: Some(2.0 * precision * recall / (precision + recall)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clusters_are_held_against_the_truth() {
        let (clusters, truth) = ([0, 0, 0, 3, 3], [1, 1, 2, 2, 2]);
        let seen = of_clusters(&clusters, &truth);
        assert_eq!((seen.precision, seen.recall), (Some(0.5), Some(0.5)));
        let seen = b_cubed(&clusters, &truth);
        // By hand: records 1 and 2 have precision 2/3, record 3 1/3, records 4 and 5 1; recall 1, 1, 1/3, 2/3, 2/3.
        assert!((seen.precision.unwrap() - (2.0 / 3.0 + 2.0 / 3.0 + 1.0 / 3.0 + 2.0) / 5.0).abs() < 1e-12);
        assert!((seen.recall.unwrap() - (2.0 + 1.0 / 3.0 + 4.0 / 3.0) / 5.0).abs() < 1e-12);
    }

    #[test]
    fn nothing_found_has_no_precision() {
        let seen = of_pairs(std::iter::empty(), 0.5, &[1, 1], None);
        assert_eq!((seen.precision, seen.recall), (None, Some(0.0)));
        assert!((true_pairs(&[1, 1, 1], Some(&[0, 0, 1])) - 2.0).abs() < 1e-12);
    }
}
