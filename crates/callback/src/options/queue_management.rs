//! Queue Management: number checks and limits of requests (options §6).

use super::Kind::{Bool, Country, Csv, Enum};
use super::own::COUNT;
use super::{Entry, Kind, Section};

const fn opt(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    meaning: &'static str,
) -> Entry {
    Entry::new(Section::QueueManagement, name, kind, default, meaning)
}

pub(super) const ENTRIES: &[Entry] = &[
    opt(
        "_default_country",
        Country,
        "US",
        "Country of numbers without country code; unset = [dialplan] default_country.",
    ),
    opt(
        "_disallow_impossible_phone_numbers",
        Bool,
        "true",
        "Refuse numbers that cannot exist.",
    ),
    opt(
        "_disallow_premium_phone_numbers",
        Bool,
        "true",
        "Refuse premium numbers.",
    ),
    opt(
        "_enable_in_queue_checking",
        Enum(&["true", "false", "strict"]),
        "true",
        "Limit the queued callbacks of one number to two, strict to one.",
    ),
    opt(
        "_enable_reject_out_of_office_hours",
        Bool,
        "false",
        "Refuse requests while closed.",
    )
    .pending("every time counts as open"),
    opt(
        "_throttle_request_parameters",
        Csv,
        "_customer_number",
        "Names whose equal values are counted.",
    ),
    opt(
        "_throttle_request_parameters_limit",
        COUNT,
        "6",
        "Immediate requests per equal value in 24 hours; 0 = off.",
    )
    .aliases(&["_throttle_customer_number_limit"]),
    opt(
        "_enable_throttle_header_parameters",
        Bool,
        "true",
        "Count values of headers, too.",
    ),
];
