//! Rows on their way out: a table for people, CSV, JSON lines or a Parquet file.
//!
//! Rows are written as they come, so that a result of any size needs the memory of one batch; only the table for people
//! is collected, and cut after [`TABLE_ROWS`]. A file appears under its name when it is complete, never half written.
//! A reader that closes the pipe early (`clew sql … | head`) ends the output without an error.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::json::LineDelimitedWriter;
use arrow::util::pretty::pretty_format_batches;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use serde_json::value::RawValue;

use crate::cli::Format;

/// Rows that the table for people shows at most.
pub const TABLE_ROWS: usize = 1_000;

/// Where rows go.
pub struct Output {
    sink: Sink,
    file: Option<Unfinished>,
    rows: usize,
    closed: bool,
}

/// A file on the way: removed when dropped, renamed to its final name when complete.
struct Unfinished {
    path: PathBuf,
    complete: PathBuf,
}

impl Unfinished {
    fn of(path: &Path) -> Self {
        let mut unfinished = path.as_os_str().to_owned();
        unfinished.push(".unfinished");
        Self { path: unfinished.into(), complete: path.to_owned() }
    }

    fn complete(self) -> Result<()> {
        std::fs::rename(&self.path, &self.complete).with_context(|| format!("writing {}", self.complete.display()))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // Already renamed, or never made: there is nothing to remove then.
        let _ = std::fs::remove_file(&self.path);
    }
}

#[expect(clippy::large_enum_variant, reason = "one value lives at a time")]
enum Sink {
    Table { to: Box<dyn Write>, schema: SchemaRef, batches: Vec<RecordBatch> },
    Csv(arrow::csv::Writer<Box<dyn Write>>),
    Json(Box<dyn Write>),
    Parquet(Box<ArrowWriter<File>>),
}

impl Output {
    /// Rows of `schema` in `format`, to the file `out` or to standard output.
    pub fn new(format: Format, out: Option<&Path>, schema: &SchemaRef) -> Result<Self> {
        let file = out.map(Unfinished::of);
        let create = |path: &Path| File::create(path).with_context(|| format!("writing {}", path.display()));
        let writer = || -> Result<Box<dyn Write>> {
            Ok(match &file {
                Some(file) => Box::new(BufWriter::new(create(&file.path)?)),
                None => Box::new(BufWriter::new(io::stdout())),
            })
        };
        let sink = match (format, &file) {
            (Format::Table, _) => Sink::Table { to: writer()?, schema: Arc::clone(schema), batches: Vec::new() },
            (Format::Csv, _) => {
                let mut csv = arrow::csv::WriterBuilder::new().with_header(true).build(writer()?);
                csv.write(&RecordBatch::new_empty(flat_schema(schema)))?;
                Sink::Csv(csv)
            }
            (Format::Json, _) => Sink::Json(writer()?),
            (Format::Parquet, Some(file)) => {
                let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
                Sink::Parquet(Box::new(ArrowWriter::try_new(create(&file.path)?, Arc::clone(schema), Some(properties))?))
            }
            (Format::Parquet, None) => unreachable!("the command line asks for --out with parquet"),
        };
        Ok(Self { sink, file, rows: 0, closed: false })
    }

    /// Writes `batch`; false when nobody wants more.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<bool> {
        let shown = self.rows;
        self.rows += batch.num_rows();
        let written = match &mut self.sink {
            Sink::Table { batches, .. } => {
                if shown < TABLE_ROWS {
                    batches.push(batch.slice(0, batch.num_rows().min(TABLE_ROWS - shown)));
                }
                return Ok(self.rows <= TABLE_ROWS);
            }
            Sink::Csv(csv) => csv.write(&flat(batch)?).map_err(anyhow::Error::from),
            Sink::Json(to) => json_lines(to, batch),
            Sink::Parquet(writer) => writer.write(batch).map_err(anyhow::Error::from),
        };
        self.unless_closed(written)
    }

    /// Completes the output.
    pub fn finish(mut self) -> Result<()> {
        if self.closed {
            return Ok(());
        }
        let rows = self.rows;
        let written = match self.sink {
            Sink::Table { ref mut to, ref schema, ref mut batches } => {
                if batches.is_empty() {
                    batches.push(RecordBatch::new_empty(Arc::clone(schema)));
                }
                let table = pretty_format_batches(batches)?;
                let note = if rows > TABLE_ROWS {
                    format!("the first {TABLE_ROWS} rows; all of them with --format csv, json or parquet")
                } else {
                    format!("{rows} row{}", if rows == 1 { "" } else { "s" })
                };
                writeln!(to, "{table}\n{note}").and_then(|()| to.flush()).map_err(anyhow::Error::from)
            }
            Sink::Csv(csv) => csv.into_inner().flush().map_err(anyhow::Error::from),
            Sink::Json(ref mut to) => to.flush().map_err(anyhow::Error::from),
            Sink::Parquet(writer) => writer.close().map(drop).map_err(anyhow::Error::from),
        };
        if let Err(error) = written {
            return if is_closed_pipe(&error) { Ok(()) } else { Err(error) };
        }
        self.file.map_or(Ok(()), Unfinished::complete)
    }

    fn unless_closed(&mut self, written: Result<()>) -> Result<bool> {
        match written {
            Ok(()) => Ok(true),
            Err(error) if is_closed_pipe(&error) => {
                self.closed = true;
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe))
        || error.to_string().contains("Broken pipe")
}

fn json_lines(to: &mut impl Write, batch: &RecordBatch) -> Result<()> {
    let mut writer =
        arrow::json::WriterBuilder::new().with_explicit_nulls(true).build::<_, arrow::json::writer::LineDelimited>(to);
    writer.write(batch)?;
    writer.finish()?;
    Ok(())
}

/// CSV has no lists and structs: they become JSON text.
fn flat(batch: &RecordBatch) -> Result<RecordBatch> {
    let columns: Vec<ArrayRef> = batch
        .columns()
        .iter()
        .map(|column| if column.data_type().is_nested() { json_text(column) } else { Ok(Arc::clone(column)) })
        .collect::<Result<_>>()?;
    Ok(RecordBatch::try_new(flat_schema(&batch.schema()), columns)?)
}

fn flat_schema(schema: &SchemaRef) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| {
        if field.data_type().is_nested() { Arc::new(Field::new(field.name(), DataType::Utf8, true)) } else { Arc::clone(field) }
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

fn json_text(column: &ArrayRef) -> Result<ArrayRef> {
    #[derive(serde::Deserialize)]
    struct Line {
        v: Option<Box<RawValue>>,
    }
    let batch = RecordBatch::try_from_iter([("v", Arc::clone(column))])?;
    let mut lines = Vec::new();
    let mut writer = LineDelimitedWriter::new(&mut lines);
    writer.write(&batch)?;
    writer.finish()?;
    let texts = lines.split(|byte| *byte == b'\n').take(column.len()).map(|line| {
        let line: Line = serde_json::from_slice(line)?;
        Ok(line.v.map(|value| value.get().to_owned()))
    });
    Ok(Arc::new(StringArray::from(texts.collect::<Result<Vec<_>>>()?)))
}

/// Prints a report for people on standard output; a closed pipe is no error.
pub fn print(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

/// Prints a report for machines on standard output.
pub fn print_json(report: &impl serde::Serialize) -> Result<()> {
    print(&(serde_json::to_string_pretty(report)? + "\n"))
}

#[cfg(test)]
mod tests {
    use arrow::array::{Int64Array, ListBuilder, StringBuilder};

    use super::*;

    fn sample() -> RecordBatch {
        let mut lists = ListBuilder::new(StringBuilder::new());
        lists.append_value([Some("a\"b"), None]);
        lists.append_null();
        RecordBatch::try_from_iter_with_nullable([
            ("n", Arc::new(Int64Array::from(vec![Some(1), None])) as ArrayRef, true),
            ("list", Arc::new(lists.finish()) as ArrayRef, true),
        ])
        .unwrap()
    }

    #[test]
    fn lists_become_json_text_in_csv() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.csv");
        let mut output = Output::new(Format::Csv, Some(&path), &sample().schema()).unwrap();
        assert!(output.write(&sample()).unwrap());
        assert!(!path.exists(), "nothing half written under the final name");
        output.finish().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "n,list\n1,\"[\"\"a\\\"\"b\"\",null]\"\n,\n");
    }

    #[test]
    fn json_says_null_instead_of_leaving_a_key_out() {
        let mut text = Vec::new();
        json_lines(&mut text, &sample()).unwrap();
        assert_eq!(String::from_utf8(text).unwrap(), "{\"n\":1,\"list\":[\"a\\\"b\",null]}\n{\"n\":null,\"list\":null}\n");
    }

    #[test]
    fn no_rows_still_have_their_columns() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.csv");
        Output::new(Format::Csv, Some(&path), &sample().schema()).unwrap().finish().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "n,list\n");
    }
}
