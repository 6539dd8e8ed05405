//! Path segments as names and ids; a bad one answers in the form of its surface.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use callback::{CallbackId, ErrorCode, ServiceName};
use serde::de::DeserializeOwned;

use crate::error::{ApiError, Failure, GmsError};
use crate::limits::NAME_MAX;

/// Segments of a compatible path.
#[derive(Debug)]
pub(crate) struct GmsPath<T>(pub(crate) T);

/// Segments of a native path.
#[derive(Debug)]
pub(crate) struct ApiPath<T>(pub(crate) T);

async fn segments<T, S>(parts: &mut Parts, state: &S) -> Result<T, Failure>
where
    T: DeserializeOwned + Send,
    S: Send + Sync,
{
    match Path::<T>::from_request_parts(parts, state).await {
        Ok(Path(value)) => Ok(value),
        Err(_) => Err(Failure::new(
            ErrorCode::BadParameter,
            "The path is not UTF-8",
        )),
    }
}

impl<T, S> FromRequestParts<S> for GmsPath<T>
where
    T: DeserializeOwned + Send,
    S: Send + Sync,
{
    type Rejection = GmsError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, GmsError> {
        Ok(Self(segments(parts, state).await?))
    }
}

impl<T, S> FromRequestParts<S> for ApiPath<T>
where
    T: DeserializeOwned + Send,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        Ok(Self(segments(parts, state).await?))
    }
}

/// A service name as it may stand in a path.
pub(crate) fn service_name(text: &str) -> Result<ServiceName, Failure> {
    if text.len() > NAME_MAX {
        return Err(Failure::new(
            ErrorCode::NotFound,
            "There is no such service",
        ));
    }
    Ok(ServiceName::new(text))
}

/// A callback's id as it may stand in a path or query.
pub(crate) fn callback_id(text: &str) -> Result<CallbackId, Failure> {
    if text.len() > NAME_MAX {
        return Err(Failure::new(
            ErrorCode::NotFound,
            "There is no such callback",
        ));
    }
    Ok(CallbackId::new(text))
}

/// Writes a text as one path segment (RFC 3986 §3.3: everything but unreserved is encoded).
pub(crate) fn encode_segment(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("writing to a String cannot fail");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_encoded_byte_by_byte() {
        assert_eq!(encode_segment("billing-1_a.b~"), "billing-1_a.b~");
        assert_eq!(encode_segment("a b/ü?"), "a%20b%2F%C3%BC%3F");
    }

    #[test]
    fn names_longer_than_any_real_one_are_not_found() {
        assert!(service_name(&"x".repeat(NAME_MAX + 1)).is_err());
        assert!(callback_id(&"x".repeat(NAME_MAX + 1)).is_err());
        assert!(callback_id("112-9d0c").is_ok());
    }
}
