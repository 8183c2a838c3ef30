//! Step `journeys`: the events of people → `steps`, `journeys`, and over all of them `transitions` and `stages`.
//!
//! Steps and journeys are person-local and replaced by bucket. Transitions and stages are computed from the two tables, not
//! from the events, so that they cost one narrow scan after an incremental run and cannot disagree with what they sum up.

use std::collections::BTreeMap;

use arrow::array::{
    Array, Float64Array, Int32Array, Int64Array, Int64Builder, ListBuilder, RecordBatch, StringArray, StringBuilder, UInt32Array,
};
use arrow::compute::take;
use clew_identity::PersonId;
use clew_journey::events::NO_KEY;
use clew_journey::journeys::Keys;
use clew_journey::{Definition, Events, Journey, Journeys, NO_STAGE, StageTable, build_journeys};
use clew_stats::interval::{Proportion, proportion};
use clew_stats::quantile::{QuantileType, quantile_of_sorted};
use datafusion::prelude::SessionContext;
use futures::TryStreamExt;
use xxhash_rust::xxh3::xxh3_64;

use super::identity::BUCKETS;
use crate::columns::{Columns, Dictionary, NONE, TableRows, times, words};
use crate::run::{Outcome, RunError, StepContext};
use crate::scan::Lives;
use crate::touched::touched;
use crate::writer::TableWriter;

const LEVEL: f64 = 0.95;
const EVENT_COLUMNS: &str = "e.occurred_at, e.name, e.channel, e.reference, e.conversation_id, e.source, e.event_id";

/// Runs the step.
pub async fn run(context: &StepContext<'_>) -> Result<Outcome, RunError> {
    let definition = &context.definitions.journey;
    let session = context.lake.session();
    let touched = touched(context, &["events"]).await?;
    let as_of_us = last_event(&session).await?;
    let mut outcome = Outcome { incremental: touched.buckets().is_some(), detail: touched.describe(), ..Outcome::default() };
    let mut lives = Lives::events(&session, EVENT_COLUMNS, touched.buckets()).await?;
    let mut steps = TableWriter::replace(context.lake, "steps", touched.buckets());
    let mut journeys = TableWriter::replace(context.lake, "journeys", touched.buckets());
    while let Some((bucket, batch)) = lives.next().await? {
        let built = Built::of(&batch, definition, as_of_us)?;
        steps.write(built.step_rows(bucket, &batch)?).await?;
        journeys.write(built.journey_rows(bucket)?).await?;
    }
    outcome.wrote("steps", steps.commit().await?);
    outcome.wrote("journeys", journeys.commit().await?);
    let session = context.lake.session();
    outcome.wrote("transitions", context.lake.overwrite("transitions", vec![transitions(&session, definition).await?]).await?);
    outcome.wrote("stages", context.lake.overwrite("stages", vec![stages(&session, definition).await?]).await?);
    Ok(outcome)
}

/// The time up to which the data tells what happened: open journeys are told from dropped ones by it, not by the clock, so
/// that a rerun of old data gives the same rows.
async fn last_event(session: &SessionContext) -> Result<i64, RunError> {
    let batches = session.sql("SELECT max(occurred_at) AS last FROM events WHERE subject IS NOT NULL").await?.collect().await?;
    let last = batches.first().map(|batch| Columns(batch).time("last")).transpose()?;
    Ok(last.filter(|last| !last.is_empty() && !last.is_null(0)).map_or(0, |last| last.value(0)))
}

/// The journeys of some people of one bucket.
struct Built<'a> {
    definition: &'a Definition,
    journeys: Journeys,
    /// Person id by number within the part.
    people: Vec<String>,
    time_us: Vec<i64>,
    name: Vec<u32>,
    names: Dictionary,
    matters: Dictionary,
    stage: Vec<u8>,
}

impl<'a> Built<'a> {
    fn of(batch: &RecordBatch, definition: &'a Definition, as_of_us: i64) -> Result<Self, RunError> {
        let columns = Columns(batch);
        let (mut names, mut channels, mut matters) = (Dictionary::default(), Dictionary::default(), Dictionary::default());
        let name = names.codes(&columns.text("name")?);
        let channel = channels.codes(&columns.text("channel")?);
        let reference = matters.codes(&columns.text("reference")?);
        let conversation = matters.codes(&columns.text("conversation_id")?);
        let time_us = columns.time("occurred_at")?.values().to_vec();
        let (person, people) = numbered(&columns)?;
        let hashes: Vec<u64> = matters.values().iter().map(|value| xxh3_64(value.as_bytes())).collect();
        let person_ids = people.iter().map(|id| id.parse::<PersonId>().map(|id| id.0)).collect::<Result<Vec<_>, _>>()?;
        let table = StageTable::new(definition, &words(&names), &words(&channels));
        debug_assert_eq!(NONE, NO_KEY);
        let events = Events {
            person: &person,
            time_us: &time_us,
            name: &name,
            channel: &channel,
            reference: &reference,
            conversation: &conversation,
        };
        let keys = Keys { person_ids: &person_ids, references: &hashes, conversations: &hashes };
        let journeys = build_journeys(&events, definition, &table, &keys, as_of_us);
        let stage = table.stages(&name, &channel);
        Ok(Self { definition, journeys, people, time_us, name, names, matters, stage })
    }

    fn rule(&self, journey: &Journey) -> &str {
        &self.definition.journeys[journey.rule as usize].name
    }

    fn stage_name(&self, stage: u8) -> Option<&str> {
        (stage != NO_STAGE).then(|| self.definition.stages[stage as usize].name.as_str())
    }

    fn step_rows(&self, bucket: i32, batch: &RecordBatch) -> Result<RecordBatch, RunError> {
        let n = self.journeys.step_events.len();
        let rows = UInt32Array::from_iter_values(self.journeys.step_events.iter().map(|&row| row as u32));
        let taken = |name: &str| -> Result<StringArray, RunError> {
            let column = Columns(batch).text(name)?;
            Ok(arrow::array::AsArray::as_string::<i32>(&take(&column, &rows, None)?).clone())
        };
        let text = |width: usize| StringBuilder::with_capacity(n, n * width);
        let (mut ids, mut journeys, mut people, mut from) = (text(15), text(12), text(15), text(16));
        let (mut seq, mut wait_ms) = (Vec::with_capacity(n), Vec::with_capacity(n));
        for journey in &self.journeys.journeys {
            let id = journey.id.to_string();
            let steps = self.journeys.steps(journey);
            for (place, &row) in steps.iter().enumerate() {
                let before = place.checked_sub(1).map(|before| steps[before]);
                ids.append_value(&id);
                journeys.append_value(self.rule(journey));
                people.append_value(&self.people[journey.person as usize]);
                seq.push(place as i32 + 1);
                wait_ms.push(before.map(|before| (self.time_us[row] - self.time_us[before]) / 1_000));
                from.append_option(before.map(|before| self.names.values()[self.name[before] as usize].as_str()));
            }
        }
        let stages = self.journeys.step_events.iter().map(|&row| self.stage_name(self.stage[row]));
        Ok(TableRows::of("steps", n)
            .with("journey_id", ids.finish())
            .with("journey", journeys.finish())
            .with("person_id", people.finish())
            .with("seq", Int32Array::from(seq))
            .with("from_step", from.finish())
            .with("source", taken("source")?)
            .with("event_id", taken("event_id")?)
            .with("name", taken("name")?)
            .with("channel", taken("channel")?)
            .with("stage", StringArray::from_iter(stages))
            .with("occurred_at", times(self.journeys.step_events.iter().map(|&row| Some(self.time_us[row]))))
            .with("wait_ms", Int64Array::from(wait_ms))
            .with("bucket", Int32Array::from_value(bucket, n))
            .finish()?)
    }

    fn journey_rows(&self, bucket: i32) -> Result<RecordBatch, RunError> {
        let all = &self.journeys.journeys;
        let text = |of: &dyn Fn(&Journey) -> String| StringArray::from_iter_values(all.iter().map(of));
        let key = |journey: &Journey| (journey.key != NO_KEY).then(|| self.matters.values()[journey.key as usize].as_str());
        let mut reached = ListBuilder::new(Int64Builder::new());
        for journey in all {
            self.reached_ms(journey).into_iter().for_each(|ms| reached.values().append_option(ms));
            reached.append(true);
        }
        Ok(TableRows::of("journeys", all.len())
            .with("journey_id", text(&|journey| journey.id.to_string()))
            .with("journey", text(&|journey| self.rule(journey).to_owned()))
            .with("person_id", text(&|journey| self.people[journey.person as usize].clone()))
            .with("scope_key", StringArray::from_iter(all.iter().map(key)))
            .with("started_at", times(all.iter().map(|journey| Some(journey.started_at_us))))
            .with("ended_at", times(all.iter().map(|journey| Some(journey.ended_at_us))))
            .with("steps", Int32Array::from_iter_values(all.iter().map(|journey| journey.steps as i32)))
            .with(
                "furthest_stage",
                StringArray::from_iter(
                    all.iter().map(|journey| journey.furthest_stage().and_then(|stage| self.stage_name(stage))),
                ),
            )
            .with("outcome", text(&|journey| journey.outcome.as_str().to_owned()))
            .with("reached_ms", reached.finish())
            .with("continued", Int64Array::from_iter_values(all.iter().map(|journey| journey.continued as i64)))
            .with("bucket", Int32Array::from_value(bucket, all.len()))
            .finish()?)
    }

    fn reached_ms(&self, journey: &Journey) -> Vec<Option<i64>> {
        let mut first = vec![None; self.definition.stages.len()];
        for &row in self.journeys.steps(journey) {
            if let Some(first) = first.get_mut(usize::from(self.stage[row])) {
                first.get_or_insert((self.time_us[row] - journey.started_at_us) / 1_000);
            }
        }
        first
    }
}

/// People numbered from 0 in the order of rows, which come person by person.
fn numbered(columns: &Columns<'_>) -> Result<(Vec<u32>, Vec<String>), RunError> {
    let (number, id) = (columns.int("person_no")?, columns.text("person_id")?);
    let (mut person, mut people) = (Vec::with_capacity(number.len()), Vec::new());
    for row in 0..number.len() {
        if row == 0 || number.value(row) != number.value(row - 1) {
            people.push(id.value(row).to_owned());
        }
        person.push(people.len() as u32 - 1);
    }
    Ok((person, people))
}

/// Waits and people of one pair of steps.
#[derive(Default)]
struct Edge {
    waits: Waits,
    /// Hashes of the people of the bucket that is being read.
    people_now: Vec<u64>,
    /// People of the buckets before: nobody is in two.
    people: i64,
    n: i64,
}

/// Waiting times in milliseconds. Nearly all are below 50 days and take four bytes: this is what memory goes to.
#[derive(Default)]
struct Waits {
    short: Vec<u32>,
    long: Vec<i64>,
}

impl Waits {
    fn push(&mut self, wait_ms: i64) {
        match u32::try_from(wait_ms) {
            Ok(wait) => self.short.push(wait),
            Err(_) => self.long.push(wait_ms),
        }
    }

    fn sort(&mut self) {
        self.short.sort_unstable();
        self.long.sort_unstable();
    }

    /// A quantile (type 7) of the sorted waits, rounded.
    fn quantile(&self, p: f64) -> Option<i64> {
        let n = self.short.len() + self.long.len();
        let at =
            |rank: usize| self.short.get(rank).map_or_else(|| self.long[rank - self.short.len()] as f64, |&wait| f64::from(wait));
        let rank = n.checked_sub(1)? as f64 * p;
        let around = [at(rank.floor() as usize), at(rank.ceil() as usize)];
        quantile_of_sorted(&around, rank.fract(), QuantileType::T7).map(|value| value.round() as i64)
    }
}

/// All pairs of steps that follow, and where journeys start and end. Bucket by bucket, because a person is in one of them.
async fn transitions(session: &SessionContext, definition: &Definition) -> Result<RecordBatch, RunError> {
    let mut names = Dictionary::default();
    let (start, end) = (names.code("(start)"), names.code("(end)"));
    let mut edges: BTreeMap<(u32, u32, u32), Edge> = BTreeMap::new();
    let mut rules = Dictionary::default();
    definition.journeys.iter().for_each(|journey| {
        rules.code(&journey.name);
    });
    for bucket in 0..BUCKETS {
        let sql = format!(
            "SELECT s.journey, s.from_step, s.name, s.person_id, s.wait_ms, s.seq = j.steps AS last FROM steps s \
             JOIN journeys j ON s.journey_id = j.journey_id WHERE s.bucket = {bucket} AND j.bucket = {bucket}"
        );
        let mut stream = session.sql(&sql).await?.execute_stream().await?;
        while let Some(batch) = stream.try_next().await? {
            let columns = Columns(&batch);
            let rule = rules.codes(&columns.text("journey")?);
            let (from, to) = (names.codes(&columns.text("from_step")?), names.codes(&columns.text("name")?));
            let (person, wait, last) = (columns.text("person_id")?, columns.int("wait_ms")?, columns.boolean("last")?);
            for row in 0..batch.num_rows() {
                let who = xxh3_64(person.value(row).as_bytes());
                let first = from[row] == NONE;
                let edge = edges.entry((rule[row], if first { start } else { from[row] }, to[row])).or_default();
                edge.push(who, (!first).then(|| wait.value(row)));
                if last.value(row) {
                    edges.entry((rule[row], to[row], end)).or_default().push(who, None);
                }
            }
        }
        edges.values_mut().for_each(Edge::end_bucket);
    }
    let mut all: Vec<((&str, &str, &str), Edge)> = edges
        .into_iter()
        .map(|((rule, from, to), edge)| {
            let name = |code: u32| names.values()[code as usize].as_str();
            ((rules.values()[rule as usize].as_str(), name(from), name(to)), edge)
        })
        .collect();
    all.sort_by_key(|row| row.0);
    all.iter_mut().for_each(|(_, edge)| edge.waits.sort());
    let text = |of: fn(&(&str, &str, &str)) -> String| StringArray::from_iter_values(all.iter().map(|row| of(&row.0)));
    Ok(TableRows::of("transitions", all.len())
        .with("journey", text(|key| key.0.to_owned()))
        .with("from_step", text(|key| key.1.to_owned()))
        .with("to_step", text(|key| key.2.to_owned()))
        .with("n", Int64Array::from_iter_values(all.iter().map(|(_, edge)| edge.n)))
        .with("people", Int64Array::from_iter_values(all.iter().map(|(_, edge)| edge.people)))
        .with("median_wait_ms", Int64Array::from_iter(all.iter().map(|(_, edge)| edge.waits.quantile(0.5))))
        .with("p90_wait_ms", Int64Array::from_iter(all.iter().map(|(_, edge)| edge.waits.quantile(0.9))))
        .finish()?)
}

impl Edge {
    fn push(&mut self, person: u64, wait_ms: Option<i64>) {
        self.n += 1;
        if let Some(wait_ms) = wait_ms {
            self.waits.push(wait_ms);
        }
        if self.people_now.last() != Some(&person) {
            self.people_now.push(person);
        }
    }

    /// Counts each person of the bucket once.
    fn end_bucket(&mut self) {
        self.people_now.sort_unstable();
        self.people_now.dedup();
        self.people += self.people_now.len() as i64;
        self.people_now = Vec::new();
    }
}

/// People by stage, and how many of them went on.
async fn stages(session: &SessionContext, definition: &Definition) -> Result<RecordBatch, RunError> {
    let (rules, stages) = (definition.journeys.len(), definition.stages.len());
    let mut people = vec![(0_u64, 0_u64); rules * stages];
    let mut onward: Vec<Waits> = (0..rules * stages).map(|_| Waits::default()).collect();
    let sql = "SELECT journey, person_id, reached_ms, continued FROM journeys ORDER BY journey, person_id";
    let mut stream = session.sql(sql).await?.execute_stream().await?;
    let mut current: Option<(usize, String, u64, u64)> = None;
    let mut close = |person: Option<(usize, String, u64, u64)>| {
        let Some((rule, _, reached, continued)) = person else { return };
        for stage in 0..stages {
            let cell = &mut people[rule * stages + stage];
            cell.0 += reached >> stage & 1;
            cell.1 += continued >> stage & 1;
        }
    };
    while let Some(batch) = stream.try_next().await? {
        let columns = Columns(&batch);
        let (journey, person) = (columns.text("journey")?, columns.text("person_id")?);
        let continued = columns.int("continued")?;
        let reached = columns.int_lists("reached_ms")?;
        for row in 0..batch.num_rows() {
            let Some(rule) = definition.journeys.iter().position(|rule| rule.name == journey.value(row)) else { continue };
            let first = reached.get(row);
            let mask =
                (0..stages).fold(0, |mask, stage| mask | u64::from(first.get(stage).copied().flatten().is_some()) << stage);
            for stage in 0..stages {
                let Some(at) = first.get(stage).copied().flatten() else { continue };
                let next = first[stage + 1..].iter().flatten().filter(|&&later| later >= at).min();
                if let Some(later) = next {
                    onward[rule * stages + stage].push(later - at);
                }
            }
            match &mut current {
                Some((open, id, reached, on)) if *open == rule && id == person.value(row) => {
                    *reached |= mask;
                    *on |= continued.value(row) as u64;
                }
                _ => close(current.replace((rule, person.value(row).to_owned(), mask, continued.value(row) as u64))),
            }
        }
    }
    close(current);
    onward.iter_mut().for_each(Waits::sort);
    stage_rows(definition, &people, &onward)
}

fn stage_rows(definition: &Definition, people: &[(u64, u64)], onward: &[Waits]) -> Result<RecordBatch, RunError> {
    let stages = definition.stages.len();
    let cells = || 0..people.len();
    let last = |cell: usize| cell % stages + 1 == stages;
    let conversions: Vec<_> = cells()
        .map(|cell| (!last(cell)).then(|| proportion(people[cell].1, people[cell].0, LEVEL, Proportion::Wilson)))
        .collect();
    let floats = |of: fn(&clew_stats::Estimate) -> Option<f64>| {
        Float64Array::from_iter(conversions.iter().map(|conversion| conversion.as_ref().and_then(of)))
    };
    Ok(TableRows::of("stages", people.len())
        .with("journey", StringArray::from_iter_values(cells().map(|cell| &definition.journeys[cell / stages].name)))
        .with("position", Int32Array::from_iter_values(cells().map(|cell| (cell % stages) as i32 + 1)))
        .with("stage", StringArray::from_iter_values(cells().map(|cell| &definition.stages[cell % stages].name)))
        .with("people", Int64Array::from_iter_values(people.iter().map(|cell| cell.0 as i64)))
        .with("continued", Int64Array::from_iter_values(people.iter().map(|cell| cell.1 as i64)))
        .with("conversion", floats(|estimate| estimate.estimate))
        .with("lower", floats(|estimate| estimate.lower))
        .with("upper", floats(|estimate| estimate.upper))
        .with("median_ms", Int64Array::from_iter(onward.iter().map(|waits| waits.quantile(0.5))))
        .finish()?)
}
