//! Mutated datagrams do not stop the driver.

use telephony::port::{Command, Event, EventKind, HangUpCause};

use crate::raw::{AUDIO, Raw, sdp};
use crate::support::{Side, config, trunk};

const DATAGRAMS: usize = 6_000;

/// A small generator with a seed (xorshift), so that a failure can be repeated.
struct Seeded(u64);

impl Seeded {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap() % below
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.next(256)).unwrap()
    }
}

fn seedlings(to: std::net::SocketAddr, from: std::net::SocketAddr) -> Vec<String> {
    let body = sdp(AUDIO);
    let (kind, sdp) = body.split_once("\r\n\r\n").unwrap();
    let mut all = Vec::new();
    for (n, method) in [
        "INVITE", "REGISTER", "OPTIONS", "BYE", "CANCEL", "ACK", "UPDATE", "FOO",
    ]
    .into_iter()
    .enumerate()
    {
        all.push(format!(
            "{method} sip:7001@{to} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bKg{n};rport\r\n\
             From: \"A\" <sip:a@h>;tag=1\r\nTo: <sip:7001@h>\r\nCall-ID: g{n}\r\n\
             CSeq: 1 {method}\r\nMax-Forwards: 70\r\nContact: <sip:a@{from}>;expires=60\r\n\
             Authorization: Digest username=\"7001\", realm=\"test\", nonce=\"n\", uri=\"sip:h\", \
             response=\"0\", qop=auth, nc=00000001, cnonce=\"c\"\r\n\
             Record-Route: <sip:{from};lr>\r\nReason: Q.850;cause=16\r\n{kind}\r\n\
             Content-Length: {}\r\n\r\n{sdp}",
            sdp.len()
        ));
    }
    all.push(format!(
        "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP {to};branch=z9hG4bKg9\r\nFrom: <sip:a@h>;tag=1\r\n\
         To: <sip:b@h>;tag=2\r\nCall-ID: g9\r\nCSeq: 1 INVITE\r\nContact: <sip:b@{from}>\r\n\
         Content-Length: 0\r\n\r\n"
    ));
    all
}

const HOSTILE: [&str; 8] = [
    "[::1",
    ":99999999",
    "%",
    "\r\n\r\n",
    ";tag=",
    "<sip:",
    "\"",
    "z9hG4bK",
];

fn mutate(seedling: &str, random: &mut Seeded) -> Vec<u8> {
    let mut bytes = seedling.as_bytes().to_vec();
    for _ in 0..=random.next(5) {
        if bytes.is_empty() {
            break;
        }
        let at = random.next(bytes.len());
        match random.next(6) {
            0 => bytes[at] = random.byte(),
            1 => drop(bytes.remove(at)),
            2 => bytes.insert(at, random.byte()),
            3 => bytes.truncate(at),
            4 => {
                let text = HOSTILE[random.next(HOSTILE.len())].as_bytes();
                bytes.splice(at..at, text.iter().copied());
            }
            _ => {
                let end = (at + random.next(40)).min(bytes.len());
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
        }
    }
    bytes
}

#[tokio::test]
async fn thousands_of_mutated_datagrams_do_not_stop_the_driver() {
    let raw = Raw::start().await;
    let mut own = config(0);
    let mut peer = Side::start(config(0)).await;
    own.trunks.push(trunk(peer.address));
    let mut side = Side::start(own).await;
    let seedlings = seedlings(side.address, raw.address);
    let mut random = Seeded(0x5EED_0001_2345_6789);
    let mut incoming = 0_u32;
    for n in 0..DATAGRAMS {
        let bytes = mutate(&seedlings[n % seedlings.len()], &mut random);
        raw.send(&bytes, side.address).await;
        if n % 50 == 0 {
            // let the driver take them, and end what became a call
            tokio::task::yield_now().await;
            incoming += reject_all(&mut side);
        }
    }
    // a normal call works afterwards
    let out = side.call("after.1");
    let (call, ..) = peer.incoming().await;
    peer.send(Command::Answer { call: call.clone() });
    loop {
        match side.event().await {
            Event::Call {
                call,
                kind: EventKind::Incoming { .. },
            } => {
                side.send(Command::Reject {
                    call,
                    status: 486,
                    q850: None,
                });
                incoming += 1;
            }
            Event::Call {
                call,
                kind: EventKind::Answered { .. },
            } if call == out => break,
            _ => {}
        }
    }
    side.hang_up(&out, HangUpCause::Normal);
    peer.ended(&call).await;
    incoming += reject_all(&mut side);
    assert!(incoming > 0, "some of them were calls");
    crate::support::eventually("all calls are over", || {
        reject_all(&mut side);
        let stats = telephony::port::Telephony::stats(&*side.telephony);
        stats.legs == 0 && stats.dialogs == 0
    })
    .await;
}

/// Refuses every call that has come in until now.
fn reject_all(side: &mut Side) -> u32 {
    let mut rejected = 0;
    while let Some(event) = side.ready() {
        if let Event::Call {
            call,
            kind: EventKind::Incoming { .. },
        } = event
        {
            side.send(Command::Reject {
                call,
                status: 486,
                q850: None,
            });
            rejected += 1;
        }
    }
    rejected
}
