//! Which rows are open, and a stream of them in groups of one source and file.
//!
//! What is closed is held as a set of 128-bit ids rather than joined in SQL: a join would hold one side of it with its raw rows.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{Array, AsArray, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Int64Type, TimestampMicrosecondType};
use clew_lake::Lake;
use clew_lake::literal::{Text, Texts};
use clew_model::tables::Table;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, SessionStateBuilder};
use datafusion::prelude::SessionContext;
use futures::StreamExt;
use rustc_hash::FxHashSet;

use super::{ReplayError, Request, refused};
use crate::typing::convert::text;

/// Rows that are held before their groups are taken in.
const HELD_ROWS: usize = 16_384;
/// Bytes of raw rows that are held.
const HELD_BYTES: usize = 8 << 20;
/// Rows that the engine hands out at once: one may have a megabyte.
const READ_ROWS: usize = 256;

/// An open row of quarantine.
#[derive(Debug)]
pub(super) struct OpenRow {
    pub id: String,
    /// None for a row that became no fact.
    pub target: Option<&'static Table>,
    pub row_no: Option<i64>,
    pub reason: String,
    pub detail: String,
    pub raw: Option<String>,
    /// When it came, microseconds UTC.
    pub at: i64,
    pub key: Option<String>,
    pub context: Option<String>,
}

/// Source and file of a row.
type Place = (String, Option<String>);

/// Open rows of one source and file, in the order of the file.
#[derive(Debug)]
pub(super) struct Group {
    pub source: String,
    pub file: Option<String>,
    pub rows: Vec<OpenRow>,
}

/// Rows on their way into groups.
#[derive(Default)]
pub(super) struct Held {
    groups: BTreeMap<Place, Vec<OpenRow>>,
    rows: usize,
    bytes: usize,
}

impl Held {
    pub fn extend(&mut self, rows: Vec<(Place, OpenRow)>) {
        for (place, row) in rows {
            self.rows += 1;
            self.bytes += row.raw.as_ref().map_or(0, String::len);
            self.groups.entry(place).or_default().push(row);
        }
    }

    pub fn is_full(&self) -> bool {
        self.rows >= HELD_ROWS || self.bytes >= HELD_BYTES
    }

    pub fn take(&mut self) -> Vec<Group> {
        let groups = std::mem::take(self).groups.into_iter();
        groups
            .map(|((source, file), mut rows)| {
                rows.sort_by(|a, b| (a.row_no, &a.id).cmp(&(b.row_no, &b.id)));
                Group { source, file, rows }
            })
            .collect()
    }
}

/// The rows of a request that are open.
pub(super) struct Selected {
    condition: String,
    closed: FxHashSet<u128>,
    sources: BTreeSet<String>,
}

impl Selected {
    /// Finds what `request` selects; ids that quarantine does not know refuse it.
    pub async fn find(lake: &Lake, request: &Request) -> Result<Self, ReplayError> {
        let session = lake.session();
        let which = &request.which;
        let ids: BTreeSet<&str> = which.ids.iter().chain(request.edits.keys()).map(String::as_str).collect();
        if !ids.is_empty() {
            let known =
                format!("SELECT quarantine_id FROM quarantine WHERE quarantine_id IN {}", Texts(&ids.iter().collect::<Vec<_>>()));
            let mut unknown = ids.clone();
            for batch in session.sql(&known).await?.collect().await? {
                text(batch.column(0)).iter().flatten().for_each(|id| {
                    unknown.remove(id);
                });
            }
            if let Some(first) = unknown.first() {
                let message = format!("quarantine has no row {first} (and {} more of those named)", unknown.len() - 1);
                return Err(refused(message, "take ids from the column quarantine_id"));
            }
        }
        let mut condition = "true".to_owned();
        let mut and = |more: String| condition = format!("{condition} AND {more}");
        if !which.sources.is_empty() {
            and(format!("source IN {}", Texts(&which.sources.iter().collect::<Vec<_>>())));
        }
        if let Some(reason) = &which.reason {
            and(format!("reason = {}", Text(reason)));
        }
        if let Some(batch) = &which.batch {
            and(format!("batch = {}", Text(batch)));
        }
        match which.target.as_deref() {
            None => {}
            Some("rows") => and("target IS NULL".to_owned()),
            Some(target) => and(format!("target = {}", Text(target))),
        }
        if !ids.is_empty() {
            and(format!("quarantine_id IN {}", Texts(&ids.into_iter().collect::<Vec<_>>())));
        }
        let mut selected = Self { condition, closed: closed(&session).await?, sources: BTreeSet::new() };
        let names = format!("SELECT DISTINCT source FROM quarantine WHERE {}", selected.condition);
        for batch in session.sql(&names).await?.collect().await? {
            selected.sources.extend(text(batch.column(0)).iter().flatten().map(str::to_owned));
        }
        Ok(selected)
    }

    /// The sources of the rows.
    pub fn sources(&self) -> &BTreeSet<String> {
        &self.sources
    }

    /// The rows that are open now. What the replay itself adds to quarantine is not among them.
    pub async fn stream(self, lake: &Lake) -> Result<OpenRows, ReplayError> {
        let state = lake.session().state();
        let config = state.config().clone().with_batch_size(READ_ROWS).with_target_partitions(1);
        let session = SessionContext::new_with_state(SessionStateBuilder::new_from_existing(state).with_config(config).build());
        let sql = format!(
            "SELECT quarantine_id, source, target, file, row_no, reason, detail, raw, at, row_key, context FROM quarantine WHERE {}",
            self.condition
        );
        let stream = session.sql(&sql).await?.execute_stream().await?;
        Ok(OpenRows { stream, closed: self.closed })
    }
}

async fn closed(session: &SessionContext) -> Result<FxHashSet<u128>, DataFusionError> {
    let mut closed = FxHashSet::default();
    let sql = "SELECT quarantine_id FROM repairs WHERE outcome <> 'quarantined'";
    let mut stream = session.sql(sql).await?.execute_stream().await?;
    while let Some(batch) = stream.next().await {
        closed.extend(text(batch?.column(0)).iter().flatten().filter_map(number));
    }
    Ok(closed)
}

/// An id as the number that its 32 hexadecimal digits write.
fn number(id: &str) -> Option<u128> {
    u128::from_str_radix(id, 16).ok()
}

/// See [`Selected::stream`].
pub(super) struct OpenRows {
    stream: SendableRecordBatchStream,
    closed: FxHashSet<u128>,
}

impl OpenRows {
    /// Some more rows with their source and file; `None` behind the last.
    pub async fn next(&mut self) -> Result<Option<Vec<(Place, OpenRow)>>, DataFusionError> {
        match self.stream.next().await {
            None => Ok(None),
            Some(batch) => Ok(Some(self.open(&batch?)?)),
        }
    }

    fn open(&self, batch: &RecordBatch) -> Result<Vec<(Place, OpenRow)>, DataFusionError> {
        let texts: Vec<StringArray> = [0, 1, 2, 3, 5, 6, 7, 9, 10].map(|at| text(batch.column(at))).into();
        let [ids, sources, targets, files, reasons, details, raws, keys, contexts] = &texts[..] else { return Ok(Vec::new()) };
        let numbers = arrow::compute::cast(batch.column(4), &DataType::Int64)?;
        let (numbers, at) = (numbers.as_primitive::<Int64Type>(), batch.column(8).as_primitive::<TimestampMicrosecondType>());
        let some = |column: &StringArray, row: usize| column.is_valid(row).then(|| column.value(row).to_owned());
        let mut rows = Vec::new();
        for row in 0..batch.num_rows() {
            let id = ids.value(row);
            if number(id).is_some_and(|id| self.closed.contains(&id)) {
                continue;
            }
            let open = OpenRow {
                id: id.to_owned(),
                target: targets.is_valid(row).then(|| Table::find(targets.value(row))).flatten(),
                row_no: numbers.is_valid(row).then(|| numbers.value(row)),
                reason: reasons.value(row).to_owned(),
                detail: details.value(row).to_owned(),
                raw: some(raws, row),
                at: at.value(row),
                key: some(keys, row),
                context: some(contexts, row),
            };
            rows.push(((sources.value(row).to_owned(), some(files, row)), open));
        }
        Ok(rows)
    }
}
