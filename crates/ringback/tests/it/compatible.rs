//! The compatible surface beyond create and cancel: updates, positions, queries, prefix.

use serde_json::{Value, json};
use testkit::{Behaviour, Line, Receiver, Server};

use crate::common::{agents, keys, server, service};

/// Callbacks wait in their queue: kim has no phone.
async fn desk(settings: &[(&str, &str)]) -> (Server, Line, Receiver) {
    let line = Line::start(|_, _| Behaviour::NoAnswer).await;
    let receiver = Receiver::start().await;
    let mut builder = server(line.port);
    for (section, text) in settings {
        builder = builder.set(section, text);
    }
    let server = builder.start().await;
    server.api.import_agents(&agents(&[("kim", "7001")])).await;
    let extra = [
        "_wait_for_agent = true",
        "_customer_lookup_keys = _customer_number,topic",
    ];
    let ini = service("desk", &receiver, &extra) + &service("loans", &receiver, &extra);
    server.api.import_services(&ini).await;
    (server, line, receiver)
}

fn at(service: &str, id: &str) -> String {
    format!("/genesys/1/service/callback/{service}/{id}")
}

async fn log(server: &Server, id: &str) -> Vec<String> {
    let events = server.api.events(id).await;
    let id = |event: &Value| event["event_id"].as_str().unwrap_or_default().to_owned();
    events.iter().map(id).collect()
}

#[tokio::test]
async fn an_update_adds_data_changes_the_place_and_the_time() {
    let (server, _line, _receiver) = desk(&[]).await;
    let first = server.api.call_back("desk", "5115").await;
    let second = server.api.call_back("desk", "5116").await;
    let place = async |id: &str| {
        let path = format!("/genesys/1/service/{id}/check-queue-position");
        server.api.get(&path).await
    };
    assert_eq!(place(&second).await.body["_position"], "2");

    let data = json!({"topic": "loans", "page": 3});
    let answer = server.api.put(&at("desk", &second), &data).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, ""));
    let record = server.api.record(&second).await;
    assert_eq!(record["topic"], "loans");
    assert_eq!(record["_callback_state"], "QUEUED");

    let ahead = json!({"_urs_vq_priority": 5});
    assert_eq!(
        server.api.put(&at("desk", &second), &ahead).await.status,
        200
    );
    let answer = place(&second).await;
    assert_eq!(
        answer.body,
        json!({"_position": "1", "_eta": "-1", "_total_waiting": "2",
            "_agent_ready_threshold_passed": false})
    );
    assert_eq!(place(&first).await.body["_position"], "2");
    let nobody = json!({"_target": "Nobody@Stats.GA"});
    let refused = server.api.put(&at("desk", &second), &nobody).await;
    assert_eq!(refused.body["phrase"], "BAD_PARAMETER", "{refused:?}");

    let later = json!({"_new_desired_time": "2999-01-01T00:00:00.000Z", "_ttl": 5});
    let refused = server.api.put(&at("desk", &second), &later).await;
    assert_eq!(refused.body["phrase"], "BAD_PARAMETER", "{refused:?}");
    let soon = json!({"_new_desired_time": in_an_hour(&record)});
    assert_eq!(
        server.api.put(&at("desk", &second), &soon).await.status,
        200
    );
    assert_eq!(
        server.api.record(&second).await["_callback_state"],
        "SCHEDULED"
    );
    let refused = place(&second).await;
    assert_eq!(refused.body["phrase"], "INVALID_STATE", "{refused:?}");
    let log = log(&server, &second).await;
    for event in [
        "rb.data_updated",
        "rb.routing_updated",
        "_cbe_on_callback_rescheduled",
    ] {
        assert!(log.iter().any(|known| known == event), "{event}: {log:?}");
    }
    assert_eq!(server.api.cancel("desk", &second).await.status, 200);
    let over = server.api.put(&at("desk", &second), &data).await;
    assert_eq!(over.body["phrase"], "ALREADY_COMPLETED", "{over:?}");
}

/// One hour after the desired time of a record.
fn in_an_hour(record: &Value) -> String {
    let text = record["_desired_time"].as_str().unwrap_or_default();
    let time = callback::Timestamp::parse_iso(text).expect("a record has its desired time");
    time.plus_seconds(3_600).to_iso()
}

#[tokio::test]
async fn a_position_is_asked_by_id_and_a_dialog_step_needs_a_question() {
    let (server, _line, _receiver) = desk(&[]).await;
    let id = server.api.call_back("desk", "5115").await;
    let path = "/genesys/1/service/1-2/check-queue-position";
    assert_eq!(server.api.get(path).await.status, 404);
    for action in ["menu", "confirm", "later", "cancel"] {
        let path = format!("/genesys/1/service/{id}/{action}");
        for answer in [
            server.api.get(&path).await,
            server.api.post(&path, &json!({})).await,
        ] {
            assert_eq!(answer.body["phrase"], "INVALID_STATE", "{answer:?}");
        }
    }
    let path = format!("/genesys/1/service/{id}/dance");
    assert_eq!(server.api.get(&path).await.status, 404);
}

#[tokio::test]
async fn supervisors_see_the_callbacks_of_many_services() {
    let settings = [
        ("server", "username = \"operator\""),
        ("server", "password = \"pass\""),
    ];
    let line = Line::start(|_, _| Behaviour::NoAnswer).await;
    let receiver = Receiver::start().await;
    let mut builder = server(line.port);
    for (section, text) in settings {
        builder = builder.set(section, text);
    }
    let server = builder.start().await;
    let api = server.api.login("operator", "pass");
    api.import_agents(&agents(&[("kim", "7001")])).await;
    let waits = ["_wait_for_agent = true"];
    let own = [
        "_wait_for_agent = true",
        "username = app",
        "password = word",
        "_urs_virtual_queue = VQ_Loans",
    ];
    let ini = service("desk", &receiver, &waits) + &service("loans", &receiver, &own);
    api.import_services(&ini).await;
    api.call_back("desk", "5115").await;
    api.call_back("desk", "5116").await;
    api.call_back("loans", "5117").await;

    let path = "/genesys/1/admin/callback/queues";
    assert_eq!(server.api.login("app", "word").get(path).await.status, 401);
    let all = api.get(path).await.body;
    assert_eq!(keys(&all), ["desk", "loans"]);
    assert_eq!(all["desk"].as_array().map(Vec::len), Some(2));
    let one = api.get(&format!("{path}?target=desk&max=1")).await.body;
    assert_eq!(keys(&one), ["desk"]);
    assert_eq!(one["desk"].as_array().map(Vec::len), Some(1));
    let by_queue = api.get(&format!("{path}?_vq=VQ_Loans")).await.body;
    assert_eq!(by_queue["desk"], json!([]));
    assert_eq!(by_queue["loans"].as_array().map(Vec::len), Some(1));
    let ended = "_callback_state=COMPLETED&_callback_reason=CANCELLED";
    let none = api.get(&format!("{path}?{ended}")).await.body;
    assert_eq!(none, json!({"desk": [], "loans": []}));
    let before = api
        .get(&format!("{path}?end_time=2001-01-01T00:00:00Z"))
        .await;
    assert_eq!(before.body, json!({"desk": [], "loans": []}));
    let unknown = api.get(&format!("{path}?target=nowhere")).await;
    assert_eq!(unknown.status, 404);
    let unknown = api.get(&format!("{path}?_ttl=5")).await;
    assert_eq!(unknown.body["phrase"], "BAD_PARAMETER");
}

#[tokio::test]
async fn keys_of_the_configuration_are_returned_and_filtered_by() {
    let settings = [
        ("callback", "returned-keys = \"region,_urs_virtual_queue\""),
        ("callback", "filter-keys = \"region\""),
    ];
    let (server, _line, _receiver) = desk(&settings).await;
    let body = json!({"_customer_number": "5115", "region": "north", "note": "x"});
    let record = server.api.create("desk", &body).await.body;
    assert_eq!(record["region"], "north");
    assert_eq!(record["_urs_virtual_queue"], "VQ_Billing");
    assert_eq!(record["note"], Value::Null);
    let path = "/genesys/1/admin/callback/queues?region";
    let north = server.api.get(&format!("{path}=north")).await.body;
    assert_eq!(north["desk"].as_array().map(Vec::len), Some(1));
    let south = server.api.get(&format!("{path}=south")).await.body;
    assert_eq!(south["desk"], json!([]));
}

#[tokio::test]
async fn the_prefix_of_the_compatible_surface_is_chosen_by_the_site() {
    let settings = [
        ("http", "app = \"/gms/callback\""),
        ("http", "contact_centers = [\"north\"]"),
    ];
    let (server, _line, _receiver) = desk(&settings).await;
    let base = "/gms/callback/1/service/callback/desk";
    let body = json!({"_customer_number": "5115"});
    let answer = server.api.post(base, &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let url = answer.body["_url"].as_str().unwrap();
    assert!(
        url.starts_with(&format!("{}{base}/", server.url())),
        "{url}"
    );
    let old = server.api.create("desk", &body).await;
    assert_eq!(old.status, 404);
    assert_eq!(server.api.get("/gms/callback/1/node").await.status, 200);
    let missing = server.api.get("/gms/callback/9/nothing").await;
    assert_eq!(missing.body["phrase"], "NOT_FOUND", "{missing:?}");

    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}{base}", server.url());
    for (center, status) in [("north", 200), ("south", 404)] {
        let request = client.get(&url).header("ContactCenterId", center);
        let request = request.header("apikey", "k").header("x-api-key", "k");
        assert_eq!(request.send().await.unwrap().status(), status, "{center}");
    }
}

#[tokio::test]
async fn keys_of_a_gateway_are_asked_for_once_they_are_set() {
    let keys = ("http", "api_keys = [\"first-key\", \"second-key\"]");
    let (server, _line, _receiver) = desk(&[keys]).await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}/genesys/1/service/callback/desk", server.url());
    for (header, key, status) in [
        ("x-api-key", "first-key", 200),
        ("apikey", "second-key", 200),
        ("apikey", "third-key", 401),
        ("x-api-key", "", 401),
        ("x-other", "first-key", 401),
    ] {
        let answer = client.get(&url).header(header, key).send().await.unwrap();
        assert_eq!(answer.status(), status, "{header}: {key}");
        if status == 401 {
            let body: Value = answer.json().await.unwrap();
            assert_eq!(body["phrase"], "UNAUTHORIZED");
        }
    }
    // Neither balancers nor operators go through the gateway.
    let open = ["/genesys/1/node", "/readyz", "/api/v1/services"];
    for path in open {
        assert_eq!(server.api.get(path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn reasons_that_requests_set_are_kept_as_they_are() {
    let (mut server, _line, _receiver) = desk(&[]).await;
    let id = &server.api.call_back("desk", "5115").await;
    let path = format!("/genesys/1/service/callback/desk/{id}");
    let reason = "AGENT_PREVIEW_CANCEL_AFTER_2REJECTS";
    let alone = server
        .api
        .put(&path, &json!({"_callback_reason": reason}))
        .await;
    assert_eq!(
        (alone.status, &alone.body["field"]),
        (400, &json!("_callback_reason"))
    );
    assert_eq!(server.api.record(id).await["_callback_state"], "QUEUED");

    let body = json!({"_callback_state": "COMPLETED", "_callback_reason": reason});
    assert_eq!(server.api.put(&path, &body).await.status, 200);
    server.kill_hard().await;
    server.restart().await;
    assert_eq!(server.api.record(id).await["_callback_reason"], reason);
    let native = format!("/api/v1/callbacks?reason={reason}");
    let found = server.api.get(&native).await.body;
    assert_eq!(found["callbacks"][0]["_id"], **id);
    let metrics = server.api.get("/metrics").await.text;
    assert!(!metrics.contains(reason), "requests make no labels");
}

#[tokio::test]
async fn both_values_of_discard_ors_failure_cancel_what_runs_in_the_server() {
    let (server, _line, _receiver) = desk(&[]).await;
    for (n, value) in ["true", "FALSE", "1", "no"].into_iter().enumerate() {
        let id = server.api.call_back("desk", &format!("511{n}")).await;
        let path = format!("/genesys/1/service/callback/desk/{id}?discard_ors_failure={value}");
        let answer = server.api.delete(&path).await;
        assert_eq!((answer.status, &answer.body), (200, &json!({})), "{value}");
        let record = server.api.record(&id).await;
        assert_eq!(record["_callback_reason"], "CANCELLED", "{value}");
    }
}

#[tokio::test]
async fn the_load_of_a_queue_is_told() {
    let (server, _line, _receiver) = desk(&[]).await;
    let services = server.api.get("/api/v1/services").await.body;
    let queue = &services["services"][0]["options"]["_urs_virtual_queue"];
    let path = format!("/api/v1/queues/{}/load", queue.as_str().unwrap());
    let idle = server.api.get(&path).await;
    let nothing = json!({"queue": queue, "waiting": 0, "longest_wait_s": 0, "states": {}});
    assert_eq!((idle.status, idle.body), (200, nothing));

    let held = server.api.call_back("desk", "5115").await;
    server.api.call_back("desk", "5116").await;
    server.api.call_back("loans", "5117").await;
    let body = json!({"_callback_state": "PAUSED"});
    assert_eq!(server.api.put(&at("desk", &held), &body).await.status, 200);
    let busy = server.api.get(&path).await.body;
    assert_eq!(busy["waiting"], 2, "{busy}");
    assert_eq!(busy["states"], json!({"PAUSED": 1, "QUEUED": 2}));
    let unknown = server.api.get("/api/v1/queues/VQ_Nobody/load").await;
    assert_eq!(unknown.status, 404);
}

#[tokio::test]
async fn lists_of_operators_are_filtered_and_paged() {
    let (server, _line, _receiver) = desk(&[]).await;
    for n in 0..5 {
        let body = json!({"_customer_number": format!("511{n}"), "topic": format!("t{}", n % 2)});
        assert_eq!(server.api.create("desk", &body).await.status, 200);
    }
    let list = async |query: &str| {
        let answer = server.api.get(&format!("/api/v1/callbacks?{query}")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let ids = answer.body["callbacks"].as_array().unwrap().iter();
        ids.map(|c| c["_id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let all = list("").await;
    assert_eq!(all.len(), 5);
    let pages = [list("limit=3").await, list("limit=3&skip=3").await].concat();
    assert_eq!(pages, all);
    assert_eq!(list("data.topic=t0").await.len(), 3);
    assert_eq!(list("reason=CANCELLED").await.len(), 0);
    assert_eq!(list("until=2001-01-01T00:00:00Z").await.len(), 0);
    assert_eq!(
        list("from=2001-01-01T00:00:00Z&service=desk").await.len(),
        5
    );
}

#[tokio::test]
async fn apps_keep_texts_and_attachments_with_a_callback() {
    let (mut server, _line, _receiver) = desk(&[]).await;
    let id = server.api.call_back("desk", "5115").await;
    let base = format!("/genesys/1/service/{id}/storage");
    let texts = json!({"colour": "blue", "size": 5});
    assert_eq!(server.api.post(&base, &texts).await.status, 200);
    let form = b"colour=red&shape=round".to_vec();
    let form_type = "application/x-www-form-urlencoded";
    let merged = server.api.post_bytes(&base, form_type, form).await;
    assert_eq!(merged.status, 200);
    let body = b"--b\r\nContent-Disposition: form-data; name=\"scan\"; filename=\"a.png\"\r\n\
        Content-Type: image/png\r\n\r\n\x89PNG\x00\xff\r\n--b--\r\n";
    let multipart = "multipart/form-data; boundary=b";
    let sent = server.api.post_bytes(&base, multipart, body.to_vec()).await;
    assert_eq!(sent.status, 200, "{sent:?}");

    server.kill_hard().await;
    server.restart().await;
    let all = server.api.get(&base).await.body;
    assert_eq!(keys(&all), ["colour", "scan", "shape", "size"]);
    assert_eq!((&all["colour"], &all["size"]), (&json!("red"), &json!("5")));
    let one = server.api.get(&format!("{base}/colour")).await.body;
    assert_eq!(one, json!({"colour": "red"}));
    let path = format!("{}/{base}/binary/scan", server.url()).replace("//genesys", "/genesys");
    assert!(
        all["scan"]
            .as_str()
            .is_some_and(|url| url.ends_with(&format!("{base}/binary/scan")))
    );
    let answer = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = answer.get(path).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "image/png");
    assert_eq!(&answer.bytes().await.unwrap()[..], b"\x89PNG\x00\xff");
    assert_eq!(
        server.api.delete(&format!("{base}/colour")).await.status,
        200
    );
    assert_eq!(
        server.api.delete(&format!("{base}/colour")).await.status,
        404
    );
    assert_eq!(server.api.get(&format!("{base}/colour")).await.status, 404);
    assert_eq!(
        server
            .api
            .get("/genesys/1/service/1-2/storage")
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn a_storage_beyond_its_limits_is_refused_and_nothing_changes() {
    let (server, _line, _receiver) = desk(&[]).await;
    let id = server.api.call_back("desk", "5115").await;
    let base = format!("/genesys/1/service/{id}/storage");
    let half = json!({"a": "x".repeat(40 * 1024)});
    assert_eq!(server.api.post(&base, &half).await.status, 200);
    let refused = server
        .api
        .post(&base, &json!({"b": "x".repeat(40 * 1024)}))
        .await;
    assert_eq!(
        (refused.status, &refused.body["phrase"]),
        (413, &json!("TOO_LARGE"))
    );
    // The same key again replaces, it does not add.
    assert_eq!(server.api.post(&base, &half).await.status, 200);
    let file = |name: &str, bytes: usize| {
        let head = format!(
            "--b\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"f\"\r\n\r\n"
        );
        [head.into_bytes(), vec![7; bytes], b"\r\n--b--\r\n".to_vec()].concat()
    };
    let multipart = "multipart/form-data; boundary=b";
    let big = server
        .api
        .post_bytes(&base, multipart, file("big", 1024 * 1024 + 1))
        .await;
    assert_eq!(big.status, 413, "{big:?}");
    for n in 0..5 {
        let body = file(&format!("f{n}"), 1000);
        assert_eq!(
            server.api.post_bytes(&base, multipart, body).await.status,
            200
        );
    }
    let sixth = server.api.post_bytes(&base, multipart, file("f5", 1)).await;
    assert_eq!(sixth.status, 413, "{sixth:?}");
    let broken = server
        .api
        .post_bytes(&base, multipart, b"--b\r\nno".to_vec())
        .await;
    assert_eq!(broken.body["phrase"], "BAD_PARAMETER", "{broken:?}");
    let names = server.api.get(&base).await.body;
    assert_eq!(keys(&names), ["a", "f0", "f1", "f2", "f3", "f4"]);
}

#[tokio::test]
async fn the_document_of_the_surfaces_is_served() {
    let (server, _line, _receiver) = desk(&[]).await;
    let answer = server.api.get("/api/v1/openapi.json").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body["openapi"], "3.1.0");
    let path = "/genesys/1/service/callback/{service}";
    assert!(answer.body["paths"][path]["post"].is_object(), "{answer:?}");
}
