//! File sources into the lake.
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
//! Both conservation equations are counted per file: rows read = mapped + skipped + unreadable, and per target facts
//! produced = stored + duplicate + quarantined + rejected.

mod job;
mod lookups;
mod quarantine;
mod report;
mod run;
mod snapshot;
mod workers;

use std::collections::BTreeSet;

use clew_lake::{AppendError, Lake, StorageError};
use datafusion::error::DataFusionError;

pub(crate) use self::job::{FileWork, Job, nothing_to_read, origin, parse_all, prepare_work};
pub(crate) use self::lookups::Loaded;
pub(crate) use self::quarantine::{ForReplay, Place, Refused, parse_row_key, quarantine_id, row_key, rows as quarantine_rows};
pub use self::report::{FileReport, ImportReport, RowReport, SourceReport, TargetReport};
use self::run::Importer;
pub(crate) use self::workers::{Context as BlockContext, Mapped};
use crate::mapping::Engine;
use crate::nearest::nearest;
use crate::reader::ReadError;
use crate::spec::{Problem, Severity, Source, Sources};

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
    /// A worker died.
    #[error("a worker of the import stopped; please report it with the log")]
    Worker,
}

impl ImportError {
    /// What is wrong with the project, where that is all it is.
    pub(crate) fn into_problems(self) -> Vec<Problem> {
        match self {
            Self::Refused(problems) => problems,
            other => vec![Problem {
                path: std::path::PathBuf::new(),
                line: None,
                column: None,
                message: other.to_string(),
                remedy: "see `clew check`".into(),
                severity: Severity::Error,
            }],
        }
    }

    /// Whether input or project are to blame (exit code 1) and not the machine (3).
    pub fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Refused(_) | Self::Read(_) | Self::TooManyDeleted { .. } | Self::Append(AppendError::DiskFull { .. })
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

/// Imports the sources `names` (all when empty) into `lake`.
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
    let (mut jobs, mut problems) = (Vec::new(), Vec::new());
    for source in &selected {
        match Job::prepare(sources, &engine, &rules, source).await {
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
    let mut report = ImportReport { sources: Vec::new() };
    // Lookups first: they are counted before the facts that were made with them.
    jobs.sort_by_key(|job| !job.is_lookup_only());
    for job in &jobs {
        let lookup = loaded.find(&job.source.name);
        report.sources.push(match lookup.filter(|_| job.is_lookup_only()) {
            Some(lookup) => importer.count_lookup(job, lookup).await?,
            None => importer.run(job).await?,
        });
    }
    Ok(report)
}

fn select<'a>(sources: &'a Sources, names: &[String]) -> Result<Vec<&'a Source>, ImportError> {
    let unknown: Vec<Problem> =
        names.iter().filter(|name| sources.find(name).is_none()).map(|name| unknown_source(sources, name)).collect();
    if !unknown.is_empty() {
        return Err(ImportError::Refused(unknown));
    }
    let live: Vec<Problem> = names
        .iter()
        .filter_map(|name| sources.find(name).filter(|source| source.spec.api.is_some()))
        .map(|source| Problem {
            path: source.yaml_path.clone(),
            line: None,
            column: None,
            message: format!("source {} takes its facts over HTTP: it has no files to import", source.name),
            remedy: "send them to `clew serve`, or leave it out".into(),
            severity: Severity::Error,
        })
        .collect();
    if !live.is_empty() {
        return Err(ImportError::Refused(live));
    }
    let wanted: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    Ok(sources.of_files().filter(|source| wanted.is_empty() || wanted.contains(source.name.as_str())).collect())
}

fn unknown_source(sources: &Sources, name: &str) -> Problem {
    let known: Vec<&str> = sources.sources.iter().map(|source| source.name.as_str()).collect();
    let hint = nearest(name, known.iter().copied()).map_or(String::new(), |known| format!(": did you mean {known}?"));
    Problem {
        path: sources.dir.join("sources"),
        line: None,
        column: None,
        message: format!("there is no source {name}{hint}"),
        remedy: format!("known are {}", if known.is_empty() { "none".into() } else { known.join(", ") }),
        severity: Severity::Error,
    }
}

/// The project's identifier rules, ready to use.
pub(crate) fn compile(sources: &Sources) -> Result<std::sync::Arc<clew_identity::CompiledRules>, ImportError> {
    let problem = |problem: clew_identity::Problem| Problem {
        path: sources.dir.join("identity.yaml"),
        line: None,
        column: None,
        message: format!("{}: {}", problem.path, problem.message),
        remedy: problem.remedy,
        severity: Severity::Error,
    };
    let compiled = sources.rules.compile();
    compiled.map(std::sync::Arc::new).map_err(|problems| ImportError::Refused(problems.into_iter().map(problem).collect()))
}
