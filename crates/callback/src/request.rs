//! From a create request to a new record: the checks of callback-api §3 in their order.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::number::{self, Dialplan};
use crate::record::{Callback, Phase, State};
use crate::service::{self, ServerDefaults, Service};
use crate::{CallbackId, Error, ErrorCode, Timestamp, limits};

/// A create request after its body was read.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Keys with a leading `_`.
    pub parameters: Map<String, Value>,
    /// The other keys: attached data.
    pub user_data: Map<String, Value>,
    /// Header `gms_user`.
    pub gms_user: Option<String>,
}

/// Makes the record of a new callback; its first step is [`crate::lifecycle::Input::Create`].
///
/// # Errors
/// The refusals of callback-api §8.2, in the order of §3.
pub fn prepare(
    service: &Service,
    request: Request,
    dialplan: &Dialplan,
    defaults: &ServerDefaults,
    id: CallbackId,
    now: Timestamp,
) -> Result<Callback, Error> {
    check_size(&request.user_data)?;
    service::check_mandatory_keys(service, &request.parameters, &request.user_data)?;
    let settings = service::resolve(
        service,
        &service::Request { parameters: &request.parameters, user_data: &request.user_data },
        defaults,
    )?;
    let customer_number = text(&request.parameters, "_customer_number").ok_or_else(|| {
        Error::new(ErrorCode::MissingKey, "_customer_number is missing: whom shall we call?")
            .field("_customer_number")
    })?;
    let checked = number::check_request(
        dialplan,
        &customer_number,
        &number::Rules {
            country: &settings.default_country,
            disallow_impossible: settings.disallow_impossible,
            disallow_premium: settings.disallow_premium,
        },
    )?;
    if request.parameters.contains_key("_callback_state") {
        return Err(Error::new(
            ErrorCode::NotAvailable,
            "_callback_state in a create request (PAUSED) is not built yet",
        )
        .field("_callback_state"));
    }
    let desired = desired_time(&request.parameters)?;
    if let Some(desired) = desired {
        check_horizon(desired, service::horizon(service), now)?;
    }
    let time = desired.unwrap_or(now);
    let settings = Arc::new(settings);
    Ok(Callback {
        id,
        customer_number,
        dial_number: checked.cleaned,
        user_data: request.user_data,
        parameters: request.parameters,
        gms_user: request.gms_user,
        created: now,
        desired: time,
        scheduled: desired.is_some(),
        started: now,
        expires: time.max(now).plus_seconds(settings.ttl_s),
        settings,
        state: if desired.is_some() { State::Scheduled } else { State::Queued },
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
        play_token: 0,
        timers: std::collections::BTreeMap::new(),
    })
}

/// Reads a text or number parameter.
#[must_use]
pub fn text(map: &Map<String, Value>, key: &str) -> Option<String> {
    match map.get(key)? {
        Value::String(text) if text.trim().is_empty() => None,
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn check_size(user_data: &Map<String, Value>) -> Result<(), Error> {
    if user_data.len() > limits::USER_DATA_KEYS_MAX {
        return Err(Error::new(
            ErrorCode::BadParameter,
            format!("more than {} keys of attached data", limits::USER_DATA_KEYS_MAX),
        ));
    }
    let size: usize = user_data.iter().map(|(k, v)| k.len() + v.to_string().len()).sum();
    if size > limits::USER_DATA_MAX {
        return Err(Error::new(
            ErrorCode::TooLarge,
            format!("attached data above {} bytes", limits::USER_DATA_MAX),
        ));
    }
    Ok(())
}

fn desired_time(parameters: &Map<String, Value>) -> Result<Option<Timestamp>, Error> {
    match parameters.get("_desired_time") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
        Some(Value::String(text)) => parse_time("_desired_time", text).map(Some),
        Some(_) => Err(bad_time("_desired_time")),
    }
}

/// Reads a time parameter.
///
/// # Errors
/// [`ErrorCode::BadParameter`] naming the key.
pub fn parse_time(key: &str, text: &str) -> Result<Timestamp, Error> {
    Timestamp::parse_iso(text).ok_or_else(|| bad_time(key))
}

fn bad_time(key: &str) -> Error {
    Error::new(
        ErrorCode::BadParameter,
        format!("{key} is no time: expected ISO 8601 UTC such as 2026-10-05T13:00:00.000Z"),
    )
    .field(key)
}

/// Refuses a time beyond `_reject_future_desired_time`.
///
/// # Errors
/// [`ErrorCode::TooFar`].
pub fn check_horizon(desired: Timestamp, horizon_s: i64, now: Timestamp) -> Result<(), Error> {
    if horizon_s > 0 && desired > now.plus_seconds(horizon_s) {
        return Err(Error::new(
            ErrorCode::TooFar,
            format!("the desired time is more than {horizon_s} s ahead"),
        )
        .field("_desired_time"));
    }
    Ok(())
}
