//! Records of another file, looked up one by one among those that were matched: what a server does with its live index, for a file.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, RecordBatch, StringArray, UInt32Array};
use arrow::compute::{cast, take};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::error::ArrowError;
use clew_identity::matching::live::{Found, Live, LiveError};

use super::answer::match_weight;
use super::{File, MatchError, Matched, texts};

/// Records that were matched, among which others are looked up.
#[derive(Debug)]
pub struct LookUp {
    live: Live,
    /// By record: its id, and the record whose id names its cluster.
    ids: ArrayRef,
    first: Vec<u32>,
    /// The column of ids.
    id: Option<String>,
    threshold: f64,
}

/// What was found.
#[derive(Debug)]
pub struct LookedUp {
    /// Records that were looked up.
    pub records: usize,
    /// Those of them for which another was found.
    pub with_match: usize,
    /// One row a record and what was found for it, most probable first: `record` (its id, or its row where the file has no such column), `id` and `cluster_id`
    /// of the one that was found, `probability`, `match_weight`.
    pub found: RecordBatch,
}

impl Matched {
    /// Lets records be looked up.
    pub fn into_look_up(self) -> Result<LookUp, LiveError> {
        let (first, records) = (self.first_of_cluster(&self.ids_as_text()), self.matching.clusters.len() as u64);
        let live = Live::new(self.matching, (0..records).collect())?;
        Ok(LookUp { live, ids: self.ids, first, id: self.id, threshold: self.request.threshold })
    }
}

impl LookUp {
    /// Looks up the records of a file, whose columns have the same names. A column that it lacks says nothing.
    pub fn of(&self, file: &File) -> Result<LookedUp, MatchError> {
        let fields: Vec<String> = self.live.fields().map(str::to_owned).collect();
        if !fields.iter().any(|field| file.columns.contains(field)) {
            let (files, columns) = (["the matched records".to_owned(), file.name.clone()], [fields, file.columns.clone()]);
            return Err(MatchError::NothingInCommon { files, columns });
        }
        let columns: Vec<Vec<StringArray>> = fields.iter().map(|field| texts(std::slice::from_ref(file), field)).collect();
        let names = self.id.as_ref().and_then(|id| file.text(id));
        let (mut records, mut with_match, mut rows) = (0, 0, Rows::default());
        for (batch, chunk) in file.batches.iter().enumerate() {
            for row in 0..chunk.num_rows() {
                let said: Vec<Option<&str>> =
                    columns.iter().map(|chunks| chunks[batch].is_valid(row).then(|| chunks[batch].value(row))).collect();
                let found = self.live.look_up(&said, self.threshold);
                let name = names.as_ref().map(|names| &names[batch]).filter(|names| names.is_valid(row));
                let name = name.map_or_else(|| file.row(records).to_string(), |names| names.value(row).to_owned());
                with_match += usize::from(!found.is_empty());
                found.iter().for_each(|found| rows.push(&name, found));
                records += 1;
            }
        }
        let found = self.batch(rows).expect("columns of one length, with indices of records that there are");
        Ok(LookedUp { records, with_match, found })
    }

    fn batch(&self, rows: Rows) -> Result<RecordBatch, ArrowError> {
        let clusters = UInt32Array::from_iter_values(rows.found.iter().map(|record| self.first[*record as usize]));
        let weights = Float64Array::from_iter_values(rows.probabilities.iter().map(|probability| match_weight(*probability)));
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("record", Arc::new(StringArray::from(rows.names))),
            ("id", take(&self.ids, &UInt32Array::from(rows.found), None)?),
            ("cluster_id", take(&self.ids, &clusters, None)?),
            ("probability", Arc::new(Float64Array::from(rows.probabilities))),
            ("match_weight", Arc::new(weights)),
        ];
        let fields: Vec<Field> =
            columns.iter().map(|(name, column)| Field::new(*name, column.data_type().clone(), false)).collect();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns.into_iter().map(|(_, column)| column).collect())
    }
}

/// Rows of what is found.
#[derive(Default)]
struct Rows {
    names: Vec<String>,
    found: Vec<u32>,
    probabilities: Vec<f64>,
}

impl Rows {
    fn push(&mut self, name: &str, found: &Found) {
        self.names.push(name.to_owned());
        self.found.push(found.id as u32);
        self.probabilities.push(found.probability);
    }
}

impl Matched {
    /// The ids as text.
    pub(super) fn ids_as_text(&self) -> StringArray {
        let text = cast(&self.ids, &DataType::Utf8);
        text.map_or_else(|_| StringArray::new_null(self.ids.len()), |text| text.as_string::<i32>().clone())
    }
}
