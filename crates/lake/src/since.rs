//! What came into a table since a version: the files that are active now and were not then.
//!
//! An incremental step asks this of fact tables, which only grow. Where files were rewritten since (compaction), their
//! rows count as new: a superset, which a step that recomputes people takes without harm.

use std::collections::HashSet;
use std::sync::{Arc, RwLock};

use datafusion::catalog::TableProvider;

use crate::delta::Committed;
use crate::error::StorageError;
use crate::lake::Lake;
use crate::provider::LakeTable;
use crate::schema::find;
use crate::state::State;

impl Lake {
    /// The sealed rows of `table` that were not in its `version` (−1: before the first), as a table of their own. `None`
    /// where that version can no longer be read: then everything may be new.
    pub async fn added_since(&self, table: &str, version: i64) -> Result<Option<Arc<dyn TableProvider>>, StorageError> {
        let Ok(table) = find(table) else { return Ok(None) };
        let (committed, before) = {
            let delta = self.inner.tables[table.name].lock().await;
            let before = if version < 0 { Some(HashSet::default()) } else { delta.files_at(version).await };
            (delta.committed()?, before)
        };
        let Some(before) = before else { return Ok(None) };
        let files = committed.files.iter().filter(|file| !before.contains(&file.path)).cloned().collect();
        let mut state = State::default();
        state.set_committed(table, Committed { files: Arc::new(files), ..committed });
        Ok(Some(Arc::new(LakeTable::new(table, self.inner.folder(table), Arc::new(RwLock::new(state))))))
    }
}
