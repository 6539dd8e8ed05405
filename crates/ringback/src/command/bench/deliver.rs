//! `bench deliver`: events of many callbacks through store and sender to a receiver process.
//!
//! What the shard does for a delivery is done here as well: the event and its delivery become
//! durable in one transaction, then they are handed to the sender, which signs them, keeps their
//! order and makes each result durable before the next event of the callback goes out.

mod compare;
mod source;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use engine::notify::Delivery;
use engine::{Secret, SenderConfig};
use serde_json::{Map, Value, json};
use store::{SqliteStore, Store};
use tokio::time::Instant;

use self::source::{EVENTS, Source};
use super::{Goal, Outcome, rounded, subfolder, usage};
use crate::harness::process::Process;
use crate::harness::site::{answer, client};

/// Secret of the signatures; of no use elsewhere.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// Events of one transaction: as many callbacks go on together.
const EVENTS_PER_COMMIT: usize = 64;
/// The same at a fixed rate: smaller, so that the latency is not that of a burst.
const EVENTS_PER_COMMIT_AT_RATE: usize = 8;
/// Longest wait for a child to be ready.
const READY_WITHIN: Duration = Duration::from_secs(20);
/// Longest wait for the rest once no more events are raised.
const DRAIN: Duration = Duration::from_secs(30);

/// Arguments of `bench deliver`.
#[derive(Args, Clone, Debug)]
pub(super) struct DeliverArgs {
    /// How long events are raised
    #[arg(long, default_value_t = 10, value_name = "S", value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Targets that the callbacks are spread over
    #[arg(long, default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=256))]
    targets: u64,
    /// Callbacks that have events at the same time
    #[arg(long, default_value_t = 1024, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    callbacks: u64,
    /// Events per second whatever the deliveries do; 0 = as many as are delivered
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = clap::value_parser!(u64).range(0..=100_000))]
    rate: u64,
    /// Further receivers that take a second for each answer; runs with and without them in turns
    /// and compares the p99 of the others
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = clap::value_parser!(u64).range(0..=16))]
    slow_receivers: u64,
    /// The same with receivers that never answer
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = clap::value_parser!(u64).range(0..=16))]
    dead_receivers: u64,
}

/// Starts a receiver, delivers to it and counts.
pub(super) async fn run(args: &DeliverArgs, dir: &Path) -> anyhow::Result<Outcome> {
    if args.slow_receivers + args.dead_receivers > 0 {
        return compare::run(args, dir).await;
    }
    let before = usage::processor()?;
    let measured = measure(args, &dir.join("run")).await?;
    let processor = (before, usage::processor()?);
    let (goals, result) = judge(args, &measured);
    Ok(Outcome {
        bench: "deliver",
        settings: settings(args),
        seconds: measured.seconds,
        cpu_s: measured.cpu_s,
        peer_cpu_s: measured.figure("cpu_s"),
        processor,
        rss_mb: measured.rss_mb,
        goals,
        result,
    })
}

/// What a run has shown.
struct Measured {
    seconds: f64,
    cpu_s: f64,
    raised_s: f64,
    rss_mb: f64,
    /// For receivers that are measured.
    events: u64,
    /// What the receiver says.
    summary: Value,
}

impl Measured {
    fn figure(&self, name: &str) -> f64 {
        self.summary[name].as_f64().unwrap_or_default()
    }

    fn lost(&self) -> f64 {
        self.events as f64 - self.figure("delivered")
    }

    fn rate(&self) -> f64 {
        self.figure("delivered") / self.seconds
    }
}

/// One run with a receiver and a store of its own.
async fn measure(args: &DeliverArgs, dir: &Path) -> anyhow::Result<Measured> {
    let mut receiver = receiver(&subfolder(dir, "receiver")?)?;
    let ready = receiver.ready(READY_WITHIN).await?;
    let addresses: Vec<&str> = ready["addresses"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let first = *addresses.first().context("address of the receiver")?;
    let path = subfolder(dir, "store")?.join("ringback.db");
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&path)?);
    let config = SenderConfig {
        secret: Secret::parse(SECRET),
        ..SenderConfig::default()
    };
    let delivery = Delivery::start(Arc::clone(&store), config).await?;
    let bad = usize::try_from(args.slow_receivers + args.dead_receivers)?;
    let mut source = Source::new(
        targets(args, &addresses),
        bad,
        usize::try_from(args.callbacks)?,
    );

    let cpu_before_s = usage::cpu_s(std::process::id())?;
    let started = Instant::now();
    raise(args, &mut source, store.as_ref(), &delivery).await?;
    let raised_s = started.elapsed().as_secs_f64();
    let summary = drain(first, source.events).await?;
    let seconds = started.elapsed().as_secs_f64();
    let cpu_s = usage::cpu_s(std::process::id())? - cpu_before_s;
    let rss_mb = usage::rss_mb(std::process::id())?;
    delivery.stop().await;
    store.close().await;
    receiver.stop().await.ok();
    anyhow::ensure!(
        summary["delivered"].is_u64(),
        "the receiver told nothing of use: {summary}"
    );
    Ok(Measured {
        seconds,
        cpu_s,
        raised_s,
        rss_mb,
        events: source.events,
        summary,
    })
}

fn judge(args: &DeliverArgs, measured: &Measured) -> (Vec<Goal>, Map<String, Value>) {
    let summary = &measured.summary;
    let (lost, rate) = (measured.lost(), measured.rate());
    let goal = if args.rate > 0 {
        // An open loop cannot be faster than it is asked to be.
        (args.rate.min(5_000) as f64) * 0.95
    } else {
        5_000.0
    };
    let mut result = Map::new();
    let mut put = |name: &str, value: Value| {
        result.insert(name.to_owned(), value);
    };
    put("events", json!(measured.events));
    put("delivered", summary["delivered"].clone());
    put("rate", json!(rounded(rate)));
    put("lost", json!(lost));
    for name in ["duplicates", "out_of_order", "p50_ms", "p99_ms", "p999_ms"] {
        put(name, summary[name].clone());
    }
    put("wrong_signatures", summary["wrong_signatures"].clone());
    let cpu_us = measured.cpu_s * 1e6 / measured.figure("delivered").max(1.0);
    put("cpu_us_per_delivery", json!(rounded(cpu_us)));
    put("raised_s", json!(rounded(measured.raised_s)));
    let goals = vec![
        Goal::at_least("rate", rate, goal),
        Goal::at_most("lost", lost, 0.0),
        Goal::at_most("out_of_order", measured.figure("out_of_order"), 0.0),
        Goal::at_most("wrong_signatures", measured.figure("wrong_signatures"), 0.0),
    ];
    (goals, result)
}

fn settings(args: &DeliverArgs) -> Value {
    json!({
        "targets": args.targets, "callbacks": args.callbacks,
        "slow_receivers": args.slow_receivers, "dead_receivers": args.dead_receivers,
        "rate": args.rate, "loop": if args.rate > 0 { "open" } else { "closed" },
        "events_per_callback": EVENTS.len(), "signed": true,
        "durable": "event and delivery before it is sent, attempt before the next",
    })
}

fn receiver(dir: &Path) -> anyhow::Result<Process> {
    let words = ["bench", "receive", "--secret", SECRET];
    let words = words.into_iter().map(Into::into).collect();
    Process::start("the receiver", words, dir.join("receiver.log"))
}

/// The targets, spread over the receiver's ports; the bad ones at the end share ports with others,
/// which is harder than to have a port of their own.
fn targets(args: &DeliverArgs, addresses: &[&str]) -> Vec<Arc<str>> {
    let some = |count: u64, path: &'static str| {
        let spread = (0..count).zip(addresses.iter().cycle());
        spread.map(move |(n, address)| Arc::from(format!("http://{address}/{path}/{n}")))
    };
    some(args.targets, "in")
        .chain(some(args.slow_receivers, "slow"))
        .chain(some(args.dead_receivers, "dead"))
        .collect()
}

/// Raises events until the time is over; no faster than they are delivered, or at the given rate.
async fn raise(
    args: &DeliverArgs,
    source: &mut Source,
    store: &dyn Store,
    delivery: &Delivery,
) -> anyhow::Result<()> {
    let started = Instant::now();
    let until = started + Duration::from_secs(args.seconds);
    let waiting_max = usize::try_from(args.callbacks)?;
    let size = if args.rate > 0 {
        EVENTS_PER_COMMIT_AT_RATE
    } else {
        EVENTS_PER_COMMIT
    };
    let mut batches = 0_u64;
    while Instant::now() < until {
        if args.rate > 0 {
            let due_s = (batches * size as u64) as f64 / args.rate as f64;
            tokio::time::sleep_until(started + Duration::from_secs_f64(due_s)).await;
        } else if delivery.held() > waiting_max {
            tokio::time::sleep(Duration::from_millis(1)).await;
            continue;
        }
        let batch = source.batch(size);
        let rows = batch.deliveries.clone();
        store.commit(batch).await?;
        delivery.hand_over(rows);
        batches += 1;
    }
    Ok(())
}

/// Waits until the receiver has everything, or as long as makes sense.
async fn drain(address: &str, events: u64) -> anyhow::Result<Value> {
    let client = client()?;
    let until = Instant::now() + DRAIN;
    loop {
        let request = client.get(format!("http://{address}/summary"));
        let summary = answer(request, "/summary").await?;
        let all = summary["delivered"].as_u64().unwrap_or(0) >= events;
        if all || Instant::now() > until {
            return Ok(summary);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
