//! Assistants that ask who is calling (telephony §6.6): they get an answer, then it is heard out
//! whether the customer comes to the phone. Until then the attempt has no result.

use serde_json::Value;

use super::customer::leave_message;
use super::run::{PLAY_GUARD_S, Run};
use super::{Effect, Listen};
use crate::call_state;
use crate::events::EventId;
use crate::record::Screening;
use crate::settings::{CpdProfile, DetectionSettings};

/// Longest wait for the end of a machine's greeting, s: the detector's own is 30 s.
const GREETING_GUARD_S: i64 = 31;
/// How long the customer may take to come to the phone, ms.
const LISTEN_MS: u32 = 30_000;
/// Then whoever speaks is heard out, ms.
const HEAR_OUT_MS: u32 = 8_000;

/// It sounds like a machine: whether it is an assistant shows when it falls silent.
pub(super) fn wait(run: &mut Run<'_>) {
    run.callback.screening = Screening::Awaited;
    run.guard(GREETING_GUARD_S);
}

/// The greeting is over.
pub(super) fn greeting_over(run: &mut Run<'_>, asks: bool) {
    if run.callback.screening != Screening::Awaited {
        return;
    }
    if !asks {
        run.callback.screening = Screening::No;
        leave_message(run, call_state::MACHINE, "machine", true);
        return;
    }
    run.emit_with(EventId::Verdict, &[("verdict", Value::from("screening"))]);
    run.callback.screening = Screening::Answering;
    let settings = run.callback.settings.clone();
    run.emit(EventId::ScreeningAnswered);
    run.play(&settings.treatments.screening, false);
    run.guard(PLAY_GUARD_S);
}

/// The assistant has heard the answer: the analysis begins again.
pub(super) fn answered(run: &mut Run<'_>) {
    if run.callback.screening != Screening::Answering {
        return;
    }
    run.callback.screening = Screening::Listening;
    let detection = DetectionSettings {
        profile: CpdProfile::Human,
        silence_ms: LISTEN_MS,
        hard_stop_ms: LISTEN_MS + HEAR_OUT_MS,
        ..run.callback.settings.detection.clone()
    };
    let leg = run.callback.customer_leg();
    run.act(Effect::Listen(Box::new(Listen { leg, detection })));
    // Ring-back puts the decision off by as much again.
    run.guard(i64::from((LISTEN_MS + LISTEN_MS + HEAR_OUT_MS) / 1000));
}

/// Nobody came: the assistant was a machine.
pub(super) fn refused(run: &mut Run<'_>) {
    let detail = detail(run);
    run.callback.screening = Screening::No;
    leave_message(run, call_state::MACHINE, detail, true);
}

/// What the attempt is called when it ends now.
pub(super) const fn detail(run: &Run<'_>) -> &'static str {
    match run.callback.screening {
        Screening::No | Screening::Awaited => "machine",
        Screening::Answering | Screening::Listening => "screening",
    }
}
