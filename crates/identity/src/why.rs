//! Why two subjects are one person: the shortest chain of evidence between them.
//!
//! The graph is the list of [`Link`]s that a resolution returns, or the stored `links` table. A link to the first
//! carrier of an identifier stands for "both carry it", so that chains are short: at most two links per identifier
//! that takes part.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use crate::resolve::Link;

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

/// A shortest chain of links from `a` to `b`: empty if they are equal, none if no evidence connects them. Among equally
/// short chains, the one over links that come first wins. O(links).
pub fn why(links: &[Link], a: i64, b: i64) -> Option<Vec<Step>> {
    let mut next: FxHashMap<i64, Vec<(i64, usize)>> = FxHashMap::default();
    for (at, link) in links.iter().enumerate() {
        next.entry(link.a).or_default().push((link.b, at));
        next.entry(link.b).or_default().push((link.a, at));
    }
    let mut reached: FxHashMap<i64, Step> = FxHashMap::default();
    let mut queue = VecDeque::from([a]);
    while let Some(subject) = queue.pop_front() {
        if subject == b {
            break;
        }
        for &(to, link) in next.get(&subject).into_iter().flatten() {
            if to != a && !reached.contains_key(&to) {
                reached.insert(to, Step { from: subject, to, link });
                queue.push_back(to);
            }
        }
    }
    let (mut chain, mut at) = (Vec::new(), b);
    while at != a {
        let step = *reached.get(&at)?;
        chain.push(step);
        at = step.from;
    }
    chain.reverse();
    Some(chain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resolve::DecidedBy;

    #[test]
    fn the_chain_is_shortest_and_absent_without_evidence() {
        let link = |a, b| Link { a, b, identifier: None, match_weight: None, decided_by: DecidedBy::Rule, at_us: 0 };
        let links = [link(2, 1), link(3, 2), link(4, 3), link(4, 1), link(9, 8)];
        let walk = |a, b| why(&links, a, b).map(|chain| chain.iter().map(|step| (step.from, step.to)).collect::<Vec<_>>());
        assert_eq!(walk(3, 1), Some(vec![(3, 2), (2, 1)]));
        assert_eq!(walk(1, 3).map(|chain| chain.len()), Some(2));
        assert_eq!(walk(4, 1), Some(vec![(4, 1)]));
        assert_eq!(walk(5, 5), Some(vec![]));
        assert_eq!(walk(1, 9), None);
    }
}
