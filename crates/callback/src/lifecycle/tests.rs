//! Tests of the lifecycle: what they walk with; the walks stand by topic.

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
mod dialing;
mod faults;
mod forecast;
mod hold;
mod invariants;
mod line_end;
mod plugin;
mod queueing;
mod races;
mod requests;
mod screening;
mod sequences;
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
