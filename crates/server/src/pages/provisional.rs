//! People whom no run has seen yet: what their facts tell until then.
//!
//! The write path has given them an id and subjects; sums, names and times come from the facts themselves, found by subject. There are few
//! such facts: everything since the last run.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::app::App;
use crate::error::ApiError;
use crate::literal::Integers;
use crate::pages::person::Known;
use crate::wire::{PersonRow, Profile};

#[derive(Deserialize)]
struct Channel {
    channel: String,
    n: u64,
}

#[derive(Deserialize)]
struct Sums {
    events: u64,
    conversations: u64,
    references: u64,
    first_at: Option<String>,
    last_at: Option<String>,
    population: Option<String>,
}

#[derive(Deserialize)]
struct Said {
    responses: u64,
    first_at: Option<String>,
    last_at: Option<String>,
    population: Option<String>,
}

#[derive(Deserialize)]
struct Record {
    full_name: Option<String>,
    at: String,
    population: String,
}

/// The profile that the facts of `person` give.
pub async fn profile(app: &App, person: &Known) -> Result<Profile, ApiError> {
    let subjects = Integers(&person.subjects);
    let channels = format!(
        "SELECT channel, count(*) AS n FROM events_current WHERE subject IN {subjects} GROUP BY channel ORDER BY n DESC, channel"
    );
    let sums = format!(
        "SELECT count(*) AS events, count(DISTINCT conversation_id) AS conversations, count(DISTINCT reference) AS \"references\", \
         min(occurred_at) AS first_at, max(occurred_at) AS last_at, min(population) AS population FROM events_current WHERE subject IN {subjects}"
    );
    let said = format!(
        "SELECT count(score) AS responses, min(answered_at) AS first_at, max(answered_at) AS last_at, min(population) AS population \
         FROM responses_current WHERE subject IN {subjects}"
    );
    let records = format!(
        "SELECT coalesce(full_name, nullif(concat_ws(' ', given_name, family_name), '')) AS full_name, coalesce(valid_from, received_at) AS at, \
         population FROM records_current WHERE subject IN {subjects} ORDER BY at DESC LIMIT 100"
    );
    let (channels, sums, said, records) = tokio::try_join!(
        app.rows::<Channel>(&channels),
        app.only::<Sums>(&sums),
        app.only::<Said>(&said),
        app.rows::<Record>(&records)
    )?;
    let times = || {
        let facts = [&sums.first_at, &sums.last_at, &said.first_at, &said.last_at].into_iter().flatten();
        facts.chain(records.iter().map(|record| &record.at)).cloned()
    };
    let told = [sums.population.clone(), said.population.clone(), records.first().map(|record| record.population.clone())];
    Ok(Profile {
        person_id: person.id.clone(),
        population: person.population.clone().into_iter().chain(told.into_iter().flatten()).next().unwrap_or_default(),
        display_name: records.iter().find_map(|record| record.full_name.clone()),
        // Times of one format and zone sort like their texts.
        first_seen_at: times().min().unwrap_or_default(),
        last_seen_at: times().max().unwrap_or_default(),
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
        events_by_channel: channels.into_iter().map(|row| (row.channel, row.n)).collect::<BTreeMap<_, _>>(),
        last_nps_at: None,
        last_csat_at: None,
        last_ces_at: None,
        provisional: true,
    })
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
