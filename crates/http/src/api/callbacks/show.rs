//! `GET /api/v1/callbacks/{id}`: one callback, also one whose `_ttl` is over.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use callback::ErrorCode;

use super::view::view;
use crate::api::Operator;
use crate::error::{ApiError, Failure};
use crate::path::{ApiPath, callback_id};
use crate::{Api, answer};

pub(in crate::api) async fn show(
    _: Operator,
    State(api): State<Arc<Api>>,
    ApiPath(id): ApiPath<String>,
) -> Result<Response, ApiError> {
    match api.engine.callback(&callback_id(&id)?).await? {
        Some(callback) => Ok(answer::ok(&view(&api, &callback))?),
        None => Err(Failure::new(ErrorCode::NotFound, "There is no such callback").into()),
    }
}
