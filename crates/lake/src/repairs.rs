//! What a replay decides about rows of quarantine, as rows of `repairs`: settled with the verdicts of their facts and stored in the
//! same append, so that a row is closed exactly when its facts are in.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, RecordBatch, StringArray, new_null_array};
use arrow::error::ArrowError;
use clew_model::Timestamp;
use rustc_hash::FxBuildHasher;

use crate::chunk::{Chunk, RepairOutcome, Repairs, Verdict};
use crate::conflict::{instants, same};
use crate::schema::schema;

/// Position of a fact batch, and a row in it.
type Place = (u32, u32);

/// Which row of quarantine a fact comes from.
pub(crate) fn origins(repairs: &Repairs) -> HashMap<Place, &str, FxBuildHasher> {
    repairs.rows.iter().flat_map(|row| row.facts.iter().map(|fact| (*fact, row.quarantine_id.as_str()))).collect()
}

/// What becomes of every row. `conflicts` are the rows of quarantine that the conflicts of all fact batches make, in their order.
pub(crate) fn outcomes(repairs: &Repairs, verdicts: &[Vec<Verdict>], conflicts: &RecordBatch) -> Vec<RepairOutcome> {
    let ids = conflicts.column(0).as_string::<i32>();
    let places = (0..).zip(verdicts).flat_map(|(batch, verdicts)| {
        (0..).zip(verdicts).filter(|(_, verdict)| **verdict == Verdict::Conflict).map(move |(row, _)| (batch, row))
    });
    let conflicting: HashMap<Place, &str, FxBuildHasher> = places.zip(ids.iter().flatten()).collect();
    let settle = |row: &crate::chunk::Repair| {
        if let Some(outcome) = row.outcome {
            return outcome;
        }
        let mut met = [false; 2];
        for fact in &row.facts {
            match verdicts[fact.0 as usize][fact.1 as usize] {
                Verdict::Stored => met[0] = true,
                Verdict::Duplicate => met[1] = true,
                // The same conflict as before is the same row of quarantine.
                Verdict::Conflict if conflicting.get(fact) == Some(&row.quarantine_id.as_str()) => {
                    return RepairOutcome::Quarantined;
                }
                Verdict::Conflict => return RepairOutcome::Replaced,
            }
        }
        match met {
            [true, _] => RepairOutcome::Stored,
            [false, true] => RepairOutcome::Duplicate,
            [false, false] => RepairOutcome::Discarded,
        }
    };
    repairs.rows.iter().map(settle).collect()
}

/// The rows of the table.
pub(crate) fn rows(chunk: &Chunk, outcomes: &[RepairOutcome], at: Timestamp) -> Result<RecordBatch, ArrowError> {
    let schema = schema("repairs").expect("the model has this table");
    let Repairs { decided_by, reason, rows } = &chunk.repairs;
    let n = rows.len();
    let columns = schema.fields().iter().map(|field| -> ArrayRef {
        match field.name().as_str() {
            "quarantine_id" => Arc::new(rows.iter().map(|row| Some(row.quarantine_id.as_str())).collect::<StringArray>()),
            "source" => same(Some(&chunk.source), n),
            "batch" => same(Some(chunk.batch.as_str()), n),
            "outcome" => Arc::new(outcomes.iter().map(|outcome| Some(outcome.as_str())).collect::<StringArray>()),
            "edited" => Arc::new(rows.iter().map(|row| Some(row.edited)).collect::<BooleanArray>()),
            "reason" => same(reason.as_ref(), n),
            "decided_by" => same(Some(decided_by), n),
            "at" => instants(at, n),
            _ => new_null_array(field.data_type(), n),
        }
    });
    let columns = columns.collect();
    RecordBatch::try_new(schema, columns)
}
