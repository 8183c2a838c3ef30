//! Every source template against its own sample: it checks clean, gives exactly the facts of `expected.txt`, adds up, and a second import stores
//! nothing.
//!
//! `UPDATE=1` writes what comes out into the expected files; read the difference before you keep it. `TEMPLATE=name` tries one alone.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;
use support::{assert_balanced, clew, repository, rows, sum};

fn folder() -> PathBuf {
    repository().join("crates/clew/templates/sources")
}

/// Columns that say where a fact comes from and not what it says.
const OF_THE_IMPORT: &[&str] = &["source", "population", "subject", "content", "received_at", "file", "row_no"];

/// All facts of a table as text that a person can read: one line a column, nulls left out.
fn facts(project: &Path, table: &str, id: &str) -> String {
    let mut text = String::new();
    for fact in rows(project, &format!("SELECT * FROM {table} ORDER BY {id}, row_no")) {
        let fact = fact.as_object().unwrap();
        writeln!(text, "{table} {}", fact[id].as_str().unwrap()).unwrap();
        for (name, value) in fact {
            let is_shown = name != id && !value.is_null() && !OF_THE_IMPORT.contains(&name.as_str());
            // In upsert mode a version without a time of its own begins when it came in.
            if is_shown && !(name == "valid_from" && *value == fact["received_at"]) {
                writeln!(text, "  {name}: {}", shown(value)).unwrap();
            }
        }
    }
    text
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.replace('\n', "\\n"),
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(", "),
        Value::Object(entries) if entries.contains_key("type") => {
            format!("{}={}", shown(&entries["type"]), shown(&entries["value"]))
        }
        other => other.to_string(),
    }
}

/// What became of the sample.
fn outcome(project: &Path, report: &Value) -> String {
    let mut text = String::new();
    for file in report["sources"][0]["files"].as_array().unwrap() {
        let rows = &file["rows"];
        writeln!(
            text,
            "rows: read {}, mapped {}, skipped {}, unreadable {}",
            rows["read"], rows["mapped"], rows["skipped"], rows["unreadable"]
        )
        .unwrap();
    }
    for (table, id) in [("events", "event_id"), ("records", "record_id"), ("responses", "response_id")] {
        text += &facts(project, table, id);
    }
    for row in rows(project, "SELECT target, row_no, reason, detail FROM quarantine ORDER BY row_no, target, detail") {
        let target = row["target"].as_str().unwrap_or("row");
        writeln!(text, "quarantine {target} of row {}: {} ({})", row["row_no"], shown(&row["reason"]), shown(&row["detail"]))
            .unwrap();
    }
    text
}

fn try_template(name: &str) {
    let folder = tempfile::tempdir().unwrap();
    clew(folder.path(), &["init", name, "--template", name]).done();
    let project = folder.path().join(name);
    let said = clew(&project, &["check"]);
    assert_eq!((said.code, said.out.lines().count()), (0, 1), "{name}: {}{}", said.out, said.err);
    let report = clew(&project, &["import", "--json"]).json();
    assert_balanced(&report);
    let found = outcome(&project, &report);
    let expected = self::folder().join(name).join("expected.txt");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&expected, &found).unwrap();
    }
    assert_eq!(found, std::fs::read_to_string(&expected).unwrap_or_default(), "{name}: see {}", expected.display());
    let again = clew(&project, &["import", "--json"]).json();
    assert_eq!(sum(&again, "stored"), 0, "{name}: a second import stores nothing");
    clew(&project, &["audit"]).done();
}

#[test]
fn every_template_gives_the_facts_that_are_written_beside_it() {
    let list: Value = clew(Path::new("."), &["source", "list", "--json"]).json();
    let mut names: Vec<String> = list.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect();
    let mut folders: Vec<String> =
        std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    folders.sort();
    assert_eq!(names, folders, "every folder is in the binary");
    if let Ok(one) = std::env::var("TEMPLATE") {
        names.retain(|name| *name == one);
    }
    for name in names {
        try_template(&name);
    }
}

#[test]
fn a_source_is_added_under_another_name_and_never_overwrites() {
    let folder = tempfile::tempdir().unwrap();
    clew(folder.path(), &["init", ".", "--template", "empty"]).done();
    let said = clew(folder.path(), &["source", "add", "shopify_orders", "--as", "shop_de", "--sample"]);
    assert!(said.done().out.contains("sources/shop_de.events.sql") && said.out.contains("Set: "), "{}", said.out);
    assert_eq!(clew(folder.path(), &["check"]).done().out.lines().count(), 1);
    let again = clew(folder.path(), &["source", "add", "shopify_orders", "--as", "shop_de"]);
    assert!(again.code == 1 && again.err.contains("nothing was written"), "{}", again.err);
    let unknown = clew(folder.path(), &["source", "add", "shopify_order"]);
    assert!(unknown.code == 1 && unknown.err.contains("did you mean shopify_orders?"), "{}", unknown.err);
    let name = clew(folder.path(), &["source", "add", "shopify_orders", "--as", "Shop-DE"]);
    assert!(name.code == 1 && name.err.contains("is no name for a source"), "{}", name.err);
    // Without the sample, the check says what is missing.
    clew(folder.path(), &["source", "add", "shopify_orders"]).done();
    let said = clew(folder.path(), &["check"]);
    assert!(said.code == 1 && said.out.contains("data/shopify_orders/*.json: no such file"), "{}", said.out);
    let elsewhere = tempfile::tempdir().unwrap();
    let said = clew(elsewhere.path(), &["source", "add", "shopify_orders"]);
    assert!(said.code == 1 && said.err.contains("is no project"), "{}", said.err);
    let said = clew(elsewhere.path(), &["init", "x", "--template", "shopify_orderz"]);
    assert!(said.code == 1 && said.err.contains("did you mean shopify_orders?"), "{}", said.err);
}
