//! `POST /api/v1/services/import`: services from the text of a file, all or nothing.

use std::sync::Arc;

use axum::extract::{RawQuery, Request, State};
use axum::response::Response;
use callback::limits::IMPORT_MAX;

use crate::api::{Operator, import_answer, mode};
use crate::error::ApiError;
use crate::{Api, body};

pub(in crate::api) async fn import(
    operator: Operator,
    State(api): State<Arc<Api>>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Result<Response, ApiError> {
    let mode = mode::parse(query.as_deref())?;
    let body = body::read(request, IMPORT_MAX).await?;
    let by = operator.author("import");
    let import = api.engine.import_services(body.text()?, mode, by).await?;
    Ok(import_answer(&import)?)
}
