//! What is said of a matching.
//!
//! Without labels nobody knows how right it is. Calibrated probabilities say what to expect: of pairs with a probability of .9 nine in ten are
//! matches. So precision at a threshold is the mean probability of the pairs at or above it, and recall their sum over the sum of all, times
//! the share that the blocking rules are expected to reach. With a truth, both stand beside what is so.

use std::collections::BTreeMap;

use clew_identity::matching::evaluate;
pub use clew_identity::matching::evaluate::Accuracy;
use clew_identity::matching::{Class, RuleReport};
use serde::Serialize;

use super::Matched;

/// Thresholds that are told.
const THRESHOLDS: [f64; 9] = [0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999];
/// Ranges of probability in which pairs are counted.
const RANGES: usize = 10;

/// A level of a comparison.
#[derive(Clone, Debug, Serialize)]
pub struct Level {
    /// In words.
    pub level: String,
    /// Its chance among matches that have a value in both records.
    pub m: f64,
    /// Its chance among random pairs of two people.
    pub u: f64,
    /// log2 of m over u.
    pub match_weight: f64,
    /// Compared pairs that have it.
    pub pairs: u64,
}

/// A comparison and what it is worth.
#[derive(Clone, Debug, Serialize)]
pub struct Compared {
    /// The column; `address` for what is compared as one.
    pub comparison: String,
    /// What it says.
    pub kind: super::Kind,
    /// From difference to agreement; without that of no value.
    pub levels: Vec<Level>,
}

/// A column that was not compared.
#[derive(Clone, Debug, Serialize)]
pub struct NotCompared {
    /// The column.
    pub column: String,
    /// Why.
    pub why: &'static str,
}

/// A class of pairs in the model.
#[derive(Clone, Debug, Serialize)]
pub struct ClassShare {
    /// In words.
    pub class: String,
    /// Its share of the compared pairs.
    pub share: f64,
}

/// What is expected at a threshold, and what is so where the truth is known.
#[derive(Clone, Debug, Serialize)]
pub struct AtThreshold {
    /// The threshold.
    pub threshold: f64,
    /// Pairs at or above it.
    pub pairs: u64,
    /// Expected share of them that are matches; none where there are no pairs.
    pub expected_precision: Option<f64>,
    /// Expected share of all matches that are among them.
    pub expected_recall: Option<f64>,
    /// As the truth has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truth: Option<Accuracy>,
}

/// Pairs whose probability is in one range.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Range {
    /// From here, up to the next.
    pub from: f64,
    /// Pairs.
    pub pairs: u64,
    /// Their mean probability; none where there are none.
    pub mean_probability: Option<f64>,
    /// The share of them that are matches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matches: Option<f64>,
}

/// Clusters of one size.
#[derive(Clone, Debug, Serialize)]
pub struct OfSize {
    /// Records of each.
    pub records: u32,
    /// How many.
    pub clusters: u64,
}

/// How right it is.
#[derive(Clone, Debug, Serialize)]
pub struct Truth {
    /// Matching pairs in all.
    pub pairs: f64,
    /// Share of them that were compared.
    pub compared: Option<f64>,
    /// Pairs at the threshold.
    pub at_threshold: Accuracy,
    /// Pairs of records in one cluster.
    pub clusters: Accuracy,
    /// B³ of the clusters.
    pub b_cubed: Accuracy,
    /// Mean squared difference between probability and truth over the compared pairs.
    pub brier: Option<f64>,
}

/// What is said of a matching.
#[derive(Clone, Debug, Serialize)]
pub struct MatchReport {
    /// Records.
    pub records: usize,
    /// The column of ids; none where rows are numbered.
    pub id: Option<String>,
    /// Pairs that were compared.
    pub pairs: usize,
    /// Pairs at or above this probability join clusters.
    pub threshold: f64,
    /// Share of all matches that the rules are expected to reach.
    pub expected_recall: f64,
    /// Comparisons.
    pub compared: Vec<Compared>,
    /// Columns that were not compared.
    pub not_compared: Vec<NotCompared>,
    /// Blocking rules.
    pub rules: Vec<RuleReport>,
    /// Classes of the model.
    pub classes: Vec<ClassShare>,
    /// By threshold.
    pub thresholds: Vec<AtThreshold>,
    /// By range of probability.
    pub ranges: Vec<Range>,
    /// Clusters with two or more records.
    pub clusters: u64,
    /// Records in them.
    pub clustered_records: u64,
    /// All clusters by size.
    pub sizes: Vec<OfSize>,
    /// How right it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truth: Option<Truth>,
}

impl Matched {
    /// Says what it is.
    pub fn report(&self) -> MatchReport {
        let matching = &self.matching;
        let mut members: BTreeMap<u32, u32> = BTreeMap::new();
        matching.clusters.iter().for_each(|cluster| *members.entry(*cluster).or_default() += 1);
        let mut sizes: BTreeMap<u32, u64> = BTreeMap::new();
        members.values().for_each(|size| *sizes.entry(*size).or_default() += 1);
        let larger = || sizes.iter().filter(|(size, _)| **size > 1);
        MatchReport {
            records: matching.clusters.len(),
            id: self.id.clone(),
            pairs: matching.pairs.len(),
            threshold: self.request.threshold,
            expected_recall: matching.expected_recall,
            compared: self.compared(),
            not_compared: self.silent.iter().map(|(column, why)| NotCompared { column: column.clone(), why }).collect(),
            rules: matching.rules.clone(),
            classes: self.classes(),
            thresholds: THRESHOLDS.iter().map(|threshold| self.at(*threshold)).collect(),
            ranges: self.ranges(),
            clusters: larger().map(|(_, clusters)| clusters).sum(),
            clustered_records: larger().map(|(size, clusters)| u64::from(*size) * clusters).sum(),
            sizes: sizes.into_iter().map(|(records, clusters)| OfSize { records, clusters }).collect(),
            truth: self.truth.as_deref().map(|truth| self.held_against(truth)),
        }
    }

    fn linked_parts(&self) -> Option<&[u8]> {
        self.parts.as_deref().filter(|_| self.request.link)
    }

    fn compared(&self) -> Vec<Compared> {
        let matching = &self.matching;
        let of = |(place, comparison): (usize, &clew_identity::matching::Comparison)| {
            let mut pairs = vec![0_u64; comparison.levels()];
            for (pattern, count) in matching.patterns.iter().zip(&matching.counts) {
                pairs[clew_identity::matching::level(*pattern, place) as usize] += count;
            }
            let levels = matching.model.iter().flat_map(|model| {
                let (m, u) = (&model.components[0].chances[place], &model.random[place]);
                let weights = model.weights();
                let level = |at: usize| Level {
                    level: comparison.labels[at].clone(),
                    m: m[at],
                    u: u[at],
                    match_weight: weights[place][at],
                    pairs: pairs[at],
                };
                (1..comparison.levels()).map(level).collect::<Vec<_>>()
            });
            Compared { comparison: comparison.name.clone(), kind: comparison.kind, levels: levels.collect() }
        };
        matching.comparisons.iter().enumerate().map(of).collect()
    }

    fn classes(&self) -> Vec<ClassShare> {
        let words = |class: Class| match class {
            Class::Match => "one person or thing".to_owned(),
            Class::Noise(rule) => format!("chance: {}", self.matching.rules.get(rule).map_or("", |rule| rule.rule.as_str())),
            Class::Household => "one household".to_owned(),
            Class::Twin => "one household, same birthday".to_owned(),
            Class::Junior => "one household, same given name".to_owned(),
            Class::Namesake => "namesakes".to_owned(),
        };
        let components = self.matching.model.iter().flat_map(|model| &model.components);
        components.map(|component| ClassShare { class: words(component.class), share: component.weight }).collect()
    }

    fn at(&self, threshold: f64) -> AtThreshold {
        let matching = &self.matching;
        let (mut pairs, mut found, mut all) = (0, 0.0, 0.0);
        for (probability, count) in matching.probabilities.iter().zip(&matching.counts) {
            all += probability * *count as f64;
            if *probability >= threshold {
                pairs += count;
                found += probability * *count as f64;
            }
        }
        AtThreshold {
            threshold,
            pairs,
            expected_precision: (pairs > 0).then(|| found / pairs as f64),
            expected_recall: (all > 0.0).then(|| found / all * matching.expected_recall),
            truth: self.truth.as_ref().map(|truth| evaluate::of_pairs(matching.scored(), threshold, truth, self.linked_parts())),
        }
    }

    fn ranges(&self) -> Vec<Range> {
        let mut ranges: Vec<Range> =
            (0..RANGES).map(|at| Range { from: at as f64 / RANGES as f64, ..Range::default() }).collect();
        let (mut sums, mut matches) = ([0.0; RANGES], [0_u64; RANGES]);
        for (a, b, probability) in self.matching.scored() {
            let at = ((probability * RANGES as f64) as usize).min(RANGES - 1);
            ranges[at].pairs += 1;
            sums[at] += probability;
            matches[at] += u64::from(self.truth.as_ref().is_some_and(|truth| truth[a as usize] == truth[b as usize]));
        }
        for (at, range) in ranges.iter_mut().enumerate().filter(|(_, range)| range.pairs > 0) {
            range.mean_probability = Some(sums[at] / range.pairs as f64);
            range.matches = self.truth.as_ref().map(|_| matches[at] as f64 / range.pairs as f64);
        }
        ranges
    }

    fn held_against(&self, truth: &[u32]) -> Truth {
        let (matching, parts) = (&self.matching, self.linked_parts());
        Truth {
            pairs: evaluate::true_pairs(truth, parts),
            compared: evaluate::of_pairs(matching.scored(), 0.0, truth, parts).recall,
            at_threshold: evaluate::of_pairs(matching.scored(), self.request.threshold, truth, parts),
            clusters: evaluate::of_clusters(&matching.clusters, truth),
            b_cubed: evaluate::b_cubed(&matching.clusters, truth),
            brier: evaluate::brier(matching.scored(), truth),
        }
    }
}
