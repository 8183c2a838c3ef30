//! Rows of files and posted rows through the mappings of today.
//!
//! A row that failed for one table goes through that table's mapping only; one that never became a fact goes through all. Rows with the
//! same columns are one block, which goes the way that a block of an import goes, so that both give the same facts.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, SchemaRef};
use clew_lake::Lake;
use clew_lake::literal::{Text, Texts};
use clew_model::id::Base32;
use clew_model::tables::Table;
use datafusion::error::DataFusionError;
use tokio::runtime::Handle;

use super::chunk::Applied;
use super::raw::{Files, Given, Shape, Unread, hash, needs_layout, read, typed};
use super::select::{Group, OpenRow};
use super::{ReplayError, Request};
use crate::drift::Seen;
use crate::expect::Expectations;
use crate::import::{
    BlockContext, FileWork, ImportError, Loaded, MOST_PLANS, Plan as PreparedWith, of_expectations, parse_all, parse_row_key,
    prepare_work, row_key,
};
use crate::mapping::{Engine, Parsed};
use crate::observe::Sampling;
use crate::reader::{Block, Decoder, hash_rows};
use crate::spec::{Problem, Severity, Source, Sources};
use crate::typing::convert::text;
use crate::typing::{Origin, Typer};

/// See the module.
pub(super) struct Mappings {
    origin: Arc<Origin>,
    engine: Engine,
    expectations: Arc<Expectations>,
    /// All mappings first, then each alone.
    routes: Vec<Route>,
    files: Files,
    plans: HashMap<PlanKey, Plan>,
    /// Occurrences given to edited rows, by file and hash.
    given: HashMap<(Option<String>, u64), u32>,
}

/// Route, whether columns are fixed, and the columns.
type PlanKey = (usize, bool, Vec<(String, DataType)>);

/// Mappings that are run together.
struct Route {
    source: Source,
    parsed: Vec<Parsed>,
    targets: Arc<Vec<&'static Table>>,
}

#[derive(Clone)]
enum Plan {
    Work(Arc<FileWork>),
    /// The rows cannot be mapped: reason and words.
    Refused(&'static str, String),
}

/// A row on its way into a block.
struct Input {
    at: usize,
    given: Given,
    is_edited: bool,
}

impl Mappings {
    /// The mappings of `source`, found to be sound.
    pub fn prepare(sources: &Sources, source: &Source, origin: Arc<Origin>) -> Result<Self, Vec<Problem>> {
        let loaded = Loaded::read(sources, &[source]).map_err(ImportError::into_problems)?;
        let engine = Engine::new(loaded.tables()).map_err(|error| ImportError::from(error).into_problems())?;
        let route = |mappings: &[crate::spec::Mapping]| -> Result<Route, Vec<Problem>> {
            let source = Source { mappings: mappings.to_vec(), ..source.clone() };
            let parsed = parse_all(&engine, &source)?;
            let targets = Arc::new(source.mappings.iter().map(|mapping| mapping.target).collect());
            Ok(Route { source, parsed, targets })
        };
        let mut routes = vec![route(&source.mappings)?];
        for mapping in &source.mappings {
            routes.push(route(std::slice::from_ref(mapping))?);
        }
        let mut files = Files::of(sources, source);
        let (whole, schema) = (&routes[0], files.usual_schema());
        // Planning touches no file and no clock, so it needs no runtime.
        let expectations = futures::executor::block_on(Expectations::of(sources, source, &engine, &loaded));
        let expectations = Arc::new(expectations.map_err(|found| of_expectations(source, found))?);
        let known = BTreeMap::new();
        let plan = plan_of((&engine, &origin, &expectations), whole, &known);
        futures::executor::block_on(prepare_work(&plan, (&schema, true)))?;
        Ok(Self { origin, engine, expectations, routes, files, plans: HashMap::new(), given: HashMap::new() })
    }

    /// What the mappings make of `group`.
    pub async fn apply(&mut self, lake: &Lake, group: &Group, request: &Request) -> Result<Applied, ReplayError> {
        let mut applied = Applied::default();
        let edit_of = |row: &OpenRow| {
            let edit = request.edits.get(&row.id)?;
            (row.raw.as_deref().map(str::trim) != Some(edit.trim())).then_some(edit)
        };
        let shape = self.files.shape(group.file.as_deref(), || group.rows.iter().any(|row| needs_layout(row, edit_of(row))));
        let mut parts: BTreeMap<(usize, bool, Vec<String>), Vec<Input>> = BTreeMap::new();
        for (at, row) in group.rows.iter().enumerate() {
            let edit = edit_of(row);
            let Some(route) = self.route(row) else {
                applied.stays(at, row);
                continue;
            };
            match read(row, edit, &shape) {
                Ok(given) => {
                    // Where a column is known to be missing, no row without it is taken for one that says nothing there.
                    let is_closed = !matches!(shape, Shape::Open) || (row.reason == "column_missing" && edit.is_none());
                    let columns = if is_closed { given.columns.clone() } else { Vec::new() };
                    parts.entry((route, is_closed, columns)).or_default().push(Input { at, given, is_edited: edit.is_some() });
                }
                Err(Unread::AsBefore) => applied.stays(at, row),
                Err(Unread::Because(reason, detail)) => applied.refuse(at, row, reason, detail),
            }
        }
        for ((route, is_closed, _), inputs) in parts {
            self.map(lake, (group, &shape), (route, is_closed), inputs, &mut applied).await?;
        }
        Ok(applied.finish())
    }

    /// The mappings that `row` goes through; none where its table is not filled any more.
    fn route(&self, row: &OpenRow) -> Option<usize> {
        match row.target {
            None => Some(0),
            Some(table) => (1..self.routes.len()).find(|at| self.routes[*at].targets[0].name == table.name),
        }
    }

    async fn map(
        &mut self,
        lake: &Lake,
        (group, shape): (&Group, &Shape),
        (route, is_closed): (usize, bool),
        mut inputs: Vec<Input>,
        applied: &mut Applied,
    ) -> Result<(), ReplayError> {
        let mut columns = typed_columns(group, shape, &mut inputs, applied);
        if inputs.is_empty() {
            return Ok(());
        }
        let (mut decoder, _) = block(&inputs, columns.as_ref(), Vec::new());
        let work = match self.plan((route, is_closed), &decoder.schema()).await {
            Plan::Work(work) => work,
            Plan::Refused(reason, detail) => {
                for input in inputs {
                    applied.refuse(input.at, &group.rows[input.at], reason, detail.clone());
                }
                return Ok(());
            }
        };
        let mut keys = Vec::new();
        if work.typers.iter().any(Typer::needs_keys) {
            let all = self.keys(lake, group, (route, &inputs), columns.as_ref()).await?;
            let keep: Vec<bool> = all.iter().map(Option::is_some).collect();
            keys = all.into_iter().flatten().collect();
            columns = columns.map(|columns| {
                arrow::compute::filter_record_batch(&columns, &keep.clone().into()).expect("the mask has a value per row")
            });
            let mut kept = keep.into_iter();
            inputs.retain(|input| {
                let keep = kept.next().unwrap_or(false);
                if !keep {
                    let detail = "the mapping gives no id, and this row was quarantined by one that did: import its file again";
                    applied.refuse(input.at, &group.rows[input.at], "no_row_key", detail.to_owned());
                }
                keep
            });
            for (input, key) in inputs.iter().zip(&keys).filter(|(input, _)| input.is_edited) {
                applied.keys.insert(input.at, row_key(*key));
            }
        }
        let block = if inputs.is_empty() { return Ok(()) } else { block(&inputs, columns.as_ref(), keys) };
        let (members, dated) = (
            inputs.iter().map(|input| input.at).collect::<Vec<_>>(),
            work.typers.iter().map(Typer::dates_versions).collect::<Vec<_>>(),
        );
        decoder = block.0;
        decoder.add_columns(work.added.iter().map(String::as_str));
        let schema = decoder.schema();
        let wanted = work.columns().map(|name| schema.index_of(name)).collect::<Result<Vec<_>, _>>();
        let wanted = wanted.map_err(DataFusionError::from)?;
        let context = BlockContext {
            file: 0,
            name: group.file.clone().unwrap_or_default(),
            decoder: Arc::new(decoder),
            wanted,
            work,
            targets: Arc::clone(&self.routes[route].targets),
            received_at: lake.now().micros(),
            expectations: Arc::clone(&self.expectations),
            sampling: Sampling::Again,
            // Columns that a row lacks were looked at when its plan was made.
            missing: Vec::new(),
        };
        let (block, handle) = (block.1, Handle::current());
        let mapped =
            tokio::task::spawn_blocking(move || context.map(&block, &handle)).await.map_err(|_| ImportError::Worker)??;
        applied.add(group, mapped, &members, &dated);
        Ok(())
    }

    async fn plan(&mut self, (route, is_closed): (usize, bool), schema: &SchemaRef) -> Plan {
        let mut columns: Vec<(String, DataType)> =
            schema.fields().iter().map(|field| (field.name().clone(), field.data_type().clone())).collect();
        columns.sort_by(|a, b| a.0.cmp(&b.0));
        let key = (route, is_closed, columns);
        if let Some(plan) = self.plans.get(&key) {
            return plan.clone();
        }
        let known = BTreeMap::new();
        let plan = plan_of((&self.engine, &self.origin, &self.expectations), &self.routes[route], &known);
        let plan = match prepare_work(&plan, (schema, true)).await {
            Ok(work) if is_closed && !work.added.is_empty() => {
                let detail =
                    format!("the row has no column {}, which the mapping or an expectation names", work.added.join(", "));
                Plan::Refused("column_missing", detail)
            }
            Ok(work) => Plan::Work(Arc::new(work)),
            Err(problems) => {
                let of = |problem: &Problem| format!("{}; {}", problem.message, problem.remedy);
                let errors = problems.iter().filter(|problem| problem.severity == Severity::Error);
                Plan::Refused("mapping_failed", errors.map(of).collect::<Vec<_>>().join("; "))
            }
        };
        if self.plans.len() >= MOST_PLANS {
            self.plans.clear();
        }
        self.plans.insert(key, plan.clone());
        plan
    }

    /// The key of every row; none where it is not known. An edited row has that of the row that its file would have instead.
    async fn keys(
        &mut self,
        lake: &Lake,
        group: &Group,
        (route, inputs): (usize, &[Input]),
        columns: Option<&RecordBatch>,
    ) -> Result<Vec<Option<(u64, u32)>>, ReplayError> {
        let mut hashes: BTreeMap<usize, u64> = BTreeMap::new();
        if inputs.iter().any(|input| input.is_edited) {
            let typed = columns.map(|columns| hash_rows(Path::new(""), columns)).transpose().map_err(ImportError::from)?;
            for (at, input) in inputs.iter().enumerate().filter(|(_, input)| input.is_edited) {
                let of_line = || hash(input.given.line.as_deref().unwrap_or(input.given.object.as_bytes()));
                hashes.insert(at, typed.as_ref().map_or_else(of_line, |typed| typed[at]));
            }
        }
        let new: BTreeSet<u64> =
            hashes.values().copied().filter(|hash| !self.given.contains_key(&(group.file.clone(), *hash))).collect();
        if !new.is_empty() {
            self.count_stored(lake, group, route, &new).await?;
        }
        let keys = inputs.iter().enumerate().map(|(at, input)| match hashes.get(&at) {
            None => group.rows[input.at].key.as_deref().and_then(parse_row_key),
            Some(hash) => {
                let occurrence = self.given.entry((group.file.clone(), *hash)).or_default();
                *occurrence += 1;
                Some((*hash, *occurrence))
            }
        });
        Ok(keys.collect())
    }

    /// Counts how often rows with these hashes are stored of the group's file.
    async fn count_stored(
        &mut self,
        lake: &Lake,
        group: &Group,
        route: usize,
        hashes: &BTreeSet<u64>,
    ) -> Result<(), ReplayError> {
        for hash in hashes {
            self.given.insert((group.file.clone(), *hash), 0);
        }
        let prefixes: Vec<String> = hashes.iter().map(|hash| Base32::of(*hash).to_string()).collect();
        let file = group.file.as_ref().map_or_else(|| "file IS NULL".to_owned(), |file| format!("file = {}", Text(file)));
        for table in self.routes[route].targets.iter() {
            let id = table.columns[0].name;
            let sql = format!(
                "SELECT {id} FROM {} WHERE source = {} AND {file} AND substr({id}, 1, 13) IN {}",
                table.name,
                Text(&group.source),
                Texts(&prefixes.iter().collect::<Vec<_>>())
            );
            for batch in lake.session().sql(&sql).await?.collect().await? {
                // The third part is the ordinal of a fact in its row.
                let keys = text(batch.column(0));
                let keys = keys.iter().flatten().filter_map(|id| {
                    let (hash, rest) = id.split_once('.')?;
                    Some((Base32::parse(hash)?, rest.split('.').next()?.parse::<u32>().ok()?))
                });
                for (hash, occurrence) in keys {
                    let most = self.given.entry((group.file.clone(), hash)).or_default();
                    *most = (*most).max(occurrence);
                }
            }
        }
        Ok(())
    }
}

/// What the mappings of `route` are planned with. What the source had before is not asked: a row that lacks a column is told by itself.
fn plan_of<'a>(
    (engine, origin, expectations): (&'a Engine, &'a Arc<Origin>, &'a Expectations),
    route: &'a Route,
    known: &'a BTreeMap<String, Seen>,
) -> PreparedWith<'a> {
    PreparedWith { engine, origin, source: &route.source, parsed: &route.parsed, expectations, known }
}

/// A block of `inputs`, numbered from 1, as `columns` where they have types.
fn block(inputs: &[Input], columns: Option<&RecordBatch>, keys: Vec<(u64, u32)>) -> (Decoder, Block) {
    if let Some(columns) = columns {
        return Block::of_columns(1, columns.clone(), keys);
    }
    let objects: Vec<&str> = inputs.iter().map(|input| input.given.object.as_str()).collect();
    Block::of_objects(1, &objects, keys)
}

/// The rows of a typed file as columns; none for text. Rows whose values do not have the types are refused and taken out.
fn typed_columns(group: &Group, shape: &Shape, inputs: &mut Vec<Input>, applied: &mut Applied) -> Option<RecordBatch> {
    let Shape::Typed(schema) = shape else { return None };
    let names = inputs.first()?.given.columns.clone();
    let of = |inputs: &[&Input]| {
        let objects: Vec<&str> = inputs.iter().map(|input| input.given.object.as_str()).collect();
        typed(&objects, &names, schema.as_ref())
    };
    if let Ok(columns) = of(&inputs.iter().collect::<Vec<_>>()) {
        return Some(columns);
    }
    inputs.retain(|input| {
        let fits = of(&[input]).is_ok();
        if !fits {
            let detail = "a value does not have the type of its column in the file".to_owned();
            applied.refuse(input.at, &group.rows[input.at], "unreadable", detail);
        }
        fits
    });
    of(&inputs.iter().collect::<Vec<_>>()).ok()
}
