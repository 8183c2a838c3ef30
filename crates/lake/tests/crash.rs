//! Killed at every named point, a store opens again, and the same work done once more leaves the same rows as if nothing
//! had happened.
//!
//! The parent runs this test binary as a child with a point armed; the child kills itself there. Then the parent does the
//! rest of the work in its own process, as a resumed import would, and compares every table with a run never killed.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::DataType;
use clew_lake::{Lake, Mode, Options, Progress, Retention, WriteHook, crash};
use support::{Census, Event, event, event_rows, facts, indexed, one, options, padded_chunk, rebase, rows, with_column};

const STORE: &str = "CLEW_TEST_CRASH_STORE";
const CHUNKS: u64 = 10;

/// A lake that removes replaced files at once, so that the removal has its crash point passed.
async fn open(store: &Path) -> Lake {
    let retention = Retention { versions: 0, age: Duration::ZERO };
    let hook: Arc<dyn WriteHook> = Arc::new(Census::default());
    Lake::open(store, Options { retention, compact_at: 2, hook: Some(hook), ..options() }).await.unwrap()
}

/// The work: ten chunks, small and large ones in turn, duplicates and conflicts among them, seals and derived tables.
async fn work(store: &Path) {
    let lake = open(store).await;
    let batch = lake.batches().open_batch("shop", "crash", 1).unwrap();
    let from = batch.resume.get("f").map_or(0, |progress| progress.next_row);
    for number in from..CHUNKS {
        let size = if number % 3 == 2 { 3 } else { 5_000 };
        let mut events: Vec<Event> = (0..size).map(|n| event(format!("{number}-{n}"), n)).collect();
        if number > 0 {
            events.push(event("0-0", 0));
            events.push(event("0-1", 100 + number));
        }
        let mut chunk = padded_chunk(number as i64, Mode::Append, &events, 200);
        let n: Vec<i64> = (0..events.len() as i64).collect();
        chunk.facts[0].rows = with_column(&chunk.facts[0].rows, "p_n", promoted(&n, number / 2));
        chunk.batch = batch.id.clone();
        chunk.progress = Some(Progress { file: "f".into(), next_row: number + 1, done: number + 1 == CHUNKS, state: vec![] });
        lake.append(chunk).await.unwrap();
        if number % 4 == 3 {
            lake.seal().await.unwrap();
            rebase(&lake, number as i64).await;
        }
    }
    rebase(&lake, CHUNKS as i64).await;
    for round in 0..2 {
        lake.overwrite("persons", persons(3 + round)).await.unwrap();
    }
    lake.close().await.unwrap();
}

/// Numbers in a type that gets wider with every stage: integers, decimals, text.
fn promoted(numbers: &[i64], stage: u64) -> ArrayRef {
    let integers: ArrayRef = Arc::new(arrow::array::Int64Array::from(numbers.to_vec()));
    let kind = match stage {
        0 | 1 => return integers,
        2 | 3 => DataType::Decimal128(18, 4),
        _ => DataType::Utf8,
    };
    arrow::compute::cast(&integers, &kind).unwrap()
}

fn persons(n: i64) -> RecordBatch {
    let schema = clew_lake::schema("persons").unwrap();
    let columns = schema.fields().iter().filter(|f| !f.is_nullable()).map(|field| {
        let numbers = arrow::array::Int64Array::from_iter_values(0..n);
        (field.name().clone(), arrow::compute::cast(&(Arc::new(numbers) as arrow::array::ArrayRef), field.data_type()).unwrap())
    });
    RecordBatch::try_from_iter(columns).unwrap()
}

async fn contents(store: &Path) -> Vec<String> {
    let lake = open(store).await;
    let session = lake.session();
    let mut all = Vec::new();
    // The hook's index says of every stored fact whose it is.
    let subjects = rows(&session, "SELECT DISTINCT subject FROM events").await;
    let mut known: Vec<String> = indexed(&lake).iter().map(ToString::to_string).collect();
    known.sort();
    assert_eq!(known, subjects);
    assert_eq!((lake.hook_load().recent, lake.index_base().unwrap()), (0, Some(CHUNKS as i64)));
    all.extend(known);
    for sql in [
        "SELECT event_id, subject, md5(text), p_n FROM events",
        "SELECT quarantine_id, reason, row_no FROM quarantine",
        "SELECT target, sum(rows_read), sum(produced), sum(stored), sum(duplicate), sum(quarantined) FROM accounting GROUP BY target",
        "SELECT person_id FROM persons",
    ] {
        all.extend(rows(&session, sql).await);
    }
    let distinct = "SELECT count(*) - count(DISTINCT event_id) FROM events";
    assert_eq!(one(&session, distinct).await, "0");
    // The register knows all of them: the same facts again store nothing.
    let again: Vec<Event> = (0..5_000).map(|n| event(format!("0-{n}"), n)).collect();
    let receipt = lake.append(padded_chunk(99, Mode::Append, &again, 200)).await.unwrap();
    assert_eq!(receipt.facts["events"].duplicate, 5_000);
    all
}

/// Runs in the child only.
#[tokio::test(flavor = "multi_thread")]
async fn child() {
    let Ok(store) = std::env::var(STORE) else { return };
    work(Path::new(&store)).await;
}

fn run_child(store: &Path, point: &str, n: u32) -> bool {
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--test-threads", "1"])
        .env(STORE, store)
        .env(crash::VARIABLE, format!("{point}:{n}"))
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .status()
        .unwrap();
    !status.success()
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_every_point_nothing_is_lost_or_doubled() {
    let whole = tempfile::tempdir().unwrap();
    work(whole.path()).await;
    let expected = contents(whole.path()).await;
    assert!(expected.len() > 30_000);
    for point in crash::POINTS {
        for n in [1, 2, 5] {
            let store = tempfile::tempdir().unwrap();
            let killed = run_child(store.path(), point, n);
            assert!(killed || n > 1, "{point} is never passed");
            if killed {
                work(store.path()).await;
                let found = contents(store.path()).await;
                assert!(found == expected, "killed at {point}:{n}: {} rows, not {}", found.len(), expected.len());
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resumed_import_sees_what_was_acknowledged() {
    let store = tempfile::tempdir().unwrap();
    assert!(run_child(store.path(), "append.committed", 4));
    let lake = open(store.path()).await;
    let batch = lake.batches().open_batch("shop", "crash", 1).unwrap();
    assert!(batch.resumed);
    assert_eq!((batch.resume["f"].next_row, batch.next_chunk), (4, 4));
    assert_eq!(one(&lake.session(), "SELECT max(chunk) FROM accounting").await, "3");
    // A fact batch without rows is a chunk all the same: its counts are kept.
    let empty = facts("events", event_rows(&[], 0), vec![]);
    let chunk = support::chunk_of(4, Mode::Append, vec![empty]);
    lake.append(chunk).await.unwrap();
    assert_eq!(one(&lake.session(), "SELECT max(chunk) FROM accounting").await, "4");
    drop(lake);
    let _: Lake = open(store.path()).await;
}
