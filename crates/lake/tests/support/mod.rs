//! Facts and stores for the lake's tests.
#![allow(clippy::unwrap_used, reason = "a test")]
#![allow(dead_code, reason = "each test binary uses its part")]

use std::any::Any;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use clew_lake::{
    Change, Chunk, FactBatch, FixedClock, Index, IndexWriter, Lake, Mode, Options, Receipt, RowCounts, Sighting, StorageError,
    WriteHook,
};
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

/// `rows` with one more column.
pub fn with_column(rows: &RecordBatch, name: &str, column: ArrayRef) -> RecordBatch {
    let schema = rows.schema();
    let columns = schema.fields().iter().map(|field| field.name().as_str()).zip(rows.columns().iter().cloned());
    let columns = columns.chain([(name, column)]);
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true))).unwrap()
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

/// A hook that remembers which subjects came, in the order of the log.
#[derive(Debug, Default)]
pub struct Census {
    pub rules: u64,
    /// What it shows: subject → place.
    pub shown: Mutex<BTreeMap<i64, u64>>,
}

impl Census {
    pub fn key(subject: i64) -> Vec<u8> {
        subject.to_be_bytes().to_vec()
    }

    fn take(&self, key: &[u8], value: &[u8]) {
        if let (Ok(key), Ok(value)) = (key.try_into(), value.try_into()) {
            self.shown.lock().unwrap().insert(i64::from_be_bytes(key), u64::from_be_bytes(value));
        }
    }
}

impl WriteHook for Census {
    fn version(&self) -> u64 {
        self.rules
    }

    fn unknown(&self, index: &Index, mut subjects: Vec<i64>) -> Result<Vec<i64>, StorageError> {
        subjects.retain(|subject| index.get(&Self::key(*subject)).unwrap().is_none());
        Ok(subjects)
    }

    fn decide(&self, index: &mut IndexWriter<'_>, sighting: &Sighting) -> Result<(), StorageError> {
        let key = Self::key(sighting.subject);
        if index.get(&key)?.is_none() {
            // What a decision sees of those before it: their number.
            let n = index.get(b"n")?.map_or(0, |n| u64::from_be_bytes(n.try_into().unwrap()));
            index.put(b"n".to_vec(), (n + 1).to_be_bytes().to_vec());
            index.put(key, n.to_be_bytes().to_vec());
        }
        Ok(())
    }

    fn stored(&self, changes: &[Change]) {
        changes.iter().for_each(|(key, value)| self.take(key, value));
    }

    fn load(&self, index: &Index) -> Result<(), StorageError> {
        self.shown.lock().unwrap().clear();
        index.scan(&[], |key, value| {
            self.take(key, value);
            Ok(())
        })
    }
}

/// The subjects in the index of `lake`, which are those that its hook shows.
pub fn indexed(lake: &Lake) -> Vec<i64> {
    let mut subjects = Vec::new();
    lake.index()
        .unwrap()
        .scan(&[], |key, _| {
            subjects.extend(key.try_into().map(i64::from_be_bytes));
            Ok(())
        })
        .unwrap();
    let hook = lake.hook().unwrap().as_ref() as &dyn Any;
    let shown: Vec<i64> = hook.downcast_ref::<Census>().unwrap().shown.lock().unwrap().keys().copied().collect();
    assert_eq!(subjects, shown);
    subjects
}

/// Makes a generation of everything that is stored now.
pub async fn rebase(lake: &Lake, tag: i64) {
    let cutoff = lake.offset();
    let found = rows(&lake.session(), "SELECT DISTINCT subject FROM events WHERE subject IS NOT NULL").await;
    let mut subjects: Vec<i64> = found.iter().map(|subject| subject.parse().unwrap()).collect();
    subjects.sort_unstable();
    let n = subjects.len() as u64;
    let numbered = subjects.into_iter().zip(0_u64..).map(|(subject, n)| (Census::key(subject), n.to_be_bytes().to_vec()));
    let pairs = numbered.chain([(b"n".to_vec(), n.to_be_bytes().to_vec())]);
    lake.rebase(pairs, clew_lake::Base { cutoff, tag }).await.unwrap();
}
