//! What only a scripted peer can do: races, holds, challenges, forks, strange requests.

use std::time::Duration;

use telephony::port::{EndedBy, EventKind, HangUpCause};

use crate::raw::{AUDIO, Message, Raw, sdp};
use crate::support::{Side, config, originate, trunk};

async fn with_raw() -> (Side, Raw) {
    let raw = Raw::start().await;
    let mut config = config(0);
    config.trunks.push(trunk(raw.address));
    (Side::start(config).await, raw)
}

async fn answered(side: &mut Side, raw: &Raw) -> (telephony::port::CallId, Message) {
    let call = side.call("c1.1");
    let invite = raw.until("INVITE").await;
    raw.answer(&invite, 200, &sdp(AUDIO)).await;
    raw.until("ACK").await;
    assert!(!side.answered(&call).await);
    (call, invite)
}

#[tokio::test]
async fn a_200_that_crosses_the_ring_timers_cancel_is_a_late_answer() {
    let (mut side, raw) = with_raw().await;
    let mut wanted = originate("c1.1");
    wanted.ring_timeout = Duration::from_millis(200);
    let call = side.originate(wanted);
    let invite = raw.until("INVITE").await;
    raw.answer(&invite, 180, "").await;
    let cancel = raw.until("CANCEL").await;
    assert_eq!(cancel.header("Via"), invite.header("Via"));
    raw.answer(&invite, 200, &sdp(AUDIO)).await;
    raw.answer(&cancel, 200, "").await;
    raw.until("ACK").await;
    assert!(side.answered(&call).await, "late");
    side.hang_up(&call, HangUpCause::Normal);
    let bye = raw.until("BYE").await;
    raw.answer(&bye, 200, "").await;
    assert!(side.ended(&call).await.answered);
    side.empty().await;
}

#[tokio::test]
async fn a_200_that_crosses_a_given_up_callback_is_ended_with_bye() {
    let (mut side, raw) = with_raw().await;
    let call = side.call("c1.1");
    let invite = raw.until("INVITE").await;
    raw.answer(&invite, 180, "").await;
    side.until_call(&call, |kind| {
        matches!(kind, EventKind::Ringing).then_some(())
    })
    .await;
    side.hang_up(&call, HangUpCause::GivenUp);
    raw.until("CANCEL").await;
    raw.answer(&invite, 200, &sdp(AUDIO)).await;
    raw.until("ACK").await;
    let bye = raw.until("BYE").await;
    raw.answer(&bye, 200, "").await;
    let ended = side.ended(&call).await;
    assert_eq!(
        (ended.call_state, ended.detail, ended.answered),
        (26, "given_up", false)
    );
    side.empty().await;
}

#[tokio::test]
async fn a_cancel_waits_for_the_first_provisional_answer() {
    let (mut side, raw) = with_raw().await;
    let call = side.call("c1.1");
    let invite = raw.until("INVITE").await;
    side.hang_up(&call, HangUpCause::GivenUp);
    raw.never("CANCEL", Duration::from_millis(300)).await;
    raw.answer(&invite, 100, "").await;
    let cancel = raw.until("CANCEL").await;
    raw.answer(&cancel, 200, "").await;
    raw.answer(&invite, 487, "").await;
    raw.until("ACK").await;
    assert_eq!(side.ended(&call).await.detail, "given_up");
}

#[tokio::test]
async fn hold_and_resume_are_answered() {
    let (mut side, raw) = with_raw().await;
    let (call, invite) = answered(&mut side, &raw).await;
    for (n, direction, expected) in [
        (1, "sendonly", "recvonly"),
        (2, "inactive", "inactive"),
        (3, "sendrecv", "sendrecv"),
    ] {
        let offer = sdp(&format!("{AUDIO}a={direction}\r\n"));
        raw.request(&invite, "INVITE", n, &offer).await;
        let ok = raw.until("200").await;
        assert!(
            ok.body.contains(&format!("a={expected}\r\n")),
            "{}",
            ok.body
        );
        raw.request(&invite, "ACK", n, "").await;
    }
    raw.request(
        &invite,
        "UPDATE",
        4,
        &sdp(&format!("{AUDIO}a=sendonly\r\n")),
    )
    .await;
    assert!(raw.until("200").await.body.contains("a=recvonly"));
    raw.request(&invite, "INVITE", 5, &sdp("m=audio 39998 RTP/SAVP 0\r\n"))
        .await;
    raw.until("488").await;
    raw.request(&invite, "ACK", 5, "").await;
    raw.request(&invite, "INFO", 6, "").await;
    raw.until("200").await;
    raw.request(&invite, "NOTIFY", 7, "").await;
    assert!(raw.until("405").await.header("Allow").contains("INVITE"));
    raw.request(&invite, "BYE", 3, "").await;
    raw.until("500").await;
    raw.request(&invite, "BYE", 8, "Reason: Q.850;cause=31\r\n")
        .await;
    raw.until("200").await;
    let ended = side.ended(&call).await;
    assert_eq!(
        (ended.by, ended.q850, ended.detail),
        (EndedBy::Remote, Some(31), "normal")
    );
    side.empty().await;
}

#[tokio::test]
async fn early_media_is_reported_before_the_refusal() {
    let (mut side, raw) = with_raw().await;
    let call = side.call("c1.1");
    let invite = raw.until("INVITE").await;
    raw.answer(&invite, 183, &sdp(AUDIO)).await;
    side.until_call(&call, |kind| {
        matches!(kind, EventKind::EarlyMedia).then_some(())
    })
    .await;
    raw.answer(&invite, 486, "Reason: Q.850;cause=17\r\n").await;
    let ended = side.ended(&call).await;
    assert_eq!(
        (ended.call_state, ended.status, ended.q850),
        (6, 486, Some(17))
    );
}

#[tokio::test]
async fn a_trunk_that_asks_for_a_password_gets_it_once() {
    let raw = Raw::start().await;
    let mut config = config(0);
    config.trunks.push(telephony::embedded::Trunk {
        username: "acme".to_owned(),
        password: "secret".to_owned(),
        ..trunk(raw.address)
    });
    let mut side = Side::start(config).await;
    let call = side.call("c1.1");
    let first = raw.until("INVITE").await;
    let challenge = "Proxy-Authenticate: Digest realm=\"carrier\", nonce=\"n1\", qop=\"auth\"\r\n";
    raw.answer(&first, 407, challenge).await;
    raw.until("ACK").await;
    let second = raw.until("INVITE").await;
    assert_eq!(second.header("CSeq"), "2 INVITE");
    assert_ne!(second.header("Via"), first.header("Via"));
    let sent = sip::digest::Credentials::parse(second.header("Proxy-Authorization")).unwrap();
    assert_eq!(
        sip::digest::response(&sent, "secret", "INVITE").as_deref(),
        Some(sent.response.as_str())
    );
    side.dialog(&call).await;
    assert_eq!(side.dialog(&call).await.cseq, 2);
    raw.answer(&second, 407, challenge).await;
    let ended = side.ended(&call).await;
    assert_eq!(
        (ended.call_state, ended.detail, ended.status),
        (4, "configuration", 407)
    );
}

#[tokio::test]
async fn a_second_phone_behind_a_fork_is_hung_up() {
    let (mut side, raw) = with_raw().await;
    let (call, invite) = answered(&mut side, &raw).await;
    let mut other = invite.clone();
    for (name, value) in &mut other.headers {
        if name == "To" {
            value.push_str(";tag=other");
        }
    }
    raw.answer(&other, 200, &sdp(AUDIO)).await;
    let bye = raw.until("BYE").await;
    assert!(bye.header("To").ends_with(";tag=other"));
    raw.answer(&bye, 200, "").await;
    side.hang_up(&call, HangUpCause::Normal);
    let bye = raw.until("BYE").await;
    assert!(bye.header("To").ends_with(";tag=raw"));
}

#[tokio::test]
async fn the_route_of_a_proxy_is_followed() {
    let (mut side, raw) = with_raw().await;
    let call = side.call("c1.1");
    let invite = raw.until("INVITE").await;
    let route = format!("Record-Route: <sip:{};lr>\r\n", raw.address);
    let route = format!("{route}Record-Route: <sip:inner.invalid;lr>\r\n");
    raw.answer(&invite, 200, &format!("{route}{}", sdp(AUDIO)))
        .await;

    let record = side
        .until_call(&call, |kind| match kind {
            EventKind::Dialog(record, _) if record.confirmed => Some(*record),
            _ => None,
        })
        .await;
    let expected = [
        "<sip:inner.invalid;lr>".to_owned(),
        format!("<sip:{};lr>", raw.address),
    ];
    assert_eq!(record.route_set, expected);
}

#[tokio::test]
async fn an_answer_without_usable_media_ends_the_call() {
    let (mut side, raw) = with_raw().await;
    let call = side.call("c1.1");
    let invite = raw.until("INVITE").await;
    raw.answer(&invite, 200, &sdp("m=audio 39998 RTP/AVP 18\r\n"))
        .await;
    let bye = raw.until("BYE").await;
    raw.answer(&bye, 200, "").await;
    let ended = side.ended(&call).await;
    assert_eq!(
        (ended.call_state, ended.detail, ended.status),
        (4, "configuration", 488)
    );
}

#[tokio::test]
async fn requests_that_belong_to_nobody_are_answered() {
    let raw = Raw::start().await;
    let side = Side::start(config(0)).await;
    for (n, method, to_tag, expected) in [
        (1, "OPTIONS", "", "200"),
        (2, "BYE", ";tag=x", "481"),
        (3, "INVITE", ";tag=x", "481"),
        (4, "MESSAGE", "", "405"),
        (5, "CANCEL", "", "481"),
    ] {
        let text = format!(
            "{method} sip:x@{0} SIP/2.0\r\nVia: SIP/2.0/UDP {1};branch=z9hG4bKnobody{n};rport\r\n\
             From: <sip:a@h>;tag=1\r\nTo: <sip:b@h>{to_tag}\r\nCall-ID: n{n}\r\n\
             CSeq: {n} {method}\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
            side.address, raw.address
        );
        raw.send(text.as_bytes(), side.address).await;
        let answer = raw.until(expected).await;
        assert_eq!(answer.header("CSeq"), format!("{n} {method}"));
    }
}

#[tokio::test]
async fn invites_that_cannot_be_served_are_refused_without_an_event() {
    let raw = Raw::start().await;
    let mut side = Side::start(config(0)).await;
    for (n, more, expected) in [
        (1, "Require: 100rel\r\n".to_owned() + &sdp(AUDIO), 420),
        (2, sdp("m=audio 39998 RTP/SAVP 0\r\n"), 488),
        (3, sdp("m=audio 39998 RTP/AVP 18\r\n"), 488),
    ] {
        let (headers, body) = more.split_once("\r\n\r\n").unwrap();
        let text = format!(
            "INVITE sip:x@{0} SIP/2.0\r\nVia: SIP/2.0/UDP {1};branch=z9hG4bKinvite{n};rport\r\n\
             From: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\nCall-ID: i{n}\r\nCSeq: 1 INVITE\r\n\
             Max-Forwards: 70\r\nContact: <sip:a@{1}>\r\n{headers}\r\nContent-Length: {2}\r\n\r\n{body}",
            side.address,
            raw.address,
            body.len()
        );
        raw.send(text.as_bytes(), side.address).await;
        assert_eq!(raw.until(&expected.to_string()).await.status(), expected);
    }
    side.empty().await;
    // the first event of all is that of a call which is served
    let text = format!(
        "INVITE sip:7001@{0} SIP/2.0\r\nVia: SIP/2.0/UDP {1};branch=z9hG4bKlate;rport\r\n\
         From: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\nCall-ID: late\r\nCSeq: 1 INVITE\r\n\
         Max-Forwards: 70\r\nContact: <sip:a@{1}>\r\nContent-Length: 0\r\n\r\n",
        side.address, raw.address
    );
    raw.send(text.as_bytes(), side.address).await;
    let event = side.event().await;
    let telephony::port::Event::Call {
        call,
        kind: EventKind::Incoming { called, .. },
    } = event
    else {
        panic!("{event:?}");
    };
    assert_eq!(called, "7001");
    side.send(telephony::port::Command::Answer { call: call.clone() });
    let ok = raw.until("200").await;
    assert!(ok.body.contains("m=audio"), "an offer of ours: {}", ok.body);
    let to = ok.header("To").to_owned();
    let (_, answer) = sdp(AUDIO)
        .split_once("\r\n\r\n")
        .map(|(h, b)| (h.to_owned(), b.to_owned()))
        .unwrap();
    let ack = format!(
        "ACK sip:7001@{0} SIP/2.0\r\nVia: SIP/2.0/UDP {1};branch=z9hG4bKack;rport\r\n\
         From: <sip:a@h>;tag=1\r\nTo: {to}\r\nCall-ID: late\r\nCSeq: 1 ACK\r\nMax-Forwards: 70\r\n\
         Content-Type: application/sdp\r\nContent-Length: {2}\r\n\r\n{answer}",
        side.address,
        raw.address,
        answer.len()
    );
    raw.send(ack.as_bytes(), side.address).await;
    side.answered(&call).await;
    side.hang_up(&call, HangUpCause::Normal);
    let bye = raw.until("BYE").await;
    raw.answer(&bye, 200, "").await;
    side.empty().await;
}
