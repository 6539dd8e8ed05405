//! From a create request to a new record: the checks of callback-api §3 in their order.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::number::{self, Dialplan};
use crate::options;
use crate::record::{Callback, Phase, State};
use crate::service::{self, ServerDefaults, Service};
use crate::{CallbackId, Error, ErrorCode, Timestamp};

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

/// Makes the record of a new callback and the notes for its history; its first step is
/// [`crate::lifecycle::Input::Create`].
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
) -> Result<(Callback, Vec<String>), Error> {
    service::check_user_data(&request.user_data)?;
    service::check_mandatory_keys(service, &request.parameters, &request.user_data)?;
    let (settings, notes) = service::resolve(
        service,
        &service::Request { parameters: &request.parameters, user_data: &request.user_data },
        defaults,
    )?;
    let customer_number = service::parameter_text(&request.parameters, "_customer_number").ok_or_else(|| {
        Error::new(ErrorCode::MissingKey, "_customer_number is missing: whom shall we call?")
            .field("_customer_number")
    })?;
    let checked = number::check_request(
        dialplan,
        &customer_number,
        &number::Rules {
            country: settings.default_country.clone(),
            disallow_impossible: service
                .get("_disallow_impossible_phone_numbers")
                .is_none_or(|value| options::parse_bool(value) != Some(false)),
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
    let desired = service::desired_time(&request.parameters)?;
    let time = desired.unwrap_or(now);
    let settings = Arc::new(settings);
    let callback = Callback {
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
    };
    Ok((callback, notes))
}
