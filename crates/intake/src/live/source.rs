//! A live source, over HTTP or from a stream: what is done with them, which batch they are counted in, what became of them so far.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use clew_lake::{Lake, Mode, StorageError};
use clew_model::{BatchId, Channel};
use serde::Serialize;
use tokio::runtime::Handle;

use super::quality::LiveQuality;
use super::rows::{RowMapping, Taking};
use super::{Refusal, endpoint_of};
use crate::expect::Expectations;
use crate::import::{compile, expectations_of, origin};
use crate::observe::Sampling;
use crate::outcome::{Outcome, Taken};
use crate::spec::{Api, Format, Problem, PromotedType, Signature, Source, Sources};
use crate::tracking::Tracker;

const DAY: i64 = 86_400_000_000;

/// See the module.
pub struct LiveSource {
    name: String,
    place: usize,
    api: Api,
    follows: bool,
    mode: Mode,
    endpoint: String,
    signature: Option<Signature>,
    columns: BTreeMap<String, PromotedType>,
    work: Result<Work, Vec<Problem>>,
    /// Tells the batches of this process from those of others.
    nonce: String,
    batch: Mutex<Option<LiveBatch>>,
    quality: LiveQuality,
    rows: AtomicI64,
    counts: [AtomicU64; 5],
}

impl std::fmt::Debug for LiveSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LiveSource").field("name", &self.name).field("api", &self.api).finish_non_exhaustive()
    }
}

enum Work {
    Tracking(Box<Tracker>, Arc<Expectations>),
    Rows(Box<RowMapping>),
}

struct LiveBatch {
    id: BatchId,
    day: i64,
    next_chunk: i64,
}

/// What became of the messages of a source since the process began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Stored.
    pub accepted: u64,
    /// There already.
    pub duplicate: u64,
    /// In quarantine.
    pub quarantined: u64,
    /// Refused for good.
    pub rejected: u64,
    /// Said nothing.
    pub skipped: u64,
}

impl Counts {
    /// The counts of `outcomes`.
    pub fn of(outcomes: &[Outcome]) -> Self {
        let mut counts = Self::default();
        for outcome in outcomes {
            let count = match outcome {
                Outcome::Stored => &mut counts.accepted,
                Outcome::Duplicate => &mut counts.duplicate,
                Outcome::Quarantined { .. } => &mut counts.quarantined,
                Outcome::Rejected { .. } => &mut counts.rejected,
                Outcome::Skipped => &mut counts.skipped,
            };
            *count += 1;
        }
        counts
    }

    fn parts(self) -> [u64; 5] {
        [self.accepted, self.duplicate, self.quarantined, self.rejected, self.skipped]
    }
}

impl LiveSource {
    /// Every live source of a project.
    pub(super) fn all(lake: &Lake, sources: &Sources, nonce: &str) -> Vec<Self> {
        let live = sources.sources.iter().filter_map(|source| Some((source, source.spec.live()?)));
        live.enumerate().map(|(place, (source, api))| Self::new((lake, sources), source, (place, api), nonce)).collect()
    }

    fn new((lake, sources): (&Lake, &Sources), source: &Source, (place, api): (usize, Api), nonce: &str) -> Self {
        let work = Self::work(lake, sources, source, api);
        if let Err(problems) = &work {
            let what = problems.first().map_or("", |problem| problem.message.as_str());
            tracing::error!(source = source.name, problem = what, "a live source refuses everything until it is mended");
        }
        Self {
            name: source.name.clone(),
            place,
            api,
            follows: source.spec.followed().is_some(),
            mode: source.spec.mode.into(),
            endpoint: endpoint_of(&source.name, api == Api::Tracking),
            signature: source.spec.signature.clone(),
            columns: source.spec.columns.clone(),
            work,
            nonce: nonce.to_owned(),
            quality: LiveQuality::new(&source.name, &source.spec.drift),
            batch: Mutex::new(None),
            rows: AtomicI64::new(1),
            counts: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }

    fn work(lake: &Lake, sources: &Sources, source: &Source, api: Api) -> Result<Work, Vec<Problem>> {
        let errors: Vec<Problem> = crate::check(sources, source, false)
            .into_iter()
            .filter(|problem| problem.severity == crate::Severity::Error)
            .collect();
        if !errors.is_empty() {
            return Err(errors);
        }
        let rules = compile(sources).map_err(crate::ImportError::into_problems)?;
        let origin = Arc::new(origin(sources, &rules, source)?);
        Ok(match api {
            Api::Tracking => {
                let channel = source.spec.channel.as_deref().and_then(Channel::parse);
                let expectations = expectations_of(sources, source)?;
                let tracker = Tracker::new(&origin, channel, &source.spec.purpose).with_expectations(Arc::clone(&expectations));
                Work::Tracking(Box::new(tracker), expectations)
            }
            Api::Rows => Work::Rows(Box::new(RowMapping::new(lake, sources, source, origin)?)),
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it takes.
    pub fn api(&self) -> Api {
        self.api
    }

    /// Whether it follows a stream, and takes nothing over HTTP.
    pub fn follows(&self) -> bool {
        self.follows
    }

    /// The signature that its senders prove themselves with, in the place of a write key.
    pub fn signature(&self) -> Option<&Signature> {
        self.signature.as_ref()
    }

    /// Whether it can take anything.
    pub fn is_sound(&self) -> bool {
        self.work.is_ok()
    }

    /// What became of its messages since the process began.
    pub fn counts(&self) -> Counts {
        let [accepted, duplicate, quarantined, rejected, skipped] =
            [0, 1, 2, 3, 4].map(|at: usize| self.counts[at].load(Ordering::Relaxed));
        Counts { accepted, duplicate, quarantined, rejected, skipped }
    }

    pub(super) fn place(&self) -> usize {
        self.place
    }

    pub(super) fn mode(&self) -> Mode {
        self.mode
    }

    /// What its facts name as their file.
    pub(super) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    pub(super) fn tracker(&self) -> Option<&Tracker> {
        match &self.work {
            Ok(Work::Tracking(tracker, _)) => Some(tracker),
            _ => None,
        }
    }

    /// Its promoted properties.
    pub(super) fn columns(&self) -> &BTreeMap<String, PromotedType> {
        &self.columns
    }

    /// What its data must be like.
    pub(super) fn expectations(&self) -> Arc<Expectations> {
        match &self.work {
            Ok(Work::Tracking(_, expectations)) => Arc::clone(expectations),
            Ok(Work::Rows(mapping)) => Arc::clone(mapping.expectations()),
            Err(_) => Arc::default(),
        }
    }

    pub(super) fn quality(&self) -> &LiveQuality {
        &self.quality
    }

    pub(super) fn mapping(&self) -> Option<&RowMapping> {
        match &self.work {
            Ok(Work::Rows(mapping)) => Some(mapping),
            _ => None,
        }
    }

    /// Maps the rows of a body that came at `received_at`.
    pub(super) fn map_rows(&self, body: Vec<u8>, format: Format, received_at: i64, handle: &Handle) -> Result<Taken, Refusal> {
        let mapping = self.mapping().ok_or(Refusal::Source)?;
        mapping.map(&self.endpoint, body, format, Taking { received_at, handle, sampling: mapping.sampling() })
    }

    /// The same of a body that does not stay.
    pub(super) fn rehearse_rows(
        &self,
        body: Vec<u8>,
        format: Format,
        received_at: i64,
        handle: &Handle,
    ) -> Result<Taken, Refusal> {
        let mapping = self.mapping().ok_or(Refusal::Source)?;
        mapping.map(&self.endpoint, body, format, Taking { received_at, handle, sampling: &Sampling::Again })
    }

    pub(super) fn count(&self, outcomes: &[Outcome]) {
        for (sum, n) in self.counts.iter().zip(Counts::of(outcomes).parts()) {
            sum.fetch_add(n, Ordering::Relaxed);
        }
    }

    /// The number of the first of `n` messages: messages of a process are counted on.
    pub(super) fn next_rows(&self, n: usize) -> i64 {
        self.rows.fetch_add(n as i64, Ordering::Relaxed)
    }

    /// The batch of the UTC day of `now` and the number of its next chunk.
    pub(super) fn next_chunk(&self, lake: &Lake, now: i64) -> Result<NextChunk, StorageError> {
        let day = now.div_euclid(DAY);
        let mut batch = self.batch.lock().expect("no holder panics");
        let opens_batch = batch.as_ref().is_none_or(|batch| batch.day != day);
        if opens_batch {
            let opened = lake.batches().open_batch(&self.name, &format!("live {} {day}", self.nonce), 0)?;
            *batch = Some(LiveBatch { id: opened.id, day, next_chunk: opened.next_chunk });
        }
        let batch = batch.as_mut().expect("it was opened");
        batch.next_chunk += 1;
        Ok(NextChunk { batch: batch.id.clone(), number: batch.next_chunk - 1, opens_batch })
    }

    /// Whether a batch is open.
    pub(super) fn has_batch(&self) -> bool {
        self.batch.lock().expect("no holder panics").is_some()
    }
}

/// Where a chunk belongs.
pub(super) struct NextChunk {
    pub(super) batch: BatchId,
    /// Its number in the batch.
    pub(super) number: i64,
    /// Whether it is the first of its batch.
    pub(super) opens_batch: bool,
}
