//! What an imported service publishes, seen with what this server has: subscriptions, Transaction
//! Lists, providers (notifications §2, §4, §7.5), trunks, treatment files.

use callback::options::{self, Kind};
use callback::service::{Import, Notice, Service};
use callback::treatment::Treatment;

use super::Engine;

impl Engine {
    /// Adds and removes warnings that need more than the file.
    pub(super) async fn check_surroundings(&self, text: &str, import: &mut Import) {
        self.check_publishing(text, import);
        let treatments = self.inner.plugins.treatments.clone();
        let sources = import.services.iter().flat_map(|service| {
            let name = service.name.to_string();
            played(service).map(move |(option, source)| (name.clone(), option, source))
        });
        let sources: Vec<_> = sources.collect();
        let looked = tokio::task::spawn_blocking(move || {
            let wrong = |(service, option, source): (String, String, String)| {
                let why = treatments.wrong_with(&source)?;
                Some((service, option, source, why))
            };
            sources.into_iter().filter_map(wrong).collect::<Vec<_>>()
        });
        // A panic while reading files was logged; the import itself is not at fault.
        for (service, option, source, why) in looked.await.unwrap_or_default() {
            import.warnings.push(Notice {
                line: line_of(text, &service, &option),
                service,
                code: "NO_SUCH_TREATMENT",
                message: format!("{source}: {why}; it is skipped until the file is there"),
                option,
            });
        }
    }

    /// Warnings about what is published and over which trunk is dialed.
    fn check_publishing(&self, text: &str, import: &mut Import) {
        let heard: Vec<String> = import
            .services
            .iter()
            .filter(|service| {
                let target = service.get("_status_notification_target");
                target.is_some_and(|target| self.is_subscribed(target))
            })
            .map(|service| service.name.to_string())
            .collect();
        import.warnings.retain(|warning| {
            warning.code != "NOTIFY_WITHOUT_SUBSCRIBER" || !heard.contains(&warning.service)
        });
        for service in &import.services {
            let found = [
                self.missing_list(service),
                self.unknown_provider(service),
                self.unknown_trunk(service),
            ];
            for (option, code, message) in found.into_iter().flatten() {
                import.warnings.push(Notice {
                    line: line_of(text, service.name.as_str(), option),
                    service: service.name.to_string(),
                    option: option.to_owned(),
                    code,
                    message,
                });
            }
        }
    }

    fn missing_list(&self, service: &Service) -> Option<(&'static str, &'static str, String)> {
        const OPTION: &str = "_callback_events_list";
        let list = service.get(OPTION)?;
        if self.transaction_list(list).is_some() {
            return None;
        }
        let message = format!(
            "there is no Transaction List {list}: nothing is published until it is imported"
        );
        Some((OPTION, "NO_SUCH_LIST", message))
    }

    fn unknown_provider(&self, service: &Service) -> Option<(&'static str, &'static str, String)> {
        const OPTION: &str = "_status_notification_provider";
        let provider = service.get(OPTION).unwrap_or_default();
        match self.inner.publisher.config.providers.get(provider) {
            None if provider.is_empty() => None,
            None => {
                let message =
                    format!("there is no [push.provider.{provider}]: the events will fail");
                Some((OPTION, "NO_SUCH_PROVIDER", message))
            }
            Some(found) if found.customhttp_url.is_empty() && sends_customhttp(service) => {
                let section = match provider {
                    "" => "[push]".to_owned(),
                    name => format!("[push.provider.{name}]"),
                };
                let message =
                    format!("{section} has no customhttp.url: the events of customhttp will fail");
                Some(("_status_notification_type", "NO_CUSTOMHTTP_URL", message))
            }
            Some(_) => None,
        }
    }

    fn unknown_trunk(&self, service: &Service) -> Option<(&'static str, &'static str, String)> {
        const OPTION: &str = "_route_point";
        // A token is filled in by each request.
        let name = service.get(OPTION).filter(|name| !name.contains('$'))?;
        if self.trunks().iter().any(|trunk| trunk.name == name) {
            return None;
        }
        let message = format!("there is no [[trunk]] {name}: no callback can be dialed");
        Some((OPTION, "NO_SUCH_TRUNK", message))
    }
}

/// The events of a service go out by `customhttp`.
fn sends_customhttp(service: &Service) -> bool {
    let mode = service.value("_enable_status_notification");
    let is_on = !mode.is_empty() && !mode.eq_ignore_ascii_case("false");
    is_on && service.get("_status_notification_type") == Some("customhttp")
}

/// The files and addresses that a service names as treatments, by option.
pub(super) fn played(service: &Service) -> impl Iterator<Item = (String, String)> {
    service.options.iter().filter_map(|(name, value)| {
        let is_treatment = options::find(name).is_some_and(|o| o.kind == Kind::Treatment);
        // A token is filled in by each request.
        if !is_treatment || value.contains('$') {
            return None;
        }
        match Treatment::parse(value, None) {
            Ok(Treatment::Play { source, .. }) => Some((name.clone(), source)),
            Ok(Treatment::Off) | Err(_) => None,
        }
    })
}

/// The line of an option in its section, from 1; that of the section when the option is not
/// written there, 1 when it was written in another way.
fn line_of(text: &str, service: &str, option: &str) -> u32 {
    let (mut is_section, mut section) = (false, 1);
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            let name = name.0.trim();
            is_section = name.strip_prefix("service.").unwrap_or(name) == service;
            if is_section {
                section = number;
            }
        } else if is_section
            && line
                .split_once('=')
                .is_some_and(|(key, _)| key.trim() == option)
        {
            return number;
        }
    }
    section
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_is_found_in_its_own_section() {
        let text = "[service.a]\n_x = 1\n\n[service.b]\n  _x=2\n";
        assert_eq!(line_of(text, "a", "_x"), 2);
        assert_eq!(line_of(text, "b", "_x"), 5);
        assert_eq!(line_of(text, "b", "_y"), 4, "the section");
        assert_eq!(line_of(text, "c", "_x"), 1);
    }
}
