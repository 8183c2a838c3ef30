//! What can be typed after `clew journey`.

mod options;

use std::path::PathBuf;

use clap::builder::RangedU64ValueParser;
use clap::{Args, Subcommand, ValueEnum};
use clew_pipeline::plain_log::Duration;

pub use self::options::{
    AttributionOptions, ClusterOptions, CompareOptions, ConformanceOptions, ConvertOptions, DiscoverOptions, FormatWord,
    FrictionOptions, LifetimeOptions, NextOptions, RankWord, SurvivalOptions,
};

/// `clew journey`.
#[derive(Debug, Args)]
pub struct Journey {
    /// The question.
    #[command(subcommand)]
    pub question: Question,
}

/// What can be asked of an event log.
#[derive(Debug, Subcommand)]
pub enum Question {
    /// Which activity follows which, how often, and after what wait: the directly-follows graph.
    Dfg {
        /// The log.
        #[command(flatten)]
        log: LogFile,
    },
    /// The ways that cases take as a whole, the most frequent first.
    Variants {
        /// The log.
        #[command(flatten)]
        log: LogFile,
        /// How many to list.
        #[arg(long, value_name = "N", default_value_t = 50)]
        top: usize,
    },
    /// How many people get through steps within a window.
    Funnel {
        /// The log.
        #[command(flatten)]
        log: LogFile,
        /// The steps, separated by commas.
        #[arg(long, value_name = "A,B,C", value_delimiter = ',', required = true)]
        steps: Vec<String>,
        /// The window: a number and s, m, h, d or w. An event exactly at its end counts.
        #[arg(long, value_name = "TIME", default_value = "7d")]
        window: Duration,
        /// What the window bounds.
        #[arg(long, value_name = "WHAT", default_value = "whole")]
        within: WithinWord,
        /// How steps may follow each other.
        #[arg(long, default_value = "ordered")]
        order: OrderWord,
        /// Each step has to be later than the one before it; else steps at the same time count in their order.
        #[arg(long)]
        increasing: bool,
        /// Activities that end an attempt when they come between its steps, separated by commas.
        #[arg(long, value_name = "X,Y", value_delimiter = ',')]
        exclude: Vec<String>,
        /// A column of groups. A person belongs to that of their first event of any step.
        #[arg(long, value_name = "COLUMN")]
        by: Option<String>,
    },
    /// Who comes back, by the period of their first event.
    Retention {
        /// The log.
        #[command(flatten)]
        log: LogFile,
        /// Length of the periods.
        #[arg(long, default_value = "week")]
        period: PeriodWord,
        /// Zone of the calendar (IANA).
        #[arg(long, value_name = "ZONE", default_value = "UTC")]
        timezone: String,
    },
    /// How sessions begin: the most frequent sequences of first activities, of every length up to a depth.
    Paths {
        /// The log.
        #[command(flatten)]
        log: LogFile,
        /// A longer silence ends a session: a number and s, m, h, d or w. Left out, a case is one session.
        #[arg(long, value_name = "TIME")]
        gap: Option<Duration>,
        /// How many activities of a session count.
        #[arg(long, value_name = "N", default_value_t = 5, value_parser = RangedU64ValueParser::<usize>::new().range(1..=64))]
        depth: usize,
        /// Take an activity that follows itself as one.
        #[arg(long)]
        collapse: bool,
        /// How many to list.
        #[arg(long, value_name = "N", default_value_t = 50)]
        top: usize,
    },
    /// What differs between two groups, or between before and after: how often and how fast people go on, corrected for
    /// the number of comparisons, what concerns most people on top.
    Compare {
        /// The log.
        #[command(flatten)]
        log: LogFile,
        /// What is compared.
        #[command(flatten)]
        options: CompareOptions,
    },
    /// Where people repeat themselves, wait, are sent around or give up: every kind that the log can show, most people first.
    Friction {
        /// The log.
        #[command(flatten)]
        log: LogFile,
        /// Columns and thresholds.
        #[command(flatten)]
        options: FrictionOptions,
    },
    /// How well cases fit an allowed path, and where they depart from it.
    Conformance {
        /// The log.
        #[command(flatten)]
        log: LogFile,
        /// The model.
        #[command(flatten)]
        options: ConformanceOptions,
    },
    /// A model of what happens, as YAML to be edited into what is allowed (inductive miner).
    Discover {
        /// The log.
        #[command(flatten)]
        log: LogFile,
        /// Noise.
        #[command(flatten)]
        options: DiscoverOptions,
    },
    /// The log as XES or OCEL 2.0, for other tools of process mining.
    Convert {
        /// The log.
        #[command(flatten)]
        log: LogFile,
        /// Format and columns.
        #[command(flatten)]
        options: ConvertOptions,
    },
    /// How the credit for conversions is shared among the touches before them: first, last, linear, position, Shapley, Markov.
    Attribution {
        /// The log.
        #[command(flatten)]
        log: LogFile,
        /// Conversions and touches.
        #[command(flatten)]
        options: AttributionOptions,
    },
    /// How long until something happens, or until people fall silent: curves that count those for whom it has not happened yet.
    Survival {
        /// The log.
        #[command(flatten)]
        log: LogFile,
        /// Beginning, end and groups.
        #[command(flatten)]
        options: SurvivalOptions,
    },
    /// How often each customer will buy again, and for how much.
    Lifetime {
        /// The log.
        #[command(flatten)]
        log: LogFile,
        /// Purchases and horizon.
        #[command(flatten)]
        options: LifetimeOptions,
    },
    /// Cases that do the same things, named by the steps that set them apart.
    Clusters {
        /// The log.
        #[command(flatten)]
        log: LogFile,
        /// How many.
        #[command(flatten)]
        options: ClusterOptions,
    },
    /// What comes next after some steps, and how often nothing does.
    Next {
        /// The log.
        #[command(flatten)]
        log: LogFile,
        /// The steps.
        #[command(flatten)]
        options: NextOptions,
    },
    /// All of dfg, retention and paths (gap 30m, depth 5) from one scan of the log, and a funnel where steps are named.
    All {
        /// The log.
        #[command(flatten)]
        log: LogFile,
        /// The steps of the funnel, separated by commas.
        #[arg(long, value_name = "A,B,C", value_delimiter = ',')]
        steps: Vec<String>,
        /// Its window.
        #[arg(long, value_name = "TIME", default_value = "7d")]
        window: Duration,
        /// Length of the periods of retention.
        #[arg(long, default_value = "week")]
        period: PeriodWord,
        /// A longer silence ends a session.
        #[arg(long, value_name = "TIME", default_value = "30m")]
        gap: Duration,
    },
}

/// The log and how its answer is written.
#[derive(Debug, Args)]
pub struct LogFile {
    /// CSV, JSON lines, JSON, Parquet, XES, OCEL 2.0 (JSON) or a workbook; text formats may be compressed.
    pub file: PathBuf,
    /// Column of the case: the person, order or ticket. Recognised by its name when left out.
    #[arg(long, value_name = "COLUMN")]
    pub case: Option<String>,
    /// Column of the time. Recognised by its name when left out; without offset it is UTC.
    #[arg(long, value_name = "COLUMN")]
    pub time: Option<String>,
    /// Column of the activity. Recognised by its name when left out.
    #[arg(long, value_name = "COLUMN")]
    pub activity: Option<String>,
    /// Threads; as many as there are processors when left out. The answer does not depend on them.
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=256))]
    pub threads: Option<usize>,
    /// Print the answer as JSON.
    #[arg(long)]
    pub json: bool,
    /// Write to this file instead of standard output.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// How steps may follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OrderWord {
    /// In the order given, with anything in between.
    Ordered,
    /// In the order given, with nothing in between.
    Strict,
    /// In any order.
    Any,
}

/// What a window bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum WithinWord {
    /// From the first step to the last.
    Whole,
    /// From each step to the next.
    Step,
}

/// Length of a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PeriodWord {
    /// A day.
    Day,
    /// A week from Monday.
    Week,
    /// A month.
    Month,
    /// A quarter.
    Quarter,
    /// A year.
    Year,
}
