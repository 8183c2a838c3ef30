//! Draws from counted values.

use clew_stats::dice::Dice;

/// Draws places with chances in proportion to their weights.
#[derive(Debug)]
pub struct Urn {
    /// Sums of the weights up to and with each place.
    sums: Vec<u64>,
    /// By equal part of the total: the first place whose sum is beyond its beginning. Saves most steps of the search.
    guide: Vec<u32>,
}

/// Parts of the total that are guided.
const MOST_PARTS: usize = 1 << 16;

impl Urn {
    /// An urn with these weights.
    pub fn new(weights: impl Iterator<Item = u64>) -> Self {
        let mut sum = 0;
        let sums: Vec<u64> = weights
            .map(|weight| {
                sum += weight;
                sum
            })
            .collect();
        let parts = sums.len().min(MOST_PARTS) as u64;
        let mut at = 0;
        let guide = (0..parts).map(|part| {
            let beginning = Self::beginning(part, parts, sum);
            while at < sums.len() && sums[at] <= beginning {
                at += 1;
            }
            at as u32
        });
        let guide = guide.collect();
        Self { sums, guide }
    }

    /// Whether there is nothing to draw.
    pub fn is_empty(&self) -> bool {
        self.total() == 0
    }

    /// Sum of all weights.
    pub fn total(&self) -> u64 {
        self.sums.last().copied().unwrap_or(0)
    }

    /// Where a part of the total begins.
    fn beginning(part: u64, parts: u64, total: u64) -> u64 {
        (u128::from(part) * u128::from(total) / u128::from(parts)) as u64
    }

    /// A place.
    pub fn draw(&self, dice: &mut Dice) -> usize {
        self.at(dice.below(self.total()))
    }

    /// The first place whose sum is beyond `at`.
    fn at(&self, at: u64) -> usize {
        let parts = self.guide.len() as u64;
        let part = (u128::from(at) * u128::from(parts) / u128::from(self.total())) as usize;
        let from = self.guide[part] as usize;
        // What begins behind the next part cannot come earlier than that part's first place.
        let to = self.guide.get(part + 1).map_or(self.sums.len(), |next| *next as usize + 1);
        from + self.sums[from..to.min(self.sums.len())].partition_point(|sum| *sum <= at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guide_leads_to_the_place_that_a_plain_search_finds() {
        for weights in [vec![1], vec![0, 0, 5, 0, 1, 1], (0..1_000).map(|n| n % 7).collect(), vec![1_000_000, 1, 0, 1]] {
            let urn = Urn::new(weights.into_iter());
            let step = (urn.total() / 5_000).max(1);
            for at in (0..urn.total()).step_by(step as usize).chain([urn.total() - 1]) {
                assert_eq!(urn.at(at), urn.sums.partition_point(|sum| *sum <= at), "{at} of {:?}", urn.total());
            }
        }
    }

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
