//! Alarms: something in a batch is not as expected. One a batch and rule, in the table `alarms`, in the report of an import and on its
//! screen: name, what changed, the numbers before and after, and what to do.
//!
//! The id comes from source, batch, rule, target and field, and what is there already is not written again, so that a resumed import
//! or a restarted server repeats no alarm.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use clew_lake::literal::Text;
use clew_lake::{Chunk, Lake};
use rustc_hash::FxHashSet;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use crate::expect::{Expectations, OnFailure};
use crate::observe::NotePlace;
use crate::typing::convert::text;

/// What an alarm comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlarmKind {
    /// The source's file expects something else.
    Expectation,
    /// The data is not like that of earlier batches.
    Drift,
}

impl AlarmKind {
    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Expectation => "expectation",
            Self::Drift => "drift",
        }
    }
}

/// Something in a batch that is not as expected.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alarm {
    /// Expectation or drift.
    pub kind: AlarmKind,
    /// Name of the expectation, or of what drifted.
    pub rule: String,
    /// The table; none: raw rows.
    pub target: Option<String>,
    /// The field or raw column; none: the source as a whole.
    pub field: Option<String>,
    /// What became of the rows.
    pub severity: OnFailure,
    /// Rows or facts concerned.
    pub n: u64,
    /// Of those looked at.
    pub share: Option<f64>,
    /// The figure as it was.
    pub before: Option<f64>,
    /// The figure as it is.
    pub after: Option<f64>,
    /// What changed, in words, without a value of a row.
    pub detail: String,
    /// What to do.
    pub remedy: String,
}

impl Alarm {
    /// Its id in `batch` of `source`.
    pub fn id(&self, source: &str, batch: &str) -> String {
        let mut hasher = Xxh3::new();
        let parts =
            [source, batch, &self.rule, self.target.as_deref().unwrap_or_default(), self.field.as_deref().unwrap_or_default()];
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        format!("{:032x}", hasher.digest128())
    }
}

/// Rows of the table `alarms`.
pub fn rows(place: &NotePlace, alarms: &[Alarm]) -> RecordBatch {
    let text = |of: &dyn Fn(&Alarm) -> Option<String>| -> ArrayRef { Arc::new(alarms.iter().map(of).collect::<StringArray>()) };
    let float = |of: fn(&Alarm) -> Option<f64>| -> ArrayRef { Arc::new(alarms.iter().map(of).collect::<Float64Array>()) };
    place.rows("alarms", alarms.len(), &|column| match column {
        "alarm_id" => text(&|alarm| Some(alarm.id(place.source, place.batch))),
        "kind" => text(&|alarm| Some(alarm.kind.as_str().to_owned())),
        "rule" => text(&|alarm| Some(alarm.rule.clone())),
        "target" => text(&|alarm| alarm.target.clone()),
        "field" => text(&|alarm| alarm.field.clone()),
        "severity" => text(&|alarm| Some(alarm.severity.as_str().to_owned())),
        "n" => Arc::new(alarms.iter().map(|alarm| Some(alarm.n as i64)).collect::<Int64Array>()),
        "share" => float(|alarm| alarm.share),
        "before" => float(|alarm| alarm.before),
        "after" => float(|alarm| alarm.after),
        "detail" => text(&|alarm| Some(alarm.detail.clone())),
        "remedy" => text(&|alarm| Some(alarm.remedy.clone())),
        other => unreachable!("alarms has no column {other}"),
    })
}

/// Why alarms could not be written.
#[derive(Debug, thiserror::Error)]
pub enum AlarmError {
    /// The store refused them.
    #[error(transparent)]
    Append(#[from] clew_lake::AppendError),
    /// The engine failed.
    #[error("the SQL engine failed: {0}")]
    Engine(#[from] datafusion::error::DataFusionError),
}

/// Writes those of `alarms` about `batch` that are not there yet, with `carrier`, a chunk without facts; whether it was needed.
pub async fn write(lake: &Lake, carrier: Chunk, batch: &str, alarms: &[Alarm]) -> Result<bool, AlarmError> {
    if alarms.is_empty() {
        return Ok(false);
    }
    let source = carrier.source.clone();
    let sql = format!("SELECT alarm_id FROM alarms WHERE source = {} AND batch = {}", Text(&source), Text(batch));
    let mut known: FxHashSet<String> = FxHashSet::default();
    for found in lake.session().sql(&sql).await?.collect().await? {
        known.extend(text(found.column(0)).iter().flatten().map(str::to_owned));
    }
    let new: Vec<Alarm> = alarms.iter().filter(|alarm| !known.contains(&alarm.id(&source, batch))).cloned().collect();
    if new.is_empty() {
        return Ok(false);
    }
    let (chunk, at) = (carrier.chunk, lake.now().micros());
    let place = NotePlace { source: &source, batch, chunk, at, expectations: &Expectations::default() };
    let notes = vec![("alarms", rows(&place, &new))];
    lake.append(Chunk { notes, ..carrier }).await?;
    Ok(true)
}
