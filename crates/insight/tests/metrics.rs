//! Definitions, tallies, changes and the Pareto order, with values by hand or from published data.
#![allow(clippy::unwrap_used, reason = "a test")]

use clew_insight::change::{Verdict, compare};
use clew_insight::metric::{Kind, MeanTally, Metric, NpsTally, Period, Scale, ShareTally, Tally, TopBox};
use clew_insight::pareto;
use clew_stats::Reason;
use proptest::prelude::*;

fn metric(json: &str) -> Metric {
    serde_json::from_str(json).expect("a definition")
}

fn fields(json: &str) -> Vec<&'static str> {
    metric(json).problems().into_iter().map(|(field, _)| field).collect()
}

#[test]
fn a_definition_needs_a_name_and_a_kind_and_has_the_fields_usual_defaults() {
    let nps = metric(r#"{"name": "nps", "kind": "nps"}"#);
    assert_eq!((nps.period, nps.level, nps.respondent.as_str()), (Period::Month, 0.95, "customer"));
    assert_eq!(nps.scale(), Scale { min: 0.0, max: 10.0 });
    let csat = metric(r#"{"name": "csat", "kind": "csat", "survey": "review", "slices": ["region"], "period": "week"}"#);
    assert_eq!((csat.scale(), csat.top_box().from_score()), (Scale { min: 1.0, max: 5.0 }, 4.0));
    assert_eq!(metric(r#"{"name": "c", "kind": "csat", "scale_max": 7}"#).top_box(), TopBox::csat(7.0));
    assert_eq!(metric(r#"{"name": "e", "kind": "ces"}"#).scale(), Scale { min: 1.0, max: 7.0 });
    assert_eq!(metric(r#"{"name": "s", "kind": "share"}"#).top_box(), TopBox { scale: Scale::BOOLEAN, boxes: 1 });
    for sound in [&nps, &csat] {
        assert_eq!(sound.problems(), vec![]);
    }
    assert!(serde_json::from_str::<Metric>(r#"{"name": "n", "kind": "nps", "quesiton": "q"}"#).is_err());
}

#[test]
fn a_driver_search_names_families_by_name_or_prefix() {
    let search = metric(
        r#"{"name": "csat", "kind": "csat", "drivers": {"families": {"promise": ["late", "days_*"]}, "exclude": ["review.*"]}}"#,
    );
    let search = search.drivers.expect("it was given");
    assert_eq!(search.family_of("days_late"), Some("promise"));
    assert_eq!((search.family_of("late"), search.family_of("latest")), (Some("promise"), None));
    assert!(search.excludes("review.invited") && !search.excludes("review"));
}

#[test]
fn each_problem_of_a_definition_names_its_field() {
    assert_eq!(fields(r#"{"name": " ", "kind": "nps", "level": 95}"#), ["name", "level"]);
    assert_eq!(fields(r#"{"name": "n", "kind": "nps", "scale_max": 5}"#), ["scale_max"]);
    assert_eq!(fields(r#"{"name": "n", "kind": "nps", "target": 50}"#), ["target"]);
    assert_eq!(fields(r#"{"name": "n", "kind": "csat", "top_box": 5}"#), ["top_box"]);
    assert_eq!(fields(r#"{"name": "n", "kind": "ces", "top_box": 2}"#), ["top_box"]);
    assert_eq!(fields(r#"{"name": "n", "kind": "mean"}"#), ["scale_max"]);
    assert_eq!(fields(r#"{"name": "n", "kind": "share", "scale_min": 1, "scale_max": 1}"#), ["scale_max", "top_box"]);
}

#[test]
fn a_score_outside_the_scale_is_counted_and_enters_nothing() {
    let mut tally = NpsTally::default();
    for score in [10.0, 9.0, 8.0, 7.0, 6.0, 0.0, -1.0, 11.0, 8.5, f64::NAN, f64::INFINITY] {
        tally.push(score);
    }
    assert_eq!(tally, NpsTally { promoters: 2, passives: 2, detractors: 2, out_of_scale: 5 });
    assert_eq!((tally.estimate(0.95).estimate, tally.estimate(0.95).n), (Some(0.0), 6));

    let mut csat = ShareTally::default();
    for score in [5.0, 4.0, 4.5, 3.5, 3.0, 1.0, 0.0, 6.0] {
        csat.push(score, TopBox::csat(5.0));
    }
    assert_eq!(csat, ShareTally { top: 3, n: 6, out_of_scale: 2 });

    let mut ces = MeanTally::default();
    for score in [7.0, 1.0, 0.0, 8.0] {
        ces.push(score, Scale::CES);
    }
    assert_eq!((ces.estimate(0.95).estimate, ces.out_of_scale), (Some(4.0), 2));
}

#[test]
fn no_answers_are_null_and_not_zero() {
    for kind in [Kind::Nps, Kind::Csat, Kind::Ces, Kind::Mean, Kind::Share] {
        let metric = Metric { kind, ..metric(r#"{"name": "m", "kind": "nps", "scale_min": 1, "scale_max": 5}"#) };
        let mut tally = metric.tally();
        metric.push(&mut tally, 99.0);
        let found = tally.estimate(0.95);
        assert_eq!((found.estimate, found.interval(), found.reason), (None, None, Some(Reason::NoRows)), "{kind:?}");
        assert_eq!((tally.n(), tally.out_of_scale()), (0, 1));
    }
}

/// Interval values: R 4.2.2 by the formulas of Wilson and of Bonett & Price, the same as in `clew-stats`.
#[test]
fn estimates_have_the_intervals_that_the_kind_names() {
    let nps = Tally::Nps(NpsTally { promoters: 15, passives: 18, detractors: 3, out_of_scale: 0 }).estimate(0.95);
    assert!((nps.lower.expect("an end") - 0.107_882_077_128_067).abs() < 1e-12);
    assert!((nps.upper.expect("an end") - 0.507_502_538_256_548).abs() < 1e-12);
    let csat = Tally::Share(ShareTally { top: 15, n: 50, out_of_scale: 0 }).estimate(0.95);
    assert!((csat.lower.expect("an end") - 0.191_035_535_008_809).abs() < 1e-12);
}

#[test]
fn a_change_is_up_down_unclear_or_not_comparable() {
    let share = |top, n| Tally::Share(ShareTally { top, n, out_of_scale: 0 });
    let verdict = |now: &Tally, before: &Tally| compare(now, before, 0.95).verdict;
    assert_eq!(verdict(&share(900, 1000), &share(800, 1000)), Verdict::Up);
    assert_eq!(verdict(&share(800, 1000), &share(900, 1000)), Verdict::Down);
    assert_eq!(verdict(&share(9, 10), &share(8, 10)), Verdict::Unclear);
    assert_eq!(verdict(&share(9, 10), &share(0, 0)), Verdict::NotComparable);
    let nps = |promoters, detractors| Tally::Nps(NpsTally { promoters, passives: 100, detractors, out_of_scale: 0 });
    assert_eq!(verdict(&nps(300, 100), &nps(200, 200)), Verdict::Up);
    assert_eq!(verdict(&nps(300, 100), &share(1, 2)), Verdict::NotComparable);
    let mean = |scores: &[f64]| {
        let mut tally = MeanTally::default();
        for score in scores {
            tally.push(*score, Scale::CES);
        }
        Tally::Mean(tally)
    };
    assert_eq!(verdict(&mean(&[6.0, 7.0, 6.0, 7.0]), &mean(&[2.0, 3.0, 2.0, 3.0])), Verdict::Up);
    assert_eq!(compare(&mean(&[6.0]), &mean(&[2.0, 3.0]), 0.95).difference.reason, Some(Reason::TooFewRows));
}

#[test]
fn the_pareto_order_is_cumulative_and_stops_leading_at_its_reach() {
    let found = pareto::order(&[1.0, 5.0, 3.0, 1.0], 0.8);
    let of = |read: fn(&pareto::Place) -> f64| found.iter().map(read).collect::<Vec<_>>();
    assert_eq!(found.iter().map(|place| place.index).collect::<Vec<_>>(), [1, 2, 0, 3]);
    assert_eq!(of(|place| place.share), [0.5, 0.3, 0.1, 0.1]);
    assert_eq!(of(|place| f64::from(place.leads)), [1.0, 1.0, 0.0, 0.0]);
    assert!((found[3].cumulative - 1.0).abs() < 1e-12);
    assert!(pareto::order(&[0.0, f64::NAN, -1.0], 0.8).iter().all(|place| !place.leads && place.share == 0.0));
    assert!(pareto::order(&[], 0.8).is_empty());
}

proptest! {
    #[test]
    fn tallies_merge_to_the_tally_of_the_whole(
        scores in prop::collection::vec(prop_oneof![(-2_i8..=12).prop_map(f64::from), Just(f64::NAN), Just(4.5)], 0..60),
        cut in 0_usize..60,
        kind in prop_oneof![Just(Kind::Nps), Just(Kind::Csat), Just(Kind::Ces), Just(Kind::Share)],
    ) {
        let metric = Metric { kind, ..metric(r#"{"name": "m", "kind": "nps"}"#) };
        let tally = |scores: &[f64]| {
            let mut tally = metric.tally();
            for score in scores {
                metric.push(&mut tally, *score);
            }
            tally
        };
        let cut = cut.min(scores.len());
        let (mut first, second) = (tally(&scores[..cut]), tally(&scores[cut..]));
        prop_assert!(first.merge(&second));
        prop_assert_eq!(first, tally(&scores));
        prop_assert_eq!(first.n() + first.out_of_scale(), scores.len() as u64);
    }
}
