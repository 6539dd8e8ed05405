//! Each event by itself: when it comes and what it says.

use super::*;

/// Keys of a body beside base and custom data.
#[test]
fn service_create_says_whom_to_call() {
    let walk = Walk::created(listed());
    let body = body(&walk, "service_create");
    assert_eq!(
        keys(body),
        ["_service_name", "_customer_number", "_urs_virtual_queue"]
    );
    assert_eq!(body["_customer_number"], "+4930555010");
}

#[test]
fn virtual_ixn_create_follows_the_session() {
    let walk = Walk::created(listed());
    assert_eq!(keys(body(&walk, "virtual_ixn_create")), ["_service_name"]);
}

#[test]
fn dial_init_says_what_is_dialed() {
    let mut walk = Walk::created(listed());
    walk.turn();
    let body = body(&walk, "dial_init");
    assert_eq!(
        keys(body),
        ["_service_name", "_customer_number", "c_dialed_number"]
    );
    assert_eq!(body["c_dialed_number"], "04930555010");
}

#[test]
fn dial_done_has_numbers_as_numbers() {
    let mut walk = Walk::created(listed());
    walk.human();
    let body = body(&walk, "dial_done");
    assert_eq!(
        (&body["c_call_result"], &body["c_call_num_attempt"]),
        (&json!(0), &json!(1))
    );
}

#[test]
fn connect_treatment_start_is_still_queued() {
    let mut walk = Walk::created(listed());
    walk.human();
    let body = body(&walk, "connect_treatment_start");
    assert_eq!(body["_callback_state"], "QUEUED");
    assert_eq!(
        keys(body),
        ["_service_name", "_vq_for_outbound_calls", "c_dialed_number"]
    );
}

#[test]
fn customer_queued_is_routing() {
    let mut walk = Walk::created(listed());
    walk.queued();
    assert_eq!(body(&walk, "customer_queued")["_callback_state"], "ROUTING");
}

#[test]
fn target_found_has_the_routers_object() {
    let mut walk = Walk::created(listed());
    walk.queued();
    walk.found();
    let body = body(&walk, "target_found");
    assert_eq!(
        body["c_target"],
        json!({"agent": "kim", "dn": "7001", "id": "Billing", "place": "Desk", "resource": "7001",
               "return": "target", "stat_value": "0", "switch": "North", "type": "GA", "vq": "VQ"})
    );
    assert_eq!(
        (&body["c_agent_id"], &body["c_agent_extension"]),
        (&json!("kim"), &json!("7001"))
    );
}

#[test]
fn route_to_agent_comes_before_the_agent_answers() {
    let mut walk = Walk::created(listed());
    walk.queued();
    walk.found();
    let body = body(&walk, "route_to_agent");
    assert_eq!(body["_callback_state"], "ROUTING");
    assert_eq!(
        keys(body),
        ["_service_name", "c_agent_id", "c_agent_extension"]
    );
}

#[test]
fn service_exit_says_why() {
    let walk = talked(Walk::created(listed()));
    let body = body(&walk, "service_exit");
    assert_eq!(body["_callback_state"], "COMPLETED");
    assert_eq!(body["c_dialed_number"], "04930555010");
}

#[test]
fn server_events_have_queue_time_and_number() {
    let walk = scheduled(listed());
    let body = body(&walk, "callback_scheduled");
    assert_eq!(
        keys(body),
        [
            "_service_name",
            "_desired_time",
            "_customer_number",
            "_v_queue"
        ]
    );
    assert_eq!(body["_desired_time"], walk.callback.desired.to_iso());
    assert_eq!(body["_v_queue"], "VQ");
}

#[test]
fn callback_submitted_and_queued_come_with_the_hand_over() {
    let walk = Walk::created(listed());
    assert_eq!(sent(&walk)[..2], ["callback_submitted", "callback_queued"]);
}

fn set(state: State, reason: Option<Reason>) -> Input {
    Input::Update(Box::new(Change {
        state: Some(state),
        reason,
        ..Change::default()
    }))
}

#[test]
fn callback_status_updated_comes_with_a_state_that_a_request_sets() {
    let mut walk = scheduled(listed());
    walk.input(set(State::Queued, None));
    assert_eq!(
        sent(&walk)[1..5].join(", "),
        "callback_status_updated, callback_submitted, callback_queued, service_create"
    );
    walk.input(set(State::Completed, Reason::parse("FAIL_ERROR")));
    assert_eq!(
        sent(&walk)[6..].join(", "),
        "callback_status_updated, service_exit COMPLETED.FAIL_ERROR"
    );
    let refused = |walk: &mut Walk, state| {
        let input = set(state, None);
        walk.try_input(input).unwrap_err().code
    };
    assert_eq!(
        refused(&mut walk, State::Completed),
        crate::ErrorCode::AlreadyCompleted
    );
    let mut walk = Walk::created(listed());
    assert_eq!(
        refused(&mut walk, State::Processing),
        crate::ErrorCode::InvalidState
    );
}
