//! Sealing: log ranges become Delta commits, exactly once.
//!
//! A table's commit carries the end offset of the range as the version of the application [`APPLICATION`]. After a crash
//! the table itself says how far it is sealed, and the range starts behind that: a commit that was made but not noted
//! is not made again, a file that was written but not committed is an orphan. Tables advance separately; the log is
//! trimmed behind the slowest, in one batch with the run that takes over its keys.
//!
//! [`APPLICATION`]: crate::delta::APPLICATION

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use clew_model::tables::Table;

use crate::background::{Gives, background};
use crate::crash;
use crate::datafile::{DataFile, DataFileWriter, sync_folder};
use crate::delta::Change;
use crate::entry::Body;
use crate::error::{SealError, StorageError};
use crate::keys::{KeyRecord, Run};
use crate::lake::Inner;
use crate::log::room;
use crate::retype::{retype, rewrite};
use crate::schema::{conform, is_retyped};

/// What a seal did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sealed {
    /// The log offset up to which every table is sealed now.
    pub offset: u64,
    /// Rows committed, by table; tables without new rows are left out.
    pub rows: Vec<(&'static str, u64)>,
}

/// Seals everything that is in the log now; see the module.
pub(crate) async fn seal(inner: &Arc<Inner>) -> Result<Sealed, SealError> {
    let _one_at_a_time = inner.sealing.lock().await;
    let Some(end) = inner.state.read().expect("no writer of the state panics").end() else {
        return Ok(Sealed::default());
    };
    let mut sealed = Sealed { offset: end, rows: Vec::new() };
    for table in Table::all() {
        let rows = seal_table(inner, table, end).await?;
        if rows > 0 {
            sealed.rows.push((table.name, rows));
        }
    }
    crash::point("seal.committed");
    let inner = Arc::clone(inner);
    background("clew-seal", Gives::Way, move || trim(&inner, end)).await??;
    Ok(sealed)
}

async fn seal_table(inner: &Arc<Inner>, table: &'static Table, end: u64) -> Result<u64, StorageError> {
    let (mut files, rows, schema) = {
        let state = inner.state.read().expect("no writer of the state panics");
        let (mut files, mut rows) = (Vec::new(), Vec::new());
        for part in state.unsealed(table.name, end) {
            match &part.body {
                Body::Rows(batch) => rows.push(batch.clone()),
                Body::File(file) => files.push((Arc::clone(&part.schema), file.clone())),
            }
        }
        (files, rows, state.schema(table.name))
    };
    let Some(schema) = schema.filter(|_| !files.is_empty() || !rows.is_empty()) else { return Ok(0) };
    retype(inner, table, &schema).await?;
    if files.iter().any(|(of, _)| is_retyped(of, &schema)) {
        let (writing, of, all) = (Arc::clone(inner), Arc::clone(&schema), files);
        files = background("clew-seal", Gives::Way, move || in_types(&writing, table, &of, all)).await??;
    }
    let mut files: Vec<DataFile> = files.into_iter().map(|(_, file)| file).collect();
    if !rows.is_empty() {
        let writing = Arc::clone(inner);
        let schema = Arc::clone(&schema);
        files.push(background("clew-seal", Gives::Way, move || write_rows(&writing, table, &schema, &rows)).await??);
    }
    crash::point("seal.written");
    let count = files.iter().map(|file| file.rows).sum();
    let mut delta = inner.tables[table.name].lock().await;
    let change = Change { add: files, sealed: Some(end), at: Some(inner.options.clock.now()), ..Change::default() };
    delta.commit(change, &schema).await?;
    crash::point("seal.table_committed");
    // Version and end offset change in one step: a reader sees the rows in the tail or in the table.
    inner.state.write().expect("no writer of the state panics").set_committed(table, delta.committed()?);
    Ok(count)
}

/// The log's own files, those with narrower types written anew. What takes the place of a file leaves it to the next opening, which removes
/// what nothing names: a query may be reading it.
fn in_types(
    inner: &Inner,
    table: &'static Table,
    schema: &SchemaRef,
    files: Vec<(SchemaRef, DataFile)>,
) -> Result<Vec<(SchemaRef, DataFile)>, StorageError> {
    let rewritten = files.into_iter().map(|(of, file)| Ok((of, rewrite(inner, table, schema, &file)?.unwrap_or(file))));
    rewritten.collect()
}

fn write_rows(inner: &Inner, table: &'static Table, schema: &SchemaRef, rows: &[RecordBatch]) -> Result<DataFile, StorageError> {
    let folder = inner.folder(table);
    std::fs::create_dir_all(&folder).map_err(|e| StorageError::io(&folder, e))?;
    room(&folder, rows.iter().map(|batch| batch.get_array_memory_size() as u64).sum())?;
    let mut writer = DataFileWriter::create(table, &folder, &inner.file_name("parquet"), None, schema)?;
    let summed = crate::accounting::summed(table.name, rows)
        .transpose()
        .map_err(|e| StorageError::Damaged { what: format!("the log's part of table {}", table.name), detail: e.to_string() })?;
    let summed = summed.map(|rows| vec![rows]);
    for batch in summed.as_deref().unwrap_or(rows) {
        let batch = conform(table.name, batch, schema).map_err(|misfit| StorageError::Damaged {
            what: format!("the log's part of table {}", table.name),
            detail: misfit.detail,
        })?;
        writer.write(&batch)?;
    }
    writer.finish()
}

/// Removes the entries up to `end` from the log; their keys go into a run first.
fn trim(inner: &Inner, end: u64) -> Result<(), StorageError> {
    let (mut keys, offsets): (Vec<KeyRecord>, Vec<u64>) = {
        let state = inner.state.read().expect("no writer of the state panics");
        let entries = || state.tail.iter().filter(|entry| entry.offset <= end);
        (entries().flat_map(|entry| entry.keys.iter().copied()).collect(), entries().map(|entry| entry.offset).collect())
    };
    // Of a key's versions the newest stays.
    keys.sort_unstable_by_key(|record| (record.key, std::cmp::Reverse(record.offset)));
    keys.dedup_by_key(|record| record.key);
    let run = if keys.is_empty() {
        None
    } else {
        let folder = inner.register.folder();
        let run = Run::write(folder, &inner.file_name("keys"), &keys, 0)?;
        sync_folder(folder)?;
        Some(run)
    };
    crash::point("seal.keys_moved");
    inner.log.commit(offsets.len() * 16 + 1024, |batch| {
        for offset in &offsets {
            batch.remove(&inner.log.entries, offset.to_be_bytes());
        }
        if let Some(run) = &run {
            batch.insert(&inner.log.runs, run.name.as_bytes(), 0_u64.to_be_bytes());
        }
        batch.insert(&inner.log.meta, "trimmed", end.to_be_bytes());
    })?;
    crash::point("seal.trimmed");
    inner.register.settle(end, run);
    inner.state.write().expect("no writer of the state panics").trim(end);
    Ok(())
}
