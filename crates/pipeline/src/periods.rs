//! Calendar periods in the project's time zone: a month in São Paulo does not begin at midnight UTC.
//!
//! Times come in by the hundred thousand and fall into few days, so the start of a period is computed once per local day
//! and cached. A day's bounds come from `jiff`, which knows the days that a daylight-saving change makes 23 or 25 hours long.

use std::collections::BTreeMap;

use clew_insight::metric::Period;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// Starts of periods, with the days seen so far.
#[derive(Debug)]
pub struct Calendar {
    zone: TimeZone,
    /// Start of a local day → its end and its date; microseconds.
    days: BTreeMap<i64, (i64, Date)>,
}

impl Calendar {
    /// A calendar in the zone called `timezone` (IANA).
    pub fn new(timezone: &str) -> Result<Self, jiff::Error> {
        Ok(Self { zone: TimeZone::get(timezone)?, days: BTreeMap::new() })
    }

    /// The start of the period that holds `micros`, in UTC microseconds.
    pub fn start_of(&mut self, micros: i64, period: Period) -> Result<i64, jiff::Error> {
        let date = self.date_of(micros)?;
        let first = match period {
            Period::Day => date,
            Period::Week => date.checked_sub(i64::from(date.weekday().since(Weekday::Monday)).days())?,
            Period::Month => date.first_of_month(),
            Period::Quarter => Date::new(date.year(), (date.month() - 1) / 3 * 3 + 1, 1)?,
            Period::Year => date.first_of_year(),
        };
        Ok(first.to_zoned(self.zone.clone())?.timestamp().as_microsecond())
    }

    fn date_of(&mut self, micros: i64) -> Result<Date, jiff::Error> {
        if let Some((_, &(end, date))) = self.days.range(..=micros).next_back().filter(|(_, day)| micros < day.0) {
            debug_assert!(micros < end);
            return Ok(date);
        }
        let date = Timestamp::from_microsecond(micros)?.to_zoned(self.zone.clone()).date();
        let start = date.to_zoned(self.zone.clone())?.timestamp().as_microsecond();
        let end = date.tomorrow()?.to_zoned(self.zone.clone())?.timestamp().as_microsecond();
        self.days.insert(start, (end, date));
        Ok(date)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(timezone: &str, time: &str, period: Period) -> String {
        let micros = time.parse::<Timestamp>().unwrap().as_microsecond();
        let start = Calendar::new(timezone).unwrap().start_of(micros, period).unwrap();
        Timestamp::from_microsecond(start).unwrap().to_string()
    }

    #[test]
    fn a_month_starts_at_local_midnight() {
        assert_eq!(start("America/Sao_Paulo", "2018-03-01T02:30:00Z", Period::Month), "2018-02-01T02:00:00Z"); // summer time, UTC−2
        assert_eq!(start("America/Sao_Paulo", "2018-03-01T03:30:00Z", Period::Month), "2018-03-01T03:00:00Z");
        assert_eq!(start("UTC", "2018-03-01T02:30:00Z", Period::Month), "2018-03-01T00:00:00Z");
    }

    #[test]
    fn weeks_start_on_monday_and_quarters_in_their_first_month() {
        assert_eq!(start("UTC", "2026-11-22T10:00:00Z", Period::Week), "2026-11-16T00:00:00Z"); // a Sunday
        assert_eq!(start("UTC", "2026-11-22T10:00:00Z", Period::Quarter), "2026-10-01T00:00:00Z");
        assert_eq!(start("UTC", "2026-11-22T10:00:00Z", Period::Year), "2026-01-01T00:00:00Z");
    }

    /// 2018-11-04 began at 01:00 in São Paulo: midnight did not exist.
    #[test]
    fn a_day_without_midnight_has_a_start() {
        assert_eq!(start("America/Sao_Paulo", "2018-11-04T12:00:00Z", Period::Day), "2018-11-04T03:00:00Z");
    }
}
