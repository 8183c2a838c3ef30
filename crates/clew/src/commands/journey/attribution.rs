//! `clew journey attribution`: six models side by side.

use std::time::Instant;

use anyhow::Result;
use clew_intake::event_log::Named;
use clew_pipeline::plain_log::attribution::{AttributionAsked, AttributionReport};
use serde_json::Value;

use super::Aligned;
use crate::cli::journey::{AttributionOptions, LogFile};

/// Answers.
pub fn perform(log: &LogFile, options: &AttributionOptions, started: Instant) -> Result<()> {
    let mut columns: Vec<Named<'_>> = Vec::new();
    let [touch, value] = [("--touch", &options.touch), ("--value", &options.value)].map(|(option, column)| {
        columns.push(Named { option, column: column.as_deref()? });
        Some(columns.len() - 1)
    });
    let (table, read) = log.table(&columns, &options.without)?;
    let asked = AttributionAsked { conversion: options.conversion.clone(), touch, value, lookback: options.lookback };
    let report = table.attribution(&asked);
    let report = report.map_err(|error| log.refused(&error, "see the names with `clew journey dfg`, and --value"))?;
    log.write(&report, &read, text, started.elapsed())
}

fn text(report: &AttributionReport) -> String {
    let mut table =
        Aligned::new(&["touch", "first", "last", "linear", "position", "shapley", "markov", "lost without it (markov)"]);
    for row in &report.touches {
        let credit = |value: &Value| value.as_f64().map_or_else(|| "–".into(), |credit| format!("{credit:.1}"));
        let mut cells = vec![row.touch.clone()];
        cells.extend(row.conversions.values().map(credit));
        cells.push(row.removal_effect.map_or_else(|| "–".into(), |effect| format!("{:.1} %", effect * 100.0)));
        table.row(cells);
    }
    format!(
        "{} conversions `{}` with touches before them, {} without; {} paths did not convert\n\n{table}",
        report.attributed, report.conversion, report.direct, report.nulls
    )
}
