//! A callback as columns and a JSON body, without its settings.
//!
//! Two mirrors of [`Callback`], one that borrows and one that owns, keep the write path free of
//! copies. A field that is added to the record does not compile here until it has its place; give
//! it `#[serde(default)]` in [`OwnedBody`], so that records of earlier versions are still read.

use std::collections::BTreeMap;
use std::sync::Arc;

use callback::admission::Counted;
use callback::confirm::Confirmation;
use callback::plugin::PluginRecord;
use callback::record::{Held, Phase, Reason, Screening, State, TimerKind};
use callback::routing::Found;
use callback::settings::Settings;
use callback::{AgentId, Callback, CallbackId, Timestamp};
use serde::de::IntoDeserializer as _;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::failure::Failure;
use super::settings::{Key, SettingsCache};

/// A callback ready to be written.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) id: CallbackId,
    pub(super) state: State,
    pub(super) reason: Option<Reason>,
    pub(super) number: String,
    pub(super) desired: Timestamp,
    pub(super) expires: Timestamp,
    pub(super) created: Timestamp,
    pub(super) next_timer: Option<Timestamp>,
    pub(super) settings: Arc<Settings>,
    pub(super) settings_key: Key,
    pub(super) body: String,
}

impl Record {
    /// Splits a callback.
    pub(super) fn of(callback: &Callback, cache: &SettingsCache) -> Result<Self, Failure> {
        let body = serde_json::to_string(&BorrowedBody::of(callback))
            .map_err(|e| Failure::Damaged(format!("callback {}: {e}", callback.id)))?;
        Ok(Self {
            settings_key: cache.key_of(&callback.settings)?,
            next_timer: callback.next_timer(),
            id: callback.id.clone(),
            state: callback.state,
            reason: callback.reason,
            number: callback.dial_number.clone(),
            desired: callback.desired,
            expires: callback.expires,
            created: callback.created,
            settings: Arc::clone(&callback.settings),
            body,
        })
    }
}

/// The columns of a callback as they are read.
#[derive(Debug)]
pub(super) struct Columns<'a> {
    pub(super) id: &'a str,
    pub(super) state: &'a str,
    pub(super) reason: Option<&'a str>,
    pub(super) number: &'a str,
    pub(super) desired_ms: i64,
    pub(super) expires_ms: i64,
    pub(super) created_ms: i64,
    pub(super) body: &'a str,
}

impl Columns<'_> {
    /// Puts the callback together again.
    pub(super) fn join(self, settings: Arc<Settings>) -> Result<Callback, Failure> {
        let body: OwnedBody =
            serde_json::from_str(self.body).map_err(|e| Failure::Damaged(format!("body: {e}")))?;
        Ok(Callback {
            id: CallbackId::new(self.id),
            customer_number: body.customer_number,
            dial_number: String::from(self.number),
            user_data: body.user_data,
            parameters: body.parameters,
            gms_user: body.gms_user,
            settings,
            created: Timestamp(self.created_ms),
            desired: Timestamp(self.desired_ms),
            scheduled: body.scheduled,
            started: body.started,
            expires: Timestamp(self.expires_ms),
            state: by_name(self.state)?,
            reason: self.reason.map(by_name).transpose()?,
            detail: body.detail,
            phase: body.phase,
            session_started: body.session_started,
            seq: body.seq,
            notification_seq: body.notification_seq,
            attempts: body.attempts,
            interrupted: body.interrupted,
            contacts: body.contacts,
            agent_legs: body.agent_legs,
            transfer_failures: body.transfer_failures,
            dialed_number: body.dialed_number,
            call_result: body.call_result,
            found: body.found,
            waiting_agent: body.waiting_agent,
            play_token: body.play_token,
            timers: body.timers,
            counted: body.counted,
            plugin: body.plugin,
            held: body.held,
            confirmation: body.confirmation,
            screening: body.screening,
        })
    }
}

/// Reads an enum by the name it has on the wire.
pub(super) fn by_name<'a, T: Deserialize<'a>>(name: &'a str) -> Result<T, Failure> {
    let named: Result<T, serde::de::value::Error> = T::deserialize(name.into_deserializer());
    named.map_err(|e| Failure::Damaged(e.to_string()))
}

#[derive(Serialize)]
struct BorrowedBody<'a> {
    customer_number: &'a str,
    user_data: &'a Map<String, Value>,
    parameters: &'a Map<String, Value>,
    gms_user: Option<&'a str>,
    scheduled: bool,
    started: Timestamp,
    detail: Option<&'a str>,
    phase: &'a Phase,
    session_started: bool,
    seq: u64,
    notification_seq: u64,
    attempts: u32,
    interrupted: u32,
    contacts: u32,
    agent_legs: u32,
    transfer_failures: u32,
    dialed_number: Option<&'a str>,
    call_result: Option<u8>,
    found: Option<&'a Found>,
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting_agent: Option<&'a AgentId>,
    play_token: u64,
    timers: &'a BTreeMap<TimerKind, Timestamp>,
    counted: &'a Counted,
    plugin: &'a PluginRecord,
    #[serde(skip_serializing_if = "Option::is_none")]
    held: Option<&'a Held>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confirmation: Option<&'a Confirmation>,
    #[serde(skip_serializing_if = "Screening::is_none")]
    screening: Screening,
}

#[derive(Deserialize)]
struct OwnedBody {
    customer_number: String,
    user_data: Map<String, Value>,
    parameters: Map<String, Value>,
    gms_user: Option<String>,
    scheduled: bool,
    started: Timestamp,
    detail: Option<String>,
    phase: Phase,
    session_started: bool,
    seq: u64,
    notification_seq: u64,
    attempts: u32,
    interrupted: u32,
    contacts: u32,
    agent_legs: u32,
    transfer_failures: u32,
    dialed_number: Option<String>,
    call_result: Option<u8>,
    found: Option<Found>,
    #[serde(default)]
    waiting_agent: Option<AgentId>,
    play_token: u64,
    timers: BTreeMap<TimerKind, Timestamp>,
    #[serde(default)]
    counted: Counted,
    #[serde(default)]
    plugin: PluginRecord,
    #[serde(default)]
    held: Option<Box<Held>>,
    #[serde(default)]
    confirmation: Option<Box<Confirmation>>,
    #[serde(default)]
    screening: Screening,
}

impl<'a> BorrowedBody<'a> {
    fn of(callback: &'a Callback) -> Self {
        // Every field is named, so that a new one cannot be forgotten.
        let Callback {
            id: _,
            customer_number,
            dial_number: _,
            user_data,
            parameters,
            gms_user,
            settings: _,
            created: _,
            desired: _,
            scheduled,
            started,
            expires: _,
            state: _,
            reason: _,
            detail,
            phase,
            session_started,
            seq,
            notification_seq,
            attempts,
            interrupted,
            contacts,
            agent_legs,
            transfer_failures,
            dialed_number,
            call_result,
            found,
            waiting_agent,
            play_token,
            timers,
            counted,
            plugin,
            held,
            confirmation,
            screening,
        } = callback;
        Self {
            customer_number,
            user_data,
            parameters,
            gms_user: gms_user.as_deref(),
            scheduled: *scheduled,
            started: *started,
            detail: detail.as_deref(),
            phase,
            session_started: *session_started,
            seq: *seq,
            notification_seq: *notification_seq,
            attempts: *attempts,
            interrupted: *interrupted,
            contacts: *contacts,
            agent_legs: *agent_legs,
            transfer_failures: *transfer_failures,
            dialed_number: dialed_number.as_deref(),
            call_result: *call_result,
            found: found.as_ref(),
            waiting_agent: waiting_agent.as_ref(),
            play_token: *play_token,
            timers,
            counted,
            plugin,
            held: held.as_deref(),
            confirmation: confirmation.as_deref(),
            screening: *screening,
        }
    }
}
