//! The `.slt` files of `tests/sql`, on the sample project after import and run: functions, views and tables as SQL sees them.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::sync::Arc;

use arrow::util::display::{ArrayFormatter, FormatOptions};
use clew_lake::{Lake, Options};
use sqllogictest::{DB, DBOutput, DefaultColumnType, Runner};
use support::{clew, repository, shop, value};
use tokio::runtime::Runtime;

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct QueryError(String);

/// A lake as the test runner asks it.
struct Session {
    lake: Lake,
    runtime: Arc<Runtime>,
}

impl DB for Session {
    type Error = QueryError;
    type ColumnType = DefaultColumnType;

    fn run(&mut self, sql: &str) -> Result<DBOutput<Self::ColumnType>, QueryError> {
        let failed = |error: &dyn std::fmt::Display| QueryError(error.to_string());
        let batches = self.runtime.block_on(async {
            let frame = self.lake.session().sql(sql).await.map_err(|error| failed(&error))?;
            frame.collect().await.map_err(|error| failed(&error))
        })?;
        let options = FormatOptions::default().with_null("NULL");
        let mut rows = Vec::new();
        for batch in &batches {
            let columns: Vec<_> =
                batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options).unwrap()).collect();
            rows.extend((0..batch.num_rows()).map(|row| columns.iter().map(|column| column.value(row).to_string()).collect()));
        }
        let types = vec![DefaultColumnType::Any; batches.first().map_or(0, arrow::array::RecordBatch::num_columns)];
        Ok(DBOutput::Rows { types, rows })
    }

    fn engine_name(&self) -> &'static str {
        "clew"
    }
}

#[test]
fn sql_answers_as_written() {
    let folder = shop();
    let project = folder.path().join("shop");
    clew(&project, &["import"]).done();
    clew(&project, &["run"]).done();
    // Functions of mappings are there to be tried.
    let tried =
        "SELECT clean_email('mailto:Ann@X.org') || ' ' || parse_time('31.12.2025', '%d.%m.%Y') || ' ' || html_text('a &amp; b')";
    assert_eq!(value(&project, tried), "ann@x.org 2025-12-31T00:00:00 a & b");

    let runtime = Arc::new(Runtime::new().unwrap());
    let options = Options { extensions: clew_pipeline::registry(), ..Options::default() };
    let lake = runtime.block_on(Lake::open(&project.join(".clew"), options)).unwrap();
    let mut files: Vec<_> =
        std::fs::read_dir(repository().join("tests/sql")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    for file in files {
        let mut runner = Runner::new(|| {
            let session = Session { lake: lake.clone(), runtime: Arc::clone(&runtime) };
            async move { Ok(session) }
        });
        runner.run_file(&file).unwrap_or_else(|error| panic!("{}: {}", file.display(), error.display(false)));
    }
}
