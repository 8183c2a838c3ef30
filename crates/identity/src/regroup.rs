//! What becomes of people when the same subjects are resolved in two ways: the smallest groups of people whose subjects are spread otherwise.
//!
//! A group is a component of the graph whose nodes are the persons before and after and whose edges are subjects. Where it has one person on
//! each side, nothing has changed.

use rustc_hash::FxHashMap;

use crate::resolve::Assignment;
use crate::resolve::union::Forest;

/// People whose subjects are spread otherwise; persons are named by their founders, in canonical order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Regrouping {
    /// The persons before.
    pub before: Vec<i64>,
    /// The persons after.
    pub after: Vec<i64>,
    /// Their subjects.
    pub subjects: u64,
    /// The facts of these.
    pub facts: u64,
}

/// The regroupings between two partitions of the same subjects: most facts first, then by canonical order. A subject that only one of the
/// two has is passed over. O(n log n).
pub fn regroupings(before: &[Assignment], after: &[Assignment]) -> Vec<Regrouping> {
    let founder_before: FxHashMap<i64, i64> = before.iter().map(|row| (row.subject, row.founder)).collect();
    // Persons before have even numbers, persons after odd ones.
    let mut numbers: FxHashMap<(bool, i64), u32> = FxHashMap::default();
    let mut persons: Vec<(bool, i64)> = Vec::new();
    let mut number = |key: (bool, i64)| {
        *numbers.entry(key).or_insert_with(|| {
            persons.push(key);
            persons.len() as u32 - 1
        })
    };
    let edges: Vec<(u32, u32, u64)> = after
        .iter()
        .filter_map(|row| Some((number((false, *founder_before.get(&row.subject)?)), number((true, row.founder)), row.facts)))
        .collect();
    let mut forest = Forest::new(persons.len());
    for &(a, b, _) in &edges {
        forest.join(a, b);
    }
    let mut groups: FxHashMap<u32, Regrouping> = FxHashMap::default();
    for &(a, _, facts) in &edges {
        let group = groups.entry(forest.find(a)).or_default();
        group.subjects += 1;
        group.facts += facts;
    }
    for (place, (is_after, founder)) in (0..).zip(&persons) {
        let group = groups.entry(forest.find(place)).or_default();
        if *is_after { group.after.push(*founder) } else { group.before.push(*founder) }
    }
    let mut changed: Vec<Regrouping> =
        groups.into_values().filter(|group| group.before.len() > 1 || group.after.len() > 1).collect();
    let place: FxHashMap<i64, usize> = after.iter().enumerate().map(|(place, row)| (row.subject, place)).collect();
    changed.sort_by_key(|group| (std::cmp::Reverse(group.facts), place[&group.after[0]]));
    changed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resolve::DecidedBy;
    use crate::subjects::SubjectKind;

    fn partition(rows: &[(i64, i64)]) -> Vec<Assignment> {
        let row = |&(subject, founder): &(i64, i64)| Assignment {
            subject,
            founder,
            kind: SubjectKind::Event,
            facts: subject as u64,
            decided_by: DecidedBy::Rule,
        };
        rows.iter().map(row).collect()
    }

    #[test]
    fn merges_splits_and_exchanges_are_told_apart_and_what_stays_is_not_told() {
        let before = partition(&[(1, 1), (2, 1), (3, 3), (4, 4), (5, 4), (6, 6), (7, 6), (8, 8), (9, 8)]);
        let after = partition(&[(1, 1), (2, 1), (3, 3), (4, 3), (5, 3), (6, 6), (7, 7), (8, 8), (9, 8)]);
        let group = |before: &[i64], after: &[i64], subjects, facts| Regrouping {
            before: before.to_vec(),
            after: after.to_vec(),
            subjects,
            facts,
        };
        assert_eq!(regroupings(&before, &after), [group(&[6], &[6, 7], 2, 13), group(&[3, 4], &[3], 3, 12)]);
        assert_eq!(regroupings(&after, &before), [group(&[6, 7], &[6], 2, 13), group(&[3], &[3, 4], 3, 12)]);
        assert!(regroupings(&before, &before).is_empty());
        // One subject goes from one person to another.
        let moved = partition(&[(1, 1), (2, 2), (3, 2)]);
        assert_eq!(regroupings(&partition(&[(1, 1), (2, 1), (3, 3)]), &moved), [group(&[1, 3], &[1, 2], 3, 6)]);
    }
}
