//! What operators see of SIP: failed logins, why a carrier refused.

use std::time::Duration;

use testkit::{Behaviour, Line, PATIENCE, Receiver, until};
use tokio::net::UdpSocket;

use crate::common::site;

/// Sends a request until it is answered.
async fn ask(socket: &UdpSocket, request: &str) -> String {
    until("an answer over SIP", PATIENCE, async || {
        socket.send(request.as_bytes()).await.ok()?;
        let mut buffer = vec![0; 2000];
        let read = tokio::time::timeout(Duration::from_secs(1), socket.recv(&mut buffer));
        let length = read.await.ok()?.ok()?;
        buffer.truncate(length);
        String::from_utf8(buffer).ok()
    })
    .await
}

/// A REGISTER of an extension with whatever credentials.
fn register(socket: &UdpSocket, extension: &str, cseq: u32, more: &str) -> String {
    let us = socket.local_addr().expect("it is bound");
    format!(
        "REGISTER sip:127.0.0.1 SIP/2.0\r\n\
         Via: SIP/2.0/UDP {us};branch=z9hG4bKseen{extension}{cseq};rport\r\n\
         From: <sip:{extension}@127.0.0.1>;tag=1\r\nTo: <sip:{extension}@127.0.0.1>\r\n\
         Call-ID: seen-{extension}\r\nCSeq: {cseq} REGISTER\r\nMax-Forwards: 70\r\n\
         Contact: <sip:{extension}@{us}>\r\n{more}Content-Length: 0\r\n\r\n"
    )
}

/// What stands in quotes after a name.
fn quoted<'a>(text: &'a str, name: &str) -> &'a str {
    let (_, rest) = text.split_once(&format!("{name}=\"")).expect("it is there");
    rest.split_once('"').expect("it ends").0
}

#[tokio::test]
async fn failed_logins_of_phones_are_logged_without_what_the_stranger_wrote() {
    let line = Line::start(|_, _| Behaviour::Refuse(Duration::ZERO, 486)).await;
    let receiver = Receiver::start().await;
    let server = site(line.port, &receiver, &[]).await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(server.sip()).await.unwrap();
    for extension in ["6502530042", "7001"] {
        let challenge = ask(&socket, &register(&socket, extension, 1, "")).await;
        assert!(challenge.starts_with("SIP/2.0 401 "), "{challenge}");
        let realm = quoted(&challenge, "realm");
        let nonce = quoted(&challenge, "nonce");
        let credentials = format!(
            "Authorization: Digest username=\"{extension}\", realm=\"{realm}\", \
             nonce=\"{nonce}\", uri=\"sip:127.0.0.1\", response=\"{:032}\", algorithm=MD5\r\n",
            0
        );
        let refused = ask(&socket, &register(&socket, extension, 2, &credentials)).await;
        assert!(refused.starts_with("SIP/2.0 403 "), "{refused}");
    }
    until("a line in the log", PATIENCE, async || {
        server.log().contains("a phone was refused").then_some(())
    })
    .await;
    let log = server.log();
    let told: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("a phone was refused"))
        .collect();
    assert!(told[0].contains("WARN"), "{told:?}");
    assert!(told[0].contains("unknown extension"), "{told:?}");
    assert!(told[0].contains("source=127.0.0.1:"), "{told:?}");
    assert!(!log.contains("6502530042"), "{told:?}");
}

#[tokio::test]
async fn the_history_says_why_a_carrier_refused_and_which_one() {
    let line = Line::start(|_, _| Behaviour::Refuse(Duration::ZERO, 403)).await;
    let receiver = Receiver::start().await;
    let server = site(line.port, &receiver, &["_max_dial_attempts = 1"]).await;
    let id = server.api.call_back("desk", "5115").await;
    let notes = receiver.whole(&id, PATIENCE).await;
    let events = server.api.events(&id).await;
    let data = |name: &str| {
        let event = events.iter().find(|event| event["event_id"] == name);
        event.expect("it is in the history")["data"].clone()
    };
    let (begun, done) = (data("_cbe_on_dial_init"), data("_cbe_on_dial_done"));
    assert_eq!(done["detail"], "rejected");
    assert_eq!(done["sip_status"], 403, "{done}");
    assert!(begun["trunk"].is_string(), "{begun}");
    assert_eq!(done["trunk"], begun["trunk"]);
    let sent = notes
        .iter()
        .any(|note| note.body.get("sip_status").is_some());
    assert!(!sent, "receivers get what they always got");
}
