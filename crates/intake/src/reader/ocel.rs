//! OCEL 2.0 in JSON (object-centric event logs): one row an event with the objects that it is about, or one row an object.
//!
//! An event names its objects by id only; their types stand in another array, so that one is read first, once, and kept as id → type
//! within [`MAX_OBJECTS`]. Events and objects themselves are streamed.
//!
//! Columns of an event: `id`, `type`, `time`; `objects`, an array of `{id, type, qualifier}`; `object:<Type>`, the id of the object
//! of that type where the event has exactly one; `attributes`, a JSON object, and each attribute as a column of its own. Columns of an object: `id`,
//! `type`, `objects` (what it is related to), `attributes` with the newest value of each, each attribute as a column, `history` with all values and their
//! times, `time` of the last change (none where all values are from the start, which the format writes as 1970).
//!
//! Missing on purpose: the forms of OCEL in XML and SQLite.

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

#[derive(Deserialize)]
struct Named {
    id: String,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct Element {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    time: Option<String>,
    #[serde(default)]
    attributes: Vec<Attribute>,
    #[serde(default)]
    relationships: Vec<Relationship>,
}

#[derive(Deserialize)]
struct Attribute {
    name: String,
    #[serde(default)]
    time: Option<String>,
    #[serde(default)]
    value: Value,
}

#[derive(Deserialize)]
struct Relationship {
    #[serde(rename = "objectId")]
    object_id: String,
    #[serde(default)]
    qualifier: Option<String>,
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
        let mut array = open_array(path, "/objects")?;
        let mut rows = 0;
        while let Some(Records::Text { bytes, spans, .. }) = array.next(BLOCK_ROWS, rows)? {
            for (start, end) in spans {
                rows += 1;
                let Ok(object) = serde_json::from_slice::<Named>(&bytes[start as usize..end as usize]) else { continue };
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
        }
        Ok(types)
    }
}

fn open_array(path: &Path, pointer: &str) -> Result<ArraySplitter, ReadError> {
    let (stream, _) = bytes::open(path, Encoding::Utf8)?;
    let array = ArraySplitter::open(path, stream, pointer);
    array.map_err(|error| match error {
        ReadError::Format { path, message, .. } => ReadError::Format {
            path,
            message: format!("no OCEL 2.0 log in JSON: {message}"),
            remedy: "export it as OCEL 2.0 JSON, with `events` and `objects`".into(),
        },
        other => other,
    })
}

/// Reads the events or the objects of a log.
pub fn open(path: &Path, rows: OcelRows) -> Result<Reader, ReadError> {
    let types = Types::read(path)?;
    let (pointer, names) = match rows {
        OcelRows::Events => ("/events", EVENT_COLUMNS),
        OcelRows::Objects => ("/objects", OBJECT_COLUMNS),
    };
    let by_type: Vec<String> = match rows {
        OcelRows::Events => types.names.iter().map(|name| format!("object:{name}")).collect(),
        OcelRows::Objects => Vec::new(),
    };
    let columns: Vec<&str> = names.iter().copied().chain(by_type.iter().map(String::as_str)).collect();
    let log =
        Log { array: open_array(path, pointer)?, path: path.into(), types, rows, block: Vec::new(), spans: Vec::new(), at: 0 };
    begin(path, Box::new(log), Columns::Open(&columns), true)
}

struct Log {
    array: ArraySplitter,
    path: PathBuf,
    types: Types,
    rows: OcelRows,
    block: Vec<u8>,
    spans: Vec<(u32, u32)>,
    at: usize,
}

impl RowSource for Log {
    fn next(&mut self, out: &mut Vec<u8>, rows_before: i64) -> Result<Step, ReadError> {
        if self.at == self.spans.len() {
            match self.array.next(BLOCK_ROWS, rows_before)? {
                Some(Records::Text { bytes, spans, .. }) => {
                    (self.block, self.spans, self.at) = (bytes, spans, 0);
                }
                _ => return Ok(Step::End),
            }
        }
        let (start, end) = self.spans[self.at];
        self.at += 1;
        let text = &self.block[start as usize..end as usize];
        // The splitter has cut what is too large: it is no whole object then.
        let Ok(element) = serde_json::from_slice::<Element>(text) else {
            out.extend_from_slice(&text[..text.len().min(PREFIX)]);
            return Ok(Step::Bad(NO_ELEMENT));
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
