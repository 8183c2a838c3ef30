//! Candidates become columns, and the columns are screened.
//!
//! Numbers and yes/no become one column (missing = mean of the present) and, where enough are missing, an indicator.
//! Categories become one 0/1 column per level but the most frequent. A rare level is a few rows with their own column,
//! which any model fits perfectly and any robust error then calls certain; so levels and indicators below
//! [`Options::min_present`] rows are pooled, or sit with the most frequent level.

use clew_stats::association::pearson;
use clew_stats::multiple::benjamini_hochberg;
use clew_stats::regression::clustered;

use super::{DriverKind, Input, Options, ScreenReason, Screened};
use crate::candidates::{Candidate, NONE, Values};

/// |r| above which two columns say the same.
const SAME: f64 = 1.0 - 1e-9;

/// The scored answers, and which rows of the input they are.
pub(super) struct Answers {
    rows: Vec<usize>,
    pub(super) outcome: Vec<f64>,
    pub(super) people: Vec<u64>,
}

impl Answers {
    pub(super) fn new(input: &Input) -> Self {
        let rows: Vec<usize> = (0..input.outcome.len()).filter(|&row| input.outcome[row].is_finite()).collect();
        let outcome = rows.iter().map(|&row| input.outcome[row]).collect();
        let people = rows.iter().map(|&row| input.people[row]).collect();
        Self { rows, outcome, people }
    }

    pub(super) fn distinct_people(&self) -> usize {
        let mut people = self.people.clone();
        people.sort_unstable();
        people.dedup();
        people.len()
    }
}

/// A candidate as columns over the scored answers.
pub(super) struct Encoded<'a> {
    pub(super) candidate: &'a Candidate,
    pub(super) kind: DriverKind,
    /// For the model; no missing values.
    pub(super) columns: Vec<Vec<f64>>,
    /// The value itself, `NaN` where missing. Of a category: the place in `levels`.
    pub(super) values: Vec<f64>,
    /// Levels of a category that have a place of their own.
    pub(super) levels: Vec<&'a str>,
    pub(super) present: usize,
    pub(super) p_value: Option<f64>,
    pub(super) p_adjusted: Option<f64>,
    adjusted_r2: f64,
}

/// The candidates that go into the model, in the order given, and the others.
pub(super) fn screen<'a>(candidates: &'a [Candidate], answers: &Answers, options: &Options) -> (Vec<Encoded<'a>>, Vec<Screened>) {
    let mut screened: Vec<(usize, Screened)> = Vec::new();
    let mut tested: Vec<(usize, Encoded)> = Vec::new();
    for (place, candidate) in candidates.iter().enumerate() {
        let (reason, n) = match encode(candidate, answers, options) {
            Ok(encoded) => match tested.iter().find(|(_, other)| other.says_the_same(&encoded)) {
                None => {
                    tested.push((place, encoded));
                    continue;
                }
                Some((_, other)) => (ScreenReason::SameAs { name: other.candidate.name.clone() }, encoded.present),
            },
            Err(found) => found,
        };
        screened.push((place, Screened::new(candidate, reason, n)));
    }
    test(&mut tested, answers, options.level);

    let mut order: Vec<usize> = (0..tested.len()).collect();
    order.sort_by(|&a, &b| {
        let (a, b) = (&tested[a].1, &tested[b].1);
        b.adjusted_r2.total_cmp(&a.adjusted_r2).then_with(|| a.candidate.name.cmp(&b.candidate.name))
    });
    let budget = answers.outcome.len() / options.rows_per_column;
    let (mut drivers, mut columns) = (0, 0);
    let mut weak = vec![None; tested.len()];
    for (place, &index) in order.iter().enumerate() {
        let width = tested[index].1.columns.len();
        if drivers < options.max_drivers && columns + width <= budget {
            drivers += 1;
            columns += width;
        } else {
            weak[index] = Some(place + 1);
        }
    }
    let mut kept = Vec::new();
    for ((place, encoded), weak) in tested.into_iter().zip(weak) {
        let Some(rank) = weak else {
            kept.push(encoded);
            continue;
        };
        let mut entry = Screened::new(encoded.candidate, ScreenReason::Weak { place: rank }, encoded.present);
        entry.adjusted_r2 = encoded.adjusted_r2.is_finite().then_some(encoded.adjusted_r2);
        entry.p_adjusted = encoded.p_adjusted;
        screened.push((place, entry));
    }
    screened.sort_by_key(|(place, _)| *place);
    (kept, screened.into_iter().map(|(_, entry)| entry).collect())
}

impl Screened {
    fn new(candidate: &Candidate, reason: ScreenReason, n: usize) -> Self {
        let (name, family) = (candidate.name.clone(), candidate.family.clone());
        Self { name, family, reason, adjusted_r2: None, p_adjusted: None, n: n as u64 }
    }
}

/// Each candidate alone against the outcome.
fn test(tested: &mut [(usize, Encoded)], answers: &Answers, level: f64) {
    for (_, encoded) in tested.iter_mut() {
        let columns: Vec<&[f64]> = encoded.columns.iter().map(Vec::as_slice).collect();
        let fit = clustered(&answers.outcome, &columns, Some(&answers.people), level)
            .expect("all columns have one entry per scored answer");
        encoded.p_value = fit.p_value;
        encoded.adjusted_r2 = fit.adjusted_r2.unwrap_or(f64::NEG_INFINITY);
    }
    let p_values: Vec<Option<f64>> = tested.iter().map(|(_, encoded)| encoded.p_value).collect();
    for ((_, encoded), adjusted) in tested.iter_mut().zip(benjamini_hochberg(&p_values)) {
        encoded.p_adjusted = adjusted;
    }
}

impl Encoded<'_> {
    /// Same rows present, and the same values up to unit and sign, or the same partition.
    fn says_the_same(&self, other: &Self) -> bool {
        let categories = (self.kind == DriverKind::Category, other.kind == DriverKind::Category);
        let same_rows = || self.values.iter().zip(&other.values).all(|(a, b)| a.is_nan() == b.is_nan());
        if self.present != other.present || !same_rows() {
            return false;
        }
        match categories {
            (false, false) => pearson(&self.values, &other.values, 0.95).correlation.estimate.is_some_and(|r| r.abs() >= SAME),
            (true, true) => {
                let mut to = vec![f64::NAN; self.levels.len()];
                self.levels.len() == other.levels.len()
                    && self.values.iter().zip(&other.values).filter(|(a, _)| !a.is_nan()).all(|(&a, &b)| {
                        let mapped = &mut to[a as usize];
                        if mapped.is_nan() {
                            *mapped = b;
                        }
                        mapped.to_bits() == b.to_bits()
                    })
            }
            _ => false,
        }
    }
}

/// The columns of a candidate, or why there are none and how many values it has.
fn encode<'a>(candidate: &'a Candidate, answers: &Answers, options: &Options) -> Result<Encoded<'a>, (ScreenReason, usize)> {
    match &candidate.values {
        Values::Numeric(values) => {
            let values = answers.rows.iter().map(|&row| if values[row].is_finite() { values[row] } else { f64::NAN });
            encode_number(candidate, DriverKind::Numeric, values.collect(), options)
        }
        Values::Boolean(values) => {
            let values: Vec<f64> = answers.rows.iter().map(|&row| f64::from(values[row])).collect();
            let yes = values.iter().filter(|value| **value > 0.5).count();
            let rarer = yes.min(values.len() - yes);
            if rarer > 0 && rarer < options.min_present {
                let reason = ScreenReason::TooFew { found: rarer, needed: options.min_present };
                return Err((reason, values.len()));
            }
            encode_number(candidate, DriverKind::Boolean, values, options)
        }
        Values::Category { levels, codes } => {
            let codes: Vec<u32> = answers.rows.iter().map(|&row| codes[row]).collect();
            encode_category(candidate, levels, &codes, options)
        }
    }
}

fn encode_number<'a>(
    candidate: &'a Candidate,
    kind: DriverKind,
    values: Vec<f64>,
    options: &Options,
) -> Result<Encoded<'a>, (ScreenReason, usize)> {
    let present: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    let needed = options.min_present;
    if present.len() < needed {
        return Err((ScreenReason::TooFew { found: present.len(), needed }, present.len()));
    }
    let usual = most_frequent(&present);
    let unusual = present.iter().filter(|value| value.to_bits() != usual.to_bits()).count();
    if unusual == 0 {
        return Err((ScreenReason::Constant, present.len()));
    }
    if unusual < needed {
        return Err((ScreenReason::TooFew { found: unusual, needed }, present.len()));
    }
    let mean = present.iter().sum::<f64>() / present.len() as f64;
    let mut columns = vec![values.iter().map(|value| if value.is_nan() { mean } else { *value }).collect()];
    if values.len() - present.len() >= needed {
        columns.push(values.iter().map(|value| f64::from(value.is_nan())).collect());
    }
    Ok(Encoded {
        candidate,
        kind,
        columns,
        values,
        levels: Vec::new(),
        present: present.len(),
        p_value: None,
        p_adjusted: None,
        adjusted_r2: f64::NEG_INFINITY,
    })
}

/// The most frequent of some values, the smallest of several. The slice is not empty.
fn most_frequent(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let mut best = (0, f64::NAN);
    for run in sorted.chunk_by(|a, b| a.to_bits() == b.to_bits()) {
        if run.len() > best.0 {
            best = (run.len(), run[0]);
        }
    }
    best.1
}

fn encode_category<'a>(
    candidate: &'a Candidate,
    levels: &'a [String],
    codes: &[u32],
    options: &Options,
) -> Result<Encoded<'a>, (ScreenReason, usize)> {
    let needed = options.min_present;
    let mut counts = vec![0_usize; levels.len()];
    codes.iter().filter(|code| **code != NONE).for_each(|&code| counts[code as usize] += 1);
    let present: usize = counts.iter().sum();
    if present < needed {
        return Err((ScreenReason::TooFew { found: present, needed }, present));
    }
    let mut order: Vec<usize> = (0..levels.len()).filter(|&level| counts[level] > 0).collect();
    order.sort_by(|&a, &b| counts[b].cmp(&counts[a]).then_with(|| levels[a].cmp(&levels[b])));
    if order.len() == 1 {
        return Err((ScreenReason::Constant, present));
    }
    // One place is kept for the pool when not all levels have their own.
    let wide: Vec<usize> = order.iter().copied().filter(|&level| counts[level] >= needed).collect();
    let own = if wide.len() == order.len() && wide.len() <= options.max_levels {
        wide.len()
    } else {
        wide.len().min(options.max_levels - 1)
    };
    let pooled: usize = order[own..].iter().map(|&level| counts[level]).sum();
    let mut names: Vec<&str> = order[..own].iter().map(|&level| levels[level].as_str()).collect();
    if pooled >= needed {
        names.push("(other)");
    }
    if names.len() < 2 {
        let found = present - order.first().map_or(0, |&level| counts[level]);
        return Err((ScreenReason::TooFew { found, needed }, present));
    }
    let mut place = vec![f64::NAN; levels.len()];
    for (position, &level) in order.iter().enumerate() {
        place[level] = if position < own {
            position as f64
        } else if pooled >= needed {
            own as f64
        } else {
            f64::NAN
        };
    }
    let values: Vec<f64> = codes.iter().map(|&code| if code == NONE { f64::NAN } else { place[code as usize] }).collect();
    let column = |level: usize| values.iter().map(move |value| f64::from(*value as usize == level && !value.is_nan()));
    let mut columns: Vec<Vec<f64>> = (1..names.len()).map(|level| column(level).collect()).collect();
    let missing = values.iter().filter(|value| value.is_nan()).count();
    if missing >= needed {
        columns.push(values.iter().map(|value| f64::from(value.is_nan())).collect());
    }
    Ok(Encoded {
        candidate,
        kind: DriverKind::Category,
        columns,
        present: values.len() - missing,
        values,
        levels: names,
        p_value: None,
        p_adjusted: None,
        adjusted_r2: f64::NEG_INFINITY,
    })
}
