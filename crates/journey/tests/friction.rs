//! Friction against definitions written out one by one on generated logs, and what was planted.

use std::collections::{BTreeMap, BTreeSet};

use clew_journey::events::NO_KEY;
use clew_journey::{CaseOrder, Friction, FrictionEvents, Kind, Occurrence, Thresholds, friction, occurrences};
use clew_stats::dice::Dice;
use proptest::prelude::*;

/// Case, time, activity, channel and team.
type Row = (u32, i64, u32, u32, u32);

struct Events {
    order: CaseOrder,
    time_us: Vec<i64>,
    activity: Vec<u32>,
    channel: Vec<u32>,
    team: Vec<u32>,
    cost: Vec<f64>,
    person: Vec<u32>,
}

impl Events {
    fn of(rows: &[Row]) -> Self {
        let column = |of: fn(&Row) -> u32| rows.iter().map(of).collect::<Vec<_>>();
        let time_us: Vec<i64> = rows.iter().map(|row| row.1).collect();
        let order = CaseOrder::of(&column(|row| row.0), &time_us);
        let arranged = |of: fn(&Row) -> u32| order.arrange(&column(of));
        Self {
            time_us: order.arrange(&time_us),
            activity: arranged(|row| row.2),
            channel: arranged(|row| row.3),
            team: arranged(|row| row.4),
            cost: vec![2.0; rows.len()],
            person: (0..50).map(|case| case / 2).collect(),
            order,
        }
    }

    fn read(&self) -> FrictionEvents<'_> {
        FrictionEvents {
            traces: self.order.traces(&self.time_us, &self.activity),
            person: &self.person,
            channel: &self.channel,
            resource: &self.team,
            cost: &self.cost,
        }
    }
}

fn thresholds() -> Thresholds {
    Thresholds {
        loop_within: 4,
        min_waits: 3,
        repeat_within_us: 6,
        contacts: vec![1, 2],
        episode_gap_us: 5,
        silence_us: 10,
        rage_count: 3,
        rage_within_us: 2,
        ends: vec![3],
        reopened_within_us: 8,
        failures: vec![0],
        ..Thresholds::usual(40)
    }
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let code = || prop_oneof![3 => 0..3_u32, 1 => Just(NO_KEY)];
    prop::collection::vec((0..6_u32, 0..40_i64, 0..4_u32, code(), code()), 0..120)
}

/// Type 7, by sorting.
fn quantile(values: &[i64], tenths: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let (rank, rest) = ((sorted.len() - 1) * tenths / 10, (sorted.len() - 1) * tenths % 10);
    let next = sorted[(rank + 1).min(sorted.len() - 1)];
    sorted[rank] as f64 + rest as f64 / 10.0 * (next - sorted[rank]) as f64
}

type Found = BTreeSet<(Kind, u32, u32, (usize, usize), i64)>;

/// Loops, returns, long waits, changes, reopened cases and failures, by trying all pairs of events of a case.
fn slow(events: &Events) -> Found {
    let asked = thresholds();
    let traces = events.order.traces(&events.time_us, &events.activity);
    let (time, code) = (&events.time_us, &events.activity);
    let mut waits: BTreeMap<(u32, u32), Vec<i64>> = BTreeMap::new();
    for rows in traces.cases() {
        for at in rows.clone().skip(1) {
            waits.entry((code[at - 1], code[at])).or_default().push(time[at] - time[at - 1]);
        }
    }
    let mut found = Found::new();
    for rows in traces.cases() {
        for i in rows.clone() {
            if asked.failures.contains(&code[i]) {
                found.insert((Kind::Failure, code[i], NO_KEY, (i, i), 0));
            }
            for j in i + 1..rows.end {
                let took = time[j] - time[i];
                let between = || i + 1..j;
                if code[i] == code[j] && j - i <= 4 && between().all(|k| code[k] != code[i]) {
                    match j - i {
                        1 if took <= 2 => {}
                        2 => drop(found.insert((Kind::BackAndForth, code[i], code[i + 1], (i, j), took))),
                        _ => drop(found.insert((Kind::Loop, code[i], NO_KEY, (i, j), took))),
                    }
                }
                let edge = &waits[&(code[j - 1], code[j])];
                if j == i + 1 && edge.len() >= 3 && took as f64 > quantile(edge, 9) {
                    let lost = (took as f64 - quantile(edge, 5)) as i64;
                    found.insert((Kind::LongWait, code[i], code[j], (i, j), lost));
                }
                let episode = (i + 1..=j).all(|k| time[k] - time[k - 1] <= 5);
                for (kind, codes, lost) in [(Kind::ChannelSwitch, &events.channel, 0), (Kind::Transfer, &events.team, took)] {
                    let known = codes[i] != NO_KEY && codes[j] != NO_KEY && between().all(|k| codes[k] == NO_KEY);
                    if episode && known && codes[i] != codes[j] {
                        found.insert((kind, codes[i], codes[j], (i, j), lost));
                    }
                }
                // Open from the event after an end to the next end, or to the last event.
                let closes = code[j] == 3 || j + 1 == rows.end;
                let open = code[i] == 3 && code[i + 1] != 3 && between().all(|k| code[k] != 3);
                if open && closes && time[i + 1] - time[i] <= 8 {
                    found.insert((Kind::Reopened, 3, code[i + 1], (i, j), took));
                }
            }
        }
    }
    found
}

fn all(events: &Events, asked: &Thresholds) -> Vec<Occurrence> {
    let mut list = Vec::new();
    occurrences(&events.read(), asked, &mut |found, opportunities| {
        assert!(opportunities > 0, "{found:?} could have been");
        list.push(found);
    });
    list
}

fn ask(events: &Events) -> Friction {
    friction(&events.read(), &thresholds())
}

proptest! {
    #[test]
    fn occurrences_are_those_of_the_definitions(rows in rows()) {
        let events = Events::of(&rows);
        let apart = |found: &&Occurrence| matches!(found.kind, Kind::Rage | Kind::RepeatContact | Kind::DeadEnd);
        let list = all(&events, &thresholds());
        let fast: Vec<_> = list.iter().filter(|found| !apart(found)).map(|o| (o.kind, o.from, o.to, o.rows, o.lost_us)).collect();
        prop_assert_eq!(fast.len(), fast.iter().collect::<BTreeSet<_>>().len());
        prop_assert_eq!(fast.into_iter().collect::<Found>(), slow(&events));
    }

    #[test]
    fn rage_covers_every_burst_once(rows in prop::collection::vec((0..3_u32, 0..12_i64, 0..2_u32), 0..60)) {
        let rows: Vec<Row> = rows.into_iter().map(|(case, time, activity)| (case, time, activity, NO_KEY, NO_KEY)).collect();
        let events = Events::of(&rows);
        let stretches: Vec<(usize, usize)> =
            all(&events, &thresholds()).iter().filter(|o| o.kind == Kind::Rage).map(|o| o.rows).collect();
        let traces = events.order.traces(&events.time_us, &events.activity);
        let case_of = |row: usize| traces.cases().position(|rows| rows.contains(&row));
        let burst = |first: usize| {
            first + 2 < events.activity.len()
                && case_of(first) == case_of(first + 2)
                && events.activity[first..=first + 2].iter().all(|activity| *activity == events.activity[first])
                && events.time_us[first + 2] - events.time_us[first] <= 2
        };
        for first in 0..events.activity.len() {
            if burst(first) {
                prop_assert!(stretches.iter().any(|(from, to)| *from <= first + 2 && first <= *to));
            }
        }
        for (at, (from, to)) in stretches.iter().enumerate() {
            prop_assert!((*from..=to - 2).all(burst) && !burst(to - 1));
            prop_assert!(at == 0 || stretches[at - 1].1 < *from);
        }
    }

    #[test]
    fn contacts_are_repeated_by_people_whatever_their_case(rows in rows()) {
        let events = Events::of(&rows);
        let found = ask(&events);
        let traces = events.order.traces(&events.time_us, &events.activity);
        let mut contacts = Vec::new();
        for (case, rows) in traces.numbered() {
            contacts.extend(rows.filter(|at| [1, 2].contains(&events.activity[*at])).map(|at| (case / 2, events.time_us[at], at)));
        }
        let (mut resolved, mut old, mut young, mut first, mut first_resolved, mut repeats) = (0, 0, 0, 0, 0, 0);
        for &(person, time, row) in &contacts {
            let same = |other: &&(u32, i64, usize)| other.0 == person && other.2 != row && (other.1 - time).abs() <= 6;
            let later = contacts.iter().filter(same).any(|other| (other.1, other.2) > (time, row));
            let earlier = contacts.iter().filter(same).any(|other| (other.1, other.2) < (time, row));
            repeats += u64::from(later);
            if time + 6 > 40 {
                young += 1;
                continue;
            }
            old += 1;
            resolved += u64::from(!later);
            first += u64::from(!earlier);
            first_resolved += u64::from(!earlier && !later);
        }
        let counted = found.first_contact.map(|c| (c.contacts, c.resolved, c.first_contacts, c.first_resolved, c.too_young));
        prop_assert_eq!(counted, Some((old, resolved, first, first_resolved, young)));
        let of_kind = found.findings.iter().filter(|finding| finding.kind == Kind::RepeatContact);
        prop_assert_eq!(of_kind.map(|finding| finding.occurrences).sum::<u64>(), repeats);
    }

    #[test]
    fn findings_sum_up_occurrences(rows in rows()) {
        let events = Events::of(&rows);
        let list = all(&events, &thresholds());
        let found = ask(&events);
        let mut places = BTreeSet::new();
        for finding in &found.findings {
            prop_assert!(places.insert((finding.kind, finding.from, finding.to)));
            let here: Vec<&Occurrence> =
                list.iter().filter(|o| (o.kind, o.from, o.to) == (finding.kind, finding.from, finding.to)).collect();
            let cases: BTreeSet<u32> = here.iter().map(|o| o.case).collect();
            let people: BTreeSet<u32> = here.iter().map(|o| o.case / 2).collect();
            prop_assert_eq!((finding.occurrences, finding.cases), (here.len() as u64, cases.len() as u64));
            prop_assert_eq!((finding.people, finding.lost_us), (people.len() as u64, here.iter().map(|o| o.lost_us).sum::<i64>()));
            prop_assert!(finding.examples.len() == here.len().min(5) && finding.examples.is_sorted_by_key(|o| -o.lost_us));
            prop_assert!(finding.occurrences <= finding.opportunities);
        }
        prop_assert_eq!(places, list.iter().map(|o| (o.kind, o.from, o.to)).collect::<BTreeSet<_>>());
        let people: Vec<u64> = found.findings.iter().map(|finding| finding.people).collect();
        prop_assert!(people.is_sorted_by(|a, b| a >= b));
    }
}

/// Cases of ten visits each among four activities; after activity 2 a case ends more often.
fn silent(seed: u64, after_two: f64) -> Events {
    let mut dice = Dice::new(seed);
    let mut rows: Vec<Row> = Vec::new();
    for case in 0..400 {
        for at in 0..10 {
            let activity = dice.below(4) as u32;
            rows.push((case, at * 100, activity, NO_KEY, NO_KEY));
            if dice.share() < if activity == 2 { after_two } else { 0.1 } {
                break;
            }
        }
    }
    Events { person: (0..400).collect(), ..Events::of(&rows) }
}

#[test]
fn silence_is_a_dead_end_only_where_it_is_more_frequent() {
    let asked = Thresholds { silence_us: 1_000, ..Thresholds::usual(10_000) };
    let ends = |events: &Events| -> BTreeMap<u32, u64> {
        let found = friction(&events.read(), &asked).findings;
        found.iter().filter(|f| f.kind == Kind::DeadEnd).map(|f| (f.from, f.occurrences)).collect()
    };
    let planted = silent(1, 0.3);
    let last = |rows: std::ops::Range<usize>| planted.activity[rows.end - 1] == 2;
    let expected = planted.order.traces(&planted.time_us, &planted.activity).cases().filter(|rows| last(rows.clone())).count();
    assert_eq!(ends(&planted), BTreeMap::from([(2, expected as u64)]));
    let runs = (0..100).filter(|seed| !ends(&silent(*seed, 0.1)).is_empty()).count();
    assert!(runs <= 9, "{runs} of 100 runs without a dead end found one");
    // Too young: nobody was silent for so long yet.
    let young = Thresholds { observed_until_us: 900, ..asked.clone() };
    assert!(friction(&planted.read(), &young).findings.iter().all(|finding| finding.kind != Kind::DeadEnd));
}

#[test]
fn costs_are_those_of_what_would_not_have_been() {
    // a b a c a: two returns; each costs what came after the first.
    let rows: Vec<Row> =
        [0, 1, 0, 2, 0].iter().enumerate().map(|(at, code)| (0, at as i64 * 10, *code, NO_KEY, NO_KEY)).collect();
    let events = Events::of(&rows);
    let found = friction(&events.read(), &Thresholds { failures: Vec::new(), ..Thresholds::usual(100) }).findings;
    let shown: Vec<_> = found.iter().map(|f| (f.kind, f.from, f.to, f.lost_us, f.cost)).collect();
    assert_eq!(shown, [(Kind::BackAndForth, 0, 1, 20, 4.0), (Kind::BackAndForth, 0, 2, 20, 4.0)]);
    assert_eq!(friction(&Events::of(&[]).read(), &thresholds()).findings, []);
}
