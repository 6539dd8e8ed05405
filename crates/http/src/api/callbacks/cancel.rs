//! `DELETE /api/v1/callbacks/{id}`: cancels a callback of any service.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde_json::json;

use crate::api::Operator;
use crate::error::ApiError;
use crate::path::{ApiPath, callback_id};
use crate::{Api, answer};

pub(in crate::api) async fn cancel(
    _: Operator,
    State(api): State<Arc<Api>>,
    ApiPath(id): ApiPath<String>,
) -> Result<Response, ApiError> {
    api.engine.cancel(None, callback_id(&id)?).await?;
    Ok(answer::ok(&json!({"_id": id}))?)
}
