//! Whether bad receivers cost the others anything: the same load with and without them, in turns.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::super::{Goal, Outcome, median, rounded, usage};
use super::{DeliverArgs, Measured, measure, settings};

/// Pairs of runs; the medians count, because one burst of another process spoils a run.
const PAIRS: usize = 3;
/// Events per second when none are asked for: well below what is possible, so that the latency is
/// that of the deliveries and not of a queue.
const RATE: u64 = 2_000;
/// A p99 may grow by so much (issue: by less than 10 %).
const RATIO: f64 = 1.1;
/// Below this difference, ms, a ratio says nothing: it is what one wake-up of a thread takes.
const GRAIN_MS: f64 = 0.5;

/// Runs without and with the bad receivers, in turns.
pub(super) async fn run(args: &DeliverArgs, dir: &Path) -> anyhow::Result<Outcome> {
    let with = DeliverArgs {
        rate: if args.rate > 0 { args.rate } else { RATE },
        ..args.clone()
    };
    let without = DeliverArgs {
        slow_receivers: 0,
        dead_receivers: 0,
        ..with.clone()
    };
    let before = usage::processor()?;
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for pair in 0..PAIRS {
        good.push(measure(&without, &dir.join(format!("without-{pair}"))).await?);
        bad.push(measure(&with, &dir.join(format!("with-{pair}"))).await?);
    }
    let after = usage::processor()?;
    let all = || good.iter().chain(&bad);
    let (p99, p99_with) = (median_of(&good, "p99_ms"), median_of(&bad, "p99_ms"));
    let ratio = p99_with / p99.max(f64::MIN_POSITIVE);
    let judged = if p99_with - p99 < GRAIN_MS {
        ratio.min(1.0)
    } else {
        ratio
    };
    let sum = |name: &str| all().map(|run| run.figure(name)).sum::<f64>();
    let lost = all().map(Measured::lost).sum::<f64>();
    let slowest = all().map(Measured::rate).fold(f64::MAX, f64::min);
    let mut result = Map::new();
    for (name, value) in [("p99_ms", p99), ("p99_ms_with", p99_with)] {
        result.insert(name.to_owned(), json!(rounded(value)));
    }
    for (name, runs) in [("p99_ms_each", &good), ("p99_ms_each_with", &bad)] {
        let each: Vec<Value> = runs.iter().map(|r| r.summary["p99_ms"].clone()).collect();
        result.insert(name.to_owned(), json!(each));
    }
    result.insert("ratio".to_owned(), json!(rounded(ratio)));
    result.insert("p50_ms".to_owned(), json!(median_of(&good, "p50_ms")));
    result.insert("p50_ms_with".to_owned(), json!(median_of(&bad, "p50_ms")));
    result.insert("delivered".to_owned(), json!(sum("delivered")));
    result.insert("to_bad_receivers".to_owned(), json!(sum("bad")));
    Ok(Outcome {
        bench: "deliver",
        settings: settings(&with),
        seconds: all().map(|run| run.seconds).sum(),
        cpu_s: all().map(|run| run.cpu_s).sum(),
        peer_cpu_s: sum("cpu_s"),
        processor: (before, after),
        rss_mb: all().map(|run| run.rss_mb).fold(0.0, f64::max),
        goals: vec![
            Goal::below("p99_ratio", judged, RATIO),
            Goal::at_least("rate", slowest, 0.95 * with.rate as f64 * share(&with)),
            Goal::at_most("lost", lost, 0.0),
            Goal::at_most("out_of_order", sum("out_of_order"), 0.0),
            Goal::at_most("wrong_signatures", sum("wrong_signatures"), 0.0),
        ],
        result,
    })
}

/// The part of the events that is for receivers that answer.
fn share(args: &DeliverArgs) -> f64 {
    let bad = args.slow_receivers + args.dead_receivers;
    args.targets as f64 / (args.targets + bad) as f64
}

fn median_of(runs: &[Measured], name: &str) -> f64 {
    median(runs.iter().map(|run| run.figure(name)).collect())
}
