//! Loads a project folder: every file on its own, then what they mean together.

use std::io;
use std::path::{Path, PathBuf};

use clew_intake::{Defaults, Mapping, Source, SourceSpec, Sources};
use clew_model::tables::Table;
use clew_pipeline::definitions::{Definitions, JourneyDefinition, Metric, Rules};
use serde::de::DeserializeOwned;

use super::conformance::{self, Conformance};
use super::document::{Document, Environment, Finding, pointer_of_dotted};
use super::problem::{Position, Problem, Problems, Severity, nearest};
use super::{Kind, Settings};
use crate::failure::Reported;

/// The tables that a mapping can fill.
const TARGETS: [&str; 3] = ["events", "records", "responses"];

/// A project whose files are all readable.
#[derive(Debug)]
pub struct Project {
    /// Its folder.
    pub dir: PathBuf,
    /// `clew.yaml`.
    pub settings: Settings,
    /// The sources, with the identifier rules.
    pub sources: Sources,
    /// What the pipeline needs.
    pub definitions: Definitions,
}

impl Project {
    /// The folder of the store.
    pub fn store(&self) -> PathBuf {
        self.dir.join(&self.settings.store)
    }
}

/// What loading gave: a project unless a file could not be read as what it is, and every problem.
#[derive(Debug)]
pub struct Loaded {
    /// The project; there may be errors in `problems` all the same.
    pub project: Option<Project>,
    /// The sources that could be read, for checks of their own, unless the identifier rules could not be.
    pub sources: Option<Sources>,
    /// What is wrong.
    pub problems: Problems,
}

/// Loads the project in `dir`. Sources' data files are not touched: that is `intake::check`.
pub fn load(dir: &Path, environment: Environment<'_>) -> Loaded {
    let mut reader = Reader { dir, environment, problems: Problems::default() };
    let settings = reader.settings();
    let rules = reader.optional::<Rules>(Kind::Identity, "identity.yaml");
    let journey = reader.optional::<JourneyDefinition>(Kind::Journey, "journey.yaml");
    let metrics = reader.optional::<Vec<Metric>>(Kind::Metrics, "metrics.yaml");
    let sources = reader.sources();
    let names: Vec<&str> = sources.read.iter().map(|source| source.name.as_str()).collect();
    if let Some((rules, document)) = &rules {
        reader.check_rules(Path::new("identity.yaml"), rules, &names, document.as_ref());
    }
    if let Some((journey, Some(document))) = &journey {
        reader.check_journey(journey, document);
    }
    if let Some((metrics, Some(document))) = &metrics {
        reader.check_metrics(metrics, document);
    }
    let problems = reader.problems;
    let complete = sources.complete;
    let sources = rules.map(|(rules, _)| {
        // Without settings, a zone is assumed: what the sources fall back on is not known, so it is not missed either.
        let defaults = settings.as_ref().map_or_else(
            || Defaults { timezone: Some("UTC".into()), ..Defaults::default() },
            |settings| Defaults {
                timezone: settings.timezone.clone(),
                language: settings.language.clone(),
                currency: settings.currency.clone(),
                country: settings.country.clone(),
                business_hours: settings.business_hours.clone(),
            },
        );
        Sources { dir: dir.to_owned(), defaults, rules, sources: sources.read }
    });
    let project = match (settings, &sources, journey, metrics) {
        (Some(settings), Some(sources), Some((journey, _)), Some((metrics, _))) if complete => {
            let definitions = Definitions {
                timezone: settings.timezone().to_owned(),
                currency: settings.currency.clone(),
                language: settings.language.clone(),
                value_events: settings.value_events.clone(),
                rules: sources.rules.clone(),
                journey,
                metrics,
                seed: settings.seed,
            };
            Some(Project { dir: dir.to_owned(), settings, sources: sources.clone(), definitions })
        }
        _ => None,
    };
    Loaded { project, sources, problems }
}

/// Rules of identity in a file that need not be the project's, or a refusal after its problems were printed; `sources` are the names that it may
/// use.
pub fn rules(file: &Path, sources: &[&str], environment: Environment<'_>) -> anyhow::Result<Rules> {
    let mut reader = Reader { dir: Path::new(""), environment, problems: Problems::default() };
    let read = reader.read::<Rules>(Kind::Identity, file);
    if let Some((rules, document)) = &read {
        reader.check_rules(file, rules, sources, Some(document));
    }
    match read {
        Some((rules, _)) if !reader.problems.has_errors() => Ok(rules),
        _ => {
            for problem in reader.problems.into_sorted() {
                eprintln!("{problem}");
            }
            Err(Reported.into())
        }
    }
}

/// The sources of a project that could be read, and whether those are all.
struct ReadSources {
    read: Vec<Source>,
    complete: bool,
}

struct Reader<'a> {
    dir: &'a Path,
    environment: Environment<'a>,
    problems: Problems,
}

impl Reader<'_> {
    fn error(&mut self, file: &Path, position: Position, message: impl Into<String>, remedy: impl Into<String>) {
        self.problems.push(Problem::error(file, position, message, remedy));
    }

    fn settings(&mut self) -> Option<Settings> {
        let file = Path::new("clew.yaml");
        if !self.dir.join(file).exists() {
            let message = format!("{} is no project: it has no clew.yaml", self.dir.display());
            self.error(file, Position::START, message, "name the project with --project, or make one with `clew init`");
            return None;
        }
        let (settings, document) = self.read::<Settings>(Kind::Settings, file)?;
        for (pointer, message, remedy) in settings.findings() {
            self.error(file, document.value_at(pointer), message, remedy);
        }
        Some(settings)
    }

    /// A file that may be absent: then its default, without a document.
    fn optional<T: DeserializeOwned + Default>(&mut self, kind: Kind, file: &str) -> Option<(T, Option<Document>)> {
        let file = Path::new(file);
        if !self.dir.join(file).exists() {
            return Some((T::default(), None));
        }
        self.read(kind, file).map(|(value, document)| (value, Some(document)))
    }

    /// Reads `file` (relative to the project) as a `T`; `None` after its problems are noted.
    fn read<T: DeserializeOwned>(&mut self, kind: Kind, file: &Path) -> Option<(T, Document)> {
        let text = self.text(file)?;
        let document = match Document::read(&text, self.environment) {
            Ok(document) => document,
            Err(findings) => {
                self.note(file, findings);
                return None;
            }
        };
        if document.value.is_null() && kind != Kind::Settings && kind != Kind::Source {
            // All commented out: the same as an absent file.
            let empty = if kind == Kind::Metrics { serde_json::json!([]) } else { serde_json::json!({}) };
            return serde_json::from_value(empty).ok().map(|value| (value, document));
        }
        let Conformance { findings, value } = conformance::of(&document, &kind.schema());
        self.note(file, findings);
        match serde_json::from_value(value?) {
            Ok(value) => Some((value, document)),
            Err(error) => {
                self.error(file, Position::START, error.to_string(), format!("see docs/schemas/{}", kind.schema_file()));
                None
            }
        }
    }

    fn text(&mut self, file: &Path) -> Option<String> {
        match std::fs::read_to_string(self.dir.join(file)) {
            Ok(text) => Some(text),
            Err(error) => {
                let remedy = match error.kind() {
                    io::ErrorKind::PermissionDenied => "give yourself the right to read it",
                    io::ErrorKind::InvalidData => "save it as UTF-8",
                    _ => "check the file",
                };
                self.error(file, Position::START, format!("cannot be read: {error}"), remedy);
                None
            }
        }
    }

    fn note(&mut self, file: &Path, findings: Vec<Finding>) {
        for Finding { position, message, remedy } in findings {
            self.error(file, position, message, remedy);
        }
    }

    fn sources(&mut self) -> ReadSources {
        let folder = Path::new("sources");
        let mut files: Vec<PathBuf> = match std::fs::read_dir(self.dir.join(folder)) {
            Ok(entries) => entries.filter_map(Result::ok).map(|entry| folder.join(entry.file_name())).collect(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => {
                self.error(
                    folder,
                    Position::START,
                    format!("cannot be read: {error}"),
                    "give yourself the right to read the folder",
                );
                return ReadSources { read: Vec::new(), complete: false };
            }
        };
        files.sort();
        let names: Vec<String> = files.iter().filter_map(|file| source_name(file)).collect();
        let mut mappings: Vec<(String, Mapping)> = Vec::new();
        for file in &files {
            mappings.extend(self.mapping(file, &names));
        }
        let mut complete = true;
        let mut sources = Vec::new();
        for file in &files {
            let Some(name) = source_name(file) else { continue };
            if !name.starts_with(|c: char| c.is_ascii_lowercase())
                || !name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
            {
                self.error(
                    file,
                    Position::START,
                    format!("'{name}' is no name for a source"),
                    "rename the file: lower-case letters, digits and _, a letter first",
                );
            }
            let Some((spec, _)) = self.read::<SourceSpec>(Kind::Source, file) else {
                complete = false;
                continue;
            };
            let mappings = mappings.extract_if(.., |(of, _)| *of == name).map(|(_, mapping)| mapping).collect();
            sources.push(Source { name, spec, yaml_path: self.dir.join(file), mappings });
        }
        ReadSources { read: sources, complete }
    }

    /// The mapping in `sources/<name>.<target>.sql`.
    fn mapping(&mut self, file: &Path, names: &[String]) -> Option<(String, Mapping)> {
        let extension = file.extension()?.to_str()?;
        if extension == "yml" {
            self.error(file, Position::START, "this file is not read", "rename it: sources end in .yaml");
        }
        if extension != "sql" {
            return None;
        }
        let stem = file.file_stem()?.to_str()?;
        let Some((name, target)) = stem.rsplit_once('.') else {
            let remedy = format!("rename it to {stem}.events.sql, {stem}.records.sql or {stem}.responses.sql");
            self.error(file, Position::START, "the file name does not say which table it fills", remedy);
            return None;
        };
        let Some(table) = TARGETS.contains(&target).then(|| Table::find(target)).flatten() else {
            let remedy = nearest(target, TARGETS)
                .map_or_else(|| format!("use one of: {}", TARGETS.join(", ")), |near| format!("did you mean '{near}'?"));
            self.error(file, Position::START, format!("'{target}' is no table that a source can fill"), remedy);
            return None;
        };
        if !names.iter().any(|known| known == name) {
            let remedy = match nearest(name, names.iter().map(String::as_str)) {
                Some(near) => format!("did you mean {near}.{target}.sql?"),
                None => format!("write sources/{name}.yaml, which says where the rows come from"),
            };
            self.error(file, Position::START, format!("there is no source '{name}'"), remedy);
            return None;
        }
        let sql = self.text(file)?;
        Some((name.to_owned(), Mapping { target: table, sql, path: self.dir.join(file) }))
    }

    fn check_rules(&mut self, file: &Path, rules: &Rules, sources: &[&str], document: Option<&Document>) {
        for problem in rules.problems(sources) {
            let position = document.map_or(Position::START, |document| document.key(&pointer_of_dotted(&problem.path)));
            self.error(file, position, problem.message, problem.remedy);
        }
    }

    fn check_journey(&mut self, journey: &JourneyDefinition, document: &Document) {
        let file = Path::new("journey.yaml");
        for problem in journey.problems() {
            self.error(file, document.value_at(&pointer_of_dotted(&problem.path)), problem.message, problem.remedy);
        }
    }

    fn check_metrics(&mut self, metrics: &[Metric], document: &Document) {
        let file = Path::new("metrics.yaml");
        for (i, metric) in metrics.iter().enumerate() {
            for (field, problem) in metric.problems() {
                let (message, remedy) = problem.split_once(": ").unwrap_or((&problem, "give it"));
                let message = if message.starts_with("is ") { format!("{field} {message}") } else { message.to_owned() };
                self.error(file, document.value_at(&format!("/{i}/{field}")), message, remedy);
            }
            if metrics[..i].iter().any(|before| before.name == metric.name) {
                self.error(
                    file,
                    document.value_at(&format!("/{i}/name")),
                    format!("there are two metrics '{}'", metric.name),
                    "rename one of them",
                );
            }
        }
    }
}

/// `orders` of `sources/orders.yaml`.
fn source_name(file: &Path) -> Option<String> {
    (file.extension()? == "yaml").then(|| file.file_stem()?.to_str().map(str::to_owned)).flatten()
}

/// A problem of `intake`, whose paths may be absolute, as one of the project.
pub fn of_intake(dir: &Path, problem: clew_intake::Problem) -> Problem {
    let file = problem.path.strip_prefix(dir).unwrap_or(&problem.path).to_owned();
    let severity = match problem.severity {
        clew_intake::Severity::Error => Severity::Error,
        clew_intake::Severity::Warning => Severity::Warning,
    };
    let position = match problem.line {
        Some(line) => Position { line, column: problem.column.unwrap_or(1) },
        None => place_of(&problem.path, &problem.key),
    };
    Problem { severity, ..Problem::error(&file, position, problem.message, problem.remedy) }
}

/// Where a YAML file says what `key` points to.
fn place_of(path: &Path, key: &str) -> Position {
    let text = if key.is_empty() { None } else { std::fs::read_to_string(path).ok() };
    let document = text.and_then(|text| Document::read(&text, &crate::commands::environment).ok());
    document.map_or(Position::START, |document| document.value_at(key))
}
