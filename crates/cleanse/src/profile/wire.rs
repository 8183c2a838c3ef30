//! A profile as JSON text, as tables keep it: what two profiles need in order to be merged and compared, and no value.
//!
//! A word becomes `#` and the 16 hexadecimal digits of its hash: equal words stay equal, so that distributions can be compared, and nobody
//! reads them. A word that has this form already is kept, so that text → profile → text changes nothing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::{Profile, TOP};
use crate::sketch::{Distinct, Heavy, Histogram};

#[derive(Serialize, Deserialize)]
struct Wire {
    n: u64,
    nulls: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    invalid: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    numbers: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    integers: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    booleans: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    times: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lowest: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    highest: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    min_length: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_length: Option<u32>,
    #[serde(default, skip_serializing_if = "is_zero")]
    total_length: u64,
    distinct: String,
    top: Vec<(String, u64)>,
    #[serde(default, skip_serializing_if = "is_zero")]
    top_error: u64,
    shapes: BTreeMap<String, u64>,
    histogram: Vec<(i32, u64)>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// The word as a profile in a table names it.
fn hashed(word: &str) -> String {
    let is_hash = word.len() == 17 && word.starts_with('#') && word[1..].bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hash { word.to_owned() } else { format!("#{:016x}", xxh3_64(word.as_bytes())) }
}

impl Profile {
    /// The profile as JSON text without a value.
    ///
    /// # Panics
    /// Never: plain data serialises.
    pub fn to_json(&self) -> String {
        let mut top: Vec<(String, u64)> = self.top.top().into_iter().map(|(word, count)| (hashed(word), count)).collect();
        // Equal counts in the order of what is written, not of words that nobody sees.
        top.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let wire = Wire {
            n: self.n,
            nulls: self.nulls,
            invalid: self.invalid,
            numbers: self.numbers,
            integers: self.integers,
            booleans: self.booleans,
            times: self.times,
            lowest: self.lowest,
            highest: self.highest,
            min_length: self.min_length,
            max_length: self.max_length,
            total_length: self.total_length,
            distinct: self.distinct.to_text(),
            top,
            top_error: self.top.error(),
            shapes: self.shapes.clone(),
            histogram: self.histogram.buckets().collect(),
        };
        serde_json::to_string(&wire).expect("plain data serialises")
    }

    /// Reads [`Self::to_json`]; `None` for anything else.
    pub fn from_json(text: &str) -> Option<Self> {
        let wire: Wire = serde_json::from_str(text).ok()?;
        Some(Self {
            n: wire.n,
            nulls: wire.nulls,
            invalid: wire.invalid,
            min: None,
            max: None,
            min_length: wire.min_length,
            max_length: wire.max_length,
            total_length: wire.total_length,
            numbers: wire.numbers,
            integers: wire.integers,
            booleans: wire.booleans,
            times: wire.times,
            lowest: wire.lowest,
            highest: wire.highest,
            distinct: Distinct::from_text(&wire.distinct)?,
            top: Heavy::of_counts(TOP, wire.top, wire.top_error),
            shapes: wire.shapes,
            histogram: Histogram::of_buckets(wire.histogram),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn profile<'a>(values: impl IntoIterator<Item = Option<&'a str>>) -> Profile {
        let mut profile = Profile::default();
        values.into_iter().for_each(|value| profile.add(value, true));
        profile
    }

    #[test]
    fn no_value_is_in_the_text() {
        let text = profile([Some("ann@example.org"), Some("ann@example.org"), Some("Zoë Winter"), None]).to_json();
        assert!(!text.contains("ann") && !text.contains("Winter"), "{text}");
        assert_eq!(Profile::from_json("{}"), None);
        assert_eq!(Profile::from_json("no json"), None);
    }

    proptest! {
        #[test]
        fn what_is_read_again_merges_and_compares_like_the_original(
            values in prop::collection::vec(prop::option::of("[a-c]{1,2}|-?[0-9]{1,3}(\\.5)?|true|2026-01-31"), 0..80),
            cut in 0_usize..80,
        ) {
            let refs: Vec<Option<&str>> = values.iter().map(Option::as_deref).collect();
            let whole = profile(refs.iter().copied());
            let read = Profile::from_json(&whole.to_json()).unwrap();
            prop_assert_eq!(read.to_json(), whole.to_json());
            prop_assert_eq!((read.n, read.nulls, read.kind(), read.lowest), (whole.n, whole.nulls, whole.kind(), whole.lowest));
            prop_assert!((read.distinct() - whole.distinct()).abs() < 1e-9);
            let cut = cut.min(refs.len());
            let mut left = Profile::from_json(&profile(refs[..cut].iter().copied()).to_json()).unwrap();
            left.merge(&Profile::from_json(&profile(refs[cut..].iter().copied()).to_json()).unwrap());
            if whole.distinct() < 50.0 {
                prop_assert_eq!(left.to_json(), whole.to_json());
            }
        }
    }
}
