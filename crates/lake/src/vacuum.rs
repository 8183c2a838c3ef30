//! Files that nothing needs any more.
//!
//! At opening: files that no committed version, no unsealed log entry and no retained version names were left by a crash.
//! After a table is rewritten: files of versions older than the retention go. Of fact tables, whose rows stay for good, only
//! small files that were merged into larger ones are ever replaced.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;

use clew_model::Timestamp;
use clew_model::tables::{Table, TableKind};

use crate::crash;
use crate::delta::Delta;
use crate::entry::Body;
use crate::error::StorageError;
use crate::lake::Retention;
use crate::state::SharedState;

/// Removes what a crash left in the tables' folders.
pub(crate) async fn remove_orphans(
    store: &Path,
    tables: &HashMap<&'static str, Delta>,
    state: &SharedState,
    retention: Retention,
    now: Timestamp,
) -> Result<(), StorageError> {
    for table in Table::all() {
        let folder = store.join("tables").join(table.name);
        if !folder.is_dir() {
            continue;
        }
        let mut needed: HashSet<String> = {
            let state = state.read().expect("no writer of the state panics");
            let committed = state.committed(table.name).map(|committed| committed.files.clone()).unwrap_or_default();
            let staged = state.tail.iter().flat_map(|entry| &entry.parts).filter_map(|part| match &part.body {
                Body::File(file) if part.table.name == table.name => Some(file.path.clone()),
                _ => None,
            });
            committed.iter().map(|file| file.path.clone()).chain(staged).collect()
        };
        let mut candidates = Vec::new();
        list(&folder, "", &mut candidates)?;
        candidates.retain(|path| !needed.contains(path));
        if candidates.is_empty() {
            continue;
        }
        // Only now is it worth reading what earlier versions named.
        needed.extend(retained(&tables[table.name], retention, now).await?);
        remove(&folder, candidates.into_iter().filter(|path| !needed.contains(path)))?;
    }
    Ok(())
}

/// Removes files of versions of `delta` that the retention gives up.
pub(crate) async fn retire(delta: &Delta, retention: Retention, now: Timestamp) -> Result<(), StorageError> {
    let retained: HashSet<String> = retained(delta, retention, now).await?.into_iter().collect();
    let active = delta.committed()?;
    let active: HashSet<&str> = active.files.iter().map(|file| file.path.as_str()).collect();
    let gone = delta.tombstones().await?.into_iter().map(|(path, _)| path);
    remove(&delta.folder, gone.filter(|path| !retained.contains(path) && !active.contains(path.as_str())))
}

/// Files that earlier versions named and that the retention keeps: the young, and of a derived table the newest versions'.
async fn retained(delta: &Delta, retention: Retention, now: Timestamp) -> Result<Vec<String>, StorageError> {
    let tombstones = delta.tombstones().await?;
    let young = (now.micros() / 1000).saturating_sub(i64::try_from(retention.age.as_millis()).unwrap_or(i64::MAX));
    let times: BTreeSet<i64> = tombstones.iter().map(|(_, at)| *at).collect();
    // Time travel over facts needs no old files: a version of theirs is a prefix of the rows.
    let versions = if delta.table.kind == TableKind::Fact { 0 } else { retention.versions };
    let newest: HashSet<i64> = times.into_iter().rev().take(versions).collect();
    Ok(tombstones.into_iter().filter(|(_, at)| newest.contains(at) || *at > young).map(|(path, _)| path).collect())
}

/// Parquet files below `folder`, as paths relative to it.
fn list(folder: &Path, below: &str, found: &mut Vec<String>) -> Result<(), StorageError> {
    let path = folder.join(below);
    let io = |e| StorageError::io(&path, e);
    for entry in std::fs::read_dir(&path).map_err(io)? {
        let entry = entry.map_err(io)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let relative = if below.is_empty() { name.clone() } else { format!("{below}/{name}") };
        let kind = entry.file_type().map_err(io)?;
        if kind.is_dir() && name != "_delta_log" {
            list(folder, &relative, found)?;
        } else if kind.is_file() && name.ends_with(".parquet") {
            found.push(relative);
        }
    }
    Ok(())
}

fn remove(folder: &Path, files: impl Iterator<Item = String>) -> Result<(), StorageError> {
    for file in files {
        crash::point("vacuum.removing");
        let path = folder.join(file);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(StorageError::io(&path, error)),
            _ => {}
        }
    }
    Ok(())
}
