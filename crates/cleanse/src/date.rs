//! Calendar days: text in a stated order becomes a date.
//!
//! `03/04/2020` is two different days, so the order is never inferred from the data: the source states it. Two forms say
//! their order themselves and are read in any source: a year of four digits in front, and a month with its name. Where the stated
//! order gives no day that exists and the exchanged one does (20/8/1991 under month-first), the exchange is made and
//! flagged. Days that systems write for "no date" are refused, and for birth dates those in the future and those
//! more than 120 years ago, both against a day that the caller states: there is no clock here.
//!
//! Deliberately missing: times of day (dropped, flagged), calendars other than the Gregorian, fiscal weeks and quarters.

use std::sync::LazyLock;

use jiff::civil::Date;
use rustc_hash::FxHashMap;

use crate::flag::{Cleaned, Flag, Flags};
use crate::{placeholder, table, text};

/// The longest text that can be a date, in bytes.
const MAX_BYTES: usize = 64;
/// The longest that people have lived, in whole years, less the two exceptions on record.
const MAX_AGE: i16 = 120;
/// Serial numbers of spreadsheets that are looked at: 1900-03-01 (61, behind the day that never was) to 2099-12-31.
const SERIALS: std::ops::RangeInclusive<i64> = 61..=73_050;

/// The order of day, month and year in a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// 31.01.2020
    Dmy,
    /// 01/31/2020
    Mdy,
    /// 2020/01/31, also 20200131
    Ymd,
    /// ISO 8601 only: 2020-01-31, 20200131
    Iso,
}

/// What a date means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any day.
    Any,
    /// A day of birth.
    Birth,
}

/// How to read the dates of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// The order.
    pub order: Order,
    /// Years of two digits below the pivot are 20xx, the others 19xx. A birth date that would lie in the future is 19xx.
    pub pivot: u8,
    /// Whether plain numbers may be spreadsheet serials (1900 date system).
    pub excel_serials: bool,
    /// What the dates mean.
    pub kind: Kind,
    /// The day against which birth dates are checked: the day that the record was made, or of the import.
    pub as_of: Option<Date>,
}

impl Options {
    /// Any day in this order; pivot 30, as spreadsheets have it; no serials.
    pub const fn new(order: Order) -> Self {
        Self { order, pivot: 30, excel_serials: false, kind: Kind::Any, as_of: None }
    }

    /// Birth dates in this order, checked against a day.
    pub const fn birth(order: Order, as_of: Date) -> Self {
        Self { kind: Kind::Birth, as_of: Some(as_of), ..Self::new(order) }
    }
}

static MONTHS: LazyLock<FxHashMap<&'static str, i64>> = LazyLock::new(|| {
    let mut months = FxHashMap::default();
    for row in table::rows(include_str!("../data/months.tsv")) {
        let [number, words] = row.cells();
        months.extend(table::words(words).map(|word| (word, number.parse().expect("a month has a number"))));
    }
    months
});

/// A part of a date as written.
#[derive(Clone, Copy, Debug, Default)]
struct Part {
    value: i64,
    /// Digits written.
    width: usize,
    named: bool,
}

/// Reads a date.
pub fn clean(raw: &str, options: &Options) -> Cleaned<Date> {
    if raw.len() > MAX_BYTES {
        return Cleaned::refused(Flag::InvalidDate);
    }
    if let Some(date) = plain_iso(raw.as_bytes()) {
        return checked(date, raw, options, Flags::NONE);
    }
    let (text, mut flags) = match text::present(raw) {
        Ok(present) => present,
        Err(nothing) => return nothing,
    };
    if placeholder::is_nothing(&text) {
        return Cleaned::refused(Flag::Placeholder);
    }
    let day = without_time(&text, &mut flags);
    match read(day, options, &mut flags) {
        Ok(date) => {
            flags.raise_if(day != date.to_string() && !flags.has(Flag::ExcelSerial), Flag::Reformatted);
            checked(date, day, options, flags)
        }
        Err(flag) => Cleaned::refused(flag),
    }
}

/// YYYY-MM-DD and nothing else, the form of most exports.
fn plain_iso(bytes: &[u8]) -> Option<Date> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *bytes else { return None };
    let number = |digits: &[u8]| digits.iter().try_fold(0_i64, |n, b| b.is_ascii_digit().then(|| n * 10 + i64::from(b - b'0')));
    day_of(number(&[y1, y2, y3, y4])?, number(&[m1, m2])?, number(&[d1, d2])?)
}

fn day_of(year: i64, month: i64, day: i64) -> Option<Date> {
    let year = i16::try_from(year).ok().filter(|year| *year > 0)?;
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

/// Cuts a time of day off: "2020-01-31T00:00:00Z", "31.01.2020 12:30". Midnight says nothing and is not flagged.
fn without_time<'t>(text: &'t str, flags: &mut Flags) -> &'t str {
    let Some(colon) = text.find(':') else {
        return text;
    };
    let Some(at) = text[..colon].rfind(['T', 't', ' ']).filter(|at| *at >= 6) else { return text };
    let is_time = text[at + 1..].bytes().all(|b| b.is_ascii_digit() || b" :.+-,ZzAaPpMmUuTtCc".contains(&b));
    if !is_time {
        return text;
    }
    // The offset of midnight may be anything; its hours and minutes are zeros.
    let clock = text[at + 1..].split(['+', '-', 'Z', 'z', '.']).next().unwrap_or_default();
    flags.raise_if(clock.bytes().any(|b| (b'1'..=b'9').contains(&b)), Flag::TimeDropped);
    flags.raise(Flag::Reformatted);
    text[..at].trim_end_matches([' ', ','])
}

fn read(text: &str, options: &Options, flags: &mut Flags) -> Result<Date, Flag> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    if digits || (options.excel_serials && text.strip_suffix(".0").is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit()))) {
        return compact(text, options, flags);
    }
    let (parts, count) = split(text)?;
    let [a, b, c] = parts;
    if count != 3 {
        return Err(Flag::InvalidDate);
    }
    let is_year = |part: &Part| !part.named && (part.width == 4 || part.value > 31);
    if parts.iter().filter(|part| part.named).count() > 1 || parts.iter().any(|part| part.width > 4) {
        return Err(Flag::InvalidDate);
    }
    // 0000-00-00, 00/00/0000: databases write it for nothing.
    if parts.iter().all(|part| part.value == 0) {
        return Err(Flag::PlaceholderDate);
    }
    if let Some(month) = parts.iter().position(|part| part.named) {
        let [first, second] = match month {
            0 => [b, c],
            1 => [a, c],
            _ => [a, b],
        };
        let year_first = is_year(&first) || (options.order == Order::Ymd && !is_year(&second));
        let (year, day) = if year_first { (first, second) } else { (second, first) };
        flags.raise_if(month != 1 || !matches!(options.order, Order::Dmy | Order::Ymd), Flag::OtherOrder);
        return compose(year, parts[month], day, options, flags).ok_or(Flag::ImpossibleDate);
    }
    if a.width == 4 {
        flags.raise_if(matches!(options.order, Order::Dmy | Order::Mdy), Flag::OtherOrder);
        return compose(a, b, c, options, flags).ok_or(Flag::ImpossibleDate);
    }
    let (year, month, day) = match options.order {
        Order::Iso => return Err(Flag::InvalidDate),
        Order::Dmy => (c, b, a),
        Order::Mdy => (c, a, b),
        // A year behind contradicts the stated order, and which of the others is the month nobody said.
        Order::Ymd if c.width == 4 => return Err(Flag::InvalidDate),
        Order::Ymd => (a, b, c),
    };
    if let Some(date) = compose(year, month, day, options, flags) {
        return Ok(date);
    }
    let swapped = if month.value > 12 && day.value <= 12 { compose(year, day, month, options, flags) } else { None };
    flags.raise_if(swapped.is_some(), Flag::DayMonthSwapped);
    swapped.ok_or(Flag::ImpossibleDate)
}

/// Splits at everything that is neither letter nor digit, and between letters and digits (24May2011).
fn split(text: &str) -> Result<([Part; 3], usize), Flag> {
    let mut parts = [Part::default(); 3];
    let mut count = 0;
    let mut rest = text;
    while let Some(start) = rest.find(char::is_alphanumeric) {
        rest = &rest[start..];
        let numeric = rest.starts_with(|c: char| c.is_ascii_digit());
        let end = rest.find(|c: char| !c.is_alphanumeric() || c.is_ascii_digit() != numeric).unwrap_or(rest.len());
        let (word, behind) = rest.split_at(end);
        rest = behind;
        let part = if numeric {
            // 1st, 2nd, 3rd, 4th; 1er
            rest = ["st", "nd", "rd", "th", "er", "o", "a"]
                .iter()
                .find_map(|ending| rest.strip_prefix(ending).filter(|rest| !rest.starts_with(char::is_alphabetic)))
                .unwrap_or(rest);
            if word.len() > 8 {
                return Err(Flag::InvalidDate);
            }
            Part { value: word.parse().map_err(|_| Flag::InvalidDate)?, width: word.len(), named: false }
        } else if let Some(month) = text::with_key(word, |key| MONTHS.get(key).copied()) {
            Part { value: month, width: 0, named: true }
        } else if is_filler(word) {
            continue;
        } else {
            return Err(Flag::InvalidDate);
        };
        if count == 3 {
            return Err(Flag::InvalidDate);
        }
        parts[count] = part;
        count += 1;
    }
    Ok((parts, count))
}

/// Words between the parts: "the 3rd of May", "3 de mayo de 2020", weekdays.
fn is_filler(word: &str) -> bool {
    const FILLERS: &[&str] = &[
        "de",
        "di",
        "do",
        "domenica",
        "domingo",
        "den",
        "del",
        "der",
        "dienstag",
        "dimanche",
        "donnerstag",
        "freitag",
        "fri",
        "friday",
        "jeudi",
        "le",
        "lundi",
        "lunes",
        "mardi",
        "martes",
        "mercredi",
        "miercoles",
        "mittwoch",
        "mon",
        "monday",
        "montag",
        "of",
        "sabado",
        "samedi",
        "samstag",
        "sat",
        "saturday",
        "sonntag",
        "sun",
        "sunday",
        "the",
        "thu",
        "thursday",
        "tue",
        "tuesday",
        "vendredi",
        "viernes",
        "wed",
        "wednesday",
    ];
    text::with_key(word, |key| FILLERS.contains(&key))
}

/// Digits only: 20200131, 31012020, 310120, or a spreadsheet's serial.
fn compact(text: &str, options: &Options, flags: &mut Flags) -> Result<Date, Flag> {
    let part = |from: usize, to: usize| Part { value: text[from..to].parse().unwrap_or(0), width: to - from, named: false };
    if text.bytes().all(|b| b == b'0') {
        return Err(Flag::PlaceholderDate);
    }
    let parts = match (text.len(), options.order) {
        (8, Order::Ymd | Order::Iso) => (part(0, 4), part(4, 6), part(6, 8)),
        (8, Order::Dmy) => (part(4, 8), part(2, 4), part(0, 2)),
        (8, Order::Mdy) => (part(4, 8), part(0, 2), part(2, 4)),
        (6, Order::Ymd) => (part(0, 2), part(2, 4), part(4, 6)),
        (6, Order::Dmy) => (part(4, 6), part(2, 4), part(0, 2)),
        (6, Order::Mdy) => (part(4, 6), part(0, 2), part(2, 4)),
        _ => return serial(text, options, flags).ok_or(Flag::InvalidDate),
    };
    let (year, month, day) = parts;
    compose(year, month, day, options, flags).ok_or(Flag::ImpossibleDate)
}

/// Days since 1899-12-30, which makes the numbers behind 1900-02-28 right although spreadsheets have a 29 February 1900.
fn serial(text: &str, options: &Options, flags: &mut Flags) -> Option<Date> {
    let number: i64 = text.strip_suffix(".0").unwrap_or(text).parse().ok()?;
    if !options.excel_serials || !SERIALS.contains(&number) {
        return None;
    }
    flags.raise(Flag::ExcelSerial);
    jiff::civil::date(1899, 12, 30).checked_add(jiff::Span::new().days(number)).ok()
}

fn compose(year: Part, month: Part, day: Part, options: &Options, flags: &mut Flags) -> Option<Date> {
    if year.named || day.named || year.width == 3 || day.width > 2 || month.width > 2 {
        return None;
    }
    if year.width == 4 {
        return day_of(year.value, month.value, day.value);
    }
    let century = if year.value < i64::from(options.pivot) { 2000 } else { 1900 };
    let date = day_of(century + year.value, month.value, day.value)?;
    flags.raise(Flag::TwoDigitYear);
    let in_future = options.kind == Kind::Birth && options.as_of.is_some_and(|as_of| date > as_of);
    if in_future { day_of(1900 + year.value, month.value, day.value) } else { Some(date) }
}

/// Days that systems and people write for no date: (year, month, day, for birth dates only).
const STAND_INS: [(i16, i8, i8, bool); 11] = [
    (1, 1, 1, false),      // .NET and SQL Server datetime2
    (1000, 1, 1, false),   // MySQL
    (1111, 11, 11, false), // typed
    (1582, 10, 15, false), // first Gregorian day: SAS, SPSS
    (1753, 1, 1, false),   // SQL Server datetime
    (1800, 1, 1, false),   // SAP, older COBOL
    (1899, 12, 30, false), // OLE automation zero
    (1899, 12, 31, false), // spreadsheet zero
    (1900, 1, 1, false),   // spreadsheets, SQL Server smalldatetime
    (1970, 1, 1, true),    // Unix zero
    (9999, 12, 31, false), // "for ever"
];

fn checked(date: Date, written: &str, options: &Options, flags: Flags) -> Cleaned<Date> {
    let birth = options.kind == Kind::Birth;
    let stands_in = STAND_INS.iter().any(|(year, month, day, only_birth)| {
        (date.year(), date.month(), date.day()) == (*year, *month, *day) && (birth || !only_birth)
    });
    let all_ones = matches!(written, "01/01/01" | "01.01.01" | "01-01-01" | "1/1/01" | "1/1/1" | "1.1.1");
    if stands_in || all_ones || date.year() == 9999 {
        return Cleaned::refused(Flag::PlaceholderDate);
    }
    if birth && let Some(as_of) = options.as_of {
        if date > as_of {
            return Cleaned::refused(Flag::FutureDate);
        }
        let birthday_passed = (date.month(), date.day()) <= (as_of.month(), as_of.day());
        if as_of.year() - date.year() - i16::from(!birthday_passed) > MAX_AGE {
            return Cleaned::refused(Flag::Over120Years);
        }
    }
    Cleaned::some(date, flags)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AS_OF: Date = jiff::civil::date(2026, 6, 30);

    fn shown(raw: &str, options: &Options) -> String {
        let cleaned = clean(raw, options);
        let codes: Vec<&str> = cleaned.flags.codes().collect();
        format!("{} {}", cleaned.value.map_or_else(|| "-".to_owned(), |date| date.to_string()), codes.join(" "))
            .trim_end()
            .to_owned()
    }

    #[test]
    fn dates_in_the_stated_order() {
        for (raw, order, expected) in [
            ("2020-01-31", Order::Iso, "2020-01-31"),
            ("20200131", Order::Iso, "2020-01-31 reformatted"),
            ("2020/1/31", Order::Ymd, "2020-01-31 reformatted"),
            ("31.01.2020", Order::Dmy, "2020-01-31 reformatted"),
            ("31-1-2020", Order::Dmy, "2020-01-31 reformatted"),
            ("01/31/2020", Order::Mdy, "2020-01-31 reformatted"),
            ("03/04/2020", Order::Dmy, "2020-04-03 reformatted"),
            ("03/04/2020", Order::Mdy, "2020-03-04 reformatted"),
            ("31012020", Order::Dmy, "2020-01-31 reformatted"),
            ("310120", Order::Dmy, "2020-01-31 reformatted two_digit_year"),
            ("3/15/92", Order::Mdy, "1992-03-15 reformatted two_digit_year"),
            ("1/2/18", Order::Mdy, "2018-01-02 reformatted two_digit_year"),
            ("20/8/1991", Order::Mdy, "1991-08-20 reformatted day_month_swapped"),
            ("8/20/91", Order::Dmy, "1991-08-20 reformatted two_digit_year day_month_swapped"),
            ("1997-11-12", Order::Mdy, "1997-11-12"),
            ("1997/11/12", Order::Mdy, "1997-11-12 reformatted other_order"),
            ("Mar 1 1970", Order::Mdy, "1970-03-01 reformatted other_order"),
            ("24-May-11", Order::Dmy, "2011-05-24 reformatted two_digit_year"),
            ("1. März 1985", Order::Dmy, "1985-03-01 reformatted"),
            ("3 de mayo de 2020", Order::Dmy, "2020-05-03 reformatted"),
            ("1er août 1999", Order::Dmy, "1999-08-01 reformatted"),
            ("5 ottobre 2001", Order::Dmy, "2001-10-05 reformatted"),
            ("Tuesday, March 3rd, 2020", Order::Mdy, "2020-03-03 reformatted other_order"),
            ("24May2011", Order::Dmy, "2011-05-24 reformatted"),
            ("2020-01-31T00:00:00Z", Order::Iso, "2020-01-31 reformatted"),
            ("2020-01-31 12:30:00", Order::Iso, "2020-01-31 reformatted time_dropped"),
            ("31.01.2020 23:59", Order::Dmy, "2020-01-31 reformatted time_dropped"),
            ("29.02.2024", Order::Dmy, "2024-02-29 reformatted"),
            (" 2020-01-31", Order::Iso, "2020-01-31 trimmed"),
        ] {
            assert_eq!(shown(raw, &Options::new(order)), expected, "{raw:?} {order:?}");
        }
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for (raw, order, flag) in [
            ("31.02.2020", Order::Dmy, Flag::ImpossibleDate),
            ("29.02.2023", Order::Dmy, Flag::ImpossibleDate),
            ("32/13/2020", Order::Dmy, Flag::ImpossibleDate),
            ("2020-13-01", Order::Iso, Flag::ImpossibleDate),
            ("00/00/0000", Order::Dmy, Flag::PlaceholderDate),
            ("0000-00-00", Order::Iso, Flag::PlaceholderDate),
            ("0001-01-01", Order::Iso, Flag::PlaceholderDate),
            ("1900-01-01", Order::Iso, Flag::PlaceholderDate),
            ("9999-12-31", Order::Iso, Flag::PlaceholderDate),
            ("01/01/01", Order::Mdy, Flag::PlaceholderDate),
            ("n/a", Order::Iso, Flag::Placeholder),
            ("31/01/2020", Order::Iso, Flag::InvalidDate),
            ("12/11/1978", Order::Ymd, Flag::InvalidDate),
            ("43861", Order::Dmy, Flag::InvalidDate),
            ("yesterday", Order::Dmy, Flag::InvalidDate),
            ("1.2", Order::Dmy, Flag::InvalidDate),
            ("1.2.3.4", Order::Dmy, Flag::InvalidDate),
            ("Foo 1 2020", Order::Mdy, Flag::InvalidDate),
            ("Mai Juni 2020", Order::Dmy, Flag::InvalidDate),
        ] {
            assert_eq!(clean(raw, &Options::new(order)), Cleaned::refused(flag), "{raw:?} {order:?}");
        }
        // Only for birth dates is the first day of Unix time no day.
        assert_eq!(shown("1970-01-01", &Options::new(Order::Iso)), "1970-01-01");
    }

    #[test]
    fn birth_dates_are_checked_against_a_stated_day() {
        let birth = Options::birth(Order::Dmy, AS_OF);
        for (raw, expected) in [
            ("30.06.2026", "2026-06-30 reformatted"),
            ("01.07.2026", "- future_date"),
            ("30.06.1906", "1906-06-30 reformatted"),
            ("29.06.1905", "- over_120_years"),
            ("01.07.1905", "1905-07-01 reformatted"),
            ("01.01.1970", "- placeholder_date"),
            ("02.01.1970", "1970-01-02 reformatted"),
            ("15.03.29", "1929-03-15 reformatted two_digit_year"),
            ("15.03.20", "2020-03-15 reformatted two_digit_year"),
            ("15.03.92", "1992-03-15 reformatted two_digit_year"),
        ] {
            assert_eq!(shown(raw, &birth), expected, "{raw}");
        }
    }

    /// Serials from Excel: 43861 is 2020-01-31, 61 is 1900-03-01.
    #[test]
    fn spreadsheet_serials_on_request() {
        let options = Options { excel_serials: true, ..Options::new(Order::Dmy) };
        assert_eq!(shown("43861", &options), "2020-01-31 excel_serial");
        assert_eq!(shown("43861.0", &options), "2020-01-31 excel_serial");
        assert_eq!(shown("61", &options), "1900-03-01 excel_serial");
        assert_eq!(shown("60", &options), "- invalid_date");
    }
}
