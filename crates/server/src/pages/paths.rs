//! `GET /process`, `/variants`, `/funnel`, `/retention`, `/paths`, and behind each its `/people`.
//!
//! All ask a log of people's events that is kept in memory ([`crate::logs`]). What counts is told by [`Question`]: whose events, which
//! filter. The people of a cell are found with the same question, so that a number and the list behind it agree.
//!
//! The period bounds events; of journeys and cohorts it is the period in which they begin. A segment is an attribute of people as of
//! now: other dimensions of the filter are about answers, and `applied` says that they do not apply.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use clew_pipeline::people_log::{Cases, Grouping, PeopleLog, Selection};
use clew_pipeline::plain_log::{
    Duration, EdgeRow, FunnelAsked, FunnelReport, Order, PathsAsked, Period, Ties, Unanswerable, Within,
};
use clew_pipeline::reading;
use serde::Deserialize;
use serde_json::Value;
use utoipa::IntoParams;

use crate::app::App;
use crate::calendar::{grain_name, grain_of};
use crate::error::{Answer, ApiError};
use crate::extract::Params;
use crate::filter::{Scope, limit, short};
use crate::scoring::{missing, share, shown};
use crate::wire::{
    ActivityCount, Applied, Cohort, CohortPeriod, Edge, Filter, Funnel, FunnelGroup, FunnelStep, NextActivity, PathList,
    ProcessMap, Retention, SessionPath, Variant, Variants,
};

/// Edges of a process map that are told.
const MOST_EDGES: usize = 500;
/// Activities that are told.
const MOST_ACTIVITIES: usize = 200;
/// Cohorts, and periods of one, that are told.
const MOST_COHORTS: usize = 60;
/// What people did next, per step.
const MOST_NEXT: usize = 5;
/// Values of an attribute by which people are told apart.
const MOST_VALUES: u64 = 50;
/// The longest list in a parameter, bytes.
const LONGEST_LIST: usize = 4_000;
/// Where none is asked for.
const USUAL_WINDOW: &str = "30d";

/// Whose events.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    /// A case is a journey of this name in journey.yaml, and not a person. For process, variants and paths.
    #[serde(default)]
    pub journey: Option<String>,
    /// Default customer.
    #[serde(default)]
    pub population: Option<String>,
    /// How many variants or paths: 1 to 200, default 50.
    #[serde(default)]
    pub top: Option<u64>,
}

/// A funnel.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct FunnelParams {
    /// Event names in order, joined by commas or as a JSON list; default the event of each stage that most people had.
    #[serde(default)]
    pub steps: Option<String>,
    /// Event names that end every attempt.
    #[serde(default)]
    pub exclude: Option<String>,
    /// Such as 7d; default 30d.
    #[serde(default)]
    pub window: Option<String>,
    /// What the window bounds: `whole` (default) or `step`.
    #[serde(default)]
    pub within: Option<String>,
    /// `ordered` (default), `strict` or `any`.
    #[serde(default)]
    pub order: Option<String>,
    /// `channel`, or `attribute.<name>`.
    #[serde(default)]
    pub by: Option<String>,
}

/// Retention.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RetentionParams {
    /// `day`, `week` (default), `month`, `quarter` or `year`.
    #[serde(default)]
    pub unit: Option<String>,
    /// Event names that count, joined by commas or as a JSON list; default all.
    #[serde(default)]
    pub of: Option<String>,
}

/// Sessions.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SessionParams {
    /// A longer silence ends a session, such as 30m; default: a case is one.
    #[serde(default)]
    pub gap: Option<String>,
    /// Events of a session that count, 1 to 20; default 5.
    #[serde(default)]
    pub depth: Option<u64>,
    /// Whether an event that follows itself is taken as one; default true.
    #[serde(default)]
    pub collapse: Option<bool>,
}

/// A log and what of it counts.
pub struct Question {
    /// The log.
    pub log: Arc<PeopleLog>,
    /// The filter.
    pub selection: Selection,
    /// Which parts of the filter are honoured.
    pub applied: Applied,
    /// A case is a journey of this name.
    pub journey: Option<String>,
    top: usize,
}

impl Question {
    /// Reads the log and the filter. Only some questions can be asked of journeys.
    pub async fn of(app: &App, filter: Filter, asked: Asked) -> Result<Self, ApiError> {
        let scope = Scope::of(filter, &app.zone)?;
        let top = limit(asked.top)?;
        let population = asked.population.filter(|name| !name.is_empty()).unwrap_or_else(|| "customer".to_owned());
        let population = short("population", population)?;
        let journey = asked.journey.filter(|name| !name.is_empty());
        let cases = match &journey {
            None => Cases::People,
            Some(name) if app.definitions.journey.journeys.iter().any(|rule| rule.name == *name) => Cases::Journeys(name.clone()),
            Some(_) => return Err(ApiError::not_found("journey")),
        };
        let log = app.people_log(cases, &population).await?;
        let mut applied = scope.applied(true, true);
        let mut selection = Selection { period_us: scope.bounds, channel: scope.channel.clone(), people: None };
        if let Some((by, value)) = &scope.slice
            && let Some(name) = by.strip_prefix("attribute.")
        {
            let values = log.attribute(&app.session(), name).await.map_err(ApiError::internal)?;
            selection.people = Some(values.segment(value));
            applied.slice = true;
        }
        Ok(Self { log, selection, applied, journey, top })
    }

    /// Does `work` on a thread of its own: a scan keeps a processor busy.
    pub async fn answer<T: Send + 'static>(
        self,
        app: &App,
        work: impl FnOnce(&Self) -> Result<T, Unanswerable> + Send + 'static,
    ) -> Result<T, ApiError> {
        let answer = async {
            tokio::task::spawn_blocking(move || work(&self)).await.map_err(ApiError::internal)?.map_err(|error| refused(&error))
        };
        app.limited(answer).await
    }

    fn activities(&self) -> Vec<ActivityCount> {
        let all = self.log.activities().into_iter().take(MOST_ACTIVITIES);
        all.map(|(activity, n)| ActivityCount { activity: activity.to_owned(), n }).collect()
    }
}

/// A question that has no answer is a wrong question, unless it is the disk that has no room.
fn refused(error: &Unanswerable) -> ApiError {
    match error {
        Unanswerable::Spill { .. } => ApiError::internal(error),
        _ => ApiError::invalid(format!("{error}.")),
    }
}

/// Names joined by commas, or a JSON list of them.
pub fn list(name: &str, text: Option<String>) -> Result<Vec<String>, ApiError> {
    let text = text.unwrap_or_default();
    if text.len() > LONGEST_LIST {
        return Err(ApiError::invalid(format!("`{name}` is longer than {LONGEST_LIST} bytes.")));
    }
    if text.starts_with('[') {
        return serde_json::from_str(&text).map_err(|_| ApiError::invalid(format!("`{name}` is no JSON list of names.")));
    }
    Ok(text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect())
}

/// A length of time in a parameter.
pub fn duration(name: &str, text: Option<String>) -> Result<Option<Duration>, ApiError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    text.parse().map(Some).map_err(|_| {
        ApiError::invalid(format!("`{name}` is no length of time: a whole number and one of s, m, h, d, w, such as 7d."))
    })
}

/// One of some words, the first where none is given.
fn word<T: Copy>(name: &str, text: Option<&str>, words: &[(&str, T)]) -> Result<T, ApiError> {
    let given = text.filter(|text| !text.is_empty()).unwrap_or(words[0].0);
    words.iter().find(|(word, _)| *word == given).map(|(_, value)| *value).ok_or_else(|| {
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        ApiError::invalid(format!("`{name}` is none of {}.", known.join(", ")))
    })
}

const ORDERS: [(&str, Order); 3] = [("ordered", Order::Ordered), ("strict", Order::Strict), ("any", Order::Any)];
const WITHIN: [(&str, Within); 2] = [("whole", Within::Whole), ("step", Within::Step)];

impl FunnelParams {
    /// The funnel and what it is told apart by. `usual`: the steps where none are named.
    pub fn read(self, usual: impl FnOnce() -> Vec<String>) -> Result<(FunnelAsked, Option<String>), ApiError> {
        let mut steps = list("steps", self.steps)?;
        if steps.is_empty() {
            steps = usual();
        }
        let asked = FunnelAsked {
            steps,
            exclude: list("exclude", self.exclude)?,
            window: duration("window", self.window)?.unwrap_or_else(|| USUAL_WINDOW.parse().expect("it is a length of time")),
            order: word("order", self.order.as_deref(), &ORDERS)?,
            within: word("within", self.within.as_deref(), &WITHIN)?,
            ties: Ties::Together,
        };
        Ok((asked, self.by.filter(|by| !by.is_empty())))
    }
}

impl RetentionParams {
    /// Period length and the events that count.
    pub fn read(self) -> Result<(Period, Vec<String>), ApiError> {
        let unit = self.unit.filter(|unit| !unit.is_empty()).unwrap_or_else(|| "week".to_owned());
        let unit = grain_of(&unit).ok_or_else(|| ApiError::invalid("`unit` is none of day, week, month, quarter, year."))?;
        Ok((unit, list("of", self.of)?))
    }
}

impl SessionParams {
    /// How sessions are cut.
    pub fn read(self, top: usize) -> Result<PathsAsked, ApiError> {
        let depth = self.depth.unwrap_or(5);
        if !(1..=20).contains(&depth) {
            return Err(ApiError::invalid("`depth` is 1 to 20."));
        }
        Ok(PathsAsked { gap: duration("gap", self.gap)?, depth: depth as usize, collapse: self.collapse.unwrap_or(true), top })
    }
}

/// The event of each stage that most people had, in the order of stages.
pub fn usual_steps(app: &App, log: &PeopleLog) -> Vec<String> {
    let channels = log.usual_channels();
    let stages = &app.definitions.journey.stages;
    let mut first: Vec<Option<String>> = vec![None; stages.len()];
    for (activity, _) in log.reach() {
        let stage = app.definitions.stage_of(activity, channels.get(activity).copied().unwrap_or_default());
        let place = stage.and_then(|stage| stages.iter().position(|rule| rule.name == stage));
        if let Some(first) = place.and_then(|place| first.get_mut(place)) {
            first.get_or_insert_with(|| activity.to_owned());
        }
    }
    first.into_iter().flatten().collect()
}

/// What people are told apart by.
pub async fn grouping(app: &App, log: &PeopleLog, by: Option<&str>) -> Result<Option<Grouping>, ApiError> {
    match by {
        None => Ok(None),
        Some("channel") => Ok(Some(Grouping::Channel)),
        Some(by) => {
            let name =
                by.strip_prefix("attribute.").ok_or_else(|| ApiError::invalid("`by` is none of channel, attribute.<name>."))?;
            let values = log.attribute(&app.session(), &short("by", name.to_owned())?).await.map_err(ApiError::internal)?;
            Ok(Some(Grouping::People(values)))
        }
    }
}

fn counts(counts: &serde_json::Map<String, Value>) -> Vec<ActivityCount> {
    let count = |(activity, n): (&String, &Value)| ActivityCount { activity: activity.clone(), n: n.as_u64().unwrap_or(0) };
    let mut counts: Vec<ActivityCount> = counts.iter().map(count).collect();
    counts.sort_by(|a, b| b.n.cmp(&a.n).then_with(|| a.activity.cmp(&b.activity)));
    counts.truncate(MOST_ACTIVITIES);
    counts
}

/// What follows what?
#[utoipa::path(get, path = "/api/v1/process", params(Filter, Asked), responses((status = 200, body = ProcessMap), (status = "default", body = crate::wire::ErrorBody)), tag = "pages")]
pub async fn process(
    State(app): State<Arc<App>>,
    Params(filter): Params<Filter>,
    Params(asked): Params<Asked>,
) -> Answer<ProcessMap> {
    let question = Question::of(&app, filter, asked).await?;
    let threads = threads();
    let map = question.answer(&app, move |asked| {
        let found = asked.log.process(&asked.selection, threads)?;
        let mut edges = found.edges;
        let moves = edges.iter().map(|edge| edge.n).sum();
        edges.sort_by(|a, b| b.n.cmp(&a.n).then_with(|| (&a.from, &a.to).cmp(&(&b.from, &b.to))));
        edges.truncate(MOST_EDGES);
        Ok(ProcessMap {
            applied: asked.applied,
            journey: asked.journey.clone(),
            cases: found.cases,
            people: asked.log.people(&asked.selection),
            events: found.events,
            variants: found.variants,
            moves,
            activities: counts(&found.activities),
            start: counts(&found.start),
            end: counts(&found.end),
            edges: edges.into_iter().map(edge).collect(),
        })
    });
    map.await.map(Json)
}

fn edge(EdgeRow { from, to, n, median_wait_ms, p90_wait_ms }: EdgeRow) -> Edge {
    Edge { from, to, n, median_wait_ms, p90_wait_ms }
}

/// Threads of a scan.
fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(4)
}

/// The ways of whole cases.
#[utoipa::path(get, path = "/api/v1/variants", params(Filter, Asked), responses((status = 200, body = Variants), (status = "default", body = crate::wire::ErrorBody)), tag = "pages")]
pub async fn variants(
    State(app): State<Arc<App>>,
    Params(filter): Params<Filter>,
    Params(asked): Params<Asked>,
) -> Answer<Variants> {
    let question = Question::of(&app, filter, asked).await?;
    let variants = question.answer(&app, |asked| {
        let found = asked.log.variants(&asked.selection, asked.top, threads())?;
        let variant = |row: clew_pipeline::plain_log::VariantRow| Variant {
            share: share(row.cases, found.cases),
            activities: row.activities,
            cases: row.cases,
            coverage: row.coverage,
        };
        Ok(Variants {
            applied: asked.applied,
            journey: asked.journey.clone(),
            cases: found.cases,
            people: asked.log.people(&asked.selection),
            variants: found.variants,
            top: found.top.into_iter().map(variant).collect(),
        })
    });
    variants.await.map(Json)
}

/// How far do people get?
#[utoipa::path(get, path = "/api/v1/funnel", params(Filter, Asked, FunnelParams), responses((status = 200, body = Funnel), (status = "default", body = crate::wire::ErrorBody)), tag = "pages")]
pub async fn funnel(
    State(app): State<Arc<App>>,
    Params(filter): Params<Filter>,
    Params(asked): Params<Asked>,
    Params(params): Params<FunnelParams>,
) -> Answer<Funnel> {
    let question = of_people(&app, filter, asked).await?;
    let (asked, by) = params.read(|| usual_steps(&app, &question.log))?;
    let grouping = grouping(&app, &question.log, by.as_deref()).await?;
    let groupings = groupings(&app).await?;
    let empty = question.log.events() == 0;
    let funnel = question.answer(&app, move |question| {
        let (report, next) = if empty || asked.steps.is_empty() {
            (FunnelReport::default(), Vec::new())
        } else {
            question.log.funnel(&question.selection, &asked, grouping.as_ref())?
        };
        let name = |word: &str| word.to_owned();
        let steps = report.all.steps.iter().enumerate().map(|(at, step)| {
            let next = next.get(at).into_iter().flatten().take(MOST_NEXT);
            FunnelStep {
                step: step.step.clone(),
                people: step.people,
                of_first: share(step.people, report.all.steps[0].people),
                of_previous: share(step.people, report.all.steps[at.saturating_sub(1)].people),
                stopped: report.all.reached_exactly[at + 1],
                next: next.map(|next| NextActivity { activity: next.activity.clone(), people: next.people }).collect(),
            }
        });
        Ok(Funnel {
            applied: question.applied,
            window_ms: asked.window.micros() / 1_000,
            within: name(WITHIN.iter().find(|(_, within)| *within == asked.within).map_or("", |(word, _)| word)),
            order: name(ORDERS.iter().find(|(_, order)| *order == asked.order).map_or("", |(word, _)| word)),
            exclude: asked.exclude.clone(),
            people: report.all.people,
            steps: steps.collect(),
            median_conversion_ms: report.all.median_conversion_ms,
            p90_conversion_ms: report.all.p90_conversion_ms,
            by,
            groups: groups(&report),
            groupings,
            activities: question.activities(),
        })
    });
    funnel.await.map(Json)
}

/// Each group against everybody else.
fn groups(report: &FunnelReport) -> Vec<FunnelGroup> {
    let ends = |steps: &[clew_pipeline::plain_log::StepRow]| {
        (steps.last().map_or(0, |step| step.people), steps.first().map_or(0, |step| step.people))
    };
    let all = ends(&report.all.steps);
    let differences: Vec<reading::Estimate> = report
        .groups
        .iter()
        .map(|group| {
            let (done, began) = ends(&group.rows.steps);
            let own = reading::share(done, began, crate::scoring::LEVEL);
            let others = reading::share(all.0 - done, all.1 - began, crate::scoring::LEVEL);
            reading::difference(reading::Kind::Share, &own, &others).0
        })
        .collect();
    let standing_out = reading::standing_out(&differences, Z_OF_LEVEL);
    let group = |((group, difference), out): ((&clew_pipeline::plain_log::GroupRows, &reading::Estimate), Option<f64>)| {
        let (done, began) = ends(&group.rows.steps);
        let conversion = share(done, began);
        let few = conversion.reason.is_some();
        FunnelGroup {
            group: group.group.clone(),
            reached: group.rows.steps.iter().map(|step| step.people).collect(),
            difference: if few { missing(difference.n, "too_few") } else { shown(difference, "newcombe") },
            stands_out: !few && out.is_some(),
            conversion,
        }
    };
    report.groups.iter().zip(&differences).zip(standing_out).map(group).collect()
}

/// Quantile of the normal distribution for a 95 % interval.
const Z_OF_LEVEL: f64 = 1.959_963_985;

/// Funnels and retention are about people.
pub async fn of_people(app: &App, filter: Filter, asked: Asked) -> Result<Question, ApiError> {
    if asked.journey.as_ref().is_some_and(|name| !name.is_empty()) {
        return Err(ApiError::invalid("Funnels and retention count people; `journey` goes with process, variants and paths."));
    }
    Question::of(app, filter, asked).await
}

/// `channel`, and the attributes with few values.
async fn groupings(app: &App) -> Result<Vec<String>, ApiError> {
    #[derive(Deserialize)]
    struct Name {
        name: String,
    }
    let sql = format!(
        "SELECT name FROM (SELECT name, count(DISTINCT value) AS n FROM attributes WHERE valid_to IS NULL GROUP BY name) \
         WHERE n BETWEEN 2 AND {MOST_VALUES} ORDER BY name"
    );
    let names: Vec<Name> = app.rows(&sql).await?;
    Ok(std::iter::once("channel".to_owned()).chain(names.into_iter().map(|row| format!("attribute.{}", row.name))).collect())
}

/// Who comes back?
#[utoipa::path(get, path = "/api/v1/retention", params(Filter, Asked, RetentionParams), responses((status = 200, body = Retention), (status = "default", body = crate::wire::ErrorBody)), tag = "pages")]
pub async fn retention(
    State(app): State<Arc<App>>,
    Params(filter): Params<Filter>,
    Params(asked): Params<Asked>,
    Params(params): Params<RetentionParams>,
) -> Answer<Retention> {
    let question = of_people(&app, filter, asked).await?;
    let (unit, of) = params.read()?;
    let zone = app.definitions.timezone.clone();
    let retention = question.answer(&app, move |question| {
        let found = question.log.retention(&question.selection, (unit, &zone), &of, threads())?;
        let period = |people: u64, n: usize, active: u64, complete: bool| CohortPeriod {
            n: n as u64,
            active,
            complete,
            rate: if complete { share(active, people) } else { missing(people, "not_computed") },
        };
        let people = found.cohorts.iter().map(|cohort| cohort.people).sum();
        let cohort = |cohort: clew_pipeline::plain_log::CohortRow| Cohort {
            periods: cohort
                .periods
                .iter()
                .take(MOST_COHORTS)
                .map(|cell| period(cohort.people, cell.n, cell.active, cell.complete))
                .collect(),
            cohort: cohort.cohort,
            people: cohort.people,
        };
        let mut curve: Vec<(u64, u64)> = Vec::new();
        for cell in found.cohorts.iter().flat_map(|cohort| cohort.periods.iter().map(|cell| (cohort.people, cell))) {
            if cell.1.complete {
                curve.resize(curve.len().max(cell.1.n + 1), (0, 0));
                curve[cell.1.n] = (curve[cell.1.n].0 + cell.0, curve[cell.1.n].1 + cell.1.active);
            }
        }
        let first = found.cohorts.len().saturating_sub(MOST_COHORTS);
        Ok(Retention {
            applied: question.applied,
            unit: grain_name(unit).to_owned(),
            of,
            observed_until: found.observed_until,
            people,
            curve: curve
                .into_iter()
                .enumerate()
                .take(MOST_COHORTS)
                .map(|(n, (people, active))| period(people, n, active, true))
                .collect(),
            cohorts: found.cohorts.into_iter().skip(first).map(cohort).collect(),
            activities: question.activities(),
        })
    });
    retention.await.map(Json)
}

/// How do sessions begin?
#[utoipa::path(get, path = "/api/v1/paths", params(Filter, Asked, SessionParams), responses((status = 200, body = PathList), (status = "default", body = crate::wire::ErrorBody)), tag = "pages")]
pub async fn paths(
    State(app): State<Arc<App>>,
    Params(filter): Params<Filter>,
    Params(asked): Params<Asked>,
    Params(params): Params<SessionParams>,
) -> Answer<PathList> {
    let question = Question::of(&app, filter, asked).await?;
    let asked = params.read(question.top)?;
    let paths = question.answer(&app, move |question| {
        let found = question.log.paths(&question.selection, asked, threads())?;
        let path = |row: clew_pipeline::plain_log::PathRow| SessionPath {
            share: share(row.sessions, found.sessions),
            activities: row.activities,
            sessions: row.sessions,
        };
        Ok(PathList {
            applied: question.applied,
            journey: question.journey.clone(),
            sessions: found.sessions,
            distinct: found.distinct,
            depth: found.depth as u64,
            gap_ms: found.gap_ms,
            paths: found.paths.into_iter().map(path).collect(),
        })
    });
    paths.await.map(Json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_names_with_commas_or_json() {
        let list = |text: &str| list("steps", Some(text.to_owned()));
        assert_eq!(list("a, b,,c").unwrap(), ["a", "b", "c"]);
        assert_eq!(list(r#"["a, b", "c"]"#).unwrap(), ["a, b", "c"]);
        assert!(list("[1]").is_err() && list(&"x".repeat(LONGEST_LIST + 1)).is_err());
        assert!(list("").unwrap().is_empty());
    }

    #[test]
    fn what_is_no_word_of_ours_is_refused() {
        let read = |params: FunnelParams| params.read(|| vec!["usual".to_owned()]);
        let text = |text: &str| Some(text.to_owned());
        let (asked, by) = read(FunnelParams::default()).unwrap();
        assert_eq!((asked.steps, asked.window.to_string(), by), (vec!["usual".to_owned()], "30d".to_owned(), None));
        assert!(read(FunnelParams { window: text("7"), ..FunnelParams::default() }).is_err());
        assert!(read(FunnelParams { order: text("sideways"), ..FunnelParams::default() }).is_err());
        assert!(RetentionParams { unit: text("hour"), of: None }.read().is_err());
        assert!(SessionParams { depth: Some(21), ..SessionParams::default() }.read(5).is_err());
    }
}
