//! A callback is held and let go: its service is paused, or a request says so
//! (callback-api §10.2).

use std::collections::BTreeMap;

use super::Effect;
use super::create::submit;
use super::run::Run;
use crate::Timestamp;
use crate::events::EventId;
use crate::record::{Held, HeldBy, Phase, State, TimerKind};

/// Whether the callback can be held: it is open and no dial has begun.
pub(super) fn can_hold(run: &Run<'_>) -> bool {
    run.callback.attempts == 0
        && match run.callback.phase {
            Phase::Scheduled | Phase::Submitting { .. } | Phase::Waiting | Phase::Confirming => {
                true
            }
            Phase::Paused
            | Phase::RetryPause
            | Phase::AgentRinging { .. }
            | Phase::AgentReady
            | Phase::Dialing
            | Phase::Detecting
            | Phase::Greeting
            | Phase::InQueue
            | Phase::Offering { .. }
            | Phase::Talking { .. }
            | Phase::Plugin { .. }
            | Phase::Strategy { .. }
            | Phase::RoutingOut { .. }
            | Phase::MachineMessage
            | Phase::Apology { .. }
            | Phase::Over => false,
        }
}

/// Answers [`super::Input::ServicePaused`]; who was dialed already is served to the end.
pub(super) fn service_paused(run: &mut Run<'_>) {
    if can_hold(run) {
        hold(run, HeldBy::Service);
        run.emit(EventId::CallbackStatusUpdated);
    }
}

/// Answers [`super::Input::ServiceResumed`].
pub(super) fn service_resumed(run: &mut Run<'_>) {
    if run
        .callback
        .held
        .as_ref()
        .is_some_and(|held| held.by == HeldBy::Service)
    {
        let_go(run);
    }
}

/// Takes the callback out of everything; only `_ttl` runs on. The caller raises the event.
pub(super) fn hold(run: &mut Run<'_>, by: HeldBy) {
    let mut timers = std::mem::take(&mut run.callback.timers);
    if let Some(at) = timers.remove(&TimerKind::RecordTtl) {
        run.arm(TimerKind::RecordTtl, at);
    }
    run.callback.held = Some(Box::new(Held {
        by,
        since: run.now(),
        state: run.callback.state,
        phase: std::mem::replace(&mut run.callback.phase, Phase::Paused),
        timers,
    }));
    run.callback.state = State::Paused;
    run.act(Effect::Leave);
}

/// The callback goes on where it was.
pub(super) fn let_go(run: &mut Run<'_>) {
    let Some(held) = run.callback.held.take() else {
        return;
    };
    let Held {
        since,
        state,
        phase,
        timers,
        ..
    } = *held;
    run.callback.state = state;
    run.callback.phase = phase;
    run.emit(EventId::CallbackStatusUpdated);
    match run.callback.phase {
        Phase::Scheduled => {
            if let Some(at) = timers.get(&TimerKind::Reminder)
                && run.callback.desired > run.now()
            {
                run.arm(TimerKind::Reminder, (*at).max(run.now()));
            }
            let now = run.now();
            let due = timers
                .get(&TimerKind::Due)
                .map_or(now, |due| (*due).max(now));
            run.arm(TimerKind::Due, due);
        }
        Phase::Submitting { submissions } => submit(run, submissions + 1),
        _ => wait_again(run, since, &timers),
    }
}

/// Back to the queue with its age; the limit of the queue stood still.
fn wait_again(run: &mut Run<'_>, since: Timestamp, timers: &BTreeMap<TimerKind, Timestamp>) {
    if let Some(at) = timers.get(&TimerKind::QueuedTtl) {
        let left_s = i64::try_from(at.millis_since(since) / 1000).unwrap_or(i64::MAX);
        run.arm_in(TimerKind::QueuedTtl, left_s);
    }
    // The mark of a reminder that is still to come.
    if let Some(at) = timers.get(&TimerKind::Reminder) {
        run.arm(TimerKind::Reminder, *at);
    }
    if let Some(confirmation) = &mut run.callback.confirmation {
        confirmation.token.clear();
        confirmation.asked = 0;
    }
    match timers.get(&TimerKind::ContactAllowed) {
        Some(at) if *at > run.now() => {
            run.callback.phase = Phase::Waiting;
            run.arm(TimerKind::ContactAllowed, *at);
        }
        _ => run.wait_for_turn(),
    }
}
