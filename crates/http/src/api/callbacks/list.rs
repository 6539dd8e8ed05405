//! `GET /api/v1/callbacks`: callbacks of all services, expired ones included.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use callback::limits::QUERY_MAX;
use callback::record::State as CallbackState;
use callback::{ErrorCode, ServiceName, Timestamp};
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
    let query = Filter::parse(body::query_pairs(query.as_deref())?)?.into_query(&api);
    let found = api.engine.query(query).await?;
    let callbacks: Vec<_> = found.iter().map(|callback| view(&api, callback)).collect();
    Ok(answer::ok(&json!({"callbacks": callbacks}))?)
}

/// `GET /api/v1/callbacks/count`: how many match, whatever `skip` and `limit`.
pub(in crate::api) async fn count(
    _: Operator,
    State(api): State<Arc<Api>>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let query = Filter::parse(body::query_pairs(query.as_deref())?)?.into_query(&api);
    let count = api.engine.count(query).await?;
    Ok(answer::ok(&json!({"count": count}))?)
}

/// What a query asks for.
#[derive(Debug)]
pub(super) struct Filter {
    service: Option<ServiceName>,
    number: Option<String>,
    conditions: Vec<(String, Vec<String>)>,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
    skip: usize,
    limit: usize,
    newest_first: bool,
}

impl Filter {
    /// The query of the store.
    pub(super) fn into_query(mut self, api: &Api) -> Query {
        if let Some(asked) = self.number.take() {
            let service = self.service.as_ref();
            let service = service.and_then(|name| api.engine.service(name));
            let forms = number::forms(api, service.as_deref(), &asked);
            self.conditions.push(("_customer_number".to_owned(), forms));
        }
        Query {
            service: self.service,
            any: false,
            conditions: self.conditions,
            alive_at: None,
            desired_from: self.from,
            desired_until: self.until,
            skip: self.skip,
            limit: self.limit,
            newest_first: self.newest_first,
        }
    }

    /// Reads the pairs of a query.
    pub(super) fn parse(pairs: Vec<(String, String)>) -> Result<Self, Failure> {
        let mut filter = Self {
            service: None,
            number: None,
            conditions: Vec::new(),
            from: None,
            until: None,
            skip: 0,
            limit: QUERY_MAX,
            newest_first: false,
        };
        let (mut states, mut reasons) = (Vec::new(), Vec::new());
        for (key, value) in pairs {
            match key.as_str() {
                "service" => filter.service = Some(service_name(&value)?),
                "state" => states.push(state(value)?),
                "reason" => reasons.push(value),
                "from" => filter.from = Some(time("from", &value)?),
                "until" => filter.until = Some(time("until", &value)?),
                "order" => filter.newest_first = newest_first(&value)?,
                "skip" => filter.skip = skip(&value)?,
                _ if key.starts_with("data.") => {
                    let name = key.trim_start_matches("data.").to_owned();
                    filter.conditions.push((name, vec![value]));
                }
                "number" => filter.number = Some(value),
                "limit" => filter.limit = limit(&value)?,
                _ => return Err(body::unknown_key(&key, ALLOWED)),
            }
        }
        if !states.is_empty() {
            filter
                .conditions
                .push(("_callback_state".to_owned(), states));
        }
        if !reasons.is_empty() {
            filter
                .conditions
                .push(("_callback_reason".to_owned(), reasons));
        }
        Ok(filter)
    }
}

/// What a query may hold.
const ALLOWED: &str = "service, state, reason, number, from, until, data.<key>, order, skip, limit";

fn state(value: String) -> Result<String, Failure> {
    if CallbackState::ALL
        .iter()
        .any(|state| state.as_str() == value)
    {
        return Ok(value);
    }
    let all: Vec<&str> = CallbackState::ALL
        .iter()
        .map(|state| state.as_str())
        .collect();
    let message = format!("state must be one of {}", all.join(", "));
    Err(Failure::field(ErrorCode::BadParameter, "state", message))
}

fn time(key: &str, value: &str) -> Result<Timestamp, Failure> {
    Timestamp::parse_iso(value).ok_or_else(|| {
        let message = format!("{key} must be a time such as 2026-10-05T13:00:00.000Z");
        Failure::field(ErrorCode::BadParameter, key, message)
    })
}

fn newest_first(value: &str) -> Result<bool, Failure> {
    match value {
        "desired" => Ok(false),
        "newest" => Ok(true),
        _ => {
            let message = "order must be desired or newest";
            Err(Failure::field(ErrorCode::BadParameter, "order", message))
        }
    }
}

fn skip(value: &str) -> Result<usize, Failure> {
    value.parse().map_err(|_text| {
        Failure::field(
            ErrorCode::BadParameter,
            "skip",
            "skip must be a whole number: how many to leave out, e.g. what earlier pages held",
        )
    })
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
        let filter = read("service=billing&state=QUEUED&state=ROUTING&limit=5&skip=10&from=2026-10-05T13:00:00Z&data.topic=x&reason=CANCELLED").unwrap();
        assert_eq!(filter.service, Some(ServiceName::new("billing")));
        assert_eq!(filter.conditions.len(), 3);
        assert_eq!(filter.conditions[0].0, "topic");
        assert_eq!(filter.conditions[1].1, ["QUEUED", "ROUTING"]);
        assert_eq!((filter.skip, filter.from.is_some()), (10, true));
        assert_eq!(filter.limit, 5);
        for query in [
            "limit=0",
            "limit=1001",
            "limit=-1",
            "limit=x",
            "sate=QUEUED",
            "state=queued",
            "state=FOO",
            "skip=-1",
            "order=oldest",
            "from=soon",
        ] {
            assert!(read(query).is_err(), "{query}");
        }
    }
}
