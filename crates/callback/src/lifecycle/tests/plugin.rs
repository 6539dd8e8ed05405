//! The on-dial plugin: the rows of play-treatments §2.3 that ask it, and what follows from its
//! answers.

use serde_json::json;

use super::*;
use crate::number::Dialplan;
use crate::plugin::{Action, PluginKind, PluginSettings};

pub(super) fn plugin(kind: PluginKind) -> PluginSettings {
    PluginSettings {
        url: "http://plug.example.net/p".into(),
        kind,
        dialect: String::new(),
        on_failure: true,
        associate: true,
        timeout_s: 90,
        exit_is_cancel: false,
        compat_reason: false,
        age_is_epoch: false,
        header_prefix: "X-Genesys-".into(),
        refer: false,
    }
}

fn with(change: impl FnOnce(&mut Settings, &mut PluginSettings)) -> Settings {
    let mut s = settings();
    let mut p = plugin(PluginKind::Http);
    change(&mut s, &mut p);
    s.plugin = Some(p);
    s
}

fn http() -> Settings {
    with(|_, _| {})
}

pub(super) fn attached() -> Settings {
    with(|_, p| p.kind = PluginKind::Scxml)
}

fn answered(settings: Settings) -> Walk {
    let mut walk = Walk::created(settings);
    walk.turn();
    walk.customer(LegEvent::Answered);
    walk
}

/// A human answered and the plugin is asked.
pub(super) fn asked(settings: Settings) -> Walk {
    let mut walk = answered(settings);
    walk.verdict(Outcome::Human, 0);
    walk
}

/// `_call_state` of the question in the last step's effects and whether a call is up.
fn question(walk: &Walk) -> Option<(u8, bool)> {
    walk.effects.iter().find_map(|effect| match effect {
        Effect::AskPlugin(q) => Some((q.call_state, q.call.is_some())),
        _ => None,
    })
}

fn released(walk: &Walk) -> bool {
    let hangs_up = |effect: &Effect| matches!(effect, Effect::HangUp { .. });
    walk.effects.iter().any(hangs_up)
}

impl Walk {
    pub(super) fn token(&self) -> String {
        self.callback.plugin.token().unwrap().to_owned()
    }

    pub(super) fn plugin(&mut self, event: PluginEvent) {
        let token = self.token();
        self.input(Input::Plugin { token, event });
    }

    fn try_answer(&mut self, token: &str, answer: Value) -> Result<(), String> {
        let answer = Answer::parse(answer.as_object().unwrap()).unwrap();
        self.try_input(Input::Plugin {
            token: token.to_owned(),
            event: PluginEvent::Answer(Box::new(answer)),
        })
        .map_err(|error| error.code.phrase().to_owned())
    }

    pub(super) fn answer(&mut self, answer: Value) {
        let token = self.token();
        self.try_answer(&token, answer).unwrap();
    }
}

#[test]
fn row_1_a_human_with_a_plugin() {
    for on_failure in [true, false] {
        let mut walk = asked(with(|_, p| p.on_failure = on_failure));
        assert_eq!(question(&walk), Some((0, true)));
        assert_eq!(walk.callback.state, State::Queued);
        walk.answer(json!({"action": "route_to_agent", "message": "OK"}));
        assert_eq!(
            walk.told(),
            "dial_init QUEUED, dial_done 0 1, customer_queued ROUTING",
            "the plugin replaces the greeting"
        );
    }
}

#[test]
fn rows_5_to_7_a_machine_with_a_plugin() {
    let mut kept = answered(http());
    kept.verdict(Outcome::Machine, 9);
    assert_eq!(question(&kept), Some((9, true)));
    let mut dropped = answered(with(|s, _| s.detection.keep_machine = false));
    dropped.verdict(Outcome::Machine, 9);
    assert_eq!(
        (question(&dropped), released(&dropped)),
        (Some((9, false)), true)
    );
    let mut not_asked = answered(with(|_, p| p.on_failure = false));
    not_asked.verdict(Outcome::Machine, 9);
    assert_eq!(not_asked.callback.phase, Phase::MachineMessage);
}

#[test]
fn rows_8_to_11_no_answer_and_busy_with_a_plugin() {
    for state in [7, 6] {
        let mut walk = Walk::created(http());
        walk.turn();
        walk.ended(state);
        assert_eq!(question(&walk), Some((state, false)));
        let mut not_asked = Walk::created(with(|_, p| p.on_failure = false));
        not_asked.turn();
        not_asked.ended(state);
        assert_eq!(not_asked.callback.phase, Phase::RetryPause);
    }
}

#[test]
fn rows_12_and_13_a_fax_with_a_plugin() {
    let mut dropped = answered(http());
    dropped.verdict(Outcome::Fax, 17);
    assert_eq!(
        (question(&dropped), released(&dropped)),
        (Some((17, false)), true)
    );
    let mut kept = answered(with(|s, _| s.detection.keep_fax = true));
    kept.verdict(Outcome::Fax, 17);
    assert_eq!(
        (question(&kept), released(&kept)),
        (Some((17, true)), false)
    );
    let mut not_asked = answered(with(|_, p| p.on_failure = false));
    not_asked.verdict(Outcome::Fax, 17);
    assert_eq!(not_asked.reason(), Some(Reason::FailFaxReached));
}

#[test]
fn rows_14_to_16_silence_with_a_plugin() {
    let mut kept = answered(http());
    kept.verdict(Outcome::Silence, 8);
    assert_eq!(question(&kept), Some((8, true)));
    let mut dropped = answered(with(|s, _| s.detection.keep_silence = false));
    dropped.verdict(Outcome::Silence, 8);
    assert_eq!(
        (question(&dropped), released(&dropped)),
        (Some((8, false)), true)
    );
    let mut not_asked = answered(with(|_, p| p.on_failure = false));
    not_asked.verdict(Outcome::Silence, 8);
    assert_eq!(
        not_asked.callback.phase,
        Phase::Greeting,
        "counts as a human"
    );
}

#[test]
fn rows_17_to_19_other_failures_with_a_plugin() {
    for (state, detail, told) in [
        (13, false, 8),
        (13, true, 13),
        (11, false, 11),
        (10, false, 10),
    ] {
        let mut walk = Walk::created(with(|s, _| s.detection.sit_detail = detail));
        walk.turn();
        if state == 13 {
            walk.verdict(Outcome::Tone, state);
        } else {
            walk.ended(state);
        }
        assert_eq!(question(&walk), Some((told, false)));
    }
}

#[test]
fn a_plugin_may_dial_another_number_later() {
    let mut walk = asked(with(|s, _| s.cpn_digits = Some("1".into())));
    walk.answer(json!({"action": "retry", "message": "OK", "delay": 300,
        "customer_number": "555-2336", "customer_number_prefix": "91"}));
    assert!(released(&walk));
    assert_eq!(
        walk.callback.timers[&TimerKind::RetryDial],
        walk.now.plus_seconds(300)
    );
    assert_eq!(walk.callback.number_to_dial(), "5552336");
    assert_eq!(walk.callback.dial_prefix(), "91");
    assert_eq!(walk.callback.customer_number, "+4930555010");
    walk.after(300, TimerKind::RetryDial);
    walk.turn();
    walk.customer(LegEvent::Answered);
    walk.verdict(Outcome::Human, 0);
    let Some(Effect::AskPlugin(q)) = walk.effects.last() else {
        panic!("{:?}", walk.effects)
    };
    assert_eq!(q.customer_number, "5552336");
    walk.answer(json!({"action": "route_to_agent", "message": "OK"}));
    walk.found();
    let shown = walk.effects.iter().find_map(|e| match e {
        Effect::Offer(offer) => Some(offer.caller_number.clone()),
        _ => None,
    });
    assert_eq!(shown.as_deref(), Some("5552336"), "CPNDigits follows");
}

#[test]
fn a_retry_at_the_limit_and_a_cancel_end_the_request_as_cancelled() {
    let mut retry = asked(with(|s, _| s.max_dial_attempts = 1));
    retry.answer(json!({"action": "retry", "message": "OK"}));
    let mut cancel = asked(http());
    cancel.answer(json!({"action": "cancel", "message": "OK"}));
    for walk in [retry, cancel] {
        assert!(released(&walk));
        assert_eq!(
            walk.told(),
            "dial_init QUEUED, dial_done 0 1, callback_cancelled COMPLETED, \
             service_exit COMPLETED.CANCELLED"
        );
    }
}

#[test]
fn a_customer_who_leaves_can_only_be_dialed_again_or_given_up() {
    let mut walk = asked(http());
    walk.ended(0);
    let token = walk.token();
    let route = json!({"action": "route_to_agent", "message": "OK"});
    assert_eq!(walk.try_answer(&token, route), Err("CONFLICT".into()));
    let gone = json!({"action": "cancel", "message": "interaction_deleted"});
    walk.answer(gone.clone());
    assert_eq!(walk.reason(), Some(Reason::FailInteractionDeleted));
    let mut compatible = asked(with(|_, p| p.compat_reason = true));
    compatible.ended(0);
    compatible.answer(gone);
    assert_eq!(compatible.reason(), Some(Reason::Cancelled));
    let mut again = asked(http());
    again.ended(0);
    again.answer(json!({"action": "retry", "message": "OK"}));
    assert_eq!(again.callback.phase, Phase::RetryPause);
    let mut silent = asked(http());
    silent.ended(0);
    silent.after(105, TimerKind::PluginAnswer);
    assert_eq!(silent.reason(), Some(Reason::FailInteractionDeleted));
    // The plugin knows before we do.
    let mut early = asked(http());
    let token = early.token();
    let route = json!({"action": "route_to_agent", "message": "interaction_deleted"});
    assert_eq!(early.try_answer(&token, route), Err("CONFLICT".into()));
}

#[test]
fn without_a_call_nothing_is_routed() {
    let mut walk = Walk::created(http());
    walk.turn();
    walk.ended(7);
    let token = walk.token();
    for answer in [
        json!({"action": "route_to_agent", "message": "OK"}),
        json!({"action": "route_to_rp", "message": "5100"}),
    ] {
        assert_eq!(walk.try_answer(&token, answer), Err("CONFLICT".into()));
    }
    walk.answer(json!({"action": "retry", "message": "OK", "delay": 5}));
    assert_eq!(walk.callback.phase, Phase::RetryPause);
}

#[test]
fn a_silent_plugin_ends_the_callback_with_an_error() {
    let mut walk = asked(http());
    walk.plugin(PluginEvent::Started);
    walk.after(89, TimerKind::PluginAnswer);
    assert!(walk.callback.is_open(), "the time begins with the start");
    walk.after(1, TimerKind::PluginAnswer);
    assert!(released(&walk));
    assert_eq!(
        walk.told(),
        "dial_init QUEUED, dial_done 0 1, callback_processing_failed COMPLETED, \
         service_exit COMPLETED.FAIL_ERROR"
    );
    assert_eq!(walk.callback.detail.as_deref(), Some("plugin_timeout"));
    let mut failed = asked(http());
    failed.plugin(PluginEvent::Failed {
        detail: "plugin_start_failed".into(),
        why: "status 404".into(),
    });
    assert_eq!(failed.reason(), Some(Reason::FailError));
    assert_eq!(
        failed.callback.detail.as_deref(),
        Some("plugin_start_failed")
    );
}

#[test]
fn late_doubled_and_foreign_answers_are_told_apart() {
    let retry = json!({"action": "retry", "message": "OK", "delay": 0});
    let mut walk = asked(with(|s, _| s.max_dial_attempts = 3));
    let first = walk.token();
    assert_eq!(
        walk.try_answer("nonsense", retry.clone()),
        Err("NOT_FOUND".into())
    );
    walk.answer(retry.clone());
    assert_eq!(
        walk.try_answer(&first, retry.clone()),
        Err("CONFLICT".into())
    );
    walk.after(0, TimerKind::RetryDial);
    walk.turn();
    walk.ended(7);
    assert_ne!(walk.token(), first, "a fresh token per attempt");
    assert_eq!(walk.try_answer(&first, retry.clone()), Err("GONE".into()));
    walk.after(105, TimerKind::PluginAnswer);
    let late = walk.token();
    assert_eq!(walk.try_answer(&late, retry), Err("GONE".into()));
}

#[test]
fn route_to_rp_takes_priority_and_age_along_and_ends_the_callback() {
    let mut walk = Walk::with(with(|s, _| {
        s.priority = 5;
        s.attach_udata = AttachUserData::SeparateKeys;
    }));
    walk.callback
        .user_data
        .insert("topic".into(), "refund".into());
    walk.input(Input::Create { notes: vec![] });
    walk.now = walk.now.plus_seconds(40);
    walk.turn();
    walk.customer(LegEvent::Answered);
    walk.verdict(Outcome::Human, 0);
    walk.answer(json!({"action": "route_to_rp", "message": "5100@North"}));
    let route = walk.effects.iter().find_map(|e| match e {
        Effect::RouteOut(route) => Some(route.clone()),
        _ => None,
    });
    let route = route.unwrap();
    assert_eq!(route.number, "5100");
    let header = |name: &str, value: &str| (format!("X-Genesys-{name}"), value.to_owned());
    assert_eq!(
        route.headers,
        [
            header("GMS_URS_PRIORITY", "5"),
            header("RouterData70", "40"),
            header("topic", "refund")
        ]
    );
    walk.agent(LegEvent::Answered);
    let handed = |e: &Effect| matches!(e, Effect::HandOver { .. });
    assert!(walk.effects.iter().any(handed) && !released(&walk));
    assert_eq!(
        walk.told(),
        "dial_init QUEUED, dial_done 0 1, service_exit COMPLETED.TRANSFERRED_TO_RP"
    );
}

#[test]
fn a_destination_that_cannot_be_reached_is_tried_twice() {
    let mut walk = asked(http());
    walk.answer(json!({"action": "route_to_rp", "message": "5100"}));
    walk.agent(LegEvent::Ended {
        call_state: 6,
        detail: "busy".into(),
    });
    assert!(matches!(
        walk.callback.phase,
        Phase::RoutingOut { tries: 2, .. }
    ));
    walk.agent(LegEvent::Ended {
        call_state: 6,
        detail: "busy".into(),
    });
    assert_eq!(
        walk.callback.phase,
        Phase::Apology {
            reason: Reason::FailAgentConnect
        }
    );
    let mut left = asked(http());
    left.answer(json!({"action": "route_to_rp", "message": "5100"}));
    left.ended(0);
    assert!(released(&left));
    assert_eq!(left.reason(), Some(Reason::FailInteractionDeleted));
}

#[test]
fn an_attached_call_is_given_back_before_the_answer_is_executed() {
    let route = json!({"action": "route_to_agent", "message": "OK"});
    let mut walk = asked(attached());
    walk.plugin(PluginEvent::Detached);
    walk.answer(route.clone());
    assert_eq!(walk.callback.phase, Phase::InQueue);
    let mut late = asked(attached());
    late.answer(route.clone());
    assert!(matches!(late.callback.phase, Phase::Plugin { .. }));
    late.plugin(PluginEvent::Detached);
    assert_eq!(late.callback.phase, Phase::InQueue);
    let mut never = asked(attached());
    never.answer(route.clone());
    never.after(2, TimerKind::Detach);
    assert_eq!(never.callback.phase, Phase::InQueue);
    let mut left = asked(attached());
    left.answer(route);
    left.ended(0);
    assert_eq!(left.reason(), Some(Reason::FailInteractionDeleted));
}

#[test]
fn a_session_that_ends_without_an_answer_is_a_silent_plugin_or_a_cancel() {
    let mut silent = asked(attached());
    silent.plugin(PluginEvent::Ended);
    assert!(silent.callback.is_open());
    silent.after(105, TimerKind::PluginAnswer);
    assert_eq!(silent.reason(), Some(Reason::FailError));
    let mut cancel = asked(with(|_, p| {
        p.kind = PluginKind::Scxml;
        p.exit_is_cancel = true;
    }));
    cancel.plugin(PluginEvent::Ended);
    assert_eq!(cancel.reason(), Some(Reason::Cancelled));
}

#[test]
fn a_restart_puts_the_question_again_and_repeats_a_broken_attempt() {
    let mut failed = Walk::created(http());
    failed.turn();
    failed.ended(7);
    let token = failed.token();
    failed.input(Input::Recover);
    assert_eq!(question(&failed), Some((7, false)));
    assert_eq!(failed.token(), token, "the reply URL is the same");
    failed.answer(json!({"action": "cancel", "message": "OK"}));
    assert_eq!(failed.reason(), Some(Reason::Cancelled));
    let mut live = asked(http());
    let token = live.token();
    live.input(Input::Recover);
    assert_eq!(live.callback.phase, Phase::RetryPause);
    let late = json!({"action": "route_to_agent", "message": "OK"});
    assert_eq!(live.try_answer(&token, late), Err("GONE".into()));
}

#[test]
fn a_client_may_cancel_and_time_may_run_out_while_the_plugin_thinks() {
    let mut cancelled = asked(attached());
    cancelled.input(Input::Cancel);
    let ends = |e: &Effect| matches!(e, Effect::EndPlugin { .. });
    assert!(released(&cancelled) && cancelled.effects.iter().any(ends));
    let mut late = asked(http());
    late.after(14_400, TimerKind::QueuedTtl);
    assert!(matches!(late.callback.phase, Phase::Apology { .. }));
    let mut nobody = Walk::created(http());
    nobody.turn();
    nobody.ended(7);
    nobody.after(14_400, TimerKind::QueuedTtl);
    assert_eq!(nobody.reason(), Some(Reason::FailTargetNotFound));
}

#[test]
fn the_dial_plan_judges_what_a_plugin_wants_to_be_dialed() {
    let internal = ["^[0-9]{4}$".to_owned()];
    let plan = Dialplan::new("US", &internal, &["5559".to_owned()], &[]).unwrap();
    let walk = asked(http());
    let judge = |plan: &Dialplan, answer: Value| {
        let answer = Answer::parse(answer.as_object().unwrap()).unwrap();
        let refused = answer.check(&walk.callback, plan).err();
        refused.map_or("", |error| error.code.phrase())
    };
    let number = |n: &str| json!({"action": "retry", "message": "OK", "customer_number": n});
    let to = |n: &str| json!({"action": "route_to_rp", "message": n});
    assert_eq!(judge(&plan, number("555-2336")), "");
    assert_eq!(judge(&plan, number("112")), "EMERGENCY_NUMBER");
    assert_eq!(judge(&plan, number("5559000")), "NUMBER_BLOCKED");
    let prefixed = json!({"action": "retry", "message": "OK", "customer_number": "11",
        "customer_number_prefix": "9"});
    assert_eq!(
        judge(&plan, prefixed),
        "EMERGENCY_NUMBER",
        "prefix and number together"
    );
    assert_eq!(judge(&plan, to("5100@North")), "");
    assert_eq!(judge(&plan, to("+12125550100")), "BAD_PARAMETER");
    assert_eq!(judge(&plan, to("Sales")), "BAD_PARAMETER");
    let open = plan
        .clone()
        .with_rp_allow(&["^\\+1212".to_owned()])
        .unwrap();
    assert_eq!(judge(&open, to("+12125550100")), "");
    assert_eq!(judge(&open, to("5100")), "BAD_PARAMETER");
    assert!(plan.with_rp_allow(&["(".to_owned()]).is_err());
}

#[test]
fn an_action_needs_a_call_or_not() {
    let needing = [Action::RouteToAgent, Action::RouteToRp];
    assert!(needing.iter().all(|action| action.needs_call()));
    assert!(!Action::Cancel.needs_call() && !Action::Retry.needs_call());
}
