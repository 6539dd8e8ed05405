//! The rows of play-treatments §2.3 that need neither plugin nor VoiceXML, one test each, and the
//! open points of the guide.

use super::*;

fn with(change: impl FnOnce(&mut Settings)) -> Settings {
    let mut s = settings();
    change(&mut s);
    s
}

fn answered(settings: Settings) -> Walk {
    let mut walk = Walk::created(settings);
    walk.turn();
    walk.customer(LegEvent::Answered);
    walk
}

/// Files that the last step plays.
fn played(walk: &Walk) -> Vec<&str> {
    walk.effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Play { source, .. } => Some(source.as_str()),
            _ => None,
        })
        .collect()
}

fn released(walk: &Walk) -> bool {
    let hangs_up = |effect: &Effect| matches!(effect, Effect::HangUp { .. });
    walk.effects.iter().any(hangs_up)
}

/// It waits for the next dial.
fn retries(walk: &Walk) -> bool {
    walk.callback.phase == Phase::RetryPause
        && walk.callback.timers.contains_key(&TimerKind::RetryDial)
}

#[test]
fn row_3_a_human_hears_the_greeting_and_then_queues() {
    let mut walk = answered(settings());
    walk.verdict(Outcome::Human, 0);
    assert_eq!(played(&walk), ["welcome.wav"]);
    assert_eq!(walk.callback.state, State::Queued);
    let token = walk.callback.play_token;
    walk.customer(LegEvent::Played { token });
    assert_eq!(played(&walk), ["music.wav"]);
    assert_eq!(walk.callback.state, State::Routing);
}

#[test]
fn row_4_a_human_without_greeting_queues_at_once() {
    let mut walk = answered(with(|s| s.treatments.greeting = Treatment::Off));
    walk.verdict(Outcome::Human, 0);
    assert_eq!(played(&walk), ["music.wav"]);
    assert_eq!(walk.callback.state, State::Routing);
}

#[test]
fn row_6_a_machine_hears_its_message_is_released_and_dialed_again() {
    let mut walk = answered(settings());
    walk.verdict(Outcome::Machine, 9);
    assert_eq!(played(&walk), ["machine.wav"]);
    let token = walk.callback.play_token;
    walk.customer(LegEvent::Played { token });
    assert!(released(&walk) && retries(&walk));
}

#[test]
fn row_7_a_machine_without_treatment_is_released_and_dialed_again() {
    let off = with(|s| s.treatments.machine = Treatment::Off);
    let dropped = with(|s| s.detection.keep_machine = false);
    for settings in [off, dropped] {
        let mut walk = answered(settings);
        walk.verdict(Outcome::Machine, 9);
        assert!(played(&walk).is_empty() && released(&walk) && retries(&walk));
    }
}

#[test]
fn row_9_no_answer_is_dialed_again() {
    let mut walk = Walk::created(settings());
    walk.turn();
    walk.ended(7);
    assert!(retries(&walk));
    assert_eq!(walk.callback.call_result, Some(7));
}

#[test]
fn row_11_busy_is_dialed_again_like_no_answer() {
    let mut walk = Walk::created(settings());
    walk.turn();
    walk.ended(6);
    assert!(retries(&walk));
    let mut tone = answered(settings());
    tone.verdict(Outcome::Tone, 6);
    assert!(released(&tone) && retries(&tone));
    assert_eq!(tone.callback.call_result, Some(6));
}

#[test]
fn row_13_a_fax_ends_the_callback_without_retry() {
    let mut walk = answered(settings());
    walk.verdict(Outcome::Fax, 17);
    assert!(released(&walk));
    assert_eq!(walk.reason(), Some(Reason::FailFaxReached));
}

#[test]
fn row_15_silence_that_is_kept_counts_as_a_human() {
    let mut walk = answered(settings());
    walk.verdict(Outcome::Silence, 8);
    assert_eq!(played(&walk), ["welcome.wav"]);
    assert_eq!(walk.callback.call_result, Some(8));
}

#[test]
fn row_16_silence_that_is_dropped_is_dialed_again() {
    let mut walk = answered(with(|s| s.detection.keep_silence = false));
    walk.verdict(Outcome::Silence, 8);
    assert!(released(&walk) && retries(&walk));
}

#[test]
fn row_18_a_number_that_does_not_exist_is_not_dialed_again() {
    for state in [11, 12] {
        let mut walk = Walk::created(settings());
        walk.turn();
        walk.ended(state);
        assert_eq!(walk.reason(), Some(Reason::FailCallToCustomer), "{state}");
    }
}

#[test]
fn row_19_every_other_failure_is_dialed_again() {
    for state in [3, 5, 10, 13, 14, 15, 16] {
        let mut walk = Walk::created(settings());
        walk.turn();
        walk.ended(state);
        assert!(retries(&walk), "{state}");
    }
}

#[test]
fn without_detection_every_answered_call_counts_as_a_human() {
    let walk = answered(with(|s| s.detection.enabled = false));
    assert_eq!(played(&walk), ["welcome.wav"]);
}

#[test]
fn a_detector_without_a_result_in_time_counts_as_a_human() {
    let mut walk = answered(settings());
    walk.after(60, TimerKind::Guard);
    assert_eq!(played(&walk), ["welcome.wav"]);
}

#[test]
fn the_machine_message_may_be_the_last_attempt() {
    let mut walk = answered(with(|s| s.treatments.machine_message_final = true));
    walk.verdict(Outcome::Machine, 9);
    let token = walk.callback.play_token;
    walk.customer(LegEvent::Played { token });
    assert_eq!(walk.reason(), Some(Reason::FailCallToCustomer));
}

#[test]
fn the_wait_for_an_agent_ends_with_the_failure_file_and_may_be_endless() {
    let mut walk = answered(settings());
    walk.verdict(Outcome::Human, 0);
    let token = walk.callback.play_token;
    walk.customer(LegEvent::Played { token });
    walk.after(3600, TimerKind::AgentWait);
    assert_eq!(played(&walk), ["busy.wav"]);
    // An agent who becomes free now comes too late.
    walk.found();
    assert!(matches!(walk.callback.phase, Phase::Apology { .. }));
    let token = walk.callback.play_token;
    walk.customer(LegEvent::Played { token });
    assert!(released(&walk));
    assert_eq!(walk.reason(), Some(Reason::FailTargetNotFound));

    let mut endless = answered(with(|s| s.max_wait_on_call_s = 0));
    endless.verdict(Outcome::Human, 0);
    assert!(!endless.callback.timers.contains_key(&TimerKind::AgentWait));
}

#[test]
fn a_customer_who_hangs_up_during_the_greeting_ends_the_callback() {
    let mut walk = answered(settings());
    walk.verdict(Outcome::Human, 0);
    assert_eq!(walk.callback.phase, Phase::Greeting);
    walk.ended(0);
    assert_eq!(walk.reason(), Some(Reason::FailInteractionDeleted));
    let mut walk = answered(with(|s| s.max_customer_contacts = 2));
    walk.verdict(Outcome::Human, 0);
    walk.ended(0);
    assert!(retries(&walk), "as in the queue");
}

#[test]
fn a_special_tone_without_its_detail_is_dialed_again() {
    let mut walk = Walk::created(settings());
    walk.turn();
    walk.ended(8);
    assert!(retries(&walk));
}

#[test]
fn all_four_treatments_may_be_switched_off() {
    let silent = || {
        with(|s| {
            s.treatments.greeting = Treatment::Off;
            s.treatments.waiting = Treatment::Off;
            s.treatments.find_agent_fail = Treatment::Off;
            s.treatments.machine = Treatment::Off;
        })
    };
    let mut walk = answered(silent());
    walk.verdict(Outcome::Human, 0);
    assert_eq!(
        (played(&walk), walk.callback.state),
        (vec![], State::Routing)
    );
    walk.after(3600, TimerKind::AgentWait);
    assert_eq!(played(&walk), [""; 0]);
    assert_eq!(walk.reason(), Some(Reason::FailTargetNotFound));
    let mut walk = answered(silent());
    walk.verdict(Outcome::Machine, 9);
    assert!(played(&walk).is_empty() && released(&walk) && retries(&walk));
}

/// The page that tells which test shows which rule cannot rot.
#[test]
fn the_page_of_treatments_names_tests_that_exist() {
    let page = include_str!("../../../../../docs/treatments.md");
    let mut sources = String::new();
    let crates = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut folders = vec![crates];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                sources.push_str(&std::fs::read_to_string(path).unwrap());
            }
        }
    }
    let mut count = 0;
    for row in page.lines().filter(|line| line.starts_with("| ")) {
        let tests = row.trim_end_matches(['|', ' ']).rsplit('|').next().unwrap();
        for name in tests.split('`').skip(1).step_by(2) {
            assert!(sources.contains(&format!("fn {name}()")), "{name}");
            count += 1;
        }
    }
    assert!(count > 40, "{count}");
}
