//! What is shown and what is masked.

use callback::{CallbackId, Timestamp};
use reqwest::header::HeaderValue;
use store::{DeliveryExtra, DeliveryState};

use super::*;

const EVENT: &str = r#"{"event_id":"_cbe_on_dial_done","_service_id":"1-a","_customer_number":"+4930555010","c_call_result":0,"colour":"blue","n":7}"#;

fn row(body: &str, is_form: bool) -> DeliveryRow {
    DeliveryRow {
        id: "1-a.1".to_owned(),
        callback: CallbackId::new("1-a"),
        seq: 1,
        notification_seq: 1,
        event_id: "_cbe_on_dial_done".to_owned(),
        at: Timestamp(1),
        channel: "httpcb".to_owned(),
        target: "http://u:secret@crm/in?key=secret".to_owned(),
        guarded: false,
        language: String::new(),
        body: body.to_owned(),
        attempts: 0,
        base: 0,
        next_at: None,
        state: DeliveryState::Pending,
        extra: DeliveryExtra {
            is_form,
            ..DeliveryExtra::default()
        },
    }
}

#[test]
fn a_trace_shows_the_request_without_secrets_numbers_and_attached_data() {
    let mut headers = HeaderMap::new();
    headers.insert("ringback-sequence", HeaderValue::from_static("1"));
    assert_eq!(
        request(&row(EVENT, false), &headers),
        "POST http://***@crm/in?***\nringback-sequence: 1\nauthorization: ***\n\n\
         {\"event_id\":\"_cbe_on_dial_done\",\"_service_id\":\"1-a\",\
         \"_customer_number\":\"***\",\"c_call_result\":0,\"colour\":\"***\",\"n\":\"***\"}"
    );
}

#[test]
fn the_event_inside_a_wrapper_or_a_form_is_masked_as_well() {
    let text = serde_json::json!({"deviceId": "crm-7", "message": EVENT}).to_string();
    let shown = request(&row(&text, false), &HeaderMap::new());
    assert!(
        shown.contains("crm-7") && shown.contains("_cbe_on_dial_done"),
        "{shown}"
    );
    let form = "event_id=x&_customer_number=%2B4930555010&colour=blue";
    let shown_form = request(&row(form, true), &HeaderMap::new());
    assert!(
        shown_form.ends_with("event_id=x&_customer_number=***&colour=***"),
        "{shown_form}"
    );
    for hidden in ["blue", "4930555010"] {
        assert!(
            !shown.contains(hidden) && !shown_form.contains(hidden),
            "{hidden}"
        );
    }
    let other = request(&row("plain words", false), &HeaderMap::new());
    assert!(other.ends_with("***"), "{other}");
}

#[test]
fn what_a_receiver_sends_back_is_masked_in_the_answer() {
    let mut headers = HeaderMap::new();
    headers.insert("set-cookie", HeaderValue::from_static("a=b"));
    headers.insert("server", HeaderValue::from_static("crm"));
    let shown = answer(
        &row(EVENT, false),
        &head(500, &headers),
        "no blue +4930555010 for 7",
    );
    assert_eq!(shown, "500\nserver: crm\n\nno *** *** for 7");
}
