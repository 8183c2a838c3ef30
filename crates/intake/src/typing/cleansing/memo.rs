//! What was made of a value before: a bounded memory, and one value that is not remembered.
//!
//! Names, towns and user agents repeat, order numbers do not. A memory that hardly ever hits costs more than it saves, so it
//! watches itself and steps aside for a while. When it is full it begins anew: values that repeat are back at once, and
//! nothing has to be kept about their age.

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

/// Values remembered.
const MOST_VALUES: usize = 8_192;
/// The longest value that is remembered, in bytes: user agents inside other apps are long.
const LONGEST_VALUE: usize = 512;
/// Look-ups after which a memory asks itself whether it is worth it.
const TRIAL: u32 = 4_096;
/// Values that pass by a memory which was not worth it, before it is tried again.
const REST: u32 = 16 * TRIAL;

/// See the module.
pub struct Memo<V> {
    known: HashMap<String, V, FxBuildHasher>,
    passing: V,
    lookups: u32,
    misses: u32,
    resting: u32,
}

impl<V: Default> Default for Memo<V> {
    fn default() -> Self {
        Self { known: HashMap::default(), passing: V::default(), lookups: 0, misses: 0, resting: 0 }
    }
}

impl<V> Memo<V> {
    /// What `make` makes of `value`, now or before.
    pub fn get(&mut self, value: &str, make: impl FnOnce() -> V) -> &V {
        if self.resting > 0 || value.len() > LONGEST_VALUE {
            self.resting = self.resting.saturating_sub(1);
            self.passing = make();
            return &self.passing;
        }
        self.lookups += 1;
        if self.lookups == TRIAL {
            // Fewer than a quarter known.
            if self.misses > TRIAL / 4 * 3 {
                self.resting = REST;
                self.known.clear();
            }
            (self.lookups, self.misses) = (0, 0);
        }
        if self.known.len() == MOST_VALUES && !self.known.contains_key(value) {
            self.known.clear();
        }
        let misses = &mut self.misses;
        self.known.entry_ref(value).or_insert_with(|| {
            *misses += 1;
            make()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often something had to be made of these values.
    fn made(memo: &mut Memo<usize>, values: impl Iterator<Item = String>) -> usize {
        let mut made = 0;
        for value in values {
            let found = *memo.get(&value, || {
                made += 1;
                value.len()
            });
            assert_eq!(found, value.len());
        }
        made
    }

    #[test]
    fn what_repeats_is_made_once() {
        let mut memo = Memo::default();
        assert_eq!(made(&mut memo, (0..10_000).map(|i| format!("v{}", i % 100))), 100);
        let long = "x".repeat(LONGEST_VALUE + 1);
        assert_eq!(made(&mut memo, [long.clone(), long].into_iter()), 2, "too long to remember");
    }

    #[test]
    fn what_never_repeats_is_not_remembered_and_memory_is_bounded() {
        let mut memo = Memo::default();
        made(&mut memo, (0..100_000).map(|i| format!("v{i}")));
        assert!(memo.known.len() <= TRIAL as usize, "{}", memo.known.len());
        // Half of them new: worth it, and bounded all the same.
        let mut memo = Memo::default();
        made(&mut memo, (0..200_000).map(|i| if i % 2 == 0 { "same".to_owned() } else { format!("v{i}") }));
        assert!(memo.known.len() <= MOST_VALUES, "{}", memo.known.len());
    }

    #[test]
    fn a_memory_that_was_of_no_use_is_tried_again() {
        let mut memo = Memo::default();
        made(&mut memo, (0..TRIAL + REST).map(|i| format!("v{i}")));
        assert!(made(&mut memo, (0..1_000).map(|_| "same".to_owned())) < 10);
    }
}
