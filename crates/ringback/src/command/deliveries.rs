//! `ringback deliveries`: status notifications and their attempts, failed ones tried again.

use clap::{Args, Subcommand, ValueEnum};
use reqwest::Method;
use serde_json::Value;

use crate::client::{Client, segment};
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
    /// Try deliveries again that were given up
    Retry(Retry),
}

#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct Retry {
    /// This delivery
    id: Option<String>,
    /// All that were given up
    #[arg(long)]
    failed: bool,
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
        match &self.action {
            Action::List { callback, state } => list(client, callback, *state, as_json).await,
            Action::Retry(retry) => retry.run(client, as_json).await,
        }
    }
}

impl Retry {
    async fn run(&self, client: &Client, as_json: bool) -> Result<Status, Failure> {
        let path = match &self.id {
            Some(id) => format!("/api/v1/deliveries/{}/retry", segment(id)),
            None => "/api/v1/deliveries/retry".to_owned(),
        };
        let answer = client.send_json(Method::POST, &path, &Value::Null).await?;
        if as_json {
            output::line(&answer.to_string());
        } else {
            let count = output::cell(answer.get("retried"));
            output::line(&format!("{count} deliveries are tried again"));
        }
        Ok(Status::Ok)
    }
}

async fn list(
    client: &Client,
    callback: &Option<String>,
    state: Option<State>,
    as_json: bool,
) -> Result<Status, Failure> {
    let state = state.map(|state| match state {
        State::Pending => "pending",
        State::Delivered => "delivered",
        State::Failed => "failed",
    });
    let mut query: Vec<(&str, &str)> = Vec::new();
    query.extend(callback.iter().map(|value| ("callback", value.as_str())));
    query.extend(state.iter().map(|value| ("state", *value)));
    let answer = client
        .list("/api/v1/deliveries", &query, "deliveries")
        .await?;
    let is_empty = answer.pointer("/deliveries/0").is_none();
    if let (true, Some(callback)) = (is_empty, callback) {
        // Nothing to deliver, or no such callback: the server says the latter.
        let path = format!("/api/v1/callbacks/{}", segment(callback));
        client.get(&path, &[]).await?;
    }
    if as_json {
        output::line(&answer.to_string());
    } else {
        output::raw(&table(&answer));
    }
    Ok(Status::Ok)
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
                output::cell(delivery.get("id")),
                output::cell(delivery.get("callback_id")),
                output::cell(delivery.get("event_id")),
                output::cell(delivery.get("state")),
                attempts.map_or(0, Vec::len).to_string(),
                // 0 = the receiver gave no answer.
                Some(of_last("status"))
                    .filter(|status| status != "0")
                    .unwrap_or_default(),
                of_last("error"),
                output::cell(delivery.get("target")),
            ]
        })
        .collect();
    let head = [
        "ID", "CALLBACK", "EVENT", "STATE", "ATTEMPTS", "STATUS", "ERROR", "TARGET",
    ];
    output::table(&head, &rows)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_line_has_the_id_to_retry_and_the_last_error() {
        let attempt = json!({"at": "t", "status": 0, "error": "timeout", "ms": 5});
        let delivery = json!({"id": "1-a.4", "callback_id": "1-a", "seq": 9, "event_id": "e",
            "state": "failed", "attempts": [attempt], "target": "http://crm/"});
        let shown = table(&json!({"deliveries": [delivery]}));
        let lines: Vec<Vec<&str>> = shown
            .lines()
            .map(|l| l.split_whitespace().collect())
            .collect();
        assert_eq!(lines[0][0], "ID");
        let expected = ["1-a.4", "1-a", "e", "failed", "1", "timeout", "http://crm/"];
        assert_eq!(lines[1], expected);
    }
}
