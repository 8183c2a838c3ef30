//! Seeded chance: one independent stream per stage and number.
//!
//! Every person, case and comment throws its own dice, so that planting one truth does not shift the draws of
//! everything generated after it, and the same seed gives the same bytes on every machine. Only `next_u64` of `ChaCha8` is
//! used; the distributions are written out here because the ones of `rand` may change their draws with a release.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A stream of chance.
pub struct Dice(ChaCha8Rng);

impl Dice {
    /// The stream of `stage` and `number` under `seed`.
    pub fn new(seed: u64, stage: &str, number: u64) -> Self {
        let mut key = [0_u8; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&fnv1a(stage.as_bytes()).to_le_bytes());
        key[16..24].copy_from_slice(&number.to_le_bytes());
        Self(ChaCha8Rng::from_seed(key))
    }

    /// Uniform in [0, 1).
    pub fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform in `from..to`.
    pub fn between(&mut self, from: f64, to: f64) -> f64 {
        from + (to - from) * self.unit()
    }

    /// Uniform in `0..n`; 0 for `n = 0`.
    pub fn below(&mut self, n: usize) -> usize {
        (self.unit() * n as f64) as usize
    }

    /// Uniform in `from..=to`.
    pub fn whole(&mut self, from: i64, to: i64) -> i64 {
        from + (self.unit() * (to - from + 1) as f64) as i64
    }

    /// True with probability `p`.
    pub fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// One of `items`, which must not be empty.
    pub fn pick<'a, T: ?Sized>(&mut self, items: &[&'a T]) -> &'a T {
        items[self.below(items.len())]
    }

    /// The index of a draw in proportion to `weights`.
    pub fn weighted(&mut self, weights: &[f64]) -> usize {
        let mut rest = self.unit() * weights.iter().sum::<f64>();
        for (index, weight) in weights.iter().enumerate() {
            rest -= weight;
            if rest < 0.0 {
                return index;
            }
        }
        weights.len().saturating_sub(1)
    }

    /// Standard normal (Box and Muller).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// Exponential with this mean.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }

    /// Log-normal with this median and spread.
    pub fn lognormal(&mut self, median: f64, sigma: f64) -> f64 {
        median * (sigma * self.normal()).exp()
    }

    /// Poisson with this mean (Knuth; means here are small), at most 200.
    pub fn poisson(&mut self, mean: f64) -> usize {
        let floor = (-mean).exp();
        let mut product = self.unit();
        let mut count = 0;
        while product > floor && count < 200 {
            product *= self.unit();
            count += 1;
        }
        count
    }
}

/// Spreads a running number over `0..9_999_991` without repeats, so that an id does not betray the order of generation.
pub fn scattered(number: u64, salt: u64) -> u64 {
    const PRIME: u64 = 9_999_991;
    (number % PRIME * 7_368_787 + salt) % PRIME + (number / PRIME) * PRIME
}

/// `length` hexadecimal digits that depend on all arguments.
pub fn hex(seed: u64, stage: &str, number: u64, length: usize) -> String {
    let mixed = Dice::new(seed, stage, number).0.next_u64();
    let mut text = format!("{mixed:016x}");
    text.truncate(length);
    text
}

fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
