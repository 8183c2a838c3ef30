//! Alarms of sources: expectations that were not met, and values that are spread otherwise than before.
//!
//! An alarm is open while its batch is the newest of its source: the next batch raises it again or closes it.

use crate::app::App;
use crate::error::ApiError;
use crate::wire::Alarm;
use clew_lake::literal::Text;

/// Alarms of one answer.
const MOST_ALARMS: usize = 50;

/// The newest alarms of `source`, or the open ones of all sources.
pub async fn alarms(app: &App, source: Option<&str>) -> Result<Vec<Alarm>, ApiError> {
    let (condition, limit) = match source {
        Some(name) => (format!("a.source = {}", Text(name)), format!(" LIMIT {MOST_ALARMS}")),
        None => ("a.batch = b.batch".to_owned(), String::new()),
    };
    app.rows(&format!(
        "SELECT a.alarm_id, a.source, a.batch, a.kind, a.rule, a.target, a.field, a.severity, a.n, a.share, a.detail, a.remedy, a.at, \
         coalesce(a.batch = b.batch, false) AS open FROM alarms a LEFT JOIN ({NEWEST_BATCH}) b ON a.source = b.source \
         WHERE {condition} ORDER BY a.at DESC, a.alarm_id{limit}"
    ))
    .await
}

/// The newest batch of every source; a replay is a batch of rows that came before.
pub const NEWEST_BATCH: &str = "SELECT source, batch FROM (SELECT source, batch, row_number() OVER \
    (PARTITION BY source ORDER BY last_at DESC, batch DESC) AS place FROM \
    (SELECT source, batch, max(at) AS last_at FROM accounting WHERE strpos(batch, '/replay-') = 0 GROUP BY source, batch)) WHERE place = 1";
