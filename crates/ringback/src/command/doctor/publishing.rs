//! Whether what the stored services publish reaches somebody (notifications §2, §4, §7.5).

use callback::service::Service;
use store::Setup;

use super::Check;
use crate::config::Config;

const NAME: &str = "notifications";

/// Looks at every stored service; `now_ms` is the time of the subscriptions.
pub(super) fn all(config: &Config, setup: &Setup, now_ms: i64) -> Vec<Check> {
    let checks = check(config, setup, now_ms);
    if checks.is_empty() {
        let message =
            "every service that publishes has a list, a provider and somebody who hears it";
        return vec![Check::good(NAME, message)];
    }
    checks
}

fn check(config: &Config, setup: &Setup, now_ms: i64) -> Vec<Check> {
    let (mut unheard, mut unlisted) = (Vec::new(), Vec::new());
    let (mut unknown, mut nowhere) = (Vec::new(), Vec::new());
    for row in &setup.services {
        let service = Service {
            name: row.name.clone(),
            options: row.options.clone(),
        };
        let name = service.name.as_str();
        let list = service.get("_callback_events_list");
        let found = list.and_then(|list| setup.lists.iter().find(|row| row.list.name == list));
        if let (Some(list), None) = (list, found) {
            unlisted.push(format!("{name} ({list})"));
        }
        let value = |option: &str| {
            let listed = || found.and_then(|row| row.list.property(option));
            service.get(option).or_else(listed).unwrap_or_default()
        };
        let mode = value("_enable_status_notification");
        if mode.is_empty() || mode.eq_ignore_ascii_case("false") {
            continue;
        }
        let provider = value("_status_notification_provider");
        if !provider.is_empty() && !config.push.provider.contains_key(provider) {
            unknown.push(format!("{name} ({provider})"));
        }
        if value("_status_notification_type") == "customhttp"
            && let Some(section) = without_url(config, provider)
        {
            nowhere.push(format!("{name} ({section})"));
        }
        let target = value("_status_notification_target");
        let hears = setup
            .subscriptions
            .iter()
            .filter(|s| s.expires.0 > now_ms)
            .any(|s| s.device == target || may_match(&s.filter, name));
        if mode.eq_ignore_ascii_case("notify") && !target.is_empty() && !hears {
            unheard.push(name.to_owned());
        }
    }
    let told = [
        (
            unheard,
            "NOTIFY_WITHOUT_SUBSCRIBER",
            "subscribe to the target, or set _enable_status_notification = subscribe_notify",
        ),
        (
            unlisted,
            "nothing is published, there is no such Transaction List",
            "import it with 'ringback transactions import', or correct _callback_events_list",
        ),
        (
            unknown,
            "events fail, there is no such provider",
            "add [push.provider.<name>], or correct _status_notification_provider",
        ),
        (
            nowhere,
            "events fail, there is no customhttp.url",
            "set customhttp.url, or another _status_notification_type",
        ),
    ];
    told.into_iter()
        .filter(|(names, ..)| !names.is_empty())
        .map(|(names, what, remedy)| {
            Check::advice(NAME, format!("{what}: {}", names.join(", ")), remedy)
        })
        .collect()
}

/// The section that lacks the address to which a service sends; `provider` may be empty.
fn without_url(config: &Config, provider: &str) -> Option<String> {
    let (section, settings) = if provider.is_empty() {
        ("[push]".to_owned(), &config.push.customhttp)
    } else {
        // One that does not exist is told as such.
        let found = config.push.provider.get(provider)?;
        (format!("[push.provider.{provider}]"), &found.customhttp)
    };
    settings.url.is_empty().then_some(section)
}

/// Whether a filter matches some event of a service.
fn may_match(filter: &str, service: &str) -> bool {
    let tag = format!("callback.{service}.");
    filter
        .split(',')
        .map(str::trim)
        .any(|one| match one.strip_suffix('*') {
            Some(prefix) => tag.starts_with(prefix) || prefix.starts_with(&tag),
            None => one.starts_with(&tag),
        })
}

#[cfg(test)]
mod tests {
    use callback::transaction_list::import;
    use callback::{ServiceName, Timestamp};
    use store::{ServiceRow, SubscriptionRow, TransactionListRow};

    use super::*;

    fn service(name: &str, options: &[(&str, &str)]) -> ServiceRow {
        let options = options
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
        ServiceRow {
            name: ServiceName::new(name),
            options: options.collect(),
            changed: Timestamp(0),
        }
    }

    #[test]
    fn a_filter_may_match_a_service() {
        for (filter, expected) in [
            ("*", true),
            ("callback.*", true),
            ("callback.desk.*", true),
            ("callback.desk.1-a.*", true),
            ("x, callback.desk.1-a._cbe_on_dial_done", true),
            ("callback.desk2.*", false),
            ("callback.desk", false),
        ] {
            assert_eq!(may_match(filter, "desk"), expected, "{filter}");
        }
    }

    #[test]
    fn what_reaches_nobody_is_told() {
        let notify = ("_enable_status_notification", "notify");
        let target = ("_status_notification_target", "http://crm/");
        let subscribe = ("_enable_status_notification", "subscribe");
        let custom = ("_status_notification_type", "customhttp");
        let list = "[properties]\n_status_notification_type = customhttp\n";
        let list = import("Custom", list, false).list;
        let mut setup = Setup {
            services: vec![
                service("desk", &[notify, target]),
                service("lost", &[("_callback_events_list", "Nowhere")]),
                service("far", &[notify, ("_status_notification_provider", "p")]),
                service("off", &[target]),
                service("custom", &[subscribe, custom]),
                service("listed", &[subscribe, ("_callback_events_list", "Custom")]),
                service(
                    "named",
                    &[subscribe, custom, ("_status_notification_provider", "p")],
                ),
            ],
            lists: vec![TransactionListRow {
                list,
                changed: Timestamp(0),
            }],
            subscriptions: Vec::new(),
        };
        let told = |setup: &Setup| -> Vec<String> {
            let checks = check(&Config::default(), setup, 50);
            checks.into_iter().map(|c| c.message).collect()
        };
        let all = told(&setup);
        assert_eq!(all.len(), 4, "{all:?}");
        assert_eq!(all[0], "NOTIFY_WITHOUT_SUBSCRIBER: desk");
        assert!(
            all[1].ends_with("lost (Nowhere)") && all[2].ends_with("far (p), named (p)"),
            "{all:?}"
        );
        // The type may stand in the list.
        assert!(
            all[3].ends_with("custom ([push]), listed ([push])"),
            "{all:?}"
        );
        setup.subscriptions.push(SubscriptionRow {
            id: "1".to_owned(),
            subscriber: "crm".to_owned(),
            filter: "callback.desk.*".to_owned(),
            channel: "httpcb".to_owned(),
            device: "http://other/".to_owned(),
            provider: String::new(),
            authorization: String::new(),
            language: String::new(),
            debug: false,
            guarded: false,
            expires: Timestamp(100),
        });
        assert_eq!(told(&setup).len(), 3, "somebody hears of it");
    }
}
