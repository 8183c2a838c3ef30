//! High-water marks: which value is stored as the place to go on, and where the next pull begins.

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray, RecordBatch};
use jiff::civil::{Date, DateTime};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Column, ConnectError};
use crate::spec::Overlap;

/// What is taken off a mark that is a time, unless the source says otherwise.
const OVERLAP: SignedDuration = SignedDuration::from_mins(5);
/// How far naive times may be ahead of UTC.
const EAST_MOST: SignedDuration = SignedDuration::from_hours(14);

/// What a column is as a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarkKind {
    /// An instant, a naive time or a day.
    Time,
    /// A number.
    Number,
    /// Anything else that has an order.
    Text,
}

impl MarkKind {
    /// Whether rows can lie behind `mark`. NaN and infinity, which databases order behind all numbers, are no place: nothing would ever come
    /// again.
    pub fn is_place(self, mark: &str) -> bool {
        self != Self::Number || mark.ends_with(|last: char| last.is_ascii_digit())
    }
}

/// What is stored with the facts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredMark {
    /// The greatest mark read, as the database wrote it.
    pub mark: Option<String>,
    /// The columns of the query then, with their types.
    pub columns: BTreeMap<String, String>,
}

/// How far a query is read.
#[derive(Debug)]
pub struct Place {
    at: usize,
    kind: MarkKind,
    now: i64,
    stored: StoredMark,
}

impl Place {
    /// Nothing is read yet of a query whose column `at` is the mark.
    pub fn new(at: usize, kind: MarkKind, columns: &[Column], now: i64) -> Self {
        let columns = columns.iter().map(|column| (column.name.clone(), column.kind.clone())).collect();
        Self { at, kind, now, stored: StoredMark { mark: None, columns } }
    }

    /// Takes in the marks of `rows`, which come in their order. Returns how many rows have none.
    pub fn advance(&mut self, rows: &RecordBatch) -> u64 {
        let marks = rows.column(self.at).as_string::<i32>();
        let last = marks.iter().flatten().rev().find(|mark| !mark.is_empty() && self.kind.is_place(mark) && !self.is_ahead(mark));
        if let Some(mark) = last {
            self.stored.mark = Some(mark.to_owned());
        }
        marks.null_count() as u64
    }

    /// The place as bytes; `None` while there is none.
    pub fn stored(&self) -> Option<Vec<u8>> {
        self.stored.mark.as_ref()?;
        Some(serde_json::to_vec(&self.stored).expect("plain data serialises"))
    }

    fn is_ahead(&self, mark: &str) -> bool {
        let Some(now) = Timestamp::from_microsecond(self.now).ok().filter(|_| self.kind == MarkKind::Time) else { return false };
        match Instant::read(mark) {
            Some(Instant::Zoned(at)) => at > now,
            Some(Instant::Naive(at)) => at > latest(now).datetime(),
            Some(Instant::Day(at)) => at > latest(now).date(),
            // Infinity, and what no calendar holds.
            None => true,
        }
    }
}

/// Now, where the day begins first.
fn latest(now: Timestamp) -> jiff::Zoned {
    now.saturating_add(EAST_MOST).expect("a duration of hours adds up").to_zoned(jiff::tz::TimeZone::UTC)
}

/// A time as databases write it.
enum Instant {
    Zoned(Timestamp),
    Naive(DateTime),
    Day(Date),
}

impl Instant {
    fn read(text: &str) -> Option<Self> {
        // A civil time is also read from a text with an offset, so the offset is looked for first.
        if let Ok(at) = text.parse::<Timestamp>() {
            return Some(Self::Zoned(at));
        }
        if text.len() == "2026-01-31".len() {
            return text.parse().ok().map(Self::Day);
        }
        text.parse().ok().map(Self::Naive)
    }
}

/// Where a pull begins: `mark` less the overlap, in the form that it came in.
pub fn begin(mark: &str, kind: MarkKind, overlap: Option<&Overlap>) -> Result<String, ConnectError> {
    let refuse = |message: &str, remedy: &str| Err(ConnectError::refused(message, remedy));
    match (kind, overlap) {
        (MarkKind::Time, overlap) => {
            let overlap = match overlap {
                None => OVERLAP,
                Some(overlap) => match overlap.duration().map(SignedDuration::try_from) {
                    Some(Ok(overlap)) => overlap,
                    _ => return refuse("the mark is a time, but `overlap:` is none", "write a duration such as 10m"),
                },
            };
            Ok(earlier(mark, overlap))
        }
        (MarkKind::Number | MarkKind::Text, None) => Ok(mark.to_owned()),
        (MarkKind::Number, Some(Overlap::Number(n))) => Ok(less(mark, *n)),
        (MarkKind::Number, Some(Overlap::Duration(_))) => {
            refuse("the mark is a number, but `overlap:` is a duration", "write a number: how many ids may be committed late")
        }
        (MarkKind::Text, Some(_)) => {
            refuse("a mark that is text has no overlap", "leave `overlap:` out, or use a time as the mark")
        }
    }
}

/// `mark` less `overlap`; as it is where that leaves the calendar.
fn earlier(mark: &str, overlap: SignedDuration) -> String {
    let moved = match Instant::read(mark) {
        Some(Instant::Zoned(at)) => at.checked_sub(overlap).ok().map(|at| at.to_string()),
        Some(Instant::Naive(at)) => at.checked_sub(overlap).ok().map(|at| at.to_string()),
        // A day is begun again whole.
        Some(Instant::Day(at)) => {
            let begun = at.at(0, 0, 0, 0).checked_sub(overlap).ok();
            begun.map(|begun| begun.date().to_string())
        }
        None => None,
    };
    moved.unwrap_or_else(|| mark.to_owned())
}

/// `mark` less `n`, for a number that may have decimals: those only make it begin a little later than asked, never past the mark.
fn less(mark: &str, n: u64) -> String {
    let whole = mark.split_once('.').map_or(mark, |(whole, _)| whole);
    whole.parse::<i128>().map_or_else(|_| mark.to_owned(), |whole| (whole - i128::from(n)).to_string())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::StringArray;

    use super::*;
    use crate::reader::rows::text_schema;

    fn place(kind: MarkKind, now: &str) -> Place {
        let now: Timestamp = now.parse().unwrap();
        let columns = [Column { name: "m".into(), kind: "k".into(), mark: Some(kind) }];
        Place::new(0, kind, &columns, now.as_microsecond())
    }

    fn rows(marks: &[Option<&str>]) -> RecordBatch {
        RecordBatch::try_new(text_schema(["m"].into_iter()), vec![Arc::new(StringArray::from(marks.to_vec()))]).unwrap()
    }

    fn mark(place: &Place) -> Option<String> {
        place.stored().and_then(|stored| serde_json::from_slice::<StoredMark>(&stored).unwrap().mark)
    }

    #[test]
    fn the_place_is_the_last_mark_that_is_neither_null_nor_in_the_future() {
        let mut place = place(MarkKind::Time, "2026-03-01T00:00:00Z");
        assert_eq!(place.advance(&rows(&[None, None])), 2);
        assert_eq!(mark(&place), None);
        place.advance(&rows(&[Some("2026-02-01T10:00:00+00:00"), Some("9999-12-31T00:00:00+00:00"), Some("infinity"), None]));
        assert_eq!(mark(&place).as_deref(), Some("2026-02-01T10:00:00+00:00"));
        // Only those: the place stays.
        place.advance(&rows(&[Some("infinity")]));
        assert_eq!(mark(&place).as_deref(), Some("2026-02-01T10:00:00+00:00"));
    }

    #[test]
    fn what_is_no_number_is_no_place() {
        let mut place = place(MarkKind::Number, "2026-03-01T00:00:00Z");
        place.advance(&rows(&[Some("7"), Some("8.5"), Some("Infinity"), Some("NaN"), None]));
        assert_eq!(mark(&place).as_deref(), Some("8.5"));
        place.advance(&rows(&[Some("NaN")]));
        assert_eq!(mark(&place).as_deref(), Some("8.5"));
    }

    #[test]
    fn naive_times_and_days_may_be_ahead_by_a_zone() {
        let mut place = place(MarkKind::Time, "2026-03-01T12:00:00Z");
        place.advance(&rows(&[Some("2026-03-02T01:00:00"), Some("2026-03-02T03:00:00")]));
        assert_eq!(mark(&place).as_deref(), Some("2026-03-02T01:00:00"));
        place.advance(&rows(&[Some("2026-03-02"), Some("2026-03-03")]));
        assert_eq!(mark(&place).as_deref(), Some("2026-03-02"));
    }

    #[test]
    fn a_pull_begins_behind_the_mark_by_the_overlap() {
        let minutes = |text: &str| Some(Overlap::Duration(text.into()));
        let cases = [
            ("2026-03-01T00:02:00.5+00:00", MarkKind::Time, None, "2026-02-28T23:57:00.5Z"),
            ("2026-03-01T00:02:00+02:00", MarkKind::Time, minutes("2m"), "2026-02-28T22:00:00Z"),
            ("2026-03-01T00:02:00", MarkKind::Time, minutes("0"), "2026-03-01T00:02:00"),
            ("2026-03-01", MarkKind::Time, minutes("1h"), "2026-02-28"),
            ("41", MarkKind::Number, None, "41"),
            ("41", MarkKind::Number, Some(Overlap::Number(100)), "-59"),
            ("41.75", MarkKind::Number, Some(Overlap::Number(1)), "40"),
            ("18446744073709551615", MarkKind::Number, Some(Overlap::Number(1)), "18446744073709551614"),
            ("b", MarkKind::Text, None, "b"),
        ];
        for (mark, kind, overlap, expected) in cases {
            assert_eq!(begin(mark, kind, overlap.as_ref()).unwrap(), expected, "{mark}");
        }
        assert!(begin("41", MarkKind::Number, minutes("5m").as_ref()).is_err());
        assert!(begin("2026-03-01", MarkKind::Time, Some(&Overlap::Number(3))).is_err());
    }
}
