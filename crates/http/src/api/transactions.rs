//! Transaction Lists: import, list, export.

use std::sync::Arc;

use axum::extract::{RawQuery, Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use callback::ErrorCode;
use callback::limits::IMPORT_MAX;
use engine::ImportMode;
use serde_json::{Map, Value, json};
use store::Subject;

use crate::api::services::history;
use crate::api::{Operator, import_answer};
use crate::error::{ApiError, Failure};
use crate::path::{ApiPath, service_name};
use crate::{Api, answer, body};

/// `POST /api/v1/transactions/import?name=`: a list from the text of a file.
pub(super) async fn import(
    operator: Operator,
    State(api): State<Arc<Api>>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Result<Response, ApiError> {
    let (name, mode) = parse(query.as_deref())?;
    let by = operator.author("import");
    let body = body::read(request, IMPORT_MAX).await?;
    let import = api
        .engine
        .import_transactions(&name, body.text()?, mode, &by)
        .await?;
    Ok(import_answer(&import)?)
}

fn parse(query: Option<&str>) -> Result<(String, ImportMode), Failure> {
    let mut mode = ImportMode::default();
    let mut name = String::new();
    for (key, value) in body::query_pairs(query)? {
        match key.as_str() {
            "name" => name = value,
            "dry_run" => mode.dry_run = body::parse_bool(&key, &value)?,
            "strict" => mode.strict = body::parse_bool(&key, &value)?,
            _ => return Err(body::unknown_key(&key, "name, dry_run, strict")),
        }
    }
    if name.is_empty() {
        let message = "Say ?name=: services refer to the list by it";
        return Err(Failure::field(ErrorCode::MissingKey, "name", message));
    }
    Ok((name, mode))
}

/// `GET /api/v1/transactions`.
pub(super) async fn list(_: Operator, State(api): State<Arc<Api>>) -> Result<Response, ApiError> {
    let lists: Vec<Value> = api
        .engine
        .transaction_lists()
        .iter()
        .map(|list| {
            let properties: Map<String, Value> = list
                .properties()
                .into_iter()
                .map(|(name, value)| (name.to_owned(), Value::from(value)))
                .collect();
            let events: Vec<&str> = list.wanted().iter().map(|w| w.event.as_str()).collect();
            json!({"name": list.name, "properties": properties, "events": events})
        })
        .collect();
    Ok(answer::ok(&json!({"transactions": lists}))?)
}

/// `POST /api/v1/transactions/preview?service=`: the bodies that the text of a list would send.
pub(super) async fn preview(
    _: Operator,
    State(api): State<Arc<Api>>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Result<Response, ApiError> {
    let mut service = None;
    for (key, value) in body::query_pairs(query.as_deref())? {
        match key.as_str() {
            "service" if value.is_empty() => {}
            "service" => service = Some(service_name(&value)?),
            _ => return Err(body::unknown_key(&key, "service").into()),
        }
    }
    let body = body::read(request, IMPORT_MAX).await?;
    let bodies = api
        .engine
        .preview_transactions(body.text()?, service.as_ref())?;
    let previews: Vec<Value> = bodies
        .into_iter()
        .map(|(event, body)| json!({"event_id": event.as_str(), "body": body}))
        .collect();
    Ok(answer::ok(&json!({"previews": previews}))?)
}

/// `GET /api/v1/transactions/{name}/export`: the text that an import reads.
pub(super) async fn export(
    _: Operator,
    State(api): State<Arc<Api>>,
    ApiPath(name): ApiPath<String>,
) -> Result<Response, ApiError> {
    let list = api
        .engine
        .transaction_list(&name)
        .ok_or_else(|| Failure::new(ErrorCode::NotFound, "There is no such Transaction List"))?;
    let headers = [(header::CONTENT_TYPE, "text/plain;charset=utf-8")];
    Ok((headers, list.to_ini()).into_response())
}

/// `GET /api/v1/transactions/{name}/changes`: who changed what of a list.
pub(super) async fn changes(
    _: Operator,
    State(api): State<Arc<Api>>,
    ApiPath(name): ApiPath<String>,
) -> Result<Response, ApiError> {
    history(&api, &Subject::List(name)).await
}

/// `DELETE /api/v1/transactions/{name}`: removes a list; 409 while it is in use.
pub(super) async fn remove(
    operator: Operator,
    State(api): State<Arc<Api>>,
    ApiPath(name): ApiPath<String>,
) -> Result<Response, ApiError> {
    let by = operator.author("delete");
    api.engine.remove_transactions(&name, by).await?;
    Ok(answer::ok(&json!({}))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_import_needs_a_name() {
        assert!(parse(None).is_err());
        assert!(parse(Some("name=")).is_err());
        let (name, mode) = parse(Some("name=Events&strict=1")).unwrap();
        assert_eq!(
            (name.as_str(), mode.strict, mode.dry_run),
            ("Events", true, false)
        );
        assert!(parse(Some("name=a&other=1")).is_err());
    }
}
