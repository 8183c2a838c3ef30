//! The rows of a linear model, standardised once, and the correlation matrices made from them.
//!
//! Everything that importance needs is in one small matrix: the correlations of all columns and the outcome. So the
//! rows are read once for the estimate and once per bootstrap replicate (with other weights), and no model is ever
//! refitted on rows.
//!
//! **Missing values** (`NaN`) are handled by complete cases: a row with one missing value is left out and counted in
//! [`Design::dropped`]. That is what R's `lm` and relaimpo do, and it is the only policy that needs no model of why a
//! value is missing. Callers whose values are missing by nature (no order, hence no delay) encode that before: a column
//! with a constant in place of the missing value plus an indicator column, both in one predictor.
//!
//! Columns are centred and scaled by their complete-case mean and standard deviation before cross products are taken,
//! so that years around 1950 (Longley's data) do not cancel.

use thiserror::Error;

/// What [`Design::new`] refuses. These are mistakes of the caller; degenerate data are no mistakes and give `None` later.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DesignError {
    /// A column is longer or shorter than the outcome.
    #[error("column {column} of predictor {predictor} has {found} rows, the outcome has {expected}")]
    Length {
        /// Index of the predictor.
        predictor: usize,
        /// Index of the column in it.
        column: usize,
        /// Rows of the outcome.
        expected: usize,
        /// Rows of the column.
        found: usize,
    },
    /// More predictors than subsets can be enumerated for.
    #[error("{found} predictors, at most {} can be decomposed exactly", crate::importance::MAX_PREDICTORS)]
    TooManyPredictors {
        /// How many were given.
        found: usize,
    },
    /// The cluster ids do not match the rows.
    #[error("{found} cluster ids for {expected} rows")]
    Clusters {
        /// Rows of the outcome.
        expected: usize,
        /// Cluster ids given.
        found: usize,
    },
}

/// Complete rows of an outcome and its predictors, standardised.
#[derive(Clone, Debug)]
pub struct Design {
    /// Row-major; each row is the outcome, then the columns that vary.
    rows: Vec<f64>,
    width: usize,
    kept: Vec<usize>,
    dropped: usize,
    predictors: Vec<Vec<Column>>,
    outcome_sd: f64,
}

/// A column of a predictor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    /// Its place in the rows (the outcome is 0); `None` if it does not vary.
    pub(crate) place: Option<usize>,
    pub(crate) sd: f64,
}

impl Design {
    /// A design whose predictors are single columns.
    pub fn of_columns(outcome: &[f64], columns: &[&[f64]]) -> Result<Self, DesignError> {
        let predictors: Vec<Vec<&[f64]>> = columns.iter().map(|column| vec![*column]).collect();
        Self::new(outcome, &predictors)
    }

    /// A design whose predictors are groups of columns (the levels of a category, a value and its missing indicator);
    /// a group enters and leaves the model as a whole.
    pub fn new(outcome: &[f64], predictors: &[Vec<&[f64]>]) -> Result<Self, DesignError> {
        if predictors.len() > crate::importance::MAX_PREDICTORS {
            return Err(DesignError::TooManyPredictors { found: predictors.len() });
        }
        for (predictor, columns) in predictors.iter().enumerate() {
            for (column, values) in columns.iter().enumerate() {
                if values.len() != outcome.len() {
                    let (expected, found) = (outcome.len(), values.len());
                    return Err(DesignError::Length { predictor, column, expected, found });
                }
            }
        }
        let all: Vec<&[f64]> = predictors.iter().flatten().copied().collect();
        let kept: Vec<usize> = (0..outcome.len())
            .filter(|&row| outcome[row].is_finite() && all.iter().all(|column| column[row].is_finite()))
            .collect();
        let outcome_scale = Scale::of(outcome, &kept);
        let mut standardised = vec![(outcome, outcome_scale)];
        let mut placed = Vec::with_capacity(predictors.len());
        for columns in predictors {
            let mut group = Vec::with_capacity(columns.len());
            for &values in columns {
                let scale = Scale::of(values, &kept);
                let place = (scale.sd > 0.0).then_some(standardised.len());
                if place.is_some() {
                    standardised.push((values, scale));
                }
                group.push(Column { place, sd: scale.sd });
            }
            placed.push(group);
        }
        let width = standardised.len();
        let mut rows = Vec::with_capacity(width * kept.len());
        for &row in &kept {
            rows.extend(standardised.iter().map(|(values, scale)| scale.apply(values[row])));
        }
        let dropped = outcome.len() - kept.len();
        Ok(Self { rows, width, kept, dropped, predictors: placed, outcome_sd: outcome_scale.sd })
    }

    /// Complete rows.
    #[must_use]
    pub fn n(&self) -> usize {
        self.kept.len()
    }

    /// Rows left out because a value was missing.
    #[must_use]
    pub fn dropped(&self) -> usize {
        self.dropped
    }

    /// Predictors, including those that do not vary.
    #[must_use]
    pub fn predictors(&self) -> usize {
        self.predictors.len()
    }

    /// The sample standard deviation of the outcome (divisor n - 1), 0 if it does not vary.
    pub(crate) fn outcome_sd(&self) -> f64 {
        self.outcome_sd
    }

    pub(crate) fn columns_of(&self, predictor: usize) -> &[Column] {
        &self.predictors[predictor]
    }

    /// Columns that vary, without the outcome.
    pub(crate) fn varying(&self) -> usize {
        self.width - 1
    }

    /// The complete rows as indices of the rows given.
    pub(crate) fn kept(&self) -> &[usize] {
        &self.kept
    }

    pub(crate) fn source_rows(&self) -> usize {
        self.kept.len() + self.dropped
    }

    /// Rows in standard units: the outcome, then the columns that vary.
    pub(crate) fn standardised_rows(&self) -> impl Iterator<Item = &[f64]> {
        self.rows.chunks_exact(self.width)
    }

    /// The correlation matrix (outcome first), each row counting once.
    pub(crate) fn correlations(&self) -> Correlations {
        let mut correlations = Correlations::zero(self.width);
        correlations.gather(self, |_| 1.0);
        correlations
    }
}

/// Centre and scale of a column; `sd` is 0 if the column does not vary.
#[derive(Clone, Copy, Debug)]
struct Scale {
    mean: f64,
    sd: f64,
}

impl Scale {
    fn of(values: &[f64], kept: &[usize]) -> Self {
        let n = kept.len() as f64;
        let first = kept.first().map_or(0.0, |&row| values[row]);
        if kept.len() < 2 || kept.iter().all(|&row| values[row].to_bits() == first.to_bits()) {
            return Self { mean: first, sd: 0.0 };
        }
        let mean = first + kept.iter().map(|&row| values[row] - first).sum::<f64>() / n;
        let largest = kept.iter().map(|&row| values[row].abs()).fold(0.0, f64::max);
        let squares: f64 = kept.iter().map(|&row| (values[row] - mean).powi(2)).sum();
        let sd = (squares / (n - 1.0)).sqrt();
        // Spread that is no more than rounding of the values themselves is none.
        Self { mean, sd: if sd.is_finite() && sd > 1e-13 * largest { sd } else { 0.0 } }
    }

    fn apply(self, value: f64) -> f64 {
        if self.sd > 0.0 { (value - self.mean) / self.sd } else { 0.0 }
    }
}

/// A correlation matrix, lower triangle by rows: entry (i, j) with j <= i is at `i (i + 1) / 2 + j`.
///
/// Dropping the last row and column is taking a prefix, which the subset sweep lives on. A column that does not vary
/// under the weights has a zero row, with 0 on the diagonal.
#[derive(Clone, Debug)]
pub(crate) struct Correlations {
    width: usize,
    packed: Vec<f64>,
    sums: Vec<f64>,
}

/// Variance, relative to that over all rows, below which a column counts as constant under bootstrap weights.
const CONSTANT: f64 = 1e-12;

impl Correlations {
    pub(crate) fn zero(width: usize) -> Self {
        Self { width, packed: vec![0.0; width * (width + 1) / 2], sums: vec![0.0; width] }
    }

    /// Replaces the content by the correlations of the design's rows under `weight`.
    pub(crate) fn gather(&mut self, design: &Design, weight: impl Fn(usize) -> f64) {
        self.packed.fill(0.0);
        self.sums.fill(0.0);
        let mut total = 0.0;
        for (row, values) in design.rows.chunks_exact(self.width).enumerate() {
            let weight = weight(row);
            if weight == 0.0 {
                continue;
            }
            total += weight;
            let mut packed = self.packed.as_mut_slice();
            for (i, &value) in values.iter().enumerate() {
                let weighted = weight * value;
                self.sums[i] += weighted;
                let (line, rest) = packed.split_at_mut(i + 1);
                for (cell, &other) in line.iter_mut().zip(values) {
                    *cell += weighted * other;
                }
                packed = rest;
            }
        }
        self.centre_and_scale(total);
    }

    fn centre_and_scale(&mut self, total: f64) {
        for i in 0..self.width {
            for j in 0..=i {
                self.packed[index(i, j)] -= self.sums[i] * self.sums[j] / total;
            }
        }
        let inverse: Vec<f64> = (0..self.width)
            .map(|i| {
                let variance = self.packed[index(i, i)];
                if variance > CONSTANT * total { 1.0 / variance.sqrt() } else { 0.0 }
            })
            .collect();
        for i in 0..self.width {
            for j in 0..i {
                self.packed[index(i, j)] *= inverse[i] * inverse[j];
            }
            self.packed[index(i, i)] = f64::from(inverse[i] > 0.0);
        }
    }

    pub(crate) fn at(&self, i: usize, j: usize) -> f64 {
        self.packed[index(i.max(j), i.min(j))]
    }

    pub(crate) fn packed(&self) -> &[f64] {
        &self.packed
    }

    /// The same correlations with rows and columns in another order, written over `into`.
    pub(crate) fn permute(&self, order: &[usize], into: &mut Vec<f64>) {
        into.clear();
        for (i, &a) in order.iter().enumerate() {
            into.extend(order[..=i].iter().map(|&b| self.at(a, b)));
        }
    }
}

const fn index(i: usize, j: usize) -> usize {
    i * (i + 1) / 2 + j
}
