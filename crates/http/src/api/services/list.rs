//! `GET /api/v1/services`: every service with its options; passwords are hidden.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde_json::{Map, Value, json};

use crate::api::Operator;
use crate::error::ApiError;
use crate::{Api, answer};

pub(in crate::api) async fn list(
    _: Operator,
    State(api): State<Arc<Api>>,
) -> Result<Response, ApiError> {
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
            json!({"name": service.name, "options": options})
        })
        .collect();
    Ok(answer::ok(&json!({"services": services}))?)
}

fn shown<'a>(name: &str, value: &'a str) -> &'a str {
    if name == "password" && !value.is_empty() {
        "***"
    } else {
        value
    }
}
