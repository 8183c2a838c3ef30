//! `POST /data/test`: one message on its way through a live source, step by step.
//!
//! `check` goes as far as typing and stores nothing; `send` takes the very way of all others, to the log and into SQL. A tracking call gets a `messageId` that
//! begins with [`PREFIX`], so that whatever was sent as a test can be told apart, and found, for good. Rows get their ids from the source's SQL: their
//! sender has to name them.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use clew_intake::Api;
use clew_intake::live::{Answer as DoorAnswer, Payload, Refusal, Rehearsal};
use clew_intake::outcome::Outcome;
use clew_intake::spec::Format;
use clew_intake::tracking::{Call, Kind as CallKind};
use clew_model::tables::Table;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::app::App;
use crate::error::{Answer, ApiError, Kind};
use crate::extract::Body;
use crate::json;
use crate::observe::new_id;
use crate::wire::{TakenMessages, TestFact, TestReport, TestRequest, TestStep};
use clew_lake::literal::{Integers, Text, Texts};

/// What the ids of test messages begin with.
pub const PREFIX: &str = "clew-test-";
/// Bytes of a test's body.
const MOST_BYTES: usize = 64 << 10;
/// Facts that are shown.
const MOST_FACTS: usize = 20;

/// Takes a test message through a live source.
#[utoipa::path(post, path = "/api/v1/data/test", request_body = TestRequest, responses((status = 200, body = TestReport), (status = "default", body = crate::wire::ErrorBody)), tag = "work")]
pub async fn test(State(app): State<Arc<App>>, Body(request): Body<TestRequest>) -> Answer<TestReport> {
    let source = app.door.source(&request.source).cloned().ok_or_else(|| ApiError::not_found("live source"))?;
    if request.mode != "check" && request.mode != "send" {
        return Err(ApiError::invalid("`mode` is check or send."));
    }
    if request.body.len() > MOST_BYTES {
        return Err(ApiError::new(Kind::TooLarge, format!("A test has at most {} KB.", MOST_BYTES >> 10)));
    }
    if !source.is_sound() {
        return Err(Refusal::Source.into());
    }
    let payload = payload(source.api(), &request.call)?;
    let body = if source.api() == Api::Tracking { named(&request.body) } else { request.body };
    let mut way = Way { source: request.source, mode: request.mode, ..Way::default() };
    way.done("received", format!("{} bytes, as {}.", body.len(), request.call));
    let mut reservation = app.door.reserve();
    reservation.grow(body.len())?;
    let rehearsal = match app.door.rehearse(&source, payload.clone(), body.clone().into_bytes(), reservation).await {
        Ok(rehearsal) => rehearsal,
        Err(refusal @ (Refusal::Body(_) | Refusal::Rows(_))) => {
            way.stopped("decoded", ApiError::from(refusal).message);
            return Ok(Json(way.report()));
        }
        Err(refusal) => return Err(refusal.into()),
    };
    way.facts = facts(&rehearsal)?;
    way.typed(&rehearsal);
    if way.mode == "check" {
        let known = stored(&app, &way).await?;
        way.checked(known, rehearsal);
    } else {
        let mut reservation = app.door.reserve();
        reservation.grow(body.len())?;
        let answer = app.door.take(&source, payload, body.into_bytes(), reservation).await?;
        way.sent(answer, app.lake.offset());
        let known = stored(&app, &way).await?;
        way.found(known);
    }
    meet(&app, &mut way.facts).await?;
    way.met();
    Ok(Json(way.report()))
}

/// How the body is to be read.
fn payload(api: Api, call: &str) -> Result<Payload, ApiError> {
    let calls = "identify, track, page, screen, group, alias and batch";
    Ok(match (api, call) {
        (Api::Tracking, "batch") => Payload::Tracking(Call::Batch),
        (Api::Tracking, call) => {
            let wrong = || ApiError::invalid(format!("`call` is none of {calls}."));
            Payload::Tracking(Call::One(CallKind::parse(call).ok_or_else(wrong)?))
        }
        (Api::Rows, "json") => Payload::Rows(Format::Json),
        (Api::Rows, "jsonl") => Payload::Rows(Format::Jsonl),
        (Api::Rows, "csv") => Payload::Rows(Format::Csv),
        (Api::Rows, _) => return Err(ApiError::invalid("`call` of a source that takes rows is json, jsonl or csv.")),
    })
}

/// The body with ids that tell a test; as it is where it is no JSON, which the decoder will say.
fn named(body: &str) -> String {
    let Ok(mut value) = serde_json::from_str::<Value>(body) else { return body.to_owned() };
    let mark = |message: &mut Value| {
        let Some(message) = message.as_object_mut() else { return };
        let id = match message.get("messageId").and_then(Value::as_str) {
            Some(id) if id.starts_with(PREFIX) => return,
            Some(id) => format!("{PREFIX}{id}"),
            None => format!("{PREFIX}{}", new_id()),
        };
        message.insert("messageId".to_owned(), Value::String(id));
    };
    match value.get_mut("batch").and_then(Value::as_array_mut) {
        Some(batch) => batch.iter_mut().for_each(mark),
        None => mark(&mut value),
    }
    value.to_string()
}

/// The typed facts, with their columns that hold something.
fn facts(rehearsal: &Rehearsal) -> Result<Vec<TestFact>, ApiError> {
    let mut facts = Vec::new();
    for (target, rows) in &rehearsal.facts {
        let names: Vec<String> = rows.schema().fields().iter().map(|field| field.name().clone()).collect();
        let columns = rows.columns().iter().map(json::values).collect::<Result<Vec<_>, _>>()?;
        for row in 0..rows.num_rows().min(MOST_FACTS - facts.len()) {
            let values = names.iter().zip(&columns).map(|(name, column)| (name.clone(), column[row].clone()));
            let mut columns: Map<String, Value> = values.filter(|(_, value)| !value.is_null()).collect();
            // 64 bits do not fit a number of JavaScript.
            let subject = columns.remove("subject").map(|subject| subject.to_string());
            facts.push(TestFact { target: (*target).to_owned(), columns, subject, person_id: None });
        }
    }
    Ok(facts)
}

/// How many of the facts' ids are in SQL.
async fn stored(app: &App, way: &Way) -> Result<u64, ApiError> {
    #[derive(Deserialize)]
    struct Total {
        n: u64,
    }
    let mut n = 0;
    for (table, key, ids) in way.ids() {
        let (source, ids) = (Text(&way.source), Texts(&ids));
        let sql = format!("SELECT count(DISTINCT {key}) AS n FROM {table} WHERE source = {source} AND {key} IN {ids}");
        n += app.only::<Total>(&sql).await?.n;
    }
    Ok(n)
}

/// Gives the facts the persons behind their subjects, as far as they are known.
async fn meet(app: &App, facts: &mut [TestFact]) -> Result<(), ApiError> {
    #[derive(Deserialize)]
    struct Row {
        subject: i64,
        person_id: String,
    }
    let subject = |fact: &TestFact| fact.subject.as_deref().and_then(|subject| subject.parse::<i64>().ok());
    let subjects: Vec<i64> = facts.iter().filter_map(subject).collect();
    if subjects.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "SELECT subject, person_id FROM subjects_current WHERE subject IN {} AND valid_to IS NULL ORDER BY subject",
        Integers(&subjects)
    );
    let rows: Vec<Row> = app.rows(&sql).await?;
    for fact in facts {
        let own = subject(fact);
        fact.person_id = rows.iter().find(|row| Some(row.subject) == own).map(|row| row.person_id.clone());
    }
    Ok(())
}

/// The report while it is made.
#[derive(Debug, Default)]
struct Way {
    source: String,
    mode: String,
    steps: Vec<TestStep>,
    messages: TakenMessages,
    facts: Vec<TestFact>,
    queries: Vec<String>,
}

impl Way {
    fn step(&mut self, step: &str, status: &str, detail: impl Into<String>) {
        self.steps.push(TestStep { step: step.to_owned(), status: status.to_owned(), detail: detail.into() });
    }

    fn done(&mut self, step: &str, detail: impl Into<String>) {
        self.step(step, "done", detail);
    }

    fn stopped(&mut self, step: &str, detail: impl Into<String>) {
        self.step(step, "stopped", detail);
    }

    fn open(&mut self, step: &str, detail: impl Into<String>) {
        self.step(step, "open", detail);
    }

    /// Table, name of its key and the keys, of every table that the facts fill.
    fn ids(&self) -> Vec<(&'static str, &'static str, Vec<String>)> {
        let mut ids: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for fact in &self.facts {
            let key = Table::find(&fact.target).map_or("", |table| table.columns[0].name);
            if let Some(id) = fact.columns.get(key).and_then(Value::as_str) {
                ids.entry(&fact.target).or_default().push(id.to_owned());
            }
        }
        ids.into_iter()
            .filter_map(|(name, ids)| Table::find(name).map(|table| (table.name, table.columns[0].name, ids)))
            .collect()
    }

    /// Decoding, typing and subjects.
    fn typed(&mut self, rehearsal: &Rehearsal) {
        let n = rehearsal.outcomes.len();
        self.done("decoded", count(n as u64, "message", "messages"));
        let refused = rehearsal.outcomes.iter().find_map(|outcome| match outcome {
            Outcome::Quarantined { detail, .. } => Some(format!("Goes to quarantine: {detail}.")),
            Outcome::Rejected { .. } => Some("Refused for good: its sender has no consent.".to_owned()),
            _ => None,
        });
        let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
        for fact in &self.facts {
            *kinds.entry(&fact.target).or_default() += 1;
        }
        let made: Vec<String> = kinds.iter().map(|(target, n)| format!("{n} of {target}")).collect();
        let flags: Vec<&str> = self
            .facts
            .iter()
            .filter_map(|fact| fact.columns.get("quality")?.as_array())
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let flagged = if flags.is_empty() { String::new() } else { format!(" Flags: {}.", flags.join(", ")) };
        match refused {
            Some(refused) if made.is_empty() => return self.stopped("typed", refused),
            Some(refused) => self.stopped("typed", format!("Facts: {}.{flagged} {refused}", made.join(", "))),
            None if made.is_empty() => return self.stopped("typed", "It says nothing that could be stored."),
            None => self.done("typed", format!("Facts: {}.{flagged}", made.join(", "))),
        }
        let mut subjects: Vec<&str> = self.facts.iter().filter_map(|fact| fact.subject.as_deref()).collect();
        subjects.sort_unstable();
        subjects.dedup();
        match subjects.as_slice() {
            [] => self.open("subject", "It names nobody: no identifier is left."),
            subjects => self.done("subject", subjects.join(", ")),
        }
    }

    fn checked(&mut self, known: u64, Rehearsal { outcomes, ids, .. }: Rehearsal) {
        self.messages = DoorAnswer { outcomes, ids }.into();
        let TakenMessages { accepted, quarantined, .. } = self.messages;
        let verdict = match (accepted, known) {
            (0, _) if quarantined > 0 => "Sent, it would go to quarantine.".to_owned(),
            (0, _) => "Sent, nothing of it would be stored.".to_owned(),
            (_, 0) => "Sent, it would be stored.".to_owned(),
            (_, known) => format!(
                "{known} of its ids are stored already: sent, they are duplicates, or conflicts where the content differs."
            ),
        };
        self.open("verdict", verdict);
        self.open("log", "Only checked: nothing was written.");
    }

    fn sent(&mut self, answer: DoorAnswer, offset: u64) {
        self.messages = answer.into();
        let TakenMessages { accepted, duplicate, quarantined, rejected, skipped, .. } = self.messages;
        let counts = [
            (accepted, "stored"),
            (duplicate, "there already"),
            (quarantined, "in quarantine"),
            (rejected, "refused for good"),
            (skipped, "without anything to store"),
        ];
        let words: Vec<String> = counts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
        let status = if quarantined + rejected > 0 { "stopped" } else { "done" };
        self.step("verdict", status, format!("{}.", words.join(", ")));
        self.done("log", format!("On disk; the log stands at {offset}."));
    }

    fn found(&mut self, known: u64) {
        let ids = self.ids();
        let all: usize = ids.iter().map(|(_, _, ids)| ids.len()).sum();
        match all as u64 {
            0 => return,
            all if known >= all => self.done("sql", format!("{known} of {all} found.")),
            all => self.open("sql", format!("{known} of {all} found.")),
        }
        let query = |(table, key, ids): &(&str, &str, Vec<String>)| {
            format!("SELECT * FROM {table} WHERE source = {} AND {key} IN {}", Text(&self.source), Texts(ids))
        };
        self.queries = ids.iter().map(query).collect();
    }

    fn met(&mut self) {
        if self.facts.iter().all(|fact| fact.subject.is_none()) {
            return;
        }
        match self.facts.iter().find_map(|fact| fact.person_id.clone()) {
            Some(person) => self.done("person", person),
            None => self.open("person", "Not known yet: the next run works out who it is."),
        }
    }

    fn report(self) -> TestReport {
        let Self { source, mode, steps, messages, facts, queries } = self;
        TestReport { source, mode, steps, messages, facts, queries }
    }
}

fn count(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}.", if n == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_sent_as_a_test_is_named_as_one() {
        let id = |body: &str, at: &str| {
            serde_json::from_str::<Value>(&named(body)).unwrap().pointer(at).unwrap().as_str().unwrap().to_owned()
        };
        assert!(id(r#"{"event":"x"}"#, "/messageId").len() > PREFIX.len());
        assert_eq!(id(r#"{"messageId":"m1"}"#, "/messageId"), "clew-test-m1");
        assert_eq!(id(r#"{"messageId":"clew-test-m1"}"#, "/messageId"), "clew-test-m1");
        assert_eq!(id(r#"{"batch":[{"messageId":"a"},{"messageId":"b"}]}"#, "/batch/1/messageId"), "clew-test-b");
        assert_eq!(named("{"), "{");
        assert_eq!(named("[1]"), "[1]");
    }

    #[test]
    fn a_call_fits_its_source() {
        assert!(matches!(payload(Api::Tracking, "track"), Ok(Payload::Tracking(Call::One(CallKind::Track)))));
        assert!(matches!(payload(Api::Rows, "csv"), Ok(Payload::Rows(Format::Csv))));
        assert!(
            payload(Api::Tracking, "csv").is_err() && payload(Api::Rows, "track").is_err() && payload(Api::Rows, "").is_err()
        );
    }
}
