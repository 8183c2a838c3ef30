//! What the server says about itself: one log line and one count a request, `/metrics` in Prometheus' text format.
//!
//! A log line holds method, route template, status, milliseconds and the request id, never a path, a query or a body: these
//! may name people. The id goes to the client in `x-request-id` and into every error body, by a task-local so that no handler
//! has to carry it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::Response;

use clew_intake::live::Door;
use clew_intake::stream::{State as StreamState, StreamHealth};
use clew_lake::Lake;
use clew_pipeline::online::OnlineIdentity;

use crate::app::App;

tokio::task_local! {
    static REQUEST_ID: String;
}

/// Upper bounds of the latency histogram, seconds.
const BOUNDS: [f64; 10] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0];

/// The id of the request at work; `none` outside of one.
pub fn request_id() -> String {
    REQUEST_ID.try_with(Clone::clone).unwrap_or_else(|_| "none".to_owned())
}

/// A new id, thirteen characters.
pub fn new_id() -> String {
    let mut bytes = [0; 8];
    // An id that repeats is a nuisance in a log, not a fault: without randomness it is all zeros.
    let _ = getrandom::fill(&mut bytes);
    clew_model::id::Base32::of(u64::from_le_bytes(bytes)).to_string()
}

/// Gives the request its id, counts it and logs it.
pub async fn watch(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let id = new_id();
    let method = request.method().to_string();
    let route = request.extensions().get::<MatchedPath>().map_or_else(|| "(page)".to_owned(), |path| path.as_str().to_owned());
    let started = Instant::now();
    let mut response = REQUEST_ID.scope(id.clone(), next.run(request)).await;
    let seconds = started.elapsed().as_secs_f64();
    let status = response.status().as_u16();
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-request-id", value);
    }
    let ms = (seconds * 1000.0).round();
    tracing::info!(%method, %route, status, ms, request_id = %id, "request");
    app.counters.request(method, route, status, seconds);
    response
}

/// Counts since the start of the process.
#[derive(Debug, Default)]
pub struct Counters {
    requests: Mutex<BTreeMap<(String, String, u16), u64>>,
    latencies: Mutex<BTreeMap<String, Latency>>,
    jobs: Mutex<BTreeMap<(&'static str, &'static str), u64>>,
    rows: AtomicU64,
    cache_hits: AtomicU64,
    cache_misses: AtomicU64,
}

#[derive(Debug, Default)]
struct Latency {
    within: [u64; BOUNDS.len()],
    n: u64,
    sum: f64,
}

impl Counters {
    fn request(&self, method: String, route: String, status: u16, seconds: f64) {
        let mut latencies = self.latencies.lock().expect("no counter panics");
        let latency = latencies.entry(route.clone()).or_default();
        latency.n += 1;
        latency.sum += seconds;
        for (bound, within) in BOUNDS.iter().zip(&mut latency.within) {
            *within += u64::from(seconds <= *bound);
        }
        drop(latencies);
        *self.requests.lock().expect("no counter panics").entry((method, route, status)).or_default() += 1;
    }

    /// A query's result was in the cache, or not.
    pub fn cache(&self, hit: bool) {
        let counter = if hit { &self.cache_hits } else { &self.cache_misses };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// A job ended.
    pub fn job(&self, kind: &'static str, status: &'static str) {
        *self.jobs.lock().expect("no counter panics").entry((kind, status)).or_default() += 1;
    }

    /// Rows were stored by an import or written by a step.
    pub fn rows(&self, rows: u64) {
        self.rows.fetch_add(rows, Ordering::Relaxed);
    }

    /// All counts in Prometheus' text format 0.0.4.
    pub fn text(&self) -> String {
        let mut text = String::from(
            "# HELP clew_requests_total Requests by method, route and status.\n# TYPE clew_requests_total counter\n",
        );
        for ((method, route, status), n) in self.requests.lock().expect("no counter panics").iter() {
            let _ = writeln!(text, "clew_requests_total{{method=\"{method}\",route=\"{route}\",status=\"{status}\"}} {n}");
        }
        text += "# HELP clew_request_seconds Time to answer by route.\n# TYPE clew_request_seconds histogram\n";
        for (route, latency) in self.latencies.lock().expect("no counter panics").iter() {
            for (bound, within) in BOUNDS.iter().zip(latency.within) {
                let _ = writeln!(text, "clew_request_seconds_bucket{{route=\"{route}\",le=\"{bound}\"}} {within}");
            }
            let _ = writeln!(text, "clew_request_seconds_bucket{{route=\"{route}\",le=\"+Inf\"}} {}", latency.n);
            let _ = writeln!(text, "clew_request_seconds_sum{{route=\"{route}\"}} {}", latency.sum);
            let _ = writeln!(text, "clew_request_seconds_count{{route=\"{route}\"}} {}", latency.n);
        }
        text += "# HELP clew_jobs_total Jobs that ended, by kind and status.\n# TYPE clew_jobs_total counter\n";
        for ((kind, status), n) in self.jobs.lock().expect("no counter panics").iter() {
            let _ = writeln!(text, "clew_jobs_total{{kind=\"{kind}\",status=\"{status}\"}} {n}");
        }
        for (name, help, counter) in [
            ("clew_rows_total", "Rows stored by imports and written by steps.", &self.rows),
            ("clew_cache_hits_total", "Queries answered from the cache.", &self.cache_hits),
            ("clew_cache_misses_total", "Queries that were run.", &self.cache_misses),
        ] {
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} counter\n{name} {}", counter.load(Ordering::Relaxed));
        }
        text
    }
}

/// Numbers about live sources: what became of their messages, what waits, how long appends take, what is not sealed yet.
pub fn door(door: &Door, lake: &Lake) -> String {
    let mut text = String::from(
        "# HELP clew_messages_total Messages of live sources by what became of them.\n# TYPE clew_messages_total counter\n",
    );
    for source in door.sources() {
        let counts = source.counts();
        for (status, n) in [
            ("accepted", counts.accepted),
            ("duplicate", counts.duplicate),
            ("quarantined", counts.quarantined),
            ("rejected", counts.rejected),
            ("skipped", counts.skipped),
        ] {
            let _ = writeln!(text, "clew_messages_total{{source=\"{}\",status=\"{status}\"}} {n}", source.name());
        }
    }
    let load = door.load();
    let unsealed: u64 = lake.tables().iter().map(|table| table.unsealed_rows).sum();
    let lag = lake.seal_lag();
    text += &format!(
        "# HELP clew_door_bytes Bytes of bodies that wait or are at work.\n# TYPE clew_door_bytes gauge\nclew_door_bytes {}\n\
         # HELP clew_door_budget_bytes The most that they may be.\n# TYPE clew_door_budget_bytes gauge\nclew_door_budget_bytes {}\n\
         # HELP clew_append_seconds Seconds that chunks of live sources took from queue to disk.\n# TYPE clew_append_seconds summary\n\
         clew_append_seconds_sum {}\nclew_append_seconds_count {}\n\
         # HELP clew_unsealed_rows Rows that are in the log and not yet in a table.\n# TYPE clew_unsealed_rows gauge\nclew_unsealed_rows {unsealed}\n\
         # HELP clew_seal_lag_seconds How long the oldest append that is not sealed has been waiting.\n# TYPE clew_seal_lag_seconds gauge\n\
         clew_seal_lag_seconds {:.3}\n",
        load.bytes,
        load.budget,
        load.seconds,
        load.appends,
        lag.as_secs_f64(),
    );
    text
}

/// Numbers about sources that follow a stream: whether they do, where they stand, what waits at the broker, what went wrong.
pub fn streams(health: &[StreamHealth]) -> String {
    let mut text = String::new();
    if health.is_empty() {
        return text;
    }
    let mut family = |name: &str, kind: &str, help: &str, samples: Vec<(String, i64)>| {
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value) in samples {
            let _ = writeln!(text, "{name}{{{labels}}} {value}");
        }
    };
    let of_source = |value: &dyn Fn(&StreamHealth) -> Option<i64>| {
        let sample = |one: &StreamHealth| Some((format!("source=\"{}\",broker=\"{}\"", one.source, one.broker), value(one)?));
        health.iter().filter_map(sample).collect::<Vec<_>>()
    };
    let states = health.iter().flat_map(|one| {
        let sample = |state: StreamState| {
            let labels = format!("source=\"{}\",broker=\"{}\",state=\"{}\"", one.source, one.broker, state.as_str());
            (labels, i64::from(one.state == state))
        };
        StreamState::ALL.map(sample)
    });
    family("clew_stream_state", "gauge", "What a source that follows a stream is doing: 1 for its state.", states.collect());
    let since = of_source(&|one| one.connected_since.map(|micros| micros / 1_000_000));
    family("clew_stream_connected_since_seconds", "gauge", "Since when it has been connected, Unix time.", since);
    // Names of streams and topics are words that need no escape: `clew check` sees to it.
    let lines = health.iter().flat_map(|one| {
        one.lines.iter().map(move |(line, health)| (format!("source=\"{}\",line=\"{line}\"", one.source), *health))
    });
    let (next, lag): (Vec<_>, Vec<_>) =
        lines.map(|(labels, line)| ((labels.clone(), line.next as i64), line.lag.map(|lag| (labels, lag as i64)))).unzip();
    family("clew_stream_next_offset", "gauge", "The first offset of a line that is not stored.", next);
    family("clew_stream_lag", "gauge", "Messages that wait at the broker, as it said last.", lag.into_iter().flatten().collect());
    let errors = of_source(&|one| Some(one.errors as i64));
    family("clew_stream_errors_total", "counter", "Errors while following.", errors);
    let notices = of_source(&|one| Some(one.noticed as i64));
    family("clew_stream_notices_total", "counter", "Streams made anew or restored, and messages lost at the broker.", notices);
    text
}

/// Numbers about who is who until the next run: time spent in the write path, what waits for a run, what the last one corrected.
pub fn online(lake: &Lake) -> String {
    let Some(online) = OnlineIdentity::of(lake) else { return String::new() };
    let load = lake.hook_load();
    format!(
        "# HELP clew_online_seconds Seconds spent in the write path on whose new subjects are, and subjects decided about.\n\
         # TYPE clew_online_seconds summary\nclew_online_seconds_sum {}\nclew_online_seconds_count {}\n\
         # HELP clew_online_waiting_subjects Subjects that were decided about since the last run.\n# TYPE clew_online_waiting_subjects gauge\n\
         clew_online_waiting_subjects {}\n\
         # HELP clew_online_deferred_rows_total Rows whose subjects were left to the next run: of imports, of bulk chunks, while too many wait for it, and after a fault of the index.\n\
         # TYPE clew_online_deferred_rows_total counter\nclew_online_deferred_rows_total {}\n\
         # HELP clew_provisional_people People that no run has seen yet.\n# TYPE clew_provisional_people gauge\nclew_provisional_people {}\n\
         # HELP clew_online_corrections Subjects of which the last run of this process corrected what was shown.\n\
         # TYPE clew_online_corrections gauge\nclew_online_corrections {}\n",
        load.seconds,
        load.decided,
        load.recent,
        load.deferred_rows,
        online.provisional_people(),
        online.corrections(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_shows_its_state_and_where_it_stands() {
        let line = clew_intake::stream::LineHealth { next: 8, lag: Some(3), stored_at: None };
        let health = StreamHealth {
            source: "orders".into(),
            broker: "kafka".into(),
            state: StreamState::Retrying,
            lines: [("kafka:orders/0".to_owned(), line)].into_iter().collect(),
            errors: 2,
            ..StreamHealth::default()
        };
        let text = streams(&[health]);
        for sample in [
            "clew_stream_state{source=\"orders\",broker=\"kafka\",state=\"retrying\"} 1\n",
            "clew_stream_state{source=\"orders\",broker=\"kafka\",state=\"following\"} 0\n",
            "clew_stream_next_offset{source=\"orders\",line=\"kafka:orders/0\"} 8\n",
            "clew_stream_lag{source=\"orders\",line=\"kafka:orders/0\"} 3\n",
            "clew_stream_errors_total{source=\"orders\",broker=\"kafka\"} 2\n",
        ] {
            assert!(text.contains(sample), "{sample} in {text}");
        }
        assert!(!text.contains("clew_stream_connected_since_seconds{"), "it is not connected");
        assert_eq!(streams(&[]), "");
    }

    #[test]
    fn buckets_are_cumulative() {
        let counters = Counters::default();
        for seconds in [0.001, 0.2, 100.0] {
            counters.request("GET".into(), "/x".into(), 200, seconds);
        }
        let text = counters.text();
        assert!(text.contains("clew_request_seconds_bucket{route=\"/x\",le=\"0.005\"} 1\n"));
        assert!(text.contains("clew_request_seconds_bucket{route=\"/x\",le=\"30\"} 2\n"));
        assert!(text.contains("clew_request_seconds_bucket{route=\"/x\",le=\"+Inf\"} 3\n"));
        assert!(text.contains("clew_requests_total{method=\"GET\",route=\"/x\",status=\"200\"} 3\n"));
    }
}
