//! The event catalogue and the bodies of status notifications (notifications §6, §9).

use serde_json::{Map, Value};

use crate::record::Callback;
use crate::settings::NotificationMode;
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
    /// The next dial is planned.
    RetryPlanned = "rb.retry_planned", Native, [];
    /// The offered agent did not take the call.
    AgentFailed = "rb.agent_failed", Native, [];
    /// Customer and agent are connected.
    AgentConnected = "rb.agent_connected", Native, [];
    /// No agent in time: the customer hears it.
    Apology = "rb.no_agent_in_time", Native, [];
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
    pub state: crate::record::State,
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

/// Whether the callback publishes this event (notifications §2, §4).
#[must_use]
pub fn is_published(callback: &Callback, id: EventId) -> bool {
    let n = &callback.settings.notification;
    n.mode == NotificationMode::SubscribeNotify
        && n.events_list.is_empty()
        && n.channel == "httpcb"
        && !n.target.is_empty()
        && id.family() == Family::Session
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
        other => callback
            .parameters
            .get(other)
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

/// The body of a notification: base keys, then attributes in their order (notifications §6.1).
#[must_use]
pub fn body(
    callback: &Callback,
    id: EventId,
    at: Timestamp,
    details: &Map<String, Value>,
) -> String {
    let mut map = Map::new();
    map.insert("event_id".into(), Value::String(id.as_str().into()));
    map.insert(
        "timestamp".into(),
        Value::String(at.as_seconds().to_string()),
    );
    map.insert(
        "_service_id".into(),
        Value::String(callback.id.as_str().into()),
    );
    map.insert(
        "_callback_state".into(),
        Value::String(callback.state.as_str().into()),
    );
    for (key, value) in details {
        if !map.contains_key(key) {
            map.insert(key.clone(), value.clone());
        }
    }
    let mut text = Value::Object(map.clone()).to_string();
    while text.len() > limits::EVENT_BODY_MAX {
        // Cut from the end, base keys stay (notifications §6.1, size).
        let last = map.keys().rfind(|key| *key != "_truncated").cloned();
        let Some(last) = last.filter(|_| map.len() > 5) else {
            break;
        };
        map.shift_remove(&last);
        map.insert("_truncated".into(), Value::Bool(true));
        text = Value::Object(map.clone()).to_string();
    }
    text
}

/// Id of a delivery: constant over retries, so that receivers can drop duplicates.
#[must_use]
pub fn delivery_id(callback: &CallbackId, notification_seq: u64) -> String {
    format!("{callback}.{notification_seq}")
}
