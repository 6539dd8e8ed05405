//! Every event of the tables, and the sequences that need a line, through one Transaction List
//! with all events: real server, real calls, real receiver.

use std::collections::HashMap;
use std::time::Duration;

use callback::Timestamp;
use callback::events::{EventId, Family};
use serde_json::{Value, json};
use testkit::{
    Baresip, Behaviour, Line, Note, PATIENCE, Phone, Receiver, Server, unix_seconds, until,
};

use crate::common::{agents, keys, server, service, story};

const NOW: Duration = Duration::ZERO;

/// The events that a receiver can get.
fn published() -> impl Iterator<Item = EventId> {
    let all = EventId::ALL.iter().copied();
    all.filter(|event| event.family() != Family::Native)
}

/// A list of all events with all attributes of the tables and custom data.
fn everything(receiver: &Receiver) -> String {
    let head = format!(
        "[properties]\n_enable_status_notification = subscribe_notify\n\
         _status_notification_type = httpcb\n_status_notification_target = {}\n",
        receiver.url
    );
    let section = |event: EventId| {
        format!(
            "[{}]\nnotify_params = {}\nnotify_custom = {{\"desk\": \"billing\", \"schema\": 3}}\n",
            event.as_str(),
            event.attributes().join(", ")
        )
    };
    published()
        .map(section)
        .fold(head, |text, more| text + &more)
}

const LISTED: &[&str] = &[
    "_callback_events_list = All",
    "_enable_status_notification =",
    "_status_notification_type =",
    "_status_notification_target =",
    "_request_execution_time_buffer = 0",
    "_desired_connect_time_threshold = 0",
    "_fetch_retry_delay = 1",
];
const GREETED: &str = "_treatment_customer_connect = greeting.wav";

/// A server with the list and services that differ in the lines.
async fn site(trunk: u16, receiver: &Receiver, services: &[(&str, &[&str])]) -> Server {
    let server = server(trunk).start().await;
    let path = "/api/v1/transactions/import?name=All";
    let text = everything(receiver).into_bytes();
    let report = server.api.post_bytes(path, "text/plain", text).await.body;
    assert_eq!(
        (&report["ok"], &report["warnings"]),
        (&json!(true), &json!([])),
        "{report}"
    );
    server.api.import_agents(&agents(&[("kim", "7001")])).await;
    for (name, lines) in services {
        let extra = [LISTED, lines].concat();
        server
            .api
            .import_services(&service(name, receiver, &extra))
            .await;
    }
    server
}

/// Books a callback so many seconds from now.
async fn book(server: &Server, service: &str, number: &str, seconds: u64) -> String {
    let body = json!({"_customer_number": number, "_desired_time": iso(seconds)});
    let answer = server.api.create(service, &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body["_id"].as_str().expect("an id").to_owned()
}

fn iso(seconds: u64) -> String {
    let at = i64::try_from(unix_seconds() + seconds).expect("a time of this age");
    Timestamp(at * 1000).to_iso()
}

async fn change(server: &Server, service: &str, id: &str, body: Value) {
    let path = format!("/genesys/1/service/callback/{service}/{id}");
    let answer = server.api.put(&path, &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

async fn cancel(server: &Server, service: &str, id: &str) {
    let answer = server.api.cancel(service, id).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// Waits for the last event of a callback and returns its story with the reason of its end.
async fn told(receiver: &Receiver, id: &str, last: &str) -> String {
    receiver.wait_for(id, last, PATIENCE).await;
    let notes = receiver.of(id);
    let sequence: Vec<u64> = notes.iter().map(Note::sequence).collect();
    let wanted: Vec<u64> = (1..).take(notes.len()).collect();
    assert_eq!(sequence, wanted, "{:?}", story(&notes));
    let end = notes.last().map_or("", |n| n.get("c_termination_type"));
    let end = end.trim_start_matches("COMPLETED.");
    format!("{} {end}", story(&notes).join(", "))
        .trim()
        .to_owned()
}

/// A server for all kinds of events, with an agent whose phone answers.
async fn with_an_agent(trunk: u16, receiver: &Receiver) -> (Server, Baresip) {
    let reminded = [
        "_max_dial_attempts = 1",
        "_enable_notification_reminder = true",
        "_notification_reminder_buffer = 1",
    ];
    let services: &[(&str, &[&str])] = &[
        ("desk", &[GREETED]),
        ("later", &reminded),
        (
            "lost",
            &["_target = Nobody@Stats.GA", "_fetch_retry_attempt = 1"],
        ),
    ];
    let mut server = site(trunk, receiver, services).await;
    let registrar = server.sip();
    let phone = Phone::agent("7001", &registrar, "secret-kim");
    let kim = Baresip::start(phone, &mut server.ports).await;
    server.api.registered("kim").await;
    server.api.set_agent("kim", "ready").await;
    (server, kim)
}

#[tokio::test]
async fn every_event_arrives_with_its_attributes_and_custom_data() {
    testkit::require!(testkit::baresip());
    let line = Line::start(|number, _| match number {
        "5101" => Behaviour::AnswerAndLeave(NOW, Duration::from_secs(5)),
        _ => Behaviour::Refuse(NOW, 486),
    })
    .await;
    let receiver = Receiver::start().await;
    let (server, _kim) = with_an_agent(line.port, &receiver).await;

    let talked = server.api.call_back("desk", "5101").await;
    let lost = server.api.call_back("lost", "5102").await;
    let reminded = book(&server, "later", "5103", 3).await;
    let moved = book(&server, "later", "5104", 3600).await;
    change(
        &server,
        "later",
        &moved,
        json!({"_new_desired_time": iso(7200)}),
    )
    .await;
    cancel(&server, "later", &moved).await;
    let set = book(&server, "later", "5105", 3600).await;
    change(&server, "later", &set, json!({"_callback_state": "QUEUED"})).await;

    assert_eq!(
        told(&receiver, &talked, "service_exit").await,
        "callback_submitted, callback_queued, service_create, virtual_ixn_create, dial_init, \
         dial_done(0,1), connect_treatment_start, customer_queued, target_found, route_to_agent, \
         service_exit AGENT_CONNECTED"
    );
    assert_eq!(
        told(&receiver, &lost, "callback_processing_failed").await,
        "callback_submitted, callback_submit_failed, callback_resubmitted, \
         callback_submit_failed, callback_processing_failed"
    );
    assert_eq!(
        told(&receiver, &reminded, "service_exit").await,
        "callback_scheduled, callback_reminder, callback_submitted, callback_queued, \
         service_create, virtual_ixn_create, dial_init, dial_done(6,1), service_exit \
         FAIL_CALL_TO_CUSTOMER"
    );
    assert_eq!(
        told(&receiver, &moved, "callback_cancelled").await,
        "callback_scheduled, callback_rescheduled, callback_cancelled"
    );
    let story = told(&receiver, &set, "service_exit").await;
    assert!(
        story.starts_with("callback_scheduled, callback_status_updated, callback_submitted"),
        "{story}"
    );
    let notes = receiver.notes();
    assert_eq!(published().count(), 19);
    for event in published() {
        complete(&notes, event);
    }
}

/// One notification of the event has everything that the tables promise.
fn complete(notes: &[Note], event: EventId) {
    let of_event = |note: &&Note| note.get("event_id") == event.as_str();
    let found = notes.iter().find(of_event);
    assert!(found.is_some(), "{} never came", event.as_str());
    let note = found.expect("it came");
    let attributes = event.attributes().iter().copied();
    let expected: Vec<&str> = ["event_id", "timestamp", "_service_id", "_callback_state"]
        .into_iter()
        .chain(attributes.filter(|name| *name != "_service_id"))
        .chain(["desk", "schema"])
        .collect();
    assert_eq!(keys(&note.body), expected, "{}", event.as_str());
    assert_eq!(
        (note.get("desk"), &note.body["schema"]),
        ("billing", &json!(3))
    );
    for (name, value) in note.body.as_object().expect("an object") {
        let fits = match name.as_str() {
            "c_call_result" | "c_call_num_attempt" | "schema" => value.is_u64(),
            "c_target" => value.as_object().is_some_and(|t| t.len() == 10),
            _ => value.as_str().is_some_and(|text| !text.is_empty()),
        };
        assert!(fits, "{}: {name} is {value}", event.as_str());
    }
    assert_eq!(
        note.header("content-type"),
        "application/json; charset=utf-8"
    );
}

/// What the phones of the second test do, by number and number of the call.
fn behave(number: &str, call: u32) -> Behaviour {
    let busy = Behaviour::Refuse(NOW, 486);
    let human = Behaviour::AnswerAndLeave(NOW, Duration::from_millis(1500));
    match (number, call) {
        ("5201", 1) | ("5205", _) => Behaviour::NoAnswer,
        ("5202", 1) => busy,
        ("5201" | "5202" | "5204", _) => human,
        ("5207", _) => Behaviour::AnswerAndLeave(NOW, Duration::from_secs(4)),
        _ => busy,
    }
}

/// Services of the second test and what they do not share.
const SERVICES: &[(&str, &[&str])] = &[
    ("desk", &[GREETED, "_ixn_createcall_timeout = 1"]),
    ("plain", &[]),
    ("ringing", &["_ixn_createcall_timeout = 60"]),
    ("waiting", &["_wait_for_agent = true"]),
    (
        "silent",
        &[GREETED, "_cpd_enable = true", "rb.cpd_silence_ms = 1000"],
    ),
    (
        "late",
        &["_target = Late@Stats.GA", "_max_dial_attempts = 1"],
    ),
    (
        "never",
        &["_target = Nobody@Stats.GA", "_fetch_retry_attempt = 3"],
    ),
];

const START: &str = "callback_submitted, callback_queued, service_create, virtual_ixn_create";
/// The sequences of the second test, in the order of its callbacks.
const SEQUENCES: [(&str, &str); 8] = [
    (
        START,
        "dial_init, dial_done(7,1), dial_init, dial_done(0,2), connect_treatment_start, \
         customer_queued, service_exit FAIL_INTERACTION_DELETED",
    ),
    (
        START,
        "dial_init, dial_done(6,1), dial_init, dial_done(0,2), connect_treatment_start, \
         customer_queued, service_exit FAIL_INTERACTION_DELETED",
    ),
    (
        START,
        "dial_init, dial_done(6,1), dial_init, dial_done(6,2), service_exit FAIL_CALL_TO_CUSTOMER",
    ),
    (
        START,
        "dial_init, dial_done(0,1), customer_queued, service_exit FAIL_INTERACTION_DELETED",
    ),
    (
        START,
        "dial_init, dial_done(26,1), callback_cancelled, service_exit CANCELLED",
    ),
    (START, "callback_cancelled, service_exit CANCELLED"),
    (
        START,
        "dial_init, dial_done(8,1), connect_treatment_start, customer_queued, \
         service_exit FAIL_INTERACTION_DELETED",
    ),
    (
        "callback_submitted, callback_submit_failed, callback_resubmitted, \
         callback_submit_failed, callback_resubmitted, callback_queued, service_create, \
         virtual_ixn_create",
        "dial_init, dial_done(6,1), service_exit FAIL_CALL_TO_CUSTOMER",
    ),
];

#[tokio::test]
async fn the_sequences_of_the_reference_come_from_real_calls() {
    let mut calls: HashMap<String, u32> = HashMap::new();
    let line = Line::start(move |number, _| {
        let call = calls.entry(number.to_owned()).or_default();
        *call += 1;
        behave(number, *call)
    })
    .await;
    let receiver = Receiver::start().await;
    let server = site(line.port, &receiver, SERVICES).await;
    let api = &server.api;

    let late = api.call_back("late", "5208").await;
    let never = api.call_back("never", "5209").await;
    let no_answer = api.call_back("desk", "5201").await;
    let busy = api.call_back("desk", "5202").await;
    let limit = api.call_back("desk", "5203").await;
    let plain = api.call_back("plain", "5204").await;
    let ringing = api.call_back("ringing", "5205").await;
    let waiting = api.call_back("waiting", "5206").await;
    let silent = api.call_back("silent", "5207").await;
    let booked = book(&server, "desk", "5210", 3600).await;
    cancel(&server, "desk", &booked).await;
    receiver
        .wait_for(&waiting, "virtual_ixn_create", PATIENCE)
        .await;
    cancel(&server, "waiting", &waiting).await;
    until("the phone rings", PATIENCE, async || {
        (!line.calls_to("5205").is_empty()).then_some(())
    })
    .await;
    cancel(&server, "ringing", &ringing).await;
    let failed = async || {
        let events = receiver.events(&late);
        let count = events
            .iter()
            .filter(|e| *e == "callback_submit_failed")
            .count();
        (count >= 2).then_some(())
    };
    until("two failed submissions", PATIENCE, failed).await;
    let agent = agents(&[("lee", "7002")]).replace("Billing", "Late");
    api.import_agents(&agent).await;

    let ids = [
        &no_answer, &busy, &limit, &plain, &ringing, &waiting, &silent, &late,
    ];
    for (id, (start, rest)) in ids.into_iter().zip(SEQUENCES) {
        let expected = format!("{start}, {rest}");
        assert_eq!(told(&receiver, id, "service_exit").await, expected);
    }
    let again = ", callback_resubmitted, callback_submit_failed".repeat(3);
    assert_eq!(
        told(&receiver, &never, "callback_processing_failed").await,
        format!("callback_submitted, callback_submit_failed{again}, callback_processing_failed")
    );
    assert_eq!(
        told(&receiver, &booked, "callback_cancelled").await,
        "callback_scheduled, callback_cancelled"
    );
}
