//! A page of `VoiceXML` calls another destination for its customer (vxml.md §5.2): the callback
//! keeps both legs until one of them leaves or the customer is passed on.

use serde_json::Value;

use super::run::Run;
use super::{CallOut, Effect, route};
use crate::LegKey;
use crate::events::EventId;
use crate::plugin::{OtherLeg, PluginCall, destination_number};
use crate::record::{Callback, Phase, Reason, TimerKind};

/// Longest conversation of a bridge, s; what the page wants may be shorter.
const TALK_MAX_S: i64 = 14_400;

/// Calls the destination.
pub(super) fn call(run: &mut Run<'_>, out: CallOut) {
    if run.callback.plugin.other.is_some() {
        return;
    }
    run.let_waiting_agent_go();
    run.callback.agent_legs += 1;
    let leg = run.callback.agent_leg();
    run.callback.plugin.other = Some(OtherLeg {
        leg: run.callback.agent_legs,
        talks: false,
        left_s: 0,
    });
    run.emit_with(
        EventId::TransferStarted,
        &[
            ("destination", Value::from(out.destination.as_str())),
            ("kind", Value::from(out.kind)),
        ],
    );
    run.callback.plugin.aai = out.aai;
    let headers = route::headers(run);
    let settings = &run.callback.settings;
    let effect = super::RouteOut {
        leg,
        number: destination_number(&out.destination).to_owned(),
        route_point: settings.route_point.clone(),
        caller_number: run.callback.dial_number.clone(),
        ring_timeout_s: out.ring_timeout_s.unwrap_or(settings.ring_timeout_s),
        headers,
    };
    run.act(Effect::RouteOut(Box::new(effect)));
}

/// The destination has answered: both talk, and the application's time stands still.
pub(super) fn join(run: &mut Run<'_>) {
    let now = run.now();
    let due = run.callback.timers.get(&TimerKind::PluginAnswer).copied();
    // A page without time any more has given its answer.
    let (Some(other), Some(due)) = (&mut run.callback.plugin.other, due) else {
        return;
    };
    if other.talks {
        return;
    }
    other.talks = true;
    other.left_s = (due.as_seconds() - now.as_seconds()).max(1);
    let number = other.leg;
    run.arm_in(TimerKind::PluginAnswer, TALK_MAX_S);
    run.emit(EventId::TransferConnected);
    run.act(Effect::Bridge {
        customer: run.callback.customer_leg(),
        agent: key(&run.callback, number),
    });
}

/// The page lets the destination go and has its customer for itself again.
pub(super) fn let_go(run: &mut Run<'_>) {
    drop_leg(run);
}

/// The customer goes on with the destination; the callback is over.
pub(super) fn pass_on(run: &mut Run<'_>) {
    let Some(other) = run.callback.plugin.other.take() else {
        return;
    };
    run.callback.plugin.answered = true;
    run.emit(EventId::TransferConnected);
    run.act(Effect::HandOver {
        customer: run.callback.customer_leg(),
        other: key(&run.callback, other.leg),
    });
    run.complete(Reason::TransferredToRp, "transfer");
}

/// Whether this is the leg of the present transfer.
pub(super) fn is_present(callback: &Callback) -> bool {
    (callback.plugin.other.as_ref()).is_some_and(|other| other.leg == callback.agent_legs)
}

/// Customer and destination talk.
pub(super) fn talks(callback: &Callback) -> bool {
    (callback.plugin.other.as_ref()).is_some_and(|other| other.talks)
}

/// The destination's leg is over.
pub(super) fn ended(run: &mut Run<'_>, detail: &str) {
    if let Some(other) = run.callback.plugin.other.take() {
        over(run, &other, detail);
    }
}

/// At the end of each step: a destination is nobody's without a page that holds the call.
pub(super) fn tidy(run: &mut Run<'_>) {
    let held = matches!(
        run.callback.phase,
        Phase::Plugin {
            call: PluginCall::Plugins,
            ..
        }
    );
    if !held {
        drop_leg(run);
    }
}

fn drop_leg(run: &mut Run<'_>) {
    let Some(other) = run.callback.plugin.other.take() else {
        return;
    };
    let leg = key(&run.callback, other.leg);
    run.act(Effect::HangUp {
        leg,
        given_up: !other.talks,
    });
    over(run, &other, "released");
}

/// The application's time goes on where it stood still.
fn over(run: &mut Run<'_>, other: &OtherLeg, detail: &str) {
    if other.talks && run.callback.timers.contains_key(&TimerKind::PluginAnswer) {
        run.arm_in(TimerKind::PluginAnswer, other.left_s);
    }
    // What ended everything is the last line of the history.
    if run.callback.phase != Phase::Over {
        run.emit_with(EventId::TransferEnded, &[("detail", Value::from(detail))]);
    }
}

fn key(callback: &Callback, leg: u32) -> LegKey {
    LegKey {
        agent: Some(leg),
        ..callback.customer_leg()
    }
}
