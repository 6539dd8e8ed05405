//! Elements of modules: what each does, and the event that answers it.

use std::sync::Arc;

use scxml::{ActionElement, Data, Event, HttpRequest, Message, ModuleAction, Target};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::cell::{Body, Cell, Input};
use super::dialog::plain;
use super::documents::check_address;
use super::{Sessions, event};
use crate::limits;
use crate::notify::describe;
use crate::shard::{Act, Command};

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
                if self.redirect_to_found(cell, body, &element, &request_id) => {}
            ("interaction", "detach" | "attach" | "accept" | "redirect" | "terminate") => {
                self.interaction(cell, body, session, &element, request_id);
            }
            ("dialog", "play" | "playandcollect" | "collect" | "playsound" | "stop") => {
                if let Some(why) = foreign(cell, &element) {
                    let (name, data) = failed("dialog", &element.name, &request_id, why);
                    return self.answer(body, session, &name, data);
                }
                if element.name == "stop" {
                    self.stop_treatment(cell, body);
                    let data = json!({"requestid": request_id});
                    return self.answer(body, session, "dialog.stop.done", data);
                }
                self.treat(cell, body, session, &element, &request_id);
            }
            (module, name) => {
                let (name, data) = failed(module, name, &request_id, "notsupported");
                self.answer(body, session, &name, data);
            }
        }
    }

    fn interaction(
        &self,
        cell: &Arc<Cell>,
        body: &mut Body,
        session: &str,
        element: &ActionElement,
        request: String,
    ) {
        let refused = foreign(cell, element)
            .or_else(|| body.treatment.as_ref().map(|_| "invalidstate"))
            .filter(|_| element.name != "terminate" && element.name != "accept");
        if let Some(why) = refused.or_else(|| foreign(cell, element)) {
            let (name, data) = failed("interaction", &element.name, &request, why);
            return self.answer(body, session, &name, data);
        }
        let act = match element.name.as_str() {
            "detach" => Act::Detach,
            "attach" => Act::Attach,
            "redirect" => Act::Redirect {
                aai: None,
                destination: element.attribute("to").map(plain).unwrap_or_default(),
            },
            "terminate" => Act::HangUp,
            // The call was answered before the plugin was asked.
            _ => Act::Look,
        };
        let name = element.name.clone();
        let interaction = cell.plugin.as_ref().and_then(|p| p.interaction.clone());
        let done = self.control(cell, act);
        let (sessions, cell, session) = (self.clone(), Arc::clone(cell), session.to_owned());
        self.inner.supervisor.spawn("session", async move {
            let answer = match done.await {
                Ok(()) => event(
                    &format!("interaction.{name}.done"),
                    json!({"requestid": request, "interactionid": interaction}),
                ),
                Err(error) => {
                    let (name, data) = failed("interaction", &name, &request, error);
                    event(&name, data)
                }
            };
            sessions.push(&cell, Input::Event(session, answer));
        });
    }

    /// Asks the shard to act on the call of the session's callback.
    pub(super) fn control(
        &self,
        cell: &Cell,
        act: Act,
    ) -> impl Future<Output = Result<(), &'static str>> + Send + 'static {
        let commands = self.inner.commands.clone();
        let of = cell.plugin.as_ref();
        let of = of.map(|plugin| (plugin.callback.clone(), plugin.token.clone()));
        async move {
            let (id, token) = of.ok_or("unknown")?;
            let (reply, done) = oneshot::channel();
            let command = Command::Control {
                id,
                token,
                act,
                reply,
            };
            commands.send(command).await.map_err(|_gone| "unknown")?;
            done.await.unwrap_or(Err("unknown"))
        }
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

/// The element means another call than the session's, or there is none.
pub(super) fn foreign(cell: &Cell, element: &ActionElement) -> Option<&'static str> {
    let own = cell.plugin.as_ref().and_then(|p| p.interaction.as_deref());
    let Some(own) = own else {
        return Some("invalidstate.null");
    };
    let meant = element.attribute("interactionid").map(plain);
    let meant = meant.unwrap_or_default();
    (!meant.is_empty() && meant != own).then_some("unknown")
}

/// The error event of an element.
pub(super) fn failed(module: &str, element: &str, request: &str, error: &str) -> (String, Value) {
    let data = json!({"requestid": request, "error": error});
    (format!("error.{module}.{element}"), data)
}
