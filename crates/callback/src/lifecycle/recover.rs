//! After a restart: live calls are gone, what waited goes on waiting.

use super::plugin;
use super::run::Run;
use super::strategy;
use crate::events::EventId;
use crate::limits::INTERRUPTED_ATTEMPTS_MAX;
use crate::record::{Phase, Reason, TimerKind};

/// Longest pause before an interrupted attempt is repeated, s: the customer's phone rang or was
/// answered, so the next call should come soon, but after the left-over call was ended.
const PAUSE_MAX_S: i64 = 30;

/// Answers [`super::Input::Recover`].
pub(super) fn recover(run: &mut Run<'_>) {
    // The call of an agent who waited for the customer is gone with the others.
    run.callback.waiting_agent = None;
    match run.callback.phase.clone() {
        Phase::Scheduled
        | Phase::Submitting { .. }
        | Phase::Paused
        | Phase::Confirming
        | Phase::RetryPause
        | Phase::Over => {}
        Phase::AgentRinging { .. } | Phase::AgentReady => {
            // The customer has noticed nothing: the next agent is called.
            run.emit(EventId::Interrupted);
            run.disarm(TimerKind::Guard);
            run.wait_for_turn();
        }
        Phase::Waiting => {
            if !run.callback.timers.contains_key(&TimerKind::ContactAllowed) {
                run.wait_for_turn();
            }
        }
        Phase::Dialing | Phase::Detecting | Phase::MachineMessage => {
            interrupted(run);
        }
        Phase::Greeting | Phase::InQueue | Phase::Offering { .. } => {
            // It was us who broke the contact.
            run.callback.contacts = run.callback.contacts.saturating_sub(1);
            interrupted(run);
        }
        Phase::Plugin { call, answer, .. } => plugin::recover(run, call, answer),
        Phase::Strategy { .. } => strategy::recover(run),
        Phase::RoutingOut { .. } => {
            run.callback.contacts = run.callback.contacts.saturating_sub(1);
            interrupted(run);
        }
        Phase::Talking { .. } => {
            run.emit(EventId::Interrupted);
            run.complete(Reason::AgentConnected, "interrupted");
        }
        Phase::Apology { reason } => run.complete(reason, "interrupted"),
    }
}

pub(super) fn interrupted(run: &mut Run<'_>) {
    run.emit(EventId::Interrupted);
    run.dial_done(3, "interrupted");
    if run.callback.interrupted < INTERRUPTED_ATTEMPTS_MAX {
        run.callback.interrupted += 1;
        run.pause(run.callback.settings.dial_retry_timeout_s.min(PAUSE_MAX_S));
    } else {
        run.retry_or_end();
    }
}
