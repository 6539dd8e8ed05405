//! `POST /api/v1/deliveries/retry` and `…/{id}/retry`: what was given up is tried again.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde_json::json;

use crate::api::Operator;
use crate::error::ApiError;
use crate::path::ApiPath;
use crate::{Api, answer};

/// One delivery.
pub(super) async fn one(
    _: Operator,
    State(api): State<Arc<Api>>,
    ApiPath(id): ApiPath<String>,
) -> Result<Response, ApiError> {
    let retried = api.engine.retry_deliveries(Some(&id)).await?;
    Ok(answer::ok(&json!({"retried": retried}))?)
}

/// All that were given up.
pub(super) async fn all(_: Operator, State(api): State<Arc<Api>>) -> Result<Response, ApiError> {
    let retried = api.engine.retry_deliveries(None).await?;
    Ok(answer::ok(&json!({"retried": retried}))?)
}
