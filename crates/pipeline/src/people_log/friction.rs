//! Friction in a log of people's events, with who it met and what they are worth.
//!
//! [`clew_journey::friction()`] finds it; here activities get their parts in it by name where nobody says which are contacts and which
//! are failures, and each finding gets its people: their number, the sum of their values, and examples with a person to open.
//!
//! Findings are ordered by kind, and within a kind as the catalogue has them (most people first): a loop of a page that everybody looks at
//! twice meets more people than a missed promise and matters less, and no single figure tells the two apart.

use std::collections::{BTreeSet, HashMap};

use clew_identity::PersonId;
use clew_journey::events::NO_KEY;
use clew_journey::{CaseOrder, FirstContact, FrictionEvents, Kind, Occurrence, Thresholds, friction, occurrences};
use clew_lake::literal::Text;
use datafusion::prelude::SessionContext;
use futures::TryStreamExt;

use super::{PeopleLog, Selection};
use crate::columns::{Columns, NONE};
use crate::plain_log::{Duration, Unanswerable};
use crate::run::RunError;

/// The kinds in the order in which they are told: what went wrong by itself, what people had to do again, what they waited for.
pub const KINDS: [Kind; 10] = [
    Kind::Failure,
    Kind::RepeatContact,
    Kind::Transfer,
    Kind::Reopened,
    Kind::DeadEnd,
    Kind::LongWait,
    Kind::ChannelSwitch,
    Kind::Rage,
    Kind::BackAndForth,
    Kind::Loop,
];

/// Parts of names of activities that are failures.
const FAILURES: [&str; 12] = [
    "fail",
    "error",
    "abandon",
    "dead_end",
    "missed",
    "damaged",
    "reopened",
    "escalated",
    "transferred",
    "rage",
    "dead_click",
    "declined",
];
/// Names of activities that begin a contact, the first that a log has of each line: a case is opened because of a contact.
const CONTACTS: [&[&str]; 4] = [
    &["contact_started", "contact_opened", "case_opened", "ticket_created"],
    &["call_started", "call_received"],
    &["chat_started"],
    &["email_received"],
];

/// What is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrictionAsked {
    /// Activities that are contacts; empty: those that are called like it.
    pub contacts: Vec<String>,
    /// Activities that are failures; empty: those that are called like it.
    pub failures: Vec<String>,
    /// A contact so soon after another is a repeat.
    pub repeat_within: Duration,
    /// A longer silence ends an episode.
    pub episode_gap: Duration,
    /// Silence that makes a dead end.
    pub silence: Duration,
    /// A wait beyond this percentile of its edge is long.
    pub long_wait_percentile: u32,
}

/// Friction of one kind at one place.
#[derive(Clone, Debug)]
pub struct FoundFriction {
    /// Its kind.
    pub kind: Kind,
    /// Activity, channel or team.
    pub from: String,
    /// The other one.
    pub to: Option<String>,
    /// How often.
    pub occurrences: u64,
    /// How often it could have been.
    pub opportunities: u64,
    /// Distinct people.
    pub people: u64,
    /// Time lost, for kinds that show it.
    pub lost_us: Option<i64>,
    /// Sum of what these people are worth; `None`: no value is known.
    pub value: Option<f64>,
    /// Those with most time lost: person, first and last time.
    pub examples: Vec<(PersonId, i64, i64)>,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct FrictionFound {
    /// By kind, in the order of [`KINDS`], then by people.
    pub findings: Vec<FoundFriction>,
    /// First-contact resolution, where there are contacts.
    pub first_contact: Option<FirstContact>,
    /// Activities that were taken as contacts.
    pub contacts: Vec<String>,
    /// Activities that were taken as failures.
    pub failures: Vec<String>,
}

/// A place of friction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrictionPlace {
    /// The word of its kind.
    pub kind: String,
    /// Activity, channel or team.
    pub from: String,
    /// The other one.
    pub to: Option<String>,
}

/// The events of a selection, in case order.
pub(super) struct Ordered {
    order: CaseOrder,
    /// Row of the log of each event.
    pub rows: Vec<u32>,
    pub time_us: Vec<i64>,
    pub activity: Vec<u32>,
    channel: Vec<u32>,
    team: Vec<u32>,
}

impl Ordered {
    pub fn of(log: &PeopleLog, selection: &Selection) -> Self {
        let (mut case, mut rows) = (Vec::new(), Vec::new());
        for (number, kept) in log.kept(selection, false) {
            case.extend(std::iter::repeat_n(number as u32, kept.len()));
            rows.extend(kept.map(|row| row as u32));
        }
        let time_us: Vec<i64> = rows.iter().map(|row| log.time_us[*row as usize]).collect();
        Self {
            order: CaseOrder::of(&case, &time_us),
            activity: rows.iter().map(|row| log.activity[*row as usize]).collect(),
            channel: rows.iter().map(|row| u32::from(log.channel[*row as usize])).collect(),
            team: rows.iter().map(|row| log.team[*row as usize]).collect(),
            rows,
            time_us,
        }
    }

    /// Rows come in case order already.
    pub fn traces(&self) -> clew_journey::Traces<'_> {
        self.order.traces(&self.time_us, &self.activity)
    }
}

impl PeopleLog {
    /// What each person is worth, by `profiles`; in one currency.
    pub async fn worth(&self, session: &SessionContext, currency: &str) -> Result<Vec<Option<f64>>, RunError> {
        let places: HashMap<PersonId, usize> = self.people.iter().enumerate().map(|(place, id)| (*id, place)).collect();
        let mut worth = vec![None; self.people.len()];
        let sql = format!(
            "SELECT person_id, CAST(value AS DOUBLE) AS value FROM profiles WHERE value IS NOT NULL AND currency = {}",
            Text(currency)
        );
        let mut stream = session.sql(&sql).await?.execute_stream().await?;
        while let Some(batch) = stream.try_next().await? {
            let columns = Columns(&batch);
            let (person, value) = (columns.text("person_id")?, columns.float("value")?);
            for row in 0..batch.num_rows() {
                if let Some(place) = places.get(&person.value(row).parse()?) {
                    worth[*place] = Some(value.value(row));
                }
            }
        }
        Ok(worth)
    }

    fn thresholds(&self, asked: &FrictionAsked) -> Result<Thresholds, Unanswerable> {
        let codes = |names: &[String]| names.iter().map(|name| self.code(name)).collect::<Result<Vec<u32>, _>>();
        let until_us = self.time_us.iter().copied().max().unwrap_or(0);
        Ok(Thresholds {
            contacts: if asked.contacts.is_empty() { self.usual_contacts() } else { codes(&asked.contacts)? },
            failures: if asked.failures.is_empty() { self.usual_failures() } else { codes(&asked.failures)? },
            repeat_within_us: asked.repeat_within.micros(),
            episode_gap_us: asked.episode_gap.micros(),
            silence_us: asked.silence.micros(),
            long_wait_quantile: f64::from(asked.long_wait_percentile) / 100.0,
            ..Thresholds::usual(until_us)
        })
    }

    pub(super) fn usual_contacts(&self) -> Vec<u32> {
        CONTACTS.iter().filter_map(|names| names.iter().find_map(|name| self.find(name))).collect()
    }

    pub(super) fn usual_failures(&self) -> Vec<u32> {
        let is_failure = |name: &String| FAILURES.iter().any(|part| name.to_lowercase().contains(part));
        (0..self.activities.len() as u32).filter(|code| is_failure(&self.activities[*code as usize])).collect()
    }

    fn known<'a>(&'a self, ordered: &'a Ordered) -> FrictionEvents<'a> {
        FrictionEvents {
            traces: ordered.traces(),
            person: &self.person,
            channel: &ordered.channel,
            resource: &ordered.team,
            cost: &[],
        }
    }

    /// Looks for friction. `worth`: what each person is worth. `most` findings of each kind, but for loops of what is a failure already.
    pub fn friction(
        &self,
        selection: &Selection,
        asked: &FrictionAsked,
        worth: &[Option<f64>],
        most: usize,
    ) -> Result<FrictionFound, Unanswerable> {
        let thresholds = self.thresholds(asked)?;
        let ordered = Ordered::of(self, selection);
        let events = self.known(&ordered);
        let found = friction(&events, &thresholds);
        let mut kept = Vec::new();
        for kind in KINDS {
            kept.extend(found.findings.iter().filter(|finding| finding.kind == kind).take(most));
        }
        let mut people: HashMap<(Kind, u32, u32), BTreeSet<u32>> =
            kept.iter().map(|finding| ((finding.kind, finding.from, finding.to), BTreeSet::new())).collect();
        occurrences(&events, &thresholds, &mut |one: Occurrence, _| {
            if let Some(people) = people.get_mut(&(one.kind, one.from, one.to)) {
                people.insert(self.person[one.case as usize]);
            }
        });
        let finding = |finding: &&clew_journey::Finding| {
            let people = &people[&(finding.kind, finding.from, finding.to)];
            let values: Vec<f64> = people.iter().filter_map(|person| worth.get(*person as usize).copied().flatten()).collect();
            let example = |one: &Occurrence| {
                (self.people[self.person[one.case as usize] as usize], ordered.time_us[one.rows.0], ordered.time_us[one.rows.1])
            };
            FoundFriction {
                kind: finding.kind,
                from: self.place_name(finding.kind, finding.from).unwrap_or_default().to_owned(),
                to: self.place_name(finding.kind, finding.to).map(str::to_owned),
                occurrences: finding.occurrences,
                opportunities: finding.opportunities,
                people: people.len() as u64,
                lost_us: finding.kind.loses_time().then_some(finding.lost_us),
                value: (!values.is_empty()).then(|| values.iter().sum()),
                examples: finding.examples.iter().map(example).collect(),
            }
        };
        let names = |codes: &[u32]| codes.iter().map(|code| self.activities[*code as usize].clone()).collect();
        Ok(FrictionFound {
            findings: kept.iter().map(finding).collect(),
            first_contact: found.first_contact,
            contacts: names(&thresholds.contacts),
            failures: names(&thresholds.failures),
        })
    }

    fn place_name(&self, kind: Kind, code: u32) -> Option<&str> {
        let names = match kind {
            Kind::ChannelSwitch => &self.channels,
            Kind::Transfer => &self.teams,
            _ => &self.activities,
        };
        (code != NO_KEY && code != NONE).then(|| names.get(code as usize)).flatten().map(String::as_str)
    }

    /// The people of a place of friction.
    pub(super) fn cases_of_friction(
        &self,
        selection: &Selection,
        asked: &FrictionAsked,
        place: &FrictionPlace,
    ) -> Result<Vec<usize>, Unanswerable> {
        let thresholds = self.thresholds(asked)?;
        let ordered = Ordered::of(self, selection);
        let mut cases = BTreeSet::new();
        occurrences(&self.known(&ordered), &thresholds, &mut |one: Occurrence, _| {
            let is_here = one.kind.as_str() == place.kind
                && self.place_name(one.kind, one.from) == Some(place.from.as_str())
                && self.place_name(one.kind, one.to) == place.to.as_deref();
            if is_here {
                cases.insert(one.case as usize);
            }
        });
        Ok(cases.into_iter().collect())
    }
}
