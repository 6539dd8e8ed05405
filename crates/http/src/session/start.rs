//! `POST /scxml/session/start`: starts a session with an operator's document.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use callback::ErrorCode;
use callback::service::parameter_text;
use serde_json::json;

use crate::api::Operator;
use crate::error::{ApiError, Failure};
use crate::limits::SESSION_BODY_MAX;
use crate::{Api, answer, body};

pub(super) async fn start(
    _: Operator,
    State(api): State<Arc<Api>>,
    request: Request,
) -> Result<Response, ApiError> {
    let mut keys = body::read(request, SESSION_BODY_MAX).await?.keys().await?;
    let bad = |name: &str, message: &str| Failure::field(ErrorCode::BadParameter, name, message);
    let src = parameter_text(&keys, "src").ok_or_else(|| bad("src", "src is missing"))?;
    if parameter_text(&keys, "idealtime").is_some() {
        return Err(bad(
            "idealtime",
            "A later start is not built yet; leave idealtime out",
        )
        .into());
    }
    keys.remove("src");
    let id = api.engine.start_session(&src, keys).await?;
    Ok(answer::ok(&json!({"sessionId": id}))?)
}
