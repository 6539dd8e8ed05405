//! Effects of one session to what they mean for the others.

use std::sync::Arc;

use super::{Entry, Hub, Mail, Output, Timer};
use crate::assemble::Loader;
use crate::dialect::Dialect;
use crate::effect::{Effect, Ending, Invocation, Message, Source, Target};
use crate::event::{Data, Event};
use crate::http::HttpRequest;
use crate::model::Document;
use crate::session::Start;

impl Hub {
    pub(super) fn carry_out(&mut self, id: &str, effect: Effect, now_ms: i64) {
        match effect {
            Effect::Send(message) if message.delay_ms == 0 => self.deliver(id, message),
            Effect::Send(message) => self.delay(id, message, now_ms),
            Effect::Cancel { send_id } => {
                let meant = |timer: &Timer| timer.session == id && timer.message.send_id == send_id;
                let before = self.timers.len();
                self.timers.retain(|_, timer| !meant(timer));
                let gone = before - self.timers.len();
                self.canceled(id, &send_id, gone);
            }
            Effect::Invoke(invocation) => self.invoke(id, invocation),
            Effect::Uninvoke { invoke_id } => {
                let Some(entry) = self.sessions.get_mut(id) else {
                    return;
                };
                entry.loading.remove(&invoke_id);
                if let Some(child) = entry.invoked.remove(&invoke_id) {
                    self.end_quietly(&child);
                }
            }
            Effect::Forward { invoke_id, event } => {
                let child = self
                    .sessions
                    .get(id)
                    .and_then(|entry| entry.invoked.get(&invoke_id));
                if let Some(child) = child {
                    self.mail.push_back((child.clone(), Mail::Event(event)));
                }
            }
            Effect::Log(line) => self.outputs.push_back(Output::Log {
                session: id.to_owned(),
                line,
            }),
            Effect::Action(action) => self.outputs.push_back(Output::Action {
                session: id.to_owned(),
                action,
            }),
            Effect::Done(ending) => self.done(id, ending),
        }
    }

    /// In the draft a cancel is answered.
    fn canceled(&mut self, id: &str, send_id: &str, gone: usize) {
        let Some(entry) = self.sessions.get(id) else {
            return;
        };
        if entry.session.document().dialect() != Dialect::Ors2009 {
            if let Some(entry) = self.sessions.get_mut(id) {
                entry.timers = entry.timers.saturating_sub(gone);
            }
            return;
        }
        if let Some(entry) = self.sessions.get_mut(id) {
            entry.timers = entry.timers.saturating_sub(gone);
        }
        let name = if gone > 0 {
            "cancel.successful"
        } else {
            "error.notallowed"
        };
        let data = serde_json::json!({ "sendid": send_id });
        self.mail.push_back((
            id.to_owned(),
            Mail::Event(Event::external(name, Data::Json(data))),
        ));
    }

    fn delay(&mut self, id: &str, message: Message, now_ms: i64) {
        let limit = self.settings.limits.timers;
        let Some(entry) = self.sessions.get_mut(id) else {
            return;
        };
        if entry.timers >= limit {
            let reason = format!("more than {limit} messages are waiting");
            self.mail
                .push_back((id.to_owned(), Mail::Undelivered(Box::new(message), reason)));
            return;
        }
        entry.timers += 1;
        self.sequence += 1;
        let at = now_ms.saturating_add(i64::try_from(message.delay_ms).unwrap_or(i64::MAX));
        self.timers.insert(
            (at, self.sequence),
            Timer {
                session: id.to_owned(),
                message,
            },
        );
    }

    /// Delivers a message that is due.
    pub(super) fn deliver(&mut self, id: &str, message: Message) {
        let Some(entry) = self.sessions.get(id) else {
            return;
        };
        let to = match &message.target {
            Target::Own => Some(id.to_owned()),
            Target::Parent => entry.parent.clone(),
            Target::Invoked(invoke_id) => entry.invoked.get(invoke_id).cloned(),
            Target::Session(other) if self.sessions.contains_key(other) => Some(other.clone()),
            Target::Http(address) => {
                let address = address.clone();
                return self.http(id, &address, message);
            }
            Target::Session(_) | Target::Module(_) => {
                let session = id.to_owned();
                return self.outputs.push_back(Output::Message {
                    session,
                    message: Box::new(message),
                });
            }
        };
        match to {
            Some(to) => self.mail.push_back((to, Mail::Event(message.event))),
            None => {
                let reason = "nobody is there".to_owned();
                self.mail
                    .push_back((id.to_owned(), Mail::Undelivered(Box::new(message), reason)));
            }
        }
    }

    /// A request; one to an address of this hub stays inside, in order with everything else.
    fn http(&mut self, id: &str, address: &str, message: Message) {
        let request = HttpRequest::from_message(&message, address);
        let base = self
            .settings
            .http_base
            .as_deref()
            .map(|base| base.trim_end_matches('/'));
        let own = base.and_then(|base| address.strip_prefix(base)?.strip_prefix('/'));
        let own = own
            .and_then(|rest| rest.split('?').next())
            .filter(|own| self.sessions.contains_key(*own));
        match own {
            Some(own) => {
                let own = own.to_owned();
                self.mail
                    .push_back((own, Mail::Event(request.into_event())));
            }
            None => {
                let (session, message) = (id.to_owned(), Box::new(message));
                self.outputs.push_back(Output::Http {
                    session,
                    request,
                    message,
                });
            }
        }
    }

    fn invoke(&mut self, id: &str, invocation: Invocation) {
        let Invocation {
            invoke_id,
            source,
            params,
        } = invocation;
        let Some(entry) = self.sessions.get_mut(id) else {
            return;
        };
        entry.loading.insert(invoke_id.clone(), params);
        match source {
            Source::Address(url) => {
                self.outputs.push_back(Output::Load {
                    session: id.to_owned(),
                    invoke_id,
                    url,
                });
            }
            Source::Inline(document) => {
                let mail = Mail::Document(invoke_id, Ok(document));
                self.mail.push_back((id.to_owned(), mail));
            }
            Source::Text(text) => {
                let url = entry.session.document().url().to_owned();
                let mut loader = Loader::new(url, text, None);
                while let Some(missing) = loader.poll_missing() {
                    loader.handle_file(
                        &missing,
                        Err("a document from data cannot refer to files".to_owned()),
                    );
                }
                let document = loader.finish().map(Arc::new).map_err(|problems| {
                    problems
                        .first()
                        .map(ToString::to_string)
                        .unwrap_or_default()
                });
                self.mail
                    .push_back((id.to_owned(), Mail::Document(invoke_id, document)));
            }
        }
    }

    pub(super) fn loaded(
        &mut self,
        id: &str,
        invoke_id: &str,
        document: Result<Arc<Document>, String>,
        now_ms: i64,
    ) {
        let Some(entry) = self.sessions.get_mut(id) else {
            return;
        };
        // The state may have been left while the document was fetched.
        let Some(params) = entry.loading.remove(invoke_id) else {
            return;
        };
        let started = match document {
            Ok(document) => {
                entry.children += 1;
                let child = format!("{id}.{}", entry.children);
                entry.invoked.insert(invoke_id.to_owned(), child.clone());
                let start = child_start(entry, &child, invoke_id, params);
                let started = self.begin(document, start, Some(id.to_owned()), now_ms);
                started.map_err(|error| error.to_string())
            }
            Err(message) => Err(message),
        };
        if let Err(message) = started {
            if let Some(entry) = self.sessions.get_mut(id) {
                entry.invoked.remove(invoke_id);
                let original = entry.session.document().dialect() == Dialect::Ors2009;
                let name = match original {
                    true => bad_fetch(&message),
                    false => "error.communication".to_owned(),
                };
                let data = serde_json::json!({ "message": message });
                let mut event = Event::platform(name, Data::Json(data));
                event.invoke_id = Some(invoke_id.to_owned());
                entry.session.handle_internal(event, now_ms);
            }
            self.drain(id, now_ms);
        }
    }

    /// Ends a session without telling the one that invoked it.
    fn end_quietly(&mut self, id: &str) {
        if let Some(entry) = self.sessions.get_mut(id) {
            entry.parent = None;
            entry.quiet = true;
            self.mail.push_back((id.to_owned(), Mail::Stop));
        }
    }

    /// A session is at its end: what it started ends, who started it is told.
    fn done(&mut self, id: &str, ending: Ending) {
        let Some(mut entry) = self.sessions.remove(id) else {
            return;
        };
        self.timers.retain(|_, timer| timer.session != id);
        for child in std::mem::take(&mut entry.invoked).into_values() {
            self.end_quietly(&child);
        }
        if entry.quiet {
            return;
        }
        let Some(parent) = &entry.parent else {
            let session = &entry.session;
            let configuration = session
                .configuration()
                .into_iter()
                .map(str::to_owned)
                .collect();
            self.outputs.push_back(Output::Ended {
                session: id.to_owned(),
                configuration,
                events: session.events(),
                microsteps: session.microsteps(),
                ending,
            });
            return;
        };
        let invoke_id = entry.session.invoke_id().unwrap_or_default().to_owned();
        let name = entry.session.document().name().to_owned();
        let Some(outer) = self.sessions.get_mut(parent) else {
            return;
        };
        // A session that its parent ended is no longer listed; its end is not told (6.4.3).
        if outer.invoked.get(&invoke_id).map(String::as_str) != Some(id) {
            return;
        }
        outer.invoked.remove(&invoke_id);
        let original = outer.session.document().dialect() == Dialect::Ors2009;
        let (data, reason) = match ending {
            Ending::Final { data, .. } => (data, "done".to_owned()),
            Ending::Stopped => (Data::None, "stopped".to_owned()),
            Ending::Limit { message } => (Data::None, message),
        };
        let data = match original {
            true => Data::Json(
                serde_json::json!({ "sessionid": id, "reason": reason, "params": data.into_json() }),
            ),
            false => data,
        };
        // The draft names the document that is done as well.
        let of_document = (original && !name.is_empty()).then(|| format!("done.scxml.{name}"));
        for name in [Some(format!("done.invoke.{invoke_id}")), of_document] {
            let Some(name) = name else { continue };
            let mut event = Event::external(name, data.clone());
            event.invoke_id = Some(invoke_id.clone());
            event.origin = Some(format!("#_scxml_{id}"));
            self.mail.push_back((parent.clone(), Mail::Event(event)));
        }
    }
}

/// `error.badfetch.<protocol>.<code>` of a message that begins with these two.
fn bad_fetch(message: &str) -> String {
    let code = message.split(':').next().unwrap_or_default();
    let is_code = code.split_once('.').is_some_and(|(protocol, status)| {
        let digits = !status.is_empty() && status.bytes().all(|byte| byte.is_ascii_digit());
        digits && !protocol.is_empty() && protocol.bytes().all(|byte| byte.is_ascii_alphabetic())
    });
    if is_code {
        format!("error.badfetch.{code}")
    } else {
        "error.badfetch".to_owned()
    }
}

fn child_start(entry: &Entry, id: &str, invoke_id: &str, params: Vec<(String, Data)>) -> Start {
    Start {
        id: id.to_owned(),
        params,
        invoke_id: Some(invoke_id.to_owned()),
        seed: entry.start.seed.wrapping_add(entry.children),
        ..entry.start.clone()
    }
}
