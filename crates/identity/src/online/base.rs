//! What a run leaves to the write path: every value, subject and person as the run answers, in the order of their keys.
//!
//! Columns, not one object a person: a company has millions of people, and each is looked at once, when it is written.

use std::iter::Peekable;
use std::vec::IntoIter;

use rustc_hash::FxHashMap;

use super::{Held, MOST_HELD, MOST_REFUSED, MOST_SUBJECTS, Person, Value, kind_key, value_key};
use crate::persons::PersonId;
use crate::resolve::{Decision, DecisionKind, Reason, Resolution, Role};
use crate::subjects::Subjects;

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Base {
    /// Ascending by key.
    values: Vec<BaseValue>,
    /// By key: who was refused the value. Few are.
    refused: FxHashMap<u128, Vec<PersonId>>,
    /// Whose each subject is, ascending.
    subjects: Vec<(i64, PersonId)>,
    /// Ascending by id.
    persons: Vec<BasePerson>,
    /// Subjects by person, then in canonical order.
    members: Vec<(PersonId, i64)>,
    /// What persons hold, ascending by person, the newest first.
    held: Vec<(PersonId, Held)>,
    /// Who is kept apart from whom, both ways, ascending.
    apart: Vec<(PersonId, PersonId)>,
    /// Populations and sources.
    names: Vec<String>,
}

#[derive(Clone, Copy, Debug)]
struct BaseValue {
    /// [`value_key`].
    key: u128,
    holder: Option<PersonId>,
    shared: bool,
}

#[derive(Clone, Copy, Debug)]
struct BasePerson {
    id: PersonId,
    founder: i64,
    founded_us: i64,
    /// Places in `Base::names`.
    population: u32,
    founded_in: u32,
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
        let mut base = Self { subjects: run.persons.to_vec(), ..Self::default() };
        base.subjects.sort_unstable();
        base.members = run.persons.iter().map(|&(subject, person)| (person, subject)).collect();
        // Stable: within a person the canonical order stays.
        base.members.sort_by_key(|(person, _)| *person);
        base.add_persons(run.subjects, anchors);
        base.add_values(run);
        base.add_apart(run);
        base
    }

    fn person_of(&self, subject: i64) -> Option<PersonId> {
        let place = self.subjects.binary_search_by_key(&subject, |(subject, _)| *subject).ok()?;
        Some(self.subjects[place].1)
    }

    fn add_persons(&mut self, subjects: &Subjects<'_>, anchors: &[(i64, PersonId)]) {
        let mut anchor_of: Vec<(PersonId, i64)> = anchors.iter().map(|&(subject, person)| (person, subject)).collect();
        anchor_of.sort_unstable();
        let mut places: FxHashMap<String, u32> = FxHashMap::default();
        let names = &mut self.names;
        let mut place = |name: &str| {
            places.get(name).copied().unwrap_or_else(|| {
                names.push(name.to_owned());
                places.insert(name.to_owned(), names.len() as u32 - 1);
                names.len() as u32 - 1
            })
        };
        for members in self.members.chunk_by(|a, b| a.0 == b.0) {
            let (id, first) = members[0];
            // A person that the register does not name yet is named after its first subject in canonical order.
            let anchor = anchor_of.binary_search_by_key(&id, |(person, _)| *person).ok().map(|at| anchor_of[at].1);
            let founder = anchor.filter(|&anchor| subjects.seen(anchor).is_some()).unwrap_or(first);
            let (Some(seen), Some(founded)) = (subjects.seen(first), subjects.seen(founder)) else { continue };
            self.persons.push(BasePerson {
                id,
                founder,
                founded_us: founded.first_seen_us,
                population: place(seen.population),
                founded_in: place(founded.source),
            });
        }
    }

    fn add_values(&mut self, run: &Run<'_>) {
        let Run { subjects, resolution, .. } = *run;
        let mut refused: FxHashMap<u32, Vec<PersonId>> = FxHashMap::default();
        for conflict in &resolution.conflicts {
            if matches!(conflict.reason, Reason::Limit(_) | Reason::Unique(_) | Reason::Apart(_))
                && let Some(person) = self.person_of(conflict.subject)
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
            let shared = used.role == Role::Shared && subjects.is_shared_by_nature(used.identifier) == crate::Shared::No;
            let holder = used.holder.and_then(|subject| Some((self.person_of(subject)?, subjects.seen(subject)?.first_seen_us)));
            if let Some((id, at_us)) = holder {
                self.held.push((id, Held { kind: kind_key(identifier.kind), at_us }));
            }
            let holder = holder.map(|(id, _)| id);
            if shared || holder.is_some() {
                let mut refused = refused.remove(&used.identifier).unwrap_or_default();
                refused.retain(|person| holder != Some(*person));
                if !refused.is_empty() {
                    self.refused.insert(key, refused);
                }
                self.values.push(BaseValue { key, holder, shared });
            }
        }
        self.values.sort_unstable_by_key(|value| value.key);
        self.held.sort_unstable_by_key(|(person, held)| (*person, std::cmp::Reverse((held.at_us, held.kind))));
    }

    /// The persons that effective decisions keep apart.
    fn add_apart(&mut self, run: &Run<'_>) {
        let effective = (0..).zip(run.decisions).filter(|(at, _)| run.resolution.ineffective.binary_search(at).is_err());
        for (_, decision) in effective {
            if let DecisionKind::Apart(a, b) = decision.kind
                && let (Some(a), Some(b)) = (self.person_of(a), self.person_of(b))
                && a != b
            {
                self.apart.extend([(a, b), (b, a)]);
            }
        }
        self.apart.sort_unstable();
        self.apart.dedup();
    }

    /// Values by [`value_key`], persons by id and the person of each subject, each ascending.
    pub fn into_entries(
        self,
    ) -> (impl Iterator<Item = (u128, Value)>, impl Iterator<Item = (PersonId, Person)>, impl Iterator<Item = (i64, PersonId)>)
    {
        let Self { values, mut refused, subjects, persons, members, held, apart, names } = self;
        let values = values.into_iter().map(move |BaseValue { key, holder, shared }| {
            (key, Value { holder, shared, refused: refused.remove(&key).unwrap_or_default() })
        });
        let (mut members, mut held) = (members.into_iter().peekable(), held.into_iter().peekable());
        let mut apart = apart.into_iter().peekable();
        let persons = persons.into_iter().map(move |person| {
            let entry = Person {
                population: names[person.population as usize].clone(),
                founder: person.founder,
                founded_us: person.founded_us,
                founded_in: names[person.founded_in as usize].clone(),
                provisional: false,
                merged_into: None,
                held: of_person(&mut held, person.id, MOST_HELD),
                subjects: of_person(&mut members, person.id, MOST_SUBJECTS),
                apart: of_person(&mut apart, person.id, MOST_REFUSED),
            };
            (person.id, entry)
        });
        (values, persons, subjects.into_iter())
    }
}

/// What the list says of `person`, the first `most`; it is ascending by person, and so are the calls.
fn of_person<T>(list: &mut Peekable<IntoIter<(PersonId, T)>>, person: PersonId, most: usize) -> Vec<T> {
    while list.next_if(|(of, _)| *of < person).is_some() {}
    let mut found = Vec::new();
    while let Some((_, item)) = list.next_if(|(of, _)| *of == person) {
        if found.len() < most {
            found.push(item);
        }
    }
    found
}
