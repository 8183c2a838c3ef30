//! Do two ways of grouping the same things agree?

use std::collections::HashMap;
use std::hash::Hash;

/// The adjusted Rand index (Hubert & Arabie 1985, J. Classification 2:193): 1 for the same groups, whatever they are called, 0 as
/// expected by chance. Items in pairs of groups; `None` below two items. O(n).
#[must_use]
pub fn adjusted_rand<A: Eq + Hash, B: Eq + Hash>(items: &[(A, B)]) -> Option<f64> {
    let pairs = |n: &u64| (n * n.saturating_sub(1) / 2) as f64;
    let (mut cells, mut rows, mut columns) = (HashMap::new(), HashMap::new(), HashMap::new());
    for (a, b) in items {
        *cells.entry((a, b)).or_insert(0_u64) += 1;
        *rows.entry(a).or_insert(0_u64) += 1;
        *columns.entry(b).or_insert(0_u64) += 1;
    }
    let all = pairs(&(items.len() as u64));
    // Sums of whole numbers: exact, whatever the order.
    let together: f64 = cells.values().map(pairs).sum();
    let (in_rows, in_columns): (f64, f64) = (rows.values().map(pairs).sum(), columns.values().map(pairs).sum());
    if all <= 0.0 {
        return None;
    }
    let expected = in_rows * in_columns / all;
    let most = f64::midpoint(in_rows, in_columns);
    // Everything together, or everything apart, on both sides.
    Some(if (most - expected).abs() <= f64::EPSILON * most { 1.0 } else { (together - expected) / (most - expected) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_those_of_scikit_learn() {
        let of = |a: &[i32], b: &[i32]| adjusted_rand(&a.iter().zip(b).collect::<Vec<_>>()).expect("items");
        // The examples of `adjusted_rand_score`'s documentation.
        assert!((of(&[0, 0, 1, 1], &[0, 0, 1, 1]) - 1.0).abs() < 1e-12);
        assert!((of(&[0, 0, 1, 1], &[1, 1, 0, 0]) - 1.0).abs() < 1e-12);
        assert!((of(&[0, 0, 1, 2], &[0, 0, 1, 1]) - 4.0 / 7.0).abs() < 1e-12);
        assert!(of(&[0, 0, 0, 0], &[0, 1, 2, 3]).abs() < 1e-12);
        assert!((of(&[0, 0, 1, 1], &[0, 1, 0, 1]) + 0.5).abs() < 1e-12);
        assert_eq!(adjusted_rand::<u8, u8>(&[(1, 1)]), None);
    }
}
