//! Rows of the table `quarantine`.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use clew_lake::schema;
use xxhash_rust::xxh3::Xxh3;

/// One row or fact that was not stored.
#[derive(Debug)]
pub struct Refused {
    /// Target table; none for an unreadable row.
    pub target: Option<&'static str>,
    /// Row in the file.
    pub row_no: i64,
    /// Which of the refused facts of this row, from 0.
    pub ordinal: u32,
    /// Stable code.
    pub reason: &'static str,
    /// In words, without a value.
    pub detail: String,
    /// The raw row.
    pub raw: String,
}

/// Where refused rows were met.
pub struct Place<'a> {
    /// Source.
    pub source: &'a str,
    /// Batch.
    pub batch: &'a str,
    /// File as facts name it.
    pub file: &'a str,
    /// Microseconds, UTC.
    pub at: i64,
    /// Whether a row's number says which row it is: in a file it does, in a live source it counts arrivals.
    pub numbered: bool,
}

/// The batch for the lake. The id comes from everything but batch and time, so that a second import adds nothing.
pub fn rows(place: &Place, refused: &[Refused]) -> RecordBatch {
    let schema = schema("quarantine").expect("the model has this table");
    let ids = refused.iter().map(|one| {
        let mut hasher = Xxh3::new();
        for part in [place.source, place.file, one.target.unwrap_or_default(), one.reason, &one.raw] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        hasher.update(&if place.numbered { one.row_no } else { 0 }.to_le_bytes());
        hasher.update(&one.ordinal.to_le_bytes());
        Some(format!("{:032x}", hasher.digest128()))
    });
    let n = refused.len();
    let text =
        |value: &dyn Fn(&Refused) -> Option<String>| Arc::new(refused.iter().map(value).collect::<StringArray>()) as ArrayRef;
    let columns = schema.fields().iter().map(|field| -> ArrayRef {
        match field.name().as_str() {
            "quarantine_id" => Arc::new(ids.clone().collect::<StringArray>()),
            "source" => text(&|_| Some(place.source.to_owned())),
            "batch" => text(&|_| Some(place.batch.to_owned())),
            "target" => text(&|one| one.target.map(str::to_owned)),
            "file" => text(&|_| Some(place.file.to_owned())),
            "row_no" => Arc::new(refused.iter().map(|one| Some(one.row_no)).collect::<Int64Array>()),
            "reason" => text(&|one| Some(one.reason.to_owned())),
            "detail" => text(&|one| Some(one.detail.clone())),
            "raw" => text(&|one| Some(one.raw.clone())),
            "at" => Arc::new(TimestampMicrosecondArray::from_value(place.at, n).with_timezone("UTC")),
            other => unreachable!("quarantine has no column {other}"),
        }
    });
    let columns = columns.collect();
    RecordBatch::try_new(schema, columns).expect("every column has its type and a value per row")
}
