//! `clew replay`: rows of quarantine once more, and what became of them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use clew_intake::{Action, Example, Outcomes, ReplayError, ReplayReport, Request, Selection, SourceReplay};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::cli::Replay;
use crate::failure::{Reported, refused};
use crate::output;
use crate::project::load::of_intake;
use crate::remote::Remote;
use crate::store::{self, Store};

/// Replays, discards or tells, and reports.
pub async fn perform(options: &Replay) -> Result<()> {
    let request = request(options)?;
    let project = super::project(&options.at)?;
    let report = match store::open(&project).await? {
        Store::Owned(lake) => {
            let replayed = clew_intake::replay(&lake, &project.sources, &request).await;
            store::close(lake, &project.store()).await?;
            match replayed {
                // Mistakes of the project are told like those that `clew check` finds.
                Err(ReplayError::Refused(problems)) if problems.iter().all(|problem| !problem.path.as_os_str().is_empty()) => {
                    for problem in problems {
                        eprintln!("{}", of_intake(&project.dir, problem));
                    }
                    eprintln!("clew: nothing was replayed");
                    return Err(Reported.into());
                }
                Err(error) if error.is_refusal() => return Err(refused(error.to_string())),
                replayed => replayed?,
            }
        }
        Store::Served(remote) => served(&remote, &request).await?,
    };
    if options.report.json { output::print_json(&report) } else { output::print(&table(&report)) }
}

async fn served(remote: &Remote, request: &Request) -> Result<ReplayReport> {
    let Request { which, edits, action, dry_run, decided_by, examples, show } = request;
    let mut body = json!({"which": which, "dry_run": dry_run, "decided_by": decided_by, "examples": examples, "show": show});
    let path = match action {
        Action::Replay => {
            body["edits"] = json!(edits);
            "data/replay"
        }
        Action::Discard { reason } => {
            body["reason"] = json!(reason);
            "data/discard"
        }
    };
    // What takes long is answered with its job.
    let said: Value = remote.post(path, &body).await?;
    let report = if said.get("job_id").is_some() {
        remote.follow(path, serde_json::from_value(said)?).await?.report.unwrap_or_default()
    } else {
        said
    };
    serde_json::from_value(report).context("reading the report of `clew serve`")
}

fn request(options: &Replay) -> Result<Request> {
    let edits = options.edit.as_deref().map(edits).transpose()?.unwrap_or_default();
    let Replay { sources, reason, target, batch, ids, discard, reason_text, dry_run, examples, show, .. } = options;
    let action = match reason_text {
        Some(reason) if *discard => Action::Discard { reason: reason.clone() },
        _ => Action::Replay,
    };
    Ok(Request {
        which: Selection {
            sources: sources.clone(),
            reason: reason.clone(),
            target: target.clone(),
            batch: batch.clone(),
            ids: ids.clone(),
        },
        edits,
        action,
        dry_run: *dry_run,
        decided_by: std::env::var("USER").ok().filter(|user| !user.is_empty()).unwrap_or_else(|| "clew replay".into()),
        examples: *examples,
        show: *show,
    })
}

/// A line of the file of edits.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Edit<'a> {
    quarantine_id: String,
    #[serde(borrow)]
    raw: &'a serde_json::value::RawValue,
}

/// Raw rows by quarantine id.
fn edits(path: &Path) -> Result<BTreeMap<String, String>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let mut edits = BTreeMap::new();
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let place = format!("{}:{}", path.display(), at + 1);
        let remedy = r#"write {"quarantine_id": "…", "raw": {…}} on each line"#;
        // The error's own words may repeat a value of the row.
        let edit: Edit = serde_json::from_str(line).map_err(|_| refused(format!("{place}: not an edit; {remedy}")))?;
        let raw = match serde_json::from_str::<String>(edit.raw.get()) {
            Ok(text) => text,
            Err(_) if edit.raw.get().starts_with('{') => edit.raw.get().to_owned(),
            Err(_) => return Err(refused(format!("{place}: raw is neither an object nor text; {remedy}"))),
        };
        if edits.insert(edit.quarantine_id, raw).is_some() {
            return Err(refused(format!("{place}: the row was edited before; keep one edit of it")));
        }
    }
    if edits.is_empty() { Err(refused(format!("{}: it holds no edit", path.display()))) } else { Ok(edits) }
}

/// The report for people.
fn table(report: &ReplayReport) -> String {
    let mut text = String::new();
    for source in &report.sources {
        of_source(report.dry_run, source, &mut text);
    }
    let Outcomes { stored, duplicate, quarantined, replaced, discarded } = report.outcomes();
    if report.sources.is_empty() {
        return "no open row of quarantine fits\n".to_owned();
    }
    let would = if report.dry_run { "would be " } else { "" };
    text + &format!(
        "{would}stored {stored}, there already {duplicate}, still refused {quarantined}, refused for another reason {replaced}, discarded {discarded}\n"
    )
}

fn of_source(dry_run: bool, source: &SourceReplay, text: &mut String) {
    let SourceReplay { source: name, batch, rows, targets, outcomes, left, left_because, reasons, examples } = source;
    let batch =
        batch.as_ref().map_or_else(|| if dry_run { " (dry run)".into() } else { String::new() }, |batch| format!(" ({batch})"));
    let _ = writeln!(text, "{name}{batch}: {} rows of quarantine", outcomes.rows() + left);
    let _ = writeln!(
        text,
        "  {:<10} {:>10} read     = {} mapped + {} skipped + {} unreadable",
        "rows", rows.read, rows.mapped, rows.skipped, rows.unreadable
    );
    for (target, counts) in targets {
        let _ = writeln!(
            text,
            "  {target:<10} {:>10} produced = {} stored + {} duplicate + {} quarantined + {} rejected",
            counts.produced, counts.stored, counts.duplicate, counts.quarantined, counts.rejected
        );
    }
    if *left > 0 {
        let _ = writeln!(text, "  {left} rows left alone: {}", left_because.as_deref().unwrap_or_default());
    }
    for reason in reasons {
        let _ = writeln!(
            text,
            "  still refused {:>8} {} {}: {}",
            reason.n,
            reason.target.as_deref().unwrap_or("rows"),
            reason.reason,
            reason.detail
        );
    }
    for Example { quarantine_id, file, row_no, was, outcome, reason, raw, .. } in examples {
        let place = format!("{}:{}", file.as_deref().unwrap_or("-"), row_no.unwrap_or(0));
        let now = reason.as_ref().map_or(String::new(), |reason| format!(" ({reason})"));
        let raw = raw.as_ref().map_or(String::new(), |raw| format!(" {raw}"));
        let _ = writeln!(text, "  e.g. {quarantine_id} {place} {was} -> {outcome}{now}{raw}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_objects_or_text_and_a_mistake_names_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("edits.jsonl");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            edits(&path)
        };
        let good = read("{\"quarantine_id\":\"a\",\"raw\":{\"n\":1.50}}\n\n{\"quarantine_id\":\"b\",\"raw\":\"1,\\\"x\\\"\"}\n")
            .unwrap();
        assert_eq!(good["a"], r#"{"n":1.50}"#, "as it is written");
        assert_eq!(good["b"], r#"1,"x""#);
        for (wrong, words) in [
            ("{\"quarantine_id\":\"a\",\"raw\":7}", "edits.jsonl:1: raw is neither"),
            ("{\"quarantine_id\":\"a\",\"raw\":{}}\n{\"quarantine_id\":\"a\",\"raw\":{}}", ":2: the row was edited before"),
            ("{\"id\":\"a\"}", ":1: not an edit"),
            ("", "holds no edit"),
        ] {
            assert!(read(wrong).unwrap_err().to_string().contains(words), "{wrong}");
        }
    }
}
