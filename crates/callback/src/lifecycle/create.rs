//! The first step of a callback and its submission (callback-api §10.2).

use serde_json::Value;

use super::hold::hold;
use super::run::Run;
use super::strategy;
use crate::events::{self, EventId};
use crate::record::{HeldBy, Phase, Reason, State, TimerKind};
use crate::service::parameter_text;
use crate::settings::{Events, NotificationMode};

/// Answers [`super::Input::Create`].
pub(super) fn create(run: &mut Run<'_>, notes: &[String]) {
    let expires = run.callback.expires;
    run.arm(TimerKind::RecordTtl, expires);
    if run.callback.scheduled {
        run.callback.state = State::Scheduled;
        run.callback.started = run.callback.desired.max(run.now());
        run.callback.phase = Phase::Scheduled;
        run.emit(EventId::CallbackScheduled);
        tell(run, notes);
        arm_due(run);
        if starts_held(run) {
            hold(run, HeldBy::Request);
            run.emit(EventId::CallbackStatusUpdated);
        }
    } else if starts_held(run) {
        run.callback.state = State::Queued;
        run.callback.phase = Phase::Submitting { submissions: 0 };
        tell(run, notes);
        hold(run, HeldBy::Request);
        run.emit(EventId::CallbackStatusUpdated);
    } else {
        run.callback.state = State::Queued;
        let age_s = run.callback.settings.contact.interaction_age_s;
        run.callback.started = run.callback.started.plus_seconds(-age_s);
        tell(run, notes);
        submit(run, 1);
    }
}

/// The request asks for the initial state PAUSED.
fn starts_held(run: &Run<'_>) -> bool {
    parameter_text(&run.callback.parameters, "_callback_state").as_deref()
        == Some(State::Paused.as_str())
}

/// Beyond the end of a record's life, s.
const REMINDER_FAR_S: i64 = 86_400;

/// Plans the submission of a scheduled callback: desired time − buffer; and its reminder.
pub(super) fn arm_due(run: &mut Run<'_>) {
    run.disarm(TimerKind::Reminder);
    if let Some(before_s) = run.callback.settings.notification.plan.reminder_s
        && run.callback.desired > run.now()
    {
        let at = run.callback.desired.plus_seconds(-before_s);
        run.arm(TimerKind::Reminder, at.max(run.now()));
    }
    let due = run
        .callback
        .desired
        .plus_seconds(-run.callback.settings.execution_buffer_s);
    run.arm(TimerKind::Due, due.max(run.now()));
}

/// Says in the history what a reader should know: notes on the request, and what the service
/// asks for and this release does not do.
fn tell(run: &mut Run<'_>, notes: &[String]) {
    for note in notes {
        run.emit_with(EventId::Note, &[("note", Value::from(note.as_str()))]);
    }
    let settings = run.callback.settings.clone();
    if settings.contact.confirm.is_some() && run.callback.confirmation.is_none() {
        let note = "_wait_for_user_confirm: the request names no device, the customer is called \
                    without asking";
        run.emit_with(EventId::Note, &[("note", Value::from(note))]);
    }
    for (option, instead) in &settings.pending {
        run.emit_with(
            EventId::PendingOption,
            &[
                ("option", Value::from(option.as_str())),
                ("instead", Value::from(instead.as_str())),
            ],
        );
    }
    let n = &settings.notification;
    let why = match (n.mode, &n.plan.events) {
        (NotificationMode::Off, _) => None,
        (_, Events::MissingList) => Some("the Transaction List does not exist"),
        (_, Events::List(wanted)) if wanted.is_empty() && n.plan.reminder_s.is_none() => {
            Some("the Transaction List names no event")
        }
        (NotificationMode::Notify, _) => None,
        (NotificationMode::SubscribeNotify, _) if n.target.is_empty() => Some("no target is set"),
        (NotificationMode::SubscribeNotify, _)
            if !events::CHANNELS.contains(&n.channel.as_str()) =>
        {
            Some("no channel is set")
        }
        (NotificationMode::SubscribeNotify, _) => None,
    };
    if let Some(why) = why {
        run.emit_with(EventId::NothingPublished, &[("why", Value::from(why))]);
    }
}

/// Hands the callback over for execution for the `number`-th time.
pub(super) fn submit(run: &mut Run<'_>, number: u32) {
    if number > 1 && !run.callback.settings.contact.restore_position {
        run.callback.started = run.now();
    }
    run.emit(if number == 1 {
        EventId::CallbackSubmitted
    } else {
        EventId::CallbackResubmitted
    });
    match run.context.submission.clone() {
        Ok(()) if run.callback.settings.strategy.is_some() => strategy::start(run, number),
        Ok(()) => start_session(run),
        Err(why) => submission_failed(run, number, &why),
    }
}

/// The `number`-th hand-over failed: once more later, or it is over.
pub(super) fn submission_failed(run: &mut Run<'_>, number: u32, why: &str) {
    run.emit_with(EventId::CallbackSubmitFailed, &[("why", Value::from(why))]);
    if number > run.callback.settings.submit_retries {
        run.finish_record(Reason::FailQueueing, "submission_failed");
        run.emit(EventId::CallbackProcessingFailed);
        // One ran when this is not the first time that the callback is handed over.
        run.exit_session();
        return;
    }
    run.callback.phase = Phase::Submitting {
        submissions: number,
    };
    let delay_s = run.callback.settings.submit_retry_delay_s;
    run.arm_in(TimerKind::Submit, delay_s);
}

/// The submission succeeded: the virtual interaction exists.
fn start_session(run: &mut Run<'_>) {
    run.callback.state = State::Queued;
    run.emit(EventId::CallbackQueued);
    run.callback.session_started = true;
    run.emit(EventId::ServiceCreate);
    run.emit(EventId::VirtualIxnCreate);
    run.arm_in(TimerKind::QueuedTtl, run.callback.settings.queued_ttl_s);
    let settings = run.callback.settings.clone();
    if settings.notification.plan.reminder_s.is_some() && settings.wait_for_agent {
        // Not a time: the forecast decides. A booked callback has had its own.
        if !run.callback.scheduled {
            run.arm(
                TimerKind::Reminder,
                run.callback.expires.plus_seconds(REMINDER_FAR_S),
            );
        }
    }
    let mut earliest = run
        .callback
        .created
        .plus_seconds(settings.contact.min_delay_s);
    if run.callback.scheduled {
        let threshold_s = settings.connect_threshold_s;
        earliest = earliest.max(run.callback.desired.plus_seconds(-threshold_s));
    }
    if earliest > run.now() {
        run.callback.phase = Phase::Waiting;
        run.arm(TimerKind::ContactAllowed, earliest);
    } else {
        run.wait_for_turn();
    }
}
