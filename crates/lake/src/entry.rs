//! A log entry: the facts, verdicts and keys of one chunk as one value.
//!
//! ```text
//! u32 length of the header │ header (JSON) │ u32 length of what follows │ LZ4 block: inline parts (Arrow IPC messages), keys (24 bytes each)
//! ```
//! It is packed once, by whoever appends: the log's one thread and its memtable then handle a fifth of the bytes. (The highest bit of the
//! first number says so; entries of older versions are not packed.)
//!
//! Small parts are inline. Large ones are Parquet files already in their table's folder, which the header names with
//! sizes and statistics, so that sealing them is a Delta commit and no copy. An IPC message carries no schema: that is
//! the table's, cut to the number of columns it had when the entry was written, plus the promoted columns that the
//! header names; for a chunk of one event the schema would be most of the bytes.

use std::cell::RefCell;
use std::io::{Cursor, Read};
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::MetadataVersion;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::{IpcWriteOptions, StreamWriter};
use clew_model::tables::{ColumnType, Table};
use serde::{Deserialize, Serialize};

use crate::datafile::DataFile;
use crate::error::StorageError;
use crate::keys::KeyRecord;
use crate::schema::{WIDE_DECIMAL, arrow_schema, data_type};

/// The rows of one table in one entry.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) table: &'static Table,
    /// The schema of the rows: the table's with promoted columns.
    pub(crate) schema: SchemaRef,
    pub(crate) body: Body,
}

/// Where the rows are.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    /// In the entry.
    Rows(RecordBatch),
    /// In a file that waits for its Delta commit.
    File(DataFile),
}

/// One entry as memory holds it while it is unsealed.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) offset: u64,
    pub(crate) parts: Vec<Part>,
    /// Keys that no run holds yet, with this entry's offset.
    pub(crate) keys: Vec<KeyRecord>,
    /// What its rows and keys take in memory.
    pub(crate) bytes: usize,
    /// When this process stored it, or found it at opening.
    pub(crate) since: Instant,
}

#[derive(Serialize, Deserialize)]
struct Header {
    parts: Vec<PartHeader>,
    keys: usize,
}

#[derive(Serialize, Deserialize)]
struct PartHeader {
    table: String,
    /// How many of the table's columns the rows have: columns are only ever added at the end.
    columns: usize,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    promoted: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    inline: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    file: Option<DataFile>,
}

static PROMOTABLE: LazyLock<Vec<(&str, DataType)>> = LazyLock::new(|| {
    let kinds = [
        ("text", ColumnType::Text),
        ("int", ColumnType::Int64),
        ("int32", ColumnType::Int32),
        ("float", ColumnType::Float64),
        ("boolean", ColumnType::Boolean),
        ("timestamp", ColumnType::Timestamp),
        ("date", ColumnType::Date),
        ("decimal", ColumnType::Decimal),
    ];
    kinds.into_iter().map(|(name, kind)| (name, data_type(kind))).chain([("wide_decimal", WIDE_DECIMAL)]).collect()
});

fn type_name(kind: &DataType) -> String {
    let known = PROMOTABLE.iter().find(|(_, known)| known == kind);
    known.expect("`widen` lets only promotable types in").0.to_owned()
}

/// Says in the length of the header that what follows it is packed.
const PACKED: u32 = 1 << 31;
/// Room for encoding that a thread keeps.
const KEPT_ROOM: usize = 4 << 20;

thread_local! {
    /// Rows on their way and what they pack to: fresh memory for each entry costs more than encoding it.
    static ROOM: RefCell<(Vec<u8>, Vec<u8>)> = const { RefCell::new((Vec::new(), Vec::new())) };
}

/// The bytes of an entry with `parts` and `keys`.
pub(crate) fn encode(parts: &[Part], keys: &[KeyRecord]) -> Result<Vec<u8>, ArrowError> {
    ROOM.with_borrow_mut(|(bodies, packed)| {
        bodies.clear();
        let encoded = encode_with(parts, keys, bodies, packed);
        for room in [bodies, packed] {
            room.truncate(KEPT_ROOM);
            room.shrink_to(KEPT_ROOM);
        }
        encoded
    })
}

fn encode_with(parts: &[Part], keys: &[KeyRecord], bodies: &mut Vec<u8>, packed: &mut Vec<u8>) -> Result<Vec<u8>, ArrowError> {
    let mut headers = Vec::with_capacity(parts.len());
    for part in parts {
        let columns = part.table.columns.len();
        let promoted = part.schema.fields()[columns..].iter().map(|f| (f.name().clone(), type_name(f.data_type()))).collect();
        let (mut inline, mut file) = (None, None);
        match &part.body {
            Body::Rows(rows) => {
                let start = bodies.len();
                write_message(bodies, rows, &part.schema)?;
                inline = Some(bodies.len() - start);
            }
            Body::File(data_file) => file = Some(data_file.clone()),
        }
        headers.push(PartHeader { table: part.table.name.to_owned(), columns, promoted, inline, file });
    }
    let header = serde_json::to_vec(&Header { parts: headers, keys: keys.len() }).expect("plain data serialises");
    for key in keys {
        bodies.extend(key.key.to_be_bytes());
        bodies.extend(key.content.to_le_bytes());
    }
    // It only grows: what an earlier entry left is written over.
    packed.resize(packed.len().max(lz4_flex::block::get_maximum_output_size(bodies.len())), 0);
    let length = lz4_flex::block::compress_into(bodies, packed).expect("there is room for the largest output");
    let mut bytes = Vec::with_capacity(8 + header.len() + length);
    bytes.extend((header.len() as u32 | PACKED).to_le_bytes());
    bytes.extend(header);
    bytes.extend((bodies.len() as u32).to_le_bytes());
    bytes.extend(&packed[..length]);
    Ok(bytes)
}

/// Bytes that parts and keys take in memory.
pub(crate) fn memory(parts: &[Part], keys: usize) -> usize {
    let rows = parts.iter().map(|part| match &part.body {
        Body::Rows(rows) => rows.get_array_memory_size(),
        Body::File(_) => 0,
    });
    // A key stands in the entry and in the register, whose table is half empty after it has grown.
    rows.sum::<usize>() + keys * 3 * size_of::<KeyRecord>()
}

/// The IPC prefix (schema message) of a stream of `schema`.
fn prefix(schema: &Schema) -> Result<Vec<u8>, ArrowError> {
    Ok(StreamWriter::try_new(Vec::new(), schema)?.get_ref().clone())
}

fn write_message(bytes: &mut Vec<u8>, rows: &RecordBatch, schema: &SchemaRef) -> Result<(), ArrowError> {
    let start = bytes.len();
    // Buffers are copied when they are read back: eight bytes of alignment are enough for that.
    let options = IpcWriteOptions::try_new(8, false, MetadataVersion::V5)?;
    let mut writer = StreamWriter::try_new_with_options(&mut *bytes, schema, options)?;
    let skip = writer.get_ref().len();
    writer.write(rows)?;
    drop(writer);
    bytes.drain(start..skip);
    Ok(())
}

/// The entry at `offset` from its bytes.
pub(crate) fn decode(offset: u64, bytes: &[u8]) -> Result<Entry, StorageError> {
    let damaged = |detail: String| StorageError::Damaged { what: format!("log entry {offset}"), detail };
    let short = || damaged("it ends too early".to_owned());
    let length = bytes.get(..4).ok_or_else(short)?;
    let length = u32::from_le_bytes(length.try_into().expect("4 bytes"));
    let (is_packed, length) = (length & PACKED != 0, (length & !PACKED) as usize);
    let (header, rest) = bytes[4..].split_at_checked(length).ok_or_else(short)?;
    let header: Header = serde_json::from_slice(header).map_err(|e| damaged(e.to_string()))?;
    let unpacked;
    let bytes = if is_packed {
        unpacked = lz4_flex::block::decompress_size_prepended(rest).map_err(|e| damaged(e.to_string()))?;
        &unpacked[..]
    } else {
        rest
    };
    let mut at = 0;
    let mut parts = Vec::with_capacity(header.parts.len());
    for part in header.parts {
        let table = Table::find(&part.table).ok_or_else(|| damaged(format!("it names the unknown table {}", part.table)))?;
        let schema = part_schema(table, &part).ok_or_else(|| damaged("it names an unknown column type".to_owned()))?;
        let body = match (part.inline, part.file) {
            (Some(length), _) => {
                let message = bytes.get(at..at + length).ok_or_else(short)?;
                at += length;
                Body::Rows(read_message(message, &schema).map_err(|e| damaged(e.to_string()))?)
            }
            (None, Some(file)) => Body::File(file),
            (None, None) => return Err(damaged("a part has no rows".to_owned())),
        };
        parts.push(Part { table, schema, body });
    }
    let keys = bytes.get(at..at + header.keys * 24).ok_or_else(short)?;
    let keys = keys.chunks_exact(24).map(|bytes| KeyRecord {
        key: u128::from_be_bytes(bytes[..16].try_into().expect("16 bytes")),
        content: u64::from_le_bytes(bytes[16..].try_into().expect("8 bytes")),
        offset,
    });
    let bytes = memory(&parts, header.keys);
    Ok(Entry { offset, parts, keys: keys.collect(), bytes, since: Instant::now() })
}

fn part_schema(table: &'static Table, part: &PartHeader) -> Option<SchemaRef> {
    let base = arrow_schema(table);
    let mut fields: Vec<Arc<Field>> = base.fields().get(..part.columns)?.to_vec();
    for (name, kind) in &part.promoted {
        let (_, kind) = PROMOTABLE.iter().find(|(known, _)| known == kind)?;
        fields.push(Arc::new(Field::new(name, kind.clone(), true)));
    }
    Some(Arc::new(Schema::new(Fields::from(fields))))
}

fn read_message(message: &[u8], schema: &Schema) -> Result<RecordBatch, ArrowError> {
    let prefix = prefix(schema)?;
    let mut reader = StreamReader::try_new(Cursor::new(prefix).chain(Cursor::new(message)), None)?;
    reader.next().ok_or_else(|| ArrowError::IpcError("no rows follow".to_owned()))?
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, Int64Array, new_null_array};

    use super::*;
    use crate::schema::widen;

    #[test]
    fn an_entry_reads_back_with_promoted_columns() {
        let table = Table::find("events").unwrap();
        let schema = arrow_schema(table);
        let extra = Schema::new(vec![Field::new("p_days", DataType::Int64, true)]);
        let nullable: Fields = schema.fields().iter().map(|f| f.as_ref().clone().with_nullable(true)).collect();
        assert!(widen(table, &schema, &Schema::new(nullable)).unwrap().fields().len() == schema.fields().len());
        let schema = widen(table, &schema, &extra).unwrap();
        let columns: Vec<ArrayRef> = schema
            .fields()
            .iter()
            .map(|f| match f.data_type() {
                DataType::Int64 => Arc::new(Int64Array::from(vec![1, 2])) as ArrayRef,
                DataType::Utf8 => Arc::new(arrow::array::StringArray::from(vec!["a", "b"])),
                DataType::Timestamp(..) => {
                    Arc::new(arrow::array::TimestampMicrosecondArray::from(vec![1, 2]).with_timezone("UTC"))
                }
                kind => new_null_array(kind, 2),
            })
            .collect();
        let rows = RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
        let key = KeyRecord { key: 5, content: 6, offset: 0 };
        let parts = [Part { table, schema: Arc::clone(&schema), body: Body::Rows(rows.clone()) }];
        let bytes = encode(&parts, &[key]).unwrap();
        let entry = decode(9, &bytes).unwrap();
        assert_eq!(entry.keys, vec![KeyRecord { offset: 9, ..key }]);
        let Body::Rows(read) = &entry.parts[0].body else { panic!("rows expected") };
        assert_eq!(read, &rows);
        // As entries were before they were packed.
        let header = (u32::from_le_bytes(bytes[..4].try_into().unwrap()) & !PACKED) as usize;
        let body = lz4_flex::block::decompress_size_prepended(&bytes[4 + header..]).unwrap();
        let plain = [&(header as u32).to_le_bytes()[..], &bytes[4..4 + header], &body].concat();
        let Body::Rows(read) = &decode(9, &plain).unwrap().parts[0].body else { panic!("rows expected") };
        assert_eq!(read, &rows);
        assert!(decode(9, &plain[..plain.len() - 1]).is_err());
        assert!(decode(9, &bytes[..bytes.len() - 1]).is_err());
        assert!(decode(9, &bytes[..10]).is_err());
    }
}
