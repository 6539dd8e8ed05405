//! `ringback deliveries list`: status notifications and their attempts.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::Value;

use crate::client::Client;
use crate::outcome::{Failure, Status};
use crate::output;

/// Arguments of `deliveries`.
#[derive(Args, Debug)]
pub(super) struct Deliveries {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List deliveries, the newest first
    List {
        /// Only of this callback
        #[arg(long, value_name = "ID")]
        callback: Option<String>,
        /// Only in this state
        #[arg(long, value_enum)]
        state: Option<State>,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum State {
    /// Waits for its next attempt.
    Pending,
    /// Accepted by the receiver.
    Delivered,
    /// Given up.
    Failed,
}

impl Deliveries {
    pub(super) async fn run(&self, client: &Client, as_json: bool) -> Result<Status, Failure> {
        let Action::List { callback, state } = &self.action;
        let state = state.map(|state| match state {
            State::Pending => "pending",
            State::Delivered => "delivered",
            State::Failed => "failed",
        });
        let mut query: Vec<(&str, &str)> = Vec::new();
        query.extend(callback.iter().map(|value| ("callback", value.as_str())));
        query.extend(state.iter().map(|value| ("state", *value)));
        let answer = client.get("/api/v1/deliveries", &query).await?;
        if as_json {
            output::line(&answer.to_string());
        } else {
            output::raw(&table(&answer));
        }
        Ok(Status::Ok)
    }
}

fn table(answer: &Value) -> String {
    let deliveries = answer
        .get("deliveries")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let rows: Vec<Vec<String>> = deliveries
        .map(|delivery| {
            let attempts = delivery.get("attempts").and_then(Value::as_array);
            let last = attempts.and_then(|attempts| attempts.last());
            let of_last = |key: &str| output::cell(last.and_then(|attempt| attempt.get(key)));
            vec![
                output::cell(delivery.get("callback_id")),
                output::cell(delivery.get("seq")),
                output::cell(delivery.get("event_id")),
                output::cell(delivery.get("state")),
                attempts.map_or(0, Vec::len).to_string(),
                of_last("status"),
                output::cell(delivery.get("target")),
            ]
        })
        .collect();
    let head = [
        "CALLBACK", "SEQ", "EVENT", "STATE", "ATTEMPTS", "STATUS", "TARGET",
    ];
    output::table(&head, &rows)
}
