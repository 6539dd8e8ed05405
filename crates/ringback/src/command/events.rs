//! `ringback events`: the log of one callback, the stream of all.

use std::time::Duration;

use callback::Timestamp;
use clap::{Args, Subcommand};
use serde_json::Value;

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
    /// Follow the events of all callbacks, one line each, until interrupted
    Tail {
        /// Begin behind this event instead of now
        #[arg(long, value_name = "ID")]
        since_id: Option<String>,
    },
}

impl Events {
    pub(super) async fn run(&self, client: &Client, as_json: bool) -> Result<Status, Failure> {
        let callback = match &self.action {
            Action::List { callback } => callback,
            Action::Tail { since_id } => return tail(client, since_id.clone(), as_json).await,
        };
        let path = format!("/api/v1/callbacks/{}/events", segment(callback));
        let answer = client.list(&path, &[], "events").await?;
        if as_json {
            output::line(&answer.to_string());
        } else {
            let keys = ["seq", "at_ms", "event_id", "state", "data"];
            let mut rows = output::rows(answer.get("events"), &keys);
            for row in &mut rows {
                if let Some(at) = row.get_mut(1) {
                    *at = time(at);
                }
            }
            output::raw(&output::table(
                &["SEQ", "AT", "EVENT", "STATE", "DATA"],
                &rows,
            ));
        }
        Ok(Status::Ok)
    }
}

/// Follows the stream; when the connection breaks it goes on behind the last event.
async fn tail(client: &Client, since_id: Option<String>, as_json: bool) -> Result<Status, Failure> {
    let mut last = since_id;
    loop {
        let mut query: Vec<(&str, &str)> = Vec::new();
        query.extend(last.iter().map(|id| ("since_id", id.as_str())));
        let mut stream = client.open("/api/v1/events/tail", &query).await?;
        let mut waiting = Vec::new();
        // An error is a broken connection: the next one goes on where it broke.
        while let Ok(Some(chunk)) = stream.chunk().await {
            waiting.extend_from_slice(&chunk);
            while let Some(end) = waiting.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = waiting.drain(..=end).collect();
                let line = String::from_utf8_lossy(&line);
                if let Some(id) = line.strip_prefix("id: ") {
                    last = Some(id.trim().to_owned());
                } else if let Some(data) = line.strip_prefix("data: ") {
                    output::line(&shown(data.trim(), as_json));
                }
            }
        }
        tokio::time::sleep(RECONNECT).await;
    }
}

/// Milliseconds as people read them.
fn time(ms: &str) -> String {
    ms.parse()
        .map_or_else(|_unknown| ms.to_owned(), |ms| Timestamp(ms).to_iso())
}

/// Pause before a broken stream is opened again.
const RECONNECT: Duration = Duration::from_secs(1);

fn shown(data: &str, as_json: bool) -> String {
    if as_json {
        return data.to_owned();
    }
    let event: Value = serde_json::from_str(data).unwrap_or_default();
    let part = |key: &str| output::cell(event.get(key));
    format!(
        "{} {} {} {} {}",
        time(&part("at_ms")),
        part("callback_id"),
        part("seq"),
        part("event_id"),
        part("state")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_as_people_read_them() {
        let data = r#"{"at_ms":0,"callback_id":"1-a","seq":2,"event_id":"e","state":"QUEUED"}"#;
        assert_eq!(
            shown(data, false),
            "1970-01-01T00:00:00.000Z 1-a 2 e QUEUED"
        );
        assert_eq!(shown(data, true), data);
    }
}
