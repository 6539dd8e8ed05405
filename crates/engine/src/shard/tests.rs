//! Tests of the shard without its task: rounds are made and committed by hand.

mod agents;
mod control;
mod legs;
mod line;
mod pace;

use std::sync::Mutex;

use callback::request::{self, Request};
use callback::service::{Resolver, ServerDefaults, Service};
use serde_json::{Value, json};
use store::SqliteStore;
use telephony::port::{CallId, EventKind, Refused, Room, Stats, TrunkView};

use super::*;
use crate::clock::SystemClock;
use crate::notify::{self, Notifier, NotifyConfig, Sender, Subscriptions};
use crate::plugin::HostConfig;
use crate::trunks::TrunkInfo;
use crate::{SessionsConfig, VoiceXmlConfig};

/// A line that only remembers what it was told.
#[derive(Debug, Default)]
struct Line {
    told: Mutex<Vec<TelephonyCommand>>,
    is_full: AtomicBool,
}

impl Telephony for Line {
    fn send(&self, command: TelephonyCommand) -> Result<(), Refused> {
        if self.is_full.load(Ordering::Acquire) {
            return Err(Refused::Overloaded);
        }
        self.told.lock().unwrap().push(command);
        Ok(())
    }

    fn stats(&self) -> Stats {
        Stats::default()
    }

    fn reserve(&self, _call: &CallId, trunks: &[&str]) -> Room {
        trunks
            .first()
            .map_or(Room::Unknown, |name| Room::Taken((*name).to_owned()))
    }

    fn release(&self, _call: &CallId) {}

    fn trunks(&self) -> Vec<TrunkView> {
        Vec::new()
    }
}

struct Stage {
    shard: Shard,
    line: Arc<Line>,
    store: Arc<SqliteStore>,
    _commands: mpsc::Receiver<Command>,
    _dir: tempfile::TempDir,
}

type Answer = oneshot::Receiver<Result<Arc<Callback>, Error>>;

impl Stage {
    /// A shard over a new store with room for `room_bytes` beyond the empty tables.
    async fn new(room_bytes: u64, max_running: usize) -> Self {
        // The executable does so when it starts; here another test may have done it.
        drop(rustls::crypto::ring::default_provider().install_default());
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ringback.db");
        drop(SqliteStore::open(&path).unwrap());
        let empty = std::fs::metadata(&path).unwrap().len();
        let store = Arc::new(SqliteStore::open_bounded(&path, empty + room_bytes).unwrap());
        let line = Arc::new(Line::default());
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let metrics = Arc::new(Metrics::new());
        let supervisor = Supervisor::default();
        let sender = Sender::new(notify::SenderConfig::default()).unwrap();
        let subscriptions = Arc::new(Subscriptions::new(Vec::new()));
        let parts = notify::Parts {
            store: store.clone(),
            clock: clock.clone(),
            sender,
            metrics: metrics.clone(),
            subscriptions: subscriptions.clone(),
        };
        let publisher = Arc::new(Publisher {
            config: NotifyConfig::default(),
            subscriptions,
        });
        let outbox = Notifier::start(parts, &supervisor);
        let (commands, receiver) = mpsc::channel(8);
        let config = HostConfig::new(
            SessionsConfig::default(),
            VoiceXmlConfig::default(),
            dir.path().to_owned(),
        );
        let config = config.unwrap();
        let base = "http://127.0.0.1:1";
        let plugins = PluginHost::start(base, config, &clock, &commands, &supervisor).unwrap();
        let mut shard = Shard::new(Parts {
            store: store.clone(),
            telephony: line.clone(),
            clock,
            outbox: outbox.await.unwrap(),
            publisher,
            metrics,
            supervisor,
            treatments: plugins.treatments.clone(),
            plugins,
            dialplan: Arc::new(dialplan()),
            trunks: Trunks::new(vec![TrunkInfo {
                name: "carrier".to_owned(),
                number_format: callback::number::NumberFormat::AsGiven,
            }]),
            max_running,
            shared: Arc::new(Shared {
                store_ok: AtomicBool::new(true),
                ..Shared::default()
            }),
            commands,
        });
        let options = [("extension", "7001"), ("password", "secret")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let kim = AgentConfig::from_options(AgentId::new("kim"), &options).unwrap();
        shard.set_agents(vec![(kim, Ok(()))]);
        Self {
            shard,
            line,
            store,
            _commands: receiver,
            _dir: dir,
        }
    }

    /// Asks for a callback in a round.
    async fn ask(&mut self, round: &mut Round, body: Value, key: Option<&str>) -> Answer {
        let new = record(body, self.shard.now, key);
        let (reply, answer) = oneshot::channel();
        let command = Command::Create {
            new: Box::new(new),
            reply,
        };
        self.shard.on_command(command, round).await;
        answer
    }

    /// Asks for a callback in a round of its own.
    async fn create(&mut self, body: Value) -> Result<Arc<Callback>, Error> {
        let mut round = Round::default();
        let answer = self.ask(&mut round, body, None).await;
        self.shard.commit(round).await;
        answer.await.unwrap()
    }

    /// One round in which nothing comes in.
    async fn turn(&mut self) {
        let mut round = Round::default();
        self.shard.on_time(&mut round);
        self.shard.commit(round).await;
    }

    fn store_ok(&self) -> bool {
        self.shard.parts.shared.store_ok.load(Ordering::Acquire)
    }
}

fn dialplan() -> Dialplan {
    Dialplan::new("US", &[], &[], &[]).unwrap()
}

fn record(body: Value, now: Timestamp, key: Option<&str>) -> NewRecord {
    let service = Service {
        name: ServiceName::new("billing"),
        options: [
            ("_type", "ors"),
            ("_service", "callback"),
            ("_call_direction", "USERTERMINATED"),
            ("_wait_for_agent", "false"),
            ("_urs_virtual_queue", "VQ"),
            ("_target", "kim@Stats.A"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec(),
    };
    let Value::Object(body) = body else {
        panic!("a body is an object");
    };
    let (mut parameters, user_data) = callback::service::split_body(body);
    parameters.insert("_customer_number".to_owned(), json!("+12025550123"));
    let request = Request {
        parameters,
        user_data,
        gms_user: None,
    };
    let id = CallbackId::from_random(1, rand::random());
    let (callback, resolved) = request::prepare(
        &Arc::new(service),
        request,
        &dialplan(),
        &Resolver::new(ServerDefaults::default()),
        id.clone(),
        now,
    )
    .unwrap();
    let idempotency = key.map(|key| IdempotencyRow {
        key: key.to_owned(),
        body_hash: "same".to_owned(),
        callback: id,
        at: now,
    });
    NewRecord {
        callback,
        resolved,
        idempotency,
    }
}

/// More than a store with little room takes, less than a request may carry.
fn large() -> Value {
    json!({"text": "x".repeat(60_000)})
}

const ROOMY: u64 = 10_000_000;
const TIGHT: u64 = 40_000;

#[tokio::test]
async fn a_store_that_refused_once_is_tried_again() {
    let mut stage = Stage::new(TIGHT, 0).await;
    let refused = stage.create(large()).await.unwrap_err();
    assert_eq!(refused.code, callback::ErrorCode::NotReady);
    assert!(!stage.store_ok());
    assert!(stage.shard.wake_in() <= limits::STORE_PAUSE);

    stage.shard.now = stage.shard.now + limits::STORE_PAUSE;
    stage.turn().await;
    assert!(stage.store_ok(), "new callbacks are let through again");
    stage.create(json!({})).await.unwrap();
}

#[tokio::test]
async fn what_a_client_changes_is_undone_when_the_store_does_not_take_it() {
    let mut stage = Stage::new(TIGHT, 0).await;
    let tomorrow = stage.shard.parts.clock.now().plus_seconds(86_400);
    let booked = stage
        .create(json!({"_desired_time": tomorrow.to_iso()}))
        .await
        .unwrap();
    let timers = stage.shard.timers.clone();
    let mut round = Round::default();
    let Value::Object(user_data) = large() else {
        panic!("a body is an object");
    };
    let update = Input::Update(Box::new(callback::lifecycle::Change {
        user_data,
        ..callback::lifecycle::Change::default()
    }));
    let mut answers = Vec::new();
    for input in [update, Input::Cancel] {
        let (reply, answer) = oneshot::channel();
        let command = Command::Ask {
            service: None,
            id: booked.id.clone(),
            input,
            reply,
        };
        stage.shard.on_command(command, &mut round).await;
        answers.push(answer);
    }
    stage.shard.commit(round).await;
    for answer in answers {
        let error = answer.await.unwrap().unwrap_err();
        assert_eq!(error.code, callback::ErrorCode::NotReady);
    }
    assert_eq!(stage.shard.callbacks[&booked.id], booked);
    assert_eq!(stage.shard.timers, timers);
    assert!(!stage.store_ok());
}

#[tokio::test]
async fn who_was_told_of_a_failure_gets_nothing_changed_later() {
    let mut stage = Stage::new(ROOMY, 0).await;
    let waits = stage.create(json!({})).await.unwrap();
    let (reply, answer) = oneshot::channel();
    drop(answer);
    let mut round = Round::default();
    let command = Command::Ask {
        service: None,
        id: waits.id.clone(),
        input: Input::Cancel,
        reply,
    };
    stage.shard.on_command(command, &mut round).await;
    stage.shard.commit(round).await;
    assert!(stage.shard.callbacks[&waits.id].is_open());
}

#[tokio::test]
async fn who_was_told_of_a_failure_gets_no_callback_later() {
    let mut stage = Stage::new(ROOMY, 0).await;
    let (reply, answer) = oneshot::channel();
    drop(answer);
    let mut round = Round::default();
    let command = Command::Create {
        new: Box::new(record(json!({}), stage.shard.now, Some("key"))),
        reply,
    };
    stage.shard.on_command(command, &mut round).await;
    stage.shard.commit(round).await;
    assert!(stage.shard.callbacks.is_empty());
    assert!(stage.shard.recent_keys.is_empty());
}

#[tokio::test]
async fn nothing_is_dialed_that_the_store_did_not_take() {
    let mut stage = Stage::new(ROOMY, 0).await;
    stage.create(json!({})).await.unwrap();
    stage.store.close().await;
    for _ in 0..3 {
        stage.turn().await;
    }
    assert!(stage.line.told.lock().unwrap().is_empty());
    assert!(!stage.store_ok());
}

#[tokio::test]
async fn a_repeated_request_is_answered_when_the_first_one_is_durable() {
    let mut stage = Stage::new(TIGHT, 0).await;
    let mut round = Round::default();
    let first = stage.ask(&mut round, large(), Some("key")).await;
    let second = stage.ask(&mut round, large(), Some("key")).await;
    stage.shard.commit(round).await;
    assert!(first.await.unwrap().is_err());
    assert!(
        second.await.unwrap().is_err(),
        "the callback it would name was not made"
    );

    let mut stage = Stage::new(ROOMY, 0).await;
    let mut round = Round::default();
    let first = stage.ask(&mut round, json!({}), Some("key")).await;
    let second = stage.ask(&mut round, json!({}), Some("key")).await;
    stage.shard.commit(round).await;
    let (first, second) = (
        first.await.unwrap().unwrap(),
        second.await.unwrap().unwrap(),
    );
    assert_eq!(first.id, second.id);
    assert_eq!(stage.shard.callbacks.len(), 1);
}

#[tokio::test]
async fn booked_callbacks_do_not_count_as_running() {
    let mut stage = Stage::new(ROOMY, 1).await;
    let tomorrow = stage.shard.parts.clock.now().plus_seconds(86_400);
    let booked = json!({"_desired_time": tomorrow.to_iso()});
    stage.create(booked).await.unwrap();
    let running = stage.create(json!({})).await.unwrap();
    assert!(running.session_started, "submitted at once");
    let waiting = stage.create(json!({})).await.unwrap();
    assert!(!waiting.session_started, "one runs already");
}

#[tokio::test]
async fn a_start_gives_up_on_a_store_that_takes_no_writes() {
    let mut stage = Stage::new(TIGHT, 0).await;
    let callback = stage.create(json!({})).await.unwrap();
    let mut round = Round::default();
    round.batch.events.push(EventRow {
        callback: callback.id.clone(),
        seq: 1_000,
        at: stage.shard.now,
        event_id: "rb.interrupted".to_owned(),
        state: callback.state,
        data: "x".repeat(60_000),
    });
    let result = stage.shard.commit_within(round, 2).await;
    assert!(matches!(result, Err(store::StoreError::Unavailable(_))));
    assert!(!stage.store_ok());
}
