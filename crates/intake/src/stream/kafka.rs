//! Kafka, by its protocol alone: every partition of a topic is a line, fetched from its leader behind what is stored.
//!
//! No consumer group: groups share partitions out and remember offsets, and here both are settled. So the cluster is asked for nothing but
//! metadata, offsets and messages, and needs no right but to read and describe the topic.
//!
//! The protocol does not say when a topic was made, so a topic that was deleted and made anew shows by its messages only: it ends in front of us, or
//! has another message where ours was.
//!
//! A partition that fails is tried again by itself; only when it goes on failing is everything about the cluster asked anew. New partitions are
//! looked for every minute and read from their beginning, since they began after us.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use rskafka::BackoffConfig;
use rskafka::client::error::{Error as KafkaError, ProtocolError};
use rskafka::client::partition::{OffsetAt, PartitionClient, UnknownTopicHandling};
use rskafka::client::{Client, ClientBuilder, Credentials, SaslConfig};
use rskafka::record::RecordAndOffset;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::cursor::Extent;
use super::line::{Feed, Line, Members, seen};
use super::{Context, End, HELD, PAUSES, StreamError, Until, client_config};
use crate::live::{GROUP_BYTES, Message};
use crate::spec::{Kafka, Mechanism, Partitions, Start};

/// How long a request may take that the broker answers at once, seconds.
const REQUEST: u64 = 30;
/// How long the client library tries again by itself.
const LIBRARY_TRIES: Duration = Duration::from_secs(5);
/// Bytes of one answer. A broker gives at least one batch of messages, however large it is …
const FETCH_BYTES: i32 = GROUP_BYTES as i32;
/// … up to this.
const MOST_ANSWER_BYTES: usize = 64 << 20;
/// Partitions of a source that are asked at once, or whose answer waits to be gathered: what bounds memory.
const AT_ONCE: usize = 8;
/// How long the brokers hold questions for messages while there are none: of all partitions together, by turns, and of one at least.
const WAIT_MS: usize = 1_000;
const SHORTEST_WAIT_MS: usize = 50;
/// How often new partitions are looked for.
const LOOK: Duration = Duration::from_mins(1);
/// Errors of a partition, one behind the other, until everything is asked anew.
const MOST_FAILURES: u32 = 4;
/// Answers without a message, below the end of a partition, until it counts as read to its end: what is left are marks of transactions.
const MOST_DRY: u32 = 3;
/// How long a partition rests whose answer had no message although it has more.
const DRY: Duration = Duration::from_millis(200);

/// Follows the topic until the cluster fails.
pub async fn follow(kafka: &Kafka, context: &Context) -> Result<End, StreamError> {
    let client = Arc::new(connect(kafka, context.source.name(), &context.dir).await?);
    let (halt, halted) = watch::channel(false);
    let of_lines = Context { stop: halted, ..context.clone() };
    let slots = Arc::new(Semaphore::new(AT_ONCE));
    let mut known = BTreeSet::new();
    let mut lines: JoinSet<Result<End, StreamError>> = JoinSet::new();
    let end = loop {
        match partitions(kafka, &client).await {
            Ok(found) => {
                let start = if known.is_empty() { first_start(kafka, context, &found)? } else { Start::Earliest };
                let wait_ms = (WAIT_MS * AT_ONCE / found.len().max(AT_ONCE)).max(SHORTEST_WAIT_MS) as i32;
                for partition in found.into_iter().filter(|partition| known.insert(*partition)) {
                    let place = Place { topic: kafka.topic.clone(), partition, start, wait_ms, slots: Arc::clone(&slots) };
                    lines.spawn(keep_following(place, of_lines.clone(), Arc::clone(&client)));
                }
            }
            Err(error) if known.is_empty() => break Err(error),
            Err(error) => context.failed(&error),
        }
        if let Some(end) = next_end(context, &mut lines).await {
            break end;
        }
    };
    // What is being stored is stored to its end.
    halt.send_replace(true);
    while lines.join_next().await.is_some() {}
    end
}

/// Where partitions begin that were never read: as declared only while none of the topic was. One that appears later, also while nobody was
/// connected, has begun behind our start.
fn first_start(kafka: &Kafka, context: &Context, found: &BTreeSet<i32>) -> Result<Start, StreamError> {
    for partition in found {
        if Line::stored(context, &name_of(&kafka.topic, *partition))?.is_some() {
            return Ok(Start::Earliest);
        }
    }
    Ok(kafka.start)
}

/// A partition as facts and cursors name it.
fn name_of(topic: &str, partition: i32) -> String {
    format!("kafka:{topic}/{partition}")
}

/// Waits until something ends that all of the topic ends with; none when it is time to look for new partitions.
async fn next_end(context: &Context, lines: &mut JoinSet<Result<End, StreamError>>) -> Option<Result<End, StreamError>> {
    let look = tokio::time::sleep(LOOK);
    tokio::pin!(look);
    loop {
        tokio::select! {
            () = context.stopped() => return Some(Ok(End::Stopped)),
            () = &mut look, if context.until == Until::Stopped => return None,
            ended = lines.join_next() => match ended {
                None => return Some(Ok(End::Empty)),
                Some(Ok(Ok(_))) => {}
                Some(Ok(Err(error))) => return Some(Err(error)),
                Some(Err(_)) => return Some(Err(StreamError::Fault)),
            },
        }
    }
}

/// Whether the topic is there.
pub async fn probe(kafka: &Kafka, name: &str, dir: &Path) -> Result<(), StreamError> {
    partitions(kafka, &connect(kafka, name, dir).await?).await.map(drop)
}

fn broker(error: impl std::fmt::Display) -> StreamError {
    StreamError::Broker(error.to_string())
}

async fn within<T>(work: impl Future<Output = Result<T, KafkaError>>) -> Result<T, StreamError> {
    timeout(Duration::from_secs(REQUEST), work).await.map_err(|_| StreamError::Late(REQUEST))?.map_err(broker)
}

async fn connect(kafka: &Kafka, name: &str, dir: &Path) -> Result<Client, StreamError> {
    let tries = BackoffConfig {
        init_backoff: Duration::from_millis(100),
        max_backoff: Duration::from_secs(2),
        base: 2.0,
        deadline: Some(LIBRARY_TRIES),
    };
    let mut builder = ClientBuilder::new(kafka.brokers.iter().map(str::to_owned).collect())
        .client_id(format!("clew-{name}"))
        .max_message_size(MOST_ANSWER_BYTES)
        .backoff_config(tries);
    if let Some(declared) = &kafka.tls {
        builder = builder.tls_config(Arc::new(client_config(Some(declared), dir)?));
    }
    if let Some(sasl) = &kafka.sasl {
        let credentials = Credentials::new(sasl.user.clone(), sasl.password.reveal().to_owned());
        builder = builder.sasl_config(match sasl.mechanism {
            Mechanism::Plain => SaslConfig::Plain(credentials),
            Mechanism::ScramSha256 => SaslConfig::ScramSha256(credentials),
            Mechanism::ScramSha512 => SaslConfig::ScramSha512(credentials),
        });
    }
    within(builder.build()).await
}

/// The partitions that are wanted and there.
async fn partitions(kafka: &Kafka, client: &Client) -> Result<BTreeSet<i32>, StreamError> {
    let topics = within(client.list_topics()).await?;
    let topic = topics.into_iter().find(|topic| topic.name == kafka.topic);
    let there = topic.map(|topic| topic.partitions).filter(|partitions| !partitions.is_empty());
    let there = there.ok_or_else(|| StreamError::Missing(format!("topic {}", kafka.topic)))?;
    match &kafka.partitions {
        Partitions::All(_) => Ok(there),
        Partitions::Only(wanted) => match wanted.iter().find(|wanted| !there.contains(wanted)) {
            Some(missing) => Err(StreamError::Missing(format!("partition {missing} of the topic {}", kafka.topic))),
            None => Ok(wanted.iter().copied().collect()),
        },
    }
}

/// One partition.
struct Place {
    topic: String,
    partition: i32,
    start: Start,
    wait_ms: i32,
    slots: Arc<Semaphore>,
}

impl Place {
    fn name(&self) -> String {
        name_of(&self.topic, self.partition)
    }
}

/// Follows a partition over errors that are its own.
async fn keep_following(place: Place, context: Context, client: Arc<Client>) -> Result<End, StreamError> {
    let (mut failures, mut pauses) = (0, PAUSES);
    loop {
        let since = Instant::now();
        let error = match follow_partition(&place, &context, &client).await {
            Ok(end) => return Ok(end),
            Err(error) => error,
        };
        if since.elapsed() > HELD {
            failures = 0;
            pauses.reset();
        }
        failures += 1;
        if failures == MOST_FAILURES || context.until == Until::Empty {
            return Err(error);
        }
        context.failed(&format!("{}: {error}", place.name()));
        if !context.pause(pauses.next()).await {
            return Ok(End::Stopped);
        }
    }
}

async fn follow_partition(place: &Place, context: &Context, client: &Client) -> Result<End, StreamError> {
    let partition = within(client.partition_client(&place.topic, place.partition, UnknownTopicHandling::Error)).await?;
    let partition = Arc::new(partition);
    let offset = async |at| within(partition.get_offset(at)).await.map(|offset| offset.max(0) as u64);
    let mut extent =
        Extent { first: offset(OffsetAt::Earliest).await?, end: offset(OffsetAt::Latest).await?, identity: None, at_last: None };
    let stored = Line::stored(context, &place.name())?;
    let last = stored.as_ref().and_then(|stored| stored.last);
    if let Some(last) = last.filter(|last| (extent.first..extent.end).contains(&last.offset)) {
        let (records, _) = within(partition.fetch_records(last.offset as i64, 1..FETCH_BYTES, WAIT_MS as i32)).await?;
        // A compacted topic may have dropped it: then nothing is known.
        extent.at_last = records
            .into_iter()
            .map(|record| seen(&read(&place.topic, place.partition, record)))
            .find(|seen| seen.offset == last.offset);
    }
    let line = Line::resume(context, place.name(), stored, &extent, place.start).await?;
    let mut feed = KafkaFeed {
        context: context.clone(),
        topic: place.topic.clone(),
        line: place.name(),
        partition,
        next: line.cursor().next,
        wait_ms: place.wait_ms,
        slots: Arc::clone(&place.slots),
        fetching: None,
        slot: None,
        dry: 0,
    };
    line.follow(&mut feed).await
}

type Fetched = (Vec<RecordAndOffset>, i64, OwnedSemaphorePermit);

/// Messages of a partition in their order.
struct KafkaFeed {
    context: Context,
    topic: String,
    line: String,
    partition: Arc<PartitionClient>,
    /// The offset that is asked for.
    next: u64,
    wait_ms: i32,
    slots: Arc<Semaphore>,
    /// A question on its way: kept here, because the broker holds it for a while and asking anew would begin that anew.
    fetching: Option<BoxFuture<'static, Result<Fetched, StreamError>>>,
    /// Held while the answer waits to be gathered.
    slot: Option<OwnedSemaphorePermit>,
    /// Answers without a message although there are more.
    dry: u32,
}

impl Feed for KafkaFeed {
    async fn fetch(&mut self) -> Result<Vec<Message>, StreamError> {
        // Whoever asks has gathered what was given before.
        self.slot = None;
        loop {
            let fetching = self.fetching.get_or_insert_with(|| ask(&self.partition, self.next, self.wait_ms, &self.slots));
            let fetched = fetching.await;
            self.fetching = None;
            let (records, end, slot) = fetched?;
            let end = end.max(0) as u64;
            if let Some(last) = records.last() {
                self.next = last.offset as u64 + 1;
                (self.slot, self.dry) = (Some(slot), 0);
                self.context.vitals.lags(&self.line, end.saturating_sub(self.next));
                let partition = self.partition.partition();
                return Ok(records.into_iter().map(|record| read(&self.topic, partition, record)).collect());
            }
            drop(slot);
            self.context.vitals.lags(&self.line, end.saturating_sub(self.next));
            if self.next >= end {
                return Ok(Vec::new());
            }
            tokio::time::sleep(DRY).await;
            self.dry += 1;
            if self.dry >= MOST_DRY {
                self.dry = 0;
                return Ok(Vec::new());
            }
        }
    }
}

fn ask(
    partition: &Arc<PartitionClient>,
    next: u64,
    wait_ms: i32,
    slots: &Arc<Semaphore>,
) -> BoxFuture<'static, Result<Fetched, StreamError>> {
    let (partition, slots) = (Arc::clone(partition), Arc::clone(slots));
    Box::pin(async move {
        let slot = slots.acquire_owned().await.map_err(|_| StreamError::Fault)?;
        let asked = timeout(Duration::from_secs(REQUEST), partition.fetch_records(next as i64, 1..FETCH_BYTES, wait_ms)).await;
        match asked.map_err(|_| StreamError::Late(REQUEST))? {
            Ok((records, end)) => Ok((records, end, slot)),
            Err(KafkaError::ServerError { protocol_error: ProtocolError::OffsetOutOfRange, .. }) => {
                Err(StreamError::Broker(format!("offset {next} is not there any more, or not yet")))
            }
            Err(error) => Err(broker(error)),
        }
    })
}

fn read(topic: &str, partition: i32, record: RecordAndOffset) -> Message {
    let RecordAndOffset { record, offset } = record;
    let published_at = record.timestamp.timestamp_micros();
    let mut columns = Members::default();
    columns.text("_topic", topic);
    columns.number("_partition", partition);
    columns.number("_offset", offset);
    if let Some(key) = &record.key {
        columns.text("_key", &String::from_utf8_lossy(key));
    }
    columns.time("_published_at", published_at);
    let headers = record.headers.iter();
    columns.object("_headers", headers.map(|(name, value)| (name.clone(), String::from_utf8_lossy(value).into_owned())));
    Message { offset: offset.max(0) as u64, published_at, body: record.value, columns: columns.finish(), ack: None }
}
