//! The record as the compatible surface shows it (callback-api §6.3).

use callback::Callback;
use callback::service::Service;
use serde_json::{Map, Value, json};

use crate::path::encode_segment;

/// Builds the record; without the service (it may be gone) the lookup keys are left out.
pub(crate) fn record(
    callback: &Callback,
    service: Option<&Service>,
    public_url: &str,
) -> Map<String, Value> {
    let url = format!(
        "{}/genesys/1/service/callback/{}/{}",
        public_url.trim_end_matches('/'),
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
    for key in service.map(Service::lookup_keys).unwrap_or_default() {
        let value = callback
            .parameters
            .get(key)
            .or_else(|| callback.user_data.get(key));
        if let Some(value) = value
            && !record.contains_key(key)
        {
            record.insert(key.to_owned(), value.clone());
        }
    }
    record
}
