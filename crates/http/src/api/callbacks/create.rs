//! `POST /api/v1/callbacks?service=…`: starts or schedules a callback; the body is that of the
//! compatible surface.

use std::sync::Arc;

use axum::extract::{RawQuery, Request, State};
use axum::response::Response;
use callback::ErrorCode;

use super::view::view;
use crate::api::Operator;
use crate::error::{ApiError, Failure};
use crate::path::service_name;
use crate::{Api, answer, body, gms};

pub(in crate::api) async fn create(
    _: Operator,
    State(api): State<Arc<Api>>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Result<Response, ApiError> {
    let mut service = None;
    for (key, value) in body::query_pairs(query.as_deref())? {
        if key != "service" {
            return Err(body::unknown_key(&key, "service").into());
        }
        service = Some(service_name(&value)?);
    }
    let service = service.ok_or_else(|| {
        Failure::field(ErrorCode::MissingKey, "service", "The query needs service")
    })?;
    let callback = gms::start::create(&api, service, request).await?;
    Ok(answer::ok(&view(&api, &callback))?)
}
