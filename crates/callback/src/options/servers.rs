//! Application sections `[push]`, `[gms]` and `[server]` (options §12).

use super::Kind::{Bool, Csv, Text, Url};
use super::own::{COUNT, SECONDS};
use super::{Entry, Kind, Section};

const fn push(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    meaning: &'static str,
) -> Entry {
    Entry::new(Section::Push, name, kind, default, meaning)
}

const fn gms(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    meaning: &'static str,
) -> Entry {
    Entry::new(Section::Gms, name, kind, default, meaning)
}

const fn server(name: &'static str, meaning: &'static str) -> Entry {
    Entry::new(Section::Server, name, Text, "", meaning)
}

const NO_PUSH: &str = "no push is sent to the customer's device";
const BUILT_IN: &str = "the built-in limits of outgoing HTTP hold";
const NO_CHAT: &str = "Ringback runs no chat";
const TOML: &str = "the values are read from [server] of ringback.toml";

pub(super) const ENTRIES: &[Entry] = &[
    push("pushEnabled", Csv, "comet", "Types of push that are on.")
        .pending("httpcb, orscb and customhttp are on, no other type is built yet"),
    push(
        "defaultSubscriptionExpiration",
        SECONDS,
        "30",
        "Life of a subscription.",
    )
    .unit("s"),
    push("customhttp.url", Url, "", "Receiver of customhttp."),
    push("fcm.apiKey", Text, "", "Key for Firebase.").pending(NO_PUSH),
    push(
        "debug.fcm.apiKey",
        Text,
        "",
        "Key for Firebase in debug mode.",
    )
    .pending(NO_PUSH),
    push("fcm.title", Text, "", "Title of a Firebase push.").pending(NO_PUSH),
    push("fcm.body", Text, "", "Text of a Firebase push.").pending(NO_PUSH),
    push(
        "filtering_chat_events",
        Csv,
        "",
        "Chat events that are pushed.",
    )
    .accepted(NO_CHAT),
    gms(
        "http.connection_timeout",
        SECONDS,
        "10",
        "Longest wait for a connection.",
    )
    .unit("s")
    .pending(BUILT_IN),
    gms(
        "http.socket_timeout",
        SECONDS,
        "10",
        "Longest wait for an answer.",
    )
    .unit("s")
    .pending(BUILT_IN),
    gms(
        "http.max_connections_per_route",
        COUNT,
        "20",
        "Connections per host.",
    )
    .pending(BUILT_IN),
    gms(
        "http.max_connections_total",
        COUNT,
        "100",
        "Connections in all.",
    )
    .pending(BUILT_IN),
    gms(
        "http.use_lax_redirect_strategy",
        Bool,
        "true",
        "Follow redirects of POST.",
    )
    .accepted("redirects are never followed"),
    gms("http.ssl_trust_all", Bool, "false", "Take any certificate.")
        .pending("certificates are always checked"),
    gms(
        "http.proxy-auto-config-file",
        Url,
        "",
        "Script that selects a proxy.",
    )
    .refused("PAC scripts are not evaluated"),
    gms(
        "http.proxy-cache-size",
        COUNT,
        "32",
        "Answers of that script that are kept.",
    )
    .accepted("it belongs to the PAC file"),
    gms("http.proxy-ttl", COUNT, "5", "How long they are kept.")
        .accepted("it belongs to the PAC file"),
    server("username", "User name of the operator's credentials.").pending(TOML),
    server("password", "Password of the operator's credentials.").pending(TOML),
];
