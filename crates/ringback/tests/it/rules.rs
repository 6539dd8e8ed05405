//! Rules of the compatible surface that need a whole server: records, queries, credentials, times.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Answer, Behaviour, Line, PATIENCE, Receiver, Server, until};

use crate::common::{agents, keys, server, service};

const BASE: &str = "/genesys/1/service/callback/desk";
const WAITS: &str = "_wait_for_agent = true";

/// A server with the service `desk` and an agent without a phone; the line is busy.
async fn desk(extra: &[&str]) -> (Server, Line, Receiver) {
    let line = Line::start(|_, _| Behaviour::Refuse(Duration::ZERO, 486)).await;
    let receiver = Receiver::start().await;
    let server = crate::common::site(line.port, &receiver, extra).await;
    (server, line, receiver)
}

fn ids(answer: &Answer) -> Vec<&str> {
    let records = answer.body.as_array().expect("the answer is a list");
    let id = |record: &'_ Value| record["_id"].as_str().map(str::len);
    assert!(records.iter().all(|record| id(record).is_some()));
    records
        .iter()
        .filter_map(|record| record["_id"].as_str())
        .collect()
}

/// A time so many seconds after that of a record.
fn after(record: &Value, seconds: i64) -> String {
    let text = record["_desired_time"].as_str().unwrap_or_default();
    let time = callback::Timestamp::parse_iso(text).expect("a record has its desired time");
    time.plus_seconds(seconds).to_iso()
}

#[tokio::test]
async fn a_record_holds_what_the_reference_says() {
    let (server, _line, _receiver) = desk(&[
        WAITS,
        "_customer_lookup_keys = _customer_number,topic",
        "_ttl = 3600",
    ])
    .await;
    let body = json!({"_customer_number": "5115", "topic": "loans", "note": "x", "_nonsense": "y",
        "_originating_interaction_id": "ixn-7", "tags": ["a", 1], "age": 7});
    let made = server.api.create("desk", &body).await;
    assert_eq!(made.status, 200, "{made:?}");
    assert_eq!(made.content_type, "application/json;charset=utf-8");
    let id = made.body["_id"].as_str().unwrap();
    let (number, uuid) = id.split_once('-').unwrap();
    assert!(number.parse::<u16>().is_ok() && uuid.len() == 36, "{id}");
    let record = server.api.record(id).await;
    for key in [
        "_id",
        "_desired_time",
        "_service_name",
        "_callback_state",
        "_expiration_time",
        "_customer_number",
        "_url",
        "url",
        "topic",
    ] {
        assert!(keys(&record).contains(&key), "no {key} in {record}");
    }
    assert_eq!(record["_expiration_time"], after(&record, 3600));
    assert_eq!(record["_url"], format!("{}{BASE}/{id}", server.url()));
    assert_eq!(
        (&record["url"], &record["note"]),
        (&record["_url"], &Value::Null)
    );
    assert_eq!(record["_callback_reason"], Value::Null);
    let own = record["_url"].as_str().unwrap().replace(&server.url(), "");
    assert_eq!(server.api.get(&own).await.body, record);
    let native = server
        .api
        .get(&format!("/api/v1/callbacks/{id}"))
        .await
        .body;
    assert_eq!(
        native["_rb_user_data"]["tags"], "[\"a\",1]",
        "JSON is kept as its text"
    );
    assert_eq!(native["_rb_user_data"]["age"], "7");
    assert_eq!(
        native["_rb_parameters"]["_originating_interaction_id"],
        "ixn-7"
    );
    let log = server.api.events(id).await;
    let told = log
        .iter()
        .any(|e| e["data"]["note"].to_string().contains("_nonsense"));
    assert!(told, "an unknown parameter is kept and told: {log:?}");
}

#[tokio::test]
async fn queries_combine_keys_and_keep_their_order() {
    let (server, _line, _receiver) =
        desk(&[WAITS, "_customer_lookup_keys = _customer_number,topic"]).await;
    let first = server.api.call_back("desk", "+1 (202) 555-0123").await;
    let record = server.api.record(&first).await;
    let book = async |number: &str, topic: &str, hours: i64| {
        let body = json!({"_customer_number": number, "topic": topic, "_desired_time": after(&record, hours * 3600)});
        let made = server.api.create("desk", &body).await;
        made.body["_id"].as_str().unwrap().to_owned()
    };
    let late = book("5116", "loans", 9).await;
    let early = book("5117", "loans", 3).await;
    let list = async |query: &str| {
        let answer = server.api.get(&format!("{BASE}?{query}")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer
    };
    assert_eq!(
        ids(&list("").await),
        [&first, &early, &late],
        "by desired time"
    );
    assert_eq!(
        ids(&list("_customer_number=%2B12025550123").await),
        [&first]
    );
    assert_eq!(ids(&list("_customer_number=202-555-0123").await), [&first]);
    assert_eq!(
        ids(&list("topic=loans&_customer_number=5116").await),
        [&late]
    );
    assert_eq!(
        ids(&list("operand=AND&topic=loans&_callback_state=QUEUED").await),
        [""; 0]
    );
    let any = list("operand=OR&_customer_number=5116&_callback_state=QUEUED").await;
    assert_eq!(ids(&any), [&first, &late]);
    let any = list("_customer_number=5116&_customer_number=5117").await;
    assert_eq!(
        ids(&any),
        [&early, &late],
        "a repeated key means any of its values"
    );
    assert_eq!(ids(&list(&format!("_id={late}")).await), [&late]);
    assert_eq!(
        list("topic=Loans").await.body,
        json!([]),
        "values are compared exactly"
    );
}

#[tokio::test]
async fn after_its_ttl_a_record_is_gone_from_the_compatible_surface_only() {
    let (server, _line, _receiver) = desk(&[WAITS, "_ttl = 1"]).await;
    let id = server.api.call_back("desk", "5115").await;
    let path = format!("/genesys/1/service/callback?_id={id}");
    until("the record is gone", PATIENCE, async || {
        (server.api.get(&path).await.status == 404).then_some(())
    })
    .await;
    assert_eq!(server.api.get(BASE).await.body, json!([]));
    assert_eq!(server.api.get(&format!("{BASE}/{id}")).await.status, 404);
    let native = until("it has ended", PATIENCE, async || {
        let native = server.api.get(&format!("/api/v1/callbacks/{id}")).await;
        (native.body["_callback_state"] == "COMPLETED").then_some(native.body)
    })
    .await;
    assert_eq!(native["_callback_reason"], "FAIL_TIMEOUT_TTL");
    assert!(!server.api.events(&id).await.is_empty());
}

#[tokio::test]
async fn the_server_pair_opens_every_service_and_a_service_pair_its_own() {
    let line = Line::start(|_, _| Behaviour::NoAnswer).await;
    let receiver = Receiver::start().await;
    let mut builder = server(line.port);
    for text in ["username = \"operator\"", "password = \"pass\""] {
        builder = builder.set("server", text);
    }
    let server = builder.start().await;
    let operator = server.api.login("operator", "pass");
    operator.import_agents(&agents(&[("kim", "7001")])).await;
    let own = |name: &str| {
        service(
            name,
            &receiver,
            &[WAITS, &format!("username = {name}"), "password = word"],
        )
    };
    let ini = own("desk") + &own("loans") + &service("plain", &receiver, &[WAITS]);
    operator.import_services(&ini).await;
    let id = operator.call_back("desk", "5115").await;
    let app = server.api.login("desk", "word");
    for (api, service, status) in [
        (&operator, "desk", 200),
        (&operator, "plain", 200),
        (&app, "desk", 200),
        (&app, "loans", 401),
        (&app, "plain", 401),
        (&server.api, "desk", 401),
        (&server.api, "plain", 401),
    ] {
        let answer = api
            .get(&format!("/genesys/1/service/callback/{service}"))
            .await;
        assert_eq!(answer.status, status, "{service}: {answer:?}");
    }
    let other = server.api.login("loans", "word");
    let by_id = format!("/genesys/1/service/callback?_id={id}");
    assert_eq!(app.get(&by_id).await.status, 200);
    assert_eq!(other.get(&by_id).await.status, 401);
    assert_eq!(other.cancel("desk", &id).await.status, 401);
    assert_eq!(
        other.cancel("loans", &id).await.status,
        404,
        "not of that service"
    );
    // Subscribers hear of what their credentials open.
    for (api, filter, status) in [
        (&app, "callback.desk.*", 200),
        (&app, "callback.desk.*, callback.loans.*", 401),
        (&app, "callback.plain.*", 401),
        (&app, "*", 401),
        (&operator, "*", 200),
        (&server.api, "callback.desk.*", 401),
    ] {
        let details = json!({"type": "httpcb", "deviceId": "https://hooks.example.net/in"});
        let body = json!({"subscriberId": "crm", "filter": filter, "notificationDetails": details});
        let answer = api.post("/genesys/1/notification/subscribe", &body).await;
        assert_eq!(answer.status, status, "{filter}: {answer:?}");
    }
    let position = format!("/genesys/1/service/{id}/check-queue-position");
    assert_eq!(other.get(&position).await.status, 401);
    assert_eq!(
        app.get("/api/v1/callbacks").await.status,
        401,
        "operators only"
    );
}

#[tokio::test]
async fn with_threshold_and_buffer_0_the_dial_comes_at_the_desired_time() {
    let extra = [
        "_request_execution_time_buffer = 0",
        "_desired_connect_time_threshold = 0",
        "_max_dial_attempts = 1",
    ];
    let (server, line, _receiver) = desk(&extra).await;
    let now = server.api.call_back("desk", "5115").await;
    let record = server.api.record(&now).await;
    let desired = after(&record, 3);
    // Offsets and missing milliseconds are read as well.
    let written = desired.replace(".000Z", "Z");
    let body = json!({"_customer_number": "5116", "_desired_time": written});
    let made = server.api.create("desk", &body).await;
    assert_eq!(made.body["_callback_state"], "SCHEDULED", "{made:?}");
    let id = made.body["_id"].as_str().unwrap();
    server.api.state(id, "COMPLETED", PATIENCE).await;
    let log = server.api.events(id).await;
    let due = callback::Timestamp::parse_iso(&desired).unwrap();
    for event in ["_cbe_on_callback_submitted", "_cbe_on_dial_init"] {
        let at = log.iter().find(|e| e["event_id"] == event).unwrap()["at_ms"]
            .as_i64()
            .unwrap();
        assert!(
            (due.0..due.0 + 1_500).contains(&at),
            "{event} {} ms late",
            at - due.0
        );
    }
    assert_eq!(line.calls_to("5116").len(), 1);
}

#[tokio::test]
async fn what_cannot_be_submitted_is_tried_four_times_and_then_fails() {
    let (server, line, _receiver) = desk(&["_fetch_retry_delay = 1"]).await;
    for (name, option) in [
        ("queue", "_urs_virtual_queue ="),
        ("target", "_target = Nobody@Stats.GA"),
        ("trunk", "_route_point = nowhere"),
    ] {
        let ini = service(name, &_receiver, &["_fetch_retry_delay = 1", option]);
        server.api.import_services(&ini).await;
        let made = server
            .api
            .create(name, &json!({"_customer_number": "5115"}))
            .await;
        assert_eq!(made.status, 200, "the record is kept: {made:?}");
        let id = made.body["_id"].as_str().unwrap();
        let record = server.api.state(id, "COMPLETED", PATIENCE).await;
        assert_eq!(record["_callback_reason"], "FAIL_QUEUEING", "{name}");
        let log = server.api.events(id).await;
        let count = |event: &str| {
            log.iter()
                .filter(|e| e["event_id"] == format!("_cbe_on_callback_{event}"))
                .count()
        };
        let counts = [
            "submitted",
            "resubmitted",
            "submit_failed",
            "processing_failed",
            "queued",
        ]
        .map(count);
        assert_eq!(counts, [1, 3, 4, 1, 0], "{name}: {log:?}");
    }
    assert!(line.calls().is_empty());
}

#[tokio::test]
async fn a_phone_number_is_described() {
    let (server, _line, _receiver) = desk(&[WAITS]).await;
    let ask = async |query: &str| {
        server
            .api
            .get(&format!("/genesys/1/phonenumber?{query}"))
            .await
    };
    let told = ask("number=030%205550100&country=DE&geocodingLocale=de").await;
    assert_eq!(told.status, 200, "{told:?}");
    for (key, value) in [
        ("number-specified", json!("030 5550100")),
        ("country-default", json!("DE")),
        ("language-specified", json!("de")),
        ("location", json!("DE")),
        ("e164", json!("+49305550100")),
        ("valid", json!(true)),
        ("type", json!("fixed_line")),
        ("premium", json!(false)),
    ] {
        assert_eq!(told.body[key], value, "{told:?}");
    }
    assert_eq!(ask("number=2025550123").await.body["e164"], "+12025550123");
    for (query, phrase) in [
        ("number=call%20me", "BAD_NUMBER"),
        ("", "MISSING_KEY"),
        ("number=1&country=Germany", "BAD_PARAMETER"),
        ("number=1&colour=blue", "BAD_PARAMETER"),
    ] {
        let refused = ask(query).await;
        let got = (refused.status, refused.body["phrase"].as_str().unwrap());
        assert_eq!(got, (400, phrase), "{query}");
    }
}

#[tokio::test]
async fn many_are_cancelled_at_once_and_exported() {
    let (server, _line, _receiver) = desk(&[WAITS]).await;
    let one = server.api.call_back("desk", "5115").await;
    let two = server.api.call_back("desk", "5116").await;
    let body = json!({"ids": [one, two, "1-2", one]});
    let answer = server
        .api
        .post("/api/v1/callbacks/bulk-cancel", &body)
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.body["cancelled"], json!([one, two]));
    assert_eq!(answer.body["refused"][0]["phrase"], "NOT_FOUND");
    let path = "/api/v1/callbacks/export?state=COMPLETED&reason=CANCELLED";
    let text = server.api.get(path).await.text;
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert!(lines[0].starts_with("_id,_service_name,"), "{text}");
    assert!(
        lines[1].starts_with(&format!("{one},desk,5115,COMPLETED,CANCELLED,")),
        "{text}"
    );
    let none = server
        .api
        .get("/api/v1/callbacks/export?state=QUEUED")
        .await
        .text;
    assert_eq!(none.lines().count(), 1);
}
