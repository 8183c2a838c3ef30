//! The values of a field as expectations see them, with the row of each: lists have several, a missing value has none.
//!
//! Text is trimmed, and blank text is missing; numbers stay numbers, everything else is seen as its text.

use std::borrow::Cow;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;

use crate::typing::{convert, properties};

/// The values of one field.
pub enum Values {
    /// One text a row.
    Texts(StringArray),
    /// One number a row.
    Numbers(Float64Array),
    /// Several texts a row: rows in rising order with one value each.
    Lists(usize, Vec<(usize, String)>),
}

/// One value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// Text, not blank.
    Text(&'a str),
    /// A number.
    Number(f64),
}

impl Value<'_> {
    /// As a number, where it is one.
    pub fn number(self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(number),
            Self::Text(text) => text.parse().ok().filter(|number: &f64| number.is_finite()),
        }
    }

    /// As text.
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Number(number) => Cow::Owned(number.to_string()),
            Self::Text(text) => Cow::Borrowed(text),
        }
    }
}

impl Values {
    /// The values of `column`.
    pub fn of(column: &ArrayRef) -> Self {
        match column.data_type() {
            kind if kind.is_numeric() => match cast(column, &DataType::Float64) {
                Ok(numbers) => Self::Numbers(numbers.as_primitive().clone()),
                Err(_) => Self::Texts(convert::text(column)),
            },
            DataType::List(_) => Self::of_list(column),
            _ => Self::Texts(convert::text(column)),
        }
    }

    /// The values of `field` among facts: a column, `identifier_<type>` or `property_<name>`; `None` where facts have no such field.
    pub fn of_fact(rows: &RecordBatch, field: &str) -> Option<Self> {
        if let Some(column) = rows.column_by_name(field).filter(|_| field != "identifiers") {
            return Some(Self::of(column));
        }
        if let Some(kind) = field.strip_prefix("identifier_") {
            return rows.column_by_name("identifiers").map(|column| Self::of_identifiers(column, kind));
        }
        let name = field.strip_prefix("property_")?;
        let objects = rows.column_by_name("properties").or_else(|| rows.column_by_name("attributes"))?;
        Some(Self::Texts(convert::text(&properties::extract(objects, name))))
    }

    fn of_list(column: &ArrayRef) -> Self {
        let list = column.as_list::<i32>();
        let texts = convert::text(list.values());
        let mut values = Vec::new();
        for row in (0..list.len()).filter(|row| list.is_valid(*row)) {
            let (from, to) = (list.value_offsets()[row] as usize, list.value_offsets()[row + 1] as usize);
            values.extend((from..to).filter(|at| texts.is_valid(*at)).map(|at| (row, texts.value(at).to_owned())));
        }
        Self::Lists(list.len(), values)
    }

    fn of_identifiers(column: &ArrayRef, wanted: &str) -> Self {
        let list = column.as_list::<i32>();
        let Some(pairs) = list.values().as_struct_opt() else { return Self::Lists(list.len(), Vec::new()) };
        let (kinds, texts) = (convert::text(pairs.column(0)), convert::text(pairs.column(1)));
        let mut values = Vec::new();
        for row in (0..list.len()).filter(|row| list.is_valid(*row)) {
            let (from, to) = (list.value_offsets()[row] as usize, list.value_offsets()[row + 1] as usize);
            let of_kind = (from..to).filter(|at| kinds.is_valid(*at) && kinds.value(*at) == wanted && texts.is_valid(*at));
            values.extend(of_kind.map(|at| (row, texts.value(at).to_owned())));
        }
        Self::Lists(list.len(), values)
    }

    /// Rows, with and without a value.
    pub fn rows(&self) -> usize {
        match self {
            Self::Texts(texts) => texts.len(),
            Self::Numbers(numbers) => numbers.len(),
            Self::Lists(rows, _) => *rows,
        }
    }

    /// Calls `see` with every value that is there and its row, in the order of rows.
    pub fn each<'a>(&'a self, mut see: impl FnMut(usize, Value<'a>)) {
        let present = |text: &'a str| Some(text.trim()).filter(|text| !text.is_empty()).map(Value::Text);
        match self {
            Self::Texts(texts) => {
                for (row, text) in texts.iter().enumerate() {
                    if let Some(value) = text.and_then(present) {
                        see(row, value);
                    }
                }
            }
            Self::Numbers(numbers) => {
                for (row, number) in numbers.iter().enumerate() {
                    if let Some(number) = number {
                        see(row, Value::Number(number));
                    }
                }
            }
            Self::Lists(_, values) => {
                for (row, text) in values {
                    if let Some(value) = present(text) {
                        see(*row, value);
                    }
                }
            }
        }
    }
}
