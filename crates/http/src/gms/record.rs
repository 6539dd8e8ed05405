//! The record as the compatible surface shows it (callback-api §6.3).

use callback::service::Service;
use callback::{Callback, ini};
use serde_json::{Map, Value, json};

use crate::Api;
use crate::path::encode_segment;

/// Builds the record: what is always there, the lookup keys, the `returned-keys` of the
/// configuration. Without the service (it may be gone) the lookup keys are left out.
pub(crate) fn record(
    api: &Api,
    callback: &Callback,
    service: Option<&Service>,
) -> Map<String, Value> {
    let url = format!(
        "{}{}/1/service/callback/{}/{}",
        api.public_url.trim_end_matches('/'),
        api.app,
        encode_segment(callback.service().as_str()),
        encode_segment(callback.id.as_str()),
    );
    let mut record = Map::new();
    let mut put = |key: &str, value: Value| {
        record.insert(key.to_owned(), value);
    };
    put("_id", json!(callback.id));
    put("_service_name", json!(callback.service()));
    put("_callback_state", json!(callback.state.as_str()));
    if let Some(reason) = callback.reason {
        put("_callback_reason", json!(reason.as_str()));
    }
    put("_customer_number", json!(callback.customer_number));
    put("_desired_time", json!(callback.desired.to_iso()));
    put("_expiration_time", json!(callback.expires.to_iso()));
    put("_url", json!(url));
    // One client reads this spelling.
    put("url", json!(url));
    let lookup = service.map(Service::lookup_keys).unwrap_or_default();
    let returned = ini::list(api.engine.application_option("returned-keys"));
    for key in lookup.into_iter().chain(returned) {
        if let Some(value) = value_of(callback, key)
            && !record.contains_key(key)
        {
            record.insert(key.to_owned(), value);
        }
    }
    record
}

/// What a callback holds under a key of its request or of its settings.
fn value_of(callback: &Callback, key: &str) -> Option<Value> {
    let held = callback
        .parameters
        .get(key)
        .or_else(|| callback.user_data.get(key));
    held.cloned().or_else(|| match key {
        "_vq" | "_urs_virtual_queue" => Some(json!(callback.settings.virtual_queue)),
        "_urs_vq_priority" => Some(json!(callback.settings.priority)),
        _ => None,
    })
}
