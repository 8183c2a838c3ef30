//! `clew check` on projects with mistakes: each file of `tests/check` is a project and the problems that it must give.
//!
//! A case is a list of files (`== name`) and, under `== problems`, the lines that people read, in order. `UPDATE=1` writes
//! what the binary says into the cases; read the difference before you keep it.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::fmt::Write as _;
use std::path::Path;

use support::{clew, repository};

/// The files of a case in order, and the problems.
fn parse(case: &str) -> (Vec<(&str, String)>, String) {
    let mut files = Vec::new();
    let mut problems = String::new();
    for part in case.split("== ").skip(1) {
        let (name, text) = part.split_once('\n').unwrap_or((part, ""));
        if name == "problems" { text.clone_into(&mut problems) } else { files.push((name, text.replace("\\x", "\u{0}"))) }
    }
    (files, problems)
}

fn check(path: &Path) {
    let case = std::fs::read_to_string(path).unwrap();
    let (files, expected) = parse(&case);
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in &files {
        let file = folder.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }
    let said = clew(folder.path(), &["check"]);
    let (problems, summary) = said.out.trim_end().rsplit_once('\n').unwrap_or(("", said.out.trim_end()));
    let problems = if problems.is_empty() { String::new() } else { format!("{problems}\n") };
    if std::env::var_os("UPDATE").is_some() {
        let mut text = String::new();
        for (name, content) in &files {
            write!(text, "== {name}\n{content}").unwrap();
        }
        std::fs::write(path, text + "== problems\n" + &problems).unwrap();
        return;
    }
    assert_eq!(problems, expected, "{}: {}", path.display(), said.err);
    let fine = problems.lines().all(|line| line.contains(": warning: "));
    assert_eq!(said.code, i32::from(!fine), "{summary}");

    // The same for machines.
    let json = clew(folder.path(), &["check", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    let lines = report["problems"].as_array().unwrap();
    assert_eq!(lines.len(), problems.lines().count());
    for problem in lines {
        assert!(problem["line"].as_u64().unwrap() > 0 && problem["column"].as_u64().unwrap() > 0, "{problem}");
        assert!(!problem["message"].as_str().unwrap().is_empty() && !problem["remedy"].as_str().unwrap().is_empty(), "{problem}");
    }
}

#[test]
fn every_problem_is_named_with_its_place_and_remedy() {
    let mut cases: Vec<_> =
        std::fs::read_dir(repository().join("tests/check")).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() >= 5, "the cases are there");
    for case in cases {
        check(&case);
    }
}

#[test]
fn the_new_projects_check_clean() {
    let folder = tempfile::tempdir().unwrap();
    for template in ["shop", "empty"] {
        clew(folder.path(), &["init", template, "--template", template]).done();
        let said = clew(folder.path(), &["check", "--project", template]);
        assert_eq!(said.code, 0, "{template}: {}{}", said.out, said.err);
        assert_eq!(said.out.lines().count(), 1, "{template} without a warning: {}", said.out);
    }
}

#[test]
fn a_folder_without_a_project_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for command in ["check", "import", "run", "serve"] {
        let said = clew(folder.path(), &[command]);
        assert_eq!(said.code, 1, "{command}: {}", said.err);
        assert!(format!("{}{}", said.out, said.err).contains("clew init"), "{command}: {}", said.err);
    }
}

#[test]
fn init_never_overwrites() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("clew.yaml"), "company: Mine\n").unwrap();
    let said = clew(folder.path(), &["init", "."]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("clew.yaml"), "{}", said.err);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing was written");
}

#[test]
fn wrong_usage_is_not_a_refusal() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in
        [&["chekc"][..], &["sql"], &["run", "--only"], &["import", "--jsno"], &["sql", "SELECT 1", "--format", "parquet"]]
    {
        assert_eq!(clew(folder.path(), arguments).code, 2, "{arguments:?}");
    }
    assert_eq!(clew(folder.path(), &["--version"]).code, 0);
}
