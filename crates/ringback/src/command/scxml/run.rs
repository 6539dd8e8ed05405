//! `scxml run`: one document in real time, with its `BasicHTTP` processor on a free port.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use clap::Args;
use scxml::{
    Data, Dialect, Ending, Event, HttpRequest, Hub, HubSettings, Output, Start, ThreadTime,
};
use serde_json::{Value as Json, json};
use tokio::sync::mpsc;

use super::{load, refused};
use crate::clock;
use crate::outcome::{Failure, Status};
use crate::output;

/// Requests that wait for the document.
const REQUESTS_MAX: usize = 100;
/// Bytes of a request.
const BODY_MAX: usize = 1 << 20;
/// Longest wait for the receiver of a message.
const SEND_WITHIN: Duration = Duration::from_secs(10);
const SESSION: &str = "main";

/// Arguments of `scxml run`.
#[derive(Args, Debug)]
pub(super) struct Run {
    /// A file or an http address
    #[arg(value_name = "FILE|URL")]
    document: String,
    /// Send an event once the document waits; may be repeated
    #[arg(long = "event", value_name = "N=JSON")]
    events: Vec<String>,
    /// A value for the `<data>` with that id; may be repeated
    #[arg(long = "param", value_name = "N=JSON")]
    params: Vec<String>,
    /// w3c10 or ors2009; chosen by what the document looks like without it
    #[arg(long)]
    dialect: Option<Dialect>,
    /// Seconds until it is given up
    #[arg(long, default_value_t = 60.0, value_name = "S")]
    timeout: f64,
}

/// What comes from outside while the document runs.
enum Input {
    Request {
        session: String,
        request: HttpRequest,
        taken: tokio::sync::oneshot::Sender<bool>,
    },
    Undelivered {
        session: String,
        message: Box<scxml::Message>,
        reason: String,
    },
}

struct Runner {
    hub: Hub,
    inputs: mpsc::Sender<Input>,
    started: Instant,
    ended: Option<Output>,
    actions: Vec<Json>,
}

pub(super) async fn run(command: Run, as_json: bool) -> Result<Status, Failure> {
    let events = pairs(&command.events)?;
    let params = pairs(&command.params)?;
    let document = match load(&command.document, command.dialect).await? {
        Ok(document) => Arc::new(document),
        Err(problems) => {
            let failure = refused(&problems);
            if as_json {
                let error = json!({"name": "error.document", "message": failure.message});
                output::note(&failure.message);
                output::line(&json!({"outcome": "error", "final": null, "configuration": [], "donedata": null,
                    "events": 0, "microsteps": 0, "error": error}).to_string());
                return Ok(Status::BadInput);
            }
            return Err(failure);
        }
    };
    let (inputs, received) = mpsc::channel(REQUESTS_MAX);
    let base = listen(inputs.clone()).await?;
    let settings = HubSettings {
        http_base: Some(base),
        ..HubSettings::default()
    };
    let mut runner = Runner {
        hub: Hub::new(settings),
        inputs,
        started: clock::now(),
        ended: None,
        actions: Vec::new(),
    };
    let start = Start {
        id: SESSION.to_owned(),
        params,
        watch: Arc::new(ThreadTime),
        ..Start::default()
    };
    let now_ms = runner.now_ms();
    runner
        .hub
        .start(document, start, now_ms)
        .map_err(|error| Failure::bad_input(error.to_string(), ""))?;
    runner.outputs().await;
    for (name, data) in events {
        let now_ms = runner.now_ms();
        runner
            .hub
            .handle_event(SESSION, Event::external(name, data), now_ms);
        runner.outputs().await;
    }
    let limit = Duration::from_secs_f64(command.timeout.clamp(0.0, 1e6));
    // A timeout is an outcome, not a failure.
    let _elapsed = tokio::time::timeout(limit, runner.follow(received)).await;
    Ok(runner.report(as_json))
}

impl Runner {
    fn now_ms(&self) -> i64 {
        i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    /// Runs until the document ends.
    async fn follow(&mut self, mut inputs: mpsc::Receiver<Input>) {
        while self.ended.is_none() {
            let wait = match self.hub.next_time() {
                Some(next) => next.saturating_sub(self.now_ms()).max(0),
                None => i64::from(u32::MAX),
            };
            let wait = Duration::from_millis(u64::try_from(wait).unwrap_or_default());
            tokio::select! {
                input = inputs.recv() => match input {
                    Some(input) => self.input(input),
                    None => return,
                },
                () = tokio::time::sleep(wait) => {
                    let now_ms = self.now_ms();
                    self.hub.handle_time(now_ms);
                }
            }
            self.outputs().await;
        }
    }

    fn input(&mut self, input: Input) {
        let now_ms = self.now_ms();
        match input {
            Input::Request {
                session,
                request,
                taken,
            } => {
                // The one who asked may have gone.
                let _gone = taken.send(self.hub.handle_http(&session, request, now_ms));
            }
            Input::Undelivered {
                session,
                message,
                reason,
            } => {
                self.hub
                    .handle_undelivered(&session, *message, &reason, now_ms);
            }
        }
    }

    async fn outputs(&mut self) {
        while let Some(next) = self.hub.poll_output() {
            match next {
                Output::Load {
                    session,
                    invoke_id,
                    url,
                } => {
                    let document = child(&url).await;
                    let now_ms = self.now_ms();
                    self.hub
                        .handle_document(&session, &invoke_id, document, now_ms);
                }
                Output::Http {
                    session,
                    request,
                    message,
                } => self.send(session, request, message),
                Output::Message { session, message } => {
                    let now_ms = self.now_ms();
                    self.hub
                        .handle_undelivered(&session, *message, "nobody is there", now_ms);
                }
                Output::Log { line, .. } => {
                    let label = if line.label.is_empty() {
                        String::new()
                    } else {
                        format!("{}: ", line.label)
                    };
                    output::line(&format!("{label}{}", line.text));
                }
                Output::Action { session, action } => self.action(&session, &action),
                ended @ Output::Ended { .. } => self.ended = Some(ended),
            }
        }
    }

    /// There is no call here to act on: the document is told.
    fn action(&mut self, session: &str, action: &scxml::ModuleAction) {
        let element = &action.element.name;
        output::note(&format!(
            "{}:{element} needs a running server",
            action.module
        ));
        self.actions
            .push(json!(format!("{}:{element}", action.module)));
        let data = json!({"requestid": action.request_id, "error": "notsupported"});
        let event = Event::external(
            format!("error.{}.{element}", action.module),
            Data::Json(data),
        );
        let now_ms = self.now_ms();
        self.hub.handle_event(session, event, now_ms);
    }

    /// Sends a request; only a failure comes back.
    fn send(&self, session: String, request: HttpRequest, message: Box<scxml::Message>) {
        let inputs = self.inputs.clone();
        let sending = async move {
            if let Err(reason) = post(request).await {
                // The run may be over.
                let _over = inputs
                    .send(Input::Undelivered {
                        session,
                        message,
                        reason,
                    })
                    .await;
            }
        };
        spawn(sending);
    }

    fn report(&self, as_json: bool) -> Status {
        let (outcome, state, data, error) = match &self.ended {
            Some(Output::Ended {
                ending: Ending::Final { state, data },
                ..
            }) => ("final", json!(state), data.clone().into_json(), Json::Null),
            Some(Output::Ended {
                ending: Ending::Limit { message },
                ..
            }) => (
                "limit",
                Json::Null,
                Json::Null,
                json!({"name": "error.platform", "message": message}),
            ),
            Some(_) => ("stopped", Json::Null, Json::Null, Json::Null),
            None => ("timeout", Json::Null, Json::Null, Json::Null),
        };
        let (configuration, events, microsteps) = match (&self.ended, self.hub.session(SESSION)) {
            (
                Some(Output::Ended {
                    configuration,
                    events,
                    microsteps,
                    ..
                }),
                _,
            ) => (json!(configuration), *events, *microsteps),
            (_, Some(session)) => (
                json!(session.configuration()),
                session.events(),
                session.microsteps(),
            ),
            _ => (json!([]), 0, 0),
        };
        if as_json {
            output::line(&json!({
                "outcome": outcome, "final": state, "configuration": configuration, "donedata": data,
                "events": events, "microsteps": microsteps, "error": error,
            }).to_string());
        } else {
            let state = state
                .as_str()
                .map(|state| format!(" in {state}"))
                .unwrap_or_default();
            output::line(&format!(
                "{outcome}{state}: {events} events, {microsteps} microsteps"
            ));
        }
        if outcome == "final" {
            Status::Ok
        } else {
            Status::Missed
        }
    }
}

/// The document of an invoked session.
async fn child(url: &str) -> Result<Arc<scxml::Document>, String> {
    match load(url, None).await {
        Ok(Ok(document)) => Ok(Arc::new(document)),
        Ok(Err(problems)) => Err(problems
            .first()
            .map(ToString::to_string)
            .unwrap_or_default()),
        Err(failure) => Err(failure.message),
    }
}

async fn post(request: HttpRequest) -> Result<(), String> {
    let client = reqwest::Client::builder().timeout(SEND_WITHIN).build();
    let client = client.map_err(|error| error.to_string())?;
    let sent = client
        .post(&request.target)
        .header("content-type", request.content_type)
        .body(request.body)
        .send()
        .await
        .map_err(|error| error.to_string())?;
    sent.error_for_status()
        .map(|_| ())
        .map_err(|error| error.to_string())
}

/// The `BasicHTTP` processor; gives the base of its addresses.
async fn listen(inputs: mpsc::Sender<Input>) -> Result<String, Failure> {
    let failed = |error: std::io::Error| Failure::bad_input(format!("no free port: {error}"), "");
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
        .await
        .map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let routes = axum::Router::new()
        .route("/scxml/{session}", axum::routing::any(receive))
        .with_state(inputs);
    spawn(async move {
        // It ends with the process.
        let _ended = axum::serve(listener, routes).await;
    });
    Ok(format!("http://{address}/scxml"))
}

async fn receive(
    State(inputs): State<mpsc::Sender<Input>>,
    Path(session): Path<String>,
    request: Request,
) -> StatusCode {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_MAX).await else {
        return StatusCode::PAYLOAD_TOO_LARGE;
    };
    let content_type = parts
        .headers
        .get("content-type")
        .and_then(|value| value.to_str().ok());
    let request = HttpRequest {
        method: parts.method.to_string(),
        target: parts.uri.to_string(),
        content_type: content_type.unwrap_or_default().to_owned(),
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    let (taken, answer) = tokio::sync::oneshot::channel();
    if inputs
        .send(Input::Request {
            session,
            request,
            taken,
        })
        .await
        .is_err()
    {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    match answer.await {
        Ok(true) => StatusCode::OK,
        _ => StatusCode::NOT_FOUND,
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the command ends with its process; nothing outlives it"
)]
fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(task);
}

/// `NAME=JSON`; what is no JSON is a text, a bare name has no value.
fn pairs(arguments: &[String]) -> Result<Vec<(String, Data)>, Failure> {
    let pair = |argument: &String| {
        let (name, value) = match argument.split_once('=') {
            Some((name, value)) => {
                let value = serde_json::from_str(value).unwrap_or_else(|_text| Json::from(value));
                (name, Data::Json(value))
            }
            None => (argument.as_str(), Data::None),
        };
        if name.trim().is_empty() {
            return Err(Failure::new(
                Status::Usage,
                format!("`{argument}` has no name"),
                "write NAME=JSON",
            ));
        }
        Ok((name.trim().to_owned(), value))
    };
    arguments.iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_names_with_values() {
        let given = ["a={\"b\": 1}", "c=plain", "d"].map(str::to_owned);
        let expected = [
            ("a".to_owned(), Data::Json(json!({"b": 1}))),
            ("c".to_owned(), Data::Json(json!("plain"))),
            ("d".to_owned(), Data::None),
        ];
        assert_eq!(pairs(&given).unwrap(), expected);
        assert_eq!(pairs(&["=1".to_owned()]).unwrap_err().status, Status::Usage);
    }
}
