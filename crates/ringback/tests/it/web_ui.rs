//! The browser UI as a browser meets it: files, login, sessions, and what its pages ask for.

use serde_json::{Value, json};
use testkit::{Receiver, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::common::{PROGRAM, service};

/// What a page of ours sends with each request.
const OURS: &str = "X-Ringback-Ui: 1\r\n";

/// An answer as it came.
struct Raw {
    status: u16,
    head: String,
    body: String,
}

impl Raw {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    fn cookie(&self) -> &str {
        let line = self
            .head
            .lines()
            .find_map(|line| line.strip_prefix("set-cookie: "));
        line.unwrap_or_default()
    }
}

/// Sends a request exactly as written: paths are not tidied, headers are the test's own.
async fn send(server: &Server, start: &str, headers: &str, body: &str) -> Raw {
    let url = server.url();
    let address = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address)
        .await
        .expect("the server listens");
    let length = body.len();
    let request = format!(
        "{start} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    );
    let written = stream.write_all(request.as_bytes()).await;
    written.expect("the server reads");
    let mut bytes = Vec::new();
    let read = stream.read_to_end(&mut bytes).await;
    read.expect("the server answers");
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    Raw {
        status: head
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .unwrap_or(0),
        head: head.to_lowercase(),
        body: body.to_owned(),
    }
}

async fn locked(more: &str) -> Server {
    Server::builder(PROGRAM)
        .set("server", "username = \"op\"")
        .set("server", "password = \"s3cret\"")
        .set("http", more)
        .start()
        .await
}

async fn log_in(server: &Server, password: &str, headers: &str) -> Raw {
    let body = json!({"username": "op", "password": password}).to_string();
    send(server, "POST /api/v1/session", headers, &body).await
}

/// Shows `op:s3cret`, as every request may.
const RIGHT: &str = "Authorization: Basic b3A6czNjcmV0\r\n";
/// Shows `op:guess`.
const WRONG: &str = "Authorization: Basic b3A6Z3Vlc3M=\r\n";

const GUESS: &str = "{\"username\":\"op\",\"password\":\"guess\"}";

/// Sends all of a login with a wrong password but its last byte.
async fn begin_guess(server: &Server) -> TcpStream {
    let url = server.url();
    let address = url.trim_start_matches("http://");
    let stream = TcpStream::connect(address).await;
    let mut stream = stream.expect("the server listens");
    let (length, body) = (GUESS.len(), &GUESS[..GUESS.len() - 1]);
    let request = format!(
        "POST /api/v1/session HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n{OURS}\r\n{body}"
    );
    let written = stream.write_all(request.as_bytes()).await;
    written.expect("the server reads");
    stream
}

/// Sends the last byte; gives the first line of the answer.
async fn end_guess(mut stream: TcpStream) -> String {
    let last = &GUESS.as_bytes()[GUESS.len() - 1..];
    stream.write_all(last).await.expect("the server reads");
    let mut bytes = Vec::new();
    let read = stream.read_to_end(&mut bytes).await;
    read.expect("the server answers");
    let text = String::from_utf8_lossy(&bytes).into_owned();
    text.lines().next().unwrap_or_default().to_owned()
}

fn cookie_header(raw: &Raw) -> String {
    let pair = raw.cookie().split(';').next().unwrap_or_default();
    format!("Cookie: other=1; {pair}\r\n")
}

#[tokio::test]
async fn an_operator_logs_in_works_and_logs_out() {
    let server = locked("session_hours = 2").await;
    let before = send(&server, "GET /api/v1/session", "", "").await.json();
    assert_eq!(
        (&before["required"], &before["authenticated"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(
        send(&server, "GET /api/v1/services", "", "").await.status,
        401
    );

    let login = log_in(&server, "s3cret", OURS).await;
    assert_eq!(login.status, 200, "{}", login.body);
    let set = login.cookie();
    for part in ["httponly", "samesite=strict", "path=/", "max-age=7200"] {
        assert!(set.contains(part), "{set}");
    }
    assert!(!set.contains("secure"), "{set}");
    let cookie = cookie_header(&login);
    assert_eq!(
        send(&server, "GET /api/v1/services", &cookie, "")
            .await
            .status,
        200
    );
    let ours = format!("{cookie}{OURS}");
    let put = json!({"options": {"_type": "ors"}}).to_string();
    assert_eq!(
        send(&server, "PUT /api/v1/services/a?dry_run=true", &ours, &put)
            .await
            .status,
        200
    );
    let session = send(&server, "GET /api/v1/session", &cookie, "").await;
    assert_eq!(session.json()["authenticated"], true);

    assert_eq!(
        send(&server, "DELETE /api/v1/session", &ours, "")
            .await
            .status,
        200
    );
    assert_eq!(
        send(&server, "GET /api/v1/services", &cookie, "")
            .await
            .status,
        401
    );
}

#[tokio::test]
async fn behind_tls_the_cookie_is_secure() {
    let server = locked("public_url = \"https://callback.example.net\"").await;
    let origin = format!("{OURS}Origin: https://callback.example.net\r\n");
    let login = log_in(&server, "s3cret", &origin).await;
    assert_eq!(login.status, 200, "{}", login.body);
    assert!(login.cookie().contains("; secure"), "{}", login.cookie());
}

#[tokio::test]
async fn wrong_passwords_are_refused_and_then_throttled() {
    let server = locked("").await;
    // These are no guesses.
    for body in [
        "{}",
        "[]",
        "{\"username\":\"op\"}",
        "{\"username\":1,\"password\":2}",
        "x",
    ] {
        let raw = send(&server, "POST /api/v1/session", OURS, body).await;
        assert_eq!(raw.status, 400, "{body}: {}", raw.body);
    }
    for n in 0..10 {
        let wrong = log_in(&server, "guess", OURS).await;
        assert_eq!((wrong.status, wrong.cookie()), (401, ""), "try {n}");
    }
    // From now on even the right one waits.
    let late = log_in(&server, "s3cret", OURS).await;
    assert_eq!(late.status, 429, "{}", late.body);
    assert!(late.head.contains("retry-after"));
    // So does it with every request.
    let late = send(&server, "GET /api/v1/services", RIGHT, "").await;
    assert_eq!(late.status, 429, "{}", late.body);
}

#[tokio::test]
async fn guesses_on_many_connections_are_no_more_than_one_after_the_other() {
    let server = locked("").await;
    let mut open = Vec::new();
    for _ in 0..30 {
        open.push(begin_guess(&server).await);
    }
    let mut answers = Vec::new();
    for stream in open {
        answers.push(end_guess(stream).await);
    }
    let tried = answers.iter().filter(|line| line.contains(" 401 "));
    assert_eq!(tried.count(), 10, "{answers:?}");
}

#[tokio::test]
async fn passwords_sent_with_each_request_are_throttled_like_logins() {
    let server = locked("").await;
    let services = "GET /api/v1/services";
    for n in 0..10 {
        let wrong = send(&server, services, WRONG, "").await;
        assert_eq!(wrong.status, 401, "try {n}");
        // Who shows nothing guesses nothing.
        assert_eq!(send(&server, services, "", "").await.status, 401);
    }
    let late = send(&server, services, RIGHT, "").await;
    assert_eq!(late.status, 429, "{}", late.body);
    assert_eq!(log_in(&server, "s3cret", OURS).await.status, 429);
}

#[tokio::test]
async fn other_sites_cannot_use_a_session() {
    let server = locked("").await;
    let cookie = cookie_header(&log_in(&server, "s3cret", OURS).await);
    let post = "POST /api/v1/deliveries/retry";
    for foreign in [
        "",
        "Origin: https://evil.example\r\nX-Ringback-Ui: 1\r\n",
        "Origin: null\r\nX-Ringback-Ui: 1\r\n",
        "Sec-Fetch-Site: cross-site\r\nX-Ringback-Ui: 1\r\n",
        "Sec-Fetch-Site: same-site\r\nX-Ringback-Ui: 1\r\n",
        "Sec-Fetch-Site: same-origin\r\n",
    ] {
        let raw = send(&server, post, &format!("{cookie}{foreign}"), "").await;
        assert_eq!(
            (raw.status, &raw.json()["title"]),
            (403, &json!("CROSS_SITE")),
            "{foreign}"
        );
    }
    let read = format!("{cookie}Sec-Fetch-Site: cross-site\r\n");
    assert_eq!(
        send(&server, "GET /api/v1/services", &read, "")
            .await
            .status,
        403
    );
    let host = server.url();
    let own = format!("{cookie}{OURS}Origin: {host}\r\nSec-Fetch-Site: same-origin\r\n");
    assert_eq!(send(&server, post, &own, "").await.status, 200);
    // Logging somebody in, or out, is not for others either.
    assert_eq!(log_in(&server, "s3cret", "").await.status, 403);
    let out = send(&server, "DELETE /api/v1/session", &cookie, "").await;
    assert_eq!(out.status, 403);
}

#[tokio::test]
async fn forged_cookies_open_nothing() {
    let server = locked("").await;
    let zeros = "0".repeat(64);
    for forged in ["", "x", "ringback_session=", "' OR 1=1", &zeros] {
        let header = format!("Cookie: ringback_session={forged}\r\n{OURS}");
        let raw = send(&server, "GET /api/v1/services", &header, "").await;
        assert_eq!(raw.status, 401, "{forged}");
    }
    // A page's script gets no challenge, for which the browser would open a window of its own.
    let script = send(
        &server,
        "GET /api/v1/services",
        "Sec-Fetch-Dest: empty\r\n",
        "",
    )
    .await;
    assert!(!script.head.contains("www-authenticate"), "{}", script.head);
    let other = send(&server, "GET /api/v1/services", "", "").await;
    assert!(other.head.contains("www-authenticate"));
}

#[tokio::test]
async fn files_come_with_a_strict_policy_and_lead_nowhere_else() {
    let server = locked("").await;
    let page = send(&server, "GET /ui/", "", "").await;
    assert_eq!(page.status, 200);
    let policy = page
        .head
        .lines()
        .find(|line| line.starts_with("content-security-policy"));
    let policy = policy.unwrap_or_default();
    assert!(
        policy.contains("default-src 'none'") && !policy.contains("unsafe"),
        "{policy}"
    );
    assert!(page.body.starts_with("<!doctype html>"), "{}", page.body);
    let root = send(&server, "GET /", "", "").await;
    assert!(root.head.contains("location: /ui/"), "{}", root.head);
    for path in [
        "/ui/../ringback.toml",
        "/ui/..%2f..%2fetc%2fpasswd",
        "/ui/%2e%2e/%2e%2e/etc/passwd",
        "/ui//etc/passwd",
        "/ui/assets/%00",
        "/ui/assets/..%5c..%5cx",
    ] {
        let raw = send(&server, &format!("GET {path}"), "", "").await;
        assert!(
            !raw.body.contains("root:") && !raw.body.contains("[http]"),
            "{path}"
        );
        assert!(
            [200, 400, 404].contains(&raw.status),
            "{path}: {}",
            raw.status
        );
    }
}

#[tokio::test]
async fn the_ui_can_be_switched_off() {
    let server = locked("web_ui = false").await;
    assert_eq!(send(&server, "GET /ui/", "", "").await.status, 404);
    assert_eq!(send(&server, "GET /", "", "").await.status, 404);
    assert_eq!(log_in(&server, "s3cret", OURS).await.status, 404);
    assert_eq!(send(&server, "GET /livez", "", "").await.status, 200);
}

#[tokio::test]
async fn services_are_changed_by_form_and_hidden_passwords_stay() {
    let server = Server::builder(PROGRAM).start().await;
    let receiver = Receiver::start().await;
    let ini = service("desk", &receiver, &["username = a", "password = b"]);
    server.api.import_services(&ini).await;
    let listed = server.api.get("/api/v1/services").await.body;
    let desk = &listed["services"][0];
    assert_eq!(desk["options"]["password"], "***");
    assert!(
        desk["changed"]
            .as_str()
            .is_some_and(|time| time.ends_with('Z')),
        "{desk}"
    );

    let mut options = desk["options"].clone();
    options["_ttl"] = json!("soon");
    let bad = server
        .api
        .put("/api/v1/services/desk", &json!({"options": options}))
        .await;
    assert_eq!(
        (bad.status, &bad.body["errors"][0]["option"]),
        (422, &json!("_ttl"))
    );
    options["_ttl"] = json!("77");
    let path = "/api/v1/services/desk?dry_run=true";
    assert_eq!(
        server
            .api
            .put(path, &json!({"options": options}))
            .await
            .status,
        200
    );
    let same = server.api.get("/api/v1/services").await.body;
    assert!(
        same["services"][0]["options"]["_ttl"].is_null(),
        "a dry run stored something"
    );
    let good = server
        .api
        .put("/api/v1/services/desk", &json!({"options": options}))
        .await;
    assert_eq!((good.status, &good.body["ok"]), (200, &json!(true)));
    let raw = send(&server, "GET /api/v1/services/export", "", "").await;
    assert!(
        raw.body.contains("password = b") && raw.body.contains("_ttl = 77"),
        "{}",
        raw.body
    );
}

#[tokio::test]
async fn a_list_is_previewed_with_the_exact_bodies() {
    let server = Server::builder(PROGRAM).start().await;
    let list = "[_cbe_on_service_exit]\nnotify_params = c_agent_id, c_termination_type, topic\n\
                notify_custom = {\"source\":\"crm\"}\n";
    let preview = async |text: &str, query: &str| {
        let path = format!("/api/v1/transactions/preview{query}");
        server
            .api
            .post_bytes(&path, "text/plain", text.into())
            .await
    };
    let answer = preview(list, "").await;
    let first = &answer.body["previews"][0];
    assert_eq!(first["event_id"], "_cbe_on_service_exit");
    let body: Value = serde_json::from_str(first["body"].as_str().unwrap()).unwrap();
    assert_eq!(
        (&body["c_agent_id"], &body["source"]),
        (&json!("kim"), &json!("crm"))
    );
    assert_eq!(body["c_termination_type"], "COMPLETED.AGENT_CONNECTED");
    assert_eq!(preview(list, "?service=nobody").await.status, 404);
    assert_eq!(preview("[broken", "").await.status, 400);
    assert_eq!(preview(list, "?other=1").await.status, 400);
    let known = server.api.get("/api/v1/events/catalogue").await.body;
    assert!(
        known["events"]
            .as_array()
            .is_some_and(|events| events.len() > 20)
    );
}

#[tokio::test]
async fn pages_count_order_and_sum_up_what_there_is() {
    let server = Server::builder(PROGRAM).start().await;
    let receiver = Receiver::start().await;
    let ini = service("desk", &receiver, &["_wait_for_agent = true"]);
    server.api.import_services(&ini).await;
    let mut made = Vec::new();
    for number in ["+12025550101", "+12025550102", "+12025550103"] {
        made.push(server.api.call_back("desk", number).await);
    }
    let api = &server.api;
    assert_eq!(api.get("/api/v1/callbacks/count").await.body["count"], 3);
    let one = api
        .get("/api/v1/callbacks/count?number=%2B12025550102&limit=1")
        .await
        .body;
    assert_eq!(one["count"], 1);
    let newest = api.get("/api/v1/callbacks?order=newest&limit=1").await.body;
    assert_eq!(newest["callbacks"][0]["_id"], json!(made[2]));
    assert_eq!(api.get("/api/v1/callbacks?order=random").await.status, 400);
    let overview = api.get("/api/v1/overview").await.body;
    assert_eq!(overview["queues"][0]["name"], "VQ_Billing");
    assert_eq!(overview["queues"][0]["waiting"], 3);
    assert_eq!(overview["states"]["QUEUED"], 3);
    assert_eq!(overview["ready"], true);
    let failed = json!({"pending": 0, "failed": 0, "last_minute": 0});
    assert_eq!(overview["deliveries"], failed);
    let activity = api.get("/api/v1/activity?minutes=10&spans=2").await.body;
    let requested = |span: &Value| span["requested"].as_u64().unwrap_or_default();
    let spans = activity["spans"].as_array().unwrap();
    assert_eq!(spans.iter().map(requested).sum::<u64>(), 3, "{activity}");

    let wanted = json!({"subscriberId": "crm", "filter": "callback.*",
        "notificationDetails": {"deviceId": receiver.url, "type": "httpcb"}});
    let subscribed = api.post("/genesys/1/notification/subscribe", &wanted).await;
    assert_eq!(subscribed.status, 200, "{subscribed:?}");
    let listed = api.get("/api/v1/subscriptions").await.body;
    assert_eq!(listed["subscriptions"][0]["subscriber"], "crm");
    let message = json!({"tag": "callback.test", "message": "{\"a\":1}"});
    let sent = api.post("/api/v1/subscriptions/publish", &message).await;
    assert_eq!(sent.body["matched"], 1);
    assert_eq!(
        api.post("/api/v1/subscriptions/publish", &json!({}))
            .await
            .status,
        400
    );
}
