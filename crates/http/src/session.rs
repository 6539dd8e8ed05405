//! Sessions as orchestration clients address them: `/scxml/session` (ors-scxml §9).

mod request;

use std::sync::Arc;

use axum::Router;
use axum::routing::post;

use crate::Api;

/// Routes below `/scxml/session`.
pub(crate) fn routes() -> Router<Arc<Api>> {
    Router::new().route(
        "/scxml/session/{session}/request/{name}",
        post(request::request).get(request::request),
    )
}
