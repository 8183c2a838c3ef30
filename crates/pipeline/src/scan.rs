//! The events of people, in the order in which a life is lived: by bucket, person, time.
//!
//! Person-local steps read this one scan. The engine sorts (and spills), and rows are handed out some whole people at a time, so
//! memory is bounded by a part and the longest life. Ties of time are ordered by source and event id, which come from
//! content: the order is the same in every run.

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{Int32Type, Int64Type};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::prelude::SessionContext;
use futures::TryStreamExt;

use crate::run::RunError;

/// Rows from which on a part ends with its person.
const PART_ROWS: usize = 128 << 10;

/// A stream of rows sorted by bucket and person, handed out some whole people of one bucket at a time.
pub struct Lives {
    stream: SendableRecordBatchStream,
    waiting: Option<RecordBatch>,
    part_rows: usize,
}

/// `AND s.bucket IN (…)`, or nothing where all buckets are meant.
pub fn bucket_filter(buckets: Option<&[i32]>) -> String {
    let Some(buckets) = buckets else { return String::new() };
    let list: Vec<String> = buckets.iter().map(i32::to_string).collect();
    format!(" AND s.bucket IN ({})", if list.is_empty() { "-1".to_owned() } else { list.join(", ") })
}

impl Lives {
    /// Runs `columns` over the people's current events; `columns` is a select list over `e` (events) and `s` (subjects).
    pub async fn events(session: &SessionContext, columns: &str, buckets: Option<&[i32]>) -> Result<Self, RunError> {
        let sql = format!(
            "SELECT s.bucket, s.person_no, s.person_id, {columns} FROM events_current e JOIN subjects s ON e.subject = s.subject \
             WHERE e.occurred_at >= s.valid_from AND (s.valid_to IS NULL OR e.occurred_at < s.valid_to){} \
             ORDER BY s.bucket, s.person_no, e.occurred_at, e.source, e.event_id",
            bucket_filter(buckets)
        );
        Ok(Self { stream: session.sql(&sql).await?.execute_stream().await?, waiting: None, part_rows: PART_ROWS })
    }

    /// The bucket and the rows of the next people, as one batch; `None` after the last.
    pub async fn next(&mut self) -> Result<Option<(i32, RecordBatch)>, RunError> {
        let mut parts: Vec<RecordBatch> = Vec::new();
        let (mut rows, mut last) = (0, None);
        loop {
            let batch = match self.waiting.take() {
                Some(batch) => batch,
                None => match self.stream.try_next().await? {
                    Some(batch) if batch.num_rows() == 0 => continue,
                    Some(batch) => batch,
                    None => break,
                },
            };
            let bucket = batch.column(0).as_primitive::<Int32Type>().values();
            let person = batch.column(1).as_primitive::<Int64Type>().values();
            let (bucket_now, _) = *last.get_or_insert((bucket[0], person[0]));
            let mut end = bucket.partition_point(|&other| other <= bucket_now);
            if rows + end > self.part_rows {
                // Enough: the person whose rows reach the limit is the last one of this part.
                let full = self.part_rows.saturating_sub(rows);
                let limit = if full == 0 { last.map_or(person[0], |(_, person)| person) } else { person[full - 1] };
                end = person[..end].partition_point(|&other| other <= limit);
            }
            if end > 0 {
                parts.push(batch.slice(0, end));
                rows += end;
                last = Some((bucket_now, person[end - 1]));
            }
            if end < batch.num_rows() {
                self.waiting = Some(batch.slice(end, batch.num_rows() - end));
                break;
            }
        }
        let Some((bucket, _)) = last else { return Ok(None) };
        let schema = parts[0].schema();
        Ok(Some((bucket, concat_batches(&schema, &parts)?)))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int32Array, Int64Array};
    use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
    use proptest::prelude::*;

    use super::*;

    fn batch(rows: &[(i32, i64)]) -> RecordBatch {
        RecordBatch::try_from_iter([
            ("bucket", Arc::new(Int32Array::from_iter_values(rows.iter().map(|row| row.0))) as arrow::array::ArrayRef),
            ("person_no", Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.1)))),
        ])
        .unwrap()
    }

    /// Parts of `rows`, which come in batches of `batch_rows`.
    async fn parts(rows: &[(i32, i64)], batch_rows: usize, part_rows: usize) -> Vec<Vec<(i32, i64)>> {
        let batches: Vec<_> = rows.chunks(batch_rows).map(|rows| Ok(batch(rows))).collect();
        let stream = RecordBatchStreamAdapter::new(batch(&[]).schema(), futures::stream::iter(batches));
        let mut lives = Lives { stream: Box::pin(stream), waiting: None, part_rows };
        let mut parts = Vec::new();
        while let Some((bucket, part)) = lives.next().await.unwrap() {
            let persons = part.column(1).as_primitive::<Int64Type>().values();
            assert!(part.column(0).as_primitive::<Int32Type>().values().iter().all(|of| *of == bucket));
            parts.push(persons.iter().map(|person| (bucket, *person)).collect());
        }
        parts
    }

    proptest! {
        #[test]
        fn parts_are_whole_people_of_one_bucket_and_bounded_by_the_longest_life(
            mut rows in prop::collection::vec((0..4_i32, 0..6_i64), 0..60),
            batch_rows in 1..9_usize,
            part_rows in 1..9_usize,
        ) {
            // A person is in one bucket.
            rows.iter_mut().for_each(|(bucket, person)| *person = *person * 4 + i64::from(*bucket));
            rows.sort_unstable();
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let parts = runtime.block_on(parts(&rows, batch_rows, part_rows));
            prop_assert_eq!(parts.concat(), rows.clone());
            for pair in parts.windows(2) {
                prop_assert_ne!(pair[0].last(), pair[1].first(), "nobody is cut");
            }
            for part in &parts {
                let last = part.iter().filter(|row| Some(*row) == part.last()).count();
                prop_assert!(part.len() - last < part_rows, "{part:?} could have ended before its last person");
            }
        }
    }
}
