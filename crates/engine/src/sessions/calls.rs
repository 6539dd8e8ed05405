//! `<ixn:createcall>`: calls that sessions place, from the first ring to the end.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use scxml::ActionElement;
use serde_json::{Map, Value, json};
use telephony::port::CallId;
use tokio::sync::oneshot;

use super::cell::{Body, Cell, Input};
use super::dialog::plain;
use super::interaction::{Happened, Interaction, Stage};
use super::interactions::{device, named};
use super::{Over, Sessions, Signal, lock, new_id};
use crate::limits;
use crate::shard::{Act, Command, Line, NotPlaced, Order, SessionCommand, Target, post};

/// Whose a call or leg is.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) cell: Arc<Cell>,
    /// The call, or the one that the leg is for.
    pub(super) interaction: String,
}

/// A call that its session let go.
#[derive(Debug)]
pub(super) struct Parked {
    /// Which parking of the call it is.
    number: u64,
    about: Map<String, Value>,
}

/// What the element asks for.
struct Wanted {
    target: Target,
    from: String,
    shown: Option<String>,
    to: String,
    about: Map<String, Value>,
    /// It is placed before others when there is room again.
    first: bool,
}

/// What a call is for the phones on its way: header of calls whose type says more than where to.
const CALL_TYPE: &str = "X-Genesys-CallType";

/// A number that hints want to be shown: `extensions.CPNDigits`.
pub(super) fn number_shown(hints: Option<&Value>) -> Option<String> {
    let extensions = hints?.get("extensions")?.as_object()?;
    let found = extensions
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case("CPNDigits"));
    found
        .map(|(_, value)| plain(value))
        .filter(|n| !n.is_empty())
}

/// Attached data as headers of the call, as agents' phones get them.
pub(super) fn headers(udata: Option<&Value>) -> Vec<(String, String)> {
    let Some(Value::Object(udata)) = udata else {
        return Vec::new();
    };
    let header = |(key, value): (&String, &Value)| (format!("X-Genesys-{key}"), plain(value));
    udata.iter().map(header).collect()
}

impl Sessions {
    /// `<ixn:createcall>`.
    pub(super) fn create_call(
        &self,
        cell: &Arc<Cell>,
        body: &mut Body,
        session: &str,
        element: &ActionElement,
        request: String,
    ) {
        let id = format!("ixn-{}", new_id());
        let wanted = match wanted(element, &id) {
            Ok(wanted) if body.interactions.placed() < limits::SESSION_CALLS_MAX => wanted,
            Ok(_) => {
                let why = format!("a session has at most {} calls", limits::SESSION_CALLS_MAX);
                return self.not_created(body, session, (&request, &id), ("unknown", &why));
            }
            Err((word, why)) => {
                return self.not_created(body, session, (&request, &id), (word, &why));
            }
        };
        let call = CallId::new(id.as_str());
        let headers = typed_headers(&wanted);
        let order = Order {
            call: call.clone(),
            target: wanted.target,
            agent: None,
            to: wanted.to.clone(),
            from: wanted.from,
            shown: wanted.shown,
            headers,
            first: wanted.first,
        };
        let interaction = Interaction {
            line: Line::Placed(call),
            session: session.to_owned(),
            stage: Stage::Ringing,
            treatment: None,
            waits: None,
            series: None,
            leg: None,
            created_by: Some(request),
            remote: wanted.to,
            predictive: wanted.target == Target::Customer { predictive: true },
            about: wanted.about,
            is_added: false,
        };
        body.interactions.add(id.clone(), interaction);
        let placed = Placed {
            cell: Arc::clone(cell),
            interaction: id.clone(),
        };
        lock(&self.inner.calls).insert(id.clone(), placed);
        self.place(cell, id, order);
    }

    fn not_created(
        &self,
        body: &mut Body,
        session: &str,
        (request, id): (&str, &str),
        (word, why): (&str, &str),
    ) {
        let data = json!({"requestid": request, "interactionid": id, "error": word,
            "description": why});
        self.answer(body, session, "error.voice.createcall", data);
    }

    /// Asks the shard for a call until it has room.
    pub(super) fn place(&self, cell: &Arc<Cell>, interaction: String, order: Order) {
        let (sessions, cell) = (self.clone(), Arc::clone(cell));
        self.inner.supervisor.spawn("session call", async move {
            let call = order.call.as_str().to_owned();
            let tried = sessions.place_within(&cell, order);
            let placed = tokio::time::timeout(limits::PLACE_WAIT, tried).await;
            let (word, why) = match placed {
                Ok(Ok(())) => return,
                Ok(Err(refused)) => refused,
                Err(_elapsed) => ("timeout", "there was no room for the call".to_owned()),
            };
            let happened = Happened::NotPlaced(word, why);
            let happened = if call == interaction {
                happened
            } else {
                Happened::Leg(call, Box::new(happened))
            };
            sessions.push(&cell, Input::Call(interaction, happened));
        });
    }

    async fn place_within(&self, cell: &Cell, order: Order) -> Result<(), (&'static str, String)> {
        let gone = || ("unknown", "the server is going down".to_owned());
        let again = if order.first {
            limits::PLACE_AGAIN_SOON
        } else {
            limits::PLACE_AGAIN
        };
        loop {
            let key = order.call.as_str();
            if cell.is_dead() || !lock(&self.inner.calls).contains_key(key) {
                return Err(("unknown", "nobody wants the call any more".to_owned()));
            }
            let (reply, placed) = oneshot::channel();
            let order = Box::new(order.clone());
            let command = SessionCommand::Place { order, reply };
            let commands = &self.inner.commands;
            let command = Command::OfSession(command);
            commands.send(command).await.map_err(|_closed| gone())?;
            match placed.await.map_err(|_closed| gone())? {
                Ok(()) if cell.is_dead() => {
                    // It ended meanwhile; its calls were looked for before this one was there.
                    self.hang_up(key);
                    return Ok(());
                }
                Ok(()) => return Ok(()),
                Err(NotPlaced::Refused(word, why)) => return Err((word, why)),
                Err(NotPlaced::Later) => tokio::time::sleep(again).await,
            }
        }
    }

    /// Tells who placed a call what happened on it.
    pub(crate) fn signal_placed(&self, call: &str, signal: Signal) {
        let over = matches!(signal, Signal::Over(_));
        if over {
            lock(&self.inner.parked).remove(call);
        }
        let known = {
            let mut calls = lock(&self.inner.calls);
            let found = calls.get(call);
            let found = found.map(|known| (Arc::clone(&known.cell), known.interaction.clone()));
            if over {
                calls.remove(call);
            }
            found
        };
        let Some((cell, interaction)) = known else {
            return;
        };
        let happened = match signal {
            Signal::Digit(digit) => Happened::Digit(digit),
            Signal::Played(play) => Happened::Played(play),
            Signal::Ringing => Happened::Ringing,
            Signal::Answered => Happened::Answered,
            Signal::Judged(state) => Happened::Judged(state),
            Signal::Over(over) => Happened::Over(over),
            Signal::Deleted { .. } => return,
        };
        let happened = if interaction == call {
            happened
        } else {
            Happened::Leg(call.to_owned(), Box::new(happened))
        };
        self.push(&cell, Input::Call(interaction, happened));
    }

    /// How a call that the session placed goes on.
    pub(super) fn on_placed(
        &self,
        cell: &Arc<Cell>,
        body: &mut Body,
        id: &str,
        happened: Happened,
    ) {
        let Some(call) = body.interactions.get(id) else {
            if matches!(happened, Happened::Answered) {
                self.hang_up(id);
            }
            return;
        };
        let waits = call.stage == Stage::Ringing;
        match happened {
            Happened::Ringing => self.created(body, id),
            Happened::Answered => {
                let predictive = call.predictive;
                self.created(body, id);
                if !predictive {
                    self.talks(body, id, callback::call_state::OK);
                }
            }
            Happened::Judged(state) if waits => self.talks(body, id, state),
            Happened::NotPlaced(word, why) => {
                lock(&self.inner.calls).remove(id);
                if let Some(call) = body.interactions.remove(id) {
                    let request = call.created_by.unwrap_or_default();
                    self.not_created(body, &call.session, (&request, id), (word, &why));
                }
            }
            Happened::Over(over) => self.call_over(cell, body, id, over),
            _ => {}
        }
    }

    /// The other side's phone rings: there is a call now.
    fn created(&self, body: &mut Body, id: &str) {
        let Some(call) = body.interactions.get_mut(id) else {
            return;
        };
        let Some(request) = call.created_by.take() else {
            return;
        };
        call.is_added = true;
        let session = call.session.clone();
        self.tell_added(body, id);
        let data = json!({"requestid": request, "interactionid": id});
        self.answer(body, &session, "voice.createcall.done", data);
    }

    fn talks(&self, body: &mut Body, id: &str, call_state: u8) {
        let Some(call) = body.interactions.get_mut(id) else {
            return;
        };
        call.stage = Stage::Talking;
        set_call_state(&mut call.about, call_state);
        self.tell_call(body, id, "interaction.partystatechanged");
        self.tell_call(body, id, "interaction.present");
    }

    fn call_over(&self, cell: &Arc<Cell>, body: &mut Body, id: &str, over: Over) {
        let why = "the other side hung up";
        self.drop_treatment(cell, body, id, "cancelled", why);
        let Some(call) = body.interactions.get_mut(id) else {
            return;
        };
        let session = call.session.clone();
        if let Some(request) = call.created_by.take() {
            body.interactions.remove(id);
            let data = json!({"requestid": request, "interactionid": id,
                "error": error_word(over), "description": over.detail,
                "callstate": over.call_state});
            return self.answer(body, &session, "error.voice.createcall", data);
        }
        let redirect = call.leg.is_some() && call.stage == Stage::Transferring;
        self.abandoned(body, id);
        let Some(call) = body.interactions.get_mut(id) else {
            return;
        };
        if !over.answered {
            set_call_state(&mut call.about, over.call_state);
            self.tell_call(body, id, "interaction.partystatechanged");
        }
        if redirect {
            self.drop_leg(body, id);
        }
        body.interactions.remove(id);
        let mut data = json!({"interactionid": id, "resultof": "deletion"});
        if !over.answered {
            data["callstate"] = Value::from(over.call_state);
        }
        self.answer(body, &session, "interaction.deleted", data);
    }

    /// The session lets a call go: another one may take it for a while.
    pub(super) fn let_go(&self, _cell: &Arc<Cell>, body: &mut Body, id: &str) {
        let Some(call) = body.interactions.get_mut(id) else {
            return;
        };
        let Line::Placed(line) = call.line.clone() else {
            call.stage = Stage::Detached;
            return;
        };
        let is_routed = call.stage == Stage::Routed;
        let about = std::mem::take(&mut call.about);
        let key = line.as_str().to_owned();
        if is_routed {
            // It talks with its destination until one of them hangs up.
            lock(&self.inner.calls).remove(&key);
            return self.leave(body, id, "detach");
        }
        let number = self.inner.parkings.fetch_add(1, Ordering::Relaxed);
        // In one place before it leaves the other: its end is looked for in both.
        lock(&self.inner.parked).insert(key.clone(), Parked { number, about });
        if lock(&self.inner.calls).remove(&key).is_none() {
            // It is over meanwhile.
            lock(&self.inner.parked).remove(&key);
        }
        self.leave(body, id, "detach");
        let sessions = self.clone();
        self.inner.supervisor.spawn("session call", async move {
            tokio::time::sleep(limits::PLACED_PARKED).await;
            let mut parked = lock(&sessions.inner.parked);
            if parked.get(&key).is_some_and(|this| this.number == number) {
                parked.remove(&key);
                drop(parked);
                sessions.hang_up(&key);
            }
        });
    }

    /// Takes a call that another session, or this one, let go; `false` when there is none.
    pub(super) fn attach_parked(
        &self,
        cell: &Arc<Cell>,
        body: &mut Body,
        session: &str,
        element: &ActionElement,
        request: &str,
    ) -> bool {
        let id = named(element);
        let placed = Placed {
            cell: Arc::clone(cell),
            interaction: id.clone(),
        };
        let about = {
            // In one place before it leaves the other: its end is looked for in both.
            let mut calls = lock(&self.inner.calls);
            let Some(Parked { about, .. }) = lock(&self.inner.parked).remove(&id) else {
                return false;
            };
            calls.insert(id.clone(), placed);
            about
        };
        let remote = about.get("contactedaddr").map(plain).unwrap_or_default();
        let interaction = Interaction {
            about,
            is_added: true,
            ..Interaction::of_plugin(
                Line::Placed(CallId::new(id.as_str())),
                session,
                (remote, true),
            )
        };
        body.interactions.add(id.clone(), interaction);
        self.tell_added(body, &id);
        self.tell_call(body, &id, "interaction.present");
        let name = format!("interaction.{}.done", element.name);
        let data = json!({"requestid": request, "interactionid": id});
        self.answer(body, session, &name, data);
        true
    }

    /// A session is over: so is what it runs on its calls, and the calls that nobody else has.
    pub(super) fn release_calls(&self, cell: &Cell) {
        let mut ended = Vec::new();
        lock(&self.inner.calls).retain(|call, placed| {
            let own = std::ptr::eq(Arc::as_ptr(&placed.cell), cell);
            if own {
                ended.push(call.clone());
            }
            !own
        });
        let plugin = cell.plugin.as_ref();
        let mut lines: Vec<Line> = ended
            .iter()
            .map(|call| Line::Placed(CallId::new(call.as_str())))
            .collect();
        lines.extend(plugin.map(|plugin| Line::Question {
            callback: plugin.callback.clone(),
            token: plugin.token.clone(),
        }));
        if let Some(voicexml) = self.inner.voicexml.get() {
            lines.iter().for_each(|line| voicexml.end_on(line));
        }
        for call in ended {
            self.hang_up(&call);
        }
    }

    /// Ends a call or leg.
    pub(super) fn hang_up(&self, call: &str) {
        let line = Line::Placed(CallId::new(call));
        self.act_and_forget(line, Act::HangUp);
    }

    pub(super) fn act_and_forget(&self, line: Line, act: Act) {
        let done = self.control(line, act);
        self.inner.supervisor.spawn("session call", async move {
            // A call that is gone needs nothing more.
            let _gone = done.await;
        });
    }

    pub(super) fn command(&self, command: SessionCommand) {
        let command = Command::OfSession(command);
        post(&self.inner.commands, &self.inner.supervisor, command);
    }
}

fn wanted(element: &ActionElement, id: &str) -> Result<Wanted, (&'static str, String)> {
    let text = |name: &str| element.attribute(name).map(plain).unwrap_or_default();
    let kind = text("type");
    let target = match kind.as_str() {
        "" | "regular" | "priority" => Target::Customer { predictive: false },
        "predictive" => Target::Customer { predictive: true },
        // Supervisors are agents here: people with a phone of this server.
        "agent" | "agentpriority" | "supervisor" => Target::Agent,
        other => return Err(("unknown", format!("there is no call of the type {other}"))),
    };
    let first = matches!(kind.as_str(), "priority" | "agentpriority");
    let to = device(element.attribute("to"));
    if to.is_empty() {
        return Err(("invaliddestination", "to is missing".to_owned()));
    }
    let from = device(element.attribute("from"));
    if from.is_empty() {
        return Err(("invalidsource", "from is missing".to_owned()));
    }
    let udata = match element.attribute("udata") {
        Some(Value::Object(udata)) => udata.clone(),
        _ => Map::new(),
    };
    let (device_type, direction) = if target == Target::Agent {
        ("agent", "internal")
    } else {
        ("unknown", "outbound")
    };
    let about = json!({
        "g_uid": id, "category": "voice", "tenantid": 1, "parentid": Value::Null,
        "contactedaddr": to,
        "parties": [{"device": to, "devicetype": device_type}],
        "udata": udata,
        "voice": {"callid": id, "dnis": to, "ani": from, "type": direction, "media": "voice",
            "callstate": callback::call_state::UNKNOWN},
        "xdata": {"reason": element.attribute("reason").cloned().unwrap_or(Value::Null),
            "calltype": if kind.is_empty() { "regular" } else { kind.as_str() }},
        "location": {"media_server": "ringback"},
    });
    let Value::Object(about) = about else {
        return Err(("unknown", String::new()));
    };
    Ok(Wanted {
        target,
        from,
        shown: number_shown(element.attribute("hints")),
        to,
        about,
        first,
    })
}

/// Headers of a call: attached data, and its type when phones could treat it differently.
fn typed_headers(wanted: &Wanted) -> Vec<(String, String)> {
    let mut all = headers(wanted.about.get("udata"));
    let kind = wanted
        .about
        .get("xdata")
        .and_then(|data| data.get("calltype"));
    let kind = kind.and_then(Value::as_str).unwrap_or_default();
    if matches!(kind, "priority" | "agentpriority" | "supervisor") {
        all.push((CALL_TYPE.to_owned(), kind.to_owned()));
    }
    all
}

fn set_call_state(about: &mut Map<String, Value>, call_state: u8) {
    if let Some(voice) = about.get_mut("voice") {
        voice["callstate"] = Value::from(call_state);
    }
}

/// The word for a call that never rang.
fn error_word(over: Over) -> &'static str {
    use callback::call_state::{ALL_TRUNKS_BUSY, INVALID_NUMBER, NO_ANSWER, VACANT};
    match (over.call_state, over.status) {
        (INVALID_NUMBER | VACANT, _) | (_, 404 | 410 | 484 | 604) => "invaliddestination",
        (NO_ANSWER, _) | (_, 408) => "timeout",
        (ALL_TRUNKS_BUSY, _) | (_, 502 | 503) => "invalidserver",
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_to_be_shown_comes_from_the_hints() {
        let hints = json!({"extensions": {"cpndigits": "4930555010"}});
        assert_eq!(number_shown(Some(&hints)).as_deref(), Some("4930555010"));
        assert_eq!(number_shown(Some(&json!({}))), None);
        assert_eq!(number_shown(None), None);
    }

    #[test]
    fn attached_data_become_headers() {
        let udata = json!({"topic": "refund", "n": 5});
        let expected = [("X-Genesys-n", "5"), ("X-Genesys-topic", "refund")];
        let mut found = headers(Some(&udata));
        found.sort();
        let expected = expected.map(|(k, v)| (k.to_owned(), v.to_owned()));
        assert_eq!(found, expected);
    }

    #[test]
    fn a_call_that_never_rang_has_a_word() {
        let over = |call_state, status| Over {
            answered: false,
            call_state,
            detail: "",
            status,
        };
        assert_eq!(error_word(over(11, 404)), "invaliddestination");
        assert_eq!(error_word(over(7, 0)), "timeout");
        assert_eq!(error_word(over(10, 503)), "invalidserver");
        assert_eq!(error_word(over(6, 486)), "unknown");
    }
}
