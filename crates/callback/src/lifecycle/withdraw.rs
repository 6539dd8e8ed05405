//! What a client may ask for afterwards: cancel, reschedule (callback-api §4, §5).

use super::Effect;
use super::create::{arm_due, submit};
use super::hold::{can_hold, hold, let_go};
use super::run::Run;
use crate::admission::check_horizon;
use crate::events::EventId;
use crate::record::{HeldBy, Phase, Reason, State, TimerKind};
use crate::{Error, ErrorCode, Timestamp};

/// Answers [`super::Input::Cancel`].
pub(super) fn cancel(run: &mut Run<'_>) -> Result<(), Error> {
    match run.callback.phase {
        Phase::Over => {
            return Err(Error::new(
                ErrorCode::AlreadyCompleted,
                "The callback is over already",
            ));
        }
        Phase::Strategy { .. } if run.callback.state != State::Processing => {}
        Phase::Talking { .. } | Phase::Strategy { .. } => {
            return Err(Error::new(
                ErrorCode::InvalidState,
                "The customer talks to an agent: the callback can no longer be cancelled",
            ));
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
        | Phase::RoutingOut { .. }
        | Phase::Greeting
        | Phase::InQueue
        | Phase::Offering { .. }
        | Phase::MachineMessage
        | Phase::Apology { .. } => {}
    }
    run.drop_everything();
    run.finish_record(Reason::Cancelled, "cancelled");
    run.emit(EventId::CallbackCancelled);
    run.exit_session();
    Ok(())
}

/// Answers [`super::Input::Reschedule`].
pub(super) fn reschedule(run: &mut Run<'_>, desired: Timestamp) -> Result<(), Error> {
    let callback = &run.callback;
    let possible = match callback.phase {
        Phase::Scheduled => true,
        Phase::Submitting { .. }
        | Phase::Waiting
        | Phase::Paused
        | Phase::Confirming
        | Phase::RetryPause
        | Phase::AgentRinging { .. }
        | Phase::AgentReady => callback.attempts == 0,
        // Its document dials, and says how the callback stands.
        Phase::Strategy { .. } => callback.state == State::Queued,
        Phase::Dialing
        | Phase::Detecting
        | Phase::Plugin { .. }
        | Phase::RoutingOut { .. }
        | Phase::Greeting
        | Phase::InQueue
        | Phase::Offering { .. }
        | Phase::Talking { .. }
        | Phase::MachineMessage
        | Phase::Apology { .. }
        | Phase::Over => false,
    };
    if !possible {
        return Err(Error::new(
            ErrorCode::InvalidState,
            format!(
                "A callback in state {} that was dialed or is over cannot be rescheduled",
                callback.state.as_str()
            ),
        ));
    }
    check_horizon(callback.settings.horizon, desired, run.now())?;
    let held = run.callback.held.take();
    // An agent who was called first is free again.
    run.drop_everything();
    run.act(Effect::Leave);
    run.callback.state = State::Scheduled;
    run.callback.phase = Phase::Scheduled;
    run.callback.scheduled = true;
    run.callback.desired = desired;
    if desired > run.now() {
        run.callback.started = desired;
    }
    // A time in the past means now: the record must not have expired by then.
    run.callback.expires = desired
        .max(run.now())
        .plus_seconds(run.callback.settings.ttl_s);
    for kind in [
        TimerKind::Submit,
        TimerKind::ContactAllowed,
        TimerKind::QueueWait,
        TimerKind::QueuedTtl,
        TimerKind::Confirm,
        TimerKind::Guard,
    ] {
        run.disarm(kind);
    }
    let expires = run.callback.expires;
    run.arm(TimerKind::RecordTtl, expires);
    arm_due(run);
    if let Some(held) = held {
        // It goes on at the new time, when it may.
        hold(run, held.by);
    }
    run.emit(EventId::CallbackRescheduled);
    Ok(())
}

/// A request sets the state (callback-api §5, §10.2): it may end a callback, hold it and let it go,
/// or have a scheduled one executed at once.
pub(super) fn set_state(
    run: &mut Run<'_>,
    state: State,
    reason: Option<Reason>,
) -> Result<(), Error> {
    let refused = |message: String| Err(Error::new(ErrorCode::InvalidState, message));
    match (state, &run.callback.phase) {
        (_, Phase::Over) => Err(Error::new(
            ErrorCode::AlreadyCompleted,
            "The callback is over already",
        )),
        (State::Completed, Phase::Talking { .. }) => {
            refused("The customer talks to an agent: the callback ends with the call".to_owned())
        }
        (State::Completed, _) => {
            run.drop_everything();
            run.finish_record(reason.unwrap_or(Reason::NotAvailable), "set_by_request");
            run.emit(EventId::CallbackStatusUpdated);
            run.exit_session();
            Ok(())
        }
        // A request's hold outlasts that of the service.
        (State::Paused, Phase::Paused) => {
            if let Some(held) = &mut run.callback.held {
                held.by = HeldBy::Request;
            }
            Ok(())
        }
        (State::Paused, _) if can_hold(run) => {
            hold(run, HeldBy::Request);
            run.emit(EventId::CallbackStatusUpdated);
            Ok(())
        }
        (State::Scheduled | State::Queued, Phase::Paused) => set_free(run, state),
        // Only its document knows how it stands.
        (State::Queued | State::Routing | State::Processing, Phase::Strategy { .. }) => {
            run.callback.state = state;
            run.emit(EventId::CallbackStatusUpdated);
            Ok(())
        }
        (state, _) if state == run.callback.state => Ok(()),
        (State::Queued, Phase::Scheduled) => execute_now(run),
        (state, _) => refused(format!(
            "A callback in state {} cannot be set to {}",
            run.callback.state.as_str(),
            state.as_str()
        )),
    }
}

/// A request lets a held callback go.
fn set_free(run: &mut Run<'_>, state: State) -> Result<(), Error> {
    if run.context.paused {
        let message = "The service is paused: its callbacks go on when it does";
        return Err(Error::new(ErrorCode::Paused, message));
    }
    let before = run.callback.held.as_ref().map(|held| held.state);
    match (before, state) {
        (Some(State::Scheduled), State::Queued) => {
            run.callback.held = None;
            run.callback.phase = Phase::Scheduled;
            execute_now(run)
        }
        (Some(before), _) if before == state => {
            let_go(run);
            Ok(())
        }
        (before, _) => {
            let before = before.unwrap_or(State::Queued).as_str();
            let message = format!("The callback was held in state {before} and goes back to it");
            Err(Error::new(ErrorCode::InvalidState, message))
        }
    }
}

/// A booked callback is executed at once.
fn execute_now(run: &mut Run<'_>) -> Result<(), Error> {
    run.disarm(TimerKind::Due);
    run.disarm(TimerKind::Reminder);
    run.callback.desired = run.now();
    run.callback.started = run.now();
    let expires = run.now().plus_seconds(run.callback.settings.ttl_s);
    run.callback.expires = expires;
    run.arm(TimerKind::RecordTtl, expires);
    run.callback.state = State::Queued;
    run.emit(EventId::CallbackStatusUpdated);
    submit(run, 1);
    Ok(())
}
