//! `bench calls`: whole callbacks at a rate, from the request to the end of the conversation.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

use super::{Goal, Outcome, number, rounded, subfolder, usage};
use crate::harness::assets::{GREETING, MUSIC};
use crate::harness::receiver::{Notification, Receiver};
use crate::harness::site::{Plan, Site, answer};

/// Ringing of a customer's line, ms.
const RING_MS: u64 = 500;
/// A customer's first words, ms.
const SPEECH_MS: u64 = 1_200;
/// Conversation from the agent's answer to its hang-up, ms.
const TALK_MS: u64 = 3_000;
/// Ringing of an agent's phone, ms.
const AGENT_RING_MS: u64 = 200;
/// Time an agent is bound to one call, with the server's work around it, s.
const AGENT_BOUND_S: u64 = 5;
/// Longest wait for the last callback after the last request.
const DRAIN: Duration = Duration::from_secs(60);
/// Execution name of the service.
const SERVICE: &str = "bench";

/// Arguments of `bench calls`.
#[derive(Args, Debug)]
pub(crate) struct CallsArgs {
    /// Callbacks requested per second
    #[arg(long, default_value_t = 15, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1000))]
    cps: u64,
    /// How long callbacks are requested
    #[arg(long, default_value_t = 30, value_name = "S", value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Agents' phones; 0 = enough for the rate
    #[arg(long, default_value_t = 0, value_name = "N")]
    agents: u64,
}

/// A reading of what the processes have used.
#[derive(Clone, Copy, Debug)]
struct Reading {
    at: Instant,
    server_s: f64,
    peers_s: f64,
    processor: usage::Processor,
}

/// What became of the requested callbacks.
#[derive(Debug, Default)]
struct Tally {
    attempted: u64,
    /// Requests that were refused or not answered.
    refused: u64,
    completed: u64,
    /// Callbacks that ended in another way, by termination type.
    others: HashMap<String, u64>,
    /// Customers who heard an agent, and agents who heard a customer.
    heard: (u64, u64),
}

impl Tally {
    fn ended(&self) -> u64 {
        self.refused + self.completed + self.others.values().sum::<u64>()
    }

    fn failed(&self) -> u64 {
        self.attempted - self.completed
    }

    fn notified(&mut self, notification: &Notification) {
        if notification.text("event_id") != "_cbe_on_service_exit" {
            return;
        }
        match notification.text("c_termination_type") {
            "COMPLETED.AGENT_CONNECTED" => self.completed += 1,
            other => *self.others.entry(other.to_owned()).or_default() += 1,
        }
    }

    fn called(&mut self, line: &Value) {
        match line["what"].as_str() {
            Some("heard_agent") => self.heard.0 += 1,
            Some("heard_customer") => self.heard.1 += 1,
            _ => {}
        }
    }
}

/// Starts a site, drives it and counts.
pub(super) async fn run(args: &CallsArgs, dir: &Path, json: bool) -> anyhow::Result<Outcome> {
    let agents = if args.agents > 0 {
        args.agents
    } else {
        args.cps * AGENT_BOUND_S * 3 / 2 + 4
    };
    let mut receiver = Receiver::start().await?;
    let plan = plan(&subfolder(dir, "site")?, agents, &receiver.url);
    let mut site = Site::start(&plan).await?;
    let before = reading(&site)?;
    let tally = drive(args, &mut site, &mut receiver, json).await;
    let tally = match tally {
        Ok(tally) => tally,
        Err(error) => {
            site.stop().await.ok();
            return Err(error);
        }
    };
    let after = reading(&site)?;
    let rss_mb = usage::rss_mb(site.server.pid())?;
    let metrics = site.get_text("/metrics").await?;
    let rest = site.stop().await?;
    let summary = rest
        .into_iter()
        .find(|l| l["kind"] == "summary")
        .unwrap_or_default();
    let cpu_s = after.server_s - before.server_s;
    let result = result(&tally, &metrics, cpu_s, &summary)?;
    let tick = result["tick_p999_ms"].as_f64().unwrap_or(f64::MAX);
    Ok(Outcome {
        bench: "calls",
        settings: settings(args, agents),
        seconds: (after.at - before.at).as_secs_f64(),
        cpu_s,
        peer_cpu_s: after.peers_s - before.peers_s,
        processor: (before.processor, after.processor),
        rss_mb,
        goals: vec![
            Goal::at_most("failed", number(tally.failed()), 0.0),
            Goal::below("tick_p999_ms", tick, 10.0),
        ],
        result,
    })
}

fn plan(dir: &Path, agents: u64, target: &str) -> Plan {
    Plan {
        dir: dir.to_owned(),
        agents: (1..=agents).map(|n| format!("agent{n}")).collect(),
        first_extension: 7001,
        group: String::from("Bench"),
        script: json!({
            "numbers": [{
                "number": "*", "behaviour": "human", "ring_ms": RING_MS, "speech_ms": SPEECH_MS,
            }],
            "agents": [{
                "extension": "*", "behaviour": "answer",
                "answer_ms": AGENT_RING_MS, "talk_ms": TALK_MS,
            }],
        }),
        services: services(target),
    }
}

fn services(target: &str) -> String {
    format!(
        "[service.{SERVICE}]\n\
         _type = ors\n\
         _service = callback\n\
         _call_direction = USERTERMINATED\n\
         _wait_for_agent = false\n\
         _urs_virtual_queue = VQ_Bench\n\
         _target = Bench@Stats.GA\n\
         _cpd_enable = true\n\
         _max_dial_attempts = 1\n\
         _throttle_request_parameters_limit = 0\n\
         _treatment_customer_connect = {GREETING}\n\
         _treatment_waiting_for_agent = {MUSIC}\n\
         _enable_status_notification = subscribe_notify\n\
         _status_notification_type = httpcb\n\
         _status_notification_target = {target}\n"
    )
}

/// Requests callbacks at the rate and waits until all are over.
async fn drive(
    args: &CallsArgs,
    site: &mut Site,
    receiver: &mut Receiver,
    json: bool,
) -> anyhow::Result<Tally> {
    let total = args.cps * args.seconds;
    let mut tally = Tally::default();
    let mut requests: JoinSet<anyhow::Result<Value>> = JoinSet::new();
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / u32::try_from(args.cps)?);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let started = Instant::now();
    let until = started + Duration::from_secs(args.seconds) + DRAIN;
    let mut progress = tokio::time::interval(Duration::from_secs(1));
    while tally.attempted < total || tally.ended() < total {
        tokio::select! {
            _ = ticks.tick(), if tally.attempted < total => {
                tally.attempted += 1;
                request(&mut requests, site, tally.attempted);
            }
            Some(done) = requests.join_next() => if let Err(error) = done? {
                tracing::warn!(error = format!("{error:#}"), "a request for a callback failed");
                tally.refused += 1;
            },
            Some(notification) = receiver.notifications.recv() => tally.notified(&notification),
            Some(line) = site.calls.recv() => tally.called(&line),
            error = site.server.died() => return Err(error),
            error = site.carrier.died() => return Err(error),
            _ = progress.tick() => if !json { show(started, &tally) },
            () = tokio::time::sleep_until(until) => break,
        }
    }
    Ok(tally)
}

fn request(requests: &mut JoinSet<anyhow::Result<Value>>, site: &Site, number: u64) {
    let path = format!("/genesys/1/service/callback/{SERVICE}");
    let body = json!({"_customer_number": format!("+1312{:07}", 5_550_000 + number)});
    let request = site
        .client()
        .post(format!("{}{path}", site.http))
        .json(&body);
    requests.spawn(async move { answer(request, &path).await });
}

/// A line of progress for a person who watches.
#[expect(clippy::print_stderr, reason = "progress on a terminal")]
fn show(started: Instant, tally: &Tally) {
    if std::io::stderr().is_terminal() {
        eprint!(
            "\r{:5.0} s  requested {}  over {}  not connected {} ",
            started.elapsed().as_secs_f64(),
            tally.attempted,
            tally.ended(),
            tally.ended() - tally.completed,
        );
    }
}

fn reading(site: &Site) -> anyhow::Result<Reading> {
    let own = usage::cpu_s(std::process::id())?;
    Ok(Reading {
        at: Instant::now(),
        server_s: usage::cpu_s(site.server.pid())?,
        peers_s: usage::cpu_s(site.carrier.pid())? + own,
        processor: usage::processor()?,
    })
}

fn result(
    tally: &Tally,
    metrics: &str,
    cpu_s: f64,
    summary: &Value,
) -> anyhow::Result<Map<String, Value>> {
    let metric = |name: &str| {
        usage::metric(metrics, name)
            .or_else(|| usage::metric(metrics, &format!("{name}_total")))
            .with_context(|| format!("/metrics has no {name}"))
    };
    let others: Map<String, Value> = tally
        .others
        .iter()
        .map(|(name, n)| (name.clone(), json!(n)))
        .collect();
    // A figure of 0 ms is good news only when ticks were counted at all.
    if metric("ringback_media_ticks")? <= 0.0 {
        bail!("the server counted no media ticks, so their lateness cannot be judged");
    }
    let result = json!({
        "attempted": tally.attempted,
        "completed": tally.completed,
        "failed": tally.failed(),
        "peak_legs": metric("ringback_legs_peak")?,
        "cpu_ms_per_call": rounded(cpu_s * 1_000.0 / number(tally.attempted.max(1))),
        "tick_p99_ms": rounded(metric("ringback_media_tick_p99_ms")?),
        "tick_p999_ms": rounded(metric("ringback_media_tick_p999_ms")?),
        "tick_max_ms": rounded(metric("ringback_media_tick_max_ms")?),
        "late_ticks": metric("ringback_media_late_ticks")?,
        "rtp_lost": metric("ringback_rtp_lost")?,
        "heard_agent": tally.heard.0,
        "heard_customer": tally.heard.1,
        "called_again": summary["called_again"],
        "ended_otherwise": others,
    });
    match result {
        Value::Object(map) => Ok(map),
        _ => Ok(Map::new()),
    }
}

fn settings(args: &CallsArgs, agents: u64) -> Value {
    json!({
        "cps": args.cps, "seconds": args.seconds, "agents": agents,
        "ring_ms": RING_MS, "speech_ms": SPEECH_MS, "greeting_ms": 2_000, "talk_ms": TALK_MS,
        "_throttle_request_parameters_limit": 0,
    })
}
