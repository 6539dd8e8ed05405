//! The kill test as a program: `cargo xtask kill` builds and runs it.
#![forbid(unsafe_code)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool talks to its user"
)]

use std::process::ExitCode;
use std::time::Duration;

use testkit::{KillPlan, kill, now};

const USAGE: &str = "usage: kill --program FILE [--rounds N] [--seed S]";

fn main() -> ExitCode {
    let Some(plan) = plan(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("kill: no runtime: {error}");
            return ExitCode::from(1);
        }
    };
    let started = now();
    let report = runtime.block_on(kill(&plan));
    runtime.shutdown_timeout(Duration::from_secs(1));
    println!("{:<28}{} (seed {})", "kills", plan.rounds, plan.seed);
    print!("{report}");
    println!("{:<28}{:.0} s", "took", started.elapsed().as_secs_f64());
    if report.is_clean() {
        println!("clean");
        ExitCode::SUCCESS
    } else {
        println!("NOT clean");
        ExitCode::from(1)
    }
}

/// Reads the arguments; `None` when they are wrong.
fn plan(mut arguments: impl Iterator<Item = String>) -> Option<KillPlan> {
    let mut plan = KillPlan {
        program: String::new(),
        rounds: 200,
        seed: 1,
        progress_every: 20,
    };
    while let Some(name) = arguments.next() {
        let value = arguments.next()?;
        match name.as_str() {
            "--program" => plan.program = value,
            "--rounds" => plan.rounds = value.parse().ok()?,
            "--seed" => plan.seed = value.parse().ok()?,
            _ => return None,
        }
    }
    (!plan.program.is_empty() && plan.rounds > 0).then_some(plan)
}
