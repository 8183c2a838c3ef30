//! Where records end: the half of reading separated values and JSON lines that must run in order.
//!
//! A record ends at a line end outside quotes. Quotes follow RFC 4180 as `csv-core` reads it: one opens a field only at
//! its beginning, a doubled one is a character of the field, and a quote anywhere else is a plain character, so that
//! `5" pipe` does not swallow the file. The scan jumps from quote to line end with `memchr` and never looks at the bytes
//! between, which is several times faster than decoding; that is why it is a pass of its own. The property test
//! of [`super::csv`] holds both halves together against the `csv` crate.
//!
//! A record above the row limit is scanned on but not kept: only its beginning stays in memory.

use std::io::Read;
use std::path::{Path, PathBuf};

use memchr::{memchr, memchr2, memchr3};

use super::{BLOCK_BYTES, PREFIX, ROW_LIMIT, ReadError, Records, SplitFault};

/// Bytes per read.
const READ: usize = 256 * 1024;

/// How records of this format are quoted.
#[derive(Clone, Copy, Debug)]
pub enum Quoting {
    /// Not at all (JSON lines); lines of white space are no records.
    None,
    /// Fields between `delimiter`s may be quoted.
    Fields {
        /// Field separator.
        delimiter: u8,
        /// Quote character.
        quote: u8,
    },
}

/// Splits a stream into records.
pub struct Splitter {
    stream: Box<dyn Read + Send>,
    path: PathBuf,
    quoting: Quoting,
    buffer: Vec<u8>,
    /// Where the unfinished record begins in `buffer`.
    start: usize,
    /// How far it was scanned.
    at: usize,
    in_quotes: bool,
    /// Bytes of the unfinished record that were dropped because it is too large, and the last of them.
    dropped: u64,
    last_dropped: u8,
    ended: bool,
}

impl Splitter {
    /// Splits `stream`, which is the content of `path`.
    pub fn new(stream: Box<dyn Read + Send>, path: &Path) -> Self {
        Self {
            stream,
            path: path.into(),
            quoting: Quoting::None,
            buffer: Vec::new(),
            start: 0,
            at: 0,
            in_quotes: false,
            dropped: 0,
            last_dropped: 0,
            ended: false,
        }
    }

    /// The first bytes of the stream, at most `n`, which stay to be read.
    pub fn peek(&mut self, n: usize) -> Result<&[u8], ReadError> {
        while self.buffer.len() < n && !self.ended {
            self.fill(0)?;
        }
        Ok(&self.buffer[..n.min(self.buffer.len())])
    }

    /// Sets how records are quoted, once the beginning told it.
    pub fn set_quoting(&mut self, quoting: Quoting) {
        self.quoting = quoting;
    }

    /// The next at most `limit` records, or `None` at the end; `rows_before` is for the message of an error.
    pub fn next(&mut self, limit: usize, rows_before: i64) -> Result<Option<Records>, ReadError> {
        let mut found = Found { spans: Vec::new(), faults: Vec::new(), limit };
        while !self.scan(&mut found) {
            self.drop_excess();
            if self.ended {
                self.finish(&mut found);
                break;
            }
            self.fill(rows_before + found.spans.len() as i64)?;
        }
        if found.spans.is_empty() {
            return Ok(None);
        }
        let mut rest = Vec::with_capacity(self.buffer.len() - self.start + BLOCK_BYTES.min(4 * READ));
        rest.extend_from_slice(&self.buffer[self.start..]);
        self.buffer.truncate(self.start);
        self.at -= self.start;
        self.start = 0;
        let bytes = std::mem::replace(&mut self.buffer, rest);
        Ok(Some(Records::Text { bytes, spans: found.spans, faults: found.faults }))
    }

    fn fill(&mut self, rows: i64) -> Result<(), ReadError> {
        let read = (&mut self.stream).take(READ as u64).read_to_end(&mut self.buffer);
        self.ended = read.map_err(|error| ReadError::of(&self.path, error, rows))? == 0;
        Ok(())
    }

    /// Scans what is in the buffer; true when `found` is full.
    fn scan(&mut self, found: &mut Found) -> bool {
        loop {
            let rest = &self.buffer[self.at..];
            match self.quoting {
                Quoting::Fields { quote, .. } if self.in_quotes => {
                    let Some(i) = memchr(quote, rest) else {
                        self.at = self.buffer.len();
                        return false;
                    };
                    match rest.get(i + 1) {
                        Some(&next) if next == quote => self.at += i + 2,
                        None if !self.ended => {
                            self.at += i;
                            return false;
                        }
                        _ => {
                            self.in_quotes = false;
                            self.at += i + 1;
                        }
                    }
                }
                Quoting::Fields { delimiter, quote } => {
                    let Some(i) = memchr3(quote, b'\n', b'\r', rest) else {
                        self.at = self.buffer.len();
                        return false;
                    };
                    if rest[i] == quote {
                        self.in_quotes = self.field_begins(self.at + i, delimiter);
                        self.at += i + 1;
                    } else if self.end_record(self.at + i, found) {
                        return true;
                    }
                }
                Quoting::None => {
                    let Some(i) = memchr2(b'\n', b'\r', rest) else {
                        self.at = self.buffer.len();
                        return false;
                    };
                    if self.end_record(self.at + i, found) {
                        return true;
                    }
                }
            }
        }
    }

    fn field_begins(&self, at: usize, delimiter: u8) -> bool {
        if at == self.start {
            return self.dropped == 0;
        }
        let before = if self.dropped > 0 && at == self.start + PREFIX { self.last_dropped } else { self.buffer[at - 1] };
        before == delimiter
    }

    /// Ends the record before the line end at `end`; true when `found` is full.
    fn end_record(&mut self, end: usize, found: &mut Found) -> bool {
        let size = (end - self.start) as u64 + self.dropped;
        if size > ROW_LIMIT as u64 {
            found.refuse(SplitFault::TooLarge(size), self.start, end);
        } else if size > 0 && !self.is_blank(end) {
            found.spans.push((self.start as u32, end as u32));
        }
        self.start = end + 1;
        self.at = end + 1;
        self.dropped = 0;
        found.spans.len() >= found.limit || self.start >= BLOCK_BYTES
    }

    fn is_blank(&self, end: usize) -> bool {
        matches!(self.quoting, Quoting::None) && self.buffer[self.start..end].trim_ascii().is_empty()
    }

    /// Forgets what was scanned of a record that is too large already, but for its beginning.
    fn drop_excess(&mut self) {
        if self.at - self.start <= ROW_LIMIT && self.dropped == 0 {
            return;
        }
        let keep = self.start + PREFIX;
        if self.at > keep {
            self.last_dropped = self.buffer[self.at - 1];
            self.dropped += (self.at - keep) as u64;
            self.buffer.drain(keep..self.at);
            self.at = keep;
        }
    }

    /// Ends the last record, which no line end closes.
    fn finish(&mut self, found: &mut Found) {
        let end = self.buffer.len();
        if self.in_quotes {
            let size = (end - self.start) as u64 + self.dropped;
            found.refuse(SplitFault::Unclosed(size), self.start, end);
            self.start = end;
            self.at = end;
            self.in_quotes = false;
            self.dropped = 0;
        } else {
            self.end_record(end, found);
            self.start = end;
            self.at = end;
        }
    }
}

/// What a scan found so far.
struct Found {
    spans: Vec<(u32, u32)>,
    faults: Vec<(u32, SplitFault)>,
    limit: usize,
}

impl Found {
    fn refuse(&mut self, fault: SplitFault, start: usize, end: usize) {
        self.faults.push((self.spans.len() as u32, fault));
        let kept =
            if matches!(fault, SplitFault::Unclosed(size) if size <= ROW_LIMIT as u64) { end } else { end.min(start + PREFIX) };
        self.spans.push((start as u32, kept as u32));
    }
}
