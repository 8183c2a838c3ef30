//! Sources into the lake: files, and what is pulled from other systems (see [`pull`]).
//!
//! An import has two phases. **Preparing** looks at every file of every named source: it is there and readable, its
//! columns are those that the SQL names, the SQL is row-wise and plans, the lookups have unique keys, compressed files
//! and JSON documents are whole. Any problem refuses the import before anything is stored, and all of them are told at
//! once. **Running** reads, maps and types blocks on `threads` workers and appends them in the order of the file.
//!
//! Each appended chunk carries where its file goes on, in the same atomic commit. A crash therefore leaves an open
//! batch that the next import of the same files continues behind the last whole chunk; nothing is lost or doubled. A
//! file that changed in between is a new batch, and what is stored already counts as duplicate.
//!
//! What fields look like and what expectations found is stored with each chunk. When a batch ends, it is compared with those before it, and
//! what is not as expected becomes alarms.
//!
//! Both conservation equations are counted per file: rows read = mapped + skipped + unreadable, and per target facts
//! produced = stored + duplicate + quarantined + rejected.

mod job;
mod lookups;
mod pull;
mod quality;
mod quarantine;
mod report;
mod run;
mod snapshot;
mod workers;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clew_lake::{AppendError, Lake, StorageError};
use datafusion::error::DataFusionError;
use futures::{StreamExt, TryStreamExt};

pub(crate) use self::job::{
    FileWork, Job, MOST_PLANS, Plan, Planner, expectations_of, of_expectations, origin, parse_all, prepare_work,
};
use self::job::{place_of, version_of};
pub use self::lookups::Loaded;
use self::pull::{Puller, SIDE_BY_SIDE};
pub(crate) use self::pull::{address_of, is_wanted, probe};
pub(crate) use self::quality::{FailedCheck, batch_tests, column_missing, expectation};
pub(crate) use self::quarantine::{ForReplay, Place, Refused, parse_row_key, quarantine_id, row_key, rows as quarantine_rows};
pub use self::report::{Failure, FileReport, ImportReport, RowReport, SourceReport, TargetReport};
use self::run::Importer;
pub(crate) use self::workers::{COLUMN_MISSING, Context as BlockContext, Mapped};
use crate::alarm::AlarmError;
use crate::drift::known_columns;
use crate::mapping::Engine;
use crate::nearest::nearest;
use crate::reader::{FileStamp, ReadError};
use crate::spec::{Kind, Problem, Severity, Source, Sources};

/// Hears how an import goes on.
pub trait Progress: Sync {
    /// `rows` more rows of `file` are stored.
    fn stored(&self, source: &str, file: &str, rows: u64);
}

/// Nobody listens.
impl Progress for () {
    fn stored(&self, _: &str, _: &str, _: u64) {}
}

/// Why an import ended early.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The input or the project is wrong; nothing was stored.
    #[error("{}", refusals(.0))]
    Refused(Vec<Problem>),
    /// A file broke while it was being read; what was stored before stays, and the batch is open to go on.
    #[error("{0}")]
    Read(#[from] ReadError),
    /// A complete export lacks too many ids; nothing was stored.
    #[error(
        "source {source_name}: {missing} of {known} known ids of {table} are missing from this export, more than `max_deleted: {limit}` allows; \
         nothing was stored: check that the export is complete, or raise max_deleted"
    )]
    TooManyDeleted {
        /// The source.
        source_name: String,
        /// The table.
        table: &'static str,
        /// Ids that the export lacks.
        missing: usize,
        /// Ids that the lake has.
        known: usize,
        /// The share allowed.
        limit: f64,
    },
    /// The lake refused a chunk.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The engine failed.
    #[error("the SQL engine failed: {0}")]
    Engine(#[from] DataFusionError),
    /// Alarms could not be written.
    #[error("writing alarms: {0}")]
    Alarm(#[from] AlarmError),
    /// A worker died.
    #[error("a worker of the import stopped; please report it with the log")]
    Worker,
}

impl ImportError {
    /// What is wrong with the project, where that is all it is.
    pub(crate) fn into_problems(self) -> Vec<Problem> {
        match self {
            Self::Refused(problems) => problems,
            other => vec![Problem::in_file("", other.to_string(), "see `clew check`")],
        }
    }

    /// Whether input or project are to blame (exit code 1) and not the machine (3).
    pub fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Refused(_)
                | Self::Read(_)
                | Self::TooManyDeleted { .. }
                | Self::Append(AppendError::DiskFull { .. })
                | Self::Alarm(AlarmError::Append(AppendError::DiskFull { .. }))
        )
    }
}

fn refusals(problems: &[Problem]) -> String {
    use std::fmt::Write;
    let mut text = String::from("the import was refused, nothing was stored:");
    for problem in problems {
        let place = match (problem.line, problem.column) {
            (Some(line), Some(column)) => format!(":{line}:{column}"),
            (Some(line), None) => format!(":{line}"),
            _ => String::new(),
        };
        let _ = write!(text, "\n{}{place}: {}; {}", problem.path.display(), problem.message, problem.remedy);
    }
    text
}

/// Forgets how far the sources `names` are read: the next import reads them from their beginning, and meets what is stored as duplicates.
pub fn begin_anew(lake: &Lake, names: &[String]) -> Result<(), StorageError> {
    names.iter().try_for_each(|name| lake.batches().forget_positions(name, |_| false).map(drop))
}

/// Imports the sources `names` (all when empty) into `lake`. What is wrong with files refuses everything before anything is stored; a source
/// in another system that cannot be read is reported among the failed, and holds up no other.
pub async fn import(
    lake: &Lake,
    sources: &Sources,
    names: &[String],
    progress: &dyn Progress,
) -> Result<ImportReport, ImportError> {
    let selected = select(sources, names)?;
    let rules = compile(sources)?;
    let loaded = Loaded::read(sources, &selected)?;
    let engine = Engine::new(loaded.tables())?;
    let (pulled, filed): (Vec<&Source>, Vec<&Source>) =
        selected.iter().copied().partition(|source| source.spec.kind().is_some_and(Kind::is_pulled));
    let (mut jobs, mut problems) = (Vec::new(), Vec::new());
    for source in filed {
        let known = known_columns(lake, &source.name).await?;
        match Job::prepare(sources, (&engine, &loaded), &rules, (source, &|_: &Path| true), &known).await {
            Ok(job) => jobs.push(job),
            Err(found) => problems.extend(found.into_iter().filter(|problem| problem.severity == Severity::Error)),
        }
    }
    if !problems.is_empty() {
        return Err(ImportError::Refused(problems));
    }
    let importer = Importer::new(lake, progress);
    for job in &jobs {
        importer.refuse_mass_deletion(job).await?;
    }
    // Lookups first: they are counted before the facts that were made with them.
    jobs.sort_by_key(|job| !job.is_lookup_only());
    let puller = Puller { importer: &importer, sources, engine: &engine, loaded: &loaded, rules: &rules };
    let pulls = futures::stream::iter(pulled).map(|source| puller.pull(source)).buffered(SIDE_BY_SIDE).try_collect::<Vec<_>>();
    let (reports, outcomes) = futures::future::try_join(run_jobs(&importer, &jobs, &loaded), pulls).await?;
    let mut report = ImportReport { sources: reports, failed: Vec::new() };
    for outcome in outcomes {
        report.sources.extend(outcome.report);
        report.failed.extend(outcome.failure);
    }
    Ok(report)
}

/// The files of `source` as the file system shows them now.
pub fn stamps(sources: &Sources, source: &Source) -> Result<Vec<(PathBuf, FileStamp)>, ReadError> {
    crate::reader::stamps(&sources.dir, source.spec.files.as_ref())
}

/// Takes in those of the files `paths` of the source `name` whose content was not taken in before, by whomever. Where files mean something only
/// together, all of them. One that cannot be read is reported among the failed, and holds up no other.
pub async fn take_in(
    lake: &Lake,
    sources: &Sources,
    name: &str,
    paths: &BTreeSet<PathBuf>,
    progress: &dyn Progress,
) -> Result<ImportReport, ImportError> {
    let mut report = ImportReport { sources: Vec::new(), failed: Vec::new() };
    let Some(source) = sources.find(name) else { return Err(ImportError::Refused(vec![unknown_source(sources, name)])) };
    let mut new = BTreeSet::new();
    for path in paths {
        if is_new(lake, source, path)? {
            new.insert(path.as_path());
        }
    }
    if new.is_empty() {
        return Ok(report);
    }
    if source.spec.is_whole() {
        return import(lake, sources, &[name.to_owned()], progress).await;
    }
    let rules = compile(sources)?;
    let loaded = Loaded::read(sources, &[source])?;
    let engine = Engine::new(loaded.tables())?;
    let known = known_columns(lake, name).await?;
    let importer = Importer::new(lake, progress);
    match Job::prepare(sources, (&engine, &loaded), &rules, (source, &|path: &Path| new.contains(path)), &known).await {
        Ok(job) => report.sources.push(importer.run(&job).await?),
        // One of them is to blame: each for itself.
        Err(_) => {
            for one in new {
                let job = Job::prepare(sources, (&engine, &loaded), &rules, (source, &|path: &Path| path == one), &known).await;
                match job {
                    Ok(job) => report.sources.push(importer.run(&job).await?),
                    Err(problems) => {
                        let message = ImportError::Refused(problems).to_string();
                        report.failed.push(Failure { source: name.to_owned(), message, is_away: false });
                    }
                }
            }
        }
    }
    Ok(report)
}

/// Whether this version of the file was not taken in yet. One that cannot be read is new: reading it tells why.
fn is_new(lake: &Lake, source: &Source, path: &Path) -> Result<bool, StorageError> {
    let known = lake.batches().position(&source.name, &place_of(path))?;
    Ok(known.is_none_or(|known| version_of(source, path).is_none_or(|version| known != version.to_le_bytes())))
}

async fn run_jobs<'a>(importer: &Importer<'a>, jobs: &'a [Job<'a>], loaded: &Loaded) -> Result<Vec<SourceReport>, ImportError> {
    let mut reports = Vec::new();
    for job in jobs {
        let lookup = loaded.find(&job.source.name);
        reports.push(match lookup.filter(|_| job.is_lookup_only()) {
            Some(lookup) => importer.count_lookup(job, lookup).await?,
            None => importer.run(job).await?,
        });
    }
    Ok(reports)
}

fn select<'a>(sources: &'a Sources, names: &[String]) -> Result<Vec<&'a Source>, ImportError> {
    let unknown: Vec<Problem> =
        names.iter().filter(|name| sources.find(name).is_none()).map(|name| unknown_source(sources, name)).collect();
    if !unknown.is_empty() {
        return Err(ImportError::Refused(unknown));
    }
    let live: Vec<Problem> = names
        .iter()
        .filter_map(|name| sources.find(name).filter(|source| source.spec.kind().is_some_and(|kind| !kind.is_imported())))
        .map(|source| match source.spec.followed() {
            Some(_) => Problem::in_source(
                source,
                "",
                format!("source {} follows a stream: it has no end to import to", source.name),
                "let `clew serve` follow it, or read what is there with `clew import --until-empty`",
            ),
            None => Problem::in_source(
                source,
                "/api",
                format!("source {} takes its facts over HTTP: it has no files to import", source.name),
                "send them to `clew serve`, or leave it out",
            ),
        })
        .collect();
    if !live.is_empty() {
        return Err(ImportError::Refused(live));
    }
    let wanted: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    Ok(sources.imported().filter(|source| wanted.is_empty() || wanted.contains(source.name.as_str())).collect())
}

fn unknown_source(sources: &Sources, name: &str) -> Problem {
    let known: Vec<&str> = sources.sources.iter().map(|source| source.name.as_str()).collect();
    let hint = nearest(name, known.iter().copied()).map_or(String::new(), |known| format!(": did you mean {known}?"));
    let remedy = format!("known are {}", if known.is_empty() { "none".into() } else { known.join(", ") });
    Problem::in_file(sources.dir.join("sources"), format!("there is no source {name}{hint}"), remedy)
}

/// The project's identifier rules, ready to use.
pub(crate) fn compile(sources: &Sources) -> Result<std::sync::Arc<clew_identity::CompiledRules>, ImportError> {
    let problem = |problem: clew_identity::Problem| {
        let message = format!("{}: {}", problem.path, problem.message);
        Problem::in_file(sources.dir.join("identity.yaml"), message, problem.remedy)
    };
    let compiled = sources.rules.compile();
    compiled.map(std::sync::Arc::new).map_err(|problems| ImportError::Refused(problems.into_iter().map(problem).collect()))
}
