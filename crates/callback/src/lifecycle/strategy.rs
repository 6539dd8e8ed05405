//! A service that runs a document of the operator's instead of the built-in flow (`_service` is a
//! URL, `_service_type = callback`): the document is the session of the callback.

use serde_json::Value;

use super::create::{submission_failed, submit};
use super::run::Run;
use super::{Effect, PluginEvent};
use crate::Timestamp;
use crate::events::EventId;
use crate::record::{Phase, Reason, State, TimerKind};

/// Seconds that fetching and compiling a document may take.
const START_S: i64 = 60;

/// A document that is to run for a callback.
#[derive(Clone, Debug, PartialEq)]
pub struct StrategyOrder {
    /// Binds the session to the callback.
    pub token: String,
    /// The callback.
    pub callback: crate::CallbackId,
    /// Address of the document.
    pub url: String,
    /// Values for its data.
    pub parameters: serde_json::Map<String, Value>,
}

/// Hands the callback over to its document; the submission succeeds when that runs.
pub(super) fn start(run: &mut Run<'_>, submissions: u32) {
    let Some(strategy) = run.callback.settings.strategy.clone() else {
        return;
    };
    let token = run.ask_anew();
    run.callback.state = State::Queued;
    run.callback.phase = Phase::Strategy { submissions };
    run.arm_in(TimerKind::Guard, START_S);
    let callback = &run.callback;
    let order = StrategyOrder {
        token,
        callback: callback.id.clone(),
        url: strategy.url.clone(),
        parameters: parameters(run, &strategy.options),
    };
    run.act(Effect::RunStrategy(Box::new(order)));
}

/// What the document is given: attached data, the request, the service's options, and who it is
/// about. A request replaces only options that the service leaves to it, and those that are not set.
fn parameters(
    run: &Run<'_>,
    options: &std::collections::BTreeMap<String, String>,
) -> serde_json::Map<String, Value> {
    let callback = &run.callback;
    let mut all = callback.user_data.clone();
    all.extend(callback.parameters.clone());
    for (name, value) in options {
        all.insert(name.clone(), Value::from(value.as_str()));
    }
    let text = |value: &str| Value::from(value);
    let time = |time: Timestamp| Value::from(time.to_iso());
    let user_data = Value::Object(callback.user_data.clone());
    for (name, value) in [
        ("_service_id", text(callback.id.as_str())),
        ("_gms_service_id", text(callback.id.as_str())),
        ("_ors_service_id", text(callback.id.as_str())),
        ("_service_name", text(callback.service().as_str())),
        ("_customer_number", text(&callback.dial_number)),
        ("_desired_time", time(callback.desired)),
        ("_expiration_time", time(callback.expires)),
        ("_user_data", user_data),
    ] {
        all.insert(name.to_owned(), value);
    }
    all
}

/// Answers [`super::Input::Plugin`] in this phase.
pub(super) fn event(run: &mut Run<'_>, token: &str, event: PluginEvent) {
    let Phase::Strategy { submissions } = run.callback.phase else {
        return;
    };
    if run.callback.plugin.token() != Some(token) {
        return;
    }
    match event {
        PluginEvent::Running { session } => running(run, &session),
        PluginEvent::Failed { why, .. } => {
            if is_loading(run) {
                run.disarm(TimerKind::Guard);
                submission_failed(run, submissions, &why);
            } else {
                run.complete(Reason::FailError, "strategy_failed");
            }
        }
        PluginEvent::Finished { reason } => {
            let reason = reason.unwrap_or(Reason::NotAvailable);
            run.complete(reason, "strategy_ended");
        }
        PluginEvent::Started
        | PluginEvent::Ended
        | PluginEvent::Answer(_)
        | PluginEvent::NoAnswer { .. }
        | PluginEvent::Detached
        | PluginEvent::Attached
        | PluginEvent::Redirect { .. }
        | PluginEvent::CallOut(_)
        | PluginEvent::Join
        | PluginEvent::LetGo
        | PluginEvent::PassOn
        | PluginEvent::Submit(_)
        | PluginEvent::Withdraw { .. }
        | PluginEvent::Connect
        | PluginEvent::HangUp => {}
    }
}

/// The document is being fetched, also anew after a restart or at another time.
fn is_loading(run: &Run<'_>) -> bool {
    run.callback.timers.contains_key(&TimerKind::Guard)
}

/// The document runs: the submission has succeeded.
fn running(run: &mut Run<'_>, session: &str) {
    if !is_loading(run) {
        return;
    }
    run.disarm(TimerKind::Guard);
    run.emit(EventId::CallbackQueued);
    if !run.callback.session_started {
        run.callback.session_started = true;
        let session = [("session", Value::from(session))];
        run.emit_with(EventId::ServiceCreate, &session);
    }
}

/// Nobody said that the document runs.
pub(super) fn no_report(run: &mut Run<'_>) {
    let Phase::Strategy { submissions } = run.callback.phase else {
        return;
    };
    run.end_plugin();
    submission_failed(run, submissions, "the document did not start in time");
}

/// After a restart the session is gone: the document begins anew.
pub(super) fn recover(run: &mut Run<'_>) {
    run.emit(EventId::Interrupted);
    submit(run, 2);
}
