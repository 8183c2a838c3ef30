//! What readers see of the write path: subjects that no run knows yet, and subjects of persons that became part of others since.
//!
//! In memory, because SQL joins it with every fact: 30 bytes a subject, and as many subjects as the lake lets wait for a run. It is a
//! projection of the index: each durable change is taken in, and [`Shown::read`] finds the same in the stored index.

use std::sync::{Arc, Mutex, RwLock};

use arrow::array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use async_trait::async_trait;
use clew_identity::PersonId;
use clew_lake::{Change, Index, StorageError};
use datafusion::catalog::memory::MemorySourceConfig;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use rustc_hash::FxHashMap;

use super::keys::{self, Key, Since};
use super::{Answers, MergedAway};
use crate::columns::times;
use crate::steps::identity::{ALWAYS_US, bucket};

/// The name of the table in SQL.
pub const TABLE: &str = "online_subjects";
/// Rows that the table gives together.
const PART: usize = 64 << 10;
/// Merges that are followed from a person to the one that it became.
const MOST_HOPS: usize = 64;

/// See the module.
#[derive(Debug, Default)]
pub struct Shown {
    subjects: FxHashMap<i64, PersonId>,
    founded: FxHashMap<PersonId, i64>,
    merged: FxHashMap<PersonId, PersonId>,
    /// Of persons with subjects here: the place of their population.
    population_of: FxHashMap<PersonId, usize>,
    populations: Vec<String>,
    /// Counts changes: rows that were made before the last one are old.
    version: u64,
}

impl Shown {
    /// What the stored index shows.
    pub fn read(index: &Index) -> Result<Self, StorageError> {
        let mut shown = Self::default();
        index.scan(b"f", |key, value| shown.take(key, value))?;
        index.scan(b"m", |key, value| shown.take(key, value))?;
        let merged: Vec<PersonId> = shown.merged.keys().copied().collect();
        for id in merged {
            shown.take_person(index, id)?;
        }
        let mut seen = Vec::new();
        index.recent(|sighting| {
            seen.push(sighting.subject);
            Ok(())
        })?;
        for subject in seen {
            let Some(value) = index.get(&Key::Subject(subject).to_bytes())? else { continue };
            if let Some((person, Since::TheRun)) = keys::subject_of(&value) {
                shown.subjects.insert(subject, person);
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
    pub fn replace(&mut self, loaded: Self) {
        let version = self.version + 1;
        *self = Self { version, ..loaded };
    }

    /// Takes in durable changes; gives the subjects that are new.
    pub fn take_in(&mut self, changes: &[Change]) -> Vec<i64> {
        let mut added = Vec::new();
        for (key, value) in changes {
            if self.take(key, value).is_err() {
                tracing::error!("a change of the index of the write path does not decode; it is not shown until the next run");
            }
            if let Some(Key::Subject(subject)) = Key::from_bytes(key) {
                added.push(subject);
            }
        }
        self.version += 1;
        added
    }

    fn take(&mut self, key: &[u8], value: &[u8]) -> Result<(), StorageError> {
        let number = || value.try_into().map(u64::from_le_bytes).map_err(|_| keys::damaged());
        match Key::from_bytes(key).ok_or_else(keys::damaged)? {
            Key::Founded(id) => {
                self.founded.insert(id, number()?.cast_signed());
            }
            Key::Merged(id) => {
                self.merged.insert(id, PersonId(number()?));
            }
            Key::Subject(subject) => {
                let (person, since) = keys::subject_of(value).ok_or_else(keys::damaged)?;
                if since == Since::TheRun {
                    self.subjects.insert(subject, person);
                }
            }
            Key::Person(id) => {
                let person = keys::person_of(value).ok_or_else(keys::damaged)?;
                let place = self.populations.iter().position(|known| *known == person.population);
                let place = place.unwrap_or_else(|| {
                    self.populations.push(person.population.clone());
                    self.populations.len() - 1
                });
                self.population_of.insert(id, place);
                if person.merged_into.is_some() {
                    // Subjects that the run gave to it are another person's now.
                    for subject in person.subjects {
                        self.subjects.entry(subject).or_insert(id);
                    }
                }
            }
            Key::Value(_) => {}
        }
        Ok(())
    }

    /// The person that `id` is now.
    fn now(&self, id: PersonId) -> PersonId {
        let mut id = id;
        for _ in 0..MOST_HOPS {
            match self.merged.get(&id) {
                Some(&into) => id = into,
                None => break,
            }
        }
        id
    }

    /// People that were founded and are still themselves.
    pub fn people(&self) -> usize {
        self.founded.keys().filter(|id| !self.merged.contains_key(id)).count()
    }

    /// Everything, in order.
    pub fn answers(&self) -> Answers {
        let mut subjects: Vec<_> = self.subjects.iter().map(|(subject, person)| (*subject, self.now(*person))).collect();
        let (mut founded, mut merged) = (Vec::new(), Vec::new());
        for (&person, &founder) in &self.founded {
            match self.now(person) {
                into if into == person => founded.push((founder, person)),
                into => merged.push(MergedAway { person, founder, into }),
            }
        }
        subjects.sort_unstable();
        founded.sort_unstable();
        merged.sort_unstable();
        Answers { subjects, founded, merged }
    }

    /// A copy of what the rows are made of: subject, person, place of its population.
    fn copy(&self) -> Vec<(i64, PersonId, usize)> {
        let row = |(subject, person): (&i64, &PersonId)| {
            let person = self.now(*person);
            (*subject, person, self.population_of.get(&person).copied().unwrap_or_default())
        };
        self.subjects.iter().map(row).collect()
    }
}

fn rows(all: &[(i64, PersonId, usize)], populations: &[String], schema: &SchemaRef) -> Result<Vec<RecordBatch>> {
    let batch = |part: &[(i64, PersonId, usize)]| {
        let n = part.len();
        let population = |place: usize| populations.get(place).map_or("", String::as_str);
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
    };
    all.chunks(PART).map(batch).collect()
}

/// The table `online_subjects`: rows like those of `subjects`, for what the write path answered since the last run.
pub struct OnlineSubjects {
    shown: Arc<RwLock<Shown>>,
    schema: SchemaRef,
    /// The rows of the newest version that was asked for.
    made: Mutex<Option<(u64, Vec<RecordBatch>)>>,
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
        Self { shown, schema, made: Mutex::new(None) }
    }

    fn rows(&self) -> Result<Vec<RecordBatch>> {
        let mut made = self.made.lock().expect("nobody who makes rows panics");
        let (version, all, populations) = {
            // The write path waits for this lock: it is held for a copy only.
            let shown = self.shown.read().expect("nobody who shows answers panics");
            if let Some((version, rows)) = made.as_ref()
                && *version == shown.version
            {
                return Ok(rows.clone());
            }
            (shown.version, shown.copy(), shown.populations.clone())
        };
        let rows = rows(&all, &populations, &self.schema)?;
        *made = Some((version, rows.clone()));
        Ok(rows)
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
