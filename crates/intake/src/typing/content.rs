//! What a fact says, as one number: two facts of the same id are duplicates when these are equal.
//!
//! XXH3 over the stored columns, chained: each non-null value is hashed with the hash so far and its column's name, so
//! that the same text in another column counts as other content, while a nullable column that a later version adds
//! leaves old hashes as they are. Not part of it is whatever does not come from the row: when and where it arrived, the
//! subject (derived), the flags (a later version may know more of them) and filled-in defaults of those kinds.
//!
//! Hashed is what was said, before cleansing: the caller gives the columns that stand for those which cleansing changed. A better
//! cleaner stores other values for the same rows, and they are duplicates all the same.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType};
use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// Columns that are never content.
const OUTSIDE: &[&str] =
    &["source", "subject", "content", "received_at", "file", "row_no", "quality", "utc_offset_min", "raw", "derived"];

/// Columns that are hashed in the place of one that was changed, by its position.
pub type Said = FxHashMap<usize, Vec<ArrayRef>>;

/// One hash per row over the columns of `batch` that are content, or what was `said` in their place; `more_outside` are further ones that
/// are not.
pub fn hashes(batch: &RecordBatch, said: &Said, more_outside: &[&str]) -> Vec<u64> {
    let mut hashes = vec![0_u64; batch.num_rows()];
    for (at, (field, column)) in batch.schema().fields().iter().zip(batch.columns()).enumerate() {
        let name = field.name().as_str();
        if OUTSIDE.contains(&name) || more_outside.contains(&name) || name.starts_with("p_") {
            continue;
        }
        let said = said.get(&at).map_or(std::slice::from_ref(column), Vec::as_slice);
        for column in said.iter().filter(|column| column.null_count() < column.len()) {
            mix(column, xxh3_64(name.as_bytes()), &mut hashes);
        }
    }
    hashes
}

fn mix(column: &ArrayRef, tag: u64, hashes: &mut [u64]) {
    macro_rules! fixed {
        ($kind:ty) => {{
            let values = column.as_primitive::<$kind>();
            for (row, hash) in hashes.iter_mut().enumerate().filter(|(row, _)| values.is_valid(*row)) {
                *hash = xxh3_64_with_seed(&values.value(row).to_le_bytes(), *hash ^ tag);
            }
        }};
    }
    match column.data_type() {
        DataType::Utf8 => {
            let values = column.as_string::<i32>();
            for (row, hash) in hashes.iter_mut().enumerate().filter(|(row, _)| values.is_valid(*row)) {
                *hash = xxh3_64_with_seed(values.value(row).as_bytes(), *hash ^ tag);
            }
        }
        DataType::Timestamp(..) => fixed!(TimestampMicrosecondType),
        DataType::Int64 => fixed!(Int64Type),
        DataType::Int32 => fixed!(Int32Type),
        DataType::Date32 => fixed!(Date32Type),
        DataType::Float64 => fixed!(Float64Type),
        DataType::Decimal128(..) => fixed!(Decimal128Type),
        DataType::Boolean => {
            let values = column.as_boolean();
            for (row, hash) in hashes.iter_mut().enumerate().filter(|(row, _)| values.is_valid(*row)) {
                *hash = xxh3_64_with_seed(&[u8::from(values.value(row))], *hash ^ tag);
            }
        }
        DataType::List(_) => mix_list(column, tag, hashes),
        other => unreachable!("no fact table has a column of type {other}"),
    }
}

fn mix_list(column: &ArrayRef, tag: u64, hashes: &mut [u64]) {
    let list = column.as_list::<i32>();
    let offsets: &OffsetBuffer<i32> = list.offsets();
    let texts: Vec<&StringArray> = match list.values().as_struct_opt() {
        Some(items) => items.columns().iter().map(AsArray::as_string::<i32>).collect(),
        None => vec![list.values().as_string::<i32>()],
    };
    for (row, hash) in hashes.iter_mut().enumerate().filter(|(row, _)| list.is_valid(*row)) {
        for at in offsets[row] as usize..offsets[row + 1] as usize {
            for text in &texts {
                let value = if text.is_valid(at) { text.value(at) } else { "" };
                *hash = xxh3_64_with_seed(value.as_bytes(), *hash ^ tag);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn hash(columns: &[(&str, Option<&str>)]) -> u64 {
        let columns = columns.iter().map(|(name, value)| (*name, Arc::new(StringArray::from(vec![*value])) as ArrayRef, true));
        hashes(&RecordBatch::try_from_iter_with_nullable(columns).unwrap(), &Said::default(), &["valid_from"])[0]
    }

    #[test]
    fn content_is_what_the_row_says() {
        let base = hash(&[("name", Some("a")), ("team", Some("b"))]);
        assert_ne!(base, hash(&[("name", Some("a")), ("team", Some("c"))]));
        assert_ne!(base, hash(&[("name", Some("a")), ("location", Some("b"))]), "another column");
        assert_ne!(base, hash(&[("name", Some("ab")), ("team", None)]), "another cut");
        assert_eq!(base, hash(&[("name", Some("a")), ("team", Some("b")), ("later_column", None)]));
        assert_eq!(base, hash(&[("name", Some("a")), ("team", Some("b")), ("file", Some("f")), ("valid_from", Some("x"))]));
    }
}
