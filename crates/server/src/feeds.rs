//! What comes in by itself while the server runs: files as soon as nobody writes them any more, buckets and databases every so often.
//!
//! Every source with `watch:` has a feed of its own, so that one whose system is away, or whose file is broken, holds up no other; one
//! source is read by one at a time, a feed or a job ([`Turns`]). Files are looked at every [`LOOK`] by name, size and time, which works on every
//! file system; a file that is new or has changed is left until it was the same for [`QUIET`], and then taken in if its content is another than
//! what was taken in before. A file that cannot be read is tried again when it changes, and on schedule.
//!
//! What a feed could not read is told by the Data page ([`crate::failures`]) until it could.
//!
//! Feeds work on threads of their own and are dropped when the server stops: what they have stored is whole chunks, and the next start goes on.
//! The pipeline is not theirs: it runs on schedule when something is new.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use clew_intake::reader::ReadError;
use clew_intake::spec::interval;
use clew_intake::{FileStamp, ImportError, ImportReport, Kind, Source};
use tokio::runtime::Handle;
use tokio::sync::{OwnedMutexGuard, Semaphore, watch};

use crate::app::App;

/// Between two looks at the files of a source. A look that takes long is followed by a pause of [`REST`] times as long.
const LOOK: Duration = Duration::from_secs(1);
const REST: u32 = 20;
/// A file that was the same for so long is not being written.
const QUIET: Duration = Duration::from_secs(3);
/// Sources of files, and of other systems, that are read at once.
const FILES_AT_ONCE: usize = 2;
const PULLS_AT_ONCE: usize = 8;
/// Time that appends on their way get when the server stops.
const LAST_APPENDS: Duration = Duration::from_secs(10);
/// Why a reading that the server's stop cut short gave nothing.
const STOPPED: &str = "the server stopped meanwhile";

/// Who reads which source: one at a time.
#[derive(Debug, Default)]
pub struct Turns(Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<()>>>>);

impl Turns {
    /// Waits until nobody reads any of the sources `names`; until the turns are dropped, nobody else does.
    pub async fn take(&self, names: &BTreeSet<String>) -> Vec<OwnedMutexGuard<()>> {
        let mut taken = Vec::with_capacity(names.len());
        // In order of name, so that two who want several never wait for each other.
        for name in names {
            let turn = Arc::clone(self.0.lock().expect("no holder panics").entry(name.clone()).or_default());
            taken.push(turn.lock_owned().await);
        }
        taken
    }
}

/// Starts the feeds; they end with `stopped`, and the thread with them.
pub fn start(app: &Arc<App>, every: Duration, mut stopped: watch::Receiver<bool>) -> std::io::Result<JoinHandle<()>> {
    let app = Arc::clone(app);
    std::thread::Builder::new().name("clew-feeds".to_owned()).spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).thread_name("clew-feed").enable_all().build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => return tracing::error!(%error, "no threads for what comes in by itself"),
        };
        let (files, pulls) = (Arc::new(Semaphore::new(FILES_AT_ONCE)), Arc::new(Semaphore::new(PULLS_AT_ONCE)));
        for source in app.sources.imported().filter(|source| source.spec.watch) {
            let Some(kind) = source.spec.kind() else { continue };
            let permits = Arc::clone(if kind.is_pulled() { &pulls } else { &files });
            let feed = Feed { app: Arc::clone(&app), source: source.clone(), permits, stopped: stopped.clone() };
            let own = source.spec.every.as_deref().and_then(|every| interval(every).ok());
            if let Kind::Files(_) = kind {
                runtime.spawn(feed.watch(every));
            } else if let Some(every) = own.unwrap_or(Some(every)) {
                runtime.spawn(feed.pull(every));
            }
        }
        // The sender is gone when the server is: that is a stop too.
        let _ = runtime.block_on(stopped.wait_for(|stopped| *stopped));
        runtime.shutdown_timeout(LAST_APPENDS);
    })
}

/// One source and what it needs.
struct Feed {
    app: Arc<App>,
    source: Source,
    permits: Arc<Semaphore>,
    stopped: watch::Receiver<bool>,
}

impl Feed {
    /// Pulls every so often, at once to begin with.
    async fn pull(self, every: Duration) {
        let next = |at: Option<i64>| {
            let mut next_pulls = self.app.next_pulls.lock().expect("no holder panics");
            match at {
                Some(at) => next_pulls.insert(self.source.name.clone(), at),
                None => next_pulls.remove(&self.source.name),
            };
        };
        loop {
            next(None);
            let feeding = Feeding::begin(&self.app);
            match self.read(None).await {
                Ok(()) => self.app.failures.clear(&self.source.name),
                Err(words) => self.app.failures.set(&self.source.name, &words),
            }
            drop(feeding);
            next(Some(self.app.lake.now().micros().saturating_add(i64::try_from(every.as_micros()).unwrap_or(i64::MAX))));
            tokio::time::sleep(every).await;
        }
    }

    /// Takes files in when they are quiet; `retry` is when one that could not be read is tried again.
    async fn watch(self, retry: Duration) {
        let mut files = Watched::default();
        let mut problem = String::new();
        let (failures, name) = (&self.app.failures, self.source.name.as_str());
        // Whether something was read, or could not be, since all was taken in.
        let mut is_open = false;
        // Until what was there at the start is taken in, quiet or not.
        let mut first = Some(Feeding::begin(&self.app));
        loop {
            let (begun, app, source) = (Instant::now(), Arc::clone(&self.app), self.source.clone());
            let listed = tokio::task::spawn_blocking(move || clew_intake::stamps(&app.sources, &source)).await;
            match listed {
                Ok(Ok(listed)) => {
                    problem.clear();
                    let look = files.look(listed, Instant::now(), retry);
                    let must_wait = look.is_busy && self.source.spec.is_whole();
                    if !look.ready.is_empty() && !must_wait {
                        let read = self.read(Some(look.ready.clone())).await;
                        files.settle(&look.ready, read.is_ok(), Instant::now());
                        is_open = true;
                        if let Err(words) = read {
                            failures.set(name, &words);
                        }
                    }
                    // Nothing is left that could not be read: it was mended, or is gone.
                    if is_open && files.are_done() {
                        failures.clear(name);
                        is_open = false;
                    }
                    first = first.filter(|_| look.is_busy);
                }
                Ok(Err(error)) if problem != error.to_string() => {
                    problem = error.to_string();
                    tracing::info!(source = self.source.name, error = problem, "no files to watch");
                    // That nothing is there is no failure: exports come, and are taken away.
                    match error {
                        ReadError::Missing { .. } => failures.clear(name),
                        _ => failures.set(name, &problem),
                    }
                    is_open = true;
                    first = None;
                }
                _ => first = None,
            }
            tokio::time::sleep(LOOK.max(begun.elapsed() * REST)).await;
        }
    }

    /// Reads what is new, of files only `paths`; the error says in words what could not be read.
    async fn read(&self, paths: Option<BTreeSet<PathBuf>>) -> Result<(), String> {
        let _permit = self.permits.acquire().await.map_err(|_| STOPPED)?;
        let _turn = self.app.turns.take(&BTreeSet::from([self.source.name.clone()])).await;
        let (app, name, mut stopped) = (Arc::clone(&self.app), self.source.name.clone(), self.stopped.clone());
        // The work of an import is not for threads that others wait on.
        let read = tokio::task::spawn_blocking(move || {
            Handle::current().block_on(async {
                let import = async {
                    match &paths {
                        Some(paths) => clew_intake::take_in(&app.lake, &app.sources, &name, paths, &Rows(&app)).await,
                        None => clew_intake::import(&app.lake, &app.sources, &[name], &Rows(&app)).await,
                    }
                };
                tokio::select! {
                    imported = import => Some(imported),
                    _ = stopped.wait_for(|stopped| *stopped) => None,
                }
            })
        });
        match read.await {
            Ok(Some(imported)) => self.tell(imported),
            Ok(None) => Err(STOPPED.to_owned()),
            Err(error) => {
                tracing::error!(source = self.source.name, %error, "an import stopped by a fault of ours");
                Err("its import stopped by a fault of ours: please report it with the log".to_owned())
            }
        }
    }

    fn tell(&self, imported: Result<ImportReport, ImportError>) -> Result<(), String> {
        let source = self.source.name.as_str();
        match imported {
            Ok(report) => {
                for warning in report.sources.iter().flat_map(|source| &source.warnings) {
                    tracing::warn!(source, warning, "while it was read");
                }
                if let Some(error) = report.failures() {
                    tracing::warn!(source, error, "not all of it could be read");
                }
                tracing::info!(source, stored = report.stored(), "taken in");
                report.failed.into_iter().next().map_or(Ok(()), |failure| Err(failure.message))
            }
            Err(error) => {
                tracing::warn!(source, %error, "it could not be read");
                Err(error.to_string())
            }
        }
    }
}

/// Counts itself among the feeds at work while it lives.
struct Feeding(Arc<App>);

impl Feeding {
    fn begin(app: &Arc<App>) -> Self {
        app.feeding.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(app))
    }
}

impl Drop for Feeding {
    fn drop(&mut self) {
        self.0.feeding.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Counts rows.
struct Rows<'a>(&'a App);

impl clew_intake::Progress for Rows<'_> {
    fn stored(&self, _: &str, _: &str, rows: u64) {
        self.0.counters.rows(rows);
    }
}

/// The files of a source as they were at the last look.
#[derive(Debug, Default)]
struct Watched(BTreeMap<PathBuf, Seen>);

#[derive(Debug)]
struct Seen {
    stamp: FileStamp,
    since: Instant,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// New, or changed.
    New,
    /// Taken in.
    Done,
    /// Could not be read at this moment.
    Failed(Instant),
}

/// What a look shows.
#[derive(Debug, Default, PartialEq, Eq)]
struct Look {
    /// New and quiet.
    ready: BTreeSet<PathBuf>,
    /// Whether others are being written.
    is_busy: bool,
}

impl Watched {
    /// Compares `listed` with the last look.
    fn look(&mut self, listed: Vec<(PathBuf, FileStamp)>, now: Instant, retry: Duration) -> Look {
        let mut look = Look::default();
        let mut before = std::mem::take(&mut self.0);
        for (path, stamp) in listed {
            let seen = before.remove(&path).filter(|seen| seen.stamp == stamp);
            let seen = seen.unwrap_or(Seen { stamp, since: now, state: State::New });
            match seen.state {
                State::New if now.duration_since(seen.since) < QUIET => look.is_busy = true,
                State::Failed(at) if now.duration_since(at) < retry => {}
                State::Done => {}
                State::New | State::Failed(_) => {
                    look.ready.insert(path.clone());
                }
            }
            self.0.insert(path, seen);
        }
        look
    }

    /// Whether every file of the last look is taken in.
    fn are_done(&self) -> bool {
        self.0.values().all(|seen| seen.state == State::Done)
    }

    /// Notes what came of reading `paths`.
    fn settle(&mut self, paths: &BTreeSet<PathBuf>, is_read: bool, now: Instant) {
        for path in paths {
            if let Some(seen) = self.0.get_mut(path) {
                seen.state = if is_read { State::Done } else { State::Failed(now) };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    const RETRY: Duration = Duration::from_mins(15);

    fn file(name: &str, size: u64) -> (PathBuf, FileStamp) {
        (name.into(), FileStamp { size, modified_at: UNIX_EPOCH })
    }

    fn ready(look: &Look) -> Vec<&str> {
        look.ready.iter().filter_map(|path| path.to_str()).collect()
    }

    #[test]
    fn a_file_is_ready_when_it_was_the_same_for_a_while_and_again_when_it_grew() {
        let (mut files, start) = (Watched::default(), Instant::now());
        let mut look = |listed: &[(PathBuf, FileStamp)], seconds: u64| {
            files.look(listed.to_vec(), start + Duration::from_secs(seconds), RETRY)
        };
        assert!(look(&[file("a", 1), file("b", 1)], 0).is_busy);
        // One grows on.
        let second = look(&[file("a", 1), file("b", 2)], 3);
        assert_eq!((ready(&second), second.is_busy), (vec!["a"], true));
        files.settle(&second.ready, true, start);
        let mut look = |listed: &[(PathBuf, FileStamp)], seconds: u64| {
            files.look(listed.to_vec(), start + Duration::from_secs(seconds), RETRY)
        };
        assert_eq!(ready(&look(&[file("a", 1), file("b", 2)], 6)), ["b"]);
        // It grew after it was taken in; the other one went away.
        assert!(look(&[file("a", 9)], 7).is_busy);
        assert_eq!(ready(&look(&[file("a", 9)], 10)), ["a"]);
    }

    #[test]
    fn one_that_cannot_be_read_is_tried_again_when_it_changes_or_after_a_while() {
        let (mut files, start) = (Watched::default(), Instant::now());
        files.look(vec![file("a", 1)], start, RETRY);
        let look = files.look(vec![file("a", 1)], start + QUIET, RETRY);
        files.settle(&look.ready, false, start + QUIET);
        assert_eq!(files.look(vec![file("a", 1)], start + QUIET * 2, RETRY), Look::default());
        assert_eq!(ready(&files.look(vec![file("a", 1)], start + QUIET + RETRY, RETRY)), ["a"]);
        files.look(vec![file("a", 2)], start + QUIET * 2, RETRY);
        assert_eq!(ready(&files.look(vec![file("a", 2)], start + QUIET * 3, RETRY)), ["a"]);
    }

    #[tokio::test]
    async fn turns_of_several_sources_are_taken_together() {
        let turns = Turns::default();
        let both = BTreeSet::from(["a".to_owned(), "b".to_owned()]);
        let held = turns.take(&both).await;
        let one = BTreeSet::from(["b".to_owned()]);
        assert!(tokio::time::timeout(Duration::from_millis(10), turns.take(&one)).await.is_err());
        drop(held);
        assert_eq!(turns.take(&one).await.len(), 1);
    }
}
