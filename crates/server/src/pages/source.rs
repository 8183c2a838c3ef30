//! `GET /data/sources/{source}`: one source in depth: volume, equations by batch, alarms.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use utoipa::IntoParams;

use super::alarms;
use super::data::{TARGETS, as_of, newest, page_sources};
use super::volume::{Window, Windows, volumes};
use crate::app::App;
use crate::error::{Answer, ApiError};
use crate::extract::Params;
use crate::filter::limit;
use crate::json::instant;
use crate::wire::{BatchEquations, FactsEquation, RowsEquation, SourceDetail};
use clew_lake::literal::Text;

/// Hours of the volume by hour.
const HOURS: usize = 72;
/// Days of the volume by day.
const DAYS: usize = 90;
/// Files of a batch that are named.
const MOST_FILES: usize = 3;

/// How much of it.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    /// day (default; ninety days) or hour (seventy-two hours).
    #[serde(default)]
    grain: Option<String>,
    /// Batches: 1 to 200; default 50.
    #[serde(default)]
    limit: Option<u64>,
}

/// One source.
#[utoipa::path(get, path = "/api/v1/data/sources/{source}", params(("source" = String, Path, description = "Source"), Asked), responses((status = 200, body = SourceDetail), (status = "default", body = crate::wire::ErrorBody)), tag = "pages")]
pub async fn source(State(app): State<Arc<App>>, Path(name): Path<String>, Params(asked): Params<Asked>) -> Answer<SourceDetail> {
    let limit = limit(asked.limit)?;
    let grain = asked.grain.filter(|grain| !grain.is_empty()).unwrap_or_else(|| "day".to_owned());
    if grain != "day" && grain != "hour" {
        return Err(ApiError::invalid("`grain` is day or hour."));
    }
    if app.sources.find(&name).is_none() {
        return Err(ApiError::not_found("source"));
    }
    let newest = newest(&app).await?;
    let source =
        page_sources(&app, Some(&name), &newest).await?.into_iter().next().ok_or_else(|| ApiError::not_found("source"))?;
    let now = app.lake.now().micros();
    let window = |end| if grain == "hour" { Ok(Window::hours(end, HOURS)) } else { Window::days(end, DAYS, &app.zone) };
    let as_of = as_of(&app, &newest);
    let windows = Windows { history: as_of.map(window).transpose()?, present: window(now)? };
    let volumes = volumes(&app, windows, Some(&name)).await?;
    let volume = volumes.of(&name);
    let as_of = volume.map(|(window, _)| window.end()).or(as_of.filter(|_| !app.is_sent(&name))).and_then(instant);
    let volume = volume.map_or_else(Vec::new, |(window, counts)| window.points(counts));
    let ((batches, batches_total), alarms) = tokio::try_join!(batches(&app, &name, limit), alarms::alarms(&app, Some(&name)))?;
    Ok(Json(SourceDetail { source, as_of, grain, volume, batches, batches_total, alarms }))
}

#[derive(Debug, Deserialize)]
struct Row {
    batch: String,
    target: Option<String>,
    file: Option<String>,
    read: u64,
    mapped: u64,
    skipped: u64,
    unreadable: u64,
    produced: u64,
    stored: u64,
    duplicate: u64,
    quarantined: u64,
    rejected: u64,
    unbalanced: u64,
    first_at: String,
    last_at: String,
}

/// The newest `limit` batches of a source, and how many there are.
async fn batches(app: &App, source: &str, limit: usize) -> Result<(Vec<BatchEquations>, u64), ApiError> {
    #[derive(Deserialize)]
    struct Total {
        n: u64,
    }
    let source = Text(source);
    let sql = format!(
        "SELECT batch, target, file, {}, min(at) AS first_at, max(at) AS last_at FROM accounting WHERE source = {source} AND batch IN \
         (SELECT batch FROM accounting WHERE source = {source} GROUP BY batch ORDER BY max(at) DESC, batch DESC LIMIT {limit}) \
         GROUP BY batch, target, file",
        super::data::SUMS
    );
    let total = format!("SELECT count(DISTINCT batch) AS n FROM accounting WHERE source = {source}");
    let (rows, total) = tokio::try_join!(app.rows::<Row>(&sql), app.only::<Total>(&total))?;
    let mut batches: Vec<BatchEquations> = Vec::new();
    for row in rows {
        let at = batches.iter().position(|known| known.batch == row.batch).unwrap_or_else(|| {
            batches.push(BatchEquations {
                batch: row.batch.clone(),
                first_at: row.first_at.clone(),
                last_at: row.last_at.clone(),
                files: Vec::new(),
                files_total: 0,
                rows: RowsEquation { balanced: true, ..RowsEquation::default() },
                targets: Vec::new(),
            });
            batches.len() - 1
        });
        add(&mut batches[at], row);
    }
    for batch in &mut batches {
        batch.targets.sort_by_key(|target| TARGETS.iter().position(|name| *name == target.target));
        batch.files.sort_unstable();
        batch.files_total = batch.files.len() as u64;
        batch.files.truncate(MOST_FILES);
    }
    batches.sort_by(|a, b| (&b.last_at, &b.batch).cmp(&(&a.last_at, &a.batch)));
    Ok((batches, total.n))
}

/// Adds what became of one file's rows for one target. Times of one form compare as text: both come from the same column.
fn add(batch: &mut BatchEquations, row: Row) {
    if row.first_at < batch.first_at {
        batch.first_at = row.first_at;
    }
    if row.last_at > batch.last_at {
        batch.last_at = row.last_at;
    }
    batch.files.extend(row.file.filter(|file| !batch.files.contains(file)));
    let balanced = row.unbalanced == 0;
    let Some(target) = row.target else {
        let rows = &mut batch.rows;
        rows.read += row.read;
        rows.mapped += row.mapped;
        rows.skipped += row.skipped;
        rows.unreadable += row.unreadable;
        rows.balanced &= balanced;
        return;
    };
    let at = batch.targets.iter().position(|known| known.target == target).unwrap_or_else(|| {
        batch.targets.push(FactsEquation { target, balanced: true, ..FactsEquation::default() });
        batch.targets.len() - 1
    });
    let facts = &mut batch.targets[at];
    facts.produced += row.produced;
    facts.stored += row.stored;
    facts.duplicate += row.duplicate;
    facts.quarantined += row.quarantined;
    facts.rejected += row.rejected;
    facts.balanced &= balanced;
}
