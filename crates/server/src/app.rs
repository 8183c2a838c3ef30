//! What every request shares: the lake, the project's definitions, limits, the cache, the jobs.
//!
//! A page asks [`App::rows`] with the text of a query and gets typed rows. Every query has a limit of time, of memory (the
//! lake's pool) and of how many run at once; its result is kept until the store changes.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::Pin;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clew_intake::Sources;
use clew_intake::live::Door;
use clew_intake::stream::Streams;
use clew_lake::Lake;
use clew_model::tables::Table;
use clew_pipeline::Definitions;
use datafusion::prelude::SessionContext;
use jiff::tz::TimeZone;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::auth::Auth;
use crate::cache::{Batches, Cache};
use crate::connections::Limits;
use crate::error::{ApiError, Kind};
use crate::failures::Failures;
use crate::feeds::Turns;
use crate::jobs::Jobs;
use crate::json;
use crate::keys::WriteKeys;
use crate::logs::Logs;
use crate::observe::Counters;

/// A query that takes longer is stopped.
pub const QUERY_SECONDS: u64 = 30;
/// Queries that run at once; further ones wait.
const QUERIES_AT_ONCE: usize = 8;
/// A query that waits longer than this is refused.
const WAIT_SECONDS: u64 = 10;

/// Reads the sources of the project anew, or says why they cannot be used.
pub struct Reload(pub Box<dyn Fn() -> Result<Sources, String> + Send + Sync>);

impl std::fmt::Debug for Reload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reload")
    }
}

/// What every request shares.
#[derive(Debug)]
pub struct App {
    /// The store.
    pub lake: Lake,
    /// The project's sources as the server began with them; live sources and the schedule stay with these.
    pub sources: Sources,
    /// The project's sources as they are now, for work that is asked for; `None`: as the server began with them.
    pub reload: Option<Reload>,
    /// The project's definitions.
    pub definitions: Definitions,
    /// The project's zone.
    pub zone: TimeZone,
    /// Name of the company.
    pub company: String,
    /// Host names under which the server may be addressed, beside `localhost` and addresses.
    pub hosts: Vec<String>,
    /// Who may ask.
    pub auth: Auth,
    /// Who may write to live sources.
    pub keys: WriteKeys,
    /// Where live sources come in.
    pub door: Door,
    /// The sources that follow a stream.
    pub streams: Streams,
    /// What strangers may take of the server.
    pub limits: Limits,
    /// Work in the background.
    pub jobs: Jobs,
    /// Who reads which source.
    pub turns: Turns,
    /// Feeds that bring what was there when the server started, or pull.
    pub feeding: AtomicUsize,
    /// Why sources could not be read the last time.
    pub failures: Failures,
    /// When each feed that pulls asks its system next, UTC microseconds; none while it does.
    pub next_pulls: Mutex<BTreeMap<String, i64>>,
    /// Numbers about the server itself.
    pub counters: Counters,
    /// When the schedule looks next, UTC microseconds.
    pub next_run: Mutex<Option<i64>>,
    /// Logs of events, kept between questions.
    pub logs: Logs,
    cache: Cache,
    queries: Semaphore,
}

impl App {
    /// An app over `lake`.
    pub fn new(
        lake: Lake,
        sources: Sources,
        definitions: Definitions,
        zone: TimeZone,
        (auth, keys): (Auth, WriteKeys),
        limits: Limits,
    ) -> Self {
        let door = Door::open(&lake, &sources, limits.door_bytes);
        let streams = Streams::start(&door, &sources);
        Self {
            keys,
            door,
            streams,
            limits,
            lake,
            sources,
            reload: None,
            definitions,
            zone,
            company: String::new(),
            hosts: Vec::new(),
            auth,
            jobs: Jobs::default(),
            turns: Turns::default(),
            feeding: AtomicUsize::new(0),
            failures: Failures::default(),
            next_pulls: Mutex::default(),
            counters: Counters::default(),
            next_run: Mutex::new(None),
            logs: Logs::default(),
            cache: Cache::default(),
            queries: Semaphore::new(QUERIES_AT_ONCE),
        }
    }

    /// The project's sources as they are now.
    pub fn sources_now(&self) -> Result<Sources, String> {
        self.reload.as_ref().map_or_else(|| Ok(self.sources.clone()), |Reload(read)| read())
    }

    /// When the schedule looks next.
    pub fn next_run_at(&self) -> Option<String> {
        self.next_run.lock().expect("no holder panics").and_then(json::instant)
    }

    /// When the feed of `source` asks its system next.
    pub fn next_pull_at(&self, source: &str) -> Option<String> {
        self.next_pulls.lock().expect("no holder panics").get(source).copied().and_then(json::instant)
    }

    /// Whether the messages of `source` come one by one, over HTTP or from a stream; others are read.
    pub fn is_sent(&self, source: &str) -> bool {
        self.door.sources().iter().any(|sent| sent.name() == source)
    }

    /// A session whose scans decode a column only where the filters before it hold: most pages pick few rows of many.
    pub fn session(&self) -> SessionContext {
        let session = self.lake.session();
        session.state_ref().write().table_options_mut().parquet.global.pushdown_filters = true;
        session
    }

    /// What the store holds now: changes whenever a fact is stored or a derived table is written.
    pub async fn snapshot(&self) -> Result<u64, ApiError> {
        let mut hasher = DefaultHasher::new();
        self.lake.offset().hash(&mut hasher);
        // A run's answer takes over from that of the write path when no table changes any more, and is shown a moment after it is stored.
        self.lake.hook_loads().hash(&mut hasher);
        for table in Table::all() {
            self.lake.version(table.name).await?.hash(&mut hasher);
        }
        Ok(hasher.finish())
    }

    /// The result of a query.
    pub async fn batches(&self, sql: &str) -> Result<Batches, ApiError> {
        let snapshot = self.snapshot().await?;
        if let Some(kept) = self.cache.find(snapshot, sql) {
            self.counters.cache(true);
            return Ok(kept);
        }
        self.counters.cache(false);
        // Boxed: the engine's future is large, and a page asks many queries.
        let work: Pin<Box<dyn Future<Output = Result<Batches, ApiError>> + Send>> =
            Box::pin(async { Ok(Arc::new(self.session().sql(sql).await?.collect().await?)) });
        let batches = self.limited(work).await?;
        self.cache.keep(snapshot, sql, &batches);
        Ok(batches)
    }

    /// Does `work` as soon as not too many others do, within the limit of time.
    pub async fn limited<T>(&self, work: impl Future<Output = Result<T, ApiError>>) -> Result<T, ApiError> {
        self.limited_to(QUERY_SECONDS, work).await
    }

    /// The same, for what may take longer.
    pub async fn limited_to<T>(&self, seconds: u64, work: impl Future<Output = Result<T, ApiError>>) -> Result<T, ApiError> {
        let waited = timeout(Duration::from_secs(WAIT_SECONDS), self.queries.acquire()).await;
        let _permit = waited
            .map_err(|_| ApiError::new(Kind::NotReady, "Too many queries are at work. Try again in some seconds."))?
            .map_err(ApiError::internal)?;
        timeout(Duration::from_secs(seconds), work).await.map_err(|_| ApiError::timeout(seconds))?
    }

    /// The rows of a query.
    pub async fn rows<T: DeserializeOwned>(&self, sql: &str) -> Result<Vec<T>, ApiError> {
        json::read(&self.batches(sql).await?)
    }

    /// The first row of a query, if there is one.
    pub async fn first<T: DeserializeOwned>(&self, sql: &str) -> Result<Option<T>, ApiError> {
        Ok(self.rows(sql).await?.into_iter().next())
    }

    /// The only row of a query that always has one.
    pub async fn only<T: DeserializeOwned>(&self, sql: &str) -> Result<T, ApiError> {
        self.first(sql).await?.ok_or_else(|| ApiError::internal("an aggregate without a row"))
    }
}
