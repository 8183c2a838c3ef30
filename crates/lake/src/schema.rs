//! From the model's description of a table to Arrow: one reading of types for writers, readers and SQL.
//!
//! Text is `Utf8`, times are `Timestamp(Microsecond, "UTC")`, money is `Decimal128(18, 4)`, lists name their items
//! `element` as Parquet and Delta do. Batches that come in with a sibling of these types (a dictionary, a view, another
//! item name) are cast; missing nullable columns become null. Only columns called `p_<name>`, promoted properties, may
//! come on top of the model's.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef, TimeUnit};
use clew_model::tables::{Column, ColumnType, Table};

use crate::error::Misfit;

/// Prefix of a promoted property's column.
pub(crate) const PROMOTED: &str = "p_";

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
            | DataType::Decimal128(18, 4)
            | DataType::Timestamp(TimeUnit::Microsecond, Some(_))
    )
}

/// `base` plus the promoted columns of `extra` that it lacks, in the order given. A promoted column keeps its type: a cast to the older
/// one would change values without a word.
pub(crate) fn widen(table: &'static Table, base: &SchemaRef, extra: &Schema) -> Result<SchemaRef, Misfit> {
    let mut added: Vec<FieldRef> = Vec::new();
    for field in extra.fields() {
        let known = base.field_with_name(field.name()).ok();
        if let Some(known) = known.filter(|known| field.name().starts_with(PROMOTED) && known.data_type() != field.data_type()) {
            let detail = format!(
                "column {} holds {} and can not take {}; give the property another name",
                field.name(),
                known.data_type(),
                field.data_type()
            );
            return Err(Misfit { table: table.name.to_owned(), detail });
        }
        if known.is_some() || added.iter().any(|a| a.name() == field.name()) {
            continue;
        }
        let misfit = |detail| Misfit { table: table.name.to_owned(), detail };
        if !field.name().starts_with(PROMOTED) {
            return Err(misfit(format!("has no column {}; promoted properties are called {PROMOTED}<name>", field.name())));
        }
        if !promotable(field.data_type()) {
            return Err(misfit(format!("column {} can not have the type {}", field.name(), field.data_type())));
        }
        added.push(Arc::new(Field::new(field.name(), field.data_type().clone(), true)));
    }
    if added.is_empty() {
        return Ok(Arc::clone(base));
    }
    Ok(Arc::new(Schema::new(base.fields().iter().cloned().chain(added).collect::<Fields>())))
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
