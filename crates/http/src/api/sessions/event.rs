//! `POST /api/v1/sessions/{id}/events` with `{"name", "data"}`: sends an external event.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use callback::ErrorCode;
use serde_json::{Map, Value, json};

use crate::api::Operator;
use crate::error::{ApiError, Failure};
use crate::limits::SESSION_BODY_MAX;
use crate::path::ApiPath;
use crate::session::event_name;
use crate::{Api, answer, body};

pub(in crate::api) async fn event(
    _: Operator,
    State(api): State<Arc<Api>>,
    ApiPath(id): ApiPath<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let (name, data) = read(body::read(request, SESSION_BODY_MAX).await?.json()?)?;
    if api.engine.session_event(&id, &name, data) {
        return Ok(answer::ok(&json!({}))?);
    }
    let message = "There is no session with this id, or its queue is full";
    Err(Failure::new(ErrorCode::NotFound, message).into())
}

/// The name of the event and its data.
fn read(mut keys: Map<String, Value>) -> Result<(String, Value), Failure> {
    let bad = |field: &str, message: &str| Failure::field(ErrorCode::BadParameter, field, message);
    let name = match keys.remove("name") {
        Some(Value::String(name)) => event_name(&name)?,
        _ => return Err(bad("name", "name is missing")),
    };
    let data = keys.remove("data").unwrap_or_else(|| json!({}));
    match keys.keys().next() {
        None => Ok((name, data)),
        Some(key) => Err(bad(key, "The body has the keys name and data only")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_a_name_and_perhaps_data() {
        let read = |body: Value| read(body.as_object().unwrap().clone()).ok();
        assert_eq!(
            read(json!({"name": " go.on ", "data": {"by": 1}})),
            Some(("go.on".to_owned(), json!({"by": 1})))
        );
        assert_eq!(read(json!({"name": "a"})).unwrap().1, json!({}));
        for body in [
            json!({}),
            json!({"name": ""}),
            json!({"name": "a b"}),
            json!({"name": 5}),
            json!({"name": "a", "more": 1}),
            json!({"name": "a".repeat(300)}),
        ] {
            assert_eq!(read(body.clone()), None, "{body}");
        }
    }
}
