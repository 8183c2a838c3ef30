//! Writes a table as its rows come: whole, the buckets that were touched, or further rows.
//!
//! The lake takes a stream and commits it at its end; a step produces bucket after bucket. A bounded channel between the
//! two keeps memory at a few batches. A writer that is dropped before [`TableWriter::commit`] commits nothing.

use std::sync::Arc;

use arrow::array::RecordBatch;
use clew_lake::{Lake, Rows, WriteError, Written};
use datafusion::common::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::stream::unfold;
use tokio::sync::mpsc::{Sender, channel};
use tokio::task::JoinHandle;

use crate::run::RunError;

/// Batches in flight between a step and the lake.
const IN_FLIGHT: usize = 4;

/// A table being written.
#[derive(Debug)]
pub struct TableWriter {
    batches: Sender<Message>,
    write: JoinHandle<Result<Written, WriteError>>,
}

enum Message {
    Rows(RecordBatch),
    End,
}

/// Which rows the new ones replace.
enum Rewrite {
    All,
    Buckets(Vec<i32>),
    Nothing,
}

impl TableWriter {
    /// Begins to replace `buckets` of `table`, or all of it.
    pub fn replace(lake: &Lake, table: &'static str, buckets: Option<&[i32]>) -> Self {
        Self::begin(lake, table, buckets.map_or(Rewrite::All, |buckets| Rewrite::Buckets(buckets.to_vec())))
    }

    /// Begins to add to `table`.
    pub fn append(lake: &Lake, table: &'static str) -> Self {
        Self::begin(lake, table, Rewrite::Nothing)
    }

    fn begin(lake: &Lake, table: &'static str, rewrite: Rewrite) -> Self {
        let (batches, received) = channel(IN_FLIGHT);
        let lake = lake.clone();
        let write = tokio::spawn(async move {
            let schema = clew_lake::schema(table).expect("steps write tables of the model");
            // A channel that closes without an end is a step that failed: the error keeps the lake from committing.
            let stream = unfold(Some(received), |received| async move {
                let mut received = received?;
                match received.recv().await {
                    Some(Message::Rows(batch)) => Some((Ok(batch), Some(received))),
                    Some(Message::End) => None,
                    None => Some((Err(DataFusionError::Execution("the step ended early".to_owned())), None)),
                }
            });
            let stream: SendableRecordBatchStream = Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&schema), stream));
            match rewrite {
                Rewrite::All => lake.overwrite(table, Rows::Stream(stream)).await,
                Rewrite::Buckets(buckets) => lake.replace_buckets(table, &buckets, Rows::Stream(stream)).await,
                Rewrite::Nothing => lake.append_derived(table, Rows::Stream(stream)).await,
            }
        });
        Self { batches, write }
    }

    /// Adds rows.
    pub async fn write(&mut self, batch: RecordBatch) -> Result<(), RunError> {
        if self.batches.send(Message::Rows(batch)).await.is_err() {
            let result = (&mut self.write).await.expect("writing a table does not panic");
            return Err(result.expect_err("the lake hangs up on a failure only").into());
        }
        Ok(())
    }

    /// Commits what was written.
    pub async fn commit(self) -> Result<Written, RunError> {
        // A lake that has hung up says why when it is joined.
        let _ = self.batches.send(Message::End).await;
        Ok(self.write.await.expect("writing a table does not panic")?)
    }
}
