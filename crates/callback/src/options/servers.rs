//! Application sections `[push]`, `[gms]` and `[server]` (options §12).

use super::Kind::{Bool, Csv, Int, Text, Url};
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

/// Numbers of which 0 would mean nothing or for ever.
const AT_LEAST_1: Kind = Int {
    min: 1,
    max: 100_000,
};
const NO_CHAT: &str = "Ringback runs no chat";
/// Decision 0013.
const ALWAYS_ON: &str =
    "httpcb, orscb and customhttp are always on; the other types are not available";
const CLOSED: &str = "Google has closed the interface that takes API keys (June 2024); \
     use customhttp with a bridge of your own";

pub(super) const ENTRIES: &[Entry] = &[
    push("pushEnabled", Csv, "comet", "Types of push that are on.").accepted(ALWAYS_ON),
    push(
        "defaultSubscriptionExpiration",
        SECONDS,
        "30",
        "Life of a subscription.",
    )
    .unit("s"),
    push("customhttp.url", Url, "", "Receiver of customhttp."),
    push(
        "debug.customhttp.url",
        Url,
        "",
        "Receiver of customhttp in debug mode; empty = customhttp.url.",
    ),
    push("fcm.apiKey", Text, "", "Key for Firebase.").refused(CLOSED),
    push(
        "debug.fcm.apiKey",
        Text,
        "",
        "Key for Firebase in debug mode.",
    )
    .refused(CLOSED),
    push("fcm.title", Text, "", "Title of a Firebase push.").refused(CLOSED),
    push("fcm.body", Text, "", "Text of a Firebase push.").refused(CLOSED),
    push(
        "filtering_chat_events",
        Csv,
        "",
        "Chat events that are pushed.",
    )
    .accepted(NO_CHAT),
    gms(
        "http.connection_timeout",
        AT_LEAST_1,
        "10",
        "Longest wait for a connection.",
    )
    .unit("s"),
    gms(
        "http.socket_timeout",
        AT_LEAST_1,
        "10",
        "Longest wait for the next bytes of an answer.",
    )
    .unit("s"),
    gms(
        "http.max_connections_per_route",
        AT_LEAST_1,
        "20",
        "Connections per host; further deliveries wait.",
    ),
    gms(
        "http.max_connections_total",
        AT_LEAST_1,
        "100",
        "Connections in all; further deliveries wait.",
    ),
    gms(
        "http.use_lax_redirect_strategy",
        Bool,
        "true",
        "Follow redirects of POST.",
    )
    .accepted("redirects are never followed"),
    gms(
        "http.ssl_trust_all",
        Bool,
        "false",
        "Take any certificate of receivers; set in the service that needs it, never for all.",
    )
    .of_service_too(),
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
    server("username", "User name of the operator's credentials."),
    server("password", "Password of the operator's credentials."),
];
