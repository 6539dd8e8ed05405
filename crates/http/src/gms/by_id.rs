//! One record by its id (callback-api §6.2); the record's own `_url` answers as well.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use callback::{Callback, CallbackId, ErrorCode};

use super::record::record;
use crate::error::{Failure, GmsError};
use crate::path::{GmsPath, callback_id, service_name};
use crate::{Api, answer, auth, body};

/// `GET /genesys/1/service/callback?_id=…`
pub(super) async fn by_query(
    State(api): State<Arc<Api>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, GmsError> {
    let asked = single_id(body::query_pairs(query.as_deref())?)?;
    let Ok(id) = callback_id(&asked) else {
        return Err(auth::unknown_id(&api, &headers).into());
    };
    let Some(callback) = alive(&api, &id).await? else {
        return Err(auth::unknown_id(&api, &headers).into());
    };
    answer(&api, &headers, &callback)
}

/// `GET …/{service}/{id}`
pub(super) async fn by_path(
    State(api): State<Arc<Api>>,
    GmsPath((name, id)): GmsPath<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, GmsError> {
    let name = service_name(&name)?;
    auth::service(&api, &headers, &name)?;
    match alive(&api, &callback_id(&id)?).await? {
        Some(callback) if *callback.service() == name => answer(&api, &headers, &callback),
        Some(_) | None => {
            Err(Failure::new(ErrorCode::NotFound, "There is no such callback").into())
        }
    }
}

fn answer(api: &Api, headers: &HeaderMap, callback: &Callback) -> Result<Response, GmsError> {
    let service = match auth::service(api, headers, callback.service()) {
        Ok(service) => Some(service),
        // The service was removed: whoever may use the server still sees the record.
        Err(failure) if api.engine.service(callback.service()).is_none() => {
            auth::operator(api, headers).map_err(|_stranger| failure)?;
            None
        }
        Err(failure) => return Err(failure.into()),
    };
    Ok(answer::ok(&record(api, callback, service.as_deref()))?)
}

/// The callback of a path without a service, for those who may use its service.
pub(super) async fn open_to_caller(
    api: &Api,
    headers: &HeaderMap,
    id: &str,
) -> Result<Callback, Failure> {
    let Ok(id) = callback_id(id) else {
        return Err(auth::unknown_id(api, headers));
    };
    let Some(callback) = alive(api, &id).await? else {
        return Err(auth::unknown_id(api, headers));
    };
    if api.engine.service(callback.service()).is_none() {
        // The service was removed: whoever may use the server still sees the record.
        auth::operator(api, headers)?;
    } else {
        auth::service(api, headers, callback.service())?;
    }
    Ok(callback)
}

/// The callback while its `_ttl` runs; afterwards it is gone from this surface.
async fn alive(api: &Api, id: &CallbackId) -> Result<Option<Callback>, Failure> {
    let now = api.engine.now();
    Ok(api
        .engine
        .callback(id)
        .await?
        .filter(|callback| callback.expires > now))
}

fn single_id(pairs: Vec<(String, String)>) -> Result<String, Failure> {
    let mut id = None;
    for (key, value) in pairs {
        if key != "_id" {
            return Err(body::unknown_key(&key, "_id"));
        }
        if id.replace(value).is_some() {
            return Err(Failure::field(
                ErrorCode::BadParameter,
                "_id",
                "Give one _id only",
            ));
        }
    }
    id.filter(|id| !id.is_empty()).ok_or_else(|| {
        Failure::field(
            ErrorCode::MissingKey,
            "_id",
            "The query needs _id; or add the service name",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::phrase;

    #[test]
    fn exactly_one_id_is_read() {
        let id = |query: &str| {
            single_id(body::query_pairs(Some(query)).unwrap()).map_err(|f| phrase(&f))
        };
        assert_eq!(id("_id=1-a"), Ok("1-a".to_owned()));
        assert_eq!(id(""), Err("MISSING_KEY".to_owned()));
        assert_eq!(id("_id="), Err("MISSING_KEY".to_owned()));
        assert_eq!(id("_id=1&_id=2"), Err("BAD_PARAMETER".to_owned()));
        assert_eq!(id("_id=1&x=2"), Err("BAD_PARAMETER".to_owned()));
    }
}
