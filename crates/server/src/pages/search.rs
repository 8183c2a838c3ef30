//! `GET /search`: people, metrics, themes, journeys and sources by a few characters, for ⌘K.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::app::App;
use crate::error::{Answer, ApiError};
use crate::extract::Params;
use crate::filter::{Scope, short};
use crate::pages::people::{Wanted, find};
use crate::wire::{Hit, SearchResult};
use clew_lake::literal::Text;

/// Hits where none are asked for, and at most.
const USUAL_HITS: u64 = 12;
const MOST_HITS: u64 = 50;
/// People beside other hits.
const MOST_PEOPLE: usize = 6;

/// What to look for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    /// 2 characters or more.
    #[serde(default)]
    q: String,
    /// 1 to 50; default 12.
    #[serde(default)]
    limit: Option<u64>,
}

/// Anything by a few characters.
#[utoipa::path(get, path = "/api/v1/search", params(Asked), responses((status = 200, body = SearchResult), (status = "default", body = crate::wire::ErrorBody)), tag = "pages")]
pub async fn search(State(app): State<Arc<App>>, Params(asked): Params<Asked>) -> Answer<SearchResult> {
    let q = short("q", asked.q.trim().to_owned())?;
    let limit = asked.limit.unwrap_or(USUAL_HITS);
    if q.chars().count() < 2 {
        return Err(ApiError::invalid("`q` needs 2 characters or more."));
    }
    if limit == 0 || limit > MOST_HITS {
        return Err(ApiError::invalid(format!("`limit` is 1 to {MOST_HITS}.")));
    }
    let wanted = Wanted { population: "customer", scope: &Scope::default(), after: None, rows: MOST_PEOPLE };
    let (people, themes) = tokio::try_join!(find(&app, &q, &wanted), themes(&app, &q))?;
    let mut hits: Vec<Hit> = named(&app, &q.to_lowercase());
    hits.extend(themes);
    let people = people.into_iter().map(|found| {
        let person = found.person;
        let title = person.display_name.clone().unwrap_or_else(|| person.person_id.clone());
        let detail =
            person.matched.map_or_else(|| format!("{} events", person.events), |hit| format!("{} {}", hit.kind, hit.value));
        Hit { kind: "person".to_owned(), id: person.person_id, title, detail: Some(detail) }
    });
    // What is named like the words comes first, then people: of the former there are few.
    hits.extend(people);
    hits.truncate(limit as usize);
    Ok(Json(SearchResult { hits }))
}

fn named(app: &App, lower: &str) -> Vec<Hit> {
    let hit = |kind: &str, name: &str, detail: Option<String>| Hit {
        kind: kind.to_owned(),
        id: name.to_owned(),
        title: name.to_owned(),
        detail,
    };
    let fits = |name: &str| name.to_lowercase().replace('_', " ").contains(&lower.replace('_', " "));
    let metrics = app.definitions.metrics.iter().filter(|metric| fits(&metric.name) || metric.label.as_deref().is_some_and(fits));
    let journeys = app.definitions.journey.journeys.iter().filter(|journey| fits(&journey.name));
    let sources = app.sources.sources.iter().filter(|source| fits(&source.name));
    metrics
        .map(|metric| hit("metric", &metric.name, metric.label.clone()))
        .chain(journeys.map(|journey| hit("journey", &journey.name, None)))
        .chain(sources.map(|source| hit("source", &source.name, None)))
        .collect()
}

async fn themes(app: &App, q: &str) -> Result<Vec<Hit>, ApiError> {
    app.rows(&format!(
        "SELECT 'theme' AS kind, theme_id AS id, name AS title, concat(CAST(n AS VARCHAR), ' comments') AS detail FROM themes \
         WHERE strpos(lower(name), {}) > 0 ORDER BY n DESC, theme_id LIMIT 6",
        Text(&q.to_lowercase())
    ))
    .await
}
