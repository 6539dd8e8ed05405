//! The module `queue`: a call of the session waits for an agent in a virtual queue (ors-scxml §6).
//!
//! The wait of a plugin's call belongs to its callback, that of a placed call to the shard; both
//! are the router's.

mod order;

use std::sync::Arc;
use std::time::Duration;

use callback::plugin::QueueTold;
use callback::routing::Found;
use callback::{CallbackId, Timestamp};
use scxml::ActionElement;
use serde_json::{Value, json};
use telephony::port::CallId;
use tokio::sync::oneshot;

use self::order::{ORDERED_BY, changed, read};
use super::act::failed;
use super::cell::{Body, Cell, Input};
use super::dialog::plain;
use super::interaction::{Happened, Stage};
use super::interactions::named;
use super::series::Series;
use super::{Sessions, event, lock};
use crate::limits;
use crate::shard::{Act, Command, Line, QueueOrder, SessionCommand};

/// What a session has asked of a queue for one of its calls.
#[derive(Debug)]
pub(super) struct Waits {
    /// The session that asked.
    session: String,
    /// What it asked for.
    order: QueueOrder,
    /// Whom it was told.
    found: Option<Found>,
    /// `requestid` of the `<ixn:redirect>` to that agent.
    redirect: Option<String>,
    time: Time,
    /// Agents who did not take the call.
    tries: u32,
}

/// The time of a request for a placed call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Time {
    Runs,
    /// It is over while an agent is called; the session hears of it if that fails.
    Over,
    /// The session knows that it is over; the wait goes on.
    Told,
}

impl Waits {
    pub(super) fn is(&self, request: &str) -> bool {
        self.order.request == request
    }
}

impl Sessions {
    /// `<queue:submit>`, `<queue:update>`, `<queue:cancel>` and `<queue:query>`.
    pub(super) fn queue(
        &self,
        cell: &Arc<Cell>,
        body: &mut Body,
        session: &str,
        element: &ActionElement,
        request: String,
    ) {
        match element.name.as_str() {
            "submit" => self.submit(cell, body, session, element, &request),
            "update" => self.update(cell, body, session, element),
            "cancel" => self.withdraw(cell, body, session, meant(element)),
            _ => self.query_queue(cell, body, session, meant(element)),
        }
    }

    fn submit(
        &self,
        cell: &Arc<Cell>,
        body: &mut Body,
        session: &str,
        element: &ActionElement,
        request: &str,
    ) {
        let id = body.interactions.meant(element);
        let call = id.and_then(|id| {
            let call = body.interactions.get(&id).ok_or("unknown")?;
            match (call.stage, call.busy()) {
                (Stage::Talking, _) | (_, None) => Ok((id, call.line.clone())),
                (_, Some(word)) => Err(word),
            }
        });
        let wanted = match call {
            Ok((id, line)) => read(element, request)
                .map_err(|why| ("invalidattribute", why))
                .and_then(|order| {
                    let series = Series::read(element, session, request, self.speaks())?;
                    Ok((id, line, order, series))
                }),
            Err(word) => Err((word, "there is no such call to be queued".to_owned())),
        };
        let (id, line, mut order, series) = match wanted {
            Ok(wanted) => wanted,
            Err((error, why)) => {
                let data = refused(&named(element), request, error, &why);
                return self.answer(body, session, "error.queue.submit", data);
            }
        };
        let data = json!({"requestid": request, "interactionid": id, "orderedby": ORDERED_BY});
        self.answer(body, session, "queue.submit.requestid", data);
        order.since = Some(Timestamp(self.now_ms()));
        let timeout_s = u64::try_from(order.timeout_s).unwrap_or(0);
        if matches!(line, Line::Placed(_)) && timeout_s > 0 {
            let happened = Happened::QueueTime(request.to_owned());
            self.later(cell, &id, Duration::from_secs(timeout_s), happened);
        }
        self.end_series(cell, body, &id);
        if let Some(call) = body.interactions.get_mut(&id) {
            call.waits = Some(Waits {
                session: session.to_owned(),
                order: order.clone(),
                found: None,
                redirect: None,
                time: Time::Runs,
                tries: 0,
            });
            call.series = series;
        }
        self.go_on_with_series(cell, body, &id);
        self.put_into(cell, id, line, order);
    }

    /// `<queue:update>`: what it says replaces what the request said; the place by age stays.
    fn update(&self, cell: &Arc<Cell>, body: &mut Body, session: &str, element: &ActionElement) {
        let request = meant(element);
        let id = body.interactions.queued(&request).unwrap_or_default();
        let fail =
            |error: &str, why: &str| ("error.queue.update", refused(&id, &request, error, why));
        let call = body.interactions.get_mut(&id);
        let waits =
            call.and_then(|call| Some((call.line.clone(), call.stage, call.waits.as_mut()?)));
        let (name, data) = match waits {
            None => fail("unknown", "there is no such request"),
            // Whoever was found is called or reserved already.
            Some((_, stage, waits)) if stage != Stage::Talking || waits.found.is_some() => {
                fail("invalidstate.routed", "somebody was found")
            }
            Some((line, _, waits)) => {
                let changed = changed(element, &waits.order);
                let series = Series::read(element, session, &waits.order.request, self.speaks());
                match changed
                    .map_err(|why| ("invalidattribute", why))
                    .and_then(|o| Ok((o, series?)))
                {
                    Err((error, why)) => fail(error, &why),
                    Ok((order, series)) => {
                        waits.order = order.clone();
                        if series.is_some() {
                            self.end_series(cell, body, &id);
                            if let Some(call) = body.interactions.get_mut(&id) {
                                call.series = series;
                            }
                            self.go_on_with_series(cell, body, &id);
                        }
                        self.put_into(cell, id.clone(), line, order);
                        let data = json!({"requestid": request, "interactionid": id});
                        ("queue.update.done", data)
                    }
                }
            }
        };
        self.answer(body, session, name, data);
    }

    /// Hands a request over to the router.
    fn put_into(&self, cell: &Arc<Cell>, id: String, line: Line, order: QueueOrder) {
        let request = order.request.clone();
        let (sessions, cell) = (self.clone(), Arc::clone(cell));
        let taken = match line {
            Line::Question { .. } => Ok(self.control(line, Act::Submit(Box::new(order)))),
            Line::Placed(call) => {
                let (reply, taken) = oneshot::channel();
                let order = Box::new(order);
                self.command(SessionCommand::Queue { call, order, reply });
                Err(taken)
            }
        };
        self.inner.supervisor.spawn("session", async move {
            let result = match taken {
                Ok(taken) => taken.await,
                Err(taken) => taken.await.unwrap_or(Err("unknown")),
            };
            if let Err(error) = result {
                let happened = Happened::NotQueued(request, error);
                sessions.push(&cell, Input::Call(id, happened));
            }
        });
    }

    /// The engine did not take the request.
    pub(super) fn not_queued(&self, body: &mut Body, id: &str, request: &str, error: &'static str) {
        let call = body.interactions.get_mut(id);
        let waits = call.and_then(|call| call.waits.take_if(|waits| waits.is(request)));
        if let Some(waits) = waits {
            let why = "the engine did not take the request";
            let data = refused(id, request, error, why);
            self.answer(body, &waits.session, "error.queue.submit", data);
        }
    }

    fn withdraw(&self, cell: &Arc<Cell>, body: &mut Body, session: &str, request: String) {
        let found = body.interactions.queued(&request).unwrap_or_default();
        let call = body.interactions.get_mut(&found);
        let line = call
            .filter(|call| call.stage == Stage::Talking)
            .map(|call| {
                call.waits = None;
                call.line.clone()
            });
        self.go_on_with_series(cell, body, &found);
        let line = match line {
            Some(Line::Placed(call)) => {
                let data = json!({"requestid": request});
                self.command(SessionCommand::Unqueue { call, request });
                return self.answer(body, session, "queue.cancel.done", data);
            }
            Some(line) => line,
            None => {
                let (name, data) = failed("queue", "cancel", &request, "unknown");
                return self.answer(body, session, &name, data);
            }
        };
        let act = Act::Withdraw {
            request: request.clone(),
        };
        let withdrawn = self.control(line, act);
        let (sessions, cell, session) = (self.clone(), Arc::clone(cell), session.to_owned());
        self.inner.supervisor.spawn("session", async move {
            let told = match withdrawn.await {
                Ok(()) => event("queue.cancel.done", json!({"requestid": request})),
                Err(error) => {
                    let (name, data) = failed("queue", "cancel", &request, error);
                    event(&name, data)
                }
            };
            sessions.push(&cell, Input::Answer(session, told));
        });
    }

    fn query_queue(&self, cell: &Arc<Cell>, body: &Body, session: &str, request: String) {
        let id = body.interactions.queued(&request).unwrap_or_default();
        let call = body.interactions.get(&id);
        let of = call.map(|call| match &call.line {
            Line::Question { callback, .. } => callback.clone(),
            Line::Placed(call) => CallbackId::new(call.as_str()),
        });
        let position = self.position(of);
        let (sessions, cell, session) = (self.clone(), Arc::clone(cell), session.to_owned());
        self.inner.supervisor.spawn("session", async move {
            let told = match position.await {
                Some((position, waiting)) => event(
                    "queue.query.done",
                    json!({"requestid": request, "interactionid": id, "position": position,
                        "waiting": waiting}),
                ),
                None => {
                    let (name, data) = failed("queue", "query", &request, "unknown");
                    event(&name, data)
                }
            };
            sessions.push(&cell, Input::Answer(session, told));
        });
    }

    fn position(
        &self,
        of: Option<CallbackId>,
    ) -> impl Future<Output = Option<(usize, usize)>> + Send + 'static {
        let commands = self.inner.commands.clone();
        async move {
            let (reply, position) = oneshot::channel();
            let command = Command::Position { id: of?, reply };
            commands.send(command).await.ok()?;
            position.await.ok()?
        }
    }

    /// `<ixn:redirect>` to whom the queue found: that agent is called; `false` when it means
    /// somebody else.
    pub(super) fn redirect_to_found(
        &self,
        cell: &Arc<Cell>,
        body: &mut Body,
        session: &str,
        element: &ActionElement,
        request: &str,
    ) -> bool {
        let Ok(id) = body.interactions.meant(element) else {
            return false;
        };
        let Some(call) = body.interactions.get_mut(&id) else {
            return false;
        };
        let (line, stage) = (call.line.clone(), call.stage);
        let Some(waits) = call.waits.as_mut().filter(|_| stage == Stage::Talking) else {
            return false;
        };
        let to = element.attribute("to");
        let meant = |found: &Found| to.is_some_and(|to| means(to, found));
        let Some(found) = waits.found.clone().filter(meant) else {
            return false;
        };
        waits.redirect = Some(request.to_owned());
        if matches!(line, Line::Placed(_)) {
            self.call_found(cell, body, &id, &found);
            return true;
        }
        let called = self.control(line, Act::Connect);
        let (sessions, cell, session) = (self.clone(), Arc::clone(cell), session.to_owned());
        let request = request.to_owned();
        self.inner.supervisor.spawn("session", async move {
            if let Err(error) = called.await {
                let (name, data) = failed("interaction", "redirect", &request, error);
                sessions.push(&cell, Input::Answer(session, event(&name, data)));
            }
        });
        true
    }

    /// What became of a plugin's call in its queue.
    pub(crate) fn queue_told(&self, token: &str, request: String, told: QueueTold) {
        let cell = self.of_token(token);
        let call = cell.and_then(|cell| {
            let id = cell.plugin.as_ref()?.interaction.clone()?;
            Some((cell, id))
        });
        if let Some((cell, id)) = call {
            self.push(&cell, Input::Call(id, Happened::Queue(request, told)));
        }
    }

    /// The router found an agent for a call that a session placed.
    pub(crate) fn queue_found(&self, call: &str, request: String, found: Found) {
        let known = lock(&self.inner.calls)
            .get(call)
            .map(|known| Arc::clone(&known.cell));
        if let Some(cell) = known {
            let told = Happened::Queue(request, QueueTold::Selected(Box::new(found)));
            self.push(&cell, Input::Call(call.to_owned(), told));
        }
    }

    pub(super) fn queue_event(
        &self,
        cell: &Arc<Cell>,
        body: &mut Body,
        id: &str,
        request: &str,
        told: QueueTold,
    ) {
        let Some(call) = body.interactions.get_mut(id) else {
            return;
        };
        let (line, stage) = (call.line.clone(), call.stage);
        let wanted = |waits: &&mut Waits| waits.is(request);
        let is_free = matches!(line, Line::Question { .. }) || stage == Stage::Talking;
        let Some(waits) = call.waits.as_mut().filter(wanted).filter(|_| is_free) else {
            // Cancelled, or sent elsewhere meanwhile: whoever was found is free again.
            if let (Line::Placed(call), QueueTold::Selected(_)) = (line, told) {
                let request = request.to_owned();
                self.command(SessionCommand::Unqueue { call, request });
            }
            return;
        };
        let session = waits.session.clone();
        match told {
            QueueTold::Selected(found) => {
                let routes = waits.order.route;
                waits.found = Some((*found).clone());
                if routes {
                    return self.call_found(cell, body, id, &found);
                }
                let data = selected(id, request, &found);
                self.answer(body, &session, "queue.submit.done", data);
                if matches!(line, Line::Placed(_)) {
                    let happened = Happened::Kept(request.to_owned());
                    self.later(cell, id, limits::RESERVED_FOR_SESSION, happened);
                }
            }
            QueueTold::Connected(found) => {
                waits.found = Some(*found);
                self.connected(cell, body, id);
            }
            QueueTold::NotConnected => {
                let redirect = waits.redirect.take().unwrap_or_default();
                call.waits = None;
                let (name, data) = failed("interaction", "redirect", &redirect, "remote");
                self.answer(body, &session, &name, data);
                self.needs_route(body, id);
            }
            QueueTold::TimedOut { cleared } => {
                if cleared {
                    call.waits = None;
                }
                let why = "nobody was found in time";
                let data = refused(id, request, "timeout", why);
                self.answer(body, &session, "error.queue.submit", data);
            }
        }
    }

    /// Customer and agent talk.
    fn connected(&self, cell: &Arc<Cell>, body: &mut Body, id: &str) {
        let Some(call) = body.interactions.get_mut(id) else {
            return;
        };
        let waits = call.waits.take();
        let Some((waits, found)) = waits.and_then(|mut w| w.found.take().map(|f| (w, f))) else {
            return;
        };
        // Who talks hears no treatment any more.
        self.drop_treatment(cell, body, id, "cancelled", "the call is with an agent");
        if let Some(call) = body.interactions.get_mut(id) {
            call.stage = Stage::Routed;
        }
        self.tell_call(body, id, "interaction.partystatechanged");
        let (name, data) = match waits.redirect {
            Some(redirect) => (
                "interaction.redirect.done",
                json!({"requestid": redirect, "interactionid": id}),
            ),
            None => (
                "queue.submit.done",
                selected(id, &waits.order.request, &found),
            ),
        };
        self.answer(body, &waits.session, name, data);
    }

    /// An agent was kept for a session long enough.
    pub(super) fn not_kept(&self, body: &mut Body, id: &str, request: &str) {
        let Some(call) = body.interactions.get_mut(id) else {
            return;
        };
        let is_kept = |waits: &mut Waits| waits.is(request) && waits.redirect.is_none();
        if call.stage == Stage::Talking && call.waits.take_if(is_kept).is_some() {
            self.command(SessionCommand::Unqueue {
                call: CallId::new(id),
                request: request.to_owned(),
            });
        }
    }

    /// The time of a request for a placed call is over.
    pub(super) fn queue_time(&self, body: &mut Body, id: &str, request: &str) {
        let Some(call) = body.interactions.get_mut(id) else {
            return;
        };
        let stage = call.stage;
        let Some(waits) = call.waits.as_mut().filter(|waits| waits.is(request)) else {
            return;
        };
        // An agent who is kept for the session was its answer.
        let is_answered = waits.found.is_some() && !waits.order.route;
        if waits.time == Time::Runs && !is_answered {
            waits.time = Time::Over;
            if stage == Stage::Talking {
                self.too_late(body, id);
            }
        }
    }

    /// Tells the session that its time is over; `false` when the call does not wait any more.
    fn too_late(&self, body: &mut Body, id: &str) -> bool {
        let Some(call) = body.interactions.get_mut(id) else {
            return false;
        };
        let Some(waits) = &mut call.waits else {
            return false;
        };
        waits.time = Time::Told;
        let (session, request) = (waits.session.clone(), waits.order.request.clone());
        let goes_on = !waits.order.clear_on_timeout;
        if !goes_on {
            call.waits = None;
            self.command(SessionCommand::Unqueue {
                call: CallId::new(id),
                request: request.clone(),
            });
        }
        let data = refused(id, &request, "timeout", "nobody was found in time");
        self.answer(body, &session, "error.queue.submit", data);
        goes_on
    }

    /// Calls the agent who was found for a placed call.
    fn call_found(&self, cell: &Arc<Cell>, body: &mut Body, id: &str, found: &Found) {
        if body
            .interactions
            .get(id)
            .is_some_and(|call| call.leg.is_some())
        {
            // Whoever treats the call has it no longer.
            self.drop_treatment(cell, body, id, "cancelled", "an agent was found");
        }
        if let Some(call) = body.interactions.get_mut(id) {
            call.stage = Stage::Transferring;
        }
        if !self.call_agent(cell, body, id, found) {
            if let Some(call) = body.interactions.get_mut(id) {
                call.stage = Stage::Talking;
            }
            self.give_up(body, id, "unknown");
        }
    }

    /// The request of a placed call is over without an agent.
    fn give_up(&self, body: &mut Body, id: &str, error: &'static str) {
        let call = body.interactions.get(id);
        let Some(waits) = call.and_then(|call| call.waits.as_ref()) else {
            return;
        };
        let request = waits.order.request.clone();
        self.command(SessionCommand::Unqueue {
            call: CallId::new(id),
            request: request.clone(),
        });
        self.not_queued(body, id, &request, error);
    }

    /// A placed call that waited was meant for somebody who did not take it: it waits on, with
    /// its place.
    pub(super) fn waits_on(&self, cell: &Arc<Cell>, body: &Body, id: &str) {
        let call = body.interactions.get(id);
        let waits = call.and_then(|call| Some((call.line.clone(), call.waits.as_ref()?)));
        if let Some((line, waits)) = waits {
            self.put_into(cell, id.to_owned(), line, waits.order.clone());
        }
    }

    /// The agent of a placed call has answered.
    pub(super) fn agent_has(
        &self,
        cell: &Arc<Cell>,
        body: &mut Body,
        id: &str,
        (line, other): (Line, CallId),
    ) {
        let Line::Placed(a) = line else { return };
        lock(&self.inner.calls).remove(other.as_str());
        if let Some(call) = body.interactions.get_mut(id) {
            call.leg = None;
        }
        self.connected(cell, body, id);
        self.command(SessionCommand::HandOver { a, b: other });
    }

    /// The agent of a placed call does not take it: the next one, or the session is told.
    pub(super) fn agent_gone(&self, cell: &Arc<Cell>, body: &mut Body, id: &str) {
        let Some(call) = body.interactions.get_mut(id) else {
            return;
        };
        let Some(waits) = &mut call.waits else { return };
        waits.found = None;
        waits.tries += 1;
        let (session, request) = (waits.session.clone(), waits.order.request.clone());
        if let Some(redirect) = waits.redirect.take() {
            call.waits = None;
            self.command(SessionCommand::Unqueue {
                call: CallId::new(id),
                request,
            });
            let (name, data) = failed("interaction", "redirect", &redirect, "remote");
            self.answer(body, &session, &name, data);
            return self.needs_route(body, id);
        }
        if waits.tries >= limits::QUEUE_TRIES_MAX {
            return self.give_up(body, id, "remote");
        }
        let is_late = waits.time == Time::Over;
        if !is_late || self.too_late(body, id) {
            self.waits_on(cell, body, id);
        }
    }

    /// The call is back after somebody could not be reached: the session says where it goes.
    pub(super) fn needs_route(&self, body: &mut Body, id: &str) {
        let call = body.interactions.get(id);
        if let Some(call) = call.filter(|call| call.waits.is_none()) {
            let (session, data) = (call.session.clone(), json!({"interactionid": id}));
            self.answer(body, &session, "interaction.onrouterequest", data);
        }
    }

    /// The other side has left a virtual queue.
    pub(super) fn abandoned(&self, body: &mut Body, id: &str) {
        let call = body.interactions.get_mut(id);
        if let Some(waits) = call.and_then(|call| call.waits.take()) {
            let data = json!({"interactionid": id, "requestid": waits.order.request});
            self.answer(body, &waits.session, "interaction.abandoned", data);
        }
    }
}

fn meant(element: &ActionElement) -> String {
    element
        .attribute("requestid")
        .map(plain)
        .unwrap_or_default()
}

fn refused(id: &str, request: &str, error: &str, why: &str) -> Value {
    json!({"requestid": request, "interactionid": id, "error": error, "description": why})
}

/// The data of `queue.submit.done`.
fn selected(id: &str, request: &str, found: &Found) -> Value {
    json!({
        "requestid": request, "interactionid": id,
        "targetselected": format!("{}@{}", found.dn, found.switch),
        "targetcomponentselected": found.agent.as_str(),
        "targetobjectselected": found.id, "vqselected": found.vq,
        "resource": {
            "agent": found.agent.as_str(), "dn": found.dn, "id": found.id, "place": found.place,
            "resource": found.dn, "switch": found.switch, "type": found.kind, "vq": found.vq,
        },
    })
}

/// Whether a redirect goes to whom the queue found: the resource object, or a name of it.
fn means(to: &Value, found: &Found) -> bool {
    match to {
        Value::Object(resource) => ["agent", "dn"].iter().all(|key| {
            let value = resource.get(*key).map(plain);
            value.is_some_and(|value| value == found.agent.as_str() || value == found.dn)
        }),
        other => {
            let text = plain(other);
            let name = text.split('@').next().unwrap_or_default();
            !name.is_empty() && (name == found.dn || name == found.agent.as_str())
        }
    }
}
