//! One file a page: its queries and the small functions that turn rows into its answer.

pub mod alarms;
pub mod audit;
pub mod behind;
pub mod data;
pub mod drivers;
pub mod friction;
pub mod health;
pub mod identity;
pub mod journeys;
pub mod keys;
pub mod meta;
pub mod overview;
pub mod paths;
pub mod people;
pub mod person;
pub mod provisional;
pub mod quality;
pub mod quarantine;
pub mod scores;
pub mod search;
pub mod source;
pub mod sql;
pub mod tail;
pub mod test_message;
pub mod timeline;
pub mod voice;
pub mod volume;
pub mod work;

use clew_pipeline::definitions::Metric;

use crate::app::App;
use crate::error::ApiError;

/// The metric called `name`, or the first where none is named.
pub fn metric<'a>(app: &'a App, name: Option<&str>) -> Result<&'a Metric, ApiError> {
    let metrics = &app.definitions.metrics;
    match name.filter(|name| !name.is_empty()) {
        Some(name) => metrics.iter().find(|metric| metric.name == name).ok_or_else(|| ApiError::not_found("metric")),
        None => metrics
            .first()
            .ok_or_else(|| ApiError::not_found("metric").with(serde_json::json!({"remedy": "define one in metrics.yaml"}))),
    }
}
