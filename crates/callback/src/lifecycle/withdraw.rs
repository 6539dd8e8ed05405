//! What a client may ask for afterwards: cancel, reschedule (callback-api §4, §5).

use super::Effect;
use super::create::{arm_due, submit};
use super::run::Run;
use crate::admission::check_horizon;
use crate::events::EventId;
use crate::record::{Phase, Reason, State, TimerKind};
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
        Phase::Talking { .. } => {
            return Err(Error::new(
                ErrorCode::InvalidState,
                "The customer talks to an agent: the callback can no longer be cancelled",
            ));
        }
        Phase::Scheduled
        | Phase::Submitting { .. }
        | Phase::Waiting
        | Phase::RetryPause
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
        Phase::Submitting { .. } | Phase::Waiting | Phase::RetryPause => callback.attempts == 0,
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
    ] {
        run.disarm(kind);
    }
    let expires = run.callback.expires;
    run.arm(TimerKind::RecordTtl, expires);
    arm_due(run);
    run.emit(EventId::CallbackRescheduled);
    Ok(())
}

/// A request sets the state (callback-api §5, §10.2): it may end a callback or
/// have a scheduled one executed at once.
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
        (State::Queued, Phase::Scheduled) => {
            run.disarm(TimerKind::Due);
            run.disarm(TimerKind::Reminder);
            run.callback.desired = run.now();
            run.callback.started = run.now();
            run.callback.state = State::Queued;
            run.emit(EventId::CallbackStatusUpdated);
            submit(run, 1);
            Ok(())
        }
        (state, _) => refused(format!(
            "A callback in state {} cannot be set to {}",
            run.callback.state.as_str(),
            state.as_str()
        )),
    }
}
