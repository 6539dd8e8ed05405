//! Paused services and callbacks that a request holds (callback-api §10.2).

use super::*;

fn booked() -> Walk {
    let mut walk = Walk::with(settings());
    walk.callback.schedule(walk.now.plus_seconds(3600));
    walk.input(Input::Create { notes: vec![] });
    walk
}

fn set(walk: &mut Walk, state: State) -> Result<(), &'static str> {
    let change = Change {
        state: Some(state),
        ..Change::default()
    };
    let update = Input::Update(Box::new(change));
    walk.try_input(update).map_err(|error| error.code.phrase())
}

fn pause(walk: &mut Walk) {
    walk.paused = true;
    walk.input(Input::ServicePaused);
}

fn resume(walk: &mut Walk) {
    walk.paused = false;
    walk.input(Input::ServiceResumed);
}

#[test]
fn a_booked_callback_is_held_and_goes_on_at_its_time() {
    let mut walk = booked();
    let due = walk.callback.timers[&TimerKind::Due];
    pause(&mut walk);
    assert_eq!(walk.callback.state, State::Paused);
    walk.now = walk.now.plus_seconds(600);
    resume(&mut walk);
    assert_eq!(walk.callback.state, State::Scheduled);
    assert_eq!(walk.callback.timers[&TimerKind::Due], due);
    assert_eq!(
        walk.events,
        [
            "callback_scheduled SCHEDULED",
            "callback_status_updated PAUSED",
            "callback_status_updated SCHEDULED"
        ]
    );
    // Held beyond its time it is executed as soon as it may.
    pause(&mut walk);
    walk.now = walk.callback.desired.plus_seconds(60);
    resume(&mut walk);
    assert_eq!(walk.callback.timers[&TimerKind::Due], walk.now);
}

#[test]
fn a_queued_callback_keeps_its_age_and_the_rest_of_its_time() {
    let mut walk = Walk::created(settings());
    let started = walk.callback.started;
    walk.now = walk.now.plus_seconds(400);
    pause(&mut walk);
    assert_eq!(walk.effects, [Effect::Leave]);
    walk.turn();
    assert_eq!(walk.callback.attempts, 0, "nobody is dialed meanwhile");
    walk.now = walk.now.plus_seconds(50_000);
    walk.input(Input::Timer(TimerKind::QueuedTtl));
    assert!(
        walk.callback.is_open(),
        "the limit of the queue stands still"
    );
    resume(&mut walk);
    assert_eq!(walk.effects, [Effect::Enqueue(Need::ContactNow)]);
    assert_eq!(
        (walk.callback.state, walk.callback.started),
        (State::Queued, started)
    );
    let left = walk.now.plus_seconds(14_400 - 400);
    assert_eq!(walk.callback.timers[&TimerKind::QueuedTtl], left);
    assert_eq!(
        walk.events
            .iter()
            .filter(|e| e.starts_with("service_create"))
            .count(),
        1,
        "the session is the same"
    );
}

#[test]
fn who_was_dialed_is_served_although_the_service_is_paused() {
    let mut walk = Walk::created(settings());
    walk.turn();
    pause(&mut walk);
    assert_eq!(walk.callback.phase, Phase::Dialing);
    walk.ended(7);
    pause(&mut walk);
    assert_eq!(walk.callback.phase, Phase::RetryPause);
    assert_eq!(set(&mut walk, State::Paused), Err("INVALID_STATE"));
}

#[test]
fn a_failed_submission_is_repeated_when_the_service_goes_on() {
    let mut walk = Walk::with(settings());
    walk.submission = Err("no trunk".to_owned());
    walk.input(Input::Create { notes: vec![] });
    pause(&mut walk);
    walk.submission = Ok(());
    resume(&mut walk);
    assert_eq!(
        (walk.callback.state, &walk.callback.phase),
        (State::Queued, &Phase::Waiting)
    );
    assert!(
        walk.events
            .iter()
            .any(|e| e.starts_with("callback_resubmitted"))
    );
}

#[test]
fn a_held_callback_expires_can_be_cancelled_and_moved() {
    let mut walk = booked();
    pause(&mut walk);
    let desired = walk.now.plus_seconds(7200);
    walk.input(Input::Reschedule { desired });
    assert_eq!(
        (walk.callback.state, walk.callback.desired),
        (State::Paused, desired)
    );
    assert_eq!(walk.events.last().unwrap(), "callback_rescheduled PAUSED");
    let mut cancelled = Walk::with(settings());
    cancelled.callback = walk.callback.clone();
    cancelled.input(Input::Cancel);
    assert_eq!(cancelled.reason(), Some(Reason::Cancelled));
    let mut expired = Walk::with(settings());
    expired.callback = walk.callback.clone();
    expired.now = walk.callback.expires;
    expired.input(Input::Timer(TimerKind::RecordTtl));
    assert_eq!(expired.reason(), Some(Reason::FailTimeoutTtl));
    resume(&mut walk);
    assert_eq!(walk.callback.state, State::Scheduled);
    assert_eq!(
        walk.callback.timers[&TimerKind::Due],
        desired.plus_seconds(-90)
    );
}

#[test]
fn a_request_may_start_a_callback_held() {
    let mut walk = Walk::with(settings());
    walk.callback
        .parameters
        .insert("_callback_state".to_owned(), "PAUSED".into());
    walk.input(Input::Create { notes: vec![] });
    assert_eq!(walk.events, ["callback_status_updated PAUSED"]);
    resume(&mut walk);
    assert_eq!(
        walk.callback.state,
        State::Paused,
        "the service does not take it along"
    );
    assert_eq!(set(&mut walk, State::Scheduled), Err("INVALID_STATE"));
    assert_eq!(set(&mut walk, State::Queued), Ok(()));
    assert_eq!(
        (walk.callback.state, &walk.callback.phase),
        (State::Queued, &Phase::Waiting)
    );

    let mut walk = Walk::with(settings());
    walk.callback
        .parameters
        .insert("_callback_state".to_owned(), "PAUSED".into());
    walk.callback.schedule(walk.now.plus_seconds(3600));
    walk.input(Input::Create { notes: vec![] });
    assert_eq!(
        walk.events,
        [
            "callback_scheduled SCHEDULED",
            "callback_status_updated PAUSED"
        ]
    );
    assert_eq!(set(&mut walk, State::Scheduled), Ok(()));
    assert_eq!(walk.callback.state, State::Scheduled);
}

#[test]
fn states_are_set_as_the_table_of_transitions_says() {
    use State::{Completed, Paused, Processing, Queued, Routing, Scheduled};
    let all = [Scheduled, Queued, Routing, Processing, Completed, Paused];
    let tried = |start: fn() -> Walk| {
        let allowed = all
            .into_iter()
            .filter(|state| set(&mut start(), *state).is_ok());
        allowed.map(State::as_str).collect::<Vec<_>>()
    };
    assert_eq!(
        tried(booked),
        ["SCHEDULED", "QUEUED", "COMPLETED", "PAUSED"]
    );
    let queued = || Walk::created(settings());
    assert_eq!(tried(queued), ["QUEUED", "COMPLETED", "PAUSED"]);
    let held = || {
        let mut walk = booked();
        set(&mut walk, Paused).unwrap();
        walk
    };
    assert_eq!(tried(held), ["SCHEDULED", "QUEUED", "COMPLETED", "PAUSED"]);
    let held_in_queue = || {
        let mut walk = Walk::created(settings());
        set(&mut walk, Paused).unwrap();
        walk
    };
    assert_eq!(tried(held_in_queue), ["QUEUED", "COMPLETED", "PAUSED"]);
    let routing = || {
        let mut walk = Walk::created(settings());
        walk.queued();
        walk
    };
    assert_eq!(tried(routing), ["ROUTING", "COMPLETED"]);
    let over = || {
        let mut walk = booked();
        walk.input(Input::Cancel);
        walk
    };
    assert_eq!(tried(over), [""; 0]);
}

#[test]
fn a_booked_callback_that_is_queued_by_request_expires_as_one_of_now() {
    let mut walk = booked();
    let booked_until = walk.callback.expires;
    set(&mut walk, State::Queued).unwrap();
    let expires = walk
        .callback
        .desired
        .plus_seconds(walk.callback.settings.ttl_s);
    assert!(expires < booked_until);
    assert_eq!(walk.callback.expires, expires);
    assert_eq!(walk.callback.timers[&TimerKind::RecordTtl], expires);
}

#[test]
fn nobody_gets_around_a_paused_service() {
    let mut walk = booked();
    pause(&mut walk);
    assert_eq!(set(&mut walk, State::Queued), Err("PAUSED"));
    assert_eq!(set(&mut walk, State::Scheduled), Err("PAUSED"));
    // Held by a request as well: it stays when the service goes on.
    assert_eq!(set(&mut walk, State::Paused), Ok(()));
    resume(&mut walk);
    assert_eq!(walk.callback.state, State::Paused);
}
