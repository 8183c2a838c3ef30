//! Rows that are posted, mapped by the source's SQL: the way of an import, over a body in the place of a file.
//!
//! A plan is made for the columns that a body shows and kept, because senders send the same columns again and again. What the body does not
//! fit is the sender's to know: they get the words of `clew check`, without a value.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};

use clew_model::tables::Table;
use rustc_hash::FxHashMap;
use tokio::runtime::Handle;

use super::Refusal;
use crate::import::{BlockContext, FileWork, Loaded, Mapped, parse_all, prepare_work};
use crate::mapping::{Engine, Parsed};
use crate::outcome::{Outcome, Taken};
use crate::reader::{Block, MAX_COLUMNS, ReadOptions, Reader};
use crate::spec::{Format, Problem, Severity, Source, Sources};
use crate::typing::{Origin, places};

/// Plans kept: one for each set of columns.
const MOST_PLANS: usize = 64;

/// The mappings of one source.
pub struct RowMapping {
    source: Source,
    origin: Arc<Origin>,
    engine: Engine,
    parsed: Vec<Parsed>,
    targets: Arc<Vec<&'static Table>>,
    options: ReadOptions,
    plans: Mutex<FxHashMap<Vec<String>, Arc<FileWork>>>,
    /// Columns of messages so far.
    seen: Mutex<BTreeSet<String>>,
}

impl RowMapping {
    /// The mappings of `source`, with the lookups that they join.
    pub fn new(sources: &Sources, source: &Source, origin: Arc<Origin>) -> Result<Self, Vec<Problem>> {
        let fault = |message: String| {
            let path = source.yaml_path.clone();
            vec![Problem { path, line: None, column: None, message, remedy: "report this".into(), severity: Severity::Error }]
        };
        let loaded = Loaded::read(sources, &[source]).map_err(crate::ImportError::into_problems)?;
        let engine = Engine::new(loaded.tables()).map_err(|error| fault(error.to_string()))?;
        let parsed = parse_all(&engine, source)?;
        let targets = Arc::new(source.mappings.iter().map(|mapping| mapping.target).collect());
        let options = ReadOptions { keys: true, ..ReadOptions::of(&source.spec) };
        let (plans, seen) = (Mutex::default(), Mutex::default());
        Ok(Self { source: source.clone(), origin, engine, parsed, targets, options, plans, seen })
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
        let wanted = work.program.columns.iter().map(|name| schema.index_of(name)).collect::<Result<_, _>>();
        let wanted = wanted.map_err(|_| Refusal::Fault)?;
        let (name, decoder, targets) = (file.to_owned(), reader.decoder(), Arc::clone(&self.targets));
        let context = BlockContext { file: 0, name, decoder, wanted, work, targets, received_at };
        let mut taken = Taken::default();
        while let Some(mut block) = reader.next_block().map_err(|error| Refusal::Rows(error.to_string()))? {
            prepare(&mut block);
            let mapped = context.map(&block, handle).map_err(|error| {
                tracing::error!(source = self.source.name, %error, "the mapping of a body failed");
                Refusal::Fault
            })?;
            taken.extend(of_block(mapped, block.first_row, block.len()));
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
        let planned =
            handle.block_on(prepare_work(&self.engine, &self.origin, &self.source, &self.parsed, (&schema, open_ended)));
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
    }
}
