//! Application sections `[callback]` and `[lab]` (options §11).

use super::Kind::{Bool, Csv, Enum, Json, Text};
use super::own::{COUNT, SECONDS};
use super::{Entry, Kind, Section};

const fn opt(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    meaning: &'static str,
) -> Entry {
    Entry::new(Section::Application, name, kind, default, meaning)
}

const fn lab(name: &'static str, meaning: &'static str) -> Entry {
    Entry::new(Section::Lab, name, Bool, "false", meaning)
}

const NO_SCAN: &str = "nothing is scanned, a timer wakes each callback when it is due";

pub(super) const ENTRIES: &[Entry] = &[
    opt(
        "_enable_gms_dfm",
        Bool,
        "true",
        "Way to talk to orchestration.",
    )
    .accepted("the engine is built in, other nodes are always reached by session fetch"),
    opt(
        "_enable_in_queue_checking",
        Enum(&["true", "false", "strict"]),
        "true",
        "Default of the service's option.",
    ),
    opt(
        "_enable_throttle_header_parameters",
        Bool,
        "true",
        "Default of the service's option.",
    ),
    opt(
        "_throttle_request_parameters",
        Csv,
        "_customer_number",
        "Default of the service's option.",
    ),
    opt(
        "_throttle_request_parameters_limit",
        COUNT,
        "6",
        "Default of the service's option.",
    )
    .aliases(&["_throttle_customer_number_limit"]),
    opt(
        "_throttle_callbacks_per_service_1",
        COUNT,
        "500",
        "Callbacks of one service in window 1; 0 = off.",
    ),
    opt("_throttle_ttl_1", SECONDS, "600", "Length of window 1.").unit("s"),
    opt(
        "_throttle_callbacks_per_service_2",
        COUNT,
        "5000",
        "Callbacks of one service in window 2; 0 = off.",
    ),
    opt("_throttle_ttl_2", SECONDS, "86400", "Length of window 2.").unit("s"),
    opt(
        "_fetch_retry_attempt",
        COUNT,
        "3",
        "Repetitions of a failed submission.",
    ),
    opt(
        "_fetch_retry_delay",
        SECONDS,
        "10",
        "Pause between submissions.",
    )
    .unit("s"),
    opt(
        "_fetch_timeout",
        SECONDS,
        "10",
        "Longest wait for one fetch of an SCXML document.",
    )
    .unit("s"),
    opt(
        "_services_credentials",
        Text,
        "",
        "Credentials of services.",
    )
    .accepted("what it is for is not public"),
    opt(
        "callback_column_alias",
        Json,
        "",
        "Columns for own parameters in the browser's list of callbacks and in exports, and their \
         titles: {\"key\":\"title\"}.",
    ),
    opt(
        "filter-keys",
        Csv,
        "_callback_state,_callback_reason,_request_queue_time_stat,_request_ewt_service,_vq",
        "Filters of the query by queues.",
    ),
    opt(
        "returned-keys",
        Csv,
        "_desired_time,_callback_state,_callback_state,_callback_reason,_ors_session_id",
        "Extra keys of a query's answer.",
    ),
    opt(
        "max_queued_callbacks_per_service",
        COUNT,
        "2000",
        "Queued callbacks of one service.",
    ),
    opt(
        "queue-polling-rate",
        SECONDS,
        "5",
        "Pause between scans for due callbacks.",
    )
    .unit("s")
    .accepted(NO_SCAN),
    opt(
        "queue-polling-rate-recover",
        SECONDS,
        "300",
        "Pause between scans for forgotten ones.",
    )
    .unit("s")
    .accepted(NO_SCAN),
    opt("log-background-activity", Bool, "false", "Log the scans.").accepted(NO_SCAN),
    opt(
        "enable-restore-vq-position",
        Bool,
        "true",
        "Keep priority and age on resubmission.",
    ),
    opt(
        "rb.pause_list",
        Text,
        "Ringback_Paused",
        "Transaction List of paused services.",
    ),
    lab(
        "disable-bulk-cancel-and-export-callback",
        "Nobody cancels many callbacks at once or exports them.",
    ),
    lab(
        "disable_additional_columns_from_callbacks",
        "Hide the columns of own parameters.",
    ),
];
