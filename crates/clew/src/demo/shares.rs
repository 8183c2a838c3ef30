//! What the planted drivers really explain: R² and its division among them, from the generator's own design rows.
//!
//! A second, deliberately plain computation of the LMG measure (Lindeman, Merenda and Gold 1980: a driver's gain in R²,
//! averaged over all orders of entry), so that the truth does not come from the code that it will test.

use super::world::Design;

/// R² and the drivers' shares of it.
pub struct Shares {
    /// Explained share of the score's variance.
    pub r_squared: f64,
    /// LMG share of each driver, in R² points: they sum to `r_squared`.
    pub lmg: Vec<f64>,
    /// Least-squares coefficient of each driver on the written score.
    pub slopes: Vec<f64>,
    /// Mean of each driver.
    pub means: Vec<f64>,
    /// Correlation with the score of what goes with it: the two decoys, and age; `None` where it does not vary.
    pub asides: [Option<f64>; 3],
}

/// Shares of the planted drivers in the written score; `None` with fewer than 50 answers or a constant.
pub fn shares(rows: &[Design]) -> Option<Shares> {
    if rows.len() < 50 {
        return None;
    }
    let score: Vec<f64> = rows.iter().map(|row| row.score).collect();
    let columns: Vec<Vec<f64>> = (0..4).map(|index| rows.iter().map(|row| row.drivers[index]).collect()).collect();
    let count = columns.len();
    let covariances: Vec<Vec<f64>> = columns.iter().map(|a| columns.iter().map(|b| covariance(a, b)).collect()).collect();
    let with_score: Vec<f64> = columns.iter().map(|column| covariance(column, &score)).collect();
    let variance = covariance(&score, &score);
    if variance <= 0.0 || (0..count).any(|index| covariances[index][index] <= 0.0) {
        return None;
    }
    let explained = |set: u32| -> f64 {
        let chosen: Vec<usize> = (0..count).filter(|index| set & (1 << index) != 0).collect();
        let slopes = solve(&covariances, &with_score, &chosen);
        chosen.iter().zip(&slopes).map(|(index, slope)| with_score[*index] * slope).sum::<f64>() / variance
    };
    let all = (1_u32 << count) - 1;
    let by_set: Vec<f64> = (0..=all).map(explained).collect();
    let factorial = |n: u32| (1..=n).map(f64::from).product::<f64>();
    let lmg = (0..count).map(|driver| {
        let bit = 1_u32 << driver;
        (0..=all)
            .filter(|set| set & bit == 0)
            .map(|set| {
                let size = set.count_ones();
                let weight = factorial(size) * factorial(count as u32 - size - 1) / factorial(count as u32);
                weight * (by_set[(set | bit) as usize] - by_set[set as usize])
            })
            .sum()
    });
    let asides = [0, 1, 2].map(|index| {
        let column: Vec<f64> = rows.iter().map(|row| row.asides[index]).collect();
        let spread = covariance(&column, &column);
        (spread > 0.0).then(|| covariance(&column, &score) / (spread * variance).sqrt())
    });
    Some(Shares {
        r_squared: by_set[all as usize],
        lmg: lmg.collect(),
        slopes: solve(&covariances, &with_score, &(0..count).collect::<Vec<_>>()),
        means: columns.iter().map(|column| mean(column)).collect(),
        asides,
    })
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn covariance(a: &[f64], b: &[f64]) -> f64 {
    let (mean_a, mean_b) = (mean(a), mean(b));
    a.iter().zip(b).map(|(x, y)| (x - mean_a) * (y - mean_b)).sum::<f64>() / a.len() as f64
}

/// Solves the normal equations of the chosen columns by Gaussian elimination with pivoting.
fn solve(covariances: &[Vec<f64>], with_score: &[f64], chosen: &[usize]) -> Vec<f64> {
    let n = chosen.len();
    let mut system: Vec<Vec<f64>> = chosen
        .iter()
        .map(|row| chosen.iter().map(|column| covariances[*row][*column]).chain([with_score[*row]]).collect())
        .collect();
    for step in 0..n {
        let pivot =
            (step..n).max_by(|a, b| system[*a][step].abs().total_cmp(&system[*b][step].abs())).expect("at least one row is left");
        system.swap(step, pivot);
        for row in 0..n {
            if row != step && system[step][step] != 0.0 {
                let factor = system[row][step] / system[step][step];
                let above = system[step].clone();
                system[row].iter_mut().zip(&above).skip(step).for_each(|(cell, pivot)| *cell -= factor * pivot);
            }
        }
    }
    (0..n).map(|row| if system[row][row] == 0.0 { 0.0 } else { system[row][n] / system[row][row] }).collect()
}
