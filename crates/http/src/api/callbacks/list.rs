//! `GET /api/v1/callbacks`: callbacks of all services, expired ones included.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use callback::limits::QUERY_MAX;
use callback::{ErrorCode, ServiceName};
use serde_json::json;
use store::Query;

use super::view::view;
use crate::api::Operator;
use crate::error::{ApiError, Failure};
use crate::path::service_name;
use crate::{Api, answer, body, number};

pub(in crate::api) async fn list(
    _: Operator,
    State(api): State<Arc<Api>>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let mut filter = Filter::parse(body::query_pairs(query.as_deref())?)?;
    if let Some(asked) = filter.number.take() {
        let service = filter
            .service
            .as_ref()
            .and_then(|name| api.engine.service(name));
        let forms = number::forms(&api, service.as_deref(), &asked);
        filter
            .conditions
            .push(("_customer_number".to_owned(), forms));
    }
    let query = Query {
        service: filter.service,
        any: false,
        conditions: filter.conditions,
        alive_at: None,
        limit: filter.limit,
    };
    let found = api.engine.query(query).await?;
    let callbacks: Vec<_> = found.iter().map(|callback| view(&api, callback)).collect();
    Ok(answer::ok(&json!({"callbacks": callbacks}))?)
}

#[derive(Debug)]
struct Filter {
    service: Option<ServiceName>,
    number: Option<String>,
    conditions: Vec<(String, Vec<String>)>,
    limit: usize,
}

impl Filter {
    fn parse(pairs: Vec<(String, String)>) -> Result<Self, Failure> {
        let mut filter = Self {
            service: None,
            number: None,
            conditions: Vec::new(),
            limit: QUERY_MAX,
        };
        let mut states = Vec::new();
        for (key, value) in pairs {
            match key.as_str() {
                "service" => filter.service = Some(service_name(&value)?),
                "state" => states.push(value),
                "number" => filter.number = Some(value),
                "limit" => filter.limit = limit(&value)?,
                _ => return Err(body::unknown_key(&key, "service, state, number, limit")),
            }
        }
        if !states.is_empty() {
            filter
                .conditions
                .push(("_callback_state".to_owned(), states));
        }
        Ok(filter)
    }
}

fn limit(value: &str) -> Result<usize, Failure> {
    match value.parse() {
        Ok(limit @ 1..=QUERY_MAX) => Ok(limit),
        Ok(_) | Err(_) => Err(Failure::field(
            ErrorCode::BadParameter,
            "limit",
            format!("limit must be a number from 1 to {QUERY_MAX}"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_known_by_name() {
        let read = |query| Filter::parse(body::query_pairs(Some(query)).unwrap());
        let filter = read("service=billing&state=QUEUED&state=ROUTING&limit=5").unwrap();
        assert_eq!(filter.service, Some(ServiceName::new("billing")));
        assert_eq!(filter.conditions.len(), 1);
        assert_eq!(filter.conditions[0].1, ["QUEUED", "ROUTING"]);
        assert_eq!(filter.limit, 5);
        for query in [
            "limit=0",
            "limit=1001",
            "limit=-1",
            "limit=x",
            "sate=QUEUED",
        ] {
            assert!(read(query).is_err(), "{query}");
        }
    }
}
