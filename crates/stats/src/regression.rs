//! A small linear regression whose errors stay honest when rows come in clusters and variances differ.
//!
//! Answers of one person resemble each other, and a score from 1 to 5 has not the same spread everywhere. The classic
//! F test ignores both and finds too much. Here the covariance is the cluster sandwich CR1 (Liang & Zeger 1986, Biometrika 73:13;
//! Cameron & Miller 2015, J. Human Resources 50:317, equation 11) with `G/(G-1) · (n-1)/(n-k)`, and tests use `G - 1` degrees of
//! freedom; without clusters each row is its own.
//!
//! Deliberately missing: many columns (this is for one predictor at a time), fixed effects, weights.

use nalgebra::{DMatrix, DVector, SymmetricEigen};

use crate::bootstrap::units;
use crate::design::{Column, Design, DesignError};
use crate::distribution::{f_upper, is_level, t_critical};
use crate::importance::TOLERANCE;
use crate::{Estimate, Reason};

/// A fitted regression.
#[derive(Clone, Debug, PartialEq)]
pub struct Fit {
    /// Complete rows.
    pub n: usize,
    /// Clusters among them.
    pub clusters: usize,
    /// One slope for each column, in units of the outcome per unit of the column; unknown for columns that are constant.
    /// With collinear columns the minimum-norm solution.
    pub slopes: Vec<Estimate>,
    /// R² of the fit.
    pub r2: Option<f64>,
    /// R² adjusted for the rank; can be negative.
    pub adjusted_r2: Option<f64>,
    /// Wald test that all slopes are zero, F(rank, clusters - 1).
    pub p_value: Option<f64>,
    /// Why `r2` or `p_value` is absent.
    pub reason: Option<Reason>,
}

/// Regresses `outcome` on `columns` with an intercept; rows with a missing value are left out.
pub fn clustered(outcome: &[f64], columns: &[&[f64]], clusters: Option<&[u64]>, level: f64) -> Result<Fit, DesignError> {
    let design = Design::new(outcome, &[columns.to_vec()])?;
    if let Some(clusters) = clusters
        && clusters.len() != outcome.len()
    {
        return Err(DesignError::Clusters { expected: outcome.len(), found: clusters.len() });
    }
    let (unit_of_row, groups) = units(clusters, design.kept().iter().copied());
    let n = design.n();
    let fail = |reason| Fit {
        n,
        clusters: groups,
        slopes: vec![Estimate::unknown(n as u64, level, reason); columns.len()],
        r2: None,
        adjusted_r2: None,
        p_value: None,
        reason: Some(reason),
    };
    if !is_level(level) {
        return Ok(fail(Reason::BadLevel));
    }
    if n == 0 {
        return Ok(fail(Reason::NoRows));
    }
    if design.outcome_sd() <= 0.0 || design.varying() == 0 {
        return Ok(fail(Reason::NoSpread));
    }
    if n < design.varying() + 2 {
        return Ok(fail(Reason::TooFewRows));
    }
    let solved = Solved::of(&design);
    let covariance = solved.sandwich(&design, &unit_of_row, groups);
    Ok(report(&design, &solved, covariance.as_ref(), groups, level))
}

/// The solution in standard units.
struct Solved {
    inverse: DMatrix<f64>,
    beta: DVector<f64>,
    rank: usize,
    r2: f64,
}

impl Solved {
    fn of(design: &Design) -> Self {
        let k = design.varying();
        let correlations = design.correlations();
        let (inverse, rank) = pseudo_inverse(DMatrix::from_fn(k, k, |i, j| correlations.at(i + 1, j + 1)));
        let with_outcome = DVector::from_fn(k, |i, _| correlations.at(i + 1, 0));
        let beta = &inverse * &with_outcome;
        let r2 = beta.dot(&with_outcome).clamp(0.0, 1.0);
        Self { inverse, beta, rank, r2 }
    }

    /// CR1 covariance of the standardised slopes; `None` with one cluster, or where the fit is perfect.
    fn sandwich(&self, design: &Design, unit_of_row: &[usize], groups: usize) -> Option<DMatrix<f64>> {
        let (n, k) = (design.n() as f64, design.varying());
        let free = n - 1.0 - self.rank as f64;
        if groups < 2 || 1.0 - self.r2 < 1e-12 || free <= 0.0 {
            return None;
        }
        let mut scores = DMatrix::<f64>::zeros(k, groups);
        for (row, values) in design.standardised_rows().enumerate() {
            let fitted: f64 = values[1..].iter().zip(self.beta.iter()).map(|(x, b)| x * b).sum();
            let residual = values[0] - fitted;
            for (i, x) in values[1..].iter().enumerate() {
                scores[(i, unit_of_row[row])] += x * residual;
            }
        }
        let correction = groups as f64 / (groups as f64 - 1.0) * (n - 1.0) / free;
        // Cross products of standardised columns are (n - 1) times the correlations.
        let bread = &self.inverse / (n - 1.0);
        Some(&bread * (&scores * scores.transpose()) * &bread * correction)
    }
}

fn report(design: &Design, solved: &Solved, covariance: Option<&DMatrix<f64>>, groups: usize, level: f64) -> Fit {
    let n = design.n();
    let df = groups as f64 - 1.0;
    let p_value = covariance.and_then(|covariance| {
        let (inverse, rank) = pseudo_inverse_relative(covariance.clone());
        // Fewer clusters than slopes leave directions without an error estimate: no test.
        (rank == solved.rank && rank > 0).then(|| {
            let wald = (solved.beta.transpose() * inverse * &solved.beta)[(0, 0)];
            f_upper(wald / rank as f64, rank as f64, df)
        })
    });
    let reason = match (covariance, p_value) {
        (_, Some(_)) => None,
        (None, None) if groups >= 2 => Some(Reason::NoSpread),
        _ => Some(Reason::TooFewRows),
    };
    let slope = |column: &Column| {
        let Some(place) = column.place else {
            return Estimate::unknown(n as u64, level, Reason::NoSpread);
        };
        let unit = design.outcome_sd() / column.sd;
        let slope = solved.beta[place - 1] * unit;
        let half = covariance
            .zip(t_critical(level, df))
            .map(|(covariance, t)| t * covariance[(place - 1, place - 1)].max(0.0).sqrt() * unit);
        match half {
            Some(half) => Estimate::new(slope, slope - half, slope + half, n as u64, level),
            None => Estimate::point(slope, n as u64, level, reason.unwrap_or(Reason::TooFewRows)),
        }
    };
    let (rows, rank) = (n as f64, solved.rank as f64);
    Fit {
        n,
        clusters: groups,
        slopes: design.columns_of(0).iter().map(slope).collect(),
        r2: Some(solved.r2),
        adjusted_r2: Some(1.0 - (1.0 - solved.r2) * (rows - 1.0) / (rows - 1.0 - rank)),
        p_value,
        reason,
    }
}

/// Moore–Penrose inverse of a correlation matrix, and its rank.
fn pseudo_inverse(matrix: DMatrix<f64>) -> (DMatrix<f64>, usize) {
    invert_spectrum(&SymmetricEigen::new(matrix), TOLERANCE)
}

/// The same for a covariance, whose scale is not 1.
fn pseudo_inverse_relative(matrix: DMatrix<f64>) -> (DMatrix<f64>, usize) {
    let eigen = SymmetricEigen::new(matrix);
    let largest = eigen.eigenvalues.iter().copied().fold(0.0, f64::max);
    invert_spectrum(&eigen, largest * TOLERANCE)
}

fn invert_spectrum(eigen: &SymmetricEigen<f64, nalgebra::Dyn>, threshold: f64) -> (DMatrix<f64>, usize) {
    let rank = eigen.eigenvalues.iter().filter(|value| **value > threshold).count();
    let inverted = eigen.eigenvalues.map(|value| if value > threshold { 1.0 / value } else { 0.0 });
    (&eigen.eigenvectors * DMatrix::from_diagonal(&inverted) * eigen.eigenvectors.transpose(), rank)
}
