//! What one source is about to do, found to be possible: its files, their programs and typers.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use clew_identity::CompiledRules;
use clew_lake::Position;
use jiff::tz::TimeZone;
use xxhash_rust::xxh3::Xxh3;

use crate::mapping::{Engine, Parsed, Program, SqlProblem};
use crate::reader::{ReadError, ReadOptions, Reader, fingerprint, list};
use crate::spec::{Mapping, Mode, Problem, Severity, Source, Sources, kind_problem};
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
    /// Its content, its source's declaration and SQL.
    pub version: u64,
}

impl FileJob {
    /// What is kept when it is taken in.
    pub fn seen(&self) -> Position {
        Position { name: place_of(&self.path), value: self.version.to_le_bytes().to_vec() }
    }
}

/// The name of the position that says which version of a file is taken in.
pub fn place_of(path: &Path) -> String {
    format!("file:{}", path.display())
}

/// The version of a file of `source`; `None` where it cannot be read.
pub fn version_of(source: &Source, path: &Path) -> Option<u64> {
    fingerprint(path).ok().map(|content| content.wrapping_add(declared(source)))
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

impl<'a> Job<'a> {
    /// Looks at everything that can be known before the first row is stored of those files that `wanted` says yes to.
    pub async fn prepare(
        sources: &Sources,
        engine: &Engine,
        rules: &Arc<CompiledRules>,
        (source, wanted): (&'a Source, &(dyn Fn(&Path) -> bool + Sync)),
    ) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let origin = match origin(sources, rules, source) {
            Ok(origin) => Some(Arc::new(origin)),
            Err(problem) => {
                problems.push(problem);
                None
            }
        };
        let parsed = parse_all(engine, source).unwrap_or_else(|found| {
            problems.extend(found);
            Vec::new()
        });
        problems.extend(kind_problem(source));
        let paths = list(&sources.dir, source.spec.files.as_ref()).map_err(|error| vec![of_file(source, error)]);
        let paths = paths.unwrap_or_else(|found| {
            problems.extend(found);
            Vec::new()
        });
        let mut job = Self { source, files: Vec::new(), fingerprint: String::new(), warnings: Vec::new() };
        let mut known: Vec<(SchemaRef, Arc<FileWork>)> = Vec::new();
        let root = common_root(&paths);
        let declared = declared(source);
        for path in paths.into_iter().filter(|path| wanted(path)) {
            let prepared = match &origin {
                Some(origin) => job.prepare_file(engine, origin, &parsed, &path, &mut known).await,
                None => Reader::open(&path, &ReadOptions::of(&source.spec))
                    .map(|_| None)
                    .map_err(|error| vec![of_file(source, error)]),
            };
            match prepared {
                Ok(Some((options, work))) => {
                    let name = path.strip_prefix(&root).unwrap_or(&path).display().to_string();
                    match fingerprint(&path) {
                        Ok(content) => {
                            job.files.push(FileJob { path, name, options, work, version: content.wrapping_add(declared) });
                        }
                        Err(error) => problems.push(of_file(source, error)),
                    }
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
        let mut hasher = Xxh3::new();
        job.files.iter().for_each(|file| hasher.update(&file.version.to_le_bytes()));
        job.fingerprint = format!("{:016x}", hasher.digest());
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
}

/// Plans the mappings of one source for whatever columns come.
pub struct Planner<'a> {
    engine: &'a Engine,
    source: &'a Source,
    origin: Arc<Origin>,
    parsed: Vec<Parsed>,
    known: Vec<(SchemaRef, Arc<FileWork>)>,
}

impl<'a> Planner<'a> {
    /// A planner for `source`, or what is wrong with its SQL.
    pub fn new(
        sources: &Sources,
        engine: &'a Engine,
        rules: &Arc<CompiledRules>,
        source: &'a Source,
    ) -> Result<Self, Vec<Problem>> {
        let origin = Arc::new(origin(sources, rules, source).map_err(|problem| vec![problem])?);
        Ok(Self { engine, source, origin, parsed: parse_all(engine, source)?, known: Vec::new() })
    }

    /// The mappings over rows with the columns of `schema`.
    pub async fn plan(&mut self, schema: &SchemaRef, open_ended: bool) -> Result<Arc<FileWork>, Vec<Problem>> {
        if let Some((_, work)) = self.known.iter().find(|(seen, _)| seen == schema) {
            return Ok(work.clone());
        }
        let work = prepare_work(self.engine, &self.origin, self.source, &self.parsed, (schema, open_ended)).await?;
        let work = Arc::new(work);
        self.known.push((schema.clone(), work.clone()));
        Ok(work)
    }
}

/// Changes when the SQL or the options of `source` do.
pub fn declared(source: &Source) -> u64 {
    let mut hasher = Xxh3::new();
    hasher.update(&serde_json::to_vec(&source.spec).expect("plain data serialises"));
    for mapping in &source.mappings {
        hasher.update(mapping.target.name.as_bytes());
        hasher.update(mapping.sql.as_bytes());
    }
    hasher.digest()
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

/// What the facts of `source` have in common; a zone that does not exist is the one problem.
pub fn origin(sources: &Sources, rules: &Arc<CompiledRules>, source: &Source) -> Result<Origin, Problem> {
    let zone = sources.timezone_of(source).map(|name| {
        TimeZone::get(name).map_err(|_| Problem {
            path: source.yaml_path.clone(),
            line: None,
            column: None,
            message: format!("there is no time zone {name}"),
            remedy: "use a name of the IANA list, e.g. Europe/Berlin".into(),
            severity: Severity::Error,
        })
    });
    Ok(Origin {
        source: source.name.clone(),
        population: source.spec.population.clone(),
        rules: rules.clone(),
        zone: zone.transpose()?,
        language: source.spec.language.clone().or_else(|| sources.defaults.language.clone()),
        currency: sources.defaults.currency.clone(),
        promoted: source.spec.columns.iter().map(|(name, kind)| (name.clone(), *kind)).collect(),
        versions: source.spec.mode != Mode::Append,
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
