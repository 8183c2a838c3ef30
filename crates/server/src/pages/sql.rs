//! `POST /sql`: one query over all tables, read-only.
//!
//! The engine plans the text and refuses everything that is not a query: no DDL, no DML, no SET, no COPY, whatever it is
//! nested in. Time, memory and rows have limits; files of the machine are out of reach, because no table of this session
//! reads a path.

use std::sync::Arc;
use std::time::Instant;

use arrow::array::RecordBatch;
use axum::Json;
use axum::extract::State;
use datafusion::error::DataFusionError;
use datafusion::execution::context::SQLOptions;
use futures::StreamExt;
use serde_json::Value;

use crate::app::App;
use crate::error::{Answer, ApiError, Kind};
use crate::extract::Body;
use crate::json::values;
use crate::wire::{SqlColumn, SqlRequest, SqlResult};

/// Rows where none are asked for, and at most.
const USUAL_ROWS: u64 = 1_000;
const MOST_ROWS: u64 = 10_000;
/// The longest query, bytes.
const LONGEST: usize = 100_000;
/// The largest answer, bytes in memory.
const MOST_BYTES: usize = 64 << 20;

/// One query.
#[utoipa::path(post, path = "/api/v1/sql", request_body = SqlRequest, responses((status = 200, body = SqlResult), (status = "default", body = crate::wire::ErrorBody)), tag = "work")]
pub async fn sql(State(app): State<Arc<App>>, Body(request): Body<SqlRequest>) -> Answer<SqlResult> {
    let limit = request.limit.unwrap_or(USUAL_ROWS);
    if limit == 0 || limit > MOST_ROWS {
        return Err(ApiError::invalid(format!("`limit` is 1 to {MOST_ROWS}.")));
    }
    if request.query.len() > LONGEST {
        return Err(ApiError::new(Kind::TooLarge, format!("A query has at most {LONGEST} bytes.")));
    }
    app.limited(query(&app, &request.query, limit as usize)).await.map(Json)
}

async fn query(app: &App, text: &str, limit: usize) -> Result<SqlResult, ApiError> {
    let started = Instant::now();
    let read_only = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    let frame = app.lake.session().sql_with_options(text, read_only).await.map_err(refused)?;
    let columns: Vec<SqlColumn> = frame
        .schema()
        .fields()
        .iter()
        .map(|field| SqlColumn { name: field.name().clone(), kind: field.data_type().to_string() })
        .collect();
    let mut stream = frame.execute_stream().await.map_err(refused)?;
    let (mut rows, mut bytes, mut truncated) = (Vec::new(), 0, false);
    while let Some(batch) = stream.next().await {
        let batch = batch.map_err(refused)?;
        let room = limit - rows.len();
        truncated = batch.num_rows() > room;
        let batch = batch.slice(0, room.min(batch.num_rows()));
        bytes += batch.get_array_memory_size();
        if bytes > MOST_BYTES {
            return Err(ApiError::new(Kind::TooLarge, "The answer is larger than 64 MiB. Ask for fewer columns or rows."));
        }
        rows.extend(rows_of(&batch)?);
        if truncated {
            break;
        }
    }
    Ok(SqlResult { columns, rows, truncated, seconds: started.elapsed().as_secs_f64() })
}

fn rows_of(batch: &RecordBatch) -> Result<Vec<Vec<Value>>, ApiError> {
    let mut columns = Vec::with_capacity(batch.num_columns());
    for column in batch.columns() {
        columns.push(values(column)?.into_iter());
    }
    Ok((0..batch.num_rows()).map(|_| columns.iter_mut().map(|column| column.next().unwrap_or_default()).collect()).collect())
}

/// What a query did wrong is told in the engine's words; what it needs too much of is a limit.
fn refused(error: DataFusionError) -> ApiError {
    match error.find_root() {
        DataFusionError::ResourcesExhausted(_) => error.into(),
        root => ApiError::invalid(root.strip_backtrace()),
    }
}
