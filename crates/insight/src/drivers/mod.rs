//! What drives a score: a ranked list with importance, effect and performance, and all that was not ranked and why.
//!
//! *Unit of analysis*: one scored answer; answers of one person are one unit of chance. *Importance* is LMG, the Shapley value on the
//! R² of a linear model of the score ([`clew_stats::importance`]): related drivers share what they explain together
//! instead of hiding each other. A category is one driver with all its levels. The importance of a **family** (several readings of one
//! matter, such as "late" and "days late") is the sum over its drivers, so ranking families does not punish a matter
//! for being measured twice.
//!
//! *Missing values*: what did not happen to a customer has no value (no delivery, hence no delay), so leaving out incomplete rows
//! would leave hardly any, and not the same ones. A missing value gets the mean of the others, and where at least
//! [`Options::min_present`] are missing, an indicator column that enters and leaves together with the value. A driver's importance
//! therefore includes whether it applies at all; correlation, effect and performance are those of the rows that have it.
//!
//! *Screening* comes first ([`ScreenReason`]): every candidate is tested alone, with errors clustered by person, and the strongest go into
//! the model, at most [`Options::max_drivers`] and at most one column per [`Options::rows_per_column`] answers.
//!
//! *Vital few*: the smallest leading set that reaches [`Options::vital_share`] of R², less those whose own test, adjusted for all candidates
//! (Benjamini–Hochberg), does not reach the level. LMG of noise is small but never 0 and so is the lower end of its
//! interval; the test is what keeps noise out.
//!
//! All of it is association: the causes step asks whether the driver moved before the score did.

mod encode;
mod report;

use clew_stats::{Estimate, Reason};
use thiserror::Error;

use crate::candidates::Candidate;

/// What to explain, and by what. All columns have one entry per answer, in the same order.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The score of each answer; `NaN` is missing, and the answer is left out.
    pub outcome: &'a [f64],
    /// Who gave it. Answers of one person are resampled and tested together.
    pub people: &'a [u64],
    /// What may drive it.
    pub candidates: &'a [Candidate],
}

/// How to rank.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// Seed of the bootstrap.
    pub seed: u64,
    /// Bootstrap replicates; below 40 a 95 % interval cannot be made.
    pub replicates: usize,
    /// Confidence level of intervals and tests.
    pub level: f64,
    /// Most drivers in the model, at most 16.
    pub max_drivers: usize,
    /// Fewest answers to rank anything.
    pub min_rows: usize,
    /// Fewest answers that must have a value (for yes/no: of each kind; for a category: of each level, else it is pooled).
    pub min_present: usize,
    /// Most levels of a category; the rarest beyond it are pooled.
    pub max_levels: usize,
    /// Answers for each column of the model, so that R² is not bought with noise.
    pub rows_per_column: usize,
    /// Share of R² that the vital few must reach.
    pub vital_share: f64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 0,
            replicates: 500,
            level: 0.95,
            max_drivers: 16,
            min_rows: 50,
            min_present: 20,
            max_levels: 8,
            rows_per_column: 10,
            vital_share: 0.8,
        }
    }
}

/// What [`rank`] refuses: mistakes of the caller. Data that allow no ranking are no mistake, see [`Drivers::not_ranked`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DriverError {
    /// A column has another length than the outcome.
    #[error("{column} has {found} rows, the outcome has {expected}")]
    Length {
        /// The candidate's name, or "people".
        column: String,
        /// Rows of the outcome.
        expected: usize,
        /// Rows of the column.
        found: usize,
    },
    /// Two candidates have one name.
    #[error("two candidates are named {name}")]
    DuplicateName {
        /// The name.
        name: String,
    },
    /// A category's code has no level.
    #[error("candidate {name} has code {code} but only {levels} levels")]
    UnknownLevel {
        /// The candidate.
        name: String,
        /// The code.
        code: u32,
        /// Its levels.
        levels: usize,
    },
    /// An option is out of range.
    #[error("option {option} must be {range}")]
    Option {
        /// Name of the option.
        option: &'static str,
        /// What it may be.
        range: &'static str,
    },
}

/// The ranking.
#[derive(Clone, Debug, PartialEq)]
pub struct Drivers {
    /// Answers with a score.
    pub n: u64,
    /// People who gave them.
    pub people: u64,
    /// Share of the score's variance that all ranked drivers explain together, with its bootstrap interval.
    pub r2: Estimate,
    /// The same adjusted for the number of columns.
    pub adjusted_r2: Option<f64>,
    /// Most important first, ties by name.
    pub ranked: Vec<Driver>,
    /// Most important first, ties by name.
    pub families: Vec<Family>,
    /// What was not ranked, in the candidates' order.
    pub screened: Vec<Screened>,
    /// Why nothing was ranked.
    pub not_ranked: Option<NotRanked>,
}

/// Why there is no ranking at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotRanked {
    /// No answer has a score.
    NoAnswers,
    /// Fewer answers than [`Options::min_rows`].
    TooFewAnswers,
    /// All scores are equal.
    ConstantScore,
    /// There is no candidate, or all were screened out.
    NoCandidates,
}

impl NotRanked {
    /// The reason in the statistics' own words.
    #[must_use]
    pub const fn reason(self) -> Reason {
        match self {
            Self::NoAnswers => Reason::NoRows,
            Self::TooFewAnswers | Self::NoCandidates => Reason::TooFewRows,
            Self::ConstantScore => Reason::NoSpread,
        }
    }
}

/// What kind of values a driver has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DriverKind {
    /// Numbers.
    Numeric,
    /// Yes or no.
    Boolean,
    /// One of several levels.
    Category,
}

/// A ranked driver.
#[derive(Clone, Debug, PartialEq)]
pub struct Driver {
    /// The candidate's name.
    pub name: String,
    /// Its family.
    pub family: String,
    /// Its kind.
    pub kind: DriverKind,
    /// LMG in units of R² (they sum to R²), with the bootstrap percentile interval.
    pub importance: Estimate,
    /// LMG as a share of R² (they sum to 1), with the bootstrap percentile interval.
    pub share: Estimate,
    /// Share of this and all drivers before it.
    pub cumulative: f64,
    /// Whether it is one of the vital few.
    pub vital_few: bool,
    /// Standardised coefficient in the model with all ranked drivers: its sign holds the others equal. `None` for a category.
    pub coefficient: Option<f64>,
    /// Correlation with the score among answers that have a value. `None` for a category.
    pub correlation: Option<f64>,
    /// What a contrast of the driver means in score points, others not held equal; interval clustered by person.
    pub effect: Option<Effect>,
    /// How it stands today: mean (numeric) or share of yes (boolean). `None` for a category.
    pub performance: Option<Estimate>,
    /// Answers that have a value.
    pub n: u64,
    /// p-value of "not associated with the score" when alone, clustered by person.
    pub p_value: Option<f64>,
    /// The same, adjusted for all tested candidates (Benjamini–Hochberg).
    pub p_adjusted: Option<f64>,
}

/// A difference in score points.
#[derive(Clone, Debug, PartialEq)]
pub struct Effect {
    /// What is compared.
    pub contrast: Contrast,
    /// Score at the second less score at the first, with its interval.
    pub points: Estimate,
}

/// The two states that an effect compares.
#[derive(Clone, Debug, PartialEq)]
pub enum Contrast {
    /// No against yes.
    AbsentPresent,
    /// A low against a high value along the fitted line: the 10th and 90th percentile; where these are equal, that value and the
    /// median of the values that differ from it.
    Values {
        /// The low value (or the usual one).
        from: f64,
        /// The high value (or the unusual one).
        to: f64,
    },
    /// The level with the lowest mean score against that with the highest. Picked by looking, so the difference is
    /// somewhat too large.
    Levels {
        /// Level with the lowest mean score.
        from: String,
        /// Level with the highest.
        to: String,
    },
}

/// Several drivers that read one matter.
#[derive(Clone, Debug, PartialEq)]
pub struct Family {
    /// Its name.
    pub family: String,
    /// Its ranked drivers, most important first.
    pub drivers: Vec<String>,
    /// Summed importance in units of R², with the bootstrap interval of the sum.
    pub importance: Estimate,
    /// The same as a share of R².
    pub share: Estimate,
    /// Share of this and all families before it.
    pub cumulative: f64,
    /// Whether it is one of the vital few: leading, and at least one of its drivers passes its test.
    pub vital_few: bool,
}

/// A candidate that was not ranked.
#[derive(Clone, Debug, PartialEq)]
pub struct Screened {
    /// The candidate's name.
    pub name: String,
    /// Its family.
    pub family: String,
    /// Why.
    pub reason: ScreenReason,
    /// Adjusted share of the score's variance that it explains alone, if it was tested.
    pub adjusted_r2: Option<f64>,
    /// p-value of its test alone, adjusted for all tested candidates.
    pub p_adjusted: Option<f64>,
    /// Answers that have a value.
    pub n: u64,
}

/// Why a candidate was not ranked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScreenReason {
    /// Too few answers have a value, or differ from the usual value (the count is given).
    TooFew {
        /// Answers that have a value, of the rarer kind for yes/no and of other levels than the most frequent for a category.
        found: usize,
        /// How many are needed.
        needed: usize,
    },
    /// All values are equal.
    Constant,
    /// It says the same as another candidate, which comes first in the list.
    SameAs {
        /// The other.
        name: String,
    },
    /// Others explain more and the model is full.
    Weak {
        /// Its place by adjusted R² among the tested candidates, from 1.
        place: usize,
    },
}

/// Ranks the candidates by their importance for the outcome.
///
/// Deterministic for a seed; does not depend on the order of the answers. O(replicates · (answers · columns² + 2^drivers)).
pub fn rank(input: &Input, options: &Options) -> Result<Drivers, DriverError> {
    refuse(input, options)?;
    let answers = encode::Answers::new(input);
    let mut drivers = Drivers {
        n: answers.outcome.len() as u64,
        people: answers.distinct_people() as u64,
        r2: Estimate::unknown(answers.outcome.len() as u64, options.level, Reason::NoRows),
        adjusted_r2: None,
        ranked: Vec::new(),
        families: Vec::new(),
        screened: Vec::new(),
        not_ranked: None,
    };
    drivers.not_ranked = if answers.outcome.is_empty() {
        Some(NotRanked::NoAnswers)
    } else if answers.outcome.len() < options.min_rows {
        Some(NotRanked::TooFewAnswers)
    } else if answers.outcome.iter().all(|score| score.to_bits() == answers.outcome[0].to_bits()) {
        Some(NotRanked::ConstantScore)
    } else {
        None
    };
    if drivers.not_ranked.is_none() {
        let (kept, screened) = encode::screen(input.candidates, &answers, options);
        drivers.screened = screened;
        if kept.is_empty() {
            drivers.not_ranked = Some(NotRanked::NoCandidates);
        } else {
            report::fill(&mut drivers, &kept, &answers, options);
        }
    }
    if let Some(why) = drivers.not_ranked {
        drivers.r2.reason = Some(why.reason());
    }
    Ok(drivers)
}

fn refuse(input: &Input, options: &Options) -> Result<(), DriverError> {
    use crate::candidates::{NONE, Values};

    let limits = [
        (options.level > 0.0 && options.level < 1.0, "level", "between 0 and 1"),
        ((1..=clew_stats::importance::MAX_PREDICTORS).contains(&options.max_drivers), "max_drivers", "1 to 16"),
        (options.vital_share > 0.0 && options.vital_share <= 1.0, "vital_share", "above 0 and at most 1"),
        (options.max_levels >= 2, "max_levels", "at least 2"),
        (options.min_present >= 2, "min_present", "at least 2"),
        (options.rows_per_column >= 2, "rows_per_column", "at least 2"),
    ];
    if let Some((_, option, range)) = limits.into_iter().find(|(holds, _, _)| !holds) {
        return Err(DriverError::Option { option, range });
    }
    let expected = input.outcome.len();
    let length = |column: &str, found: usize| {
        let error = || DriverError::Length { column: column.to_owned(), expected, found };
        if found == expected { Ok(()) } else { Err(error()) }
    };
    length("people", input.people.len())?;
    let mut names = std::collections::BTreeSet::new();
    for candidate in input.candidates {
        let name = &candidate.name;
        if !names.insert(name) {
            return Err(DriverError::DuplicateName { name: name.clone() });
        }
        match &candidate.values {
            Values::Numeric(values) => length(name, values.len())?,
            Values::Boolean(values) => length(name, values.len())?,
            Values::Category { levels, codes } => {
                length(name, codes.len())?;
                let levels = levels.len();
                if let Some(&code) = codes.iter().find(|&&code| code != NONE && code as usize >= levels) {
                    return Err(DriverError::UnknownLevel { name: name.clone(), code, levels });
                }
            }
        }
    }
    Ok(())
}
