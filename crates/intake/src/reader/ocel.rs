//! OCEL 2.0 (object-centric event logs) in JSON or [XML](super::ocel_xml): one row an event with the objects that it is about, or one row an object.
//!
//! An event names its objects by id only; their types stand in another place, so that one is read first, once, and kept as id → type
//! within [`MAX_OBJECTS`]. Events and objects themselves are streamed.
//!
//! Columns of an event: `id`, `type`, `time`; `objects`, an array of `{id, type, qualifier}`; `object:<Type>`, the id of the object
//! of that type where the event has exactly one; `attributes`, a JSON object, and each attribute as a column of its own. Columns of an object: `id`,
//! `type`, `objects` (what it is related to), `attributes` with the newest value of each, each attribute as a column, `history` with all values and their
//! times, `time` of the last change (none where all values are from the start, which the format writes as 1970).
//!
//! Missing on purpose: the form of OCEL in SQLite.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use memchr::memmem;
use rustc_hash::FxHashMap;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::json::ArraySplitter;
use super::made::{Columns, Object, RowSource, Step, begin, write_json};
use super::{BLOCK_ROWS, PREFIX, ReadError, Reader, Records, SplitFault, bytes};
use crate::spec::{Encoding, OcelRows};

/// At most so many objects in one log.
const MAX_OBJECTS: usize = 5_000_000;
/// Bytes of all their ids.
const MAX_ID_BYTES: usize = 256 << 20;
/// The time of values that hold from the start.
const FROM_THE_START: &str = "1970-01-01T00:00:00";

const EVENT_COLUMNS: &[&str] = &["id", "type", "time", "objects", "attributes"];
const OBJECT_COLUMNS: &[&str] = &["id", "type", "time", "objects", "attributes", "history"];

const NO_ELEMENT: SplitFault = SplitFault::Refused("invalid_json", "no JSON object as OCEL 2.0 describes it (id, type, …)");

/// An event or an object.
#[derive(Default, Deserialize)]
pub struct Element {
    /// Its id.
    pub id: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// When it happened; objects have none.
    #[serde(default)]
    pub time: Option<String>,
    /// In the order of the file.
    #[serde(default)]
    pub attributes: Vec<Attribute>,
    /// The objects that it is about or related to.
    #[serde(default)]
    pub relationships: Vec<Relationship>,
}

/// A value of an attribute.
#[derive(Deserialize)]
pub struct Attribute {
    /// Its name.
    pub name: String,
    /// Since when it holds; those of events have none.
    #[serde(default)]
    pub time: Option<String>,
    /// The value.
    #[serde(default)]
    pub value: Value,
}

/// An object that something is about.
#[derive(Deserialize)]
pub struct Relationship {
    /// Its id.
    #[serde(rename = "objectId")]
    pub object_id: String,
    /// As what.
    #[serde(default)]
    pub qualifier: Option<String>,
}

/// What stood at the place of an element.
pub enum Found {
    /// One.
    Element(Element),
    /// None: its text, cut.
    Bad(Vec<u8>),
    /// One of so many bytes: the beginning of its text.
    TooLarge(Vec<u8>, u64),
}

/// The events or the objects of a log.
enum Elements {
    Json { array: ArraySplitter, block: Vec<u8>, spans: Vec<(u32, u32)>, at: usize },
    Xml(Box<super::ocel_xml::Elements>),
}

impl Elements {
    fn open(path: &Path, rows: OcelRows) -> Result<Self, ReadError> {
        let (stream, _) = bytes::open(path, Encoding::Utf8)?;
        let mut stream = BufReader::new(stream);
        let head = stream.fill_buf().map_err(|error| ReadError::of(path, error, 0))?;
        let is_xml = head.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'<');
        let stream: Box<dyn Read + Send> = Box::new(stream);
        if is_xml {
            let wanted = match rows {
                OcelRows::Events => ("events", "event"),
                OcelRows::Objects => ("objects", "object"),
            };
            return Ok(Self::Xml(Box::new(super::ocel_xml::Elements::open(path, stream, wanted)?)));
        }
        let pointer = match rows {
            OcelRows::Events => "/events",
            OcelRows::Objects => "/objects",
        };
        Ok(Self::Json { array: open_array(path, stream, pointer)?, block: Vec::new(), spans: Vec::new(), at: 0 })
    }

    fn next(&mut self, rows: i64) -> Result<Option<Found>, ReadError> {
        let (array, block, spans, at) = match self {
            Self::Json { array, block, spans, at } => (array, block, spans, at),
            Self::Xml(elements) => return elements.next(rows),
        };
        if *at == spans.len() {
            match array.next(BLOCK_ROWS, rows)? {
                Some(Records::Text { bytes, spans: new, .. }) => (*block, *spans, *at) = (bytes, new, 0),
                _ => return Ok(None),
            }
        }
        let (start, end) = spans[*at];
        *at += 1;
        let text = &block[start as usize..end as usize];
        // The splitter has cut what is too large: it is no whole object then.
        let element = serde_json::from_slice::<Element>(text);
        Ok(Some(element.map_or_else(|_| Found::Bad(text[..text.len().min(PREFIX)].to_vec()), Found::Element)))
    }
}

/// The type of each object.
#[derive(Default)]
struct Types {
    names: Vec<String>,
    of: FxHashMap<Box<str>, u32>,
}

impl Types {
    fn get(&self, id: &str) -> Option<&str> {
        self.of.get(id).map(|at| self.names[*at as usize].as_str())
    }

    fn read(path: &Path) -> Result<Self, ReadError> {
        let mut types = Self::default();
        let mut held = 0;
        let mut objects = Elements::open(path, OcelRows::Objects)?;
        let mut rows = 0;
        while let Some(found) = objects.next(rows)? {
            rows += 1;
            let Found::Element(object) = found else { continue };
            held += object.id.len();
            let at = types.names.iter().position(|name| *name == object.kind).unwrap_or_else(|| {
                types.names.push(object.kind);
                types.names.len() - 1
            });
            types.of.insert(object.id.into(), at as u32);
            if types.of.len() > MAX_OBJECTS || held > MAX_ID_BYTES || types.names.len() > super::MAX_COLUMNS {
                return Err(ReadError::Format {
                    path: path.into(),
                    message: format!("more than {MAX_OBJECTS} objects, or 256 MB of their ids"),
                    remedy: "split the log by time".into(),
                });
            }
        }
        Ok(types)
    }
}

fn open_array(path: &Path, stream: Box<dyn Read + Send>, pointer: &str) -> Result<ArraySplitter, ReadError> {
    let array = ArraySplitter::open(path, stream, pointer);
    array.map_err(|error| match error {
        ReadError::Format { path, message, .. } => ReadError::Format {
            path,
            message: format!("no OCEL 2.0 log in JSON: {message}"),
            remedy: "export it as OCEL 2.0 in JSON, with `events` and `objects`, or in XML".into(),
        },
        other => other,
    })
}

/// Reads the events or the objects of a log.
pub fn open(path: &Path, rows: OcelRows) -> Result<Reader, ReadError> {
    let types = Types::read(path)?;
    let names = match rows {
        OcelRows::Events => EVENT_COLUMNS,
        OcelRows::Objects => OBJECT_COLUMNS,
    };
    let by_type: Vec<String> = match rows {
        OcelRows::Events => types.names.iter().map(|name| format!("object:{name}")).collect(),
        OcelRows::Objects => Vec::new(),
    };
    let columns: Vec<&str> = names.iter().copied().chain(by_type.iter().map(String::as_str)).collect();
    let log = Log { elements: Elements::open(path, rows)?, path: path.into(), types, rows };
    begin(path, Box::new(log), Columns::Open(&columns), true)
}

struct Log {
    elements: Elements,
    path: PathBuf,
    types: Types,
    rows: OcelRows,
}

impl RowSource for Log {
    fn next(&mut self, out: &mut Vec<u8>, rows_before: i64) -> Result<Step, ReadError> {
        let element = match self.elements.next(rows_before)? {
            None => return Ok(Step::End),
            Some(Found::Element(element)) => element,
            Some(Found::Bad(text)) => {
                out.extend_from_slice(&text);
                return Ok(Step::Bad(NO_ELEMENT));
            }
            Some(Found::TooLarge(text, bytes)) => {
                out.extend_from_slice(&text);
                return Ok(Step::Bad(SplitFault::TooLarge(bytes)));
            }
        };
        if element.id.is_empty() {
            return Err(ReadError::Format {
                path: self.path.clone(),
                message: format!("element {} of its array has an empty id", rows_before + 1),
                remedy: "give every event and object an id".into(),
            });
        }
        self.write(&element, out);
        Ok(Step::Row)
    }
}

impl Log {
    fn write(&self, element: &Element, out: &mut Vec<u8>) {
        let objects: Vec<Value> = element.relationships.iter().map(|one| self.related(one)).collect();
        let attributes = newest(&element.attributes);
        let mut row = Object::open(out);
        // The columns of the format come last: they win over attributes of the same name.
        for (name, value) in &attributes {
            row.put(name, value);
        }
        if self.rows == OcelRows::Events {
            for (name, id) in self.single_objects(&element.relationships) {
                row.put(&format!("object:{name}"), id);
            }
        }
        row.put("id", &element.id);
        row.put("type", &element.kind);
        let changed = element.attributes.iter().filter_map(|one| one.time.as_deref()).max();
        let time = if self.rows == OcelRows::Events { element.time.as_deref() } else { changed };
        row.put("time", &time.filter(|time| memmem::find(time.as_bytes(), FROM_THE_START.as_bytes()).is_none()));
        row.put("objects", &objects);
        row.put("attributes", &attributes);
        if self.rows == OcelRows::Objects {
            let history: Vec<Value> =
                element.attributes.iter().map(|one| json!({ "name": one.name, "time": one.time, "value": one.value })).collect();
            let mut text = Vec::new();
            write_json(&mut text, &history);
            row.put_json("history", &text);
        }
        row.close();
    }

    fn related(&self, relationship: &Relationship) -> Value {
        let id = &relationship.object_id;
        json!({ "id": id, "type": self.types.get(id), "qualifier": relationship.qualifier })
    }

    /// The objects that are the only one of their type.
    fn single_objects<'a>(&'a self, relationships: &'a [Relationship]) -> Vec<(&'a str, &'a str)> {
        let typed: Vec<(&str, &str)> =
            relationships.iter().filter_map(|one| Some((self.types.get(&one.object_id)?, one.object_id.as_str()))).collect();
        let is_single = |kind: &str, id: &str| typed.iter().all(|(other, of)| *other != kind || *of == id);
        let mut single: Vec<(&str, &str)> = typed.iter().copied().filter(|(kind, id)| is_single(kind, id)).collect();
        single.dedup();
        single
    }
}

/// The newest value of each attribute, in order of first appearance; of equal times the later in the file.
fn newest(attributes: &[Attribute]) -> Map<String, Value> {
    let mut times: FxHashMap<&str, Option<&str>> = FxHashMap::default();
    let mut newest = Map::new();
    for attribute in attributes {
        let time = attribute.time.as_deref();
        let known = times.get(attribute.name.as_str());
        if known.is_none_or(|known| time >= *known) {
            times.insert(&attribute.name, time);
            newest.insert(attribute.name.clone(), attribute.value.clone());
        }
    }
    newest
}
