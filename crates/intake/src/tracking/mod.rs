//! The tracking API: what Segment's SDKs and those that speak like them send, into facts.
//!
//! Plain functions over bytes: [`Body::read`] finds the messages of a body, [`Draft`] makes facts of them, with a verdict for each. Nothing
//! here waits, reads a clock or knows of HTTP, so that a fuzzer drives the very code that a hostile client meets.
//!
//! A body that is no JSON is refused as a whole: nothing in it can be told apart. A message that breaks a rule is set aside alone, with its
//! reason and its raw text, and its neighbours are stored.
//!
//! | module | holds |
//! |---|---|
//! | `scan` | JSON in one pass |
//! | `message` | bodies and messages by their known keys |
//! | `time` | clocks that are wrong |
//! | `names` | event names in one spelling |
//! | `facts` | what each message becomes |
//! | `columns` | facts as columns |
//! | `outline` | messages at a glance |

mod columns;
mod facts;
mod message;
mod names;
mod outline;
mod scan;
#[cfg(test)]
mod tests;
mod time;

pub use self::facts::{Draft, ENDPOINT, Tracker};
pub(crate) use self::message::is_batch;
pub use self::message::{Body, BodyError, Call, Kind, write_key};
pub use self::outline::{Outline, outlines};

/// Messages of a batch; Segment's limit.
pub const MOST_MESSAGES: usize = 2_500;
/// Bytes of a body as it is read, decompressed: Segment's 500 KB a batch, with a margin for the envelope.
pub const MOST_BODY_BYTES: usize = 512 << 10;
/// Bytes of a message; Segment's limit.
pub const MOST_MESSAGE_BYTES: usize = 32 << 10;
/// Levels of nesting in a message.
pub const MOST_LEVELS: usize = 64;
/// Characters of `messageId`; Segment's limit.
pub const LONGEST_MESSAGE_ID: usize = 100;
/// Characters of `userId`, `anonymousId`, `groupId` and `previousId`.
pub const LONGEST_ID: usize = 256;
