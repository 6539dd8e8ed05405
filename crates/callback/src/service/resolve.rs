//! From a service and a request to the frozen [`Settings`] of one callback.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::overrides::{Values, bad};
use super::{Service, notification, parameter_text};
use crate::admission::{self, Window};
use crate::ini;
use crate::number::Rules;
use crate::options::{self, Kind, parse_bool};
use crate::plugin::{PluginKind, PluginSettings};
use crate::routing::Target;
use crate::settings::{
    AttachUserData, ConfirmSettings, ContactSettings, CpdProfile, DetectionSettings,
    NotificationSettings, Settings, StrategySettings, Treatments,
};
use crate::time::Span;
use crate::transaction_list::Lookup;
use crate::treatment::{FIND_AGENT_FAIL_DEFAULT, MACHINE_DEFAULT, Treatment, WAITING_DEFAULT};
use crate::{Error, ErrorCode};

/// What a create request brings, split by [`super::split_body`].
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Keys with a leading `_`.
    pub parameters: &'a Map<String, Value>,
    /// Keys without.
    pub user_data: &'a Map<String, Value>,
}

/// Settings of the server that take part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerDefaults {
    /// `[dialplan] default_country`.
    pub default_country: String,
    /// `notifications.allow_request_target`.
    pub allow_request_target: bool,
    /// `notifications.body = native`.
    pub native_body: bool,
    /// `notifications.state_compat = frozen`.
    pub frozen_state: bool,
    /// `[callback]` of the configuration: options that services may leave out (options §11).
    pub application: Arc<BTreeMap<String, String>>,
    /// `[telephony]` settings of the detector.
    pub detection: DetectionDefaults,
    /// `[plugin]` and `[route_to_rp]`.
    pub plugin: PluginDefaults,
}

/// How the server treats plugins (play-treatments §4, §5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginDefaults {
    /// `plugin.exit_is_cancel`.
    pub exit_is_cancel: bool,
    /// `plugin.compat_reason`.
    pub compat_reason: bool,
    /// `route_to_rp.age = epoch`.
    pub age_is_epoch: bool,
    /// `route_to_rp.header_prefix`.
    pub header_prefix: String,
    /// `route_to_rp.method = refer`.
    pub refer: bool,
}

impl Default for PluginDefaults {
    fn default() -> Self {
        Self {
            exit_is_cancel: false,
            compat_reason: false,
            age_is_epoch: false,
            header_prefix: String::from("X-Genesys-"),
            refer: false,
        }
    }
}

/// What happens to the call after a verdict of the detector (telephony §5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DetectionDefaults {
    /// `telephony.am_detected = connect`.
    pub am_detected_connect: bool,
    /// `telephony.silence_detected = connect`.
    pub silence_detected_connect: bool,
    /// `telephony.sit_detail`.
    pub sit_detail: bool,
    /// `telephony.fax_detected = connect`.
    pub fax_detected_connect: bool,
}

impl Default for ServerDefaults {
    /// The defaults of options §18.
    fn default() -> Self {
        let detection = DetectionDefaults {
            am_detected_connect: true,
            silence_detected_connect: true,
            sit_detail: false,
            fax_detected_connect: false,
        };
        Self {
            default_country: String::from("US"),
            allow_request_target: true,
            native_body: false,
            frozen_state: false,
            application: Arc::default(),
            detection,
            plugin: PluginDefaults::default(),
        }
    }
}

/// Resolves the options of one request: tokens, overrides, validation. The texts are warnings
/// for the history of the callback.
///
/// # Errors
///
/// `NOT_FOUND` for a service that runs no callbacks, `NOT_AVAILABLE` for functions that are not
/// built yet and cannot be left out, `ADDRESS_NOT_ALLOWED` for addresses that a request may not
/// bring, `BAD_PARAMETER` for values that cannot be used.
pub fn resolve(
    service: &Service,
    request: &Request<'_>,
    server: &ServerDefaults,
    lists: Lookup<'_>,
) -> Result<(Settings, Vec<String>), Error> {
    let mut values = Values::read(service, request, server)?;
    check_kind_of_service(service)?;
    check_available(service, &values, request)?;
    let notification = notification::resolve(&mut values, server, lists)?;
    let settings = settings(service, &values, server, notification)?;
    let settings = Settings {
        pending: pending(&values, request, settings.contact.confirm.is_some()),
        ..settings
    };
    if settings.contact.confirm.is_none() && flag(&values, "_wait_for_user_confirm")? {
        let warning = "_wait_for_user_confirm needs _wait_for_agent = true: the customer is called \
                       without asking";
        values.warnings.push(warning.to_owned());
    }
    tell_hints(&settings.treatments, &mut values.warnings);
    Ok((settings, values.warnings))
}

/// The number rules of one request, for [`crate::number::check_request`].
///
/// # Errors
///
/// `BAD_PARAMETER` for values that cannot be used.
pub fn number_rules(
    service: &Service,
    request: &Request<'_>,
    server: &ServerDefaults,
) -> Result<Rules, Error> {
    let values = Values::read(service, request, server)?;
    Ok(Rules {
        country: country(&values, server)?,
        disallow_impossible: flag(&values, "_disallow_impossible_phone_numbers")?,
        disallow_premium: flag(&values, "_disallow_premium_phone_numbers")?,
    })
}

/// The throttles and queue rules of one request, for [`admission::Ledger::check`].
///
/// # Errors
///
/// `BAD_PARAMETER` for values that cannot be used.
pub fn admission_rules(
    service: &Service,
    request: &Request<'_>,
    server: &ServerDefaults,
) -> Result<admission::Rules, Error> {
    let values = Values::read(service, request, server)?;
    let window = |max: &str, seconds: &str| {
        Ok::<_, Error>(Window {
            max: count(&values, max)?,
            seconds: number(&values, seconds)?,
        })
    };
    let checking = word(&values, "_enable_in_queue_checking")?;
    Ok(admission::Rules {
        windows: [
            window("_throttle_callbacks_per_service_1", "_throttle_ttl_1")?,
            window("_throttle_callbacks_per_service_2", "_throttle_ttl_2")?,
        ],
        names: ini::list(values.get("_throttle_request_parameters"))
            .map(str::to_owned)
            .collect(),
        per_value_max: count(&values, "_throttle_request_parameters_limit")?,
        headers: flag(&values, "_enable_throttle_header_parameters")?,
        per_number_max: match (checking.as_str(), parse_bool(&checking)) {
            ("strict", _) => 1,
            (_, Some(true)) => 2,
            _ => 0,
        },
        queued_max: count(&values, "max_queued_callbacks_per_service")?,
    })
}

fn settings(
    service: &Service,
    values: &Values,
    server: &ServerDefaults,
    notification: NotificationSettings,
) -> Result<Settings, Error> {
    let text = |name: &str| values.get(name).to_owned();
    let or = |name: &str, other: &str| match values.get(name) {
        "" => other.to_owned(),
        value => value.to_owned(),
    };
    let virtual_queue = text("_urs_virtual_queue");
    Ok(Settings {
        service: service.name.clone(),
        wait_for_agent: flag(values, "_wait_for_agent")?,
        ttl_s: number(values, "_ttl")?,
        queued_ttl_s: number(values, "_urs_queued_ttl")?,
        vq_for_outbound_calls: or("_vq_for_outbound_calls", &virtual_queue),
        virtual_queue,
        target: target(values)?,
        priority: number(values, "_urs_vq_priority")?,
        priority_increment: number(values, "_urs_vq_priority_increment")?,
        priority_increment_interval_s: number(values, "_urs_vq_priority_increment_interval")?,
        max_wait_on_call_s: number(values, "_max_time_to_wait_for_agent_on_the_call")?,
        agent_reserve_timeout_s: number(values, "_agent_reserve_timeout")?,
        transfer_attempts: count(values, "rb.transfer_attempts")?,
        ring_timeout_s: number(values, "_ixn_createcall_timeout")?,
        max_dial_attempts: count(values, "_max_dial_attempts")?,
        dial_retry_timeout_s: number(values, "_dial_retry_timeout")?,
        max_customer_contacts: count(values, "_max_successful_customer_contacts")?,
        execution_buffer_s: number(values, "_request_execution_time_buffer")?,
        connect_threshold_s: number(values, "_desired_connect_time_threshold")?,
        horizon: Span::parse(checked(values, "_reject_future_desired_time")?),
        submit_retries: count(values, "_fetch_retry_attempt")?,
        submit_retry_delay_s: number(values, "_fetch_retry_delay")?,
        prefix_dial_out: checked(values, "_prefix_dial_out")?.to_owned(),
        calling_party_number: text("_calling_party_number"),
        calling_party_display_name: text("_calling_party_display_name"),
        route_point: text("_route_point"),
        default_country: country(values, server)?,
        disallow_premium: flag(values, "_disallow_premium_phone_numbers")?,
        detection: detection(values, server.detection)?,
        treatments: Treatments {
            greeting: treatment(values, "_treatment_customer_connect", None)?,
            waiting: treatment(
                values,
                "_treatment_waiting_for_agent",
                Some(WAITING_DEFAULT),
            )?,
            find_agent_fail: treatment(
                values,
                "_treatment_find_agent_fail",
                Some(FIND_AGENT_FAIL_DEFAULT),
            )?,
            machine: treatment(
                values,
                "_treatment_call_failure_answering_machine",
                Some(MACHINE_DEFAULT),
            )?,
            screening: treatment(values, "_treatment_call_screening", None)?,
            machine_message_final: flag(values, "rb.machine_message_final")?,
        },
        notification,
        attach_udata: match word(values, "_attach_udata")?.as_str() {
            "separate_keys" => AttachUserData::SeparateKeys,
            "gms_storage_id" => AttachUserData::GmsStorageId,
            _ => AttachUserData::SingleJson,
        },
        cpn_digits: redirect_hints(values)?.0,
        contact: contact(values)?,
        plugin: plugin(values, &server.plugin)?,
        strategy: strategy(service, values)?,
        pending: BTreeMap::new(),
    })
}

fn check_kind_of_service(service: &Service) -> Result<(), Error> {
    if service.is_callback() {
        return Ok(());
    }
    let name = &service.name;
    if service
        .get("_type")
        .is_some_and(|t| t.eq_ignore_ascii_case("builtin"))
    {
        let message = format!("The service {name} is builtin; it takes no callbacks");
        return Err(Error::new(ErrorCode::NotFound, message));
    }
    let message = format!(
        "The service {name} takes no callbacks: set _service = callback, or _service to the address \
         of a document and _service_type = callback"
    );
    Err(Error::new(ErrorCode::NotAvailable, message).field("_service"))
}

/// Refuses what cannot be left out without doing something else than asked for.
fn check_available(service: &Service, values: &Values, request: &Request<'_>) -> Result<(), Error> {
    let refuse = |name: &str, message: String| {
        Err(Error::new(ErrorCode::NotAvailable, message).field(name.to_owned()))
    };
    // A document makes the calls it wants.
    if !service.is_strategy() && word(values, "_call_direction")? != "userterminated" {
        let message = "_call_direction=USERORIGINATED is not available yet; set \
                       _call_direction=USERTERMINATED";
        return refuse("_call_direction", message.to_owned());
    }
    if word(values, "_media_type")? != "voice" {
        let message = "_media_type=chat is not available: Ringback runs voice only";
        return refuse("_media_type", message.to_owned());
    }
    match parameter_text(request.parameters, "_callback_state").as_deref() {
        None | Some("PAUSED") => Ok(()),
        Some(_) => Err(bad(
            "_callback_state",
            "only PAUSED is a state to start with",
        )),
    }
}

/// `asks`: the device of the request is asked before the call.
fn pending(values: &Values, request: &Request<'_>, asks: bool) -> BTreeMap<String, String> {
    let mut pending = values.pending();
    let device = [
        "_device_notification_id",
        "_device_os",
        "push_notification_deviceid",
    ];
    for name in device.iter().filter(|_| !asks).copied() {
        let given = parameter_text(request.parameters, name)
            .or_else(|| parameter_text(request.user_data, name));
        if given.is_some() {
            let instead = "no push is sent to the customer's device";
            pending.insert(name.to_owned(), instead.to_owned());
        }
    }
    if let Ok((_, true)) = call_hints(values) {
        let instead = "only header lines whose names begin with X- are sent";
        pending.insert(String::from("_ixn_createcall_hints"), instead.to_owned());
    }
    if let Ok((_, true)) = redirect_hints(values) {
        let instead = "only extensions.CPNDigits is used, other hints are not sent";
        pending.insert(String::from("_ixn_redirect_hints"), instead.to_owned());
    }
    pending
}

/// The service's own country goes before the server's, that before the catalogue's default.
fn country(values: &Values, server: &ServerDefaults) -> Result<String, Error> {
    match values.set("_default_country") {
        None => Ok(server.default_country.clone()),
        Some(_) => checked(values, "_default_country").map(str::to_ascii_uppercase),
    }
}

fn target(values: &Values) -> Result<Target, Error> {
    match values.get("_target") {
        // The submission fails for a target that is not there (options §4).
        "" => Ok(Target::default()),
        text => Target::parse(text).map_err(|message| bad("_target", &message)),
    }
}

fn contact(values: &Values) -> Result<ContactSettings, Error> {
    Ok(ContactSettings {
        max_queue_wait_s: number(values, "_max_queue_wait")?,
        cannot_dial_buffer_s: number(values, "_cannot_dial_buffer_time")?,
        interaction_age_s: number(values, "_urs_call_interaction_age")?,
        min_delay_s: number(values, "rb.min_delay")?,
        restore_position: flag(values, "enable-restore-vq-position")?,
        call_headers: call_hints(values)?.0,
        pause_id: values.get("_paused_services_id").to_owned(),
        confirm: confirm(values)?,
        agent_first: word(values, "_userterminated_first_connect_party")? == "agent",
    })
}

/// How the customer is asked first; asking needs a call that waits for an agent.
fn confirm(values: &Values) -> Result<Option<ConfirmSettings>, Error> {
    if !flag(values, "_wait_for_user_confirm")? || !flag(values, "_wait_for_agent")? {
        return Ok(None);
    }
    let asks_max = count(
        values,
        "_max_number_of_user_availability_confirmation_attempts",
    )?;
    Ok(Some(ConfirmSettings {
        timeout_s: number(values, "_user_confirm_timeout")?,
        asks_max: asks_max.max(1),
        connect_anyway: word(values, "_on_user_confirm_timeout")? == "connect-anyway",
        later_s: number(values, "rb.later_delay")?,
        provider: values.get("_provider_name").to_owned(),
        push_attempts: count(values, "rb.push_attempts")?.max(1),
        message_file: values.get("rb.message_file").to_owned(),
    }))
}

/// Header lines of the call to the customer, and whether there are other hints.
fn call_hints(values: &Values) -> Result<(Vec<(String, String)>, bool), Error> {
    let name = "_ixn_createcall_hints";
    let text = values.get(name);
    if text.is_empty() {
        return Ok((Vec::new(), false));
    }
    let hints: Map<String, Value> =
        serde_json::from_str(text).map_err(|e| bad(name, &format!("not a JSON object ({e})")))?;
    let (mut headers, mut others) = (Vec::new(), false);
    let inner = hints.get("extensions").and_then(Value::as_object);
    let outer = hints.iter().filter(|(key, _)| *key != "extensions");
    for (key, value) in outer.chain(inner.into_iter().flatten()) {
        match parameter_text(&Map::from_iter([(key.clone(), value.clone())]), key) {
            Some(value) if is_own_header(key, &value) => headers.push((key.clone(), value)),
            _ => others = true,
        }
    }
    Ok((headers, others))
}

/// Only headers of one's own may be set: the others belong to the SIP stack.
fn is_own_header(name: &str, value: &str) -> bool {
    let token = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let own = name.get(..2).is_some_and(|x| x.eq_ignore_ascii_case("x-"));
    own && name.len() <= 64
        && name.chars().all(token)
        && value.len() <= 1024
        && value.chars().all(|c| c == ' ' || c.is_ascii_graphic())
}

fn detection(values: &Values, server: DetectionDefaults) -> Result<DetectionSettings, Error> {
    let guard_ms = count(values, "_call_timeguard_timeout")?;
    Ok(DetectionSettings {
        enabled: flag(values, "_cpd_enable")?,
        profile: match word(values, "rb.cpd_profile")?.as_str() {
            "balanced" => CpdProfile::Balanced,
            "machine" => CpdProfile::Machine,
            _ => CpdProfile::Human,
        },
        silence_ms: count(values, "rb.cpd_silence_ms")?,
        hard_stop_ms: count(values, "rb.cpd_hard_stop_ms")?.min(guard_ms),
        early: flag(values, "rb.cpd_early")?,
        keep_machine: server.am_detected_connect,
        keep_silence: server.silence_detected_connect,
        sit_detail: server.sit_detail,
        keep_fax: server.fax_detected_connect,
    })
}

const PLUGIN_URL: &str = "_plugin_on_dial_url";

const VOICEXML_URL: &str = "_on_customer_connect_treatment_url";

/// The plugin, else the `VoiceXML` application, which is for human answers only; `None` without
/// either URL.
fn plugin(values: &Values, server: &PluginDefaults) -> Result<Option<PluginSettings>, Error> {
    let (name, url, kind) = match checked(values, PLUGIN_URL)? {
        "" => {
            let url = checked(values, VOICEXML_URL)?;
            (VOICEXML_URL, url, PluginKind::VoiceXml)
        }
        url => (PLUGIN_URL, url, plugin_kind(values)?),
    };
    if url.is_empty() {
        return Ok(None);
    }
    if values.is_host_from_request(name, url) {
        // The server would ask an address of the caller's choice (notifications §7.6).
        let message = format!("{name}: a request may not choose the host of a plugin");
        return Err(Error::new(ErrorCode::AddressNotAllowed, message).field(name));
    }
    let is_page = kind == PluginKind::VoiceXml;
    let dialect = match word(values, "rb.scxml_dialect")?.as_str() {
        "auto" => String::new(),
        dialect => dialect.to_owned(),
    };
    Ok(Some(PluginSettings {
        url: url.to_owned(),
        kind,
        dialect,
        on_failure: !is_page && flag(values, "_plugin_on_dial_invoke_on_call_failed")?,
        associate: flag(values, "_plugin_on_dial_associate_ixn")?,
        timeout_s: number(values, "_plugin_on_dial_timeout")?,
        exit_is_cancel: server.exit_is_cancel,
        compat_reason: server.compat_reason,
        age_is_epoch: server.age_is_epoch,
        header_prefix: server.header_prefix.clone(),
        refer: server.refer,
    }))
}

/// The document that runs the service's callbacks.
fn strategy(service: &Service, values: &Values) -> Result<Option<StrategySettings>, Error> {
    if !service.is_strategy() {
        return Ok(None);
    }
    let url = values.get("_service").to_owned();
    if values.is_host_from_request("_service", &url) {
        let message = "_service: a request may not choose the host of a document";
        return Err(Error::new(ErrorCode::AddressNotAllowed, message).field("_service"));
    }
    let options = values.open();
    Ok(Some(StrategySettings { url, options }))
}

fn plugin_kind(values: &Values) -> Result<PluginKind, Error> {
    Ok(match word(values, "rb.plugin_type")?.as_str() {
        "http" => PluginKind::Http,
        _ => PluginKind::Scxml,
    })
}

fn treatment(values: &Values, name: &str, default: Option<&str>) -> Result<Treatment, Error> {
    let treatment =
        Treatment::parse(values.get(name), default).map_err(|message| bad(name, &message))?;
    if let Treatment::Play { source, .. } = &treatment
        && values.is_host_from_request(name, source)
    {
        // The server would fetch an address of the caller's choice (notifications §7.6).
        let message = format!("{name}: a request may not choose the host of a treatment");
        return Err(Error::new(ErrorCode::AddressNotAllowed, message).field(name));
    }
    Ok(treatment)
}

/// Hints that the media layer does not know are ignored, and that is told (play-treatments §1.2).
fn tell_hints(treatments: &Treatments, warnings: &mut Vec<String>) {
    let all = [
        ("_treatment_customer_connect", &treatments.greeting),
        ("_treatment_waiting_for_agent", &treatments.waiting),
        ("_treatment_find_agent_fail", &treatments.find_agent_fail),
        (
            "_treatment_call_failure_answering_machine",
            &treatments.machine,
        ),
        ("_treatment_call_screening", &treatments.screening),
    ];
    for (name, treatment) in all {
        for hint in treatment.unknown_hints() {
            let shown: String = hint.chars().take(64).collect();
            warnings.push(format!("{name}: the hint {shown} is not known and ignored"));
        }
    }
}

/// Caller number for the agent's leg, and whether there are other hints.
fn redirect_hints(values: &Values) -> Result<(Option<String>, bool), Error> {
    let name = "_ixn_redirect_hints";
    let text = values.get(name);
    if text.is_empty() {
        return Ok((None, false));
    }
    let hints: Map<String, Value> =
        serde_json::from_str(text).map_err(|e| bad(name, &format!("not a JSON object ({e})")))?;
    let none = Map::new();
    let extensions = hints
        .get("extensions")
        .and_then(Value::as_object)
        .unwrap_or(&none);
    let digits = parameter_text(extensions, "CPNDigits");
    if digits
        .as_deref()
        .is_some_and(|d| Kind::Digits.check(d).is_err())
    {
        return Err(bad(name, "extensions.CPNDigits has digits, * and # only"));
    }
    let others = hints.keys().any(|key| key != "extensions")
        || extensions.keys().any(|key| key != "CPNDigits");
    Ok((digits, others))
}

/// The value after the check of its kind.
fn checked<'a>(values: &'a Values, name: &str) -> Result<&'a str, Error> {
    let value = values.get(name);
    match options::find(name).map(|entry| entry.kind.check(value)) {
        Some(Err(message)) => Err(bad(name, &message)),
        _ => Ok(value),
    }
}

/// The value of an enumeration in lower case.
fn word(values: &Values, name: &str) -> Result<String, Error> {
    checked(values, name).map(str::to_ascii_lowercase)
}

pub(super) fn flag(values: &Values, name: &str) -> Result<bool, Error> {
    Ok(parse_bool(checked(values, name)?).unwrap_or(false))
}

pub(super) fn number(values: &Values, name: &str) -> Result<i64, Error> {
    match checked(values, name)? {
        "" => Ok(0),
        text => text
            .parse()
            .map_err(|e| bad(name, &format!("not a whole number ({e})"))),
    }
}

fn count(values: &Values, name: &str) -> Result<u32, Error> {
    u32::try_from(number(values, name)?).map_err(|e| bad(name, &e.to_string()))
}

#[cfg(test)]
mod tests;
