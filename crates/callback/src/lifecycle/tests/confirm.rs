//! The customer is asked before the first dial (callback-api §9.2).

use serde_json::json;

use super::*;
use crate::confirm;
use crate::settings::ConfirmSettings;

const TOKEN: &str = "t0";

fn asking(change: impl FnOnce(&mut ConfirmSettings)) -> Walk {
    let mut settings = settings();
    settings.wait_for_agent = true;
    let mut confirm = ConfirmSettings {
        timeout_s: 30,
        asks_max: 2,
        connect_anyway: true,
        later_s: 600,
        provider: "bridge".to_owned(),
        push_attempts: 4,
        message_file: String::new(),
    };
    change(&mut confirm);
    settings.contact.confirm = Some(confirm);
    let data =
        json!({"push_notification_deviceid": "phone-7", "push_notification_type": "customhttp"});
    let data = data.as_object().cloned().unwrap();
    let mut walk = Walk::with(settings);
    walk.callback.confirmation =
        confirm::requested(&walk.callback.settings, &Map::new(), &data).unwrap();
    walk.input(Input::Create { notes: vec![] });
    walk.input(Input::ConfirmTurn {
        token: TOKEN.to_owned(),
        texts: Ok(None),
    });
    walk
}

fn choose(walk: &mut Walk, choice: Choice, token: &str) -> Result<(), &'static str> {
    let token = token.to_owned();
    walk.try_input(Input::Chosen { choice, token })
        .map_err(|error| error.code.phrase())
}

fn pushes(walk: &Walk) -> Vec<&Push> {
    let push = |effect: &'_ Effect| matches!(effect, Effect::Push(_));
    let all = walk.effects.iter().filter(|effect| push(effect));
    all.filter_map(|effect| match effect {
        Effect::Push(push) => Some(&**push),
        _ => None,
    })
    .collect()
}

#[test]
fn the_question_goes_to_the_device_and_a_yes_brings_the_call() {
    let mut walk = asking(|_| {});
    assert_eq!(walk.callback.phase, Phase::Confirming);
    let [push] = pushes(&walk)[..] else {
        panic!("{:?}", walk.effects)
    };
    assert_eq!(
        (push.device.id.as_str(), push.device.provider.as_str()),
        ("phone-7", "bridge")
    );
    let message: Value = serde_json::from_str(&push.message).unwrap();
    assert_eq!(
        message,
        json!({"_id": walk.callback.id.as_str(), "_action": "menu"})
    );
    walk.turn();
    assert_eq!(
        walk.callback.attempts, 0,
        "nobody is dialed before the answer"
    );

    assert_eq!(
        choose(&mut walk, Choice::Confirm, "other"),
        Err("BAD_PARAMETER")
    );
    assert_eq!(choose(&mut walk, Choice::Confirm, ""), Err("BAD_PARAMETER"));
    assert_eq!(choose(&mut walk, Choice::Confirm, TOKEN), Ok(()));
    assert_eq!(
        choose(&mut walk, Choice::Cancel, TOKEN),
        Err("INVALID_STATE"),
        "used"
    );
    assert_eq!(walk.callback.phase, Phase::Waiting);
    assert!(!walk.callback.asks_first());
    walk.turn();
    assert_eq!(walk.callback.phase, Phase::Dialing);
}

#[test]
fn without_an_answer_the_question_is_repeated_and_then_the_call_is_made() {
    let mut walk = asking(|_| {});
    walk.after(30, TimerKind::Confirm);
    assert_eq!(pushes(&walk).len(), 1, "asked twice");
    walk.after(30, TimerKind::Confirm);
    assert_eq!(walk.callback.phase, Phase::Waiting);
    walk.turn();
    assert_eq!(walk.callback.phase, Phase::Dialing);
}

#[test]
fn without_an_answer_the_callback_may_end() {
    let mut walk = asking(|c| (c.connect_anyway, c.asks_max) = (false, 1));
    walk.after(30, TimerKind::Confirm);
    assert_eq!(walk.reason(), Some(Reason::FailUserNoConfirm));
    assert!(
        walk.told()
            .ends_with("service_exit COMPLETED.FAIL_USER_NO_CONFIRM")
    );
}

#[test]
fn later_books_the_callback_and_asks_again() {
    let mut walk = asking(|_| {});
    let later = walk.now.plus_seconds(600);
    assert_eq!(choose(&mut walk, Choice::Later, TOKEN), Ok(()));
    assert_eq!(
        (walk.callback.state, walk.callback.desired),
        (State::Scheduled, later)
    );
    assert!(!walk.callback.timers.contains_key(&TimerKind::Confirm));
    walk.now = later;
    walk.input(Input::Timer(TimerKind::Due));
    assert!(walk.callback.asks_first());
}

#[test]
fn a_no_cancels_the_callback() {
    let mut walk = asking(|_| {});
    assert_eq!(choose(&mut walk, Choice::Cancel, TOKEN), Ok(()));
    assert_eq!(walk.reason(), Some(Reason::Cancelled));
}

#[test]
fn an_open_question_outlives_a_restart_and_ends_with_a_pause() {
    let mut walk = asking(|_| {});
    walk.input(Input::Recover);
    assert_eq!(walk.callback.phase, Phase::Confirming);
    walk.input(Input::ServicePaused);
    assert_eq!(
        choose(&mut walk, Choice::Confirm, TOKEN),
        Err("INVALID_STATE")
    );
    walk.input(Input::ServiceResumed);
    assert_eq!(walk.callback.phase, Phase::Waiting);
    assert!(walk.callback.asks_first());
}

#[test]
fn other_kinds_of_push_are_refused_by_name() {
    let walk = asking(|_| {});
    let settings = &walk.callback.settings;
    let ask = |data: Value, parameters: Value| {
        let map = |value: Value| value.as_object().cloned().unwrap();
        confirm::requested(settings, &map(parameters), &map(data))
            .map(|found| found.map(|c| c.device.id))
            .map_err(|error| (error.code.phrase(), error.field.unwrap_or_default()))
    };
    let refused = |field: &str| Err(("NOT_AVAILABLE", field.to_owned()));
    let new = json!({"push_notification_deviceid": "a", "push_notification_type": "gcm"});
    assert_eq!(ask(new, json!({})), refused("push_notification_type"));
    let old = json!({"_device_notification_id": "b", "_device_os": "ios"});
    assert_eq!(ask(json!({}), old), refused("_device_os"));
    let old = json!({"_device_notification_id": "b", "_device_os": "customhttp"});
    assert_eq!(ask(json!({}), old), Ok(Some("b".to_owned())));
    assert_eq!(
        ask(json!({"push_notification_type": "gcm"}), json!({})),
        Ok(None)
    );
}

#[test]
fn without_a_device_the_customer_is_called_without_asking_and_the_history_says_so() {
    let asks = asking(|_| {});
    let mut walk = Walk::with((*asks.callback.settings).clone());
    let seq = walk.callback.seq;
    walk.input(Input::Create { notes: vec![] });
    assert!(walk.callback.seq > seq);
    assert!(!walk.callback.asks_first());
    walk.turn();
    assert_eq!(walk.callback.phase, Phase::Dialing);
}

#[test]
fn a_yes_brings_the_call_to_the_agent_when_that_comes_first() {
    let mut walk = asking(|_| {});
    let mut settings = (*walk.callback.settings).clone();
    settings.contact.agent_first = true;
    walk.callback.settings = std::sync::Arc::new(settings);
    walk.input(Input::AgentTurn);
    assert_eq!(walk.callback.phase, Phase::Confirming);
    choose(&mut walk, Choice::Confirm, TOKEN).unwrap();
    assert!(walk.effects.contains(&Effect::Enqueue(Need::Contact)));
    walk.input(Input::AgentTurn);
    assert_eq!(walk.effects, [Effect::Enqueue(Need::Agent)]);
}
