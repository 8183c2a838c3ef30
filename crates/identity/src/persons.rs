//! Person ids that stay put between runs, under a published rule, and the changes where they do not.
//!
//! An id comes from the founding subject, the first of the person in canonical order at the time when the person first
//! appeared, never from randomness. Between runs:
//!
//! 1. When a person splits, the id stays with the part that has the larger evidence (more facts; ties: the part with
//!    the older subject).
//! 2. When persons merge, the oldest id survives: that of the person with the earliest subject in canonical order.
//! 3. A part without an id gets that of its own founding subject. If that id is taken (its person lives on without
//!    this subject), the next number of a deterministic sequence is used. A merge that is undone thus gives both ids
//!    back where evidence allows it.
//!
//! What the write path answered before the run ([`crate::online`]) is a hint: its persons keep the ids that were shown, where the
//! partition has a part for them and no registered id is in it. They enter the changes as created, so that a replay finds them.
//!
//! [`replay`] turns the stored changes into the anchors from which a rebuild finds the same ids again: that table is
//! the one derived thing with memory. Missing here: valid_from and valid_to of the mapping, which need a clock.

use std::fmt;
use std::str::FromStr;

use clew_model::id::Base32;
use rustc_hash::{FxHashMap, FxHashSet};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::resolve::Assignment;

/// The id of a person. Text form: `p_` and thirteen characters of Crockford's base 32, lower case, which sort like the
/// number. <https://www.crockford.com/base32.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersonId(pub u64);

impl PersonId {
    /// The id that the person founded by `subject` gets if it is free.
    pub fn founded_by(subject: i64) -> Self {
        Self(subject as u64)
    }

    /// The `attempt`-th alternative of [`PersonId::founded_by`], from 1.
    fn alternative(subject: i64, attempt: u64) -> Self {
        Self(xxh3_64_with_seed(&subject.to_le_bytes(), attempt) >> 1)
    }
}

impl fmt::Display for PersonId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("p_")?;
        f.write_str(Base32::of(self.0).as_str())
    }
}

/// A text that is no person id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no person id: `p_` and thirteen letters and digits are expected, such as p_0000000000042")]
pub struct NotAPersonId(String);

impl FromStr for PersonId {
    type Err = NotAPersonId;

    fn from_str(text: &str) -> Result<Self, NotAPersonId> {
        text.strip_prefix("p_").and_then(Base32::parse).map(Self).ok_or_else(|| NotAPersonId(text.to_owned()))
    }
}

/// What happened to the mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangeKind {
    /// A person appeared; `subject` founded it.
    Created,
    /// `from` became part of `to`; `subject` is the first of `from`.
    Merged,
    /// A part of `from` became `to`; `subject` is the first of that part.
    Split,
    /// `subject` went from `from` to `to`, which was there before. `from` = `to`: the person lost subjects and is now
    /// found by `subject`.
    Moved,
    /// No subject of `from` is there any more (`to` repeats it; `subject` was one of them): its id is free again.
    Erased,
}

impl ChangeKind {
    /// The word in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Merged => "merged",
            Self::Split => "split",
            Self::Moved => "moved",
            Self::Erased => "erased",
        }
    }
}

/// A change of the mapping from subjects to persons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// What happened.
    pub kind: ChangeKind,
    /// The person before; none for a new one.
    pub from: Option<PersonId>,
    /// The person after.
    pub to: PersonId,
    /// The subject that it is about.
    pub subject: i64,
}

/// Persons after a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Persons {
    /// The person of each row of the partition, in its order.
    pub ids: Vec<(i64, PersonId)>,
    /// What changed since `previous`, in canonical order of the persons; the erased ones last, by id.
    pub changes: Vec<Change>,
}

/// A person of the previous run.
#[derive(Default)]
struct Former {
    /// Its subjects, also those that are gone.
    subjects: usize,
    /// (part, evidence, first row, subjects in it), in order of first row.
    pieces: Vec<Piece>,
}

struct Piece {
    part: usize,
    facts: u64,
    first: usize,
    subjects: usize,
}

impl Former {
    fn oldest(&self) -> usize {
        self.pieces.first().map_or(usize::MAX, |piece| piece.first)
    }

    fn home(&self) -> Option<&Piece> {
        self.pieces.iter().max_by_key(|piece| (piece.facts, std::cmp::Reverse(piece.first)))
    }
}

/// Names the persons of `partition` (in canonical order, as [`crate::resolve`] returns it) so that those of `previous`
/// keep their ids wherever the rule in the module header allows it. `previous` may hold every subject or one for each
/// person. `provisional` are persons that only the write path has named, each with its founding subject: they rank behind all of
/// `previous`. The same partition again gives no changes. O(n).
pub fn assign_person_ids(previous: &[(i64, PersonId)], provisional: &[(i64, PersonId)], partition: &[Assignment]) -> Persons {
    let registered: FxHashSet<PersonId> = previous.iter().map(|&(_, person)| person).collect();
    let hints = || provisional.iter().copied().filter(|(_, person)| !registered.contains(person));
    let mut person_before: FxHashMap<i64, PersonId> = hints().collect();
    person_before.extend(previous.iter().copied());
    let mut former: FxHashMap<PersonId, Former> = FxHashMap::default();
    for &person in person_before.values() {
        former.entry(person).or_default().subjects += 1;
    }
    let mut part_of: FxHashMap<i64, usize> = FxHashMap::default();
    // For each part: its rows, and the persons that come into it in order of their first row there.
    let mut rows: Vec<Vec<usize>> = Vec::new();
    let mut incoming: Vec<Vec<PersonId>> = Vec::new();
    for (row, assignment) in partition.iter().enumerate() {
        let part = *part_of.entry(assignment.founder).or_insert_with(|| {
            rows.push(Vec::new());
            incoming.push(Vec::new());
            rows.len() - 1
        });
        rows[part].push(row);
        let Some(&person) = person_before.get(&assignment.subject) else { continue };
        let pieces = &mut former.entry(person).or_default().pieces;
        if let Some(piece) = pieces.iter_mut().find(|piece| piece.part == part) {
            piece.facts += assignment.facts.max(1);
            piece.subjects += 1;
        } else {
            pieces.push(Piece { part, facts: assignment.facts.max(1), first: row, subjects: 1 });
            incoming[part].push(person);
        }
    }
    let mut taken: FxHashSet<PersonId> = former.keys().copied().collect();
    let is_home = |person: &PersonId, part: usize| former[person].home().is_some_and(|home| home.part == part);
    let names: Vec<PersonId> = (0..rows.len())
        .map(|part| {
            let rank = |person: &PersonId| (!registered.contains(person), former[person].oldest());
            let survivor = incoming[part].iter().filter(|person| is_home(person, part)).min_by_key(|person| rank(person));
            survivor.copied().unwrap_or_else(|| free_name(partition[rows[part][0]].subject, &mut taken))
        })
        .collect();

    let mut persons =
        Persons { ids: partition.iter().map(|row| (row.subject, names[part_of[&row.founder]])).collect(), changes: Vec::new() };
    let mut shown: Vec<(PersonId, i64)> = hints()
        .filter(|(subject, person)| person_before[subject] == *person && !former[person].pieces.is_empty())
        .map(|(s, p)| (p, s))
        .collect();
    shown.sort_unstable();
    let created = |(to, subject)| Change { kind: ChangeKind::Created, from: None, to, subject };
    persons.changes.extend(shown.into_iter().map(created));
    for (part, &to) in names.iter().enumerate() {
        let founder = partition[rows[part][0]].subject;
        let mut note = |kind, from, subject| persons.changes.push(Change { kind, from, to, subject });
        if incoming[part].is_empty() {
            note(ChangeKind::Created, None, founder);
        }
        for person in &incoming[part] {
            let before = &former[person];
            let Some(piece) = before.pieces.iter().find(|piece| piece.part == part) else { continue };
            let first = partition[piece.first].subject;
            if *person == to {
                if piece.subjects < before.subjects {
                    note(ChangeKind::Moved, Some(to), founder);
                }
            } else if is_home(person, part) {
                note(ChangeKind::Merged, Some(*person), first);
            } else if former.contains_key(&to) {
                for &row in rows[part].iter().filter(|&&row| person_before.get(&partition[row].subject) == Some(person)) {
                    note(ChangeKind::Moved, Some(*person), partition[row].subject);
                }
            } else {
                note(ChangeKind::Split, Some(*person), first);
            }
        }
    }
    let mut gone: FxHashMap<PersonId, i64> = FxHashMap::default();
    for (subject, person) in previous.iter().filter(|(_, person)| former[person].pieces.is_empty()) {
        gone.entry(*person).and_modify(|first| *first = (*first).min(*subject)).or_insert(*subject);
    }
    let mut gone: Vec<(PersonId, i64)> = gone.into_iter().collect();
    gone.sort_unstable();
    let erased = |(person, subject)| Change { kind: ChangeKind::Erased, from: Some(person), to: person, subject };
    persons.changes.extend(gone.into_iter().map(erased));
    persons
}

/// Names that `founder` may give, in the order in which they are tried.
pub(crate) fn names_after(founder: i64) -> impl Iterator<Item = PersonId> {
    (0..).map(move |attempt| if attempt == 0 { PersonId::founded_by(founder) } else { PersonId::alternative(founder, attempt) })
}

fn free_name(founder: i64, taken: &mut FxHashSet<PersonId>) -> PersonId {
    names_after(founder).find(|name| taken.insert(*name)).expect("the names do not end")
}

/// One subject for each living person, from all changes in the order in which they were stored: the `previous` of a
/// rebuild. Sorted by subject.
pub fn replay(changes: &[Change]) -> Vec<(i64, PersonId)> {
    let mut anchors: FxHashMap<PersonId, i64> = FxHashMap::default();
    for change in changes {
        match (change.kind, change.from) {
            (ChangeKind::Merged | ChangeKind::Erased, Some(from)) => {
                anchors.remove(&from);
            }
            (ChangeKind::Moved, Some(from)) if from != change.to => {}
            _ => {
                anchors.insert(change.to, change.subject);
            }
        }
    }
    let mut previous: Vec<(i64, PersonId)> = anchors.into_iter().map(|(person, subject)| (subject, person)).collect();
    previous.sort_unstable();
    previous
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::resolve::DecidedBy;
    use crate::subjects::SubjectKind;

    /// Rows (subject, founder), one fact each.
    fn partition(rows: &[(i64, i64)]) -> Vec<Assignment> {
        rows.iter()
            .map(|&(subject, founder)| Assignment {
                subject,
                founder,
                kind: SubjectKind::Event,
                facts: 1,
                decided_by: DecidedBy::Rule,
            })
            .collect()
    }

    fn run(previous: &Persons, rows: &[(i64, i64)]) -> Persons {
        assign_person_ids(&previous.ids, &[], &partition(rows))
    }

    const P1: PersonId = PersonId(1);
    const P2: PersonId = PersonId(2);
    const P3: PersonId = PersonId(3);

    fn change(kind: ChangeKind, from: Option<PersonId>, to: PersonId, subject: i64) -> Change {
        Change { kind, from, to, subject }
    }

    #[test]
    fn the_oldest_survives_a_merge_and_a_split_gives_the_other_id_back() {
        let apart = run(&Persons::default(), &[(1, 1), (2, 2), (3, 2)]);
        assert_eq!(apart.changes, [change(ChangeKind::Created, None, P1, 1), change(ChangeKind::Created, None, P2, 2)]);
        let one = run(&apart, &[(1, 1), (2, 1), (3, 1)]);
        assert_eq!(one.ids, [(1, P1), (2, P1), (3, P1)]);
        assert_eq!(one.changes, [change(ChangeKind::Merged, Some(P2), P1, 2)]);
        // The larger evidence, subjects 2 and 3, keeps p1; what is left of it is founded by 1, whose id is taken.
        let split = run(&one, &[(1, 1), (2, 2), (3, 2)]);
        assert_eq!((split.ids[1].1, split.ids[2].1), (P1, P1));
        assert!(split.ids[0].1 != P1 && split.ids[0].1 != P2);
        assert_eq!(
            split.changes,
            [change(ChangeKind::Split, Some(P1), split.ids[0].1, 1), change(ChangeKind::Moved, Some(P1), P1, 2)]
        );
        // With equal evidence the older part keeps it, and the other gets its own id back.
        let one = run(&run(&Persons::default(), &[(1, 1), (2, 2)]), &[(1, 1), (2, 1)]);
        assert_eq!(run(&one, &[(1, 1), (2, 2)]).ids, [(1, P1), (2, P2)]);
    }

    #[test]
    fn an_id_that_was_shown_stays_unless_a_registered_one_is_in_the_part() {
        // The write path met 2 before 1 and named the person after it.
        let named = assign_person_ids(&[], &[(2, P2)], &partition(&[(1, 1), (2, 1)]));
        assert_eq!(named.ids, [(1, P2), (2, P2)]);
        assert_eq!(named.changes, [change(ChangeKind::Created, None, P2, 2)]);
        assert_eq!(replay(&named.changes), [(2, P2)]);
        // A registered person wins, whatever is older, and the change tells what became of the one that was shown.
        let merged = assign_person_ids(&[(3, P3)], &[(2, P2)], &partition(&[(1, 1), (2, 1), (3, 1)]));
        assert_eq!(merged.ids[0].1, P3);
        assert_eq!(merged.changes, [change(ChangeKind::Created, None, P2, 2), change(ChangeKind::Merged, Some(P2), P3, 2)]);
        // One whose subject is nowhere to be seen was never there.
        assert_eq!(assign_person_ids(&[], &[(9, P3)], &partition(&[(1, 1)])).changes, [change(ChangeKind::Created, None, P1, 1)]);
    }

    #[test]
    fn a_subject_that_changes_sides_is_moved() {
        let before = run(&Persons::default(), &[(1, 1), (2, 1), (3, 3)]);
        let after = run(&before, &[(1, 1), (2, 2), (3, 2)]);
        assert_eq!(after.ids, [(1, P1), (2, P3), (3, P3)]);
        assert_eq!(after.changes, [change(ChangeKind::Moved, Some(P1), P1, 1), change(ChangeKind::Moved, Some(P1), P3, 2)]);
    }

    #[test]
    fn an_id_reads_back_and_sorts_like_its_number() {
        assert_eq!(PersonId(0).to_string(), "p_0000000000000");
        assert_eq!(PersonId(u64::MAX).to_string(), "p_fzzzzzzzzzzzz");
        for number in [0, 1, 31, 32, 1 << 40, i64::MAX as u64, u64::MAX] {
            assert_eq!(PersonId(number).to_string().to_uppercase().replacen('P', "p", 1).parse(), Ok(PersonId(number)));
        }
        for text in ["", "p_", "p_000000000000u", "p_zzzzzzzzzzzzz", "q_0000000000000", "p_00000000000000", "p_éé000000000"] {
            assert!(text.parse::<PersonId>().is_err(), "{text}");
        }
    }

    /// A history of partitions of up to nine subjects; `None` stands for a subject that is not there.
    fn history() -> impl Strategy<Value = Vec<Vec<Assignment>>> {
        let row = prop_oneof![8 => (0..4_usize).prop_map(Some), 1 => Just(None)];
        let one = prop::collection::vec((row, 0..4_u64), 9).prop_map(|rows| {
            let mut founders = [None; 4];
            let rows = rows.into_iter().enumerate().filter_map(|(subject, (label, facts))| Some((subject as i64, label?, facts)));
            rows.map(|(subject, label, facts)| {
                let founder = *founders[label].get_or_insert(subject);
                Assignment { subject, founder, kind: SubjectKind::Event, facts, decided_by: DecidedBy::Rule }
            })
            .collect()
        });
        prop::collection::vec(one, 1..6)
    }

    proptest! {
        #[test]
        fn ids_are_distinct_stable_and_replayable(history in history()) {
            let mut now = Persons::default();
            let mut stored = Vec::new();
            for partition in &history {
                let next = assign_person_ids(&now.ids, &[], partition);
                // One id for each person, and one person for each id.
                for (a, x) in partition.iter().zip(&next.ids) {
                    for (b, y) in partition.iter().zip(&next.ids) {
                        prop_assert_eq!(a.founder == b.founder, x.1 == y.1);
                    }
                }
                prop_assert!(assign_person_ids(&next.ids, &[], partition).changes.is_empty());
                stored.extend_from_slice(&next.changes);
                prop_assert_eq!(&assign_person_ids(&replay(&stored), &[], partition).ids, &next.ids);
                // Whoever changed sides is explained.
                let before: FxHashMap<i64, PersonId> = now.ids.iter().copied().collect();
                for (subject, to) in &next.ids {
                    if let Some(from) = before.get(subject).filter(|from| *from != to) {
                        prop_assert!(next.changes.iter().any(|c| c.from == Some(*from) && c.to == *to));
                    }
                }
                now = next;
            }
        }
    }
}
