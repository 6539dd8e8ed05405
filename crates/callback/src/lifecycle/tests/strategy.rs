//! Services that a document of the operator's runs.

use serde_json::json;

use super::*;
use crate::settings::StrategySettings;

fn strategy() -> Settings {
    let options = [("_ttl", "100"), ("_own", "7")];
    let options = options.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Settings {
        strategy: Some(StrategySettings {
            url: "http://pages.example.net/s.scxml".into(),
            options: options.into(),
        }),
        ..settings()
    }
}

fn order(walk: &Walk) -> Option<&StrategyOrder> {
    walk.effects.iter().find_map(|effect| match effect {
        Effect::RunStrategy(order) => Some(&**order),
        _ => None,
    })
}

impl Walk {
    fn runs(&mut self) {
        self.plugin(PluginEvent::Running {
            session: "S".into(),
        });
    }

    fn fails(&mut self) {
        self.plugin(PluginEvent::Failed {
            detail: "strategy_start_failed".into(),
            why: "status 404".into(),
        });
    }
}

fn running() -> Walk {
    let mut walk = Walk::with(strategy());
    walk.callback.parameters = json!({"_own": "8", "_mine": 9})
        .as_object()
        .unwrap()
        .clone();
    walk.callback.user_data = json!({"topic": "x"}).as_object().unwrap().clone();
    walk.input(Input::Create { notes: vec![] });
    walk.runs();
    walk
}

#[test]
fn the_document_runs_and_its_end_is_the_callbacks() {
    let mut walk = Walk::with(strategy());
    walk.callback.parameters = json!({"_own": "8", "_mine": 9})
        .as_object()
        .unwrap()
        .clone();
    walk.callback.user_data = json!({"topic": "x"}).as_object().unwrap().clone();
    walk.input(Input::Create { notes: vec![] });
    assert_eq!(walk.events, ["callback_submitted QUEUED"]);
    let given = order(&walk).expect("the document is to run").clone();
    assert_eq!(given.url, "http://pages.example.net/s.scxml");
    assert_eq!(given.parameters["_own"], "7", "the service's option wins");
    assert_eq!(given.parameters["_mine"], 9);
    assert_eq!(given.parameters["topic"], "x");
    assert_eq!(given.parameters["_customer_number"], "+4930555010");
    walk.runs();
    let started = [
        "callback_submitted QUEUED",
        "callback_queued QUEUED",
        "service_create QUEUED",
    ];
    assert_eq!(walk.events, started);
    // Once is enough.
    walk.runs();
    assert_eq!(walk.events, started);
    walk.plugin(PluginEvent::Finished {
        reason: Some(Reason::AgentConnected),
    });
    assert_eq!(walk.reason(), Some(Reason::AgentConnected));
    assert_eq!(
        walk.events.last().map(String::as_str),
        Some("service_exit COMPLETED.AGENT_CONNECTED")
    );
    assert!(walk.callback.timers.is_empty());
    let mut walk = running();
    walk.plugin(PluginEvent::Finished { reason: None });
    assert_eq!(walk.reason(), Some(Reason::NotAvailable));
}

#[test]
fn a_document_that_cannot_be_loaded_is_a_failed_submission() {
    let mut walk = Walk::created(strategy());
    for _ in 0..3 {
        walk.fails();
        assert!(matches!(walk.callback.phase, Phase::Submitting { .. }));
        walk.after(10, TimerKind::Submit);
        assert!(order(&walk).is_some());
    }
    walk.fails();
    assert_eq!(walk.reason(), Some(Reason::FailQueueing));
    // Silence counts as a failure.
    let mut walk = Walk::created(strategy());
    walk.after(100, TimerKind::Guard);
    assert!(matches!(walk.callback.phase, Phase::Submitting { .. }));
    assert!(
        walk.effects
            .iter()
            .any(|e| matches!(e, Effect::EndPlugin { .. }))
    );
    // What fails later has run.
    let mut walk = running();
    walk.fails();
    assert_eq!(walk.reason(), Some(Reason::FailError));
}

#[test]
fn a_document_that_has_run_before_is_fetched_as_often_as_a_new_one() {
    let mut crashed = running();
    crashed.input(Input::Recover);
    let mut moved = running();
    let desired = moved.now.plus_seconds(3600);
    moved.input(Input::Reschedule { desired });
    moved.after(3600, TimerKind::Due);
    assert!(order(&moved).is_some());
    for mut walk in [crashed, moved] {
        walk.fails();
        assert!(matches!(walk.callback.phase, Phase::Submitting { .. }));
        walk.after(10, TimerKind::Submit);
        walk.runs();
        assert!(matches!(walk.callback.phase, Phase::Strategy { .. }));
        walk.input(Input::Recover);
        while walk.callback.is_open() {
            walk.fails();
            walk.after(10, TimerKind::Submit);
        }
        assert_eq!(walk.reason(), Some(Reason::FailQueueing));
        let last = walk.events.last().map(String::as_str);
        assert_eq!(last, Some("service_exit COMPLETED.FAIL_QUEUEING"));
    }
}

#[test]
fn a_conversation_that_a_document_leads_goes_on() {
    let told = |walk: &mut Walk, state| {
        walk.input(Input::Update(Box::new(Change {
            state: Some(state),
            ..Change::default()
        })));
    };
    let refused = |walk: &mut Walk, input| walk.try_input(input).map_err(|error| error.code);
    let invalid = Err(crate::ErrorCode::InvalidState);
    let mut walk = running();
    let desired = walk.now.plus_seconds(3600);
    told(&mut walk, State::Routing);
    assert_eq!(refused(&mut walk, Input::Reschedule { desired }), invalid);
    told(&mut walk, State::Processing);
    assert_eq!(refused(&mut walk, Input::Reschedule { desired }), invalid);
    assert_eq!(refused(&mut walk, Input::Cancel), invalid);
    walk.after(86_400, TimerKind::RecordTtl);
    assert_eq!(walk.effects, []);
    assert!(walk.callback.is_open());
    assert!(walk.callback.timers.contains_key(&TimerKind::RecordTtl));
    told(&mut walk, State::Queued);
    walk.after(30, TimerKind::RecordTtl);
    assert_eq!(walk.reason(), Some(Reason::FailTimeoutTtl));
}

#[test]
fn a_document_is_ended_with_its_callback_and_begins_anew_after_a_crash() {
    let ends = |walk: &Walk| {
        let end = |e: &Effect| matches!(e, Effect::EndPlugin { .. });
        walk.effects.iter().any(end)
    };
    let mut walk = running();
    walk.input(Input::Cancel);
    assert_eq!(
        (walk.reason(), ends(&walk)),
        (Some(Reason::Cancelled), true)
    );
    let mut walk = running();
    walk.after(86_400, TimerKind::RecordTtl);
    assert_eq!(
        (walk.reason(), ends(&walk)),
        (Some(Reason::FailTimeoutTtl), true)
    );
    let mut walk = running();
    let desired = walk.now.plus_seconds(3600);
    walk.input(Input::Reschedule { desired });
    assert_eq!(walk.callback.state, State::Scheduled);
    assert!(ends(&walk));
    let mut walk = running();
    let before = walk.callback.plugin.tokens.len();
    walk.input(Input::Recover);
    assert!(order(&walk).is_some());
    assert_eq!(walk.callback.plugin.tokens.len(), before + 1);
    walk.runs();
    let exits = |walk: &Walk| {
        walk.events
            .iter()
            .filter(|e| e.starts_with("service_create"))
            .count()
    };
    assert_eq!(exits(&walk), 1, "{:?}", walk.events);
}

#[test]
fn only_the_document_knows_the_state() {
    let mut walk = running();
    for (state, told) in [
        (State::Routing, "callback_status_updated ROUTING"),
        (State::Processing, "callback_status_updated PROCESSING"),
    ] {
        walk.input(Input::Update(Box::new(Change {
            state: Some(state),
            ..Change::default()
        })));
        assert_eq!(walk.events.last().map(String::as_str), Some(told));
    }
    walk.input(Input::Update(Box::new(Change {
        state: Some(State::Completed),
        reason: Some(Reason::FailCallToCustomer),
        ..Change::default()
    })));
    assert_eq!(walk.reason(), Some(Reason::FailCallToCustomer));
}
