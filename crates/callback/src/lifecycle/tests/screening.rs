//! Assistants that ask who is calling (telephony §6.6).

use super::*;
use crate::record::Screening;

/// A callback whose machine just gave its verdict.
fn machine(change: impl FnOnce(&mut Settings)) -> Walk {
    let mut s = settings();
    s.treatments.screening = Treatment::Play {
        source: "who.wav".into(),
        hints: Map::new(),
    };
    change(&mut s);
    let mut walk = Walk::created(s);
    walk.turn();
    let dials_to_its_end = walk.effects.iter().any(|effect| match effect {
        Effect::Dial(dial) => dial.wait_for_beep,
        _ => false,
    });
    assert!(dials_to_its_end, "the greeting is heard out");
    walk.customer(LegEvent::Answered);
    walk.verdict(Outcome::Machine, call_state::MACHINE);
    walk
}

fn played(walk: &Walk) -> Option<&str> {
    walk.effects.iter().find_map(|effect| match effect {
        Effect::Play { source, .. } => Some(source.as_str()),
        _ => None,
    })
}

fn finish(walk: &mut Walk) {
    let token = walk.callback.play_token;
    walk.customer(LegEvent::Played { token });
}

/// The assistant asked and heard the answer.
fn listening(change: impl FnOnce(&mut Settings)) -> Walk {
    let mut walk = machine(change);
    assert_eq!(walk.callback.call_result, None, "nothing is decided yet");
    walk.customer(LegEvent::BeepOver { screening: true });
    assert_eq!(played(&walk), Some("who.wav"));
    finish(&mut walk);
    let listens = walk.effects.iter().find_map(|effect| match effect {
        Effect::Listen(listen) => Some(&listen.detection),
        _ => None,
    });
    let listens = listens.expect("the analysis begins again");
    assert_eq!(listens.profile, CpdProfile::Human);
    assert_eq!((listens.silence_ms, listens.hard_stop_ms), (30_000, 38_000));
    walk
}

#[test]
fn the_customer_who_comes_to_the_phone_is_a_human() {
    let mut walk = listening(|_| {});
    walk.verdict(Outcome::Human, 0);
    assert!(walk.told().contains("dial_done 0 1"), "{}", walk.told());
    assert!(!walk.told().contains("dial_done 9"));
    assert_eq!(walk.callback.phase, Phase::Greeting);
    assert_eq!(played(&walk), Some("welcome.wav"));
    assert_eq!(walk.callback.contacts, 1);
}

#[test]
fn nobody_comes_and_it_was_a_machine_that_gets_its_message() {
    for outcome in [Outcome::Silence, Outcome::Machine] {
        let mut walk = listening(|_| {});
        walk.verdict(outcome, 8);
        assert!(walk.told().contains("dial_done 9 1"), "{}", walk.told());
        assert_eq!(walk.callback.phase, Phase::MachineMessage);
        assert_eq!(walk.callback.screening, Screening::No);
        finish(&mut walk);
        assert_eq!(walk.callback.phase, Phase::RetryPause);
        // The next attempt begins from the start.
        walk.after(300, TimerKind::RetryDial);
        walk.turn();
        walk.customer(LegEvent::Answered);
        walk.verdict(Outcome::Machine, call_state::MACHINE);
        assert_eq!(walk.callback.screening, Screening::Awaited);
    }
}

#[test]
fn a_machine_that_asks_nothing_gets_its_message_after_its_greeting() {
    let mut walk = machine(|_| {});
    assert_eq!(played(&walk), None);
    walk.customer(LegEvent::BeepOver { screening: false });
    assert!(walk.told().contains("dial_done 9 1"));
    assert_eq!(walk.callback.phase, Phase::MachineMessage);
    assert_ne!(played(&walk), None);
}

#[test]
fn a_site_that_releases_machines_still_answers_assistants() {
    let drop = |s: &mut Settings| s.detection.keep_machine = false;
    let mut walk = machine(drop);
    walk.customer(LegEvent::BeepOver { screening: false });
    assert_eq!(walk.callback.phase, Phase::RetryPause);
    let mut walk = listening(drop);
    walk.verdict(Outcome::Human, 0);
    assert_eq!(walk.callback.phase, Phase::Greeting);
}

#[test]
fn an_assistant_that_hangs_up_counts_as_a_machine() {
    let mut walk = listening(|_| {});
    walk.customer(LegEvent::Ended {
        call_state: 5,
        detail: "bye".into(),
    });
    assert!(walk.told().contains("dial_done 9 1"), "{}", walk.told());
    assert_eq!(walk.callback.phase, Phase::RetryPause);
}

#[test]
fn a_detector_that_says_nothing_after_the_answer_means_a_machine() {
    let mut walk = listening(|_| {});
    walk.after(100, TimerKind::Guard);
    assert!(walk.told().contains("dial_done 9 1"), "{}", walk.told());
}
