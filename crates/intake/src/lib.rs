//! Intake: files and requests into facts. Read, map by SQL, type and check, quarantine what does not fit, append to the lake.
//!
//! | module | holds |
//! |---|---|
//! | [`spec`] | what a project declares about its sources |
//! | [`reader`] | CSV, JSON and Parquet files into chunks of raw rows |
//! | [`mapping`] | one row-wise SELECT per target table, planned once, run per chunk |
//! | [`typing`] | what a mapping gives into the typed columns of its table, or a reason why not |
//! | [`tracking`] | bodies of the tracking API into facts |
//! | [`live`] | the door: requests of live sources into chunks, answered when they are on disk |
//! | [`audit`](audit()) | both equations recounted from the tables |
//! | [`check`](check()) | every problem of a source at once |
//! | [`replay`](replay()) | rows of quarantine once more, through today's mapping or edited |
//! | [`import`](import()) | the whole way, resumable, with both conservation equations |
//!
//! *Invariant*: this crate knows no HTTP server, no journeys, no metrics. *Invariant*: error messages and logs carry no
//! value of a row; the raw row stands in quarantine only.

mod audit;
mod check;
mod import;
pub mod live;
pub mod mapping;
mod nearest;
pub mod outcome;
pub mod reader;
mod replay;
pub mod spec;
pub mod tracking;
pub mod typing;

pub use audit::{AuditReport, Break, SourceAudit, TargetAudit, audit};
pub use check::check;
pub use import::{FileReport, ImportError, ImportReport, Progress, RowReport, SourceReport, TargetReport, import};
pub use mapping::functions;
pub use replay::{
    Action, Example, MOST_EXAMPLES, Outcomes, REFUSED as REPLAY_REFUSED, ReasonReport, ReplayError, ReplayReport, Request,
    Selection, SourceReplay, is_replay_refusal, replay,
};
pub use spec::{Api, Defaults, Mapping, Mode, Problem, Severity, Source, SourceSpec, Sources};
