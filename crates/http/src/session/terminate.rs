//! `POST /scxml/session/{session}/terminate`: ends a session.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde_json::json;

use crate::api::Operator;
use crate::error::ApiError;
use crate::path::ApiPath;
use crate::{Api, answer};

pub(super) async fn terminate(
    _: Operator,
    State(api): State<Arc<Api>>,
    ApiPath(session): ApiPath<String>,
) -> Result<Response, ApiError> {
    api.engine.end_session(&session)?;
    Ok(answer::ok(&json!({}))?)
}
