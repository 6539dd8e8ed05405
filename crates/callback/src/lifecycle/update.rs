//! A client changes what a callback carries and goes by (callback-api §5).

use serde_json::{Map, Value};

use super::Effect;
use super::run::Run;
use super::withdraw::{reschedule, set_state};
use crate::events::EventId;
use crate::record::{Phase, Reason, State, TimerKind};
use crate::routing::{Need, Target};
use crate::service::check_user_data;
use crate::settings::Settings;
use crate::{Error, ErrorCode, Timestamp};

/// What a request changes; all of it or nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Change {
    /// Attached data to add or replace.
    pub user_data: Map<String, Value>,
    /// `_new_desired_time`.
    pub desired: Option<Timestamp>,
    /// `_target`.
    pub target: Option<Target>,
    /// `_urs_vq_priority`.
    pub priority: Option<i64>,
    /// `_urs_vq_priority_increment`.
    pub priority_increment: Option<i64>,
    /// `_urs_vq_priority_increment_interval`, s.
    pub priority_increment_interval_s: Option<i64>,
    /// `_callback_state`.
    pub state: Option<State>,
    /// `_callback_reason`, for a callback that shall end.
    pub reason: Option<Reason>,
}

impl Change {
    /// It changes how the callback is routed.
    const fn routes(&self) -> bool {
        self.target.is_some()
            || self.priority.is_some()
            || self.priority_increment.is_some()
            || self.priority_increment_interval_s.is_some()
    }

    /// The option of the change that comes first, to name it in a refusal.
    const fn first_option(&self) -> &'static str {
        if self.target.is_some() {
            "_target"
        } else {
            "_urs_vq_priority"
        }
    }

    fn apply_to(&self, settings: &mut Settings) {
        if let Some(target) = &self.target {
            settings.target = target.clone();
        }
        if let Some(priority) = self.priority {
            settings.priority = priority;
        }
        if let Some(increment) = self.priority_increment {
            settings.priority_increment = increment;
        }
        if let Some(interval_s) = self.priority_increment_interval_s {
            settings.priority_increment_interval_s = interval_s;
        }
    }
}

/// Answers [`super::Input::Update`].
pub(super) fn update(run: &mut Run<'_>, change: Change) -> Result<(), Error> {
    if run.callback.phase == Phase::Over {
        return Err(Error::new(
            ErrorCode::AlreadyCompleted,
            "The callback is over already",
        ));
    }
    if change.routes() {
        check_routable(run.callback.state, &change)?;
    }
    if !change.user_data.is_empty() {
        attach(run, &change.user_data)?;
    }
    if change.routes() {
        let mut settings = (*run.callback.settings).clone();
        change.apply_to(&mut settings);
        run.callback.settings = std::sync::Arc::new(settings);
        queue_again(run);
    }
    if let Some(desired) = change.desired {
        reschedule(run, desired)?;
    }
    if let Some(state) = change.state {
        set_state(run, state, change.reason)?;
    }
    Ok(())
}

fn check_routable(state: State, change: &Change) -> Result<(), Error> {
    match state {
        State::Scheduled | State::Queued => Ok(()),
        State::Routing | State::Processing | State::Completed | State::Paused => {
            let message = format!(
                "Target and priority of a callback in state {} cannot be changed",
                state.as_str()
            );
            Err(Error::new(ErrorCode::InvalidState, message).field(change.first_option()))
        }
    }
}

fn attach(run: &mut Run<'_>, data: &Map<String, Value>) -> Result<(), Error> {
    let mut all = run.callback.user_data.clone();
    for (key, value) in data {
        all.insert(key.clone(), value.clone());
    }
    check_user_data(&all)?;
    run.callback.user_data = all;
    let keys: Vec<Value> = data.keys().map(|key| Value::from(key.as_str())).collect();
    run.emit_with(EventId::DataUpdated, &[("keys", Value::from(keys))]);
    Ok(())
}

/// Who waits takes the place that the new settings give.
fn queue_again(run: &mut Run<'_>) {
    run.emit(EventId::RoutingUpdated);
    match run.callback.phase {
        // Not yet its time: the place is taken when it comes.
        Phase::Waiting if run.callback.timers.contains_key(&TimerKind::ContactAllowed) => {}
        Phase::Waiting => run.wait_for_turn(),
        Phase::InQueue => run.act(Effect::Enqueue(Need::Agent)),
        Phase::Scheduled
        | Phase::Submitting { .. }
        | Phase::Paused
        | Phase::Confirming
        | Phase::RetryPause
        | Phase::AgentRinging { .. }
        | Phase::AgentReady
        | Phase::Dialing
        | Phase::Detecting
        | Phase::Plugin { .. }
        | Phase::Strategy { .. }
        | Phase::RoutingOut { .. }
        | Phase::Greeting
        | Phase::Offering { .. }
        | Phase::Talking { .. }
        | Phase::MachineMessage
        | Phase::Apology { .. }
        | Phase::Over => {}
    }
}
