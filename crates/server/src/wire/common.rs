//! What several pages use: estimates, the filter bar, errors, the store at a glance.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::work::{Job, RunSummary};

/// An estimate with its uncertainty.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Estimate {
    /// The value; null: `reason` says why.
    pub estimate: Option<f64>,
    /// Lower bound.
    pub lower: Option<f64>,
    /// Upper bound.
    pub upper: Option<f64>,
    /// Observations counted.
    pub n: u64,
    /// Confidence level, 0.95.
    pub level: f64,
    /// `adjusted_wald`, `wilson`, `student_t`, `bootstrap`, `newcombe`, `mover`, `welch` or `none`.
    pub method: String,
    /// `too_few` (n < 5), `empty`, `no_variance`, `not_computed`, `last_stage`; null where nothing is missing.
    #[serde(default)]
    pub reason: Option<String>,
}

/// The one filter bar.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Filter {
    /// `all`, or a calendar period in the project's zone: `2026`, `2026-Q2`, `2026-06`, `2026-W23`, `2026-06-30`.
    #[serde(default)]
    pub period: Option<String>,
    /// A dimension of the scores table; only together with `slice`.
    #[serde(default)]
    pub slice_by: Option<String>,
    /// A value of that dimension.
    #[serde(default)]
    pub slice: Option<String>,
    /// A channel of the glossary.
    #[serde(default)]
    pub channel: Option<String>,
}

/// Which parts of the filter the answer honours; true also where that part was not given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Applied {
    /// The period.
    pub period: bool,
    /// The slice.
    pub slice: bool,
    /// The channel.
    pub channel: bool,
}

/// An error of any kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ErrorBody {
    /// What went wrong.
    pub error: ErrorDetail,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ErrorDetail {
    /// Stable code; see docs/API.md.
    pub code: String,
    /// What happened, what to do.
    pub message: String,
    /// The id to quote; `x-request-id` repeats it.
    pub request_id: String,
    /// Further facts, depending on the code.
    #[schema(value_type = Option<Object>)]
    pub details: Option<serde_json::Value>,
}

/// What this store is and which pages have something to show.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Meta {
    /// Name of the company.
    pub company: String,
    /// IANA zone.
    pub timezone: String,
    /// ISO 4217; null: none declared.
    pub currency: Option<String>,
    /// Default language, ISO 639-1; null: none declared.
    pub language: Option<String>,
    /// Version of the binary.
    pub version: String,
    /// First `occurred_at` or `answered_at`; null: no facts yet.
    pub data_from: Option<String>,
    /// Last `occurred_at` or `answered_at`; null: no facts yet.
    pub data_until: Option<String>,
    /// The newest run, finished or not; null: never ran.
    pub last_run: Option<RunSummary>,
    /// When the schedule will look next; null: no schedule.
    pub next_run_at: Option<String>,
    /// Work that is queued or running now; null: idle.
    pub job: Option<Job>,
    /// Pages with something to show.
    pub capabilities: Vec<String>,
    /// In the order of metrics.yaml.
    pub metrics: Vec<MetricDefinition>,
    /// Names in journey.yaml, in order.
    pub journeys: Vec<String>,
    /// Periods the filter offers, coarse to fine, newest first; `all` first.
    pub periods: Vec<PeriodChoice>,
    /// Dimensions and values the filter offers.
    pub slices: Vec<SliceChoice>,
    /// Channels that occur in events or responses, by number descending.
    pub channels: Vec<String>,
}

/// A period that the filter offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PeriodChoice {
    /// `all`, `2026`, `2026-Q2`, `2026-06`, `2026-W23`, `2026-06-30`.
    pub value: String,
    /// `all`, `year`, `quarter`, `month`, `week`, `day`.
    pub period: String,
    /// First local day; null for `all`.
    pub start: Option<String>,
}

/// A dimension that the filter offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SliceChoice {
    /// The dimension.
    pub slice_by: String,
    /// Its values, by n descending, at most 50.
    pub values: Vec<SliceSize>,
}

/// A value of a dimension.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SliceSize {
    /// The value.
    pub slice: String,
    /// Answers in it.
    pub n: u64,
}

/// A metric as metrics.yaml defines it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MetricDefinition {
    /// Name in metrics.yaml.
    pub metric: String,
    /// `nps`, `csat`, `ces`, `mean` or `share`.
    pub kind: String,
    /// Hash of the definition.
    pub version: String,
    /// Survey; null: any.
    pub survey: Option<String>,
    /// Question; null: any.
    pub question: Option<String>,
    /// Lowest score.
    pub scale_min: Option<f64>,
    /// Highest score.
    pub scale_max: Option<f64>,
    /// Whose answers count.
    pub population: String,
    /// The grain of its trend.
    pub period: String,
    /// In the estimate's unit; null: none.
    pub target: Option<f64>,
    /// Dimensions it is sliced by.
    pub slices: Vec<String>,
    /// Whether drivers are computed for it.
    pub drivers: bool,
    /// The definition in one sentence.
    pub definition: String,
}
