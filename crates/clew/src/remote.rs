//! The `clew serve` that owns a store, as other commands see it: work handed over by HTTP.
//!
//! The address stands in the store's `LOCK`, the token beside it; both are readable by the owner of the files only, so that
//! whoever may write the store may also command its server. Work (import, run) is a job: it is started, then asked for
//! until it ends. A command that is stopped leaves the job running.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use clew_lake::Holder;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::cli::Format;
use crate::failure::refused;
use crate::output;
use crate::progress::Line;

/// Between two questions about a job.
const ASK_AGAIN: Duration = Duration::from_millis(250);
/// A server on the same machine answers within this, or is taken for dead.
const ANSWER: Duration = Duration::from_mins(1);
/// The server counts every fact for an audit, and stops after a quarter of an hour.
const AUDIT: Duration = Duration::from_mins(16);
/// Rows that one answer holds at most.
const MOST_ROWS: u32 = 10_000;

/// A running `clew serve`.
#[derive(Debug)]
pub struct Remote {
    client: reqwest::Client,
    root: String,
    token: String,
}

/// Work that the server does.
#[derive(Debug, Deserialize, Serialize)]
pub struct Job {
    job_id: String,
    kind: String,
    status: String,
    steps: Vec<JobStep>,
    error: Option<String>,
    /// The report of the finished work, as the command itself would print it.
    #[serde(default)]
    pub report: Option<Value>,
}

#[derive(Debug, Deserialize, Serialize)]
struct JobStep {
    step: String,
    status: String,
    rows: u64,
    seconds: f64,
}

impl Job {
    /// The report for people.
    pub fn table(&self) -> String {
        let mut text = String::new();
        for JobStep { step, status, rows, seconds } in &self.steps {
            text += &format!("{step:<24} {status:<8} {rows:>12} rows {seconds:>8.2} s\n");
        }
        text + &format!("{} {} done by `clew serve`\n", self.kind, self.job_id)
    }
}

/// Rows of a query.
#[derive(Debug, Deserialize)]
pub struct Rows {
    columns: Vec<Column>,
    /// Row by row.
    pub rows: Vec<Vec<Value>>,
    /// Whether there are more.
    pub truncated: bool,
}

#[derive(Debug, Deserialize)]
struct Column {
    name: String,
}

impl Rows {
    /// Prints them as `format`, to `out` or standard output.
    pub fn print(&self, format: Format, out: Option<&Path>) -> Result<()> {
        let text = match format {
            Format::Json => self.json_lines(),
            Format::Csv | Format::Parquet => self.csv(),
            Format::Table => self.table(),
        };
        match out {
            Some(path) => std::fs::write(path, text).with_context(|| format!("writing {}", path.display())),
            None => output::print(&text),
        }
    }

    fn json_lines(&self) -> String {
        let line = |row: &Vec<Value>| {
            let object: serde_json::Map<String, Value> =
                self.columns.iter().map(|column| column.name.clone()).zip(row.iter().cloned()).collect();
            Value::Object(object).to_string() + "\n"
        };
        self.rows.iter().map(line).collect()
    }

    fn csv(&self) -> String {
        let quoted = |text: String| {
            if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
        };
        let header = self.columns.iter().map(|column| quoted(column.name.clone())).collect::<Vec<_>>().join(",");
        let line = |row: &Vec<Value>| row.iter().map(|cell| quoted(plain(cell))).collect::<Vec<_>>().join(",");
        std::iter::once(header).chain(self.rows.iter().map(line)).map(|line| line + "\n").collect()
    }

    fn table(&self) -> String {
        let cells: Vec<Vec<String>> =
            self.rows.iter().take(output::TABLE_ROWS).map(|row| row.iter().map(plain).collect()).collect();
        let widths: Vec<usize> = self
            .columns
            .iter()
            .enumerate()
            .map(|(i, column)| {
                cells.iter().map(|row| row[i].chars().count()).chain([column.name.chars().count()]).max().unwrap_or(0)
            })
            .collect();
        let rule = format!("+{}+\n", widths.iter().map(|width| "-".repeat(width + 2)).collect::<Vec<_>>().join("+"));
        let line = |row: &mut dyn Iterator<Item = &str>| {
            let cells: Vec<String> = row.zip(&widths).map(|(cell, width)| format!(" {cell:<width$} ", width = *width)).collect();
            format!("|{}|\n", cells.join("|"))
        };
        let mut text = rule.clone() + &line(&mut self.columns.iter().map(|column| column.name.as_str())) + &rule;
        for row in &cells {
            text += &line(&mut row.iter().map(String::as_str));
        }
        let n = self.rows.len();
        text + &rule + &format!("{n} row{}\n", if n == 1 { "" } else { "s" })
    }
}

/// The token that `clew serve` left in the store.
fn read_token(store: &Path) -> Option<String> {
    let token = std::fs::read_to_string(store.join("token")).ok()?;
    Some(token.trim().to_owned()).filter(|token| !token.is_empty())
}

fn plain(cell: &Value) -> String {
    match cell {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

impl Remote {
    /// The server that holds `store`, if it serves and answers.
    pub async fn find(store: &Path, holder: &Holder) -> Option<Self> {
        let address = holder.address.as_deref()?;
        let token = read_token(store)?;
        let root =
            if address.starts_with("http") { address.trim_end_matches('/').to_owned() } else { format!("http://{address}") };
        let client = reqwest::Client::builder().timeout(ANSWER).no_proxy().build().ok()?;
        let remote = Self { client, root, token };
        remote.client.get(format!("{}/healthz", remote.root)).send().await.ok()?;
        Some(remote)
    }

    /// Where it serves.
    pub fn root(&self) -> &str {
        &self.root
    }

    /// Runs a query.
    pub async fn sql(&self, query: &str) -> Result<Rows> {
        self.post("sql", &json!({"query": query, "limit": MOST_ROWS})).await
    }

    /// Hands over `work` (`import` or `run`) and waits for its end.
    pub async fn work(&self, work: &str, order: &Value) -> Result<Job> {
        let job: Job = self.post(work, order).await?;
        self.follow(work, job).await
    }

    /// Waits for the end of `job`, which does `work`.
    pub async fn follow(&self, work: &str, mut job: Job) -> Result<Job> {
        let line = Line::new();
        while job.status == "queued" || job.status == "running" {
            if let Some(step) = job.steps.iter().find(|step| step.status == "running") {
                line.say(&format!("{} (by `clew serve`)", step.step));
            }
            tokio::time::sleep(ASK_AGAIN).await;
            job = self.answer(self.client.get(format!("{}/api/v1/jobs/{}", self.root, job.job_id))).await?;
        }
        line.clear();
        match job.error {
            Some(error) if job.status == "failed" => {
                Err(anyhow::anyhow!(error).context(format!("`clew serve` could not do the {work}")))
            }
            _ => Ok(job),
        }
    }

    /// Asks for `path`.
    pub async fn get<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.answer(self.client.get(format!("{}/api/v1/{path}", self.root))).await
    }

    /// Asks for `path` with parameters.
    pub async fn ask<T: serde::de::DeserializeOwned>(&self, path: &str, parameters: &[(&str, &String)]) -> Result<T> {
        self.answer(self.client.get(format!("{}/api/v1/{path}", self.root)).query(parameters)).await
    }

    /// Whether everything adds up.
    pub async fn audit<T: serde::de::DeserializeOwned>(&self) -> Result<T> {
        self.answer(self.client.get(format!("{}/api/v1/audit", self.root)).timeout(AUDIT)).await
    }

    /// Deletes `path`.
    pub async fn delete<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.answer(self.client.delete(format!("{}/api/v1/{path}", self.root))).await
    }

    /// Posts `body` to `path`.
    pub async fn post<T: serde::de::DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T> {
        self.answer(self.client.post(format!("{}/api/v1/{path}", self.root)).json(body)).await
    }

    async fn answer<T: serde::de::DeserializeOwned>(&self, request: reqwest::RequestBuilder) -> Result<T> {
        let server = || format!("asking the server at {}", self.root);
        let response = request.bearer_auth(&self.token).send().await.with_context(server)?;
        let status = response.status();
        let body = response.bytes().await.with_context(server)?;
        if status.is_success() {
            return serde_json::from_slice(&body).with_context(server);
        }
        let error: Value = serde_json::from_slice(&body).unwrap_or_default();
        let message = error["error"]["message"].as_str().map_or_else(|| format!("it answered {status}"), str::to_owned);
        // What a client did wrong is refused; what the server could not do is its fault.
        if status.is_client_error() { Err(refused(message)) } else { Err(anyhow::anyhow!(message).context(server())) }
    }
}
