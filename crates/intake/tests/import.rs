//! Files into a real lake: both equations, repeated and interrupted imports, modes, and bad input that stores nothing.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::io::Write;
use std::sync::Arc;

use clew_intake::{ImportError, Progress, check, import};
use support::{Project, number, texts};
use tokio::sync::Notify;

const EVENTS: &str =
    "SELECT id, name, 'web' AS channel, at AS occurred_at, amount, email AS identifier_email FROM raw WHERE name <> 'skip'";

fn orders(rows: usize) -> String {
    let mut text = String::from("id,name,at,amount,email\n");
    for i in 0..rows {
        text.push_str(&match i % 10 {
            3 => format!("{i},skip,2026-01-01,1,a@x.org\n"),
            5 => format!("{i},bought,not a day,1,a@x.org\n"),
            7 => format!("{i},bought,2026-01-01\n"),
            _ => format!("{i},bought,2026-01-01 10:00:{:02},{}.5,p{}@x.org\n", i % 60, i % 100, i % 37),
        });
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn both_equations_hold_and_a_second_import_stores_nothing() {
    let mut project = Project::new();
    project.write("a.csv", orders(1000));
    project.write("b.csv", orders(1500));
    project.source("shop", "files: '*.csv'", &[("events", EVENTS)]);
    let lake = project.lake().await;
    let report = project.import(&lake).await.unwrap();
    assert!(report.is_balanced());
    let [a, b] = &report.sources[0].files[..] else { panic!() };
    assert_eq!((a.rows.read, a.rows.mapped, a.rows.skipped, a.rows.unreadable), (1000, 800, 100, 100));
    let events = a.targets["events"];
    assert_eq!((events.produced, events.stored, events.duplicate, events.quarantined), (800, 700, 0, 100));
    // The second file repeats the first one's ids with the same content.
    let events = b.targets["events"];
    assert_eq!((events.produced, events.stored, events.duplicate, events.quarantined), (1200, 350, 700, 150));
    let again = project.import(&lake).await.unwrap();
    assert!(again.is_balanced() && again.stored() == 0);
    assert_eq!(number(&lake, "SELECT count(*) FROM events").await, 1050);
    // Quarantine keeps each row once, with its raw form and place.
    assert_eq!(number(&lake, "SELECT count(*) FROM quarantine").await, 100 + 150 + 100 + 150);
    let raw = texts(&lake, "SELECT raw FROM quarantine WHERE reason = 'invalid_time' AND row_no = 6 AND file = 'a.csv'").await;
    assert_eq!(raw, [r#"{"id":"5","name":"bought","at":"not a day","amount":"1","email":"a@x.org"}"#]);
    let raw =
        texts(&lake, "SELECT raw FROM quarantine WHERE reason = 'wrong_field_count' AND row_no = 8 AND file = 'a.csv'").await;
    assert_eq!(raw, ["7,bought,2026-01-01"]);
    assert_eq!(
        number(&lake, "SELECT sum(rows_read) - sum(rows_mapped + rows_skipped + rows_unreadable) FROM accounting").await,
        0
    );
    assert_eq!(number(&lake, "SELECT sum(produced) - sum(stored + duplicate + quarantined + rejected) FROM accounting").await, 0);
}

/// Tells when the first chunk is stored.
struct First(Arc<Notify>);

impl Progress for First {
    fn stored(&self, _: &str, _: &str, _: u64) {
        self.0.notify_one();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_import_goes_on_behind_its_last_chunk() {
    let mut project = Project::new();
    project.write("a.csv", orders(300_000));
    project.source("shop", "files: a.csv", &[("events", EVENTS)]);
    let lake = project.lake().await;
    let stored = Arc::new(Notify::new());
    let first = First(stored.clone());
    tokio::select! {
        _ = import(&lake, &project.sources, &[], &first) => panic!("it was to be interrupted"),
        () = stored.notified() => {}
    }
    // An append that was on its way is finished by the lake; closing waits for it, as the end of a process would not.
    lake.close().await.unwrap();
    let lake = project.lake().await;
    let before = number(&lake, "SELECT count(*) FROM events").await;
    assert!(before > 0 && before < 210_000, "{before}");
    let report = project.import(&lake).await.unwrap();
    assert!(report.sources[0].resumed && report.is_balanced());
    let file = &report.sources[0].files[0];
    assert_eq!((file.rows.read, file.targets["events"].stored, file.targets["events"].duplicate), (300_000, 210_000, 0));
    assert_eq!(number(&lake, "SELECT count(DISTINCT event_id) FROM events").await, 210_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn unique_holds_over_an_interruption() {
    let mut project = Project::new();
    let mut text = orders(300_000);
    let again = text.lines().nth(1).unwrap().to_owned();
    text.push_str(&again);
    text.push('\n');
    project.write("a.csv", text);
    project.source("shop", "files: a.csv\nexpect: [{column: id, unique: true}]", &[("events", EVENTS)]);
    let lake = project.lake().await;
    let stored = Arc::new(Notify::new());
    let first = First(stored.clone());
    tokio::select! {
        _ = import(&lake, &project.sources, &[], &first) => panic!("it was to be interrupted"),
        () = stored.notified() => {}
    }
    lake.close().await.unwrap();
    let lake = project.lake().await;
    assert!(!lake.batches().positions("shop", "unique/").unwrap().is_empty());
    let report = project.import(&lake).await.unwrap();
    assert!(report.sources[0].resumed && report.is_balanced());
    // The first row's id stands in the last row: on either side of the interruption.
    let alarms: Vec<_> = report.sources[0].alarms.iter().map(|alarm| (alarm.rule.as_str(), alarm.n)).collect();
    assert_eq!(alarms, [("unique id", 1)]);
    assert!(lake.batches().positions("shop", "unique/").unwrap().is_empty(), "it ends with the batch");
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_rows_without_an_id_are_kept_and_met_again() {
    let mut project = Project::new();
    project.write("a.csv", "name,at\nx,2026-01-01\nx,2026-01-01\ny,2026-01-01\n");
    project.source("s", "files: a.csv", &[("events", "SELECT name, 'web' AS channel, at AS occurred_at FROM raw")]);
    let lake = project.lake().await;
    assert_eq!(project.import(&lake).await.unwrap().stored(), 3);
    assert_eq!(project.import(&lake).await.unwrap().stored(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_known_id_with_other_content_is_a_conflict_or_a_version() {
    let sql = "SELECT id, name, 'web' AS channel, '2026-01-01' AS occurred_at FROM raw";
    for (mode, stored, quarantined) in [("append", 0, 1), ("upsert", 1, 0)] {
        let mut project = Project::new();
        project.source("s", &format!("files: a.csv\nmode: {mode}"), &[("events", sql)]);
        let lake = project.lake().await;
        project.write("a.csv", "id,name\n1,x\n2,y\n");
        assert_eq!(project.import(&lake).await.unwrap().stored(), 2);
        project.write("a.csv", "id,name\n1,x\n2,z\n");
        let report = project.import(&lake).await.unwrap();
        let events = report.sources[0].files[0].targets["events"];
        assert_eq!((events.stored, events.quarantined, events.duplicate), (stored, quarantined, 1), "{mode}");
        assert!(report.is_balanced());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_complete_export_deletes_what_it_lacks_within_limits() {
    let mut project = Project::new();
    let rows = |from: usize, to: usize| (from..to).fold("id,city\n".to_owned(), |text, i| format!("{text}{i},c{i}\n"));
    project.source("crm", "files: a.csv\nmode: snapshot\nmax_deleted: 0.3", &[("records", "SELECT id, city FROM raw")]);
    let lake = project.lake().await;
    project.write("a.csv", rows(0, 10));
    assert_eq!(project.import(&lake).await.unwrap().sources[0].deleted, 0);
    project.write("a.csv", rows(2, 10));
    let report = project.import(&lake).await.unwrap();
    assert_eq!((report.sources[0].deleted, report.stored()), (2, 0));
    assert_eq!(texts(&lake, "SELECT record_id FROM records WHERE deleted ORDER BY 1").await, ["0", "1"]);
    project.write("a.csv", rows(5, 10));
    let error = project.import(&lake).await.unwrap_err();
    assert!(matches!(error, ImportError::TooManyDeleted { missing: 3, known: 8, .. }), "{error}");
    assert_eq!(number(&lake, "SELECT count(*) FROM records").await, 12, "nothing was stored");
    project.write("a.csv", rows(0, 10));
    assert_eq!(project.import(&lake).await.unwrap().stored(), 2, "they come back as versions");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lookup_joins_and_its_key_must_be_unique() {
    let mut project = Project::new();
    project.write("p.csv", "sku,category\n1,toys\n2,books\n1,games\n");
    project.write("o.csv", "id,sku,at\na,1,2026-01-01\nb,9,2026-01-01\n");
    let sql = "SELECT id, 'bought' AS name, 'web' AS channel, at AS occurred_at, p.category AS product FROM raw LEFT JOIN products p ON p.sku = raw.sku";
    project.source("orders", "files: o.csv", &[("events", sql)]);
    project.source("products", "files: p.csv\nlookup: {key: sku}", &[]);
    let lake = project.lake().await;
    let error = project.import(&lake).await.unwrap_err();
    assert!(error.is_refusal() && error.to_string().contains("the key sku of row 1 comes again in row 3"), "{error}");
    project.source("products", "files: p.csv\nlookup: {key: sku, on_duplicate: first}", &[]);
    let report = project.import(&lake).await.unwrap();
    let rows = report.sources[0].files[0].rows;
    assert_eq!((rows.read, rows.mapped, rows.skipped), (3, 2, 1));
    assert!(report.is_balanced());
    assert_eq!(texts(&lake, "SELECT product FROM events ORDER BY event_id").await, ["toys", "-"]);
    // One source alone brings the lookups that it names.
    assert_eq!(import(&lake, &project.sources, &["orders".into()], &()).await.unwrap().sources.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_on_which_the_sql_fails_are_set_apart() {
    let mut project = Project::new();
    project.write("a.csv", "id,n\n1,5\n2,five\n3,7\n");
    let sql = "SELECT id, 'x' AS name, 'web' AS channel, '2026-01-01' AS occurred_at, CAST(n AS INT) AS property_n FROM raw";
    project.source("s", "files: a.csv", &[("events", sql)]);
    let lake = project.lake().await;
    let report = project.import(&lake).await.unwrap();
    let file = &report.sources[0].files[0];
    assert_eq!((file.rows.mapped, file.rows.unreadable, file.targets["events"].stored), (2, 1, 2));
    assert_eq!(texts(&lake, "SELECT raw FROM quarantine WHERE reason = 'mapping_failed'").await, [r#"{"id":"2","n":"five"}"#]);
}

/// Everything that *Bad input* lists for files: refused with what, where and what to do, and nothing stored.
#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_refused_whole() {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(orders(50_000).as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    let half = packed[..packed.len() / 2].to_vec();
    let cases: [(&str, Option<Vec<u8>>, &str); 6] = [
        ("none.csv", None, "no such file"),
        ("cut.csv.gz", Some(half), "whole rows"),
        ("vanished.csv", Some(b"id,name,at,e_mail\n1,x,2026-01-01,a@x.org\n".to_vec()), "no column amount"),
        ("empty.csv", Some(Vec::new()), "is empty (0 bytes)"),
        ("semicolon.csv", Some(b"id;name\n1;2\n".to_vec()), "is the delimiter ';'?"),
        ("cut.json", Some(b"[{\"id\":1},{\"id\"".to_vec()), "truncated or damaged after 1 whole rows"),
    ];
    for (name, bytes, words) in cases {
        let mut project = Project::new();
        project.write("good.csv", orders(10));
        if let Some(bytes) = bytes {
            project.write(name, bytes);
        }
        let options = if name == "semicolon.csv" { "\ncsv: {delimiter: ','}" } else { "" };
        project.source("good", "files: good.csv", &[("events", EVENTS)]);
        project.source("late", &format!("files: {name}{options}"), &[("events", EVENTS)]);
        let lake = project.lake().await;
        let error = project.import(&lake).await.unwrap_err();
        assert!(error.is_refusal() && error.to_string().contains(words), "{name}: {error}");
        assert_eq!(number(&lake, "SELECT count(*) FROM events").await, 0, "{name}");
        let problems = check(&project.sources, project.sources.find("late").unwrap(), true);
        assert!(problems.iter().any(|problem| problem.message.contains(words)), "{name}: {problems:?}");
    }
}

#[test]
fn check_tells_everything_at_once() {
    let mut project = Project::new();
    project.write("a.csv", "id,at\n1,2026-01-01 10:00:00\n2,whenever\n");
    project.source(
        "s",
        "files: a.csv\ntimezone: Europe/Berln\nmax_deleted: 2\ncolumns: {Delay: int}",
        &[("events", "SELECT idd AS id, count(*) AS name FROM raw ORDER BY 1")],
    );
    let problems = check(&project.sources, &project.sources.sources[0], true);
    let told = |words: &str| problems.iter().any(|problem| problem.message.contains(words));
    assert!(told("no time zone Europe/Berln") && told("max_deleted") && told("snake case"), "{problems:#?}");
    assert!(told("count aggregates") && told("ORDER BY"), "{problems:#?}");
    project.source(
        "s",
        "files: a.csv",
        &[("events", "SELECT id, 'x' AS name, 'web' AS channel, at AS occurred_at, 1 AS colour FROM raw")],
    );
    let problems = check(&project.sources, &project.sources.sources[0], true);
    assert_eq!(problems.len(), 1, "{problems:#?}");
    assert!(problems[0].message.contains("events has no column colour") && problems[0].line == Some(1));
    project.source("s", "files: a.csv", &[("events", "SELECT id, 'x' AS name, 'web' AS channel, at AS occurred_at FROM raw")]);
    let problems = check(&project.sources, &project.sources.sources[0], true);
    assert!(problems[0].message.contains("1 of the first 2 facts would be quarantined (invalid_time)"), "{problems:#?}");
    project.sources.defaults.timezone = None;
    let problems = check(&project.sources, &project.sources.sources[0], true);
    assert!(problems.iter().any(|problem| problem.message.contains("naive_time")), "{problems:#?}");
    let none = clew_intake::Source { mappings: Vec::new(), ..project.sources.sources[0].clone() };
    assert!(check(&project.sources, &none, false)[0].message.contains("fills no table"));
}
