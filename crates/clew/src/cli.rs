//! The command line as data: what can be typed, and the help that explains it.
//!
//! Options that several commands share are groups of their own ([`At`], [`Report`]), so that `--project` and `--json`
//! mean the same everywhere. What a command does is in `commands/`; nothing here opens a file.

pub mod identity;
pub mod journey;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Customer experience: who is who, what they went through, how it was, and what drives it.
#[derive(Debug, Parser)]
#[command(name = "clew", version, max_term_width = 110, arg_required_else_help = true)]
#[command(
    after_help = "Exit codes: 0 done · 1 refused (bad input or project, nothing changed) · 2 usage · 3 fault.\nCLEW_LOG=debug shows what happens inside, on standard error."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// A command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make an invented company with known truths, run everything on it and serve the cockpit.
    Demo(Demo),
    /// Write a new, commented project with a tiny sample.
    Init(Init),
    /// Check the project: every problem with file, line and remedy.
    Check(Check),
    /// Add sources of known vendors.
    Source(Source),
    /// Read files, buckets and databases into the lake and print what became of every row.
    Import(Import),
    /// Run the pipeline: people, journeys, scores, voice, drivers.
    Run(Run),
    /// Serve the API and the cockpit; take in what is new, and run the pipeline on schedule.
    Serve(Serve),
    /// Query the tables.
    Sql(Sql),
    /// Find the records of one person, organisation or thing in a file, or in two; no project, no labels.
    Match(Match),
    /// Prove that everything that came in is accounted for, or name the batch where it is not.
    Audit(Audit),
    /// Take quarantined rows in once more, through today's mapping or edited; or discard them.
    Replay(Replay),
    /// Explain who is who, and decide it: why, why-not, how, link, apart, detach.
    Identity(identity::Identity),
    /// Write keys of sources that take facts over HTTP.
    Keys(Keys),
    /// Ask a plain event log (CSV, Parquet, JSON, XES, OCEL): process map, funnels, what changed, friction, conformance and more. No project needed.
    Journey(journey::Journey),
    /// Write the generated part of the documentation: schemas, tables, API.
    #[command(hide = true)]
    Schema(Schema),
}

/// Where the project is.
#[derive(Debug, Args)]
pub struct At {
    /// The project folder.
    #[arg(long, value_name = "DIR", default_value = ".", env = "CLEW_PROJECT")]
    pub project: PathBuf,
}

/// How a command reports.
#[derive(Clone, Copy, Debug, Args)]
pub struct Report {
    /// Print the report as JSON on standard output.
    #[arg(long)]
    pub json: bool,
}

/// `clew demo`.
#[derive(Debug, Args)]
pub struct Demo {
    /// The folder for the company; it must be new, empty or an earlier demo.
    #[arg(default_value = "clew-demo")]
    pub dir: PathBuf,
    /// The number from which the company is drawn: the same seed gives the same company.
    #[arg(long, default_value_t = 7)]
    pub seed: u64,
    /// Number of people.
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub people: u32,
    /// Number of days of history.
    #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..))]
    pub days: u32,
    /// Which truths to plant: all, none, or a list separated by commas.
    #[arg(long, default_value = "all")]
    pub plant: String,
    /// Stop after the run instead of serving the cockpit.
    #[arg(long)]
    pub no_serve: bool,
    /// Address of the cockpit.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7878")]
    pub listen: std::net::SocketAddr,
    /// How to report.
    #[command(flatten)]
    pub report: Report,
}

/// `clew init`.
#[derive(Debug, Args)]
pub struct Init {
    /// The folder for the project; files that are there already are never overwritten.
    pub dir: PathBuf,
    /// What to start from: shop (orders, customers and a survey, with a sample), empty, or a vendor of `clew source list`.
    #[arg(long, default_value = "shop", value_name = "NAME")]
    pub template: String,
}

/// `clew source`.
#[derive(Debug, Args)]
pub struct Source {
    /// The project folder.
    #[arg(long, value_name = "DIR", default_value = ".", env = "CLEW_PROJECT", global = true)]
    pub project: PathBuf,
    /// What to do.
    #[command(subcommand)]
    pub what: SourceCommand,
}

/// What to do with sources of known vendors.
#[derive(Debug, Subcommand)]
pub enum SourceCommand {
    /// Add the source of a vendor to the project: its declaration and mappings.
    Add {
        /// A name of the list.
        template: String,
        /// What to call the source; as the template when left out.
        #[arg(long = "as", value_name = "SOURCE")]
        name: Option<String>,
        /// Write the template's sample too, so that it can be tried at once.
        #[arg(long)]
        sample: bool,
    },
    /// List the vendors that are known.
    List {
        /// Print the list as JSON on standard output.
        #[arg(long)]
        json: bool,
    },
}

/// `clew check`.
#[derive(Debug, Args)]
pub struct Check {
    /// Where.
    #[command(flatten)]
    pub at: At,
    /// Do not look into the sources' files (their columns are then not checked).
    #[arg(long)]
    pub no_files: bool,
    /// Ask the buckets, databases and brokers of the project too, whether they answer and give the columns that the mappings name.
    #[arg(long)]
    pub connect: bool,
    /// How to report.
    #[command(flatten)]
    pub report: Report,
}

/// `clew import`.
#[derive(Debug, Args)]
pub struct Import {
    /// Where.
    #[command(flatten)]
    pub at: At,
    /// The sources to import; all when left out.
    #[arg(value_name = "SOURCE")]
    pub sources: Vec<String>,
    /// Read the named buckets and databases from their beginning again; what is stored already counts as duplicate.
    #[arg(long, requires = "sources")]
    pub anew: bool,
    /// Read the streams of sources with `nats:` or `kafka:` to their present end, which `clew serve` follows otherwise.
    #[arg(long)]
    pub until_empty: bool,
    /// How to report.
    #[command(flatten)]
    pub report: Report,
}

/// `clew run`.
#[derive(Debug, Args)]
pub struct Run {
    /// Where.
    #[command(flatten)]
    pub at: At,
    /// Only this step, on the tables as they are.
    #[arg(long, value_name = "STEP")]
    pub only: Option<String>,
    /// Compute everything anew instead of what changed since the last run.
    #[arg(long)]
    pub full: bool,
    /// How to report.
    #[command(flatten)]
    pub report: Report,
}

/// `clew serve`.
#[derive(Debug, Args)]
pub struct Serve {
    /// Where.
    #[command(flatten)]
    pub at: At,
    /// Address to listen on; `listen:` of clew.yaml when left out. Port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<std::net::SocketAddr>,
    /// Read files, buckets and databases, and run the pipeline, only when asked. What is sent over HTTP and streams come in all the same; `watch: false`
    /// of a source leaves a stream out. After a change of identity.yaml, people are who they were until `clew run`.
    #[arg(long)]
    pub no_schedule: bool,
}

/// `clew sql`.
#[derive(Debug, Args)]
pub struct Sql {
    /// Where.
    #[command(flatten)]
    pub at: At,
    /// The query, or - to read it from standard input.
    pub query: String,
    /// How to print the rows.
    #[arg(long, default_value = "table")]
    pub format: Format,
    /// Write to this file instead of standard output (needed for parquet).
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Read the sealed tables only, without asking for the store.
    #[arg(long)]
    pub sealed: bool,
}

/// `clew match`.
#[derive(Debug, Args)]
pub struct Match {
    /// The records: CSV, JSON lines, JSON, Parquet or Excel, as their names tell; plain or compressed.
    pub file: PathBuf,
    /// More records, whose columns have the same names.
    pub file2: Option<PathBuf>,
    /// The column that names a record; found, or rows are numbered, when left out.
    #[arg(long, value_name = "COLUMN")]
    pub id: Option<String>,
    /// Columns that are not compared.
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',')]
    pub exclude: Vec<String>,
    /// What columns hold, where names and values do not tell: YAML with `columns:`, `id:`, `exclude:`, `threshold:`.
    #[arg(long, value_name = "FILE.yaml")]
    pub config: Option<PathBuf>,
    /// Records of one file are never the same: each is looked for in the other file only.
    #[arg(long, requires = "file2")]
    pub link: bool,
    /// Where to write which records belong together: .parquet, .csv or .jsonl.
    #[arg(long, value_name = "FILE.parquet")]
    pub out: PathBuf,
    /// Where to write the compared pairs with probability, match weight and levels.
    #[arg(long, value_name = "FILE.parquet")]
    pub pairs: Option<PathBuf>,
    /// Records that are looked up among those of FILE when these are matched, each on its own.
    #[arg(long, value_name = "RECORDS", requires = "found", conflicts_with = "file2")]
    pub lookup: Option<PathBuf>,
    /// Where to write what is found for the records of --lookup, at the threshold or above.
    #[arg(long, value_name = "FILE.parquet", requires = "lookup")]
    pub found: Option<PathBuf>,
    /// Pairs at or above this probability join clusters; 0.5 when left out.
    #[arg(long, value_name = "0..1", value_parser = probability)]
    pub threshold: Option<f64>,
    /// Where to write the report as a page for a browser.
    #[arg(long, value_name = "FILE.html")]
    pub report: Option<PathBuf>,
    /// The column that is equal for records of one person, where that is known: prints how right the matching is.
    #[arg(long, value_name = "COLUMN")]
    pub truth: Option<String>,
    /// Threads; all cores when left out. The result does not depend on it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: Option<u16>,
    /// Print the report as JSON on standard output.
    #[arg(long)]
    pub json: bool,
}

/// A number above 0 and below 1.
fn probability(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| format!("`{text}` is not a number"))?;
    if number > 0.0 && number < 1.0 { Ok(number) } else { Err(format!("`{text}` is not between 0 and 1")) }
}

/// `clew audit`.
#[derive(Debug, Args)]
pub struct Audit {
    /// Where.
    #[command(flatten)]
    pub at: At,
    /// How to report.
    #[command(flatten)]
    pub report: Report,
}

/// `clew replay`.
#[derive(Debug, Args)]
pub struct Replay {
    /// Where.
    #[command(flatten)]
    pub at: At,
    /// The sources whose open rows are meant; all when left out.
    #[arg(value_name = "SOURCE")]
    pub sources: Vec<String>,
    /// Only rows that were refused for this reason.
    #[arg(long, value_name = "REASON")]
    pub reason: Option<String>,
    /// Only rows of this table: events, records, responses; or rows, which never became a fact.
    #[arg(long, value_name = "TARGET")]
    pub target: Option<String>,
    /// Only rows that this batch met first.
    #[arg(long, value_name = "BATCH")]
    pub batch: Option<String>,
    /// Only the row with this id; may be repeated.
    #[arg(long = "id", value_name = "ID")]
    pub ids: Vec<String>,
    /// Rows that stand for those in quarantine, one a line: {"quarantine_id": "…", "raw": {…} or "text"}.
    #[arg(long, value_name = "FILE.jsonl")]
    pub edit: Option<PathBuf>,
    /// Close the rows without taking them in.
    #[arg(long, requires = "reason_text", conflicts_with = "edit")]
    pub discard: bool,
    /// Why they are discarded, in your words.
    #[arg(long, value_name = "TEXT", requires = "discard")]
    pub reason_text: Option<String>,
    /// Tell what would become of the rows, and store nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Rows told of each outcome.
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub examples: usize,
    /// Show the raw rows of the examples, personal values included.
    #[arg(long)]
    pub show: bool,
    /// How to report.
    #[command(flatten)]
    pub report: Report,
}

/// `clew keys`.
#[derive(Debug, Args)]
pub struct Keys {
    /// The project folder.
    #[arg(long, value_name = "DIR", default_value = ".", env = "CLEW_PROJECT", global = true)]
    pub project: PathBuf,
    /// Print the report as JSON on standard output.
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub what: KeysCommand,
}

/// What to do with write keys.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Make a key for a source; it is shown once.
    Create {
        /// A source with `api:`.
        source: String,
        /// What to call it in the list.
        #[arg(long)]
        label: Option<String>,
    },
    /// List the keys, without the keys themselves.
    List,
    /// Make a key void.
    Revoke {
        /// Its id, from the list.
        id: String,
    },
}

/// How rows are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// Comma-separated values with a header.
    Csv,
    /// One JSON object per line.
    Json,
    /// A Parquet file.
    Parquet,
}

/// `clew schema`.
#[derive(Debug, Args)]
pub struct Schema {
    /// The docs folder.
    pub dir: PathBuf,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
