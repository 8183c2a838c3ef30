//! What customers say: language, sentiment, themes, what is new, and what must be masked before it is shown.
//!
//! Everything here is a pure function over text and numbers: no I/O, no clock, no model files, no network. A seed comes
//! in where an order is drawn. What cannot be told is `None` with a reason, never a neutral guess.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may panic"))]

pub mod language;
pub mod pii;
pub mod polarity;
pub mod quotes;
pub mod sentiment;
pub mod stopwords;
pub mod surge;
pub mod themes;
pub mod tokens;
