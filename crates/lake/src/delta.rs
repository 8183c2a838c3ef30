//! One Delta table: creation, commits, the list of active files.
//!
//! Clew writes its own Parquet files and hands delta-rs the add, remove and transaction actions: its commit protocol,
//! checkpoints and log clean-up are what we want from it, its writer and its physical scan are not (see DESIGN,
//! *Kernels*). A commit's log file is synced before the caller forgets the data elsewhere: object_store does not.
//!
//! A table exists from its first rows on; before, queries see an empty one. A table of a newer `clew.table_version`, and
//! one where another engine turned on deletion vectors or column mapping, is refused: reading it wrongly is worse.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use clew_model::Timestamp;
use clew_model::tables::{TABLE_VERSION, Table};
use deltalake::kernel::engine::arrow_conversion::TryIntoKernel;
use deltalake::kernel::transaction::{CommitBuilder, CommitProperties};
use deltalake::kernel::{Action, Add, MetadataExt, Remove, StructType, Transaction};
use deltalake::logstore::LogStoreRef;
use deltalake::operations::create::CreateBuilder;
use deltalake::protocol::{DeltaOperation, SaveMode};
use deltalake::table::state::DeltaTableState;
use deltalake::{DeltaTableBuilder, DeltaTableError, ensure_table_uri};
use futures::TryStreamExt;

use crate::crash;
use crate::datafile::{DataFile, stats_rows, sync_folder};
use crate::error::{OpenError, StorageError};
use crate::schema::{PROMOTED, arrow_schema, widen};

/// The application id under which a commit notes how far the log is sealed.
pub(crate) const APPLICATION: &str = "clew-log";
const VERSION_PROPERTY: &str = "clew.table_version";
const CHECKPOINT_INTERVAL: &str = "50";

/// A table in the store, created or not.
pub(crate) struct Delta {
    pub(crate) table: &'static Table,
    pub(crate) folder: PathBuf,
    loaded: Option<(LogStoreRef, DeltaTableState)>,
    sealed: u64,
}

/// What one commit changes.
#[derive(Debug, Default)]
pub(crate) struct Change {
    pub(crate) add: Vec<DataFile>,
    pub(crate) remove: Vec<DataFile>,
    /// The rows stay what they are, only their files change.
    pub(crate) rearranges: bool,
    /// End offset of the log range that the commit seals.
    pub(crate) sealed: Option<u64>,
    pub(crate) at: Option<Timestamp>,
}

/// A table as committed.
#[derive(Clone, Debug)]
pub(crate) struct Committed {
    pub(crate) version: Option<i64>,
    pub(crate) sealed: u64,
    pub(crate) schema: SchemaRef,
    pub(crate) files: Arc<Vec<DataFile>>,
}

impl Delta {
    /// The table's newest version in `folder`, or a table yet to be created.
    pub(crate) async fn open(table: &'static Table, folder: PathBuf) -> Result<Self, OpenError> {
        if !folder.join("_delta_log").is_dir() {
            return Ok(Self { table, folder, loaded: None, sealed: 0 });
        }
        let delta = |e| StorageError::delta(table.name, e);
        let store = log_store(&folder).map_err(delta)?;
        let state = match DeltaTableState::try_new(store.as_ref(), None).await {
            Ok(state) => state,
            // A crash before the first commit: the folder is there, the table is not.
            Err(DeltaTableError::NotATable(_)) => return Ok(Self { table, folder, loaded: None, sealed: 0 }),
            Err(e) => return Err(delta(e).into()),
        };
        check(table, &state)?;
        let sealed = state.transaction_version(store.as_ref(), APPLICATION).await.map_err(delta)?;
        let sealed = sealed.and_then(|offset| u64::try_from(offset).ok()).unwrap_or(0);
        Ok(Self { table, folder, loaded: Some((store, state)), sealed })
    }

    /// The newest version, or `None` before the first.
    pub(crate) fn version(&self) -> Option<i64> {
        self.loaded.as_ref().map(|(_, state)| state.version() as i64)
    }

    /// Everything that readers need.
    pub(crate) fn committed(&self) -> Result<Committed, StorageError> {
        let files = self.loaded.as_ref().map(|(_, state)| files(self.table, state)).unwrap_or_default();
        Ok(Committed { version: self.version(), sealed: self.sealed, schema: self.schema()?, files: Arc::new(files) })
    }

    /// Files that earlier versions named, with the time in milliseconds at which they were replaced.
    pub(crate) async fn tombstones(&self) -> Result<Vec<(String, i64)>, StorageError> {
        let Some((store, state)) = &self.loaded else { return Ok(Vec::new()) };
        let found: Vec<_> =
            state.all_tombstones(store.as_ref()).try_collect().await.map_err(|e| StorageError::delta(self.table.name, e))?;
        Ok(found.iter().map(|file| (file.path().into_owned(), file.deletion_timestamp().unwrap_or(0))).collect())
    }

    /// The paths of the files that were active in `version`; `None` where that version can no longer be read.
    pub(crate) async fn files_at(&self, version: i64) -> Option<std::collections::HashSet<String>> {
        let (store, _) = self.loaded.as_ref()?;
        let state = DeltaTableState::try_new(store.as_ref(), Some(u64::try_from(version).ok()?)).await.ok()?;
        Some(state.log_data().iter().map(|file| file.path().into_owned()).collect())
    }

    /// The table's schema: the model's columns and the promoted ones.
    pub(crate) fn schema(&self) -> Result<SchemaRef, StorageError> {
        let base = arrow_schema(self.table);
        let Some((_, state)) = &self.loaded else { return Ok(base) };
        let stored = state.snapshot().arrow_schema();
        let promoted = stored.fields().iter().filter(|field| field.name().starts_with(PROMOTED)).map(|field| plain(field));
        widen(self.table, &base, &Schema::new(promoted.collect::<Vec<_>>()))
            .map_err(|misfit| StorageError::Damaged { what: format!("table {}", self.table.name), detail: misfit.detail })
    }

    /// Commits `change` under `schema`, creating the table or adding its columns first where needed.
    pub(crate) async fn commit(&mut self, change: Change, schema: &SchemaRef) -> Result<(), StorageError> {
        if self.loaded.is_none() {
            self.create(schema).await?;
            crash::point("seal.table_created");
        }
        let table = self.table;
        let delta = |e| StorageError::delta(table.name, e);
        let (store, state) = self.loaded.as_mut().expect("created above");
        let mut actions = Vec::with_capacity(change.add.len() + change.remove.len() + 1);
        if let Some(metadata) = evolved(table, state, schema).map_err(delta)? {
            actions.push(Action::Metadata(metadata));
        }
        let at = change.at.map_or(0, |at| at.micros().div_euclid(1000));
        let mode = if change.remove.is_empty() { SaveMode::Append } else { SaveMode::Overwrite };
        let data_change = !change.rearranges;
        actions.extend(change.remove.into_iter().map(|file| Action::Remove(Remove { data_change, ..remove(table, file, at) })));
        actions.extend(change.add.into_iter().map(|file| Action::Add(Add { data_change, ..add(table, file, at) })));
        let mut properties = CommitProperties::default();
        let sealed = change.sealed;
        if let Some(offset) = sealed {
            properties = properties.with_application_transaction(Transaction::new(APPLICATION, offset as i64));
        }
        let partition_by = (!table.partition_by.is_empty()).then(|| table.partition_by.iter().map(ToString::to_string).collect());
        let operation = DeltaOperation::Write { mode, partition_by, predicate: None };
        let commit = CommitBuilder::from(properties).with_actions(actions);
        let finished = commit.build(Some(&*state), Arc::clone(store), operation).await.map_err(delta)?;
        *state = finished.snapshot();
        self.sealed = sealed.unwrap_or(self.sealed);
        self.sync(state_version(self.loaded.as_ref()))
    }

    async fn create(&mut self, schema: &SchemaRef) -> Result<(), StorageError> {
        let table = self.table;
        let delta = |e| StorageError::delta(table.name, e);
        std::fs::create_dir_all(&self.folder).map_err(|e| StorageError::io(&self.folder, e))?;
        let columns = kernel_schema(table, schema)?;
        // A partition column has its value in the log anyway, and is not in the files' schema.
        let statistics: Vec<_> = table.statistics_columns().filter(|name| !table.partition_by.contains(name)).collect();
        let store = log_store(&self.folder).map_err(delta)?;
        let created = CreateBuilder::new()
            .with_log_store(Arc::clone(&store))
            .with_table_name(table.name)
            .with_comment(table.row)
            .with_columns(columns.fields().cloned())
            .with_partition_columns(table.partition_by.iter().copied())
            .with_configuration([
                ("delta.dataSkippingStatsColumns", Some(statistics.join(","))),
                ("delta.checkpointInterval", Some(CHECKPOINT_INTERVAL.to_owned())),
                (VERSION_PROPERTY, Some(TABLE_VERSION.to_string())),
            ])
            .with_raise_if_key_not_exists(false)
            .await
            .map_err(delta)?;
        let state = created.snapshot().map_err(delta)?.clone();
        self.loaded = Some((store, state));
        self.sync(0)
    }

    /// Makes the commit of `version` durable.
    fn sync(&self, version: u64) -> Result<(), StorageError> {
        let log = self.folder.join("_delta_log");
        let path = log.join(format!("{version:020}.json"));
        File::open(&path).and_then(|file| file.sync_all()).map_err(|e| StorageError::io(&path, e))?;
        sync_folder(&log)
    }
}

fn state_version(loaded: Option<&(LogStoreRef, DeltaTableState)>) -> u64 {
    loaded.map_or(0, |(_, state)| state.version())
}

fn log_store(folder: &Path) -> Result<LogStoreRef, DeltaTableError> {
    DeltaTableBuilder::from_url(ensure_table_uri(folder.to_string_lossy())?)?.build_storage()
}

fn check(table: &'static Table, state: &DeltaTableState) -> Result<(), OpenError> {
    let configuration = state.metadata().configuration();
    let property = |name: &str| configuration.get(name).map(String::as_str);
    let found = property(VERSION_PROPERTY).and_then(|version| version.parse().ok()).unwrap_or(TABLE_VERSION);
    if found > TABLE_VERSION {
        return Err(OpenError::TooNew { what: format!("table {}", table.name), found, known: TABLE_VERSION });
    }
    if property("delta.enableDeletionVectors") == Some("true") {
        return Err(OpenError::Unsupported { table: table.name, feature: "deletion vectors".to_owned() });
    }
    if property("delta.columnMapping.mode").is_some_and(|mode| mode != "none") {
        return Err(OpenError::Unsupported { table: table.name, feature: "column mapping".to_owned() });
    }
    if state.log_data().iter().any(|file| file.deletion_vector_descriptor().is_some()) {
        return Err(OpenError::Unsupported { table: table.name, feature: "deletion vectors".to_owned() });
    }
    Ok(())
}

fn files(table: &Table, state: &DeltaTableState) -> Vec<DataFile> {
    let view = |file: deltalake::kernel::LogicalFileView| {
        let stats = file.stats();
        let partition = table.partition_by.first();
        let bucket = partition.and_then(|name| file.partition_values_map().get(*name)?.as_deref()?.parse().ok());
        DataFile {
            path: file.path().into_owned(),
            size: file.size() as u64,
            rows: stats.as_deref().and_then(stats_rows).unwrap_or(0),
            bucket,
            stats,
        }
    };
    state.log_data().iter().map(view).collect()
}

fn partition_values(table: &Table, file: &DataFile) -> std::collections::HashMap<String, Option<String>> {
    table.partition_by.iter().map(|name| ((*name).to_owned(), file.bucket.map(|bucket| bucket.to_string()))).collect()
}

fn add(table: &Table, file: DataFile, at: i64) -> Add {
    Add {
        partition_values: partition_values(table, &file),
        path: file.path,
        size: file.size as i64,
        modification_time: at,
        data_change: true,
        stats: file.stats,
        tags: None,
        deletion_vector: None,
        base_row_id: None,
        default_row_commit_version: None,
        clustering_provider: None,
    }
}

fn remove(table: &Table, file: DataFile, at: i64) -> Remove {
    Remove {
        partition_values: Some(partition_values(table, &file)),
        path: file.path,
        data_change: true,
        deletion_timestamp: Some(at),
        extended_file_metadata: Some(true),
        size: Some(file.size as i64),
        tags: None,
        deletion_vector: None,
        base_row_id: None,
        default_row_commit_version: None,
    }
}

/// New metadata when `schema` has columns that the table lacks, or promoted ones of another type. Whoever retypes a column has rewritten the
/// files that hold it ([`crate::retype`]).
fn evolved(
    table: &'static Table,
    state: &DeltaTableState,
    schema: &SchemaRef,
) -> Result<Option<deltalake::kernel::Metadata>, DeltaTableError> {
    let stored = state.schema();
    let wanted: StructType = schema.as_ref().try_into_kernel()?;
    let retyped = |name: &String| {
        let wanted = wanted.field(name).filter(|_| name.starts_with(PROMOTED))?;
        stored.field(name).is_some_and(|stored| stored.data_type() != wanted.data_type()).then(|| wanted.clone())
    };
    if schema.fields().iter().all(|field| stored.field(field.name()).is_some() && retyped(field.name()).is_none()) {
        return Ok(None);
    }
    let kept = stored.fields().map(|field| retyped(field.name()).unwrap_or_else(|| field.clone()));
    let added = wanted.fields().filter(|field| stored.field(field.name()).is_none()).cloned();
    let evolved = StructType::try_new(kept.chain(added))?;
    let metadata = state.metadata().clone().with_schema(&evolved)?;
    Ok(Some(metadata.add_config_key(VERSION_PROPERTY.to_owned(), TABLE_VERSION.to_string())?))
        .inspect(|_| tracing::info!(table = table.name, "columns added or widened"))
}

fn kernel_schema(table: &'static Table, schema: &SchemaRef) -> Result<StructType, StorageError> {
    schema.as_ref().try_into_kernel().map_err(|e| StorageError::delta(table.name, DeltaTableError::from(e)))
}

/// `field` in the lake's own reading of its type: delta-rs may hand out views or other zones.
fn plain(field: &Field) -> Field {
    let kind = match field.data_type() {
        DataType::Utf8View | DataType::LargeUtf8 => DataType::Utf8,
        DataType::Timestamp(_, Some(_)) => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        kind => kind.clone(),
    };
    Field::new(field.name(), kind, true)
}
