//! The native view of a callback: the compatible record and what only operators see.

use axum::response::Response;
use callback::{Callback, CallbackId, ErrorCode};
use serde_json::{Map, Value, json};

use crate::error::Failure;
use crate::gms::record::record;
use crate::{Api, answer};

/// The record as it stands after a change.
pub(super) async fn record_of(api: &Api, id: &CallbackId) -> Result<Response, Failure> {
    match api.engine.callback(id).await? {
        Some(callback) => answer::ok(&view(api, &callback)),
        None => Err(Failure::new(
            ErrorCode::NotFound,
            "There is no such callback",
        )),
    }
}

/// The record with Ringback's own keys behind it.
pub(super) fn view(api: &Api, callback: &Callback) -> Map<String, Value> {
    let service = api.engine.service(callback.service());
    let mut view = record(api, callback, service.as_deref());
    let mut put = |key: &str, value: Value| {
        view.insert(key.to_owned(), value);
    };
    put("_rb_detail", json!(callback.detail));
    put("_rb_phase", json!(callback.phase));
    put("_rb_created", json!(callback.created.to_iso()));
    put("_rb_scheduled", json!(callback.scheduled));
    put("_rb_attempts", json!(callback.attempts));
    put("_rb_contacts", json!(callback.contacts));
    put("_rb_call_result", json!(callback.call_result));
    put("_rb_dialed_number", json!(callback.dialed_number));
    put(
        "_rb_agent",
        json!(callback.found.as_ref().map(|found| &found.agent)),
    );
    put(
        "_rb_held_by",
        json!(callback.held.as_ref().map(|held| held.by)),
    );
    put("_rb_pending_options", json!(callback.settings.pending));
    put("_rb_user_data", json!(callback.user_data));
    put("_rb_parameters", json!(callback.parameters));
    view
}
