//! Columns in and out: from query results to slices that the pure crates take, and back to rows of a table.
//!
//! [`TableRows`] builds a batch of a table by column name and refuses a wrong name, type or length, so that the schema of
//! a derived table stands in one place only (`clew_model::tables`). [`Dictionary`] encodes strings once: the pure crates
//! see dense codes.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, Float64Array, Int64Array, ListArray, ListBuilder, RecordBatch,
    StringArray, StringBuilder, TimestampMicrosecondArray, new_null_array,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal128Type, Field, Float64Type, Int64Type, SchemaRef, TimeUnit, TimestampMicrosecondType};
use arrow::error::ArrowError;
use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;
use std::hash::BuildHasher;

/// "No value" among codes.
pub const NONE: u32 = u32::MAX;

/// Distinct strings in order of first sight, and their codes.
#[derive(Debug, Default)]
pub struct Dictionary {
    values: Vec<String>,
    table: HashTable<u32>,
}

impl Dictionary {
    /// The code of `value`, new if it was not there.
    pub fn code(&mut self, value: &str) -> u32 {
        let hash = FxBuildHasher.hash_one(value);
        let values = &self.values;
        if let Some(&code) = self.table.find(hash, |&code| values[code as usize] == value) {
            return code;
        }
        let code = self.values.len() as u32;
        self.values.push(value.to_owned());
        let values = &self.values;
        self.table.insert_unique(hash, code, |&code| FxBuildHasher.hash_one(values[code as usize].as_str()));
        code
    }

    /// The code of `value`, if it is there.
    pub fn find(&self, value: &str) -> Option<u32> {
        self.table.find(FxBuildHasher.hash_one(value), |&code| self.values[code as usize] == value).copied()
    }

    /// Codes of a text column, [`NONE`] for null.
    pub fn codes(&mut self, column: &StringArray) -> Vec<u32> {
        column.iter().map(|value| value.map_or(NONE, |value| self.code(value))).collect()
    }

    /// The values by code.
    pub fn values(&self) -> &[String] {
        &self.values
    }

    /// The values by code.
    pub fn into_values(self) -> Vec<String> {
        self.values
    }
}

/// The values of a dictionary by code, borrowed.
pub fn words(dictionary: &Dictionary) -> Vec<&str> {
    dictionary.values().iter().map(String::as_str).collect()
}

/// The columns of a query result by name, cast to the types that the steps work with.
#[derive(Debug)]
pub struct Columns<'a>(pub &'a RecordBatch);

impl Columns<'_> {
    fn array(&self, name: &str, kind: &DataType) -> Result<ArrayRef, ArrowError> {
        let column =
            self.0.column_by_name(name).ok_or_else(|| ArrowError::SchemaError(format!("the query gave no column {name}")))?;
        if column.data_type() == kind { Ok(Arc::clone(column)) } else { cast(column, kind) }
    }

    /// A text column.
    pub fn text(&self, name: &str) -> Result<StringArray, ArrowError> {
        Ok(self.array(name, &DataType::Utf8)?.as_string::<i32>().clone())
    }

    /// An integer column.
    pub fn int(&self, name: &str) -> Result<Int64Array, ArrowError> {
        Ok(self.array(name, &DataType::Int64)?.as_primitive::<Int64Type>().clone())
    }

    /// A floating point column.
    pub fn float(&self, name: &str) -> Result<Float64Array, ArrowError> {
        Ok(self.array(name, &DataType::Float64)?.as_primitive::<Float64Type>().clone())
    }

    /// A boolean column.
    pub fn boolean(&self, name: &str) -> Result<BooleanArray, ArrowError> {
        Ok(self.array(name, &DataType::Boolean)?.as_boolean().clone())
    }

    /// A money column.
    pub fn decimal(&self, name: &str) -> Result<Decimal128Array, ArrowError> {
        Ok(self.array(name, &DataType::Decimal128(18, 4))?.as_primitive::<Decimal128Type>().clone())
    }

    /// A column of lists of integers.
    pub fn int_lists(&self, name: &str) -> Result<IntLists, ArrowError> {
        let kind = DataType::List(Arc::new(Field::new("element", DataType::Int64, true)));
        Ok(IntLists(self.array(name, &kind)?.as_list::<i32>().clone()))
    }

    /// A column of lists of text.
    pub fn text_lists(&self, name: &str) -> Result<TextLists, ArrowError> {
        let kind = DataType::List(Arc::new(Field::new("element", DataType::Utf8, true)));
        Ok(TextLists(self.array(name, &kind)?.as_list::<i32>().clone()))
    }

    /// A time column, microseconds.
    pub fn time(&self, name: &str) -> Result<TimestampMicrosecondArray, ArrowError> {
        let kind = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        Ok(self.array(name, &kind)?.as_primitive::<TimestampMicrosecondType>().clone())
    }
}

/// Lists of integers, row by row.
#[derive(Debug)]
pub struct IntLists(ListArray);

impl IntLists {
    /// The list at `row`; empty for null.
    pub fn get(&self, row: usize) -> Vec<Option<i64>> {
        if self.0.is_null(row) {
            return Vec::new();
        }
        self.0.value(row).as_primitive::<Int64Type>().iter().collect()
    }
}

/// Lists of text, row by row.
#[derive(Debug)]
pub struct TextLists(ListArray);

impl TextLists {
    /// The texts of the list at `row`; none for null.
    pub fn get(&self, row: usize) -> Vec<String> {
        if self.0.is_null(row) {
            return Vec::new();
        }
        self.0.value(row).as_string::<i32>().iter().flatten().map(str::to_owned).collect()
    }
}

/// Times for a table column.
pub fn times(micros: impl IntoIterator<Item = Option<i64>>) -> TimestampMicrosecondArray {
    TimestampMicrosecondArray::from_iter(micros).with_timezone("UTC")
}

/// Money for a table column, in ten-thousandths.
pub fn money(units: impl IntoIterator<Item = Option<i128>>) -> Decimal128Array {
    Decimal128Array::from_iter(units).with_precision_and_scale(18, 4).expect("18,4 is a valid decimal type")
}

/// Lists of text for a table column.
pub fn text_lists<S: AsRef<str>>(lists: impl IntoIterator<Item = Option<Vec<S>>>) -> ListArray {
    let mut builder = ListBuilder::new(StringBuilder::new());
    for list in lists {
        let valid = list.is_some();
        list.into_iter().flatten().for_each(|value| builder.values().append_value(value.as_ref()));
        builder.append(valid);
    }
    builder.finish()
}

/// Rows of a table, column by column.
#[derive(Debug)]
pub struct TableRows {
    schema: SchemaRef,
    rows: usize,
    columns: Vec<Option<ArrayRef>>,
}

impl TableRows {
    /// No columns yet of `rows` rows of the table called `table`.
    pub fn of(table: &str, rows: usize) -> Self {
        let schema = clew_lake::schema(table).expect("steps write tables of the model");
        let columns = vec![None; schema.fields().len()];
        Self { schema, rows, columns }
    }

    /// Sets the column `name`. A column never set is null.
    ///
    /// # Panics
    /// Where the table has no such column: the names are literals of the steps, and every step is tested.
    #[must_use]
    pub fn with(mut self, name: &str, array: impl Array + 'static) -> Self {
        let place = self.schema.index_of(name).expect("steps name columns of the model");
        self.columns[place] = Some(Arc::new(array));
        self
    }

    /// The batch, checked against the table's schema.
    pub fn finish(self) -> Result<RecordBatch, ArrowError> {
        let columns = self.columns.into_iter().zip(self.schema.fields()).map(|(column, field)| match column {
            Some(column) if column.data_type() != field.data_type() => cast(&column, field.data_type()),
            Some(column) => Ok(column),
            None => Ok(new_null_array(field.data_type(), self.rows)),
        });
        RecordBatch::try_new(Arc::clone(&self.schema), columns.collect::<Result<_, _>>()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_strings_share_a_code_and_null_has_none() {
        let mut dictionary = Dictionary::default();
        let codes = dictionary.codes(&StringArray::from(vec![Some("a"), None, Some("b"), Some("a")]));
        assert_eq!(codes, [0, NONE, 1, 0]);
        assert_eq!(dictionary.find("b"), Some(1));
        assert_eq!(dictionary.find("c"), None);
    }
}
