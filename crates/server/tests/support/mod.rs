//! A small invented company behind a real server on a free port, and a client that speaks to it.
#![allow(dead_code, clippy::unwrap_used, reason = "each test binary uses its part")]

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clew_intake::{Defaults, Mapping, Source, Sources};
use clew_lake::{Lake, Options};
use clew_model::tables::Table;
use clew_pipeline::Definitions;
use clew_pipeline::definitions::{JourneyDefinition, Metric, Rules};
use clew_pipeline::online::OnlineIdentity;
use clew_server::{Config, Limits, Ready, ServeError, serve};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// People of the company.
pub const PEOPLE: usize = 40;
/// Answers a person gives.
pub const ANSWERS: usize = 6;

/// A running server.
pub struct Server {
    pub folder: TempDir,
    pub root: String,
    pub token: String,
    pub client: Client,
    stop: Option<oneshot::Sender<()>>,
    ended: JoinHandle<Result<(), ServeError>>,
}

impl Server {
    /// A server over a new store with the company's files; nothing is imported yet.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_files(folder.path());
        Self::over(folder, None).await
    }

    /// A server with live sources beside the files, of which strangers can take no more than `limits`.
    pub async fn limited(limits: Limits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_files(folder.path());
        Self::with(folder, None, limits, live_sources().into()).await
    }

    /// A new write key of `source`.
    pub async fn key(&self, source: &str) -> String {
        let (status, made) = self.post("/api/v1/keys", &json!({"source": source, "label": "test"})).await;
        assert_eq!(status, StatusCode::CREATED, "{made}");
        made["write_key"].as_str().unwrap().to_owned()
    }

    /// A server over the store in `folder`.
    pub async fn over(folder: TempDir, schedule: Option<Duration>) -> Self {
        Self::with(folder, schedule, Limits::default(), Vec::new()).await
    }

    /// A server over the store in `folder` with this source beside the company's files.
    pub async fn beside(folder: TempDir, schedule: Option<Duration>, source: Source) -> Self {
        Self::with(folder, schedule, Limits::default(), vec![source]).await
    }

    async fn with(folder: TempDir, schedule: Option<Duration>, limits: Limits, beside: Vec<Source>) -> Self {
        let store = folder.path().join(".clew");
        let mut options = Options { extensions: clew_pipeline::registry(), threads: 2, ..Options::default() };
        OnlineIdentity::new(&definitions().rules).unwrap().register(&mut options);
        let lake = Lake::open(&store, options).await.unwrap();
        let (tell, told) = oneshot::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let config = Config {
            listen: "127.0.0.1:0".parse().unwrap(),
            store: store.clone(),
            company: "Larkmoor".to_owned(),
            schedule,
            hosts: vec!["cx.example.org".to_owned()],
            limits,
            reload: None,
            ready: Box::new(move |ready: &Ready| tell.send(ready.clone()).unwrap()),
        };
        let shutdown = async move {
            let _ = stopped.await;
        };
        let mut sources = sources(folder.path());
        sources.sources.extend(beside);
        let ended = tokio::spawn(serve(lake, sources, definitions(), config, shutdown));
        let ready = told.await.unwrap();
        // A connection each: one that the server closes after a refusal must not be taken again.
        let client =
            Client::builder().no_proxy().pool_max_idle_per_host(0).redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let token = std::fs::read_to_string(store.join("token")).unwrap();
        Self { folder, root: format!("http://{}", ready.address), token, client, stop: Some(stop), ended }
    }

    /// A server whose company was imported and run.
    pub async fn full() -> Self {
        let server = Self::start().await;
        let (status, job) = server.post("/api/v1/import", &json!({"sources": [], "run": true})).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{job}");
        let job = server.wait(&job).await;
        assert_eq!(job["status"], "done", "{job}");
        server
    }

    /// Waits for the end of a job.
    pub async fn wait(&self, job: &Value) -> Value {
        let path = format!("/api/v1/jobs/{}", job["job_id"].as_str().unwrap());
        let mut pause = tokio::time::interval(Duration::from_millis(50));
        loop {
            pause.tick().await;
            let (_, job) = self.get(&path).await;
            if job["status"] == "done" || job["status"] == "failed" {
                return job;
            }
        }
    }

    /// A request without any credentials.
    pub fn bare(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.root))
    }

    /// GET with the token.
    pub async fn get(&self, path: &str) -> (StatusCode, Value) {
        answer(self.bare(Method::GET, path).bearer_auth(&self.token)).await
    }

    /// GET with the token and parameters.
    pub async fn ask(&self, path: &str, parameters: &[(&str, &str)]) -> (StatusCode, Value) {
        answer(self.bare(Method::GET, path).bearer_auth(&self.token).query(parameters)).await
    }

    /// POST with the token.
    pub async fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        answer(self.bare(Method::POST, path).bearer_auth(&self.token).json(body)).await
    }

    /// Stops the server and gives its folder back.
    pub async fn stop(mut self) -> (Result<(), ServeError>, TempDir) {
        self.stop.take().unwrap().send(()).unwrap();
        (self.ended.await.unwrap(), self.folder)
    }
}

/// Status and JSON body (null where it is none).
pub async fn answer(request: RequestBuilder) -> (StatusCode, Value) {
    let response = request.send().await.unwrap();
    let status = response.status();
    (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or(Value::Null))
}

/// The score of a person's n-th answer: known here, so that tests can count themselves.
pub fn score(person: usize, answer: usize) -> usize {
    (person * 7 + answer * 3) % 5 + 1
}

fn write_files(folder: &Path) {
    let names = ["Ada O'Brien", "Ben Carter", "Chloe Diaz", "Dan Evans"];
    let words = [
        "The delivery was late and nobody told me about the delay",
        "Great sofa and a very friendly driver",
        "The delivery came two weeks late; call me on +353 86 123 4567",
        "Support answered quickly and solved my problem",
    ];
    let mut events = String::from("id,at,name,channel,email,order,amount\n");
    let mut answers = String::from("id,at,email,score,comment,channel,order\n");
    let mut crm = String::from("id,name,email,phone,city\n");
    for person in 0..PEOPLE {
        let email = format!("p{person}@example.com");
        let _ = writeln!(crm, "c{person},{},{email},+353 86 {person:07},Dublin", names[person % names.len()]);
        for answer in 0..ANSWERS {
            let (month, day, order) = (answer % 6 + 1, person % 27 + 1, format!("o{person}-{answer}"));
            for (step, name) in ["product_viewed", "checkout_started", "order_placed", "order_delivered"].iter().enumerate() {
                if step == 3 && (person + answer) % 4 == 0 {
                    continue;
                }
                let amount = if step == 2 { "19.90" } else { "" };
                let channel = if person % 2 == 0 { "web" } else { "app" };
                let _ = writeln!(
                    events,
                    "{order}-{step},2026-{month:02}-{day:02} {:02}:00:00,{name},{channel},{email},{order},{amount}",
                    step + 8
                );
            }
            let comment = words[(person + answer) % words.len()];
            let channel = if answer % 2 == 0 { "email" } else { "web" };
            let _ = writeln!(
                answers,
                "a{person}-{answer},2026-{month:02}-{:02} 12:00:00,{email},{},\"{comment}\",{channel},{order}",
                day + 1,
                score(person, answer)
            );
        }
    }
    // What cannot be stored: no time that anybody could read.
    for number in 0..9 {
        let _ = writeln!(events, "bad{number},not a time,order_placed,web,p1@example.com,x,");
    }
    std::fs::write(folder.join("events.csv"), events).unwrap();
    std::fs::write(folder.join("answers.csv"), answers).unwrap();
    std::fs::write(folder.join("crm.csv"), crm).unwrap();
}

/// Two sources that take their facts over HTTP.
fn live_sources() -> [Source; 3] {
    let tracking = Source {
        name: "website".to_owned(),
        spec: serde_json::from_value(json!({"api": "tracking", "channel": "web"})).unwrap(),
        yaml_path: PathBuf::from("sources/website.yaml"),
        mappings: Vec::new(),
    };
    let stripe = rows("stripe", json!({"api": "rows", "signature": {"scheme": "stripe", "secret": "whsec_test"}}));
    [
        tracking,
        stripe,
        rows("hooks", json!({"api": "rows", "signature": {"header": "X-Sign", "prefix": "sha256=", "secret": "Jefe"}})),
    ]
}

/// A source of events that come as rows.
pub fn rows(name: &str, spec: Value) -> Source {
    let mapping = Mapping {
        target: Table::find("events").unwrap(),
        sql: "SELECT id, at AS occurred_at, kind AS name, 'store' AS channel, customer AS identifier_user_id FROM raw".to_owned(),
        path: PathBuf::from(format!("sources/{name}.events.sql")),
    };
    Source {
        name: name.to_owned(),
        spec: serde_json::from_value(spec).unwrap(),
        yaml_path: PathBuf::from(format!("sources/{name}.yaml")),
        mappings: vec![mapping],
    }
}

fn sources(folder: &Path) -> Sources {
    let source = |name: &str, target: &str, sql: &str| Source {
        name: name.to_owned(),
        spec: serde_json::from_value(json!({"files": format!("{name}.csv")})).unwrap(),
        yaml_path: PathBuf::from(format!("sources/{name}.yaml")),
        mappings: vec![Mapping {
            target: Table::find(target).unwrap(),
            sql: sql.to_owned(),
            path: PathBuf::from(format!("sources/{name}.{target}.sql")),
        }],
    };
    Sources {
        dir: folder.to_owned(),
        defaults: Defaults {
            timezone: Some("Europe/Dublin".to_owned()),
            language: Some("en".to_owned()),
            currency: Some("EUR".to_owned()),
            ..Defaults::default()
        },
        rules: Rules::default(),
        sources: vec![
            source(
                "answers",
                "responses",
                "SELECT id, at AS answered_at, 'order' AS survey, 'satisfaction' AS question, 'csat' AS kind, score, 1 AS scale_min, 5 AS scale_max, \
                 comment AS text, channel, 'customer' AS respondent, email AS identifier_email, \"order\" AS about_reference FROM raw",
            ),
            source(
                "crm",
                "records",
                "SELECT id, 'person' AS kind, name AS full_name, make_array(email, CAST(NULL AS VARCHAR)) AS emails, make_array(phone) AS phones, city, \
                 email AS identifier_email, phone AS identifier_phone FROM raw",
            ),
            source(
                "events",
                "events",
                "SELECT id, at AS occurred_at, name, channel, email AS identifier_email, \"order\" AS reference, amount, 'EUR' AS currency FROM raw",
            ),
        ],
    }
}

fn definitions() -> Definitions {
    let metrics: Vec<Metric> = serde_json::from_value(json!([
        {"name": "order_csat", "kind": "csat", "survey": "order", "question": "satisfaction", "slices": ["channel"], "target": 0.8, "drivers": {}},
        {"name": "nobody_asked", "kind": "nps", "survey": "none"}
    ]))
    .unwrap();
    let journey: JourneyDefinition = serde_json::from_value(json!({"stages": [{"name": "consideration"}, {"name": "purchase"}, {"name": "retention"}],
        "journeys": [{"name": "customer", "gap": "20d"},
        {"name": "order", "scope": "order", "from": {"events": ["product_viewed"]}, "to": {"events": ["order_delivered"]}, "within": "7d"}]}))
    .unwrap();
    Definitions {
        timezone: "Europe/Dublin".to_owned(),
        currency: Some("EUR".to_owned()),
        language: Some("en".to_owned()),
        value_events: vec!["order_placed".to_owned()],
        rules: Rules::default(),
        journey,
        metrics,
        seed: 1,
    }
}
