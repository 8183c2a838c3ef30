//! Mappings: one row-wise SELECT per target table, checked, planned once per file and run once per chunk.
//!
//! [`rowwise::parse`] reads the SQL and refuses what would need more than one row at a time; every SELECT then gets the
//! hidden row number, so that each fact knows its row and each row its facts. [`Program::prepare`] plans all mappings of
//! a source over the columns of a file and finds which of them are needed; only those are decoded. [`Program::run`] puts
//! a chunk into the plan in the place of the raw table. A plan runs on one thread: chunks are what runs in parallel.
//!
//! Names: unquoted ones find their column whatever their case, as long as only one fits; quoted ones are exact.

mod cleaners;
mod condition;
mod functions;
mod rowwise;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DataFusionError, SchemaError};
use datafusion::datasource::{MemTable, provider_as_source};
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion::sql::parser::Statement;

pub use self::condition::Condition;
pub use self::functions::functions;
pub use self::rowwise::{Parsed, SqlProblem, parse};
use crate::nearest::nearest;
use crate::reader::{BLOCK_ROWS, ROW};

/// The name of a source's own rows in SQL.
pub const RAW: &str = "raw";
/// At most so many unknown columns are told at once.
const MAX_UNKNOWN: usize = 50;

/// Reference data that mappings may join.
#[derive(Clone)]
pub struct LookupTable {
    /// Columns that name a row.
    pub key: Vec<String>,
    /// Its rows; empty while only checking.
    pub table: Arc<MemTable>,
}

/// The lookups of a project by name.
pub type Lookups = BTreeMap<String, LookupTable>;

/// An engine for mappings: functions and settings.
#[derive(Clone)]
pub struct Engine {
    state: SessionState,
    lookups: Arc<Lookups>,
}

impl Engine {
    /// An engine over these lookups.
    pub fn new(lookups: Lookups) -> Result<Self, DataFusionError> {
        let mut config = SessionConfig::new().with_target_partitions(1).with_batch_size(BLOCK_ROWS);
        config.options_mut().sql_parser.enable_ident_normalization = false;
        let context =
            SessionContext::new_with_state(SessionStateBuilder::new().with_config(config).with_default_features().build());
        let mut state = context.state();
        datafusion_functions_json::register_all(&mut state)?;
        for function in functions() {
            datafusion::execution::FunctionRegistry::register_udf(&mut state, function)?;
        }
        Ok(Self { state, lookups: Arc::new(lookups) })
    }

    /// Parses and checks one mapping.
    pub fn parse(&self, sql: &str) -> Result<Parsed, Vec<SqlProblem>> {
        parse(sql, &self.state, &self.lookups)
    }

    fn context(&self, raw: &SchemaRef) -> Result<SessionContext, DataFusionError> {
        // The catalog is shared between clones of a state, so each plan gets a fresh one.
        let catalog = Arc::new(datafusion::catalog::MemoryCatalogProviderList::new());
        let state = SessionStateBuilder::new_from_existing(self.state.clone()).with_catalog_list(catalog).build();
        let context = SessionContext::new_with_state(state);
        let options = context.copied_config().options().catalog.clone();
        let schemas = Arc::new(datafusion::catalog::MemoryCatalogProvider::new());
        datafusion::catalog::CatalogProvider::register_schema(
            schemas.as_ref(),
            &options.default_schema,
            Arc::new(datafusion::catalog::MemorySchemaProvider::new()),
        )?;
        context.register_catalog(options.default_catalog, schemas);
        context.register_table(RAW, Arc::new(MemTable::try_new(raw.clone(), vec![vec![]])?))?;
        for (name, lookup) in self.lookups.iter() {
            context.register_table(name.as_str(), lookup.table.clone())?;
        }
        Ok(context)
    }

    async fn plan(&self, parsed: &Parsed, raw: &SchemaRef) -> Result<LogicalPlan, DataFusionError> {
        let context = self.context(raw)?;
        let statement = parsed.over(raw, &self.lookups);
        context.state().statement_to_plan(Statement::Statement(Box::new(statement))).await
    }

    /// The columns that `parsed` names and `raw` lacks.
    pub(crate) async fn unknown_columns(&self, parsed: &Parsed, raw: &Schema) -> Vec<String> {
        self.resolve(parsed, raw, true).await.added
    }

    /// Plans one mapping over `raw`, told with every column that it names and `raw` lacks. A lacking column is added
    /// as text: without complaint where `open_ended`, else with a problem each.
    async fn resolve(&self, parsed: &Parsed, raw: &Schema, open_ended: bool) -> Resolved {
        let mut resolved = Resolved { added: Vec::new(), problems: Vec::new(), output: None };
        let mut fields: Vec<Field> = raw.fields().iter().map(|field| field.as_ref().clone()).collect();
        fields.insert(0, Field::new(ROW, DataType::Int64, false));
        for _ in 0..MAX_UNKNOWN {
            let error = match self.plan(parsed, &Arc::new(Schema::new(fields.clone()))).await {
                Ok(plan) => {
                    resolved.output = Some(Arc::new(plan.schema().as_arrow().clone()));
                    break;
                }
                Err(error) => error,
            };
            let DataFusionError::SchemaError(schema_error, _) = error.find_root() else {
                resolved.problems.push(parsed.planning_problem(&error));
                break;
            };
            let SchemaError::FieldNotFound { field, valid_fields } = schema_error.as_ref() else {
                resolved.problems.push(parsed.planning_problem(&error));
                break;
            };
            let name = field.name.clone();
            let of_lookup = field.relation.as_ref().and_then(|relation| self.lookups.get_key_value(relation.table()));
            let is_new = fields.iter().all(|field| *field.name() != name);
            if !open_ended || of_lookup.is_some() || !is_new {
                let known: Vec<&str> = valid_fields.iter().map(|field| field.name.as_str()).filter(|name| *name != ROW).collect();
                resolved.problems.push(parsed.unknown_column(&name, of_lookup.map(|(name, _)| name.as_str()), &known));
            }
            if of_lookup.is_some() || !is_new {
                break;
            }
            fields.push(Field::new(&name, DataType::Utf8, true));
            resolved.added.push(name);
        }
        resolved
    }
}

struct Resolved {
    added: Vec<String>,
    problems: Vec<SqlProblem>,
    output: Option<SchemaRef>,
}

/// The mappings of a source, planned over the columns of one file.
#[derive(Clone)]
pub struct Program {
    state: SessionState,
    /// The raw columns that a chunk must have behind [`ROW`], in this order.
    pub columns: Vec<String>,
    plans: Vec<LogicalPlan>,
}

/// What [`Program::prepare`] found.
pub struct Prepared {
    /// The program; `None` when something is wrong.
    pub program: Option<Program>,
    /// Problems with the position of their mapping.
    pub problems: Vec<(usize, SqlProblem)>,
    /// Output columns of every mapping that planned.
    pub outputs: Vec<Option<SchemaRef>>,
    /// Columns that the file does not show but may have (open-ended files).
    pub added: Vec<String>,
}

impl Program {
    /// Plans `mappings` over a file with the columns of `raw`.
    pub async fn prepare(engine: &Engine, mappings: &[Parsed], raw: &Schema, open_ended: bool) -> Prepared {
        let mut prepared = Prepared { program: None, problems: Vec::new(), outputs: Vec::new(), added: Vec::new() };
        for (at, parsed) in mappings.iter().enumerate() {
            let resolved = engine.resolve(parsed, raw, open_ended).await;
            prepared.problems.extend(resolved.problems.into_iter().map(|problem| (at, problem)));
            prepared.outputs.push(resolved.output);
            for name in resolved.added {
                if !prepared.added.contains(&name) {
                    prepared.added.push(name);
                }
            }
        }
        if !prepared.problems.is_empty() {
            return prepared;
        }
        let fields = raw
            .fields()
            .iter()
            .cloned()
            .chain(prepared.added.iter().map(|name| Arc::new(Field::new(name, DataType::Utf8, true))));
        let fields: Vec<_> = fields.collect();
        let full = Schema::new(fields.clone());
        let named: Option<BTreeSet<String>> =
            mappings.iter().map(|parsed| parsed.columns(&full)).try_fold(BTreeSet::new(), |mut all, some| {
                all.extend(some?);
                Some(all)
            });
        let needed: Vec<_> =
            fields.into_iter().filter(|field| named.as_ref().is_none_or(|named| named.contains(field.name()))).collect();
        let columns = needed.iter().map(|field| field.name().clone()).collect();
        let row = Arc::new(Field::new(ROW, DataType::Int64, false));
        let schema = Arc::new(Schema::new(std::iter::once(row).chain(needed).collect::<Vec<_>>()));
        let mut plans = Vec::new();
        for (at, parsed) in mappings.iter().enumerate() {
            match engine.plan(parsed, &schema).await {
                Ok(plan) => plans.push(plan),
                Err(error) => prepared.problems.push((at, parsed.planning_problem(&error))),
            }
        }
        if prepared.problems.is_empty() {
            prepared.program = Some(Self { state: engine.state.clone(), columns, plans });
        }
        prepared
    }

    /// Number of mappings.
    pub fn len(&self) -> usize {
        self.plans.len()
    }

    /// Whether there is no mapping.
    pub fn is_empty(&self) -> bool {
        self.plans.is_empty()
    }

    /// What mapping `at` makes of `chunk`, which has [`ROW`] and [`Self::columns`].
    pub async fn run(&self, at: usize, chunk: &RecordBatch) -> Result<RecordBatch, DataFusionError> {
        let raw: Arc<dyn TableProvider> = Arc::new(MemTable::try_new(chunk.schema(), vec![vec![chunk.clone()]])?);
        let source = provider_as_source(raw);
        let plan = self.plans[at].clone().transform_down(|node| {
            Ok(match node {
                LogicalPlan::TableScan(mut scan) if scan.table_name.table() == RAW => {
                    scan.source = source.clone();
                    Transformed::yes(LogicalPlan::TableScan(scan))
                }
                node => Transformed::no(node),
            })
        })?;
        let physical = self.state.create_physical_plan(&plan.data).await?;
        let schema = physical.schema();
        let batches = datafusion::physical_plan::collect(physical, self.state.task_ctx()).await?;
        Ok(concat_batches(&schema, &batches)?)
    }
}

/// `, did you mean x?` for a name that is close to a known one.
fn hint(name: &str, known: &[&str]) -> String {
    nearest(name, known.iter().copied()).map_or(String::new(), |known| format!(": did you mean {known}?"))
}
