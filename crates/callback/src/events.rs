//! The event catalogue and the bodies of status notifications (notifications §6, §9).

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::record::{Callback, State};
use crate::settings::{Events, NotificationMode};
use crate::{CallbackId, Timestamp, limits};

/// Family of an event (notifications §1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Raised by the callback's session; the default set.
    Session,
    /// Raised by the server; published only when a Transaction List names it.
    Server,
    /// Ringback's own entry of the event log; never published.
    Native,
}

macro_rules! events {
    ($( $(#[$doc:meta])* $name:ident = $id:literal, $family:ident, [$($attribute:literal),*]; )*) => {
        /// Every event that the log of a callback can hold.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum EventId {
            $( $(#[$doc])* $name, )*
        }

        impl EventId {
            /// Every event.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The id on the wire and in the log.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $id,)* }
            }

            /// Its family.
            #[must_use]
            pub const fn family(self) -> Family {
                match self { $(Self::$name => Family::$family,)* }
            }

            /// Attributes of the default set, in the order they are sent.
            #[must_use]
            pub const fn attributes(self) -> &'static [&'static str] {
                match self { $(Self::$name => &[$($attribute),*],)* }
            }
        }
    };
}

events! {
    /// The session of the callback starts.
    ServiceCreate = "_cbe_on_service_create", Session,
        ["_service_name", "_customer_number", "_urs_virtual_queue"];
    /// The virtual interaction exists.
    VirtualIxnCreate = "_cbe_on_virtual_ixn_create", Session, ["_service_name"];
    /// The router found an agent.
    TargetFound = "_cbe_on_target_found", Session,
        ["_service_name", "c_target", "c_agent_id", "c_agent_extension", "_urs_virtual_queue"];
    /// Dialing of the customer starts.
    DialInit = "_cbe_on_dial_init", Session,
        ["_service_name", "_customer_number", "c_dialed_number"];
    /// The result of the dial is known.
    DialDone = "_cbe_on_dial_done", Session,
        ["_service_name", "_customer_number", "c_dialed_number", "c_call_result",
         "c_call_num_attempt"];
    /// The greeting starts.
    ConnectTreatmentStart = "_cbe_on_connect_treatment_start", Session,
        ["_service_name", "_vq_for_outbound_calls", "c_dialed_number"];
    /// The customer waits in the queue and may be routed.
    CustomerQueued = "_cbe_on_customer_queued", Session,
        ["_service_name", "_vq_for_outbound_calls", "c_dialed_number"];
    /// The call moves to the agent.
    RouteToAgent = "_cbe_on_route_to_agent", Session,
        ["_service_name", "c_agent_id", "c_agent_extension"];
    /// The session is over.
    ServiceExit = "_cbe_on_service_exit", Session,
        ["_service_name", "c_dialed_number", "c_termination_type"];
    /// A record was created in state SCHEDULED.
    CallbackScheduled = "_cbe_on_callback_scheduled", Server,
        ["_service_name", "_desired_time", "_customer_number", "_v_queue"];
    /// A scheduled record got a new time.
    CallbackRescheduled = "_cbe_on_callback_rescheduled", Server,
        ["_service_name", "_desired_time", "_customer_number", "_v_queue"];
    /// The callback was cancelled.
    CallbackCancelled = "_cbe_on_callback_cancelled", Server,
        ["_service_name", "_desired_time", "_customer_number", "_v_queue"];
    /// Handed over for execution.
    CallbackSubmitted = "_cbe_on_callback_submitted", Server,
        ["_service_name", "_desired_time", "_customer_number", "_v_queue"];
    /// Handed over again.
    CallbackResubmitted = "_cbe_on_callback_resubmitted", Server,
        ["_service_name", "_desired_time", "_customer_number", "_v_queue"];
    /// A submission failed.
    CallbackSubmitFailed = "_cbe_on_callback_submit_failed", Server,
        ["_service_name", "_desired_time", "_customer_number", "_v_queue"];
    /// Processing failed for good.
    CallbackProcessingFailed = "_cbe_on_callback_processing_failed", Server,
        ["_service_name", "_desired_time", "_customer_number", "_v_queue"];
    /// The hand-over succeeded.
    CallbackQueued = "_cbe_on_callback_queued", Server,
        ["_service_name", "_desired_time", "_customer_number", "_v_queue"];
    /// The state was changed by a request.
    CallbackStatusUpdated = "_cbe_on_callback_status_updated", Server,
        ["_service_name", "_desired_time", "_customer_number", "_v_queue"];
    /// The customer will be called soon.
    CallbackReminder = "_cbe_on_callback_reminder", Server,
        ["_service_name", "_desired_time", "_customer_number", "_v_queue"];
    /// A note on the request.
    Note = "rb.note", Native, [];
    /// A client added or replaced attached data.
    DataUpdated = "rb.data_updated", Native, [];
    /// A client changed target or priority.
    RoutingUpdated = "rb.routing_updated", Native, [];
    /// An option is set whose function is not built yet.
    PendingOption = "rb.pending_option", Native, [];
    /// Status notification is switched on, but nothing can be published; says why.
    NothingPublished = "rb.nothing_published", Native, [];
    /// The customer's phone answered; detection starts.
    Answered = "rb.answered", Native, [];
    /// The detector's verdict with its reasons.
    Verdict = "rb.verdict", Native, [];
    /// A message for the machine starts.
    MachineMessage = "rb.machine_message", Native, [];
    /// The answer to an assistant that asks who is calling starts.
    ScreeningAnswered = "rb.screening_answered", Native, [];
    /// The next dial is planned.
    RetryPlanned = "rb.retry_planned", Native, [];
    /// The offered agent did not take the call.
    AgentFailed = "rb.agent_failed", Native, [];
    /// Agent first: the agent is on the line, the customer is dialed next.
    AgentWaits = "rb.agent_waits", Native, [];
    /// Agent first: the agent hung up before the customer was there.
    AgentLeft = "rb.agent_left", Native, [];
    /// Customer and agent are connected.
    AgentConnected = "rb.agent_connected", Native, [];
    /// No agent in time: the customer hears it.
    Apology = "rb.no_agent_in_time", Native, [];
    /// The plugin is asked.
    PluginAsked = "rb.plugin_asked", Native, [];
    /// The plugin has answered.
    PluginAnswered = "rb.plugin_answered", Native, [];
    /// Something is wrong with the plugin; says what.
    PluginProblem = "rb.plugin_problem", Native, [];
    /// A session has put its call into a virtual queue.
    SessionQueued = "rb.session_queued", Native, [];
    /// The call goes to another destination.
    RoutedOut = "rb.route_to_rp", Native, [];
    /// A page calls another destination for the customer.
    TransferStarted = "rb.transfer_started", Native, [];
    /// The destination that a page called has answered.
    TransferConnected = "rb.transfer_connected", Native, [];
    /// The destination that a page called is gone.
    TransferEnded = "rb.transfer_ended", Native, [];
    /// The customer's app is asked whether to call now.
    ConfirmationAsked = "rb.confirmation_asked", Native, [];
    /// The customer has answered, or time was up.
    ConfirmationEnded = "rb.confirmation_ended", Native, [];
    /// A restart of the server interrupted what was going on.
    Interrupted = "rb.interrupted", Native, [];
}

/// One event as a step raised it.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Number in the callback's log, from 1.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// Which.
    pub id: EventId,
    /// State after the event.
    pub state: State,
    /// Details for the log.
    pub data: Map<String, Value>,
    /// To be delivered, when the callback publishes this event.
    pub notification: Option<Notification>,
}

/// A status notification of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// Number among the callback's notifications, from 1.
    pub seq: u64,
    /// The exact body.
    pub body: String,
}

impl Serialize for EventId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for EventId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let found = Self::ALL.iter().copied().find(|id| id.as_str() == name);
        found.ok_or_else(|| D::Error::custom(format!("there is no event {name}")))
    }
}

/// Keys that every body has (notifications §6.1); nothing else may replace them.
pub const BASE_KEYS: &[&str] = &["event_id", "timestamp", "_service_id", "_callback_state"];

/// Attributes that an event can have beside service parameters and attached data
/// (notifications §9.3).
pub const DICTIONARY: &[&str] = &[
    "_service_id",
    "_service_name",
    "_callback_state",
    "_customer_number",
    "_phone_number",
    "_desired_time",
    "_urs_virtual_queue",
    "_v_queue",
    "_vq",
    "_vq_for_outbound_calls",
    "c_dialed_number",
    "c_last_dialed_number",
    "c_call_result",
    "c_call_num_attempt",
    "c_agent_id",
    "c_agent_extension",
    "c_target",
    "c_termination_type",
];

/// Channels that deliveries go through.
pub const CHANNELS: &[&str] = &["httpcb", "customhttp", "orscb"];

/// Whether the callback publishes this event (notifications §2, §4, §8).
#[must_use]
pub fn is_published(callback: &Callback, id: EventId) -> bool {
    let n = &callback.settings.notification;
    let has_receiver = match n.mode {
        NotificationMode::Off => false,
        // Who listens is known to the subscriptions.
        NotificationMode::Notify => true,
        NotificationMode::SubscribeNotify => {
            !n.target.is_empty() && CHANNELS.contains(&n.channel.as_str())
        }
    };
    let is_reminder = id == EventId::CallbackReminder && n.plan.reminder_s.is_some();
    has_receiver
        && match &n.plan.events {
            Events::DefaultSet => id.family() == Family::Session || is_reminder,
            Events::List(wanted) => wanted.iter().any(|w| w.event == id) || is_reminder,
            Events::MissingList => false,
        }
}

/// Value of an attribute at this moment, `None` while it is not known (notifications §9.3).
#[must_use]
pub fn attribute(callback: &Callback, name: &str) -> Option<Value> {
    let s = &callback.settings;
    let text = |v: &str| Some(Value::String(v.to_owned()));
    match name {
        "_service_id" => text(callback.id.as_str()),
        "_service_name" => text(s.service.as_str()),
        "_callback_state" => text(callback.state.as_str()),
        "_customer_number" => text(&callback.customer_number),
        "_desired_time" => Some(Value::String(callback.desired.to_iso())),
        "_urs_virtual_queue" | "_v_queue" | "_vq" => text(&s.virtual_queue),
        "_vq_for_outbound_calls" => text(&s.vq_for_outbound_calls),
        "c_dialed_number" | "c_last_dialed_number" => {
            callback.dialed_number.as_deref().and_then(text)
        }
        "c_call_result" => callback.call_result.map(Value::from),
        "c_call_num_attempt" => Some(Value::from(callback.attempts)),
        "c_agent_id" => callback.found.as_ref().and_then(|f| text(f.agent.as_str())),
        "c_agent_extension" => callback.found.as_ref().and_then(|f| text(&f.dn)),
        "c_target" => callback.found.as_ref().map(c_target),
        "c_termination_type" => callback.termination_type().map(Value::String),
        // The options first: a request cannot replace those that it may not override.
        other => (s.notification.plan.options.get(other))
            .or_else(|| callback.parameters.get(other))
            .or_else(|| callback.user_data.get(other))
            .cloned(),
    }
}

/// The router's object (notifications §9.4); all values are strings.
fn c_target(found: &crate::routing::Found) -> Value {
    let mut map = Map::new();
    for (key, value) in [
        ("agent", found.agent.as_str()),
        ("dn", &found.dn),
        ("id", &found.id),
        ("place", &found.place),
        ("resource", &found.dn),
        ("return", "target"),
        ("stat_value", "0"),
        ("switch", &found.switch),
        ("type", &found.kind),
        ("vq", &found.vq),
    ] {
        map.insert(key.to_owned(), Value::String(value.to_owned()));
    }
    Value::Object(map)
}

/// The attributes of an event that are known at this moment.
#[must_use]
pub fn details(callback: &Callback, id: EventId) -> Map<String, Value> {
    id.attributes()
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), attribute(callback, name)?)))
        .collect()
}

/// The body of notification number `seq`: base keys, then the retrieved values in their order,
/// then custom data (notifications §6.1, §6.3).
#[must_use]
pub fn body(callback: &Callback, id: EventId, at: Timestamp, seq: u64) -> String {
    let plan = &callback.settings.notification.plan;
    let mut map = base(callback, id, at, seq);
    let mut put = |name: &str, value: Value| {
        if !map.contains_key(name) {
            map.insert(name.to_owned(), value);
        }
    };
    let wanted = match &plan.events {
        Events::List(wanted) => wanted.iter().find(|w| w.event == id),
        Events::DefaultSet | Events::MissingList => None,
    };
    match wanted {
        Some(wanted) => {
            for name in &wanted.params {
                if let Some(value) = attribute(callback, name) {
                    put(name, value);
                }
            }
            for (name, value) in &wanted.custom {
                put(name, value.clone());
            }
        }
        None => {
            for name in id.attributes() {
                if let Some(value) = attribute(callback, name) {
                    put(name, value);
                }
            }
        }
    }
    let text = Value::Object(map).to_string();
    if text.len() <= limits::EVENT_BODY_MAX {
        return text;
    }
    truncated(callback, &text)
}

/// The keys that every body has.
fn base(callback: &Callback, id: EventId, at: Timestamp, seq: u64) -> Map<String, Value> {
    let plan = &callback.settings.notification.plan;
    let state = published_state(callback);
    let mut map = Map::new();
    let mut put = |name: &str, value: Value| {
        map.insert(name.to_owned(), value);
    };
    put("event_id", Value::from(id.as_str()));
    put("timestamp", Value::from(at.as_seconds().to_string()));
    put("_service_id", Value::from(callback.id.as_str()));
    put("_callback_state", Value::from(state.as_str()));
    if plan.native_body {
        put("seq", Value::from(seq));
        put("time_ms", Value::from(at.0));
        put("state_after", Value::from(callback.state.as_str()));
    }
    map
}

/// The state that bodies show; frozen, a session stays QUEUED until its exit (notifications §12).
fn published_state(callback: &Callback) -> State {
    match callback.state {
        State::Routing | State::Processing if callback.settings.notification.plan.frozen_state => {
            State::Queued
        }
        state => state,
    }
}

/// Cuts a body that is too large: attached data from the end, then what else is not base.
fn truncated(callback: &Callback, text: &str) -> String {
    let Ok(mut map) = serde_json::from_str::<Map<String, Value>>(text) else {
        return text.to_owned();
    };
    map.insert("_truncated".to_owned(), Value::Bool(true));
    let is_attached = |name: &String| callback.user_data.contains_key(name);
    let is_base = |name: &String| BASE_KEYS.contains(&name.as_str()) || name == "_truncated";
    let (attached, others): (Vec<_>, Vec<_>) = map
        .keys()
        .filter(|name| !is_base(name))
        .cloned()
        .partition(is_attached);
    let mut size = Value::Object(map.clone()).to_string().len();
    for name in attached.iter().rev().chain(others.iter().rev()) {
        if size <= limits::EVENT_BODY_MAX {
            break;
        }
        if let Some(value) = map.shift_remove(name) {
            // `"name":value,`
            let written = Value::from(name.as_str()).to_string().len() + value.to_string().len();
            size = size.saturating_sub(written + 2);
        }
    }
    Value::Object(map).to_string()
}

/// Id of a delivery: constant over retries, so that receivers can drop duplicates.
#[must_use]
pub fn delivery_id(callback: &CallbackId, notification_seq: u64) -> String {
    format!("{callback}.{notification_seq}")
}
