//! `DELETE …/{service}/{id}`: cancels a callback (callback-api §4).

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::json;

use crate::error::GmsError;
use crate::path::{GmsPath, callback_id, service_name};
use crate::{Api, answer, auth, body};

pub(super) async fn cancel(
    State(api): State<Arc<Api>>,
    GmsPath((name, id)): GmsPath<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, GmsError> {
    let name = service_name(&name)?;
    auth::service(&api, &headers, &name)?;
    for (key, value) in body::query_pairs(query.as_deref())? {
        if key != "discard_ors_failure" {
            return Err(body::unknown_key(&key, "discard_ors_failure").into());
        }
        // It decides what a silent external orchestration means; the built-in flow always
        // confirms, so both values lead to the same end.
        body::parse_bool(&key, &value)?;
    }
    api.engine.cancel(Some(name), callback_id(&id)?).await?;
    Ok(answer::ok(&json!({}))?)
}
