//! What a run leaves to the write path: every value, subject and person as the run answers, in the order of their keys.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::{Held, MOST_HELD, MOST_REFUSED, MOST_SUBJECTS, Person, Value, kind_key, value_key};
use crate::persons::PersonId;
use crate::resolve::{Decision, DecisionKind, Reason, Resolution, Role};
use crate::subjects::Subjects;

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Base {
    /// Values by [`value_key`], ascending.
    pub values: Vec<(u128, Value)>,
    /// Whose each subject is, ascending.
    pub subjects: Vec<(i64, PersonId)>,
    /// Persons, ascending by id.
    pub persons: BTreeMap<PersonId, Person>,
}

/// A run's answer.
#[derive(Clone, Copy)]
pub struct Run<'a> {
    /// What it looked at.
    pub subjects: &'a Subjects<'a>,
    /// Its partition.
    pub resolution: &'a Resolution,
    /// Its persons, in the order of the partition.
    pub persons: &'a [(i64, PersonId)],
    /// The decisions that it followed.
    pub decisions: &'a [Decision],
}

impl Base {
    /// What a run leaves that gave `resolution` and named its persons `persons` (in its order). `anchors` are the subjects after which the
    /// register names persons ([`crate::replay`]).
    pub fn of(run: &Run<'_>, anchors: &[(i64, PersonId)]) -> Self {
        let Run { subjects, resolution, persons, decisions } = *run;
        let person_of: FxHashMap<i64, PersonId> = persons.iter().copied().collect();
        let mut base = Self { subjects: persons.to_vec(), ..Self::default() };
        base.subjects.sort_unstable();
        let anchor_of: FxHashMap<PersonId, i64> = anchors.iter().map(|&(subject, person)| (person, subject)).collect();
        for &(subject, id) in persons {
            let Some(seen) = subjects.seen(subject) else { continue };
            // A person that the register does not name yet is named after its first subject in canonical order.
            let person = base.persons.entry(id).or_insert_with(|| {
                let founder = anchor_of.get(&id).copied().filter(|&anchor| subjects.seen(anchor).is_some()).unwrap_or(subject);
                Person {
                    population: seen.population.to_owned(),
                    founder,
                    founded_us: subjects.seen(founder).map_or(seen.first_seen_us, |seen| seen.first_seen_us),
                    founded_in: subjects.source_of(founder).to_owned(),
                    provisional: false,
                    merged_into: None,
                    held: Vec::new(),
                    subjects: Vec::new(),
                    apart: Vec::new(),
                }
            });
            if person.subjects.len() < MOST_SUBJECTS {
                person.subjects.push(subject);
            }
        }
        let mut refused: FxHashMap<u32, Vec<PersonId>> = FxHashMap::default();
        for conflict in &resolution.conflicts {
            if matches!(conflict.reason, Reason::Limit(_) | Reason::Unique(_) | Reason::Apart)
                && let Some(&person) = person_of.get(&conflict.subject)
            {
                let refused = refused.entry(conflict.identifier).or_default();
                if refused.len() < MOST_REFUSED && !refused.contains(&person) {
                    refused.push(person);
                }
            }
        }
        for used in &resolution.identifiers {
            let identifier = subjects.identifier(used.identifier);
            let key = value_key(identifier.population, identifier.kind, identifier.value, identifier.source);
            let by_count = used.role == Role::Shared && subjects.is_shared_by_nature(used.identifier) == crate::Shared::No;
            let holder = used.holder.and_then(|subject| Some((*person_of.get(&subject)?, subjects.seen(subject)?.first_seen_us)));
            if let Some((id, at_us)) = holder
                && let Some(person) = base.persons.get_mut(&id)
            {
                person.held.push(Held { kind: kind_key(identifier.kind), at_us });
            }
            if by_count || holder.is_some() {
                let mut refused = refused.remove(&used.identifier).unwrap_or_default();
                refused.retain(|person| holder.is_none_or(|(holder, _)| holder != *person));
                base.values.push((key, Value { holder: holder.map(|(id, _)| id), shared: by_count, refused }));
            }
        }
        base.values.sort_unstable_by_key(|(key, _)| *key);
        for person in base.persons.values_mut() {
            person.held.sort_unstable_by_key(|held| std::cmp::Reverse((held.at_us, held.kind)));
            person.held.truncate(MOST_HELD);
        }
        for (a, b) in apart(&person_of, resolution, decisions) {
            for (one, other) in [(a, b), (b, a)] {
                if let Some(person) = base.persons.get_mut(&one).filter(|person| person.apart.len() < MOST_REFUSED) {
                    person.apart.push(other);
                }
            }
        }
        base
    }
}

/// The persons that effective decisions keep apart.
fn apart(person_of: &FxHashMap<i64, PersonId>, resolution: &Resolution, decisions: &[Decision]) -> Vec<(PersonId, PersonId)> {
    let effective = (0..).zip(decisions).filter(|(at, _)| resolution.ineffective.binary_search(at).is_err());
    let pairs = effective.filter_map(|(_, decision)| match decision.kind {
        DecisionKind::Apart(a, b) => Some((*person_of.get(&a)?, *person_of.get(&b)?)),
        DecisionKind::Link(..) | DecisionKind::Detach(_) => None,
    });
    let mut pairs: Vec<_> = pairs.filter(|(a, b)| a != b).collect();
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}
