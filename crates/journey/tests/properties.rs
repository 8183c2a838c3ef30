//! The fast scans against slow, obvious references on generated events, full of edges on purpose: few names, equal
//! times, waits that hit gaps and windows exactly, several references per person.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use clew_journey::journeys::Keys;
use clew_journey::{
    Definition, Duration, Events, Journey, JourneyRule, Journeys, Outcome, Scope, StageRule, StageTable, Touch, Transition,
    TransitionState, build_journeys, stage_flow, transitions,
};
use proptest::prelude::*;

const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];
const MINUTE: i64 = 60_000_000;
const NO_KEY: u32 = u32::MAX;

/// (person, time, name, reference, conversation).
type Row = (u32, i64, u32, u32, u32);

#[derive(Clone, Debug, Default)]
struct Columns {
    person: Vec<u32>,
    time_us: Vec<i64>,
    name: Vec<u32>,
    channel: Vec<u32>,
    reference: Vec<u32>,
    conversation: Vec<u32>,
}

impl Columns {
    fn of(rows: &[Row]) -> Self {
        let mut columns = Self::default();
        for &(person, time_us, name, reference, conversation) in rows {
            columns.person.push(person);
            columns.time_us.push(time_us);
            columns.name.push(name);
            columns.channel.push(0);
            columns.reference.push(reference);
            columns.conversation.push(conversation);
        }
        columns
    }

    fn events(&self) -> Events<'_> {
        Events {
            person: &self.person,
            time_us: &self.time_us,
            name: &self.name,
            channel: &self.channel,
            reference: &self.reference,
            conversation: &self.conversation,
        }
    }
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let key = || prop_oneof![2 => 0..3_u32, 1 => Just(NO_KEY)];
    let row = (0..4_u32, (0..30_i64).prop_map(|minute| minute * MINUTE), 0..5_u32, key(), key());
    prop::collection::vec(row, 0..40).prop_map(|mut rows| {
        rows.sort_by_key(|row| (row.0, row.1));
        rows
    })
}

fn touch() -> impl Strategy<Value = Option<Touch>> {
    let names = prop::sample::subsequence(NAMES.to_vec(), 1..3);
    prop::option::of(names.prop_map(|names| Touch { events: names.into_iter().map(str::to_owned).collect(), ..Touch::default() }))
}

fn definition() -> impl Strategy<Value = Definition> {
    let duration = |minutes: u32| format!("{minutes}m").parse::<Duration>().unwrap();
    let scope = prop::sample::select(vec![Scope::Person, Scope::Session, Scope::Reference, Scope::Conversation]);
    let rule = (touch(), touch(), prop::option::of(1..20_u32), prop::option::of(1..6_u32), scope);
    prop::collection::vec(rule, 0..4).prop_map(move |rules| {
        let rule = |(number, (from, to, within, gap, scope)): (usize, (_, _, Option<u32>, Option<u32>, _))| JourneyRule {
            name: format!("journey {number}"),
            from,
            to,
            within: within.map(duration),
            gap: gap.map(duration),
            scope,
        };
        // `e` belongs to no stage; `b` and `d` share one.
        let stage = |name: &str, events: &[&str]| StageRule {
            name: name.to_owned(),
            when: vec![Touch { events: events.iter().map(|&event| event.to_owned()).collect(), ..Touch::default() }],
        };
        Definition {
            stages: vec![stage("x", &["a"]), stage("y", &["b", "d"]), stage("z", &["c"])],
            journeys: rules.into_iter().enumerate().map(rule).collect(),
        }
    })
}

fn build(columns: &Columns, definition: &Definition, as_of_us: i64) -> Journeys {
    let table = StageTable::new(definition, &NAMES, &["web"]);
    let keys = Keys { person_ids: &[70, 71, 72, 73], references: &[80, 81, 82], conversations: &[90, 91, 92] };
    columns.events().check().unwrap();
    build_journeys(&columns.events(), definition, &table, &keys, as_of_us)
}

/// One journey as the reference sees it: rule, person, key, rows, outcome.
type Told = (u32, u32, u32, Vec<usize>, Outcome);

fn matches(touch: &Touch, name: u32) -> bool {
    touch.events.iter().any(|event| event == NAMES[name as usize])
}

/// The rows of one scope key, told again and again from the first row that may begin a journey.
fn tell(rule: &JourneyRule, all: &[Row], rows: &[usize], as_of_us: i64) -> Vec<(Vec<usize>, Outcome)> {
    let Some(begin) = rows.iter().position(|&row| rule.from.as_ref().is_none_or(|from| matches(from, all[row].2))) else {
        return Vec::new();
    };
    let in_time = |first: usize, last: usize, now_us: i64| {
        // A session ends after half an hour of silence unless it says otherwise.
        let session = (rule.scope == Scope::Session).then(|| "30m".parse().unwrap());
        rule.gap.or(session).is_none_or(|gap| now_us - all[last].1 <= gap.micros())
            && rule.within.is_none_or(|within| now_us - all[first].1 <= within.micros())
    };
    let lost = if rule.to.is_some() { Outcome::Dropped } else { Outcome::Ended };
    for end in begin..rows.len() {
        let steps = &rows[begin..=end];
        let last = rows[end];
        let outcome = if rule.to.as_ref().is_some_and(|to| matches(to, all[last].2)) {
            Outcome::Reached
        } else if end + 1 == rows.len() {
            if in_time(rows[begin], last, as_of_us) { Outcome::Open } else { lost }
        } else if !in_time(rows[begin], last, all[rows[end + 1]].1) {
            lost
        } else {
            continue;
        };
        let mut told = vec![(steps.to_vec(), outcome)];
        told.extend(tell(rule, all, &rows[end + 1..], as_of_us));
        return told;
    }
    Vec::new()
}

fn reference(all: &[Row], definition: &Definition, as_of_us: i64) -> BTreeSet<Told> {
    let mut told = BTreeSet::new();
    for (number, rule) in definition.journeys.iter().enumerate() {
        for person in 0..4 {
            for key in [0, 1, 2, NO_KEY] {
                let key_of = |row: &Row| match rule.scope {
                    Scope::Person | Scope::Session => NO_KEY,
                    Scope::Reference => row.3,
                    Scope::Conversation => row.4,
                };
                if !matches!(rule.scope, Scope::Person | Scope::Session) && key == NO_KEY {
                    continue;
                }
                let rows: Vec<usize> = (0..all.len()).filter(|&row| all[row].0 == person && key_of(&all[row]) == key).collect();
                told.extend(
                    tell(rule, all, &rows, as_of_us)
                        .into_iter()
                        .map(|(rows, outcome)| (number as u32, person, key, rows, outcome)),
                );
            }
        }
    }
    told
}

#[test]
fn a_session_ends_after_half_an_hour_of_silence_unless_it_says_otherwise() {
    let rule = |gap: Option<&str>| JourneyRule {
        name: "visit".to_owned(),
        from: None,
        to: None,
        within: None,
        gap: gap.map(|gap| gap.parse().unwrap()),
        scope: Scope::Session,
    };
    let rows: Vec<Row> = [0, 30, 61, 90].map(|minute| (0, minute * MINUTE, 0, NO_KEY, NO_KEY)).to_vec();
    let columns = Columns::of(&rows);
    for (gap, steps) in [(None, vec![2, 2]), (Some("31m"), vec![4]), (Some("29m"), vec![1, 1, 2])] {
        let definition = Definition { journeys: vec![rule(gap)], ..Definition::default() };
        let built = build(&columns, &definition, 91 * MINUTE);
        assert_eq!(built.journeys.iter().map(|journey| journey.steps).collect::<Vec<_>>(), steps, "{gap:?}");
    }
}

fn stage(name: u32) -> Option<u8> {
    [Some(0), Some(1), Some(2), Some(1), None][name as usize]
}

fn slow_transitions(told: &BTreeSet<Told>, all: &[Row]) -> Vec<Transition> {
    let mut waits: BTreeMap<(u32, u32, u32), Vec<(u32, i64)>> = BTreeMap::new();
    for (rule, person, _, rows, _) in told {
        for pair in rows.windows(2) {
            waits.entry((*rule, all[pair[0]].2, all[pair[1]].2)).or_default().push((*person, all[pair[1]].1 - all[pair[0]].1));
        }
    }
    let finish = |((rule, from, to), found): ((u32, u32, u32), Vec<(u32, i64)>)| {
        let people: BTreeSet<u32> = found.iter().map(|(person, _)| *person).collect();
        let mut sorted: Vec<i64> = found.iter().map(|(_, wait)| *wait).collect();
        sorted.sort_unstable();
        let quantile = |p: f64| {
            let at = (sorted.len() - 1) as f64 * p;
            let (low, high) = (sorted[(at + 1e-9).floor() as usize], sorted[(at - 1e-9).ceil() as usize]);
            low as f64 + (high - low) as f64 * (at - (at + 1e-9).floor())
        };
        Transition {
            rule,
            from,
            to,
            n: found.len() as u64,
            people: people.len() as u64,
            median_wait_us: quantile(0.5),
            p90_wait_us: quantile(0.9),
        }
    };
    waits.into_iter().map(finish).collect()
}

fn rounded(mut edges: Vec<Transition>) -> Vec<Transition> {
    for edge in &mut edges {
        edge.median_wait_us = edge.median_wait_us.round();
        edge.p90_wait_us = edge.p90_wait_us.round();
    }
    edges
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn journeys_are_those_of_the_obvious_telling(all in rows(), definition in definition(), as_of in 20..60_i64) {
        let columns = Columns::of(&all);
        let built = build(&columns, &definition, as_of * MINUTE);
        let told = |journey: &Journey| (journey.rule, journey.person, journey.key, built.steps(journey).to_vec(), journey.outcome);
        let expected = reference(&all, &definition, as_of * MINUTE);
        prop_assert_eq!(built.journeys.iter().map(told).collect::<BTreeSet<Told>>(), expected);
        let ids: BTreeSet<_> = built.journeys.iter().map(|journey| journey.id).collect();
        prop_assert_eq!(ids.len(), built.journeys.len(), "ids are distinct");
        for journey in &built.journeys {
            let rows = built.steps(journey);
            prop_assert_eq!((journey.started_at_us, journey.ended_at_us), (all[rows[0]].1, all[rows[rows.len() - 1]].1));
            prop_assert_eq!(journey.furthest_stage(), rows.iter().filter_map(|&row| stage(all[row].2)).max());
        }
    }

    #[test]
    fn transitions_are_exact(all in rows(), definition in definition()) {
        let columns = Columns::of(&all);
        let built = build(&columns, &definition, 0);
        let fast = transitions(&built, &columns.events());
        prop_assert_eq!(&fast, &TransitionState::of(&built, &columns.events()).finish());
        prop_assert_eq!(rounded(fast), rounded(slow_transitions(&reference(&all, &definition, 0), &all)));
    }

    #[test]
    fn an_incremental_state_equals_a_full_one(before in rows(), after in rows(), touched in prop::collection::btree_set(0..4_u32, 0..4), definition in definition()) {
        let is_touched = |row: &&Row| touched.contains(&row.0);
        let state = |rows: &[Row]| {
            let columns = Columns::of(rows);
            TransitionState::of(&build(&columns, &definition, 0), &columns.events())
        };
        let mut now: Vec<Row> = before.iter().filter(|row| !is_touched(row)).chain(after.iter().filter(is_touched)).copied().collect();
        now.sort_by_key(|row| (row.0, row.1));
        let of = |rows: &[Row]| rows.iter().filter(is_touched).copied().collect::<Vec<_>>();
        let mut incremental = state(&before);
        prop_assert_eq!(incremental.subtract(&state(&of(&before))), Ok(()));
        incremental.add(&state(&of(&after)));
        prop_assert_eq!(incremental, state(&now));
    }

    #[test]
    fn drop_off_counts_people_and_journeys(all in rows(), definition in definition()) {
        let built = build(&Columns::of(&all), &definition, 25 * MINUTE);
        let told = reference(&all, &definition, 25 * MINUTE);
        for flow in stage_flow(&built, definition.journeys.len(), 3) {
            let of_rule = || told.iter().filter(|told| told.0 == flow.rule);
            let reached = |told: &&Told| told.3.iter().any(|&row| stage(all[row].2) == Some(flow.stage));
            let continued = |told: &&Told| {
                let later = |from: usize| told.3[from + 1..].iter().any(|&row| stage(all[row].2) > Some(flow.stage));
                (0..told.3.len()).any(|at| stage(all[told.3[at]].2) == Some(flow.stage) && later(at))
            };
            let people = |journeys: Vec<&Told>| journeys.iter().map(|told| told.1).collect::<BTreeSet<u32>>().len() as u64;
            prop_assert_eq!(flow.journeys, of_rule().filter(reached).count() as u64);
            prop_assert_eq!(flow.journeys_continued, of_rule().filter(continued).count() as u64);
            prop_assert_eq!(flow.journeys_waiting, of_rule().filter(|t| t.4 == Outcome::Open && reached(t) && !continued(t)).count() as u64);
            prop_assert_eq!(flow.people, people(of_rule().filter(reached).collect()));
            prop_assert_eq!(flow.people_continued, people(of_rule().filter(continued).collect()));
            let beyond: BTreeSet<u32> = of_rule().filter(|t| t.3.iter().any(|&row| stage(all[row].2) > Some(flow.stage))).map(|t| t.1).collect();
            let here: BTreeSet<u32> = of_rule().filter(reached).map(|t| t.1).collect();
            prop_assert_eq!(flow.people_furthest, here.difference(&beyond).count() as u64);
        }
    }
}

#[test]
fn no_events_are_no_journeys() {
    let definition = Definition::default();
    let built = build(&Columns::default(), &definition, 0);
    assert_eq!(built, Journeys::default());
    assert_eq!(transitions(&built, &Columns::default().events()), []);
    assert!(stage_flow(&built, 1, 5).iter().all(|flow| flow.people == 0 && flow.journeys == 0));
}
