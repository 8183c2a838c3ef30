//! `GET /people/{person_id}`: who is this, and why do we think so?
//!
//! Everything is reached from the person's subjects and bucket, so that only the files that may hold the person are read. The index of the
//! write path knows the subjects, those of a moment ago included; of somebody whom no run has seen yet, the facts tell what they can.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use clew_pipeline::online::{Found, OnlineIdentity};
use clew_pipeline::steps::identity::bucket;
use serde::Deserialize;
use serde_json::json;

use crate::app::App;
use crate::error::{Answer, ApiError};
use crate::filter::short;
use crate::pages::people::COLUMNS;
use crate::pages::provisional;
use crate::wire::{
    Attribute, Evidence, Household, Identity, Member, Organisation, Person, PersonChange, PersonIdentifier, PersonJourney,
    PersonRecord, PersonResponse, Profile,
};
use clew_lake::literal::{Integers, Text, Texts};

/// Subjects that a page follows; a person with more is a mistake of the matching.
const MOST_SUBJECTS: usize = 2_000;
/// Merges that are followed to where an id went.
const MOST_MERGES: usize = 20;

/// What is said of somebody whom no run has seen.
const PENDING: &str = "No run of the pipeline has seen this person yet: attributes, household, organisations and journeys are computed by the next one, \
    which may also find that this is somebody who is known.";

/// One person.
#[utoipa::path(get, path = "/api/v1/people/{person_id}", params(("person_id" = String, Path, description = "Person")), responses((status = 200, body = Person), (status = "default", body = crate::wire::ErrorBody)), tag = "pages")]
pub async fn person(State(app): State<Arc<App>>, Path(id): Path<String>) -> Answer<Person> {
    let person = Known::find(&app, &short("person_id", id)?).await?;
    let (profile, pending) = match profile(&app, &person).await? {
        Some(profile) => (profile, None),
        None => (provisional::profile(&app, &person).await?, Some(PENDING.to_owned())),
    };
    let (identity, attributes, household, organisations, responses, journeys) = tokio::try_join!(
        identity(&app, &person, &profile.population),
        attributes(&app, &person),
        household(&app, &person),
        organisations(&app, &person),
        responses(&app, &person),
        journeys(&app, &person)
    )?;
    Ok(Json(Person { profile, pending, identity, attributes, household, organisations, responses, journeys }))
}

/// A person that exists.
#[derive(Debug)]
pub struct Known {
    /// The id.
    pub id: String,
    /// Its bucket.
    pub bucket: i32,
    /// Its subjects.
    pub subjects: Vec<i64>,
    /// Its population, where the index of the write path told.
    pub population: Option<String>,
}

impl Known {
    /// The person called `id`; where it was merged away, the error says into which.
    pub async fn find(app: &App, id: &str) -> Result<Self, ApiError> {
        #[derive(Deserialize)]
        struct Row {
            subject: i64,
        }
        let unknown = || ApiError::not_found("person");
        let person = id.parse().map_err(|_| unknown())?;
        let bucket = bucket(person);
        if let Some(found) = OnlineIdentity::of(&app.lake).map(|online| online.person(&app.lake, person)).transpose()?.flatten() {
            if found.id != person {
                return Err(unknown().with(json!({"merged_into": found.id.to_string()})));
            }
            if !found.subjects.is_empty() {
                return Ok(Self::provisional(id, found));
            }
        }
        // Without an index, or before a run has made one.
        let sql = format!(
            "SELECT DISTINCT subject FROM subjects WHERE person_id = {} AND bucket = {bucket} ORDER BY subject LIMIT {MOST_SUBJECTS}",
            Text(id)
        );
        let subjects: Vec<i64> = app.rows::<Row>(&sql).await?.into_iter().map(|row| row.subject).collect();
        if !subjects.is_empty() {
            return Ok(Self { id: id.to_owned(), bucket, subjects, population: None });
        }
        Err(match merged_into(app, id).await? {
            Some(into) => unknown().with(json!({"merged_into": into})),
            None => unknown(),
        })
    }

    /// Somebody of whom the index of the write path tells.
    pub fn provisional(id: &str, found: Found) -> Self {
        Self { id: id.to_owned(), bucket: bucket(found.id), subjects: found.subjects, population: Some(found.population) }
    }

    /// The condition for rows of a table that is cut into buckets.
    fn rows(&self) -> String {
        format!("person_id = {} AND bucket = {}", Text(&self.id), self.bucket)
    }
}

async fn merged_into(app: &App, id: &str) -> Result<Option<String>, ApiError> {
    #[derive(Deserialize)]
    struct Row {
        to_person_id: String,
    }
    let mut current = None;
    for _ in 0..MOST_MERGES {
        let from = current.as_deref().unwrap_or(id);
        let sql = format!(
            "SELECT to_person_id FROM person_changes WHERE from_person_id = {} AND change = 'merged' AND to_person_id <> from_person_id \
             ORDER BY seq DESC LIMIT 1",
            Text(from)
        );
        match app.first::<Row>(&sql).await? {
            Some(row) => current = Some(row.to_person_id),
            None => break,
        }
    }
    Ok(current)
}

/// The profile of the last run; `None`: it made none.
async fn profile(app: &App, person: &Known) -> Result<Option<Profile>, ApiError> {
    #[derive(Deserialize)]
    struct Row {
        events_by_channel: String,
        #[serde(flatten)]
        rest: serde_json::Map<String, serde_json::Value>,
    }
    let sql = format!(
        "SELECT {COLUMNS}, p.conversations, p.\"references\", p.events_by_channel, p.last_nps_at, p.last_csat_at, p.last_ces_at \
         FROM profiles p WHERE p.person_id = {} AND p.bucket = {}",
        Text(&person.id),
        person.bucket
    );
    let Some(row) = app.first::<Row>(&sql).await? else { return Ok(None) };
    let by_channel: BTreeMap<String, u64> = serde_json::from_str(&row.events_by_channel).map_err(ApiError::internal)?;
    let mut object = row.rest;
    object.insert("events_by_channel".to_owned(), json!(by_channel));
    serde_json::from_value(serde_json::Value::Object(object)).map(Some).map_err(ApiError::internal)
}

async fn identity(app: &App, person: &Known, population: &str) -> Result<Identity, ApiError> {
    let (identifiers, evidence, records, changes) = tokio::try_join!(
        identifiers(app, person, population),
        evidence(app, person),
        records(app, person),
        changes(app, person)
    )?;
    Ok(Identity { subjects: person.subjects.len() as u64, identifiers, evidence, records, changes })
}

async fn identifiers(app: &App, person: &Known, population: &str) -> Result<Vec<PersonIdentifier>, ApiError> {
    #[derive(Deserialize)]
    struct Carried {
        kind: String,
        value: String,
        first_at: String,
        last_at: String,
        sources: Vec<String>,
        subjects: u64,
    }
    let of = |table: &str, time: &str| {
        format!(
            "SELECT source, subject, {time} AS at, unnest(identifiers) AS i FROM {table} WHERE subject IN {}",
            Integers(&person.subjects)
        )
    };
    let sql = format!(
        "SELECT i['type'] AS kind, i['value'] AS value, min(at) AS first_at, max(at) AS last_at, \
         array_sort(array_agg(DISTINCT source)) AS sources, count(DISTINCT subject) AS subjects \
         FROM ({} UNION ALL {} UNION ALL {}) GROUP BY 1, 2 ORDER BY 1, 2",
        of("events", "occurred_at"),
        of("records", "coalesce(valid_from, received_at)"),
        of("responses", "answered_at")
    );
    let carried: Vec<Carried> = app.rows(&sql).await?;
    let values: Vec<&str> = carried.iter().map(|carried| carried.value.as_str()).collect();
    let sql = format!(
        "SELECT type, value, role, first_seen_at, last_seen_at, subjects FROM identifiers WHERE population = {} AND value IN {}",
        Text(population),
        Texts(&values)
    );
    let known =
        app.rows(&sql).await?.into_iter().map(|known: PersonIdentifier| ((known.kind.clone(), known.value.clone()), known));
    let mut known: BTreeMap<(String, String), PersonIdentifier> = known.collect();
    let online = OnlineIdentity::of(&app.lake);
    let identifier = |Carried { kind, value, first_at, last_at, sources, subjects }| {
        let key = (kind, value);
        if let Some(known) = known.remove(&key) {
            return PersonIdentifier { sources, ..known };
        }
        // What the last run has not seen, as far as the rules and the person's own facts tell.
        let (kind, value) = key;
        let role = online.map_or("person", |online| online.role(&kind, &value)).to_owned();
        PersonIdentifier { kind, value, role, first_seen_at: first_at, last_seen_at: last_at, sources, subjects }
    };
    let mut found: Vec<PersonIdentifier> = carried.into_iter().map(identifier).collect();
    let rank = |role: &str| ["person", "household", "shared", "blocked"].iter().position(|known| *known == role);
    found.sort_by(|a, b| (rank(&a.role), &a.kind, &a.value).cmp(&(rank(&b.role), &b.kind, &b.value)));
    Ok(found)
}

async fn evidence(app: &App, person: &Known) -> Result<Vec<Evidence>, ApiError> {
    let subjects = Integers(&person.subjects);
    app.rows(&format!(
        "SELECT rule, effect, count(*) AS links, max(match_weight) AS match_weight, max(probability) AS probability, min(decided_by) AS decided_by, \
         min(at) AS first_at, max(at) AS last_at FROM links WHERE a IN {subjects} OR b IN {subjects} GROUP BY rule, effect \
         ORDER BY CASE effect WHEN 'merged' THEN 0 ELSE 1 END, links DESC, rule, effect"
    ))
    .await
}

async fn records(app: &App, person: &Known) -> Result<Vec<PersonRecord>, ApiError> {
    app.rows(&format!(
        "SELECT source, record_id, coalesce(full_name, nullif(concat_ws(' ', given_name, family_name), '')) AS full_name, \
         coalesce(emails, make_array()) AS emails, coalesce(phones, make_array()) AS phones, city, organisation, valid_from, raw, \
         coalesce(quality, make_array()) AS quality FROM \
         (SELECT *, row_number() OVER (PARTITION BY source, record_id ORDER BY coalesce(valid_from, received_at) DESC, row_no DESC) AS place \
         FROM records_current WHERE subject IN {}) WHERE place = 1 ORDER BY source, record_id LIMIT 200",
        Integers(&person.subjects)
    ))
    .await
}

async fn changes(app: &App, person: &Known) -> Result<Vec<PersonChange>, ApiError> {
    let id = Text(&person.id);
    app.rows(&format!(
        "SELECT changed_at, change, from_person_id, to_person_id, cause FROM person_changes WHERE to_person_id = {id} OR from_person_id = {id} \
         ORDER BY seq DESC LIMIT 20"
    ))
    .await
}

async fn attributes(app: &App, person: &Known) -> Result<Vec<Attribute>, ApiError> {
    app.rows(&format!(
        "SELECT name, value, source, valid_from, valid_to FROM attributes WHERE {} \
         ORDER BY CASE WHEN valid_to IS NULL THEN 0 ELSE 1 END, name, valid_from DESC, source LIMIT 500",
        person.rows()
    ))
    .await
}

async fn household(app: &App, person: &Known) -> Result<Option<Household>, ApiError> {
    #[derive(Deserialize)]
    struct Row {
        household_id: String,
        rule: String,
        members: Vec<String>,
    }
    let sql = format!(
        "SELECT household_id, rule, members FROM households WHERE household_id IN (SELECT household_id FROM persons WHERE {})",
        person.rows()
    );
    let Some(row) = app.first::<Row>(&sql).await? else { return Ok(None) };
    let sql =
        format!("SELECT person_id, display_name FROM profiles WHERE person_id IN {} ORDER BY person_id", Texts(&row.members));
    let members: Vec<Member> = app.rows(&sql).await?;
    Ok(Some(Household { household_id: row.household_id, rule: row.rule, members }))
}

async fn organisations(app: &App, person: &Known) -> Result<Vec<Organisation>, ApiError> {
    let sql = format!(
        "SELECT organisation_id, name FROM organisations WHERE array_has(members, {}) ORDER BY organisation_id",
        Text(&person.id)
    );
    app.rows(&sql).await
}

async fn responses(app: &App, person: &Known) -> Result<Vec<PersonResponse>, ApiError> {
    app.rows(&format!(
        "SELECT source, response_id, survey, question, kind, score, scale_min, scale_max, text, channel, about_reference, invited_at, answered_at \
         FROM responses_current WHERE subject IN {} ORDER BY answered_at DESC, source, response_id LIMIT 100",
        Integers(&person.subjects)
    ))
    .await
}

async fn journeys(app: &App, person: &Known) -> Result<Vec<PersonJourney>, ApiError> {
    app.rows(&format!(
        "SELECT journey_id, journey, scope_key, started_at, ended_at, steps, furthest_stage, \
         CASE outcome WHEN 'reached' THEN 'completed' WHEN 'ended' THEN 'completed' ELSE outcome END AS outcome \
         FROM journeys WHERE {} ORDER BY started_at DESC, journey_id LIMIT 50",
        person.rows()
    ))
    .await
}
