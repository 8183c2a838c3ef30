//! Cuts the events of each person into journeys and their steps, in one scan.
//!
//! A journey begins with the first event in its scope that matches `from` while none is open, takes in every further
//! event of the scope, and ends
//!
//! * **reached** with the first event that matches `to` (which may be the first event itself);
//! * **dropped** (with a goal) or **ended** (without one) when the next event, or `as_of`, comes later than `gap`
//!   after the last step or than `within` after the first; that next event may begin another journey;
//! * otherwise it is **open**.
//!
//! Events before `from` and between journeys are steps of none. Ends are times of steps, never of windows. The id of a
//! journey is a hash of its name, the person's id, the key of its scope and its start: content, so that a rebuild and
//! an incremental run agree; a journey that begins at the same microsecond as the one before it takes the next ordinal.

use std::fmt;

use clew_model::id::Base32;
use xxhash_rust::xxh3::xxh3_64;

use crate::definition::{Definition, JourneyRule, Scope};
use crate::events::{Events, NO_KEY, runs};
use crate::stages::{NO_STAGE, StageTable};

/// The id of a journey. Text form: `j_` and thirteen characters of Crockford's base 32, lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JourneyId(pub u64);

impl fmt::Display for JourneyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("j_")?;
        f.write_str(Base32::of(self.0).as_str())
    }
}

/// How a journey ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It reached its goal.
    Reached,
    /// It had a goal and was given up: no event in time.
    Dropped,
    /// It had no goal and is over.
    Ended,
    /// It may go on.
    Open,
}

impl Outcome {
    /// The word in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reached => "reached",
            Self::Dropped => "dropped",
            Self::Ended => "ended",
            Self::Open => "open",
        }
    }
}

/// What the codes of a batch stand for, in numbers that do not change between batches.
#[derive(Clone, Copy, Debug, Default)]
pub struct Keys<'a> {
    /// Person id of each person number.
    pub person_ids: &'a [u64],
    /// A hash of each reference.
    pub references: &'a [u64],
    /// A hash of each conversation.
    pub conversations: &'a [u64],
}

/// One journey.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Journey {
    /// Its id.
    pub id: JourneyId,
    /// Position in `Definition::journeys`.
    pub rule: u32,
    /// Person number.
    pub person: u32,
    /// Code of its reference or conversation; [`NO_KEY`] for scopes person and session.
    pub key: u32,
    /// Time of the first step, microseconds UTC.
    pub started_at_us: i64,
    /// Time of the last step.
    pub ended_at_us: i64,
    /// Position of its first step in [`Journeys::step_events`].
    pub first_step: usize,
    /// Number of steps, at least 1.
    pub steps: usize,
    /// How it ended.
    pub outcome: Outcome,
    /// Bit k: a step of stage k.
    pub reached: u64,
    /// Bit k: a step of a later stage after a step of stage k.
    pub continued: u64,
}

impl Journey {
    /// The latest stage with a step; none if no step belongs to a stage.
    pub fn furthest_stage(&self) -> Option<u8> {
        self.reached.checked_ilog2().map(|stage| stage as u8)
    }
}

/// Journeys by (person, rule, first step), and their steps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Journeys {
    /// The journeys.
    pub journeys: Vec<Journey>,
    /// The event row of each step, journey after journey.
    pub step_events: Vec<usize>,
}

impl Journeys {
    /// The event rows of a journey's steps, in order. The wait of a step is the time since the step before; the first
    /// has none.
    pub fn steps(&self, journey: &Journey) -> &[usize] {
        &self.step_events[journey.first_step..journey.first_step + journey.steps]
    }
}

/// Builds all journeys of the events, which are in order ([`Events::check`]). `as_of_us` tells open from dropped.
///
/// # Panics
/// If a code is beyond its dictionary or key list.
pub fn build_journeys(
    events: &Events<'_>,
    definition: &Definition,
    table: &StageTable,
    keys: &Keys<'_>,
    as_of_us: i64,
) -> Journeys {
    let mut cutter = Cutter { events, table, keys, as_of_us, built: Journeys::default() };
    let mut keyed: Vec<(u32, usize)> = Vec::new();
    let mut groups: Vec<(usize, usize)> = Vec::new();
    let mut rows: Vec<usize> = Vec::new();
    for person_rows in runs(events.person) {
        for (number, rule) in definition.journeys.iter().enumerate() {
            let column = match rule.scope {
                Scope::Person | Scope::Session => {
                    rows.clear();
                    rows.extend(person_rows.clone());
                    cutter.cut((number, rule), NO_KEY, &rows);
                    continue;
                }
                Scope::Reference => events.reference,
                Scope::Conversation => events.conversation,
            };
            keyed.clear();
            keyed.extend(person_rows.clone().map(|row| (column[row], row)).filter(|(key, _)| *key != NO_KEY));
            keyed.sort_unstable();
            // Codes say nothing about order: groups go by their first event.
            groups.clear();
            let mut start = 0;
            for group in keyed.chunk_by(|a, b| a.0 == b.0) {
                groups.push((start, start + group.len()));
                start += group.len();
            }
            groups.sort_unstable_by_key(|(start, _)| keyed[*start].1);
            for &(start, end) in &groups {
                rows.clear();
                rows.extend(keyed[start..end].iter().map(|(_, row)| *row));
                cutter.cut((number, rule), keyed[start].0, &rows);
            }
        }
    }
    cutter.built
}

struct Cutter<'a> {
    events: &'a Events<'a>,
    table: &'a StageTable,
    keys: &'a Keys<'a>,
    as_of_us: i64,
    built: Journeys,
}

impl Cutter<'_> {
    /// Cuts the `rows` of one person and scope key.
    fn cut(&mut self, (number, rule): (usize, &JourneyRule), key: u32, rows: &[usize]) {
        let Some(&first) = rows.first() else { return };
        let given_up = if rule.to.is_some() { Outcome::Dropped } else { Outcome::Ended };
        let is_over = |journey: &Journey, now_us: i64| {
            rule.longest_gap().is_some_and(|gap| now_us.saturating_sub(journey.ended_at_us) > gap.micros())
                || rule.within.is_some_and(|within| now_us.saturating_sub(journey.started_at_us) > within.micros())
        };
        let mut open: Option<Journey> = None;
        let mut last_start = (i64::MIN, 0);
        for &row in rows {
            let (time_us, name, channel) = (self.events.time_us[row], self.events.name[row], self.events.channel[row]);
            if let Some(over) = open.take_if(|journey| is_over(journey, time_us)) {
                self.built.journeys.push(Journey { outcome: given_up, ..over });
            }
            if open.is_none() {
                if !self.table.begins(number, name, channel) {
                    continue;
                }
                last_start = if last_start.0 == time_us { (time_us, last_start.1 + 1) } else { (time_us, 0) };
                open = Some(Journey {
                    id: self.id(rule, self.events.person[first], key, last_start),
                    rule: number as u32,
                    person: self.events.person[first],
                    key,
                    started_at_us: time_us,
                    ended_at_us: time_us,
                    first_step: self.built.step_events.len(),
                    steps: 0,
                    outcome: Outcome::Open,
                    reached: 0,
                    continued: 0,
                });
            }
            if let Some(journey) = &mut open {
                journey.steps += 1;
                journey.ended_at_us = time_us;
                let stage = self.table.stage(name, channel);
                if stage != NO_STAGE {
                    journey.continued |= journey.reached & ((1 << stage) - 1);
                    journey.reached |= 1 << stage;
                }
                self.built.step_events.push(row);
            }
            if self.table.reaches(number, name, channel) {
                self.built.journeys.extend(open.take().map(|journey| Journey { outcome: Outcome::Reached, ..journey }));
            }
        }
        if let Some(journey) = open {
            let outcome = if is_over(&journey, self.as_of_us) { given_up } else { Outcome::Open };
            self.built.journeys.push(Journey { outcome, ..journey });
        }
    }

    fn id(&self, rule: &JourneyRule, person: u32, key: u32, (start_us, ordinal): (i64, u64)) -> JourneyId {
        let key = match rule.scope {
            Scope::Person | Scope::Session => 0,
            Scope::Reference => self.keys.references[key as usize],
            Scope::Conversation => self.keys.conversations[key as usize],
        };
        let mut bytes = Vec::with_capacity(40 + rule.name.len());
        for number in [self.keys.person_ids[person as usize], key, start_us as u64, ordinal, rule.scope as u64] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(rule.name.as_bytes());
        JourneyId(xxh3_64(&bytes) >> 1)
    }
}
