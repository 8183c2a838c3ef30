//! Text columns under construction: the flat buffers of Arrow, filled without an allocation per value.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, NullBufferBuilder, RecordBatch, StringArray};
use arrow::buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use arrow::json::WriterBuilder;
use arrow::json::writer::LineDelimited;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use serde_json::{Map, Value};

use super::ROW;

/// A text column under construction.
pub struct TextColumn {
    offsets: Vec<i32>,
    values: Vec<u8>,
    nulls: NullBufferBuilder,
}

impl Default for TextColumn {
    fn default() -> Self {
        Self::with_capacity(0)
    }
}

impl TextColumn {
    /// An empty column with room for `rows` short values.
    pub fn with_capacity(rows: usize) -> Self {
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        Self { offsets, values: Vec::with_capacity(rows * 12), nulls: NullBufferBuilder::new(rows) }
    }

    /// Appends a value, which must be UTF-8.
    pub fn push(&mut self, value: &[u8]) {
        self.values.extend_from_slice(value);
        self.offsets.push(self.values.len() as i32);
        self.nulls.append_non_null();
    }

    /// Appends a null.
    pub fn push_null(&mut self) {
        self.offsets.push(self.values.len() as i32);
        self.nulls.append_null();
    }

    /// The array.
    pub fn finish(mut self) -> ArrayRef {
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.offsets));
        let array = StringArray::try_new(offsets, Buffer::from_vec(self.values), self.nulls.finish());
        Arc::new(array.expect("every value was checked to be UTF-8"))
    }
}

/// The first row of `batch` as a JSON object, without [`ROW`]; empty when there is no row. A null stands in it, so that the object says
/// which columns there were.
pub fn row_as_json(batch: &RecordBatch) -> String {
    if batch.num_rows() == 0 {
        return String::new();
    }
    let schema = batch.schema();
    let places: Vec<usize> = (0..batch.num_columns()).filter(|at| schema.field(*at).name() != ROW).collect();
    let row = batch.slice(0, 1).project(&places).expect("the places are its own");
    let mut writer = WriterBuilder::new().with_explicit_nulls(true).build::<_, LineDelimited>(Vec::new());
    if writer.write(&row).and_then(|()| writer.finish()).is_ok()
        && let Ok(mut text) = String::from_utf8(writer.into_inner())
    {
        text.truncate(text.trim_ascii_end().len());
        return text;
    }
    // A type that JSON has no form for: everything in words.
    let mut object = Map::new();
    for (field, column) in row.schema().fields().iter().zip(row.columns()) {
        let text = ArrayFormatter::try_new(column.as_ref(), &FormatOptions::default())
            .and_then(|formatter| formatter.value(0).try_to_string());
        object.insert(field.name().clone(), text.ok().filter(|_| column.is_valid(0)).map_or(Value::Null, Value::String));
    }
    Value::Object(object).to_string()
}
