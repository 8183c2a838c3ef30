//! Work in the background, the schedule, and stopping.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::time::Duration;

use clew_lake::{Lake, Options};
use reqwest::StatusCode;
use serde_json::json;
use support::{PEOPLE, Server};

#[tokio::test(flavor = "multi_thread")]
async fn one_job_works_at_a_time_and_tells_how_it_goes_on() {
    let server = Server::start().await;
    let (status, job) = server.post("/api/v1/import", &json!({"sources": [], "run": true})).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{job}");
    let (status, busy) = server.post("/api/v1/run", &json!({"only": null, "full": false})).await;
    assert_eq!((status, &busy["error"]["code"]), (StatusCode::CONFLICT, &json!("busy")));
    assert_eq!(busy["error"]["details"]["job_id"], job["job_id"]);
    assert_eq!(server.get("/api/v1/meta").await.1["job"]["job_id"], job["job_id"]);
    let done = server.wait(&job).await;
    let steps: Vec<&str> = done["steps"].as_array().unwrap().iter().map(|step| step["step"].as_str().unwrap()).collect();
    assert_eq!(steps, ["answers", "crm", "events", "identity", "profiles", "journeys", "metrics", "voice", "drivers"], "{done}");
    assert!(done["steps"].as_array().unwrap().iter().all(|step| step["status"] == "done"));
    assert!(done["report"]["sources"].is_array() && done["finished_at"].is_string() && done["progress"] == 1.0);

    // The same files again: nothing new.
    let (_, again) = server.post("/api/v1/import", &json!({"sources": ["crm"], "run": false})).await;
    let again = server.wait(&again).await;
    let targets = &again["report"]["sources"][0]["files"][0]["targets"]["records"];
    assert_eq!((targets["stored"].clone(), targets["duplicate"].clone()), (json!(0), json!(PEOPLE)), "{again}");
    let (_, run) = server.post("/api/v1/run", &json!({"only": "metrics", "full": true})).await;
    let run = server.wait(&run).await;
    assert_eq!((run["status"].clone(), run["report"]["steps"][0]["mode"].clone()), (json!("done"), json!("full")), "{run}");
    assert_eq!(server.get("/api/v1/runs").await.1["runs"].as_array().unwrap().len(), 2);
    server.stop().await.0.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_fails_says_why_and_makes_room() {
    let server = Server::start().await;
    std::fs::remove_file(server.folder.path().join("crm.csv")).unwrap();
    let (_, job) = server.post("/api/v1/import", &json!({"sources": ["crm"], "run": true})).await;
    let job = server.wait(&job).await;
    assert_eq!(job["status"], "failed");
    assert!(job["error"].as_str().unwrap().contains("crm.csv"), "{job}");
    let (status, job) = server.post("/api/v1/run", &json!({})).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{job}");
    server.wait(&job).await;
    server.stop().await.0.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_waits_for_the_job_and_seals_everything() {
    let server = Server::start().await;
    let root = server.root.clone();
    server.post("/api/v1/import", &json!({"sources": [], "run": true})).await;
    let (ended, folder) = server.stop().await;
    ended.unwrap();
    assert!(reqwest::Client::builder().no_proxy().build().unwrap().get(root).send().await.is_err(), "nobody listens any more");
    let store = folder.path().join(".clew");
    // The store is free again, and what the job did is sealed: the read-only look sees all of it.
    let sealed =
        Lake::open_sealed(&store, Options { extensions: clew_pipeline::registry(), ..Options::default() }).await.unwrap();
    assert!(sealed.version("events").is_some() && sealed.version("drivers").is_some());
    let lake = Lake::open(&store, Options { extensions: clew_pipeline::registry(), ..Options::default() }).await.unwrap();
    lake.close().await.unwrap();
    // A server over a full store starts with its token and waits for the schedule.
    let token = std::fs::read_to_string(store.join("token")).unwrap();
    let server = Server::over(folder, Some(Duration::from_hours(1))).await;
    assert_eq!(server.token, token);
    let (_, meta) = server.get("/api/v1/meta").await;
    assert!(meta["next_run_at"].is_string() && meta["job"].is_null() && meta["last_run"]["status"] == "done", "{meta}");
    server.stop().await.0.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schedule_fills_an_empty_store_at_once() {
    let folder = Server::start().await.stop().await.1;
    let server = Server::over(folder, Some(Duration::from_hours(1))).await;
    let mut pause = tokio::time::interval(Duration::from_millis(50));
    while server.get("/api/v1/meta").await.1["last_run"].is_null() || !server.get("/api/v1/meta").await.1["job"].is_null() {
        pause.tick().await;
    }
    assert_eq!(server.get("/api/v1/people").await.1["total"], PEOPLE);
    server.stop().await.0.unwrap();
}
