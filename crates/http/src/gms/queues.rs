//! `GET {app}/1/admin/callback/queues`: callbacks of many services for a supervisor
//! (callback-api §6.4).

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use callback::{ErrorCode, ServiceName, Timestamp, ini};
use serde_json::{Map, Value};
use store::Query;

use super::record::record;
use crate::error::{Failure, GmsError};
use crate::path::service_name;
use crate::{Api, answer, auth, body};

/// Records per service when the query does not say (callback-api §6.4).
const MAX_DEFAULT: usize = 500;

pub(super) async fn queues(
    State(api): State<Arc<Api>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, GmsError> {
    auth::operator(&api, &headers)?;
    let filters: Vec<String> = ini::list(api.engine.application_option("filter-keys"))
        .map(str::to_owned)
        .collect();
    let asked = Asked::parse(body::query_pairs(query.as_deref())?, &filters)?;
    let mut answer = Map::new();
    for service in asked.services(&api)? {
        let found = api
            .engine
            .query(asked.query(&api, service.name.clone()))
            .await?;
        let records = found
            .iter()
            .map(|callback| Value::Object(record(&api, callback, Some(&service))))
            .collect();
        answer.insert(service.name.to_string(), Value::Array(records));
    }
    Ok(answer::ok(&answer)?)
}

/// What the query asks for.
#[derive(Debug, Default)]
struct Asked {
    targets: Vec<String>,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
    max: Option<usize>,
    conditions: Vec<(String, Vec<String>)>,
}

impl Asked {
    fn parse(pairs: Vec<(String, String)>, filters: &[String]) -> Result<Self, Failure> {
        let mut asked = Self::default();
        for (key, value) in pairs {
            match key.as_str() {
                "target" => asked.targets.extend(ini::list(&value).map(str::to_owned)),
                "start_time" => asked.from = Some(time(&key, &value)?),
                "end_time" => asked.until = Some(time(&key, &value)?),
                "max" => asked.max = Some(max(&value)?),
                _ if filters.contains(&key) => {
                    match asked.conditions.iter_mut().find(|(known, _)| *known == key) {
                        Some((_, values)) => values.push(value),
                        None => asked.conditions.push((key, vec![value])),
                    }
                }
                _ => {
                    let allowed =
                        format!("target, start_time, end_time, max, {}", filters.join(", "));
                    return Err(body::unknown_key(&key, &allowed));
                }
            }
        }
        Ok(asked)
    }

    /// The named services, or all that take callbacks.
    fn services(&self, api: &Api) -> Result<Vec<Arc<callback::service::Service>>, Failure> {
        if self.targets.is_empty() {
            let mut all = api.engine.services();
            all.retain(|service| service.is_callback());
            return Ok(all);
        }
        let find = |name: &String| {
            let found = api.engine.service(&service_name(name)?);
            found.ok_or_else(|| Failure::new(ErrorCode::NotFound, "There is no such service"))
        };
        self.targets.iter().map(find).collect()
    }

    fn query(&self, api: &Api, service: ServiceName) -> Query {
        Query {
            service: Some(service),
            conditions: self.conditions.clone(),
            alive_at: Some(api.engine.now()),
            desired_from: self.from,
            desired_until: self.until,
            limit: self.max.unwrap_or(MAX_DEFAULT),
            ..Query::default()
        }
    }
}

fn time(key: &str, value: &str) -> Result<Timestamp, Failure> {
    Timestamp::parse_iso(value).ok_or_else(|| {
        let message = format!("{key} must be a time such as 2026-10-05T13:00:00.000Z");
        Failure::field(ErrorCode::BadParameter, key, message)
    })
}

fn max(value: &str) -> Result<usize, Failure> {
    match value.parse() {
        Ok(max @ 1..=callback::limits::QUERY_MAX) => Ok(max),
        Ok(_) | Err(_) => {
            let message = format!(
                "max must be a number from 1 to {}",
                callback::limits::QUERY_MAX
            );
            Err(Failure::field(ErrorCode::BadParameter, "max", message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::phrase;

    fn parse(query: &str) -> Result<Asked, String> {
        let filters = ["_callback_state".to_owned(), "_vq".to_owned()];
        let pairs = body::query_pairs(Some(query)).map_err(|f| phrase(&f))?;
        Asked::parse(pairs, &filters).map_err(|f| phrase(&f))
    }

    #[test]
    fn only_filters_of_the_configuration_are_taken() {
        let asked = parse("target=a,b&max=5&_vq=VQ&_vq=VR&end_time=2026-10-05T13:00:00Z").unwrap();
        assert_eq!(asked.targets, ["a", "b"]);
        assert_eq!(asked.max, Some(5));
        assert_eq!(
            asked.conditions,
            [("_vq".to_owned(), vec!["VQ".to_owned(), "VR".to_owned()])]
        );
        assert!(asked.until.is_some());
        for query in ["_callback_reason=x", "max=0", "max=1001", "end_time=soon"] {
            assert_eq!(parse(query).unwrap_err(), "BAD_PARAMETER", "{query}");
        }
    }
}
