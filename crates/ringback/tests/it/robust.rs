//! Garbage, health, metrics, logs without numbers, an orderly end.

use std::time::Duration;

use testkit::{Behaviour, Line, PATIENCE, Receiver, Reply, until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use crate::common::{agents, ended, server, service, site, story};

#[tokio::test]
async fn garbage_on_any_port_does_not_stop_the_server() {
    let line = Line::start(|_, _| Behaviour::Refuse(Duration::ZERO, 486)).await;
    let receiver = Receiver::start().await;
    let mut server = site(line.port, &receiver, &["_max_dial_attempts = 1"]).await;
    let sip = server.sip();
    let http = server.url().trim_start_matches("http://").to_owned();
    let noise: Vec<u8> = (0..1400_u32)
        .map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[1])
        .collect();
    let garbage: [&[u8]; 11] = [
        b"",
        b"\r\n\r\n",
        b"\0\0\0\0",
        &noise,
        b"INVITE sip:1@127.0.0.1 SIP/2.0\r\n\r\n",
        b"INVITE sip:\xff\xfe@ SIP/2.0\r\nVia: SIP/2.0/UDP [::1\r\nCSeq: 99999999999 X\r\n\r\n",
        b"INVITE sip:7001@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKg\r\n\
          From: <sip:a@b>;tag=1\r\nTo: <sip:7001@b>\r\nCall-ID: g\r\nCSeq: 1 INVITE\r\n\
          Contact: <sip:a@127.0.0.1:9>\r\nMax-Forwards: 70\r\nContent-Type: application/sdp\r\n\
          Content-Length: 12\r\n\r\nv=0\r\nm=audio",
        b"REGISTER sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKr\r\n\
          From: <sip:7001@b>;tag=1\r\nTo: <sip:7001@b>\r\nCall-ID: r\r\nCSeq: 1 REGISTER\r\n\
          Contact: *\r\nExpires: -1\r\nAuthorization: Digest username=\"\r\nContent-Length: 0\r\n\r\n",
        b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK0\r\nCSeq: 1 INVITE\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: \xff\r\n\r\n",
        b"POST /genesys/1/service/callback/desk HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
    ];
    let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for bytes in garbage {
        udp.send_to(bytes, &sip).await.unwrap();
        for address in [&sip, &http] {
            if let Ok(mut stream) = TcpStream::connect(address.as_str()).await {
                stream.write_all(bytes).await.ok();
                stream.shutdown().await.ok();
                let mut answer = Vec::new();
                let read = stream.read_to_end(&mut answer);
                tokio::time::timeout(Duration::from_millis(300), read)
                    .await
                    .ok();
            }
        }
    }

    assert!(server.is_running());
    let id = server.api.call_back("desk", "5115").await;
    let expected = [
        "service_create",
        "virtual_ixn_create",
        "dial_init",
        "dial_done(6,1)",
        "service_exit",
    ];
    assert_eq!(story(&receiver.whole(&id, PATIENCE).await), expected);
    assert!(!server.log().contains("panicked"), "{}", server.log());
}

#[tokio::test]
async fn logs_hold_neither_numbers_nor_secrets() {
    let line = Line::start(|_, _| Behaviour::Refuse(Duration::ZERO, 486)).await;
    let receiver = Receiver::start().await;
    receiver.answer(|_| Reply::Status(500));
    let with_secret = receiver.url.replace("http://", "http://user:wonderwall@");
    let target = format!("_status_notification_target = {with_secret}?key=hushhush");
    let extra = [target.as_str(), "_max_dial_attempts = 1"];
    let server = site(line.port, &receiver, &extra).await;

    let id = server.api.call_back("desk", "+1 650 253 0042").await;
    server.api.state(&id, "COMPLETED", PATIENCE).await;
    until("two attempts", PATIENCE, async || {
        (receiver.of(&id).len() >= 2).then_some(())
    })
    .await;
    server
        .api
        .get("/genesys/1/service/callback/desk?_customer_number=%2B16502530042")
        .await;

    assert_eq!(line.calls().len(), 1);
    let said = server.log() + &server.output();
    assert!(!said.is_empty());
    for secret in [
        "6502530042",
        "650 253",
        "secret-kim",
        "wonderwall",
        "hushhush",
    ] {
        let lines: Vec<&str> = said.lines().filter(|line| line.contains(secret)).collect();
        assert!(lines.is_empty(), "{secret} in {lines:?}");
    }
    let metrics = server.api.get("/metrics").await.text;
    assert!(!metrics.contains("6502530042"));
}

#[tokio::test]
async fn health_and_metrics_answer() {
    let line = Line::start(|_, _| Behaviour::Refuse(Duration::ZERO, 486)).await;
    let receiver = Receiver::start().await;
    let server = site(line.port, &receiver, &["_max_dial_attempts = 1"]).await;

    for path in ["/livez", "/readyz"] {
        assert_eq!(server.api.get(path).await.status, 200, "{path}");
    }
    let id = server.api.call_back("desk", "5115").await;
    receiver.whole(&id, PATIENCE).await;
    let metrics = server.api.get("/metrics").await;
    assert_eq!(metrics.status, 200);
    let figures: Vec<&str> = metrics
        .text
        .lines()
        .filter(|line| line.starts_with("ringback_"))
        .collect();
    assert!(figures.len() > 5, "{}", metrics.text);
}

#[tokio::test]
async fn sigterm_drains_and_what_was_open_goes_on_after_the_next_start() {
    let line = Line::start(|_, _| Behaviour::Refuse(Duration::ZERO, 486)).await;
    let receiver = Receiver::start().await;
    let mut server = site(line.port, &receiver, &["_dial_retry_timeout = 2"]).await;

    let id = server.api.call_back("desk", "5115").await;
    receiver.wait_for(&id, "dial_done", PATIENCE).await;
    server.terminate(PATIENCE).await;
    server.restart().await;
    let notes = receiver.whole(&id, PATIENCE).await;

    assert_eq!(line.calls().len(), 2);
    assert_eq!(ended(&notes), "FAIL_CALL_TO_CUSTOMER");
}

#[tokio::test]
async fn sigterm_lets_a_call_end_by_itself() {
    let second = Duration::from_secs(1);
    let line = Line::start(move |_, _| Behaviour::AnswerAndLeave(Duration::ZERO, second)).await;
    let receiver = Receiver::start().await;
    let mut server = site(line.port, &receiver, &["_max_dial_attempts = 3"]).await;

    let id = server.api.call_back("desk", "5115").await;
    receiver.wait_for(&id, "customer_queued", PATIENCE).await;
    server.terminate(PATIENCE).await;
    server.restart().await;
    let notes = receiver.whole(&id, PATIENCE).await;

    assert_eq!(line.calls().len(), 1, "the call was cut and made again");
    assert_eq!(ended(&notes), "FAIL_INTERACTION_DELETED");
}

#[tokio::test]
async fn calls_that_do_not_end_are_ended_when_the_drain_is_over() {
    let line = Line::start(|_, _| Behaviour::Answer(Duration::ZERO)).await;
    let receiver = Receiver::start().await;
    let impatient = server(line.port).set("engine", "drain_s = 0");
    let mut server = impatient.start().await;
    server.api.import_agents(&agents(&[("kim", "7001")])).await;
    server
        .api
        .import_services(&service("desk", &receiver, &[]))
        .await;

    let id = server.api.call_back("desk", "5115").await;
    receiver.wait_for(&id, "customer_queued", PATIENCE).await;
    server.terminate(PATIENCE).await;

    assert!(line.calls()[0].over.is_some(), "the customer heard no BYE");
}

#[tokio::test]
async fn an_idle_server_is_small_and_quick_to_start() {
    let server = server(9).start().await;
    let kib = server.resident_kib();
    let start_ms = &server.ready()["start_ms"];
    println!("idle: {kib} KiB resident, ready after {start_ms} ms");
    // The goals (60 MB, 500 ms) hold for an optimised build on a quiet machine.
    assert!(kib < 120 * 1024, "{kib} KiB");
}
