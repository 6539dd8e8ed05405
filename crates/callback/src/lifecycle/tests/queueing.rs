//! The customer waits for an agent on the line.

use super::*;

#[test]
fn agent_who_does_not_answer_is_passed_over() {
    let mut walk = Walk::created(settings());
    walk.queued();
    walk.found();
    walk.agent(LegEvent::Ended {
        call_state: call_state::NO_ANSWER,
        detail: "no_answer".into(),
    });
    assert_eq!(
        walk.effects,
        [
            Effect::ReleaseAgent(AgentId::new("kim"), Released::NoAnswer),
            Effect::Enqueue(Need::Agent)
        ]
    );
    walk.found();
    walk.agent(LegEvent::Answered);
    assert_eq!(walk.callback.state, State::Processing);
}

#[test]
fn three_failed_agents_end_in_an_apology() {
    let mut walk = Walk::created(settings());
    walk.queued();
    for _ in 0..3 {
        walk.found();
        walk.agent(LegEvent::Ended {
            call_state: call_state::BUSY,
            detail: "busy".into(),
        });
    }
    assert_eq!(
        walk.callback.phase,
        Phase::Apology {
            reason: Reason::FailAgentConnect
        }
    );
    walk.found();
    assert_eq!(
        walk.effects,
        [Effect::ReleaseAgent(AgentId::new("kim"), Released::Done)],
        "too late"
    );
    walk.customer(LegEvent::Played {
        token: walk.callback.play_token,
    });
    assert_eq!(walk.reason(), Some(Reason::FailAgentConnect));
}

#[test]
fn customer_who_leaves_the_queue_ends_the_callback() {
    let mut walk = Walk::created(settings());
    walk.queued();
    walk.ended(0);
    assert_eq!(walk.reason(), Some(Reason::FailInteractionDeleted));
}

#[test]
fn customer_who_leaves_is_called_again_when_another_contact_is_allowed() {
    let mut s = settings();
    s.max_customer_contacts = 2;
    let mut walk = Walk::created(s);
    walk.queued();
    walk.found();
    walk.ended(0);
    assert!(
        walk.effects
            .contains(&Effect::ReleaseAgent(AgentId::new("kim"), Released::Done))
    );
    assert_eq!(
        (walk.callback.state, &walk.callback.phase),
        (State::Queued, &Phase::RetryPause)
    );
}

#[test]
fn waiting_too_long_for_an_agent_plays_the_apology() {
    let mut walk = Walk::created(settings());
    walk.queued();
    walk.after(3600, TimerKind::AgentWait);
    assert_eq!(
        walk.callback.phase,
        Phase::Apology {
            reason: Reason::FailTargetNotFound
        }
    );
    walk.customer(LegEvent::Played {
        token: walk.callback.play_token,
    });
    assert_eq!(walk.reason(), Some(Reason::FailTargetNotFound));
}

#[test]
fn queue_time_limit_ends_waiting_and_spares_conversations() {
    let mut walk = Walk::created(settings());
    walk.after(14_400, TimerKind::QueuedTtl);
    assert_eq!(walk.reason(), Some(Reason::FailTargetNotFound));
    let mut walk = Walk::created(settings());
    walk.queued();
    walk.found();
    walk.agent(LegEvent::Answered);
    walk.after(90_000, TimerKind::RecordTtl);
    assert_eq!(walk.callback.state, State::Processing);
}
