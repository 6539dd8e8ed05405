//! Which test shows that an effective option changes behaviour: no entry without its test.

/// Option and the name of the test, one line each; a test walks the tree for them.
const TESTED: &[(&str, &str)] = &[
    (
        "_on_customer_connect_treatment_url",
        "a_key_decides_what_becomes_of_the_callback",
    ),
    ("_type", "builtin_and_own_documents_are_no_callbacks"),
    ("_service", "builtin_and_own_documents_are_no_callbacks"),
    (
        "_service_type",
        "a_document_runs_callbacks_and_gives_the_reason",
    ),
    ("username", "a_service_pair_opens_its_own_service_only"),
    ("password", "a_service_pair_opens_its_own_service_only"),
    (
        "_call_direction",
        "user_originated_and_chat_are_refused_by_name",
    ),
    (
        "_media_type",
        "user_originated_and_chat_are_refused_by_name",
    ),
    (
        "_wait_for_agent",
        "after_the_longest_wait_the_customer_is_called_without_an_agent",
    ),
    ("_ttl", "moved_into_the_past_is_called_now_and_not_given_up"),
    (
        "_max_time_to_wait_for_agent_on_the_call",
        "greeted_customer_waits_in_vain_and_is_told_so",
    ),
    (
        "_attach_udata",
        "attached_data_travels_as_the_service_wants_it",
    ),
    (
        "_ixn_redirect_hints",
        "the_agent_sees_the_number_of_the_hints",
    ),
    (
        "_enable_status_notification",
        "notification_parameters_are_resolved_one_by_one",
    ),
    (
        "_status_notification_type",
        "notification_parameters_are_resolved_one_by_one",
    ),
    (
        "_status_notification_target",
        "a_receiver_that_comes_late_gets_everything_in_order",
    ),
    (
        "_status_notification_provider",
        "customhttp_wraps_the_event_for_the_provider",
    ),
    (
        "_callback_events_list",
        "the_sample_list_decides_what_is_sent",
    ),
    (
        "_enable_notification_reminder",
        "the_reminder_has_a_switch_of_its_own",
    ),
    (
        "_notification_reminder_buffer",
        "a_reminder_comes_before_the_dial",
    ),
    (
        "_wait_for_user_confirm",
        "the_question_goes_to_the_device_and_a_yes_brings_the_call",
    ),
    (
        "_user_confirm_timeout",
        "without_an_answer_the_question_is_repeated_and_then_the_call_is_made",
    ),
    (
        "_on_user_confirm_timeout",
        "without_an_answer_the_callback_may_end",
    ),
    (
        "_max_number_of_user_availability_confirmation_attempts",
        "without_an_answer_the_question_is_repeated_and_then_the_call_is_made",
    ),
    (
        "_provider_name",
        "the_question_goes_to_the_device_and_a_yes_brings_the_call",
    ),
    (
        "rb.push_attempts",
        "a_push_is_tried_as_often_as_the_service_says",
    ),
    ("rb.later_delay", "later_books_the_callback_and_asks_again"),
    (
        "rb.message_file",
        "push_and_dialogs_have_the_texts_of_the_file_in_the_customers_language",
    ),
    (
        "_paused_services_id",
        "services_are_paused_by_their_list_and_go_on",
    ),
    (
        "rb.pause_list",
        "the_pause_list_has_the_name_of_the_configuration",
    ),
    (
        "_status_notification_debug",
        "what_was_given_up_is_tried_again_by_hand",
    ),
    (
        "_status_notification_language",
        "the_sample_list_decides_what_is_sent",
    ),
    ("_ors", "orscb_events_go_to_the_session_on_the_first_node"),
    (
        "defaultSubscriptionExpiration",
        "a_subscription_without_an_end_lives_as_long_as_configured",
    ),
    (
        "customhttp.url",
        "customhttp_wraps_the_event_for_the_provider",
    ),
    (
        "debug.customhttp.url",
        "debug_mode_uses_the_debug_receiver_of_the_provider",
    ),
    (
        "http.connection_timeout",
        "a_receiver_that_takes_no_connection_is_left_after_the_connection_timeout",
    ),
    (
        "http.socket_timeout",
        "a_receiver_that_hangs_or_streams_costs_the_others_nothing",
    ),
    (
        "http.max_connections_per_route",
        "a_receiver_that_hangs_or_streams_costs_the_others_nothing",
    ),
    (
        "http.max_connections_total",
        "connections_in_all_are_bounded_and_some_are_left_for_hosts_without_any",
    ),
    (
        "http.ssl_trust_all",
        "a_service_may_trust_the_certificate_of_its_own_receiver",
    ),
    ("rb.notify_schedule", "a_service_has_its_own_schedule"),
    ("_target", "the_agent_who_is_idle_longest_is_chosen"),
    (
        "_urs_virtual_queue",
        "supervisors_see_the_callbacks_of_many_services",
    ),
    (
        "_urs_queued_ttl",
        "queue_time_limit_ends_waiting_and_spares_conversations",
    ),
    (
        "_urs_vq_priority",
        "an_update_adds_data_changes_the_place_and_the_time",
    ),
    (
        "_urs_vq_priority_increment",
        "an_interaction_may_start_with_an_age",
    ),
    (
        "_urs_vq_priority_increment_interval",
        "an_interaction_may_start_with_an_age",
    ),
    (
        "_urs_call_interaction_age",
        "an_interaction_may_start_with_an_age",
    ),
    (
        "_max_queue_wait",
        "after_the_longest_wait_the_customer_is_called_without_an_agent",
    ),
    (
        "_cannot_dial_buffer_time",
        "nobody_is_dialed_shortly_before_the_end_of_the_queue",
    ),
    (
        "_agent_reserve_timeout",
        "an_agent_who_does_not_answer_is_set_not_ready_and_the_next_one_gets_the_call",
    ),
    (
        "_desired_time",
        "a_scheduled_callback_is_moved_and_then_dialed",
    ),
    (
        "_request_execution_time_buffer",
        "scheduled_callback_is_submitted_and_dialed_in_its_time",
    ),
    (
        "_desired_connect_time_threshold",
        "scheduled_callback_is_submitted_and_dialed_in_its_time",
    ),
    (
        "_reject_future_desired_time",
        "times_beyond_the_horizon_are_refused",
    ),
    (
        "_default_country",
        "the_country_of_numbers_is_the_services_else_the_servers",
    ),
    (
        "_disallow_impossible_phone_numbers",
        "impossible_numbers_are_refused_unless_allowed",
    ),
    (
        "_disallow_premium_phone_numbers",
        "premium_numbers_are_refused_unless_allowed",
    ),
    (
        "_enable_in_queue_checking",
        "a_number_may_be_queued_twice_or_with_strict_once",
    ),
    (
        "_throttle_request_parameters",
        "a_header_goes_before_the_body_and_may_be_left_out",
    ),
    (
        "_throttle_request_parameters_limit",
        "the_seventh_request_with_the_same_value_within_a_day_is_refused",
    ),
    (
        "_enable_throttle_header_parameters",
        "a_header_goes_before_the_body_and_may_be_left_out",
    ),
    (
        "_throttle_callbacks_per_service_1",
        "each_window_of_a_service_holds_its_own_count",
    ),
    (
        "_throttle_ttl_1",
        "each_window_of_a_service_holds_its_own_count",
    ),
    (
        "_throttle_callbacks_per_service_2",
        "each_window_of_a_service_holds_its_own_count",
    ),
    (
        "_throttle_ttl_2",
        "each_window_of_a_service_holds_its_own_count",
    ),
    (
        "max_queued_callbacks_per_service",
        "a_full_queue_refuses_immediate_requests_only",
    ),
    (
        "filter-keys",
        "keys_of_the_configuration_are_returned_and_filtered_by",
    ),
    (
        "returned-keys",
        "keys_of_the_configuration_are_returned_and_filtered_by",
    ),
    (
        "enable-restore-vq-position",
        "a_resubmitted_callback_keeps_its_age_unless_told_otherwise",
    ),
    (
        "_fetch_retry_attempt",
        "submission_is_repeated_then_given_up",
    ),
    ("_fetch_retry_delay", "submission_is_repeated_then_given_up"),
    (
        "_fetch_timeout",
        "a_document_that_does_not_come_is_left_after_the_fetch_timeout",
    ),
    (
        "_userterminated_first_connect_party",
        "an_agent_is_called_first_and_then_the_customer",
    ),
    (
        "_route_point",
        "a_named_trunk_stands_alone_and_no_name_means_all_in_order",
    ),
    (
        "_prefix_dial_out",
        "a_dangerous_number_made_by_a_prefix_is_not_dialed",
    ),
    (
        "_calling_party_number",
        "the_callers_number_and_name_are_those_of_the_service",
    ),
    (
        "_calling_party_display_name",
        "the_callers_number_and_name_are_those_of_the_service",
    ),
    (
        "_vq_for_outbound_calls",
        "bodies_of_the_default_set_have_their_keys_in_order",
    ),
    (
        "_cpd_enable",
        "without_detection_every_answered_call_counts_as_a_human",
    ),
    ("_call_timeguard_timeout", "the_services_own_values_count"),
    (
        "_ixn_createcall_timeout",
        "no_answer_is_cancelled_after_the_ring_time",
    ),
    (
        "_ixn_createcall_hints",
        "headers_of_ones_own_travel_with_the_dial",
    ),
    ("_max_dial_attempts", "busy_is_retried_up_to_the_limit"),
    (
        "_dial_retry_timeout",
        "no_answer_is_dialed_again_until_the_limit",
    ),
    (
        "_max_successful_customer_contacts",
        "customer_who_leaves_is_called_again_when_another_contact_is_allowed",
    ),
    (
        "_treatment_customer_connect",
        "row_3_a_human_hears_the_greeting_and_then_queues",
    ),
    (
        "_treatment_waiting_for_agent",
        "music_is_heard_in_the_queue_and_then_both_hear_each_other",
    ),
    (
        "_treatment_find_agent_fail",
        "the_wait_for_an_agent_ends_with_the_failure_file_and_may_be_endless",
    ),
    (
        "_treatment_call_failure_answering_machine",
        "row_6_a_machine_hears_its_message_is_released_and_dialed_again",
    ),
    (
        "_treatment_call_screening",
        "a_customer_behind_an_assistant_comes_to_the_phone_after_the_answer",
    ),
    (
        "_customer_lookup_keys",
        "records_are_found_by_id_and_by_number",
    ),
    (
        "_mandatory_customer_lookup_keys",
        "mandatory_keys_may_be_parameters_or_data_but_not_empty",
    ),
    (
        "_overwritable_options",
        "the_example_of_overrides_and_tokens_holds",
    ),
    ("_customer_number", "records_are_found_by_id_and_by_number"),
    (
        "rb.min_delay",
        "the_earliest_contact_lies_behind_the_creation",
    ),
    (
        "rb.transfer_attempts",
        "three_failed_agents_end_in_an_apology",
    ),
    (
        "rb.machine_message_final",
        "the_machine_message_may_be_the_last_attempt",
    ),
    (
        "_plugin_on_dial_url",
        "row_1_a_human_and_the_plugin_says_route_to_agent",
    ),
    (
        "_plugin_on_dial_invoke_on_call_failed",
        "rows_9_and_11_the_plugin_is_not_asked_about_failures_when_it_does_not_want_to_be",
    ),
    (
        "_plugin_on_dial_timeout",
        "a_plugin_that_stays_silent_ends_the_callback_with_an_error",
    ),
    (
        "_plugin_on_dial_associate_ixn",
        "an_attached_call_is_given_back_before_the_answer_is_executed",
    ),
    (
        "rb.plugin_type",
        "row_1_a_human_and_the_plugin_says_route_to_agent",
    ),
    (
        "rb.scxml_dialect",
        "a_service_and_a_client_choose_the_dialect_of_a_document",
    ),
    ("rb.cpd_profile", "the_services_own_values_count"),
    ("rb.cpd_silence_ms", "the_services_own_values_count"),
    ("rb.cpd_hard_stop_ms", "the_services_own_values_count"),
    ("rb.cpd_early", "the_services_own_values_count"),
    (
        "callback_column_alias",
        "own_parameters_have_columns_unless_they_are_disabled",
    ),
    (
        "disable_additional_columns_from_callbacks",
        "own_parameters_have_columns_unless_they_are_disabled",
    ),
    (
        "disable-bulk-cancel-and-export-callback",
        "many_callbacks_are_neither_cancelled_nor_exported_when_that_is_disabled",
    ),
];

/// The test that shows what an option does.
pub(super) fn test_of(name: &str) -> Option<&'static str> {
    let found = TESTED.iter().find(|(option, _)| *option == name);
    found.map(|(_, test)| *test)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashSet};
    use std::fs;
    use std::path::Path;

    use super::super::{Status, all};
    use super::*;

    /// Names of all functions in the sources below a folder.
    fn functions(dir: &Path, names: &mut HashSet<String>) {
        for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                functions(&path, names);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                for line in text.lines() {
                    let line = line.trim_start().trim_start_matches("async ");
                    let name = line
                        .strip_prefix("fn ")
                        .and_then(|rest| rest.split_once('('));
                    names.extend(name.map(|(name, _)| name.to_owned()));
                }
            }
        }
    }

    #[test]
    fn every_effective_option_names_a_test_that_exists() {
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut names = HashSet::new();
        functions(crates, &mut names);
        let effective: BTreeSet<&str> = all()
            .filter(|e| e.status == Status::Effective)
            .map(|e| e.name)
            .collect();
        let tested: BTreeSet<&str> = TESTED.iter().map(|(option, _)| *option).collect();
        assert_eq!(tested.len(), TESTED.len(), "an option stands twice");
        let without: Vec<_> = effective.difference(&tested).collect();
        assert!(without.is_empty(), "without a test: {without:?}");
        let too_many: Vec<_> = tested.difference(&effective).collect();
        assert!(too_many.is_empty(), "not effective: {too_many:?}");
        for (option, test) in TESTED {
            assert!(names.contains(*test), "{option}: there is no test {test}");
        }
    }

    /// Every test that a page of the documentation names in the last column of its tables exists.
    fn check_page(page: &str, at_least: usize) {
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut names = HashSet::new();
        functions(crates, &mut names);
        let text = fs::read_to_string(crates.join("../docs").join(page)).unwrap();
        let rows = text.lines().filter(|line| line.starts_with('|'));
        let cells = rows.filter_map(|line| line.trim_end_matches([' ', '|']).rsplit_once('|'));
        let told: Vec<&str> = cells
            .flat_map(|(_, cell)| cell.split('`').skip(1).step_by(2))
            .filter(|name| name.matches('_').count() > 2)
            .collect();
        assert!(told.len() > at_least, "{page}: {}", told.len());
        for name in told {
            assert!(names.contains(name), "{page}: there is no test {name}");
        }
    }

    #[test]
    fn every_test_on_the_page_of_the_api_exists() {
        check_page("api.md", 80);
    }

    #[test]
    fn every_test_on_the_page_of_bad_input_exists() {
        check_page("bad-input.md", 50);
    }

    /// Every option that the chapters on notifications and treatments name.
    const OF_THE_CHAPTERS: &[&str] = &[
        // Notifications.
        "_enable_status_notification",
        "_status_notification_type",
        "_status_notification_target",
        "_status_notification_provider",
        "_status_notification_debug",
        "_status_notification_language",
        "_callback_events_list",
        "_enable_notification_reminder",
        "_notification_reminder_buffer",
        "_overwritable_options",
        "_ors",
        "_ttl",
        "_customer_number",
        "_desired_time",
        "_urs_virtual_queue",
        "_vq_for_outbound_calls",
        "_fetch_retry_attempt",
        "_fetch_retry_delay",
        "pushEnabled",
        "defaultSubscriptionExpiration",
        "customhttp.url",
        "debug.customhttp.url",
        "fcm.apiKey",
        "debug.fcm.apiKey",
        "fcm.title",
        "fcm.body",
        "http.connection_timeout",
        "http.socket_timeout",
        "http.max_connections_per_route",
        "http.max_connections_total",
        "http.ssl_trust_all",
        "http.use_lax_redirect_strategy",
        "rb.notify_schedule",
        // Treatments.
        "_treatment_customer_connect",
        "_treatment_waiting_for_agent",
        "_treatment_find_agent_fail",
        "_treatment_call_failure_answering_machine",
        "_max_time_to_wait_for_agent_on_the_call",
        "_max_dial_attempts",
        "_dial_retry_timeout",
        "_max_successful_customer_contacts",
        "_cpd_enable",
        "_call_timeguard_timeout",
        "_urs_queued_ttl",
        "_prefix_dial_out",
        "_ixn_redirect_hints",
        "_attach_udata",
        "_on_customer_connect_treatment_url",
        "_plugin_on_dial_url",
        "_plugin_on_dial_invoke_on_call_failed",
        "_plugin_on_dial_associate_ixn",
        "_plugin_on_dial_timeout",
        "rb.machine_message_final",
        "rb.transfer_attempts",
        "rb.cpd_silence_ms",
    ];

    #[test]
    fn no_option_of_the_chapters_is_pending() {
        let entry = |name: &&str| {
            let found = all().find(|e| e.name == *name);
            found.unwrap_or_else(|| panic!("{name} is not in the catalogue"))
        };
        let is_pending = |name: &&str| matches!(entry(name).status, Status::Pending(_));
        let pending: Vec<_> = OF_THE_CHAPTERS.iter().filter(|n| is_pending(n)).collect();
        assert!(pending.is_empty(), "{pending:?}");
    }
}
