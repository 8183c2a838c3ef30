//! One line of a broker into the store: messages gathered while those before them are being stored, in their order.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use clew_lake::{Position, crash};
use xxhash_rust::xxh3::Xxh3;

use super::cursor::{Cursor, Extent, Seen};
use super::health::State;
use super::{Context, End, StreamError, Until};
use crate::live::{Delivery, Door, GROUP_BYTES, GROUP_REQUESTS, MOST_ROW_BYTES, Message, Refusal, Reservation, Treatment};
use crate::spec::Start;

/// How long is waited until the door has memory again.
const BUSY: Duration = Duration::from_millis(50);
/// How long is waited until the store is tried again: the first time, and at most.
const FIRST_HOLD: Duration = Duration::from_millis(500);
const LONGEST_HOLD: Duration = Duration::from_secs(10);

/// Where messages of a line come from.
pub trait Feed: Send {
    /// Messages that came in behind the last ones. None means that nothing came for a while, and of a line that is read to its end that there
    /// is no more. A future that is dropped loses no message.
    fn fetch(&mut self) -> impl Future<Output = Result<Vec<Message>, StreamError>> + Send;
}

/// Messages that are stored together.
struct Group {
    messages: Vec<Message>,
    bytes: usize,
    /// Held until they are stored.
    reservation: Reservation,
}

/// What was fetched and is not being stored yet.
struct Gathered {
    door: Door,
    /// For which there was no room.
    backlog: VecDeque<Message>,
    group: Group,
}

impl Gathered {
    fn new(door: &Door) -> Self {
        let group = Group { messages: Vec::new(), bytes: 0, reservation: door.reserve() };
        Self { door: door.clone(), backlog: VecDeque::new(), group }
    }

    fn add(&mut self, messages: Vec<Message>) {
        self.backlog.extend(messages);
        self.fill();
    }

    /// Moves as much of the backlog into the group as a chunk takes and the door has memory for.
    fn fill(&mut self) {
        let group = &mut self.group;
        while let Some(message) = self.backlog.front() {
            // Larger ones go to quarantine, and must not wait for memory that the door never has.
            let bytes = message.body.as_ref().map_or(0, Vec::len).min(MOST_ROW_BYTES);
            let is_full = group.messages.len() == GROUP_REQUESTS || group.bytes + bytes > GROUP_BYTES;
            if (is_full && !group.messages.is_empty()) || group.reservation.grow(bytes).is_err() {
                return;
            }
            group.bytes += bytes;
            group.messages.extend(self.backlog.pop_front());
        }
    }

    fn has_room(&self) -> bool {
        self.backlog.is_empty() && self.group.messages.len() < GROUP_REQUESTS && self.group.bytes < GROUP_BYTES
    }

    fn take(&mut self) -> Group {
        let empty = Group { messages: Vec::new(), bytes: 0, reservation: self.door.reserve() };
        let group = std::mem::replace(&mut self.group, empty);
        self.fill();
        group
    }
}

/// A line of a broker on its way into the store.
pub struct Line {
    context: Context,
    /// As facts and cursors name it.
    name: String,
    cursor: Cursor,
    acks: Option<async_nats::Client>,
}

impl Line {
    /// The line called `name` as `extent` shows it, where reading goes on. A first meeting, and everything that happened to it, is on disk
    /// before a message is read: whoever begins with the latest begins there once and for all.
    pub async fn resume(
        context: &Context,
        name: String,
        stored: Option<Cursor>,
        extent: &Extent,
        start: Start,
    ) -> Result<Self, StreamError> {
        let is_new = stored.is_none();
        let next = if start == Start::Latest { extent.end } else { extent.first };
        let first = Cursor { next, identity: extent.identity.clone(), ..Cursor::default() };
        let (cursor, event) = stored.map_or((first, None), |stored| stored.resume(extent));
        if let Some(event) = &event {
            context.notice(format!("{name}: {event}"));
        }
        let mut line = Self { context: context.clone(), name, cursor, acks: None };
        if is_new || event.is_some() {
            line.save().await?;
        }
        line.context.vitals.stands(&line.name, line.cursor.next, None);
        Ok(line)
    }

    /// The cursor of the line called `name`; none when it was never read.
    pub fn stored(context: &Context, name: &str) -> Result<Option<Cursor>, StreamError> {
        let stored = context.door.lake().batches().position(context.source.name(), name)?;
        // What cannot be read was written by a newer version.
        stored
            .map(|bytes| {
                serde_json::from_slice(&bytes).map_err(|_| StreamError::Broker(format!("the cursor of {name} cannot be read")))
            })
            .transpose()
    }

    /// Where it stands.
    pub fn cursor(&self) -> &Cursor {
        &self.cursor
    }

    /// Keeps the name of our consumer for the next connection.
    pub async fn set_consumer(&mut self, consumer: &str) -> Result<(), StreamError> {
        self.cursor.consumer = Some(consumer.to_owned());
        self.save().await
    }

    /// Tells the broker of what is stored through `client`.
    pub fn acknowledge_to(&mut self, client: async_nats::Client) {
        self.acks = Some(client);
    }

    async fn save(&mut self) -> Result<(), StreamError> {
        let (cursor, nothing) = (self.cursor.clone(), Arc::new(Vec::new()));
        match self.deliver(&nothing, 0..0, Treatment::Read, cursor).await {
            Ok(()) => Ok(()),
            Err(refusal) => Err(StreamError::Broker(refusal.to_string())),
        }
    }

    /// Stores what `feed` gives until it is told to stop, or there is no more of a line that is read to its end.
    pub async fn follow(mut self, feed: &mut impl Feed) -> Result<End, StreamError> {
        let context = self.context.clone();
        let mut gathered = Gathered::new(&context.door);
        loop {
            // What is gathered and not being stored stays the broker's.
            if *context.stop.borrow() {
                return Ok(End::Stopped);
            }
            while gathered.group.messages.is_empty() {
                if !gathered.backlog.is_empty() {
                    if !context.pause(BUSY).await {
                        return Ok(End::Stopped);
                    }
                    gathered.fill();
                    continue;
                }
                let fetched = tokio::select! {
                    biased;
                    () = context.stopped() => return Ok(End::Stopped),
                    fetched = feed.fetch() => fetched?,
                };
                context.vitals.connected(context.now());
                if fetched.is_empty() && context.until == Until::Empty {
                    return Ok(End::Empty);
                }
                gathered.add(fetched);
            }
            let (group, mut more) = (gathered.take(), Some(Ok(())));
            let mut storing = pin!(self.store(group));
            let end = loop {
                tokio::select! {
                    biased;
                    end = &mut storing => break end,
                    fetched = feed.fetch(), if matches!(more, Some(Ok(()))) && gathered.has_room() => match fetched {
                        Ok(fetched) if fetched.is_empty() => more = None,
                        Ok(fetched) => gathered.add(fetched),
                        Err(error) => more = Some(Err(error)),
                    },
                }
            };
            if end == Some(End::Stopped) {
                return Ok(End::Stopped);
            }
            if let Some(Err(error)) = more {
                return Err(error);
            }
        }
    }

    /// Stores all of `group` and tells the broker. A message that makes us fail is found by halves, set aside, and the others are stored.
    async fn store(&mut self, group: Group) -> Option<End> {
        let Group { messages, reservation, .. } = group;
        let messages = Arc::new(messages);
        let mut hold = FIRST_HOLD;
        let mut todo = vec![(0..messages.len(), Treatment::Read)];
        while let Some((range, treatment)) = todo.pop() {
            let behind = self.behind(&messages[range.end - 1]);
            match self.deliver(&messages, range.clone(), treatment, behind).await {
                Ok(()) => hold = FIRST_HOLD,
                Err(Refusal::Closing { .. }) => return Some(End::Stopped),
                Err(Refusal::Fault) if range.len() > 1 => {
                    let middle = range.start + range.len() / 2;
                    todo.push((middle..range.end, treatment));
                    todo.push((range.start..middle, treatment));
                }
                Err(Refusal::Fault) if treatment == Treatment::Read => todo.push((range, Treatment::SetAside)),
                Err(refusal) => {
                    self.context.vitals.enter(State::Held);
                    self.context.failed(&refusal);
                    todo.push((range, treatment));
                    if !self.context.pause(hold).await {
                        return Some(End::Stopped);
                    }
                    hold = LONGEST_HOLD.min(hold * 2);
                }
            }
        }
        drop(reservation);
        crash::point("stream.stored");
        if let Some(client) = &self.acks {
            for ack in messages.iter().filter_map(|message| message.ack.as_ref()) {
                // Whether the broker hears it matters to nobody: a message that comes again is passed over.
                if client.publish(ack.clone(), Vec::new().into()).await.is_err() {
                    break;
                }
            }
        }
        None
    }

    async fn deliver(
        &mut self,
        messages: &Arc<Vec<Message>>,
        range: std::ops::Range<usize>,
        treatment: Treatment,
        behind: Cursor,
    ) -> Result<(), Refusal> {
        let value = serde_json::to_vec(&behind).expect("plain data serialises");
        let delivery = Delivery {
            file: self.name.clone(),
            generation: self.cursor.generation,
            messages: Arc::clone(messages),
            range,
            position: Position { name: self.name.clone(), value },
            treatment,
        };
        self.context.door.follow(&self.context.source, delivery).await?;
        self.cursor = behind;
        let now = self.context.now();
        self.context.vitals.stands(&self.name, self.cursor.next, (!messages.is_empty()).then_some(now));
        self.context.vitals.connected(now);
        Ok(())
    }

    fn behind(&self, message: &Message) -> Cursor {
        Cursor { next: message.offset + 1, last: Some(seen(message)), ..self.cursor.clone() }
    }
}

/// What tells `message` from another at its offset.
pub fn seen(message: &Message) -> Seen {
    let mut hasher = Xxh3::new();
    hasher.update(&message.published_at.to_le_bytes());
    hasher.update(message.columns.as_bytes());
    hasher.update(message.body.as_deref().unwrap_or_default());
    Seen { offset: message.offset, hash: hasher.digest() }
}

/// Members of a JSON object, without the braces.
#[derive(Default)]
pub struct Members(String);

impl Members {
    /// Adds text.
    pub fn text(&mut self, name: &str, value: &str) {
        self.raw(name, &serde_json::to_string(value).expect("text serialises"));
    }

    /// Adds a number.
    pub fn number(&mut self, name: &str, value: impl std::fmt::Display) {
        self.raw(name, &value.to_string());
    }

    /// Adds a time given in microseconds, UTC.
    pub fn time(&mut self, name: &str, micros: i64) {
        if let Ok(time) = jiff::Timestamp::from_microsecond(micros) {
            self.text(name, &time.to_string());
        }
    }

    /// Adds an object of texts; nothing when there are none.
    pub fn object(&mut self, name: &str, values: impl Iterator<Item = (String, String)>) {
        let values: serde_json::Map<String, serde_json::Value> = values.map(|(name, value)| (name, value.into())).collect();
        if !values.is_empty() {
            self.raw(name, &serde_json::Value::Object(values).to_string());
        }
    }

    fn raw(&mut self, name: &str, json: &str) {
        if !self.0.is_empty() {
            self.0.push(',');
        }
        self.0.extend(["\"", name, "\":", json]);
    }

    /// The text.
    pub fn finish(self) -> String {
        self.0
    }
}
