//! Rows of the table `quarantine`, and what a replay must know of each beside its raw row.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use clew_lake::schema;
use clew_model::id::Base32;
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
    /// For its replay.
    pub replay: ForReplay,
}

/// What a replay must know of a row beside its raw form.
#[derive(Clone, Debug, Default)]
pub struct ForReplay {
    /// The id that the row has where its mapping gives none; none where the reader was not asked for it.
    pub key: Option<String>,
    /// What its request said, as JSON.
    pub context: Option<String>,
    /// When it came, microseconds UTC; none: with its chunk.
    pub received_at: Option<i64>,
    /// The row of quarantine that it takes the place of.
    pub replaces: Option<String>,
}

/// The id of a row whose mapping gives none, of its hash and how-manieth occurrence.
pub fn row_key((hash, occurrence): (u64, u32)) -> String {
    format!("{}.{occurrence}", Base32::of(hash))
}

/// Hash and occurrence of a [`row_key`].
pub fn parse_row_key(key: &str) -> Option<(u64, u32)> {
    let (hash, occurrence) = key.split_once('.')?;
    Some((Base32::parse(hash)?, occurrence.parse().ok()?))
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

/// The id of `one`, met at `place`: of everything but batch and time, so that the same row met again is the same. What arrives without a
/// number is known by its key, which a retry does not change and which tells equal rows of one request apart.
pub fn quarantine_id(place: &Place, one: &Refused) -> String {
    let mut hasher = Xxh3::new();
    let said = one.replay.key.as_ref().filter(|_| !place.numbered).unwrap_or(&one.raw);
    for part in [place.source, place.file, one.target.unwrap_or_default(), one.reason, said] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.update(&if place.numbered { one.row_no } else { 0 }.to_le_bytes());
    hasher.update(&one.ordinal.to_le_bytes());
    format!("{:032x}", hasher.digest128())
}

/// The batch for the lake.
pub fn rows(place: &Place, refused: &[Refused]) -> RecordBatch {
    let schema = schema("quarantine").expect("the model has this table");
    let ids = refused.iter().map(|one| Some(quarantine_id(place, one)));
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
            "at" => {
                let at = refused.iter().map(|one| one.replay.received_at.unwrap_or(place.at));
                Arc::new(TimestampMicrosecondArray::from_iter_values(at).with_timezone("UTC"))
            }
            "row_key" => text(&|one| one.replay.key.clone()),
            "context" => text(&|one| one.replay.context.clone()),
            "replaces" => text(&|one| one.replay.replaces.clone()),
            other => unreachable!("quarantine has no column {other}"),
        }
    });
    let columns = columns.collect();
    RecordBatch::try_new(schema, columns).expect("every column has its type and a value per row")
}
