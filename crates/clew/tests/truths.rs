//! What was planted in the demo company is found: drivers in their order, duplicates that share an identifier.
//!
//! The generator shares nothing with the pipeline, which never reads `truth.json`; this test reads both sides. The company has its
//! default size, because planted strengths are set for it. `CLEW_TRUTH_SEEDS` says how many seeds (`make truths`: five).
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;
use support::{clew, rows};

/// Seeds that nothing was tuned on.
const SEEDS: [u64; 5] = [9_001, 9_002, 9_003, 9_004, 9_005];

#[test]
fn what_was_planted_is_found() {
    let seeds: usize = std::env::var("CLEW_TRUTH_SEEDS").map_or(1, |n| n.parse().expect("a number of seeds"));
    for seed in SEEDS.iter().cycle().take(seeds) {
        let folder = tempfile::tempdir().unwrap();
        clew(folder.path(), &["demo", "company", "--no-serve", "--seed", &seed.to_string()]).done();
        let company = folder.path().join("company");
        let truth: Value = serde_json::from_slice(&std::fs::read(company.join("truth.json")).unwrap()).unwrap();
        drivers_come_out_in_their_order(*seed, &company, &truth);
        duplicates_are_one_person(*seed, &company, &truth);
    }
}

fn drivers_come_out_in_their_order(seed: u64, company: &Path, truth: &Value) {
    let mut metrics = 0;
    for planted in truth["drivers"].as_array().unwrap() {
        let metric = planted["metric"].as_str().unwrap();
        let expected: Vec<&str> =
            planted["drivers"].as_array().unwrap().iter().map(|driver| driver["family"].as_str().unwrap()).collect();
        let sql = format!(
            "SELECT family FROM drivers WHERE metric = '{metric}' AND kind = 'family' AND status = 'driver' ORDER BY rank LIMIT {}",
            expected.len()
        );
        let found: Vec<Value> = rows(company, &sql).into_iter().map(|row| row["family"].clone()).collect();
        assert_eq!(found, expected, "{metric}, seed {seed}");
        metrics += 1;
    }
    assert!(metrics >= 2, "drivers are planted for two metrics");
}

/// Duplicates whose records carry the same e-mail address or mobile number are one person, and no person has records of two
/// people. Pairs whose shared value was soiled afterwards are the cleaner's business.
fn duplicates_are_one_person(seed: u64, company: &Path, truth: &Value) {
    let sql = "SELECT r.record_id, s.person_id FROM records r JOIN subjects s ON r.subject = s.subject WHERE r.source = 'crm'";
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let person_of: BTreeMap<String, String> =
        rows(company, sql).iter().map(|row| (text(&row["record_id"]), text(&row["person_id"]))).collect();
    let soiled: BTreeSet<&str> = truth["dirt"].as_array().unwrap().iter().map(|dirt| dirt["record"].as_str().unwrap()).collect();
    let (mut pairs, mut apart) = (0, Vec::new());
    for duplicate in truth["duplicates"].as_array().unwrap() {
        let [a, b] = [0, 1].map(|place| duplicate["records"][place].as_str().unwrap());
        let shares = duplicate["shares"].as_str().unwrap();
        if !["email", "mobile"].contains(&shares) || soiled.contains(a) || soiled.contains(b) {
            continue;
        }
        pairs += 1;
        if person_of[a] != person_of[b] {
            apart.push((a, b));
        }
    }
    assert!(pairs > 100, "only {pairs} pairs to look at");
    assert!(apart.is_empty(), "seed {seed}: {} of {pairs} pairs are two people: {apart:?}", apart.len());

    let mut people: BTreeMap<&str, BTreeSet<u64>> = BTreeMap::new();
    for human in truth["everybody"].as_array().unwrap() {
        for record in human["records"].as_array().unwrap() {
            if let Some(person) = person_of.get(record.as_str().unwrap()) {
                people.entry(person).or_default().insert(human["person"].as_u64().unwrap());
            }
        }
    }
    let mixed: Vec<_> = people.iter().filter(|(_, humans)| humans.len() > 1).collect();
    assert!(mixed.is_empty(), "seed {seed}: {} persons mix several people: {mixed:?}", mixed.len());
}
