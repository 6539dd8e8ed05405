//! Status notifications end to end: lists, modes, channels, subscriptions, retries by hand.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Behaviour, Line, Note, PATIENCE, Receiver, Reply, Server, until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::common::{PROGRAM, agents, keys, server, service, site, story};

async fn busy() -> Line {
    Line::start(|_, _| Behaviour::Refuse(Duration::ZERO, 486)).await
}

const ONE_DIAL: &str = "_max_dial_attempts = 1";

/// Imports a Transaction List.
async fn import(server: &Server, name: &str, text: &str) -> Value {
    let path = format!("/api/v1/transactions/import?name={name}");
    let answer = server
        .api
        .post_bytes(&path, "text/plain", text.as_bytes().to_vec())
        .await;
    answer.body
}

/// The full example of the reference, for a receiver.
fn sample(receiver: &Receiver) -> String {
    include_str!("../../../callback/src/transaction_list/sample.cfg")
        .replace("https://hooks.example.net/callback/billing", &receiver.url)
}

#[tokio::test]
async fn the_sample_list_decides_what_is_sent() {
    let line = busy().await;
    let receiver = Receiver::start().await;
    let nowhere = Receiver::start().await;
    let server = server(line.port).start().await;
    let report = import(&server, "Events", &sample(&receiver).replace('_', " ")).await;
    assert_eq!(report["ok"], true, "{report}");
    assert_eq!(report["events"].as_array().unwrap().len(), 15);
    assert!(report["repairs"].as_array().unwrap().len() > 60);
    let extra = [
        ONE_DIAL,
        "_callback_events_list = Events",
        "_enable_status_notification =",
        "_status_notification_type =",
        "_status_notification_target =",
    ];
    server.api.import_agents(&agents(&[("kim", "7001")])).await;
    server
        .api
        .import_services(&service("desk", &nowhere, &extra))
        .await;

    let id = server.api.call_back("desk", "5115").await;
    let notes = receiver.whole(&id, PATIENCE).await;

    let wanted = [
        "callback_queued",
        "service_create",
        "virtual_ixn_create",
        "dial_init",
        "dial_done(6,1)",
        "service_exit",
    ];
    assert_eq!(story(&notes), wanted);
    let exit = notes.last().unwrap();
    let base = ["event_id", "timestamp", "_service_id", "_callback_state"];
    let rest = [
        "_service_name",
        "_customer_number",
        "c_last_dialed_number",
        "c_termination_type",
        "desk",
        "schema",
        "final",
    ];
    assert_eq!(keys(&exit.body), [&base[..], &rest[..]].concat());
    assert_eq!(
        (&exit.body["schema"], &exit.body["final"]),
        (&json!(3), &json!(true))
    );
    assert_eq!(exit.header("content-language"), "en");
    let lists = server.api.get("/api/v1/transactions").await.body;
    assert_eq!(lists["transactions"][0]["name"], "Events");
}

#[tokio::test]
async fn a_list_that_does_not_exist_sends_nothing_and_says_so() {
    let line = busy().await;
    let receiver = Receiver::start().await;
    let extra = [ONE_DIAL, "_callback_events_list = Nowhere"];
    let server = site(line.port, &receiver, &extra).await;
    let id = server.api.call_back("desk", "5115").await;
    server.api.state(&id, "COMPLETED", PATIENCE).await;
    assert!(receiver.notes().is_empty());
    let log = server.api.events(&id).await;
    assert!(
        log.iter().any(|e| e["event_id"] == "rb.nothing_published"),
        "{log:?}"
    );
    assert!(server.log().contains("Nowhere"));
}

/// What `ringback doctor` says of the folder of a server.
fn doctor(server: &Server) -> String {
    let output = std::process::Command::new(PROGRAM)
        .args(["doctor", "--config", "ringback.toml"])
        .current_dir(server.folder())
        .output()
        .expect("the program starts");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test]
async fn an_import_tells_what_will_reach_nobody_and_doctor_does_as_well() {
    let line = busy().await;
    let receiver = Receiver::start().await;
    let server = server(line.port).start().await;
    let lines = [
        "_enable_status_notification = notify",
        "_callback_events_list = Nowhere",
        "_status_notification_provider = unknown",
        "_ors = http://127.0.0.1:9",
        "_overwritable_options = _ors",
    ];
    let codes = async || {
        let text = service("desk", &receiver, &lines);
        let report = server.api.import_services(&text).await;
        let warnings = report["warnings"].as_array().unwrap().clone();
        let code = |w: &Value| w["code"].as_str().unwrap().to_owned();
        warnings.iter().map(code).collect::<Vec<_>>().join(" ")
    };
    let told = codes().await;
    for code in [
        "NOTIFY_WITHOUT_SUBSCRIBER",
        "NO_SUCH_LIST",
        "NO_SUCH_PROVIDER",
    ] {
        assert!(told.contains(code), "{told}");
    }
    let shown = doctor(&server);
    for part in [
        "NOTIFY_WITHOUT_SUBSCRIBER: desk",
        "desk (Nowhere)",
        "desk (unknown)",
    ] {
        assert!(shown.contains(part), "{shown}");
    }

    let list = "[properties]\n_enable_status_notification = subscribe_notify\n";
    import(&server, "Nowhere", list).await;
    server
        .api
        .post(SUBSCRIBE, &subscription(&receiver, "none"))
        .await;
    let told = codes().await;
    assert!(
        !told.contains("NO_SUCH_LIST") && !told.contains("NOTIFY_WITHOUT_SUBSCRIBER"),
        "{told}"
    );
    assert!(!doctor(&server).contains("NOTIFY_WITHOUT_SUBSCRIBER"));

    // A node is an address of the caller's choice as well.
    let body = json!({"_customer_number": "5115", "_ors": "http://10.0.0.1:7005"});
    let refused = server.api.create("desk", &body).await;
    assert_eq!(refused.body["phrase"], "ADDRESS_NOT_ALLOWED", "{refused:?}");
}

#[tokio::test]
async fn a_reminder_comes_before_the_dial() {
    let line = busy().await;
    let receiver = Receiver::start().await;
    let extra = [
        ONE_DIAL,
        "_request_execution_time_buffer = 0",
        "_desired_connect_time_threshold = 0",
        "_enable_notification_reminder = true",
        "_notification_reminder_buffer = 2",
    ];
    let server = site(line.port, &receiver, &extra).await;
    let desired = testkit::unix_seconds() + 4;
    let desired = callback::Timestamp(i64::try_from(desired).unwrap() * 1000).to_iso();
    let body = json!({"_customer_number": "5115", "_desired_time": desired});
    let record = server.api.create("desk", &body).await.body;
    let id = record["_id"].as_str().unwrap();
    let notes = receiver.whole(id, PATIENCE).await;
    assert_eq!(story(&notes)[..2], ["callback_reminder", "service_create"]);
    assert_eq!(notes[0].get("_callback_state"), "SCHEDULED");
    assert_eq!(notes[0].get("_desired_time"), desired);
}

fn subscription(receiver: &Receiver, filter: &str) -> Value {
    json!({"subscriberId": "crm-7", "filter": filter, "expire": 600, "language": "de",
        "notificationDetails": {"deviceId": receiver.url, "type": "httpcb"}})
}

const SUBSCRIBE: &str = "/genesys/1/notification/subscribe";
const PUBLISH: &str = "/genesys/1/notification/publish";

#[tokio::test]
async fn subscribers_hear_of_what_their_filter_matches() {
    let line = busy().await;
    let (crm, other) = (Receiver::start().await, Receiver::start().await);
    let extra = [
        ONE_DIAL,
        "_enable_status_notification = notify",
        "_status_notification_target =",
    ];
    let mut server = site(line.port, &crm, &extra).await;
    let id = server.api.call_back("desk", "5115").await;
    server.api.state(&id, "COMPLETED", PATIENCE).await;
    let log = server.api.events(&id).await;
    let dropped = log
        .iter()
        .filter(|e| e["data"]["notification"] == "no_subscriber");
    assert_eq!(dropped.count(), 5, "{log:?}");

    let first = server
        .api
        .post(SUBSCRIBE, &subscription(&crm, "callback.desk.*"))
        .await
        .body;
    let again = server
        .api
        .post(SUBSCRIBE, &subscription(&crm, "callback.desk.*"))
        .await
        .body;
    assert_eq!(first["id"], again["id"], "renewed");
    server
        .api
        .post(
            SUBSCRIBE,
            &subscription(&other, "callback.sales.*, callback.none"),
        )
        .await;
    server.restart().await;
    let id = server.api.call_back("desk", "5115").await;
    let notes = crm.whole(&id, PATIENCE).await;
    assert_eq!(story(&notes).len(), 5);
    assert_eq!(notes[0].header("content-language"), "de");

    let message = json!({"tag": "callback.desk.x", "message": {"hello": 1}});
    let answer = server.api.post(PUBLISH, &message).await.body;
    assert_eq!(answer["matched"], 1);
    let arrived = until("the message", PATIENCE, async || {
        crm.notes().into_iter().find(|n| n.body["hello"] == 1)
    });
    arrived.await;
    assert!(other.notes().is_empty());
    let refused = server
        .api
        .post_bytes(SUBSCRIBE, "text/plain", b"{}".to_vec())
        .await;
    assert_eq!(refused.status, 415);
}

#[tokio::test]
async fn customhttp_wraps_the_event_for_the_provider() {
    let line = busy().await;
    let bridge = Receiver::start().await;
    let server = server(line.port)
        .set("push.customhttp", &format!("url = \"{}\"", bridge.url))
        .start()
        .await;
    let extra = [
        ONE_DIAL,
        "_status_notification_type = customhttp",
        "_status_notification_target = crm-bridge-7",
    ];
    server.api.import_agents(&agents(&[("kim", "7001")])).await;
    server
        .api
        .import_services(&service("desk", &bridge, &extra))
        .await;
    let id = server.api.call_back("desk", "5115").await;
    server.api.state(&id, "COMPLETED", PATIENCE).await;
    let notes = until("all five", PATIENCE, async || {
        Some(bridge.notes()).filter(|n| n.len() == 5)
    })
    .await;
    for note in &notes {
        assert_eq!(note.get("deviceId"), "crm-bridge-7");
        let event: Value = serde_json::from_str(note.get("message")).unwrap();
        assert_eq!(event["_service_id"], id.as_str());
    }
}

#[tokio::test]
async fn orscb_events_go_to_the_session_on_the_first_node() {
    let line = busy().await;
    let node = Receiver::start().await;
    let base = node.url.replace("/in", "");
    let extra = [
        ONE_DIAL,
        "_status_notification_type = orscb",
        "_status_notification_target = S-17",
        &format!("_ors = {base}, http://127.0.0.1:9"),
    ];
    let server = site(line.port, &node, &extra).await;
    let id = server.api.call_back("desk", "5115").await;
    let notes = until("all five", PATIENCE, async || {
        Some(node.notes()).filter(|n| n.len() == 5)
    })
    .await;
    let last = &notes[4];
    assert_eq!(
        notes.iter().map(Note::sequence).collect::<Vec<_>>(),
        [1, 2, 3, 4, 5],
        "in order although each event has its own address"
    );
    assert_eq!(
        last.request,
        "POST /scxml/session/S-17/event/_cbe_on_service_exit"
    );
    assert!(
        last.header("content-type")
            .starts_with("application/x-www-form-urlencoded")
    );
    assert!(
        last.text.contains(&format!("_service_id={id}&")),
        "{}",
        last.text
    );
}

#[tokio::test]
async fn a_subscription_without_an_end_lives_as_long_as_configured() {
    let line = busy().await;
    let crm = Receiver::start().await;
    let server = server(line.port)
        .set(
            "push",
            "pushEnabled = \"fcm,comet\"\ndefaultSubscriptionExpiration = 90",
        )
        .start()
        .await;
    let mut wanted = subscription(&crm, "*");
    wanted.as_object_mut().unwrap().remove("expire");
    let answer = server.api.post(SUBSCRIBE, &wanted).await.body;
    let expires = answer["expires"].as_str().unwrap();
    let in_seconds = |s: u64| {
        let at = i64::try_from(testkit::unix_seconds() + s).unwrap();
        callback::Timestamp(at * 1000).to_iso()
    };
    assert!(
        *expires > *in_seconds(80) && *expires < *in_seconds(95),
        "{answer}"
    );
    // The list of types changes nothing: what cannot be delivered is refused by name.
    assert!(server.log().contains("push.pushEnabled"));
    wanted["notificationDetails"]["type"] = json!("fcm");
    let refused = server.api.post(SUBSCRIBE, &wanted).await;
    assert_eq!(
        (refused.status, &refused.body["phrase"]),
        (400, &json!("NOT_AVAILABLE")),
        "{refused:?}"
    );
}

#[tokio::test]
async fn native_wrapped_bodies_with_a_frozen_state() {
    let line = busy().await;
    let receiver = Receiver::start().await;
    let server = server(line.port)
        .set(
            "notifications",
            "body = \"native\"\nstate_compat = \"frozen\"",
        )
        .set("notifications.httpcb", "envelope = \"wrapped\"")
        .set("notifications.customhttp", "message = \"object\"")
        .start()
        .await;
    server.api.import_agents(&agents(&[("kim", "7001")])).await;
    server
        .api
        .import_services(&service("desk", &receiver, &[ONE_DIAL]))
        .await;
    server.api.call_back("desk", "5115").await;
    let notes = until("all five", PATIENCE, async || {
        Some(receiver.notes()).filter(|n| n.len() == 5)
    })
    .await;
    let event = &notes[4].body["message"];
    assert_eq!(notes[4].get("deviceId"), receiver.url);
    assert_eq!(
        (&event["seq"], &event["state_after"]),
        (&json!(5), &json!("COMPLETED"))
    );
    assert!(event["time_ms"].is_i64(), "{event}");
}

/// The deliveries of a callback by state.
async fn in_state(server: &Server, id: &str, state: &str) -> Vec<Value> {
    let all = server.api.deliveries(id).await;
    all.into_iter().filter(|d| d["state"] == state).collect()
}

#[tokio::test]
async fn what_was_given_up_is_tried_again_by_hand() {
    let line = busy().await;
    let receiver = Receiver::start().await;
    receiver.answer(|_| Reply::Status(500));
    let extra = [
        ONE_DIAL,
        "rb.notify_schedule = 0, 1",
        "_status_notification_provider =",
    ];
    let server = site(line.port, &receiver, &extra).await;
    let body =
        json!({"_customer_number": "5115", "secret": "hidden", "_status_notification_debug": true});
    let record = server.api.create("desk", &body).await.body;
    let id = record["_id"].as_str().unwrap().to_owned();
    server.api.state(&id, "COMPLETED", PATIENCE).await;
    until("all given up", PATIENCE, async || {
        let failed = in_state(&server, &id, "failed").await;
        (failed.len() == 5).then_some(())
    })
    .await;
    let failed = in_state(&server, &id, "failed").await;
    let attempts = failed[0]["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 2, "the service's own schedule");
    assert!(
        attempts[0]["request"]
            .as_str()
            .unwrap()
            .contains("ringback-debug: true")
    );
    assert!(attempts[0]["answer"].as_str().unwrap().starts_with("500"));
    assert!(
        receiver
            .notes()
            .iter()
            .all(|note| note.header("ringback-debug") == "true")
    );
    assert!(receiver.notes()[0].header("traceparent").starts_with("00-"));

    receiver.answer(|_| Reply::Status(200));
    let one = failed[0]["id"].as_str().unwrap();
    let answer = server
        .api
        .post(&format!("/api/v1/deliveries/{one}/retry"), &Value::Null)
        .await;
    assert_eq!(answer.body["retried"], 1);
    let answer = server
        .api
        .post("/api/v1/deliveries/retry", &Value::Null)
        .await;
    assert_eq!(answer.body["retried"], 4);
    let arrived = |note: &&Note| note.answered == 200;
    let all = async || Some(receiver.of(&id)).filter(|n| n.iter().filter(arrived).count() == 5);
    until("all five", PATIENCE, all).await;
    let answer = server
        .api
        .post("/api/v1/deliveries/nothing/retry", &Value::Null)
        .await;
    assert_eq!(answer.status, 404);
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_not_asked_again() {
    let line = busy().await;
    let receiver = Receiver::start().await;
    receiver.answer(|_| Reply::Status(410));
    let server = site(line.port, &receiver, &[ONE_DIAL]).await;
    let id = server.api.call_back("desk", "5115").await;
    until("all given up", PATIENCE, async || {
        let failed = in_state(&server, &id, "failed").await;
        (failed.len() == 5).then_some(())
    })
    .await;
    assert_eq!(receiver.notes().len(), 1);
}

/// Opens the event stream and reads until a text is there.
async fn tail(server: &Server, since_id: &str, wanted: &str) -> String {
    let address = server.url().replace("http://", "");
    let mut stream = TcpStream::connect(&address)
        .await
        .expect("the server listens");
    let request =
        format!("GET /api/v1/events/tail HTTP/1.1\r\nHost: x\r\nLast-Event-ID: {since_id}\r\n\r\n");
    stream
        .write_all(request.as_bytes())
        .await
        .expect("the request goes out");
    let mut text = String::new();
    let reading = async {
        let mut buffer = [0; 4096];
        while !text.contains(wanted) {
            let read = stream.read(&mut buffer).await.expect("the stream is read");
            assert!(read > 0, "the stream ended: {text}");
            text.push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
    };
    tokio::time::timeout(PATIENCE, reading)
        .await
        .expect("the event never came");
    text
}

#[tokio::test]
async fn the_event_stream_goes_on_where_it_was_left() {
    let line = busy().await;
    let receiver = Receiver::start().await;
    let server = site(line.port, &receiver, &[ONE_DIAL]).await;
    let first = server.api.call_back("desk", "5115").await;
    let all = tail(&server, "0.x.0", "event: _cbe_on_service_exit").await;
    assert!(
        all.contains("text/event-stream") && all.contains(&first),
        "{all}"
    );
    assert_eq!(all.matches("event: _cbe_on_dial_init").count(), 1);
    let ids: Vec<&str> = all.lines().filter_map(|l| l.strip_prefix("id: ")).collect();
    let (begin, last) = (ids[0].trim(), ids[ids.len() - 1].trim());

    let resumed = tail(&server, begin, "event: _cbe_on_service_exit").await;
    assert!(
        !resumed.contains(&format!("id: {begin}\n")),
        "what was seen is left out"
    );
    assert!(resumed.contains("event: _cbe_on_dial_init"));

    let (live, second) = tokio::join!(
        tail(&server, last, "event: _cbe_on_service_exit"),
        server.api.call_back("desk", "5116")
    );
    // Others of the millisecond of `last` may come twice.
    let again = format!("id: {last}\n");
    assert!(live.contains(&second) && !live.contains(&again), "{live}");
}
