//! `GET /process/people`, `/variants/people`, `/funnel/people`, `/retention/people`, `/paths/people`: who is behind a number.
//!
//! Each takes the parameters of its question and those of a cell, and gives the people in pages. The log knows ids; names and sums are
//! those of `profiles`, joined to a table of the ids that only this query sees.

use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};
use arrow::record_batch::RecordBatch;
use axum::Json;
use axum::extract::State;
use clew_lake::literal::{Integer, Text};
use clew_pipeline::people_log::{Cell, END, FunnelCell, START};
use serde::Deserialize;
use utoipa::IntoParams;

use super::paths::{Asked, FunnelParams, Question, RetentionParams, SessionParams, grouping, list, of_people, usual_steps};
use super::people::COLUMNS;
use crate::app::App;
use crate::cursor;
use crate::error::{Answer, ApiError};
use crate::extract::Params;
use crate::filter::{limit, short};
use crate::json;
use crate::wire::{Filter, PeopleBehind, PersonRow};

/// A page of people.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Paged {
    /// 1 to 200; default 50.
    #[serde(default)]
    limit: Option<u64>,
    /// Where the list goes on.
    #[serde(default)]
    cursor: Option<String>,
}

/// A place in the process map: an activity, or two that follow each other.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct MapCell {
    /// Event name.
    #[serde(default)]
    activity: Option<String>,
    /// Event name, or `(start)`.
    #[serde(default)]
    from: Option<String>,
    /// Event name, or `(end)`.
    #[serde(default)]
    to: Option<String>,
}

/// A way: event names in order, joined by commas or as a JSON list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct WayCell {
    /// The names.
    way: String,
}

/// People of a funnel.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct StepCell {
    /// How many steps they got to: 0 (none in order) to the number of steps.
    step: u64,
    /// Only those who got no further; default false.
    #[serde(default)]
    stopped: Option<bool>,
    /// Only those of this group of `by`; empty: without a value.
    #[serde(default)]
    group: Option<String>,
}

/// A cell of a retention table.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CohortCell {
    /// First local day of the cohort's period.
    cohort: String,
    /// Periods later; default 0.
    #[serde(default)]
    later: Option<u64>,
}

/// The people of a place in the process map.
#[utoipa::path(get, path = "/api/v1/process/people", params(Filter, Asked, MapCell, Paged), responses((status = 200, body = PeopleBehind), (status = "default", body = crate::wire::ErrorBody)), tag = "pages")]
pub async fn process(
    State(app): State<Arc<App>>,
    Params(filter): Params<Filter>,
    Params(asked): Params<Asked>,
    Params(cell): Params<MapCell>,
    Params(paged): Params<Paged>,
) -> Answer<PeopleBehind> {
    let cell = match (cell.activity, cell.from, cell.to) {
        (Some(activity), None, None) => Cell::Activity(activity),
        (None, Some(from), Some(to)) if from != END && to != START => Cell::Edge(from, to),
        _ => {
            return Err(ApiError::invalid(
                "Name an `activity`, or `from` and `to`; `(start)` can only be left and `(end)` only reached.",
            ));
        }
    };
    behind(&app, Question::of(&app, filter, asked).await?, cell, Vec::new(), paged).await
}

/// The people of a variant.
#[utoipa::path(get, path = "/api/v1/variants/people", params(Filter, Asked, WayCell, Paged), responses((status = 200, body = PeopleBehind), (status = "default", body = crate::wire::ErrorBody)), tag = "pages")]
pub async fn variants(
    State(app): State<Arc<App>>,
    Params(filter): Params<Filter>,
    Params(asked): Params<Asked>,
    Params(cell): Params<WayCell>,
    Params(paged): Params<Paged>,
) -> Answer<PeopleBehind> {
    let cell = Cell::Variant(list("way", Some(cell.way))?);
    behind(&app, Question::of(&app, filter, asked).await?, cell, Vec::new(), paged).await
}

/// The people of a step of a funnel.
#[utoipa::path(get, path = "/api/v1/funnel/people", params(Filter, Asked, FunnelParams, StepCell, Paged), responses((status = 200, body = PeopleBehind), (status = "default", body = crate::wire::ErrorBody)), tag = "pages")]
pub async fn funnel(
    State(app): State<Arc<App>>,
    Params(filter): Params<Filter>,
    Params(asked): Params<Asked>,
    Params(params): Params<FunnelParams>,
    Params(cell): Params<StepCell>,
    Params(paged): Params<Paged>,
) -> Answer<PeopleBehind> {
    let question = of_people(&app, filter, asked).await?;
    let (asked, by) = params.read(|| usual_steps(&app, &question.log))?;
    let grouping = grouping(&app, &question.log, by.as_deref()).await?;
    let group = match (grouping, cell.group) {
        (None, Some(_)) => return Err(ApiError::invalid("`group` goes with `by`.")),
        (grouping, group) => {
            grouping.zip(group).map(|(grouping, group)| (grouping, Some(group).filter(|group| !group.is_empty())))
        }
    };
    let wanted = FunnelCell { steps: cell.step as usize, stopped: cell.stopped.unwrap_or(false), group };
    behind(&app, question, Cell::Funnel(asked, wanted), Vec::new(), paged).await
}

/// The people of a cohort who came in a period.
#[utoipa::path(get, path = "/api/v1/retention/people", params(Filter, Asked, RetentionParams, CohortCell, Paged), responses((status = 200, body = PeopleBehind), (status = "default", body = crate::wire::ErrorBody)), tag = "pages")]
pub async fn retention(
    State(app): State<Arc<App>>,
    Params(filter): Params<Filter>,
    Params(asked): Params<Asked>,
    Params(params): Params<RetentionParams>,
    Params(cell): Params<CohortCell>,
    Params(paged): Params<Paged>,
) -> Answer<PeopleBehind> {
    let question = of_people(&app, filter, asked).await?;
    let (unit, of) = params.read()?;
    let later = cell.later.unwrap_or(0) as usize;
    let cell = Cell::Retention(unit, app.definitions.timezone.clone(), short("cohort", cell.cohort)?, later);
    behind(&app, question, cell, of, paged).await
}

/// The people who had a session that begins so.
#[utoipa::path(get, path = "/api/v1/paths/people", params(Filter, Asked, SessionParams, WayCell, Paged), responses((status = 200, body = PeopleBehind), (status = "default", body = crate::wire::ErrorBody)), tag = "pages")]
pub async fn paths(
    State(app): State<Arc<App>>,
    Params(filter): Params<Filter>,
    Params(asked): Params<Asked>,
    Params(params): Params<SessionParams>,
    Params(cell): Params<WayCell>,
    Params(paged): Params<Paged>,
) -> Answer<PeopleBehind> {
    let cell = Cell::Path(params.read(1)?, list("way", Some(cell.way))?);
    behind(&app, Question::of(&app, filter, asked).await?, cell, Vec::new(), paged).await
}

#[derive(Deserialize)]
struct Found {
    last_us: i64,
    #[serde(flatten)]
    person: PersonRow,
}

/// The people of a cell, in pages.
pub async fn behind(app: &App, question: Question, cell: Cell, only: Vec<String>, paged: Paged) -> Answer<PeopleBehind> {
    let (limit, after) = (limit(paged.limit)?, cursor::read::<(i64, String)>(paged.cursor.as_deref())?);
    let people = question.answer(app, move |asked| asked.log.people_of(&asked.selection, &cell, &only)).await?;
    let total = people.len() as u64;
    let ids = Arc::new(StringArray::from_iter_values(people.iter().map(ToString::to_string))) as ArrayRef;
    let session = app.session();
    session.register_batch("people_behind", RecordBatch::try_from_iter([("person_id", ids)])?)?;
    let after = after.map_or_else(String::new, |(last, id)| {
        let (last, id) = (Integer(last), Text(id.as_str()));
        format!(" WHERE last_us < {last} OR (last_us = {last} AND person_id > {id})")
    });
    let sql = format!(
        "SELECT * FROM (SELECT CAST(p.last_seen_at AS BIGINT) AS last_us, {COLUMNS} FROM profiles p \
         JOIN people_behind b ON p.person_id = b.person_id){after} ORDER BY last_us DESC, person_id LIMIT {}",
        limit + 1
    );
    let rows = Box::pin(async { Ok(session.sql(&sql).await?.collect().await?) });
    let mut rows: Vec<Found> = json::read(&app.limited(rows).await?)?;
    let next_cursor = cursor::page(&mut rows, limit, |row| (row.last_us, row.person.person_id.clone()));
    Ok(Json(PeopleBehind { total, people: rows.into_iter().map(|row| row.person).collect(), next_cursor }))
}
