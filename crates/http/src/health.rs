//! `/livez`, `/readyz` and `/metrics`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::json;

use crate::error::ApiError;
use crate::{Api, answer, auth};

/// Routes for probes and scrapers.
pub(crate) fn routes() -> Router<Arc<Api>> {
    Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
}

/// The process answers. A restart would not empty a full disk, so that is no illness; it does help
/// against threads that hang in scripts. Whoever asks restarts.
async fn livez(State(api): State<Arc<Api>>) -> Response {
    match api.engine.illness() {
        None => "ok\n".into_response(),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}

/// The server can take callbacks and dial.
pub(crate) async fn readyz(State(api): State<Arc<Api>>) -> Result<Response, ApiError> {
    let readiness = api.engine.readiness();
    let mut reasons = Vec::new();
    if !readiness.store {
        reasons.push("the store does not take writes");
    }
    if readiness.draining || api.stopping.is_cancelled() {
        reasons.push("the server is stopping");
    }
    let ready = reasons.is_empty();
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let trunks = api.engine.trunks();
    // A trunk that is down keeps nobody from asking for a callback: it is told, and that is all.
    let body = json!({
        "ready": ready,
        "reasons": reasons,
        "running": readiness.running,
        "trunks": trunks.len(),
        "trunks_up": trunks.iter().filter(|trunk| trunk.up).count(),
    });
    Ok(answer::with_status(status, &body)?)
}

async fn metrics(State(api): State<Arc<Api>>, headers: HeaderMap) -> Result<Response, ApiError> {
    auth::scraper(&api, &headers)?;
    let content_type = "application/openmetrics-text;version=1.0.0;charset=utf-8";
    Ok((
        [(header::CONTENT_TYPE, content_type)],
        api.engine.render_metrics().await,
    )
        .into_response())
}
