//! `clew replay` with the real binary: alone and through a running server, told and done.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::path::Path;

use support::live::Served;
use support::{clew, value};

fn mapping(dir: &Path, at: &str) {
    let sql = format!("SELECT id, name, 'web' AS channel, {at} AS occurred_at FROM raw\n");
    std::fs::write(dir.join("sources/shop.events.sql"), sql).unwrap();
}

fn project(dir: &Path) {
    std::fs::create_dir_all(dir.join("sources")).unwrap();
    std::fs::write(dir.join("clew.yaml"), "company: Larkmoor\ntimezone: Europe/Berlin\nschedule: never\n").unwrap();
    std::fs::write(dir.join("sources/shop.yaml"), "files: shop.csv\n").unwrap();
    std::fs::write(
        dir.join("shop.csv"),
        "id,name,at\n1,bought,03.02.2026\n2,bought,04.02.2026\n3,bought,Private Person\n4,bought\n",
    )
    .unwrap();
    mapping(dir, "at");
}

#[test]
fn a_mended_mapping_an_edit_and_a_discard_empty_the_quarantine() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    project(dir);
    clew(dir, &["import"]).done();
    mapping(dir, "parse_time(at, '%d.%m.%Y')");
    let told = clew(dir, &["replay", "--dry-run"]);
    assert!(told.done().out.contains("would be stored 2, there already 0, still refused 2"), "{}", told.out);
    assert!(told.out.contains("shop.csv:3 invalid_time -> quarantined"), "{}", told.out);
    assert!(!told.out.contains("Private Person"), "no value of a row unless asked");
    assert!(clew(dir, &["replay", "--dry-run", "--show"]).done().out.contains("Private Person"));
    assert_eq!(value(dir, "SELECT count(*) FROM quarantine_open"), 4);
    let done = clew(dir, &["replay", "shop", "--json"]).json();
    assert_eq!((&done["sources"][0]["outcomes"]["stored"], &done["sources"][0]["batch"]), (&2.into(), &"shop/replay-1".into()));

    let id = value(dir, "SELECT quarantine_id FROM quarantine_open WHERE reason = 'wrong_field_count'");
    std::fs::write(dir.join("edits.jsonl"), format!("{{\"quarantine_id\":{id},\"raw\":\"4,bought,2026-02-05\"}}\n")).unwrap();
    assert!(clew(dir, &["replay", "--edit", "edits.jsonl"]).done().out.contains("stored 1,"));
    let discard = ["replay", "--reason", "invalid_time", "--discard", "--reason-text", "nobody knows when"];
    assert!(clew(dir, &discard).done().out.contains("discarded 1"));
    assert_eq!(value(dir, "SELECT count(*) FROM quarantine_open"), 0);
    assert!(clew(dir, &["replay"]).done().out.contains("no open row"));
    let audit = clew(dir, &["audit"]);
    assert!(audit.done().out.contains("4 rows     = 0 open + 3 repaired + 1 discarded + 0 replaced"), "{}", audit.out);

    // Refusals change nothing and say what to do; a wrong call of the command is told apart.
    for (arguments, code, words) in [
        (&["replay", "shoop"][..], 1, "did you mean shop?"),
        (&["replay", "--id", "none"], 1, "has no row none"),
        (&["replay", "--edit", "none.jsonl"], 1, "none.jsonl"),
        (&["replay", "--discard"], 2, "--reason-text"),
        (&["replay", "--discard", "--reason-text", "x"], 1, "which rows"),
    ] {
        let said = clew(dir, arguments);
        assert_eq!(said.code, code, "{arguments:?}: {}", said.err);
        assert!(said.err.contains(words), "{arguments:?}: {}", said.err);
    }
    mapping(dir, "1 AS colour, at");
    let said = clew(dir, &["replay"]);
    assert!(said.code == 1 && said.err.contains("shop.events.sql") && said.err.contains("colour"), "{}", said.err);
}

#[test]
fn a_running_server_replays_with_the_mapping_as_it_is_now() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    project(dir);
    clew(dir, &["import"]).done();
    let served = Served::start(dir);
    mapping(dir, "parse_time(at, '%d.%m.%Y')");
    let done = clew(dir, &["replay", "--json", "--examples", "1"]).json();
    assert_eq!(done["sources"][0]["outcomes"]["stored"], 2, "{done:#}");
    assert_eq!(done["sources"][0]["targets"]["events"]["quarantined"], 1);
    let refused = clew(dir, &["replay", "shoop"]);
    assert!(refused.code == 1 && refused.err.contains("did you mean shop?"), "{}", refused.err);
    let discard = ["replay", "shop", "--discard", "--reason-text", "enough"];
    assert!(clew(dir, &discard).done().out.contains("discarded 2"));
    clew(dir, &["audit"]).done();
    // A mapping with a mistake is told, and nothing is done.
    mapping(dir, "count(*)");
    let broken = clew(dir, &["replay"]);
    assert!(broken.code == 1 && broken.err.contains("count"), "{}", broken.err);
    drop(served);
}
