//! Calls to sipp's ready customers; skipped loudly when sipp or the test data are missing.

use std::io::Write as _;
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use media::codec::Codec;
use media::cpd::{Outcome, Settings, Stage};
use media::tone;
use telephony::port::{Detection, EndedBy, EventKind, HangUpCause, Originate};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::raw::Raw;
use crate::support::{LOOPBACK, Side, config, originate, trunk};

/// Number of tests that are skipped together.
const TESTS: usize = 7;

/// A running sipp with a directory of its own.
pub(crate) struct Sipp {
    _child: Child,
    _directory: TempDir,
    pub(crate) address: SocketAddr,
}

/// Where the scenarios are, or why nothing is tested.
fn scenarios() -> Option<PathBuf> {
    let data = std::env::var_os("RINGBACK_TEST_DATA").map(PathBuf::from);
    let scenarios = data
        .map(|data| data.join("peers/sipp"))
        .filter(|path| path.is_dir());
    let missing = match scenarios {
        Some(_) if Path::new("/usr/bin/sipp").exists() => return scenarios,
        Some(_) => "the program sipp (Debian package sip-tester)",
        None => "the directory peers/sipp under RINGBACK_TEST_DATA",
    };
    skipped(&format!(
        "{TESTS} tests of telephony against sipp need {missing}"
    ));
    None
}

/// Says that tests are skipped, where the gate counts them too.
fn skipped(line: &str) {
    eprintln!("SKIPPED: {line}");
    if let Some(path) = std::env::var_os("RINGBACK_SKIPPED_LOG") {
        let file = std::fs::File::options()
            .create(true)
            .append(true)
            .open(path);
        writeln!(file.unwrap(), "{line}").unwrap();
    }
}

fn free_port() -> u16 {
    let socket = UdpSocket::bind(SocketAddr::new(LOOPBACK, 0)).unwrap();
    socket.local_addr().unwrap().port()
}

fn write_audio(directory: &Path, name: &str, samples: &[i16]) {
    let mut bytes = Vec::new();
    Codec::Pcmu.encode(samples, &mut bytes);
    std::fs::write(directory.join(name), bytes).unwrap();
}

impl Sipp {
    async fn start(scenario: &str) -> Option<Self> {
        Self::start_with(scenario, &[]).await
    }

    /// With further arguments, e.g. `-t t1` for TCP.
    pub(crate) async fn start_with(scenario: &str, more: &[&str]) -> Option<Self> {
        let file = scenarios()?.join(scenario);
        let directory = TempDir::new().unwrap();
        let mut hello = tone::voice(600, -15.0, 1);
        hello.extend(tone::silence(3_400));
        write_audio(directory.path(), "hello.ulaw", &hello);
        write_audio(directory.path(), "early.ulaw", &tone::busy(1_000));
        let port = free_port();
        let child = Command::new("/usr/bin/sipp")
            .arg("-sf")
            .arg(file)
            .args(["-i", "127.0.0.1", "-mi", "127.0.0.1", "-nostdin"])
            .args(["-p", &port.to_string(), "-mp", &free_port().to_string()])
            .args(more)
            .current_dir(directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let address = SocketAddr::new(LOOPBACK, port);
        if !more.contains(&"t1") {
            ready(address).await;
        }
        Some(Self {
            _child: child,
            _directory: directory,
            address,
        })
    }
}

/// Asks with OPTIONS until sipp answers.
async fn ready(address: SocketAddr) {
    let raw = Raw::start().await;
    for n in 0..100 {
        let text = format!(
            "OPTIONS sip:{address} SIP/2.0\r\nVia: SIP/2.0/UDP {0};branch=z9hG4bKready{n}\r\n\
             From: <sip:t@{0}>;tag=t\r\nTo: <sip:{address}>\r\nCall-ID: ready{n}\r\n\
             CSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
            raw.address
        );
        raw.send(text.as_bytes(), address).await;
        if tokio::time::timeout(Duration::from_millis(100), raw.until("200"))
            .await
            .is_ok()
        {
            return;
        }
    }
    panic!("sipp does not answer");
}

async fn caller(sipp: &Sipp) -> Side {
    let mut config = config(0);
    config.timers = telephony::embedded::SipTimers::default();
    config.trunks.push(trunk(sipp.address));
    Side::start(config).await
}

fn detecting(early: bool) -> Originate {
    let settings = Settings::default();
    Originate {
        detection: Some(Detection { early, settings }),
        ..originate("c1.1")
    }
}

#[tokio::test]
async fn a_human_answers_and_is_recognised() {
    let Some(sipp) = Sipp::start("customer_human.xml").await else {
        return;
    };
    let mut side = caller(&sipp).await;
    let call = side.originate(detecting(true));
    side.until_call(&call, |kind| {
        matches!(kind, EventKind::Ringing).then_some(())
    })
    .await;
    assert!(!side.answered(&call).await);
    let verdict = side
        .until_call(&call, |kind| match kind {
            EventKind::Verdict(verdict) => Some(verdict),
            _ => None,
        })
        .await;
    assert_eq!(
        (verdict.stage, verdict.outcome),
        (Stage::Answered, Outcome::Human),
        "{verdict:?}"
    );
    side.hang_up(&call, HangUpCause::Normal);
    let ended = side.ended(&call).await;
    assert!(ended.answered && ended.by == EndedBy::Local);
    side.empty().await;
}

#[tokio::test]
async fn a_busy_customer_is_busy() {
    let Some(sipp) = Sipp::start("customer_busy.xml").await else {
        return;
    };
    let mut side = caller(&sipp).await;
    let call = side.call("c1.1");
    let ended = side.ended(&call).await;
    assert_eq!(
        (ended.call_state, ended.detail, ended.q850),
        (6, "busy", Some(17))
    );
    side.empty().await;
}

#[tokio::test]
async fn a_customer_who_does_not_answer_is_cancelled() {
    let Some(sipp) = Sipp::start("customer_noanswer.xml").await else {
        return;
    };
    let mut side = caller(&sipp).await;
    let call = side.originate(Originate {
        ring_timeout: Duration::from_secs(1),
        ..originate("c1.1")
    });
    let ended = side.ended(&call).await;
    assert_eq!(
        (ended.call_state, ended.detail, ended.status),
        (7, "no_answer", 487)
    );
    side.empty().await;
}

#[tokio::test]
async fn a_customer_who_declines_is_rejected() {
    let Some(sipp) = Sipp::start("customer_decline.xml").await else {
        return;
    };
    let mut side = caller(&sipp).await;
    let call = side.call("c1.1");
    let ended = side.ended(&call).await;
    assert_eq!(
        (ended.call_state, ended.status, ended.q850),
        (5, 603, Some(21))
    );
    side.empty().await;
}

#[tokio::test]
async fn busy_tone_before_the_answer_is_heard_and_the_call_given_up() {
    let Some(sipp) = Sipp::start("customer_early.xml").await else {
        return;
    };
    let mut side = caller(&sipp).await;
    let call = side.originate(detecting(true));
    side.until_call(&call, |kind| {
        matches!(kind, EventKind::EarlyMedia).then_some(())
    })
    .await;
    let verdict = side
        .until_call(&call, |kind| match kind {
            EventKind::Verdict(verdict) => Some(verdict),
            EventKind::Ended(ended) => panic!("no verdict before the end: {ended:?}"),
            _ => None,
        })
        .await;
    assert_eq!(
        (verdict.stage, verdict.outcome),
        (Stage::Early, Outcome::Busy),
        "{verdict:?}"
    );
    side.hang_up(&call, HangUpCause::GivenUp);
    let ended = side.ended(&call).await;
    assert_eq!((ended.call_state, ended.status), (26, 487));
    side.empty().await;
}
