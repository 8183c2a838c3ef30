//! Sources in other systems into the lake: objects of buckets, rows of databases.
//!
//! They go the way of files, with two differences. What is read already is known by positions that were stored in the same atomic commits
//! as the facts, so that a pull reads what is new and nothing else. And the other system may be away: it is tried [`TRIES`] times with growing
//! pauses, counted anew whenever something was stored in between; then the source is reported as failed, what was stored stays, its batch stays open,
//! and the next import goes on. Sources are pulled side by side ([`SIDE_BY_SIDE`]), so that one that is away holds nobody up.

mod objects;
mod rows;

use std::sync::Arc;
use std::time::Duration;

use clew_identity::CompiledRules;
use clew_lake::BucketError;

use super::run::Importer;
use super::{Failure, ImportError, Loaded, SourceReport};
use crate::connect::ConnectError;
use crate::mapping::Engine;
use crate::spec::{Kind, Problem, Source, Sources};

pub(crate) use self::objects::{address_of, is_wanted};
pub(crate) use self::rows::probe;

/// Sources that are pulled at once.
pub const SIDE_BY_SIDE: usize = 4;
/// Tries without any progress before a pull is given up.
const TRIES: u32 = 4;
/// The pause before the second try, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Why a pull ended early.
#[derive(Debug, thiserror::Error)]
pub(super) enum PullError {
    /// The mapping does not fit what comes.
    #[error("{}", words(.0))]
    Problems(Vec<Problem>),
    /// The database.
    #[error(transparent)]
    Database(#[from] ConnectError),
    /// The bucket.
    #[error(transparent)]
    Bucket(#[from] BucketError),
    /// Objects that cannot be read; the others are stored.
    #[error("{n} objects were not read, the others are stored; the first: {first}")]
    Objects {
        /// How many.
        n: usize,
        /// What is wrong with the first.
        first: String,
    },
    /// The lake, or a worker: nothing of the source's own.
    #[error(transparent)]
    Import(#[from] ImportError),
}

impl PullError {
    fn is_away(&self) -> bool {
        matches!(self, Self::Database(ConnectError::Away { .. }) | Self::Bucket(BucketError::Unreachable { .. }))
    }
}

fn words(problems: &[Problem]) -> String {
    let one = |problem: &Problem| {
        let line = problem.line.map_or_else(String::new, |line| format!(":{line}"));
        format!("{}{line}: {}; {}", problem.path.display(), problem.message, problem.remedy)
    };
    problems.iter().map(one).collect::<Vec<_>>().join("\n")
}

/// What every pull of an import shares.
pub(super) struct Puller<'a> {
    pub importer: &'a Importer<'a>,
    pub sources: &'a Sources,
    pub engine: &'a Engine,
    pub loaded: &'a Loaded,
    pub rules: &'a Arc<CompiledRules>,
}

/// What came of a pull: a part may be stored although it failed.
pub(super) struct PullOutcome {
    pub report: Option<SourceReport>,
    pub failure: Option<Failure>,
}

impl<'a> Puller<'a> {
    /// Pulls what is new in `source`. An error is the lake's or the machine's; what concerns the source alone is in the outcome.
    pub async fn pull(&self, source: &'a Source) -> Result<PullOutcome, ImportError> {
        let mut report = None;
        let pulled = match source.spec.kind() {
            Some(Kind::S3(bucket)) => self.objects(source, bucket, &mut report).await,
            _ => self.rows(source, &mut report).await,
        };
        let failure = match pulled {
            Ok(()) => None,
            Err(PullError::Import(error)) if !matches!(error, ImportError::Read(_) | ImportError::Refused(_)) => {
                return Err(error);
            }
            Err(error) => {
                let failure = Failure { source: source.name.clone(), message: error.to_string(), is_away: error.is_away() };
                tracing::warn!(source = source.name, error = failure.message, "a source could not be read to the end");
                Some(failure)
            }
        };
        Ok(PullOutcome { report, failure })
    }
}
