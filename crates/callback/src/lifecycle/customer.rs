//! What happens on the customer's leg (play-treatments §2).

use serde_json::Value;

use super::first;
use super::plugin;
use super::route;
use super::run::{PLAY_GUARD_S, Run};
use super::screening;
use super::session_queue;
use super::{Effect, LegEvent, Outcome, Verdict};
use crate::call_state;
use crate::events::EventId;
use crate::record::{Phase, Reason, Screening, State, TimerKind};
use crate::routing::Need;

/// Answers [`super::Input::Customer`] for the running attempt.
pub(super) fn customer(run: &mut Run<'_>, event: LegEvent) {
    match event {
        LegEvent::Rerouted { number } => rerouted(run, number),
        LegEvent::Answered => answered(run),
        LegEvent::Verdict(verdict) => judged(run, &verdict),
        LegEvent::BeepOver { screening } => beep_over(run, screening),
        LegEvent::Played { token } => {
            if token == run.callback.play_token {
                played(run);
            }
        }
        LegEvent::Referred { taken, status } => route::referred(run, taken, status),
        LegEvent::Ended { call_state, detail } => ended(run, call_state, &detail),
    }
}

/// The same attempt over another trunk: it may ring as long there.
fn rerouted(run: &mut Run<'_>, number: String) {
    if run.callback.phase == Phase::Dialing {
        run.callback.dialed_number = Some(number);
        run.guard(run.callback.settings.ring_timeout_s);
    }
}

fn answered(run: &mut Run<'_>) {
    match run.callback.phase {
        Phase::Dialing => {}
        Phase::Scheduled
        | Phase::Submitting { .. }
        | Phase::Waiting
        | Phase::Paused
        | Phase::Confirming
        | Phase::RetryPause
        | Phase::AgentRinging { .. }
        | Phase::AgentReady
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
    run.emit(EventId::Answered);
    let detection = run.callback.settings.detection.clone();
    if detection.enabled {
        run.callback.phase = Phase::Detecting;
        run.guard(i64::from(detection.hard_stop_ms / 1000) + 1);
    } else {
        human(run, call_state::OK, "off");
    }
}

fn judged(run: &mut Run<'_>, verdict: &Verdict) {
    let early = match run.callback.phase {
        Phase::Dialing => true,
        Phase::Detecting => false,
        Phase::Scheduled
        | Phase::Submitting { .. }
        | Phase::Waiting
        | Phase::Paused
        | Phase::Confirming
        | Phase::RetryPause
        | Phase::AgentRinging { .. }
        | Phase::AgentReady
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
    };
    run.emit_with(EventId::Verdict, &[("verdict", verdict.trace.clone())]);
    let detection = run.callback.settings.detection.clone();
    let state = match verdict.call_state {
        call_state::VACANT..=16 if !detection.sit_detail => call_state::SILENCE,
        other => other,
    };
    match verdict.outcome {
        // Voice before the answer is no answer (telephony §6.2).
        Outcome::Human | Outcome::Machine | Outcome::Silence if early => {}
        Outcome::Machine | Outcome::Silence if run.callback.screening == Screening::Listening => {
            screening::refused(run);
        }
        Outcome::Human if run.callback.screening == Screening::Listening => {
            human(run, state, "screening");
        }
        Outcome::Human => human(run, state, &verdict.detail),
        Outcome::Silence if detection.keep_silence => {
            if plugin::is_asked(run, true) {
                run.dial_done(state, &verdict.detail);
                plugin::ask(run, state, true);
            } else {
                built_in(run, state, &verdict.detail);
            }
        }
        Outcome::Machine => machine(run, state, &verdict.detail),
        Outcome::Fax => {
            run.let_waiting_agent_go();
            let asked = plugin::is_asked(run, true);
            let kept = asked && detection.keep_fax && !early;
            if !kept {
                run.hang_up_customer(early);
            }
            run.dial_done(state, &verdict.detail);
            if asked {
                plugin::ask(run, state, kept);
            } else {
                run.complete(Reason::FailFaxReached, "fax");
            }
        }
        Outcome::Silence | Outcome::Tone => {
            run.hang_up_customer(early);
            unreached(run, state, &verdict.detail);
        }
    }
}

/// The attempt failed: rows 8 to 11 and 16 to 19 of the decision table.
pub(super) fn unreached(run: &mut Run<'_>, state: u8, detail: &str) {
    run.dial_done(state, detail);
    if plugin::is_asked(run, true) {
        plugin::ask(run, state, false);
    } else if matches!(state, call_state::INVALID_NUMBER | call_state::VACANT) {
        run.complete(Reason::FailCallToCustomer, detail);
    } else {
        run.retry_or_end();
    }
}

/// Rows 1, 3 and 4: the plugin, else greeting or queue.
pub(super) fn human(run: &mut Run<'_>, state: u8, detail: &str) {
    if plugin::is_asked(run, false) {
        run.dial_done(state, detail);
        run.callback.contacts += 1;
        plugin::ask(run, state, true);
    } else {
        built_in(run, state, detail);
    }
}

/// Rows 3, 4 and 15: greeting or queue.
fn built_in(run: &mut Run<'_>, state: u8, detail: &str) {
    run.dial_done(state, detail);
    run.callback.contacts += 1;
    if first::connect(run) {
        return;
    }
    run.wait_on_the_line();
    let settings = run.callback.settings.clone();
    if settings.treatments.greeting.is_on() {
        run.callback.phase = Phase::Greeting;
        run.emit(EventId::ConnectTreatmentStart);
        run.play(&settings.treatments.greeting, false);
        run.guard(PLAY_GUARD_S);
    } else {
        routable(run);
    }
}

/// The customer may be routed: QUEUED → ROUTING in the step that raises `customer_queued`.
pub(super) fn routable(run: &mut Run<'_>) {
    run.disarm(TimerKind::Guard);
    run.callback.state = State::Routing;
    run.callback.phase = Phase::InQueue;
    run.emit(EventId::CustomerQueued);
    let settings = run.callback.settings.clone();
    run.play(&settings.treatments.waiting, true);
    run.act(Effect::Enqueue(Need::Agent));
}

/// Rows 5 to 7: the plugin, else message or release and the retry rule.
fn machine(run: &mut Run<'_>, state: u8, detail: &str) {
    run.let_waiting_agent_go();
    let settings = run.callback.settings.clone();
    if plugin::is_asked(run, true) {
        run.dial_done(state, detail);
        let kept = settings.detection.keep_machine;
        if !kept {
            run.hang_up_customer(false);
        }
        plugin::ask(run, state, kept);
        return;
    }
    if settings.treatments.screening.is_on() {
        screening::wait(run);
        return;
    }
    let waits = settings.treatments.machine.waits_for_beep();
    leave_message(run, state, detail, !waits);
}

/// Rows 6 and 7: the message, now or after the beep, or release and the retry rule.
pub(super) fn leave_message(run: &mut Run<'_>, state: u8, detail: &str, now: bool) {
    run.dial_done(state, detail);
    let settings = run.callback.settings.clone();
    if !settings.detection.keep_machine || !settings.treatments.machine.is_on() {
        run.hang_up_customer(false);
        run.retry_or_end();
        return;
    }
    run.callback.phase = Phase::MachineMessage;
    run.guard(PLAY_GUARD_S);
    if now {
        start_message(run);
    }
}

fn start_message(run: &mut Run<'_>) {
    let settings = run.callback.settings.clone();
    run.emit(EventId::MachineMessage);
    run.play(&settings.treatments.machine, false);
}

fn beep_over(run: &mut Run<'_>, screening: bool) {
    match run.callback.phase {
        Phase::Detecting => screening::greeting_over(run, screening),
        Phase::MachineMessage => {
            if run.callback.settings.treatments.machine.waits_for_beep() {
                if screening {
                    run.emit_with(EventId::Verdict, &[("verdict", Value::from("screening"))]);
                }
                start_message(run);
            }
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
        | Phase::Plugin { .. }
        | Phase::Strategy { .. }
        | Phase::RoutingOut { .. }
        | Phase::Greeting
        | Phase::InQueue
        | Phase::Offering { .. }
        | Phase::Talking { .. }
        | Phase::Apology { .. }
        | Phase::Over => {}
    }
}

fn played(run: &mut Run<'_>) {
    match run.callback.phase {
        Phase::Greeting => routable(run),
        Phase::Detecting => screening::answered(run),
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
        | Phase::AgentRinging { .. }
        | Phase::AgentReady
        | Phase::Dialing
        | Phase::Plugin { .. }
        | Phase::Strategy { .. }
        | Phase::RoutingOut { .. }
        | Phase::InQueue
        | Phase::Offering { .. }
        | Phase::Talking { .. }
        | Phase::Over => {}
    }
}

/// A message counts as a failed attempt (play-treatments §2.3).
pub(super) fn message_left(run: &mut Run<'_>) {
    if run.callback.settings.treatments.machine_message_final {
        run.complete(Reason::FailCallToCustomer, "machine_message");
    } else {
        run.retry_or_end();
    }
}

fn ended(run: &mut Run<'_>, state: u8, detail: &str) {
    match run.callback.phase.clone() {
        Phase::Dialing => unreached(run, state, detail),
        Phase::Detecting if run.callback.screening != Screening::No => {
            unreached(run, call_state::MACHINE, screening::detail(run));
        }
        Phase::Detecting => unreached(run, call_state::DROPPED, "hangup_before_verdict"),
        Phase::Plugin { call, .. } => plugin::customer_left(run, call),
        Phase::RoutingOut { .. } => route::customer_left(run),
        Phase::Greeting | Phase::InQueue => customer_left(run),
        Phase::Offering { .. } => {
            run.let_agent_go(true);
            customer_left(run);
        }
        Phase::Talking { .. } => {
            session_queue::conversation_over(run);
            run.let_agent_go(false);
            run.complete(Reason::AgentConnected, "customer_hung_up");
        }
        Phase::MachineMessage => message_left(run),
        Phase::Apology { reason } => run.complete(reason, "no_agent"),
        Phase::Scheduled
        | Phase::Submitting { .. }
        | Phase::Waiting
        | Phase::Paused
        | Phase::Confirming
        | Phase::RetryPause
        | Phase::Strategy { .. }
        | Phase::AgentRinging { .. }
        | Phase::AgentReady
        | Phase::Over => {}
    }
}

/// The customer left before an agent was reached (play-treatments §2.5).
pub(super) fn customer_left(run: &mut Run<'_>) {
    let counted = run.counted_attempts();
    let callback = &run.callback;
    if callback.contacts < callback.settings.max_customer_contacts
        && counted < callback.settings.max_dial_attempts
    {
        run.pause(run.callback.settings.dial_retry_timeout_s);
    } else {
        run.complete(Reason::FailInteractionDeleted, "customer_hung_up");
    }
}

/// The detector never answered: counts as a human (play-treatments §2.3, open points).
pub(super) fn undecided(run: &mut Run<'_>) {
    if run.callback.screening != Screening::No {
        screening::refused(run);
        return;
    }
    run.emit_with(
        EventId::Verdict,
        &[("verdict", Value::from("none in time"))],
    );
    human(run, call_state::OK, "undecided");
}
