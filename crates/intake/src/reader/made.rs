//! Formats whose rows must be made one after the other: spreadsheets, mailboxes, event logs, transcripts.
//!
//! Their records have no bytes of their own that could be cut out and decoded later (an event of XES needs its trace, a cell its
//! workbook), so a [`RowSource`] makes each row on the splitting thread, as one JSON object. From there on it is a row like
//! those of JSON lines: the same limit of size, the same hash for rows without an id, the same raw form in quarantine,
//! the same decoder on every thread. The object costs one more pass over the text, which is small beside parsing it.
//!
//! A format says which columns every file of it has. A fixed list lets `clew check` refuse a misspelt name; an open one takes
//! whatever the rows bring.

use std::io::{self, BufRead, Read};
use std::path::Path;

use serde::Serialize;

use super::{
    BLOCK_BYTES, BLOCK_ROWS, Block, Decoder, PREFIX, ROW_LIMIT, ReadError, Reader, Records, SplitFault, Splitter, json::Objects,
};

/// What one call of [`RowSource::next`] gave.
pub enum Step {
    /// A row.
    Row,
    /// A row that cannot be read; what was written is its text for quarantine.
    Bad(SplitFault),
    /// Nothing more.
    End,
}

/// Makes the rows of one file.
pub trait RowSource: Send {
    /// Appends the next row to `out` as a JSON object; `rows_before` is for the message of an error.
    fn next(&mut self, out: &mut Vec<u8>, rows_before: i64) -> Result<Step, ReadError>;
}

/// Which columns a format has.
#[derive(Clone, Copy, Debug)]
pub enum Columns<'a> {
    /// These and no others.
    Fixed(&'a [&'a str]),
    /// These, and those that the rows bring.
    Open(&'a [&'a str]),
}

/// Collects the rows of a source into blocks.
pub struct Collector {
    source: Box<dyn RowSource>,
    ended: bool,
}

impl Collector {
    /// The next at most `limit` rows, or `None` at the end.
    pub fn next(&mut self, limit: usize, rows_before: i64) -> Result<Option<Records>, ReadError> {
        let (mut bytes, mut spans, mut faults) = (Vec::new(), Vec::new(), Vec::new());
        while !self.ended && spans.len() < limit && bytes.len() < BLOCK_BYTES {
            let start = bytes.len();
            let fault = match self.source.next(&mut bytes, rows_before + spans.len() as i64)? {
                Step::Row => None,
                Step::Bad(fault) => Some(fault),
                Step::End => {
                    self.ended = true;
                    bytes.truncate(start);
                    break;
                }
            };
            let size = bytes.len() - start;
            let fault = fault.or_else(|| (size > ROW_LIMIT).then_some(SplitFault::TooLarge(size as u64)));
            if let Some(fault) = fault {
                if size > ROW_LIMIT {
                    bytes.truncate(start + PREFIX);
                }
                faults.push((spans.len() as u32, fault));
            }
            spans.push((start as u32, bytes.len() as u32));
        }
        Ok((!spans.is_empty()).then_some(Records::Text { bytes, spans, faults }))
    }
}

/// A reader of the rows of `source`. `fragile`: its end can be missing without a trace in the rows before it.
pub fn begin(path: &Path, source: Box<dyn RowSource>, columns: Columns, fragile: bool) -> Result<Reader, ReadError> {
    let mut collector = Collector { source, ended: false };
    let first = collector.next(BLOCK_ROWS, 0)?;
    let first = first.map(|records| Block { first_row: 1, keys: Vec::new(), records });
    let objects = match columns {
        Columns::Fixed(names) => Objects::closed(names),
        Columns::Open(names) => {
            let mut objects = Objects::default();
            objects.add_columns(names.iter().copied());
            if let Some(block) = &first {
                objects.learn_from(block);
            }
            objects
        }
    };
    Ok(Reader::new(path, Splitter::Made(collector), Decoder::Json(objects), first, fragile))
}

/// One row on its way: a JSON object, written entry by entry. Of a repeated key the last counts.
pub struct Object<'a> {
    out: &'a mut Vec<u8>,
    is_empty: bool,
}

impl<'a> Object<'a> {
    /// Opens an object at the end of `out`.
    pub fn open(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, is_empty: true }
    }

    fn key(&mut self, name: &str) {
        if !self.is_empty {
            self.out.push(b',');
        }
        self.is_empty = false;
        write_json(self.out, name);
        self.out.push(b':');
    }

    /// An entry of any value.
    pub fn put(&mut self, name: &str, value: &(impl Serialize + ?Sized)) {
        self.key(name);
        write_json(self.out, value);
    }

    /// An entry unless the value is missing or an empty text.
    pub fn put_text(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            self.put(name, value);
        }
    }

    /// An entry whose value is JSON already.
    pub fn put_json(&mut self, name: &str, json: &[u8]) {
        self.key(name);
        self.out.extend_from_slice(json);
    }

    /// Entries that are JSON already: `"key":value`, separated by commas; none when empty.
    pub fn put_entries(&mut self, entries: &[u8]) {
        if !entries.is_empty() {
            if !self.is_empty {
                self.out.push(b',');
            }
            self.is_empty = false;
            self.out.extend_from_slice(entries);
        }
    }

    /// Closes it.
    pub fn close(self) {
        self.out.push(b'}');
    }
}

/// Appends `value` as JSON.
pub fn write_json(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    serde_json::to_writer(out, value).expect("writing plain data to memory does not fail");
}

/// A stream of which a reader may take at most so many bytes until its budget is renewed. Parsers that hold what they have not
/// finished keep their memory within it.
pub struct Bounded<R> {
    inner: R,
    left: usize,
    limit: usize,
}

impl<R> Bounded<R> {
    /// `inner` with a budget of `limit` bytes.
    pub fn new(inner: R, limit: usize) -> Self {
        Self { inner, left: limit, limit }
    }

    /// Renews the budget.
    pub fn renew(&mut self) {
        self.left = self.limit;
    }
}

impl<R: BufRead> Read for Bounded<R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let n = self.fill_buf()?.read(target)?;
        self.consume(n);
        Ok(n)
    }
}

impl<R: BufRead> BufRead for Bounded<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let left = self.left;
        let buffer = self.inner.fill_buf()?;
        if left == 0 && !buffer.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "one element is larger than its limit"));
        }
        Ok(&buffer[..buffer.len().min(left)])
    }

    fn consume(&mut self, n: usize) {
        self.left -= n;
        self.inner.consume(n);
    }
}

/// Reads a whole stream of at most `limit` bytes; `what` names it in the refusal.
pub fn read_whole(path: &Path, stream: impl Read, limit: usize, what: &str) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    stream.take(limit as u64 + 1).read_to_end(&mut bytes).map_err(|error| ReadError::of(path, error, 0))?;
    if bytes.len() > limit {
        return Err(ReadError::Format {
            path: path.into(),
            message: format!("{what} of more than {} MB", limit >> 20),
            remedy: "split it into smaller files".into(),
        });
    }
    Ok(bytes)
}

/// The name of a file without its folder and extensions: `call-17` of `calls/call-17.vtt.gz`.
pub fn stem(path: &Path) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(&name);
    name.rsplit_once('.').map_or(name, |(stem, _)| stem).to_owned()
}
