//! `GET /people/{person_id}/timeline`: events and answers of a person in one stream, newest first.
//!
//! Facts are picked by the person's subjects, which the index of the write path knows, those of a moment ago included. The newest facts are in
//! the log's tail, in memory; of the tables' files the engine decodes the subject column first and the others only for the rows
//! that it picks. No join: a subject belongs to one person for all time, until runs know time ranges.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::app::App;
use crate::cursor;
use crate::error::{Answer, ApiError};
use crate::extract::Params;
use crate::filter::{Scope, limit, short};
use crate::pages::person::Known;
use crate::wire::{Filter, Timeline, TimelineItem};
use clew_lake::literal::{Instant, Integer, Integers, Text, Texts};

/// Which part of the stream.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    /// Only this channel.
    #[serde(default)]
    channel: Option<String>,
    /// 1 to 200; default 50.
    #[serde(default)]
    limit: Option<u64>,
    /// Where the stream goes on.
    #[serde(default)]
    cursor: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Row {
    at_us: i64,
    #[serde(flatten)]
    item: TimelineItem,
}

/// Time, kind, source and id of the last item that was given.
type Key = (i64, String, String, String);

const EVENT: &str = "'event' AS kind, f.source, f.event_id AS id, f.occurred_at AS at, f.name, f.channel, f.direction, f.automated, f.reference, \
    f.conversation_id, f.outcome, f.duration_ms, f.team, f.location, f.product, f.amount, f.currency, f.text, CAST(NULL AS VARCHAR) AS response_kind, \
    CAST(NULL AS DOUBLE) AS score, CAST(NULL AS DOUBLE) AS scale_min, CAST(NULL AS DOUBLE) AS scale_max";
const RESPONSE: &str = "'response' AS kind, f.source, f.response_id AS id, f.answered_at AS at, f.question AS name, f.channel, \
    CAST(NULL AS VARCHAR) AS direction, CAST(NULL AS BOOLEAN) AS automated, f.about_reference AS reference, f.about_conversation AS conversation_id, \
    CAST(NULL AS VARCHAR) AS outcome, CAST(NULL AS BIGINT) AS duration_ms, CAST(NULL AS VARCHAR) AS team, CAST(NULL AS VARCHAR) AS location, \
    CAST(NULL AS VARCHAR) AS product, CAST(NULL AS DECIMAL(18, 4)) AS amount, CAST(NULL AS VARCHAR) AS currency, f.text, f.kind AS response_kind, \
    f.score, f.scale_min, f.scale_max";

/// Events and answers of a person.
#[utoipa::path(get, path = "/api/v1/people/{person_id}/timeline", params(("person_id" = String, Path, description = "Person"), Asked), responses((status = 200, body = Timeline), (status = "default", body = crate::wire::ErrorBody)), tag = "pages")]
pub async fn timeline(State(app): State<Arc<App>>, Path(id): Path<String>, Params(asked): Params<Asked>) -> Answer<Timeline> {
    let limit = limit(asked.limit)?;
    let scope = Scope::of(Filter { channel: asked.channel, ..Filter::default() }, &app.zone)?;
    let after: Option<Key> = cursor::read(asked.cursor.as_deref())?;
    let person = Known::find(&app, &short("person_id", id)?).await?;
    let mut rows = read(&app, &person, &scope, after, limit + 1).await?;
    let next_cursor =
        cursor::page(&mut rows, limit, |row| (row.at_us, row.item.kind.clone(), row.item.source.clone(), row.item.id.clone()));
    let sentiments = sentiments(&app, &rows).await?;
    let items = rows.into_iter().map(|Row { mut item, .. }| {
        item.sentiment = sentiments.get(&(item.kind.clone(), item.source.clone(), item.id.clone())).copied();
        if item.kind == "event" {
            let stage = app.definitions.stage_of(&item.name, item.channel.as_deref().unwrap_or_default());
            item.stage = stage.map(str::to_owned);
        }
        item
    });
    Ok(Json(Timeline { items: items.collect(), next_cursor }))
}

async fn read(app: &App, person: &Known, scope: &Scope, after: Option<Key>, rows: usize) -> Result<Vec<Row>, ApiError> {
    let channel = scope.channel.as_ref().map_or_else(String::new, |channel| format!(" AND f.channel = {}", Text(channel)));
    let half = |columns: &str, table: &str, time: &str| {
        // Facts after the cursor's time were given already: the engine skips the files of later times.
        let until = after.as_ref().map_or_else(String::new, |(at, ..)| format!(" AND f.{time} <= {}", Instant(*at)));
        format!("SELECT {columns} FROM {table} f WHERE f.subject IN {}{channel}{until}", Integers(&person.subjects))
    };
    let after = after.as_ref().map_or_else(String::new, |(at, kind, source, id)| {
        let (at, kind, source, id) = (Integer(*at), Text(kind), Text(source), Text(id));
        format!(
            " WHERE at_us < {at} OR (at_us = {at} AND (kind > {kind} OR (kind = {kind} AND (source > {source} OR (source = {source} AND id > {id})))))"
        )
    });
    let sql = format!(
        "SELECT * FROM (SELECT CAST(at AS BIGINT) AS at_us, * FROM ({} UNION ALL {})){after} ORDER BY at_us DESC, kind, source, id LIMIT {rows}",
        half(EVENT, "events_current", "occurred_at"),
        half(RESPONSE, "responses_current", "answered_at")
    );
    app.rows(&sql).await
}

/// Mean sentiment of the text units of each fact that has words, by kind, source and id.
async fn sentiments(app: &App, rows: &[Row]) -> Result<BTreeMap<(String, String, String), f64>, ApiError> {
    #[derive(Deserialize)]
    struct Said {
        about_table: String,
        source: String,
        fact_id: String,
        sentiment: f64,
    }
    let facts: Vec<&str> = rows.iter().filter(|row| row.item.text.is_some()).map(|row| row.item.id.as_str()).collect();
    if facts.is_empty() {
        return Ok(BTreeMap::new());
    }
    let sql = format!(
        "SELECT about_table, source, fact_id, avg(sentiment) AS sentiment FROM comments WHERE fact_id IN {} AND sentiment IS NOT NULL \
         GROUP BY about_table, source, fact_id",
        Texts(&facts)
    );
    let key = |said: Said| {
        let kind = if said.about_table == "events" { "event" } else { "response" };
        ((kind.to_owned(), said.source, said.fact_id), said.sentiment)
    };
    Ok(app.rows::<Said>(&sql).await?.into_iter().map(key).collect())
}
