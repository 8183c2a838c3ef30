//! What a log answers is held against counting by hand, and against the people that it names.

use arrow::array::{ArrayRef, RecordBatch};
use proptest::prelude::*;
use std::sync::Arc;

use super::compare::Split;
use super::*;
use crate::columns::times;
use crate::plain_log::{Order, Ties, Within};

/// Microseconds of an hour.
const HOUR: i64 = 3_600_000_000;
const NAMES: [&str; 4] = ["view", "cart", "order", "call"];
const CHANNELS: [&str; 2] = ["web", "phone"];

/// An event: hour, activity, channel.
type Event = (i64, usize, usize);

/// The log of people with these events each.
fn log(people: &[Vec<Event>], cases: Cases) -> PeopleLog {
    let mut builder = Builder::default();
    for (number, events) in people.iter().enumerate() {
        let mut events = events.clone();
        events.sort_by_key(|event| event.0);
        let text = |of: &dyn Fn(&Event) -> Option<String>| Arc::new(StringArray::from_iter(events.iter().map(of))) as ArrayRef;
        let batch = RecordBatch::try_from_iter_with_nullable([
            ("person_id", text(&|_| Some(PersonId(number as u64).to_string())), true),
            ("journey_id", text(&|event| (cases != Cases::People).then(|| format!("j{}", event.0 / 24))), true),
            ("name", text(&|event| Some(NAMES[event.1].to_owned())), true),
            ("channel", text(&|event| Some(CHANNELS[event.2].to_owned())), true),
            ("team", text(&|event| (event.1 == 3).then(|| CHANNELS[event.2].to_owned())), true),
            ("occurred_at", Arc::new(times(events.iter().map(|event| Some(event.0 * HOUR)))) as ArrayRef, true),
        ]);
        // Two batches, so that a case goes over their border.
        let batch = batch.unwrap();
        let half = batch.num_rows() / 2;
        builder.add(&Columns(&batch.slice(0, half))).unwrap();
        builder.add(&Columns(&batch.slice(half, batch.num_rows() - half))).unwrap();
    }
    builder.finish(cases)
}

fn asked(steps: &[&str], hours: u32) -> FunnelAsked {
    FunnelAsked {
        steps: steps.iter().map(|step| (*step).to_owned()).collect(),
        exclude: Vec::new(),
        window: format!("{hours}h").parse().unwrap(),
        order: Order::Ordered,
        within: Within::Whole,
        ties: Ties::Together,
    }
}

#[test]
fn a_case_is_a_person_or_a_journey_and_the_filter_narrows_it() {
    let people = [vec![(0, 0, 0), (1, 1, 0), (30, 2, 1)], vec![(2, 0, 0)], vec![]];
    let of_people = log(&people, Cases::People);
    let all = Selection::default();
    assert_eq!((of_people.process(&all, 1).unwrap().cases, of_people.people(&all), of_people.events()), (2, 2, 4));
    let of_journeys = log(&people, Cases::Journeys("day".into()));
    assert_eq!((of_journeys.process(&all, 1).unwrap().cases, of_journeys.people(&all)), (3, 2));
    let first_day = Selection { period_us: Some((0, 24 * HOUR)), ..Selection::default() };
    assert_eq!(of_people.process(&first_day, 1).unwrap().events, 3, "of people, the events of the period count");
    let second_day = Selection { period_us: Some((24 * HOUR, 48 * HOUR)), ..Selection::default() };
    assert_eq!(of_people.retention(&second_day, (Period::Day, "UTC"), &[], 1).unwrap().cohorts.len(), 0, "nobody began then");
    assert_eq!(of_journeys.process(&second_day, 1).unwrap().cases, 1);
    let phone = Selection { channel: Some("phone".into()), ..Selection::default() };
    assert_eq!((of_people.process(&phone, 1).unwrap().events, of_journeys.process(&phone, 1).unwrap().events), (3, 1));
    let nowhere = Selection { channel: Some("store".into()), ..Selection::default() };
    assert_eq!(of_people.people(&nowhere), 0);
    assert_eq!(of_people.usual_channels()["order"], "phone");
    assert_eq!(of_people.activities()[0], ("view", 2));
    assert_eq!(of_journeys.reach(), [("view", 2), ("cart", 1), ("order", 1)]);
}

#[test]
fn who_stopped_did_something_next_or_nothing() {
    let people = [vec![(0, 0, 0), (1, 3, 0)], vec![(0, 0, 0), (5, 0, 0)], vec![(0, 0, 1), (1, 1, 0)], vec![(0, 1, 0)]];
    let log = log(&people, Cases::People);
    let (report, next) = log.funnel(&Selection::default(), &asked(&["view", "cart"], 2), Some(&Grouping::Channel)).unwrap();
    assert_eq!(report.all.reached_exactly, [1, 2, 1]);
    let of = |activity: Option<&str>| Next { activity: activity.map(str::to_owned), people: 1 };
    assert_eq!(next, [vec![of(None), of(Some("call"))], vec![]]);
    let groups: Vec<(Option<&str>, u64)> =
        report.groups.iter().map(|group| (group.group.as_deref(), group.rows.people)).collect();
    assert_eq!(groups, [(Some("web"), 3), (Some("phone"), 1)]);
    assert!(log.funnel(&Selection::default(), &asked(&["none"], 2), None).is_err());
}

#[test]
fn friction_takes_its_parts_by_name_and_teams_are_told() {
    let people = [vec![(0, 3, 0), (1, 3, 1), (2, 2, 0)], vec![(0, 0, 0), (1, 1, 0)]];
    let log = log(&people, Cases::People);
    let asked = FrictionAsked {
        contacts: vec!["call".into()],
        failures: vec!["cart".into()],
        repeat_within: "1d".parse().unwrap(),
        episode_gap: "1d".parse().unwrap(),
        silence: "30d".parse().unwrap(),
        long_wait_percentile: 90,
    };
    let found = log.friction(&Selection::default(), &asked, &[Some(5.0), None], 10).unwrap();
    let told: Vec<_> =
        found.findings.iter().map(|found| (found.kind.as_str(), found.from.as_str(), found.to.as_deref(), found.value)).collect();
    assert!(told.contains(&("failure", "cart", None, None)), "{told:?}");
    assert!(told.contains(&("transfer", "web", Some("phone"), Some(5.0))), "{told:?}");
    assert!(told.contains(&("channel_switch", "web", Some("phone"), Some(5.0))), "{told:?}");
    assert_eq!(told[0].0, "failure", "what went wrong by itself comes first");
    let names = |name: &str| log.find(name).unwrap();
    assert!(log.usual_failures().is_empty() && log.usual_contacts().is_empty());
    assert!(log.friction(&Selection::default(), &FrictionAsked { failures: vec!["x".into()], ..asked }, &[], 10).is_err());
    assert!(names("call") < names("view"));
}

#[test]
fn two_sides_differ_where_they_do() {
    // Of forty people, those of the first half go on from view to cart, the others to order.
    let people: Vec<Vec<Event>> =
        (0..80).map(|n| vec![(n, 0, usize::from(n >= 40)), (n + 1, if n < 40 { 1 } else { 2 }, 0), (500, 3, 0)]).collect();
    let log = log(&people, Cases::People);
    let hours = |hours: u32| format!("{hours}h").parse().unwrap();
    for split in [
        Split::At(40 * HOUR),
        Split::Channel("phone".into()),
        Split::People(Segment((0..80).map(|n| n < 40).collect()), Segment((0..80).map(|n| n >= 40).collect())),
    ] {
        let (found, named) = log.compare(&Selection::default(), &split, hours(24));
        assert!(found.cases.0 >= 40 && found.cases.1 >= 40, "{found:?}");
        let top = &named[0];
        assert!(top.difference.found && top.activities[0] == "view" && top.kind == "transition", "{top:?}");
        assert!(top.difference.effect.abs() > 30.0);
    }
    let (found, _) = log.compare(&Selection::default(), &Split::Channel("store".into()), hours(24));
    assert_eq!((found.cases.1, found.differences.iter().filter(|one| one.found).count()), (0, 0));
}

#[test]
fn a_segment_is_told_apart_from_those_without_a_value() {
    let people = [vec![(0, 0, 0)], vec![(0, 0, 0), (1, 1, 0)], vec![(0, 0, 0)]];
    let log = log(&people, Cases::People);
    let values = Values { of_person: vec![0, 1, NONE], values: vec!["north".into(), "south".into()] };
    let south = Selection { people: Some(values.segment("south")), ..Selection::default() };
    assert_eq!((log.people(&south), log.people(&Selection { people: Some(values.segment("x")), ..south.clone() })), (1, 0));
    let grouping = Grouping::People(values);
    let (report, _) = log.funnel(&Selection::default(), &asked(&["view", "cart"], 2), Some(&grouping)).unwrap();
    let reached: Vec<_> = report.groups.iter().map(|group| (group.group.as_deref(), group.rows.steps[1].people)).collect();
    assert_eq!(reached, [(None, 0), (Some("north"), 0), (Some("south"), 1)]);
    for (name, expected) in [(None, 2), (Some("south".to_owned()), 1)] {
        let wanted = FunnelCell { steps: 1, stopped: false, group: Some((grouping.clone(), name)) };
        let cell = Cell::Funnel(asked(&["view", "cart"], 2), wanted);
        assert_eq!(log.people_of(&Selection::default(), &cell, &[]).unwrap()[0], PersonId(expected));
    }
}

proptest! {
    /// Whatever is counted has as many people behind it.
    #[test]
    fn every_number_names_its_people(
        people in prop::collection::vec(prop::collection::vec((0..200_i64, 0..4_usize, 0..2_usize), 1..9), 1..12),
        period in prop::option::of((0..100_i64, 100..200_i64)),
        channel in prop::option::of(0..2_usize),
        collapse in any::<bool>(),
    ) {
        let log = log(&people, Cases::People);
        let selection = Selection {
            period_us: period.map(|(start, end)| (start * HOUR, end * HOUR)),
            channel: channel.map(|channel| CHANNELS[channel].to_owned()),
            people: None,
        };
        let who = |cell: &Cell| log.people_of(&selection, cell, &[]).unwrap().len() as u64;
        let map = log.process(&selection, 1).unwrap();
        for (name, cases) in &map.start {
            prop_assert_eq!(Some(who(&Cell::Edge(START.into(), name.clone()))), cases.as_u64());
        }
        for edge in &map.edges {
            let people = who(&Cell::Edge(edge.from.clone(), edge.to.clone()));
            prop_assert!(people >= 1 && people <= edge.n);
        }
        for name in map.activities.keys() {
            prop_assert!(who(&Cell::Activity(name.clone())) >= 1);
        }
        for variant in &log.variants(&selection, 100, 1).unwrap().top {
            prop_assert_eq!(who(&Cell::Variant(variant.activities.clone())), variant.cases);
        }
        let question = PathsAsked { gap: None, depth: 3, collapse, top: 100 };
        for path in &log.paths(&selection, question, 1).unwrap().paths {
            prop_assert_eq!(who(&Cell::Path(question, path.activities.clone())), path.sessions);
        }
        for order in [Order::Ordered, Order::Strict, Order::Any] {
            // A selection may leave nobody who did a step; the names are those of the whole log.
            let steps: Vec<&str> = ["view", "cart"].into_iter().filter(|step| log.find(step).is_some()).collect();
            let question = FunnelAsked { order, ..asked(&steps, 48) };
            if steps.is_empty() { continue }
            let (report, next) = log.funnel(&selection, &question, None).unwrap();
            for (at, step) in report.all.steps.iter().enumerate() {
                let cell = |stopped| Cell::Funnel(question.clone(), FunnelCell { steps: at + 1, stopped, group: None });
                prop_assert_eq!(who(&cell(false)), step.people);
                prop_assert_eq!(who(&cell(true)), report.all.reached_exactly[at + 1]);
                if at + 1 < report.all.steps.len() {
                    prop_assert_eq!(next[at].iter().map(|next| next.people).sum::<u64>(), report.all.reached_exactly[at + 1]);
                }
            }
        }
        let question = FrictionAsked {
            contacts: log.find("call").map(|_| "call".to_owned()).into_iter().collect(),
            failures: log.find("cart").map(|_| "cart".to_owned()).into_iter().collect(),
            repeat_within: "1d".parse().unwrap(),
            episode_gap: "6h".parse().unwrap(),
            silence: "2d".parse().unwrap(),
            long_wait_percentile: 90,
        };
        let worth = vec![Some(2.0); people.len()];
        for found in log.friction(&selection, &question, &worth, 100).unwrap().findings {
            let place = FrictionPlace { kind: found.kind.as_str().to_owned(), from: found.from.clone(), to: found.to.clone() };
            prop_assert_eq!(who(&Cell::Friction(question.clone(), place)), found.people, "{:?}", found);
            prop_assert_eq!(found.value, Some(2.0 * found.people as f64));
            prop_assert!(found.people >= 1 && found.people <= found.occurrences);
        }
        let retention = log.retention(&selection, (Period::Day, "UTC"), &[], 1).unwrap();
        for cohort in &retention.cohorts {
            for period in &cohort.periods {
                let cell = Cell::Retention(Period::Day, "UTC".into(), cohort.cohort.clone(), period.n);
                prop_assert_eq!(who(&cell), period.active, "{:?} {:?}", cohort.cohort, period);
            }
        }
    }
}
