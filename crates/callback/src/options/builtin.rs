//! Builtin services: office hours, capacity, statistics, access numbers (options §13).

use super::Kind::{Bool, Csv, Int, Text};
use super::own::{COUNT, SECONDS};
use super::{Entry, Kind, Section};

const fn opt(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    meaning: &'static str,
) -> Entry {
    Entry::new(Section::Builtin, name, kind, default, meaning)
}

const NO_HOURS: &str = "every time counts as open";
const NO_CAPACITY: &str = "there are no slots, every desired time is taken";
const NO_STAT: &str = "no waiting time is estimated";
const NO_ACCESS: &str = "there are no access numbers, requests for one are refused";
const NO_CHAT: &str = "Ringback runs no chat";

pub(super) const ENTRIES: &[Entry] = &[
    opt("_bh_regular<n>", Text, "", "Regular opening hours.").pending(NO_HOURS),
    opt(
        "_bh_add<n>",
        Text,
        "",
        "Additional opening hours and closed days.",
    )
    .pending(NO_HOURS),
    opt(
        "_effective_dates<n>",
        Text,
        "",
        "Dates between which a calendar holds.",
    )
    .pending(NO_HOURS),
    opt("_use_alternative<n>", Text, "", "Calendar that stands in.").pending(NO_HOURS),
    opt(
        "_timezone",
        Text,
        "",
        "Time zone of opening hours and places.",
    )
    .pending(NO_HOURS),
    opt("_capacity", Text, "", "Places by weekday and time.").pending(NO_CAPACITY),
    opt("_capacity_<n>", Text, "", "Places of one weekday.").pending(NO_CAPACITY),
    opt("_capacity_add", Text, "", "Places of single dates.").pending(NO_CAPACITY),
    opt("_max_capacity", COUNT, "1000", "Largest number of places.").pending(NO_CAPACITY),
    opt("_vq", Text, "", "Queue whose statistics are read.").pending(NO_STAT),
    opt("_mode", Text, "", "How the waiting time is found.").pending(NO_STAT),
    opt(
        "_booking_expiration_timeout",
        Int { min: 5, max: 1800 },
        "60",
        "How long an access number stays booked.",
    )
    .unit("s")
    .pending(NO_ACCESS),
    opt(
        "_return_pool_health",
        Bool,
        "false",
        "Tell how many access numbers are free.",
    )
    .pending(NO_ACCESS),
    opt(
        "_filtering_chat_events",
        Csv,
        "",
        "Chat events that are sent.",
    )
    .accepted(NO_CHAT),
    opt(
        "_agent_timeout_notification_message",
        Text,
        "",
        "Chat text for a silent agent.",
    )
    .accepted(NO_CHAT),
    opt(
        "_client_timeout_notification_message",
        Text,
        "",
        "Chat text for a silent customer.",
    )
    .accepted(NO_CHAT),
    opt(
        "_client_timeout_notification",
        SECONDS,
        "90",
        "When a chat customer counts as silent.",
    )
    .unit("s")
    .accepted(NO_CHAT),
    opt(
        "_chat_400_response_on_disconnected",
        Bool,
        "false",
        "Answer 400 after a chat has ended.",
    )
    .accepted(NO_CHAT),
];
