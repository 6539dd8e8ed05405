//! Sessions as orchestration clients address them: `/scxml/session` (ors-scxml §9).

mod basic_http;
mod event;
mod query;
mod request;
mod start;
mod terminate;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

pub(crate) use self::event::event_name;
use crate::Api;

/// Routes below `/scxml/session`.
pub(crate) fn routes() -> Router<Arc<Api>> {
    Router::new()
        .route("/scxml/session/start", post(start::start))
        .route("/scxml/basichttp/{session}", post(basic_http::message))
        .route("/scxml/session/{session}/query", get(query::query))
        .route(
            "/scxml/session/{session}/terminate",
            post(terminate::terminate),
        )
        .route("/scxml/session/{session}/event/{name}", post(event::event))
        .route(
            "/scxml/session/{session}/request/{name}",
            post(request::request).get(request::request),
        )
}
