//! How much came in when: facts by the hour or local day in which they happened.
//!
//! By when things happened, not when they were read: a hole in a history that was imported at one go is seen this way. Records without a
//! time of their own count when they were received. For sources that are sent the window ends now; for those that are read it ends with
//! their newest fact where all are long ago, so that a history stays readable while something live comes in beside it. The engine
//! counts by UTC hours; days are cut here in the project's zone, so in zones of half hours the hour around midnight counts to the day in
//! which it begins.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::Deserialize;

use crate::app::App;
use crate::error::ApiError;
use crate::json::instant;
use crate::wire::VolumePoint;
use clew_lake::literal::{Instant, Text, Texts};

const HOUR_US: i64 = 3_600_000_000;

/// Stretches of time that lie side by side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// The beginning of each, UTC microseconds, oldest first.
    starts: Vec<i64>,
    /// The instant that it was made for: the last stretch goes on behind it.
    end: i64,
}

impl Window {
    /// The `n` local days up to and with that of `as_of`.
    pub fn days(as_of: i64, n: usize, zone: &TimeZone) -> Result<Self, ApiError> {
        let last = Timestamp::from_microsecond(as_of)?.to_zoned(zone.clone()).date();
        let start = |back: usize| {
            let day = last.checked_sub((back as i64).days())?;
            Ok::<i64, jiff::Error>(day.to_zoned(zone.clone())?.timestamp().as_microsecond())
        };
        let starts = (0..n).rev().map(start).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { starts, end: as_of })
    }

    /// The `n` hours up to and with that of `as_of`.
    pub fn hours(as_of: i64, n: usize) -> Self {
        let last = as_of.div_euclid(HOUR_US) * HOUR_US;
        Self { starts: (0..n as i64).rev().map(|back| last - back * HOUR_US).collect(), end: as_of }
    }

    /// Facts by stretch, of hours with their counts.
    fn sum(&self, hours: impl Iterator<Item = (i64, u64)>) -> Vec<u64> {
        let mut sums = vec![0; self.starts.len()];
        for (hour, n) in hours {
            if let Some(place) = self.starts.partition_point(|start| *start <= hour).checked_sub(1) {
                sums[place] += n;
            }
        }
        sums
    }

    /// The instant that it was made for, UTC microseconds.
    pub fn end(&self) -> i64 {
        self.end
    }

    /// Its bounds, the end exclusive: on the full hour, so that a query keeps its text, and its place in the cache, for that long.
    fn bounds(&self) -> (i64, i64) {
        let until = (self.end.div_euclid(HOUR_US) + 1) * HOUR_US;
        (self.starts.first().copied().unwrap_or(until), until)
    }

    /// The stretches with their counts.
    pub fn points(&self, counts: &[u64]) -> Vec<VolumePoint> {
        let point = |(start, n): (&i64, &u64)| VolumePoint { start: instant(*start).unwrap_or_default(), n: *n };
        self.starts.iter().zip(counts).map(point).collect()
    }
}

/// Where facts are counted.
#[derive(Clone, Debug)]
pub struct Windows {
    /// Facts of sources that are read, by when they happened; none where nothing did.
    pub history: Option<Window>,
    /// Facts of sources that are sent, and what has no time of its own, by when it was received.
    pub present: Window,
}

/// Facts by source and stretch.
#[derive(Debug)]
pub struct Volumes {
    windows: Windows,
    history: BTreeMap<String, Vec<u64>>,
    present: BTreeMap<String, Vec<u64>>,
}

impl Volumes {
    /// The window and the counts of `source`; none where it has no facts in it.
    pub fn of(&self, source: &str) -> Option<(&Window, &[u64])> {
        let history = self.windows.history.as_ref().zip(self.history.get(source));
        let (window, counts) = history.or_else(|| Some((&self.windows.present, self.present.get(source)?)))?;
        Some((window, counts.as_slice()))
    }
}

/// Facts by stretch; of one source where it is named.
pub async fn volumes(app: &App, windows: Windows, source: Option<&str>) -> Result<Volumes, ApiError> {
    let only = source.map_or_else(|| "true".to_owned(), |name| format!("source = {}", Text(name)));
    let sent: Vec<&str> = app.door.sources().iter().map(|source| source.name()).collect();
    let is_sent = format!("source IN {}", Texts(&sent));
    let is_read = if sent.is_empty() { "true".to_owned() } else { format!("source NOT IN {}", Texts(&sent)) };
    let happened = |window: &Window, of: &str| {
        let tables = [("events", "occurred_at"), ("responses", "answered_at"), ("records", "valid_from")];
        tables.map(|(table, column)| facts(window, table, column, &format!("{only} AND {of}"))).join(" UNION ALL ")
    };
    let history = async {
        match &windows.history {
            Some(window) => counted(app, window, &happened(window, &is_read)).await,
            None => Ok(BTreeMap::new()),
        }
    };
    let window = &windows.present;
    let received = facts(window, "records", "received_at", &format!("{only} AND valid_from IS NULL"));
    let present = if sent.is_empty() { received } else { format!("{} UNION ALL {received}", happened(window, &is_sent)) };
    let (history, present) = tokio::try_join!(history, counted(app, window, &present))?;
    Ok(Volumes { windows, history, present })
}

/// A query for the source and time of the facts of `table` in `window`.
fn facts(window: &Window, table: &str, column: &str, condition: &str) -> String {
    let (from, until) = window.bounds();
    let (from, until) = (Instant(from), Instant(until));
    format!("SELECT source, {column} AS at FROM {table} WHERE {column} >= {from} AND {column} < {until} AND {condition}")
}

/// How many of `facts` (source, at) lie in each stretch.
async fn counted(app: &App, window: &Window, facts: &str) -> Result<BTreeMap<String, Vec<u64>>, ApiError> {
    #[derive(Deserialize)]
    struct Hour {
        source: String,
        start_us: i64,
        n: u64,
    }
    let sql =
        format!("SELECT source, CAST(date_trunc('hour', at) AS BIGINT) AS start_us, count(*) AS n FROM ({facts}) GROUP BY 1, 2");
    let mut by_source: BTreeMap<String, Vec<(i64, u64)>> = BTreeMap::new();
    for Hour { source, start_us, n } in app.rows(&sql).await? {
        by_source.entry(source).or_default().push((start_us, n));
    }
    Ok(by_source.into_iter().map(|(source, hours)| (source, window.sum(hours.into_iter()))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn micros(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_microsecond()
    }

    #[test]
    fn days_are_local_and_a_day_of_changing_clocks_has_its_length() {
        let zone = TimeZone::get("Europe/Dublin").unwrap();
        let window = Window::days(micros("2026-03-30T10:00:00Z"), 3, &zone).unwrap();
        let starts: Vec<String> = window.points(&[0, 0, 0]).into_iter().map(|point| point.start).collect();
        assert_eq!(starts, ["2026-03-28T00:00:00Z", "2026-03-29T00:00:00Z", "2026-03-29T23:00:00Z"]);
        let hours = [("2026-03-27T23:00:00Z", 1), ("2026-03-29T22:00:00Z", 2), ("2026-03-29T23:00:00Z", 4)];
        assert_eq!(window.sum(hours.map(|(at, n)| (micros(at), n)).into_iter()), [0, 2, 4]);
    }

    #[test]
    fn hours_end_with_the_one_that_is_going_on() {
        let window = Window::hours(micros("2026-03-30T10:20:00Z"), 2);
        assert_eq!(window.points(&[1, 2])[0], VolumePoint { start: "2026-03-30T09:00:00Z".to_owned(), n: 1 });
        assert_eq!(window.sum([(micros("2026-03-30T10:00:00Z"), 3)].into_iter()), [0, 3]);
        assert_eq!(window.bounds(), (micros("2026-03-30T09:00:00Z"), micros("2026-03-30T11:00:00Z")));
    }
}
