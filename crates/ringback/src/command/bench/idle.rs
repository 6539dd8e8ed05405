//! `bench idle`: time to be ready, memory and processor of a server that does nothing.

use std::path::Path;
use std::time::Duration;

use clap::Args;
use serde_json::{Map, json};
use tokio::time::Instant;

use super::{Goal, Outcome, rounded, subfolder, usage};
use crate::harness::assets;
use crate::harness::site::start_server;

/// Longest wait for the server.
const READY_WITHIN: Duration = Duration::from_secs(20);
/// How often the server is started; the median counts.
const STARTS: usize = 5;

/// Arguments of `bench idle`.
#[derive(Args, Debug)]
pub(crate) struct IdleArgs {
    /// How long the idle server is watched
    #[arg(long, default_value_t = 5, value_name = "S")]
    seconds: u64,
}

/// Starts servers one after the other and watches the last.
pub(super) async fn run(args: &IdleArgs, dir: &Path) -> anyhow::Result<Outcome> {
    let mut ready_ms = Vec::with_capacity(STARTS);
    let started = Instant::now();
    for number in 1..STARTS {
        let (server, ms) = start(dir, number).await?;
        ready_ms.push(ms);
        server.stop().await?;
    }
    let (server, ms) = start(dir, STARTS).await?;
    ready_ms.push(ms);
    let before = usage::cpu_s(server.pid())?;
    let processor = usage::processor()?;
    tokio::time::sleep(Duration::from_secs(args.seconds)).await;
    let cpu_s = usage::cpu_s(server.pid())? - before;
    let processor = (processor, usage::processor()?);
    let rss_mb = usage::rss_mb(server.pid())?;
    server.stop().await?;
    ready_ms.sort_by(f64::total_cmp);
    let median = ready_ms.get(STARTS / 2).copied().unwrap_or_default();
    let mut result = Map::new();
    result.insert("ready_ms".to_owned(), json!(rounded(median)));
    result.insert("rss_mb".to_owned(), json!(rounded(rss_mb)));
    Ok(Outcome {
        bench: "idle",
        settings: json!({"starts": STARTS, "watched_s": args.seconds}),
        seconds: started.elapsed().as_secs_f64(),
        cpu_s,
        peer_cpu_s: 0.0,
        processor,
        rss_mb,
        goals: vec![
            Goal::below("ready_ms", median, 500.0),
            Goal::below("rss_mb", rss_mb, 60.0),
        ],
        result,
    })
}

/// Starts a server with a fresh store; the time counts from the start of the process.
async fn start(
    dir: &Path,
    number: usize,
) -> anyhow::Result<(crate::harness::process::Process, f64)> {
    let dir = subfolder(dir, &format!("start-{number}"))?;
    assets::write(&dir.join("treatments"))?;
    let started = Instant::now();
    let mut server = start_server(&dir, None)?;
    server.ready(READY_WITHIN).await?;
    Ok((server, started.elapsed().as_secs_f64() * 1_000.0))
}
