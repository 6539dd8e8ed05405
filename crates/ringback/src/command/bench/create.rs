//! `bench create`: HTTP creates over many connections, each durable before its answer.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::{Goal, Outcome, rounded, subfolder, usage};
use crate::harness::assets;
use crate::harness::process::Process;
use crate::harness::site::{answer, client, start_server};

/// Execution name of the service.
const SERVICE: &str = "bench";
/// Longest wait for a child to be ready.
pub(super) const READY_WITHIN: Duration = Duration::from_secs(20);
/// Time the generator gets beyond its own duration.
const DRAIN: Duration = Duration::from_secs(30);
/// Nobody listens there: the trunk has to exist, but no callback of this bench is ever dialed.
pub(super) const TRUNK: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9);

/// Arguments of `bench create`.
#[derive(Args, Debug)]
pub(super) struct CreateArgs {
    /// How long callbacks are requested
    #[arg(long, default_value_t = 10, value_name = "S", value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Connections that are kept open
    #[arg(long, default_value_t = 64, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1000))]
    connections: u64,
    /// Requests per second whatever the answers do (open loop); 0 = the next request follows the
    /// answer (closed loop)
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = clap::value_parser!(u64).range(0..=100_000))]
    rate: u64,
}

/// Starts a server, drives it from another process and counts.
pub(super) async fn run(args: &CreateArgs, dir: &Path) -> anyhow::Result<Outcome> {
    let site = subfolder(dir, "site")?;
    assets::write(&site.join("treatments"))?;
    let mut server = start_server(&site, Some(TRUNK))?;
    let ready = server.ready(READY_WITHIN).await?;
    let http = ready["http"].as_str().context("address of the server")?;
    import(http).await?;

    let before = (usage::cpu_s(server.pid())?, usage::processor()?);
    let started = Instant::now();
    let mut generator = generator(args, http, dir)?;
    let mut lines = generator.take_lines();
    let limit = Duration::from_secs(args.seconds) + DRAIN;
    let summary = tokio::select! {
        line = tokio::time::timeout(limit, lines.recv()) => line.ok().flatten(),
        error = server.died() => return Err(error),
    };
    let Some(summary) = summary else {
        return Err(generator.died().await);
    };
    let seconds = started.elapsed().as_secs_f64();
    let cpu_s = usage::cpu_s(server.pid())? - before.0;
    let processor = (before.1, usage::processor()?);
    let rss_mb = usage::rss_mb(server.pid())?;
    generator.finished().await?;
    server.stop().await?;

    let figure = |name: &str| {
        summary[name]
            .as_f64()
            .with_context(|| format!("the generator told no {name}: {summary}"))
    };
    let (rate, p99, failed) = (figure("rate")?, figure("p99_ms")?, figure("failed")?);
    let rate_goal = if args.rate > 0 {
        // An open loop cannot be faster than it is asked to be.
        (args.rate.min(3_000) as f64) * 0.99
    } else {
        3_000.0
    };
    Ok(Outcome {
        bench: "create",
        settings: settings(args),
        seconds,
        cpu_s,
        peer_cpu_s: figure("cpu_s")?,
        processor,
        rss_mb,
        goals: vec![
            Goal::at_least("rate", rate, rate_goal),
            Goal::below("p99_ms", p99, 30.0),
            Goal::at_most("failed", failed, 0.0),
        ],
        result: result(&summary, cpu_s, figure("requests")?),
    })
}

fn settings(args: &CreateArgs) -> Value {
    json!({
        "connections": args.connections,
        "loop": if args.rate > 0 { "open" } else { "closed" },
        "rate": args.rate,
        "engine.max_running_callbacks": 0,
        "_throttle_request_parameters_limit": 0,
        "_throttle_callbacks_per_service_1": 0,
        "_throttle_callbacks_per_service_2": 0,
        "max_queued_callbacks_per_service": 0,
        "_wait_for_agent": true,
        "agents_ready": 0,
        "notifications": "off",
    })
}

fn result(summary: &Value, cpu_s: f64, requests: f64) -> Map<String, Value> {
    let mut result = Map::new();
    for name in ["requests", "failed", "rate", "p50_ms", "p99_ms", "p999_ms"] {
        result.insert(name.to_owned(), summary[name].clone());
    }
    let cpu_us = cpu_s * 1e6 / requests.max(1.0);
    result.insert("cpu_us_per_create".to_owned(), json!(rounded(cpu_us)));
    result
}

/// A service whose callbacks rest in the queue: they wait for an agent, and none is ready.
pub(super) async fn import(http: &str) -> anyhow::Result<()> {
    let client = client()?;
    let service = format!(
        "[service.{SERVICE}]\n\
         _type = ors\n\
         _service = callback\n\
         _call_direction = USERTERMINATED\n\
         _wait_for_agent = true\n\
         _urs_virtual_queue = VQ_Bench\n\
         _target = Bench@Stats.GA\n\
         _throttle_request_parameters_limit = 0\n\
         _throttle_callbacks_per_service_1 = 0\n\
         _throttle_callbacks_per_service_2 = 0\n\
         max_queued_callbacks_per_service = 0\n"
    );
    let agent = "[agent.resting]\nextension = 7001\npassword = loopback-only\n\
                 groups = Bench\n"
        .to_owned();
    for (path, body) in [
        ("/api/v1/services/import", service),
        ("/api/v1/agents/import", agent),
    ] {
        let request = client
            .post(format!("{http}{path}"))
            .header("content-type", "text/plain; charset=utf-8")
            .body(body);
        let report = answer(request, path).await?;
        anyhow::ensure!(report["ok"] != json!(false), "{path} was refused: {report}");
    }
    Ok(())
}

fn generator(args: &CreateArgs, http: &str, dir: &Path) -> anyhow::Result<Process> {
    let address = http
        .strip_prefix("http://")
        .context("address of the server")?;
    let mut words: Vec<OsString> = vec!["bench".into(), "load".into()];
    let options: [(&str, String); 5] = [
        ("--address", address.to_owned()),
        ("--path", format!("/genesys/1/service/callback/{SERVICE}")),
        ("--seconds", args.seconds.to_string()),
        ("--connections", args.connections.to_string()),
        ("--rate", args.rate.to_string()),
    ];
    for (name, value) in options {
        words.extend([name.into(), value.into()]);
    }
    Process::start("the generator", words, dir.join("generator.log"))
}
