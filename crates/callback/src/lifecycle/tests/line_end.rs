//! What the network said of a leg that is over, in the history.

use super::*;
use crate::plugin::PluginKind;

fn refused() -> LegEvent {
    LegEvent::Ended {
        call_state: 5,
        detail: "rejected".to_owned(),
    }
}

/// The events of a leg's end that the network explains.
fn events(walk: &Walk, input: Input) -> Vec<Event> {
    let context = Context {
        now: walk.now,
        submission: Ok(()),
        random: 1,
        paused: false,
        line: Some(LineEnd {
            trunk: Some("carrier".to_owned()),
            sip_status: 403,
            q850: Some(21),
            reason: Some("No credit on account".to_owned()),
        }),
    };
    step(walk.callback.clone(), input, &context).unwrap().events
}

/// The same for the latest leg to an agent or a destination: the event with this id.
fn of_agent(walk: &Walk, id: EventId) -> Event {
    let leg = walk.callback.agent_leg();
    let input = Input::Agent {
        attempt: leg.attempt,
        leg: leg.agent.unwrap(),
        event: refused(),
    };
    let mut events = events(walk, input).into_iter();
    events.find(|event| event.id == id).unwrap()
}

#[test]
fn a_result_names_trunk_status_cause_and_words_in_the_history_only() {
    let mut walk = Walk::created(settings());
    walk.turn();
    let attempt = walk.callback.attempts;
    let input = Input::Customer {
        attempt,
        event: refused(),
    };
    let events = events(&walk, input);
    let done = events.iter().find(|e| e.id == EventId::DialDone);
    let done = done.unwrap();
    assert_eq!(done.data["trunk"], "carrier");
    assert_eq!(done.data["sip_status"], 403);
    assert_eq!(done.data["q850"], 21);
    assert_eq!(done.data["reason"], "No credit on account");
    let body = &done.notification.as_ref().unwrap().body;
    assert!(
        !body.contains("carrier") && !body.contains("No credit"),
        "{body}"
    );
}

#[test]
fn the_customers_result_says_nothing_of_the_agents_line() {
    let mut s = settings();
    s.contact.agent_first = true;
    let mut walk = Walk::created(s);
    walk.input(Input::AgentTurn);
    walk.found();
    walk.agent(LegEvent::Answered);
    walk.turn();
    assert_eq!(walk.callback.phase, Phase::Dialing);
    let done = of_agent(&walk, EventId::DialDone);
    assert_eq!(done.data["detail"], "agent_left");
    assert!(!done.data.contains_key("trunk"), "{:?}", done.data);
    assert!(!done.data.contains_key("sip_status"), "{:?}", done.data);
}

#[test]
fn who_cannot_be_reached_is_explained() {
    let mut s = settings();
    s.plugin = Some(plugin::plugin(PluginKind::Http));
    let mut routed = plugin::asked(s);
    routed.answer(serde_json::json!({"action": "route_to_rp", "message": "5100"}));
    let mut queued = plugin::asked(plugin::attached());
    queued.plugin(PluginEvent::Submit(Box::new(QueueWait {
        request: "r1".into(),
        queue: "VQ2".into(),
        target: Target::default(),
        priority: 0,
        timeout_s: 0,
        clear_on_timeout: true,
        route: true,
        since: queued.now,
        found: None,
        ringing: false,
    })));
    queued.found();
    for walk in [routed, queued] {
        let failed = of_agent(&walk, EventId::AgentFailed);
        assert_eq!(failed.data["detail"], "rejected");
        assert_eq!(failed.data["failures"], 1);
        assert_eq!(failed.data["trunk"], "carrier");
        assert_eq!(failed.data["sip_status"], 403);
    }
}
