//! The command line: one file per command.

mod agents;
mod backup;
mod bench;
mod callbacks;
mod carrier;
mod completions;
mod cpd;
mod deliveries;
mod demo;
mod doctor;
mod events;
mod import;
mod migrate;
mod openapi;
mod options;
mod scxml;
mod serve;
mod services;
mod transactions;
mod vxml;

use std::time::Instant;

use clap::{Parser, Subcommand};

use crate::client::{Client, Connection};
use crate::logging::{self, LogFormat};
use crate::outcome::{Failure, Status};

/// Ringback, the open callback server.
#[derive(Debug, Parser)]
#[command(name = "ringback", version, about, long_about = None, max_term_width = 100)]
#[command(
    after_help = "Exit status: 0 ok, 1 a goal or expectation was missed, 2 usage, \
                        3 bad input or configuration, 4 server unreachable."
)]
pub(crate) struct Arguments {
    /// Print one JSON object as the last line of standard output
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// What is logged, e.g. info or info,telephony=debug
    #[arg(
        long,
        global = true,
        env = "RINGBACK_LOG",
        value_name = "FILTER",
        default_value = "info"
    )]
    log: String,
    /// Form of the logs
    #[arg(long, global = true, value_enum, default_value_t)]
    log_format: LogFormat,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    Serve(serve::Serve),
    /// Check configuration and surroundings before the server starts
    Doctor(doctor::Doctor),
    /// List every option of a service
    Options(options::Options),
    /// Import, list, export and delete services
    Services(Remote<services::Services>),
    /// Import, list, export and delete Transaction Lists
    Transactions(Remote<transactions::Transactions>),
    /// Import, list, set and delete agents
    Agents(Remote<agents::Agents>),
    /// Create, list, show, cancel and reschedule callbacks
    Callbacks(Remote<callbacks::Callbacks>),
    /// Show the event log of a callback, or follow the events of all
    Events(Remote<events::Events>),
    /// Show the status notifications and their attempts, try failed ones again
    Deliveries(Remote<deliveries::Deliveries>),
    /// Write a consistent copy of the running server's store
    Backup(Remote<backup::Backup>),
    /// Bring an older store up to date; serve does so by itself
    Migrate(migrate::Migrate),
    /// Run five callbacks against a simulated carrier, all on this machine
    Demo(demo::Demo),
    /// Detect what answered in audio files, or judge a labelled corpus
    Cpd(cpd::Cpd),
    /// Measure and compare with goals
    Bench(bench::Bench),
    /// Play customers, machines, faxes, busy lines and agents' phones over SIP and RTP
    Carrier(carrier::Carrier),
    /// Run, check and draw SCXML documents
    Scxml(scxml::Scxml),
    /// Run and check VoiceXML pages
    Vxml(vxml::Vxml),
    /// Print the OpenAPI document of both APIs
    Openapi,
    /// Print the completions of a shell
    Completions(completions::Completions),
}

/// A command for a running server.
#[derive(Debug, clap::Args)]
struct Remote<T: clap::Args> {
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    command: T,
}

/// Runs what the arguments say.
#[expect(
    clippy::too_many_lines,
    reason = "a dispatch table: one arm per command"
)]
pub(crate) fn run(arguments: Arguments, started: Instant) -> Result<Status, Failure> {
    let json = arguments.json;
    match arguments.command {
        Command::Serve(command) => {
            logging::start(&arguments.log, arguments.log_format)?;
            command.run(started)
        }
        Command::Doctor(command) => Ok(command.run(json)),
        Command::Options(command) => Ok(command.run(json)),
        Command::Openapi => Ok(openapi::run(json)),
        Command::Services(Remote {
            connection,
            command,
        }) => {
            let client = Client::new(connection)?;
            on_one_thread(command.run(&client, json))
        }
        Command::Transactions(Remote {
            connection,
            command,
        }) => {
            let client = Client::new(connection)?;
            on_one_thread(command.run(&client, json))
        }
        Command::Agents(Remote {
            connection,
            command,
        }) => {
            let client = Client::new(connection)?;
            on_one_thread(command.run(&client, json))
        }
        Command::Callbacks(Remote {
            connection,
            command,
        }) => {
            let client = Client::new(connection)?;
            on_one_thread(command.run(&client, json))
        }
        Command::Events(Remote {
            connection,
            command,
        }) => {
            let client = Client::new(connection)?;
            on_one_thread(command.run(&client, json))
        }
        Command::Deliveries(Remote {
            connection,
            command,
        }) => {
            let client = Client::new(connection)?;
            on_one_thread(command.run(&client, json))
        }
        Command::Backup(Remote {
            connection,
            command,
        }) => {
            let client = Client::new(connection)?;
            on_one_thread(command.run(&client, json))
        }
        Command::Migrate(command) => command.run(json),
        Command::Demo(command) => {
            logging::start(&arguments.log, arguments.log_format)?;
            on_all_threads(demo::run(command, json))
        }
        Command::Cpd(command) => command.run(json),
        Command::Bench(command) => {
            logging::start(&arguments.log, arguments.log_format)?;
            on_all_threads(bench::run(command, json))
        }
        Command::Carrier(command) => {
            logging::start(&arguments.log, arguments.log_format)?;
            on_all_threads(carrier::run(command, json))
        }
        Command::Scxml(command) => on_one_thread(scxml::run(command, json)),
        Command::Vxml(command) => on_one_thread(vxml::run(command, json)),
        Command::Completions(command) => Ok(command.run(json)),
    }
}

/// Runs a client command; it needs no second thread.
fn on_one_thread(
    command: impl Future<Output = Result<Status, Failure>>,
) -> Result<Status, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::bad_input(format!("no runtime: {error}"), ""))?
        .block_on(command)
}

/// Runs a command that has much to do at once.
fn on_all_threads(
    command: impl Future<Output = anyhow::Result<Status>>,
) -> Result<Status, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::bad_input(format!("no runtime: {error}"), ""))?;
    let done = runtime.block_on(command);
    // Reading standard input cannot be interrupted; it must not hold up the end.
    runtime.shutdown_background();
    done.map_err(|error| Failure::new(Status::Missed, format!("{error:#}"), ""))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn what_is_not_built_is_an_unknown_command() {
        let words = ["ringback", "simulate", "--seed", "1"];
        let error = Arguments::try_parse_from(words).unwrap_err();
        assert_eq!(error.exit_code(), 2);
    }

    #[test]
    fn global_flags_may_stand_behind_the_command() {
        let words = [
            "ringback",
            "callbacks",
            "list",
            "--json",
            "--url",
            "http://127.0.0.1:1",
        ];
        assert!(Arguments::try_parse_from(words).unwrap().json);
    }
}
