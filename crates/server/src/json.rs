//! Rows of a query as JSON: timestamps RFC 3339 in UTC, decimals as text, lists as arrays, structs as objects.
//!
//! Pages name the columns of their queries like the fields of the wire types and read them through here, so that SQL is
//! the mapping; `POST /sql` gives the same values as they are. NaN and infinity are null: JSON has no word for them.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType, UInt64Type,
};
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::error::ApiError;

/// The rows of `batches` as values of `T`, by column name.
pub fn read<T: DeserializeOwned>(batches: &[RecordBatch]) -> Result<Vec<T>, ApiError> {
    let mut rows = Vec::new();
    for batch in batches {
        let columns = batch.columns().iter().map(values).collect::<Result<Vec<_>, _>>()?;
        let schema = batch.schema();
        let mut columns: Vec<_> = columns.into_iter().map(Vec::into_iter).collect();
        for _ in 0..batch.num_rows() {
            let mut object = Map::with_capacity(columns.len());
            for (field, column) in schema.fields().iter().zip(&mut columns) {
                object.insert(field.name().clone(), column.next().unwrap_or_default());
            }
            rows.push(serde_json::from_value(Value::Object(object)).map_err(ApiError::internal)?);
        }
    }
    Ok(rows)
}

/// The values of a column.
pub fn values(column: &ArrayRef) -> Result<Vec<Value>, ArrowError> {
    let rows = 0..column.len();
    let each =
        |of: &dyn Fn(usize) -> Value| rows.clone().map(|row| if column.is_null(row) { Value::Null } else { of(row) }).collect();
    Ok(match column.data_type() {
        DataType::Null => vec![Value::Null; column.len()],
        DataType::Boolean => each(&|row| Value::Bool(column.as_boolean().value(row))),
        DataType::Utf8 => each(&|row| Value::String(column.as_string::<i32>().value(row).to_owned())),
        DataType::Utf8View | DataType::LargeUtf8 | DataType::Dictionary(..) => {
            return values(&cast(column, &plain(column.data_type()))?);
        }
        DataType::Int64 => each(&|row| Value::from(column.as_primitive::<Int64Type>().value(row))),
        DataType::UInt64 => each(&|row| Value::from(column.as_primitive::<UInt64Type>().value(row))),
        kind if kind.is_integer() => return values(&cast(column, &DataType::Int64)?),
        DataType::Float64 => each(&|row| Value::from(column.as_primitive::<Float64Type>().value(row))),
        kind if kind.is_floating() => return values(&cast(column, &DataType::Float64)?),
        DataType::Decimal128(_, scale) => {
            let scale = (*scale).max(0) as usize;
            each(&|row| Value::String(decimal(column.as_primitive::<Decimal128Type>().value(row), scale)))
        }
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => {
            each(&|row| instant(column.as_primitive::<TimestampMicrosecondType>().value(row)).map_or(Value::Null, Value::String))
        }
        DataType::Timestamp(_, Some(zone)) => {
            return values(&cast(column, &DataType::Timestamp(TimeUnit::Microsecond, Some(zone.clone())))?);
        }
        DataType::Date32 => each(&|row| {
            let date = arrow::temporal_conversions::date32_to_datetime(column.as_primitive::<Date32Type>().value(row));
            date.map_or(Value::Null, |date| Value::String(date.date().to_string()))
        }),
        DataType::List(_) => {
            let lists = column.as_list::<i32>();
            let items = values(lists.values())?;
            each(&|row| {
                Value::Array(items[lists.value_offsets()[row] as usize..lists.value_offsets()[row + 1] as usize].to_vec())
            })
        }
        DataType::LargeList(item) | DataType::ListView(item) | DataType::FixedSizeList(item, _) => {
            return values(&cast(column, &DataType::List(item.clone()))?);
        }
        DataType::Struct(fields) => {
            let parts = column.as_struct().columns().iter().map(values).collect::<Result<Vec<_>, _>>()?;
            each(&|row| {
                let members = fields.iter().zip(&parts).map(|(field, part)| (field.name().clone(), part[row].clone()));
                Value::Object(members.collect())
            })
        }
        _ => {
            let formatter = ArrayFormatter::try_new(column, &FormatOptions::default())?;
            each(&|row| Value::String(formatter.value(row).to_string()))
        }
    })
}

fn plain(kind: &DataType) -> DataType {
    match kind {
        DataType::Dictionary(_, value) if !matches!(**value, DataType::Utf8View | DataType::LargeUtf8) => (**value).clone(),
        _ => DataType::Utf8,
    }
}

fn decimal(unscaled: i128, scale: usize) -> String {
    let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale + 1);
    let (whole, part) = digits.split_at(digits.len() - scale);
    let sign = if unscaled < 0 { "-" } else { "" };
    if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") }
}

/// RFC 3339 in UTC; `None` where the calendar ends.
pub fn instant(micros: i64) -> Option<String> {
    jiff::Timestamp::from_microsecond(micros).ok().map(|time| time.to_string())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Decimal128Array, Float64Array, ListArray, StringArray, TimestampMicrosecondArray};
    use serde_json::json;

    use super::*;

    fn of(array: impl Array + 'static) -> Value {
        Value::Array(values(&(Arc::new(array) as ArrayRef)).unwrap())
    }

    #[test]
    fn money_keeps_its_cents_and_times_their_zone() {
        let money = Decimal128Array::from(vec![Some(1_299_000), Some(-5), None]).with_precision_and_scale(18, 4).unwrap();
        assert_eq!(of(money), json!(["129.9000", "-0.0005", null]));
        let times = TimestampMicrosecondArray::from(vec![0, -1]).with_timezone("UTC");
        assert_eq!(of(times), json!(["1970-01-01T00:00:00Z", "1969-12-31T23:59:59.999999Z"]));
        assert_eq!(of(Float64Array::from(vec![0.5, f64::NAN])), json!([0.5, null]));
    }

    #[test]
    fn lists_are_arrays_and_an_empty_one_is_not_null() {
        let lists = ListArray::from_iter_primitive::<Int64Type, _, _>([Some(vec![Some(1), None]), Some(vec![]), None]);
        assert_eq!(of(lists), json!([[1, null], [], null]));
    }

    #[test]
    fn rows_become_values_by_name() {
        #[derive(serde::Deserialize, Debug, PartialEq)]
        struct Row {
            name: String,
        }
        let batch = RecordBatch::try_from_iter([("name", Arc::new(StringArray::from(vec!["a", "b"])) as ArrayRef)]).unwrap();
        assert_eq!(read::<Row>(&[batch]).unwrap(), [Row { name: "a".into() }, Row { name: "b".into() }]);
    }
}
