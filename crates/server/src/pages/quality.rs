//! `GET /data/quality`: how complete, valid, unique, consistent and timely values are, by source and field.
//!
//! Counts come from `field_quality`, which intake writes beside the facts; shares are made here. They are shares of a counted whole, so they
//! have an n and no interval. What was not counted is null with a reason, never 1. Only what came in the last [`DAYS`] days counts: a live source
//! adds rows for every chunk, and what was wrong a year ago says little about today.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use clew_model::tables::Table;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::app::App;
use crate::error::{Answer, ApiError};
use crate::extract::Params;
use crate::filter::short;
use crate::wire::{FieldQuality, Quality, QualityPoint, QualityShare, SourceQuality};
use clew_lake::literal::{Instant, Text};

/// Days that are looked at.
const DAYS: i64 = 30;
const HOUR_US: i64 = 3_600_000_000;
/// Points of a trend.
const MOST_POINTS: usize = 24;
/// Fields of one answer.
const MOST_FIELDS: usize = 2_000;
/// The field of a target that says when a fact happened: its profile describes how many seconds before it was received.
const TIME_FIELD: &str =
    "CASE target WHEN 'events' THEN 'occurred_at' WHEN 'responses' THEN 'answered_at' WHEN 'records' THEN 'valid_from' END";

/// Which source.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    /// Only of this source.
    #[serde(default)]
    source: Option<String>,
}

/// Quality by source and field.
#[utoipa::path(get, path = "/api/v1/data/quality", params(Asked), responses((status = 200, body = Quality), (status = "default", body = crate::wire::ErrorBody)), tag = "pages")]
pub async fn quality(State(app): State<Arc<App>>, Params(asked): Params<Asked>) -> Answer<Quality> {
    let source = asked.source.filter(|source| !source.is_empty()).map(|source| short("source", source)).transpose()?;
    if source.as_ref().is_some_and(|source| app.sources.find(source).is_none()) {
        return Err(ApiError::not_found("source"));
    }
    let nothing = |reason: &str| Ok(Json(Quality { reason: Some(reason.to_owned()), ..Quality::default() }));
    let only = recent(source.as_deref(), app.lake.now().micros());
    let (counts, checks) = tokio::try_join!(counts(&app, &only), checks(&app, &only))?;
    if counts.is_empty() {
        return nothing("Nothing was counted in the last 30 days: values are counted when a source comes in.");
    }
    let lags = lags(&counts);
    let fields = fields(counts, trend(&app, &only).await?, &checks);
    let mut names: Vec<&str> = fields.iter().map(|field| field.source.as_str()).collect();
    names.dedup();
    let sources = names.iter().map(|name| {
        let own: Vec<&Checks> = checks.iter().filter(|checks| checks.source == *name).collect();
        of_source(name, &fields, &own, lags.get(*name).copied())
    });
    let sources = sources.collect();
    Ok(Json(Quality { reason: None, sources, fields }))
}

/// The condition for what counts: of the source that is named, and young enough. It is cut at the full hour, so that a query keeps its text, and its place in
/// the cache, for that long.
fn recent(source: Option<&str>, now_us: i64) -> String {
    let since = Instant((now_us.div_euclid(HOUR_US) - DAYS * 24) * HOUR_US);
    let only = source.map_or_else(String::new, |source| format!("source = {} AND ", Text(source)));
    format!("{only}at >= {since}")
}

/// What was counted of a field. The last three come from a profile of some of its values.
#[derive(Debug, Deserialize)]
struct Count {
    source: String,
    target: Option<String>,
    field: String,
    n: u64,
    nulls: u64,
    invalid: u64,
    changed: u64,
    sampled: Option<u64>,
    distinct: Option<f64>,
    median_s: Option<f64>,
}

/// A field in a batch.
#[derive(Debug, Deserialize)]
struct Point {
    batch: String,
    at: String,
    source: String,
    target: Option<String>,
    field: String,
    n: u64,
    nulls: u64,
    invalid: u64,
}

/// Checks of the expectations over a field, or over whole rows. The rule `timely` is that facts came within the source's `freshness`.
#[derive(Debug, Deserialize)]
struct Checks {
    source: String,
    target: Option<String>,
    field: Option<String>,
    timely: bool,
    met: u64,
    checked: u64,
}

const COUNTS: &str = "CAST(sum(n) AS BIGINT) AS n, CAST(sum(nulls) AS BIGINT) AS nulls, CAST(sum(invalid) AS BIGINT) AS invalid";

async fn counts(app: &App, only: &str) -> Result<Vec<Count>, ApiError> {
    app.rows(&format!(
        "SELECT source, target, field, n, nulls, invalid, changed, CAST(profile_sampled(profile) AS BIGINT) AS sampled, \
         CAST(profile_distinct(profile) AS DOUBLE) AS distinct, \
         CASE WHEN field = {TIME_FIELD} THEN profile_quantile(profile, CAST(0.5 AS DOUBLE)) END AS median_s FROM \
         (SELECT source, target, field, {COUNTS}, CAST(sum(changed) AS BIGINT) AS changed, profile_merge(profile) AS profile \
         FROM field_quality WHERE {only} GROUP BY source, target, field LIMIT {MOST_FIELDS})"
    ))
    .await
}

async fn trend(app: &App, only: &str) -> Result<Vec<Point>, ApiError> {
    let mut points: Vec<Point> = app
        .rows(&format!(
            "SELECT batch, max(at) AS at, source, target, field, {COUNTS} FROM field_quality WHERE {only} AND batch IN \
             (SELECT batch FROM (SELECT source, batch, row_number() OVER (PARTITION BY source ORDER BY at DESC, batch DESC) AS place \
             FROM (SELECT source, batch, max(at) AS at FROM field_quality WHERE {only} GROUP BY source, batch)) \
             WHERE place <= {MOST_POINTS}) GROUP BY source, batch, target, field"
        ))
        .await?;
    points.sort_by(|a, b| (&a.at, &a.batch).cmp(&(&b.at, &b.batch)));
    Ok(points)
}

async fn checks(app: &App, only: &str) -> Result<Vec<Checks>, ApiError> {
    app.rows(&format!(
        "SELECT source, target, field, rule = 'timely' AS timely, CAST(sum(checked - failed) AS BIGINT) AS met, \
         CAST(sum(checked) AS BIGINT) AS checked FROM checks WHERE {only} GROUP BY source, target, field, rule = 'timely'"
    ))
    .await
}

/// The median time between happening and receipt by source, in seconds: that of its slowest target.
fn lags(counts: &[Count]) -> BTreeMap<String, f64> {
    let mut lags: BTreeMap<String, f64> = BTreeMap::new();
    for count in counts {
        if let Some(lag) = count.median_s {
            let slowest = lags.entry(count.source.clone()).or_insert(lag);
            *slowest = slowest.max(lag);
        }
    }
    lags
}

/// Fields with their trends and checks, in the order of their tables.
fn fields(counts: Vec<Count>, points: Vec<Point>, checks: &[Checks]) -> Vec<FieldQuality> {
    let mut fields: Vec<FieldQuality> = counts.into_iter().map(|count| of_field(count, checks)).collect();
    fields.sort_by_cached_key(|field| (field.source.clone(), place(field), field.field.clone()));
    for Point { batch, at, source, target, field, n, nulls, invalid } in points {
        let is_it = |known: &&mut FieldQuality| known.source == source && known.target == target && known.field == field;
        if let Some(known) = fields.iter_mut().find(is_it) {
            let given = n.saturating_sub(nulls);
            let (completeness, validity) = (share(given, n).share, share(given.saturating_sub(invalid), given).share);
            known.trend.push(QualityPoint { batch, at, n, completeness, validity });
        }
    }
    fields
}

/// Targets in the order of pages, columns in the order of their table; what has no place comes last.
fn place(field: &FieldQuality) -> (usize, usize) {
    let Some(target) = field.target.as_deref() else { return (usize::MAX, usize::MAX) };
    let columns = Table::find(target).map_or(&[][..], |table| table.columns);
    let at = |place: Option<usize>| place.unwrap_or(usize::MAX - 1);
    (
        at(super::data::TARGETS.iter().position(|name| *name == target)),
        at(columns.iter().position(|column| column.name == field.field)),
    )
}

fn of_field(count: Count, checks: &[Checks]) -> FieldQuality {
    let Count { source, target, field, n, nulls, invalid, changed, sampled, distinct, .. } = count;
    let given = n.saturating_sub(nulls);
    let own = checks.iter().filter(|checks| {
        !checks.timely && checks.source == source && checks.target == target && checks.field.as_deref() == Some(&field)
    });
    FieldQuality {
        completeness: share(given, n),
        validity: share(given.saturating_sub(invalid), given),
        // The sketch is off by a few percent: never more different values than values.
        uniqueness: match sampled.zip(distinct) {
            None => unknown("not_computed"),
            Some((0, _)) => unknown("empty"),
            Some((n, distinct)) => QualityShare { share: Some((distinct / n as f64).min(1.0)), n, reason: None },
        },
        consistency: met(own),
        trend: Vec::new(),
        source,
        target,
        field,
        n,
        nulls,
        invalid,
        changed,
    }
}

fn met<'a>(checks: impl Iterator<Item = &'a Checks>) -> QualityShare {
    let (met, checked) = checks.fold((0, 0), |(met, checked), one| (met + one.met, checked + one.checked));
    if checked == 0 { unknown("no_expectation") } else { share(met, checked) }
}

fn share(part: u64, n: u64) -> QualityShare {
    if n == 0 {
        return unknown("empty");
    }
    QualityShare { share: Some(part as f64 / n as f64), n, reason: None }
}

fn unknown(reason: &str) -> QualityShare {
    QualityShare { share: None, n: 0, reason: Some(reason.to_owned()) }
}

/// Sums over the fields of a source's targets; raw columns are the same values once more.
fn of_source(name: &str, fields: &[FieldQuality], checks: &[&Checks], lag_s: Option<f64>) -> SourceQuality {
    let own = || fields.iter().filter(|field| field.source == name && field.target.is_some());
    let sum = |of: fn(&FieldQuality) -> u64| own().map(of).sum::<u64>();
    let (n, nulls, invalid) = (sum(|field| field.n), sum(|field| field.nulls), sum(|field| field.invalid));
    let given = n.saturating_sub(nulls);
    let checks = |timely: bool| checks.iter().copied().filter(move |checks| checks.timely == timely);
    let mut timeliness = met(checks(true));
    if timeliness.share.is_none() {
        timeliness = unknown("no_bound");
    }
    SourceQuality {
        source: name.to_owned(),
        completeness: share(given, n),
        validity: share(given.saturating_sub(invalid), given),
        consistency: met(checks(false)),
        timeliness,
        median_lag_ms: lag_s.map(|seconds| (seconds * 1000.0).round() as i64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(target: Option<&str>, field: &str, [n, nulls, invalid]: [u64; 3]) -> Count {
        Count {
            source: "crm".into(),
            target: target.map(Into::into),
            field: field.into(),
            n,
            nulls,
            invalid,
            changed: 0,
            sampled: None,
            distinct: None,
            median_s: None,
        }
    }

    fn checks(field: Option<&str>, rule: &str, [met, checked]: [u64; 2]) -> Checks {
        let timely = rule == "timely";
        Checks { source: "crm".into(), target: Some("records".into()), field: field.map(Into::into), timely, met, checked }
    }

    #[test]
    fn shares_are_of_what_is_there_and_nothing_is_not_all() {
        let field = of_field(count(Some("records"), "city", [10, 4, 3]), &[]);
        assert_eq!((field.completeness.share, field.validity.share, field.validity.n), (Some(0.6), Some(0.5), 6));
        assert_eq!(
            (field.uniqueness.reason.as_deref(), field.consistency.reason.as_deref()),
            (Some("not_computed"), Some("no_expectation"))
        );
        let empty = of_field(count(Some("records"), "city", [10, 10, 0]), &[]);
        assert_eq!((empty.completeness.share, empty.validity.reason.as_deref()), (Some(0.0), Some("empty")));
    }

    #[test]
    fn thirty_days_are_looked_at_and_the_text_holds_for_an_hour() {
        let hour = 500_000 * HOUR_US;
        let since = Instant(hour - 30 * 86_400_000_000);
        assert_eq!(recent(Some("o'brien"), hour), format!("source = 'o''brien' AND at >= {since}"));
        assert_eq!(recent(None, hour), recent(None, hour + HOUR_US - 1));
        assert_ne!(recent(None, hour), recent(None, hour + HOUR_US));
    }

    #[test]
    fn uniqueness_is_of_the_sample_and_never_above_all() {
        let of = |sampled, distinct| {
            let count = Count { sampled, distinct, ..count(Some("records"), "city", [10, 0, 0]) };
            of_field(count, &[]).uniqueness
        };
        assert_eq!((of(Some(4), Some(1.0)).share, of(Some(4), Some(1.0)).n), (Some(0.25), 4));
        assert_eq!(of(Some(100), Some(103.0)).share, Some(1.0));
        assert_eq!(of(Some(0), Some(0.0)).reason.as_deref(), Some("empty"));
    }

    #[test]
    fn a_source_is_the_sum_of_its_targets_and_not_of_its_raw_columns() {
        let counts = vec![
            count(Some("records"), "city", [10, 5, 0]),
            count(Some("records"), "region", [10, 0, 5]),
            count(None, "Stadt", [10, 10, 0]),
        ];
        let told = [checks(Some("city"), "form", [3, 4]), checks(None, "form", [1, 4]), checks(None, "timely", [9, 10])];
        let fields = fields(counts, Vec::new(), &told);
        let source = of_source("crm", &fields, &told.iter().collect::<Vec<_>>(), Some(1.5));
        assert_eq!((source.completeness.share, source.completeness.n), (Some(0.75), 20));
        assert_eq!((source.validity.n, source.median_lag_ms), (15, Some(1_500)));
        assert_eq!((source.consistency.share, source.timeliness.share), (Some(0.5), Some(0.9)));
        assert_eq!(fields.iter().find(|field| field.field == "city").unwrap().consistency.share, Some(0.75));
        assert_eq!(of_source("crm", &fields, &[], None).timeliness.reason.as_deref(), Some("no_bound"));
    }

    #[test]
    fn fields_come_in_the_order_of_their_table_and_raw_columns_last() {
        let counts = vec![
            count(None, "a", [1, 0, 0]),
            count(Some("records"), "city", [1, 0, 0]),
            count(Some("records"), "full_name", [1, 0, 0]),
        ];
        let point = |batch: &str, nulls| Point {
            batch: batch.into(),
            at: String::new(),
            source: "crm".into(),
            target: Some("records".into()),
            field: "city".into(),
            n: 2,
            nulls,
            invalid: 0,
        };
        let fields = fields(counts, vec![point("1", 1), point("2", 2)], &[]);
        assert_eq!(fields.iter().map(|field| field.field.as_str()).collect::<Vec<_>>(), ["full_name", "city", "a"]);
        let trend: Vec<_> = fields[1].trend.iter().map(|point| (point.completeness, point.validity)).collect();
        assert_eq!(trend, [(Some(0.5), Some(1.0)), (Some(0.0), None)]);
    }
}
