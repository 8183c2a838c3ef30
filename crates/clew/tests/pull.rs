//! The binary against real systems: a pull that is killed and goes on, a check that asks, files that come while it serves.
#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "../../intake/tests/support/services.rs"]
#[allow(dead_code, reason = "a part of it is used here")]
mod services;
mod support;

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use clew_lake::crash::VARIABLE;
use services::{shared, unique, with_database};
use support::live::Served;
use support::{Said, clew, command, value};

const MAPPING: &str =
    "SELECT id, 'order_placed' AS name, 'web' AS channel, at AS occurred_at, customer AS identifier_user_id FROM raw";

fn psql(url: &str, sql: &str) {
    let done = Command::new("psql").args([url, "-qAt", "-v", "ON_ERROR_STOP=1", "-c", sql]).output().expect("psql is there");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

fn project(dir: &Path, schedule: &str, source: &str) {
    std::fs::create_dir_all(dir.join("sources")).unwrap();
    std::fs::write(dir.join("clew.yaml"), format!("company: Larkmoor\ntimezone: UTC\nschedule: {schedule}\n")).unwrap();
    std::fs::write(dir.join("sources/orders.yaml"), source).unwrap();
    std::fs::write(dir.join("sources/orders.events.sql"), MAPPING).unwrap();
}

#[test]
fn a_pull_of_100_000_rows_that_is_killed_at_any_moment_loses_and_doubles_nothing() {
    let Some(address) = shared("postgres") else { return };
    let (database, dir) = (unique(), tempfile::tempdir().unwrap());
    psql(&address, &format!("CREATE DATABASE {database}"));
    let url = with_database(&address, &database);
    // Seven rows of one mark each, so that blocks end within ties.
    psql(
        &url,
        "CREATE TABLE orders AS SELECT i AS id, date '2024-01-01' AS at, 'c' || i AS customer, timestamptz '2024-02-01' + i / 7 * interval '1 s' AS changed \
         FROM generate_series(1, 100000) i",
    );
    let source = "postgres:\n  url: ${ORDERS_URL:-postgres://nowhere}\n  query: SELECT * FROM orders WHERE changed > $mark\n  mark: changed\n  overlap: 0\nmode: upsert\n";
    project(dir.path(), "never", source);
    let import = |crash: Option<&str>| {
        let mut command = command();
        command.args(["import", "orders", "--json"]).current_dir(dir.path()).env("ORDERS_URL", &url);
        if let Some(moment) = crash {
            command.env(VARIABLE, moment);
        }
        Said::of(&command.output().unwrap())
    };
    for moment in ["append.committed:3", "append.staged:2", "append.committing:4", "append.judged:1", "append.committed:2"] {
        let said = import(Some(moment));
        assert_eq!(said.code, -1, "{moment}: it was to be killed: {}{}", said.out, said.err);
    }
    let report = import(None).json();
    assert_eq!(report["sources"][0]["resumed"], true, "{report}");
    assert_eq!(value(dir.path(), "SELECT count(*) FROM events"), 100_000);
    assert_eq!(value(dir.path(), "SELECT count(DISTINCT event_id) FROM events"), 100_000);
    clew(dir.path(), &["audit"]).done();
}

#[test]
fn check_asks_only_when_told_to_and_never_shows_the_password() {
    let Some(address) = shared("postgres") else { return };
    let dir = tempfile::tempdir().unwrap();
    let source = "postgres: {url: '${ORDERS_URL}', query: 'SELECT 1 AS id, now() AS at, 2 AS customer'}\n";
    project(dir.path(), "never", source);
    let run = |arguments: &[&str], url: &str| {
        Said::of(&command().args(arguments).current_dir(dir.path()).env("ORDERS_URL", url).output().unwrap())
    };
    let wrong = address.replacen(":clew@", ":open%53esame@", 1);
    let said = run(&["check"], &wrong);
    assert!(said.done().out.contains("not asked whether they answer: orders"), "{}", said.out);
    assert_eq!(run(&["check", "--connect"], &address).code, 0);
    for arguments in [&["check", "--connect"][..], &["import", "orders"], &["import", "--json"]] {
        let said = run(arguments, &wrong);
        assert_eq!(said.code, 1, "{}{}", said.out, said.err);
        let all = said.out + &said.err;
        assert!(all.contains("password authentication failed") && !all.contains("esame"), "{all}");
    }
    // Somebody else's machine that is away is no fault of the project.
    assert_eq!(run(&["import", "orders"], "postgres://clew:open@127.0.0.1:1/d").code, 3);
}

/// The number of events that the server's tables hold.
fn events(dir: &Path) -> i64 {
    value(dir, "SELECT count(*) FROM events").as_i64().unwrap()
}

/// Waits until the served project has `n` events; says how long that took.
#[track_caller]
fn wait_for(dir: &Path, n: i64) -> Duration {
    let begun = Instant::now();
    while events(dir) < n {
        assert!(begun.elapsed() < Duration::from_mins(1), "{} of {n} events", events(dir));
        std::thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(events(dir), n);
    begun.elapsed()
}

#[test]
fn files_come_in_while_it_serves_and_one_that_is_being_written_is_left_until_it_is_quiet() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    project(dir, "1h", "files: in\n");
    std::fs::create_dir(dir.join("in")).unwrap();
    std::fs::write(dir.join("in/a.csv"), "id,at,customer\n1,2024-01-01,a\n").unwrap();
    let _served = Served::start(dir);
    wait_for(dir, 1);

    // One that is written slowly, beside one that is whole at once, and one that is broken.
    let mut slow = OpenOptions::new().create(true).append(true).open(dir.join("in/slow.csv")).unwrap();
    slow.write_all(b"id,at,customer\n").unwrap();
    std::fs::write(dir.join("in/whole.csv"), "id,at,customer\n2,2024-01-01,b\n").unwrap();
    std::fs::write(dir.join("in/broken.csv.gz"), "no gzip").unwrap();
    for id in 10..18 {
        slow.write_all(format!("{id},2024-01-01,c\n").as_bytes()).unwrap();
        std::thread::sleep(Duration::from_millis(700));
    }
    // Nothing of the slow one, although parts of it lay there for seconds.
    assert_eq!(value(dir, "SELECT count(*) FROM events WHERE file = 'slow.csv'"), 0);
    wait_for(dir, 2 + 8);

    // One that grows gives its new rows.
    let mut grown = OpenOptions::new().append(true).open(dir.join("in/whole.csv")).unwrap();
    grown.write_all(b"3,2024-01-01,b\n").unwrap();
    wait_for(dir, 2 + 8 + 1);
    // Each file was read once, the grown one twice.
    let read = "SELECT coalesce(sum(rows_read), 0) FROM accounting WHERE target IS NULL AND file IN ('a.csv', 'whole.csv')";
    assert_eq!(value(dir, read), 1 + 1 + 2);
}

#[test]
fn a_database_is_asked_every_so_often_while_a_dead_one_is_tried() {
    let Some(address) = shared("postgres") else { return };
    let (database, dir) = (unique(), tempfile::tempdir().unwrap());
    let dir = dir.path();
    psql(&address, &format!("CREATE DATABASE {database}"));
    let url = with_database(&address, &database);
    psql(&url, "CREATE TABLE orders (id int PRIMARY KEY, at date, customer text, changed timestamptz DEFAULT now())");
    psql(&url, "INSERT INTO orders VALUES (1, '2024-01-01', 'a')");
    let query = "query: SELECT * FROM orders WHERE changed > $mark\n  mark: changed\nevery: 1s\n";
    project(dir, "1h", &format!("postgres:\n  url: {url}\n  {query}"));
    std::fs::write(dir.join("sources/dead.yaml"), format!("postgres:\n  url: postgres://x:y@127.0.0.1:1/z\n  {query}")).unwrap();
    std::fs::write(dir.join("sources/dead.events.sql"), MAPPING).unwrap();
    let _served = Served::start(dir);
    wait_for(dir, 1);
    psql(&url, "INSERT INTO orders VALUES (2, '2024-01-01', 'b')");
    wait_for(dir, 2);
}
