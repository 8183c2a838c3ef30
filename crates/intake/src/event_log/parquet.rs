//! Event logs in Parquet: row groups are decoded side by side, and only the columns that are asked for.
//!
//! Dictionaries of activities and groups are kept as they are stored, so that no text is made. Columns of cases stay as
//! they are: where most values differ, a dictionary would be built only to be taken apart again.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use ::parquet::arrow::ProjectionMask;
use ::parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use ::parquet::file::statistics::Statistics;
use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

/// Rows of a batch: its columns stay in the processor's cache.
const BATCH_ROWS: usize = 32_768;

/// Takes a batch with its place among all batches and the row of the file that is its first.
pub type TakeBatch<'a> = &'a (dyn Fn((usize, usize), u64, &RecordBatch) -> Result<(), String> + Sync);

/// A file with its footer.
pub struct Table<'a> {
    path: &'a Path,
    metadata: ArrowReaderMetadata,
}

/// What `read` gives, or the words of its error. The decoder panics on some forged files; that is an error, too.
fn caught<T, E: std::fmt::Display>(read: impl FnOnce() -> Result<T, E>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(_) => Err("its parts contradict each other".into()),
    }
}

impl<'a> Table<'a> {
    /// Reads the footer.
    pub fn open(path: &'a Path) -> Result<Self, String> {
        let file = File::open(path).map_err(|error| error.to_string())?;
        Ok(Self { path, metadata: caught(|| ArrowReaderMetadata::load(&file, ArrowReaderOptions::default()))? })
    }

    /// Its columns.
    pub fn schema(&self) -> SchemaRef {
        self.metadata.schema().clone()
    }

    /// Its rows.
    pub fn rows(&self) -> u64 {
        u64::try_from(self.metadata.metadata().file_metadata().num_rows()).unwrap_or(0)
    }

    /// Bounds of a column of whole numbers, where every row group states them.
    pub fn bounds(&self, column: &str) -> Option<(i64, i64)> {
        let at = self.metadata.schema().index_of(column).ok()?;
        let leaf = (0..self.metadata.parquet_schema().num_columns())
            .find(|leaf| self.metadata.parquet_schema().get_column_root_idx(*leaf) == at)?;
        let of_group = |group: &::parquet::file::metadata::RowGroupMetaData| match group.column(leaf).statistics()? {
            Statistics::Int32(stated) => Some((i64::from(*stated.min_opt()?), i64::from(*stated.max_opt()?))),
            Statistics::Int64(stated) => Some((*stated.min_opt()?, *stated.max_opt()?)),
            _ => None,
        };
        let groups = self.metadata.metadata().row_groups();
        let bounds: Option<Vec<(i64, i64)>> = groups.iter().map(of_group).collect();
        bounds?.into_iter().reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    }

    /// Hands every batch of `columns` to `take`, on `threads` threads. Batches come in no order. Columns in `texts` come as dictionaries. The first error ends it.
    pub fn read(&self, columns: &[&str], texts: &[&str], threads: usize, take: TakeBatch<'_>) -> Result<(), String> {
        let metadata = self.with_dictionaries(texts)?;
        let groups = metadata.metadata().num_row_groups();
        let mut first_rows = vec![1_u64; groups + 1];
        for (at, group) in metadata.metadata().row_groups().iter().enumerate() {
            first_rows[at + 1] = first_rows[at] + u64::try_from(group.num_rows()).unwrap_or(0);
        }
        let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
        let work = || -> Result<(), String> {
            loop {
                let group = next.fetch_add(1, Ordering::Relaxed);
                if group >= groups || failed.load(Ordering::Relaxed) {
                    return Ok(());
                }
                let read = self.read_group(&metadata, group, columns, first_rows[group], take);
                if read.is_err() {
                    failed.store(true, Ordering::Relaxed);
                    return read;
                }
            }
        };
        std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads.min(groups)).map(|_| scope.spawn(work)).collect();
            let own = work();
            let joined = others.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            std::iter::once(own).chain(joined.collect::<Vec<_>>()).collect()
        })
    }

    fn read_group(
        &self,
        metadata: &ArrowReaderMetadata,
        group: usize,
        columns: &[&str],
        mut first_row: u64,
        take: TakeBatch<'_>,
    ) -> Result<(), String> {
        let file = File::open(self.path).map_err(|error| error.to_string())?;
        let roots = columns.iter().filter_map(|name| metadata.schema().index_of(name).ok());
        let mask = ProjectionMask::roots(metadata.parquet_schema(), roots);
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata.clone())
            .with_row_groups(vec![group])
            .with_projection(mask)
            .with_batch_size(BATCH_ROWS);
        let mut batches = caught(|| builder.build())?;
        let mut at = 0;
        while let Some(batch) = caught(|| batches.next().transpose())? {
            take((group, at), first_row, &batch)?;
            first_row += batch.num_rows() as u64;
            at += 1;
        }
        Ok(())
    }

    /// The footer, read so that plain columns of text keep the dictionary that they are stored with.
    fn with_dictionaries(&self, texts: &[&str]) -> Result<ArrowReaderMetadata, String> {
        let schema = self.metadata.schema();
        let plain = |field: &Field| texts.contains(&field.name().as_str()) && matches!(field.data_type(), DataType::Utf8);
        if !schema.fields().iter().any(|field| plain(field)) {
            return Ok(self.metadata.clone());
        }
        let dictionary = || DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        let fields = schema.fields().iter().map(|field| {
            if plain(field) { Arc::new(field.as_ref().clone().with_data_type(dictionary())) } else { Arc::clone(field) }
        });
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let options = ArrowReaderOptions::default().with_schema(schema);
        caught(|| ArrowReaderMetadata::try_new(Arc::clone(self.metadata.metadata()), options))
    }
}
