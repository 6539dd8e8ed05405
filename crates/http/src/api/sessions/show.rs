//! `GET /api/v1/sessions/{id}`: where a session stands, with its log.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use crate::api::Operator;
use crate::error::ApiError;
use crate::path::ApiPath;
use crate::{Api, answer};

pub(in crate::api) async fn show(
    _: Operator,
    State(api): State<Arc<Api>>,
    ApiPath(id): ApiPath<String>,
) -> Result<Response, ApiError> {
    Ok(answer::ok(&api.engine.session_view(&id, true)?)?)
}
