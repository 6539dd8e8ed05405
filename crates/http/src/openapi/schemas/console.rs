//! The forms of sessions, treatments, histories and settings of the browser UI.

use serde_json::{Value, json};

use super::{list_of, number, text, texts, time, truth};

/// Sessions by name, as an object.
pub(super) fn sessions() -> Value {
    let member = json!({"type": "object", "required": ["id", "active"],
        "properties": {"id": text(), "document": text(), "name": text(), "active": texts(),
            "events": number(), "microsteps": number(), "heap_bytes": number()}});
    let line = json!({"type": "object", "required": ["number", "at_ms", "session", "kind", "text"],
        "properties": {"number": number(), "at_ms": number(), "session": text(), "text": text(),
            "kind": {"type": "string", "enum": ["event", "request", "states", "log", "action",
                "load", "send", "undelivered", "stop", "end"]}}});
    let mut session = json!({"type": "object",
        "required": ["id", "state", "active", "made_ms", "age_ms", "queue", "planned", "lines",
            "invoked"],
        "properties": {"id": text(), "document": text(), "name": text(), "active": texts(),
            "events": number(), "microsteps": number(), "heap_bytes": number(),
            "state": {"type": "string", "enum": ["waiting", "running", "ended", "gone"]},
            "callback_id": {"type": ["string", "null"]}, "started_by": {"type": ["string", "null"]},
            "made_ms": number(), "age_ms": number(), "queue": number(), "planned": number(),
            "lines": number(), "ended_ms": number(), "ended": text(),
            "invoked": {"type": "array", "items": member}}});
    let sessions = list_of("sessions", &session);
    session["properties"]["log"] = json!({"type": "array", "items": line});
    json!({
        "ScxmlSessions": sessions,
        "ScxmlSession": session,
        "SessionEvent": {
            "type": "object",
            "required": ["name"],
            "properties": {"name": text(), "data": {}},
        },
    })
}

/// The others by name, as an object.
pub(super) fn others() -> Value {
    let treatment = json!({"type": "object",
        "required": ["name", "bytes", "shipped", "used_by"],
        "properties": {"name": text(), "bytes": number(), "shipped": truth(),
            "changed": {"type": ["string", "null"]}, "ms": {"type": ["integer", "null"]},
            "problem": {"type": ["string", "null"]}, "used_by": texts()}});
    let option = json!({"type": "object", "required": ["name", "before", "after"],
        "properties": {"name": text(), "before": {"type": ["string", "null"]},
            "after": {"type": ["string", "null"]}}});
    let change = json!({"type": "object", "required": ["at", "who", "address", "how", "options"],
        "properties": {"at": time(), "who": text(), "address": text(),
            "how": {"type": "string", "enum": ["form", "import", "delete"]},
            "options": {"type": "array", "items": option}}});
    json!({
        "Changes": list_of("changes", &change),
        "UiSettings": {
            "type": "object",
            "required": ["columns", "bulk"],
            "properties": {"bulk": truth(),
                "columns": {"type": "array", "items": {"type": "object",
                    "required": ["key", "title"],
                    "properties": {"key": text(), "title": text()}}}},
        },
        "Treatments": list_of("treatments", &treatment),
        "TreatmentStored": {
            "type": "object",
            "required": ["name", "ms"],
            "properties": {"name": text(), "ms": number()},
        },
    })
}
