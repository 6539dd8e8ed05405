//! `GET /api/v1/ui`: what the operator's configuration makes of the browser UI (options §11).

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use callback::ErrorCode;
use callback::options::parse_bool;
use serde_json::{Map, Value, json};

use crate::api::Operator;
use crate::error::{ApiError, Failure};
use crate::{Api, answer};

/// Forbids what concerns many callbacks at once.
const NO_BULK: &str = "disable-bulk-cancel-and-export-callback";

pub(super) async fn show(_: Operator, State(api): State<Arc<Api>>) -> Result<Response, ApiError> {
    let columns: Vec<Value> = columns(&api)
        .into_iter()
        .map(|(key, title)| json!({"key": key, "title": title}))
        .collect();
    let bulk = check_bulk(&api).is_ok();
    Ok(answer::ok(&json!({"columns": columns, "bulk": bulk}))?)
}

/// Refuses to cancel or export many callbacks when the operator does not want it.
pub(super) fn check_bulk(api: &Api) -> Result<(), Failure> {
    if !is_set(api, NO_BULK) {
        return Ok(());
    }
    let message = format!("[lab] {NO_BULK} is set in the configuration");
    Err(Failure::new(ErrorCode::NotAvailable, message))
}

fn is_set(api: &Api, option: &str) -> bool {
    parse_bool(api.engine.application_option(option)) == Some(true)
}

/// Columns for own parameters: key and title.
pub(super) fn columns(api: &Api) -> Vec<(String, String)> {
    if is_set(api, "disable_additional_columns_from_callbacks") {
        return Vec::new();
    }
    parse(api.engine.application_option("callback_column_alias"))
}

fn parse(text: &str) -> Vec<(String, String)> {
    let columns: Map<String, Value> = serde_json::from_str(text).unwrap_or_default();
    let titled = columns.into_iter().filter_map(|(key, title)| {
        let title = title.as_str()?.to_owned();
        Some((key, title))
    });
    titled.collect()
}

/// What a callback has in the column of a key.
pub(super) fn cell(callback: &callback::Callback, key: &str) -> String {
    let place = if key.starts_with('_') {
        &callback.parameters
    } else {
        &callback.user_data
    };
    match place.get(key) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_an_object_of_titles() {
        let two = parse(r#"{"region": "Region", "_x": "X", "odd": 5}"#);
        let expected = [("region", "Region"), ("_x", "X")];
        let expected = expected.map(|(key, title)| (key.to_owned(), title.to_owned()));
        assert_eq!(two.len(), 2);
        assert!(
            expected.iter().all(|column| two.contains(column)),
            "{two:?}"
        );
        assert!(parse("").is_empty() && parse("[]").is_empty());
    }
}
