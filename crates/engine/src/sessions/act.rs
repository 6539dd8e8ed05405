//! Elements of modules: what each does, and the event that answers it.

use std::sync::Arc;

use scxml::{ActionElement, Data, Event, HttpRequest, Message, ModuleAction, Target};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::Sessions;
use super::cell::{Body, Cell, Input};
use super::dialog::plain;
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
            ("queue", "submit" | "update" | "cancel" | "query") => {
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
        mut event: Event,
        reply: oneshot::Sender<Value>,
    ) {
        if body.requests.len() < limits::SESSION_REQUESTS_MAX {
            let id = super::new_id();
            event.send_id = Some(id.clone());
            body.requests.push_back((id, reply));
            body.hub.handle_event(&cell.id, event, self.now_ms());
        }
    }

    /// `<session:response>`: answers the request with this id (`_event.sendid`), without one the
    /// oldest that waits.
    fn respond(&self, body: &mut Body, element: &ActionElement) {
        let content = element.content.clone().map(Data::into_json);
        let value = content.unwrap_or_else(|| {
            let pairs = element.params.iter().cloned();
            Value::Object(pairs.collect())
        });
        let asked = element
            .attribute("requestid")
            .map(plain)
            .unwrap_or_default();
        if !asked.is_empty() {
            let at = body.requests.iter().position(|(id, _)| *id == asked);
            if let Some((_, reply)) = at.and_then(|at| body.requests.remove(at)) {
                // Whoever asked may have gone.
                let _gone = reply.send(value);
            }
            return;
        }
        while let Some((_, reply)) = body.requests.pop_front() {
            if reply.send(value.clone()).is_ok() {
                return;
            }
        }
    }

    /// A message to another session, or to a module: then it is an element of that.
    pub(super) fn send_message(
        &self,
        cell: &Arc<Cell>,
        body: &mut Body,
        session: String,
        message: Box<Message>,
    ) {
        if let Target::Module(module) = &message.target {
            let action = element_of(module, &message);
            return self.act(cell, body, &session, action);
        }
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

/// The element that a message to a module (`fm`) stands for: its event names it, with or without
/// the module before it, its params are attributes and params.
fn element_of(module: &str, message: &Message) -> ModuleAction {
    let name = message.event.name.as_str();
    let name = name
        .strip_prefix(module)
        .and_then(|rest| rest.strip_prefix('.'))
        .unwrap_or(name);
    let pairs = message.pairs.iter();
    let pairs: Vec<(String, Value)> = pairs
        .map(|(name, value)| (name.clone(), value.clone().into_json()))
        .collect();
    ModuleAction {
        module: module.to_owned(),
        request_id: message.send_id.clone(),
        element: ActionElement {
            name: name.to_owned(),
            attributes: pairs.clone(),
            params: pairs,
            content: message.content.clone(),
            children: Vec::new(),
        },
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
