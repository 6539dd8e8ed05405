//! What an agent is doing, and what that means for the choice.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::agent::AgentConfig;
use crate::{AgentId, CallbackId, Timestamp, call_state};

/// Reason of an agent nobody has set ready yet.
pub const REASON_NEW: &str = "new";
/// Reason of an agent whose phone was not answered.
pub const REASON_NO_ANSWER: &str = "no_answer";
/// Reason of an agent who declined or was busy.
pub const REASON_REJECTED: &str = "rejected";

/// What an agent is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AgentState {
    /// Takes no calls.
    NotReady {
        /// Why, a word of the agent's or one of the router's.
        reason: String,
    },
    /// Takes calls.
    Ready,
    /// Chosen; the phone does not ring yet.
    Reserved {
        /// For this callback.
        callback: CallbackId,
    },
    /// The phone rings.
    Ringing {
        /// For this callback.
        callback: CallbackId,
    },
    /// Talks to the customer.
    Talking {
        /// Of this callback.
        callback: CallbackId,
    },
}

impl AgentState {
    /// The word of the APIs: `not_ready`, `ready`, `reserved`, `ringing`, `talking`.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::NotReady { .. } => "not_ready",
            Self::Ready => "ready",
            Self::Reserved { .. } => "reserved",
            Self::Ringing { .. } => "ringing",
            Self::Talking { .. } => "talking",
        }
    }

    /// The callback the agent is busy with.
    #[must_use]
    pub const fn callback(&self) -> Option<&CallbackId> {
        match self {
            Self::NotReady { .. } | Self::Ready => None,
            Self::Reserved { callback }
            | Self::Ringing { callback }
            | Self::Talking { callback } => Some(callback),
        }
    }
}

/// An agent as the APIs show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AgentView {
    /// Id.
    pub id: AgentId,
    /// Extension of the phone.
    pub extension: String,
    /// `not_ready`, `ready`, `reserved`, `ringing` or `talking`.
    pub state: &'static str,
    /// Why the agent is not ready.
    pub reason: Option<String>,
    /// Since when.
    pub since: Timestamp,
    /// Groups.
    pub groups: Vec<String>,
    /// Skills and levels.
    pub skills: BTreeMap<String, i64>,
    /// The phone is registered and was not found unreachable just now.
    pub registered: bool,
    /// The callback the agent is busy with.
    pub callback: Option<CallbackId>,
}

impl AgentView {
    /// Every state.
    pub const STATES: &[&str] = &["not_ready", "ready", "reserved", "ringing", "talking"];
}

/// How the agent's part in a callback ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Released {
    /// Talked, or not needed any more: ready again, idle from now.
    Done,
    /// The phone rang in vain: set not ready, [`REASON_NO_ANSWER`].
    NoAnswer,
    /// Declined or busy: set not ready, [`REASON_REJECTED`].
    Rejected,
    /// The phone could not be reached: counts as not registered until it registers again or
    /// [`UNREACHABLE_S`](super::UNREACHABLE_S) have passed; stays ready.
    Unreachable,
}

impl Released {
    /// What the end of an agent's leg that was never answered says of the agent: by its call state
    /// (play-treatments §8) and its detail word (telephony §5.1).
    #[must_use]
    pub fn of_unanswered(call_state: u8, detail: &str) -> Self {
        match (call_state, detail) {
            (_, "not_registered") => Self::Unreachable,
            (call_state::NO_ANSWER, _) => Self::NoAnswer,
            _ => Self::Rejected,
        }
    }
}

/// No agent has this id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("agent {0} is unknown")]
pub struct UnknownAgent(
    /// The id asked for.
    pub AgentId,
);

/// One agent of the router.
#[derive(Clone, Debug)]
pub(super) struct Agent {
    pub(super) config: AgentConfig,
    pub(super) state: AgentState,
    /// When the state began.
    pub(super) since: Timestamp,
    /// When the agent became ready last; a reservation that comes to nothing leads back to it.
    pub(super) ready_since: Timestamp,
    /// Since when the agent could have taken a call: the rank among the idle.
    pub(super) idle_since: Timestamp,
    pub(super) registered: bool,
    /// Found unreachable; tried again from then on.
    pub(super) blocked_until: Option<Timestamp>,
    /// Wants to be not ready after the call: why and since when.
    pub(super) wish: Option<(String, Timestamp)>,
    /// Kept for this callback, whose customer is being called.
    pub(super) earmark: Option<CallbackId>,
}

impl Agent {
    pub(super) fn new(config: AgentConfig, registered: bool, now: Timestamp) -> Self {
        Self {
            config,
            state: AgentState::NotReady {
                reason: REASON_NEW.to_owned(),
            },
            since: now,
            ready_since: now,
            idle_since: now,
            registered,
            blocked_until: None,
            wish: None,
            earmark: None,
        }
    }

    pub(super) fn is_available(&self) -> bool {
        self.state == AgentState::Ready && self.registered && self.blocked_until.is_none()
    }

    pub(super) fn set_not_ready(&mut self, reason: String, since: Timestamp) {
        self.state = AgentState::NotReady { reason };
        self.since = since;
        self.wish = None;
    }

    /// Ready from now on, at the end of the line of the idle.
    pub(super) fn set_ready(&mut self, now: Timestamp) {
        self.state = AgentState::Ready;
        self.since = now;
        self.ready_since = now;
        self.idle_since = now;
    }

    /// Frees the agent after a call: ready, or not ready as wished meanwhile.
    pub(super) fn finish(&mut self, now: Timestamp) {
        match self.wish.take() {
            Some((reason, _)) => self.set_not_ready(reason, now),
            None => self.set_ready(now),
        }
    }

    /// Undoes a reservation that came to nothing; the agent keeps its rank.
    pub(super) fn unreserve(&mut self) {
        match self.wish.take() {
            Some((reason, since)) => self.set_not_ready(reason, since),
            None => {
                self.state = AgentState::Ready;
                self.since = self.ready_since;
            }
        }
    }

    pub(super) fn view(&self) -> AgentView {
        AgentView {
            id: self.config.id.clone(),
            extension: self.config.extension.clone(),
            state: self.state.as_str(),
            reason: match &self.state {
                AgentState::NotReady { reason } => Some(reason.clone()),
                AgentState::Ready
                | AgentState::Reserved { .. }
                | AgentState::Ringing { .. }
                | AgentState::Talking { .. } => None,
            },
            since: self.since,
            groups: self.config.groups.clone(),
            skills: self.config.skills.clone(),
            registered: self.registered && self.blocked_until.is_none(),
            callback: self.state.callback().cloned(),
        }
    }
}
