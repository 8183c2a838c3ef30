//! The steps of `clew run`. A step reads tables and writes tables; steps do not call each other.

pub mod drivers;
pub mod identity;
pub mod journeys;
pub mod metrics;
pub mod profiles;
pub mod voice;

use crate::run::{Outcome, RunError, Step, StepContext};

/// Runs `step`.
pub(crate) async fn run(step: Step, context: &StepContext<'_>) -> Result<Outcome, RunError> {
    match step {
        Step::Identity => identity::run(context).await,
        Step::Profiles => profiles::run(context).await,
        Step::Journeys => journeys::run(context).await,
        Step::Metrics => metrics::run(context).await,
        Step::Voice => voice::run(context).await,
        Step::Drivers => drivers::run(context).await,
    }
}
