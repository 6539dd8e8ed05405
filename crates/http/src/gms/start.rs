//! `POST …/{service}`: starts or schedules a callback (callback-api §3).

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use callback::ErrorCode;
use callback::limits::BODY_MAX;
use engine::{Idempotency, NewCallback};
use serde_json::{Map, Value};

use super::record::record;
use crate::error::{Failure, GmsError};
use crate::limits::{GMS_USER_MAX, IDEMPOTENCY_KEY_MAX};
use crate::path::{GmsPath, service_name};
use crate::{Api, answer, auth, body};

pub(super) async fn start(
    State(api): State<Arc<Api>>,
    GmsPath(name): GmsPath<String>,
    request: Request,
) -> Result<Response, GmsError> {
    let name = service_name(&name)?;
    let headers = request.headers().clone();
    let service = auth::service(&api, &headers, &name)?;
    let idempotency_key = header_text(&headers, "idempotency-key", IDEMPOTENCY_KEY_MAX)?;
    let gms_user = header_text(&headers, "gms_user", GMS_USER_MAX)?;
    let raw = body::read(request, BODY_MAX).await?;
    let idempotency = idempotency_key.map(|key| Idempotency {
        key,
        body_hash: raw.hash(),
    });
    let (parameters, user_data) = split(raw.keys().await?);
    let callback = api
        .engine
        .create(NewCallback {
            service: name,
            parameters,
            user_data,
            gms_user,
            idempotency,
        })
        .await?;
    Ok(answer::ok(&record(
        &callback,
        Some(&service),
        &api.public_url,
    ))?)
}

/// Parts service parameters (leading `_`) from attached data (callback-api §1).
fn split(keys: Map<String, Value>) -> (Map<String, Value>, Map<String, Value>) {
    keys.into_iter().partition(|(key, _)| key.starts_with('_'))
}

/// A header as text; empty counts as absent.
fn header_text(headers: &HeaderMap, name: &str, max: usize) -> Result<Option<String>, Failure> {
    let Some(value) = headers.get(name) else {
        return Ok(None);
    };
    let text = value
        .to_str()
        .ok()
        .map(str::trim)
        .filter(|text| text.len() <= max);
    match text {
        Some("") => Ok(None),
        Some(text) => Ok(Some(text.to_owned())),
        None => Err(Failure::field(
            ErrorCode::BadParameter,
            name,
            format!("The header {name} must be visible ASCII of at most {max} bytes"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_with_a_leading_underscore_are_parameters() {
        let Value::Object(keys) = json!({"_ttl": 5, "topic": "invoice", "a_b": null}) else {
            unreachable!("an object was written");
        };
        let (parameters, user_data) = split(keys);
        assert_eq!(Value::Object(parameters), json!({"_ttl": 5}));
        assert_eq!(
            Value::Object(user_data),
            json!({"topic": "invoice", "a_b": null})
        );
    }

    #[test]
    fn headers_are_bounded_text() {
        let mut headers = HeaderMap::new();
        assert_eq!(header_text(&headers, "gms_user", 4).unwrap(), None);
        headers.insert("gms_user", HeaderValue::from_static(" kim "));
        assert_eq!(
            header_text(&headers, "gms_user", 4).unwrap().as_deref(),
            Some("kim")
        );
        assert!(header_text(&headers, "gms_user", 2).is_err());
        headers.insert("gms_user", HeaderValue::from_bytes(b"\xff\xfe").unwrap());
        assert!(header_text(&headers, "gms_user", 99).is_err());
        headers.insert("gms_user", HeaderValue::from_static(""));
        assert_eq!(header_text(&headers, "gms_user", 4).unwrap(), None);
    }
}
