//! Where a source stands in one line of its broker: a stream of NATS, a partition of Kafka. Stored in the commit of the facts.
//!
//! What the broker believes plays no part. Three things can have happened to a line while nobody looked, and each has its rule:
//!
//! | what | how it shows | rule |
//! |---|---|---|
//! | another stream of the same name | it was made at another time (NATS), ends in front of us, or has another message where ours was (Kafka) | it is read from its first message, whatever `start:` says |
//! | an older copy was restored | it is the same one and ends in front of us (NATS) | we go on behind its end: what it holds is stored |
//! | messages were removed before they were read | it begins behind us | we go on where it begins; they are lost, and how many they are is said |
//!
//! None of these passes in silence: each is an error in the log and a notice in the source's health. The first two begin a new *generation*,
//! which is part of the ids of facts without one of their own: sequences that are used again do not meet the facts of before.

use serde::{Deserialize, Serialize};

/// Where a source stands in a line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// How often the line was found to be another one.
    pub generation: u32,
    /// The first offset that is not stored.
    pub next: u64,
    /// What tells this line from another of the same name, where the broker says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// The message in front of `next`, where the broker says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Seen>,
    /// Name of our consumer at the broker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consumer: Option<String>,
}

/// A message that was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Its offset.
    pub offset: u64,
    /// A hash of everything in it.
    pub hash: u64,
}

/// What a broker says about a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// Offset of the oldest message.
    pub first: u64,
    /// Offset of the next one that comes in.
    pub end: u64,
    /// See [`Cursor::identity`].
    pub identity: Option<String>,
    /// What is at the offset of [`Cursor::last`], where that could be asked.
    pub at_last: Option<Seen>,
}

/// What happened to a line while nobody looked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Another line has its name now.
    Recreated {
        /// Where it is read from.
        from: u64,
    },
    /// The line ends in front of what was read.
    WentBack {
        /// Where reading had got to.
        was: u64,
        /// Where it goes on.
        to: u64,
    },
    /// Messages are gone that nobody read.
    Missed {
        /// The first of them.
        from: u64,
        /// Behind the last of them.
        to: u64,
    },
}

impl std::fmt::Display for Event {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Recreated { from } => {
                write!(f, "it is another one than before, of the same name: it is read from its first message, {from}")
            }
            Self::WentBack { was, to } => {
                write!(
                    f,
                    "it ends in front of {was}, up to which it was read: an older copy was restored; reading goes on at {to}"
                )
            }
            Self::Missed { from, to } => {
                write!(
                    f,
                    "up to {} messages, {from} to {}, were removed before they were read; reading goes on at {to}",
                    to - from,
                    to - 1
                )
            }
        }
    }
}

impl Cursor {
    /// Where reading goes on in a line of this extent, and what happened to it.
    #[must_use]
    pub fn resume(self, extent: &Extent) -> (Self, Option<Event>) {
        let differs = |ours: &Option<String>, theirs: &Option<String>| ours.is_some() && theirs.is_some() && ours != theirs;
        let other_message = matches!((self.last, extent.at_last), (Some(ours), Some(theirs)) if ours != theirs);
        let is_other = differs(&self.identity, &extent.identity) || other_message;
        if is_other || (self.next > extent.end && extent.identity.is_none()) {
            let event = Event::Recreated { from: extent.first };
            return (self.begin(extent.first, extent), Some(event));
        }
        if self.next > extent.end {
            let event = Event::WentBack { was: self.next, to: extent.end };
            return (self.begin(extent.end, extent), Some(event));
        }
        if self.next < extent.first {
            let event = Event::Missed { from: self.next, to: extent.first };
            return (Self { next: extent.first, last: None, ..self }, Some(event));
        }
        (self, None)
    }

    fn begin(self, next: u64, extent: &Extent) -> Self {
        let identity = extent.identity.clone();
        Self { generation: self.generation + 1, next, identity, last: None, consumer: self.consumer }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor(next: u64, identity: &str) -> Cursor {
        Cursor { next, identity: (!identity.is_empty()).then(|| identity.to_owned()), ..Cursor::default() }
    }

    fn extent(first: u64, end: u64, identity: &str) -> Extent {
        Extent { first, end, identity: (!identity.is_empty()).then(|| identity.to_owned()), at_last: None }
    }

    #[test]
    fn a_line_as_it_was_goes_on_behind_what_is_stored() {
        for (first, end) in [(1, 10), (7, 7), (7, 100)] {
            assert_eq!(cursor(7, "a").resume(&extent(first, end, "a")), (cursor(7, "a"), None));
            assert_eq!(cursor(7, "").resume(&extent(first, end, "")), (cursor(7, ""), None));
        }
    }

    #[test]
    fn another_line_of_the_name_is_read_from_its_first_message() {
        // Made at another time, whether it is shorter or longer than ours was.
        for end in [3, 7, 100] {
            let (went, event) = cursor(7, "a").resume(&extent(2, end, "b"));
            assert_eq!((went.next, went.generation, went.identity.as_deref()), (2, 1, Some("b")));
            assert_eq!(event, Some(Event::Recreated { from: 2 }));
        }
        // Kafka says no more than that it ends in front of us …
        let (went, event) = cursor(7, "").resume(&extent(0, 3, ""));
        assert_eq!((went.next, went.generation, event), (0, 1, Some(Event::Recreated { from: 0 })));
        // … or shows another message where ours was.
        let seen = |hash| Seen { offset: 6, hash };
        let ours = Cursor { last: Some(seen(1)), ..cursor(7, "") };
        let (went, event) = ours.clone().resume(&Extent { at_last: Some(seen(2)), ..extent(0, 100, "") });
        assert_eq!((went.next, went.generation, went.last, event), (0, 1, None, Some(Event::Recreated { from: 0 })));
        assert_eq!(ours.clone().resume(&Extent { at_last: Some(seen(1)), ..extent(0, 100, "") }), (ours, None));
    }

    #[test]
    fn a_restored_copy_goes_on_behind_its_end() {
        let (went, event) = cursor(7, "a").resume(&extent(1, 3, "a"));
        assert_eq!((went.next, went.generation), (3, 1));
        assert_eq!(event, Some(Event::WentBack { was: 7, to: 3 }));
    }

    #[test]
    fn messages_that_are_gone_are_counted() {
        let (went, event) = cursor(7, "a").resume(&extent(10, 20, "a"));
        assert_eq!((went.next, went.generation), (10, 0));
        let event = event.unwrap();
        assert_eq!(event.to_string(), "up to 3 messages, 7 to 9, were removed before they were read; reading goes on at 10");
    }
}
