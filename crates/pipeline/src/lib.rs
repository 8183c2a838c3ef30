//! The pipeline: from facts to people, journeys, scores, words and drivers.
//!
//! `clew run` goes through [`run::Step`]s; each reads tables of the lake, calls a pure crate and writes tables. This crate
//! binds the two: SQL and columns on one side, slices on the other.
//!
//! *Invariant*: it knows no HTTP and no project files; [`registry`] is the one place that binds SQL functions and views.
//!
//! | module | holds |
//! |---|---|
//! | [`run`] | the order of steps, what is skipped, the `runs` table |
//! | [`steps`] | one module a step |
//! | [`scan`] | the events of people, bucket by bucket |
//! | [`identity`] | questions and decisions about who is who |
//! | [`online`] | who is who until the next run: the lake's write-path hook |
//! | [`plain_log`], `spill_file` | answers about a file's event log of any size, without a project |
//! | [`people_log`] | the events of the lake's people as one log, and who is behind each of its numbers |
//! | [`touched`] | whose buckets have to be recomputed |
//! | [`columns`], [`writer`] | between Arrow and slices, between steps and tables |
//! | [`matching`] | files of records matched on their own, without a lake |
//! | [`functions`], [`views`] | what SQL gets from us |
//! | [`reading`] | what readers of the tables compute on top of them |

pub mod columns;
pub mod definitions;
pub mod functions;
pub mod identity;
pub mod matching;
pub mod online;
pub mod people_log;
pub mod periods;
pub mod plain_log;
pub mod reading;
pub mod run;
pub mod scan;
mod spill_file;
pub mod steps;
pub mod touched;
pub mod views;
pub mod writer;

use std::sync::Arc;

use clew_lake::Extensions;

pub use definitions::Definitions;
pub use run::{Mode, Progress, RunError, RunOptions, RunReport, Step, StepReport, run};

/// The SQL functions and views of Clew: what every session of the lake registers.
///
/// The table of the write path is empty until [`online::OnlineIdentity::register`] puts a real one in its place.
pub fn registry() -> Extensions {
    let mut extensions = Extensions {
        udfs: functions::scalars(),
        udafs: functions::aggregates(),
        udwfs: functions::windows(),
        views: views::VIEWS.iter().map(|(name, sql)| ((*name).to_owned(), (*sql).to_owned())).collect(),
        ..Extensions::default()
    };
    online::place_table(&mut extensions, online::OnlineSubjects::new(Arc::default()));
    extensions
}
