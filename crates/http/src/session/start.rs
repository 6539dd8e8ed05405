//! `POST /scxml/session/start`: starts a session with an operator's document.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use callback::service::parameter_text;
use callback::{ErrorCode, Timestamp};
use serde_json::json;

use crate::api::Operator;
use crate::error::{ApiError, Failure};
use crate::limits::{IDEALTIME_MAX_S, SESSION_BODY_MAX};
use crate::{Api, answer, body};

pub(super) async fn start(
    _: Operator,
    State(api): State<Arc<Api>>,
    request: Request,
) -> Result<Response, ApiError> {
    let mut keys = body::read(request, SESSION_BODY_MAX).await?.keys().await?;
    let bad = |name: &str, message: &str| Failure::field(ErrorCode::BadParameter, name, message);
    let src = parameter_text(&keys, "src").ok_or_else(|| bad("src", "src is missing"))?;
    let at = match parameter_text(&keys, "idealtime") {
        None => None,
        Some(text) => {
            let at = text.trim().parse().map(Timestamp).ok();
            let latest = api.engine.now().plus_seconds(IDEALTIME_MAX_S);
            let message = "idealtime is a time in ms since 1970, at most 30 days ahead";
            Some(
                at.filter(|at| *at <= latest)
                    .ok_or_else(|| bad("idealtime", message))?,
            )
        }
    };
    keys.remove("src");
    keys.remove("idealtime");
    let id = api.engine.start_session(&src, keys, at).await?;
    Ok(answer::ok(&json!({"sessionId": id}))?)
}
