//! Sources in depth: health, volume, equations by batch, the tail of the door, test messages; who may ask, and what is refused.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::time::{Duration, Instant};

use clew_server::{Limits, wire};
use reqwest::{Method, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use support::{PEOPLE, Server, answer};

async fn read<T: Serialize + DeserializeOwned>(server: &Server, path: &str) -> T {
    let (status, body) = server.get(path).await;
    assert_eq!(status, StatusCode::OK, "{path}: {body}");
    let read: T = serde_json::from_value(body.clone()).unwrap_or_else(|error| panic!("{path}: {error}\n{body:#}"));
    assert_eq!(serde_json::to_value(&read).unwrap(), body, "{path}");
    read
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_without_the_token_reads_or_sends_anything() {
    let server = Server::limited(Limits::default()).await;
    let key = server.key("website").await;
    for path in ["/api/v1/data/quality", "/api/v1/data/sources/website", "/api/v1/data/tail"] {
        assert_eq!(answer(server.bare(Method::GET, path)).await.0, StatusCode::UNAUTHORIZED, "{path}");
        // A write key writes, and reads nothing.
        assert_eq!(answer(server.bare(Method::GET, path).bearer_auth(&key)).await.0, StatusCode::UNAUTHORIZED, "{path}");
    }
    let body = json!({"source": "website", "mode": "send", "call": "track", "body": "{}"});
    let post = || server.bare(Method::POST, "/api/v1/data/test").json(&body);
    assert_eq!(answer(post()).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(answer(post().bearer_auth(&key)).await.0, StatusCode::UNAUTHORIZED);
    server.stop().await.0.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_shows_its_health_its_volume_and_batches_that_add_up() {
    let server = Server::full().await;
    let page: wire::DataPage = read(&server, "/api/v1/data").await;
    let of = |name: &str| page.sources.iter().find(|source| source.source == name).unwrap();
    assert_eq!(of("crm").volume.len(), 30, "records without a time of their own count where they were received");
    let answers = of("answers");
    assert_eq!((answers.kind.as_str(), answers.live, answers.open_alarms), ("files", None, 0));
    assert!(["healthy", "late", "idle"].contains(&answers.health.status.as_str()), "{:?}", answers.health);
    assert!(!answers.health.reason.is_empty());

    let detail: wire::SourceDetail = read(&server, "/api/v1/data/sources/events").await;
    assert_eq!((detail.grain.as_str(), detail.batches_total, detail.batches.len()), ("day", 1, 1));
    assert_eq!(detail.source, *of("events"));
    let batch = &detail.batches[0];
    assert_eq!((batch.rows, &batch.targets), (detail.source.rows, &detail.source.targets));
    assert_eq!((batch.files.as_slice(), batch.files_total), (["events.csv".to_owned()].as_slice(), 1));
    assert!(batch.targets[0].quarantined >= 9 && batch.targets[0].balanced);

    let crm: wire::SourceDetail = read(&server, "/api/v1/data/sources/crm?grain=day").await;
    assert_eq!(crm.volume.len(), 90);
    assert_eq!(crm.volume.iter().map(|point| point.n).sum::<u64>(), PEOPLE as u64);
    let hours: wire::SourceDetail = read(&server, "/api/v1/data/sources/crm?grain=hour&limit=1").await;
    assert_eq!((hours.volume.len(), hours.volume.iter().map(|point| point.n).sum::<u64>()), (72, PEOPLE as u64));

    let quality: wire::Quality = read(&server, "/api/v1/data/quality?source=crm").await;
    assert_eq!(quality.reason, None);
    let city = quality.fields.iter().find(|field| field.target.is_some() && field.field == "city").unwrap();
    assert_eq!((city.n, city.nulls, city.completeness.share), (PEOPLE as u64, 0, Some(1.0)));
    assert!(city.uniqueness.share.is_some_and(|share| share < 0.1), "{:?}", city.uniqueness);
    assert_eq!((city.trend.len(), city.trend[0].n), (1, PEOPLE as u64));
    assert_eq!((quality.sources.len(), quality.sources[0].consistency.share), (1, None));

    for (path, status) in [
        ("/api/v1/data/sources/nothing", StatusCode::NOT_FOUND),
        ("/api/v1/data/sources/' OR '1'='1", StatusCode::NOT_FOUND),
        ("/api/v1/data/sources/crm?grain=week", StatusCode::BAD_REQUEST),
        ("/api/v1/data/sources/crm?limit=0", StatusCode::BAD_REQUEST),
        ("/api/v1/data/sources/crm?limit=201", StatusCode::BAD_REQUEST),
        ("/api/v1/data/quality?source=nothing", StatusCode::NOT_FOUND),
    ] {
        assert_eq!(server.get(path).await.0, status, "{path}");
    }
    server.stop().await.0.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_fails_when_its_import_does_and_is_well_again_when_it_works() {
    let server = Server::start().await;
    let answers = server.folder.path().join("answers.csv");
    let text = std::fs::read(&answers).unwrap();
    std::fs::remove_file(&answers).unwrap();
    let import = async || {
        let (_, job) = server.post("/api/v1/import", &json!({"sources": [], "run": false})).await;
        server.wait(&job).await["status"].as_str().unwrap().to_owned()
    };
    let health = async |name: &str| {
        let page: wire::DataPage = read(&server, "/api/v1/data").await;
        page.sources.into_iter().find(|source| source.source == name).unwrap().health
    };
    assert_eq!(import().await, "failed");
    let failing = health("answers").await;
    assert_eq!(failing.status, "failing");
    assert!(failing.reason.starts_with("Its last import failed: ") && failing.reason.contains("answers"), "{}", failing.reason);
    assert_eq!(health("crm").await.status, "idle", "nothing is wrong with the others");
    std::fs::write(&answers, text).unwrap();
    assert_eq!(import().await, "done");
    assert_ne!(health("answers").await.status, "failing");
    server.stop().await.0.unwrap();
}

/// Asks for the Data page until a source of it is as wanted.
async fn until(server: &Server, name: &str, is_so: impl Fn(&wire::Source) -> bool) -> wire::Source {
    let mut pause = tokio::time::interval(Duration::from_millis(50));
    let mut newest = None;
    for _ in 0..1_200 {
        pause.tick().await;
        let page: wire::DataPage = read(server, "/api/v1/data").await;
        let source = page.sources.into_iter().find(|source| source.source == name).unwrap();
        if is_so(&source) {
            return source;
        }
        newest = Some(source);
    }
    panic!("{newest:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watched_file_that_cannot_be_read_is_told_until_it_can() {
    let folder = Server::start().await.stop().await.1;
    let answers = folder.path().join("answers.csv");
    let text = std::fs::read(&answers).unwrap();
    std::fs::write(&answers, "id,at\n1,2026-01-01 10:00:00\n").unwrap();
    let server = Server::over(folder, Some(Duration::from_hours(1))).await;
    let failing = until(&server, "answers", |source| source.health.status == "failing").await;
    assert!(failing.health.reason.starts_with("Its last import failed: "), "{:?}", failing.health);
    assert!(failing.health.reason.contains("email"), "the column that is missing: {:?}", failing.health);
    assert_eq!((failing.kind.as_str(), failing.watch, failing.expected_at), ("files", true, None), "it is watched all the time");
    let crm = until(&server, "crm", |source| source.last_import_at.is_some()).await;
    assert_ne!(crm.health.status, "failing", "nothing is wrong with the others");
    std::fs::write(&answers, text).unwrap();
    until(&server, "answers", |source| source.health.status != "failing" && source.last_import_at.is_some()).await;
    server.stop().await.0.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_that_fails_is_told_with_the_time_of_the_next() {
    // Nobody listens at port 1.
    let spec = json!({"postgres": {"url": "postgres://clew:hunter2@127.0.0.1:1/shop", "query": "SELECT id, at, kind, customer FROM orders WHERE id > $mark", "mark": "id"}, "every": "2h"});
    let folder = Server::start().await.stop().await.1;
    let server = Server::beside(folder, Some(Duration::from_hours(1)), support::rows("orders", spec)).await;
    let orders = until(&server, "orders", |source| source.health.status == "failing").await;
    assert!(orders.health.reason.starts_with("Its last import failed: "), "{:?}", orders.health);
    assert!(!orders.health.reason.contains("hunter2"), "{:?}", orders.health);
    let orders = until(&server, "orders", |source| source.expected_at.is_some()).await;
    let next: jiff::Timestamp = orders.expected_at.unwrap().parse().unwrap();
    let seconds = next.duration_since(jiff::Timestamp::now()).as_secs();
    assert!((6_900..=7_200).contains(&seconds), "its own interval, not that of the schedule: {seconds}");
    assert_eq!((orders.kind.as_str(), orders.stream, orders.live), ("postgres", None, None));
    server.stop().await.0.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_whose_broker_is_away_is_told_and_can_be_listened_to() {
    let spec = json!({"nats": {"url": "nats://127.0.0.1:1", "stream": "ORDERS"}});
    let folder = Server::start().await.stop().await.1;
    let server = Server::beside(folder, None, support::rows("orders", spec)).await;
    let orders = until(&server, "orders", |source| source.health.status == "failing").await;
    assert!(orders.health.reason.starts_with("Its stream is not followed now: "), "{:?}", orders.health);
    let stream = orders.stream.unwrap();
    assert_eq!((orders.kind.as_str(), stream.state.as_str(), stream.lag), ("nats", "retrying", None));
    assert_eq!((orders.live, orders.expected_at), (None, None), "nothing is sent to it, and nothing waits for a schedule");
    let _open = Events::open(&server, "?source=orders").await;
    assert_eq!(server.get("/api/v1/data/tail?source=crm").await.0, StatusCode::NOT_FOUND);
    server.stop().await.0.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_store_says_that_nothing_came_and_why_nothing_is_counted() {
    let server = Server::limited(Limits::default()).await;
    let page: wire::DataPage = read(&server, "/api/v1/data").await;
    assert_eq!(page.as_of, None);
    let health = |name: &str| page.sources.iter().find(|source| source.source == name).unwrap().health.reason.clone();
    assert_eq!((health("website").as_str(), health("crm").as_str()), ("Nothing was sent yet.", "Nothing was imported yet."));
    let detail: wire::SourceDetail = read(&server, "/api/v1/data/sources/website").await;
    assert_eq!((detail.volume.len(), detail.batches.len(), detail.alarms.len()), (0, 0, 0));
    assert_eq!(detail.source.live, Some(wire::LiveCounts::default()));
    let quality: wire::Quality = read(&server, "/api/v1/data/quality").await;
    assert!(quality.reason.is_some() && quality.fields.is_empty());
    server.stop().await.0.unwrap();
}

/// Server-sent events as they come.
struct Events {
    response: Response,
    text: String,
}

impl Events {
    async fn open(server: &Server, query: &str) -> Self {
        let request = server.bare(Method::GET, &format!("/api/v1/data/tail{query}")).bearer_auth(&server.token);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert!(response.headers()["content-type"].to_str().unwrap().starts_with("text/event-stream"));
        let mut events = Self { response, text: String::new() };
        assert_eq!(events.next().await, Some(("open".to_owned(), json!({}))));
        events
    }

    /// Name and data of the next event; none when the stream ends.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.text = rest;
                let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
                if let (Some(name), Some(data)) = (field("event:"), field("data:")) {
                    return Some((name.to_owned(), serde_json::from_str(data).unwrap()));
                }
                continue;
            }
            let chunk = tokio::time::timeout(Duration::from_secs(20), self.response.chunk()).await.expect("an event comes");
            self.text += std::str::from_utf8(&chunk.unwrap()?).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tail_tells_what_was_asked_for_and_masks_people() {
    let server = Server::limited(Limits::default()).await;
    let (website, hooks) = (server.key("website").await, server.key("hooks").await);
    let mut all = Events::open(&server, "").await;
    let mut refused = Events::open(&server, "?verdict=quarantined&values=shown").await;
    let mut rows = Events::open(&server, "?source=hooks").await;
    let batch = json!({"batch": [
        {"type": "track", "event": "Order Completed", "userId": "customer-17", "messageId": "m1"},
        {"type": "track", "userId": "customer-17", "messageId": "m2"},
    ]});
    let sent = server.bare(Method::POST, "/v1/batch").bearer_auth(&website).json(&batch);
    assert_eq!(answer(sent).await.0, StatusCode::OK);
    let row = server.bare(Method::POST, "/v1/sources/hooks").bearer_auth(&hooks).header("content-type", "text/csv");
    let sent = row.body("id,at,kind,customer\n7,2026-01-31T12:00:00Z,sold,customer-18\n");
    assert_eq!(answer(sent).await.0, StatusCode::OK);

    let line = |event: Option<(String, Value)>| {
        let (name, data) = event.unwrap();
        assert_eq!(name, "line");
        serde_json::from_value::<wire::TailLine>(data).unwrap()
    };
    let first = line(all.next().await);
    assert_eq!((first.source.as_str(), first.kind.as_deref(), first.verdict.as_str()), ("website", Some("track"), "stored"));
    assert_eq!((first.name.as_deref(), first.message_id.as_deref(), first.index), (Some("Order Completed"), Some("m1"), 0));
    assert_eq!((first.identifiers[0].kind.as_str(), first.identifiers[0].value.as_str()), ("user_id", "c•••"));
    assert!(first.size_bytes.is_some_and(|bytes| bytes > 50));
    let second = line(all.next().await);
    assert_eq!((second.verdict.as_str(), second.code.as_deref(), second.index), ("quarantined", Some("missing_value"), 1));
    assert!(second.detail.is_some_and(|detail| detail.contains("event")));
    assert_eq!(line(all.next().await).source, "hooks");

    let shown = line(refused.next().await);
    assert_eq!((shown.message_id.as_deref(), shown.identifiers[0].value.as_str()), (Some("m2"), "customer-17"));
    let row = line(rows.next().await);
    assert_eq!((row.kind.as_deref(), row.name.as_deref(), row.message_id.as_deref()), (Some("row"), Some("sold"), Some("7")));
    assert_eq!((row.size_bytes, row.identifiers[0].value.as_str()), (None, "c•••"));
    // Of many that come at once the rest is counted: by whoever asked for a verdict, those that have it.
    let mut messages: Vec<Value> =
        (0..203).map(|n| json!({"type": "track", "event": "e", "userId": "u", "messageId": format!("p{n}")})).collect();
    messages[201].as_object_mut().unwrap().remove("event");
    let sent = server.bare(Method::POST, "/v1/batch").bearer_auth(&website).json(&json!({"batch": messages}));
    assert_eq!(answer(sent).await.0, StatusCode::OK);
    assert_eq!(refused.next().await, Some(("passed".to_owned(), json!({"source": "website", "n": 1}))));

    for (query, status) in [
        ("?verdict=maybe", StatusCode::BAD_REQUEST),
        ("?values=all", StatusCode::BAD_REQUEST),
        ("?source=crm", StatusCode::NOT_FOUND),
    ] {
        assert_eq!(server.get(&format!("/api/v1/data/tail{query}")).await.0, status, "{query}");
    }
    server.stop().await.0.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn few_watch_at_once_and_none_holds_up_the_stop() {
    let server = Server::limited(Limits::default()).await;
    let mut watching = Vec::new();
    for _ in 0..clew_intake::live::MOST_LISTENERS {
        watching.push(Events::open(&server, "").await);
    }
    let request = server.bare(Method::GET, "/api/v1/data/tail").bearer_auth(&server.token);
    let response = request.send().await.unwrap();
    assert_eq!((response.status(), response.headers()["retry-after"].to_str().unwrap()), (StatusCode::TOO_MANY_REQUESTS, "10"));
    let since = Instant::now();
    server.stop().await.0.unwrap();
    assert!(since.elapsed() < Duration::from_secs(15), "{:?}", since.elapsed());
    assert_eq!(watching[0].next().await, None);
}

async fn tested(server: &Server, source: &str, mode: &str, call: &str, body: &str) -> wire::TestReport {
    let request = json!({"source": source, "mode": mode, "call": call, "body": body});
    let (status, report) = server.post("/api/v1/data/test", &request).await;
    assert_eq!(status, StatusCode::OK, "{report}");
    let read: wire::TestReport = serde_json::from_value(report.clone()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), report);
    read
}

fn way(report: &wire::TestReport) -> Vec<(&str, &str)> {
    report.steps.iter().map(|step| (step.step.as_str(), step.status.as_str())).collect()
}

async fn count(server: &Server, sql: &str) -> i64 {
    let (status, rows) = server.post("/api/v1/sql", &json!({"query": sql})).await;
    assert_eq!(status, StatusCode::OK, "{rows}");
    rows["rows"][0][0].as_i64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_stores_nothing_and_a_test_goes_the_whole_way() {
    let server = Server::limited(Limits::default()).await;
    let event = r#"{"event": "Clew Test", "userId": "u1", "messageId": "one"}"#;
    let checked = tested(&server, "website", "check", "track", event).await;
    let typed = [("received", "done"), ("decoded", "done"), ("typed", "done"), ("subject", "done")];
    assert_eq!(way(&checked), [&typed[..], &[("verdict", "open"), ("log", "open"), ("person", "open")]].concat());
    assert_eq!((checked.messages.accepted, checked.queries.len()), (1, 0));
    let fact = &checked.facts[0];
    assert_eq!(
        (fact.target.as_str(), &fact.columns["name"], &fact.columns["event_id"]),
        ("events", &json!("clew_test"), &json!("clew-test-one"))
    );
    assert_eq!(count(&server, "SELECT count(*) FROM events").await, 0);

    let sent = tested(&server, "website", "send", "track", event).await;
    assert_eq!(way(&sent), [&typed[..], &[("verdict", "done"), ("log", "done"), ("sql", "done"), ("person", "done")]].concat());
    let (_, found) = server.get("/api/v1/people?q=u1").await;
    assert_eq!(
        sent.facts[0].person_id.as_deref(),
        found["people"][0]["person_id"].as_str(),
        "whom the write path has decided on"
    );
    assert_eq!(sent.facts[0].subject, checked.facts[0].subject, "a check shows the subject that comes");
    let found = count(&server, &format!("SELECT count(*) FROM ({})", sent.queries[0])).await;
    assert_eq!(found, 1);
    let again = tested(&server, "website", "check", "track", event).await;
    assert!(again.steps[4].detail.contains("stored already"), "{:?}", again.steps);
    assert_eq!(tested(&server, "website", "send", "track", event).await.messages.duplicate, 1);

    let refused = tested(&server, "website", "send", "track", r#"{"userId": "u1"}"#).await;
    assert_eq!(way(&refused)[2], ("typed", "stopped"));
    assert!(refused.steps[2].detail.contains("event is missing"), "{:?}", refused.steps);
    assert_eq!(refused.messages.results[0].code.as_deref(), Some("missing_value"));
    let broken = tested(&server, "website", "send", "track", "{").await;
    assert_eq!(way(&broken), [("received", "done"), ("decoded", "stopped")]);

    let unfit = tested(&server, "hooks", "check", "csv", "id,when\n1,2\n").await;
    assert!(way(&unfit)[1] == ("decoded", "stopped") && unfit.steps[1].detail.contains("kind"), "{:?}", unfit.steps);
    let row = "id,at,kind,customer\n1,2026-01-31T12:00:00Z,sold,c1\n";
    let rows = tested(&server, "hooks", "send", "csv", row).await;
    assert_eq!((rows.messages.accepted, way(&rows).last().unwrap().0), (1, "person"));
    // What the source had before has vanished: its rows would wait in quarantine.
    let vanished = tested(&server, "hooks", "check", "csv", "id,when\n1,2\n").await;
    assert!(way(&vanished)[2] == ("typed", "stopped") && vanished.steps[2].detail.contains("kind"), "{:?}", vanished.steps);

    let (_, audit) = server.get("/api/v1/audit").await;
    assert_eq!(audit["holds"], true, "{audit}");
    let page: wire::DataPage = read(&server, "/api/v1/data").await;
    let website = page.sources.iter().find(|source| source.source == "website").unwrap();
    let live = website.live.unwrap();
    assert_eq!((live.accepted, live.duplicate, live.quarantined), (1, 1, 1), "a check is not counted");
    server.stop().await.0.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_that_cannot_be_meant_is_refused() {
    let server = Server::limited(Limits::default()).await;
    let post = async |source: &str, mode: &str, call: &str, body: String| {
        let request = json!({"source": source, "mode": mode, "call": call, "body": body});
        server.post("/api/v1/data/test", &request).await.0
    };
    let event = || r#"{"event": "x", "userId": "u"}"#.to_owned();
    assert_eq!(post("crm", "check", "track", event()).await, StatusCode::NOT_FOUND);
    assert_eq!(post("website", "store", "track", event()).await, StatusCode::BAD_REQUEST);
    assert_eq!(post("website", "check", "csv", event()).await, StatusCode::BAD_REQUEST);
    assert_eq!(post("hooks", "check", "track", event()).await, StatusCode::BAD_REQUEST);
    assert_eq!(post("website", "check", "track", "x".repeat((64 << 10) + 1)).await, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(server.post("/api/v1/data/test", &json!({"source": "website"})).await.0, StatusCode::BAD_REQUEST);
    server.stop().await.0.unwrap();
}
