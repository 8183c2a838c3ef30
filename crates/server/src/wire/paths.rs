//! Process map, variants, funnel, retention, paths: what people's events tell, and who is behind it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::common::{Applied, Estimate};
use super::people::PersonRow;

/// What follows what?
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProcessMap {
    /// What the filter did.
    pub applied: Applied,
    /// A case is one journey of this name; null: a person.
    pub journey: Option<String>,
    /// Cases.
    pub cases: u64,
    /// Distinct people.
    pub people: u64,
    /// Events.
    pub events: u64,
    /// Different variants.
    pub variants: u64,
    /// Pairs of events that follow each other, drawn or not.
    pub moves: u64,
    /// By n descending, up to 200.
    pub activities: Vec<ActivityCount>,
    /// Cases by the activity that begins them, by n descending, up to 200.
    pub start: Vec<ActivityCount>,
    /// Cases by the activity that ends them, by n descending, up to 200.
    pub end: Vec<ActivityCount>,
    /// By n descending, up to 500.
    pub edges: Vec<Edge>,
}

/// How often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ActivityCount {
    /// Event name.
    pub activity: String,
    /// How often.
    pub n: u64,
}

/// Activities that follow each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Edge {
    /// The earlier event's name.
    pub from: String,
    /// The later event's name.
    pub to: String,
    /// How often.
    pub n: u64,
    /// Median wait.
    pub median_wait_ms: f64,
    /// 90th percentile of the wait.
    pub p90_wait_ms: f64,
}

/// The ways of whole cases.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Variants {
    /// What the filter did.
    pub applied: Applied,
    /// A case is one journey of this name; null: a person.
    pub journey: Option<String>,
    /// Cases.
    pub cases: u64,
    /// Distinct people.
    pub people: u64,
    /// Different variants.
    pub variants: u64,
    /// The most frequent ones first.
    pub top: Vec<Variant>,
}

/// A way of whole cases.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Variant {
    /// In order.
    pub activities: Vec<String>,
    /// Cases that went exactly so.
    pub cases: u64,
    /// Of all cases, Wilson.
    pub share: Estimate,
    /// Share of cases that this variant and those before it cover.
    pub coverage: f64,
}

/// How far do people get?
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Funnel {
    /// What the filter did.
    pub applied: Applied,
    /// The window.
    pub window_ms: i64,
    /// `whole` or `step`: what the window bounds.
    pub within: String,
    /// `ordered`, `strict` or `any`.
    pub order: String,
    /// Activities that end every attempt.
    pub exclude: Vec<String>,
    /// People with an event of any step.
    pub people: u64,
    /// In order.
    pub steps: Vec<FunnelStep>,
    /// Median time from the first step to the last, of those who got there; null: nobody did.
    pub median_conversion_ms: Option<f64>,
    /// 90th percentile of it.
    pub p90_conversion_ms: Option<f64>,
    /// What `groups` are told apart by; null: not asked.
    pub by: Option<String>,
    /// By people descending, up to 50.
    pub groups: Vec<FunnelGroup>,
    /// What `by` may be.
    pub groupings: Vec<String>,
    /// What steps may be: event names, the most frequent first, up to 200.
    pub activities: Vec<ActivityCount>,
}

/// A step of a funnel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FunnelStep {
    /// Event name.
    pub step: String,
    /// People who got here.
    pub people: u64,
    /// Of those of the first step, Wilson.
    pub of_first: Estimate,
    /// Of those of the step before, Wilson.
    pub of_previous: Estimate,
    /// People who got no further.
    pub stopped: u64,
    /// What they did next after their last event of this step, by people descending, up to 5.
    pub next: Vec<NextActivity>,
}

/// What people did next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NextActivity {
    /// Event name; null: nothing more.
    pub activity: Option<String>,
    /// People.
    pub people: u64,
}

/// A funnel of some people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FunnelGroup {
    /// Value; null: people without one.
    pub group: Option<String>,
    /// People at each step.
    pub reached: Vec<u64>,
    /// Of those of the first step, who got to the last, Wilson.
    pub conversion: Estimate,
    /// Its conversion less that of everybody else, Newcombe.
    pub difference: Estimate,
    /// Whether the difference stands out although so many groups were looked at (Benjamini–Hochberg, false discovery rate 5 %).
    pub stands_out: bool,
}

/// Who comes back?
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Retention {
    /// What the filter did.
    pub applied: Applied,
    /// `day`, `week`, `month`, `quarter` or `year`.
    pub unit: String,
    /// Events that count; empty: all.
    pub of: Vec<String>,
    /// Last event of all; null: there is none.
    pub observed_until: Option<String>,
    /// People.
    pub people: u64,
    /// By their period; the newest 60.
    pub cohorts: Vec<Cohort>,
    /// All cohorts together, each period over those that were observed to its end.
    pub curve: Vec<CohortPeriod>,
    /// What `of` may name: event names, the most frequent first, up to 200.
    pub activities: Vec<ActivityCount>,
}

/// People who came first in one period.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Cohort {
    /// First local day of the period.
    pub cohort: String,
    /// People.
    pub people: u64,
    /// That period and those after it, at most 60.
    pub periods: Vec<CohortPeriod>,
}

/// A cohort, some periods later.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CohortPeriod {
    /// Periods later.
    pub n: u64,
    /// People who came in that period.
    pub active: u64,
    /// Whether the period was observed to its end; if not, more may come.
    pub complete: bool,
    /// Share of the cohort that came in that period, Wilson; `not_computed` unless complete.
    pub rate: Estimate,
}

/// How sessions begin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PathList {
    /// What the filter did.
    pub applied: Applied,
    /// A case is one journey of this name; null: a person.
    pub journey: Option<String>,
    /// Sessions.
    pub sessions: u64,
    /// Different paths.
    pub distinct: u64,
    /// Activities of a session that count.
    pub depth: u64,
    /// A longer silence ends a session; null: a case is one.
    pub gap_ms: Option<i64>,
    /// The most frequent ones first.
    pub paths: Vec<SessionPath>,
}

/// Activities with which sessions begin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SessionPath {
    /// In order.
    pub activities: Vec<String>,
    /// Sessions that begin so.
    pub sessions: u64,
    /// Of all sessions, Wilson.
    pub share: Estimate,
}

/// Where do people repeat themselves, wait, are sent around, or give up?
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FrictionList {
    /// What the filter did.
    pub applied: Applied,
    /// A case is one journey of this name; null: a person.
    pub journey: Option<String>,
    /// Distinct people of the selection.
    pub people: u64,
    /// By kind (what went wrong by itself, what people had to do again, what they waited for), then by people; up to 8 of a kind.
    pub findings: Vec<FrictionFinding>,
    /// Contacts that the same person did not repeat in time, of those old enough to tell, Wilson; null: there are no contacts.
    pub resolution: Option<Estimate>,
    /// The same of first contacts: without another one in the same time before.
    pub first_contact_resolution: Option<Estimate>,
    /// Contacts too young to tell.
    pub too_young: u64,
    /// Events that were taken as contacts.
    pub contacts: Vec<String>,
    /// Events that were taken as failures.
    pub failures: Vec<String>,
    /// Currency of `value`; null: the project has none.
    pub currency: Option<String>,
}

/// Friction of one kind at one place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FrictionFinding {
    /// `failure`, `repeat_contact`, `transfer`, `reopened`, `dead_end`, `long_wait`, `channel_switch`, `rage`, `back_and_forth` or `loop`.
    pub kind: String,
    /// Event name, channel (`channel_switch`) or team (`transfer`).
    pub from: String,
    /// The other one; null: there is none.
    pub to: Option<String>,
    /// How often.
    pub n: u64,
    /// Of how often it could have been, Wilson; of a failure: people, of all of the selection.
    pub share: Estimate,
    /// Distinct people.
    pub people: u64,
    /// Time lost, all together; null: the kind shows none.
    pub lost_ms: Option<i64>,
    /// What these people are worth, all together (`value` of their profiles); null: not known.
    pub value: Option<f64>,
    /// Those with most time lost, up to 5.
    pub examples: Vec<FrictionExample>,
}

/// One time that it happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FrictionExample {
    /// Person.
    pub person_id: String,
    /// Its first event.
    pub from_at: String,
    /// Its last event.
    pub to_at: String,
}

/// What differs between two groups, or between before and after?
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Comparison {
    /// What the filter did.
    pub applied: Applied,
    /// A case is one journey of this name; null: a person.
    pub journey: Option<String>,
    /// The first group, in words.
    pub a: String,
    /// The second.
    pub b: String,
    /// Cases with events of the first group.
    pub cases_a: u64,
    /// Cases with events of the second.
    pub cases_b: u64,
    /// Tests that were made.
    pub tests: u64,
    /// How many differences stand out although so many were tested.
    pub found: u64,
    /// Those that stand out first, the largest effect on cases on top; then the rest by p-value. Up to 60.
    pub differences: Vec<WayDifference>,
}

/// A difference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WayDifference {
    /// `transition` (share of visits that go on so), `wait` (median, milliseconds), `step` (share of events) or `variant` (share of cases).
    pub kind: String,
    /// Event names: from and to (only one: nothing more), the step, or the whole way.
    pub activities: Vec<String>,
    /// The figure of the first group.
    pub a: Estimate,
    /// That of the second.
    pub b: Estimate,
    /// b - a.
    pub difference: Estimate,
    /// Corrected for all tests (Benjamini–Hochberg); null: not tested.
    pub p_value: Option<f64>,
    /// Cases of the second group for which it went otherwise than it would have in the first.
    pub effect: f64,
    /// Whether it stands out (false discovery rate 5 %).
    pub stands_out: bool,
}

/// The people behind a number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PeopleBehind {
    /// How many.
    pub total: u64,
    /// By last fact, the newest first, up to `limit`. Whom no run has seen with a profile yet is counted only.
    pub people: Vec<PersonRow>,
    /// null: the end.
    pub next_cursor: Option<String>,
}
