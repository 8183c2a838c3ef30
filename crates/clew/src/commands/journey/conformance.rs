//! `clew journey discover` and `clew journey conformance`: a model of what happens; how well cases fit an allowed path, and where they depart from it.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use clew_pipeline::plain_log::AllowedPath;
use clew_pipeline::plain_log::conformance::ConformanceReport;
use clew_pipeline::plain_log::discovery::DiscoveryReport;
use serde::Deserialize;

use super::{Aligned, percent};
use crate::cli::journey::{ConformanceOptions, DiscoverOptions, LogFile};
use crate::failure::refused;
use crate::project::document::Document;

/// The file of a model.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Model {
    path: AllowedPath,
}

/// Answers.
pub fn perform(log: &LogFile, options: &ConformanceOptions, started: Instant) -> Result<()> {
    let allowed = read(&options.model)?;
    let (table, read) = log.table(&[], &options.without)?;
    let report = table.conformance(&allowed, options.most_states, options.top);
    log.write(&report, &read, text, started.elapsed())
}

fn read(file: &Path) -> Result<AllowedPath> {
    let name = file.display();
    let text = std::fs::read_to_string(file).map_err(|error| refused(format!("{name}: {error}; say a file with --model")))?;
    let document = Document::read(&text, &|name| std::env::var(name).ok()).map_err(|findings| {
        let said: Vec<String> = findings
            .iter()
            .map(|finding| {
                format!("{name}:{}:{}: {}; {}", finding.position.line, finding.position.column, finding.message, finding.remedy)
            })
            .collect();
        refused(said.join("\n"))
    })?;
    let remedy =
        "write path: and a list of activities and of optional, one_of, any_order, repeat, repeat_after (docs/journey.md)";
    let model: Model = serde_json::from_value(document.value)
        .map_err(|error| refused(format!("{name}: no model of a path ({error}); {remedy}")))?;
    if model.path.is_blocked() {
        return Err(refused(format!("{name}: a one_of or any_order has nothing in it, so that nobody can pass; {remedy}")));
    }
    Ok(model.path)
}

fn text(report: &ConformanceReport) -> String {
    let share = |value: Option<f64>| value.map_or_else(|| "–".into(), |value| format!("{:.2} %", value * 100.0));
    let mut text = format!("model {}\n\n", report.model);
    if !report.absent.is_empty() {
        let _ = writeln!(text, "in the model, but not in the log: {}\n", report.absent.join(", "));
    }
    let _ = writeln!(
        text,
        "{} cases, {} without deviation; fitness {} by alignments, {} by token replay",
        report.cases,
        percent(&report.fitting),
        share(report.fitness),
        share(report.replay_fitness)
    );
    if report.unaligned > 0 {
        let _ = writeln!(text, "{} cases took too many states to align: raise --most-states", report.unaligned);
    }
    let mut deviations = Aligned::new(&["cases", "share (95 %)", "times", "deviation", "activity", "after"]);
    for row in &report.deviations {
        let after = row.after.clone().unwrap_or_else(|| "(begin)".into());
        let (cases, times) = (row.cases.to_string(), row.occurrences.to_string());
        deviations.row([cases, percent(&row.share), times, row.kind.into(), row.activity.clone(), after]);
    }
    let mut variants = Aligned::new(&["cases", "fitness", "variant: +inserted, -skipped"]);
    for row in &report.variants {
        let sign = |kind: &str| match kind {
            "inserted" => "+",
            "skipped" => "-",
            _ => "",
        };
        let steps: Vec<String> = row.alignment.iter().map(|step| format!("{}{}", sign(step.kind), step.activity)).collect();
        variants.row([row.cases.to_string(), share(Some(row.fitness)), steps.join(" › ")]);
    }
    format!("{text}\n{deviations}\n{variants}")
}

/// Finds a model.
pub fn discover(log: &LogFile, options: &DiscoverOptions, started: Instant) -> Result<()> {
    let (table, read) = log.table(&[], &options.without)?;
    let report = table.discover(options.noise, options.most_states);
    log.write_marked("# ", &report, &read, discovered_text, started.elapsed())
}

/// The model as YAML that `--model` takes; what else is said stands in comments.
fn discovered_text(report: &DiscoveryReport) -> String {
    let fitness = report.fitness.map_or_else(|| "–".into(), |fitness| format!("{:.2} %", fitness * 100.0));
    format!("# {} of {} cases fit, fitness {fitness}\n{}", report.fitting, report.cases, report.path.to_yaml())
}
