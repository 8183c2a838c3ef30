//! The columns that every question about journeys reads, in their one order.
//!
//! Rows are sorted by (person, time, tie-break). The tie-break is the caller's and has to come from content (source
//! and event id), so that equal times give the same steps in every run; here, rows of equal time simply stay in the
//! order in which they come. A clock that goes backwards inside a person is refused, not repaired: it means that the
//! caller forgot to sort.
//!
//! Nothing reaches beyond what was observed: a person begins with the first and ends with the last event, whatever
//! windows and gaps would allow.

/// The key of events without a reference or conversation.
pub const NO_KEY: u32 = u32::MAX;

/// Events in columns of equal length.
#[derive(Clone, Copy, Debug, Default)]
pub struct Events<'a> {
    /// Dense person numbers, ascending.
    pub person: &'a [u32],
    /// Microseconds UTC, ascending within a person.
    pub time_us: &'a [i64],
    /// Codes of event names.
    pub name: &'a [u32],
    /// Codes of channels.
    pub channel: &'a [u32],
    /// Codes of references, [`NO_KEY`] for none.
    pub reference: &'a [u32],
    /// Codes of conversations, [`NO_KEY`] for none.
    pub conversation: &'a [u32],
}

/// Columns that cannot be read as events.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSorted {
    /// Columns differ in length.
    #[error("the columns have {0:?} rows; all must have the same number")]
    Lengths([usize; 6]),
    /// A row comes before its predecessor.
    #[error("row {row} comes before the row above it: events must be sorted by person and time")]
    Row {
        /// The later row.
        row: usize,
    },
}

impl Events<'_> {
    /// How many events there are.
    pub fn len(&self) -> usize {
        self.person.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.person.is_empty()
    }

    /// Checks lengths and order. O(n).
    pub fn check(&self) -> Result<(), NotSorted> {
        let lengths = [
            self.person.len(),
            self.time_us.len(),
            self.name.len(),
            self.channel.len(),
            self.reference.len(),
            self.conversation.len(),
        ];
        if lengths.iter().any(|&length| length != lengths[0]) {
            return Err(NotSorted::Lengths(lengths));
        }
        let key = |row: usize| (self.person[row], self.time_us[row]);
        match (1..self.len()).find(|&row| key(row) < key(row - 1)) {
            Some(row) => Err(NotSorted::Row { row }),
            None => Ok(()),
        }
    }
}

/// The rows of each run of equal numbers, in order.
pub(crate) fn runs(numbers: &[u32]) -> impl Iterator<Item = std::ops::Range<usize>> + '_ {
    let mut start = 0;
    numbers.chunk_by(|a, b| a == b).map(move |run| {
        let rows = start..start + run.len();
        start = rows.end;
        rows
    })
}

/// (person, first seen, last seen) of each person with an event.
pub fn first_and_last_seen(events: &Events<'_>) -> Vec<(u32, i64, i64)> {
    runs(events.person)
        .map(|rows| (events.person[rows.start], events.time_us[rows.start], events.time_us[rows.end - 1]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsorted_or_ragged_columns_are_refused() {
        let zero = [0; 3];
        let of = |person: &'static [u32], time_us: &'static [i64]| {
            Events { person, time_us, name: &zero, channel: &zero, reference: &zero, conversation: &zero }.check()
        };
        assert_eq!(of(&[0, 0, 1], &[5, 5, 1]), Ok(()));
        assert_eq!(of(&[0, 0, 1], &[5, 4, 1]), Err(NotSorted::Row { row: 1 }));
        assert_eq!(of(&[0, 1, 0], &[5, 5, 6]), Err(NotSorted::Row { row: 2 }));
        assert_eq!(of(&[0, 1], &[5, 5, 6]), Err(NotSorted::Lengths([2, 3, 3, 3, 3, 3])));
        assert_eq!(Events::default().check(), Ok(()));
    }

    #[test]
    fn a_person_is_seen_from_the_first_to_the_last_event() {
        let zero = [0; 3];
        let events = Events {
            person: &[4, 4, 7],
            time_us: &[5, 9, 1],
            name: &zero,
            channel: &zero,
            reference: &zero,
            conversation: &zero,
        };
        assert_eq!(first_and_last_seen(&events), [(4, 5, 9), (7, 1, 1)]);
        assert_eq!(first_and_last_seen(&Events::default()), []);
    }
}
