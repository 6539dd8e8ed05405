//! `GET|POST {app}/1/service/{id}/{action}`: a step of a dialog with the customer's app
//! (callback-api §9.2). No dialog is held yet, so no step leads anywhere; each says so by name.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use callback::ErrorCode;

use super::by_id::open_to_caller;
use crate::Api;
use crate::error::{Failure, GmsError};
use crate::path::GmsPath;

/// Choices of the menus of callback-api §9.2.
const ACTIONS: &[&str] = &["confirm", "later", "cancel"];

pub(super) async fn step(
    State(api): State<Arc<Api>>,
    GmsPath((id, action)): GmsPath<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, GmsError> {
    open_to_caller(&api, &headers, &id).await?;
    if !ACTIONS.contains(&action.as_str()) {
        let message = "There is nothing at this path";
        return Err(Failure::new(ErrorCode::NotFound, message).into());
    }
    let message =
        format!("The dialog step '{action}' is not built yet: no dialog is held with the customer");
    Err(Failure::field(ErrorCode::NotAvailable, &action, message).into())
}
