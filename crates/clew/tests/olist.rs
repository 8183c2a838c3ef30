//! The real thing: nine files of a marketplace, from CSV to scores and drivers, twice.
//!
//! The figures are those of the files themselves (`data/olist/PROVENANCE.md` and a count by hand): 14,904 customers with
//! orders, 14,944 scored answers, 76.8 % of them 4 or 5.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::process::Output;

use serde_json::Value;
use support::{Said, command, copy, repository, shared};

struct Olist {
    project: tempfile::TempDir,
    data: std::path::PathBuf,
}

impl Olist {
    fn clew(&self, arguments: &[&str]) -> Said {
        let output: Output =
            command().args(arguments).current_dir(self.project.path()).env("OLIST_DATA", &self.data).output().unwrap();
        Said::of(&output)
    }

    fn value(&self, query: &str) -> Value {
        let said = self.clew(&["sql", query, "--format", "json"]);
        let row: Value = serde_json::from_str(said.done().out.trim()).unwrap();
        row.as_object().unwrap().values().next().unwrap().clone()
    }
}

#[test]
fn a_marketplace_goes_from_nine_files_to_what_drives_its_score() {
    let Some(shared) = shared("olist") else { return };
    let olist = Olist { project: tempfile::tempdir().unwrap(), data: shared.join("data/olist") };
    copy(&repository().join("examples/olist"), olist.project.path());

    let check = olist.clew(&["check"]);
    assert_eq!(check.code, 0, "{}{}", check.out, check.err);

    let first = olist.clew(&["import", "--json"]).json();
    let sources = first["sources"].as_array().unwrap();
    let files: Vec<&str> = sources
        .iter()
        .flat_map(|source| source["files"].as_array().unwrap())
        .map(|file| file["file"].as_str().unwrap())
        .collect();
    let mut names: Vec<&str> = files.iter().map(|file| file.rsplit('/').next().unwrap()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 9, "all nine files: {names:?}");
    for source in sources {
        for file in source["files"].as_array().unwrap() {
            assert_eq!((&file["rows_balanced"], &file["facts_balanced"]), (&true.into(), &true.into()), "{file:#}");
        }
    }

    let second = olist.clew(&["import", "--json"]).json();
    for source in second["sources"].as_array().unwrap() {
        for file in source["files"].as_array().unwrap() {
            for (target, counts) in file["targets"].as_object().unwrap() {
                assert_eq!(counts["stored"], 0, "{} {target} {counts}", source["source"]);
            }
        }
    }

    olist.clew(&["run"]).done();
    let people = "SELECT count(DISTINCT person_id) FROM people_events WHERE name = 'order_placed'";
    assert_eq!(olist.value(people), 14_904);
    assert_eq!(olist.value("SELECT count(*) FROM responses WHERE score IS NOT NULL"), 14_944);
    let csat = "SELECT round(csat(score), 3) FROM responses WHERE kind = 'csat'";
    assert_eq!(olist.value(csat), 0.768);
    let interval =
        "SELECT csat_lower(score) < csat(score) AND csat(score) < csat_upper(score) FROM responses WHERE kind = 'csat'";
    assert_eq!(olist.value(interval), true);

    // 58 % of late orders were answered before they arrived: only what was known by then may drive the score.
    let first_family = "SELECT family FROM drivers WHERE metric = 'review_csat' AND kind = 'family' AND status = 'driver' AND segment = 'all' ORDER BY rank LIMIT 1";
    let family = olist.value(first_family);
    assert_eq!(family, "broken_promise");
}
