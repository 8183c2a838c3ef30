//! `clew run`: the pipeline, as far as something changed.

use anyhow::Result;
use clew_pipeline::{Mode, Progress, RunOptions, RunReport, Step, StepReport};
use serde_json::json;

use crate::cli::Run;
use crate::failure::refused;
use crate::output;
use crate::progress::Line;
use crate::store::{self, Store};

/// Runs the pipeline and reports.
pub async fn perform(options: &Run) -> Result<()> {
    let only = options.only.as_deref().map(step).transpose()?;
    let project = super::project(&options.at)?;
    match store::open(&project).await? {
        Store::Owned(lake) => {
            let progress = StepLine(Line::new());
            let ran = clew_pipeline::run(&lake, &project.definitions, RunOptions { only, full: options.full }, &progress).await;
            progress.0.clear();
            store::close(lake, &project.store()).await?;
            let report = ran?;
            if options.report.json { output::print_json(&report) } else { output::print(&table(&report)) }
        }
        Store::Served(remote) => {
            let job = remote.work("run", &json!({"only": options.only, "full": options.full})).await?;
            if options.report.json { output::print_json(&job) } else { output::print(&job.table()) }
        }
    }
}

fn step(name: &str) -> Result<Step> {
    Step::parse(name).ok_or_else(|| {
        let names: Vec<&str> = Step::ALL.iter().map(|step| step.name()).collect();
        refused(format!("there is no step '{name}'; the steps are: {}", names.join(", ")))
    })
}

/// The report for people.
pub fn table(report: &RunReport) -> String {
    let mut text = String::new();
    for StepReport { step, mode, rows, seconds, detail } in &report.steps {
        let mode = match mode {
            Mode::Full => "full",
            Mode::Incremental => "incremental",
            Mode::Unchanged => "unchanged",
        };
        text += format!("{:<10} {mode:<12} {rows:>12} rows {seconds:>8.2} s  {detail}", step.name()).trim_end();
        text.push('\n');
    }
    text + &format!("run {} done in {:.2} s\n", report.run_id, report.seconds)
}

/// Shows the step at work.
pub struct StepLine(pub Line);

impl Progress for StepLine {
    fn started(&self, step: Step) {
        self.0.say(step.name());
    }

    fn finished(&self, report: &StepReport) {
        self.0.note(&format!("{}: {} rows in {:.2} s", report.step.name(), report.rows, report.seconds));
    }
}
