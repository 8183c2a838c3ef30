//! Further properties as one JSON object per fact: the column `properties` (`attributes` of records) and every column
//! `property_<name>`, in that order, nulls left out.
//!
//! Text is escaped, numbers and truth values keep their type, nested values go through Arrow's JSON encoder. Given JSON
//! is kept as it is written, once it is an object. A value above 32 KB fails its fact.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, StringArray};
use arrow::datatypes::{DataType, Field, FieldRef};
use arrow::json::writer::{EncoderOptions, NullableEncoder, make_encoder};
use rustc_hash::FxHashMap;
use serde_json::value::RawValue;

use super::faults::{Faults, Reason};
use super::{convert, json};
use crate::reader::TextColumn;

/// Largest property in bytes.
pub const PROPERTY_LIMIT: usize = 32 * 1024;

/// Words outside a vocabulary, kept per row as (property, word).
pub type Originals = FxHashMap<usize, Vec<(&'static str, String)>>;

/// Words outside a vocabulary: those that are kept, and those that were said where that is another thing.
#[derive(Clone, Copy)]
pub struct Words<'a> {
    /// Kept.
    pub kept: &'a Originals,
    /// Said.
    pub said: Option<&'a Originals>,
}

/// Objects as they are stored, and as they were said where that is another thing.
pub struct Built {
    /// Stored.
    pub kept: ArrayRef,
    /// Said.
    pub said: Option<ArrayRef>,
}

/// Builds the object column. `whole` is the column of whole objects, `single` are those of one property each.
///
/// # Panics
/// Never: writing JSON to memory does not fail.
pub fn build(whole: Option<(&str, &ArrayRef)>, single: &[(&str, &ArrayRef)], words: Words, faults: &mut Faults) -> Built {
    let rows = faults.len();
    let options = EncoderOptions::default();
    let whole = whole.map(|(name, column)| (name, objects(column)));
    let fields: Vec<FieldRef> =
        single.iter().map(|(name, column)| Arc::new(Field::new(*name, column.data_type().clone(), true))).collect();
    let mut writers: Vec<(Vec<u8>, Writer)> = Vec::with_capacity(single.len());
    for ((name, column), field) in single.iter().zip(&fields) {
        let mut key = serde_json::to_vec(name).expect("a name is text");
        key.push(b':');
        writers.push((key, Writer::of(column, field, &options)));
    }
    let mut kept = TextColumn::with_capacity(rows);
    let mut said = words.said.map(|said| (said, TextColumn::with_capacity(rows)));
    let (mut object, mut end): (Vec<u8>, Vec<u8>) = Default::default();
    for row in 0..rows {
        object.clear();
        if let Some((name, whole)) = whole.as_ref().filter(|(_, whole)| whole.is_valid(row)) {
            take_object(whole.value(row), name, row, &mut object, faults);
        }
        for ((name, _), (key, writer)) in single.iter().zip(&mut writers) {
            if writer.is_null(row) {
                continue;
            }
            open(&mut object);
            object.extend_from_slice(key);
            let start = object.len();
            writer.write(row, &mut object);
            if object.len() - start > PROPERTY_LIMIT {
                faults.fail(row, Reason::PropertyTooLarge, name);
            }
        }
        if let Some((originals, said)) = &mut said {
            end.clone_from(&object);
            close(&mut end, originals.get(&row), said);
        }
        close(&mut object, words.kept.get(&row), &mut kept);
    }
    Built { kept: kept.finish(), said: said.map(|(_, said)| said.finish()) }
}

/// Ends the object with `words` and puts it into `column`.
fn close(object: &mut Vec<u8>, words: Option<&Vec<(&'static str, String)>>, column: &mut TextColumn) {
    for (name, word) in words.into_iter().flatten() {
        open(object);
        object.extend_from_slice(format!("\"{name}\":").as_bytes());
        json::text(word, object);
    }
    if object.is_empty() {
        return column.push_null();
    }
    object.push(b'}');
    column.push(object);
}

/// Begins the object, or its next entry.
fn open(object: &mut Vec<u8>) {
    match object.last() {
        None => object.push(b'{'),
        Some(b'{') => {}
        Some(_) => object.push(b','),
    }
}

/// Copies a JSON object without its closing brace.
fn take_object(text: &str, name: &str, row: usize, object: &mut Vec<u8>, faults: &mut Faults) {
    let text = text.trim();
    if text.is_empty() || text == "null" {
        return;
    }
    let valid = text.starts_with('{') && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
    if !valid {
        return faults.fail(row, Reason::InvalidJson, name);
    }
    if text.len() > PROPERTY_LIMIT {
        let entries: FxHashMap<String, &RawValue> = serde_json::from_str(text).unwrap_or_default();
        if entries.values().any(|value| value.get().len() > PROPERTY_LIMIT) {
            return faults.fail(row, Reason::PropertyTooLarge, name);
        }
    }
    let inner = text[..text.len() - 1].trim_end();
    if inner.len() > 1 {
        object.extend_from_slice(inner.as_bytes());
    }
}

/// A column of whole objects as JSON text.
fn objects(column: &ArrayRef) -> StringArray {
    if !matches!(column.data_type(), DataType::Struct(_) | DataType::Map(..)) {
        return convert::text(column);
    }
    let field = Arc::new(Field::new("properties", column.data_type().clone(), true));
    let options = EncoderOptions::default();
    let Ok(mut encoder) = make_encoder(&field, column.as_ref(), &options) else { return StringArray::new_null(column.len()) };
    let mut text = Vec::new();
    (0..column.len())
        .map(|row| {
            text.clear();
            if encoder.is_null(row) {
                return None;
            }
            encoder.encode(row, &mut text);
            String::from_utf8(text.clone()).ok()
        })
        .collect()
}

enum Writer<'a> {
    Text(StringArray),
    Other(NullableEncoder<'a>),
}

impl<'a> Writer<'a> {
    fn of(column: &'a ArrayRef, field: &'a FieldRef, options: &'a EncoderOptions) -> Self {
        match column.data_type() {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => Self::Text(convert::text(column)),
            _ => match make_encoder(field, column.as_ref(), options) {
                Ok(encoder) => Self::Other(encoder),
                Err(_) => Self::Text(convert::text(column)),
            },
        }
    }

    fn is_null(&self, row: usize) -> bool {
        match self {
            Self::Text(text) => text.is_null(row),
            Self::Other(encoder) => encoder.is_null(row),
        }
    }

    fn write(&mut self, row: usize, out: &mut Vec<u8>) {
        match self {
            Self::Text(text) => json::text(text.value(row), out),
            Self::Other(encoder) => encoder.encode(row, out),
        }
    }
}

/// The property `name` of every object, as text; null where it is missing.
pub fn extract(objects: &ArrayRef, name: &str) -> ArrayRef {
    let objects = self::objects(objects);
    let values = objects.iter().map(|object| {
        let entries: FxHashMap<String, &RawValue> = serde_json::from_str(object?).ok()?;
        let value = entries.get(name)?.get();
        match value {
            "null" => None,
            text if text.starts_with('"') => serde_json::from_str::<String>(text).ok(),
            other => Some(other.to_owned()),
        }
    });
    Arc::new(values.collect::<StringArray>())
}

#[cfg(test)]
mod tests {
    use arrow::array::{AsArray, Int64Array};

    use super::*;

    #[test]
    fn properties_join_into_one_object() {
        let whole: ArrayRef = Arc::new(StringArray::from(vec![Some(r#"{"a": 1}"#), Some("{ }"), None, Some("[1]"), None]));
        let text: ArrayRef = Arc::new(StringArray::from(vec![Some("x\"y"), None, Some("z"), None, None]));
        let number: ArrayRef = Arc::new(Int64Array::from(vec![Some(7), Some(8), None, None, None]));
        let mut faults = Faults::new(5);
        let originals = Originals::from_iter([(2, vec![("channel", "Fax".to_owned())])]);
        let said = Originals::from_iter([(1, vec![("channel", "Telefax".to_owned())])]);
        let words = Words { kept: &originals, said: Some(&said) };
        let Built { kept, said } = build(Some(("properties", &whole)), &[("t", &text), ("n", &number)], words, &mut faults);
        let built: Vec<Option<&str>> = kept.as_string::<i32>().iter().collect();
        let expected =
            [Some(r#"{"a": 1,"t":"x\"y","n":7}"#), Some(r#"{"n":8}"#), Some(r#"{"t":"z","channel":"Fax"}"#), None, None];
        assert_eq!(built, expected);
        let said = said.unwrap();
        let said: Vec<Option<&str>> = said.as_string::<i32>().iter().collect();
        let expected =
            [Some(r#"{"a": 1,"t":"x\"y","n":7}"#), Some(r#"{"n":8,"channel":"Telefax"}"#), Some(r#"{"t":"z"}"#), None, None];
        assert_eq!(said, expected);
        assert_eq!(faults.failures().map(|(row, code, _)| (row, code)).collect::<Vec<_>>(), [(3, "invalid_json")]);
        assert_eq!(extract(&whole, "a").as_string::<i32>().value(0), "1");
    }

    #[test]
    fn a_property_above_the_limit_fails_its_fact_only() {
        let large = "x".repeat(PROPERTY_LIMIT + 1);
        let whole: ArrayRef = Arc::new(StringArray::from(vec![format!(r#"{{"a":"{large}"}}"#), "{}".into()]));
        let text: ArrayRef = Arc::new(StringArray::from(vec!["ok", large.as_str()]));
        let mut faults = Faults::new(2);
        let words = Words { kept: &Originals::default(), said: None };
        build(Some(("properties", &whole)), &[("t", &text)], words, &mut faults);
        let found: Vec<_> = faults.failures().collect();
        assert_eq!(found[0], (0, "property_too_large", "properties is larger than 32 KB".into()));
        assert_eq!(found[1], (1, "property_too_large", "t is larger than 32 KB".into()));
    }
}
