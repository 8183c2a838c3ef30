//! When it happened, although clients' clocks are wrong.
//!
//! A client says when something happened and, by the same clock, when it sent it. The difference is right however wrong the clock is, so
//! the event happened that long before it was received: `occurred = received − (sent − original)`, as Segment does it. What arrives
//! later than a minute by the client's own clock has crossed a wrong clock or a very slow line, and is flagged.

use crate::typing::time::parse;

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;
/// A larger difference between the clocks is worth a flag.
const SKEW: i64 = 60 * SECOND;

/// A client's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    /// Microseconds, UTC; a time without offset is taken for UTC, as the HTTP specification says.
    pub micros: i64,
    /// Minutes east of UTC at the place, where the text says so.
    pub offset_min: Option<i32>,
}

/// The time that `text` says; `None` when it is none.
pub fn said(text: &str) -> Option<Said> {
    let parsed = parse(text)?;
    let offset = parsed.offset.unwrap_or(0);
    let micros = parsed.days * DAY + parsed.micros - i64::from(offset) * SECOND;
    Some(Said { micros, offset_min: parsed.offset.filter(|_| !parsed.zulu).map(|offset| offset / 60) })
}

/// When it happened by the server's clock, and whether the client's is off by more than a minute. A message sent before it
/// happened was sent at once.
pub fn corrected(original: i64, sent: Option<i64>, received: i64) -> (i64, bool) {
    let Some(sent) = sent else { return (original, false) };
    let age = sent.saturating_sub(original).max(0);
    (received.saturating_sub(age), (received - sent).abs() > SKEW)
}

/// Whether `occurred` can be: not before 1970, not later than a day after it was received.
pub fn is_plausible(occurred: i64, received: i64) -> bool {
    (0..=received.saturating_add(DAY)).contains(&occurred)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_wrong_clock_is_corrected_by_its_own_difference() {
        let received = 1_000 * DAY;
        // Sent an hour after it happened, by a clock that is two days late.
        let sent = received - 2 * DAY;
        assert_eq!(corrected(sent - 3600 * SECOND, Some(sent), received), (received - 3600 * SECOND, true));
        assert_eq!(corrected(received - 5 * SECOND, Some(received - SECOND), received), (received - 4 * SECOND, false));
        assert_eq!(corrected(received - 5 * SECOND, None, received), (received - 5 * SECOND, false));
        assert_eq!(corrected(received + DAY, Some(received), received), (received, false), "sent before it happened");
    }

    #[test]
    fn plausible_is_1970_to_tomorrow() {
        let received = 1_000 * DAY;
        assert!(is_plausible(0, received) && is_plausible(received + DAY, received));
        assert!(!is_plausible(-1, received) && !is_plausible(received + DAY + 1, received));
    }

    #[test]
    fn a_time_says_its_offset_unless_it_is_utc() {
        let expected = |micros, offset_min| Some(Said { micros, offset_min });
        assert_eq!(said("1970-01-02T00:00:00.5Z"), expected(DAY + SECOND / 2, None));
        assert_eq!(said("1970-01-02T02:00:00+02:00"), expected(DAY, Some(120)));
        assert_eq!(said("1970-01-02T00:00:00"), expected(DAY, None));
        assert_eq!(said("1769860800"), None);
    }

    proptest! {
        #[test]
        fn nothing_overflows(original in any::<i32>(), sent in any::<Option<i32>>(), received in any::<i32>()) {
            let micros = |seconds: i32| i64::from(seconds) * SECOND * 100;
            let (occurred, _) = corrected(micros(original), sent.map(micros), micros(received));
            prop_assert!(sent.is_none() || occurred <= micros(received));
        }
    }
}
