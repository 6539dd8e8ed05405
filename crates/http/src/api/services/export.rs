//! `GET /api/v1/services/export`: all services as the text that an import reads.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::Api;
use crate::api::Operator;

pub(in crate::api) async fn export(_: Operator, State(api): State<Arc<Api>>) -> Response {
    let sections: Vec<String> = api.engine.services().iter().map(|s| s.to_ini()).collect();
    (
        [(header::CONTENT_TYPE, "text/plain;charset=utf-8")],
        sections.join("\n"),
    )
        .into_response()
}
