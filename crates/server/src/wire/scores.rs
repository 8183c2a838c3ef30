//! Overview, scores and drivers.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::common::{Applied, Estimate, MetricDefinition};
use super::journeys::Stage;

/// How is the experience, and what changed?
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Overview {
    /// What the filter did.
    pub applied: Applied,
    /// One a metric, order of metrics.yaml.
    pub scores: Vec<ScoreCard>,
    /// What changed beyond chance, most telling first, at most 8.
    pub changes: Vec<Change>,
    /// The first three drivers of the first metric that has some; null: none computed.
    pub drivers: Option<TopDrivers>,
    /// The stage of each journey that loses the largest share (people ≥ 5).
    pub weakest_stages: Vec<WeakestStage>,
    /// What stands behind it all, whole store.
    pub counts: Counts,
    /// Conservation at a glance.
    pub data: DataGlance,
}

/// A metric's score with its trend.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScoreCard {
    /// Name in metrics.yaml.
    pub metric: String,
    /// `nps`, `csat`, `ces`, `mean` or `share`.
    pub kind: String,
    /// For the filter's period and slice.
    pub score: Estimate,
    /// In the estimate's unit; null: none.
    pub target: Option<f64>,
    /// Oldest first, at most the 24 newest.
    pub trend: Vec<TrendPoint>,
    /// The last full period against the one before it; null: fewer than two periods.
    pub change: Option<ScoreChange>,
}

/// A score in a period.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TrendPoint {
    /// First local day.
    pub period_start: String,
    /// The score.
    pub score: Estimate,
    /// True: the data ends inside this period.
    pub partial: bool,
}

/// Two periods compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScoreChange {
    /// now − before, with the interval of the difference.
    pub difference: Estimate,
    /// The grain.
    pub period: String,
    /// First day of the later period.
    pub period_start: String,
    /// First day of the earlier period.
    pub previous_start: String,
    /// `up` or `down` when the interval of the difference leaves out 0, else `unclear`.
    pub verdict: String,
}

/// A thing that changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Change {
    /// A metric moved.
    Score(MetricMoved),
    /// A slice of a metric moved.
    Slice(SliceMoved),
    /// A theme is talked about more than before.
    Theme(ThemeEmerged),
}

/// A metric that moved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MetricMoved {
    /// The metric.
    pub metric: String,
    /// Its kind.
    pub metric_kind: String,
    /// now − before.
    pub difference: Estimate,
    /// The grain.
    pub period: String,
    /// First day of the later period.
    pub period_start: String,
    /// First day of the earlier period.
    pub previous_start: String,
    /// `up` or `down`.
    pub verdict: String,
    /// The later value.
    pub now: Estimate,
    /// The earlier value.
    pub before: Estimate,
}

/// A slice of a metric that moved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SliceMoved {
    /// The dimension.
    pub slice_by: String,
    /// Its value.
    pub slice: String,
    /// The metric.
    pub metric: String,
    /// Its kind.
    pub metric_kind: String,
    /// now − before.
    pub difference: Estimate,
    /// The grain.
    pub period: String,
    /// First day of the later period.
    pub period_start: String,
    /// First day of the earlier period.
    pub previous_start: String,
    /// `up` or `down`.
    pub verdict: String,
    /// The later value.
    pub now: Estimate,
    /// The earlier value.
    pub before: Estimate,
}

/// A theme that emerged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ThemeEmerged {
    /// The theme.
    pub theme_id: String,
    /// Its top terms.
    pub name: String,
    /// Last period's rate over its history.
    pub surge_ratio: f64,
    /// Adjusted p-value.
    pub surge_p: f64,
    /// Comments.
    pub n: u64,
}

/// The first drivers of a metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TopDrivers {
    /// The metric.
    pub metric: String,
    /// Of the whole model.
    pub r_squared: Option<f64>,
    /// Answers used.
    pub n: u64,
    /// By rank, at most three.
    pub top: Vec<Driver>,
}

/// The stage of a journey that loses the largest share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WeakestStage {
    /// The journey.
    pub journey: String,
    /// The stage.
    pub stage: Stage,
}

/// What stands behind it all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Counts {
    /// Customers.
    pub people: u64,
    /// Events.
    pub events: u64,
    /// Answers.
    pub responses: u64,
    /// Text units.
    pub comments: u64,
    /// Sources of the project.
    pub sources: u64,
}

/// Conservation at a glance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DataGlance {
    /// Both equations hold for every source.
    pub balanced: bool,
    /// Facts in quarantine.
    pub quarantined: u64,
    /// Rows that could not be read.
    pub unreadable: u64,
}

/// Can I trust this number, and for whom does it differ?
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Scores {
    /// What the filter did.
    pub applied: Applied,
    /// The metric.
    pub metric: MetricDefinition,
    /// For the filter's period and slice.
    pub score: Estimate,
    /// Oldest first.
    pub trend: Vec<TrendPoint>,
    /// The last full period against the one before it.
    pub change: Option<ScoreChange>,
    /// Every slice in the filter's period.
    pub slices: Vec<Dimension>,
    /// Answers by score; null: not on a scale of whole steps.
    pub distribution: Option<Vec<ScoreCount>>,
    /// Survey health in the filter's period.
    pub health: Health,
}

/// A dimension with its slices.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Dimension {
    /// The dimension.
    pub slice_by: String,
    /// By n descending.
    pub slices: Vec<SliceScore>,
}

/// A score of a slice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SliceScore {
    /// The value of the dimension.
    pub slice: String,
    /// Its score.
    pub score: Estimate,
}

/// How often a score was given.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScoreCount {
    /// The score.
    pub score: f64,
    /// How often.
    pub n: u64,
}

/// Survey health.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// Answers on the scale.
    pub answers: u64,
    /// Answers outside it.
    pub out_of_scale: u64,
    /// Answered / invited.
    pub response_rate: Estimate,
}

/// What moves the score?
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Drivers {
    /// The filter bar does not apply.
    pub applied: Applied,
    /// null: no metric has drivers yet.
    pub metric: Option<MetricDefinition>,
    /// The segment.
    pub segment: String,
    /// Metrics with drivers.
    pub metrics: Vec<String>,
    /// Segments for this metric, `all` first.
    pub segments: Vec<String>,
    /// Answers used.
    pub n: u64,
    /// Of the whole model, 0..1.
    pub r_squared: Option<f64>,
    /// Families, by rank.
    pub families: Vec<Driver>,
    /// By rank.
    pub drivers: Vec<Driver>,
    /// By statistic descending.
    pub screened_out: Vec<ScreenedOut>,
}

/// A driver.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Driver {
    /// Candidate.
    pub driver: String,
    /// Its family.
    pub family: String,
    /// `numeric`, `boolean`, `category` or `family`.
    pub kind: String,
    /// Pareto order, from 1.
    pub rank: u64,
    /// Share of R² (LMG), with the bootstrap interval.
    pub importance: Estimate,
    /// Cumulative share in Pareto order.
    pub cumulative: Option<f64>,
    /// Among the vital few.
    pub vital_few: bool,
    /// Signed association in score points.
    pub effect: Option<f64>,
    /// Signed standardised coefficient.
    pub association: Option<f64>,
    /// Share of answers where it is present, or mean.
    pub performance: Option<f64>,
}

/// A candidate that was screened out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScreenedOut {
    /// Candidate.
    pub driver: String,
    /// Its family.
    pub family: String,
    /// Its kind.
    pub kind: String,
    /// Squared correlation with the score.
    pub statistic: Option<f64>,
    /// Adjusted.
    pub p_value: Option<f64>,
    /// Why.
    pub reason: String,
    /// Answers used.
    pub n: u64,
}
