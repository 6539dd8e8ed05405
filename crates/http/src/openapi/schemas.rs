//! The forms of bodies. Keys that are open by design (attached data) say so.

mod console;
mod pages;

use callback::events::CHANNELS;
use serde_json::{Map, Value, json};

use super::{phrases, reference};

/// Every schema by name.
pub(super) fn all() -> Map<String, Value> {
    let mut schemas = Map::new();
    for group in [
        general(),
        compatible(),
        notification(),
        native(),
        reports(),
        pages::all(),
        console::sessions(),
        console::others(),
    ] {
        if let Value::Object(group) = group {
            schemas.extend(group);
        }
    }
    schemas
}

fn text() -> Value {
    json!({"type": "string"})
}

fn number() -> Value {
    json!({"type": "integer"})
}

fn truth() -> Value {
    json!({"type": "boolean"})
}

fn time() -> Value {
    json!({"type": "string", "format": "date-time"})
}

fn texts() -> Value {
    json!({"type": "array", "items": {"type": "string"}})
}

fn list_of(key: &str, item: &Value) -> Value {
    json!({"type": "object", "required": [key],
        "properties": {key: {"type": "array", "items": item}}})
}

fn general() -> Value {
    json!({
        "Object": {"type": "object", "additionalProperties": true},
        "ErrorCode": {"type": "string", "enum": phrases()},
        "Refusal": {
            "type": "object",
            "required": ["code", "phrase", "exception", "message"],
            "properties": {"code": number(), "phrase": text(), "exception": text(),
                "message": text(), "field": text(),
                "availability": {"type": "object", "additionalProperties": number()}},
        },
        "Problem": {
            "type": "object",
            "required": ["type", "title", "status", "detail"],
            "properties": {"type": text(), "title": text(), "status": number(),
                "detail": text(), "field": text()},
        },
        "Accepted": {
            "type": "object",
            "required": ["status"],
            "properties": {"status": text()},
        },
        "PluginAnswer": {
            "type": "object",
            "required": ["action", "message"],
            "properties": {
                "action": {"type": "string",
                    "enum": ["cancel", "route_to_agent", "route_to_rp", "retry"]},
                "message": text(), "customer_number": text(),
                "customer_number_prefix": text(), "delay": number()},
        },
        "Readiness": {
            "type": "object",
            "required": ["ready", "reasons", "running"],
            "properties": {"ready": truth(), "reasons": texts(), "running": number(),
                "trunks": number(), "trunks_up": number()},
        },
    })
}

fn compatible() -> Value {
    json!({
        "Start": {
            "type": "object",
            "description": "Keys with _ are parameters of the service, the others attached data",
            "required": ["_customer_number"],
            "properties": {"_customer_number": text(), "_desired_time": time(),
                "_call_direction": {"type": "string", "enum": ["USERTERMINATED"]},
                "_media_type": {"type": "string", "enum": ["voice"]},
                "_wait_for_agent": truth(), "_target": text(), "_urs_virtual_queue": text(),
                "_urs_vq_priority": number(), "_urs_vq_priority_increment": number(),
                "_urs_vq_priority_increment_interval": number(),
                "_urs_call_interaction_age": number(),
                "_enable_status_notification": text(), "_status_notification_type": text(),
                "_status_notification_target": text(),
                "_status_notification_provider": text(), "_callback_events_list": text()},
            "additionalProperties": true,
        },
        "Update": {
            "type": "object",
            "description": "Keys without _ add or replace attached data",
            "properties": {"_new_desired_time": time(), "_target": text(),
                "_urs_vq_priority": number(), "_urs_vq_priority_increment": number(),
                "_urs_vq_priority_increment_interval": number()},
            "additionalProperties": true,
        },
        "Record": {
            "type": "object",
            "required": ["_id", "_service_name", "_callback_state", "_customer_number",
                "_desired_time", "_expiration_time", "_url"],
            "properties": {"_id": text(), "_service_name": text(),
                "_callback_state": {"type": "string", "enum": ["SCHEDULED", "QUEUED",
                    "ROUTING", "PROCESSING", "COMPLETED", "PAUSED"]},
                "_callback_reason": text(), "_customer_number": text(),
                "_desired_time": time(), "_expiration_time": time(), "_url": text(),
                "url": text()},
            "additionalProperties": true,
        },
        "Position": {
            "type": "object",
            "required": ["_position", "_eta", "_total_waiting",
                "_agent_ready_threshold_passed"],
            "properties": {"_position": text(), "_eta": text(), "_total_waiting": text(),
                "_agent_ready_threshold_passed": truth()},
        },
    })
}

fn notification() -> Value {
    json!({
        "Subscribe": {
            "type": "object",
            "required": ["subscriberId", "filter", "notificationDetails"],
            "properties": {"subscriberId": text(), "filter": text(), "providerName": text(),
                "expire": number(), "language": text(),
                "authorization": {"type": "string", "description": "base64 of user:password"},
                "notificationDetails": {
                    "type": "object",
                    "required": ["deviceId", "type"],
                    "properties": {"deviceId": text(),
                        "type": {"type": "string", "enum": CHANNELS},
                        "properties": {"type": "object", "additionalProperties": text()}},
                }},
        },
        "Subscribed": {
            "type": "object",
            "required": ["id", "expires"],
            "properties": {"id": text(), "expires": time()},
        },
        "Publish": {
            "type": "object",
            "required": ["tag", "message"],
            "properties": {"tag": text(), "message": {}},
        },
        "Published": {
            "type": "object",
            "required": ["matched"],
            "properties": {"matched": number()},
        },
    })
}

fn native() -> Value {
    let service = json!({"type": "object", "required": ["name", "options"],
        "properties": {"name": text(), "changed": {"type": ["string", "null"]},
            "options": {"type": "object", "additionalProperties": text()}}});
    let agent = json!({"type": "object", "required": ["id", "extension", "state", "groups", "registered"],
        "properties": {"id": text(), "extension": text(), "state": text(), "reason": text(),
            "since": number(), "groups": texts(),
            "skills": {"type": "object", "additionalProperties": number()},
            "registered": truth(), "call_id": {"type": ["string", "null"]}}});
    let event = json!({"type": "object", "required": ["seq", "at_ms", "event_id", "state"],
        "properties": {"seq": number(), "at_ms": number(), "event_id": text(),
            "state": text(), "data": {"type": "object"}}});
    json!({
        "Session": {
            "type": "object",
            "required": ["authenticated", "required", "version"],
            "properties": {"authenticated": truth(), "required": truth(), "version": text()},
        },
        "Login": {
            "type": "object",
            "required": ["username", "password"],
            "properties": {"username": text(), "password": text()},
            "additionalProperties": false,
        },
        "ServiceOptions": {
            "type": "object",
            "required": ["options"],
            "properties": {"options": {"type": "object", "additionalProperties": text()}},
            "additionalProperties": false,
        },
        "Services": list_of("services", &service),
        "Agents": list_of("agents", &agent),
        "AgentState": {
            "type": "object",
            "required": ["state"],
            "properties": {"state": {"type": "string", "enum": ["ready", "not_ready"]},
                "reason": text()},
            "additionalProperties": false,
        },
        "NativeCallback": {
            "allOf": [reference("Record"), {"type": "object",
                "properties": {"_rb_detail": {}, "_rb_phase": {"type": "object"},
                    "_rb_created": time(), "_rb_scheduled": truth(),
                    "_rb_attempts": number(), "_rb_contacts": number(),
                    "_rb_call_result": {}, "_rb_dialed_number": {}, "_rb_agent": {},
                    "_rb_pending_options": {"type": "object"},
                    "_rb_user_data": {"type": "object"},
                    "_rb_parameters": {"type": "object"}}}],
        },
        "Callbacks": list_of("callbacks", &reference("NativeCallback")),
        "Reschedule": {
            "type": "object",
            "required": ["desired_time"],
            "properties": {"desired_time": time()},
            "additionalProperties": false,
        },
        "Events": list_of("events", &event),
    })
}

fn reports() -> Value {
    let place = json!({"type": "object", "properties": {"line": number(), "service": text(),
        "option": text(), "message": text()}, "additionalProperties": true});
    let places = json!({"type": "array", "items": place});
    let attempt = json!({"type": "object", "properties": {"at": time(), "status": number(),
        "error": text(), "ms": number(),
            "request": text(), "answer": text()}});
    let delivery = json!({"type": "object",
        "required": ["id", "callback_id", "seq", "event_id", "channel", "target", "state",
            "attempts"],
        "properties": {"id": text(), "callback_id": text(),
        "seq": number(), "event_id": text(), "channel": text(), "target": text(),
        "state": {"type": "string", "enum": ["pending", "delivered", "failed"]},
        "attempts": {"type": "array", "items": attempt},
        "next_at": {"type": ["string", "null"]}}});
    let list = json!({"type": "object", "required": ["name", "properties", "events"],
        "properties": {"name": text(), "events": texts(),
            "properties": {"type": "object", "additionalProperties": text()}}});
    let option = json!({"type": "object", "required": ["name", "section", "status", "type", "default", "allowed", "mandatory",
            "advanced", "reason", "meaning"],
        "properties": {"name": text(), "section": text(), "type": text(), "unit": {"type": ["string", "null"]},
            "default": text(), "allowed": text(), "mandatory": truth(),
            "advanced": truth(), "aliases": texts(), "status": text(), "reason": text(),
            "test": {"type": ["string", "null"]}, "meaning": text(),
            "values": {"type": "array", "items": {"type": "object",
                "required": ["value", "status", "reason"],
                "properties": {"value": text(), "status": text(), "reason": text()}}}}});
    json!({
        "ImportReport": {
            "type": "object",
            "required": ["ok", "repairs", "warnings", "errors"],
            "properties": {"ok": truth(), "repairs": places, "warnings": places,
                "errors": places},
            "additionalProperties": true,
        },
        "Deliveries": list_of("deliveries", &delivery),
        "Retried": {
            "type": "object",
            "required": ["retried"],
            "properties": {"retried": number()},
        },
        "QueueLoad": {
            "type": "object",
            "required": ["queue", "waiting", "longest_wait_s", "states"],
            "properties": {"queue": text(), "waiting": number(), "longest_wait_s": number(),
                "states": {"type": "object", "additionalProperties": number()}},
        },
        "Trunks": list_of("trunks", &json!({"type": "object",
            "required": ["name", "up", "reason", "for_ms", "calls", "max_calls", "failures"],
            "properties": {"name": text(), "up": truth(), "reason": text(), "for_ms": number(),
                "calls": number(), "max_calls": number(), "cps": number(),
                "registered": {"type": ["boolean", "null"]}, "failures": number(),
                "retry_in_ms": {"type": ["integer", "null"]}}})),
        "Transactions": list_of("transactions", &list),
        "Options": {
            "type": "object",
            "required": ["total", "effective", "accepted", "pending", "refused", "options"],
            "properties": {"total": number(), "effective": number(), "accepted": number(),
                "pending": number(), "refused": number(),
                "options": {"type": "array", "items": option}},
        },
    })
}
