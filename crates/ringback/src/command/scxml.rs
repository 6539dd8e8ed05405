//! `ringback scxml`: runs, checks and draws SCXML documents; no server needed.

mod files;
mod run;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use scxml::{Dialect, Loader, Problem};
use serde_json::json;

use self::run::Run;
use crate::outcome::{Failure, Status};
use crate::output;

/// Runs, checks and draws SCXML documents.
#[derive(Args, Debug)]
pub(crate) struct Scxml {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a document to its end
    Run(Run),
    /// Report the faults of a document with line and column
    Check(Check),
    /// Draw a document as SVG
    Graph(Graph),
}

#[derive(Args, Debug)]
struct Check {
    /// A file or an http address
    #[arg(value_name = "FILE")]
    document: String,
    /// w3c10 or ors2009; chosen by what the document looks like without it
    #[arg(long)]
    dialect: Option<Dialect>,
}

#[derive(Args, Debug)]
struct Graph {
    /// A file or an http address
    #[arg(value_name = "FILE")]
    document: String,
    /// Where the drawing goes
    #[arg(short, long, value_name = "SVG")]
    output: PathBuf,
    /// w3c10 or ors2009; chosen by what the document looks like without it
    #[arg(long)]
    dialect: Option<Dialect>,
}

/// Runs the command.
pub(crate) async fn run(command: Scxml, as_json: bool) -> Result<Status, Failure> {
    match command.command {
        Command::Run(command) => run::run(command, as_json).await,
        Command::Check(command) => check(command, as_json).await,
        Command::Graph(command) => graph(command, as_json).await,
    }
}

/// Loads a document with all it includes.
async fn load(
    document: &str,
    dialect: Option<Dialect>,
) -> Result<Result<scxml::Document, Vec<Problem>>, Failure> {
    let text = files::read(document).await.map_err(|error| {
        Failure::bad_input(
            format!("{document}: {error}"),
            "name a readable file or an http address",
        )
    })?;
    let mut loader = Loader::new(document, text, dialect);
    while let Some(missing) = loader.poll_missing() {
        let text = files::read(&missing).await;
        loader.handle_file(&missing, text);
    }
    Ok(loader.finish())
}

async fn check(command: Check, as_json: bool) -> Result<Status, Failure> {
    let problems = match load(&command.document, command.dialect).await? {
        Ok(document) => document.faults().to_vec(),
        Err(problems) => problems,
    };
    let ok = problems.is_empty();
    if as_json {
        let problems: Vec<_> = problems.iter().map(|problem| {
            let mut row = json!({
                "line": problem.place.line, "column": problem.place.column, "message": problem.message,
            });
            if !problem.place.file.is_empty() {
                row["file"] = json!(&*problem.place.file);
            }
            row
        }).collect();
        output::line(&json!({"ok": ok, "problems": problems}).to_string());
    } else {
        for problem in &problems {
            let file = if problem.place.file.is_empty() {
                format!("{}:", command.document)
            } else {
                String::new()
            };
            output::line(&format!("{file}{problem}"));
        }
        output::line(&match problems.len() {
            0 => "no problems".to_owned(),
            count => format!("{count} problems"),
        });
    }
    Ok(if ok { Status::Ok } else { Status::BadInput })
}

async fn graph(command: Graph, as_json: bool) -> Result<Status, Failure> {
    let document = load(&command.document, command.dialect)
        .await?
        .map_err(|problems| refused(&problems))?;
    std::fs::write(&command.output, document.to_svg()).map_err(|error| {
        Failure::bad_input(
            format!("{}: {error}", command.output.display()),
            "name a file that can be written",
        )
    })?;
    if as_json {
        let states = document.state_count();
        output::line(&json!({"ok": true, "file": command.output, "states": states}).to_string());
    }
    Ok(Status::Ok)
}

/// A document that cannot run.
fn refused(problems: &[Problem]) -> Failure {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    Failure::bad_input(
        lines.join("\n"),
        "`ringback scxml check` lists all problems",
    )
}
