//! `GET|POST /scxml/session/{session}/request/{name}`: a request that a session answers with
//! `<response>`; and the reply URL of an on-dial plugin, where `{session}` is the callback and
//! `{name}` the token of its question (play-treatments §4).
//!
//! Id and token are the caller's right to ask or answer; there are no other credentials.

use std::sync::Arc;

use axum::extract::{RawQuery, Request, State};
use axum::response::Response;
use callback::plugin::Answer;
use callback::{CallbackId, ErrorCode};
use serde_json::{Map, Value, json};

use crate::error::{ApiError, Failure};
use crate::limits::{COMMAND_BODY_MAX, NAME_MAX};
use crate::path::ApiPath;
use crate::{Api, answer, body};

/// Keys of query and body; what the body says goes before the query.
pub(super) async fn keys(
    query: Option<&str>,
    request: Request,
) -> Result<Map<String, Value>, Failure> {
    let mut keys: Map<String, Value> = body::query_pairs(query)?
        .into_iter()
        .map(|(key, value)| (key, Value::String(value)))
        .collect();
    keys.extend(body::read(request, COMMAND_BODY_MAX).await?.keys().await?);
    Ok(keys)
}

pub(super) async fn request(
    State(api): State<Arc<Api>>,
    ApiPath((session, name)): ApiPath<(String, String)>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Result<Response, ApiError> {
    if session.len() > NAME_MAX || name.len() > NAME_MAX {
        let message = "There is no question with this token";
        return Err(Failure::new(ErrorCode::NotFound, message).into());
    }
    let keys = keys(query.as_deref(), request).await?;
    if api.engine.has_session(&session) {
        let data = Value::Object(keys);
        let response = api.engine.session_request(&session, &name, data).await?;
        return Ok(answer::ok(&response)?);
    }
    if engine::is_session_id(&session) {
        let message = "There is no session with this id";
        return Err(Failure::new(ErrorCode::NotFound, message).into());
    }
    let given = Answer::parse(&keys)?;
    api.engine
        .plugin_answer(CallbackId::new(session), name, given)
        .await?;
    Ok(answer::ok(&json!({"status": "accepted"}))?)
}
