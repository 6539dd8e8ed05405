//! `PUT /api/v1/services/{name}` with `{"options": {…}}`: makes a service or replaces its options.
//!
//! The options go through the import, so that a form and a file are judged by the same rules; the
//! report names the option at fault. A hidden password that comes back stays what it was.

use std::sync::Arc;

use axum::extract::{RawQuery, Request, State};
use axum::response::Response;
use callback::limits::IMPORT_MAX;
use callback::service::Service;
use callback::{ErrorCode, ServiceName};
use serde_json::{Map, Value};

use super::list::HIDDEN;
use crate::api::{Operator, import_answer, mode};
use crate::error::{ApiError, Failure};
use crate::path::{ApiPath, service_name};
use crate::{Api, body};

pub(in crate::api) async fn put(
    operator: Operator,
    State(api): State<Arc<Api>>,
    ApiPath(name): ApiPath<String>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Result<Response, ApiError> {
    let mode = mode::parse(query.as_deref())?;
    let name = checked(&name)?;
    let keys = body::read(request, IMPORT_MAX).await?.json()?;
    let before = api.engine.service(&name);
    let service = Service {
        options: options(&keys, before.as_deref())?,
        name,
    };
    let by = operator.author("form");
    let text = service.to_ini();
    let import = api.engine.import_services(&text, mode, by).await?;
    Ok(import_answer(&import)?)
}

/// A name that stands in a section head and in paths as it is.
fn checked(text: &str) -> Result<ServiceName, Failure> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    if text.is_empty() || !text.chars().all(fits) {
        let message = "A service's name has letters, digits, - _ and . only";
        return Err(Failure::field(ErrorCode::BadParameter, "name", message));
    }
    service_name(text)
}

fn options(
    keys: &Map<String, Value>,
    before: Option<&Service>,
) -> Result<Vec<(String, String)>, Failure> {
    let bad = |field: &str, message: &str| Failure::field(ErrorCode::BadParameter, field, message);
    let options = keys.get("options").and_then(Value::as_object);
    let (Some(options), 1) = (options, keys.len()) else {
        return Err(bad(
            "options",
            "The body has the key options only, an object",
        ));
    };
    let mut out = Vec::with_capacity(options.len());
    for (name, value) in options {
        // What would be read as something else in the file is refused here.
        if name.is_empty() || name.contains(|c: char| c.is_control() || "=[]#;".contains(c)) {
            return Err(bad(name, "This is no name of an option"));
        }
        let Some(mut value) = value.as_str() else {
            return Err(bad(name, "The value of an option is a text"));
        };
        if value == HIDDEN {
            value = before
                .and_then(|service| service.get(name))
                .unwrap_or_default();
        }
        out.push((name.clone(), value.to_owned()));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_stay_in_their_place() {
        assert!(checked("billing-1_a.b").is_ok());
        for name in ["", "a]\nb", "a b", "ä", "../x", &"x".repeat(300)] {
            assert!(checked(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_hidden_password_stays_and_bad_options_are_named() {
        let before = Service {
            name: ServiceName::new("a"),
            options: vec![("password".to_owned(), "secret".to_owned())],
        };
        let read = |body: Value| options(body.as_object().unwrap(), Some(&before));
        let kept = read(json!({"options": {"password": HIDDEN, "_ttl": "5"}})).unwrap();
        assert_eq!(kept[0], ("password".to_owned(), "secret".to_owned()));
        assert_eq!(kept[1].1, "5");
        for body in [
            json!({}),
            json!({"options": []}),
            json!({"options": {}, "x": 1}),
            json!({"options": {"a": 1}}),
            json!({"options": {"a=b": ""}}),
            json!({"options": {"[service.b]": ""}}),
            json!({"options": {"a\nb": ""}}),
        ] {
            assert!(read(body.clone()).is_err(), "{body}");
        }
    }
}
