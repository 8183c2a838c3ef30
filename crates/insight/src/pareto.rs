//! The Pareto order: largest first, with the cumulative share.

/// A place in the order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// Index of the item in the input.
    pub index: usize,
    /// Its share of the total, 0..=1.
    pub share: f64,
    /// The share of this and all larger items, 0..=1.
    pub cumulative: f64,
    /// Whether it belongs to the smallest leading set that reaches the asked share of the total.
    pub leads: bool,
}

/// Orders items by value, largest first, ties in input order.
///
/// An item leads if those before it do not yet reach `reach` of the total (0.8 for the classic rule). Values that
/// are not positive and finite come last with share 0 and never lead; if no value is positive, nothing does.
#[must_use]
pub fn order(values: &[f64], reach: f64) -> Vec<Place> {
    let size = |index: usize| if values[index].is_finite() { values[index].max(0.0) } else { 0.0 };
    let mut indices: Vec<usize> = (0..values.len()).collect();
    indices.sort_by(|&a, &b| size(b).total_cmp(&size(a)));
    let total: f64 = indices.iter().map(|&index| size(index)).sum();
    let mut before = 0.0;
    let mut places = Vec::with_capacity(values.len());
    for index in indices {
        let share = if total > 0.0 { size(index) / total } else { 0.0 };
        let cumulative = (before + share).min(1.0);
        // 0.5 + 0.3 is a hair below 0.8 in floating point and must count as reached.
        places.push(Place { index, share, cumulative, leads: share > 0.0 && before < reach - 1e-12 });
        before = cumulative;
    }
    places
}
