//! Rows that are posted, mapped by the source's SQL: the way of an import, over a body in the place of a file.
//!
//! A plan is made for the columns that a body shows and kept, because senders send the same columns again and again. What the body does not
//! fit is the sender's to know: they get the words of `clew check`, without a value.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};

use clew_lake::Lake;
use clew_model::tables::Table;
use rustc_hash::FxHashMap;
use tokio::runtime::Handle;

use super::Refusal;
use crate::drift::known_columns;
use crate::expect::Expectations;
use crate::import::{BlockContext, FileWork, Loaded, Mapped, Plan, of_expectations, parse_all, prepare_work};
use crate::mapping::{Engine, Parsed};
use crate::observe::Sampling;
use crate::outcome::{Outcome, Taken};
use crate::reader::{Block, MAX_COLUMNS, ReadError, ReadOptions, Reader};
use crate::spec::{Format, Problem, Severity, Source, Sources};
use crate::typing::{Origin, places};

/// Plans kept: one for each set of columns.
const MOST_PLANS: usize = 64;

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
    /// Columns of messages so far.
    seen: Mutex<BTreeSet<String>>,
}

impl RowMapping {
    /// The mappings of `source`, with the lookups that they join; what it sent before is in `lake`.
    pub fn new(lake: &Lake, sources: &Sources, source: &Source, origin: Arc<Origin>) -> Result<Self, Vec<Problem>> {
        let fault = |message: String| {
            let path = source.yaml_path.clone();
            vec![Problem { path, line: None, column: None, message, remedy: "report this".into(), severity: Severity::Error }]
        };
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

    /// Maps the rows of `body`. Plans run on `handle`'s runtime, of which this thread is none.
    pub fn map(
        &self,
        endpoint: &str,
        body: Vec<u8>,
        format: Format,
        received_at: i64,
        handle: &Handle,
    ) -> Result<Taken, Refusal> {
        let options = &self.options;
        let body = if format == Format::Json { as_list(body, options.json.records.is_some()) } else { body };
        let reader =
            Reader::over(Path::new(endpoint), format, body, options).map_err(|error| Refusal::Rows(error.to_string()))?;
        let taken = self.map_blocks(reader, endpoint, (received_at, handle), |_| {})?;
        if taken.outcomes.is_empty() { Err(Refusal::Rows("the body holds no row".to_owned())) } else { Ok(taken) }
    }

    /// Maps `lines`, of which each is an object of JSON; `key` gives what makes the facts' own ids by the number of a line, from 1.
    pub fn map_lines(
        &self,
        file: &str,
        lines: Vec<u8>,
        (received_at, handle): (i64, &Handle),
        key: &dyn Fn(i64) -> (u64, u32),
    ) -> Result<Taken, Refusal> {
        let reader = Reader::over(Path::new(file), Format::Jsonl, lines, &ReadOptions::default());
        let mut reader = reader.map_err(|error| Refusal::Rows(error.to_string()))?;
        {
            // Messages show this column and that: planned over all that were seen, their plan is soon the same one every time.
            let mut seen = self.seen.lock().expect("no holder panics");
            seen.extend(reader.schema().fields().iter().map(|field| field.name().clone()));
            while seen.len() > MAX_COLUMNS {
                seen.pop_last();
            }
            reader.add_columns(seen.iter().map(String::as_str));
        }
        self.map_blocks(reader, file, (received_at, handle), |block| {
            block.keys = (block.first_row..block.first_row + block.len() as i64).map(key).collect();
        })
    }

    fn map_blocks(
        &self,
        mut reader: Reader,
        file: &str,
        (received_at, handle): (i64, &Handle),
        mut prepare: impl FnMut(&mut Block),
    ) -> Result<Taken, Refusal> {
        let work = self.plan(&reader, handle)?;
        reader.add_columns(work.added.iter().map(String::as_str));
        let schema = reader.schema();
        let refuse = |error: ReadError| Refusal::Rows(error.to_string());
        let mut next = reader.next_block().map_err(refuse)?;
        let missing = work.missing_in(next.as_ref().map_or(0, Block::len));
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
            sampling: self.sampling.clone(),
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
        let known = handle.block_on(known_columns(&self.lake, &self.source.name)).map_err(|error| {
            tracing::error!(source = self.source.name, %error, "what the source sent before cannot be read");
            Refusal::Fault
        })?;
        let plan = Plan {
            engine: &self.engine,
            origin: &self.origin,
            source: &self.source,
            parsed: &self.parsed,
            expectations: &self.expectations,
            known: &known,
        };
        let planned = handle.block_on(prepare_work(&plan, (&schema, open_ended)));
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
