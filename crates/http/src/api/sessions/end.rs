//! `DELETE /api/v1/sessions/{id}`: ends a session.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde_json::json;

use crate::api::Operator;
use crate::error::ApiError;
use crate::path::ApiPath;
use crate::{Api, answer};

pub(in crate::api) async fn end(
    _: Operator,
    State(api): State<Arc<Api>>,
    ApiPath(id): ApiPath<String>,
) -> Result<Response, ApiError> {
    api.engine.end_session(&id)?;
    Ok(answer::ok(&json!({}))?)
}
