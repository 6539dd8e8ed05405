//! A call of a session: what happens on it, what the interaction module does with it.

use std::sync::Arc;

use callback::plugin::QueueTold;
use scxml::ActionElement;
use serde_json::{Map, Value, json};
use telephony::media::audio::Clip;

use super::act::failed;
use super::application::AppEnd;
use super::cell::{Body, Cell, Input};
use super::dialog::Treatment;
use super::interactions::{device, named};
use super::legs::Leg;
use super::queue::Waits;
use super::series::Series;
use super::{Over, Sessions, event};
use crate::shard::{Act, Line};

/// A call of a session.
#[derive(Debug)]
pub(super) struct Interaction {
    pub(super) line: Line,
    /// The session that has it: the cell's, or one that this invoked.
    pub(super) session: String,
    pub(super) stage: Stage,
    pub(super) treatment: Option<Treatment>,
    /// It is in a virtual queue.
    pub(super) waits: Option<Waits>,
    /// What it hears while it waits there.
    pub(super) series: Option<Series>,
    /// A destination that is called for it.
    pub(super) leg: Option<Leg>,
    /// Number of the other side.
    pub(super) remote: String,
    /// The request of `<ixn:createcall>` until it is answered.
    pub(super) created_by: Option<String>,
    /// The detector listens who answers.
    pub(super) predictive: bool,
    /// What the object model shows of it; empty for a plugin's call, whose model is there.
    pub(super) about: Map<String, Value>,
    /// The session was told of it.
    pub(super) is_added: bool,
}

/// How a call stands with its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It is not answered.
    Ringing,
    /// The session has it.
    Talking,
    /// The session let it go, or never had it.
    Detached,
    /// A destination is called for it.
    Transferring,
    /// It talks with a destination.
    Routed,
}

/// What happens on a call.
#[derive(Debug)]
pub(super) enum Happened {
    Digit(char),
    /// A play came to its end.
    Played(u64),
    /// It cannot be played.
    NotPlayed(u64, &'static str),
    /// A text is spoken, or cannot be.
    Spoken(u64, Option<Clip>),
    /// The time of a treatment is over.
    TreatmentOver(u64),
    /// An application runs, or is over.
    Application(u64, AppEnd),
    Ringing,
    Answered,
    /// Who answered.
    Judged(u8),
    /// The call that the session placed is over.
    Over(Over),
    /// It is not placed: error word and reason.
    NotPlaced(&'static str, String),
    /// The customer of a plugin's call hung up.
    Deleted {
        attached: bool,
    },
    /// Something on the leg of this id.
    Leg(String, Box<Self>),
    /// An element was carried out, or was not.
    Done(Done),
    /// A request to a virtual queue was not taken.
    NotQueued(String, &'static str),
    /// What became of it in a virtual queue, by the request.
    Queue(String, QueueTold),
    /// The time of such a request is over.
    QueueTime(String),
    /// The agent who was found for such a request is kept no longer.
    Kept(String),
    /// Data that a script attached.
    UserData(Map<String, Value>),
}

impl Happened {
    /// What an operator reads about it; digits are the customer's own.
    pub(super) fn word(&self) -> Option<&'static str> {
        Some(match self {
            Self::Ringing => "call.ringing",
            Self::Answered => "call.answered",
            Self::Judged(_) => "call.judged",
            Self::Over(_) => "call.over",
            Self::Deleted { .. } => "call.deleted",
            _ => return None,
        })
    }
}

/// What came of an element of the interaction module.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) element: String,
    pub(super) request: String,
    pub(super) session: String,
    pub(super) result: Result<(), &'static str>,
}

impl Interaction {
    /// The call of a plugin.
    pub(super) fn of_plugin(line: Line, session: &str, (remote, attached): (String, bool)) -> Self {
        Self {
            line,
            session: session.to_owned(),
            stage: if attached {
                Stage::Talking
            } else {
                Stage::Detached
            },
            treatment: None,
            waits: None,
            series: None,
            leg: None,
            remote,
            created_by: None,
            predictive: false,
            about: Map::new(),
            is_added: attached,
        }
    }

    /// Why nothing can be done with it right now: a word of ors-scxml §5.
    pub(super) fn busy(&self) -> Option<&'static str> {
        match self.stage {
            Stage::Ringing => Some("invalidstate.ringing"),
            Stage::Detached => Some("invalidstate.null"),
            Stage::Transferring => Some("invalidstate.transferring"),
            Stage::Routed => Some("invalidstate.routed"),
            Stage::Talking => self.treatment.as_ref().map(|_| "invalidstate.treating"),
        }
    }
}

impl Sessions {
    /// Something happened on a call.
    pub(super) fn happened(&self, cell: &Arc<Cell>, body: &mut Body, id: &str, happened: Happened) {
        match happened {
            Happened::Digit(digit) => self.digit(cell, body, id, digit),
            Happened::Played(play) => self.played(cell, body, id, play),
            Happened::NotPlayed(play, error) => self.not_played(cell, body, id, play, error),
            Happened::Spoken(play, clip) => self.spoken(cell, body, id, play, clip),
            Happened::TreatmentOver(timer) => self.treatment_over(cell, body, id, timer),
            Happened::Application(number, end) => {
                self.application(cell, body, id, number, end);
            }
            Happened::Deleted { attached } => self.deleted(cell, body, id, attached),
            Happened::Leg(leg, happened) => self.on_leg(cell, body, id, &leg, *happened),
            Happened::Done(done) => self.done(cell, body, id, done),
            Happened::UserData(data) => self.attached(body, id, data),
            Happened::NotQueued(request, error) => {
                self.not_queued(body, id, &request, error);
            }
            Happened::Queue(request, told) => self.queue_event(cell, body, id, &request, told),
            Happened::QueueTime(request) => self.queue_time(body, id, &request),
            Happened::Kept(request) => self.not_kept(body, id, &request),
            Happened::Ringing
            | Happened::Answered
            | Happened::Judged(_)
            | Happened::Over(_)
            | Happened::NotPlaced(..) => self.on_placed(cell, body, id, happened),
        }
        self.go_on_with_series(cell, body, id);
    }

    /// The customer of a plugin's call hung up.
    fn deleted(&self, cell: &Arc<Cell>, body: &mut Body, id: &str, attached: bool) {
        self.drop_treatment(cell, body, id, "cancelled", "the customer hung up");
        self.drop_leg(body, id);
        self.abandoned(body, id);
        let Some(gone) = body.interactions.remove(id) else {
            return;
        };
        let (name, data) = if attached {
            let data = json!({"interactionid": id, "resultof": "deletion"});
            ("interaction.deleted", data)
        } else {
            ("plugin.call.deleted", json!({"interactionid": id}))
        };
        self.answer(body, &gone.session, name, data);
    }

    /// Elements of the interaction module that mean a call.
    pub(super) fn interaction(
        &self,
        cell: &Arc<Cell>,
        body: &mut Body,
        session: &str,
        element: &ActionElement,
        request: String,
    ) {
        let attaches = matches!(element.name.as_str(), "attach" | "associate");
        if attaches && self.attach_parked(cell, body, session, element, &request) {
            return;
        }
        let id = match body.interactions.meant(element) {
            Ok(id) => id,
            Err(word) => {
                let id = named(element);
                return self.refuse(body, session, element, (&request, &id), word);
            }
        };
        let Some(call) = body.interactions.get(&id) else {
            return;
        };
        if let Some(word) = refusal(call, &element.name) {
            return self.refuse(body, session, element, (&request, &id), word);
        }
        let line = call.line.clone();
        if element.name == "redirect" {
            let to = device(element.attribute("to"));
            return self.redirect(cell, body, session, element, (request, id, to));
        }
        let done = Done {
            element: element.name.clone(),
            request,
            session: session.to_owned(),
            result: Ok(()),
        };
        let act = match (element.name.as_str(), &line) {
            ("terminate", Line::Question { .. }) => Act::HangUp,
            ("accept", Line::Question { .. }) => Act::Look,
            ("detach", Line::Question { .. }) => Act::Detach,
            ("attach" | "associate", Line::Question { .. }) => Act::Attach,
            // Calls that sessions placed are theirs to give and take.
            (_, Line::Placed(_)) => {
                self.done(cell, body, &id, done);
                if element.name == "terminate" {
                    self.act_and_forget(line, Act::HangUp);
                }
                return;
            }
            _ => return,
        };
        self.carry_out(cell, id, self.control(line, act), done);
    }

    /// Waits for what comes of an element.
    pub(super) fn carry_out(
        &self,
        cell: &Arc<Cell>,
        id: String,
        acted: impl Future<Output = Result<(), &'static str>> + Send + 'static,
        done: Done,
    ) {
        let (sessions, cell) = (self.clone(), Arc::clone(cell));
        self.inner.supervisor.spawn("session", async move {
            let result = acted.await;
            let done = Happened::Done(Done { result, ..done });
            sessions.push(&cell, Input::Call(id, done));
        });
    }

    fn refuse(
        &self,
        body: &mut Body,
        session: &str,
        element: &ActionElement,
        (request, id): (&str, &str),
        word: &str,
    ) {
        let (name, mut data) = failed("interaction", &element.name, request, word);
        data["interactionid"] = Value::from(id);
        self.answer(body, session, &name, data);
    }

    /// An element was carried out, or was not.
    pub(super) fn done(&self, cell: &Arc<Cell>, body: &mut Body, id: &str, done: Done) {
        let Done {
            element,
            request,
            session,
            result,
        } = done;
        if let Err(error) = result {
            if element == "redirect"
                && let Some(call) = body.interactions.get_mut(id)
                && call.stage == Stage::Transferring
            {
                call.stage = Stage::Talking;
            }
            let (name, mut data) = failed("interaction", &element, &request, error);
            data["interactionid"] = Value::from(id);
            self.answer(body, &session, &name, data);
            let call = body.interactions.get(id);
            let is_plugins = call.is_some_and(|c| matches!(c.line, Line::Question { .. }));
            if element == "redirect" && error == "remote" && is_plugins {
                // The callback has taken the customer back and ends.
                self.leave(body, id, "redirect");
            }
            return;
        }
        match element.as_str() {
            "detach" => self.let_go(cell, body, id),
            "attach" | "associate" => self.have(body, id, &session),
            _ => {}
        }
        let name = format!("interaction.{element}.done");
        let data = json!({"requestid": request, "interactionid": id});
        self.answer(body, &session, &name, data);
        if element == "redirect" {
            self.leave(body, id, "redirect");
        }
    }

    /// The session has a call of which it may not have heard before.
    fn have(&self, body: &mut Body, id: &str, session: &str) {
        let Some(call) = body.interactions.get_mut(id) else {
            return;
        };
        call.stage = Stage::Talking;
        session.clone_into(&mut call.session);
        if !std::mem::replace(&mut call.is_added, true) {
            self.tell_added(body, id);
            self.tell_call(body, id, "interaction.present");
        }
    }

    /// The call goes on without the session.
    pub(super) fn leave(&self, body: &mut Body, id: &str, result_of: &str) {
        if let Some(gone) = body.interactions.remove(id) {
            let data = json!({"interactionid": id, "resultof": result_of});
            self.answer(body, &gone.session, "interaction.deleted", data);
        }
    }

    /// `interaction.added` with what the object model shows.
    pub(super) fn tell_added(&self, body: &mut Body, id: &str) {
        self.tell_call(body, id, "interaction.added");
    }

    /// Tells the session of a call how it stands.
    pub(super) fn tell_call(&self, body: &mut Body, id: &str, name: &str) {
        let Some(call) = body.interactions.get(id) else {
            return;
        };
        let mut data = json!({"interactionid": id});
        if name != "interaction.present" {
            data["focusdeviceid"] = Value::from(call.remote.as_str());
        }
        if !call.about.is_empty() {
            data[scxml::INTERACTION] = Value::Object(call.about.clone());
        }
        let session = call.session.clone();
        self.answer(body, &session, name, data);
    }

    /// `setuData`: data of a call that the session placed.
    fn attached(&self, body: &mut Body, id: &str, data: Map<String, Value>) {
        let Some(call) = body.interactions.get_mut(id) else {
            return;
        };
        let session = call.session.clone();
        if let Some(Value::Object(known)) = call.about.get_mut("udata") {
            known.extend(data.clone());
        }
        let told = json!({"interactionid": id, "udata": data});
        self.answer(body, &session, "interaction.udata.changed", told);
    }
}

/// Why an element cannot act on a call now.
fn refusal(call: &Interaction, element: &str) -> Option<&'static str> {
    match (element, call.stage) {
        // Who has a call may end it at any time.
        ("terminate", Stage::Detached) => Some("invalidstate.null"),
        ("terminate", _) => None,
        ("accept", Stage::Talking) => None,
        ("attach" | "associate", Stage::Talking) if call.treatment.is_none() => None,
        ("attach" | "associate", Stage::Detached) => None,
        ("detach", Stage::Routed) => None,
        // The queue knows it as this session's.
        ("detach", Stage::Talking)
            if call.waits.is_some() && matches!(call.line, Line::Placed(_)) =>
        {
            Some("invalidstate")
        }
        // One word, whatever hinders it: pages compare with it (play-treatments §3.6).
        ("attach" | "associate" | "detach", _) => call.busy().map(|_| "invalidstate"),
        _ => call.busy(),
    }
}

/// An event of a call, from outside of the session's thread.
impl Sessions {
    /// Lets a script attach data to a call.
    pub(super) fn attach_data(&self, cell: &Arc<Cell>, id: String, data: Map<String, Value>) {
        let plugin = cell.plugin.as_ref();
        let is_plugins = plugin.is_some_and(|plugin| plugin.interaction.as_deref() == Some(&id));
        let Some(plugin) = plugin.filter(|_| is_plugins) else {
            self.push(cell, Input::Call(id, Happened::UserData(data)));
            return;
        };
        let line = Line::Question {
            callback: plugin.callback.clone(),
            token: plugin.token.clone(),
        };
        let attached = self.control(line, Act::UserData { data: data.clone() });
        let (sessions, cell) = (self.clone(), Arc::clone(cell));
        self.inner.supervisor.spawn("session", async move {
            let told = match attached.await {
                Ok(()) => event(
                    "interaction.udata.changed",
                    json!({"interactionid": id, "udata": data}),
                ),
                Err(error) => event(
                    "error.interaction.setudata",
                    json!({"interactionid": id, "error": error}),
                ),
            };
            sessions.push(&cell, Input::Answer(cell.id.clone(), told));
        });
    }
}
