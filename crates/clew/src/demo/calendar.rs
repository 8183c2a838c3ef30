//! The company's calendar: opening times, local time, and the formats that its systems write.
//!
//! Moments are UTC seconds. The zone rule of Dublin is written out as a POSIX string so that the bytes do not depend on
//! the time-zone files of the machine, and the last day is fixed: the generator has no clock.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::dice::Dice;

/// UTC seconds since 1970.
pub type Moment = i64;

/// Seconds in an hour.
pub const HOUR: i64 = 3_600;
/// Seconds in a day.
pub const DAY: i64 = 86_400;

/// Name of the company's zone, for the project files.
pub const ZONE: &str = "Europe/Dublin";
const ZONE_RULE: &str = "GMT0IST,M3.5.0/1,M10.5.0";
/// The first day after the demo's period.
const END: (i16, i8, i8) = (2026, 7, 1);

/// When something tends to happen.
#[derive(Clone, Copy)]
pub enum Rhythm {
    /// At home: evenings and Sundays.
    Leisure,
    /// Shops: Monday to Saturday, 9 to 19.
    Store,
    /// Offices and call centre: Monday to Friday, mornings most, some on Saturday.
    Office,
}

impl Rhythm {
    fn weekday(self) -> [f64; 7] {
        match self {
            Self::Leisure => [0.85, 0.8, 0.8, 0.85, 0.8, 0.9, 1.0],
            Self::Store => [0.55, 0.55, 0.6, 0.7, 0.85, 1.0, 0.0],
            Self::Office => [1.0, 0.9, 0.8, 0.8, 0.75, 0.2, 0.0],
        }
    }

    fn hours(self) -> [f64; 24] {
        match self {
            Self::Leisure => [
                1.0, 0.5, 0.2, 0.1, 0.1, 0.2, 0.8, 2.0, 3.0, 3.0, 3.0, 3.5, 4.5, 4.0, 3.0, 3.0, 3.5, 4.5, 5.5, 7.0, 8.5, 8.0,
                5.0, 2.5,
            ],
            Self::Store => [
                0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 2.0, 4.0, 5.0, 6.0, 5.0, 4.5, 4.5, 5.0, 5.0, 3.0, 0.0, 0.0, 0.0,
                0.0, 0.0,
            ],
            Self::Office => [
                0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 5.0, 7.0, 7.0, 6.0, 4.5, 4.0, 4.5, 4.5, 4.0, 3.0, 1.5, 0.0, 0.0, 0.0,
                0.0, 0.0,
            ],
        }
    }
}

/// The demo's period in the company's zone.
pub struct Calendar {
    zone: TimeZone,
    first: DateTime,
    /// Length in days.
    pub days: u32,
    /// Start of the period.
    pub start: Moment,
    /// End of the period; nothing happens at or after it.
    pub end: Moment,
}

impl Calendar {
    /// The `days` before the fixed end.
    pub fn new(days: u32) -> Self {
        let zone = TimeZone::posix(ZONE_RULE).expect("the rule is a valid POSIX zone");
        let last = DateTime::constant(END.0, END.1, END.2, 0, 0, 0, 0);
        let first = last.checked_sub(i64::from(days).days()).expect("a period of at most some years is in range");
        let seconds = |at: DateTime| zone.to_ambiguous_timestamp(at).compatible().expect("in range").as_second();
        let (start, end) = (seconds(first), seconds(last));
        Self { zone, first, days, start, end }
    }

    /// The local midnight that begins day `day` of the period (negative: before it).
    pub fn midnight(&self, day: i64) -> Moment {
        let at = self.first.checked_add(day.days()).expect("days of the demo are in range");
        self.zone.to_ambiguous_timestamp(at).compatible().expect("in range").as_second()
    }

    /// The moment at this share (0..=1) of the period, on a local midnight.
    pub fn share(&self, share: f64) -> Moment {
        self.midnight((f64::from(self.days) * share) as i64)
    }

    /// The day of the period in which `at` lies.
    pub fn day_of(&self, at: Moment) -> i64 {
        (at - self.start).div_euclid(DAY)
    }

    /// A moment in the period that follows the rhythm.
    pub fn any(&self, dice: &mut Dice, rhythm: Rhythm) -> Moment {
        loop {
            let day = dice.below(self.days as usize) as i64;
            if dice.chance(self.weight(day, rhythm)) {
                return self.on(dice, day, rhythm);
            }
        }
    }

    /// A moment on `day`, or on the next day on which the rhythm works.
    pub fn on(&self, dice: &mut Dice, day: i64, rhythm: Rhythm) -> Moment {
        let mut day = day;
        while self.weight(day, rhythm) == 0.0 {
            day += 1;
        }
        let hour = dice.weighted(&rhythm.hours()) as i64;
        self.midnight(day) + hour * HOUR + dice.whole(0, HOUR - 1)
    }

    /// A moment after `after` by about `days`, in the rhythm; never before `after` plus some minutes.
    pub fn later(&self, dice: &mut Dice, after: Moment, days: f64, rhythm: Rhythm) -> Moment {
        let day = self.day_of(after + (days * DAY as f64) as i64);
        let at = self.on(dice, day, rhythm);
        if at > after + 600 { at } else { after + dice.whole(900, 3 * HOUR) }
    }

    fn weight(&self, day: i64, rhythm: Rhythm) -> f64 {
        let first = i64::from(self.first.date().weekday().to_monday_zero_offset());
        rhythm.weekday()[(first + day).rem_euclid(7) as usize]
    }

    /// Wall-clock time in the company's zone.
    fn civil(&self, at: Moment) -> DateTime {
        let stamp = Timestamp::from_second(at).expect("moments of the demo are in range");
        self.zone.to_datetime(stamp)
    }

    /// `2026-01-05 10:20:30`, local.
    pub fn local(&self, at: Moment) -> String {
        let t = self.civil(at);
        format!("{:04}-{:02}-{:02} {:02}:{:02}:{:02}", t.year(), t.month(), t.day(), t.hour(), t.minute(), t.second())
    }

    /// `05/01/2026 10:20:30`, local.
    pub fn slashed(&self, at: Moment) -> String {
        let t = self.civil(at);
        format!("{:02}/{:02}/{:04} {:02}:{:02}:{:02}", t.day(), t.month(), t.year(), t.hour(), t.minute(), t.second())
    }

    /// `2026-01-05`, local.
    pub fn date(&self, at: Moment) -> String {
        let t = self.civil(at);
        format!("{:04}-{:02}-{:02}", t.year(), t.month(), t.day())
    }

    /// `05.01.2026`, local.
    pub fn dotted(&self, at: Moment) -> String {
        let t = self.civil(at);
        format!("{:02}.{:02}.{:04}", t.day(), t.month(), t.year())
    }

    /// `2026-01`, local.
    pub fn month(&self, at: Moment) -> String {
        let t = self.civil(at);
        format!("{:04}-{:02}", t.year(), t.month())
    }
}

/// `2026-01-05T10:20:30Z`.
pub fn utc(at: Moment) -> String {
    let t = TimeZone::UTC.to_datetime(Timestamp::from_second(at).expect("moments of the demo are in range"));
    format!("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", t.year(), t.month(), t.day(), t.hour(), t.minute(), t.second())
}
