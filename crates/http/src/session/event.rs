//! `POST /scxml/session/{session}/event/{name}`: an external event; the id is the right to send it.

use std::sync::Arc;

use axum::extract::{RawQuery, Request, State};
use axum::response::Response;
use callback::ErrorCode;
use serde_json::{Value, json};

use super::request::keys;
use crate::error::{ApiError, Failure};
use crate::limits::NAME_MAX;
use crate::path::ApiPath;
use crate::{Api, answer};

pub(super) async fn event(
    State(api): State<Arc<Api>>,
    ApiPath((session, name)): ApiPath<(String, String)>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Result<Response, ApiError> {
    let name = event_name(&name)?;
    let data = Value::Object(keys(query.as_deref(), request).await?);
    if api.engine.session_event(&session, &name, data) {
        return Ok(answer::ok(&json!({}))?);
    }
    let message = "There is no session with this id, or its queue is full";
    Err(Failure::new(ErrorCode::NotFound, message).into())
}

/// The name of an external event as it is sent on.
///
/// # Errors
/// No document could wait for it.
pub(crate) fn event_name(text: &str) -> Result<String, Failure> {
    let name = text.trim();
    let fits = |c: char| !c.is_whitespace() && !c.is_control();
    if name.is_empty() || name.len() > NAME_MAX || !name.chars().all(fits) {
        let message = "The name of an event has 1 to 255 bytes, no spaces";
        return Err(Failure::field(ErrorCode::BadParameter, "name", message));
    }
    Ok(name.to_owned())
}
