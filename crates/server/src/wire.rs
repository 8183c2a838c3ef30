//! The wire: every type under `/api/v1`, as `web/src/api/types.ts` describes them.
//!
//! Every key is always present; "nothing" is `null`. Times are RFC 3339 in UTC, calendar periods are named by the local day
//! on which they start, shares are 0..1, money is a decimal string beside its currency. All types both write and read, so
//! that clients in Rust and the tests share them.

pub mod common;
pub mod data;
pub mod identity;
pub mod journeys;
pub mod paths;
pub mod people;
pub mod replay;
pub mod scores;
pub mod tracking;
pub mod voice;
pub mod work;

pub use common::*;
pub use data::*;
pub use identity::*;
pub use journeys::*;
pub use paths::*;
pub use people::*;
pub use replay::*;
pub use scores::*;
pub use tracking::*;
pub use voice::*;
pub use work::*;
