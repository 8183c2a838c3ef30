//! What readers see of the write path: subjects that no run knows yet, and subjects of persons that became part of others since.
//!
//! In memory, because SQL joins it with every fact: some 45 bytes a subject that founded its person, and as many subjects as the lake lets wait
//! for a run. So persons have a number here, and what is known of subjects and persons stands in columns. It is a projection of the index: each
//! durable change is taken in, and [`Shown::read`] finds the same in the stored index.
//!
//! The rows for SQL are made in parts of [`PART`], in the order in which subjects came. A part is made again only when something in it
//! has changed, which is the last one nearly always: the log's thread waits while a part is copied, never while all are.

use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, RwLock};

use arrow::array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use async_trait::async_trait;
use clew_identity::PersonId;
use clew_identity::online::{MOST_SUBJECTS, Person};
use clew_lake::{Change, Index, StorageError};
use datafusion::catalog::memory::MemorySourceConfig;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;

use super::keys::{self, Key, Since};
use super::{Answers, MergedAway};
use crate::columns::times;
use crate::steps::identity::{ALWAYS_US, bucket};

/// The name of the table in SQL.
pub const TABLE: &str = "online_subjects";
/// Rows that the table gives, and makes, together.
const PART: usize = if cfg!(test) { 4 } else { 64 << 10 };
/// Merges that are followed from a person to the one that it became.
const MOST_HOPS: usize = 64;

/// Of a person's founder: a run knew the person. Subjects are 63-bit numbers.
const NO_SUBJECT: i64 = -1;
/// Of the person that another one became part of: it is still itself.
const NOBODY: u32 = u32::MAX;
/// Of a person's population: the index has lost the person.
const NOWHERE: u16 = u16::MAX;

/// See the module.
#[derive(Debug, Default)]
pub struct Shown {
    /// Subjects in the order in which they came.
    subjects: Vec<i64>,
    /// Of each subject: the number of the person that it was given to.
    given: Vec<u32>,
    /// Places of subjects, by subject.
    places: HashTable<u32>,
    people: People,
    /// By part of the rows: when something in it changed last.
    touched: Vec<u64>,
    /// Counts what touches rows.
    now: u64,
    populations: Vec<String>,
}

/// Persons, each under the number that is its place in the columns.
#[derive(Debug, Default)]
struct People {
    ids: Vec<PersonId>,
    /// The subject that founded it since the run, or [`NO_SUBJECT`].
    founders: Vec<i64>,
    /// The number of the person that it became part of since the run, or [`NOBODY`].
    into: Vec<u32>,
    /// The place of its population, or [`NOWHERE`].
    populations: Vec<u16>,
    /// Numbers, by id.
    numbers: HashTable<u32>,
    /// Persons that were founded and are still themselves.
    alone: usize,
}

fn hash(number: u64) -> u64 {
    FxBuildHasher.hash_one(number)
}

impl People {
    fn len(&self) -> u32 {
        self.ids.len() as u32
    }

    /// The number of `id`, which is new if nothing was said of it yet.
    fn number(&mut self, id: PersonId) -> u32 {
        let known = self.numbers.find(hash(id.0), |&number| self.ids[number as usize] == id);
        if let Some(&number) = known {
            return number;
        }
        let number = self.len();
        self.ids.push(id);
        self.founders.push(NO_SUBJECT);
        self.into.push(NOBODY);
        self.populations.push(NOWHERE);
        self.numbers.insert_unique(hash(id.0), number, |&other| hash(self.ids[other as usize].0));
        number
    }

    fn is_alone(&self, number: usize) -> bool {
        self.founders[number] != NO_SUBJECT && self.into[number] == NOBODY
    }

    fn founded(&mut self, id: PersonId, founder: i64) {
        let number = self.number(id) as usize;
        self.alone -= usize::from(self.is_alone(number));
        self.founders[number] = founder;
        self.alone += usize::from(self.is_alone(number));
    }

    fn merged(&mut self, id: PersonId, into: PersonId) {
        let (number, into) = (self.number(id) as usize, self.number(into));
        self.alone -= usize::from(self.is_alone(number));
        self.into[number] = into;
        self.alone += usize::from(self.is_alone(number));
    }

    /// The person that this one is now.
    fn now(&self, mut number: u32) -> u32 {
        for _ in 0..MOST_HOPS {
            match self.into[number as usize] {
                NOBODY => break,
                into => number = into,
            }
        }
        number
    }

    fn id_now(&self, number: u32) -> PersonId {
        self.ids[self.now(number) as usize]
    }
}

/// What a row is made of: subject, person, place of its population.
type Row = (i64, PersonId, u16);

/// A part of the rows with the time of its last change.
type Part<T> = (u64, T);

impl Shown {
    /// What the stored index shows.
    pub fn read(index: &Index) -> Result<Self, StorageError> {
        let mut shown = Self::default();
        index.scan(b"f", |key, value| shown.take(key, value))?;
        index.scan(b"m", |key, value| shown.take(key, value))?;
        let merged = (0..shown.people.len()).filter(|number| shown.people.into[*number as usize] != NOBODY);
        for number in merged.collect::<Vec<_>>() {
            shown.take_person(index, shown.people.ids[number as usize])?;
            // The one that is shown in its place may have no subject of its own here.
            shown.take_person(index, shown.people.id_now(number))?;
        }
        let mut seen = Vec::new();
        index.recent(|sighting| {
            seen.push(sighting.subject);
            Ok(())
        })?;
        for subject in seen {
            let Some(value) = index.get(&Key::Subject(subject).to_bytes())? else { continue };
            if let Some((person, Since::TheRun)) = keys::subject_of(&value) {
                shown.give(subject, person);
                shown.take_person(index, person)?;
            }
        }
        Ok(shown)
    }

    fn take_person(&mut self, index: &Index, id: PersonId) -> Result<(), StorageError> {
        let key = Key::Person(id).to_bytes();
        index.get(&key)?.map_or(Ok(()), |value| self.take(&key, &value))
    }

    /// Takes the place of what is shown.
    pub fn replace(&mut self, mut loaded: Self) {
        loaded.now = self.now + 1;
        loaded.touched.fill(loaded.now);
        *self = loaded;
    }

    /// Takes in durable changes; gives the subjects that are new.
    pub fn take_in(&mut self, changes: &[Change]) -> Vec<i64> {
        let mut added = Vec::new();
        self.now += 1;
        for (key, value) in changes {
            if self.take(key, value).is_err() {
                tracing::error!("a change of the index of the write path does not decode; it is not shown until the next run");
            }
            if let Some(Key::Subject(subject)) = Key::from_bytes(key) {
                added.push(subject);
            }
        }
        added
    }

    fn place(&self, subject: i64) -> Option<u32> {
        self.places.find(hash(subject.cast_unsigned()), |&place| self.subjects[place as usize] == subject).copied()
    }

    /// Shows the subject as this person's.
    fn give(&mut self, subject: i64, person: PersonId) {
        let person = self.people.number(person);
        match self.place(subject) {
            Some(place) if self.given[place as usize] == person => {}
            Some(place) => {
                self.given[place as usize] = person;
                self.touch(place);
            }
            None => {
                let place = self.subjects.len() as u32;
                self.subjects.push(subject);
                self.given.push(person);
                let hash_of = |&other: &u32| hash(self.subjects[other as usize].cast_unsigned());
                self.places.insert_unique(hash(subject.cast_unsigned()), place, hash_of);
                self.touch(place);
            }
        }
    }

    fn touch(&mut self, place: u32) {
        let part = place as usize / PART;
        if part == self.touched.len() {
            self.touched.push(self.now);
        }
        self.touched[part] = self.now;
    }

    fn take(&mut self, key: &[u8], value: &[u8]) -> Result<(), StorageError> {
        let number = || value.try_into().map(u64::from_le_bytes).map_err(|_| keys::damaged());
        match Key::from_bytes(key).ok_or_else(keys::damaged)? {
            Key::Founded(id) => self.people.founded(id, number()?.cast_signed()),
            Key::Merged(id) => self.people.merged(id, PersonId(number()?)),
            Key::Subject(subject) => {
                let (person, since) = keys::subject_of(value).ok_or_else(keys::damaged)?;
                if since == Since::TheRun {
                    self.give(subject, person);
                }
            }
            Key::Person(id) => self.take_in_person(id, keys::person_of(value).ok_or_else(keys::damaged)?),
            Key::Value(_) => {}
        }
        Ok(())
    }

    fn take_in_person(&mut self, id: PersonId, person: Person) {
        let place = self.populations.iter().position(|known| *known == person.population);
        let place = place.unwrap_or_else(|| {
            self.populations.push(person.population);
            self.populations.len() - 1
        });
        let number = self.people.number(id);
        // More populations than that are none that a project declares: their persons are not shown before the run.
        self.people.populations[number as usize] = u16::try_from(place).unwrap_or(NOWHERE);
        if person.merged_into.is_none() {
            return;
        }
        if person.subjects.len() >= MOST_SUBJECTS {
            // It has more than it lists.
            self.touched.fill(self.now);
        }
        // Subjects that the run gave to it are another person's now, and so are those that are here.
        for subject in person.subjects {
            match self.place(subject) {
                Some(place) => self.touch(place),
                None => self.give(subject, id),
            }
        }
    }

    /// People that were founded and are still themselves.
    pub fn people(&self) -> usize {
        self.people.alone
    }

    /// Everything, in order.
    pub fn answers(&self) -> Answers {
        let people = &self.people;
        let mut subjects: Vec<_> =
            self.subjects.iter().zip(&self.given).map(|(subject, person)| (*subject, people.id_now(*person))).collect();
        let (mut founded, mut merged) = (Vec::new(), Vec::new());
        for (number, (&person, &founder)) in people.ids.iter().zip(&people.founders).enumerate() {
            match people.now(number as u32) {
                _ if founder == NO_SUBJECT => {}
                into if into == number as u32 => founded.push((founder, person)),
                into => merged.push(MergedAway { person, founder, into: people.ids[into as usize] }),
            }
        }
        subjects.sort_unstable();
        founded.sort_unstable();
        merged.sort_unstable();
        Answers { subjects, founded, merged }
    }

    /// Copies of the parts that changed since they were `made`, each with its place.
    fn changed<T>(&self, made: &[Part<T>]) -> Vec<(usize, Part<Vec<Row>>)> {
        // Nobody's population is guessed: a person that the index has lost comes back with the next run.
        let row = |(subject, person): (&i64, &u32)| {
            let person = self.people.now(*person) as usize;
            let population = self.people.populations[person];
            (population != NOWHERE).then(|| (*subject, self.people.ids[person], population))
        };
        let rows = |subjects: &[i64], given: &[u32]| subjects.iter().zip(given).filter_map(row).collect();
        let parts = self.subjects.chunks(PART).zip(self.given.chunks(PART)).zip(&self.touched).enumerate();
        let old = parts.filter(|(place, (_, touched))| made.get(*place).is_none_or(|(at, _)| at != *touched));
        old.map(|(place, ((subjects, given), touched))| (place, (*touched, rows(subjects, given)))).collect()
    }
}

fn batch(part: &[Row], populations: &[String], schema: &SchemaRef) -> Result<RecordBatch> {
    let n = part.len();
    let population = |place: u16| populations.get(usize::from(place)).map_or("", String::as_str);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(part.iter().map(|row| row.0))),
        Arc::new(StringArray::from_iter_values(part.iter().map(|row| row.1.to_string()))),
        Arc::new(Int64Array::new_null(n)),
        Arc::new(StringArray::from_iter_values(part.iter().map(|row| population(row.2)))),
        Arc::new(times(vec![Some(ALWAYS_US); n])),
        Arc::new(times(vec![None; n])),
        Arc::new(StringArray::from_iter_values(vec!["online"; n])),
        Arc::new(Int32Array::from_iter_values(part.iter().map(|row| bucket(row.1)))),
    ];
    Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
}

/// The table `online_subjects`: rows like those of `subjects`, for what the write path answered since the last run.
pub struct OnlineSubjects {
    shown: Arc<RwLock<Shown>>,
    schema: SchemaRef,
    /// The parts as they were when they were last asked for.
    made: Mutex<Vec<Part<RecordBatch>>>,
}

impl std::fmt::Debug for OnlineSubjects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OnlineSubjects")
    }
}

impl OnlineSubjects {
    /// The table over what is shown.
    pub fn new(shown: Arc<RwLock<Shown>>) -> Self {
        let time = || DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let schema = Arc::new(Schema::new(vec![
            Field::new("subject", DataType::Int64, false),
            Field::new("person_id", DataType::Utf8, false),
            Field::new("person_no", DataType::Int64, true),
            Field::new("population", DataType::Utf8, false),
            Field::new("valid_from", time(), false),
            Field::new("valid_to", time(), true),
            Field::new("decided_by", DataType::Utf8, false),
            Field::new("bucket", DataType::Int32, false),
        ]));
        Self { shown, schema, made: Mutex::default() }
    }

    fn rows(&self) -> Result<Vec<RecordBatch>> {
        let mut made = self.made.lock().expect("nobody who makes rows panics");
        let (parts, changed, populations) = {
            // The write path waits for this lock: it is held for a copy only.
            let shown = self.shown.read().expect("nobody who shows answers panics");
            (shown.touched.len(), shown.changed(&made), shown.populations.clone())
        };
        made.truncate(parts);
        for (place, (at, rows)) in changed {
            let part = (at, batch(&rows, &populations, &self.schema)?);
            // Places ascend: a new part follows the last one.
            if place < made.len() { made[place] = part } else { made.push(part) }
        }
        Ok(made.iter().map(|(_, rows)| rows.clone()).collect())
    }
}

#[async_trait]
impl TableProvider for OnlineSubjects {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let rows = self.rows()?;
        Ok(MemorySourceConfig::try_new_exec(&[rows], Arc::clone(&self.schema), projection.cloned())?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn person(n: u64, population: &str, subjects: &[i64], merged_into: Option<u64>) -> Vec<Change> {
        let person = Person {
            population: population.into(),
            founder: subjects[0],
            founded_us: 0,
            founded_in: "web".into(),
            provisional: true,
            merged_into: merged_into.map(PersonId),
            held: Vec::new(),
            subjects: subjects.to_vec(),
            apart: Vec::new(),
        };
        let mut changes = vec![(Key::Founded(PersonId(n)).to_bytes(), subjects[0].to_le_bytes().to_vec())];
        changes.extend(merged_into.map(|into| (Key::Merged(PersonId(n)).to_bytes(), into.to_le_bytes().to_vec())));
        changes.push((Key::Person(PersonId(n)).to_bytes(), keys::person_bytes(&person)));
        changes
    }

    fn given(subject: i64, n: u64) -> Change {
        (Key::Subject(subject).to_bytes(), keys::subject_bytes(PersonId(n), Since::TheRun))
    }

    fn population(n: u64) -> &'static str {
        if n.is_multiple_of(2) { "customer" } else { "employee" }
    }

    /// A table over one person a subject, each with the subject of its number.
    fn ten() -> (Arc<RwLock<Shown>>, OnlineSubjects) {
        let shown = Arc::<RwLock<Shown>>::default();
        for n in 0..10 {
            let mut changes = person(n, population(n), &[n as i64], None);
            changes.push(given(n as i64, n));
            shown.write().unwrap().take_in(&changes);
        }
        (Arc::clone(&shown), OnlineSubjects::new(shown))
    }

    fn same(a: &[RecordBatch], b: &[RecordBatch]) -> Vec<bool> {
        a.iter().zip(b).map(|(a, b)| Arc::ptr_eq(a.column(0), b.column(0))).collect()
    }

    #[test]
    fn only_parts_in_which_something_changed_are_made_again() {
        let (shown, table) = ten();
        let first = table.rows().unwrap();
        assert_eq!(first.iter().map(RecordBatch::num_rows).collect::<Vec<_>>(), [4, 4, 2]);
        // What moves no subject.
        let value = clew_identity::online::Value { holder: Some(PersonId(3)), ..Default::default() };
        shown.write().unwrap().take_in(&[(Key::Value(5).to_bytes(), keys::value_bytes(&value))]);
        assert_eq!(same(&first, &table.rows().unwrap()), [true; 3]);
        // A new subject of a person that was there.
        shown.write().unwrap().take_in(&[given(10, 3)]);
        let second = table.rows().unwrap();
        assert_eq!(same(&first, &second), [true, true, false]);
        assert_eq!(second[2].num_rows(), 3);
        // A merge.
        shown.write().unwrap().take_in(&person(4, "customer", &[4], Some(0)));
        let third = table.rows().unwrap();
        assert_eq!(same(&second, &third), [true, false, true]);
        assert_eq!(third[1].column(1).as_ref(), &StringArray::from_iter_values([0, 5, 6, 7].map(|n| PersonId(n).to_string())));
        assert_eq!(shown.read().unwrap().people(), 9);
        // A person with more subjects than it lists.
        let many: Vec<i64> = (100..100 + MOST_SUBJECTS as i64).collect();
        shown.write().unwrap().take_in(&person(8, "customer", &many, Some(0)));
        let last = table.rows().unwrap();
        assert_eq!(same(&third, &last), [false; 3]);
        // What a run leaves takes the place of all of it.
        shown.write().unwrap().replace(Shown::default());
        assert!(table.rows().unwrap().is_empty());
    }

    #[test]
    fn a_person_that_the_index_has_lost_has_nobody_elses_population() {
        let (shown, table) = ten();
        shown.write().unwrap().take_in(&[given(11, 77)]);
        let rows: usize = table.rows().unwrap().iter().map(RecordBatch::num_rows).sum();
        assert_eq!(rows, 10);
    }

    proptest! {
        #[test]
        fn parts_that_are_kept_say_what_new_ones_would(
            steps in prop::collection::vec((0_u64..10, 0_u64..10, 0_i64..30, any::<bool>()), 1..40),
        ) {
            let (shown, table) = ten();
            for (one, other, subject, merge) in steps {
                let (one, other) = (one.min(other), one.max(other));
                let changes = if merge && one < other && population(one) == population(other) {
                    let mine: Vec<i64> = {
                        let shown = shown.read().unwrap();
                        let rows = shown.subjects.iter().zip(&shown.given);
                        rows.filter(|row| shown.people.id_now(*row.1) == PersonId(other)).map(|row| *row.0).collect()
                    };
                    if mine.is_empty() { continue }
                    person(other, population(other), &mine, Some(one))
                } else {
                    vec![given(subject, one)]
                };
                shown.write().unwrap().take_in(&changes);
                let kept = table.rows().unwrap();
                prop_assert_eq!(kept, OnlineSubjects::new(Arc::clone(&shown)).rows().unwrap());
                let shown = shown.read().unwrap();
                let alone = (0..shown.people.len() as usize).filter(|number| shown.people.is_alone(*number)).count();
                prop_assert_eq!(shown.people(), alone);
            }
        }
    }
}
