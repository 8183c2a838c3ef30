//! Separated values: delimiter, header, fields.
//!
//! Fields are decoded by `csv-core` where a record holds a quote; where it holds none (nearly every record of nearly
//! every file) its fields lie between delimiters and are found by `memchr`. Both write straight into the columns.
//! An empty cell is null, quoted or not.
//!
//! A delimiter that nobody declared is the one of `, ; tab |` that cuts the first rows into the same number of fields,
//! the largest such number. A header of one column that itself holds another candidate is refused: a wrong delimiter
//! would otherwise show as a mapping that finds none of its columns.

use std::path::Path;

use arrow::datatypes::{DataType, Field};
use csv_core::{ReadRecordResult, Reader as Core, ReaderBuilder};
use memchr::memchr_iter;

use super::columns::TextColumn;
use super::records::{Quoting, Splitter};
use super::{Compression, Decoded, Decoder, MAX_COLUMNS, ReadError, Reader, Records, Stream, TextRecords, Unreadable, with_rows};
use crate::spec::CsvOptions;

const CANDIDATES: [u8; 4] = *b",;\t|";
/// Bytes that the delimiter is recognised from.
const SNIFF: usize = 64 * 1024;
/// Rows that the delimiter is recognised from.
const SNIFF_ROWS: usize = 20;

/// The columns of a file and how its fields are separated.
#[derive(Clone, Debug)]
pub struct Layout {
    /// Names, unique.
    pub columns: Vec<String>,
    delimiter: u8,
    quote: u8,
}

/// Reads the header.
pub fn open(path: &Path, (stream, compression): Stream, options: &CsvOptions) -> Result<Reader, ReadError> {
    let refuse = |message: String, remedy: &str| ReadError::Format { path: path.into(), message, remedy: remedy.into() };
    let ascii = |given: Option<char>, name: &str| match given {
        Some(c) if !c.is_ascii() || matches!(c, '\n' | '\r') => {
            Err(refuse(format!("the {name} {c:?} is not a character of ASCII"), "use one of , ; tab |"))
        }
        given => Ok(given.map(|c| c as u8)),
    };
    let quote = ascii(options.quote, "quote")?.unwrap_or(b'"');
    let declared = ascii(options.delimiter, "delimiter")?;
    let mut splitter = Splitter::new(stream, path);
    let head = splitter.peek(SNIFF)?;
    let delimiter = declared.unwrap_or_else(|| sniff(head, quote));
    splitter.set_quoting(Quoting::Fields { delimiter, quote });
    let mut layout = Layout { columns: Vec::new(), delimiter, quote };
    let Some(Records::Text { bytes, spans, faults }) = splitter.next(1, 0)? else {
        return Err(refuse("it holds no row, not even a header".into(), "remove it, or export it again"));
    };
    if let Some((_, fault)) = faults.first() {
        return Err(refuse(format!("its first row cannot be read: {}", fault.describe().1), "check delimiter and quote"));
    }
    let first = layout.fields_of(&bytes[spans[0].0 as usize..spans[0].1 as usize]);
    if first.len() > MAX_COLUMNS {
        return Err(refuse(format!("{} columns, more than {MAX_COLUMNS}", first.len()), "is the delimiter right?"));
    }
    let mut warnings = Vec::new();
    if options.header.unwrap_or(true) {
        refuse_wrong_delimiter(path, &first, delimiter)?;
        layout.columns = unique_names(&first, &mut warnings);
        let mut reader =
            Reader::new(path, Splitting::Records(splitter), Decoder::Csv(layout), None, compression != Compression::Plain);
        reader.warnings = warnings;
        return Ok(reader);
    }
    layout.columns = (1..=first.len()).map(|i| format!("column_{i}")).collect();
    let pending = super::Block { first_row: 1, keys: Vec::new(), records: Records::Text { bytes, spans, faults } };
    Ok(Reader::new(path, Splitting::Records(splitter), Decoder::Csv(layout), Some(pending), compression != Compression::Plain))
}

use super::Splitter as Splitting;

fn refuse_wrong_delimiter(path: &Path, header: &[String], delimiter: u8) -> Result<(), ReadError> {
    let [name] = header else { return Ok(()) };
    let Some(other) = CANDIDATES.into_iter().find(|&c| c != delimiter && name.as_bytes().contains(&c)) else { return Ok(()) };
    let shown = if other == b'\t' { "tab".to_owned() } else { format!("'{}'", other as char) };
    Err(ReadError::Format {
        path: path.into(),
        message: format!("1 column named '{}': is the delimiter {shown}?", name.replace('\t', "\\t")),
        remedy: format!(
            "say `csv: {{delimiter: \"{}\"}}` in the source",
            if other == b'\t' { "\\t".into() } else { (other as char).to_string() }
        ),
    })
}

/// Names without surrounding white space; an empty one becomes `column_<n>`, a repeated one gets `_2`, `_3` ….
pub(super) fn unique_names(header: &[String], warnings: &mut Vec<String>) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(header.len());
    for (at, given) in header.iter().enumerate() {
        let given = given.trim();
        let base = if given.is_empty() {
            warnings.push(format!("column {} has no name: it is called column_{}", at + 1, at + 1));
            format!("column_{}", at + 1)
        } else {
            given.to_owned()
        };
        let mut name = base.clone();
        let mut times = 1;
        while names.contains(&name) {
            times += 1;
            name = format!("{base}_{times}");
        }
        if times > 1 {
            warnings.push(format!("column {} is named '{base}' like one before it: it is called {name}", at + 1));
        }
        names.push(name);
    }
    names
}

/// The delimiter that the beginning of a file shows.
fn sniff(head: &[u8], quote: u8) -> u8 {
    let fields_by = |delimiter: u8| -> Option<usize> {
        let mut reader = ReaderBuilder::new().delimiter(delimiter).quote(quote).build();
        let (mut input, mut output, mut ends) = (head, vec![0; head.len() + 1], vec![0; MAX_COLUMNS]);
        let mut counts = Vec::new();
        while counts.len() < SNIFF_ROWS {
            let (result, read, _, fields) = reader.read_record(input, &mut output, &mut ends);
            input = &input[read..];
            match result {
                ReadRecordResult::Record => counts.push(fields),
                // The last record may be cut off: it counts only when it is the only one.
                ReadRecordResult::InputEmpty => {
                    if counts.is_empty() {
                        counts.push(fields + 1);
                    }
                    break;
                }
                _ => break,
            }
        }
        let first = *counts.first()?;
        let same = counts.iter().filter(|&&n| n == first).count();
        (first > 1 && same * 10 >= counts.len() * 8).then_some(first)
    };
    let mut best = (1, b',');
    for candidate in CANDIDATES {
        if let Some(fields) = fields_by(candidate).filter(|&fields| fields > best.0) {
            best = (fields, candidate);
        }
    }
    best.1
}

/// Fields of one record: positions in the record itself, or in the unquoted copy.
struct Fields {
    core: Core,
    bounds: Vec<(usize, usize)>,
    unquoted: Vec<u8>,
    ends: Vec<usize>,
}

impl Layout {
    fn scratch(&self) -> Fields {
        let mut core = ReaderBuilder::new().delimiter(self.delimiter).quote(self.quote).build();
        // `core` removes a byte order mark from the first bytes that it sees; in the middle of a file it is content.
        core.read_record(b"-\n", &mut [0; 4], &mut [0; 4]);
        Fields { core, bounds: Vec::with_capacity(self.columns.len()), unquoted: Vec::new(), ends: vec![0; MAX_COLUMNS + 1] }
    }

    fn fields_of(&self, record: &[u8]) -> Vec<String> {
        let mut scratch = self.scratch();
        let text = scratch.split(self, record);
        let text = if text { std::mem::take(&mut scratch.unquoted) } else { record.to_vec() };
        scratch.bounds.iter().map(|&(start, end)| String::from_utf8_lossy(&text[start..end]).into_owned()).collect()
    }

    /// Decodes the columns at `wanted`.
    pub(super) fn decode(&self, records: &TextRecords, wanted: &[usize]) -> Decoded {
        let mut scratch = self.scratch();
        let mut columns: Vec<TextColumn> = wanted.iter().map(|_| TextColumn::with_capacity(records.spans.len())).collect();
        let mut rows = Vec::with_capacity(records.spans.len());
        let mut unreadable = Vec::new();
        let all_valid = std::str::from_utf8(records.bytes).is_ok();
        for (row_no, record, fault) in records.iter() {
            let refusal = fault.map(super::SplitFault::describe).or_else(|| invalid_utf8(record, all_valid));
            let quoted = refusal.is_none() && scratch.split(self, record);
            let refusal = refusal.or_else(|| self.wrong_count(scratch.bounds.len()));
            if let Some((reason, detail)) = refusal {
                unreadable.push(Unreadable { row_no, reason, detail, raw: String::from_utf8_lossy(record).into_owned() });
                continue;
            }
            let text = if quoted { &scratch.unquoted } else { record };
            for (column, &at) in columns.iter_mut().zip(wanted) {
                let (start, end) = scratch.bounds[at];
                if start == end { column.push_null() } else { column.push(&text[start..end]) }
            }
            rows.push(row_no);
        }
        let fields = wanted.iter().map(|&at| Field::new(&self.columns[at], DataType::Utf8, true)).collect();
        let arrays = columns.into_iter().map(TextColumn::finish).collect();
        Decoded { batch: with_rows(rows, fields, arrays), unreadable }
    }

    /// The record of `values`, quoted where it must be.
    pub(super) fn line(&self, values: &[Option<&str>]) -> Vec<u8> {
        let mut line = Vec::new();
        for (at, value) in values.iter().enumerate() {
            let value = value.unwrap_or_default().as_bytes();
            if at > 0 {
                line.push(self.delimiter);
            }
            if !value.iter().any(|byte| [self.delimiter, self.quote, b'\n', b'\r'].contains(byte)) {
                line.extend_from_slice(value);
                continue;
            }
            line.push(self.quote);
            for byte in value {
                if *byte == self.quote {
                    line.push(self.quote);
                }
                line.push(*byte);
            }
            line.push(self.quote);
        }
        line
    }

    fn wrong_count(&self, fields: usize) -> Option<(&'static str, String)> {
        (fields != self.columns.len())
            .then(|| ("wrong_field_count", format!("{fields} fields instead of the {} of the header", self.columns.len())))
    }
}

fn invalid_utf8(record: &[u8], all_valid: bool) -> Option<(&'static str, String)> {
    if all_valid {
        return None;
    }
    let at = std::str::from_utf8(record).err()?.valid_up_to();
    Some(("invalid_utf8", format!("byte {} of the row (0x{:02X}) is not UTF-8: is the encoding latin-1?", at + 1, record[at])))
}

impl Fields {
    /// Finds the fields of `record`; true when they lie in `unquoted`.
    fn split(&mut self, layout: &Layout, record: &[u8]) -> bool {
        self.bounds.clear();
        if memchr::memchr(layout.quote, record).is_none() {
            let mut start = 0;
            for end in memchr_iter(layout.delimiter, record) {
                self.bounds.push((start, end));
                start = end + 1;
            }
            self.bounds.push((start, record.len()));
            return false;
        }
        self.unquoted.resize(record.len() + 1, 0);
        let (mut written, mut fields) = (0, 0);
        // The splitter cut the line end off; feeding one ends the record and leaves `core` ready for the next.
        for input in [record, b"\n"] {
            let (result, _, wrote, ended) = self.core.read_record(input, &mut self.unquoted[written..], &mut self.ends[fields..]);
            written += wrote;
            fields += ended;
            if matches!(result, ReadRecordResult::OutputEndsFull) {
                // More fields than any header may have: the count is wrong whatever follows.
                self.core.reset();
                break;
            }
        }
        let mut start = 0;
        for &end in &self.ends[..fields] {
            self.bounds.push((start, end));
            start = end;
        }
        true
    }
}
