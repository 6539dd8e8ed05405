//! `GET /api/v1/deliveries`: status notifications with their attempts.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use callback::ErrorCode;
use serde_json::{Value, json};
use store::{DeliveryAttempt, DeliveryQuery, DeliveryRow, DeliveryState};

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
    let filter = parse(body::query_pairs(query.as_deref())?)?;
    let rows = api.engine.deliveries(filter).await?;
    let deliveries: Vec<Value> = rows
        .iter()
        .map(|(row, attempts)| delivery(row, attempts))
        .collect();
    Ok(answer::ok(&json!({"deliveries": deliveries}))?)
}

fn parse(pairs: Vec<(String, String)>) -> Result<DeliveryQuery, Failure> {
    let mut query = DeliveryQuery::newest(DELIVERIES_MAX);
    for (key, value) in pairs {
        match key.as_str() {
            "callback" => query.callback = Some(callback_id(&value)?),
            "state" => query.state = Some(parse_state(&value)?),
            "before" => query.before = Some(value),
            "limit" => query.limit = parse_limit(&value)?,
            _ => return Err(body::unknown_key(&key, "callback, state, before, limit")),
        }
    }
    Ok(query)
}

fn parse_limit(text: &str) -> Result<usize, Failure> {
    let limit = text.parse().ok();
    limit
        .filter(|limit| (1..=DELIVERIES_MAX).contains(limit))
        .ok_or_else(|| {
            let message = format!("limit must be a whole number from 1 to {DELIVERIES_MAX}");
            Failure::field(ErrorCode::BadParameter, "limit", message)
        })
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
        let parse_one = |key: &str, value: &str| parse(vec![(key.into(), value.into())]);
        assert_eq!(parse_one("limit", "50").unwrap().limit, 50);
        assert_eq!(
            parse_one("before", "1-a.3").unwrap().before.unwrap(),
            "1-a.3"
        );
        for (key, value) in [
            ("status", "x"),
            ("limit", "0"),
            ("limit", "1001"),
            ("limit", "x"),
        ] {
            assert!(parse_one(key, value).is_err(), "{key}={value}");
        }
    }
}
