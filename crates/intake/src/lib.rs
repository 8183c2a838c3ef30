//! Intake: files and requests into facts. Read, map by SQL, type and check, quarantine what does not fit, append to the lake.
//!
//! | module | holds |
//! |---|---|
//! | [`spec`] | what a project declares about its sources |
//! | `connect` | databases: a query's rows as text, up to a high-water mark |
//! | [`reader`] | CSV, JSON and Parquet files into chunks of raw rows |
//! | [`mapping`] | one row-wise SELECT per target table, planned once, run per chunk |
//! | [`typing`] | what a mapping gives into the typed columns of its table, or a reason why not |
//! | [`tracking`] | bodies of the tracking API into facts |
//! | [`live`] | the door: requests of live sources into chunks, answered when they are on disk |
//! | [`stream`] | sources that follow a stream of NATS or Kafka, through that door |
//! | [`audit`](audit()) | both equations recounted from the tables |
//! | [`check`](check()) | every problem of a source at once |
//! | [`import`](import()) | the whole way, resumable, with both conservation equations |
//!
//! *Invariant*: this crate knows no HTTP server, no journeys, no metrics. *Invariant*: error messages and logs carry no
//! value of a row; the raw row stands in quarantine only.

mod audit;
mod check;
mod connect;
mod import;
pub mod live;
pub mod mapping;
mod nearest;
pub mod outcome;
pub mod reader;
pub mod spec;
pub mod stream;
pub mod tracking;
pub mod typing;

pub use audit::{AuditReport, Break, SourceAudit, TargetAudit, audit};
pub use check::{check, check_connection};
pub use import::{
    Failure, FileReport, ImportError, ImportReport, Progress, RowReport, SourceReport, TargetReport, begin_anew, import, stamps,
    take_in,
};
pub use mapping::functions;
pub use reader::FileStamp;
pub use spec::{Api, Defaults, Kind, Mapping, Mode, Problem, Severity, Source, SourceSpec, Sources};
