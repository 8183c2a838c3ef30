//! What must hold for any data: properties on generated rows (edges drawn on purpose), and the degenerate cases by hand.
#![allow(clippy::unwrap_used, reason = "a test")]

use clew_stats::association::{correlation_ratio, mean_ranks, pearson, spearman};
use clew_stats::bootstrap::{self, Resampler, percentile_interval};
use clew_stats::comparison::{difference_of, welch};
use clew_stats::importance::decompose;
use clew_stats::interval::{Moments, Nps, NpsCounts, Proportion, mean, nps, proportion};
use clew_stats::multiple::benjamini_hochberg;
use clew_stats::quantile::{QuantileType, quantile};
use clew_stats::regression::clustered;
use clew_stats::{Design, DesignError, Estimate, Reason};
use proptest::prelude::*;

/// Rows of `width` values: whole scores with ties, smooth values, a constant and a copied column now and then.
fn columns(width: usize) -> impl Strategy<Value = Vec<Vec<f64>>> {
    (12_usize..60, prop::collection::vec(0_u8..5, width)).prop_flat_map(move |(rows, kinds)| {
        let column = |kind: u8| match kind {
            0 => prop::collection::vec((1_i8..=5).prop_map(f64::from), rows).boxed(),
            1 => prop::collection::vec(-1e6..1e6_f64, rows).boxed(),
            2 => Just(vec![3.0; rows]).boxed(),
            3 => prop::collection::vec(prop::bool::weighted(0.2).prop_map(f64::from), rows).boxed(),
            _ => prop::collection::vec(1950.0..1950.1_f64, rows).boxed(),
        };
        kinds.into_iter().map(column).collect::<Vec<_>>()
    })
}

fn lmg(columns: &[Vec<f64>]) -> (Option<f64>, Vec<Option<f64>>) {
    let predictors: Vec<&[f64]> = columns[1..].iter().map(Vec::as_slice).collect();
    let found = decompose(&Design::of_columns(&columns[0], &predictors).expect("columns of one length"));
    (found.r2, found.predictors.iter().map(|p| p.lmg).collect())
}

/// R² by least squares on the rows (Gram–Schmidt with the same rule for redundant columns): slow and obviously right.
fn r2_by_rows(columns: &[Vec<f64>], subset: usize) -> f64 {
    let centred = |values: &[f64]| -> Vec<f64> {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        values.iter().map(|value| value - mean).collect()
    };
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    let outcome = centred(&columns[0]);
    let mut basis: Vec<Vec<f64>> = Vec::new();
    let mut explained = 0.0;
    for column in (1..columns.len()).filter(|column| subset & (1 << (column - 1)) != 0) {
        let mut rest = centred(&columns[column]);
        let length = dot(&rest, &rest);
        for _ in 0..2 {
            for axis in &basis {
                let along = dot(&rest, axis);
                rest.iter_mut().zip(axis).for_each(|(r, a)| *r -= along * a);
            }
        }
        let left = dot(&rest, &rest);
        if left <= 1e-10 * length || left <= 1e-20 {
            continue;
        }
        let unit: Vec<f64> = rest.iter().map(|r| r / left.sqrt()).collect();
        explained += dot(&outcome, &unit).powi(2);
        basis.push(unit);
    }
    explained / dot(&outcome, &outcome)
}

fn close(a: Option<f64>, b: Option<f64>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() < 1e-8,
        (a, b) => a.is_none() && b.is_none(),
    }
}

proptest! {
    #[test]
    fn lmg_sums_to_r2_and_is_never_negative(columns in columns(6)) {
        let (r2, shares) = lmg(&columns);
        if let Some(r2) = r2 {
            prop_assert!((0.0..=1.0).contains(&r2));
            prop_assert!((shares.iter().flatten().sum::<f64>() - r2).abs() < 1e-9);
            prop_assert!(shares.iter().flatten().all(|share| *share >= 0.0));
        }
    }

    #[test]
    fn the_sweep_equals_the_average_over_subsets_refitted_on_rows(columns in columns(5)) {
        let (r2, shares) = lmg(&columns);
        prop_assume!(r2.is_some());
        let table: Vec<f64> = (0..16).map(|subset| r2_by_rows(&columns, subset)).collect();
        // s! (3 - s)! / 4!
        let weights = [0.25, 1.0 / 12.0, 1.0 / 12.0, 0.25];
        for (j, share) in shares.iter().enumerate() {
            let expected: f64 = (0..16_usize)
                .filter(|subset| subset & (1 << j) == 0)
                .map(|s| weights[s.count_ones() as usize] * (table[s | (1 << j)] - table[s]))
                .sum();
            prop_assert!((share.unwrap_or(0.0) - expected).abs() < 1e-7, "{share:?} is not {expected}");
        }
    }

    #[test]
    fn importance_does_not_depend_on_the_order_of_rows(columns in columns(5), turn in 0_usize..60) {
        let turned: Vec<Vec<f64>> = columns.iter().map(|column| {
            let mut column = column.clone();
            let by = turn % column.len();
            column.rotate_left(by);
            column.reverse();
            column
        }).collect();
        let (before, after) = (lmg(&columns), lmg(&turned));
        prop_assert!(close(before.0, after.0));
        prop_assert!(before.1.iter().zip(&after.1).all(|(a, b)| close(*a, *b)));
    }

    #[test]
    fn importance_does_not_depend_on_the_order_of_columns(columns in columns(6)) {
        let mut reversed = columns.clone();
        reversed[1..].reverse();
        let (before, mut after) = (lmg(&columns), lmg(&reversed));
        after.1.reverse();
        prop_assert!(close(before.0, after.0));
        prop_assert!(before.1.iter().zip(&after.1).all(|(a, b)| close(*a, *b)));
    }

    #[test]
    fn importance_does_not_depend_on_units(columns in columns(5), factor in prop_oneof![-1e4..-1e-4_f64, 1e-4..1e4_f64]) {
        let mut scaled = columns.clone();
        for column in &mut scaled {
            // No shift: it would round the values themselves.
            *column = column.iter().map(|value| value * factor).collect();
        }
        let (before, after) = (lmg(&columns), lmg(&scaled));
        prop_assert!(close(before.0, after.0));
        prop_assert!(before.1.iter().zip(&after.1).all(|(a, b)| close(*a, *b)));
    }

    #[test]
    fn two_copies_share_equally_what_one_had_or_more(columns in columns(4)) {
        let mut doubled = columns.clone();
        doubled.push(columns[1].clone());
        let (single, double) = (lmg(&columns), lmg(&doubled));
        prop_assert!(close(single.0, double.0), "a copy adds nothing to R²");
        prop_assert!(close(double.1[0], double.1[3]));
    }

    #[test]
    fn a_group_of_one_column_is_that_column(columns in columns(4)) {
        let whole = lmg(&columns).1;
        let groups: Vec<Vec<&[f64]>> = columns[1..].iter().map(|c| vec![c.as_slice(), c.as_slice()]).collect();
        let found = decompose(&Design::new(&columns[0], &groups).expect("one length"));
        if found.r2.is_some() {
            prop_assert!(found.predictors.iter().zip(&whole).all(|(p, w)| close(p.lmg, *w)));
        }
    }

    #[test]
    fn a_missing_value_drops_its_row(columns in columns(4), row in 0_usize..60) {
        let row = row % columns[0].len();
        let mut holed = columns.clone();
        holed[2][row] = f64::NAN;
        let without: Vec<Vec<f64>> = columns.iter().map(|column| {
            let mut column = column.clone();
            column.remove(row);
            column
        }).collect();
        let (a, b) = (lmg(&holed), lmg(&without));
        prop_assert!(close(a.0, b.0));
        prop_assert!(a.1.iter().zip(&b.1).all(|(a, b)| close(*a, *b)));
    }

    #[test]
    fn an_interval_contains_its_estimate_and_stays_in_range(x in 0_u64..200, rest in 0_u64..200, level in 0.01..0.999_f64) {
        for method in [Proportion::Wilson, Proportion::WilsonCorrected, Proportion::Wald, Proportion::ClopperPearson] {
            let found = proportion(x, x + rest, level, method);
            if x + rest == 0 {
                prop_assert_eq!(found, Estimate::unknown(0, level, Reason::NoRows));
                continue;
            }
            let (lower, upper) = found.interval().expect("an interval");
            let p = found.estimate.expect("an estimate");
            prop_assert!(0.0 <= lower && lower <= p + 1e-12 && p <= upper + 1e-12 && upper <= 1.0, "{method:?} {found:?}");
        }
        let found = nps(NpsCounts { promoters: x, passives: 0, detractors: rest }, level, Nps::AdjustedWald);
        prop_assert!(x + rest == 0 || found.covers(found.estimate.expect("an estimate")) == Some(true));
    }

    #[test]
    fn moments_merge_to_those_of_the_whole(scores in prop::collection::vec(1_i8..=7, 0..50), cut in 0_usize..50) {
        let scores: Vec<f64> = scores.into_iter().map(f64::from).collect();
        let cut = cut.min(scores.len());
        let whole: Moments = scores.iter().copied().collect();
        let mut merged: Moments = scores[..cut].iter().copied().collect();
        merged.merge(&scores[cut..].iter().copied().collect());
        prop_assert_eq!(merged, whole);
    }

    #[test]
    fn adjusted_p_values_keep_order_and_only_grow(p in prop::collection::vec(prop::option::weighted(0.9, 0.0..=1.0_f64), 0..30)) {
        let adjusted = benjamini_hochberg(&p);
        for (i, (raw, found)) in p.iter().zip(&adjusted).enumerate() {
            prop_assert_eq!(raw.is_some(), found.is_some());
            prop_assert!(found >= raw);
            for (other, also) in p.iter().zip(&adjusted).skip(i) {
                if raw.is_some() && other.is_some() && raw <= other {
                    prop_assert!(found <= also);
                }
            }
        }
    }

    #[test]
    fn spearman_is_pearson_of_ranks_and_blind_to_monotone_maps(columns in columns(2)) {
        let cubed: Vec<f64> = columns[1].iter().map(|x| x * x * x).collect();
        let of = |x: &[f64]| spearman(x, &columns[0], 0.95).correlation.estimate;
        prop_assert!(close(of(&columns[1]), of(&cubed)));
        let ranks = pearson(&mean_ranks(&columns[1]), &mean_ranks(&columns[0]), 0.95).correlation.estimate;
        prop_assert!(close(of(&columns[1]), ranks));
    }

    #[test]
    fn a_resample_has_as_many_units_as_the_sample(seed: u64, units in 0_usize..500, replicate: u64) {
        let mut counts = Vec::new();
        Resampler::new(seed, units).draw(replicate, &mut counts);
        prop_assert_eq!(counts.len(), units);
        prop_assert_eq!(counts.iter().sum::<u32>() as usize, units);
    }
}

fn noise(rows: usize, seed: u64) -> Vec<f64> {
    let mut counts = Vec::new();
    Resampler::new(seed, rows * 7).draw(0, &mut counts);
    counts.chunks(7).map(|chunk| chunk.iter().enumerate().map(|(i, c)| f64::from(*c) * (i as f64 + 0.3)).sum()).collect()
}

#[test]
fn nothing_one_and_two_rows_have_no_importance() {
    let of = |rows: usize| {
        let (y, x) = (noise(rows, 1), noise(rows, 2));
        decompose(&Design::of_columns(&y, &[&x]).expect("one length"))
    };
    assert_eq!(of(0).reason, Some(Reason::NoRows));
    assert_eq!(of(1).reason, Some(Reason::NoSpread));
    assert_eq!(of(2).reason, Some(Reason::TooFewRows));
    assert!(of(2).r2.is_none() && of(2).predictors[0].lmg.is_none());
    assert!(of(3).r2.is_some());
}

#[test]
fn a_constant_outcome_or_only_constant_predictors_have_no_importance() {
    let (flat, varied) = (vec![4.0; 20], noise(20, 3));
    for (y, x) in [(&flat, &varied), (&varied, &flat), (&flat, &flat)] {
        let found = decompose(&Design::of_columns(y, &[x]).expect("one length"));
        assert_eq!((found.r2, found.reason), (None, Some(Reason::NoSpread)));
        assert_eq!(found.predictors[0].lmg, None);
    }
}

#[test]
fn a_constant_predictor_is_named_and_the_others_stand() {
    let (y, x, flat) = (noise(30, 4), noise(30, 5), vec![0.1 + 0.2; 30]);
    let with = decompose(&Design::of_columns(&y, &[&flat, &x]).expect("one length"));
    let without = decompose(&Design::of_columns(&y, &[&x]).expect("one length"));
    assert_eq!((with.predictors[0].lmg, with.predictors[0].reason), (None, Some(Reason::NoSpread)));
    assert_eq!(with.predictors[1], without.predictors[0]);
}

#[test]
fn copies_have_no_vif_and_the_same_coefficient() {
    let (y, x) = (noise(40, 6), noise(40, 7));
    let found = decompose(&Design::of_columns(&y, &[&x, &x]).expect("one length"));
    let single = decompose(&Design::of_columns(&y, &[&x]).expect("one length"));
    assert_eq!((found.predictors[0].vif, found.predictors[1].vif), (None, None));
    let beta = |p: &clew_stats::importance::Predictor| p.coefficients[0].standardised.expect("a coefficient");
    assert!((beta(&found.predictors[0]) - beta(&single.predictors[0]) / 2.0).abs() < 1e-12);
    assert_eq!(found.predictors[0].last, Some(0.0));
}

#[test]
fn mistakes_of_the_caller_are_errors() {
    let y = noise(10, 8);
    assert!(matches!(Design::of_columns(&y, &[&y[1..]]), Err(DesignError::Length { expected: 10, found: 9, .. })));
    let many = vec![y.as_slice(); 17];
    assert_eq!(Design::of_columns(&y, &many).expect_err("17 are too many"), DesignError::TooManyPredictors { found: 17 });
    let design = Design::of_columns(&y, &[&y]).expect("one length");
    assert!(bootstrap::importance(&design, Some(&[1, 2]), 1, 10).is_err());
}

#[test]
fn sixteen_predictors_are_decomposed_and_sum_to_r2() {
    let predictors: Vec<Vec<f64>> = (0..16).map(|seed| noise(300, 100 + seed)).collect();
    let y: Vec<f64> = (0..300).map(|row| predictors.iter().enumerate().map(|(j, x)| j as f64 * x[row]).sum()).collect();
    let slices: Vec<&[f64]> = predictors.iter().map(Vec::as_slice).collect();
    let found = decompose(&Design::of_columns(&y, &slices).expect("16 is allowed"));
    let sum: f64 = found.predictors.iter().filter_map(|p| p.lmg).sum();
    assert!((found.r2.expect("an R²") - 1.0).abs() < 1e-9 && (sum - 1.0).abs() < 1e-9);
    assert!(found.predictors[15].lmg > found.predictors[1].lmg);
}

#[test]
fn the_bootstrap_is_the_same_for_a_seed_and_starts_the_same() {
    let (y, x, z) = (noise(50, 9), noise(50, 10), noise(50, 11));
    let design = Design::of_columns(&y, &[&x, &z]).expect("one length");
    let of = |seed, replicates| bootstrap::importance(&design, None, seed, replicates).expect("no clusters").replicates;
    assert_eq!(of(7, 60), of(7, 60));
    assert_eq!(of(7, 60)[..20], of(7, 20)[..]);
    assert_ne!(of(7, 20), of(8, 20));
}

#[test]
fn resampling_people_widens_the_interval_when_their_rows_repeat() {
    let (y, x) = (noise(60, 12), noise(60, 13));
    let repeat = |values: &[f64]| -> Vec<f64> { values.iter().flat_map(|v| [*v; 9]).collect() };
    let (many_y, many_x) = (repeat(&y), repeat(&x));
    let person: Vec<u64> = (0..60).flat_map(|id| [1000 - id; 9]).collect();
    let design = Design::of_columns(&many_y, &[&many_x]).expect("one length");
    let width = |clusters: Option<&[u64]>| {
        let found = bootstrap::importance(&design, clusters, 3, 400).expect("matching ids");
        let (lower, upper) = found.interval(0.95, |r| Some(r.r2)).expect("400 replicates");
        upper - lower
    };
    assert!(width(Some(&person)) > 2.0 * width(None));
}

#[test]
fn the_order_of_rows_does_not_move_the_cluster_bootstrap() {
    let (y, x) = (noise(40, 14), noise(40, 15));
    let person: Vec<u64> = (0..40).map(|row| row % 13).collect();
    let turn = |mut values: Vec<f64>| {
        values.reverse();
        values
    };
    let back: Vec<u64> = person.iter().rev().copied().collect();
    let of = |y: &[f64], x: &[f64], ids: &[u64]| {
        let design = Design::of_columns(y, &[x]).expect("one length");
        bootstrap::importance(&design, Some(ids), 5, 30).expect("matching ids").replicates
    };
    for (a, b) in of(&y, &x, &person).iter().zip(&of(&turn(y.clone()), &turn(x.clone()), &back)) {
        assert!((a.r2 - b.r2).abs() < 1e-12);
    }
}

#[test]
fn a_tail_without_a_draw_has_no_interval() {
    assert_eq!(percentile_interval(&mut [0.0; 39], 0.95), None);
    assert_eq!(percentile_interval(&mut [0.0; 40], 0.95), Some((0.0, 0.0)));
    assert_eq!(percentile_interval(&mut [0.0; 400], 1.0), None);
}

#[test]
fn robust_errors_equal_a_hand_calculation() {
    // y = x + e by hand: x = 0,0,1,1, y = 1,3,2,6. Slope 2, residuals -1, 1, -2, 2, centred x ∓½.
    // HC1: Σ(x e)² = .25 (1 + 1 + 4 + 4) = 2.5; Sxx = 1; factor 4/3 · 3/2 = 2: se = sqrt(5). F = 4/5, df (1, 3).
    let fit = clustered(&[1.0, 3.0, 2.0, 6.0], &[&[0.0, 0.0, 1.0, 1.0]], None, 0.95).expect("one length");
    let slope = fit.slopes[0];
    assert!((slope.estimate.expect("a slope") - 2.0).abs() < 1e-12);
    // t(0.975, 3) = 3.182446305283708 (R qt)
    assert!((slope.upper.expect("an end") - (2.0 + 3.182_446_305_283_708 * 5.0_f64.sqrt())).abs() < 1e-10);
    // Student's t with 3 degrees of freedom has a closed form in θ = atan(t / sqrt(3)).
    let t: f64 = 0.8_f64.sqrt();
    let theta = (t / 3.0_f64.sqrt()).atan();
    let two_sided = 1.0 - 2.0 / std::f64::consts::PI * (theta + theta.sin() * theta.cos());
    assert!((fit.p_value.expect("a p-value") - two_sided).abs() < 1e-12);
}

#[test]
fn four_copies_of_a_person_are_one_person() {
    let (y, x) = (noise(30, 16), noise(30, 17));
    let repeat = |values: &[f64]| -> Vec<f64> { values.iter().flat_map(|v| [*v; 4]).collect() };
    let ids: Vec<u64> = (0..30).flat_map(|id| [id; 4]).collect();
    let (once, robust) = (
        clustered(&y, &[&x], None, 0.95).expect("one length"),
        clustered(&repeat(&y), &[&repeat(&x)], Some(&ids), 0.95).expect("one length"),
    );
    assert_eq!((robust.n, robust.clusters), (120, 30));
    let (a, b) = (once.p_value.expect("a p-value"), robust.p_value.expect("a p-value"));
    assert!((a - b).abs() < 0.02, "{a} {b}");
}

#[test]
fn regressions_that_cannot_be_tested_say_why() {
    let of = |y: &[f64], x: &[f64]| clustered(y, &[x], None, 0.95).expect("one length");
    assert_eq!(of(&[], &[]).reason, Some(Reason::NoRows));
    assert_eq!(of(&[1.0, 2.0], &[0.0, 1.0]).reason, Some(Reason::TooFewRows));
    assert_eq!(of(&[1.0; 5], &[0.0, 1.0, 2.0, 3.0, 4.0]).reason, Some(Reason::NoSpread));
    let perfect = of(&[0.0, 1.0, 2.0, 3.0], &[0.0, 1.0, 2.0, 3.0]);
    assert_eq!((perfect.p_value, perfect.reason), (None, Some(Reason::NoSpread)));
    let one_person = clustered(&noise(9, 1), &[&noise(9, 2)], Some(&[1; 9]), 0.95).expect("one length");
    assert_eq!((one_person.p_value, one_person.reason), (None, Some(Reason::TooFewRows)));
}

#[test]
fn means_that_have_no_interval_say_why() {
    let of = |values: &[f64]| mean(&values.iter().copied().collect(), 0.95);
    assert_eq!(of(&[]), Estimate::unknown(0, 0.95, Reason::NoRows));
    assert_eq!(of(&[5.0]), Estimate::point(5.0, 1, 0.95, Reason::TooFewRows));
    assert_eq!(of(&[5.0; 3]), Estimate::point(5.0, 3, 0.95, Reason::NoSpread));
    // R: t.test(c(1, 2, 3, 4, 10))$conf.int is -0.3897... to 8.3897...: 4 ± 2.776445105 · sqrt(12.5 / 5)
    let found = of(&[1.0, 2.0, 3.0, 4.0, 10.0]);
    let half = 2.776_445_105_197_793 * 2.5_f64.sqrt();
    assert!((found.upper.expect("an end") - (4.0 + half)).abs() < 1e-10);
    assert_eq!(mean(&Moments::default(), 1.0).reason, Some(Reason::BadLevel));
    let flat = [2.0; 4].into_iter().collect();
    assert_eq!(welch(&flat, &flat, 0.95).p_value, None, "never p = 1 where nothing can be tested");
}

#[test]
fn a_difference_needs_one_level_and_both_intervals() {
    let a = proportion(3, 10, 0.95, Proportion::Wilson);
    let b = proportion(3, 10, 0.90, Proportion::Wilson);
    assert_eq!(difference_of(&a, &b).reason, Some(Reason::BadInput));
    let alone = Estimate::point(0.2, 1, 0.95, Reason::TooFewRows);
    let found = difference_of(&a, &alone);
    assert_eq!((found.interval(), found.reason), (None, Some(Reason::TooFewRows)));
}

#[test]
fn associations_of_degenerate_columns_say_why() {
    let of = |x: &[f64], y: &[f64]| pearson(x, y, 0.95);
    assert_eq!(of(&[], &[]).correlation.reason, Some(Reason::NoRows));
    assert_eq!(of(&[1.0], &[1.0]).correlation.reason, Some(Reason::TooFewRows));
    assert_eq!(of(&[1.0, 2.0], &[2.0, 1.0]).p_value, None);
    assert_eq!(of(&[0.1; 9], &noise(9, 1)).correlation.reason, Some(Reason::NoSpread));
    let missing = [f64::NAN, 1.0, 2.0, 3.0, 4.0];
    assert_eq!(of(&missing, &[9.0, 1.0, 2.0, 3.0, 5.0]).correlation.n, 4);
    let ratio = correlation_ratio(&[Some(1), Some(1), Some(2), Some(2), None], &[1.0, 3.0, 5.0, 7.0, 9.0]);
    // Means 2 and 6 about 4: between 16, total 1 + 1 + 1 + 1 + 16 = 20; F = 16 / (4 / 2) = 8 on (1, 2).
    assert_eq!((ratio.n, ratio.categories, ratio.eta_squared), (4, 2, Some(0.8)));
    assert_eq!(correlation_ratio(&[Some(1), None], &[1.0, 2.0]).reason, Some(Reason::NoSpread));
    assert_eq!(mean_ranks(&[3.0, 1.0, 3.0, 2.0]), [3.5, 1.0, 3.5, 2.0]);
}

#[test]
fn quantiles_of_nothing_and_of_one() {
    assert_eq!(quantile(&[], 0.5, QuantileType::T7), None);
    assert_eq!(quantile(&[f64::NAN, 1.0], 0.5, QuantileType::T7), None);
    assert_eq!(quantile(&[2.0], 0.9, QuantileType::T7), Some(2.0));
    assert_eq!(quantile(&[1.0, 2.0], 1.5, QuantileType::T7), None);
}
