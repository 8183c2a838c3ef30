//! XES event logs (IEEE 1849): one row an event, with the attributes of its case.
//!
//! An attribute is a column under its own key (`concept:name`, `time:timestamp`, `org:resource`, `lifecycle:transition` …), one of
//! the trace has `case:` before it. Values keep their spelling: dates are ISO 8601 already. A list becomes a JSON array of objects with
//! one key each, because its keys may repeat; a container becomes a JSON object; attributes of an attribute stand as a JSON object
//! in `<key>:nested`. `trace_no` and `event_no` count from 1, so that logs whose events have no id can make one.
//!
//! Globals declare what events have, with values for examples that nobody is meant to read as facts (`UNKNOWN`, 1970): they are
//! passed over, like extensions and classifiers. A trace without events gives no row.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use quick_xml::Reader as Xml;
use quick_xml::encoding::Decoder;
use quick_xml::events::{BytesStart, Event};

use super::made::{Bounded, Columns, Object, RowSource, Step, begin, write_json};
use super::{PREFIX, ROW_LIMIT, ReadError, Reader, SplitFault, Stream, bytes};
use crate::spec::Encoding;

/// Largest single tag in bytes.
pub(super) const TAG_LIMIT: usize = 4 << 20;
/// Deepest attribute of an attribute.
const MAX_DEPTH: usize = 32;
/// Largest attributes of one trace in bytes: they are repeated in each of its rows.
const CASE_LIMIT: usize = ROW_LIMIT / 2;
/// Bytes in which the XML declaration must end.
const DECLARATION: usize = 256;

const COLUMNS: &[&str] = &[
    "trace_no",
    "event_no",
    "case:concept:name",
    "concept:name",
    "time:timestamp",
    "lifecycle:transition",
    "org:resource",
    "org:role",
    "org:group",
];

type Source = Bounded<BufReader<Box<dyn Read + Send>>>;

/// Reads a log.
pub fn open(path: &Path, (stream, _): Stream) -> Result<Reader, ReadError> {
    let stream = in_utf8(path, stream)?;
    let mut xml = Xml::from_reader(Bounded::new(stream, TAG_LIMIT));
    xml.config_mut().expand_empty_elements = true;
    let log =
        Log { xml, path: path.into(), buffer: Vec::new(), case: Vec::new(), place: Place::Document, trace_no: 0, event_no: 0 };
    begin(path, Box::new(log), Columns::Open(COLUMNS), true)
}

/// The stream in UTF-8, whatever its XML declaration says.
pub(super) fn in_utf8(path: &Path, stream: Box<dyn Read + Send>) -> Result<BufReader<Box<dyn Read + Send>>, ReadError> {
    let mut stream = BufReader::with_capacity(256 * 1024, stream);
    let head = stream.fill_buf().map_err(|error| ReadError::of(path, error, 0))?;
    let head = String::from_utf8_lossy(&head[..head.len().min(DECLARATION)]).to_ascii_lowercase();
    let declared = head.split("?>").next().and_then(|head| head.split_once("encoding")).map(|(_, rest)| rest);
    let name = declared.and_then(|rest| rest.trim_start_matches([' ', '=']).split(['"', '\'']).nth(1)).unwrap_or("utf-8");
    match name {
        // UTF-16 was converted by its mark.
        "utf-8" | "utf8" | "us-ascii" | "ascii" | "utf-16" => Ok(stream),
        "iso-8859-1" | "latin1" | "windows-1252" => {
            Ok(BufReader::with_capacity(256 * 1024, bytes::decode(Box::new(stream), path, Encoding::Latin1)?))
        }
        other => Err(ReadError::Format {
            path: path.into(),
            message: format!("its encoding {other} is not known"),
            remedy: "save it as UTF-8".into(),
        }),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before the log.
    Document,
    /// In the log, outside traces.
    Log,
    /// In a trace, outside events.
    Trace,
    /// Behind the log.
    End,
}

struct Log {
    xml: Xml<Source>,
    path: PathBuf,
    buffer: Vec<u8>,
    /// Attributes of the trace: entries of a JSON object.
    case: Vec<u8>,
    place: Place,
    trace_no: u64,
    event_no: u64,
}

/// What stands at one place of the document.
enum Node {
    Start(Tag),
    End(Vec<u8>),
    Other,
    Eof,
}

/// An element's name and the two attributes that XES knows.
struct Tag {
    name: Vec<u8>,
    key: Option<String>,
    value: Option<String>,
}

impl Log {
    fn node(&mut self, rows: i64) -> Result<Node, ReadError> {
        self.buffer.clear();
        self.xml.get_mut().renew();
        let damaged = |detail: String| ReadError::Truncated { path: self.path.clone(), rows, detail };
        let position = self.xml.buffer_position();
        match self.xml.read_event_into(&mut self.buffer) {
            Ok(Event::Start(start)) => match tag(&start, self.xml.decoder()) {
                Ok(tag) => Ok(Node::Start(tag)),
                Err(words) => Err(damaged(format!("{words} at byte {position}"))),
            },
            Ok(Event::End(end)) => Ok(Node::End(end.local_name().as_ref().to_vec())),
            Ok(Event::Eof) => Ok(Node::Eof),
            Ok(_) => Ok(Node::Other),
            Err(quick_xml::Error::Io(error)) => {
                Err(ReadError::of(&self.path, std::io::Error::new(error.kind(), error.to_string()), rows))
            }
            Err(_) => Err(damaged(format!("no well-formed XML at byte {position}"))),
        }
    }

    fn truncated(&self, rows: i64) -> ReadError {
        ReadError::Truncated { path: self.path.clone(), rows, detail: "the log ends before its last tag".into() }
    }

    /// Passes over an element whose start was read.
    fn skip(&mut self, rows: i64) -> Result<(), ReadError> {
        let mut depth = 1_usize;
        while depth > 0 {
            match self.node(rows)? {
                Node::Start(_) => depth += 1,
                Node::End(_) => depth -= 1,
                Node::Other => {}
                Node::Eof => return Err(self.truncated(rows)),
            }
        }
        Ok(())
    }

    /// Reads an attribute to its end and appends `"key":value` for it and what is nested in it.
    fn attribute(&mut self, tag: Tag, prefix: &str, out: &mut Vec<u8>, (depth, rows): (usize, i64)) -> Result<(), ReadError> {
        if depth > MAX_DEPTH {
            return Err(ReadError::Format {
                path: self.path.clone(),
                message: format!("attributes are nested more than {MAX_DEPTH} deep"),
                remedy: "is it an event log? Nothing of it was stored".into(),
            });
        }
        let is_list = tag.name == b"list";
        let holds_others = is_list || tag.name == b"container";
        let mut nested = Vec::new();
        loop {
            match self.node(rows)? {
                // The wrapper of a list's values in XES 2.0.
                Node::Start(inner) if inner.name == b"values" && inner.key.is_none() => {}
                Node::End(name) if name == b"values" && is_list => {}
                Node::Start(inner) => {
                    let start = nested.len();
                    if start > 0 {
                        nested.push(b',');
                    }
                    if is_list {
                        nested.push(b'{');
                    }
                    self.attribute(inner, "", &mut nested, (depth + 1, rows))?;
                    if is_list {
                        nested.push(b'}');
                    }
                    // What is too large for any row is counted, not kept.
                    nested.truncate(if nested.len() > 2 * ROW_LIMIT { start.max(ROW_LIMIT + 1) } else { nested.len() });
                }
                Node::End(_) => break,
                Node::Other => {}
                Node::Eof => return Err(self.truncated(rows)),
            }
        }
        let key = format!("{prefix}{}", tag.key.unwrap_or_default());
        write_json(out, &key);
        out.push(b':');
        if holds_others {
            out.push(if is_list { b'[' } else { b'{' });
            out.extend_from_slice(&nested);
            out.push(if is_list { b']' } else { b'}' });
            return Ok(());
        }
        write_value(&tag.name, tag.value.as_deref(), out);
        if !nested.is_empty() {
            out.push(b',');
            write_json(out, &format!("{key}:nested"));
            out.extend_from_slice(b":{");
            out.extend_from_slice(&nested);
            out.push(b'}');
        }
        Ok(())
    }

    /// Reads an event to its end.
    fn event(&mut self, out: &mut Vec<u8>, rows: i64) -> Result<Step, ReadError> {
        self.event_no += 1;
        let mut entries = Vec::new();
        let mut size = 0_u64;
        loop {
            match self.node(rows)? {
                Node::Start(tag) => {
                    let mut one = Vec::new();
                    self.attribute(tag, "", &mut one, (1, rows))?;
                    size += one.len() as u64 + 1;
                    if entries.len() <= ROW_LIMIT {
                        if !entries.is_empty() {
                            entries.push(b',');
                        }
                        entries.extend_from_slice(&one);
                    }
                }
                Node::End(_) => break,
                Node::Other => {}
                Node::Eof => return Err(self.truncated(rows)),
            }
        }
        if size > ROW_LIMIT as u64 {
            out.extend_from_slice(&entries[..entries.len().min(PREFIX)]);
            return Ok(Step::Bad(SplitFault::TooLarge(size)));
        }
        let mut row = Object::open(out);
        if self.trace_no > 0 {
            row.put("trace_no", &self.trace_no);
        }
        row.put("event_no", &self.event_no);
        row.put_entries(&self.case);
        row.put_entries(&entries);
        row.close();
        Ok(Step::Row)
    }

    fn refuse(&self, message: &str) -> ReadError {
        ReadError::Format { path: self.path.clone(), message: message.into(), remedy: "is it an event log in XES?".into() }
    }

    /// An element between events.
    fn element(&mut self, tag: Tag, out: &mut Vec<u8>, rows: i64) -> Result<Option<Step>, ReadError> {
        match (self.place, tag.name.as_slice()) {
            (Place::Document, b"log") => self.place = Place::Log,
            (Place::Document, _) => return Err(self.refuse("its outermost element is not `log`")),
            (Place::Log, b"trace") => {
                self.place = Place::Trace;
                self.case.clear();
                self.trace_no += 1;
                self.event_no = 0;
            }
            (Place::Log | Place::Trace, b"event") => return self.event(out, rows).map(Some),
            (Place::Trace, _) => {
                let mut one = Vec::new();
                self.attribute(tag, "case:", &mut one, (1, rows))?;
                if !self.case.is_empty() {
                    self.case.push(b',');
                }
                self.case.extend_from_slice(&one);
                if self.case.len() > CASE_LIMIT {
                    return Err(self.refuse("the attributes of one trace are larger than 512 KB"));
                }
            }
            _ => self.skip(rows)?,
        }
        Ok(None)
    }
}

impl RowSource for Log {
    fn next(&mut self, out: &mut Vec<u8>, rows_before: i64) -> Result<Step, ReadError> {
        loop {
            match self.node(rows_before)? {
                Node::Start(tag) => {
                    if let Some(step) = self.element(tag, out, rows_before)? {
                        return Ok(step);
                    }
                }
                Node::End(name) => match (self.place, name.as_slice()) {
                    (Place::Trace, b"trace") => {
                        self.place = Place::Log;
                        self.case.clear();
                    }
                    (Place::Log, b"log") => self.place = Place::End,
                    _ => {}
                },
                Node::Other => {}
                Node::Eof if self.place == Place::End => return Ok(Step::End),
                Node::Eof if self.place == Place::Document => return Err(self.refuse("it holds no XML element")),
                Node::Eof => return Err(self.truncated(rows_before)),
            }
        }
    }
}

/// Copies what is needed of a start tag; the error is in words without a value.
fn tag(start: &BytesStart, decoder: Decoder) -> Result<Tag, &'static str> {
    let mut tag = Tag { name: start.local_name().as_ref().to_vec(), key: None, value: None };
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|_| "no well-formed attribute")?;
        let slot = match attribute.key.as_ref() {
            b"key" => &mut tag.key,
            b"value" => &mut tag.value,
            _ => continue,
        };
        let text = attribute.decode_and_unescape_value(decoder).map_err(|_| "text that is no UTF-8, or an unknown entity,")?;
        *slot = Some(text.into_owned());
    }
    Ok(tag)
}

/// A value by its element's name: numbers and truth values keep their spelling where JSON has it, the rest is text.
fn write_value(kind: &[u8], value: Option<&str>, out: &mut Vec<u8>) {
    let Some(value) = value else { return out.extend_from_slice(b"null") };
    let plain = match kind {
        b"int" | b"float" => serde_json::from_str::<serde_json::Number>(value).is_ok() && !value.starts_with([' ', '\n', '\t']),
        b"boolean" => matches!(value, "true" | "false"),
        _ => false,
    };
    if plain { out.extend_from_slice(value.as_bytes()) } else { write_json(out, value) }
}
