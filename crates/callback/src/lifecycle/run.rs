//! What the answers to all inputs share: raising events, timers, ending, the retry rule.

use serde_json::{Map, Value};

use super::{Context, Effect, LineEnd, Step, session_queue};
use crate::events::{self, Event, EventId, Notification};
use crate::record::{Callback, Phase, Reason, State, TimerKind};
use crate::routing::{Need, Released};
use crate::treatment::Treatment;
use crate::{LegKey, Timestamp, call_state};

/// Seconds the telephony driver may be late with an event it owes us before we go on without.
const GUARD_S: i64 = 15;
/// Longest time a clip may play; files are limited to ten minutes.
pub(super) const PLAY_GUARD_S: i64 = 630;

/// A step in progress.
pub(super) struct Run<'a> {
    pub(super) callback: Callback,
    pub(super) context: &'a Context,
    /// How the leg ended that the next events are about.
    pub(super) line: Option<&'a LineEnd>,
    events: Vec<Event>,
    effects: Vec<Effect>,
}

impl<'a> Run<'a> {
    pub(super) const fn new(callback: Callback, context: &'a Context) -> Self {
        Self {
            callback,
            context,
            line: context.line.as_ref(),
            events: Vec::new(),
            effects: Vec::new(),
        }
    }

    pub(super) fn finish(mut self) -> Step {
        super::bridge::tidy(&mut self);
        Step {
            callback: self.callback,
            events: self.events,
            effects: self.effects,
        }
    }

    pub(super) const fn now(&self) -> Timestamp {
        self.context.now
    }

    pub(super) fn act(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    /// Raises an event with the attributes of the catalogue.
    pub(super) fn emit(&mut self, id: EventId) {
        self.emit_with(id, &[]);
    }

    /// Raises an event with further details for the log.
    pub(super) fn emit_with(&mut self, id: EventId, extra: &[(&str, Value)]) {
        let callback = &mut self.callback;
        callback.seq += 1;
        let details = events::details(callback, id);
        let notification = events::is_published(callback, id).then(|| {
            callback.notification_seq += 1;
            Notification {
                seq: callback.notification_seq,
                body: events::body(callback, id, self.context.now, callback.notification_seq),
            }
        });
        let mut data: Map<String, Value> = details;
        for (key, value) in extra {
            data.insert((*key).to_owned(), value.clone());
        }
        self.events.push(Event {
            seq: callback.seq,
            at: self.context.now,
            id,
            state: callback.state,
            data,
            notification,
        });
    }

    pub(super) fn arm(&mut self, kind: TimerKind, at: Timestamp) {
        self.callback.timers.insert(kind, at);
    }

    pub(super) fn arm_in(&mut self, kind: TimerKind, seconds: i64) {
        self.arm(kind, self.now().plus_seconds(seconds));
    }

    /// Arms the guard: the driver should report something within `seconds`.
    pub(super) fn guard(&mut self, seconds: i64) {
        self.arm_in(TimerKind::Guard, seconds.saturating_add(GUARD_S));
    }

    pub(super) fn disarm(&mut self, kind: TimerKind) {
        self.callback.timers.remove(&kind);
    }

    /// What this callback needs from the queue before its customer may be dialed.
    pub(super) fn contact_need(&self) -> Need {
        let settings = &self.callback.settings;
        if settings.contact.agent_first {
            // Nobody calls the customer without an agent, however long it takes.
            return Need::Contact;
        }
        if settings.wait_for_agent && !self.waited_long_enough() {
            Need::Contact
        } else {
            Need::ContactNow
        }
    }

    /// `_max_queue_wait` is over: the customer is contacted whether an agent is free or not.
    fn waited_long_enough(&self) -> bool {
        self.contact_anyway_at().is_some_and(|at| at <= self.now())
    }

    fn contact_anyway_at(&self) -> Option<Timestamp> {
        let wait_s = self.callback.settings.contact.max_queue_wait_s;
        let since = self.callback.started.max(self.callback.created);
        (wait_s > 0).then(|| since.plus_seconds(wait_s))
    }

    /// Waits for its turn to dial.
    pub(super) fn wait_for_turn(&mut self) {
        self.callback.phase = Phase::Waiting;
        let settings = &self.callback.settings;
        let may_be_alone = settings.wait_for_agent && !settings.contact.agent_first;
        match self.contact_anyway_at() {
            Some(at) if may_be_alone && at > self.now() => {
                self.arm(TimerKind::QueueWait, at);
            }
            _ => self.disarm(TimerKind::QueueWait),
        }
        let need = self.contact_need();
        self.act(Effect::Enqueue(need));
    }

    /// Raises `_cbe_on_dial_done` once per dial.
    pub(super) fn dial_done(&mut self, result: u8, detail: &str) {
        if self.callback.call_result.is_some() || self.callback.attempts == 0 {
            return;
        }
        self.callback.call_result = Some(result);
        let details = self.with_line(detail);
        self.emit_with(EventId::DialDone, &details);
    }

    /// The detail word of a result, and what the network said when the leg is over.
    pub(super) fn with_line(&self, detail: &str) -> Vec<(&'static str, Value)> {
        let mut details = vec![("detail", Value::from(detail))];
        if let Some(line) = self.line {
            let status = (line.sip_status > 0).then(|| Value::from(line.sip_status));
            let told = [
                ("trunk", line.trunk.as_deref().map(Value::from)),
                ("sip_status", status),
                ("q850", line.q850.map(Value::from)),
                ("reason", line.reason.as_deref().map(Value::from)),
            ];
            let told = told.into_iter();
            details.extend(told.filter_map(|(key, value)| Some((key, value?))));
        }
        details
    }

    /// Ends the customer's leg.
    pub(super) fn hang_up_customer(&mut self, given_up: bool) {
        let leg = self.callback.customer_leg();
        self.act(Effect::HangUp { leg, given_up });
    }

    /// Ends the agent's leg and gives the agent back, free.
    pub(super) fn let_agent_go(&mut self, given_up: bool) {
        if let Phase::AgentRinging { agent }
        | Phase::Offering { agent }
        | Phase::Talking { agent } = self.callback.phase.clone()
        {
            let leg = self.callback.agent_leg();
            self.act(Effect::HangUp { leg, given_up });
            self.act(Effect::ReleaseAgent(agent, Released::Done));
        }
    }

    /// Agent first: ends the call of the agent who waits for the customer; the agent is free.
    pub(super) fn let_waiting_agent_go(&mut self) {
        let leg = self.callback.agent_leg();
        if let Some(agent) = self.callback.waiting_agent.take() {
            self.act(Effect::HangUp {
                leg,
                given_up: false,
            });
            self.act(Effect::ReleaseAgent(agent, Released::Done));
        }
    }

    /// Ends the leg to the destination of `route_to_rp`.
    pub(super) fn drop_destination(&mut self) {
        let leg = self.callback.agent_leg();
        self.act(Effect::HangUp {
            leg,
            given_up: true,
        });
    }

    /// Begins a question with a token of its own, by which its answers are known.
    pub(super) fn ask_anew(&mut self) -> String {
        let token = format!("{:032x}", self.context.random);
        self.callback.plugin.ask(token.clone());
        token
    }

    /// Ends what the plugin's session still does.
    pub(super) fn end_plugin(&mut self) {
        if let Some(token) = self.callback.plugin.token() {
            let token = token.to_owned();
            self.act(Effect::EndPlugin { token });
        }
    }

    /// Starts `_max_time_to_wait_for_agent_on_the_call`.
    pub(super) fn wait_on_the_line(&mut self) {
        let wait_s = self.callback.settings.max_wait_on_call_s;
        if wait_s > 0 {
            self.arm_in(TimerKind::AgentWait, wait_s);
        }
    }

    /// Dials begun that count against the limit.
    pub(super) const fn counted_attempts(&self) -> u32 {
        let callback = &self.callback;
        callback.attempts.saturating_sub(callback.interrupted)
    }

    /// Plays a treatment once or in a loop; `false` when it is off.
    pub(super) fn play(&mut self, treatment: &Treatment, forever: bool) -> bool {
        self.play_to(self.callback.customer_leg(), treatment, forever)
    }

    /// The same for any leg.
    pub(super) fn play_to(&mut self, leg: LegKey, treatment: &Treatment, forever: bool) -> bool {
        let Treatment::Play { source, .. } = treatment else {
            return false;
        };
        self.callback.play_token += 1;
        let effect = Effect::Play {
            leg,
            source: source.clone(),
            forever,
            token: self.callback.play_token,
        };
        self.act(effect);
        true
    }

    /// The retry rule (play-treatments §2.4), built-in path.
    pub(super) fn retry_or_end(&mut self) {
        if self.counted_attempts() < self.callback.settings.max_dial_attempts {
            self.pause(self.callback.settings.dial_retry_timeout_s);
        } else {
            self.complete(Reason::FailCallToCustomer, "retry_limit");
        }
    }

    /// Waits and dials again; the virtual interaction keeps its place.
    pub(super) fn pause(&mut self, seconds: i64) {
        self.let_waiting_agent_go();
        self.callback.state = State::Queued;
        self.callback.phase = Phase::RetryPause;
        self.disarm(TimerKind::Guard);
        self.disarm(TimerKind::AgentWait);
        self.disarm(TimerKind::PluginAnswer);
        self.disarm(TimerKind::Detach);
        self.act(Effect::Leave);
        self.arm_in(TimerKind::RetryDial, seconds);
        self.emit_with(EventId::RetryPlanned, &[("delay_s", Value::from(seconds))]);
    }

    /// Tells the customer that no agent is free, then ends with `reason`.
    pub(super) fn apologise(&mut self, reason: Reason) {
        self.let_waiting_agent_go();
        self.act(Effect::Leave);
        self.disarm(TimerKind::AgentWait);
        self.disarm(TimerKind::QueuedTtl);
        let settings = self.callback.settings.clone();
        if self.play(&settings.treatments.find_agent_fail, false) {
            self.callback.phase = Phase::Apology { reason };
            self.emit(EventId::Apology);
            self.guard(PLAY_GUARD_S);
        } else {
            self.hang_up_customer(false);
            self.complete(reason, "no_agent");
        }
    }

    /// The callback is over.
    pub(super) fn complete(&mut self, reason: Reason, detail: &str) {
        self.finish_record(reason, detail);
        self.exit_session();
    }

    /// Marks the record as over without raising an event.
    pub(super) fn finish_record(&mut self, reason: Reason, detail: &str) {
        self.let_waiting_agent_go();
        self.callback.state = State::Completed;
        self.callback.phase = Phase::Over;
        self.callback.reason = Some(reason);
        self.callback.detail = Some(detail.to_owned());
        self.callback.timers.clear();
        self.callback.held = None;
        if let Some(confirmation) = &mut self.callback.confirmation {
            confirmation.token.clear();
        }
        self.act(Effect::Leave);
    }

    /// Raises `_cbe_on_service_exit` when a session ran.
    pub(super) fn exit_session(&mut self) {
        if self.callback.session_started {
            let detail = self.callback.detail.clone().unwrap_or_default();
            self.emit_with(EventId::ServiceExit, &[("detail", Value::from(detail))]);
        }
    }

    /// Releases everything that is live: legs, agent, place; the dial's result becomes known.
    pub(super) fn drop_everything(&mut self) {
        self.let_waiting_agent_go();
        match self.callback.phase.clone() {
            Phase::Scheduled
            | Phase::Submitting { .. }
            | Phase::Waiting
            | Phase::Paused
            | Phase::Confirming
            | Phase::RetryPause
            | Phase::AgentReady
            | Phase::Over => {}
            Phase::AgentRinging { .. } => self.let_agent_go(true),
            Phase::Dialing => {
                self.hang_up_customer(true);
                self.dial_done(call_state::DROPPED, "given_up");
            }
            Phase::Detecting => {
                self.hang_up_customer(false);
                self.dial_done(call_state::DROPPED, "given_up");
            }
            Phase::Greeting | Phase::InQueue | Phase::MachineMessage | Phase::Apology { .. } => {
                self.hang_up_customer(false);
            }
            Phase::Plugin { call, .. } => {
                session_queue::leave(self);
                if call.is_up() {
                    self.hang_up_customer(false);
                }
                self.end_plugin();
            }
            Phase::Strategy { .. } => self.end_plugin(),
            Phase::RoutingOut { .. } => {
                self.drop_destination();
                self.hang_up_customer(false);
            }
            Phase::Offering { .. } | Phase::Talking { .. } => {
                self.let_agent_go(true);
                self.hang_up_customer(false);
            }
        }
    }
}
