//! What one source is about to do, found to be possible: its files, their programs and typers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use clew_identity::CompiledRules;
use clew_lake::Position;
use jiff::tz::TimeZone;
use xxhash_rust::xxh3::Xxh3;

use super::{ImportError, Loaded};
use crate::drift::{Seen, is_surely_absent};
use crate::expect::{ExpectationProblem, Expectations, OnMissingColumn, RawConditions};
use crate::mapping::{self, Engine, Parsed, Program, SqlProblem};
use crate::nearest::nearest;
use crate::reader::{ROW, ReadError, ReadOptions, Reader, fingerprint, list};
use crate::spec::{Mapping, Mode, Problem, Severity, Source, Sources, kind_problem};
use crate::typing::cleansing::conventions::Conventions;
use crate::typing::{Origin, Typer, slots};

/// Plans of a source that are kept: one for each set of columns.
pub const MOST_PLANS: usize = 64;

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
    /// Raw columns that only expectations read; they are decoded behind those of the program.
    pub looked_at: Vec<String>,
    /// All raw columns of the file.
    pub schema: SchemaRef,
    /// What the expectations over raw rows are for these columns.
    pub conditions: RawConditions,
    /// Columns that are read, that earlier imports had, and that these files lack: their rows go to quarantine.
    pub missing: Vec<Missing>,
    /// The same of open-ended files, where only many rows without the column show that it is missing.
    pub absent: Vec<(Missing, Seen)>,
}

/// A column that is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Its name.
    pub column: String,
    /// A new column that may be it under another name.
    pub renamed: Option<String>,
}

impl FileWork {
    /// All columns to decode, in order: those of the program first.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.program.columns.iter().chain(&self.looked_at).map(String::as_str)
    }

    /// The columns that are missing in a file or body whose first block has `rows` rows.
    pub fn missing_in(&self, rows: usize) -> Vec<Missing> {
        let absent = self.absent.iter().filter(|(_, seen)| is_surely_absent(seen, rows as u64)).map(|(missing, _)| missing);
        self.missing.iter().chain(absent).cloned().collect()
    }
}

/// What the files of one source are prepared with.
pub struct Plan<'a> {
    /// The engine with the lookups.
    pub engine: &'a Engine,
    /// What facts have in common.
    pub origin: &'a Arc<Origin>,
    /// The source.
    pub source: &'a Source,
    /// Its mappings.
    pub parsed: &'a [Parsed],
    /// What its data must be like.
    pub expectations: &'a Expectations,
    /// The raw columns that it had before, by name.
    pub known: &'a BTreeMap<String, Seen>,
}

/// One source, ready to run.
pub struct Job<'a> {
    /// The source.
    pub source: &'a Source,
    /// Its files, sorted.
    pub files: Vec<FileJob>,
    /// What its data must be like.
    pub expectations: Arc<Expectations>,
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
    let SqlProblem { line, column, message, remedy } = problem;
    Problem { line, column, ..Problem::in_file(&mapping.path, message, remedy) }
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
    Problem::in_source(source, "/files", message, remedy)
}

impl<'a> Job<'a> {
    /// Looks at everything that can be known before the first row is stored of those files that `wanted` says yes to.
    pub async fn prepare(
        sources: &Sources,
        (engine, loaded): (&Engine, &Loaded),
        rules: &Arc<CompiledRules>,
        (source, wanted): (&'a Source, &(dyn Fn(&Path) -> bool + Sync)),
        known: &BTreeMap<String, Seen>,
    ) -> Result<Self, Vec<Problem>> {
        let (planner, mut problems) = Planner::as_far_as_sound(sources, (engine, loaded), rules, source).await;
        let mut planner = planner.map(|planner| planner.with_known(known.clone()));
        problems.extend(kind_problem(source));
        let paths = list(&sources.dir, source.spec.files.as_ref()).unwrap_or_else(|error| {
            problems.push(of_file(source, error));
            Vec::new()
        });
        let expectations = planner.as_ref().map(|planner| Arc::clone(planner.expectations())).unwrap_or_default();
        let mut job = Self { source, files: Vec::new(), expectations, fingerprint: String::new(), warnings: Vec::new() };
        let root = common_root(&paths);
        let declared = declared(source);
        for path in paths.into_iter().filter(|path| wanted(path)) {
            let prepared = match &mut planner {
                Some(planner) => planner.prepare(&path).await,
                None => Reader::open(&path, &ReadOptions::of(&source.spec)).map(|_| None).map_err(Unprepared::Read),
            };
            let found = match prepared {
                Ok(Some(Prepared { options, work, warnings })) => {
                    job.warn(&path, warnings);
                    let name = path.strip_prefix(&root).unwrap_or(&path).display().to_string();
                    match fingerprint(&path) {
                        Ok(content) => {
                            job.files.push(FileJob { path, name, options, work, version: content.wrapping_add(declared) });
                            continue;
                        }
                        Err(error) => vec![of_file(source, error)],
                    }
                }
                Ok(None) => continue,
                Err(Unprepared::Read(error)) => vec![of_file(source, error)],
                Err(Unprepared::Problems(found)) => found,
            };
            problems.extend(found.into_iter().filter(|problem| !problems.contains(problem)).collect::<Vec<_>>());
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let mut hasher = Xxh3::new();
        job.files.iter().for_each(|file| hasher.update(&file.version.to_le_bytes()));
        job.fingerprint = format!("{:016x}", hasher.digest());
        Ok(job)
    }

    fn warn(&mut self, path: &Path, warnings: Vec<String>) {
        let source = self.source;
        self.warnings.extend(warnings.into_iter().map(|warning| {
            let message = format!("{}: {warning}", path.display());
            Problem { severity: Severity::Warning, ..Problem::in_source(source, "/files", message, "name every column once") }
        }));
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
    expectations: Arc<Expectations>,
    /// The raw columns that the source had before.
    known: BTreeMap<String, Seen>,
    works: Vec<(SchemaRef, Arc<FileWork>)>,
}

impl<'a> Planner<'a> {
    /// A planner for `source`, or what is wrong with its SQL and its expectations.
    pub async fn new(
        sources: &Sources,
        project: (&'a Engine, &Loaded),
        rules: &Arc<CompiledRules>,
        source: &'a Source,
    ) -> Result<Self, Vec<Problem>> {
        let (planner, problems) = Self::as_far_as_sound(sources, project, rules, source).await;
        planner.filter(|_| problems.is_empty()).ok_or(problems)
    }

    /// A planner for those mappings and expectations of `source` that are sound, and everything that is wrong.
    async fn as_far_as_sound(
        sources: &Sources,
        (engine, loaded): (&'a Engine, &Loaded),
        rules: &Arc<CompiledRules>,
        source: &'a Source,
    ) -> (Option<Self>, Vec<Problem>) {
        let mut problems = Vec::new();
        let origin = origin(sources, rules, source).map_err(|found| problems.extend(found)).ok().map(Arc::new);
        let parsed = parse_all(engine, source).unwrap_or_else(|found| {
            problems.extend(found);
            Vec::new()
        });
        let expectations = Expectations::of(sources, source, engine, loaded).await.unwrap_or_else(|found| {
            problems.extend(of_expectations(source, found));
            Expectations::default()
        });
        let expectations = Arc::new(expectations);
        let (known, works) = (BTreeMap::new(), Vec::new());
        (origin.map(|origin| Self { engine, source, origin, parsed, expectations, known, works }), problems)
    }

    /// The source had the raw columns `known` before: rows that lack one go to quarantine.
    #[must_use]
    pub fn with_known(self, known: BTreeMap<String, Seen>) -> Self {
        Self { known, ..self }
    }

    /// What the data must be like.
    pub fn expectations(&self) -> &Arc<Expectations> {
        &self.expectations
    }

    /// The mappings over rows with the columns of `schema`.
    pub async fn plan(&mut self, schema: &SchemaRef, open_ended: bool) -> Result<Arc<FileWork>, Vec<Problem>> {
        if let Some((_, work)) = self.works.iter().find(|(seen, _)| seen == schema) {
            return Ok(work.clone());
        }
        let plan = Plan {
            engine: self.engine,
            origin: &self.origin,
            source: self.source,
            parsed: &self.parsed,
            expectations: &self.expectations,
            known: &self.known,
        };
        let work = Arc::new(prepare_work(&plan, (schema, open_ended)).await?);
        if self.works.len() >= MOST_PLANS {
            self.works.clear();
        }
        self.works.push((schema.clone(), work.clone()));
        Ok(work)
    }

    /// Looks at everything that can be known of a file before its first row is stored; `None` where it is sound, and the SQL is not.
    pub async fn prepare(&mut self, path: &Path) -> Result<Option<Prepared>, Unprepared> {
        let mut options = ReadOptions::of(&self.source.spec);
        let reader = Reader::open(path, &options).map_err(Unprepared::Read)?;
        let warnings = reader.warnings().to_vec();
        let (schema, open_ended) = (reader.schema(), reader.is_open_ended());
        reader.verify().map_err(Unprepared::Read)?;
        if self.parsed.len() != self.source.mappings.len() {
            return Ok(None);
        }
        let work = self.plan(&schema, open_ended).await.map_err(Unprepared::Problems)?;
        options.keys = work.typers.iter().any(Typer::needs_keys);
        Ok(Some(Prepared { options, work, warnings }))
    }
}

/// A file that is sound.
pub struct Prepared {
    /// How it is read, hashes of rows included when a mapping needs them.
    pub options: ReadOptions,
    /// What is done with it.
    pub work: Arc<FileWork>,
    /// What is odd without being wrong.
    pub warnings: Vec<String>,
}

/// Why a file cannot be taken in.
pub enum Unprepared {
    /// It cannot be read.
    Read(ReadError),
    /// The mapping does not fit it.
    Problems(Vec<Problem>),
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

/// The expectations of a source that is read without an import: messages, and rows of quarantine.
pub fn expectations_of(sources: &Sources, source: &Source) -> Result<Arc<Expectations>, Vec<Problem>> {
    let loaded = Loaded::read(sources, &[source]).map_err(ImportError::into_problems)?;
    let engine = Engine::new(loaded.tables()).map_err(|error| ImportError::from(error).into_problems())?;
    // Planning waits for nothing, so it needs no runtime.
    let expectations = futures::executor::block_on(Expectations::of(sources, source, &engine, &loaded));
    expectations.map(Arc::new).map_err(|found| of_expectations(source, found))
}

/// Problems of expectations, each at its place in the source's file.
pub fn of_expectations(source: &Source, problems: Vec<ExpectationProblem>) -> Vec<Problem> {
    problems.into_iter().map(|problem| of_expectation(source, problem)).collect()
}

/// A problem of an expectation, at its place in the source's file.
fn of_expectation(source: &Source, problem: ExpectationProblem) -> Problem {
    Problem::in_source(source, &format!("/expect/{}", problem.place), problem.message, problem.remedy)
}

/// Plans the mappings and expectations of a source over rows with the columns of `schema`.
pub async fn prepare_work(plan: &Plan<'_>, (schema, open_ended): (&SchemaRef, bool)) -> Result<FileWork, Vec<Problem>> {
    let Plan { engine, origin, source, parsed, .. } = *plan;
    let (prepared, mut missing) = plan.program(schema, open_ended).await;
    let mut problems: Vec<Problem> =
        prepared.problems.into_iter().map(|(at, problem)| in_file(&source.mappings[at], problem)).collect();
    for ((mapping, parsed), output) in source.mappings.iter().zip(parsed).zip(&prepared.outputs) {
        let Some(output) = output else { continue };
        for problem in slots::problems(mapping.target, output, &origin.rules, source.spec.mode != Mode::Append) {
            problems.push(in_file(mapping, parsed.output_problem(&problem.name, &problem.message, &problem.remedy)));
        }
    }
    let mut added = prepared.added;
    let looked_at: Vec<String> = plan.expectations.raw_columns(engine, schema).await;
    let unknown = looked_at.iter().filter(|column| schema.index_of(column).is_err());
    for column in unknown.filter(|column| !added.contains(column)).cloned().collect::<Vec<_>>() {
        match plan.known(&column) {
            _ if open_ended => {}
            Some(_) => missing.push(column.clone()),
            None => problems.push(no_column(source, schema, &column)),
        }
        added.push(column);
    }
    let Some(program) = prepared.program.filter(|_| problems.is_empty()) else { return Err(problems) };
    let looked_at: Vec<String> = looked_at.into_iter().filter(|column| !program.columns.contains(column)).collect();
    let outputs = prepared.outputs.iter().flatten();
    let typers: Vec<Typer> =
        source.mappings.iter().zip(outputs).map(|(mapping, output)| Typer::new(origin.clone(), mapping.target, output)).collect();
    let mut work = FileWork {
        program,
        typers,
        added,
        looked_at,
        schema: Arc::clone(schema),
        conditions: RawConditions::default(),
        missing: missing.into_iter().map(|column| plan.missing(schema, column)).collect(),
        absent: Vec::new(),
    };
    if !work.missing.is_empty() {
        return Ok(work);
    }
    if open_ended {
        let absent = |column: &String| Some((plan.missing(schema, column.clone()), plan.known(column)?.clone()));
        work.absent = work.added.iter().filter_map(absent).collect();
    }
    let conditions = plan.expectations.plan_raw(engine, &decoded_schema(&work)).await;
    let of_yaml = |SqlProblem { message, remedy, .. }| Problem::in_source(source, "/expect", message, remedy);
    work.conditions = conditions.map_err(|found| found.into_iter().map(of_yaml).collect::<Vec<_>>())?;
    Ok(work)
}

impl Plan<'_> {
    /// The mappings planned; where columns that earlier imports had are all that is missing, as if they were there, with their names.
    async fn program(&self, schema: &SchemaRef, open_ended: bool) -> (mapping::Prepared, Vec<String>) {
        let prepared = Program::prepare(self.engine, self.parsed, schema, open_ended).await;
        if open_ended || prepared.problems.is_empty() {
            return (prepared, Vec::new());
        }
        let lenient = Program::prepare(self.engine, self.parsed, schema, true).await;
        if lenient.added.is_empty() || lenient.added.iter().any(|column| self.known(column).is_none()) {
            return (prepared, Vec::new());
        }
        let missing = lenient.added.clone();
        (lenient, missing)
    }

    /// Columns that the mappings read and that `rows` objects with the keys of `own` surely are not sent with any more.
    pub fn absent_in(&self, work: &FileWork, own: &Schema, rows: usize) -> Vec<Missing> {
        let lacking = work.columns().filter(|column| own.index_of(column).is_err());
        let is_absent = |column: &&str| self.known(column).is_some_and(|seen| is_surely_absent(seen, rows as u64));
        lacking.filter(is_absent).map(|column| self.missing(own, column.to_owned())).collect()
    }

    /// What is known of a raw column from earlier imports, unless rows without it are to be refused.
    fn known(&self, column: &str) -> Option<&Seen> {
        if self.source.spec.on_missing_column == OnMissingColumn::Refuse {
            return None;
        }
        self.known.iter().find(|(known, _)| known.eq_ignore_ascii_case(column)).map(|(_, seen)| seen)
    }

    fn missing(&self, schema: &Schema, column: String) -> Missing {
        let new = schema.fields().iter().map(|field| field.name().as_str()).filter(|name| !self.known.contains_key(*name));
        let new: Vec<&str> = new.collect();
        let renamed = nearest(&column, new.iter().copied()).or(match new[..] {
            [only] => Some(only),
            _ => None,
        });
        Missing { renamed: renamed.map(str::to_owned), column }
    }
}

fn no_column(source: &Source, schema: &Schema, column: &str) -> Problem {
    let known: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let hint = nearest(column, known.iter().copied()).map_or(String::new(), |near| format!(": did you mean {near}?"));
    let message = format!("an expectation looks at the column {column}, which the file does not have{hint}");
    let remedy = format!("known are {}", known.iter().take(30).copied().collect::<Vec<_>>().join(", "));
    Problem::in_source(source, "/expect", message, remedy)
}

/// The columns of a decoded block: the row number, then those of the work.
fn decoded_schema(work: &FileWork) -> SchemaRef {
    let text = |name: &str| Arc::new(Field::new(name, DataType::Utf8, true));
    let of = |name: &str| work.schema.field_with_name(name).map_or_else(|_| text(name), |field| Arc::new(field.clone()));
    let row = Arc::new(Field::new(ROW, DataType::Int64, false));
    Arc::new(Schema::new(std::iter::once(row).chain(work.columns().map(of)).collect::<Vec<_>>()))
}

/// What the facts of `source` have in common; a zone that does not exist and conventions that nobody has are the problems.
pub fn origin(sources: &Sources, rules: &Arc<CompiledRules>, source: &Source) -> Result<Origin, Vec<Problem>> {
    let zone = sources.timezone_of(source).map(|name| {
        let remedy = "use a name of the IANA list, e.g. Europe/Berlin".to_owned();
        TimeZone::get(name)
            .map_err(|_| vec![Problem::in_source(source, "/timezone", format!("there is no time zone {name}"), remedy)])
    });
    let conventions = Conventions::of(&source.spec.cleanse, &sources.defaults).map_err(|mistakes| {
        let mistakes = mistakes.into_iter();
        mistakes.map(|mistake| Problem::in_source(source, "/cleanse", mistake.message, mistake.remedy)).collect::<Vec<_>>()
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
