//! From pairs to people: records that hang together, taken apart again where the evidence is against it.
//!
//! Pairs above the threshold join records into components. Within a component every pair counts, also those below the threshold and those that no rule
//! put together: clusters grow from single records by joining the two with the greatest sum of log odds between them, while that is above zero
//! (greedy correlation clustering; N. Bansal, A. Blum, S. Chawla, "Correlation Clustering", Machine Learning 56, 2004). So a chain of weak
//! links does not make one person of two, and one bad record does not part a person whose others agree.
//!
//! A component that is too large for that is first cut at a higher threshold, again and again.

use rustc_hash::FxHashMap;

use super::Pair;
use super::comparison::{Comparison, Memo};
use super::model::{Model, Others};
use super::parallel::parallel_with;
use super::pattern::Patterns;

/// Records of a component that are weighed against each other.
const MOST_WEIGHED: usize = 96;
/// Components that a thread takes at a time.
const TOGETHER: usize = 64;
/// Log odds of one pair count this much at most: a model is never surer than that.
const MOST_LOG_ODDS: f64 = 9.0;

/// Pairs with the probabilities of their patterns.
#[derive(Clone, Copy, Debug)]
pub struct Scored<'a> {
    /// The pairs.
    pub pairs: &'a [Pair],
    /// By pattern: probability of a match.
    pub probabilities: &'a [f64],
}

impl Scored<'_> {
    fn probability(&self, pair: &Pair) -> f64 {
        self.probabilities[pair.pattern as usize]
    }
}

/// Sets that grow together (R. E. Tarjan's forest with halving paths).
#[derive(Debug)]
struct Forest(Vec<u32>);

impl Forest {
    fn new(records: usize) -> Self {
        Self((0..records as u32).collect())
    }

    fn root(&mut self, mut record: u32) -> u32 {
        while self.0[record as usize] != record {
            self.0[record as usize] = self.0[self.0[record as usize] as usize];
            record = self.0[record as usize];
        }
        record
    }

    fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.root(a), self.root(b));
        // The lower one stays root: the name of a set does not depend on the order of joins.
        self.0[a.max(b) as usize] = a.min(b);
    }
}

/// What pairs are weighed with.
#[derive(Clone, Copy, Debug)]
pub struct Weighing<'a> {
    /// The comparisons.
    pub comparisons: &'a [Comparison],
    /// Makes patterns of further pairs.
    pub patterns: &'a Patterns<'a>,
    /// The model.
    pub model: &'a Model,
    /// Pairs in all for each candidate pair.
    pub pairs: f64,
    /// Two files that are linked: records of one part are never one person.
    pub parts: Option<&'a [u8]>,
}

/// By record: the lowest record of its cluster.
pub fn clusters(records: usize, scored: Scored, threshold: f64, weighing: Weighing, threads: usize) -> Vec<u32> {
    let mut forest = Forest::new(records);
    scored.pairs.iter().filter(|pair| scored.probability(pair) >= threshold).for_each(|pair| forest.join(pair.a, pair.b));
    let roots: Vec<u32> = (0..records as u32).map(|record| forest.root(record)).collect();
    let mut sizes = vec![0_u32; records];
    roots.iter().for_each(|root| sizes[*root as usize] += 1);
    let mut pairs: Vec<(u32, Pair)> = scored
        .pairs
        .iter()
        .filter(|pair| roots[pair.a as usize] == roots[pair.b as usize] && sizes[roots[pair.a as usize] as usize] > 2)
        .map(|pair| (roots[pair.a as usize], *pair))
        .collect();
    pairs.sort_unstable_by_key(|(root, pair)| (*root, pair.a, pair.b));
    let components: Vec<&[(u32, Pair)]> = pairs.chunk_by(|a, b| a.0 == b.0).collect();
    let scales = Scales { scored, weighing, maker: weighing.patterns, others: weighing.model.others(weighing.pairs) };
    let own = || Own { memos: weighing.patterns.memos(), scores: Vec::new() };
    let made = parallel_with(components.len().div_ceil(TOGETHER), threads, own, |own, part| {
        let mut found = Vec::new();
        for component in components.iter().skip(part * TOGETHER).take(TOGETHER) {
            let pairs: Vec<Pair> = component.iter().map(|(_, pair)| *pair).collect();
            found.extend(apart(&pairs, threshold, &scales, own));
        }
        found
    });
    let mut clusters = roots;
    for cluster in made.into_iter().flatten() {
        let lowest = cluster.iter().copied().min().unwrap_or(0);
        cluster.iter().for_each(|record| clusters[*record as usize] = lowest);
    }
    clusters
}

/// What all threads weigh with.
struct Scales<'a> {
    scored: Scored<'a>,
    weighing: Weighing<'a>,
    maker: &'a Patterns<'a>,
    others: Others<'a>,
}

/// What a thread has of its own.
struct Own {
    memos: Vec<Memo>,
    scores: Vec<f64>,
}

/// The clusters of one component.
fn apart(pairs: &[Pair], threshold: f64, scales: &Scales, own: &mut Own) -> Vec<Vec<u32>> {
    let mut members: Vec<u32> = pairs.iter().flat_map(|pair| [pair.a, pair.b]).collect();
    members.sort_unstable();
    members.dedup();
    if members.len() <= MOST_WEIGHED {
        return weigh(members, pairs, scales, own);
    }
    // Half way to certainty: .5, .75, .875 …
    let higher = f64::midpoint(threshold, 1.0);
    if higher > 0.999_999 {
        return vec![members];
    }
    let place = |record: u32| members.binary_search(&record).unwrap_or(0) as u32;
    let mut forest = Forest::new(members.len());
    pairs
        .iter()
        .filter(|pair| scales.scored.probability(pair) >= higher)
        .for_each(|pair| forest.join(place(pair.a), place(pair.b)));
    let mut within: FxHashMap<u32, Vec<Pair>> = FxHashMap::default();
    for pair in pairs {
        let root = forest.root(place(pair.a));
        if root == forest.root(place(pair.b)) {
            within.entry(root).or_default().push(*pair);
        }
    }
    let mut found = Vec::new();
    for at in 0..members.len() as u32 {
        if forest.root(at) == at {
            match within.remove(&at) {
                Some(pairs) => found.extend(apart(&pairs, higher, scales, own)),
                None => found.push(vec![members[at as usize]]),
            }
        }
    }
    found
}

fn log_odds(probability: f64) -> f64 {
    (probability / (1.0 - probability).max(1e-12)).max(1e-12).ln()
}

/// Joins what belongs together, starting from single records.
fn weigh(mut members: Vec<u32>, pairs: &[Pair], scales: &Scales, own: &mut Own) -> Vec<Vec<u32>> {
    let weighing = scales.weighing;
    let content = |record: &u32| {
        let part = weighing.parts.map_or(0, |parts| parts[*record as usize]);
        (weighing.comparisons.iter().map(|c| c.codes[*record as usize]).collect::<Vec<u32>>(), part)
    };
    // By content, not by place, so that ties fall the same way in any order of the records. The part is content: who can join whom
    // depends on it.
    members.sort_by_cached_key(content);
    let n = members.len();
    let place: FxHashMap<u32, usize> = members.iter().enumerate().map(|(place, record)| (*record, place)).collect();
    let mut odds = vec![f64::NAN; n * n];
    for pair in pairs {
        let (a, b) = (place[&pair.a], place[&pair.b]);
        let value = log_odds(scales.scored.probability(pair));
        odds[a * n + b] = value;
        odds[b * n + a] = value;
    }
    for a in 0..n {
        for b in a + 1..n {
            if odds[a * n + b].is_nan() {
                let pattern = scales.maker.of(members[a], members[b], &mut own.memos);
                let value = scales.others.log_odds(pattern, &mut own.scores);
                odds[a * n + b] = value;
                odds[b * n + a] = value;
            }
            let same_part = weighing.parts.is_some_and(|parts| parts[members[a] as usize] == parts[members[b] as usize]);
            for at in [a * n + b, b * n + a] {
                odds[at] = if same_part { f64::NEG_INFINITY } else { odds[at].clamp(-MOST_LOG_ODDS, MOST_LOG_ODDS) };
            }
        }
    }
    join(n, odds).into_iter().map(|cluster| cluster.into_iter().map(|at| members[at]).collect()).collect()
}

/// Joins the two clusters with the greatest sum of log odds while there are two whose sum is above zero.
fn join(n: usize, mut sums: Vec<f64>) -> Vec<Vec<usize>> {
    let mut clusters: Vec<Vec<usize>> = (0..n).map(|at| vec![at]).collect();
    loop {
        let mut best = (0.0, 0, 0);
        for a in 0..n {
            for b in a + 1..n {
                if !clusters[a].is_empty() && !clusters[b].is_empty() && sums[a * n + b] > best.0 {
                    best = (sums[a * n + b], a, b);
                }
            }
        }
        let (_, a, b) = best;
        if a == b {
            clusters.retain(|cluster| !cluster.is_empty());
            return clusters;
        }
        let joined = std::mem::take(&mut clusters[b]);
        clusters[a].extend(joined);
        for other in 0..n {
            let sum = sums[a * n + other] + sums[b * n + other];
            sums[a * n + other] = sum;
            sums[other * n + a] = sum;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(n: usize, odds: &[(usize, usize, f64)]) -> Vec<Vec<usize>> {
        let mut sums = vec![-5.0; n * n];
        for (a, b, value) in odds {
            sums[a * n + b] = *value;
            sums[b * n + a] = *value;
        }
        join(n, sums)
    }

    #[test]
    fn a_weak_bridge_does_not_join_two_people() {
        assert_eq!(joined(4, &[(0, 1, 8.0), (2, 3, 8.0), (1, 2, 1.0)]), [vec![0, 1], vec![2, 3]]);
    }

    #[test]
    fn one_bad_record_does_not_part_a_person() {
        assert_eq!(joined(3, &[(0, 1, 8.0), (1, 2, 7.0), (0, 2, -3.0)]), [vec![0, 1, 2]]);
    }

    #[test]
    fn what_must_not_meet_does_not() {
        assert_eq!(joined(3, &[(0, 1, 8.0), (1, 2, 7.0), (0, 2, f64::NEG_INFINITY)]), [vec![0, 1], vec![2]]);
    }
}
