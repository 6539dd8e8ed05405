//! Voice Treatment and No Category: what is played, keys and request parameters (options §9).

use super::Kind::{Bool, Csv, Text, Treatment, Url, Urls};
use super::{Entry, Kind, Section};

const fn opt(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    meaning: &'static str,
) -> Entry {
    Entry::new(Section::NoCategory, name, kind, default, meaning)
}

const fn treatment(name: &'static str, meaning: &'static str) -> Entry {
    Entry::new(Section::VoiceTreatment, name, Treatment, "", meaning)
}

pub(super) const ENTRIES: &[Entry] = &[
    treatment(
        "_treatment_customer_connect",
        "Greeting of a human; empty = none.",
    ),
    treatment(
        "_treatment_waiting_for_agent",
        "Music while the customer waits; empty = next_customer_rep.wav.",
    ),
    treatment(
        "_treatment_find_agent_fail",
        "Message when no agent was found in time; empty = all_agents_busy.wav.",
    ),
    treatment(
        "_treatment_call_failure_answering_machine",
        "Message for a machine; empty = call_fail_ans_machine.wav, { } = none.",
    ),
    treatment(
        "_treatment_call_screening",
        "Answer to an assistant that asks who is calling; empty = it is a machine.",
    ),
    opt(
        "_on_customer_connect_treatment_url",
        Url,
        "",
        "VoiceXML document for a human answer.",
    )
    .aliases(&["_on_customer_connect treatment_url"]),
    opt(
        "_customer_lookup_keys",
        Csv,
        "_customer_number",
        "Keys by which records are searched.",
    ),
    opt(
        "_mandatory_customer_lookup_keys",
        Csv,
        "_customer_number",
        "Keys that a request must have.",
    )
    .mandatory(),
    opt(
        "_overwritable_options",
        Csv,
        "",
        "Options that a request may replace.",
    ),
    opt(
        "_ors",
        Urls,
        "",
        "Orchestration nodes: the first one gets the events of orscb. Callbacks run in this \
         server.",
    ),
    opt(
        "_customer_number",
        Text,
        "",
        "The customer's number; of the request.",
    ),
    opt(
        "_originating_interaction_id",
        Text,
        "",
        "Inbound call that led to the callback.",
    )
    .pending("the inbound call is not looked up"),
    opt(
        "_status_notification_debug",
        Bool,
        "false",
        "Keep requests and answers of deliveries for 24 h, tell the receiver.",
    ),
    opt(
        "_status_notification_language",
        Text,
        "",
        "Language of the events, sent as Content-Language; false = unset.",
    ),
    opt(
        "_provide_code",
        Bool,
        "false",
        "Give an access code to a customer who dials in.",
    )
    .pending("no access code is given"),
];
