//! `<send>`: where a message goes, or which error it is.

use super::Session;
use super::content::Aborted;
use crate::dialect::{Dialect, module};
use crate::effect::{Effect, Message, Target};
use crate::event::{Data, Event, EventKind};
use crate::model::{Document, Send};
use crate::problem::Place;
use crate::send::{Processor, SCXML, delay_ms};

/// Why a message is not sent.
enum Refused {
    /// `error.execution`: the document asks for what does not exist.
    Execution(String),
    /// `error.communication`: nobody is there.
    Communication(String),
    /// `error.communication`, with a name of its own in the draft.
    NoSession(String),
}

impl Session {
    pub(super) fn send(
        &mut self,
        doc: &Document,
        send: &Send,
        place: &Place,
    ) -> Result<(), Aborted> {
        let id = match &send.id {
            Some(id) => id.clone(),
            None => {
                let number = self.next_number();
                format!("{}.send.{number}", self.start.id)
            }
        };
        if let Some(location) = send.id_location {
            let stored = self.model.store(location, &Data::Json(id.as_str().into()));
            self.check_or_abort(stored, place)?;
        }
        let before = self.internal.len();
        let message = self.message(doc, send, &id, place);
        // Errors of evaluation belong to this send.
        for event in self.internal.iter_mut().skip(before) {
            if event.kind == EventKind::Platform {
                event.send_id = Some(id.clone());
            }
        }
        let refused = match message? {
            Ok(message) => return self.dispatch(message),
            Err(refused) => refused,
        };
        let (name, text) = match (refused, doc.dialect) {
            (Refused::Execution(text), Dialect::W3c10) => ("error.execution", text),
            (Refused::Communication(text) | Refused::NoSession(text), Dialect::W3c10) => {
                ("error.communication", text)
            }
            (Refused::Execution(text), Dialect::Ors2009) => ("error.illegalvalue.send", text),
            (Refused::NoSession(text), Dialect::Ors2009) => ("error.send.nosuchsession", text),
            (Refused::Communication(text), Dialect::Ors2009) => ("error.send.failed", text),
        };
        let data = serde_json::json!({ "message": text });
        let mut event = Event::platform(name, Data::Json(data));
        event.send_id = Some(id);
        self.raise(event);
        Err(Aborted)
    }

    fn dispatch(&mut self, message: Option<Message>) -> Result<(), Aborted> {
        if let Some(message) = message {
            self.effect(Effect::Send(message));
        }
        Ok(())
    }

    /// Evaluates everything; nothing is left to send when it went to the internal queue.
    fn message(
        &mut self,
        doc: &Document,
        send: &Send,
        id: &str,
        place: &Place,
    ) -> Result<Result<Option<Message>, Refused>, Aborted> {
        let original = doc.dialect == Dialect::Ors2009;
        let kind = self
            .optional_text(send.kind.as_ref(), place)?
            .unwrap_or_default();
        let target = self
            .optional_text(send.target.as_ref(), place)?
            .unwrap_or_default();
        let name = self.optional_text(send.event.as_ref(), place)?;
        let delay = self.optional_text(send.delay.as_ref(), place)?;
        let pairs = self.pairs(&send.payload.params, place)?;
        let content = match &send.payload.content {
            Some(content) => Some(self.content(content, place)?),
            None => None,
        };
        let delay = match delay
            .as_deref()
            .map(|delay| delay_ms(delay, original.then_some(1.0)))
        {
            None => 0,
            Some(Some(delay)) => delay,
            Some(None) => {
                let text = "the delay is no duration".to_owned();
                return Ok(Err(Refused::Execution(text)));
            }
        };
        let Some(processor) = Processor::of(kind.trim(), original) else {
            let text = format!("there is no processor `{kind}`");
            return Ok(Err(Refused::Execution(text)));
        };
        let data = content
            .clone()
            .unwrap_or_else(|| Data::from_pairs(pairs.clone()));
        let mut event = Event::external(name.unwrap_or_default(), data);
        // A document sees the id only when it gave one or asked for it (6.2.4).
        event.send_id = (send.id.is_some() || send.id_location.is_some()).then(|| id.to_owned());
        if processor == Processor::Scxml {
            self.sign(&mut event);
            if event.name.is_empty() {
                let text = "the message has no event name".to_owned();
                return Ok(Err(Refused::Execution(text)));
            }
        }
        if is_internal(&target) && processor == Processor::Scxml {
            if delay > 0 {
                let text = "the internal queue knows no delay".to_owned();
                return Ok(Err(Refused::Execution(text)));
            }
            self.raise(Event {
                kind: EventKind::Internal,
                ..event
            });
            return Ok(Ok(None));
        }
        let target = match self.target(processor, &target) {
            Ok(target) => target,
            Err(refused) => return Ok(Err(refused)),
        };
        if target == Target::Parent {
            event.invoke_id.clone_from(&self.start.invoke_id);
        }
        Ok(Ok(Some(Message {
            send_id: id.to_owned(),
            delay_ms: delay,
            target,
            event,
            pairs,
            content,
        })))
    }

    /// Says whom to answer.
    fn sign(&self, event: &mut Event) {
        event.origin = Some(format!("#_scxml_{}", self.start.id));
        event.origin_type = Some(SCXML.to_owned());
    }

    fn optional_text(
        &mut self,
        text: Option<&crate::model::Text>,
        place: &Place,
    ) -> Result<Option<String>, Aborted> {
        text.map(|text| self.text(text, place)).transpose()
    }

    fn target(&self, processor: Processor, target: &str) -> Result<Target, Refused> {
        let target = target.trim();
        let original = self.doc.dialect == Dialect::Ors2009;
        match processor {
            Processor::BasicHttp if target.is_empty() => Err(Refused::Communication(
                "the message has no target".to_owned(),
            )),
            Processor::BasicHttp => Ok(Target::Http(target.to_owned())),
            Processor::Module => Ok(Target::Module(module(target).unwrap_or(target).to_owned())),
            Processor::Scxml => match target {
                "" => Ok(Target::Own),
                "#_parent" | "_parent" if self.start.invoke_id.is_some() => Ok(Target::Parent),
                "#_parent" => Err(Refused::Communication("there is no parent".to_owned())),
                _ => self.session_target(target, original),
            },
        }
    }

    fn session_target(&self, target: &str, original: bool) -> Result<Target, Refused> {
        if let Some(id) = target.strip_prefix("#_scxml_") {
            return self.known_session(id);
        }
        if let Some(id) = target.strip_prefix("#_") {
            let active = self.invoked.iter().any(|invoke| invoke.id == id);
            return match active {
                true => Ok(Target::Invoked(id.to_owned())),
                false => Err(Refused::Communication(format!(
                    "nothing was invoked as `{id}`"
                ))),
            };
        }
        match original {
            true => self.known_session(target),
            false => Err(Refused::Execution(format!("`{target}` is no target"))),
        }
    }

    fn known_session(&self, id: &str) -> Result<Target, Refused> {
        if id == self.start.id {
            return Ok(Target::Own);
        }
        match &self.start.directory {
            Some(directory) if !directory.contains(id) => {
                Err(Refused::NoSession(format!("there is no session `{id}`")))
            }
            _ => Ok(Target::Session(id.to_owned())),
        }
    }
}

fn is_internal(target: &str) -> bool {
    matches!(target.trim(), "#_internal" | "_internal")
}
