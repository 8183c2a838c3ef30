//! `clew check`: every problem of the project at once.

use anyhow::Result;
use serde::Serialize;

use crate::cli::Check;
use crate::failure::Reported;
use crate::output;
use crate::project::{self, Problem, load::of_intake};

#[derive(Serialize)]
struct CheckReport {
    project: String,
    sources: usize,
    ok: bool,
    /// Sources in other systems that were not asked: `--connect` does.
    not_connected: Vec<String>,
    problems: Vec<Problem>,
}

/// Checks and reports; a project with errors is refused.
pub fn perform(options: &Check) -> Result<()> {
    let dir = &options.at.project;
    let loaded = project::load(dir, &super::environment);
    let mut problems = loaded.problems;
    let (mut sources, mut not_connected) = (0, Vec::new());
    if let Some(all) = &loaded.sources {
        sources = all.sources.len();
        for source in &all.sources {
            let found = clew_intake::check(all, source, !options.no_files);
            problems.extend(found.into_iter().map(|problem| of_intake(dir, problem)));
            if !source.spec.kind().is_some_and(|kind| kind.is_pulled() || kind.is_followed()) {
                continue;
            }
            if options.connect {
                let found = tokio::runtime::Handle::current().block_on(clew_intake::check_connection(all, source));
                problems.extend(found.into_iter().map(|problem| of_intake(dir, problem)));
            } else {
                not_connected.push(source.name.clone());
            }
        }
    }
    let ok = !problems.has_errors();
    let problems = problems.into_sorted();
    if options.report.json {
        output::print_json(&CheckReport { project: dir.display().to_string(), sources, ok, not_connected, problems })?;
    } else {
        let mut text: String = problems.iter().map(|problem| format!("{problem}\n")).collect();
        text += &match (ok, problems.len()) {
            (true, 0) => format!("{}: fine, {sources} sources\n", dir.display()),
            (true, warnings) => format!("{}: usable, {sources} sources, {warnings} warnings\n", dir.display()),
            (false, 1) => "1 problem\n".into(),
            (false, all) => format!("{all} problems\n"),
        };
        if !not_connected.is_empty() {
            text += &format!("not asked whether they answer: {} (`clew check --connect` does)\n", not_connected.join(", "));
        }
        output::print(&text)?;
    }
    if ok { Ok(()) } else { Err(Reported.into()) }
}
