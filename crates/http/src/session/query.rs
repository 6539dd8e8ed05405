//! `GET /scxml/session/{session}/query`: how a session stands.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use crate::api::Operator;
use crate::error::ApiError;
use crate::path::ApiPath;
use crate::{Api, answer};

pub(super) async fn query(
    _: Operator,
    State(api): State<Arc<Api>>,
    ApiPath(session): ApiPath<String>,
) -> Result<Response, ApiError> {
    Ok(answer::ok(&api.engine.session(&session).await?)?)
}
