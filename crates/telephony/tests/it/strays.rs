//! Requests that fit nowhere, each from a raw UDP socket: every one is answered as RFC 3261 says.

use telephony::port::{Command, EventKind};

use crate::raw::{AUDIO, Message, Raw, sdp};
use crate::support::{Side, config, trunk};

/// A request outside every call of ours; a To tag names a dialog that nobody knows.
struct Stray<'a> {
    method: &'a str,
    to_tag: &'a str,
    /// Header lines and perhaps a body.
    more: &'a str,
    /// Makes branch and Call-ID its own.
    n: usize,
}

impl<'a> Stray<'a> {
    fn new(n: usize, method: &'a str) -> Self {
        Self {
            method,
            to_tag: "",
            more: "",
            n,
        }
    }

    fn text(&self, side: &Side, raw: &Raw) -> String {
        let (headers, body) = self.more.split_once("\r\n\r\n").unwrap_or((self.more, ""));
        let headers = headers.trim_end();
        let separator = if headers.is_empty() { "" } else { "\r\n" };
        let Self {
            method, to_tag, n, ..
        } = self;
        format!(
            "{method} sip:7001@{0} SIP/2.0\r\nVia: SIP/2.0/UDP {1};branch=z9hG4bKstray{n};rport\r\n\
             From: <sip:a@h>;tag=1\r\nTo: <sip:b@h>{to_tag}\r\nCall-ID: stray{n}\r\n\
             CSeq: {n} {method}\r\nMax-Forwards: 70\r\nContact: <sip:a@{1}>\r\n\
             {headers}{separator}Content-Length: {2}\r\n\r\n{body}",
            side.address,
            raw.address,
            body.len()
        )
    }

    async fn send(&self, side: &Side, raw: &Raw) -> Message {
        raw.send(self.text(side, raw).as_bytes(), side.address)
            .await;
        loop {
            let answer = raw.receive().await;
            if answer.start.starts_with("SIP/2.0 100") {
                continue;
            }
            assert_eq!(answer.header("CSeq"), format!("{} {}", self.n, self.method));
            if self.method == "INVITE" {
                self.acknowledge(&answer, side, raw).await;
            }
            return answer;
        }
    }

    async fn acknowledge(&self, answer: &Message, side: &Side, raw: &Raw) {
        let n = self.n;
        let text = format!(
            "ACK sip:7001@{0} SIP/2.0\r\nVia: SIP/2.0/UDP {1};branch=z9hG4bKstray{n};rport\r\n\
             From: <sip:a@h>;tag=1\r\nTo: {2}\r\nCall-ID: stray{n}\r\nCSeq: {n} ACK\r\n\
             Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
            side.address,
            raw.address,
            answer.header("To")
        );
        raw.send(text.as_bytes(), side.address).await;
    }
}

/// Still alive: a health check is answered.
async fn goes_on(side: &Side, raw: &Raw) {
    let ok = Stray::new(999, "OPTIONS").send(side, raw).await;
    assert_eq!(ok.status(), 200);
    side.empty().await;
}

#[tokio::test]
async fn a_method_nobody_knows_is_not_implemented() {
    let (raw, side) = (Raw::start().await, Side::start(config(0)).await);
    for (n, method, to_tag) in [(1, "KDMQ", ""), (2, "PING", ";tag=x"), (3, "invite2", "")] {
        let stray = Stray {
            to_tag,
            ..Stray::new(n, method)
        };
        let answer = stray.send(&side, &raw).await;
        assert_eq!(answer.status(), 501);
        assert!(answer.header("Allow").contains("INVITE"));
        let port = format!("rport={};received=127.0.0.1", raw.address.port());
        assert!(answer.header("Via").ends_with(&port), "{answer:?}");
        let tag = answer.header("To").to_owned();
        assert!(tag.contains(";tag="));
        let again = stray.send(&side, &raw).await;
        assert_eq!(again.header("To"), tag, "a repetition has the same answer");
    }
    goes_on(&side, &raw).await;
}

#[tokio::test]
async fn methods_we_know_and_do_not_serve_are_not_allowed() {
    let (raw, side) = (Raw::start().await, Side::start(config(0)).await);
    for (n, method) in ["MESSAGE", "PUBLISH", "REFER", "SUBSCRIBE"]
        .into_iter()
        .enumerate()
    {
        let answer = Stray::new(n + 1, method).send(&side, &raw).await;
        assert_eq!(answer.status(), 405, "{method}");
        let allow = answer.header("Allow");
        assert!(allow.contains("OPTIONS") && !allow.contains(method));
    }
    goes_on(&side, &raw).await;
}

#[tokio::test]
async fn requests_of_unknown_dialogs_have_no_call() {
    let (raw, side) = (Raw::start().await, Side::start(config(0)).await);
    let offer = sdp(AUDIO);
    for (n, method, to_tag, more) in [
        (1, "BYE", ";tag=x", ""),
        (2, "INVITE", ";tag=x", offer.as_str()),
        (3, "UPDATE", ";tag=x", ""),
        (4, "INFO", ";tag=x", ""),
        (5, "NOTIFY", ";tag=x", "Event: refer\r\n"),
        (6, "PRACK", ";tag=x", "RAck: 1 1 INVITE\r\n"),
        (7, "REFER", ";tag=x", "Refer-To: <sip:c@h>\r\n"),
        (8, "BYE", "", ""),
        (9, "UPDATE", "", ""),
        (10, "INFO", "", ""),
        (11, "NOTIFY", "", ""),
        (12, "CANCEL", "", ""),
    ] {
        let stray = Stray {
            method,
            to_tag,
            more,
            n,
        };
        let answer = stray.send(&side, &raw).await;
        assert_eq!(answer.status(), 481, "{method}{to_tag}");
    }
    goes_on(&side, &raw).await;
}

#[tokio::test]
async fn a_health_check_says_what_we_take() {
    let (raw, side) = (Raw::start().await, Side::start(config(0)).await);
    let answer = Stray::new(1, "OPTIONS").send(&side, &raw).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(
        answer.header("Allow"),
        "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE"
    );
    assert_eq!(answer.header("Accept"), "application/sdp");
}

#[tokio::test]
async fn options_that_we_do_not_have_are_named() {
    let (raw, side) = (Raw::start().await, Side::start(config(0)).await);
    let offer = sdp(AUDIO);
    for (n, method, required, named) in [
        (1, "INVITE", "100rel", "100rel"),
        (2, "INVITE", "timer, foo , bar", "foo, bar"),
        (3, "OPTIONS", "timer", "timer"),
        (4, "REGISTER", "outbound", "outbound"),
        (5, "MESSAGE", "foo", "foo"),
    ] {
        let more = format!("Require: {required}\r\n{offer}");
        let stray = Stray {
            more: &more,
            ..Stray::new(n, method)
        };
        let answer = stray.send(&side, &raw).await;
        assert_eq!(answer.status(), 420, "{method}");
        assert_eq!(answer.header("Unsupported"), named);
    }
    // What we do have goes on to the challenge.
    let stray = Stray {
        more: "Require: path\r\n",
        ..Stray::new(6, "REGISTER")
    };
    assert_eq!(stray.send(&side, &raw).await.status(), 401);
    goes_on(&side, &raw).await;
}

#[tokio::test]
async fn bodies_that_we_cannot_read_are_refused_with_what_we_can() {
    let (raw, side) = (Raw::start().await, Side::start(config(0)).await);
    for (n, more, header, value) in [
        (
            1,
            "Content-Type: text/plain\r\n\r\nhello",
            "Accept",
            "application/sdp",
        ),
        (
            2,
            "Content-Type: multipart/mixed;boundary=x\r\n\r\n--x--",
            "Accept",
            "application/sdp",
        ),
        (
            3,
            "Content-Type: application/sdp\r\nContent-Encoding: gzip\r\n\r\nzip",
            "Accept-Encoding",
            "identity",
        ),
    ] {
        let stray = Stray {
            more,
            ..Stray::new(n, "INVITE")
        };
        let answer = stray.send(&side, &raw).await;
        assert_eq!(answer.status(), 415, "{more}");
        assert_eq!(answer.header(header), value);
    }
    goes_on(&side, &raw).await;
}

#[tokio::test]
async fn a_body_that_may_be_left_aside_is() {
    let (raw, mut side) = (Raw::start().await, Side::start(config(0)).await);
    let stray = Stray {
        more: "Content-Type: text/plain\r\nContent-Disposition: render;handling=optional\r\n\r\nhi",
        ..Stray::new(1, "INVITE")
    };
    raw.send(stray.text(&side, &raw).as_bytes(), side.address)
        .await;
    let (call, ..) = side.incoming().await;
    side.send(Command::Reject {
        call,
        status: 486,
        q850: None,
    });
    raw.until("486").await;
}

#[tokio::test]
async fn requests_inside_a_call_are_checked_and_the_call_goes_on() {
    let raw = Raw::start().await;
    let mut config = config(0);
    config.trunks.push(trunk(raw.address));
    let mut side = Side::start(config).await;
    let call = side.call("c1.1");
    let invite = raw.until("INVITE").await;
    raw.answer(&invite, 200, &sdp(AUDIO)).await;
    raw.until("ACK").await;
    side.answered(&call).await;
    let offer = sdp(AUDIO);
    let required = format!("Require: foo\r\n{offer}");
    for (cseq, method, more, expected) in [
        (1, "INVITE", required.as_str(), 420),
        (2, "UPDATE", "Require: foo\r\n", 420),
        (3, "INVITE", "Content-Type: text/plain\r\n\r\nhi", 415),
        (
            4,
            "INFO",
            "Content-Type: application/dtmf-relay\r\n\r\nSignal=5",
            415,
        ),
        (5, "INFO", "", 200),
        (6, "OPTIONS", "", 200),
        (7, "REFER", "Refer-To: <sip:c@h>\r\n", 405),
        (8, "KDMQ", "", 501),
        (9, "INVITE", offer.as_str(), 200),
    ] {
        raw.request(&invite, method, cseq, more).await;
        let answer = raw.until(&expected.to_string()).await;
        assert_eq!(answer.header("CSeq"), format!("{cseq} {method}"));
        if method == "INVITE" {
            raw.request(&invite, "ACK", cseq, "").await;
        }
    }
    // An end is an end, whatever it demands.
    raw.request(&invite, "BYE", 10, "Require: foo\r\n").await;
    raw.until("200").await;
    assert!(side.ended(&call).await.answered);
    side.empty().await;
}

#[tokio::test]
async fn a_call_that_comes_two_ways_at_once_is_taken_once() {
    let (raw, mut side) = (Raw::start().await, Side::start(config(0)).await);
    let offer = sdp(AUDIO);
    let stray = Stray {
        more: &offer,
        ..Stray::new(1, "INVITE")
    };
    let first = stray.text(&side, &raw);
    raw.send(first.as_bytes(), side.address).await;
    let (call, ..) = side.incoming().await;
    // The same call over another branch of a proxy.
    let second = first.replace("z9hG4bKstray1", "z9hG4bKstray1b");
    raw.send(second.as_bytes(), side.address).await;
    let merged = raw.until("482").await;
    assert!(merged.header("Via").contains("stray1b"));
    // A repetition over the first branch is none.
    raw.send(first.as_bytes(), side.address).await;
    side.send(Command::Reject {
        call,
        status: 486,
        q850: None,
    });
    let refused = raw.until("486").await;
    stray.acknowledge(&refused, &side, &raw).await;
    side.empty().await;
    // Tried again one after the other, as a proxy does that knows one place only.
    let again = async {
        for n in 0.. {
            let third = first.replace("z9hG4bKstray1", &format!("z9hG4bKagain{n}"));
            raw.send(third.as_bytes(), side.address).await;
            if raw.receive().await.start.starts_with("SIP/2.0 100") {
                return;
            }
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(4), again)
        .await
        .expect("the first one is over some time");
}

#[tokio::test]
async fn a_call_of_ours_that_comes_back_is_a_loop() {
    let raw = Raw::start().await;
    let mut config = config(0);
    config.trunks.push(trunk(raw.address));
    let mut side = Side::start(config).await;
    let call = side.call("c1.1");
    let invite = raw.until("INVITE").await;
    let text = format!(
        "{}\r\nVia: SIP/2.0/UDP {};branch=z9hG4bKloop;rport\r\nVia: {}\r\nFrom: {}\r\nTo: {}\r\n\
         Call-ID: {}\r\nCSeq: {}\r\nMax-Forwards: 69\r\nContact: {}\r\nContent-Length: 0\r\n\r\n",
        invite.start,
        raw.address,
        invite.header("Via"),
        invite.header("From"),
        invite.header("To"),
        invite.header("Call-ID"),
        invite.header("CSeq"),
        invite.header("Contact"),
    );
    raw.send(text.as_bytes(), side.address).await;
    let looped = raw.until("482").await;
    raw.answer(&invite, 482, "").await;
    assert!(looped.header("Via").contains("z9hG4bKloop"));
    let ended = side.ended(&call).await;
    assert_eq!((ended.call_state, ended.detail), (4, "configuration"));
    side.empty().await;
}

#[tokio::test]
async fn malformed_requests_are_answered_and_the_driver_goes_on() {
    let (raw, mut side) = (Raw::start().await, Side::start(config(0)).await);
    let offer = sdp(AUDIO);
    let stray = Stray {
        more: &offer,
        ..Stray::new(1, "INVITE")
    };
    let good = stray.text(&side, &raw);
    for (from, to, expected) in [
        ("SIP/2.0\r\nVia", "SIP/7.0\r\nVia", 505),
        (" SIP/2.0\r\nVia", "\r\nVia", 400),
        ("INVITE sip", "INVITE <sip", 400),
        ("INVITE sip:", "INVITE mailto:", 416),
        ("From:", "Form:", 400),
        (";tag=1\r\n", "\r\n", 400),
        ("To: ", "X: ", 400),
        ("Call-ID: ", "X: ", 400),
        ("CSeq: 1 INVITE", "CSeq: 1 BYE", 400),
        ("CSeq: 1 INVITE", "CSeq: 4294967296 INVITE", 400),
        ("Content-Length: ", "Content-Length: 9", 400),
        ("Content-Length: ", "Content-Length: -", 400),
    ] {
        assert!(good.contains(from), "{from}");
        let bad = good.replacen(from, to, 1);
        raw.send(bad.as_bytes(), side.address).await;
        assert_eq!(raw.receive().await.status(), expected, "{bad}");
    }
    // Nobody could say where an answer should go.
    for bad in [
        good.replace("Via:", "Vi:"),
        good.replace("\r\n\r\n", "\r\n"),
        "\u{0}\u{1}\u{2}".repeat(100),
        "INVITE".to_owned(),
    ] {
        raw.send(bad.as_bytes(), side.address).await;
    }
    goes_on(&side, &raw).await;
    assert!(side.ready().is_none(), "nobody hears of it");
}

#[tokio::test]
async fn a_display_name_in_another_code_does_not_cost_the_call() {
    let (raw, mut side) = (Raw::start().await, Side::start(config(0)).await);
    let offer = sdp(AUDIO);
    let stray = Stray {
        more: &offer,
        ..Stray::new(1, "INVITE")
    };
    let text = stray
        .text(&side, &raw)
        .replace("From: ", "From: \"M~ller\" ");
    let bytes: Vec<u8> = text
        .bytes()
        .map(|b| if b == b'~' { 0xFC } else { b })
        .collect();
    raw.send(&bytes, side.address).await;
    let event = side.event().await;
    let telephony::port::Event::Call {
        kind: EventKind::Incoming { calling, .. },
        ..
    } = event
    else {
        panic!("{event:?}");
    };
    assert_eq!(calling, "a");
}
