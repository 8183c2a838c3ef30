//! Who may ask: token, session, `Host`, same origin; what is open; what every answer carries.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use reqwest::{Method, StatusCode};
use serde_json::json;
use support::{Server, answer};

#[tokio::test(flavor = "multi_thread")]
async fn only_the_token_and_its_session_open_the_api() {
    let server = Server::start().await;
    let meta = |authorization: Option<String>| {
        let request = server.bare(Method::GET, "/api/v1/meta");
        answer(match authorization {
            Some(value) => request.header("authorization", value),
            None => request,
        })
    };
    for wrong in [
        None,
        Some("Bearer ".to_owned()),
        Some(format!("Bearer {}0", server.token)),
        Some(server.token.clone()),
        Some("Bearer x y".to_owned()),
    ] {
        let (status, body) = meta(wrong).await;
        assert_eq!((status, &body["error"]["code"]), (StatusCode::UNAUTHORIZED, &json!("unauthorised")));
        assert!(
            body["error"]["message"].as_str().unwrap().contains("login")
                || body["error"]["message"].as_str().unwrap().contains("Log in")
        );
    }
    assert_eq!(meta(Some(format!("Bearer {}", server.token))).await.0, StatusCode::OK);
    assert_eq!(answer(server.bare(Method::GET, "/metrics")).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(answer(server.bare(Method::POST, "/api/v1/run").json(&json!({}))).await.0, StatusCode::UNAUTHORIZED);
    server.stop().await.0.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_link_gives_a_session_that_other_sites_cannot_use() {
    let server = Server::start().await;
    let wrong = server.bare(Method::GET, "/login?token=0123").send().await.unwrap();
    assert_eq!(wrong.status(), StatusCode::UNAUTHORIZED);
    let login = server.bare(Method::GET, &format!("/login?token={}", server.token)).send().await.unwrap();
    assert_eq!((login.status(), login.headers()["location"].to_str().unwrap()), (StatusCode::SEE_OTHER, "/"));
    let set = login.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(set.contains("HttpOnly") && set.contains("SameSite=Strict") && !set.contains(&server.token), "{set}");
    let cookie = set.split(';').next().unwrap().to_owned();

    let with = |method: Method, path: &str| server.bare(method, path).header("cookie", cookie.clone());
    assert_eq!(answer(with(Method::GET, "/api/v1/meta")).await.0, StatusCode::OK);
    let forged = format!("{}0", &cookie[..cookie.len() - 1]);
    let other = if forged == cookie { format!("{}1", &cookie[..cookie.len() - 1]) } else { forged };
    assert_eq!(answer(server.bare(Method::GET, "/api/v1/meta").header("cookie", other)).await.0, StatusCode::UNAUTHORIZED);

    let query = json!({"query": "SELECT 1", "limit": null});
    let post = || with(Method::POST, "/api/v1/sql").json(&query);
    for (name, value) in [("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-site"), ("origin", "http://evil.example")] {
        let (status, body) = answer(post().header(name, value)).await;
        assert_eq!((status, &body["error"]["code"]), (StatusCode::FORBIDDEN, &json!("forbidden")), "{name}: {value}");
    }
    assert_eq!(answer(post()).await.0, StatusCode::FORBIDDEN, "nobody says where it comes from");
    assert_eq!(answer(post().header("origin", server.root.clone())).await.0, StatusCode::OK);
    assert_eq!(answer(post().header("sec-fetch-site", "same-origin")).await.0, StatusCode::OK);
    server.stop().await.0.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_not_ours_is_refused_even_with_the_token() {
    let server = Server::start().await;
    let by = |host: &str| answer(server.bare(Method::GET, "/api/v1/meta").bearer_auth(&server.token).header("host", host));
    for ours in ["localhost:7878", "127.0.0.1", "[::1]:80", "cx.example.org"] {
        assert_eq!(by(ours).await.0, StatusCode::OK, "{ours}");
    }
    for other in ["evil.example", "127.0.0.1.evil.example:7878", "localhost.evil.example"] {
        assert_eq!(by(other).await.0, StatusCode::FORBIDDEN, "{other}");
    }
    server.stop().await.0.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_is_safe_for_browsers_and_has_an_id() {
    let server = Server::start().await;
    for path in
        ["/", "/people/p_123", "/healthz", "/readyz", "/openapi.json", "/api/v1/meta", "/api/v1/nothing", "/assets/none.js"]
    {
        let response = server.bare(Method::GET, path).send().await.unwrap();
        let headers = response.headers();
        assert!(headers["content-security-policy"].to_str().unwrap().contains("frame-ancestors 'none'"), "{path}");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["x-request-id"].len(), 13);
    }
    let status = async |path: &str| server.bare(Method::GET, path).send().await.unwrap().status();
    assert_eq!(status("/healthz").await, StatusCode::OK);
    assert_eq!(status("/readyz").await, StatusCode::OK);
    assert_eq!(status("/assets/none.js").await, StatusCode::NOT_FOUND);
    // Any page of the cockpit is its one page, built or not.
    let page = server.bare(Method::GET, "/people/p_123").send().await.unwrap();
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    assert!(page.text().await.unwrap().contains("<title>Clew</title>"));
    let (status, body) = server.get("/api/v1/nothing").await;
    assert_eq!((status, &body["error"]["code"]), (StatusCode::NOT_FOUND, &json!("not_found")));
    let response = server.bare(Method::GET, "/api/v1/nothing").send().await.unwrap();
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    let body: serde_json::Value = response.json().await.unwrap();
    assert_eq!(body["error"]["request_id"], id);
    server.stop().await.0.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_about_the_server_name_routes_and_never_paths() {
    let server = Server::start().await;
    server.get("/api/v1/people/p_secret").await;
    let request = server.bare(Method::GET, "/metrics").bearer_auth(&server.token);
    let text = request.send().await.unwrap().text().await.unwrap();
    assert!(text.contains("clew_requests_total{method=\"GET\",route=\"/api/v1/people/{person_id}\",status=\"404\"} 1"), "{text}");
    assert!(!text.contains("secret"));
    server.stop().await.0.unwrap();
}
