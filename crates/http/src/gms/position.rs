//! `GET {app}/1/service/{id}/check-queue-position`: the place in the virtual queue
//! (callback-api §9.1).

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use callback::ErrorCode;
use serde_json::json;

use super::by_id::open_to_caller;
use crate::error::{Failure, GmsError};
use crate::path::GmsPath;
use crate::{Api, answer};

pub(super) async fn position(
    State(api): State<Arc<Api>>,
    GmsPath(id): GmsPath<String>,
    headers: HeaderMap,
) -> Result<Response, GmsError> {
    let callback = open_to_caller(&api, &headers, &id).await?;
    let Some((position, total)) = api.engine.position(callback.id.clone()).await? else {
        let message = "The callback is in no queue now";
        return Err(Failure::new(ErrorCode::InvalidState, message).into());
    };
    Ok(answer::ok(&json!({
        "_position": position.to_string(),
        // Waiting times are not estimated yet: unknown.
        "_eta": "-1",
        "_total_waiting": total.to_string(),
        // The customer was called, so an agent was as good as free.
        "_agent_ready_threshold_passed": callback.attempts > 0,
    }))?)
}
