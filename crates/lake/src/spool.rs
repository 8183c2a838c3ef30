//! A folder for files that pass through: what is fetched from elsewhere lies here until it is read.
//!
//! It is in the store's `tmp/`, so that what a crash leaves behind goes away when the store is opened again, and is removed with
//! everything in it when it is dropped.

use std::path::{Path, PathBuf};

use crate::error::StorageError;
use crate::lake::Lake;
use crate::log::room;

/// See the module.
#[derive(Debug)]
pub struct Spool {
    folder: PathBuf,
}

impl Lake {
    /// A new, empty folder with room for `bytes`.
    pub fn spool(&self, bytes: u64) -> Result<Spool, StorageError> {
        let folder = self.inner.store.join("tmp").join(self.inner.file_name("spool"));
        std::fs::create_dir_all(&folder).map_err(|error| StorageError::io(&folder, error))?;
        let spool = Spool { folder };
        room(&spool.folder, bytes)?;
        Ok(spool)
    }
}

impl Spool {
    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        // What cannot be removed now goes away when the store is opened again.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
