//! The customer is dialed and judged: results, retries, machines, treatments.

use super::*;

const SUBMITTED: [&str; 4] = [
    "callback_submitted QUEUED",
    "callback_queued QUEUED",
    "service_create QUEUED",
    "virtual_ixn_create QUEUED",
];

#[test]
fn success_raises_the_sequence_of_the_reference() {
    let mut walk = Walk::created(settings());
    walk.queued();
    walk.found();
    walk.agent(LegEvent::Answered);
    assert_eq!(walk.callback.state, State::Processing);
    assert!(
        walk.effects
            .iter()
            .any(|e| matches!(e, Effect::Bridge { .. }))
    );
    walk.agent(LegEvent::Ended {
        call_state: 0,
        detail: "bye".into(),
    });
    assert_eq!(walk.events[..4], SUBMITTED);
    assert_eq!(
        walk.told(),
        "dial_init QUEUED, dial_done 0 1, connect_treatment_start QUEUED, customer_queued ROUTING, \
         target_found ROUTING, route_to_agent ROUTING, service_exit COMPLETED.AGENT_CONNECTED"
    );
    assert!(walk.callback.timers.is_empty());
}

#[test]
fn without_greeting_the_customer_queues_at_once() {
    let mut s = settings();
    s.treatments.greeting = Treatment::Off;
    let mut walk = Walk::created(s);
    walk.human();
    assert_eq!(
        walk.told(),
        "dial_init QUEUED, dial_done 0 1, customer_queued ROUTING"
    );
}

#[test]
fn no_answer_is_dialed_again_until_the_limit() {
    let mut walk = Walk::created(settings());
    walk.turn();
    walk.ended(call_state::NO_ANSWER);
    assert_eq!(walk.callback.phase, Phase::RetryPause);
    walk.after(299, TimerKind::RetryDial);
    assert_eq!(walk.callback.phase, Phase::RetryPause, "too early");
    walk.after(1, TimerKind::RetryDial);
    assert_eq!(walk.effects, [Effect::Enqueue(Need::ContactNow)]);
    walk.turn();
    walk.ended(call_state::NO_ANSWER);
    assert_eq!(
        walk.told(),
        "dial_init QUEUED, dial_done 7 1, dial_init QUEUED, dial_done 7 2, \
         service_exit COMPLETED.FAIL_CALL_TO_CUSTOMER"
    );
}

#[test]
fn another_trunk_carries_the_same_attempt_with_its_own_number() {
    let mut walk = Walk::created(settings());
    walk.turn();
    assert_eq!(walk.callback.dialed_number.as_deref(), Some("04930555010"));
    let before = walk.callback.timers[&TimerKind::Guard];
    walk.now = walk.now.plus_seconds(20);
    walk.customer(LegEvent::Rerouted {
        number: "030555010".into(),
    });
    assert_eq!(walk.callback.dialed_number.as_deref(), Some("030555010"));
    assert_eq!(walk.callback.attempts, 1);
    assert!(
        walk.callback.timers[&TimerKind::Guard] > before,
        "rings anew"
    );
    walk.ended(call_state::NO_ANSWER);
    assert_eq!(walk.callback.phase, Phase::RetryPause);
}

#[test]
fn number_that_does_not_exist_is_not_dialed_again() {
    let mut walk = Walk::created(settings());
    walk.turn();
    walk.ended(call_state::INVALID_NUMBER);
    assert_eq!(walk.reason(), Some(Reason::FailCallToCustomer));
    assert_eq!(walk.callback.attempts, 1);
}

#[test]
fn fax_ends_after_one_attempt() {
    let mut walk = Walk::created(settings());
    walk.turn();
    walk.customer(LegEvent::Answered);
    walk.verdict(Outcome::Fax, call_state::FAX);
    assert_eq!(
        walk.told(),
        "dial_init QUEUED, dial_done 17 1, service_exit COMPLETED.FAIL_FAX_REACHED"
    );
}

#[test]
fn machine_hears_its_message_and_is_dialed_again() {
    let mut walk = Walk::created(settings());
    walk.turn();
    walk.customer(LegEvent::Answered);
    walk.verdict(Outcome::Machine, call_state::MACHINE);
    assert!(
        walk.effects
            .iter()
            .any(|e| matches!(e, Effect::Play { forever: false, .. }))
    );
    walk.customer(LegEvent::Played {
        token: walk.callback.play_token,
    });
    assert!(
        walk.effects
            .iter()
            .any(|e| matches!(e, Effect::HangUp { .. }))
    );
    assert_eq!(walk.callback.phase, Phase::RetryPause);
    assert_eq!(walk.told(), "dial_init QUEUED, dial_done 9 1");
}

#[test]
fn machine_message_can_wait_for_the_beep_and_be_final() {
    let mut s = settings();
    let hints = Map::from_iter([("am-beep-detection".to_owned(), Value::from("on"))]);
    s.treatments.machine = Treatment::Play {
        source: "m.wav".into(),
        hints,
    };
    s.treatments.machine_message_final = true;
    let mut walk = Walk::created(s);
    walk.turn();
    walk.customer(LegEvent::Answered);
    walk.verdict(Outcome::Machine, call_state::MACHINE);
    assert_eq!(walk.effects, []);
    walk.customer(LegEvent::BeepOver { screening: false });
    assert!(matches!(walk.effects[..], [Effect::Play { .. }]));
    walk.customer(LegEvent::Played {
        token: walk.callback.play_token,
    });
    assert_eq!(walk.reason(), Some(Reason::FailCallToCustomer));
}

#[test]
fn silence_counts_as_a_human_when_kept() {
    let mut walk = Walk::created(settings());
    walk.turn();
    walk.customer(LegEvent::Answered);
    walk.verdict(Outcome::Silence, call_state::SILENCE);
    assert_eq!(walk.callback.phase, Phase::Greeting);
    assert!(walk.told().contains("dial_done 8 1"));
}

#[test]
fn busy_tone_before_the_answer_ends_the_attempt() {
    let mut walk = Walk::created(settings());
    walk.turn();
    walk.verdict(Outcome::Tone, call_state::BUSY);
    assert!(matches!(
        walk.effects[0],
        Effect::HangUp { given_up: true, .. }
    ));
    assert_eq!(walk.callback.phase, Phase::RetryPause);
    walk.ended(call_state::NO_ANSWER);
    assert_eq!(
        walk.told(),
        "dial_init QUEUED, dial_done 6 1",
        "the leg's end says nothing new"
    );
}

#[test]
fn voice_before_the_answer_is_no_answer() {
    let mut walk = Walk::created(settings());
    walk.turn();
    walk.verdict(Outcome::Human, 0);
    assert_eq!(walk.callback.phase, Phase::Dialing);
}

#[test]
fn special_tone_numbers_are_folded_to_8_unless_wanted() {
    for (detail, expected) in [(false, "dial_done 8 1"), (true, "dial_done 13 1")] {
        let mut s = settings();
        s.detection.sit_detail = detail;
        let mut walk = Walk::created(s);
        walk.turn();
        walk.verdict(Outcome::Tone, 13);
        assert!(walk.told().contains(expected), "{}", walk.told());
    }
}
