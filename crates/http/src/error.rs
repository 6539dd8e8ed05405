//! The one place where refusals become answers: the compatible form and problem+json.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use callback::ErrorCode;
use serde_json::{Map, Value, json};

use crate::answer::JSON_TYPE;
use crate::limits::RETRY_AFTER_S;

/// A refusal before it is known which surface answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The domain, the engine or a parser refuses.
    Refused(callback::Error),
    /// The path exists, the method does not.
    MethodNotAllowed,
    /// The body did not arrive in time.
    TooSlow,
    /// A page of another site sent the request and no credentials are set.
    CrossSite,
    /// A request with a session's cookie did not come from our own page.
    ForeignPage,
}

impl Failure {
    /// A refusal with a code and a text.
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self::Refused(callback::Error::new(code, message))
    }

    /// A refusal that names the key at fault.
    pub(crate) fn field(code: ErrorCode, field: &str, message: impl Into<String>) -> Self {
        Self::Refused(callback::Error::new(code, message).field(field))
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Refused(error) => StatusCode::from_u16(error.code.status())
                .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::CrossSite | Self::ForeignPage => StatusCode::FORBIDDEN,
        }
    }

    /// The native surface is free to use the fitting status (callback-api §8.2, `TOO_MANY`).
    fn native_status(&self) -> StatusCode {
        match self {
            Self::Refused(error) if error.code == ErrorCode::TooMany => {
                StatusCode::TOO_MANY_REQUESTS
            }
            other => other.status(),
        }
    }

    fn phrase(&self) -> &'static str {
        match self {
            Self::Refused(error) => error.code.phrase(),
            Self::MethodNotAllowed => "METHOD_NOT_ALLOWED",
            Self::TooSlow => "TOO_SLOW",
            Self::CrossSite | Self::ForeignPage => "CROSS_SITE",
        }
    }

    fn message(&self) -> &str {
        match self {
            Self::Refused(error) => &error.message,
            Self::MethodNotAllowed => "This path does not take this method",
            Self::TooSlow => "The body did not arrive in time",
            Self::CrossSite => {
                "A page of another site may not use a server without credentials; \
                 set [server] username and password"
            }
            Self::ForeignPage => {
                "A session is for the pages of this server: the request has another origin, or \
                 lacks the header X-Ringback-Ui"
            }
        }
    }

    fn named_field(&self) -> Option<&str> {
        match self {
            Self::Refused(error) => error.field.as_deref(),
            Self::MethodNotAllowed | Self::TooSlow | Self::CrossSite | Self::ForeignPage => None,
        }
    }

    /// Headers that a status asks for (RFC 9110 §11.6.1 and §10.2.3).
    fn finish(&self, status: StatusCode, content_type: &'static str, body: String) -> Response {
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        match status {
            StatusCode::UNAUTHORIZED => {
                let challenge = "Basic realm=\"ringback\", charset=\"UTF-8\"";
                headers.insert(
                    header::WWW_AUTHENTICATE,
                    HeaderValue::from_static(challenge),
                );
            }
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_S));
            }
            _ => {}
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            // Meant so: whatever keeps the server from it has been logged where it was found.
            tracing::debug!(
                phrase = self.phrase(),
                reason = self.message(),
                "request refused"
            );
        } else if status.is_server_error() {
            tracing::error!(
                phrase = self.phrase(),
                reason = self.message(),
                "request failed"
            );
        }
        response
    }
}

impl From<callback::Error> for Failure {
    fn from(error: callback::Error) -> Self {
        Self::Refused(error)
    }
}

/// A refusal of the compatible surface (callback-api §8.1).
#[derive(Debug)]
pub(crate) struct GmsError(pub(crate) Failure);

impl<T: Into<Failure>> From<T> for GmsError {
    fn from(failure: T) -> Self {
        Self(failure.into())
    }
}

impl IntoResponse for GmsError {
    fn into_response(self) -> Response {
        let status = self.0.status();
        let mut body = Map::new();
        body.insert("code".into(), json!(status.as_u16()));
        body.insert("phrase".into(), json!(self.0.phrase()));
        body.insert("exception".into(), json!("ringback.CallbackRefused"));
        body.insert("message".into(), json!(self.0.message()));
        if let Some(field) = self.0.named_field() {
            body.insert("field".into(), json!(field));
        }
        if matches!(&self.0, Failure::Refused(error) if error.code == ErrorCode::TooFar) {
            // Other times are told once calendars and slots exist.
            body.insert("availability".into(), json!({}));
        }
        self.0
            .finish(status, JSON_TYPE, Value::Object(body).to_string())
    }
}

/// A refusal of the native surface: problem+json (RFC 9457).
#[derive(Debug)]
pub(crate) struct ApiError(pub(crate) Failure);

impl<T: Into<Failure>> From<T> for ApiError {
    fn from(failure: T) -> Self {
        Self(failure.into())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.0.native_status();
        let mut body = Map::new();
        body.insert(
            "type".into(),
            json!(format!("urn:ringback:error:{}", self.0.phrase())),
        );
        body.insert("title".into(), json!(self.0.phrase()));
        body.insert("status".into(), json!(status.as_u16()));
        body.insert("detail".into(), json!(self.0.message()));
        if let Some(field) = self.0.named_field() {
            body.insert("field".into(), json!(field));
        }
        let body = Value::Object(body).to_string();
        self.0.finish(status, "application/problem+json", body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::body_json;

    #[tokio::test]
    async fn every_code_has_the_compatible_form_with_its_status() {
        for &code in ErrorCode::ALL {
            let response =
                GmsError::from(callback::Error::new(code, "why").field("_k")).into_response();
            assert_eq!(response.status().as_u16(), code.status(), "{code:?}");
            assert_eq!(response.headers()[header::CONTENT_TYPE], JSON_TYPE);
            let body = body_json(response).await;
            assert_eq!(body["code"], code.status());
            assert_eq!(body["phrase"], code.phrase());
            assert_eq!(body["exception"], "ringback.CallbackRefused");
            assert_eq!(body["message"], "why");
            assert_eq!(body["field"], "_k");
        }
    }

    #[test]
    fn unauthorized_carries_a_challenge_and_overload_a_pause() {
        let response = GmsError::from(Failure::new(ErrorCode::Unauthorized, "x")).into_response();
        assert!(response.headers().contains_key(header::WWW_AUTHENTICATE));
        for code in [ErrorCode::NotReady, ErrorCode::QueueFull] {
            let response = ApiError::from(Failure::new(code, "x")).into_response();
            assert!(
                response.headers().contains_key(header::RETRY_AFTER),
                "{code:?}"
            );
        }
    }

    #[tokio::test]
    async fn throttling_is_400_for_compatible_clients_and_429_natively() {
        let failure = Failure::new(ErrorCode::TooMany, "x");
        assert_eq!(GmsError(failure.clone()).into_response().status(), 400);
        let native = ApiError(failure).into_response();
        assert_eq!(native.status(), 429);
        assert_eq!(
            native.headers()[header::CONTENT_TYPE],
            "application/problem+json"
        );
        assert_eq!(
            body_json(native).await["type"],
            "urn:ringback:error:TOO_MANY"
        );
    }
}
