//! Voice – User Terminated: the outbound call, plugin, preview and disposition (options §8).

use super::Kind::{Bool, Csv, Digits, Enum, Json, Text, Url};
use super::own::{AT_LEAST_1, COUNT, MILLIS, SECONDS, SECONDS_1};
use super::{Entry, Kind, Section};

const fn opt(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    meaning: &'static str,
) -> Entry {
    Entry::new(Section::UserTerminated, name, kind, default, meaning)
}

const DIRECT: &str = "the agent's phone is called directly, the customer over `_route_point`";
const NO_PREVIEW: &str = "the customer is dialed without a preview";
const NO_DISPOSITION: &str = "the agent is not asked for a result";

pub(super) const ENTRIES: &[Entry] = &[
    opt(
        "_userterminated_first_connect_party",
        Enum(&["CUSTOMER", "AGENT"]),
        "CUSTOMER",
        "Who is called first.",
    ),
    opt(
        "_route_point",
        Text,
        "",
        "Name of the trunk for outbound calls; empty = all in their order.",
    )
    .mandatory(),
    opt(
        "_trunk_group",
        Text,
        "",
        "Trunk group of calls to the agent first.",
    )
    .pending(DIRECT),
    opt(
        "_agent_first_via_rp",
        Bool,
        "false",
        "Agent first, dialed from the routing point.",
    )
    .mandatory()
    .pending(DIRECT),
    opt(
        "_agent_first_via_tg",
        Bool,
        "false",
        "Agent first, dialed from the trunk group.",
    )
    .pending(DIRECT),
    opt(
        "_prefix_dial_out",
        Digits,
        "",
        "Digits in front of the customer's number.",
    ),
    opt(
        "_calling_party_number",
        Text,
        "",
        "Caller number of the outbound call.",
    ),
    opt(
        "_calling_party_display_name",
        Text,
        "",
        "Caller name of the outbound call.",
    ),
    opt(
        "_vq_for_outbound_calls",
        Text,
        "",
        "Queue reported for the outbound call; empty = _urs_virtual_queue.",
    ),
    opt(
        "_cpd_enable",
        Bool,
        "true",
        "Find out who or what has answered.",
    ),
    opt(
        "_call_timeguard_timeout",
        MILLIS,
        "6000",
        "Time after the answer for a result of that.",
    )
    .unit("ms"),
    opt(
        "_ixn_createcall_timeout",
        SECONDS_1,
        "30",
        "How long the customer's phone may ring.",
    )
    .unit("s"),
    opt(
        "_ixn_createcall_hints",
        Json,
        "",
        "Extensions of the request that makes the call.",
    ),
    opt(
        "_ixn_update_data_time_to_wait",
        MILLIS,
        "500",
        "Wait for attached data to be confirmed.",
    )
    .unit("ms")
    .pending("data is attached without waiting"),
    opt("_max_dial_attempts", AT_LEAST_1, "3", "Dials per callback."),
    opt(
        "_dial_retry_timeout",
        SECONDS,
        "300",
        "Pause between two dials.",
    )
    .unit("s"),
    opt(
        "_max_successful_customer_contacts",
        AT_LEAST_1,
        "1",
        "How often the customer may be reached before the callback ends.",
    ),
    opt(
        "_on_user_confirm_timeout",
        Enum(&["CONNECT-ANYWAY", "CANCEL"]),
        "CONNECT-ANYWAY",
        "What follows when the customer does not confirm.",
    )
    .needs("_wait_for_user_confirm"),
    opt(
        "_plugin_on_dial_url",
        Url,
        "",
        "Plugin that decides after the dial.",
    ),
    opt(
        "_plugin_on_dial_invoke_on_call_failed",
        Bool,
        "true",
        "Ask the plugin on failures, too.",
    )
    .aliases(&["_plugin_on_dial_invoke_on_called_failed"])
    .needs("_plugin_on_dial_url"),
    opt(
        "_plugin_on_dial_associate_ixn",
        Bool,
        "true",
        "Give the call to the plugin.",
    )
    .needs("_plugin_on_dial_url"),
    opt(
        "_plugin_on_dial_timeout",
        SECONDS_1,
        "90",
        "Longest wait for the plugin's answer.",
    )
    .unit("s")
    .needs("_plugin_on_dial_url"),
    opt(
        "_agent_preview",
        Bool,
        "false",
        "Show the callback to the agent before the dial.",
    )
    .pending(NO_PREVIEW),
    opt(
        "_agent_preview_via_rp",
        Bool,
        "false",
        "Dial from the routing point after the preview.",
    )
    .needs("_agent_preview")
    .pending(NO_PREVIEW),
    opt(
        "_agent_preview_data",
        Csv,
        "",
        "Data shown in the preview; empty = all.",
    )
    .needs("_agent_preview")
    .pending(NO_PREVIEW),
    opt(
        "_agent_preview_timeout",
        SECONDS,
        "20",
        "Time to accept or reject the preview.",
    )
    .unit("s")
    .needs("_agent_preview")
    .pending(NO_PREVIEW),
    opt(
        "_agent_preview_allow_reject",
        COUNT,
        "3",
        "Rejects before the callback is cancelled.",
    )
    .needs("_agent_preview")
    .pending(NO_PREVIEW),
    opt(
        "_agent_reject_retry_timeout",
        SECONDS,
        "5",
        "Pause before the next agent is asked.",
    )
    .unit("s")
    .needs("_agent_preview")
    .pending(NO_PREVIEW),
    opt(
        "_agent_preview_timeout_set_notready",
        Bool,
        "false",
        "Silence sets the agent not ready.",
    )
    .needs("_agent_preview")
    .pending(NO_PREVIEW),
    opt(
        "_agent_preview_set_notready_reason",
        Text,
        "",
        "Reason code of that not ready.",
    )
    .needs("_agent_preview")
    .pending(NO_PREVIEW),
    opt(
        "_agent_preview_set_notready_reason_attribute",
        Enum(&["Extensions", "Reasons"]),
        "Extensions",
        "Attribute that carries the reason code.",
    )
    .needs("_agent_preview")
    .pending(NO_PREVIEW),
    opt(
        "_agent_preview_set_notready_reason_key",
        Text,
        "ReasonCode",
        "Key of the reason code.",
    )
    .needs("_agent_preview")
    .pending(NO_PREVIEW),
    opt(
        "_preview_userevent_mediatype",
        COUNT,
        "0",
        "Media type of the preview's message.",
    )
    .needs("_agent_preview")
    .pending(NO_PREVIEW),
    opt(
        "_enable_disposition_dialog",
        Bool,
        "false",
        "Ask the agent for a result after the call.",
    )
    .pending(NO_DISPOSITION),
    opt(
        "_agent_disposition_timeout",
        SECONDS,
        "45",
        "Time for that answer.",
    )
    .unit("s")
    .needs("_enable_disposition_dialog")
    .pending(NO_DISPOSITION),
    opt(
        "_disposition_userevent_mediatype",
        COUNT,
        "0",
        "Media type of that question.",
    )
    .needs("_enable_disposition_dialog")
    .pending(NO_DISPOSITION),
    opt(
        "_cb_dim_channel",
        Enum(&["IVR", "WEB", "MOBILE", "UNKNOWN"]),
        "UNKNOWN",
        "Channel in reporting.",
    )
    .pending("no reporting events are sent"),
];
