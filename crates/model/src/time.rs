//! Time as the domain means it: an instant, in UTC microseconds, the resolution of Delta and Arrow timestamps.
//!
//! Zones, calendars and parsing are the business of the edges (`intake` reads, `pipeline` cuts periods): an instant
//! has no zone. Differences are milliseconds (`*_ms`), because that is what people configure and read.

use serde::{Deserialize, Serialize};

/// An instant: microseconds since 1970-01-01T00:00:00Z, may be negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The instant at `micros` microseconds since the epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Milliseconds from `earlier` to `self`, rounded towards zero; negative when `earlier` is later.
    pub const fn millis_since(self, earlier: Self) -> i64 {
        (self.0 - earlier.0) / 1_000
    }
}
