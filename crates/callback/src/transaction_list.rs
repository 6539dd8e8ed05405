//! Transaction Lists: which events a callback publishes and what is in them (notifications §5).
//!
//! A list is kept as the sections it was written with, under repaired names; what follows from
//! it is derived when a callback is created and frozen into the record.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::events::{EventId, Family};
use crate::ini;

mod import;

pub use import::{Fault, Import, Notice, import};

/// Name of the section that holds the parameters of notifications §3.
pub const PROPERTIES: &str = "properties";

/// Parameters that `[properties]` may set (notifications §3).
pub const PROPERTY_NAMES: &[&str] = &[
    "_enable_status_notification",
    "_status_notification_type",
    "_status_notification_target",
    "_status_notification_provider",
    "_status_notification_debug",
    "_status_notification_language",
];

/// Finds a Transaction List by name.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<Arc<TransactionList>>;

/// A lookup for callers that have no lists.
#[must_use]
pub fn no_lists(_name: &str) -> Option<Arc<TransactionList>> {
    None
}

/// One list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionList {
    /// Its name; services refer to it by `_callback_events_list`.
    pub name: String,
    /// Its sections in the order of the file; names are repaired and unique.
    pub sections: Vec<ListSection>,
}

/// One section of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListSection {
    /// `properties`, an event id, or something unknown that is kept.
    pub name: String,
    /// Keys and values in the order of the file; keys are repaired and unique.
    pub entries: Vec<(String, String)>,
}

impl ListSection {
    /// The value of a key that is set: neither empty nor a text to be filled in.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        let (_, value) = self.entries.iter().find(|(name, _)| name == key)?;
        let value = value.trim();
        (!value.is_empty() && !ini::is_placeholder(value)).then_some(value)
    }
}

/// An event that a list asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// Which.
    pub event: EventId,
    /// Names of `notify_params` in their order; without any the event has its base keys only.
    pub params: Vec<String>,
    /// `notify_custom`, merged into the body.
    #[serde(default)]
    pub custom: Map<String, Value>,
}

impl TransactionList {
    /// A parameter of `[properties]` that is set.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<&str> {
        self.section(PROPERTIES)?.get(name)
    }

    /// All parameters of `[properties]` that are set, in their order.
    #[must_use]
    pub fn properties(&self) -> Vec<(&str, &str)> {
        let entries = self.section(PROPERTIES).map_or(&[][..], |s| &s.entries);
        entries
            .iter()
            .filter_map(|(name, _)| Some((name.as_str(), self.property(name)?)))
            .collect()
    }

    /// The events that have a section, in the order of the file.
    #[must_use]
    pub fn wanted(&self) -> Vec<Wanted> {
        self.sections
            .iter()
            .filter_map(|section| {
                let event = published_event(&section.name)?;
                let params = section.get("notify_params").unwrap_or_default();
                let custom = section.get("notify_custom").unwrap_or_default();
                Some(Wanted {
                    event,
                    params: ini::list(params).map(str::to_owned).collect(),
                    // What is no object was told at import; the event goes out without it.
                    custom: serde_json::from_str(custom).unwrap_or_default(),
                })
            })
            .collect()
    }

    /// The list as the text of an import file.
    #[must_use]
    pub fn to_ini(&self) -> String {
        let mut text = String::new();
        for section in &self.sections {
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(&format!("[{}]\n", section.name));
            for (key, value) in &section.entries {
                text.push_str(&format!("{key} = {value}\n"));
            }
        }
        text
    }

    fn section(&self, name: &str) -> Option<&ListSection> {
        self.sections.iter().find(|section| section.name == name)
    }
}

/// The event of a section name, when it is one that can be published.
fn published_event(name: &str) -> Option<EventId> {
    EventId::ALL
        .iter()
        .copied()
        .find(|event| event.family() != Family::Native && event.as_str() == name)
}

#[cfg(test)]
mod tests;
