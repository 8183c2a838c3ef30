//! What the fields of a chunk looked like: how many values, missing ones, unreadable ones, repaired ones.
//!
//! Counted over all facts that the mapping made, those that are quarantined included: a field whose values do not fit is worse, not
//! smaller. The four add up: `n - nulls` values were given, `invalid` of them are none of their kind, `changed` of the others
//! were repaired.

use std::borrow::Cow;

use arrow::array::{Array, ArrayRef};

use super::convert;

/// Counts of one field: a column of the table, or `identifier_<type>`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldCounts {
    /// The field.
    pub field: Cow<'static, str>,
    /// Facts.
    pub n: u64,
    /// Those in which nothing was given.
    pub nulls: u64,
    /// Values that could not be read, or stand for nothing: null or a fallback is stored, or the fact is in quarantine.
    pub invalid: u64,
    /// Values that cleansing repaired.
    pub changed: u64,
}

impl FieldCounts {
    /// Nothing counted yet of `n` facts.
    pub fn of(field: impl Into<Cow<'static, str>>, n: usize) -> Self {
        Self { field: field.into(), n: n as u64, ..Self::default() }
    }
}

/// How many rows of a given column say nothing: null, blank, or one of the words for nothing.
pub fn nulls(given: &ArrayRef) -> u64 {
    let nulls = match given.as_any().downcast_ref::<arrow::array::StringArray>() {
        Some(text) if text.null_count() < text.len() => {
            (0..text.len()).filter(|row| convert::present(text, *row).is_none()).count()
        }
        _ => given.null_count(),
    };
    nulls as u64
}
