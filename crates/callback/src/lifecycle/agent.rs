//! The agent's side: found, offered, connected, failed (play-treatments §2.5).

use serde_json::Value;

use super::bridge;
use super::first;
use super::route;
use super::run::Run;
use super::session_queue;
use super::{Effect, LegEvent, Offer};
use crate::events::EventId;
use crate::record::{Callback, Phase, Reason, State, TimerKind};
use crate::routing::{Found, Need, Released};
use crate::settings::AttachUserData;

/// Answers [`super::Input::AgentFound`].
pub(super) fn found(run: &mut Run<'_>, found: Found) {
    if session_queue::found(run, &found) {
        return;
    }
    match run.callback.phase {
        Phase::InQueue => {}
        Phase::Waiting if run.callback.settings.contact.agent_first => {}
        Phase::Scheduled
        | Phase::Submitting { .. }
        | Phase::Waiting
        | Phase::Paused
        | Phase::Confirming
        | Phase::RetryPause
        | Phase::AgentRinging { .. }
        | Phase::AgentReady
        | Phase::Dialing
        | Phase::Detecting
        | Phase::Plugin { .. }
        | Phase::Strategy { .. }
        | Phase::RoutingOut { .. }
        | Phase::Greeting
        | Phase::Offering { .. }
        | Phase::Talking { .. }
        | Phase::MachineMessage
        | Phase::Apology { .. }
        | Phase::Over => {
            run.act(Effect::ReleaseAgent(found.agent, Released::Done));
            return;
        }
    }
    let is_first = run.callback.phase == Phase::Waiting;
    let agent = found.agent.clone();
    run.callback.found = Some(found.clone());
    run.callback.agent_legs += 1;
    run.emit(EventId::TargetFound);
    run.emit(EventId::RouteToAgent);
    let offer = offer_of(&run.callback, &found);
    run.callback.phase = if is_first {
        Phase::AgentRinging { agent }
    } else {
        Phase::Offering { agent }
    };
    run.act(Effect::Offer(Box::new(offer)));
    run.guard(run.callback.settings.agent_reserve_timeout_s);
}

/// The call to an agent on the leg that is the latest.
pub(super) fn offer_of(callback: &Callback, found: &Found) -> Offer {
    Offer {
        leg: callback.agent_leg(),
        agent: found.agent.clone(),
        extension: found.dn.clone(),
        caller_number: shown_number(callback),
        ring_timeout_s: callback.settings.agent_reserve_timeout_s,
        user_data: attached(callback),
    }
}

/// Number shown to the agent: the hint's if there is one, which the number of a plugin's answer
/// replaces (play-treatments §4.4).
fn shown_number(callback: &Callback) -> String {
    let hint = callback.settings.cpn_digits.as_ref();
    let hint = hint.map(|hint| callback.plugin.number.as_ref().unwrap_or(hint));
    hint.unwrap_or(&callback.dial_number).clone()
}

/// Attached data for the agent's phone as `_attach_udata` says.
pub(super) fn attached(callback: &Callback) -> Vec<(String, String)> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match callback.settings.attach_udata {
        AttachUserData::SeparateKeys => callback
            .user_data
            .iter()
            .map(|(key, value)| (key.clone(), text(value)))
            .collect(),
        AttachUserData::SingleJson => vec![(
            "GMS_UserData".to_owned(),
            Value::Object(callback.user_data.clone()).to_string(),
        )],
        AttachUserData::GmsStorageId => {
            vec![("GMS_UserData".to_owned(), callback.id.as_str().to_owned())]
        }
    }
}

/// Answers [`super::Input::Agent`] for the leg that was offered last.
pub(super) fn leg(run: &mut Run<'_>, event: LegEvent) {
    match event {
        LegEvent::Answered => answered(run),
        LegEvent::Ended { call_state, detail } => ended(run, call_state, &detail),
        // An extension has one way only, so its leg is never rerouted.
        LegEvent::Rerouted { .. }
        | LegEvent::Verdict(_)
        | LegEvent::BeepOver { .. }
        | LegEvent::Referred { .. }
        | LegEvent::Played { .. } => {}
    }
}

fn answered(run: &mut Run<'_>) {
    match run.callback.phase.clone() {
        Phase::Offering { agent } => {
            run.callback.state = State::Processing;
            run.callback.phase = Phase::Talking {
                agent: agent.clone(),
            };
            for kind in [TimerKind::Guard, TimerKind::AgentWait, TimerKind::QueuedTtl] {
                run.disarm(kind);
            }
            run.emit(EventId::AgentConnected);
            run.act(Effect::AgentTalking(agent));
            run.act(Effect::Bridge {
                customer: run.callback.customer_leg(),
                agent: run.callback.agent_leg(),
            });
        }
        Phase::RoutingOut { .. } => route::answered(run),
        Phase::Plugin { .. } if session_queue::answered(run) => {}
        Phase::AgentRinging { agent } => first::agent_answered(run, agent),
        Phase::AgentReady | Phase::Talking { .. } => {}
        // The page decides what follows.
        Phase::Plugin { .. } if bridge::is_present(&run.callback) => {}
        Phase::Scheduled
        | Phase::Submitting { .. }
        | Phase::Waiting
        | Phase::Paused
        | Phase::Confirming
        | Phase::RetryPause
        | Phase::Dialing
        | Phase::Detecting
        | Phase::Plugin { .. }
        | Phase::Strategy { .. }
        | Phase::Greeting
        | Phase::InQueue
        | Phase::MachineMessage
        | Phase::Apology { .. }
        | Phase::Over => {
            // The offer was withdrawn while the answer was on its way.
            let leg = run.callback.agent_leg();
            run.act(Effect::HangUp {
                leg,
                given_up: false,
            });
        }
    }
}

fn ended(run: &mut Run<'_>, state: u8, detail: &str) {
    if let Some(agent) = run.callback.waiting_agent.take() {
        first::agent_left(run, agent);
        return;
    }
    match run.callback.phase.clone() {
        Phase::AgentRinging { agent } | Phase::Offering { agent } => {
            let outcome = Released::of_unanswered(state, detail);
            run.act(Effect::ReleaseAgent(agent, outcome));
            agent_failed(run, detail);
        }
        Phase::Plugin { .. } if session_queue::is_ringing(run) => {
            session_queue::ended(run, state, detail);
        }
        Phase::Talking { agent } => {
            session_queue::conversation_over(run);
            run.act(Effect::ReleaseAgent(agent, Released::Done));
            run.hang_up_customer(false);
            run.complete(Reason::AgentConnected, "agent_hung_up");
        }
        Phase::RoutingOut { destination, tries } => {
            route::failed(run, destination, tries, detail);
        }
        Phase::Plugin { .. } => bridge::ended(run, detail),
        Phase::Scheduled
        | Phase::Submitting { .. }
        | Phase::Waiting
        | Phase::Paused
        | Phase::Confirming
        | Phase::RetryPause
        | Phase::AgentReady
        | Phase::Dialing
        | Phase::Detecting
        | Phase::Strategy { .. }
        | Phase::Greeting
        | Phase::InQueue
        | Phase::MachineMessage
        | Phase::Apology { .. }
        | Phase::Over => {}
    }
}

/// Next target, or the end after `rb.transfer_attempts` failures.
pub(super) fn agent_failed(run: &mut Run<'_>, detail: &str) {
    run.callback.transfer_failures += 1;
    let failures = run.callback.transfer_failures;
    let mut details = run.with_line(detail);
    details.push(("failures", Value::from(failures)));
    run.emit_with(EventId::AgentFailed, &details);
    run.disarm(TimerKind::Guard);
    let is_last = failures >= run.callback.settings.transfer_attempts;
    let is_first = matches!(
        run.callback.phase,
        Phase::AgentRinging { .. } | Phase::AgentReady
    );
    if is_first && is_last {
        run.complete(Reason::FailAgentConnect, "no_agent");
    } else if is_first {
        run.wait_for_turn();
    } else if is_last {
        run.apologise(Reason::FailAgentConnect);
    } else {
        run.callback.phase = Phase::InQueue;
        run.act(Effect::Enqueue(Need::Agent));
    }
}
