//! The question to the customer's app before the call.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Behaviour, Line, Note, PATIENCE, Receiver, Server, until};

use crate::common::{agents, server, service};

/// A service that asks first; nobody has to be free for its calls.
async fn desk(extra: &[&str]) -> (Server, Line, Receiver) {
    let line = Line::start(|_, _| Behaviour::Refuse(Duration::ZERO, 486)).await;
    let bridge = Receiver::start().await;
    let server = server(line.port)
        .set(
            "push.provider.bridge.customhttp",
            &format!("url = \"{}\"", bridge.url),
        )
        .start()
        .await;
    server.api.import_agents(&agents(&[("kim", "7001")])).await;
    let own = [
        "_wait_for_agent = true",
        "_max_queue_wait = 1",
        "_max_dial_attempts = 1",
        "_wait_for_user_confirm = true",
        "_provider_name = bridge",
        "_enable_status_notification = false",
    ];
    let extra = [&own, extra].concat();
    server
        .api
        .import_services(&service("desk", &bridge, &extra))
        .await;
    (server, line, bridge)
}

fn request() -> Value {
    json!({"_customer_number": "5115", "push_notification_deviceid": "phone-7",
        "push_notification_type": "customhttp", "push_notification_language": "de"})
}

/// The next push after so many.
async fn push(bridge: &Receiver, after: usize) -> Note {
    let note = async || bridge.notes().into_iter().nth(after);
    until("a push to the device", PATIENCE, note).await
}

/// Sends a request as the app of a user does; the answer's status and body.
async fn app(method: Method, url: &str, user: &str) -> (u16, Value) {
    let client = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("it is there");
    let mut request = client.request(method, url);
    if !user.is_empty() {
        request = request.header("gms_user", user);
    }
    let answer = request.send().await.expect("it is there");
    let (status, text) = (
        answer.status().as_u16(),
        answer.text().await.expect("it is there"),
    );
    (status, serde_json::from_str(&text).unwrap_or_default())
}

/// The URL of a choice.
fn choice<'a>(menu: &'a Value, name: &str) -> &'a str {
    let choices = menu["_content"][0]["_group_content"]
        .as_array()
        .expect("it is there");
    let mut urls = choices
        .iter()
        .map(|c| c["_user_action_url"].as_str().expect("it is there"));
    urls.find(|url| url.contains(&format!("/{name}?")))
        .expect("it is there")
}

#[tokio::test]
async fn the_app_is_asked_and_a_yes_brings_the_call() {
    let (mut server, line, bridge) = desk(&[]).await;
    let url = format!("{}/genesys/1/service/callback/desk", server.url());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let sent = client
        .post(&url)
        .header("gms_user", "kai")
        .json(&request())
        .send();
    let text = sent.await.unwrap().text().await.unwrap();
    let made: Value = serde_json::from_str(&text).unwrap();
    let id = made["_id"].as_str().unwrap().to_owned();

    let note = push(&bridge, 0).await;
    assert_eq!(note.get("deviceId"), "phone-7");
    assert_eq!(note.header("content-language"), "de");
    let message: Value = serde_json::from_str(note.get("message")).unwrap();
    assert_eq!(message["_id"], id.as_str());
    let action = message["_action"].as_str().unwrap();

    // An open question survives a crash.
    server.kill_hard().await;
    server.restart().await;
    let step = format!("{}/genesys/1/service/{id}/{action}", server.url());
    assert_eq!(app(Method::GET, &step, "").await.0, 401);
    assert_eq!(app(Method::GET, &step, "eve").await.0, 401);
    let (status, menu) = app(Method::GET, &step, "kai").await;
    assert_eq!(
        (status, &menu["_action"]),
        (200, &json!("DisplayMenu")),
        "{menu}"
    );
    assert_eq!(
        (&menu["_id"], &menu["_dialogId"]),
        (&json!(id), &json!("1"))
    );
    let confirm = choice(&menu, "confirm");
    assert!(confirm.starts_with(&server.url()), "{confirm}");
    assert!(
        line.calls().is_empty(),
        "nobody is called before the answer"
    );
    let wrong = confirm.replace("token=", "token=0");
    assert_eq!(
        app(Method::POST, &wrong, "kai").await.1["phrase"],
        "BAD_PARAMETER"
    );
    assert_eq!(app(Method::POST, confirm, "eve").await.0, 401);

    let (status, dialog) = app(Method::POST, confirm, "kai").await;
    assert_eq!(
        (status, &dialog["_action"]),
        (200, &json!("ConfirmationDialog")),
        "{dialog}"
    );
    assert!(dialog["_text"].is_string() && dialog["_okTitle"].is_string());
    let again = app(Method::POST, confirm, "kai").await;
    assert_eq!(
        (again.0, &again.1["phrase"]),
        (400, &json!("INVALID_STATE"))
    );
    let record = server.api.state(&id, "COMPLETED", PATIENCE).await;
    assert_eq!(record["_callback_reason"], "FAIL_CALL_TO_CUSTOMER");
    assert_eq!(line.calls().len(), 1);
}

#[tokio::test]
async fn later_and_no_are_choices_too() {
    let (server, line, bridge) = desk(&["rb.later_delay = 3600"]).await;
    let choices = [("later", "SCHEDULED"), ("cancel", "COMPLETED")];
    for (asked, (name, state)) in choices.into_iter().enumerate() {
        let made = server.api.create("desk", &request()).await;
        assert_eq!(made.status, 200, "{made:?}");
        let id = made.body["_id"].as_str().unwrap().to_owned();
        push(&bridge, asked).await;
        let step = format!("{}/genesys/1/service/{id}/menu", server.url());
        let (_, menu) = app(Method::GET, &step, "").await;
        let (status, dialog) = app(Method::GET, choice(&menu, name), "").await;
        assert_eq!(
            (status, &dialog["_action"]),
            (200, &json!("ConfirmationDialog")),
            "{dialog}"
        );
        let record = server.api.state(&id, state, PATIENCE).await;
        if name == "cancel" {
            assert_eq!(record["_callback_reason"], "CANCELLED");
        }
    }
    assert!(line.calls().is_empty());
}

#[tokio::test]
async fn nobody_answers_and_the_callback_ends_or_the_call_is_made() {
    let cancel = [
        "_user_confirm_timeout = 1",
        "_on_user_confirm_timeout = CANCEL",
    ];
    let (server, line, bridge) = desk(&cancel).await;
    let made = server.api.create("desk", &request()).await;
    let id = made.body["_id"].as_str().unwrap().to_owned();
    let record = server.api.state(&id, "COMPLETED", PATIENCE).await;
    assert_eq!(record["_callback_reason"], "FAIL_USER_NO_CONFIRM");
    assert_eq!(
        bridge.notes().len(),
        3,
        "asked as often as the service says"
    );
    assert!(line.calls().is_empty());
    // Without a device there is nobody to ask.
    let id = server.api.call_back("desk", "5116").await;
    server.api.state(&id, "COMPLETED", PATIENCE).await;
    assert_eq!(line.calls().len(), 1);
    let log = server.api.events(&id).await;
    let told = log
        .iter()
        .any(|e| e["data"]["note"].to_string().contains("without asking"));
    assert!(told, "{log:?}");
}

#[tokio::test]
async fn pushes_that_cannot_be_sent_are_refused_at_creation() {
    let (server, _line, _bridge) = desk(&[]).await;
    for (key, value, field) in [
        ("push_notification_type", "gcm", "push_notification_type"),
        (
            "push_notification_provider",
            "nobody",
            "push_notification_provider",
        ),
    ] {
        let mut body = request();
        body[key] = json!(value);
        let refused = server.api.create("desk", &body).await;
        assert_eq!(
            (refused.status, &refused.body["phrase"]),
            (400, &json!("NOT_AVAILABLE"))
        );
        assert_eq!(refused.body["field"], field);
        let message = refused.body["message"].as_str().unwrap();
        assert!(message.contains(value), "{message}");
    }
}

const MESSAGES: &str = "[messages]\npush = Your turn\nquestion = Shall we call?\n\
    [messages.de]\npush = Sie sind an der Reihe\nquestion = Sollen wir anrufen?\n\
    confirm = Jetzt anrufen\nconfirmed = Danke, wir rufen an.\nok = Gut\n";

#[tokio::test]
async fn push_and_dialogs_have_the_texts_of_the_file_in_the_customers_language() {
    let (mut server, _line, bridge) = desk(&["rb.message_file = texts/app.ini"]).await;
    let folder = server.folder().join("treatments").join("texts");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("app.ini"), MESSAGES).unwrap();
    let made = server.api.create("desk", &request()).await;
    let id = made.body["_id"].as_str().unwrap().to_owned();
    let note = push(&bridge, 0).await;
    let message: Value = serde_json::from_str(note.get("message")).unwrap();
    assert_eq!(message["_text"], "Sie sind an der Reihe");

    // The texts of an open question survive the file and a crash.
    std::fs::remove_file(folder.join("app.ini")).unwrap();
    server.kill_hard().await;
    server.restart().await;
    let step = format!("{}/genesys/1/service/{id}/menu", server.url());
    let (status, menu) = app(Method::GET, &step, "").await;
    assert_eq!(
        (status, &menu["_text"]),
        (200, &json!("Sollen wir anrufen?"))
    );
    let choices = &menu["_content"][0]["_group_content"];
    let labels = (&choices[0]["_label"], &choices[1]["_label"]);
    assert_eq!(labels, (&json!("Jetzt anrufen"), &json!("Call me later")));
    let (_, dialog) = app(Method::POST, choice(&menu, "confirm"), "").await;
    let told = (&dialog["_text"], &dialog["_okTitle"]);
    assert_eq!(told, (&json!("Danke, wir rufen an."), &json!("Gut")));
}

#[tokio::test]
async fn a_message_file_that_cannot_be_read_ends_the_callback() {
    let files = ["missing.ini", "../ringback.toml", "bad.ini"];
    for file in files {
        let (server, line, bridge) = desk(&[&format!("rb.message_file = {file}")]).await;
        let bad = server.folder().join("treatments").join("bad.ini");
        std::fs::write(bad, "[messages]\nqestion = x\n").unwrap();
        let made = server.api.create("desk", &request()).await;
        let id = made.body["_id"].as_str().unwrap().to_owned();
        let record = server.api.state(&id, "COMPLETED", PATIENCE).await;
        assert_eq!(
            record["_callback_reason"], "FAIL_LOAD_MESSAGE_FILE",
            "{file}"
        );
        assert!(line.calls().is_empty() && bridge.notes().is_empty());
        let log = server.api.events(&id).await;
        let told = log
            .iter()
            .any(|e| e["data"]["note"].to_string().contains(file));
        assert!(told, "{log:?}");
    }
}
