//! `POST /api/v1/callbacks/bulk-cancel`: cancels many callbacks (callback-api §2, operation 10).

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use callback::ErrorCode;
use callback::limits::{BODY_MAX, QUERY_MAX};
use serde_json::{Map, Value, json};

use crate::api::{Operator, ui};
use crate::error::{ApiError, Failure};
use crate::path::callback_id;
use crate::{Api, answer, body};

pub(in crate::api) async fn bulk_cancel(
    _: Operator,
    State(api): State<Arc<Api>>,
    request: Request,
) -> Result<Response, ApiError> {
    ui::check_bulk(&api)?;
    let ids = ids(&body::read(request, BODY_MAX).await?.json()?)?;
    let (mut cancelled, mut refused) = (Vec::new(), Vec::new());
    for id in ids {
        // Each on its own: one that is over must not keep the others.
        match api.engine.cancel(None, callback_id(&id)?).await {
            Ok(()) => cancelled.push(id),
            Err(error) => refused.push(json!({
                "_id": id, "phrase": error.code.phrase(), "message": error.message,
            })),
        }
    }
    Ok(answer::ok(
        &json!({"cancelled": cancelled, "refused": refused}),
    )?)
}

/// The ids of the body, each once.
fn ids(keys: &Map<String, Value>) -> Result<Vec<String>, Failure> {
    let bad = || {
        let message = format!("The body has the key ids only, a list of 1 to {QUERY_MAX} ids");
        Failure::field(ErrorCode::BadParameter, "ids", message)
    };
    let list = keys.get("ids").and_then(Value::as_array).ok_or_else(bad)?;
    if keys.len() != 1 || list.is_empty() || list.len() > QUERY_MAX {
        return Err(bad());
    }
    let mut ids = Vec::with_capacity(list.len());
    for id in list {
        let id = id.as_str().ok_or_else(bad)?.to_owned();
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    Ok(ids)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_is_a_list_of_ids() {
        let read = |body: Value| ids(body.as_object().unwrap()).ok();
        let expected = vec!["1-a".to_owned(), "1-b".to_owned()];
        assert_eq!(read(json!({"ids": ["1-a", "1-b", "1-a"]})), Some(expected));
        for body in [
            json!({}),
            json!({"ids": []}),
            json!({"ids": "1-a"}),
            json!({"ids": [5]}),
            json!({"ids": ["1-a"], "service": "x"}),
            json!({"ids": vec!["a"; QUERY_MAX + 1]}),
        ] {
            assert_eq!(read(body), None);
        }
    }
}
