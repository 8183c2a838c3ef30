//! The tail: what the door does right now, told to whoever listens.
//!
//! Nobody listening costs one atomic read a chunk. A listener costs the reading of names and sizes of what was just stored, at most
//! [`MOST_LINES`] of a chunk, so that a flood of messages is sampled and its rest counted. Lines wait in one ring for all listeners: one
//! that is slower than the messages loses the oldest and is told how many. Nothing of it is kept, and the way of facts never waits for it.
//!
//! A line holds whom a message names as it was sent: whoever shows it masks that.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use arrow::array::{Array, AsArray, RecordBatch};
use tokio::sync::broadcast::{self, error::RecvError};

use super::source::{Counts, LiveSource};
use super::{Payload, Request};
use crate::outcome::{Outcome, Taken};
use crate::tracking::{Call, outlines};

/// Listeners at once.
pub const MOST_LISTENERS: usize = 16;
/// Lines that wait for the slowest listener.
pub const LINES_KEPT: usize = 1_024;
/// Lines of one chunk; the others are counted.
const MOST_LINES: usize = 200;
/// Characters of a name, an id or an identifier that a line carries.
const LONGEST_TEXT: usize = 120;

/// A message that the door has answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The live source.
    pub source: Arc<str>,
    /// identify, track …, or row; none where it says none.
    pub kind: Option<&'static str>,
    /// What it is called: the event's name, the question, the kind of record.
    pub name: Option<String>,
    /// What became of it.
    pub outcome: Outcome,
    /// The id that its sender gave it.
    pub message_id: Option<String>,
    /// Whom it names, as it was sent.
    pub identifiers: Vec<(String, String)>,
    /// Bytes; none where it is a row among others.
    pub size_bytes: Option<u64>,
    /// Its place in the request, from 0.
    pub index: u32,
    /// The place of its chunk in the log.
    pub offset: u64,
    /// UTC microseconds.
    pub received_at: i64,
}

/// What a listener hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A message.
    Line(Line),
    /// So many messages of this source were stored and not told, because they came at once.
    Passed {
        /// The live source.
        source: Arc<str>,
        /// How many, by what became of them.
        counts: Counts,
    },
    /// The listener was too slow: it lost so many lines.
    Missed(u64),
}

/// See the module.
pub struct Tail {
    sender: Mutex<Option<broadcast::Sender<Arc<Heard>>>>,
    listeners: Arc<AtomicUsize>,
}

impl Default for Tail {
    fn default() -> Self {
        Self { sender: Mutex::new(Some(broadcast::Sender::new(LINES_KEPT))), listeners: Arc::default() }
    }
}

impl Tail {
    /// A new listener, or none when there are too many or the door is closed.
    pub fn listen(&self) -> Option<Listener> {
        let sender = self.sender.lock().expect("no holder panics");
        let receiver = sender.as_ref()?.subscribe();
        let more = |n: usize| (n < MOST_LISTENERS).then_some(n + 1);
        self.listeners.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).ok()?;
        Some(Listener { receiver, listeners: Arc::clone(&self.listeners) })
    }

    /// Listeners now.
    pub fn listeners(&self) -> usize {
        self.listeners.load(Ordering::Relaxed)
    }

    /// Ends every listener: what they wait for does not come any more.
    pub fn close(&self) {
        self.sender.lock().expect("no holder panics").take();
    }

    pub(super) fn tell(&self, source: &LiveSource, sights: Sights, offset: u64, outcomes: &[Outcome]) {
        let guard = self.sender.lock().expect("no holder panics");
        let Some(sender) = guard.as_ref() else { return };
        let name: Arc<str> = source.name().into();
        for (sight, outcome) in sights.seen.into_iter().zip(outcomes) {
            let line = Line {
                source: Arc::clone(&name),
                kind: sight.kind,
                name: sight.name.map(short),
                outcome: outcome.clone(),
                message_id: sight.message_id.map(short),
                identifiers: sight.identifiers.into_iter().map(|(kind, value)| (kind, short(value))).collect(),
                size_bytes: sight.size_bytes,
                index: sight.index,
                offset,
                received_at: sight.received_at,
            };
            // An error means that nobody listens any more.
            let _ = sender.send(Arc::new(Heard::Line(line)));
        }
        if outcomes.len() > MOST_LINES {
            let counts = Counts::of(&outcomes[MOST_LINES..]);
            let _ = sender.send(Arc::new(Heard::Passed { source: name, counts }));
        }
    }
}

fn short(text: String) -> String {
    match text.char_indices().nth(LONGEST_TEXT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// One who listens; the place is free again when it is dropped.
#[derive(Debug)]
pub struct Listener {
    receiver: broadcast::Receiver<Arc<Heard>>,
    listeners: Arc<AtomicUsize>,
}

impl Listener {
    /// What comes next; none when the door is closed.
    pub async fn next(&mut self) -> Option<Heard> {
        match self.receiver.recv().await {
            Ok(heard) => Some(Arc::unwrap_or_clone(heard)),
            Err(RecvError::Lagged(n)) => Some(Heard::Missed(n)),
            Err(RecvError::Closed) => None,
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.listeners.fetch_sub(1, Ordering::AcqRel);
    }
}

/// What can be said of the first messages of a chunk before it is stored.
#[derive(Debug, Default)]
pub struct Sights {
    seen: Vec<Sight>,
}

#[derive(Debug, Default)]
struct Sight {
    kind: Option<&'static str>,
    name: Option<String>,
    message_id: Option<String>,
    identifiers: Vec<(String, String)>,
    size_bytes: Option<u64>,
    index: u32,
    received_at: i64,
}

impl Sights {
    /// Looks at the messages of `requests`, each given with how many it holds, on their way as `taken`.
    pub(super) fn of(requests: &[(Request, usize)], taken: &Taken) -> Self {
        let mut seen = Vec::new();
        for (request, n) in requests {
            let room = MOST_LINES - seen.len();
            let first = seen.len();
            seen.extend((0..(*n).min(room) as u32).map(|index| Sight {
                index,
                received_at: request.received,
                ..Sight::default()
            }));
            match &request.payload {
                Payload::Tracking(call) => outline(&request.body, *call, &mut seen[first..]),
                Payload::Rows(_) | Payload::Delivery(_) => seen[first..].iter_mut().for_each(|sight| sight.kind = Some("row")),
            }
        }
        for (sight, id) in seen.iter_mut().zip(&taken.ids) {
            sight.message_id = id.as_deref().map(str::to_owned);
        }
        for (facts, places) in taken.facts.iter().zip(&taken.places) {
            for (row, place) in places.iter().enumerate() {
                if let Some(sight) = seen.get_mut(*place as usize).filter(|sight| sight.kind == Some("row")) {
                    of_fact(&facts.rows, row, sight);
                }
            }
        }
        Self { seen }
    }
}

fn outline(body: &[u8], call: Call, seen: &mut [Sight]) {
    let outlines = outlines(body, call, seen.len());
    for (sight, outline) in seen.iter_mut().zip(outlines) {
        sight.kind = outline.kind;
        sight.name = outline.name;
        sight.identifiers = outline.identifiers.into_iter().map(|(kind, value)| (kind.to_owned(), value)).collect();
        sight.size_bytes = Some(outline.size_bytes as u64);
    }
}

/// What the first fact of a row says of it.
fn of_fact(facts: &RecordBatch, row: usize, sight: &mut Sight) {
    let text = |column: &str| {
        let column = facts.column_by_name(column)?.as_string_opt::<i32>()?;
        column.is_valid(row).then(|| column.value(row).to_owned())
    };
    if sight.name.is_none() {
        sight.name = text("name").or_else(|| text("question")).or_else(|| text("kind"));
        sight.message_id = text("event_id").or_else(|| text("response_id")).or_else(|| text("record_id"));
    }
    let identifiers = facts.column_by_name("identifiers").and_then(|column| column.as_list_opt::<i32>());
    if let Some(list) = identifiers.filter(|list| sight.identifiers.is_empty() && list.is_valid(row)) {
        let items = list.value(row);
        let Some(items) = items.as_struct_opt() else { return };
        let part = |at: usize| items.column(at).as_string_opt::<i32>();
        if let (Some(kinds), Some(values)) = (part(0), part(1)) {
            sight.identifiers = kinds.iter().zip(values).filter_map(|(k, v)| Some((k?.to_owned(), v?.to_owned()))).collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(index: u32) -> Arc<Heard> {
        Arc::new(Heard::Passed { source: "s".into(), counts: Counts { accepted: u64::from(index), ..Counts::default() } })
    }

    #[tokio::test]
    async fn a_slow_listener_loses_the_oldest_and_is_told_how_many() {
        let tail = Tail::default();
        let mut slow = tail.listen().unwrap();
        {
            let sender = tail.sender.lock().unwrap();
            (0..LINES_KEPT as u32 + 10).for_each(|index| drop(sender.as_ref().unwrap().send(told(index))));
        }
        assert_eq!(slow.next().await, Some(Heard::Missed(10)));
        assert_eq!(slow.next().await.as_ref(), Some(&*told(10)));
    }

    #[tokio::test]
    async fn places_are_few_and_free_again_and_a_closed_door_ends_all() {
        let tail = Tail::default();
        let mut all: Vec<Listener> = (0..MOST_LISTENERS).map(|_| tail.listen().unwrap()).collect();
        assert!(tail.listen().is_none());
        all.pop();
        assert_eq!(tail.listeners(), MOST_LISTENERS - 1);
        assert!(tail.listen().is_some());
        tail.close();
        assert_eq!(all[0].next().await, None);
        assert!(tail.listen().is_none());
    }

    #[test]
    fn long_names_are_cut_between_characters() {
        assert_eq!(short("é".repeat(LONGEST_TEXT + 1)).chars().count(), LONGEST_TEXT + 1);
        assert_eq!(short("é".repeat(LONGEST_TEXT)), "é".repeat(LONGEST_TEXT));
    }
}
