//! Agent first: the customer is dialed when an agent is on the line (options §8).
//!
//! The agent is found and called as for a customer on the line, and waits with the waiting
//! treatment in the ear. `waiting_agent` of the record says who that is; whatever ends the attempt
//! lets the agent go.

use super::Effect;
use super::agent::agent_failed;
use super::contact::is_too_late;
use super::customer::unreached;
use super::run::Run;
use crate::events::EventId;
use crate::record::{Phase, State, TimerKind};
use crate::routing::{Need, Released};
use crate::{AgentId, call_state};

/// Answers [`super::Input::AgentTurn`]: an agent is kept for the callback and may be called now.
pub(super) fn turn(run: &mut Run<'_>) {
    let callback = &run.callback;
    let is_early = callback.timers.contains_key(&TimerKind::ContactAllowed);
    if callback.phase != Phase::Waiting
        || is_early
        || callback.asks_first()
        || !callback.settings.contact.agent_first
        || is_too_late(run)
    {
        return;
    }
    run.act(Effect::Enqueue(Need::Agent));
}

/// The agent is on the line: the customer is dialed as soon as a trunk has room.
pub(super) fn agent_answered(run: &mut Run<'_>, agent: AgentId) {
    run.callback.waiting_agent = Some(agent.clone());
    run.callback.phase = Phase::AgentReady;
    run.emit(EventId::AgentWaits);
    run.act(Effect::AgentTalking(agent));
    let settings = run.callback.settings.clone();
    let leg = run.callback.agent_leg();
    run.play_to(leg, &settings.treatments.waiting, true);
    run.act(Effect::Enqueue(Need::ContactNow));
    run.guard(settings.ring_timeout_s);
}

/// No trunk had room for so long: the agent must not wait in vain.
pub(super) fn no_turn(run: &mut Run<'_>) {
    run.pause(run.callback.settings.dial_retry_timeout_s);
}

/// The agent hung up while waiting for the customer.
pub(super) fn agent_left(run: &mut Run<'_>, agent: AgentId) {
    run.act(Effect::ReleaseAgent(agent, Released::Done));
    if run.callback.phase == Phase::AgentReady {
        agent_failed(run, "agent_left");
        return;
    }
    run.emit(EventId::AgentLeft);
    if run.callback.phase == Phase::Dialing {
        run.hang_up_customer(true);
        // The line that ended is the agent's, the dial that ends with it the customer's.
        run.line = None;
        unreached(run, call_state::DROPPED, "agent_left");
    }
    // Who has answered is not hung up on: the customer queues for the next agent.
}

/// Joins the customer and the agent who waits; `false` when none does.
pub(super) fn connect(run: &mut Run<'_>) -> bool {
    let Some(agent) = run.callback.waiting_agent.take() else {
        return false;
    };
    for kind in [TimerKind::Guard, TimerKind::AgentWait, TimerKind::QueuedTtl] {
        run.disarm(kind);
    }
    run.callback.state = State::Processing;
    run.callback.phase = Phase::Talking { agent };
    run.act(Effect::Leave);
    run.emit(EventId::AgentConnected);
    run.act(Effect::Bridge {
        customer: run.callback.customer_leg(),
        agent: run.callback.agent_leg(),
    });
    true
}
