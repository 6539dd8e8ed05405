//! Material for the tests: callbacks, rows, stores in their own directory.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use callback::admission::Counted;
use callback::confirm::{Confirmation, Device};
use callback::plugin::PluginRecord;
use callback::record::{Held, HeldBy, Phase, Reason, Screening, State, TimerKind};
use callback::routing::{Found, Target};
use callback::settings::{
    AttachUserData, ContactSettings, CpdProfile, DetectionSettings, EventPlan, NotificationMode,
    NotificationSettings, Settings, Treatments,
};
use callback::time::Span;
use callback::treatment::Treatment;
use callback::{AgentId, Callback, CallbackId, ServiceName, Timestamp};
use serde_json::{Map, Value, json};
use store::{
    Batch, DeliveryAttempt, DeliveryRow, DeliveryState, EventRow, IdempotencyRow, IntentRow,
    SqliteStore,
};
use tempfile::TempDir;

/// A store in a directory of its own.
pub(crate) struct Place {
    pub(crate) dir: TempDir,
    pub(crate) path: PathBuf,
}

impl Place {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ringback.db");
        Self { dir, path }
    }

    pub(crate) fn open(&self) -> SqliteStore {
        SqliteStore::open(&self.path).unwrap()
    }

    /// Another connection, as a foreign process would have.
    pub(crate) fn raw(&self) -> rusqlite::Connection {
        raw(&self.path)
    }
}

pub(crate) fn raw(path: &Path) -> rusqlite::Connection {
    rusqlite::Connection::open(path).unwrap()
}

/// Runs a test, which fails rather than hangs.
pub(crate) fn run<F: Future>(test: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(60), test)
            .await
            .expect("the test hangs")
    })
}

pub(crate) fn id(n: u32) -> CallbackId {
    let mut random = [0; 16];
    random[12..].copy_from_slice(&n.to_be_bytes());
    CallbackId::from_random(1, random)
}

pub(crate) fn settings(service: &str) -> Settings {
    let play = Treatment::Play {
        source: String::from("welcome.wav"),
        hints: json_map(json!({"am-beep-detection": "on"})),
    };
    Settings {
        service: ServiceName::new(service),
        wait_for_agent: true,
        ttl_s: 86_400,
        queued_ttl_s: 600,
        virtual_queue: String::from("VQ_Sales"),
        vq_for_outbound_calls: String::from("VQ_Out"),
        target: Target::default(),
        priority: 5,
        priority_increment: 1,
        priority_increment_interval_s: 60,
        max_wait_on_call_s: 30,
        agent_reserve_timeout_s: 15,
        transfer_attempts: 2,
        ring_timeout_s: 25,
        max_dial_attempts: 3,
        dial_retry_timeout_s: 300,
        max_customer_contacts: 1,
        execution_buffer_s: 120,
        connect_threshold_s: 0,
        submit_retries: 3,
        submit_retry_delay_s: 5,
        prefix_dial_out: String::from("0"),
        calling_party_number: String::from("+49301234"),
        calling_party_display_name: String::from("Grüße & mehr"),
        route_point: String::new(),
        default_country: String::from("DE"),
        disallow_premium: true,
        detection: DetectionSettings {
            enabled: true,
            profile: CpdProfile::Human,
            silence_ms: 2500,
            hard_stop_ms: 4000,
            early: true,
            keep_machine: false,
            keep_silence: true,
            sit_detail: true,
            keep_fax: false,
        },
        treatments: Treatments {
            greeting: play.clone(),
            waiting: play,
            find_agent_fail: Treatment::Off,
            machine: Treatment::Off,
            screening: Treatment::Off,
            machine_message_final: false,
        },
        notification: NotificationSettings {
            mode: NotificationMode::SubscribeNotify,
            channel: String::from("httpcb"),
            target: String::from("http://127.0.0.1:9/hook"),
            target_from_request: true,
            provider: String::new(),
            debug: false,
            language: String::from("de"),
            events_list: String::new(),
            plan: EventPlan::default(),
        },
        attach_udata: AttachUserData::SeparateKeys,
        horizon: Span::parse("1M"),
        contact: ContactSettings::default(),
        cpn_digits: None,
        plugin: None,
        strategy: None,
        pending: BTreeMap::from([(String::from("_plugin"), String::from("not run"))]),
    }
}

/// A scheduled callback; desired at `1000 × n`, over at `1000 × n + 500`.
pub(crate) fn callback(n: u32, settings: &Arc<Settings>) -> Callback {
    let desired = Timestamp(i64::from(n) * 1000);
    Callback {
        id: id(n),
        customer_number: format!("+49 30 {n}"),
        dial_number: format!("4930{n}"),
        user_data: json_map(json!({"colour": "blue", "it's \"quoted\"": "yes", "n": n})),
        parameters: json_map(json!({"_wait": true, "_note": "äöü\u{0}𝄞"})),
        gms_user: Some(String::from("tester")),
        settings: Arc::clone(settings),
        created: Timestamp(desired.0 - 100),
        desired,
        scheduled: true,
        started: desired,
        expires: Timestamp(desired.0 + 500),
        state: State::Scheduled,
        reason: None,
        detail: None,
        phase: Phase::Scheduled,
        session_started: false,
        seq: 1,
        notification_seq: 0,
        attempts: 0,
        interrupted: 0,
        contacts: 0,
        agent_legs: 0,
        transfer_failures: 0,
        dialed_number: None,
        call_result: None,
        found: None,
        waiting_agent: None,
        play_token: 0,
        timers: BTreeMap::from([(TimerKind::Due, desired)]),
        counted: Counted {
            number: format!("+4930{n}"),
            values: vec![(String::from("_customer_number"), format!("+4930{n}"))],
        },
        plugin: PluginRecord {
            other: None,
            aai: None,
            tokens: vec![String::from("5f")],
            answered: true,
            number: Some(String::from("5552336")),
            prefix: Some(String::from("91")),
            connected: true,
        },
        held: None,
        confirmation: None,
        screening: Screening::No,
    }
}

/// The same callback at its end, with everything set.
pub(crate) fn completed(mut callback: Callback) -> Callback {
    callback.held = Some(Box::new(Held {
        by: HeldBy::Service,
        since: callback.created,
        state: State::Queued,
        phase: Phase::Submitting { submissions: 2 },
        timers: callback.timers.clone(),
    }));
    callback.confirmation = Some(Box::new(Confirmation {
        device: Device {
            id: String::from("phone-7"),
            provider: String::new(),
            language: String::from("de"),
            debug: true,
        },
        asked: 2,
        token: String::from("secret"),
        done: false,
        texts: Some(Box::default()),
    }));
    callback.screening = Screening::Listening;
    callback.state = State::Completed;
    callback.reason = Some(Reason::AgentConnected);
    callback.detail = Some(String::from("talked"));
    callback.phase = Phase::Talking {
        agent: AgentId::new("anna"),
    };
    callback.session_started = true;
    callback.seq = 17;
    callback.notification_seq = 9;
    callback.attempts = 2;
    callback.interrupted = 1;
    callback.contacts = 1;
    callback.agent_legs = 3;
    callback.transfer_failures = 2;
    callback.dialed_number = Some(String::from("04930"));
    callback.call_result = Some(33);
    callback.found = Some(Found {
        agent: AgentId::new("anna"),
        dn: String::from("7001"),
        id: String::from("Sales"),
        place: String::from("P1"),
        switch: String::from("S1"),
        kind: String::from("GA"),
        vq: String::from("VQ_Sales"),
    });
    callback.waiting_agent = Some(AgentId::new("bob"));
    callback.play_token = u64::MAX;
    callback.timers = BTreeMap::from([
        (TimerKind::RecordTtl, Timestamp(7)),
        (TimerKind::Guard, Timestamp(8)),
    ]);
    callback
}

pub(crate) fn event(callback: &CallbackId, seq: u64) -> EventRow {
    EventRow {
        callback: callback.clone(),
        seq,
        at: Timestamp(1000 + i64::try_from(seq).unwrap()),
        event_id: String::from("_cbe_on_callback_dialing"),
        state: State::Routing,
        data: String::from(r#"{"a":1}"#),
    }
}

pub(crate) fn delivery(name: &str, callback: &CallbackId, seq: u64) -> DeliveryRow {
    DeliveryRow {
        id: String::from(name),
        callback: callback.clone(),
        seq,
        notification_seq: seq + 1,
        event_id: String::from("_cbe_on_dialing"),
        at: Timestamp(5),
        channel: String::from("httpcb"),
        target: String::from("http://127.0.0.1:9/"),
        guarded: true,
        language: String::from("en"),
        body: String::from(r#"{"k":"v"}"#),
        attempts: 0,
        base: 0,
        next_at: Some(Timestamp(6)),
        state: DeliveryState::Pending,
        extra: store::DeliveryExtra::default(),
    }
}

pub(crate) fn attempt(name: &str, state: DeliveryState) -> DeliveryAttempt {
    let pending = state == DeliveryState::Pending;
    DeliveryAttempt {
        delivery: String::from(name),
        at: Timestamp(10),
        status: if pending { 503 } else { 200 },
        error: String::from(if pending { "answered 503" } else { "" }),
        ms: 12,
        state,
        next_at: pending.then_some(Timestamp(99)),
        trace: None,
    }
}

pub(crate) fn intent(callback: &CallbackId, attempt: u32) -> IntentRow {
    IntentRow {
        leg: format!("{callback}.{attempt}"),
        callback: callback.clone(),
        at: Timestamp(i64::from(attempt)),
        dialog: None,
    }
}

pub(crate) fn idempotency(key: &str, callback: &CallbackId, at: Timestamp) -> IdempotencyRow {
    IdempotencyRow {
        key: String::from(key),
        body_hash: String::from("hash"),
        callback: callback.clone(),
        at,
    }
}

/// A batch with callbacks and nothing else.
pub(crate) fn of_callbacks(callbacks: Vec<Callback>) -> Batch {
    Batch {
        callbacks: callbacks.into_iter().map(Arc::new).collect(),
        ..Batch::default()
    }
}

/// A new callback with its first event.
pub(crate) fn creation(n: u32, settings: &Arc<Settings>) -> Batch {
    Batch {
        callbacks: vec![Arc::new(callback(n, settings))],
        events: vec![event(&id(n), 1)],
        ..Batch::default()
    }
}

fn json_map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => panic!("no object"),
    }
}
