//! General options of a callback service (options §3).

use super::Kind::{Bool, Csv, Enum, Int, Json, Text};
use super::Status::{Pending, Refused};
use super::own::{SECONDS, SECONDS_1};
use super::{Entry, Kind, Section};

const fn opt(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    meaning: &'static str,
) -> Entry {
    Entry::new(Section::General, name, kind, default, meaning)
}

pub(super) const ENTRIES: &[Entry] = &[
    opt(
        "_call_direction",
        Enum(&["USERORIGINATED", "USERTERMINATED"]),
        "USERORIGINATED",
        "Who dials: USERTERMINATED = Ringback calls the customer.",
    )
    .values(&[(
        "USERORIGINATED",
        Pending("requests are refused with NOT_AVAILABLE"),
    )]),
    opt(
        "_media_type",
        Enum(&["voice", "chat"]),
        "voice",
        "Medium of the contact.",
    )
    .values(&[("chat", Refused("Ringback runs voice only"))]),
    opt(
        "_wait_for_agent",
        Bool,
        "true",
        "Contact the customer only when an agent is free; false contacts at once.",
    )
    .mandatory(),
    opt(
        "_wait_for_user_confirm",
        Bool,
        "false",
        "Ask the customer by push before the contact; needs _wait_for_agent.",
    ),
    opt(
        "_user_confirm_timeout",
        SECONDS,
        "30",
        "How long to wait for the confirmation.",
    )
    .unit("s")
    .mandatory()
    .needs("_wait_for_user_confirm"),
    opt(
        "_ttl",
        SECONDS_1,
        "86400",
        "The record ends this long after the desired time.",
    )
    .unit("s"),
    opt(
        "_max_time_to_wait_for_agent_on_the_call",
        SECONDS,
        "3600",
        "Longest wait of a connected customer for an agent; 0 = no limit.",
    )
    .unit("s"),
    opt(
        "_agent_transfer_confirm_timeout",
        SECONDS,
        "0",
        "Longest wait for the switch to confirm a transfer; 0 = off.",
    )
    .unit("s")
    .mandatory()
    .advanced()
    .pending("the transfer counts as done when the agent's phone has answered"),
    opt(
        "_attach_udata",
        Enum(&["separate_keys", "single_json", "gms_storage_id"]),
        "single_json",
        "How the customer's data goes to the agent: key by key, as one JSON text or only the id.",
    ),
    opt(
        "_business_hours_service",
        Text,
        "",
        "Office hours for desired times and slots.",
    )
    .pending("every time counts as open"),
    opt(
        "_service_groups",
        Csv,
        "",
        "Groups of the service, for what supervisors may see.",
    )
    .pending("everybody with access sees the service"),
    opt(
        "_ixn_redirect_hints",
        Json,
        "",
        "Hints for the leg to the agent; extensions.CPNDigits is its caller number.",
    )
    .advanced(),
    opt(
        "_do_not_call_items",
        Csv,
        "",
        "Threshold s, earliest and latest hour of dialing.",
    )
    .pending("calls are made at any hour"),
    opt(
        "_paused_services_id",
        Text,
        "",
        "Id under which the service stands in the pause list.",
    )
    .advanced(),
    opt(
        "_enable_status_notification",
        Enum(&["false", "notify", "subscribe_notify", "true"]),
        "false",
        "Publish status events: off, to subscribers only, or to a target of one's own.",
    ),
    opt(
        "_status_notification_type",
        Enum(&["httpcb", "orscb", "customhttp"]),
        "",
        "Channel of the events; empty with a URL as target is httpcb.",
    )
    .advanced(),
    opt(
        "_status_notification_target",
        Text,
        "",
        "Where the events go, e.g. a URL.",
    )
    .advanced(),
    opt(
        "_status_notification_provider",
        Text,
        "",
        "Named provider configuration.",
    )
    .advanced(),
    opt(
        "_callback_events_list",
        Text,
        "",
        "Transaction List that replaces the default events.",
    )
    .advanced(),
    opt(
        "_enable_notification_reminder",
        Bool,
        "false",
        "Publish a reminder before the call.",
    ),
    opt(
        "_notification_reminder_buffer",
        Int {
            min: 0,
            max: 31_536_000,
        },
        "300",
        "Its lead time.",
    )
    .unit("s")
    .needs("_enable_notification_reminder"),
];
