//! The commands that talk to a running server: each with its last line of `--json`.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Behaviour, Line, PATIENCE, Receiver, Reply, Server, until};

use crate::command::ringback;
use crate::common::{keys, server};

/// Runs a client command and reads its last line.
async fn last(server: &Server, args: &[&str]) -> Value {
    let url = server.url();
    let mut args = args.to_vec();
    args.extend(["--json", "--url", &url]);
    let output = ringback(&args).await;
    assert_eq!(output.code, 0, "{args:?}: {output:?}");
    let line = output.stdout.lines().last().unwrap_or_default();
    serde_json::from_str(line).expect("the last line is JSON")
}

/// A server with the service `desk`, the agent kim without a phone, a busy line and a receiver.
async fn desk() -> (Server, Line, Receiver) {
    let line = Line::start(|_, _| Behaviour::Refuse(Duration::ZERO, 486)).await;
    let receiver = Receiver::start().await;
    let server = crate::common::site(line.port, &receiver, &["_max_dial_attempts = 1"]).await;
    (server, line, receiver)
}

/// A file in the folder of the server.
fn file(server: &Server, name: &str, text: &str) -> String {
    let path = server.folder().join(name);
    std::fs::write(&path, text).expect("the folder is writable");
    path.display().to_string()
}

fn has(value: &Value, expected: &[&str]) {
    let known = keys(value);
    for key in expected {
        assert!(known.contains(key), "no {key} in {value}");
    }
}

const RECORD: &[&str] = &[
    "_id",
    "_service_name",
    "_callback_state",
    "_customer_number",
    "_desired_time",
    "_expiration_time",
    "_url",
];

#[tokio::test]
async fn callbacks_are_made_listed_shown_moved_and_cancelled() {
    let (server, _line, _receiver) = desk().await;
    let create = [
        "callbacks",
        "create",
        "--service",
        "desk",
        "--number",
        "5115",
    ];
    let booked = ["--at", "2040-12-01T13:00:00Z", "--data", "topic=loans"];
    let far = crate::common::service("far", &_receiver, &["_reject_future_desired_time = 20y"]);
    server.api.import_services(&far).await;
    let args = [
        &[
            "callbacks",
            "create",
            "--service",
            "far",
            "--number",
            "5115",
        ][..],
        &booked,
    ]
    .concat();
    let made = last(&server, &args).await;
    has(&made, RECORD);
    assert_eq!(
        (&made["_callback_state"], &made["_rb_user_data"]["topic"]),
        (&json!("SCHEDULED"), &json!("loans"))
    );
    let id = made["_id"].as_str().unwrap();
    let listed = last(
        &server,
        &[
            "callbacks",
            "list",
            "--service",
            "far",
            "--state",
            "SCHEDULED",
        ],
    )
    .await;
    assert_eq!(keys(&listed), ["callbacks"]);
    assert_eq!(listed["callbacks"][0]["_id"], id);
    has(&last(&server, &["callbacks", "show", id]).await, RECORD);
    let moved = last(
        &server,
        &[
            "callbacks",
            "reschedule",
            id,
            "--at",
            "2040-12-02T13:00:00Z",
        ],
    )
    .await;
    has(&moved, RECORD);
    assert_eq!(moved["_desired_time"], "2040-12-02T13:00:00.000Z");
    let gone = last(&server, &["callbacks", "cancel", id]).await;
    has(&gone, RECORD);
    assert_eq!(
        (&gone["_callback_state"], &gone["_callback_reason"]),
        (&json!("COMPLETED"), &json!("CANCELLED"))
    );
    has(&last(&server, &create).await, RECORD);
}

#[tokio::test]
async fn a_refusal_is_told_and_ends_with_3() {
    let (server, _line, _receiver) = desk().await;
    let create = [
        "callbacks",
        "create",
        "--service",
        "desk",
        "--number",
        "5115",
    ];
    let made = last(&server, &create).await;
    let id = made["_id"].as_str().unwrap();
    server.api.state(id, "COMPLETED", PATIENCE).await;
    let url = server.url();
    let twice = ringback(&["callbacks", "cancel", id, "--url", &url]).await;
    assert_eq!(twice.code, 3, "{twice:?}");
    assert!(twice.stderr.contains("over already"), "{twice:?}");
    let nobody = ringback(&["callbacks", "show", "1-2", "--url", &url]).await;
    assert_eq!(nobody.code, 3, "{nobody:?}");
}

#[tokio::test]
async fn events_and_deliveries_are_listed_followed_and_repeated() {
    let (server, _line, receiver) = desk().await;
    receiver.answer(|_| Reply::Status(500));
    let quick = crate::common::service(
        "quick",
        &receiver,
        &["_max_dial_attempts = 1", "rb.notify_schedule = 0"],
    );
    server.api.import_services(&quick).await;
    let made = last(
        &server,
        &[
            "callbacks",
            "create",
            "--service",
            "quick",
            "--number",
            "5115",
        ],
    )
    .await;
    let id = made["_id"].as_str().unwrap();
    server.api.state(id, "COMPLETED", PATIENCE).await;
    let log = last(&server, &["events", "list", "--callback", id]).await;
    assert_eq!(keys(&log), ["events"]);
    has(
        &log["events"][0],
        &["seq", "at_ms", "event_id", "state", "data"],
    );
    let failed = ["deliveries", "list", "--callback", id, "--state", "failed"];
    let listed = until("all were given up", PATIENCE, async || {
        let listed = last(&server, &failed).await;
        (listed["deliveries"].as_array().unwrap().len() == 5).then_some(listed)
    })
    .await;
    has(
        &listed["deliveries"][0],
        &[
            "id",
            "callback_id",
            "seq",
            "event_id",
            "channel",
            "target",
            "state",
            "attempts",
            "next_at",
        ],
    );
    has(
        &listed["deliveries"][0]["attempts"][0],
        &["at", "status", "error", "ms"],
    );
    receiver.answer(|_| Reply::Status(200));
    let one = listed["deliveries"][0]["id"].as_str().unwrap();
    assert_eq!(
        last(&server, &["deliveries", "retry", one]).await,
        json!({"retried": 1})
    );
    assert_eq!(
        last(&server, &["deliveries", "retry", "--failed"]).await,
        json!({"retried": 4})
    );
}

#[tokio::test]
async fn services_transactions_and_agents_are_imported_and_listed() {
    let (server, _line, receiver) = desk().await;
    let services = file(
        &server,
        "services.ini",
        &crate::common::service("new", &receiver, &[]),
    );
    let report = last(&server, &["services", "import", &services]).await;
    assert_eq!(report["ok"], true);
    has(
        &report,
        &["ok", "services", "repairs", "warnings", "errors"],
    );
    has(&report["services"][0], &["name", "created", "options"]);
    let listed = last(&server, &["services", "list"]).await;
    has(&listed["services"][0], &["name", "options"]);
    let url = server.url();
    let text = ringback(&["services", "export", "--url", &url])
        .await
        .stdout;
    assert!(text.contains("[service.new]"), "{text}");
    // A file with a fault changes nothing and ends with 3.
    let bad = file(&server, "bad.ini", "[service.new]\n_ttl = soon\n");
    let output = ringback(&["services", "import", &bad, "--json", "--url", &url]).await;
    assert_eq!(output.code, 3, "{output:?}");
    let report: Value = serde_json::from_str(output.stdout.lines().last().unwrap()).unwrap();
    has(
        &report["errors"][0],
        &["line", "service", "option", "value", "allowed", "message"],
    );
}

#[tokio::test]
async fn transactions_and_agents_are_imported_and_listed() {
    let (server, _line, _receiver) = desk().await;
    let list = file(&server, "Events.cfg", "[properties]\n[_cbe_on_dial_done]\n");
    let report = last(&server, &["transactions", "import", &list]).await;
    assert_eq!(
        (&report["list"], &report["events"]),
        (&json!("Events"), &json!(["_cbe_on_dial_done"]))
    );
    has(
        &report,
        &["ok", "properties", "repairs", "warnings", "errors"],
    );
    assert_eq!(
        last(&server, &["transactions", "list"]).await["transactions"][0]["name"],
        "Events"
    );

    let agents = file(
        &server,
        "agents.ini",
        &crate::common::agents(&[("lee", "7002")]),
    );
    last(&server, &["agents", "import", "--dry-run", &agents]).await;
    assert_eq!(
        last(&server, &["agents", "list"]).await["agents"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    last(&server, &["agents", "import", &agents]).await;
    let agents = last(
        &server,
        &[
            "agents",
            "set",
            "kim",
            "--state",
            "not_ready",
            "--reason",
            "lunch",
        ],
    )
    .await;
    let kim = agents["agents"]
        .as_array()
        .unwrap()
        .iter()
        .find(|a| a["id"] == "kim")
        .unwrap();
    has(
        kim,
        &[
            "id",
            "extension",
            "state",
            "since",
            "groups",
            "skills",
            "registered",
            "call_id",
        ],
    );
}

#[tokio::test]
async fn a_backup_under_load_opens_and_holds_what_was_answered() {
    let (server, _line, _receiver) = desk().await;
    let first = server.api.call_back("desk", "5115").await;
    let stop = std::sync::atomic::AtomicBool::new(false);
    let load = async {
        let mut made = 0;
        while !stop.load(std::sync::atomic::Ordering::Relaxed) {
            server.api.call_back("desk", "5116").await;
            made += 1;
        }
        made
    };
    let copy = server.folder().join("copy.db");
    let backup = async {
        let report = last(&server, &["backup", copy.to_str().unwrap()]).await;
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        report
    };
    let (made, report) = tokio::join!(load, backup);
    assert!(made > 0);
    has(&report, &["ok", "file", "bytes"]);
    let url = server.url();
    let again = ringback(&["backup", copy.to_str().unwrap(), "--url", &url]).await;
    assert_eq!(again.code, 3, "a backup replaces no file: {again:?}");
    // The copy is a store like any other.
    let folder = crate::common::server(9).folder();
    std::fs::copy(&copy, folder.path().join("ringback.db")).unwrap();
    let config = folder.path().join("ringback.toml");
    let output = ringback(&["doctor", "--json", "--config", config.to_str().unwrap()]).await;
    let report: Value = serde_json::from_str(output.stdout.lines().last().unwrap()).unwrap();
    let store = report["checks"]
        .as_array()
        .unwrap()
        .iter()
        .find(|c| c["name"] == "store")
        .unwrap();
    assert_eq!(store["ok"], true, "{store}");
    assert!(!first.is_empty());
}

#[tokio::test]
async fn migrate_tells_and_does_what_is_needed() {
    let mut server = server(9).start().await;
    let config = server.folder().join("ringback.toml");
    let config = config.to_str().unwrap().to_owned();
    let migrate = async |more: &[&str]| {
        let args = [&["migrate", "--json", "--config", &config][..], more].concat();
        let output = ringback(&args).await;
        let line = output.stdout.lines().last().unwrap_or_default().to_owned();
        (
            output.code,
            serde_json::from_str::<Value>(&line).unwrap_or_default(),
        )
    };
    server.terminate(PATIENCE).await;
    let (code, report) = migrate(&["--dry-run"]).await;
    assert_eq!(
        (code, &report["ok"], &report["migrated"]),
        (0, &json!(true), &json!(false))
    );
    assert_eq!(report["found"], report["known"]);
    let store = server.folder().join("ringback.db");
    let mut bytes = std::fs::read(&store).unwrap();
    bytes[60..64].copy_from_slice(&99_u32.to_be_bytes());
    std::fs::write(&store, bytes).unwrap();
    assert_eq!(migrate(&[]).await.0, 3);
    std::fs::remove_file(&store).unwrap();
    assert_eq!(migrate(&[]).await.0, 3);
}

#[tokio::test]
async fn doctor_options_and_completions_need_no_server() {
    let folder = server(9).folder();
    let config = folder.path().join("ringback.toml");
    let json_of = async |args: &[&str]| -> Value {
        let output = ringback(args).await;
        serde_json::from_str(output.stdout.lines().last().unwrap_or_default())
            .unwrap_or_else(|error| panic!("{error}: {output:?}"))
    };
    let report = json_of(&["doctor", "--json", "--config", config.to_str().unwrap()]).await;
    assert_eq!(report["ok"], true, "{report}");
    for check in report["checks"].as_array().unwrap() {
        has(check, &["name", "ok", "message", "remedy"]);
    }
    let report = json_of(&["doctor", "--json", "--config", "/nonexistent.toml"]).await;
    assert_eq!(report["ok"], false);
    for check in report["checks"].as_array().unwrap() {
        assert!(!check["remedy"].as_str().unwrap().is_empty(), "{check}");
    }
    let options = json_of(&["options", "--json"]).await;
    has(
        &options,
        &[
            "total",
            "effective",
            "accepted",
            "pending",
            "refused",
            "options",
        ],
    );
    has(
        &options["options"][0],
        &[
            "name",
            "section",
            "type",
            "unit",
            "default",
            "allowed",
            "mandatory",
            "advanced",
            "aliases",
            "status",
            "reason",
        ],
    );
    for shell in ["bash", "zsh", "fish"] {
        let output = ringback(&["completions", shell]).await;
        assert_eq!(output.code, 0);
        assert!(output.stdout.contains("ringback"), "{shell}");
    }
}
