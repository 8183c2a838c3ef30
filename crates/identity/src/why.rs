//! Why two subjects are one person: the shortest chain of evidence between them.
//!
//! The graph is that of the stored `links`: an edge to the first carrier of an identifier stands for "both carry it", so that chains
//! are short: at most two links per identifier that takes part. [`joins`] replays the same edges in the order of time: how a
//! person came to be.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use crate::resolve::union::Forest;

/// One link of a chain, walked from `from` to `to`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// Subject nearer to the start.
    pub from: i64,
    /// Subject nearer to the end.
    pub to: i64,
    /// Position of the link in the input.
    pub link: usize,
}

/// A shortest chain of `links` (pairs of subjects) from one of `from` to one of `to`: empty if they meet, none if no evidence connects them.
/// Among equally short chains, the one over links that come first wins. O(links).
pub fn why(links: &[(i64, i64)], from: &[i64], to: &[i64]) -> Option<Vec<Step>> {
    let mut next: FxHashMap<i64, Vec<(i64, usize)>> = FxHashMap::default();
    for (at, &(a, b)) in links.iter().enumerate() {
        next.entry(a).or_default().push((b, at));
        next.entry(b).or_default().push((a, at));
    }
    let mut reached: FxHashMap<i64, Option<Step>> = from.iter().map(|&start| (start, None)).collect();
    let mut queue: VecDeque<i64> = from.iter().copied().collect();
    let mut end = None;
    while let Some(subject) = queue.pop_front() {
        if to.contains(&subject) {
            end = Some(subject);
            break;
        }
        for &(other, link) in next.get(&subject).into_iter().flatten() {
            reached.entry(other).or_insert_with(|| {
                queue.push_back(other);
                Some(Step { from: subject, to: other, link })
            });
        }
    }
    let (mut chain, mut at) = (Vec::new(), end?);
    while let Some(Some(step)) = reached.get(&at) {
        chain.push(*step);
        at = step.from;
    }
    chain.reverse();
    Some(chain)
}

/// The positions of those `links` that joined two parts, when each is taken in its turn; the others confirmed what was known.
pub fn joins(links: &[(i64, i64)]) -> Vec<usize> {
    let mut numbers: FxHashMap<i64, u32> = FxHashMap::default();
    for subject in links.iter().flat_map(|&(a, b)| [a, b]) {
        let next = numbers.len() as u32;
        numbers.entry(subject).or_insert(next);
    }
    let mut forest = Forest::new(numbers.len());
    let joined = links.iter().enumerate().filter(|(_, (a, b))| forest.join(numbers[a], numbers[b]).is_some());
    joined.map(|(at, _)| at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_is_shortest_and_absent_without_evidence() {
        let links = [(2, 1), (3, 2), (4, 3), (4, 1), (9, 8)];
        let walk = |from: &[i64], to: &[i64]| {
            why(&links, from, to).map(|chain| chain.iter().map(|step| (step.from, step.to)).collect::<Vec<_>>())
        };
        assert_eq!(walk(&[3], &[1]), Some(vec![(3, 2), (2, 1)]));
        assert_eq!(walk(&[1], &[3]).map(|chain| chain.len()), Some(2));
        assert_eq!(walk(&[4], &[1]), Some(vec![(4, 1)]));
        assert_eq!(walk(&[3, 4], &[7, 1]), Some(vec![(4, 1)]), "the nearest two");
        assert_eq!(walk(&[5], &[5]), Some(vec![]));
        assert_eq!(walk(&[1], &[9]), None);
        assert_eq!(walk(&[], &[9]), None);
    }

    #[test]
    fn joins_are_the_links_that_brought_two_parts_together() {
        assert_eq!(joins(&[(2, 1), (4, 3), (1, 2), (3, 1), (4, 2)]), [0, 1, 3]);
        assert_eq!(joins(&[]), Vec::<usize>::new());
    }
}
