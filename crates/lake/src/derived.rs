//! Writing derived tables: replaced as a whole, by bucket, or added to. One commit each.
//!
//! Rows go to new files first; the commit that adds them removes those they replace, so a reader sees the old rows or
//! the new ones. A failure before the commit leaves the table as it was and removes the new files.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Int32Type, SchemaRef};
use clew_model::tables::{Table, TableKind};
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;

use crate::crash;
use crate::datafile::{DataFile, DataFileWriter, file_schema};
use crate::delta::{Change, Delta};
use crate::error::{Misfit, StorageError, WriteError};
use crate::lake::{Inner, Lake};
use crate::log::room;
use crate::schema::{conform, find, is_retyped, widen};
use crate::vacuum;

/// A file ends when it has so many bytes; the next one begins.
const FILE_BYTES: usize = 256 << 20;
/// Bytes that the open files of a table hold in memory at most: beyond, those that the newest rows did not go to are ended. Rows
/// that come in order of their buckets then make one file a bucket, however many they are.
const OPEN_BYTES: usize = 48 << 20;

/// Rows to write: all at once or as they come.
pub enum Rows {
    /// In memory.
    Batches(Vec<RecordBatch>),
    /// From a plan.
    Stream(SendableRecordBatchStream),
}

impl From<Vec<RecordBatch>> for Rows {
    fn from(rows: Vec<RecordBatch>) -> Self {
        Self::Batches(rows)
    }
}

impl From<RecordBatch> for Rows {
    fn from(rows: RecordBatch) -> Self {
        Self::Batches(vec![rows])
    }
}

impl From<SendableRecordBatchStream> for Rows {
    fn from(rows: SendableRecordBatchStream) -> Self {
        Self::Stream(rows)
    }
}

/// What a write did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// The table's version now.
    pub version: i64,
    /// Rows written.
    pub rows: u64,
}

/// Which rows the new ones replace.
enum Replace<'a> {
    All,
    Buckets(&'a [i32]),
    Nothing,
}

impl Lake {
    /// Replaces all rows of the derived table `table`.
    pub async fn overwrite(&self, table: &str, rows: impl Into<Rows>) -> Result<Written, WriteError> {
        self.write(table, rows.into(), Replace::All).await
    }

    /// Replaces the rows of `buckets` in a table that is cut into buckets; `rows` are of these buckets only.
    pub async fn replace_buckets(&self, table: &str, buckets: &[i32], rows: impl Into<Rows>) -> Result<Written, WriteError> {
        if find(table)?.partition_by.is_empty() {
            return Err(Misfit { table: table.to_owned(), detail: "is not cut into buckets".to_owned() }.into());
        }
        self.write(table, rows.into(), Replace::Buckets(buckets)).await
    }

    /// Adds rows to the derived table `table`.
    pub async fn append_derived(&self, table: &str, rows: impl Into<Rows>) -> Result<Written, WriteError> {
        self.write(table, rows.into(), Replace::Nothing).await
    }

    async fn write(&self, table: &str, rows: Rows, replace: Replace<'_>) -> Result<Written, WriteError> {
        let table = find(table)?;
        if table.kind != TableKind::Derived {
            return Err(Misfit { table: table.name.to_owned(), detail: "holds facts: they are appended".to_owned() }.into());
        }
        let inner = &self.inner;
        // Held from the first file to the commit: one writer of a table at a time.
        let mut delta = inner.tables[table.name].lock().await;
        let schema = delta.schema()?;
        let mut writer = TableWriter::new(Arc::clone(inner), table, schema);
        match rows {
            Rows::Batches(batches) => {
                for batch in batches {
                    writer = writer.write(batch).await?;
                }
            }
            Rows::Stream(mut stream) => {
                while let Some(batch) = stream.next().await {
                    writer = writer.write(batch?).await?;
                }
            }
        }
        if let Replace::Buckets(buckets) = replace
            && let Some(other) = writer.buckets().find(|bucket| !buckets.contains(bucket))
        {
            return Err(
                Misfit { table: table.name.to_owned(), detail: format!("bucket {other} is not one of those replaced") }.into()
            );
        }
        let (add, schema) = writer.finish().await?;
        crash::point("write.staged");
        let committed = delta.committed()?;
        let remove = committed.files.iter().filter(|file| match replace {
            Replace::All => true,
            Replace::Buckets(buckets) => file.bucket.is_some_and(|bucket| buckets.contains(&bucket)),
            Replace::Nothing => false,
        });
        let remove: Vec<DataFile> = remove.cloned().collect();
        let rows = add.iter().map(|file| file.rows).sum();
        let paths: Vec<_> = add.iter().map(|file| inner.folder(table).join(&file.path)).collect();
        let change = Change { add, remove, at: Some(inner.options.clock.now()), ..Change::default() };
        if let Err(error) = delta.commit(change, &schema).await {
            // The commit may have reached the disk all the same; only a table that says it has not lets its files go.
            if Delta::open(table, inner.folder(table)).await.is_ok_and(|now| now.version() == committed.version) {
                paths.iter().for_each(|path| drop(std::fs::remove_file(path)));
            }
            return Err(error.into());
        }
        crash::point("write.committed");
        inner.state.write().expect("no writer of the state panics").set_committed(table, delta.committed()?);
        vacuum::retire(&delta, inner.options.retention, inner.options.clock.now()).await?;
        Ok(Written { version: delta.version().expect("committed just now"), rows })
    }
}

/// Writes rows of one table into files, one or more a bucket.
struct TableWriter {
    inner: Arc<Inner>,
    table: &'static Table,
    schema: SchemaRef,
    open: BTreeMap<Option<i32>, DataFileWriter>,
    done: Vec<DataFile>,
}

impl TableWriter {
    fn new(inner: Arc<Inner>, table: &'static Table, schema: SchemaRef) -> Self {
        Self { inner, table, schema, open: BTreeMap::new(), done: Vec::new() }
    }

    /// The buckets of the rows so far, some of them several times.
    fn buckets(&self) -> impl Iterator<Item = i32> {
        self.open.keys().copied().chain(self.done.iter().map(|file| file.bucket)).flatten()
    }

    /// Adds rows; encoding is work for a blocking thread.
    async fn write(mut self, batch: RecordBatch) -> Result<Self, WriteError> {
        let written = tokio::task::spawn_blocking(move || self.write_blocking(&batch).map(|()| self)).await;
        written.map_err(|_| StorageError::Closed)?
    }

    fn write_blocking(&mut self, batch: &RecordBatch) -> Result<(), WriteError> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        if self.open.is_empty() && self.done.is_empty() {
            // The first rows say which promoted columns there are. Those of buckets that stay are not rewritten here.
            let wider = widen(self.table, &self.schema, batch.schema_ref())?;
            if is_retyped(&self.schema, &wider) {
                let detail = "a column has another type than in the table; a derived table is written anew for that".to_owned();
                return Err(Misfit { table: self.table.name.to_owned(), detail }.into());
            }
            self.schema = wider;
        }
        let batch = conform(self.table.name, batch, &self.schema)?;
        room(&self.inner.store, batch.get_array_memory_size() as u64 / 4)?;
        let Some(partition) = self.table.partition_by.first() else { return self.write_bucket(None, &batch) };
        let index = self.schema.index_of(partition).expect("the model checks that partition columns exist");
        let buckets = batch.column(index).as_primitive::<Int32Type>().clone();
        let mut rest = batch;
        rest.remove_column(index);
        let mut distinct: Vec<i32> = buckets.values().to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        for bucket in distinct {
            let keep = BooleanArray::from_unary(&buckets, |value| value == bucket);
            let rows = filter_record_batch(&rest, &keep).expect("one flag a row");
            self.write_bucket(Some(bucket), &rows)?;
            if self.open.values().map(DataFileWriter::memory).sum::<usize>() > OPEN_BYTES {
                self.end_all_but(bucket)?;
            }
        }
        Ok(())
    }

    fn end_all_but(&mut self, bucket: i32) -> Result<(), WriteError> {
        let newest = self.open.remove(&Some(bucket));
        for writer in std::mem::take(&mut self.open).into_values() {
            self.done.push(writer.finish()?);
        }
        self.open.extend(newest.map(|newest| (Some(bucket), newest)));
        Ok(())
    }

    fn write_bucket(&mut self, bucket: Option<i32>, rows: &RecordBatch) -> Result<(), WriteError> {
        let writer = match self.open.entry(bucket) {
            std::collections::btree_map::Entry::Occupied(open) => open.into_mut(),
            std::collections::btree_map::Entry::Vacant(free) => {
                let folder = self.inner.folder(self.table);
                let schema = file_schema(self.table, &self.schema);
                let name = self.inner.file_name("parquet");
                free.insert(DataFileWriter::create(self.table, &folder, &name, bucket, &schema)?)
            }
        };
        writer.write(rows)?;
        if writer.bytes() > FILE_BYTES
            && let Some(full) = self.open.remove(&bucket)
        {
            self.done.push(full.finish()?);
        }
        Ok(())
    }

    async fn finish(mut self) -> Result<(Vec<DataFile>, SchemaRef), WriteError> {
        let finished = tokio::task::spawn_blocking(move || {
            for writer in std::mem::take(&mut self.open).into_values() {
                self.done.push(writer.finish()?);
            }
            Ok((std::mem::take(&mut self.done), Arc::clone(&self.schema)))
        });
        finished.await.map_err(|_| StorageError::Closed)?
    }
}

impl Drop for TableWriter {
    fn drop(&mut self) {
        for file in &self.done {
            let _ = std::fs::remove_file(self.inner.folder(self.table).join(&file.path));
        }
    }
}
