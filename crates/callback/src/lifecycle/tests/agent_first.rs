//! Agent first: every branch from the agent's phone to the bridge, and what ends the attempt.

use super::*;
use crate::plugin::{Action, PluginKind, PluginSettings};

fn first() -> Settings {
    let mut settings = settings();
    settings.contact.agent_first = true;
    settings
}

/// The agent's phone rings.
fn ringing(settings: Settings) -> Walk {
    let mut walk = Walk::created(settings);
    assert_eq!(walk.effects, [Effect::Enqueue(Need::Contact)]);
    ring(&mut walk);
    walk
}

fn ring(walk: &mut Walk) {
    walk.input(Input::AgentTurn);
    assert_eq!(walk.effects, [Effect::Enqueue(Need::Agent)]);
    walk.found();
    assert!(matches!(walk.effects[..], [Effect::Offer(_)]));
}

/// The agent is on the line, the customer's phone rings.
fn dialing(settings: Settings) -> Walk {
    let mut walk = ringing(settings);
    walk.agent(LegEvent::Answered);
    walk.turn();
    walk
}

fn kim() -> AgentId {
    AgentId::new("kim")
}

fn left() -> LegEvent {
    LegEvent::Ended {
        call_state: 0,
        detail: "hangup".into(),
    }
}

/// The agent's call was ended and the agent is free.
fn assert_agent_free(walk: &Walk, leg: &LegKey) {
    let hung_up = Effect::HangUp {
        leg: leg.clone(),
        given_up: false,
    };
    let released = Effect::ReleaseAgent(kim(), Released::Done);
    assert!(walk.effects.contains(&hung_up), "{:?}", walk.effects);
    assert!(walk.effects.contains(&released), "{:?}", walk.effects);
    assert_eq!(walk.callback.waiting_agent, None);
}

fn hung_up_customer(walk: &Walk) -> bool {
    let hung_up = Effect::HangUp {
        leg: walk.callback.customer_leg(),
        given_up: true,
    };
    walk.effects.contains(&hung_up)
}

const SUCCESS: &str = "target_found QUEUED, route_to_agent QUEUED, dial_init QUEUED, \
                       dial_done 0 1, service_exit COMPLETED.AGENT_CONNECTED";

#[test]
fn an_agent_is_called_first_and_then_the_customer() {
    let mut walk = ringing(first());
    assert_eq!(walk.callback.phase, Phase::AgentRinging { agent: kim() });
    let leg = walk.callback.agent_leg();
    walk.agent(LegEvent::Answered);
    let music = Effect::Play {
        leg: leg.clone(),
        source: "music.wav".into(),
        forever: true,
        token: walk.callback.play_token,
    };
    assert_eq!(
        walk.effects,
        [
            Effect::AgentTalking(kim()),
            music,
            Effect::Enqueue(Need::ContactNow)
        ]
    );
    walk.turn();
    assert_eq!(walk.callback.agent_leg(), leg, "the leg stays the same one");
    walk.customer(LegEvent::Answered);
    walk.verdict(Outcome::Human, 0);
    assert_eq!(walk.callback.state, State::Processing);
    let bridge = Effect::Bridge {
        customer: walk.callback.customer_leg(),
        agent: leg,
    };
    assert_eq!(walk.effects, [Effect::Leave, bridge]);
    assert!(!walk.callback.timers.contains_key(&TimerKind::QueuedTtl));
    walk.agent(left());
    assert_eq!(walk.told(), SUCCESS);
    assert!(walk.callback.timers.is_empty());
}

#[test]
fn without_detection_both_are_joined_at_the_answer() {
    let mut settings = first();
    settings.detection.enabled = false;
    settings.wait_for_agent = true;
    let mut walk = dialing(settings);
    walk.customer(LegEvent::Answered);
    assert_eq!(walk.callback.phase, Phase::Talking { agent: kim() });
    walk.ended(0);
    assert_eq!(walk.told(), SUCCESS, "the customer hung up");
    let released = Effect::ReleaseAgent(kim(), Released::Done);
    assert!(walk.effects.contains(&released));
}

#[test]
fn an_agent_who_does_not_answer_is_followed_by_the_next() {
    let mut walk = ringing(first());
    let one = walk.callback.agent_leg();
    walk.agent(LegEvent::Ended {
        call_state: call_state::NO_ANSWER,
        detail: "no_answer".into(),
    });
    let wants = [
        Effect::ReleaseAgent(kim(), Released::NoAnswer),
        Effect::Enqueue(Need::Contact),
    ];
    assert_eq!(walk.effects, wants);
    assert_eq!(walk.callback.phase, Phase::Waiting);
    ring(&mut walk);
    assert_ne!(walk.callback.agent_leg(), one, "another call");
    walk.after(45, TimerKind::Guard);
    assert_eq!(walk.callback.phase, Phase::Waiting, "no report at all");
    ring(&mut walk);
    walk.agent(LegEvent::Ended {
        call_state: call_state::BUSY,
        detail: "busy".into(),
    });
    assert_eq!(walk.reason(), Some(Reason::FailAgentConnect));
    assert_eq!(walk.callback.attempts, 0, "the customer noticed nothing");
}

#[test]
fn a_busy_customer_frees_the_agent_and_is_dialed_again_with_the_next() {
    for result in [call_state::BUSY, call_state::NO_ANSWER, call_state::DROPPED] {
        let mut walk = dialing(first());
        let leg = walk.callback.agent_leg();
        walk.ended(result);
        assert_agent_free(&walk, &leg);
        assert_eq!(walk.callback.phase, Phase::RetryPause);
        walk.agent(left());
        assert_eq!(walk.callback.phase, Phase::RetryPause, "its end is no news");
        walk.after(300, TimerKind::RetryDial);
        assert_eq!(walk.effects, [Effect::Enqueue(Need::Contact)]);
        ring(&mut walk);
        walk.agent(LegEvent::Answered);
        walk.turn();
        walk.customer(LegEvent::Answered);
        walk.verdict(Outcome::Human, 0);
        assert_eq!(walk.callback.phase, Phase::Talking { agent: kim() });
        assert_eq!(walk.callback.attempts, 2);
    }
}

#[test]
fn the_last_failed_attempt_frees_the_agent_and_ends_the_callback() {
    let mut settings = first();
    settings.max_dial_attempts = 1;
    let mut walk = dialing(settings);
    let leg = walk.callback.agent_leg();
    walk.ended(call_state::BUSY);
    assert_agent_free(&walk, &leg);
    assert_eq!(walk.reason(), Some(Reason::FailCallToCustomer));
}

#[test]
fn a_machine_frees_the_agent_and_hears_its_message() {
    let mut walk = dialing(first());
    let leg = walk.callback.agent_leg();
    walk.customer(LegEvent::Answered);
    walk.verdict(Outcome::Machine, call_state::MACHINE);
    assert_agent_free(&walk, &leg);
    let customer = walk.callback.customer_leg();
    let is_message =
        |e: &Effect| matches!(e, Effect::Play { leg, forever: false, .. } if *leg == customer);
    assert!(walk.effects.iter().any(is_message));
    walk.customer(LegEvent::Played {
        token: walk.callback.play_token,
    });
    assert_eq!(walk.callback.phase, Phase::RetryPause);
}

#[test]
fn a_fax_frees_the_agent_and_ends_the_callback() {
    let mut walk = dialing(first());
    let leg = walk.callback.agent_leg();
    walk.customer(LegEvent::Answered);
    walk.verdict(Outcome::Fax, call_state::FAX);
    assert_agent_free(&walk, &leg);
    assert_eq!(walk.reason(), Some(Reason::FailFaxReached));
}

#[test]
fn silence_and_no_verdict_count_as_a_human() {
    let mut walk = dialing(first());
    walk.customer(LegEvent::Answered);
    walk.verdict(Outcome::Silence, call_state::SILENCE);
    assert_eq!(walk.callback.phase, Phase::Talking { agent: kim() });
    let mut walk = dialing(first());
    walk.customer(LegEvent::Answered);
    walk.after(60, TimerKind::Guard);
    assert_eq!(walk.callback.phase, Phase::Talking { agent: kim() });
}

#[test]
fn a_customer_who_hangs_up_at_once_is_dialed_again() {
    let mut walk = dialing(first());
    let leg = walk.callback.agent_leg();
    walk.customer(LegEvent::Answered);
    walk.ended(0);
    assert_agent_free(&walk, &leg);
    assert_eq!(walk.callback.phase, Phase::RetryPause);
    assert!(walk.told().ends_with("dial_done 26 1"), "{}", walk.told());
}

#[test]
fn an_agent_who_leaves_while_the_customer_rings_ends_that_dial() {
    let mut walk = dialing(first());
    walk.agent(left());
    assert!(hung_up_customer(&walk));
    let released = Effect::ReleaseAgent(kim(), Released::Done);
    assert!(walk.effects.contains(&released));
    assert!(walk.told().ends_with("dial_done 26 1"), "{}", walk.told());
    assert_eq!(walk.callback.phase, Phase::RetryPause);
    walk.customer(LegEvent::Answered);
    assert_eq!(walk.callback.phase, Phase::RetryPause, "too late");
}

#[test]
fn an_agent_who_leaves_before_the_dial_is_followed_by_the_next() {
    let mut walk = ringing(first());
    walk.agent(LegEvent::Answered);
    walk.agent(left());
    let wants = [
        Effect::ReleaseAgent(kim(), Released::Done),
        Effect::Enqueue(Need::Contact),
    ];
    assert_eq!(walk.effects, wants);
    walk.turn();
    assert_eq!(walk.callback.phase, Phase::Waiting, "nobody to talk to");
    assert_eq!(walk.callback.attempts, 0);
}

#[test]
fn a_customer_who_has_answered_queues_when_the_agent_is_gone() {
    let mut walk = dialing(first());
    walk.customer(LegEvent::Answered);
    walk.agent(left());
    assert_eq!(walk.callback.phase, Phase::Detecting);
    walk.verdict(Outcome::Human, 0);
    assert_eq!(walk.callback.phase, Phase::Greeting);
    walk.customer(LegEvent::Played {
        token: walk.callback.play_token,
    });
    assert_eq!(walk.effects.last(), Some(&Effect::Enqueue(Need::Agent)));
    walk.found();
    walk.agent(LegEvent::Answered);
    assert_eq!(walk.callback.phase, Phase::Talking { agent: kim() });
}

#[test]
fn a_cancel_ends_every_leg_there_is() {
    let mut walk = ringing(first());
    walk.input(Input::Cancel);
    let leg = walk.callback.agent_legs;
    assert!(matches!(
        &walk.effects[..2],
        [Effect::HangUp { leg: LegKey { attempt: 1, agent: Some(n), .. }, given_up: true },
         Effect::ReleaseAgent(..)] if *n == leg
    ));
    assert_eq!(walk.reason(), Some(Reason::Cancelled));

    let mut walk = ringing(first());
    walk.agent(LegEvent::Answered);
    let leg = walk.callback.agent_leg();
    walk.input(Input::Cancel);
    assert_agent_free(&walk, &leg);

    let mut walk = dialing(first());
    walk.input(Input::Cancel);
    assert_agent_free(&walk, &leg);
    assert!(hung_up_customer(&walk));
    let told = "dial_done 26 1, callback_cancelled COMPLETED, service_exit COMPLETED.CANCELLED";
    assert!(walk.told().ends_with(told), "{}", walk.told());

    let mut walk = dialing(first());
    walk.customer(LegEvent::Answered);
    walk.input(Input::Cancel);
    assert_agent_free(&walk, &leg);
    walk.agent(left());
    walk.ended(0);
    assert_eq!(walk.reason(), Some(Reason::Cancelled));

    let mut walk = dialing(first());
    walk.human_answers();
    assert!(walk.try_input(Input::Cancel).is_err(), "they talk");
}

#[test]
fn another_time_lets_the_agent_go() {
    let desired = |walk: &Walk| walk.now.plus_seconds(3600);
    let mut walk = ringing(first());
    walk.input(Input::Reschedule {
        desired: desired(&walk),
    });
    assert_eq!(walk.callback.phase, Phase::Scheduled);
    let released = Effect::ReleaseAgent(kim(), Released::Done);
    assert!(walk.effects.contains(&released));

    let mut walk = ringing(first());
    walk.agent(LegEvent::Answered);
    let leg = walk.callback.agent_leg();
    walk.input(Input::Reschedule {
        desired: desired(&walk),
    });
    assert_agent_free(&walk, &leg);
    assert!(!walk.callback.timers.contains_key(&TimerKind::Guard));

    let mut walk = dialing(first());
    let late = Input::Reschedule {
        desired: desired(&walk),
    };
    assert!(walk.try_input(late).is_err());
}

#[test]
fn a_number_that_may_not_be_dialed_frees_the_agent() {
    let mut walk = ringing(first());
    walk.agent(LegEvent::Answered);
    let leg = walk.callback.agent_leg();
    walk.input(Input::ContactTurn(Err(ContactFault::NumberBlocked)));
    assert_agent_free(&walk, &leg);
    assert_eq!(walk.reason(), Some(Reason::FailCallToCustomer));
}

#[test]
fn an_agent_does_not_wait_for_a_trunk_for_ever() {
    let mut walk = ringing(first());
    walk.agent(LegEvent::Answered);
    let leg = walk.callback.agent_leg();
    walk.after(45, TimerKind::Guard);
    assert_agent_free(&walk, &leg);
    assert_eq!(walk.callback.phase, Phase::RetryPause);
    assert_eq!(walk.callback.attempts, 0);
}

#[test]
fn the_end_of_the_queue_waits_for_an_agent_who_is_there() {
    let mut walk = ringing(first());
    walk.now = walk.callback.timers[&TimerKind::QueuedTtl];
    walk.input(Input::Timer(TimerKind::QueuedTtl));
    assert!(walk.callback.is_open());
    walk.agent(LegEvent::Answered);
    walk.turn();
    walk.now = walk.callback.timers[&TimerKind::QueuedTtl];
    walk.input(Input::Timer(TimerKind::QueuedTtl));
    assert_eq!(walk.callback.phase, Phase::Dialing);
    walk.ended(call_state::BUSY);
    walk.now = walk.callback.timers[&TimerKind::QueuedTtl];
    walk.input(Input::Timer(TimerKind::QueuedTtl));
    assert_eq!(walk.reason(), Some(Reason::FailTargetNotFound));
}

#[test]
fn nobody_is_called_shortly_before_the_end_of_the_queue() {
    let mut settings = first();
    settings.contact.cannot_dial_buffer_s = 60;
    let mut walk = Walk::created(settings);
    walk.now = walk.now.plus_seconds(14_350);
    walk.input(Input::AgentTurn);
    assert_eq!(walk.reason(), Some(Reason::FailTargetNotFound));
}

#[test]
fn the_longest_wait_never_calls_the_customer_without_an_agent() {
    let mut settings = first();
    settings.wait_for_agent = true;
    settings.contact.max_queue_wait_s = 5;
    let mut walk = Walk::created(settings);
    assert!(!walk.callback.timers.contains_key(&TimerKind::QueueWait));
    walk.now = walk.now.plus_seconds(10);
    walk.input(Input::Recover);
    assert_eq!(walk.effects, [Effect::Enqueue(Need::Contact)]);
    walk.turn();
    assert_eq!(walk.callback.phase, Phase::Waiting);
}

#[test]
fn after_a_restart_the_next_agent_is_called() {
    let mut walk = ringing(first());
    let leg = walk.callback.agent_leg();
    walk.input(Input::Recover);
    assert_eq!(walk.effects, [Effect::Enqueue(Need::Contact)]);
    assert!(!walk.callback.timers.contains_key(&TimerKind::Guard));
    ring(&mut walk);
    assert_ne!(walk.callback.agent_leg(), leg);

    walk.agent(LegEvent::Answered);
    walk.input(Input::Recover);
    assert_eq!(walk.effects, [Effect::Enqueue(Need::Contact)]);
    assert_eq!(walk.callback.waiting_agent, None);
}

#[test]
fn after_a_restart_a_customer_who_was_dialed_is_dialed_again() {
    for answered in [false, true] {
        let mut walk = dialing(first());
        if answered {
            walk.customer(LegEvent::Answered);
        }
        walk.input(Input::Recover);
        assert_eq!(walk.callback.phase, Phase::RetryPause);
        assert_eq!(walk.callback.waiting_agent, None);
        walk.after(30, TimerKind::RetryDial);
        ring(&mut walk);
    }
    let mut walk = dialing(first());
    walk.human_answers();
    walk.input(Input::Recover);
    assert_eq!(walk.reason(), Some(Reason::AgentConnected));
}

#[test]
fn a_record_of_an_earlier_release_is_read() {
    let walk = dialing(first());
    let mut json = serde_json::to_value(&walk.callback).unwrap();
    let read: Callback = serde_json::from_value(json.clone()).unwrap();
    assert_eq!(read, walk.callback);
    json.as_object_mut().unwrap().remove("waiting_agent");
    let contact = json["settings"]["contact"].as_object_mut().unwrap();
    contact.remove("agent_first");
    let read: Callback = serde_json::from_value(json).unwrap();
    assert!(!read.settings.contact.agent_first);
    assert_eq!(read.waiting_agent, None);
}

impl Walk {
    /// A human answers the dial that runs.
    fn human_answers(&mut self) {
        self.customer(LegEvent::Answered);
        self.verdict(Outcome::Human, 0);
    }
}

/// Agent first with a plugin of the kind; a human answers and the plugin is asked.
fn asked(kind: PluginKind) -> Walk {
    let mut settings = first();
    settings.plugin = Some(PluginSettings {
        dialect: String::new(),
        url: "http://plug.example.net/p".into(),
        kind,
        on_failure: true,
        associate: true,
        timeout_s: 90,
        exit_is_cancel: false,
        compat_reason: false,
        age_is_epoch: false,
        header_prefix: "X-Genesys-".into(),
        refer: false,
    });
    let mut walk = dialing(settings);
    walk.human_answers();
    assert!(matches!(walk.callback.phase, Phase::Plugin { .. }));
    walk
}

fn plugin_says(walk: &mut Walk, action: Action) {
    let mut answer = Answer::new(action);
    answer.destination = Some("5000".into());
    walk.input(Input::Plugin {
        token: walk.callback.plugin.token().unwrap().to_owned(),
        event: PluginEvent::Answer(Box::new(answer)),
    });
}

#[test]
fn the_plugin_decides_whether_the_waiting_agent_gets_the_customer() {
    let mut walk = asked(PluginKind::Http);
    assert_eq!(walk.callback.waiting_agent, Some(kim()));
    plugin_says(&mut walk, Action::RouteToAgent);
    assert_eq!(walk.callback.phase, Phase::Talking { agent: kim() });

    for action in [Action::Cancel, Action::Retry, Action::RouteToRp] {
        let mut walk = asked(PluginKind::Http);
        let leg = walk.callback.agent_leg();
        plugin_says(&mut walk, action);
        assert_agent_free(&walk, &leg);
    }
    let mut walk = asked(PluginKind::Http);
    let leg = walk.callback.agent_leg();
    walk.after(90 + 15, TimerKind::PluginAnswer);
    assert_agent_free(&walk, &leg);
}

#[test]
fn the_end_of_the_waiting_agents_leg_is_no_end_of_a_refer() {
    let mut walk = asked(PluginKind::Http);
    let mut settings = Settings::clone(&walk.callback.settings);
    if let Some(plugin) = &mut settings.plugin {
        plugin.refer = true;
    }
    walk.callback.settings = settings.into();
    let leg = walk.callback.agent_leg();
    plugin_says(&mut walk, Action::RouteToRp);
    assert_agent_free(&walk, &leg);
    walk.input(Input::Agent {
        attempt: leg.attempt,
        leg: leg.agent.unwrap(),
        event: left(),
    });
    assert_eq!(walk.effects, [], "the destination is called once");
    walk.customer(LegEvent::Referred {
        taken: false,
        status: 603,
    });
    let is_call = |effect: &Effect| matches!(effect, Effect::RouteOut(_));
    assert!(walk.effects.iter().any(is_call), "now it is bridged");
}

#[test]
fn an_agent_who_leaves_while_the_plugin_is_asked_is_replaced() {
    let mut walk = asked(PluginKind::Http);
    walk.agent(left());
    plugin_says(&mut walk, Action::RouteToAgent);
    assert_eq!(walk.callback.phase, Phase::InQueue);
    let mut walk = asked(PluginKind::Http);
    walk.input(Input::Recover);
    assert_eq!(walk.callback.waiting_agent, None);
    assert_eq!(walk.callback.phase, Phase::RetryPause);
}
