//! `clew audit`: both conservation equations, recounted from accounting, tables and quarantine.

use std::fmt::Write as _;

use anyhow::{Context, Result};
use clew_intake::{AuditReport, Break, SourceAudit};

use crate::cli::Audit;
use crate::failure::Reported;
use crate::output;
use crate::store::{self, Store};

/// Recounts and reports; what does not hold is refused.
pub async fn perform(options: &Audit) -> Result<()> {
    let project = super::project(&options.at)?;
    let report: AuditReport = match store::open(&project).await? {
        Store::Owned(lake) => {
            let audited = clew_intake::audit(&lake, &project.sources).await;
            store::close(lake, &project.store()).await?;
            audited.context("recounting")?
        }
        Store::Served(remote) => remote.audit().await?,
    };
    if options.report.json {
        output::print_json(&report)?;
    } else {
        output::print(&table(&report))?;
    }
    if report.holds { Ok(()) } else { Err(Reported.into()) }
}

/// The report for people.
fn table(report: &AuditReport) -> String {
    let mut text = String::new();
    for of_source in &report.sources {
        let SourceAudit { source, batches, read, mapped, skipped, unreadable, targets, .. } = of_source;
        let _ = writeln!(text, "{source}: {batches} batches");
        let _ = writeln!(
            text,
            "  {:<10} {read:>12} read     = {mapped} mapped + {skipped} skipped + {unreadable} unreadable",
            "rows"
        );
        for target in targets {
            let _ = writeln!(
                text,
                "  {:<10} {:>12} produced = {} stored + {} duplicate + {} quarantined + {} rejected; {} in the table",
                target.table,
                target.produced,
                target.stored,
                target.duplicate,
                target.quarantined,
                target.rejected,
                target.in_table
            );
        }
        let SourceAudit { in_quarantine, open, repaired, discarded, replaced, .. } = of_source;
        if *in_quarantine > 0 {
            let _ = writeln!(
                text,
                "  {:<10} {in_quarantine:>12} rows     = {open} open + {repaired} repaired + {discarded} discarded + {replaced} replaced",
                "quarantine"
            );
        }
    }
    for Break { source, table, batches, detail } in &report.breaks {
        let place = table.as_ref().map_or_else(|| source.clone(), |table| format!("{source}, {table}"));
        let within = if batches.is_empty() { String::new() } else { format!(" (batch {})", batches.join(", ")) };
        let _ = writeln!(text, "BROKEN {place}{within}: {detail}");
    }
    text + if report.holds { "everything adds up\n" } else { "this does not add up: please report it with the log\n" }
}

#[cfg(test)]
mod tests {
    use clew_intake::TargetAudit;

    use super::*;

    #[test]
    fn a_break_names_its_batch() {
        let target = TargetAudit { table: "events".into(), produced: 2, stored: 2, in_table: 1, ..TargetAudit::default() };
        let source =
            SourceAudit { source: "web".into(), batches: 1, read: 2, mapped: 2, targets: vec![target], ..SourceAudit::default() };
        let broken = Break {
            source: "web".into(),
            table: Some("events".into()),
            batches: vec!["web-1".into()],
            detail: "accounting says 2 facts were stored, the table has 1 (/v1: 2 stored, 1 there)".into(),
        };
        let text = table(&AuditReport { holds: false, sources: vec![source], breaks: vec![broken] });
        assert!(text.contains("BROKEN web, events (batch web-1): accounting says 2"), "{text}");
        assert!(text.contains("2 produced = 2 stored + 0 duplicate + 0 quarantined + 0 rejected; 1 in the table"), "{text}");
    }
}
