//! Status notifications of one callback: precedence per parameter, the event plan
//! (notifications §3, §4, §8).

use std::sync::Arc;

use serde_json::{Map, Value};

use super::overrides::{Values, bad};
use super::resolve::{ServerDefaults, flag, number};
use crate::events;
use crate::limits::{SCHEDULE_PAUSE_MAX_S, SCHEDULE_STEPS_MAX};
use crate::options::{self, Kind, parse_bool};
use crate::settings::{EventPlan, Events, NotificationMode, NotificationSettings};
use crate::transaction_list::{Lookup, TransactionList, Wanted};
use crate::{Error, ErrorCode, ini, mask};

const TARGET: &str = "_status_notification_target";

/// Parameters of [`NotificationSettings`]: request, then service, then the list's properties,
/// then the default.
struct Sources<'a> {
    values: &'a Values,
    list: Option<&'a TransactionList>,
}

impl Sources<'_> {
    fn get(&self, name: &str) -> &str {
        self.values
            .set(name)
            .or_else(|| self.list?.property(name))
            .unwrap_or_else(|| options::default_of(name))
    }

    /// The value after the check of its kind.
    fn checked(&self, name: &str) -> Result<&str, Error> {
        let value = self.get(name);
        match options::find(name).map(|entry| entry.kind.check(value)) {
            Some(Err(message)) => Err(bad(name, &message)),
            _ => Ok(value),
        }
    }

    fn word(&self, name: &str) -> Result<String, Error> {
        self.checked(name).map(str::to_ascii_lowercase)
    }
}

/// Resolves and freezes what a callback publishes.
///
/// # Errors
/// `BAD_PARAMETER` for values that cannot be used and for a missing target, `ADDRESS_NOT_ALLOWED`
/// for a request's target when the server takes none.
pub(super) fn resolve(
    values: &mut Values,
    server: &ServerDefaults,
    lists: Lookup<'_>,
) -> Result<NotificationSettings, Error> {
    let events_list = values.get("_callback_events_list").to_owned();
    let list: Option<Arc<TransactionList>> = if events_list.is_empty() {
        None
    } else {
        lists(&events_list)
    };
    let sources = Sources {
        values,
        list: list.as_deref(),
    };
    let word = sources.word("_enable_status_notification")?;
    let mode = match word.as_str() {
        "notify" => NotificationMode::Notify,
        "subscribe_notify" | "true" => NotificationMode::SubscribeNotify,
        _ => NotificationMode::Off,
    };
    let target = sources.get(TARGET).to_owned();
    let target_from_request = values.is_from_request(TARGET);
    if target_from_request && !target.is_empty() && !server.allow_request_target {
        let message = "_status_notification_target: this server takes no targets from requests";
        return Err(Error::new(ErrorCode::AddressNotAllowed, message).field(TARGET));
    }
    let is_url = !target.is_empty() && Kind::Url.check(&target).is_ok();
    let mut channel = sources.word("_status_notification_type")?;
    if channel.is_empty() && is_url {
        channel = String::from("httpcb");
    }
    let is_missing = !events_list.is_empty() && list.is_none();
    if mode == NotificationMode::SubscribeNotify && !is_missing {
        check_target(&target, &channel, is_url)?;
    }
    let events = match &list {
        Some(list) => Events::List(list.wanted()),
        None if is_missing => Events::MissingList,
        None => Events::DefaultSet,
    };
    let settings = NotificationSettings {
        mode,
        channel,
        target,
        target_from_request,
        provider: sources.get("_status_notification_provider").to_owned(),
        debug: parse_bool(sources.checked("_status_notification_debug")?).unwrap_or(false),
        language: language(sources.get("_status_notification_language"))?,
        events_list,
        plan: plan(values, server, events)?,
    };
    if word == "true" {
        let warning = "_enable_status_notification = true is read as subscribe_notify";
        values.warnings.push(warning.to_owned());
    }
    if is_missing {
        values.warnings.push(format!(
            "there is no Transaction List {}: nothing is published",
            settings.events_list
        ));
    }
    Ok(settings)
}

/// The value of `Content-Language`; the original prints the default as `false` (§12, 14).
fn language(value: &str) -> Result<String, Error> {
    const NAME: &str = "_status_notification_language";
    if value.eq_ignore_ascii_case("false") {
        return Ok(String::new());
    }
    if !is_language(value) {
        return Err(bad(NAME, "write a language such as en or de-CH"));
    }
    Ok(value.to_owned())
}

/// Letters, digits and `-` (RFC 5646), `_` for those who write locales.
#[must_use]
pub fn is_language(value: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    value.len() <= 35 && value.chars().all(is_part)
}

fn check_target(target: &str, channel: &str, is_url: bool) -> Result<(), Error> {
    if target.is_empty() {
        return Err(bad(TARGET, "mandatory while notifications are switched on"));
    }
    if matches!(channel, "" | "httpcb") && !is_url {
        return Err(bad(TARGET, "write an http:// or https:// URL"));
    }
    Ok(())
}

fn plan(values: &Values, server: &ServerDefaults, events: Events) -> Result<EventPlan, Error> {
    let reminder = flag(values, "_enable_notification_reminder")?;
    let buffer = number(values, "_notification_reminder_buffer")?;
    let schedule_s = match values.set("rb.notify_schedule") {
        None => Vec::new(),
        Some(text) => {
            parse_schedule(text).map_err(|message| bad("rb.notify_schedule", &message))?
        }
    };
    let options = match &events {
        Events::List(wanted) => asked_options(values, wanted),
        Events::DefaultSet | Events::MissingList => Map::new(),
    };
    Ok(EventPlan {
        events,
        options,
        native_body: server.native_body,
        frozen_state: server.frozen_state,
        reminder_s: reminder.then_some(buffer),
        schedule_s,
        node: ini::list(values.get("_ors"))
            .next()
            .unwrap_or_default()
            .to_owned(),
        node_from_request: values.is_from_request("_ors"),
        trust_all: flag(values, "http.ssl_trust_all")?,
    })
}

/// Values of the service options that a list asks for; they are part of no other frozen setting.
fn asked_options(values: &Values, wanted: &[Wanted]) -> Map<String, Value> {
    wanted
        .iter()
        .flat_map(|event| &event.params)
        .filter(|name| !events::DICTIONARY.contains(&name.as_str()))
        // Credentials open the service: no list may publish them.
        .filter(|name| !matches!(name.as_str(), "username" | "password"))
        .filter(|name| options::find(name).is_some() && !values.get(name).is_empty())
        .map(|name| (name.clone(), Value::from(shown(values.get(name)))))
        .collect()
}

/// A value without the secrets that a URL may hold.
fn shown(value: &str) -> String {
    if value.contains("://") {
        mask::url(value)
    } else {
        value.to_owned()
    }
}

/// Reads `rb.notify_schedule`: the pause before each attempt, s.
///
/// # Errors
/// Says what is wrong.
pub(super) fn parse_schedule(text: &str) -> Result<Vec<u32>, String> {
    let pauses = ini::list(text)
        .map(|item| {
            let pause: u32 = item
                .parse()
                .map_err(|e| format!("{item:?} is no number of seconds ({e})"))?;
            if pause > SCHEDULE_PAUSE_MAX_S {
                return Err(format!("a pause is at most {SCHEDULE_PAUSE_MAX_S} s"));
            }
            Ok(pause)
        })
        .collect::<Result<Vec<u32>, String>>()?;
    if pauses.is_empty() || pauses.len() > SCHEDULE_STEPS_MAX {
        return Err(format!(
            "write 1 to {SCHEDULE_STEPS_MAX} numbers of seconds"
        ));
    }
    Ok(pauses)
}

#[cfg(test)]
mod tests;
