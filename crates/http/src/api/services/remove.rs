//! `DELETE /api/v1/services/{name}`: removes a service; 409 while callbacks of it are open.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde_json::json;

use crate::api::Operator;
use crate::error::ApiError;
use crate::path::{ApiPath, service_name};
use crate::{Api, answer};

pub(in crate::api) async fn remove(
    operator: Operator,
    State(api): State<Arc<Api>>,
    ApiPath(name): ApiPath<String>,
) -> Result<Response, ApiError> {
    let by = operator.author("delete");
    api.engine.remove_service(&service_name(&name)?, by).await?;
    Ok(answer::ok(&json!({}))?)
}
