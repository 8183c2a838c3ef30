//! JSON lines and JSON documents: both become objects with a place each, whose values are text.
//!
//! A document is never held in memory: the scanner walks to the array that `records` points at and cuts its elements
//! out by brackets and strings alone. What an element holds is the decoder's business, so a broken element is one
//! unreadable row as long as its brackets agree; where they do not, the document is refused.
//!
//! Values: text is unescaped, `null` and a missing key are null, numbers and booleans keep their own spelling, arrays
//! and objects stay JSON text for the JSON functions of SQL. Of a repeated key the last counts.

use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use arrow::datatypes::{DataType, Field};
use hashbrown::HashMap;
use memchr::memchr2;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::columns::TextColumn;
use super::records::Splitter as Lines;
use super::{
    BLOCK_BYTES, BLOCK_ROWS, Block, Compression, Decoded, Decoder, MAX_COLUMNS, PREFIX, ROW_LIMIT, ReadError, ReadOptions,
    Reader, Records, SplitFault, Splitter, Stream, TextRecords, Unreadable, with_rows,
};

/// Longest key that the scanner reads on its way to the array.
const MAX_KEY: usize = 64 * 1024;

/// Reads JSON lines.
pub fn open_lines(path: &Path, (stream, compression): Stream) -> Result<Reader, ReadError> {
    let mut lines = Lines::new(stream, path);
    let first = lines.next(BLOCK_ROWS, 0)?;
    Ok(begin(path, Splitter::Records(lines), first, compression != Compression::Plain))
}

/// Reads a JSON document and walks to its array.
pub fn open_array(path: &Path, (stream, _): Stream, options: &ReadOptions) -> Result<Reader, ReadError> {
    let mut array = ArraySplitter::open(path, stream, options.json.records.as_deref().unwrap_or(""))?;
    let first = array.next(BLOCK_ROWS, 0)?;
    Ok(begin(path, Splitter::Array(array), first, true))
}

fn begin(path: &Path, splitter: Splitter, first: Option<Records>, fragile: bool) -> Reader {
    let first = first.map(|records| Block { first_row: 1, keys: Vec::new(), records });
    let mut objects = Objects::default();
    if let Some(block) = &first {
        objects.learn_from(block);
    }
    Reader::new(path, splitter, Decoder::Json(objects), first, fragile)
}

/// Cuts the elements of an array out of a document.
pub struct ArraySplitter {
    scanner: Scanner,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the first element.
    Open,
    /// Behind an element.
    Inside,
    /// Behind the array.
    Closed,
}

impl ArraySplitter {
    /// Walks through `stream`, the content of `path`, to the array at `pointer`.
    pub fn open(path: &Path, stream: Box<dyn Read + Send>, pointer: &str) -> Result<Self, ReadError> {
        let scanner = Scanner { stream: BufReader::with_capacity(256 * 1024, stream), path: path.into() };
        let mut array = Self { scanner, state: State::Open };
        array.find(pointer)?;
        Ok(array)
    }

    /// Walks to the array at `pointer`.
    fn find(&mut self, pointer: &str) -> Result<(), ReadError> {
        let mut walked = String::new();
        for token in pointer.split('/').skip(1) {
            let token = token.replace("~1", "/").replace("~0", "~");
            self.enter(&token, &walked)?;
            walked.push('/');
            walked.push_str(&token);
        }
        let place = if walked.is_empty() { "the document".to_owned() } else { format!("`{walked}`") };
        match self.scanner.peek(0)? {
            Some(b'[') => {
                self.scanner.stream.consume(1);
                Ok(())
            }
            Some(b'{') => Err(self.scanner.refuse(
                format!("{place} holds an object, not an array"),
                "point at the array with `json: {records: /…}`, or say `format: jsonl` when every line is an object",
            )),
            _ => Err(self
                .scanner
                .refuse(format!("{place} holds no array"), "is it JSON? Point at the array with `json: {records: /…}`")),
        }
    }

    fn enter(&mut self, token: &str, walked: &str) -> Result<(), ReadError> {
        let scanner = &mut self.scanner;
        let missing = |scanner: &Scanner| {
            scanner.refuse(
                format!("there is no `{walked}/{token}`"),
                "correct `json: {records: …}` (a JSON pointer such as /data/items)",
            )
        };
        match scanner.peek(0)? {
            Some(b'{') => {
                scanner.stream.consume(1);
                let mut key = Vec::new();
                while scanner.peek(0)? == Some(b'"') {
                    key.clear();
                    scanner.value(Some(&mut key), MAX_KEY, 0)?;
                    if scanner.peek(0)? != Some(b':') {
                        return Err(scanner.refuse("a key has no value".into(), "is it JSON?"));
                    }
                    scanner.stream.consume(1);
                    if serde_json::from_slice::<String>(&key).is_ok_and(|key| key == token) {
                        return Ok(());
                    }
                    scanner.peek(0)?;
                    scanner.value(None, 0, 0)?;
                    if scanner.peek(0)? == Some(b',') {
                        scanner.stream.consume(1);
                    }
                }
                Err(missing(scanner))
            }
            Some(b'[') => {
                scanner.stream.consume(1);
                let Ok(index) = token.parse::<usize>() else { return Err(missing(scanner)) };
                for _ in 0..index {
                    if scanner.peek(0)? == Some(b']') {
                        return Err(missing(scanner));
                    }
                    scanner.value(None, 0, 0)?;
                    if scanner.peek(0)? != Some(b',') {
                        return Err(missing(scanner));
                    }
                    scanner.stream.consume(1);
                }
                Ok(())
            }
            _ => Err(missing(scanner)),
        }
    }

    /// The next at most `limit` elements, or `None` at the end of the array.
    pub fn next(&mut self, limit: usize, rows_before: i64) -> Result<Option<Records>, ReadError> {
        let (mut bytes, mut spans, mut faults) = (Vec::new(), Vec::new(), Vec::new());
        while self.state != State::Closed && spans.len() < limit && bytes.len() < BLOCK_BYTES {
            let row = rows_before + spans.len() as i64;
            match (self.scanner.peek(row)?, self.state) {
                (Some(b']'), _) => {
                    self.scanner.stream.consume(1);
                    self.state = State::Closed;
                    break;
                }
                (Some(b','), State::Inside) => {
                    self.scanner.stream.consume(1);
                    self.scanner.peek(row)?;
                }
                (Some(_), State::Open) => {}
                (None, _) => return Err(self.scanner.truncated(row)),
                _ => {
                    return Err(self.scanner.refuse(
                        format!("behind element {row} of the array stands neither a comma nor its end"),
                        "is it JSON? Nothing of this file was stored",
                    ));
                }
            }
            let start = bytes.len();
            let size = self.scanner.value(Some(&mut bytes), ROW_LIMIT, row)?;
            if size > ROW_LIMIT as u64 {
                bytes.truncate(start + PREFIX);
                faults.push((spans.len() as u32, SplitFault::TooLarge(size)));
            }
            spans.push((start as u32, bytes.len() as u32));
            self.state = State::Inside;
        }
        Ok((!spans.is_empty()).then_some(Records::Text { bytes, spans, faults }))
    }
}

struct Scanner {
    stream: BufReader<Box<dyn Read + Send>>,
    path: PathBuf,
}

impl Scanner {
    fn refuse(&self, message: String, remedy: &str) -> ReadError {
        ReadError::Format { path: self.path.clone(), message, remedy: remedy.into() }
    }

    fn truncated(&self, rows: i64) -> ReadError {
        ReadError::Truncated { path: self.path.clone(), rows, detail: "the document ends inside its array".into() }
    }

    fn buffer(&mut self, rows: i64) -> Result<&[u8], ReadError> {
        // Not `self.stream.fill_buf()` in one go: the error needs the path.
        match self.stream.fill_buf() {
            Ok(_) => Ok(self.stream.buffer()),
            Err(error) => Err(ReadError::of(&self.path, error, rows)),
        }
    }

    /// The next byte that is not white space, without consuming it.
    fn peek(&mut self, rows: i64) -> Result<Option<u8>, ReadError> {
        loop {
            let chunk = self.buffer(rows)?;
            if chunk.is_empty() {
                return Ok(None);
            }
            let blank = chunk.iter().take_while(|b| b.is_ascii_whitespace()).count();
            let found = chunk.get(blank).copied();
            self.stream.consume(blank);
            if found.is_some() {
                return Ok(found);
            }
        }
    }

    /// Consumes one value and returns its size; its first `limit` bytes (and a little more) go to `keep`.
    fn value(&mut self, mut keep: Option<&mut Vec<u8>>, limit: usize, rows: i64) -> Result<u64, ReadError> {
        let (mut depth, mut in_text, mut escaped, mut size) = (0_u32, false, false, 0_u64);
        loop {
            let chunk = self.buffer(rows)?;
            if chunk.is_empty() {
                return Err(self.truncated(rows));
            }
            let (mut at, mut done) = (0, false);
            while at < chunk.len() && !done {
                if in_text {
                    if escaped {
                        escaped = false;
                        at += 1;
                    } else if let Some(i) = memchr2(b'"', b'\\', &chunk[at..]) {
                        escaped = chunk[at + i] == b'\\';
                        in_text = escaped;
                        at += i + 1;
                        done = !in_text && depth == 0;
                    } else {
                        at = chunk.len();
                    }
                    continue;
                }
                match chunk[at] {
                    b'"' => in_text = true,
                    b'{' | b'[' => depth += 1,
                    // A scalar ends before what follows it; nothing at all would not move on.
                    b'}' | b']' | b',' | b':' if depth == 0 && size + at as u64 > 0 => {
                        done = true;
                        continue;
                    }
                    b'}' | b']' | b',' | b':' if depth == 0 => {}
                    b'}' | b']' => {
                        depth -= 1;
                        done = depth == 0;
                    }
                    b if depth == 0 && b.is_ascii_whitespace() => {
                        done = true;
                        continue;
                    }
                    _ => {}
                }
                at += 1;
            }
            if let Some(keep) = keep.as_deref_mut().filter(|_| size <= limit as u64) {
                keep.extend_from_slice(&chunk[..at]);
            }
            size += at as u64;
            self.stream.consume(at);
            if done {
                return Ok(size);
            }
        }
    }
}

/// Objects into columns by key.
#[derive(Default)]
pub struct Objects {
    columns: Vec<String>,
    places: HashMap<String, usize>,
    /// Whether `columns` are all that there are.
    is_closed: bool,
}

impl Objects {
    /// Objects with these keys and no others.
    pub fn closed(names: &[&str]) -> Self {
        let mut objects = Self::default();
        objects.add_columns(names.iter().copied());
        objects.is_closed = true;
        objects
    }

    /// Whether an object may have keys that are not known yet.
    pub fn is_open(&self) -> bool {
        !self.is_closed
    }

    /// The keys of `objects`.
    pub(super) fn of(objects: &[&str]) -> Self {
        let mut known = Self::default();
        known.learn(objects.iter().map(|object| object.as_bytes()));
        known
    }

    /// Known keys, in order of first appearance.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Makes `names` known.
    pub fn add_columns<'a>(&mut self, names: impl Iterator<Item = &'a str>) {
        for name in names {
            if !self.is_closed && self.columns.len() < MAX_COLUMNS && !self.places.contains_key(name) {
                self.places.insert(name.to_owned(), self.columns.len());
                self.columns.push(name.to_owned());
            }
        }
    }

    /// Makes the keys of the objects in `block` known.
    pub fn learn_from(&mut self, block: &Block) {
        let Records::Text { bytes, spans, .. } = &block.records else { return };
        self.learn(spans.iter().map(|&(start, end)| &bytes[start as usize..end as usize]));
    }

    fn learn<'a>(&mut self, objects: impl Iterator<Item = &'a [u8]>) {
        for object in objects {
            let mut json = serde_json::Deserializer::from_slice(object);
            // A broken object teaches the keys before the break; it is told when it is decoded.
            let _ = json.deserialize_map(Keys(self));
        }
    }

    /// Decodes the columns at `wanted`.
    pub(super) fn decode(&self, records: &TextRecords, wanted: &[usize]) -> Decoded {
        let mut columns: Vec<TextColumn> = wanted.iter().map(|_| TextColumn::with_capacity(records.spans.len())).collect();
        let mut slots = vec![None; self.columns.len()];
        for (slot, &at) in wanted.iter().enumerate() {
            slots[at] = Some(slot);
        }
        let mut values: Vec<Option<&RawValue>> = vec![None; wanted.len()];
        let (mut rows, mut unreadable) = (Vec::with_capacity(records.spans.len()), Vec::new());
        for (row_no, record, fault) in records.iter() {
            values.fill(None);
            let read = Row { objects: self, slots: &slots, values: &mut values };
            let refusal = fault.map(SplitFault::describe).or_else(|| decode_object(record, read).err());
            if let Some((reason, detail)) = refusal {
                unreadable.push(Unreadable { row_no, reason, detail, raw: String::from_utf8_lossy(record).into_owned() });
                continue;
            }
            for (column, value) in columns.iter_mut().zip(&values) {
                push_value(column, value.map(RawValue::get));
            }
            rows.push(row_no);
        }
        let fields = wanted.iter().map(|&at| Field::new(&self.columns[at], DataType::Utf8, true)).collect();
        let arrays = columns.into_iter().map(TextColumn::finish).collect();
        Decoded { batch: with_rows(rows, fields, arrays), unreadable }
    }
}

fn push_value(column: &mut TextColumn, value: Option<&str>) {
    match value {
        None | Some("null") => column.push_null(),
        Some(text) if text.starts_with('"') => {
            if memchr::memchr(b'\\', text.as_bytes()).is_none() {
                column.push(&text.as_bytes()[1..text.len() - 1]);
            } else {
                match serde_json::from_str::<String>(text) {
                    Ok(text) => column.push(text.as_bytes()),
                    // A lone surrogate: no text that UTF-8 can hold.
                    Err(_) => column.push_null(),
                }
            }
        }
        Some(other) => column.push(other.as_bytes()),
    }
}

fn decode_object<'a>(record: &'a [u8], row: Row<'_, 'a>) -> Result<(), (&'static str, String)> {
    let text = std::str::from_utf8(record).map_err(|error| {
        ("invalid_utf8", format!("byte {} of the row is not UTF-8: is the encoding latin-1?", error.valid_up_to() + 1))
    })?;
    let mut json = serde_json::Deserializer::from_str(text);
    let read = json.deserialize_map(row).and_then(|()| json.end());
    // The error's own words may repeat a value of the row; its kind and place do not.
    read.map_err(|error| match error.classify() {
        serde_json::error::Category::Data => ("not_an_object", "the row is JSON, but not an object".to_owned()),
        serde_json::error::Category::Eof => ("invalid_json", "the JSON of the row ends in the middle".to_owned()),
        _ => ("invalid_json", format!("not JSON at byte {} of the row", error.column())),
    })
}

/// Collects the wanted values of one object.
struct Row<'r, 'a> {
    objects: &'r Objects,
    slots: &'r [Option<usize>],
    values: &'r mut [Option<&'a RawValue>],
}

impl<'a> Visitor<'a> for Row<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some(place) = map.next_key_seed(Place(&self.objects.places))? {
            match place.and_then(|place| self.slots[place]) {
                Some(slot) => self.values[slot] = Some(map.next_value()?),
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// A key as its place among the known ones, without a copy.
struct Place<'r>(&'r HashMap<String, usize>);

impl<'de> DeserializeSeed<'de> for Place<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Place<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.get(key).copied())
    }
}

/// Learns the keys of one object.
struct Keys<'r>(&'r mut Objects);

impl<'de> Visitor<'de> for Keys<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            self.0.add_columns(std::iter::once(&*key));
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}
