//! What one callback goes by: the options of its service, read, checked and frozen at creation.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::ServiceName;
use crate::plugin::PluginSettings;
use crate::routing::Target;
use crate::time::Span;
use crate::transaction_list::Wanted;
use crate::treatment::Treatment;

/// The resolved settings of one callback. Durations carry their unit in the name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// The service.
    pub service: ServiceName,
    /// `_wait_for_agent`: contact the customer only when an agent is free.
    pub wait_for_agent: bool,
    /// `_ttl`: the record ends this long after the desired time, s.
    pub ttl_s: i64,
    /// `_urs_queued_ttl`, s.
    pub queued_ttl_s: i64,
    /// `_urs_virtual_queue`.
    pub virtual_queue: String,
    /// `_vq_for_outbound_calls`, else the virtual queue.
    pub vq_for_outbound_calls: String,
    /// `_target`, parsed.
    pub target: Target,
    /// `_urs_vq_priority`.
    pub priority: i64,
    /// `_urs_vq_priority_increment`.
    pub priority_increment: i64,
    /// `_urs_vq_priority_increment_interval`, s; 0 = no ageing.
    pub priority_increment_interval_s: i64,
    /// `_max_time_to_wait_for_agent_on_the_call`, s; 0 = no limit.
    pub max_wait_on_call_s: i64,
    /// `_agent_reserve_timeout`, s: how long an agent's phone rings.
    pub agent_reserve_timeout_s: i64,
    /// `rb.transfer_attempts`.
    pub transfer_attempts: u32,
    /// `_ixn_createcall_timeout`, s: how long the customer's phone rings.
    pub ring_timeout_s: i64,
    /// `_max_dial_attempts`, ≥ 1.
    pub max_dial_attempts: u32,
    /// `_dial_retry_timeout`, s.
    pub dial_retry_timeout_s: i64,
    /// `_max_successful_customer_contacts`, ≥ 1.
    pub max_customer_contacts: u32,
    /// `_request_execution_time_buffer`, s.
    pub execution_buffer_s: i64,
    /// `_desired_connect_time_threshold`, s.
    pub connect_threshold_s: i64,
    /// `_reject_future_desired_time`; `None` = times of any distance.
    #[serde(default)]
    pub horizon: Option<Span>,
    /// `_fetch_retry_attempt`.
    pub submit_retries: u32,
    /// `_fetch_retry_delay`, s.
    pub submit_retry_delay_s: i64,
    /// `_prefix_dial_out`.
    pub prefix_dial_out: String,
    /// `_calling_party_number`.
    pub calling_party_number: String,
    /// `_calling_party_display_name`.
    pub calling_party_display_name: String,
    /// `_route_point`: name of the trunk; empty = all in their order.
    pub route_point: String,
    /// `_default_country`, else `[dialplan] default_country`.
    pub default_country: String,
    /// `_disallow_premium_phone_numbers`.
    pub disallow_premium: bool,
    /// Call progress detection.
    pub detection: DetectionSettings,
    /// What is played when.
    pub treatments: Treatments,
    /// Status notifications.
    pub notification: NotificationSettings,
    /// `_attach_udata`.
    pub attach_udata: AttachUserData,
    /// `_ixn_redirect_hints` `extensions.CPNDigits`, if set.
    pub cpn_digits: Option<String>,
    /// How and when the customer is contacted.
    #[serde(default)]
    pub contact: ContactSettings,
    /// The on-dial plugin, when one is set.
    #[serde(default)]
    pub plugin: Option<PluginSettings>,
    /// The document that runs the callback instead of the built-in flow.
    #[serde(default)]
    pub strategy: Option<StrategySettings>,
    /// Options that are set but whose function is not built yet, with what happens instead; told
    /// in the history of every callback.
    pub pending: BTreeMap<String, String>,
}

impl Settings {
    /// Id under which the service stands in the pause list.
    #[must_use]
    pub fn pause_id(&self) -> &str {
        match self.contact.pause_id.as_str() {
            "" => self.service.as_str(),
            id => id,
        }
    }
}

/// When the customer is contacted at the latest and at the earliest, and what the call carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ContactSettings {
    /// `_max_queue_wait`, s: contacted anyway after this wait; 0 = off.
    pub max_queue_wait_s: i64,
    /// `_cannot_dial_buffer_time`, s: no dial so shortly before the queue's end; 0 = off.
    pub cannot_dial_buffer_s: i64,
    /// `_urs_call_interaction_age`, s: age that the interaction starts with.
    pub interaction_age_s: i64,
    /// `rb.min_delay`, s: earliest contact after the creation.
    pub min_delay_s: i64,
    /// `enable-restore-vq-position`: a resubmitted callback keeps its age.
    pub restore_position: bool,
    /// `_ixn_createcall_hints`: header lines of the call to the customer.
    pub call_headers: Vec<(String, String)>,
    /// `_paused_services_id`; empty = the name of the service.
    pub pause_id: String,
    /// `_wait_for_user_confirm`: how the customer is asked first.
    pub confirm: Option<ConfirmSettings>,
    /// `_userterminated_first_connect_party = AGENT`.
    pub agent_first: bool,
}

/// How the customer is asked before the first dial (callback-api §9.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfirmSettings {
    /// `_user_confirm_timeout`, s.
    pub timeout_s: i64,
    /// `_max_number_of_user_availability_confirmation_attempts`, ≥ 1.
    pub asks_max: u32,
    /// `_on_user_confirm_timeout = CONNECT-ANYWAY`.
    pub connect_anyway: bool,
    /// `rb.later_delay`, s.
    pub later_s: i64,
    /// `_provider_name`: provider of the push when the request names none.
    pub provider: String,
    /// `rb.push_attempts`, ≥ 1.
    pub push_attempts: u32,
    /// `rb.message_file`: file below the folder of treatments; empty = the built-in texts.
    #[serde(default)]
    pub message_file: String,
}

impl Default for ContactSettings {
    fn default() -> Self {
        Self {
            max_queue_wait_s: 0,
            cannot_dial_buffer_s: 0,
            interaction_age_s: 0,
            min_delay_s: 0,
            restore_position: true,
            call_headers: Vec::new(),
            pause_id: String::new(),
            confirm: None,
            agent_first: false,
        }
    }
}

/// Settings of the detector for one callback.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DetectionSettings {
    /// `_cpd_enable`.
    pub enabled: bool,
    /// `rb.cpd_profile`.
    pub profile: CpdProfile,
    /// `rb.cpd_silence_ms`.
    pub silence_ms: u32,
    /// The smaller of `rb.cpd_hard_stop_ms` and `_call_timeguard_timeout`.
    pub hard_stop_ms: u32,
    /// `rb.cpd_early`.
    pub early: bool,
    /// `telephony.am_detected = connect`.
    pub keep_machine: bool,
    /// `telephony.silence_detected = connect`.
    pub keep_silence: bool,
    /// `telephony.sit_detail`.
    pub sit_detail: bool,
    /// `telephony.fax_detected = connect`.
    #[serde(default)]
    pub keep_fax: bool,
}

/// Detector profile (telephony §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CpdProfile {
    /// A lost human costs most.
    Human,
    /// Even weights.
    Balanced,
    /// Voicemail drops.
    Machine,
}

/// The treatments of a callback.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Treatments {
    /// `_treatment_customer_connect`.
    pub greeting: Treatment,
    /// `_treatment_waiting_for_agent`.
    pub waiting: Treatment,
    /// `_treatment_find_agent_fail`.
    pub find_agent_fail: Treatment,
    /// `_treatment_call_failure_answering_machine`.
    pub machine: Treatment,
    /// `_treatment_call_screening`.
    #[serde(default = "off")]
    pub screening: Treatment,
    /// `rb.machine_message_final`.
    pub machine_message_final: bool,
}

/// Records of earlier versions have no such treatment.
const fn off() -> Treatment {
    Treatment::Off
}

/// `_attach_udata`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttachUserData {
    /// One key per datum.
    SeparateKeys,
    /// One JSON text under `GMS_UserData`.
    SingleJson,
    /// Only the callback's id under `GMS_UserData`.
    GmsStorageId,
}

/// `_enable_status_notification`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotificationMode {
    /// Nothing is published.
    Off,
    /// The callback subscribes for the application and publishes.
    SubscribeNotify,
    /// Publishes only; the application subscribed beforehand.
    Notify,
}

/// A document of the operator's that runs a callback.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StrategySettings {
    /// `_service`: where the document is.
    pub url: String,
    /// The options of the service, as the request leaves them, without credentials.
    pub options: BTreeMap<String, String>,
}

/// The frozen parameters of notifications §3.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotificationSettings {
    /// Mode.
    pub mode: NotificationMode,
    /// `_status_notification_type`: `httpcb`, `orscb`, `customhttp` or empty.
    pub channel: String,
    /// `_status_notification_target`.
    pub target: String,
    /// The target came with the request: the address guard applies (notifications §7.6).
    pub target_from_request: bool,
    /// `_status_notification_provider`.
    pub provider: String,
    /// `_status_notification_debug`.
    pub debug: bool,
    /// `_status_notification_language`.
    pub language: String,
    /// `_callback_events_list`; empty = the default set.
    pub events_list: String,
    /// What is published and in which form.
    #[serde(default)]
    pub plan: EventPlan,
}

/// Which events a callback publishes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Events {
    /// The session events with their own attributes.
    #[default]
    DefaultSet,
    /// Exactly those of a Transaction List.
    List(Vec<Wanted>),
    /// None: the Transaction List does not exist.
    MissingList,
}

/// What a callback publishes and in which form; frozen at creation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EventPlan {
    /// Which events.
    pub events: Events,
    /// Service options that the list asks for, with their values.
    pub options: Map<String, Value>,
    /// `notifications.body = native`.
    pub native_body: bool,
    /// `notifications.state_compat = frozen`.
    pub frozen_state: bool,
    /// `_notification_reminder_buffer`, s; `None` = no reminder.
    pub reminder_s: Option<i64>,
    /// `rb.notify_schedule`: pauses before the attempts, s; empty = the built-in one.
    pub schedule_s: Vec<u32>,
    /// The orchestration node that holds the session of an `orscb` target; empty = none.
    pub node: String,
    /// The request had a part in the node: the address guard applies.
    pub node_from_request: bool,
    /// `http.ssl_trust_all`: receivers may have any certificate.
    pub trust_all: bool,
}
