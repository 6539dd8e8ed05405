//! `ringback transactions`: import, list, export, delete.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::import::Import;
use crate::client::{Client, segment};
use crate::outcome::{Failure, Status};
use crate::output;

/// Arguments of `transactions`.
#[derive(Args, Debug)]
pub(super) struct Transactions {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Import a Transaction List; its name is that of the file without .cfg
    Import(ImportList),
    /// List the Transaction Lists with their parameters and events
    List,
    /// Print a Transaction List as the text that import reads
    Export {
        /// The list
        name: String,
    },
    /// Remove a Transaction List that nothing names
    Delete {
        /// The list
        name: String,
    },
}

#[derive(Args, Debug)]
struct ImportList {
    #[command(flatten)]
    import: Import,
    /// Another name than that of the file
    #[arg(long)]
    name: Option<String>,
}

impl Transactions {
    pub(super) async fn run(&self, client: &Client, as_json: bool) -> Result<Status, Failure> {
        match &self.action {
            Action::Import(list) => {
                let name = list.name.clone().or_else(|| list.import.stem());
                let name = name.ok_or_else(|| {
                    Failure::bad_input("the list needs a name", "add --name <NAME>")
                })?;
                let more = [("name", name.as_str())];
                return list
                    .import
                    .run_with(client, "transactions", &more, as_json)
                    .await;
            }
            Action::List => {
                let answer = client
                    .list("/api/v1/transactions", &[], "transactions")
                    .await?;
                if as_json {
                    output::line(&answer.to_string());
                } else {
                    output::raw(&table(&answer));
                }
            }
            Action::Delete { name } => {
                let path = format!("/api/v1/transactions/{}", segment(name));
                return client.remove(&path, name, as_json).await;
            }
            Action::Export { name } => {
                let path = format!("/api/v1/transactions/{}/export", segment(name));
                let text = client.get_text(&path).await?;
                if as_json {
                    output::line(&json!({"ini": text}).to_string());
                } else {
                    output::raw(&text);
                }
            }
        }
        Ok(Status::Ok)
    }
}

fn table(answer: &Value) -> String {
    let lists = answer.get("transactions").and_then(Value::as_array);
    let rows: Vec<Vec<String>> = lists
        .into_iter()
        .flatten()
        .map(|list| {
            let events = list.get("events").and_then(Value::as_array);
            let property = |key: &str| output::cell(list.pointer(&format!("/properties/{key}")));
            vec![
                output::cell(list.get("name")),
                property("_enable_status_notification"),
                property("_status_notification_target"),
                events.map_or(0, Vec::len).to_string(),
            ]
        })
        .collect();
    output::table(&["NAME", "MODE", "TARGET", "EVENTS"], &rows)
}
