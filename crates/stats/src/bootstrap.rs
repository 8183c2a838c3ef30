//! The bootstrap: how much would the decomposition of R² move with another sample?
//!
//! Resampling rows is giving them whole-number weights, so a replicate is one weighted pass over standardised rows
//! and one subset sweep: 1000 replicates of 15,000 rows and 12 predictors take seconds.
//!
//! What is resampled is the **unit**, not the row: where one person answered five times, the five answers come and go
//! together (the cluster bootstrap; Davison & Hinkley 1997, section 3.8). Units are ordered by id, so the result does not
//! depend on the order of the rows. Replicate r uses stream r of ChaCha12 under the given seed: any replicate can be
//! recomputed alone, and the first 200 of 1000 are the 200.
//!
//! Intervals are percentile intervals, as relaimpo's default. They are honest about shares that are clearly present; for a
//! predictor that carries nothing they stay above 0, because an R² cannot be negative. So they say how much, and a
//! test says whether (see [`crate::regression`]).

use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::design::{Correlations, Design, DesignError};
use crate::distribution::is_level;
use crate::importance::Game;
use crate::quantile::{QuantileType, quantile_of_sorted};

/// Draws units with replacement.
#[derive(Clone, Copy, Debug)]
pub struct Resampler {
    seed: u64,
    units: usize,
}

impl Resampler {
    /// A resampler of `units` units.
    #[must_use]
    pub const fn new(seed: u64, units: usize) -> Self {
        Self { seed, units }
    }

    /// How often each unit is drawn in this replicate; written over `counts`, which gets `units` entries that sum to `units`.
    pub fn draw(&self, replicate: u64, counts: &mut Vec<u32>) {
        counts.clear();
        counts.resize(self.units, 0);
        let mut random = ChaCha12Rng::seed_from_u64(self.seed);
        random.set_stream(replicate);
        for _ in 0..self.units {
            // Multiply-shift: the bias is below units / 2^64.
            let unit = (u128::from(random.next_u64()) * self.units as u128) >> 64;
            counts[unit as usize] += 1;
        }
    }
}

/// The units of rows: dense numbers in the order of the cluster ids, or one unit a row; and how many there are.
pub(crate) fn units(clusters: Option<&[u64]>, rows: impl Iterator<Item = usize>) -> (Vec<usize>, usize) {
    let Some(clusters) = clusters else {
        let units: Vec<usize> = rows.enumerate().map(|(unit, _)| unit).collect();
        let count = units.len();
        return (units, count);
    };
    let ids: Vec<u64> = rows.map(|row| clusters[row]).collect();
    let mut distinct = ids.clone();
    distinct.sort_unstable();
    distinct.dedup();
    // Every id is among the distinct ones, so the place where it would be inserted is where it is.
    let unit = |id: &u64| distinct.partition_point(|other| other < id);
    (ids.iter().map(unit).collect(), distinct.len())
}

/// One replicate of the decomposition.
#[derive(Clone, Debug, PartialEq)]
pub struct Replicate {
    /// R² of the resampled rows.
    pub r2: f64,
    /// LMG by predictor, in the design's order; 0 for predictors that are constant.
    pub lmg: Vec<f64>,
}

/// All usable replicates.
#[derive(Clone, Debug)]
pub struct Bootstrap {
    /// In the order of drawing.
    pub replicates: Vec<Replicate>,
    /// Replicates left out because the outcome was constant in them.
    pub failed: usize,
    /// Units (people) that were resampled.
    pub units: usize,
}

impl Bootstrap {
    /// The percentile interval of any statistic of a replicate (type-7 quantiles).
    ///
    /// `None` if the level is not between 0 and 1, if the statistic is undefined or the replicate failed in more than half of
    /// the draws, or if the tails hold less than one draw (40 replicates at level 0.95).
    pub fn interval(&self, level: f64, statistic: impl Fn(&Replicate) -> Option<f64>) -> Option<(f64, f64)> {
        let drawn = self.replicates.len() + self.failed;
        let mut values: Vec<f64> = self.replicates.iter().filter_map(statistic).filter(|v| v.is_finite()).collect();
        if values.len() * 2 < drawn {
            return None;
        }
        percentile_interval(&mut values, level)
    }
}

/// The percentile interval of draws; sorts them. `None` if the level is bad or a tail holds less than one draw.
pub fn percentile_interval(draws: &mut [f64], level: f64) -> Option<(f64, f64)> {
    if !is_level(level) {
        return None;
    }
    let tail = (1.0 - level) / 2.0;
    // The margin keeps 40 draws at level 0.95 (0.025 · 40, in floating point a hair below 1).
    if draws.len() as f64 * tail < 1.0 - 1e-9 {
        return None;
    }
    draws.sort_unstable_by(f64::total_cmp);
    let at = |p| quantile_of_sorted(draws, p, QuantileType::T7);
    at(tail).zip(at(1.0 - tail))
}

/// Bootstraps the decomposition of R².
///
/// `clusters` holds one id for each row that the design was made from (also for those it dropped). With fewer than
/// two units, or where [`crate::importance::decompose`] has no R², there are no replicates. O(replicates · (rows · columns² + 2^predictors)).
pub fn importance(design: &Design, clusters: Option<&[u64]>, seed: u64, replicates: usize) -> Result<Bootstrap, DesignError> {
    if let Some(clusters) = clusters
        && clusters.len() != design.source_rows()
    {
        return Err(DesignError::Clusters { expected: design.source_rows(), found: clusters.len() });
    }
    let (unit_of_row, count) = units(clusters, design.kept().iter().copied());
    let mut bootstrap = Bootstrap { replicates: Vec::new(), failed: 0, units: count };
    if count < 2 || design.outcome_sd() <= 0.0 || design.varying() == 0 || design.n() < design.varying() + 2 {
        return Ok(bootstrap);
    }
    let resampler = Resampler::new(seed, count);
    let mut game = Game::new(design);
    let mut correlations = Correlations::zero(design.varying() + 1);
    let mut counts = Vec::new();
    bootstrap.replicates.reserve(replicates);
    for replicate in 0..replicates {
        resampler.draw(replicate as u64, &mut counts);
        correlations.gather(design, |row| f64::from(counts[unit_of_row[row]]));
        if correlations.packed()[0] == 0.0 {
            bootstrap.failed += 1;
            continue;
        }
        let shares = game.play(&correlations);
        let mut lmg = vec![0.0; design.predictors()];
        for (&predictor, &share) in game.players.iter().zip(&shares.lmg) {
            lmg[predictor] = share;
        }
        bootstrap.replicates.push(Replicate { r2: shares.r2, lmg });
    }
    Ok(bootstrap)
}
