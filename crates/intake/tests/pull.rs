//! Databases and buckets into a real lake: real servers, both equations, what breaks on the way, and that no secret is told.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use clew_intake::{Failure, ImportReport, Progress, Request, Severity, check, check_connection, import, replay};
use mysql_async::prelude::Queryable;
use support::databases::{new_mysql, new_postgres, postgres};
use support::services::{Own, TestBucket, shared};
use support::{Project, number, texts};

const MAPPING: &str =
    "SELECT id, 'order_placed' AS name, 'web' AS channel, at AS occurred_at, customer AS identifier_user_id FROM raw";

/// A source `orders` of the query `query` at `url`.
fn orders(project: &mut Project, kind: &str, url: &str, query: &str, more: &str) {
    let yaml = format!("{kind}:\n  url: '{url}'\n  query: \"{query}\"\n  mark: changed\n  {more}\nmode: upsert");
    project.source("orders", &yaml, &[("events", MAPPING)]);
}

const QUERY: &str = "SELECT id, at, customer, changed FROM orders WHERE changed > $mark";

fn rows(report: &ImportReport) -> (u64, u64, u64) {
    let files = || report.sources.iter().flat_map(|source| &source.files);
    let events = || files().filter_map(|file| file.targets.get("events"));
    (files().map(|file| file.rows.read).sum(), events().map(|e| e.stored).sum(), events().map(|e| e.duplicate).sum())
}

async fn balanced(lake: &clew_lake::Lake, project: &Project) {
    let report = clew_intake::audit(lake, &project.sources).await.unwrap();
    assert!(report.breaks.is_empty(), "{report:?}");
}

fn failure(report: &ImportReport) -> &Failure {
    let [failure] = &report.failed[..] else { panic!("{report:?}") };
    failure
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_gives_what_is_new_and_ties_and_nulls_are_not_lost() {
    let Some(address) = shared("postgres") else { return };
    let (url, client) = new_postgres(&address).await;
    let table = "CREATE TABLE orders (id int PRIMARY KEY, at timestamptz, customer text, changed timestamptz)";
    client.batch_execute(table).await.unwrap();
    let mut project = Project::new();
    // Rows without a mark are asked for as well.
    orders(&mut project, "postgres", &url, &format!("{QUERY} OR changed IS NULL"), "overlap: '0'");
    let lake = project.lake().await;
    let insert = |ids: &str, changed: &str| {
        format!("INSERT INTO orders SELECT i, '2026-01-01', 'c' || i, {changed} FROM generate_series({ids}) i")
    };

    // Nothing there yet: no batch is opened.
    assert_eq!(rows(&project.import(&lake).await.unwrap()), (0, 0, 0));
    assert_eq!(number(&lake, "SELECT count(*) FROM accounting").await, 0);

    // 20,000 rows of one mark, over three blocks.
    client.batch_execute(&insert("1, 20000", "'2024-02-01'")).await.unwrap();
    client.batch_execute(&insert("20001, 20003", "NULL")).await.unwrap();
    let report = project.import(&lake).await.unwrap();
    assert_eq!(rows(&report), (20_003, 20_003, 0));
    assert!(report.is_balanced() && report.failed.is_empty());
    assert!(report.sources[0].warnings[0].contains("3 rows have no value in the mark"), "{:?}", report.sources[0].warnings);

    // One more with the very same mark, and a changed one.
    client.batch_execute(&insert("30000, 30000", "'2024-02-01'")).await.unwrap();
    client.batch_execute("UPDATE orders SET customer = 'new', changed = '2024-02-02' WHERE id = 7").await.unwrap();
    let report = project.import(&lake).await.unwrap();
    assert_eq!(rows(&report), (20_004, 2, 20_002));
    assert_eq!(number(&lake, "SELECT count(DISTINCT event_id) FROM events").await, 20_004);

    // From here on the mark is that of the changed row.
    let report = project.import(&lake).await.unwrap();
    assert_eq!(rows(&report), (4, 0, 4));
    balanced(&lake, &project).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_of_a_query_that_is_refused_again_is_the_row_that_it_was() {
    let Some(address) = shared("postgres") else { return };
    let (url, client) = new_postgres(&address).await;
    client.batch_execute("CREATE TABLE orders (id int PRIMARY KEY, at text, customer text, changed timestamptz)").await.unwrap();
    client
        .batch_execute("INSERT INTO orders VALUES (1, 'never', 'c1', '2024-02-01'), (2, '2024-01-31', 'c2', '2024-02-01')")
        .await
        .unwrap();
    let mut project = Project::new();
    orders(&mut project, "postgres", &url, QUERY, "overlap: '0'");
    let lake = project.lake().await;
    assert_eq!(rows(&project.import(&lake).await.unwrap()), (2, 1, 0));
    let request = Request { decided_by: "ann".into(), ..Request::default() };
    let report = replay(&lake, &project.sources, &request).await.unwrap();
    let outcomes = report.outcomes();
    assert_eq!((outcomes.quarantined, outcomes.replaced), (1, 0), "nothing has changed: {report:#?}");
    // Pulled once more, it is known again: by what it says, not by when it came.
    assert_eq!(rows(&project.import(&lake).await.unwrap()).1, 0);
    assert_eq!(number(&lake, "SELECT count(*) FROM quarantine_open").await, 1);
    balanced(&lake, &project).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_commits_late_is_caught_by_the_overlap() {
    let Some(address) = shared("postgres") else { return };
    let (url, client) = new_postgres(&address).await;
    client.batch_execute("CREATE TABLE orders (id int PRIMARY KEY, at date, customer text, changed timestamptz)").await.unwrap();
    for (overlap, found) in [("overlap: '0'", 1), ("overlap: 10m", 2), ("", 2)] {
        client
            .batch_execute("TRUNCATE orders; INSERT INTO orders VALUES (1, '2026-01-01', 'a', '2024-02-01 12:00Z')")
            .await
            .unwrap();
        let mut project = Project::new();
        orders(&mut project, "postgres", &url, QUERY, overlap);
        let lake = project.lake().await;
        project.import(&lake).await.unwrap();
        client.batch_execute("INSERT INTO orders VALUES (2, '2026-01-01', 'b', '2024-02-01 11:56Z')").await.unwrap();
        project.import(&lake).await.unwrap();
        assert_eq!(number(&lake, "SELECT count(*) FROM events").await, found, "{overlap}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_of_postgres_becomes_text_that_says_it() {
    let Some(address) = shared("postgres") else { return };
    let (url, client) = new_postgres(&address).await;
    client
        .batch_execute(
            "CREATE TYPE mood AS ENUM ('happy'); CREATE DOMAIN cents AS numeric(20,2); CREATE TYPE pair AS (a int, b text); SET timezone = 'Asia/Tokyo'; \
             CREATE TABLE t AS SELECT 1 AS id, timestamptz '2026-01-31 12:00:00.123456+02' AS tz, timestamp '2026-01-31 12:00' AS naive, date '2026-01-31' AS day, \
             12345678901234567890.123456789 AS exact, 0.1::float8 AS float, 'happy'::mood AS mood, '\\xDEAD'::bytea AS bytes, ARRAY['a','b,\"c'] AS list, \
             '{\"a\": [1, null]}'::jsonb AS doc, true AS flag, '6ba7b810-9dad-11d1-80b4-00c04fd430c8'::uuid AS uid, interval '1 day 2 hours' AS span, 5.5::cents AS money, \
             ROW(1, 'x')::pair AS both, NULL::text AS nothing, 'naïve “x”' AS words, inet '10.0.0.1' AS host",
        )
        .await
        .unwrap();
    let mut project = Project::new();
    let yaml = format!("postgres:\n  url: '{url}'\n  query: SELECT * FROM t");
    let columns = [
        "tz", "naive", "day", "exact", "float", "mood", "bytes", "list", "doc", "flag", "uid", "span", "money", "both",
        "nothing", "words", "host",
    ];
    let listed = columns.map(|name| format!("{name} AS property_{name}")).join(", ");
    let sql = format!("SELECT id, 'n' AS name, 'web' AS channel, tz AS occurred_at, {listed} FROM raw");
    project.source("t", &yaml, &[("events", &sql)]);
    let lake = project.lake().await;
    let report = project.import(&lake).await.unwrap();
    assert_eq!(rows(&report), (1, 1, 0), "{report:?}");
    let properties = texts(&lake, "SELECT properties FROM events").await;
    let found: BTreeMap<String, serde_json::Value> = serde_json::from_str(&properties[0]).unwrap();
    let expected = [
        ("tz", "2026-01-31T10:00:00.123456+00:00"),
        ("naive", "2026-01-31T12:00:00"),
        ("day", "2026-01-31"),
        ("exact", "12345678901234567890.123456789"),
        ("float", "0.1"),
        ("mood", "happy"),
        ("bytes", "dead"),
        ("list", r#"["a","b,\"c"]"#),
        ("doc", r#"{"a": [1, null]}"#),
        ("flag", "true"),
        ("uid", "6ba7b810-9dad-11d1-80b4-00c04fd430c8"),
        ("span", "P1DT2H"),
        ("money", "5.50"),
        ("both", r#"{"a":1,"b":"x"}"#),
        ("words", "naïve “x”"),
        ("host", "10.0.0.1/32"),
    ];
    for (name, value) in expected {
        assert_eq!(found.get(name).and_then(serde_json::Value::as_str), Some(value), "{name}: {properties:?}");
    }
    // Without a mark the whole query is read again, and nothing is new.
    assert_eq!(rows(&project.import(&lake).await.unwrap()), (1, 0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn mysql_gives_what_is_new_and_types_become_text() {
    let Some(address) = shared("mysql") else { return };
    let (url, mut client) = new_mysql(&address).await;
    client
        .query_drop(
            "CREATE TABLE orders (id BIGINT UNSIGNED PRIMARY KEY, at DATETIME(3), customer VARCHAR(20), changed TIMESTAMP(6) NULL, paid DECIMAL(30,10), \
             raw_bytes BLOB, flag BIT(1), doc JSON, took TIME, kind ENUM('a','b'), KEY (changed)) CHARACTER SET utf8mb4",
        )
        .await
        .unwrap();
    client.query_drop("SET time_zone = '+09:00'").await.unwrap();
    client
        .query_drop(
            "INSERT INTO orders VALUES (1, '2026-01-01 10:00:00.250', 'Zoë', '2024-02-01 09:00:00.000001', 12345678901234567890.0123456789, x'DEAD', b'1', '{\"a\": 1}', '-26:30:00', 'b')",
        )
        .await
        .unwrap();
    let mut project = Project::new();
    let yaml = format!("mysql:\n  url: '{url}'\n  query: 'SELECT * FROM orders WHERE changed > $mark'\n  mark: changed");
    let columns = ["at", "changed", "paid", "raw_bytes", "flag", "doc", "took", "kind"];
    let listed = columns.map(|name| format!("{name} AS property_{name}")).join(", ");
    let sql =
        format!("SELECT id, 'n' AS name, 'web' AS channel, at AS occurred_at, customer AS identifier_user_id, {listed} FROM raw");
    project.source("orders", &yaml, &[("events", &sql)]);
    let lake = project.lake().await;
    let report = project.import(&lake).await.unwrap();
    assert_eq!(rows(&report), (1, 1, 0), "{report:?}");
    let properties = texts(&lake, "SELECT properties FROM events").await;
    let found: BTreeMap<String, serde_json::Value> = serde_json::from_str(&properties[0]).unwrap();
    let expected = [
        ("at", "2026-01-01T10:00:00.250000"),
        ("changed", "2024-02-01T00:00:00.000001Z"),
        ("paid", "12345678901234567890.0123456789"),
        ("raw_bytes", "dead"),
        ("flag", "1"),
        ("doc", "{\"a\": 1}"),
        ("took", "-26:30:00"),
        ("kind", "b"),
    ];
    for (name, value) in expected {
        assert_eq!(found.get(name).and_then(serde_json::Value::as_str), Some(value), "{name}: {properties:?}");
    }

    // Ties, and rows without a mark, which sort first here.
    client
        .query_drop("INSERT INTO orders (id, at, changed) SELECT 1000 + seq, '2026-01-01', '2024-02-02' FROM seq_1_to_20000")
        .await
        .unwrap();
    client.query_drop("INSERT INTO orders (id, at) VALUES (2, '2026-01-01')").await.unwrap();
    assert_eq!(rows(&project.import(&lake).await.unwrap()), (20_001, 20_000, 1));
    client.query_drop("INSERT INTO orders (id, at, changed) VALUES (30000, '2026-01-01', '2024-02-02')").await.unwrap();
    assert_eq!(rows(&project.import(&lake).await.unwrap()), (20_001, 1, 20_000));
    assert_eq!(number(&lake, "SELECT count(*) FROM events").await, 20_002);
    balanced(&lake, &project).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_are_marks_too() {
    let Some(address) = shared("mysql") else { return };
    let (url, mut client) = new_mysql(&address).await;
    client.query_drop("CREATE TABLE orders (id BIGINT UNSIGNED PRIMARY KEY, at DATE, customer TEXT)").await.unwrap();
    client
        .query_drop("INSERT INTO orders VALUES (1, '2026-01-01', 'a'), (18446744073709551615, '2026-01-01', 'b')")
        .await
        .unwrap();
    let mut project = Project::new();
    let query = "SELECT id, at, customer, id AS changed FROM orders WHERE id > $mark";
    orders(&mut project, "mysql", &url, query, "overlap: 10");
    let lake = project.lake().await;
    assert_eq!(rows(&project.import(&lake).await.unwrap()), (2, 2, 0));
    assert_eq!(rows(&project.import(&lake).await.unwrap()), (1, 0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_a_wrong_query_and_a_dead_server_are_told_without_secrets_and_hold_up_nobody() {
    let (Some(pg), Some(my)) = (shared("postgres"), shared("mysql")) else { return };
    let (url, client) = new_postgres(&pg).await;
    client.batch_execute("CREATE TABLE orders (id int PRIMARY KEY, at date, customer text, changed timestamptz)").await.unwrap();
    client.batch_execute("INSERT INTO orders VALUES (1, '2026-01-01', 'a', '2024-02-01')").await.unwrap();
    let secret = "hunter2%2Fsecret";
    let wrong = |url: &str| url.replacen(":clew@", &format!(":{secret}@"), 1);
    let cases = [
        ("postgres", wrong(&url), QUERY, "password authentication failed", false),
        ("mysql", wrong(&my), QUERY, "Access denied", false),
        ("postgres", format!("postgres://clew:{secret}@[bad/x"), QUERY, "the url is none of PostgreSQL", false),
        (
            "postgres",
            url.clone(),
            "SELECT id, at, customer, chnged FROM orders WHERE changed > $mark",
            "\\\"chnged\\\" does not exist",
            false,
        ),
        (
            "postgres",
            url.clone(),
            "SELECT id, at, customer, changed, 'secret'::int AS n FROM orders WHERE changed > $mark",
            "(22P02)",
            false,
        ),
        ("postgres", url.clone(), "SELECT id, at, customer FROM orders WHERE changed > $mark", "no column changed", false),
        ("mysql", my.clone(), "SELECT nothing FROM nowhere WHERE changed > $mark", "doesn't exist", false),
        ("postgres", format!("postgres://clew:{secret}@127.0.0.1:1/d"), QUERY, "refused", true),
        ("mysql", format!("mysql://clew:{secret}@127.0.0.1:1/d"), QUERY, "refused", true),
    ];
    for (kind, url, query, expected, is_away) in cases {
        let mut project = Project::new();
        project.write("a.csv", "id,at,customer\n1,2026-01-01,x\n");
        project.source("files", "files: a.csv", &[("events", MAPPING)]);
        orders(&mut project, kind, &url, query, "");
        let lake = project.lake().await;
        let report = project.import(&lake).await.unwrap();
        let failure = failure(&report);
        let message = failure.message.replace('"', "\\\"");
        assert!(message.contains(expected), "{kind} {query}: {message}");
        assert_eq!(failure.is_away, is_away, "{message}");
        assert!(!message.contains("secret") && !message.contains("hunter2"), "{message}");
        // The other source came in all the same.
        assert_eq!(rows(&report).1, 1);
    }
}

/// Kills the server when so many rows are stored.
struct KillAt<'a> {
    server: &'a Own,
    rows: AtomicU64,
    at: u64,
}

impl Progress for KillAt<'_> {
    fn stored(&self, _: &str, _: &str, rows: u64) {
        let before = self.rows.fetch_add(rows, Ordering::SeqCst);
        if before < self.at && before + rows >= self.at {
            self.server.kill();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_dies_in_the_middle_costs_nothing_but_time() {
    let Some((server, url)) = Own::start("postgres") else { return };
    let client = postgres(&url).await;
    client
        .batch_execute(
            "CREATE TABLE orders AS SELECT i AS id, date '2026-01-01' AS at, repeat('c', 2000) || i AS customer, timestamptz '2024-02-01' + i / 7 * interval '1 s' AS changed \
             FROM generate_series(1, 100000) i",
        )
        .await
        .unwrap();
    let mut project = Project::new();
    orders(&mut project, "postgres", &url, QUERY, "overlap: '0'");
    let lake = project.lake().await;
    let report = import(&lake, &project.sources, &[], &KillAt { server: &server, rows: AtomicU64::new(0), at: 1 }).await.unwrap();
    assert!(failure(&report).is_away, "{report:?}");
    let stored = number(&lake, "SELECT count(*) FROM events").await;
    assert!((8192..100_000).contains(&stored), "{stored}");
    server.again().unwrap();
    let report = project.import(&lake).await.unwrap();
    assert!(report.failed.is_empty() && report.sources[0].resumed && report.is_balanced(), "{report:?}");
    assert_eq!(number(&lake, "SELECT count(*) FROM events").await, 100_000);
    assert_eq!(number(&lake, "SELECT count(DISTINCT event_id) FROM events").await, 100_000);
    balanced(&lake, &project).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sslmode_asks_for_what_it_says() {
    let Some((postgres, pg)) = Own::start("postgres") else { return };
    let Some((mysql, my)) = Own::start("mysql") else { return };
    let cases = [
        ("sslmode=disable", true),
        ("sslmode=prefer", true),
        ("sslmode=require", true),
        ("sslmode=verify-full", false),
        ("sslmode=verify-full&sslrootcert=CA", true),
        ("sslmode=verify-ca&sslrootcert=CA", true),
        ("sslmode=require&sslrootcert=OTHER", false),
    ];
    for (kind, server, other, url) in [("postgres", &postgres, &mysql, &pg), ("mysql", &mysql, &postgres, &my)] {
        for (mode, works) in cases {
            let mode = mode.replace("CA", &server.authority()).replace("OTHER", &other.authority());
            let mut project = Project::new();
            project.source(
                "t",
                &format!("{kind}:\n  url: '{url}?{mode}'\n  query: 'SELECT 1 AS id'"),
                &[("events", "SELECT id, 'n' AS name, 'web' AS channel, '2026-01-01' AS occurred_at FROM raw")],
            );
            let problems = check_connection(&project.sources, project.sources.find("t").unwrap()).await;
            assert_eq!(problems.is_empty(), works, "{kind} {mode}: {problems:?}");
            assert!(works || problems[0].message.contains("TLS"), "{problems:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_that_vanishes_or_comes_is_told() {
    let Some(address) = shared("postgres") else { return };
    let (url, client) = new_postgres(&address).await;
    client
        .batch_execute("CREATE TABLE orders (id int PRIMARY KEY, at date, customer text, changed timestamptz, note text)")
        .await
        .unwrap();
    client.batch_execute("INSERT INTO orders VALUES (1, '2026-01-01', 'a', '2024-02-01', 'x')").await.unwrap();
    let mut project = Project::new();
    orders(&mut project, "postgres", &url, "SELECT * FROM orders WHERE changed > $mark", "");
    let lake = project.lake().await;
    project.import(&lake).await.unwrap();
    client
        .batch_execute(
            "ALTER TABLE orders DROP note, ADD vip boolean; INSERT INTO orders VALUES (2, '2026-01-01', 'b', '2024-02-02')",
        )
        .await
        .unwrap();
    let report = project.import(&lake).await.unwrap();
    assert_eq!(report.sources[0].warnings.len(), 2, "{:?}", report.sources[0].warnings);
    assert_eq!(number(&lake, "SELECT count(*) FROM events").await, 2);
    // One that the mapping reads: nothing is stored until the mapping is mended.
    client
        .batch_execute(
            "ALTER TABLE orders RENAME customer TO client; INSERT INTO orders VALUES (3, '2026-01-01', 'c', '2024-02-03')",
        )
        .await
        .unwrap();
    let report = project.import(&lake).await.unwrap();
    let message = &failure(&report).message;
    assert!(message.contains("customer") && message.contains("no longer has the column customer"), "{message}");
    assert_eq!(number(&lake, "SELECT count(*) FROM events").await, 2);
    let mended = MAPPING.replace("customer AS", "client AS");
    let spec = project.sources.sources.remove(0).spec;
    project.source("orders", "files: none", &[("events", &mended)]);
    project.sources.sources[0].spec = spec;
    project.import(&lake).await.unwrap();
    assert_eq!(number(&lake, "SELECT count(*) FROM events").await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn check_finds_what_is_wrong_with_and_without_a_connection() {
    let Some(address) = shared("postgres") else { return };
    let (url, client) = new_postgres(&address).await;
    client.batch_execute("CREATE TABLE orders (id int, at date, customer text, changed jsonb)").await.unwrap();
    let mut project = Project::new();
    let said = |project: &Project| -> Vec<String> {
        let problems = check(&project.sources, &project.sources.sources[0], true);
        problems.into_iter().filter(|problem| problem.severity == Severity::Error).map(|problem| problem.message).collect()
    };
    orders(&mut project, "postgres", "mysql://x", "SELECT 1", "overlap: soon\nlookup: {key: id}\nevery: often");
    let problems = said(&project);
    for expected in
        ["none of this kind of database", "does not ask for what is new", "no duration", "reference data", "no interval"]
    {
        assert!(problems.iter().any(|problem| problem.contains(expected)), "{expected}: {problems:?}");
    }
    project.source("orders", "files: a.csv\ns3: {bucket: b}", &[("events", MAPPING)]);
    assert!(said(&project).iter().any(|problem| problem.contains("it says `files:`, `s3:`")), "{:?}", said(&project));
    project.source("orders", "format: csv", &[("events", MAPPING)]);
    assert!(said(&project).iter().any(|problem| problem.contains("does not say where its rows come from")));
    // The SQL is planned although nobody is asked.
    let yaml = format!("postgres:\n  url: '{url}'\n  query: {QUERY}\n  mark: changed");
    project.source("orders", &yaml, &[("events", "SELECT id, nonsense(at) AS occurred_at, 'x' AS name FROM raw")]);
    assert!(said(&project).iter().any(|problem| problem.contains("nonsense")), "{:?}", said(&project));
    project.source("orders", &yaml, &[("events", MAPPING)]);
    assert!(said(&project).is_empty(), "{:?}", said(&project));
    let problems = check_connection(&project.sources, &project.sources.sources[0]).await;
    assert!(problems[0].message.contains("is of type jsonb"), "{problems:?}");
}

/// A source `exports` of the bucket.
fn exports(project: &mut Project, address: &str, bucket: &str, more: &str) {
    let yaml = format!(
        "s3: {{bucket: {bucket}, endpoint: '{address}', region: us-east-1, access_key: key, secret_key: 'hunter2', {more}}}\nmode: upsert"
    );
    project.source("exports", &yaml, &[("events", MAPPING)]);
}

fn csv(ids: std::ops::Range<u32>) -> Vec<u8> {
    let mut text = "id,at,customer\n".to_owned();
    ids.for_each(|id| text.push_str(&format!("{id},2026-01-01,c{id}\n")));
    text.into_bytes()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_read_once_and_again_when_they_change() {
    let Some(address) = shared("s3") else { return };
    let mut bucket = TestBucket::new(&address);
    bucket.put("crm/a.csv", &csv(0..100));
    bucket.put("crm/2026/b.csv.gz", &gzip(&csv(100..200)));
    bucket.put("crm/_SUCCESS", b"x");
    bucket.put("other/c.csv", &csv(900..901));
    let mut project = Project::new();
    exports(&mut project, &address, &bucket.name, "prefix: crm/");
    let lake = project.lake().await;
    let report = project.import(&lake).await.unwrap();
    assert!(report.failed.is_empty() && report.is_balanced(), "{report:?}");
    assert_eq!(rows(&report), (200, 200, 0));
    let files = texts(&lake, "SELECT DISTINCT file FROM events ORDER BY file").await;
    assert_eq!(files, [format!("s3://{}/crm/2026/b.csv.gz", bucket.name), format!("s3://{}/crm/a.csv", bucket.name)]);
    assert_eq!(rows(&project.import(&lake).await.unwrap()), (0, 0, 0));
    // Replaced by a longer one; one cut off, which holds up nobody; one removed.
    bucket.put("crm/a.csv", &csv(0..150));
    let whole = gzip(&csv(200..2000));
    bucket.put("crm/0.csv.gz", &whole[..whole.len() - 20]);
    bucket.put("crm/z.csv", &csv(300..310));
    bucket.delete("crm/2026/b.csv.gz");
    let report = project.import(&lake).await.unwrap();
    let message = &failure(&report).message;
    assert!(
        message.contains("1 objects were not read") && message.contains("crm/0.csv.gz") && message.contains("truncated"),
        "{message}"
    );
    // The fifty of the longer one were in the object that is gone now.
    assert_eq!(rows(&report), (160, 10, 150));
    // Whole at last.
    bucket.put("crm/0.csv.gz", &whole);
    let report = project.import(&lake).await.unwrap();
    assert!(report.failed.is_empty(), "{report:?}");
    assert_eq!(rows(&report).0, 1800);
    assert_eq!(rows(&project.import(&lake).await.unwrap()), (0, 0, 0));
    balanced(&lake, &project).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_of_three_pages_is_read_to_its_end() {
    let Some(address) = shared("s3") else { return };
    let mut bucket = TestBucket::new(&address);
    for n in 0..2001 {
        bucket.put(&format!("d/{n}.csv"), &csv(n..n + 1));
    }
    let mut project = Project::new();
    exports(&mut project, &address, &bucket.name, "glob: 'd/*.csv'");
    let lake = project.lake().await;
    let report = project.import(&lake).await.unwrap();
    assert!(report.failed.is_empty(), "{:?}", report.failed);
    assert_eq!(rows(&report), (2001, 2001, 0));
    assert_eq!(number(&lake, "SELECT count(DISTINCT event_id) FROM events").await, 2001);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_is_replaced_between_listing_and_reading_is_noticed() {
    let Some(address) = shared("s3") else { return };
    let mut bucket = TestBucket::new(&address);
    bucket.put("a.csv", &csv(0..10));
    let place = clew_lake::BucketAddress {
        bucket: bucket.name.clone(),
        endpoint: Some(address.clone()),
        region: Some("us-east-1".into()),
        keys: Some(("key".into(), "secret".into())),
        ..clew_lake::BucketAddress::default()
    };
    let store = clew_lake::Bucket::open(&place).unwrap();
    let listed: Vec<_> = futures::TryStreamExt::try_collect(store.list("")).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    store.download(&listed[0], &path).await.unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), csv(0..10));
    // The same size, other bytes.
    bucket.put("a.csv", &csv(1..11)[..csv(0..10).len()]);
    let error = store.download(&listed[0], &path).await.unwrap_err();
    assert!(matches!(error, clew_lake::BucketError::Changed { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_is_away_or_not_there_is_told_without_secrets() {
    let Some(address) = shared("s3") else { return };
    for (address, expected, is_away) in
        [(address.as_str(), "is not there (NoSuchBucket)", false), ("http://127.0.0.1:1", "refused", true)]
    {
        let mut project = Project::new();
        exports(&mut project, address, "no-such-bucket", "");
        let lake = project.lake().await;
        let report = project.import(&lake).await.unwrap();
        let failure = failure(&report);
        assert!(failure.message.contains(expected), "{}", failure.message);
        assert_eq!(failure.is_away, is_away);
        assert!(!failure.message.contains("hunter2"), "{}", failure.message);
        let problems = check_connection(&project.sources, &project.sources.sources[0]).await;
        assert!(problems[0].message.contains(expected), "{problems:?}");
    }
    let mut project = Project::new();
    let bucket = TestBucket::new(&address);
    exports(&mut project, &address, &bucket.name, "");
    let problems = check_connection(&project.sources, &project.sources.sources[0]).await;
    assert!(problems[0].severity == Severity::Warning && problems[0].message.contains("no object"), "{problems:?}");
}

/// Tells when the first block is stored.
struct First(Arc<tokio::sync::Notify>);

impl Progress for First {
    fn stored(&self, _: &str, _: &str, _: u64) {
        self.0.notify_one();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_pull_goes_on_behind_its_last_block() {
    let Some(address) = shared("postgres") else { return };
    let (url, client) = new_postgres(&address).await;
    client
        .batch_execute("CREATE TABLE orders AS SELECT i AS id, date '2026-01-01' AS at, 'c' || i AS customer, timestamptz '2024-02-01' + i * interval '1 ms' AS changed FROM generate_series(1, 60000) i")
        .await
        .unwrap();
    let mut project = Project::new();
    orders(&mut project, "postgres", &url, QUERY, "overlap: '0'");
    let lake = project.lake().await;
    let stored = Arc::new(tokio::sync::Notify::new());
    let first = First(stored.clone());
    tokio::select! {
        _ = import(&lake, &project.sources, &[], &first) => panic!("it was to be interrupted"),
        () = stored.notified() => {}
    }
    lake.close().await.unwrap();
    let lake = project.lake().await;
    let before = number(&lake, "SELECT count(*) FROM events").await;
    assert!((8192..60_000).contains(&before), "{before}");
    let report = project.import(&lake).await.unwrap();
    assert!(report.sources[0].resumed && report.is_balanced());
    let events = report.sources[0].files[0].targets["events"];
    // The row of the last mark came again.
    assert_eq!((events.stored, events.duplicate), (60_000, 1));
    balanced(&lake, &project).await;
}
