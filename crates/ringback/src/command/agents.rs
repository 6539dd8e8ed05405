//! `ringback agents`: import, list, set, delete.

use clap::{Args, Subcommand, ValueEnum};
use reqwest::Method;
use serde_json::{Value, json};

use super::import::Import;
use crate::client::{Client, segment};
use crate::outcome::{Failure, Status};
use crate::output;

/// Arguments of `agents`.
#[derive(Args, Debug)]
pub(super) struct Agents {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Import agents from a file, all or nothing
    Import(Import),
    /// List the agents with their states
    List,
    /// Remove an agent who is not busy with a callback
    Delete {
        /// The agent
        id: String,
    },
    /// Set an agent ready or not ready
    Set {
        /// The agent
        id: String,
        /// The state
        #[arg(long, value_enum)]
        state: State,
        /// Why the agent is not ready
        #[arg(long)]
        reason: Option<String>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum State {
    /// Takes calls.
    #[value(name = "ready")]
    Ready,
    /// Takes no calls.
    #[value(name = "not_ready")]
    NotReady,
}

impl Agents {
    pub(super) async fn run(&self, client: &Client, as_json: bool) -> Result<Status, Failure> {
        let answer = match &self.action {
            Action::Import(import) => return import.run(client, "agents", as_json).await,
            Action::List => client.list("/api/v1/agents", &[], "agents").await?,
            Action::Delete { id } => {
                let path = format!("/api/v1/agents/{}", segment(id));
                return client.remove(&path, id, as_json).await;
            }
            Action::Set { id, state, reason } => {
                let body = match state {
                    State::Ready if reason.is_some() => {
                        return Err(Failure::new(
                            Status::Usage,
                            "--reason belongs to --state not_ready",
                            "leave it out",
                        ));
                    }
                    State::Ready => json!({"state": "ready"}),
                    State::NotReady => json!({"state": "not_ready", "reason": reason}),
                };
                let path = format!("/api/v1/agents/{}/state", segment(id));
                let answer = client.send_json(Method::POST, &path, &body).await?;
                if *state == State::Ready && has_no_phone(&answer, id) {
                    output::note(&format!(
                        "no phone is registered for {id}: no calls until it registers"
                    ));
                }
                answer
            }
        };
        if as_json {
            output::line(&answer.to_string());
        } else {
            output::raw(&table(&answer));
        }
        Ok(Status::Ok)
    }
}

/// Whether the answer says that the phone of this agent is not registered.
fn has_no_phone(answer: &Value, id: &str) -> bool {
    let agents = answer.get("agents").and_then(Value::as_array);
    agents.into_iter().flatten().any(|agent| {
        agent.get("id").and_then(Value::as_str) == Some(id)
            && agent.get("registered") == Some(&Value::Bool(false))
    })
}

fn table(answer: &Value) -> String {
    let keys = [
        "id",
        "extension",
        "state",
        "registered",
        "groups",
        "call_id",
    ];
    let mut rows = output::rows(answer.get("agents"), &keys);
    for row in &mut rows {
        if let Some(groups) = row.get_mut(4) {
            groups.retain(|c| !"[]\"".contains(c));
        }
    }
    output::table(
        &["ID", "EXTENSION", "STATE", "REGISTERED", "GROUPS", "CALL"],
        &rows,
    )
}
