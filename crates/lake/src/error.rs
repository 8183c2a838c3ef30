//! What can go wrong, sorted by what the caller can do about it: one enum per operation.
//!
//! Messages name the object, the place and the remedy. They never carry a fact's content: errors end up in logs, and
//! logs are no place for personal data.

use std::io;
use std::path::{Path, PathBuf};

use datafusion::error::DataFusionError;
use deltalake::DeltaTableError;
use parquet::errors::ParquetError;

/// The storage itself failed: nothing that the caller did is wrong.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The disk that holds `path` is full.
    #[error("the disk is full: {} needs {needed} more bytes; free some space, nothing was stored", path.display())]
    DiskFull {
        /// The folder on the full disk.
        path: PathBuf,
        /// How much the write needs at least.
        needed: u64,
    },
    /// The operating system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The durable log failed.
    #[error("durable log: {0}")]
    Log(#[from] fjall::Error),
    /// A Delta table could not be read or committed.
    #[error("table {table}: {source}")]
    Delta {
        /// The table.
        table: &'static str,
        /// What delta-rs said.
        source: Box<DeltaTableError>,
    },
    /// A Parquet file could not be written.
    #[error("table {table}: {source}")]
    Parquet {
        /// The table.
        table: &'static str,
        /// What the writer said.
        source: ParquetError,
    },
    /// Stored bytes do not decode.
    #[error("{what} is damaged: {detail}; restore the store from a backup or import the sources anew")]
    Damaged {
        /// Which part of the store.
        what: String,
        /// What is wrong, without content.
        detail: String,
    },
    /// The lake was closed, or its writer died after a failed write.
    #[error("the lake is closed; open it again")]
    Closed,
    /// The system gives no thread for work in the background; what is on disk stays, and the work is tried again.
    #[error("the system gives no further thread: {0}; allow the process more (`ulimit -u`, the limits of its service)")]
    Thread(io::Error),
}

impl StorageError {
    /// An I/O error at `path`; a full disk is told apart, because freeing space is a remedy.
    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::StorageFull || source.kind() == io::ErrorKind::QuotaExceeded {
            return Self::DiskFull { path: path.to_owned(), needed: 1 };
        }
        Self::Io { path: path.to_owned(), source }
    }

    /// A Delta error of `table`.
    pub(crate) fn delta(table: &'static str, source: DeltaTableError) -> Self {
        Self::Delta { table, source: Box::new(source) }
    }

    /// A Parquet error of `table` while writing to `path`; a full disk hides inside it.
    pub(crate) fn parquet(table: &'static str, path: &Path, source: ParquetError) -> Self {
        match source {
            ParquetError::External(inner) => match inner.downcast::<io::Error>() {
                Ok(error) => Self::io(path, *error),
                Err(inner) => Self::Parquet { table, source: ParquetError::External(inner) },
            },
            source => Self::Parquet { table, source },
        }
    }
}

/// Why a store does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process owns the store.
    #[error("the store {} is in use by {holder}; wait for it, or read with --sealed", path.display())]
    Locked {
        /// The store.
        path: PathBuf,
        /// Who holds it.
        holder: Holder,
    },
    /// The store was written by a newer Clew.
    #[error("{what} has version {found}, this program knows versions up to {known}: use a newer clew")]
    TooNew {
        /// The table or store.
        what: String,
        /// Its version.
        found: u32,
        /// The newest known.
        known: u32,
    },
    /// Another engine turned on a Delta feature that Clew does not read.
    #[error("table {table} uses {feature}, which clew does not read: turn it off with the engine that turned it on")]
    Unsupported {
        /// The table.
        table: &'static str,
        /// The Delta feature.
        feature: String,
    },
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// An extension view or function does not fit the tables.
    #[error("extension {name}: {source}")]
    Extension {
        /// The function or view.
        name: String,
        /// What the engine said.
        source: DataFusionError,
    },
}

/// Who holds a store.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Holder {
    /// Its process id; 0 when unknown.
    pub pid: u32,
    /// Where it serves, when it is `clew serve`.
    pub address: Option<String>,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.pid, &self.address) {
            (0, _) => f.write_str("another process"),
            (pid, None) => write!(f, "process {pid}"),
            (pid, Some(address)) => write!(f, "process {pid}, which serves at {address}"),
        }
    }
}

/// Why a chunk was not stored. Nothing of it was.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The disk is full.
    #[error("the disk is full: {} needs {needed} more bytes; free some space and try again: this part was not stored, what came before it stays", path.display())]
    DiskFull {
        /// The folder on the full disk.
        path: PathBuf,
        /// How much is needed at least.
        needed: u64,
    },
    /// The chunk does not fit its tables: a fault of the caller.
    #[error("table {table}: {detail}")]
    Shape {
        /// The table.
        table: String,
        /// What does not fit.
        detail: String,
    },
    /// Two different identifier sets hash to one subject number.
    #[error("two identifier sets share the subject number {subject}; derive the second one's number with another salt")]
    SubjectCollision {
        /// The number.
        subject: i64,
    },
    /// The storage failed.
    #[error(transparent)]
    Storage(StorageError),
}

impl From<StorageError> for AppendError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::DiskFull { path, needed } => Self::DiskFull { path, needed },
            error => Self::Storage(error),
        }
    }
}

/// Why a seal did not finish. What it did finish stays; the rest is still in the log.
#[derive(Debug, thiserror::Error)]
#[error("sealing: {0}")]
pub struct SealError(#[from] pub StorageError);

/// Why a derived table was not written. It is as it was before.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The rows do not fit the table, or the table is not a derived one.
    #[error("table {table}: {detail}")]
    Shape {
        /// The table.
        table: String,
        /// What does not fit.
        detail: String,
    },
    /// The stream of rows failed.
    #[error(transparent)]
    Rows(#[from] DataFusionError),
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// What does not fit between a record batch and its table.
#[derive(Debug)]
pub(crate) struct Misfit {
    pub(crate) table: String,
    pub(crate) detail: String,
}

impl From<Misfit> for AppendError {
    fn from(Misfit { table, detail }: Misfit) -> Self {
        Self::Shape { table, detail }
    }
}

impl From<Misfit> for WriteError {
    fn from(Misfit { table, detail }: Misfit) -> Self {
        Self::Shape { table, detail }
    }
}
