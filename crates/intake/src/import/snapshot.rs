//! Complete exports: what they no longer hold was deleted.
//!
//! The ids of a complete export are collected by a pass of their own before anything is stored, because an export that
//! was cut off looks like one in which most customers were deleted: above `max_deleted` it is refused whole. The pass
//! costs the mapping a second time; complete exports are the small ones.

use std::sync::{Arc, PoisonError};

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, StringArray, TimestampMicrosecondArray, new_null_array};
use arrow::compute::{concat_batches, filter_record_batch};
use clew_lake::FactBatch;
use clew_lake::literal::Text;
use clew_model::ContentHash;
use clew_model::tables::Table;
use rustc_hash::FxHashSet;

use super::ImportError;
use super::job::Job;
use super::run::Importer;
use super::workers::Event;
use crate::spec::Mode;
use crate::typing::content_hashes;

/// The share of known ids that one export may delete unless the source says otherwise.
pub const MAX_DELETED: f64 = 0.2;

impl Importer<'_> {
    /// In snapshot mode, finds what the export no longer holds, and refuses too much of it.
    pub async fn refuse_mass_deletion(&self, job: &Job<'_>) -> Result<(), ImportError> {
        if job.source.spec.mode != Mode::Snapshot || job.is_lookup_only() {
            return Ok(());
        }
        let targets: Vec<&'static Table> = job.source.mappings.iter().map(|mapping| mapping.target).collect();
        let mut exported: Vec<FxHashSet<String>> = vec![FxHashSet::default(); targets.len()];
        let mut stream = self.stream(job.source, &job.expectations, job.starts(|_| Some(1)), 0);
        while let Some(event) = stream.next().await {
            if let Event::Chunk(mapped) = event? {
                for (ids, facts) in exported.iter_mut().zip(&mapped.facts) {
                    ids.extend(facts.rows.column(0).as_string::<i32>().iter().flatten().map(str::to_owned));
                }
                // A fact in quarantine is in the export, but its id may not have been read: nothing is deleted then.
                if mapped.facts.iter().any(|facts| facts.quarantined > 0) || mapped.rows.unreadable > 0 {
                    tracing::warn!(
                        source = job.source.name,
                        "the export holds rows that cannot be stored: nothing is marked deleted"
                    );
                    return Ok(());
                }
            }
        }
        let limit = job.source.spec.max_deleted.unwrap_or(MAX_DELETED);
        let mut found = Vec::new();
        for (table, ids) in targets.into_iter().zip(&exported) {
            let current = self.current(table, &job.source.name).await?;
            let keep: BooleanArray =
                current.column(0).as_string::<i32>().iter().map(|id| id.map(|id| !ids.contains(id))).collect();
            let missing = filter_record_batch(&current, &keep).expect("the mask has a value per row");
            let known = current.num_rows();
            if missing.num_rows() as f64 > limit * known as f64 {
                let (source_name, missing) = (job.source.name.clone(), missing.num_rows());
                return Err(ImportError::TooManyDeleted { source_name, table: table.name, missing, known, limit });
            }
            if missing.num_rows() > 0 {
                found.push((table, missing));
            }
        }
        self.deletions.lock().unwrap_or_else(PoisonError::into_inner).insert(job.source.name.clone(), found);
        Ok(())
    }

    /// The newest version of every id of `source` that is not deleted.
    async fn current(&self, table: &'static Table, source: &str) -> Result<RecordBatch, ImportError> {
        let session = self.lake.session();
        let frame = session.table(table.name).await?;
        let schema = Arc::new(frame.schema().as_arrow().clone());
        let columns: Vec<String> = schema.fields().iter().map(|field| format!("\"{}\"", field.name())).collect();
        let (columns, id) = (columns.join(", "), table.columns[0].name);
        let sql = format!(
            "SELECT {columns} FROM (SELECT *, row_number() OVER (PARTITION BY {id} ORDER BY valid_from DESC NULLS LAST, received_at DESC) AS newest \
             FROM {} WHERE source = {}) WHERE newest = 1 AND NOT coalesce(deleted, false)",
            table.name,
            Text(source)
        );
        let batches = session.sql(&sql).await?.collect().await?;
        let schema = batches.first().map_or(schema, RecordBatch::schema);
        let all = concat_batches(&schema, &batches).map_err(datafusion::error::DataFusionError::from)?;
        // The engine may hand out views of text; facts are plain text.
        let id = Arc::new(crate::typing::convert::text(all.column(0))) as ArrayRef;
        let mut fields: Vec<_> = schema.fields().iter().cloned().collect();
        fields[0] =
            Arc::new(arrow::datatypes::Field::new(fields[0].name(), arrow::datatypes::DataType::Utf8, fields[0].is_nullable()));
        let mut arrays = all.columns().to_vec();
        arrays[0] = id;
        let schema = Arc::new(arrow::datatypes::Schema::new(fields));
        Ok(RecordBatch::try_new(schema, arrays).map_err(datafusion::error::DataFusionError::from)?)
    }
}

/// Versions that say that these rows are gone since `at`.
pub fn deleted_versions(table: &'static Table, rows: &RecordBatch, at: i64) -> FactBatch {
    let n = rows.num_rows();
    let now: ArrayRef = Arc::new(TimestampMicrosecondArray::from_value(at, n).with_timezone("UTC"));
    let schema = rows.schema();
    let set = |column: &ArrayRef, name: &str| -> ArrayRef {
        match name {
            "deleted" => Arc::new(BooleanArray::from(vec![true; n])),
            "valid_from" | "received_at" => now.clone(),
            "file" | "row_no" => new_null_array(column.data_type(), n),
            _ => column.clone(),
        }
    };
    let columns: Vec<ArrayRef> =
        rows.columns().iter().zip(schema.fields()).map(|(column, field)| set(column, field.name())).collect();
    let mut rows = RecordBatch::try_new(schema.clone(), columns).expect("every column has a value per row");
    let content = content_hashes(&rows);
    if let Some((at, _)) = schema.column_with_name("content") {
        let mut columns = rows.columns().to_vec();
        columns[at] = Arc::new(content.iter().map(|hash| Some(ContentHash(*hash).to_hex())).collect::<StringArray>());
        rows = RecordBatch::try_new(schema, columns).expect("the column has a value per row");
    }
    FactBatch { table: table.name, rows, content, produced: n as u64, quarantined: 0, rejected: 0 }
}
