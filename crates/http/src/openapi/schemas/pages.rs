//! The forms that the pages of the browser UI ask for beside the others.

use serde_json::{Value, json};

use super::{list_of, number, text, texts, time, truth};

/// Every schema by name, as an object.
pub(super) fn all() -> Value {
    let preview = json!({"type": "object", "required": ["event_id", "body"],
        "properties": {"event_id": text(), "body": text()}});
    let subscription = json!({"type": "object",
        "required": ["id", "subscriber", "filter", "channel", "device", "expires"],
        "properties": {"id": text(), "subscriber": text(), "filter": text(), "channel": text(),
            "device": text(), "provider": text(), "language": text(),
            "has_authorization": truth(), "expires": time()}});
    let queue = json!({"type": "object", "required": ["name", "waiting", "oldest"],
        "properties": {"name": text(), "waiting": number(), "oldest": time()}});
    let span = json!({"type": "object",
        "required": ["at", "requested", "connected", "ended_otherwise", "taken", "not_taken"],
        "properties": {"at": time(), "requested": number(), "connected": number(),
            "ended_otherwise": number(), "taken": number(), "not_taken": number()}});
    json!({
        "EventCatalogue": {
            "type": "object",
            "required": ["events", "parameters", "properties"],
            "properties": {"parameters": texts(), "properties": texts(),
                "events": {"type": "array", "items": {"type": "object",
                    "required": ["event_id", "family", "attributes"],
                    "properties": {"event_id": text(), "attributes": texts(),
                        "family": {"type": "string", "enum": ["session", "server", "native"]}}}}},
        },
        "Count": {"type": "object", "required": ["count"], "properties": {"count": number()}},
        "Subscriptions": list_of("subscriptions", &subscription),
        "Message": {
            "type": "object",
            "required": ["tag", "message"],
            "properties": {"tag": text(), "message": text()},
        },
        "Previews": list_of("previews", &preview),
        "Activity": {
            "type": "object",
            "required": ["since", "minutes", "spans"],
            "properties": {"since": time(), "minutes": number(),
                "spans": {"type": "array", "items": span}},
        },
        "Overview": {
            "type": "object",
            "required": ["now", "ready", "draining", "store", "running", "states", "queues",
                "legs", "deliveries"],
            "properties": {"now": time(), "ready": truth(), "draining": truth(),
                "store": truth(), "running": number(), "legs": number(),
                "states": {"type": "object", "additionalProperties": number()},
                "deliveries": {"type": "object",
                    "required": ["pending", "failed", "last_minute"],
                    "properties": {"pending": number(), "failed": number(),
                        "last_minute": number()}},
                "queues": {"type": "array", "items": queue}},
        },
    })
}
