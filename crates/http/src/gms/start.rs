//! `POST …/{service}`: starts or schedules a callback (callback-api §3).

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, COOKIE};
use axum::response::Response;
use callback::limits::BODY_MAX;
use callback::service::split_body;
use callback::{Callback, ErrorCode, ServiceName};
use engine::{Idempotency, NewCallback};

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
    let service = auth::service(&api, request.headers(), &name)?;
    let callback = create(&api, name, request).await?;
    Ok(answer::ok(&record(&api, &callback, Some(&service)))?)
}

/// Makes the callback that a request asks for, once the caller may use the service.
pub(crate) async fn create(
    api: &Api,
    name: ServiceName,
    request: Request,
) -> Result<Arc<Callback>, Failure> {
    let headers = request.headers().clone();
    let idempotency_key = header_text(&headers, "idempotency-key", IDEMPOTENCY_KEY_MAX)?;
    let gms_user = header_text(&headers, "gms_user", GMS_USER_MAX)?;
    let raw = body::read(request, BODY_MAX).await?;
    let idempotency = idempotency_key.map(|key| Idempotency {
        key,
        body_hash: raw.hash(),
    });
    let (parameters, user_data) = split_body(raw.keys().await?);
    if parameters.contains_key("_callback_state") {
        // Only operators choose the state to start with (callback-api §3).
        auth::operator(api, &headers)?;
    }
    let new = NewCallback {
        service: name,
        parameters,
        user_data,
        gms_user,
        headers: counted_headers(&headers),
        idempotency,
    };
    Ok(api.engine.create(new).await?)
}

/// The headers that may take part in throttling (callback-api §1.1); never secrets.
fn counted_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .filter(|(name, _)| *name != AUTHORIZATION && *name != COOKIE)
        .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
        .collect()
}

/// A header as text; empty counts as absent.
pub(super) fn header_text(
    headers: &HeaderMap,
    name: &str,
    max: usize,
) -> Result<Option<String>, Failure> {
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

    use super::*;

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
