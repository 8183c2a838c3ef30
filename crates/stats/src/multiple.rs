//! Many tests at once: the false discovery rate.

/// Benjamini–Hochberg adjusted p-values, in the order given (Benjamini & Hochberg 1995, JRSS B 57:289; R `p.adjust`).
///
/// A test that could not be computed (`None`, `NaN` or outside 0..=1) stays `None` and does not count as a test: it can
/// neither be found nor make others harder to find. O(m log m).
#[must_use]
pub fn benjamini_hochberg(p_values: &[Option<f64>]) -> Vec<Option<f64>> {
    let mut computed: Vec<(usize, f64)> =
        p_values.iter().enumerate().filter_map(|(i, p)| p.filter(|p| (0.0..=1.0).contains(p)).map(|p| (i, p))).collect();
    computed.sort_by(|a, b| a.1.total_cmp(&b.1));
    let tests = computed.len() as f64;
    let mut adjusted = vec![None; p_values.len()];
    let mut smallest = 1.0_f64;
    for (rank, (i, p)) in computed.into_iter().enumerate().rev() {
        // p · m / m may round to a hair below p.
        smallest = smallest.min((p * tests / (rank + 1) as f64).max(p));
        adjusted[i] = Some(smallest);
    }
    adjusted
}
