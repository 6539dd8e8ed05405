//! `[push]` and `[gms]`: keys that the original has under these names (options §12).

use std::collections::BTreeMap;

use callback::options::{self, Section, Status};
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use super::schema::Config;

/// `[push]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Push {
    #[serde(rename = "pushEnabled")]
    pub(crate) push_enabled: String,
    #[serde(rename = "defaultSubscriptionExpiration")]
    pub(crate) default_subscription_expiration: u32,
    pub(crate) filtering_chat_events: String,
    /// The default provider.
    pub(crate) customhttp: PushCustomHttp,
    pub(crate) debug: PushDebug,
    pub(crate) fcm: Fcm,
    /// `[push.provider.<name>]`
    pub(crate) provider: BTreeMap<String, PushProvider>,
}

impl Default for Push {
    fn default() -> Self {
        Self {
            push_enabled: "comet".to_owned(),
            default_subscription_expiration: 30,
            filtering_chat_events: String::new(),
            customhttp: PushCustomHttp::default(),
            debug: PushDebug::default(),
            fcm: Fcm::default(),
            provider: BTreeMap::new(),
        }
    }
}

/// `customhttp.*` of a provider.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PushCustomHttp {
    pub(crate) url: String,
}

/// `debug.*` of a provider: what debug mode uses instead.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PushDebug {
    pub(crate) customhttp: PushCustomHttp,
    pub(crate) fcm: DebugFcm,
}

/// `fcm.*` of a provider: known, and refused.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Fcm {
    #[serde(rename = "apiKey")]
    pub(crate) api_key: String,
    pub(crate) title: String,
    pub(crate) body: String,
}

/// `debug.fcm.*` of a provider: known, and refused.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct DebugFcm {
    #[serde(rename = "apiKey")]
    pub(crate) api_key: String,
}

/// `[push.provider.<name>]`: a named provider.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PushProvider {
    pub(crate) customhttp: PushCustomHttp,
    pub(crate) debug: PushDebug,
    pub(crate) fcm: Fcm,
}

/// `[gms]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Gms {
    pub(crate) http: GmsHttp,
}

/// `http.*` of `[gms]`: outgoing HTTP.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct GmsHttp {
    /// Seconds.
    pub(crate) connection_timeout: u32,
    /// Seconds.
    pub(crate) socket_timeout: u32,
    pub(crate) max_connections_per_route: u32,
    pub(crate) max_connections_total: u32,
    pub(crate) use_lax_redirect_strategy: bool,
    pub(crate) ssl_trust_all: bool,
    #[serde(rename = "proxy-auto-config-file")]
    pub(crate) proxy_auto_config_file: String,
    #[serde(rename = "proxy-cache-size")]
    pub(crate) proxy_cache_size: u32,
    #[serde(rename = "proxy-ttl")]
    pub(crate) proxy_ttl: u32,
}

impl Default for GmsHttp {
    fn default() -> Self {
        Self {
            connection_timeout: 10,
            socket_timeout: 10,
            max_connections_per_route: 20,
            max_connections_total: 100,
            use_lax_redirect_strategy: true,
            ssl_trust_all: false,
            proxy_auto_config_file: String::new(),
            proxy_cache_size: 32,
            proxy_ttl: 5,
        }
    }
}

/// Every key of `[push]`, its providers, `[gms]` and `[callback]` with its value and its entry in
/// the catalogue.
fn keys(config: &Config) -> Vec<(String, String, &'static options::Entry)> {
    let mut found = Vec::new();
    let table = |value: Result<Table, _>| value.expect("the section is a table of plain values");
    let mut push = table(Table::try_from(&config.push));
    push.remove("provider");
    collect(&mut found, Section::Push, "push", "", &push);
    for (name, provider) in &config.push.provider {
        let prefix = format!("push.provider.{name}");
        let provider = table(Table::try_from(provider));
        collect(&mut found, Section::Push, &prefix, "", &provider);
    }
    let gms = table(Table::try_from(&config.gms));
    collect(&mut found, Section::Gms, "gms", "", &gms);
    let callback = table(Table::try_from(&config.callback));
    collect(&mut found, Section::Application, "callback", "", &callback);
    found
}

fn collect(
    found: &mut Vec<(String, String, &'static options::Entry)>,
    section: Section,
    prefix: &str,
    name: &str,
    table: &Table,
) {
    for (key, value) in table {
        let name = if name.is_empty() {
            key.clone()
        } else {
            format!("{name}.{key}")
        };
        let text = match value {
            Value::Table(inner) => {
                collect(found, section, prefix, &name, inner);
                continue;
            }
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        if let Some(entry) = options::find_in(section, &name) {
            found.push((format!("{prefix}.{name}"), text, entry));
        }
    }
}

/// Keys with a value that cannot be used, what is wrong and what may be done.
pub(super) fn faults(config: &Config) -> Vec<(String, String, &'static str)> {
    let mut faults = Vec::new();
    for (key, value, entry) in keys(config) {
        if value == entry.default || value.is_empty() {
            continue;
        }
        if let Status::Refused(reason) = entry.status {
            faults.push((key, reason.to_owned(), "remove it"));
        } else if let Err(message) = entry.kind.check(&value) {
            faults.push((key, message, ""));
        }
    }
    if config.gms.http.ssl_trust_all {
        faults.push((
            "gms.http.ssl_trust_all".to_owned(),
            "certificates are never left unchecked for all services".to_owned(),
            "set http.ssl_trust_all = true in the service that needs it",
        ));
    }
    faults
}

/// Keys that were set and mean nothing here, with the reason.
pub(crate) fn without_meaning(config: &Config) -> Vec<(String, &'static str)> {
    keys(config)
        .into_iter()
        .filter(|(_, value, entry)| value != entry.default)
        .filter_map(|(key, _, entry)| match entry.status {
            Status::Accepted(reason) => Some((key, reason)),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_stands_in_the_catalogue_with_the_same_default() {
        let config = Config::default();
        let known = keys(&config);
        assert_eq!(known.len(), 9 + 9 + 22);
        for (key, value, entry) in &known {
            assert_eq!(value, entry.default, "{key}");
        }
        assert!(faults(&config).is_empty() && without_meaning(&config).is_empty());
    }

    fn problems(text: &str) -> Vec<String> {
        let problems = super::super::parse(text, &[]).unwrap_err();
        let told = |p: super::super::Problem| format!("{}: {}", p.key, p.message);
        problems.into_iter().map(told).collect()
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_reason() {
        let text = "[push]\nfcm.apiKey = \"k\"\n[push.provider.a]\ndebug.fcm.apiKey = \"k\"\n\
                    [gms]\nhttp.ssl_trust_all = true\nhttp.socket_timeout = 0\n\
                    http.proxy-auto-config-file = \"http://x/\"\n";
        let problems = problems(text);
        for (key, reason) in [
            ("push.fcm.apiKey", "Google"),
            ("push.provider.a.debug.fcm.apiKey", "Google"),
            ("gms.http.ssl_trust_all", "never"),
            ("gms.http.socket_timeout", "1"),
            ("gms.http.proxy-auto-config-file", "PAC"),
        ] {
            let found = problems
                .iter()
                .any(|p| p.starts_with(key) && p.contains(reason));
            assert!(found, "{key}: {problems:?}");
        }
        assert_eq!(problems.len(), 5, "{problems:?}");
    }

    #[test]
    fn what_means_nothing_is_told_and_taken() {
        let text = "[push]\npushEnabled = \"comet,fcm\"\n[gms]\n\
                    http.use_lax_redirect_strategy = false\n";
        let config = super::super::parse(text, &[]).unwrap();
        let told = without_meaning(&config);
        let keys: Vec<&str> = told.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(
            keys,
            ["push.pushEnabled", "gms.http.use_lax_redirect_strategy"]
        );
    }
}
