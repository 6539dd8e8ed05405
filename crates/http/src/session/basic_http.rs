//! `POST /scxml/basichttp/{session}`: the `BasicHTTP` event processor of a session; the id is the
//! right to send.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use callback::ErrorCode;
use serde_json::json;

use crate::error::{ApiError, Failure};
use crate::limits::COMMAND_BODY_MAX;
use crate::path::ApiPath;
use crate::{Api, answer, body};

pub(super) async fn message(
    State(api): State<Arc<Api>>,
    ApiPath(session): ApiPath<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let target = request.uri().path_and_query().map(ToString::to_string);
    let target = target.unwrap_or_default();
    let kind = request.headers().get(CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.to_ascii_lowercase();
    let body = body::read(request, COMMAND_BODY_MAX).await?;
    let about = (target.as_str(), kind.as_str());
    if api.engine.session_http(&session, about, body.text()?) {
        return Ok(answer::ok(&json!({}))?);
    }
    let message = "There is no session with this id, or its queue is full";
    Err(Failure::new(ErrorCode::NotFound, message).into())
}
