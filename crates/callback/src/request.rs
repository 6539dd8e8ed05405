//! From a create request to a new record: the checks of callback-api §3 in their order.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::confirm;
use crate::number::{self, Dialplan};
use crate::record::Callback;
use crate::service::{self, Resolved, Resolver, Service};
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

/// Makes the record of a new callback and tells what its service's options come to, with the notes
/// for its history; its first step is
/// [`crate::lifecycle::Input::Create`].
///
/// # Errors
/// The refusals of callback-api §8.2, in the order of §3.
pub fn prepare(
    service: &Arc<Service>,
    request: Request,
    dialplan: &Dialplan,
    resolver: &Resolver,
    id: CallbackId,
    now: Timestamp,
) -> Result<(Callback, Arc<Resolved>), Error> {
    service::check_user_data(&request.user_data)?;
    service::check_mandatory_keys(service, &request.parameters, &request.user_data)?;
    let parts = service::Request {
        parameters: &request.parameters,
        user_data: &request.user_data,
    };
    let resolved = resolver.resolve(service, &parts)?;
    let confirmation =
        confirm::requested(&resolved.settings, &request.parameters, &request.user_data)?;
    let customer_number = service::parameter_text(&request.parameters, "_customer_number")
        .ok_or_else(|| {
            Error::new(
                ErrorCode::MissingKey,
                "_customer_number is missing: whom shall we call?",
            )
            .field("_customer_number")
        })?;
    let checked = number::check_request(dialplan, &customer_number, &resolved.rules)?;
    let desired = service::desired_time(&request.parameters)?;
    let mut callback = Callback::new(id, Arc::clone(&resolved.settings), now);
    callback.customer_number = customer_number;
    callback.counted.number = checked.e164.unwrap_or_else(|| checked.cleaned.clone());
    callback.dial_number = checked.cleaned;
    callback.user_data = request.user_data;
    callback.parameters = request.parameters;
    callback.gms_user = request.gms_user;
    callback.confirmation = confirmation;
    if let Some(desired) = desired {
        callback.schedule(desired);
    }
    Ok((callback, resolved))
}
