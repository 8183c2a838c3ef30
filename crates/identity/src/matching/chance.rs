//! Draws from counted values.

use clew_stats::dice::Dice;

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
