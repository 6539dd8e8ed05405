//! `DELETE /api/v1/callbacks/{id}`: cancels a callback of any service; the answer is its record.

use std::sync::Arc;

use super::view::record_of;
use crate::Api;
use crate::api::Operator;
use crate::error::ApiError;
use crate::path::{ApiPath, callback_id};
use axum::extract::State;
use axum::response::Response;

pub(in crate::api) async fn cancel(
    _: Operator,
    State(api): State<Arc<Api>>,
    ApiPath(id): ApiPath<String>,
) -> Result<Response, ApiError> {
    let id = callback_id(&id)?;
    api.engine.cancel(None, id.clone()).await?;
    Ok(record_of(&api, &id).await?)
}
