//! Both conservation equations as rows of `accounting`, and the sums of this and other tables of counters.
//!
//! A chunk brings one row for its rows equation and one for each target. Live sources have many small chunks; the sealer
//! adds up what one seal holds of a batch, target and file, so that the table grows by seals and not by requests. All
//! counters are sums, so nothing is lost by it: `chunk` becomes the first of those added up. The same holds for `field_quality` and
//! `checks`; a row that carries a profile, which this crate cannot add up, stays as it is.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringArray, new_null_array};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::{DataType, Int64Type, TimestampMicrosecondType};
use arrow::error::ArrowError;
use clew_model::Timestamp;

use crate::chunk::{Chunk, FactCounts};
use crate::conflict::{instants, same};
use crate::schema::schema;

/// The rows equation (target null) and one facts equation a target.
pub(crate) fn accounting(
    chunk: &Chunk,
    facts: &BTreeMap<&'static str, FactCounts>,
    at: Timestamp,
) -> Result<RecordBatch, ArrowError> {
    let schema = schema("accounting").expect("the model has this table");
    let n = facts.len() + 1;
    // The first row is the rows equation: it has no facts, the others have no rows.
    let rows = |count: u64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values((0..n).map(|i| if i == 0 { count as i64 } else { 0 })))
    };
    let of = |count: fn(&FactCounts) -> u64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(std::iter::once(0).chain(facts.values().map(|facts| count(facts) as i64))))
    };
    let columns: Vec<ArrayRef> = schema
        .fields()
        .iter()
        .map(|field| -> ArrayRef {
            match field.name().as_str() {
                "source" => same(Some(&chunk.source), n),
                "batch" => same(Some(chunk.batch.as_str()), n),
                "chunk" => Arc::new(Int64Array::from(vec![chunk.chunk; n])),
                "target" => Arc::new(std::iter::once(None).chain(facts.keys().map(|name| Some(*name))).collect::<StringArray>()),
                "file" => same(chunk.file.as_ref(), n),
                "rows_read" => rows(chunk.rows.read),
                "rows_mapped" => rows(chunk.rows.mapped),
                "rows_skipped" => rows(chunk.rows.skipped),
                "rows_unreadable" => rows(chunk.rows.unreadable),
                "produced" => of(|facts| facts.produced),
                "stored" => of(|facts| facts.stored),
                "duplicate" => of(|facts| facts.duplicate),
                "quarantined" => of(|facts| facts.quarantined),
                "rejected" => of(|facts| facts.rejected),
                "at" => instants(at, n),
                _ => new_null_array(field.data_type(), n),
            }
        })
        .collect();
    RecordBatch::try_new(schema, columns)
}

/// The tables of counters and the columns that tell which rows of theirs are added up.
const SUMMED: &[(&str, &[&str])] = &[
    ("accounting", &["source", "batch", "target", "file"]),
    ("field_quality", &["source", "batch", "target", "field"]),
    ("checks", &["source", "batch", "rule", "target", "field", "severity"]),
];

/// The rows of `batches` with those of equal keys added up, in the order of their first; `None` for a table that counts nothing.
pub(crate) fn summed(table: &str, batches: &[RecordBatch]) -> Option<Result<RecordBatch, ArrowError>> {
    let (name, keys) = SUMMED.iter().find(|(name, _)| *name == table)?;
    let schema = schema(name).expect("the model has this table");
    Some(concat_batches(&schema, batches).and_then(|all| add_up(&all, keys)))
}

fn add_up(all: &RecordBatch, keys: &[&str]) -> Result<RecordBatch, ArrowError> {
    let schema = all.schema();
    let text = |name: &&str| all.column_by_name(name).expect("a column of the table").as_string::<i32>();
    let columns: Vec<_> = keys.iter().map(text).collect();
    let profiles = all.column_by_name("profile");
    let key = |row: usize| {
        let stays = profiles.filter(|profiles| profiles.is_valid(row)).map(|_| row);
        let words: Vec<_> = columns.iter().map(|column| column.is_valid(row).then(|| column.value(row))).collect();
        (words, stays)
    };
    let mut places: BTreeMap<_, usize> = BTreeMap::new();
    let mut first: Vec<u64> = Vec::new();
    let groups: Vec<usize> = (0..all.num_rows())
        .map(|row| {
            *places.entry(key(row)).or_insert_with(|| {
                first.push(row as u64);
                first.len() - 1
            })
        })
        .collect();
    if first.len() == all.num_rows() {
        return Ok(all.clone());
    }
    let heads = take_record_batch(all, &arrow::array::UInt64Array::from(first))?;
    let n = heads.num_rows();
    let columns = schema.fields().iter().enumerate().map(|(at, field)| -> ArrayRef {
        match field.data_type() {
            DataType::Timestamp(..) => {
                let values = all.column(at).as_primitive::<TimestampMicrosecondType>().values();
                let mut newest = vec![i64::MIN; n];
                groups.iter().zip(values).for_each(|(group, value)| newest[*group] = newest[*group].max(*value));
                Arc::new(arrow::array::TimestampMicrosecondArray::from(newest).with_timezone("UTC"))
            }
            DataType::Int64 => {
                let values = all.column(at).as_primitive::<Int64Type>().values();
                let is_chunk = field.name() == "chunk";
                let mut out = vec![if is_chunk { i64::MAX } else { 0 }; n];
                for (group, value) in groups.iter().zip(values) {
                    out[*group] = if is_chunk { out[*group].min(*value) } else { out[*group] + value };
                }
                Arc::new(Int64Array::from(out))
            }
            _ => Arc::clone(heads.column(at)),
        }
    });
    RecordBatch::try_new(Arc::clone(&schema), columns.collect())
}

#[cfg(test)]
mod tests {
    use clew_model::BatchId;

    use super::*;
    use crate::chunk::{Mode, RowCounts};

    fn rows(source: &str, number: i64, read: u64, stored: u64) -> RecordBatch {
        let mut chunk = Chunk::new(source, BatchId::new(source, 1), number, Mode::Append);
        chunk.rows = RowCounts { read, mapped: read, ..RowCounts::default() };
        let counts = FactCounts { produced: stored, stored, ..FactCounts::default() };
        accounting(&chunk, &BTreeMap::from([("events", counts)]), Timestamp::from_micros(number * 10)).unwrap()
    }

    #[test]
    fn chunks_of_one_batch_become_one_row_per_equation_and_keep_their_sums() {
        let summed = summed("accounting", &[rows("web", 3, 10, 8), rows("app", 0, 1, 1), rows("web", 4, 5, 5)]).unwrap().unwrap();
        let numbers = |name: &str| summed.column_by_name(name).unwrap().as_primitive::<Int64Type>().values().to_vec();
        assert_eq!(summed.num_rows(), 4, "two equations of two sources");
        assert_eq!(numbers("rows_read"), [15, 0, 1, 0]);
        assert_eq!(numbers("stored"), [0, 13, 0, 1]);
        assert_eq!(numbers("chunk"), [3, 3, 0, 0]);
        let at = summed.column_by_name("at").unwrap().as_primitive::<TimestampMicrosecondType>();
        assert_eq!(at.values().to_vec(), [40, 40, 0, 0]);
    }

    #[test]
    fn one_chunk_stays_as_it_is() {
        let one = rows("web", 3, 10, 8);
        assert_eq!(summed("accounting", std::slice::from_ref(&one)).unwrap().unwrap(), one);
        assert!(summed("events", &[one]).is_none());
    }

    #[test]
    fn a_row_with_a_profile_stays_beside_the_sum_of_the_others() {
        let schema = schema("field_quality").unwrap();
        let row = |chunk: i64, n: i64, profile: Option<&str>| {
            let columns = schema.fields().iter().map(|field| -> ArrayRef {
                match field.name().as_str() {
                    "chunk" => Arc::new(Int64Array::from(vec![chunk])),
                    "n" => Arc::new(Int64Array::from(vec![n])),
                    "profile" => Arc::new(StringArray::from(vec![profile])),
                    "target" => Arc::new(StringArray::from(vec![None::<&str>])),
                    "at" => instants(Timestamp::from_micros(chunk), 1),
                    _ if *field.data_type() == DataType::Int64 => Arc::new(Int64Array::from(vec![0])),
                    _ => same(Some("x"), 1),
                }
            });
            RecordBatch::try_new(Arc::clone(&schema), columns.collect()).unwrap()
        };
        let found = summed("field_quality", &[row(5, 10, None), row(6, 7, Some("{}")), row(4, 2, None)]).unwrap().unwrap();
        let numbers = |name: &str| found.column_by_name(name).unwrap().as_primitive::<Int64Type>().values().to_vec();
        assert_eq!((numbers("n"), numbers("chunk")), (vec![12, 7], vec![4, 6]));
    }
}
