//! Killed at any point of the write path in the middle of a replay, a store opens again, and the same replay ends where an untroubled one does.
//!
//! The parent runs this test binary as a child with a point armed; the child kills itself there.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::path::Path;
use std::process::{Command, Stdio};

use clew_intake::{Request, audit, replay};
use clew_lake::{Lake, Options, crash};
use support::{Project, number, texts};

const STORE: &str = "CLEW_TEST_REPLAY_STORE";
/// Each is a chunk of the replay.
const FILES: usize = 5;
/// The points that one append passes; those of the seal are the lake's own test.
const POINTS: [&str; 5] = ["append.judged", "append.staged", "append.keys_staged", "append.committing", "append.committed"];

const WRONG: &str = "SELECT name, 'web' AS channel, at AS occurred_at FROM raw";
const RIGHT: &str = "SELECT name, 'web' AS channel, parse_time(at, '%d.%m.%Y') AS occurred_at FROM raw";

fn project(sql: &str) -> Project {
    let mut project = Project::new();
    for file in 0..FILES {
        let rows: String = (0..40).map(|row| format!("n{file}-{},{:02}.03.2026\n", row % 7, row % 20 + 1)).collect();
        project.write(&format!("{file}.csv"), format!("name,at\n{rows}file {file},never\n"));
    }
    project.source("s", "files: '*.csv'", &[("events", sql)]);
    project
}

async fn open(store: &Path) -> Lake {
    Lake::open(store, Options::default()).await.unwrap()
}

async fn work(store: &Path) {
    let lake = open(store).await;
    let request = Request { decided_by: "ann".into(), ..Request::default() };
    replay(&lake, &project(RIGHT).sources, &request).await.unwrap();
    lake.close().await.unwrap();
}

/// Runs in the child only.
#[tokio::test(flavor = "multi_thread")]
async fn child() {
    let Ok(store) = std::env::var(STORE) else { return };
    work(Path::new(&store)).await;
}

fn is_killed(store: &Path, point: &str, n: usize) -> bool {
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--test-threads", "1"])
        .env(STORE, store)
        .env(crash::VARIABLE, format!("{point}:{n}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    !status.success()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

async fn contents(store: &Path) -> Vec<String> {
    let lake = open(store).await;
    let mut all = texts(&lake, "SELECT event_id || file || row_no || occurred_at || received_at FROM events ORDER BY 1").await;
    all.extend(texts(&lake, "SELECT quarantine_id FROM quarantine ORDER BY 1").await);
    all.extend(texts(&lake, "SELECT quarantine_id || outcome FROM repairs WHERE outcome <> 'quarantined' ORDER BY 1").await);
    let report = audit(&lake, &project(RIGHT).sources).await.unwrap();
    assert!(report.holds, "{:#?}", report.breaks);
    let source = &report.sources[0];
    assert_eq!((source.in_quarantine, source.open), (FILES as u64 * 41, FILES as u64));
    // Nothing is left to do.
    let again = replay(&lake, &project(RIGHT).sources, &Request::default()).await.unwrap();
    assert_eq!((again.outcomes().stored, again.outcomes().quarantined), (0, FILES as u64));
    lake.close().await.unwrap();
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_every_point_no_row_is_lost_or_doubled() {
    let folder = tempfile::tempdir().unwrap();
    let (empty, whole) = (folder.path().join("broken"), folder.path().join("whole"));
    let lake = open(&empty).await;
    let broken = project(WRONG);
    broken.import(&lake).await.unwrap();
    assert_eq!(number(&lake, "SELECT count(*) FROM quarantine_open").await, FILES as i64 * 41);
    lake.close().await.unwrap();
    copy(&empty, &whole);
    work(&whole).await;
    let expected = contents(&whole).await;
    let mut kills = 0;
    for (point, n) in POINTS.iter().flat_map(|point| [1, 3, FILES].map(|n| (point, n))) {
        let store = folder.path().join(format!("{point}-{n}"));
        copy(&empty, &store);
        if is_killed(&store, point, n) {
            kills += 1;
            work(&store).await;
        }
        assert_eq!(contents(&store).await, expected, "killed at {point}:{n}");
        std::fs::remove_dir_all(&store).unwrap();
    }
    assert_eq!(kills, POINTS.len() * 3, "every point was passed");
}
