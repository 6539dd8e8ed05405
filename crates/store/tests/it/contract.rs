//! What every store promises.

mod queries;
mod records;

use store::Store as _;

use crate::fixture::{Place, run};

/// One test per promise, for every store there is.
macro_rules! promises {
    ($($module:ident::$name:ident)*) => {
        $(
            #[test]
            fn $name() {
                run(async {
                    let place = Place::new();
                    let store = place.open();
                    $module::$name(&store).await;
                    store.close().await;
                });
            }
        )*
    };
}

promises! {
    records::a_callback_comes_back_as_it_was_written
    records::a_changed_callback_replaces_the_former
    records::settings_of_the_same_content_are_shared
    records::open_callbacks_are_those_not_completed
    records::the_event_log_comes_back_in_order
    records::deliveries_count_their_attempts
    records::traces_of_debug_mode_are_kept_until_they_are_too_old
    records::deliveries_of_all_are_the_newest_first
    records::deliveries_are_read_by_state_and_page_by_page
    records::pending_deliveries_are_ordered_by_callback_and_seq
    records::attempts_and_dialogs_of_what_is_gone_are_ignored
    records::intents_live_until_their_leg_is_over
    records::an_idempotency_key_keeps_its_first_answer_for_a_day
    records::services_and_agents_are_replaced_by_name
    records::changes_of_services_are_kept_with_them
    records::a_state_of_an_agent_gives_way_to_a_younger_one
    records::a_batch_that_fails_leaves_nothing_behind
    queries::a_query_matches_all_or_any_of_its_conditions
    queries::a_query_compares_keys_and_values_as_they_are
    queries::a_query_is_ordered_and_bounded
    records::purge_removes_what_is_over_and_too_old
    records::purge_takes_more_than_one_step
    records::a_closed_store_says_so
}
