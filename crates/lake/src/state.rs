//! What the lake knows in memory: every table as committed, and the unsealed tail of the log.
//!
//! One lock guards both, so that a reader gets a table's version and the tail after that version's own end offset in one
//! look: a row is in the version or in the tail, never in both and never in neither. The tail is bounded: appends wait
//! for a seal when it grows past twice `seal_bytes`.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, RwLock};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use clew_model::tables::Table;

use crate::datafile::DataFile;
use crate::delta::Committed;
use crate::entry::{Body, Entry};
use crate::error::StorageError;
use crate::schema::{is_retyped, widen};

/// State shared by writers and every session's tables.
pub(crate) type SharedState = Arc<RwLock<State>>;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct State {
    tables: BTreeMap<&'static str, TableState>,
    pub(crate) tail: VecDeque<Arc<Entry>>,
    pub(crate) tail_bytes: usize,
    /// Counts changes of any table's schema: sessions plan their views anew then.
    pub(crate) generation: u64,
}

#[derive(Debug)]
struct TableState {
    committed: Committed,
    /// The committed schema widened by what the tail brings.
    schema: SchemaRef,
}

/// One consistent look at a table.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(crate) schema: SchemaRef,
    /// Committed files.
    pub(crate) files: Arc<Vec<DataFile>>,
    /// Files of the tail.
    pub(crate) tail_files: Vec<DataFile>,
    /// Inline rows of the tail, each batch in the schema that it came in.
    pub(crate) rows: Vec<RecordBatch>,
}

impl State {
    /// Sets what is committed of `table`.
    pub(crate) fn set_committed(&mut self, table: &'static Table, committed: Committed) {
        let old = self.tables.get(table.name).map(|state| Arc::clone(&state.schema));
        // Columns that only the tail has stay: they are not in the committed schema yet.
        let schema = match &old {
            Some(old) => widen(table, &committed.schema, old).unwrap_or_else(|_| Arc::clone(&committed.schema)),
            None => Arc::clone(&committed.schema),
        };
        if old.as_ref() != Some(&schema) {
            self.generation += 1;
        }
        self.tables.insert(table.name, TableState { committed, schema });
    }

    /// What is committed of `table`.
    pub(crate) fn committed(&self, table: &str) -> Option<&Committed> {
        self.tables.get(table).map(|state| &state.committed)
    }

    /// The present schema of `table`.
    pub(crate) fn schema(&self, table: &str) -> Option<SchemaRef> {
        self.tables.get(table).map(|state| Arc::clone(&state.schema))
    }

    /// Adds the log's next entry. Whether a column takes a wider type with it.
    pub(crate) fn push(&mut self, entry: Entry) -> Result<bool, StorageError> {
        let mut has_retyped = false;
        for part in &entry.parts {
            let Some(state) = self.tables.get_mut(part.table.name) else { continue };
            let schema = widen(part.table, &state.schema, &part.schema)
                .map_err(|misfit| StorageError::Damaged { what: format!("log entry {}", entry.offset), detail: misfit.detail })?;
            if schema != state.schema {
                has_retyped |= is_retyped(&state.schema, &schema);
                state.schema = schema;
                self.generation += 1;
            }
        }
        self.tail_bytes += entry.bytes;
        self.tail.push_back(Arc::new(entry));
        Ok(has_retyped)
    }

    /// Forgets the tail up to `offset`.
    pub(crate) fn trim(&mut self, offset: u64) {
        while let Some(entry) = self.tail.front().filter(|entry| entry.offset <= offset) {
            self.tail_bytes -= entry.bytes;
            self.tail.pop_front();
        }
    }

    /// The newest offset in the tail.
    pub(crate) fn end(&self) -> Option<u64> {
        self.tail.back().map(|entry| entry.offset)
    }

    /// The parts of `table` that wait for their seal, up to `end`.
    pub(crate) fn unsealed<'a>(&'a self, table: &'a str, end: u64) -> impl Iterator<Item = &'a crate::entry::Part> {
        let sealed = self.tables.get(table).map_or(0, |state| state.committed.sealed);
        let entries = self.tail.iter().filter(move |entry| entry.offset > sealed && entry.offset <= end);
        entries.flat_map(|entry| &entry.parts).filter(move |part| part.table.name == table)
    }

    /// One consistent look at `table`; `None` when there is no such table.
    pub(crate) fn view(&self, table: &str) -> Option<View> {
        let state = self.tables.get(table)?;
        let (mut tail_files, mut rows) = (Vec::new(), Vec::new());
        for part in self.unsealed(table, u64::MAX) {
            match &part.body {
                Body::Rows(batch) => rows.push(batch.clone()),
                Body::File(file) => tail_files.push(file.clone()),
            }
        }
        Some(View { schema: Arc::clone(&state.schema), files: Arc::clone(&state.committed.files), tail_files, rows })
    }
}
