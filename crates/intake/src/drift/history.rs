//! What a source looked like before, read from the tables: batches of files, UTC days of live sources.

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use clew_cleanse::profile::Profile;
use clew_lake::Lake;
use clew_lake::literal::{Text, Texts};
use clew_model::tables::Table;
use datafusion::error::DataFusionError;
use jiff::civil::Date;

use super::{HISTORY, Seen, Volumes, Window};
use crate::expect::time_of;
use crate::typing::convert::text;

/// Days that volumes are read of: ten weeks.
const VOLUME_DAYS: i64 = 70;
const DAY: i64 = 86_400_000_000;

/// A window and those before it.
#[derive(Debug, Default)]
pub struct Windows {
    /// The one that is looked at; `None` when nothing new was stored in it.
    pub now: Option<Window>,
    /// Those before, oldest first, at most [`HISTORY`].
    pub before: Vec<Window>,
    /// Facts stored by day.
    pub volumes: Volumes,
    /// Of a live source, the newest batch of the window.
    pub batch: Option<String>,
}

/// The UTC day of an instant in microseconds.
pub fn day_of(micros: i64) -> Date {
    let days = i32::try_from(micros.div_euclid(DAY)).unwrap_or(0);
    jiff::civil::date(1970, 1, 1).saturating_add(jiff::Span::new().days(days))
}

async fn rows(lake: &Lake, sql: &str) -> Result<Vec<RecordBatch>, DataFusionError> {
    lake.session().sql(sql).await?.collect().await
}

fn number(batch: &RecordBatch, at: usize) -> Result<arrow::array::Int64Array, DataFusionError> {
    let column = arrow::compute::cast(batch.column(at), &arrow::datatypes::DataType::Int64)?;
    Ok(column.as_primitive::<Int64Type>().clone())
}

/// One batch that stored something: its id, its facts and when it ended.
struct Stored {
    batch: String,
    facts: u64,
    at: i64,
}

/// Leaves out replays: their rows are those of the batches that brought them.
const NO_REPLAY: &str = "strpos(batch, '/') = 0";

/// The batches of `source` that stored something since `since` (microseconds), newest first.
async fn stored(lake: &Lake, source: &str, since: i64) -> Result<Vec<Stored>, DataFusionError> {
    let sql = format!(
        "SELECT batch, sum(stored), CAST(max(at) AS BIGINT) FROM accounting WHERE source = {} AND {NO_REPLAY} AND target IS NOT NULL \
         AND CAST(at AS BIGINT) >= {since} GROUP BY batch HAVING sum(stored) > 0 ORDER BY 3 DESC, 1",
        Text(source)
    );
    let mut found = Vec::new();
    for batch in rows(lake, &sql).await? {
        let (ids, facts, at) = (text(batch.column(0)), number(&batch, 1)?, number(&batch, 2)?);
        found.extend((0..batch.num_rows()).map(|row| Stored {
            batch: ids.value(row).to_owned(),
            facts: facts.value(row).max(0) as u64,
            at: at.value(row),
        }));
    }
    Ok(found)
}

/// The batch `batch` of a source of files, and those before it that stored something.
pub async fn batches(lake: &Lake, source: &str, batch: &str) -> Result<Windows, DataFusionError> {
    let all = stored(lake, source, i64::MIN).await?;
    let mut windows = Windows::default();
    for one in &all {
        let day = windows.volumes.entry(day_of(one.at)).or_default();
        day.0 += one.facts;
        day.1 += 1;
    }
    let Some(here) = all.iter().find(|one| one.batch == batch) else { return Ok(windows) };
    let wanted: Vec<&Stored> = all.iter().filter(|one| one.at <= here.at && one.batch != batch).take(HISTORY).collect();
    if wanted.is_empty() {
        windows.now = Some(Window { day: day_of(here.at), ..Window::default() });
        return Ok(windows);
    }
    let ids: Vec<&str> = wanted.iter().map(|one| one.batch.as_str()).chain([batch]).collect();
    let sql = format!(
        "SELECT batch, target, field, n, nulls, profile FROM field_quality WHERE source = {} AND batch IN {}",
        Text(source),
        Texts(&ids)
    );
    let mut by_batch = columns(&rows(lake, &sql).await?)?;
    let mut window = |one: &Stored| Window { day: day_of(one.at), columns: by_batch.remove(&one.batch).unwrap_or_default() };
    windows.now = Some(window(here));
    windows.before = wanted.into_iter().rev().map(window).filter(|window| !window.columns.is_empty()).collect();
    Ok(windows)
}

/// The newest finished UTC day of a live source before `today`, and the days before it.
pub async fn days(lake: &Lake, source: &str, today: Date) -> Result<Windows, DataFusionError> {
    let mut windows = Windows::default();
    let since = (epoch_day(today) - VOLUME_DAYS) * DAY;
    let sql = format!(
        "SELECT batch, sum(stored), CAST(at AS BIGINT) / {DAY} AS day, CAST(max(at) AS BIGINT) FROM accounting WHERE source = {} \
         AND {NO_REPLAY} AND target IS NOT NULL AND CAST(at AS BIGINT) >= {since} GROUP BY 1, 3 HAVING sum(stored) > 0 ORDER BY 4",
        Text(source)
    );
    for batch in rows(lake, &sql).await? {
        let (ids, facts, days) = (text(batch.column(0)), number(&batch, 1)?, number(&batch, 2)?);
        for row in 0..batch.num_rows() {
            let day = day_of(days.value(row) * DAY);
            if day >= today {
                continue;
            }
            let sum = windows.volumes.entry(day).or_default();
            sum.0 += facts.value(row).max(0) as u64;
            sum.1 += 1;
            windows.batch = Some(ids.value(row).to_owned());
        }
    }
    let Some((newest, _)) = windows.volumes.last_key_value() else { return Ok(windows) };
    let newest = *newest;
    let first = (epoch_day(newest) - HISTORY as i64) * DAY;
    let sql = format!(
        "SELECT CAST(CAST(at AS BIGINT) / {DAY} AS VARCHAR) AS day, target, field, n, nulls, profile FROM field_quality \
         WHERE source = {} AND CAST(at AS BIGINT) >= {first} AND CAST(at AS BIGINT) < {}",
        Text(source),
        (epoch_day(newest) + 1) * DAY
    );
    let mut by_day: BTreeMap<Date, Window> = BTreeMap::new();
    for (day, columns) in columns(&rows(lake, &sql).await?)? {
        let day = day_of(day.parse::<i64>().unwrap_or(0) * DAY);
        by_day.insert(day, Window { day, columns });
    }
    windows.now = Some(by_day.remove(&newest).unwrap_or(Window { day: newest, ..Window::default() }));
    windows.before = by_day.into_values().filter(|window| windows.volumes.contains_key(&window.day)).collect();
    Ok(windows)
}

/// Rows of `field_quality` by their first column, added up and merged.
fn columns(found: &[RecordBatch]) -> Result<BTreeMap<String, BTreeMap<super::FieldKey, Seen>>, DataFusionError> {
    let mut windows: BTreeMap<String, BTreeMap<super::FieldKey, Seen>> = BTreeMap::new();
    for batch in found {
        let words = |at: usize| text(batch.column(at));
        let (names, targets, fields, profiles) = (words(0), words(1), words(2), words(5));
        let (n, nulls) = (number(batch, 3)?, number(batch, 4)?);
        for row in 0..batch.num_rows() {
            let target = targets.is_valid(row).then(|| Table::find(targets.value(row))).flatten().map(|table| table.name);
            if target.is_none() && targets.is_valid(row) {
                continue;
            }
            let key = (target, fields.value(row).to_owned());
            let seen = windows.entry(names.value(row).to_owned()).or_default().entry(key).or_default();
            seen.n += n.value(row).max(0) as u64;
            seen.nulls += nulls.value(row).max(0) as u64;
            if let Some(profile) = profiles.is_valid(row).then(|| Profile::from_json(profiles.value(row))).flatten() {
                match &mut seen.profile {
                    Some(known) => known.merge(&profile),
                    none => *none = Some(profile),
                }
            }
        }
    }
    Ok(windows)
}

/// The raw columns that `source` has had in any batch, with how often they were missing.
pub async fn known_columns(lake: &Lake, source: &str) -> Result<BTreeMap<String, Seen>, DataFusionError> {
    let sql = format!(
        "SELECT field, sum(n), sum(nulls) FROM field_quality WHERE source = {} AND target IS NULL GROUP BY field",
        Text(source)
    );
    let mut known = BTreeMap::new();
    for batch in rows(lake, &sql).await? {
        let (fields, n, nulls) = (text(batch.column(0)), number(&batch, 1)?, number(&batch, 2)?);
        for row in 0..batch.num_rows() {
            let (n, nulls) = (n.value(row).max(0) as u64, nulls.value(row).max(0) as u64);
            known.insert(fields.value(row).to_owned(), Seen { n, nulls, profile: None });
        }
    }
    Ok(known)
}

/// When the newest fact of `source` was, microseconds.
pub async fn newest_fact(lake: &Lake, source: &str, tables: &[&str]) -> Result<Option<i64>, DataFusionError> {
    let mut newest = None;
    for table in tables {
        let time = time_of(table);
        let sql = format!("SELECT max({time}) FROM {table} WHERE source = {}", Text(source));
        for batch in rows(lake, &sql).await? {
            let column = batch.column(0).as_primitive::<TimestampMicrosecondType>();
            newest = newest.max(column.iter().flatten().max());
        }
    }
    Ok(newest)
}

/// What a live source brought on a day; times in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Brought {
    /// Rows.
    pub rows: u64,
    /// When the last of them came in.
    pub last_at: Option<i64>,
    /// When the first rows came in behind that day.
    pub next_at: Option<i64>,
}

/// What a live source brought on `day`.
pub async fn brought_on(lake: &Lake, source: &str, day: Date) -> Result<Brought, DataFusionError> {
    let from = epoch_day(day) * DAY;
    let (at, end) = ("CAST(at AS BIGINT)", from + DAY);
    let sql = format!(
        "SELECT sum(rows_read) FILTER (WHERE {at} < {end}), max({at}) FILTER (WHERE {at} < {end}), min({at}) FILTER (WHERE {at} >= {end}) \
         FROM accounting WHERE source = {} AND {NO_REPLAY} AND target IS NULL AND rows_read > 0 AND {at} >= {from}",
        Text(source)
    );
    let mut found = Brought::default();
    for batch in rows(lake, &sql).await? {
        let (sum, last, next) = (number(&batch, 0)?, number(&batch, 1)?, number(&batch, 2)?);
        found.rows = sum.iter().flatten().sum::<i64>().max(0) as u64;
        found.last_at = last.iter().flatten().max();
        found.next_at = next.iter().flatten().min();
    }
    Ok(found)
}

fn epoch_day(day: Date) -> i64 {
    day.since((jiff::Unit::Day, jiff::civil::date(1970, 1, 1))).map_or(0, |span| i64::from(span.get_days()))
}
