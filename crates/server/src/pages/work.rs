//! `POST /run`, `POST /import`, `GET /jobs/{job_id}`: work, and how it goes on.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use clew_pipeline::{RunOptions, Step};

use crate::app::App;
use crate::error::{Answer, ApiError};
use crate::extract::Body;
use crate::jobs::{Begin, Then, Work, start};
use crate::wire::{ImportRequest, Job, RunRequest};

/// Runs the pipeline.
#[utoipa::path(post, path = "/api/v1/run", request_body = RunRequest, responses((status = 202, body = Job), (status = "default", body = crate::wire::ErrorBody)), tag = "work")]
pub async fn run(State(app): State<Arc<App>>, Body(request): Body<RunRequest>) -> Result<(StatusCode, Json<Job>), ApiError> {
    let only = request.only.map(|name| {
        Step::parse(&name).ok_or_else(|| {
            let names: Vec<&str> = Step::ALL.iter().map(|step| step.name()).collect();
            ApiError::invalid(format!("`only` is none of {}.", names.join(", ")))
        })
    });
    let options = RunOptions { only: only.transpose()?, full: request.full };
    Ok((StatusCode::ACCEPTED, Json(start(&app, Work::Run(options))?)))
}

/// Imports sources.
#[utoipa::path(post, path = "/api/v1/import", request_body = ImportRequest, responses((status = 202, body = Job), (status = "default", body = crate::wire::ErrorBody)), tag = "work")]
pub async fn import(
    State(app): State<Arc<App>>,
    Body(request): Body<ImportRequest>,
) -> Result<(StatusCode, Json<Job>), ApiError> {
    if let Some(unknown) = request.sources.iter().find(|name| app.sources.find(name).is_none()) {
        let names: Vec<&str> = app.sources.sources.iter().map(|source| source.name.as_str()).collect();
        let known = if names.is_empty() { "there are none".to_owned() } else { format!("known are {}", names.join(", ")) };
        return Err(ApiError::invalid(format!("There is no source `{unknown}`; {known}.")));
    }
    let then = if request.run { Then::Run } else { Then::Nothing };
    let begin = if request.anew { Begin::Anew } else { Begin::BehindLast };
    Ok((StatusCode::ACCEPTED, Json(start(&app, Work::Import { sources: request.sources, begin, then })?)))
}

/// How a job goes on.
#[utoipa::path(get, path = "/api/v1/jobs/{job_id}", params(("job_id" = String, Path, description = "Job")), responses((status = 200, body = Job), (status = "default", body = crate::wire::ErrorBody)), tag = "work")]
pub async fn job(State(app): State<Arc<App>>, Path(id): Path<String>) -> Answer<Job> {
    app.jobs.find(&id).map(Json).ok_or_else(|| ApiError::not_found("job"))
}
