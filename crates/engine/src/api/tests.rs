//! What is kept for how long, where time comes in as an argument, and who may go away.

use callback::record::{Phase, Reason, State};
use callback::request::{self, Request};
use serde_json::json;
use store::{Batch, SqliteStore};
use telephony::port::{CallId, Command as TelephonyCommand, Refused, Room, Stats};

use super::*;

const DAY_S: i64 = 86_400;

/// A callback made at the given time.
fn made(number: u8, at: Timestamp) -> Callback {
    let options = [
        ("_type", "ors"),
        ("_service", "callback"),
        ("_call_direction", "USERTERMINATED"),
        ("_ttl", "86400"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec();
    let service = Service {
        name: ServiceName::new("billing"),
        options,
    };
    let request = Request {
        parameters: json!({"_customer_number": "+12025550123"})
            .as_object()
            .cloned()
            .unwrap(),
        ..Request::default()
    };
    let dialplan = Dialplan::new("US", &[], &[], &[]).unwrap();
    let id = CallbackId::from_random(1, [number; 16]);
    let resolver = Resolver::default();
    request::prepare(&Arc::new(service), request, &dialplan, &resolver, id, at)
        .unwrap()
        .0
}

#[tokio::test]
async fn history_is_kept_for_the_days_of_retention_after_the_ttl() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&dir.path().join("ringback.db")).unwrap();
    let start = Timestamp(1_790_000_000_000);
    let open = made(1, start);
    let mut over = made(2, start);
    over.state = State::Completed;
    over.phase = Phase::Over;
    over.reason = Some(Reason::Cancelled);
    let ids = [open.id.clone(), over.id.clone()];
    let batch = Batch {
        callbacks: vec![Arc::new(open), Arc::new(over)],
        ..Batch::default()
    };
    store.commit(batch).await.unwrap();
    let kept_after = async |seconds: i64| {
        purge(&store, 30, start.plus_seconds(seconds)).await;
        let mut kept = Vec::new();
        for id in &ids {
            kept.push(store.callback(id).await.unwrap().is_some());
        }
        kept
    };
    assert_eq!(
        kept_after(31 * DAY_S).await,
        [true, true],
        "a day of _ttl, then 30 days"
    );
    assert_eq!(
        kept_after(31 * DAY_S + 1).await,
        [true, false],
        "what is open is never removed"
    );
    assert_eq!(kept_after(999 * DAY_S).await, [true, false]);
}

/// A line on which nothing happens.
#[derive(Debug)]
struct Nowhere;

impl Telephony for Nowhere {
    fn send(&self, _command: TelephonyCommand) -> Result<(), Refused> {
        Ok(())
    }

    fn stats(&self) -> Stats {
        Stats::default()
    }

    fn reserve(&self, _call: &CallId, _trunks: &[&str]) -> Room {
        Room::Full
    }

    fn release(&self, _call: &CallId) {}

    fn trunks(&self) -> Vec<TrunkView> {
        Vec::new()
    }
}

#[tokio::test]
async fn a_client_that_goes_away_has_asked_all_the_same() {
    // The executable does so when it starts; here another test may have done it.
    drop(rustls::crypto::ring::default_provider().install_default());
    let dir = tempfile::tempdir().unwrap();
    let config = EngineConfig {
        dialplan: Dialplan::new("US", &[], &[], &[]).unwrap(),
        trunks: Vec::new(),
        defaults: ServerDefaults::default(),
        treatments_dir: dir.path().to_owned(),
        sender: SenderConfig::default(),
        notify: NotifyConfig::default(),
        max_running_callbacks: 0,
        node: 1,
        retention_days: 30,
        public_url: "http://127.0.0.1:1".to_owned(),
        sessions: SessionsConfig::default(),
        voicexml: VoiceXmlConfig::default(),
    };
    let store = Arc::new(SqliteStore::open(&dir.path().join("ringback.db")).unwrap());
    let (_events, receiver) = mpsc::channel(1);
    let directory = AgentDirectory::new();
    let started = Engine::start(config, store, Arc::new(Nowhere), receiver, directory);
    let engine = started.await.unwrap();
    let service = made(1, engine.now()).service().clone();
    let options = [
        "_type=ors",
        "_service=callback",
        "_call_direction=USERTERMINATED",
    ];
    let options = options.map(|option| option.split_once('=').unwrap());
    let entry = Service {
        name: service.clone(),
        options: options
            .map(|(name, value)| (name.into(), value.into()))
            .into(),
    };
    let services = &engine.inner.services;
    services
        .write()
        .unwrap()
        .insert(service.clone(), Arc::new(entry));
    let parameters = json!({"_customer_number": "+12025550123"});
    let create = engine.create(NewCallback {
        service,
        parameters: parameters.as_object().cloned().unwrap(),
        user_data: Map::new(),
        gms_user: None,
        headers: Vec::new(),
        idempotency: None,
    });
    tokio::select! {
        biased;
        _ = create => panic!("the shard had no time to answer"),
        () = std::future::ready(()) => {}
    }
    let deadline = std::time::Duration::from_secs(60);
    let is_made = async {
        while engine.readiness().running == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(deadline, is_made).await.unwrap();
    engine.drain().await;
}
