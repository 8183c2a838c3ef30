//! `GET /audit`: both conservation equations, recounted from accounting, tables and quarantine.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use crate::app::App;
use crate::error::Answer;
use crate::wire::Audit;

/// Does everything that came in add up?
#[utoipa::path(get, path = "/api/v1/audit", responses((status = 200, body = Audit), (status = "default", body = crate::wire::ErrorBody)), tag = "work")]
pub async fn audit(State(app): State<Arc<App>>) -> Answer<Audit> {
    let recount = async { Ok(clew_intake::audit(&app.lake, &app.sources).await?) };
    Ok(Json(app.limited(Box::pin(recount)).await?.into()))
}
