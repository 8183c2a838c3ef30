//! Sources that follow a stream: of NATS JetStream, or of Kafka.
//!
//! ```text
//! broker → line: fetch → gather (budget of the door) → door: decode, type, append with the cursor → acknowledge at the broker
//! ```
//! Where a source stands is part of the commit of its facts ([`cursor`]): after a crash it goes on behind the last message that is stored, whatever
//! the broker believes, and a message that is delivered again is passed over by its number. The broker is told only after that commit.
//!
//! A *line* is what has an order: a stream of NATS, a partition of Kafka. One delivery of a line is in the door at a time, while the next is gathered;
//! so a line's cursor only ever moves over what is stored, and different lines go side by side. What is fetched draws on the door's budget
//! like a body over HTTP; while the store is slow or full nothing more is fetched.
//!
//! A broker that is away is asked again for as long as the source is followed, and holds up nobody else. How a source is doing is
//! told by [`Streams::health`].
//!
//! Deliberately missing: consumer groups of Kafka (the cursor is ours, so a group has nothing to do), schema registries, transactions that were
//! aborted (the client library does not tell their messages from others), signatures of NATS (JWT and nkeys).

mod cursor;
mod health;
mod kafka;
mod line;
mod nats;
mod tls;

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clew_lake::StorageError;
use futures::FutureExt;
use serde::Serialize;
use tokio::sync::watch;
use tokio::task::JoinSet;

use self::health::Vitals;
pub use self::health::{LineHealth, Notice, State, StreamHealth};
pub use self::tls::TlsError;
pub(crate) use self::tls::client_config;
use crate::backoff::Backoff;
use crate::live::{Counts, Door, LiveSource};
use crate::spec::{Followed, Kafka, Nats, Source, Sources};

/// How long a broker is left alone after an error.
const PAUSES: Backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(30));
/// A connection that held for so long starts with the first pause again.
const HELD: Duration = Duration::from_mins(1);
/// How often a broker is asked that has to give all it has and then no more.
const MOST_TRIES: u32 = 5;

/// Why a source does not follow its stream now.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// The source has a mistake.
    #[error("the source has a mistake: `clew check` tells it")]
    Refused,
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// What the broker or its client library says.
    #[error("{0}")]
    Broker(String),
    /// There is no such stream or topic.
    #[error("the broker has no {0}")]
    Missing(String),
    /// The broker does not answer.
    #[error("the broker did not answer within {0} s")]
    Late(u64),
    /// Messages did not come in their order: they are asked for anew.
    #[error("a message was lost on its way: the line is read anew from the last one that is stored")]
    Gap,
    /// The store cannot be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// Something panicked.
    #[error("following the stream failed for a reason of ours; please report it with the log")]
    Fault,
}

/// Why following ended in good order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// It was told to stop.
    Stopped,
    /// It gave all that it had.
    Empty,
}

/// How long a stream is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Until {
    /// Until it is told to stop.
    Stopped,
    /// Until the broker has no more.
    Empty,
}

/// What a source declares, for a task of its own.
enum Broker {
    Nats(Nats),
    Kafka(Kafka),
}

/// What the parts of one source share.
#[derive(Clone)]
struct Context {
    door: Door,
    source: Arc<LiveSource>,
    vitals: Arc<Vitals>,
    until: Until,
    stop: watch::Receiver<bool>,
    /// The project's folder.
    dir: PathBuf,
}

impl Context {
    fn now(&self) -> i64 {
        self.door.lake().now().micros()
    }

    async fn stopped(&self) {
        let mut stop = self.stop.clone();
        // A sender that is gone will not say anything else.
        let _ = stop.wait_for(|stop| *stop).await;
    }

    /// Waits; false when it was told to stop meanwhile.
    async fn pause(&self, pause: Duration) -> bool {
        tokio::select! {
            () = self.stopped() => false,
            () = tokio::time::sleep(pause) => true,
        }
    }

    fn failed(&self, error: &impl std::fmt::Display) {
        tracing::warn!(source = self.source.name(), %error, "a stream is not followed now");
        self.vitals.failed(self.now(), error);
    }

    fn notice(&self, text: String) {
        tracing::error!(source = self.source.name(), "{text}");
        self.vitals.notice(self.now(), text);
    }
}

/// The sources of a project that follow a stream, each with a task of its own.
pub struct Streams {
    followers: Vec<Arc<Vitals>>,
    stop: watch::Sender<bool>,
    tasks: tokio::sync::Mutex<JoinSet<()>>,
}

impl std::fmt::Debug for Streams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Streams").field("followers", &self.followers.len()).finish_non_exhaustive()
    }
}

impl Streams {
    /// Begins to follow, through `door`, but for sources that say `watch: false`. Brokers need not be there.
    pub fn start(door: &Door, sources: &Sources) -> Self {
        let (stop, stopped) = watch::channel(false);
        let (mut followers, mut tasks) = (Vec::new(), JoinSet::new());
        for source in &sources.sources {
            let Some((broker, context)) = context(door, sources, source, (Until::Stopped, stopped.clone())) else { continue };
            followers.push(Arc::clone(&context.vitals));
            tasks.spawn(async move { keep_following(&broker, &context).await });
        }
        Self { followers, stop, tasks: tokio::sync::Mutex::new(tasks) }
    }

    /// How each source is doing, in order of name.
    pub fn health(&self) -> Vec<StreamHealth> {
        self.followers.iter().map(|vitals| vitals.read()).collect()
    }

    /// Fetches nothing more and waits until what was fetched is stored; what is not stays unacknowledged at the broker. Call it before
    /// the door is closed.
    pub async fn stop(&self) {
        self.stop.send_replace(true);
        let mut tasks = self.tasks.lock().await;
        while tasks.join_next().await.is_some() {}
    }
}

fn context(
    door: &Door,
    sources: &Sources,
    source: &Source,
    (until, stop): (Until, watch::Receiver<bool>),
) -> Option<(Broker, Context)> {
    let followed = source.spec.followed().filter(|_| source.spec.watch || until == Until::Empty)?;
    let live = Arc::clone(door.follower(&source.name)?);
    let vitals = Arc::new(Vitals::new(&source.name, followed.broker()));
    let broker = match followed {
        Followed::Nats(nats) => Broker::Nats(nats.clone()),
        Followed::Kafka(kafka) => Broker::Kafka(kafka.clone()),
    };
    Some((broker, Context { door: door.clone(), source: live, vitals, until, stop, dir: sources.dir.clone() }))
}

/// Follows until told to stop, whatever happens to the broker.
async fn keep_following(broker: &Broker, context: &Context) {
    let mut pauses = PAUSES;
    let end = loop {
        let since = Instant::now();
        match follow(broker, context).await {
            Ok(_) => break State::Stopped,
            Err(StreamError::Refused) => break State::Refused,
            Err(error) => context.failed(&error),
        }
        if since.elapsed() > HELD {
            pauses.reset();
        }
        context.vitals.enter(State::Retrying);
        if !context.pause(pauses.next()).await {
            break State::Stopped;
        }
    };
    context.vitals.enter(end);
}

/// Follows until the connection fails.
async fn follow(broker: &Broker, context: &Context) -> Result<End, StreamError> {
    if !context.source.is_sound() {
        return Err(StreamError::Refused);
    }
    let following = async {
        match broker {
            Broker::Nats(nats) => nats::follow(nats, context).await,
            Broker::Kafka(kafka) => kafka::follow(kafka, context).await,
        }
    };
    AssertUnwindSafe(following).catch_unwind().await.unwrap_or_else(|_| {
        tracing::error!(source = context.source.name(), "following a stream panicked");
        Err(StreamError::Fault)
    })
}

/// Asks the broker of `source` for its stream, once. `None` when it follows none.
pub async fn probe(sources: &Sources, source: &Source) -> Option<Result<(), StreamError>> {
    Some(match source.spec.followed()? {
        Followed::Nats(declared) => nats::probe(declared, &source.name, &sources.dir).await,
        Followed::Kafka(declared) => kafka::probe(declared, &source.name, &sources.dir).await,
    })
}

/// What was read of a stream that was read to its end.
#[derive(Clone, Debug, Serialize)]
pub struct DrainReport {
    /// The source.
    pub source: String,
    /// Messages by what became of them; a tracking call or a row is one.
    pub messages: Counts,
    /// Where the source stands, by line: the first offset that is not stored.
    pub next: BTreeMap<String, u64>,
    /// What happened that somebody must know of.
    pub notices: Vec<String>,
}

/// Reads what the stream of `source` has now, and no more. `None` when it follows none.
pub async fn drain(door: &Door, sources: &Sources, source: &Source) -> Option<Result<DrainReport, StreamError>> {
    let (_stop, stopped) = watch::channel(false);
    let (broker, context) = context(door, sources, source, (Until::Empty, stopped))?;
    let mut pauses = PAUSES;
    for tries in 1.. {
        match follow(&broker, &context).await {
            Ok(_) => break,
            Err(error @ StreamError::Refused) => return Some(Err(error)),
            Err(error) if tries == MOST_TRIES => return Some(Err(error)),
            Err(error) => context.failed(&error),
        }
        tokio::time::sleep(pauses.next()).await;
    }
    let health = context.vitals.read();
    Some(Ok(DrainReport {
        source: source.name.clone(),
        messages: context.source.counts(),
        next: health.lines.into_iter().map(|(line, health)| (line, health.next)).collect(),
        notices: health.notices.into_iter().map(|notice| notice.text).collect(),
    }))
}
