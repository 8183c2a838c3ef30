//! Which address does what, behind which checks.
//!
//! From the outside in: request id and log, compression, security headers, `Host`; then for the API and `/metrics` the token, the
//! limit of the body, the page. `/healthz`, `/readyz`, `/login`, `/openapi.json` and the cockpit's files need no token: they tell
//! nothing of the store. The tracking API (`/v1`, `/t`) stands beside all that: it has keys and limits of its own and answers to any name.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use tower_http::compression::CompressionLayer;

use crate::app::App;
use crate::error::ApiError;
use crate::pages::{
    audit, behind, data, drivers, friction, identity, journeys, keys, meta, overview, paths, people, person, quality, quarantine,
    scores, search, source, sql, tail, test_message, timeline, voice, work,
};
use crate::{assets, auth, observe, openapi, tracking};

/// The largest body.
const MOST_BODY_BYTES: usize = 1 << 20;

/// What browsers may do with our pages. Styles in attributes are allowed: charts draw their labels with them.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; img-src 'self' data: blob:; \
    font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// All routes.
pub fn router(app: Arc<App>) -> Router {
    let api = Router::new()
        .route("/api/v1/meta", get(meta::meta))
        .route("/api/v1/overview", get(overview::overview))
        .route("/api/v1/scores", get(scores::scores))
        .route("/api/v1/people", get(people::people))
        .route("/api/v1/people/{person_id}", get(person::person))
        .route("/api/v1/people/{person_id}/timeline", get(timeline::timeline))
        .route("/api/v1/identity/why", get(identity::why))
        .route("/api/v1/identity/why-not", get(identity::why_not))
        .route("/api/v1/identity/how", get(identity::how))
        .route("/api/v1/identity/review", get(identity::review))
        .route("/api/v1/identity/dry-run", post(identity::dry_run))
        .route("/api/v1/identity/decisions", get(identity::list).post(identity::decide))
        .route("/api/v1/identity/decisions/{decision_id}/revoke", post(identity::revoke))
        .route("/api/v1/journeys", get(journeys::journeys))
        .route("/api/v1/journeys/{journey}", get(journeys::journey))
        .route("/api/v1/process", get(paths::process))
        .route("/api/v1/process/people", get(behind::process))
        .route("/api/v1/variants", get(paths::variants))
        .route("/api/v1/variants/people", get(behind::variants))
        .route("/api/v1/funnel", get(paths::funnel))
        .route("/api/v1/funnel/people", get(behind::funnel))
        .route("/api/v1/retention", get(paths::retention))
        .route("/api/v1/retention/people", get(behind::retention))
        .route("/api/v1/paths", get(paths::paths))
        .route("/api/v1/paths/people", get(behind::paths))
        .route("/api/v1/friction", get(friction::friction))
        .route("/api/v1/friction/people", get(friction::friction_people))
        .route("/api/v1/compare", get(friction::compare))
        .route("/api/v1/voice", get(voice::voice))
        .route("/api/v1/voice/themes/{theme_id}", get(voice::theme))
        .route("/api/v1/drivers", get(drivers::drivers))
        .route("/api/v1/data", get(data::data))
        .route("/api/v1/data/quarantine", get(quarantine::quarantine))
        .route("/api/v1/data/replay", post(quarantine::replay))
        .route("/api/v1/data/discard", post(quarantine::discard))
        .route("/api/v1/data/quality", get(quality::quality))
        .route("/api/v1/data/sources/{source}", get(source::source))
        .route("/api/v1/data/tail", get(tail::tail))
        .route("/api/v1/data/test", post(test_message::test))
        .route("/api/v1/runs", get(data::runs))
        .route("/api/v1/jobs/{job_id}", get(work::job))
        .route("/api/v1/search", get(search::search))
        .route("/api/v1/run", post(work::run))
        .route("/api/v1/import", post(work::import))
        .route("/api/v1/sql", post(sql::sql))
        .route("/api/v1/keys", get(keys::list).post(keys::create))
        .route("/api/v1/keys/{key_id}", delete(keys::revoke))
        .route("/api/v1/audit", get(audit::audit))
        .method_not_allowed_fallback(async || ApiError::not_found("method at this address"))
        .layer(DefaultBodyLimit::max(MOST_BODY_BYTES));
    let guarded =
        api.route("/metrics", get(metrics)).layer(from_fn_with_state(Arc::clone(&app), auth::require)).layer(from_fn(never_kept));
    Router::new()
        .merge(guarded)
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/login", get(auth::login))
        .route("/openapi.json", get(async || ([(CONTENT_TYPE, "application/json")], openapi::text())))
        .fallback(assets::page)
        .layer(from_fn_with_state(Arc::clone(&app), auth::check_host))
        .layer(from_fn(secured))
        .layer(CompressionLayer::new())
        .merge(tracking::routes())
        .layer(from_fn_with_state(Arc::clone(&app), observe::watch))
        .with_state(app)
}

async fn metrics(State(app): State<Arc<App>>) -> Response {
    let text = app.counters.text()
        + &observe::door(&app.door, &app.lake)
        + &observe::streams(&app.streams.health())
        + &observe::online(&app.lake);
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}

/// Ready where the store answers.
async fn ready(State(app): State<Arc<App>>) -> Result<&'static str, ApiError> {
    app.limited(async { Ok(app.session().sql("SELECT 1").await?.collect().await?) }).await?;
    Ok("ready\n")
}

/// Answers of the API are of this moment and of this reader.
async fn never_kept(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn secured(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        ("content-security-policy", POLICY),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers.entry("referrer-policy").or_insert(HeaderValue::from_static("same-origin"));
    response
}
