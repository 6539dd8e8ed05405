//! Every input in every phase: what always holds.

use super::*;

/// One of every input, for the exhaustive walk.
fn inputs(walk: &Walk) -> Vec<Input> {
    let attempt = walk.callback.attempts;
    let leg = walk.callback.agent_legs;
    let agents_attempt = walk.callback.agent_leg().attempt;
    let verdict = |outcome, call_state| {
        LegEvent::Verdict(Verdict {
            outcome,
            call_state,
            detail: "x".into(),
            trace: Value::Null,
        })
    };
    let ended = |call_state| LegEvent::Ended {
        call_state,
        detail: "x".into(),
    };
    let token = walk.callback.play_token;
    let mut all = vec![Input::Cancel, Input::Recover];
    all.push(Input::Update(Box::new(Change {
        priority: Some(3),
        ..Change::default()
    })));
    all.push(Input::Reschedule {
        desired: walk.now.plus_seconds(600),
    });
    for event in [
        LegEvent::Answered,
        verdict(Outcome::Human, 0),
        verdict(Outcome::Machine, 9),
        verdict(Outcome::Fax, 17),
        verdict(Outcome::Silence, 8),
        verdict(Outcome::Tone, 6),
        LegEvent::BeepOver { screening: true },
        LegEvent::Played { token },
        ended(6),
        ended(11),
    ] {
        all.push(Input::Customer { attempt, event });
    }
    for event in [LegEvent::Answered, ended(7)] {
        all.push(Input::Agent {
            attempt: agents_attempt,
            leg,
            event,
        });
    }
    all.extend(walk.callback.timers.keys().map(|kind| Input::Timer(*kind)));
    all.extend(plugin_inputs(walk));
    all.push(Input::AgentTurn);
    all.push(Input::ContactTurn(Err(ContactFault::NumberBlocked)));
    all.push(Input::ContactTurn(Ok(DialPlan {
        number: "1".into(),
        trunk: "t".into(),
        alternatives: Vec::new(),
        country: "US".into(),
    })));
    all.push(Input::AgentFound(Found {
        agent: AgentId::new("kim"),
        dn: "7001".into(),
        id: "g".into(),
        place: String::new(),
        switch: String::new(),
        kind: "GA".into(),
        vq: "VQ".into(),
    }));
    all
}

fn plugin_inputs(walk: &Walk) -> Vec<Input> {
    let Some(token) = walk.callback.plugin.token() else {
        return Vec::new();
    };
    let out = CallOut {
        destination: "5100".into(),
        kind: "bridge",
        ring_timeout_s: None,
        aai: None,
    };
    let events = [
        PluginEvent::Started,
        PluginEvent::CallOut(Box::new(out)),
        PluginEvent::Join,
        PluginEvent::LetGo,
        PluginEvent::PassOn,
        PluginEvent::Ended,
    ];
    let input = |event| Input::Plugin {
        token: token.to_owned(),
        event,
    };
    events.into_iter().map(input).collect()
}

/// What must hold after every step, whatever happened.
fn check_invariants(callback: &Callback) {
    let over = callback.phase == Phase::Over;
    assert_eq!(over, callback.state == State::Completed);
    assert_eq!(over, callback.reason.is_some());
    if over {
        assert!(callback.timers.is_empty());
    } else {
        assert!(
            !callback.timers.is_empty() || matches!(callback.phase, Phase::Talking { .. }),
            "something must end {:?} some day",
            callback.phase
        );
    }
    if matches!(
        callback.phase,
        Phase::AgentRinging { .. }
            | Phase::AgentReady
            | Phase::Dialing
            | Phase::Detecting
            | Phase::MachineMessage
    ) {
        assert!(
            callback.timers.contains_key(&TimerKind::Guard),
            "{:?} is guarded",
            callback.phase
        );
    }
    let may_wait = matches!(
        callback.phase,
        Phase::AgentReady | Phase::Dialing | Phase::Detecting | Phase::Plugin { .. }
    );
    assert!(
        callback.waiting_agent.is_none() || may_wait,
        "an agent waits in vain in {:?}",
        callback.phase
    );
}

#[test]
fn every_sequence_of_inputs_keeps_the_invariants() {
    // Random walks from one seed each: a small linear congruential generator decides.
    for seed in 0..800_u64 {
        let mut random = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let mut settings = settings();
        settings.contact.agent_first = seed % 2 == 1;
        if seed % 4 >= 2 {
            settings.treatments.screening = settings.treatments.greeting.clone();
        }
        settings.plugin =
            (seed % 3 == 2).then(|| plugin::plugin(crate::plugin::PluginKind::VoiceXml));
        let mut walk = Walk::created(settings);
        for _ in 0..60 {
            let all = inputs(&walk);
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let choice = usize::try_from(random >> 33).unwrap() % all.len();
            if let Input::Timer(kind) = &all[choice] {
                let at = walk.callback.timers[kind];
                walk.now = walk.now.max(at);
            }
            let was_over = !walk.callback.is_open();
            // A refused client request is an answer, too.
            let refused = walk.try_input(all[choice].clone()).is_err();
            check_invariants(&walk.callback);
            assert!(
                !was_over
                    || refused
                    || walk
                        .effects
                        .iter()
                        .all(|e| matches!(e, Effect::HangUp { .. } | Effect::ReleaseAgent(..))),
                "an ended callback stays ended"
            );
        }
        let exits = walk
            .events
            .iter()
            .filter(|e| e.starts_with("service_exit"))
            .count();
        assert_eq!(exits, usize::from(!walk.callback.is_open()));
    }
}
