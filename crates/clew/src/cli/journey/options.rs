//! Options of the questions that read columns in case order: groups, thresholds, models.

use std::path::PathBuf;

use clap::builder::RangedU64ValueParser;
use clap::{Args, ValueEnum};
use clew_pipeline::plain_log::Duration;

/// What is compared.
#[derive(Debug, Args)]
pub struct CompareOptions {
    /// The groups.
    #[command(flatten)]
    pub groups: GroupsAsked,
    /// Activities to leave out, as if they were not in the log, separated by commas.
    #[arg(long, value_name = "X,Y", value_delimiter = ',')]
    pub without: Vec<String>,
    /// What follows an event within this time counts as what came of it.
    #[arg(long, value_name = "TIME", default_value = "7d")]
    pub within: Duration,
    /// Cases that each group needs at a step for it to be compared.
    #[arg(long, value_name = "N", default_value_t = 30)]
    pub min_cases: u64,
    /// Share of findings that may be false.
    #[arg(long, value_name = "SHARE", default_value_t = 0.05, value_parser = share)]
    pub false_discovery_rate: f64,
    /// Least difference of shares that is a finding.
    #[arg(long, value_name = "SHARE", default_value_t = 0.01, value_parser = share)]
    pub min_difference: f64,
    /// How many of the most frequent variants are compared.
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub variants: usize,
    /// How many differences to list.
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub top: usize,
}

/// Columns and thresholds of friction.
#[derive(Debug, Args)]
pub struct FrictionOptions {
    /// Column of the person, where a case is not one: contacts are repeated by people, and people are counted.
    #[arg(long, value_name = "COLUMN")]
    pub person: Option<String>,
    /// Column of the channel: another one inside an episode is friction.
    #[arg(long, value_name = "COLUMN")]
    pub channel: Option<String>,
    /// Column of the agent or team: another one inside an episode is a transfer.
    #[arg(long, value_name = "COLUMN")]
    pub resource: Option<String>,
    /// Column of what an event costs, as numbers.
    #[arg(long, value_name = "COLUMN")]
    pub cost: Option<String>,
    /// Activities to leave out, as if they were not in the log, separated by commas.
    #[arg(long, value_name = "X,Y", value_delimiter = ',')]
    pub without: Vec<String>,
    /// Loop: the same activity again at most so many events later.
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub loop_within: usize,
    /// Long wait: beyond this quantile of the waits between the same two activities.
    #[arg(long, value_name = "SHARE", default_value_t = 0.9, value_parser = share)]
    pub long_wait: f64,
    /// Activities that are contacts, separated by commas.
    #[arg(long, value_name = "X,Y", value_delimiter = ',')]
    pub contacts: Vec<String>,
    /// Repeat contact: so soon after another one of the person.
    #[arg(long, value_name = "TIME", default_value = "7d")]
    pub repeat_within: Duration,
    /// A longer silence ends an episode, inside which loops, returns, changes of channel and transfers are looked for.
    #[arg(long, value_name = "TIME", default_value = "1d")]
    pub episode: Duration,
    /// Dead end: a last touch, and silence for at least this …
    #[arg(long, value_name = "TIME", default_value = "30d")]
    pub silence: Duration,
    /// … after activities where that is so many times as frequent as after the others.
    #[arg(long, value_name = "TIMES", default_value_t = 1.5)]
    pub dead_end_lift: f64,
    /// Rage: so many of the same …
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = RangedU64ValueParser::<usize>::new().range(2..=1_000))]
    pub rage: usize,
    /// … within this.
    #[arg(long, value_name = "TIME", default_value = "2s")]
    pub rage_within: Duration,
    /// Activities that end a case, separated by commas: what comes soon after reopens it.
    #[arg(long, value_name = "X,Y", value_delimiter = ',')]
    pub ends: Vec<String>,
    /// Reopened: so soon after its end.
    #[arg(long, value_name = "TIME", default_value = "30d")]
    pub reopened_within: Duration,
    /// Activities that are failures by themselves, such as errors and abandoned forms, separated by commas.
    #[arg(long, value_name = "X,Y", value_delimiter = ',')]
    pub failures: Vec<String>,
    /// What findings are ranked by.
    #[arg(long, default_value = "people")]
    pub rank: RankWord,
    /// How many findings to list.
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub top: usize,
    /// How many examples of each.
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub examples: usize,
}

/// The model of conformance.
#[derive(Debug, Args)]
pub struct ConformanceOptions {
    /// A YAML file with the allowed path.
    #[arg(long, value_name = "FILE")]
    pub model: PathBuf,
    /// Activities to leave out, as if they were not in the log, separated by commas.
    #[arg(long, value_name = "X,Y", value_delimiter = ',')]
    pub without: Vec<String>,
    /// States of the search for an alignment that a variant may take.
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    pub most_states: usize,
    /// How many deviations and variants to list.
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub top: usize,
}

/// Conversions and touches.
#[derive(Debug, Args)]
pub struct AttributionOptions {
    /// The activity that is a conversion.
    #[arg(long, value_name = "ACTIVITY")]
    pub conversion: String,
    /// Column of the touch, such as the channel; the activity when left out.
    #[arg(long, value_name = "COLUMN")]
    pub touch: Option<String>,
    /// Column of the value of conversions, as numbers.
    #[arg(long, value_name = "COLUMN")]
    pub value: Option<String>,
    /// Touches longer before a conversion have no share; all have when left out.
    #[arg(long, value_name = "TIME")]
    pub lookback: Option<Duration>,
    /// Activities to leave out, as if they were not in the log, separated by commas.
    #[arg(long, value_name = "X,Y", value_delimiter = ',')]
    pub without: Vec<String>,
}

/// Beginning, end and groups of spells.
#[derive(Debug, Args)]
pub struct SurvivalOptions {
    /// The activity that a spell begins with; the first event of a case when left out.
    #[arg(long, value_name = "ACTIVITY")]
    pub from: Option<String>,
    /// The activity that ends it; a silence when left out.
    #[arg(long, value_name = "ACTIVITY")]
    pub to: Option<String>,
    /// Without --to: a silence of at least this ends it.
    #[arg(long, value_name = "TIME", default_value = "30d", conflicts_with = "to")]
    pub silence: Duration,
    /// A column of groups: that of the event that the spell begins with.
    #[arg(long, value_name = "COLUMN")]
    pub by: Option<String>,
    /// Activities to leave out, as if they were not in the log, separated by commas.
    #[arg(long, value_name = "X,Y", value_delimiter = ',')]
    pub without: Vec<String>,
    /// Most points of a curve to list.
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub points: usize,
}

/// Purchases and horizon.
#[derive(Debug, Args)]
pub struct LifetimeOptions {
    /// The activity that is a purchase; those of one day (UTC) are one.
    #[arg(long, value_name = "ACTIVITY")]
    pub purchase: String,
    /// Column of the value of purchases, as numbers.
    #[arg(long, value_name = "COLUMN")]
    pub value: Option<String>,
    /// How far to look ahead.
    #[arg(long, value_name = "TIME", default_value = "365d")]
    pub horizon: Duration,
    /// How many customers to list.
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub top: usize,
}

/// How cases are grouped.
#[derive(Debug, Args)]
pub struct ClusterOptions {
    /// How many clusters; as many as lie best apart when left out.
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=100))]
    pub clusters: Option<usize>,
    /// Without --clusters: at most so many.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = RangedU64ValueParser::<usize>::new().range(2..=100))]
    pub most: usize,
    /// The number from which beginnings are drawn.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// A column of known groups, to be compared with.
    #[arg(long, value_name = "COLUMN")]
    pub truth: Option<String>,
    /// Activities to leave out, as if they were not in the log, separated by commas.
    #[arg(long, value_name = "X,Y", value_delimiter = ',')]
    pub without: Vec<String>,
}

/// After which steps.
#[derive(Debug, Args)]
pub struct NextOptions {
    /// The steps, one straight after the other, separated by commas.
    #[arg(long, value_name = "A,B", value_delimiter = ',', required = true)]
    pub after: Vec<String>,
    /// What comes later is not next.
    #[arg(long, value_name = "TIME", default_value = "7d")]
    pub within: Duration,
    /// Activities to leave out, as if they were not in the log, separated by commas.
    #[arg(long, value_name = "X,Y", value_delimiter = ',')]
    pub without: Vec<String>,
}

/// Groups of events.
#[derive(Debug, Args)]
#[group(id = "groups")]
pub struct GroupsAsked {
    /// A column of groups, whose values are told apart event by event.
    #[arg(long, value_name = "COLUMN", required_unless_present = "before", conflicts_with = "before")]
    pub by: Option<String>,
    /// Values of the first group, separated by commas; all others when left out.
    #[arg(long, value_name = "VALUES", value_delimiter = ',', requires = "by")]
    pub a: Vec<String>,
    /// Values of the second group, separated by commas; all others when left out.
    #[arg(long, value_name = "VALUES", value_delimiter = ',', requires = "by")]
    pub b: Vec<String>,
    /// Compare what comes before this day or time (UTC) with what comes from then on.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub before: Option<i64>,
    /// With --before: only so much time before it and after it, so that both are equally long.
    #[arg(long, value_name = "TIME", requires = "before")]
    pub span: Option<Duration>,
}

/// A fraction.
fn share(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|share| (0.0..1.0).contains(share))
        .ok_or_else(|| "a fraction from 0 to below 1, such as 0.05".into())
}

/// Microseconds of a day or time, without offset in UTC.
fn moment(text: &str) -> Result<i64, String> {
    let day = || text.parse::<jiff::civil::DateTime>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|at| at.timestamp());
    let at = text.parse::<jiff::Timestamp>().ok().or_else(day);
    at.map(jiff::Timestamp::as_microsecond).ok_or_else(|| "a day or time such as 2026-01-31 or 2026-01-31T12:00:00Z".into())
}

/// How a model is found.
#[derive(Debug, Args)]
pub struct DiscoverOptions {
    /// Transitions rarer than this share of the most frequent one from the same activity are passed over.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    pub noise: f64,
    /// Activities to leave out, as if they were not in the log, separated by commas.
    #[arg(long, value_name = "X,Y", value_delimiter = ',')]
    pub without: Vec<String>,
    /// States of the search for an alignment that a variant may take.
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    pub most_states: usize,
}

/// How a log is written for other tools.
#[derive(Debug, Args)]
pub struct ConvertOptions {
    /// The format.
    #[arg(long, value_name = "FORMAT")]
    pub to: FormatWord,
    /// Columns that become attributes of events, separated by commas.
    #[arg(long, value_name = "X,Y", value_delimiter = ',')]
    pub columns: Vec<String>,
    /// Activities to leave out, separated by commas.
    #[arg(long, value_name = "X,Y", value_delimiter = ',')]
    pub without: Vec<String>,
}

/// Format of a log for other tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FormatWord {
    /// XES (XML).
    Xes,
    /// OCEL 2.0 (JSON).
    Ocel,
}

/// What findings of friction are ranked by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RankWord {
    /// People, then time lost.
    People,
    /// Time lost.
    Time,
    /// Cost of what would not have been.
    Cost,
}
