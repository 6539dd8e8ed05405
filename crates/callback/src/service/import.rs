//! `services import`: a file becomes services, with every doubt told by line.

use std::collections::HashSet;

use serde::Serialize;

use super::Service;
use crate::ini::{self, Repair};
use crate::options::{self, Entry, Section, Status};
use crate::{ServiceName, service::overrides};

/// What a file holds. Nothing of it may be stored while there are errors.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Import {
    /// The services in the order of the file.
    pub services: Vec<Service>,
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
    /// The service.
    pub service: String,
    /// The option, empty when it is about the section.
    pub option: String,
    /// `NOT_BUILT_YET`, `ACCEPTED`, `UNKNOWN_OPTION`, `MANDATORY_MISSING` …
    pub code: &'static str,
    /// Text for people.
    pub message: String,
}

/// An error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Line in the file, from 1.
    pub line: u32,
    /// The service; empty before the first section.
    pub service: String,
    /// The option, empty when it is about the section.
    pub option: String,
    /// The value as written.
    pub value: String,
    /// What may be written.
    pub allowed: String,
    /// Text for people.
    pub message: String,
}

/// Reads a file of services. `strict` makes every repair an error.
///
/// Sections of the application such as `[callback]` are not stored in this release: each of
/// their options is answered with a warning that names where it is read instead.
#[must_use]
pub fn import(text: &str, strict: bool) -> Import {
    let mut importer = Importer {
        strict,
        ..Importer::default()
    };
    match ini::parse_known(text, &|name| options::find(name).is_some()) {
        Ok(file) => importer.file(file),
        Err(error) => importer.fault(Place::at(error.line), "", String::new(), error.message),
    }
    importer.import
}

/// Where a notice belongs.
#[derive(Clone, Copy)]
struct Place<'a> {
    line: u32,
    service: &'a str,
    option: &'a str,
}

impl Place<'_> {
    const fn at(line: u32) -> Self {
        Self {
            line,
            service: "",
            option: "",
        }
    }
}

/// One option of the service that is being read.
struct Read {
    name: String,
    value: String,
    line: u32,
    /// Written under its own name, not an alias or a spelling that had to be repaired.
    exact: bool,
}

#[derive(Default)]
struct Importer {
    import: Import,
    strict: bool,
    /// Accepted options that were told already.
    accepted_told: HashSet<&'static str>,
}

impl Importer {
    fn file(&mut self, file: ini::File) {
        for warning in file.warnings {
            let service = warning
                .section
                .strip_prefix("service.")
                .unwrap_or(&warning.section);
            let option = warning.key.as_deref().unwrap_or_default();
            let place = Place {
                line: warning.line,
                service,
                option,
            };
            self.warn(place, "REPEATED", warning.message);
        }
        let mut services: Vec<(String, u32, Vec<Read>)> = Vec::new();
        for section in file.sections {
            let name = self.repaired(section.line, &section.name, &is_section_name);
            if let Some(application) = application_section(&name) {
                self.application(application, &section);
                continue;
            }
            let Some(service) = name.strip_prefix("service.").filter(|s| is_service_name(s)) else {
                let message = format!(
                    "[{name}] is no service; write [service.<name>], without blanks or slashes"
                );
                self.fault(
                    Place::at(section.line),
                    &name,
                    String::from("[service.<name>]"),
                    message,
                );
                continue;
            };
            let at = services
                .iter()
                .position(|(n, ..)| n == service)
                .unwrap_or_else(|| {
                    services.push((service.to_owned(), section.line, Vec::new()));
                    services.len() - 1
                });
            for entry in section.entries {
                if let Some((_, _, read)) = services.get_mut(at) {
                    self.entry(service, entry, read);
                }
            }
        }
        for (name, line, read) in services {
            self.service(&name, line, read);
        }
    }

    /// Tells and applies a repair, or refuses it.
    fn repaired(&mut self, line: u32, name: &str, known: &dyn Fn(&str) -> bool) -> String {
        let Some(to) = ini::repair(name, known) else {
            return name.to_owned();
        };
        if self.strict {
            let message = format!("the name {name:?} has lost its underscores; write {to}");
            self.fault(Place::at(line), name, to.clone(), message);
        } else {
            self.import.repairs.push(Repair {
                line,
                from: name.to_owned(),
                to: to.clone(),
            });
        }
        to
    }

    fn entry(&mut self, service: &str, entry: ini::Entry, read: &mut Vec<Read>) {
        let ini::Entry { key, value, line } = entry;
        let name = self.repaired(line, &key, &|n| options::find(n).is_some());
        let name = match options::find(&name) {
            // Numbered entries keep their number.
            Some(known) if !known.name.ends_with("<n>") => known.name.to_owned(),
            _ => name,
        };
        let exact = name == key;
        let Some(former) = read.iter_mut().find(|r| r.name == name) else {
            read.push(Read {
                name,
                value,
                line,
                exact,
            });
            return;
        };
        let message = format!("{name} is set in lines {} and {line}", former.line);
        if exact || !former.exact {
            *former = Read {
                name: name.clone(),
                value,
                line,
                exact,
            };
        }
        let winner = former.line;
        let place = Place {
            line,
            service,
            option: &name,
        };
        self.warn(
            place,
            "REPEATED",
            format!("{message}; the value of line {winner} wins"),
        );
    }

    fn service(&mut self, name: &str, line: u32, read: Vec<Read>) {
        let options = read
            .iter()
            .map(|r| (r.name.clone(), r.value.clone()))
            .collect();
        let service = Service {
            name: ServiceName::new(name),
            options,
        };
        for option in &read {
            self.option(&service, option);
        }
        let line_of = |option: &str| {
            read.iter()
                .find(|r| r.name == option)
                .map_or(line, |r| r.line)
        };
        if service.is_callback() {
            self.callback_service(&service, &line_of);
        } else if service
            .get("_type")
            .is_none_or(|t| !t.eq_ignore_ascii_case("builtin"))
        {
            let place = Place {
                line: line_of("_service"),
                service: name,
                option: "_service",
            };
            let message = "requests to this service fail: _service is callback, or the address of \
                           a document together with _service_type = callback";
            self.warn(place, "NOT_BUILT_YET", message.to_owned());
        }
        self.import.services.push(service);
    }

    /// Checks one value and tells its status.
    fn option(&mut self, service: &Service, option: &Read) {
        let place = Place {
            line: option.line,
            service: service.name.as_str(),
            option: &option.name,
        };
        let Some(entry) = options::find(&option.name) else {
            let message = format!("{} is not known; it is kept and not used", option.name);
            self.warn(place, "UNKNOWN_OPTION", message);
            return;
        };
        let Some(value) = service.get(&option.name) else {
            return;
        };
        let has_token = overrides::has_token(value);
        if !has_token && let Err(message) = entry.kind.check(value) {
            let message = format!("{}: {message}", option.name);
            self.fault(place, value, entry.kind.allowed(), message);
            return;
        }
        self.status(place, entry, value, service);
    }

    fn status(&mut self, place: Place<'_>, entry: &'static Entry, value: &str, service: &Service) {
        match entry.status_of(value) {
            Status::Effective => {}
            Status::Accepted(reason) => {
                if self.accepted_told.insert(entry.name) {
                    let message = format!("{} has no meaning here: {reason}", entry.name);
                    self.warn(place, "ACCEPTED", message);
                }
            }
            Status::Pending(instead) => {
                if overrides::is_needed(entry, &|name| service.value(name)) {
                    let what = told_name(entry, place.option, value);
                    self.warn(
                        place,
                        "NOT_BUILT_YET",
                        format!("{what} is not built yet: {instead}"),
                    );
                }
            }
            Status::Refused(reason) => {
                let what = told_name(entry, place.option, value);
                self.fault(
                    place,
                    value,
                    entry.kind.allowed(),
                    format!("{what}: {reason}"),
                );
            }
        }
    }

    /// Checks that look at more than one option of a callback service.
    fn callback_service(&mut self, service: &Service, line_of: &dyn Fn(&str) -> u32) {
        let name = service.name.as_str();
        let place = |option| Place {
            line: line_of(option),
            service: name,
            option,
        };
        if service.get("_call_direction").is_none() && !service.is_strategy() {
            let message = "_call_direction is not set, its default USERORIGINATED is not built \
                           yet: requests are refused; set _call_direction = USERTERMINATED";
            self.warn(
                place("_call_direction"),
                "NOT_BUILT_YET",
                message.to_owned(),
            );
        }
        let is_set = |option| service.get(option).is_some();
        let half = match (is_set("username"), is_set("password")) {
            (true, false) => Some(("username", "password")),
            (false, true) => Some(("password", "username")),
            (true, true) | (false, false) => None,
        };
        if let Some((set, missing)) = half {
            let message = format!(
                "{set} is set and {missing} is not: clients need both, nobody but operators is \
                 let in"
            );
            self.warn(place(set), "HALF_A_LOGIN", message);
        }
        for option in ["_type", "_service", "_target", "_urs_virtual_queue"] {
            let is_flows = ["_target", "_urs_virtual_queue"].contains(&option);
            if service.get(option).is_none() && !(is_flows && service.is_strategy()) {
                let message = format!("{option} is mandatory and not set");
                self.warn(place(option), "MANDATORY_MISSING", message);
            }
        }
        let seconds = |option| service.value(option).parse::<i64>().ok();
        let threshold = seconds("_desired_connect_time_threshold");
        let buffer = seconds("_request_execution_time_buffer");
        if let (Some(threshold), Some(buffer)) = (threshold, buffer)
            && threshold <= buffer
            && (threshold, buffer) != (0, 0)
        {
            let message = format!(
                "_desired_connect_time_threshold ({threshold} s) should be larger than \
                 _request_execution_time_buffer ({buffer} s); else the callback may be \
                 submitted later than it could be dialed"
            );
            let place = place("_desired_connect_time_threshold");
            self.warn(place, "THRESHOLD_NOT_ABOVE_BUFFER", message);
        }
        if let Some(text) = service.get("rb.notify_schedule")
            && let Err(message) = super::notification::parse_schedule(text)
        {
            let option = "rb.notify_schedule";
            let allowed = String::from("seconds with commas between them, e.g. 0,2,10");
            self.fault(place(option), text, allowed, format!("{option}: {message}"));
        }
        self.lists(service, line_of);
        self.notification(service, line_of);
    }

    /// Lists of keys and options that refer to something else.
    fn lists(&mut self, service: &Service, line_of: &dyn Fn(&str) -> u32) {
        let place = |option| Place {
            line: line_of(option),
            service: service.name.as_str(),
            option,
        };
        if let Some(keys) = service.get("_customer_lookup_keys") {
            let keys: Vec<&str> = ini::list(keys).collect();
            for key in service.mandatory_keys().filter(|k| !keys.contains(k)) {
                let message = format!("{key} is mandatory but not in _customer_lookup_keys");
                let place = place("_mandatory_customer_lookup_keys");
                self.warn(place, "NOT_A_LOOKUP_KEY", message);
            }
        }
        for option in ini::list(service.value("_overwritable_options")) {
            if options::find(option).is_none() && !overrides::has_token(option) {
                let message = format!("{option} is no known option");
                self.warn(place("_overwritable_options"), "UNKNOWN_OPTION", message);
            }
        }
    }

    fn notification(&mut self, service: &Service, line_of: &dyn Fn(&str) -> u32) {
        let name = service.name.as_str();
        let place = |option| Place {
            line: line_of(option),
            service: name,
            option,
        };
        let mode = service
            .value("_enable_status_notification")
            .to_ascii_lowercase();
        let target = service.get("_status_notification_target");
        if mode == "true" {
            let message = "_enable_status_notification = true is read as subscribe_notify";
            let place = place("_enable_status_notification");
            self.warn(place, "READ_AS", message.to_owned());
        }
        if mode == "notify" && target.is_some() {
            let message = "nobody is subscribed: with notify the target is no subscription";
            let place = place("_enable_status_notification");
            self.warn(place, "NOTIFY_WITHOUT_SUBSCRIBER", message.to_owned());
        }
        if !matches!(mode.as_str(), "true" | "subscribe_notify")
            // The list's own properties may hold the target.
            || service.get("_callback_events_list").is_some()
        {
            return;
        }
        let place = place("_status_notification_target");
        let allowed = || String::from("an http:// or https:// URL");
        let channel = service
            .value("_status_notification_type")
            .to_ascii_lowercase();
        match target {
            None => {
                let message = "_status_notification_target is mandatory while \
                               _enable_status_notification is subscribe_notify";
                self.fault(place, "", allowed(), message.to_owned());
            }
            Some(target) if overrides::has_token(target) || overrides::has_token(&channel) => {}
            Some(target) if matches!(channel.as_str(), "" | "httpcb") => {
                if let Err(message) = options::Kind::Url.check(target) {
                    let message = format!("_status_notification_target: {message}");
                    self.fault(place, target, allowed(), message);
                }
            }
            Some(_) => {}
        }
    }

    /// `[callback]` and its like: told, not stored.
    fn application(&mut self, application: Section, section: &ini::Section) {
        for entry in &section.entries {
            let name = self.repaired(entry.line, &entry.key, &|n| {
                options::find_in(application, n).is_some()
            });
            let place = Place {
                line: entry.line,
                service: &section.name,
                option: &name,
            };
            let Some(known) = options::find_in(application, &name) else {
                let message = format!("{name} is not known in [{}]; it is dropped", section.name);
                self.warn(place, "UNKNOWN_OPTION", message);
                continue;
            };
            let reason = known.status.reason();
            match known.status {
                Status::Effective => {
                    let message = format!(
                        "[{}] is not stored; set {name} in [callback] of ringback.toml or in [service.<name>]",
                        section.name
                    );
                    self.warn(place, "NOT_BUILT_YET", message);
                }
                Status::Pending(_) => {
                    self.warn(
                        place,
                        "NOT_BUILT_YET",
                        format!("{name} is not stored: {reason}"),
                    );
                }
                Status::Accepted(_) => {
                    self.warn(
                        place,
                        "ACCEPTED",
                        format!("{name} has no meaning here: {reason}"),
                    );
                }
                Status::Refused(_) => {
                    let allowed = String::from("leave it out");
                    self.fault(place, &entry.value, allowed, format!("{name}: {reason}"));
                }
            }
        }
    }

    fn warn(&mut self, place: Place<'_>, code: &'static str, message: String) {
        let Place {
            line,
            service,
            option,
        } = place;
        let (service, option) = (service.to_owned(), option.to_owned());
        self.import.warnings.push(Notice {
            line,
            service,
            option,
            code,
            message,
        });
    }

    fn fault(&mut self, place: Place<'_>, value: &str, allowed: String, message: String) {
        let Place {
            line,
            service,
            option,
        } = place;
        let (service, option, value) = (service.to_owned(), option.to_owned(), value.to_owned());
        self.import.errors.push(Fault {
            line,
            service,
            option,
            value,
            allowed,
            message,
        });
    }
}

/// `name`, or `name=value` when only this value has the status.
fn told_name(entry: &Entry, name: &str, value: &str) -> String {
    match entry.status {
        Status::Effective => format!("{name}={value}"),
        _ => name.to_owned(),
    }
}

fn is_section_name(name: &str) -> bool {
    let service = name.strip_prefix("service.").is_some_and(is_service_name);
    service || application_section(name).is_some()
}

/// The name stands in a URL path.
fn is_service_name(name: &str) -> bool {
    let bad = |c: char| c.is_whitespace() || c.is_control() || "/?#%\\".contains(c);
    !name.is_empty() && name.len() <= 128 && !name.contains(bad)
}

fn application_section(name: &str) -> Option<Section> {
    match name {
        "callback" => Some(Section::Application),
        "lab" | "features" => Some(Section::Lab),
        "push" => Some(Section::Push),
        "gms" => Some(Section::Gms),
        "server" => Some(Section::Server),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
