//! What comes in: API commands, telephony events, timers, the router's decisions.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use callback::events;
use callback::lifecycle::{
    self, ContactFault, Context, DialPlan, Effect, Input, LegEvent, LineEnd,
};
use callback::number;
use callback::record::{Phase, TimerKind};
use callback::routing::{Decision, Released};
use callback::{Callback, CallbackId, Error, LegKey, Timestamp};
use serde_json::{Value, json};
use store::{EventRow, IntentRow};
use telephony::media::cpd;
use telephony::port::{CallId, Event, EventKind, Room};

use super::Shard;
use super::act::call_id;
use super::round::Round;
use super::told::warn_of;
use crate::limits;
use crate::trunks::TrunkInfo;

/// Whether the input may submit the callback.
fn submits(input: &Input) -> bool {
    matches!(
        input,
        Input::Create { .. }
            | Input::Update(_)
            | Input::ServiceResumed
            | Input::Timer(TimerKind::Due | TimerKind::Submit)
    )
}

impl Shard {
    /// Applies an input that cannot be refused.
    pub(super) fn step(&mut self, id: &CallbackId, input: Input, round: &mut Round) {
        if let Err(error) = self.try_step(id, input, round) {
            tracing::debug!(callback.id = %id, %error, "an input came too late");
        }
    }

    /// Lets the lifecycle decide and notes everything that follows.
    pub(super) fn try_step(
        &mut self,
        id: &CallbackId,
        input: Input,
        round: &mut Round,
    ) -> Result<(), Error> {
        let Some(callback) = self.callbacks.remove(id).map(Arc::unwrap_or_clone) else {
            return Ok(());
        };
        let before = if matches!(input, Input::Create { .. }) {
            None
        } else {
            Some(callback.state)
        };
        let timer_before = callback.next_timer();
        let recovers = matches!(input, Input::Recover);
        let kept = matches!(
            input,
            Input::Cancel
                | Input::Reschedule { .. }
                | Input::Update(_)
                | Input::Plugin { .. }
                | Input::Chosen { .. }
        )
        .then(|| callback.clone());
        let submission = if submits(&input) {
            self.can_submit(&callback)
        } else {
            Ok(())
        };
        let context = Context {
            now: self.now,
            submission,
            random: rand::random(),
            paused: self.pauses.holds(callback.settings.pause_id(), self.now),
            line: self.line_end.take(),
        };
        let step = match lifecycle::step(callback, input, &context) {
            Ok(step) => step,
            Err(error) => {
                if let Some(kept) = kept {
                    self.callbacks.insert(id.clone(), Arc::new(kept));
                }
                return Err(error);
            }
        };
        let dialed = step
            .effects
            .iter()
            .any(|effect| matches!(effect, Effect::Dial(_)));
        self.ledger
            .moved(before, Some(step.callback.state), &step.callback);
        self.parts
            .metrics
            .step(before, &step.callback, dialed, self.now);
        self.parts.metrics.dials_over(&step.callback, &step.events);
        // After a start most callbacks just go on waiting: nothing to write for them.
        let unchanged = step.events.is_empty();
        self.note(&step.callback, step.events, &step.effects, round);
        let timer_after = step.callback.next_timer();
        if timer_before != timer_after || before.is_none() {
            if let Some(at) = timer_before {
                self.timers.remove(&(at, id.clone()));
            }
            if let Some(at) = timer_after {
                self.timers.insert((at, id.clone()));
            }
        }
        self.callbacks.insert(id.clone(), Arc::new(step.callback));
        self.settle_route(id);
        if !(recovers && unchanged) {
            round.changed.push(id.clone());
        }
        round
            .effects
            .extend(step.effects.into_iter().map(|effect| (id.clone(), effect)));
        Ok(())
    }

    /// Turns events into rows and dials into intents.
    fn note(
        &mut self,
        callback: &Callback,
        raised: Vec<events::Event>,
        effects: &[Effect],
        round: &mut Round,
    ) {
        for mut event in raised {
            tracing::info!(
                callback.id = %callback.id,
                event = event.id.as_str(),
                state = event.state.as_str(),
                attempt = callback.attempts,
                detail = detail(&event.data),
                "callback event"
            );
            warn_of(callback, &event);
            let deliveries = self.parts.publisher.of_event(callback, &event);
            if event.notification.is_some() && deliveries.is_empty() {
                self.parts.metrics.no_subscriber();
                let why = Value::from("no_subscriber");
                event.data.insert("notification".to_owned(), why);
            }
            round.batch.deliveries.extend(deliveries);
            round.batch.events.push(EventRow {
                callback: callback.id.clone(),
                seq: event.seq,
                at: event.at,
                event_id: event.id.as_str().to_owned(),
                state: event.state,
                data: Value::Object(event.data).to_string(),
            });
        }
        for effect in effects {
            let leg = match effect {
                Effect::Push(push) => {
                    let row = self.parts.publisher.of_push(&callback.id, push, self.now);
                    round.batch.deliveries.push(row);
                    continue;
                }
                Effect::Dial(dial) => dial.leg.to_string(),
                Effect::Offer(offer) => offer.leg.to_string(),
                Effect::RouteOut(route) => route.leg.to_string(),
                // At once: one of the two may leave before the round is durable.
                Effect::HandOver { customer, other } => {
                    self.handed_over(customer.to_string(), other.to_string());
                    continue;
                }
                Effect::Enqueue(_)
                | Effect::Leave
                | Effect::HangUp { .. }
                | Effect::Play { .. }
                | Effect::Listen(_)
                | Effect::Bridge { .. }
                | Effect::AskPlugin(_)
                | Effect::CallDeleted { .. }
                | Effect::TellQueue { .. }
                | Effect::RunStrategy(_)
                | Effect::EndPlugin { .. }
                | Effect::Refer { .. }
                | Effect::Silence { .. }
                | Effect::AgentTalking(_)
                | Effect::ReleaseAgent(..) => continue,
            };
            round.batch.intents.push(IntentRow {
                leg,
                callback: callback.id.clone(),
                at: self.now,
                dialog: None,
            });
        }
    }

    pub(super) fn on_timers(&mut self, round: &mut Round) {
        for _ in 0..limits::BATCH_INPUTS_MAX {
            let Some((at, id)) = self.timers.first().cloned() else {
                return;
            };
            if at > self.now {
                return;
            }
            let due: Vec<TimerKind> = self.callbacks.get(&id).map_or_else(Vec::new, |callback| {
                callback
                    .timers
                    .iter()
                    .filter(|(_, at)| **at <= self.now)
                    .map(|(kind, _)| *kind)
                    .collect()
            });
            for kind in due {
                self.step(&id, Input::Timer(kind), round);
            }
            // Steps move the entry. It stays when the next timer is due at the very same time.
            if self
                .callbacks
                .get(&id)
                .and_then(|callback| callback.next_timer())
                != Some(at)
            {
                self.timers.remove(&(at, id));
            }
        }
    }

    pub(super) fn on_decision(&mut self, decision: Decision, round: &mut Round) {
        match decision {
            Decision::Contact { callback } => {
                // A queue moves on once with each: not with retries, nor with what follows when an
                // agent or the customer was asked first.
                let first = |record: &&Arc<Callback>| {
                    record.phase == Phase::Waiting && record.attempts == 0 && !record.asks_first()
                };
                if let Some(record) = self.callbacks.get(&callback).filter(first) {
                    self.pace.turn(&record.settings.virtual_queue, self.now);
                }
                self.turns.push_back(callback);
            }
            Decision::Agent { callback, found } => {
                if self.found_for_placed(&callback, &found) {
                    return;
                }
                if !self.callbacks.contains_key(&callback) {
                    self.router
                        .release(&found.agent, &callback, Released::Done, self.now);
                    return;
                }
                self.step(&callback, Input::AgentFound(found), round);
            }
        }
    }

    /// Dials whose turn has come, as far as their trunks have room.
    pub(super) fn on_turns(&mut self, round: &mut Round) {
        self.turns_at = None;
        if self.turns.is_empty() || self.parts.shared.draining.load(Ordering::Relaxed) {
            return;
        }
        let mut waiting = std::collections::VecDeque::new();
        let mut started = 0;
        while let Some(id) = self.turns.pop_front() {
            let Some(callback) = self.callbacks.get(&id).filter(|callback| {
                // A place on a trunk is taken only for who is dialed.
                matches!(callback.phase, Phase::Waiting | Phase::AgentReady)
                    && !callback.timers.contains_key(&TimerKind::ContactAllowed)
            }) else {
                continue;
            };
            if started >= limits::TURNS_PER_ROUND_MAX {
                waiting.push_back(id);
                self.router_changed = true;
                break;
            }
            if callback.asks_first() {
                self.ask_customer(id, round);
                continue;
            }
            if callback.phase == Phase::Waiting && callback.settings.contact.agent_first {
                // No agent waits for the end of a call of before a crash.
                if self.has_leftover(&id) {
                    waiting.push_back(id);
                    continue;
                }
                self.step(&id, Input::AgentTurn, round);
                continue;
            }
            let plan = match self.turn(callback) {
                Turn::Dial(plan) => plan,
                Turn::Later(at) => {
                    self.turns_at = Some(self.turns_at.map_or(at, |known| known.min(at)));
                    waiting.push_back(id);
                    continue;
                }
                Turn::Wait => {
                    waiting.push_back(id);
                    continue;
                }
            };
            started += 1;
            self.step(&id, Input::ContactTurn(plan), round);
        }
        waiting.append(&mut self.turns);
        self.turns = waiting;
    }

    /// The customer's phone may still ring from before a crash; an agent's keeps nobody waiting.
    fn has_leftover(&self, id: &CallbackId) -> bool {
        self.leftovers.iter().any(|(leg, other)| {
            other == id && LegKey::parse(leg).is_none_or(|key| key.agent.is_none())
        })
    }

    /// Whether a callback may be dialed now: a place on a trunk is taken with the decision, so
    /// that one round cannot overshoot.
    fn turn(&self, callback: &Callback) -> Turn {
        if self.has_leftover(&callback.id) {
            return Turn::Wait;
        }
        let trunks = self.parts.trunks.candidates(&callback.settings.route_point);
        if let Err(fault) = self.check_number(callback) {
            return Turn::Dial(Err(fault));
        }
        let leg = LegKey {
            callback: callback.id.clone(),
            attempt: callback.attempts + 1,
            agent: None,
        };
        let names: Vec<&str> = trunks.iter().map(|trunk| trunk.name.as_str()).collect();
        let taken = match self.parts.telephony.reserve(&call_id(&leg), &names) {
            Room::Taken(name) => trunks.iter().position(|trunk| trunk.name == name),
            // The attempt ends at once with the result of trunks that cannot be used.
            Room::Down => Some(0),
            Room::Unknown => None,
            Room::Later(wait) => {
                let wait = wait.max(std::time::Duration::from_millis(1));
                return Turn::Later(self.now + wait);
            }
            Room::Full => return Turn::Wait,
        };
        Turn::Dial(match taken {
            Some(taken) => Ok(self.plan(callback, trunks, taken)),
            None => Err(ContactFault::NoTrunk),
        })
    }

    /// The second check of the number.
    fn check_number(&self, callback: &Callback) -> Result<(), ContactFault> {
        let s = &callback.settings;
        let plan = &self.parts.dialplan;
        number::check_dial(
            plan,
            callback.number_to_dial(),
            callback.dial_prefix(),
            s.disallow_premium,
            &s.default_country,
        )
        .map_err(|error| {
            tracing::warn!(callback.id = %callback.id, %error, "a dial was refused");
            ContactFault::NumberBlocked
        })
    }

    /// The finished dial strings: of the trunk with the place, and of the others in order.
    fn plan(&self, callback: &Callback, trunks: &[TrunkInfo], taken: usize) -> DialPlan {
        let s = &callback.settings;
        let plan = &self.parts.dialplan;
        let string = |trunk: &TrunkInfo| {
            let dialed = number::dial_string(
                plan,
                callback.number_to_dial(),
                callback.dial_prefix(),
                trunk.number_format,
                &s.default_country,
            );
            (trunk.name.clone(), dialed)
        };
        let mut all: Vec<_> = trunks.iter().map(string).collect();
        let (trunk, number) = all.remove(taken);
        DialPlan {
            number,
            trunk,
            alternatives: all,
            country: number::country_of(plan, callback.number_to_dial(), &s.default_country),
        }
    }

    pub(super) fn on_event(&mut self, event: Event, round: &mut Round) {
        match event {
            Event::Phone {
                extension,
                registered,
            } => {
                self.router.set_registered(&extension, registered, self.now);
                self.router_changed = true;
            }
            Event::Account { .. } => {}
            // Dials that wait for a trunk are looked at after every event.
            Event::Trunk { name, up, reason } => {
                tracing::debug!(trunk = name, up, reason, "a trunk changed");
            }
            Event::Call { call, kind } => self.on_call(&call, kind, round),
        }
    }

    fn on_call(&mut self, call: &CallId, kind: EventKind, round: &mut Round) {
        let Some(leg) = LegKey::parse(call.as_str()) else {
            return self.on_placed(call, kind, round);
        };
        self.signal_session(&leg, &kind);
        let event = match kind {
            EventKind::Dialog(record, hold) => {
                round.holds.push(hold);
                if let Ok(text) = serde_json::to_string(&record) {
                    round.batch.dialogs.push((call.as_str().to_owned(), text));
                }
                return;
            }
            EventKind::Rerouted(way) => {
                tracing::info!(call.id = %call, trunk = way.trunk, "the next trunk is tried");
                LegEvent::Rerouted { number: way.number }
            }
            EventKind::Answered { .. } => LegEvent::Answered,
            EventKind::Verdict(verdict) => LegEvent::Verdict(judge(&verdict)),
            EventKind::Beep { screening, .. } => {
                self.parts.metrics.greeting_over(screening);
                LegEvent::BeepOver { screening }
            }
            EventKind::Played {
                token,
                finished: true,
            } => LegEvent::Played { token },
            EventKind::Referred { taken, status } => LegEvent::Referred { taken, status },
            EventKind::MediaTimeout => {
                // A phone with silence suppression sends nothing and is there all the same; who
                // is gone is found out by the session timers.
                tracing::info!(call.id = %call, "no media for a minute");
                return;
            }
            EventKind::Ended(ended) => {
                round.batch.intents_over.push(call.as_str().to_owned());
                if self.leftovers.remove(call.as_str()).is_some() {
                    // The attempt was judged at the start of the server.
                    return;
                }
                self.leg_over(call.as_str(), ended)
            }
            EventKind::Ringing
            | EventKind::EarlyMedia
            | EventKind::Played {
                finished: false, ..
            }
            | EventKind::Digit(_)
            | EventKind::Recorded { .. }
            | EventKind::Incoming { .. } => return,
        };
        let input = match leg.agent {
            None => Input::Customer {
                attempt: leg.attempt,
                event,
            },
            Some(number) => Input::Agent {
                attempt: leg.attempt,
                leg: number,
                event,
            },
        };
        self.step(&leg.callback, input, round);
        self.line_end = None;
    }

    /// A leg of a running attempt has ended: what the lifecycle is told.
    fn leg_over(&mut self, leg: &str, ended: telephony::port::Ended) -> LegEvent {
        self.agent_leg_over(leg);
        self.part(leg);
        self.line_end = Some(LineEnd {
            trunk: ended.trunk,
            sip_status: ended.status,
            q850: ended.q850,
            reason: ended.reason,
        });
        LegEvent::Ended {
            call_state: ended.call_state,
            detail: ended.detail.to_owned(),
        }
    }
}

/// What a callback whose turn it is may do.
enum Turn {
    /// Dial, or end because it cannot be dialed.
    Dial(Result<DialPlan, ContactFault>),
    /// Not before this time.
    Later(Timestamp),
    /// Only after a call has ended.
    Wait,
}

/// The detail word of an event, for the log.
fn detail(data: &serde_json::Map<String, Value>) -> Option<&str> {
    data.get("detail").and_then(Value::as_str)
}

/// The detector's verdict in the words of the lifecycle (telephony §5.2).
fn judge(verdict: &cpd::Verdict) -> lifecycle::Verdict {
    let outcome = match verdict.outcome {
        cpd::Outcome::Human | cpd::Outcome::Undecided => lifecycle::Outcome::Human,
        cpd::Outcome::Machine => lifecycle::Outcome::Machine,
        cpd::Outcome::Fax => lifecycle::Outcome::Fax,
        cpd::Outcome::Silence => lifecycle::Outcome::Silence,
        cpd::Outcome::Busy | cpd::Outcome::Congestion | cpd::Outcome::Ring | cpd::Outcome::Sit => {
            lifecycle::Outcome::Tone
        }
    };
    let reasons: Vec<Value> = verdict
        .reasons
        .iter()
        .map(|r| json!({"rule": r.rule, "value": r.value, "limit": r.limit, "unit": r.unit}))
        .collect();
    lifecycle::Verdict {
        outcome,
        call_state: verdict.call_state,
        detail: verdict.detail.to_owned(),
        trace: json!({
            "result": format!("{:?}", verdict.outcome).to_lowercase(),
            "call_state": verdict.call_state,
            "detail": verdict.detail,
            "decided_after_ms": verdict.decided_after_ms,
            "decided_after_first_sound_ms": verdict.decided_after_first_sound_ms,
            "reasons": reasons,
            "picture": picture(&verdict.picture),
        }),
    }
}

/// Levels, dBFS, and one letter a moment: v voice, t a steady tone, b both, a dot neither.
fn picture(moments: &[cpd::Moment]) -> Value {
    let letter = |moment: &cpd::Moment| match (moment.voice, moment.tone) {
        (true, true) => 'b',
        (true, false) => 'v',
        (false, true) => 't',
        (false, false) => '.',
    };
    let levels: Vec<i8> = moments.iter().map(|moment| moment.dbfs).collect();
    let marks: String = moments.iter().map(letter).collect();
    json!({"step_ms": cpd::MOMENT_MS, "dbfs": levels, "marks": marks})
}
