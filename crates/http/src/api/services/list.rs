//! `GET /api/v1/services`: every service with its options; passwords are hidden.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use callback::ServiceName;
use serde_json::{Map, Value, json};

use crate::api::Operator;
use crate::error::ApiError;
use crate::{Api, answer};

pub(in crate::api) async fn list(
    _: Operator,
    State(api): State<Arc<Api>>,
) -> Result<Response, ApiError> {
    let changed: HashMap<ServiceName, String> = api
        .engine
        .stored_services()
        .await?
        .into_iter()
        .map(|row| (row.name, row.changed.to_iso()))
        .collect();
    let services: Vec<Value> = api
        .engine
        .services()
        .iter()
        .map(|service| {
            let options: Map<String, Value> = service
                .options
                .iter()
                .map(|(name, value)| (name.clone(), json!(shown(name, value))))
                .collect();
            json!({
                "name": service.name,
                "options": options,
                "changed": changed.get(&service.name),
            })
        })
        .collect();
    Ok(answer::ok(&json!({"services": services}))?)
}

/// What stands for a password.
pub(super) const HIDDEN: &str = "***";

fn shown<'a>(name: &str, value: &'a str) -> &'a str {
    if name == "password" && !value.is_empty() {
        HIDDEN
    } else {
        value
    }
}
