//! Discovered models: every trace of the log is allowed, and PM4Py finds the same model of the reference log.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clew_journey::discovery::{dependencies, discover};
use clew_journey::{CaseOrder, ConformanceQuestion, ProcessTree, conformance};
use clew_stats::dice::Dice;
use proptest::prelude::*;
use serde_json::Value;

fn golden(name: &str) -> Option<String> {
    let repository = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared"));
    let path = std::env::var_os("CLEW_SHARED").map_or_else(repository, PathBuf::from).join("golden").join(name);
    let text = std::fs::read_to_string(&path).ok();
    if text.is_none() {
        println!("skipped: {} is absent", path.display());
    }
    text
}

struct Log {
    order: CaseOrder,
    time_us: Vec<i64>,
    code: Vec<u32>,
}

impl Log {
    fn of(traces: &[Vec<u32>]) -> Self {
        let case: Vec<u32> = traces.iter().enumerate().flat_map(|(case, trace)| trace.iter().map(move |_| case as u32)).collect();
        let time_us: Vec<i64> = (0..case.len() as i64).collect();
        Self { order: CaseOrder::of(&case, &time_us), time_us, code: traces.concat() }
    }

    fn discover(&self, noise: f64) -> ProcessTree {
        discover(&self.order.traces(&self.time_us, &self.code), noise)
    }

    fn fitting(&self, model: &ProcessTree) -> (u64, u64) {
        let question = ConformanceQuestion { most_states: 1_000_000, variants: 1 };
        let found = conformance(&self.order.traces(&self.time_us, &self.code), model, &question);
        (found.fitting, found.cases)
    }
}

fn letters(words: &[&str]) -> Vec<Vec<u32>> {
    words.iter().map(|word| word.bytes().map(|letter| u32::from(letter - b'a')).collect()).collect()
}

fn found(words: &[&str], noise: f64) -> String {
    Log::of(&letters(words)).discover(noise).to_text(&|code| char::from(b'a' + code as u8).to_string())
}

#[test]
fn each_cut_is_found() {
    assert_eq!(found(&["abd", "acd"], 0.0), "->( 'a', X( 'b', 'c' ), 'd' )");
    assert_eq!(found(&["abcd", "acbd"], 0.0), "->( 'a', +( 'b', 'c' ), 'd' )");
    assert_eq!(found(&["abc", "ac"], 0.0), "->( 'a', X( tau, 'b' ), 'c' )");
    assert_eq!(found(&["abac", "ac", "ababac"], 0.0), "->( *( 'a', 'b' ), 'c' )");
    assert_eq!(found(&["a", "aaa"], 0.0), "*( 'a', tau )");
    assert_eq!(found(&["abab", "ab"], 0.0), "*( ->( 'a', 'b' ), tau )");
    assert_eq!(found(&[], 0.0), "tau");
}

#[test]
fn noise_is_passed_over() {
    let mut words = vec!["abc"; 40];
    words.push("cab");
    assert_eq!(found(&words, 0.2), "->( 'a', 'b', 'c' )");
    assert_ne!(found(&words, 0.0), "->( 'a', 'b', 'c' )");
}

#[test]
fn the_model_and_dependencies_of_tickets_are_those_of_pm4py() {
    let (Some(rows), Some(expected)) = (golden("tickets.csv"), golden("process_tickets.json")) else { return };
    let expected: Value = serde_json::from_str(&expected).unwrap();
    let mut traces: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for row in csv::Reader::from_reader(rows.as_bytes()).records().map(Result::unwrap) {
        traces.entry(row[0].to_owned()).or_default().push((row[2].to_owned(), row[1].to_owned()));
    }
    let mut names: Vec<String> = traces.values().flatten().map(|event| event.1.clone()).collect();
    names.sort();
    names.dedup();
    let trace = |events: &mut Vec<(String, String)>| {
        events.sort_by(|a, b| a.0.cmp(&b.0));
        events.iter().map(|event| names.binary_search(&event.1).unwrap() as u32).collect()
    };
    let log = Log::of(&traces.values_mut().map(trace).collect::<Vec<_>>());
    let model = log.discover(0.0);
    let name = |code: u32| names[code as usize].clone();
    assert_eq!(Some(model.to_text(&name).as_str()), expected["inductive_tree_0.0"].as_str());
    assert_eq!(Some(log.discover(0.2).to_text(&name).as_str()), expected["inductive_tree_0.2"].as_str());
    assert_eq!(log.fitting(&model), (300, 300));
    let found: BTreeMap<String, f64> = dependencies(&log.order.traces(&log.time_us, &log.code))
        .iter()
        .map(|edge| (format!("{}->{}", name(edge.from), name(edge.to)), edge.dependency))
        .collect();
    let formula = expected["heuristics_dependency_formula"].as_object().unwrap();
    assert_eq!(found.len(), formula.len());
    for (edge, value) in formula {
        assert!((found[edge] - value.as_f64().unwrap()).abs() < 1e-12, "{edge}");
    }
}

/// A walk through a tree.
fn play(tree: &ProcessTree, dice: &mut Dice) -> Vec<u32> {
    match tree {
        ProcessTree::Activity(code) => vec![*code],
        ProcessTree::Sequence(parts) => parts.iter().flat_map(|part| play(part, dice)).collect(),
        ProcessTree::Choice(parts) => play(&parts[dice.below(parts.len() as u64) as usize], dice),
        ProcessTree::Parallel(parts) => {
            let mut open: Vec<Vec<u32>> = parts.iter().map(|part| play(part, dice)).filter(|run| !run.is_empty()).collect();
            let mut all = Vec::new();
            while !open.is_empty() {
                let at = dice.below(open.len() as u64) as usize;
                all.push(open[at].remove(0));
                open.retain(|run| !run.is_empty());
            }
            all
        }
        ProcessTree::Loop(body, back) => {
            let mut all = play(body, dice);
            while dice.share() < 0.4 {
                all.extend(play(back, dice));
                all.extend(play(body, dice));
            }
            all
        }
    }
}

#[test]
fn a_model_is_found_again_in_what_it_does() {
    let activity = ProcessTree::Activity;
    let model = ProcessTree::Sequence(vec![
        activity(0),
        ProcessTree::Choice(vec![activity(1), ProcessTree::Sequence(vec![activity(2), activity(3)])]),
        ProcessTree::Parallel(vec![activity(4), activity(5)]),
        ProcessTree::Loop(Box::new(activity(6)), Box::new(activity(7))),
    ]);
    let mut dice = Dice::new(3);
    let log: Vec<Vec<u32>> = (0..200).map(|_| play(&model, &mut dice)).collect();
    let name = |code: u32| code.to_string();
    assert_eq!(Log::of(&log).discover(0.0).to_text(&name), model.to_text(&name));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_trace_is_allowed(log in prop::collection::vec(prop::collection::vec(0..5_u32, 1..7), 1..7)) {
        let log = Log::of(&log);
        let (fitting, cases) = log.fitting(&log.discover(0.0));
        prop_assert_eq!(fitting, cases);
    }

    #[test]
    fn noise_never_keeps_it_from_an_end(log in prop::collection::vec(prop::collection::vec(0..5_u32, 1..7), 1..9), noise in 0.0..0.99_f64) {
        let log = Log::of(&log);
        let (_, cases) = log.fitting(&log.discover(noise));
        prop_assert!(cases > 0);
    }
}
