//! A number that carries its n, its interval and, where something is missing, the reason.
//!
//! Every figure that Clew shows passes through [`Estimate`], so that "we do not know" has a shape of its own. A plain
//! `Option<f64>` would lose why; a `Result` would lose the estimate when only its interval is unknown (one answer has
//! a mean, but no interval).
//!
//! Deliberately missing: serialisation (the wire and the tables have their own shapes) and formatting (only the web
//! rounds).

use std::fmt;

/// Why a number, or its interval, could not be computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// There is no observation at all.
    NoRows,
    /// There are observations, but fewer than the method needs.
    TooFewRows,
    /// All observations are equal, so the spread that the method divides by is zero.
    NoSpread,
    /// The confidence level is not strictly between 0 and 1.
    BadLevel,
    /// The input contradicts itself: more successes than trials, a negative sum of squares, a value that is not finite.
    BadInput,
}

impl Reason {
    /// The stable code that tables and the API use.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NoRows => "no_rows",
            Self::TooFewRows => "too_few_rows",
            Self::NoSpread => "no_spread",
            Self::BadLevel => "bad_level",
            Self::BadInput => "bad_input",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoRows => "no observations",
            Self::TooFewRows => "too few observations for this method",
            Self::NoSpread => "all observations are equal",
            Self::BadLevel => "the confidence level is not between 0 and 1",
            Self::BadInput => "the counts or values contradict each other",
        })
    }
}

/// An estimate with its interval.
///
/// `estimate` is `None` only if `reason` says why; `lower` and `upper` are both present or both absent, and where they
/// are absent `reason` says why too. `lower <= upper` always.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The point estimate, in the unit of the thing estimated (a share is a fraction 0..=1, an NPS -1..=1).
    pub estimate: Option<f64>,
    /// Lower end of the interval, same unit.
    pub lower: Option<f64>,
    /// Upper end of the interval, same unit.
    pub upper: Option<f64>,
    /// The observations that went in; for a difference those of both sides together.
    pub n: u64,
    /// The two-sided confidence level of the interval, for example 0.95.
    pub level: f64,
    /// Why `estimate`, or `lower` and `upper`, are absent.
    pub reason: Option<Reason>,
}

impl Estimate {
    /// An estimate with an interval. The ends are put in order; a value that is not finite turns the whole into [`Reason::BadInput`].
    #[must_use]
    pub fn new(estimate: f64, lower: f64, upper: f64, n: u64, level: f64) -> Self {
        if !(estimate.is_finite() && lower.is_finite() && upper.is_finite()) {
            return Self::unknown(n, level, Reason::BadInput);
        }
        let (lower, upper) = (lower.min(upper), lower.max(upper));
        Self { estimate: Some(estimate), lower: Some(lower), upper: Some(upper), n, level, reason: None }
    }

    /// A point estimate whose interval is unknown.
    #[must_use]
    pub fn point(estimate: f64, n: u64, level: f64, reason: Reason) -> Self {
        Self { estimate: Some(estimate), lower: None, upper: None, n, level, reason: Some(reason) }
    }

    /// Nothing is known but n and the reason.
    #[must_use]
    pub fn unknown(n: u64, level: f64, reason: Reason) -> Self {
        Self { estimate: None, lower: None, upper: None, n, level, reason: Some(reason) }
    }

    /// The interval, if it is known.
    #[must_use]
    pub fn interval(&self) -> Option<(f64, f64)> {
        self.lower.zip(self.upper)
    }

    /// Whether the interval covers `value`; `None` if there is no interval.
    #[must_use]
    pub fn covers(&self, value: f64) -> Option<bool> {
        self.interval().map(|(lower, upper)| lower <= value && value <= upper)
    }
}
