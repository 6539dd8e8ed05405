//! Elements of modules: what each does, and the event that answers it.

use std::sync::Arc;

use scxml::{ActionElement, Data, Event, HttpRequest, Message, ModuleAction, Target};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::Sessions;
use super::cell::{Body, Cell, Input};
use super::documents::check_address;
use crate::limits;
use crate::notify::describe;
use crate::shard::{Act, Line};

impl Sessions {
    /// Carries out an element of a module.
    pub(super) fn act(
        &self,
        cell: &Arc<Cell>,
        body: &mut Body,
        session: &str,
        action: ModuleAction,
    ) {
        let ModuleAction {
            module,
            request_id,
            element,
        } = action;
        match (module.as_str(), element.name.as_str()) {
            ("session", "fetch") => self.fetch(cell, session, &element, request_id),
            ("session", "start") => self.start_element(cell, session, &element, request_id),
            ("session", "terminate" | "updatestart") => {
                let (name, data) = self.other_session(&element, &request_id);
                self.answer(body, session, &name, data);
            }
            ("session", "response") => self.respond(body, &element),
            ("queue", "submit" | "cancel" | "query") => {
                self.queue(cell, body, session, &element, request_id);
            }
            ("interaction", "redirect")
                if self.redirect_to_found(cell, body, session, &element, &request_id) => {}
            ("interaction", "createcall") => {
                self.create_call(cell, body, session, &element, request_id);
            }
            (
                "interaction",
                "detach" | "attach" | "associate" | "accept" | "redirect" | "terminate",
            ) => self.interaction(cell, body, session, &element, request_id),
            ("dialog", "stop") => self.stop_element(cell, body, session, &element, &request_id),
            (
                "dialog",
                "play" | "playandcollect" | "collect" | "playandverify" | "playsound" | "pause"
                | "start" | "remote",
            ) => self.treat(cell, body, session, &element, &request_id),
            (module, name) => {
                let (name, data) = failed(module, name, &request_id, "notsupported");
                self.answer(body, session, &name, data);
            }
        }
    }

    /// Asks the shard to act on a call.
    pub(super) fn control(
        &self,
        line: Line,
        act: Act,
    ) -> impl Future<Output = Result<(), &'static str>> + Send + 'static {
        crate::shard::control(self.inner.commands.clone(), line, act)
    }

    /// A request that waits for `<response>`.
    pub(super) fn request(
        &self,
        cell: &Arc<Cell>,
        body: &mut Body,
        event: Event,
        reply: oneshot::Sender<Value>,
    ) {
        if body.requests.len() < limits::SESSION_REQUESTS_MAX {
            body.requests.push_back(reply);
            body.hub.handle_event(&cell.id, event, self.now_ms());
        }
    }

    /// `<session:response>`: answers the oldest request that waits.
    fn respond(&self, body: &mut Body, element: &ActionElement) {
        let content = element.content.clone().map(Data::into_json);
        let value = content.unwrap_or_else(|| {
            let pairs = element.params.iter().cloned();
            Value::Object(pairs.collect())
        });
        while let Some(reply) = body.requests.pop_front() {
            // Whoever asked may have gone.
            if reply.send(value.clone()).is_ok() {
                return;
            }
        }
    }

    pub(super) fn send_message(&self, cell: &Arc<Cell>, session: String, message: Box<Message>) {
        let other = match &message.target {
            Target::Session(other) => self.cell(other).map(|found| (found, other.clone())),
            _ => None,
        };
        let taken = other.is_some_and(|(found, other)| {
            self.push(&found, Input::Event(other, message.event.clone()))
        });
        if !taken {
            let reason = "nobody is there".to_owned();
            let input = Input::Undelivered {
                session,
                message,
                reason,
            };
            self.push(cell, input);
        }
    }

    /// Sends a message of the `BasicHTTP` processor.
    pub(super) fn send_http(
        &self,
        cell: &Arc<Cell>,
        session: String,
        request: HttpRequest,
        message: Box<Message>,
    ) {
        let (sessions, cell) = (self.clone(), Arc::clone(cell));
        let place = cell.begin_fetch();
        self.inner.supervisor.spawn("session", async move {
            let sent = match place {
                Some(_place) => post(&sessions.inner.client, request).await,
                None => Err(too_many_fetches()),
            };
            if let Err(reason) = sent {
                let input = Input::Undelivered {
                    session,
                    message,
                    reason,
                };
                sessions.push(&cell, input);
            }
        });
    }
}

/// Why nothing is fetched or sent beyond the bound.
pub(super) fn too_many_fetches() -> String {
    format!("more than {} fetches", limits::SESSION_FETCHES_MAX)
}

async fn post(client: &reqwest::Client, request: HttpRequest) -> Result<(), String> {
    let url = check_address(&request.target)?;
    let answer = client
        .post(url)
        .timeout(limits::DOCUMENT_TIMEOUT)
        .header("content-type", request.content_type)
        .body(request.body)
        .send()
        .await
        .map_err(|error| describe(&error))?;
    if answer.status().is_success() {
        Ok(())
    } else {
        Err(format!("status {}", answer.status().as_u16()))
    }
}

/// The error event of an element.
pub(super) fn failed(module: &str, element: &str, request: &str, error: &str) -> (String, Value) {
    let data = json!({"requestid": request, "error": error});
    (format!("error.{module}.{element}"), data)
}
