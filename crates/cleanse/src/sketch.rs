//! Small summaries of many values that can be merged: distinct count, heavy values, a histogram.
//!
//! A column of a billion rows is profiled in pieces, on threads and on days, and the pieces are added up. Each sketch here has a fixed
//! size, gives the same answer in whatever order pieces are merged (the heavy values up to their stated error), and no
//! randomness: hashes are seeded with a constant.
//!
//! * [`Distinct`]: HyperLogLog (Flajolet, Fusy, Gandouet & Meunier 2007) with 2^12 registers and linear counting below 2.5 m: standard error 1.6 %.
//! * [`Heavy`]: Misra & Gries (1982), merged after Agarwal et al. (2013, "Mergeable summaries"): a value that is more than 1/(k+1) of all is
//!   never lost; counts are too small by at most n/(k+1).
//! * [`Histogram`]: counts in buckets whose borders grow by a constant factor, as in DDSketch (Masson, Rim & Lee 2019, VLDB 12:2195):
//!   quantiles within 2 % of the value, and the shares that the population stability index needs.
//!
//! Deliberately missing: sketches that need a seed (reservoirs, min-hash).

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::xxh3_64;

/// Bits of the register number.
const PRECISION: u32 = 12;
/// Registers of [`Distinct`].
const REGISTERS: usize = 1 << PRECISION;
/// The largest rank: all bits behind the register number are 0, up to the one that bounds it.
const MOST_RANK: u8 = (64 - PRECISION) as u8 + 1;

/// How many different values there were, about.
#[derive(Clone, PartialEq, Eq)]
pub struct Distinct {
    registers: Vec<u8>,
}

impl std::fmt::Debug for Distinct {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Distinct(about {})", self.estimate().round())
    }
}

impl Default for Distinct {
    fn default() -> Self {
        Self { registers: vec![0; REGISTERS] }
    }
}

impl Distinct {
    /// Counts a value.
    pub fn add(&mut self, value: &str) {
        let hash = xxh3_64(value.as_bytes());
        let register = &mut self.registers[(hash >> (64 - PRECISION)) as usize];
        // The bit behind the rest keeps the rank in bounds.
        let rank = ((hash << PRECISION) | 1 << (PRECISION - 1)).leading_zeros() as u8 + 1;
        *register = rank.max(*register);
    }

    /// Adds what another sketch saw.
    pub fn merge(&mut self, other: &Self) {
        self.registers.iter_mut().zip(&other.registers).for_each(|(a, b)| *a = (*a).max(*b));
    }

    /// The registers as text without quotes or backslashes: a rank is one sign from `$` on, a run of empty registers its length in
    /// base 26 with the digits `a` to `z`. A sketch of few values is short.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for run in self.registers.chunk_by(|a, b| *a == 0 && *b == 0) {
            match run[0] {
                0 => write_run(run.len(), &mut text),
                rank => text.push(char::from(b'#' + rank)),
            }
        }
        text
    }

    /// Reads [`Self::to_text`]; `None` for anything else.
    pub fn from_text(text: &str) -> Option<Self> {
        let mut registers = Vec::with_capacity(REGISTERS);
        let mut run = 0_usize;
        for byte in text.bytes() {
            if byte.is_ascii_lowercase() {
                run = run * 26 + usize::from(byte - b'a');
                if run > REGISTERS {
                    return None;
                }
                continue;
            }
            registers.resize(registers.len() + std::mem::take(&mut run), 0);
            registers.push(byte.checked_sub(b'#').filter(|rank| (1..=MOST_RANK).contains(rank))?);
            if registers.len() > REGISTERS {
                return None;
            }
        }
        registers.resize(registers.len() + run, 0);
        (registers.len() == REGISTERS).then_some(Self { registers })
    }

    /// The estimate; 0 for nothing.
    pub fn estimate(&self) -> f64 {
        let m = REGISTERS as f64;
        let empty = REGISTERS - self.registers.iter().filter(|register| **register > 0).count();
        let sum: f64 = self.registers.iter().map(|register| 0.5_f64.powi(i32::from(*register))).sum();
        let raw = 0.7213 / (1.0 + 1.079 / m) * m * m / sum;
        if empty > 0 && raw <= 2.5 * m { m * (m / empty as f64).ln() } else { raw }
    }
}

/// `length` in base 26, the most significant digit first.
fn write_run(length: usize, text: &mut String) {
    if length >= 26 {
        write_run(length / 26, text);
    }
    text.push(char::from(b'a' + (length % 26) as u8));
}

/// Values that are there most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heavy {
    limit: usize,
    counts: FxHashMap<String, u64>,
    /// What was taken off every count so far: the most by which a count is too small.
    error: u64,
}

impl Heavy {
    /// Remembers up to `limit` values.
    pub fn new(limit: usize) -> Self {
        Self { limit: limit.max(1), counts: FxHashMap::default(), error: 0 }
    }

    /// What [`Self::top`] and [`Self::error`] of another summary said.
    pub fn of_counts(limit: usize, counts: impl IntoIterator<Item = (String, u64)>, error: u64) -> Self {
        Self { limit: limit.max(1), counts: counts.into_iter().take(limit.max(1)).collect(), error }
    }

    /// Counts a value; only its first 64 letters are kept.
    pub fn add(&mut self, value: &str) {
        self.add_times(value, 1);
    }

    /// Counts a value that occurs `times` times.
    pub fn add_times(&mut self, value: &str, times: u64) {
        let short = value.char_indices().nth(64).map_or(value, |(end, _)| &value[..end]);
        if let Some(count) = self.counts.get_mut(short) {
            *count += times;
            return;
        }
        let mut left = times;
        while self.counts.len() >= self.limit && left > 0 {
            // As far as the smallest count reaches, all are lowered together with the new one.
            let cut = self.counts.values().copied().min().unwrap_or(0).min(left);
            self.error += cut;
            left -= cut;
            self.counts.retain(|_, count| {
                *count -= cut;
                *count > 0
            });
        }
        if left > 0 {
            self.counts.insert(short.to_owned(), left);
        }
    }

    /// Adds what another summary saw.
    pub fn merge(&mut self, other: &Self) {
        for (value, count) in &other.counts {
            *self.counts.entry(value.clone()).or_insert(0) += count;
        }
        self.error += other.error;
        if self.counts.len() > self.limit {
            let mut counts: Vec<u64> = self.counts.values().copied().collect();
            counts.sort_unstable_by(|a, b| b.cmp(a));
            let cut = counts[self.limit];
            self.error += cut;
            self.counts.retain(|_, count| {
                *count = count.saturating_sub(cut);
                *count > 0
            });
        }
    }

    /// Values and counts, the commonest first, equal counts by value. A count may be too small by [`Self::error`].
    pub fn top(&self) -> Vec<(&str, u64)> {
        let mut top: Vec<(&str, u64)> = self.counts.iter().map(|(value, count)| (value.as_str(), *count)).collect();
        top.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
        top
    }

    /// The most by which a count is too small; 0 while every value fitted.
    pub const fn error(&self) -> u64 {
        self.error
    }
}

/// Growth of the bucket borders: values of a bucket differ by at most 4 %, so its middle is within 2 % of each.
const GROWTH: f64 = 1.04;
/// Magnitudes below this count as zero, above its inverse as infinite.
const SMALLEST: f64 = 1e-9;

/// Numbers by magnitude.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// Bucket number to count: negative numbers below 0, zero at 0, positive above.
    buckets: BTreeMap<i32, u64>,
}

impl Histogram {
    /// Counts a number; NaN is left out.
    pub fn add(&mut self, value: f64) {
        self.add_times(value, 1);
    }

    /// Counts a number that occurs `times` times.
    pub fn add_times(&mut self, value: f64, times: u64) {
        if !value.is_nan() {
            *self.buckets.entry(bucket_of(value)).or_insert(0) += times;
        }
    }

    /// Adds what another histogram saw.
    pub fn merge(&mut self, other: &Self) {
        other.buckets.iter().for_each(|(bucket, count)| *self.buckets.entry(*bucket).or_insert(0) += count);
    }

    /// What [`Self::buckets`] of another histogram said.
    pub fn of_buckets(buckets: impl IntoIterator<Item = (i32, u64)>) -> Self {
        Self { buckets: buckets.into_iter().collect() }
    }

    /// Bucket numbers with their counts, ascending.
    pub fn buckets(&self) -> impl Iterator<Item = (i32, u64)> + '_ {
        self.buckets.iter().map(|(bucket, count)| (*bucket, *count))
    }

    /// How many numbers were counted.
    pub fn n(&self) -> u64 {
        self.buckets.values().sum()
    }

    /// The `p` quantile, within 2 % of a value that has that rank; `None` for nothing or `p` outside 0..=1.
    pub fn quantile(&self, p: f64) -> Option<f64> {
        let n = self.n();
        if n == 0 || !(0.0..=1.0).contains(&p) {
            return None;
        }
        let rank = (p * (n - 1) as f64).round() as u64;
        let mut before = 0;
        for (bucket, count) in &self.buckets {
            before += count;
            if before > rank {
                return Some(middle_of(*bucket));
            }
        }
        None
    }

    /// Counts between cuts: up to the first, up to the second, …, above the last. Cuts are numbers in rising order.
    pub fn counts_between(&self, cuts: &[f64]) -> Vec<u64> {
        let cuts: Vec<i32> = cuts.iter().map(|cut| bucket_of(*cut)).collect();
        let mut counts = vec![0; cuts.len() + 1];
        for (bucket, count) in &self.buckets {
            counts[cuts.partition_point(|cut| cut < bucket)] += count;
        }
        counts
    }
}

fn bucket_of(value: f64) -> i32 {
    let magnitude = value.abs().min(1.0 / SMALLEST);
    if magnitude < SMALLEST {
        return 0;
    }
    let number = ((magnitude / SMALLEST).ln() / GROWTH.ln()).floor() as i32 + 1;
    if value < 0.0 { -number } else { number }
}

fn middle_of(bucket: i32) -> f64 {
    if bucket == 0 {
        return 0.0;
    }
    let middle = SMALLEST * GROWTH.powf(f64::from(bucket.abs()) - 0.5);
    if bucket < 0 { -middle } else { middle }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distinct_is_within_its_error() {
        for n in [0_u32, 1, 10, 1_000, 9_000, 50_000, 300_000] {
            let mut sketch = Distinct::default();
            // Three standard errors of 1.04 / sqrt(4096).
            (0..n).for_each(|value| sketch.add(&format!("value {value}")));
            (0..n).for_each(|value| sketch.add(&format!("value {value}")));
            let estimate = sketch.estimate();
            assert!((estimate - f64::from(n)).abs() <= 0.049 * f64::from(n) + 0.5, "{n}: {estimate}");
        }
    }

    #[test]
    fn registers_as_text_are_the_same_registers() {
        for n in [0, 1, 3, 200, 5_000, 400_000] {
            let mut sketch = Distinct::default();
            (0..n).for_each(|value| sketch.add(&format!("value {value}")));
            let text = sketch.to_text();
            assert_eq!(Distinct::from_text(&text), Some(sketch), "{n}");
            assert!(!text.contains(['"', '\\']), "{text}");
        }
        assert_eq!(Distinct::default().to_text(), "gbo", "6 · 676 + 1 · 26 + 14 = 4096 empty registers");
        for wrong in ["", "gb", "gboa$", "zzzzzzzz", "gbn\u{7f}", "gbn#"] {
            assert_eq!(Distinct::from_text(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn merged_sketches_are_one() {
        let (mut left, mut right, mut whole) = (Distinct::default(), Distinct::default(), Distinct::default());
        for value in 0..5_000 {
            let text = value.to_string();
            if value % 3 == 0 { &mut left } else { &mut right }.add(&text);
            whole.add(&text);
        }
        left.merge(&right);
        assert_eq!(left, whole);
    }

    #[test]
    fn heavy_values_are_found_within_the_error() {
        let mut heavy = Heavy::new(10);
        // "a" is 40 % and "b" 20 % of 10,000; the rest is different each time.
        for n in 0..10_000 {
            match n % 5 {
                0 | 1 => heavy.add("a"),
                2 => heavy.add("b"),
                _ => heavy.add(&format!("rare {n}")),
            }
        }
        let top = heavy.top();
        assert!(heavy.error() <= 10_000 / 11, "{}", heavy.error());
        assert_eq!((top[0].0, top[1].0), ("a", "b"));
        for (value, count) in [("a", 4_000), ("b", 2_000)] {
            let found = top.iter().find(|(found, _)| *found == value).unwrap().1;
            assert!(found <= count && found + heavy.error() >= count, "{value} {found}");
        }
    }

    #[test]
    fn merging_heavy_values_keeps_the_bound() {
        let (mut left, mut right) = (Heavy::new(5), Heavy::new(5));
        (0..1000).for_each(|n| left.add(if n % 2 == 0 { "a" } else { ["b", "c", "d", "e", "f", "g"][n % 6] }));
        (0..1000).for_each(|n| right.add(if n % 4 == 0 { "z" } else { ["h", "i", "j", "k", "l", "m", "n"][n % 7] }));
        left.merge(&right);
        assert!(left.top().len() <= 5 && left.error() <= 2 * 2000 / 6, "{left:?}");
        let found = left.top()[0];
        assert!(found.0 == "a" && found.1 + left.error() >= 500, "{found:?}");
    }

    #[test]
    fn quantiles_are_within_two_percent() {
        let mut histogram = Histogram::default();
        (1..=10_000).for_each(|n| histogram.add(f64::from(n)));
        for (p, expected) in [(0.0, 1.0), (0.1, 1_001.0), (0.5, 5_000.0), (0.99, 9_900.0), (1.0, 10_000.0)] {
            let found = histogram.quantile(p).unwrap();
            assert!((found - expected).abs() <= 0.021 * expected, "{p}: {found}");
        }
        let mut signed = Histogram::default();
        [-5.0, 0.0, 5.0, f64::NAN].iter().for_each(|value| signed.add(*value));
        assert_eq!((signed.n(), signed.quantile(0.5)), (3, Some(0.0)));
        assert!((signed.quantile(0.0).unwrap() + 5.0).abs() < 0.1);
        assert_eq!((Histogram::default().quantile(0.5), signed.quantile(1.5)), (None, None));
        assert_eq!(histogram.counts_between(&[1_000.0, 5_000.0]).iter().sum::<u64>(), 10_000);
    }
}
