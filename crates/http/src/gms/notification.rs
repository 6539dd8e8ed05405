//! The Notification API: subscribe and publish (notifications §7.4).

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use callback::ErrorCode;
use callback::events::CHANNELS;
use callback::limits::BODY_MAX;
use callback::options::parse_bool;
use callback::service::{is_language, parameter_text};
use engine::Subscription;
use serde_json::{Map, Value, json};

use crate::error::{Failure, GmsError};
use crate::limits::SUBSCRIPTION_TEXT_MAX;
use crate::{Api, answer, auth, body};

/// Types that the original knows and this server does not deliver to, with the reason
/// (decision 0013).
const NOT_AVAILABLE: &[(&str, &str)] = &[
    ("fcm", NO_KEYS),
    ("android", NO_KEYS),
    ("gcm", NO_KEYS),
    ("ios", "pushes to devices need a bridge of your own"),
    ("comet", "read GET /api/v1/events/tail instead"),
];
const NO_KEYS: &str = "Google has closed the interface that takes API keys";

/// `POST /genesys/1/notification/subscribe`.
pub(super) async fn subscribe(
    State(api): State<Arc<Api>>,
    request: Request,
) -> Result<Response, GmsError> {
    let who = auth::subscriber(&api, request.headers())?;
    check_json(request.headers())?;
    let keys = body::read(request, BODY_MAX).await?.json()?;
    let mut wanted = subscription(&keys)?;
    if !who.may_hear(&wanted.filter) {
        let message = "These credentials hear of their own service: begin each part of the filter \
                       with callback.<service>.";
        return Err(Failure::field(ErrorCode::Unauthorized, "filter", message).into());
    }
    wanted.guarded = !matches!(who, auth::Subscriber::Operator);
    let (id, expires) = api.engine.subscribe(wanted).await?;
    Ok(answer::ok(&json!({"id": id, "expires": expires.to_iso()}))?)
}

/// `POST /genesys/1/notification/publish`; for orchestration-side programs.
pub(super) async fn publish(
    State(api): State<Arc<Api>>,
    request: Request,
) -> Result<Response, GmsError> {
    auth::operator(&api, request.headers())?;
    check_json(request.headers())?;
    let keys = body::read(request, BODY_MAX).await?.json()?;
    let tag = mandatory(&keys, "tag")?;
    let message = match keys.get("message") {
        None | Some(Value::Null) => return Err(missing("message").into()),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let matched = api.engine.publish(&tag, &message).await?;
    Ok(answer::ok(&json!({"matched": matched}))?)
}

/// A wrong or missing content type is refused.
fn check_json(headers: &HeaderMap) -> Result<(), Failure> {
    let is_json = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.split(';').next())
        .is_some_and(|text| text.trim().eq_ignore_ascii_case("application/json"));
    if is_json {
        Ok(())
    } else {
        Err(Failure::new(ErrorCode::MediaType, "Send application/json"))
    }
}

fn missing(key: &str) -> Failure {
    Failure::field(ErrorCode::MissingKey, key, format!("{key} is missing"))
}

fn bad(key: &str, message: &str) -> Failure {
    Failure::field(ErrorCode::BadParameter, key, format!("{key}: {message}"))
}

fn mandatory(keys: &Map<String, Value>, key: &str) -> Result<String, Failure> {
    optional(keys, key)?.ok_or_else(|| missing(key))
}

fn optional(keys: &Map<String, Value>, key: &str) -> Result<Option<String>, Failure> {
    let text = parameter_text(keys, key);
    match &text {
        Some(text) if text.len() > SUBSCRIPTION_TEXT_MAX || text.contains(char::is_control) => {
            let message =
                format!("at most {SUBSCRIPTION_TEXT_MAX} bytes without control characters");
            Err(bad(key, &message))
        }
        _ => Ok(text),
    }
}

fn subscription(keys: &Map<String, Value>) -> Result<Subscription, Failure> {
    let none = Map::new();
    let details = match keys.get("notificationDetails") {
        None => return Err(missing("notificationDetails")),
        Some(Value::Object(details)) => details,
        Some(_) => return Err(bad("notificationDetails", "a JSON object is needed")),
    };
    let properties = details
        .get("properties")
        .and_then(Value::as_object)
        .unwrap_or(&none);
    let channel = mandatory(details, "type")?.to_ascii_lowercase();
    if let Some((_, reason)) = NOT_AVAILABLE.iter().find(|(name, _)| *name == channel) {
        let message = format!(
            "The type {channel} is not available: {reason}; httpcb, orscb and customhttp are"
        );
        return Err(Failure::field(ErrorCode::NotAvailable, "type", message));
    }
    if !CHANNELS.contains(&channel.as_str()) {
        return Err(bad("type", "one of httpcb, orscb, customhttp"));
    }
    let device = mandatory(details, "deviceId")?;
    if channel == "httpcb" && !(device.starts_with("http://") || device.starts_with("https://")) {
        return Err(bad("deviceId", "write an http:// or https:// URL"));
    }
    let authorization = optional(keys, "authorization")?.unwrap_or_default();
    if STANDARD.decode(&authorization).is_err() {
        return Err(bad("authorization", "base64 of user:password"));
    }
    let language = optional(keys, "language")?.unwrap_or_default();
    if !is_language(&language) {
        return Err(bad("language", "write a language such as en or de-CH"));
    }
    let debug = match parameter_text(properties, "debug") {
        None => false,
        Some(text) => parse_bool(&text).ok_or_else(|| bad("debug", "true or false"))?,
    };
    let expire_s = match optional(keys, "expire")? {
        None => None,
        Some(text) => Some(
            text.parse()
                .map_err(|_error| bad("expire", "a number of seconds"))?,
        ),
    };
    Ok(Subscription {
        subscriber: mandatory(keys, "subscriberId")?,
        filter: mandatory(keys, "filter")?,
        channel,
        device,
        provider: optional(keys, "providerName")?.unwrap_or_default(),
        authorization,
        language,
        debug,
        guarded: true,
        expire_s,
    })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;
    use crate::testing::phrase;

    fn full() -> Value {
        json!({"subscriberId": "crm-7", "providerName": "", "filter": "callback.billing.*",
            "notificationDetails": {"deviceId": "https://crm.example.net/in", "type": "httpcb",
                "properties": {"debug": "true"}}, "expire": 3600})
    }

    fn read(value: &Value) -> Result<Subscription, String> {
        subscription(value.as_object().unwrap()).map_err(|failure| phrase(&failure))
    }

    #[test]
    fn a_subscription_is_read() {
        let s = read(&full()).unwrap();
        assert_eq!(
            (s.subscriber.as_str(), s.channel.as_str()),
            ("crm-7", "httpcb")
        );
        assert_eq!((s.expire_s, s.debug, s.guarded), (Some(3600), true, true));
    }

    #[test]
    fn missing_and_wrong_fields_are_named() {
        for (path, value, expected) in [
            ("subscriberId", Value::Null, "MISSING_KEY"),
            ("filter", json!(""), "MISSING_KEY"),
            ("notificationDetails", json!(1), "BAD_PARAMETER"),
            ("expire", json!("soon"), "BAD_PARAMETER"),
            ("authorization", json!("%"), "BAD_PARAMETER"),
            ("notificationDetails.type", json!("fcm"), "NOT_AVAILABLE"),
            ("notificationDetails.type", json!("comet"), "NOT_AVAILABLE"),
            ("language", json!("en\u{e9}"), "BAD_PARAMETER"),
            (
                "notificationDetails.properties",
                json!({"debug": "maybe"}),
                "BAD_PARAMETER",
            ),
            ("notificationDetails.type", json!("fax"), "BAD_PARAMETER"),
            (
                "notificationDetails.deviceId",
                json!("crm"),
                "BAD_PARAMETER",
            ),
            ("notificationDetails.deviceId", Value::Null, "MISSING_KEY"),
            ("subscriberId", json!("x".repeat(3000)), "BAD_PARAMETER"),
        ] {
            let mut body = full();
            match path.split_once('.') {
                Some((outer, inner)) => body[outer][inner] = value,
                None => body[path] = value,
            }
            assert_eq!(read(&body).unwrap_err(), expected, "{path}");
        }
    }

    #[test]
    fn only_json_is_read() {
        let mut headers = HeaderMap::new();
        assert_eq!(
            check_json(&headers).map_err(|f| phrase(&f)),
            Err("MEDIA_TYPE".to_owned())
        );
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        assert!(check_json(&headers).is_err());
        let json = HeaderValue::from_static("application/json; charset=utf-8");
        headers.insert(header::CONTENT_TYPE, json);
        assert!(check_json(&headers).is_ok());
    }
}
