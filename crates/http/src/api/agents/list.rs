//! `GET /api/v1/agents`: every agent with state, groups and skills.

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
    Ok(answer::ok(&json!({"agents": api.engine.agents().await?}))?)
}
