//! Calendar periods in the project's zone: reading the filter's, naming and stepping through those of the tables.
//!
//! A period is known by its grain and its first local day. Its bounds in UTC come from the zone, so that a month in which
//! the clocks change has the right length.

use clew_pipeline::reading::Period as Grain;
use jiff::civil::{Date, ISOWeekDate, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan};

/// A period: a grain and its first local day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// Its length.
    pub grain: Grain,
    /// Its first local day.
    pub first: Date,
}

/// The word of a grain.
pub const fn grain_name(grain: Grain) -> &'static str {
    match grain {
        Grain::Day => "day",
        Grain::Week => "week",
        Grain::Month => "month",
        Grain::Quarter => "quarter",
        Grain::Year => "year",
    }
}

/// The grain of a word.
pub fn grain_of(name: &str) -> Option<Grain> {
    [Grain::Day, Grain::Week, Grain::Month, Grain::Quarter, Grain::Year].into_iter().find(|grain| grain_name(*grain) == name)
}

fn length(grain: Grain) -> Span {
    match grain {
        Grain::Day => 1.day(),
        Grain::Week => 1.week(),
        Grain::Month => 1.month(),
        Grain::Quarter => 3.months(),
        Grain::Year => 1.year(),
    }
}

impl Period {
    /// Reads `2026`, `2026-Q2`, `2026-06`, `2026-W23` or `2026-06-30`.
    pub fn parse(text: &str) -> Option<Self> {
        let year: i16 = text.get(..4)?.parse().ok()?;
        let rest = match text.get(4..)? {
            "" => return Some(Self { grain: Grain::Year, first: Date::new(year, 1, 1).ok()? }),
            rest => rest.strip_prefix('-')?,
        };
        let of = |grain, first: Result<Date, jiff::Error>| Some(Self { grain, first: first.ok()? });
        if let Some(quarter) = rest.strip_prefix('Q') {
            let quarter = quarter.parse::<i8>().ok().filter(|quarter| (1..=4).contains(quarter))?;
            return of(Grain::Quarter, Date::new(year, quarter * 3 - 2, 1));
        }
        if let Some(week) = rest.strip_prefix('W') {
            return of(Grain::Week, ISOWeekDate::new(year, week.parse().ok()?, Weekday::Monday).map(ISOWeekDate::date));
        }
        match rest.split_once('-') {
            None if rest.len() == 2 => of(Grain::Month, Date::new(year, rest.parse().ok()?, 1)),
            Some((month, day)) if month.len() == 2 && day.len() == 2 => {
                of(Grain::Day, Date::new(year, month.parse().ok()?, day.parse().ok()?))
            }
            _ => None,
        }
    }

    /// Its name in the filter.
    pub fn name(self) -> String {
        let first = self.first;
        match self.grain {
            Grain::Year => format!("{:04}", first.year()),
            Grain::Quarter => format!("{:04}-Q{}", first.year(), (first.month() + 2) / 3),
            Grain::Month => format!("{:04}-{:02}", first.year(), first.month()),
            Grain::Week => format!("{:04}-W{:02}", first.iso_week_date().year(), first.iso_week_date().week()),
            Grain::Day => first.to_string(),
        }
    }

    /// Longer grains are greater.
    pub const fn grain_order(self) -> u8 {
        match self.grain {
            Grain::Day => 0,
            Grain::Week => 1,
            Grain::Month => 2,
            Grain::Quarter => 3,
            Grain::Year => 4,
        }
    }

    /// The period before.
    pub fn before(self) -> Option<Self> {
        Some(Self { first: self.first.checked_sub(length(self.grain)).ok()?, ..self })
    }

    /// The first day after it.
    pub fn end(self) -> Option<Date> {
        self.first.checked_add(length(self.grain)).ok()
    }

    /// Its bounds, UTC microseconds, the end exclusive.
    pub fn bounds(self, zone: &TimeZone) -> Option<(i64, i64)> {
        Some((start_of_day(self.first, zone)?, start_of_day(self.end()?, zone)?))
    }

    /// Whether data that ends at `until` (UTC microseconds) covers it to its last day.
    pub fn is_full(self, until: Option<i64>, zone: &TimeZone) -> bool {
        let last = self.end().and_then(|end| end.yesterday().ok());
        let day = until.and_then(|until| day_of(until, zone));
        last.zip(day).is_some_and(|(last, day)| day >= last)
    }
}

/// The first instant of a local day, UTC microseconds.
pub fn start_of_day(day: Date, zone: &TimeZone) -> Option<i64> {
    Some(day.to_zoned(zone.clone()).ok()?.timestamp().as_microsecond())
}

/// The local day of an instant.
pub fn day_of(micros: i64, zone: &TimeZone) -> Option<Date> {
    Some(Timestamp::from_microsecond(micros).ok()?.to_zoned(zone.clone()).date())
}

/// The period of this grain that starts at `micros`.
pub fn starting_at(micros: i64, grain: Grain, zone: &TimeZone) -> Option<Period> {
    Some(Period { grain, first: day_of(micros, zone)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_period_reads_back_its_name() {
        for name in ["2026", "2026-Q2", "2026-06", "2026-W23", "2026-06-30", "2020-W53"] {
            assert_eq!(Period::parse(name).unwrap().name(), name);
        }
        for wrong in [
            "",
            "all",
            "26",
            "2026-",
            "2026-Q5",
            "2026-13",
            "2026-W54",
            "2026-02-30",
            "2026-6",
            "2026-06-30x",
            "\u{e9}\u{e9}\u{e9}",
        ] {
            assert_eq!(Period::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_month_with_a_clock_change_has_its_own_length() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let (start, end) = Period::parse("2026-03").unwrap().bounds(&zone).unwrap();
        assert_eq!((end - start) / 3_600_000_000, 31 * 24 - 1);
    }

    #[test]
    fn data_that_reaches_the_last_day_fills_the_period() {
        let zone = TimeZone::UTC;
        let until = |time: &str| Some(time.parse::<Timestamp>().unwrap().as_microsecond());
        let june = Period::parse("2026-06").unwrap();
        assert!(june.is_full(until("2026-06-30T08:00:00Z"), &zone));
        assert!(!june.is_full(until("2026-06-29T23:00:00Z"), &zone));
        assert!(!june.is_full(None, &zone));
        assert_eq!(june.before().unwrap().name(), "2026-05");
        assert_eq!(Period::parse("2026-Q1").unwrap().before().unwrap().name(), "2025-Q4");
    }
}
