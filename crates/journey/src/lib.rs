//! What people do, in order: stages, journeys, transitions, drop-off, process maps, funnels, retention and paths.
//!
//! Of the company's own events, by the rules of `journey.yaml`:
//!
//! * [`definition`]: what `journey.yaml` declares, its defaults and its validation.
//! * [`stages`]: dictionary codes in, the stage of each event out.
//! * [`events`]: the columns that everything here reads, in their one order.
//! * [`journeys`]: one scan cuts the events of each person into journeys and steps.
//! * [`transitions`]: pairs of steps that follow, with exact waits; contributions of people can be taken out and put in.
//! * [`dropoff`]: who reached a stage and went on.
//!
//! Of any log of cases, times and activities:
//!
//! * [`log`]: events as they come from a file, brought into cases.
//! * [`scan`](scan()): one pass that answers every question below, with any number of threads.
//! * [`process`]: the directly-follows graph and the variants.
//! * [`funnel`]: how far people get through steps.
//! * [`retention`]: who comes back, by cohort.
//! * [`paths`]: how sessions begin.
//!
//! And of columns in case order ([`cases`]), one question at a time:
//!
//! * [`attribution`]: how the credit for conversions is shared among the touches before them.
//! * [`compare`](mod@compare): what differs between two groups, or between before and after.
//! * [`conformance`](mod@conformance): actual against intended path, a [`process_tree`] of what is allowed.
//! * [`friction`](mod@friction): where people repeat themselves, wait, are sent around or give up.
//! * [`survival`]: how long until something happens, where for some it has not happened yet.
//!
//! Input is plain slices: case numbers, dictionary codes and microseconds. The crate knows no storage and no clock: "now" comes in as `as_of_us`.

pub mod attribution;
pub mod cases;
pub mod compare;
pub mod conformance;
pub mod definition;
pub mod dropoff;
pub mod events;
pub mod friction;
pub mod funnel;
pub mod journeys;
pub mod log;
pub mod paths;
pub mod process;
pub mod process_tree;
pub mod retention;
mod scan;
pub mod stages;
pub mod survival;
pub mod transitions;
mod waits;

pub use attribution::{Attribution, AttributionQuestion, TouchPath, attribute, touch_paths};
pub use cases::CaseOrder;
pub use compare::{CompareQuestion, Compared, Difference, Differences, Side, compare};
pub use conformance::{Conformance, ConformanceQuestion, conformance};
pub use definition::{Definition, Duration, JourneyRule, Problem, Scope, StageRule, Touch};
pub use dropoff::{StageFlow, stage_flow};
pub use events::{Events, NotSorted, first_and_last_seen};
pub use friction::{Finding, FirstContact, Friction, FrictionEvents, Kind, Occurrence, Thresholds, friction, occurrences};
pub use funnel::{BadFunnel, Funnel, FunnelGroup};
pub use journeys::{Journey, JourneyId, Journeys, Outcome, build_journeys};
pub use log::{Chunk, Log, Traces};
pub use paths::{Path, PathQuestion, Paths};
pub use process::{Edge, ProcessMap, ProcessQuestion, Variant};
pub use process_tree::ProcessTree;
pub use retention::{BadPeriods, Cohort, Periods};
pub use scan::{Answers, Questions, scan};
pub use stages::{NO_STAGE, StageTable, stage_of};
pub use transitions::{Transition, TransitionState, transitions};
