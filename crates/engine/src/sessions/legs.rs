//! Destinations that are called for a call of a session: `<ixn:redirect>`, `<dialog:remote>`.

use std::sync::Arc;

use callback::AgentId;
use callback::routing::Found;
use scxml::ActionElement;
use serde_json::{Value, json};
use telephony::media::audio::Clip;
use telephony::media::tone;
use telephony::port::CallId;
use tokio::sync::oneshot;

use super::calls::{Placed, headers, number_shown};
use super::cell::{Body, Cell};
use super::dialog::plain;
use super::interaction::{Done, Happened, Stage};
use super::{Sessions, lock, new_id};
use crate::limits;
use crate::shard::{Act, Command, Line, Order, SessionCommand, Target};

/// A destination that is called.
#[derive(Debug)]
pub(super) struct Leg {
    pub(super) call: CallId,
    purpose: Purpose,
    answered: bool,
}

/// What for.
#[derive(Clone, Debug)]
enum Purpose {
    /// The call goes on there.
    Redirect {
        request: String,
        session: String,
        detach: bool,
    },
    /// An agent of a virtual queue takes the call.
    Agent,
    /// It treats the call and gives it back.
    Remote { default: String },
}

/// How a call is sent on: `type` of `<ixn:redirect>`, a name of `_genesys.queue.rType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// To an agent or a destination that the dial plan permits.
    Anywhere { first: bool },
    /// To an agent, nowhere else.
    Agent { first: bool },
    /// Nowhere: the call is ended.
    End,
}

impl Way {
    /// `None` for a type that there is not.
    fn of(element: &ActionElement) -> Option<Self> {
        let kind = element.attribute("type").map(plain).unwrap_or_default();
        let kind = kind.rsplit('.').next().unwrap_or_default();
        Some(match kind.strip_prefix("RouteType").unwrap_or(kind) {
            // `RouteToQueue` and its like say what `to` is; it says so itself here.
            "" | "Unknown" | "Default" | "Label" | "OverwriteDNIS" | "Direct" | "Announcement"
            | "RouteToQueue" | "RouteToSkill" => Self::Anywhere { first: false },
            "DirectPriority" => Self::Anywhere { first: true },
            "DirectAgent" | "AgentID" | "RouteToAgent" => Self::Agent { first: false },
            "DirectAgentPriority" => Self::Agent { first: true },
            "Reject" | "CallDisconnect" => Self::End,
            _ => return None,
        })
    }
}

/// What the ear gets while a destination is called.
fn ringing() -> Clip {
    Clip::from_samples(tone::ring(6_000))
}

impl Sessions {
    /// `<ixn:redirect>`; (request, interaction, destination).
    pub(super) fn redirect(
        &self,
        cell: &Arc<Cell>,
        body: &mut Body,
        session: &str,
        element: &ActionElement,
        (request, id, to): (String, String, String),
    ) {
        let done = Done {
            element: "redirect".to_owned(),
            request: request.clone(),
            session: session.to_owned(),
            result: Ok(()),
        };
        let fail = |word| Done {
            result: Err(word),
            element: "redirect".to_owned(),
            request: request.clone(),
            session: session.to_owned(),
        };
        let partner = body.interactions.partner(&id, &to);
        let partner = partner.map(|other| other.line.clone());
        let Some(call) = body.interactions.get_mut(&id) else {
            return;
        };
        let line = call.line.clone();
        let Some(way) = Way::of(element) else {
            return self.done(cell, body, &id, fail("invalidattribute"));
        };
        if way == Way::End {
            self.act_and_forget(line, Act::HangUp);
            let data = json!({"requestid": request, "interactionid": id});
            return self.answer(body, session, "interaction.redirect.done", data);
        }
        if to.is_empty() {
            return self.done(cell, body, &id, fail("invaliddestination"));
        }
        if let (Line::Placed(a), Some(Line::Placed(b))) = (&line, partner) {
            let joined = (a.clone(), b);
            return self.merge(body, (&id, &to), joined, done);
        }
        call.stage = Stage::Transferring;
        if let Line::Question { callback, token } = line {
            let (reply, routed) = oneshot::channel();
            let command = SessionCommand::Route {
                id: callback,
                token,
                destination: to,
                reply,
            };
            let commands = self.inner.commands.clone();
            let routed = async move {
                commands
                    .send(Command::OfSession(command))
                    .await
                    .map_err(|_gone| "unknown")?;
                routed.await.unwrap_or(Err("unknown"))
            };
            return self.carry_out(cell, id, routed, done);
        }
        let detach = element.attribute("detach").map(plain).unwrap_or_default();
        let purpose = Purpose::Redirect {
            request: request.clone(),
            session: session.to_owned(),
            detach: detach == "true",
        };
        let hints = element.attribute("hints");
        if !self.call_leg(cell, body, (&id, to), purpose, (hints, way)) {
            self.done(cell, body, &id, fail("unknown"));
            return;
        }
        body.plays += 1;
        let play = super::treat::number(body.plays);
        let ring = Act::Loop {
            clip: ringing(),
            play,
        };
        self.act_and_forget(line, ring);
    }

    /// Two calls of the session talk with each other: the second becomes part of the first.
    fn merge(
        &self,
        body: &mut Body,
        (id, other): (&str, &str),
        (a, b): (CallId, CallId),
        done: Done,
    ) {
        let session = done.session.clone();
        self.command(SessionCommand::HandOver { a, b: b.clone() });
        if let Some(call) = body.interactions.get_mut(id) {
            call.stage = Stage::Routed;
        }
        lock(&self.inner.calls).remove(b.as_str());
        let name = "interaction.redirect.done";
        let data = json!({"requestid": done.request, "interactionid": id});
        self.answer(body, &session, name, data);
        let data = json!({"frominteractionid": other, "tointeractionid": id});
        self.answer(body, &session, "interaction.onmerge", data);
        self.leave(body, other, "merge");
        self.tell_call(body, id, "interaction.partystatechanged");
    }

    /// `<dialog:remote>` has begun: its destination is called.
    pub(super) fn call_remote(
        &self,
        cell: &Arc<Cell>,
        body: &mut Body,
        id: &str,
        destination: String,
        default: String,
    ) {
        let purpose = Purpose::Remote { default };
        let to = (id, destination);
        if !self.call_leg(
            cell,
            body,
            to,
            purpose,
            (None, Way::Anywhere { first: false }),
        ) {
            let why = "the session has too many calls";
            self.drop_treatment(cell, body, id, "unknown", why);
        }
    }

    fn call_leg(
        &self,
        cell: &Arc<Cell>,
        body: &mut Body,
        (id, to): (&str, String),
        purpose: Purpose,
        how: (Option<&Value>, Way),
    ) -> bool {
        self.call_leg_of(cell, body, (id, to, None), purpose, how)
    }

    /// Calls the agent whom a virtual queue found for a call; `false` when it has too many calls.
    pub(super) fn call_agent(
        &self,
        cell: &Arc<Cell>,
        body: &mut Body,
        id: &str,
        found: &Found,
    ) -> bool {
        let to = (id, found.dn.clone(), Some(found.agent.clone()));
        let how = (None, Way::Agent { first: false });
        self.call_leg_of(cell, body, to, Purpose::Agent, how)
    }

    fn call_leg_of(
        &self,
        cell: &Arc<Cell>,
        body: &mut Body,
        (id, to, agent): (&str, String, Option<AgentId>),
        purpose: Purpose,
        (hints, way): (Option<&Value>, Way),
    ) -> bool {
        if body.interactions.placed() >= limits::SESSION_CALLS_MAX {
            return false;
        }
        let Some(call) = body.interactions.get_mut(id) else {
            return false;
        };
        let leg = CallId::new(format!("ixn-{}", new_id()));
        call.leg = Some(Leg {
            call: leg.clone(),
            purpose,
            answered: false,
        });
        let (target, first) = match way {
            Way::Agent { first } => (Target::Agent, first),
            Way::Anywhere { first } => (Target::Destination, first),
            Way::End => return false,
        };
        let order = Order {
            call: leg.clone(),
            target,
            agent: agent.map(|agent| (CallId::new(id), agent)),
            to,
            from: call.remote.clone(),
            shown: number_shown(hints),
            headers: headers(call.about.get("udata")),
            first,
        };
        let placed = Placed {
            cell: Arc::clone(cell),
            interaction: id.to_owned(),
        };
        lock(&self.inner.calls).insert(leg.as_str().to_owned(), placed);
        self.place(cell, id.to_owned(), order);
        true
    }

    /// Something happened on a leg.
    pub(super) fn on_leg(
        &self,
        cell: &Arc<Cell>,
        body: &mut Body,
        id: &str,
        leg: &str,
        happened: Happened,
    ) {
        let found = body.interactions.get_mut(id);
        let known = found.filter(|call| {
            let known = call.leg.as_ref();
            known.is_some_and(|known| known.call.as_str() == leg)
        });
        let Some(call) = known else {
            if matches!(happened, Happened::Answered) {
                self.hang_up(leg);
            }
            return;
        };
        let line = call.line.clone();
        match happened {
            Happened::Answered => {
                let Some(known) = call.leg.as_mut() else {
                    return;
                };
                known.answered = true;
                let other = known.call.clone();
                match known.purpose.clone() {
                    Purpose::Agent => self.agent_has(cell, body, id, (line, other)),
                    Purpose::Remote { .. } => self.act_and_forget(line, Act::Bridge { other }),
                    Purpose::Redirect {
                        request,
                        session,
                        detach,
                    } => {
                        let done = (request, session, detach);
                        self.redirected(body, id, (line, other), done);
                    }
                }
            }
            Happened::Over(over) => {
                lock(&self.inner.calls).remove(leg);
                self.leg_over(cell, body, id, over.detail);
            }
            Happened::NotPlaced(word, why) => {
                lock(&self.inner.calls).remove(leg);
                let why = format!("{word}: {why}");
                self.leg_over(cell, body, id, &why);
            }
            _ => {}
        }
    }

    /// The destination of a redirection has the call.
    fn redirected(
        &self,
        body: &mut Body,
        id: &str,
        (line, other): (Line, CallId),
        (request, session, detach): (String, String, bool),
    ) {
        let Line::Placed(a) = line else { return };
        lock(&self.inner.calls).remove(other.as_str());
        let b = other;
        self.command(SessionCommand::HandOver { a: a.clone(), b });
        if let Some(call) = body.interactions.get_mut(id) {
            call.stage = Stage::Routed;
            call.leg = None;
        }
        let data = json!({"requestid": request, "interactionid": id});
        self.answer(body, &session, "interaction.redirect.done", data);
        if detach {
            lock(&self.inner.calls).remove(a.as_str());
            self.leave(body, id, "detach");
        } else {
            self.tell_call(body, id, "interaction.partystatechanged");
        }
    }

    /// A leg has ended before the call went on there.
    fn leg_over(&self, cell: &Arc<Cell>, body: &mut Body, id: &str, why: &str) {
        let Some(call) = body.interactions.get_mut(id) else {
            return;
        };
        let (Some(leg), line) = (call.leg.take(), call.line.clone()) else {
            return;
        };
        match leg.purpose {
            Purpose::Agent => {
                call.stage = Stage::Talking;
                self.agent_gone(cell, body, id);
            }
            Purpose::Redirect {
                request, session, ..
            } => {
                self.act_and_forget(line, Act::Stop);
                call.stage = Stage::Talking;
                let word = if why.starts_with("invaliddestination") {
                    "invaliddestination"
                } else {
                    "remote"
                };
                let (name, mut data) =
                    super::act::failed("interaction", "redirect", &request, word);
                data["interactionid"] = Value::from(id);
                data["description"] = Value::from(why);
                self.answer(body, &session, &name, data);
                self.waits_on(cell, body, id);
                self.needs_route(body, id);
            }
            Purpose::Remote { .. } if leg.answered => {
                self.act_and_forget(line, Act::Unbridge);
                self.end_well(body, id);
            }
            Purpose::Remote { default } if !default.is_empty() => {
                self.call_remote(cell, body, id, default, String::new());
            }
            Purpose::Remote { .. } => self.drop_treatment(cell, body, id, "remote", why),
        }
    }

    /// Nobody needs the leg of a call any more.
    pub(super) fn drop_leg(&self, body: &mut Body, id: &str) {
        let call = body.interactions.get_mut(id);
        let Some((leg, line)) = call.and_then(|call| Some((call.leg.take()?, call.line.clone())))
        else {
            return;
        };
        lock(&self.inner.calls).remove(leg.call.as_str());
        self.hang_up(leg.call.as_str());
        if leg.answered {
            self.act_and_forget(line, Act::Unbridge);
        }
    }
}
