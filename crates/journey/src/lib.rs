//! What people do, in order: stages, journeys, transitions, drop-off and process maps.
//!
//! * [`definition`]: what `journey.yaml` declares, its defaults and its validation.
//! * [`stages`]: dictionary codes in, the stage of each event out.
//! * [`events`]: the columns that everything here reads, in their one order.
//! * [`journeys`]: one scan cuts the events of each person into journeys and steps.
//! * [`transitions`]: pairs of steps that follow, with exact waits; contributions of people can be taken out and put in.
//! * [`dropoff`]: who reached a stage and went on.
//! * [`process`]: the directly-follows graph and the variants of any case log.
//!
//! Input is plain slices: dense person numbers, dictionary codes and microseconds, sorted by (person, time, tie-break).
//! That order lets one scan feed every question, which is how funnels, retention and friction will join in; none of
//! them is here yet. The crate knows no storage and no clock: "now" comes in as `as_of_us`.

pub mod definition;
pub mod dropoff;
pub mod events;
pub mod journeys;
pub mod process;
pub mod stages;
pub mod transitions;

pub use definition::{Definition, Duration, JourneyRule, Problem, Scope, StageRule, Touch};
pub use dropoff::{StageFlow, stage_flow};
pub use events::{Events, NotSorted, first_and_last_seen};
pub use journeys::{Journey, JourneyId, Journeys, Outcome, build_journeys};
pub use process::{CaseLog, ProcessMap, Variant, process_map};
pub use stages::{NO_STAGE, StageTable, stage_of};
pub use transitions::{Transition, TransitionState, transitions};
