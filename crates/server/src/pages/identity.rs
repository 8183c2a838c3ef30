//! `/identity/…`: why two are one person, why they are not, how a person came to be, what people decide about it, and what other rules
//! would do.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use clew_pipeline::definitions::Rules;
use clew_pipeline::identity::{IdentityError, decide, explain, review};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use crate::app::App;
use crate::error::{Answer, ApiError};
use crate::extract::{Body, Params};
use crate::filter::{limit, short};
use crate::jobs::{Work, start};
use crate::wire::{
    Decided, DecisionRequest, DecisionsAboutPeople, DryRunRequest, How, Job, Rehearsal, Review, RevokeRequest, Why, WhyNot,
};

/// Who decides where the request does not say.
const COCKPIT: &str = "cockpit";
/// How long an answer waits for the end of a dry run.
const WAIT: Duration = Duration::from_secs(20);

/// Two to be explained.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Two {
    /// A person (p_…), a subject number, an identifier as type:value, or a record as source:record_id.
    a: String,
    /// The other one.
    b: String,
}

/// One to be explained.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct One {
    /// A person (p_…), a subject number, an identifier as type:value, or a record as source:record_id.
    person: String,
}

/// Why two are one person.
#[utoipa::path(get, path = "/api/v1/identity/why", params(Two), responses((status = 200, body = Why), (status = "default", body = crate::wire::ErrorBody)), tag = "identity")]
pub async fn why(State(app): State<Arc<App>>, Params(Two { a, b }): Params<Two>) -> Answer<Why> {
    let (a, b) = (short("a", a)?, short("b", b)?);
    app.limited(async { wire(explain::why(&app.lake, &a, &b).await) }).await
}

/// Why two are not one person.
#[utoipa::path(get, path = "/api/v1/identity/why-not", params(Two), responses((status = 200, body = WhyNot), (status = "default", body = crate::wire::ErrorBody)), tag = "identity")]
pub async fn why_not(State(app): State<Arc<App>>, Params(Two { a, b }): Params<Two>) -> Answer<WhyNot> {
    let (a, b) = (short("a", a)?, short("b", b)?);
    app.limited(async { wire(explain::why_not(&app.lake, &a, &b).await) }).await
}

/// How a person came to be.
#[utoipa::path(get, path = "/api/v1/identity/how", params(One), responses((status = 200, body = How), (status = "default", body = crate::wire::ErrorBody)), tag = "identity")]
pub async fn how(State(app): State<Arc<App>>, Params(One { person }): Params<One>) -> Answer<How> {
    let person = short("person", person)?;
    app.limited(async { wire(explain::how(&app.lake, &person).await) }).await
}

/// How many pairs a reader asks for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Asking {
    /// 1 to 200; default 50.
    #[serde(default)]
    limit: Option<u64>,
}

/// Pairs of people of whom nobody can say whether they are one, the most valuable first.
#[utoipa::path(get, path = "/api/v1/identity/review", params(Asking), responses((status = 200, body = Review), (status = "default", body = crate::wire::ErrorBody)), tag = "identity")]
pub async fn review(State(app): State<Arc<App>>, Params(Asking { limit: asked }): Params<Asking>) -> Answer<Review> {
    let limit = limit(asked)?;
    app.limited(async { wire(review::review(&app.lake, limit).await) }).await
}

/// What people decided about who is who.
#[utoipa::path(get, path = "/api/v1/identity/decisions", responses((status = 200, body = DecisionsAboutPeople), (status = "default", body = crate::wire::ErrorBody)), tag = "identity")]
pub async fn list(State(app): State<Arc<App>>) -> Answer<DecisionsAboutPeople> {
    let decisions = app.limited(async { read(decide::list(&app.lake).await) }).await?;
    Ok(Json(DecisionsAboutPeople { decisions }))
}

/// Decides that two are one person or are not, or takes a subject out of its person; the next run follows it.
#[utoipa::path(post, path = "/api/v1/identity/decisions", request_body = DecisionRequest, responses((status = 200, body = Decided), (status = "default", body = crate::wire::ErrorBody)), tag = "identity")]
pub async fn decide(State(app): State<Arc<App>>, Body(request): Body<DecisionRequest>) -> Answer<Decided> {
    let DecisionRequest { kind, a, b, reason, decided_by } = request;
    let kind = serde_json::from_value(serde_json::Value::String(kind))
        .map_err(|_| ApiError::invalid("`kind` is link, apart or detach."))?;
    let (a, b) = (short("a", a)?, b.map(|b| short("b", b)).transpose()?);
    let order = decide::Order { kind, a, b, reason, decided_by: decided_by.unwrap_or_else(|| COCKPIT.to_owned()) };
    wire(decide::decide(&app.lake, &order).await)
}

/// Takes a decision back; the next run derives everything as if it had never been made.
#[utoipa::path(post, path = "/api/v1/identity/decisions/{decision_id}/revoke", params(("decision_id" = String, Path, description = "Decision")), request_body = RevokeRequest, responses((status = 200, body = Decided), (status = "default", body = crate::wire::ErrorBody)), tag = "identity")]
pub async fn revoke(State(app): State<Arc<App>>, Path(id): Path<String>, Body(request): Body<RevokeRequest>) -> Answer<Decided> {
    let RevokeRequest { reason, decided_by } = request;
    let by = decided_by.unwrap_or_else(|| COCKPIT.to_owned());
    wire(decide::revoke(&app.lake, &short("decision_id", id)?, &reason, &by).await)
}

/// Tells what other rules would do; writes nothing.
#[utoipa::path(post, path = "/api/v1/identity/dry-run", request_body = DryRunRequest, responses((status = 200, body = Rehearsal), (status = 202, description = "It still works: its report is that of the job", body = Job), (status = "default", body = crate::wire::ErrorBody)), tag = "identity")]
pub async fn dry_run(State(app): State<Arc<App>>, Body(request): Body<DryRunRequest>) -> Result<Response, ApiError> {
    let rules: Rules =
        serde_json::from_value(request.rules).map_err(|error| ApiError::invalid(format!("`rules` cannot be read: {error}.")))?;
    let problems = rules.problems(&app.sources.sources.iter().map(|source| source.name.as_str()).collect::<Vec<_>>());
    if let Some(problem) = problems.first() {
        return Err(ApiError::invalid(format!("`rules.{}`: {}; {}.", problem.path, problem.message, problem.remedy)));
    }
    let job = start(&app, Work::Rehearse(Box::new(rules)))?;
    // Whether it has ended by then is told by the job itself.
    let _ = tokio::time::timeout(WAIT, app.jobs.ended(&job.job_id)).await;
    let now = app.jobs.find(&job.job_id).unwrap_or(job);
    match (now.status.as_str(), &now.report, &now.error) {
        ("done", Some(report), _) => Ok(Json(Rehearsal::deserialize(report).map_err(ApiError::internal)?).into_response()),
        ("failed", _, error) => Err(ApiError::internal(error.as_deref().unwrap_or_default())),
        _ => Ok((StatusCode::ACCEPTED, Json(now)).into_response()),
    }
}

fn wire<T: DeserializeOwned>(answer: Result<impl Serialize, IdentityError>) -> Answer<T> {
    read(answer).map(Json)
}

/// An answer of the pipeline in the words of the wire, which are the same.
fn read<T: DeserializeOwned>(answer: Result<impl Serialize, IdentityError>) -> Result<T, ApiError> {
    let value = serde_json::to_value(answer?).map_err(ApiError::internal)?;
    serde_json::from_value(value).map_err(ApiError::internal)
}

impl From<IdentityError> for ApiError {
    fn from(error: IdentityError) -> Self {
        let sentence = |text: String| {
            let mut letters = text.chars();
            letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect::<String>() + ".")
        };
        match error {
            IdentityError::Unknown(words) => Self::new(crate::error::Kind::NotFound, sentence(words)),
            IdentityError::Refused(words) => Self::invalid(sentence(words)),
            IdentityError::Query(error) => error.into(),
            other => Self::internal(other),
        }
    }
}
