//! Tests of the lifecycle: whole walks, then every input in every phase.

mod sequences;

use std::collections::BTreeMap;

use serde_json::Map;

use super::*;
use crate::events::EventId;
use crate::record::{Phase, Reason, State};
use crate::routing::Target;
use crate::settings::{
    AttachUserData, ContactSettings, CpdProfile, EventPlan, NotificationMode, NotificationSettings,
    Settings, Treatments,
};
use crate::treatment::Treatment;
use crate::{CallbackId, ServiceName, call_state};

mod agent_first;
mod bridge;
mod confirm;
mod contact_options;
mod decision_table;
mod forecast;
mod hold;
mod line_end;
mod plugin;
mod races;
mod screening;
mod session_queue;
mod strategy;

fn file(name: &str) -> Treatment {
    Treatment::Play {
        source: name.to_owned(),
        hints: Map::new(),
    }
}

fn settings() -> Settings {
    Settings {
        service: ServiceName::new("billing"),
        wait_for_agent: false,
        ttl_s: 86_400,
        queued_ttl_s: 14_400,
        virtual_queue: "VQ".into(),
        vq_for_outbound_calls: "VQ".into(),
        target: Target::default(),
        priority: 0,
        priority_increment: 0,
        priority_increment_interval_s: 0,
        max_wait_on_call_s: 3600,
        agent_reserve_timeout_s: 30,
        transfer_attempts: 3,
        ring_timeout_s: 30,
        max_dial_attempts: 2,
        dial_retry_timeout_s: 300,
        max_customer_contacts: 1,
        execution_buffer_s: 90,
        connect_threshold_s: 180,
        horizon: None,
        contact: ContactSettings::default(),
        submit_retries: 3,
        submit_retry_delay_s: 10,
        prefix_dial_out: String::new(),
        calling_party_number: String::new(),
        calling_party_display_name: String::new(),
        route_point: String::new(),
        default_country: "US".into(),
        disallow_premium: true,
        detection: DetectionSettings {
            enabled: true,
            profile: CpdProfile::Human,
            silence_ms: 5000,
            hard_stop_ms: 6000,
            early: true,
            keep_machine: true,
            keep_silence: true,
            sit_detail: false,
            keep_fax: false,
        },
        treatments: Treatments {
            greeting: file("welcome.wav"),
            waiting: file("music.wav"),
            find_agent_fail: file("busy.wav"),
            machine: file("machine.wav"),
            screening: Treatment::Off,
            machine_message_final: false,
        },
        notification: NotificationSettings {
            mode: NotificationMode::SubscribeNotify,
            channel: "httpcb".into(),
            target: "http://example.net/in".into(),
            target_from_request: false,
            provider: String::new(),
            debug: false,
            language: String::new(),
            events_list: String::new(),
            plan: EventPlan::default(),
        },
        attach_udata: AttachUserData::SingleJson,
        cpn_digits: None,
        plugin: None,
        strategy: None,
        pending: BTreeMap::new(),
    }
}

/// A callback with a clock and everything it raised.
struct Walk {
    callback: Callback,
    now: Timestamp,
    submission: Result<(), String>,
    paused: bool,
    events: Vec<String>,
    /// Bodies of the notifications.
    bodies: Vec<Value>,
    effects: Vec<Effect>,
}

impl Walk {
    fn with(settings: Settings) -> Self {
        let now = Timestamp(1_790_000_000_000);
        let id = CallbackId::from_random(1, [9; 16]);
        let mut callback = Callback::new(id, settings, now);
        callback.customer_number = "+4930555010".into();
        callback.dial_number = "+4930555010".into();
        Self {
            callback,
            now,
            submission: Ok(()),
            paused: false,
            events: vec![],
            bodies: vec![],
            effects: vec![],
        }
    }

    fn created(settings: Settings) -> Self {
        let mut walk = Self::with(settings);
        walk.input(Input::Create { notes: vec![] });
        walk
    }

    fn try_input(&mut self, input: Input) -> Result<(), Error> {
        let context = Context {
            now: self.now,
            submission: self.submission.clone(),
            random: u128::from(self.callback.attempts) + 1,
            paused: self.paused,
            line: None,
        };
        let step = step(self.callback.clone(), input, &context)?;
        let published = self.callback.notification_seq;
        let fresh = step
            .events
            .iter()
            .filter_map(|e| e.notification.as_ref())
            .map(|n| n.seq);
        assert!(
            fresh.eq(published + 1..=step.callback.notification_seq),
            "gapless"
        );
        for (event, seq) in step.events.iter().zip(self.callback.seq + 1..) {
            assert_eq!(event.seq, seq, "the log is gapless");
            if let Some(notification) = &event.notification {
                self.bodies
                    .push(serde_json::from_str(&notification.body).unwrap());
            }
            let short = event.id.as_str().trim_start_matches("_cbe_on_");
            let mut text = format!("{short} {}", event.state.as_str());
            if event.id == EventId::DialDone {
                let value = &event.data["c_call_result"];
                text = format!("dial_done {value} {}", event.data["c_call_num_attempt"]);
            }
            if event.id == EventId::ServiceExit {
                text = format!(
                    "service_exit {}",
                    event.data["c_termination_type"].as_str().unwrap()
                );
            }
            if !short.starts_with("rb.") {
                self.events.push(text);
            }
        }
        self.callback = step.callback;
        self.effects = step.effects;
        Ok(())
    }

    fn input(&mut self, input: Input) {
        self.try_input(input).unwrap();
    }

    fn customer(&mut self, event: LegEvent) {
        self.input(Input::Customer {
            attempt: self.callback.attempts,
            event,
        });
    }

    fn agent(&mut self, event: LegEvent) {
        let leg = self.callback.agent_leg();
        self.input(Input::Agent {
            attempt: leg.attempt,
            leg: leg.agent.unwrap(),
            event,
        });
    }

    fn after(&mut self, seconds: i64, kind: TimerKind) {
        self.now = self.now.plus_seconds(seconds);
        self.input(Input::Timer(kind));
    }

    fn turn(&mut self) {
        self.input(Input::ContactTurn(Ok(DialPlan {
            number: "04930555010".into(),
            trunk: "carrier".into(),
            alternatives: Vec::new(),
            country: "DE".into(),
        })));
    }

    fn verdict(&mut self, outcome: Outcome, call_state: u8) {
        self.customer(LegEvent::Verdict(Verdict {
            outcome,
            call_state,
            detail: "test".into(),
            trace: Value::Null,
        }));
    }

    fn human(&mut self) {
        self.turn();
        self.customer(LegEvent::Answered);
        self.verdict(Outcome::Human, 0);
    }

    fn queued(&mut self) {
        self.human();
        self.customer(LegEvent::Played {
            token: self.callback.play_token,
        });
    }

    fn found(&mut self) {
        self.input(Input::AgentFound(Found {
            agent: AgentId::new("kim"),
            dn: "7001".into(),
            id: "Billing".into(),
            place: "Desk".into(),
            switch: "North".into(),
            kind: "GA".into(),
            vq: "VQ".into(),
        }));
    }

    fn ended(&mut self, call_state: u8) {
        self.customer(LegEvent::Ended {
            call_state,
            detail: "test".into(),
        });
    }

    fn reason(&self) -> Option<Reason> {
        self.callback.reason
    }

    /// Events since the virtual interaction existed, joined.
    fn told(&self) -> String {
        let start = self
            .events
            .iter()
            .position(|e| e.starts_with("virtual_ixn"))
            .map_or(0, |i| i + 1);
        self.events[start..].join(", ")
    }
}

const SUBMITTED: [&str; 4] = [
    "callback_submitted QUEUED",
    "callback_queued QUEUED",
    "service_create QUEUED",
    "virtual_ixn_create QUEUED",
];

#[test]
fn success_raises_the_sequence_of_the_reference() {
    let mut walk = Walk::created(settings());
    walk.queued();
    walk.found();
    walk.agent(LegEvent::Answered);
    assert_eq!(walk.callback.state, State::Processing);
    assert!(
        walk.effects
            .iter()
            .any(|e| matches!(e, Effect::Bridge { .. }))
    );
    walk.agent(LegEvent::Ended {
        call_state: 0,
        detail: "bye".into(),
    });
    assert_eq!(walk.events[..4], SUBMITTED);
    assert_eq!(
        walk.told(),
        "dial_init QUEUED, dial_done 0 1, connect_treatment_start QUEUED, customer_queued ROUTING, \
         target_found ROUTING, route_to_agent ROUTING, service_exit COMPLETED.AGENT_CONNECTED"
    );
    assert!(walk.callback.timers.is_empty());
}

#[test]
fn without_greeting_the_customer_queues_at_once() {
    let mut s = settings();
    s.treatments.greeting = Treatment::Off;
    let mut walk = Walk::created(s);
    walk.human();
    assert_eq!(
        walk.told(),
        "dial_init QUEUED, dial_done 0 1, customer_queued ROUTING"
    );
}

#[test]
fn no_answer_is_dialed_again_until_the_limit() {
    let mut walk = Walk::created(settings());
    walk.turn();
    walk.ended(call_state::NO_ANSWER);
    assert_eq!(walk.callback.phase, Phase::RetryPause);
    walk.after(299, TimerKind::RetryDial);
    assert_eq!(walk.callback.phase, Phase::RetryPause, "too early");
    walk.after(1, TimerKind::RetryDial);
    assert_eq!(walk.effects, [Effect::Enqueue(Need::ContactNow)]);
    walk.turn();
    walk.ended(call_state::NO_ANSWER);
    assert_eq!(
        walk.told(),
        "dial_init QUEUED, dial_done 7 1, dial_init QUEUED, dial_done 7 2, \
         service_exit COMPLETED.FAIL_CALL_TO_CUSTOMER"
    );
}

#[test]
fn another_trunk_carries_the_same_attempt_with_its_own_number() {
    let mut walk = Walk::created(settings());
    walk.turn();
    assert_eq!(walk.callback.dialed_number.as_deref(), Some("04930555010"));
    let before = walk.callback.timers[&TimerKind::Guard];
    walk.now = walk.now.plus_seconds(20);
    walk.customer(LegEvent::Rerouted {
        number: "030555010".into(),
    });
    assert_eq!(walk.callback.dialed_number.as_deref(), Some("030555010"));
    assert_eq!(walk.callback.attempts, 1);
    assert!(
        walk.callback.timers[&TimerKind::Guard] > before,
        "rings anew"
    );
    walk.ended(call_state::NO_ANSWER);
    assert_eq!(walk.callback.phase, Phase::RetryPause);
}

#[test]
fn number_that_does_not_exist_is_not_dialed_again() {
    let mut walk = Walk::created(settings());
    walk.turn();
    walk.ended(call_state::INVALID_NUMBER);
    assert_eq!(walk.reason(), Some(Reason::FailCallToCustomer));
    assert_eq!(walk.callback.attempts, 1);
}

#[test]
fn fax_ends_after_one_attempt() {
    let mut walk = Walk::created(settings());
    walk.turn();
    walk.customer(LegEvent::Answered);
    walk.verdict(Outcome::Fax, call_state::FAX);
    assert_eq!(
        walk.told(),
        "dial_init QUEUED, dial_done 17 1, service_exit COMPLETED.FAIL_FAX_REACHED"
    );
}

#[test]
fn machine_hears_its_message_and_is_dialed_again() {
    let mut walk = Walk::created(settings());
    walk.turn();
    walk.customer(LegEvent::Answered);
    walk.verdict(Outcome::Machine, call_state::MACHINE);
    assert!(
        walk.effects
            .iter()
            .any(|e| matches!(e, Effect::Play { forever: false, .. }))
    );
    walk.customer(LegEvent::Played {
        token: walk.callback.play_token,
    });
    assert!(
        walk.effects
            .iter()
            .any(|e| matches!(e, Effect::HangUp { .. }))
    );
    assert_eq!(walk.callback.phase, Phase::RetryPause);
    assert_eq!(walk.told(), "dial_init QUEUED, dial_done 9 1");
}

#[test]
fn machine_message_can_wait_for_the_beep_and_be_final() {
    let mut s = settings();
    let hints = Map::from_iter([("am-beep-detection".to_owned(), Value::from("on"))]);
    s.treatments.machine = Treatment::Play {
        source: "m.wav".into(),
        hints,
    };
    s.treatments.machine_message_final = true;
    let mut walk = Walk::created(s);
    walk.turn();
    walk.customer(LegEvent::Answered);
    walk.verdict(Outcome::Machine, call_state::MACHINE);
    assert_eq!(walk.effects, []);
    walk.customer(LegEvent::BeepOver { screening: false });
    assert!(matches!(walk.effects[..], [Effect::Play { .. }]));
    walk.customer(LegEvent::Played {
        token: walk.callback.play_token,
    });
    assert_eq!(walk.reason(), Some(Reason::FailCallToCustomer));
}

#[test]
fn silence_counts_as_a_human_when_kept() {
    let mut walk = Walk::created(settings());
    walk.turn();
    walk.customer(LegEvent::Answered);
    walk.verdict(Outcome::Silence, call_state::SILENCE);
    assert_eq!(walk.callback.phase, Phase::Greeting);
    assert!(walk.told().contains("dial_done 8 1"));
}

#[test]
fn busy_tone_before_the_answer_ends_the_attempt() {
    let mut walk = Walk::created(settings());
    walk.turn();
    walk.verdict(Outcome::Tone, call_state::BUSY);
    assert!(matches!(
        walk.effects[0],
        Effect::HangUp { given_up: true, .. }
    ));
    assert_eq!(walk.callback.phase, Phase::RetryPause);
    walk.ended(call_state::NO_ANSWER);
    assert_eq!(
        walk.told(),
        "dial_init QUEUED, dial_done 6 1",
        "the leg's end says nothing new"
    );
}

#[test]
fn voice_before_the_answer_is_no_answer() {
    let mut walk = Walk::created(settings());
    walk.turn();
    walk.verdict(Outcome::Human, 0);
    assert_eq!(walk.callback.phase, Phase::Dialing);
}

#[test]
fn special_tone_numbers_are_folded_to_8_unless_wanted() {
    for (detail, expected) in [(false, "dial_done 8 1"), (true, "dial_done 13 1")] {
        let mut s = settings();
        s.detection.sit_detail = detail;
        let mut walk = Walk::created(s);
        walk.turn();
        walk.verdict(Outcome::Tone, 13);
        assert!(walk.told().contains(expected), "{}", walk.told());
    }
}

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
fn cancel_while_ringing_gives_the_dial_up_first() {
    let mut walk = Walk::created(settings());
    walk.turn();
    walk.input(Input::Cancel);
    assert!(matches!(
        walk.effects[0],
        Effect::HangUp { given_up: true, .. }
    ));
    assert_eq!(
        walk.told(),
        "dial_init QUEUED, dial_done 26 1, callback_cancelled COMPLETED, \
         service_exit COMPLETED.CANCELLED"
    );
    assert_eq!(
        walk.try_input(Input::Cancel).unwrap_err().code,
        crate::ErrorCode::AlreadyCompleted
    );
}

#[test]
fn conversation_cannot_be_cancelled() {
    let mut walk = Walk::created(settings());
    walk.queued();
    walk.found();
    walk.agent(LegEvent::Answered);
    assert_eq!(
        walk.try_input(Input::Cancel).unwrap_err().code,
        crate::ErrorCode::InvalidState
    );
}

#[test]
fn cancelled_before_submission_has_no_session_to_exit() {
    let mut walk = Walk::with(settings());
    walk.callback.scheduled = true;
    walk.callback.desired = walk.now.plus_seconds(3600);
    walk.input(Input::Create { notes: vec![] });
    walk.input(Input::Cancel);
    assert_eq!(
        walk.events,
        [
            "callback_scheduled SCHEDULED",
            "callback_cancelled COMPLETED"
        ]
    );
}

#[test]
fn scheduled_callback_is_submitted_and_dialed_in_its_time() {
    let mut s = settings();
    s.execution_buffer_s = 600;
    let mut walk = Walk::with(s);
    walk.callback.scheduled = true;
    walk.callback.desired = walk.now.plus_seconds(3600);
    walk.input(Input::Create { notes: vec![] });
    walk.after(2999, TimerKind::Due);
    assert_eq!(walk.callback.state, State::Scheduled);
    walk.after(1, TimerKind::Due);
    assert_eq!(walk.callback.state, State::Queued);
    assert_eq!(
        walk.effects,
        [],
        "not dialed before desired time - threshold"
    );
    walk.after(420, TimerKind::ContactAllowed);
    assert_eq!(walk.effects, [Effect::Enqueue(Need::ContactNow)]);
}

#[test]
fn moved_callback_goes_back_to_scheduled_until_it_was_dialed() {
    let mut walk = Walk::created(settings());
    let desired = walk.now.plus_seconds(7200);
    walk.input(Input::Reschedule { desired });
    assert_eq!(
        (walk.callback.state, walk.callback.desired),
        (State::Scheduled, desired)
    );
    walk.after(7200, TimerKind::Due);
    walk.turn();
    let refused = walk.try_input(Input::Reschedule { desired }).unwrap_err();
    assert_eq!(refused.code, crate::ErrorCode::InvalidState);
}

#[test]
fn a_change_of_target_takes_a_new_place_and_of_data_alone_none() {
    let mut walk = Walk::created(settings());
    let data = Change {
        user_data: Map::from_iter([("topic".to_owned(), Value::from("loans"))]),
        ..Change::default()
    };
    let desired = walk.callback.desired;
    walk.input(Input::Update(Box::new(data.clone())));
    assert_eq!(walk.callback.user_data["topic"], "loans");
    assert_eq!(
        (walk.callback.state, walk.callback.desired),
        (State::Queued, desired)
    );
    let target = Target::parse("Loans@Stats.GA").unwrap();
    let routed = Change {
        target: Some(target.clone()),
        priority: Some(9),
        ..Change::default()
    };
    walk.input(Input::Update(Box::new(routed.clone())));
    assert_eq!(walk.callback.settings.target, target);
    assert_eq!(walk.callback.settings.priority, 9);
    walk.turn();
    walk.customer(LegEvent::Answered);
    walk.human();
    walk.input(Input::Update(Box::new(data)));
    let token = walk.callback.play_token;
    walk.customer(LegEvent::Played { token });
    assert_eq!(walk.callback.state, State::Routing);
    let refused = walk.try_input(Input::Update(Box::new(routed))).unwrap_err();
    assert_eq!(refused.code, crate::ErrorCode::InvalidState);
    walk.input(Input::Cancel);
    let refused = walk.try_input(Input::Update(Box::default())).unwrap_err();
    assert_eq!(refused.code, crate::ErrorCode::AlreadyCompleted);
}

#[test]
fn moved_to_now_the_callback_keeps_its_place() {
    let mut walk = Walk::created(settings());
    let start = walk.callback.started;
    walk.now = walk.now.plus_seconds(600);
    let now = walk.now;
    walk.input(Input::Reschedule { desired: now });
    walk.after(0, TimerKind::Due);
    assert_eq!(walk.callback.started, start);

    let desired = now.plus_seconds(3600);
    walk.input(Input::Reschedule { desired });
    walk.after(3600, TimerKind::Due);
    assert_eq!(walk.callback.started, desired, "the wait begins anew");
}

#[test]
fn moved_into_the_past_is_called_now_and_not_given_up() {
    let mut walk = Walk::with(settings());
    walk.callback.scheduled = true;
    walk.callback.desired = walk.now.plus_seconds(3600);
    walk.input(Input::Create { notes: vec![] });
    let desired = walk.now.plus_seconds(-1_000_000);
    walk.input(Input::Reschedule { desired });
    assert_eq!(walk.callback.expires, walk.now.plus_seconds(86_400));
    walk.after(0, TimerKind::Due);
    walk.after(0, TimerKind::RecordTtl);
    assert_eq!(walk.reason(), None);
    walk.turn();
    assert_eq!(walk.callback.phase, Phase::Dialing);
}

#[test]
fn submission_is_repeated_then_given_up() {
    let mut walk = Walk::with(settings());
    walk.submission = Err("no such target".into());
    walk.input(Input::Create { notes: vec![] });
    for _ in 0..3 {
        walk.after(10, TimerKind::Submit);
    }
    assert_eq!(walk.reason(), Some(Reason::FailQueueing));
    assert_eq!(
        walk.events,
        [
            "callback_submitted QUEUED",
            "callback_submit_failed QUEUED",
            "callback_resubmitted QUEUED",
            "callback_submit_failed QUEUED",
            "callback_resubmitted QUEUED",
            "callback_submit_failed QUEUED",
            "callback_resubmitted QUEUED",
            "callback_submit_failed QUEUED",
            "callback_processing_failed COMPLETED",
        ]
    );
}

#[test]
fn restart_repeats_the_interrupted_attempt_without_counting_it() {
    let mut walk = Walk::created(settings());
    walk.turn();
    walk.input(Input::Recover);
    assert_eq!(walk.callback.phase, Phase::RetryPause);
    walk.after(30, TimerKind::RetryDial);
    walk.turn();
    assert_eq!(
        walk.callback.customer_leg().attempt,
        2,
        "another attempt, another leg"
    );
    walk.ended(call_state::BUSY);
    walk.after(300, TimerKind::RetryDial);
    walk.turn();
    walk.ended(call_state::BUSY);
    assert_eq!(walk.reason(), Some(Reason::FailCallToCustomer));
    assert_eq!(walk.callback.attempts, 3);
}

#[test]
fn restart_during_the_conversation_ends_it_as_connected() {
    let mut walk = Walk::created(settings());
    walk.queued();
    walk.found();
    walk.agent(LegEvent::Answered);
    walk.input(Input::Recover);
    assert_eq!(walk.reason(), Some(Reason::AgentConnected));
}

#[test]
fn reports_of_an_older_attempt_or_clip_change_nothing() {
    let mut walk = Walk::created(settings());
    walk.turn();
    walk.ended(call_state::BUSY);
    walk.after(300, TimerKind::RetryDial);
    walk.turn();
    let before = walk.callback.clone();
    let event = LegEvent::Ended {
        call_state: 7,
        detail: "late".into(),
    };
    walk.input(Input::Customer { attempt: 1, event });
    assert_eq!(walk.callback, before);
    walk.customer(LegEvent::Answered);
    walk.verdict(Outcome::Human, 0);
    let token = walk.callback.play_token;
    walk.customer(LegEvent::Played { token: token - 1 });
    assert_eq!(walk.callback.phase, Phase::Greeting);
}

#[test]
fn silent_driver_does_not_hold_a_callback() {
    let mut walk = Walk::created(settings());
    walk.turn();
    walk.after(45, TimerKind::Guard);
    assert_eq!(walk.callback.phase, Phase::RetryPause);
    let mut walk = Walk::created(settings());
    walk.turn();
    walk.customer(LegEvent::Answered);
    walk.after(60, TimerKind::Guard);
    assert_eq!(
        walk.callback.phase,
        Phase::Greeting,
        "undecided counts as human"
    );
}

#[test]
fn what_is_not_built_is_said_in_the_history() {
    let mut s = settings();
    s.pending.insert(
        "_plugin_on_dial_url".into(),
        "the built-in path is taken".into(),
    );
    let mut walk = Walk::with(s);
    let context = Context {
        now: walk.now,
        submission: Ok(()),
        random: 1,
        paused: false,
        line: None,
    };
    let step = step(
        walk.callback.clone(),
        Input::Create { notes: vec![] },
        &context,
    )
    .unwrap();
    assert_eq!(step.events[0].id, EventId::PendingOption);
    assert_eq!(step.events[0].data["option"], "_plugin_on_dial_url");
    walk.callback = step.callback;
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
