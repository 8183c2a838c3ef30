//! Step `identity`: facts → subjects, identifiers, persons, links, person_changes, households.
//!
//! All subjects are resolved in one canonical order each time: the partition must not depend on the order of arrival, and
//! one pass over the identifier sets costs little beside reading them. What keeps ids stable is `person_changes`, which
//! is replayed, never the former `subjects` table: so a rebuild finds the same ids as an incremental run.
//!
//! Order of commits: `person_changes` first. A crash after it is repaired by the next run, which replays the changes,
//! finds nothing new and writes the tables that are missing.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{Array, AsArray, Int32Array, Int64Array, ListArray, RecordBatch, StringArray};
use arrow::error::ArrowError;
use clew_identity::online::{Base, Run};
use clew_identity::persons::Persons;
use clew_identity::resolve::{Assignment, Decision, DecisionKind, IdentifierUse};
use clew_identity::{
    ChangeKind, CompiledRules, DecidedBy, NewSubject, PersonId, Reason, Resolution, Role, Rules, Seen, SubjectKind, Subjects,
    assign_person_ids, replay, resolve_alike,
};
use clew_lake::Lake;
use datafusion::prelude::SessionContext;
use futures::TryStreamExt;
use rustc_hash::FxHashMap;
use serde_json::Value;

use crate::columns::{Columns, TableRows, text_lists, times};
use crate::online::OnlineIdentity;
use crate::run::{Outcome, RunError, StepContext};
use crate::writer::TableWriter;

mod alike;
pub(crate) mod links;
mod register;

use alike::Alike;
use links::Links;
use register::{Register, told_in_full};

/// Buckets of the person-local tables: the unit that an incremental run replaces. Fixed, because it is in the data.
pub const BUCKETS: u64 = 64;
/// Decisions that a run names.
const MOST_NAMED: usize = 5;
/// Rows that are made and written together.
const PART: usize = 64 << 10;
/// `valid_from` of a mapping that has always held.
pub const ALWAYS_US: i64 = 0;

/// The bucket of a person.
pub fn bucket(person: PersonId) -> i32 {
    (xxhash_rust::xxh3::xxh3_64(&person.0.to_le_bytes()) % BUCKETS) as i32
}

/// Runs the step.
pub async fn run(context: &StepContext<'_>) -> Result<Outcome, RunError> {
    let rules = compile(&context.definitions.rules)?;
    // Everything up to here is in what the queries below read; what comes later is decided about again.
    let cutoff = context.lake.offset();
    let session = context.lake.session();
    let subjects = gather(&session, &rules).await?;
    let decided = read_decisions(&session).await?;
    let alike = likenesses(&session, &context.definitions.rules).await?;
    let resolution = resolve_alike(&subjects, &decided, &alike.pairs);

    let register = Register::read(&session).await?;
    let online = OnlineIdentity::of(context.lake);
    let answers = online.map(OnlineIdentity::answers).unwrap_or_default();
    let Persons { ids: persons, changes } = assign_person_ids(&register.anchors, &answers.founded, &resolution.assignments);
    let changes = told_in_full(changes, &register::left(&session, &subjects, &persons).await?, &persons);
    let noted = register.noted(&persons, changes, &answers);
    drop(answers);
    let cause = |decided_by: DecidedBy| match decided_by {
        DecidedBy::Rule => "rules".to_owned(),
        DecidedBy::Decision(place) => decided[place as usize].id.clone(),
        DecidedBy::Model => "model".to_owned(),
    };
    let rows = Rows {
        subjects: &subjects,
        resolution: &resolution,
        persons: &persons,
        numbers: numbers(&persons),
        alike: &alike,
        cause: &cause,
    };

    let about_decisions = about_decisions(&decided, &resolution);
    let about_likeness = about_likeness(&alike, &resolution);
    let mut outcome = Outcome::default();
    if !noted.changes.is_empty() {
        let mut writer = TableWriter::append(context.lake, "person_changes");
        for (seq, part) in (register.last_seq + 1..).step_by(PART).zip(noted.changes.chunks(PART)) {
            writer.write(register::rows(part, seq, context.now_us)?).await?;
        }
        outcome.wrote("person_changes", writer.commit().await?);
    }
    rows.write(context.lake, &mut outcome).await?;
    drop(rows);
    if let Some(online) = online {
        let anchors = replay(register.changes.iter().chain(noted.changes.iter().map(|(change, _)| change)));
        let run = Run { subjects: &subjects, resolution: &resolution, persons: &persons, decisions: &decided };
        let base = Base::of(&run, &anchors);
        // The base holds all that it needs: of a large company neither fits beside it for nothing.
        drop((anchors, resolution, persons));
        crate::online::leave(context.lake, base, clew_lake::Base { cutoff, tag: context.inputs }).await?;
        online.corrected(noted.corrected);
    }
    let (merged, split) = (noted.count(ChangeKind::Merged), noted.count(ChangeKind::Split));
    outcome.detail = format!("{} subjects, {merged} merged, {split} split", subjects.len());
    outcome.detail += &about_decisions;
    outcome.detail += &about_likeness;
    if online.is_some() {
        outcome.detail += &format!(", {} corrected", noted.corrected);
    }
    Ok(outcome)
}

/// Every subject with what its facts show of it.
pub(crate) async fn gather<'r>(session: &SessionContext, rules: &'r CompiledRules) -> Result<Subjects<'r>, RunError> {
    let mut subjects = Subjects::new(rules);
    for (sql, kind) in FACT_QUERIES {
        let mut facts = session.sql(sql).await?.execute_stream().await?;
        while let Some(batch) = facts.try_next().await? {
            read_subjects(&batch, *kind, &mut subjects)?;
        }
    }
    Ok(subjects)
}

/// The records that are alike, where `rules` ask for it.
pub(crate) async fn likenesses(session: &SessionContext, rules: &Rules) -> Result<Alike, RunError> {
    match &rules.matching {
        Some(sure) => alike::find(session, sure).await,
        None => Ok(Alike::default()),
    }
}

/// What a run says of decisions that evidence contradicts, or that have no effect.
fn about_decisions(decided: &[Decision], resolution: &Resolution) -> String {
    let bridged: BTreeSet<u32> = resolution
        .conflicts
        .iter()
        .filter_map(|conflict| if let Reason::Apart(decision) = conflict.reason { decision } else { None })
        .collect();
    let named = |places: &mut dyn Iterator<Item = u32>| {
        let ids: Vec<&str> = places.map(|place| decided[place as usize].id.as_str()).collect();
        let more = ids.len().saturating_sub(MOST_NAMED);
        let names = ids.iter().take(MOST_NAMED).copied().collect::<Vec<_>>().join(", ");
        if more == 0 { names } else { format!("{names} and {more} more") }
    };
    let mut text = String::new();
    if !bridged.is_empty() {
        text += &format!(", evidence joins what is kept apart by {}", named(&mut bridged.iter().copied()));
    }
    if !resolution.ineffective.is_empty() {
        text += &format!(", without effect: {}", named(&mut resolution.ineffective.iter().copied()));
    }
    text
}

/// What a run says of records that are alike.
fn about_likeness(alike: &Alike, resolution: &Resolution) -> String {
    if alike.records == 0 {
        return String::new();
    }
    let joined = resolution.links.iter().filter(|link| link.decided_by == DecidedBy::Model).count();
    format!(", {} records compared, {joined} joined by likeness, {} doubtful", alike.records, resolution.open.len())
}

/// The rules, compiled.
pub(crate) fn compile(rules: &Rules) -> Result<CompiledRules, RunError> {
    rules.compile().map_err(|problems| RunError::Definition {
        file: "identity.yaml",
        problem: problems.iter().map(|problem| format!("{}: {}", problem.path, problem.message)).collect::<Vec<_>>().join("; "),
    })
}

/// Facts that carry a subject. Records carry their own, and every version's identifiers are evidence.
const FACT_QUERIES: &[(&str, SubjectKind)] = &[
    (
        "SELECT subject, population, source, occurred_at AS at, identifiers FROM events WHERE subject IS NOT NULL",
        SubjectKind::Event,
    ),
    (
        "SELECT subject, population, source, answered_at AS at, identifiers FROM responses WHERE subject IS NOT NULL",
        SubjectKind::Event,
    ),
    (
        "SELECT subject, population, source, coalesce(valid_from, to_timestamp_micros(0)) AS at, identifiers FROM records WHERE subject IS NOT NULL",
        SubjectKind::Record,
    ),
];

/// Adds the subjects of some facts with what these show of them.
fn read_subjects(batch: &RecordBatch, kind: SubjectKind, subjects: &mut Subjects<'_>) -> Result<(), RunError> {
    let columns = Columns(batch);
    let (subject, at) = (columns.int("subject")?, columns.time("at")?);
    let (source, population) = (columns.text("source")?, columns.text("population")?);
    let identifiers = Identifiers::of(batch)?;
    for row in 0..batch.num_rows() {
        let new = NewSubject {
            id: subject.value(row),
            population: population.value(row),
            source: source.value(row),
            first_seen_us: at.value(row),
            last_seen_us: at.value(row),
            facts: 1,
            kind,
            trusted: true,
        };
        subjects.push(&new, identifiers.at(row));
    }
    Ok(())
}

/// The column `identifiers`, flat.
struct Identifiers {
    lists: ListArray,
    kinds: StringArray,
    values: StringArray,
}

impl Identifiers {
    fn of(batch: &RecordBatch) -> Result<Self, RunError> {
        let column = batch.column_by_name("identifiers").and_then(|column| column.as_list_opt::<i32>());
        let lists = column.ok_or_else(|| ArrowError::SchemaError("identifiers are no lists".to_owned()))?.clone();
        let items =
            lists.values().as_struct_opt().ok_or_else(|| ArrowError::SchemaError("identifiers are no pairs".to_owned()))?;
        let items = RecordBatch::from(items.clone());
        let (kinds, values) = (Columns(&items).text("type")?, Columns(&items).text("value")?);
        Ok(Self { lists, kinds, values })
    }

    /// Type and value of every identifier at `row`.
    fn at(&self, row: usize) -> impl Iterator<Item = (&str, &str)> {
        let ends = self.lists.value_offsets();
        let places = if self.lists.is_null(row) { 0..0 } else { ends[row] as usize..ends[row + 1] as usize };
        places
            .filter(|&at| self.kinds.is_valid(at) && self.values.is_valid(at))
            .map(|at| (self.kinds.value(at), self.values.value(at)))
    }
}

/// Decisions about subjects that nobody took back, in the order of ids.
pub(crate) async fn read_decisions(session: &SessionContext) -> Result<Vec<Decision>, RunError> {
    let sql = "SELECT decision_id, kind, value, decided_at FROM decisions WHERE kind IN ('link', 'apart', 'detach') \
               AND decision_id NOT IN (SELECT revokes FROM decisions WHERE revokes IS NOT NULL) ORDER BY decision_id";
    let mut decisions = Vec::new();
    for batch in session.sql(sql).await?.collect().await? {
        let columns = Columns(&batch);
        let (id, kind, value) = (columns.text("decision_id")?, columns.text("kind")?, columns.text("value")?);
        let at = columns.time("decided_at")?;
        for row in 0..batch.num_rows() {
            let subjects: Vec<i64> = serde_json::from_str::<Value>(value.value(row))
                .ok()
                .and_then(|value| value.get("subjects")?.as_array().map(|list| list.iter().filter_map(Value::as_i64).collect()))
                .unwrap_or_default();
            let kind = match (kind.value(row), subjects.as_slice()) {
                ("link", &[a, b]) => DecisionKind::Link(a, b),
                ("apart", &[a, b]) => DecisionKind::Apart(a, b),
                ("detach", &[a]) => DecisionKind::Detach(a),
                (kind, _) => {
                    return Err(RunError::Decision {
                        id: id.value(row).to_owned(),
                        kind: kind.to_owned(),
                        found: subjects.len(),
                    });
                }
            };
            decisions.push(Decision { id: id.value(row).to_owned(), kind, decided_at_us: at.value(row) });
        }
    }
    Ok(decisions)
}

/// Persons in the order of their ids: the place is `person_no`.
fn numbers(persons: &[(i64, PersonId)]) -> Vec<PersonId> {
    let mut ids: Vec<PersonId> = persons.iter().map(|&(_, person)| person).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// The rows of the step's tables, made and written a part at a time.
struct Rows<'a> {
    subjects: &'a Subjects<'a>,
    resolution: &'a Resolution,
    persons: &'a [(i64, PersonId)],
    /// See [`numbers`].
    numbers: Vec<PersonId>,
    alike: &'a Alike,
    cause: &'a (dyn Fn(DecidedBy) -> String + Sync),
}

impl Rows<'_> {
    async fn write(&self, lake: &Lake, outcome: &mut Outcome) -> Result<(), RunError> {
        let mut writer = TableWriter::replace(lake, "subjects", None);
        for (persons, assignments) in self.persons.chunks(PART).zip(self.resolution.assignments.chunks(PART)) {
            writer.write(self.subject_rows(persons, assignments)?).await?;
        }
        outcome.wrote("subjects", writer.commit().await?);

        let (people, households) = self.people()?;
        let mut writer = TableWriter::replace(lake, "persons", None);
        for (place, part) in (0..).step_by(PART).zip(people.chunks(PART)) {
            writer.write(self.person_rows(place, part)?).await?;
        }
        outcome.wrote("persons", writer.commit().await?);
        drop(people);

        let mut writer = TableWriter::replace(lake, "identifiers", None);
        for part in self.resolution.identifiers.chunks(PART) {
            writer.write(self.identifier_rows(part)?).await?;
        }
        outcome.wrote("identifiers", writer.commit().await?);

        let links = Links { subjects: self.subjects, resolution: self.resolution, alike: self.alike, cause: self.cause };
        outcome.wrote("links", links.write(lake, self.persons).await?);
        outcome.wrote("households", lake.overwrite("households", vec![households]).await?);
        Ok(())
    }

    fn number(&self, person: PersonId) -> i64 {
        self.numbers.binary_search(&person).expect("every person is numbered") as i64
    }

    fn seen(&self, subject: i64) -> Seen<'_> {
        self.subjects.seen(subject).expect("the partition is of these subjects")
    }

    fn subject_rows(&self, persons: &[(i64, PersonId)], assignments: &[Assignment]) -> Result<RecordBatch, RunError> {
        Ok(TableRows::of("subjects", persons.len())
            .with("subject", Int64Array::from_iter_values(persons.iter().map(|row| row.0)))
            .with("person_id", StringArray::from_iter_values(persons.iter().map(|row| row.1.to_string())))
            .with("person_no", Int64Array::from_iter_values(persons.iter().map(|row| self.number(row.1))))
            .with("population", StringArray::from_iter_values(persons.iter().map(|row| self.seen(row.0).population)))
            .with("valid_from", times(persons.iter().map(|_| Some(ALWAYS_US))))
            .with("decided_by", StringArray::from_iter_values(assignments.iter().map(|row| (self.cause)(row.decided_by))))
            .with("bucket", Int32Array::from_iter_values(persons.iter().map(|row| bucket(row.1))))
            .finish()?)
    }

    /// What is known of every person, by number; and the rows of households. A household's id is that of its identifier's
    /// content.
    fn people(&self) -> Result<(Vec<Summary>, RecordBatch), RunError> {
        let mut all = vec![Summary::default(); self.numbers.len()];
        for &(subject, person) in self.persons {
            all[self.number(person) as usize].add(subject, &self.seen(subject));
        }
        let person_of: FxHashMap<i64, PersonId> =
            if self.resolution.households.is_empty() { FxHashMap::default() } else { self.persons.iter().copied().collect() };
        for &(founder, identifier) in &self.resolution.households {
            all[self.number(person_of[&founder]) as usize].household = Some(identifier);
        }
        let mut members: BTreeMap<String, (Vec<String>, &str)> = BTreeMap::new();
        for (person, id) in all.iter().zip(&self.numbers) {
            let Some(identifier) = person.household else { continue };
            let rule = self.subjects.identifier(identifier).kind;
            members.entry(self.household_id(identifier)).or_insert_with(|| (Vec::new(), rule)).0.push(id.to_string());
        }
        let households = TableRows::of("households", members.len())
            .with("household_id", StringArray::from_iter_values(members.keys()))
            .with("members", text_lists(members.values().map(|(people, _)| Some(people.clone()))))
            .with("rule", StringArray::from_iter_values(members.values().map(|(_, rule)| rule)))
            .finish()?;
        Ok((all, households))
    }

    fn household_id(&self, identifier: u32) -> String {
        let identifier = self.subjects.identifier(identifier);
        let content = format!("{}\0{}\0{}", identifier.population, identifier.kind, identifier.value);
        format!("h_{}", clew_model::id::Base32::of(xxhash_rust::xxh3::xxh3_64(content.as_bytes())))
    }

    /// Rows of the people with the numbers from `first` on.
    fn person_rows(&self, first: usize, people: &[Summary]) -> Result<RecordBatch, RunError> {
        let ids = &self.numbers[first..first + people.len()];
        let household = |person: &Summary| person.household.map(|identifier| self.household_id(identifier));
        Ok(TableRows::of("persons", people.len())
            .with("person_id", StringArray::from_iter_values(ids.iter().map(ToString::to_string)))
            .with("person_no", Int64Array::from_iter_values((first as i64..).take(people.len())))
            .with("population", StringArray::from_iter_values(people.iter().map(|person| self.seen(person.subject).population)))
            .with("first_seen_at", times(people.iter().map(|person| Some(person.first_us))))
            .with("last_seen_at", times(people.iter().map(|person| Some(person.last_us))))
            .with("household_id", StringArray::from_iter(people.iter().map(household)))
            .with("subjects", Int64Array::from_iter_values(people.iter().map(|person| i64::from(person.subjects))))
            .with("records", Int64Array::from_iter_values(people.iter().map(|person| i64::from(person.records))))
            .with("bucket", Int32Array::from_iter_values(ids.iter().map(|id| bucket(*id))))
            .finish()?)
    }

    fn identifier_rows(&self, uses: &[IdentifierUse]) -> Result<RecordBatch, RunError> {
        let identifiers: Vec<_> = uses.iter().map(|used| self.subjects.identifier(used.identifier)).collect();
        Ok(TableRows::of("identifiers", uses.len())
            .with("population", StringArray::from_iter_values(identifiers.iter().map(|identifier| identifier.population)))
            .with("type", StringArray::from_iter_values(identifiers.iter().map(|identifier| identifier.kind)))
            .with("value", StringArray::from_iter_values(identifiers.iter().map(|identifier| identifier.value)))
            .with("role", StringArray::from_iter_values(uses.iter().map(|used| role(used.role))))
            .with("first_seen_at", times(uses.iter().map(|used| Some(used.first_seen_us))))
            .with("last_seen_at", times(uses.iter().map(|used| Some(used.last_seen_us))))
            .with("subjects", Int64Array::from_iter_values(uses.iter().map(|used| i64::from(used.subjects))))
            .with("holder", Int64Array::from_iter(uses.iter().map(|used| used.holder)))
            .finish()?)
    }
}

/// What is known of a person.
#[derive(Clone)]
struct Summary {
    /// Any of its subjects.
    subject: i64,
    first_us: i64,
    last_us: i64,
    subjects: u32,
    records: u32,
    household: Option<u32>,
}

impl Default for Summary {
    fn default() -> Self {
        Self { subject: 0, first_us: i64::MAX, last_us: i64::MIN, subjects: 0, records: 0, household: None }
    }
}

impl Summary {
    fn add(&mut self, subject: i64, seen: &Seen<'_>) {
        self.subject = subject;
        self.first_us = self.first_us.min(seen.first_seen_us);
        self.last_us = self.last_us.max(seen.last_seen_us);
        self.subjects += 1;
        self.records += u32::from(seen.kind == SubjectKind::Record);
    }
}

fn role(role: Role) -> &'static str {
    match role {
        Role::Person => "person",
        Role::Household => "household",
        Role::Shared => "shared",
        Role::Blocked => "blocked",
    }
}
