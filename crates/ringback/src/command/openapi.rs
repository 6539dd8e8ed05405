//! `ringback openapi`: the document that clients are generated from, no server needed.

use crate::outcome::Status;
use crate::output;

/// Prints the document.
pub(super) fn run() -> Status {
    output::raw(&http_api::openapi_text());
    Status::Ok
}
