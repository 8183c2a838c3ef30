//! `clew journey compare`: two groups side by side.

use std::fmt::Write as _;
use std::time::Instant;

use anyhow::Result;
use clew_intake::event_log::Named;
use clew_pipeline::plain_log::compare::{CompareAsked, CompareReport, DifferenceRow, Figure, Groups};

use super::{Aligned, human};
use crate::cli::journey::{CompareOptions, LogFile};

/// Answers.
pub fn perform(log: &LogFile, options: &CompareOptions, started: Instant) -> Result<()> {
    let groups = &options.groups;
    let by: Vec<Named<'_>> = groups.by.iter().map(|column| Named { option: "--by", column }).collect();
    let (table, read) = log.table(&by, &options.without)?;
    let asked = CompareAsked {
        groups: match groups.before {
            Some(moment_us) => Groups::Before { moment_us, span: groups.span },
            None => Groups::Values { a: groups.a.clone(), b: groups.b.clone() },
        },
        within: options.within,
        min_cases: options.min_cases,
        false_discovery_rate: options.false_discovery_rate,
        min_difference: options.min_difference,
        variants: options.variants,
        top: options.top,
    };
    let remedy = if by.is_empty() { "take another --before" } else { "see --by, --a and --b" };
    let report = table.compare(&asked).map_err(|error| log.refused(&error, remedy))?;
    log.write(&report, &read, text, started.elapsed())
}

fn text(report: &CompareReport) -> String {
    let mut text = String::new();
    for (letter, group) in [("a", &report.a), ("b", &report.b)] {
        let _ = writeln!(text, "{letter}: {}, {} cases, {} events", group.group, group.cases, group.events);
    }
    let _ = writeln!(
        text,
        "\n{} of {} comparisons differ (false discovery rate {}); {} events were not observed for {} and are no visits\n",
        report.found,
        report.tests,
        report.false_discovery_rate,
        report.censored,
        human(report.within_ms as f64)
    );
    let mut table = Aligned::new(&["what", "a", "b", "b - a (95 %)", "cases of b", "otherwise for", "corrected p"]);
    let found = report.differences.iter().take_while(|row| row.found);
    for row in found {
        let p = row.adjusted_p_value.map_or_else(|| "–".into(), |p| format!("{p:.2e}"));
        let point = |figure: &Figure| figure.estimate.map_or_else(|| "–".into(), |value| shown(row, value));
        let (a, b, gap) = (point(&row.a), point(&row.b), interval(row));
        table.row([words(row), a, b, gap, row.cases_b.to_string(), format!("{:+.0}", row.effect_cases), p]);
    }
    if report.found > 0 { text + &table.to_string() } else { text }
}

fn shown(row: &DifferenceRow, value: f64) -> String {
    if row.of == "wait" { human(value) } else { format!("{:.1} %", value * 100.0) }
}

fn interval(row: &DifferenceRow) -> String {
    match (row.difference.estimate, row.difference.lower, row.difference.upper) {
        (Some(gap), Some(lower), Some(upper)) => format!("{} ({} to {})", shown(row, gap), shown(row, lower), shown(row, upper)),
        (Some(gap), ..) => shown(row, gap),
        _ => "–".into(),
    }
}

fn words(row: &DifferenceRow) -> String {
    let names = row.activities.join(" › ");
    match row.of {
        "transition" if row.activities.len() == 1 => format!("{names} › (nothing)"),
        "wait" => format!("wait {names}"),
        "step" => format!("events {names}"),
        "variant" => format!("begin {names}"),
        _ => names,
    }
}
