//! Throttles, the in-queue rule, the cap of a service and the horizon, asked over HTTP.

use serde_json::{Value, json};
use testkit::{Answer, Behaviour, Line, Receiver, Server};

use crate::common::{agents, server, service};

/// Nobody is called: without an agent the callbacks wait in their queue.
async fn site(section: &[&str], extra: &[&str]) -> (Server, Line, Receiver) {
    let line = Line::start(|_, _| Behaviour::NoAnswer).await;
    let receiver = Receiver::start().await;
    let mut builder = server(line.port);
    for text in section {
        builder = builder.set("callback", text);
    }
    let server = builder.start().await;
    server.api.import_agents(&agents(&[("kim", "7001")])).await;
    let extra: Vec<&str> = [&["_wait_for_agent = true"], extra].concat();
    server
        .api
        .import_services(&service("desk", &receiver, &extra))
        .await;
    (server, line, receiver)
}

async fn ask(server: &Server, number: &str) -> Answer {
    server
        .api
        .create("desk", &json!({"_customer_number": number}))
        .await
}

fn phrase(answer: &Answer) -> (u16, &Value) {
    (answer.status, &answer.body["phrase"])
}

#[tokio::test]
async fn limits_of_the_configuration_hold_and_survive_a_restart() {
    let section = [
        "_enable_in_queue_checking = false",
        "_throttle_request_parameters_limit = 3",
    ];
    let (mut server, _line, _receiver) = site(&section, &[]).await;
    for _ in 0..3 {
        assert_eq!(ask(&server, "+49 30 5550100").await.status, 200);
    }
    let refused = ask(&server, "+49 (30) 5550-100").await;
    assert_eq!(phrase(&refused), (400, &json!("TOO_MANY")));
    assert_eq!(refused.body["field"], "_customer_number");

    server.kill_hard().await;
    server.restart().await;
    let refused = ask(&server, "+49305550100").await;
    assert_eq!(phrase(&refused), (400, &json!("TOO_MANY")));
    assert_eq!(ask(&server, "+49305550101").await.status, 200);
}

#[tokio::test]
async fn a_service_overrides_the_limits_of_the_configuration() {
    let section = ["_throttle_request_parameters_limit = 1"];
    let off = [
        "_throttle_request_parameters_limit = 0",
        "_enable_in_queue_checking = strict",
    ];
    let (server, _line, _receiver) = site(&section, &off).await;
    assert_eq!(ask(&server, "5115").await.status, 200);
    let refused = ask(&server, "5115").await;
    assert_eq!(phrase(&refused), (400, &json!("ALREADY_QUEUED")));
    // Over is over: the number may ask again.
    let id = ask(&server, "5116").await.body["_id"].clone();
    let id = id.as_str().unwrap();
    assert_eq!(server.api.cancel("desk", id).await.status, 200);
    assert_eq!(ask(&server, "5116").await.status, 200);
}

#[tokio::test]
async fn queued_callbacks_count_again_after_a_restart() {
    let section = ["max_queued_callbacks_per_service = 2"];
    let (mut server, _line, _receiver) = site(&section, &[]).await;
    assert_eq!(ask(&server, "5115").await.status, 200);
    assert_eq!(ask(&server, "5115").await.status, 200);
    let refused = ask(&server, "5115").await;
    assert_eq!(phrase(&refused), (400, &json!("ALREADY_QUEUED")));
    let refused = ask(&server, "5116").await;
    assert_eq!(phrase(&refused), (429, &json!("QUEUE_FULL")));
    server.kill_hard().await;
    server.restart().await;
    let refused = ask(&server, "5115").await;
    assert_eq!(phrase(&refused), (400, &json!("ALREADY_QUEUED")));
    let refused = ask(&server, "5116").await;
    assert_eq!(phrase(&refused), (429, &json!("QUEUE_FULL")));
}

#[tokio::test]
async fn a_time_beyond_the_horizon_is_refused_with_a_map_of_other_times() {
    let extra = ["_reject_future_desired_time = 1d"];
    let (server, _line, _receiver) = site(&[], &extra).await;
    let at = |time: &str| json!({"_customer_number": "5115", "_desired_time": time});
    let refused = server.api.create("desk", &at("2999-01-01T00:00:00Z")).await;
    assert_eq!(phrase(&refused), (400, &json!("TOO_FAR")));
    assert_eq!(refused.body["availability"], json!({}));
    let id = ask(&server, "5115").await.body["_id"].clone();
    let path = format!("/genesys/1/service/callback/desk/{}", id.as_str().unwrap());
    let moved = json!({"_new_desired_time": "2999-01-01T00:00:00Z"});
    let refused = server.api.put(&path, &moved).await;
    assert_eq!(phrase(&refused), (400, &json!("TOO_FAR")));
}

#[tokio::test]
async fn a_repeated_request_with_its_key_is_no_new_one() {
    let section = ["_throttle_request_parameters_limit = 1"];
    let (server, _line, _receiver) = site(&section, &[]).await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}/genesys/1/service/callback/desk", server.url());
    let mut ids = Vec::new();
    for _ in 0..2 {
        let request = client.post(&url).header("Idempotency-Key", "k1");
        let body = json!({"_customer_number": "5115"});
        let answer = request.json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let text = answer.text().await.unwrap();
        let body: Value = serde_json::from_str(&text).unwrap();
        ids.push(body["_id"].clone());
    }
    assert_eq!(ids[0], ids[1]);
}
