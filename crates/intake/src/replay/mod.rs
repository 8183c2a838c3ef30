//! Rows of quarantine taken in once more: through today's mapping, typing and checks of their source, as they were or edited.
//!
//! ```text
//! open rows → groups of one source and file → today's mapping → facts with the place and time of the first attempt → one append
//! ```
//! A row goes through the mapping of the table that it failed for, or through all of them where it never got that far. What fits is
//! stored, what is there already counts as duplicate, what is refused again stays. Ids come from the key that the row had when it was first
//! read ([`crate::import::ForReplay`]), so that replaying twice, or importing the repaired file afterwards, stores nothing twice.
//!
//! Each group is one atomic append of facts, accounting and `repairs`. A crash leaves whole groups behind: they are closed, and the same
//! replay goes on with what is open. Memory is bounded by a group and 16 bytes for every closed row; the rows themselves are streamed.
//!
//! A replay is a batch of its own, `<source>/replay-<n>`, in which rows of quarantine are the rows read. Expectations over rows and values hold for
//! them as for those of an import. Deliberately missing: counts and profiles of fields, which were taken when the rows came first; and a row cut off
//! when it was read (too large, a quote that never closes) has only its beginning here: it is edited, or its file imported again.

mod chunk;
mod raw;
mod report;
mod rows;
mod select;
mod tracking;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use clew_identity::CompiledRules;
use clew_lake::{AppendError, Batch, Lake, Progress, StorageError};
use clew_model::Channel;
use datafusion::error::DataFusionError;
use serde::{Deserialize, Serialize};

use self::chunk::Applied;
pub use self::report::{Example, Outcomes, ReasonReport, ReplayReport, SourceReplay};
use self::rows::Mappings;
use self::select::{Group, Held, Selected};
use crate::alarm;
use crate::expect::Expectations;
use crate::import::{ImportError, compile, expectations_of, origin};
use crate::nearest::nearest;
use crate::observe::NotePlace;
use crate::outcome::{Offered, append};
use crate::spec::{Api, Problem, Sources};
use crate::tracking::Tracker;

/// Ids and edits that one request names.
pub const MOST_IDS: usize = 10_000;
/// Bytes of all edits of one request.
pub const MOST_EDIT_BYTES: usize = 64 << 20;
/// Examples told of each outcome.
pub const MOST_EXAMPLES: usize = 100;
/// Subjects that a replay remembers to have offered to the lake: about 32 MB.
const MOST_SUBJECTS: usize = 1_000_000;

/// What to replay, and how.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Request {
    /// Which open rows.
    pub which: Selection,
    /// Raw rows by quarantine id that stand for those that are there: JSON objects, or the text of a row of CSV.
    pub edits: BTreeMap<String, String>,
    /// What is done with them.
    pub action: Action,
    /// Whether to tell only what would become of them.
    pub dry_run: bool,
    /// Who decides.
    pub decided_by: String,
    /// Examples told of each outcome.
    pub examples: usize,
    /// Whether examples show the raw row.
    pub show: bool,
}

/// Which open rows of quarantine: those that fit everything that is said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Selection {
    /// Of these sources; of all where there is none.
    pub sources: Vec<String>,
    /// For this reason.
    pub reason: Option<String>,
    /// Of this table; `rows` for rows that never became a fact.
    pub target: Option<String>,
    /// Met first by this batch.
    pub batch: Option<String>,
    /// With one of these ids. Edited rows are among them.
    pub ids: Vec<String>,
}

/// What is done with the rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Take them in.
    #[default]
    Replay,
    /// Close them without: of two facts in conflict the first is kept.
    Discard {
        /// Why, in the decider's words.
        reason: String,
    },
}

/// Why a replay ended early.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The request or the project is wrong; nothing was stored.
    #[error("{}", words(.0))]
    Refused(Vec<Problem>),
    /// The mapping could not be run.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// The lake refused a chunk; what was stored before stays, and the same replay goes on behind it.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The engine failed.
    #[error("the SQL engine failed: {0}")]
    Engine(#[from] DataFusionError),
}

impl ReplayError {
    /// Whether request or project are to blame (exit code 1) and not the machine (3).
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Refused(_) | Self::Append(AppendError::DiskFull { .. }) => true,
            Self::Import(error) => error.is_refusal(),
            _ => false,
        }
    }
}

/// How the words of a refusal begin.
pub const REFUSED: &str = "nothing was replayed: ";

/// Whether an error that is only words any more was a refusal.
pub fn is_replay_refusal(words: &str) -> bool {
    words.starts_with(REFUSED)
}

fn words(problems: &[Problem]) -> String {
    let one = |problem: &Problem| {
        let place = problem.path.display().to_string();
        let place = if place.is_empty() { place } else { format!("{place}: ") };
        format!("{place}{}; {}", problem.message, problem.remedy)
    };
    format!("{REFUSED}{}", problems.iter().map(one).collect::<Vec<_>>().join("\n"))
}

fn refused(message: String, remedy: &str) -> ReplayError {
    ReplayError::Refused(vec![Problem::in_file("", message, remedy)])
}

/// Replays open rows of quarantine, or tells what would become of them.
pub async fn replay(lake: &Lake, sources: &Sources, request: &Request) -> Result<ReplayReport, ReplayError> {
    let since = Instant::now();
    request.check()?;
    request.check_sources(sources)?;
    let selected = Selected::find(lake, request).await?;
    let mut replayer = Replayer::prepare(lake, sources, request, selected.sources())?;
    let mut stream = selected.stream(lake).await?;
    let mut held = Held::default();
    while let Some(rows) = stream.next().await? {
        held.extend(rows);
        if held.is_full() {
            for group in held.take() {
                replayer.take(group).await?;
            }
        }
    }
    for group in held.take() {
        replayer.take(group).await?;
    }
    replayer.finish(since)
}

impl Request {
    /// Refuses what cannot be meant.
    pub fn check(&self) -> Result<(), ReplayError> {
        if let Action::Discard { reason } = &self.action {
            if !self.edits.is_empty() {
                return Err(refused("rows are edited or discarded, not both".into(), "leave one of them out"));
            }
            if reason.trim().is_empty() {
                return Err(refused("a discard needs a reason".into(), "say why in a few words"));
            }
            if self.which == Selection::default() {
                let remedy = "name ids, a source, a reason, a target or a batch";
                return Err(refused("nothing says which rows are discarded".into(), remedy));
            }
        }
        if self.which.ids.len() + self.edits.len() > MOST_IDS {
            let remedy = "select them by source and reason, or ask several times";
            return Err(refused(format!("more than {MOST_IDS} rows are named"), remedy));
        }
        if self.edits.values().map(String::len).sum::<usize>() > MOST_EDIT_BYTES {
            return Err(refused(format!("the edits are larger than {MOST_EDIT_BYTES} bytes"), "ask several times"));
        }
        let target = self.which.target.as_deref().unwrap_or("rows");
        if !["events", "records", "responses", "rows"].contains(&target) {
            let remedy = "say events, records, responses, or rows for rows that became no fact";
            return Err(refused(format!("{target} is no target"), remedy));
        }
        Ok(())
    }

    /// Refuses sources that the project does not have; rows of those that it has no more can still be discarded.
    fn check_sources(&self, sources: &Sources) -> Result<(), ReplayError> {
        let missing = self.which.sources.iter().find(|name| sources.find(name).is_none());
        let Some(name) = missing.filter(|_| self.action == Action::Replay) else { return Ok(()) };
        let known = nearest(name, sources.sources.iter().map(|source| source.name.as_str()));
        let hint = known.map_or(String::new(), |known| format!(": did you mean {known}?"));
        Err(refused(format!("there is no source {name}{hint}"), "name a source of the project"))
    }
}

/// What is done with the rows of one source.
enum Work {
    Mapped(Box<Mappings>),
    Tracked(Box<Tracker>),
    /// Nothing, and why.
    None(&'static str),
}

struct OpenBatch {
    batch: Batch,
    next_chunk: i64,
    rows: u64,
}

struct Replayer<'a> {
    lake: &'a Lake,
    sources: &'a Sources,
    request: &'a Request,
    works: BTreeMap<String, Work>,
    batches: BTreeMap<String, OpenBatch>,
    fingerprint: String,
    offered: Mutex<Offered>,
    report: ReplayReport,
}

impl<'a> Replayer<'a> {
    /// Looks at everything that can be known before the first row is stored.
    fn prepare(
        lake: &'a Lake,
        sources: &'a Sources,
        request: &'a Request,
        names: &BTreeSet<String>,
    ) -> Result<Self, ReplayError> {
        let (mut works, mut problems) = (BTreeMap::new(), Vec::new());
        if request.action == Action::Replay {
            let rules = compile(sources)?;
            for name in names {
                match work(sources, &rules, name) {
                    Ok(work) => {
                        works.insert(name.clone(), work);
                    }
                    Err(found) => problems.extend(found),
                }
            }
        }
        if !problems.is_empty() {
            return Err(ReplayError::Refused(problems));
        }
        let plain = serde_json::to_vec(request).expect("plain data serialises");
        Ok(Self {
            lake,
            sources,
            request,
            works,
            batches: BTreeMap::new(),
            fingerprint: format!("{:016x}", xxhash_rust::xxh3::xxh3_64(&plain)),
            offered: Mutex::new(Offered::new(MOST_SUBJECTS)),
            report: ReplayReport::new(request.dry_run),
        })
    }

    /// Takes in one group.
    async fn take(&mut self, group: Group) -> Result<(), ReplayError> {
        let applied = match self.works.get_mut(&group.source) {
            _ if matches!(self.request.action, Action::Discard { .. }) => Applied::discarded(&group),
            None => return Ok(()),
            Some(Work::None(why)) => {
                self.report.left(&group, why);
                return Ok(());
            }
            Some(Work::Mapped(mappings)) => mappings.apply(self.lake, &group, self.request).await?,
            Some(Work::Tracked(tracker)) => tracking::apply(tracker, &group, self.request, self.lake.now().micros()),
        };
        let source = self.sources.find(&group.source);
        let batch = self.batch(&group)?;
        let mut chunk = chunk::of(source, self.request, &group, &applied, &batch);
        let mut taken = applied.taken;
        let widened =
            source.map(|source| crate::widening::alarms(self.lake, &taken.facts, &source.spec.columns)).unwrap_or_default();
        if !widened.is_empty() {
            let (batch, at) = (batch.batch.as_str(), self.lake.now().micros());
            let place =
                NotePlace { source: &group.source, batch, chunk: chunk.chunk, at, expectations: &Expectations::default() };
            chunk.notes.push(("alarms", alarm::rows(&place, &widened)));
        }
        let receipt = if self.request.dry_run {
            chunk.facts = taken.facts.clone();
            self.lake.weigh(chunk).await?
        } else {
            append(self.lake, &self.offered, &mut taken, &chunk).await?
        };
        self.report.add(self.request, (&group, &batch), &taken, &receipt);
        Ok(())
    }

    /// Where the chunk of `group` goes.
    fn batch(&mut self, group: &Group) -> Result<chunk::Place, ReplayError> {
        if self.request.dry_run {
            return Ok(chunk::Place::nowhere(&group.source));
        }
        if !self.batches.contains_key(&group.source) {
            let batch = self.lake.batches().open_batch(&register_name(&group.source), &self.fingerprint, 0)?;
            let (next_chunk, rows) = (batch.next_chunk, batch.resume.values().map(|progress| progress.next_row).sum());
            self.batches.insert(group.source.clone(), OpenBatch { batch, next_chunk, rows });
        }
        let open = self.batches.get_mut(&group.source).expect("it was opened");
        open.rows += group.rows.len() as u64;
        open.next_chunk += 1;
        let progress = Progress { file: "quarantine".into(), next_row: open.rows, done: false, state: Vec::new() };
        Ok(chunk::Place { batch: open.batch.id.clone(), chunk: open.next_chunk - 1, progress: Some(progress) })
    }

    fn finish(mut self, since: Instant) -> Result<ReplayReport, ReplayError> {
        for (source, open) in &self.batches {
            self.lake.batches().close_batch(&register_name(source), &open.batch.id)?;
        }
        self.report.seconds = since.elapsed().as_secs_f64();
        Ok(self.report)
    }
}

/// The name under which replays of `source` are counted: no source has a slash in its own.
fn register_name(source: &str) -> String {
    format!("{source}/replay")
}

fn work(sources: &Sources, rules: &Arc<CompiledRules>, name: &str) -> Result<Work, Vec<Problem>> {
    let Some(source) = sources.find(name) else { return Ok(Work::None("the project has no such source any more: discard them")) };
    let origin = Arc::new(origin(sources, rules, source)?);
    if source.spec.live() == Some(Api::Tracking) {
        let channel = source.spec.channel.as_deref().and_then(Channel::parse);
        let tracker = Tracker::new(&origin, channel, &source.spec.purpose);
        let tracker = tracker.with_expectations(expectations_of(sources, source)?);
        return Ok(Work::Tracked(Box::new(tracker)));
    }
    if source.mappings.is_empty() {
        return Ok(Work::None("a lookup gives no facts: correct its file, import it again, and discard them"));
    }
    Ok(Work::Mapped(Box::new(Mappings::prepare(sources, source, origin)?)))
}
