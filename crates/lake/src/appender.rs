//! Appends of one importer: judged and committed in their order, encoded side by side.
//!
//! A resumed import goes on behind the last chunk that is stored, so a chunk must never be stored before those in front of it.
//! Encoding rows as Parquet takes most of an append and depends on no other chunk; the appender lets it overlap. Verdicts
//! are found in order as well, so that of two rows with one key the earlier one is stored, as in a serial import.

use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::append::{Decider, commit, judge, prepare};
use crate::chunk::{Chunk, Receipt};
use crate::error::{AppendError, StorageError};
use crate::lake::Lake;

/// See the module.
#[derive(Debug)]
pub struct Appender {
    lake: Lake,
    /// Resolves when the chunk before is stored; fails when it is not.
    before: Option<oneshot::Receiver<()>>,
}

/// A chunk that is judged and on its way into the store.
#[derive(Debug)]
pub struct Appending(JoinHandle<Result<Receipt, AppendError>>);

impl Lake {
    /// An appender for the chunks of one import.
    pub fn appender(&self) -> Appender {
        Appender { lake: self.clone(), before: None }
    }
}

impl Appender {
    /// Judges `chunk` and lets it be stored behind those before it. How many are on their way is up to the caller: each
    /// holds its rows in memory. An error here leaves the chunks before it on their way, and `chunk` is not stored.
    pub async fn append(&mut self, chunk: Chunk) -> Result<Appending, AppendError> {
        self.lake.make_room().await?;
        let inner = Arc::clone(&self.lake.inner);
        let judged = spawn_blocking(move || judge(&inner, chunk)).await.map_err(|_| StorageError::Closed)??;
        let (stored, turn) = oneshot::channel();
        let before = self.before.replace(turn);
        let lake = self.lake.clone();
        Ok(Appending(tokio::spawn(async move {
            let inner = Arc::clone(&lake.inner);
            let prepared =
                spawn_blocking(move || prepare(&inner, judged, Decider::NextRun)).await.map_err(|_| StorageError::Closed)??;
            if let Some(before) = before {
                // The chunk before has failed and says why: this one must not be stored without it.
                before.await.map_err(|_| StorageError::Closed)?;
            }
            let inner = Arc::clone(&lake.inner);
            let receipt = spawn_blocking(move || commit(&inner, prepared)).await.map_err(|_| StorageError::Closed)??;
            let _ = stored.send(());
            lake.wake_sealer();
            Ok(receipt)
        })))
    }
}

impl Appending {
    /// Waits until the chunk is on disk and visible.
    pub async fn receipt(self) -> Result<Receipt, AppendError> {
        self.0.await.map_err(|_| StorageError::Closed)?
    }
}
