//! Step `profiles`: attributes over time with their source, and one profile row a person.
//!
//! Person-local: only the buckets of touched people are recomputed, and of many people a group of buckets at a time, so that
//! memory does not grow with the company. Value is the sum of amounts in the project's
//! currency; amounts in another currency make it null, because a sum over currencies is no number (rates come with the
//! dated lookup of a later issue).

use std::collections::BTreeMap;

use arrow::array::{Array, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray};
use clew_identity::PersonId;
use clew_journey::{NO_STAGE, StageTable};
use clew_model::Channel;
use datafusion::prelude::SessionContext;
use futures::TryStreamExt;
use rustc_hash::FxHashMap;
use serde_json::{Map, Value};

use super::identity::{ALWAYS_US, BUCKETS};
use crate::columns::{Columns, Dictionary, NONE, TableRows, money, text_lists, times, words};
use crate::definitions::Definitions;
use crate::run::{Outcome, RunError, StepContext};
use crate::scan::{Lives, bucket_filter};
use crate::touched::touched;
use crate::writer::TableWriter;

const EVENT_COLUMNS: &str =
    "e.name, e.channel, e.conversation_id, e.reference, e.amount, e.currency, e.occurred_at, e.source, e.event_id";

/// People whose attributes and sums are held in memory together.
const PEOPLE_AT_ONCE: u64 = 500_000;

/// Runs the step.
pub async fn run(context: &StepContext<'_>) -> Result<Outcome, RunError> {
    let session = context.lake.session();
    let touched = touched(context, &["events", "responses", "records"]).await?;
    let mut outcome = Outcome { incremental: touched.buckets().is_some(), detail: touched.describe(), ..Outcome::default() };
    let mut writers = Writers {
        attributes: TableWriter::replace(context.lake, "attributes", touched.buckets()),
        profiles: TableWriter::replace(context.lake, "profiles", touched.buckets()),
    };
    for group in groups(&session, touched.buckets()).await? {
        write_group(&session, context.definitions, group.as_deref(), &mut writers).await?;
    }
    outcome.wrote("attributes", writers.attributes.commit().await?);
    outcome.wrote("profiles", writers.profiles.commit().await?);
    Ok(outcome)
}

struct Writers {
    attributes: TableWriter,
    profiles: TableWriter,
}

/// The buckets in groups that fit into memory; one group without a list where everybody fits.
async fn groups(session: &SessionContext, buckets: Option<&[i32]>) -> Result<Vec<Option<Vec<i32>>>, RunError> {
    let counted = session.sql("SELECT count(*) AS people FROM persons").await?.collect().await?;
    let people =
        counted.first().map(|batch| Columns(batch).int("people")).transpose()?.map_or(0, |people| people.value(0) as u64);
    let all: Vec<i32> = (0..BUCKETS as i32).collect();
    let at_once = (PEOPLE_AT_ONCE * BUCKETS / people.max(1)).max(1) as usize;
    if buckets.is_none() && at_once >= all.len() {
        return Ok(vec![None]);
    }
    Ok(buckets.unwrap_or(&all).chunks(at_once).map(|group| Some(group.to_vec())).collect())
}

/// Attributes and profiles of the people of some buckets.
async fn write_group(
    session: &SessionContext,
    definitions: &Definitions,
    group: Option<&[i32]>,
    writers: &mut Writers,
) -> Result<(), RunError> {
    let filter = bucket_filter(group);
    let attributes = Attributes::read(session, &filter).await?;
    for batch in attributes.rows()? {
        writers.attributes.write(batch).await?;
    }
    let mut people = People::read(session, &filter).await?;
    people.add_scores(session, &filter).await?;
    // People by bucket, in the order of their numbers; those without events come along with their neighbours.
    let mut waiting = people.by_bucket();
    let mut lives = Lives::events(session, EVENT_COLUMNS, group).await?;
    while let Some((bucket, batch)) = lives.next().await? {
        let activity = Activity::of(&batch, definitions)?;
        let last = Columns(&batch).int("person_no")?.value(batch.num_rows() - 1);
        if let Some(numbers) = waiting.get_mut(&bucket) {
            let later = numbers.split_off(numbers.partition_point(|&number| number <= last));
            let done = std::mem::replace(numbers, later);
            writers.profiles.write(people.rows(bucket, &done, &activity, &attributes)?).await?;
        }
    }
    for (bucket, numbers) in waiting.into_iter().filter(|(_, numbers)| !numbers.is_empty()) {
        writers.profiles.write(people.rows(bucket, &numbers, &Activity::default(), &attributes)?).await?;
    }
    Ok(())
}

/// What a person's events add up to.
#[derive(Default)]
struct Sums {
    events: i64,
    conversations: i64,
    references: i64,
    channels: BTreeMap<&'static str, i64>,
    /// Ten-thousandths by currency; `None` for an amount without one.
    value: BTreeMap<Option<String>, i128>,
    stage: Option<usize>,
}

/// Sums by person number, of one part of a bucket.
#[derive(Default)]
struct Activity {
    sums: FxHashMap<i64, Sums>,
    stages: Vec<String>,
}

impl Activity {
    fn of(batch: &RecordBatch, definitions: &Definitions) -> Result<Self, RunError> {
        let columns = Columns(batch);
        let (mut names, mut channels, mut matters) = (Dictionary::default(), Dictionary::default(), Dictionary::default());
        let person = columns.int("person_no")?;
        let name = names.codes(&columns.text("name")?);
        let channel = columns.text("channel")?;
        let channel_code = channels.codes(&channel);
        let stages = StageTable::new(&definitions.journey, &words(&names), &words(&channels));
        let conversation = matters.codes(&columns.text("conversation_id")?);
        let reference = matters.codes(&columns.text("reference")?);
        let (amount, currency) = (columns.decimal("amount")?, columns.text("currency")?);
        let counts =
            |name: u32| definitions.value_events.is_empty() || definitions.value_events.contains(&names.values()[name as usize]);
        let mut sums: FxHashMap<i64, Sums> = FxHashMap::default();
        let mut start = 0;
        while start < batch.num_rows() {
            let number = person.value(start);
            let end = start + person.values()[start..].partition_point(|&other| other <= number);
            let of_person = sums.entry(number).or_default();
            of_person.events = (end - start) as i64;
            of_person.conversations = distinct(&conversation[start..end]);
            of_person.references = distinct(&reference[start..end]);
            for row in start..end {
                let known = Channel::parse(channel.value(row)).unwrap_or(Channel::System);
                *of_person.channels.entry(known.as_str()).or_default() += 1;
                let stage = stages.stage(name[row], channel_code[row]);
                of_person.stage = of_person.stage.max((stage != NO_STAGE).then_some(usize::from(stage)));
                if !amount.is_null(row) && counts(name[row]) {
                    let unit = (!currency.is_null(row)).then(|| currency.value(row).to_owned());
                    *of_person.value.entry(unit).or_default() += amount.value(row);
                }
            }
            start = end;
        }
        let stages = definitions.journey.stage_names().into_iter().map(str::to_owned).collect();
        Ok(Self { sums, stages })
    }
}

fn distinct(codes: &[u32]) -> i64 {
    let mut codes: Vec<u32> = codes.iter().copied().filter(|&code| code != NONE).collect();
    codes.sort_unstable();
    codes.dedup();
    codes.len() as i64
}

/// Last score of a kind and when it was given.
type Last = Option<(f64, i64)>;

struct Person {
    number: i64,
    id: PersonId,
    population: u32,
    bucket: i32,
    first_us: i64,
    last_us: i64,
}

/// What a person answered.
#[derive(Clone, Copy, Default)]
struct Answers {
    responses: i64,
    nps: Last,
    csat: Last,
    ces: Last,
}

/// The people of some buckets.
struct People {
    /// By number.
    people: Vec<Person>,
    populations: Dictionary,
    answers: FxHashMap<i64, Answers>,
}

impl People {
    async fn read(session: &SessionContext, filter: &str) -> Result<Self, RunError> {
        let sql = format!(
            "SELECT person_no, person_id, population, bucket, first_seen_at, last_seen_at FROM persons s WHERE true{filter}"
        );
        let mut found = Self { people: Vec::new(), populations: Dictionary::default(), answers: FxHashMap::default() };
        let mut stream = session.sql(&sql).await?.execute_stream().await?;
        while let Some(batch) = stream.try_next().await? {
            let columns = Columns(&batch);
            let (number, id) = (columns.int("person_no")?, columns.text("person_id")?);
            let population = found.populations.codes(&columns.text("population")?);
            let (first, last, bucket) = (columns.time("first_seen_at")?, columns.time("last_seen_at")?, columns.int("bucket")?);
            for (row, &population) in population.iter().enumerate() {
                found.people.push(Person {
                    number: number.value(row),
                    id: id.value(row).parse()?,
                    population,
                    bucket: bucket.value(row) as i32,
                    first_us: first.value(row),
                    last_us: last.value(row),
                });
            }
        }
        found.people.sort_unstable_by_key(|person| person.number);
        Ok(found)
    }

    /// Ties of time go to the greater response id, so that the last answer is the same in every run.
    async fn add_scores(&mut self, session: &SessionContext, filter: &str) -> Result<(), RunError> {
        let sql = format!(
            "SELECT s.person_no, r.kind, r.score, r.answered_at FROM responses_current r JOIN subjects s ON r.subject = s.subject \
             WHERE r.score IS NOT NULL AND r.answered_at >= s.valid_from \
             AND (s.valid_to IS NULL OR r.answered_at < s.valid_to){filter} ORDER BY r.answered_at, r.source, r.response_id"
        );
        let mut stream = session.sql(&sql).await?.execute_stream().await?;
        while let Some(batch) = stream.try_next().await? {
            let columns = Columns(&batch);
            let (number, kind) = (columns.int("person_no")?, columns.text("kind")?);
            let (score, at) = (columns.float("score")?, columns.time("answered_at")?);
            for row in 0..batch.num_rows() {
                let answers = self.answers.entry(number.value(row)).or_default();
                answers.responses += 1;
                let last = Some((score.value(row), at.value(row)));
                match kind.value(row) {
                    "nps" => answers.nps = last,
                    "csat" => answers.csat = last,
                    "ces" => answers.ces = last,
                    _ => {}
                }
            }
        }
        Ok(())
    }

    fn by_bucket(&self) -> BTreeMap<i32, Vec<i64>> {
        let mut buckets: BTreeMap<i32, Vec<i64>> = BTreeMap::new();
        for person in &self.people {
            buckets.entry(person.bucket).or_default().push(person.number);
        }
        buckets
    }

    fn find(&self, number: i64) -> &Person {
        let place = self.people.binary_search_by_key(&number, |person| person.number);
        &self.people[place.expect("numbers come from these people")]
    }

    fn rows(&self, bucket: i32, numbers: &[i64], activity: &Activity, attributes: &Attributes) -> Result<RecordBatch, RunError> {
        let people: Vec<&Person> = numbers.iter().map(|&number| self.find(number)).collect();
        let (nothing, silent) = (Sums::default(), Answers::default());
        let sums: Vec<&Sums> = numbers.iter().map(|number| activity.sums.get(number).unwrap_or(&nothing)).collect();
        let answers: Vec<&Answers> = numbers.iter().map(|number| self.answers.get(number).unwrap_or(&silent)).collect();
        let ints = |of: fn(&Sums) -> i64| Int64Array::from_iter_values(sums.iter().map(|sums| of(sums)));
        let scores = |of: fn(&Answers) -> Last| Float64Array::from_iter(answers.iter().map(|one| of(one).map(|last| last.0)));
        let given = |of: fn(&Answers) -> Last| times(answers.iter().map(|one| of(one).map(|last| last.1)));
        let population = |person: &&Person| self.populations.values()[person.population as usize].as_str();
        Ok(TableRows::of("profiles", people.len())
            .with("person_id", StringArray::from_iter_values(people.iter().map(|person| person.id.to_string())))
            .with("population", StringArray::from_iter_values(people.iter().map(population)))
            .with("display_name", StringArray::from_iter(numbers.iter().map(|number| attributes.name_of(*number))))
            .with("first_seen_at", times(people.iter().map(|person| Some(person.first_us))))
            .with("last_seen_at", times(people.iter().map(|person| Some(person.last_us))))
            .with("events", ints(|sums| sums.events))
            .with("conversations", ints(|sums| sums.conversations))
            .with("references", ints(|sums| sums.references))
            .with("responses", Int64Array::from_iter_values(answers.iter().map(|one| one.responses)))
            .with("channels", text_lists(sums.iter().map(|sums| Some(by_use(&sums.channels)))))
            .with("events_by_channel", StringArray::from_iter_values(sums.iter().map(|sums| counts_json(&sums.channels))))
            .with("value", money(sums.iter().map(|sums| value(sums).map(|value| value.0))))
            .with("currency", StringArray::from_iter(sums.iter().map(|sums| value(sums).map(|value| value.1))))
            .with("last_nps", scores(|answers| answers.nps))
            .with("last_nps_at", given(|answers| answers.nps))
            .with("last_csat", scores(|answers| answers.csat))
            .with("last_csat_at", given(|answers| answers.csat))
            .with("last_ces", scores(|answers| answers.ces))
            .with("last_ces_at", given(|answers| answers.ces))
            .with(
                "stage",
                StringArray::from_iter(sums.iter().map(|sums| sums.stage.map(|stage| activity.stages[stage].as_str()))),
            )
            .with("bucket", Int32Array::from_iter_values(numbers.iter().map(|_| bucket)))
            .finish()?)
    }
}

/// The sum and its currency, where all amounts share one.
fn value(sums: &Sums) -> Option<(i128, &str)> {
    match sums.value.iter().next() {
        Some((Some(currency), &value)) if sums.value.len() == 1 => Some((value, currency)),
        _ => None,
    }
}

fn by_use(channels: &BTreeMap<&'static str, i64>) -> Vec<&'static str> {
    let mut list: Vec<(&str, i64)> = channels.iter().map(|(&channel, &n)| (channel, n)).collect();
    list.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    list.into_iter().map(|(channel, _)| channel).collect()
}

fn counts_json(channels: &BTreeMap<&'static str, i64>) -> String {
    let map: Map<String, Value> = channels.iter().map(|(&channel, &n)| (channel.to_owned(), n.into())).collect();
    Value::Object(map).to_string()
}

/// A value of an attribute from a moment on.
struct Version {
    person: i64,
    name: u32,
    source: u32,
    from_us: i64,
    value: String,
}

/// Attributes of the people of the touched buckets, over time.
struct Attributes {
    words: Dictionary,
    /// By (person, name, source, time); consecutive equal values are one version.
    versions: Vec<Version>,
    people: FxHashMap<i64, (String, i32)>,
    names: FxHashMap<i64, (i64, String)>,
}

/// Columns of `records` that are attributes as they stand.
const PLAIN: &[&str] = &["postcode", "city", "region", "country", "organisation"];

impl Attributes {
    async fn read(session: &SessionContext, filter: &str) -> Result<Self, RunError> {
        let sql = format!(
            "SELECT s.person_no, s.person_id, s.bucket, r.source, r.valid_from, r.full_name, r.given_name, r.family_name, \
             r.postcode, r.city, r.region, r.country, r.organisation, r.attributes \
             FROM records r JOIN subjects s ON r.subject = s.subject WHERE coalesce(r.deleted, false) = false{filter} \
             ORDER BY r.source, r.record_id, r.valid_from, r.content"
        );
        let mut found = Self {
            words: Dictionary::default(),
            versions: Vec::new(),
            people: FxHashMap::default(),
            names: FxHashMap::default(),
        };
        let mut stream = session.sql(&sql).await?.execute_stream().await?;
        while let Some(batch) = stream.try_next().await? {
            found.add(&batch)?;
        }
        let words = found.words.values();
        let key =
            |version: &Version| (version.person, &words[version.name as usize], &words[version.source as usize], version.from_us);
        found.versions.sort_by(|a, b| key(a).cmp(&key(b)));
        found.versions.dedup_by(|later, earlier| {
            (later.person, later.name, later.source) == (earlier.person, earlier.name, earlier.source)
                && later.value == earlier.value
        });
        Ok(found)
    }

    fn add(&mut self, batch: &RecordBatch) -> Result<(), RunError> {
        let columns = Columns(batch);
        let (number, id, bucket) = (columns.int("person_no")?, columns.text("person_id")?, columns.int("bucket")?);
        let (source, from) = (columns.text("source")?, columns.time("valid_from")?);
        let (full, given, family) = (columns.text("full_name")?, columns.text("given_name")?, columns.text("family_name")?);
        let plain = PLAIN.iter().map(|name| columns.text(name)).collect::<Result<Vec<_>, _>>()?;
        let json = columns.text("attributes")?;
        for row in 0..batch.num_rows() {
            let person = number.value(row);
            let from_us = if from.is_null(row) { ALWAYS_US } else { from.value(row) };
            self.people.entry(person).or_insert_with(|| (id.value(row).to_owned(), bucket.value(row) as i32));
            let source = self.words.code(source.value(row));
            for (name, values) in PLAIN.iter().zip(&plain) {
                if !values.is_null(row) {
                    let name = self.words.code(name);
                    self.versions.push(Version { person, name, source, from_us, value: values.value(row).to_owned() });
                }
            }
            if let Some(Value::Object(map)) = (!json.is_null(row)).then(|| serde_json::from_str(json.value(row)).ok()).flatten() {
                for (name, value) in map {
                    let value = match value {
                        Value::Null => continue,
                        Value::String(text) => text,
                        other => other.to_string(),
                    };
                    let name = self.words.code(&name);
                    self.versions.push(Version { person, name, source, from_us, value });
                }
            }
            let parts = [&given, &family].map(|part| if part.is_null(row) { "" } else { part.value(row) });
            let name = if full.is_null(row) { parts.join(" ").trim().to_owned() } else { full.value(row).trim().to_owned() };
            if !name.is_empty() && self.names.get(&person).is_none_or(|known| known.0 <= from_us) {
                self.names.insert(person, (from_us, name));
            }
        }
        Ok(())
    }

    fn name_of(&self, person: i64) -> Option<&str> {
        self.names.get(&person).map(|(_, name)| name.as_str())
    }

    /// One batch a bucket.
    fn rows(&self) -> Result<Vec<RecordBatch>, RunError> {
        let mut buckets: BTreeMap<i32, Vec<usize>> = BTreeMap::new();
        for (place, version) in self.versions.iter().enumerate() {
            buckets.entry(self.people[&version.person].1).or_default().push(place);
        }
        buckets.into_iter().map(|(bucket, places)| self.bucket_rows(bucket, &places)).collect()
    }

    fn bucket_rows(&self, bucket: i32, places: &[usize]) -> Result<RecordBatch, RunError> {
        let versions = || places.iter().map(|&place| &self.versions[place]);
        let ends = places.iter().map(|&place| {
            let (this, next) = (&self.versions[place], self.versions.get(place + 1)?);
            ((this.person, this.name, this.source) == (next.person, next.name, next.source)).then_some(next.from_us)
        });
        let word = |code: u32| self.words.values()[code as usize].as_str();
        Ok(TableRows::of("attributes", places.len())
            .with("person_id", StringArray::from_iter_values(versions().map(|version| &self.people[&version.person].0)))
            .with("name", StringArray::from_iter_values(versions().map(|version| word(version.name))))
            .with("value", StringArray::from_iter_values(versions().map(|version| &version.value)))
            .with("source", StringArray::from_iter_values(versions().map(|version| word(version.source))))
            .with("valid_from", times(versions().map(|version| Some(version.from_us))))
            .with("valid_to", times(ends))
            .with("bucket", Int32Array::from_iter_values(places.iter().map(|_| bucket)))
            .finish()?)
    }
}
