//! `POST /api/v1/agents/{id}/state`: sets an agent ready or not ready.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use callback::{AgentId, ErrorCode};
use serde_json::{Map, Value, json};

use super::list::views;
use crate::api::Operator;
use crate::error::{ApiError, Failure};
use crate::limits::{COMMAND_BODY_MAX, NAME_MAX};
use crate::path::ApiPath;
use crate::{Api, answer, body};

pub(in crate::api) async fn set_state(
    _: Operator,
    State(api): State<Arc<Api>>,
    ApiPath(id): ApiPath<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let keys = body::read(request, COMMAND_BODY_MAX).await?.json()?;
    let id = AgentId::new(id);
    api.engine.set_agent(&id, ready(&keys)?).await?;
    let mut agents = api.engine.agents().await?;
    agents.retain(|agent| agent.id == id);
    Ok(answer::ok(&json!({"agents": views(&agents)}))?)
}

/// `Ok` = ready, `Err` = not ready with the reason.
fn ready(keys: &Map<String, Value>) -> Result<Result<(), String>, Failure> {
    let bad = |field: &str, message: &str| Failure::field(ErrorCode::BadParameter, field, message);
    if keys.keys().any(|key| key != "state" && key != "reason") {
        return Err(bad("state", "The body has the keys state and reason only"));
    }
    let reason = match keys.get("reason") {
        None | Some(Value::Null) => "",
        Some(Value::String(reason)) if reason.len() <= NAME_MAX => reason,
        Some(_) => return Err(bad("reason", "reason must be a short text")),
    };
    match keys.get("state").and_then(Value::as_str) {
        Some("ready") => Ok(Ok(())),
        Some("not_ready") => Ok(Err(reason.to_owned())),
        _ => Err(bad("state", "state must be ready or not_ready")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::phrase;

    #[test]
    fn states_are_read_strictly() {
        let read = |body: Value| ready(body.as_object().unwrap()).map_err(|f| phrase(&f));
        assert_eq!(read(json!({"state": "ready"})), Ok(Ok(())));
        let lunch = Ok(Err("lunch".to_owned()));
        assert_eq!(
            read(json!({"state": "not_ready", "reason": "lunch"})),
            lunch
        );
        assert_eq!(read(json!({"state": "not_ready"})), Ok(Err(String::new())));
        for body in [
            json!({}),
            json!({"state": "READY"}),
            json!({"state": "ready", "x": 1}),
        ] {
            assert_eq!(read(body), Err("BAD_PARAMETER".to_owned()));
        }
        let long = json!({"state": "not_ready", "reason": "x".repeat(999)});
        assert_eq!(read(long), Err("BAD_PARAMETER".to_owned()));
    }
}
