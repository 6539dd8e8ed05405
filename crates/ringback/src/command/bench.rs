//! `ringback bench`: what this machine does with this program, with goals.

mod calls;
mod contain;
mod cpd;
mod create;
mod deliver;
mod detect;
mod idle;
mod load;
mod media;
mod phones;
mod receive;
mod recover;
mod scxml;
mod usage;
mod vxml;

use std::path::Path;

use anyhow::Context;
use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::{Map, Value, json};

use self::calls::CallsArgs;
use self::contain::ContainArgs;
use self::cpd::CpdArgs;
use self::create::CreateArgs;
use self::deliver::DeliverArgs;
use self::detect::DetectArgs;
use self::idle::IdleArgs;
use self::load::LoadArgs;
use self::media::MediaArgs;
use self::phones::PhonesArgs;
use self::receive::ReceiveArgs;
use self::recover::RecoverArgs;
use self::scxml::ScxmlArgs;
use self::usage::{Machine, Processor};
use self::vxml::VxmlArgs;
use crate::outcome::Status;
use crate::output::{self, with_clock};

/// Measures and compares with goals.
#[derive(Args, Debug)]
pub(crate) struct Bench {
    #[command(subcommand)]
    name: Name,
}

#[derive(Subcommand, Debug)]
enum Name {
    /// Whole callbacks against a carrier and agents in another process
    Calls(CallsArgs),
    /// Sessions beside others that use all they may, and beside threads that hang
    Contain(ContainArgs),
    /// The call progress detector over generated audio
    Cpd(CpdArgs),
    /// HTTP creates over many connections, each durable before its answer
    Create(CreateArgs),
    /// Events of many callbacks through store and sender to a receiver in another process
    Deliver(DeliverArgs),
    /// Clips played over real calls, many at once, against the detector on the same files
    Detect(DetectArgs),
    /// A server that does nothing: how fast it is ready and how much memory it takes
    Idle(IdleArgs),
    /// Two-way legs with music or detection against phones in another process
    Media(MediaArgs),
    /// Start with many pending callbacks
    Recover(RecoverArgs),
    /// The generator of `create`
    #[command(hide = true)]
    Load(LoadArgs),
    /// The phones of `media`
    #[command(hide = true)]
    Phones(PhonesArgs),
    /// The receiver of `deliver`
    #[command(hide = true)]
    Receive(ReceiveArgs),
    /// The SCXML engine alone: events, microsteps, starts and memory of sessions
    Scxml(ScxmlArgs),
    /// The VoiceXML engine alone: pages, starts, dialogs at once; or dialogs on calls
    Vxml(VxmlArgs),
}

/// A figure with its goal.
#[derive(Clone, Debug, Serialize)]
struct Goal {
    name: &'static str,
    value: f64,
    goal: f64,
    met: bool,
}

impl Goal {
    /// The value must not exceed the goal.
    fn at_most(name: &'static str, value: f64, goal: f64) -> Self {
        Self {
            name,
            value: rounded(value),
            goal,
            met: value <= goal,
        }
    }

    /// The value must reach the goal.
    fn at_least(name: &'static str, value: f64, goal: f64) -> Self {
        Self {
            name,
            value: rounded(value),
            goal,
            met: value >= goal,
        }
    }

    /// The value must be below the goal.
    fn below(name: &'static str, value: f64, goal: f64) -> Self {
        Self {
            name,
            value: rounded(value),
            goal,
            met: value < goal,
        }
    }
}

/// What a bench found.
#[derive(Debug)]
struct Outcome {
    bench: &'static str,
    settings: Value,
    seconds: f64,
    cpu_s: f64,
    peer_cpu_s: f64,
    /// The processors before and after what was measured.
    processor: (Processor, Processor),
    rss_mb: f64,
    goals: Vec<Goal>,
    result: Map<String, Value>,
}

impl Outcome {
    /// What other guests of the host and other processes took of the processors meanwhile, %.
    fn disturbance(&self) -> (f64, f64) {
        let (before, after) = self.processor;
        let own_s = self.cpu_s + self.peer_cpu_s;
        (after.steal_pct(before), after.others_pct(before, own_s))
    }
}

/// Runs a bench.
///
/// # Errors
/// The site cannot be started or a part of it dies.
pub(crate) async fn run(args: Bench, json: bool) -> anyhow::Result<Status> {
    let temporary = tempfile::Builder::new()
        .prefix("ringback-bench-")
        .tempdir()?;
    let dir = temporary
        .path()
        .canonicalize()
        .context("folder of the bench")?;
    let outcome = match args.name {
        Name::Calls(args) => {
            with_clock("bench calls", Box::pin(calls::run(&args, &dir, json))).await?
        }
        Name::Contain(args) => {
            with_clock("bench contain", Box::pin(contain::run(&args, &dir))).await?
        }
        Name::Cpd(args) => cpd::run(&args)?,
        Name::Create(args) => {
            with_clock("bench create", Box::pin(create::run(&args, &dir))).await?
        }
        Name::Deliver(args) => {
            with_clock("bench deliver", Box::pin(deliver::run(&args, &dir))).await?
        }
        Name::Detect(args) => {
            with_clock("bench detect", Box::pin(detect::run(&args, &dir))).await?
        }
        Name::Idle(args) => with_clock("bench idle", Box::pin(idle::run(&args, &dir))).await?,
        Name::Media(args) => with_clock("bench media", Box::pin(media::run(&args, &dir))).await?,
        Name::Phones(args) => {
            phones::run(&args).await?;
            return Ok(Status::Ok);
        }
        Name::Recover(args) if args.site.is_some() => {
            let site = args.site.as_deref().unwrap_or(&dir);
            recover::prepare(&args, site).await?;
            return Ok(Status::Ok);
        }
        Name::Recover(args) => {
            with_clock("bench recover", Box::pin(recover::run(&args, &dir))).await?
        }
        Name::Load(args) => {
            tokio::task::spawn_blocking(move || load::run(&args)).await??;
            return Ok(Status::Ok);
        }
        Name::Receive(args) => {
            tokio::task::spawn_blocking(move || receive::run(&args)).await??;
            return Ok(Status::Ok);
        }
        Name::Scxml(args) => scxml::run(&args)?,
        Name::Vxml(args) => with_clock("bench vxml", Box::pin(vxml::run(&args, &dir))).await?,
    };
    let ok = outcome.goals.iter().all(|g| g.met);
    let machine = usage::machine(&dir)?;
    if json {
        output::line(&format!("{}", envelope(&outcome, ok, &machine)));
    } else {
        table(&outcome, &machine);
    }
    Ok(if ok { Status::Ok } else { Status::Missed })
}

fn envelope(outcome: &Outcome, ok: bool, machine: &Machine) -> Value {
    let (steal_pct, others_pct) = outcome.disturbance();
    json!({
        "bench": outcome.bench,
        "ok": ok,
        "version": env!("CARGO_PKG_VERSION"),
        "commit": option_env!("RINGBACK_COMMIT").unwrap_or("unknown"),
        "machine": machine_json(machine, steal_pct),
        "settings": outcome.settings,
        "seconds": rounded(outcome.seconds),
        "cpu_s": rounded(outcome.cpu_s),
        "peer_cpu_s": rounded(outcome.peer_cpu_s),
        "rss_mb": rounded(outcome.rss_mb),
        "steal_pct": rounded(steal_pct),
        "others_pct": rounded(others_pct),
        "goals": outcome.goals,
        "result": outcome.result,
    })
}

fn machine_json(machine: &Machine, steal_pct: f64) -> Value {
    json!({
        "cpu": machine.cpu, "cores": machine.cores, "kernel": machine.kernel,
        "sync_us": machine.sync_us, "steal_pct": rounded(steal_pct),
    })
}

fn table(outcome: &Outcome, machine: &Machine) {
    let (steal_pct, others_pct) = outcome.disturbance();
    output::line(&format!(
        "\nbench {} on {} cores of {}",
        outcome.bench, machine.cores, machine.cpu
    ));
    output::line(&format!(
        "  kernel {}, one sync {} µs, steal {steal_pct:.1} %, other processes {others_pct:.1} %",
        machine.kernel, machine.sync_us
    ));
    output::line(&format!("  settings {}", outcome.settings));
    output::line(&format!(
        "  {:.1} s, processor {:.2} s (peers {:.2} s), memory {:.1} MB\n",
        outcome.seconds, outcome.cpu_s, outcome.peer_cpu_s, outcome.rss_mb
    ));
    for (name, value) in &outcome.result {
        output::line(&format!("  {name:<20} {value}"));
    }
    output::line("");
    for goal in &outcome.goals {
        let word = if goal.met { "met" } else { "MISSED" };
        output::line(&format!(
            "  goal {:<15} {} of {}: {word}",
            goal.name, goal.value, goal.goal
        ));
    }
}

/// A folder for the store that a bench runs on; it is removed afterwards.
fn subfolder(dir: &Path, name: &str) -> anyhow::Result<std::path::PathBuf> {
    let path = dir.join(name);
    std::fs::create_dir_all(&path).with_context(|| format!("folder {}", path.display()))?;
    Ok(path)
}

/// Three decimals are enough for every figure.
fn rounded(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}
