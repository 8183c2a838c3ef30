//! Answers about a plain event log: what `clew journey` says of a file, without project, store or rules.
//!
//! `intake` reads the file into numbers and this module puts names to what the [`clew_journey`] scan finds. Answers are
//! ordered by names, never by the order in which threads met them, so that the same file gives the same answer.
//!
//! Shares are fractions with Wilson intervals at [`LEVEL`]; times are milliseconds. What is not known yet is null.

pub mod attribution;
pub mod clusters;
mod collector;
pub mod compare;
pub mod conformance;
pub mod discovery;
pub mod export;
pub mod friction;
pub mod lifetime;
pub mod survival;
pub mod table;

use std::io;

pub use clew_insight::metric::Period;
pub use clew_journey::Duration;
pub use clew_journey::clusters::ClusterQuestion;
pub use clew_journey::funnel::{Order, Ties, Within};
pub use clew_journey::process_tree::AllowedPath;
use clew_journey::{
    Answers, BadFunnel, BadPeriods, Cohort, Funnel, FunnelGroup, PathQuestion, Periods, ProcessMap, ProcessQuestion, Questions,
};
use clew_stats::interval::{Proportion, proportion};
use serde::Serialize;
use serde_json::{Map, Value};

use self::collector::CollectedLog;
pub use self::collector::Collector;
use crate::periods::Calendar;

/// Confidence level of all intervals.
pub const LEVEL: f64 = 0.95;
/// Bits of a funnel's codes that are the activity: a million activities, four thousand groups.
const ACTIVITY_BITS: u32 = 20;

/// What cannot be answered.
#[derive(Debug, thiserror::Error)]
pub enum Unanswerable {
    /// A step that nobody did.
    #[error("no event is called `{0}`")]
    NoSuchActivity(String),
    /// More than codes can tell apart.
    #[error("{activities} activities and {groups} groups are too many for a funnel by group; at most {} and {} can be told apart", 1 << ACTIVITY_BITS, 1 << (32 - ACTIVITY_BITS))]
    TooManyGroups {
        /// Activities.
        activities: usize,
        /// Groups.
        groups: usize,
    },
    /// The funnel is none.
    #[error(transparent)]
    Funnel(#[from] BadFunnel),
    /// Times lie too far apart for the period.
    #[error("the times of the log reach from {from} to {to}: {source}")]
    Periods {
        /// Day of the first time.
        from: String,
        /// Day of the last time.
        to: String,
        /// What is wrong.
        source: BadPeriods,
    },
    /// The part of the log that memory has no room for.
    #[error("the log is larger than memory has room for, and {} has none for its rest: {source}; set TMPDIR to a folder on a disk with room", std::env::temp_dir().display())]
    Spill {
        /// What the system said.
        #[from]
        source: io::Error,
    },
    /// No such zone, or a time outside the calendar.
    #[error(transparent)]
    Calendar(#[from] jiff::Error),
}

/// A log with what its codes mean.
#[derive(Debug)]
pub struct PlainLog {
    log: CollectedLog,
    /// Sorted, so that codes are in the order of names.
    activities: Vec<String>,
}

impl PlainLog {
    /// A log whose activities are called so, by code.
    pub fn new(parts: Collector, activities: Vec<String>) -> Result<Self, Unanswerable> {
        let mut log = parts.into_log()?;
        let mut order: Vec<usize> = (0..activities.len()).collect();
        order.sort_by(|a, b| activities[*a].cmp(&activities[*b]));
        let mut codes = vec![0; activities.len()];
        order.iter().enumerate().for_each(|(rank, code)| codes[*code] = rank as u32);
        if !codes.is_sorted() {
            log.rename(codes);
        }
        let mut activities = activities;
        activities.sort_unstable();
        Ok(Self { log, activities })
    }

    /// Process map, retention, paths and, where steps are named, a funnel, from one scan.
    pub fn all(self, asked: &AllAsked, span_us: Option<(i64, i64)>, threads: usize) -> Result<AllReport, Unanswerable> {
        const UTC: &str = "UTC";
        let periods = span_us.map(|span_us| periods(asked.period, UTC, span_us)).transpose()?;
        let funnel = match &asked.funnel {
            Some(funnel) => Some(funnel.over(&self.activities)?),
            None => None,
        };
        let (answers, names) = self.ask(
            |questions| {
                questions.process = Some(ProcessQuestion { edges: true, variants: asked.variants.then_some(0) });
                questions.retention.clone_from(&periods);
                questions.paths = Some(asked.paths.asked());
                questions.funnel = funnel;
            },
            threads,
        )?;
        let mut retention = RetentionReport { period: asked.period, timezone: UTC.into(), ..RetentionReport::default() };
        if let (Some(periods), Some((_, last_us))) = (&periods, span_us) {
            retention.fill(&answers.retention.unwrap_or_default(), periods, UTC, last_us)?;
        }
        let funnel = asked.funnel.as_ref().zip(answers.funnel.as_ref());
        Ok(AllReport {
            dfg: DfgReport::of(&answers.process.unwrap_or_default(), &names),
            retention,
            paths: PathsReport::of(&answers.paths.unwrap_or_default(), &names, &asked.paths),
            funnel: funnel.map(|(asked, found)| FunnelReport::of(asked, found, None)),
        })
    }

    fn ask(self, ask: impl FnOnce(&mut Questions), threads: usize) -> io::Result<(Answers, Vec<String>)> {
        // Without activities the log has one without a name.
        let mut questions = Questions { activities: self.activities.len().max(1) as u32, ..Questions::default() };
        ask(&mut questions);
        Ok((self.log.scan(&questions, threads)?, self.activities))
    }

    /// The directly-follows graph, and how many variants there are.
    pub fn dfg(self, threads: usize) -> Result<DfgReport, Unanswerable> {
        let process = ProcessQuestion { edges: true, variants: Some(0) };
        let (answers, names) = self.ask(|questions| questions.process = Some(process), threads)?;
        Ok(DfgReport::of(&answers.process.unwrap_or_default(), &names))
    }

    /// The most frequent variants.
    pub fn variants(self, top: usize, threads: usize) -> Result<VariantsReport, Unanswerable> {
        let process = ProcessQuestion { edges: false, variants: Some(top) };
        let (answers, names) = self.ask(|questions| questions.process = Some(process), threads)?;
        Ok(VariantsReport::of(&answers.process.unwrap_or_default(), &names))
    }

    /// The most frequent beginnings of sessions.
    pub fn paths(self, question: PathsAsked, threads: usize) -> Result<PathsReport, Unanswerable> {
        let (answers, names) = self.ask(|questions| questions.paths = Some(question.asked()), threads)?;
        Ok(PathsReport::of(&answers.paths.unwrap_or_default(), &names, &question))
    }

    /// Retention by calendar periods of a zone. `span_us` is the first and last time of the log; what it does not reach is censored.
    pub fn retention(
        self,
        period: Period,
        timezone: &str,
        span_us: Option<(i64, i64)>,
        threads: usize,
    ) -> Result<RetentionReport, Unanswerable> {
        let mut report = RetentionReport { period, timezone: timezone.into(), ..RetentionReport::default() };
        let Some(span_us) = span_us else { return Ok(report) };
        let periods = periods(period, timezone, span_us)?;
        let (answers, _) = self.ask(|questions| questions.retention = Some(periods.clone()), threads)?;
        report.fill(&answers.retention.unwrap_or_default(), &periods, timezone, span_us.1)?;
        Ok(report)
    }
}

/// `clew journey all`.
#[derive(Clone, Debug, Serialize)]
pub struct AllReport {
    /// The directly-follows graph.
    pub dfg: DfgReport,
    /// Retention by weeks, or whatever period was asked.
    pub retention: RetentionReport,
    /// Beginnings of sessions.
    pub paths: PathsReport,
    /// The funnel, if steps were named.
    pub funnel: Option<FunnelReport>,
}

/// A share with its interval.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Share {
    /// The fraction; null without anything to divide by.
    pub estimate: Option<f64>,
    /// Lower end.
    pub lower: Option<f64>,
    /// Upper end.
    pub upper: Option<f64>,
    /// Divided by.
    pub n: u64,
}

impl Share {
    fn of(part: u64, n: u64) -> Self {
        let found = proportion(part, n, LEVEL, Proportion::Wilson);
        Self { estimate: found.estimate, lower: found.lower, upper: found.upper, n }
    }
}

/// `clew journey dfg`.
#[derive(Clone, Debug, Serialize)]
pub struct DfgReport {
    /// Events by activity.
    pub activities: Map<String, Value>,
    /// Cases by the activity that begins them.
    pub start: Map<String, Value>,
    /// Cases by the activity that ends them.
    pub end: Map<String, Value>,
    /// Activities that follow each other, by names.
    pub edges: Vec<EdgeRow>,
    /// Cases.
    pub cases: u64,
    /// Events.
    pub events: u64,
    /// Different variants.
    pub variants: u64,
}

/// An edge.
#[derive(Clone, Debug, Serialize)]
pub struct EdgeRow {
    /// The earlier activity.
    pub from: String,
    /// The later one.
    pub to: String,
    /// How often.
    pub n: u64,
    /// Median wait.
    pub median_wait_ms: f64,
    /// 90th percentile of the wait.
    pub p90_wait_ms: f64,
}

impl DfgReport {
    fn of(map: &ProcessMap, names: &[String]) -> Self {
        let name = |code: u32| names[code as usize].clone();
        let counts = |counts: &[(u32, u64)]| counts.iter().map(|(code, n)| (name(*code), Value::from(*n))).collect();
        let edge = |edge: &clew_journey::Edge| EdgeRow {
            from: name(edge.from),
            to: name(edge.to),
            n: edge.n,
            median_wait_ms: edge.median_wait_us / 1e3,
            p90_wait_ms: edge.p90_wait_us / 1e3,
        };
        Self {
            activities: counts(&map.activities),
            start: counts(&map.start),
            end: counts(&map.end),
            edges: map.edges.iter().map(edge).collect(),
            cases: map.cases,
            events: map.events,
            variants: map.variants,
        }
    }
}

/// `clew journey variants`.
#[derive(Clone, Debug, Serialize)]
pub struct VariantsReport {
    /// Cases.
    pub cases: u64,
    /// Events.
    pub events: u64,
    /// Different variants.
    pub variants: u64,
    /// The most frequent ones.
    pub top: Vec<VariantRow>,
}

/// A variant.
#[derive(Clone, Debug, Serialize)]
pub struct VariantRow {
    /// In order.
    pub activities: Vec<String>,
    /// Cases that ran exactly so.
    pub cases: u64,
    /// Their share of all cases.
    pub share: Share,
    /// Share of cases that this variant and those before it cover.
    pub coverage: f64,
}

impl VariantsReport {
    fn of(map: &ProcessMap, names: &[String]) -> Self {
        let mut covered = 0;
        let row = |variant: &clew_journey::Variant| {
            covered += variant.cases;
            VariantRow {
                activities: variant.activities.iter().map(|activity| names[*activity as usize].clone()).collect(),
                cases: variant.cases,
                share: Share::of(variant.cases, map.cases),
                coverage: covered as f64 / map.cases as f64,
            }
        };
        let rows = map.top_variants.iter().map(row).collect();
        Self { cases: map.cases, events: map.events, variants: map.variants, top: rows }
    }
}

/// What is asked of paths.
#[derive(Clone, Copy, Debug)]
pub struct PathsAsked {
    /// A longer silence ends a session; none: a case is one session.
    pub gap: Option<Duration>,
    /// How many activities of a session count.
    pub depth: usize,
    /// Whether an activity that follows itself is taken as one.
    pub collapse: bool,
    /// How many paths.
    pub top: usize,
}

impl PathsAsked {
    fn asked(&self) -> PathQuestion {
        PathQuestion { gap_us: self.gap.map(Duration::micros), depth: self.depth, collapse: self.collapse, top: self.top }
    }
}

/// `clew journey paths`.
#[derive(Clone, Debug, Serialize)]
pub struct PathsReport {
    /// Sessions.
    pub sessions: u64,
    /// Different paths.
    pub distinct: u64,
    /// Activities of a session that count.
    pub depth: usize,
    /// A longer silence ended a session.
    pub gap_ms: Option<i64>,
    /// The most frequent ones, then by names.
    pub paths: Vec<PathRow>,
}

impl PathsReport {
    fn of(found: &clew_journey::Paths, names: &[String], question: &PathsAsked) -> Self {
        let path = |path: &clew_journey::Path| PathRow {
            activities: path.activities.iter().map(|activity| names[*activity as usize].clone()).collect(),
            sessions: path.sessions,
            share: Share::of(path.sessions, found.sessions),
        };
        Self {
            sessions: found.sessions,
            distinct: found.distinct,
            depth: question.depth,
            gap_ms: question.gap.map(|gap| gap.micros() / 1_000),
            paths: found.top.iter().take(question.top).map(path).collect(),
        }
    }
}

/// A beginning of sessions.
#[derive(Clone, Debug, Serialize)]
pub struct PathRow {
    /// In order.
    pub activities: Vec<String>,
    /// Sessions that begin so.
    pub sessions: u64,
    /// Their share of all sessions.
    pub share: Share,
}

/// What is asked of a funnel.
#[derive(Clone, Debug)]
pub struct FunnelAsked {
    /// Steps by name.
    pub steps: Vec<String>,
    /// Activities that end every attempt.
    pub exclude: Vec<String>,
    /// The window.
    pub window: Duration,
    /// How steps may follow each other.
    pub order: Order,
    /// What the window bounds.
    pub within: Within,
    /// Events of equal time.
    pub ties: Ties,
}

impl FunnelAsked {
    /// The only activities that matter; none where every event does.
    pub fn only(&self) -> Option<Vec<String>> {
        let mut only: Vec<String> = Vec::new();
        for name in self.steps.iter().chain(&self.exclude) {
            if !only.contains(name) {
                only.push(name.clone());
            }
        }
        (self.order != Order::Strict).then_some(only)
    }
}

impl FunnelAsked {
    /// The funnel over a log with these activities.
    pub(crate) fn over(&self, activities: &[String]) -> Result<Funnel, Unanswerable> {
        let code = |name: &String| match activities.iter().position(|known| known == name) {
            Some(code) => Ok(code as u32),
            None => Err(Unanswerable::NoSuchActivity(name.clone())),
        };
        let steps = self.steps.iter().map(code).collect::<Result<Vec<_>, _>>()?;
        let mut funnel = Funnel::new(&steps, activities.len() as u32, self.window.micros())?;
        for name in &self.exclude {
            funnel.excluded[code(name)? as usize] = true;
        }
        (funnel.order, funnel.within, funnel.ties) = (self.order, self.within, self.ties);
        Ok(funnel)
    }
}

/// What is asked at once.
#[derive(Clone, Debug)]
pub struct AllAsked {
    /// Of paths.
    pub paths: PathsAsked,
    /// Of retention.
    pub period: Period,
    /// A funnel.
    pub funnel: Option<FunnelAsked>,
    /// Whether variants are counted.
    pub variants: bool,
}

/// `clew journey funnel`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct FunnelReport {
    /// The window.
    pub window_ms: i64,
    /// All people.
    #[serde(flatten)]
    pub all: FunnelRows,
    /// People by group, in the order of names, those without one first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<GroupRows>,
}

impl FunnelReport {
    pub(crate) fn of(asked: &FunnelAsked, found: &[FunnelGroup], groups: Option<&[String]>) -> Self {
        let all = FunnelRows::of(&clew_journey::funnel::total(found), &asked.steps);
        let mut report = Self { window_ms: asked.window.micros() / 1_000, all, groups: Vec::new() };
        if let Some(names) = groups {
            let group = |(at, group): (usize, &FunnelGroup)| GroupRows {
                group: at.checked_sub(1).map(|at| names[at].clone()),
                rows: FunnelRows::of(group, &asked.steps),
            };
            let somebody = |group: &(usize, &FunnelGroup)| group.1.reached_exactly.iter().any(|n| *n > 0);
            report.groups = found.iter().enumerate().filter(somebody).map(group).collect();
            report.groups.sort_by(|a, b| a.group.cmp(&b.group));
        }
        report
    }
}

/// A group.
#[derive(Clone, Debug, Serialize)]
pub struct GroupRows {
    /// Its name; null for people without one.
    pub group: Option<String>,
    /// Its people.
    #[serde(flatten)]
    pub rows: FunnelRows,
}

/// A funnel of some people.
#[derive(Clone, Debug, Default, Serialize)]
pub struct FunnelRows {
    /// People with an event of any step.
    pub people: u64,
    /// People who got exactly so far: no step in order, one, two ….
    pub reached_exactly: Vec<u64>,
    /// The steps.
    pub steps: Vec<StepRow>,
    /// Median time from the first step to the last, of those who got there.
    pub median_conversion_ms: Option<f64>,
    /// 90th percentile of it.
    pub p90_conversion_ms: Option<f64>,
}

/// A step.
#[derive(Clone, Debug, Serialize)]
pub struct StepRow {
    /// Its name.
    pub step: String,
    /// People who got here.
    pub people: u64,
    /// Share of those of the first step.
    pub of_first: Share,
    /// Share of those of the step before.
    pub of_previous: Share,
}

impl FunnelRows {
    fn of(group: &FunnelGroup, steps: &[String]) -> Self {
        let mut reached = group.reached_exactly.clone();
        for level in (1..reached.len()).rev() {
            reached[level - 1] += reached[level];
        }
        let conversion_us = group.conversion_us();
        let row = |(at, step): (usize, &String)| StepRow {
            step: step.clone(),
            people: reached[at + 1],
            of_first: Share::of(reached[at + 1], reached[1]),
            of_previous: Share::of(reached[at + 1], reached[at.max(1)]),
        };
        Self {
            people: reached[0],
            reached_exactly: group.reached_exactly.clone(),
            steps: steps.iter().enumerate().map(row).collect(),
            median_conversion_ms: conversion_us.map(|(median, _)| median / 1e3),
            p90_conversion_ms: conversion_us.map(|(_, p90)| p90 / 1e3),
        }
    }
}

/// The funnel of a log whose codes mean `activities` and `groups`; with groups, the parts were added with them.
pub fn funnel(
    parts: Collector,
    asked: &FunnelAsked,
    activities: &[String],
    groups: Option<&[String]>,
    threads: usize,
) -> Result<FunnelReport, Unanswerable> {
    let mut funnel = asked.over(activities)?;
    if let Some(groups) = groups {
        if activities.len() > 1 << ACTIVITY_BITS || groups.len() + 1 > 1 << (u32::BITS - ACTIVITY_BITS) {
            return Err(Unanswerable::TooManyGroups { activities: activities.len(), groups: groups.len() });
        }
        (funnel.groups, funnel.group_shift) = (groups.len() as u32 + 1, ACTIVITY_BITS);
    }
    let questions = Questions { activities: activities.len() as u32, funnel: Some(funnel), ..Questions::default() };
    let found = parts.into_log()?.scan(&questions, threads)?.funnel.unwrap_or_default();
    Ok(FunnelReport::of(asked, &found, groups))
}

/// `clew journey retention`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RetentionReport {
    /// Length of periods.
    pub period: Period,
    /// The zone of the calendar.
    pub timezone: String,
    /// The last time of the log: periods that end later are censored.
    pub observed_until: Option<String>,
    /// Cohorts by their period.
    pub cohorts: Vec<CohortRow>,
    /// All cohorts together, each period over those that were observed to its end.
    pub curve: Vec<CurveRow>,
}

/// People who came first in one period.
#[derive(Clone, Debug, Serialize)]
pub struct CohortRow {
    /// First day of the period.
    pub cohort: String,
    /// How many.
    pub people: u64,
    /// This period and those after it.
    pub periods: Vec<CohortPeriod>,
}

/// A cohort, some periods later.
#[derive(Clone, Debug, Serialize)]
pub struct CohortPeriod {
    /// How many periods later.
    pub n: usize,
    /// People who came in that period.
    pub active: u64,
    /// People who came in that period or later.
    pub active_or_later: u64,
    /// Whether the period was observed to its end. If not, more may come.
    pub complete: bool,
    /// Share of the cohort that came in that period; null unless complete.
    pub rate: Option<Share>,
}

/// All cohorts, some periods later.
#[derive(Clone, Debug, Serialize)]
pub struct CurveRow {
    /// How many periods later.
    pub n: usize,
    /// Share that came in that period.
    pub rate: Share,
}

impl RetentionReport {
    fn fill(&mut self, cohorts: &[Cohort], periods: &Periods, timezone: &str, last_us: i64) -> Result<(), Unanswerable> {
        let zone = jiff::tz::TimeZone::get(timezone)?;
        self.observed_until = Some(jiff::Timestamp::from_microsecond(last_us)?.to_string());
        let mut sums: Vec<(u64, u64)> = Vec::new();
        for cohort in cohorts {
            let people = cohort.active[0];
            let start = jiff::Timestamp::from_microsecond(periods.bounds_us(cohort.period).0)?;
            let mut row = CohortRow {
                cohort: start.to_zoned(zone.clone()).date().to_string(),
                people,
                periods: Vec::with_capacity(cohort.active.len()),
            };
            for (n, (&active, &active_or_later)) in cohort.active.iter().zip(&cohort.active_since).enumerate() {
                let complete = periods.bounds_us(cohort.period + n).1 <= last_us;
                if complete {
                    sums.resize(sums.len().max(n + 1), (0, 0));
                    sums[n] = (sums[n].0 + active, sums[n].1 + people);
                }
                let rate = complete.then(|| Share::of(active, people));
                row.periods.push(CohortPeriod { n, active, active_or_later, complete, rate });
            }
            self.cohorts.push(row);
        }
        self.curve =
            sums.into_iter().enumerate().map(|(n, (active, people))| CurveRow { n, rate: Share::of(active, people) }).collect();
        Ok(())
    }
}

/// The calendar periods that hold a span.
pub(crate) fn periods(period: Period, timezone: &str, span_us: (i64, i64)) -> Result<Periods, Unanswerable> {
    const HOUR: i64 = 3_600_000_000;
    // Longer than the longest, so that the next start is found whatever the clock does; shorter than the next.
    let step = match period {
        Period::Day => 30 * HOUR,
        Period::Week => (7 * 24 + 6) * HOUR,
        Period::Month => (31 * 24 + 6) * HOUR,
        Period::Quarter => (92 * 24 + 6) * HOUR,
        Period::Year => (366 * 24 + 6) * HOUR,
    };
    let mut calendar = Calendar::new(timezone)?;
    let mut bounds = vec![calendar.start_of(span_us.0, period)?];
    while bounds[bounds.len() - 1] <= span_us.1 {
        // Far too many are refused below, without making all of them.
        if bounds.len() > 2 * clew_journey::retention::MAX_PERIODS {
            break;
        }
        bounds.push(calendar.start_of(bounds[bounds.len() - 1] + step, period)?);
    }
    let day = |micros: i64| jiff::Timestamp::from_microsecond(micros).map_or_else(|_| micros.to_string(), |at| at.to_string());
    Periods::new(bounds).map_err(|source| Unanswerable::Periods { from: day(span_us.0), to: day(span_us.1), source })
}
