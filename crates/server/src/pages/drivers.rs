//! `GET /drivers`: what moves the score?

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::app::App;
use crate::error::{Answer, ApiError};
use crate::extract::Params;
use crate::filter::short;
use crate::scoring::{LEVEL, definition};
use crate::wire::{Applied, Driver, Drivers, Estimate, ScreenedOut};
use clew_lake::literal::Text;

/// Which metric and segment.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Which {
    /// Name in metrics.yaml; default the first that has drivers.
    #[serde(default)]
    metric: Option<String>,
    /// Segment; default all.
    #[serde(default)]
    segment: Option<String>,
}

/// A row of `drivers`.
#[derive(Clone, Debug, Deserialize)]
pub struct DriverRow {
    driver: String,
    family: String,
    kind: String,
    status: String,
    rank: Option<u64>,
    importance: Option<f64>,
    lower: Option<f64>,
    upper: Option<f64>,
    cumulative: Option<f64>,
    vital_few: bool,
    effect: Option<f64>,
    association: Option<f64>,
    performance: Option<f64>,
    /// Answers used.
    pub n: u64,
    /// Of the whole model.
    pub r_squared: Option<f64>,
    statistic: Option<f64>,
    p_value: Option<f64>,
    reason: Option<String>,
}

impl DriverRow {
    /// Whether it is a driver, and not a family or screened out.
    pub fn is_ranked(&self) -> bool {
        self.status == "driver" && self.kind != "family"
    }

    /// What is shown.
    pub fn driver(&self) -> Driver {
        let missing = self.importance.is_none() || self.lower.is_none();
        Driver {
            driver: self.driver.clone(),
            family: self.family.clone(),
            kind: self.kind.clone(),
            rank: self.rank.unwrap_or(0),
            importance: Estimate {
                estimate: self.importance,
                lower: self.lower,
                upper: self.upper,
                n: self.n,
                level: LEVEL,
                method: "bootstrap".to_owned(),
                reason: missing.then(|| "not_computed".to_owned()),
            },
            cumulative: self.cumulative,
            vital_few: self.vital_few,
            effect: self.effect,
            association: self.association,
            performance: self.performance,
        }
    }
}

/// What moves the score?
#[utoipa::path(get, path = "/api/v1/drivers", params(Which), responses((status = 200, body = Drivers), (status = "default", body = crate::wire::ErrorBody)), tag = "pages")]
pub async fn drivers(State(app): State<Arc<App>>, Params(which): Params<Which>) -> Answer<Drivers> {
    let metrics = metrics(&app).await?;
    let named = which.metric.filter(|name| !name.is_empty());
    let applied = Applied { period: false, slice: false, channel: false };
    let segment = short("segment", which.segment.filter(|segment| !segment.is_empty()).unwrap_or_else(|| "all".to_owned()))?;
    let metric = match named {
        Some(name) => Some(super::metric(&app, Some(&name))?),
        None => metrics.first().map(|name| super::metric(&app, Some(name))).transpose()?,
    };
    let mut answer = Drivers {
        applied,
        metric: metric.map(definition),
        segment,
        metrics,
        segments: Vec::new(),
        n: 0,
        r_squared: None,
        families: Vec::new(),
        drivers: Vec::new(),
        screened_out: Vec::new(),
    };
    let Some(metric) = metric else { return Ok(Json(answer)) };
    answer.segments = segments(&app, &metric.name).await?;
    let rows = table(&app, &metric.name, &answer.segment).await?;
    if let Some(row) = rows.iter().find(|row| row.status == "driver").or(rows.first()) {
        answer.n = row.n;
        answer.r_squared = row.r_squared;
    }
    answer.families = rows.iter().filter(|row| row.status == "driver" && row.kind == "family").map(DriverRow::driver).collect();
    answer.drivers = rows.iter().filter(|row| row.is_ranked()).map(DriverRow::driver).collect();
    answer.screened_out = rows.into_iter().filter(|row| row.status != "driver").map(screened_out).collect();
    Ok(Json(answer))
}

fn screened_out(row: DriverRow) -> ScreenedOut {
    ScreenedOut {
        driver: row.driver,
        family: row.family,
        kind: row.kind,
        statistic: row.statistic,
        p_value: row.p_value,
        reason: row.reason.unwrap_or_else(|| "not said".to_owned()),
        n: row.n,
    }
}

/// Metrics that have drivers, in the order of metrics.yaml.
pub async fn metrics(app: &App) -> Result<Vec<String>, ApiError> {
    #[derive(Deserialize)]
    struct Row {
        metric: String,
    }
    let found: Vec<Row> = app.rows("SELECT DISTINCT metric FROM drivers WHERE status = 'driver'").await?;
    let names = app.definitions.metrics.iter().map(|metric| &metric.name);
    Ok(names.filter(|name| found.iter().any(|row| row.metric == **name)).cloned().collect())
}

async fn segments(app: &App, metric: &str) -> Result<Vec<String>, ApiError> {
    #[derive(Deserialize)]
    struct Row {
        segment: String,
    }
    let sql = format!("SELECT DISTINCT segment FROM drivers WHERE metric = {}", Text(metric));
    let mut segments: Vec<String> = app.rows::<Row>(&sql).await?.into_iter().map(|row| row.segment).collect();
    segments.sort_by(|a, b| (a != "all", a).cmp(&(b != "all", b)));
    Ok(segments)
}

/// The rows of a metric in a segment: by rank, then the screened out by statistic.
pub async fn table(app: &App, metric: &str, segment: &str) -> Result<Vec<DriverRow>, ApiError> {
    app.rows(&format!(
        "SELECT driver, family, kind, status, rank, importance, lower, upper, cumulative, vital_few, effect, association, performance, n, \
         r_squared, statistic, p_value, reason FROM drivers WHERE metric = {} AND segment = {} \
         ORDER BY rank NULLS LAST, statistic DESC NULLS LAST, driver",
        Text(metric),
        Text(segment)
    ))
    .await
}
