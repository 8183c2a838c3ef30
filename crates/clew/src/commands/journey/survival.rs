//! `clew journey survival` and `clew journey lifetime`: how long until it happens, and how often it will happen again.

use std::fmt::Write as _;
use std::time::Instant;

use anyhow::Result;
use clew_intake::event_log::Named;
use clew_pipeline::plain_log::lifetime::{LifetimeAsked, LifetimeReport};
use clew_pipeline::plain_log::survival::{CurveReport, SurvivalAsked, SurvivalReport, Until};

use super::{Aligned, human};
use crate::cli::journey::{LifetimeOptions, LogFile, SurvivalOptions};

/// Shares at which a curve is told to people.
const TOLD: [f64; 4] = [0.75, 0.5, 0.25, 0.1];

/// Answers with curves.
pub fn curves(log: &LogFile, options: &SurvivalOptions, started: Instant) -> Result<()> {
    let by: Vec<Named<'_>> = options.by.iter().map(|column| Named { option: "--by", column }).collect();
    let (table, read) = log.table(&by, &options.without)?;
    let until = match &options.to {
        Some(activity) => Until::Activity(activity.clone()),
        None => Until::Silence(options.silence),
    };
    let asked = SurvivalAsked { from: options.from.clone(), until, points: options.points };
    let report = table.survival(&asked).map_err(|error| log.refused(&error, "see the names with `clew journey dfg`"))?;
    log.write(&report, &read, curves_text, started.elapsed())
}

fn curves_text(report: &SurvivalReport) -> String {
    let mut table = Aligned::new(&["group", "cases", "ended", "median (95 %)", "¾ left", "½ left", "¼ left", "1⁄10 left"]);
    for curve in &report.curves {
        let time = |ms: Option<f64>| ms.map_or_else(|| "–".into(), human);
        let median = format!("{} ({} to {})", time(curve.median_ms), time(curve.median_lower_ms), time(curve.median_upper_ms));
        let group = curve.group.clone().unwrap_or_else(|| "(all)".into());
        let mut cells = vec![group, curve.cases.to_string(), curve.ended.to_string(), median];
        cells.extend(TOLD.map(|share| time(reached(curve, share))));
        table.row(cells);
    }
    let test = report.log_rank.map_or_else(String::new, |test| {
        format!("\nlog-rank: χ² {:.2}, {} degrees of freedom, p {:.2e}\n", test.statistic, test.df, test.p_value)
    });
    format!("{table}{test}")
}

fn reached(curve: &CurveReport, share: f64) -> Option<f64> {
    curve.points.iter().find(|point| point.survival <= share).map(|point| point.time_ms)
}

/// Answers with a forecast.
pub fn lifetime(log: &LogFile, options: &LifetimeOptions, started: Instant) -> Result<()> {
    let value: Vec<Named<'_>> = options.value.iter().map(|column| Named { option: "--value", column }).collect();
    let (table, read) = log.table(&value, &[])?;
    let asked = LifetimeAsked { purchase: options.purchase.clone(), horizon: options.horizon, top: options.top };
    let report = table.lifetime(&asked, &|case| read.cases.name(case));
    let report = report.map_err(|error| log.refused(&error, "see --purchase and --value"))?;
    log.write(&report, &read, lifetime_text, started.elapsed())
}

fn lifetime_text(report: &LifetimeReport) -> String {
    let model = report.bg_nbd;
    let mut text = format!(
        "{} customers, {} bought again; about {:.0} are active still\n",
        report.customers, report.repeaters, report.expected_active
    );
    let value = report.expected_value.map_or_else(String::new, |value| format!(", worth {value:.2}"));
    let horizon = human(report.horizon_ms as f64);
    let _ = writeln!(text, "in the next {horizon}: {:.1} purchases expected{value}", report.expected_purchases);
    let _ = writeln!(text, "BG/NBD in days: r {:.4}, alpha {:.4}, a {:.4}, b {:.4}", model.r, model.alpha, model.a, model.b);
    if let Some(spend) = report.gamma_gamma {
        let _ = writeln!(text, "Gamma–Gamma: p {:.4}, q {:.4}, v {:.4}", spend.p, spend.q, spend.v);
    }
    let mut table = Aligned::new(&["customer", "purchases", "active", "expected purchases", "expected value"]);
    for row in &report.top {
        let value = row.expected_value.map_or_else(|| "–".into(), |value| format!("{value:.2}"));
        let (active, expected) = (format!("{:.1} %", row.active * 100.0), format!("{:.2}", row.expected_purchases));
        table.row([row.case.clone(), row.purchases.to_string(), active, expected, value]);
    }
    format!("{text}\n{table}")
}
