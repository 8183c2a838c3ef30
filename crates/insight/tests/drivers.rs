//! Drivers with a known truth: what was planted is found in its order, what was not is not, and every refusal has its reason.
#![allow(clippy::unwrap_used, reason = "a test")]

use clew_insight::candidates::{Candidate, NONE, Values};
use clew_insight::drivers::{Contrast, Driver, DriverError, DriverKind, Drivers, Input, NotRanked, Options, ScreenReason, rank};
use clew_stats::Reason;

/// Uniform noise on 0..1 from a seed (SplitMix64: Steele, Lea & Flood 2014).
fn noise(rows: usize, seed: u64) -> Vec<f64> {
    let mut state = seed.wrapping_mul(0x5851_F42D_4C95_7F2D);
    let mut next = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    };
    (0..rows).map(|_| next()).collect()
}

fn candidate(name: &str, family: &str, values: Values) -> Candidate {
    Candidate { name: name.to_owned(), family: family.to_owned(), values }
}

fn numeric(name: &str, values: Vec<f64>) -> Candidate {
    candidate(name, name, Values::Numeric(values))
}

const ROWS: usize = 1200;

/// A shop: late orders lose two points, each day of lateness a little more, a region half a point; waiting and luck do nothing.
struct Shop {
    score: Vec<f64>,
    people: Vec<u64>,
    candidates: Vec<Candidate>,
}

impl Shop {
    fn new(seed: u64) -> Self {
        let (luck, error, place, when) = (noise(ROWS, seed), noise(ROWS, seed + 1), noise(ROWS, seed + 2), noise(ROWS, seed + 3));
        let late: Vec<bool> = when.iter().map(|u| *u < 0.15).collect();
        let days: Vec<f64> = when.iter().map(|u| if *u < 0.15 { 1.0 + (u * 100.0).floor() } else { 0.0 }).collect();
        let region: Vec<u32> = place.iter().map(|u| if *u < 0.1 { 2 } else { u32::from(*u < 0.5) }).collect();
        let score = (0..ROWS)
            .map(|row| {
                let lost = if late[row] { 2.0 + 0.05 * days[row] } else { 0.0 };
                5.0 - lost - if region[row] == 2 { 0.8 } else { 0.0 } + 2.0 * (error[row] - 0.5)
            })
            .collect();
        let levels = ["north", "south", "west"].map(str::to_owned).to_vec();
        let promise = "broken promise";
        let candidates = vec![
            candidate("days_late", promise, Values::Numeric(days)),
            candidate("late", promise, Values::Boolean(late)),
            numeric("luck", luck),
            candidate("region", "region", Values::Category { levels, codes: region }),
        ];
        Self { score, people: (0..ROWS as u64).collect(), candidates }
    }

    fn rank(&self, options: &Options) -> Drivers {
        let input = Input { outcome: &self.score, people: &self.people, candidates: &self.candidates };
        rank(&input, options).expect("a sound input")
    }
}

fn named<'a>(drivers: &'a Drivers, name: &str) -> &'a Driver {
    drivers.ranked.iter().find(|driver| driver.name == name).expect("the driver is ranked")
}

#[test]
fn planted_drivers_are_found_in_their_order_and_luck_is_not_vital() {
    for seed in [10, 20, 30] {
        let found = Shop::new(seed).rank(&Options { seed, replicates: 200, ..Options::default() });
        let families: Vec<&str> = found.families.iter().map(|family| family.family.as_str()).collect();
        assert_eq!(families, ["broken promise", "region", "luck"]);
        assert_eq!(found.families[0].drivers.len(), 2);
        assert!(found.families[0].vital_few && !found.families[2].vital_few);
        assert!(!named(&found, "luck").vital_few);
        assert!(named(&found, "luck").p_adjusted > Some(0.01));

        let late = named(&found, "late");
        assert_eq!((late.kind, late.n), (DriverKind::Boolean, ROWS as u64));
        let effect = late.effect.as_ref().expect("an effect");
        assert_eq!(effect.contrast, Contrast::AbsentPresent);
        let points = effect.points.estimate.expect("points");
        assert!((-2.8..-2.0).contains(&points), "planted about -2.4, found {points}");
        assert!(late.correlation < Some(-0.5));
        assert!(late.performance.and_then(|share| share.covers(0.15)) == Some(true));
        let region = named(&found, "region");
        assert_eq!((region.coefficient, region.performance), (None, None));
        let contrast = &region.effect.as_ref().expect("an effect").contrast;
        assert!(matches!(contrast, Contrast::Levels { from, .. } if from == "west"), "{contrast:?}");
    }
}

#[test]
fn importance_sums_to_r2_and_shares_to_one() {
    let found = Shop::new(1).rank(&Options { replicates: 100, ..Options::default() });
    let r2 = found.r2.estimate.expect("an R²");
    let sum = |read: fn(&Driver) -> Option<f64>| found.ranked.iter().filter_map(read).sum::<f64>();
    assert!((sum(|driver| driver.importance.estimate) - r2).abs() < 1e-10);
    assert!((sum(|driver| driver.share.estimate) - 1.0).abs() < 1e-10);
    assert!((found.ranked.last().expect("four").cumulative - 1.0).abs() < 1e-10);
    let family: f64 = found.families.iter().filter_map(|family| family.importance.estimate).sum();
    assert!((family - r2).abs() < 1e-10);
    for driver in &found.ranked {
        let (lower, upper) = driver.importance.interval().expect("100 replicates");
        let value = driver.importance.estimate.expect("a value");
        assert!(lower <= upper && 0.0 <= lower && (lower - 0.05..upper + 0.05).contains(&value));
    }
    let promise = &found.families[0];
    let (lower, upper) = promise.importance.interval().expect("an interval of the sum");
    assert!(lower <= promise.importance.estimate.expect("a sum") && promise.importance.estimate.expect("a sum") <= upper);
}

#[test]
fn the_same_seed_gives_the_same_ranking_in_any_order_of_answers() {
    let shop = Shop::new(2);
    let options = Options { seed: 9, replicates: 60, ..Options::default() };
    let found = shop.rank(&options);
    assert_eq!(found, shop.rank(&options));
    let back = |values: &[f64]| values.iter().rev().copied().collect::<Vec<_>>();
    let turned = Shop {
        score: back(&shop.score),
        people: shop.people.iter().rev().copied().collect(),
        candidates: shop
            .candidates
            .iter()
            .map(|c| {
                let values = match &c.values {
                    Values::Numeric(values) => Values::Numeric(back(values)),
                    Values::Boolean(values) => Values::Boolean(values.iter().rev().copied().collect()),
                    Values::Category { levels, codes } => {
                        Values::Category { levels: levels.clone(), codes: codes.iter().rev().copied().collect() }
                    }
                };
                Candidate { values, ..c.clone() }
            })
            .collect(),
    };
    for (a, b) in found.ranked.iter().zip(&turned.rank(&options).ranked) {
        assert_eq!(a.name, b.name);
        let (a, b) = (a.importance.interval().expect("60"), b.importance.interval().expect("60"));
        assert!((a.0 - b.0).abs() < 1e-9 && (a.1 - b.1).abs() < 1e-9);
    }
}

#[test]
fn what_is_screened_out_is_listed_with_its_reason() {
    let mut shop = Shop::new(3);
    let few: Vec<f64> = (0..ROWS).map(|row| if row < 5 { row as f64 } else { f64::NAN }).collect();
    let Values::Numeric(days) = shop.candidates[0].values.clone() else { panic!("days are numbers") };
    shop.candidates.extend([
        numeric("answered_five", few),
        numeric("constant", vec![7.0; ROWS]),
        numeric("hours_late", days.iter().map(|days| days * 24.0).collect()),
        candidate("once", "once", Values::Boolean((0..ROWS).map(|row| row == 3).collect())),
        candidate(
            "all_different",
            "ids",
            Values::Category { levels: (0..ROWS).map(|row| row.to_string()).collect(), codes: (0..ROWS as u32).collect() },
        ),
        candidate("empty", "empty", Values::Category { levels: vec![], codes: vec![NONE; ROWS] }),
    ]);
    let found = shop.rank(&Options { max_drivers: 3, replicates: 40, ..Options::default() });
    let reasons: Vec<(&str, &ScreenReason)> = found.screened.iter().map(|s| (s.name.as_str(), &s.reason)).collect();
    assert_eq!(
        reasons,
        [
            ("luck", &ScreenReason::Weak { place: 4 }),
            ("answered_five", &ScreenReason::TooFew { found: 5, needed: 20 }),
            ("constant", &ScreenReason::Constant),
            ("hours_late", &ScreenReason::SameAs { name: "days_late".to_owned() }),
            ("once", &ScreenReason::TooFew { found: 1, needed: 20 }),
            ("all_different", &ScreenReason::TooFew { found: ROWS - 1, needed: 20 }),
            ("empty", &ScreenReason::TooFew { found: 0, needed: 20 }),
        ]
    );
    assert!(found.screened[0].adjusted_r2.is_some() && found.screened[0].p_adjusted.is_some());
    assert_eq!(found.ranked.len(), 3);
}

#[test]
fn a_missing_value_keeps_the_answer_and_may_itself_be_the_driver() {
    // Who has no delivery has no delay, and is unhappy; the delay itself does nothing.
    let (delay, error) = (noise(ROWS, 50), noise(ROWS, 51));
    let missing = |row: usize| row.is_multiple_of(4);
    let score: Vec<f64> = (0..ROWS).map(|row| f64::from(missing(row)) * -2.0 + error[row]).collect();
    let values = (0..ROWS).map(|row| if missing(row) { f64::NAN } else { delay[row] }).collect();
    let people: Vec<u64> = (0..ROWS as u64).collect();
    let candidates = [numeric("delay", values)];
    let found =
        rank(&Input { outcome: &score, people: &people, candidates: &candidates }, &Options::default()).expect("a sound input");
    assert_eq!(found.n, ROWS as u64);
    let driver = &found.ranked[0];
    assert_eq!(driver.n, ROWS as u64 * 3 / 4);
    assert!(found.r2.estimate > Some(0.8) && driver.correlation.expect("a correlation").abs() < 0.1);
}

#[test]
fn many_answers_of_few_people_are_not_many_people() {
    let (score, value) = (noise(30, 60), noise(30, 61));
    let repeat = |values: &[f64]| values.iter().flat_map(|v| [*v; 40]).collect::<Vec<_>>();
    let (many_scores, many_values) = (repeat(&score), repeat(&value));
    let people: Vec<u64> = (0..30).flat_map(|id| [id; 40]).collect();
    let alone: Vec<u64> = (0..1200).collect();
    let candidates = [numeric("x", many_values)];
    let p = |people: &[u64]| {
        let input = Input { outcome: &many_scores, people, candidates: &candidates };
        let found = rank(&input, &Options { replicates: 200, ..Options::default() }).expect("a sound input");
        let (lower, upper) = found.r2.interval().expect("200 replicates");
        (found.ranked[0].p_value.expect("a p-value"), upper - lower, found.people)
    };
    let (clustered, naive) = (p(&people), p(&alone));
    assert_eq!((clustered.2, naive.2), (30, 1200));
    assert!(clustered.0 > naive.0 && clustered.1 > 2.0 * naive.1, "{clustered:?} {naive:?}");
}

#[test]
fn nothing_to_rank_has_a_reason() {
    let of = |score: &[f64], candidates: &[Candidate]| {
        let people: Vec<u64> = (0..score.len() as u64).collect();
        let found = rank(&Input { outcome: score, people: &people, candidates }, &Options::default());
        let found = found.expect("a sound input");
        assert!(found.ranked.is_empty() && found.r2.estimate.is_none());
        (found.not_ranked, found.r2.reason)
    };
    assert_eq!(of(&[], &[]), (Some(NotRanked::NoAnswers), Some(Reason::NoRows)));
    assert_eq!(of(&[f64::NAN; 80], &[]), (Some(NotRanked::NoAnswers), Some(Reason::NoRows)));
    assert_eq!(of(&[1.0, 2.0], &[]), (Some(NotRanked::TooFewAnswers), Some(Reason::TooFewRows)));
    assert_eq!(of(&[4.0; 80], &[]), (Some(NotRanked::ConstantScore), Some(Reason::NoSpread)));
    let flat = [numeric("flat", vec![1.0; 80])];
    assert_eq!(of(&noise(80, 70), &flat), (Some(NotRanked::NoCandidates), Some(Reason::TooFewRows)));
}

#[test]
fn mistakes_of_the_caller_are_errors() {
    let (score, people) = (noise(60, 80), (0..60).collect::<Vec<u64>>());
    let of = |candidates: &[Candidate], options: Options| {
        rank(&Input { outcome: &score, people: &people, candidates }, &options).expect_err("a mistake")
    };
    let x = numeric("x", noise(60, 81));
    assert_eq!(of(&[x.clone(), x.clone()], Options::default()), DriverError::DuplicateName { name: "x".to_owned() });
    let short = numeric("short", vec![0.0; 59]);
    assert!(matches!(of(&[short], Options::default()), DriverError::Length { expected: 60, found: 59, .. }));
    let unknown = candidate("c", "c", Values::Category { levels: vec!["a".to_owned()], codes: vec![1; 60] });
    assert!(matches!(of(&[unknown], Options::default()), DriverError::UnknownLevel { code: 1, levels: 1, .. }));
    let wide = Options { max_drivers: 17, ..Options::default() };
    assert_eq!(of(&[x], wide), DriverError::Option { option: "max_drivers", range: "1 to 16" });
}
