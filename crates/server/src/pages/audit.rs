//! `GET /audit`: both conservation equations, recounted from accounting, tables and quarantine.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use crate::app::App;
use crate::error::Answer;
use crate::wire::Audit;

/// Every fact is counted: 40 million, beside merges, took longer than a query may.
const AUDIT_SECONDS: u64 = 900;

/// Does everything that came in add up?
#[utoipa::path(get, path = "/api/v1/audit", responses((status = 200, body = Audit), (status = "default", body = crate::wire::ErrorBody)), tag = "work")]
pub async fn audit(State(app): State<Arc<App>>) -> Answer<Audit> {
    let recount = async { Ok(clew_intake::audit(&app.lake, &app.sources).await?) };
    Ok(Json(app.limited_to(AUDIT_SECONDS, Box::pin(recount)).await?.into()))
}
