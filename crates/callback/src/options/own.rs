//! Ringback's own options (options §17), and the number ranges that all sections share.

use super::Kind::{Bool, Csv, Enum, Int, Text};
use super::{Entry, Kind, Section};

/// Ten years; longer times are typing errors and would leave the calendar.
const SECONDS_MAX: i64 = 315_360_000;

/// Seconds, 0 included.
pub(super) const SECONDS: Kind = Int {
    min: 0,
    max: SECONDS_MAX,
};
/// Seconds, at least one.
pub(super) const SECONDS_1: Kind = Int {
    min: 1,
    max: SECONDS_MAX,
};
/// Milliseconds up to a day.
pub(super) const MILLIS: Kind = Int {
    min: 0,
    max: 86_400_000,
};
/// A count or cap; 0 is off where the option is a cap.
pub(super) const COUNT: Kind = Int {
    min: 0,
    max: 1_000_000_000,
};
/// A count that steers a flow.
pub(super) const AT_LEAST_1: Kind = Int {
    min: 1,
    max: 1_000_000_000,
};
/// A priority.
pub(super) const PRIORITY: Kind = Int {
    min: -1_000_000_000,
    max: 1_000_000_000,
};

const fn opt(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    meaning: &'static str,
) -> Entry {
    Entry::new(Section::Own, name, kind, default, meaning)
}

pub(super) const ENTRIES: &[Entry] = &[
    opt(
        "rb.calling_window",
        Text,
        "",
        "Customer's local hours for dialing: 08:00-21:00[,tz].",
    )
    .pending("calls are made at any hour"),
    opt(
        "rb.transfer_attempts",
        AT_LEAST_1,
        "3",
        "Tries to connect an agent.",
    ),
    opt(
        "rb.later_delay",
        SECONDS,
        "600",
        "Delay of the choice \"later\" in a dialog.",
    )
    .unit("s"),
    opt(
        "rb.access_pool",
        Text,
        "",
        "Pool of numbers for customers who dial in.",
    )
    .pending("there are no access numbers, requests for one are refused"),
    opt(
        "rb.min_delay",
        SECONDS,
        "0",
        "Earliest contact after the creation.",
    )
    .unit("s"),
    opt(
        "rb.machine_message_final",
        Bool,
        "false",
        "Stop dialing after a message was left.",
    ),
    opt(
        "rb.cpd_profile",
        Enum(&["human", "balanced", "machine"]),
        "human",
        "Which mistake of the detector costs more.",
    ),
    opt(
        "rb.cpd_silence_ms",
        Int {
            min: 1000,
            max: 15_000,
        },
        "5000",
        "Silence after the answer that is a result.",
    )
    .unit("ms"),
    opt(
        "rb.cpd_hard_stop_ms",
        Int {
            min: 2000,
            max: 30_000,
        },
        "8000",
        "Time after the answer when the best guess is the result.",
    )
    .unit("ms"),
    opt(
        "rb.cpd_early",
        Bool,
        "true",
        "Listen to tones before the answer.",
    ),
    opt(
        "rb.plugin_type",
        Enum(&["scxml", "http"]),
        "scxml",
        "What _plugin_on_dial_url names: an SCXML document, or a program behind HTTP.",
    )
    .needs("_plugin_on_dial_url"),
    opt(
        "rb.scxml_dialect",
        Enum(&["auto", "w3c10", "ors2009"]),
        "auto",
        "Dialect of the documents of the service: auto = what their root element looks like.",
    ),
    opt(
        "rb.self_call",
        Enum(&["match", "ask", "ignore"]),
        "match",
        "What happens when a customer with an open callback rings in.",
    )
    .pending("inbound calls do not find open callbacks"),
    opt(
        "rb.notify_schedule",
        Csv,
        "0,2,10,60,300,900,1800,3600",
        "Pauses before the delivery attempts of a notification.",
    )
    .unit("s"),
];
