//! What clients ask for: cancel, another time, other data.

use super::*;

#[test]
fn cancel_while_ringing_gives_the_dial_up_first() {
    let mut walk = Walk::created(settings());
    walk.turn();
    walk.input(Input::Cancel);
    assert!(matches!(
        walk.effects[0],
        Effect::HangUp { given_up: true, .. }
    ));
    assert_eq!(
        walk.told(),
        "dial_init QUEUED, dial_done 26 1, callback_cancelled COMPLETED, \
         service_exit COMPLETED.CANCELLED"
    );
    assert_eq!(
        walk.try_input(Input::Cancel).unwrap_err().code,
        crate::ErrorCode::AlreadyCompleted
    );
}

#[test]
fn conversation_cannot_be_cancelled() {
    let mut walk = Walk::created(settings());
    walk.queued();
    walk.found();
    walk.agent(LegEvent::Answered);
    assert_eq!(
        walk.try_input(Input::Cancel).unwrap_err().code,
        crate::ErrorCode::InvalidState
    );
}

#[test]
fn cancelled_before_submission_has_no_session_to_exit() {
    let mut walk = Walk::with(settings());
    walk.callback.scheduled = true;
    walk.callback.desired = walk.now.plus_seconds(3600);
    walk.input(Input::Create { notes: vec![] });
    walk.input(Input::Cancel);
    assert_eq!(
        walk.events,
        [
            "callback_scheduled SCHEDULED",
            "callback_cancelled COMPLETED"
        ]
    );
}

#[test]
fn scheduled_callback_is_submitted_and_dialed_in_its_time() {
    let mut s = settings();
    s.execution_buffer_s = 600;
    let mut walk = Walk::with(s);
    walk.callback.scheduled = true;
    walk.callback.desired = walk.now.plus_seconds(3600);
    walk.input(Input::Create { notes: vec![] });
    walk.after(2999, TimerKind::Due);
    assert_eq!(walk.callback.state, State::Scheduled);
    walk.after(1, TimerKind::Due);
    assert_eq!(walk.callback.state, State::Queued);
    assert_eq!(
        walk.effects,
        [],
        "not dialed before desired time - threshold"
    );
    walk.after(420, TimerKind::ContactAllowed);
    assert_eq!(walk.effects, [Effect::Enqueue(Need::ContactNow)]);
}

#[test]
fn moved_callback_goes_back_to_scheduled_until_it_was_dialed() {
    let mut walk = Walk::created(settings());
    let desired = walk.now.plus_seconds(7200);
    walk.input(Input::Reschedule { desired });
    assert_eq!(
        (walk.callback.state, walk.callback.desired),
        (State::Scheduled, desired)
    );
    walk.after(7200, TimerKind::Due);
    walk.turn();
    let refused = walk.try_input(Input::Reschedule { desired }).unwrap_err();
    assert_eq!(refused.code, crate::ErrorCode::InvalidState);
}

#[test]
fn a_change_of_target_takes_a_new_place_and_of_data_alone_none() {
    let mut walk = Walk::created(settings());
    let data = Change {
        user_data: Map::from_iter([("topic".to_owned(), Value::from("loans"))]),
        ..Change::default()
    };
    let desired = walk.callback.desired;
    walk.input(Input::Update(Box::new(data.clone())));
    assert_eq!(walk.callback.user_data["topic"], "loans");
    assert_eq!(
        (walk.callback.state, walk.callback.desired),
        (State::Queued, desired)
    );
    let target = Target::parse("Loans@Stats.GA").unwrap();
    let routed = Change {
        target: Some(target.clone()),
        priority: Some(9),
        ..Change::default()
    };
    walk.input(Input::Update(Box::new(routed.clone())));
    assert_eq!(walk.callback.settings.target, target);
    assert_eq!(walk.callback.settings.priority, 9);
    walk.turn();
    walk.customer(LegEvent::Answered);
    walk.human();
    walk.input(Input::Update(Box::new(data)));
    let token = walk.callback.play_token;
    walk.customer(LegEvent::Played { token });
    assert_eq!(walk.callback.state, State::Routing);
    let refused = walk.try_input(Input::Update(Box::new(routed))).unwrap_err();
    assert_eq!(refused.code, crate::ErrorCode::InvalidState);
    walk.input(Input::Cancel);
    let refused = walk.try_input(Input::Update(Box::default())).unwrap_err();
    assert_eq!(refused.code, crate::ErrorCode::AlreadyCompleted);
}

#[test]
fn moved_to_now_the_callback_keeps_its_place() {
    let mut walk = Walk::created(settings());
    let start = walk.callback.started;
    walk.now = walk.now.plus_seconds(600);
    let now = walk.now;
    walk.input(Input::Reschedule { desired: now });
    walk.after(0, TimerKind::Due);
    assert_eq!(walk.callback.started, start);

    let desired = now.plus_seconds(3600);
    walk.input(Input::Reschedule { desired });
    walk.after(3600, TimerKind::Due);
    assert_eq!(walk.callback.started, desired, "the wait begins anew");
}

#[test]
fn moved_into_the_past_is_called_now_and_not_given_up() {
    let mut walk = Walk::with(settings());
    walk.callback.scheduled = true;
    walk.callback.desired = walk.now.plus_seconds(3600);
    walk.input(Input::Create { notes: vec![] });
    let desired = walk.now.plus_seconds(-1_000_000);
    walk.input(Input::Reschedule { desired });
    assert_eq!(walk.callback.expires, walk.now.plus_seconds(86_400));
    walk.after(0, TimerKind::Due);
    walk.after(0, TimerKind::RecordTtl);
    assert_eq!(walk.reason(), None);
    walk.turn();
    assert_eq!(walk.callback.phase, Phase::Dialing);
}
