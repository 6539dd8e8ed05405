//! `GET /api/v1/agents`: every agent with state, groups and skills.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use callback::routing::AgentView;
use serde_json::{Value, json};

use crate::api::Operator;
use crate::error::ApiError;
use crate::{Api, answer};

pub(in crate::api) async fn list(
    _: Operator,
    State(api): State<Arc<Api>>,
) -> Result<Response, ApiError> {
    Ok(answer::ok(
        &json!({"agents": views(&api.engine.agents().await?)}),
    )?)
}

/// Agents as `cli-and-config §3` names their keys.
pub(super) fn views(agents: &[AgentView]) -> Vec<Value> {
    agents
        .iter()
        .map(|agent| {
            json!({
                "id": agent.id,
                "extension": agent.extension,
                "state": agent.state,
                "reason": agent.reason,
                "since": agent.since,
                "groups": agent.groups,
                "skills": agent.skills,
                "registered": agent.registered,
                "call_id": agent.callback,
            })
        })
        .collect()
}
