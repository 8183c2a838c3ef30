//! Whose a new subject is in the write path, held against the batch resolution over generated companies full of edges.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::convert::Infallible;

use clew_identity::online::{Base, Index, Online, Outcome, Person, Run, Sighting, Value, corrections, find};
use clew_identity::{
    CompiledRules, Decision, DecisionKind, NewSubject, PersonId, Reason, Resolution, Role, Rules, SubjectKind, Subjects,
    assign_person_ids, replay, resolve,
};
use proptest::prelude::*;
use rustc_hash::FxHashMap;

/// The index in memory.
#[derive(Clone, Debug, Default, PartialEq)]
struct Memory {
    values: BTreeMap<u128, Value>,
    persons: BTreeMap<PersonId, Person>,
    subjects: BTreeMap<i64, PersonId>,
}

impl From<Base> for Memory {
    fn from(base: Base) -> Self {
        let (values, persons, subjects) = base.into_entries();
        Self { values: values.collect(), persons: persons.collect(), subjects: subjects.collect() }
    }
}

impl Index for Memory {
    type Error = Infallible;

    fn value(&mut self, key: u128) -> Result<Option<Value>, Infallible> {
        Ok(self.values.get(&key).cloned())
    }

    fn person(&mut self, id: PersonId) -> Result<Option<Person>, Infallible> {
        Ok(self.persons.get(&id).cloned())
    }

    fn subject(&mut self, subject: i64) -> Result<Option<PersonId>, Infallible> {
        Ok(self.subjects.get(&subject).copied())
    }

    fn put_value(&mut self, key: u128, value: Value) {
        self.values.insert(key, value);
    }

    fn put_person(&mut self, id: PersonId, person: Person) {
        self.persons.insert(id, person);
    }

    fn put_subject(&mut self, subject: i64, person: PersonId) {
        self.subjects.insert(subject, person);
    }
}

#[derive(Clone, Debug)]
struct Row {
    id: i64,
    at: i64,
    source: &'static str,
    population: &'static str,
    record: bool,
    identifiers: Vec<(&'static str, &'static str)>,
}

fn row(id: i64, identifiers: &[(&'static str, &'static str)]) -> Row {
    Row { id, at: id, source: "web", population: "customer", record: false, identifiers: identifiers.to_vec() }
}

fn kind(row: &Row) -> SubjectKind {
    if row.record { SubjectKind::Record } else { SubjectKind::Event }
}

fn see(online: &Online, index: &mut Memory, row: &Row) -> clew_identity::online::Answer {
    let sighting = Sighting {
        subject: row.id,
        population: row.population,
        source: row.source,
        at_us: row.at,
        kind: kind(row),
        identifiers: &row.identifiers,
    };
    online.decide(index, &sighting).unwrap()
}

fn subjects<'r>(rules: &'r CompiledRules, rows: &[Row]) -> Subjects<'r> {
    let mut subjects = Subjects::new(rules);
    for row in rows {
        let new = NewSubject {
            id: row.id,
            population: row.population,
            source: row.source,
            first_seen_us: row.at,
            last_seen_us: row.at,
            facts: 1,
            kind: kind(row),
            trusted: true,
        };
        subjects.push(&new, row.identifiers.iter().copied());
    }
    subjects
}

/// Whom the index shows for every subject.
fn shown(index: &mut Memory) -> Vec<(i64, PersonId)> {
    let all: Vec<(i64, PersonId)> = index.subjects.iter().map(|(subject, person)| (*subject, *person)).collect();
    all.into_iter().map(|(subject, person)| (subject, find(index, person).unwrap().0)).collect()
}

fn built_in() -> Online {
    Online::new(CompiledRules::built_in())
}

fn declared(json: &str) -> Online {
    Online::new(serde_json::from_str::<Rules>(json).unwrap().compile().unwrap())
}

#[test]
fn an_anonymous_visitor_who_says_who_it_is_stays_one_person() {
    let (online, mut index) = (built_in(), Memory::default());
    let page = see(&online, &mut index, &row(1, &[("anonymous_id", "z")]));
    assert_eq!((page.person, page.outcome), (PersonId::founded_by(1), Outcome::Founded));
    let alias = see(&online, &mut index, &row(2, &[("anonymous_id", "z"), ("user_id", "7"), ("email", "Ann@x.org ")]));
    assert_eq!((alias.person, alias.outcome), (page.person, Outcome::Joined));
    let order = see(&online, &mut index, &row(3, &[("email", "mailto:ann@X.org")]));
    assert_eq!((order.person, order.outcome), (page.person, Outcome::Joined));
    assert_eq!(see(&online, &mut index, &row(3, &[("email", "ann@x.org")])).outcome, Outcome::Known);
    assert_eq!(index.persons[&page.person].subjects, [1, 2, 3]);
}

#[test]
fn two_persons_become_one_under_the_older_id() {
    let (online, mut index) = (built_in(), Memory::default());
    see(&online, &mut index, &row(5, &[("email", "ann@x.org")]));
    see(&online, &mut index, &Row { at: 2, ..row(9, &[("phone", "+49 30 1")]) });
    let both = see(&online, &mut index, &row(11, &[("phone", "+49301"), ("email", "ann@x.org")]));
    assert_eq!((both.person, both.outcome), (PersonId::founded_by(9), Outcome::Merged(vec![PersonId::founded_by(5)])));
    assert_eq!(shown(&mut index), [5, 9, 11].map(|subject| (subject, PersonId::founded_by(9))));
}

#[test]
fn a_unique_identifier_vetoes_and_a_device_becomes_shared() {
    let (online, mut index) = (built_in(), Memory::default());
    let users = ["a", "b", "c", "d", "e", "f"];
    for (n, user) in (1..).zip(users) {
        let answer = see(&online, &mut index, &row(n, &[("user_id", user), ("device_id", "till")]));
        assert_eq!(answer.outcome, Outcome::Founded, "{user}");
        let vetoed = answer.dropped.iter().any(|(_, reason)| *reason == Reason::Unique("user_id".into()));
        assert_eq!(vetoed, n > 1, "{user}: {:?}", answer.dropped);
    }
    // Six persons carried it: from now on it is nobody's.
    let nobodys = see(&online, &mut index, &row(9, &[("device_id", "till")]));
    assert_eq!(nobodys.outcome, Outcome::Founded);
    // By nature.
    let (online, mut index) = (declared(r#"{"identifiers": {"device_id": {"shared": "device"}}}"#), Memory::default());
    see(&online, &mut index, &row(1, &[("device_id", "till")]));
    assert_eq!(see(&online, &mut index, &row(2, &[("device_id", "till"), ("email", "x@y.z")])).outcome, Outcome::Founded);
    assert!(index.values.len() == 1, "only the address is kept");
}

#[test]
fn limits_count_within_their_window_and_drop_the_weakest() {
    let day = 86_400_000_000;
    let online = declared(r#"{"identifiers": {"anonymous_id": {"limit": 2, "window": "weekly"}}}"#);
    let mut index = Memory::default();
    let visit = |n: i64, at: i64, id: &'static str| Row { at, ..row(n, &[("user_id", "7"), ("anonymous_id", id)]) };
    let ann = see(&online, &mut index, &visit(1, 0, "a")).person;
    assert_eq!(see(&online, &mut index, &visit(2, day, "b")).person, ann);
    let third = see(&online, &mut index, &visit(3, 2 * day, "c"));
    assert_eq!((third.person, third.dropped[0].1.clone()), (ann, Reason::Limit("anonymous_id".into())));
    assert!(see(&online, &mut index, &visit(4, 9 * day, "d")).dropped.is_empty());
    // What was dropped is nobody's: the next who carries it alone founds a person.
    assert_eq!(see(&online, &mut index, &row(5, &[("anonymous_id", "c")])).outcome, Outcome::Founded);
}

#[test]
fn untrusted_sources_follow_and_never_join() {
    let online = declared(r#"{"identifiers": {"email": {"trusted_sources": ["crm"]}, "phone": {"trusted_sources": ["crm"]}}}"#);
    let mut index = Memory::default();
    see(&online, &mut index, &Row { source: "crm", ..row(1, &[("email", "ann@x.org")]) });
    see(&online, &mut index, &Row { source: "crm", ..row(2, &[("phone", "+1")]) });
    let web = see(&online, &mut index, &row(3, &[("phone", "+1"), ("email", "ann@x.org")]));
    assert_eq!((web.person, web.outcome), (PersonId::founded_by(1), Outcome::Joined));
    assert_eq!(web.dropped.iter().map(|(_, reason)| reason.clone()).collect::<Vec<_>>(), [Reason::Untrusted]);
}

#[test]
fn what_a_run_leaves_is_gone_on_from_decisions_included() {
    let rules = CompiledRules::built_in();
    let rows = [row(1, &[("email", "ann@x.org")]), row(2, &[("email", "bob@x.org")]), row(3, &[("device_id", "d")])];
    let subjects = subjects(&rules, &rows);
    let decisions = [Decision { id: "d".into(), kind: DecisionKind::Apart(1, 2), decided_at_us: 1 }];
    let resolution = resolve(&subjects, &decisions);
    let persons = assign_person_ids(&[], &[], &resolution.assignments);
    let run = Run { subjects: &subjects, resolution: &resolution, persons: &persons.ids, decisions: &decisions };
    let mut index = Memory::from(Base::of(&run, &replay(&persons.changes)));
    let online = built_in();
    let answer = see(&online, &mut index, &row(7, &[("email", "ann@x.org"), ("email", "bob@x.org")]));
    assert_eq!((answer.person, answer.dropped[0].1.clone()), (PersonId::founded_by(1), Reason::Apart(None)));
    let answer = see(&online, &mut index, &row(8, &[("email", "bob@x.org"), ("device_id", "d")]));
    assert_eq!((answer.person, answer.outcome), (PersonId::founded_by(2), Outcome::Merged(vec![PersonId::founded_by(3)])));
    assert_eq!(find(&mut index, PersonId::founded_by(3)).unwrap().0, PersonId::founded_by(2));
}

#[test]
fn a_registered_person_keeps_its_id_against_an_older_provisional_one() {
    let rules = CompiledRules::built_in();
    let rows = [row(50, &[("email", "ann@x.org")])];
    let subjects = subjects(&rules, &rows);
    let resolution = resolve(&subjects, &[]);
    let persons = assign_person_ids(&[], &[], &resolution.assignments);
    let run = Run { subjects: &subjects, resolution: &resolution, persons: &persons.ids, decisions: &[] };
    let mut index = Memory::from(Base::of(&run, &replay(&persons.changes)));
    let online = built_in();
    see(&online, &mut index, &row(2, &[("phone", "+1")]));
    let both = see(&online, &mut index, &row(60, &[("phone", "+1"), ("email", "ann@x.org")]));
    assert_eq!(both.person, PersonId::founded_by(50));
}

/// Few values, equal times, shared and blocked values, two populations: everything meets everything.
fn rows(most: usize) -> impl Strategy<Value = Vec<Row>> {
    let identifier = prop_oneof![
        3 => prop::sample::select(vec!["a", "b", "c"]).prop_map(|v| ("user_id", v)),
        4 => prop::sample::select(vec!["a@x.org", "A@X.org ", "b@x.org", "c@x.org"]).prop_map(|v| ("email", v)),
        4 => prop::sample::select(vec!["x", "y", "z", "w"]).prop_map(|v| ("anonymous_id", v)),
        2 => prop::sample::select(vec!["d1", "d2"]).prop_map(|v| ("device_id", v)),
        1 => prop::sample::select(vec!["h1", "h2"]).prop_map(|v| ("household_id", v)),
        1 => prop::sample::select(vec!["null", "0", "guest"]).prop_map(|v| ("account", v)),
        1 => prop::sample::select(vec!["k1", "k2"]).prop_map(|v| ("card", v)),
    ];
    let one = (
        prop::collection::vec(identifier, 1..4),
        0..6_i64,
        prop::sample::select(vec!["web", "crm"]),
        prop_oneof![6 => Just("customer"), 1 => Just("employee")],
        prop::bool::weighted(0.2),
    );
    prop::collection::vec(one, 1..most).prop_map(|rows| {
        (1..)
            .zip(rows)
            .map(|(id, (identifiers, at, source, population, record))| Row { id, at, source, population, record, identifiers })
            .collect()
    })
}

fn company() -> impl Strategy<Value = (Online, Vec<Row>)> {
    let rules = prop_oneof![
        Just("{}"),
        Just(r#"{"identifiers": {"user_id": {"unique": false, "limit": 9}}, "shared_after": 2}"#),
        Just(r#"{"identifiers": {"email": {"limit": 1}, "anonymous_id": {"limit": 2}, "card": {"scope": "source"}}}"#),
        Just(r#"{"identifiers": {"email": {"trusted_sources": ["crm"]}, "card": {"population": "employee"}}}"#),
    ];
    (rules, rows(12)).prop_map(|(json, rows)| (declared(json), rows))
}

/// Whether no limit, veto or shared value was met, so that order cannot matter.
fn free(subjects: &Subjects<'_>, resolution: &Resolution) -> bool {
    let by_count = |used: &clew_identity::IdentifierUse| {
        used.role == Role::Shared && subjects.identifier(used.identifier).kind != "household_id"
    };
    resolution.conflicts.is_empty() && !resolution.identifiers.iter().any(by_count)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]
    #[test]
    fn where_order_cannot_matter_the_answers_are_those_of_the_run((online, rows) in company(), split in 0..12_usize) {
        // The first rows are there when a run begins; the write path goes on from what it leaves, in the order of arrival.
        let (before, after) = rows.split_at(split.min(rows.len()));
        let first = subjects(online.rules(), before);
        let resolved = resolve(&first, &[]);
        let named = assign_person_ids(&[], &[], &resolved.assignments);
        let anchors = replay(&named.changes);
        let run = Run { subjects: &first, resolution: &resolved, persons: &named.ids, decisions: &[] };
        let mut index = Memory::from(Base::of(&run, &anchors));
        let mut refused = 0;
        for row in after {
            let answer = see(&online, &mut index, row);
            refused += answer.dropped.len();
            prop_assert_eq!(find(&mut index, answer.person).unwrap().0, answer.person);
        }
        let all = subjects(online.rules(), &rows);
        let run = resolve(&all, &[]);
        let shown = shown(&mut index);
        prop_assert_eq!(shown.len(), rows.len());
        let provisional: Vec<(i64, PersonId)> = index.persons.iter()
            .filter(|(_, person)| person.provisional && person.merged_into.is_none())
            .map(|(id, person)| (person.founder, *id)).collect();
        let ids = assign_person_ids(&anchors, &provisional, &run.assignments);
        let by_subject: FxHashMap<i64, PersonId> = ids.ids.iter().copied().collect();
        let mut sorted = ids.ids.clone();
        sorted.sort_unstable();
        let found = corrections(shown.iter().copied(), &sorted);
        // A value that the first run took for shared may be nobody's but one person's by the last: the rows between have joined who carry it.
        if free(&first, &resolved) && free(&all, &run) {
            prop_assert_eq!(refused, 0);
            prop_assert!(found.is_empty(), "{found:?}");
        }
        // Every correction is reported, with the id that was shown and the one that it became, and nothing else is.
        let mut counted = 0;
        for (subject, was) in &shown {
            let reported = found.iter().find(|c| c.shown == *was && c.became == by_subject[subject]);
            prop_assert_eq!(reported.is_some(), *was != by_subject[subject]);
            counted += u64::from(reported.is_some());
        }
        prop_assert_eq!(found.iter().map(|c| c.subjects).sum::<u64>(), counted);
    }

    #[test]
    fn nothing_crosses_populations_and_blocked_values_join_nobody((online, rows) in company()) {
        let mut index = Memory::default();
        for row in &rows {
            see(&online, &mut index, row);
        }
        let shown: BTreeMap<i64, PersonId> = shown(&mut index).into_iter().collect();
        for a in &rows {
            for b in &rows {
                if shown[&a.id] == shown[&b.id] {
                    prop_assert_eq!(a.population, b.population);
                }
            }
            // Who carries nothing but blocked and shared values is alone.
            let weak = |kind: &str| matches!(kind, "household_id" | "account");
            if a.identifiers.iter().all(|(kind, _)| weak(kind)) {
                prop_assert!(rows.iter().all(|b| b.id == a.id || shown[&b.id] != shown[&a.id]));
            }
        }
        // What a person holds is within the limits, whatever came.
        for person in index.persons.values().filter(|person| person.merged_into.is_none()) {
            let users = person.held.iter().filter(|held| held.kind == clew_identity::online::kind_key("user_id")).count();
            prop_assert!(users <= online.rules().rule("user_id").limit as usize);
        }
    }
}
