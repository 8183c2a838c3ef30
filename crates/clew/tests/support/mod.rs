//! What the tests of the binary share: running it, and the folder with the real data.
#![allow(clippy::unwrap_used, reason = "a test")]
#![allow(dead_code, reason = "each test file uses its part")]

pub mod live;
pub mod services;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// What a command said.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Said {
    pub fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code().unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// The report, after the command succeeded.
    #[track_caller]
    pub fn json(&self) -> Value {
        assert_eq!(self.code, 0, "{}\n{}", self.out, self.err);
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error} in {}", self.out))
    }

    #[track_caller]
    pub fn done(&self) -> &Self {
        assert_eq!(self.code, 0, "{}\n{}", self.out, self.err);
        self
    }
}

/// The binary under test: that of this build, or the one that `CLEW_BIN` names (`make crash` and `make truths` take the
/// release binary).
pub fn binary() -> PathBuf {
    std::env::var_os("CLEW_BIN").map_or_else(|| env!("CARGO_BIN_EXE_clew").into(), PathBuf::from)
}

/// The real binary, quiet and without the caller's settings.
pub fn command() -> Command {
    let mut command = Command::new(binary());
    command.env_remove("CLEW_PROJECT").env_remove("CLEW_LOG").env_remove("OLIST_DATA").stdin(Stdio::null());
    command
}

/// Runs `clew` with `arguments` in `project`.
#[track_caller]
pub fn clew(project: &Path, arguments: &[&str]) -> Said {
    let output = command().args(arguments).current_dir(project).output().expect("the binary starts");
    Said::of(&output)
}

/// Rows of a query as JSON objects.
#[track_caller]
pub fn rows(project: &Path, query: &str) -> Vec<Value> {
    let said = clew(project, &["sql", query, "--format", "json"]);
    said.done().out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The single value of a query that gives one row with one column.
#[track_caller]
pub fn value(project: &Path, query: &str) -> Value {
    let rows = rows(project, query);
    assert_eq!(rows.len(), 1, "{query}: {rows:?}");
    rows[0].as_object().unwrap().values().next().unwrap().clone()
}

/// The repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

/// The folder with the real data, or none after saying that the test is skipped.
pub fn shared(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("CLEW_SHARED").map_or_else(|| repository().join("../shared"), PathBuf::from);
    if folder.join("data").is_dir() {
        return Some(folder);
    }
    println!("skipped: {test}: no {}", folder.display());
    None
}

/// A new project from the template `shop`, with its sample.
pub fn shop() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    clew(folder.path(), &["init", "shop"]).done();
    folder
}

/// Copies a project without its store.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_name() == ".clew" {
            continue;
        }
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Sums one term over all files and targets of an import's report.
pub fn sum(report: &Value, term: &str) -> u64 {
    let files = report["sources"].as_array().unwrap().iter().flat_map(|source| source["files"].as_array().unwrap());
    let targets = files.flat_map(|file| file["targets"].as_object().unwrap().values());
    targets.map(|target| target[term].as_u64().unwrap()).sum()
}

/// Both conservation equations hold in every file of an import's report.
#[track_caller]
pub fn assert_balanced(report: &Value) {
    for source in report["sources"].as_array().unwrap() {
        for file in source["files"].as_array().unwrap() {
            assert_eq!((&file["rows_balanced"], &file["facts_balanced"]), (&true.into(), &true.into()), "{file}");
            let n = |of: &Value, term: &str| of[term].as_u64().unwrap();
            let rows = &file["rows"];
            assert_eq!(n(rows, "read"), n(rows, "mapped") + n(rows, "skipped") + n(rows, "unreadable"), "{file}");
            for target in file["targets"].as_object().unwrap().values() {
                let ends = ["stored", "duplicate", "quarantined", "rejected"].map(|term| n(target, term));
                assert_eq!(n(target, "produced"), ends.iter().sum::<u64>(), "{file}");
            }
        }
    }
}
