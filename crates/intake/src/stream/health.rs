//! How a source that follows a stream is doing: for `/metrics`, the Data page and whoever is called at night.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard};

use serde::Serialize;

/// Notices kept.
const MOST_NOTICES: usize = 8;
/// Bytes of an error's text.
const LONGEST_ERROR: usize = 300;

/// What a source is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It asks for the broker.
    #[default]
    Connecting,
    /// It reads what comes.
    Following,
    /// The store takes nothing now: nothing is fetched until it does.
    Held,
    /// The broker is away or refuses; it is asked again and again.
    Retrying,
    /// The source has a mistake that `clew check` tells.
    Refused,
    /// It was told to stop.
    Stopped,
}

impl State {
    /// All states, in the order of a life.
    pub const ALL: [Self; 6] = [Self::Connecting, Self::Following, Self::Held, Self::Retrying, Self::Refused, Self::Stopped];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Following => "following",
            Self::Held => "held",
            Self::Retrying => "retrying",
            Self::Refused => "refused",
            Self::Stopped => "stopped",
        }
    }
}

/// The health of one source. Times are microseconds, UTC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StreamHealth {
    /// The source.
    pub source: String,
    /// nats or kafka.
    pub broker: String,
    /// What it is doing.
    pub state: State,
    /// Since when it has been connected; none while it is not.
    pub connected_since: Option<i64>,
    /// Where it stands, by line: a stream of NATS, a partition of Kafka.
    pub lines: BTreeMap<String, LineHealth>,
    /// Errors so far.
    pub errors: u64,
    /// When the last one was.
    pub last_error_at: Option<i64>,
    /// What it was, without a secret.
    pub last_error: Option<String>,
    /// What happened that somebody must know of, the oldest first: a stream that was made anew, messages that were lost.
    pub notices: VecDeque<Notice>,
    /// How many of these there were.
    pub noticed: u64,
}

/// Where a source stands in a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LineHealth {
    /// The first offset that is not stored.
    pub next: u64,
    /// Messages that wait at the broker, as it said last.
    pub lag: Option<u64>,
    /// When messages of it were last stored; microseconds, UTC.
    pub stored_at: Option<i64>,
}

/// Something that somebody must know of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// Microseconds, UTC.
    pub at: i64,
    /// In words.
    pub text: String,
}

/// The health of a source while it changes.
#[derive(Debug)]
pub(super) struct Vitals(Mutex<StreamHealth>);

impl Vitals {
    pub(super) fn new(source: &str, broker: &str) -> Self {
        Self(Mutex::new(StreamHealth { source: source.to_owned(), broker: broker.to_owned(), ..StreamHealth::default() }))
    }

    fn lock(&self) -> MutexGuard<'_, StreamHealth> {
        self.0.lock().expect("no holder panics")
    }

    pub(super) fn read(&self) -> StreamHealth {
        self.lock().clone()
    }

    pub(super) fn enter(&self, state: State) {
        let mut health = self.lock();
        health.state = state;
        if matches!(state, State::Connecting | State::Retrying | State::Refused | State::Stopped) {
            health.connected_since = None;
        }
    }

    pub(super) fn connected(&self, now: i64) {
        let mut health = self.lock();
        health.state = State::Following;
        health.connected_since.get_or_insert(now);
    }

    pub(super) fn failed(&self, now: i64, error: &impl std::fmt::Display) {
        let mut text = error.to_string();
        if text.len() > LONGEST_ERROR {
            text.truncate(text.floor_char_boundary(LONGEST_ERROR));
        }
        let mut health = self.lock();
        health.errors += 1;
        health.last_error_at = Some(now);
        health.last_error = Some(text);
    }

    pub(super) fn notice(&self, now: i64, text: String) {
        let mut health = self.lock();
        health.noticed += 1;
        if health.notices.len() == MOST_NOTICES {
            health.notices.pop_front();
        }
        health.notices.push_back(Notice { at: now, text });
    }

    pub(super) fn stands(&self, line: &str, next: u64, stored_at: Option<i64>) {
        let mut health = self.lock();
        let line = health.lines.entry(line.to_owned()).or_default();
        line.next = next;
        line.stored_at = stored_at.or(line.stored_at);
    }

    pub(super) fn lags(&self, line: &str, lag: u64) {
        self.lock().lines.entry(line.to_owned()).or_default().lag = Some(lag);
    }
}
