//! Repeat purchases: the published parameters of CDNOW's customers, from the transactions themselves.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use clew_stats::repeat_purchase::{BgNbd, GammaGamma, Purchases};

/// Purchases of each customer by day of the period (days since 1 January 1997), until 30 September 1997.
fn cdnow() -> Option<Vec<BTreeMap<u32, f64>>> {
    const DAYS_BEFORE: [u32; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let repository = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let shared = std::env::var_os("CLEW_SHARED").map_or_else(repository, PathBuf::from);
    let path = shared.join("data/cdnow/CDNOW_sample.txt");
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("skipped: {} is absent", path.display());
        return None;
    };
    let mut customers: BTreeMap<&str, BTreeMap<u32, f64>> = BTreeMap::new();
    for line in text.lines() {
        let cells: Vec<&str> = line.split_whitespace().collect();
        let (day, value): (u32, f64) = (cells[2].parse().unwrap(), cells[4].parse().unwrap());
        if day <= 19_970_930 {
            let day = DAYS_BEFORE[(day / 100 % 100 - 1) as usize] + day % 100 - 1;
            *customers.entry(cells[1]).or_default().entry(day).or_default() += value;
        }
    }
    Some(customers.into_values().collect())
}

#[test]
fn published_parameters_of_cdnow_are_reproduced() {
    let Some(customers) = cdnow() else { return };
    assert_eq!(customers.len(), 2_357);
    let weeks = |days: u32| f64::from(days) / 7.0;
    let purchases = |days: &BTreeMap<u32, f64>| {
        let (first, last) = (*days.keys().next().unwrap(), *days.keys().last().unwrap());
        Purchases { repeats: days.len() as u64 - 1, recency: weeks(last - first), age: weeks(272 - first) }
    };
    let (found, likelihood) = BgNbd::fit(&customers.iter().map(purchases).collect::<Vec<_>>()).unwrap();
    // Fader, Hardie & Lee 2005, table 2: r .243, alpha 4.414, a .793, b 2.426, log-likelihood -9582.4.
    let near = |found: f64, published: f64, unit: f64| assert!((found - published).abs() <= unit / 2.0, "{found}, {published}");
    near(found.r, 0.243, 0.001);
    near(found.alpha, 4.414, 0.001);
    near(found.a, 0.793, 0.001);
    near(found.b, 2.426, 0.001);
    near(likelihood, -9_582.4, 0.1);
    // Fader & Hardie 2013, note 025: p 6.25, q 3.74, v 15.44, of the 946 who bought again.
    let spend = |days: &BTreeMap<u32, f64>| {
        let repeats = days.len() as u64 - 1;
        (repeats, days.values().skip(1).sum::<f64>() / repeats.max(1) as f64)
    };
    let spend: Vec<(u64, f64)> = customers.iter().map(spend).collect();
    assert_eq!(spend.iter().filter(|customer| customer.0 > 0).count(), 946);
    let (found, _) = GammaGamma::fit(&spend).unwrap();
    near(found.p, 6.25, 0.01);
    near(found.q, 3.74, 0.01);
    near(found.v, 15.44, 0.01);
}
