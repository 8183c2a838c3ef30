//! The hour on the customer's clock: weekday, hour of the day, and whether a desk was open.
//!
//! An instant alone says nothing about a working day; with the offset of the place it does. Opening hours are blocks on weekdays,
//! several a day (a lunch break), possibly over midnight, and days that are closed altogether. Half-open: a desk that
//! closes at 17:00 is closed at 17:00.
//!
//! Deliberately missing: time zones (the offset comes in) and elapsed business time between two instants.

use jiff::civil::{Date, Weekday};

/// Minutes of a day.
const DAY_MIN: i64 = 1440;
/// Days from 1970-01-01 that a calendar date can have here.
const MAX_DAYS: i64 = 2_900_000;

/// A local moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalTime {
    /// The calendar day.
    pub date: Date,
    /// Minutes since midnight, 0 to 1439.
    pub minute: u16,
}

impl LocalTime {
    /// The local moment of an instant (UTC microseconds since 1970) at an offset in minutes east of UTC; `None` outside years -9999 to 9999.
    pub fn new(instant_us: i64, utc_offset_min: i32) -> Option<Self> {
        let minutes = instant_us.div_euclid(60_000_000) + i64::from(utc_offset_min);
        let (days, minute) = (minutes.div_euclid(DAY_MIN), minutes.rem_euclid(DAY_MIN));
        if days.abs() > MAX_DAYS {
            return None;
        }
        let date = jiff::civil::date(1970, 1, 1).checked_add(jiff::Span::new().days(days)).ok()?;
        Some(Self { date, minute: minute as u16 })
    }

    /// Monday 1 to Sunday 7 (ISO 8601).
    pub fn weekday(self) -> u8 {
        self.date.weekday().to_monday_one_offset() as u8
    }

    /// The hour, 0 to 23.
    pub const fn hour(self) -> u8 {
        (self.minute / 60) as u8
    }

    /// Whether it is Saturday or Sunday.
    pub fn is_weekend(self) -> bool {
        matches!(self.date.weekday(), Weekday::Saturday | Weekday::Sunday)
    }
}

/// One block of opening hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Monday 1 to Sunday 7.
    pub weekday: u8,
    /// First open minute of the day, 0 to 1439.
    pub from: u16,
    /// First closed minute; above 1440 it reaches into the next day.
    pub to: u16,
}

/// When a desk is open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BusinessHours {
    /// Blocks in any order; they may overlap.
    pub blocks: Vec<Block>,
    /// Days that are closed altogether, sorted.
    pub holidays: Vec<Date>,
}

impl BusinessHours {
    /// The same hours from Monday to Friday.
    pub fn weekdays(from: u16, to: u16) -> Self {
        Self { blocks: (1..=5).map(|weekday| Block { weekday, from, to }).collect(), holidays: Vec::new() }
    }

    /// Whether the desk is open.
    pub fn is_open(&self, at: LocalTime) -> bool {
        let open = |date: Date, minute: u16| {
            let weekday = date.weekday().to_monday_one_offset() as u8;
            let covers = |block: &Block| block.weekday == weekday && (block.from..block.to).contains(&minute);
            self.holidays.binary_search(&date).is_err() && self.blocks.iter().any(covers)
        };
        // A block of the day before may reach over midnight.
        open(at.date, at.minute) || at.date.yesterday().is_ok_and(|before| open(before, at.minute + DAY_MIN as u16))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-03-02 is a Monday.
    fn at(day: i8, hour: u16, minute: u16) -> LocalTime {
        LocalTime { date: jiff::civil::date(2026, 3, day), minute: hour * 60 + minute }
    }

    #[test]
    fn an_instant_gets_the_clock_of_its_place() {
        // 2026-03-01T23:30:00Z is Monday half past midnight in Berlin.
        let instant = 1_772_407_800_000_000;
        let berlin = LocalTime::new(instant, 60).unwrap();
        assert_eq!((berlin, berlin.weekday(), berlin.hour(), berlin.is_weekend()), (at(2, 0, 30), 1, 0, false));
        let new_york = LocalTime::new(instant, -300).unwrap();
        assert_eq!((new_york.weekday(), new_york.hour(), new_york.is_weekend()), (7, 18, true));
        assert_eq!(LocalTime::new(-1, 0).unwrap().minute, 1439);
        assert_eq!(LocalTime::new(i64::MAX, 0), None);
    }

    #[test]
    fn a_desk_is_open_in_its_blocks_and_closed_on_holidays() {
        let mut hours = BusinessHours::weekdays(9 * 60, 12 * 60);
        hours.blocks.extend(BusinessHours::weekdays(13 * 60, 17 * 60).blocks);
        hours.blocks.push(Block { weekday: 5, from: 22 * 60, to: 26 * 60 });
        hours.holidays.push(jiff::civil::date(2026, 3, 4));
        for (day, hour, minute, open) in [
            (2, 9, 0, true),
            (2, 8, 59, false),
            (2, 12, 0, false),
            (2, 16, 59, true),
            (2, 17, 0, false),
            (4, 10, 0, false),
            (6, 23, 0, true),
            (7, 1, 59, true),
            (7, 2, 0, false),
            (7, 10, 0, false),
        ] {
            assert_eq!(hours.is_open(at(day, hour, minute)), open, "{day} {hour}:{minute}");
        }
    }
}
