//! `transactions import`: a file becomes a list, with every repair and doubt told by line.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::{Map, Value};

use super::{ListSection, PROPERTIES, PROPERTY_NAMES, TransactionList, Wanted, published_event};
use crate::events::{self, EventId, Family};
use crate::ini::{self, Repair};
use crate::limits::LIST_SECTIONS_MAX;
use crate::{options, pause};

/// Keys of an event section.
const EVENT_KEYS: &[&str] = &["notify_params", "notify_custom"];

/// What a file holds. Nothing of it may be stored while there are errors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Import {
    /// The list.
    pub list: TransactionList,
    /// Names that were put right.
    pub repairs: Vec<Repair>,
    /// What an operator should know.
    pub warnings: Vec<Notice>,
    /// What has to be changed.
    pub errors: Vec<Fault>,
}

/// A warning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// Line in the file, from 1.
    pub line: u32,
    /// The section.
    pub section: String,
    /// The key, empty when it is about the section.
    pub option: String,
    /// `UNKNOWN_SECTION`, `UNKNOWN_KEY`, `REPEATED`, `KEY_COLLISION`,
    /// `NOTIFY_WITHOUT_SUBSCRIBER`, `READ_AS`, `NOT_THE_PAUSE_LIST`,
    /// `UNKNOWN_SERVICE`.
    pub code: &'static str,
    /// Text for people.
    pub message: String,
}

/// An error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Line in the file, from 1.
    pub line: u32,
    /// The section; empty before the first one.
    pub section: String,
    /// The key, empty when it is about the section.
    pub option: String,
    /// The value as written.
    pub value: String,
    /// What may be written.
    pub allowed: String,
    /// Text for people.
    pub message: String,
}

/// Reads a list. `strict` makes every repair an error.
#[must_use]
pub fn import(name: &str, text: &str, strict: bool) -> Import {
    let mut importer = Importer {
        strict,
        import: Import::default(),
        lines: HashMap::new(),
    };
    importer.import.list.name = name.to_owned();
    if !is_list_name(name) {
        let message = format!("{name:?} cannot be the name of a list");
        importer.fault(Place::at(1, "", ""), name, NAME_ALLOWED, message);
        return importer.import;
    }
    match ini::parse_known(text, &is_key) {
        Ok(file) => importer.file(file),
        Err(error) => importer.fault(Place::at(error.line, "", ""), "", "", error.message),
    }
    importer.import
}

const NAME_ALLOWED: &str = "1 to 128 visible characters without / and \\";

fn is_list_name(name: &str) -> bool {
    let fits = |c: char| !c.is_control() && !c.is_whitespace() && !"/\\".contains(c);
    (1..=128).contains(&name.len()) && name.chars().all(fits) && name != "." && name != ".."
}

fn is_key(name: &str) -> bool {
    PROPERTY_NAMES.contains(&name) || EVENT_KEYS.contains(&name)
}

fn is_section(name: &str) -> bool {
    name == PROPERTIES || published_event(name).is_some()
}

/// Where a notice belongs.
#[derive(Clone, Copy)]
struct Place<'a> {
    line: u32,
    section: &'a str,
    option: &'a str,
}

impl<'a> Place<'a> {
    const fn at(line: u32, section: &'a str, option: &'a str) -> Self {
        Self {
            line,
            section,
            option,
        }
    }
}

struct Importer {
    strict: bool,
    import: Import,
    /// Lines of the keys, for checks that look at the whole list.
    lines: HashMap<(String, String), u32>,
}

impl Importer {
    fn file(&mut self, file: ini::File) {
        for warning in &file.warnings {
            let key = warning.key.as_deref().unwrap_or_default();
            let place = Place::at(warning.line, &warning.section, key);
            self.warn(place, "REPEATED", warning.message.clone());
        }
        if let Some(section) = file.sections.get(LIST_SECTIONS_MAX) {
            let message = format!("a list has at most {LIST_SECTIONS_MAX} sections");
            let place = Place::at(section.line, &section.name, "");
            self.fault(place, "", "", message);
            return;
        }
        for section in file.sections {
            self.section(section);
        }
        self.properties_together();
    }

    fn section(&mut self, section: ini::Section) {
        let line = section.line;
        let name = self.repaired(line, &section.name, &is_section);
        let place = Place::at(line, &name, "");
        if !is_section(&name) {
            if name.to_ascii_lowercase().starts_with("_cbe_on_") {
                let message = format!("there is no event {name}");
                let allowed = event_names().join(", ");
                self.fault(place, &name, &allowed, message);
            } else if !is_pause(&section) {
                let message = format!("[{name}] is not known; it is kept and not used");
                self.warn(place, "UNKNOWN_SECTION", message);
            }
        }
        let at = self.place_of(&name, line);
        for entry in section.entries {
            let (key, value) = self.entry(&name, &entry);
            self.lines.insert((name.clone(), key.clone()), entry.line);
            let Some(entries) = self
                .import
                .list
                .sections
                .get_mut(at)
                .map(|s| &mut s.entries)
            else {
                continue;
            };
            match entries.iter_mut().find(|(known, _)| *known == key) {
                Some(former) => {
                    former.1 = value;
                    let message = format!("{key} was set before; this value wins");
                    self.warn(Place::at(entry.line, &name, &key), "REPEATED", message);
                }
                None => entries.push((key, value)),
            }
        }
    }

    /// Index of the section in the list; one that a repair made equal to another is merged.
    fn place_of(&mut self, name: &str, line: u32) -> usize {
        let sections = &mut self.import.list.sections;
        if let Some(at) = sections.iter().position(|s| s.name == name) {
            let message = format!("[{name}] appears again; the last value of a key wins");
            self.warn(Place::at(line, name, ""), "REPEATED", message);
            return at;
        }
        sections.push(ListSection {
            name: name.to_owned(),
            entries: Vec::new(),
        });
        sections.len() - 1
    }

    /// Repairs and checks one `key = value`.
    fn entry(&mut self, section: &str, entry: &ini::Entry) -> (String, String) {
        let is_properties = section == PROPERTIES;
        let is_event = published_event(section).is_some();
        let known = |name: &str| {
            (is_properties && PROPERTY_NAMES.contains(&name))
                || (is_event && EVENT_KEYS.contains(&name))
        };
        let line = entry.line;
        let key = if is_properties || is_event {
            self.repaired(line, &entry.key, &known)
        } else {
            entry.key.clone()
        };
        let place = Place::at(line, section, &key);
        let value = if is_properties && known(&key) {
            self.property(place, &entry.value)
        } else if key == "notify_params" && is_event {
            self.params(place, &entry.value)
        } else {
            if !is_properties && !is_event {
                self.pause_entry(place, &entry.value);
            }
            if key == "notify_custom" && is_event {
                self.custom(place, &entry.value);
            } else if is_properties || is_event {
                let message = format!("{key} is not known here; it is kept and not used");
                self.warn(place, "UNKNOWN_KEY", message);
            }
            entry.value.clone()
        };
        (key, value)
    }

    /// Checks a parameter; a word of an enumeration may have lost its underscores as well.
    fn property(&mut self, place: Place<'_>, value: &str) -> String {
        let Some(entry) = options::find(place.option) else {
            return value.to_owned();
        };
        if value.is_empty() || ini::is_placeholder(value) {
            return value.to_owned();
        }
        let mut value = value.to_owned();
        if let options::Kind::Enum(words) = entry.kind {
            let is_word = |text: &str| words.iter().any(|word| word.eq_ignore_ascii_case(text));
            if value.contains(char::is_whitespace)
                && ini::repair(&value, &is_word).is_some_and(|word| is_word(&word))
            {
                value = self.repaired(place.line, &value, &is_word);
            }
        }
        if let Err(message) = entry.kind.check(&value) {
            let message = format!("{}: {message}", place.option);
            self.fault(place, &value, &entry.kind.allowed(), message);
        }
        value
    }

    /// Repairs the items of a list of names.
    fn params(&mut self, place: Place<'_>, value: &str) -> String {
        let items: Vec<String> = ini::list(value)
            .map(|item| self.repaired(place.line, item, &is_attribute))
            .collect();
        items.join(", ")
    }

    /// A section of the pause list, whatever the name of the list.
    fn pause_entry(&mut self, place: Place<'_>, value: &str) {
        if value.is_empty() || ini::is_placeholder(value) {
            return;
        }
        if let Err(allowed) = pause::check(place.option, value) {
            let message = format!("{} is not {allowed}", place.option);
            self.fault(place, value, allowed, message);
        }
    }

    fn custom(&mut self, place: Place<'_>, value: &str) {
        if value.is_empty() || ini::is_placeholder(value) {
            return;
        }
        if let Err(error) = serde_json::from_str::<Map<String, Value>>(value) {
            let message = format!("notify_custom is no JSON object ({error})");
            self.fault(
                place,
                value,
                r#"a JSON object, e.g. {"desk": "billing"}"#,
                message,
            );
        }
    }

    /// Checks that look at more than one key.
    fn properties_together(&mut self) {
        let list = self.import.list.clone();
        let mode = list
            .property("_enable_status_notification")
            .unwrap_or_default()
            .to_ascii_lowercase();
        let line = self.line_of(PROPERTIES, "_enable_status_notification");
        let place = Place::at(line, PROPERTIES, "_enable_status_notification");
        if mode == "true" {
            let message = "_enable_status_notification = true is read as subscribe_notify";
            self.warn(place, "READ_AS", message.to_owned());
        }
        if mode == "notify" && list.property("_status_notification_target").is_some() {
            let message = "nobody is subscribed: with notify the target is no subscription";
            self.warn(place, "NOTIFY_WITHOUT_SUBSCRIBER", message.to_owned());
        }
        for wanted in list.wanted() {
            self.collisions(&wanted);
        }
    }

    /// A key of `notify_custom` that another part of the body has as well is never seen.
    fn collisions(&mut self, wanted: &Wanted) {
        for key in wanted.custom.keys() {
            let winner = if events::BASE_KEYS.contains(&key.as_str()) {
                "the event's own value"
            } else if wanted.params.iter().any(|name| name == key) {
                "the value of notify_params"
            } else {
                continue;
            };
            let message = format!("{key} of notify_custom is not sent: {winner} wins");
            let section = wanted.event.as_str();
            let line = self.line_of(section, "notify_custom");
            let place = Place::at(line, section, "notify_custom");
            self.warn(place, "KEY_COLLISION", message);
        }
    }

    fn line_of(&self, section: &str, key: &str) -> u32 {
        let place = (section.to_owned(), key.to_owned());
        self.lines.get(&place).copied().unwrap_or(1)
    }

    /// Tells and applies a repair, or refuses it.
    fn repaired(&mut self, line: u32, name: &str, known: &dyn Fn(&str) -> bool) -> String {
        let Some(to) = ini::repair(name, known) else {
            return name.to_owned();
        };
        if self.strict {
            let message = format!("the name {name:?} has lost its underscores; write {to}");
            self.fault(Place::at(line, "", ""), name, &to, message);
        } else {
            self.import.repairs.push(Repair {
                line,
                from: name.to_owned(),
                to: to.clone(),
            });
        }
        to
    }

    fn warn(&mut self, place: Place<'_>, code: &'static str, message: String) {
        self.import.warnings.push(Notice {
            line: place.line,
            section: place.section.to_owned(),
            option: place.option.to_owned(),
            code,
            message,
        });
    }

    fn fault(&mut self, place: Place<'_>, value: &str, allowed: &str, message: String) {
        self.import.errors.push(Fault {
            line: place.line,
            section: place.section.to_owned(),
            option: place.option.to_owned(),
            value: value.to_owned(),
            allowed: allowed.to_owned(),
            message,
        });
    }
}

/// The section pauses a service.
fn is_pause(section: &ini::Section) -> bool {
    !section.entries.is_empty()
        && section
            .entries
            .iter()
            .all(|entry| pause::KEYS.contains(&entry.key.as_str()))
}

fn event_names() -> Vec<&'static str> {
    EventId::ALL
        .iter()
        .filter(|event| event.family() != Family::Native)
        .map(|event| event.as_str())
        .collect()
}

/// Names that `notify_params` knows: the dictionary of notifications §9.3 and the catalogue.
/// Short words are left alone: they are rather keys of attached data than options that lost
/// their underscore.
fn is_attribute(name: &str) -> bool {
    if events::DICTIONARY.contains(&name) {
        return true;
    }
    let words = name.trim_start_matches('_').split('_').count();
    words > 1 && options::find(name).is_some()
}
