//! Quarantine over HTTP: what is open, what a replay would do and does, what was decided.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use support::{Server, answer};

const PATH: &str = "/api/v1/data/quarantine";

async fn count(server: &Server, state: &str) -> u64 {
    server.ask(PATH, &[("state", state)]).await.1["total"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_repaired_once_and_the_list_tells_what_came_of_them() {
    let server = Server::full().await;
    let (_, page) = server.ask(PATH, &[("target", "events"), ("limit", "2")]).await;
    assert_eq!((page["total"].clone(), page["items"][0]["repair"].clone()), (json!(9), Value::Null), "{page}");
    assert_eq!(server.ask(PATH, &[("target", "rows")]).await.1["total"], 0);
    assert_eq!((count(&server, "open").await, count(&server, "closed").await), (9, 0));
    assert_eq!(server.ask(PATH, &[("state", "ajar")]).await.0, StatusCode::BAD_REQUEST);

    let row = &page["items"][0];
    let id = row["quarantine_id"].as_str().unwrap();
    let raw = row["raw"].as_str().unwrap().replace("not a time", "2026-02-03 10:00:00");
    let mut body = json!({"which": {"ids": [id]}, "edits": {id: raw}, "dry_run": true});
    let (status, told) = server.post("/api/v1/data/replay", &body).await;
    assert_eq!((status, &told["sources"][0]["outcomes"]["stored"]), (StatusCode::OK, &json!(1)), "{told}");
    assert_eq!((&told["dry_run"], &told["sources"][0]["batch"]), (&json!(true), &Value::Null));
    assert_eq!(told["sources"][0]["examples"][0]["raw"], Value::Null, "not unless asked");
    assert_eq!(count(&server, "open").await, 9);
    body["dry_run"] = json!(false);
    let (_, done) = server.post("/api/v1/data/replay", &body).await;
    assert_eq!(done["sources"][0]["outcomes"], told["sources"][0]["outcomes"]);
    assert_eq!(done["sources"][0]["batch"], "events/replay-1");
    let (_, again) = server.post("/api/v1/data/replay", &body).await;
    assert_eq!(again["sources"], json!([]), "it is closed");

    let (_, closed) = server.ask(PATH, &[("state", "closed")]).await;
    let repair = &closed["items"][0]["repair"];
    assert_eq!(
        (&repair["outcome"], &repair["edited"], &repair["decided_by"]),
        (&json!("stored"), &json!(true), &json!("cockpit"))
    );
    let (_, refused) = server.post("/api/v1/data/replay", &json!({"which": {"source": "events"}})).await;
    assert_eq!(refused["sources"][0]["outcomes"]["quarantined"], 8);
    assert_eq!(refused["sources"][0]["reasons"][0]["reason"], "invalid_time");
    assert!(!refused.to_string().contains("p1@example.com"), "words, no values: {refused}");
    let (_, open) = server.ask(PATH, &[("state", "open"), ("limit", "1")]).await;
    assert_eq!(open["items"][0]["repair"]["outcome"], "quarantined", "tried and still open");

    let discard =
        json!({"which": {"source": "events", "reason": "invalid_time"}, "reason": "a till without a clock", "decided_by": "ann"});
    let (status, said) = server.post("/api/v1/data/discard", &discard).await;
    assert_eq!((status, &said["sources"][0]["outcomes"]["discarded"]), (StatusCode::OK, &json!(8)), "{said}");
    assert_eq!((count(&server, "open").await, count(&server, "closed").await), (0, 9));
    let (_, audit) = server.get("/api/v1/audit").await;
    let events = audit["sources"].as_array().unwrap().iter().find(|source| source["source"] == "events").unwrap();
    assert_eq!(
        (&audit["holds"], &events["open"], &events["repaired"], &events["discarded"]),
        (&json!(true), &json!(0), &json!(1), &json!(8))
    );
    // The page of sources shows what is open.
    let (_, data) = server.get("/api/v1/data").await;
    assert!(data["sources"].as_array().unwrap().iter().all(|source| source["quarantine"] == json!([])), "{data}");
    server.stop().await.0.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_meant_is_refused_and_nobody_else_may_ask() {
    let server = Server::full().await;
    for (path, body, words) in [
        ("replay", json!({"which": {"ids": ["nothing"]}}), "has no row nothing"),
        ("replay", json!({"which": {"source": "event"}}), "did you mean events?"),
        ("replay", json!({"which": {"target": "people"}}), "people is no target"),
        ("replay", json!({"whom": {}}), "unknown field"),
        ("replay", json!({"examples": 1000}), "examples"),
        ("discard", json!({"which": {"source": "events"}}), "needs a reason"),
        ("discard", json!({"reason": "all of it"}), "which rows"),
    ] {
        let (status, said) = server.post(&format!("/api/v1/data/{path}"), &body).await;
        assert_eq!((status, &said["error"]["code"]), (StatusCode::BAD_REQUEST, &json!("invalid")), "{body}: {said}");
        assert!(said["error"]["message"].as_str().unwrap().contains(words), "{said}");
    }
    for path in ["replay", "discard"] {
        let bare = server.bare(Method::POST, &format!("/api/v1/data/{path}")).json(&json!({"reason": "x"}));
        assert_eq!(answer(bare).await.0, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(count(&server, "open").await, 9);
    server.stop().await.0.unwrap();
}
