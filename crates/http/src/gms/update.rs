//! `PUT …/{service}/{id}`: gives a callback another time (callback-api §5).

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use callback::limits::BODY_MAX;
use callback::{ErrorCode, Timestamp};
use serde_json::{Map, Value};

use crate::error::{Failure, GmsError};
use crate::path::{GmsPath, callback_id, service_name};
use crate::{Api, answer, auth, body};

pub(super) async fn update(
    State(api): State<Arc<Api>>,
    GmsPath((name, id)): GmsPath<(String, String)>,
    request: Request,
) -> Result<Response, GmsError> {
    let name = service_name(&name)?;
    auth::service(&api, request.headers(), &name)?;
    let keys = body::read(request, BODY_MAX).await?.keys().await?;
    let desired = new_time(&keys)?.unwrap_or_else(|| api.engine.now());
    api.engine
        .reschedule(Some(name), callback_id(&id)?, desired)
        .await?;
    Ok(answer::empty())
}

/// The wished time; `None` = now. Every other change is refused before anything happens.
fn new_time(keys: &Map<String, Value>) -> Result<Option<Timestamp>, Failure> {
    if let Some(other) = keys.keys().find(|key| *key != NEW_TIME) {
        let shown: String = other.chars().filter(|c| !c.is_control()).take(64).collect();
        return Err(Failure::field(
            ErrorCode::NotAvailable,
            &shown,
            format!("Changing '{shown}' of an existing callback is not built yet; nothing changed"),
        ));
    }
    let Some(value) = keys.get(NEW_TIME) else {
        return Ok(None);
    };
    match value.as_str().and_then(Timestamp::parse_iso) {
        Some(time) => Ok(Some(time)),
        None => Err(Failure::field(
            ErrorCode::BadParameter,
            NEW_TIME,
            "_new_desired_time must be a time such as 2026-10-05T13:00:00.000Z",
        )),
    }
}

const NEW_TIME: &str = "_new_desired_time";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::phrase;

    fn check(body: &Value, expected: Result<Option<i64>, &str>) {
        let keys = body.as_object().unwrap();
        let got = new_time(keys)
            .map(|time| time.map(|t| t.0))
            .map_err(|f| phrase(&f));
        assert_eq!(got, expected.map_err(str::to_owned), "{body}");
    }

    #[test]
    fn only_the_time_can_be_changed() {
        check(&json!({}), Ok(None));
        check(
            &json!({"_new_desired_time": "2026-09-21T14:13:20.000Z"}),
            Ok(Some(1_790_000_000_000)),
        );
        check(
            &json!({"_new_desired_time": "tomorrow"}),
            Err("BAD_PARAMETER"),
        );
        check(&json!({"_new_desired_time": 5}), Err("BAD_PARAMETER"));
        check(&json!({"_callback_state": "QUEUED"}), Err("NOT_AVAILABLE"));
        check(
            &json!({"_new_desired_time": "2026-09-21T14:13:20.000Z", "topic": "x"}),
            Err("NOT_AVAILABLE"),
        );
    }
}
