//! What one source is about to do, found to be possible: its files, their programs and typers.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use clew_identity::CompiledRules;
use jiff::tz::TimeZone;
use xxhash_rust::xxh3::Xxh3;

use crate::mapping::{Engine, Parsed, Program, SqlProblem};
use crate::reader::{ReadError, ReadOptions, Reader, fingerprint, list};
use crate::spec::{Mapping, Mode, Problem, Severity, Source, Sources};
use crate::typing::cleansing::conventions::Conventions;
use crate::typing::{Origin, Typer, slots};

/// One file of a job.
pub struct FileJob {
    /// Where it is.
    pub path: PathBuf,
    /// As facts name it.
    pub name: String,
    /// How it is read, hashes of rows included when a mapping needs them.
    pub options: ReadOptions,
    /// What is done with it; files with the same columns share it.
    pub work: Arc<FileWork>,
}

/// Mappings over the columns of some files.
pub struct FileWork {
    /// The planned mappings.
    pub program: Program,
    /// One typer per mapping.
    pub typers: Vec<Typer>,
    /// Columns that an open-ended file may have beyond those of its first rows.
    pub added: Vec<String>,
}

/// One source, ready to run.
pub struct Job<'a> {
    /// The source.
    pub source: &'a Source,
    /// Its files, sorted.
    pub files: Vec<FileJob>,
    /// Changes when a file, the SQL or the options do.
    pub fingerprint: String,
    /// What is odd without being wrong.
    pub warnings: Vec<Problem>,
}

/// Parses every mapping of `source`; problems carry the file of the SQL.
pub fn parse_all(engine: &Engine, source: &Source) -> Result<Vec<Parsed>, Vec<Problem>> {
    let (mut parsed, mut problems) = (Vec::new(), Vec::new());
    for mapping in &source.mappings {
        match engine.parse(&mapping.sql) {
            Ok(one) => parsed.push(one),
            Err(found) => problems.extend(found.into_iter().map(|problem| in_file(mapping, problem))),
        }
    }
    if problems.is_empty() { Ok(parsed) } else { Err(problems) }
}

fn in_file(mapping: &Mapping, problem: SqlProblem) -> Problem {
    Problem {
        path: mapping.path.clone(),
        line: problem.line,
        column: problem.column,
        message: problem.message,
        remedy: problem.remedy,
        severity: Severity::Error,
    }
}

/// A file's error as a problem of its source.
pub fn of_file(source: &Source, error: ReadError) -> Problem {
    let (message, remedy) = match error {
        ReadError::Format { path, message, remedy } => (format!("{}: {message}", path.display()), remedy),
        ReadError::Missing { path } => (format!("{}: no such file", path.display()), "check `files:`".into()),
        ReadError::Denied { path } => {
            (format!("{}: no right to read it", path.display()), "give this user the right, or run as one who has it".into())
        }
        ReadError::Truncated { path, rows, detail } => (
            format!("{}: truncated or damaged after {rows} whole rows ({detail})", path.display()),
            "fetch it again; nothing of it was stored".into(),
        ),
        ReadError::Io { path, error } => (format!("{}: {error}", path.display()), "check the disk or the network".into()),
    };
    Problem { path: source.yaml_path.clone(), line: None, column: None, message, remedy, severity: Severity::Error }
}

/// Neither files nor an API.
pub fn nothing_to_read(source: &Source) -> Problem {
    Problem {
        path: source.yaml_path.clone(),
        line: None,
        column: None,
        message: "it says neither `files:` nor `api:`, so nothing comes in".into(),
        remedy: "name its files, or say `api: tracking` or `api: rows` for what comes over HTTP".into(),
        severity: Severity::Error,
    }
}

impl<'a> Job<'a> {
    /// Looks at everything that can be known before the first row is stored.
    pub async fn prepare(
        sources: &Sources,
        engine: &Engine,
        rules: &Arc<CompiledRules>,
        source: &'a Source,
    ) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let origin = match origin(sources, rules, source) {
            Ok(origin) => Some(Arc::new(origin)),
            Err(found) => {
                problems.extend(found);
                None
            }
        };
        let parsed = parse_all(engine, source).unwrap_or_else(|found| {
            problems.extend(found);
            Vec::new()
        });
        if source.spec.files.is_none() {
            problems.push(nothing_to_read(source));
        }
        let paths = list(&sources.dir, source.spec.files.as_ref()).map_err(|error| vec![of_file(source, error)]);
        let paths = paths.unwrap_or_else(|found| {
            problems.extend(found);
            Vec::new()
        });
        let mut job = Self { source, files: Vec::new(), fingerprint: String::new(), warnings: Vec::new() };
        let mut known: Vec<(SchemaRef, Arc<FileWork>)> = Vec::new();
        let root = common_root(&paths);
        for path in paths {
            let prepared = match &origin {
                Some(origin) => job.prepare_file(engine, origin, &parsed, &path, &mut known).await,
                None => Reader::open(&path, &ReadOptions::of(&source.spec))
                    .map(|_| None)
                    .map_err(|error| vec![of_file(source, error)]),
            };
            match prepared {
                Ok(Some((options, work))) => {
                    let name = path.strip_prefix(&root).unwrap_or(&path).display().to_string();
                    job.files.push(FileJob { path, name, options, work });
                }
                Ok(None) => {}
                Err(found) => {
                    problems.extend(found.into_iter().filter(|problem| !problems.contains(problem)).collect::<Vec<_>>());
                }
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        job.fingerprint = job.fingerprint().map_err(|error| vec![of_file(source, error)])?;
        Ok(job)
    }

    async fn prepare_file(
        &mut self,
        engine: &Engine,
        origin: &Arc<Origin>,
        parsed: &[Parsed],
        path: &Path,
        known: &mut Vec<(SchemaRef, Arc<FileWork>)>,
    ) -> Result<Option<(ReadOptions, Arc<FileWork>)>, Vec<Problem>> {
        let source = self.source;
        let refuse = |error| vec![of_file(source, error)];
        let mut options = ReadOptions::of(&source.spec);
        let reader = Reader::open(path, &options).map_err(refuse)?;
        for warning in reader.warnings() {
            let message = format!("{}: {warning}", path.display());
            let remedy = "name every column once".into();
            let path = source.yaml_path.clone();
            self.warnings.push(Problem { path, line: None, column: None, message, remedy, severity: Severity::Warning });
        }
        let (schema, open_ended) = (reader.schema(), reader.is_open_ended());
        reader.verify().map_err(refuse)?;
        if parsed.len() != source.mappings.len() {
            return Ok(None);
        }
        let work = if let Some((_, work)) = known.iter().find(|(seen, _)| *seen == schema) {
            work.clone()
        } else {
            let work = Arc::new(prepare_work(engine, origin, source, parsed, (&schema, open_ended)).await?);
            known.push((schema, work.clone()));
            work
        };
        options.keys = work.typers.iter().any(Typer::needs_keys);
        Ok(Some((options, work)))
    }

    /// Whether it is reference data only.
    pub fn is_lookup_only(&self) -> bool {
        self.source.mappings.is_empty()
    }

    fn fingerprint(&self) -> Result<String, ReadError> {
        let mut hasher = Xxh3::new();
        for file in &self.files {
            hasher.update(&fingerprint(&file.path)?.to_le_bytes());
        }
        hasher.update(&serde_json::to_vec(&self.source.spec).expect("plain data serialises"));
        for mapping in &self.source.mappings {
            hasher.update(mapping.target.name.as_bytes());
            hasher.update(mapping.sql.as_bytes());
        }
        Ok(format!("{:016x}", hasher.digest()))
    }
}

/// Plans the mappings of `source` over rows with the columns of `schema`.
pub async fn prepare_work(
    engine: &Engine,
    origin: &Arc<Origin>,
    source: &Source,
    parsed: &[Parsed],
    (schema, open_ended): (&SchemaRef, bool),
) -> Result<FileWork, Vec<Problem>> {
    let prepared = Program::prepare(engine, parsed, schema, open_ended).await;
    let mut problems: Vec<Problem> =
        prepared.problems.into_iter().map(|(at, problem)| in_file(&source.mappings[at], problem)).collect();
    for ((mapping, parsed), output) in source.mappings.iter().zip(parsed).zip(&prepared.outputs) {
        let Some(output) = output else { continue };
        for problem in slots::problems(mapping.target, output, &origin.rules, source.spec.mode != Mode::Append) {
            problems.push(in_file(mapping, parsed.output_problem(&problem.name, &problem.message, &problem.remedy)));
        }
    }
    let Some(program) = prepared.program.filter(|_| problems.is_empty()) else { return Err(problems) };
    let outputs = prepared.outputs.iter().flatten();
    let typers =
        source.mappings.iter().zip(outputs).map(|(mapping, output)| Typer::new(origin.clone(), mapping.target, output)).collect();
    Ok(FileWork { program, typers, added: prepared.added })
}

/// What the facts of `source` have in common; a zone that does not exist and conventions that nobody has are the problems.
pub fn origin(sources: &Sources, rules: &Arc<CompiledRules>, source: &Source) -> Result<Origin, Vec<Problem>> {
    let problem = |message: String, remedy: String| Problem {
        path: source.yaml_path.clone(),
        line: None,
        column: None,
        message,
        remedy,
        severity: Severity::Error,
    };
    let zone = sources.timezone_of(source).map(|name| {
        let remedy = "use a name of the IANA list, e.g. Europe/Berlin".to_owned();
        TimeZone::get(name).map_err(|_| vec![problem(format!("there is no time zone {name}"), remedy)])
    });
    let conventions = Conventions::of(&source.spec.cleanse, &sources.defaults)
        .map_err(|mistakes| mistakes.into_iter().map(|mistake| problem(mistake.message, mistake.remedy)).collect::<Vec<_>>());
    Ok(Origin {
        source: source.name.clone(),
        population: source.spec.population.clone(),
        rules: rules.clone(),
        zone: zone.transpose()?,
        language: source.spec.language.clone().or_else(|| sources.defaults.language.clone()),
        currency: sources.defaults.currency.clone(),
        promoted: source.spec.columns.iter().map(|(name, kind)| (name.clone(), *kind)).collect(),
        versions: source.spec.mode != Mode::Append,
        conventions: Arc::new(conventions?),
    })
}

/// The deepest folder that holds all of `paths`.
fn common_root(paths: &[PathBuf]) -> PathBuf {
    let mut root = paths.first().and_then(|path| path.parent()).map(Path::to_path_buf).unwrap_or_default();
    while !paths.iter().all(|path| path.starts_with(&root)) {
        if !root.pop() {
            break;
        }
    }
    root
}
