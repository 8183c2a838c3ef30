//! Derived tables: replaced in one commit, cut into buckets, cleaned up behind themselves.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, Float64Array, Int32Array, Int64Array, RecordBatch, TimestampMicrosecondArray};
use clew_lake::{Lake, Options, Retention, WriteError};
use clew_model::tables::Table;
use support::{one, open, options, rows, texts};

/// Rows for `table` with every required column filled: text from `key`, numbers from `number`.
fn derived(table: &str, items: &[(String, i32, i64)]) -> RecordBatch {
    let table = Table::find(table).unwrap();
    let schema = clew_lake::arrow_schema(table);
    let columns = schema.fields().iter().filter(|f| !f.is_nullable()).map(|field| {
        use arrow::datatypes::DataType;
        let column: ArrayRef = match field.data_type() {
            DataType::Utf8 => texts(items.iter().map(|(key, ..)| key)),
            DataType::Int32 => Arc::new(items.iter().map(|(_, bucket, _)| Some(*bucket)).collect::<Int32Array>()),
            DataType::Int64 => Arc::new(items.iter().map(|(.., n)| Some(*n)).collect::<Int64Array>()),
            DataType::Float64 => Arc::new(items.iter().map(|(.., n)| Some(*n as f64)).collect::<Float64Array>()),
            DataType::Timestamp(..) => {
                Arc::new(items.iter().map(|(.., n)| Some(*n)).collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
            }
            DataType::List(item) => {
                let lengths = arrow::buffer::OffsetBuffer::from_lengths(items.iter().map(|_| 1));
                let values = texts(items.iter().map(|(key, ..)| key));
                Arc::new(arrow::array::ListArray::new(Arc::clone(item), lengths, values, None))
            }
            other => panic!("{other}"),
        };
        (field.name().clone(), column)
    });
    RecordBatch::try_from_iter(columns).unwrap()
}

fn item(key: &str, bucket: i32, n: i64) -> (String, i32, i64) {
    (key.to_owned(), bucket, n)
}

fn parquet_files(folder: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    entries
        .map(|entry| entry.unwrap().path())
        .map(
            |path| {
                if path.is_dir() { parquet_files(&path) } else { usize::from(path.extension().is_some_and(|e| e == "parquet")) }
            },
        )
        .sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_replaced_as_a_whole_from_rows_or_from_a_query() {
    let store = tempfile::tempdir().unwrap();
    let lake = open(store.path()).await;
    let written = lake.overwrite("persons", vec![derived("persons", &[item("p1", 0, 1), item("p2", 0, 2)])]).await.unwrap();
    assert_eq!(written.rows, 2);
    let session = lake.session();
    assert_eq!(rows(&session, "SELECT person_id FROM persons").await, vec!["p1", "p2"]);
    let stream = session.sql("SELECT * FROM persons WHERE person_no = 2").await.unwrap().execute_stream().await.unwrap();
    let again = lake.overwrite("persons", stream).await.unwrap();
    assert_eq!((again.rows, again.version), (1, written.version + 1));
    assert_eq!(rows(&session, "SELECT person_id FROM persons").await, vec!["p2"]);
    lake.overwrite("persons", Vec::new()).await.unwrap();
    assert_eq!(one(&session, "SELECT count(*) FROM persons").await, "0");
    drop(lake);
    assert_eq!(one(&open(store.path()).await.session(), "SELECT count(*) FROM persons").await, "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn buckets_are_replaced_and_the_others_stay() {
    let store = tempfile::tempdir().unwrap();
    let lake = open(store.path()).await;
    let all: Vec<_> = (0..100).map(|n| item(&format!("p{n:03}"), n % 10, i64::from(n))).collect();
    lake.overwrite("profiles", derived("profiles", &all)).await.unwrap();
    lake.replace_buckets("profiles", &[3, 4, 11], derived("profiles", &[item("new", 3, 1000)])).await.unwrap();
    for _ in 0..2 {
        let session = lake.session();
        assert_eq!(one(&session, "SELECT count(*), count(DISTINCT bucket) FROM profiles").await, "81|9");
        assert_eq!(rows(&session, "SELECT person_id FROM profiles WHERE bucket = 3").await, vec!["new"]);
        assert_eq!(rows(&session, "SELECT bucket, person_id FROM profiles WHERE person_id = 'p015'").await, vec!["5|p015"]);
    }
    let wrong = lake.replace_buckets("profiles", &[1], derived("profiles", &[item("x", 2, 1)])).await;
    assert!(matches!(wrong, Err(WriteError::Shape { .. })), "{wrong:?}");
    let wrong = lake.replace_buckets("persons", &[1], Vec::new()).await;
    assert!(matches!(wrong, Err(WriteError::Shape { .. })));
    let wrong = lake.overwrite("events", Vec::new()).await;
    assert!(matches!(wrong, Err(WriteError::Shape { .. })), "facts are never overwritten");
    assert_eq!(one(&lake.session(), "SELECT count(*) FROM profiles").await, "81");
    drop(lake);
    let lake = open(store.path()).await;
    assert_eq!(rows(&lake.session(), "SELECT person_id FROM profiles WHERE bucket = 3").await, vec!["new"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_added_to_runs() {
    let store = tempfile::tempdir().unwrap();
    let lake = open(store.path()).await;
    for n in 0..3 {
        lake.append_derived("runs", derived("runs", &[item(&format!("run-{n}"), 0, n)])).await.unwrap();
    }
    assert_eq!(one(&lake.session(), "SELECT count(*) FROM runs").await, "3");
}

#[tokio::test(flavor = "multi_thread")]
async fn replaced_files_go_after_the_retention_and_orphans_at_opening() {
    let store = tempfile::tempdir().unwrap();
    let retention = Retention { versions: 1, age: Duration::ZERO };
    let clock = |second: i64| {
        let at = clew_model::Timestamp::from_micros(1_700_000_000_000_000 + second * 1_000_000);
        Options { retention, clock: Arc::new(clew_lake::FixedClock(at)), ..options() }
    };
    let folder = store.path().join("tables/persons");
    for n in 0..6 {
        let lake = Lake::open(store.path(), clock(n)).await.unwrap();
        lake.overwrite("persons", derived("persons", &[item("p", 0, n)])).await.unwrap();
        assert!(parquet_files(&folder) <= 2, "the present version and one before");
        lake.close().await.unwrap();
    }
    std::fs::write(folder.join("000099-000001.parquet"), b"left by a crash").unwrap();
    let lake = Lake::open(store.path(), clock(9)).await.unwrap();
    assert!(!folder.join("000099-000001.parquet").exists());
    assert_eq!(rows(&lake.session(), "SELECT person_no FROM persons").await, vec!["5"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_table_is_refused() {
    let store = tempfile::tempdir().unwrap();
    let lake = open(store.path()).await;
    lake.overwrite("persons", derived("persons", &[item("p", 0, 1)])).await.unwrap();
    lake.close().await.unwrap();
    let first = store.path().join("tables/persons/_delta_log/00000000000000000000.json");
    let text = std::fs::read_to_string(&first).unwrap();
    let version = format!(r#""clew.table_version":"{}""#, clew_model::tables::TABLE_VERSION);
    assert!(text.contains(&version), "{text}");
    std::fs::write(&first, text.replace(&version, r#""clew.table_version":"99""#)).unwrap();
    let refused = Lake::open(store.path(), options()).await.unwrap_err().to_string();
    assert!(refused.contains("table persons has version 99") && refused.contains("newer clew"), "{refused}");
    let text = text.replace(&version, &format!(r#"{version},"delta.enableDeletionVectors":"true""#));
    std::fs::write(&first, text).unwrap();
    let refused = Lake::open(store.path(), options()).await.unwrap_err().to_string();
    assert!(refused.contains("deletion vectors"), "{refused}");
}
