//! A server whose service sends every event of the tables through one Transaction List: what the
//! tests of single events and of sequences share.

use std::time::Duration;

use callback::Timestamp;
use callback::events::{EventId, Family};
use serde_json::{Value, json};
use testkit::{Baresip, Line, Note, PATIENCE, Receiver, Server, ServerBuilder, unix_seconds};

use crate::common::{agents, phone, server, service, story};

/// At once.
pub(crate) const NOW: Duration = Duration::ZERO;
/// A service that greets.
pub(crate) const GREETED: &str = "_treatment_customer_connect = greeting.wav";
/// A service that lets the detector decide.
pub(crate) const DETECT: [&str; 2] = ["_cpd_enable = true", "_ixn_createcall_timeout = 15"];
/// Time for a callback with a conversation on a busy machine.
pub(crate) const WHOLE: Duration = Duration::from_secs(45);

/// The events that a receiver can get.
pub(crate) fn published() -> impl Iterator<Item = EventId> {
    let all = EventId::ALL.iter().copied();
    all.filter(|event| event.family() != Family::Native)
}

/// A list of all events with all attributes of the tables and custom data.
fn everything(receiver: &Receiver) -> String {
    let head = format!(
        "[properties]\n_enable_status_notification = subscribe_notify\n\
         _status_notification_type = httpcb\n_status_notification_target = {}\n",
        receiver.url
    );
    let section = |event: EventId| {
        format!(
            "[{}]\nnotify_params = {}\nnotify_custom = {{\"desk\": \"billing\", \"schema\": 3}}\n",
            event.as_str(),
            event.attributes().join(", ")
        )
    };
    published()
        .map(section)
        .fold(head, |text, more| text + &more)
}

const LISTED: &[&str] = &[
    "_callback_events_list = All",
    "_enable_status_notification =",
    "_status_notification_type =",
    "_status_notification_target =",
    "_request_execution_time_buffer = 0",
    "_desired_connect_time_threshold = 0",
    "_fetch_retry_delay = 1",
];

/// A server with the service `desk`, its receiver and maybe the agent kim.
pub(crate) struct Stage {
    pub(crate) server: Server,
    pub(crate) receiver: Receiver,
    _kim: Option<Baresip>,
    _line: Option<Line>,
}

impl Stage {
    /// A server that dials to this port; the service has these lines besides those of all tests.
    pub(crate) async fn new(trunk: u16, lines: &[&str]) -> Self {
        Self::with(server(trunk), lines).await
    }

    /// A stage whose customers do what the line does.
    pub(crate) async fn on(line: &Line, lines: &[&str]) -> Self {
        Self::new(line.port, lines).await
    }

    /// The same; the line lives as long as the stage.
    pub(crate) async fn owning(line: Line, lines: &[&str]) -> Self {
        let mut stage = Self::new(line.port, lines).await;
        stage._line = Some(line);
        stage
    }

    /// A stage with more configuration.
    pub(crate) async fn with(builder: ServerBuilder, lines: &[&str]) -> Self {
        let receiver = Receiver::start().await;
        let server = builder.start().await;
        let path = "/api/v1/transactions/import?name=All";
        let text = everything(&receiver).into_bytes();
        let report = server.api.post_bytes(path, "text/plain", text).await.body;
        assert_eq!(
            (&report["ok"], &report["warnings"]),
            (&json!(true), &json!([])),
            "{report}"
        );
        server.api.import_agents(&agents(&[("kim", "7001")])).await;
        let extra = [LISTED, lines].concat();
        let ini = service("desk", &receiver, &extra);
        server.api.import_services(&ini).await;
        Self {
            server,
            receiver,
            _kim: None,
            _line: None,
        }
    }

    /// Kim registers her phone and is ready.
    pub(crate) async fn agent(mut self) -> Self {
        let kim = phone(&mut self.server, "kim", "7001", true).await;
        self._kim = Some(kim);
        self
    }

    /// Asks for a callback at once.
    pub(crate) async fn call(&self) -> String {
        self.server.api.call_back("desk", "5115").await
    }

    /// Books a callback so many seconds from now.
    pub(crate) async fn book(&self, seconds: u64) -> String {
        let body = json!({"_customer_number": "5115", "_desired_time": iso(seconds)});
        let answer = self.server.api.create("desk", &body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body["_id"].as_str().expect("an id").to_owned()
    }

    /// Changes a callback by the compatible API.
    pub(crate) async fn change(&self, id: &str, body: Value) {
        let path = format!("/genesys/1/service/callback/desk/{id}");
        let answer = self.server.api.put(&path, &body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// Moves a callback to so many seconds from now.
    pub(crate) async fn move_to(&self, id: &str, seconds: u64) {
        self.change(id, json!({"_new_desired_time": iso(seconds)}))
            .await;
    }

    /// Cancels a callback by the compatible API.
    pub(crate) async fn cancel(&self, id: &str) {
        let answer = self.server.api.cancel("desk", id).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// Waits until an event came.
    pub(crate) async fn wait(&self, id: &str, event: &str) -> Note {
        self.receiver.wait_for(id, event, WHOLE).await
    }

    /// Waits for the last event of a callback; its story with the reason of its end, once its
    /// sequence numbers are whole.
    pub(crate) async fn story(&self, id: &str, last: &str) -> String {
        self.wait(id, last).await;
        let notes = self.receiver.of(id);
        let sequence: Vec<u64> = notes.iter().map(Note::sequence).collect();
        let wanted: Vec<u64> = (1..).take(notes.len()).collect();
        assert_eq!(sequence, wanted, "{:?}", story(&notes));
        let end = notes.last().map_or("", |n| n.get("c_termination_type"));
        let end = end.trim_start_matches("COMPLETED.");
        let told = format!("{} {end}", story(&notes).join(", "));
        told.trim().to_owned()
    }

    /// Checks the whole story of a callback that ran, from the hand-over to its last event.
    pub(crate) async fn ran(&self, id: &str, rest: &str) {
        let start = "callback_submitted, callback_queued, service_create, virtual_ixn_create";
        let told = self.story(id, "service_exit").await;
        assert_eq!(told, format!("{start}, {rest}"));
    }
}

/// The time so many seconds from now.
pub(crate) fn iso(seconds: u64) -> String {
    let at = i64::try_from(unix_seconds() + seconds).expect("a time of this age");
    Timestamp(at * 1000).to_iso()
}

/// How long the tests wait for one thing.
pub(crate) const SOON: Duration = PATIENCE;
