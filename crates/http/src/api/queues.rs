//! `GET /api/v1/queues/{vq}/load`: how much a virtual queue has to do (callback-api §2,
//! operation 9).

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use callback::ErrorCode;
use serde_json::json;

use crate::api::Operator;
use crate::error::{ApiError, Failure};
use crate::path::ApiPath;
use crate::{Api, answer};

pub(super) async fn load(
    _: Operator,
    State(api): State<Arc<Api>>,
    ApiPath(queue): ApiPath<String>,
) -> Result<Response, ApiError> {
    let load = api.engine.queue_load(&queue).await?;
    let configured = || {
        let services = api.engine.services();
        let mut queues = services.iter().map(|s| s.get("_urs_virtual_queue"));
        queues.any(|name| name == Some(queue.as_str()))
    };
    if load.waiting == 0 && load.states.is_empty() && !configured() {
        return Err(Failure::new(ErrorCode::NotFound, "There is no such virtual queue").into());
    }
    Ok(answer::ok(&json!({
        "queue": queue,
        "waiting": load.waiting,
        "longest_wait_s": load.longest_wait_s,
        "states": load.states,
    }))?)
}
