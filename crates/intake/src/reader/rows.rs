//! Rows that another system hands out one by one: made into columns of text here, and read like those of a file.
//!
//! They come in blocks through a bounded queue, so that a slow lake slows the other system down instead of filling memory. Each
//! block knows the position of its source behind its last row, which is stored together with its facts.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use tokio::sync::mpsc::Receiver;

use super::columns::{TextColumn, row_as_json};
use super::{Decoded, Decoder, PREFIX, ROW_LIMIT, ReadError, Reader, SplitFault, Splitter, Unreadable, with_rows};

/// Rows per block: positions are stored with blocks, so these are the rows that are read again after a crash.
const ROWS: usize = 8192;
/// A block ends behind the row that passes this many bytes.
const BYTES: usize = 4 << 20;

/// Consecutive rows, and where their source goes on behind them.
#[derive(Clone, Debug)]
pub struct RowBlock {
    /// The rows: text columns.
    pub batch: RecordBatch,
    /// Rows that were larger than [`ROW_LIMIT`], with their size; the beginnings of their values are in the batch.
    too_large: Vec<(u32, u64)>,
    /// Where the source goes on.
    pub position: Option<Vec<u8>>,
}

/// Blocks as they come through the queue.
pub struct RowBlocks {
    /// One that was taken out already, to see whether there is any.
    pub first: Option<RowBlock>,
    /// The others; an error where their source broke off.
    pub rest: Receiver<Result<RowBlock, ReadError>>,
}

impl RowBlocks {
    /// The next block; `None` when nobody is at the other end any more.
    pub fn next(&mut self) -> Result<Option<RowBlock>, ReadError> {
        match self.first.take() {
            Some(first) => Ok(Some(first)),
            None => self.rest.blocking_recv().transpose(),
        }
    }
}

/// A schema of text columns.
pub fn text_schema<'a>(names: impl Iterator<Item = &'a str>) -> SchemaRef {
    Arc::new(Schema::new(names.map(|name| Field::new(name, DataType::Utf8, true)).collect::<Vec<_>>()))
}

/// Reads the rows of `blocks`, the first of which is row `first_row` of `name`.
pub fn open(name: &Path, schema: SchemaRef, first_row: i64, blocks: RowBlocks) -> Reader {
    let mut reader = Reader::new(name, Splitter::Rows(blocks), Decoder::Parquet(schema), None, false);
    reader.next_row = first_row;
    reader
}

impl RowBlock {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.batch.num_rows()
    }

    /// The rows from `at`, at most `n`.
    pub fn slice(&self, at: usize, n: usize) -> Self {
        let inside = |(row, size): &(u32, u64)| {
            let row = *row as usize;
            (at..at + n).contains(&row).then(|| ((row - at) as u32, *size))
        };
        let too_large = self.too_large.iter().filter_map(inside).collect();
        Self { batch: self.batch.slice(at, n), too_large, position: self.position.clone() }
    }

    /// The columns at `wanted`, without rows that are too large.
    pub fn decode(&self, first_row: i64, wanted: &[usize]) -> Decoded {
        let columns: Vec<ArrayRef> = wanted.iter().map(|&at| self.batch.column(at).clone()).collect();
        let fields = wanted.iter().map(|&at| self.batch.schema().field(at).clone()).collect();
        let rows = (first_row..first_row + self.len() as i64).collect();
        let batch = with_rows(rows, fields, columns);
        if self.too_large.is_empty() {
            return Decoded { batch, unreadable: Vec::new() };
        }
        let mut keep = vec![true; self.len()];
        let refuse = |(row, size): &(u32, u64)| {
            let at = *row as usize;
            keep[at] = false;
            let (reason, detail) = SplitFault::TooLarge(*size).describe();
            Unreadable { row_no: first_row + at as i64, reason, detail, raw: row_as_json(&self.batch.slice(at, 1)) }
        };
        let unreadable = self.too_large.iter().map(refuse).collect();
        let batch = filter_record_batch(&batch, &BooleanArray::from(keep)).expect("the mask has a value per row");
        Decoded { batch, unreadable }
    }
}

/// Makes blocks of values that come one by one.
pub struct RowBuilder {
    schema: SchemaRef,
    columns: Vec<TextColumn>,
    rows: usize,
    bytes: usize,
    too_large: Vec<(u32, u64)>,
    /// The row under construction: its text, and where each value lies in it.
    row: String,
    values: Vec<Option<(usize, usize)>>,
}

impl RowBuilder {
    /// No row yet.
    pub fn new(schema: SchemaRef) -> Self {
        let columns = schema.fields().iter().map(|_| TextColumn::default()).collect();
        Self { schema, columns, rows: 0, bytes: 0, too_large: Vec::new(), row: String::new(), values: Vec::new() }
    }

    /// The next value of the row.
    pub fn push(&mut self, value: Option<&str>) {
        let at = self.row.len();
        self.row.push_str(value.unwrap_or_default());
        self.values.push(value.map(|value| (at, at + value.len())));
    }

    /// Ends the row; true when the block is full.
    pub fn end_row(&mut self) -> bool {
        let size = self.row.len();
        let most = if size > ROW_LIMIT { PREFIX / self.columns.len().max(1) } else { usize::MAX };
        if size > ROW_LIMIT {
            self.too_large.push((self.rows as u32, size as u64));
        }
        for (column, value) in self.columns.iter_mut().zip(&self.values) {
            match value {
                None => column.push_null(),
                Some((from, to)) => {
                    let text = &self.row[*from..*to];
                    let text = &text[..text.floor_char_boundary(most)];
                    self.bytes += text.len();
                    column.push(text.as_bytes());
                }
            }
        }
        self.rows += 1;
        self.row.clear();
        self.values.clear();
        self.rows >= ROWS || self.bytes >= BYTES
    }

    /// Whether no row is waiting.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The rows so far as a block without a position.
    pub fn take(&mut self) -> RowBlock {
        let next = Self::new(self.schema.clone());
        let done = std::mem::replace(self, next);
        let columns = done.columns.into_iter().map(TextColumn::finish).collect();
        let batch = RecordBatch::try_new(done.schema, columns).expect("every column has a value per row");
        RowBlock { batch, too_large: done.too_large, position: None }
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray;

    use super::*;

    #[test]
    fn a_row_that_is_too_large_is_unreadable_and_its_neighbours_are_not() {
        let mut rows = RowBuilder::new(text_schema(["a", "b"].into_iter()));
        let huge = "ü".repeat(ROW_LIMIT);
        for value in [Some("x"), Some(huge.as_str()), None] {
            rows.push(value);
            rows.push(Some("y"));
            rows.end_row();
        }
        let decoded = rows.take().decode(7, &[0, 1]);
        let numbers: Vec<i64> = decoded.batch.column(0).as_primitive::<arrow::datatypes::Int64Type>().values().to_vec();
        assert_eq!(numbers, [7, 9]);
        assert_eq!(decoded.unreadable.len(), 1);
        let unreadable = &decoded.unreadable[0];
        assert_eq!((unreadable.row_no, unreadable.reason), (8, "row_too_large"));
        assert!(unreadable.raw.len() < 2 * PREFIX && unreadable.raw.contains('ü'), "{}", unreadable.raw);
        assert!(decoded.batch.column(1).is_null(1));
    }

    #[test]
    fn a_block_ends_by_rows_or_by_bytes() {
        let mut rows = RowBuilder::new(text_schema(["a"].into_iter()));
        let full = |rows: &mut RowBuilder, value: &str| {
            (1..=2 * ROWS).find(|_| {
                rows.push(Some(value));
                rows.end_row()
            })
        };
        assert_eq!(full(&mut rows, ""), Some(ROWS));
        assert_eq!(rows.take().len(), ROWS);
        assert_eq!(full(&mut rows, &"x".repeat(BYTES / 4)), Some(4));
    }
}
