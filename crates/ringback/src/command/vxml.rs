//! `ringback vxml`: runs and checks `VoiceXML` pages; no server and no phone needed.

mod fetch;
mod run;

use clap::{Args, Subcommand};
use serde_json::json;
use vxml::{Document, Problem};

use self::run::Run;
use crate::outcome::{Failure, Status};
use crate::output;

/// Runs and checks `VoiceXML` pages.
#[derive(Args, Debug)]
pub(crate) struct Vxml {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run an application without a phone; prints what happens as JSON lines, the result last
    Run(Run),
    /// Report the faults of a page with line and column
    Check(Check),
}

#[derive(Args, Debug)]
struct Check {
    /// A file or an http address
    #[arg(value_name = "FILE")]
    document: String,
}

/// Runs the command.
pub(crate) async fn run(command: Vxml, as_json: bool) -> Result<Status, Failure> {
    match command.command {
        Command::Run(command) => run::run(command).await,
        Command::Check(command) => check(command, as_json).await,
    }
}

async fn check(command: Check, as_json: bool) -> Result<Status, Failure> {
    let url = &command.document;
    let answer = fetch::read(url).await.map_err(|error| {
        let message = format!("{url}: {}", error.message);
        Failure::bad_input(message, "name a readable file or an http address")
    })?;
    let text = String::from_utf8_lossy(&answer.body);
    let problems: Vec<Problem> = match Document::compile(url, &text) {
        Ok(document) => document.faults().to_vec(),
        Err(problems) => problems,
    };
    let ok = problems.is_empty();
    if as_json {
        let problems: Vec<_> = problems
            .iter()
            .map(|problem| {
                json!({
                    "line": problem.place.line, "column": problem.place.column,
                    "message": problem.message,
                })
            })
            .collect();
        output::line(&json!({"ok": ok, "problems": problems}).to_string());
    } else {
        for problem in &problems {
            output::line(&format!("{url}:{problem}"));
        }
        output::line(&match problems.len() {
            0 => "no problems".to_owned(),
            count => format!("{count} problems"),
        });
    }
    Ok(if ok { Status::Ok } else { Status::BadInput })
}
