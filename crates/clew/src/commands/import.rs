//! `clew import`: files, buckets and databases into the lake, and the two equations of every file.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Mutex;

use anyhow::Result;
use clew_intake::{ImportError, ImportReport, Progress, RowReport, TargetReport};
use clew_lake::Lake;
use serde_json::json;

use crate::cli::Import;
use crate::failure::Reported;
use crate::output;
use crate::progress::Line;
use crate::project::{Project, load::of_intake};
use crate::store::{self, Store};

/// Imports and reports.
pub async fn perform(options: &Import) -> Result<()> {
    let project = super::project(&options.at)?;
    match store::open(&project).await? {
        Store::Owned(lake) => {
            if options.anew {
                clew_intake::begin_anew(&lake, &options.sources)?;
            }
            let imported = import(&lake, &project, &options.sources).await;
            store::close(lake, &project.store()).await?;
            let report = imported?;
            if options.report.json {
                output::print_json(&report)?;
            } else {
                output::print(&table(&report))?;
            }
            failures(&report)
        }
        Store::Served(remote) => {
            let body = json!({"sources": options.sources, "run": false, "anew": options.anew});
            let job = remote.work("import", &body).await?;
            if options.report.json { output::print_json(&job) } else { output::print(&job.table()) }
        }
    }
}

/// Imports `sources` (all when empty) with a line of progress; what refuses it is printed like the problems of `clew check`.
pub async fn import(lake: &Lake, project: &Project, sources: &[String]) -> Result<ImportReport> {
    let progress = FileLine { line: Line::new(), rows: Mutex::default() };
    let imported = clew_intake::import(lake, &project.sources, sources, &progress).await;
    progress.line.clear();
    match imported {
        Err(ImportError::Refused(problems)) => {
            for problem in problems {
                eprintln!("{}", of_intake(&project.dir, problem));
            }
            eprintln!("clew: nothing was imported");
            Err(Reported.into())
        }
        imported => Ok(imported?),
    }
}

/// Says what failed, and how the command ends: somebody else's machine that is away is a fault, all else is the caller's to mend.
fn failures(report: &ImportReport) -> Result<()> {
    let Some(words) = report.failures() else { return Ok(()) };
    if report.failed.iter().all(|failure| failure.is_away) {
        anyhow::bail!("{words}");
    }
    Err(crate::failure::refused(words))
}

/// The report for people: where every row and every fact went.
pub fn table(report: &ImportReport) -> String {
    let mut text = String::new();
    for source in &report.sources {
        for warning in &source.warnings {
            let _ = writeln!(text, "{}: {warning}", source.source);
        }
        if source.files.is_empty() {
            let _ = writeln!(text, "{}: nothing new", source.source);
        }
        for file in &source.files {
            let RowReport { read, mapped, skipped, unreadable } = file.rows;
            let resumed = if source.resumed { ", continued" } else { "" };
            let _ = writeln!(text, "{}: {}{resumed}", source.source, name(&file.file));
            let _ = writeln!(
                text,
                "  {:<10} {read:>10} read     = {mapped} mapped + {skipped} skipped + {unreadable} unreadable",
                "rows"
            );
            for (target, counts) in &file.targets {
                let TargetReport { produced, stored, duplicate, quarantined, rejected } = counts;
                let _ = writeln!(
                    text,
                    "  {target:<10} {produced:>10} produced = {stored} stored + {duplicate} duplicate + {quarantined} quarantined + {rejected} rejected"
                );
            }
            if !(file.rows_balanced && file.facts_balanced) {
                let _ = writeln!(text, "  these do not balance: please report it");
            }
        }
    }
    let seconds: f64 = report.sources.iter().map(|source| source.seconds).sum();
    let _ = writeln!(text, "{} facts stored in {seconds:.1} s", report.stored());
    text
}

fn name(file: &str) -> &str {
    Path::new(file).file_name().and_then(|name| name.to_str()).unwrap_or(file)
}

/// Shows the file at work and how many of its rows are stored.
struct FileLine {
    line: Line,
    rows: Mutex<(String, u64)>,
}

impl Progress for FileLine {
    fn stored(&self, source: &str, file: &str, rows: u64) {
        let mut sum = self.rows.lock().expect("no holder panics");
        if sum.0 != file {
            *sum = (file.to_owned(), 0);
        }
        sum.1 += rows;
        self.line.say(&format!("{source}: {} rows of {}", sum.1, name(file)));
    }
}
