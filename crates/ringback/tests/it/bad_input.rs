//! Bad input: each is answered in the form of the reference, the server goes on, nothing is lost.

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use serde_json::{Value, json};
use testkit::{Answer, Behaviour, Line, PATIENCE, Receiver, Server, until};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::common::{PROGRAM, agents, server, service};

const BASE: &str = "/genesys/1/service/callback/desk";

/// Callbacks wait in their queue: kim has no phone.
async fn desk() -> (Server, Line, Receiver) {
    let line = Line::start(|_, _| Behaviour::NoAnswer).await;
    let receiver = Receiver::start().await;
    let server = server(line.port).start().await;
    server.api.import_agents(&agents(&[("kim", "7001")])).await;
    let ini = service("desk", &receiver, &["_wait_for_agent = true"]);
    server.api.import_services(&ini).await;
    (server, line, receiver)
}

fn refused(answer: &Answer, status: u16, phrase: &str) {
    let got = (
        answer.status,
        answer.body["phrase"].as_str().unwrap_or_default(),
    );
    assert_eq!(got, (status, phrase), "{answer:?}");
    assert_eq!(answer.body["code"], status);
    assert_eq!(answer.content_type, "application/json;charset=utf-8");
    assert!(
        answer.body["message"]
            .as_str()
            .is_some_and(|text| !text.is_empty())
    );
    assert!(answer.body["exception"].is_string());
}

#[tokio::test]
async fn wrong_json_and_wrong_types_are_refused_by_name() {
    let (server, _line, _receiver) = desk().await;
    let deep = format!(
        "{{\"_customer_number\":\"5115\",\"x\":{}1{}}}",
        "[".repeat(90_000),
        "]".repeat(90_000)
    );
    let many: Vec<String> = (0..201).map(|n| format!("\"k{n}\":1")).collect();
    let many = format!("{{\"_customer_number\":\"5115\",{}}}", many.join(","));
    let long = format!(
        "{{\"_customer_number\":\"5115\",\"x\":\"{}\"}}",
        "y".repeat(70_000)
    );
    let huge = format!("{{\"x\":\"{}\"}}", "y".repeat(300_000));
    for (body, status, phrase) in [
        (deep.as_bytes(), 400, "BAD_PARAMETER"),
        (b"", 400, "MISSING_KEY"),
        (b"null", 400, "BAD_PARAMETER"),
        (b"[]", 400, "BAD_PARAMETER"),
        (b"{\"_customer_number\":\"5115\"", 400, "BAD_PARAMETER"),
        (b"{\"_customer_number\":\"5115\"} {}", 400, "BAD_PARAMETER"),
        (b"{'_customer_number':'5115'}", 400, "BAD_PARAMETER"),
        (b"\xff\xfe{\x00}\x00", 400, "BAD_PARAMETER"),
        (b"{\"_customer_number\":\"\xff\"}", 400, "BAD_PARAMETER"),
        (
            b"{\"_customer_number\":\"5115\",\"_customer_number\":\"911\"}",
            400,
            "BAD_PARAMETER",
        ),
        (b"{\"_customer_number\":null}", 400, "MISSING_KEY"),
        (b"{\"_customer_number\":{\"a\":1}}", 400, "BAD_NUMBER"),
        (b"{\"_customer_number\":[\"5115\"]}", 400, "BAD_NUMBER"),
        (b"{\"_customer_number\":true}", 400, "BAD_NUMBER"),
        (
            b"{\"_customer_number\":\"5115\",\"_desired_time\":5}",
            400,
            "BAD_PARAMETER",
        ),
        (
            b"{\"_customer_number\":\"5115\",\"_desired_time\":\"2026-13-45T99:00:00Z\"}",
            400,
            "BAD_PARAMETER",
        ),
        (
            b"{\"_customer_number\":\"5115\",\"_wait_for_agent\":\"maybe\"}",
            400,
            "BAD_PARAMETER",
        ),
        (
            b"{\"_customer_number\":\"5115\",\"_urs_vq_priority\":\"high\"}",
            400,
            "BAD_PARAMETER",
        ),
        (
            b"{\"_customer_number\":\"5115\",\"_status_notification_target\":\"ftp://x\"}",
            400,
            "BAD_PARAMETER",
        ),
        (b"{\"\":1}", 400, "BAD_PARAMETER"),
        (many.as_bytes(), 413, "TOO_LARGE"),
        (long.as_bytes(), 413, "TOO_LARGE"),
        (huge.as_bytes(), 413, "TOO_LARGE"),
    ] {
        let answer = server
            .api
            .post_bytes(BASE, "application/json", body.to_vec())
            .await;
        refused(&answer, status, phrase);
    }
    // A number as a number is as good as its text.
    let body = json!({"_customer_number": 5115});
    assert_eq!(server.api.create("desk", &body).await.status, 200);
}

#[tokio::test]
async fn malformed_forms_and_multipart_bodies_are_refused() {
    let (server, _line, _receiver) = desk().await;
    let form = "application/x-www-form-urlencoded";
    for (kind, body, phrase) in [
        (form, b"".as_slice(), "MISSING_KEY"),
        (form, b"&&&", "MISSING_KEY"),
        (form, b"=5115", "BAD_PARAMETER"),
        (form, b"_customer_number=%ff%fe", "BAD_NUMBER"),
        (form, b"_customer_number=%zz", "BAD_NUMBER"),
        (
            form,
            b"_customer_number=5115&_customer_number=911",
            "BAD_PARAMETER",
        ),
        ("multipart/form-data", b"--b\r\n", "BAD_PARAMETER"),
        (
            "multipart/form-data; boundary=b",
            b"--b\r\nContent-Disposition: form-data; name=\"a\"",
            "BAD_PARAMETER",
        ),
        (
            "multipart/form-data; boundary=b",
            b"no boundary at all",
            "BAD_PARAMETER",
        ),
        (
            "multipart/form-data; boundary=b",
            b"--b\r\n\r\n\r\n--b--\r\n",
            "BAD_PARAMETER",
        ),
    ] {
        refused(
            &server.api.post_bytes(BASE, kind, body.to_vec()).await,
            400,
            phrase,
        );
    }
    let parts = b"--b\r\nContent-Disposition: form-data; name=\"_customer_number\"\r\n\r\n5115\r\n--b--\r\n";
    let kind = "multipart/form-data; boundary=b";
    assert_eq!(
        server
            .api
            .post_bytes(BASE, kind, parts.to_vec())
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn queries_and_paths_that_make_no_sense_are_refused() {
    let (server, _line, _receiver) = desk().await;
    let api = &server.api;
    for path in ["?operand=XOR&_id=1", "?_ttl=5", "?operand=AND&colour=blue"] {
        refused(
            &api.get(&format!("{BASE}{path}")).await,
            400,
            "BAD_PARAMETER",
        );
    }
}

#[tokio::test]
async fn paths_that_make_no_sense_are_refused() {
    let (server, _line, _receiver) = desk().await;
    let api = &server.api;
    refused(
        &api.get("/genesys/1/service/callback").await,
        400,
        "MISSING_KEY",
    );
    refused(
        &api.get("/genesys/1/service/callback?_id=1&_id=2").await,
        400,
        "BAD_PARAMETER",
    );
    refused(
        &api.get("/genesys/1/service/callback?_id=%ff").await,
        404,
        "NOT_FOUND",
    );
    refused(
        &api.get("/genesys/1/service/callback/%ff").await,
        400,
        "BAD_PARAMETER",
    );
    refused(
        &api.get(&format!(
            "/genesys/1/service/callback/{}",
            "x".repeat(5_000)
        ))
        .await,
        404,
        "NOT_FOUND",
    );
    refused(
        &api.delete(&format!("{BASE}/1-2?discard_ors_failure=perhaps"))
            .await,
        400,
        "BAD_PARAMETER",
    );
    refused(
        &api.delete(&format!("{BASE}/1-2?x=1")).await,
        400,
        "BAD_PARAMETER",
    );
    refused(
        &api.delete(&format!("{BASE}/1-2?discard_ors_failure=true"))
            .await,
        404,
        "NOT_FOUND",
    );
    refused(
        &api.put(
            &format!("{BASE}/1-2"),
            &json!({"_new_desired_time": "soon"}),
        )
        .await,
        400,
        "BAD_PARAMETER",
    );
    refused(
        &api.post("/genesys/1/nothing", &json!({})).await,
        404,
        "NOT_FOUND",
    );
    refused(&api.delete(BASE).await, 405, "METHOD_NOT_ALLOWED");
}

#[tokio::test]
async fn queries_by_queues_that_make_no_sense_are_refused() {
    let (server, _line, _receiver) = desk().await;
    let api = &server.api;
    let queues = "/genesys/1/admin/callback/queues";
    for query in ["max=0", "max=many", "end_time=soon", "_ttl=1"] {
        refused(
            &api.get(&format!("{queues}?{query}")).await,
            400,
            "BAD_PARAMETER",
        );
    }
}

#[tokio::test]
async fn a_flood_of_headers_is_refused_in_the_form_of_the_reference() {
    let (mut server, _line, _receiver) = desk().await;
    let address = server.url().trim_start_matches("http://").to_owned();
    let many = "X-Flood: 1\r\n".repeat(5_000);
    let long = format!("X-Long: {}\r\n", "y".repeat(200_000));
    for headers in [many, long] {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        let head = format!("GET {BASE} HTTP/1.1\r\nHost: x\r\n{headers}\r\n");
        // The server may hang up before everything is sent.
        stream.write_all(head.as_bytes()).await.ok();
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        tokio::time::timeout(PATIENCE, read)
            .await
            .expect("the connection ends")
            .ok();
        let answer = String::from_utf8_lossy(&answer);
        let (head, body) = answer.split_once("\r\n\r\n").expect("an answer");
        assert!(head.starts_with("HTTP/1.1 431 "), "{answer}");
        let body: Value = serde_json::from_str(body).expect("JSON");
        assert_eq!(body["code"], 431);
        assert_eq!(body["phrase"], "HEADERS_TOO_LARGE");
    }
    assert!(server.is_running());
    server.api.call_back("desk", "5115").await;
}

#[tokio::test]
async fn malformed_lists_are_refused_by_line_and_change_nothing() {
    let (server, _line, _receiver) = desk().await;
    let import = async |what: &str, text: &str| {
        let path = format!("/api/v1/{what}");
        server
            .api
            .post_bytes(&path, "text/plain", text.as_bytes().to_vec())
            .await
    };
    for (what, text, line) in [
        (
            "transactions/import?name=L",
            "[_cbe_on_dial_done]\n[_cbe_on_nothing]\n",
            2,
        ),
        (
            "transactions/import?name=L",
            "[_cbe_on_dial_done]\nnotify_custom = {\n",
            2,
        ),
        (
            "transactions/import?name=L",
            "[front]\npaused = perhaps\n",
            2,
        ),
        ("transactions/import?name=a/b", "[_cbe_on_dial_done]\n", 1),
        ("services/import", "[service.desk]\n_ttl = soon\n", 2),
        ("services/import", "no section = 1\n", 1),
        ("agents/import", "[agent.kim]\npassword = x\n", 1),
    ] {
        let answer = import(what, text).await;
        assert_eq!(
            (answer.status, &answer.body["ok"]),
            (422, &json!(false)),
            "{text}: {answer:?}"
        );
        assert_eq!(answer.body["errors"][0]["line"], line, "{text}: {answer:?}");
    }
    let services = server.api.get("/api/v1/services").await.body;
    assert_eq!(
        services["services"][0]["options"]["_ttl"],
        Value::Null,
        "{services}"
    );
    assert_eq!(
        server.api.get("/api/v1/transactions").await.body["transactions"],
        json!([])
    );
}

#[tokio::test]
async fn a_full_disk_refuses_and_when_there_is_room_again_everything_is_there() {
    let (mut server, _line, _receiver) = desk().await;
    let kept = server.api.call_back("desk", "5115").await;
    // No file of the server may grow any more.
    let pid = Pid::from_raw(i32::try_from(server.pid()).unwrap()).unwrap();
    let free = getrlimit(Resource::Fsize);
    let full = Rlimit {
        current: Some(1),
        ..free
    };
    prlimit(Some(pid), Resource::Fsize, full).unwrap();
    // The first one finds out about the disk, the second one comes when that is known.
    for _ in 0..2 {
        let answer = server.api.cancel("desk", &kept).await;
        refused(&answer, 503, "NOT_READY");
    }
    let body = json!({"_customer_number": "5116"});
    let answer = server.api.create("desk", &body).await;
    refused(&answer, 503, "NOT_READY");
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let again = client
        .post(format!("{}{BASE}", server.url()))
        .json(&body)
        .send()
        .await
        .unwrap();
    assert_eq!(again.status(), 503);
    assert!(again.headers().contains_key("retry-after"), "{again:?}");
    assert_eq!(server.api.get("/readyz").await.status, 503);
    assert_eq!(server.api.get("/livez").await.status, 200);
    assert_eq!(
        server.api.record(&kept).await["_callback_state"],
        "QUEUED",
        "reading goes on"
    );
    assert!(server.is_running());

    prlimit(Some(pid), Resource::Fsize, free).unwrap();
    let made = until("room again", PATIENCE, async || {
        server.api.try_create("desk", &body).await
    })
    .await;
    server.kill_hard().await;
    server.restart().await;
    for id in [&kept, &made] {
        assert_eq!(server.api.record(id).await["_callback_state"], "QUEUED");
    }
}

/// What `serve` says about a store that it does not take.
async fn serve(server: &Server) -> testkit::Output {
    let config = server.folder().join("ringback.toml");
    let args = ["serve", "--config", config.to_str().expect("it is there")];
    testkit::run(PROGRAM, &args, PATIENCE).await
}

async fn doctor(server: &Server) -> Value {
    let config = server.folder().join("ringback.toml");
    let args = [
        "doctor",
        "--json",
        "--config",
        config.to_str().expect("it is there"),
    ];
    let output = testkit::run(PROGRAM, &args, PATIENCE).await;
    let last = output.stdout.lines().last().unwrap_or_default();
    let report: Value = serde_json::from_str(last).expect("it is there");
    let checks = report["checks"].as_array().expect("it is there").clone();
    checks
        .into_iter()
        .find(|check| check["name"] == "store")
        .expect("it is there")
}

#[tokio::test]
async fn a_newer_store_is_refused_by_name_and_left_as_it_is() {
    let (mut server, _line, _receiver) = desk().await;
    server.terminate(PATIENCE).await;
    let store = server.folder().join("ringback.db");
    let mut bytes = std::fs::read(&store).unwrap();
    // The schema number stands at byte 60 of every SQLite file.
    bytes[60..64].copy_from_slice(&99_u32.to_be_bytes());
    std::fs::write(&store, &bytes).unwrap();
    let output = serve(&server).await;
    assert_eq!(output.code, 3, "{output:?}");
    assert!(output.stderr.contains("schema 99"), "{output:?}");
    assert!(
        output.stderr.contains("newer version"),
        "no remedy: {output:?}"
    );
    let check = doctor(&server).await;
    assert_eq!(check["ok"], false);
    assert!(!check["remedy"].as_str().unwrap().is_empty());
    assert_eq!(std::fs::read(&store).unwrap(), bytes);
}

#[tokio::test]
async fn a_damaged_store_is_refused_with_a_remedy() {
    let (mut server, _line, _receiver) = desk().await;
    for n in 0..20 {
        server.api.call_back("desk", &format!("51{n:02}")).await;
    }
    server.terminate(PATIENCE).await;
    let store = server.folder().join("ringback.db");
    let mut bytes = std::fs::read(&store).unwrap();
    for byte in bytes.iter_mut().skip(4096) {
        *byte = 0xa5;
    }
    std::fs::write(&store, bytes).unwrap();
    let output = serve(&server).await;
    assert_eq!(output.code, 3, "{output:?}");
    assert!(output.stderr.contains("ringback.db"), "{output:?}");
    assert!(
        output.stderr.contains("restore a backup"),
        "no remedy: {output:?}"
    );
    let check = doctor(&server).await;
    assert_eq!(check["ok"], false, "{check}");
    assert!(
        check["remedy"].as_str().unwrap().contains("backup"),
        "{check}"
    );
}
