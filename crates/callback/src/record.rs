//! The record of one callback: what the store keeps and what the lifecycle changes.

mod reason;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::admission::Counted;
use crate::confirm::Confirmation;
use crate::plugin::{Answer, PluginCall, PluginRecord, QueueWait};
use crate::routing::Found;
use crate::settings::Settings;
use crate::{AgentId, CallbackId, LegKey, ServiceName, Timestamp};

pub use reason::{OtherReason, Reason};

/// State of the compatible API (callback-api §10.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum State {
    /// Booked for a time, nothing submitted.
    Scheduled,
    /// Submitted; the virtual interaction exists.
    Queued,
    /// Customer reached and routable, waiting for an agent.
    Routing,
    /// Customer and agent are connected.
    Processing,
    /// Over; see [`Reason`].
    Completed,
    /// Held because the service is paused.
    Paused,
}

impl State {
    /// Every state.
    pub const ALL: &[Self] = &[
        Self::Scheduled,
        Self::Queued,
        Self::Routing,
        Self::Processing,
        Self::Completed,
        Self::Paused,
    ];

    /// Reads the name on the wire.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|s| s.as_str() == text)
    }

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "SCHEDULED",
            Self::Queued => "QUEUED",
            Self::Routing => "ROUTING",
            Self::Processing => "PROCESSING",
            Self::Completed => "COMPLETED",
            Self::Paused => "PAUSED",
        }
    }
}

/// Where exactly a callback stands; finer than [`State`] and the key of every decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum Phase {
    /// Booked; waits for its time.
    Scheduled,
    /// The last submission failed; waits for the next one.
    Submitting {
        /// Submissions begun.
        submissions: u32,
    },
    /// The virtual interaction waits for its turn to dial.
    Waiting,
    /// Held; [`Callback::held`] says since when and where it goes back to.
    Paused,
    /// The customer's app was asked whether to call now.
    Confirming,
    /// Pause between two dials.
    RetryPause,
    /// Agent first: an agent's phone rings, the customer was not dialed yet.
    AgentRinging {
        /// The agent.
        agent: AgentId,
    },
    /// Agent first: the agent is on the line, the customer is dialed as soon as a trunk has room.
    AgentReady,
    /// The customer's phone was dialed.
    Dialing,
    /// Answered; the detector listens.
    Detecting,
    /// The plugin is asked what to do.
    Plugin {
        /// `_call_state` of the question.
        call_state: u8,
        /// Where the customer's call is.
        call: PluginCall,
        /// An accepted answer that waits for the plugin to let go of the call.
        answer: Option<Box<Answer>>,
        /// Its session has put the call into a virtual queue.
        #[serde(default)]
        wait: Option<Box<QueueWait>>,
    },
    /// A document of the operator's runs the callback, or is being fetched.
    Strategy {
        /// Submissions begun.
        submissions: u32,
    },
    /// The destination of `route_to_rp` rings, the customer hears the waiting music.
    RoutingOut {
        /// Where to.
        destination: String,
        /// Dials of it begun.
        tries: u32,
    },
    /// The greeting plays.
    Greeting,
    /// The customer hears the waiting music and may be routed.
    InQueue,
    /// An agent's phone rings, the customer still hears the music.
    Offering {
        /// The agent.
        agent: AgentId,
    },
    /// Customer and agent talk.
    Talking {
        /// The agent.
        agent: AgentId,
    },
    /// The machine hears its message (or we wait for its beep).
    MachineMessage,
    /// The customer hears that no agent is free; then it is over.
    Apology {
        /// The reason it will end with.
        reason: Reason,
    },
    /// Over.
    Over,
}

/// How far the answer to an assistant that screens calls is; the attempt has no result yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Screening {
    /// There is none.
    #[default]
    No,
    /// It sounds like a machine; the end of its greeting tells whether it asks.
    Awaited,
    /// It hears who is calling.
    Answering,
    /// The customer may come to the phone.
    Listening,
}

impl Callback {
    /// How long before its turn a callback that waits for an agent is to be reminded, s; `None`
    /// when it is not, or was already.
    #[must_use]
    pub fn reminder_by_forecast(&self) -> Option<i64> {
        let waits = matches!(
            self.phase,
            Phase::Waiting | Phase::Confirming | Phase::AgentReady
        ) && self.settings.wait_for_agent
            && !self.scheduled
            && self.attempts == 0
            && self.timers.contains_key(&TimerKind::Reminder);
        let reminder_s = self.settings.notification.plan.reminder_s;
        reminder_s.filter(|_| waits)
    }
}

impl Screening {
    /// No assistant is answered or awaited.
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde asks with a reference"
    )]
    #[must_use]
    pub const fn is_none(&self) -> bool {
        matches!(self, Self::No)
    }
}

/// Kinds of timers; at most one of a kind runs per callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimerKind {
    /// The reminder of a scheduled callback; before [`Self::Due`], with which it may fall together.
    Reminder,
    /// A scheduled callback has to be submitted.
    Due,
    /// The next submission.
    Submit,
    /// A submitted scheduled callback may be contacted (desired time − threshold).
    ContactAllowed,
    /// The customer's app has not answered.
    Confirm,
    /// The pause between two dials is over.
    RetryDial,
    /// Telephony owes us an event: dialing, detection, agent ringing, playing.
    Guard,
    /// The plugin's answer (`_plugin_on_dial_timeout`).
    PluginAnswer,
    /// The plugin has answered and should let go of the call.
    Detach,
    /// `timeout` of a session's `<queue:submit>`.
    SessionQueue,
    /// `_max_time_to_wait_for_agent_on_the_call`.
    AgentWait,
    /// `_max_queue_wait`.
    QueueWait,
    /// `_urs_queued_ttl`.
    QueuedTtl,
    /// `_ttl`.
    RecordTtl,
}

/// Who holds a callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeldBy {
    /// Its service is paused.
    Service,
    /// A request; a service that goes on does not take it along.
    Request,
}

/// Where a held callback goes back to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Who holds it.
    pub by: HeldBy,
    /// Since when.
    pub since: Timestamp,
    /// State of before.
    pub state: State,
    /// Phase of before.
    pub phase: Phase,
    /// Timers of before; they stand still.
    pub timers: BTreeMap<TimerKind, Timestamp>,
}

/// One callback.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Callback {
    /// Id.
    pub id: CallbackId,
    /// `_customer_number` as it was requested.
    pub customer_number: String,
    /// The cleaned number that is dialed (number rules of callback-api §13.1).
    pub dial_number: String,
    /// Attached data: keys without `_`.
    pub user_data: Map<String, Value>,
    /// Request parameters: keys with `_`.
    pub parameters: Map<String, Value>,
    /// Header `gms_user`.
    pub gms_user: Option<String>,
    /// Frozen settings.
    pub settings: Arc<Settings>,
    /// When the record was made.
    pub created: Timestamp,
    /// `_desired_time`; for an immediate callback the creation.
    pub desired: Timestamp,
    /// A time was asked for.
    pub scheduled: bool,
    /// Start of the virtual interaction's age.
    pub started: Timestamp,
    /// `desired` + `_ttl`.
    pub expires: Timestamp,
    /// State of the compatible API.
    pub state: State,
    /// Why it is over.
    pub reason: Option<Reason>,
    /// Finer than the reason, a fixed word (native API).
    pub detail: Option<String>,
    /// Where it stands.
    pub phase: Phase,
    /// A session ran: `_cbe_on_service_create` was raised.
    pub session_started: bool,
    /// Number of the last event of the log; gapless from 1.
    pub seq: u64,
    /// Number of the last published notification; gapless from 1.
    pub notification_seq: u64,
    /// Dials begun; the running one included.
    pub attempts: u32,
    /// Dials that a crash interrupted; they do not count against the limit.
    pub interrupted: u32,
    /// How often the customer was reached.
    pub contacts: u32,
    /// Agents' legs begun in this attempt.
    pub agent_legs: u32,
    /// Agents that could not be connected in this contact.
    pub transfer_failures: u32,
    /// `c_dialed_number` of the last dial.
    pub dialed_number: Option<String>,
    /// `c_call_result` of the last dial; set once per dial.
    pub call_result: Option<u8>,
    /// What the router found last.
    pub found: Option<Found>,
    /// Agent first: who is on the line and waits for the customer.
    #[serde(default)]
    pub waiting_agent: Option<AgentId>,
    /// Token of what plays now; a report with another token is stale.
    pub play_token: u64,
    /// How far the answer to an assistant that screens calls is.
    #[serde(default)]
    pub screening: Screening,
    /// Running timers.
    pub timers: BTreeMap<TimerKind, Timestamp>,
    /// What of it counts for throttles and the in-queue rule.
    pub counted: Counted,
    /// Questions to the plugin and what its answers changed.
    pub plugin: PluginRecord,
    /// It is held.
    #[serde(default)]
    pub held: Option<Box<Held>>,
    /// Whom to ask before the first dial, and how far that went.
    #[serde(default)]
    pub confirmation: Option<Box<Confirmation>>,
}

impl Callback {
    /// A record that nothing has happened to; whom to call is still to be filled in.
    #[must_use]
    pub fn new(id: CallbackId, settings: impl Into<Arc<Settings>>, now: Timestamp) -> Self {
        let settings = settings.into();
        Self {
            id,
            customer_number: String::new(),
            dial_number: String::new(),
            user_data: Map::new(),
            parameters: Map::new(),
            gms_user: None,
            created: now,
            desired: now,
            scheduled: false,
            started: now,
            expires: now.plus_seconds(settings.ttl_s),
            settings,
            state: State::Queued,
            reason: None,
            detail: None,
            phase: Phase::Scheduled,
            session_started: false,
            seq: 0,
            notification_seq: 0,
            attempts: 0,
            interrupted: 0,
            contacts: 0,
            agent_legs: 0,
            transfer_failures: 0,
            dialed_number: None,
            call_result: None,
            found: None,
            waiting_agent: None,
            play_token: 0,
            screening: Screening::No,
            timers: BTreeMap::new(),
            counted: Counted::default(),
            plugin: PluginRecord::default(),
            held: None,
            confirmation: None,
        }
    }

    /// Asks for a time: the callback becomes a scheduled one.
    pub fn schedule(&mut self, desired: Timestamp) {
        self.scheduled = true;
        self.desired = desired;
        self.expires = desired.max(self.created).plus_seconds(self.settings.ttl_s);
        self.state = State::Scheduled;
    }

    /// Name of its service.
    #[must_use]
    pub fn service(&self) -> &ServiceName {
        &self.settings.service
    }

    /// The virtual queue it is in: its service's, or the one its plugin's session has put the call
    /// into.
    #[must_use]
    pub fn virtual_queue(&self) -> &str {
        match &self.phase {
            Phase::Plugin {
                wait: Some(wait), ..
            } => &wait.queue,
            _ => &self.settings.virtual_queue,
        }
    }

    /// The number that the next attempt dials, without prefix: an answer of a plugin may have
    /// changed it.
    #[must_use]
    pub fn number_to_dial(&self) -> &str {
        self.plugin.number.as_deref().unwrap_or(&self.dial_number)
    }

    /// What is dialed before the number.
    #[must_use]
    pub fn dial_prefix(&self) -> &str {
        let changed = self.plugin.prefix.as_deref();
        changed.unwrap_or(&self.settings.prefix_dial_out)
    }

    /// It is not over.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.state != State::Completed
    }

    /// The customer's leg of the running or last dial.
    #[must_use]
    pub fn customer_leg(&self) -> LegKey {
        LegKey {
            callback: self.id.clone(),
            attempt: self.attempts,
            agent: None,
        }
    }

    /// The agent's leg that was offered last; of an agent who is called first it belongs to the
    /// dial that is still to come.
    #[must_use]
    pub fn agent_leg(&self) -> LegKey {
        let is_before_dial = self.settings.contact.agent_first
            && matches!(
                self.phase,
                Phase::Waiting | Phase::AgentRinging { .. } | Phase::AgentReady
            );
        LegKey {
            callback: self.id.clone(),
            attempt: self.attempts + u32::from(is_before_dial),
            agent: Some(self.agent_legs),
        }
    }

    /// Priority at `now` (callback-api §10.3).
    #[must_use]
    pub fn priority_at(&self, now: Timestamp) -> i64 {
        let s = &self.settings;
        if s.priority_increment_interval_s <= 0 {
            return s.priority;
        }
        let waited_s = i64::try_from(now.millis_since(self.started) / 1000).unwrap_or(i64::MAX);
        s.priority.saturating_add(
            s.priority_increment
                .saturating_mul(waited_s / s.priority_increment_interval_s),
        )
    }

    /// When the next timer is due.
    #[must_use]
    pub fn next_timer(&self) -> Option<Timestamp> {
        self.timers.values().min().copied()
    }

    /// `<state>.<reason>` once it is over (notifications §9.3).
    #[must_use]
    pub fn termination_type(&self) -> Option<String> {
        self.reason.map(|r| format!("COMPLETED.{}", r.as_str()))
    }
}
