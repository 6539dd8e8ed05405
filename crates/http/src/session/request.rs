//! `POST /scxml/session/{session}/request/{name}`: the reply URL of an on-dial plugin, where
//! `{session}` is the callback and `{name}` the token of its question (play-treatments §4).
//!
//! The token is the caller's right to answer; there are no other credentials.

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
    let mut keys: Map<String, Value> = body::query_pairs(query.as_deref())?
        .into_iter()
        .map(|(key, value)| (key, Value::String(value)))
        .collect();
    // What the body says goes before the query.
    keys.extend(body::read(request, COMMAND_BODY_MAX).await?.keys().await?);
    let given = Answer::parse(&keys)?;
    api.engine
        .plugin_answer(CallbackId::new(session), name, given)
        .await?;
    Ok(answer::ok(&json!({"status": "accepted"}))?)
}
