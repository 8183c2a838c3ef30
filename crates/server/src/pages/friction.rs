//! `GET /friction` with its `/people`, and `GET /compare`: where the ways of people rub, and where two groups go apart.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use clew_pipeline::people_log::Cell;
use clew_pipeline::people_log::compare::{FoundDifference, Split};
use clew_pipeline::people_log::friction::{FoundFriction, FrictionAsked, FrictionPlace};
use clew_pipeline::reading;
use jiff::civil::Date;
use serde::Deserialize;
use utoipa::IntoParams;

use super::behind::{Paged, behind};
use super::paths::{Asked, Question, duration, list};
use crate::app::App;
use crate::calendar::start_of_day;
use crate::error::{Answer, ApiError};
use crate::extract::Params;
use crate::filter::short;
use crate::json::instant;
use crate::scoring::{share, shown};
use crate::wire::{Comparison, Estimate, Filter, FrictionExample, FrictionFinding, FrictionList, PeopleBehind, WayDifference};

/// Findings of each kind.
const MOST_OF_A_KIND: usize = 8;
/// Differences that are told.
const MOST_DIFFERENCES: usize = 60;

/// What friction is.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct FrictionParams {
    /// Event names that begin a contact; default those that are called like it.
    #[serde(default)]
    contacts: Option<String>,
    /// Event names that are failures; default those that are called like it.
    #[serde(default)]
    failures: Option<String>,
    /// A contact so soon after another is a repeat; default 7d.
    #[serde(default)]
    repeat_within: Option<String>,
    /// A longer silence ends an episode; default 1d.
    #[serde(default)]
    episode_gap: Option<String>,
    /// Silence that makes a dead end; default 30d.
    #[serde(default)]
    silence: Option<String>,
    /// A wait beyond this percentile of its edge is long: 50 to 99, default 90.
    #[serde(default)]
    long_wait: Option<u32>,
}

impl FrictionParams {
    fn read(self) -> Result<FrictionAsked, ApiError> {
        let usual = |name: &str, text: Option<String>, usual: &str| {
            Ok::<_, ApiError>(duration(name, text)?.unwrap_or_else(|| usual.parse().expect("it is a length of time")))
        };
        let long_wait_percentile = self.long_wait.unwrap_or(90);
        if !(50..=99).contains(&long_wait_percentile) {
            return Err(ApiError::invalid("`long_wait` is 50 to 99."));
        }
        Ok(FrictionAsked {
            contacts: list("contacts", self.contacts)?,
            failures: list("failures", self.failures)?,
            repeat_within: usual("repeat_within", self.repeat_within, "7d")?,
            episode_gap: usual("episode_gap", self.episode_gap, "1d")?,
            silence: usual("silence", self.silence, "30d")?,
            long_wait_percentile,
        })
    }
}

/// A place of friction.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PlaceCell {
    /// Its kind.
    kind: String,
    /// Event name, channel or team.
    from: String,
    /// The other one, where there is one.
    #[serde(default)]
    to: Option<String>,
}

/// Where do people repeat themselves, wait, are sent around, or give up?
#[utoipa::path(get, path = "/api/v1/friction", params(Filter, Asked, FrictionParams), responses((status = 200, body = FrictionList), (status = "default", body = crate::wire::ErrorBody)), tag = "pages")]
pub async fn friction(
    State(app): State<Arc<App>>,
    Params(filter): Params<Filter>,
    Params(asked): Params<Asked>,
    Params(params): Params<FrictionParams>,
) -> Answer<FrictionList> {
    let question = Question::of(&app, filter, asked).await?;
    let asked = params.read()?;
    let currency = app.definitions.currency.clone();
    let worth = match &currency {
        Some(currency) => question.log.worth(&app.session(), currency).await.map_err(ApiError::internal)?,
        None => Vec::new(),
    };
    let answer = question.answer(&app, move |question| {
        let found = question.log.friction(&question.selection, &asked, &worth, MOST_OF_A_KIND)?;
        let first = found.first_contact;
        let people = question.log.people(&question.selection);
        Ok(FrictionList {
            applied: question.applied,
            journey: question.journey.clone(),
            people,
            resolution: first.map(|first| share(first.resolved, first.contacts)),
            first_contact_resolution: first.map(|first| share(first.first_resolved, first.first_contacts)),
            too_young: first.map_or(0, |first| first.too_young),
            findings: found.findings.into_iter().map(|found| finding(found, people)).collect(),
            contacts: found.contacts,
            failures: found.failures,
            currency,
        })
    });
    answer.await.map(Json)
}

/// `everybody`: people of the selection.
fn finding(found: FoundFriction, everybody: u64) -> FrictionFinding {
    let time = |micros: i64| instant(micros).unwrap_or_default();
    let examples = found.examples.iter();
    FrictionFinding {
        kind: found.kind.as_str().to_owned(),
        // A failure fails whenever it happens: what can be told is how many people it met.
        share: match found.kind.as_str() {
            "failure" => share(found.people, everybody),
            _ => share(found.occurrences.min(found.opportunities), found.opportunities),
        },
        from: found.from,
        to: found.to,
        n: found.occurrences,
        people: found.people,
        lost_ms: found.lost_us.map(|lost| lost / 1_000),
        value: found.value,
        examples: examples
            .map(|(person, from, to)| FrictionExample { person_id: person.to_string(), from_at: time(*from), to_at: time(*to) })
            .collect(),
    }
}

/// The people of a place of friction.
#[utoipa::path(get, path = "/api/v1/friction/people", params(Filter, Asked, FrictionParams, PlaceCell, Paged), responses((status = 200, body = PeopleBehind), (status = "default", body = crate::wire::ErrorBody)), tag = "pages")]
pub async fn friction_people(
    State(app): State<Arc<App>>,
    Params(filter): Params<Filter>,
    Params(asked): Params<Asked>,
    Params(params): Params<FrictionParams>,
    Params(cell): Params<PlaceCell>,
    Params(paged): Params<Paged>,
) -> Answer<PeopleBehind> {
    let place = FrictionPlace {
        kind: cell.kind,
        from: short("from", cell.from)?,
        to: cell.to.filter(|to| !to.is_empty()).map(|to| short("to", to)).transpose()?,
    };
    let cell = Cell::Friction(params.read()?, place);
    behind(&app, Question::of(&app, filter, asked).await?, cell, Vec::new(), paged).await
}

/// Which groups.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CompareParams {
    /// `nps` (detractors and promoters), `date:2026-02-12` (before and from then on), `channel:app` (other channels and this one),
    /// or `attribute.<name>:<value>` (other people and those of the value).
    split: String,
    /// What comes within this time of an event is its outcome; default 7d.
    #[serde(default)]
    within: Option<String>,
}

/// What differs between two groups, or between before and after?
#[utoipa::path(get, path = "/api/v1/compare", params(Filter, Asked, CompareParams), responses((status = 200, body = Comparison), (status = "default", body = crate::wire::ErrorBody)), tag = "pages")]
pub async fn compare(
    State(app): State<Arc<App>>,
    Params(filter): Params<Filter>,
    Params(asked): Params<Asked>,
    Params(params): Params<CompareParams>,
) -> Answer<Comparison> {
    let within = duration("within", params.within)?.unwrap_or_else(|| "7d".parse().expect("it is a length of time"));
    let question = Question::of(&app, filter, asked).await?;
    let (split, a, b) = split(&app, &question, &short("split", params.split)?).await?;
    let comparison = question.answer(&app, move |question| {
        let (found, named) = question.log.compare(&question.selection, &split, within);
        Ok(Comparison {
            applied: question.applied,
            journey: question.journey.clone(),
            a,
            b,
            cases_a: found.cases.0,
            cases_b: found.cases.1,
            tests: found.tests as u64,
            found: found.differences.iter().filter(|difference| difference.found).count() as u64,
            differences: named.into_iter().take(MOST_DIFFERENCES).map(difference).collect(),
        })
    });
    comparison.await.map(Json)
}

/// The two sides and what they are called.
async fn split(app: &App, question: &Question, text: &str) -> Result<(Split, String, String), ApiError> {
    let wrong = || ApiError::invalid("`split` is none of nps, date:2026-02-12, channel:app, attribute.<name>:<value>.");
    if text == "nps" {
        let sides = question.log.detractors_and_promoters(&app.session()).await.map_err(ApiError::internal)?;
        return Ok((Split::People(sides.0, sides.1), "detractors".to_owned(), "promoters".to_owned()));
    }
    let (by, value) = text.split_once(':').ok_or_else(wrong)?;
    match by {
        "date" => {
            let day: Date = value.parse().map_err(|_| wrong())?;
            let at = start_of_day(day, &app.zone).ok_or_else(wrong)?;
            Ok((Split::At(at), format!("before {day}"), format!("from {day}")))
        }
        "channel" => Ok((Split::Channel(value.to_owned()), "other channels".to_owned(), value.to_owned())),
        by => {
            let name = by.strip_prefix("attribute.").ok_or_else(wrong)?;
            let values = question.log.attribute(&app.session(), name).await.map_err(ApiError::internal)?;
            Ok((Split::People(values.others(value), values.segment(value)), "others".to_owned(), value.to_owned()))
        }
    }
}

fn difference(found: FoundDifference) -> WayDifference {
    let FoundDifference { kind, activities, difference } = found;
    let (unit, method) = if kind == "wait" { (1e-3, "quantile") } else { (1.0, "cluster") };
    let told = |estimate: &reading::Estimate, method: &str| {
        let of = shown(estimate, method);
        let scaled = |value: Option<f64>| value.map(|value| value * unit);
        Estimate { estimate: scaled(of.estimate), lower: scaled(of.lower), upper: scaled(of.upper), ..of }
    };
    WayDifference {
        kind: kind.to_owned(),
        activities,
        a: told(&difference.a, method),
        b: told(&difference.b, method),
        difference: told(&difference.difference, "mover"),
        p_value: difference.adjusted_p_value,
        effect: difference.effect,
        stands_out: difference.found,
    }
}
