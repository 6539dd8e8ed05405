//! What the types of the keys cannot say.

use std::collections::{BTreeMap, HashSet};

use callback::number::Dialplan;
use engine::notify::Secret;

use super::keys::{Lines, without_index};
use super::schema::{Config, Transport};
use super::{Problem, not_built, outgoing};

/// Everything that is wrong with a configuration whose keys and types are right.
pub(super) fn check(config: &Config, lines: &Lines) -> Vec<Problem> {
    let mut found = Found {
        lines,
        problems: Vec::new(),
    };
    http(config, &mut found);
    store_and_limits(config, &mut found);
    ports(config, &mut found);
    notifications(config, &mut found);
    dialplan(config, &mut found);
    trunks(config, &mut found);
    callback(config, &mut found);
    if let Err(why) = engine::speech::Synthesiser::parse(&config.vxml.tts) {
        found.add("vxml.tts", why, "write none, command:espeak-ng or a URL");
    }
    for (key, what) in not_built::asked_for(config) {
        found.add(key, format!("not built yet: {what}"), "leave the default");
    }
    found.problems
}

struct Found<'a> {
    lines: &'a Lines,
    problems: Vec<Problem>,
}

impl Found<'_> {
    fn add(&mut self, key: &str, message: impl Into<String>, remedy: &str) {
        self.problems.push(Problem {
            line: self.lines.of(key),
            key: without_index(key),
            message: message.into(),
            remedy: remedy.to_owned(),
        });
    }
}

fn http(config: &Config, found: &mut Found<'_>) {
    let (username, password) = (&config.server.username, &config.server.password);
    if username.is_empty() != password.is_empty() {
        let key = if username.is_empty() {
            "server.password"
        } else {
            "server.username"
        };
        found.add(
            key,
            "username and password belong together",
            "set both in [server], or none",
        );
    } else if username.is_empty() && !config.http.listen.0.ip().is_loopback() {
        found.add(
            "http.listen",
            "listening beyond loopback without credentials would let everybody place calls",
            "set [server] username and password, or listen on 127.0.0.1",
        );
    }
    if username.contains(':') {
        found.add(
            "server.username",
            "must not contain ':'",
            "Basic credentials end it there",
        );
    }
    secrets(config, found);
    let app = &config.http.app;
    let is_path = app.starts_with('/')
        && !app.ends_with('/')
        && !app.starts_with("/api")
        && app != "/ui"
        && !app.starts_with("/ui/")
        && app
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "/-_.~".contains(c));
    if !app.is_empty() && !is_path {
        found.add(
            "http.app",
            "must be empty or a path such as /genesys, without / at its end, not below /api or /ui",
            "the default is /genesys",
        );
    }
    if !(1..=720).contains(&config.http.session_hours) {
        found.add(
            "http.session_hours",
            "must be 1 to 720",
            "the default is 12",
        );
    }
    let url = &config.http.public_url;
    if !url.is_empty() && !is_base_url(url) {
        found.add(
            "http.public_url",
            "must be http:// or https:// with a host, without query",
            "e.g. https://callback.example.net",
        );
    }
}

/// Keys and tokens that stand in headers.
fn secrets(config: &Config, found: &mut Found<'_>) {
    let keys = &config.http.api_keys;
    let is_key = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic());
    if !keys.iter().all(|key| is_key(key.expose())) {
        found.add(
            "http.api_keys",
            "each key must be visible ASCII without blanks",
            "leave the list empty to check no keys",
        );
    }
    let token = config.http.metrics_token.expose();
    if !token.is_empty() && !is_key(token) {
        found.add(
            "http.metrics_token",
            "must be visible ASCII without blanks",
            "leave it empty to ask for the operator's credentials",
        );
    }
}

fn is_base_url(url: &str) -> bool {
    let host = url
        .strip_prefix("http://")
        .or_else(|| url.strip_prefix("https://"));
    host.is_some_and(|rest| {
        !rest.is_empty()
            && !rest.starts_with('/')
            && rest
                .chars()
                .all(|c| c.is_ascii_graphic() && !"?#@\"<>\\".contains(c))
    })
}

fn store_and_limits(config: &Config, found: &mut Found<'_>) {
    let path = &config.store.path;
    if path.is_empty() {
        found.add("store.path", "must name a file", "e.g. ringback.db");
    } else if path.contains("://") {
        found.add(
            "store.path",
            "the PostgreSQL store is not built yet; only a file is possible",
            "e.g. ringback.db",
        );
    }
    if config.media.treatments_dir.is_empty() {
        found.add(
            "media.treatments_dir",
            "must name a directory",
            "e.g. treatments",
        );
    }
    if config.engine.node > 999 {
        found.add(
            "engine.node",
            "must be 0 to 999",
            "it is the first part of every id",
        );
    }
    if config.engine.drain_s > 86_400 {
        found.add("engine.drain_s", "must be 0 to 86400", "the default is 30");
    }
    if config.retention.days == 0 {
        found.add("retention.days", "must be at least 1", "the default is 30");
    }
    let realm = &config.sip.realm;
    if realm.is_empty()
        || !realm
            .chars()
            .all(|c| c.is_ascii_graphic() && c != '"' && c != '\\')
    {
        found.add(
            "sip.realm",
            "must be visible ASCII without quotes",
            "e.g. ringback",
        );
    }
}

fn ports(config: &Config, found: &mut Found<'_>) {
    let sip = config.sip.listen.0.port();
    if config.media.rtp_ports.0.contains(&sip) {
        found.add(
            "media.rtp_ports",
            format!("contains the SIP port {sip}"),
            "choose ranges that do not overlap",
        );
    }
}

fn notifications(config: &Config, found: &mut Found<'_>) {
    let secret = &config.notifications.signing_secret;
    if !secret.is_empty() && Secret::parse(secret.expose()).is_none() {
        found.add(
            "notifications.signing_secret",
            "must be whsec_ and 24 to 64 bytes in base64",
            "generate one: echo whsec_$(head -c 32 /dev/urandom | base64)",
        );
    }
    for (key, message, remedy) in outgoing::faults(config) {
        found.add(&key, message, remedy);
    }
}

fn callback(config: &Config, found: &mut Found<'_>) {
    let columns = config.callback.callback_column_alias.trim();
    let read = serde_json::from_str::<BTreeMap<String, String>>(columns);
    if !columns.is_empty() && read.is_err() {
        let message = "an object of texts is needed";
        let remedy = r#"e.g. callback_column_alias = '{"region": "Region"}'"#;
        found.add("callback.callback_column_alias", message, remedy);
    }
}

fn dialplan(config: &Config, found: &mut Found<'_>) {
    let plan = &config.dialplan;
    let read = Dialplan::new(
        &plan.default_country,
        &plan.internal,
        &plan.block,
        &plan.allow_countries,
    );
    if let Err(message) = read {
        found.add(
            "dialplan",
            message,
            "countries are two letters, patterns regular expressions",
        );
    }
}

fn trunks(config: &Config, found: &mut Found<'_>) {
    let mut names = HashSet::new();
    for (n, trunk) in config.trunk.iter().enumerate() {
        let whole = format!("trunk[{n}]");
        let key = |name: &str| format!("trunk[{n}].{name}");
        if trunk.name.is_empty() {
            found.add(&whole, "a trunk needs a name", "e.g. name = \"carrier\"");
        } else if !names.insert(&trunk.name) {
            found.add(
                &key("name"),
                format!("'{}' is there twice", trunk.name),
                "rename one",
            );
        }
        if trunk.host.is_empty() {
            found.add(
                &whole,
                "a trunk needs a host",
                "e.g. host = \"sip.example.net\"",
            );
        }
        if trunk.codecs.is_empty() {
            found.add(
                &key("codecs"),
                "must name at least one codec",
                "e.g. [\"pcmu\", \"pcma\", \"g722\"]",
            );
        }
        if trunk.port == 0 {
            found.add(&key("port"), "must be 1 to 65535", "SIP uses 5060");
        }
        if trunk.transport == Transport::Tls {
            found.add(
                &key("transport"),
                "SIP over TLS is not built yet",
                "use udp or tcp",
            );
        }
        if trunk.register && trunk.username.is_empty() {
            found.add(
                &key("register"),
                "registering needs username and password",
                "set both",
            );
        }
    }
}
