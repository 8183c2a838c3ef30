//! The events of people, in the order in which a life is lived: by bucket, person, time.
//!
//! Person-local steps read this one scan. The engine sorts (and spills), so memory is bounded by one bucket: a 64th of the
//! people. Ties of time are ordered by source and event id, which come from content: the order is the same in every run.

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::Int32Type;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::prelude::SessionContext;
use futures::TryStreamExt;

use crate::run::RunError;

/// A stream of rows sorted by `bucket`, handed out one bucket at a time.
pub struct Buckets {
    stream: SendableRecordBatchStream,
    waiting: Option<RecordBatch>,
}

/// `AND s.bucket IN (…)`, or nothing where all buckets are meant.
pub fn bucket_filter(buckets: Option<&[i32]>) -> String {
    let Some(buckets) = buckets else { return String::new() };
    let list: Vec<String> = buckets.iter().map(i32::to_string).collect();
    format!(" AND s.bucket IN ({})", if list.is_empty() { "-1".to_owned() } else { list.join(", ") })
}

impl Buckets {
    /// Runs `columns` over the people's current events; `columns` is a select list over `e` (events) and `s` (subjects).
    pub async fn events(session: &SessionContext, columns: &str, buckets: Option<&[i32]>) -> Result<Self, RunError> {
        let sql = format!(
            "SELECT s.bucket, s.person_no, s.person_id, {columns} FROM events_current e JOIN subjects s ON e.subject = s.subject \
             WHERE e.occurred_at >= s.valid_from AND (s.valid_to IS NULL OR e.occurred_at < s.valid_to){} \
             ORDER BY s.bucket, s.person_no, e.occurred_at, e.source, e.event_id",
            bucket_filter(buckets)
        );
        Ok(Self { stream: session.sql(&sql).await?.execute_stream().await?, waiting: None })
    }

    /// The rows of the next bucket, as one batch; `None` after the last.
    pub async fn next(&mut self) -> Result<Option<(i32, RecordBatch)>, RunError> {
        let mut parts: Vec<RecordBatch> = Vec::new();
        let mut bucket = None;
        loop {
            let batch = match self.waiting.take() {
                Some(batch) => batch,
                None => match self.stream.try_next().await? {
                    Some(batch) if batch.num_rows() == 0 => continue,
                    Some(batch) => batch,
                    None => break,
                },
            };
            let numbers = batch.column(0).as_primitive::<Int32Type>();
            let current = *bucket.get_or_insert(numbers.value(0));
            let end = numbers.values().partition_point(|&number| number <= current);
            if end > 0 {
                parts.push(batch.slice(0, end));
            }
            if end < batch.num_rows() {
                self.waiting = Some(batch.slice(end, batch.num_rows() - end));
                break;
            }
        }
        let Some(bucket) = bucket else { return Ok(None) };
        let schema = parts[0].schema();
        Ok(Some((bucket, concat_batches(&schema, &parts)?)))
    }
}
