//! What a Transaction List asks for, and bodies that are cut.

use super::*;

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
