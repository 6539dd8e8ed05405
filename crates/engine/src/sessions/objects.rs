//! The object model that scripts see: `_genesys` with lists, times and the call's data
//! (ors-scxml §7).

use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Weak};

use callback::plugin::Question;
use callback::service::Resolver;
use callback::{Timestamp, options};
use scxml::HostFunction;
use serde_json::{Map, Value, json};

use super::cell::{Cell, Input};
use super::{Sessions, event};
use crate::limits;
use crate::shard::{Act, Command};

/// `_genesys.ixn.callState`.
fn call_states() -> Map<String, Value> {
    callback::call_state::NAMES
        .iter()
        .map(|(number, name)| ((*name).to_owned(), Value::from(*number)))
        .collect()
}

/// What `_genesys` is made of; with a question, the call that the session gets.
pub(super) fn object_model(base: &str, question: Option<&Question>) -> Value {
    let mut interactions = Map::new();
    if let Some(question) = question
        && let Some(call) = question.call.as_ref().filter(|_| question.attached)
    {
        let about = json!({
            "g_uid": call.to_string(), "category": "voice", "tenantid": 1,
            "parties": [{"device": question.customer_number, "devicetype": "unknown"}],
            "udata": question.user_data,
            "voice": {"callid": call.to_string(), "type": "outbound", "media": "voice",
                "dnis": question.customer_number, "callstate": question.call_state},
        });
        interactions.insert(call.to_string(), about);
    }
    json!({
        "callState": call_states(), "interactions": interactions,
        "session": {"tenant": "Environment", "tenantid": 1, "server": {
            "name": "ringback", "url": base, "cluster": "",
        }},
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
        let special = self.clone();
        let special_day = move |arguments: &[Value]| {
            let text = |at: usize| arguments.get(at).and_then(Value::as_str);
            let (list, zone) = (text(0).unwrap_or_default(), text(1).unwrap_or("UTC"));
            special.is_special_day(list, zone).map(Value::from)
        };
        let options = self.clone();
        let option = move |arguments: &[Value]| {
            let name = arguments.first().and_then(Value::as_str);
            Ok(options.config_option(name.unwrap_or_default()))
        };
        let statistic = self.statistic_function();
        // The session holds its functions; they must not hold the session.
        let (sessions, of): (_, Weak<Cell>) = (self.clone(), Arc::downgrade(cell));
        let attach = move |arguments: &[Value]| {
            let Some(Value::Object(data)) = arguments.get(1).cloned() else {
                return Err("attached data is an object".to_owned());
            };
            if let Some(cell) = of.upgrade() {
                sessions.attach(&cell, data);
            }
            Ok(Value::Null)
        };
        let named = |name: &str, function: HostFunction| (format!("__host_{name}"), function);
        vec![
            named("list_value", Arc::new(list_value)),
            named("clock", Arc::new(clock)),
            named("attach", Arc::new(attach)),
            named("statistic", statistic),
            named("special_day", Arc::new(special_day)),
            named("option", Arc::new(option)),
        ]
    }

    /// `sData`: the thread of the session waits for the router.
    fn statistic_function(&self) -> HostFunction {
        let commands = self.inner.commands.clone();
        Arc::new(move |arguments: &[Value]| {
            let text = |at: usize| arguments.get(at).and_then(Value::as_str);
            let (object, name) = (text(0).unwrap_or_default(), text(1).unwrap_or_default());
            let (reply, value) = sync_channel(1);
            let command = Command::Statistic {
                object: object.to_owned(),
                name: name.to_owned(),
                reply,
            };
            let late = || "the router has no time now".to_owned();
            commands.try_send(command).map_err(|_full| late())?;
            let value = value.recv_timeout(limits::STATISTIC_WAIT);
            value.map_err(|_late| late())?.map(Value::from)
        })
    }

    /// The day is one of a list: the date, or the date of any year, is a key there.
    fn is_special_day(&self, list: &str, zone: &str) -> Result<bool, String> {
        let now: Timestamp = self.inner.clock.now();
        let (date, _, _) = now
            .in_zone(zone)
            .ok_or_else(|| format!("there is no time zone {zone}"))?;
        let of_year = date.split_once('-').map_or("", |(_, day)| day).to_owned();
        let list = self.inner.lists.get().and_then(|lists| lists.list(list));
        let sections = list.iter().flat_map(|list| &list.sections);
        let mut keys = sections.flat_map(|section| &section.entries);
        Ok(keys.any(|(key, _)| *key == date || *key == of_year))
    }

    /// An option of the server; null when there is none with this name.
    fn config_option(&self, name: &str) -> Value {
        let set = self.inner.lists.get();
        let set = set.and_then(|lists| lists.defaults.application.get(name));
        let known = options::find(name).map(|_| options::default_of(name));
        let value = set.map(String::as_str).or(known);
        value.map_or(Value::Null, Value::from)
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

    /// `setuData`: the callback keeps the data, the session hears when it does.
    fn attach(&self, cell: &Arc<Cell>, data: Map<String, Value>) {
        let interaction = cell.plugin.as_ref().and_then(|p| p.interaction.clone());
        let attached = self.control(cell, Act::UserData { data: data.clone() });
        let (sessions, cell) = (self.clone(), Arc::clone(cell));
        self.inner.supervisor.spawn("session", async move {
            let told = match attached.await {
                Ok(()) => event(
                    "interaction.udata.changed",
                    json!({"interactionid": interaction, "udata": data}),
                ),
                Err(error) => event(
                    "error.interaction.setudata",
                    json!({"interactionid": interaction, "error": error}),
                ),
            };
            sessions.push(&cell, Input::Event(cell.id.clone(), told));
        });
    }
}
