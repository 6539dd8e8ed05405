//! `GET /api/v1/sessions/{id}/chart`: the chart of a session as SVG; each state is a group with
//! `data-state`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::Api;
use crate::api::Operator;
use crate::error::ApiError;
use crate::path::ApiPath;

pub(in crate::api) async fn chart(
    _: Operator,
    State(api): State<Arc<Api>>,
    ApiPath(id): ApiPath<String>,
) -> Result<Response, ApiError> {
    let svg = api.engine.session_chart(&id).await?;
    let headers = [
        (header::CONTENT_TYPE, "image/svg+xml"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Opened by itself it is a picture and nothing else.
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; sandbox",
        ),
    ];
    Ok((headers, svg).into_response())
}
