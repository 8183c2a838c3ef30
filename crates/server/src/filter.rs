//! The filter bar as it reaches a page: checked, its period turned into bounds.

use clew_model::Channel;
use jiff::tz::TimeZone;

use crate::calendar::Period;
use crate::error::ApiError;
use crate::wire::{Applied, Filter};
use clew_lake::literal::{Instant, Text};

/// The longest text that a parameter may hold, in bytes.
pub const LONGEST_TEXT: usize = 400;

/// A checked filter.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// A calendar period; `None`: all time.
    pub period: Option<Period>,
    /// Its bounds, UTC microseconds, end exclusive.
    pub bounds: Option<(i64, i64)>,
    /// Dimension and value.
    pub slice: Option<(String, String)>,
    /// A channel.
    pub channel: Option<String>,
}

impl Scope {
    /// Checks `filter`.
    pub fn of(filter: Filter, zone: &TimeZone) -> Result<Self, ApiError> {
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let (period, bounds) = match given(filter.period).filter(|period| period != "all") {
            None => (None, None),
            Some(text) => {
                let wrong = || ApiError::invalid("`period` is none of all, 2026, 2026-Q2, 2026-06, 2026-W23 and 2026-06-30.");
                let period = Period::parse(&text).ok_or_else(wrong)?;
                (Some(period), Some(period.bounds(zone).ok_or_else(wrong)?))
            }
        };
        let slice = match (given(filter.slice_by), given(filter.slice)) {
            (Some(by), Some(slice)) => Some((short("slice_by", by)?, short("slice", slice)?)),
            (None, None) => None,
            _ => return Err(ApiError::invalid("`slice_by` and `slice` go together.")),
        };
        let channel = given(filter.channel);
        if channel.as_deref().is_some_and(|channel| Channel::parse(channel).is_none()) {
            let known: Vec<&str> = Channel::ALL.iter().map(|channel| channel.as_str()).collect();
            return Err(ApiError::invalid(format!("`channel` is none of {}.", known.join(", "))));
        }
        Ok(Self { period, bounds, slice, channel })
    }

    /// Conditions on a time column and a channel column, each beginning with ` AND`; empty where nothing is asked.
    pub fn conditions(&self, time: &str, channel: Option<&str>) -> String {
        let mut conditions = self.in_period(time);
        if let (Some(column), Some(channel)) = (channel, &self.channel) {
            conditions.extend([format!(" AND {column} = {}", Text(channel))]);
        }
        conditions
    }

    /// The condition on a time column alone.
    pub fn in_period(&self, time: &str) -> String {
        self.bounds
            .map_or_else(String::new, |(start, end)| format!(" AND {time} >= {} AND {time} < {}", Instant(start), Instant(end)))
    }

    /// Whether nothing is asked of period and channel.
    pub fn is_all(&self) -> bool {
        self.period.is_none() && self.channel.is_none()
    }

    /// What a page honours that applies period and channel as given, and no slice.
    pub fn applied(&self, period: bool, channel: bool) -> Applied {
        Applied {
            period: period || self.period.is_none(),
            slice: self.slice.is_none(),
            channel: channel || self.channel.is_none(),
        }
    }
}

/// Refuses a text that is longer than any that can match.
pub fn short(name: &str, text: String) -> Result<String, ApiError> {
    if text.len() > LONGEST_TEXT {
        return Err(ApiError::invalid(format!("`{name}` is longer than {LONGEST_TEXT} bytes.")));
    }
    Ok(text)
}

/// The number of items of a page: 50 where none was asked for, at most 200.
pub fn limit(asked: Option<u64>) -> Result<usize, ApiError> {
    match asked {
        None => Ok(50),
        Some(asked @ 1..=200) => Ok(asked as usize),
        Some(_) => Err(ApiError::invalid("`limit` is 1 to 200.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(filter: Filter) -> Result<Scope, ApiError> {
        Scope::of(filter, &TimeZone::UTC)
    }

    #[test]
    fn a_filter_that_cannot_be_meant_is_refused() {
        let text = |text: &str| Some(text.to_owned());
        assert!(scope(Filter { period: text("2026-13"), ..Filter::default() }).is_err());
        assert!(scope(Filter { channel: text("' OR 1=1 --"), ..Filter::default() }).is_err());
        assert!(scope(Filter { slice: text("north"), ..Filter::default() }).is_err());
        assert!(scope(Filter { slice_by: text("x"), slice: Some("x".repeat(500)), ..Filter::default() }).is_err());
        assert!(scope(Filter { period: text("all"), channel: text(""), ..Filter::default() }).unwrap().is_all());
    }
}
