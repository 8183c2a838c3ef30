//! Credits against the exact values of the reference data, and against definitions written out on generated logs.

#![expect(clippy::unwrap_used, clippy::float_cmp, reason = "a test fails by panicking; sums of halves and fifths are exact")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use clew_journey::CaseOrder;
use clew_journey::attribution::{Attribution, AttributionQuestion, Credit, Model, TouchPath, attribute, touch_paths};
use clew_journey::events::NO_KEY;
use proptest::prelude::*;
use serde_json::Value;

/// A file of the shared reference data; none, visibly, where it is absent.
fn golden(name: &str) -> Option<String> {
    let repository = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared"));
    let path = std::env::var_os("CLEW_SHARED").map_or_else(repository, PathBuf::from).join("golden").join(name);
    let text = std::fs::read_to_string(&path).ok();
    if text.is_none() {
        println!("skipped: {} is absent", path.display());
    }
    text
}

/// Paths of a file with the columns path, conversions, value, nulls.
fn paths(text: &str) -> (Vec<TouchPath>, Vec<String>) {
    let mut names: Vec<String> = Vec::new();
    let mut code = |name: &str| {
        names.iter().position(|known| known == name).unwrap_or_else(|| {
            names.push(name.to_owned());
            names.len() - 1
        }) as u32
    };
    let mut paths = Vec::new();
    for row in csv::Reader::from_reader(text.as_bytes()).records().map(Result::unwrap) {
        paths.push(TouchPath {
            touches: row[0].split(" > ").map(&mut code).collect(),
            conversions: row[1].parse().unwrap(),
            value: row[2].parse().unwrap(),
            nulls: row[3].parse().unwrap(),
        });
    }
    (paths, names)
}

fn credits(found: &Attribution, names: &[String], model: Model, of: fn(&Credit) -> f64) -> BTreeMap<String, f64> {
    let credit = |(name, credits): (&String, &[Credit; 6])| (name.clone(), of(&credits[model as usize]));
    names.iter().zip(&found.credits).map(credit).collect()
}

#[track_caller]
fn near(found: &BTreeMap<String, f64>, expected: &BTreeMap<String, f64>) {
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (name, value) in expected {
        assert!((found[name] - value).abs() < 1e-9 * value.abs().max(1.0), "{name}: {} is not {value}", found[name]);
    }
}

#[test]
fn credits_are_those_of_the_exact_reference() {
    let (Some(text), Some(expected)) = (golden("attribution_paths.csv"), golden("attribution.json")) else { return };
    let expected: Value = serde_json::from_str(&expected).unwrap();
    let by_name = |value: &Value| -> BTreeMap<String, f64> {
        value.as_object().unwrap().iter().map(|(name, value)| (name.clone(), value.as_f64().unwrap())).collect()
    };
    let heuristic = |column: &str| -> BTreeMap<String, f64> {
        let names = expected["heuristic"]["channel_name"].as_array().unwrap().iter();
        let values = expected["heuristic"][column].as_array().unwrap().iter();
        names.zip(values).map(|(name, value)| (name.as_str().unwrap().to_owned(), value.as_f64().unwrap())).collect()
    };
    let (paths, names) = paths(&text);
    let found = attribute(&paths, names.len() as u32);
    let conversions = |model| credits(&found, &names, model, |credit| credit.conversions);
    let value = |model| credits(&found, &names, model, |credit| credit.value);
    near(&conversions(Model::First), &heuristic("first_touch_conversions"));
    near(&value(Model::First), &heuristic("first_touch_value"));
    near(&conversions(Model::Last), &heuristic("last_touch_conversions"));
    near(&value(Model::Last), &heuristic("last_touch_value"));
    near(&conversions(Model::Linear), &heuristic("linear_touch_conversions"));
    near(&value(Model::Linear), &heuristic("linear_touch_value"));
    near(&conversions(Model::Shapley), &by_name(&expected["shapley_sets"]));
    near(&conversions(Model::Markov), &by_name(&expected["markov_conversions_exact"]));
    let effects: BTreeMap<String, f64> = names.iter().cloned().zip(found.removal_effects.iter().copied()).collect();
    near(&effects, &by_name(&expected["removal_effect_exact"]));
}

const CONVERSION: u32 = 3;

proptest! {
    #[test]
    fn paths_are_cut_at_conversions_and_credits_add_up(
        rows in prop::collection::vec((0..4_u32, 0..20_i64, 0..5_u32), 0..60),
        lookback in prop::option::of(0..8_i64),
    ) {
        let case: Vec<u32> = rows.iter().map(|row| row.0).collect();
        let time: Vec<i64> = rows.iter().map(|row| row.1).collect();
        let order = CaseOrder::of(&case, &time);
        let time_us = order.arrange(&time);
        let code = order.arrange(&rows.iter().map(|row| row.2).collect::<Vec<_>>());
        // Activity 4 touches nobody.
        let touch: Vec<u32> = code.iter().map(|code| if *code == 4 { NO_KEY } else { *code }).collect();
        let value = vec![2.0; rows.len()];
        let question =
            AttributionQuestion { conversion: CONVERSION, touch: &touch, value: &value, lookback_us: lookback };
        let traces = order.traces(&time_us, &code);
        let paths = touch_paths(&traces, &question);
        // Each conversion looks back for itself.
        let mut slow: BTreeMap<Vec<u32>, (u64, u64)> = BTreeMap::new();
        for rows in traces.cases() {
            let conversions: Vec<usize> = rows.clone().filter(|at| code[*at] == CONVERSION).collect();
            for (nth, end) in conversions.iter().enumerate() {
                let start = if nth == 0 { rows.start } else { conversions[nth - 1] + 1 };
                let near = |at: &usize| lookback.is_none_or(|us| time_us[*end] - time_us[*at] <= us);
                let touches = (start..*end).filter(near).filter(|at| code[*at] != 4).map(|at| code[at]).collect();
                slow.entry(touches).or_default().0 += 1;
            }
            let rest: Vec<u32> = (conversions.last().map_or(rows.start, |last| last + 1)..rows.end)
                .filter(|at| code[*at] != 4)
                .map(|at| code[at])
                .collect();
            if !rest.is_empty() {
                slow.entry(rest).or_default().1 += 1;
            }
        }
        let shown: BTreeMap<Vec<u32>, (u64, u64)> =
            paths.iter().map(|path| (path.touches.clone(), (path.conversions, path.nulls))).collect();
        prop_assert_eq!(&shown, &slow);
        let found = attribute(&paths, 5);
        let all = code.iter().filter(|code| **code == CONVERSION).count() as f64;
        prop_assert_eq!(found.attributed.conversions + found.direct.conversions, all);
        prop_assert_eq!(found.attributed.value, 2.0 * found.attributed.conversions);
        for model in Model::ALL {
            if model == Model::Markov && found.removal_effects.is_empty() {
                prop_assert_eq!(found.attributed.conversions, 0.0);
                continue;
            }
            let sum: f64 = found.credits.iter().map(|credits| credits[model as usize].conversions).sum();
            prop_assert!((sum - found.attributed.conversions).abs() < 1e-9, "{model:?}: {sum}");
        }
    }
}

#[test]
fn nothing_has_no_credit() {
    let found = attribute(&[], 2);
    assert_eq!((found.attributed, found.removal_effects.len()), (Credit::default(), 0));
    let path = TouchPath { touches: vec![0, 1, 1, 0], conversions: 1, value: 10.0, nulls: 0 };
    let found = attribute(&[path], 2);
    let of = |touch: usize, model: Model| found.credits[touch][model as usize].conversions;
    assert_eq!([of(0, Model::Position), of(1, Model::Position)], [0.8, 0.2]);
    assert_eq!([of(0, Model::Shapley), of(1, Model::Shapley), of(1, Model::Linear)], [0.5; 3]);
}
