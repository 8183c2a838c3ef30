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

/// The persons of the previous run, numbered by id, and where their subjects are now.
struct Former {
    /// Ascending.
    ids: Vec<PersonId>,
    /// By number: its subjects, also those that are gone.
    subjects: Vec<u32>,
    /// The rows that have a person, by its number, part and place.
    rows: Vec<u32>,
    /// By number and place of its first row.
    pieces: Vec<Piece>,
    /// By number: where its pieces begin; one more at the end.
    starts: Vec<u32>,
    /// Places of pieces, by part and place of the first row.
    by_part: Vec<u32>,
}

/// The subjects of a person that are in one part now.
#[derive(Clone, Copy)]
struct Piece {
    person: u32,
    part: u32,
    /// Where its rows begin in `Former::rows`, and how many they are.
    start: u32,
    subjects: u32,
    facts: u64,
}

impl Former {
    fn new(person_before: &FxHashMap<i64, PersonId>, partition: &[Assignment], parts: &Parts) -> Self {
        let mut ids: Vec<PersonId> = person_before.values().copied().collect();
        ids.sort_unstable();
        ids.dedup();
        let number = |person: &PersonId| ids.binary_search(person).expect("it is one of these") as u32;
        let mut subjects = vec![0; ids.len()];
        for person in person_before.values() {
            subjects[number(person) as usize] += 1;
        }
        let mut sorted: Vec<(u32, u32, u32)> = Vec::with_capacity(person_before.len());
        for ((row, assignment), part) in (0..).zip(partition).zip(&parts.of_row) {
            if let Some(person) = person_before.get(&assignment.subject) {
                sorted.push((number(person), *part, row));
            }
        }
        sorted.sort_unstable();
        let rows: Vec<u32> = sorted.iter().map(|(_, _, row)| *row).collect();
        let mut pieces: Vec<Piece> = Vec::new();
        for (start, (person, part, row)) in (0..).zip(sorted) {
            let facts = partition[row as usize].facts.max(1);
            match pieces.last_mut().filter(|piece| (piece.person, piece.part) == (person, part)) {
                Some(piece) => {
                    piece.subjects += 1;
                    piece.facts += facts;
                }
                None => pieces.push(Piece { person, part, start, subjects: 1, facts }),
            }
        }
        let first = |piece: &Piece| rows[piece.start as usize];
        pieces.sort_unstable_by_key(|piece| (piece.person, first(piece)));
        let starts = (0..=ids.len() as u32).map(|at| pieces.partition_point(|piece| piece.person < at) as u32).collect();
        let mut by_part: Vec<u32> = (0..pieces.len() as u32).collect();
        by_part.sort_unstable_by_key(|&at| (pieces[at as usize].part, first(&pieces[at as usize])));
        Self { ids, subjects, rows, pieces, starts, by_part }
    }

    fn number(&self, person: PersonId) -> Option<usize> {
        self.ids.binary_search(&person).ok()
    }

    fn pieces(&self, number: usize) -> &[Piece] {
        &self.pieces[self.starts[number] as usize..self.starts[number + 1] as usize]
    }

    /// The part that keeps the id.
    fn home(&self, number: usize) -> Option<u32> {
        let largest = self.pieces(number).iter().max_by_key(|piece| (piece.facts, std::cmp::Reverse(self.rows_of(piece)[0])));
        largest.map(|piece| piece.part)
    }

    fn is_home(&self, piece: &Piece) -> bool {
        self.home(piece.person as usize) == Some(piece.part)
    }

    /// First row of the person.
    fn oldest(&self, number: usize) -> u32 {
        self.pieces(number).first().map_or(u32::MAX, |piece| self.rows_of(piece)[0])
    }

    /// Ascending.
    fn rows_of(&self, piece: &Piece) -> &[u32] {
        &self.rows[piece.start as usize..(piece.start + piece.subjects) as usize]
    }
}

/// The parts of a partition, numbered in the order of their first rows.
struct Parts {
    of_row: Vec<u32>,
    /// By part.
    first_rows: Vec<u32>,
}

impl Parts {
    fn of(partition: &[Assignment]) -> Self {
        let mut part_of: FxHashMap<i64, u32> = FxHashMap::default();
        let mut first_rows = Vec::new();
        let of_row = (0..).zip(partition).map(|(row, assignment)| {
            *part_of.entry(assignment.founder).or_insert_with(|| {
                first_rows.push(row);
                first_rows.len() as u32 - 1
            })
        });
        Self { of_row: of_row.collect(), first_rows }
    }
}

/// Names the persons of `partition` (in canonical order, as [`crate::resolve`] returns it) so that those of `previous`
/// keep their ids wherever the rule in the module header allows it. `previous` may hold every subject or one for each
/// person. `provisional` are persons that only the write path has named, each with its founding subject: they rank behind all of
/// `previous`. The same partition again gives no changes. O(n log n).
pub fn assign_person_ids(previous: &[(i64, PersonId)], provisional: &[(i64, PersonId)], partition: &[Assignment]) -> Persons {
    let registered: FxHashSet<PersonId> =
        if provisional.is_empty() { FxHashSet::default() } else { previous.iter().map(|&(_, person)| person).collect() };
    let hinted: FxHashSet<PersonId> =
        provisional.iter().map(|&(_, person)| person).filter(|person| !registered.contains(person)).collect();
    let hints = || provisional.iter().copied().filter(|(_, person)| hinted.contains(person));
    let mut person_before: FxHashMap<i64, PersonId> = hints().collect();
    person_before.extend(previous.iter().copied());
    let parts = Parts::of(partition);
    let former = Former::new(&person_before, partition, &parts);

    let mut incoming = former.by_part.iter().map(|&at| &former.pieces[at as usize]).peekable();
    let mut given: FxHashSet<PersonId> = FxHashSet::default();
    let names: Vec<PersonId> = (0..)
        .zip(&parts.first_rows)
        .map(|(part, &first)| {
            let rank = |piece: &&Piece| {
                let number = piece.person as usize;
                (hinted.contains(&former.ids[number]), former.oldest(number))
            };
            let into_it = std::iter::from_fn(|| incoming.next_if(|piece| piece.part == part));
            // All of them are stepped over, whoever wins.
            let survivor = into_it.filter(|piece| former.is_home(piece)).min_by_key(rank);
            survivor.map_or_else(
                || free_name(partition[first as usize].subject, &former, &mut given),
                |piece| former.ids[piece.person as usize],
            )
        })
        .collect();
    drop(given);

    let ids = partition.iter().zip(&parts.of_row).map(|(row, part)| (row.subject, names[*part as usize])).collect();
    let changes = Changes { partition, person_before: &person_before, parts: &parts, former: &former, names: &names };
    let mut persons = Persons { ids, changes: changes.shown(hints()) };
    changes.note(&mut persons.changes);
    changes.note_gone(previous, &mut persons.changes);
    persons
}

/// What is said of a run.
struct Changes<'a> {
    partition: &'a [Assignment],
    person_before: &'a FxHashMap<i64, PersonId>,
    parts: &'a Parts,
    former: &'a Former,
    /// By part.
    names: &'a [PersonId],
}

impl Changes<'_> {
    /// The persons that the write path named and that are there.
    fn shown(&self, hints: impl Iterator<Item = (i64, PersonId)>) -> Vec<Change> {
        let is_there = |person: PersonId| self.former.number(person).is_some_and(|number| !self.former.pieces(number).is_empty());
        let mut shown: Vec<(PersonId, i64)> = hints
            .filter(|&(subject, person)| self.person_before[&subject] == person && is_there(person))
            .map(|(subject, person)| (person, subject))
            .collect();
        shown.sort_unstable();
        shown.into_iter().map(|(to, subject)| Change { kind: ChangeKind::Created, from: None, to, subject }).collect()
    }

    /// Of each part what it is made of, in order.
    fn note(&self, changes: &mut Vec<Change>) {
        let Self { partition, former, .. } = *self;
        let mut incoming = former.by_part.iter().map(|&at| former.pieces[at as usize]).peekable();
        for ((part, &to), &first) in (0..).zip(self.names).zip(&self.parts.first_rows) {
            let founder = partition[first as usize].subject;
            let mut note = |kind, from, subject| changes.push(Change { kind, from, to, subject });
            if incoming.peek().is_none_or(|piece| piece.part != part) {
                note(ChangeKind::Created, None, founder);
            }
            while let Some(piece) = incoming.next_if(|piece| piece.part == part) {
                let person = former.ids[piece.person as usize];
                let subjects = former.rows_of(&piece).iter().map(|&row| partition[row as usize].subject);
                let first = partition[former.rows_of(&piece)[0] as usize].subject;
                if person == to {
                    if piece.subjects < former.subjects[piece.person as usize] {
                        note(ChangeKind::Moved, Some(to), founder);
                    }
                } else if former.is_home(&piece) {
                    note(ChangeKind::Merged, Some(person), first);
                } else if former.number(to).is_some() {
                    subjects.for_each(|subject| note(ChangeKind::Moved, Some(person), subject));
                } else {
                    note(ChangeKind::Split, Some(person), first);
                }
            }
        }
    }

    /// The persons of `previous` of whom nothing is there any more, by id.
    fn note_gone(&self, previous: &[(i64, PersonId)], changes: &mut Vec<Change>) {
        let is_gone = |person: PersonId| self.former.number(person).is_some_and(|number| self.former.pieces(number).is_empty());
        let mut gone: Vec<(PersonId, i64)> =
            previous.iter().filter(|(_, person)| is_gone(*person)).map(|&(subject, person)| (person, subject)).collect();
        gone.sort_unstable();
        gone.dedup_by_key(|(person, _)| *person);
        let erased = |(person, subject)| Change { kind: ChangeKind::Erased, from: Some(person), to: person, subject };
        changes.extend(gone.into_iter().map(erased));
    }
}

/// Names that `founder` may give, in the order in which they are tried.
pub(crate) fn names_after(founder: i64) -> impl Iterator<Item = PersonId> {
    (0..).map(move |attempt| if attempt == 0 { PersonId::founded_by(founder) } else { PersonId::alternative(founder, attempt) })
}

/// The first name after `founder` that neither a former person has nor one of the run's.
fn free_name(founder: i64, former: &Former, given: &mut FxHashSet<PersonId>) -> PersonId {
    let free = |name: &PersonId| former.number(*name).is_none() && given.insert(*name);
    names_after(founder).find(free).expect("the names do not end")
}

/// One subject for each living person, from all changes in the order in which they were stored: the `previous` of a
/// rebuild. Sorted by subject.
pub fn replay<'c>(changes: impl IntoIterator<Item = &'c Change>) -> Vec<(i64, PersonId)> {
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
