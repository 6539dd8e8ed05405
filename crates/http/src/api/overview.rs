//! `GET /api/v1/overview`: how the site stands, in one answer; `GET /api/v1/activity`: how its
//! last hours went.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use callback::ErrorCode;
use callback::record::State as CallbackState;
use engine::limits::ACTIVITY_MINUTES;
use serde_json::{Map, Value, json};

use crate::api::Operator;
use crate::error::{ApiError, Failure};
use crate::{Api, answer, body};

/// Minutes of a span, and how many spans are told, unless the query says otherwise.
const SPAN_DEFAULT: (i64, i64) = (10, 18);

pub(super) async fn show(_: Operator, State(api): State<Arc<Api>>) -> Result<Response, ApiError> {
    let census = api.engine.census().await?;
    let over = api.engine.completed().await?;
    let (pending, failed) = api.engine.open_deliveries().await?;
    let states: Map<String, Value> = CallbackState::ALL
        .iter()
        .map(|state| {
            let open = census.states.get(state.as_str()).copied().unwrap_or(0);
            let count = match state {
                CallbackState::Completed => json!(over),
                _ => json!(open),
            };
            (state.as_str().to_owned(), count)
        })
        .collect();
    let queues: Vec<Value> = census
        .queues
        .iter()
        .map(|(name, queue)| {
            json!({"name": name, "waiting": queue.waiting, "oldest": queue.oldest.to_iso()})
        })
        .collect();
    let last = api.engine.activity(1, 2);
    let attempts = last.first().map_or(0, |span| span.taken + span.not_taken);
    let readiness = api.engine.readiness();
    Ok(answer::ok(&json!({
        "now": api.engine.now().to_iso(),
        "ready": readiness.store && !readiness.draining,
        "draining": readiness.draining,
        "store": readiness.store,
        "running": readiness.running,
        "states": states,
        "queues": queues,
        "legs": api.engine.legs(),
        "deliveries": {"pending": pending, "failed": failed, "last_minute": attempts},
    }))?)
}

pub(super) async fn activity(
    _: Operator,
    State(api): State<Arc<Api>>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let (minutes, spans) = spans(query.as_deref())?;
    let told: Vec<Value> = api
        .engine
        .activity(minutes, spans)
        .iter()
        .map(|span| {
            json!({
                "at": span.at.to_iso(),
                "requested": span.requested,
                "connected": span.connected,
                "ended_otherwise": span.ended_otherwise,
                "taken": span.taken,
                "not_taken": span.not_taken,
            })
        })
        .collect();
    Ok(answer::ok(&json!({
        "since": api.engine.started().to_iso(),
        "minutes": minutes,
        "spans": told,
    }))?)
}

/// Minutes of a span, and how many are asked for.
fn spans(query: Option<&str>) -> Result<(i64, i64), Failure> {
    let (mut minutes, mut count) = SPAN_DEFAULT;
    for (key, value) in body::query_pairs(query)? {
        let slot = match key.as_str() {
            "minutes" => &mut minutes,
            "spans" => &mut count,
            _ => return Err(body::unknown_key(&key, "minutes, spans")),
        };
        *slot = value.parse().unwrap_or(0);
    }
    let all = minutes.saturating_mul(count);
    let kept = i64::from(ACTIVITY_MINUTES);
    if minutes >= 1 && count >= 1 && all <= kept {
        return Ok((minutes, count));
    }
    let message = format!("minutes and spans are whole numbers from 1, together {kept} minutes");
    Err(Failure::field(ErrorCode::BadParameter, "spans", message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_stay_within_what_is_kept() {
        assert_eq!(spans(None).unwrap(), SPAN_DEFAULT);
        assert_eq!(spans(Some("minutes=30&spans=24")).unwrap(), (30, 24));
        for wrong in [
            "minutes=0",
            "spans=-1",
            "minutes=60&spans=13",
            "spans=x",
            "day=1",
        ] {
            assert!(spans(Some(wrong)).is_err(), "{wrong}");
        }
        assert!(spans(Some("minutes=9223372036854775807&spans=9")).is_err());
    }
}
