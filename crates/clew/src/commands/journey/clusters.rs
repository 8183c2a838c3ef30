//! `clew journey clusters` and `clew journey next`.

use std::time::Instant;

use anyhow::Result;
use clew_intake::event_log::Named;
use clew_pipeline::plain_log::ClusterQuestion;
use clew_pipeline::plain_log::clusters::{ClustersReport, NextReport, StepRow};

use super::{Aligned, human, percent};
use crate::cli::journey::{ClusterOptions, LogFile, NextOptions};

/// Groups.
pub fn group(log: &LogFile, options: &ClusterOptions, started: Instant) -> Result<()> {
    let truth: Vec<Named<'_>> = options.truth.iter().map(|column| Named { option: "--truth", column }).collect();
    let (table, read) = log.table(&truth, &options.without)?;
    let question = ClusterQuestion { clusters: options.clusters, most: options.most, seed: options.seed };
    log.write(&table.clusters(&question), &read, groups_text, started.elapsed())
}

fn groups_text(report: &ClustersReport) -> String {
    let mut table =
        Aligned::new(&["cases", "share (95 %)", "set apart by (share here − share elsewhere)", "most frequent variant"]);
    for row in &report.clusters {
        let step = |step: &StepRow| {
            step.difference
                .estimate
                .map_or_else(|| step.activity.clone(), |gap| format!("{} {:+.0} %", step.activity, gap * 100.0))
        };
        let apart: Vec<String> = row.apart.iter().map(step).collect();
        table.row([row.cases.to_string(), percent(&row.share), apart.join(", "), row.variant.join(" › ")]);
    }
    let silhouette = report.silhouette.map_or_else(String::new, |value| format!(", silhouette {value:.2}"));
    let truth = report.adjusted_rand.map_or_else(String::new, |value| format!(", adjusted Rand index {value:.3}"));
    format!("{} clusters{silhouette}{truth}\n\n{table}", report.clusters.len())
}

/// What comes next.
pub fn next(log: &LogFile, options: &NextOptions, started: Instant) -> Result<()> {
    let (table, read) = log.table(&[], &options.without)?;
    let report = table.next(&options.after, options.within);
    let report = report.map_err(|error| log.refused(&error, "see the names with `clew journey dfg`"))?;
    log.write(&report, &read, next_text, started.elapsed())
}

fn next_text(report: &NextReport) -> String {
    let mut table = Aligned::new(&["next", "times", "share (95 %)"]);
    for row in &report.next {
        let activity = row.activity.clone().unwrap_or_else(|| "(nothing)".into());
        table.row([activity, row.n.to_string(), percent(&row.share)]);
    }
    let within = human(report.within_ms as f64);
    format!(
        "after {}: {} times, {} too late to tell; next within {within}\n\n{table}",
        report.after.join(" › "),
        report.visits,
        report.censored
    )
}
