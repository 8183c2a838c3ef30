//! `GET /meta`: what this store is and which pages have something to show.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use crate::app::App;
use crate::calendar::{grain_name, grain_of, starting_at};
use crate::error::{Answer, ApiError};
use crate::json::instant;
use crate::pages::data::newest_run;
use crate::scoring::definition;
use crate::wire::{Meta, PeriodChoice, SliceChoice, SliceSize};

/// Values that the filter offers of one dimension.
const MOST_SLICES: usize = 50;
/// Pages and the tables that they read.
const PAGES: [(&str, &str); 6] = [
    ("overview", "scores"),
    ("scores", "scores"),
    ("people", "profiles"),
    ("journey", "journeys"),
    ("voice", "comments"),
    ("drivers", "drivers"),
];

/// What this store is.
#[utoipa::path(get, path = "/api/v1/meta", responses((status = 200, body = Meta), (status = "default", body = crate::wire::ErrorBody)), tag = "store")]
pub async fn meta(State(app): State<Arc<App>>) -> Answer<Meta> {
    let (span, last_run, capabilities, periods, slices, channels) =
        tokio::try_join!(span(&app), newest_run(&app), capabilities(&app), periods(&app), slices(&app), channels(&app))?;
    Ok(Json(Meta {
        company: app.company.clone(),
        timezone: app.definitions.timezone.clone(),
        currency: app.definitions.currency.clone(),
        language: app.definitions.language.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        data_from: span.from_us.and_then(instant),
        data_until: span.until_us.and_then(instant),
        last_run,
        next_run_at: app.next_run_at(),
        job: app.jobs.current(),
        capabilities,
        metrics: app.definitions.metrics.iter().map(definition).collect(),
        journeys: app.definitions.journey.journeys.iter().map(|journey| journey.name.clone()).collect(),
        periods,
        slices,
        channels,
    }))
}

/// First and last time of a fact.
#[derive(Debug, Deserialize)]
pub struct DataSpan {
    /// UTC microseconds.
    pub from_us: Option<i64>,
    /// UTC microseconds.
    pub until_us: Option<i64>,
}

/// First and last time of a fact.
pub async fn span(app: &App) -> Result<DataSpan, ApiError> {
    app.only(
        "SELECT CAST(min(first) AS BIGINT) AS from_us, CAST(max(last) AS BIGINT) AS until_us FROM \
         (SELECT min(occurred_at) AS first, max(occurred_at) AS last FROM events \
         UNION ALL SELECT min(answered_at) AS first, max(answered_at) AS last FROM responses)",
    )
    .await
}

async fn capabilities(app: &App) -> Result<Vec<String>, ApiError> {
    let mut pages = Vec::new();
    for (page, table) in PAGES {
        if app.lake.version(table).await?.is_some() {
            pages.push(page.to_owned());
        }
    }
    pages.push("data".to_owned());
    Ok(pages)
}

async fn periods(app: &App) -> Result<Vec<PeriodChoice>, ApiError> {
    #[derive(Deserialize)]
    struct Row {
        period: String,
        start_us: i64,
    }
    let sql = "SELECT DISTINCT period, CAST(period_start AS BIGINT) AS start_us FROM scores WHERE period_start IS NOT NULL";
    let mut periods: Vec<_> = app
        .rows::<Row>(sql)
        .await?
        .into_iter()
        .filter_map(|row| starting_at(row.start_us, grain_of(&row.period)?, &app.zone))
        .collect();
    // Coarse to fine, newest first.
    periods.sort_by(|a, b| b.grain_order().cmp(&a.grain_order()).then(b.first.cmp(&a.first)));
    let all = PeriodChoice { value: "all".to_owned(), period: "all".to_owned(), start: None };
    let choices = periods.into_iter().map(|period| PeriodChoice {
        value: period.name(),
        period: grain_name(period.grain).to_owned(),
        start: Some(period.first.to_string()),
    });
    Ok(std::iter::once(all).chain(choices).collect())
}

async fn slices(app: &App) -> Result<Vec<SliceChoice>, ApiError> {
    #[derive(Deserialize)]
    struct Row {
        slice_by: String,
        slice: String,
        n: u64,
    }
    let sql = "SELECT slice_by, slice, CAST(sum(n) AS BIGINT) AS n FROM scores WHERE period = 'all' AND slice_by <> 'all' \
               GROUP BY slice_by, slice ORDER BY slice_by, n DESC, slice";
    let mut choices: Vec<SliceChoice> = Vec::new();
    for row in app.rows::<Row>(sql).await? {
        if choices.last().is_none_or(|choice| choice.slice_by != row.slice_by) {
            choices.push(SliceChoice { slice_by: row.slice_by, values: Vec::new() });
        }
        if let Some(choice) = choices.last_mut().filter(|choice| choice.values.len() < MOST_SLICES) {
            choice.values.push(SliceSize { slice: row.slice, n: row.n });
        }
    }
    Ok(choices)
}

async fn channels(app: &App) -> Result<Vec<String>, ApiError> {
    #[derive(Deserialize)]
    struct Row {
        channel: String,
    }
    let sql = "SELECT channel, CAST(sum(n) AS BIGINT) AS n FROM (SELECT channel, count(*) AS n FROM events GROUP BY channel \
               UNION ALL SELECT channel, count(*) AS n FROM responses WHERE channel IS NOT NULL GROUP BY channel) \
               GROUP BY channel ORDER BY n DESC, channel";
    Ok(app.rows::<Row>(sql).await?.into_iter().map(|row| row.channel).collect())
}
