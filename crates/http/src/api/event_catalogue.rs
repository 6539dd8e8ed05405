//! `GET /api/v1/events/catalogue`: every event, and what a Transaction List may ask for.

use axum::response::Response;
use callback::events::{DICTIONARY, EventId, Family};
use callback::transaction_list::PROPERTY_NAMES;
use serde_json::{Value, json};

use crate::answer;
use crate::api::Operator;
use crate::error::ApiError;

pub(super) async fn list(_: Operator) -> Result<Response, ApiError> {
    let events: Vec<Value> = EventId::ALL
        .iter()
        .map(|event| {
            let family = match event.family() {
                Family::Session => "session",
                Family::Server => "server",
                Family::Native => "native",
            };
            json!({
                "event_id": event.as_str(),
                "family": family,
                "attributes": event.attributes(),
            })
        })
        .collect();
    Ok(answer::ok(&json!({
        "events": events,
        "parameters": DICTIONARY,
        "properties": PROPERTY_NAMES,
    }))?)
}
