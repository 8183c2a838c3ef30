//! Waits by edge, and their exact median and 90th percentile.
//!
//! Waits are noted as they occur, with the number of their edge. At the end a counting sort brings them into one bucket
//! per edge, and the quantiles are selected (Hoare's select, no sorting). Quantiles are type 7 of Hyndman and Fan, the
//! default of R, NumPy and PM4Py (the median of an even number of waits is the mean of the middle two).

/// Waits in the order in which they occurred.
#[derive(Clone, Debug, Default)]
pub(crate) struct Waits {
    /// Number of the edge of each wait; [`Waits::NONE`] is passed over.
    pub edge: Vec<u32>,
    /// The waits in microseconds.
    pub wait_us: Vec<i64>,
}

/// Waits edge by edge.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buckets {
    wait_us: Vec<i64>,
    starts: Vec<usize>,
}

impl Waits {
    /// An edge that is none.
    pub const NONE: u32 = u32::MAX;

    /// Sorts into buckets; `counts[edge]` says how many waits an edge has.
    pub fn into_buckets(self, counts: &[u64]) -> Buckets {
        let mut starts = vec![0; counts.len() + 1];
        for (at, &count) in counts.iter().enumerate() {
            starts[at + 1] = starts[at] + count as usize;
        }
        let mut next = starts.clone();
        let mut wait_us = vec![0; starts[counts.len()]];
        for (&edge, &wait) in self.edge.iter().zip(&self.wait_us) {
            if edge != Self::NONE {
                let next = &mut next[edge as usize];
                wait_us[*next] = wait;
                *next += 1;
            }
        }
        Buckets { wait_us, starts }
    }
}

impl Buckets {
    /// All waits, in the order of edges.
    pub fn all(&self) -> &[i64] {
        &self.wait_us
    }

    /// The waits of an edge.
    pub fn of(&self, edge: usize) -> &[i64] {
        &self.wait_us[self.starts[edge]..self.starts[edge + 1]]
    }

    /// The same, to be reordered.
    pub fn of_mut(&mut self, edge: usize) -> &mut [i64] {
        &mut self.wait_us[self.starts[edge]..self.starts[edge + 1]]
    }
}

/// Position of the p-quantile (p = `over / under`) among `n` sorted values: the rank below it and the share of the way
/// to the next. In whole numbers, so that equal input gives equal bits.
pub(crate) fn position(n: usize, over: usize, under: usize) -> (usize, f64) {
    let numerator = (n - 1) * over;
    (numerator / under, (numerator % under) as f64 / under as f64)
}

pub(crate) fn between(low: i64, high: i64, share: f64) -> f64 {
    if share == 0.0 { low as f64 } else { low as f64 + share * (high - low) as f64 }
}

/// Median and 90th percentile of at least one value, by selection.
pub(crate) fn median_and_p90(values: &mut [i64]) -> (f64, f64) {
    let n = values.len();
    let (rank, share) = position(n, 1, 2);
    let (rank_of_p90, share_of_p90) = position(n, 9, 10);
    let (_, &mut low, above) = values.select_nth_unstable(rank);
    let high = |share: f64, above: &[i64], low: i64| if share == 0.0 { low } else { above.iter().copied().min().unwrap_or(low) };
    let median = between(low, high(share, above, low), share);
    if rank_of_p90 == rank {
        return (median, between(low, high(share_of_p90, above, low), share_of_p90));
    }
    // Only what lies above the median can hold the 90th percentile.
    let (_, &mut low, above) = above.select_nth_unstable(rank_of_p90 - rank - 1);
    (median, between(low, high(share_of_p90, above, low), share_of_p90))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quantiles_are_those_of_r_type_7() {
        // R: quantile(c(15, 20, 35, 40, 50), c(.5, .9)) = 35, 46; quantile(1:4, c(.5, .9)) = 2.5, 3.7.
        for (values, median, p90) in
            [(&[50, 15, 40, 20, 35][..], 35.0, 46.0), (&[4, 3, 2, 1][..], 2.5, 3.7), (&[7][..], 7.0, 7.0)]
        {
            let found = median_and_p90(&mut values.to_vec());
            assert!((found.0 - median).abs() < 1e-12 && (found.1 - p90).abs() < 1e-12, "{found:?}");
        }
    }

    proptest! {
        #[test]
        fn selection_equals_sorting(mut values in prop::collection::vec(-50..50_i64, 1..60)) {
            let found = median_and_p90(&mut values);
            values.sort_unstable();
            let of = |over, under| {
                let (rank, share) = position(values.len(), over, under);
                between(values[rank], values[(rank + 1).min(values.len() - 1)], share)
            };
            prop_assert_eq!(found, (of(1, 2), of(9, 10)));
        }
    }
}
