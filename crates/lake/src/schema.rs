//! From the model's description of a table to Arrow: one reading of types for writers, readers and SQL.
//!
//! Text is `Utf8`, times are `Timestamp(Microsecond, "UTC")`, money is `Decimal128(18, 4)`, lists name their items
//! `element` as Parquet and Delta do. Batches that come in with a sibling of these types (a dictionary, a view, another
//! item name) are cast; missing nullable columns become null. Only columns called `p_<name>`, promoted properties, may
//! come on top of the model's. Of two types of a promoted property the column takes the one that holds the values of both
//! ([`join`]), so that a source whose values change type is never refused for it.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, StringArray, new_null_array};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef, TimeUnit};
use clew_model::tables::{Column, ColumnType, Table};

use crate::error::Misfit;

/// Prefix of a promoted property's column.
pub(crate) const PROMOTED: &str = "p_";

/// The decimal that holds every 64-bit integer and every `decimal(18,4)`.
pub const WIDE_DECIMAL: DataType = DataType::Decimal128(23, 4);

static SCHEMAS: LazyLock<HashMap<&'static str, SchemaRef>> = LazyLock::new(|| {
    Table::all().map(|table| (table.name, Arc::new(Schema::new(table.columns.iter().map(field).collect::<Fields>())))).collect()
});

/// The Arrow schema of `table`, in the model's column order, without promoted columns.
pub fn arrow_schema(table: &'static Table) -> SchemaRef {
    Arc::clone(&SCHEMAS[table.name])
}

/// The Arrow schema of the table called `name`, or `None`.
pub fn schema(name: &str) -> Option<SchemaRef> {
    SCHEMAS.get(name).cloned()
}

fn field(column: &Column) -> Field {
    Field::new(column.name, data_type(column.kind), column.nullable)
}

/// The Arrow type of a column type.
pub fn data_type(kind: ColumnType) -> DataType {
    let text = |name: &str| Field::new(name, DataType::Utf8, true);
    match kind {
        ColumnType::Text => DataType::Utf8,
        ColumnType::Int64 => DataType::Int64,
        ColumnType::Int32 => DataType::Int32,
        ColumnType::Float64 => DataType::Float64,
        ColumnType::Boolean => DataType::Boolean,
        ColumnType::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        ColumnType::Date => DataType::Date32,
        ColumnType::Decimal => DataType::Decimal128(18, 4),
        ColumnType::Identifiers => {
            let item = DataType::Struct(Fields::from(vec![text("type"), text("value")]));
            DataType::List(Arc::new(Field::new("element", item, true)))
        }
        ColumnType::TextList => DataType::List(Arc::new(text("element"))),
        ColumnType::IntList => DataType::List(Arc::new(Field::new("element", DataType::Int64, true))),
    }
}

/// The types that a promoted column may have.
fn promotable(kind: &DataType) -> bool {
    matches!(
        kind,
        DataType::Utf8
            | DataType::Int64
            | DataType::Int32
            | DataType::Float64
            | DataType::Boolean
            | DataType::Date32
            | DataType::Decimal128(18 | 23, 4)
            | DataType::Timestamp(TimeUnit::Microsecond, Some(_))
    )
}

/// The narrowest type that holds the values of both: int, then decimal, then float where one of them is, else text. A float keeps
/// 15 digits of a decimal; the property itself keeps all of them.
pub fn join(one: &DataType, other: &DataType) -> DataType {
    use DataType::{Decimal128, Float64, Int32, Int64};
    match (one, other) {
        (one, other) if one == other => one.clone(),
        (Int32 | Int64, Int32 | Int64) => Int64,
        (Int32 | Int64 | Decimal128(..), Int32 | Int64 | Decimal128(..)) => WIDE_DECIMAL,
        (Float64, kind) | (kind, Float64) if kind.is_numeric() => Float64,
        _ => DataType::Utf8,
    }
}

/// `base` plus the promoted columns of `extra` that it lacks, in the order given, and with the wider type where both have one.
pub(crate) fn widen(table: &'static Table, base: &SchemaRef, extra: &Schema) -> Result<SchemaRef, Misfit> {
    let mut fields: Vec<FieldRef> = base.fields().iter().cloned().collect();
    let mut is_wider = false;
    for field in extra.fields() {
        let misfit = |detail| Misfit { table: table.name.to_owned(), detail };
        let known = fields.iter().position(|known| known.name() == field.name());
        if !field.name().starts_with(PROMOTED) {
            if known.is_some() {
                continue;
            }
            return Err(misfit(format!("has no column {}; promoted properties are called {PROMOTED}<name>", field.name())));
        }
        if !promotable(field.data_type()) {
            return Err(misfit(format!("column {} can not have the type {}", field.name(), field.data_type())));
        }
        match known {
            None => fields.push(Arc::new(Field::new(field.name(), field.data_type().clone(), true))),
            Some(at) => {
                let kind = join(fields[at].data_type(), field.data_type());
                if kind == *fields[at].data_type() {
                    continue;
                }
                fields[at] = Arc::new(Field::new(field.name(), kind, true));
            }
        }
        is_wider = true;
    }
    if is_wider { Ok(Arc::new(Schema::new(fields))) } else { Ok(Arc::clone(base)) }
}

/// Whether a column of `old` has another type in `new`.
pub(crate) fn is_retyped(old: &Schema, new: &Schema) -> bool {
    let is_other = |field: &FieldRef| new.field_with_name(field.name()).is_ok_and(|new| new.data_type() != field.data_type());
    old.fields().iter().any(is_other)
}

/// A promoted column as text: a decimal without the zeros that only its scale adds, so that 3 is `3` whichever type it had in between.
fn promoted_text(column: &ArrayRef) -> Option<ArrayRef> {
    let text = cast_with_options(column, &DataType::Utf8, &CastOptions { safe: false, ..CastOptions::default() }).ok()?;
    if !matches!(column.data_type(), DataType::Decimal128(..)) {
        return Some(text);
    }
    let plain = |text: &str| {
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text.to_owned() }
    };
    Some(Arc::new(text.as_string::<i32>().iter().map(|text| text.map(plain)).collect::<StringArray>()))
}

/// `batch` with exactly the columns of `schema`: cast where the type is a sibling, null where a nullable column is
/// missing. Refuses nulls in required columns, values that do not fit and columns that the schema lacks.
pub(crate) fn conform(table: &str, batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, Misfit> {
    if batch.schema_ref() == schema {
        return Ok(batch.clone());
    }
    let misfit = |detail: String| Misfit { table: table.to_owned(), detail };
    if let Some(field) = batch.schema_ref().fields().iter().find(|field| schema.field_with_name(field.name()).is_err()) {
        return Err(misfit(format!("has no column {}", field.name())));
    }
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        let column = match batch.column_by_name(field.name()) {
            None if field.is_nullable() => new_null_array(field.data_type(), batch.num_rows()),
            None if batch.num_rows() == 0 => new_null_array(field.data_type(), 0),
            None => return Err(misfit(format!("column {} is missing", field.name()))),
            Some(column) if column.data_type() == field.data_type() => Arc::clone(column),
            Some(column) if field.name().starts_with(PROMOTED) && *field.data_type() == DataType::Utf8 => {
                promoted_text(column).ok_or_else(|| misfit(format!("column {} has no text form", field.name())))?
            }
            Some(column) => {
                let options = CastOptions { safe: false, ..CastOptions::default() };
                // The cast's own message may quote a value, which may be personal: it stays out.
                cast_with_options(column, field.data_type(), &options).map_err(|_| {
                    misfit(format!(
                        "column {} holds {} values that are no {}",
                        field.name(),
                        column.data_type(),
                        field.data_type()
                    ))
                })?
            }
        };
        if !field.is_nullable() && column.null_count() > 0 {
            return Err(misfit(format!("column {} is null in {} rows", field.name(), column.null_count())));
        }
        columns.push(column);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
        .map_err(|error| misfit(format!("does not fit: {error}")))
}

/// The model's table called `name`.
pub(crate) fn find(name: &str) -> Result<&'static Table, Misfit> {
    Table::find(name).ok_or_else(|| Misfit { table: name.to_owned(), detail: "there is no such table".to_owned() })
}

#[cfg(test)]
mod tests {
    use arrow::array::{Decimal128Array, Int64Array};

    use super::*;

    const PLACES: [DataType; 7] = [
        DataType::Int32,
        DataType::Int64,
        DataType::Decimal128(18, 4),
        WIDE_DECIMAL,
        DataType::Float64,
        DataType::Boolean,
        DataType::Utf8,
    ];

    #[test]
    fn types_join_in_any_order_and_grouping() {
        for a in &PLACES {
            assert_eq!(join(a, a), *a);
            for b in &PLACES {
                assert_eq!(join(a, b), join(b, a));
                assert!(promotable(&join(a, b)));
                assert_eq!(join(&join(a, b), a), join(a, b), "{a} {b}");
                for c in &PLACES {
                    assert_eq!(join(&join(a, b), c), join(a, &join(b, c)), "{a} {b} {c}");
                }
            }
        }
        assert_eq!(join(&DataType::Int64, &DataType::Decimal128(18, 4)), WIDE_DECIMAL);
        assert_eq!(join(&DataType::Boolean, &DataType::Int64), DataType::Utf8);
    }

    #[test]
    fn every_value_fits_the_wider_type() {
        let table = Table::find("events").unwrap();
        let base = arrow_schema(table);
        let extra = |kind: DataType| Schema::new(vec![Field::new("p_n", kind, true)]);
        let ints = widen(table, &base, &extra(DataType::Int64)).unwrap();
        let decimals = widen(table, &ints, &extra(DataType::Decimal128(18, 4))).unwrap();
        let texts = widen(table, &decimals, &extra(DataType::Utf8)).unwrap();
        assert!(is_retyped(&ints, &decimals) && is_retyped(&decimals, &texts) && !is_retyped(&base, &texts));
        assert_eq!(texts.fields().len(), base.fields().len() + 1);
        assert!(Arc::ptr_eq(&widen(table, &texts, &extra(DataType::Int64)).unwrap(), &texts));
        let only =
            |schema: &SchemaRef| -> SchemaRef { Arc::new(extra(schema.field_with_name("p_n").unwrap().data_type().clone())) };
        let column: ArrayRef = Arc::new(Int64Array::from(vec![Some(i64::MAX), Some(i64::MIN), Some(30), None]));
        let rows = RecordBatch::try_from_iter_with_nullable([("p_n", column, true)]).unwrap();
        let wide = conform("events", &rows, &only(&decimals)).unwrap();
        assert_eq!(wide.column(0).as_primitive::<arrow::datatypes::Decimal128Type>().value(0), i128::from(i64::MAX) * 10_000);
        let wide = conform("events", &wide, &only(&texts)).unwrap();
        let found: Vec<Option<&str>> = wide.column(0).as_string::<i32>().iter().collect();
        assert_eq!(found, [Some("9223372036854775807"), Some("-9223372036854775808"), Some("30"), None]);
        let column: ArrayRef = Arc::new(Decimal128Array::from(vec![35_000, -5, 0]).with_data_type(DataType::Decimal128(18, 4)));
        let rows = RecordBatch::try_from_iter_with_nullable([("p_n", column, true)]).unwrap();
        let wide = conform("events", &rows, &only(&texts)).unwrap();
        assert_eq!(wide.column(0).as_string::<i32>().iter().flatten().collect::<Vec<_>>(), ["3.5", "-0.0005", "0"]);
    }
}
