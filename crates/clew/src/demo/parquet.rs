//! The second carrier's deliveries: the one system that hands out Parquet, with typed columns and UTC timestamps.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use arrow::array::{ArrayRef, BooleanArray, RecordBatch, StringArray, TimestampMicrosecondArray};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use super::calendar::Moment;

/// A delivery as the second carrier sees it.
pub struct Consignment {
    /// The carrier's number.
    pub number: String,
    /// The shop's order number.
    pub order: String,
    /// E-mail of the recipient, for the parcel messages.
    pub email: String,
    /// Delivery region.
    pub region: String,
    /// Handed over by the shop.
    pub collected_at: Moment,
    /// End of the promised day.
    pub promised_at: Moment,
    /// Delivered, if it is.
    pub delivered_at: Option<Moment>,
    /// Damaged on arrival.
    pub damaged: bool,
    /// When the file was made: what had not happened by then is not known.
    pub exported_at: Moment,
}

const MICROS: i64 = 1_000_000;

/// Writes all consignments into one file.
pub fn write(path: &Path, rows: &[Consignment]) -> anyhow::Result<()> {
    let text = |get: fn(&Consignment) -> &str| -> ArrayRef { Arc::new(StringArray::from_iter_values(rows.iter().map(get))) };
    let time = |get: fn(&Consignment) -> Option<Moment>| -> ArrayRef {
        let values = rows.iter().map(|row| get(row).map(|at| at * MICROS));
        Arc::new(values.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
    };
    let batch = RecordBatch::try_from_iter_with_nullable([
        ("consignment", text(|row| &row.number), true),
        ("order_no", text(|row| &row.order), true),
        ("recipient_email", text(|row| &row.email), true),
        ("region", text(|row| &row.region), true),
        ("collected_at", time(|row| Some(row.collected_at)), true),
        ("promised_at", time(|row| Some(row.promised_at)), true),
        ("delivered_at", time(|row| row.delivered_at), true),
        ("damaged", Arc::new(rows.iter().map(|row| Some(row.damaged)).collect::<BooleanArray>()), true),
        ("exported_at", time(|row| Some(row.exported_at)), true),
    ])?;
    let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    // A fixed `created_by`: the file's bytes do not change with the version of the library.
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_created_by("nordway tracking export 2.1".to_owned())
        .build();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties))?;
    writer.write(&batch)?;
    writer.close()?;
    Ok(())
}
