//! Two groups of a log's events side by side: who goes where, how long it takes, which ways they go.
//!
//! [`clew_journey::compare()`] compares sides of events; here a split says which event is on which side: before and after a time, on a channel
//! or elsewhere, of people with one value and with another.

use std::collections::HashMap;

use clew_identity::PersonId;
use clew_journey::{CompareQuestion, Compared, Differences, Side, compare};
use datafusion::prelude::SessionContext;
use futures::TryStreamExt;

use super::friction::Ordered;
use super::{PeopleLog, Segment, Selection};
use crate::columns::Columns;
use crate::plain_log::Duration;
use crate::run::RunError;

/// Differences of shares below this are not found, however sure.
const MIN_DIFFERENCE: f64 = 0.01;
/// Cases that each side needs for a test.
const MIN_CASES: u64 = 20;
/// Variants that are tested.
const VARIANTS: usize = 20;
const LEVEL: f64 = 0.95;
const FALSE_DISCOVERY_RATE: f64 = 0.05;

/// How events are told apart: the first group, and the second.
#[derive(Clone, Debug)]
pub enum Split {
    /// Before a time (UTC microseconds), and from then on.
    At(i64),
    /// On other channels, and on this one.
    Channel(String),
    /// Of some people, and of others; the rest is not compared.
    People(Segment, Segment),
}

/// A difference, in words.
#[derive(Clone, Debug)]
pub struct FoundDifference {
    /// `transition`, `wait`, `step` or `variant`.
    pub kind: &'static str,
    /// Activities: from and to (none: nothing more), the step, or the whole way.
    pub activities: Vec<String>,
    /// The numbers.
    pub difference: clew_journey::Difference,
}

impl PeopleLog {
    /// Compares the two sides of `split`; what comes within `within` of an event is its outcome.
    pub fn compare(&self, selection: &Selection, split: &Split, within: Duration) -> (Differences, Vec<FoundDifference>) {
        let ordered = Ordered::of(self, selection);
        let side: Vec<Side> = match split {
            Split::At(at_us) => ordered.time_us.iter().map(|time| if time < at_us { Side::A } else { Side::B }).collect(),
            Split::Channel(name) => {
                let channel = self.channels.iter().position(|known| known == name);
                let of = |row: &u32| if Some(usize::from(self.channel[*row as usize])) == channel { Side::B } else { Side::A };
                ordered.rows.iter().map(of).collect()
            }
            Split::People(a, b) => {
                let mut side = Vec::with_capacity(ordered.rows.len());
                for (case, rows) in self.kept(selection, false) {
                    let person = self.person[case] as usize;
                    let here = if a.0[person] {
                        Side::A
                    } else if b.0[person] {
                        Side::B
                    } else {
                        Side::Neither
                    };
                    side.extend(std::iter::repeat_n(here, rows.len()));
                }
                side
            }
        };
        let question = CompareQuestion {
            within_us: within.micros(),
            observed_until_us: self.time_us.iter().copied().max().unwrap_or(0),
            min_cases: MIN_CASES,
            variants: VARIANTS,
            level: LEVEL,
            false_discovery_rate: FALSE_DISCOVERY_RATE,
            min_difference: MIN_DIFFERENCE,
        };
        let found = compare(&ordered.traces(), &side, &question);
        let named = found.differences.iter().map(|difference| self.named_difference(difference)).collect();
        (found, named)
    }

    fn named_difference(&self, difference: &clew_journey::Difference) -> FoundDifference {
        let name = |code: u32| self.activities[code as usize].clone();
        let (kind, activities) = match &difference.of {
            Compared::Transition { from, to } => ("transition", std::iter::once(name(*from)).chain(to.map(name)).collect()),
            Compared::Wait { from, to } => ("wait", vec![name(*from), name(*to)]),
            Compared::Step(step) => ("step", vec![name(*step)]),
            Compared::Variant(way) => ("variant", way.iter().map(|code| name(*code)).collect()),
        };
        FoundDifference { kind, activities, difference: difference.clone() }
    }

    /// Those who last answered 0 to 6 on the question of recommendation, and those who answered 9 or 10.
    pub async fn detractors_and_promoters(&self, session: &SessionContext) -> Result<(Segment, Segment), RunError> {
        let places: HashMap<PersonId, usize> = self.people.iter().enumerate().map(|(place, id)| (*id, place)).collect();
        let (mut detractors, mut promoters) = (vec![false; self.people.len()], vec![false; self.people.len()]);
        let mut stream =
            session.sql("SELECT person_id, last_nps FROM profiles WHERE last_nps IS NOT NULL").await?.execute_stream().await?;
        while let Some(batch) = stream.try_next().await? {
            let columns = Columns(&batch);
            let (person, score) = (columns.text("person_id")?, columns.float("last_nps")?);
            for row in 0..batch.num_rows() {
                if let Some(place) = places.get(&person.value(row).parse()?) {
                    detractors[*place] = score.value(row) <= 6.0;
                    promoters[*place] = score.value(row) >= 9.0;
                }
            }
        }
        Ok((Segment(detractors), Segment(promoters)))
    }
}
