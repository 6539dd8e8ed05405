//! Successful answers.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::error::Failure;

/// Content type of every JSON answer, lower case (callback-api §1).
pub(crate) const JSON_TYPE: &str = "application/json;charset=utf-8";

/// `200` with a JSON body.
pub(crate) fn ok(body: &impl Serialize) -> Result<Response, Failure> {
    with_status(StatusCode::OK, body)
}

/// A JSON body with a chosen status.
pub(crate) fn with_status(status: StatusCode, body: &impl Serialize) -> Result<Response, Failure> {
    let text = serde_json::to_string(body).map_err(|error| {
        Failure::new(
            callback::ErrorCode::Internal,
            format!("The answer has no JSON form: {error}"),
        )
    })?;
    Ok((
        status,
        [(header::CONTENT_TYPE, HeaderValue::from_static(JSON_TYPE))],
        text,
    )
        .into_response())
}

/// `200` without a body.
pub(crate) fn empty() -> Response {
    (
        [(header::CONTENT_TYPE, HeaderValue::from_static(JSON_TYPE))],
        (),
    )
        .into_response()
}
