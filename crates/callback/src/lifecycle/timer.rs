//! Timers that ran out.

use super::Effect;
use super::agent::agent_failed;
use super::bridge;
use super::confirm::unanswered;
use super::create::submit;
use super::customer::{message_left, routable, undecided, unreached};
use super::first;
use super::plugin;
use super::route;
use super::run::Run;
use super::session_queue;
use super::strategy;
use crate::record::{Phase, Reason, State, TimerKind};
use crate::routing::Released;

/// Answers [`super::Input::Timer`]; a timer that is no longer armed or not due is stale.
pub(super) fn timer(run: &mut Run<'_>, kind: TimerKind) {
    match run.callback.timers.get(&kind) {
        Some(at) if *at <= run.now() => {}
        Some(_) | None => return,
    }
    run.disarm(kind);
    match kind {
        TimerKind::Reminder => reminder(run),
        TimerKind::Due => due(run),
        TimerKind::Submit => {
            if let Phase::Submitting { submissions } = run.callback.phase {
                submit(run, submissions + 1);
            }
        }
        TimerKind::QueueWait => {
            if run.callback.phase == Phase::Waiting {
                run.wait_for_turn();
            }
        }
        TimerKind::ContactAllowed => {
            if run.callback.phase == Phase::Waiting {
                run.wait_for_turn();
            }
        }
        TimerKind::Confirm => unanswered(run),
        TimerKind::RetryDial => {
            if run.callback.phase == Phase::RetryPause {
                run.wait_for_turn();
            }
        }
        TimerKind::Guard => guard(run),
        TimerKind::PluginAnswer => plugin::out_of_time(run),
        TimerKind::Detach => plugin::no_detach(run),
        TimerKind::SessionQueue => session_queue::timed_out(run),
        TimerKind::AgentWait => agent_wait(run),
        TimerKind::QueuedTtl => out_of_time(run, Reason::FailTargetNotFound, "queued_ttl"),
        TimerKind::RecordTtl => out_of_time(run, Reason::FailTimeoutTtl, "ttl"),
    }
}

/// The customer will be called soon; never again once a dial has begun (notifications §8).
fn reminder(run: &mut Run<'_>) {
    if run.callback.attempts == 0 && run.callback.is_open() {
        run.emit(crate::events::EventId::CallbackReminder);
    }
}

fn due(run: &mut Run<'_>) {
    if run.callback.phase == Phase::Scheduled {
        // Who waited before keeps the place (callback-api §10.3).
        run.callback.started = run.callback.started.min(run.now());
        submit(run, 1);
    }
}

/// The telephony driver owed us an event and did not deliver it.
fn guard(run: &mut Run<'_>) {
    match run.callback.phase.clone() {
        Phase::Dialing => {
            run.hang_up_customer(true);
            unreached(run, 3, "no_report");
        }
        Phase::Detecting => undecided(run),
        Phase::Greeting => routable(run),
        Phase::AgentReady => first::no_turn(run),
        Phase::AgentRinging { agent } | Phase::Offering { agent } => {
            let leg = run.callback.agent_leg();
            run.act(Effect::HangUp {
                leg,
                given_up: true,
            });
            run.act(Effect::ReleaseAgent(agent, Released::NoAnswer));
            agent_failed(run, "no_report");
        }
        Phase::RoutingOut { destination, tries } => {
            let leg = run.callback.agent_leg();
            run.act(Effect::HangUp {
                leg,
                given_up: true,
            });
            route::failed(run, destination, tries, "no_report");
        }
        Phase::Plugin { .. } => session_queue::guard(run),
        Phase::Strategy { .. } => strategy::no_report(run),
        Phase::MachineMessage => {
            run.hang_up_customer(false);
            message_left(run);
        }
        Phase::Apology { reason } => {
            run.hang_up_customer(false);
            run.complete(reason, "no_agent");
        }
        Phase::Scheduled
        | Phase::Submitting { .. }
        | Phase::Waiting
        | Phase::Paused
        | Phase::Confirming
        | Phase::RetryPause
        | Phase::InQueue
        | Phase::Talking { .. }
        | Phase::Over => {}
    }
}

/// `_max_time_to_wait_for_agent_on_the_call` ran out.
fn agent_wait(run: &mut Run<'_>) {
    match run.callback.phase {
        Phase::Greeting | Phase::InQueue => run.apologise(Reason::FailTargetNotFound),
        // An agent's phone rings: that offer may still end well.
        Phase::Offering { .. } => {
            run.arm_in(
                TimerKind::AgentWait,
                run.callback.settings.agent_reserve_timeout_s.max(1),
            );
        }
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
        | Phase::Talking { .. }
        | Phase::MachineMessage
        | Phase::Apology { .. }
        | Phase::Over => {}
    }
}

/// `_urs_queued_ttl` or `_ttl` ran out. Who is on the line hears why before the call ends; a
/// conversation goes on.
fn out_of_time(run: &mut Run<'_>, reason: Reason, detail: &str) {
    let late = if reason == Reason::FailTimeoutTtl {
        TimerKind::RecordTtl
    } else {
        TimerKind::QueuedTtl
    };
    let again_s = run.callback.settings.agent_reserve_timeout_s.max(1);
    if run.callback.waiting_agent.is_some() {
        // The agent is there and the customer is being called: that may still end well.
        run.arm_in(late, again_s);
        return;
    }
    match run.callback.phase {
        // A conversation that a document leads goes on.
        Phase::Strategy { .. } if run.callback.state == State::Processing => {
            run.arm_in(late, again_s);
        }
        Phase::Scheduled
        | Phase::Submitting { .. }
        | Phase::Waiting
        | Phase::Paused
        | Phase::Confirming
        | Phase::RetryPause
        | Phase::Dialing
        | Phase::Strategy { .. }
        | Phase::MachineMessage => {
            run.drop_everything();
            run.complete(reason, detail);
        }
        Phase::Detecting => {
            run.dial_done(crate::call_state::OK, "undecided");
            run.apologise(reason);
        }
        // A conversation goes on.
        Phase::Plugin { .. } if bridge::talks(&run.callback) => run.arm_in(late, again_s),
        Phase::Plugin { call, .. } => plugin::end_of_queue(run, call.is_up(), reason, detail),
        Phase::RoutingOut { .. } => {
            run.drop_destination();
            run.apologise(reason);
        }
        Phase::Greeting | Phase::InQueue => run.apologise(reason),
        Phase::AgentRinging { .. } | Phase::AgentReady | Phase::Offering { .. } => {
            run.arm_in(late, again_s);
        }
        Phase::Talking { .. } | Phase::Apology { .. } | Phase::Over => {}
    }
}
