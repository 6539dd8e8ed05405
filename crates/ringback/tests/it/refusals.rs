//! Requests that are refused, and numbers that are never dialed.

use serde_json::{Value, json};
use testkit::{Answer, Behaviour, Line, PATIENCE, Receiver, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::common::{agents, keys, server, service};

/// A server with a block list; the line must never see a call.
async fn strict() -> (Server, Line, Receiver) {
    let line = Line::start(|_, _| Behaviour::NoAnswer).await;
    let receiver = Receiver::start().await;
    let server = server(line.port)
        .set("dialplan", "default_country = \"DE\"")
        .set("dialplan", "block = [\"5559\", \"+49900\"]")
        .set("dialplan", "allow_countries = [\"DE\", \"US\"]")
        .start()
        .await;
    server.api.import_agents(&agents(&[("kim", "7001")])).await;
    server
        .api
        .import_services(&service("desk", &receiver, &["_default_country = DE"]))
        .await;
    (server, line, receiver)
}

fn refused(answer: &Answer, status: u16, phrase: &str) {
    assert_eq!(
        (answer.status, &answer.body["phrase"]),
        (status, &json!(phrase)),
        "{answer:?}"
    );
    assert_eq!(answer.body["code"], status);
    assert_eq!(answer.content_type, "application/json;charset=utf-8");
    for key in ["code", "phrase", "exception", "message"] {
        assert!(keys(&answer.body).contains(&key), "no {key} in {answer:?}");
    }
    assert!(
        answer.body["message"]
            .as_str()
            .is_some_and(|text| !text.is_empty()),
        "{answer:?}"
    );
}

#[tokio::test]
async fn dangerous_numbers_are_refused_and_never_dialed() {
    let (server, line, receiver) = strict().await;
    let number = async |text: &str| {
        server
            .api
            .create("desk", &json!({"_customer_number": text}))
            .await
    };

    for emergency in ["112", "110", "911", "999", "1-1-2"] {
        refused(&number(emergency).await, 400, "EMERGENCY_NUMBER");
    }
    for blocked in ["5559", "55591", "+4990012345"] {
        let answer = number(blocked).await;
        assert_eq!(answer.status, 400, "{answer:?}");
    }
    refused(&number("5559").await, 400, "NUMBER_BLOCKED");
    refused(
        &number("+33 1 42 68 53 00").await,
        400,
        "COUNTRY_NOT_ALLOWED",
    );
    refused(&number("call me").await, 400, "BAD_NUMBER");
    refused(&number("+49 1").await, 400, "BAD_NUMBER");
    refused(&number("").await, 400, "MISSING_KEY");
    assert!(line.calls().is_empty(), "{:?}", line.calls());
    assert!(receiver.notes().is_empty());
}

#[tokio::test]
async fn a_dangerous_number_made_by_a_prefix_is_not_dialed() {
    let (server, line, receiver) = strict().await;
    let extra = ["_prefix_dial_out = 1", "_max_dial_attempts = 1"];
    server
        .api
        .import_services(&service("prefixed", &receiver, &extra))
        .await;

    let id = server.api.call_back("prefixed", "12").await;
    let record = server.api.state(&id, "COMPLETED", PATIENCE).await;

    assert_eq!(record["_callback_reason"], "FAIL_CALL_TO_CUSTOMER");
    assert!(line.calls().is_empty(), "{:?}", line.calls());
}

#[tokio::test]
async fn bad_requests_have_the_compatible_error_form() {
    let (server, line, _receiver) = strict().await;
    let api = &server.api;
    let base = "/genesys/1/service/callback/desk";
    let json_type = "application/json";

    refused(
        &api.post(base, &json!({"topic": "x"})).await,
        400,
        "MISSING_KEY",
    );
    refused(
        &api.post_bytes(base, json_type, b"{\"a\":".to_vec()).await,
        400,
        "BAD_PARAMETER",
    );
    let soon = json!({"_customer_number": "5115", "_desired_time": "tomorrow"});
    refused(&api.post(base, &soon).await, 400, "BAD_PARAMETER");
    let own = json!({"_customer_number": "5115", "_call_direction": "USERORIGINATED"});
    let answer = api.post(base, &own).await;
    refused(&answer, 400, "NOT_AVAILABLE");
    assert!(
        answer.body["message"]
            .to_string()
            .contains("_call_direction"),
        "{answer:?}"
    );
    let chat = json!({"_customer_number": "5115", "_media_type": "chat"});
    refused(&api.post(base, &chat).await, 400, "NOT_AVAILABLE");

    let body = json!({"_customer_number": "5115"});
    refused(&api.create("nowhere", &body).await, 404, "NOT_FOUND");
    refused(
        &api.get("/genesys/1/service/callback?_id=1-2").await,
        404,
        "NOT_FOUND",
    );
    refused(&api.cancel("desk", "1-2").await, 404, "NOT_FOUND");

    let text = api
        .post_bytes(base, "text/plain", b"_customer_number=5115".to_vec())
        .await;
    refused(&text, 415, "MEDIA_TYPE");
    assert!(line.calls().is_empty());
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_by_its_announced_length() {
    let (server, _line, _receiver) = strict().await;
    let address = server.url().trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let head = format!(
        "POST /genesys/1/service/callback/desk HTTP/1.1\r\nHost: {address}\r\n\
         Content-Type: application/json\r\nContent-Length: 300000\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    read.expect("an answer in time").unwrap();

    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains(r#""phrase":"TOO_LARGE""#), "{answer}");
}

#[tokio::test]
async fn forms_are_accepted_like_json() {
    let (server, _line, receiver) = strict().await;
    let extra = ["_wait_for_agent = true"];
    server
        .api
        .import_services(&service("later", &receiver, &extra))
        .await;
    let base = "/genesys/1/service/callback/later";
    let form = b"_customer_number=5115&topic=invoice+42".to_vec();

    let answer = server
        .api
        .post_bytes(base, "application/x-www-form-urlencoded", form)
        .await;

    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.body["_customer_number"], "5115");
}

#[tokio::test]
async fn credentials_are_asked_for_once_they_are_set() {
    let line = Line::start(|_, _| Behaviour::NoAnswer).await;
    let server = server(line.port)
        .set("server", "username = \"operator\"")
        .set("server", "password = \"wonder wall\"")
        .start()
        .await;
    let path = "/genesys/1/service/callback/desk";
    let body: Value = json!({"_customer_number": "5115"});

    refused(&server.api.post(path, &body).await, 401, "UNAUTHORIZED");
    let wrong = server.api.login("operator", "wonder");
    refused(&wrong.post(path, &body).await, 401, "UNAUTHORIZED");
    assert_eq!(server.api.get("/api/v1/agents").await.status, 401);
    let right = server.api.login("operator", "wonder wall");
    refused(&right.post(path, &body).await, 404, "NOT_FOUND");
    assert_eq!(right.get("/api/v1/agents").await.status, 200);
    assert_eq!(server.api.get("/livez").await.status, 200);
}
