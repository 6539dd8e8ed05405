//! URS Queueing: target, virtual queue, priority and waiting (options §4).

use super::Kind::{Csv, Enum, Text, Url};
use super::own::{MILLIS, PRIORITY, SECONDS, SECONDS_1};
use super::{Entry, Kind, Section};

const fn opt(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    meaning: &'static str,
) -> Entry {
    Entry::new(Section::UrsQueueing, name, kind, default, meaning)
}

pub(super) const ENTRIES: &[Entry] = &[
    opt("_target", Kind::Target, "", "Who takes the callback.").mandatory(),
    opt(
        "_urs_virtual_queue",
        Text,
        "",
        "Virtual queue in which the callback waits.",
    )
    .mandatory(),
    opt(
        "_urs_prioritization_strategy",
        Text,
        "WaitForTarget",
        "Name of the routing policy.",
    )
    .pending("the built-in policy routes: highest priority, then longest wait"),
    opt(
        "_urs_queued_ttl",
        SECONDS_1,
        "14400",
        "Longest wait for a target; then the callback ends.",
    )
    .unit("s")
    .mandatory(),
    opt(
        "_urs_vq_priority",
        PRIORITY,
        "0",
        "Priority at the start of the wait.",
    ),
    opt(
        "_urs_vq_priority_increment",
        PRIORITY,
        "0",
        "Step by which the priority grows.",
    ),
    opt(
        "_urs_vq_priority_increment_interval",
        SECONDS,
        "0",
        "Time between two steps; 0 = no ageing.",
    )
    .unit("s"),
    opt(
        "_urs_call_interaction_age",
        SECONDS,
        "",
        "Age that the interaction starts with.",
    )
    .unit("s"),
    opt(
        "_urs_udata_xfer_keys",
        Csv,
        "",
        "Keys copied back from routing into the callback.",
    )
    .pending("no key is copied back"),
    opt(
        "_urs_ewt_estimation_method",
        Enum(&["ursdial", "polling"]),
        "ursdial",
        "How readiness and waiting time are found.",
    )
    .pending("the router tells when an agent is free, no waiting time is estimated"),
    opt(
        "_urs_ewt_virtual_queue",
        Text,
        "",
        "Queue whose waiting time is read instead.",
    )
    .aliases(&["_urs_ewt_vq"])
    .pending("no waiting time is estimated"),
    opt(
        "_max_queue_wait",
        SECONDS,
        "0",
        "Contact the customer anyway after this wait; 0 = off.",
    )
    .unit("s"),
    opt(
        "_eta_pos_threshold",
        Csv,
        "0:10,10:5,20:2,30:1,40:0",
        "Positions that qualify by wait.",
    )
    .advanced()
    .pending("the customer is contacted when an agent is free"),
    opt(
        "_agent_reserve_timeout",
        SECONDS_1,
        "30",
        "How long a chosen agent stays reserved.",
    )
    .unit("s")
    .mandatory(),
    opt(
        "_agent_reserve_delay_before_release",
        MILLIS,
        "0",
        "Delay before a reservation is released.",
    )
    .unit("ms")
    .pending("reservations are released at once"),
    opt(
        "_cannot_dial_buffer_time",
        SECONDS,
        "0",
        "No dial so shortly before the queue's end.",
    )
    .unit("s"),
    opt(
        "_delay_connid_attempt_loop",
        MILLIS,
        "100",
        "Pause between reads of the connection id.",
    )
    .unit("ms")
    .accepted("the id is known at once"),
    opt("_urs_server_url", Url, "", "Address of the router.").accepted("the router is built in"),
];
