//! `PUT /api/v1/callbacks/{id}` with `{"desired_time"}`: gives a callback another time; the
//! answer is its record.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use callback::{ErrorCode, Timestamp};
use serde_json::{Map, Value};

use super::view::record_of;
use crate::api::Operator;
use crate::error::{ApiError, Failure};
use crate::limits::COMMAND_BODY_MAX;
use crate::path::{ApiPath, callback_id};
use crate::{Api, body};

pub(in crate::api) async fn reschedule(
    _: Operator,
    State(api): State<Arc<Api>>,
    ApiPath(id): ApiPath<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let keys = body::read(request, COMMAND_BODY_MAX).await?.json()?;
    let desired = desired_time(&keys)?;
    let id = callback_id(&id)?;
    api.engine.reschedule(None, id.clone(), desired).await?;
    Ok(record_of(&api, &id).await?)
}

fn desired_time(keys: &Map<String, Value>) -> Result<Timestamp, Failure> {
    let time = keys
        .get("desired_time")
        .and_then(Value::as_str)
        .and_then(Timestamp::parse_iso);
    match time {
        Some(time) if keys.len() == 1 => Ok(time),
        Some(_) | None => Err(Failure::field(
            ErrorCode::BadParameter,
            "desired_time",
            "The body has the key desired_time only, a time such as 2026-10-05T13:00:00.000Z",
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_body_is_one_time() {
        let read = |body: Value| desired_time(body.as_object().unwrap()).ok().map(|t| t.0);
        let time = json!({"desired_time": "2026-09-21T14:13:20Z"});
        assert_eq!(read(time), Some(1_790_000_000_000));
        for body in [
            json!({}),
            json!({"desired_time": 1}),
            json!({"desired_time": ""}),
            json!({"desired_time": "2026-09-21T14:13:20Z", "x": 1}),
        ] {
            assert_eq!(read(body), None);
        }
    }
}
