//! Delivery of status notifications to receivers with their own ideas.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;
use testkit::{Behaviour, Line, PATIENCE, Receiver, Reply, until};

use crate::common::{agents, check, server, service, site, story};

const WALK: [&str; 5] = [
    "service_create",
    "virtual_ixn_create",
    "dial_init",
    "dial_done(6,1)",
    "service_exit",
];

async fn busy() -> Line {
    Line::start(|_, _| Behaviour::Refuse(Duration::ZERO, 486)).await
}

#[tokio::test]
async fn only_200_is_success() {
    // One callback for each answer that is no success; its second attempt comes after 2 s.
    let answers = [
        ("5101", Reply::Status(204)),
        ("5102", Reply::Status(302)),
        ("5103", Reply::Status(404)),
        ("5104", Reply::Reset),
        ("5105", Reply::Status(503)),
    ];
    let line = busy().await;
    let receiver = Receiver::start().await;
    let mut refused = BTreeSet::new();
    receiver.answer(move |note| {
        let found = answers
            .iter()
            .find(|(number, _)| *number == note.get("_customer_number"));
        match found {
            Some((number, reply)) if refused.insert(*number) => *reply,
            _ => Reply::Status(200),
        }
    });
    let server = site(line.port, &receiver, &["_max_dial_attempts = 1"]).await;

    let mut ids = Vec::new();
    for status in [204, 302, 404, 0, 503] {
        let number = format!("510{}", ids.len() + 1);
        ids.push((server.api.call_back("desk", &number).await, status));
    }
    for (id, status) in ids {
        let notes = receiver.whole(&id, PATIENCE).await;
        let (first, rest) = notes.split_first().expect("there are notifications");
        assert_eq!(first.answered, status);
        assert_eq!((first.sequence(), &first.text), (1, &rest[0].text));
        check(rest, &WALK, "FAIL_CALL_TO_CUSTOMER");
    }
}

#[tokio::test]
async fn a_receiver_that_comes_late_gets_everything_in_order() {
    let line = busy().await;
    let mut server = server(line.port).start().await;
    let port = server.ports.port();
    let url = format!("http://127.0.0.1:{port}/in");
    let receiver = Receiver::start().await;
    let target = format!("_status_notification_target = {url}");
    let extra = ["_max_dial_attempts = 1", target.as_str()];
    server.api.import_agents(&agents(&[("kim", "7001")])).await;
    server
        .api
        .import_services(&service("desk", &receiver, &extra))
        .await;

    let mut ids = Vec::new();
    for number in ["5101", "5102", "5103"] {
        ids.push(server.api.call_back("desk", number).await);
    }
    for id in &ids {
        server.api.state(id, "COMPLETED", PATIENCE).await;
    }
    let late = Receiver::on(port).await;

    for id in &ids {
        check(
            &late.whole(id, PATIENCE).await,
            &WALK,
            "FAIL_CALL_TO_CUSTOMER",
        );
    }
    assert!(receiver.notes().is_empty());
}

#[tokio::test]
async fn a_slow_receiver_does_not_hold_up_the_callback() {
    let line = busy().await;
    let receiver = Receiver::start().await;
    receiver.answer(|_| Reply::Late(Duration::from_secs(3), 200));
    let server = site(line.port, &receiver, &["_max_dial_attempts = 1"]).await;

    let id = server.api.call_back("desk", "5115").await;
    server
        .api
        .state(&id, "COMPLETED", Duration::from_secs(10))
        .await;

    assert!(receiver.of(&id).len() <= 3, "{:?}", receiver.events(&id));
}

#[tokio::test]
async fn an_inner_address_from_a_request_is_refused() {
    let line = busy().await;
    let receiver = Receiver::start().await;
    let server = site(line.port, &receiver, &["_max_dial_attempts = 1"]).await;
    let inner = [
        receiver.url.as_str(),
        "http://localhost:1/x",
        "http://10.1.2.3/x",
        "http://192.168.0.9/x",
        "http://[::1]/x",
        "http://169.254.169.254/latest/meta-data",
        "http://0x7f000001/x",
        "http://2130706433/x",
    ];
    for target in inner {
        let body = json!({"_customer_number": "5115", "_status_notification_target": target});
        let answer = server.api.create("desk", &body).await;
        // Names are judged when they resolve; literal addresses at once.
        if target.contains("localhost") {
            continue;
        }
        assert_eq!(answer.status, 400, "{target}: {answer:?}");
        assert_eq!(
            answer.body["phrase"], "ADDRESS_NOT_ALLOWED",
            "{target}: {answer:?}"
        );
    }
    // The operator's own target is trusted.
    let id = server.api.call_back("desk", "5115").await;
    assert_eq!(story(&receiver.whole(&id, PATIENCE).await), WALK);
}

#[tokio::test]
async fn an_allowed_host_may_be_named_by_a_request() {
    let line = busy().await;
    let own = Receiver::start().await;
    let other = Receiver::start().await;
    let server = server(line.port)
        .set("notifications", "allow_hosts = [\"127.0.0.1\"]")
        .start()
        .await;
    server.api.import_agents(&agents(&[("kim", "7001")])).await;
    server
        .api
        .import_services(&service("desk", &own, &["_max_dial_attempts = 1"]))
        .await;

    let body = json!({"_customer_number": "5115", "_status_notification_target": other.url});
    let answer = server.api.create("desk", &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let id = answer.body["_id"].as_str().unwrap();

    assert_eq!(story(&other.whole(id, PATIENCE).await), WALK);
    assert!(own.notes().is_empty());
}

#[tokio::test]
async fn deliveries_are_listed_with_their_attempts() {
    let line = busy().await;
    let receiver = Receiver::start().await;
    let mut first = true;
    receiver.answer(move |_| {
        let reply = if first {
            Reply::Status(500)
        } else {
            Reply::Status(200)
        };
        first = false;
        reply
    });
    let server = site(line.port, &receiver, &["_max_dial_attempts = 1"]).await;

    let id = server.api.call_back("desk", "5115").await;
    let deliveries = until("all deliveries", PATIENCE, async || {
        let deliveries = server.api.deliveries(&id).await;
        let done = deliveries
            .iter()
            .filter(|d| d["state"] == "delivered")
            .count();
        (done == WALK.len()).then_some(deliveries)
    })
    .await;

    let statuses: Vec<Vec<u64>> = deliveries
        .iter()
        .map(|d| {
            let attempts = d["attempts"].as_array().expect("attempts");
            attempts
                .iter()
                .filter_map(|attempt| attempt["status"].as_u64())
                .collect()
        })
        .collect();
    assert_eq!(
        statuses
            .iter()
            .filter(|statuses| **statuses == [500, 200])
            .count(),
        1
    );
    assert_eq!(
        statuses
            .iter()
            .filter(|statuses| **statuses == [200])
            .count(),
        WALK.len() - 1
    );
}
