//! `DELETE /api/v1/agents/{id}`: removes an agent; 409 while the agent is busy with a callback.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use callback::AgentId;
use serde_json::json;

use crate::api::Operator;
use crate::error::ApiError;
use crate::path::ApiPath;
use crate::{Api, answer};

pub(in crate::api) async fn remove(
    _: Operator,
    State(api): State<Arc<Api>>,
    ApiPath(id): ApiPath<String>,
) -> Result<Response, ApiError> {
    api.engine.remove_agent(&AgentId::new(id)).await?;
    Ok(answer::ok(&json!({}))?)
}
