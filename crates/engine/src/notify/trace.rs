//! What debug mode keeps of a delivery (notifications §7.5): credentials, signatures and the values
//! of attached data are masked.

use callback::mask;
use reqwest::header::HeaderMap;
use serde_json::{Map, Value};
use store::DeliveryRow;

use crate::limits;

/// Shortest masked value that is looked for in an answer: shorter ones are in every text.
const ECHO_MIN: usize = 3;

/// The key of body members that are shown; others may be attached data.
fn is_shown(key: &str) -> bool {
    let is_own = key.starts_with('_') || key.starts_with("c_");
    let is_envelope = matches!(
        key,
        "event_id" | "timestamp" | "deviceId" | "seq" | "time_ms" | "state_after"
    );
    (is_own || is_envelope) && !key.contains("number")
}

/// The request: line, headers, body.
pub(super) fn request(row: &DeliveryRow, headers: &HeaderMap) -> String {
    let mut text = format!("POST {}\n", mask::url(&row.target));
    for (name, value) in headers {
        let value = match name.as_str() {
            "authorization" | "webhook-signature" => "***",
            _ => value.to_str().unwrap_or("***"),
        };
        text.push_str(&format!("{name}: {value}\n"));
    }
    let url = reqwest::Url::parse(&row.target);
    if url.is_ok_and(|url| !url.username().is_empty() || url.password().is_some()) {
        text.push_str("authorization: ***\n");
    }
    text.push('\n');
    text.push_str(&masked(row).0);
    text
}

/// Status and headers of an answer.
pub(super) fn head(status: u16, headers: &HeaderMap) -> String {
    let mut text = format!("{status}\n");
    for (name, value) in headers.iter().take(limits::TRACE_HEADERS_MAX) {
        if name != "set-cookie" {
            text.push_str(&format!("{name}: {}\n", value.to_str().unwrap_or("***")));
        }
    }
    text
}

/// The answer; what the request masks and the receiver sends back is masked as well.
pub(super) fn answer(row: &DeliveryRow, head: &str, body: &str) -> String {
    let mut body = body.to_owned();
    for hidden in masked(row).1 {
        if hidden.len() >= ECHO_MIN {
            body = body.replace(&hidden, "***");
        }
    }
    format!("{head}\n{body}")
}

/// The body with its hidden values masked, and these values.
fn masked(row: &DeliveryRow) -> (String, Vec<String>) {
    let mut hidden = Vec::new();
    if row.extra.is_form {
        let fields = row.body.split('&').map(|field| {
            let (key, value) = field.split_once('=').unwrap_or((field, ""));
            if is_shown(key) {
                return field.to_owned();
            }
            hidden.push(value.to_owned());
            format!("{key}=***")
        });
        let text = fields.collect::<Vec<_>>().join("&");
        return (text, hidden);
    }
    let text = match serde_json::from_str::<Map<String, Value>>(&row.body) {
        Ok(body) => Value::Object(masked_object(body, &mut hidden)).to_string(),
        Err(_) => "***".to_owned(),
    };
    (text, hidden)
}

fn masked_object(mut body: Map<String, Value>, hidden: &mut Vec<String>) -> Map<String, Value> {
    // The wrapper of customhttp has the event inside, as a text or as an object.
    let is_wrapper = body.len() == 2 && body.contains_key("deviceId");
    for (key, value) in &mut body {
        if is_shown(key) {
            continue;
        }
        let inner = match &*value {
            Value::Object(inner) if is_wrapper => Some(inner.clone()),
            Value::String(text) if is_wrapper => serde_json::from_str(text).ok(),
            _ => None,
        };
        *value = match inner {
            Some(inner) => Value::Object(masked_object(inner, hidden)),
            None => {
                hidden.push(
                    value
                        .as_str()
                        .map_or_else(|| value.to_string(), str::to_owned),
                );
                Value::from("***")
            }
        };
    }
    body
}

#[cfg(test)]
mod tests;
