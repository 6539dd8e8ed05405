//! `GET /api/v1/trunks`: how the trunks stand, in order of preference.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde_json::json;

use crate::api::Operator;
use crate::error::ApiError;
use crate::{Api, answer};

pub(super) async fn list(_: Operator, State(api): State<Arc<Api>>) -> Result<Response, ApiError> {
    Ok(answer::ok(&json!({"trunks": api.engine.trunks()}))?)
}
