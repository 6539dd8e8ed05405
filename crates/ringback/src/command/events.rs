//! `ringback events list`: the log of one callback.

use clap::{Args, Subcommand};

use crate::client::{Client, segment};
use crate::outcome::{Failure, Status};
use crate::output;

/// Arguments of `events`.
#[derive(Args, Debug)]
pub(super) struct Events {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the events of a callback
    List {
        /// The callback
        #[arg(long, value_name = "ID")]
        callback: String,
    },
}

impl Events {
    pub(super) async fn run(&self, client: &Client, as_json: bool) -> Result<Status, Failure> {
        let Action::List { callback } = &self.action;
        let path = format!("/api/v1/callbacks/{}/events", segment(callback));
        let answer = client.get(&path, &[]).await?;
        if as_json {
            output::line(&answer.to_string());
        } else {
            let keys = ["seq", "at_ms", "event_id", "state", "data"];
            let rows = output::rows(answer.get("events"), &keys);
            output::raw(&output::table(
                &["SEQ", "AT_MS", "EVENT", "STATE", "DATA"],
                &rows,
            ));
        }
        Ok(Status::Ok)
    }
}
