//! `GET /api/v1/services/{name}/changes`: who changed which options from what to what.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};
use store::Subject;

use crate::api::Operator;
use crate::error::ApiError;
use crate::path::{ApiPath, service_name};
use crate::{Api, answer};

pub(in crate::api) async fn changes(
    _: Operator,
    State(api): State<Arc<Api>>,
    ApiPath(name): ApiPath<String>,
) -> Result<Response, ApiError> {
    history(&api, &Subject::Service(service_name(&name)?)).await
}

/// The history of a service or Transaction List.
pub(in crate::api) async fn history(api: &Api, subject: &Subject) -> Result<Response, ApiError> {
    let rows = api.engine.changes(subject).await?;
    let changes: Vec<Value> = rows
        .into_iter()
        .map(|row| {
            let options: Vec<Value> = row
                .options
                .into_iter()
                .map(|o| json!({"name": o.name, "before": o.before, "after": o.after}))
                .collect();
            json!({"at": row.at.to_iso(), "who": row.who, "address": row.address,
                "how": row.how, "options": options})
        })
        .collect();
    Ok(answer::ok(&json!({"changes": changes}))?)
}
