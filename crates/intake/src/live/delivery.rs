//! What a broker delivered, into facts: messages of one line, in their order, of which none can hold up the others.
//!
//! Rows go the way of posted rows: each becomes one line of JSON with the message's metadata as further members, so that the mapping reads them
//! as columns and a row in quarantine carries its place along when it is replayed. Tracking calls go the way of the tracking API, and
//! were received when the broker took them: their clocks are corrected by that, not by when we came to read them.
//!
//! A message that cannot be read goes to quarantine. Facts and quarantine name the line as their file and the message's offset as their row.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, Int64Array, RecordBatch, StringArray};
use clew_lake::{Lake, Position};
use serde_json::value::RawValue;
use tokio::runtime::Handle;
use xxhash_rust::xxh3::Xxh3;

use super::Refusal;
use super::rows::Taking;
use super::source::LiveSource;
use crate::import::{ForReplay, Refused};
use crate::outcome::{Outcome, Taken};
use crate::reader::{PREFIX, ROW_LIMIT, ReadOptions, Reader};
use crate::spec::Format;
use crate::tracking::{Body, Call, Draft, MOST_BODY_BYTES, Tracker, is_batch};

/// Bytes of a message of rows; a larger one goes to quarantine.
const MOST_MESSAGE_BYTES: usize = super::MOST_ROW_BYTES;

/// One message as its broker gave it.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its place in the line: sequence or offset.
    pub offset: u64,
    /// When the broker took it; microseconds, UTC.
    pub published_at: i64,
    /// What it says; none for the mark that a key was deleted.
    pub body: Option<Vec<u8>>,
    /// Its metadata as members of a JSON object, without the braces.
    pub columns: String,
    /// Where to say that it is stored.
    pub(crate) ack: Option<String>,
}

/// Consecutive messages of one line, and where the source stands behind them.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The line as facts name it.
    pub file: String,
    /// Which of the lines of this name it is.
    pub generation: u32,
    /// All that were fetched together.
    pub messages: Arc<Vec<Message>>,
    /// Those of them that are meant.
    pub range: std::ops::Range<usize>,
    /// Where the source stands behind them.
    pub position: Position,
    /// How they are treated.
    pub treatment: Treatment,
}

/// How messages are treated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Treatment {
    /// They are read.
    #[default]
    Read,
    /// They made us fail before: they go to quarantine unread.
    SetAside,
}

impl Delivery {
    /// The messages that are meant.
    pub fn messages(&self) -> &[Message] {
        &self.messages[self.range.clone()]
    }
}

/// Makes facts of `delivery`. A refusal is about all of it and not about a message.
pub(super) fn prepare(source: &LiveSource, delivery: &Delivery, lake: &Lake, handle: &Handle) -> Result<Taken, Refusal> {
    let mut readable = Vec::new();
    let mut taken = Taken::default();
    for message in delivery.messages() {
        let limit = if source.tracker().is_some() { MOST_BODY_BYTES } else { MOST_MESSAGE_BYTES };
        let bytes = message.body.as_ref().map_or(0, Vec::len);
        if delivery.treatment == Treatment::SetAside {
            refuse(
                &mut taken,
                message,
                "unreadable",
                "reading it failed for a reason of ours; please report it with the log".into(),
            );
        } else if bytes > limit {
            refuse(&mut taken, message, "row_too_large", format!("the message has {bytes} bytes, the limit is {limit}"));
        } else {
            readable.push(message);
        }
    }
    if readable.is_empty() {
        return Ok(taken);
    }
    let (mut read, refused) = match source.tracker() {
        Some(tracker) => of_calls(tracker, delivery, &readable, lake),
        None => of_rows(source, delivery, &readable, (lake, handle))?,
    };
    read.extend(taken);
    for (message, reason, detail) in refused {
        refuse(&mut read, message, reason, detail);
    }
    Ok(read)
}

/// A message that cannot be read, with the reason.
type Unread<'d> = (&'d Message, &'static str, String);

fn refuse(taken: &mut Taken, message: &Message, reason: &'static str, detail: String) {
    let body = message.body.as_deref().unwrap_or_default();
    let kept = if body.len() > ROW_LIMIT { &body[..PREFIX] } else { body };
    taken.rows.read += 1;
    taken.rows.unreadable += 1;
    taken.outcomes.push(Outcome::Quarantined { code: reason, detail: Cow::Owned(detail.clone()) });
    taken.ids.push(None);
    let raw = String::from_utf8_lossy(kept).into_owned();
    let (row_no, replay) = (message.offset as i64, ForReplay::default());
    taken.refused.push(Refused { target: None, row_no, ordinal: 0, reason, detail, raw, replay });
}

/// Tracking calls: one, a list of them, or a batch in each message.
fn of_calls<'d>(tracker: &Tracker, delivery: &Delivery, messages: &[&'d Message], lake: &Lake) -> (Taken, Vec<Unread<'d>>) {
    let bodies: Vec<Cow<[u8]>> = messages.iter().map(|message| as_batch(message.body.as_deref().unwrap_or_default())).collect();
    let (mut offsets, mut unread) = (Vec::new(), Vec::new());
    let mut draft = Draft::new(tracker);
    for (message, bytes) in messages.iter().zip(&bodies) {
        match Body::read(bytes, Call::Batch, tracker.purpose()) {
            Ok(body) => {
                let calls = draft.add(&body, Call::Batch, message.published_at).len();
                offsets.extend(std::iter::repeat_n(message.offset as i64, calls));
            }
            Err(error) => unread.push((*message, "unreadable", error.to_string())),
        }
    }
    let mut taken = draft.finish(lake.now().micros(), 0);
    relocate(&mut taken, &delivery.file, |row| offsets[row as usize]);
    (taken, unread)
}

/// A single call or a list of them as the batch that the tracking API takes.
fn as_batch(body: &[u8]) -> Cow<'_, [u8]> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    match body.trim_ascii_start().first() {
        Some(b'[') => Cow::Owned([b"{\"batch\":".as_slice(), body, b"}"].concat()),
        Some(b'{') if !is_batch(body) => Cow::Owned([b"{\"batch\":[".as_slice(), body, b"]}"].concat()),
        _ => Cow::Borrowed(body),
    }
}

/// Rows on their way into the mapping, as lines of JSON.
#[derive(Default)]
struct Lines {
    bytes: Vec<u8>,
    /// Offset of the message of every line, and the line's how-manieth it is of its message.
    of: Vec<(u64, u32)>,
}

impl Lines {
    /// Adds `row`, an object of JSON, with `columns` as further members, which win over members of the same name.
    fn add(&mut self, row: &str, columns: &str, (offset, ordinal): (u64, u32)) {
        let inner = row.trim_end().strip_suffix('}').unwrap_or(row).trim_end();
        // White space between the parts of a value may hold line ends, text may not.
        self.bytes.extend(inner.bytes().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte }));
        if !inner.ends_with('{') && !columns.is_empty() {
            self.bytes.push(b',');
        }
        self.bytes.extend_from_slice(columns.as_bytes());
        self.bytes.extend_from_slice(b"}\n");
        self.of.push((offset, ordinal));
    }
}

fn of_rows<'d>(
    source: &LiveSource,
    delivery: &Delivery,
    messages: &[&'d Message],
    (lake, handle): (&Lake, &Handle),
) -> Result<(Taken, Vec<Unread<'d>>), Refusal> {
    let mapping = source.mapping().ok_or(Refusal::Source)?;
    let (mut lines, mut unread) = (Lines::default(), Vec::new());
    for message in messages {
        if let Err((reason, detail)) = rows_of(message, mapping.options(), &mut lines) {
            unread.push((*message, reason, detail));
        }
    }
    if lines.of.is_empty() {
        return Ok((Taken::default(), unread));
    }
    let generation = delivery.generation;
    let key = |row: i64| {
        let (offset, ordinal) = lines.of[(row - 1) as usize];
        let mut hasher = Xxh3::new();
        hasher.update(delivery.file.as_bytes());
        hasher.update(&generation.to_le_bytes());
        hasher.update(&offset.to_le_bytes());
        (hasher.digest(), ordinal)
    };
    let bytes = std::mem::take(&mut lines.bytes);
    let taking = Taking { received_at: lake.now().micros(), handle, sampling: mapping.sampling() };
    let mut taken = mapping.map_lines(&delivery.file, bytes, taking, &key)?;
    relocate(&mut taken, &delivery.file, |row| lines.of[(row - 1) as usize].0 as i64);
    Ok((taken, unread))
}

/// The rows of a message: an object of JSON, a list of them, lines of them, or CSV where the source says so.
fn rows_of(message: &Message, options: &ReadOptions, lines: &mut Lines) -> Result<(), (&'static str, String)> {
    let unreadable = |detail: String| ("unreadable", detail);
    let columns = &message.columns;
    let body = message.body.as_deref().unwrap_or_default();
    if body.trim_ascii().is_empty() {
        lines.add("{}", &format!("{columns}{}\"_deleted\":true", if columns.is_empty() { "" } else { "," }), (message.offset, 1));
        return Ok(());
    }
    let is_csv = options.format == Some(Format::Csv);
    if !is_csv && options.json.records.is_none() {
        let text =
            std::str::from_utf8(body).map_err(|error| unreadable(format!("byte {} is not UTF-8", error.valid_up_to() + 1)))?;
        let text = text.trim_start_matches('\u{feff}').trim();
        // Nearly every message is one object: it needs no reader.
        if text.starts_with('{') && serde_json::from_str::<&RawValue>(text).is_ok() {
            if text.len() > ROW_LIMIT {
                return Err(("row_too_large", format!("the row has {} bytes, the limit is {ROW_LIMIT}", text.len())));
            }
            lines.add(text, columns, (message.offset, 1));
            return Ok(());
        }
    }
    let format = match body.trim_ascii_start().first() {
        _ if is_csv => Format::Csv,
        _ if options.json.records.is_some() => Format::Json,
        Some(b'[') => Format::Json,
        _ => Format::Jsonl,
    };
    let mut reader =
        Reader::over(Path::new("the message"), format, body.to_vec(), options).map_err(|error| unreadable(error.to_string()))?;
    let decoder = reader.decoder();
    let mut rows = Vec::new();
    while let Some(block) = reader.next_block().map_err(|error| unreadable(error.to_string()))? {
        rows.extend((block.first_row..block.first_row + block.len() as i64).map(|row| decoder.raw_row(&block, row)));
    }
    let sound = |row: &String| {
        row.trim_start().starts_with('{') && row.len() <= ROW_LIMIT && serde_json::from_str::<&RawValue>(row).is_ok()
    };
    match rows.iter().position(|row| !sound(row)) {
        // One broken row of several sets the whole message aside: replayed when it is mended, nothing of it is there twice.
        Some(at) => {
            Err(unreadable(format!("row {} of {} is no JSON object, or larger than {ROW_LIMIT} bytes", at + 1, rows.len())))
        }
        None if rows.is_empty() => Err(unreadable("it holds no row".to_owned())),
        None => {
            for (ordinal, row) in (1..).zip(&rows) {
                lines.add(row, columns, (message.offset, ordinal));
            }
            Ok(())
        }
    }
}

/// Facts and refused rows, which are counted through, at the places that they come from.
fn relocate(taken: &mut Taken, file: &str, offset: impl Fn(i64) -> i64) {
    for facts in &mut taken.facts {
        let schema = facts.rows.schema();
        let mut columns = facts.rows.columns().to_vec();
        if let Some((at, _)) = schema.column_with_name("row_no") {
            let numbers = columns[at].as_any().downcast_ref::<Int64Array>().expect("a row number is an integer");
            columns[at] = Arc::new(numbers.iter().map(|row| row.map(&offset)).collect::<Int64Array>());
        }
        if let Some((at, _)) = schema.column_with_name("file") {
            let n = columns[at].len();
            columns[at] = Arc::new(std::iter::repeat_n(Some(file), n).collect::<StringArray>());
        }
        facts.rows = RecordBatch::try_new(schema, columns).expect("the columns have the types of before");
    }
    for refused in &mut taken.refused {
        refused.row_no = offset(refused.row_no);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{CsvOptions, JsonOptions};

    fn message(body: &str) -> Message {
        let columns = r#""_offset":7"#.to_owned();
        Message { offset: 7, published_at: 0, body: Some(body.as_bytes().to_vec()), columns, ack: None }
    }

    #[track_caller]
    fn check(body: &str, options: &ReadOptions, expected: &[&str]) {
        let mut lines = Lines::default();
        let read = rows_of(&message(body), options, &mut lines);
        assert_eq!(read.is_err(), expected.is_empty(), "{body}: {read:?}");
        let found = String::from_utf8(lines.bytes).unwrap();
        assert_eq!(found.lines().collect::<Vec<_>>(), expected, "{body}");
        assert!(lines.of.iter().map(|(offset, ordinal)| (*offset, *ordinal)).eq((1..=expected.len() as u32).map(|n| (7, n))));
    }

    #[test]
    fn rows_of_a_message_carry_its_place() {
        let plain = ReadOptions::default();
        check(r#"{"a":1}"#, &plain, &[r#"{"a":1,"_offset":7}"#]);
        check(" {} ", &plain, &[r#"{"_offset":7}"#]);
        check("{\"a\":\n  \"x}\"\r\n}\n", &plain, &[r#"{"a":   "x}","_offset":7}"#]);
        check(r#"[{"a":1},{"a":2}]"#, &plain, &[r#"{"a":1,"_offset":7}"#, r#"{"a":2,"_offset":7}"#]);
        check("{\"a\":1}\n{\"a\":2}\n", &plain, &[r#"{"a":1,"_offset":7}"#, r#"{"a":2,"_offset":7}"#]);
        check("", &plain, &[r#"{"_offset":7,"_deleted":true}"#]);
        check(r#"{"_offset":"mine"}"#, &plain, &[r#"{"_offset":"mine","_offset":7}"#]);
        let csv = ReadOptions { format: Some(Format::Csv), csv: CsvOptions::default(), ..ReadOptions::default() };
        check("a,b\n1,\n2,x\n", &csv, &[r#"{"a":"1","b":null,"_offset":7}"#, r#"{"a":"2","b":"x","_offset":7}"#]);
        let nested = ReadOptions { json: JsonOptions { records: Some("/data".to_owned()) }, ..ReadOptions::default() };
        check(r#"{"data":[{"a":1}]}"#, &nested, &[r#"{"a":1,"_offset":7}"#]);
    }

    #[test]
    fn a_message_that_cannot_be_read_gives_no_row() {
        for body in ["{\"a\":", "no json", "[1,2]", "7", "\"text\"", "[]", "[{\"a\":1},3]", "{\"a\":1}\n{\"a\":\n"] {
            check(body, &ReadOptions::default(), &[]);
        }
        let broken = Message { body: Some(vec![b'{', 0xff, b'}']), ..message("") };
        assert!(rows_of(&broken, &ReadOptions::default(), &mut Lines::default()).is_err());
    }

    #[test]
    fn single_calls_and_lists_become_batches() {
        let batch = |body: &str| String::from_utf8(as_batch(body.as_bytes()).into_owned()).unwrap();
        assert_eq!(batch(r#"{"type":"track"}"#), r#"{"batch":[{"type":"track"}]}"#);
        assert_eq!(batch(r#"[{"type":"track"}]"#), r#"{"batch":[{"type":"track"}]}"#);
        assert_eq!(batch(r#"{"batch":[],"sentAt":""}"#), r#"{"batch":[],"sentAt":""}"#);
        assert_eq!(batch("nothing"), "nothing");
    }
}
