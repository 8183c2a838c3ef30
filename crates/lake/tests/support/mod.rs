//! Facts and stores for the lake's tests.
#![allow(clippy::unwrap_used, reason = "a test")]
#![allow(dead_code, reason = "each test binary uses its part")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use clew_lake::{Chunk, FactBatch, FixedClock, Lake, Mode, Options, Receipt, RowCounts};
use clew_model::{BatchId, Timestamp};
use datafusion::prelude::SessionContext;

/// One event of a test: id, what its content says, and the version time where there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub id: String,
    pub content: u64,
    pub valid_from: Option<i64>,
    pub deleted: bool,
}

#[allow(clippy::needless_pass_by_value, reason = "literals read better")]
pub fn event(id: impl ToString, content: u64) -> Event {
    Event { id: id.to_string(), content, valid_from: None, deleted: false }
}

pub fn options() -> Options {
    Options {
        seal_interval: Duration::from_hours(1),
        memory_limit: 256 << 20,
        threads: 2,
        clock: Arc::new(FixedClock(Timestamp::from_micros(1_700_000_000_000_000))),
        ..Options::default()
    }
}

pub async fn open(store: &Path) -> Lake {
    Lake::open(store, options()).await.expect("the store opens")
}

fn times(rows: usize, at: i64) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from(vec![at; rows]).with_timezone("UTC"))
}

pub fn texts<T: AsRef<str>>(values: impl IntoIterator<Item = T>) -> ArrayRef {
    Arc::new(values.into_iter().map(Some).collect::<StringArray>())
}

/// Rows of `events`; `text` holds the content, and enough of it to make large chunks large.
pub fn event_rows(events: &[Event], padding: usize) -> RecordBatch {
    let n = events.len();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("event_id", texts(events.iter().map(|e| &e.id))),
        ("source", texts(vec!["shop"; n])),
        ("population", texts(vec!["customer"; n])),
        ("subject", Arc::new(events.iter().map(|e| Some(e.content as i64)).collect::<Int64Array>())),
        ("name", texts(vec!["order_placed"; n])),
        ("channel", texts(vec!["web"; n])),
        ("occurred_at", times(n, 1_600_000_000_000_000)),
        ("received_at", times(n, 1_700_000_000_000_000)),
        ("text", texts(events.iter().map(|e| format!("{}{}", e.content, "x".repeat(padding))))),
        ("valid_from", Arc::new(events.iter().map(|e| e.valid_from).collect::<TimestampMicrosecondArray>().with_timezone("UTC"))),
        ("deleted", Arc::new(events.iter().map(|e| e.valid_from.map(|_| e.deleted)).collect::<BooleanArray>())),
        ("row_no", Arc::new((1..=n as i64).map(Some).collect::<Int64Array>())),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true))).unwrap()
}

pub fn facts(table: &'static str, rows: RecordBatch, content: Vec<u64>) -> FactBatch {
    FactBatch { table, produced: rows.num_rows() as u64, rows, content, quarantined: 0, rejected: 0 }
}

pub fn chunk_of(number: i64, mode: Mode, batches: Vec<FactBatch>) -> Chunk {
    let rows: u64 = batches.iter().map(|b| b.produced).sum();
    let mut chunk = Chunk::new("shop", BatchId::new("shop", 1), number, mode);
    chunk.rows = RowCounts { read: rows, mapped: rows, skipped: 0, unreadable: 0 };
    chunk.facts = batches;
    chunk
}

pub fn chunk(number: i64, mode: Mode, events: &[Event]) -> Chunk {
    padded_chunk(number, mode, events, 0)
}

pub fn padded_chunk(number: i64, mode: Mode, events: &[Event], padding: usize) -> Chunk {
    let content = events.iter().map(|e| e.content).collect();
    chunk_of(number, mode, vec![facts("events", event_rows(events, padding), content)])
}

pub async fn append(lake: &Lake, number: i64, mode: Mode, events: &[Event]) -> Receipt {
    lake.append(chunk(number, mode, events)).await.expect("the chunk is stored")
}

/// The rows of `sql`, cells joined by `|`, sorted.
pub async fn rows(context: &SessionContext, sql: &str) -> Vec<String> {
    let batches = context.sql(sql).await.expect("the query plans").collect().await.expect("the query runs");
    let mut lines = Vec::new();
    for batch in &batches {
        let options = FormatOptions::new().with_null("-");
        let columns: Vec<_> = batch.columns().iter().map(|c| ArrayFormatter::try_new(c.as_ref(), &options).unwrap()).collect();
        for row in 0..batch.num_rows() {
            lines.push(columns.iter().map(|c| c.value(row).to_string()).collect::<Vec<_>>().join("|"));
        }
    }
    lines.sort();
    lines
}

pub async fn one(context: &SessionContext, sql: &str) -> String {
    let rows = rows(context, sql).await;
    assert_eq!(rows.len(), 1, "{sql}");
    rows.into_iter().next().unwrap()
}
