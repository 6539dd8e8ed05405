//! Submissions that fail, restarts, reports that are late or never come.

use super::*;

#[test]
fn submission_is_repeated_then_given_up() {
    let mut walk = Walk::with(settings());
    walk.submission = Err("no such target".into());
    walk.input(Input::Create { notes: vec![] });
    for _ in 0..3 {
        walk.after(10, TimerKind::Submit);
    }
    assert_eq!(walk.reason(), Some(Reason::FailQueueing));
    assert_eq!(
        walk.events,
        [
            "callback_submitted QUEUED",
            "callback_submit_failed QUEUED",
            "callback_resubmitted QUEUED",
            "callback_submit_failed QUEUED",
            "callback_resubmitted QUEUED",
            "callback_submit_failed QUEUED",
            "callback_resubmitted QUEUED",
            "callback_submit_failed QUEUED",
            "callback_processing_failed COMPLETED",
        ]
    );
}

#[test]
fn restart_repeats_the_interrupted_attempt_without_counting_it() {
    let mut walk = Walk::created(settings());
    walk.turn();
    walk.input(Input::Recover);
    assert_eq!(walk.callback.phase, Phase::RetryPause);
    walk.after(30, TimerKind::RetryDial);
    walk.turn();
    assert_eq!(
        walk.callback.customer_leg().attempt,
        2,
        "another attempt, another leg"
    );
    walk.ended(call_state::BUSY);
    walk.after(300, TimerKind::RetryDial);
    walk.turn();
    walk.ended(call_state::BUSY);
    assert_eq!(walk.reason(), Some(Reason::FailCallToCustomer));
    assert_eq!(walk.callback.attempts, 3);
}

#[test]
fn restart_during_the_conversation_ends_it_as_connected() {
    let mut walk = Walk::created(settings());
    walk.queued();
    walk.found();
    walk.agent(LegEvent::Answered);
    walk.input(Input::Recover);
    assert_eq!(walk.reason(), Some(Reason::AgentConnected));
}

#[test]
fn reports_of_an_older_attempt_or_clip_change_nothing() {
    let mut walk = Walk::created(settings());
    walk.turn();
    walk.ended(call_state::BUSY);
    walk.after(300, TimerKind::RetryDial);
    walk.turn();
    let before = walk.callback.clone();
    let event = LegEvent::Ended {
        call_state: 7,
        detail: "late".into(),
    };
    walk.input(Input::Customer { attempt: 1, event });
    assert_eq!(walk.callback, before);
    walk.customer(LegEvent::Answered);
    walk.verdict(Outcome::Human, 0);
    let token = walk.callback.play_token;
    walk.customer(LegEvent::Played { token: token - 1 });
    assert_eq!(walk.callback.phase, Phase::Greeting);
}

#[test]
fn silent_driver_does_not_hold_a_callback() {
    let mut walk = Walk::created(settings());
    walk.turn();
    walk.after(45, TimerKind::Guard);
    assert_eq!(walk.callback.phase, Phase::RetryPause);
    let mut walk = Walk::created(settings());
    walk.turn();
    walk.customer(LegEvent::Answered);
    walk.after(60, TimerKind::Guard);
    assert_eq!(
        walk.callback.phase,
        Phase::Greeting,
        "undecided counts as human"
    );
}

#[test]
fn what_is_not_built_is_said_in_the_history() {
    let mut s = settings();
    s.pending.insert(
        "_plugin_on_dial_url".into(),
        "the built-in path is taken".into(),
    );
    let mut walk = Walk::with(s);
    let context = Context {
        now: walk.now,
        submission: Ok(()),
        random: 1,
        paused: false,
        line: None,
    };
    let step = step(
        walk.callback.clone(),
        Input::Create { notes: vec![] },
        &context,
    )
    .unwrap();
    assert_eq!(step.events[0].id, EventId::PendingOption);
    assert_eq!(step.events[0].data["option"], "_plugin_on_dial_url");
    walk.callback = step.callback;
}
