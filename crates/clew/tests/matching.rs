//! `clew match` as people use it: files in, clusters out, and bad files answered in words.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;
use support::{Said, clew, shared};

/// Six people, three of them twice, one of them with slips; nothing else is alike.
const PEOPLE: &str = "\
record_id,first_name,last_name,dob,email,phone,person
r1,Robert,Fenwick,1961-04-12,r.fenwick@example.org,702 919 1300,1
r2,Bob,Fenwick,1961-04-12,r.fenwick@example.org,+1 702-919-1300,1
r3,Ingrid,Halvorsen,1984-11-03,ingrid84@example.net,415 555 0101,2
r4,Ingird,Halvorsen,1984-11-03,ingrid84@example.net,415 555 0101,2
r5,Kwame,Mensah,1990-01-30,kwame.mensah@example.com,206 555 0188,3
r6,Kwame,Mensa,1990-01-30,,206 555 0188,3
r7,Olga,Petrenko,1975-06-21,olga@example.ua,303 555 0144,4
r8,Yuki,Tanaka,1969-09-09,yt@example.jp,503 555 0199,5
r9,Chidi,Okafor,1999-12-25,chidi99@example.ng,808 555 0123,6
";

fn matched(folder: &Path, arguments: &[&str]) -> Said {
    clew(folder, &[&["match"], arguments].concat())
}

/// Writes `text` and matches it, into `out.csv`.
fn of(text: &[u8], arguments: &[&str]) -> (tempfile::TempDir, Said) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("in.csv"), text).unwrap();
    let said = matched(folder.path(), &[&["in.csv", "--out", "out.csv"], arguments].concat());
    (folder, said)
}

#[track_caller]
fn refused(text: &[u8], arguments: &[&str], words: &[&str]) {
    let (folder, said) = of(text, arguments);
    assert_eq!(said.code, 1, "{}\n{}", said.out, said.err);
    for word in words {
        assert!(said.err.contains(word), "{word:?} in {}", said.err);
    }
    assert!(!folder.path().join("out.csv").exists(), "nothing is written");
}

/// Cluster by id, of a written CSV file.
fn clusters(folder: &Path) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(folder.join("out.csv")).unwrap();
    text.lines().skip(1).map(|line| line.rsplit_once(',').map(|(id, of)| (id.to_owned(), of.to_owned())).unwrap()).collect()
}

#[test]
fn records_are_looked_up_among_those_that_were_matched() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("in.csv"), PEOPLE).unwrap();
    let new = "record_id,last_name,first_name,dob,phone\nn1,Fenwik,Rob,1961-04-12,702-919-1300\nn2,Nobody,Nora,2001-02-03,\n";
    std::fs::write(folder.path().join("new.csv"), new).unwrap();
    let look_up =
        ["in.csv", "--exclude", "person", "--out", "out.csv", "--lookup", "new.csv", "--found", "found.jsonl", "--json"];
    let report = matched(folder.path(), &look_up).json();
    assert_eq!((&report["looked_up"]["rows"], &report["looked_up"]["with_match"]), (&2.into(), &1.into()), "{report:#}");
    let found = std::fs::read_to_string(folder.path().join("found.jsonl")).unwrap();
    let found: Vec<Value> = found.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut ids: Vec<&str> = found.iter().map(|row| row["id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["r1", "r2"]);
    assert!(found.iter().all(|row| row["record"] == "n1" && row["cluster_id"] == "r1"), "{found:?}");
    std::fs::write(folder.path().join("new.csv"), "a,b\n1,2\n").unwrap();
    let said = matched(folder.path(), &look_up);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("no column of the same name"), "{}", said.err);
    let said = matched(folder.path(), &["in.csv", "--out", "out.csv", "--lookup", "new.csv", "--found", "new.csv"]);
    assert!(said.code == 1 && said.err.contains("new.csv is read"), "{}", said.err);
}

#[test]
fn what_is_unique_parts_people_and_must_be_compared() {
    let folder = tempfile::tempdir().unwrap();
    let people = PEOPLE.replace("person\n", "passport\n").replace("-1300,1\n", "-1300,2\n");
    std::fs::write(folder.path().join("in.csv"), people).unwrap();
    let config = |unique: &str| std::fs::write(folder.path().join("c.yaml"), format!("unique: [{unique}]\n")).unwrap();
    config("passport");
    let said = matched(folder.path(), &["in.csv", "--out", "out.csv", "--config", "c.yaml"]);
    assert_eq!(said.code, 0, "{}", said.err);
    let found = clusters(folder.path());
    assert_eq!((found["r2"].as_str(), found["r4"].as_str()), ("r2", "r3"), "only r1 and r2 have different ones");
    for (unique, word) in [("record_id", "no comparison of its own"), ("passprt", "did you mean `passport`")] {
        config(unique);
        let said = matched(folder.path(), &["in.csv", "--out", "out.csv", "--config", "c.yaml"]);
        assert!(said.code == 1 && said.err.contains(word), "{}", said.err);
    }
}

#[test]
fn a_file_without_any_setting_gives_its_people() {
    let (folder, said) =
        of(PEOPLE.as_bytes(), &["--truth", "person", "--pairs", "pairs.jsonl", "--report", "report.html", "--json"]);
    let report = said.json();
    assert_eq!(report["id"], "record_id");
    assert_eq!(report["truth"]["clusters"]["f1"], 1.0, "{report:#}");
    assert_eq!(report["truth"]["b_cubed"]["f1"], 1.0);
    let found = clusters(folder.path());
    assert_eq!((found["r2"].as_str(), found["r4"].as_str(), found["r6"].as_str()), ("r1", "r3", "r5"));
    assert_eq!((found["r7"].as_str(), found.len()), ("r7", 9));
    let pairs = std::fs::read_to_string(folder.path().join("pairs.jsonl")).unwrap();
    let pairs: Vec<Value> = pairs.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(pairs.len(), 36, "all pairs of nine");
    let robert = pairs.iter().find(|pair| pair["id_a"] == "r1" && pair["id_b"] == "r2").unwrap();
    assert_eq!((&robert["level_first_name"], &robert["level_phone"]), (&"short form".into(), &"equal".into()));
    let odds = robert["match_weight"].as_f64().unwrap().exp2();
    assert!((robert["probability"].as_f64().unwrap() - odds / (1.0 + odds)).abs() < 1e-9, "{robert}");
    let page = std::fs::read_to_string(folder.path().join("report.html")).unwrap();
    for part in ["Match weights", "Reliability", "Blocking rules", "Clusters by size", "Expected precision"] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("http"), "the page asks for nothing");
}

#[test]
fn two_files_are_linked_and_their_ids_may_be_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (head, rows) = PEOPLE.split_once('\n').unwrap();
    let (mut a, mut b) = (format!("{head}\n"), format!("{head},note\n"));
    for (at, row) in rows.lines().enumerate() {
        let rest = row.split_once(',').unwrap().1;
        // Even ones are in the first file.
        if at % 2 == 0 { writeln!(a, "{},{rest}", at / 2).unwrap() } else { writeln!(b, "{},{rest},x", at / 2).unwrap() }
    }
    std::fs::write(folder.path().join("a.csv"), a).unwrap();
    std::fs::write(folder.path().join("b.csv"), b).unwrap();
    let arguments = ["a.csv", "b.csv", "--link", "--id", "record_id", "--truth", "person", "--out", "out.csv", "--json"];
    let report = matched(folder.path(), &arguments).json();
    assert_eq!(report["truth"]["at_threshold"]["recall"], 1.0, "{report:#}");
    let out = std::fs::read_to_string(folder.path().join("out.csv")).unwrap();
    assert!(out.starts_with("id,file,cluster_id\n0,1,1:0\n"), "{out}");
    assert!(out.contains("\n0,2,1:0\n") && out.contains("\n2,2,1:2\n"), "{out}");
    std::fs::write(folder.path().join("c.csv"), "colour,size\nred,1\nblue,2\n").unwrap();
    let said = matched(folder.path(), &["a.csv", "c.csv", "--link", "--out", "o.csv"]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("no column of the same name") && said.err.contains("colour"), "{}", said.err);
    assert_eq!(matched(folder.path(), &["a.csv", "--link", "--out", "o.csv"]).code, 2, "--link needs two files");
}

#[test]
fn what_cannot_be_matched_is_refused_in_words() {
    let people = PEOPLE.as_bytes();
    refused(people, &["--truth", "persn"], &["no column `persn` (--truth)", "did you mean `person`?"]);
    refused(people, &["--truth", "record_id"], &["`record_id` cannot be the truth", "each record has another value"]);
    refused(people, &["--id", "person"], &["`person` is not an id: 3 records", "rows 1 and 2"]);
    refused(people, &["--exclude", "nick"], &["no column `nick` (--exclude)"]);
    refused(b"a,b\n,\n,\n", &[], &["no column tells records apart", "`a` is empty"]);
    refused(b"a,b\nx,y\nx,y\nx,y\n", &[], &["`a` is always the same"]);
    refused(b"name\nAnn Lee\n", &[], &["1 record: there is nothing to match"]);
    refused(b"id,name\n1,Ann Lee\n,Bob Ray\n", &["--id", "id"], &["row 2 has no `id`"]);
    refused(b"", &[], &["in.csv", "empty"]);
    let (folder, said) = of(people, &["--config", "match.yaml"]);
    assert_eq!(said.code, 1, "no such file: {}", said.err);
    std::fs::write(folder.path().join("match.yaml"), "columns:\n  email: e-mail\n").unwrap();
    let said = matched(folder.path(), &["in.csv", "--out", "out.csv", "--config", "match.yaml"]);
    assert_eq!(said.code, 1);
    assert!(said.err.starts_with("match.yaml:2:"), "{}", said.err);
    let said = matched(folder.path(), &["in.csv", "--out", "in.csv"]);
    assert!(said.code == 1 && said.err.contains("in.csv is read"), "{}", said.err);
    let said = matched(folder.path(), &["in.csv", "--out", "there/out.csv"]);
    assert!(said.code == 1 && said.err.contains("no folder there"), "{}", said.err);
    assert_eq!(matched(folder.path(), &["in.csv", "--out", "out.csv", "--threshold", "1.5"]).code, 2);
}

#[test]
fn a_config_says_what_a_column_holds() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("in.csv"), PEOPLE.replace("last_name", "x1")).unwrap();
    std::fs::write(folder.path().join("match.yaml"), "columns:\n  x1: family_name\nexclude: [person]\nthreshold: 0.6\n").unwrap();
    let report = matched(folder.path(), &["in.csv", "--out", "out.csv", "--config", "match.yaml", "--json"]).json();
    assert_eq!(report["threshold"], 0.6);
    let kinds = report["compared"]
        .as_array()
        .unwrap()
        .iter()
        .map(|of| (of["comparison"].as_str().unwrap(), of["kind"].as_str().unwrap()));
    assert!(kinds.collect::<Vec<_>>().contains(&("x1", "family_name")), "{report:#}");
}

/// With one column, nothing tells equal values of one record from chance: no probability could be given.
#[test]
fn one_column_alone_is_refused_with_what_to_do() {
    let text = b"company\nAcme Trading Ltd\nAcme Trading Limited\nBorealis GmbH\nCedar & Sons\nCedar and Sons\nDelta Foods\n";
    refused(text, &[], &["only `company` tells records apart", "keep a second column", "group by `company`"]);
    refused(PEOPLE.as_bytes(), &["--exclude", "first_name,last_name,dob,phone,person"], &["only `email` tells records apart"]);
}

#[test]
fn a_huge_value_is_left_out_and_told() {
    let mut text = PEOPLE.to_owned();
    let _ = writeln!(text, "r10,{},Huge,1980-01-01,,,7", "x".repeat(10 << 20));
    let (folder, said) = of(text.as_bytes(), &["--exclude", "person"]);
    assert!(said.done().out.contains("1 rows could not be read") && said.out.contains("row 10"), "{}", said.out);
    assert_eq!(clusters(folder.path()).len(), 9);
}

#[test]
fn bytes_of_another_encoding_do_not_end_a_matching() {
    let mut text = PEOPLE.as_bytes().to_vec();
    // Windows-1252 among UTF-8.
    text.extend_from_slice(
        b"r10,Jos\xe9,Garc\xeda,1980-01-01,jose@example.es,,7\nr11,Jos\xc3\xa9,Garc\xc3\xada,1980-01-01,jose@example.es,,7\n",
    );
    let (folder, said) = of(&text, &["--exclude", "person"]);
    said.done();
    let found = clusters(folder.path());
    // Either the row is read, or it is told.
    assert!(found.len() == 11 || said.out.contains("could not be read"), "{}", said.out);
    assert_eq!(found["r2"], "r1");
}

/// A switchboard's number in every row makes neither one person nor a run out of memory.
#[test]
fn two_hundred_thousand_rows_with_one_telephone_are_not_one_person() {
    let mut text = String::from("first_name,last_name,phone\n");
    for at in 0..200_000_u32 {
        // Some 2 million different names.
        let (given, family) = (at % 1_000, at.wrapping_mul(2_654_435_761) % 2_003);
        let _ = writeln!(text, "given{given},family{family},0800 555 000");
    }
    let (_folder, said) = of(text.as_bytes(), &["--json"]);
    let report = said.json();
    let largest = report["sizes"].as_array().unwrap().last().unwrap()["records"].as_u64().unwrap();
    assert!(largest < 50, "{report:#}");
}

/// The labelled sets of people that nobody here wrote. The floors are those of the issue.
#[test]
fn labelled_sets_are_matched_without_a_setting() {
    let Some(shared) = shared("labelled sets are matched") else { return };
    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(shared.join("data/febrl/dataset3.csv")).unwrap();
    let mut lines = text.lines();
    let mut with_truth = format!("{},person\n", lines.next().unwrap());
    for line in lines {
        let id = line.split(',').next().unwrap();
        let person: Vec<&str> = id.split('-').take(2).collect();
        let _ = writeln!(with_truth, "{line},{}", person.join("-"));
    }
    std::fs::write(folder.path().join("febrl3.csv"), with_truth).unwrap();
    let report = matched(folder.path(), &["febrl3.csv", "--truth", "person", "--out", "out.parquet", "--json"]).json();
    let f1 = report["truth"]["at_threshold"]["f1"].as_f64().unwrap();
    assert!(f1 >= 0.993, "{f1}");
    let fake = shared.join("data/splink/fake_1000.csv");
    let arguments = [fake.to_str().unwrap(), "--truth", "cluster", "--out", "out.parquet", "--json"];
    let report = matched(folder.path(), &arguments).json();
    let f1 = report["truth"]["clusters"]["f1"].as_f64().unwrap();
    assert!(f1 >= 0.95, "{f1}");
}
