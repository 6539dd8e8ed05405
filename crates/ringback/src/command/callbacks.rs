//! `ringback callbacks`: create, list, show, cancel, reschedule.

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::client::{Client, segment};
use crate::outcome::{Failure, Status};
use crate::output;

/// Arguments of `callbacks`.
#[derive(Args, Debug)]
pub(super) struct Callbacks {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Ask for a callback
    Create(Create),
    /// List callbacks, expired ones included
    List(List),
    /// Show one callback
    Show {
        /// The callback
        id: String,
    },
    /// Cancel a callback
    Cancel {
        /// The callback
        id: String,
    },
    /// Give a callback another time
    Reschedule {
        /// The callback
        id: String,
        /// The new time, e.g. 2026-10-05T13:00:00Z
        #[arg(long, value_name = "TIME")]
        at: String,
    },
}

/// Arguments of `callbacks create`.
#[derive(Args, Debug)]
struct Create {
    /// The service
    #[arg(long)]
    service: String,
    /// The customer's number
    #[arg(long)]
    number: String,
    /// When to call, e.g. 2026-10-05T13:00:00Z; without it at once
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Attached data; with a leading _ a parameter of the service
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    data: Vec<(String, String)>,
}

/// Arguments of `callbacks list`.
#[derive(Args, Debug)]
struct List {
    /// Only of this service
    #[arg(long)]
    service: Option<String>,
    /// Only in this state, e.g. QUEUED; may be given several times
    #[arg(long)]
    state: Vec<String>,
    /// Only for this customer number
    #[arg(long)]
    number: Option<String>,
    /// At most so many
    #[arg(long)]
    limit: Option<usize>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        Some(_) | None => Err("write KEY=VALUE".to_owned()),
    }
}

impl Callbacks {
    pub(super) async fn run(&self, client: &Client, as_json: bool) -> Result<Status, Failure> {
        let one = |id: &str| format!("/api/v1/callbacks/{}", segment(id));
        let answer = match &self.action {
            Action::Create(create) => create.send(client).await?,
            Action::List(list) => list.send(client).await?,
            Action::Show { id } => client.get(&one(id), &[]).await?,
            Action::Cancel { id } => client.delete(&one(id)).await?,
            Action::Reschedule { id, at } => {
                client
                    .send_json(Method::PUT, &one(id), &json!({"desired_time": at}))
                    .await?
            }
        };
        if as_json {
            output::line(&answer.to_string());
            return Ok(Status::Ok);
        }
        match &self.action {
            Action::List(_) => output::raw(&table(&answer)),
            Action::Create(_) | Action::Show { .. } => output::raw(&fields(&answer)),
            Action::Cancel { .. } => output::line("cancelled"),
            Action::Reschedule { .. } => {
                let time = output::cell(answer.get("_desired_time"));
                output::line(&format!("rescheduled to {time}"));
            }
        }
        Ok(Status::Ok)
    }
}

impl Create {
    async fn send(&self, client: &Client) -> Result<Value, Failure> {
        let mut body = Map::new();
        for (key, value) in &self.data {
            body.insert(key.clone(), json!(value));
        }
        body.insert("_customer_number".to_owned(), json!(self.number));
        if let Some(at) = &self.at {
            body.insert("_desired_time".to_owned(), json!(at));
        }
        let path = format!("/api/v1/callbacks?service={}", segment(&self.service));
        client
            .send_json(Method::POST, &path, &Value::Object(body))
            .await
    }
}

impl List {
    async fn send(&self, client: &Client) -> Result<Value, Failure> {
        let limit = self.limit.map(|limit| limit.to_string());
        let mut query: Vec<(&str, &str)> = Vec::new();
        query.extend(self.service.iter().map(|value| ("service", value.as_str())));
        query.extend(self.state.iter().map(|value| ("state", value.as_str())));
        query.extend(self.number.iter().map(|value| ("number", value.as_str())));
        query.extend(limit.iter().map(|value| ("limit", value.as_str())));
        client.get("/api/v1/callbacks", &query).await
    }
}

fn table(answer: &Value) -> String {
    let keys = [
        "_id",
        "_service_name",
        "_callback_state",
        "_callback_reason",
        "_desired_time",
        "_rb_attempts",
    ];
    let rows = output::rows(answer.get("callbacks"), &keys);
    output::table(
        &["ID", "SERVICE", "STATE", "REASON", "DESIRED", "ATTEMPTS"],
        &rows,
    )
}

fn fields(answer: &Value) -> String {
    let rows: Vec<Vec<String>> = answer
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| vec![key.clone(), output::cell(Some(value))])
        .collect();
    output::table(&["KEY", "VALUE"], &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_written_as_key_and_value() {
        assert_eq!(pair("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert_eq!(pair("a="), Ok(("a".to_owned(), String::new())));
        assert!(pair("a").is_err());
        assert!(pair("=b").is_err());
    }
}
