//! The words of the domain: what an event, an identifier, a record and a response are, how each table looks and how
//! ids are made. Everything else in Clew speaks these words.
//!
//! *Invariant*: this crate knows no I/O, no async, no SQL and no Arrow. A table is described as data
//! ([`tables::Table`]); the lake turns the description into Delta and Arrow schemas, the docs into `docs/tables.md`, so
//! that the three can not drift apart.
//!
//! | module | holds |
//! |---|---|
//! | [`channel`] | where and in which direction an interaction happened |
//! | [`id`] | ids that come from content |
//! | [`tables`] | every table: columns, types, keys, which columns may have statistics |
//! | [`time`] | `Timestamp`: UTC microseconds |

pub mod channel;
pub mod id;
pub mod tables;
pub mod time;

pub use channel::{Channel, Direction, ResponseKind};
pub use id::{BatchId, ContentHash, FactKey};
pub use time::Timestamp;
