//! Every event of the tables, raised end to end by a test of its own: real server, real call, real
//! receiver, with the event's attributes, its custom data and the state of the record.

use std::time::Duration;

use callback::events::EventId;
use serde_json::json;
use testkit::{Behaviour, Line, Note};

use crate::common::keys;
use crate::event_stage::{GREETED, NOW, Stage, published};

/// Customers who answer and stay.
async fn patient() -> Line {
    Line::start(|_, _| Behaviour::Answer(NOW)).await
}

/// Customers who are busy.
async fn busy() -> Line {
    Line::start(|_, _| Behaviour::Refuse(NOW, 486)).await
}

/// Waits for an event and checks that it has everything that the tables promise.
async fn complete(stage: &Stage, id: &str, event: &str, state: &str) -> Note {
    let note = stage.wait(id, event).await;
    let known = published().find(|e| e.as_str() == note.get("event_id"));
    let known: EventId = known.expect("the event is in a table");
    let attributes = known.attributes().iter().copied();
    let expected: Vec<&str> = ["event_id", "timestamp", "_service_id", "_callback_state"]
        .into_iter()
        .chain(attributes.filter(|name| *name != "_service_id"))
        .chain(["desk", "schema"])
        .collect();
    assert_eq!(keys(&note.body), expected, "{event}");
    let custom = (note.get("desk"), &note.body["schema"]);
    assert_eq!(custom, ("billing", &json!(3)), "{event}");
    for (name, value) in note.body.as_object().expect("an object") {
        let fits = match name.as_str() {
            "c_call_result" | "c_call_num_attempt" | "schema" => value.is_u64(),
            "c_target" => value.as_object().is_some_and(|t| t.len() == 10),
            _ => value.as_str().is_some_and(|text| !text.is_empty()),
        };
        assert!(fits, "{event}: {name} is {value}");
    }
    let kind = note.header("content-type");
    assert_eq!(kind, "application/json; charset=utf-8", "{event}");
    assert_eq!(note.get("_callback_state"), state, "{event}");
    note
}

#[test]
fn the_tables_have_nineteen_events() {
    assert_eq!(published().count(), 19);
}

#[tokio::test]
async fn service_create_arrives_when_the_session_starts() {
    let stage = Stage::owning(busy().await, &[]).await;
    let id = stage.call().await;
    let note = complete(&stage, &id, "service_create", "QUEUED").await;
    assert_eq!(note.get("_customer_number"), "5115");
    assert_eq!(note.get("_urs_virtual_queue"), "VQ_Billing");
}

#[tokio::test]
async fn virtual_ixn_create_arrives_when_the_router_knows_the_callback() {
    let stage = Stage::owning(busy().await, &["_wait_for_agent = true"]).await;
    let id = stage.call().await;
    let note = complete(&stage, &id, "virtual_ixn_create", "QUEUED").await;
    assert_eq!(note.get("_service_name"), "desk");
}

#[tokio::test]
async fn target_found_arrives_with_the_routers_object() {
    testkit::require!(testkit::baresip());
    let stage = Stage::owning(patient().await, &[]).await.agent().await;
    let id = stage.call().await;
    let note = complete(&stage, &id, "target_found", "ROUTING").await;
    let target = &note.body["c_target"];
    assert_eq!(
        (&target["agent"], &target["dn"]),
        (&json!("kim"), &json!("7001"))
    );
    assert_eq!(
        (note.get("c_agent_id"), note.get("c_agent_extension")),
        ("kim", "7001")
    );
}

#[tokio::test]
async fn dial_init_arrives_when_the_customer_is_dialed() {
    let stage = Stage::owning(busy().await, &["_prefix_dial_out = 91"]).await;
    let id = stage.call().await;
    let note = complete(&stage, &id, "dial_init", "QUEUED").await;
    let numbers = (note.get("_customer_number"), note.get("c_dialed_number"));
    assert_eq!(numbers, ("5115", "915115"));
}

#[tokio::test]
async fn dial_done_arrives_with_result_and_attempt_as_numbers() {
    let stage = Stage::owning(busy().await, &[]).await;
    let id = stage.call().await;
    let note = complete(&stage, &id, "dial_done", "QUEUED").await;
    let result = (
        &note.body["c_call_result"],
        &note.body["c_call_num_attempt"],
    );
    assert_eq!(result, (&json!(6), &json!(1)));
}

#[tokio::test]
async fn connect_treatment_start_arrives_while_the_state_is_queued() {
    let lines = [GREETED, "_vq_for_outbound_calls = VQ_Out"];
    let stage = Stage::owning(patient().await, &lines).await;
    let id = stage.call().await;
    let note = complete(&stage, &id, "connect_treatment_start", "QUEUED").await;
    assert_eq!(note.get("_vq_for_outbound_calls"), "VQ_Out");
}

#[tokio::test]
async fn customer_queued_arrives_with_the_state_routing() {
    let stage = Stage::owning(patient().await, &[GREETED]).await;
    let id = stage.call().await;
    let note = complete(&stage, &id, "customer_queued", "ROUTING").await;
    assert_eq!(note.get("_vq_for_outbound_calls"), "VQ_Billing");
}

#[tokio::test]
async fn route_to_agent_arrives_with_the_agent() {
    testkit::require!(testkit::baresip());
    let stage = Stage::owning(patient().await, &[]).await.agent().await;
    let id = stage.call().await;
    let note = complete(&stage, &id, "route_to_agent", "ROUTING").await;
    assert_eq!(
        (note.get("c_agent_id"), note.get("c_agent_extension")),
        ("kim", "7001")
    );
}

#[tokio::test]
async fn service_exit_arrives_with_state_and_reason() {
    let stage = Stage::owning(busy().await, &["_max_dial_attempts = 1"]).await;
    let id = stage.call().await;
    let note = complete(&stage, &id, "service_exit", "COMPLETED").await;
    let end = note.get("c_termination_type");
    assert_eq!(end, "COMPLETED.FAIL_CALL_TO_CUSTOMER");
}

#[tokio::test]
async fn callback_scheduled_arrives_when_a_time_is_booked() {
    let stage = Stage::owning(busy().await, &[]).await;
    let id = stage.book(3600).await;
    let note = complete(&stage, &id, "callback_scheduled", "SCHEDULED").await;
    assert_eq!(note.get("_v_queue"), "VQ_Billing");
    assert!(note.get("_desired_time").ends_with('Z'));
}

#[tokio::test]
async fn callback_rescheduled_arrives_with_the_new_time() {
    let stage = Stage::owning(busy().await, &[]).await;
    let id = stage.book(3600).await;
    stage.move_to(&id, 7200).await;
    let note = complete(&stage, &id, "callback_rescheduled", "SCHEDULED").await;
    let before = stage.wait(&id, "callback_scheduled").await;
    assert!(note.get("_desired_time") > before.get("_desired_time"));
}

#[tokio::test]
async fn callback_cancelled_arrives_when_a_booking_is_given_up() {
    let stage = Stage::owning(busy().await, &[]).await;
    let id = stage.book(3600).await;
    stage.cancel(&id).await;
    let note = complete(&stage, &id, "callback_cancelled", "COMPLETED").await;
    assert_eq!(note.get("_customer_number"), "5115");
}

#[tokio::test]
async fn callback_status_updated_arrives_when_a_request_sets_the_state() {
    let stage = Stage::owning(busy().await, &[]).await;
    let id = stage.book(3600).await;
    stage
        .change(&id, json!({"_callback_state": "QUEUED"}))
        .await;
    complete(&stage, &id, "callback_status_updated", "QUEUED").await;
}

#[tokio::test]
async fn callback_submitted_arrives_with_the_hand_over() {
    let stage = Stage::owning(busy().await, &[]).await;
    let id = stage.call().await;
    complete(&stage, &id, "callback_submitted", "QUEUED").await;
}

/// A service whose submissions fail: its agents do not exist.
const LOST: [&str; 2] = ["_target = Nobody@Stats.GA", "_fetch_retry_attempt = 1"];

#[tokio::test]
async fn callback_submit_failed_arrives_when_nobody_could_take_the_callback() {
    let stage = Stage::owning(busy().await, &LOST).await;
    let id = stage.call().await;
    complete(&stage, &id, "callback_submit_failed", "QUEUED").await;
}

#[tokio::test]
async fn callback_resubmitted_arrives_after_a_failed_submission() {
    let stage = Stage::owning(busy().await, &LOST).await;
    let id = stage.call().await;
    let again = complete(&stage, &id, "callback_resubmitted", "QUEUED").await;
    let failed = stage.wait(&id, "callback_submit_failed").await;
    let pause = again.at.saturating_duration_since(failed.at);
    assert!(
        pause > Duration::from_millis(500),
        "_fetch_retry_delay: {pause:?}"
    );
}

#[tokio::test]
async fn callback_processing_failed_arrives_with_the_last_failed_submission() {
    let stage = Stage::owning(busy().await, &LOST).await;
    let id = stage.call().await;
    complete(&stage, &id, "callback_processing_failed", "COMPLETED").await;
    let record = stage.server.api.record(&id).await;
    assert_eq!(record["_callback_reason"], "FAIL_QUEUEING");
}

#[tokio::test]
async fn callback_queued_arrives_when_the_hand_over_worked() {
    let stage = Stage::owning(busy().await, &[]).await;
    let id = stage.call().await;
    complete(&stage, &id, "callback_queued", "QUEUED").await;
}

#[tokio::test]
async fn callback_reminder_arrives_before_the_booked_time() {
    let lines = [
        "_enable_notification_reminder = true",
        "_notification_reminder_buffer = 1",
    ];
    let stage = Stage::owning(busy().await, &lines).await;
    let id = stage.book(4).await;
    complete(&stage, &id, "callback_reminder", "SCHEDULED").await;
    stage.wait(&id, "dial_init").await;
    let told = stage.receiver.events(&id);
    let at = |event: &str| told.iter().position(|e| e == event);
    assert!(at("callback_reminder") < at("dial_init"), "{told:?}");
}
