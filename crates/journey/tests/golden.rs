//! Process maps against PM4Py's figures, and funnels against ClickHouse's, on the same logs: every count and wait is equal.
//! The logs in XES are compared through the binary, which reads them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use clew_journey::funnel::Ties;
use clew_journey::{Funnel, Log as EventLog, ProcessMap, ProcessQuestion, Questions, scan};
use serde_json::Value;

/// A file of the shared reference data; none, visibly, where it is absent.
fn shared(path: &str) -> Option<PathBuf> {
    let repository = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared"));
    let found = std::env::var_os("CLEW_SHARED").map_or_else(repository, PathBuf::from).join(path);
    if !found.exists() {
        println!("skipped: {} is absent", found.display());
        return None;
    }
    Some(found)
}

struct Log {
    case: Vec<u32>,
    time_us: Vec<i64>,
    activity: Vec<u32>,
    names: Vec<String>,
}

fn micros(text: &str) -> i64 {
    let zoned = || text.parse::<jiff::Timestamp>().ok();
    let naive = || {
        jiff::civil::DateTime::strptime("%Y/%m/%d %H:%M:%S%.f", text)
            .ok()?
            .to_zoned(jiff::tz::TimeZone::UTC)
            .ok()
            .map(|zoned| zoned.timestamp())
    };
    zoned().or_else(naive).unwrap_or_else(|| panic!("{text} is no time")).as_microsecond()
}

fn read(path: &PathBuf, columns: [&str; 3]) -> Log {
    let mut reader = csv::Reader::from_path(path).unwrap();
    let headers = reader.headers().unwrap().clone();
    let [case, activity, time] = columns.map(|name| headers.iter().position(|header| header == name).unwrap());
    let mut log = Log { case: Vec::new(), time_us: Vec::new(), activity: Vec::new(), names: Vec::new() };
    let (mut cases, mut activities) = (HashMap::new(), HashMap::new());
    for row in reader.records() {
        let row = row.unwrap();
        let next = cases.len() as u32;
        log.case.push(*cases.entry(row[case].to_owned()).or_insert(next));
        let next = activities.len() as u32;
        log.activity.push(*activities.entry(row[activity].to_owned()).or_insert_with(|| {
            log.names.push(row[activity].to_owned());
            next
        }));
        log.time_us.push(micros(&row[time]));
    }
    log
}

fn map(log: &Log) -> ProcessMap {
    let process = Some(ProcessQuestion { variants: Some(usize::MAX), edges: true });
    let questions = Questions { activities: log.names.len() as u32, process, ..Questions::default() };
    scan(EventLog::of(&log.case, &log.time_us, &log.activity), &questions, 2).process.unwrap()
}

fn json(path: &PathBuf) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn counts(value: &Value) -> BTreeMap<String, u64> {
    value.as_object().unwrap().iter().map(|(name, n)| (name.clone(), n.as_u64().unwrap())).collect()
}

fn named(log: &Log, counts: &[(u32, u64)]) -> BTreeMap<String, u64> {
    counts.iter().map(|(activity, n)| (log.names[*activity as usize].clone(), *n)).collect()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

/// Everything that a `reference_*.json` of PM4Py says.
fn check_reference(file: &str, columns: [&str; 3], reference: &str) {
    let (Some(file), Some(reference)) = (shared(file), shared(reference)) else { return };
    let (log, expected) = (read(&file, columns), json(&reference));
    let map = map(&log);
    let number = |key: &str| expected[key].as_u64().unwrap();
    assert_eq!((map.cases, map.events), (number("cases"), number("events")));
    assert_eq!((map.activities.len() as u64, map.variants), (number("activities"), number("variants")));
    assert_eq!(named(&log, &map.start), counts(&expected["start"]));
    assert_eq!(named(&log, &map.end), counts(&expected["end"]));
    let name = |code: u32| log.names[code as usize].clone();
    let edges: BTreeMap<(String, String), u64> =
        map.edges.iter().map(|edge| ((name(edge.from), name(edge.to)), edge.n)).collect();
    let edge =
        |edge: &Value| ((edge[0].as_str().unwrap().to_owned(), edge[1].as_str().unwrap().to_owned()), edge[2].as_u64().unwrap());
    let expected_edges: BTreeMap<_, _> = expected["dfg"].as_array().unwrap().iter().map(edge).collect();
    assert_eq!(edges, expected_edges);
    assert_eq!(edges.len() as u64, number("dfg_edges"));
    let variants: BTreeMap<Vec<String>, u64> = map
        .top_variants
        .iter()
        .map(|variant| (variant.activities.iter().map(|&code| name(code)).collect(), variant.cases))
        .collect();
    let top = expected["top_variants"].as_array().unwrap();
    assert!(!top.is_empty());
    for variant in top {
        assert_eq!(variants.get(&texts(&variant[0])).copied(), variant[1].as_u64(), "{variant}");
    }
}

#[test]
fn helpdesk_equals_pm4py() {
    check_reference(
        "data/helpdesk_italian/finale.csv",
        ["Case ID", "Activity", "Complete Timestamp"],
        "data/pm4py_logs/reference_helpdesk.json",
    );
}

#[test]
fn road_traffic_equals_pm4py() {
    let columns = ["case:concept:name", "concept:name", "time:timestamp"];
    check_reference("data/pm4py_logs/roadtraffic100traces.csv", columns, "data/pm4py_logs/reference_roadtraffic100traces.json");
}

#[test]
fn running_example_equals_pm4py() {
    let columns = ["case:concept:name", "concept:name", "time:timestamp"];
    check_reference("data/pm4py_logs/running-example.csv", columns, "data/pm4py_logs/reference_running-example.json");
}

#[test]
fn tickets_equal_pm4py_with_all_waits_and_variants() {
    let (Some(file), Some(reference)) = (shared("golden/tickets.csv"), shared("golden/process_tickets.json")) else { return };
    let (log, expected) = (read(&file, ["case", "activity", "ts"]), json(&reference));
    let map = map(&log);
    let name = |code: u32| log.names[code as usize].as_str();
    assert_eq!(named(&log, &map.start), counts(&expected["start"]));
    assert_eq!(named(&log, &map.end), counts(&expected["end"]));
    let arrow = |from: u32, to: u32| format!("{}->{}", name(from), name(to));
    let edges: BTreeMap<String, u64> = map.edges.iter().map(|edge| (arrow(edge.from, edge.to), edge.n)).collect();
    assert_eq!(edges, counts(&expected["dfg"]));
    for edge in &map.edges {
        let median_s = expected["dfg_perf_s"][arrow(edge.from, edge.to)]["median"].as_f64().unwrap();
        assert!((edge.median_wait_us / 1e6 - median_s).abs() < 1e-9, "{}", arrow(edge.from, edge.to));
    }
    let path = |activities: &[u32]| activities.iter().map(|&code| name(code)).collect::<Vec<_>>().join(">");
    let variants: BTreeMap<String, u64> =
        map.top_variants.iter().map(|variant| (path(&variant.activities), variant.cases)).collect();
    assert_eq!(variants, counts(&expected["variants"]));
}

/// 400 logs of ClickHouse's windowFunnel. Its plain mode is an ordered funnel, `strict_increase` one with ties apart: there it keeps only
/// the newest first step, and misses the way from an older one to a second step that shares the time of the newest.
#[test]
fn funnels_equal_clickhouse() {
    let Some(file) = shared("golden/funnel_modes.json") else { return };
    let golden = json(&file);
    let (names, logs) = (texts(&golden["steps"]), golden["events"].as_array().unwrap());
    let steps: Vec<u32> = (0..names.len() as u32).collect();
    let (mut ties, mut more) = (0, 0);
    for (window_us, mode, wanted_ties) in [
        (10, "default", Ties::Together),
        (40, "default", Ties::Together),
        (10, "'strict_increase'", Ties::Apart),
        (40, "'strict_increase'", Ties::Apart),
    ] {
        let mut funnel = Funnel::new(&steps, names.len() as u32 + 1, window_us).unwrap();
        funnel.ties = wanted_ties;
        let levels = golden["windowFunnel"][format!("{window_us}|{mode}")].as_array().unwrap();
        assert_eq!(levels.len(), logs.len());
        for (case, (log, level)) in logs.iter().zip(levels).enumerate() {
            let time_us: Vec<i64> = log.as_array().unwrap().iter().map(|event| event[0].as_i64().unwrap()).collect();
            let code = |event: &Value| names.iter().position(|name| event[1] == **name).unwrap_or(names.len()) as u32;
            let codes: Vec<u32> = log.as_array().unwrap().iter().map(code).collect();
            let events = EventLog::of(&vec![0; codes.len()], &time_us, &codes);
            let questions =
                Questions { activities: names.len() as u32 + 1, funnel: Some(funnel.clone()), ..Questions::default() };
            let groups = scan(events, &questions, 1).funnel.unwrap();
            let found = groups[0].reached_exactly.iter().rposition(|n| *n > 0).unwrap_or(0);
            let (found, level) = (found as u64, level.as_u64().unwrap());
            let has_ties = golden["has_ties"][case].as_bool().unwrap();
            let missed = wanted_ties == Ties::Apart && has_ties && found > level;
            assert!(found == level || missed, "{mode}, {window_us}, log {case}: {found} instead of {level} in {log}");
            (ties, more) = (ties + usize::from(has_ties), more + usize::from(missed));
        }
    }
    assert!(ties > 0 && more < ties / 10, "{more} of {ties}");
}
