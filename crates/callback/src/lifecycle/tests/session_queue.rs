//! A plugin's session puts its call into a virtual queue.

use serde_json::json;

use super::plugin::{asked, attached};
use super::*;

fn wait(route: bool, timeout_s: i64) -> PluginEvent {
    PluginEvent::Submit(Box::new(QueueWait {
        request: "r1".into(),
        queue: "VQ2".into(),
        target: Target::parse("Billing@S.GA").unwrap(),
        priority: 5,
        timeout_s,
        clear_on_timeout: true,
        route,
        since: Timestamp(0),
        found: None,
        ringing: false,
    }))
}

fn waiting(route: bool, timeout_s: i64) -> Walk {
    let mut walk = asked(attached());
    walk.plugin(wait(route, timeout_s));
    assert_eq!(walk.effects, [Effect::Enqueue(Need::Agent)]);
    walk
}

fn told(walk: &Walk) -> Option<&QueueTold> {
    walk.effects.iter().find_map(|effect| match effect {
        Effect::TellQueue { told, request, .. } if request == "r1" => Some(told),
        _ => None,
    })
}

fn offered(walk: &Walk) -> bool {
    let offers = |effect: &Effect| matches!(effect, Effect::Offer(_));
    walk.effects.iter().any(offers)
}

fn freed(walk: &Walk) -> Option<Released> {
    walk.effects.iter().find_map(|effect| match effect {
        Effect::ReleaseAgent(_, released) => Some(*released),
        _ => None,
    })
}

#[test]
fn the_agent_is_called_and_connected() {
    let mut walk = waiting(true, 0);
    walk.found();
    assert!(offered(&walk));
    walk.agent(LegEvent::Answered);
    assert!(matches!(told(&walk), Some(QueueTold::Connected(f)) if f.vq == "VQ2"));
    assert_eq!(walk.callback.state, State::Processing);
    let bridged = |e: &Effect| matches!(e, Effect::Bridge { .. });
    assert!(walk.effects.iter().any(bridged));
    // An answer of the plugin comes too late, and its end means nothing.
    walk.plugin(PluginEvent::Ended);
    assert_eq!(walk.callback.state, State::Processing);
    walk.ended(0);
    assert_eq!(walk.reason(), Some(Reason::AgentConnected));
    let deleted = |e: &Effect| matches!(e, Effect::CallDeleted { attached: true, .. });
    assert!(walk.effects.iter().any(deleted), "{:?}", walk.effects);
    assert!(walk.callback.timers.is_empty());
}

#[test]
fn an_agent_who_does_not_answer_is_followed_by_the_next() {
    let mut walk = waiting(true, 0);
    walk.found();
    walk.agent(LegEvent::Ended {
        call_state: call_state::NO_ANSWER,
        detail: "no_answer".into(),
    });
    assert_eq!(freed(&walk), Some(Released::NoAnswer));
    assert!(walk.effects.contains(&Effect::Enqueue(Need::Agent)));
    walk.found();
    assert!(offered(&walk));
    // Telephony says nothing any more.
    walk.after(60, TimerKind::Guard);
    assert_eq!(freed(&walk), Some(Released::NoAnswer));
    assert!(walk.effects.contains(&Effect::Enqueue(Need::Agent)));
}

#[test]
fn the_time_of_a_request_ends_its_wait_but_not_a_ringing_phone() {
    let mut walk = waiting(true, 20);
    walk.after(20, TimerKind::SessionQueue);
    assert_eq!(told(&walk), Some(&QueueTold::TimedOut { cleared: true }));
    assert!(walk.effects.contains(&Effect::Leave));
    walk.found();
    assert_eq!(freed(&walk), Some(Released::Done), "nobody waits");
    let mut walk = waiting(true, 20);
    walk.found();
    walk.after(20, TimerKind::SessionQueue);
    assert_eq!(told(&walk), None);
    walk.agent(LegEvent::Answered);
    assert!(matches!(told(&walk), Some(QueueTold::Connected(_))));
}

#[test]
fn a_session_may_choose_when_the_agent_is_called() {
    let mut walk = waiting(false, 0);
    walk.found();
    assert!(!offered(&walk));
    assert!(matches!(told(&walk), Some(QueueTold::Selected(_))));
    walk.plugin(PluginEvent::Connect);
    assert!(offered(&walk));
    walk.agent(LegEvent::Ended {
        call_state: call_state::BUSY,
        detail: "busy".into(),
    });
    assert_eq!(told(&walk), Some(&QueueTold::NotConnected));
    assert_eq!(freed(&walk), Some(Released::Rejected));
    // Whom nobody calls is free again after a while.
    let mut walk = waiting(false, 0);
    walk.found();
    walk.after(60, TimerKind::Guard);
    assert_eq!(freed(&walk), Some(Released::Done));
}

#[test]
fn whatever_ends_the_question_leaves_the_queue() {
    type End = fn(&mut Walk);
    let ends: [(&str, End); 6] = [
        ("cancel", |w| w.input(Input::Cancel)),
        ("hang-up", |w| w.ended(0)),
        ("withdraw", |w| {
            w.plugin(PluginEvent::Withdraw {
                request: "r1".into(),
            });
        }),
        ("end", |w| w.plugin(PluginEvent::Ended)),
        ("answer", |w| {
            w.plugin(PluginEvent::Detached);
            w.answer(json!({"action": "cancel", "message": "OK"}));
        }),
        ("ttl", |w| w.after(100_000, TimerKind::RecordTtl)),
    ];
    for (name, end) in ends {
        for ringing in [false, true] {
            let mut walk = waiting(true, 0);
            if ringing {
                walk.found();
            }
            let mut effects = Vec::new();
            end(&mut walk);
            effects.append(&mut walk.effects);
            let released = |e: &Effect| matches!(e, Effect::ReleaseAgent(..));
            if name != "answer" {
                assert!(effects.contains(&Effect::Leave), "{name}");
                assert_eq!(effects.iter().any(released), ringing, "{name}");
            }
            let phase = &walk.callback.phase;
            assert!(
                !matches!(phase, Phase::Plugin { wait: Some(_), .. }),
                "{name}"
            );
        }
    }
    // The time for the answer waits for a phone that rings.
    let mut walk = waiting(true, 0);
    walk.after(200, TimerKind::PluginAnswer);
    assert_eq!(walk.reason(), Some(Reason::FailError));
    let mut walk = waiting(true, 0);
    walk.found();
    walk.after(200, TimerKind::PluginAnswer);
    assert_eq!(walk.reason(), None);
}
