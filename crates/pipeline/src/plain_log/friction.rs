//! `clew journey friction`: where people repeat themselves, wait, are sent around or give up.

use clew_journey::events::NO_KEY;
use clew_journey::{Duration, Finding, FrictionEvents, Kind, Occurrence, Thresholds, friction};
use serde::Serialize;

use super::Share;
use super::table::{Column, LogTable, NONE, NotANumber};

/// What is asked. Places of columns are those of the further columns of the log.
#[derive(Clone, Debug)]
pub struct FrictionAsked {
    /// Column of the person, where a case is not one.
    pub person: Option<usize>,
    /// Column of the channel.
    pub channel: Option<usize>,
    /// Column of the agent or team.
    pub resource: Option<usize>,
    /// Column of what an event costs.
    pub cost: Option<usize>,
    /// The same activity again at most so many events later is a loop.
    pub loop_within: usize,
    /// A wait beyond this quantile of its edge is long.
    pub long_wait_quantile: f64,
    /// Activities that are contacts.
    pub contacts: Vec<String>,
    /// A contact so soon after another is a repeat.
    pub repeat_within: Duration,
    /// A longer silence ends an episode.
    pub episode_gap: Duration,
    /// Silence that makes a dead end …
    pub silence: Duration,
    /// … after activities where it is so many times as frequent as after the others.
    pub dead_end_lift: f64,
    /// So many of the same …
    pub rage_count: usize,
    /// … within this are rage.
    pub rage_within: Duration,
    /// Activities that end a case.
    pub ends: Vec<String>,
    /// A case that goes on so soon after its end is reopened.
    pub reopened_within: Duration,
    /// Activities that are failures.
    pub failures: Vec<String>,
    /// What findings are ranked by.
    pub rank: Rank,
    /// Findings that are listed.
    pub top: usize,
    /// Examples of each.
    pub examples: usize,
}

/// What findings are ranked by; then by people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rank {
    /// People.
    People,
    /// Time lost.
    Time,
    /// Cost.
    Cost,
}

/// What cannot be looked for.
#[derive(Debug, thiserror::Error)]
pub enum NoFriction {
    /// An activity that nobody did.
    #[error("no event is called `{0}`")]
    NoSuchActivity(String),
    /// A cost that is no number.
    #[error(transparent)]
    NotANumber(#[from] NotANumber),
}

/// `clew journey friction`.
#[derive(Clone, Debug, Serialize)]
pub struct FrictionReport {
    /// How many findings there are.
    pub found: usize,
    /// In the order that was asked for.
    pub findings: Vec<FindingRow>,
    /// First-contact resolution, where contacts are named.
    pub first_contact: Option<FirstContactRow>,
}

/// Friction of one kind at one place.
#[derive(Clone, Debug, Serialize)]
pub struct FindingRow {
    /// `loop`, `back_and_forth`, `long_wait`, `repeat_contact`, `channel_switch`, `dead_end`, `rage`, `reopened`, `transfer` or `failure`.
    pub kind: &'static str,
    /// Activity, channel or resource.
    pub from: String,
    /// The other one, if there is one.
    pub to: Option<String>,
    /// How often.
    pub occurrences: u64,
    /// Of how often it could have been.
    pub share: Share,
    /// Cases.
    pub cases: u64,
    /// People.
    pub people: u64,
    /// Time lost; null for kinds that lose none that a log shows.
    pub lost_ms: Option<f64>,
    /// Cost of what would not have been; null without a column of costs.
    pub cost: Option<f64>,
    /// Those with most time lost.
    pub examples: Vec<ExampleRow>,
}

/// One occurrence.
#[derive(Clone, Debug, Serialize)]
pub struct ExampleRow {
    /// Its case.
    pub case: String,
    /// Time of its first event.
    pub from_at: String,
    /// Time of its last.
    pub to_at: String,
}

/// First-contact resolution.
#[derive(Clone, Debug, Serialize)]
pub struct FirstContactRow {
    /// Of all contacts: those that were not repeated in time (net of repeats that are contacts themselves, see `first_contacts`).
    pub contacts: Share,
    /// Of first contacts, that is without another one of the person in the same time before.
    pub first_contacts: Share,
    /// Contacts that are too young to tell.
    pub too_young: u64,
}

impl LogTable {
    /// Looks for friction. `case_name` tells what a case is called.
    pub fn friction(&self, asked: &FrictionAsked, case_name: &dyn Fn(u32) -> String) -> Result<FrictionReport, NoFriction> {
        let codes = |names: &[String]| {
            let code = |name: &String| self.activity.code(name).ok_or_else(|| NoFriction::NoSuchActivity(name.clone()));
            names.iter().map(code).collect::<Result<Vec<u32>, _>>()
        };
        let thresholds = Thresholds {
            loop_within: asked.loop_within,
            long_wait_quantile: asked.long_wait_quantile,
            repeat_within_us: asked.repeat_within.micros(),
            contacts: codes(&asked.contacts)?,
            episode_gap_us: asked.episode_gap.micros(),
            silence_us: asked.silence.micros(),
            dead_end_lift: asked.dead_end_lift,
            rage_count: asked.rage_count,
            rage_within_us: asked.rage_within.micros(),
            ends: codes(&asked.ends)?,
            reopened_within_us: asked.reopened_within.micros(),
            failures: codes(&asked.failures)?,
            examples: asked.examples,
            ..Thresholds::usual(self.observed_until_us)
        };
        let column = |place: Option<usize>| place.map(|place| &self.more[place]);
        let (channel, resource) = (column(asked.channel), column(asked.resource));
        let person = column(asked.person).map_or_else(Vec::new, |column| self.people(column));
        let cost = column(asked.cost).map(Column::numbers).transpose()?.unwrap_or_default();
        let empty: &[u32] = &[];
        let events = FrictionEvents {
            traces: self.traces(),
            person: &person,
            channel: channel.map_or(empty, |column| &column.codes),
            resource: resource.map_or(empty, |column| &column.codes),
            cost: &cost,
        };
        let mut found = friction(&events, &thresholds);
        match asked.rank {
            Rank::People => {}
            Rank::Time => found.findings.sort_by_key(|finding| std::cmp::Reverse(finding.lost_us)),
            Rank::Cost => found.findings.sort_by(|a, b| b.cost.total_cmp(&a.cost)),
        }
        let name = |kind: Kind, code: u32| {
            let of = match kind {
                Kind::ChannelSwitch => channel,
                Kind::Transfer => resource,
                _ => Some(&self.activity),
            };
            of.and_then(|column| column.text(code)).map(str::to_owned)
        };
        let row = |finding: &Finding| FindingRow {
            kind: finding.kind.as_str(),
            from: name(finding.kind, finding.from).unwrap_or_default(),
            to: (finding.to != NO_KEY).then(|| name(finding.kind, finding.to)).flatten(),
            occurrences: finding.occurrences,
            share: Share::of(finding.occurrences, finding.opportunities),
            cases: finding.cases,
            people: finding.people,
            lost_ms: finding.kind.loses_time().then_some(finding.lost_us as f64 / 1e3),
            cost: (!cost.is_empty()).then_some(finding.cost),
            examples: finding.examples.iter().map(|found| self.example(found, case_name)).collect(),
        };
        Ok(FrictionReport {
            found: found.findings.len(),
            findings: found.findings.iter().take(asked.top).map(row).collect(),
            first_contact: found.first_contact.map(|found| FirstContactRow {
                contacts: Share::of(found.resolved, found.contacts),
                first_contacts: Share::of(found.first_resolved, found.first_contacts),
                too_young: found.too_young,
            }),
        })
    }

    fn example(&self, found: &Occurrence, case_name: &dyn Fn(u32) -> String) -> ExampleRow {
        let at = |row: usize| {
            let time_us = self.time_us[row];
            jiff::Timestamp::from_microsecond(time_us).map_or_else(|_| time_us.to_string(), |at| at.to_string())
        };
        ExampleRow { case: case_name(found.case), from_at: at(found.rows.0), to_at: at(found.rows.1) }
    }

    /// The person of each case: that of its first event with one, or somebody of its own.
    fn people(&self, column: &Column) -> Vec<u32> {
        let mut people = Vec::new();
        for (case, rows) in self.traces().numbered() {
            people.resize(case as usize + 1, NONE);
            let own = column.texts.len() as u32 + case;
            people[case as usize] = column.codes[rows].iter().copied().find(|code| *code != NONE).unwrap_or(own);
        }
        people
    }
}
