//! Helpers of this package's unit tests.

use axum::response::Response;
use serde_json::Value;

use crate::error::Failure;

/// The JSON body of an answer.
pub(crate) async fn body_json(response: Response) -> Value {
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 20)
        .await
        .unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

/// The phrase of a refusal.
pub(crate) fn phrase(failure: &Failure) -> String {
    match failure {
        Failure::Refused(error) => error.code.phrase().to_owned(),
        other => format!("{other:?}"),
    }
}
