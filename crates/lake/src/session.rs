//! The SQL session: all tables, the extensions of the layers above, flat views, limits.
//!
//! Sessions are cheap to make: functions, optimizer and memory pool are shared, only the catalog is new, so that a table
//! which one session registers is not seen by another. Views are planned once per change of a table's schema.
//!
//! Views of the lake itself: `event_identifiers`, `record_identifiers`, `response_identifiers` flatten the lists for tools
//! that know no lists; `events_current`, `responses_current`, `records_current` show the newest version of each fact of
//! upsert and snapshot sources, without the deleted ones. Files without versioned rows are pruned from the costly half.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use clew_model::tables::Table;
use datafusion::catalog::{
    CatalogProvider, MemoryCatalogProvider, MemoryCatalogProviderList, MemorySchemaProvider, SchemaProvider, TableFunctionImpl,
    TableProvider,
};
use datafusion::datasource::ViewTable;
use datafusion::error::DataFusionError;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{AggregateUDF, ScalarUDF, WindowUDF};
use datafusion::prelude::{SessionConfig, SessionContext};
use futures::FutureExt;

use crate::error::{OpenError, StorageError};
use crate::provider::LakeTable;
use crate::state::SharedState;

const CATALOG: &str = "clew";
const SCHEMA: &str = "public";

/// What the layers above add to SQL. Bound in one place, `pipeline::registry()`.
#[derive(Clone, Debug, Default)]
pub struct Extensions {
    /// Scalar functions.
    pub udfs: Vec<Arc<ScalarUDF>>,
    /// Aggregate functions.
    pub udafs: Vec<Arc<AggregateUDF>>,
    /// Window functions.
    pub udwfs: Vec<Arc<WindowUDF>>,
    /// Table functions by name.
    pub udtfs: Vec<(String, Arc<dyn TableFunctionImpl>)>,
    /// Tables by name, made by the layers above.
    pub tables: Vec<(String, Arc<dyn TableProvider>)>,
    /// Views: name and SQL; a later one may use an earlier one.
    pub views: Vec<(String, String)>,
}

/// What every session of a lake shares.
pub(crate) struct Engine {
    template: SessionState,
    tables: PathBuf,
    views: Vec<(String, String)>,
    added: Vec<(String, Arc<dyn TableProvider>)>,
    state: SharedState,
    planned: Mutex<Option<(u64, Providers)>>,
}

type Providers = Arc<HashMap<String, Arc<dyn TableProvider>>>;

/// Limits of the engine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) memory: usize,
    pub(crate) threads: usize,
}

impl Engine {
    /// An engine over the tables in `store`.
    pub(crate) fn new(store: &Path, state: SharedState, limits: Limits, extensions: &Extensions) -> Result<Self, OpenError> {
        let failed = |name: &str| {
            let name = name.to_owned();
            move |source| OpenError::Extension { name, source }
        };
        let runtime = runtime(store, limits.memory)?;
        let mut config = SessionConfig::new()
            .with_target_partitions(limits.threads.max(1))
            .with_information_schema(true)
            .with_create_default_catalog_and_schema(false)
            .with_default_catalog_and_schema(CATALOG, SCHEMA);
        config.options_mut().sql_parser.enable_ident_normalization = true;
        let mut template =
            SessionStateBuilder::new().with_config(config).with_runtime_env(runtime).with_default_features().build();
        datafusion_functions_json::register_all(&mut template).map_err(failed("json functions"))?;
        let context = SessionContext::new_with_state(template);
        for function in &extensions.udfs {
            context.register_udf(function.as_ref().clone());
        }
        for function in &extensions.udafs {
            context.register_udaf(function.as_ref().clone());
        }
        for function in &extensions.udwfs {
            context.register_udwf(function.as_ref().clone());
        }
        for (name, function) in &extensions.udtfs {
            context.register_udtf(name, Arc::clone(function));
        }
        let mut views = own_views();
        views.extend(extensions.views.iter().cloned());
        let added = extensions.tables.clone();
        let engine =
            Self { template: context.state(), tables: store.join("tables"), views, added, state, planned: Mutex::new(None) };
        engine.providers().map_err(|(name, source)| OpenError::Extension { name, source })?;
        Ok(engine)
    }

    /// A new session.
    pub(crate) fn session(&self) -> SessionContext {
        // Views that planned at opening plan again: tables only ever gain columns.
        let providers = self.providers().unwrap_or_else(|(name, error)| {
            tracing::error!(view = name, %error, "a view does not plan any more; tables only");
            Arc::new(self.base_tables())
        });
        self.context(&providers)
    }

    fn context(&self, providers: &HashMap<String, Arc<dyn TableProvider>>) -> SessionContext {
        let schema = MemorySchemaProvider::new();
        for (name, provider) in providers {
            schema.register_table(name.clone(), Arc::clone(provider)).expect("a new schema refuses no table");
        }
        let catalog = MemoryCatalogProvider::new();
        catalog.register_schema(SCHEMA, Arc::new(schema)).expect("a new catalog refuses no schema");
        let list = MemoryCatalogProviderList::new();
        datafusion::catalog::CatalogProviderList::register_catalog(&list, CATALOG.to_owned(), Arc::new(catalog));
        let builder = SessionStateBuilder::new_from_existing(self.template.clone()).with_catalog_list(Arc::new(list));
        SessionContext::new_with_state(builder.build())
    }

    fn base_tables(&self) -> HashMap<String, Arc<dyn TableProvider>> {
        let table = |table: &'static Table| {
            let provider = LakeTable::new(table, self.tables.join(table.name), Arc::clone(&self.state));
            (table.name.to_owned(), Arc::new(provider) as Arc<dyn TableProvider>)
        };
        Table::all().map(table).chain(self.added.iter().cloned()).collect()
    }

    fn providers(&self) -> Result<Providers, (String, DataFusionError)> {
        let generation = self.state.read().expect("no writer of the state panics").generation;
        let mut planned = self.planned.lock().expect("no planner panics");
        if let Some((at, providers)) = planned.as_ref()
            && *at == generation
        {
            return Ok(Arc::clone(providers));
        }
        let mut providers = self.base_tables();
        let context = self.context(&providers);
        for (name, sql) in &self.views {
            let view = plan_view(&context, sql).map_err(|error| (name.clone(), error))?;
            context.register_table(name.as_str(), Arc::clone(&view)).map_err(|error| (name.clone(), error))?;
            providers.insert(name.clone(), view);
        }
        let providers = Arc::new(providers);
        *planned = Some((generation, Arc::clone(&providers)));
        Ok(providers)
    }
}

/// Planning over tables in memory never waits, hence needs no executor.
fn plan_view(context: &SessionContext, sql: &str) -> Result<Arc<dyn TableProvider>, DataFusionError> {
    let frame = context
        .sql(sql)
        .now_or_never()
        .ok_or_else(|| DataFusionError::Plan("a view may only use tables of the lake".to_owned()))??;
    Ok(Arc::new(ViewTable::new(frame.into_unoptimized_plan(), Some(sql.to_owned()))))
}

fn runtime(store: &Path, memory: usize) -> Result<Arc<RuntimeEnv>, OpenError> {
    let spill = store.join("tmp");
    std::fs::create_dir_all(&spill).map_err(|e| StorageError::io(&spill, e))?;
    let disk = DiskManagerBuilder::default().with_mode(DiskManagerMode::Directories(vec![spill]));
    RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(FairSpillPool::new(memory)))
        .with_disk_manager_builder(disk)
        .build_arc()
        .map_err(|source| OpenError::Extension { name: "engine".to_owned(), source })
}

fn own_views() -> Vec<(String, String)> {
    let mut views = Vec::new();
    for (table, view, id) in [
        ("events", "event_identifiers", "event_id"),
        ("records", "record_identifiers", "record_id"),
        ("responses", "response_identifiers", "response_id"),
    ] {
        views.push((
            view.to_owned(),
            format!(
                "SELECT {id}, source, population, subject, identifier['type'] AS type, identifier['value'] AS value \
                 FROM (SELECT {id}, source, population, subject, unnest(identifiers) AS identifier FROM {table})"
            ),
        ));
    }
    for (table, id, last) in [
        ("events", "event_id", "received_at DESC, file DESC, row_no DESC"),
        ("records", "record_id", "received_at DESC, file DESC, row_no DESC"),
        ("responses", "response_id", "received_at DESC, file DESC, row_no DESC"),
    ] {
        views.push((
            format!("{table}_current"),
            format!(
                "SELECT * FROM {table} WHERE valid_from IS NULL UNION ALL SELECT * EXCEPT (version_no) FROM \
                 (SELECT *, row_number() OVER (PARTITION BY source, {id} ORDER BY valid_from DESC, {last}) AS version_no \
                 FROM {table} WHERE valid_from IS NOT NULL) WHERE version_no = 1 AND deleted IS NOT TRUE"
            ),
        ));
    }
    views.push((
        "quarantine_open".to_owned(),
        "SELECT q.* FROM quarantine q LEFT ANTI JOIN (SELECT quarantine_id AS closed FROM repairs WHERE outcome <> 'quarantined') r \
         ON r.closed = q.quarantine_id"
            .to_owned(),
    ));
    views
}
