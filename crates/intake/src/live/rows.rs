//! Rows that are posted, mapped by the source's SQL: the way of an import, over a body in the place of a file.
//!
//! A plan is made for the columns that a body shows and kept, because senders send the same columns again and again. What the body does not
//! fit is the sender's to know: they get the words of `clew check`, without a value.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};

use arrow::datatypes::SchemaRef;
use clew_lake::Lake;
use clew_model::tables::Table;
use rustc_hash::FxHashMap;
use tokio::runtime::Handle;

use super::Refusal;
use crate::drift::{Seen, known_columns};
use crate::expect::Expectations;
use crate::import::{BlockContext, FileWork, Loaded, MOST_PLANS, Mapped, Plan, of_expectations, parse_all, prepare_work};
use crate::mapping::{Engine, Parsed};
use crate::observe::Sampling;
use crate::outcome::{Outcome, Taken};
use crate::reader::{Block, MAX_COLUMNS, ReadError, ReadOptions, Reader};
use crate::spec::{Format, Problem, Source, Sources};
use crate::typing::{Origin, places};

/// How long what the source sent before is taken as read; microseconds. Reading it goes through all that was ever counted of its fields.
const KNOWN_FOR: i64 = 60_000_000;

/// When and how a body is taken.
#[derive(Clone, Copy, Debug)]
pub struct Taking<'a> {
    /// When it came, microseconds UTC.
    pub received_at: i64,
    /// The runtime that plans run on, of which this thread is none.
    pub handle: &'a Handle,
    /// Which rows are profiled.
    pub sampling: &'a Sampling,
}

/// A body on its way into blocks.
struct Opened<'a> {
    reader: Reader,
    /// The columns that it shows itself.
    own: SchemaRef,
    /// As facts name where it came.
    file: &'a str,
}

/// The raw columns that the source had at an instant.
struct Known {
    at: i64,
    columns: Arc<BTreeMap<String, Seen>>,
}

/// The mappings of one source.
pub struct RowMapping {
    lake: Lake,
    source: Source,
    origin: Arc<Origin>,
    engine: Engine,
    parsed: Vec<Parsed>,
    expectations: Arc<Expectations>,
    sampling: Sampling,
    targets: Arc<Vec<&'static Table>>,
    options: ReadOptions,
    plans: Mutex<FxHashMap<Vec<String>, Arc<FileWork>>>,
    known: Mutex<Option<Known>>,
    /// Columns of messages so far.
    seen: Mutex<BTreeSet<String>>,
}

impl RowMapping {
    /// The mappings of `source`, with the lookups that they join; what it sent before is in `lake`.
    pub fn new(lake: &Lake, sources: &Sources, source: &Source, origin: Arc<Origin>) -> Result<Self, Vec<Problem>> {
        let fault = |message: String| vec![Problem::in_source(source, "", message, "report this")];
        let loaded = Loaded::read(sources, &[source]).map_err(crate::ImportError::into_problems)?;
        let engine = Engine::new(loaded.tables()).map_err(|error| fault(error.to_string()))?;
        let parsed = parse_all(&engine, source)?;
        // Planning waits for nothing, so it needs no runtime.
        let expectations = futures::executor::block_on(Expectations::of(sources, source, &engine, &loaded));
        let expectations = Arc::new(expectations.map_err(|found| of_expectations(source, found))?);
        Ok(Self {
            lake: lake.clone(),
            source: source.clone(),
            origin,
            engine,
            parsed,
            expectations,
            sampling: Sampling::Live(Arc::default()),
            targets: Arc::new(source.mappings.iter().map(|mapping| mapping.target).collect()),
            options: ReadOptions { keys: true, ..ReadOptions::of(&source.spec) },
            plans: Mutex::default(),
            known: Mutex::default(),
            seen: Mutex::default(),
        })
    }

    /// What its data must be like.
    pub fn expectations(&self) -> &Arc<Expectations> {
        &self.expectations
    }

    /// How bodies are read.
    pub fn options(&self) -> &ReadOptions {
        &self.options
    }

    /// Which rows are profiled that come to stay.
    pub fn sampling(&self) -> &Sampling {
        &self.sampling
    }

    /// Maps the rows of `body`.
    pub fn map(&self, endpoint: &str, body: Vec<u8>, format: Format, taking: Taking<'_>) -> Result<Taken, Refusal> {
        let options = &self.options;
        let body = if format == Format::Json { as_list(body, options.json.records.is_some()) } else { body };
        let reader =
            Reader::over(Path::new(endpoint), format, body, options).map_err(|error| Refusal::Rows(error.to_string()))?;
        let opened = Opened { own: reader.schema(), reader, file: endpoint };
        let taken = self.map_blocks(opened, taking, |_| {})?;
        if taken.outcomes.is_empty() { Err(Refusal::Rows("the body holds no row".to_owned())) } else { Ok(taken) }
    }

    /// Maps `lines`, of which each is an object of JSON; `key` gives what makes the facts' own ids by the number of a line, from 1.
    pub fn map_lines(
        &self,
        file: &str,
        lines: Vec<u8>,
        taking: Taking<'_>,
        key: &dyn Fn(i64) -> (u64, u32),
    ) -> Result<Taken, Refusal> {
        let reader = Reader::over(Path::new(file), Format::Jsonl, lines, &ReadOptions::default());
        let mut reader = reader.map_err(|error| Refusal::Rows(error.to_string()))?;
        let own = reader.schema();
        {
            // Messages show this column and that: planned over all that were seen, their plan is soon the same one every time.
            let mut seen = self.seen.lock().expect("no holder panics");
            seen.extend(own.fields().iter().map(|field| field.name().clone()));
            while seen.len() > MAX_COLUMNS {
                seen.pop_last();
            }
            reader.add_columns(seen.iter().map(String::as_str));
        }
        self.map_blocks(Opened { reader, own, file }, taking, |block| {
            block.keys = (block.first_row..block.first_row + block.len() as i64).map(key).collect();
        })
    }

    fn map_blocks(
        &self,
        Opened { mut reader, own, file }: Opened<'_>,
        Taking { received_at, handle, sampling }: Taking<'_>,
        mut prepare: impl FnMut(&mut Block),
    ) -> Result<Taken, Refusal> {
        let work = self.plan(&reader, handle)?;
        let is_open_ended = reader.is_open_ended();
        reader.add_columns(work.added.iter().map(String::as_str));
        let schema = reader.schema();
        let refuse = |error: ReadError| Refusal::Rows(error.to_string());
        let mut next = reader.next_block().map_err(refuse)?;
        let mut missing = work.missing.clone();
        if is_open_ended && work.columns().any(|column| own.index_of(column).is_err()) {
            let known = self.known(handle)?;
            missing.extend(self.planned_with(&known).absent_in(&work, &own, next.as_ref().map_or(0, Block::len)));
        }
        let columns = work.columns().filter(|_| missing.is_empty());
        let wanted = columns.map(|name| schema.index_of(name)).collect::<Result<_, _>>();
        let context = BlockContext {
            file: 0,
            name: file.to_owned(),
            decoder: reader.decoder(),
            wanted: wanted.map_err(|_| Refusal::Fault)?,
            work,
            targets: Arc::clone(&self.targets),
            received_at,
            expectations: Arc::clone(&self.expectations),
            sampling: sampling.clone(),
            missing,
        };
        let mut taken = Taken::default();
        while let Some(mut block) = next {
            prepare(&mut block);
            let mapped = context.map(&block, handle).map_err(|error| {
                tracing::error!(source = self.source.name, %error, "the mapping of a body failed");
                Refusal::Fault
            })?;
            taken.extend(of_block(mapped, block.first_row, block.len()));
            next = reader.next_block().map_err(refuse)?;
        }
        Ok(taken)
    }

    fn plan(&self, reader: &Reader, handle: &Handle) -> Result<Arc<FileWork>, Refusal> {
        let schema = reader.schema();
        let mut columns: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
        // JSON names its keys in any order.
        columns.sort_unstable();
        if let Some(known) = self.plans.lock().expect("no holder panics").get(&columns) {
            return Ok(Arc::clone(known));
        }
        let open_ended = reader.is_open_ended();
        let known = self.known(handle)?;
        let planned = handle.block_on(prepare_work(&self.planned_with(&known), (&schema, open_ended)));
        let work = Arc::new(planned.map_err(|problems| {
            let all: Vec<String> = problems.iter().map(|problem| format!("{}; {}", problem.message, problem.remedy)).collect();
            Refusal::Rows(format!("the rows do not fit the mapping: {}", all.join("; ")))
        })?);
        let mut plans = self.plans.lock().expect("no holder panics");
        if plans.len() >= MOST_PLANS {
            plans.clear();
        }
        plans.insert(columns, Arc::clone(&work));
        Ok(work)
    }

    fn planned_with<'a>(&'a self, known: &'a BTreeMap<String, Seen>) -> Plan<'a> {
        Plan {
            engine: &self.engine,
            origin: &self.origin,
            source: &self.source,
            parsed: &self.parsed,
            expectations: &self.expectations,
            known,
        }
    }

    /// The raw columns that the source had before, as of at most [`KNOWN_FOR`] ago; that it had none is asked again each time.
    fn known(&self, handle: &Handle) -> Result<Arc<BTreeMap<String, Seen>>, Refusal> {
        let now = self.lake.now().micros();
        if let Some(known) =
            self.known.lock().expect("no holder panics").as_ref().filter(|known| (now - known.at).abs() < KNOWN_FOR)
        {
            return Ok(Arc::clone(&known.columns));
        }
        let read = handle.block_on(known_columns(&self.lake, &self.source.name)).map_err(|error| {
            tracing::error!(source = self.source.name, %error, "what the source sent before cannot be read");
            Refusal::Fault
        })?;
        let columns = Arc::new(read);
        if !columns.is_empty() {
            *self.known.lock().expect("no holder panics") = Some(Known { at: now, columns: Arc::clone(&columns) });
        }
        Ok(columns)
    }
}

/// A document that is one object is a list of it, unless the source says where its list is.
fn as_list(body: Vec<u8>, has_records: bool) -> Vec<u8> {
    if has_records || body.trim_ascii_start().first() != Some(&b'{') {
        return body;
    }
    [b"[".as_slice(), body.as_slice(), b"]"].concat()
}

fn of_block(mapped: Mapped, first_row: i64, n: usize) -> Taken {
    let mut outcomes = vec![Outcome::Skipped; n];
    for refused in &mapped.refused {
        if let Some(outcome) = outcomes.get_mut((refused.row_no - first_row) as usize) {
            *outcome = Outcome::Quarantined { code: refused.reason, detail: refused.detail.clone().into() };
        }
    }
    let places = mapped.facts.iter().map(|facts| places(&facts.rows, first_row)).collect();
    Taken {
        rows: mapped.rows,
        facts: mapped.facts,
        places,
        refused: mapped.refused,
        candidates: mapped.candidates,
        outcomes,
        ids: vec![None; n],
        observed: mapped.observed,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use clew_lake::{Clock, Options, Position};
    use clew_model::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::live::{BUDGET, Delivery, Door, Message, Treatment};
    use crate::spec::{Defaults, Mapping};

    #[derive(Debug)]
    struct HandClock(AtomicI64);

    impl Clock for HandClock {
        fn now(&self) -> Timestamp {
            Timestamp::from_micros(self.0.load(Ordering::Relaxed))
        }
    }

    fn project(dir: &Path) -> Sources {
        let mapping = Mapping {
            target: Table::find("events").unwrap(),
            sql: "SELECT id, 'x' AS name, 'web' AS channel, coalesce(at, '2026-01-01') AS occurred_at FROM raw".into(),
            path: dir.join("s.events.sql"),
        };
        let source = Source {
            name: "s".into(),
            spec: serde_json::from_value(json!({"nats": {"url": "nats://host:4222", "stream": "S"}})).unwrap(),
            yaml_path: dir.join("s.yaml"),
            mappings: vec![mapping],
        };
        let defaults = Defaults { timezone: Some("UTC".into()), ..Defaults::default() };
        Sources { dir: dir.into(), defaults, rules: clew_identity::Rules::default(), sources: vec![source] }
    }

    /// Messages with a key that comes and, from some moment on, does not, with another in its place or none.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_key_that_vanishes_from_a_running_stream_is_noticed() {
        for other in [r#","when":"2026-03-02""#, ""] {
            let dir = tempfile::tempdir().unwrap();
            let clock = Arc::new(HandClock(AtomicI64::new(1_772_452_800_000_000)));
            let as_clock: Arc<dyn Clock> = Arc::<HandClock>::clone(&clock);
            let lake = Lake::open(&dir.path().join(".clew"), Options { clock: as_clock, ..Options::default() }).await.unwrap();
            let door = Door::open(&lake, &project(dir.path()), BUDGET);
            let source = Arc::clone(door.follower("s").unwrap());
            let deliver = async |first: u64, n: usize, key: &str| {
                let message = |offset: u64| Message {
                    offset,
                    published_at: 0,
                    body: Some(format!(r#"{{"id":"{offset}"{key}}}"#).into_bytes()),
                    columns: format!(r#""_sequence":{offset}"#),
                    ack: None,
                };
                let messages = Arc::new((first..first + n as u64).map(message).collect());
                let position = Position { name: "nats:S".into(), value: vec![1] };
                let (file, treatment) = ("nats:S".to_owned(), Treatment::Read);
                let delivery = Delivery { file, generation: 0, messages, range: 0..n, position, treatment };
                door.follow(&source, delivery).await.unwrap().outcomes
            };
            let at = r#","at":"2026-03-02""#;
            for outcome in deliver(1, 100, at).await.into_iter().chain(deliver(101, 100, at).await) {
                assert_eq!(outcome, Outcome::Stored);
            }
            // What the source had before is asked once a minute.
            clock.0.fetch_add(2 * KNOWN_FOR, Ordering::Relaxed);
            assert_eq!(deliver(201, 1, other).await, [Outcome::Stored], "one message may leave a key out");
            for outcome in deliver(202, 50, other).await {
                assert!(matches!(outcome, Outcome::Quarantined { code: "column_missing", .. }), "{other}: {outcome:?}");
            }
            assert_eq!(deliver(252, 1, at).await, [Outcome::Stored]);
            door.close().await;
        }
    }
}
