//! People whom no run has seen yet: what their facts tell until then.
//!
//! The write path has given them an id and subjects; sums, names and times come from the facts themselves, found by subject. There are few
//! such facts: everything since the last run.

use serde::Deserialize;

use crate::app::App;
use crate::error::ApiError;
use crate::pages::person::Known;
use crate::wire::{PersonRow, Profile};
use clew_lake::literal::{Integer, Integers};

/// A row of one of the people, given by place.
#[derive(Deserialize)]
struct Of<T> {
    person: usize,
    #[serde(flatten)]
    row: T,
}

#[derive(Deserialize)]
struct Channel {
    channel: String,
    n: u64,
}

#[derive(Default, Deserialize)]
struct Sums {
    events: u64,
    conversations: u64,
    references: u64,
    first_at: Option<String>,
    last_at: Option<String>,
    population: Option<String>,
}

#[derive(Default, Deserialize)]
struct Said {
    responses: u64,
    first_at: Option<String>,
    last_at: Option<String>,
    population: Option<String>,
}

#[derive(Default, Deserialize)]
struct Records {
    full_name: Option<String>,
    first_at: Option<String>,
    last_at: Option<String>,
    population: Option<String>,
}

/// What the facts of one person say.
#[derive(Default)]
struct Told {
    /// Most used first.
    channels: Vec<Channel>,
    sums: Sums,
    said: Said,
    records: Records,
}

/// The profile that the facts of `person` give.
pub async fn profile(app: &App, person: &Known) -> Result<Profile, ApiError> {
    let mut profiles = profiles(app, std::slice::from_ref(person)).await?;
    profiles.pop().ok_or_else(|| ApiError::internal("a person without a profile"))
}

/// The profiles that the facts of `people` give, in their order: one query a table, however many they are.
pub async fn profiles(app: &App, people: &[Known]) -> Result<Vec<Profile>, ApiError> {
    let told = told(app, people).await?;
    Ok(people.iter().zip(told).map(|(person, told)| of_person(person, told)).collect())
}

async fn told(app: &App, people: &[Known]) -> Result<Vec<Told>, ApiError> {
    let mut told: Vec<Told> = people.iter().map(|_| Told::default()).collect();
    let owned =
        people.iter().enumerate().flat_map(|(place, person)| person.subjects.iter().map(move |subject| (*subject, place)));
    let (subjects, owners): (Vec<i64>, Vec<String>) =
        owned.map(|(subject, place)| (subject, format!("({}, {place})", Integer(subject)))).unzip();
    if subjects.is_empty() {
        return Ok(told);
    }
    // The list of subjects stands beside the join, so that only the files that may hold them are read.
    let of = |table: &str| {
        let (owners, subjects) = (owners.join(", "), Integers(&subjects));
        format!("{table} f JOIN (VALUES {owners}) o (owned, person) ON f.subject = o.owned WHERE f.subject IN {subjects}")
    };
    let channels = format!(
        "SELECT person, channel, count(*) AS n FROM {} GROUP BY person, channel ORDER BY person, n DESC, channel",
        of("events_current")
    );
    let sums = format!(
        "SELECT person, count(*) AS events, count(DISTINCT conversation_id) AS conversations, count(DISTINCT reference) AS \"references\", \
         min(occurred_at) AS first_at, max(occurred_at) AS last_at, min(population) AS population FROM {} GROUP BY person",
        of("events_current")
    );
    let said = format!(
        "SELECT person, count(score) AS responses, min(answered_at) AS first_at, max(answered_at) AS last_at, min(population) AS population \
         FROM {} GROUP BY person",
        of("responses_current")
    );
    let records = format!(
        "SELECT person, first_value(name ORDER BY at DESC) FILTER (WHERE name IS NOT NULL) AS full_name, min(at) AS first_at, max(at) AS last_at, \
         first_value(population ORDER BY at DESC) AS population FROM (SELECT person, population, coalesce(valid_from, received_at) AS at, \
         coalesce(full_name, nullif(concat_ws(' ', given_name, family_name), '')) AS name FROM {}) GROUP BY person",
        of("records_current")
    );
    let (channels, sums, said, records) = tokio::try_join!(
        app.rows::<Of<Channel>>(&channels),
        app.rows::<Of<Sums>>(&sums),
        app.rows::<Of<Said>>(&said),
        app.rows::<Of<Records>>(&records)
    )?;
    channels.into_iter().for_each(|Of { person, row }| told[person].channels.push(row));
    sums.into_iter().for_each(|Of { person, row }| told[person].sums = row);
    said.into_iter().for_each(|Of { person, row }| told[person].said = row);
    records.into_iter().for_each(|Of { person, row }| told[person].records = row);
    Ok(told)
}

fn of_person(person: &Known, Told { channels, sums, said, records }: Told) -> Profile {
    // Times of one format and zone sort like their texts.
    let first = [sums.first_at, said.first_at, records.first_at].into_iter().flatten().min();
    let last = [sums.last_at, said.last_at, records.last_at].into_iter().flatten().max();
    let population = person.population.clone().or(sums.population).or(said.population).or(records.population);
    Profile {
        person_id: person.id.clone(),
        population: population.unwrap_or_default(),
        display_name: records.full_name,
        first_seen_at: first.unwrap_or_default(),
        last_seen_at: last.unwrap_or_default(),
        events: sums.events,
        responses: said.responses,
        channels: channels.iter().map(|row| row.channel.clone()).collect(),
        value: None,
        currency: None,
        last_nps: None,
        last_csat: None,
        last_ces: None,
        stage: None,
        conversations: sums.conversations,
        references: sums.references,
        events_by_channel: channels.into_iter().map(|row| (row.channel, row.n)).collect(),
        last_nps_at: None,
        last_csat_at: None,
        last_ces_at: None,
        provisional: true,
    }
}

/// A profile as a row of the list.
pub fn row(profile: Profile) -> PersonRow {
    PersonRow {
        person_id: profile.person_id,
        population: profile.population,
        display_name: profile.display_name,
        matched: None,
        first_seen_at: profile.first_seen_at,
        last_seen_at: profile.last_seen_at,
        events: profile.events,
        responses: profile.responses,
        channels: profile.channels,
        value: None,
        currency: None,
        last_nps: None,
        last_csat: None,
        last_ces: None,
        stage: None,
        provisional: true,
    }
}
