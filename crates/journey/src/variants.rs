//! Variants: different sequences of activities, and how often each occurs. Cases have them, and beginnings of sessions that are too long to be
//! packed into a number.
//!
//! They are found by the hash of their activities and compared activity by activity, so that two with the same hash stay two.

use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::xxh3_64;

/// A sequence of activities and the number of cases that ran exactly so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    /// Activities in order.
    pub activities: Vec<u32>,
    /// Cases.
    pub cases: u64,
}

/// Variants of some cases.
#[derive(Clone, Debug, Default)]
pub(crate) struct Variants {
    /// Activities of one variant after the other, each in `width` bytes, the highest first: as bytes they are compared as they
    /// are as numbers.
    activities: Vec<u8>,
    width: usize,
    found: Vec<Found>,
    /// The newest variant of each hash.
    newest: FxHashMap<u64, u32>,
    trace: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Found {
    start: usize,
    bytes: u32,
    /// The variant of the same hash before it, or itself.
    before: u32,
    cases: u64,
}

impl Variants {
    /// None yet; activities are below `activities`.
    pub fn new(activities: u32) -> Self {
        Self { width: if activities <= 1 << u8::BITS { 1 } else { 4 }, ..Self::default() }
    }

    /// How many differ.
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Counts a sequence once more.
    pub fn add(&mut self, trace: &[u32]) {
        let mut bytes = std::mem::take(&mut self.trace);
        bytes.clear();
        if self.width == 1 {
            bytes.extend(trace.iter().map(|activity| *activity as u8));
        } else {
            bytes.extend(trace.iter().flat_map(|activity| activity.to_be_bytes()));
        }
        self.count(&bytes, xxh3_64(&bytes), 1);
        self.trace = bytes;
    }

    fn count(&mut self, trace: &[u8], hash: u64, cases: u64) {
        let next = self.found.len() as u32;
        let newest = self.newest.entry(hash).or_insert(next);
        let mut at = *newest;
        while let Some(found) = self.found.get_mut(at as usize) {
            if self.activities[found.start..found.start + found.bytes as usize] == *trace {
                found.cases += cases;
                return;
            }
            if found.before == at {
                break;
            }
            at = found.before;
        }
        self.found.push(Found { start: self.activities.len(), bytes: trace.len() as u32, before: *newest, cases });
        *newest = next;
        self.activities.extend_from_slice(trace);
    }

    fn trace(&self, found: &Found) -> &[u8] {
        &self.activities[found.start..found.start + found.bytes as usize]
    }

    /// Counts what `other` has counted.
    pub fn merge(&mut self, other: &Self) {
        for found in &other.found {
            let trace = other.trace(found);
            self.count(trace, xxh3_64(trace), found.cases);
        }
    }

    /// All of them by their activities: what tells the activity at a place, and how often.
    pub fn in_order(&self) -> impl Iterator<Item = (impl Fn(usize) -> Option<u32> + '_, u64)> {
        let mut order: Vec<&Found> = self.found.iter().collect();
        order.sort_unstable_by(|a, b| self.trace(a).cmp(self.trace(b)));
        let width = self.width;
        order.into_iter().map(move |found| {
            let trace = self.trace(found);
            (move |place: usize| trace.get(place * width..(place + 1) * width).map(number), found.cases)
        })
    }

    /// The most frequent ones, then by their activities.
    pub fn top(&self, top: usize) -> Vec<Variant> {
        let variant = |found: &Found| Variant {
            activities: self.trace(found).chunks_exact(self.width).map(number).collect(),
            cases: found.cases,
        };
        let by_rank = |a: &&Found, b: &&Found| b.cases.cmp(&a.cases).then_with(|| self.trace(a).cmp(self.trace(b)));
        let mut order: Vec<&Found> = self.found.iter().collect();
        if top < order.len() {
            order.select_nth_unstable_by(top, by_rank);
            order.truncate(top);
        }
        order.sort_unstable_by(by_rank);
        order.into_iter().map(variant).collect()
    }
}

/// The number of which these are the bytes, the highest first.
fn number(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_with_the_same_hash_stay_two() {
        let mut variants = Variants::new(10);
        for trace in [&[1, 2][..], &[3], &[1, 2], &[3], &[4, 4, 4], &[1, 2]] {
            variants.count(trace, 7, 1);
        }
        let variant = |activities: &[u32], cases| Variant { activities: activities.to_vec(), cases };
        assert_eq!(variants.top(9), [variant(&[1, 2], 3), variant(&[3], 2), variant(&[4, 4, 4], 1)]);
        assert_eq!(variants.top(1), [variant(&[1, 2], 3)]);
    }
}
