//! `GET /api/v1/deliveries`: status notifications with their attempts.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use callback::{CallbackId, ErrorCode};
use serde_json::{Value, json};
use store::{DeliveryAttempt, DeliveryRow, DeliveryState};

use crate::api::Operator;
use crate::error::{ApiError, Failure};
use crate::limits::DELIVERIES_MAX;
use crate::path::callback_id;
use crate::{Api, answer, body};

pub(super) async fn list(
    _: Operator,
    State(api): State<Arc<Api>>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let filter = Filter::parse(body::query_pairs(query.as_deref())?)?;
    let rows = api
        .engine
        .deliveries(filter.callback.as_ref(), DELIVERIES_MAX)
        .await?;
    let deliveries: Vec<Value> = rows
        .iter()
        .filter(|(row, _)| filter.state.is_none_or(|state| state == row.state))
        .map(|(row, attempts)| delivery(row, attempts))
        .collect();
    Ok(answer::ok(&json!({"deliveries": deliveries}))?)
}

#[derive(Debug, Default)]
struct Filter {
    callback: Option<CallbackId>,
    state: Option<DeliveryState>,
}

impl Filter {
    fn parse(pairs: Vec<(String, String)>) -> Result<Self, Failure> {
        let mut filter = Self::default();
        for (key, value) in pairs {
            match key.as_str() {
                "callback" => filter.callback = Some(callback_id(&value)?),
                "state" => filter.state = Some(parse_state(&value)?),
                _ => return Err(body::unknown_key(&key, "callback, state")),
            }
        }
        Ok(filter)
    }
}

fn parse_state(text: &str) -> Result<DeliveryState, Failure> {
    [
        DeliveryState::Pending,
        DeliveryState::Delivered,
        DeliveryState::Failed,
    ]
    .into_iter()
    .find(|state| state_name(*state) == text)
    .ok_or_else(|| {
        Failure::field(
            ErrorCode::BadParameter,
            "state",
            "state must be pending, delivered or failed",
        )
    })
}

const fn state_name(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Pending => "pending",
        DeliveryState::Delivered => "delivered",
        DeliveryState::Failed => "failed",
    }
}

fn delivery(row: &DeliveryRow, attempts: &[DeliveryAttempt]) -> Value {
    let attempts: Vec<Value> = attempts
        .iter()
        .map(|attempt| {
            let mut shown = json!({
                "at": attempt.at.to_iso(),
                "status": attempt.status,
                "error": attempt.error,
                "ms": attempt.ms,
            });
            if let Some(trace) = &attempt.trace {
                shown["request"] = Value::from(trace.request.as_str());
                shown["answer"] = Value::from(trace.answer.as_str());
            }
            shown
        })
        .collect();
    json!({
        "id": row.id,
        "callback_id": row.callback,
        "seq": row.seq,
        "event_id": row.event_id,
        "channel": row.channel,
        "target": callback::mask::url(&row.target),
        "state": state_name(row.state),
        "attempts": attempts,
        "next_at": row.next_at.map(callback::Timestamp::to_iso),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_go_by_their_names() {
        assert_eq!(parse_state("failed").unwrap(), DeliveryState::Failed);
        assert!(parse_state("FAILED").is_err());
        assert!(Filter::parse(vec![("status".into(), "x".into())]).is_err());
    }
}
