//! Live sources over HTTP: who may write, what strangers may take of the server, what browsers need to be told.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use clew_server::Limits;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use support::{Server, answer};

fn event(id: &str) -> Value {
    json!({"event": "Order Completed", "userId": "u1", "messageId": id, "properties": {"revenue": 5, "currency": "EUR"}})
}

async fn count(server: &Server, sql: &str) -> i64 {
    let (status, rows) = server.post("/api/v1/sql", &json!({"query": sql})).await;
    assert_eq!(status, StatusCode::OK, "{rows}");
    rows["rows"][0][0].as_i64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_in_any_of_its_places_opens_the_door_and_nothing_else_does() {
    let server = Server::limited(Limits::default()).await;
    let key = server.key("website").await;
    let track = || server.bare(Method::POST, "/v1/track");
    assert_eq!(answer(track().basic_auth(&key, Some("")).json(&event("a"))).await.0, StatusCode::OK);
    assert_eq!(answer(track().bearer_auth(&key).json(&event("b"))).await.0, StatusCode::OK);
    let mut keyed = event("c");
    keyed["writeKey"] = json!(key);
    assert_eq!(answer(track().json(&keyed)).await.0, StatusCode::OK);
    // sendBeacon sends text/plain, and libraries an empty user beside the key in the body.
    let beacon = track().header("content-type", "text/plain").basic_auth("", Some("")).body(keyed.to_string());
    let (status, said) = answer(beacon).await;
    assert_eq!((status, &said["duplicate"]), (StatusCode::OK, &json!(1)));
    for wrong in [track(), track().bearer_auth("ck_x"), track().bearer_auth(&server.token), track().basic_auth("x", Some(&key))] {
        let (status, body) = answer(wrong.json(&event("d"))).await;
        assert_eq!((status, &body["error"]["code"]), (StatusCode::UNAUTHORIZED, &json!("unauthorised")));
    }
    assert_eq!(count(&server, "SELECT count(*) FROM events").await, 3);
    // A write key reads nothing.
    assert_eq!(answer(server.bare(Method::GET, "/api/v1/data").bearer_auth(&key)).await.0, StatusCode::UNAUTHORIZED);
    let (_, listed) = server.get("/api/v1/keys").await;
    assert!(!listed.to_string().contains(&key[3..]));
    let id = listed["keys"][0]["key_id"].as_str().unwrap().to_owned();
    let revoke = server.bare(Method::DELETE, &format!("/api/v1/keys/{id}")).bearer_auth(&server.token);
    assert_eq!(answer(revoke).await.0, StatusCode::OK);
    assert_eq!(answer(track().bearer_auth(&key).json(&event("e"))).await.0, StatusCode::UNAUTHORIZED);
    let (_, audit) = server.get("/api/v1/audit").await;
    assert_eq!(audit["holds"], true, "{audit}");
    server.stop().await.0.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn any_page_under_any_name_may_send_and_gets_no_cookie() {
    let server = Server::limited(Limits::default()).await;
    let key = server.key("website").await;
    let preflight = server
        .bare(Method::OPTIONS, "/v1/batch")
        .header("origin", "https://shop.example")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization, content-type");
    let response = preflight.send().await.unwrap();
    assert_eq!(
        (response.status(), &response.headers()["access-control-allow-origin"]),
        (StatusCode::NO_CONTENT, &"*".parse().unwrap())
    );
    assert!(response.headers()["access-control-allow-headers"].to_str().unwrap().contains("authorization"));
    assert!(!response.headers().contains_key("access-control-allow-credentials"));
    let body = json!({"batch": [{"type": "page", "anonymousId": "a", "messageId": "m"}]});
    let call = server.bare(Method::POST, "/v1/b").header("host", "data.shop.example").header("origin", "https://shop.example");
    let response = call.bearer_auth(&key).json(&body).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["access-control-allow-origin"], "*");
    assert!(!response.headers().contains_key("set-cookie"));
    // The cockpit's API still looks at names and tells other origins nothing.
    let other = server.bare(Method::GET, "/api/v1/meta").header("host", "data.shop.example").bearer_auth(&server.token);
    let response = other.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert!(!response.headers().contains_key("access-control-allow-origin"));
    server.stop().await.0.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_mapped_and_a_signature_stands_for_a_key() {
    let server = Server::limited(Limits::default()).await;
    let key = server.key("hooks").await;
    let post = |kind: &'static str| server.bare(Method::POST, "/v1/sources/hooks").header("content-type", kind);
    let row = json!({"id": "1", "at": "2026-01-31T12:00:00Z", "kind": "sold", "customer": "c1"});
    let (status, said) = answer(post("application/json").bearer_auth(&key).body(row.to_string())).await;
    assert_eq!((status, &said["accepted"]), (StatusCode::OK, &json!(1)), "{said}");
    let lines = "{\"kind\":\"sold\",\"id\":\"1\",\"at\":\"2026-01-31T12:00:00Z\",\"customer\":\"c1\"}\n{\"id\":\"2\",\"at\":\"soon\",\"kind\":\"sold\"}\nnot json\n";
    let (status, said) = answer(post("application/x-ndjson").bearer_auth(&key).body(lines)).await;
    assert_eq!(status, StatusCode::OK, "{said}");
    assert_eq!((&said["duplicate"], &said["quarantined"]), (&json!(1), &json!(2)), "{said}");
    assert_eq!(said["results"][1]["code"], "invalid_time");
    let table = "id,at,kind,customer\n3,2026-01-31T12:00:00Z,sold,c2\n4,2026-01-31T12:00:00Z,returned,c2\n";
    let (status, said) = answer(post("text/csv").bearer_auth(&key).body(table)).await;
    assert_eq!((status, &said["accepted"]), (StatusCode::OK, &json!(2)), "{said}");
    // HMAC-SHA256 of the body under "Jefe": openssl dgst -sha256 -hmac Jefe
    let body = r#"{"id":"5","at":"2026-01-31T12:00:00Z","kind":"sold"}"#;
    let signed = |sign: String| post("application/json").header("x-sign", sign).body(body);
    let hash = hmac("Jefe", body);
    assert_eq!(answer(signed(format!("sha256={hash}"))).await.0, StatusCode::OK);
    assert_eq!(answer(signed(format!("sha256={}", hmac("jefe", body)))).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(answer(post("application/json").body(body)).await.0, StatusCode::UNAUTHORIZED);
    let website = server.key("website").await;
    assert_eq!(answer(post("application/json").bearer_auth(&website).body(body)).await.0, StatusCode::FORBIDDEN);
    assert_eq!(
        answer(server.bare(Method::POST, "/v1/track").bearer_auth(&key).json(&event("x"))).await.0,
        StatusCode::BAD_REQUEST
    );
    let (status, said) = answer(post("text/csv").bearer_auth(&key).body("id,when\n1,2\n")).await;
    // Columns that the source had before are missing: its rows wait in quarantine for a mended mapping.
    assert_eq!((status, &said["quarantined"]), (StatusCode::OK, &json!(1)), "{said}");
    assert_eq!(said["results"][0]["code"], "column_missing", "{said}");
    assert_eq!(count(&server, "SELECT count(*) FROM events WHERE source = 'hooks'").await, 4);
    assert_eq!(count(&server, "SELECT count(*) FROM quarantine WHERE source = 'hooks'").await, 3);
    let (_, audit) = server.get("/api/v1/audit").await;
    assert_eq!(audit["holds"], true, "{audit}");
    server.stop().await.0.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_or_foreign_signature_is_refused_and_a_form_is_a_row() {
    let server = Server::limited(Limits::default()).await;
    let post = |kind: &'static str| server.bare(Method::POST, "/v1/sources/stripe").header("content-type", kind);
    let body = r#"{"id":"e1","at":"2026-01-31T12:00:00Z","kind":"paid"}"#;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let signed = |at: u64, body: &'static str| {
        let sign = format!("t={at},v1={}", hmac("whsec_test", &format!("{at}.{body}")));
        post("application/json").header("stripe-signature", sign).body(body)
    };
    assert_eq!(answer(signed(now, body)).await.0, StatusCode::OK);
    let (status, said) = answer(signed(now - 3_600, body)).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert!(said["error"]["message"].as_str().unwrap().contains("It was replayed, or a clock is wrong"), "{said}");
    // The same again in time is taken once.
    assert_eq!(answer(signed(now, body)).await.1["duplicate"], 1);
    let foreign =
        post("application/json").header("stripe-signature", format!("t={now},v1={}", hmac("whsec_other", body))).body(body);
    let (status, said) = answer(foreign).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert!(said["error"]["message"].as_str().unwrap().contains("not that of this request"), "{said}");
    let key = server.key("stripe").await;
    let form =
        post("application/x-www-form-urlencoded").bearer_auth(&key).body("id=e2&kind=called+back&at=2026-01-31T12%3A00%3A00Z");
    assert_eq!(answer(form).await.1["accepted"], 1);
    assert_eq!(
        count(&server, "SELECT count(*) FROM events WHERE source = 'stripe' AND name IN ('paid', 'called back')").await,
        2
    );
    server.stop().await.0.unwrap();
}

/// By the system's own tool, not by the library under test.
fn hmac(key: &str, body: &str) -> String {
    let mut child = std::process::Command::new("openssl")
        .args(["dgst", "-sha256", "-hmac", key, "-hex"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("openssl is there");
    child.stdin.take().unwrap().write_all(body.as_bytes()).unwrap();
    let said = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    said.trim().rsplit(' ').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_finds_the_budget_used_up_is_told_when_to_come_again() {
    let server = Server::limited(Limits { door_bytes: 20_000, ..Limits::default() }).await;
    let key = server.key("website").await;
    let large = json!({"batch": (0..300).map(|n| json!({"type": "track", "event": "e", "userId": "u", "messageId": format!("{n:0100}")})).collect::<Vec<_>>()});
    let post = |body: &Value| server.bare(Method::POST, "/v1/batch").bearer_auth(&key).json(body);
    let response = post(&large).send().await.unwrap();
    assert_eq!((response.status(), &response.headers()["retry-after"]), (StatusCode::TOO_MANY_REQUESTS, &"1".parse().unwrap()));
    assert_eq!(response.json::<Value>().await.unwrap()["error"]["code"], "overloaded");
    assert_eq!(count(&server, "SELECT count(*) FROM events").await, 0, "nothing of it is stored");
    // What it had drawn is given back.
    assert_eq!(answer(post(&json!({"batch": [{"type": "track", "event": "e", "userId": "u"}]}))).await.0, StatusCode::OK);
    let text = server.bare(Method::GET, "/metrics").bearer_auth(&server.token).send().await.unwrap().text().await.unwrap();
    assert!(text.contains("clew_messages_total{source=\"website\",status=\"accepted\"} 1\n"), "{text}");
    assert!(text.contains("clew_door_bytes 0\n") && text.contains("clew_door_budget_bytes 20000\n"), "{text}");
    assert!(text.contains("clew_requests_total{method=\"POST\",route=\"/v1/batch\",status=\"429\"} 1\n"), "{text}");
    server.stop().await.0.unwrap();
}

/// What the server says until it closes, and how long that took.
fn until_closed(mut stream: TcpStream) -> (String, Duration) {
    let since = Instant::now();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut said = Vec::new();
    stream.read_to_end(&mut said).expect("the server closes");
    (String::from_utf8_lossy(&said).into_owned(), since.elapsed())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_trickles_is_shown_the_door() {
    let limits = Limits { head: Duration::from_millis(300), body: Duration::from_millis(300), ..Limits::default() };
    let server = Server::limited(limits).await;
    let key = server.key("website").await;
    let address = server.root.trim_start_matches("http://").to_owned();
    let open = || TcpStream::connect(&address).unwrap();
    // Nothing at all, half a head, half a body.
    let silent = open();
    let mut head = open();
    head.write_all(b"POST /v1/track HTTP/1.1\r\nhost: x\r\nconte").unwrap();
    let mut body = open();
    write!(body, "POST /v1/track HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-length: 100\r\n\r\n{{").unwrap();
    let closed = tokio::task::spawn_blocking(move || [silent, head, body].map(until_closed)).await.unwrap();
    assert!(closed.iter().all(|(_, time)| *time < Duration::from_secs(10)), "{closed:?}");
    assert!(closed[2].0.starts_with("HTTP/1.1 408 "), "{}", closed[2].0);
    // Others are served all the while.
    assert_eq!(answer(server.bare(Method::POST, "/v1/track").bearer_auth(&key).json(&event("a"))).await.0, StatusCode::OK);
    server.stop().await.0.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_answers_what_was_taken() {
    let server = Server::limited(Limits::default()).await;
    let key = server.key("website").await;
    let (client, root) = (server.client.clone(), server.root.clone());
    let sender = tokio::spawn(async move {
        let mut accepted = 0;
        for n in 0_u32.. {
            let call = client.post(format!("{root}/v1/track")).bearer_auth(&key).json(&event(&n.to_string()));
            match call.send().await {
                Ok(response) if response.status() == StatusCode::OK => accepted += 1,
                _ => return accepted,
            }
        }
        accepted
    });
    while count(&server, "SELECT count(*) FROM events").await < 20 {}
    let (ended, folder) = server.stop().await;
    ended.unwrap();
    let accepted: i64 = sender.await.unwrap();
    let server = Server::over(folder, None).await;
    let stored = count(&server, "SELECT count(*) FROM events").await;
    // The last answer may have been cut off: stored and not told, never told and not stored.
    assert!(stored == accepted || stored == accepted + 1, "{stored} stored, {accepted} acknowledged");
    server.stop().await.0.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_no_run_has_seen_is_told_by_all_that_carries_it() {
    let server = Server::limited(Limits::default()).await;
    let (website, hooks) = (server.key("website").await, server.key("hooks").await);
    let event = |id: &str, user: &str, visitor: &str| {
        let at = format!("2026-01-31T1{id}:00:00Z");
        json!({"type": "track", "event": "Seen", "userId": user, "anonymousId": visitor, "messageId": id, "timestamp": at})
    };
    // A kiosk's login form sends its placeholder as the user.
    let batch =
        json!({"batch": [event("1", "customer-17", "v1"), event("2", "undefined", "v1"), event("3", "customer-18", "v2")]});
    assert_eq!(answer(server.bare(Method::POST, "/v1/batch").bearer_auth(&website).json(&batch)).await.0, StatusCode::OK);
    let rows = server.bare(Method::POST, "/v1/sources/hooks").bearer_auth(&hooks).header("content-type", "text/csv");
    let sent = rows.body("id,at,kind,customer\n7,2026-01-31T09:00:00Z,sold,customer-17\n");
    assert_eq!(answer(sent).await.0, StatusCode::OK);

    let (_, people) = server.ask("/api/v1/people", &[("q", "customer-17")]).await;
    let person = &people["people"][0];
    assert_eq!((&person["events"], &person["channels"]), (&json!(3), &json!(["web", "store"])), "{people}");
    assert_eq!((&person["provisional"], &person["population"]), (&json!(true), &json!("customer")));
    let (_, page) = server.get(&format!("/api/v1/people/{}", person["person_id"].as_str().unwrap())).await;
    let identifiers = page["identity"]["identifiers"].as_array().unwrap();
    let of = |value: &str| identifiers.iter().find(|identifier| identifier["value"] == value).unwrap();
    let user = of("customer-17");
    assert_eq!((&user["subjects"], &user["sources"]), (&json!(2), &json!(["hooks", "website"])), "{user}");
    assert_eq!((&user["role"], &user["first_seen_at"]), (&json!("person"), &json!("2026-01-31T09:00:00Z")));
    assert_eq!(user["last_seen_at"], "2026-01-31T11:00:00Z");
    assert!(identifiers.iter().all(|identifier| identifier["value"] != "undefined"), "it names nobody: {page}");
    assert!(!page.to_string().contains("customer-18"));
    // Several at once, each by its own facts: one is called so, and another one's browser.
    let called = json!({"type": "identify", "userId": "dual", "traits": {"name": "Ann Lee"}, "messageId": "4"});
    let batch = json!({"batch": [called, event("5", "dual", "v3"), event("6", "dual", "v3"), event("7", "customer-19", "dual")]});
    assert_eq!(answer(server.bare(Method::POST, "/v1/batch").bearer_auth(&website).json(&batch)).await.0, StatusCode::OK);
    let (_, both) = server.ask("/api/v1/people", &[("q", "dual")]).await;
    let mut found: Vec<(Value, Value)> = both["people"]
        .as_array()
        .unwrap()
        .iter()
        .map(|person| (person["events"].clone(), person["display_name"].clone()))
        .collect();
    found.sort_by_key(|(events, _)| events.as_u64());
    assert_eq!(found, [(json!(1), Value::Null), (json!(2), json!("Ann Lee"))], "{both}");
    server.stop().await.0.unwrap();
}
