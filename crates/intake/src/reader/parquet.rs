//! Parquet: batches with the file's own types, of the columns that somebody asks for.
//!
//! The footer stands at the end of the file, so a truncated one is refused on opening. Hashes of rows, for mappings
//! that give no id, are taken over Arrow's row format of all columns; they are stable for equal values and types.
//!
//! The decoder trusts what a footer says in places and panics on a forged one; such a panic is a damaged file like any other.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::parquet::arrow::ProjectionMask;
use ::parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::row::{RowConverter, SortField};
use xxhash_rust::xxh3::xxh3_64;

use super::{BLOCK_ROWS, Decoder, ReadError, Reader, Records, Splitter};

/// The batches of one file.
pub struct Batches {
    metadata: ArrowReaderMetadata,
    keep_all: bool,
    mask: Option<ProjectionMask>,
    reader: Option<ParquetRecordBatchReader>,
}

/// Opens a file and reads its footer.
pub fn open(path: &Path, keep_all: bool) -> Result<Reader, ReadError> {
    let file = File::open(path).map_err(|error| ReadError::of(path, error, 0))?;
    let options = ::parquet::arrow::arrow_reader::ArrowReaderOptions::default();
    let metadata = caught(|| ArrowReaderMetadata::load(&file, options)).map_err(|detail| damaged(path, &detail))?;
    let schema = metadata.schema().clone();
    let batches = Batches { metadata, keep_all, mask: None, reader: None };
    Ok(Reader::new(path, Splitter::Parquet(batches), Decoder::Parquet(schema), None, false))
}

/// What `read` gives, or the words of its error; a panic of the decoder is an error.
fn caught<T, E: std::fmt::Display>(read: impl FnOnce() -> Result<T, E>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(_) => Err("its parts contradict each other".into()),
    }
}

fn damaged(path: &Path, detail: &str) -> ReadError {
    ReadError::Format {
        path: PathBuf::from(path),
        message: format!("not a whole Parquet file ({detail})"),
        remedy: "fetch it again; nothing of it was stored".into(),
    }
}

impl Batches {
    /// Reads only the columns that `wanted` says yes to. Returns what is read.
    pub fn project(&mut self, path: &Path, wanted: &dyn Fn(&str) -> bool) -> Result<SchemaRef, ReadError> {
        let schema = self.metadata.schema().clone();
        if self.keep_all {
            return Ok(schema);
        }
        let roots: Vec<usize> = (0..schema.fields().len()).filter(|&at| wanted(schema.field(at).name())).collect();
        let projected = schema.project(&roots).map_err(|error| damaged(path, &error.to_string()))?;
        self.mask = Some(ProjectionMask::roots(self.metadata.parquet_schema(), roots));
        Ok(Arc::new(Schema::new(projected.fields().clone())))
    }

    /// The next batch, or `None` at the end.
    pub fn next(&mut self, path: &Path, rows_before: i64) -> Result<Option<Records>, ReadError> {
        if self.reader.is_none() {
            let file = File::open(path).map_err(|error| ReadError::of(path, error, 0))?;
            let mut builder =
                ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone()).with_batch_size(BLOCK_ROWS);
            if let Some(mask) = &self.mask {
                builder = builder.with_projection(mask.clone());
            }
            self.reader = Some(caught(|| builder.build()).map_err(|detail| damaged(path, &detail))?);
        }
        let reader = &mut self.reader;
        match caught(|| reader.as_mut().and_then(Iterator::next).transpose()) {
            Ok(batch) => Ok(batch.map(Records::Columns)),
            Err(detail) => Err(ReadError::Truncated { path: path.into(), rows: rows_before, detail }),
        }
    }
}

/// A hash per row over all columns.
pub fn hash_rows(path: &Path, batch: &RecordBatch) -> Result<Vec<u64>, ReadError> {
    let refuse = |error: arrow::error::ArrowError| ReadError::Format {
        path: path.into(),
        message: format!("its rows cannot be told apart without an id ({error})"),
        remedy: "give the mapping a column `id`".into(),
    };
    let fields = batch.schema().fields().iter().map(|field| SortField::new(field.data_type().clone())).collect();
    let converter = RowConverter::new(fields).map_err(refuse)?;
    let rows = converter.convert_columns(batch.columns()).map_err(refuse)?;
    Ok(rows.iter().map(|row| xxh3_64(row.as_ref())).collect())
}
