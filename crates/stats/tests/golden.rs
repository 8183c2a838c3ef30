//! The closed forms and the decomposition of R² against values that R, SciPy and statsmodels computed.
//!
//! The files lie outside the repository (`CLEW_SHARED`, else `../shared` beside it); without them the tests say so and pass.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::PathBuf;

use clew_stats::bootstrap;
use clew_stats::comparison::{NpsDifference, ProportionDifference, two_nps, two_proportions, welch};
use clew_stats::importance::{Importance, decompose};
use clew_stats::interval::{Moments, Nps, NpsCounts, Proportion, nps, proportion};
use clew_stats::multiple::benjamini_hochberg;
use clew_stats::quantile::{QuantileType, quantile};
use clew_stats::{Design, Estimate};
use serde_json::Value;

fn golden(name: &str) -> Option<String> {
    let shared = std::env::var_os("CLEW_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let path = shared.join("golden").join(name);
    let text = std::fs::read_to_string(&path).ok();
    if text.is_none() {
        println!("skipped: {} is absent", path.display());
    }
    text
}

fn json(name: &str) -> Option<Value> {
    golden(name).map(|text| serde_json::from_str(&text).expect("the golden file is JSON"))
}

struct Table {
    names: Vec<String>,
    columns: Vec<Vec<f64>>,
}

impl Table {
    fn read(name: &str) -> Option<Self> {
        let text = golden(name)?;
        let mut lines = text.lines();
        let names: Vec<String> =
            lines.next().expect("a header").split(',').map(|cell| cell.trim_matches('"').to_owned()).collect();
        let mut columns = vec![Vec::new(); names.len()];
        for line in lines.filter(|line| !line.is_empty()) {
            for (column, cell) in columns.iter_mut().zip(line.split(',')) {
                column.push(cell.trim_matches('"').parse().unwrap_or(f64::NAN));
            }
        }
        Some(Self { names, columns })
    }

    fn column(&self, name: &str) -> &[f64] {
        let place = self.names.iter().position(|n| n == name).expect("the column exists");
        &self.columns[place]
    }
}

#[track_caller]
fn near(found: impl Into<Option<f64>>, expected: &Value, tolerance: f64) {
    let found = found.into().expect("a value");
    let expected = expected.as_f64().expect("a number");
    let scale = expected.abs().max(1.0);
    assert!((found - expected).abs() <= tolerance * scale, "{found} is not {expected}");
}

#[track_caller]
fn spans(found: &Estimate, expected: &Value, tolerance: f64) {
    near(found.lower, &expected[0], tolerance);
    near(found.upper, &expected[1], tolerance);
}

fn cases(file: &Value) -> &[Value] {
    file["cases"].as_array().expect("cases")
}

fn count(value: &Value) -> u64 {
    value.as_u64().expect("a count")
}

#[test]
fn shares_have_the_intervals_of_statsmodels_and_r() {
    let (Some(statsmodels), Some(r)) = (json("wilson_ci.json"), json("proportions_r.json")) else { return };
    for case in cases(&statsmodels) {
        let of = |method| proportion(count(&case["x"]), count(&case["n"]), 0.95, method);
        spans(&of(Proportion::Wilson), &case["wilson"], 1e-12);
        spans(&of(Proportion::ClopperPearson), &case["beta"], 1e-10);
        spans(&of(Proportion::Wald), &case["normal"], 1e-12);
    }
    let expected = &r["prop_test_15_of_50"];
    for (method, key) in
        [(Proportion::WilsonCorrected, "correct"), (Proportion::Wilson, "wilson"), (Proportion::ClopperPearson, "clopper")]
    {
        spans(&proportion(15, 50, 0.95, method), &expected[key], 1e-12);
    }
}

#[test]
fn net_promoter_scores_have_the_intervals_of_r() {
    let Some(file) = json("nps_ci.json") else { return };
    for case in cases(&file) {
        let counts = NpsCounts {
            promoters: count(&case["promoters"]),
            passives: count(&case["passives"]),
            detractors: count(&case["detractors"]),
        };
        for (method, expected) in [
            (Nps::Wald, &case["wald_formula"]),
            (
                Nps::AdjustedWald,
                &Value::from(vec![
                    case["adj_wald_bonett_price"]["lower"].clone(),
                    case["adj_wald_bonett_price"]["upper"].clone(),
                ]),
            ),
        ] {
            let found = nps(counts, 0.95, method);
            near(found.estimate, &case["nps"], 1e-12);
            // The formula leaves -1..1 where the score cannot; the interval is cut there.
            let cut = |value: &Value| Value::from(value.as_f64().expect("a number").clamp(-1.0, 1.0));
            near(found.lower, &cut(&expected[0]), 1e-12);
            near(found.upper, &cut(&expected[1]), 1e-12);
        }
    }
}

#[test]
fn the_adjusted_interval_of_small_samples_covers_as_simulated() {
    let Some(file) = json("nps_coverage.json") else { return };
    for case in cases(&file) {
        let n = count(&case["n"]);
        if n > 100 {
            continue;
        }
        let p: Vec<f64> = (0..3).map(|i| case["p"][i].as_f64().expect("a probability")).collect();
        let truth = p[0] - p[2];
        // Exact coverage by summing the multinomial over all outcomes, beside the file's 200,000 draws.
        let log_factorial: Vec<f64> = std::iter::once(0.0)
            .chain((1..=n).scan(0.0, |sum, k| {
                *sum += (k as f64).ln();
                Some(*sum)
            }))
            .collect();
        let (mut plain, mut adjusted) = (0.0, 0.0);
        for promoters in 0..=n {
            for detractors in 0..=n - promoters {
                let counts = NpsCounts { promoters, passives: n - promoters - detractors, detractors };
                let of = |k: u64| log_factorial[k as usize];
                let log = of(n) - of(promoters) - of(counts.passives) - of(detractors)
                    + promoters as f64 * p[0].ln()
                    + counts.passives as f64 * p[1].ln()
                    + detractors as f64 * p[2].ln();
                let covers = |method| nps(counts, 0.95, method).covers(truth) == Some(true);
                plain += if covers(Nps::Wald) { log.exp() } else { 0.0 };
                adjusted += if covers(Nps::AdjustedWald) { log.exp() } else { 0.0 };
            }
        }
        // Three standard errors of 200,000 draws at .95 are .0015, at .88 .0022.
        near(plain, &case["wald"], 0.003);
        near(adjusted, &case["adj_wald"], 0.003);
    }
}

#[test]
fn two_shares_differ_as_statsmodels_and_r_say() {
    let (Some(file), Some(r)) = (json("two_proportion.json"), json("proportions_r.json")) else { return };
    for case in cases(&file) {
        let a = (count(&case["x1"]), count(&case["n1"]));
        let b = (count(&case["x2"]), count(&case["n2"]));
        let newcombe = two_proportions(a, b, 0.95, ProportionDifference::Newcombe);
        let wald = two_proportions(a, b, 0.95, ProportionDifference::Wald);
        spans(&newcombe.difference, &case["ci_newcombe"], 1e-10);
        spans(&wald.difference, &case["ci_wald"], 1e-10);
        near(newcombe.statistic, &case["z_pooled"], 1e-10);
        near(newcombe.p_value, &case["p_pooled"], 1e-10);
    }
    let found = two_proportions((200, 2000), (250, 2100), 0.95, ProportionDifference::Wald);
    let expected = &r["two_prop_no_correction"];
    near(found.statistic.map(|z| z * z), &expected["chisq"], 1e-10);
    near(found.p_value, &expected["p"], 1e-10);
    spans(&found.difference, &expected["diff_ci"], 1e-10);
}

#[test]
fn two_net_promoter_scores_differ_as_r_says() {
    let Some(file) = json("nps_diff.json") else { return };
    let counts =
        |value: &Value| NpsCounts { promoters: count(&value[0]), passives: count(&value[1]), detractors: count(&value[2]) };
    // R subtracts the first from the second.
    let found = two_nps(counts(&file["b"]), counts(&file["a"]), 0.95, NpsDifference::Wald);
    near(found.difference.estimate, &file["diff"], 1e-12);
    near(found.statistic, &file["z"], 1e-12);
    near(found.p_value, &file["p"], 1e-12);
    spans(&found.difference, &file["pkg_int"], 1e-12);
}

#[test]
fn welchs_test_is_that_of_scipy() {
    let Some(file) = json("welch_t.json") else { return };
    for case in cases(&file) {
        let name = case["input"].as_str().expect("a file name");
        let Some(table) = Table::read(name) else { return };
        let (a, b) = if name == "waltons.csv" {
            // The group column is text; its cells read as NaN, so the rows are taken from the raw file.
            let text = golden(name).expect("it was just read");
            let of = |group: &str| -> Moments {
                text.lines()
                    .skip(1)
                    .filter(|line| line.contains(group))
                    .map(|line| {
                        let cell = line.split(',').find_map(|cell| cell.parse::<f64>().ok());
                        cell.expect("the duration is the first number")
                    })
                    .collect()
            };
            (of("control"), of("miR-137"))
        } else {
            let of = |sex: f64| -> Moments {
                let rows = table.column("sex").iter().zip(table.column("target"));
                rows.filter(|row| (*row.0 - sex).abs() < 0.5).map(|row| *row.1).collect()
            };
            (of(1.0), of(2.0))
        };
        assert_eq!(a.n, count(&case["n"][0]));
        let found = welch(&a, &b, 0.95);
        near(a.variance(), &case["var"][0], 1e-12);
        near(found.statistic, &case["t"], 1e-10);
        near(found.df, &case["df"], 1e-10);
        near(found.p_value, &case["p"], 1e-10);
        spans(&found.difference, &case["ci95"], 1e-10);
    }
}

#[test]
fn adjusted_p_values_are_those_of_statsmodels() {
    let (Some(file), Some(r)) = (json("benjamini_hochberg.json"), json("proportions_r.json")) else { return };
    let numbers = |value: &Value| -> Vec<Option<f64>> { value.as_array().expect("a list").iter().map(Value::as_f64).collect() };
    let mut pairs: Vec<(Vec<Option<f64>>, &Value)> =
        cases(&file).iter().map(|case| (numbers(&case["p"]), &case["fdr_bh"]["adjusted"])).collect();
    pairs.push((numbers(&r["p_adjust"]["p"]), &r["p_adjust"]["BH"]));
    for (p, expected) in pairs {
        for (found, expected) in benjamini_hochberg(&p).into_iter().zip(expected.as_array().expect("a list")) {
            near(found, expected, 1e-12);
        }
    }
}

#[test]
fn the_nine_quantiles_are_those_of_r() {
    use QuantileType::{T1, T2, T3, T4, T5, T6, T7, T8, T9};
    let Some(file) = json("quantiles.json") else { return };
    let list =
        |value: &Value| -> Vec<f64> { value.as_array().expect("a list").iter().map(|v| v.as_f64().expect("a number")).collect() };
    let (x, p) = (list(&file["x"]), list(&file["p"]));
    for (i, definition) in [T1, T2, T3, T4, T5, T6, T7, T8, T9].into_iter().enumerate() {
        let expected = &file["types"][format!("type{}", i + 1)];
        for (k, &p) in p.iter().enumerate() {
            near(quantile(&x, p, definition), &expected[k], 1e-12);
        }
    }
}

struct Reference {
    file: Value,
    predictors: Vec<String>,
    table: Table,
}

impl Reference {
    fn read(name: &str) -> Option<Self> {
        let file = json(&format!("importance_{name}.json"))?;
        let table = Table::read(&format!("{name}.csv"))?;
        let names = file["predictors"].as_array().expect("predictors");
        let predictors = names.iter().map(|name| name.as_str().expect("a name").to_owned()).collect();
        Some(Self { file, predictors, table })
    }

    fn design(&self) -> Design {
        let columns: Vec<&[f64]> = self.predictors.iter().map(|name| self.table.column(name)).collect();
        let outcome = self.table.column(self.file["outcome"].as_str().expect("a name"));
        Design::of_columns(outcome, &columns).expect("at most 16 columns of one length")
    }
}

fn holds_reference(name: &str, tolerance: f64) {
    let Some(reference) = Reference::read(name) else { return };
    let file = &reference.file;
    let found: Importance = decompose(&reference.design());
    assert_eq!(found.n as u64, count(&file["n"]));
    near(found.r2, &file["r2"], tolerance);
    near(found.adjusted_r2, &file["adj_r2"], tolerance);
    for (name, predictor) in reference.predictors.iter().zip(&found.predictors) {
        near(predictor.lmg, &file["lmg"][name], tolerance);
        near(predictor.first, &file["first"][name], tolerance);
        near(predictor.last, &file["last"][name], tolerance);
        near(predictor.johnson, &file["johnson_raw"][name], tolerance);
        near(predictor.vif, &file["vif"][name], tolerance);
        near(predictor.coefficients[0].raw, &file["coef"][name], tolerance);
        near(predictor.coefficients[0].standardised.map(|b| b * b), &file["betasq"][name], tolerance);
    }
}

#[test]
fn importance_of_swiss_is_that_of_relaimpo() {
    holds_reference("swiss", 1e-11);
}

/// Longley's predictors are the classic of ill conditioning (VIF up to 1788); 1e-9 still holds because columns are centred first.
#[test]
fn importance_of_longley_is_that_of_relaimpo() {
    holds_reference("longley", 1e-9);
}

#[test]
fn importance_of_mtcars_is_that_of_relaimpo() {
    holds_reference("mtcars", 1e-11);
}

#[test]
fn importance_of_attitude_is_that_of_relaimpo() {
    holds_reference("attitude", 1e-11);
}

#[test]
fn importance_of_diabetes_is_that_of_relaimpo() {
    holds_reference("diabetes", 1e-11);
}

#[test]
fn the_bootstrap_of_attitude_is_near_relaimpos() {
    let (Some(file), Some(reference)) = (json("importance_attitude_boot.json"), Reference::read("attitude")) else {
        return;
    };
    let found = bootstrap::importance(&reference.design(), None, 1, 2000).expect("no clusters");
    for (i, name) in reference.predictors.iter().enumerate() {
        assert_eq!(file["names"][i].as_str(), Some(name.as_str()));
        let (lower, upper) = found.interval(0.95, |replicate| Some(replicate.lmg[i])).expect("2000 replicates");
        near(lower, &file["lower"][i], 0.02);
        near(upper, &file["upper"][i], 0.02);
    }
}
