//! Files into chunks of raw rows.
//!
//! A file is read in two halves, so that the expensive one runs on every core. One thread **splits**: it finds where
//! records end (quotes, brackets and line ends are all it looks at), counts them and hands out [`Block`]s of whole
//! records. Any number of threads **decode** blocks into a record batch: text columns for CSV and JSON, the file's own
//! types for Parquet, and the hidden column [`ROW`] with the row's number in the file, from 1 without the header.
//!
//! A row that cannot be read is no error: it is handed on as [`Unreadable`] with its place, the reason and its bytes,
//! and the rest of the file goes on. An error is about a whole file: it is missing, may not be read, ends in the
//! middle, or is not what it claims to be. Because a file must never be half stored, files whose end can be missing
//! without a trace in the rows before it (compressed ones and JSON documents) are read to the end once by
//! [`Reader::verify`] before the first of their rows is stored.
//!
//! Memory is bounded by [`BLOCK_BYTES`] and [`ROW_LIMIT`] per block, whatever the file holds.
//!
//! Spreadsheets, mail, event logs and transcripts are read row by row on the splitting thread ([`rows`]) and decoded like JSON lines.
//!
//! Missing on purpose: fixed-width files, XML of no known shape, old .xls files.

mod bytes;
mod columns;
mod csv;
mod files;
#[cfg(test)]
mod format_tests;
#[cfg(test)]
mod fuzz;
mod json;
mod made;
mod mail;
mod ocel;
mod ocel_xml;
mod parquet;
mod records;
pub(crate) mod rows;
#[cfg(test)]
mod tests;
mod transcript;
mod xes;
mod xlsx;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use hashbrown::HashMap;
use xxhash_rust::xxh3::xxh3_64;

pub use self::bytes::Compression;
pub(crate) use self::columns::{TextColumn, row_as_json};
pub use self::files::{FileStamp, MAX_FILES, fingerprint, format_of, list, stamps};
pub(crate) use self::parquet::hash_rows;
use crate::spec::{CsvOptions, Format, JsonOptions, OcelOptions, SourceSpec, WebvttOptions, XlsxOptions};

/// Largest row in bytes; a larger one is unreadable.
pub const ROW_LIMIT: usize = 1 << 20;
/// Rows per block.
pub const BLOCK_ROWS: usize = 65_536;
/// A block ends behind the record that passes this many bytes.
pub const BLOCK_BYTES: usize = 8 << 20;
/// What is kept of a row above [`ROW_LIMIT`].
pub const PREFIX: usize = 4096;
/// At most so many columns in one file.
pub const MAX_COLUMNS: usize = 4096;
/// The hidden column: the row's number in its file.
pub const ROW: &str = "_row";

/// Why a file was refused.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Nothing is there.
    #[error("{}: no such file", path.display())]
    Missing {
        /// Path or pattern.
        path: PathBuf,
    },
    /// No right to read.
    #[error("{}: no right to read it; give this user the right, or run as one who has it", path.display())]
    Denied {
        /// File or folder.
        path: PathBuf,
    },
    /// The file ends in the middle.
    #[error("{}: truncated or damaged after {rows} whole rows ({detail}); nothing of this file was stored: fetch it again", path.display())]
    Truncated {
        /// File.
        path: PathBuf,
        /// Whole rows before the break.
        rows: i64,
        /// What the decoder met.
        detail: String,
    },
    /// The file is not what the source says.
    #[error("{}: {message}; {remedy}", path.display())]
    Format {
        /// File.
        path: PathBuf,
        /// What is wrong.
        message: String,
        /// What to do.
        remedy: String,
    },
    /// The system failed.
    #[error("{}: {error}", path.display())]
    Io {
        /// File.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
}

impl ReadError {
    /// The same error of `name`, for a file that only stands in for something else.
    pub(crate) fn of_name(mut self, name: &Path) -> Self {
        match &mut self {
            Self::Missing { path }
            | Self::Denied { path }
            | Self::Truncated { path, .. }
            | Self::Format { path, .. }
            | Self::Io { path, .. } => name.clone_into(path),
        }
        self
    }

    /// The error that `error` means for `path` after `rows` whole rows.
    pub(crate) fn of(path: &Path, error: io::Error, rows: i64) -> Self {
        let path = path.to_path_buf();
        match error.kind() {
            io::ErrorKind::NotFound => Self::Missing { path },
            io::ErrorKind::PermissionDenied => Self::Denied { path },
            io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
                Self::Truncated { path, rows, detail: error.to_string() }
            }
            // The decoders report damage inside a frame as `Other`.
            io::ErrorKind::Other => Self::Truncated { path, rows, detail: error.to_string() },
            _ => Self::Io { path, error },
        }
    }
}

/// A row that cannot be read, with everything that quarantine keeps of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Row in the file, from 1.
    pub row_no: i64,
    /// Stable code.
    pub reason: &'static str,
    /// The reason in words, without a value of the row.
    pub detail: String,
    /// The row as text; invalid bytes are replaced.
    pub raw: String,
}

/// What the splitter knows to be wrong with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SplitFault {
    /// Larger than [`ROW_LIMIT`]: so many bytes.
    TooLarge(u64),
    /// A quote that never closes; the record reaches to the end of the file.
    Unclosed(u64),
    /// What its format does not allow: stable code and words.
    Refused(&'static str, &'static str),
}

impl SplitFault {
    fn describe(self) -> (&'static str, String) {
        match self {
            Self::TooLarge(size) => ("row_too_large", format!("the row has {size} bytes, the limit is {ROW_LIMIT}")),
            Self::Unclosed(size) => (
                "unclosed_quote",
                format!("a quote opens here and never closes: the remaining {size} bytes of the file are one row"),
            ),
            Self::Refused(reason, detail) => (reason, detail.to_owned()),
        }
    }
}

/// Consecutive records of one file, not yet decoded.
#[derive(Debug)]
pub struct Block {
    /// Row number of the first record.
    pub first_row: i64,
    /// Hash and how-manieth occurrence in the file, per record; empty unless asked for.
    pub keys: Vec<(u64, u32)>,
    records: Records,
}

#[derive(Debug)]
enum Records {
    Text { bytes: Vec<u8>, spans: Vec<(u32, u32)>, faults: Vec<(u32, SplitFault)> },
    Columns(RecordBatch),
    Rows(rows::RowBlock),
}

impl Block {
    /// Number of records.
    pub fn len(&self) -> usize {
        match &self.records {
            Records::Text { spans, .. } => spans.len(),
            Records::Columns(batch) => batch.num_rows(),
            Records::Rows(rows) => rows.len(),
        }
    }

    /// Where its source goes on behind it, for sources that have such a place beyond files.
    pub fn position(&self) -> Option<&[u8]> {
        match &self.records {
            Records::Rows(rows) => rows.position.as_deref(),
            _ => None,
        }
    }

    /// Whether it has no record.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Drops the records before row `row_no`.
    pub fn skip_before(&mut self, row_no: i64) {
        let n = usize::try_from(row_no - self.first_row).unwrap_or(0).min(self.len());
        if n == 0 {
            return;
        }
        self.first_row += n as i64;
        self.keys.drain(..n.min(self.keys.len()));
        match &mut self.records {
            Records::Text { spans, faults, .. } => {
                spans.drain(..n);
                faults.retain(|(at, _)| *at as usize >= n);
                for (at, _) in faults.iter_mut() {
                    *at -= n as u32;
                }
            }
            Records::Columns(batch) => *batch = batch.slice(n, batch.num_rows() - n),
            Records::Rows(rows) => *rows = rows.slice(n, rows.len() - n),
        }
    }

    /// Records that are JSON objects, numbered from `first_row`, with a decoder that knows their keys.
    pub(crate) fn of_objects(first_row: i64, objects: &[&str], keys: Vec<(u64, u32)>) -> (Decoder, Self) {
        let (decoder, records) = (json::Objects::of(objects), text_records(objects));
        (Decoder::Json(decoder), Self { first_row, keys, records })
    }

    /// Records of a text format, numbered from `first_row`.
    pub(crate) fn of_text(first_row: i64, texts: &[&str]) -> Self {
        Self { first_row, keys: Vec::new(), records: text_records(texts) }
    }

    /// Records that are columns already, numbered from `first_row`.
    pub(crate) fn of_columns(first_row: i64, columns: RecordBatch, keys: Vec<(u64, u32)>) -> (Decoder, Self) {
        (Decoder::Parquet(columns.schema()), Self { first_row, keys, records: Records::Columns(columns) })
    }

    /// The record at position `at` as a block of its own.
    fn only(&self, at: usize) -> Option<Self> {
        let records = match &self.records {
            Records::Text { bytes, spans, .. } => {
                let (start, end) = *spans.get(at)?;
                let bytes = bytes[start as usize..end as usize].to_vec();
                Records::Text { spans: vec![(0, bytes.len() as u32)], bytes, faults: Vec::new() }
            }
            Records::Columns(batch) => Records::Columns(batch.slice(at, 1)),
            Records::Rows(rows) => Records::Rows(rows.slice(at, 1)),
        };
        Some(Self { first_row: self.first_row + at as i64, keys: Vec::new(), records })
    }
}

fn text_records(texts: &[&str]) -> Records {
    let (mut bytes, mut spans) = (Vec::with_capacity(texts.iter().map(|text| text.len()).sum()), Vec::with_capacity(texts.len()));
    for text in texts {
        let start = bytes.len() as u32;
        bytes.extend_from_slice(text.as_bytes());
        spans.push((start, bytes.len() as u32));
    }
    Records::Text { bytes, spans, faults: Vec::new() }
}

/// A decoded block.
#[derive(Debug)]
pub struct Decoded {
    /// [`ROW`] and the wanted columns.
    pub batch: RecordBatch,
    /// The records that are not in `batch`.
    pub unreadable: Vec<Unreadable>,
}

/// How to read the files of a source.
#[derive(Clone, Debug, Default)]
pub struct ReadOptions {
    /// Format, or recognised by name.
    pub format: Option<Format>,
    /// Options of CSV.
    pub csv: CsvOptions,
    /// Options of JSON documents.
    pub json: JsonOptions,
    /// Options of Excel workbooks.
    pub xlsx: XlsxOptions,
    /// Options of OCEL logs.
    pub ocel: OcelOptions,
    /// Options of WebVTT files.
    pub webvtt: WebvttOptions,
    /// Whether blocks carry the hash and occurrence of each row.
    pub keys: bool,
}

impl ReadOptions {
    /// What the declaration of a source says.
    pub fn of(spec: &SourceSpec) -> Self {
        Self {
            format: spec.format,
            csv: spec.csv.clone(),
            json: spec.json.clone(),
            xlsx: spec.xlsx.clone(),
            ocel: spec.ocel.clone(),
            webvtt: spec.webvtt.clone(),
            keys: false,
        }
    }
}

/// UTF-8 bytes, and how they are compressed where they lie.
type Stream = (Box<dyn io::Read + Send>, Compression);

/// A file that is open for splitting.
pub struct Reader {
    path: PathBuf,
    splitter: Splitter,
    decoder: Arc<Decoder>,
    /// A block that was read to learn the columns.
    pending: Option<Block>,
    next_row: i64,
    occurrences: Option<HashMap<u64, u32, rustc_hash::FxBuildHasher>>,
    warnings: Vec<String>,
    fragile: bool,
}

enum Splitter {
    Records(records::Splitter),
    Array(json::ArraySplitter),
    Made(made::Collector),
    Parquet(parquet::Batches),
    Rows(rows::RowBlocks),
}

impl Reader {
    /// Opens `path` and reads as much as its columns take.
    pub fn open(path: &Path, options: &ReadOptions) -> Result<Self, ReadError> {
        let format = options.format.or_else(|| format_of(path)).ok_or_else(|| ReadError::Format {
            path: path.into(),
            message: "its name does not tell the format".into(),
            remedy: "say `format: csv`, `jsonl`, `json`, `parquet`, `xlsx`, `mbox`, `eml`, `xes`, `ocel`, `webvtt` or `transcript` in the source"
                .into(),
        })?;
        let metadata = std::fs::metadata(path).map_err(|error| ReadError::of(path, error, 0))?;
        if metadata.is_file() && metadata.len() == 0 {
            return Err(ReadError::Format {
                path: path.into(),
                message: "it is empty (0 bytes)".into(),
                remedy: "remove it, or export it again".into(),
            });
        }
        let reader = match format {
            Format::Parquet => parquet::open(path, options.keys)?,
            Format::Xlsx => xlsx::open(path, &options.xlsx)?,
            Format::Ocel => ocel::open(path, options.ocel.rows)?,
            text => Self::of_text(path, text, bytes::open(path, options.csv.encoding)?, options)?,
        };
        reader.with_keys(options)
    }

    /// Reads what was posted to `endpoint`, which stands for the path of a file. `format` is one of text.
    pub(crate) fn over(endpoint: &Path, format: Format, posted: Vec<u8>, options: &ReadOptions) -> Result<Self, ReadError> {
        let stream = bytes::decode(Box::new(io::Cursor::new(posted)), endpoint, options.csv.encoding)?;
        Self::of_text(endpoint, format, (stream, Compression::Plain), options)?.with_keys(options)
    }

    fn of_text(path: &Path, format: Format, stream: Stream, options: &ReadOptions) -> Result<Self, ReadError> {
        match format {
            Format::Csv => csv::open(path, stream, &options.csv),
            Format::Jsonl => json::open_lines(path, stream),
            Format::Json => json::open_array(path, stream, options),
            Format::Mbox => mail::open_mailbox(path, stream),
            Format::Eml => mail::open_message(path, stream),
            Format::Xes => xes::open(path, stream),
            Format::Webvtt => transcript::open_webvtt(path, stream, options.webvtt.speakers),
            Format::Transcript => transcript::open_json(path, stream),
            Format::Parquet | Format::Xlsx | Format::Ocel => Err(ReadError::Format {
                path: path.into(),
                message: "this format is read from files only".into(),
                remedy: "send JSON, JSON lines or CSV".into(),
            }),
        }
    }

    fn with_keys(self, options: &ReadOptions) -> Result<Self, ReadError> {
        let mut reader = self;
        let path = &reader.path;
        if options.keys {
            let mut occurrences = HashMap::default();
            if let Some(block) = &mut reader.pending {
                block.keys = keys_of(path, block, &mut occurrences)?;
            }
            reader.occurrences = Some(occurrences);
        }
        Ok(reader)
    }

    fn new(path: &Path, splitter: Splitter, decoder: Decoder, pending: Option<Block>, fragile: bool) -> Self {
        let next_row = 1 + pending.as_ref().map_or(0, Block::len) as i64;
        Self {
            path: path.into(),
            splitter,
            decoder: Arc::new(decoder),
            pending,
            next_row,
            occurrences: None,
            warnings: Vec::new(),
            fragile,
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The raw columns, without [`ROW`]. Those of JSON are the keys of the first block; more may follow.
    pub fn schema(&self) -> SchemaRef {
        self.decoder.schema()
    }

    /// Whether a row may have columns that [`Self::schema`] does not name.
    pub fn is_open_ended(&self) -> bool {
        matches!(&*self.decoder, Decoder::Json(objects) if objects.is_open())
    }

    /// What is odd about the file without being wrong.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Decodes the blocks of this reader, on any thread.
    pub fn decoder(&self) -> Arc<Decoder> {
        self.decoder.clone()
    }

    /// Makes the columns `names` known to the decoder of an open-ended file. Call it before [`Self::decoder`].
    pub fn add_columns<'a>(&mut self, names: impl Iterator<Item = &'a str>) {
        if let Some(Decoder::Json(decoder)) = Arc::get_mut(&mut self.decoder) {
            decoder.add_columns(names);
        }
    }

    /// Lets a Parquet file read only `names`.
    pub fn project(&mut self, names: &dyn Fn(&str) -> bool) -> Result<(), ReadError> {
        if let Splitter::Parquet(batches) = &mut self.splitter {
            let schema = batches.project(&self.path, names)?;
            self.decoder = Arc::new(Decoder::Parquet(schema));
        }
        Ok(())
    }

    /// The next records, or `None` at the end.
    pub fn next_block(&mut self) -> Result<Option<Block>, ReadError> {
        if let Some(block) = self.pending.take() {
            return Ok(Some(block));
        }
        let first_row = self.next_row;
        let Some(records) = self.next_records()? else { return Ok(None) };
        let mut block = Block { first_row, keys: Vec::new(), records };
        self.next_row += block.len() as i64;
        if let Some(occurrences) = &mut self.occurrences {
            block.keys = keys_of(&self.path, &block, occurrences)?;
        }
        Ok(Some(block))
    }

    fn next_records(&mut self) -> Result<Option<Records>, ReadError> {
        let rows_before = self.next_row - 1;
        match &mut self.splitter {
            Splitter::Records(splitter) => splitter.next(BLOCK_ROWS, rows_before),
            Splitter::Array(splitter) => splitter.next(BLOCK_ROWS, rows_before),
            Splitter::Made(collector) => collector.next(BLOCK_ROWS, rows_before),
            Splitter::Parquet(batches) => batches.next(&self.path, rows_before),
            Splitter::Rows(blocks) => Ok(blocks.next()?.map(Records::Rows)),
        }
    }

    /// Reads to the end without keeping anything, where a missing end would show nowhere else. Returns the number of
    /// rows where it did so. The reader is used up.
    pub fn verify(mut self) -> Result<Option<i64>, ReadError> {
        if !self.fragile {
            return Ok(None);
        }
        self.occurrences = None;
        let mut rows = 0;
        while let Some(block) = self.next_block()? {
            rows += block.len() as i64;
        }
        Ok(Some(rows))
    }
}

fn keys_of(
    path: &Path,
    block: &Block,
    occurrences: &mut HashMap<u64, u32, rustc_hash::FxBuildHasher>,
) -> Result<Vec<(u64, u32)>, ReadError> {
    let mut count = |hash: u64| {
        let seen = occurrences.entry(hash).or_insert(0);
        *seen += 1;
        (hash, *seen)
    };
    match &block.records {
        Records::Text { bytes, spans, .. } => {
            Ok(spans.iter().map(|&(start, end)| count(xxh3_64(&bytes[start as usize..end as usize]))).collect())
        }
        Records::Columns(batch) => Ok(parquet::hash_rows(path, batch)?.into_iter().map(count).collect()),
        Records::Rows(rows) => Ok(parquet::hash_rows(path, &rows.batch)?.into_iter().map(count).collect()),
    }
}

/// Decodes blocks of one file.
pub enum Decoder {
    /// Separated values.
    Csv(csv::Layout),
    /// JSON objects.
    Json(json::Objects),
    /// Nothing left to do: Parquet, and the rows of other systems.
    Parquet(SchemaRef),
}

impl Decoder {
    /// The raw columns, without [`ROW`].
    pub fn schema(&self) -> SchemaRef {
        let text = |names: &[String]| {
            Arc::new(Schema::new(names.iter().map(|name| Field::new(name, DataType::Utf8, true)).collect::<Vec<_>>()))
        };
        match self {
            Self::Csv(layout) => text(&layout.columns),
            Self::Json(objects) => text(objects.columns()),
            Self::Parquet(schema) => schema.clone(),
        }
    }

    /// Decodes the columns at `wanted` (positions in [`Self::schema`]) of `block`.
    pub fn decode(&self, block: &Block, wanted: &[usize]) -> Decoded {
        match (self, &block.records) {
            (Self::Csv(layout), Records::Text { bytes, spans, faults }) => {
                layout.decode(&TextRecords { first_row: block.first_row, bytes, spans, faults }, wanted)
            }
            (Self::Json(objects), Records::Text { bytes, spans, faults }) => {
                objects.decode(&TextRecords { first_row: block.first_row, bytes, spans, faults }, wanted)
            }
            (_, Records::Columns(batch)) => {
                let rows = (block.first_row..block.first_row + batch.num_rows() as i64).collect();
                let columns = wanted.iter().map(|&at| batch.column(at).clone()).collect();
                let fields = wanted.iter().map(|&at| batch.schema().field(at).clone()).collect();
                Decoded { batch: with_rows(rows, fields, columns), unreadable: Vec::new() }
            }
            (_, Records::Rows(rows)) => rows.decode(block.first_row, wanted),
            (Self::Parquet(_), Records::Text { .. }) => unreachable!("a Parquet reader makes column blocks only"),
        }
    }

    /// A record that says `values` (by column of [`Self::schema`]) as its file would write it; none where the format has no one way.
    pub(crate) fn line(&self, values: &[Option<&str>]) -> Option<Vec<u8>> {
        match self {
            Self::Csv(layout) => Some(layout.line(values)),
            Self::Json(_) | Self::Parquet(_) => None,
        }
    }

    /// Makes the columns `names` known, where rows may have others than they show.
    pub(crate) fn add_columns<'a>(&mut self, names: impl Iterator<Item = &'a str>) {
        if let Self::Json(objects) = self {
            objects.add_columns(names);
        }
    }

    /// Row `row_no` of `block` as quarantine keeps it: a JSON object of every column that was read.
    pub fn raw_row(&self, block: &Block, row_no: i64) -> String {
        let Some(one) = usize::try_from(row_no - block.first_row).ok().and_then(|at| block.only(at)) else {
            return String::new();
        };
        if let (Self::Json(_), Records::Text { bytes, .. }) = (self, &one.records) {
            return String::from_utf8_lossy(bytes).into_owned();
        }
        let all: Vec<usize> = (0..self.schema().fields().len()).collect();
        columns::row_as_json(&self.decode(&one, &all).batch)
    }
}

/// Records of a text format with their places.
struct TextRecords<'a> {
    first_row: i64,
    bytes: &'a [u8],
    spans: &'a [(u32, u32)],
    faults: &'a [(u32, SplitFault)],
}

impl<'a> TextRecords<'a> {
    /// Row number, bytes and fault of every record.
    fn iter(&self) -> impl Iterator<Item = (i64, &'a [u8], Option<SplitFault>)> {
        let mut faults = self.faults.iter().copied().peekable();
        let (bytes, first_row) = (self.bytes, self.first_row);
        self.spans.iter().enumerate().map(move |(at, &(start, end))| {
            let fault = faults.next_if(|(place, _)| *place as usize == at).map(|(_, fault)| fault);
            (first_row + at as i64, &bytes[start as usize..end as usize], fault)
        })
    }
}

/// A batch of [`ROW`] and `columns`.
fn with_rows(rows: Vec<i64>, fields: Vec<Field>, columns: Vec<ArrayRef>) -> RecordBatch {
    let fields = std::iter::once(Field::new(ROW, DataType::Int64, false)).chain(fields);
    let columns = std::iter::once(Arc::new(Int64Array::from(rows)) as ArrayRef).chain(columns);
    RecordBatch::try_new(Arc::new(Schema::new(fields.collect::<Vec<_>>())), columns.collect())
        .expect("every column was filled once per row")
}
