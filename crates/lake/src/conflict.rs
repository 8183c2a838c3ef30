//! Facts whose id is stored with other content, as rows of `quarantine`: the second one is kept there with its content and
//! that of the first, so that a person can decide which of them is right.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray, new_null_array};
use arrow::datatypes::Int64Type;
use clew_model::tables::Table;
use clew_model::{ContentHash, Timestamp};
use xxhash_rust::xxh3::xxh3_128;

use crate::chunk::Chunk;
use crate::error::AppendError;
use crate::repairs::origins;
use crate::schema::schema;

/// A fact whose key is stored with other content.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Conflict {
    pub(crate) row: usize,
    pub(crate) content: u64,
    pub(crate) first: First,
}

/// The fact that was there first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct First {
    pub(crate) content: u64,
    /// Its log entry; `None`: the same chunk.
    pub(crate) offset: Option<u64>,
}

fn text(values: impl Iterator<Item = String>) -> ArrayRef {
    Arc::new(values.map(Some).collect::<StringArray>())
}

pub(crate) fn same<T: AsRef<str> + Clone>(value: Option<T>, rows: usize) -> ArrayRef {
    Arc::new(StringArray::from_iter(std::iter::repeat_n(value, rows)))
}

pub(crate) fn instants(at: Timestamp, rows: usize) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from(vec![at.micros(); rows]).with_timezone("UTC"))
}

fn column_text(rows: &RecordBatch, name: &str, row: usize) -> Option<String> {
    let column = rows.column_by_name(name)?.as_string_opt::<i32>()?;
    column.is_valid(row).then(|| column.value(row).to_owned())
}

/// Quarantine rows for conflicts. Their id comes from source, target, fact id and content, so that the same conflict
/// met again is the same row, whatever file it came in.
pub(crate) fn conflict_rows<'a>(
    chunk: &Chunk,
    targets: impl Iterator<Item = (&'static Table, &'a RecordBatch, &'a [Conflict])>,
    at: Timestamp,
) -> Result<RecordBatch, AppendError> {
    let schema = schema("quarantine").expect("the model has this table");
    let (mut ids, mut names, mut files, mut places, mut details, mut raws) = (vec![], vec![], vec![], vec![], vec![], vec![]);
    let (mut contexts, mut replaced) = (vec![], vec![]);
    let origins = origins(&chunk.repairs);
    for (batch, (table, rows, conflicts)) in (0..).zip(targets) {
        for conflict in conflicts {
            let id = column_text(rows, table.columns[0].name, conflict.row).unwrap_or_default();
            let content = ContentHash(conflict.content).to_hex();
            let identity = format!("conflict\0{}\0{}\0{id}\0{content}", chunk.source, table.name);
            ids.push(format!("{:032x}", xxh3_128(identity.as_bytes())));
            names.push(table.name.to_owned());
            files.push(column_text(rows, "file", conflict.row).or_else(|| chunk.file.clone()));
            let place = rows.column_by_name("row_no").and_then(|column| column.as_primitive_opt::<Int64Type>());
            places.push(place.and_then(|column| column.is_valid(conflict.row).then(|| column.value(conflict.row))));
            let first = ContentHash(conflict.first.content).to_hex();
            let whence =
                conflict.first.offset.map_or("an earlier row of the same chunk".to_owned(), |o| format!("log entry {o}"));
            details.push(format!(
                "{} is stored with other content: {whence} brought content {first}, this row has {content}",
                table.columns[0].name
            ));
            raws.push(json_row(rows, conflict.row));
            contexts.push(format!("{{\"content\":\"{content}\"}}"));
            // Replayed and in the same conflict again: it is that row, not one that replaces it.
            let origin =
                origins.get(&(batch, conflict.row as u32)).filter(|origin| Some(**origin) != ids.last().map(String::as_str));
            replaced.push(origin.map(|origin| (*origin).to_owned()));
        }
    }
    let n = ids.len();
    let columns: Vec<ArrayRef> = schema
        .fields()
        .iter()
        .map(|field| -> ArrayRef {
            match field.name().as_str() {
                "quarantine_id" => text(std::mem::take(&mut ids).into_iter()),
                "source" => same(Some(&chunk.source), n),
                "batch" => same(Some(chunk.batch.as_str()), n),
                "target" => text(std::mem::take(&mut names).into_iter()),
                "file" => Arc::new(StringArray::from(std::mem::take(&mut files))),
                "row_no" => Arc::new(Int64Array::from(std::mem::take(&mut places))),
                "reason" => same(Some("conflict"), n),
                "detail" => text(std::mem::take(&mut details).into_iter()),
                "raw" => Arc::new(StringArray::from(std::mem::take(&mut raws))),
                "at" => instants(at, n),
                "context" => text(std::mem::take(&mut contexts).into_iter()),
                "replaces" => Arc::new(StringArray::from(std::mem::take(&mut replaced))),
                _ => new_null_array(field.data_type(), n),
            }
        })
        .collect();
    RecordBatch::try_new(schema, columns)
        .map_err(|e| AppendError::Shape { table: "quarantine".to_owned(), detail: e.to_string() })
}

/// A row as a JSON object; `None` where Arrow cannot write it.
fn json_row(rows: &RecordBatch, row: usize) -> Option<String> {
    let mut writer = arrow::json::LineDelimitedWriter::new(Vec::new());
    writer.write(&rows.slice(row, 1)).ok()?;
    writer.finish().ok()?;
    let text = String::from_utf8(writer.into_inner()).ok()?;
    Some(text.trim_end().to_owned())
}
