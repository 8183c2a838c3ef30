//! Who may ask: everybody who can read the token beside the store, from this server's own pages or with the token in hand.
//!
//! The token is 32 random bytes, made at the first start and kept in `<store>/token`, readable by the owner only. A client sends
//! it as `Authorization: Bearer`; a browser opens `/login?token=…` once and gets a cookie that holds a value derived from the
//! token, so that the token itself never stays in a browser. Deleting the file and starting again makes all of them void.
//!
//! A cookie goes along with requests that other sites cause. So the cookie is `SameSite=Strict`, and a request that changes
//! something by cookie must also say that it comes from the same origin. A name that an attacker lets point to this machine
//! (DNS rebinding) is refused by the `Host` check: addresses and `localhost` are fine, other names only when configured.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;

use axum::extract::{Query, Request, State};
use axum::http::header::{AUTHORIZATION, COOKIE, HOST, LOCATION, ORIGIN, REFERRER_POLICY, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::app::App;
use crate::cursor::hex;
use crate::error::{ApiError, Kind};

/// The token's file in the store.
const FILE: &str = "token";
/// Bytes of a token.
const BYTES: usize = 32;
/// A browser stays logged in for thirty days.
const SESSION_SECONDS: u32 = 30 * 24 * 3600;

/// The secrets of a server.
pub struct Auth {
    token: String,
    session: String,
    cookie: String,
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Auth")
    }
}

impl Auth {
    /// The token of `store`, made if there is none. `port` names the cookie: browsers do not tell ports apart.
    pub fn open(store: &Path, port: u16) -> io::Result<Self> {
        let path = store.join(FILE);
        let token = match std::fs::read_to_string(&path) {
            Ok(text) if text.trim().len() >= 2 * BYTES => {
                std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
                text.trim().to_owned()
            }
            Ok(_) => return Err(io::Error::new(io::ErrorKind::InvalidData, "it holds no token: delete it, a new one is made")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => make(&path)?,
            Err(error) => return Err(error),
        };
        let session = hex(&Sha256::digest(format!("clew session v1\0{token}").as_bytes()));
        Ok(Self { token, session, cookie: format!("clew_session_{port}") })
    }

    /// The path that logs a browser in.
    pub fn login_path(&self) -> String {
        format!("/login?token={}", self.token)
    }

    fn is_token(&self, given: &str) -> bool {
        self.token.as_bytes().ct_eq(given.as_bytes()).into()
    }

    fn has_bearer(&self, headers: &HeaderMap) -> bool {
        let value = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let given = value.and_then(|value| value.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        given.is_some_and(|(_, token)| self.is_token(token.trim()))
    }

    fn has_session(&self, headers: &HeaderMap) -> bool {
        let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(';'));
        cookies
            .filter_map(|cookie| cookie.trim().split_once('='))
            .any(|(name, value)| name == self.cookie && bool::from(self.session.as_bytes().ct_eq(value.as_bytes())))
    }
}

fn make(path: &Path) -> io::Result<String> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    let token = hex(&bytes);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(token.as_bytes())?;
    file.sync_all()?;
    Ok(token)
}

/// Lets only requests through that name this server.
pub async fn check_host(State(app): State<Arc<App>>, request: Request, next: Next) -> Result<Response, ApiError> {
    let given = request.headers().get(HOST).and_then(|value| value.to_str().ok());
    let name = given.or_else(|| request.uri().authority().map(axum::http::uri::Authority::as_str)).map(without_port);
    if name.is_some_and(|name| is_ours(name, &app.hosts)) {
        return Ok(next.run(request).await);
    }
    let remedy =
        "This server does not go by that name. Use its address or `localhost`, or add the name to `hosts:` in clew.yaml.";
    Err(ApiError::new(Kind::Forbidden, remedy))
}

fn without_port(host: &str) -> &str {
    if host.starts_with('[') {
        return host.split_inclusive(']').next().unwrap_or(host);
    }
    host.rsplit_once(':').map_or(host, |(name, _)| name)
}

/// An address cannot be rebound: a browser sends it only to that very address.
fn is_ours(name: &str, hosts: &[String]) -> bool {
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || address.parse::<IpAddr>().is_ok()
        || hosts.iter().any(|host| host.eq_ignore_ascii_case(name))
}

/// Lets only requests through that carry the token or a session.
pub async fn require(State(app): State<Arc<App>>, request: Request, next: Next) -> Result<Response, ApiError> {
    let headers = request.headers();
    if app.auth.has_bearer(headers) {
        return Ok(next.run(request).await);
    }
    if !app.auth.has_session(headers) {
        let remedy = "Log in with the link that `clew serve` prints, or send its token as `Authorization: Bearer`.";
        return Err(ApiError::new(Kind::Unauthorised, remedy));
    }
    if !request.method().is_safe() && !is_same_origin(headers) {
        let remedy = "A change by cookie must come from this server's own pages.";
        return Err(ApiError::new(Kind::Forbidden, remedy));
    }
    Ok(next.run(request).await)
}

/// Browsers send `Sec-Fetch-Site`; older ones `Origin`. Without either nobody knows, so it is not.
fn is_same_origin(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return site == "same-origin";
    }
    let origin = text(ORIGIN.as_str()).and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
    origin.is_some() && origin == text(HOST.as_str())
}

/// `?token=…`
#[derive(Deserialize)]
pub struct Login {
    #[serde(default)]
    token: String,
}

/// Turns the token of a login link into a session.
pub async fn login(State(app): State<Arc<App>>, Query(login): Query<Login>) -> Result<Response, ApiError> {
    if !app.auth.is_token(&login.token) {
        let remedy = "This login link is not valid any more. Use the one that `clew serve` prints.";
        return Err(ApiError::new(Kind::Unauthorised, remedy));
    }
    let Auth { session, cookie, .. } = &app.auth;
    let value = format!("{cookie}={session}; Path=/; HttpOnly; SameSite=Strict; Max-Age={SESSION_SECONDS}");
    let headers = [(SET_COOKIE, value), (LOCATION, "/".to_owned()), (REFERRER_POLICY, "no-referrer".to_owned())];
    Ok((StatusCode::SEE_OTHER, headers).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_made_once_and_only_the_owner_reads_it() {
        let store = tempfile::tempdir().unwrap();
        let first = Auth::open(store.path(), 1).unwrap();
        let path = store.path().join(FILE);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(first.token.len(), 2 * BYTES);
        assert_eq!(Auth::open(store.path(), 1).unwrap().token, first.token);
        assert!(!first.session.contains(&first.token));
        std::fs::write(&path, "short").unwrap();
        assert!(Auth::open(store.path(), 1).is_err());
    }

    #[test]
    fn names_that_others_can_point_here_are_not_ours() {
        let ours = |host: &str| is_ours(without_port(host), &["cx.example.org".to_owned()]);
        assert!(
            ours("127.0.0.1:7878") && ours("localhost:1") && ours("[::1]:80") && ours("10.0.0.7") && ours("cx.example.org:443")
        );
        assert!(!ours("evil.example:7878") && !ours("127.0.0.1.evil.example") && !ours("localhost.evil.example") && !ours(""));
    }

    #[test]
    fn a_change_by_cookie_comes_from_the_same_origin() {
        let same = |pairs: &[(&str, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(axum::http::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
            }
            is_same_origin(&headers)
        };
        assert!(same(&[("sec-fetch-site", "same-origin")]));
        assert!(!same(&[("sec-fetch-site", "cross-site"), ("origin", "http://a:1"), ("host", "a:1")]));
        assert!(!same(&[("sec-fetch-site", "same-site")]) && !same(&[]));
        assert!(same(&[("origin", "http://127.0.0.1:1"), ("host", "127.0.0.1:1")]));
        assert!(
            !same(&[("origin", "http://127.0.0.1:2"), ("host", "127.0.0.1:1")]) && !same(&[("origin", "null"), ("host", "a")])
        );
    }
}
