//! One tool for set-up, checks, the gate, the demo and the benches.
//!
//! It depends on no package of the product, so it builds in seconds and works while the product
//! does not compile. Every command says what it does and how long it took.
#![forbid(unsafe_code)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool talks to its user"
)]

mod clock;
mod environment;
mod gate;
mod launch;
mod metadata;
mod process;
mod setup;
mod source;
mod tidy;
mod web;
mod workspace;

use std::process::ExitCode;

use workspace::Workspace;

const HELP: &str = "\
Usage: cargo xtask COMMAND [ARGUMENTS]

Commands:
  setup            install the programs that the tests use (Debian, as root), or say which
  tidy             check house rules: packages, licences, files, documents
  test             the whole gate; `cargo xtask test --help` lists its stages
  demo [--exit]    build and run the demo, with the browser UI where npm is; further arguments go to `ringback demo`
  web              build the browser UI into web/dist, which `cargo build` embeds; prints its size
  web-types        write web/openapi.json, which the UI's types are made from; --check compares
  test-ui          test the UI in Chromium; --large: with 100,000 callbacks, figures printed;
                   further arguments go to playwright
  screenshots      pictures of every page into web/screenshots
  kill [--rounds N] [--seed S]
                   kill a server again and again; nothing may be lost or doubled
  bench NAME …     build and run a bench; further arguments go to `ringback bench`
  help             this text

Exit status: 0 all well, 1 a check or stage failed, 2 wrong usage.
`demo`, `bench` and `kill` pass on the exit status of what they run.
";

/// How a command ended; decides the exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// Everything as it should be.
    Passed,
    /// A check, stage or program failed and has said so.
    Failed,
    /// The arguments were wrong and the user was told.
    Usage,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(Outcome::Passed) => ExitCode::SUCCESS,
        Ok(Outcome::Failed) => ExitCode::from(1),
        Ok(Outcome::Usage) => ExitCode::from(2),
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::from(1)
        }
    }
}

fn run(arguments: &[String]) -> anyhow::Result<Outcome> {
    let Some((command, rest)) = arguments.split_first() else {
        eprint!("{HELP}");
        return Ok(Outcome::Usage);
    };
    match command.as_str() {
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(Outcome::Passed)
        }
        "setup" => without_arguments(rest, || Ok(setup::command())),
        "tidy" => without_arguments(rest, || tidy::command(&Workspace::locate()?)),
        "test" => gate::command(rest),
        "demo" => launch::demo(&Workspace::locate()?, rest),
        "web" => without_arguments(rest, || web::build(&Workspace::locate()?)),
        "web-types" => web::types(&Workspace::locate()?, rest),
        "test-ui" => web::test(&Workspace::locate()?, rest),
        "screenshots" => without_arguments(rest, || web::screenshots(&Workspace::locate()?)),
        "bench" => launch::ringback(&Workspace::locate()?, "bench", rest),
        "kill" => launch::kill(&Workspace::locate()?, rest),
        other => Ok(usage(&format!("there is no command `{other}`"))),
    }
}

fn without_arguments(
    rest: &[String],
    command: impl FnOnce() -> anyhow::Result<Outcome>,
) -> anyhow::Result<Outcome> {
    match rest {
        [] => command(),
        [one] if one == "--help" || one == "-h" => {
            print!("{HELP}");
            Ok(Outcome::Passed)
        }
        [first, ..] => Ok(usage(&format!("unexpected argument `{first}`"))),
    }
}

/// Tells the user what is wrong with the arguments.
fn usage(problem: &str) -> Outcome {
    eprintln!("xtask: {problem}; `cargo xtask help` lists what there is");
    Outcome::Usage
}
