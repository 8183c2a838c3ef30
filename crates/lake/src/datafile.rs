//! Parquet files of a table: written by Clew, described by what goes into the Delta log.
//!
//! zstd level 1 and dictionaries: near the speed of no compression at a third of the size. Minimum, maximum and null
//! count exist only for the columns that the model marks, in the Delta log and in the Parquet footer alike, so that no
//! personal value is ever outside a data page (*Erasure* in DESIGN). A file is synced before anything names it.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::compute::{max, min};
use arrow::datatypes::{DataType, Int32Type, Int64Type, Schema, SchemaRef, TimeUnit, TimestampMicrosecondType};
use clew_model::tables::{Table, TableKind};
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, ScalarValue, Statistics};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::background::SteadyFile;
use crate::error::StorageError;

/// Rows and bytes at which a row group ends, whichever comes first.
const ROW_GROUP_ROWS: usize = 1 << 20;
const ROW_GROUP_BYTES: usize = 64 << 20;
/// Tables whose rows stand in the order of the bucket that a reader asks for, and the rows of a group of theirs: little is read beside it.
const IN_ORDER_OF_BUCKET: &[&str] = &["links"];
const SMALL_GROUP_ROWS: usize = 1 << 13;
/// Text statistics are cut to this many characters, as delta-rs and Spark do.
const TEXT_STATISTIC: usize = 32;

/// A Parquet file of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DataFile {
    /// Path below the table's folder.
    pub(crate) path: String,
    pub(crate) size: u64,
    pub(crate) rows: u64,
    /// The partition, where the table is cut into buckets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) bucket: Option<i32>,
    /// Statistics as in a Delta add action.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stats: Option<String>,
}

/// The part of `schema` that is in the files: partition columns are in the log only.
pub(crate) fn file_schema(table: &Table, schema: &SchemaRef) -> SchemaRef {
    if table.partition_by.is_empty() {
        return Arc::clone(schema);
    }
    let fields = schema.fields().iter().filter(|field| !table.partition_by.contains(&field.name().as_str())).cloned();
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// Writes one file; without [`DataFileWriter::finish`] it is removed again.
pub(crate) struct DataFileWriter {
    table: &'static Table,
    bucket: Option<i32>,
    relative: String,
    path: PathBuf,
    writer: Option<ArrowWriter<BufWriter<SteadyFile>>>,
    schema: SchemaRef,
    statistics: Vec<(usize, Range)>,
    rows: u64,
}

impl DataFileWriter {
    /// A new file `name` in `folder`, the table's, for rows of `schema` (without partition columns).
    pub(crate) fn create(
        table: &'static Table,
        folder: &Path,
        name: &str,
        bucket: Option<i32>,
        schema: &SchemaRef,
    ) -> Result<Self, StorageError> {
        let relative = bucket.map_or_else(|| name.to_owned(), |bucket| format!("bucket={bucket}/{name}"));
        let path = folder.join(&relative);
        let parent = path.parent().expect("a file in the table's folder has a parent");
        fs::create_dir_all(parent).map_err(|e| StorageError::io(parent, e))?;
        let file = File::create_new(&path).map_err(|e| StorageError::io(&path, e))?;
        let file = BufWriter::with_capacity(1 << 18, SteadyFile::new(file));
        let writer = ArrowWriter::try_new(file, Arc::clone(schema), Some(properties(table)));
        let writer = writer.map_err(|e| StorageError::parquet(table.name, &path, e))?;
        let statistics = table
            .statistics_columns()
            .filter_map(|name| schema.index_of(name).ok())
            .map(|index| (index, Range::default()))
            .collect();
        Ok(Self { table, bucket, relative, path, writer: Some(writer), schema: Arc::clone(schema), statistics, rows: 0 })
    }

    /// Adds rows.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<(), StorageError> {
        for (index, range) in &mut self.statistics {
            range.add(batch.column(*index));
        }
        self.rows += batch.num_rows() as u64;
        let writer = self.writer.as_mut().expect("a writer until it is finished");
        writer.write(batch).map_err(|e| StorageError::parquet(self.table.name, &self.path, e))
    }

    /// Bytes written so far, about.
    pub(crate) fn bytes(&self) -> usize {
        self.writer.as_ref().map_or(0, |writer| writer.bytes_written() + writer.in_progress_size())
    }

    /// Bytes that the row group under construction holds in memory, about.
    pub(crate) fn memory(&self) -> usize {
        self.writer.as_ref().map_or(0, ArrowWriter::memory_size)
    }

    /// Ends the file and syncs it and its folder.
    pub(crate) fn finish(mut self) -> Result<DataFile, StorageError> {
        let io = |e| StorageError::io(&self.path, e);
        let writer = self.writer.take().expect("a writer until it is finished");
        let finished = writer.into_inner().map_err(|e| StorageError::parquet(self.table.name, &self.path, e));
        let size = finished.and_then(|buffer| {
            let file = buffer.into_inner().map_err(|e| io(e.into_error()))?;
            Ok(file.finish().map_err(io)?.metadata().map_err(io)?.len())
        });
        let size = match size {
            Ok(size) => size,
            Err(error) => {
                let _ = fs::remove_file(&self.path);
                return Err(error);
            }
        };
        sync_folder(self.path.parent().expect("a file in the table's folder has a parent"))?;
        let stats = stats_json(self.rows, &self.schema, &self.statistics);
        Ok(DataFile { path: std::mem::take(&mut self.relative), size, rows: self.rows, bucket: self.bucket, stats: Some(stats) })
    }
}

impl Drop for DataFileWriter {
    fn drop(&mut self) {
        if self.writer.take().is_some() {
            // Best effort: opening the store removes files that nothing names.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Makes a folder's entries durable.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), StorageError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|e| StorageError::io(folder, e))
}

fn properties(table: &Table) -> WriterProperties {
    let group_rows = if IN_ORDER_OF_BUCKET.contains(&table.name) { SMALL_GROUP_ROWS } else { ROW_GROUP_ROWS };
    let mut builder = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1).expect("level 1 exists")))
        .set_max_row_group_row_count(Some(group_rows))
        .set_max_row_group_bytes(Some(ROW_GROUP_BYTES))
        .set_statistics_enabled(EnabledStatistics::None)
        .set_created_by("clew".to_owned());
    // Ids of facts hardly repeat: a dictionary of them is work and space for nothing.
    let own_id = (table.kind == TableKind::Fact).then_some(table.columns[0].name);
    for name in table.columns.iter().map(|column| column.name).filter(|name| Some(*name) == own_id || *name == "event_id") {
        builder = builder.set_column_dictionary_enabled(ColumnPath::from(name), false);
    }
    for name in table.statistics_columns() {
        builder = builder.set_column_statistics_enabled(ColumnPath::from(name), EnabledStatistics::Chunk);
    }
    builder.build()
}

/// Minimum, maximum and null count of one column of one file.
#[derive(Clone, Debug, Default)]
struct Range {
    text: Option<(String, String)>,
    number: Option<(i64, i64)>,
    nulls: u64,
}

impl Range {
    fn add(&mut self, column: &ArrayRef) {
        self.nulls += column.null_count() as u64;
        let number = match column.data_type() {
            DataType::Utf8 => {
                self.add_text(column.as_string::<i32>());
                None
            }
            DataType::Int64 => both(column.as_primitive::<Int64Type>(), |a| (min(a), max(a))),
            DataType::Int32 => {
                let ints = column.as_primitive::<Int32Type>();
                min(ints).map(i64::from).zip(max(ints).map(i64::from))
            }
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                both(column.as_primitive::<TimestampMicrosecondType>(), |a| (min(a), max(a)))
            }
            _ => None,
        };
        if let Some((low, high)) = number {
            let (least, greatest) = self.number.unwrap_or((low, high));
            self.number = Some((least.min(low), greatest.max(high)));
        }
    }

    /// One pass for both ends; a column often holds the same word row after row, which costs one comparison.
    fn add_text(&mut self, strings: &StringArray) {
        let mut values = strings.iter().flatten();
        let Some(first) = values.next() else { return };
        let (mut low, mut high, mut before) = (first, first, first);
        for value in values {
            if value == before {
                continue;
            }
            before = value;
            if value < low {
                low = value;
            } else if value > high {
                high = value;
            }
        }
        let (least, greatest) = self.text.get_or_insert_with(|| (low.to_owned(), high.to_owned()));
        if low < least.as_str() {
            low.clone_into(least);
        }
        if high > greatest.as_str() {
            high.clone_into(greatest);
        }
    }

    /// The two ends as JSON, as Delta writes them; `None` where there is no value or none that can be told.
    fn ends(&self, kind: &DataType) -> Option<(Value, Value)> {
        if let Some((low, high)) = &self.text {
            let low: String = low.chars().take(TEXT_STATISTIC).collect();
            let high = match high.char_indices().nth(TEXT_STATISTIC) {
                None => high.clone(),
                // U+10FFFF sorts after every continuation that was cut off.
                Some((end, _)) => format!("{}\u{10FFFF}", &high[..end]),
            };
            return Some((json!(low), json!(high)));
        }
        let (low, high) = self.number?;
        match kind {
            // Milliseconds, the resolution that every reader of the log knows; widened, so that no value is outside.
            DataType::Timestamp(..) => {
                Some((json!(timestamp(low.div_euclid(1000))?), json!(timestamp(high.div_euclid(1000) + 1)?)))
            }
            _ => Some((json!(low), json!(high))),
        }
    }
}

fn both<A: Copy, T>(array: A, ends: impl Fn(A) -> (Option<T>, Option<T>)) -> Option<(T, T)> {
    let (low, high) = ends(array);
    low.zip(high)
}

fn timestamp(millis: i64) -> Option<String> {
    let instant = jiff::Timestamp::from_millisecond(millis).ok()?;
    Some(format!("{instant:.3}"))
}

fn stats_json(rows: u64, schema: &SchemaRef, ranges: &[(usize, Range)]) -> String {
    let (mut low, mut high, mut nulls) = (Map::new(), Map::new(), Map::new());
    for (index, range) in ranges {
        let field = schema.field(*index);
        nulls.insert(field.name().clone(), json!(range.nulls));
        if let Some((least, greatest)) = range.ends(field.data_type()) {
            low.insert(field.name().clone(), least);
            high.insert(field.name().clone(), greatest);
        }
    }
    json!({ "numRecords": rows, "minValues": low, "maxValues": high, "nullCount": nulls }).to_string()
}

/// The number of rows that a Delta statistics text names.
pub(crate) fn stats_rows(stats: &str) -> Option<u64> {
    serde_json::from_str::<Value>(stats).ok()?.get("numRecords")?.as_u64()
}

/// What the planner may know of a file: `schema` is the table's, partition columns last. The ends are marked exact,
/// although they only enclose the values: right for pruning, not for answering `min`.
pub(crate) fn planner_statistics(file: &DataFile, schema: &Schema) -> Statistics {
    let mut statistics = Statistics::new_unknown(schema);
    statistics.num_rows = Precision::Exact(file.rows as usize);
    statistics.total_byte_size = Precision::Inexact(file.size as usize);
    let Some(stats) = file.stats.as_deref().and_then(|stats| serde_json::from_str::<Value>(stats).ok()) else {
        return statistics;
    };
    for (field, column) in schema.fields().iter().zip(&mut statistics.column_statistics) {
        let end = |which: &str| stats.get(which)?.get(field.name()).and_then(|value| scalar(value, field.data_type()));
        let nulls = stats.get("nullCount").and_then(|nulls| nulls.get(field.name())?.as_u64());
        *column = ColumnStatistics {
            null_count: nulls.map_or(Precision::Absent, |nulls| Precision::Exact(nulls as usize)),
            min_value: end("minValues").map_or(Precision::Absent, Precision::Exact),
            max_value: end("maxValues").map_or(Precision::Absent, Precision::Exact),
            ..ColumnStatistics::new_unknown()
        };
    }
    statistics
}

fn scalar(value: &Value, kind: &DataType) -> Option<ScalarValue> {
    match kind {
        DataType::Utf8 => Some(ScalarValue::Utf8(Some(value.as_str()?.to_owned()))),
        DataType::Int64 => Some(ScalarValue::Int64(Some(value.as_i64()?))),
        DataType::Int32 => Some(ScalarValue::Int32(Some(i32::try_from(value.as_i64()?).ok()?))),
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            let instant: jiff::Timestamp = value.as_str()?.parse().ok()?;
            Some(ScalarValue::TimestampMicrosecond(Some(instant.as_microsecond()), zone.clone()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn text_statistics_are_the_least_and_the_greatest_of_all_batches(
            batches in prop::collection::vec(prop::collection::vec(prop::option::of("[a-c]{0,3}"), 0..8), 0..5),
        ) {
            let mut range = Range::default();
            for batch in &batches {
                range.add(&(Arc::new(StringArray::from(batch.clone())) as ArrayRef));
            }
            let all = || batches.iter().flatten().flatten().cloned();
            prop_assert_eq!(range.text, all().min().zip(all().max()));
            prop_assert_eq!(range.nulls, batches.iter().flatten().filter(|value| value.is_none()).count() as u64);
        }
    }
}
