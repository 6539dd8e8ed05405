//! `ringback openapi`: the document that clients are generated from, no server needed.

use serde_json::Value;

use crate::outcome::Status;
use crate::output;

/// Prints the document; with `--json` on one line.
pub(super) fn run(as_json: bool) -> Status {
    let text = http_api::openapi_text();
    match serde_json::from_str::<Value>(&text) {
        Ok(document) if as_json => output::line(&document.to_string()),
        Ok(_) | Err(_) => output::raw(&text),
    }
    Status::Ok
}
