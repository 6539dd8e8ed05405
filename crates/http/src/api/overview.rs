//! `GET /api/v1/overview`: how the site stands, in one answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use callback::Timestamp;
use callback::limits::QUERY_MAX;
use callback::record::State as CallbackState;
use serde_json::{Map, Value, json};
use store::Query;

use crate::api::Operator;
use crate::error::ApiError;
use crate::{Api, answer};

pub(super) async fn show(_: Operator, State(api): State<Arc<Api>>) -> Result<Response, ApiError> {
    let mut states = Map::new();
    for state in CallbackState::ALL {
        let count = api.engine.count(in_states(&[*state], 0)).await?;
        states.insert(state.as_str().to_owned(), count.into());
    }
    let waiting = [CallbackState::Queued, CallbackState::Routing];
    let callbacks = api.engine.query(in_states(&waiting, QUERY_MAX)).await?;
    // By virtual queue: how many wait and since when the first one does.
    let mut queues: BTreeMap<&str, (usize, Timestamp)> = BTreeMap::new();
    for callback in &callbacks {
        let since = callback.started;
        let queue = callback.virtual_queue();
        let slot = queues.entry(queue).or_insert((0, since));
        slot.0 += 1;
        slot.1 = slot.1.min(since);
    }
    let queues: Vec<Value> = queues
        .into_iter()
        .map(|(name, (waiting, oldest))| {
            json!({"name": name, "waiting": waiting, "oldest": oldest.to_iso()})
        })
        .collect();
    let readiness = api.engine.readiness();
    Ok(answer::ok(&json!({
        "now": api.engine.now().to_iso(),
        "ready": readiness.store && !readiness.draining,
        "draining": readiness.draining,
        "store": readiness.store,
        "running": readiness.running,
        "states": states,
        "queues": queues,
        "queues_complete": callbacks.len() < QUERY_MAX,
        "legs": api.engine.legs(),
    }))?)
}

fn in_states(states: &[CallbackState], limit: usize) -> Query {
    let names = states.iter().map(|state| state.as_str().to_owned());
    Query {
        conditions: vec![("_callback_state".to_owned(), names.collect())],
        limit,
        ..Query::default()
    }
}
