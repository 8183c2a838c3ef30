//! The server: the API under `/api/v1`, the cockpit, and the schedule, in the process that owns the store.
//!
//! [`serve`] takes an open lake and runs until it is told to stop; then it takes no more requests, lets the job at work end
//! and closes the lake, so that everything is sealed.
//!
//! | module | holds |
//! |---|---|
//! | [`serve()`](serve()) | listening, the schedule, stopping |
//! | `routes` | which address does what, behind which checks |
//! | `connections` | taking connections, bounding them, letting them end |
//! | `tracking`, `keys` | the tracking API and rows over HTTP; write keys |
//! | `auth` | token, session, `Host`, same origin |
//! | `pages` | one file a page: SQL, and small functions from rows to the answer |
//! | [`wire`] | the types of the answers; `openapi` makes the contract of them |
//! | `app`, `cache`, `literal`, `json`, `cursor` | queries: limits, results kept, values into SQL, rows out of it, paging |
//! | `logs` | logs of events in memory, for questions about paths |
//! | `filter`, `calendar`, `scoring` | the filter bar, periods in the project's zone, scores with trend and change |
//! | `jobs` | imports and runs in the background |
//! | `feeds`, `failures` | what comes in by itself: watched files, buckets and databases; why sources could not be read |
//! | `observe` | request ids, log lines, `/metrics` |
//!
//! *Invariant*: this crate knows neither Delta nor fjall; it reads tables by SQL and changes them by `intake` and `pipeline`
//! only. *Invariant*: a reader's words enter SQL as literals only. *Invariant*: logs name no person.
//!
//! Deliberately missing: TLS (a proxy's business; the default is loopback), accounts and roles, the PostgreSQL wire.

mod app;
mod assets;
mod auth;
mod cache;
mod calendar;
mod connections;
mod cursor;
mod error;
mod extract;
mod failures;
mod feeds;
mod filter;
mod jobs;
mod json;
mod keys;
mod logs;
mod observe;
mod openapi;
mod pages;
mod routes;
mod scoring;
mod serve;
mod signature;
mod tracking;
pub mod wire;

pub use app::Reload;
pub use connections::Limits;
pub use keys::{KeyError, LONGEST_LABEL, WriteKeys};
pub use openapi::text as openapi;
pub use serve::{Config, Ready, ServeError, serve};
