//! Every event of notifications §9 and every sequence of §11 that needs neither plugin nor
//! VoiceXML, as receivers get them through a Transaction List with all events.

use std::collections::BTreeSet;

use serde_json::json;

use super::*;
use crate::events::Family;
use crate::settings::Events;
use crate::transaction_list::Wanted;

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

/// Keys of a body beside base and custom data.
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

#[test]
fn the_reminder_needs_no_section_and_comes_once_per_time() {
    let mut s = settings();
    s.notification.plan.reminder_s = Some(300);
    let mut walk = scheduled(s.clone());
    walk.after(3300, TimerKind::Reminder);
    assert_eq!(
        sent(&walk),
        ["callback_reminder"],
        "with the default set as well"
    );
    let desired = walk.now.plus_seconds(1000);
    walk.input(Input::Reschedule { desired });
    walk.after(700, TimerKind::Reminder);
    assert_eq!(
        sent(&walk),
        ["callback_reminder", "callback_reminder"],
        "a new time, a new one"
    );
    walk.after(300, TimerKind::Due);
    walk.turn();
    walk.ended(call_state::BUSY);
    assert!(
        !walk.callback.timers.contains_key(&TimerKind::Reminder),
        "not for a retry"
    );
    let walk = Walk::created(s.clone());
    assert!(
        !walk.callback.timers.contains_key(&TimerKind::Reminder),
        "not for an immediate one"
    );
    s.notification.mode = NotificationMode::Off;
    let mut walk = scheduled(s);
    walk.after(3300, TimerKind::Reminder);
    assert_eq!(sent(&walk), [""; 0]);
}

#[test]
fn a_list_with_one_event_sends_exactly_that_one() {
    let mut s = settings();
    s.notification.plan.events = Events::List(vec![Wanted {
        event: EventId::ServiceExit,
        params: vec![],
        custom: Map::new(),
    }]);
    let walk = talked(Walk::created(s));
    assert_eq!(walk.bodies.len(), 1);
    assert_eq!(
        keys(&walk.bodies[0]),
        [""; 0],
        "without notify_params the base alone"
    );
}

#[test]
fn lists_that_name_nothing_or_do_not_exist_send_nothing() {
    for events in [Events::List(vec![]), Events::MissingList] {
        let mut s = settings();
        s.notification.plan.events = events;
        let walk = talked(Walk::created(s));
        assert_eq!(walk.bodies, [] as [Value; 0]);
    }
}

#[test]
fn parameters_data_and_options_are_sent_when_a_list_asks_for_them() {
    let mut s = settings();
    let names = [
        "c_last_dialed_number",
        "topic",
        "_ttl",
        "_own",
        "c_agent_id",
        "nothing",
    ];
    s.notification.plan.events = Events::List(vec![Wanted {
        event: EventId::DialDone,
        params: names.iter().map(|&n| n.to_owned()).collect(),
        custom: serde_json::from_value(json!({"timestamp": "x", "topic": "custom", "z": [1]}))
            .unwrap(),
    }]);
    s.notification.plan.options = Map::from_iter([("_ttl".to_owned(), json!("77"))]);
    let mut walk = Walk::with(s);
    walk.callback.user_data = Map::from_iter([("topic".to_owned(), json!("loans"))]);
    walk.callback.parameters = Map::from_iter([("_own".to_owned(), json!(true))]);
    walk.input(Input::Create { notes: vec![] });
    walk.human();
    let body = &walk.bodies[0];
    assert_eq!(
        keys(body),
        ["c_last_dialed_number", "topic", "_ttl", "_own", "z"],
        "what is not known is left out"
    );
    assert_eq!(
        (&body["topic"], &body["_ttl"]),
        (&json!("loans"), &json!("77"))
    );
    assert_eq!(body["timestamp"], "1790000000", "base wins over custom");
}

#[test]
fn native_bodies_have_number_time_and_real_state() {
    let mut s = settings();
    s.notification.plan.native_body = true;
    s.notification.plan.frozen_state = true;
    let mut walk = Walk::created(s);
    walk.queued();
    let body = body(&walk, "customer_queued");
    assert_eq!(
        (&body["_callback_state"], &body["state_after"]),
        (&json!("QUEUED"), &json!("ROUTING"))
    );
    assert_eq!(
        (&body["seq"], &body["time_ms"]),
        (&json!(6), &json!(1_790_000_000_000_i64))
    );
    walk.ended(0);
    assert_eq!(walk.bodies.last().unwrap()["_callback_state"], "COMPLETED");
}

#[test]
fn a_body_that_is_too_large_loses_attached_data_from_the_end() {
    let mut s = settings();
    let names: Vec<String> = (0..8).map(|n| format!("key{n}")).collect();
    s.notification.plan.events = Events::List(vec![Wanted {
        event: EventId::ServiceCreate,
        params: names.clone(),
        custom: Map::from_iter([("desk".to_owned(), json!("billing"))]),
    }]);
    let mut walk = Walk::with(s);
    walk.callback.user_data = names
        .iter()
        .map(|n| (n.clone(), json!("x".repeat(10_000))))
        .collect();
    walk.input(Input::Create { notes: vec![] });
    let body = &walk.bodies[0];
    assert!(body.to_string().len() <= crate::limits::EVENT_BODY_MAX);
    assert_eq!(
        (&body["_truncated"], &body["desk"]),
        (&json!(true), &json!("billing"))
    );
    assert!(body.get("key5").is_some() && body.get("key6").is_none());
}

/// The names in backquotes of one cell of a table's row.
fn named(row: &str, cell: usize) -> Vec<&str> {
    let text = row.split('|').nth(cell).unwrap_or_default();
    text.split('`').skip(1).step_by(2).collect()
}

/// The sources of the tests with a server and of the delivery.
fn other_tests() -> String {
    let mut text = String::new();
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut folders = vec![root.join("ringback/tests"), root.join("engine/src/notify")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                text.push_str(&std::fs::read_to_string(path).unwrap());
            }
        }
    }
    text
}

/// No two events, and no two rows of the sequences, share a test with a server.
fn each_has_a_test_of_its_own(page: &str) {
    let mut seen = BTreeSet::new();
    let (mut events, mut sequences) = (0, 0);
    for row in page.lines() {
        let event = row.strip_prefix("| `_cbe_on_");
        let start = match event.and_then(|rest| rest.split_once('`')) {
            Some((name, _)) => format!("{name}_arrives_"),
            None if row.starts_with("| sequence:") => "sequence_".to_owned(),
            None => continue,
        };
        *(if event.is_some() {
            &mut events
        } else {
            &mut sequences
        }) += 1;
        for name in named(row, 3) {
            assert!(
                name.starts_with(&start),
                "{name} is no test of this row: {row}"
            );
            assert!(seen.insert(name), "{name} stands in two rows");
        }
    }
    // 19 events, the success of section 10, the 22 rows of section 11, the delayed reminder.
    assert_eq!((events, sequences), (19, 24));
}

/// The page that tells which test raises which event cannot rot.
#[test]
fn the_page_of_events_names_a_test_of_each() {
    let page = include_str!("../../../../../docs/notifications-events.md");
    let tests = include_str!("sequences.rs");
    let others = other_tests();
    for event in EventId::ALL.iter().filter(|e| e.family() != Family::Native) {
        let row = page
            .lines()
            .find(|line| line.contains(&format!("`{}`", event.as_str())));
        let row = row.unwrap_or_else(|| panic!("{} is not on the page", event.as_str()));
        assert!(
            !named(row, 2).is_empty() && !named(row, 3).is_empty(),
            "{row}"
        );
        let short = event.as_str().trim_start_matches("_cbe_on_");
        for name in named(row, 2) {
            let at = tests
                .find(&format!("fn {name}()"))
                .unwrap_or_else(|| panic!("{name}"));
            let text = tests[at..].split("\n}\n").next().unwrap();
            assert!(text.contains(short), "{name} says nothing of {short}");
        }
    }
    each_has_a_test_of_its_own(page);
    for row in page.lines().filter(|line| line.starts_with("| ")) {
        if row.contains("sequence:") {
            let name = named(row, 2)[0];
            let test = format!("fn {name}()");
            assert!(
                [
                    tests,
                    include_str!("plugin.rs"),
                    include_str!("forecast.rs")
                ]
                .iter()
                .any(|file| file.contains(&test)),
                "{name}"
            );
        }
        for name in named(row, 3) {
            assert!(others.contains(&format!("fn {name}()")), "{name}");
        }
    }
}
