//! `{app}/1/service/{id}/storage`: what apps keep with a callback (callback-api §9.3).

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use callback::limits::STORAGE_BODY_MAX;
use callback::{Callback, ErrorCode};
use serde_json::{Map, Value, json};
use store::{StorageRow, StorageValue};

use super::by_id::open_to_caller;
use crate::error::{Failure, GmsError};
use crate::path::{GmsPath, encode_segment};
use crate::{Api, answer, body};

/// Bytes of a key.
const KEY_MAX: usize = 255;

/// `GET …/storage`: every key; an attachment is told by its URL.
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    GmsPath(id): GmsPath<String>,
    headers: HeaderMap,
) -> Result<Response, GmsError> {
    let callback = open_to_caller(&api, &headers, &id).await?;
    let rows = api.engine.storage(&callback.id).await?;
    let keys: Map<String, Value> = rows
        .into_iter()
        .map(|row| (row.key.clone(), shown(&api, &callback, row)))
        .collect();
    Ok(answer::ok(&keys)?)
}

/// `POST …/storage`: adds or replaces keys; parts of a multipart body with a file name are
/// attachments.
pub(super) async fn merge(
    State(api): State<Arc<Api>>,
    GmsPath(id): GmsPath<String>,
    request: Request,
) -> Result<Response, GmsError> {
    let callback = open_to_caller(&api, request.headers(), &id).await?;
    let parts = body::read(request, STORAGE_BODY_MAX).await?.parts().await?;
    let rows = parts.into_iter().map(row).collect::<Result<_, _>>()?;
    api.engine.put_storage(&callback.id, rows).await?;
    Ok(answer::ok(&json!({}))?)
}

/// `GET …/storage/{key}`: one key.
pub(super) async fn show(
    State(api): State<Arc<Api>>,
    GmsPath((id, key)): GmsPath<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, GmsError> {
    let callback = open_to_caller(&api, &headers, &id).await?;
    let row = api.engine.storage_value(&callback.id, &key).await?;
    let mut keys = Map::new();
    keys.insert(key, shown(&api, &callback, row));
    Ok(answer::ok(&keys)?)
}

/// `GET …/storage/binary/{key}`: the bytes of an attachment.
pub(super) async fn attachment(
    State(api): State<Arc<Api>>,
    GmsPath((id, key)): GmsPath<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, GmsError> {
    let callback = open_to_caller(&api, &headers, &id).await?;
    let row = api.engine.storage_value(&callback.id, &key).await?;
    let StorageValue::Binary { media_type, bytes } = row.value else {
        let message = "The key holds a text, no attachment";
        return Err(Failure::new(ErrorCode::NotFound, message).into());
    };
    let media_type = HeaderValue::from_str(&media_type)
        .unwrap_or(HeaderValue::from_static("application/octet-stream"));
    // A browser must not run what a stranger uploaded.
    let safe: [(HeaderName, HeaderValue); 3] = [
        (header::CONTENT_TYPE, media_type),
        (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ),
        (
            header::CONTENT_DISPOSITION,
            HeaderValue::from_static("attachment"),
        ),
    ];
    Ok((safe, bytes).into_response())
}

/// `DELETE …/storage/{key}`: removes one key.
pub(super) async fn remove(
    State(api): State<Arc<Api>>,
    GmsPath((id, key)): GmsPath<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, GmsError> {
    let callback = open_to_caller(&api, &headers, &id).await?;
    api.engine.remove_storage(&callback.id, &key).await?;
    Ok(answer::ok(&json!({}))?)
}

fn row(part: body::Part) -> Result<StorageRow, Failure> {
    if part.name.len() > KEY_MAX {
        let message = format!("A key of the storage has at most {KEY_MAX} bytes");
        return Err(Failure::new(ErrorCode::BadParameter, message));
    }
    let (value, size) = match part.content {
        body::Content::Text(text) => {
            let size = text.len();
            (StorageValue::Text(text), size)
        }
        body::Content::File { media_type, bytes } => {
            let size = bytes.len();
            let bytes = bytes.to_vec();
            (StorageValue::Binary { media_type, bytes }, size)
        }
    };
    Ok(StorageRow {
        key: part.name,
        value,
        size,
    })
}

fn shown(api: &Api, callback: &Callback, row: StorageRow) -> Value {
    match row.value {
        StorageValue::Text(text) => Value::String(text),
        StorageValue::Binary { .. } => json!(format!(
            "{}{}/1/service/{}/storage/binary/{}",
            api.public_url.trim_end_matches('/'),
            api.app,
            encode_segment(callback.id.as_str()),
            encode_segment(&row.key),
        )),
    }
}
