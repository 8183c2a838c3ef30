//! Comparing groups: figures against a slow, obvious reference, nothing found where nothing differs, and what was planted on top.

use std::collections::BTreeSet;

use clew_journey::{CaseOrder, CompareQuestion, Compared, Difference, Differences, Side, compare};
use clew_stats::dice::Dice;
use proptest::prelude::*;

const QUESTION: CompareQuestion = CompareQuestion {
    within_us: 10,
    observed_until_us: 30,
    min_cases: 1,
    variants: 1_000,
    level: 0.95,
    false_discovery_rate: 0.05,
    min_difference: 0.0,
};

/// (case, time, activity, side).
type Row = (u32, i64, u32, Side);

fn ask(rows: &[Row], question: &CompareQuestion) -> Differences {
    let case: Vec<u32> = rows.iter().map(|row| row.0).collect();
    let time_us: Vec<i64> = rows.iter().map(|row| row.1).collect();
    let order = CaseOrder::of(&case, &time_us);
    let time_us = order.arrange(&time_us);
    let activity = order.arrange(&rows.iter().map(|row| row.2).collect::<Vec<_>>());
    let side = order.arrange(&rows.iter().map(|row| row.3).collect::<Vec<_>>());
    compare(&order.traces(&time_us, &activity), &side, question)
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let side = prop::sample::select(vec![Side::A, Side::B, Side::Neither]);
    prop::collection::vec((0..40_u32, 0..30_i64, 0..3_u32, side), 200..400)
}

/// (cases with a trial, trials, successes) of a side, counted one by one.
fn slow(rows: &[Row], of: &Compared, own: Side) -> (u64, u64, u64) {
    let (mut trials, mut successes, mut with_trial) = (0, 0, 0);
    for case in 0..40 {
        let mut trace: Vec<&Row> = rows.iter().filter(|row| row.0 == case).collect();
        trace.sort_by_key(|row| row.1);
        let before = trials;
        for (at, event) in trace.iter().enumerate() {
            let observed = event.1 + 10 <= 30;
            let next = trace.get(at + 1).filter(|next| next.1 - event.1 <= 10).map(|next| next.2);
            match of {
                Compared::Transition { from, to } if event.2 == *from && event.3 == own && observed => {
                    trials += 1;
                    successes += u64::from(next == *to);
                }
                Compared::Step(step) if event.3 == own => {
                    trials += 1;
                    successes += u64::from(event.2 == *step);
                }
                Compared::Variant(variant) if at == 0 && event.3 == own && observed => {
                    let begins: Vec<u32> = trace.iter().filter(|other| other.1 - event.1 <= 10).map(|other| other.2).collect();
                    trials += 1;
                    successes += u64::from(begins == *variant);
                }
                _ => {}
            }
        }
        with_trial += u64::from(trials > before);
    }
    (with_trial, trials, successes)
}

fn first_waits(rows: &[Row], pair: (u32, u32), own: Side) -> Vec<f64> {
    let mut waits = Vec::new();
    for case in 0..40 {
        let mut trace: Vec<&Row> = rows.iter().filter(|row| row.0 == case).collect();
        trace.sort_by_key(|row| row.1);
        let fits = |two: &&[&Row]| (two[0].2, two[1].2, two[0].3) == (pair.0, pair.1, own) && two[0].1 + 10 <= 30;
        let first = trace.windows(2).filter(fits).map(|two| two[1].1 - two[0].1).find(|wait| *wait <= 10);
        waits.extend(first.map(|wait| wait as f64));
    }
    waits.sort_by(f64::total_cmp);
    waits
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn every_figure_is_that_of_counting_one_by_one(rows in rows()) {
        let answer = ask(&rows, &QUESTION);
        prop_assert!(!answer.differences.is_empty());
        let distinct: BTreeSet<&Compared> = answer.differences.iter().map(|difference| &difference.of).collect();
        prop_assert_eq!(distinct.len(), answer.differences.len());
        for difference in &answer.differences {
            if let Compared::Wait { from, to } = difference.of {
                let (a, b) = (first_waits(&rows, (from, to), Side::A), first_waits(&rows, (from, to), Side::B));
                prop_assert_eq!(difference.cases, (a.len() as u64, b.len() as u64));
                prop_assert_eq!(difference.a.estimate, clew_stats::rank::median(&a, 0.95).estimate);
                let longer: f64 = b.iter().flat_map(|y| a.iter().map(move |x| f64::from(u8::from(y > x)) - f64::from(u8::from(y < x)))).sum();
                prop_assert!((difference.effect - longer / a.len() as f64).abs() < 1e-9);
                continue;
            }
            let (a, b) = (slow(&rows, &difference.of, Side::A), slow(&rows, &difference.of, Side::B));
            prop_assert_eq!(difference.cases, (a.0, b.0));
            prop_assert_eq!(difference.a.estimate, Some(a.2 as f64 / a.1 as f64));
            prop_assert_eq!(difference.b.estimate, Some(b.2 as f64 / b.1 as f64));
            let gap = b.2 as f64 / b.1 as f64 - a.2 as f64 / a.1 as f64;
            prop_assert!((difference.difference.estimate.unwrap() - gap).abs() < 1e-12);
            prop_assert!((difference.effect - gap * b.0 as f64).abs() < 1e-9);
        }
    }

    #[test]
    fn changing_sides_changes_signs(rows in rows()) {
        let turned = |side| match side { Side::A => Side::B, Side::B => Side::A, Side::Neither => Side::Neither };
        let swapped: Vec<Row> = rows.iter().map(|row| (row.0, row.1, row.2, turned(row.3))).collect();
        let (one, other) = (ask(&rows, &QUESTION), ask(&swapped, &QUESTION));
        prop_assert_eq!(one.differences.len(), other.differences.len());
        let by_name = |answer: &Differences| {
            let mut list = answer.differences.clone();
            list.sort_by(|a, b| a.of.cmp(&b.of));
            list
        };
        for (x, y) in by_name(&one).iter().zip(by_name(&other)) {
            let close = |x: Option<f64>, y: Option<f64>| x.zip(y).is_none_or(|(x, y)| (x - y).abs() < 1e-9);
            prop_assert_eq!(&x.of, &y.of);
            prop_assert!(close(x.difference.estimate, y.difference.estimate.map(|gap| -gap)) && close(x.p_value, y.p_value));
        }
    }
}

/// Visits of shops by people of their own habits over 100 days: browse, perhaps a basket, a checkout that fails for a share,
/// and hours in between.
fn shop(seed: u64, people: u32, fails: impl Fn(i64) -> f64, slower: impl Fn(i64) -> f64) -> Vec<(u32, i64, u32)> {
    const HOUR: i64 = 3_600_000_000;
    let mut dice = Dice::new(seed);
    let mut rows = Vec::new();
    for person in 0..people {
        let (habit, eagerness) = (dice.share(), dice.share() * dice.share());
        let mut time = (dice.share() * 60.0 * 24.0) as i64 * HOUR;
        while time < 100 * 24 * HOUR {
            rows.push((person, time, 0));
            if dice.share() < 0.2 + 0.6 * habit {
                time += (dice.share() * 3.0 * HOUR as f64 * slower(time)) as i64;
                rows.push((person, time, 1));
                let failed = dice.share() < fails(time) * 2.0 * habit;
                time += (dice.share() * HOUR as f64) as i64;
                rows.push((person, time, if failed { 3 } else { 2 }));
            }
            time += ((1.0 - eagerness) * -20.0 * 24.0 * dice.share().max(1e-9).ln()) as i64 * HOUR + HOUR;
        }
    }
    rows.retain(|row| row.1 < 100 * 24 * HOUR);
    rows
}

const DAY: i64 = 86_400_000_000;
const SHOP: CompareQuestion = CompareQuestion {
    within_us: 7 * DAY,
    observed_until_us: 100 * DAY,
    min_cases: 30,
    variants: 20,
    level: 0.95,
    false_discovery_rate: 0.05,
    min_difference: 0.0,
};

fn before_and_after(rows: &[(u32, i64, u32)], day: i64) -> Vec<Row> {
    let side = |time| if time < day * DAY { Side::A } else { Side::B };
    rows.iter().map(|row| (row.0, row.1, row.2, side(row.1))).collect()
}

#[test]
fn where_nothing_changed_hardly_a_run_in_twenty_finds_something() {
    // The second side is a third as long, people differ in how often they come and what they do, and the log ends.
    let runs = 200;
    let found = (0..runs).filter(|seed| {
        let rows = before_and_after(&shop(*seed, 800, |_| 0.15, |_| 1.0), 75);
        let answer = ask(&rows, &SHOP);
        assert!(answer.tests > 15, "{} tests", answer.tests);
        answer.differences.iter().any(|difference| difference.found)
    });
    let found = found.count();
    assert!(found <= 18, "{found} of {runs} runs found something");
}

#[test]
fn random_groups_of_people_do_not_differ() {
    let found = (0..200).filter(|seed| {
        let group = |person: u32| if clew_stats::dice::mix(u64::from(person)).is_multiple_of(3) { Side::A } else { Side::B };
        let rows: Vec<Row> = shop(*seed, 800, |_| 0.15, |_| 1.0).iter().map(|row| (row.0, row.1, row.2, group(row.0))).collect();
        ask(&rows, &SHOP).differences.iter().any(|difference| difference.found)
    });
    let found = found.count();
    assert!(found <= 18, "{found} of 200 runs found something");
}

#[test]
fn a_checkout_that_fails_more_often_is_on_top() {
    for seed in 0..10 {
        let rows = before_and_after(&shop(seed, 3_000, |time| if time < 75 * DAY { 0.15 } else { 0.35 }, |_| 1.0), 75);
        let answer = ask(&rows, &SHOP);
        let first: &Difference = &answer.differences[0];
        let broken = [Some(2), Some(3)].map(|to| Compared::Transition { from: 1, to });
        assert!(first.found && broken.contains(&first.of), "{first:?}");
        assert!(first.difference.interval().is_some_and(|(lower, upper)| lower * upper > 0.0));
    }
}

#[test]
fn a_wait_that_grew_is_found_with_its_size() {
    let rows = before_and_after(&shop(5, 3_000, |_| 0.15, |time| if time < 75 * DAY { 1.0 } else { 1.5 }), 75);
    let answer = ask(&rows, &SHOP);
    let wait = answer.differences.iter().find(|difference| difference.of == Compared::Wait { from: 0, to: 1 }).unwrap();
    assert!(wait.found && wait.effect > 0.0);
    // Medians of 1.5 and 2.25 hours.
    assert!(wait.difference.covers(0.75 * 3_600e6).unwrap(), "{wait:?}");
    let rates = |difference: &&Difference| difference.found && matches!(difference.of, Compared::Transition { .. });
    assert_eq!(answer.differences.iter().filter(rates).count(), 0);
}

#[test]
fn nothing_and_one_side_are_no_differences() {
    assert_eq!(ask(&[], &SHOP), Differences::default());
    let answer = ask(&[(0, 0, 0, Side::A), (0, 1, 1, Side::A)], &QUESTION);
    assert_eq!((answer.cases, answer.events, answer.tests, answer.differences.len()), ((1, 0), (2, 0), 0, 0));
}
