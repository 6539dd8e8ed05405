//! What a request changes: `$name$` tokens first, then overrides (callback-api §1.2).

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::resolve::{Request, ServerDefaults};
use super::{Service, parameter_text};
use crate::limits::TOKEN_VALUE_MAX;
use crate::options::{self, Entry, Status, parse_bool};
use crate::{Error, ErrorCode, ini};

/// Options that are request parameters by design and need no entry in `_overwritable_options`
/// (callback-api §3, notifications §4).
const REQUEST_PARAMETERS: &[&str] = &[
    "_call_direction",
    "_media_type",
    "_wait_for_agent",
    "_wait_for_user_confirm",
    "_urs_virtual_queue",
    "_request_queue_time_stat",
    "_urs_vq_priority",
    "_urs_vq_priority_increment",
    "_urs_vq_priority_increment_interval",
    "_urs_call_interaction_age",
    "_provide_code",
    "_originating_interaction_id",
    "_enable_status_notification",
    "_status_notification_type",
    "_status_notification_target",
    "_status_notification_provider",
    "_status_notification_debug",
    "_status_notification_language",
    "_callback_events_list",
];

/// Parameters that are read elsewhere and are no options to override.
const READ_ELSEWHERE: &[&str] = &["_customer_number", "_desired_time", "_callback_state"];

/// Parameters of the customer's device.
const DEVICE: &[&str] = &["_device_notification_id", "_device_os"];

/// The options of one request: the service's with tokens and overrides applied.
#[derive(Debug, Default)]
pub(super) struct Values {
    map: BTreeMap<String, Text>,
    /// What `[callback]` of the configuration says.
    application: Arc<BTreeMap<String, String>>,
    /// For the history of the callback.
    pub(super) warnings: Vec<String>,
}

/// One value.
#[derive(Debug)]
struct Text {
    value: String,
    /// The request had a part in it.
    from_request: bool,
    /// The service's own text, when it holds a token that the request has filled.
    template: Option<String>,
}

impl Values {
    /// Applies the request to the service.
    ///
    /// # Errors
    ///
    /// `BAD_PARAMETER` for a token value or an override that cannot be used.
    pub(super) fn read(
        service: &Service,
        request: &Request<'_>,
        server: &ServerDefaults,
    ) -> Result<Self, Error> {
        let mut values = Self {
            application: server.application.clone(),
            ..Self::default()
        };
        for (name, text) in &service.options {
            let text = text.trim();
            if text.is_empty() || ini::is_placeholder(text) {
                continue;
            }
            let value = values.fill_tokens(name, text, request)?;
            let filled = value != text;
            let template = filled.then(|| text.to_owned());
            let text = Text {
                value,
                from_request: filled,
                template,
            };
            values.map.insert(name.clone(), text);
        }
        values.override_from(request.parameters)?;
        for (name, text) in values.map.iter().filter(|(_, t)| t.from_request) {
            let Some(entry) = options::find(name) else {
                continue;
            };
            entry
                .kind
                .check(&text.value)
                .map_err(|message| bad(name, &message))?;
        }
        Ok(values)
    }

    /// The value of an option that was set.
    pub(super) fn set(&self, name: &str) -> Option<&str> {
        let text = self.map.get(name)?.value.trim();
        (!text.is_empty()).then_some(text)
    }

    /// All values that were set, credentials left out.
    pub(super) fn open(&self) -> BTreeMap<String, String> {
        let all = self.map.iter();
        all.filter(|(name, _)| !["username", "password"].contains(&name.as_str()))
            .map(|(name, text)| (name.clone(), text.value.clone()))
            .collect()
    }

    /// The value of an option, else that of `[callback]`, else its default.
    pub(super) fn get(&self, name: &str) -> &str {
        self.set(name)
            .or_else(|| self.application.get(name).map(String::as_str))
            .unwrap_or_else(|| options::default_of(name))
    }

    /// The request had a part in the value.
    pub(super) fn is_from_request(&self, name: &str) -> bool {
        self.map.get(name).is_some_and(|text| text.from_request)
    }

    /// The request chose the host of the URL in the value: there is no template, or its host
    /// is another one.
    pub(super) fn is_host_from_request(&self, name: &str, url: &str) -> bool {
        let Some(text) = self.map.get(name).filter(|t| t.from_request) else {
            return false;
        };
        let template = text.template.as_deref().and_then(authority);
        authority(url).is_some_and(|host| template != Some(host))
    }

    /// Set options that are not built yet, with what happens instead.
    pub(super) fn pending(&self) -> BTreeMap<String, String> {
        let told = |(name, text): (&String, &Text)| {
            let entry = options::find(name)?;
            let Status::Pending(instead) = entry.status_of(&text.value) else {
                return None;
            };
            let name = match entry.status {
                Status::Pending(_) => name.clone(),
                _ => format!("{name}={}", text.value),
            };
            is_needed(entry, &|n| self.get(n)).then(|| (name, instead.to_owned()))
        };
        self.map.iter().filter_map(told).collect()
    }

    fn override_from(&mut self, parameters: &Map<String, Value>) -> Result<(), Error> {
        let listed = self.get("_overwritable_options").to_owned();
        let listed: Vec<&str> = ini::list(&listed).map(canonical).collect();
        for given in parameters.keys() {
            let name = canonical(given);
            let Some(value) = parameter_text(parameters, given) else {
                continue;
            };
            if READ_ELSEWHERE.contains(&name) || DEVICE.contains(&name) {
                continue;
            }
            if options::find(name).is_none() {
                // The name comes from outside: it is told within bounds.
                let shown: String = given.chars().take(64).collect();
                self.warnings
                    .push(format!("{shown} is not known; it is kept and not used"));
            } else if listed.contains(&name) || REQUEST_PARAMETERS.contains(&name) {
                if value.contains(char::is_control) {
                    return Err(bad(name, "control characters are not allowed"));
                }
                let text = Text {
                    value,
                    from_request: true,
                    template: None,
                };
                self.map.insert(name.to_owned(), text);
            } else {
                self.warnings.push(format!(
                    "{name} is not in _overwritable_options; the service's value holds"
                ));
            }
        }
        Ok(())
    }

    /// Replaces each `$name$` by the request's value of that name; once, without nesting.
    fn fill_tokens(
        &mut self,
        option: &str,
        text: &str,
        request: &Request<'_>,
    ) -> Result<String, Error> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, name, after)) = next_token(rest) {
            out.push_str(before);
            let found = request
                .parameters
                .get(name)
                .or_else(|| request.user_data.get(name));
            match found {
                Some(value) => out.push_str(token_value(name, value)?),
                None => {
                    self.warnings
                        .push(format!("{option}: the request has no value for ${name}$"));
                    out.push_str(&format!("${name}$"));
                }
            }
            rest = after;
        }
        out.push_str(rest);
        Ok(out)
    }
}

/// Tells whether a value holds a `$name$` token.
pub(super) fn has_token(value: &str) -> bool {
    next_token(value).is_some()
}

/// The option that switches this one on is on, or there is none.
pub(super) fn is_needed<'a>(entry: &Entry, value_of: &dyn Fn(&str) -> &'a str) -> bool {
    entry.needs.is_none_or(|needs| {
        let value = value_of(needs);
        !value.is_empty() && parse_bool(value) != Some(false)
    })
}

/// Text before the first token, its name, text after it.
fn next_token(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    loop {
        let start = from + text.get(from..)?.find('$')?;
        let inner = text.get(start + 1..)?;
        let length = inner.find('$')?;
        let (name, after) = inner.split_at(length);
        let is_name = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        if !name.is_empty() && name.chars().all(is_name) {
            return Some((text.get(..start)?, name, after.get(1..)?));
        }
        from = start + 1;
    }
}

fn token_value<'v>(name: &str, value: &'v Value) -> Result<&'v str, Error> {
    let text = value
        .as_str()
        .ok_or_else(|| bad(name, "the value of a token has to be text"))?;
    if text.len() > TOKEN_VALUE_MAX {
        return Err(bad(
            name,
            &format!("the value of a token has at most {TOKEN_VALUE_MAX} bytes"),
        ));
    }
    if text.contains(char::is_control) {
        return Err(bad(name, "control characters are not allowed"));
    }
    Ok(text)
}

fn canonical(name: &str) -> &str {
    options::find(name)
        .filter(|e| !e.name.ends_with("<n>"))
        .map_or(name, |e| e.name)
}

/// Host and port of a URL, credentials included.
fn authority(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    rest.split(['/', '?', '#', '\\']).next()
}

/// A parameter or option that cannot be used.
pub(super) fn bad(name: &str, message: &str) -> Error {
    Error::new(ErrorCode::BadParameter, format!("{name}: {message}")).field(name)
}
