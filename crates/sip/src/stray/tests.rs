//! Tests of what the stack would drop.

use super::*;

const ALLOW: &str = "INVITE, BYE";

fn source() -> SocketAddr {
    "192.0.2.7:4711".parse().unwrap()
}

fn message(start: &str, change: impl Fn(&str) -> String) -> String {
    let method = start.split(' ').next().unwrap_or_default();
    let lines = [
        "Via: SIP/2.0/UDP 10.0.0.1:5070;branch=z9hG4bK1;rport".to_owned(),
        "Via: SIP/2.0/UDP 10.0.0.2;branch=z9hG4bK0".to_owned(),
        "From: \"A; B\" <sip:a@h>;tag=1".to_owned(),
        "To: <sip:b@h>".to_owned(),
        "Call-ID: c1".to_owned(),
        format!("CSeq: 7 {method}"),
        "Content-Length: 0".to_owned(),
    ];
    let lines: Vec<String> = lines.iter().map(|line| change(line)).collect();
    let lines: Vec<&str> = lines
        .iter()
        .map(String::as_str)
        .filter(|l| !l.is_empty())
        .collect();
    format!("{start}\r\n{}\r\n\r\n", lines.join("\r\n"))
}

fn judged(text: &str) -> Judgement {
    judge(text.as_bytes(), source(), ALLOW, |uri| !uri.contains('<'))
}

fn status(text: &str) -> Option<u16> {
    match judged(text) {
        Judgement::Pass => Some(0),
        Judgement::Refuse(refusal) => Some(refusal.status),
        Judgement::Drop => None,
    }
}

fn plain(start: &str) -> String {
    message(start, str::to_owned)
}

#[test]
fn known_methods_and_answers_pass() {
    for method in KNOWN {
        let text = plain(&format!("{method} sip:b@h SIP/2.0"));
        assert_eq!(judged(&text), Judgement::Pass, "{method}");
    }
    assert_eq!(judged("SIP/2.0 200 OK\r\nX: y\r\n\r\n"), Judgement::Pass);
    let compact = "BYE sip:b@h SIP/2.0\r\nv: SIP/2.0/UDP h;branch=z9hG4bK2\r\nf: <sip:a@h>\r\n ;tag=1\r\n\
                   t: <sip:b@h>;tag=2\r\ni: c\r\nCSeq:\r\n 1\r\n BYE\r\nl: 0\r\n\r\n";
    assert_eq!(judged(compact), Judgement::Pass);
}

#[test]
fn a_method_nobody_knows_is_answered_with_501_and_allow() {
    let Judgement::Refuse(refusal) = judged(&plain("KDMQ sip:b@h SIP/2.0")) else {
        panic!("an answer");
    };
    let text = String::from_utf8(refusal.bytes).unwrap();
    let tag = text.split("To: <sip:b@h>;tag=").nth(1).unwrap();
    let tag = tag.get(..16).unwrap();
    let expected = format!(
        "SIP/2.0 501 Not Implemented\r\n\
         Via: SIP/2.0/UDP 10.0.0.1:5070;branch=z9hG4bK1;rport=4711;received=192.0.2.7\r\n\
         Via: SIP/2.0/UDP 10.0.0.2;branch=z9hG4bK0\r\n\
         From: \"A; B\" <sip:a@h>;tag=1\r\nTo: <sip:b@h>;tag={tag}\r\nCall-ID: c1\r\n\
         CSeq: 7 KDMQ\r\nAllow: INVITE, BYE\r\nContent-Length: 0\r\n\r\n"
    );
    assert_eq!(text, expected);
    assert_eq!(refusal.to, source());
    // A repetition gets the same answer.
    let Judgement::Refuse(again) = judged(&plain("KDMQ sip:b@h SIP/2.0")) else {
        panic!("an answer");
    };
    assert_eq!(again.bytes, text.into_bytes());
}

#[test]
fn without_rport_the_answer_goes_to_the_port_of_the_via() {
    for (via, port) in [
        ("Via: SIP/2.0/UDP 10.0.0.1:5070;branch=z9hG4bK1", 5_070),
        ("Via: SIP/2.0/UDP [2001:db8::1]:5071;branch=z9hG4bK1", 5_071),
        ("Via: SIP/2.0/UDP [2001:db8::1];branch=z9hG4bK1", 5_060),
        (
            "Via: SIP/2.0/UDP host;branch=z9hG4bK1, SIP/2.0/TCP x",
            5_060,
        ),
    ] {
        let text = message("PING sip:b@h SIP/2.0", |line| {
            if line.contains("rport") { via } else { line }.to_owned()
        });
        let Judgement::Refuse(refusal) = judged(&text) else {
            panic!("an answer to {via}");
        };
        assert_eq!(refusal.to, SocketAddr::new(source().ip(), port), "{via}");
    }
}

#[test]
fn what_is_malformed_is_answered_where_that_is_possible() {
    let without = |name: &str| {
        message("INVITE sip:b@h SIP/2.0", |line| {
            if line.starts_with(name) { "" } else { line }.to_owned()
        })
    };
    let with = |name: &str, value: &str| {
        message("INVITE sip:b@h SIP/2.0", |line| {
            if line.starts_with(name) { value } else { line }.to_owned()
        })
    };
    for (text, expected) in [
        (plain("INVITE sip:b@h SIP/3.0"), Some(505)),
        (plain("INVITE sip:b@h"), Some(400)),
        (plain("INVITE  sip:b@h SIP/2.0"), Some(400)),
        (plain("INVITE <sip:b@h> SIP/2.0"), Some(400)),
        (plain("INVITE mailto:b@h SIP/2.0"), Some(416)),
        (plain("INVITE tel:+4930 SIP/2.0"), Some(0)),
        (without("From"), Some(400)),
        (with("From", "From: <sip:a@h>"), Some(400)),
        (without("To"), Some(400)),
        (without("Call-ID"), Some(400)),
        (without("CSeq"), Some(400)),
        (with("CSeq", "CSeq: 1 BYE"), Some(400)),
        (with("CSeq", "CSeq: 2147483648 INVITE"), Some(400)),
        (with("CSeq", "CSeq: x INVITE"), Some(400)),
        (with("Content-Length", "Content-Length: 1"), Some(400)),
        (with("Content-Length", "Content-Length: -1"), Some(400)),
        (without("Content-Length"), Some(0)),
        (without("Via"), Some(0)),
        (with("From", "").replace("Via", "Y"), None),
        (plain("ACK sip:b@h SIP/3.0"), None),
        (plain("\u{1}\u{2} sip:b@h SIP/2.0"), None),
        ("KDMQ sip:b@h SIP/2.0\r\nCall-ID: c".to_owned(), None),
    ] {
        assert_eq!(status(&text), expected, "{text}");
    }
}

#[test]
fn an_answer_does_not_grow_beyond_its_limit() {
    let text = message("KDMQ sip:b@h SIP/2.0", |line| {
        line.replace("c1", &"c".repeat(5_000))
    });
    assert_eq!(judged(&text), Judgement::Drop);
}

#[test]
fn letters_of_other_codes_are_replaced_in_the_head_alone() {
    let mut message = b"INVITE x\r\nFrom: \"M\xFCller \xE2\x82\xAC \xE2\"\r\n\r\n\xFC".to_vec();
    repair(&mut message);
    let expected = b"INVITE x\r\nFrom: \"M?ller \xE2\x82\xAC ?\"\r\n\r\n\xFC";
    assert_eq!(message, expected);
    let mut all = [0xFF; 5];
    repair(&mut all);
    assert_eq!(all, *b"?????");
    repair(&mut []);
}
