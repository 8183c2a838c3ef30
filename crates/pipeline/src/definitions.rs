//! What the project's files say to the pipeline, already parsed and checked.

pub use clew_identity::Rules;
pub use clew_insight::metric::Metric;
pub use clew_journey::Definition as JourneyDefinition;
use serde::Serialize;

use crate::run::Step;

/// The definitions of a project.
#[derive(Clone, Debug, Serialize)]
pub struct Definitions {
    /// IANA zone of calendar periods.
    pub timezone: String,
    /// Currency of profile values; `None`: a person's value exists where all amounts share one.
    pub currency: Option<String>,
    /// Language of text whose language cannot be told.
    pub language: Option<String>,
    /// Names of the events whose amounts make a person's value; empty: all events with an amount.
    pub value_events: Vec<String>,
    /// `identity.yaml`.
    pub rules: Rules,
    /// `journey.yaml`.
    pub journey: clew_journey::Definition,
    /// `metrics.yaml`.
    pub metrics: Vec<Metric>,
    /// Seed of bootstraps and clusterings.
    pub seed: u64,
}

impl Definitions {
    /// The part of the definitions that `step` depends on, as text: what changed when a step has to run in full.
    pub(crate) fn text_of(&self, step: Step) -> String {
        match step {
            Step::Identity => json(&self.rules),
            Step::Profiles => json(&(&self.currency, &self.value_events, &self.journey)),
            Step::Journeys => json(&self.journey),
            Step::Metrics => json(&(&self.timezone, &self.metrics)),
            Step::Voice => json(&(&self.language, self.seed, &self.timezone)),
            Step::Drivers => json(&(&self.metrics, self.seed)),
        }
    }
}

fn json(part: &impl Serialize) -> String {
    serde_json::to_string(part).expect("definitions are plain data with text keys")
}
