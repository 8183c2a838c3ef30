//! The door: requests of live sources into chunks of the lake, each answered when it is on disk.
//!
//! ```text
//! request → budget → queue of its source → (merge what waits → decode, type → append) × 4 → answers
//! ```
//! A request is one fsync if it is alone and a share of one if it is not: while the disk is busy requests wait, and what waits for one source
//! becomes one chunk. So latency is that of the disk, and throughput grows with the load instead of queues.
//!
//! Memory is bounded by a budget of bytes, which bodies draw on while they are still being received; whoever finds it used up is told to
//! come again ([`Refusal::Busy`]). A refusal means that nothing of the request was stored; an answer means that everything
//! it says is on disk. A client that goes away without its answer sends the request again, and its facts are duplicates.
//!
//! Sources that follow a stream come through the same door ([`crate::stream`]): a delivery of a broker is a chunk of its own, and its commit
//! moves the source on in the stream.
//!
//! Each source gets a batch per process and UTC day, in which messages are rows. Deliberately missing: an order between requests (facts carry
//! their time), and a spill of waiting requests to disk, which is what the lake's log is.

mod delivery;
mod quality;
mod rehearse;
mod rows;
mod source;
mod tail;

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use clew_lake::{AppendError, Chunk, Lake};
use futures::FutureExt;
use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinSet;

pub use self::delivery::{Delivery, Message, Treatment};
use self::quality::Told;
pub use self::rehearse::Rehearsal;
use self::source::NextChunk;
pub use self::source::{Counts, LiveSource};
use self::tail::Sights;
pub use self::tail::{Heard, Line, Listener, MOST_LISTENERS, Tail};
use crate::import::{Place, quarantine_rows};
use crate::observe::NotePlace;
use crate::outcome::{Offered, Outcome, Taken, append};
use crate::spec::{Format, Sources};
use crate::tracking::{Body, BodyError, Call, Draft, ENDPOINT};

/// Bytes of bodies that may wait or be at work, usually.
pub const BUDGET: usize = 64 << 20;
/// Appends of all sources that run at once: one decodes while another waits for the disk.
const IN_FLIGHT: usize = 4;
/// Bytes of bodies that one chunk takes; the lake keeps rows of a chunk up to about this size in its log entry.
pub(crate) const GROUP_BYTES: usize = 768 << 10;
/// Requests that one chunk takes.
pub(crate) const GROUP_REQUESTS: usize = 1_024;
/// Bytes of a body of rows.
pub const MOST_ROW_BYTES: usize = 4 << 20;
/// Subjects that the door remembers to have offered to the lake: about 32 MB.
const MOST_SUBJECTS: usize = 1_000_000;
/// Seconds after which a client may come again: the queue moves fast, a full disk does not.
const RETRY_BUSY: u32 = 1;
const RETRY_STORAGE: u32 = 10;

/// Why a request was not taken. Nothing of it is stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The body cannot be read.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// The rows cannot be read, or do not fit the source's mapping.
    #[error("{0}")]
    Rows(String),
    /// The source's own declaration or SQL is wrong.
    #[error("the source cannot take anything: `clew check` says what is wrong with it")]
    Source,
    /// Too much waits already.
    #[error("more waits than fits the memory set aside for it; come again in {retry_after} s")]
    Busy {
        /// Seconds.
        retry_after: u32,
    },
    /// The lake cannot store now.
    #[error("{reason}; come again in {retry_after} s")]
    Storage {
        /// Why, without a path.
        reason: &'static str,
        /// Seconds.
        retry_after: u32,
    },
    /// The process is stopping.
    #[error("the server is stopping; come again in {retry_after} s")]
    Closing {
        /// Seconds.
        retry_after: u32,
    },
    /// A fault of ours.
    #[error("something went wrong here; nothing of this request was stored")]
    Fault,
}

/// What a request brings.
#[derive(Clone, Debug)]
pub enum Payload {
    /// A body of the tracking API.
    Tracking(Call),
    /// Rows in this format.
    Rows(Format),
    /// What a broker delivered; the body is empty.
    Delivery(Box<Delivery>),
}

/// What became of a request: everything that it says is on disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// By message, in the order of the body.
    pub outcomes: Vec<Outcome>,
    /// `messageId` of every message that has one.
    pub ids: Vec<Option<Box<str>>>,
}

/// See the module. Clones share it.
#[derive(Clone)]
pub struct Door {
    inner: Arc<Inner>,
}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Door").field("sources", &self.inner.sources.len()).finish_non_exhaustive()
    }
}

/// Numbers about the door.
#[derive(Clone, Copy, Debug, Default)]
pub struct Load {
    /// Bytes of bodies that wait or are at work.
    pub bytes: usize,
    /// The most that they may be.
    pub budget: usize,
    /// Appends so far.
    pub appends: u64,
    /// Seconds that they took, decoding included.
    pub seconds: f64,
}

struct Inner {
    lake: Lake,
    sources: Vec<Arc<LiveSource>>,
    queue: Mutex<Queue>,
    used: AtomicUsize,
    budget: usize,
    offered: Mutex<Offered>,
    idle: Notify,
    /// Comparisons of the day before, which hold up no request.
    looks: Mutex<JoinSet<()>>,
    tail: Tail,
    appends: AtomicU64,
    micros: AtomicU64,
}

#[derive(Default)]
struct Queue {
    /// By place of the source.
    waiting: Vec<VecDeque<Request>>,
    /// The source whose turn it is.
    turn: usize,
    at_work: usize,
    closed: bool,
}

struct Request {
    payload: Payload,
    body: Vec<u8>,
    received: i64,
    /// Given back when the request is answered.
    _reservation: Reservation,
    answer: oneshot::Sender<Result<Answer, Refusal>>,
}

/// Bytes drawn from the door's budget; given back when it is dropped.
pub struct Reservation {
    inner: Arc<Inner>,
    bytes: usize,
}

impl std::fmt::Debug for Reservation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reservation").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

impl Reservation {
    /// Draws `bytes` more.
    pub fn grow(&mut self, bytes: usize) -> Result<(), Refusal> {
        let budget = self.inner.budget;
        let fits = |used: usize| used.checked_add(bytes).filter(|used| *used <= budget);
        let drawn = self.inner.used.fetch_update(Ordering::AcqRel, Ordering::Acquire, fits);
        drawn.map_err(|_| Refusal::Busy { retry_after: RETRY_BUSY })?;
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.inner.used.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

impl Door {
    /// The door of `lake` for the live sources of a project; `budget` is the bytes of bodies that may wait or be at work. A source with
    /// mistakes is there and refuses everything.
    pub fn open(lake: &Lake, sources: &Sources, budget: usize) -> Self {
        let nonce = format!("{}-{}", std::process::id(), lake.now().micros());
        let sources: Vec<Arc<LiveSource>> = LiveSource::all(lake, sources, &nonce).into_iter().map(Arc::new).collect();
        let queue = Queue { waiting: sources.iter().map(|_| VecDeque::new()).collect(), ..Queue::default() };
        Self {
            inner: Arc::new(Inner {
                lake: lake.clone(),
                sources,
                queue: Mutex::new(queue),
                used: AtomicUsize::new(0),
                budget,
                offered: Mutex::new(Offered::new(MOST_SUBJECTS)),
                idle: Notify::new(),
                looks: Mutex::default(),
                tail: Tail::default(),
                appends: AtomicU64::new(0),
                micros: AtomicU64::new(0),
            }),
        }
    }

    /// The live sources.
    pub fn sources(&self) -> &[Arc<LiveSource>] {
        &self.inner.sources
    }

    /// The source called `name` that takes its facts over HTTP.
    pub fn source(&self, name: &str) -> Option<&Arc<LiveSource>> {
        self.inner.sources.iter().find(|source| source.name() == name && !source.follows())
    }

    /// The source called `name` that follows a stream.
    pub fn follower(&self, name: &str) -> Option<&Arc<LiveSource>> {
        self.inner.sources.iter().find(|source| source.name() == name && source.follows())
    }

    /// The store behind it.
    pub(crate) fn lake(&self) -> &Lake {
        &self.inner.lake
    }

    /// Nothing drawn yet: a body draws as it is received.
    pub fn reserve(&self) -> Reservation {
        Reservation { inner: Arc::clone(&self.inner), bytes: 0 }
    }

    /// What the door does right now, for whoever listens.
    pub fn tail(&self) -> &Tail {
        &self.inner.tail
    }

    /// Numbers about the door.
    pub fn load(&self) -> Load {
        let inner = &self.inner;
        Load {
            bytes: inner.used.load(Ordering::Relaxed),
            budget: inner.budget,
            appends: inner.appends.load(Ordering::Relaxed),
            seconds: inner.micros.load(Ordering::Relaxed) as f64 / 1e6,
        }
    }

    /// Takes a request of `source` and answers when everything that it says is on disk. `reservation` covers `body`.
    pub async fn take(
        &self,
        source: &Arc<LiveSource>,
        payload: Payload,
        body: Vec<u8>,
        reservation: Reservation,
    ) -> Result<Answer, Refusal> {
        let (answer, answered) = oneshot::channel();
        let received = self.inner.lake.now().micros();
        let request = Request { payload, body, received, _reservation: reservation, answer };
        {
            let mut queue = self.inner.queue();
            if queue.closed {
                return Err(Refusal::Closing { retry_after: RETRY_STORAGE });
            }
            queue.waiting[source.place()].push_back(request);
            if queue.at_work < IN_FLIGHT {
                queue.at_work += 1;
                tokio::spawn(work(Arc::clone(&self.inner)));
            }
        }
        // A dropped sender means that its worker panicked.
        answered.await.unwrap_or(Err(Refusal::Fault))
    }

    /// Stores what a broker delivered to `source`, with where the source stands behind it. What the delivery holds is not drawn on the
    /// budget again: whoever gathered it has.
    pub(crate) async fn follow(&self, source: &Arc<LiveSource>, delivery: Delivery) -> Result<Answer, Refusal> {
        self.take(source, Payload::Delivery(Box::new(delivery)), Vec::new(), self.reserve()).await
    }

    /// Takes nothing more and waits until all that was taken is answered.
    pub async fn close(&self) {
        self.inner.tail.close();
        loop {
            let idle = self.inner.idle.notified();
            tokio::pin!(idle);
            idle.as_mut().enable();
            {
                let mut queue = self.inner.queue();
                queue.closed = true;
                if queue.at_work == 0 {
                    break;
                }
            }
            idle.await;
        }
        let mut looks = std::mem::take(&mut *self.inner.looks.lock().expect("no holder panics"));
        while looks.join_next().await.is_some() {}
        for source in &self.inner.sources {
            source.quality().finish(&self.inner.lake, source).await;
        }
    }
}

/// Stores what waits until nothing does.
async fn work(inner: Arc<Inner>) {
    while let Some((source, group)) = inner.next_group() {
        let since = Instant::now();
        if AssertUnwindSafe(inner.store(&source, group)).catch_unwind().await.is_err() {
            tracing::error!(source = source.name(), "a worker of the door panicked; its requests were refused");
        }
        inner.appends.fetch_add(1, Ordering::Relaxed);
        inner.micros.fetch_add(since.elapsed().as_micros() as u64, Ordering::Relaxed);
    }
}

/// What one chunk is made of.
struct Prepared {
    taken: Taken,
    /// Requests that are in it, with the number of their messages.
    requests: Vec<(Request, usize)>,
    chunk: Chunk,
    /// What the tail will tell of them; none where nobody listens.
    sights: Option<Sights>,
    /// What the chunk tells as alarms.
    told: Vec<Told>,
    opens_batch: bool,
}

impl Inner {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().expect("no holder of the queue panics")
    }

    /// What waits for the source whose turn it is; `None` ends the worker that asks.
    fn next_group(&self) -> Option<(Arc<LiveSource>, Vec<Request>)> {
        let mut queue = self.queue();
        let n = queue.waiting.len();
        let turn = queue.turn;
        let Some(place) = (0..n).map(|i| (turn + i) % n).find(|place| !queue.waiting[*place].is_empty()) else {
            queue.at_work -= 1;
            if queue.at_work == 0 {
                self.idle.notify_waiters();
            }
            return None;
        };
        queue.turn = place + 1;
        let (mut group, mut bytes) = (Vec::new(), 0);
        while let Some(request) = queue.waiting[place].front() {
            if !group.is_empty() && (bytes + request.body.len() > GROUP_BYTES || group.len() == GROUP_REQUESTS) {
                break;
            }
            bytes += request.body.len();
            let is_delivery = matches!(request.payload, Payload::Delivery(_));
            group.extend(queue.waiting[place].pop_front());
            // A delivery is a group already, and of one line: the chunk has one place.
            if is_delivery {
                break;
            }
        }
        Some((Arc::clone(&self.sources[place]), group))
    }

    async fn store(self: &Arc<Self>, source: &Arc<LiveSource>, group: Vec<Request>) {
        let (inner, of) = (Arc::clone(self), Arc::clone(source));
        let handle = Handle::current();
        let prepared = tokio::task::spawn_blocking(move || inner.prepare(&of, group, &handle)).await;
        let Ok(Some(mut prepared)) = prepared else { return };
        let Prepared { taken, chunk, .. } = &mut prepared;
        match append(&self.lake, &self.offered, taken, chunk).await {
            Ok(receipt) => {
                for (places, verdicts) in prepared.taken.places.iter().zip(&receipt.verdicts) {
                    for (place, verdict) in places.iter().zip(verdicts) {
                        prepared.taken.outcomes[*place as usize].add(*verdict);
                    }
                }
                source.count(&prepared.taken.outcomes);
                if let Some(sights) = prepared.sights.take() {
                    self.tail.tell(source, sights, receipt.offset, &prepared.taken.outcomes);
                }
                let (mut outcomes, mut ids) = (prepared.taken.outcomes.into_iter(), prepared.taken.ids.into_iter());
                for (request, n) in prepared.requests {
                    let answer = Answer { outcomes: outcomes.by_ref().take(n).collect(), ids: ids.by_ref().take(n).collect() };
                    // A client that went away has its facts stored all the same.
                    let _ = request.answer.send(Ok(answer));
                }
                if prepared.opens_batch {
                    self.look_back(source);
                }
            }
            Err(error) => {
                source.quality().untell(&prepared.told);
                let refusal = refusal(&error);
                tracing::error!(source = source.name(), %error, "a chunk was refused by the store");
                refuse_all(prepared.requests, &refusal);
            }
        }
    }

    /// Begins to compare the day before, beside the work: months of profiles take longer than a request may wait.
    fn look_back(&self, source: &Arc<LiveSource>) {
        let (lake, source) = (self.lake.clone(), Arc::clone(source));
        let mut looks = self.looks.lock().expect("no holder panics");
        while looks.try_join_next().is_some() {}
        looks.spawn(async move { source.quality().look_back(&lake, &source).await });
    }

    /// Decodes and types a group; requests that cannot be read are answered at once. `None` when none is left.
    fn prepare(&self, source: &Arc<LiveSource>, group: Vec<Request>, handle: &Handle) -> Option<Prepared> {
        let (mut taken, requests) = match (source.follows(), source.tracker()) {
            (true, _) => prepare_delivery(source, group, &self.lake, handle),
            (false, Some(tracker)) => prepare_tracking(source, tracker, group, &self.lake),
            (false, None) => prepare_rows(source, group, handle),
        }?;
        let sights = (self.tail.listeners() > 0).then(|| Sights::of(&requests, &taken));
        let received = self.lake.now().micros();
        let place = match source.next_chunk(&self.lake, received) {
            Ok(place) => place,
            Err(error) => {
                refuse_all(requests, &refusal(&AppendError::from(error)));
                return None;
            }
        };
        let NextChunk { batch, number, opens_batch } = place;
        let delivery = requests.first().and_then(|(request, _)| match &request.payload {
            Payload::Delivery(delivery) => Some(delivery),
            _ => None,
        });
        let file = delivery.map_or(source.endpoint(), |delivery| &delivery.file);
        let place = Place { source: source.name(), batch: batch.as_str(), file, at: received, numbered: delivery.is_some() };
        let mut chunk = Chunk::new(source.name(), batch.clone(), number, source.mode());
        chunk.file = Some(file.to_owned());
        chunk.positions = delivery.map(|delivery| delivery.position.clone()).into_iter().collect();
        chunk.rows = taken.rows;
        chunk.quarantine = quarantine_rows(&place, &std::mem::take(&mut taken.refused));
        let expectations = source.expectations();
        let place =
            NotePlace { source: source.name(), batch: batch.as_str(), chunk: number, at: received, expectations: &expectations };
        let widened = crate::widening::alarms(&self.lake, &taken.facts, source.columns());
        let notes = match source.quality().notes(&place, std::mem::take(&mut taken.observed), widened, &self.lake) {
            Ok(notes) => notes,
            Err(error) => {
                refuse_all(requests, &refusal(&AppendError::from(error)));
                return None;
            }
        };
        chunk.notes = notes.rows;
        chunk.positions.extend(notes.remembered);
        Some(Prepared { taken, requests, chunk, sights, told: notes.told, opens_batch })
    }
}

fn refuse_all(requests: Vec<(Request, usize)>, refusal: &Refusal) {
    for (request, _) in requests {
        let _ = request.answer.send(Err(refusal.clone()));
    }
}

fn prepare_rows(source: &LiveSource, group: Vec<Request>, handle: &Handle) -> Option<(Taken, Vec<(Request, usize)>)> {
    let (mut taken, mut requests) = (Taken::default(), Vec::new());
    for mut request in group {
        let format = match request.payload {
            Payload::Rows(format) => format,
            Payload::Tracking(_) | Payload::Delivery(_) => Format::Json,
        };
        let body = std::mem::take(&mut request.body);
        match source.map_rows(body, format, request.received, handle) {
            Ok(mapped) => {
                let before = taken.outcomes.len();
                taken.extend(mapped);
                requests.push((request, taken.outcomes.len() - before));
            }
            Err(refusal) => {
                let _ = request.answer.send(Err(refusal));
            }
        }
    }
    (!requests.is_empty()).then_some((taken, requests))
}

/// The one delivery of a group; everything else that came to this source is none.
fn prepare_delivery(
    source: &LiveSource,
    group: Vec<Request>,
    lake: &Lake,
    handle: &Handle,
) -> Option<(Taken, Vec<(Request, usize)>)> {
    let mut prepared = None;
    for request in group {
        let taken = match &request.payload {
            Payload::Delivery(delivery) => delivery::prepare(source, delivery, lake, handle),
            _ => Err(Refusal::Source),
        };
        match taken {
            Ok(taken) => {
                let n = taken.outcomes.len();
                prepared = Some((taken, vec![(request, n)]));
            }
            Err(refusal) => {
                let _ = request.answer.send(Err(refusal));
            }
        }
    }
    prepared
}

fn prepare_tracking(
    source: &LiveSource,
    tracker: &crate::tracking::Tracker,
    group: Vec<Request>,
    lake: &Lake,
) -> Option<(Taken, Vec<(Request, usize)>)> {
    let mut requests: Vec<Request> = Vec::with_capacity(group.len());
    let mut counts = Vec::with_capacity(group.len());
    // Facts borrow from the bodies until they are columns, so the bodies that are refused leave afterwards.
    let mut refused = Vec::new();
    let taken = {
        let mut draft = Draft::new(tracker);
        for (at, request) in group.iter().enumerate() {
            let call = match request.payload {
                Payload::Tracking(call) => call,
                Payload::Rows(_) | Payload::Delivery(_) => Call::Batch,
            };
            match Body::read(&request.body, call, tracker.purpose()) {
                Ok(body) => counts.push(draft.add(&body, call, request.received).len()),
                Err(error) => refused.push((at, error)),
            }
        }
        if counts.is_empty() { None } else { Some(draft.finish(lake.now().micros(), source.next_rows(counts.iter().sum()))) }
    };
    let mut refused = refused.into_iter().peekable();
    for (at, request) in group.into_iter().enumerate() {
        match refused.next_if(|(place, _)| *place == at) {
            Some((_, error)) => {
                let _ = request.answer.send(Err(error.into()));
            }
            None => requests.push(request),
        }
    }
    Some((taken?, requests.into_iter().zip(counts).collect()))
}

/// What the sender reads when the lake refuses. The log has the error itself.
fn refusal(error: &AppendError) -> Refusal {
    match error {
        AppendError::DiskFull { .. } => Refusal::Storage { reason: "the disk is full", retry_after: RETRY_STORAGE },
        AppendError::Storage(_) => Refusal::Storage { reason: "the store cannot be written", retry_after: RETRY_STORAGE },
        AppendError::Shape { .. } | AppendError::SubjectCollision { .. } => Refusal::Fault,
    }
}

/// The path that stands for the requests of a source.
fn endpoint_of(name: &str, is_tracking: bool) -> String {
    if is_tracking { ENDPOINT.to_owned() } else { Path::new("/v1/sources").join(name).display().to_string() }
}
