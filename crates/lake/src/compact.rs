//! Small files become large ones, so that a table that grows by the minute stays quick to open and to scan.
//!
//! Every seal leaves a file a table. Files of one size class are merged as soon as [`Options::compact_at`] of them are there, smallest class
//! first, as the key runs are, each thread into a file of its own where there is much: a row is rewritten once a class, and a class holds eight
//! times the size of the one before.
//! The files are immutable, so they are read while appends and seals go on; only the commit takes the table's lock. It says
//! `dataChange: false`: readers that follow a table see no change. The files that it replaces stay for [`Retention::age`],
//! because a query may be reading them; `vacuum` removes them then.
//!
//! A step that asks what came in since a version meets the rows of a merged file again ([`Lake::added_since`]): that is a
//! superset, which costs time and changes no result. Tables cut into buckets are rewritten by their own steps and are left alone.
//!
//! [`Options::compact_at`]: crate::Options
//! [`Retention::age`]: crate::Retention
//! [`Lake::added_since`]: crate::Lake::added_since

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::sync::Arc;

use clew_model::tables::Table;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::background::{Gives, background};
use crate::crash;
use crate::datafile::{DataFile, DataFileWriter};
use crate::delta::Change;
use crate::error::StorageError;
use crate::lake::Inner;
use crate::log::room;
use crate::schema::conform;
use crate::vacuum;

/// Upper end of the smallest class; each further one is eight times as large.
const SMALLEST_CLASS: u64 = 256 << 10;
/// Files from this size on are large enough.
const LARGE: u64 = 128 << 20;
/// The largest merge: bounds what one commit rewrites and how long it takes.
const LARGEST_MERGE: u64 = 512 << 20;
/// Room beside the merged file without which nothing is merged: the files that it replaces stay for a while.
const SPARE: u64 = 1 << 30;
/// Bytes that are worth a thread of their own, which leaves a file of its own.
const PART: u64 = 8 << 20;
/// Rows decoded at once.
const BATCH_ROWS: usize = 16 << 10;

/// Merges what is worth it, one commit a table. Nothing is done while another compaction is at work.
pub(crate) async fn compact(inner: &Arc<Inner>) -> Result<(), StorageError> {
    let Ok(_one_at_a_time) = inner.compacting.try_lock() else { return Ok(()) };
    for table in Table::all().filter(|table| table.partition_by.is_empty()) {
        let files = {
            let state = inner.state.read().expect("no writer of the state panics");
            state.committed(table.name).map(|committed| Arc::clone(&committed.files))
        };
        let Some(small) = files.and_then(|files| mergeable(&files, inner.options.compact_at.max(2))) else { continue };
        merge(inner, table, small).await?;
    }
    Ok(())
}

/// The files of the smallest class that has enough of them.
fn mergeable(files: &[DataFile], enough: usize) -> Option<Vec<DataFile>> {
    let mut classes: BTreeMap<u32, Vec<&DataFile>> = BTreeMap::new();
    for file in files.iter().filter(|file| file.size < LARGE) {
        classes.entry((file.size / SMALLEST_CLASS + 1).ilog(8)).or_default().push(file);
    }
    let class = classes.into_values().find(|class| class.len() >= enough)?;
    let mut bytes = 0;
    let fits = class.into_iter().take_while(|file| {
        bytes += file.size;
        bytes <= LARGEST_MERGE
    });
    Some(fits.cloned().collect())
}

/// Runs of neighbours of about equal size, one a thread, as far as each is worth one.
fn parts(files: &[DataFile], threads: usize) -> Vec<&[DataFile]> {
    let bytes: u64 = files.iter().map(|file| file.size).sum();
    let many = (bytes / PART).clamp(1, threads.max(1) as u64);
    let mut before = 0;
    let part = |file: &DataFile| {
        let at = before * many / bytes.max(1);
        before += file.size;
        at
    };
    let of_file: Vec<u64> = files.iter().map(part).collect();
    let mut rest = files;
    let cut = of_file.chunk_by(|a, b| a == b).map(|part| {
        let (head, tail) = rest.split_at(part.len());
        rest = tail;
        head
    });
    cut.collect()
}

async fn merge(inner: &Arc<Inner>, table: &'static Table, small: Vec<DataFile>) -> Result<(), StorageError> {
    // As committed: wider types that only the log has come with their seal, which rewrites all files.
    let committed = inner.state.read().expect("no writer of the state panics").committed(table.name).cloned();
    let Some(schema) = committed.map(|committed| committed.schema) else { return Ok(()) };
    if room(&inner.folder(table), small.iter().map(|file| file.size).sum::<u64>() + SPARE).is_err() {
        return Ok(());
    }
    let writing = parts(&small, inner.options.threads).into_iter().map(|part| {
        let (inner, schema, part) = (Arc::clone(inner), Arc::clone(&schema), part.to_vec());
        tokio::spawn(background("clew-merge", Gives::AllWay, move || write_merged(&inner, table, &schema, &part)))
    });
    // All of them start before the first is waited for.
    let writing: Vec<_> = writing.collect();
    let mut merged = Vec::with_capacity(writing.len());
    for written in writing {
        merged.push(written.await.map_err(|_| StorageError::Closed)???);
    }
    crash::point("compact.written");
    let mut delta = inner.tables[table.name].lock().await;
    // A derived table may have been rewritten in the meantime: then the merged rows are of the past.
    let active: HashSet<String> = delta.committed()?.files.iter().map(|file| file.path.clone()).collect();
    if !small.iter().all(|file| active.contains(&file.path)) {
        return merged
            .iter()
            .map(|file| inner.folder(table).join(&file.path))
            .try_for_each(|path| std::fs::remove_file(&path).map_err(|e| StorageError::io(&path, e)));
    }
    let now = inner.options.clock.now();
    let (files, rows) = (small.len(), merged.iter().map(|file| file.rows).sum::<u64>());
    let change = Change { add: merged, remove: small, rearranges: true, at: Some(now), sealed: None };
    delta.commit(change, &schema).await?;
    crash::point("compact.committed");
    inner.state.write().expect("no writer of the state panics").set_committed(table, delta.committed()?);
    tracing::debug!(table = table.name, files, rows, "small files merged");
    vacuum::retire(&delta, inner.options.retention, now).await
}

fn write_merged(
    inner: &Inner,
    table: &'static Table,
    schema: &arrow::datatypes::SchemaRef,
    files: &[DataFile],
) -> Result<DataFile, StorageError> {
    let folder = inner.folder(table);
    let mut writer = DataFileWriter::create(table, &folder, &inner.file_name("parquet"), None, schema)?;
    for file in files {
        let path = folder.join(&file.path);
        let failed = |e| StorageError::parquet(table.name, &path, e);
        let open = File::open(&path).map_err(|e| StorageError::io(&path, e))?;
        let builder = ParquetRecordBatchReaderBuilder::try_new(open).map_err(failed)?;
        let damaged = |detail: String| StorageError::Damaged { what: path.display().to_string(), detail };
        for batch in builder.with_batch_size(BATCH_ROWS).build().map_err(failed)? {
            let batch = batch.map_err(|e| damaged(e.to_string()))?;
            let batch = conform(table.name, &batch, schema).map_err(|misfit| damaged(misfit.detail))?;
            writer.write(&batch)?;
        }
    }
    writer.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENOUGH: usize = 16;

    fn file(path: usize, size: u64) -> DataFile {
        DataFile { path: format!("{path}.parquet"), size, rows: 1, bucket: None, stats: None }
    }

    #[test]
    fn files_are_merged_when_a_class_is_full_and_large_ones_never() {
        let small: Vec<DataFile> = (0..ENOUGH).map(|i| file(i, 10 << 10)).collect();
        assert_eq!(mergeable(&small, ENOUGH).map(|files| files.len()), Some(ENOUGH));
        assert!(mergeable(&small[1..], ENOUGH).is_none());
        let large: Vec<DataFile> = (0..100).map(|i| file(i, LARGE)).collect();
        assert!(mergeable(&large, ENOUGH).is_none());
        let middle: Vec<DataFile> = (0..100).map(|i| file(i, 100 << 20)).collect();
        let merged = mergeable(&middle, ENOUGH).unwrap();
        assert!(merged.len() < 100 && merged.iter().map(|file| file.size).sum::<u64>() <= LARGEST_MERGE);
    }

    #[test]
    fn a_large_merge_is_shared_among_threads() {
        let files: Vec<DataFile> = (0..21).map(|i| file(i, 3 << 20)).collect();
        let lengths = |threads| parts(&files, threads).iter().map(|part| part.len()).collect::<Vec<_>>();
        assert_eq!((lengths(1), lengths(2), lengths(4)), (vec![21], vec![11, 10], vec![6, 5, 5, 5]));
        assert_eq!(parts(&files, 100).len(), 7, "a part is worth its thread");
        assert_eq!(parts(&files, 4).concat().len(), 21);
        let small: Vec<DataFile> = (0..ENOUGH).map(|i| file(i, 10 << 10)).collect();
        assert_eq!(parts(&small, 4).len(), 1);
    }

    #[test]
    fn the_smallest_class_goes_first() {
        let mut files: Vec<DataFile> = (0..ENOUGH).map(|i| file(i, 20 << 20)).collect();
        files.extend((ENOUGH..2 * ENOUGH).map(|i| file(i, 1 << 10)));
        assert!(mergeable(&files, ENOUGH).unwrap().iter().all(|file| file.size == 1 << 10));
    }
}
