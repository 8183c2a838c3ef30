//! The partition of subjects into persons: the cases that hurt users of other products, and properties over generated
//! companies that are full of edges on purpose (few values, equal times, contradicting decisions).

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write;

use clew_identity::{
    CompiledRules, DecidedBy, Decision, DecisionKind, Likeness, NewSubject, Open, Reason, Resolution, Role, Rules, SubjectKind,
    Subjects, assign_person_ids, resolve, resolve_alike, why,
};
use proptest::prelude::*;

#[derive(Clone, Debug)]
struct Row {
    id: i64,
    at: i64,
    source: &'static str,
    population: &'static str,
    trusted: bool,
    identifiers: Vec<(&'static str, &'static str)>,
}

fn row(id: i64, identifiers: &[(&'static str, &'static str)]) -> Row {
    Row { id, at: id, source: "web", population: "customer", trusted: true, identifiers: identifiers.to_vec() }
}

fn subjects<'r>(rules: &'r CompiledRules, rows: &[Row]) -> Subjects<'r> {
    let mut subjects = Subjects::new(rules);
    for row in rows {
        let new = NewSubject {
            id: row.id,
            population: row.population,
            source: row.source,
            first_seen_us: row.at,
            last_seen_us: row.at + 5,
            facts: 1,
            kind: SubjectKind::Event,
            trusted: row.trusted,
        };
        subjects.push(&new, row.identifiers.iter().copied());
    }
    subjects
}

fn decisions(kinds: &[DecisionKind]) -> Vec<Decision> {
    let decision = |(at, &kind): (usize, &DecisionKind)| Decision { id: format!("d{at}"), kind, decided_at_us: at as i64 };
    kinds.iter().enumerate().map(decision).collect()
}

/// Founders in the order of subject ids.
fn founders(resolution: &Resolution) -> Vec<i64> {
    let mut rows: Vec<(i64, i64)> = resolution.assignments.iter().map(|row| (row.subject, row.founder)).collect();
    rows.sort_unstable();
    rows.into_iter().map(|(_, founder)| founder).collect()
}

fn persons(rules: &CompiledRules, rows: &[Row], decided: &[DecisionKind]) -> Vec<i64> {
    founders(&resolve(&subjects(rules, rows), &decisions(decided)))
}

/// The evidence that joins two subjects.
fn chain(resolution: &Resolution, a: i64, b: i64) -> Option<Vec<clew_identity::Step>> {
    let links: Vec<(i64, i64)> = resolution.links.iter().map(|link| (link.a, link.b)).collect();
    why(&links, &[a], &[b])
}

fn declared(json: &str) -> CompiledRules {
    serde_json::from_str::<Rules>(json).unwrap().compile().unwrap()
}

#[test]
fn every_version_of_a_record_is_evidence_and_an_identifier_set_is_read_once() {
    let rules = Rules::default().compile().unwrap();
    let see = |subjects: &mut Subjects<'_>, id: i64, kind: SubjectKind, identifiers: &[(&'static str, &'static str)]| {
        let new = NewSubject {
            id,
            population: "customer",
            source: "crm",
            first_seen_us: id,
            last_seen_us: id,
            facts: 1,
            kind,
            trusted: true,
        };
        subjects.push(&new, identifiers.iter().copied());
    };
    let mut found = Subjects::new(&rules);
    see(&mut found, 1, SubjectKind::Event, &[("email", "ann@example.org")]);
    see(&mut found, 2, SubjectKind::Record, &[("user_id", "7")]);
    see(&mut found, 2, SubjectKind::Record, &[("user_id", "7"), ("email", "ann@example.org")]);
    see(&mut found, 2, SubjectKind::Record, &[("user_id", "7")]);
    assert_eq!(founders(&resolve(&found, &[])), [1, 1], "the second version brings the address");
    assert_eq!(found.seen(2).unwrap().kind, SubjectKind::Record);
    assert_eq!(found.seen(3), None);
}

#[test]
fn no_subjects_are_no_persons() {
    let rules = CompiledRules::built_in();
    assert_eq!(
        resolve(&Subjects::new(&rules), &decisions(&[DecisionKind::Detach(1)])),
        Resolution { ineffective: vec![0], ..Resolution::default() }
    );
}

#[test]
fn a_shared_identifier_makes_one_person_across_channels() {
    let rows = [
        row(1, &[("anonymous_id", "z")]),
        row(2, &[("email", "Ann@x.org")]),
        row(3, &[("anonymous_id", "z"), ("email", "ann@x.org")]),
        row(4, &[("email", "bob@x.org")]),
    ];
    let rules = CompiledRules::built_in();
    let resolution = resolve(&subjects(&rules, &rows), &[]);
    assert_eq!(founders(&resolution), [1, 1, 1, 4]);
    assert_eq!(resolution.links.iter().map(|link| (link.a, link.b)).collect::<Vec<_>>(), [(3, 2), (3, 1)]);
    assert_eq!(chain(&resolution, 1, 2).unwrap().len(), 2);
    assert!(chain(&resolution, 1, 4).is_none());
}

#[test]
fn different_user_ids_on_one_device_stay_two_persons() {
    let rows = [
        row(1, &[("user_id", "a"), ("anonymous_id", "z")]),
        row(2, &[("user_id", "b"), ("anonymous_id", "z")]),
        row(3, &[("anonymous_id", "z")]),
    ];
    let rules = CompiledRules::built_in();
    let resolution = resolve(&subjects(&rules, &rows), &[]);
    assert_eq!(founders(&resolution), [1, 2, 1]);
    let [conflict] = &resolution.conflicts[..] else { panic!("one conflict expected") };
    assert_eq!((conflict.subject, &conflict.reason, conflict.against), (2, &Reason::Unique("user_id".into()), Some(1)));
}

#[test]
fn the_weakest_identifier_is_dropped_first() {
    // Subject 3 belongs to user b; its e-mail belongs to a. The new device would be harmless, but Segment's rule drops
    // from the weak end until the rest agrees.
    let rows = [
        row(1, &[("user_id", "a"), ("email", "a@x.org")]),
        row(2, &[("user_id", "b")]),
        row(3, &[("user_id", "b"), ("email", "a@x.org"), ("device_id", "new")]),
    ];
    let rules = CompiledRules::built_in();
    let resolution = resolve(&subjects(&rules, &rows), &[]);
    assert_eq!(founders(&resolution), [1, 2, 2]);
    let subjects = subjects(&rules, &rows);
    assert_eq!(
        resolution.conflicts.iter().map(|c| subjects.identifier(c.identifier).kind).collect::<Vec<_>>(),
        ["device_id", "email"]
    );
}

#[test]
fn a_limit_holds_and_a_window_forgets() {
    const DAY: i64 = 86_400_000_000;
    let rules = declared(
        r#"{"identifiers": {"user_id": {"unique": false, "limit": 1}, "anonymous_id": {"limit": 2, "window": "weekly"}}}"#,
    );
    let at = |id: i64, day: i64, device| Row { at: day * DAY, ..row(id, &[("user_id", "a"), ("anonymous_id", device)]) };
    let rows = [at(1, 0, "x"), at(2, 1, "y"), at(3, 6, "third in seven days"), at(4, 8, "a week later")];
    let resolution = resolve(&subjects(&rules, &rows), &[]);
    assert_eq!(founders(&resolution), [1, 1, 1, 1]);
    assert_eq!(
        resolution.conflicts.iter().map(|c| (c.subject, c.reason.clone())).collect::<Vec<_>>(),
        [(3, Reason::Limit("anonymous_id".into()))]
    );
}

#[test]
fn a_subject_with_two_values_of_a_unique_type_keeps_the_first_and_its_email() {
    let rows = [
        row(1, &[("user_id", "b"), ("user_id", "a"), ("email", "e@x.org")]),
        row(2, &[("user_id", "a")]),
        row(3, &[("user_id", "b")]),
        row(4, &[("email", "e@x.org")]),
    ];
    assert_eq!(persons(&CompiledRules::built_in(), &rows, &[]), [1, 1, 3, 1]);
}

#[test]
fn a_value_that_too_many_carry_becomes_shared_and_merges_nobody() {
    let ids = ["a", "b", "c", "d", "e", "f"];
    let mut rows: Vec<Row> =
        ids.iter().enumerate().map(|(at, id)| row(at as i64, &[("email", id), ("phone", "555 01 00")])).collect();
    let rules = CompiledRules::built_in();
    let resolution = resolve(&subjects(&rules, &rows), &[]);
    assert_eq!(founders(&resolution), [0, 1, 2, 3, 4, 5]);
    let phone = resolution.identifiers.iter().find(|used| used.subjects == 6).unwrap();
    assert_eq!((phone.role, phone.persons), (Role::Shared, 6));
    // Five persons are the default's last that still count as one person's value.
    rows.pop();
    assert_eq!(persons(&rules, &rows, &[]), [0, 0, 0, 0, 0]);
}

#[test]
fn an_attacker_cannot_demote_a_value_or_bridge_two_persons() {
    let mut rows = vec![
        row(0, &[("user_id", "v"), ("email", "victim@x.org")]),
        row(1, &[("email", "victim@x.org")]),
        row(2, &[("user_id", "w")]),
    ];
    let fakes = ["f1", "f2", "f3", "f4", "f5", "f6", "f7"];
    rows.extend(
        fakes
            .iter()
            .enumerate()
            .map(|(at, fake)| Row { trusted: false, ..row(10 + at as i64, &[("user_id", fake), ("email", "victim@x.org")]) }),
    );
    rows.push(Row { trusted: false, ..row(20, &[("user_id", "w"), ("email", "victim@x.org")]) });
    assert_eq!(persons(&CompiledRules::built_in(), &rows, &[]), [0, 0, 2, 10, 11, 12, 13, 14, 15, 16, 2]);
}

#[test]
fn a_type_trusts_its_sources_only() {
    let rules = declared(r#"{"identifiers": {"email": {"trusted_sources": ["crm"]}}}"#);
    let from = |source, row: Row| Row { source, ..row };
    let rows = [
        row(1, &[("user_id", "a"), ("email", "e")]),
        from("crm", row(2, &[("user_id", "b"), ("email", "e")])),
        row(3, &[("email", "e")]),
    ];
    assert_eq!(persons(&rules, &rows, &[]), [1, 2, 2]);
}

#[test]
fn populations_never_mix() {
    let employee = |row: Row| Row { population: "employee", ..row };
    let rows = [row(1, &[("email", "e@x.org")]), employee(row(2, &[("email", "e@x.org")]))];
    assert_eq!(persons(&CompiledRules::built_in(), &rows, &[DecisionKind::Link(1, 2)]), [1, 2]);
    let rules = declared(r#"{"identifiers": {"staff_no": {"population": "employee"}}}"#);
    let rows = [row(1, &[("staff_no", "7")]), row(2, &[("staff_no", "7"), ("email", "e")])];
    let resolution = resolve(&subjects(&rules, &rows), &[]);
    assert_eq!(founders(&resolution), [1, 2]);
    assert!(resolution.conflicts.iter().all(|conflict| conflict.reason == Reason::Population));
}

#[test]
fn a_household_connects_persons_without_merging_them() {
    let rows = [
        row(1, &[("email", "a"), ("household_id", "h")]),
        row(2, &[("email", "b"), ("household_id", "h")]),
        row(3, &[("email", "c")]),
    ];
    let rules = CompiledRules::built_in();
    let resolution = resolve(&subjects(&rules, &rows), &[]);
    assert_eq!(founders(&resolution), [1, 2, 3]);
    assert_eq!(resolution.households.iter().map(|(founder, _)| *founder).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(resolution.households[0].1, resolution.households[1].1);
}

#[test]
fn decisions_win_over_rules_and_newer_ones_over_older_ones() {
    use DecisionKind::{Apart, Detach, Link};
    let rules = CompiledRules::built_in();
    let rows = [
        row(1, &[("user_id", "a")]),
        row(2, &[("user_id", "b")]),
        row(3, &[("user_id", "b"), ("email", "e")]),
        row(4, &[("email", "e")]),
    ];
    assert_eq!(persons(&rules, &rows, &[]), [1, 2, 2, 2]);
    // Two user ids on one person is more than the rules allow.
    assert_eq!(persons(&rules, &rows, &[Link(1, 2)]), [1, 1, 1, 1]);
    assert_eq!(persons(&rules, &rows, &[Apart(3, 4)]), [1, 2, 2, 4]);
    assert_eq!(persons(&rules, &rows, &[Detach(3)]), [1, 2, 3, 4]);
    assert_eq!(persons(&rules, &rows, &[Link(1, 2), Apart(1, 2)]), [1, 2, 2, 2]);
    assert_eq!(persons(&rules, &rows, &[Apart(1, 2), Link(1, 2)]), [1, 1, 1, 1]);
    assert_eq!(persons(&rules, &rows, &[Link(3, 1), Detach(3)]), [1, 2, 3, 4]);
    // Taken out and put elsewhere: 3 joins 1, and its user id and e-mail do not drag 2 and 4 along.
    assert_eq!(persons(&rules, &rows, &[Detach(3), Link(3, 1)]), [1, 2, 1, 4]);
    let ineffective = |decided: &[DecisionKind]| resolve(&subjects(&rules, &rows), &decisions(decided)).ineffective;
    assert_eq!(ineffective(&[Link(1, 2), Apart(1, 2), Link(1, 99), Link(1, 1)]), [0, 2, 3]);
    // A chain of links that contradicts an older "apart" at its ends.
    assert_eq!(ineffective(&[Apart(1, 4), Link(1, 2), Link(2, 4)]), [0]);
    assert_eq!(ineffective(&[Link(1, 2), Link(2, 4), Apart(1, 4)]), [0]);
    // Evidence that a decision outweighs names it.
    let resolution = resolve(&subjects(&rules, &rows), &decisions(&[Link(1, 2), Apart(3, 4)]));
    assert!(resolution.conflicts.iter().any(|conflict| conflict.reason == Reason::Apart(Some(1))), "{:?}", resolution.conflicts);
}

#[test]
fn records_that_are_alike_are_one_person_where_nothing_forbids_it_and_what_is_open_is_told() {
    use DecisionKind::{Apart, Detach};
    let rules = CompiledRules::built_in();
    let rows = [
        row(1, &[("user_id", "a")]),
        row(2, &[("email", "x")]),
        row(3, &[("user_id", "b")]),
        row(4, &[("email", "y")]),
        row(5, &[("email", "y")]),
    ];
    let like = |a, b, probability, joins| Likeness { a, b, probability, match_weight: 5.0, joins };
    // 2 is more like 3 than like 1; once it is 3, it cannot be 1 as well, whose user id differs. 4 and 5 are one already.
    let alike =
        [like(1, 2, 0.97, true), like(3, 2, 0.99, true), like(4, 1, 0.6, false), like(5, 4, 0.99, true), like(9, 1, 1.0, true)];
    let found = resolve_alike(&subjects(&rules, &rows), &[], &alike);
    assert_eq!(founders(&found), [1, 2, 2, 4, 4]);
    let link = found.links.iter().find(|link| link.decided_by == DecidedBy::Model).unwrap();
    assert_eq!((link.a, link.b, link.probability, link.identifier), (3, 2, Some(0.99), None));
    let open = [
        Open { likeness: alike[0], reason: Some(Reason::Unique("user_id".to_owned())) },
        Open { likeness: alike[2], reason: None },
    ];
    assert_eq!(found.open, open);
    let mut backwards = alike;
    backwards.reverse();
    assert_eq!(resolve_alike(&subjects(&rules, &rows), &[], &backwards), found);
    // Decisions win.
    let decided = |kind| founders(&resolve_alike(&subjects(&rules, &rows), &decisions(&[kind]), &alike));
    assert_eq!(decided(Apart(2, 3)), [1, 1, 3, 4, 4]);
    assert_eq!(decided(Detach(2)), [1, 2, 3, 4, 4]);
}

fn company() -> impl Strategy<Value = Vec<Row>> {
    let identifier = prop_oneof![
        3 => (Just("user_id"), prop::sample::select(vec!["u1", "u2", "u3"])),
        3 => (Just("email"), prop::sample::select(vec!["a@x", "b@x", "c@x", "d@x", "A@X"])),
        3 => (Just("anonymous_id"), prop::sample::select(vec!["z1", "z2", "z3", "z4"])),
        1 => (Just("loyalty"), prop::sample::select(vec!["l1", "l2"])),
        1 => (Just("household_id"), Just("h")),
        1 => (prop::sample::select(vec!["user_id", "email"]), prop::sample::select(vec!["null", "0", " ", "N/A-not"])),
    ];
    let one = (
        prop::collection::vec(identifier, 0..4),
        0..4_i64,
        prop::sample::select(vec!["crm", "web", "app"]),
        prop::bool::weighted(0.85),
        prop::bool::weighted(0.9),
    );
    prop::collection::vec(one, 0..14).prop_map(|rows| {
        let row = |(id, (identifiers, at, source, trusted, customer)): (usize, (Vec<_>, i64, &'static str, bool, bool))| Row {
            // Ids against the order of rows, so that no tie is broken by luck.
            id: (id as i64 * 7 + 3) % 29,
            at,
            source,
            population: if customer { "customer" } else { "employee" },
            trusted,
            identifiers,
        };
        rows.into_iter().enumerate().map(row).collect()
    })
}

fn decided() -> impl Strategy<Value = Vec<DecisionKind>> {
    let id = || (0..14_i64).prop_map(|at| (at * 7 + 3) % 29);
    let one = prop_oneof![
        (id(), id()).prop_map(|(a, b)| DecisionKind::Link(a, b)),
        (id(), id()).prop_map(|(a, b)| DecisionKind::Apart(a, b)),
        id().prop_map(DecisionKind::Detach),
    ];
    prop::collection::vec(one, 0..5)
}

fn tight() -> CompiledRules {
    declared(
        r#"{"identifiers": {"email": {"limit": 2}, "anonymous_id": {"limit": 2, "window": "ever"}, "loyalty": {"scope": "source"}}, "shared_after": 2}"#,
    )
}

/// What must not depend on numbering: persons, links and conflicts with identifiers written out.
fn content(rules: &CompiledRules, rows: &[Row], kinds: &[Decision]) -> String {
    let subjects = subjects(rules, rows);
    let resolution = resolve(&subjects, kinds);
    let decision = |by| match by {
        clew_identity::DecidedBy::Rule => "rule",
        clew_identity::DecidedBy::Decision(at) => kinds[at as usize].id.as_str(),
        clew_identity::DecidedBy::Model => "model",
    };
    let mut out = format!(
        "{:?}",
        resolution.assignments.iter().map(|a| (a.subject, a.founder, decision(a.decided_by))).collect::<Vec<_>>()
    );
    for link in &resolution.links {
        write!(
            out,
            "\n{} {} {:?} {}",
            link.a,
            link.b,
            link.identifier.map(|number| subjects.identifier(number)),
            decision(link.decided_by)
        )
        .unwrap();
    }
    for conflict in &resolution.conflicts {
        let reason = match &conflict.reason {
            Reason::Apart(Some(at)) => format!("apart by {}", kinds[*at as usize].id),
            reason => format!("{reason:?}"),
        };
        write!(out, "\n{} {:?} {reason} {:?}", conflict.subject, subjects.identifier(conflict.identifier), conflict.against)
            .unwrap();
    }
    for used in &resolution.identifiers {
        write!(
            out,
            "\n{:?} {:?} {} {} {}",
            subjects.identifier(used.identifier),
            used.role,
            used.first_seen_us,
            used.subjects,
            used.persons
        )
        .unwrap();
    }
    for (founder, household) in &resolution.households {
        write!(out, "\n{founder} {:?}", subjects.identifier(*household)).unwrap();
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn the_order_of_arrival_changes_nothing(rows in company(), kinds in decided(), seed in any::<u64>()) {
        let rules = tight();
        let mut shuffled = rows.clone();
        shuffled.sort_by_key(|row| (row.id as u64).wrapping_mul(seed | 1).rotate_left(17));
        for row in &mut shuffled {
            row.identifiers.reverse();
        }
        let kinds = decisions(&kinds);
        let mut turned = kinds.clone();
        turned.reverse();
        prop_assert_eq!(content(&rules, &rows, &kinds), content(&rules, &shuffled, &turned));
    }

    #[test]
    fn a_rerun_changes_nothing(rows in company(), kinds in decided()) {
        let rules = tight();
        let kinds = decisions(&kinds);
        let first = resolve(&subjects(&rules, &rows), &kinds);
        let named = assign_person_ids(&[], &[], &first.assignments);
        let mut twice = rows.clone();
        twice.extend(rows.clone());
        let second = resolve(&subjects(&rules, &twice), &kinds);
        prop_assert!(assign_person_ids(&named.ids, &[], &second.assignments).changes.is_empty());
    }

    #[test]
    fn every_person_is_explained_and_nothing_forbidden_is_joined(rows in company(), kinds in decided()) {
        let rules = tight();
        let built = subjects(&rules, &rows);
        let kinds = decisions(&kinds);
        let resolution = resolve(&built, &kinds);
        let person = |id: i64| resolution.assignments.iter().find(|a| a.subject == id).map(|a| a.founder);
        // Exactly the subjects of one person are connected by evidence.
        for a in &resolution.assignments {
            for b in &resolution.assignments {
                prop_assert_eq!(a.founder == b.founder, chain(&resolution, a.subject, b.subject).is_some());
            }
        }
        for link in &resolution.links {
            if let Some(number) = link.identifier {
                let role = resolution.identifiers.iter().find(|used| used.identifier == number).map(|used| used.role);
                prop_assert_eq!(role, Some(Role::Person), "blocked and shared values are no evidence");
            }
        }
        for (at, decision) in kinds.iter().enumerate() {
            let effective = !resolution.ineffective.contains(&(at as u32));
            match decision.kind {
                DecisionKind::Link(a, b) if effective => prop_assert_eq!(person(a), person(b)),
                DecisionKind::Apart(a, b) if effective => prop_assert_ne!(person(a), person(b)),
                DecisionKind::Detach(a) if effective => {
                    let newer_link = kinds[at..].iter().any(|d| matches!(d.kind, DecisionKind::Link(x, y) if x == a || y == a));
                    let company = resolution.assignments.iter().filter(|other| Some(other.founder) == person(a)).count();
                    prop_assert!(newer_link || company == 1);
                }
                _ => {}
            }
        }
        // Vetoes and limits over the identifiers that were used, where no decision overrode them.
        for founder in resolution.assignments.iter().map(|a| a.founder) {
            let members: Vec<_> = resolution.assignments.iter().filter(|a| a.founder == founder).collect();
            let populations = |id: i64| rows.iter().find(|row| row.id == id).map(|row| row.population);
            prop_assert!(members.iter().all(|a| populations(a.subject) == populations(founder)));
            if members.iter().any(|a| a.decided_by != clew_identity::DecidedBy::Rule) {
                continue;
            }
            let mut used: Vec<_> = members.iter().flat_map(|a| {
                let dropped = |number| resolution.conflicts.iter().any(|c| c.subject == a.subject && c.identifier == number);
                resolution.identifiers.iter().filter(|i| i.role == Role::Person && !dropped(i.identifier)).filter(|i| {
                    let is = built.identifier(i.identifier);
                    rows.iter().any(|row| row.id == a.subject && row.identifiers.iter().any(|(kind, value)| {
                        *kind == is.kind && row.population == is.population && (is.source.is_empty() || is.source == row.source)
                            && clew_identity::canonical::canonical(rules.rule(kind).normalise, value) == is.value
                    }))
                }).map(|i| built.identifier(i.identifier)).collect::<Vec<_>>()
            }).collect();
            used.sort();
            used.dedup();
            for same in used.chunk_by(|a, b| a.kind == b.kind) {
                prop_assert!(same.len() <= rules.rule(same[0].kind).limit as usize, "{:?}", same);
            }
        }
    }
}
