//! Columns of events brought into case order, for questions that need more of an event than its time and activity.
//!
//! The one scan ([`scan`](crate::scan())) packs an event into 16 bytes. Comparing groups, friction and conformance also read
//! channels, teams or groups of events, and name the rows they found; so here the order is kept as row numbers, and each
//! column is brought into it as it is needed. Both steps are stable: events of equal time keep the order in which they come.
//!
//! Memory: 4 bytes an event for the order, and what the columns take.

use crate::log::Traces;

/// The order of events by case and time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaseOrder {
    /// Where each case begins in `rows`; one more than there are case numbers.
    starts: Vec<u32>,
    /// Rows as they came, in the order of cases.
    rows: Vec<u32>,
}

impl CaseOrder {
    /// The order of events with these case numbers (dense, or nearly so) and times. O(events), apart from sorting the events
    /// of cases whose times run backwards. At most 2^32 - 1 events.
    ///
    /// # Panics
    /// If the columns differ in length.
    pub fn of(case: &[u32], time_us: &[i64]) -> Self {
        assert_eq!(case.len(), time_us.len(), "columns of a log have one length");
        let cases = case.iter().max().map_or(0, |most| *most as usize + 1);
        let mut starts = vec![0_u32; cases + 1];
        for &case in case {
            starts[case as usize + 1] += 1;
        }
        for at in 0..cases {
            starts[at + 1] += starts[at];
        }
        let mut next = starts.clone();
        let mut rows = vec![0_u32; case.len()];
        for (row, &case) in case.iter().enumerate() {
            let next = &mut next[case as usize];
            rows[*next as usize] = row as u32;
            *next += 1;
        }
        for pair in starts.windows(2) {
            let rows = &mut rows[pair[0] as usize..pair[1] as usize];
            if !rows.is_sorted_by_key(|row| time_us[*row as usize]) {
                rows.sort_by_key(|row| time_us[*row as usize]);
            }
        }
        Self { starts, rows }
    }

    /// A column in this order.
    pub fn arrange<T: Copy>(&self, column: &[T]) -> Vec<T> {
        self.rows.iter().map(|row| column[*row as usize]).collect()
    }

    /// Columns that are in this order already, as traces.
    pub fn traces<'a>(&'a self, time_us: &'a [i64], activity: &'a [u32]) -> Traces<'a> {
        Traces::new(&self.starts, time_us, activity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_follow_cases_and_times_and_ties_keep_their_order() {
        let (case, time_us) = ([2, 0, 2, 2, 0], [5, 1, 4, 4, 1]);
        let order = CaseOrder::of(&case, &time_us);
        assert_eq!(order.arrange(&['a', 'b', 'c', 'd', 'e']), ['b', 'e', 'c', 'd', 'a']);
        let times = order.arrange(&time_us);
        let traces = order.traces(&times, &[0; 5]);
        assert_eq!(traces.numbered().map(|(case, rows)| (case, rows.len())).collect::<Vec<_>>(), [(0, 2), (2, 3)]);
        assert!(CaseOrder::of(&[], &[]).arrange::<u8>(&[]).is_empty());
    }
}
