//! `ringback callbacks`: create, list, show, cancel, reschedule.

use callback::Timestamp;
use callback::record::State;
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
        #[arg(long, value_name = "TIME", value_parser = time)]
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
    #[arg(long, value_name = "TIME", value_parser = time)]
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
    /// Only in this state; may be given several times
    #[arg(long, value_parser = state)]
    state: Vec<&'static str>,
    /// Only for this customer number
    #[arg(long)]
    number: Option<String>,
    /// At most so many, 1 to 1000
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
}

/// A state in any case.
fn state(text: &str) -> Result<&'static str, String> {
    let mut states = State::ALL.iter().map(|state| state.as_str());
    let found = states.find(|state| state.eq_ignore_ascii_case(text));
    found.ok_or_else(|| {
        let all: Vec<&str> = State::ALL.iter().map(|state| state.as_str()).collect();
        format!("write one of {}", all.join(", "))
    })
}

/// A time as the API takes it.
fn time(text: &str) -> Result<String, String> {
    match Timestamp::parse_iso(text) {
        Some(_) => Ok(text.to_owned()),
        None => Err("write a time in UTC such as 2026-10-05T13:00:00Z".to_owned()),
    }
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
            Action::Create(create) => client.with("_id", create.send(client).await?)?,
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
        let limit = self.limit.to_string();
        let mut query: Vec<(&str, &str)> = Vec::new();
        query.extend(self.service.iter().map(|value| ("service", value.as_str())));
        query.extend(self.state.iter().map(|value| ("state", *value)));
        query.extend(self.number.iter().map(|value| ("number", value.as_str())));
        query.push(("limit", limit.as_str()));
        let found = client
            .list("/api/v1/callbacks", &query, "callbacks")
            .await?;
        let shown = found.get("callbacks").and_then(Value::as_array);
        let shown = shown.map_or(0, Vec::len);
        if shown == 0
            && let Some(service) = &self.service
        {
            is_service(client, service).await?;
        }
        if shown == usize::from(self.limit) {
            let count = client.get("/api/v1/callbacks/count", &query).await?;
            let count = count.get("count").and_then(Value::as_u64).unwrap_or(0);
            if count > shown as u64 {
                output::note(&format!(
                    "{shown} of {count} callbacks; --limit shows more, up to 1000"
                ));
            }
        }
        Ok(found)
    }
}

/// Nothing found may be a slip in the name of the service.
async fn is_service(client: &Client, name: &str) -> Result<(), Failure> {
    let answer = client.list("/api/v1/services", &[], "services").await?;
    let services = answer.get("services").and_then(Value::as_array);
    let named = |service: &Value| service.get("name").and_then(Value::as_str) == Some(name);
    if services.into_iter().flatten().any(named) {
        return Ok(());
    }
    Err(Failure::bad_input(
        format!("there is no service '{name}'"),
        "'ringback services list' shows all",
    ))
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
    fn states_and_times_are_checked_before_anything_is_sent() {
        assert_eq!(state("queued"), Ok("QUEUED"));
        assert!(state("FOO").unwrap_err().contains("SCHEDULED"));
        assert!(time("2026-10-05T13:00:00Z").is_ok());
        for wrong in ["15:00", "tomorrow", ""] {
            assert!(time(wrong).unwrap_err().contains("2026-10-05T13:00:00Z"));
        }
    }

    #[test]
    fn data_is_written_as_key_and_value() {
        assert_eq!(pair("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert_eq!(pair("a="), Ok(("a".to_owned(), String::new())));
        assert!(pair("a").is_err());
        assert!(pair("=b").is_err());
    }
}
