//! Receivers that hang, stream, have a certificate of their own or a password in their address.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use testkit::{Behaviour, Line, PATIENCE, Receiver, Reply, Server, until};

use crate::common::{agents, server, service, story};

const WALK: [&str; 5] = [
    "service_create",
    "virtual_ixn_create",
    "dial_init",
    "dial_done(6,1)",
    "service_exit",
];
const ONE_DIAL: &str = "_max_dial_attempts = 1";

async fn busy() -> Line {
    Line::start(|_, _| Behaviour::Refuse(Duration::ZERO, 486)).await
}

async fn attempts(server: &Server, id: &str) -> Vec<Value> {
    let deliveries = server.api.deliveries(id).await;
    let attempts = deliveries.iter().filter_map(|d| d["attempts"].as_array());
    attempts.flatten().cloned().collect()
}

#[tokio::test]
async fn a_receiver_that_hangs_or_streams_costs_the_others_nothing() {
    let line = busy().await;
    let (hangs, streams) = (Receiver::start().await, Receiver::start().await);
    let good = Receiver::start().await;
    hangs.answer(|_| Reply::Hang);
    streams.answer(|_| Reply::Endless);
    let server = server(line.port)
        .set(
            "gms",
            "http.socket_timeout = 1\nhttp.max_connections_per_route = 1",
        )
        .start()
        .await;
    let api = &server.api;
    api.import_agents(&agents(&[("kim", "7001")])).await;
    for (name, receiver) in [("hung", &hangs), ("endless", &streams), ("desk", &good)] {
        let extra = [ONE_DIAL, "rb.notify_schedule = 0, 1"];
        api.import_services(&service(name, receiver, &extra)).await;
    }
    let mut hung = Vec::new();
    for number in ["5101", "5102", "5103"] {
        hung.push(api.call_back("hung", number).await);
    }
    let endless = api.call_back("endless", "5104").await;
    let id = api.call_back("desk", "5105").await;

    assert_eq!(story(&good.whole(&id, PATIENCE).await), WALK);
    // The body is ignored, the status counts.
    assert_eq!(story(&streams.whole(&endless, PATIENCE).await), WALK);
    for id in &hung {
        api.state(id, "COMPLETED", PATIENCE).await;
    }
    let failed = until("three attempts that hang", PATIENCE, async || {
        let mut failed = Vec::new();
        for id in &hung {
            failed.extend(attempts(&server, id).await);
        }
        (failed.len() >= 3).then_some(failed)
    })
    .await;
    for attempt in failed {
        let error = attempt["error"].as_str().unwrap();
        assert!(error.starts_with("no answer in time"), "{attempt}");
        assert!(attempt["ms"].as_u64().unwrap() < 2000, "{attempt}");
    }
    // One connection at a time, and each is held for a second.
    let arrived: Vec<_> = hangs.notes().iter().map(|note| note.at).collect();
    for pair in arrived.windows(2) {
        assert!(pair[1] - pair[0] > Duration::from_millis(900), "{pair:?}");
    }
}

/// An HTTPS receiver with a certificate that nobody has signed; it answers 200 to everything.
fn https() -> String {
    // Refused when a provider is there already, which is as good.
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    let cert =
        CertificateDer::from_pem_slice(include_bytes!("tls/cert.pem")).expect("a certificate");
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("tls/key.pem")).expect("a key");
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![cert], key)
        .expect("they belong together");
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("a bound socket has one");
    let url = format!("https://{address}/in");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let tls = rustls::ServerConnection::new(Arc::clone(&config)).expect("a server");
            let mut stream = rustls::StreamOwned::new(tls, stream);
            let mut request = [0; 8192];
            // A client that does not trust us goes away here.
            if stream.read(&mut request).is_ok_and(|length| length > 0) {
                let answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                stream.write_all(answer.as_bytes()).ok();
                stream.conn.send_close_notify();
                stream.flush().ok();
            }
        }
    });
    url
}

#[tokio::test]
async fn a_service_may_trust_the_certificate_of_its_own_receiver() {
    let line = busy().await;
    let target = format!("_status_notification_target = {}", https());
    let server = server(line.port).start().await;
    let api = &server.api;
    api.import_agents(&agents(&[("kim", "7001")])).await;
    let other = Receiver::start().await;
    let strict = [ONE_DIAL, target.as_str(), "rb.notify_schedule = 0"];
    let trusting = [&strict[..], &["http.ssl_trust_all = true"]].concat();
    api.import_services(&service("strict", &other, &strict))
        .await;
    api.import_services(&service("trusting", &other, &trusting))
        .await;
    let in_state = async |id: &str, state: &str| {
        until(state, PATIENCE, async || {
            let all = api.deliveries(id).await;
            let done = all.iter().filter(|d| d["state"] == state).count();
            (done == WALK.len()).then_some(all)
        })
        .await
    };

    let id = api.call_back("trusting", "5101").await;
    in_state(&id, "delivered").await;
    let id = api.call_back("strict", "5102").await;
    let failed = in_state(&id, "failed").await;
    let error = failed[0]["attempts"][0]["error"].as_str().unwrap();
    assert!(error.contains("certificate"), "{error}");
}

#[tokio::test]
async fn secrets_of_a_target_are_shown_nowhere() {
    let line = busy().await;
    let receiver = Receiver::start().await;
    let url = receiver.url.replace("http://", "http://crm:hush-1@") + "?key=hush-2";
    let target = format!("_status_notification_target = {url}");
    let server = server(line.port).start().await;
    let api = &server.api;
    api.import_agents(&agents(&[("kim", "7001")])).await;
    let extra = [ONE_DIAL, target.as_str(), "rb.notify_schedule = 0"];
    api.import_services(&service("desk", &receiver, &extra))
        .await;
    receiver.answer(|_| Reply::Status(500));

    let body = json!({"_customer_number": "4930555010", "colour": "hush-3",
        "_status_notification_debug": "true"});
    let record = api.create("desk", &body).await.body;
    let id = record["_id"].as_str().unwrap();
    until("all given up", PATIENCE, async || {
        let all = api.deliveries(id).await;
        let failed = all.iter().filter(|d| d["state"] == "failed").count();
        (failed == WALK.len()).then_some(())
    })
    .await;

    let notes = receiver.notes();
    assert_eq!(notes[0].header("authorization"), "Basic Y3JtOmh1c2gtMQ==");
    assert_eq!(notes[0].request, "POST /in?key=hush-2");
    let deliveries = api.deliveries(id).await;
    let shown = Value::from(deliveries.clone()).to_string();
    let events = Value::from(api.events(id).await).to_string();
    let log = server.log();
    for (where_, text) in [("deliveries", &shown), ("events", &events), ("log", &log)] {
        assert!(!text.contains("hush"), "{where_}: {text}");
    }
    assert!(!log.contains("4930555010"), "{log}");
    assert!(shown.contains("://***@127.0.0.1"), "{shown}");
    let trace = deliveries[0]["attempts"][0]["request"].as_str().unwrap();
    assert!(trace.contains("ringback-debug: true") && trace.contains("authorization: ***"));
}
