//! Survival against R's `survival` 3.5-3, and against definitions on generated spells.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::PathBuf;

use clew_stats::survival::{Band, Spell, kaplan_meier, log_rank};
use proptest::prelude::*;
use serde_json::Value;

fn golden(name: &str) -> Option<String> {
    let repository = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let path = std::env::var_os("CLEW_SHARED").map_or_else(repository, PathBuf::from).join("golden").join(name);
    let text = std::fs::read_to_string(&path).ok();
    if text.is_none() {
        println!("skipped: {} is absent", path.display());
    }
    text
}

fn column(text: &str, name: &str) -> Vec<String> {
    let cells = |line: &str| line.split(',').map(|cell| cell.trim_matches('"').to_owned()).collect::<Vec<_>>();
    let mut lines = text.lines();
    let place = cells(lines.next().unwrap()).iter().position(|cell| cell == name).unwrap();
    lines.filter(|line| !line.is_empty()).map(|line| cells(line)[place].clone()).collect()
}

#[track_caller]
fn near(found: Option<f64>, expected: &Value, what: &str) {
    match (found, expected.as_f64()) {
        (Some(found), Some(expected)) => {
            assert!((found - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{what}: {found} is not {expected}");
        }
        (None, None) => {}
        (found, _) => panic!("{what}: {found:?} is not {expected}"),
    }
}

#[test]
fn curves_bands_quantiles_means_and_tests_equal_r() {
    for name in ["lung", "waltons", "rossi"] {
        let (Some(rows), Some(expected)) = (golden(&format!("{name}.csv")), golden(&format!("km_{name}.json"))) else { return };
        let expected: Value = serde_json::from_str(&expected).unwrap();
        let text = |key: &str| expected[key].as_str().unwrap();
        let times = column(&rows, text("time"));
        let events = column(&rows, text("event"));
        let spell = |(time, event): (&String, &String)| Spell {
            time: time.parse().unwrap(),
            observed: event.parse::<f64>().unwrap() > 0.5,
        };
        let spells: Vec<Spell> = times.iter().zip(&events).map(spell).collect();
        for (band, word) in [(Band::Plain, "plain"), (Band::Log, "log"), (Band::LogLog, "log-log")] {
            let curve = kaplan_meier(&spells, 0.95, band);
            assert_eq!(curve.points.len(), expected["time_points"].as_array().unwrap().len());
            for (at, point) in curve.points.iter().enumerate() {
                let of = |key: &str| &expected[key][at];
                near(Some(point.time), of("time_points"), "time");
                near(Some(point.at_risk as f64), of("n_risk"), "at risk");
                near(Some(point.events as f64), of("n_event"), "events");
                near(Some(point.censored as f64), of("n_censor"), "censored");
                near(Some(point.survival), of("surv"), "survival");
                near(point.standard_error, of("greenwood_se_of_surv"), "standard error");
                near(point.lower, of(&format!("lower_{word}")), "lower");
                near(point.upper, of(&format!("upper_{word}")), "upper");
            }
        }
        // The reference's quantiles are of the log-log band.
        let curve = kaplan_meier(&spells, 0.95, Band::LogLog);
        for at in 0..3 {
            let of = |key: &str| &expected["quantiles"][key][at];
            let [estimate, lower, upper] = curve.quantile(of("p").as_f64().unwrap());
            near(estimate, of("est"), "quantile");
            near(lower, of("lower"), "its lower end");
            near(upper, of("upper"), "its upper end");
        }
        let mean = curve.restricted_mean();
        near(mean.estimate, &expected["rmst_total"]["rmean"], "mean");
        let half = mean.upper.unwrap() - mean.estimate.unwrap();
        near(Some(half / 1.959_963_984_540_054), &expected["rmst_total"]["se(rmean)"], "error of the mean");
        let test = &expected["logrank"];
        let group = column(&rows, test["group"].as_str().unwrap());
        let mut names = group.clone();
        names.sort();
        names.dedup();
        let of = |name: &String| spells.iter().zip(&group).filter(|(_, group)| *group == name).map(|(spell, _)| *spell).collect();
        let groups: Vec<Vec<Spell>> = names.iter().map(of).collect();
        let found = log_rank(&groups).unwrap();
        near(Some(found.statistic), &test["chisq"], "chi-squared");
        near(Some(found.p_value), &test["p"], "p");
        for at in 0..names.len() {
            near(Some(found.observed[at] as f64), &test["obs"][at], "observed");
            near(Some(found.expected[at]), &test["exp"][at], "expected");
        }
    }
}

fn spells() -> impl Strategy<Value = Vec<Spell>> {
    prop::collection::vec((0..12_u8, any::<bool>()), 1..40)
        .prop_map(|rows| rows.into_iter().map(|(time, observed)| Spell { time: f64::from(time), observed }).collect())
}

proptest! {
    #[test]
    fn without_censoring_the_curve_is_the_share_that_is_later(spells in spells()) {
        let all: Vec<Spell> = spells.iter().map(|spell| Spell { observed: true, ..*spell }).collect();
        for point in kaplan_meier(&all, 0.95, Band::Plain).points {
            let later = all.iter().filter(|spell| spell.time > point.time).count() as f64 / all.len() as f64;
            prop_assert!((point.survival - later).abs() < 1e-12);
            // Then Greenwood's error is the binomial one.
            let binomial = (later * (1.0 - later) / all.len() as f64).sqrt();
            prop_assert!(point.standard_error.is_none_or(|error| (error - binomial).abs() < 1e-12));
        }
    }

    #[test]
    fn a_curve_falls_and_lies_inside_its_band(spells in spells()) {
        for band in [Band::Plain, Band::Log, Band::LogLog] {
            let curve = kaplan_meier(&spells, 0.9, band);
            prop_assert!(curve.points.is_sorted_by(|a, b| a.survival >= b.survival));
            for point in &curve.points {
                let (lower, upper) = (point.lower.unwrap_or(0.0), point.upper.unwrap_or(1.0));
                prop_assert!(0.0 <= lower && lower <= point.survival + 1e-12 && point.survival <= upper + 1e-12 && upper <= 1.0);
            }
        }
    }

    #[test]
    fn a_group_and_its_copy_do_not_differ(spells in spells()) {
        if let Some(found) = log_rank(&[spells.clone(), spells]) {
            prop_assert!(found.statistic.abs() < 1e-9 && (found.p_value - 1.0).abs() < 1e-4, "{found:?}");
        }
    }
}

#[test]
fn nothing_one_and_bad_times() {
    assert!(kaplan_meier(&[], 0.95, Band::LogLog).points.is_empty());
    let bad = Spell { time: f64::NAN, observed: true };
    assert!(kaplan_meier(&[bad], 0.95, Band::LogLog).points.is_empty());
    let one = kaplan_meier(&[Spell { time: 3.0, observed: true }], 0.95, Band::LogLog);
    assert_eq!((one.at(2.0).estimate, one.at(3.0).estimate, one.quantile(0.5)[0]), (Some(1.0), Some(0.0), Some(3.0)));
    assert_eq!(log_rank(&[vec![bad]]), None);
    assert_eq!(log_rank(&[]), None);
}
