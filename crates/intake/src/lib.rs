//! Intake: files and requests into facts. Read, map by SQL, type and check, quarantine what does not fit, append to the lake.
//!
//! | module | holds |
//! |---|---|
//! | [`spec`] | what a project declares about its sources |
//! | `connect` | databases: a query's rows as text, up to a high-water mark |
//! | [`reader`] | CSV, JSON and Parquet files into chunks of raw rows |
//! | [`event_log`] | who did what when, of any file, as columns of numbers |
//! | [`mapping`] | one row-wise SELECT per target table, planned once, run per chunk |
//! | [`typing`] | what a mapping gives into the typed columns of its table, or a reason why not |
//! | [`tracking`] | bodies of the tracking API into facts |
//! | [`expect`] | what a source's file says that its data must be like, held against every row |
//! | [`drift`] | whether a source's data changed |
//! | [`observe`] | counts and profiles of fields while rows go by |
//! | [`alarm`] | what is told of both |
//! | `widening` | a promoted column that takes a wider type |
//! | [`live`] | the door: requests of live sources into chunks, answered when they are on disk |
//! | [`stream`] | sources that follow a stream of NATS or Kafka, through that door |
//! | [`audit`](audit()) | both equations recounted from the tables |
//! | [`check`](check()) | every problem of a source at once |
//! | [`replay`](replay()) | rows of quarantine once more, through today's mapping or edited |
//! | [`import`](import()) | the whole way, resumable, with both conservation equations |
//!
//! *Invariant*: this crate knows no HTTP server, no journeys, no metrics. *Invariant*: error messages and logs carry no
//! value of a row; the raw row stands in quarantine only.

pub mod alarm;
mod audit;
mod backoff;
mod check;
mod connect;
pub mod drift;
pub mod event_log;
pub mod expect;
mod import;
pub mod live;
pub mod mapping;
mod nearest;
pub mod observe;
pub mod outcome;
pub mod reader;
mod replay;
mod roots;
pub mod spec;
pub mod stream;
pub mod tracking;
pub mod typing;
mod widening;

pub use alarm::{Alarm, AlarmKind};
pub use audit::{AuditReport, Break, SourceAudit, TargetAudit, audit};
pub use check::{check, check_connection};
pub use expect::{DriftSpec, Expectation, OnFailure, OnMissingColumn};
pub use import::{
    Failure, FileReport, ImportError, ImportReport, Loaded, Progress, RowReport, SourceReport, TargetReport, begin_anew, import,
    stamps, take_in,
};
pub use mapping::functions;
pub use reader::FileStamp;
pub use replay::{
    Action, Example, MOST_EXAMPLES, Outcomes, REFUSED as REPLAY_REFUSED, ReasonReport, ReplayError, ReplayReport, Request,
    Selection, SourceReplay, is_replay_refusal, replay,
};
pub use spec::{Api, Defaults, Kind, Mapping, Mode, Problem, Severity, Source, SourceSpec, Sources};
pub use typing::cleansing::field::identifiers_meant;
