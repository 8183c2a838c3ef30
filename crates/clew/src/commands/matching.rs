//! `clew match`: which records of a file, or of two, are one person, organisation or thing.
//!
//! Files are read by the readers of sources, so that formats, compression and encodings are those of `clew import`; a row that cannot be read is
//! left out and told. Results appear under their names when all of them are complete.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use clew_intake::reader::{Decoder, ReadOptions, Reader};
use clew_pipeline::matching::report::MatchReport;
use clew_pipeline::matching::{File, Kind, MatchError, Matched, Phase, Request, matched};
use schemars::{JsonSchema, schema_for};
use serde::{Deserialize, Serialize};

use crate::cli::{Format, Match};
use crate::failure::{Reported, refused};
use crate::match_page;
use crate::output::{self, Output};
use crate::progress::Line;
use crate::project::conformance;
use crate::project::document::{Document, Finding};
use crate::project::problem::{Position, Problem, nearest};

/// The threshold when nobody gives one.
const THRESHOLD: f64 = 0.5;
/// Unreadable rows that are told one by one.
const TOLD: usize = 3;

/// The file of `--config`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Config {
    /// The column that names a record.
    id: Option<String>,
    /// Columns that are not compared.
    exclude: Vec<String>,
    /// By column: what it holds.
    columns: BTreeMap<String, Kind>,
    /// Columns of identifiers of which a person has one: records in which they differ are never one person.
    unique: Vec<String>,
    /// Pairs at or above this probability join clusters.
    threshold: Option<f64>,
}

/// What was read of a file.
#[derive(Debug, Serialize)]
pub struct FileRead {
    /// The file.
    pub file: PathBuf,
    /// Rows that were read.
    pub rows: usize,
    /// Rows that could not be, and are not matched.
    pub unreadable: usize,
    /// The first of them, in words.
    pub examples: Vec<String>,
}

/// What is reported.
#[derive(Debug, Serialize)]
pub struct MatchSaid {
    /// The files.
    pub files: Vec<FileRead>,
    /// What is said of the matching.
    #[serde(flatten)]
    pub matching: MatchReport,
    /// Records that were looked up among them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub looked_up: Option<LookUpSaid>,
    /// Seconds by what was done.
    pub seconds: Vec<Spent>,
    /// What was written.
    pub written: Vec<PathBuf>,
}

/// What is reported of a look-up.
#[derive(Debug, Serialize)]
pub struct LookUpSaid {
    /// What was read.
    #[serde(flatten)]
    pub read: FileRead,
    /// Records for which another was found at the threshold or above.
    pub with_match: usize,
    /// What was found, in all.
    pub found: usize,
}

/// Seconds that a phase took.
#[derive(Debug, Serialize)]
pub struct Spent {
    /// What was done.
    pub phase: &'static str,
    /// Seconds.
    pub seconds: f64,
}

/// Seconds by phase, and the line that tells of the present one.
struct Clock {
    line: Line,
    phase: &'static str,
    since: Instant,
    spent: Vec<Spent>,
}

impl Clock {
    fn new(phase: &'static str) -> Self {
        let line = Line::new();
        line.say(phase);
        Self { line, phase, since: Instant::now(), spent: Vec::new() }
    }

    fn begin(&mut self, phase: &'static str) {
        self.spent.push(Spent { phase: self.phase, seconds: self.since.elapsed().as_secs_f64() });
        (self.phase, self.since) = (phase, Instant::now());
        self.line.say(phase);
    }

    fn end(mut self) -> Vec<Spent> {
        self.begin("done");
        self.line.clear();
        self.spent
    }
}

/// Matches and reports.
pub fn perform(options: &Match) -> Result<()> {
    let request = request(options)?;
    check_outputs(options)?;
    let mut clock = Clock::new("reading");
    let mut files = Vec::new();
    let mut read = Vec::new();
    for path in std::iter::once(&options.file).chain(&options.file2) {
        let (file, told) = read_file(path)?;
        files.push(file);
        read.push(told);
    }
    let wanted = options.lookup.as_deref().map(read_file).transpose()?;
    clock.begin("encoding");
    let found = matched(&files, request, &mut |phase| clock.begin(words(phase))).map_err(|error| explained(&error))?;
    drop(files);
    clock.begin("writing");
    let mut written = write(options, &found)?;
    let matching = found.report();
    let looked_up = match (wanted, &options.found) {
        (Some((file, read)), Some(to)) => {
            clock.begin("looking up");
            written.push(to.clone());
            Some(look_up(found, &file, read, to)?)
        }
        _ => None,
    };
    let reported = MatchSaid { files: read, matching, looked_up, seconds: clock.end(), written };
    if let Some(page) = &options.report {
        std::fs::write(page, match_page::page(&reported)).with_context(|| format!("writing {}", page.display()))?;
    }
    if options.json { output::print_json(&reported) } else { output::print(&text(&reported)) }
}

/// Looks up the records of a file and writes what is found.
fn look_up(matched: Matched, file: &File, read: FileRead, to: &Path) -> Result<LookUpSaid> {
    let among = matched.into_look_up().map_err(|error| refused(error.to_string()))?;
    let looked_up = among.of(file).map_err(|error| explained(&error))?;
    let mut output = Output::new(format_of(to)?, Some(to), &looked_up.found.schema())?;
    output.write(&looked_up.found)?;
    output.finish()?;
    Ok(LookUpSaid { read, with_match: looked_up.with_match, found: looked_up.found.num_rows() })
}

fn words(phase: Phase) -> &'static str {
    match phase {
        Phase::Compare => "preparing comparisons",
        Phase::Plan => "choosing blocking rules",
        Phase::Pair => "pairing",
        Phase::Count => "comparing",
        Phase::Fit => "fitting the model",
        Phase::Cluster => "clustering",
    }
}

fn explained(error: &MatchError) -> anyhow::Error {
    let meant = match error {
        MatchError::NoColumn { column, columns, .. } => nearest(column, columns.iter().map(String::as_str)),
        _ => None,
    };
    refused(meant.map_or_else(|| error.to_string(), |meant| format!("{error}; did you mean `{meant}`?")))
}

fn request(options: &Match) -> Result<Request> {
    let config = options.config.as_deref().map(read_config).transpose()?.unwrap_or_default();
    let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Ok(Request {
        id: options.id.clone().or(config.id),
        exclude: options.exclude.iter().chain(&config.exclude).cloned().collect(),
        kinds: config.columns,
        unique: config.unique,
        truth: options.truth.clone(),
        threshold: options.threshold.or(config.threshold).unwrap_or(THRESHOLD),
        threads: options.threads.map_or_else(cores, usize::from),
        link: options.link,
    })
}

fn read_config(path: &Path) -> Result<Config> {
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let document = Document::read(&text, &super::environment).map_err(|findings| told(path, findings))?;
    if document.value.is_null() {
        return Ok(Config::default());
    }
    let conformance = conformance::of(&document, schema_for!(Config).as_value());
    if !conformance.findings.is_empty() {
        return Err(told(path, conformance.findings));
    }
    let config: Config =
        serde_json::from_value(document.value).map_err(|error| refused(format!("{}: {error}", path.display())))?;
    if config.threshold.is_some_and(|threshold| !(threshold > 0.0 && threshold < 1.0)) {
        let problem =
            Problem::error(path, Position::START, "`threshold` is not between 0 and 1", "give a probability such as 0.5");
        return Err(refused(problem.to_string()));
    }
    Ok(config)
}

/// Prints what is wrong with a file.
fn told(path: &Path, findings: Vec<Finding>) -> anyhow::Error {
    for Finding { position, message, remedy } in findings {
        eprintln!("{}", Problem::error(path, position, message, remedy));
    }
    Reported.into()
}

/// Nothing is computed for a file that cannot be written, and nothing that is read is written over.
fn check_outputs(options: &Match) -> Result<()> {
    let results = || std::iter::once(&options.out).chain(&options.pairs).chain(&options.found);
    let outputs: Vec<&PathBuf> = results().chain(&options.report).collect();
    let inputs: Vec<&PathBuf> = std::iter::once(&options.file).chain(&options.file2).chain(&options.lookup).collect();
    let same =
        |a: &Path, b: &Path| a == b || std::fs::canonicalize(a).is_ok_and(|a| std::fs::canonicalize(b).is_ok_and(|b| a == b));
    for (at, output) in outputs.iter().enumerate() {
        if inputs.iter().any(|input| same(input, output)) {
            return Err(refused(format!("{} is read: write to another file", output.display())));
        }
        if outputs[..at].iter().any(|other| same(other, output)) {
            return Err(refused(format!("{} is named for two results: give each a file of its own", output.display())));
        }
        let folder = output.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if !folder.is_dir() {
            return Err(refused(format!("{}: no folder {}; make it first", output.display(), folder.display())));
        }
    }
    for output in results() {
        format_of(output)?;
    }
    Ok(())
}

fn format_of(path: &Path) -> Result<Format> {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("parquet") => Ok(Format::Parquet),
        Some("csv") => Ok(Format::Csv),
        Some("jsonl" | "json") => Ok(Format::Json),
        _ => Err(refused(format!("{}: its name does not tell the format; end it in .parquet, .csv or .jsonl", path.display()))),
    }
}

fn read_file(path: &Path) -> Result<(File, FileRead)> {
    let mut reader = Reader::open(path, &ReadOptions::default()).map_err(|error| refused(error.to_string()))?;
    let decoder = reader.decoder();
    let columns: Vec<String> = decoder.schema().fields().iter().map(|field| field.name().clone()).collect();
    let wanted: Vec<usize> = (0..columns.len()).collect();
    let mut told = FileRead { file: path.to_owned(), rows: 0, unreadable: 0, examples: Vec::new() };
    let mut batches = Vec::new();
    while let Some(block) = reader.next_block().map_err(|error| refused(error.to_string()))? {
        let decoded = Decoder::decode(&decoder, &block, &wanted);
        told.rows += decoded.batch.num_rows();
        told.unreadable += decoded.unreadable.len();
        for row in decoded.unreadable.iter().take(TOLD.saturating_sub(told.examples.len())) {
            told.examples.push(format!("row {}: {} ({})", row.row_no, row.detail, row.reason));
        }
        batches.push(decoded.batch);
    }
    if told.rows == 0 {
        let why = told
            .examples
            .first()
            .map_or_else(|| "it has no rows".to_owned(), |example| format!("no row could be read; {example}"));
        return Err(refused(format!("{}: {why}", path.display())));
    }
    Ok((File { name: path.display().to_string(), batches, columns }, told))
}

fn write(options: &Match, found: &Matched) -> Result<Vec<PathBuf>> {
    let clusters = found.clusters()?;
    let mut to = Output::new(format_of(&options.out)?, Some(&options.out), &clusters.schema())?;
    to.write(&clusters)?;
    let mut written = vec![options.out.clone()];
    if let Some(path) = &options.pairs {
        let mut pairs = Output::new(format_of(path)?, Some(path), &found.pairs_schema()?)?;
        for batch in found.pairs() {
            pairs.write(&batch?)?;
        }
        pairs.finish()?;
        written.push(path.clone());
    }
    to.finish()?;
    written.extend(options.report.clone());
    Ok(written)
}

/// A share with four digits, or a dash for none.
pub fn share(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.4}"))
}

/// The report for people.
fn text(report: &MatchSaid) -> String {
    let mut text = String::new();
    for file in &report.files {
        let _ = writeln!(text, "{}: {} records", file.file.display(), file.rows);
        if file.unreadable > 0 {
            let _ =
                writeln!(text, "  {} rows could not be read and are not matched: {}", file.unreadable, file.examples.join("; "));
        }
    }
    let of = &report.matching;
    let _ = writeln!(text, "id         {}", of.id.as_deref().unwrap_or("row number"));
    let compared: Vec<String> = of.compared.iter().map(|c| format!("{} ({})", c.comparison, kind(c.kind))).collect();
    let _ = writeln!(text, "compared   {}", compared.join(", "));
    for column in &of.not_compared {
        let _ = writeln!(text, "  not {}: {}", column.column, column.why);
    }
    let _ = writeln!(
        text,
        "pairs      {} compared; the rules are expected to reach {:.1} % of all matches",
        of.pairs,
        of.expected_recall * 100.0
    );
    for rule in &of.rules {
        let _ = write!(text, "  {:>12} {}", rule.pairs, rule.rule);
        if rule.set_aside > 0 {
            let _ = write!(text, " ({} pairs of blocks that are too large set aside)", rule.set_aside);
        }
        text.push('\n');
    }
    let _ = writeln!(text, "expected   threshold       pairs  precision  recall");
    for at in &of.thresholds {
        let (precision, recall) = (share(at.expected_precision), share(at.expected_recall));
        let _ = writeln!(text, "           {:>9} {:>11}  {precision:>9}  {recall:>6}", at.threshold, at.pairs);
    }
    let _ = writeln!(
        text,
        "clusters   {} of two or more, {} records in them (threshold {})",
        of.clusters, of.clustered_records, of.threshold
    );
    if let Some(truth) = &of.truth {
        for (what, seen) in [("pairs", truth.at_threshold), ("clusters", truth.clusters), ("B³", truth.b_cubed)] {
            let (precision, recall, f1) = (share(seen.precision), share(seen.recall), share(seen.f1));
            let _ = writeln!(text, "truth      {what:<9} precision {precision}  recall {recall}  F1 {f1}");
        }
        let _ = writeln!(text, "           {} of the matches were compared; Brier {}", share(truth.compared), share(truth.brier));
    }
    if let Some(looked_up) = &report.looked_up {
        let (rows, with_match, found) = (looked_up.read.rows, looked_up.with_match, looked_up.found);
        let _ = writeln!(text, "looked up  {rows} records: {found} found for {with_match} of them (threshold {})", of.threshold);
    }
    let seconds: Vec<String> = report.seconds.iter().map(|spent| format!("{} {:.2}", spent.phase, spent.seconds)).collect();
    let _ = writeln!(text, "seconds    {}", seconds.join(", "));
    let written: Vec<String> = report.written.iter().map(|path| path.display().to_string()).collect();
    let _ = writeln!(text, "written    {}", written.join(", "));
    text
}

/// A kind as `columns:` writes it.
pub fn kind(kind: Kind) -> String {
    serde_json::to_value(kind).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}
