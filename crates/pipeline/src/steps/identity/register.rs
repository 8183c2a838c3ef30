//! The register of person ids, `person_changes`: what it says so far, and what a run adds to it.
//!
//! A run adds three kinds of rows, told apart by `cause`: `online`, what the write path had shown since the last run (persons that it
//! founded, and those of them that it found to be one), so that every id that anybody may have seen leads somewhere; `correction`, where the
//! run answers otherwise than what was shown; and `rules`, everything else.
//!
//! Names follow from the register alone, so that a rebuild finds them again. It knows one subject a person, and does not see who leaves a person
//! that keeps its name: [`told_in_full`] adds that from the table of the last run, so that whoever lost or won a subject is there for the steps
//! that recompute the people who were touched.

use arrow::array::{Array, Int64Array, RecordBatch, StringArray};
use clew_identity::online::corrections;
use clew_identity::{Change, ChangeKind, PersonId, Subjects, replay};
use datafusion::prelude::SessionContext;
use futures::TryStreamExt;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::columns::{Columns, TableRows, times};
use crate::online::{Answers, MergedAway};
use crate::run::RunError;

/// See the module.
#[derive(Debug, Default)]
pub struct Register {
    /// All changes so far.
    pub changes: Vec<Change>,
    /// One subject for each living person.
    pub anchors: Vec<(i64, PersonId)>,
    /// The last `seq`.
    pub last_seq: i64,
}

/// What a run adds.
#[derive(Debug, Default)]
pub struct Noted {
    /// Changes with their causes.
    pub changes: Vec<(Change, Cause)>,
    /// Subjects of which the write path had shown another person.
    pub corrected: u64,
}

impl Noted {
    /// Changes of this kind that the run itself made.
    pub fn count(&self, kind: ChangeKind) -> usize {
        self.changes.iter().filter(|(change, cause)| change.kind == kind && *cause != Cause::Online).count()
    }
}

/// Why a row was added: see the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    Rules,
    Online,
    Correction,
}

impl Cause {
    /// The word in the table.
    fn as_str(self) -> &'static str {
        match self {
            Self::Rules => "rules",
            Self::Online => "online",
            Self::Correction => "correction",
        }
    }
}

impl Register {
    /// What is stored.
    pub async fn read(session: &SessionContext) -> Result<Self, RunError> {
        let sql = "SELECT seq, change, from_person_id, to_person_id, subject FROM person_changes ORDER BY seq";
        let mut register = Self::default();
        let mut stored = session.sql(sql).await?.execute_stream().await?;
        while let Some(batch) = stored.try_next().await? {
            let columns = Columns(&batch);
            let (seq, change, subject) = (columns.int("seq")?, columns.text("change")?, columns.int("subject")?);
            let (from, to) = (columns.text("from_person_id")?, columns.text("to_person_id")?);
            for row in 0..batch.num_rows() {
                let kind = match change.value(row) {
                    "created" => ChangeKind::Created,
                    "merged" => ChangeKind::Merged,
                    "split" => ChangeKind::Split,
                    "erased" => ChangeKind::Erased,
                    _ => ChangeKind::Moved,
                };
                let from = (!from.is_null(row)).then(|| from.value(row).parse()).transpose()?;
                register.changes.push(Change { kind, from, to: to.value(row).parse()?, subject: subject.value(row) });
                register.last_seq = seq.value(row);
            }
        }
        register.anchors = replay(&register.changes);
        Ok(register)
    }

    /// What a run adds that named its persons `persons`, which changed so since the last one, where the write path had shown `answers`.
    pub fn noted(&self, persons: &[(i64, PersonId)], changes: Vec<Change>, answers: &Answers) -> Noted {
        if answers.subjects.is_empty() && answers.merged.is_empty() {
            return Noted { changes: changes.into_iter().map(|change| (change, Cause::Rules)).collect(), corrected: 0 };
        }
        let mut run = persons.to_vec();
        run.sort_unstable();
        let founder_of: FxHashMap<PersonId, i64> = answers.founded.iter().map(|&(subject, person)| (person, subject)).collect();
        let named: FxHashSet<PersonId> = self.changes.iter().map(|change| change.to).collect();
        let is_there = |subject: i64| run.binary_search_by_key(&subject, |(subject, _)| *subject).is_ok();
        let mut noted = Noted::default();
        // A run that died behind this table has noted them already.
        let new = |away: &&MergedAway| !named.contains(&away.person) && is_there(away.founder);
        for &MergedAway { person, founder: subject, into } in answers.merged.iter().filter(new) {
            noted.changes.push((Change { kind: ChangeKind::Created, from: None, to: person, subject }, Cause::Online));
            noted.changes.push((Change { kind: ChangeKind::Merged, from: Some(person), to: into, subject }, Cause::Online));
        }
        let corrections = corrections(answers.subjects.iter().copied(), &run);
        let corrected: FxHashSet<(PersonId, PersonId)> = corrections.iter().map(|found| (found.shown, found.became)).collect();
        let told: FxHashSet<(PersonId, PersonId)> =
            self.changes.iter().chain(&changes).filter_map(|change| Some((change.from?, change.to))).collect();
        for change in changes {
            let shown = change.kind == ChangeKind::Created && founder_of.get(&change.to) == Some(&change.subject);
            let cause = match change.from {
                Some(from) if corrected.contains(&(from, change.to)) => Cause::Correction,
                None if shown => Cause::Online,
                _ => Cause::Rules,
            };
            noted.changes.push((change, cause));
        }
        for found in corrections {
            noted.corrected += found.subjects;
            if !told.contains(&(found.shown, found.became)) {
                let (from, to, subject) = (Some(found.shown), found.became, found.subject);
                noted.changes.push((Change { kind: ChangeKind::Moved, from, to, subject }, Cause::Correction));
            }
        }
        noted
    }
}

/// A subject that the last run gave to another person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Left {
    /// Its place in what the run answers now.
    pub place: u32,
    /// Whose it was.
    pub from: PersonId,
}

/// The subjects that the table of the last run gives to others than `persons` does, which is the answer of this run in its order; ascending.
pub async fn left(session: &SessionContext, subjects: &Subjects<'_>, persons: &[(i64, PersonId)]) -> Result<Vec<Left>, RunError> {
    let mut place_of = vec![u32::MAX; subjects.len()];
    for (place, (subject, _)) in (0..).zip(persons) {
        if let Some(at) = subjects.place(*subject) {
            place_of[at] = place;
        }
    }
    let mut left = Vec::new();
    let mut stored = session.sql("SELECT subject, person_id FROM subjects").await?.execute_stream().await?;
    while let Some(batch) = stored.try_next().await? {
        let (subject, person) = (Columns(&batch).int("subject")?, Columns(&batch).text("person_id")?);
        for (subject, person) in subject.values().iter().zip(person.iter().flatten()) {
            let from: PersonId = person.parse()?;
            let place = subjects.place(*subject).map_or(u32::MAX, |at| place_of[at]);
            if persons.get(place as usize).is_some_and(|(_, now)| *now != from) {
                left.push(Left { place, from });
            }
        }
    }
    left.sort_unstable();
    left.dedup();
    Ok(left)
}

/// `changes` with where new persons came from, and with a row for each two persons between which a subject went and of which nothing is said.
pub fn told_in_full(mut changes: Vec<Change>, left: &[Left], persons: &[(i64, PersonId)]) -> Vec<Change> {
    let from_of: FxHashMap<i64, PersonId> = left.iter().map(|left| (persons[left.place as usize].0, left.from)).collect();
    for change in changes.iter_mut().filter(|change| change.kind == ChangeKind::Created) {
        if let Some(from) = from_of.get(&change.subject).filter(|from| **from != change.to) {
            (change.kind, change.from) = (ChangeKind::Split, Some(*from));
        }
    }
    let mut told: FxHashSet<(PersonId, PersonId)> = changes.iter().filter_map(|change| Some((change.from?, change.to))).collect();
    for &Left { place, from } in left {
        let (subject, to) = persons[place as usize];
        if told.insert((from, to)) {
            changes.push(Change { kind: ChangeKind::Moved, from: Some(from), to, subject });
        }
    }
    changes
}

/// Rows of the table; the first gets `first_seq`.
pub fn rows(changes: &[(Change, Cause)], first_seq: i64, now_us: i64) -> Result<RecordBatch, RunError> {
    let n = changes.len();
    let all = || changes.iter().map(|(change, _)| change);
    Ok(TableRows::of("person_changes", n)
        .with("seq", Int64Array::from_iter_values((first_seq..).take(n)))
        .with("changed_at", times(all().map(|_| Some(now_us))))
        .with("change", StringArray::from_iter_values(all().map(|change| change.kind.as_str())))
        .with("from_person_id", StringArray::from_iter(all().map(|change| change.from.map(|person| person.to_string()))))
        .with("to_person_id", StringArray::from_iter_values(all().map(|change| change.to.to_string())))
        .with("subject", Int64Array::from_iter_values(all().map(|change| change.subject)))
        .with("cause", StringArray::from_iter_values(changes.iter().map(|(_, cause)| cause.as_str())))
        .finish()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_leaves_a_person_that_keeps_its_name_is_told_once() {
        let [p1, p2, p3] = [1, 2, 3].map(PersonId);
        let created = |to, subject| Change { kind: ChangeKind::Created, from: None, to, subject };
        // 2 and 3 leave person 1 as a new one, and 4, which was another's, comes to 1; 5 is new.
        let persons = [(1, p1), (2, p3), (3, p3), (4, p1), (5, PersonId(5))];
        let left = [Left { place: 1, from: p1 }, Left { place: 2, from: p1 }, Left { place: 3, from: p2 }];
        let told = told_in_full(vec![created(p3, 2), created(PersonId(5), 5)], &left, &persons);
        let change = |kind, from, to, subject| Change { kind, from: Some(from), to, subject };
        assert_eq!(told, [change(ChangeKind::Split, p1, p3, 2), created(PersonId(5), 5), change(ChangeKind::Moved, p2, p1, 4)]);
        assert_eq!(told_in_full(told.clone(), &left, &persons), told);
        assert!(told_in_full(Vec::new(), &[], &persons).is_empty());
    }
}
