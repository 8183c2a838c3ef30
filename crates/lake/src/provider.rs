//! A table as DataFusion sees it: committed Parquet files, the tail's files and the tail's rows in one scan.
//!
//! What a scan reads is looked up when it is planned, so a session sees new rows in its next query. Filters prune files
//! by their statistics and row groups inside DataFusion's own Parquet scan; they stay in the plan (`Inexact`), because
//! a row group is the finest that pruning sees. Partition columns come from the log, not from the files.

use std::path::PathBuf;
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use async_trait::async_trait;
use clew_model::tables::Table;
use datafusion::catalog::memory::MemorySourceConfig;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{DFSchema, DataFusionError, Result, ScalarValue, Statistics};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::pruning::PruningPredicate;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::union::UnionExec;
use object_store::path::Path as ObjectPath;

use crate::datafile::{DataFile, file_schema, planner_statistics};
use crate::schema::conform;
use crate::state::{SharedState, View};

/// One table of the lake.
#[derive(Debug)]
pub(crate) struct LakeTable {
    table: &'static Table,
    folder: PathBuf,
    state: SharedState,
}

impl LakeTable {
    pub(crate) fn new(table: &'static Table, folder: PathBuf, state: SharedState) -> Self {
        Self { table, folder, state }
    }

    fn view(&self) -> Result<View> {
        let state = self.state.read().expect("no writer of the state panics");
        state.view(self.table.name).ok_or_else(|| DataFusionError::Plan(format!("no table {}", self.table.name)))
    }

    fn scan_files(&self, state: &dyn Session, view: &View, scan: &Scan) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let files = file_schema(self.table, &view.schema);
        let partition = view.schema.fields().iter().filter(|f| self.table.partition_by.contains(&f.name().as_str()));
        let source_schema = TableSchema::builder(files).with_table_partition_cols(partition.cloned().collect::<Vec<_>>()).build();
        let full = Arc::clone(source_schema.table_schema());
        let predicate = scan.predicate(state, &full)?;
        let all: Vec<&DataFile> = view.files.iter().chain(&view.tail_files).collect();
        let statistics: Vec<Arc<Statistics>> = all.iter().map(|file| Arc::new(Self::file_statistics(file, &full))).collect();
        let kept = prune(predicate.as_ref(), &full, &statistics);
        let mut group = FileGroup::default();
        let (mut rows, mut bytes) = (0, 0);
        for ((file, statistics), _) in all.into_iter().zip(statistics).zip(kept).filter(|(_, kept)| *kept) {
            rows += file.rows as usize;
            bytes += file.size as usize;
            group.push(self.partitioned(file, &statistics)?);
        }
        if group.is_empty() {
            return Ok(None);
        }
        let mut source = ParquetSource::new(source_schema).with_table_parquet_options(state.table_options().parquet.clone());
        if let Some(predicate) = predicate {
            source = source.with_predicate(predicate);
        }
        let mut summary = Statistics::new_unknown(&full);
        summary.num_rows = Precision::Exact(rows);
        summary.total_byte_size = Precision::Inexact(bytes);
        let projection = scan.indices(&view.schema, &full);
        let groups = group.split_files(state.config().target_partitions());
        let config = FileScanConfigBuilder::new(ObjectStoreUrl::local_filesystem(), Arc::new(source))
            .with_file_groups(groups)
            .with_statistics(summary)
            .with_limit(scan.limit)
            .with_projection_indices(Some(projection))?
            .build();
        Ok(Some(DataSourceExec::from_data_source(config)))
    }

    /// The file's statistics, marked exact as pruning wants them.
    fn file_statistics(file: &DataFile, full: &Schema) -> Statistics {
        let mut statistics = planner_statistics(file, full);
        if let Some(bucket) = file.bucket
            && let Some(column) = statistics.column_statistics.last_mut()
        {
            let value = ScalarValue::Int32(Some(bucket));
            column.min_value = Precision::Exact(value.clone());
            column.max_value = Precision::Exact(value);
            column.null_count = Precision::Exact(0);
        }
        statistics
    }

    fn partitioned(&self, file: &DataFile, statistics: &Statistics) -> Result<PartitionedFile> {
        let mut partitioned = PartitionedFile::new(String::new(), file.size);
        partitioned.object_meta.location = ObjectPath::from_absolute_path(self.folder.join(&file.path))?;
        partitioned.partition_values = self.table.partition_by.iter().map(|_| ScalarValue::Int32(file.bucket)).collect();
        // The ends in the log enclose the values but need not be values: a minimum must not be answered from them.
        let mut enclosing = statistics.clone().to_inexact();
        enclosing.num_rows = statistics.num_rows;
        partitioned.statistics = Some(Arc::new(enclosing));
        Ok(partitioned)
    }
}

/// What a query wants of a table.
struct Scan<'a> {
    projection: Option<&'a Vec<usize>>,
    filters: &'a [Expr],
    limit: Option<usize>,
}

impl Scan<'_> {
    fn predicate(&self, state: &dyn Session, schema: &SchemaRef) -> Result<Option<Arc<dyn PhysicalExpr>>> {
        let Some(filter) = conjunction(self.filters.to_vec()) else { return Ok(None) };
        let schema = DFSchema::try_from(Arc::clone(schema))?;
        Ok(Some(state.create_physical_expr(filter, &schema)?))
    }

    /// The wanted columns, given in the order of `table`, as indices of `files`, whose partition columns come last.
    fn indices(&self, table: &SchemaRef, files: &SchemaRef) -> Vec<usize> {
        let all: Vec<usize>;
        let wanted = if let Some(projection) = self.projection {
            projection
        } else {
            all = (0..table.fields().len()).collect();
            &all
        };
        wanted.iter().map(|i| files.index_of(table.field(*i).name()).expect("the same columns in another order")).collect()
    }

    fn projected(&self, schema: &SchemaRef) -> Result<SchemaRef> {
        Ok(self.projection.map_or_else(|| Ok(Arc::clone(schema)), |columns| schema.project(columns).map(Arc::new))?)
    }
}

/// Which files may hold rows that satisfy `predicate`.
fn prune(predicate: Option<&Arc<dyn PhysicalExpr>>, schema: &SchemaRef, files: &[Arc<Statistics>]) -> Vec<bool> {
    use datafusion::common::pruning::PrunableStatistics;
    let keep_all = || vec![true; files.len()];
    let Some(predicate) = predicate else { return keep_all() };
    #[expect(deprecated, reason = "the builder that replaces it has no counterpart for a bare schema yet")]
    let Ok(pruning) = PruningPredicate::try_new(Arc::clone(predicate), Arc::clone(schema)) else { return keep_all() };
    pruning.prune(&PrunableStatistics::new(files.to_vec(), Arc::clone(schema))).unwrap_or_else(|_| keep_all())
}

#[async_trait]
impl TableProvider for LakeTable {
    fn schema(&self) -> SchemaRef {
        let state = self.state.read().expect("no writer of the state panics");
        state.schema(self.table.name).unwrap_or_else(|| crate::schema::arrow_schema(self.table))
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let view = self.view()?;
        let scan = Scan { projection, filters, limit };
        let mut plans = Vec::with_capacity(2);
        plans.extend(self.scan_files(state, &view, &scan)?);
        if !view.rows.is_empty() {
            let conformed = view.rows.iter().map(|rows| conform(self.table.name, rows, &view.schema));
            let rows = conformed.collect::<Result<Vec<_>, _>>().map_err(|misfit| {
                DataFusionError::Internal(format!("unsealed rows of {} do not fit: {}", misfit.table, misfit.detail))
            })?;
            let tail = MemorySourceConfig::try_new_exec(&[rows], Arc::clone(&view.schema), projection.cloned())?;
            plans.push(tail as Arc<dyn ExecutionPlan>);
        }
        match plans.len() {
            0 => Ok(Arc::new(EmptyExec::new(scan.projected(&view.schema)?))),
            1 => Ok(plans.remove(0)),
            _ => UnionExec::try_new(plans),
        }
    }

    fn statistics(&self) -> Option<Statistics> {
        let view = self.view().ok()?;
        let mut statistics = Statistics::new_unknown(&view.schema);
        let files: u64 = view.files.iter().chain(&view.tail_files).map(|file| file.rows).sum();
        let rows: usize = view.rows.iter().map(arrow::array::RecordBatch::num_rows).sum();
        statistics.num_rows = Precision::Exact(files as usize + rows);
        Some(statistics)
    }
}
