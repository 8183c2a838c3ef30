//! Numbers that look random and are the same on every run, and draws from counted values.

/// SplitMix64 (G. L. Steele, D. Lea, C. H. Flood, "Fast Splittable Pseudorandom Number Generators", 2014).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// The sequence of `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number from 0 to below 1.
    pub fn share(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A whole number below `end`, which is not 0.
    pub fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(end)) >> 64) as u64
    }
}

/// All bits of the result depend on all of `bits`.
pub fn mix(bits: u64) -> u64 {
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// Draws places with chances in proportion to their weights.
#[derive(Debug)]
pub struct Urn {
    /// Sums of the weights up to and with each place.
    sums: Vec<u64>,
}

impl Urn {
    /// An urn with these weights.
    pub fn new(weights: impl Iterator<Item = u64>) -> Self {
        let mut sum = 0;
        let sums = weights
            .map(|weight| {
                sum += weight;
                sum
            })
            .collect();
        Self { sums }
    }

    /// Whether there is nothing to draw.
    pub fn is_empty(&self) -> bool {
        self.total() == 0
    }

    /// Sum of all weights.
    pub fn total(&self) -> u64 {
        self.sums.last().copied().unwrap_or(0)
    }

    /// A place.
    pub fn draw(&self, dice: &mut Dice) -> usize {
        let at = dice.below(self.total());
        self.sums.partition_point(|sum| *sum <= at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_follow_the_weights_and_repeat() {
        let urn = Urn::new([1, 0, 3].into_iter());
        let draw = |seed| {
            let mut dice = Dice::new(seed);
            let mut seen = [0_u32; 3];
            (0..40_000).for_each(|_| seen[urn.draw(&mut dice)] += 1);
            seen
        };
        let seen = draw(7);
        assert_eq!(seen, draw(7));
        assert_eq!(seen[1], 0);
        assert!((f64::from(seen[2]) / 40_000.0 - 0.75).abs() < 0.01, "{seen:?}");
    }
}
