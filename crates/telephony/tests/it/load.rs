//! Many calls to sipp, over UDP and TCP: none fails and nothing is left.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use telephony::embedded::{SipTimers, Transport, Trunk};
use telephony::port::{Event, EventKind, HangUpCause, Telephony};

use crate::sipp::Sipp;
use crate::support::{Side, config, trunk};

/// New calls a second.
const CALLS_A_SECOND: u64 = 100;
/// For so long, s.
const SECONDS: u64 = 2;
/// A call talks so long.
const TALK: Duration = Duration::from_millis(500);

/// Counts of a run.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    answered: u64,
    failed: u64,
    over: u64,
}

/// Places calls at a steady rate and ends each after [`TALK`].
async fn run(side: &mut Side, calls: u64) -> Counts {
    let mut counts = Counts::default();
    let mut ticks = tokio::time::interval(Duration::from_micros(1_000_000 / CALLS_A_SECOND));
    let mut placed = 0;
    let mut talking = HashMap::new();
    while counts.over < calls {
        tokio::select! {
            _ = ticks.tick(), if placed < calls => {
                side.call(&format!("load{placed}.1"));
                placed += 1;
            }
            event = side.event() => {
                let Event::Call { call, kind } = event else {
                    continue;
                };
                match kind {
                    EventKind::Answered { .. } => {
                        counts.answered += 1;
                        talking.insert(call, tokio::time::Instant::now() + TALK);
                    }
                    EventKind::Ended(ended) => {
                        counts.over += 1;
                        counts.failed += u64::from(!ended.answered);
                    }
                    _ => {}
                }
            }
            () = tokio::time::sleep(Duration::from_millis(20)), if !talking.is_empty() => {}
        }
        let now = tokio::time::Instant::now();
        talking.retain(|call, end| {
            let going = *end > now;
            if !going {
                side.hang_up(call, HangUpCause::Normal);
            }
            going
        });
    }
    counts
}

async fn check(transport: Transport, arguments: &[&str]) {
    let Some(sipp) = Sipp::start_with("load_uas.xml", arguments).await else {
        return;
    };
    let mut config = config(0);
    config.timers = SipTimers::default();
    config.trunks.push(Trunk {
        transport,
        ping_every: Duration::from_secs(30),
        ..trunk(sipp.address)
    });
    if transport == Transport::Tcp {
        listens(sipp.address).await;
    }
    let mut side = Side::start(config).await;
    let calls = CALLS_A_SECOND * SECONDS;
    let counts = run(&mut side, calls).await;
    let expected = Counts {
        answered: calls,
        failed: 0,
        over: calls,
    };
    assert_eq!(counts, expected);
    side.empty().await;
    let stats = side.telephony.stats();
    eprintln!(
        "{transport:?}: {calls} calls at {CALLS_A_SECOND}/s, {} legs at once, {} packets, ticks p99 {} ms",
        stats.legs_peak, stats.rtp_sent, stats.tick_p99_ms
    );
    assert_eq!(side.telephony.trunks()[0].calls, 0);
}

/// Waits until a TCP port is open.
async fn listens(address: SocketAddr) {
    for _ in 0..500 {
        if tokio::net::TcpStream::connect(address).await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{address} does not listen");
}

#[tokio::test]
async fn calls_over_udp_are_all_answered_and_leave_nothing_behind() {
    check(Transport::Udp, &["-buff_size", "4194304"]).await;
}

#[tokio::test]
async fn calls_over_tcp_are_all_answered_and_leave_nothing_behind() {
    check(Transport::Tcp, &["-t", "t1"]).await;
}
