//! Clusters and pairs as record batches.

use std::sync::Arc;

use arrow::array::{ArrayRef, DictionaryArray, Float64Array, RecordBatch, StringArray, UInt8Array, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::{Field, Schema, SchemaRef, UInt8Type};
use arrow::error::ArrowError;
use clew_identity::matching::{Pair, level};

use super::Matched;

/// Rows of a batch.
const BATCH: usize = 65_536;
/// A probability of 1 has this match weight, a probability of 0 its opposite: a model is never surer.
const MOST_WEIGHT: f64 = 60.0;

/// log2 of the odds: 0 is even, 10 about a thousand to one.
pub fn match_weight(probability: f64) -> f64 {
    (probability / (1.0 - probability)).log2().clamp(-MOST_WEIGHT, MOST_WEIGHT)
}

impl Matched {
    /// One row a record, in the order of the files: `id`, with two files `file` (1 or 2), and `cluster_id`, which is the first id of its cluster
    /// (the shortest, then the first in order), with two files as `file:id`.
    pub fn clusters(&self) -> Result<RecordBatch, ArrowError> {
        let names = self.ids_as_text();
        let first = self.first_of_cluster(&names);
        let first_of = first.into_iter();
        let Some(parts) = &self.parts else {
            let cluster_ids = take(&self.ids, &UInt32Array::from_iter_values(first_of), None)?;
            return batch(vec![("id", self.ids.clone()), ("cluster_id", cluster_ids)]);
        };
        let files: ArrayRef = Arc::new(UInt8Array::from_iter_values(parts.iter().map(|part| part + 1)));
        let cluster_ids = first_of.map(|record| format!("{}:{}", parts[record as usize] + 1, names.value(record as usize)));
        let cluster_ids: ArrayRef = Arc::new(StringArray::from_iter_values(cluster_ids));
        batch(vec![("id", self.ids.clone()), ("file", files), ("cluster_id", cluster_ids)])
    }

    /// By record: the one whose id names its cluster.
    pub(super) fn first_of_cluster(&self, names: &StringArray) -> Vec<u32> {
        let order = |record: u32| {
            let name = names.value(record as usize);
            (self.parts.as_ref().map_or(0, |parts| parts[record as usize]), name.len(), name)
        };
        let mut first: Vec<u32> = (0..self.matching.clusters.len() as u32).collect();
        for (record, cluster) in (0..).zip(&self.matching.clusters) {
            let best = &mut first[*cluster as usize];
            if order(record) < order(*best) {
                *best = record;
            }
        }
        self.matching.clusters.iter().map(|cluster| first[*cluster as usize]).collect()
    }

    /// Names and types of [`Self::pairs`].
    pub fn pairs_schema(&self) -> Result<SchemaRef, ArrowError> {
        Ok(self.pairs_batch(&[])?.schema())
    }

    /// The compared pairs, most probable first: `id_a`, `id_b`, with two files `file_a` and `file_b`, `probability`, `match_weight`, and by
    /// comparison its level in words.
    pub fn pairs(&self) -> impl Iterator<Item = Result<RecordBatch, ArrowError>> + '_ {
        let mut pairs = self.matching.pairs.clone();
        let probability = |pair: &Pair| self.matching.probabilities[pair.pattern as usize];
        pairs.sort_unstable_by(|x, y| probability(y).total_cmp(&probability(x)).then((x.a, x.b).cmp(&(y.a, y.b))));
        let batches = pairs.len().div_ceil(BATCH);
        (0..batches).map(move |at| self.pairs_batch(&pairs[at * BATCH..pairs.len().min((at + 1) * BATCH)]))
    }

    fn pairs_batch(&self, pairs: &[Pair]) -> Result<RecordBatch, ArrowError> {
        let records = |of: fn(&Pair) -> u32| UInt32Array::from_iter_values(pairs.iter().map(of));
        let (a, b) = (records(|pair| pair.a), records(|pair| pair.b));
        let mut columns: Vec<(&str, ArrayRef)> = vec![("id_a", take(&self.ids, &a, None)?), ("id_b", take(&self.ids, &b, None)?)];
        if let Some(parts) = &self.parts {
            let files = |records: &UInt32Array| -> ArrayRef {
                Arc::new(UInt8Array::from_iter_values(records.values().iter().map(|record| parts[*record as usize] + 1)))
            };
            columns.extend([("file_a", files(&a)), ("file_b", files(&b))]);
        }
        let probabilities = || pairs.iter().map(|pair| self.matching.probabilities[pair.pattern as usize]);
        columns.push(("probability", Arc::new(Float64Array::from_iter_values(probabilities()))));
        columns.push(("match_weight", Arc::new(Float64Array::from_iter_values(probabilities().map(match_weight)))));
        let names: Vec<String> =
            self.matching.comparisons.iter().map(|comparison| format!("level_{}", comparison.name)).collect();
        for ((place, comparison), name) in self.matching.comparisons.iter().enumerate().zip(&names) {
            let level = |pair: &Pair| level(self.matching.patterns[pair.pattern as usize], place);
            let levels = UInt8Array::from_iter_values(pairs.iter().map(level));
            let labels = Arc::new(StringArray::from_iter_values(&comparison.labels));
            columns.push((name, Arc::new(DictionaryArray::<UInt8Type>::try_new(levels, labels)?)));
        }
        batch(columns)
    }
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> Result<RecordBatch, ArrowError> {
    let fields: Vec<Field> = columns.iter().map(|(name, column)| Field::new(*name, column.data_type().clone(), false)).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns.into_iter().map(|(_, column)| column).collect())
}
