//! The events of the lake's people as one log in memory, and who is behind each number that is read from it.
//!
//! A page asks many questions of the same events: another window, another segment, the people of a cell. So the events are read once, in
//! the order of lives (by person, time, source and event id, which come from content), into columns of numbers, 21 bytes an event. A filter is a
//! pass over them, and each question goes to the scan of [`clew_journey`] as that of a plain log does ([`crate::plain_log`]).
//! Whoever keeps a log decides when it is too old.
//!
//! A case is a person, or one journey of `journey.yaml`. A [`Selection`] is the filter bar: of people the events of the period count;
//! journeys and cohorts count whole where they begin in it. A channel keeps the cases that have an event on it, a segment those of its people.
//!
//! Friction and comparisons ([`friction`], [`compare`]) read the same columns.
//!
//! Every question has its inverse: [`PeopleLog::people_of`] names the people of a [`Cell`], by the same rules as the number; a test
//! holds the two together.

pub mod compare;
pub mod friction;

use std::collections::HashMap;
use std::ops::Range;

use arrow::array::{Array, StringArray};
use clew_identity::PersonId;
use clew_journey::funnel::Reader;
use clew_journey::{Funnel, FunnelGroup};
use clew_lake::literal::Text;
use datafusion::prelude::SessionContext;
use futures::TryStreamExt;

use crate::columns::{Columns, Dictionary, NONE};
use crate::plain_log::{
    Collector, DfgReport, FunnelAsked, FunnelReport, PathsAsked, PathsReport, Period, PlainLog, RetentionReport, Unanswerable,
    VariantsReport, periods,
};
use crate::run::RunError;
use friction::{FrictionAsked, FrictionPlace};

/// Most events of a log in memory: 1 GB.
pub const MOST_EVENTS: usize = 50_000_000;
/// Groups that a funnel is told by; the people of further ones are in the sums only.
pub const MOST_GROUPS: usize = 50;
/// What stands before the first activity of a case, and behind the last.
pub const START: &str = "(start)";
/// See [`START`].
pub const END: &str = "(end)";

/// What the cases of a log are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Cases {
    /// People, with all their events.
    People,
    /// Journeys of this name.
    Journeys(String),
}

/// A log that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The lake.
    #[error(transparent)]
    Lake(#[from] RunError),
    /// More than fit.
    #[error("the log has more than {MOST_EVENTS} events")]
    TooLarge,
}

/// A log.
#[derive(Debug)]
pub struct PeopleLog {
    cases: Cases,
    /// Where each case begins in the columns; one more than there are cases.
    starts: Vec<u32>,
    /// The person of each case, a place in `people`; ascending.
    person: Vec<u32>,
    people: Vec<PersonId>,
    time_us: Vec<i64>,
    activity: Vec<u32>,
    channel: Vec<u8>,
    team: Vec<u32>,
    /// Sorted, so that codes are in the order of names.
    activities: Vec<String>,
    channels: Vec<String>,
    teams: Vec<String>,
}

/// The filter bar, as it applies to a log.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// UTC microseconds, end exclusive.
    pub period_us: Option<(i64, i64)>,
    /// Cases with an event on this channel.
    pub channel: Option<String>,
    /// Cases of these people.
    pub people: Option<Segment>,
}

/// Some people: one flag for each of a log.
#[derive(Clone, Debug)]
pub struct Segment(Vec<bool>);

/// What people are told apart by.
#[derive(Clone, Debug)]
pub enum Grouping {
    /// The channel of the first event that serves a step.
    Channel,
    /// A value for each person of a log.
    People(Values),
}

/// A value for each person of a log.
#[derive(Clone, Debug, Default)]
pub struct Values {
    of_person: Vec<u32>,
    values: Vec<String>,
}

impl Values {
    /// Those who have a value, but another one.
    pub fn others(&self, value: &str) -> Segment {
        let code = self.values.iter().position(|known| known == value).map_or(NONE, |code| code as u32);
        Segment(self.of_person.iter().map(|of| *of != NONE && *of != code).collect())
    }

    /// Those who have this value.
    pub fn segment(&self, value: &str) -> Segment {
        let code = self.values.iter().position(|known| known == value).map_or(NONE, |code| code as u32);
        Segment(self.of_person.iter().map(|of| code != NONE && *of == code).collect())
    }
}

/// A number of an answer, whose people are asked for.
#[derive(Clone, Debug)]
pub enum Cell {
    /// An activity of the process map.
    Activity(String),
    /// An edge of it; [`START`] and [`END`] stand for the ends of cases.
    Edge(String, String),
    /// A variant.
    Variant(Vec<String>),
    /// The beginning of a session.
    Path(PathsAsked, Vec<String>),
    /// A funnel, how many steps people got to, whether they stopped there, and their group.
    Funnel(FunnelAsked, FunnelCell),
    /// A place of friction.
    Friction(FrictionAsked, FrictionPlace),
    /// Period length, zone, first day of the cohort's period, and how many periods later.
    Retention(Period, String, String, usize),
}

/// Whom of a funnel.
#[derive(Clone, Debug, Default)]
pub struct FunnelCell {
    /// Steps that they got to.
    pub steps: usize,
    /// Only those who got no further.
    pub stopped: bool,
    /// Only those of this group (the inner `None`: without a value).
    pub group: Option<(Grouping, Option<String>)>,
}

/// What people did next who stopped after a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next {
    /// The activity behind their last event of the step; `None`: there was nothing more.
    pub activity: Option<String>,
    /// People.
    pub people: u64,
}

impl PeopleLog {
    /// Reads the events of the people of `population`.
    pub async fn load(session: &SessionContext, cases: &Cases, population: &str) -> Result<Self, LoadError> {
        let sql = match cases {
            Cases::People => format!(
                "SELECT s.person_id, CAST(NULL AS VARCHAR) AS journey_id, e.name, e.channel, e.team, e.occurred_at FROM events_current e \
                 JOIN subjects s ON e.subject = s.subject WHERE s.population = {} AND e.occurred_at >= s.valid_from \
                 AND (s.valid_to IS NULL OR e.occurred_at < s.valid_to) ORDER BY s.person_no, e.occurred_at, e.source, e.event_id",
                Text(population)
            ),
            Cases::Journeys(name) => format!(
                "SELECT s.person_id, s.journey_id, s.name, s.channel, CAST(NULL AS VARCHAR) AS team, s.occurred_at FROM steps s JOIN persons p \
                 ON s.person_id = p.person_id AND s.bucket = p.bucket WHERE s.journey = {} AND p.population = {} \
                 ORDER BY s.person_id, s.journey_id, s.seq",
                Text(name),
                Text(population)
            ),
        };
        let mut builder = Builder::default();
        let mut stream = session.sql(&sql).await.map_err(RunError::from)?.execute_stream().await.map_err(RunError::from)?;
        while let Some(batch) = stream.try_next().await.map_err(RunError::from)? {
            builder.add(&Columns(&batch))?;
            if builder.time_us.len() > MOST_EVENTS {
                return Err(LoadError::TooLarge);
            }
        }
        Ok(builder.finish(cases.clone()))
    }

    /// The values of an attribute of people, as of now; of several sources the first by name speaks, as in `scores`.
    pub async fn attribute(&self, session: &SessionContext, name: &str) -> Result<Values, RunError> {
        let places: HashMap<PersonId, usize> = self.people.iter().enumerate().map(|(place, id)| (*id, place)).collect();
        let mut words = Dictionary::default();
        let mut of_person = vec![NONE; self.people.len()];
        let sql = format!(
            "SELECT person_id, min(value) AS value FROM attributes WHERE name = {0} AND valid_to IS NULL \
             AND source = (SELECT min(source) FROM attributes WHERE name = {0}) GROUP BY person_id",
            Text(name)
        );
        let mut stream = session.sql(&sql).await?.execute_stream().await?;
        while let Some(batch) = stream.try_next().await? {
            let columns = Columns(&batch);
            let (person, value) = (columns.text("person_id")?, columns.text("value")?);
            for row in 0..batch.num_rows() {
                if let Some(place) = places.get(&person.value(row).parse()?) {
                    of_person[*place] = words.code(value.value(row));
                }
            }
        }
        Ok(Values { of_person, values: words.into_values() })
    }

    /// How many events.
    pub fn events(&self) -> usize {
        self.time_us.len()
    }

    /// Events by activity, the most frequent first.
    pub fn activities(&self) -> Vec<(&str, u64)> {
        let mut counts = vec![0_u64; self.activities.len()];
        self.activity.iter().for_each(|activity| counts[*activity as usize] += 1);
        let mut named: Vec<(&str, u64)> = self.activities.iter().map(String::as_str).zip(counts).collect();
        named.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
        named
    }

    /// People by activity, the most first.
    pub fn reach(&self) -> Vec<(&str, u64)> {
        let mut counts = vec![(0_u64, NONE); self.activities.len()];
        for (case, person) in self.person.iter().enumerate() {
            for row in self.starts[case] as usize..self.starts[case + 1] as usize {
                let (people, last) = &mut counts[self.activity[row] as usize];
                *people += u64::from(*last != *person);
                *last = *person;
            }
        }
        let mut named: Vec<(&str, u64)> =
            self.activities.iter().map(String::as_str).zip(counts.into_iter().map(|n| n.0)).collect();
        named.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
        named
    }

    /// The channel on which an activity happens most; of several, the first by name.
    pub fn usual_channels(&self) -> HashMap<&str, &str> {
        let mut counts: HashMap<(u32, u8), u64> = HashMap::new();
        self.activity
            .iter()
            .zip(&self.channel)
            .for_each(|(activity, channel)| *counts.entry((*activity, *channel)).or_default() += 1);
        let mut all: Vec<((u32, u8), u64)> = counts.into_iter().collect();
        all.sort_by_key(|((_, channel), n)| (*n, std::cmp::Reverse(self.channels[*channel as usize].as_str())));
        all.into_iter()
            .map(|((activity, channel), _)| {
                (self.activities[activity as usize].as_str(), self.channels[channel as usize].as_str())
            })
            .collect()
    }

    /// The cases of a selection with the rows that count. `whole`: cases that begin in the period; else: the events in it.
    fn kept<'a>(&'a self, selection: &'a Selection, whole: bool) -> impl Iterator<Item = (usize, Range<usize>)> + 'a {
        let whole = whole || self.cases != Cases::People;
        let channel = selection.channel.as_ref();
        let channel = channel.map(|name| self.channels.iter().position(|known| known == name).map(|code| code as u8));
        (0..self.person.len()).filter_map(move |case| {
            let mut rows = self.starts[case] as usize..self.starts[case + 1] as usize;
            if selection.people.as_ref().is_some_and(|segment| !segment.0[self.person[case] as usize]) {
                return None;
            }
            if let Some((start, end)) = selection.period_us {
                if whole {
                    rows = Some(rows).filter(|rows| (start..end).contains(&self.time_us[rows.start]))?;
                } else {
                    let times = &self.time_us[rows.clone()];
                    let from = rows.start + times.partition_point(|time| *time < start);
                    rows = from..rows.start + times.partition_point(|time| *time < end);
                }
            }
            if let Some(channel) = channel {
                channel.filter(|channel| self.channel[rows.clone()].contains(channel))?;
            }
            (!rows.is_empty()).then_some((case, rows))
        })
    }

    /// Distinct people of a selection.
    pub fn people(&self, selection: &Selection) -> u64 {
        self.distinct(self.kept(selection, false).map(|(case, _)| case)).len() as u64
    }

    /// The people of some cases, which come in order.
    fn distinct(&self, cases: impl Iterator<Item = usize>) -> Vec<PersonId> {
        let mut places: Vec<u32> = cases.map(|case| self.person[case]).collect();
        places.dedup();
        places.into_iter().map(|place| self.people[place as usize]).collect()
    }

    /// The selection as a log of its own; `only` these activities, or all.
    fn plain(&self, selection: &Selection, whole: bool, only: Option<&[bool]>) -> Result<PlainLog, Unanswerable> {
        /// Events of a part.
        const PART: usize = 1 << 20;
        let collector = Collector::default();
        let (mut case, mut time_us, mut activity, mut part) = (Vec::new(), Vec::new(), Vec::new(), 0);
        for (number, rows) in self.kept(selection, whole) {
            for row in rows.filter(|row| only.is_none_or(|only| only[self.activity[*row] as usize])) {
                case.push(number as u32);
                time_us.push(self.time_us[row]);
                activity.push(self.activity[row]);
            }
            if case.len() >= PART {
                collector.add((part, 0), &case, &time_us, &activity);
                case.clear();
                time_us.clear();
                activity.clear();
                part += 1;
            }
        }
        collector.add((part, 0), &case, &time_us, &activity);
        PlainLog::new(collector, self.activities.clone())
    }

    /// The process map.
    pub fn process(&self, selection: &Selection, threads: usize) -> Result<DfgReport, Unanswerable> {
        self.plain(selection, false, None)?.dfg(threads)
    }

    /// The most frequent variants.
    pub fn variants(&self, selection: &Selection, top: usize, threads: usize) -> Result<VariantsReport, Unanswerable> {
        self.plain(selection, false, None)?.variants(top, threads)
    }

    /// The most frequent beginnings of sessions.
    pub fn paths(&self, selection: &Selection, asked: PathsAsked, threads: usize) -> Result<PathsReport, Unanswerable> {
        self.plain(selection, false, None)?.paths(asked, threads)
    }

    /// Who comes back: cohorts by first event, of `only` these activities (or all). Observation ends with the last event of the whole log.
    pub fn retention(
        &self,
        selection: &Selection,
        (period, timezone): (Period, &str),
        only: &[String],
        threads: usize,
    ) -> Result<RetentionReport, Unanswerable> {
        let only = self.only(only)?;
        let span_us = self.span_us(selection, only.as_deref());
        self.plain(selection, true, only.as_deref())?.retention(period, timezone, span_us, threads)
    }

    fn only(&self, names: &[String]) -> Result<Option<Vec<bool>>, Unanswerable> {
        if names.is_empty() {
            return Ok(None);
        }
        let mut only = vec![false; self.activities.len()];
        for name in names {
            only[self.code(name)? as usize] = true;
        }
        Ok(Some(only))
    }

    fn code(&self, name: &str) -> Result<u32, Unanswerable> {
        self.find(name).ok_or_else(|| Unanswerable::NoSuchActivity(name.to_owned()))
    }

    fn find(&self, name: &str) -> Option<u32> {
        self.activities.binary_search_by(|known| known.as_str().cmp(name)).ok().map(|code| code as u32)
    }

    /// From the first event of the selection to the last of all.
    fn span_us(&self, selection: &Selection, only: Option<&[bool]>) -> Option<(i64, i64)> {
        let counts = |row: &usize| only.is_none_or(|only| only[self.activity[*row] as usize]);
        let first =
            self.kept(selection, true).filter_map(|(_, mut rows)| rows.find(counts)).map(|row| self.time_us[row]).min()?;
        Some((first, self.time_us.iter().copied().max()?))
    }

    /// A funnel, by group where one is asked, and what those did next who stopped after each step but the last.
    pub fn funnel(
        &self,
        selection: &Selection,
        asked: &FunnelAsked,
        grouping: Option<&Grouping>,
    ) -> Result<(FunnelReport, Vec<Vec<Next>>), Unanswerable> {
        let funnel = asked.over(&self.activities)?;
        let names = grouping.map(|grouping| match grouping {
            Grouping::Channel => &self.channels,
            Grouping::People(values) => &values.values,
        });
        let empty = FunnelGroup { reached_exactly: vec![0; funnel.steps + 1], durations_us: Vec::new() };
        let mut groups = vec![empty; names.map_or(0, Vec::len) + 1];
        let mut next: Vec<HashMap<Option<u32>, u64>> = vec![HashMap::new(); funnel.steps];
        self.each_in_funnel(selection, &funnel, |person| {
            let code = grouping.map_or(NONE, |grouping| self.group(grouping, &person));
            let group = &mut groups[code.wrapping_add(1) as usize];
            group.reached_exactly[person.steps] += 1;
            group.durations_us.extend(person.shortest_us);
            if (1..funnel.steps).contains(&person.steps) {
                let serves = |row: &usize| funnel.steps_of[self.activity[*row] as usize] >> (person.steps - 1) & 1 == 1;
                let last = person.rows.clone().rev().find(serves);
                let after = last.map(|row| row + 1).filter(|row| *row < person.rows.end).map(|row| self.activity[row]);
                *next[person.steps - 1].entry(after).or_default() += 1;
            }
        });
        groups.iter_mut().for_each(|group| group.durations_us.sort_unstable());
        let mut report = FunnelReport::of(asked, &groups, names.map(Vec::as_slice));
        report.groups.sort_by(|a, b| b.rows.people.cmp(&a.rows.people).then_with(|| a.group.cmp(&b.group)));
        report.groups.truncate(MOST_GROUPS);
        Ok((report, next.into_iter().map(|counts| self.named(counts)).collect()))
    }

    fn named(&self, counts: HashMap<Option<u32>, u64>) -> Vec<Next> {
        let name = |code: u32| self.activities[code as usize].clone();
        let mut next: Vec<Next> =
            counts.into_iter().map(|(activity, people)| Next { activity: activity.map(name), people }).collect();
        next.sort_by(|a, b| b.people.cmp(&a.people).then_with(|| a.activity.cmp(&b.activity)));
        next
    }

    fn group(&self, grouping: &Grouping, person: &InFunnel) -> u32 {
        match grouping {
            Grouping::Channel => u32::from(self.channel[person.first]),
            Grouping::People(values) => values.of_person[self.person[person.case] as usize],
        }
    }

    /// Everybody with an event of any step.
    fn each_in_funnel(&self, selection: &Selection, funnel: &Funnel, mut each: impl FnMut(InFunnel)) {
        let reader = Reader::new(funnel);
        for (case, rows) in self.kept(selection, false) {
            let Some(reached) = reader.reached(&self.activity[rows.clone()], &self.time_us[rows.clone()]) else { continue };
            let serves = |row: &usize| funnel.steps_of[self.activity[*row] as usize] != 0;
            let first = rows.clone().find(serves).unwrap_or(rows.start);
            each(InFunnel { case, rows, first, steps: reached.steps, shortest_us: reached.shortest_us });
        }
    }

    /// The people of a cell.
    pub fn people_of(&self, selection: &Selection, cell: &Cell, only: &[String]) -> Result<Vec<PersonId>, Unanswerable> {
        let cases: Vec<usize> = match cell {
            Cell::Activity(name) => {
                let code = self.code(name)?;
                self.cases_where(selection, |rows| self.activity[rows].contains(&code))
            }
            Cell::Edge(from, to) => self.cases_of_edge(selection, from, to)?,
            Cell::Variant(names) => {
                let codes = names.iter().map(|name| self.code(name)).collect::<Result<Vec<_>, _>>()?;
                self.cases_where(selection, |rows| self.activity[rows] == codes)
            }
            Cell::Path(asked, names) => {
                let codes = names.iter().map(|name| self.code(name)).collect::<Result<Vec<_>, _>>()?;
                self.cases_where(selection, |rows| self.begins(rows, asked, &codes))
            }
            Cell::Funnel(asked, wanted) => {
                let funnel = asked.over(&self.activities)?;
                let mut cases = Vec::new();
                self.each_in_funnel(selection, &funnel, |person| {
                    let far = person.steps == wanted.steps || (!wanted.stopped && person.steps > wanted.steps);
                    if far && wanted.group.as_ref().is_none_or(|(grouping, name)| self.is_in(grouping, name.as_deref(), &person))
                    {
                        cases.push(person.case);
                    }
                });
                cases
            }
            Cell::Friction(asked, place) => self.cases_of_friction(selection, asked, place)?,
            Cell::Retention(period, timezone, cohort, later) => {
                self.cases_of_cohort(selection, (*period, timezone), (cohort, *later), only)?
            }
        };
        Ok(self.distinct(cases.into_iter()))
    }

    fn cases_where(&self, selection: &Selection, holds: impl Fn(Range<usize>) -> bool) -> Vec<usize> {
        self.kept(selection, false).filter(|(_, rows)| holds(rows.clone())).map(|(case, _)| case).collect()
    }

    fn cases_of_edge(&self, selection: &Selection, from: &str, to: &str) -> Result<Vec<usize>, Unanswerable> {
        let code = |name: &str| if name == START || name == END { Ok(None) } else { self.code(name).map(Some) };
        let (from_code, to_code) = (code(from)?, code(to)?);
        Ok(self.cases_where(selection, |rows| match (from_code, to_code) {
            (Some(from), Some(to)) => self.activity[rows].windows(2).any(|pair| pair == [from, to]),
            (None, Some(first)) => self.activity[rows.start] == first,
            (Some(last), None) => self.activity[rows.end - 1] == last,
            (None, None) => false,
        }))
    }

    fn is_in(&self, grouping: &Grouping, name: Option<&str>, person: &InFunnel) -> bool {
        let code = self.group(grouping, person);
        let names = match grouping {
            Grouping::Channel => &self.channels,
            Grouping::People(values) => &values.values,
        };
        names.get(code as usize).map(String::as_str) == name
    }

    /// Whether a session of these rows begins with `path`.
    fn begins(&self, rows: Range<usize>, asked: &PathsAsked, path: &[u32]) -> bool {
        let gap_us = asked.gap.map_or(i64::MAX, clew_journey::Duration::micros);
        let mut session: Vec<u32> = Vec::with_capacity(path.len());
        for row in rows.clone() {
            if row > rows.start && self.time_us[row] - self.time_us[row - 1] > gap_us {
                session.clear();
            } else if row > rows.start && asked.collapse && self.activity[row] == self.activity[row - 1] {
                continue;
            }
            if session.len() < path.len() {
                session.push(self.activity[row]);
                if session == path {
                    return true;
                }
            }
        }
        false
    }

    fn cases_of_cohort(
        &self,
        selection: &Selection,
        (period, timezone): (Period, &str),
        (cohort, later): (&str, usize),
        only: &[String],
    ) -> Result<Vec<usize>, Unanswerable> {
        let only = self.only(only)?;
        let Some(span_us) = self.span_us(selection, only.as_deref()) else { return Ok(Vec::new()) };
        let (periods, zone) = (periods(period, timezone, span_us)?, jiff::tz::TimeZone::get(timezone)?);
        let day = |micros: i64| Ok::<_, jiff::Error>(jiff::Timestamp::from_microsecond(micros)?.to_zoned(zone.clone()).date());
        let mut found = None;
        for period in 0..periods.len() {
            if day(periods.bounds_us(period).0)?.to_string() == cohort {
                found = Some(period);
            }
        }
        let Some(cohort) = found else { return Ok(Vec::new()) };
        let counts = |row: &usize| only.as_ref().is_none_or(|only| only[self.activity[*row] as usize]);
        let came = |rows: &Range<usize>| {
            let mut times = rows.clone().filter(counts).map(|row| periods.of(self.time_us[row])).peekable();
            times.peek() == Some(&cohort) && times.any(|period| period == cohort + later)
        };
        Ok(self.kept(selection, true).filter(|(_, rows)| came(rows)).map(|(case, _)| case).collect())
    }
}

/// Somebody in a funnel.
struct InFunnel {
    case: usize,
    rows: Range<usize>,
    /// Row of the first event that serves a step.
    first: usize,
    steps: usize,
    shortest_us: Option<i64>,
}

/// A log that is being read.
#[derive(Default)]
struct Builder {
    starts: Vec<u32>,
    person: Vec<u32>,
    people: Vec<PersonId>,
    time_us: Vec<i64>,
    activity: Vec<u32>,
    channel: Vec<u8>,
    team: Vec<u32>,
    activities: Dictionary,
    channels: Dictionary,
    teams: Dictionary,
    /// Person and journey of the last row.
    last: Option<(String, Option<String>)>,
}

impl Builder {
    /// Takes rows, whose cases come one after the other.
    fn add(&mut self, columns: &Columns<'_>) -> Result<(), RunError> {
        let (person, journey) = (columns.text("person_id")?, columns.text("journey_id")?);
        let journey_of = |row: usize| journey.is_valid(row).then(|| journey.value(row));
        for row in 0..person.len() {
            let (who, which) = (person.value(row), journey_of(row));
            let same_person = self.last.as_ref().is_some_and(|last| last.0 == who);
            if same_person && self.last.as_ref().is_some_and(|last| last.1.as_deref() == which) {
                continue;
            }
            if !same_person {
                self.people.push(who.parse()?);
            }
            self.starts.push((self.time_us.len() + row) as u32);
            self.person.push(self.people.len() as u32 - 1);
            self.last = Some((who.to_owned(), which.map(str::to_owned)));
        }
        self.activity.extend(self.activities.codes(&columns.text("name")?));
        self.team.extend(self.teams.codes(&columns.text("team")?));
        self.channel.extend(codes_of_channels(&mut self.channels, &columns.text("channel")?));
        self.time_us.extend(columns.time("occurred_at")?.values());
        Ok(())
    }

    /// The log, its activities renamed to the order of their names.
    fn finish(mut self, cases: Cases) -> PeopleLog {
        self.starts.push(self.time_us.len() as u32);
        let activities = self.activities.into_values();
        let mut order: Vec<u32> = (0..activities.len() as u32).collect();
        order.sort_by(|a, b| activities[*a as usize].cmp(&activities[*b as usize]));
        let mut rank = vec![0; activities.len()];
        order.iter().zip(0..).for_each(|(code, place)| rank[*code as usize] = place);
        self.activity.iter_mut().for_each(|code| *code = rank[*code as usize]);
        let mut activities = activities;
        activities.sort_unstable();
        PeopleLog {
            cases,
            starts: self.starts,
            person: self.person,
            people: self.people,
            time_us: self.time_us,
            activity: self.activity,
            channel: self.channel,
            team: self.team,
            activities,
            channels: self.channels.into_values(),
            teams: self.teams.into_values(),
        }
    }
}

/// Channels are sixteen: their codes fit a byte.
fn codes_of_channels<'a>(channels: &'a mut Dictionary, column: &'a StringArray) -> impl Iterator<Item = u8> + 'a {
    column.iter().map(|channel| channels.code(channel.unwrap_or("system")) as u8)
}

#[cfg(test)]
mod tests;
