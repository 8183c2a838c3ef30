//! Work in the background: imports, replays and runs, one at a time.
//!
//! A job runs on a thread with an engine of its own, so that heavy steps never hold up an answer. While one works, another is
//! refused with `busy` and its id, rather than queued: nobody waits behind a run they do not know of. The newest hundred
//! are remembered for the life of the process; what runs did is in the table `runs` for good.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use clew_intake::{Action, ImportReport, REPLAY_REFUSED, Request};
use clew_pipeline::definitions::Rules;
use clew_pipeline::{RunOptions, Step, StepReport};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::app::App;
use crate::error::{ApiError, Kind};
use crate::json::instant;
use crate::observe;
use crate::wire::{Job, JobStep};

/// Jobs remembered.
const MOST_JOBS: usize = 100;

/// What a job does.
#[derive(Clone, Debug)]
pub enum Work {
    /// Import these sources (all where empty); then run the pipeline.
    Import {
        /// Names of sources.
        sources: Vec<String>,
        /// Where they are read from.
        begin: Begin,
        /// When to run the pipeline.
        then: Then,
    },
    /// Run the pipeline.
    Run(RunOptions),
    /// Replay quarantined rows, or discard them.
    Replay(Request),
    /// Tell what other identity rules would do.
    Rehearse(Box<Rules>),
}

/// Whether an import is followed by a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// No.
    Nothing,
    /// Yes.
    Run,
}

/// Where buckets and databases are read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// From where the last import ended.
    BehindLast,
    /// From their beginning.
    Anew,
}

impl Work {
    fn kind(&self) -> &'static str {
        match self {
            Self::Import { .. } => "import",
            Self::Run(_) => "run",
            Self::Replay(request) if request.action == Action::Replay => "replay",
            Self::Replay(_) => "discard",
            Self::Rehearse(_) => "dry-run",
        }
    }
}

/// The jobs of this process.
#[derive(Debug, Default)]
pub struct Jobs {
    book: Mutex<Book>,
    idle: Notify,
}

#[derive(Debug, Default)]
struct Book {
    jobs: VecDeque<Entry>,
    running: Option<String>,
    closed: bool,
}

#[derive(Debug)]
struct Entry {
    job: Job,
    begun: Instant,
    step_begun: Instant,
}

impl Jobs {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().expect("no job keeper panics")
    }

    /// The job with this id.
    pub fn find(&self, id: &str) -> Option<Job> {
        self.book().jobs.iter().find(|entry| entry.job.job_id == id).map(|entry| entry.job.clone())
    }

    /// The job at work.
    pub fn current(&self) -> Option<Job> {
        let book = self.book();
        let running = book.running.as_ref()?;
        book.jobs.iter().find(|entry| entry.job.job_id == *running).map(|entry| entry.job.clone())
    }

    /// Waits until the job `id` is at work no more.
    pub async fn ended(&self, id: &str) {
        loop {
            // Made before the look: an end in between is heard.
            let idle = self.idle.notified();
            if self.book().running.as_deref() != Some(id) {
                return;
            }
            idle.await;
        }
    }

    /// Takes no further jobs and waits for the one at work.
    pub async fn finish(&self) {
        loop {
            let idle = self.idle.notified();
            {
                let mut book = self.book();
                book.closed = true;
                if book.running.is_none() {
                    return;
                }
            }
            idle.await;
        }
    }

    fn open(&self, work: &Work, now_us: i64) -> Result<Job, ApiError> {
        let mut book = self.book();
        if book.closed {
            return Err(ApiError::new(Kind::NotReady, "The server is stopping. Try again when it is back."));
        }
        if let Some(running) = &book.running {
            let message = "An import or a run is at work. Wait for it: it is named in `details.job_id`.";
            return Err(ApiError::new(Kind::Busy, message).with(json!({"job_id": running})));
        }
        let job = Job {
            job_id: format!("j_{}", observe::new_id()),
            kind: work.kind().to_owned(),
            status: "running".to_owned(),
            created_at: instant(now_us).unwrap_or_default(),
            finished_at: None,
            steps: Vec::new(),
            progress: None,
            error: None,
            report: None,
        };
        book.running = Some(job.job_id.clone());
        book.jobs.push_back(Entry { job: job.clone(), begun: Instant::now(), step_begun: Instant::now() });
        if book.jobs.len() > MOST_JOBS {
            book.jobs.pop_front();
        }
        Ok(job)
    }

    fn change(&self, id: &str, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.book().jobs.iter_mut().find(|entry| entry.job.job_id == id) {
            change(entry);
        }
    }

    fn close(&self, id: &str, now_us: i64, outcome: Result<Value, String>) {
        self.change(id, |entry| {
            let failed = outcome.is_err();
            entry.end_step(if failed { "failed" } else { "done" });
            entry.job.finished_at = instant(now_us);
            if failed { "failed" } else { "done" }.clone_into(&mut entry.job.status);
            entry.job.progress = (!failed).then_some(1.0);
            match outcome {
                Ok(report) => entry.job.report = Some(report),
                Err(error) => entry.job.error = Some(error),
            }
            tracing::info!(
                job_id = id,
                kind = entry.job.kind,
                status = entry.job.status,
                seconds = entry.begun.elapsed().as_secs_f64(),
                "job"
            );
        });
        self.book().running = None;
        self.idle.notify_waiters();
    }
}

impl Entry {
    fn begin_step(&mut self, name: &str) {
        self.end_step("done");
        self.step_begun = Instant::now();
        self.job.steps.push(JobStep { step: name.to_owned(), status: "running".to_owned(), rows: 0, seconds: 0.0 });
    }

    fn end_step(&mut self, status: &str) {
        let seconds = self.step_begun.elapsed().as_secs_f64();
        if let Some(step) = self.job.steps.last_mut().filter(|step| step.status == "running") {
            status.clone_into(&mut step.status);
            step.seconds = seconds;
        }
    }

    /// More rows of a step that may not have begun.
    fn add_rows(&mut self, name: &str, rows: u64) {
        if self.job.steps.last().is_none_or(|step| step.step != name) {
            self.begin_step(name);
        }
        let seconds = self.step_begun.elapsed().as_secs_f64();
        if let Some(step) = self.job.steps.last_mut() {
            step.rows += rows;
            step.seconds = seconds;
        }
    }
}

/// Starts `work`.
pub fn start(app: &Arc<App>, work: Work) -> Result<Job, ApiError> {
    let job = app.jobs.open(&work, app.lake.now().micros())?;
    let (worker, id, kind) = (Arc::clone(app), job.job_id.clone(), work.kind());
    let started = std::thread::Builder::new().name("clew-job".to_owned()).spawn(move || {
        let outcome =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| perform(&worker, &id, work))).unwrap_or_else(|_| {
                Err("The work stopped by a fault of ours; what was finished before stays. Try again, and report it if it stays."
                    .to_owned())
            });
        worker.counters.job(kind, if outcome.is_ok() { "done" } else { "failed" });
        worker.jobs.close(&id, worker.lake.now().micros(), outcome);
    });
    if let Err(error) = started {
        app.jobs.close(&job.job_id, app.lake.now().micros(), Err(error.to_string()));
        return Err(ApiError::internal(error));
    }
    Ok(job)
}

fn perform(app: &App, id: &str, work: Work) -> Result<Value, String> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_name("clew-work")
        .enable_all()
        .build()
        .map_err(|error| format!("No threads for the work: {error}. Free some memory and try again."))?;
    runtime.block_on(async {
        match work {
            Work::Run(options) => run(app, id, options).await,
            Work::Import { sources, begin, then } => import(app, id, &sources, (begin, then)).await,
            Work::Replay(request) => replay(app, &request).await,
            Work::Rehearse(rules) => rehearse(app, &rules).await,
        }
    })
}

async fn import(app: &App, id: &str, sources: &[String], (begin, then): (Begin, Then)) -> Result<Value, String> {
    let report = take_in(app, id, sources, begin).await?;
    let words = report.failures();
    let report = serde_json::to_value(&report).map_err(|error| error.to_string())?;
    if then == Then::Run {
        run(app, id, RunOptions::default()).await?;
    }
    words.map_or(Ok(report), Err)
}

/// Reads the sources, which nobody else does meanwhile: the run that follows holds no feed up.
async fn take_in(app: &App, id: &str, sources: &[String], begin: Begin) -> Result<ImportReport, String> {
    let project = app.sources_now()?;
    let all = || project.imported().map(|source| source.name.clone()).collect();
    let names: BTreeSet<String> = if sources.is_empty() { all() } else { sources.iter().cloned().collect() };
    let _turns = app.turns.take(&names).await;
    if begin == Begin::Anew {
        clew_intake::begin_anew(&app.lake, sources).map_err(|error| error.to_string())?;
    }
    let imported = clew_intake::import(&app.lake, &project, sources, &Listener { app, id }).await;
    app.failures.settle(&project, &names, &imported);
    imported.map_err(|error| error.to_string())
}

/// Through the mappings as they stand now: most quarantined rows are replayed because one was mended.
async fn replay(app: &App, request: &Request) -> Result<Value, String> {
    let sources = app.sources_now().map_err(|error| format!("{REPLAY_REFUSED}{error}"))?;
    let report = clew_intake::replay(&app.lake, &sources, request).await.map_err(|error| error.to_string())?;
    app.counters.rows(report.outcomes().rows());
    serde_json::to_value(&report).map_err(|error| error.to_string())
}

async fn rehearse(app: &App, rules: &Rules) -> Result<Value, String> {
    let told = clew_pipeline::identity::rehearse::rehearse(&app.lake, &app.definitions, rules)
        .await
        .map_err(|error| error.to_string())?;
    serde_json::to_value(&told).map_err(|error| error.to_string())
}

async fn run(app: &App, id: &str, options: RunOptions) -> Result<Value, String> {
    let listener = Listener { app, id };
    let report = clew_pipeline::run(&app.lake, &app.definitions, options, &listener).await.map_err(|error| error.to_string())?;
    serde_json::to_value(&report).map_err(|error| error.to_string())
}

/// Writes what it hears into the job.
struct Listener<'a> {
    app: &'a App,
    id: &'a str,
}

impl clew_intake::Progress for Listener<'_> {
    fn stored(&self, source: &str, _: &str, rows: u64) {
        self.app.counters.rows(rows);
        self.app.jobs.change(self.id, |entry| entry.add_rows(source, rows));
    }
}

impl clew_pipeline::Progress for Listener<'_> {
    fn started(&self, step: Step) {
        self.app.jobs.change(self.id, |entry| entry.begin_step(step.name()));
    }

    fn finished(&self, report: &StepReport) {
        self.app.counters.rows(report.rows);
        let (name, all) = (report.step.name(), Step::ALL.len() as f64);
        self.app.jobs.change(self.id, |entry| {
            // A step in which nothing had changed is finished without having begun.
            if entry.job.steps.last().is_none_or(|step| step.step != name) {
                entry.begin_step(name);
            }
            entry.end_step("done");
            if let Some(step) = entry.job.steps.last_mut() {
                step.rows = report.rows;
                step.seconds = report.seconds;
            }
            let place = Step::ALL.iter().position(|step| *step == report.step).unwrap_or(0) + 1;
            entry.job.progress = Some(place as f64 / all);
        });
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use clew_intake::{Defaults, Mapping, Source, Sources};
    use clew_lake::{Lake, Options};
    use clew_model::tables::Table;
    use clew_pipeline::Definitions;
    use jiff::tz::TimeZone;

    use super::*;
    use crate::auth::Auth;
    use crate::connections::Limits;
    use crate::keys::WriteKeys;

    /// An app over a new store in `folder`, with one source.
    async fn app(folder: &Path) -> Arc<App> {
        std::fs::write(folder.join("crm.csv"), "id,name,email\n1,Ann Lee,ann@example.org\n").unwrap();
        let mapping = Mapping {
            target: Table::find("records").unwrap(),
            sql: "SELECT id, 'person' AS kind, name AS full_name, email AS identifier_email FROM raw".to_owned(),
            path: "sources/crm.records.sql".into(),
        };
        let source = Source {
            name: "crm".to_owned(),
            spec: serde_json::from_value(json!({"files": "crm.csv"})).unwrap(),
            yaml_path: "sources/crm.yaml".into(),
            mappings: vec![mapping],
        };
        let defaults = Defaults { timezone: Some("UTC".to_owned()), ..Defaults::default() };
        let sources = Sources { dir: folder.to_owned(), defaults, rules: Rules::default(), sources: vec![source] };
        let definitions = Definitions {
            timezone: "UTC".to_owned(),
            currency: None,
            language: None,
            value_events: Vec::new(),
            rules: Rules::default(),
            journey: serde_json::from_value(json!({"stages": [{"name": "purchase"}]})).unwrap(),
            metrics: Vec::new(),
            seed: 1,
        };
        let store = folder.join("store");
        let options = Options { extensions: clew_pipeline::registry(), threads: 2, ..Options::default() };
        let lake = Lake::open(&store, options).await.unwrap();
        let access = (Auth::open(&store, 0).unwrap(), WriteKeys::open(&store).unwrap());
        Arc::new(App::new(lake, sources, definitions, TimeZone::UTC, access, Limits::default()))
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_source_is_free_again_while_the_run_behind_its_import_works() {
        let folder = tempfile::tempdir().unwrap();
        let app = app(folder.path()).await;
        let work = Work::Import { sources: Vec::new(), begin: Begin::BehindLast, then: Then::Run };
        let job = start(&app, work).unwrap();
        let runs = || app.jobs.find(&job.job_id).unwrap().steps.iter().any(|step| Step::parse(&step.step).is_some());
        while !runs() {
            assert!(app.jobs.current().is_some(), "{:?}", app.jobs.find(&job.job_id));
            tokio::task::yield_now().await;
        }
        app.turns.take(&BTreeSet::from(["crm".to_owned()])).await;
        let steps = app.jobs.find(&job.job_id).unwrap().steps.len();
        assert!(steps < 1 + Step::ALL.len(), "the run is still at work");
        app.jobs.ended(&job.job_id).await;
        let ended = app.jobs.find(&job.job_id).unwrap();
        assert_eq!((ended.status.as_str(), ended.error), ("done", None));
    }

    #[tokio::test]
    async fn the_end_of_a_job_is_heard_by_all_who_wait_for_it() {
        let jobs = Arc::new(Jobs::default());
        jobs.ended("j_unknown").await;
        let job = jobs.open(&Work::Run(RunOptions::default()), 0).unwrap();
        let wait = || {
            let (jobs, id) = (Arc::clone(&jobs), job.job_id.clone());
            tokio::spawn(async move { jobs.ended(&id).await })
        };
        let waiting = [wait(), wait()];
        assert!(tokio::time::timeout(Duration::from_millis(20), jobs.ended(&job.job_id)).await.is_err());
        jobs.close(&job.job_id, 1, Ok(json!({})));
        for one in waiting {
            one.await.unwrap();
        }
        jobs.ended(&job.job_id).await;
    }
}
