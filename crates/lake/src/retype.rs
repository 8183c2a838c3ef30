//! A promoted column takes a wider type: the files that hold it are rewritten in that type.
//!
//! Delta knows no change of a column's type that every reader understands (its *type widening* has no way to text, and few engines read
//! it), so the files that have the column are written anew and the table's schema changes with the same commit: another engine sees the
//! old type in all files or the new one in all. Files without the column stay as they are, and a type only ever widens, so that this
//! happens at most a few times in the life of a column. A crash before the commit leaves files that nothing names, one behind it a
//! table that is ready for the seal which goes on.
//!
//! The seal runs it before it commits the rows that brought the wider type; until then a query casts while it reads. What the rewriting
//! replaces stays for queries that are reading it, as after a merge.

use std::fs::File;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use clew_model::tables::Table;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::background::{Gives, background};
use crate::crash;
use crate::datafile::{DataFile, DataFileWriter};
use crate::delta::Change;
use crate::error::StorageError;
use crate::lake::Inner;
use crate::log::room;
use crate::schema::{conform, is_retyped};
use crate::vacuum;

/// Rows decoded at once.
const BATCH_ROWS: usize = 16 << 10;

/// Brings the committed files of `table` to the types of `schema`. The caller holds the seal.
pub(crate) async fn retype(inner: &Arc<Inner>, table: &'static Table, schema: &SchemaRef) -> Result<(), StorageError> {
    let committed = inner.state.read().expect("no writer of the state panics").committed(table.name).cloned();
    let Some(committed) = committed.filter(|committed| is_retyped(&committed.schema, schema)) else { return Ok(()) };
    // A merge would write the files that it began with, in their types.
    let _no_merge = inner.compacting.lock().await;
    let files = inner.tables[table.name].lock().await.committed()?.files;
    let (writing, of) = (Arc::clone(inner), Arc::clone(schema));
    let work = move || rewrite_all(&writing, table, &of, &files);
    let (remove, add) = background("clew-retype", Gives::Way, work).await??;
    crash::point("retype.written");
    let mut delta = inner.tables[table.name].lock().await;
    let now = inner.options.clock.now();
    let rewritten = remove.len();
    // New columns come with their rows.
    let known = |name: &str| committed.schema.field_with_name(name).is_ok();
    let fields = schema.fields().iter().filter(|field| known(field.name())).cloned();
    let wider: SchemaRef = Arc::new(arrow::datatypes::Schema::new(fields.collect::<Vec<_>>()));
    delta.commit(Change { add, remove, rearranges: true, at: Some(now), sealed: None }, &wider).await?;
    crash::point("retype.committed");
    inner.state.write().expect("no writer of the state panics").set_committed(table, delta.committed()?);
    tracing::info!(
        table = table.name,
        files = rewritten,
        "a promoted column took a wider type; files that hold it were rewritten"
    );
    vacuum::retire(&delta, inner.options.retention, now).await
}

/// Files with columns of other types, and what takes their place.
fn rewrite_all(
    inner: &Inner,
    table: &'static Table,
    schema: &SchemaRef,
    files: &[DataFile],
) -> Result<(Vec<DataFile>, Vec<DataFile>), StorageError> {
    let (mut remove, mut add) = (Vec::new(), Vec::new());
    for file in files {
        if let Some(rewritten) = rewrite(inner, table, schema, file)? {
            remove.push(file.clone());
            add.push(rewritten);
        }
    }
    Ok((remove, add))
}

/// `file` in the types of `schema`; `None` where it has them.
pub(crate) fn rewrite(
    inner: &Inner,
    table: &'static Table,
    schema: &SchemaRef,
    file: &DataFile,
) -> Result<Option<DataFile>, StorageError> {
    let folder = inner.folder(table);
    let path = folder.join(&file.path);
    let failed = |e| StorageError::parquet(table.name, &path, e);
    let damaged = |detail: String| StorageError::Damaged { what: path.display().to_string(), detail };
    let open = File::open(&path).map_err(|e| StorageError::io(&path, e))?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(open).map_err(failed)?;
    if !is_retyped(builder.schema(), schema) {
        return Ok(None);
    }
    room(&folder, file.size)?;
    let mut writer = DataFileWriter::create(table, &folder, &inner.file_name("parquet"), None, schema)?;
    for batch in builder.with_batch_size(BATCH_ROWS).build().map_err(failed)? {
        let batch = batch.map_err(|e| damaged(e.to_string()))?;
        writer.write(&conform(table.name, &batch, schema).map_err(|misfit| damaged(misfit.detail))?)?;
    }
    writer.finish().map(Some)
}
