//! `GET /scores`: can I trust this number, and for whom does it differ?

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use clew_pipeline::definitions::Metric;
use clew_pipeline::reading;
use jiff::tz::TimeZone;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::app::App;
use crate::calendar::grain_name;
use crate::error::{Answer, ApiError};
use crate::extract::Params;
use crate::filter::Scope;
use crate::pages::meta::span;
use crate::scoring::{ScoreRow, definition, last_two, missing, of_metric, score_rows, share, trend};
use crate::wire::{Applied, Dimension, Estimate, Filter, Health, ScoreCount, Scores, SliceScore};
use clew_lake::literal::Text;

/// Steps of a scale that are shown one by one.
const MOST_STEPS: f64 = 100.0;
/// Dimensions that are columns of `responses`.
const COLUMNS: [&str; 8] = ["channel", "survey", "question", "collector", "language", "population", "source", "respondent"];

/// Which metric.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Which {
    /// Name in metrics.yaml; default the first.
    #[serde(default)]
    metric: Option<String>,
}

/// Can I trust this number, and for whom does it differ?
#[utoipa::path(get, path = "/api/v1/scores", params(Filter, Which), responses((status = 200, body = Scores), (status = "default", body = crate::wire::ErrorBody)), tag = "pages")]
pub async fn scores(State(app): State<Arc<App>>, Params(filter): Params<Filter>, Params(which): Params<Which>) -> Answer<Scores> {
    let scope = Scope::of(filter, &app.zone)?;
    let metric = super::metric(&app, which.metric.as_deref())?;
    let sql = score_rows(&of_metric(metric));
    let (rows, span) = tokio::try_join!(app.rows::<ScoreRow>(&sql), span(&app))?;
    let rows: Vec<&ScoreRow> = rows.iter().collect();
    let (slice, honoured) = chosen(&rows, &scope);
    let score = in_period(&slice, &scope, &app.zone);
    let applied = Applied {
        period: true,
        slice: honoured.slice || scope.slice.is_none(),
        channel: honoured.channel || scope.channel.is_none(),
    };
    let asked = answers(metric, &scope, honoured);
    let (distribution, invited) = tokio::try_join!(distribution(&app, metric, &asked), invited(&app, &asked))?;
    let row = period_row(&slice, &scope, &app.zone);
    Ok(Json(Scores {
        applied,
        metric: definition(metric),
        trend: trend(&slice, metric, span.until_us, &app.zone),
        change: last_two(&slice, metric, span.until_us, &app.zone).map(|pair| pair.change(metric.kind)),
        slices: dimensions(&rows, metric, &scope, &app.zone),
        distribution,
        health: Health {
            answers: row.map_or(0, |row| row.n),
            out_of_scale: row.map_or(0, |row| row.out_of_scale),
            response_rate: invited,
        },
        score,
    }))
}

/// The rows of the slice that the filter asks for where the metric has it, else those of everything; and what was honoured.
pub fn chosen<'a>(rows: &[&'a ScoreRow], scope: &Scope) -> (Vec<&'a ScoreRow>, Applied) {
    let of = |by: &str, slice: &str| -> Vec<&'a ScoreRow> {
        rows.iter().filter(|row| row.slice_by == by && row.slice == slice).copied().collect()
    };
    let none = Applied { period: true, slice: false, channel: false };
    if let Some((by, slice)) = &scope.slice {
        let found = of(by, slice);
        if !found.is_empty() {
            return (found, Applied { slice: true, ..none });
        }
    } else if let Some(channel) = &scope.channel {
        let found = of("channel", channel);
        if !found.is_empty() {
            return (found, Applied { channel: true, ..none });
        }
    }
    (of("all", "all"), none)
}

fn period_row<'a>(slice: &[&'a ScoreRow], scope: &Scope, zone: &TimeZone) -> Option<&'a ScoreRow> {
    let Some(period) = scope.period else { return slice.iter().find(|row| row.period == "all").copied() };
    let start = period.bounds(zone).map(|(start, _)| start);
    slice.iter().find(|row| row.period == grain_name(period.grain) && row.start_us == start).copied()
}

/// The score in the filter's period. A period of another grain than the metric's has no row.
pub fn in_period(slice: &[&ScoreRow], scope: &Scope, zone: &TimeZone) -> Estimate {
    if let Some(row) = period_row(slice, scope, zone) {
        return row.estimate();
    }
    let grain = scope.period.map(|period| grain_name(period.grain));
    let has_grain = grain.is_none_or(|grain| slice.iter().any(|row| row.period == grain));
    missing(0, if has_grain { "empty" } else { "not_computed" })
}

fn dimensions(rows: &[&ScoreRow], metric: &Metric, scope: &Scope, zone: &TimeZone) -> Vec<Dimension> {
    let mut slices: BTreeMap<(&str, &str), Vec<&ScoreRow>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.slice_by != "all") {
        slices.entry((&row.slice_by, &row.slice)).or_default().push(row);
    }
    let mut names: Vec<&String> = metric.slices.iter().collect();
    names.sort();
    let mut dimensions: Vec<Dimension> =
        names.into_iter().map(|name| Dimension { slice_by: name.clone(), slices: Vec::new() }).collect();
    for ((by, slice), rows) in slices {
        let score = in_period(&rows, scope, zone);
        if let Some(dimension) = dimensions.iter_mut().find(|dimension| dimension.slice_by == by) {
            dimension.slices.push(SliceScore { slice: slice.to_owned(), score });
        }
    }
    for dimension in &mut dimensions {
        dimension.slices.sort_by(|a, b| b.score.n.cmp(&a.score.n).then_with(|| a.slice.cmp(&b.slice)));
    }
    dimensions
}

/// The condition for the answers behind the score: the metric's own, the period's, and the slice's where it was honoured.
fn answers(metric: &Metric, scope: &Scope, honoured: Applied) -> String {
    let mut condition = reading::answers_filter(metric) + &scope.in_period("r.answered_at");
    if let (true, Some((by, slice))) = (honoured.slice, &scope.slice) {
        condition.extend([format!(" AND {}", slice_condition(by, slice))]);
    }
    if let (true, Some(channel)) = (honoured.channel, &scope.channel) {
        condition.extend([format!(" AND r.channel = {}", Text(channel))]);
    }
    condition
}

/// The same reading of dimensions as the step `metrics` has: a column, a property, or an attribute as of the answer.
fn slice_condition(by: &str, slice: &str) -> String {
    if let Some(column) = COLUMNS.iter().find(|column| **column == by) {
        return format!("r.{column} = {}", Text(slice));
    }
    if let Some(name) = by.strip_prefix("property.") {
        return format!("json_as_text(r.properties, {}) = {}", Text(name), Text(slice));
    }
    let name = by.strip_prefix("attribute.").unwrap_or(by);
    format!(
        "EXISTS (SELECT 1 FROM subjects s JOIN attributes a ON a.person_id = s.person_id WHERE s.subject = r.subject AND a.name = {} \
         AND a.value = {} AND r.answered_at >= a.valid_from AND (a.valid_to IS NULL OR r.answered_at < a.valid_to))",
        Text(name),
        Text(slice)
    )
}

async fn distribution(app: &App, metric: &Metric, condition: &str) -> Result<Option<Vec<ScoreCount>>, ApiError> {
    let scale = metric.scale();
    let whole = scale.min.fract() == 0.0 && scale.max.fract() == 0.0 && scale.max - scale.min <= MOST_STEPS;
    if !whole {
        return Ok(None);
    }
    let sql = format!("SELECT r.score, count(*) AS n FROM responses_current r WHERE {condition} GROUP BY r.score");
    let given: Vec<ScoreCount> = app.rows(&sql).await?;
    if given.iter().any(|count| scale.contains(count.score) && count.score.fract() != 0.0) {
        return Ok(None);
    }
    let steps = 0..=(scale.max - scale.min) as u32;
    let count = |score: f64| given.iter().filter(|count| count.score.to_bits() == score.to_bits()).map(|count| count.n).sum();
    Ok(Some(steps.map(|step| scale.min + f64::from(step)).map(|score| ScoreCount { score, n: count(score) }).collect()))
}

/// Answered of invited. Only a source that also tells of invitations without an answer can say it: else every invitation that
/// is known was answered, and the share would be 1 by construction.
async fn invited(app: &App, condition: &str) -> Result<Estimate, ApiError> {
    #[derive(Deserialize)]
    struct Row {
        invited: u64,
        answered: u64,
    }
    let invited = condition.replacen("r.score IS NOT NULL", "r.invited_at IS NOT NULL", 1);
    let sql = format!("SELECT count(*) AS invited, count(r.score) AS answered FROM responses_current r WHERE {invited}");
    let row: Row = app.only(&sql).await?;
    Ok(if row.invited == row.answered { missing(row.invited, "not_computed") } else { share(row.answered, row.invited) })
}
