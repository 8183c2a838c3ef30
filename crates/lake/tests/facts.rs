//! What becomes of facts: stored, duplicate, conflict, new version; and that SQL shows them, sealed or not.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, TimestampMicrosecondArray};
use clew_lake::{AppendError, Chunk, FactCounts, Lake, Mode, OpenError, Position, Progress, RowCounts, schema};
use clew_model::BatchId;
use support::{
    Event, append, chunk, chunk_of, event, event_rows, facts, one, open, options, padded_chunk, rows, texts, with_column,
};

#[tokio::test(flavor = "multi_thread")]
async fn small_and_large_chunks_read_back_unsealed_sealed_and_reopened() {
    let store = tempfile::tempdir().unwrap();
    let lake = open(store.path()).await;
    append(&lake, 0, Mode::Append, &[event("a", 1), event("b", 2)]).await;
    let large: Vec<Event> = (0..20_000).map(|n| event(format!("large-{n}"), n)).collect();
    let receipt = lake.append(padded_chunk(1, Mode::Append, &large, 60)).await.unwrap();
    assert_eq!(receipt.facts["events"], FactCounts { produced: 20_000, stored: 20_000, ..FactCounts::default() });
    let count = "SELECT count(*), count(DISTINCT event_id), sum(subject) FROM events";
    let expected = format!("20002|20002|{}", (0..20_000).sum::<u64>() + 3);
    assert_eq!(one(&lake.session(), count).await, expected);
    assert_eq!(lake.version("events").await.unwrap(), None);

    let sealed = lake.seal().await.unwrap();
    assert_eq!(sealed.rows, vec![("events", 20_002), ("accounting", 2)], "two chunks of one batch are added up");
    assert_eq!(one(&lake.session(), count).await, expected);
    let version = lake.version("events").await.unwrap();
    assert!(version.is_some());
    assert_eq!(lake.seal().await.unwrap().rows, vec![], "nothing is sealed twice");
    assert_eq!(lake.version("events").await.unwrap(), version);

    append(&lake, 2, Mode::Append, &[event("c", 3)]).await;
    lake.close().await.unwrap();
    let lake = open(store.path()).await;
    assert_eq!(one(&lake.session(), "SELECT count(*) FROM events").await, "20003");
    assert_eq!(one(&lake.session(), "SELECT subject FROM events WHERE event_id = 'c'").await, "3");
    let receipt = lake.append(padded_chunk(3, Mode::Append, &large, 60)).await.unwrap();
    assert_eq!(receipt.facts["events"], FactCounts { produced: 20_000, duplicate: 20_000, ..FactCounts::default() });
    assert_eq!(one(&lake.session(), "SELECT count(*) FROM events").await, "20003");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_id_with_other_content_is_a_conflict_and_its_row_is_kept() {
    let store = tempfile::tempdir().unwrap();
    let lake = open(store.path()).await;
    let first = append(&lake, 0, Mode::Append, &[event("a", 1)]).await;
    let receipt = append(&lake, 1, Mode::Append, &[event("a", 2), event("a", 1), event("b", 1), event("b", 9)]).await;
    let expected = FactCounts { produced: 4, stored: 1, duplicate: 1, quarantined: 2, conflict: 2, rejected: 0 };
    assert_eq!(receipt.facts["events"], expected);
    assert_eq!(receipt.quarantined_rows, 2);
    let session = lake.session();
    assert_eq!(rows(&session, "SELECT event_id, subject FROM events").await, vec!["a|1", "b|1"]);
    let detail = one(&session, "SELECT reason, detail, json_get_str(raw, 'event_id') FROM quarantine WHERE row_no = 1").await;
    let offset = first.offset;
    assert!(detail.starts_with("conflict|") && detail.ends_with("|a"), "{detail}");
    assert!(detail.contains(&format!("log entry {offset} brought content 0000000000000001")), "{detail}");
    assert!(one(&session, "SELECT detail FROM quarantine WHERE row_no = 4").await.contains("earlier row of the same chunk"));

    // The same conflicts again: counted, not stored twice.
    let again = append(&lake, 2, Mode::Append, &[event("a", 2), event("b", 9)]).await;
    assert_eq!((again.facts["events"].quarantined, again.quarantined_rows), (2, 0));
    assert_eq!(one(&session, "SELECT count(*) FROM quarantine").await, "2");
    let equation = "SELECT sum(produced) - sum(stored) - sum(duplicate) - sum(quarantined) - sum(rejected), \
                    sum(rows_read) - sum(rows_mapped) - sum(rows_skipped) - sum(rows_unreadable) FROM accounting";
    assert_eq!(one(&session, equation).await, "0|0");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upsert_keeps_versions_and_the_current_view_shows_the_newest() {
    let store = tempfile::tempdir().unwrap();
    let lake = open(store.path()).await;
    let at = |id: &str, content, valid_from, deleted| Event { id: id.into(), content, valid_from: Some(valid_from), deleted };
    append(&lake, 0, Mode::Upsert, &[at("a", 1, 10, false), at("b", 1, 10, false)]).await;
    lake.seal().await.unwrap();
    let second = append(&lake, 1, Mode::Upsert, &[at("a", 1, 20, false), at("b", 2, 20, false), at("b", 2, 20, false)]).await;
    assert_eq!(second.facts["events"], FactCounts { produced: 3, stored: 1, duplicate: 2, ..FactCounts::default() });
    // Back to an older content is a new version: it was not the newest.
    let third = append(&lake, 2, Mode::Upsert, &[at("b", 1, 30, false), at("a", 3, 30, true)]).await;
    assert_eq!(third.facts["events"].stored, 2);
    let mut plain = chunk(3, Mode::Append, &[event("c", 1)]);
    plain.source = "other".to_owned();
    lake.append(plain).await.unwrap();
    for _ in 0..2 {
        let session = lake.session();
        assert_eq!(one(&session, "SELECT count(*) FROM events").await, "6");
        assert_eq!(rows(&session, "SELECT event_id, subject FROM events_current").await, vec!["b|1", "c|1"]);
        lake.seal().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_versions_by_content() {
    let store = tempfile::tempdir().unwrap();
    let lake = open(store.path()).await;
    let record = |content: u64| {
        let at: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![content as i64]).with_timezone("UTC"));
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("record_id", texts(["r"])),
            ("source", texts(["shop"])),
            ("population", texts(["customer"])),
            ("kind", texts(["person"])),
            ("content", texts([format!("{content:016x}")])),
            ("received_at", at),
        ];
        facts("records", RecordBatch::try_from_iter(columns).unwrap(), vec![content])
    };
    for (number, content, stored) in [(0, 1, 1), (1, 2, 1), (2, 1, 0), (3, 2, 0)] {
        let receipt = lake.append(chunk_of(number, Mode::Append, vec![record(content)])).await.unwrap();
        assert_eq!(receipt.facts["records"].stored, stored, "content {content}");
    }
    assert_eq!(one(&lake.session(), "SELECT count(*) FROM records").await, "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn promoted_columns_appear_and_older_rows_read_null() {
    let store = tempfile::tempdir().unwrap();
    let lake = open(store.path()).await;
    append(&lake, 0, Mode::Append, &[event("a", 1)]).await;
    lake.seal().await.unwrap();
    let old = lake.session();
    let with_days = |id: &str| {
        let rows = event_rows(&[event(id, 7)], 0);
        let days: ArrayRef = Arc::new(Int64Array::from(vec![4]));
        let fields = rows.schema().fields().iter().map(|f| f.name().clone()).collect::<Vec<_>>();
        let columns = fields.iter().map(String::as_str).zip(rows.columns().iter().cloned());
        let columns = columns.chain([("p_delay_days", days)]);
        facts("events", RecordBatch::try_from_iter_with_nullable(columns.map(|(n, c)| (n, c, true))).unwrap(), vec![7])
    };
    lake.append(chunk_of(1, Mode::Append, vec![with_days("b")])).await.unwrap();
    append(&lake, 2, Mode::Append, &[event("c", 1)]).await;
    for _ in 0..2 {
        let session = lake.session();
        let seen = rows(&session, "SELECT event_id, p_delay_days FROM events").await;
        assert_eq!(seen, vec!["a|-", "b|4", "c|-"]);
        assert_eq!(rows(&session, "SELECT p_delay_days FROM events_current WHERE p_delay_days > 3").await, vec!["4"]);
        assert_eq!(one(&old, "SELECT count(*) FROM events").await, "3");
        lake.seal().await.unwrap();
    }
    lake.close().await.unwrap();
    let lake = open(store.path()).await;
    assert_eq!(rows(&lake.session(), "SELECT p_delay_days FROM events WHERE event_id = 'b'").await, vec!["4"]);
}

/// The column `p_n` of every file that the newest version of the table names, by its Parquet footer.
fn types_on_disk(store: &Path) -> Vec<String> {
    let folder = store.join("tables/events");
    let mut versions: Vec<_> = std::fs::read_dir(folder.join("_delta_log")).unwrap().map(|entry| entry.unwrap().path()).collect();
    versions.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    versions.sort();
    let (mut active, mut schema) = (BTreeSet::new(), String::new());
    for version in versions {
        for line in std::fs::read_to_string(version).unwrap().lines() {
            let action: serde_json::Value = serde_json::from_str(line).unwrap();
            let path = |kind: &str| action[kind]["path"].as_str().map(str::to_owned);
            active.extend(path("add"));
            path("remove").inspect(|path| assert!(active.remove(path), "{path}"));
            if let Some(text) = action["metaData"]["schemaString"].as_str() {
                let parsed: serde_json::Value = serde_json::from_str(text).unwrap();
                let field = parsed["fields"].as_array().unwrap().iter().find(|field| field["name"] == "p_n");
                schema = field.map_or_else(String::new, |field| field["type"].to_string());
            }
        }
    }
    let types = active.iter().map(|path| {
        let file = std::fs::File::open(folder.join(path)).unwrap();
        let footer = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        footer.schema().field_with_name("p_n").map_or_else(|_| "-".to_owned(), |field| field.data_type().to_string())
    });
    types.collect::<BTreeSet<_>>().into_iter().chain([schema]).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promoted_column_takes_the_wider_type_in_queries_and_on_disk() {
    let store = tempfile::tempdir().unwrap();
    let lake = open(store.path()).await;
    let numbered = |id: &str, n: ArrayRef, padding: usize| {
        let events: Vec<Event> = (0..n.len()).map(|at| event(format!("{id}{at}"), 1)).collect();
        facts("events", with_column(&event_rows(&events, padding), "p_n", n), vec![1; events.len()])
    };
    let decimals = |unscaled: &[i128]| -> ArrayRef {
        Arc::new(
            arrow::array::Decimal128Array::from(unscaled.to_vec()).with_data_type(arrow::datatypes::DataType::Decimal128(18, 4)),
        )
    };
    append(&lake, 0, Mode::Append, &[event("without", 1)]).await;
    lake.seal().await.unwrap();
    lake.append(chunk_of(1, Mode::Append, vec![numbered("i", Arc::new(Int64Array::from(vec![30, i64::MAX])), 0)])).await.unwrap();
    lake.seal().await.unwrap();
    assert_eq!(types_on_disk(store.path()), ["-", "Int64", "\"long\""]);
    // A chunk so large that it is a file of its own in the log, still with integers, before the one that is wider.
    let many: ArrayRef = Arc::new(Int64Array::from(vec![5; 3_000]));
    lake.append(chunk_of(2, Mode::Append, vec![numbered("m", many, 2_000)])).await.unwrap();
    lake.append(chunk_of(3, Mode::Append, vec![numbered("d", decimals(&[35_000]), 0)])).await.unwrap();
    let wide = ["-", "3.5000", "30.0000", "5.0000", "9223372036854775807.0000"];
    for _ in 0..2 {
        assert_eq!(rows(&lake.session(), "SELECT DISTINCT p_n FROM events").await, wide);
        assert_eq!(one(&lake.session(), "SELECT count(*) FROM events WHERE p_n > 3.2 AND p_n < 6").await, "3001");
        lake.seal().await.unwrap();
    }
    assert_eq!(types_on_disk(store.path()), ["-", "Decimal128(23, 4)", "\"decimal(23,4)\""]);
    // Narrower values afterwards are cast, and change nothing.
    lake.append(chunk_of(4, Mode::Append, vec![numbered("j", Arc::new(Int64Array::from(vec![7])), 0)])).await.unwrap();
    lake.append(chunk_of(5, Mode::Append, vec![numbered("t", texts(["n/a"]), 0)])).await.unwrap();
    lake.close().await.unwrap();
    let lake = open(store.path()).await;
    let found = rows(&lake.session(), "SELECT DISTINCT p_n FROM events").await;
    assert_eq!(found, ["-", "3.5", "30", "5", "7", "9223372036854775807", "n/a"]);
    assert_eq!(types_on_disk(store.path()), ["-", "Utf8", "\"string\""]);
    assert_eq!(one(&lake.session(), "SELECT count(*) FROM events").await, "3006");
    // A merge behind it keeps the type.
    lake.compact().await.unwrap();
    assert_eq!(rows(&lake.session(), "SELECT count(DISTINCT p_n) FROM events").await, ["6"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_is_refused_and_nothing_of_it_is_stored() {
    let store = tempfile::tempdir().unwrap();
    let lake = open(store.path()).await;
    let refused = async |chunk: Chunk| match lake.append(chunk).await {
        Err(AppendError::Shape { table, detail }) => format!("{table}: {detail}"),
        other => panic!("{other:?}"),
    };
    let mut wrong = chunk(0, Mode::Append, &[event("a", 1)]);
    wrong.rows = RowCounts { read: 2, mapped: 1, skipped: 0, unreadable: 0 };
    assert!(refused(wrong).await.contains("2 rows read are not 1 mapped"));
    let mut wrong = chunk(0, Mode::Append, &[event("a", 1)]);
    wrong.facts[0].rejected = 1;
    assert!(refused(wrong).await.contains("1 produced are not 1 rows"));
    let mut wrong = chunk(0, Mode::Append, &[event("a", 1)]);
    wrong.facts[0].content.clear();
    assert!(refused(wrong).await.contains("content hashes"));
    let mut wrong = chunk(0, Mode::Append, &[event("a", 1)]);
    wrong.facts[0].rows = wrong.facts[0].rows.project(&[0, 1]).unwrap();
    assert_eq!(refused(wrong).await, "events: column population is missing");
    let mut wrong = chunk(0, Mode::Append, &[event("a", 1)]);
    wrong.facts[0].table = "scores";
    assert!(refused(wrong).await.contains("not a target"));
    assert_eq!(one(&lake.session(), "SELECT count(*) FROM accounting").await, "0");

    let mut subjects = chunk(0, Mode::Append, &[event("a", 1)]);
    subjects.subjects = vec![(5, b"email:a".to_vec()), (6, b"email:b".to_vec())];
    lake.append(subjects.clone()).await.unwrap();
    lake.append(subjects.clone()).await.unwrap();
    subjects.subjects[1].1 = b"email:c".to_vec();
    assert!(matches!(lake.append(subjects).await, Err(AppendError::SubjectCollision { subject: 6 })));
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_appends_of_the_same_facts_store_each_once() {
    let store = tempfile::tempdir().unwrap();
    let lake = open(store.path()).await;
    let tasks = (0..32_i64).map(|task| {
        let lake = lake.clone();
        tokio::spawn(async move {
            let events: Vec<Event> = (0..20).map(|n| event((task as u64 * 7 + n) % 64, (task as u64 * 7 + n) % 64)).collect();
            lake.append(chunk(task, Mode::Append, &events)).await.unwrap().facts["events"]
        })
    });
    let mut stored = 0;
    for task in tasks.collect::<Vec<_>>() {
        let counts = task.await.unwrap();
        assert_eq!(counts.stored + counts.duplicate, 20);
        stored += counts.stored;
    }
    assert_eq!(stored, 64);
    assert_eq!(one(&lake.session(), "SELECT count(*), count(DISTINCT event_id) FROM events").await, "64|64");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_seen_exactly_once_while_they_are_sealed() {
    let store = tempfile::tempdir().unwrap();
    let lake = open(store.path()).await;
    let mut stored = 0;
    for round in 0..8_i64 {
        let events: Vec<Event> = (0..50).map(|n| event(format!("{round}-{n}"), n)).collect();
        append(&lake, round, Mode::Append, &events).await;
        stored += 50;
        let sealing = tokio::spawn({
            let lake = lake.clone();
            async move { lake.seal().await.unwrap() }
        });
        let session = lake.session();
        while !sealing.is_finished() {
            assert_eq!(one(&session, "SELECT count(*) FROM events").await, stored.to_string());
        }
        sealing.await.unwrap();
        assert_eq!(one(&session, "SELECT count(*), count(DISTINCT event_id) FROM events").await, format!("{stored}|{stored}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unfinished_batch_resumes_where_its_last_chunk_ended() {
    let store = tempfile::tempdir().unwrap();
    let lake = open(store.path()).await;
    let batch = lake.batches().open_batch("shop", "v1", 2).unwrap();
    assert_eq!((batch.id.as_str(), batch.resumed, batch.next_chunk), ("shop-1", false, 0));
    let progress = |file: &str, next_row, done| Progress { file: file.into(), next_row, done, state: vec![1, 2] };
    let mut first = chunk(0, Mode::Append, &[event("a", 1)]);
    first.batch = batch.id.clone();
    first.progress = Some(progress("x.csv", 3, false));
    lake.append(first.clone()).await.unwrap();
    first.chunk = 1;
    first.progress = Some(progress("y.csv", 9, true));
    lake.append(first).await.unwrap();
    drop(lake);

    let lake = open(store.path()).await;
    let resumed = lake.batches().open_batch("shop", "v1", 2).unwrap();
    assert_eq!((resumed.id.as_str(), resumed.resumed, resumed.next_chunk), ("shop-1", true, 2));
    assert_eq!(resumed.resume["x.csv"], progress("x.csv", 3, false));
    assert_eq!(resumed.resume["y.csv"], progress("y.csv", 9, true));
    lake.batches().close_batch("shop", &resumed.id).unwrap();
    let next = lake.batches().open_batch("shop", "v1", 2).unwrap();
    assert_eq!((next.id, next.resumed, next.resume.len()), (BatchId::new("shop", 2), false, 0));
    let other = lake.batches().open_batch("shop", "v2", 2).unwrap();
    assert_eq!(other.id, BatchId::new("shop", 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn positions_are_stored_with_the_chunk_and_outlive_the_batch() {
    let store = tempfile::tempdir().unwrap();
    let lake = open(store.path()).await;
    let position = |name: &str, value: &[u8]| Position { name: name.into(), value: value.to_vec() };
    let batch = lake.batches().open_batch("shop", "v1", 0).unwrap();
    let mut first = chunk(0, Mode::Append, &[event("a", 1)]);
    first.batch = batch.id.clone();
    first.positions = vec![position("mark", b"1"), position("object:x", b"e1")];
    lake.append(first).await.unwrap();
    // A chunk that is refused leaves the position where it was.
    let mut second = chunk(1, Mode::Append, &[event("b", 1)]);
    second.rows.read += 1;
    second.positions = vec![position("mark", b"2")];
    assert!(lake.append(second).await.is_err());
    lake.batches().close_batch("shop", &batch.id).unwrap();
    drop(lake);

    let lake = open(store.path()).await;
    let register = lake.batches();
    let value = |source: &str, name: &str| register.position(source, name).unwrap();
    assert_eq!(value("shop", "mark").as_deref(), Some(b"1".as_slice()));
    assert_eq!((value("shop", "nothing"), value("sho", "mark")), (None, None));
    assert_eq!(register.forget_positions("shop", |name| name == "mark").unwrap(), 1);
    assert_eq!((value("shop", "object:x"), value("shop", "mark").is_some()), (None, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn sealed_tables_are_readable_beside_the_owner() {
    let store = tempfile::tempdir().unwrap();
    let lake = open(store.path()).await;
    append(&lake, 0, Mode::Append, &[event("a", 1)]).await;
    lake.seal().await.unwrap();
    append(&lake, 1, Mode::Append, &[event("b", 1)]).await;
    let sealed = Lake::open_sealed(store.path(), options()).await.unwrap();
    assert_eq!(rows(&sealed.session(), "SELECT event_id FROM events").await, vec!["a"]);
    assert_eq!(one(&sealed.session(), "SELECT count(*) FROM persons").await, "0");
    lake.announce("127.0.0.1:7878").unwrap();
    match Lake::open(store.path(), options()).await {
        Err(OpenError::Locked { holder, .. }) => {
            assert_eq!(holder.pid, std::process::id());
            assert_eq!(holder.address.as_deref(), Some("127.0.0.1:7878"));
        }
        other => panic!("{other:?}"),
    }
    assert!(schema("events").is_some() && schema("nothing").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_delta_log_holds_no_personal_value() {
    let store = tempfile::tempdir().unwrap();
    let lake = open(store.path()).await;
    // `text` holds the padding, which stands for what people write.
    lake.append(padded_chunk(0, Mode::Append, &[event("a", 1)], 40)).await.unwrap();
    let large: Vec<Event> = (0..20_000).map(|n| event(format!("large-{n}"), n)).collect();
    lake.append(padded_chunk(1, Mode::Append, &large, 40)).await.unwrap();
    lake.seal().await.unwrap();
    let log = store.path().join("tables/events/_delta_log");
    let mut text = String::new();
    for file in std::fs::read_dir(log).unwrap() {
        text += &std::fs::read_to_string(file.unwrap().path()).unwrap_or_default();
    }
    assert!(text.contains("large-0") && text.contains("order_placed"), "ids and names are there to skip files by");
    assert!(!text.contains("xxxx"));
    // Nor is it in a Parquet footer, the last bytes of a file.
    for file in std::fs::read_dir(store.path().join("tables/events")).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "parquet") {
            let bytes = std::fs::read(path).unwrap();
            let length = u32::from_le_bytes(bytes[bytes.len() - 8..bytes.len() - 4].try_into().unwrap()) as usize;
            let footer = &bytes[bytes.len() - 8 - length..];
            assert!(!footer.windows(4).any(|window| window == b"xxxx"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn small_files_become_one_with_the_same_rows_and_no_change_of_data() {
    let folder = tempfile::tempdir().unwrap();
    let lake = open(folder.path()).await;
    for number in 0..20 {
        append(&lake, number, Mode::Append, &[event(number, 7), event(format!("{number}b"), 8)]).await;
        lake.seal().await.unwrap();
    }
    let files = |lake: &Lake| lake.tables().into_iter().find(|size| size.table == "events").unwrap().files;
    let all = "SELECT count(*) || ' ' || count(DISTINCT event_id) FROM events";
    let version = lake.version("events").await.unwrap().unwrap();
    assert_eq!((files(&lake), one(&lake.session(), all).await.as_str()), (20, "40 40"));
    lake.compact().await.unwrap();
    assert_eq!((files(&lake), one(&lake.session(), all).await.as_str()), (1, "40 40"));
    let commit = folder.path().join(format!("tables/events/_delta_log/{:020}.json", version + 1));
    let commit = std::fs::read_to_string(commit).unwrap();
    assert!(commit.contains("\"dataChange\":false") && !commit.contains("\"dataChange\":true"), "{commit}");
    assert!(lake.added_since("events", version).await.unwrap().is_some());

    append(&lake, 20, Mode::Append, &[event("0", 7), event("new", 9)]).await;
    lake.close().await.unwrap();
    let lake = open(folder.path()).await;
    assert_eq!(one(&lake.session(), all).await, "41 41", "known ids are known, new ones are stored");
    lake.close().await.unwrap();
}
