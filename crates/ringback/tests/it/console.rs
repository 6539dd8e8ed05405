//! What the pages of the browser UI ask for beside the rest: sessions and treatments.

use serde_json::{Value, json};
use testkit::{PATIENCE, Receiver, Reply, Server, until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::common::{server, service, start_session};

/// Two regions at once, one of which goes forward and tells so.
const CHART: &str = r#"<scxml version="1.0" datamodel="ecmascript" name="lights" initial="both"
    xmlns="http://www.w3.org/2005/07/scxml">
  <parallel id="both">
    <state id="left" initial="red">
      <state id="red"><transition event="next" target="green"/></state>
      <state id="green">
        <onentry><log label="turn" expr="_event.data.who"/></onentry>
        <transition event="finish" target="over"/>
      </state>
    </state>
    <state id="right"><state id="idle"/></state>
  </parallel>
  <final id="over"/>
</scxml>"#;

async fn lights() -> (Server, Receiver, String) {
    let documents = Receiver::start().await;
    documents.answer(|_| Reply::Json(200, CHART));
    let server = server(9).start().await;
    let id = start_session(&server.api, &json!({"src": documents.url})).await;
    (server, documents, id)
}

/// The session once it stands in these states.
async fn standing(server: &Server, id: &str, active: &[&str]) -> Value {
    let path = format!("/api/v1/sessions/{id}");
    until(&format!("{id} in {active:?}"), PATIENCE, async || {
        let view = server.api.get(&path).await.body;
        (view["active"] == json!(active)).then_some(view)
    })
    .await
}

fn lines(view: &Value, kind: &str) -> Vec<String> {
    let log = view["log"].as_array().cloned().unwrap_or_default();
    let of_kind = log.iter().filter(|line| line["kind"] == kind);
    of_kind
        .map(|line| line["text"].as_str().unwrap_or_default().to_owned())
        .collect()
}

#[tokio::test]
async fn operators_see_sessions_run_feed_them_and_end_them() {
    let (server, _documents, id) = lights().await;
    let api = &server.api;
    let view = standing(&server, &id, &["both", "left", "red", "right", "idle"]).await;
    assert_eq!(
        (&view["state"], &view["name"]),
        (&json!("running"), &json!("lights"))
    );
    assert_eq!((&view["queue"], &view["planned"]), (&json!(0), &json!(0)));

    let event = json!({"name": "next", "data": {"who": "somebody"}});
    let sent = api
        .post(&format!("/api/v1/sessions/{id}/events"), &event)
        .await;
    assert_eq!(sent.status, 200, "{sent:?}");
    let view = standing(&server, &id, &["both", "left", "green", "right", "idle"]).await;
    assert_eq!(lines(&view, "event"), ["next"]);
    assert_eq!(lines(&view, "log"), ["turn: somebody"]);
    assert_eq!(lines(&view, "states").len(), 2, "{view}");

    let listed = api.get("/api/v1/sessions").await.body;
    assert_eq!(listed["sessions"][0]["id"], json!(id), "{listed}");
    assert!(listed["sessions"][0].get("log").is_none(), "{listed}");

    let ended = api.delete(&format!("/api/v1/sessions/{id}")).await;
    assert_eq!(ended.status, 200, "{ended:?}");
    let path = format!("/api/v1/sessions/{id}");
    let view = until("it ended", PATIENCE, async || {
        let view = api.get(&path).await.body;
        (view["state"] == "ended").then_some(view)
    })
    .await;
    assert_eq!(view["ended"], "stopped", "{view}");
    assert_eq!(lines(&view, "end"), ["stopped"]);
    // It takes nothing any more.
    for answer in [
        api.post(&format!("/api/v1/sessions/{id}/events"), &event)
            .await,
        api.delete(&path).await,
        api.get("/api/v1/sessions/NOBODY").await,
        api.get("/api/v1/sessions/NOBODY/chart").await,
    ] {
        assert_eq!(answer.status, 404, "{answer:?}");
    }
    let bad = api
        .post(
            &format!("/api/v1/sessions/{id}/events"),
            &json!({"name": "a b"}),
        )
        .await;
    assert_eq!(bad.status, 400, "{bad:?}");
}

#[tokio::test]
async fn the_chart_of_a_session_has_its_states_by_id() {
    let (server, _documents, id) = lights().await;
    standing(&server, &id, &["both", "left", "red", "right", "idle"]).await;
    let (head, svg) = raw(&server, &format!("/api/v1/sessions/{id}/chart")).await;
    assert!(head.contains("image/svg+xml"), "{head}");
    for state in ["both", "left", "red", "green", "right", "idle", "over"] {
        assert!(svg.contains(&format!("data-state=\"{state}\"")), "{state}");
    }
    assert!(
        !svg.contains("style="),
        "the policy of the UI takes no styles"
    );
}

/// An answer as text, to its end.
async fn raw(server: &Server, path: &str) -> (String, String) {
    let mut stream = listen(server, path).await;
    let mut text = String::new();
    let read = stream.read_to_string(&mut text).await;
    read.expect("the server answers");
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_default();
    (head.to_lowercase(), body.to_owned())
}

async fn listen(server: &Server, path: &str) -> TcpStream {
    let url = server.url();
    let address = url.trim_start_matches("http://");
    let stream = TcpStream::connect(address).await;
    let mut stream = stream.expect("the server listens");
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let written = stream.write_all(request.as_bytes()).await;
    written.expect("the server reads");
    stream
}

/// Reads on until a text is there.
async fn hears(stream: &mut TcpStream, heard: &mut String, text: &str) {
    let reading = async {
        let mut bytes = [0; 4096];
        while !heard.contains(text) {
            let count = stream.read(&mut bytes).await.unwrap_or(0);
            assert!(count > 0, "the stream ended without {text}: {heard}");
            heard.push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, reading).await;
    assert!(in_time.is_ok(), "waited in vain for {text}");
}

#[tokio::test]
async fn changes_of_sessions_are_told_as_they_happen() {
    let (server, _documents, id) = lights().await;
    standing(&server, &id, &["both", "left", "red", "right", "idle"]).await;
    let (mut stream, mut heard) = (
        listen(&server, "/api/v1/sessions/changes").await,
        String::new(),
    );
    hears(&mut stream, &mut heard, "event: all").await;
    let event = json!({"name": "next", "data": {"who": "x"}});
    server
        .api
        .post(&format!("/api/v1/sessions/{id}/events"), &event)
        .await;
    hears(&mut stream, &mut heard, "\"green\"").await;
    let event = json!({"name": "finish"});
    server
        .api
        .post(&format!("/api/v1/sessions/{id}/events"), &event)
        .await;
    hears(&mut stream, &mut heard, "final state over").await;
    assert!(heard.contains("event: session"), "{heard}");
}

#[tokio::test]
async fn sessions_and_treatments_are_for_operators_only() {
    let server = server(9)
        .set("server", "username = \"operator\"")
        .set("server", "password = \"pass\"")
        .start()
        .await;
    for path in [
        "sessions",
        "sessions/changes",
        "sessions/A/chart",
        "treatments",
        "treatments/a.wav",
    ] {
        let answer = server.api.get(&format!("/api/v1/{path}")).await;
        assert_eq!(answer.status, 401, "{path}: {answer:?}");
    }
    let answer = server
        .api
        .put_bytes("/api/v1/treatments/a.wav", "audio/wav", sound())
        .await;
    assert_eq!(answer.status, 401, "{answer:?}");
    let operator = server.api.login("operator", "pass");
    assert_eq!(operator.get("/api/v1/treatments").await.status, 200);
}

/// A second of a tone as WAV.
fn sound() -> Vec<u8> {
    let samples: Vec<i16> = (0..8_000)
        .map(|n| if n % 16 < 8 { 3_000 } else { -3_000 })
        .collect();
    testkit::audio::wav(&samples)
}

#[tokio::test]
async fn treatments_are_uploaded_listened_to_and_removed() {
    let receiver = Receiver::start().await;
    let server = server(9).start().await;
    let api = &server.api;
    let put = api
        .put_bytes("/api/v1/treatments/de%2Fhello.wav", "audio/wav", sound())
        .await;
    assert_eq!(
        (put.status, &put.body["ms"]),
        (200, &json!(1_000)),
        "{put:?}"
    );
    let uses = service(
        "desk",
        &receiver,
        &["_treatment_customer_connect=de/hello.wav"],
    );
    api.import_services(&uses).await;

    let listed = api.get("/api/v1/treatments").await.body;
    let all = listed["treatments"].as_array().cloned().unwrap_or_default();
    let find = |name: &str| {
        all.iter()
            .find(|file| file["name"] == name)
            .cloned()
            .unwrap_or_default()
    };
    let hello = find("de/hello.wav");
    assert_eq!(
        (&hello["ms"], &hello["used_by"]),
        (&json!(1_000), &json!(["desk"])),
        "{hello}"
    );
    assert_eq!(
        find("next_customer_rep.wav")["shipped"],
        json!(true),
        "{listed}"
    );

    let (head, _) = raw_bytes(&server, "/api/v1/treatments/de%2Fhello.wav").await;
    assert!(head.contains("audio/wav"), "{head}");
    let (_, shipped) = raw_bytes(&server, "/api/v1/treatments/next_customer_rep.wav").await;
    assert!(shipped.starts_with(b"RIFF"));

    let refused = api.delete("/api/v1/treatments/de%2Fhello.wav").await;
    assert_eq!(refused.status, 409, "{refused:?}");
    assert!(
        refused.body["detail"]
            .as_str()
            .unwrap_or_default()
            .contains("desk"),
        "{refused:?}"
    );
    api.import_services(&service("desk", &receiver, &[])).await;
    assert_eq!(
        api.delete("/api/v1/treatments/de%2Fhello.wav").await.status,
        200
    );
    assert_eq!(
        api.get("/api/v1/treatments/de%2Fhello.wav").await.status,
        404
    );
}

async fn raw_bytes(server: &Server, path: &str) -> (String, Vec<u8>) {
    let mut stream = listen(server, path).await;
    let mut bytes = Vec::new();
    let read = stream.read_to_end(&mut bytes).await;
    read.expect("the server answers");
    let end = bytes
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap_or(0);
    let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
    (head, bytes[end + 4..].to_vec())
}

#[tokio::test]
async fn uploads_that_are_no_sound_or_leave_the_folder_are_refused() {
    let server = server(9).start().await;
    let api = &server.api;
    let put = async |name: &str, bytes: Vec<u8>| {
        api.put_bytes(&format!("/api/v1/treatments/{name}"), "audio/wav", bytes)
            .await
            .status
    };
    assert_eq!(put("a.wav", b"<html>".to_vec()).await, 400);
    assert_eq!(put("a.wav", Vec::new()).await, 400);
    assert_eq!(put("..%2Fa.wav", sound()).await, 400);
    assert_eq!(put("%2Fetc%2Fa.wav", sound()).await, 400);
    assert_eq!(put(".hidden.wav", sound()).await, 400);
    // What is announced as too large is refused before it is sent.
    let url = server.url();
    let address = url.trim_start_matches("http://");
    let head = format!(
        "PUT /api/v1/treatments/a.ulaw HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
         Content-Type: audio/basic\r\nContent-Length: {}\r\n\r\n",
        11 * 1024 * 1024
    );
    let stream = TcpStream::connect(address).await;
    let mut stream = stream.expect("the server listens");
    let written = stream.write_all(head.as_bytes()).await;
    written.expect("the server reads");
    let mut heard = String::new();
    hears(&mut stream, &mut heard, "TOO_LARGE").await;
    assert!(heard.starts_with("HTTP/1.1 413"), "{heard}");
    let listed = api.get("/api/v1/treatments").await.body;
    let all = listed["treatments"].as_array().cloned().unwrap_or_default();
    let taken = |file: &Value| {
        ["a.wav", "a.ulaw", ".hidden.wav"].contains(&file["name"].as_str().unwrap_or_default())
    };
    assert!(!all.iter().any(taken), "{listed}");
}

#[tokio::test]
async fn changes_of_a_service_are_kept_with_who_and_what() {
    let receiver = Receiver::start().await;
    let server = server(9)
        .set("server", "username = \"operator\"")
        .set("server", "password = \"pass\"")
        .start()
        .await;
    let api = server.api.login("operator", "pass");
    api.import_services(&service("desk", &receiver, &["_ttl=600"]))
        .await;
    let services = api.get("/api/v1/services").await.body;
    let mut options = services["services"][0]["options"].clone();
    options["_ttl"] = json!("900");
    options["password"] = json!("secret");
    options["username"] = json!("desk");
    let put = api
        .put("/api/v1/services/desk", &json!({"options": options}))
        .await;
    assert_eq!(put.status, 200, "{put:?}");
    // The same again changes nothing, so there is nothing to tell.
    let again = api
        .put("/api/v1/services/desk", &json!({"options": options}))
        .await;
    assert_eq!(again.status, 200, "{again:?}");

    let told = api.get("/api/v1/services/desk/changes").await.body;
    let changes = told["changes"].as_array().cloned().unwrap_or_default();
    assert_eq!(changes.len(), 2, "{told}");
    assert_eq!(
        (&changes[0]["who"], &changes[0]["how"]),
        (&json!("operator"), &json!("form"))
    );
    assert_eq!(changes[0]["address"], "127.0.0.1");
    let expected = json!([
        {"name": "_ttl", "before": "600", "after": "900"},
        {"name": "password", "before": null, "after": "***"},
        {"name": "username", "before": null, "after": "desk"},
    ]);
    assert_eq!(changes[0]["options"], expected, "{told}");
    assert_eq!(changes[1]["how"], "import", "{told}");
}

#[tokio::test]
async fn changes_of_a_list_are_kept_and_survive_a_restart_and_its_removal() {
    let mut server = server(9)
        .set("server", "username = \"operator\"")
        .set("server", "password = \"pass\"")
        .start()
        .await;
    let api = server.api.login("operator", "pass");
    let import = async |text: &str| {
        let path = "/api/v1/transactions/import?name=Events";
        let put = api.post_bytes(path, "text/plain", text.into()).await;
        assert_eq!(put.status, 200, "{put:?}");
    };
    let list = "[_cbe_on_service_exit]\nnotify_params = _service_name\n";
    import(list).await;
    // The same again changes nothing, so there is nothing to tell.
    import(list).await;
    import("[_cbe_on_service_exit]\nnotify_params = c_agent_id\n").await;
    assert_eq!(api.delete("/api/v1/transactions/Events").await.status, 200);
    server.kill_hard().await;
    server.restart().await;
    let api = server.api.login("operator", "pass");
    let told = api.get("/api/v1/transactions/Events/changes").await.body;
    let changes = told["changes"].as_array().cloned().unwrap_or_default();
    let ways: Vec<&Value> = changes.iter().map(|change| &change["how"]).collect();
    assert_eq!(ways, ["delete", "import", "import"], "{told}");
    assert_eq!(changes[1]["who"], "operator", "{told}");
    let expected = json!([{"name": "[_cbe_on_service_exit] notify_params",
        "before": "_service_name", "after": "c_agent_id"}]);
    assert_eq!(changes[1]["options"], expected, "{told}");
    // A service of the same name has a history of its own.
    let other = api.get("/api/v1/services/Events/changes").await.body;
    assert_eq!(other["changes"], json!([]));
}

#[tokio::test]
async fn services_and_lists_go_when_nothing_uses_them() {
    let receiver = Receiver::start().await;
    let server = server(9).start().await;
    let api = &server.api;
    let list = b"[_cbe_on_service_exit]\nnotify_params = _service_name\n".to_vec();
    let kind = "text/plain";
    let put = api
        .post_bytes("/api/v1/transactions/import?name=Events", kind, list)
        .await;
    assert_eq!(put.status, 200, "{put:?}");
    let options = ["_callback_events_list=Events", "_wait_for_agent=true"];
    api.import_services(&service("desk", &receiver, &options))
        .await;
    let id = api.call_back("desk", "+12025550101").await;

    let refused = api.delete("/api/v1/transactions/Events").await;
    assert_eq!(refused.status, 409, "{refused:?}");
    assert!(
        refused.body["detail"]
            .as_str()
            .unwrap_or_default()
            .contains("desk"),
        "{refused:?}"
    );
    let refused = api.delete("/api/v1/services/desk").await;
    assert_eq!(refused.status, 409, "{refused:?}");

    let cancelled = api.delete(&format!("/api/v1/callbacks/{id}")).await;
    assert_eq!(cancelled.status, 200, "{cancelled:?}");
    assert_eq!(api.delete("/api/v1/services/desk").await.status, 200);
    assert_eq!(api.delete("/api/v1/services/desk").await.status, 404);
    assert_eq!(api.delete("/api/v1/transactions/Events").await.status, 200);
    assert_eq!(api.delete("/api/v1/transactions/Events").await.status, 404);
    assert_eq!(
        api.get("/api/v1/services").await.body,
        json!({"services": []})
    );
    assert_eq!(
        api.get("/api/v1/transactions").await.body,
        json!({"transactions": []})
    );
    let refused = api
        .create("desk", &json!({"_customer_number": "+12025550101"}))
        .await;
    assert_eq!(refused.status, 404, "{refused:?}");
    // What was is still told: the callback and the history.
    assert_eq!(
        api.get(&format!("/api/v1/callbacks/{id}")).await.status,
        200
    );
    let told = api.get("/api/v1/services/desk/changes").await.body;
    assert_eq!(told["changes"][0]["how"], "delete", "{told}");
}

#[tokio::test]
async fn own_parameters_have_columns_unless_they_are_disabled() {
    let receiver = Receiver::start().await;
    let alias = "callback_column_alias = '{\"region\": \"Region, where\"}'";
    for (more, shown) in [("false", true), ("true", false)] {
        let disable = format!("disable_additional_columns_from_callbacks = {more}");
        let server = server(9)
            .set("callback", alias)
            .set("lab", &disable)
            .start()
            .await;
        let api = &server.api;
        api.import_services(&service("desk", &receiver, &["_wait_for_agent=true"]))
            .await;
        let body = json!({"_customer_number": "+12025550101", "region": "north"});
        assert_eq!(api.create("desk", &body).await.status, 200);
        let columns = api.get("/api/v1/ui").await.body["columns"].clone();
        let expected = if shown {
            json!([{"key": "region", "title": "Region, where"}])
        } else {
            json!([])
        };
        assert_eq!(columns, expected);
        let (_, csv) = raw(&server, "/api/v1/callbacks/export").await;
        assert_eq!(
            csv.contains("_rb_user_data,\"Region, where\"\r\n"),
            shown,
            "{csv}"
        );
        assert_eq!(csv.contains(",north\r\n"), shown, "{csv}");
    }
}

#[tokio::test]
async fn many_callbacks_are_neither_cancelled_nor_exported_when_that_is_disabled() {
    let receiver = Receiver::start().await;
    let disable = "disable-bulk-cancel-and-export-callback = true";
    let server = server(9).set("lab", disable).start().await;
    let api = &server.api;
    api.import_services(&service("desk", &receiver, &["_wait_for_agent=true"]))
        .await;
    let id = api.call_back("desk", "+12025550101").await;
    assert_eq!(api.get("/api/v1/ui").await.body["bulk"], json!(false));
    let body = json!({"ids": [id]});
    let refused = api.post("/api/v1/callbacks/bulk-cancel", &body).await;
    assert_eq!(
        (refused.status, &refused.body["title"]),
        (400, &json!("NOT_AVAILABLE")),
        "{refused:?}"
    );
    assert_eq!(api.get("/api/v1/callbacks/export").await.status, 400);
    // One by one is another matter.
    assert_eq!(
        api.delete(&format!("/api/v1/callbacks/{id}")).await.status,
        200
    );
}
