//! NATS JetStream: one stream, read through a pull consumer that is made anew at every connection, behind what is stored.
//!
//! A consumer that was left behind would first give what is new and only later, when it has waited long enough, what it gave before and nobody
//! acknowledged. One that begins behind the cursor gives everything in its order, which its own count of deliveries proves: a number that is
//! missing means that a message was lost on the way, and the line is read anew.
//!
//! The new consumer is there before the old one is deleted, because a stream with retention by interest forgets messages that no consumer waits
//! for; so they take turns in two names. A work queue allows one consumer only, which begins at its first message: there the old one goes first, and
//! what is stored already is acknowledged and passed over.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, PullConsumer, pull};
use async_nats::jetstream::stream::{RetentionPolicy, Stream};
use async_nats::jetstream::{self, context::GetStreamErrorKind};
use async_nats::{Client, ConnectOptions, Event};
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::cursor::Extent;
use super::line::{Feed, Line, Members};
use super::{Context, End, StreamError, Until, client_config};
use crate::live::{GROUP_BYTES, GROUP_REQUESTS, Message};
use crate::spec::Nats;

/// How long a request of ours may take, seconds.
const REQUEST: u64 = 10;
/// How long the broker holds a request for messages while there are none.
const WAIT: Duration = Duration::from_secs(2);
/// After this the broker gives a message again that was not acknowledged. Longer than a chunk takes; what comes again all the same is passed over.
const ACK_WAIT: Duration = Duration::from_mins(2);
/// Messages that may be unacknowledged: two groups, and what is on its way.
const MOST_UNACKNOWLEDGED: i64 = 4 * GROUP_REQUESTS as i64;
/// How long the broker keeps a consumer without a name of its own when nobody asks it.
const INACTIVE: Duration = Duration::from_mins(5);

/// Follows the stream until the connection fails.
pub async fn follow(nats: &Nats, context: &Context) -> Result<End, StreamError> {
    let lost = Arc::new(Notify::new());
    let client = connect(nats, (context.source.name(), &context.dir), &lost).await?;
    let stream = stream(nats, &client).await?;
    let info = stream.cached_info();
    let first = info.state.first_sequence.max(1);
    let extent = Extent {
        first,
        end: first.max(info.state.last_sequence + 1),
        identity: Some(info.created.unix_timestamp_nanos().to_string()),
        at_last: None,
    };
    let name = format!("nats:{}", nats.stream);
    let stored = Line::stored(context, &name)?;
    let mut line = Line::resume(context, name, stored, &extent, nats.start).await?;
    let consumer = consumer(nats, context, &stream, &mut line).await?;
    line.acknowledge_to(client.clone());
    context.vitals.connected(context.now());
    let mut feed = NatsFeed {
        context: context.clone(),
        stream: nats.stream.clone(),
        client,
        lost,
        consumer,
        opening: None,
        pull: None,
        given: 0,
        size: Size::Group,
        deliveries: 0,
        from: line.cursor().next,
        newest: line.cursor().next - 1,
        stale: Vec::new(),
    };
    line.follow(&mut feed).await
}

/// Whether the stream is there.
pub async fn probe(nats: &Nats, name: &str, dir: &Path) -> Result<(), StreamError> {
    let client = connect(nats, (name, dir), &Arc::default()).await?;
    stream(nats, &client).await.map(drop)
}

async fn stream(nats: &Nats, client: &Client) -> Result<Stream, StreamError> {
    let jetstream = jetstream::new(client.clone());
    within(jetstream.get_stream(&nats.stream)).await?.map_err(|error| match error.kind() {
        GetStreamErrorKind::JetStream(_) => StreamError::Missing(format!("stream {}", nats.stream)),
        _ => broker(error),
    })
}

fn broker(error: impl std::fmt::Display) -> StreamError {
    StreamError::Broker(error.to_string())
}

async fn within<T>(work: impl IntoFuture<Output = T>) -> Result<T, StreamError> {
    timeout(Duration::from_secs(REQUEST), work.into_future()).await.map_err(|_| StreamError::Late(REQUEST))
}

async fn connect(nats: &Nats, (name, dir): (&str, &Path), lost: &Arc<Notify>) -> Result<Client, StreamError> {
    let urls: Vec<String> = nats.url.iter().map(str::to_owned).collect();
    let lost = Arc::clone(lost);
    let mut options = ConnectOptions::new()
        .name(format!("clew {name}"))
        // Connecting again is ours: so it is seen, and counted. The client must have an end of it, or it would try for ever.
        .max_reconnects(urls.len())
        .connection_timeout(Duration::from_secs(REQUEST))
        .request_timeout(Some(Duration::from_secs(REQUEST)))
        .event_callback(move |event| {
            let lost = Arc::clone(&lost);
            async move {
                if matches!(event, Event::Disconnected | Event::Closed) {
                    lost.notify_one();
                }
            }
        });
    // Also where the file says nothing of TLS: the server may ask for it.
    match client_config(nats.tls.as_ref(), dir) {
        Ok(config) => options = options.tls_client_config(config),
        Err(error) if nats.tls.is_some() => return Err(error.into()),
        Err(_) => {}
    }
    if nats.tls.is_some() {
        options = options.require_tls(true);
    }
    if let (Some(user), Some(password)) = (&nats.user, &nats.password) {
        options = options.user_and_password(user.clone(), password.reveal().to_owned());
    }
    if let Some(token) = &nats.token {
        options = options.token(token.reveal().to_owned());
    }
    let several = Duration::from_secs(REQUEST) * urls.len().max(1) as u32;
    let connecting = timeout(several + Duration::from_secs(1), options.connect(urls)).await;
    connecting.map_err(|_| StreamError::Late(several.as_secs()))?.map_err(broker)
}

/// A new consumer behind the line's cursor, in the place of the one before.
async fn consumer(nats: &Nats, context: &Context, stream: &Stream, line: &mut Line) -> Result<PullConsumer, StreamError> {
    let base = match (&nats.durable, &line.cursor().consumer) {
        (Some(durable), _) => durable.clone(),
        (None, Some(known)) => known.clone(),
        (None, None) => {
            // Another project may follow the same stream under the same name of a source.
            let made = format!("clew-{}-{}", context.source.name(), nats_id());
            line.set_consumer(&made).await?;
            made
        }
    };
    let names = ["a", "b"].map(|turn| format!("{base}-{turn}"));
    let has_first = within(stream.consumer_info(&names[0])).await?.is_ok();
    let [new, old] = if has_first { [&names[1], &names[0]] } else { [&names[0], &names[1]] };
    let is_queue = stream.cached_info().config.retention == RetentionPolicy::WorkQueue;
    if is_queue {
        // One that is not there is as good as deleted.
        let _ = within(stream.delete_consumer(old)).await?;
    }
    // One of an earlier crash, between two steps of this.
    let _ = within(stream.delete_consumer(new)).await?;
    let start_sequence = line.cursor().next.max(1);
    let config = pull::Config {
        durable_name: nats.durable.is_some().then(|| new.clone()),
        name: Some(new.clone()),
        description: Some(format!("source {} of Clew, made anew at every connection", context.source.name())),
        deliver_policy: if is_queue { DeliverPolicy::All } else { DeliverPolicy::ByStartSequence { start_sequence } },
        ack_policy: AckPolicy::Explicit,
        ack_wait: ACK_WAIT,
        filter_subject: nats.subject.clone().unwrap_or_default(),
        max_ack_pending: MOST_UNACKNOWLEDGED,
        inactive_threshold: if nats.durable.is_some() { Duration::ZERO } else { INACTIVE },
        ..pull::Config::default()
    };
    let consumer = within(stream.create_consumer(config)).await?.map_err(broker)?;
    if !is_queue {
        let _ = within(stream.delete_consumer(old)).await?;
    }
    Ok(consumer)
}

/// Tells our consumers from those of other projects.
fn nats_id() -> String {
    let mut bytes = [0; 8];
    // Without randomness the clock will do: two projects do not begin in the same nanosecond.
    if rustls::crypto::ring::default_provider().secure_random.fill(&mut bytes).is_err() {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        bytes = (now.as_nanos() as u64).to_le_bytes();
    }
    clew_model::id::Base32::of(u64::from_le_bytes(bytes)).to_string()
}

/// How much is asked for at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Size {
    /// As much as a chunk takes.
    Group,
    /// One message, however large: the next one is larger than a chunk.
    One,
}

type Opening = BoxFuture<'static, Result<pull::Batch, StreamError>>;

/// Messages of a consumer in their order.
struct NatsFeed {
    context: Context,
    stream: String,
    client: Client,
    /// Is told when the connection breaks.
    lost: Arc<Notify>,
    consumer: PullConsumer,
    /// A request for messages on its way. Kept here, because one that is given up loses what is delivered to it.
    opening: Option<Opening>,
    /// Where its messages arrive.
    pull: Option<pull::Batch>,
    /// Messages of it so far.
    given: usize,
    size: Size,
    /// Deliveries of the consumer so far.
    deliveries: u64,
    /// What is in front of this was stored before the connection.
    from: u64,
    /// The newest sequence that was given.
    newest: u64,
    /// Acknowledgements of what was stored before.
    stale: Vec<String>,
}

impl Feed for NatsFeed {
    async fn fetch(&mut self) -> Result<Vec<Message>, StreamError> {
        while let Some(ack) = self.stale.pop() {
            self.client.publish(ack, Vec::new().into()).await.map_err(broker)?;
        }
        let mut messages = Vec::new();
        loop {
            if self.pull.is_none() {
                if !messages.is_empty() {
                    return Ok(messages);
                }
                let lost = Arc::clone(&self.lost);
                let opening = self.opening.get_or_insert_with(|| open(&self.consumer, self.size, self.context.until));
                let opened = tokio::select! {
                    () = lost.notified() => return Err(disconnected()),
                    opened = opening => opened,
                };
                self.opening = None;
                (self.pull, self.given) = (Some(opened?), 0);
            }
            let Some(pull) = &mut self.pull else { continue };
            let next = if messages.is_empty() {
                tokio::select! {
                    () = self.lost.notified() => return Err(disconnected()),
                    next = pull.next() => next,
                }
            } else {
                match pull.next().now_or_never() {
                    Some(next) => next,
                    None => return Ok(messages),
                }
            };
            match next {
                Some(Ok(message)) => {
                    self.given += 1;
                    messages.extend(self.read(&message)?);
                    if messages.len() == GROUP_REQUESTS {
                        return Ok(messages);
                    }
                }
                // The next message is larger than what is left of the request, or than all of it.
                Some(Err(error)) if is_too_large(&error.to_string()) => {
                    self.pull = None;
                    self.size = if self.given == 0 { Size::One } else { Size::Group };
                }
                Some(Err(error)) => return Err(broker(error)),
                None => {
                    self.pull = None;
                    let is_idle = self.given == 0;
                    self.size = Size::Group;
                    if is_idle && messages.is_empty() {
                        self.context.vitals.lags(&format!("nats:{}", self.stream), 0);
                        return Ok(messages);
                    }
                }
            }
        }
    }
}

fn disconnected() -> StreamError {
    StreamError::Broker("the connection to the broker broke".to_owned())
}

/// Whether the broker ended a request because its bytes are used up, in the words of its versions.
fn is_too_large(error: &str) -> bool {
    error.contains("Message Size Exceeds MaxBytes") || error.contains("Batch Completed")
}

fn open(consumer: &PullConsumer, size: Size, until: Until) -> Opening {
    let consumer = consumer.clone();
    Box::pin(async move {
        let opened = match (until, size) {
            (Until::Stopped, Size::Group) => {
                within(consumer.batch().max_messages(GROUP_REQUESTS).max_bytes(GROUP_BYTES).expires(WAIT).messages()).await
            }
            (Until::Stopped, Size::One) => within(consumer.batch().max_messages(1).expires(WAIT).messages()).await,
            (Until::Empty, Size::Group) => {
                within(consumer.fetch().max_messages(GROUP_REQUESTS).max_bytes(GROUP_BYTES).messages()).await
            }
            (Until::Empty, Size::One) => within(consumer.fetch().max_messages(1).messages()).await,
        };
        opened?.map_err(broker)
    })
}

impl NatsFeed {
    /// A message that was not given before.
    fn read(&mut self, message: &jetstream::Message) -> Result<Option<Message>, StreamError> {
        let info = message.info().map_err(broker)?;
        self.deliveries += 1;
        if info.consumer_sequence != self.deliveries {
            return Err(StreamError::Gap);
        }
        let ack = message.message.reply.as_ref().map(ToString::to_string);
        if info.stream_sequence < self.from {
            self.stale.extend(ack);
            return Ok(None);
        }
        if info.stream_sequence <= self.newest {
            return Ok(None);
        }
        self.newest = info.stream_sequence;
        self.context.vitals.lags(&format!("nats:{}", self.stream), info.pending);
        let published_at = (info.published.unix_timestamp_nanos() / 1_000) as i64;
        let mut columns = Members::default();
        columns.text("_stream", &self.stream);
        columns.text("_subject", &message.message.subject);
        columns.number("_sequence", info.stream_sequence);
        columns.time("_published_at", published_at);
        if let Some(headers) = &message.message.headers {
            // Of a header that is given several times the last counts.
            let last = headers.iter().filter_map(|(name, values)| Some((name.to_string(), values.last()?.to_string())));
            columns.object("_headers", last);
        }
        let body = Some(message.message.payload.to_vec());
        Ok(Some(Message { offset: info.stream_sequence, published_at, body, columns: columns.finish(), ack }))
    }
}
