//! Services paused through their Transaction List, callbacks held by requests.

use serde_json::{Value, json};
use testkit::{Answer, Behaviour, Line, PATIENCE, Receiver, Server};

use crate::common::{agents, server, service};

const WAITS: &str = "_wait_for_agent = true";

/// Callbacks wait in their queue: kim has no phone.
async fn desk(settings: &[(&str, &str)], extra: &[&str]) -> (Server, Line, Receiver) {
    let line = Line::start(|_, _| Behaviour::NoAnswer).await;
    let receiver = Receiver::start().await;
    let mut builder = server(line.port);
    for (section, text) in settings {
        builder = builder.set(section, text);
    }
    let server = builder.start().await;
    let api = match settings.iter().any(|(section, _)| *section == "server") {
        true => server.api.login("operator", "pass"),
        false => server.api.login("", ""),
    };
    api.import_agents(&agents(&[("kim", "7001")])).await;
    let extra = [&[WAITS], extra].concat();
    api.import_services(&service("desk", &receiver, &extra))
        .await;
    (server, line, receiver)
}

async fn list(server: &Server, name: &str, text: &str) -> Value {
    let path = format!("/api/v1/transactions/import?name={name}");
    let answer = server
        .api
        .post_bytes(&path, "text/plain", text.into())
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body
}

fn refused(answer: &Answer, status: u16, phrase: &str) {
    assert_eq!(
        (answer.status, &answer.body["phrase"]),
        (status, &json!(phrase)),
        "{answer:?}"
    );
}

async fn put(server: &Server, id: &str, body: &Value) -> Answer {
    let path = format!("/genesys/1/service/callback/desk/{id}");
    server.api.put(&path, body).await
}

#[tokio::test]
async fn services_are_paused_by_their_list_and_go_on() {
    let (mut server, line, _receiver) = desk(&[], &["_paused_services_id = front"]).await;
    let queued = server.api.call_back("desk", "5115").await;
    let tomorrow = callback_in(&server, &queued, 86_400).await;
    let body = json!({"_customer_number": "5116", "_desired_time": tomorrow});
    let booked = server.api.create("desk", &body).await.body["_id"].clone();
    let booked = booked.as_str().unwrap().to_owned();

    let report = list(&server, "Ringback_Paused", "[front]\npaused = true\n").await;
    assert_eq!(report["warnings"], json!([]));
    for id in [&queued, &booked] {
        server.api.state(id, "PAUSED", PATIENCE).await;
    }
    let now = json!({"_customer_number": "5117"});
    refused(&server.api.create("desk", &now).await, 400, "PAUSED");
    refused(&server.api.create("desk", &body).await, 400, "PAUSED");
    refused(
        &put(&server, &queued, &json!({"_callback_state": "QUEUED"})).await,
        400,
        "PAUSED",
    );

    server.kill_hard().await;
    server.restart().await;
    assert_eq!(
        server.api.record(&queued).await["_callback_state"],
        "PAUSED"
    );
    refused(&server.api.create("desk", &now).await, 400, "PAUSED");
    let report = list(&server, "Ringback_Paused", "[other]\npaused = true\n").await;
    assert_eq!(report["warnings"][0]["code"], "UNKNOWN_SERVICE", "{report}");
    server.api.state(&queued, "QUEUED", PATIENCE).await;
    server.api.state(&booked, "SCHEDULED", PATIENCE).await;
    assert_eq!(server.api.create("desk", &now).await.status, 200);
    let log = server.api.events(&queued).await;
    let updates = log
        .iter()
        .filter(|e| e["event_id"] == "_cbe_on_callback_status_updated");
    assert_eq!(updates.count(), 2, "{log:?}");
    assert!(line.calls().is_empty());
}

/// A time so many seconds after a callback's desired time.
async fn callback_in(server: &Server, id: &str, seconds: i64) -> String {
    let record = server.api.record(id).await;
    let text = record["_desired_time"].as_str().unwrap_or_default();
    let time = callback::Timestamp::parse_iso(text).expect("a record has its desired time");
    time.plus_seconds(seconds).to_iso()
}

#[tokio::test]
async fn a_pause_begins_and_ends_by_the_clock() {
    let (server, _line, _receiver) = desk(&[], &[]).await;
    let id = server.api.call_back("desk", "5115").await;
    let from = callback_in(&server, &id, 2).await;
    let to = callback_in(&server, &id, 5).await;
    list(
        &server,
        "Ringback_Paused",
        &format!("[desk]\nfrom = {from}\nto = {to}\n"),
    )
    .await;
    server.api.state(&id, "PAUSED", PATIENCE).await;
    server.api.state(&id, "QUEUED", PATIENCE).await;
}

#[tokio::test]
async fn the_pause_list_has_the_name_of_the_configuration() {
    let named = [("callback", "rb.pause_list = \"Holidays\"")];
    let (server, _line, _receiver) = desk(&named, &[]).await;
    let report = list(&server, "Ringback_Paused", "[desk]\npaused = true\n").await;
    assert_eq!(
        report["warnings"][0]["code"], "NOT_THE_PAUSE_LIST",
        "{report}"
    );
    let body = json!({"_customer_number": "5115"});
    assert_eq!(server.api.create("desk", &body).await.status, 200);
    list(&server, "Holidays", "[desk]\npaused = true\n").await;
    refused(&server.api.create("desk", &body).await, 400, "PAUSED");
}

#[tokio::test]
async fn only_operators_hold_callbacks() {
    let settings = [
        ("server", "username = \"operator\""),
        ("server", "password = \"pass\""),
    ];
    let own = ["username = app", "password = word"];
    let (mut server, line, _receiver) = desk(&settings, &own).await;
    let operator = server.api.login("operator", "pass");
    server.api = server.api.login("app", "word");
    let body = json!({"_customer_number": "5115", "_callback_state": "PAUSED"});
    refused(&server.api.create("desk", &body).await, 401, "UNAUTHORIZED");
    let made = operator.create("desk", &body).await;
    assert_eq!(
        (made.status, &made.body["_callback_state"]),
        (200, &json!("PAUSED"))
    );
    let id = made.body["_id"].as_str().unwrap().to_owned();
    let bad = json!({"_customer_number": "5115", "_callback_state": "ROUTING"});
    refused(&operator.create("desk", &bad).await, 400, "BAD_PARAMETER");

    let resumed = put(&server, &id, &json!({"_callback_state": "QUEUED"})).await;
    assert_eq!(resumed.status, 200, "{resumed:?}");
    let hold = json!({"_callback_state": "PAUSED"});
    refused(&put(&server, &id, &hold).await, 401, "UNAUTHORIZED");
    server.api = operator;
    assert_eq!(put(&server, &id, &hold).await.status, 200);
    let end = json!({"_callback_state": "COMPLETED", "_callback_reason": "FAIL_LOAD_MESSAGE_FILE"});
    assert_eq!(put(&server, &id, &end).await.status, 200);
    let record = server.api.record(&id).await;
    assert_eq!(record["_callback_reason"], "FAIL_LOAD_MESSAGE_FILE");
    refused(&put(&server, &id, &hold).await, 400, "ALREADY_COMPLETED");
    assert!(line.calls().is_empty());
}
