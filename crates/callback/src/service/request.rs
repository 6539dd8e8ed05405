//! The body of a create request: parameters, attached data, mandatory keys and bounds.

use serde_json::{Map, Value};

use super::Service;
use crate::limits::{USER_DATA_KEYS_MAX, USER_DATA_MAX};
use crate::{Error, ErrorCode, Timestamp};

/// Splits a body into service parameters (leading `_`) and attached data of the user; data that
/// is no text is kept as its JSON text, `null` as an empty text.
#[must_use]
pub fn split_body(body: Map<String, Value>) -> (Map<String, Value>, Map<String, Value>) {
    let (mut parameters, mut user_data) = (Map::new(), Map::new());
    for (key, value) in body {
        if key.starts_with('_') {
            parameters.insert(key, value);
        } else {
            let text = match value {
                Value::String(text) => text,
                Value::Null => String::new(),
                other => other.to_string(),
            };
            user_data.insert(key, Value::String(text));
        }
    }
    (parameters, user_data)
}

/// A parameter as text: texts as they are, other JSON as its text; `None` when it is absent,
/// `null` or blank.
#[must_use]
pub fn parameter_text(map: &Map<String, Value>, name: &str) -> Option<String> {
    let text = match map.get(name)? {
        Value::Null => return None,
        Value::String(text) => text.trim().to_owned(),
        other => other.to_string(),
    };
    (!text.is_empty()).then_some(text)
}

/// Checks that the request has the keys of `_mandatory_customer_lookup_keys`.
///
/// # Errors
///
/// `MISSING_KEY`, naming the first key that is missing or empty.
pub fn check_mandatory_keys(
    service: &Service,
    parameters: &Map<String, Value>,
    user_data: &Map<String, Value>,
) -> Result<(), Error> {
    for key in service.mandatory_keys() {
        let found = parameter_text(parameters, key).or_else(|| parameter_text(user_data, key));
        if found.is_none() {
            let message = format!("The key {key} is mandatory for this service and is missing");
            return Err(Error::new(ErrorCode::MissingKey, message).field(key));
        }
    }
    Ok(())
}

/// Checks the bounds of attached data.
///
/// # Errors
///
/// `TOO_LARGE` above 200 keys or 64 KiB of JSON text.
pub fn check_user_data(user_data: &Map<String, Value>) -> Result<(), Error> {
    if user_data.len() > USER_DATA_KEYS_MAX {
        let message = format!("Attached data has more than {USER_DATA_KEYS_MAX} keys");
        return Err(Error::new(ErrorCode::TooLarge, message));
    }
    let bytes = serde_json::to_string(user_data).map_or(usize::MAX, |text| text.len());
    if bytes > USER_DATA_MAX {
        let message = format!("Attached data is larger than {USER_DATA_MAX} bytes");
        return Err(Error::new(ErrorCode::TooLarge, message));
    }
    Ok(())
}

/// `_desired_time` of a request; `None` = immediate.
///
/// # Errors
///
/// `BAD_PARAMETER` when it is no time.
pub fn desired_time(parameters: &Map<String, Value>) -> Result<Option<Timestamp>, Error> {
    let Some(text) = parameter_text(parameters, "_desired_time") else {
        return Ok(None);
    };
    let time = Timestamp::parse_iso(&text).ok_or_else(|| {
        let message = "_desired_time is no time; write it like 2026-10-05T13:00:00.000Z";
        Error::new(ErrorCode::BadParameter, message).field("_desired_time")
    })?;
    Ok(Some(time))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ServiceName;

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn a_body_is_split_by_the_leading_underscore() {
        let body = json!({"_customer_number": "5115", "_wait_for_agent": true,
            "name": "Kim", "age": 7, "tags": ["a"], "none": null});
        let (parameters, data) = split_body(map(body));
        assert_eq!(
            Value::Object(parameters.clone()),
            json!({"_customer_number": "5115", "_wait_for_agent": true})
        );
        assert_eq!(
            Value::Object(data),
            json!({"name": "Kim", "age": "7", "tags": "[\"a\"]", "none": ""})
        );
        assert_eq!(
            parameter_text(&parameters, "_wait_for_agent").as_deref(),
            Some("true")
        );
    }

    #[test]
    fn mandatory_keys_may_be_parameters_or_data_but_not_empty() {
        let keys = String::from("_customer_number, account");
        let service = Service {
            name: ServiceName::new("s"),
            options: vec![(String::from("_mandatory_customer_lookup_keys"), keys)],
        };
        let check = |parameters: Value, data: Value| {
            check_mandatory_keys(&service, &map(parameters), &map(data))
                .map_err(|e| (e.code.phrase(), e.field.unwrap_or_default()))
        };
        assert_eq!(
            check(json!({"_customer_number": "1"}), json!({"account": "2"})),
            Ok(())
        );
        let missing = |key: &str| Err(("MISSING_KEY", key.to_owned()));
        assert_eq!(
            check(json!({"_customer_number": "1"}), json!({})),
            missing("account")
        );
        assert_eq!(
            check(json!({"_customer_number": " "}), json!({})),
            missing("_customer_number")
        );
        assert_eq!(check(json!({}), json!({})), missing("_customer_number"));
    }

    #[test]
    fn attached_data_is_bounded() {
        let keys = |n: usize| {
            (0..n)
                .map(|i| (format!("k{i}"), json!("v")))
                .collect::<Map<_, _>>()
        };
        assert!(check_user_data(&keys(USER_DATA_KEYS_MAX)).is_ok());
        assert!(check_user_data(&keys(USER_DATA_KEYS_MAX + 1)).is_err());
        let big = map(json!({"k": "x".repeat(USER_DATA_MAX)}));
        assert_eq!(
            check_user_data(&big).map_err(|e| e.code),
            Err(ErrorCode::TooLarge)
        );
    }

    #[test]
    fn a_desired_time_is_read_or_refused() {
        let read = |value: Value| desired_time(&map(json!({"_desired_time": value})));
        assert_eq!(read(json!("")).unwrap(), None);
        assert!(read(json!("2026-10-05T13:00:00.000Z")).unwrap().is_some());
        assert_eq!(
            read(json!("soon")).map_err(|e| e.code),
            Err(ErrorCode::BadParameter)
        );
    }
}
