//! `clew journey` on real logs, against PM4Py's figures, and on bad ones.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use serde_json::{Value, json};
use support::{Said, clew, shared};

fn journey(arguments: &[&str]) -> Said {
    let mut all = vec!["journey"];
    all.extend(arguments);
    clew(Path::new("."), &all)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn edges(report: &Value) -> BTreeMap<(String, String), u64> {
    let name = |edge: &Value, end: &str| edge[end].as_str().unwrap().to_owned();
    let edges = report["edges"].as_array().unwrap();
    edges.iter().map(|edge| ((name(edge, "from"), name(edge, "to")), edge["n"].as_u64().unwrap())).collect()
}

fn variants(report: &Value) -> BTreeMap<Vec<&str>, u64> {
    let rows = report["top"].as_array().unwrap();
    rows.iter().map(|row| (names(&row["activities"]), row["cases"].as_u64().unwrap())).collect()
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect()
}

/// Columns are recognised; every figure of the reference is met exactly.
#[test]
fn logs_equal_pm4py() {
    let Some(folder) = shared("logs_equal_pm4py") else { return };
    let logs = folder.join("data/pm4py_logs");
    let mut references = 0;
    for entry in std::fs::read_dir(&logs).unwrap().map(Result::unwrap) {
        let file = entry.file_name().into_string().unwrap();
        let Some(name) = file.strip_prefix("reference_").and_then(|name| name.strip_suffix(".json")) else { continue };
        let expected = read(&entry.path());
        for ending in ["xes.gz", "xes", "csv"] {
            let log = logs.join(format!("{name}.{ending}"));
            if !log.exists() {
                continue;
            }
            references += 1;
            let report = journey(&["dfg", text(&log), "--json"]).json();
            for figure in ["cases", "events", "variants", "start", "end"] {
                assert_eq!(report[figure], expected[figure], "{name}.{ending}: {figure}");
            }
            assert_eq!(json!(report["activities"].as_object().unwrap().len()), expected["activities"]);
            let of = |edge: &Value| {
                ((edge[0].as_str().unwrap().to_owned(), edge[1].as_str().unwrap().to_owned()), edge[2].as_u64().unwrap())
            };
            let expected_edges: BTreeMap<_, _> = expected["dfg"].as_array().unwrap().iter().map(of).collect();
            assert_eq!(edges(&report), expected_edges, "{name}.{ending}");
            let report = journey(&["variants", text(&log), "--json", "--top", "1000000"]).json();
            let found = variants(&report);
            for variant in expected["top_variants"].as_array().unwrap() {
                let activities = names(&variant[0]);
                assert_eq!(found.get(&activities).copied(), variant[1].as_u64(), "{name}.{ending}: {activities:?}");
            }
        }
    }
    assert!(references >= 5, "{references} logs");
}

#[test]
fn waits_equal_pm4py() {
    let Some(folder) = shared("waits_equal_pm4py") else { return };
    let expected = read(&folder.join("golden/process_tickets.json"));
    let report = journey(&["dfg", text(&folder.join("golden/tickets.csv")), "--json"]).json();
    let waits = expected["dfg_perf_s"].as_object().unwrap();
    assert_eq!(report["edges"].as_array().unwrap().len(), waits.len());
    for edge in report["edges"].as_array().unwrap() {
        let name = format!("{}->{}", edge["from"].as_str().unwrap(), edge["to"].as_str().unwrap());
        let (found, median) = (edge["median_wait_ms"].as_f64().unwrap(), waits[&name]["median"].as_f64().unwrap());
        assert!((found / 1e3 - median).abs() < 1e-9, "{name}: {found} ms instead of {median} s");
    }
}

/// A log with people 1 to 4 in a shop, in no order.
const SHOP: &str = "\
person_id,ts,touchpoint,segment
1,2026-01-05T10:00:00Z,view,new
1,2026-01-05T10:05:00Z,cart,new
2,2026-01-05T11:00:00Z,view,known
1,2026-01-05T10:20:00Z,order,new
2,2026-01-14T11:00:00Z,cart,known
3,2026-01-06T09:00:00Z,view,new
3,2026-01-06T08:59:00Z,cart,new
4,2026-01-13T09:00:00Z,view,
4,2026-01-20T09:00:00Z,help,
";

#[test]
fn a_funnel_counts_people_with_intervals_and_groups() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("shop.csv");
    std::fs::write(&log, SHOP).unwrap();
    let asked = ["funnel", text(&log), "--steps", "view,cart,order", "--json"];
    let report = journey(&[&asked[..], &["--window", "7d"]].concat()).json();
    assert_eq!(report["reached_exactly"], json!([0, 3, 0, 1]));
    assert_eq!(report["steps"][1]["people"], json!(1));
    // Wilson's interval for 1 of 4 at 95 %: 0.0456 to 0.6994 (R: binom::binom.confint(1, 4, method = "wilson")).
    let share = &report["steps"][2]["of_first"];
    assert_eq!((share["estimate"].as_f64(), share["n"].as_u64()), (Some(0.25), Some(4)));
    assert!((share["lower"].as_f64().unwrap() - 0.0456).abs() < 5e-5 && (share["upper"].as_f64().unwrap() - 0.6994).abs() < 5e-5);
    assert_eq!(report["median_conversion_ms"], json!(1_200_000.0));
    let people = |arguments: &[&str]| {
        let report = journey(&[&asked[..], arguments].concat()).json();
        report["steps"].as_array().unwrap().iter().map(|step| step["people"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(people(&["--window", "9d"]), [4, 2, 1]);
    assert_eq!(people(&["--order", "any"]), [4, 2, 1]);
    assert_eq!(people(&["--window", "10m"]), [4, 1, 0]);
    assert_eq!(people(&["--window", "15m", "--within", "step"]), [4, 1, 1]);
    let report = journey(&[&asked[..], &["--by", "segment"]].concat()).json();
    let groups = report["groups"].as_array().unwrap();
    let group = |group: &Value| (group["group"].as_str().map(str::to_owned), group["reached_exactly"].clone());
    assert_eq!(
        groups.iter().map(group).collect::<Vec<_>>(),
        [(None, json!([0, 1, 0, 0])), (Some("known".into()), json!([0, 1, 0, 0])), (Some("new".into()), json!([0, 1, 0, 1])),]
    );
    assert!(journey(&["funnel", text(&log), "--steps", "view,cart"]).done().out.contains("view  4"));
}

#[test]
fn retention_says_what_is_not_over_yet() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("shop.csv");
    std::fs::write(&log, SHOP).unwrap();
    let report = journey(&["retention", text(&log), "--period", "week", "--json"]).json();
    let cohorts = report["cohorts"].as_array().unwrap();
    assert_eq!((&cohorts[0]["cohort"], &cohorts[0]["people"]), (&json!("2026-01-05"), &json!(3)));
    let cell = |n: usize| (cohorts[0]["periods"][n]["active"].clone(), cohorts[0]["periods"][n]["complete"].clone());
    assert_eq!([cell(0), cell(1), cell(2)], [(json!(3), json!(true)), (json!(1), json!(true)), (json!(0), json!(false))]);
    assert_eq!(cohorts[0]["periods"][2]["rate"], Value::Null);
    assert_eq!((&report["curve"][1]["rate"]["n"], report["curve"].as_array().unwrap().len()), (&json!(3), 2));
    let report = journey(&["retention", text(&log), "--period", "month", "--timezone", "Europe/Berlin", "--json"]).json();
    assert_eq!(report["cohorts"][0]["cohort"], json!("2026-01-01"));
}

#[test]
fn paths_begin_sessions() {
    let folder = tempfile::tempdir().unwrap();
    let (log, out) = (folder.path().join("shop.csv"), folder.path().join("paths.json"));
    std::fs::write(&log, SHOP).unwrap();
    journey(&["paths", text(&log), "--gap", "30m", "--depth", "2", "--json", "--out", text(&out)]).done();
    let report = read(&out);
    assert_eq!(report["sessions"], json!(6));
    let paths = report["paths"].as_array().unwrap();
    let path = |row: &Value| (row["activities"].clone(), row["sessions"].as_u64().unwrap());
    assert_eq!(
        paths.iter().map(path).collect::<Vec<_>>(),
        [
            (json!(["view"]), 3),
            (json!(["cart"]), 2),
            (json!(["cart", "view"]), 1),
            (json!(["help"]), 1),
            (json!(["view", "cart"]), 1),
        ]
    );
}

/// The same events as CSV, JSON lines and Parquet (numbers, times in milliseconds, several row groups), on 1 and 3 threads.
#[test]
fn formats_and_threads_give_one_answer() {
    let folder = tempfile::tempdir().unwrap();
    let rows: Vec<(i64, i64, String)> = (0..5_000_i64)
        .map(|at| (at * at % 97 * 1_000_003, 1_767_225_600_000 + at * 7_919 % 100_000 * 60_000, format!("step {}", at * 31 % 11)))
        .collect();
    let at = |ms: i64| jiff::Timestamp::from_millisecond(ms).unwrap().to_string();
    let csv: String = rows.iter().map(|(case, ms, step)| format!("{case},{},{step}\n", at(*ms))).collect();
    std::fs::write(folder.path().join("log.csv"), format!("case,time,activity\n{csv}")).unwrap();
    let lines: String = rows
        .iter()
        .map(|(case, ms, step)| json!({"case": case.to_string(), "time": at(*ms), "activity": step}).to_string() + "\n")
        .collect();
    std::fs::write(folder.path().join("log.jsonl"), lines).unwrap();
    // Case numbers from anywhere, and near each other: they are read in two ways.
    for (name, divisor) in [("log.parquet", 1), ("near.parquet", 1_000_003)] {
        let batch = RecordBatch::try_from_iter([
            ("case", Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.0 / divisor))) as ArrayRef),
            ("time", Arc::new(TimestampMillisecondArray::from_iter_values(rows.iter().map(|row| row.1)))),
            ("activity", Arc::new(StringArray::from_iter_values(rows.iter().map(|row| &row.2)))),
        ])
        .unwrap();
        let file = std::fs::File::create(folder.path().join(name)).unwrap();
        let properties = WriterProperties::builder().set_max_row_group_row_count(Some(700)).build();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
    }

    let ask = |log: &str, threads: &str| {
        let path = folder.path().join(log);
        let mut report = journey(&["all", text(&path), "--steps", "step 1,step 2", "--threads", threads, "--json"]).json();
        report.as_object_mut().unwrap().remove("log");
        report
    };
    let expected = ask("log.csv", "1");
    assert_eq!((&expected["dfg"]["events"], &expected["dfg"]["cases"]), (&json!(5_000), &json!(49)));
    for (log, threads) in
        [("log.csv", "3"), ("log.jsonl", "2"), ("log.parquet", "1"), ("log.parquet", "3"), ("near.parquet", "2")]
    {
        assert_eq!(ask(log, threads), expected, "{log}, {threads}");
    }
}

#[test]
fn bad_logs_are_refused_with_words() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let refused = |arguments: &[&str], words: &[&str]| {
        let said = journey(arguments);
        assert_eq!(said.code, 1, "{arguments:?}: {}{}", said.out, said.err);
        for word in words {
            assert!(said.err.contains(word), "{word:?} is not in: {}", said.err);
        }
    };
    let shop = write("shop.csv", SHOP);
    refused(&["dfg", "nowhere.csv"], &["nowhere.csv", "no such file"]);
    refused(&["dfg", text(&shop), "--case", "person"], &["shop.csv", "no column `person`", "did you mean `person_id`?"]);
    refused(&["funnel", text(&shop), "--steps", "view,chart"], &["shop.csv", "no event is called `chart`"]);
    refused(&["funnel", text(&shop), "--steps", "view,cart", "--exclude", "view"], &["`view`", "--exclude"]);
    let nameless = write("nameless.csv", "who,when,what\n1,2026-01-01,a\n");
    refused(&["dfg", text(&nameless)], &["nameless.csv", "no column looks like the case", "--case", "`who`"]);
    let timeless = write("timeless.csv", "case,time,activity\n1,yesterday,a\n1,,b\n");
    refused(&["dfg", text(&timeless)], &["timeless.csv", "none of its 2 rows", "`time`", "row 1", "--time"]);
    let broken = write("broken.xes", "<?xml version=\"1.0\"?><log><trace><event><string key=\"concept:name\" va");
    refused(&["dfg", text(&broken)], &["broken.xes"]);
    let forged = write("forged.parquet", "PAR1 this is no Parquet file PAR1");
    refused(&["dfg", text(&forged)], &["forged.parquet", "not a whole Parquet file"]);
    let wide = write("wide.csv", "case,time,activity\n1,1500-01-01,a\n1,2026-01-01,b\n");
    refused(&["retention", text(&wide), "--period", "day"], &["wide.csv", "periods are more than", "--period"]);
    // A few rows without a time are left out, and that is said.
    let gaps = write("gaps.csv", "case,time,activity\n1,2026-01-01,a\n1,,b\n,2026-01-01,c\n1,2026-01-02,\n1,2026-01-03,a\n");
    let said = journey(&["dfg", text(&gaps), "--json"]);
    assert!(said.err.contains("left out 3 of 5 rows") && said.err.contains("the first is row 2"), "{}", said.err);
    assert_eq!((&said.json()["events"], &said.json()["log"]["left_out"]["time"]), (&json!(2), &json!(1)));
    assert_eq!(journey(&["funnel", text(&shop)]).code, 2);
}

/// 400 people view and then, after an hour, order or fail; from February on twice as many fail.
fn failing_shop() -> String {
    let mut rows = "person,ts,event,version,channel\n".to_owned();
    for person in 0..400 {
        let (month, version) = if person < 200 { (1, "1.0") } else { (2, "1.1") };
        let fails = person % 10 < if person < 200 { 2 } else { 4 };
        let day = person % 20 + 1;
        rows += &format!("{person},2026-{month:02}-{day:02}T10:00:00Z,view,{version},web\n");
        let event = if fails { "failed" } else { "order" };
        rows += &format!("{person},2026-{month:02}-{day:02}T11:{:02}:00Z,{event},{version},web\n", person % 60);
    }
    rows + "1,2026-03-20T00:00:00Z,newsletter,,email\n"
}

#[test]
fn compare_finds_what_changed_by_version_and_by_time() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("shop.csv");
    std::fs::write(&log, failing_shop()).unwrap();
    for groups in
        [&["--by", "version", "--a", "1.0"][..], &["--before", "2026-02-01"], &["--before", "2026-02-01", "--span", "5w"]]
    {
        let report = journey(&[&["compare", text(&log), "--without", "newsletter", "--json"], groups].concat()).json();
        assert_eq!((&report["a"]["cases"], &report["b"]["cases"]), (&json!(200), &json!(200)), "{groups:?}");
        let first = &report["differences"][0];
        assert_eq!((&first["of"], &first["found"]), (&json!("transition"), &json!(true)), "{groups:?}");
        assert!([json!(["view", "failed"]), json!(["view", "order"])].contains(&first["activities"]));
        let gap = first["difference"]["estimate"].as_f64().unwrap().abs();
        assert!((gap - 0.2).abs() < 1e-9 && (first["effect_cases"].as_f64().unwrap().abs() - 40.0).abs() < 1e-6, "{first}");
        let (lower, upper) = (first["difference"]["lower"].as_f64().unwrap(), first["difference"]["upper"].as_f64().unwrap());
        assert!(lower * upper > 0.0);
    }
    let report = journey(&["compare", text(&log), "--by", "version", "--a", "1.0", "--min-difference", "0.3", "--json"]).json();
    assert_eq!(report["found"], json!(0));
    let said = journey(&["compare", text(&log), "--by", "version"]).done().out.clone();
    assert!(said.contains("view › failed") && said.contains("cases of b"), "{said}");
    for (arguments, words) in [
        (&["--by", "version", "--a", "2.0"][..], &["no value `2.0`", "`1.1`", "--a"][..]),
        (&["--by", "event"], &["4 values", "`view`"]),
        (&["--by", "version", "--a", "1.0", "--b", "1.0"], &["`1.0` is in both"]),
        (&["--before", "2020-01-01"], &["no event is in the first group", "--before"]),
        (&["--by", "versoin"], &["no column `versoin`", "did you mean `version`?"]),
        (&["--before", "2026-02-01", "--without", "letter"], &["no event is called `letter`"]),
    ] {
        let said = journey(&[&["compare", text(&log)], arguments].concat());
        assert_eq!(said.code, 1, "{arguments:?}: {}", said.out);
        assert!(words.iter().all(|word| said.err.contains(word)), "{arguments:?}: {}", said.err);
    }
    assert_eq!(journey(&["compare", text(&log)]).code, 2);
    assert_eq!(journey(&["compare", text(&log), "--before", "yesterday"]).code, 2);
}

#[test]
fn friction_of_tickets_is_that_of_pm4py_rework() {
    let Some(folder) = shared("friction_of_tickets_is_that_of_pm4py_rework") else { return };
    let expected = read(&folder.join("golden/process_tickets.json"));
    let log = folder.join("golden/tickets.csv");
    let asked = ["friction", text(&log), "--ends", "resolve", "--resource", "resource", "--contacts", "contact", "--json"];
    let report = journey(&asked).json();
    let finding = |kind: &str, from: &str, to: Option<&str>| {
        let rows = report["findings"].as_array().unwrap().iter();
        let mut fitting = rows.filter(|row| row["kind"] == kind && row["from"] == from && row["to"].as_str() == to);
        let found = fitting.next().unwrap_or_else(|| panic!("{kind} {from} is missing")).clone();
        assert!(fitting.next().is_none());
        found
    };
    // Cases that work again, and those that are reopened again.
    let again = finding("back_and_forth", "work", Some("reopen"));
    assert_eq!((&again["cases"], &again["occurrences"]), (&expected["rework_cases"]["work"], &expected["dfg"]["reopen->work"]));
    let reopened = finding("back_and_forth", "reopen", Some("work"));
    // Each reopening after the first of its case.
    let later = expected["dfg"]["work->reopen"].as_u64().unwrap() - expected["rework_cases"]["work"].as_u64().unwrap();
    assert_eq!((&reopened["cases"], &reopened["occurrences"]), (&expected["rework_cases"]["reopen"], &json!(later)));
    assert_eq!(again["examples"].as_array().unwrap().len(), 3);
    let slow = finding("long_wait", "work", Some("resolve"));
    assert_eq!((&slow["occurrences"], &slow["share"]["n"]), (&json!(30), &json!(300)));
    // A survey after the resolution goes on after the end.
    assert_eq!(finding("reopened", "resolve", Some("survey"))["cases"], json!(155));
    assert_eq!(report["first_contact"]["contacts"]["estimate"], json!(1.0));
    let longest = journey(&["friction", text(&log), "--rank", "time", "--json"]).json();
    let lost: Vec<Option<f64>> = longest["findings"].as_array().unwrap().iter().map(|row| row["lost_ms"].as_f64()).collect();
    assert!(lost.len() > 5 && lost.is_sorted_by(|a, b| a.unwrap_or(0.0) >= b.unwrap_or(0.0)), "{lost:?}");
    let said = journey(&["friction", text(&log), "--contacts", "phone"]);
    assert!(said.code == 1 && said.err.contains("no event is called `phone`"), "{}", said.err);
    let said = journey(&["friction", text(&log), "--cost", "resource"]);
    assert!(said.code == 1 && said.err.contains("is no number"), "{}", said.err);
}

#[test]
fn what_is_discovered_is_allowed_and_less_is_told() {
    let Some(folder) = shared("what_is_discovered_is_allowed_and_less_is_told") else { return };
    let expected = read(&folder.join("golden/process_tickets.json"));
    let log = folder.join("golden/tickets.csv");
    let own = tempfile::tempdir().unwrap();
    let (model, narrow) = (own.path().join("found.yaml"), own.path().join("narrow.yaml"));
    journey(&["discover", text(&log), "--out", text(&model)]).done();
    let report = journey(&["conformance", text(&log), "--model", text(&model), "--json"]).json();
    assert_eq!(report["model"], expected["inductive_tree_0.0"]);
    assert_eq!((&report["fitness"], &report["replay_fitness"], &report["cases"]), (&json!(1.0), &json!(1.0), &json!(300)));
    std::fs::write(&narrow, "path: [contact, triage, {optional: transfer}, work, resolve, {optional: survey}, archive]\n")
        .unwrap();
    let report = journey(&["conformance", text(&log), "--model", text(&narrow), "--json"]).json();
    assert_eq!(report["absent"], json!(["archive"]));
    let deviation = |row: &Value| (row["kind"].clone(), row["activity"].clone(), row["cases"].clone());
    let found: Vec<_> = report["deviations"].as_array().unwrap().iter().map(deviation).collect();
    assert!(found.contains(&(json!("inserted"), json!("escalate"), expected["dfg"]["contact->escalate"].clone())), "{found:?}");
    let skipped = found.iter().filter(|row| row.0 == "skipped").map(|row| row.2.as_u64().unwrap()).sum::<u64>();
    assert_eq!(skipped, 300, "the archive in every case");
    let refused = |yaml: &str, word: &str| {
        std::fs::write(&narrow, yaml).unwrap();
        let said = journey(&["conformance", text(&log), "--model", text(&narrow)]);
        assert!(said.code == 1 && said.err.contains(word), "{yaml}: {}", said.err);
    };
    refused("path: [{maybe: a}]", "no model of a path");
    refused("path: [{one_of: []}]", "nobody can pass");
    refused("path: [a", "narrow.yaml:");
    assert!(journey(&["conformance", text(&log), "--model", "nowhere.yaml"]).err.contains("nowhere.yaml"));
}

#[test]
fn credit_is_shared_among_touches() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("touches.csv");
    let rows = "person,time,event,channel,amount\n1,2026-01-01,visit,search,\n1,2026-01-02,visit,mail,\n1,2026-01-03,order,,30\n\
                2,2026-01-01,visit,mail,\n2,2026-01-05,order,,10\n3,2026-01-01,visit,search,\n4,2026-01-01,order,,5\n";
    std::fs::write(&log, rows).unwrap();
    let asked = ["attribution", text(&log), "--conversion", "order", "--touch", "channel", "--value", "amount", "--json"];
    let report = journey(&asked).json();
    assert_eq!(
        (&report["attributed"], &report["value"], &report["direct"], &report["nulls"]),
        (&json!(2), &json!(40.0), &json!(1), &json!(1))
    );
    let mail = &report["touches"][0];
    assert_eq!(
        (&mail["touch"], &mail["conversions"]["linear"], &mail["value"]["last"]),
        (&json!("mail"), &json!(1.5), &json!(40.0))
    );
    // Without mail nobody orders; without search one of the two who order does.
    assert_eq!((&mail["removal_effect"], &report["touches"][1]["removal_effect"]), (&json!(1.0), &json!(0.5)));
    let report = journey(&[&asked[..], &["--lookback", "1d"]].concat()).json();
    assert_eq!((&report["attributed"], &report["direct"]), (&json!(1), &json!(2)));
    assert!(journey(&["attribution", text(&log), "--conversion", "sale"]).err.contains("no event is called `sale`"));
}

#[test]
fn curves_count_those_for_whom_it_has_not_happened_yet() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("plans.csv");
    let mut rows = "person,time,event,plan\n".to_owned();
    for person in 0..40 {
        let plan = if person % 2 == 0 { "free" } else { "paid" };
        rows += &format!("{person},2026-01-01,signup,{plan}\n");
        if person % 4 != 3 {
            rows += &format!("{person},2026-01-{:02},order,{plan}\n", 2 + person / 2);
        }
    }
    rows += "40,2026-02-01,visit,\n";
    std::fs::write(&log, rows).unwrap();
    let report = journey(&["survival", text(&log), "--from", "signup", "--to", "order", "--by", "plan", "--json"]).json();
    let curve = |at: usize, what: &str| report["curves"][at][what].clone();
    assert_eq!([curve(0, "group"), curve(0, "cases"), curve(0, "ended")], [json!("free"), json!(20), json!(20)]);
    assert_eq!([curve(1, "cases"), curve(1, "ended")], [json!(20), json!(10)]);
    // Free: one a day from the first day on: half by the 10th and a half.
    assert_eq!(curve(0, "median_ms"), json!(10.5 * 86_400_000.0));
    assert!(report["log_rank"]["p_value"].as_f64().unwrap() < 0.05, "{}", report["log_rank"]);
    let report = journey(&["survival", text(&log), "--silence", "20d", "--json"]).json();
    assert_eq!(report["curves"][0]["cases"], json!(41));
    assert!(journey(&["survival", text(&log), "--to", "sale"]).err.contains("no event is called `sale`"));
}

/// The published parameters of CDNOW (Fader, Hardie & Lee 2005; alpha is in weeks there).
#[test]
fn customers_of_cdnow_will_buy_again_as_published() {
    let Some(folder) = shared("customers_of_cdnow_will_buy_again_as_published") else { return };
    let rows = std::fs::read_to_string(folder.join("data/cdnow/CLVTools_cdnow.csv")).unwrap();
    let own = tempfile::tempdir().unwrap();
    let log = own.path().join("cdnow.csv");
    let mut written = "customer,date,event,amount\n0,1997-09-30,end,\n".to_owned();
    for row in rows.lines().skip(1) {
        let cells: Vec<&str> = row.split(',').map(|cell| cell.trim_matches('"')).collect();
        if cells[1] <= "1997-09-30" {
            written += &format!("{},{},order,{}\n", cells[0], cells[1], cells[3]);
        }
    }
    std::fs::write(&log, written).unwrap();
    let asked = ["lifetime", text(&log), "--purchase", "order", "--value", "amount", "--horizon", "273d", "--json"];
    let report = journey(&asked).json();
    let near = |value: &Value, expected: f64, within: f64| {
        assert!((value.as_f64().unwrap() - expected).abs() <= within, "{value} is not {expected}");
    };
    assert_eq!((&report["customers"], &report["repeaters"]), (&json!(2357), &json!(946)));
    near(&report["bg_nbd"]["r"], 0.243, 0.0005);
    near(&report["bg_nbd"]["alpha"], 4.414 * 7.0, 0.0035 * 2.0);
    near(&report["bg_nbd"]["a"], 0.793, 0.0005);
    near(&report["bg_nbd"]["b"], 2.426, 0.0005);
    near(&report["gamma_gamma"]["p"], 6.25, 0.005);
    near(&report["gamma_gamma"]["q"], 3.74, 0.005);
    near(&report["gamma_gamma"]["v"], 15.44, 0.005);
    assert!(journey(&["lifetime", text(&log), "--purchase", "end"]).err.contains("no model of repeat purchases"));
}

#[test]
fn cases_are_grouped_and_what_comes_next_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("kinds.csv");
    let mut rows = "person,time,event,kind\n".to_owned();
    for person in 0..60 {
        let (kind, steps) = if person % 3 == 0 {
            ("caller", ["start", "call", "wait", "call"])
        } else {
            ("buyer", ["start", "view", "cart", "order"])
        };
        for (minute, step) in steps.iter().enumerate() {
            rows += &format!("{person},2026-01-01T10:0{minute}:00Z,{step},{kind}\n");
        }
    }
    std::fs::write(&log, rows).unwrap();
    let report = journey(&["clusters", text(&log), "--truth", "kind", "--json"]).json();
    assert_eq!(
        (&report["adjusted_rand"], &report["clusters"][0]["cases"], &report["clusters"][1]["cases"]),
        (&json!(1.0), &json!(40), &json!(20))
    );
    let apart: Vec<&str> =
        report["clusters"][1]["apart"].as_array().unwrap().iter().map(|step| step["activity"].as_str().unwrap()).collect();
    assert!(apart.iter().all(|step| *step != "start") && apart.len() == 3, "{apart:?}");
    let report = journey(&["next", text(&log), "--after", "start", "--within", "2m", "--json"]).json();
    assert_eq!(
        (&report["visits"], &report["next"][0]["activity"], &report["next"][0]["n"]),
        (&json!(60), &json!("view"), &json!(40))
    );
    assert!(journey(&["next", text(&log), "--after", "stop"]).err.contains("no event is called `stop`"));
}

#[test]
fn a_converted_log_is_the_same_log() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("shop.csv");
    std::fs::write(&log, SHOP.replace("help", "\"help & <more>\"")).unwrap();
    let figures = |path: &Path, arguments: &[&str]| {
        let report = journey(&[&["dfg", text(path), "--json"], arguments].concat()).json();
        ["activities", "start", "end", "edges", "cases", "variants"].map(|figure| report[figure].clone())
    };
    let expected = figures(&log, &[]);
    for (format, name) in [("xes", "shop.xes"), ("ocel", "shop.jsonocel")] {
        let written = folder.path().join(name);
        journey(&["convert", text(&log), "--to", format, "--columns", "segment", "--out", text(&written)]).done();
        assert_eq!(figures(&written, &[]), expected, "{format}");
    }
    let report =
        journey(&["funnel", text(&folder.path().join("shop.xes")), "--steps", "view,cart", "--by", "segment", "--json"]).json();
    assert_eq!(report["groups"].as_array().unwrap().len(), 3);
    assert!(journey(&["convert", text(&log), "--to", "xes"]).done().out.contains("value=\"help &amp; &lt;more&gt;\""));
}
