//! `GET …/{service}?…`: finds callbacks by their properties (callback-api §6.1).

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use callback::limits::QUERY_MAX;
use callback::service::Service;
use callback::{ErrorCode, ServiceName};
use store::Query;

use super::record::record;
use crate::error::{Failure, GmsError};
use crate::path::{GmsPath, service_name};
use crate::{Api, answer, auth, body, number};

pub(super) async fn query(
    State(api): State<Arc<Api>>,
    GmsPath(name): GmsPath<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, GmsError> {
    let name = service_name(&name)?;
    let service = auth::service(&api, &headers, &name)?;
    let conditions = Conditions::parse(body::query_pairs(query.as_deref())?, &service)?;
    let query = conditions.into_query(&api, name, &service);
    let found = api.engine.query(query).await?;
    let records: Vec<_> = found
        .iter()
        .map(|callback| record(&api, callback, Some(&service)))
        .collect();
    Ok(answer::ok(&records)?)
}

/// What a query asks for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Conditions {
    any: bool,
    /// Key and accepted values, in the order of the first mention.
    keys: Vec<(String, Vec<String>)>,
}

impl Conditions {
    fn parse(pairs: Vec<(String, String)>, service: &Service) -> Result<Self, Failure> {
        let mut lookup = service.lookup_keys();
        lookup.extend(["_id", "_callback_state"]);
        Self::parse_with(pairs, &lookup)
    }

    fn parse_with(pairs: Vec<(String, String)>, lookup: &[&str]) -> Result<Self, Failure> {
        let mut conditions = Self::default();
        for (key, value) in pairs {
            if key == "operand" {
                conditions.any = match value.to_ascii_uppercase().as_str() {
                    "AND" => false,
                    "OR" => true,
                    _ => {
                        return Err(Failure::field(
                            ErrorCode::BadParameter,
                            "operand",
                            "operand must be AND or OR",
                        ));
                    }
                };
                continue;
            }
            if !lookup.contains(&key.as_str()) {
                return Err(body::unknown_key(
                    &key,
                    &format!("operand, {}", lookup.join(", ")),
                ));
            }
            match conditions.keys.iter_mut().find(|(known, _)| *known == key) {
                Some((_, values)) => values.push(value),
                None => conditions.keys.push((key, vec![value])),
            }
        }
        Ok(conditions)
    }

    fn into_query(mut self, api: &Api, name: ServiceName, service: &Service) -> Query {
        for (key, values) in &mut self.keys {
            if key == "_customer_number" {
                *values = values
                    .iter()
                    .flat_map(|v| number::forms(api, Some(service), v))
                    .collect();
            }
        }
        Query {
            service: Some(name),
            any: self.any,
            conditions: self.keys,
            alive_at: Some(api.engine.now()),
            limit: QUERY_MAX,
            ..Query::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::phrase;

    fn parse(query: &str) -> Result<Conditions, String> {
        let pairs = body::query_pairs(Some(query)).map_err(|f| phrase(&f))?;
        let lookup = ["_customer_number", "topic", "_id", "_callback_state"];
        Conditions::parse_with(pairs, &lookup).map_err(|f| phrase(&f))
    }

    #[test]
    fn repeated_keys_collect_their_values() {
        let got = parse("_callback_state=QUEUED&topic=a%20b&_callback_state=ROUTING").unwrap();
        let states = vec!["QUEUED".to_owned(), "ROUTING".to_owned()];
        assert_eq!(
            got.keys,
            [
                ("_callback_state".to_owned(), states),
                ("topic".to_owned(), vec!["a b".to_owned()])
            ]
        );
        assert!(!got.any);
        assert_eq!(parse("").unwrap(), Conditions::default());
    }

    #[test]
    fn the_operand_is_and_or_or() {
        assert!(parse("operand=OR").unwrap().any);
        assert!(!parse("operand=and").unwrap().any);
        assert_eq!(parse("operand=XOR"), Err("BAD_PARAMETER".to_owned()));
    }

    #[test]
    fn keys_that_are_not_searchable_are_refused_by_name() {
        let failure = Conditions::parse_with(vec![("_ttl".into(), "1".into())], &[]).unwrap_err();
        assert!(format!("{failure:?}").contains("'_ttl'"), "{failure:?}");
        assert_eq!(
            parse("_customer_number=1&%00x=2"),
            Err("BAD_PARAMETER".to_owned())
        );
        assert_eq!(parse("&&=&"), Err("BAD_PARAMETER".to_owned()));
    }
}
