//! The customer's turn has come: dial.

use serde_json::Value;

use super::run::Run;
use super::{ContactFault, Dial, DialPlan, Effect};
use crate::events::EventId;
use crate::record::{Phase, Reason, Screening, TimerKind};

/// Answers [`super::Input::ContactTurn`].
pub(super) fn contact_turn(run: &mut Run<'_>, plan: Result<DialPlan, ContactFault>) {
    match run.callback.phase {
        Phase::Waiting if !run.callback.settings.contact.agent_first => {}
        Phase::AgentReady => {}
        Phase::Waiting
        | Phase::Scheduled
        | Phase::Submitting { .. }
        | Phase::Paused
        | Phase::Confirming
        | Phase::RetryPause
        | Phase::AgentRinging { .. }
        | Phase::Dialing
        | Phase::Detecting
        | Phase::Plugin { .. }
        | Phase::Strategy { .. }
        | Phase::RoutingOut { .. }
        | Phase::Greeting
        | Phase::InQueue
        | Phase::Offering { .. }
        | Phase::Talking { .. }
        | Phase::MachineMessage
        | Phase::Apology { .. }
        | Phase::Over => return,
    }
    // Not its time, or the customer has to be asked: a turn of before.
    if run.callback.timers.contains_key(&TimerKind::ContactAllowed) || run.callback.asks_first() {
        return;
    }
    if run.callback.phase == Phase::Waiting && is_too_late(run) {
        return;
    }
    run.disarm(TimerKind::QueueWait);
    match plan {
        Ok(plan) => {
            // The turn came before the forecast.
            forecast(run, 0);
            dial(run, plan);
        }
        Err(ContactFault::NumberBlocked) => {
            run.complete(Reason::FailCallToCustomer, "number_blocked");
        }
        Err(ContactFault::NoTrunk) => run.complete(Reason::FailCallToCustomer, "no_trunk"),
    }
}

/// A callback that waits for an agent is reminded when its turn is near (notifications §8).
pub(super) fn forecast(run: &mut Run<'_>, wait_s: i64) {
    let buffer_s = run.callback.reminder_by_forecast();
    if buffer_s.is_some_and(|buffer_s| wait_s <= buffer_s) {
        run.disarm(TimerKind::Reminder);
        run.emit(EventId::CallbackReminder);
    }
}

/// Ends a callback that is not dialed any more so shortly before the end of its queue.
pub(super) fn is_too_late(run: &mut Run<'_>) -> bool {
    let buffer_s = run.callback.settings.contact.cannot_dial_buffer_s;
    let end = run.callback.timers.get(&TimerKind::QueuedTtl);
    let is_late = buffer_s > 0 && end.is_some_and(|end| end.plus_seconds(-buffer_s) <= run.now());
    if is_late {
        run.complete(Reason::FailTargetNotFound, "too_late_to_dial");
    }
    is_late
}

fn dial(run: &mut Run<'_>, plan: DialPlan) {
    run.disarm(TimerKind::Reminder);
    let callback = &mut run.callback;
    callback.attempts += 1;
    if callback.waiting_agent.is_none() {
        callback.agent_legs = 0;
        callback.found = None;
    }
    callback.transfer_failures = 0;
    callback.call_result = None;
    callback.dialed_number = Some(plan.number.clone());
    callback.phase = Phase::Dialing;
    callback.screening = Screening::No;
    let settings = callback.settings.clone();
    let trunk = plan.trunk.clone();
    let detection = settings
        .detection
        .enabled
        .then(|| settings.detection.clone());
    let dial = Dial {
        leg: callback.customer_leg(),
        plan,
        caller_number: settings.calling_party_number.clone(),
        headers: settings.contact.call_headers.clone(),
        caller_name: settings.calling_party_display_name.clone(),
        ring_timeout_s: settings.ring_timeout_s,
        detection,
        wait_for_beep: settings.treatments.machine.waits_for_beep()
            || settings.treatments.screening.is_on(),
    };
    run.emit_with(EventId::DialInit, &[("trunk", Value::from(trunk))]);
    run.act(Effect::Dial(Box::new(dial)));
    run.guard(settings.ring_timeout_s);
}
