//! Customer numbers of queries, brought to the form in which records are compared.

use callback::service::Service;

use crate::Api;

/// The number as the record holds it (callback-api §6.1); what is no number stays as it is and
/// matches nothing.
pub(crate) fn comparable(api: &Api, service: Option<&Service>, number: &str) -> String {
    let _unused = (api, service);
    number.to_owned()
}
