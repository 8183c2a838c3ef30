//! `clew demo`: an invented company from nothing to the cockpit: its raw files, then import and run as for any project.
//!
//! The company's folder is a project like any other; a demo that is made again replaces its files and its store. A folder
//! that holds anything else is left alone.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use clew_intake::ImportReport;
use clew_lake::Lake;
use clew_pipeline::{RunOptions, RunReport};
use serde::Serialize;

use super::{import, run, serve};
use crate::cli::{At, Demo};
use crate::failure::refused;
use crate::progress::Line;
use crate::{demo, output, store};

/// Marks a folder as a demo's: the truths that were planted.
const MARK: &str = "truth.json";

#[derive(Serialize)]
struct DemoReport {
    project: String,
    seconds: Seconds,
    import: ImportReport,
    run: RunReport,
}

#[derive(Serialize)]
struct Seconds {
    generate: f64,
    import: f64,
    run: f64,
    total: f64,
}

/// Makes the company, imports, runs and serves it.
pub async fn perform(options: &Demo) -> Result<()> {
    let plant = options.plant.parse().map_err(|error| refused(format!("{error:#}")))?;
    clear(&options.dir).await?;
    let started = Instant::now();
    let wanted = demo::Options { seed: options.seed, people: options.people, days: options.days, plant };
    let summary = generate(options.dir.clone(), wanted).await?;
    let generate = started.elapsed().as_secs_f64();
    eprint!("{summary}");

    let at = At { project: options.dir.clone() };
    let project = super::project(&at)?;
    let lake = Lake::open(&project.store(), store::options(&project)).await?;
    let begun = Instant::now();
    let imported = import::import(&lake, &project, &[]).await?;
    let import = begun.elapsed().as_secs_f64();
    eprintln!("imported {} facts in {import:.1} s", imported.stored());
    let begun = Instant::now();
    let progress = run::StepLine(Line::new());
    let ran = clew_pipeline::run(&lake, &project.definitions, RunOptions::default(), &progress).await;
    progress.0.clear();
    let ran = ran?;
    let run = begun.elapsed().as_secs_f64();
    let total = started.elapsed().as_secs_f64();
    eprintln!("ran the pipeline in {run:.1} s; {total:.1} s in all");

    if options.report.json {
        let seconds = Seconds { generate, import, run, total };
        output::print_json(&DemoReport { project: options.dir.display().to_string(), seconds, import: imported, run: ran })?;
    }
    if options.no_serve {
        return store::close(lake, &project.store()).await;
    }
    serve::serve(lake, project, options.listen, true).await
}

async fn generate(dir: std::path::PathBuf, options: demo::Options) -> Result<demo::Summary> {
    let line = Line::new();
    line.say("inventing a company");
    let made = tokio::task::spawn_blocking(move || demo::generate(&dir, &options)).await.context("inventing a company")?;
    line.clear();
    made.map_err(|error| if error.is::<std::io::Error>() { error } else { refused(format!("{error:#}")) })
}

/// Makes room for a demo in `dir`: new, empty, or an earlier demo, whose files and store are removed.
async fn clear(dir: &Path) -> Result<()> {
    let reading = || format!("looking into {}", dir.display());
    if !dir.exists() || std::fs::read_dir(dir).with_context(reading)?.next().is_none() {
        return Ok(());
    }
    if !dir.join(MARK).exists() {
        return Err(refused(format!("{} holds something else than a demo: name a new folder", dir.display())));
    }
    let store = dir.join(".clew");
    if store.exists() {
        // Whoever serves or imports it right now keeps it.
        store::close(Lake::open(&store, clew_lake::Options::default()).await?, &store).await?;
        std::fs::remove_dir_all(&store).with_context(|| format!("removing {}", store.display()))?;
    }
    let data = dir.join("data");
    if data.exists() {
        std::fs::remove_dir_all(&data).with_context(|| format!("removing {}", data.display()))?;
    }
    Ok(())
}
