//! Step `identity`: facts → subjects, identifiers, persons, links, person_changes, households.
//!
//! All subjects are resolved in one canonical order each time: the partition must not depend on the order of arrival, and
//! one pass over the identifier sets costs little beside reading them. What keeps ids stable is `person_changes`, which
//! is replayed, never the former `subjects` table: so a rebuild finds the same ids as an incremental run.
//!
//! Order of commits: `person_changes` first. A crash after it is repaired by the next run, which replays the changes,
//! finds nothing new and writes the tables that are missing.

use arrow::array::{Array, AsArray, Float64Array, Int32Array, Int64Array, ListArray, RecordBatch, StringArray, StructArray};
use clew_identity::resolve::{Decision, DecisionKind};
use clew_identity::{
    ChangeKind, CompiledRules, DecidedBy, NewSubject, PersonId, Resolution, Role, SubjectKind, Subjects, assign_person_ids,
    replay, resolve,
};
use datafusion::prelude::SessionContext;
use futures::TryStreamExt;
use hashbrown::HashMap;
use rustc_hash::{FxBuildHasher, FxHashMap};
use serde_json::Value;

use crate::columns::{Columns, Dictionary, TableRows, text_lists, times};
use crate::run::{Outcome, RunError, StepContext};

/// Buckets of the person-local tables: the unit that an incremental run replaces. Fixed, because it is in the data.
pub const BUCKETS: u64 = 64;
/// `valid_from` of a mapping that has always held.
pub const ALWAYS_US: i64 = 0;

/// The bucket of a person.
pub fn bucket(person: PersonId) -> i32 {
    (xxhash_rust::xxh3::xxh3_64(&person.0.to_le_bytes()) % BUCKETS) as i32
}

/// Runs the step.
pub async fn run(context: &StepContext<'_>) -> Result<Outcome, RunError> {
    let rules = context.definitions.rules.compile().map_err(|problems| RunError::Definition {
        file: "identity.yaml",
        problem: problems.iter().map(|problem| format!("{}: {}", problem.path, problem.message)).collect::<Vec<_>>().join("; "),
    })?;
    let session = context.lake.session();
    let mut sightings = Sightings::default();
    for query in FACT_QUERIES {
        sightings.read(&session, query).await?;
    }
    let subjects = sightings.subjects(&rules);
    let decisions = read_decisions(&session).await?;
    let resolution = resolve(&subjects, &decisions.iter().map(|(_, decision)| decision.clone()).collect::<Vec<_>>());

    let (anchors, last_seq) = read_changes(&session).await?;
    let persons = assign_person_ids(&anchors, &resolution.assignments);
    let cause = |decided_by: DecidedBy| match decided_by {
        DecidedBy::Rule => "rules".to_owned(),
        DecidedBy::Decision(place) => decisions[place as usize].0.clone(),
    };
    let rows = Rows { subjects: &subjects, resolution: &resolution, persons: &persons.ids, sightings: &sightings, cause: &cause };

    let mut outcome = Outcome::default();
    if !persons.changes.is_empty() {
        let changes = change_rows(&persons.changes, last_seq, context.now_us)?;
        outcome.wrote("person_changes", context.lake.append_derived("person_changes", vec![changes]).await?);
    }
    let (persons_batch, households) = rows.persons()?;
    for (table, batch) in [
        ("subjects", rows.subjects()?),
        ("persons", persons_batch),
        ("identifiers", rows.identifiers()?),
        ("links", rows.links()?),
        ("households", households),
    ] {
        outcome.wrote(table, context.lake.overwrite(table, vec![batch]).await?);
    }
    let merged = persons.changes.iter().filter(|change| change.kind == ChangeKind::Merged).count();
    let split = persons.changes.iter().filter(|change| change.kind == ChangeKind::Split).count();
    outcome.detail = format!("{} subjects, {merged} merged, {split} split", subjects.len());
    Ok(outcome)
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

/// What the facts show of a subject, gathered in integers before any identifier is looked at.
struct Sighting {
    first_us: i64,
    last_us: i64,
    facts: u64,
    source: u32,
    population: u32,
    kind: SubjectKind,
    /// (type, value) codes of every identifier set seen; events of one subject share one set.
    identifiers: Vec<(u32, String)>,
}

#[derive(Default)]
struct Sightings {
    by_subject: HashMap<i64, Sighting, FxBuildHasher>,
    words: Dictionary,
}

impl Sightings {
    async fn read(&mut self, session: &SessionContext, (sql, kind): &(&str, SubjectKind)) -> Result<(), RunError> {
        let mut stream = session.sql(sql).await?.execute_stream().await?;
        while let Some(batch) = stream.try_next().await? {
            self.add(&batch, *kind)?;
        }
        Ok(())
    }

    fn add(&mut self, batch: &RecordBatch, kind: SubjectKind) -> Result<(), RunError> {
        let columns = Columns(batch);
        let (subject, at) = (columns.int("subject")?, columns.time("at")?);
        let sources = self.words.codes(&columns.text("source")?);
        let populations = self.words.codes(&columns.text("population")?);
        let lists = batch.column_by_name("identifiers").and_then(|column| column.as_list_opt::<i32>());
        for row in 0..batch.num_rows() {
            let at_us = at.value(row);
            let known = self.by_subject.get_mut(&subject.value(row));
            if let Some(sighting) = known {
                sighting.facts += 1;
                sighting.last_us = sighting.last_us.max(at_us);
                if (at_us, self.words.values()[sources[row] as usize].as_str())
                    < (sighting.first_us, self.words.values()[sighting.source as usize].as_str())
                {
                    sighting.source = sources[row];
                }
                sighting.first_us = sighting.first_us.min(at_us);
                if kind == SubjectKind::Event {
                    continue;
                }
            }
            let found = lists.map(|lists| identifiers_at(lists, row)).unwrap_or_default();
            let coded: Vec<_> = found.into_iter().map(|(kind, value)| (self.words.code(&kind), value)).collect();
            let sighting = self.by_subject.entry(subject.value(row)).or_insert_with(|| Sighting {
                first_us: at_us,
                last_us: at_us,
                facts: 1,
                source: sources[row],
                population: populations[row],
                kind,
                identifiers: Vec::new(),
            });
            for identifier in coded {
                if !sighting.identifiers.contains(&identifier) {
                    sighting.identifiers.push(identifier);
                }
            }
        }
        Ok(())
    }

    fn subjects<'r>(&self, rules: &'r CompiledRules) -> Subjects<'r> {
        let mut order: Vec<i64> = self.by_subject.keys().copied().collect();
        order.sort_unstable();
        let word = |code: u32| self.words.values()[code as usize].as_str();
        let mut subjects = Subjects::new(rules);
        for id in order {
            let sighting = &self.by_subject[&id];
            let identifiers: Vec<(&str, &str)> =
                sighting.identifiers.iter().map(|(kind, value)| (word(*kind), value.as_str())).collect();
            let subject = NewSubject {
                id,
                population: word(sighting.population),
                source: word(sighting.source),
                first_seen_us: sighting.first_us,
                last_seen_us: sighting.last_us,
                facts: sighting.facts,
                kind: sighting.kind,
                trusted: true,
            };
            subjects.push(&subject, &identifiers);
        }
        subjects
    }
}

fn identifiers_at(lists: &ListArray, row: usize) -> Vec<(String, String)> {
    if lists.is_null(row) {
        return Vec::new();
    }
    let list = lists.value(row);
    let Some(pairs) = list.as_any().downcast_ref::<StructArray>() else { return Vec::new() };
    let text = |column: usize| Columns(&RecordBatch::from(pairs.clone())).text(pairs.column_names()[column]).ok();
    let (Some(kinds), Some(values)) = (text(0), text(1)) else { return Vec::new() };
    kinds.iter().zip(values.iter()).filter_map(|(kind, value)| Some((kind?.to_owned(), value?.to_owned()))).collect()
}

/// Decisions about subjects that nobody took back, with their ids, in the order of ids.
async fn read_decisions(session: &SessionContext) -> Result<Vec<(String, Decision)>, RunError> {
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
            let decision = Decision { id: id.value(row).to_owned(), kind, decided_at_us: at.value(row) };
            decisions.push((id.value(row).to_owned(), decision));
        }
    }
    Ok(decisions)
}

/// The anchors of person ids, and the last `seq`.
async fn read_changes(session: &SessionContext) -> Result<(Vec<(i64, PersonId)>, i64), RunError> {
    let sql = "SELECT seq, change, from_person_id, to_person_id, subject FROM person_changes ORDER BY seq";
    let (mut changes, mut last) = (Vec::new(), 0);
    for batch in session.sql(sql).await?.collect().await? {
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
            changes.push(clew_identity::Change { kind, from, to: to.value(row).parse()?, subject: subject.value(row) });
            last = seq.value(row);
        }
    }
    Ok((replay(&changes), last))
}

fn change_rows(changes: &[clew_identity::Change], last_seq: i64, now_us: i64) -> Result<RecordBatch, RunError> {
    let n = changes.len();
    Ok(TableRows::of("person_changes", n)
        .with("seq", Int64Array::from_iter_values((1..).map(|place: i64| last_seq + place).take(n)))
        .with("changed_at", times(changes.iter().map(|_| Some(now_us))))
        .with("change", StringArray::from_iter_values(changes.iter().map(|change| change.kind.as_str())))
        .with("from_person_id", StringArray::from_iter(changes.iter().map(|change| change.from.map(|person| person.to_string()))))
        .with("to_person_id", StringArray::from_iter_values(changes.iter().map(|change| change.to.to_string())))
        .with("subject", Int64Array::from_iter_values(changes.iter().map(|change| change.subject)))
        .with("cause", StringArray::from_iter_values(changes.iter().map(|_| "rules")))
        .finish()?)
}

/// The rows of the step's tables.
struct Rows<'a> {
    subjects: &'a Subjects<'a>,
    resolution: &'a Resolution,
    persons: &'a [(i64, PersonId)],
    sightings: &'a Sightings,
    cause: &'a dyn Fn(DecidedBy) -> String,
}

impl Rows<'_> {
    /// Persons in the order of their ids: the place is `person_no`.
    fn numbers(&self) -> FxHashMap<PersonId, i64> {
        let mut ids: Vec<PersonId> = self.persons.iter().map(|&(_, person)| person).collect();
        ids.sort_unstable();
        ids.dedup();
        ids.into_iter().zip(0..).collect()
    }

    fn population(&self, subject: i64) -> &str {
        &self.sightings.words.values()[self.sightings.by_subject[&subject].population as usize]
    }

    fn subjects(&self) -> Result<RecordBatch, RunError> {
        let numbers = self.numbers();
        let n = self.persons.len();
        Ok(TableRows::of("subjects", n)
            .with("subject", Int64Array::from_iter_values(self.persons.iter().map(|row| row.0)))
            .with("person_id", StringArray::from_iter_values(self.persons.iter().map(|row| row.1.to_string())))
            .with("person_no", Int64Array::from_iter_values(self.persons.iter().map(|row| numbers[&row.1])))
            .with("population", StringArray::from_iter_values(self.persons.iter().map(|row| self.population(row.0))))
            .with("valid_from", times(self.persons.iter().map(|_| Some(ALWAYS_US))))
            .with(
                "decided_by",
                StringArray::from_iter_values(self.resolution.assignments.iter().map(|row| (self.cause)(row.decided_by))),
            )
            .with("bucket", Int32Array::from_iter_values(self.persons.iter().map(|row| bucket(row.1))))
            .finish()?)
    }

    /// Persons and households: the household's id is that of its identifier's content.
    fn persons(&self) -> Result<(RecordBatch, RecordBatch), RunError> {
        let numbers = self.numbers();
        let person_of: FxHashMap<i64, PersonId> = self.persons.iter().copied().collect();
        let mut household_of: FxHashMap<PersonId, u32> = FxHashMap::default();
        for &(founder, identifier) in &self.resolution.households {
            household_of.insert(person_of[&founder], identifier);
        }
        let mut all = vec![Summary::default(); numbers.len()];
        for &(subject, person) in self.persons {
            all[numbers[&person] as usize].add(person, subject, &self.sightings.by_subject[&subject]);
        }
        let mut members: std::collections::BTreeMap<String, (Vec<String>, String)> = std::collections::BTreeMap::new();
        for person in &mut all {
            let Some(&identifier) = household_of.get(&person.id) else { continue };
            let identifier = self.subjects.identifier(identifier);
            let content = format!("{}\0{}\0{}", identifier.population, identifier.kind, identifier.value);
            let id = format!("h_{}", clew_model::id::Base32::of(xxhash_rust::xxh3::xxh3_64(content.as_bytes())));
            members.entry(id.clone()).or_insert_with(|| (Vec::new(), identifier.kind.to_owned())).0.push(person.id.to_string());
            person.household = Some(id);
        }
        let persons = TableRows::of("persons", all.len())
            .with("person_id", StringArray::from_iter_values(all.iter().map(|person| person.id.to_string())))
            .with("person_no", Int64Array::from_iter_values(0..all.len() as i64))
            .with("population", StringArray::from_iter_values(all.iter().map(|person| self.population(person.subject))))
            .with("first_seen_at", times(all.iter().map(|person| Some(person.first_us))))
            .with("last_seen_at", times(all.iter().map(|person| Some(person.last_us))))
            .with("household_id", StringArray::from_iter(all.iter().map(|person| person.household.as_deref())))
            .with("subjects", Int64Array::from_iter_values(all.iter().map(|person| person.subjects)))
            .with("records", Int64Array::from_iter_values(all.iter().map(|person| person.records)))
            .with("bucket", Int32Array::from_iter_values(all.iter().map(|person| bucket(person.id))))
            .finish()?;
        let households = TableRows::of("households", members.len())
            .with("household_id", StringArray::from_iter_values(members.keys()))
            .with("members", text_lists(members.values().map(|(people, _)| Some(people.clone()))))
            .with("rule", StringArray::from_iter_values(members.values().map(|(_, rule)| rule)))
            .finish()?;
        Ok((persons, households))
    }

    fn identifiers(&self) -> Result<RecordBatch, RunError> {
        let uses = &self.resolution.identifiers;
        let identifier = |place: usize| self.subjects.identifier(uses[place].identifier);
        let places = || 0..uses.len();
        Ok(TableRows::of("identifiers", uses.len())
            .with("population", StringArray::from_iter_values(places().map(|place| identifier(place).population)))
            .with("type", StringArray::from_iter_values(places().map(|place| identifier(place).kind)))
            .with("value", StringArray::from_iter_values(places().map(|place| identifier(place).value)))
            .with("role", StringArray::from_iter_values(uses.iter().map(|used| role(used.role))))
            .with("first_seen_at", times(uses.iter().map(|used| Some(used.first_seen_us))))
            .with("last_seen_at", times(uses.iter().map(|used| Some(used.last_seen_us))))
            .with("subjects", Int64Array::from_iter_values(uses.iter().map(|used| i64::from(used.subjects))))
            .finish()?)
    }

    /// Evidence used (`merged`) and evidence dropped (`demoted`, with the rule that dropped it).
    fn links(&self) -> Result<RecordBatch, RunError> {
        let used = self.resolution.links.iter().map(|link| Evidence {
            a: link.a.min(link.b),
            b: link.a.max(link.b),
            rule: link
                .identifier
                .map_or_else(|| "decision".to_owned(), |number| self.subjects.identifier(number).kind.to_owned()),
            weight: link.match_weight,
            effect: "merged",
            decided_by: (self.cause)(link.decided_by),
            at_us: link.at_us,
        });
        let dropped = self.resolution.conflicts.iter().filter_map(|conflict| {
            let against = conflict.against?;
            Some(Evidence {
                a: conflict.subject.min(against),
                b: conflict.subject.max(against),
                rule: self.subjects.identifier(conflict.identifier).kind.to_owned(),
                weight: None,
                effect: "demoted",
                decided_by: reason(&conflict.reason),
                at_us: self.sightings.by_subject[&conflict.subject].first_us,
            })
        });
        let all: Vec<Evidence> = used.chain(dropped).collect();
        Ok(TableRows::of("links", all.len())
            .with("a", Int64Array::from_iter_values(all.iter().map(|link| link.a)))
            .with("b", Int64Array::from_iter_values(all.iter().map(|link| link.b)))
            .with("rule", StringArray::from_iter_values(all.iter().map(|link| &link.rule)))
            .with("match_weight", Float64Array::from_iter(all.iter().map(|link| link.weight)))
            .with("effect", StringArray::from_iter_values(all.iter().map(|link| link.effect)))
            .with("decided_by", StringArray::from_iter_values(all.iter().map(|link| &link.decided_by)))
            .with("at", times(all.iter().map(|link| Some(link.at_us))))
            .finish()?)
    }
}

struct Evidence {
    a: i64,
    b: i64,
    rule: String,
    weight: Option<f64>,
    effect: &'static str,
    decided_by: String,
    at_us: i64,
}

#[derive(Clone)]
struct Summary {
    id: PersonId,
    subject: i64,
    first_us: i64,
    last_us: i64,
    subjects: i64,
    records: i64,
    household: Option<String>,
}

impl Default for Summary {
    fn default() -> Self {
        let id = PersonId(0);
        Self { id, subject: 0, first_us: i64::MAX, last_us: i64::MIN, subjects: 0, records: 0, household: None }
    }
}

impl Summary {
    fn add(&mut self, person: PersonId, subject: i64, sighting: &Sighting) {
        self.id = person;
        self.subject = subject;
        self.first_us = self.first_us.min(sighting.first_us);
        self.last_us = self.last_us.max(sighting.last_us);
        self.subjects += 1;
        self.records += i64::from(sighting.kind == SubjectKind::Record);
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

fn reason(reason: &clew_identity::Reason) -> String {
    use clew_identity::Reason;
    match reason {
        Reason::Limit(kind) => format!("limit of {kind}"),
        Reason::Unique(kind) => format!("unique {kind} differs"),
        Reason::Apart => "kept apart by decision".to_owned(),
        Reason::Untrusted => "untrusted source".to_owned(),
        Reason::Population => "other population".to_owned(),
    }
}
