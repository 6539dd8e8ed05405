//! Subscriptions: list, and a test message to those that match a tag.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use callback::ErrorCode;
use serde_json::{Map, Value, json};

use crate::api::Operator;
use crate::error::{ApiError, Failure};
use crate::limits::{COMMAND_BODY_MAX, SUBSCRIPTION_TEXT_MAX};
use crate::{Api, answer, body};

/// `GET /api/v1/subscriptions`: who hears of what; credentials are hidden.
pub(super) async fn list(_: Operator, State(api): State<Arc<Api>>) -> Result<Response, ApiError> {
    let shown: Vec<Value> = api
        .engine
        .subscriptions()
        .iter()
        .map(|row| {
            json!({
                "id": row.id,
                "subscriber": row.subscriber,
                "filter": row.filter,
                "channel": row.channel,
                "device": callback::mask::url(&row.device),
                "provider": row.provider,
                "language": row.language,
                "has_authorization": !row.authorization.is_empty(),
                "expires": row.expires.to_iso(),
            })
        })
        .collect();
    Ok(answer::ok(&json!({"subscriptions": shown}))?)
}

/// `POST /api/v1/subscriptions/publish` with `{"tag", "message"}`: sends a text to all who match.
pub(super) async fn publish(
    _: Operator,
    State(api): State<Arc<Api>>,
    request: Request,
) -> Result<Response, ApiError> {
    let keys = body::read(request, COMMAND_BODY_MAX).await?.json()?;
    let (tag, message) = (text(&keys, "tag")?, text(&keys, "message")?);
    let matched = api.engine.publish(tag, message).await?;
    Ok(answer::ok(&json!({"matched": matched}))?)
}

fn text<'a>(keys: &'a Map<String, Value>, key: &str) -> Result<&'a str, Failure> {
    match keys.get(key).and_then(Value::as_str) {
        None | Some("") => {
            let message = format!("{key} is missing; it is a text");
            Err(Failure::field(ErrorCode::MissingKey, key, message))
        }
        Some(text) if text.len() > SUBSCRIPTION_TEXT_MAX => {
            let message = format!("{key} has more than {SUBSCRIPTION_TEXT_MAX} bytes");
            Err(Failure::field(ErrorCode::BadParameter, key, message))
        }
        Some(text) => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_needs_its_texts() {
        let keys = json!({"tag": "a", "message": "", "long": "x".repeat(9999), "n": 1});
        let keys = keys.as_object().unwrap();
        assert_eq!(text(keys, "tag").unwrap(), "a");
        for key in ["message", "long", "n", "missing"] {
            assert!(text(keys, key).is_err(), "{key}");
        }
    }
}
