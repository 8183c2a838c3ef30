//! The tracking API and rows over HTTP: `POST /v1/…`, for senders with a write key.
//!
//! These routes are for any page and any machine: they look at no `Host`, set no cookie and answer every origin (without credentials, so
//! nothing of a visitor's goes along). What a sender may do is write facts to the source of its key. Bodies are drawn on the door's
//! budget as they arrive, so that neither a slow nor a large one takes memory that it has not shown; what is larger than its limit,
//! packed or unpacked, is refused before it is held.
//!
//! | address | takes |
//! |---|---|
//! | `/v1/identify`, `/v1/track`, `/v1/page`, `/v1/screen`, `/v1/group`, `/v1/alias` | one message |
//! | `/v1/i`, `/v1/t`, `/v1/p`, `/v1/s`, `/v1/g`, `/v1/a`, `/v1/b` | the same and batches, under the names that Segment's browser library uses |
//! | `/v1/batch`, `/v1/import` | a batch |
//! | `/v1/sources/{name}` | rows of a source with `api: rows` |

use std::io::Read;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS,
    ACCESS_CONTROL_MAX_AGE, AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clew_intake::Api;
use clew_intake::live::{LiveSource, MOST_ROW_BYTES, Payload, Refusal, Reservation};
use clew_intake::spec::Format;
use clew_intake::tracking::{BodyError, Call, Kind as CallKind, MOST_BODY_BYTES, write_key};
use flate2::bufread::MultiGzDecoder;
use futures::StreamExt;
use serde_json::json;
use tokio::time::timeout;

use crate::app::App;
use crate::assets;
use crate::error::{ApiError, Kind};
use crate::signature::{self, Signed};
use crate::wire::TakenMessages;

/// How long a browser remembers what a preflight request told it.
const PREFLIGHT_SECONDS: &str = "86400";
/// Bytes that are unpacked before the budget is asked again.
const STEP: usize = 64 << 10;

/// The routes of this module.
pub fn routes() -> Router<Arc<App>> {
    let mut router = Router::new();
    for kind in [CallKind::Identify, CallKind::Track, CallKind::Page, CallKind::Screen, CallKind::Group, CallKind::Alias] {
        let name = kind.as_str();
        for path in [format!("/v1/{name}"), format!("/v1/{}", &name[..1])] {
            router = router.route(&path, calls(Call::One(kind)));
        }
    }
    router
        .route("/v1/batch", calls(Call::Batch))
        .route("/v1/b", calls(Call::Batch))
        .route("/v1/import", calls(Call::Import))
        .route("/v1/sources/{source}", post(rows).options(preflight))
        .route("/t/clew.js", axum::routing::get(assets::tracker))
        .route("/t/stub.js", axum::routing::get(assets::tracker))
        .method_not_allowed_fallback(async || ApiError::not_found("method at this address"))
        .layer(from_fn(shared))
}

fn calls(call: Call) -> axum::routing::MethodRouter<Arc<App>> {
    let take = move |State(app): State<Arc<App>>, request: Request| async move { take_call(&app, call, request).await };
    post(take).options(preflight)
}

/// An error as Segment's SDKs read it (`code` and `message` at the top), and as all of ours are beside it.
struct Failure(ApiError);

impl<E: Into<ApiError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (status, headers, body) = self.0.parts();
        let body = json!({"success": false, "code": body.error.code, "message": body.error.message, "error": body.error});
        (status, headers, Json(body)).into_response()
    }
}

async fn preflight() -> Response {
    let headers = [
        (ACCESS_CONTROL_ALLOW_METHODS, "POST"),
        (ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type, content-encoding, x-retry-count"),
        (ACCESS_CONTROL_MAX_AGE, PREFLIGHT_SECONDS),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

/// Any origin may call and read the answer; a browser shows scripts `Retry-After` only when told to.
async fn shared(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("retry-after, x-request-id"));
    headers.insert(HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("cross-origin"));
    headers.insert(HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
    response
}

async fn take_call(app: &App, call: Call, request: Request) -> Result<Json<TakenMessages>, Failure> {
    let (parts, body) = request.into_parts();
    let named = key_of(&parts.headers);
    // A wrong key is told before the body is read.
    let source = named.map(|key| source_of(app, &key)).transpose()?;
    let received = receive(app, &parts.headers, body, MOST_BODY_BYTES).await?;
    let source = match source {
        Some(source) => source,
        None => source_of(app, &write_key(&received.bytes).ok_or_else(no_key)?)?,
    };
    if source.api() != Api::Tracking {
        let message = format!("This key belongs to a source that takes rows: send them to /v1/sources/{}.", source.name());
        return Err(ApiError::invalid(message).into());
    }
    let answer = app.door.take(&source, Payload::Tracking(call), received.bytes, received.reservation).await?;
    Ok(Json(answer.into()))
}

async fn rows(State(app): State<Arc<App>>, Path(name): Path<String>, request: Request) -> Result<Json<TakenMessages>, Failure> {
    let (parts, body) = request.into_parts();
    let known = app.door.source(&name).filter(|source| source.api() == Api::Rows);
    let by_key = key_of(&parts.headers).map(|key| source_of(&app, &key)).transpose()?;
    let source = match (&by_key, known) {
        (Some(of_key), Some(known)) if of_key.name() == known.name() => Arc::clone(known),
        (Some(of_key), _) => {
            let message = format!("This key belongs to the source {}.", of_key.name());
            return Err(ApiError::new(Kind::Forbidden, message).into());
        }
        (None, Some(known)) if known.signature().is_some() => Arc::clone(known),
        (None, _) => return Err(no_key().into()),
    };
    let format = format_of(&parts.headers)?;
    let mut received = receive(&app, &parts.headers, body, MOST_ROW_BYTES).await?;
    if let Some(signature) = source.signature().filter(|_| by_key.is_none()) {
        let body = received.sent.as_deref().unwrap_or(&received.bytes);
        let now_s = app.lake.now().micros().div_euclid(1_000_000);
        let request = Signed { headers: &parts.headers, query: parts.uri.query(), body, now_s };
        signature::verify(signature, &request).map_err(|message| ApiError::new(Kind::Unauthorised, message))?;
    }
    if signature::is_form(&parts.headers) {
        received.bytes = row_of_form(&received.bytes);
    }
    let answer = app.door.take(&source, Payload::Rows(format), received.bytes, received.reservation).await?;
    Ok(Json(answer.into()))
}

fn no_key() -> ApiError {
    ApiError::new(
        Kind::Unauthorised,
        "Send a write key as the user of basic authentication, as `Authorization: Bearer`, or as `writeKey` in the body. \
         `clew keys create SOURCE` makes one.",
    )
}

/// The key that the headers carry: the user of basic authentication, or a bearer token.
fn key_of(headers: &HeaderMap) -> Option<String> {
    let (scheme, value) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let value = value.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(value.to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(value).ok()?).ok()?;
    let user = decoded.split_once(':').map_or(decoded.as_str(), |(user, _)| user);
    // Libraries send an empty user when the key is in the body.
    (!user.is_empty()).then(|| user.to_owned())
}

fn source_of(app: &App, key: &str) -> Result<Arc<LiveSource>, ApiError> {
    let name = app.keys.source_of(key).ok_or_else(|| ApiError::new(Kind::Unauthorised, "This write key is not valid."))?;
    let gone = || ApiError::new(Kind::Unauthorised, "The source of this write key is not in the project any more.");
    let source = app.door.source(&name).cloned().ok_or_else(gone)?;
    if source.is_sound() { Ok(source) } else { Err(Refusal::Source.into()) }
}

fn format_of(headers: &HeaderMap) -> Result<Format, ApiError> {
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("application/json");
    let essence = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    Ok(match essence.as_str() {
        // A form becomes one row of JSON.
        "application/json" | "text/plain" | "text/json" | "application/x-www-form-urlencoded" => Format::Json,
        "application/x-ndjson"
        | "application/ndjson"
        | "application/jsonl"
        | "application/x-jsonlines"
        | "application/json-lines" => Format::Jsonl,
        "text/csv" | "application/csv" => Format::Csv,
        other if other.ends_with("+json") => Format::Json,
        _ => {
            let message = "Say what the body is: `Content-Type: application/json`, `application/x-ndjson`, `text/csv` or \
                           `application/x-www-form-urlencoded`.";
            return Err(ApiError::invalid(message));
        }
    })
}

/// The fields of a form as one JSON object; of a field that comes more than once, all values as a list.
fn row_of_form(body: &[u8]) -> Vec<u8> {
    let mut row: serde_json::Map<String, serde_json::Value> = serde_json::Map::new();
    for (name, value) in form_urlencoded::parse(body) {
        let value = serde_json::Value::from(value);
        match row.get_mut(&*name) {
            None => drop(row.insert(name.into_owned(), value)),
            Some(serde_json::Value::Array(values)) => values.push(value),
            Some(known) => *known = serde_json::Value::Array(vec![known.take(), value]),
        }
    }
    serde_json::to_vec(&row).expect("a map of text serialises")
}

/// A body that has arrived.
struct Received {
    /// Unpacked.
    bytes: Vec<u8>,
    /// As it was sent, where that was packed: this is what a signature is made of.
    sent: Option<Vec<u8>>,
    reservation: Reservation,
}

async fn receive(app: &App, headers: &HeaderMap, body: Body, limit: usize) -> Result<Received, ApiError> {
    let is_packed = match headers.get(CONTENT_ENCODING).map(|value| value.as_bytes().to_ascii_lowercase()) {
        None => false,
        Some(encoding) => match encoding.as_slice() {
            b"" | b"identity" => false,
            b"gzip" | b"x-gzip" => true,
            _ => return Err(ApiError::invalid("The body may be packed by gzip, or not at all.")),
        },
    };
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()).and_then(|text| text.parse::<u64>().ok());
    if announced.is_some_and(|bytes| bytes > limit as u64) {
        return Err(too_large(limit));
    }
    let mut reservation = app.door.reserve();
    let collected = timeout(app.limits.body, collect(body, limit, &mut reservation)).await;
    let late = |_| ApiError::new(Kind::Late, format!("The body did not arrive within {} s.", app.limits.body.as_secs_f32()));
    let bytes = collected.map_err(late)??;
    if !is_packed {
        return Ok(Received { bytes, sent: None, reservation });
    }
    let unpacked = unpack(&bytes, limit, &mut reservation)?;
    Ok(Received { bytes: unpacked, sent: Some(bytes), reservation })
}

async fn collect(body: Body, limit: usize, reservation: &mut Reservation) -> Result<Vec<u8>, ApiError> {
    let mut bytes = Vec::new();
    let mut stream = body.into_data_stream();
    while let Some(part) = stream.next().await {
        let part = part.map_err(|_| ApiError::invalid("The body broke off before its announced length."))?;
        if bytes.len() + part.len() > limit {
            return Err(too_large(limit));
        }
        reservation.grow(part.len())?;
        bytes.extend_from_slice(&part);
    }
    Ok(bytes)
}

fn unpack(packed: &[u8], limit: usize, reservation: &mut Reservation) -> Result<Vec<u8>, ApiError> {
    let mut decoder = MultiGzDecoder::new(packed);
    let mut bytes = Vec::new();
    loop {
        let before = bytes.len();
        reservation.grow(STEP)?;
        let step = (&mut decoder).take(STEP as u64).read_to_end(&mut bytes);
        step.map_err(|_| ApiError::invalid("The body is not gzip, although its Content-Encoding says so."))?;
        if bytes.len() > limit {
            return Err(too_large(limit));
        }
        if bytes.len() == before {
            return Ok(bytes);
        }
    }
}

fn too_large(limit: usize) -> ApiError {
    ApiError::new(Kind::TooLarge, format!("A body has at most {} KB, unpacked: send several.", limit >> 10))
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let message = format!("{}.", sentence(&refusal.to_string()));
        let error = |kind| Self::new(kind, message.clone());
        match refusal {
            Refusal::Body(BodyError::TooMany) => error(Kind::TooLarge),
            Refusal::Body(_) | Refusal::Rows(_) => error(Kind::Invalid),
            Refusal::Busy { retry_after } => error(Kind::Overloaded).after(retry_after),
            Refusal::Storage { retry_after, .. } | Refusal::Closing { retry_after } => error(Kind::NotReady).after(retry_after),
            Refusal::Source => error(Kind::NotReady),
            Refusal::Fault => error(Kind::Internal),
        }
    }
}

/// With a capital at its beginning.
fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_key_is_the_user_of_basic_authentication_or_a_bearer_token() {
        let of = |value: &str| key_of(&headers(&[("authorization", value)]));
        assert_eq!(of("Basic Y2tfYTo=").as_deref(), Some("ck_a"));
        assert_eq!(of("basic Y2tfYQ==").as_deref(), Some("ck_a"));
        assert_eq!(of("Bearer  ck_a").as_deref(), Some("ck_a"));
        for none in ["Basic Og==", "Basic !", "Digest x", "ck_a", ""] {
            assert_eq!(of(none), None, "{none}");
        }
    }

    #[test]
    fn a_format_is_told_by_the_content_type() {
        let of = |value: &str| format_of(&headers(&[("content-type", value)])).ok();
        assert_eq!(of("application/json; charset=utf-8"), Some(Format::Json));
        assert_eq!(of("application/vnd.api+json"), Some(Format::Json));
        assert_eq!(of("application/x-ndjson"), Some(Format::Jsonl));
        assert_eq!(of("Text/CSV"), Some(Format::Csv));
        assert_eq!(of("image/png"), None);
        assert_eq!(format_of(&HeaderMap::new()).ok(), Some(Format::Json));
    }
}
