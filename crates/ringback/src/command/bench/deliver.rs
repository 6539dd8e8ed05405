//! `bench deliver`: events of many callbacks through store and sender to a receiver process.
//!
//! What the shard does for a delivery is done here as well: the event and its delivery become
//! durable in one transaction, then they are handed to the sender, which signs them, keeps their
//! order and makes each result durable before the next event of the callback goes out.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use callback::record::State;
use callback::{CallbackId, Timestamp};
use clap::Args;
use engine::notify::Delivery;
use engine::{Secret, SenderConfig};
use serde_json::{Map, Value, json};
use store::{Batch, DeliveryExtra, DeliveryRow, DeliveryState, EventRow, SqliteStore, Store};
use tokio::time::Instant;

use super::{Goal, Outcome, rounded, subfolder, usage};
use crate::clock::wall_us;
use crate::harness::process::Process;
use crate::harness::site::{answer, client};

/// Secret of the signatures; of no use elsewhere.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// Events of one callback, as in a successful one with the default set.
const EVENTS: &[&str] = &[
    "_cbe_on_service_create",
    "_cbe_on_virtual_ixn_create",
    "_cbe_on_dial_init",
    "_cbe_on_dial_done",
    "_cbe_on_connect_treatment_start",
    "_cbe_on_customer_queued",
    "_cbe_on_target_found",
    "_cbe_on_route_to_agent",
    "_cbe_on_service_exit",
];
/// Events of one transaction: as many callbacks go on together.
const EVENTS_PER_COMMIT: usize = 64;
/// Longest wait for a child to be ready.
const READY_WITHIN: Duration = Duration::from_secs(20);
/// Longest wait for the rest once no more events are raised.
const DRAIN: Duration = Duration::from_secs(30);

/// Arguments of `bench deliver`.
#[derive(Args, Debug)]
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
    /// Further targets that never answer, with as many events as each of the others
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = clap::value_parser!(u64).range(0..=16))]
    dead: u64,
}

/// A callback that raises events.
struct Raising {
    id: CallbackId,
    target: Arc<str>,
    raised: usize,
}

/// Makes callbacks and their events.
struct Source {
    targets: Vec<Arc<str>>,
    /// How many of them, at the end, never answer.
    dead: usize,
    callbacks: Vec<Raising>,
    next: usize,
    made: u64,
    /// Events for targets that answer.
    events: u64,
}

impl Source {
    fn new(targets: Vec<Arc<str>>, dead: usize, callbacks: usize) -> Self {
        let mut source = Self {
            targets,
            dead,
            callbacks: Vec::new(),
            next: 0,
            made: 0,
            events: 0,
        };
        for _ in 0..callbacks {
            let fresh = source.fresh();
            source.callbacks.push(fresh);
        }
        source
    }

    fn fresh(&mut self) -> Raising {
        self.made += 1;
        let at = usize::try_from(self.made).unwrap_or(0) % self.targets.len();
        let mut random = [0; 16];
        random[8..].copy_from_slice(&self.made.to_be_bytes());
        Raising {
            id: CallbackId::from_random(1, random),
            target: Arc::clone(&self.targets[at]),
            raised: 0,
        }
    }

    /// The next event of as many callbacks as fit into one transaction.
    fn batch(&mut self) -> Batch {
        let mut batch = Batch::default();
        for _ in 0..EVENTS_PER_COMMIT {
            self.next = (self.next + 1) % self.callbacks.len();
            if self.callbacks[self.next].raised == EVENTS.len() {
                self.callbacks[self.next] = self.fresh();
            }
            let answers = self.targets.len() - self.dead;
            let raising = &mut self.callbacks[self.next];
            raising.raised += 1;
            if self.targets[..answers].contains(&raising.target) {
                self.events += 1;
            }
            let (event, delivery) = rows(raising);
            batch.events.push(event);
            batch.deliveries.push(delivery);
        }
        batch
    }
}

fn rows(raising: &Raising) -> (EventRow, DeliveryRow) {
    let us = wall_us();
    let at = Timestamp(us / 1_000);
    let event_id = EVENTS[raising.raised - 1].to_owned();
    let number = raising.raised as u64;
    let details = json!({
        "_service_name": "bench", "_customer_number": "+13125550100",
        "c_dialed_number": "13125550100", "c_call_result": 0, "c_call_num_attempt": 1,
    });
    let body = json!({
        "event_id": event_id, "timestamp": at.as_seconds().to_string(),
        "_service_id": raising.id, "_callback_state": "QUEUED", "_service_name": "bench",
        "_customer_number": "+13125550100", "c_dialed_number": "13125550100",
        "c_call_result": 0, "c_call_num_attempt": 1, "sent_us": us.to_string(),
    });
    let event = EventRow {
        callback: raising.id.clone(),
        seq: number,
        at,
        event_id: event_id.clone(),
        state: State::Queued,
        data: details.to_string(),
    };
    let delivery = DeliveryRow {
        id: callback::events::delivery_id(&raising.id, number),
        callback: raising.id.clone(),
        seq: number,
        notification_seq: number,
        event_id,
        at,
        channel: "httpcb".to_owned(),
        target: raising.target.to_string(),
        guarded: false,
        language: String::new(),
        body: body.to_string(),
        attempts: 0,
        base: 0,
        next_at: Some(at),
        state: DeliveryState::Pending,
        extra: DeliveryExtra::default(),
    };
    (event, delivery)
}

/// Starts a receiver, delivers to it and counts.
pub(super) async fn run(args: &DeliverArgs, dir: &Path) -> anyhow::Result<Outcome> {
    let mut receiver = receiver(dir)?;
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
    let dead = usize::try_from(args.dead)?;
    let mut source = Source::new(
        targets(args, &addresses),
        dead,
        usize::try_from(args.callbacks)?,
    );

    let before = (usage::cpu_s(std::process::id())?, usage::processor()?);
    let started = Instant::now();
    raise(args, &mut source, store.as_ref(), &delivery).await?;
    let raised_s = started.elapsed().as_secs_f64();
    let summary = drain(first, source.events).await?;
    let seconds = started.elapsed().as_secs_f64();
    let cpu_s = usage::cpu_s(std::process::id())? - before.0;
    let processor = (before.1, usage::processor()?);
    let rss_mb = usage::rss_mb(std::process::id())?;
    delivery.stop().await;
    store.close().await;
    receiver.stop().await.ok();

    let figures = Figures {
        seconds,
        cpu_s,
        raised_s,
        events: source.events,
    };
    let (goals, result) = judge(args, &figures, &summary)?;
    Ok(Outcome {
        bench: "deliver",
        settings: settings(args),
        seconds,
        cpu_s,
        peer_cpu_s: summary["cpu_s"].as_f64().unwrap_or_default(),
        processor,
        rss_mb,
        goals,
        result,
    })
}

/// What this process measured.
struct Figures {
    seconds: f64,
    cpu_s: f64,
    raised_s: f64,
    events: u64,
}

fn judge(
    args: &DeliverArgs,
    figures: &Figures,
    summary: &Value,
) -> anyhow::Result<(Vec<Goal>, Map<String, Value>)> {
    let figure = |name: &str| {
        summary[name]
            .as_f64()
            .with_context(|| format!("the receiver told no {name}: {summary}"))
    };
    let delivered = figure("delivered")?;
    let lost = figures.events as f64 - delivered;
    let rate = delivered / figures.seconds;
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
    put("events", json!(figures.events));
    put("delivered", summary["delivered"].clone());
    put("rate", json!(rounded(rate)));
    put("lost", json!(lost));
    for name in ["duplicates", "out_of_order", "p50_ms", "p99_ms", "p999_ms"] {
        put(name, summary[name].clone());
    }
    put("wrong_signatures", summary["wrong_signatures"].clone());
    let cpu_us = figures.cpu_s * 1e6 / delivered.max(1.0);
    put("cpu_us_per_delivery", json!(rounded(cpu_us)));
    put("raised_s", json!(rounded(figures.raised_s)));
    let goals = vec![
        Goal::at_least("rate", rate, goal),
        Goal::at_most("lost", lost, 0.0),
        Goal::at_most("out_of_order", figure("out_of_order")?, 0.0),
        Goal::at_most("wrong_signatures", figure("wrong_signatures")?, 0.0),
    ];
    Ok((goals, result))
}

fn settings(args: &DeliverArgs) -> Value {
    json!({
        "targets": args.targets, "dead": args.dead, "callbacks": args.callbacks,
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

/// The targets, spread over the receiver's ports; those that never answer at the end.
fn targets(args: &DeliverArgs, addresses: &[&str]) -> Vec<Arc<str>> {
    let spread = addresses.iter().cycle();
    let live = (0..args.targets).zip(spread.clone());
    let live = live.map(|(n, address)| format!("http://{address}/in/{n}"));
    let dead = (0..args.dead).zip(spread);
    let dead = dead.map(|(n, address)| format!("http://{address}/slow/{n}"));
    live.chain(dead).map(Arc::from).collect()
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
    let mut batches = 0_u64;
    while Instant::now() < until {
        if args.rate > 0 {
            let due_s = (batches * EVENTS_PER_COMMIT as u64) as f64 / args.rate as f64;
            tokio::time::sleep_until(started + Duration::from_secs_f64(due_s)).await;
        } else if delivery.held() > waiting_max {
            tokio::time::sleep(Duration::from_millis(1)).await;
            continue;
        }
        let batch = source.batch();
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
