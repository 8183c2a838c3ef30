//! Text columns under construction: the flat buffers of Arrow, filled without an allocation per value.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, NullBufferBuilder, RecordBatch, StringArray};
use arrow::buffer::{Buffer, OffsetBuffer, ScalarBuffer};
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

/// The first row of `batch` as a JSON object, without [`ROW`] and without nulls; empty when there is no row.
pub fn row_as_json(batch: &RecordBatch) -> String {
    if batch.num_rows() == 0 {
        return String::new();
    }
    let mut object = Map::new();
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        if field.name() == ROW || column.is_null(0) {
            continue;
        }
        let text = ArrayFormatter::try_new(column.as_ref(), &FormatOptions::default())
            .and_then(|formatter| formatter.value(0).try_to_string());
        object.insert(field.name().clone(), text.map_or(Value::Null, Value::String));
    }
    Value::Object(object).to_string()
}
