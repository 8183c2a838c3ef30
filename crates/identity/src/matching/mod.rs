//! Probabilistic matching of records without labels: which of them are one person, one organisation, one thing.
//!
//! ```text
//! columns → comparisons → rules → candidate pairs → counted patterns → model → probabilities → clusters
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`fold`] | values in the spelling in which they are compared |
//! | [`dictionary`] | the different values of a column, each once |
//! | [`column`] | what a column says, by name and content; its values folded and in order |
//! | [`similarity`] | how alike two texts are |
//! | [`comparison`] | degrees of likeness of two records in one respect |
//! | [`blocking`] | which pairs are compared |
//! | [`pattern`] | pairs as counted patterns |
//! | [`model`] | what a pattern says |
//! | [`cluster`] | from pairs to people |
//! | [`live`] | look-up of one record, and records that come and go |
//! | [`evaluate`] | against a known truth |
//!
//! Everything is a function of the content of the records: not of their order, not of the number of threads. There is no I/O and no
//! clock here.

mod address;
mod blocking;
mod chance;
pub mod cluster;
pub mod column;
mod comparison;
mod degree;
pub mod dictionary;
pub mod evaluate;
pub mod fold;
mod key;
pub mod live;
mod model;
mod nicknames;
mod parallel;
mod pattern;
mod postings;
pub mod similarity;

pub use self::blocking::RuleReport;
use self::blocking::{Candidates, Limits, Plan};
use self::cluster::{Never, Weighing};
use self::column::Column;
pub use self::column::{Kind, recognise};
pub use self::comparison::Comparison;
pub use self::comparison::MOST_COMPARISONS;
use self::dictionary::Dictionary;
use self::model::Seen;
pub use self::model::{Class, Component, Model};
pub use self::pattern::level;
use self::pattern::{Counted, Patterns, Rows};

/// A column in which more than this share of records has no value tells too little.
const MOST_NULL: f64 = 0.98;

/// How records are matched.
#[derive(Clone, Debug)]
pub struct Options {
    /// Threads.
    pub threads: usize,
    /// Pairs at or above this probability join clusters.
    pub threshold: f64,
    /// By record, 0 or 1: two files that are linked; pairs within one of them are not looked for.
    pub parts: Option<Vec<u8>>,
    /// Columns of identifiers of which a person has one, such as passport numbers: records in which they differ are never one person. What is not
    /// compared has no say.
    pub unique: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { threads: 1, threshold: 0.5, parts: None, unique: Vec::new() }
    }
}

/// Why records cannot be matched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MatchError {
    /// Columns of different lengths.
    #[error("column {column} has {found} values for {records} records")]
    Length {
        /// The column.
        column: String,
        /// Values that it has.
        found: usize,
        /// Records.
        records: usize,
    },
    /// No column has two different values.
    #[error("no column tells records apart: each is empty or always the same")]
    NothingToCompare,
    /// Only one comparison: nothing besides it tells equal values of one record from those that are equal by chance.
    #[error("only `{comparison}` tells records apart, and nothing says whether equal values are one record or chance")]
    OneComparison {
        /// Its name.
        comparison: String,
    },
}

/// What becomes of one column of a file.
#[derive(Clone, Debug)]
pub enum Encoded {
    /// It is compared.
    Column(Column),
    /// It says nothing about who it is.
    Nothing(Silence),
}

/// Why a column says nothing about who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// No record has a value.
    Empty,
    /// All records that have a value have the same one.
    Constant,
    /// Next to no record has a value.
    Sparse,
    /// Neither its name nor its values tell what it says, or it counts something.
    Unknown,
}

/// Encodes columns, each by its name and what it says, where that is known already. `values` gives the values of the column at a place.
pub fn encode<'a, V>(columns: &[(String, Option<Kind>)], threads: usize, values: impl Fn(usize) -> V + Sync) -> Vec<Encoded>
where
    V: Iterator<Item = Option<&'a str>>,
{
    parallel::parallel(columns.len(), threads, |place| {
        let (name, kind) = &columns[place];
        let dictionary = Dictionary::of(values(place));
        match dictionary.values.len() - 1 {
            0 => return Encoded::Nothing(Silence::Empty),
            1 => return Encoded::Nothing(Silence::Constant),
            _ => {}
        }
        let Some(kind) = kind.or_else(|| recognise(name, &dictionary)) else { return Encoded::Nothing(Silence::Unknown) };
        let column = Column::of(name, kind, &dictionary);
        match column.distinct() {
            0 => Encoded::Nothing(Silence::Empty),
            1 => Encoded::Nothing(Silence::Constant),
            _ if column.null_share() > MOST_NULL => Encoded::Nothing(Silence::Sparse),
            _ => Encoded::Column(column),
        }
    })
}

/// A pair that was compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Lower record.
    pub a: u32,
    /// Higher record.
    pub b: u32,
    /// Position of its pattern of levels.
    pub pattern: u32,
}

/// What a matching is at, for those who wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Dictionaries become comparisons.
    Compare,
    /// Blocking rules are chosen.
    Plan,
    /// Candidate pairs are made.
    Pair,
    /// Pairs become counted patterns.
    Count,
    /// The model is fitted.
    Fit,
    /// Pairs become clusters.
    Cluster,
}

/// A finished matching.
#[derive(Clone, Debug)]
pub struct Matching {
    /// What was compared.
    pub comparisons: Vec<Comparison>,
    /// Columns that could have been, but tell less than the [`MOST_COMPARISONS`] that were.
    pub left_out: Vec<String>,
    /// The blocking rules with their pairs.
    pub rules: Vec<RuleReport>,
    /// Share of true pairs that the rules are expected to reach.
    pub expected_recall: f64,
    /// The model; `None` where no two records were worth comparing.
    pub model: Option<Model>,
    /// Compared pairs.
    pub pairs: Vec<Pair>,
    /// Their different patterns of levels, ascending; [`level`] reads one.
    pub patterns: Vec<u128>,
    /// By pattern: the pairs that have it.
    pub counts: Vec<u64>,
    /// By pattern: the probability that such a pair is a match.
    pub probabilities: Vec<f64>,
    /// By record: the lowest record of its cluster.
    pub clusters: Vec<u32>,
    /// Pairs at or above this probability joined clusters.
    threshold: f64,
    /// Whether two files were linked.
    linked: bool,
    /// Comparisons of identifiers of which a person has one.
    unique: Vec<usize>,
    plan: Plan,
}

impl Matching {
    /// The compared pairs with their probabilities.
    pub fn scored(&self) -> impl Iterator<Item = (u32, u32, f64)> + '_ {
        self.pairs.iter().map(|pair| (pair.a, pair.b, self.probabilities[pair.pattern as usize]))
    }

    /// Pairs that there are in all for each candidate pair.
    fn all_per_candidate(&self) -> f64 {
        let records = self.clusters.len() as f64;
        records * (records - 1.0) / 2.0 / self.pairs.len().max(1) as f64
    }
}

/// Matches the records whose columns these are. `begins` is told what is begun.
pub fn match_records(columns: Vec<Column>, options: &Options, begins: &mut dyn FnMut(Phase)) -> Result<Matching, MatchError> {
    match_within(Limits::default(), columns, options, begins)
}

fn match_within(
    limits: Limits,
    columns: Vec<Column>,
    options: &Options,
    begins: &mut dyn FnMut(Phase),
) -> Result<Matching, MatchError> {
    let records = columns.first().map_or(0, |column| column.codes.len());
    if let Some(column) = columns.iter().find(|column| column.codes.len() != records) {
        return Err(MatchError::Length { column: column.name.clone(), found: column.codes.len(), records });
    }
    begins(Phase::Compare);
    let (comparisons, left_out) = most_telling(comparisons(columns));
    if comparisons.is_empty() {
        return Err(MatchError::NothingToCompare);
    }
    if let [only] = comparisons.as_slice() {
        return Err(MatchError::OneComparison { comparison: only.name.clone() });
    }
    begins(Phase::Plan);
    let plan = Plan::choose(&comparisons, records, limits, options.threads);
    begins(Phase::Pair);
    let mut candidates = blocking::pairs(&plan, &comparisons, records, options.parts.as_deref(), options.threads);
    begins(Phase::Count);
    let (codes, patterns) = (pattern::by_record(&comparisons), Patterns::new(&comparisons));
    let rows = Rows { comparisons: &comparisons, codes: &codes, patterns: &patterns };
    let counted = pattern::count(&rows, &candidates, options.threads);
    let rules = std::mem::take(&mut candidates.reports);
    let is_unique = |comparison: &Comparison| options.unique.contains(&comparison.name);
    let pairs = paired(candidates, &counted);
    let Counted { patterns: seen, pairs: counts, .. } = counted;
    let mut made = Matching {
        rules,
        expected_recall: plan.recall(),
        model: None,
        pairs,
        patterns: seen,
        counts,
        probabilities: Vec::new(),
        clusters: (0..records as u32).collect(),
        threshold: options.threshold,
        linked: options.parts.is_some(),
        unique: (0..comparisons.len()).filter(|place| is_unique(&comparisons[*place])).collect(),
        comparisons: Vec::new(),
        left_out,
        plan,
    };
    if !made.patterns.is_empty() {
        begins(Phase::Fit);
        let seen = Seen { patterns: &made.patterns, pairs: &made.counts };
        let model = Model::fit(&comparisons, &made.plan, seen, records, options.threads);
        made.probabilities = model.probabilities(&made.patterns);
        begins(Phase::Cluster);
        let scorer = model.scorer(made.all_per_candidate());
        let never = Never { parts: options.parts.as_deref(), unique: &made.unique };
        let weighing = Weighing { rows, scorer: &scorer, threshold: options.threshold, never };
        made.clusters = cluster::clusters(records, &made.pairs, &made.probabilities, weighing, options.threads);
        made.model = Some(model);
    }
    made.comparisons = comparisons;
    Ok(made)
}

/// Pairs with their patterns, in the order of the rules that made them.
fn paired(candidates: Candidates, counted: &Counted) -> Vec<Pair> {
    let mut pairs = Vec::with_capacity(candidates.len());
    for (found, patterns) in candidates.by_rule.into_iter().zip(&counted.of_pair) {
        pairs.extend(found.iter().zip(patterns).map(|((a, b), pattern)| Pair { a: *a, b: *b, pattern: *pattern }));
    }
    pairs
}

/// One comparison a column; the parts of an address are one, each the column of its kind that most records have.
fn comparisons(columns: Vec<Column>) -> Vec<Comparison> {
    let mut columns: Vec<Column> =
        columns.into_iter().filter(|column| column.distinct() > 1 && column.null_share() <= MOST_NULL).collect();
    let mut take = |kind: Kind| {
        let of_kind = columns.iter().enumerate().filter(|(_, column)| column.kind == kind);
        let fullest = of_kind.min_by(|(_, a), (_, b)| a.null_share().total_cmp(&b.null_share())).map(|(at, _)| at);
        fullest.map(|at| columns.remove(at))
    };
    let address = [Kind::Street, Kind::HouseNumber, Kind::City, Kind::Postcode].map(&mut take);
    let mut made = Vec::new();
    if address.iter().flatten().count() > 1 {
        made.push(Comparison::of_address(address));
    } else {
        columns.extend(address.into_iter().flatten());
    }
    made.splice(0..0, columns.into_iter().map(Comparison::of_column));
    made
}

/// The [`MOST_COMPARISONS`] that tell most, in their order, and the columns of the others.
fn most_telling(mut comparisons: Vec<Comparison>) -> (Vec<Comparison>, Vec<String>) {
    let bits: Vec<f64> = comparisons.iter().map(Comparison::bits).collect();
    let mut order: Vec<usize> = (0..comparisons.len()).collect();
    order.sort_by(|a, b| bits[*b].total_cmp(&bits[*a]));
    let mut left: Vec<usize> = order.into_iter().skip(MOST_COMPARISONS).collect();
    left.sort_unstable();
    let left = left.into_iter().rev().map(|place| comparisons.remove(place)).collect::<Vec<Comparison>>();
    let names = left.iter().rev().flat_map(|comparison| &comparison.fields).map(|field| field.name.clone()).collect();
    (comparisons, names)
}
