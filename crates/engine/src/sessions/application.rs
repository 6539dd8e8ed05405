//! `<dialog:start>`: a VoiceXML application talks on a call of a session.

use std::sync::Arc;

use scxml::ActionElement;
use serde_json::{Map, Value, json};
use vxml::{Ending, Message};

use super::cell::{Body, Cell, Input};
use super::dialog::plain;
use super::interaction::Happened;
use super::{Sessions, event, lock};
use crate::limits;
use crate::shard::{Act, Line};
use crate::voicexml::{Application, Owner};

/// What a page says about itself to the session that started it.
#[derive(Debug)]
pub(super) enum AppEnd {
    /// It is over, and how.
    Over {
        ending: Ending,
        /// How many pages it entered.
        documents: u32,
    },
    /// It sends something (`gvp:send`).
    Message(Message),
}

/// The session whose treatment an application is.
#[derive(Debug)]
struct Starter {
    sessions: Sessions,
    cell: Arc<Cell>,
    interaction: String,
    /// Number of the treatment's timer.
    number: u64,
}

impl Starter {
    fn tell(&self, end: AppEnd) {
        let happened = Happened::Application(self.number, end);
        let input = Input::Call(self.interaction.clone(), happened);
        self.sessions.push(&self.cell, input);
    }
}

impl Owner for Starter {
    fn started(&self) {}

    fn message(&self, message: Message) {
        self.tell(AppEnd::Message(message));
    }

    fn ended(&self, ending: Ending, documents: u32, _hung_up: bool) {
        self.tell(AppEnd::Over { ending, documents });
    }
}

/// What `<dialog:start>` asks for: address of the first page, data for the page.
///
/// # Errors
/// What is wrong with an attribute.
pub(super) fn wanted(element: &ActionElement) -> Result<(String, Map<String, Value>), String> {
    let kind = element.attribute("type").map(plain).unwrap_or_default();
    if !kind.is_empty() && kind != "applid" {
        return Err(format!("the type {kind} is not applid"));
    }
    let mut data: Map<String, Value> = element.params.iter().cloned().collect();
    let url = data.remove("APP_URI").map(|url| plain(&url));
    match url {
        Some(url) if url.starts_with("http://") || url.starts_with("https://") => Ok((url, data)),
        Some(_) => Err("APP_URI is not http or https".to_owned()),
        None => Err("there is no param APP_URI".to_owned()),
    }
}

/// The result of an application for its session: the variables of `namelist`, or the value of
/// `expr`; the keys of `treatment_result` stand beside it.
fn result(ending: &Ending) -> Value {
    let mut names = ending.names().cloned().unwrap_or_default();
    if let Ending::Exit {
        value: Some(value), ..
    } = ending
    {
        match value {
            Value::Object(object) => names.extend(object.clone()),
            other => {
                names.insert("__exit".to_owned(), other.clone());
            }
        }
    }
    for (key, value) in ending.treatment_result().unwrap_or_default() {
        names.entry(key).or_insert(value);
    }
    Value::Object(names)
}

impl Sessions {
    /// Lets the application of the treatment begin.
    pub(super) fn start_application(&self, cell: &Arc<Cell>, body: &mut Body, id: &str) {
        body.plays += 1;
        let number = super::treat::number(body.plays);
        let Some(call) = body.interactions.get_mut(id) else {
            return;
        };
        let Some(treatment) = &mut call.treatment else {
            return;
        };
        let Some((url, mut user_data)) = treatment.application.take() else {
            return;
        };
        treatment.timer = number;
        let told = json!({"requestid": treatment.request, "interactionid": id});
        let (session, is_silent) = (treatment.session.clone(), treatment.is_silent);
        if let Some(Value::Object(udata)) = call.about.get("udata") {
            for (key, value) in udata {
                user_data.entry(key.clone()).or_insert(value.clone());
            }
        }
        let wanted = Application {
            line: call.line.clone(),
            url,
            uuid: id.to_owned(),
            remote: call.remote.clone(),
            user_data,
        };
        let owner = Starter {
            sessions: self.clone(),
            cell: Arc::clone(cell),
            interaction: id.to_owned(),
            number,
        };
        let voicexml = self.inner.voicexml.get();
        if !voicexml.is_some_and(|all| all.start_for(wanted, Box::new(owner))) {
            let why = "there are too many applications";
            return self.drop_treatment(cell, body, id, "unknown", why);
        }
        self.time(cell, id, number, limits::APPLICATION_TIME);
        if !is_silent {
            self.answer(body, &session, "dialog.start.requestid", told);
        }
    }

    /// A `<send>` to the dialog module: data for the page of a treatment, the one that `requestid`
    /// names or the first; `false` when there is none.
    pub(super) fn to_page(&self, body: &Body, session: &str, sent: &scxml::Message) -> bool {
        let is_dialog = matches!(&sent.target, scxml::Target::Module(name) if name == "dialog");
        if !is_dialog {
            return false;
        }
        let data = sent.event.data.clone().into_json();
        let request = data.get("requestid").and_then(Value::as_str);
        let Some(line) = body.interactions.application_of(session, request) else {
            return false;
        };
        let message = Message {
            event: Some(sent.event.name.clone()),
            data,
        };
        let voicexml = self.inner.voicexml.get();
        voicexml.is_some_and(|all| all.message(&line, message))
    }

    /// An application tells something.
    pub(super) fn application(
        &self,
        cell: &Arc<Cell>,
        body: &mut Body,
        id: &str,
        number: u64,
        end: AppEnd,
    ) {
        let Some(call) = body.interactions.get(id) else {
            return;
        };
        let is_current = |t: &&super::dialog::Treatment| t.element == "start" && t.timer == number;
        let Some(treatment) = call.treatment.as_ref().filter(is_current) else {
            return;
        };
        let (line, session) = (call.line.clone(), treatment.session.clone());
        let ending = match end {
            AppEnd::Message(message) => {
                let name = message.event.unwrap_or_else(|| "gvp.send".to_owned());
                let sent = event(&name, message.data);
                body.hub.handle_event(&session, sent, self.now_ms());
                return;
            }
            AppEnd::Over { ending, documents } => (ending, documents),
        };
        let (ending, documents) = ending;
        let (error, why) = match &ending {
            Ending::Exit { .. } | Ending::End => {
                return self.end_with(body, id, result(&ending));
            }
            Ending::Transferred => {
                self.end_with(body, id, result(&ending));
                // The call is with its destination; the end of the session is not its end.
                if let Line::Placed(call) = &line {
                    lock(&self.inner.calls).remove(call.as_str());
                    self.leave(body, id, "detach");
                }
                return;
            }
            Ending::Disconnect { .. } => {
                self.end_with(body, id, result(&ending));
                return self.act_and_forget(line, Act::HangUp);
            }
            Ending::Error { event, message } if documents == 0 => {
                ("remote", format!("{event}: {message}"))
            }
            Ending::Error { event, message } => ("unknown", format!("{event}: {message}")),
            Ending::Hangup => ("cancelled", "the customer hung up".to_owned()),
            Ending::Stopped => ("cancelled", "it was stopped".to_owned()),
        };
        self.drop_treatment(cell, body, id, error, &why);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_result_is_what_the_page_exits_with() {
        let mut names = Map::new();
        names.insert("k".to_owned(), json!("7"));
        let text = r#"{"action":"retry","k":"x"}"#;
        names.insert("treatment_result".to_owned(), json!(text));
        let exit = Ending::Exit { names, value: None };
        let expected = json!({"k": "7", "treatment_result": text, "action": "retry"});
        assert_eq!(result(&exit), expected);
        let value = |value| Ending::Exit {
            names: Map::new(),
            value: Some(value),
        };
        assert_eq!(result(&value(json!({"a": 1}))), json!({"a": 1}));
        assert_eq!(result(&value(json!("text"))), json!({"__exit": "text"}));
        assert_eq!(result(&Ending::End), json!({}));
    }
}
