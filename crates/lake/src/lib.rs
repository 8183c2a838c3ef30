//! The lake: durable log, Delta tables, exactly-once sealing and the SQL session over both.
//!
//! An append is judged (is this fact known, with which content?), written and made durable as one atomic batch; a sealer
//! turns log ranges into Delta commits that carry their own end offset; a query reads each table at its version plus the
//! log's tail behind that version. Nothing acknowledged is lost, nothing is stored twice, whenever the process dies.
//!
//! *Invariant*: this crate knows no HTTP, no project files and no rules of any kind: functions, views and kernels are
//! registered into it ([`Extensions`]). It is the only one that names `deltalake`, `fjall` or `object_store`.
//! *Invariant*: one process owns a store. *Invariant*: errors and logs carry no content of facts.
//!
//! Deliberately missing: erasure; it comes with the issue that needs it.

mod accounting;
mod append;
mod appender;
mod background;
mod batches;
mod bucket;
mod chunk;
mod clock;
mod compact;
mod conflict;
pub mod crash;
mod datafile;
mod delta;
mod derived;
mod entry;
mod error;
mod hook;
mod keys;
mod lake;
pub mod literal;
mod log;
mod provider;
mod register;
mod repairs;
mod retype;
mod schema;
mod seal;
mod session;
mod since;
mod spool;
mod state;
mod vacuum;

pub use appender::{Appender, Appending};
pub use batches::{Batch, BatchRegister};
pub use bucket::{Bucket, BucketAddress, BucketError, Object};
pub use chunk::{
    Chunk, FactBatch, FactCounts, Mode, Position, Progress, Receipt, Repair, RepairOutcome, Repairs, RowCounts, Verdict,
};
pub use clock::{Clock, FixedClock, SystemClock};
pub use derived::{Rows, Written};
pub use error::{AppendError, Holder, OpenError, SealError, StorageError, WriteError};
pub use hook::{Base, Change, HookLoad, Index, IndexWriter, Sighting, WriteHook};
pub use lake::{Lake, Options, Retention, SealedLake, TableSize};
pub use schema::{WIDE_DECIMAL, arrow_schema, data_type, join, schema};
pub use seal::Sealed;
pub use session::Extensions;
pub use spool::Spool;
