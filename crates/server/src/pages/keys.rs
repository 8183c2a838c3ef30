//! `GET /keys`, `POST /keys`, `DELETE /keys/{key_id}`: write keys of live sources.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;

use crate::app::App;
use crate::error::{Answer, ApiError};
use crate::extract::Body;
use crate::keys::{KeyError, LONGEST_LABEL};
use crate::wire::{KeyRequest, NewWriteKey, WriteKey, WriteKeyList};

/// Every write key, without the keys themselves.
#[utoipa::path(get, path = "/api/v1/keys", responses((status = 200, body = WriteKeyList), (status = "default", body = crate::wire::ErrorBody)), tag = "work")]
pub async fn list(State(app): State<Arc<App>>) -> Answer<WriteKeyList> {
    Ok(Json(WriteKeyList { keys: app.keys.list() }))
}

/// Makes a write key; the answer is the only time that it is shown.
#[utoipa::path(post, path = "/api/v1/keys", request_body = KeyRequest, responses((status = 201, body = NewWriteKey), (status = "default", body = crate::wire::ErrorBody)), tag = "work")]
pub async fn create(
    State(app): State<Arc<App>>,
    Body(request): Body<KeyRequest>,
) -> Result<(StatusCode, Json<NewWriteKey>), ApiError> {
    if app.door.source(&request.source).is_none() {
        let names: Vec<&str> = app.door.sources().iter().map(|source| source.name()).collect();
        let known = if names.is_empty() { "there are none".to_owned() } else { format!("there are {}", names.join(", ")) };
        return Err(ApiError::invalid(format!("No source `{}` takes facts over HTTP (`api:`); {known}.", request.source)));
    }
    if request.label.as_ref().is_some_and(|label| label.len() > LONGEST_LABEL) {
        return Err(ApiError::invalid(format!("A label has at most {LONGEST_LABEL} bytes.")));
    }
    let (key, write_key) = app.keys.create(&request.source, request.label.as_deref(), app.lake.now().micros())?;
    Ok((StatusCode::CREATED, Json(NewWriteKey { key, write_key })))
}

/// Makes a write key void.
#[utoipa::path(delete, path = "/api/v1/keys/{key_id}", params(("key_id" = String, Path, description = "Key")), responses((status = 200, body = WriteKey), (status = "default", body = crate::wire::ErrorBody)), tag = "work")]
pub async fn revoke(State(app): State<Arc<App>>, Path(id): Path<String>) -> Answer<WriteKey> {
    app.keys.revoke(&id, app.lake.now().micros())?.map(Json).ok_or_else(|| ApiError::not_found("write key"))
}

impl From<KeyError> for ApiError {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::TooMany => Self::invalid(format!("{error}.")),
            KeyError::File { .. } => Self::internal(error),
        }
    }
}
