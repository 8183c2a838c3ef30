//! Journeys.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::common::{Applied, Estimate};

/// All journeys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Journeys {
    /// What the filter did.
    pub applied: Applied,
    /// Order of journey.yaml.
    pub journeys: Vec<JourneyRow>,
}

/// A journey in the list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JourneyRow {
    /// Name in journey.yaml.
    pub journey: String,
    /// `person`, `reference`, `conversation` or `session`.
    pub scope: String,
    /// Distinct people.
    pub people: u64,
    /// Reached the goal; where there is no goal: ended.
    pub completed: u64,
    /// Ended before the goal.
    pub dropped: u64,
    /// Still open.
    pub open: u64,
    /// completed / (completed + dropped), Wilson; not computed where there is no goal.
    pub completion: Estimate,
}

/// Where do people get lost, wait, give up?
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Journey {
    /// What the filter did.
    pub applied: Applied,
    /// Name in journey.yaml.
    pub journey: String,
    /// `person`, `reference`, `conversation` or `session`.
    pub scope: String,
    /// Distinct people.
    pub people: u64,
    /// Reached the goal; where there is no goal: ended.
    pub completed: u64,
    /// Ended before the goal.
    pub dropped: u64,
    /// Still open.
    pub open: u64,
    /// In order of position, from the first to the last that anybody reached.
    pub stages: Vec<Stage>,
    /// By n descending, up to 500; `(start)` and `(end)` are steps too.
    pub transitions: Vec<Transition>,
    /// Worst first, at most 12.
    pub friction: Vec<Friction>,
}

/// A stage of a journey.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Stage {
    /// Order, from 1.
    pub position: u64,
    /// Stage.
    pub stage: String,
    /// People who reached it.
    pub people: u64,
    /// Of them, people who reached a later stage.
    pub continued: u64,
    /// continued / people, Wilson; last stage: reason `last_stage`.
    pub conversion: Estimate,
    /// Median time to a later stage; null: nobody did.
    pub median_ms: Option<i64>,
}

/// A pair of steps that follow each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Transition {
    /// Event name, or (start).
    pub from_step: String,
    /// Event name, or (end).
    pub to_step: String,
    /// How often.
    pub n: u64,
    /// Distinct people.
    pub people: u64,
    /// null at start and end.
    pub median_wait_ms: Option<i64>,
    /// null at start and end.
    pub p90_wait_ms: Option<i64>,
}

/// A place where people are lost, wait or go in circles.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Friction {
    /// `drop_off`, `wait` or `repeat`.
    pub kind: String,
    /// Event name.
    pub from_step: String,
    /// Event name; null for a drop-off.
    pub to_step: Option<String>,
    /// How often.
    pub n: u64,
    /// Distinct people.
    pub people: u64,
    /// Of those who came to `from_step`.
    pub share: Estimate,
    /// Median wait.
    pub median_wait_ms: Option<i64>,
    /// 90th percentile of the wait.
    pub p90_wait_ms: Option<i64>,
}
