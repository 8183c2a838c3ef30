//! Times: text into instants.
//!
//! Read are RFC 3339 and its relaxed forms: `2026-01-31T12:00:00.123456Z`, a blank instead of the `T`, seconds or the
//! whole time of day left out, offsets as `Z`, `UTC`, `+02`, `+0200`, `+02:00`. Orders of day and month that need
//! guessing are not read at all, unless the source states its order (`cleanse: {date_order: …}`): `parse_time(text, format)` says them. Numbers are not times: `epoch_seconds` and
//! `epoch_millis` say their unit.
//!
//! A naive time is read in the source's zone. Where the clock was set back it happened twice: the earlier instant is
//! taken and the fact flagged; where it was set forward it never happened: it is moved by the gap and flagged (RFC 5545
//! and Temporal's "compatible"). A day has one offset nearly always, so offsets are remembered by day.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Date32Array, Int32Array, PrimitiveArray, StringArray, TimestampMicrosecondArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimeUnit, TimestampMicrosecondType};
use clew_cleanse::date::{self, Order};
use clew_cleanse::flag::Flag as Mark;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};
use rustc_hash::FxHashMap;

use super::faults::{Faults, Flag, Reason};

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;
/// 1900-01-01 and 2200-01-01 in days since 1970: what lies outside is a typing error or a placeholder.
const FIRST_DAY: i64 = -25_567;
const END_DAY: i64 = 84_006;
/// Bounds for calendar days such as birth dates: 1800-01-01 and 2200-01-01.
const FIRST_DATE: i64 = -62_091;

/// A time as text says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parsed {
    /// Days since 1970-01-01, on the calendar of the place.
    pub days: i64,
    /// Microseconds since midnight.
    pub micros: i64,
    /// Seconds east of UTC; none when the text is naive. `Z` says UTC without saying the place.
    pub offset: Option<i32>,
    /// Whether the offset was written `Z` or `UTC`.
    pub zulu: bool,
}

/// Days since 1970-01-01 of a day of the Gregorian calendar (Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year - era * 400;
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn digits(bytes: &[u8]) -> Option<i64> {
    bytes.iter().try_fold(0_i64, |n, b| b.is_ascii_digit().then(|| n * 10 + i64::from(b - b'0')))
}

fn parse_day(bytes: &[u8]) -> Option<i64> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *bytes else { return None };
    let (year, month, day) = (digits(&[y1, y2, y3, y4])?, digits(&[m1, m2])?, digits(&[d1, d2])?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    (1..=length).contains(&day).then(|| days_from_civil(year, month, day))
}

/// Reads a time; `None` when it is none.
pub fn parse(text: &str) -> Option<Parsed> {
    let bytes = text.trim_ascii().as_bytes();
    let days = parse_day(bytes.get(..10)?)?;
    let mut parsed = Parsed { days, micros: 0, offset: None, zulu: false };
    let rest = &bytes[10..];
    if rest.is_empty() {
        return Some(parsed);
    }
    if !matches!(rest[0], b'T' | b't' | b' ') || rest.get(3) != Some(&b':') {
        return None;
    }
    let (hour, minute) = (digits(rest.get(1..3)?)?, digits(rest.get(4..6)?)?);
    let (mut second, mut fraction, mut rest) = (0, 0, &rest[6..]);
    if rest.first() == Some(&b':') {
        second = digits(rest.get(1..3)?)?;
        rest = &rest[3..];
        if let Some(b'.' | b',') = rest.first() {
            let n = rest[1..].iter().take_while(|b| b.is_ascii_digit()).count();
            if !(1..=12).contains(&n) {
                return None;
            }
            for place in 0..6 {
                fraction = fraction * 10 + if place < n { i64::from(rest[1 + place] - b'0') } else { 0 };
            }
            rest = &rest[1 + n..];
        }
    }
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    // A leap second is the second before it, as POSIX time has it.
    parsed.micros = ((hour * 60 + minute) * 60 + second.min(59)) * SECOND + fraction;
    (parsed.offset, parsed.zulu) = parse_offset(rest.trim_ascii_start())?;
    Some(parsed)
}

fn parse_offset(bytes: &[u8]) -> Option<(Option<i32>, bool)> {
    let (sign, hours, minutes) = match *bytes {
        [] => return Some((None, false)),
        [b'Z' | b'z'] | [b'U', b'T', b'C'] | [b'G', b'M', b'T'] => return Some((Some(0), true)),
        [sign @ (b'+' | b'-'), h1, h2] => (sign, digits(&[h1, h2])?, 0),
        [sign @ (b'+' | b'-'), h1, h2, m1, m2] | [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            (sign, digits(&[h1, h2])?, digits(&[m1, m2])?)
        }
        _ => return None,
    };
    let seconds = (hours * 60 + minutes) as i32 * 60;
    (hours <= 18 && minutes <= 59).then_some((Some(if sign == b'-' { -seconds } else { seconds }), false))
}

/// Offsets of a zone, remembered by day.
pub struct Zone<'a> {
    zone: &'a TimeZone,
    /// Seconds east of UTC where the whole day has one offset.
    days: FxHashMap<i64, Option<i32>>,
}

impl<'a> Zone<'a> {
    /// Nothing remembered yet.
    pub fn new(zone: &'a TimeZone) -> Self {
        Self { zone, days: FxHashMap::default() }
    }

    /// The instant in microseconds, the offset in seconds, and what is odd about it.
    fn resolve(&mut self, days: i64, micros: i64) -> Option<(i64, i32, Option<Flag>)> {
        let local = days * DAY + micros;
        let zone = self.zone;
        let whole_day = *self.days.entry(days).or_insert_with(|| {
            let offset_at = |micros| match zone.to_ambiguous_timestamp(civil(days, micros)?).offset() {
                AmbiguousOffset::Unambiguous { offset } => Some(offset.seconds()),
                _ => None,
            };
            offset_at(0).filter(|first| offset_at(DAY - 1) == Some(*first))
        });
        if let Some(offset) = whole_day {
            return Some((local - i64::from(offset) * SECOND, offset, None));
        }
        let ambiguous = zone.to_ambiguous_timestamp(civil(days, micros)?);
        let (offset, flag) = match ambiguous.offset() {
            AmbiguousOffset::Unambiguous { offset } => (offset, None),
            // Before the change of offset counts: earlier of two, and moved forward by the gap.
            AmbiguousOffset::Gap { before, .. } => (before, Some(Flag::NonexistentTime)),
            AmbiguousOffset::Fold { before, .. } => (before, Some(Flag::AmbiguousTime)),
        };
        Some((local - i64::from(offset.seconds()) * SECOND, offset.seconds(), flag))
    }
}

fn civil(days: i64, micros: i64) -> Option<DateTime> {
    let date = date_of_days(days)?;
    let (seconds, fraction) = (micros / SECOND, micros % SECOND);
    let time =
        jiff::civil::Time::new((seconds / 3600) as i8, (seconds / 60 % 60) as i8, (seconds % 60) as i8, (fraction * 1000) as i32);
    Some(date.to_datetime(time.ok()?))
}

/// A column of instants, and the local offset in minutes where it is known.
pub struct Instants {
    /// Microseconds, UTC.
    pub instants: ArrayRef,
    /// Minutes east of UTC at the place; null for `Z`.
    pub offsets: ArrayRef,
}

/// How a source writes its times.
#[derive(Clone, Copy, Default)]
pub struct Writing<'a> {
    /// The zone of naive times.
    pub zone: Option<&'a TimeZone>,
    /// The order of dates that are not written year-month-day.
    pub order: Option<Order>,
}

/// Reads a time whose date is written in the stated order: `31.12.2026 14:05:00 +0100`, `12/31/2026 2:05 PM`, `31 Dec 2026`. A day that
/// fits the other order only is no time: for an event that is one doubt too many.
fn parse_ordered(text: &str, order: Order) -> Option<Parsed> {
    let text = text.trim();
    let day_of = |text: &str| {
        let read = date::clean(text, &date::Options::new(order));
        read.value.filter(|_| !read.flags.has(Mark::DayMonthSwapped))
    };
    let Some(colon) = text.find(':') else {
        let day = day_of(text)?;
        return Some(Parsed { days: days_of_date(day), micros: 0, offset: None, zulu: false });
    };
    let cut = text[..colon].rfind([' ', 'T', 't'])?;
    let day = day_of(text[..cut].trim_end_matches([',', ' ']))?;
    let clock = &text[cut + 1..];
    let upper = clock.to_ascii_uppercase();
    let (clock, half) = match () {
        () if upper.ends_with("AM") => (&clock[..clock.len() - 2], Some(0)),
        () if upper.ends_with("PM") => (&clock[..clock.len() - 2], Some(12)),
        () => (clock, None),
    };
    let (hour, rest) = clock.trim().split_once(':')?;
    let hour: u8 = hour.parse().ok()?;
    let hour = match half {
        Some(half) if (1..=12).contains(&hour) => hour % 12 + half,
        Some(_) => return None,
        None => hour,
    };
    // The rest of the day as in ISO 8601, which has one reader.
    parse(&format!("{day}T{hour:02}:{rest}"))
}

/// Reads a column as instants.
pub fn instants(column: &ArrayRef, writing: Writing, field: &str, faults: &mut Faults) -> Instants {
    let zone = writing.zone;
    let rows = column.len();
    let mut zone = zone.map(Zone::new);
    let mut values = vec![0_i64; rows];
    let mut offsets: Vec<Option<i32>> = vec![None; rows];
    let mut valid = vec![false; rows];
    let mut take = |row: usize, parsed: Parsed, faults: &mut Faults| {
        if !(FIRST_DAY..END_DAY).contains(&parsed.days) {
            return faults.fail(row, Reason::TimeOutOfRange, field);
        }
        let local = parsed.days * DAY + parsed.micros;
        if let Some(offset) = parsed.offset {
            values[row] = local - i64::from(offset) * SECOND;
            offsets[row] = (!parsed.zulu).then_some(offset / 60);
        } else {
            let Some(zone) = &mut zone else { return faults.fail(row, Reason::NaiveTime, field) };
            let Some((instant, offset, odd)) = zone.resolve(parsed.days, parsed.micros) else {
                return faults.fail(row, Reason::TimeOutOfRange, field);
            };
            values[row] = instant;
            offsets[row] = Some(offset / 60);
            if let Some(flag) = odd {
                faults.flag(row, flag);
            }
        }
        valid[row] = true;
    };
    match column.data_type() {
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => {
            let zulu = matches!(column.data_type(), DataType::Timestamp(_, Some(_)));
            let naive = cast(column, &DataType::Timestamp(TimeUnit::Microsecond, zulu.then(|| "UTC".into())));
            let Ok(naive) = naive else {
                (0..rows).filter(|row| column.is_valid(*row)).for_each(|row| faults.fail(row, Reason::InvalidTime, field));
                return finish(values, &valid, offsets);
            };
            let naive = naive.as_primitive::<TimestampMicrosecondType>();
            for row in (0..rows).filter(|row| column.is_valid(*row)) {
                if naive.is_null(row) {
                    faults.fail(row, Reason::TimeOutOfRange, field);
                    continue;
                }
                let micros = naive.value(row);
                let (days, micros) = (micros.div_euclid(DAY), micros.rem_euclid(DAY));
                take(row, Parsed { days, micros, offset: zulu.then_some(0), zulu }, faults);
            }
        }
        _ => {
            let text = super::convert::text(column);
            for row in 0..rows {
                if let Some(value) = super::convert::present(&text, row) {
                    match parse(value).or_else(|| writing.order.and_then(|order| parse_ordered(value, order))) {
                        Some(parsed) => take(row, parsed, faults),
                        None => faults.fail(row, Reason::InvalidTime, field),
                    }
                }
            }
        }
    }
    finish(values, &valid, offsets)
}

fn finish(values: Vec<i64>, valid: &[bool], offsets: Vec<Option<i32>>) -> Instants {
    let nulls = arrow::buffer::NullBuffer::from(valid.to_vec());
    let instants: PrimitiveArray<TimestampMicrosecondType> = TimestampMicrosecondArray::new(values.into(), Some(nulls));
    Instants { instants: Arc::new(instants.with_timezone("UTC")), offsets: Arc::new(Int32Array::from(offsets)) }
}

/// The calendar day of a text that is one, or a time; `None` when it is none, or lies outside the years 1800 to 2199.
pub fn parse_date(text: &str) -> Option<i32> {
    let days = parse(text)?.days;
    (FIRST_DATE..END_DAY).contains(&days).then_some(days as i32)
}

/// Days since 1970-01-01 of a calendar day.
pub fn days_of_date(date: Date) -> i64 {
    days_from_civil(date.year().into(), date.month().into(), date.day().into())
}

/// The calendar day that many days after 1970-01-01; `None` far from now.
pub fn date_of_days(days: i64) -> Option<Date> {
    let midnight = Timestamp::from_second(days.checked_mul(86_400)?).ok()?;
    Some(TimeZone::UTC.to_datetime(midnight).date())
}

/// Reads a column as calendar days; of a time, its day.
pub fn dates(column: &ArrayRef, field: &str, faults: &mut Faults) -> ArrayRef {
    let mut days: Vec<Option<i32>> = vec![None; column.len()];
    let text: StringArray = super::convert::text(column);
    for (row, day) in days.iter_mut().enumerate() {
        let Some(value) = super::convert::present(&text, row) else { continue };
        *day = parse_date(value);
        if day.is_none() {
            let reason = if parse(value).is_some() { Reason::TimeOutOfRange } else { Reason::InvalidDate };
            faults.fail(row, reason, field);
        }
    }
    Arc::new(Date32Array::from(days))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::cleansing::notes::Notes;
    use super::*;

    fn read(text: &[&str], zone: Option<&str>) -> (Vec<Option<String>>, Faults) {
        let column: ArrayRef = Arc::new(StringArray::from(text.to_vec()));
        let zone = zone.map(|name| TimeZone::get(name).unwrap());
        let mut faults = Faults::new(text.len());
        let read = instants(&column, Writing { zone: zone.as_ref(), order: None }, "occurred_at", &mut faults);
        let read = read.instants.as_primitive::<TimestampMicrosecondType>().clone();
        let shown = (0..text.len())
            .map(|row| read.is_valid(row).then(|| Timestamp::from_microsecond(read.value(row)).unwrap().to_string()));
        (shown.collect(), faults)
    }

    #[test]
    fn text_forms_of_rfc_3339_and_relaxed_ones() {
        let cases = [
            ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z"),
            ("2026-01-31 12:00:00.123456789+02:00", "2026-01-31T10:00:00.123456Z"),
            ("2026-01-31 12:00 -0330", "2026-01-31T15:30:00Z"),
            ("2026-01-31", "2026-01-31T11:00:00Z"),
            (" 2026-01-31 12:00:00 ", "2026-01-31T23:00:00Z"),
            ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59Z"),
            ("2024-02-29 00:00:00 UTC", "2024-02-29T00:00:00Z"),
        ];
        // Pago Pago is eleven hours behind UTC all year.
        let (shown, faults) = read(&cases.map(|(text, _)| text), Some("Pacific/Pago_Pago"));
        assert!(!faults.any_failed());
        assert_eq!(shown, cases.map(|(_, expected)| Some(expected.to_owned())));
    }

    #[test]
    fn what_is_no_time_fails_with_its_reason() {
        let cases = [
            ("31/01/2026", "invalid_time"),
            ("2026-02-29", "invalid_time"),
            ("2026-13-01", "invalid_time"),
            ("2026-01-31 24:00:00Z", "invalid_time"),
            ("2026-01-31T12", "invalid_time"),
            ("1769860800", "invalid_time"),
            ("yesterday", "invalid_time"),
            ("0001-01-01 00:00:00", "time_out_of_range"),
            ("9999-12-31 00:00:00Z", "time_out_of_range"),
            ("2026-01-31 12:00:00", "naive_time"),
        ];
        let (shown, faults) = read(&cases.map(|(text, _)| text), None);
        assert!(shown.iter().all(Option::is_none));
        let reasons: Vec<&str> = faults.failures().map(|(_, reason, _)| reason).collect();
        assert_eq!(reasons, cases.map(|(_, reason)| reason));
    }

    #[test]
    fn a_stated_order_is_read() {
        for (text, order, expected) in [
            ("31.12.2026 14:05", Order::Dmy, Some("2026-12-31T14:05:00Z")),
            ("12/31/2026 2:05 PM", Order::Mdy, Some("2026-12-31T14:05:00Z")),
            ("12/31/2026, 12:05:07 am", Order::Mdy, Some("2026-12-31T00:05:07Z")),
            ("31 Dec 2026", Order::Dmy, Some("2026-12-31T00:00:00Z")),
            ("31.12.2026 14:05:00.5 +0100", Order::Dmy, Some("2026-12-31T13:05:00.5Z")),
            ("2026-12-31T14:05:00Z", Order::Dmy, Some("2026-12-31T14:05:00Z")),
            ("31.12.2026 13:05 PM", Order::Dmy, None),
            ("31.02.2026 13:05", Order::Dmy, None),
            ("12/31/2026 13:05", Order::Dmy, None),
            ("31.12.2026 25:05", Order::Dmy, None),
            ("yesterday 10:00", Order::Dmy, None),
        ] {
            let column: ArrayRef = Arc::new(StringArray::from(vec![text]));
            let mut faults = Faults::new(1);
            let zone = TimeZone::UTC;
            let read = instants(&column, Writing { zone: Some(&zone), order: Some(order) }, "occurred_at", &mut faults);
            let read = read.instants.as_primitive::<TimestampMicrosecondType>().clone();
            let shown = read.is_valid(0).then(|| Timestamp::from_microsecond(read.value(0)).unwrap().to_string());
            assert_eq!(shown.as_deref(), expected, "{text}");
            assert_eq!(faults.any_failed(), expected.is_none(), "{text}");
        }
    }

    /// Berlin set its clocks back on 2025-10-26 at 03:00 and forward on 2026-03-29 at 02:00.
    #[test]
    fn a_changing_clock_is_flagged() {
        let (shown, faults) = read(&["2025-10-26 02:30:00", "2026-03-29 02:30:00", "2025-10-26 03:30:00"], Some("Europe/Berlin"));
        let expected = ["2025-10-26T00:30:00Z", "2026-03-29T01:30:00Z", "2025-10-26T02:30:00Z"];
        assert_eq!(shown, expected.map(|text| Some(text.to_owned())));
        let quality = faults.quality(&Notes::default());
        let quality = quality.as_list::<i32>();
        let first = |row: usize| quality.is_valid(row).then(|| quality.value(row).as_string::<i32>().value(0).to_owned());
        assert_eq!([first(0), first(1), first(2)], [Some("ambiguous_time".into()), Some("nonexistent_time".into()), None]);
    }

    proptest! {
        /// The fast path by day must agree with jiff for every instant.
        #[test]
        fn naive_times_agree_with_jiff(seconds in -2_000_000_000_i64..7_000_000_000, zone in prop_oneof![Just("Europe/Berlin"), Just("America/Sao_Paulo"), Just("Australia/Lord_Howe"), Just("Pacific/Apia")]) {
            let tz = TimeZone::get(zone).unwrap();
            let local = tz.to_datetime(Timestamp::from_second(seconds).unwrap());
            let expected = tz.to_ambiguous_timestamp(local).compatible().unwrap();
            let (shown, _) = read(&[&local.to_string()], Some(zone));
            prop_assert_eq!(shown[0].clone(), Some(expected.to_string()));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in r"\PC{0,40}|[0-9TZ:+. -]{0,40}") {
            let _ = parse(&text);
        }
    }
}
