//! Ringback, the open callback server: arguments, configuration, wiring, commands.
#![forbid(unsafe_code)]

mod carrier;
mod client;
mod clock;
mod command;
mod config;
mod harness;
mod logging;
mod outcome;
mod output;

use std::process::ExitCode;

use clap::Parser;

use crate::command::Arguments;

fn main() -> ExitCode {
    let started = clock::now();
    // reqwest is built without a provider of its own; without one it could not speak TLS.
    if rustls::crypto::ring::default_provider()
        .install_default()
        .is_err()
    {
        output::note("a TLS provider was installed before");
    }
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return misused(&error),
    };
    let json = arguments.json;
    let result = command::run(arguments, started);
    logging::flush();
    match result {
        Ok(status) => status.into(),
        Err(failure) => output::failed(&failure, json),
    }
}

/// Help, version and wrong usage; scripts that asked for JSON get it here, too.
fn misused(error: &clap::Error) -> ExitCode {
    if error.use_stderr() && std::env::args_os().any(|argument| argument == "--json") {
        let text = error.to_string();
        let first = text.lines().next().unwrap_or_default();
        let message = first.strip_prefix("error: ").unwrap_or(first);
        output::line(&output::failure_json(message, "try --help"));
    }
    // A terminal that went away is no reason to fail.
    drop(error.print());
    u8::try_from(error.exit_code()).unwrap_or(2).into()
}
