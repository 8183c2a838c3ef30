//! `GET /people`: the list and the search.
//!
//! A search is first turned into person ids: by id, by identifier value, by the reference of an event, by the id of a record.
//! Facts carry no person, so an identifier leads to people by the facts at its first and last sight (the engine skips the files
//! of other times) and their subjects; the index of the write path leads from an identifier to its holder at once, and so to people whom no
//! run has seen yet. Names are compared in `profiles`. One query then orders and pages all hits; the first page begins with those who are in
//! no profile yet.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use clew_intake::identifiers_meant;
use clew_pipeline::online::{Found as OnlinePerson, OnlineIdentity};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::app::App;
use crate::cursor;
use crate::error::{Answer, ApiError};
use crate::extract::Params;
use crate::filter::{Scope, limit, short};
use crate::pages::{person, provisional};
use crate::wire::{Filter, Matched, People, PersonRow};
use clew_lake::literal::{Instant, Integer, Integers, Text, Texts};

/// Identifier values that one search follows.
const MOST_IDENTIFIERS: usize = 100;
/// People without a profile that one search finds.
const MOST_UNSEEN: usize = 10;
/// A prefix needs so many characters.
const SHORTEST_PREFIX: usize = 3;

/// What to look for.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    /// Part of a name, an identifier value or its first characters, a person id, a reference or a record id.
    #[serde(default)]
    pub q: Option<String>,
    /// Default customer.
    #[serde(default)]
    pub population: Option<String>,
    /// 1 to 200; default 50.
    #[serde(default)]
    pub limit: Option<u64>,
    /// Where the list goes on.
    #[serde(default)]
    pub cursor: Option<String>,
}

/// People.
#[utoipa::path(get, path = "/api/v1/people", params(Filter, Asked), responses((status = 200, body = People), (status = "default", body = crate::wire::ErrorBody)), tag = "pages")]
pub async fn people(State(app): State<Arc<App>>, Params(filter): Params<Filter>, Params(asked): Params<Asked>) -> Answer<People> {
    #[derive(Deserialize)]
    struct Total {
        n: u64,
    }
    let scope = Scope::of(filter, &app.zone)?;
    let limit = limit(asked.limit)?;
    let population =
        short("population", asked.population.filter(|name| !name.is_empty()).unwrap_or_else(|| "customer".to_owned()))?;
    let q = short("q", asked.q.unwrap_or_default().trim().to_owned())?;
    let after = cursor::read(asked.cursor.as_deref())?;
    let mut rows = find(&app, &q, &Wanted { population: &population, scope: &scope, after, rows: limit + 1 }).await?;
    let next_cursor = cursor::page(&mut rows, limit, |row| (row.rank, row.last_us, row.person.person_id.clone()));
    let total: Total = app.only(&format!("SELECT count(*) AS n FROM profiles WHERE population = {}", Text(&population))).await?;
    let people = rows.into_iter().map(|row| row.person).collect();
    Ok(Json(People { applied: scope.applied(true, true), people, next_cursor, total: total.n }))
}

/// Which part of which hits.
pub struct Wanted<'a> {
    /// The population.
    pub population: &'a str,
    /// Period of the last sight, channel used.
    pub scope: &'a Scope,
    /// Rank, last sight and id of the last item that was given.
    pub after: Option<(i64, i64, String)>,
    /// How many.
    pub rows: usize,
}

/// A hit with its place in the order.
#[derive(Debug, Deserialize)]
pub struct Found {
    /// 0: exact; 1: the rest.
    rank: i64,
    last_us: i64,
    /// The person.
    #[serde(flatten)]
    pub person: PersonRow,
}

/// The columns of a profile in a list.
pub const COLUMNS: &str = "p.person_id, p.population, p.display_name, p.first_seen_at, p.last_seen_at, p.events, p.responses, p.channels, p.value, \
    p.currency, p.last_nps, p.last_csat, p.last_ces, p.stage, false AS provisional";

/// People that `q` hits, or all.
pub async fn find(app: &App, q: &str, wanted: &Wanted<'_>) -> Result<Vec<Found>, ApiError> {
    let hits = if q.is_empty() { BTreeMap::new() } else { hits(app, q, wanted.population).await? };
    let ids = |exact: bool| hits.iter().filter(|(_, hit)| hit.exact == exact).map(|(id, _)| id.as_str()).collect::<Vec<_>>();
    let (exact, others) = (ids(true), ids(false));
    let rank =
        if exact.is_empty() { "1".to_owned() } else { format!("CASE WHEN p.person_id IN {} THEN 0 ELSE 1 END", Texts(&exact)) };
    let mut condition = format!("p.population = {}{}", Text(wanted.population), wanted.scope.in_period("p.last_seen_at"));
    if let Some(channel) = &wanted.scope.channel {
        condition.extend([format!(" AND array_has(p.channels, {})", Text(channel))]);
    }
    if !q.is_empty() {
        let all: Vec<&str> = exact.iter().chain(&others).copied().collect();
        condition.extend([format!(
            " AND (strpos(lower(p.display_name), {}) > 0 OR p.person_id IN {})",
            Text(&q.to_lowercase()),
            Texts(&all)
        )]);
    }
    let after = wanted.after.as_ref().map_or_else(String::new, |(rank, last, id)| {
        let (rank, last, id) = (Integer(*rank), Integer(*last), Text(id));
        format!(" WHERE rank > {rank} OR (rank = {rank} AND (last_us < {last} OR (last_us = {last} AND person_id > {id})))")
    });
    let sql = format!(
        "SELECT * FROM (SELECT {rank} AS rank, CAST(p.last_seen_at AS BIGINT) AS last_us, {COLUMNS} FROM profiles p WHERE {condition}){after} \
         ORDER BY rank, last_us DESC, person_id LIMIT {}",
        wanted.rows
    );
    let mut rows: Vec<Found> = app.rows(&sql).await?;
    if wanted.after.is_none() && wanted.scope.is_all() {
        unseen(app, &hits, wanted, &mut rows).await?;
    }
    for row in &mut rows {
        row.person.matched = hits.get(&row.person.person_id).map(|hit| hit.matched.clone());
    }
    Ok(rows)
}

/// Puts exact hits in front that no run has made a profile of, as far as there is room on the page.
async fn unseen(
    app: &App,
    hits: &BTreeMap<String, PersonHit>,
    wanted: &Wanted<'_>,
    rows: &mut Vec<Found>,
) -> Result<(), ApiError> {
    let Some(online) = OnlineIdentity::of(&app.lake) else { return Ok(()) };
    let mut people = Vec::new();
    for id in hits.iter().filter(|(_, hit)| hit.exact).map(|(id, _)| id).take(MOST_UNSEEN) {
        let Ok(person_id) = id.parse() else { continue };
        let known = online.person(&app.lake, person_id)?;
        let is_unseen =
            |known: &OnlinePerson| known.provisional && known.id == person_id && known.population == wanted.population;
        people.extend(known.filter(is_unseen).map(|known| person::Known::provisional(id, known)));
    }
    let found = provisional::profiles(app, &people).await?.into_iter().map(|profile| {
        let last_us = profile.last_seen_at.parse::<jiff::Timestamp>().map_or(0, jiff::Timestamp::as_microsecond);
        Found { rank: 0, last_us, person: provisional::row(profile) }
    });
    let mut found: Vec<Found> = found.collect();
    found.sort_by(|a, b| (b.last_us, &a.person.person_id).cmp(&(a.last_us, &b.person.person_id)));
    rows.splice(0..0, found);
    rows.truncate(wanted.rows);
    Ok(())
}

#[derive(Debug)]
struct PersonHit {
    exact: bool,
    matched: Matched,
}

/// What leads to a person: a subject and what was hit.
#[derive(Debug, Deserialize)]
struct Lead {
    subject: i64,
    kind: String,
    value: String,
}

#[derive(Debug, Deserialize)]
struct Known {
    #[serde(rename = "type")]
    kind: String,
    value: String,
    first_us: i64,
    last_us: i64,
}

async fn hits(app: &App, q: &str, population: &str) -> Result<BTreeMap<String, PersonHit>, ApiError> {
    let lower = q.to_lowercase();
    let meant = identifiers_meant(q);
    let prefix = if q.chars().count() >= SHORTEST_PREFIX {
        format!(" OR starts_with(lower(value), {})", Text(&lower))
    } else {
        String::new()
    };
    let identifiers = format!(
        "SELECT type, value, CAST(first_seen_at AS BIGINT) AS first_us, CAST(last_seen_at AS BIGINT) AS last_us FROM identifiers \
         WHERE population = {} AND role <> 'blocked' AND (lower(value) IN {}{prefix}) ORDER BY lower(value) NOT IN {}, value, type LIMIT {MOST_IDENTIFIERS}",
        Text(population),
        Texts(&meant),
        Texts(&meant)
    );
    let references = format!(
        "SELECT DISTINCT subject, 'reference' AS kind, reference AS value FROM events WHERE reference = {} AND subject IS NOT NULL \
         UNION ALL SELECT DISTINCT subject, 'record_id' AS kind, record_id AS value FROM records WHERE record_id = {} AND subject IS NOT NULL \
         LIMIT {MOST_IDENTIFIERS}",
        Text(q),
        Text(q)
    );
    let (known, mut leads) = tokio::try_join!(app.rows::<Known>(&identifiers), app.rows::<Lead>(&references))?;
    leads.extend(carriers(app, &known).await?);
    let mut hits = people_of(app, &leads, &meant).await?;
    if let Some(online) = OnlineIdentity::of(&app.lake) {
        for (kind, value, person) in online.holders(&app.lake, population, q)? {
            hits.insert(person.to_string(), PersonHit { exact: true, matched: Matched { kind, value } });
        }
    }
    let itself = Matched { kind: "person_id".to_owned(), value: lower.clone() };
    hits.entry(lower).or_insert(PersonHit { exact: true, matched: itself });
    Ok(hits)
}

/// Subjects of the facts at the first and last sight of each identifier.
async fn carriers(app: &App, known: &[Known]) -> Result<Vec<Lead>, ApiError> {
    if known.is_empty() {
        return Ok(Vec::new());
    }
    let mut times: Vec<i64> = known.iter().flat_map(|known| [known.first_us, known.last_us]).collect();
    times.sort_unstable();
    times.dedup();
    let times = times.into_iter().map(|time| Instant(time).to_string()).collect::<Vec<_>>().join(", ");
    let values: Vec<&str> = known.iter().map(|known| known.value.as_str()).collect();
    let of = |table: &str, time: &str| {
        format!("SELECT subject, unnest(identifiers) AS i FROM {table} WHERE {time} IN ({times}) AND subject IS NOT NULL")
    };
    let sql = format!(
        "SELECT DISTINCT subject, i['type'] AS kind, i['value'] AS value FROM ({} UNION ALL {} UNION ALL {}) WHERE i['value'] IN {}",
        of("events", "occurred_at"),
        of("responses", "answered_at"),
        of("records", "coalesce(valid_from, received_at)"),
        Texts(&values)
    );
    let leads: Vec<Lead> = app.rows(&sql).await?;
    Ok(leads.into_iter().filter(|lead| known.iter().any(|known| known.kind == lead.kind && known.value == lead.value)).collect())
}

async fn people_of(app: &App, leads: &[Lead], meant: &[String]) -> Result<BTreeMap<String, PersonHit>, ApiError> {
    #[derive(Deserialize)]
    struct Row {
        subject: i64,
        person_id: String,
    }
    let mut hits: BTreeMap<String, PersonHit> = BTreeMap::new();
    if leads.is_empty() {
        return Ok(hits);
    }
    let subjects: Vec<i64> = leads.iter().map(|lead| lead.subject).collect();
    let sql = format!("SELECT DISTINCT subject, person_id FROM subjects_current WHERE subject IN {}", Integers(&subjects));
    for row in app.rows::<Row>(&sql).await? {
        for lead in leads.iter().filter(|lead| lead.subject == row.subject) {
            let exact = meant.contains(&lead.value.to_lowercase());
            let hit = PersonHit { exact, matched: Matched { kind: lead.kind.clone(), value: lead.value.clone() } };
            let entry = hits.entry(row.person_id.clone());
            entry
                .and_modify(|known| {
                    if exact && !known.exact {
                        *known = PersonHit { exact, matched: hit.matched.clone() }
                    }
                })
                .or_insert(hit);
        }
    }
    Ok(hits)
}
