//! Logs of people's events, kept in memory between questions ([`clew_pipeline::people_log`]).
//!
//! A log is read again as soon as a run has decided anew who is who or what a journey is. Events that came in since then
//! make it old, too, but a busy source brings some every second: so a log may answer for ten times as long as reading it takes, and reading
//! never costs more than a tenth of the time. One log is read at a time. Bounded by events; the one asked longest ago goes first.

use std::sync::Arc;
use std::time::{Duration, Instant};

use clew_pipeline::people_log::{Cases, LoadError, MOST_EVENTS, PeopleLog};
use tokio::sync::Mutex;

use crate::app::App;
use crate::error::{ApiError, Kind};

/// How many times what it costs a log may answer although events came in.
const AGE_BY_COST: u32 = 10;
/// Reading a log may take so long.
const LOAD_SECONDS: u64 = 120;
/// Most logs, however small.
const MOST_LOGS: usize = 16;

/// The logs kept.
#[derive(Debug, Default)]
pub struct Logs(Mutex<Vec<Kept>>);

#[derive(Debug)]
struct Kept {
    cases: Cases,
    population: String,
    stand: Stand,
    read_at: Instant,
    cost: Duration,
    log: Arc<PeopleLog>,
}

/// What a log was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stand {
    /// Versions of the tables that a run writes.
    run: (Option<i64>, Option<i64>),
    /// Where the durable log ended.
    offset: u64,
}

impl Kept {
    fn answers(&self, stand: Stand) -> bool {
        self.stand == stand || (self.stand.run == stand.run && self.read_at.elapsed() < self.cost * AGE_BY_COST)
    }
}

impl App {
    /// The log of these cases of the people of `population`.
    pub async fn people_log(&self, cases: Cases, population: &str) -> Result<Arc<PeopleLog>, ApiError> {
        let run = (self.lake.version("subjects").await?, self.lake.version("steps").await?);
        let stand = Stand { run, offset: self.lake.offset() };
        let mut logs = self.logs.0.lock().await;
        if let Some(place) = logs.iter().position(|kept| kept.cases == cases && kept.population == population) {
            let kept = logs.remove(place);
            if kept.answers(stand) {
                let log = Arc::clone(&kept.log);
                logs.push(kept);
                return Ok(log);
            }
        }
        let read_at = Instant::now();
        let session = self.lake.session();
        let load = Box::pin(async {
            PeopleLog::load(&session, &cases, population).await.map_err(|error| match error {
                LoadError::Lake(error) => ApiError::internal(error),
                LoadError::TooLarge => {
                    ApiError::new(Kind::TooLarge, format!("{error}. Ask it with `clew sql` or `clew journey`."))
                }
            })
        });
        let log = Arc::new(self.limited_to(LOAD_SECONDS, load).await?);
        while logs.len() >= MOST_LOGS || logs.iter().map(|kept| kept.log.events()).sum::<usize>() + log.events() > MOST_EVENTS {
            if logs.is_empty() {
                break;
            }
            logs.remove(0);
        }
        let kept =
            Kept { cases, population: population.to_owned(), stand, read_at, cost: read_at.elapsed(), log: Arc::clone(&log) };
        logs.push(kept);
        Ok(log)
    }
}
