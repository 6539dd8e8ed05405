//! A plugin the way graphical designers write it: page, event handler, script and sub-flow in files
//! of their own, with real calls and keys.

use std::time::Duration;

use testkit::{Behaviour, Line, PATIENCE, Receiver, Reply, Server};

use crate::common::{agents, check, server, service, story};

const PAGE: &str = include_str!("../../../../examples/plugins/dial_guard.scxml");
const SCRIPT: &str = include_str!("../../../../examples/plugins/dial_guard.js");
const REPLY: &str = include_str!("../../../../examples/plugins/detach_and_reply.scxml");

struct Site {
    server: Server,
    notes: Receiver,
    documents: Receiver,
}

async fn site(behaviour: Behaviour, extra: &[&str]) -> (Site, Line) {
    let line = Line::start(move |_, _| behaviour).await;
    let (notes, documents) = (Receiver::start().await, Receiver::start().await);
    documents.answer(|note| match note.request.rsplit('/').next() {
        Some("dial_guard.scxml") => Reply::Json(200, PAGE),
        Some("dial_guard.js") => Reply::Json(200, SCRIPT),
        Some("detach_and_reply.scxml") => Reply::Json(200, REPLY),
        _ => Reply::Status(404),
    });
    let server = server(line.port).start().await;
    server.api.import_agents(&agents(&[("kim", "7001")])).await;
    let url = format!("_plugin_on_dial_url = {}/dial_guard.scxml", documents.url);
    let lines = [&[url.as_str()], extra].concat();
    let text = service("desk", &notes, &lines);
    server.api.import_services(&text).await;
    let site = Site {
        server,
        notes,
        documents,
    };
    (site, line)
}

fn press(key: char) -> Behaviour {
    Behaviour::AnswerAndPress(Duration::ZERO, Duration::from_millis(500), key)
}

#[tokio::test]
async fn a_key_connects_and_its_data_stay_with_the_callback() {
    let (site, _line) = site(press('1'), &[]).await;
    let id = site.server.api.call_back("desk", "5115").await;
    site.notes.wait_for(&id, "customer_queued", PATIENCE).await;
    let expected = [
        "service_create",
        "virtual_ixn_create",
        "dial_init",
        "dial_done(0,1)",
        "customer_queued",
    ];
    assert_eq!(story(&site.notes.of(&id)), expected);
    let native = format!("/api/v1/callbacks/{id}");
    let record = site.server.api.get(&native).await.body;
    assert_eq!(record["_rb_user_data"]["DialGuard_Key"], "1", "{record}");
    assert_eq!(site.documents.notes().len(), 3, "page, script and sub-flow");
    let mut events = site.server.api.events(&id).await;
    events.retain(|event| event["event_id"] == "rb.plugin_problem");
    assert!(events.is_empty(), "it gave the call back: {events:?}");
    let log = site.server.log();
    assert!(log.contains("a document says"), "{log}");
}

#[tokio::test]
async fn another_key_cancels() {
    let (site, _line) = site(press('9'), &[]).await;
    let id = site.server.api.call_back("desk", "5115").await;
    let notes = site.notes.whole(&id, PATIENCE).await;
    let expected = [
        "service_create",
        "virtual_ixn_create",
        "dial_init",
        "dial_done(0,1)",
        "service_exit",
    ];
    check(&notes, &expected, "CANCELLED");
}

#[tokio::test]
async fn without_a_call_the_page_is_started_by_plugin_start() {
    let busy = Behaviour::Refuse(Duration::ZERO, 486);
    let (site, _line) = site(busy, &["_max_dial_attempts = 9"]).await;
    let id = site.server.api.call_back("desk", "5115").await;
    let notes = site.notes.whole(&id, PATIENCE).await;
    let expected = [
        "service_create",
        "virtual_ixn_create",
        "dial_init",
        "dial_done(6,1)",
        "dial_init",
        "dial_done(6,2)",
        "dial_init",
        "dial_done(6,3)",
        "service_exit",
    ];
    check(&notes, &expected, "CANCELLED");
}

#[tokio::test]
async fn a_customer_who_leaves_is_reported() {
    let leaves = Behaviour::AnswerAndLeave(Duration::ZERO, Duration::from_millis(400));
    let (site, _line) = site(leaves, &["_max_dial_attempts = 1"]).await;
    let id = site.server.api.call_back("desk", "5115").await;
    site.notes.whole(&id, PATIENCE).await;
    let mut events = site.server.api.events(&id).await;
    events.retain(|event| event["event_id"] == "rb.plugin_answered");
    assert_eq!(events[0]["data"]["message"], "interaction_deleted");
}
