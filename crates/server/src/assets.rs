//! The cockpit's files, inside the binary.
//!
//! Every path that is neither the API nor a file is the page of a single-page application: it gets `index.html`. Files under
//! `assets/` carry a hash of their content in their name and are kept for good; the rest is asked for again by its hash
//! (`ETag`). Where the cockpit was not built (`npm run build` in `web/`), the page says how to.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use rust_embed::Embed;

use crate::cursor::hex;
use crate::error::ApiError;

#[derive(Embed)]
#[folder = "../../web/dist"]
#[allow_missing = true]
struct Cockpit;

const FOR_GOOD: &str = "public, max-age=31536000, immutable";
const ASK_AGAIN: &str = "no-cache";
const NOT_BUILT: &str = "<!doctype html><html lang=en><meta charset=utf-8><title>Clew</title>\
    <h1>The cockpit is not in this binary</h1><p>Build it with <code>npm ci &amp;&amp; npm run build</code> in <code>web/</code>, \
    then build Clew again. The API works without it: see <a href=/openapi.json>/openapi.json</a>.</p></html>";

/// Answers what no route answers.
pub async fn page(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    if path == "api" || path.starts_with("api/") || !(method == Method::GET || method == Method::HEAD) {
        return ApiError::not_found("address").into_response();
    }
    if let Some(response) = file(path, &headers).filter(|_| !path.is_empty()) {
        return response;
    }
    if path.rsplit('/').next().is_some_and(|name| name.contains('.')) {
        return ApiError::not_found("file").into_response();
    }
    file("index.html", &headers).unwrap_or_else(|| html(NOT_BUILT))
}

/// How long a page may keep the tracking library without asking.
const TRACKER_CACHE: &str = "public, max-age=300, stale-while-revalidate=86400";

/// `/t/clew.js` and `/t/stub.js`: the library for other people's pages.
pub async fn tracker(uri: Uri, headers: HeaderMap) -> Response {
    match file(uri.path().trim_start_matches('/'), &headers) {
        Some(mut response) => {
            response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(TRACKER_CACHE));
            response
        }
        None => ApiError::not_found("file").into_response(),
    }
}

fn html(text: &'static str) -> Response {
    ([(CONTENT_TYPE, "text/html; charset=utf-8"), (CACHE_CONTROL, ASK_AGAIN)], text).into_response()
}

fn file(path: &str, headers: &HeaderMap) -> Option<Response> {
    let file = Cockpit::get(path)?;
    let etag = format!("\"{}\"", hex(&file.metadata.sha256_hash()[..16]));
    let cache = if path.starts_with("assets/") { FOR_GOOD } else { ASK_AGAIN };
    if headers.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes()) {
        return Some((StatusCode::NOT_MODIFIED, [(ETAG, etag), (CACHE_CONTROL, cache.to_owned())]).into_response());
    }
    let known = [(CONTENT_TYPE, content_type(path).to_owned()), (CACHE_CONTROL, cache.to_owned()), (ETAG, etag)];
    Some((known, Body::from(file.data.into_owned())).into_response())
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "json" | "map" => "application/json",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
