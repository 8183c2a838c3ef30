//! How fast subjects are numbered and resolved: `cargo run --release -p clew-identity --example identity_speed [SUBJECTS]`.
//!
//! Each invented person has a user id, an e-mail address and about three devices; one device in fifty has two users.

use std::time::Instant;

use clew_identity::canonical::SubjectBuffer;
use clew_identity::{CompiledRules, NewSubject, SubjectKind, Subjects, assign_person_ids, resolve, subject_of};

fn main() {
    let count: u64 = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let rules = CompiledRules::built_in();
    let rows: Vec<[String; 3]> = (0..count)
        .map(|at| {
            let person = at / 4;
            let device = if at % 50 == 0 { person + 1 } else { person } * 3 + at % 3;
            [format!("u{person}"), format!("person.{person}@Example.com"), format!("device-{device}")]
        })
        .collect();
    let identifiers = |at: usize| {
        let [user, email, device] = &rows[at];
        let all = [("anonymous_id", device.as_str()), ("user_id", user.as_str()), ("email", email.as_str())];
        (all, [1, 2, 2, 3][at % 4])
    };

    let (start, mut buffer) = (Instant::now(), SubjectBuffer::default());
    let ids: Vec<i64> = (0..rows.len())
        .filter_map(|at| {
            let (all, carried) = identifiers(at);
            subject_of(&rules, ("customer", "web"), &all[..carried], 0, &mut buffer)
        })
        .collect();
    report("subject_of", count, start);

    let (start, mut subjects) = (Instant::now(), Subjects::new(&rules));
    for (at, &id) in ids.iter().enumerate() {
        let (all, carried) = identifiers(at);
        let seen = at as i64 * 1_000_000;
        let new = NewSubject {
            id,
            population: "customer",
            source: "web",
            first_seen_us: seen,
            last_seen_us: seen,
            facts: 1,
            kind: SubjectKind::Event,
            trusted: true,
        };
        subjects.push(&new, all[..carried].iter().copied());
    }
    report("push", count, start);

    let start = Instant::now();
    let resolution = resolve(&subjects, &[]);
    report("resolve", count, start);

    let start = Instant::now();
    let persons = assign_person_ids(&[], &[], &resolution.assignments);
    report("assign_person_ids", count, start);
    println!("{} subjects, {} persons, {} conflicts", subjects.len(), persons.changes.len(), resolution.conflicts.len());
}

fn report(what: &str, count: u64, start: Instant) {
    let seconds = start.elapsed().as_secs_f64();
    println!("{what:<20}{seconds:>8.3} s {:>8.2} M/s", count as f64 / seconds / 1e6);
}
