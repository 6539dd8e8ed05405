//! A session puts the call it controls into a virtual queue: it waits there, an agent's phone
//! rings, both talk (ors-scxml §6).
//!
//! The session keeps the call while it waits, and may play to it. An agent who does not answer is
//! followed by the next one until the time of the request is over.

use serde_json::Value;

use super::Effect;
use super::agent::offer_of;
use super::run::Run;
use crate::events::EventId;
use crate::plugin::{PluginCall, QueueTold, QueueWait};
use crate::record::{Phase, State, TimerKind};
use crate::routing::{Found, Need, Released};

/// The wait of the call, if the session has put it into a queue.
fn wait_mut<'a>(run: &'a mut Run<'_>) -> Option<&'a mut QueueWait> {
    match &mut run.callback.phase {
        Phase::Plugin { wait, .. } => wait.as_deref_mut(),
        _ => None,
    }
}

/// Begins to wait; a former request of the session is replaced.
pub(super) fn submit(run: &mut Run<'_>, new: QueueWait) {
    leave(run);
    let Phase::Plugin {
        call: PluginCall::Plugins,
        wait,
        ..
    } = &mut run.callback.phase
    else {
        return;
    };
    let told = [
        ("queue", Value::from(new.queue.as_str())),
        ("route", Value::from(new.route)),
    ];
    let timeout_s = new.timeout_s;
    *wait = Some(Box::new(new));
    run.let_waiting_agent_go();
    run.emit_with(EventId::SessionQueued, &told);
    if timeout_s > 0 {
        run.arm_in(TimerKind::SessionQueue, timeout_s);
    }
    run.act(Effect::Enqueue(Need::Agent));
}

/// Ends the wait with this request.
pub(super) fn cancel(run: &mut Run<'_>, request: &str) {
    if wait_mut(run).is_some_and(|wait| request.is_empty() || wait.request == request) {
        leave(run);
    }
}

/// Takes the call out of its queue; an agent whose phone rings is free again.
pub(super) fn leave(run: &mut Run<'_>) {
    let Phase::Plugin { wait, .. } = &mut run.callback.phase else {
        return;
    };
    let Some(wait) = wait.take() else { return };
    run.disarm(TimerKind::SessionQueue);
    run.disarm(TimerKind::Guard);
    run.act(Effect::Leave);
    let Some(found) = wait.found else { return };
    if wait.ringing {
        let leg = run.callback.agent_leg();
        run.act(Effect::HangUp {
            leg,
            given_up: true,
        });
    }
    run.act(Effect::ReleaseAgent(found.agent, Released::Done));
}

/// Answers [`super::Input::AgentFound`] in this phase; `false` when nobody waits for an agent.
pub(super) fn found(run: &mut Run<'_>, found: &Found) -> bool {
    let Some(wait) = wait_mut(run).filter(|wait| wait.found.is_none()) else {
        return false;
    };
    let found = Found {
        vq: wait.queue.clone(),
        ..found.clone()
    };
    wait.found = Some(found.clone());
    let routes = wait.route;
    run.callback.found = Some(found.clone());
    run.emit(EventId::TargetFound);
    if routes {
        offer(run, &found);
    } else {
        run.disarm(TimerKind::SessionQueue);
        // Whom nobody calls is not kept for long.
        run.guard(run.callback.settings.agent_reserve_timeout_s);
        tell(run, QueueTold::Selected(Box::new(found)));
    }
    true
}

/// The session wants the agent called whom it was told.
pub(super) fn connect(run: &mut Run<'_>) {
    let reserved = wait_mut(run).filter(|wait| !wait.ringing);
    if let Some(found) = reserved.and_then(|wait| wait.found.clone()) {
        offer(run, &found);
    }
}

fn offer(run: &mut Run<'_>, found: &Found) {
    if let Some(wait) = wait_mut(run) {
        wait.ringing = true;
    }
    run.callback.agent_legs += 1;
    run.emit(EventId::RouteToAgent);
    let offer = offer_of(&run.callback, found);
    run.act(Effect::Offer(Box::new(offer)));
    run.guard(run.callback.settings.agent_reserve_timeout_s);
}

/// The agent's phone was answered; `false` when no session called it.
pub(super) fn answered(run: &mut Run<'_>) -> bool {
    let ringing = wait_mut(run).filter(|wait| wait.ringing);
    let Some(found) = ringing.and_then(|wait| wait.found.clone()) else {
        return false;
    };
    tell(run, QueueTold::Connected(Box::new(found.clone())));
    run.callback.contacts = run.callback.contacts.max(1);
    run.callback.plugin.answered = true;
    run.callback.plugin.connected = true;
    for kind in [
        TimerKind::SessionQueue,
        TimerKind::Guard,
        TimerKind::PluginAnswer,
        TimerKind::Detach,
        TimerKind::QueuedTtl,
    ] {
        run.disarm(kind);
    }
    run.callback.state = State::Processing;
    run.callback.phase = Phase::Talking {
        agent: found.agent.clone(),
    };
    run.emit(EventId::AgentConnected);
    run.act(Effect::AgentTalking(found.agent));
    run.act(Effect::Bridge {
        customer: run.callback.customer_leg(),
        agent: run.callback.agent_leg(),
    });
    true
}

/// The agent's leg is over without an answer.
pub(super) fn ended(run: &mut Run<'_>, state: u8, detail: &str) {
    not_answered(run, Released::of_unanswered(state, detail), detail);
}

/// Nothing was reported in time, or a reserved agent was not called.
pub(super) fn guard(run: &mut Run<'_>) {
    let Some(wait) = wait_mut(run) else { return };
    if !wait.ringing {
        leave(run);
        return;
    }
    let leg = run.callback.agent_leg();
    run.act(Effect::HangUp {
        leg,
        given_up: true,
    });
    not_answered(run, Released::NoAnswer, "no_report");
}

fn not_answered(run: &mut Run<'_>, outcome: Released, detail: &str) {
    let Some(wait) = wait_mut(run).filter(|wait| wait.ringing) else {
        return;
    };
    wait.ringing = false;
    let Some(found) = wait.found.take() else {
        return;
    };
    let routes = wait.route;
    run.callback.transfer_failures += 1;
    let failures = run.callback.transfer_failures;
    run.act(Effect::ReleaseAgent(found.agent, outcome));
    let mut details = run.with_line(detail);
    details.push(("failures", Value::from(failures)));
    run.emit_with(EventId::AgentFailed, &details);
    run.disarm(TimerKind::Guard);
    if routes {
        run.act(Effect::Enqueue(Need::Agent));
    } else {
        tell(run, QueueTold::NotConnected);
        leave(run);
    }
}

/// The time of the request is over.
pub(super) fn timed_out(run: &mut Run<'_>) {
    let Some(wait) = wait_mut(run) else { return };
    if wait.ringing {
        // That agent may still take the call.
        run.arm_in(
            TimerKind::SessionQueue,
            run.callback.settings.agent_reserve_timeout_s.max(1),
        );
        return;
    }
    let cleared = wait.clear_on_timeout;
    tell(run, QueueTold::TimedOut { cleared });
    if cleared {
        leave(run);
    }
}

/// An agent's phone rings for the session's call.
pub(super) fn is_ringing(run: &Run<'_>) -> bool {
    matches!(&run.callback.phase, Phase::Plugin { wait: Some(wait), .. } if wait.ringing)
}

fn tell(run: &mut Run<'_>, told: QueueTold) {
    let request = wait_mut(run).map(|wait| wait.request.clone());
    let token = run.callback.plugin.token().map(str::to_owned);
    if let (Some(token), Some(request)) = (token, request) {
        run.act(Effect::TellQueue {
            token,
            request,
            told,
        });
    }
}

/// The conversation that a session brought about is over; the session is told.
pub(super) fn conversation_over(run: &mut Run<'_>) {
    if std::mem::take(&mut run.callback.plugin.connected)
        && let Some(token) = run.callback.plugin.token()
    {
        let token = token.to_owned();
        run.act(Effect::CallDeleted {
            token,
            attached: true,
        });
    }
}
