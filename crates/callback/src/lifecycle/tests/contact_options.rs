//! Options that move the contact: each with the behaviour it changes.

use super::*;

fn with(change: impl FnOnce(&mut Settings)) -> Settings {
    let mut s = settings();
    change(&mut s);
    s
}

fn needs(walk: &Walk) -> Vec<Need> {
    let need = |effect: &Effect| match effect {
        Effect::Enqueue(need) => Some(*need),
        _ => None,
    };
    walk.effects.iter().filter_map(need).collect()
}

#[test]
fn after_the_longest_wait_the_customer_is_called_without_an_agent() {
    let mut walk = Walk::created(with(|s| {
        s.wait_for_agent = true;
        s.contact.max_queue_wait_s = 600;
    }));
    assert_eq!(needs(&walk), [Need::Contact]);
    walk.after(600, TimerKind::QueueWait);
    assert_eq!(needs(&walk), [Need::ContactNow]);
    walk.turn();
    walk.ended(7);
    walk.after(300, TimerKind::RetryDial);
    assert_eq!(
        needs(&walk),
        [Need::ContactNow],
        "the wait is over for good"
    );
}

#[test]
fn without_a_longest_wait_only_an_agent_brings_the_turn() {
    let walk = Walk::created(with(|s| s.wait_for_agent = true));
    assert!(!walk.callback.timers.contains_key(&TimerKind::QueueWait));
}

#[test]
fn nobody_is_dialed_shortly_before_the_end_of_the_queue() {
    let settings = with(|s| s.contact.cannot_dial_buffer_s = 60);
    let mut late = Walk::created(settings.clone());
    late.now = late.now.plus_seconds(14_400 - 60);
    late.turn();
    assert_eq!(late.reason(), Some(Reason::FailTargetNotFound));
    assert_eq!(late.callback.detail.as_deref(), Some("too_late_to_dial"));
    assert_eq!(late.callback.attempts, 0);
    let mut early = Walk::created(settings);
    early.now = early.now.plus_seconds(14_400 - 61);
    early.turn();
    assert_eq!(early.callback.phase, Phase::Dialing);
}

#[test]
fn an_interaction_may_start_with_an_age() {
    let walk = Walk::created(with(|s| {
        s.contact.interaction_age_s = 300;
        s.priority_increment = 2;
        s.priority_increment_interval_s = 60;
    }));
    assert_eq!(walk.callback.started, walk.now.plus_seconds(-300));
    assert_eq!(walk.callback.priority_at(walk.now), 10);
}

#[test]
fn the_earliest_contact_lies_behind_the_creation() {
    let mut walk = Walk::created(with(|s| s.contact.min_delay_s = 120));
    assert_eq!(needs(&walk), []);
    walk.after(120, TimerKind::ContactAllowed);
    assert_eq!(needs(&walk), [Need::ContactNow]);
}

#[test]
fn a_resubmitted_callback_keeps_its_age_unless_told_otherwise() {
    let age_kept = |restore: bool| {
        let mut walk = Walk::with(with(|s| s.contact.restore_position = restore));
        walk.submission = Err("no queue".into());
        walk.input(Input::Create { notes: vec![] });
        let start = walk.callback.started;
        walk.submission = Ok(());
        walk.after(10, TimerKind::Submit);
        walk.callback.started == start
    };
    assert!(age_kept(true));
    assert!(!age_kept(false));
}

#[test]
fn headers_of_ones_own_travel_with_the_dial() {
    let header = ("X-Campaign".to_owned(), "spring".to_owned());
    let mut walk = Walk::created(with(|s| s.contact.call_headers = vec![header.clone()]));
    walk.turn();
    let headers = walk.effects.iter().find_map(|effect| match effect {
        Effect::Dial(dial) => Some(dial.headers.clone()),
        _ => None,
    });
    assert_eq!(headers, Some(vec![header]));
}

#[test]
fn the_callers_number_and_name_are_those_of_the_service() {
    let mut walk = Walk::created(with(|s| {
        s.calling_party_number = "+49305550199".into();
        s.calling_party_display_name = "Billing".into();
    }));
    walk.turn();
    let shown = walk.effects.iter().find_map(|effect| match effect {
        Effect::Dial(dial) => Some((dial.caller_number.clone(), dial.caller_name.clone())),
        _ => None,
    });
    assert_eq!(shown, Some(("+49305550199".into(), "Billing".into())));
}

fn offer(settings: Settings) -> Offer {
    let mut walk = Walk::created(settings);
    walk.callback.user_data = Map::from_iter([("topic".to_owned(), Value::from("loans"))]);
    walk.queued();
    walk.found();
    let offer = walk.effects.into_iter().find_map(|effect| match effect {
        Effect::Offer(offer) => Some(*offer),
        _ => None,
    });
    offer.expect("an agent was found")
}

#[test]
fn attached_data_travels_as_the_service_wants_it() {
    let sent = |how| offer(with(|s| s.attach_udata = how)).user_data;
    let pair = |key: &str, value: &str| vec![(key.to_owned(), value.to_owned())];
    assert_eq!(sent(AttachUserData::SeparateKeys), pair("topic", "loans"));
    let json = r#"{"topic":"loans"}"#;
    assert_eq!(sent(AttachUserData::SingleJson), pair("GMS_UserData", json));
    let id = CallbackId::from_random(1, [9; 16]);
    assert_eq!(
        sent(AttachUserData::GmsStorageId),
        pair("GMS_UserData", id.as_str())
    );
}

#[test]
fn the_agent_sees_the_number_of_the_hints() {
    assert_eq!(offer(settings()).caller_number, "+4930555010");
    let hinted = with(|s| s.cpn_digits = Some("5115".into()));
    assert_eq!(offer(hinted).caller_number, "5115");
}
