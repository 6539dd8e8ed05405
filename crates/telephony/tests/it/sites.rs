//! What real sites bring: strangers, phones behind NAT, hold, codecs, caller identity.

use std::collections::HashMap;
use std::time::Duration;

use media::audio::Clip;
use media::cpd;
use sip::sdp::Codec;
use telephony::embedded::Trunk;
use telephony::port::{
    CallId, CallerId, Command, Destination, Detection, EventKind, HangUpCause, Originate, Repeat,
};

use crate::raw::{AUDIO, Message, Raw, sdp};
use crate::support::{LOOPBACK, Phones, Side, config, media_address, originate, trunk};

/// A request from outside every dialog.
fn request(method: &str, to: &Side, from: &Raw, more: &str) -> String {
    let (server, raw) = (to.address, from.address);
    let body = if method == "INVITE" {
        sdp(AUDIO)
    } else {
        String::new()
    };
    let (headers, body) = body.split_once("\r\n\r\n").unwrap_or(("", ""));
    let headers = if headers.is_empty() {
        String::new()
    } else {
        format!("{headers}\r\n")
    };
    format!(
        "{method} sip:7001@{server} SIP/2.0\r\nVia: SIP/2.0/UDP 10.9.9.9:9;branch=z9hG4bK{method}1;rport\r\n\
         From: <sip:x@{raw}>;tag=1\r\nTo: <sip:7001@{server}>\r\nCall-ID: {method}-{raw}\r\n\
         CSeq: 1 {method}\r\nMax-Forwards: 70\r\n{more}{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn a_call_from_an_unknown_source_is_answered_with_403() {
    let mut closed = config(0);
    closed.allow_sources = Vec::new();
    let mut side = Side::start(closed).await;
    let raw = Raw::start().await;
    let contact = format!("Contact: <sip:x@{}>\r\n", raw.address);
    let invite = request("INVITE", &side, &raw, &contact);
    raw.send(invite.as_bytes(), side.address).await;
    let refused = raw.receive().await;
    assert_eq!(refused.status(), 403);
    assert!(side.ready().is_none(), "nobody hears of it");
    // Its health check is answered all the same, at the address it came from.
    let options = request("OPTIONS", &side, &raw, "");
    raw.send(options.as_bytes(), side.address).await;
    let ok = raw.until("200").await;
    assert!(
        ok.header("Via")
            .contains(&format!("rport={}", raw.address.port()))
    );
    assert!(ok.header("Via").contains("received=127.0.0.1"));
}

#[tokio::test]
async fn trunks_may_call() {
    let raw = Raw::start().await;
    let mut closed = config(0);
    closed.allow_sources = Vec::new();
    closed.trunks.push(trunk(raw.address));
    let mut side = Side::start(closed).await;
    let contact = format!("Contact: <sip:x@{}>\r\n", raw.address);
    let invite = request("INVITE", &side, &raw, &contact);
    raw.send(invite.as_bytes(), side.address).await;
    let (incoming, called, ..) = side.incoming().await;
    assert_eq!(called, "7001");
    side.send(Command::Reject {
        call: incoming,
        status: 404,
        q850: Some(1),
    });
    raw.until("404").await;
}

/// Registers the scripted phone with a contact in a private network.
async fn register(side: &Side, raw: &Raw) {
    let register = |more: &str| {
        request("REGISTER", side, raw, more)
            .replace("sip:7001@127.0.0.1", "sip:7001@test")
            .replace(
                "Max-Forwards",
                "Contact: <sip:7001-0x55@10.1.2.3:5060>;expires=60\r\nMax-Forwards",
            )
    };
    raw.send(register("").as_bytes(), side.address).await;
    let challenge = raw.until("401").await;
    let account = sip::digest::Account {
        username: "7001",
        password: "secret",
        method: "REGISTER",
        uri: "sip:test",
    };
    let answer =
        sip::digest::authorization(challenge.header("WWW-Authenticate"), &account, "abc").unwrap();
    let again = register(&format!("Authorization: {answer}\r\n"))
        .replace("CSeq: 1", "CSeq: 2")
        .replace("z9hG4bKREGISTER1", "z9hG4bKREGISTER2");
    raw.send(again.as_bytes(), side.address).await;
    raw.until("200").await;
}

#[tokio::test]
async fn a_phone_behind_nat_is_called_where_it_registered_from() {
    let phones = Phones(HashMap::from([("7001".to_owned(), "secret".to_owned())]));
    let mut closed = config(0);
    closed.allow_sources = Vec::new();
    let mut side = Side::start_with(closed, phones).await;
    let raw = Raw::start().await;
    register(&side, &raw).await;
    let call = side.originate(Originate {
        destination: Destination::Extension("7001".to_owned()),
        caller_id: CallerId {
            number: "4930555010".to_owned(),
            display_name: String::new(),
        },
        ..originate("c1.1.a1")
    });
    let invite = raw.until("INVITE").await;
    // The Request-URI is the contact as registered, whatever the way there.
    assert!(
        invite.start.contains("sip:7001-0x55@10.1.2.3:5060"),
        "{}",
        invite.start
    );
    assert!(invite.header("From").starts_with("<sip:4930555010@"));
    assert!(
        invite
            .header("P-Asserted-Identity")
            .starts_with("<sip:4930555010@")
    );
    raw.answer(&invite, 486, "").await;
    side.ended(&call).await;
    // A registered phone may call in.
    let contact = "Contact: <sip:7001@10.1.2.3>\r\n";
    let invite = request("INVITE", &side, &raw, contact);
    raw.send(invite.as_bytes(), side.address).await;
    side.incoming().await;
}

async fn identity(caller: CallerId, own: &str) -> Message {
    let raw = Raw::start().await;
    let mut config = config(0);
    config.trunks.push(Trunk {
        caller_id: own.to_owned(),
        ..trunk(raw.address)
    });
    let mut side = Side::start(config).await;
    let call = side.originate(Originate {
        caller_id: caller,
        ..originate("c1.1")
    });
    let invite = raw.until("INVITE").await;
    raw.answer(&invite, 486, "").await;
    side.ended(&call).await;
    invite
}

#[tokio::test]
async fn the_caller_is_the_services_or_the_trunks() {
    let caller = |number: &str, name: &str| CallerId {
        number: number.to_owned(),
        display_name: name.to_owned(),
    };
    for (wanted, own, from, asserted) in [
        (
            caller("493055", "A \"B\""),
            "4930111",
            "\"A \\\"B\\\"\" <sip:493055@127.0.0.1>",
            true,
        ),
        (caller("", ""), "4930111", "<sip:4930111@127.0.0.1>", true),
        (
            caller("", "Shop"),
            "4930111",
            "\"Shop\" <sip:4930111@127.0.0.1>",
            true,
        ),
        (caller("", ""), "", "<sip:ringback@127.0.0.1>", false),
        (
            caller("+49 30\r\nX: y", ""),
            "",
            "<sip:+49%2030%0D%0AX%3A%20y@127.0.0.1>",
            true,
        ),
    ] {
        let invite = identity(wanted, own).await;
        let got = invite.header("From").split(";tag=").next().unwrap();
        assert_eq!(got, from);
        let expected = if asserted { from } else { "" };
        assert_eq!(invite.header("P-Asserted-Identity"), expected);
    }
}

#[tokio::test]
async fn a_trunk_offers_its_codecs_in_its_order() {
    let raw = Raw::start().await;
    let mut config = config(0);
    config.trunks.push(Trunk {
        codecs: vec![Codec::G722, Codec::Pcma],
        ..trunk(raw.address)
    });
    let mut side = Side::start(config).await;
    side.call("c1.1");
    let invite = raw.until("INVITE").await;
    assert!(
        invite.body.contains("RTP/AVP 9 8 101\r\n"),
        "{}",
        invite.body
    );
    raw.answer(&invite, 200, &sdp("m=audio 39998 RTP/AVP 9\r\n"))
        .await;
    side.answered(&CallId::new("c1.1")).await;
}

/// Two calls of one driver to another, over trunks with these codecs.
async fn calls(codecs: [Codec; 2]) -> (Side, Side, [CallId; 2], [CallId; 2]) {
    let mut peer = Side::start(config(0)).await;
    let mut config = config(0);
    for (name, codec) in ["one", "two"].into_iter().zip(codecs) {
        config.trunks.push(Trunk {
            name: name.to_owned(),
            codecs: vec![codec],
            ..trunk(peer.address)
        });
    }
    let mut side = Side::start(config).await;
    let (mut out, mut far) = (Vec::new(), Vec::new());
    for (key, name) in [("c1.1", "one"), ("c1.1.a1", "two")] {
        let call = side.originate(Originate {
            destination: Destination::trunk(name, "1"),
            ..originate(key)
        });
        let (incoming, ..) = peer.incoming().await;
        peer.send(Command::Answer {
            call: incoming.clone(),
        });
        side.answered(&call).await;
        out.push(call);
        far.push(incoming);
    }
    let pair = |calls: Vec<CallId>| -> [CallId; 2] { calls.try_into().unwrap() };
    (side, peer, pair(out), pair(far))
}

#[tokio::test]
async fn a_bridge_between_different_codecs_carries_digits_and_tones() {
    for codecs in [
        [Codec::G722, Codec::Pcmu],
        [Codec::Pcma, Codec::G722],
        [Codec::Pcmu, Codec::Pcma],
        [Codec::G722, Codec::G722],
    ] {
        let (side, mut peer, out, far) = calls(codecs).await;
        side.send(Command::Bridge {
            a: out[0].clone(),
            b: out[1].clone(),
        });
        for digits in ["12", "3#"] {
            peer.send(Command::SendDigits {
                call: far[0].clone(),
                digits: digits.to_owned(),
            });
            for expected in digits.chars() {
                let got = peer
                    .until_call(&far[1], |kind| match kind {
                        EventKind::Digit(digit) => Some(digit),
                        _ => None,
                    })
                    .await;
                assert_eq!(got, expected, "{codecs:?}");
            }
        }
        peer.send(Command::Play {
            call: far[1].clone(),
            token: 1,
            clip: Clip::from_samples(media::tone::tone(&[440.0], 300, -10.0)),
            repeat: Repeat::Forever,
        });
        let before = peer.telephony_received();
        crate::support::eventually("audio comes through", || {
            peer.telephony_received() > before + 50
        })
        .await;
        side.hang_up(&out[0], HangUpCause::Normal);
        side.hang_up(&out[1], HangUpCause::Normal);
        peer.ended(&far[1]).await;
    }
}

#[tokio::test]
async fn a_fax_tone_is_heard_over_g722() {
    let mut peer = Side::start(config(0)).await;
    let mut config = config(0);
    config.trunks.push(Trunk {
        codecs: vec![Codec::G722],
        ..trunk(peer.address)
    });
    let mut side = Side::start(config).await;
    let call = side.originate(Originate {
        detection: Some(Detection {
            early: false,
            settings: cpd::Settings {
                profile: cpd::Profile::Human,
                country: "US".to_owned(),
                silence_ms: 5_000,
                hard_stop_ms: 8_000,
                wait_for_beep: false,
            },
        }),
        ..originate("c1.1")
    });
    let (incoming, ..) = peer.incoming().await;
    peer.send(Command::Answer {
        call: incoming.clone(),
    });
    peer.send(Command::Play {
        call: incoming,
        token: 1,
        clip: Clip::from_samples(media::tone::tone(&[2_100.0], 3_000, -12.0)),
        repeat: Repeat::Once,
    });
    let verdict = side
        .until_call(&call, |kind| match kind {
            EventKind::Verdict(verdict) => Some(verdict),
            _ => None,
        })
        .await;
    assert_eq!(verdict.outcome, cpd::Outcome::Fax);
}

/// An RTP packet of silence.
fn packet(sequence: u16, ssrc: u32) -> Vec<u8> {
    let header = media::rtp::Header {
        payload_type: 0,
        marker: false,
        sequence,
        timestamp: u32::from(sequence) * 160,
        ssrc,
    };
    let mut packet = Vec::new();
    media::rtp::write(header, &[0xFF; 160], &mut packet);
    packet
}

#[tokio::test]
async fn media_goes_where_it_comes_from_and_stops_while_on_hold() {
    let raw = Raw::start().await;
    let mut config = config(0);
    config.trunks.push(trunk(raw.address));
    let mut side = Side::start(config).await;
    let call = side.call("c1.1");
    let invite = raw.until("INVITE").await;
    let port: u16 = invite
        .body
        .lines()
        .find_map(|line| line.strip_prefix("m=audio "))
        .and_then(|rest| rest.split(' ').next())
        .unwrap()
        .parse()
        .unwrap();
    // The phone names an address that nobody can reach; its packets show the true one.
    let socket = tokio::net::UdpSocket::bind((LOOPBACK, 0)).await.unwrap();
    raw.answer(&invite, 200, &sdp("m=audio 9 RTP/AVP 0\r\n"))
        .await;
    raw.until("ACK").await;
    side.answered(&call).await;
    for sequence in 0..5 {
        socket
            .send_to(&packet(sequence, 7), (media_address(), port))
            .await
            .unwrap();
    }
    let mut buffer = [0; 2048];
    let heard =
        |socket: &tokio::net::UdpSocket, buffer: &mut [u8; 2048]| socket.try_recv(buffer).is_ok();
    tokio::time::timeout(Duration::from_secs(5), socket.readable())
        .await
        .expect("media comes back")
        .unwrap();
    // Hold: the holder is sent nothing; resumed: it is again.
    let hold = sdp("m=audio 9 RTP/AVP 0\r\na=sendonly\r\n");
    raw.request(&invite, "INVITE", 1, &hold).await;
    assert!(raw.until("200").await.body.contains("a=recvonly"));
    raw.request(&invite, "ACK", 1, "").await;
    tokio::time::sleep(Duration::from_millis(60)).await;
    while heard(&socket, &mut buffer) {}
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!heard(&socket, &mut buffer), "a held call is sent nothing");
    let resume = sdp("m=audio 9 RTP/AVP 0\r\na=sendrecv\r\n");
    raw.request(&invite, "INVITE", 2, &resume).await;
    raw.until("200").await;
    raw.request(&invite, "ACK", 2, "").await;
    tokio::time::timeout(Duration::from_secs(5), socket.readable())
        .await
        .expect("media comes back after the hold")
        .unwrap();
}

#[tokio::test]
async fn the_other_side_of_a_held_call_hears_silence() {
    let (side, mut peer, out, far) = calls([Codec::Pcmu, Codec::Pcmu]).await;
    side.send(Command::Bridge {
        a: out[0].clone(),
        b: out[1].clone(),
    });
    // Nothing comes from the first any more: the second is sent silence by our own clock.
    peer.hang_up(&far[0], HangUpCause::Normal);
    let before = peer.telephony_received();
    crate::support::eventually("silence is sent", || {
        peer.telephony_received() > before + 20
    })
    .await;
    peer.hang_up(&far[1], HangUpCause::Normal);
    peer.ended(&far[1]).await;
}
