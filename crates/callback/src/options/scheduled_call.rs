//! Scheduled Call: times, slots and when to submit (options §5).

use super::Kind::{Enum, Span, Text, Time};
use super::own::{COUNT, SECONDS};
use super::{Entry, Kind, Section};

const fn opt(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    meaning: &'static str,
) -> Entry {
    Entry::new(Section::ScheduledCall, name, kind, default, meaning)
}

pub(super) const ENTRIES: &[Entry] = &[
    opt(
        "_desired_time",
        Time,
        "",
        "Time that the customer asked for; of the request.",
    ),
    opt(
        "_request_time_bucket",
        Enum(&["5", "10", "15", "20", "30", "60", "120"]),
        "5",
        "Length of a bookable slot.",
    )
    .unit("min")
    .pending("there are no slots, every desired time is taken"),
    opt(
        "_max_request_by_time_bucket",
        COUNT,
        "100",
        "Places per slot; 0 = no limit.",
    )
    .pending("there are no slots, every desired time is taken"),
    opt(
        "_capacity_service",
        Text,
        "",
        "Capacity service that counts the places.",
    )
    .pending("there are no slots, every desired time is taken"),
    opt(
        "_reject_future_desired_time",
        Span,
        "1M",
        "How far ahead a time may be booked.",
    ),
    opt(
        "_request_execution_time_buffer",
        SECONDS,
        "90",
        "How long before the desired time the callback is submitted at the latest.",
    )
    .unit("s"),
    opt(
        "_desired_connect_time_threshold",
        SECONDS,
        "180",
        "How long before the desired time the customer may be dialed at the earliest.",
    )
    .unit("s"),
    opt(
        "_request_queue_time_stat",
        Text,
        "",
        "Statistic that moves the submission forward.",
    )
    .pending("the submission follows _request_execution_time_buffer"),
    opt(
        "_request_ewt_service",
        Text,
        "",
        "Service that moves the submission forward.",
    )
    .pending("the submission follows _request_execution_time_buffer"),
];
