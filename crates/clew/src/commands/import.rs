//! `clew import`: file sources into the lake, the two equations of every file, and what is not as expected.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Mutex;

use anyhow::Result;
use clew_intake::{Alarm, ImportError, ImportReport, Progress, RowReport, TargetReport};
use clew_lake::Lake;
use serde_json::{Value, json};

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
            let imported = import(&lake, &project, &options.sources).await;
            store::close(lake, &project.store()).await?;
            let report = imported?;
            if options.report.json { output::print_json(&report) } else { output::print(&table(&report)) }
        }
        Store::Served(remote) => {
            let job = remote.work("import", &json!({"sources": options.sources, "run": false})).await?;
            if options.report.json {
                output::print_json(&job)
            } else {
                output::print(&(job.table() + &told(job.report.as_ref())))
            }
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

/// The report for people: where every row and every fact went.
pub fn table(report: &ImportReport) -> String {
    let mut text = String::new();
    for source in &report.sources {
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
        for alarm in &source.alarms {
            let _ = writeln!(text, "{}: alarm {}", source.source, in_words(alarm));
        }
    }
    let seconds: f64 = report.sources.iter().map(|source| source.seconds).sum();
    let _ = writeln!(text, "{} facts stored in {seconds:.1} s", report.stored());
    text
}

/// The alarms in the report of an import that a server did.
fn told(report: Option<&Value>) -> String {
    let sources = report.and_then(|report| report["sources"].as_array()).into_iter().flatten();
    let mut text = String::new();
    for source in sources {
        let alarms: Vec<Alarm> = serde_json::from_value(source["alarms"].clone()).unwrap_or_default();
        for alarm in alarms {
            let _ = writeln!(text, "{}: alarm {}", source["source"].as_str().unwrap_or_default(), in_words(&alarm));
        }
    }
    text
}

/// `null_rate of events.email: email is missing in 40.0 % of values, before in 2.1 % (n = 500) — see whether …`
fn in_words(alarm: &Alarm) -> String {
    let of = match (&alarm.target, &alarm.field) {
        (Some(target), Some(field)) => format!(" of {target}.{field}"),
        (Some(of), None) | (None, Some(of)) => format!(" of {of}"),
        (None, None) => String::new(),
    };
    // A name that is made from its field says it already.
    let of = if alarm.field.as_ref().is_some_and(|field| alarm.rule.contains(field.as_str())) { String::new() } else { of };
    format!("{}{of}: {} (n = {}) — {}", alarm.rule, alarm.detail, alarm.n, alarm.remedy)
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
