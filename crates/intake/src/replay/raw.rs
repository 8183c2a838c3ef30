//! Raw rows of quarantine as their reader would give them again.
//!
//! Everything becomes a JSON object first: quarantine keeps rows as such where they could be read, and a row of CSV that could not is cut by
//! the header of its file as it is today. What an object lacks is null in JSON and in every format whose reader makes objects of rows; in CSV and
//! in databases columns are fixed, and a mapping that names another finds it missing. Parquet has types, which today's file tells.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use serde_json::value::RawValue;
use xxhash_rust::xxh3::xxh3_64;

use super::select::OpenRow;
use crate::reader::{Block, Decoder, ReadOptions, Reader, format_of, list, row_as_json};
use crate::spec::{Format, Source, Sources};

/// Reasons for which quarantine has less than the row.
const CUT: [&str; 3] = ["row_too_large", "unclosed_quote", "invalid_utf8"];

/// How the rows of a file are read again.
#[derive(Clone)]
pub(super) enum Shape {
    /// JSON objects.
    Open,
    /// Columns of text; the layout of the file, where it is still there and was asked for.
    Text(Option<Arc<Decoder>>),
    /// Columns with the types of the file, where it is still there.
    Typed(Option<SchemaRef>),
}

/// The files of a source, opened only where a row needs to know more than itself.
pub(super) struct Files {
    paths: Vec<PathBuf>,
    options: ReadOptions,
    is_live: bool,
    known: HashMap<Option<String>, Option<Arc<Decoder>>>,
}

impl Files {
    pub fn of(sources: &Sources, source: &Source) -> Self {
        // A source whose files are gone is replayed without them, as far as that goes.
        let paths = list(&sources.dir, source.spec.files.as_ref()).unwrap_or_default();
        Self { paths, options: ReadOptions::of(&source.spec), is_live: source.spec.live().is_some(), known: HashMap::new() }
    }

    /// How the rows of `file` are read; `by_layout`: one of them is text, or edited.
    pub fn shape(&mut self, file: Option<&str>, by_layout: impl FnOnce() -> bool) -> Shape {
        let named = || file.and_then(|file| format_of(file.as_ref()));
        match self.options.format.or_else(named) {
            _ if self.is_live => Shape::Open,
            Some(Format::Parquet) => Shape::Typed(self.decoder(file).map(|decoder| decoder.schema())),
            Some(Format::Csv) | None => Shape::Text(if by_layout() { self.decoder(file) } else { None }),
            // Readers of all others give objects, which leave empty cells out.
            Some(_) => Shape::Open,
        }
    }

    /// The columns with types that mappings see, before any row is known.
    pub fn usual_schema(&mut self) -> SchemaRef {
        let first = self.paths.first().map(|path| path.display().to_string());
        match self.shape(first.as_deref(), || false) {
            Shape::Typed(Some(schema)) => schema,
            _ => Arc::new(Schema::empty()),
        }
    }

    /// The decoder of `file`, or of another of the source that is like it.
    fn decoder(&mut self, file: Option<&str>) -> Option<Arc<Decoder>> {
        let (paths, options) = (&self.paths, &self.options);
        let open = || {
            let path = paths.iter().find(|path| file.is_some_and(|file| path.ends_with(file))).or(paths.first())?;
            Reader::open(path, options).ok().map(|reader| reader.decoder())
        };
        self.known.entry(file.map(str::to_owned)).or_insert_with(open).clone()
    }
}

/// A row as an object.
pub(super) struct Given {
    pub object: String,
    /// Its keys, sorted.
    pub columns: Vec<String>,
    /// The text of an edited row as its file would have it.
    pub line: Option<Vec<u8>>,
}

/// Why a row is not read.
pub(super) enum Unread {
    /// For what it was before.
    AsBefore,
    /// For this.
    Because(&'static str, String),
}

/// Whether `row` needs the layout of its file.
pub(super) fn needs_layout(row: &OpenRow, edit: Option<&String>) -> bool {
    edit.is_some() || !row.raw.as_deref().unwrap_or_default().trim_start().starts_with('{')
}

/// `row`, or what it was edited to, as an object.
pub(super) fn read(row: &OpenRow, edit: Option<&String>, shape: &Shape) -> Result<Given, Unread> {
    if edit.is_none() && (row.reason == "conflict" || CUT.contains(&row.reason.as_str())) {
        return Err(Unread::AsBefore);
    }
    let Some(text) = edit.or(row.raw.as_ref()) else { return Err(Unread::AsBefore) };
    if let Some(columns) = keys(text) {
        return Ok(match edit {
            None => Given { object: text.clone(), columns, line: None },
            Some(edit) => edited(row, edit, shape),
        });
    }
    match shape {
        Shape::Text(Some(layout)) => {
            let line = text.trim_end_matches(['\r', '\n']);
            if edit.is_some() && line.contains(['\r', '\n']) && !line.contains('"') {
                return Err(Unread::Because("unreadable", "the edit is more than one row: edit a row into a row".into()));
            }
            let all: Vec<usize> = (0..layout.schema().fields().len()).collect();
            let decoded = layout.decode(&Block::of_text(1, &[line]), &all);
            if let Some(unreadable) = decoded.unreadable.into_iter().next() {
                return Err(Unread::Because(unreadable.reason, unreadable.detail));
            }
            let object = row_as_json(&decoded.batch);
            let columns = keys(&object).unwrap_or_default();
            Ok(Given { object, columns, line: edit.map(|_| line.as_bytes().to_vec()) })
        }
        _ if edit.is_none() => Err(Unread::AsBefore),
        Shape::Text(None) => {
            let detail = "no file of the source tells the columns of a row of text: edit it as a JSON object";
            Err(Unread::Because("unreadable", detail.into()))
        }
        _ => Err(Unread::Because("unreadable", "the edit is not a JSON object".into())),
    }
}

/// The sorted keys of an object; none where `text` is none.
fn keys(text: &str) -> Option<Vec<String>> {
    let keys: BTreeMap<String, &RawValue> = serde_json::from_str(text).ok()?;
    Some(keys.into_keys().collect())
}

/// An edited object. Where columns are fixed, those that the edit leaves out are null, as is an empty cell.
fn edited(row: &OpenRow, edit: &str, shape: &Shape) -> Given {
    let mut values: BTreeMap<String, Option<Box<RawValue>>> = serde_json::from_str(edit).unwrap_or_default();
    if let Shape::Open = shape {
        let line = Some(edit.trim().as_bytes().to_vec());
        return Given { object: edit.to_owned(), columns: values.into_keys().collect(), line };
    }
    let schema = match shape {
        Shape::Text(layout) => layout.as_ref().map(|layout| layout.schema()),
        Shape::Typed(schema) => schema.clone(),
        Shape::Open => None,
    };
    // The raw form of a conflict is a fact: its keys are no columns of the file.
    match row.raw.as_deref().filter(|_| row.reason != "conflict").and_then(keys) {
        Some(known) => known.into_iter().for_each(|name| {
            values.entry(name).or_default();
        }),
        None => schema.iter().flat_map(|schema| schema.fields()).for_each(|field| {
            values.entry(field.name().clone()).or_default();
        }),
    }
    if let Shape::Text(_) = shape {
        values.values_mut().for_each(|value| *value = value.take().filter(|value| value.get() != "\"\""));
    }
    let text = |value: &Option<Box<RawValue>>| {
        let raw = value.as_ref()?.get();
        Some(serde_json::from_str::<String>(raw).unwrap_or_else(|_| raw.to_owned()))
    };
    let line = match shape {
        Shape::Text(Some(layout)) => {
            let cells: Vec<Option<String>> =
                layout.schema().fields().iter().map(|field| values.get(field.name()).and_then(text)).collect();
            layout.line(&cells.iter().map(Option::as_deref).collect::<Vec<_>>())
        }
        _ => None,
    };
    let object = serde_json::to_string(&values).unwrap_or_else(|_| edit.to_owned());
    Given { columns: values.into_keys().collect(), line: line.or_else(|| Some(edit.trim().as_bytes().to_vec())), object }
}

/// The hash that the reader gives a row of text.
pub(super) fn hash(line: &[u8]) -> u64 {
    xxh3_64(line)
}

/// Objects as columns with the types that `schema` gives those of their names; the others are text.
pub(super) fn typed(objects: &[&str], columns: &[String], schema: Option<&SchemaRef>) -> Result<RecordBatch, ArrowError> {
    let known = |name: &str| schema.and_then(|schema| schema.field_with_name(name).ok());
    // In the order of the file, as hashes of rows are taken.
    let in_file = schema.into_iter().flat_map(|schema| schema.fields().iter().map(|field| field.name().as_str()));
    let mut names: Vec<&str> = in_file.filter(|name| columns.iter().any(|column| column == name)).collect();
    names.extend(columns.iter().map(String::as_str).filter(|name| known(name).is_none()));
    let kind = |name: &str| known(name).map_or(DataType::Utf8, |field| field.data_type().clone());
    let plain = |name: &str| match kind(name) {
        DataType::Dictionary(_, value) => *value,
        kind => kind,
    };
    let fields = names.iter().map(|name| Field::new(*name, plain(name), true)).collect::<Vec<_>>();
    let mut decoder = arrow::json::ReaderBuilder::new(Arc::new(Schema::new(fields)))
        .with_coerce_primitive(true)
        .with_batch_size(objects.len().max(1))
        .build_decoder()?;
    for object in objects {
        decoder.decode(object.as_bytes())?;
        decoder.decode(b"\n")?;
    }
    let read = decoder.flush()?.filter(|read| read.num_rows() == objects.len());
    let read = read.ok_or_else(|| ArrowError::JsonError("an object was cut".into()))?;
    let columns = names.iter().zip(read.columns()).map(|(name, column)| cast(column, &kind(name)));
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let fields = names.iter().map(|name| Field::new(*name, kind(name), true)).collect::<Vec<_>>();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}
