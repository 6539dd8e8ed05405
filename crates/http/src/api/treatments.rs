//! Treatment files: list, listen, upload, remove.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use callback::Timestamp;
use serde_json::{Value, json};

use crate::api::Operator;
use crate::error::ApiError;
use crate::limits::TREATMENT_MAX;
use crate::path::ApiPath;
use crate::{Api, answer, body};

/// `GET /api/v1/treatments`.
pub(super) async fn list(_: Operator, State(api): State<Arc<Api>>) -> Result<Response, ApiError> {
    let files: Vec<Value> = api
        .engine
        .treatments()
        .await?
        .into_iter()
        .map(|file| {
            json!({
                "name": file.name, "bytes": file.bytes, "shipped": file.shipped,
                "changed": file.changed.map(Timestamp::to_iso), "ms": file.ms,
                "problem": file.problem, "used_by": file.used_by,
            })
        })
        .collect();
    Ok(answer::ok(&json!({"treatments": files}))?)
}

/// `GET /api/v1/treatments/{name}`: the sound as customers hear it, as WAV.
pub(super) async fn listen(
    _: Operator,
    State(api): State<Arc<Api>>,
    ApiPath(name): ApiPath<String>,
) -> Result<Response, ApiError> {
    let wav = api.engine.treatment_wav(&name).await?;
    let headers = [
        (header::CONTENT_TYPE, "audio/wav"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, wav).into_response())
}

/// `PUT /api/v1/treatments/{name}` with the bytes of an audio file.
pub(super) async fn put(
    _: Operator,
    State(api): State<Arc<Api>>,
    ApiPath(name): ApiPath<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let bytes = body::read(request, TREATMENT_MAX).await?.bytes;
    let ms = api.engine.put_treatment(&name, bytes.to_vec()).await?;
    Ok(answer::ok(&json!({"name": name, "ms": ms}))?)
}

/// `DELETE /api/v1/treatments/{name}`.
pub(super) async fn remove(
    _: Operator,
    State(api): State<Arc<Api>>,
    ApiPath(name): ApiPath<String>,
) -> Result<Response, ApiError> {
    api.engine.remove_treatment(&name).await?;
    Ok(answer::ok(&json!({}))?)
}
