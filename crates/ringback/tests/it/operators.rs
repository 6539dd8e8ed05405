//! What operators rely on: warnings, removal, filters, metrics, and nothing that only looks like success.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Behaviour, Line, PATIENCE, Receiver, Server};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::command::ringback;
use crate::common::{agents, server, service, site};

async fn busy() -> Line {
    Line::start(|_, _| Behaviour::Refuse(Duration::ZERO, 486)).await
}

/// What `ringback doctor` says beside a running server.
async fn doctor(server: &Server) -> String {
    let config = server.folder().join("ringback.toml");
    let config = config.display().to_string();
    ringback(&["doctor", "--config", &config]).await.stdout
}

#[tokio::test]
async fn what_a_service_names_and_lacks_is_told() {
    let line = busy().await;
    let receiver = Receiver::start().await;
    let server = server(line.port).start().await;
    let lines = [
        "_treatment_customer_connect = missing.wav",
        "_route_point = nosuchtrunk",
        "_status_notification_type = customhttp",
        "username = desk",
    ];
    let text = service("desk", &receiver, &lines);
    let report = server.api.import_services(&text).await;
    let warnings = report["warnings"].as_array().unwrap();
    for (code, line) in [
        ("NO_SUCH_TREATMENT", "_treatment_customer_connect"),
        ("NO_SUCH_TRUNK", "_route_point"),
        ("NO_CUSTOMHTTP_URL", "_status_notification_type"),
        ("HALF_A_LOGIN", "username"),
    ] {
        let found = warnings.iter().find(|w| w["code"] == code);
        let found = found.unwrap_or_else(|| panic!("no {code}: {report}"));
        assert_eq!(found["option"], line, "{found}");
        let at = text.lines().position(|l| l.starts_with(line)).unwrap() + 1;
        assert_eq!(found["line"], at, "{found}");
    }
    let shown = doctor(&server).await;
    for part in [
        "missing.wav",
        "nosuchtrunk",
        "customhttp.url",
        "a Ringback server runs at",
        "as the server runs",
        "answers OPTIONS with",
    ] {
        assert!(shown.contains(part), "no {part}: {shown}");
    }
    assert!(!shown.contains("FAIL"), "{shown}");
}

#[tokio::test]
async fn a_skipped_treatment_is_told_where_operators_look() {
    let line = Line::start(|_, _| Behaviour::Answer(Duration::ZERO)).await;
    let receiver = Receiver::start().await;
    let extra = ["_treatment_customer_connect = missing.wav"];
    let server = site(line.port, &receiver, &extra).await;
    let id = server.api.call_back("desk", "5115").await;
    receiver.wait_for(&id, "customer_queued", PATIENCE).await;
    let events = server.api.events(&id).await;
    let notes: Vec<&Value> = events
        .iter()
        .filter(|event| event["event_id"] == "rb.note")
        .collect();
    let told = notes.iter().any(|note| {
        note["data"]["detail"] == "treatment_skipped" && note["data"]["treatment"] == "missing.wav"
    });
    assert!(told, "{notes:?}");
    let log = server.log();
    let line = log.lines().find(|l| l.contains("a treatment is skipped"));
    let line = line.expect("a warning is logged");
    assert!(line.contains(&id) && line.contains("desk"), "{line}");
}

#[tokio::test]
async fn services_lists_and_agents_are_removed() {
    let line = busy().await;
    let receiver = Receiver::start().await;
    let server = site(line.port, &receiver, &[]).await;
    let list = "[properties]\n_enable_status_notification = notify\n";
    let path = server.folder().join("Gone.cfg");
    std::fs::write(&path, list).unwrap();
    let url = server.url();
    let run = async |args: &[&str]| {
        let args = [args, &["--json", "--url", &url]].concat();
        let output = ringback(&args).await;
        let line = output.stdout.lines().last().unwrap_or_default().to_owned();
        let report: Value = serde_json::from_str(&line).expect("the last line is JSON");
        (output.code, report)
    };
    let file = path.display().to_string();
    assert_eq!(run(&["transactions", "import", &file]).await.0, 0);
    for (kind, name) in [
        ("transactions", "Gone"),
        ("services", "desk"),
        ("agents", "kim"),
    ] {
        let (code, report) = run(&[kind, "delete", name]).await;
        assert_eq!((code, &report["ok"]), (0, &json!(true)), "{report}");
        let (code, report) = run(&[kind, "delete", name]).await;
        assert_eq!((code, &report["ok"]), (3, &json!(false)), "{report}");
        let (_, report) = run(&[kind, "list"]).await;
        assert_eq!(report[kind], json!([]), "{report}");
    }
    // A refused file creates nothing.
    std::fs::write(&path, "[_cbe_on_dial_init]\nnotify_custom = {\n").unwrap();
    let (code, report) = run(&["transactions", "import", &file]).await;
    assert_eq!((code, &report["created"]), (3, &json!(false)), "{report}");
}

#[tokio::test]
async fn a_removed_agent_stays_away_after_a_restart() {
    let line = busy().await;
    let receiver = Receiver::start().await;
    let mut server = site(line.port, &receiver, &[]).await;
    server.api.set_agent("kim", "ready").await;
    let gone = server.api.delete("/api/v1/agents/kim").await;
    assert_eq!(gone.status, 200, "{gone:?}");
    assert_eq!(server.api.delete("/api/v1/agents/kim").await.status, 404);
    server.terminate(PATIENCE).await;
    server.restart().await;
    assert!(server.api.agents().await.is_empty());
}

#[tokio::test]
async fn a_mistyped_filter_is_no_empty_list() {
    let line = busy().await;
    let receiver = Receiver::start().await;
    let server = site(line.port, &receiver, &["_max_dial_attempts = 1"]).await;
    let url = server.url();
    let run = async |args: &[&str]| {
        let args = [args, &["--url", &url]].concat();
        ringback(&args).await
    };
    for (args, code) in [
        (&["callbacks", "list", "--state", "FOO"][..], 2),
        (&["callbacks", "list", "--limit", "0"], 2),
        (&["callbacks", "list", "--service", "typo"], 3),
        (&["callbacks", "reschedule", "1-2", "--at", "tomorrow"], 2),
        (&["deliveries", "list", "--callback", "nosuch"], 3),
        (&["callbacks", "list", "--state", "queued"], 0),
        (&["callbacks", "list", "--service", "desk"], 0),
    ] {
        let output = run(args).await;
        assert_eq!(output.code, code, "{args:?}: {output:?}");
    }
    let refused = server.api.get("/api/v1/callbacks?state=queued").await;
    assert_eq!(refused.status, 400, "{refused:?}");

    for _ in 0..3 {
        let id = server.api.call_back("desk", "5115").await;
        server.api.state(&id, "COMPLETED", PATIENCE).await;
    }
    let some = run(&["callbacks", "list", "--limit", "2"]).await;
    assert!(some.stderr.contains("2 of 3 callbacks"), "{some:?}");
    let all = run(&["callbacks", "list", "--limit", "3"]).await;
    assert!(!all.stderr.contains(" of "), "{all:?}");
}

/// Somebody else's server: 200 to everything, with this body.
async fn foreign(body: &'static str) -> (String, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound socket has one");
    let mut task = JoinSet::new();
    task.spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = vec![0; 4096];
            let _length = stream.read(&mut head).await;
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
                 Connection: close\r\n\r\n{body}",
                body.len()
            );
            let _gone = stream.write_all(answer.as_bytes()).await;
        }
    });
    (format!("http://{address}"), task)
}

#[tokio::test]
async fn what_is_no_ringback_server_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.db").display().to_string();
    let file = folder.path().join("a.cfg").display().to_string();
    std::fs::write(&file, "[service.a]\n").unwrap();
    for body in ["", "{}", "[]"] {
        let (url, _task) = foreign(body).await;
        for args in [
            &["backup", &copy][..],
            &["services", "list"],
            &["services", "export"],
            &["services", "import", &file],
            &["transactions", "list"],
            &["agents", "list"],
            &["callbacks", "list"],
            &["callbacks", "create", "--service", "a", "--number", "1"],
            &["deliveries", "list"],
        ] {
            let output = ringback(&[args, &["--url", &url]].concat()).await;
            assert_eq!(output.code, 4, "{args:?} {body:?}: {output:?}");
            assert!(output.stderr.contains("no Ringback server"), "{output:?}");
        }
    }
    assert!(!std::path::Path::new(&copy).exists());
}

#[tokio::test]
async fn an_empty_file_is_no_new_store() {
    let folder = server(9).folder();
    std::fs::write(folder.path().join("ringback.db"), "").unwrap();
    let config = folder.path().join("ringback.toml").display().to_string();
    let output = ringback(&["serve", "--config", &config]).await;
    assert_eq!(output.code, 3, "{output:?}");
    assert!(output.stderr.contains("empty file"), "{output:?}");
}

#[tokio::test]
async fn metrics_tell_what_happened_to_who_bears_the_token() {
    let line = busy().await;
    let receiver = Receiver::start().await;
    let server = server(line.port)
        .set("server", "username = \"op\"")
        .set("server", "password = \"secret\"")
        .set("http", "metrics_token = \"scrape\"")
        .start()
        .await;
    let operator = server.api.login("op", "secret");
    let text = service("desk", &receiver, &["_max_dial_attempts = 1"]);
    operator.import_agents(&agents(&[("kim", "7001")])).await;
    operator.import_services(&text).await;
    let id = operator.call_back("desk", "5115").await;
    operator.state(&id, "COMPLETED", PATIENCE).await;

    let client = reqwest::Client::new();
    let url = format!("{}/metrics", server.url());
    let ask = async |token: &str| client.get(&url).bearer_auth(token).send().await.unwrap();
    assert_eq!(ask("wrong").await.status(), 401);
    let answer = ask("scrape").await;
    assert_eq!(answer.status(), 200);
    let text = answer.text().await.unwrap();
    for line in [
        "ringback_dials_ended_total{result=\"busy\"} 1",
        "ringback_logins_failed_total 1",
        "ringback_agents{state=\"ready\"} 0",
        "ringback_agents_registered 0",
        "ringback_deliveries{state=\"failed\"} 0",
        "# TYPE ringback_rtp_sent counter",
    ] {
        assert!(text.lines().any(|l| l == line), "no {line}: {text}");
    }
    let elsewhere = format!("{}/api/v1/agents", server.url());
    let elsewhere = client.get(elsewhere).bearer_auth("scrape").send().await;
    assert_eq!(elsewhere.unwrap().status(), 401, "it opens nothing else");
}

#[tokio::test]
async fn every_command_ends_in_one_json_line() {
    for args in [
        &["completions", "zsh", "--json"][..],
        &["openapi", "--json"],
    ] {
        let output = ringback(args).await;
        let line = output.stdout.lines().last().unwrap_or_default();
        let parsed: Result<Value, _> = serde_json::from_str(line);
        assert!(parsed.is_ok_and(|value| value.is_object()), "{args:?}");
    }
}
