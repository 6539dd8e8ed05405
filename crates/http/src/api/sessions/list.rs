//! `GET /api/v1/sessions`: live sessions, the youngest first, then the last ones that ended.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde_json::json;

use crate::api::Operator;
use crate::error::ApiError;
use crate::{Api, answer};

pub(in crate::api) async fn list(
    _: Operator,
    State(api): State<Arc<Api>>,
) -> Result<Response, ApiError> {
    Ok(answer::ok(&json!({"sessions": api.engine.sessions()}))?)
}
