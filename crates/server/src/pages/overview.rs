//! `GET /overview`: how is the experience, and what changed?

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use clew_pipeline::definitions::Metric;
use clew_pipeline::reading;
use serde::Deserialize;

use crate::app::App;
use crate::error::{Answer, ApiError};
use crate::extract::Params;
use crate::filter::Scope;
use crate::pages::drivers;
use crate::pages::journeys::stage_table;
use crate::pages::meta::{DataSpan, span};
use crate::pages::scores::{chosen, in_period};
use crate::scoring::{FEW, Pair, ScoreRow, kind_name, last_two, missing, score_rows, trend};
use crate::wire::{
    Applied, Change, Counts, DataGlance, Estimate, Filter, MetricMoved, Overview, ScoreCard, ScoreChange, SliceMoved,
    ThemeEmerged, TopDrivers, WeakestStage,
};

/// Changes shown.
const MOST_CHANGES: usize = 8;
/// z of the level at which intervals are made, 0.95.
const Z: f64 = 1.959_963_985;

/// How is the experience, and what changed?
#[utoipa::path(get, path = "/api/v1/overview", params(Filter), responses((status = 200, body = Overview), (status = "default", body = crate::wire::ErrorBody)), tag = "pages")]
pub async fn overview(State(app): State<Arc<App>>, Params(filter): Params<Filter>) -> Answer<Overview> {
    let scope = Scope::of(filter, &app.zone)?;
    let (rows, span, themes) = tokio::try_join!(all_scores(&app), span(&app), surging(&app))?;
    let mut applied = Applied { period: true, slice: scope.slice.is_none(), channel: scope.channel.is_none() };
    let mut scores = Vec::new();
    for metric in &app.definitions.metrics {
        scores.push(card(&app, metric, &rows, &scope, &span, &mut applied));
    }
    let changes = changes(&app, &rows, &span, themes);
    let (drivers, weakest_stages, counts, data) =
        tokio::try_join!(top_drivers(&app), weakest_stages(&app), counts(&app), glance(&app))?;
    Ok(Json(Overview { applied, scores, changes, drivers, weakest_stages, counts, data }))
}

/// Every row of `scores`: some thousands at most, and the overview needs most of them.
async fn all_scores(app: &App) -> Result<Vec<ScoreRow>, ApiError> {
    app.rows(&score_rows("true")).await
}

fn card(app: &App, metric: &Metric, rows: &[ScoreRow], scope: &Scope, span: &DataSpan, applied: &mut Applied) -> ScoreCard {
    let of_metric: Vec<&ScoreRow> = rows.iter().filter(|row| row.metric == metric.name).collect();
    let (slice, honoured) = chosen(&of_metric, scope);
    applied.slice |= honoured.slice;
    applied.channel |= honoured.channel;
    let asked = scope.slice.is_some() || scope.channel.is_some();
    let score = if asked && !honoured.slice && !honoured.channel {
        missing(0, "not_computed")
    } else {
        in_period(&slice, scope, &app.zone)
    };
    let change = last_two(&slice, metric, span.until_us, &app.zone).map(|pair| pair.change(metric.kind));
    ScoreCard {
        metric: metric.name.clone(),
        kind: kind_name(metric.kind).to_owned(),
        score,
        target: metric.target,
        trend: trend(&slice, metric, span.until_us, &app.zone),
        change,
    }
}

#[derive(Debug, Deserialize)]
struct Surging {
    theme_id: String,
    name: String,
    surge_ratio: f64,
    surge_p: f64,
    n: u64,
}

async fn surging(app: &App) -> Result<Vec<Surging>, ApiError> {
    let sql = "SELECT theme_id, name, surge_ratio, surge_p, n FROM themes WHERE surge_ratio > 1 AND surge_p < 0.05 ORDER BY surge_p, theme_id";
    app.rows(sql).await
}

/// What moved beyond chance, given how many comparisons were made. Whole metrics are a family of their own, so that a metric
/// does not have to stand out among all its slices.
fn changes(app: &App, rows: &[ScoreRow], span: &DataSpan, themes: Vec<Surging>) -> Vec<Change> {
    let mut pairs: Vec<(&Metric, Pair<'_>)> = Vec::new();
    for metric in &app.definitions.metrics {
        for slice in slices_of(rows, metric) {
            pairs.extend(last_two(&slice, metric, span.until_us, &app.zone).map(|pair| (metric, pair)));
        }
    }
    let compared: Vec<_> =
        pairs.into_iter().filter_map(|(metric, pair)| Some((metric, pair, pair.difference(metric.kind)?))).collect();
    let families: [Vec<_>; 2] = {
        let (whole, slices) = compared.into_iter().partition(|(_, pair, _)| pair.now.slice_by == "all");
        [whole, slices]
    };
    let moved = families.iter().flat_map(|family| {
        let differences: Vec<reading::Estimate> = family.iter().map(|(.., difference)| *difference).collect();
        family.iter().zip(reading::standing_out(&differences, Z)).filter_map(|((metric, pair, _), size)| {
            let change = pair.change(metric.kind);
            let size = size.filter(|_| change.verdict != "unclear")?;
            Some((size.abs(), moved(metric, pair, change)))
        })
    });
    // A p-value on the scale of standard errors, roughly: P(|Z| > z) ≈ exp(−z²/2).
    let surged = themes.into_iter().map(|theme| ((-2.0 * theme.surge_p.max(1e-300).ln()).sqrt(), Change::Theme(emerged(theme))));
    let mut all: Vec<(f64, Change)> = moved.chain(surged).collect();
    all.sort_by(|a, b| b.0.total_cmp(&a.0));
    all.into_iter().take(MOST_CHANGES).map(|(_, change)| change).collect()
}

/// The rows of a metric, slice by slice.
fn slices_of<'a>(rows: &'a [ScoreRow], metric: &Metric) -> Vec<Vec<&'a ScoreRow>> {
    let mut slices: std::collections::BTreeMap<(&str, &str), Vec<&ScoreRow>> = std::collections::BTreeMap::new();
    for row in rows.iter().filter(|row| row.metric == metric.name) {
        slices.entry((&row.slice_by, &row.slice)).or_default().push(row);
    }
    slices.into_values().collect()
}

fn moved(metric: &Metric, pair: &Pair<'_>, change: ScoreChange) -> Change {
    let (metric_name, metric_kind) = (metric.name.clone(), kind_name(metric.kind).to_owned());
    let (now, before): (Estimate, Estimate) = (pair.now.estimate(), pair.before.estimate());
    let ScoreChange { difference, period, period_start, previous_start, verdict } = change;
    if pair.now.slice_by == "all" {
        return Change::Score(MetricMoved {
            metric: metric_name,
            metric_kind,
            difference,
            period,
            period_start,
            previous_start,
            verdict,
            now,
            before,
        });
    }
    Change::Slice(SliceMoved {
        slice_by: pair.now.slice_by.clone(),
        slice: pair.now.slice.clone(),
        metric: metric_name,
        metric_kind,
        difference,
        period,
        period_start,
        previous_start,
        verdict,
        now,
        before,
    })
}

fn emerged(theme: Surging) -> ThemeEmerged {
    let Surging { theme_id, name, surge_ratio, surge_p, n } = theme;
    ThemeEmerged { theme_id, name, surge_ratio, surge_p, n }
}

async fn top_drivers(app: &App) -> Result<Option<TopDrivers>, ApiError> {
    let Some(metric) = drivers::metrics(app).await?.into_iter().next() else { return Ok(None) };
    let rows = drivers::table(app, &metric, "all").await?;
    let first = rows.iter().find(|row| row.is_ranked());
    Ok(first.map(|row| TopDrivers {
        metric: metric.clone(),
        r_squared: row.r_squared,
        n: row.n,
        top: rows.iter().filter(|row| row.is_ranked()).take(3).map(drivers::DriverRow::driver).collect(),
    }))
}

async fn weakest_stages(app: &App) -> Result<Vec<WeakestStage>, ApiError> {
    let mut weakest = Vec::new();
    for journey in &app.definitions.journey.journeys {
        let stages = stage_table(app, &journey.name).await?;
        let lossy = stages.into_iter().filter(|stage| stage.people >= FEW && stage.conversion.estimate.is_some());
        let worst =
            lossy.min_by(|a, b| a.conversion.estimate.partial_cmp(&b.conversion.estimate).unwrap_or(std::cmp::Ordering::Equal));
        weakest.extend(worst.map(|stage| WeakestStage { journey: journey.name.clone(), stage }));
    }
    Ok(weakest)
}

async fn counts(app: &App) -> Result<Counts, ApiError> {
    #[derive(Deserialize)]
    struct Row {
        people: u64,
        events: u64,
        responses: u64,
        comments: u64,
    }
    let sql = "SELECT (SELECT count(*) FROM profiles WHERE population = 'customer') AS people, (SELECT count(*) FROM events) AS events, \
               (SELECT count(*) FROM responses) AS responses, (SELECT count(*) FROM comments) AS comments";
    let row: Row = app.only(sql).await?;
    let sources = app.sources.sources.len() as u64;
    Ok(Counts { people: row.people, events: row.events, responses: row.responses, comments: row.comments, sources })
}

async fn glance(app: &App) -> Result<DataGlance, ApiError> {
    let sql = "SELECT count(*) FILTER (WHERE CASE WHEN target IS NULL THEN rows_read <> rows_mapped + rows_skipped + rows_unreadable \
               ELSE produced <> stored + duplicate + quarantined + rejected END) = 0 AS balanced, \
               CAST(coalesce(sum(quarantined), 0) AS BIGINT) AS quarantined, CAST(coalesce(sum(rows_unreadable), 0) AS BIGINT) AS unreadable \
               FROM accounting";
    app.only(sql).await
}
