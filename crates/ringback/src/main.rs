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
    let arguments = Arguments::parse();
    let json = arguments.json;
    let result = command::run(arguments, started);
    logging::flush();
    match result {
        Ok(status) => status.into(),
        Err(failure) => output::failed(&failure, json),
    }
}
