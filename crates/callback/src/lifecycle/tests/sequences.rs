//! Every event of notifications §9 and every sequence of §11 that needs neither plugin nor
//! VoiceXML, as receivers get them through a Transaction List with all events.

use serde_json::json;

use super::*;
use crate::events::Family;
use crate::settings::Events;
use crate::transaction_list::Wanted;

mod events;
mod lists;
mod page;

/// Settings whose list names every event with all attributes of its table.
fn listed() -> Settings {
    let mut settings = settings();
    let wanted = EventId::ALL
        .iter()
        .filter(|event| event.family() != Family::Native)
        .map(|event| Wanted {
            event: *event,
            params: event.attributes().iter().map(|&a| a.to_owned()).collect(),
            custom: Map::from_iter([("schema".to_owned(), json!(3))]),
        });
    settings.notification.plan.events = Events::List(wanted.collect());
    settings
}

/// A scheduled callback, an hour ahead.
fn scheduled(settings: Settings) -> Walk {
    let mut walk = Walk::with(settings);
    walk.callback.schedule(walk.now.plus_seconds(3600));
    walk.input(Input::Create { notes: vec![] });
    walk
}

/// What was published, one line per event: name, state and what tells results apart.
fn sent(walk: &Walk) -> Vec<String> {
    let line = |body: &Value| {
        let name = body["event_id"].as_str().unwrap();
        let mut line = name.trim_start_matches("_cbe_on_").to_owned();
        match name {
            "_cbe_on_dial_done" => {
                let (result, attempt) = (&body["c_call_result"], &body["c_call_num_attempt"]);
                line.push_str(&format!(" ({result}, {attempt})"));
            }
            "_cbe_on_service_exit" => {
                line.push_str(&format!(
                    " {}",
                    body["c_termination_type"].as_str().unwrap()
                ));
            }
            _ => {}
        }
        line
    };
    walk.bodies.iter().map(line).collect()
}

/// What was published after the virtual interaction existed, joined.
fn session(walk: &Walk) -> String {
    let all = sent(walk);
    let start = all
        .iter()
        .position(|e| e == "virtual_ixn_create")
        .map_or(0, |at| at + 1);
    all[start..].join(", ")
}

/// The one body of an event.
fn body<'a>(walk: &'a Walk, event: &str) -> &'a Value {
    let id = format!("_cbe_on_{event}");
    let mut found = walk
        .bodies
        .iter()
        .filter(|body| body["event_id"] == id.as_str());
    let body = found
        .next()
        .unwrap_or_else(|| panic!("no {event} in {:?}", sent(walk)));
    assert!(found.next().is_none(), "{event} twice");
    body
}

fn keys(body: &Value) -> Vec<&str> {
    let base = [
        "event_id",
        "timestamp",
        "_service_id",
        "_callback_state",
        "schema",
    ];
    let keys = body.as_object().unwrap().keys().map(String::as_str);
    keys.filter(|key| !base.contains(key)).collect()
}

/// Through to the end of a conversation.
fn talked(mut walk: Walk) -> Walk {
    walk.queued();
    walk.found();
    walk.agent(LegEvent::Answered);
    walk.agent(LegEvent::Ended {
        call_state: 0,
        detail: "bye".into(),
    });
    walk
}

const CONNECTED: &str = "connect_treatment_start, customer_queued, target_found, \
                         route_to_agent, service_exit COMPLETED.AGENT_CONNECTED";

#[test]
fn success_with_a_list_of_all_events_is_the_sequence_of_section_10() {
    let walk = talked(Walk::created(listed()));
    assert_eq!(
        sent(&walk).join(", "),
        format!(
            "callback_submitted, callback_queued, service_create, virtual_ixn_create, dial_init, \
             dial_done (0, 1), {CONNECTED}"
        )
    );
    let states: Vec<&str> = walk
        .bodies
        .iter()
        .map(|b| b["_callback_state"].as_str().unwrap())
        .collect();
    assert_eq!(states[..7], ["QUEUED"; 7]);
    assert_eq!(states[7..], ["ROUTING", "ROUTING", "ROUTING", "COMPLETED"]);
}

#[test]
fn no_answer_one_retry_then_human() {
    let mut walk = Walk::created(listed());
    walk.turn();
    walk.ended(call_state::NO_ANSWER);
    walk.after(300, TimerKind::RetryDial);
    let walk = talked(walk);
    assert_eq!(
        session(&walk),
        format!("dial_init, dial_done (7, 1), dial_init, dial_done (0, 2), {CONNECTED}")
    );
}

#[test]
fn busy_one_retry_then_human() {
    let mut walk = Walk::created(listed());
    walk.turn();
    walk.ended(call_state::BUSY);
    walk.after(300, TimerKind::RetryDial);
    let walk = talked(walk);
    assert_eq!(
        session(&walk),
        format!("dial_init, dial_done (6, 1), dial_init, dial_done (0, 2), {CONNECTED}")
    );
}

#[test]
fn retry_limit_reached() {
    let mut walk = Walk::created(listed());
    walk.turn();
    walk.ended(call_state::BUSY);
    walk.after(300, TimerKind::RetryDial);
    walk.turn();
    walk.ended(call_state::BUSY);
    assert_eq!(
        session(&walk),
        "dial_init, dial_done (6, 1), dial_init, dial_done (6, 2), \
         service_exit COMPLETED.FAIL_CALL_TO_CUSTOMER"
    );
}

#[test]
fn machine_with_message_then_the_retry_rule() {
    let mut walk = Walk::created(listed());
    for attempt in 0..2 {
        if attempt > 0 {
            walk.after(300, TimerKind::RetryDial);
        }
        walk.turn();
        walk.customer(LegEvent::Answered);
        walk.verdict(Outcome::Machine, call_state::MACHINE);
        let token = walk.callback.play_token;
        walk.customer(LegEvent::Played { token });
    }
    assert_eq!(
        session(&walk),
        "dial_init, dial_done (9, 1), dial_init, dial_done (9, 2), \
         service_exit COMPLETED.FAIL_CALL_TO_CUSTOMER"
    );
}

#[test]
fn fax_without_a_plugin() {
    let mut walk = Walk::created(listed());
    walk.turn();
    walk.customer(LegEvent::Answered);
    walk.verdict(Outcome::Fax, call_state::FAX);
    assert_eq!(
        session(&walk),
        "dial_init, dial_done (17, 1), service_exit COMPLETED.FAIL_FAX_REACHED"
    );
}

#[test]
fn silence_without_a_plugin_goes_on_as_a_human() {
    let mut walk = Walk::created(listed());
    walk.turn();
    walk.customer(LegEvent::Answered);
    walk.verdict(Outcome::Silence, call_state::SILENCE);
    let token = walk.callback.play_token;
    walk.customer(LegEvent::Played { token });
    assert_eq!(
        session(&walk),
        "dial_init, dial_done (8, 1), connect_treatment_start, customer_queued"
    );
}

#[test]
fn no_greeting_configured() {
    let mut s = listed();
    s.treatments.greeting = Treatment::Off;
    let mut walk = Walk::created(s);
    walk.human();
    assert_eq!(
        session(&walk),
        "dial_init, dial_done (0, 1), customer_queued"
    );
    assert_eq!(body(&walk, "customer_queued")["_callback_state"], "ROUTING");
}

#[test]
fn customer_hangs_up_in_queue() {
    let mut walk = Walk::created(listed());
    walk.queued();
    walk.ended(0);
    let reached = "dial_init, dial_done (0, 1), connect_treatment_start, customer_queued";
    assert_eq!(
        session(&walk),
        format!("{reached}, service_exit COMPLETED.FAIL_INTERACTION_DELETED")
    );
    let mut s = listed();
    s.max_customer_contacts = 2;
    let mut walk = Walk::created(s);
    walk.queued();
    walk.ended(0);
    walk.after(300, TimerKind::RetryDial);
    walk.turn();
    assert_eq!(session(&walk), format!("{reached}, dial_init"));
}

#[test]
fn cancelled_while_scheduled() {
    let mut walk = scheduled(listed());
    walk.input(Input::Cancel);
    assert_eq!(sent(&walk), ["callback_scheduled", "callback_cancelled"]);
}

#[test]
fn cancelled_while_queued() {
    let mut walk = Walk::created(listed());
    walk.input(Input::Cancel);
    assert_eq!(
        session(&walk),
        "callback_cancelled, service_exit COMPLETED.CANCELLED"
    );
}

#[test]
fn cancelled_while_ringing() {
    let mut walk = Walk::created(listed());
    walk.turn();
    walk.input(Input::Cancel);
    assert_eq!(
        session(&walk),
        "dial_init, dial_done (26, 1), callback_cancelled, service_exit COMPLETED.CANCELLED"
    );
}

#[test]
fn agent_first() {
    let mut s = listed();
    s.contact.agent_first = true;
    let mut walk = Walk::created(s);
    walk.input(Input::AgentTurn);
    walk.found();
    walk.agent(LegEvent::Answered);
    walk.human();
    walk.ended(0);
    assert_eq!(
        session(&walk),
        "target_found, route_to_agent, dial_init, dial_done (0, 1), \
         service_exit COMPLETED.AGENT_CONNECTED"
    );
    assert_eq!(body(&walk, "target_found")["_callback_state"], "QUEUED");
    assert_eq!(body(&walk, "route_to_agent")["c_agent_id"], "kim");
}

#[test]
fn scheduled_with_a_reminder() {
    let mut s = listed();
    s.notification.plan.reminder_s = Some(300);
    let mut walk = scheduled(s);
    walk.after(3300, TimerKind::Reminder);
    walk.after(210, TimerKind::Due);
    assert_eq!(
        sent(&walk).join(", "),
        "callback_scheduled, callback_reminder, callback_submitted, callback_queued, \
         service_create, virtual_ixn_create"
    );
    assert_eq!(
        body(&walk, "callback_reminder")["_callback_state"],
        "SCHEDULED"
    );
}

#[test]
fn scheduled_then_moved() {
    let mut walk = scheduled(listed());
    let desired = walk.now.plus_seconds(7200);
    walk.input(Input::Reschedule { desired });
    assert_eq!(sent(&walk), ["callback_scheduled", "callback_rescheduled"]);
    assert_eq!(
        body(&walk, "callback_rescheduled")["_desired_time"],
        desired.to_iso()
    );
}

#[test]
fn submission_fails_twice_then_works() {
    let mut walk = Walk::with(listed());
    walk.submission = Err("no such target".into());
    walk.input(Input::Create { notes: vec![] });
    walk.after(10, TimerKind::Submit);
    walk.submission = Ok(());
    walk.after(10, TimerKind::Submit);
    assert_eq!(
        sent(&walk).join(", "),
        "callback_submitted, callback_submit_failed, callback_resubmitted, \
         callback_submit_failed, callback_resubmitted, callback_queued, service_create, \
         virtual_ixn_create"
    );
}

#[test]
fn submission_never_works() {
    let mut walk = Walk::with(listed());
    walk.submission = Err("no such target".into());
    walk.input(Input::Create { notes: vec![] });
    for _ in 0..3 {
        walk.after(10, TimerKind::Submit);
    }
    let again = ", callback_resubmitted, callback_submit_failed".repeat(3);
    assert_eq!(
        sent(&walk).join(", "),
        format!("callback_submitted, callback_submit_failed{again}, callback_processing_failed")
    );
    let body = body(&walk, "callback_processing_failed");
    assert_eq!(body["_callback_state"], "COMPLETED");
    assert_eq!(walk.reason(), Some(Reason::FailQueueing));
}
