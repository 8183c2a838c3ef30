//! `clew import`: files, buckets and databases into the lake, the two equations of every file, and what is not as expected; streams to their
//! present end.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Mutex;

use anyhow::Result;
use clew_intake::live::{BUDGET, Counts, Door};
use clew_intake::stream::{self, DrainReport, StreamError};
use clew_intake::{Alarm, ImportError, ImportReport, Progress, RowReport, TargetReport};
use clew_lake::Lake;
use serde_json::{Value, json};

use crate::cli::Import;
use crate::failure::{Reported, refused};
use crate::output;
use crate::progress::Line;
use crate::project::{Project, load::of_intake};
use crate::store::{self, Store};

/// Imports and reports.
pub async fn perform(options: &Import) -> Result<()> {
    let project = super::project(&options.at)?;
    let follows = |name: &String| project.sources.find(name).is_some_and(|source| source.spec.followed().is_some());
    if options.anew && options.sources.iter().any(follows) {
        return Err(refused("--anew is for buckets and databases: a stream goes on behind what is stored".to_owned()));
    }
    match store::open(&project).await? {
        Store::Owned(lake) if options.until_empty => {
            let drained = drain(&lake, &project, &options.sources).await;
            store::close(lake, &project.store()).await?;
            let reports = drained?;
            if options.report.json {
                output::print_json(&json!({"sources": reports}))
            } else {
                output::print(&reports.iter().map(drained_table).collect::<String>())
            }
        }
        Store::Served(_) if options.until_empty => {
            Err(refused("`clew serve` has the store, and follows the streams itself".to_owned()))
        }
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

/// Says what failed, and how the command ends: somebody else's machine that is away is a fault, all else is the caller's to mend.
fn failures(report: &ImportReport) -> Result<()> {
    let Some(words) = report.failures() else { return Ok(()) };
    if report.failed.iter().all(|failure| failure.is_away) {
        anyhow::bail!("{words}");
    }
    Err(crate::failure::refused(words))
}

/// Reads the streams of `names` (of all sources that follow one when empty) to their present end.
async fn drain(lake: &Lake, project: &Project, names: &[String]) -> Result<Vec<DrainReport>> {
    let sources = &project.sources;
    let following: Vec<_> = sources.sources.iter().filter(|source| source.spec.followed().is_some()).collect();
    if let Some(name) = names.iter().find(|name| following.iter().all(|source| source.name != **name)) {
        return Err(refused(format!(
            "no source '{name}' follows a stream (`nats:` or `kafka:`): import it without --until-empty"
        )));
    }
    let door = Door::open(lake, sources, BUDGET);
    let mut reports = Vec::new();
    for source in following.into_iter().filter(|source| names.is_empty() || names.contains(&source.name)) {
        match stream::drain(&door, sources, source).await {
            None => {}
            Some(Ok(report)) => reports.push(report),
            Some(Err(error @ StreamError::Refused)) => return Err(refused(format!("source {}: {error}", source.name))),
            Some(Err(error)) => return Err(anyhow::Error::from(error).context(format!("reading the stream of {}", source.name))),
        }
    }
    door.close().await;
    Ok(reports)
}

/// The report for people: what became of the messages, and where the source stands.
fn drained_table(report: &DrainReport) -> String {
    let Counts { accepted, duplicate, quarantined, rejected, skipped } = report.messages;
    let mut text = format!(
        "{}: {accepted} stored, {duplicate} duplicate, {quarantined} quarantined, {rejected} rejected, {skipped} skipped\n",
        report.source
    );
    for (line, next) in &report.next {
        let _ = writeln!(text, "  {line}: read up to {next}");
    }
    for notice in &report.notices {
        let _ = writeln!(text, "  {notice}");
    }
    text
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
