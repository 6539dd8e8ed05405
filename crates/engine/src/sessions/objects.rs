//! The object model that scripts see: `_genesys` with lists, times and the call's data
//! (ors-scxml §7).

use std::sync::{Arc, Weak};

use callback::Timestamp;
use callback::plugin::Question;
use callback::service::Resolver;
use scxml::HostFunction;
use serde_json::{Map, Value, json};

use super::Sessions;
use super::cell::Cell;
use crate::voicexml::VoiceXml;

/// `_genesys.ixn.callState`.
fn call_states() -> Map<String, Value> {
    callback::call_state::NAMES
        .iter()
        .map(|(number, name)| ((*name).to_owned(), Value::from(*number)))
        .collect()
}

/// What `_genesys` is made of; with a question, the call that the session gets.
pub(super) fn object_model(question: Option<&Question>) -> Value {
    let mut interactions = Map::new();
    if let Some(question) = question
        && let Some(call) = &question.call
    {
        let about = json!({
            "g_uid": call.to_string(), "category": "voice", "tenantid": 1, "parentid": Value::Null,
            "contactedaddr": question.customer_number, "xdata": {},
            "location": {"media_server": "ringback"},
            "parties": [{"device": question.customer_number, "devicetype": "unknown"}],
            "udata": question.user_data,
            "voice": {"callid": call.to_string(), "type": "outbound", "media": "voice",
                "dnis": question.customer_number, "callstate": question.call_state},
        });
        interactions.insert(call.to_string(), about);
    }
    json!({
        "callState": call_states(), "interactions": interactions,
        "session": {"tenant": "Environment", "tenantid": 1, "server": {"name": "ringback"}},
    })
}

impl Sessions {
    /// What the functions of the object model do.
    pub(super) fn host_functions(&self, cell: &Arc<Cell>) -> Vec<(String, HostFunction)> {
        let lists = self.clone();
        let list_value = move |arguments: &[Value]| {
            let text = |at: usize| arguments.get(at).and_then(Value::as_str);
            let (list, item) = (text(0).unwrap_or_default(), text(1).unwrap_or_default());
            Ok(lists.list_value(list, item, text(2)))
        };
        let clocks = Arc::clone(&self.inner.clock);
        let clock = move |arguments: &[Value]| {
            let zone = arguments
                .first()
                .and_then(Value::as_str)
                .unwrap_or_default();
            let now: Timestamp = clocks.now();
            let (date, time, day) = now
                .in_zone(zone)
                .ok_or_else(|| format!("there is no time zone {zone}"))?;
            Ok(json!({"date": date, "time": time, "day": day}))
        };
        // The session holds its functions; they must not hold the session.
        let (sessions, of): (_, Weak<Cell>) = (self.clone(), Arc::downgrade(cell));
        let attach = move |arguments: &[Value]| {
            let Some(Value::Object(data)) = arguments.get(1).cloned() else {
                return Err("attached data is an object".to_owned());
            };
            let id = arguments.first().and_then(Value::as_str);
            let id = id.ok_or_else(|| "an interaction has an id".to_owned())?;
            if let Some(cell) = of.upgrade() {
                sessions.attach_data(&cell, id.to_owned(), data);
            }
            Ok(Value::Null)
        };
        let named = |name: &str, function: HostFunction| (format!("__host_{name}"), function);
        vec![
            named("list_value", Arc::new(list_value)),
            named("clock", Arc::new(clock)),
            named("attach", Arc::new(attach)),
        ]
    }

    /// Who runs applications and speaks, from now on.
    pub(crate) fn use_voicexml(&self, voicexml: VoiceXml) {
        // Set once, at the start.
        let _set_before = self.inner.voicexml.set(voicexml);
    }

    /// Lists of the operator, from now on.
    pub(crate) fn use_lists(&self, resolver: Arc<Resolver>) {
        // Set once, at the start.
        let _set_before = self.inner.lists.set(resolver);
    }

    /// A value of a list, or without a key its whole section; null when there is none.
    fn list_value(&self, list: &str, item: &str, key: Option<&str>) -> Value {
        let found = self.inner.lists.get().and_then(|lists| lists.list(list));
        let Some(list) = found else {
            return Value::Null;
        };
        let section = list.sections.iter().find(|section| section.name == item);
        let Some(section) = section else {
            return Value::Null;
        };
        match key {
            Some(key) => section.get(key).map_or(Value::Null, Value::from),
            None => {
                let pairs = section.entries.iter();
                pairs
                    .map(|(key, value)| (key.clone(), Value::from(value.as_str())))
                    .collect()
            }
        }
    }
}
