//! `bench media`: two-way legs with music or detection against as many phones in another process.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::Args;
use media::audio::{self, Clip};
use media::codec::Codec;
use media::cpd::{Settings, Stage};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Map, Value, json};
use telephony::media_engine::{MediaConfig, MediaEngine, MediaEvent, MediaStats, RemoteMedia};
use telephony::port::{CallId, Repeat};
use tokio::sync::mpsc::{self, Receiver};
use tokio::time::Instant;

use super::{Goal, Outcome, rounded, usage};
use crate::harness::process::Process;

/// Events that wait for this process.
const EVENTS_MAX: usize = 16_384;
/// RTP ports of this process; those of the phones are in [`super::phones`].
const PORTS: RangeInclusive<u16> = 20_000..=39_999;
/// Time between the beginnings of two calls.
const BETWEEN_CALLS: Duration = Duration::from_millis(2);
/// Time for the last packets to arrive and be counted: losses are counted once a second.
const SETTLE: Duration = Duration::from_millis(1_500);
/// Longest wait for the phones to be ready.
const READY_WITHIN: Duration = Duration::from_secs(20);
/// Goal: lateness of all ticks but one in a thousand, ms.
const TICK_MS: f64 = 10.0;
/// Goal: cores.
const CORES_MAX: f64 = 1.0;

/// Arguments of `bench media`.
#[derive(Args, Debug)]
pub(super) struct MediaArgs {
    /// Two-way legs; every second one detects, the others hear music
    #[arg(long, default_value_t = 1_000, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=4_000))]
    calls: u16,
    /// How long they talk
    #[arg(long, default_value_t = 30, value_name = "S", value_parser = clap::value_parser!(u64).range(2..=3600))]
    seconds: u64,
    /// Media threads; 0 = cores - 1
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = clap::value_parser!(u16).range(0..=64))]
    threads: u16,
}

/// A media engine and the legs it has open.
#[derive(Debug)]
pub(super) struct Legs {
    pub(super) engine: MediaEngine,
    pub(super) events: Receiver<MediaEvent>,
    pub(super) calls: Vec<CallId>,
    pub(super) addresses: Vec<SocketAddr>,
}

impl Legs {
    /// Opens so many legs on 127.0.0.1.
    pub(super) fn open(
        count: usize,
        ports: RangeInclusive<u16>,
        threads: usize,
    ) -> anyhow::Result<Self> {
        let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let (sender, events) = mpsc::channel(EVENTS_MAX);
        allow_files()?;
        let config = MediaConfig {
            bind: local,
            advertised: local,
            ports,
            threads,
        };
        let engine = MediaEngine::start(config, sender)?;
        let calls: Vec<CallId> = (0..count).map(|n| CallId::new(n.to_string())).collect();
        let addresses = calls
            .iter()
            .map(|call| engine.open(call))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            engine,
            events,
            calls,
            addresses,
        })
    }

    /// Connects each leg with the one of the same number on the other side.
    pub(super) fn connect(&self, others: &[SocketAddr], send: bool) {
        for (call, address) in self.calls.iter().zip(others) {
            connect(&self.engine, call, *address, send);
        }
    }
}

/// Two sockets a leg need more open files than a shell usually allows.
fn allow_files() -> anyhow::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    setrlimit(Resource::Nofile, raised).context("limit of open files")
}

/// What was used and counted between two moments.
#[derive(Debug)]
struct Span {
    seconds: f64,
    cpu_s: f64,
    peer_cpu_s: f64,
    rss_mb: f64,
    processor: (usage::Processor, usage::Processor),
    verdicts: u64,
}

/// Runs the legs and counts.
pub(super) async fn run(args: &MediaArgs, dir: &Path) -> anyhow::Result<Outcome> {
    let count = usize::from(args.calls);
    let threads = match args.threads {
        0 => std::thread::available_parallelism()
            .map_or(1, usize::from)
            .saturating_sub(1)
            .max(1),
        threads => threads.into(),
    };
    let mut legs = Legs::open(count, PORTS, threads)?;
    let mut phones = phones(&legs.addresses, dir)?;
    let ready = phones.ready(READY_WITHIN).await?;
    let others = addresses(&ready["addresses"])?;
    begin(&legs, &others).await?;
    let span = talk(args, &mut legs, phones.pid()).await?;
    // Nothing more is sent, so what was sent can be compared with what arrived.
    legs.connect(&others, false);
    tokio::time::sleep(SETTLE).await;
    let stats = legs.engine.stats();
    let heard = last(&mut phones)?;
    legs.engine.shutdown();
    phones.stop().await.ok();
    judge(args, threads, &span, &stats, &heard)
}

/// Connects the legs one after the other, as calls come: music on every second one, detection on
/// the others.
async fn begin(legs: &Legs, others: &[SocketAddr]) -> anyhow::Result<()> {
    let music = audio::shipped("next_customer_rep.wav").context("the shipped music")?;
    let kinds = [false, true].into_iter().cycle();
    for ((call, other), detects) in legs.calls.iter().zip(others).zip(kinds) {
        connect(&legs.engine, call, *other, true);
        if detects {
            detect(&legs.engine, call);
        } else {
            play(&legs.engine, call, &music);
        }
        tokio::time::sleep(BETWEEN_CALLS).await;
    }
    Ok(())
}

fn detect(engine: &MediaEngine, call: &CallId) {
    engine.detect(call, Settings::default(), Stage::Answered);
}

fn connect(engine: &MediaEngine, call: &CallId, address: SocketAddr, send: bool) {
    let remote = RemoteMedia {
        address,
        codec: Codec::Pcmu,
        telephone_event: Some(101),
        send,
        receive: true,
    };
    engine.connect(call, remote);
}

/// Lets them talk; detection begins again after each verdict.
async fn talk(args: &MediaArgs, legs: &mut Legs, phones: u32) -> anyhow::Result<Span> {
    let own = std::process::id();
    let (started, processor) = (Instant::now(), usage::processor()?);
    let (cpu_s, peer_s) = (usage::cpu_s(own)?, usage::cpu_s(phones)?);
    let until = started + Duration::from_secs(args.seconds);
    let mut verdicts = 0;
    while let Ok(event) = tokio::time::timeout_at(until, legs.events.recv()).await {
        if let MediaEvent::Verdict { call, .. } = event.context("the media engine ended")? {
            verdicts += 1;
            detect(&legs.engine, &call);
        }
    }
    Ok(Span {
        seconds: started.elapsed().as_secs_f64(),
        cpu_s: usage::cpu_s(own)? - cpu_s,
        peer_cpu_s: usage::cpu_s(phones)? - peer_s,
        rss_mb: usage::rss_mb(own)?,
        processor: (processor, usage::processor()?),
        verdicts,
    })
}

/// Plays for ever.
pub(super) fn play(engine: &MediaEngine, call: &CallId, clip: &Clip) {
    engine.play(call, 1, clip.clone(), Repeat::Forever);
}

fn phones(legs: &[SocketAddr], dir: &Path) -> anyhow::Result<Process> {
    let ports: Vec<String> = legs.iter().map(|a| a.port().to_string()).collect();
    let words = ["bench", "phones", "--ports", &ports.join(",")];
    let words = words.into_iter().map(Into::into).collect();
    Process::start("the phones", words, dir.join("phones.log"))
}

fn addresses(list: &Value) -> anyhow::Result<Vec<SocketAddr>> {
    let list = list.as_array().context("addresses of the phones")?;
    let address = |value: &Value| {
        let text = value
            .as_str()
            .ok_or_else(|| anyhow!("an address is no text"))?;
        Ok(text.parse()?)
    };
    list.iter().map(address).collect()
}

/// What the phones told last.
fn last(phones: &mut Process) -> anyhow::Result<Value> {
    let mut lines = phones.take_lines();
    std::iter::from_fn(|| lines.try_recv().ok())
        .filter(|line| line["event"] == "heard")
        .last()
        .context("the phones told nothing")
}

fn judge(
    args: &MediaArgs,
    threads: usize,
    span: &Span,
    stats: &MediaStats,
    heard: &Value,
) -> anyhow::Result<Outcome> {
    let arrived = heard["received"]
        .as_u64()
        .context("packets of the phones")?;
    // Ours that did not arrive, and theirs that are missing here.
    let lost = stats.rtp_sent.saturating_sub(arrived);
    let cores = span.cpu_s / span.seconds;
    let result = json!({
        "legs": args.calls,
        "sent": stats.rtp_sent,
        "received": stats.rtp_received,
        "lost": lost,
        "missing_here": stats.rtp_lost,
        "tick_p99_ms": rounded(stats.tick_p99_ms),
        "tick_p999_ms": rounded(stats.tick_p999_ms),
        "tick_max_ms": rounded(stats.tick_max_ms),
        "served_p999_ms": rounded(stats.served_p999_ms),
        "late_ticks": stats.late_ticks,
        "cores": rounded(cores),
        "verdicts": span.verdicts,
    });
    let result: Map<String, Value> = match result {
        Value::Object(map) => map,
        _ => Map::new(),
    };
    Ok(Outcome {
        bench: "media",
        settings: json!({
            "calls": args.calls, "seconds": args.seconds, "threads": threads, "codec": "PCMU",
            "music": args.calls.div_ceil(2), "detection": args.calls / 2,
        }),
        seconds: span.seconds,
        cpu_s: span.cpu_s,
        peer_cpu_s: span.peer_cpu_s,
        processor: span.processor,
        rss_mb: span.rss_mb,
        goals: vec![
            Goal::at_most("lost", count(lost), 0.0),
            Goal::at_most("missing_here", count(stats.rtp_lost), 0.0),
            Goal::below("tick_p999_ms", stats.tick_p999_ms, TICK_MS),
            Goal::at_most("cores", cores, CORES_MAX),
        ],
        result,
    })
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
const fn count(packets: u64) -> f64 {
    packets as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_in_their_order() {
        let list = json!(["127.0.0.1:4000", "127.0.0.1:4002"]);
        let ports: Vec<u16> = addresses(&list)
            .unwrap()
            .iter()
            .map(SocketAddr::port)
            .collect();
        assert_eq!(ports, [4_000, 4_002]);
        assert!(addresses(&json!(["nowhere"])).is_err() && addresses(&json!(null)).is_err());
    }
}
