//! How fast journeys are cut, transitions counted and a log scanned: `cargo run --release -p clew-journey --example journey_speed [EVENTS]`.
//!
//! Sixty invented names, about seventeen events a person, waits of up to a day.

use std::time::Instant;

use clew_journey::journeys::Keys;
use clew_journey::{
    CaseOrder, CompareQuestion, Definition, Events, FrictionEvents, Funnel, Log, PathQuestion, Periods, ProcessQuestion,
    Questions, Side, StageTable, Thresholds, build_journeys, compare, friction, scan, stage_flow, transitions,
};

fn main() {
    let count: usize = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let mut state = 7_u64;
    let mut next = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let person: Vec<u32> = (0..count).map(|at| (at / 17) as u32).collect();
    let mut time = 0;
    let time_us: Vec<i64> = (0..count)
        .map(|at| {
            time = if at % 17 == 0 { 0 } else { time + next(86_400_000_000) as i64 };
            time
        })
        .collect();
    let name: Vec<u32> = (0..count).map(|_| (next(60) * next(60) / 60) as u32).collect();
    let (channel, none) = (vec![0; count], vec![u32::MAX; count]);
    let names: Vec<String> = (0..60).map(|name| format!("product_{name}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let definition = Definition::default();
    let person_ids: Vec<u64> = (0..=count as u64 / 17).collect();
    let events =
        Events { person: &person, time_us: &time_us, name: &name, channel: &channel, reference: &none, conversation: &none };

    let start = Instant::now();
    events.check().expect("generated in order");
    let table = StageTable::new(&definition, &names, &["web"]);
    report("check", count, start);
    let start = Instant::now();
    let keys = Keys { person_ids: &person_ids, ..Keys::default() };
    let journeys = build_journeys(&events, &definition, &table, &keys, i64::MAX);
    report("build_journeys", count, start);
    let start = Instant::now();
    let edges = transitions(&journeys, &events);
    report("transitions", count, start);
    let start = Instant::now();
    let flows = stage_flow(&journeys, definition.journeys.len(), definition.stages.len());
    report("stage_flow", count, start);
    let start = Instant::now();
    let log = Log::of(&person, &time_us, &name);
    report("log", count, start);
    let week_us = 7 * 86_400_000_000;
    let (process, paths) = (
        ProcessQuestion { edges: true, variants: Some(0) },
        PathQuestion { gap_us: Some(1_800_000_000), depth: 5, collapse: false, top: 50 },
    );
    let funnel = Funnel::new(&[0, 1, 2], 60, week_us).expect("three steps");
    let periods = Periods::new((0..9).map(|week| week * week_us).collect()).expect("eight weeks");
    let nothing = || Questions { activities: 60, ..Questions::default() };
    for (what, questions) in [
        ("scan: process", Questions { process: Some(process), ..nothing() }),
        ("scan: funnel", Questions { funnel: Some(funnel.clone()), ..nothing() }),
        ("scan: retention", Questions { retention: Some(periods.clone()), ..nothing() }),
        ("scan: paths", Questions { paths: Some(paths), ..nothing() }),
        (
            "scan: all",
            Questions {
                process: Some(process),
                funnel: Some(funnel.clone()),
                retention: Some(periods.clone()),
                paths: Some(paths),
                ..nothing()
            },
        ),
    ] {
        let log = log.clone();
        let start = Instant::now();
        let answers = scan(log, &questions, 1);
        report(what, count, start);
        drop(answers);
    }
    println!("{} journeys, {} edges, {} stages", journeys.journeys.len(), edges.len(), flows.len());
    of_columns(&person, &time_us, &name);
}

/// The questions that read columns in case order.
fn of_columns(person: &[u32], time_us: &[i64], name: &[u32]) {
    let count = person.len();
    let start = Instant::now();
    let order = CaseOrder::of(person, time_us);
    let (time_us, name) = (order.arrange(time_us), order.arrange(name));
    let traces = order.traces(&time_us, &name);
    report("case order", count, start);
    let last = time_us.iter().copied().max().unwrap_or(0);
    let start = Instant::now();
    let side: Vec<Side> = (0..count).map(|at| if at % 3 == 0 { Side::A } else { Side::B }).collect();
    let question = CompareQuestion {
        within_us: 86_400_000_000,
        observed_until_us: last,
        min_cases: 30,
        variants: 50,
        level: 0.95,
        false_discovery_rate: 0.05,
        min_difference: 0.01,
    };
    let differences = compare(&traces, &side, &question);
    report("compare", count, start);
    let start = Instant::now();
    let events = FrictionEvents { traces, person: &[], channel: &[], resource: &name, cost: &[] };
    let found = friction(&events, &Thresholds::usual(last));
    report("friction", count, start);
    println!("{} tests, {} findings of friction", differences.tests, found.findings.len());
}

fn report(what: &str, count: usize, start: Instant) {
    let seconds = start.elapsed().as_secs_f64();
    println!("{what:<20}{seconds:>8.3} s {:>8.2} M/s", count as f64 / seconds / 1e6);
}
