//! Has a column or a source changed? Population stability, and volume against the same weekday.
//!
//! **PSI** compares two distributions over the same bins: Σ (aᵢ − eᵢ) · ln(aᵢ / eᵢ), the symmetric Kullback–Leibler
//! divergence. Numbers are binned at the deciles of the older profile, everything else by its commonest values, then by
//! its shapes. The usual thresholds are a rule of thumb of credit scoring (Siddiqi 2006, "Credit Risk Scorecards", p. 136): below
//! 0.1 no change, to 0.25 some, above that a shift. Under no change PSI is about χ²(k − 1) · (1/n + 1/m) (Yurdakul 2018), so two small
//! samples exceed them by chance: the answer carries that expectation, and a shift is only called one beyond its noise.
//!
//! **Volume** is compared with the same weekday of the weeks before by a robust z: distance from the median in units of 1.4826 · MAD
//! (Iglewicz & Hoaglin 1993, who call 3.5 an outlier). Where all counts are equal, MAD is 0: then the spread that a count has by
//! itself, its square root (Poisson), stands in.
//!
//! Deliberately missing: trend and seasons beyond the week.

use jiff::civil::Date;

use crate::profile::Profile;

/// Below: no change.
pub const PSI_STABLE: f64 = 0.1;
/// Above: a shift.
pub const PSI_SHIFT: f64 = 0.25;
/// Distance from the median, in robust standard deviations, beyond which a volume is odd.
pub const VOLUME_ODD: f64 = 3.5;
/// Bins for numbers.
const BINS: usize = 10;
/// Fewest values on each side for a PSI that says anything.
const MIN_VALUES: u64 = 50;
/// Fewest earlier weeks for a volume check.
const MIN_WEEKS: usize = 3;
/// Normal quantile at 0.975, for the noise of PSI.
const Z_975: f64 = 1.959_963_984_540_054;

/// How far a distribution moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No change worth a look.
    Stable,
    /// Some change.
    Moved,
    /// A shift.
    Shifted,
}

/// Why a comparison has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Fewer than fifty values, or fewer than three earlier weeks.
    TooFew,
    /// All values of both profiles differ (ids, texts): there are no bins.
    NoBins,
}

/// A population stability index with what it takes to read it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Psi {
    /// The index, 0 for equal shares.
    pub value: f64,
    /// What it would be up to in 97.5 % of cases if nothing had changed.
    pub noise: f64,
    /// Bins compared.
    pub bins: usize,
    /// Values in the older and the newer profile.
    pub n: (u64, u64),
    /// By the usual thresholds, and beyond the noise.
    pub verdict: Verdict,
}

impl Psi {
    /// What the index would stay below if nothing had changed, with the chance that belongs to the normal quantile `z`.
    ///
    /// Under no change PSI is about χ²(bins − 1) · (1/n + 1/m); the quantile of χ² after Wilson & Hilferty (1931).
    pub fn noise_at(&self, z: f64) -> f64 {
        let freedom = (self.bins as f64 - 1.0).max(1.0);
        let c = 2.0 / (9.0 * freedom);
        let chi2 = freedom * (1.0 - c + z * c.sqrt()).powi(3);
        chi2 * (1.0 / self.n.0 as f64 + 1.0 / self.n.1 as f64)
    }
}

/// PSI of counts over the same bins. Empty bins get half a value, so that the index stays finite.
pub fn psi_of_counts(expected: &[u64], actual: &[u64]) -> Result<Psi, Reason> {
    let n = (expected.iter().sum::<u64>(), actual.iter().sum::<u64>());
    let used: Vec<(u64, u64)> = expected.iter().copied().zip(actual.iter().copied()).filter(|(e, a)| e + a > 0).collect();
    if n.0 < MIN_VALUES || n.1 < MIN_VALUES {
        return Err(Reason::TooFew);
    }
    let share = |count: u64, n: u64| (count as f64).max(0.5) / n as f64;
    let value: f64 = used
        .iter()
        .map(|(e, a)| {
            let (e, a) = (share(*e, n.0), share(*a, n.1));
            (a - e) * (a / e).ln()
        })
        .sum();
    let psi = Psi { value, noise: 0.0, bins: used.len(), n, verdict: Verdict::Stable };
    let noise = psi.noise_at(Z_975);
    let verdict = match value {
        _ if value <= noise || value < PSI_STABLE => Verdict::Stable,
        _ if value < PSI_SHIFT => Verdict::Moved,
        _ => Verdict::Shifted,
    };
    Ok(Psi { noise, verdict, ..psi })
}

/// PSI between two profiles of a column, the older first. Missing values are a bin of their own.
pub fn psi(expected: &Profile, actual: &Profile) -> Result<Psi, Reason> {
    if expected.n < MIN_VALUES || actual.n < MIN_VALUES {
        return Err(Reason::TooFew);
    }
    let mostly_numbers = |profile: &Profile| profile.numbers * 10 >= profile.present() * 9 && profile.present() > 0;
    if mostly_numbers(expected) && mostly_numbers(actual) && expected.distinct() > 2.0 * BINS as f64 {
        let deciles: Vec<f64> = (1..BINS).filter_map(|at| expected.histogram().quantile(at as f64 / BINS as f64)).collect();
        let bins = |profile: &Profile| {
            let mut counts = profile.histogram().counts_between(&deciles);
            counts.push(profile.nulls);
            counts.push(profile.present() - profile.numbers);
            counts
        };
        return psi_of_counts(&bins(expected), &bins(actual));
    }
    // Values, if a few of them make up most of the column; shapes otherwise.
    let (top, error) = expected.top(2 * BINS);
    let common: u64 = top.iter().map(|(_, count)| count + error).sum();
    // Counts that are too small (by a tenth over all words) differ between two profiles of one column.
    let is_exact = |profile: &Profile| profile.top(0).1 * (2 * BINS as u64) * 10 <= profile.present();
    if is_exact(expected)
        && is_exact(actual)
        && common * 2 >= expected.present()
        && expected.distinct() < 0.5 * expected.present() as f64
    {
        let values: Vec<&str> = top.iter().map(|(value, _)| *value).collect();
        let (all, _) = actual.top(usize::MAX);
        return psi_of_counts(&by_word(expected, &values, &top), &by_word(actual, &values, &all));
    }
    let (old, new) = (expected.shapes(), actual.shapes());
    let shapes: Vec<&str> = old.iter().take(2 * BINS).map(|(shape, _)| *shape).collect();
    if shapes.is_empty() {
        return Err(Reason::NoBins);
    }
    psi_of_counts(&by_word(expected, &shapes, &old), &by_word(actual, &shapes, &new))
}

/// Counts of the words, then of all others, then of missing values.
fn by_word(profile: &Profile, words: &[&str], counts: &[(&str, u64)]) -> Vec<u64> {
    let count = |word: &&str| counts.iter().find(|(found, _)| found == word).map_or(0, |(_, count)| *count);
    let mut bins: Vec<u64> = words.iter().map(count).collect();
    let known: u64 = bins.iter().sum();
    bins.push(profile.present().saturating_sub(known));
    bins.push(profile.nulls);
    bins
}

/// A day's volume against the same weekday before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Volume {
    /// Robust standard deviations from the median; negative for too few.
    pub z: f64,
    /// The median of the earlier weeks.
    pub median: f64,
    /// Earlier weeks that were compared.
    pub weeks: usize,
    /// Whether it is beyond [`VOLUME_ODD`].
    pub is_odd: bool,
}

/// Compares the volume of a day with that of the same weekday before it. `history` is (day, count) in any order; days
/// that are missing are not counted as zero, because a source may not deliver on a holiday.
pub fn volume(history: &[(Date, u64)], day: Date, count: u64) -> Result<Volume, Reason> {
    let mut before: Vec<f64> =
        history.iter().filter(|(at, _)| *at < day && at.weekday() == day.weekday()).map(|(_, count)| *count as f64).collect();
    if before.len() < MIN_WEEKS {
        return Err(Reason::TooFew);
    }
    let weeks = before.len();
    let median = median_of(&mut before);
    let mut distances: Vec<f64> = before.iter().map(|count| (count - median).abs()).collect();
    // 1.4826 makes the median absolute deviation a standard deviation where counts are normal.
    let spread = (1.4826 * median_of(&mut distances)).max(median.sqrt()).max(1.0);
    let z = (count as f64 - median) / spread;
    Ok(Volume { z, median, weeks, is_odd: z.abs() > VOLUME_ODD })
}

/// The median of at least one value; sorts them.
fn median_of(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { f64::midpoint(values[middle - 1], values[middle]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(values: impl IntoIterator<Item = String>) -> Profile {
        let mut profile = Profile::default();
        values.into_iter().for_each(|value| profile.add(Some(value.as_str()).filter(|value| !value.is_empty()), true));
        profile
    }

    /// By hand: shares .5/.3/.2 against .4/.3/.3: (−.1)·ln(.8) + 0 + .1·ln(1.5) = .0223144 + .0405465.
    #[test]
    fn psi_of_shares_by_hand() {
        let psi = psi_of_counts(&[500, 300, 200], &[400, 300, 300]).unwrap();
        assert!((psi.value - 0.062_860_9).abs() < 1e-6, "{psi:?}");
        // chi-squared(2) has its 97.5 % point at 7.378.
        assert!((psi.noise - 7.378 * 0.002).abs() < 2e-4, "{psi:?}");
        assert_eq!((psi.bins, psi.verdict), (3, Verdict::Stable));
        assert_eq!(psi_of_counts(&[900, 100], &[100, 900]).unwrap().verdict, Verdict::Shifted);
        assert_eq!(psi_of_counts(&[600, 400], &[420, 580]).unwrap().verdict, Verdict::Moved);
    }

    #[test]
    fn equal_shares_have_no_distance_and_few_values_no_answer() {
        let psi = psi_of_counts(&[100, 0, 300], &[200, 0, 600]).unwrap();
        assert!(psi.value.abs() < 1e-12 && psi.bins == 2, "{psi:?}");
        assert_eq!(psi_of_counts(&[49], &[1000]), Err(Reason::TooFew));
        assert_eq!(self::psi(&Profile::default(), &Profile::default()), Err(Reason::TooFew));
    }

    #[test]
    fn numbers_words_and_shapes_are_compared() {
        let numbers = |shift: u32| profile((0..2000_u32).map(|n| ((n * 7919) % 1000 + shift).to_string()));
        assert_eq!(psi(&numbers(0), &numbers(0)).unwrap().verdict, Verdict::Stable);
        assert_eq!(psi(&numbers(0), &numbers(400)).unwrap().verdict, Verdict::Shifted);
        let words = |open: u32| profile((0..1000_u32).map(|n| if n % 100 < open { "open" } else { "closed" }.to_owned()));
        assert_eq!(psi(&words(50), &words(52)).unwrap().verdict, Verdict::Stable);
        assert_eq!(psi(&words(50), &words(90)).unwrap().verdict, Verdict::Shifted);
        let codes = |prefix: &str| profile((0..1000_u32).map(|n| format!("{prefix}{n:05}")));
        assert_eq!(psi(&codes("A-"), &codes("A-")).unwrap().verdict, Verdict::Stable);
        assert_eq!(psi(&codes("A-"), &codes("Kd.")).unwrap().verdict, Verdict::Shifted);
        let missing = |every: u32| profile((0..1000_u32).map(|n| if n % every == 0 { String::new() } else { "x".to_owned() }));
        assert_eq!(psi(&missing(100), &missing(2)).unwrap().verdict, Verdict::Shifted);
    }

    #[test]
    fn volume_is_compared_with_the_same_weekday() {
        let monday = jiff::civil::date(2026, 3, 2);
        let back = |weeks: i64| monday.checked_sub(jiff::Span::new().weeks(weeks)).unwrap();
        let counts = [1000, 1040, 980, 1010, 960];
        let mut history: Vec<(Date, u64)> =
            counts.iter().enumerate().map(|(week, count)| (back(week as i64 + 1), *count)).collect();
        // Sundays are quiet and must not matter.
        history.extend((1..6).map(|week| (back(week).yesterday().unwrap(), 10)));
        let usual = volume(&history, monday, 1020).unwrap();
        assert_eq!((usual.median, usual.weeks, usual.is_odd), (1000.0, 5, false));
        // MAD of |0|, 40, 20, 10, 40 is 20: spread max(29.65, √1000 = 31.6).
        assert!((usual.z - 20.0 / 1000.0_f64.sqrt()).abs() < 1e-12, "{usual:?}");
        assert!(volume(&history, monday, 300).unwrap().is_odd && volume(&history, monday, 300).unwrap().z < 0.0);
        assert_eq!(volume(&history[..2], monday, 300), Err(Reason::TooFew));
        let equal: Vec<(Date, u64)> = (1..5).map(|week| (back(week), 100)).collect();
        assert!(!volume(&equal, monday, 120).unwrap().is_odd && volume(&equal, monday, 0).unwrap().is_odd);
    }
}
