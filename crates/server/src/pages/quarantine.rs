//! `GET /data/quarantine`, `POST /data/replay`, `POST /data/discard`: what could not be stored, and its repair.
//!
//! A replay is a job, as it may take minutes; an answer waits for it as long as a reader does, and gives its report. What takes longer
//! is answered with the job.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use clew_intake::{Action, MOST_EXAMPLES, Request};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::app::App;
use crate::cursor;
use crate::error::{Answer, ApiError};
use crate::extract::{Body, Params};
use crate::filter::{limit, short};
use crate::jobs::{Work, start};
use crate::wire::{DiscardRequest, Job, Quarantine, QuarantineItem, Repair, ReplayReport, ReplayRequest};
use clew_lake::literal::{Instant, Text, Texts};

/// How long an answer waits for the end of a replay.
const WAIT: Duration = Duration::from_secs(20);
/// Examples unless the request says how many.
const EXAMPLES: u64 = 3;
/// Who decides where the request does not say.
const COCKPIT: &str = "cockpit";

/// Which quarantined rows.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    /// Only of this source.
    #[serde(default)]
    source: Option<String>,
    /// Only for this reason.
    #[serde(default)]
    reason: Option<String>,
    /// Only of this table; rows: rows that never became a fact.
    #[serde(default)]
    target: Option<String>,
    /// open or closed; all when left out.
    #[serde(default)]
    state: Option<String>,
    /// 1 to 200; default 50.
    #[serde(default)]
    limit: Option<u64>,
    /// Where the list goes on.
    #[serde(default)]
    cursor: Option<String>,
}

#[derive(Debug, Deserialize)]
struct QuarantineRow {
    at_us: i64,
    #[serde(flatten)]
    item: Stored,
}

/// A row of the table.
#[derive(Debug, Deserialize)]
struct Stored {
    quarantine_id: String,
    source: String,
    batch: String,
    target: Option<String>,
    file: Option<String>,
    row_no: Option<i64>,
    reason: String,
    detail: String,
    raw: Option<String>,
    at: String,
}

/// Rows and facts that could not be stored.
#[utoipa::path(get, path = "/api/v1/data/quarantine", params(Asked), responses((status = 200, body = Quarantine), (status = "default", body = crate::wire::ErrorBody)), tag = "pages")]
pub async fn quarantine(State(app): State<Arc<App>>, Params(asked): Params<Asked>) -> Answer<Quarantine> {
    #[derive(Deserialize)]
    struct Total {
        n: u64,
    }
    let limit = limit(asked.limit)?;
    let after: Option<(i64, String)> = cursor::read(asked.cursor.as_deref())?;
    let from = match asked.state.as_deref().unwrap_or_default() {
        "" => "quarantine",
        "open" => "quarantine_open",
        "closed" => {
            "(SELECT q.* FROM quarantine q LEFT SEMI JOIN \
             (SELECT quarantine_id AS closed FROM repairs WHERE outcome <> 'quarantined') r ON r.closed = q.quarantine_id)"
        }
        _ => return Err(ApiError::invalid("`state` is open or closed.")),
    };
    let mut condition = "true".to_owned();
    let target = asked.target.filter(|target| !target.is_empty());
    let rows_only = target.as_deref() == Some("rows");
    if rows_only {
        condition.push_str(" AND target IS NULL");
    }
    for (column, value) in [("source", asked.source), ("reason", asked.reason), ("target", target.filter(|_| !rows_only))] {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            condition.extend([format!(" AND {column} = {}", Text(&short(column, value)?))]);
        }
    }
    let after = after.map_or_else(String::new, |(at, id)| {
        let (at, id) = (Instant(at), Text(&id).to_string());
        format!(" AND (at < {at} OR (at = {at} AND quarantine_id > {id}))")
    });
    let sql = format!(
        "SELECT CAST(at AS BIGINT) AS at_us, quarantine_id, source, batch, target, file, row_no, reason, detail, raw, at FROM {from} \
         WHERE {condition}{after} ORDER BY at DESC, quarantine_id LIMIT {}",
        limit + 1
    );
    let total = format!("SELECT count(*) AS n FROM {from} WHERE {condition}");
    let (mut rows, total) = tokio::try_join!(app.rows::<QuarantineRow>(&sql), app.only::<Total>(&total))?;
    let next_cursor = cursor::page(&mut rows, limit, |row| (row.at_us, row.item.quarantine_id.clone()));
    let items = with_repairs(&app, rows.into_iter().map(|row| row.item).collect()).await?;
    Ok(Json(Quarantine { items, next_cursor, total: total.n }))
}

#[derive(Deserialize)]
struct RepairRow {
    quarantine_id: String,
    #[serde(flatten)]
    repair: Repair,
}

/// The rows with the newest that was decided about each.
async fn with_repairs(app: &App, rows: Vec<Stored>) -> Result<Vec<QuarantineItem>, ApiError> {
    let ids: Vec<&str> = rows.iter().map(|row| row.quarantine_id.as_str()).collect();
    let sql = format!(
        "SELECT quarantine_id, outcome, edited, decided_by, at FROM repairs WHERE quarantine_id IN {} \
         ORDER BY at DESC, outcome <> 'quarantined' DESC, batch DESC",
        Texts(&ids)
    );
    let repairs: Vec<RepairRow> = if ids.is_empty() { Vec::new() } else { app.rows(&sql).await? };
    let item = |row: Stored| {
        let Stored { quarantine_id, source, batch, target, file, row_no, reason, detail, raw, at } = row;
        let repair = repairs.iter().find(|one| one.quarantine_id == quarantine_id).map(|one| one.repair.clone());
        QuarantineItem { quarantine_id, source, batch, target, file, row_no, reason, detail, raw, at, repair }
    };
    Ok(rows.into_iter().map(item).collect())
}

/// Takes rows in once more, as they are or edited, through the mapping as it is now.
#[utoipa::path(post, path = "/api/v1/data/replay", request_body = ReplayRequest, responses((status = 200, body = ReplayReport), (status = 202, description = "It still works: its report is that of the job", body = Job), (status = "default", body = crate::wire::ErrorBody)), tag = "work")]
pub async fn replay(State(app): State<Arc<App>>, Body(request): Body<ReplayRequest>) -> Result<Response, ApiError> {
    let ReplayRequest { which, edits, dry_run, examples, show, decided_by } = request;
    let request = Request {
        which: which.into(),
        edits,
        action: Action::Replay,
        dry_run,
        decided_by: decider(decided_by)?,
        examples: told(examples)?,
        show,
    };
    done(&app, request).await
}

/// Closes rows without taking them in.
#[utoipa::path(post, path = "/api/v1/data/discard", request_body = DiscardRequest, responses((status = 200, body = ReplayReport), (status = 202, description = "It still works: its report is that of the job", body = Job), (status = "default", body = crate::wire::ErrorBody)), tag = "work")]
pub async fn discard(State(app): State<Arc<App>>, Body(request): Body<DiscardRequest>) -> Result<Response, ApiError> {
    let DiscardRequest { which, reason, dry_run, examples, show, decided_by } = request;
    let request = Request {
        which: which.into(),
        action: Action::Discard { reason: short("reason", reason)? },
        dry_run,
        decided_by: decider(decided_by)?,
        examples: told(examples)?,
        show,
        ..Request::default()
    };
    done(&app, request).await
}

fn told(examples: Option<u64>) -> Result<usize, ApiError> {
    match examples.unwrap_or(EXAMPLES) {
        n if n <= MOST_EXAMPLES as u64 => Ok(n as usize),
        _ => Err(ApiError::invalid(format!("`examples` is 0 to {MOST_EXAMPLES}."))),
    }
}

fn decider(name: Option<String>) -> Result<String, ApiError> {
    short("decided_by", name.filter(|name| !name.is_empty()).unwrap_or_else(|| COCKPIT.to_owned()))
}

/// Starts the work and answers with its report, or with the job where it takes long.
async fn done(app: &Arc<App>, request: Request) -> Result<Response, ApiError> {
    request.check().map_err(|error| ApiError::invalid(format!("{error}.")))?;
    let job = start(app, Work::Replay(request))?;
    // Whether it has ended by then is told by the job itself.
    let _ = tokio::time::timeout(WAIT, app.jobs.ended(&job.job_id)).await;
    let now = app.jobs.find(&job.job_id).unwrap_or(job);
    match (now.status.as_str(), &now.report, &now.error) {
        ("done", Some(report), _) => Ok(Json(ReplayReport::deserialize(report).map_err(ApiError::internal)?).into_response()),
        ("failed", _, Some(error)) if clew_intake::is_replay_refusal(error) => Err(ApiError::invalid(error.clone())),
        ("failed", _, error) => Err(ApiError::internal(error.as_deref().unwrap_or_default())),
        _ => Ok((StatusCode::ACCEPTED, Json(now)).into_response()),
    }
}
