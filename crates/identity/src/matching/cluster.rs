//! From pairs to people: records that hang together, taken apart again where the evidence is against it.
//!
//! Pairs above the threshold join records into components. Within a component every pair counts, also those below the threshold and those that no rule
//! put together: clusters grow from single records by joining the two with the greatest sum of log odds between them, while that is above zero
//! (greedy correlation clustering; N. Bansal, A. Blum, S. Chawla, "Correlation Clustering", Machine Learning 56, 2004). So a chain of weak
//! links does not make one person of two, and one bad record does not part a person whose others agree.
//!
//! A component that is too large for that is first cut at a higher threshold, again and again. Records that are never one ([`Never`]) are in no
//! cluster together, also where others would join them.

use super::Pair;
use super::comparison::Memo;
use super::model::Scorer;
use super::parallel::parallel_with;
use super::pattern::Rows;

/// Records of a component that are weighed against each other.
const MOST_WEIGHED: usize = 96;
/// Components that a thread takes at a time.
const TOGETHER: usize = 64;
/// Log odds of one pair count this much at most: a model is never surer than that.
const MOST_LOG_ODDS: f64 = 9.0;

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
    /// The records.
    pub rows: Rows<'a>,
    /// What a pattern says.
    pub scorer: &'a Scorer,
    /// Pairs at or above this probability join components.
    pub threshold: f64,
    /// Who is never one person.
    pub never: Never<'a>,
}

/// Records that are never one person, whatever the evidence.
#[derive(Clone, Copy, Debug, Default)]
pub struct Never<'a> {
    /// Two files that are linked, each with one record a person at most: by record, which one it is of.
    pub parts: Option<&'a [u8]>,
    /// Comparisons of identifiers of which a person has one: two different ones are two people.
    pub unique: &'a [usize],
}

impl Never<'_> {
    /// Whether two records are never one.
    pub fn one(&self, rows: &Rows, a: u32, b: u32) -> bool {
        let differ = |place: &usize| {
            let (a, b) = (rows.row(a).codes[*place], rows.row(b).codes[*place]);
            a != 0 && b != 0 && a != b
        };
        self.parts.is_some_and(|parts| parts[a as usize] == parts[b as usize]) || self.unique.iter().any(differ)
    }

    fn says_anything(&self) -> bool {
        self.parts.is_some() || !self.unique.is_empty()
    }
}

/// Records that hang together.
#[derive(Debug, Default)]
pub struct Component {
    /// The records. Where two say the same, the first of them comes first in all that follows.
    pub members: Vec<u32>,
    /// Candidate pairs among them: their places, the lower one first, and the probability.
    pub pairs: Vec<(u32, u32, f64)>,
}

/// What a thread has of its own.
#[derive(Debug)]
pub struct Own {
    memos: Vec<Memo>,
    scores: Vec<f64>,
}

impl Own {
    /// With what was compared lately remembered by `memos`.
    pub fn new(memos: Vec<Memo>) -> Self {
        Self { memos, scores: Vec::new() }
    }
}

/// By record: the lowest record of its cluster. `probabilities` are those of the patterns of `pairs`.
pub fn clusters(records: usize, pairs: &[Pair], probabilities: &[f64], weighing: Weighing, threads: usize) -> Vec<u32> {
    let probability = |pair: &Pair| probabilities[pair.pattern as usize];
    let may_be_one = |pair: &Pair| !weighing.never.one(&weighing.rows, pair.a, pair.b);
    let mut forest = Forest::new(records);
    let close = pairs.iter().filter(|pair| probability(pair) >= weighing.threshold && may_be_one(pair));
    close.for_each(|pair| forest.join(pair.a, pair.b));
    let roots: Vec<u32> = (0..records as u32).map(|record| forest.root(record)).collect();
    let mut sizes = vec![0_u32; records];
    roots.iter().for_each(|root| sizes[*root as usize] += 1);
    let mut within: Vec<(u32, Pair)> = pairs
        .iter()
        .filter(|pair| roots[pair.a as usize] == roots[pair.b as usize] && sizes[roots[pair.a as usize] as usize] > 2)
        .filter(|pair| may_be_one(pair))
        .map(|pair| (roots[pair.a as usize], *pair))
        .collect();
    within.sort_unstable_by_key(|(root, pair)| (*root, pair.a, pair.b));
    let components: Vec<&[(u32, Pair)]> = within.chunk_by(|a, b| a.0 == b.0).collect();
    let own = || Own::new(weighing.rows.memos());
    let made = parallel_with(components.len().div_ceil(TOGETHER), threads, own, |own, part| {
        let mut found = Vec::new();
        for component in components.iter().skip(part * TOGETHER).take(TOGETHER) {
            let mut members: Vec<u32> = component.iter().flat_map(|(_, pair)| [pair.a, pair.b]).collect();
            members.sort_unstable();
            members.dedup();
            let place = |record: u32| members.binary_search(&record).unwrap_or(0) as u32;
            let pairs = component.iter().map(|(_, pair)| (place(pair.a), place(pair.b), probability(pair))).collect();
            found.extend(weighing.clusters(Component { members, pairs }, own));
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

impl Weighing<'_> {
    /// The clusters of one component. Two records that hang together are one without more ado.
    pub fn clusters(&self, component: Component, own: &mut Own) -> Vec<Vec<u32>> {
        if component.members.len() < 3 { vec![component.members] } else { self.apart(component, self.threshold, own) }
    }

    fn apart(&self, component: Component, threshold: f64, own: &mut Own) -> Vec<Vec<u32>> {
        if component.members.len() <= MOST_WEIGHED {
            return self.weigh(component, own);
        }
        // Half way to certainty: .5, .75, .875 …
        let higher = f64::midpoint(threshold, 1.0);
        if higher > 0.999_999 {
            return self.certain(component.members);
        }
        let parts = component.cut(higher);
        parts.into_iter().flat_map(|part| self.apart(part, higher, own)).collect()
    }

    /// So many records of which each is certain to be one with another are one, but for those that are never one: in order of what they say, each
    /// joins the first cluster that has none of the kind.
    fn certain(&self, mut members: Vec<u32>) -> Vec<Vec<u32>> {
        if !self.never.says_anything() {
            return vec![members];
        }
        members.sort_by(|a, b| self.rows.order(*a, *b));
        let mut clusters: Vec<Vec<u32>> = Vec::new();
        for record in members {
            let fits = |cluster: &&mut Vec<u32>| !cluster.iter().any(|other| self.never.one(&self.rows, record, *other));
            match clusters.iter_mut().find(fits) {
                Some(cluster) => cluster.push(record),
                None => clusters.push(vec![record]),
            }
        }
        clusters
    }

    /// Joins what belongs together, starting from single records.
    fn weigh(&self, component: Component, own: &mut Own) -> Vec<Vec<u32>> {
        let Component { members, pairs } = component;
        let part = |place: usize| self.never.parts.map_or(0, |parts| parts[members[place] as usize]);
        let n = members.len();
        // By content, so that ties fall the same way in any order of the records. The part is content: who can join whom depends on it.
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|a, b| self.rows.order(members[*a], members[*b]).then(part(*a).cmp(&part(*b))));
        let mut rank = vec![0; n];
        order.iter().zip(0..).for_each(|(place, at)| rank[*place] = at);
        let mut odds = vec![f64::NAN; n * n];
        for (a, b, probability) in pairs {
            let (a, b) = (rank[a as usize], rank[b as usize]);
            let value = log_odds(probability);
            odds[a * n + b] = value;
            odds[b * n + a] = value;
        }
        for a in 0..n {
            for b in a + 1..n {
                if self.never.one(&self.rows, members[order[a]], members[order[b]]) {
                    odds[a * n + b] = f64::NEG_INFINITY;
                } else if odds[a * n + b].is_nan() {
                    let pattern = self.rows.pattern(members[order[a]], members[order[b]], &mut own.memos);
                    odds[a * n + b] = self.scorer.log_odds(pattern, &mut own.scores).clamp(-MOST_LOG_ODDS, MOST_LOG_ODDS);
                } else {
                    odds[a * n + b] = odds[a * n + b].clamp(-MOST_LOG_ODDS, MOST_LOG_ODDS);
                }
                odds[b * n + a] = odds[a * n + b];
            }
        }
        join(n, odds).into_iter().map(|cluster| cluster.into_iter().map(|at| members[order[at]]).collect()).collect()
    }
}

impl Component {
    /// What still hangs together by pairs at or above `threshold`.
    fn cut(self, threshold: f64) -> Vec<Self> {
        let mut forest = Forest::new(self.members.len());
        self.pairs.iter().filter(|(.., probability)| *probability >= threshold).for_each(|(a, b, _)| forest.join(*a, *b));
        let roots: Vec<u32> = (0..self.members.len() as u32).map(|place| forest.root(place)).collect();
        // By root its part, by member its place there.
        let (mut parts, mut part_of, mut places) = (Vec::<Self>::new(), vec![0; self.members.len()], Vec::new());
        for (member, root) in self.members.iter().zip(&roots) {
            if *root as usize == places.len() {
                part_of[places.len()] = parts.len();
                parts.push(Self::default());
            }
            let part = &mut parts[part_of[*root as usize]];
            places.push(part.members.len() as u32);
            part.members.push(*member);
        }
        for (a, b, probability) in self.pairs {
            if roots[a as usize] == roots[b as usize] {
                let part = &mut parts[part_of[roots[a as usize] as usize]];
                part.pairs.push((places[a as usize], places[b as usize], probability));
            }
        }
        parts
    }
}

fn log_odds(probability: f64) -> f64 {
    (probability / (1.0 - probability).max(1e-12)).max(1e-12).ln()
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
