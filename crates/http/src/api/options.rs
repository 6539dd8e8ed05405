//! `GET /api/v1/options`: the option catalogue with the status of every entry.

use axum::response::Response;

use crate::answer;
use crate::api::Operator;
use crate::error::ApiError;

pub(super) async fn list(_: Operator) -> Result<Response, ApiError> {
    Ok(answer::ok(&callback::options::table())?)
}
