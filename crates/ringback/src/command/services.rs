//! `ringback services`: import, list, export, delete.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::import::Import;
use crate::client::{Client, segment};
use crate::outcome::{Failure, Status};
use crate::output;

/// Arguments of `services`.
#[derive(Args, Debug)]
pub(super) struct Services {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Import services from a file, all or nothing
    Import(Import),
    /// List the services with their options
    List,
    /// Print all services as the text that import reads
    Export,
    /// Remove a service that has no open callbacks
    Delete {
        /// The service
        name: String,
    },
}

impl Services {
    pub(super) async fn run(&self, client: &Client, as_json: bool) -> Result<Status, Failure> {
        match &self.action {
            Action::Import(import) => return import.run(client, "services", as_json).await,
            Action::List => {
                let answer = client.list("/api/v1/services", &[], "services").await?;
                if as_json {
                    output::line(&answer.to_string());
                } else {
                    output::raw(&list(&answer));
                }
            }
            Action::Delete { name } => {
                let path = format!("/api/v1/services/{}", segment(name));
                return client.remove(&path, name, as_json).await;
            }
            Action::Export => {
                let text = client.get_text("/api/v1/services/export").await?;
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

fn list(answer: &Value) -> String {
    let services = answer
        .get("services")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let rows: Vec<Vec<String>> = services
        .map(|service| {
            let options = service.get("options").and_then(Value::as_object);
            let option = |key: &str| output::cell(options.and_then(|all| all.get(key)));
            vec![
                output::cell(service.get("name")),
                option("_urs_virtual_queue"),
                option("_target"),
                options.map_or(0, serde_json::Map::len).to_string(),
            ]
        })
        .collect();
    output::table(&["NAME", "QUEUE", "TARGET", "OPTIONS"], &rows)
}
