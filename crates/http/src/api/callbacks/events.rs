//! `GET /api/v1/callbacks/{id}/events`: the gapless log of one callback.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use callback::ErrorCode;
use serde_json::{Value, json};
use store::EventRow;

use crate::api::Operator;
use crate::error::{ApiError, Failure};
use crate::path::{ApiPath, callback_id};
use crate::{Api, answer};

pub(in crate::api) async fn events(
    _: Operator,
    State(api): State<Arc<Api>>,
    ApiPath(id): ApiPath<String>,
) -> Result<Response, ApiError> {
    let id = callback_id(&id)?;
    let rows = api.engine.events(&id).await?;
    if rows.is_empty() && api.engine.callback(&id).await?.is_none() {
        return Err(Failure::new(ErrorCode::NotFound, "There is no such callback").into());
    }
    let events: Vec<Value> = rows.iter().map(event).collect();
    Ok(answer::ok(&json!({"events": events}))?)
}

fn event(row: &EventRow) -> Value {
    // The store holds JSON; should a row be damaged, its text is shown rather than hidden.
    let data: Value = serde_json::from_str(&row.data).unwrap_or_else(|_| json!(row.data));
    json!({
        "seq": row.seq,
        "at_ms": row.at.0,
        "event_id": row.event_id,
        "state": row.state.as_str(),
        "data": data,
    })
}
