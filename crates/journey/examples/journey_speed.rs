//! How fast journeys are cut and transitions counted: `cargo run --release -p clew-journey --example journey_speed [EVENTS]`.
//!
//! Sixty invented names, about seventeen events a person, waits of up to a day.

use std::time::Instant;

use clew_journey::journeys::Keys;
use clew_journey::{Definition, Events, StageTable, build_journeys, stage_flow, transitions};

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
    println!("{} journeys, {} edges, {} stages", journeys.journeys.len(), edges.len(), flows.len());
}

fn report(what: &str, count: usize, start: Instant) {
    let seconds = start.elapsed().as_secs_f64();
    println!("{what:<20}{seconds:>8.3} s {:>8.2} M/s", count as f64 / seconds / 1e6);
}
