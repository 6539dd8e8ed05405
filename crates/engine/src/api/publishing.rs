//! What an imported service publishes, seen with what this server has: subscriptions, Transaction
//! Lists, providers (notifications §2, §4, §7.5).

use callback::service::{Import, Notice, Service};

use super::Engine;

impl Engine {
    /// Adds and removes warnings that need more than the file.
    pub(super) fn check_publishing(&self, text: &str, import: &mut Import) {
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
            let found = [self.missing_list(service), self.unknown_provider(service)];
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
        let provider = service.get(OPTION)?;
        if self.inner.publisher.config.providers.contains_key(provider) {
            return None;
        }
        let message = format!("there is no [push.provider.{provider}]: the events will fail");
        Some((OPTION, "NO_SUCH_PROVIDER", message))
    }
}

/// The line of an option in its section, from 1; 1 when it was written in another way.
fn line_of(text: &str, service: &str, option: &str) -> u32 {
    let mut is_section = false;
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            let name = name.0.trim();
            is_section = name.strip_prefix("service.").unwrap_or(name) == service;
        } else if is_section
            && line
                .split_once('=')
                .is_some_and(|(key, _)| key.trim() == option)
        {
            return number;
        }
    }
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_is_found_in_its_own_section() {
        let text = "[service.a]\n_x = 1\n\n[service.b]\n  _x=2\n";
        assert_eq!(line_of(text, "a", "_x"), 2);
        assert_eq!(line_of(text, "b", "_x"), 5);
        assert_eq!(line_of(text, "c", "_x"), 1);
    }
}
