//! The on-dial plugin: asked, answered, silent (play-treatments §3–5).

use serde_json::Value;

use super::customer::routable;
use super::first;
use super::recover::interrupted;
use super::run::Run;
use super::{Effect, PluginEvent, bridge, route, session_queue, strategy};
use crate::events::EventId;
use crate::mask;
use crate::plugin::{Action, Answer, PluginCall, PluginKind, PluginSettings, Question, standing};
use crate::record::{Phase, Reason, TimerKind};
use crate::{Error, ErrorCode};

/// Seconds that asking may take until the plugin has the question; its own time begins then.
const START_S: i64 = 15;
/// Seconds that a plugin that has answered may keep the call (play-treatments §3.6).
const DETACH_S: i64 = 2;

/// The plugin decides about this result: the plugin column of the decision table.
pub(super) fn is_asked(run: &Run<'_>, failure: bool) -> bool {
    let plugin = run.callback.settings.plugin.as_ref();
    plugin.is_some_and(|plugin| !failure || plugin.on_failure)
}

/// Asks the plugin; `live` = the customer, or what answered, is on the line.
pub(super) fn ask(run: &mut Run<'_>, call_state: u8, live: bool) {
    let Some(plugin) = run.callback.settings.plugin.clone() else {
        return;
    };
    let call = match (live, attaches(&plugin)) {
        (false, _) => PluginCall::None,
        (true, false) => PluginCall::Ours,
        (true, true) => PluginCall::Plugins,
    };
    if !live {
        run.let_waiting_agent_go();
    }
    run.ask_anew();
    run.callback.phase = Phase::Plugin {
        call_state,
        call,
        answer: None,
        wait: None,
    };
    run.disarm(TimerKind::Guard);
    run.emit_with(
        EventId::PluginAsked,
        &[
            ("call_state", Value::from(call_state)),
            ("type", Value::from(plugin.kind.as_str())),
            ("call", serde_json::to_value(call).unwrap_or(Value::Null)),
            ("dial_attempt", Value::from(run.callback.attempts)),
        ],
    );
    put_question(run, &plugin, call_state, call);
}

/// A program behind HTTP cannot hold a call; a document may, an application has to.
fn attaches(plugin: &PluginSettings) -> bool {
    match plugin.kind {
        PluginKind::Scxml => plugin.associate,
        PluginKind::Http => false,
        PluginKind::VoiceXml => true,
    }
}

fn put_question(run: &mut Run<'_>, plugin: &PluginSettings, call_state: u8, call: PluginCall) {
    let callback = &run.callback;
    let question = Question {
        token: callback.plugin.token().unwrap_or_default().to_owned(),
        url: plugin.url.clone(),
        kind: plugin.kind,
        dialect: plugin.dialect.clone(),
        call: call.is_up().then(|| callback.customer_leg()),
        attached: call == PluginCall::Plugins,
        call_state,
        customer_number: callback.number_to_dial().to_owned(),
        callback: callback.id.clone(),
        user_data: callback.user_data.clone(),
        dial_attempt: callback.attempts,
        ttl_s: plugin.timeout_s,
    };
    run.arm_in(
        TimerKind::PluginAnswer,
        plugin.timeout_s.saturating_add(START_S),
    );
    run.act(Effect::AskPlugin(Box::new(question)));
}

/// Answers [`super::Input::Plugin`]; only an answer can be refused.
pub(super) fn plugin(run: &mut Run<'_>, token: &str, event: PluginEvent) -> Result<(), Error> {
    if let PluginEvent::Answer(answer) = event {
        standing(&run.callback, token)?;
        return answered(run, *answer);
    }
    if matches!(run.callback.phase, Phase::Strategy { .. }) {
        strategy::event(run, token, event);
        return Ok(());
    }
    let Phase::Plugin { call, answer, .. } = run.callback.phase.clone() else {
        return Ok(());
    };
    if run.callback.plugin.token() != Some(token) {
        return Ok(());
    }
    match event {
        PluginEvent::Started => {
            if let Some(plugin) = &run.callback.settings.plugin
                && !run.callback.plugin.answered
            {
                run.arm_in(TimerKind::PluginAnswer, plugin.timeout_s);
            }
        }
        PluginEvent::Failed { detail, why } => {
            problem(run, &detail, &why);
            failed(run, &detail);
        }
        PluginEvent::NoAnswer { why } => problem(run, "no_answer_in_it", &why),
        PluginEvent::Detached => {
            session_queue::leave(run);
            detached(run, call, answer);
        }
        PluginEvent::Submit(wait) => session_queue::submit(run, *wait),
        PluginEvent::Withdraw { request } => session_queue::cancel(run, &request),
        PluginEvent::Connect => session_queue::connect(run),
        PluginEvent::Attached => {
            if call == PluginCall::Ours && answer.is_none() {
                set_call(run, PluginCall::Plugins);
            }
        }
        PluginEvent::Redirect { destination, aai } => {
            if call == PluginCall::Plugins {
                session_queue::leave(run);
                run.callback.plugin.aai = aai;
                run.callback.plugin.answered = true;
                run.disarm(TimerKind::PluginAnswer);
                route::start(run, destination);
            }
        }
        PluginEvent::CallOut(_) | PluginEvent::Join | PluginEvent::LetGo | PluginEvent::PassOn => {
            transfer(run, call, event);
        }
        PluginEvent::HangUp => {
            if call.is_up() {
                run.hang_up_customer(false);
            }
        }
        PluginEvent::Ended => {
            session_queue::leave(run);
            ended(run, call, answer);
        }
        // Answers are looked at above; the others are about documents that run callbacks.
        PluginEvent::Answer(_) | PluginEvent::Running { .. } | PluginEvent::Finished { .. } => {}
    }
    Ok(())
}

/// What a page does with another destination while it has the customer.
fn transfer(run: &mut Run<'_>, call: PluginCall, event: PluginEvent) {
    if call != PluginCall::Plugins {
        return;
    }
    match event {
        PluginEvent::CallOut(out) => bridge::call(run, *out),
        PluginEvent::Join => bridge::join(run),
        PluginEvent::LetGo => bridge::let_go(run),
        PluginEvent::PassOn => bridge::pass_on(run),
        _ => {}
    }
}

fn problem(run: &mut Run<'_>, detail: &str, why: &str) {
    let url = (run.callback.settings.plugin.as_ref()).map_or("", |plugin| plugin.url.as_str());
    let address = mask::url(url);
    run.emit_with(
        EventId::PluginProblem,
        &[
            ("detail", Value::from(detail)),
            ("why", Value::from(why)),
            ("address", Value::from(address)),
        ],
    );
}

fn set_call(run: &mut Run<'_>, new: PluginCall) {
    if let Phase::Plugin { call, .. } = &mut run.callback.phase {
        *call = new;
    }
}

fn answered(run: &mut Run<'_>, answer: Answer) -> Result<(), Error> {
    let Phase::Plugin {
        call, answer: kept, ..
    } = &mut run.callback.phase
    else {
        return Ok(());
    };
    let call = *call;
    let conflict = |message: &str| Err(Error::new(ErrorCode::Conflict, message).field("action"));
    if answer.action.needs_call() && answer.interaction_deleted {
        return conflict("With message=interaction_deleted only cancel and retry are possible");
    }
    if answer.action.needs_call() && !call.is_up() {
        return conflict("There is no call to route: only cancel and retry are possible");
    }
    *kept = Some(Box::new(answer.clone()));
    run.callback.plugin.answered = true;
    if answer.number.is_some() {
        run.callback.plugin.number.clone_from(&answer.number);
    }
    if answer.prefix.is_some() {
        run.callback.plugin.prefix.clone_from(&answer.prefix);
    }
    let mut told = vec![("action", Value::from(answer.action.as_str()))];
    if answer.interaction_deleted {
        told.push(("message", Value::from("interaction_deleted")));
    }
    if let Some(delay_s) = answer.delay_s {
        told.push(("delay_s", Value::from(delay_s)));
    }
    told.push(("number_changed", Value::from(answer.number.is_some())));
    run.emit_with(EventId::PluginAnswered, &told);
    run.disarm(TimerKind::PluginAnswer);
    if call == PluginCall::Plugins {
        run.arm_in(TimerKind::Detach, DETACH_S);
    } else {
        execute(run, &answer, call);
    }
    Ok(())
}

/// Does what was answered.
fn execute(run: &mut Run<'_>, answer: &Answer, call: PluginCall) {
    run.disarm(TimerKind::Detach);
    session_queue::leave(run);
    match answer.action {
        Action::Cancel => {
            if call.is_up() {
                run.hang_up_customer(false);
            }
            let compatible =
                (run.callback.settings.plugin.as_ref()).is_some_and(|plugin| plugin.compat_reason);
            if answer.interaction_deleted && !compatible {
                run.complete(Reason::FailInteractionDeleted, "customer_hung_up");
            } else {
                cancelled(run, "plugin_cancel");
            }
        }
        Action::Retry => {
            if call.is_up() {
                run.hang_up_customer(false);
            }
            let settings = run.callback.settings.clone();
            if run.counted_attempts() < settings.max_dial_attempts {
                run.pause(answer.delay_s.unwrap_or(settings.dial_retry_timeout_s));
            } else {
                cancelled(run, "retry_limit");
            }
        }
        // The customer left between answer and detach.
        Action::RouteToAgent | Action::RouteToRp if !call.is_up() => {
            super::customer::customer_left(run);
        }
        Action::RouteToAgent => {
            run.callback.contacts = run.callback.contacts.max(1);
            if !first::connect(run) {
                run.wait_on_the_line();
                routable(run);
            }
        }
        Action::RouteToRp => {
            route::start(run, answer.destination.clone().unwrap_or_default());
        }
    }
}

/// The plugin ends the request: the client sees the same as for its own cancel.
fn cancelled(run: &mut Run<'_>, detail: &str) {
    run.finish_record(Reason::Cancelled, detail);
    run.emit(EventId::CallbackCancelled);
    run.exit_session();
}

fn detached(run: &mut Run<'_>, call: PluginCall, answer: Option<Box<Answer>>) {
    if call != PluginCall::Plugins {
        return;
    }
    set_call(run, PluginCall::Ours);
    match answer {
        Some(answer) => execute(run, &answer, PluginCall::Ours),
        None => silence(run),
    }
}

fn silence(run: &mut Run<'_>) {
    let leg = run.callback.customer_leg();
    run.act(Effect::Silence { leg });
}

/// The plugin has answered and keeps the call: it is taken back.
pub(super) fn no_detach(run: &mut Run<'_>) {
    if let Phase::Plugin {
        call: call @ PluginCall::Plugins,
        answer: Some(answer),
        ..
    } = run.callback.phase.clone()
    {
        problem(run, "plugin_no_detach", "the call is taken back");
        silence(run);
        execute(run, &answer, call);
    }
}

/// The plugin's session ended.
fn ended(run: &mut Run<'_>, call: PluginCall, answer: Option<Box<Answer>>) {
    if let Some(answer) = answer {
        execute(run, &answer, call);
        return;
    }
    let is_cancel =
        (run.callback.settings.plugin.as_ref()).is_some_and(|plugin| plugin.exit_is_cancel);
    problem(run, "plugin_ended", "its session ended without an answer");
    if is_cancel {
        if call.is_up() {
            run.hang_up_customer(false);
        }
        cancelled(run, "plugin_ended");
    } else if call == PluginCall::Plugins {
        set_call(run, PluginCall::Ours);
        silence(run);
    }
}

/// The customer hung up while the plugin is asked.
pub(super) fn customer_left(run: &mut Run<'_>, call: PluginCall) {
    if !call.is_up() {
        return;
    }
    session_queue::leave(run);
    set_call(run, PluginCall::Gone);
    if let Some(token) = run.callback.plugin.token() {
        let token = token.to_owned();
        let attached = call == PluginCall::Plugins;
        run.act(Effect::CallDeleted { token, attached });
    }
    if let Phase::Plugin {
        answer: Some(answer),
        ..
    } = run.callback.phase.clone()
    {
        execute(run, &answer, PluginCall::Gone);
    }
}

/// `_plugin_on_dial_timeout` ran out.
pub(super) fn out_of_time(run: &mut Run<'_>) {
    if session_queue::is_ringing(run) {
        // The agent who is called just now would be the answer.
        run.arm_in(
            TimerKind::PluginAnswer,
            run.callback.settings.agent_reserve_timeout_s.max(1),
        );
    } else if matches!(run.callback.phase, Phase::Plugin { .. }) {
        let plugin = run.callback.settings.plugin.as_ref();
        let seconds = plugin.map_or(0, |plugin| plugin.timeout_s);
        let why = format!("no answer within {seconds} s");
        problem(run, "plugin_timeout", &why);
        failed(run, "plugin_timeout");
    }
}

/// No answer, and none will come.
fn failed(run: &mut Run<'_>, detail: &str) {
    let Phase::Plugin { call, .. } = run.callback.phase else {
        return;
    };
    session_queue::leave(run);
    if call.is_up() {
        run.hang_up_customer(false);
    }
    run.end_plugin();
    if call == PluginCall::Gone {
        run.complete(Reason::FailInteractionDeleted, detail);
        return;
    }
    run.finish_record(Reason::FailError, detail);
    run.emit(EventId::CallbackProcessingFailed);
    run.exit_session();
}

/// `_urs_queued_ttl` or `_ttl` ran out while the plugin is asked.
pub(super) fn end_of_queue(run: &mut Run<'_>, live: bool, reason: Reason, detail: &str) {
    session_queue::leave(run);
    run.end_plugin();
    run.disarm(TimerKind::PluginAnswer);
    run.disarm(TimerKind::Detach);
    if live {
        run.apologise(reason);
    } else {
        run.complete(reason, detail);
    }
}

/// After a restart: a call is gone, so the attempt is; a question without one is put again with
/// the same token, and its time begins anew.
pub(super) fn recover(run: &mut Run<'_>, call: PluginCall, answer: Option<Box<Answer>>) {
    if let Some(answer) = answer.filter(|answer| !answer.action.needs_call()) {
        // Only the detach was missing.
        execute(run, &answer, PluginCall::Gone);
        return;
    }
    if call.is_up() {
        run.callback.contacts = run.callback.contacts.saturating_sub(1);
        run.disarm(TimerKind::PluginAnswer);
        interrupted(run);
        return;
    }
    let Phase::Plugin { call_state, .. } = run.callback.phase else {
        return;
    };
    if let Some(plugin) = run.callback.settings.plugin.clone() {
        run.emit(EventId::Interrupted);
        put_question(run, &plugin, call_state, call);
    }
}
