//! What comes next: of the cases that have just done some steps, how many go on to each activity, and how many to nothing.
//!
//! Every time the steps were done counts, if it was observed for long enough afterwards; what comes later than `within_us`
//! is nothing that comes next.

use std::collections::BTreeMap;

use crate::log::Traces;

/// What came next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NextSteps {
    /// How often the steps were done and observed.
    pub visits: u64,
    /// How often they were done too late to tell.
    pub censored: u64,
    /// Activities and how often they came next, the most frequent first; `None` is nothing.
    pub next: Vec<(Option<u32>, u64)>,
}

/// What comes after these steps, one straight after the other; after any event if there are none. O(events · steps).
pub fn next_steps(traces: &Traces<'_>, after: &[u32], within_us: i64, observed_until_us: i64) -> NextSteps {
    let mut found = NextSteps::default();
    let mut counts: BTreeMap<Option<u32>, u64> = BTreeMap::new();
    for rows in traces.cases() {
        let done = rows.start + after.len().max(1)..rows.end + 1;
        for end in done.filter(|end| traces.code[end - after.len()..*end] == *after) {
            let time_us = traces.time_us[end - 1];
            if time_us > observed_until_us.saturating_sub(within_us) {
                found.censored += 1;
                continue;
            }
            let next = (end < rows.end && traces.time_us[end] - time_us <= within_us).then(|| traces.code[end]);
            *counts.entry(next).or_default() += 1;
            found.visits += 1;
        }
    }
    found.next = counts.into_iter().collect();
    found.next.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::CaseOrder;

    #[test]
    fn what_comes_next_is_counted_where_it_was_observed() {
        // Case 0: a b c a b, case 1: a b, then nothing for long, case 2: a b too late.
        let case = [0, 0, 0, 0, 0, 1, 1, 1, 2, 2];
        let time_us = [0, 1, 2, 3, 4, 0, 1, 50, 95, 96];
        let code = [0, 1, 2, 0, 1, 0, 1, 2, 0, 1];
        let order = CaseOrder::of(&case, &time_us);
        let traces = order.traces(&time_us, &code);
        let found = next_steps(&traces, &[0, 1], 10, 100);
        assert_eq!(found, NextSteps { visits: 3, censored: 1, next: vec![(None, 2), (Some(2), 1)] });
        assert_eq!(next_steps(&traces, &[], 10, 100).visits, 8);
        assert_eq!(next_steps(&traces, &[2, 2, 2, 2, 2, 2], 10, 100), NextSteps::default());
    }
}
