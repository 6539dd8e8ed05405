//! The carrier and the product's driver as two endpoints that call each other on 127.0.0.1.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use media::cpd::{Outcome, Settings, Verdict};
use serde_json::{Value, json};
use sip::admission::Limits;
use sip::registrar::Policy;
use telephony::embedded::{Config, Embedded, SipTimers, Started, Transport, Trunk};
use telephony::media_engine::MediaConfig;
use telephony::port::{
    Account, CallId, CallerId, Command, Destination, Detection, Ended, Event, EventKind,
    HangUpCause, Originate, PhoneDirectory, Telephony,
};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::Carrier;
use super::journal::{Form, Journal};
use super::script::Script;

/// Ringing time of all calls.
const RING: Duration = Duration::from_secs(4);
/// No wait in these tests is longer.
const DEADLINE: Duration = Duration::from_secs(20);

#[derive(Debug)]
struct Phones;

impl PhoneDirectory for Phones {
    fn password(&self, extension: &str) -> Option<String> {
        extension
            .starts_with('7')
            .then(|| format!("secret-{extension}"))
    }
}

async fn driver(trunk: Option<SocketAddr>, first_port: u16) -> Started {
    let local = "127.0.0.1".parse().unwrap();
    let trunk = trunk.map(|address| Trunk {
        name: "carrier".to_owned(),
        host: address.ip().to_string(),
        port: address.port(),
        transport: Transport::Udp,
        ..Trunk::default()
    });
    let config = Config {
        listen: "127.0.0.1:0".parse().unwrap(),
        external_address: None,
        realm: "test".to_owned(),
        media: MediaConfig {
            bind: local,
            advertised: local,
            ports: first_port..=first_port + 99,
            threads: 1,
        },
        trunks: trunk.into_iter().collect(),
        user_agent: "test".to_owned(),
        timers: SipTimers::default(),
        admission: Limits::default(),
        allow_sources: vec!["127.0.0.0/8".parse().unwrap()],
        registrar: Policy::default(),
    };
    Embedded::start(config, Arc::new(Phones)).await.unwrap()
}

/// A server's driver with a carrier as its trunk.
struct Bed {
    server: Started,
    tasks: JoinSet<Value>,
    stop: oneshot::Sender<()>,
}

impl Bed {
    async fn start(script: &str, agents: &[&str], first_port: u16) -> Self {
        let line = driver(None, first_port).await;
        let server = driver(Some(line.sip_address), first_port + 100).await;
        let journal = Journal::new(Box::new(io::sink()), Form::Json);
        let telephony: Arc<dyn Telephony> = line.telephony;
        let mut carrier = Carrier::new(telephony, Script::parse(script).unwrap(), journal);
        carrier.register(
            agents
                .iter()
                .map(|extension| Account {
                    registrar: format!("sip:{}", server.sip_address),
                    username: (*extension).to_owned(),
                    password: format!("secret-{extension}"),
                    expires: Duration::from_secs(60),
                })
                .collect(),
        );
        let mut events = line.events;
        let (stop, mut stopped) = oneshot::channel();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            loop {
                tokio::select! {
                    more = carrier.turn(&mut events) => assert!(more.unwrap()),
                    _ = &mut stopped => break,
                }
            }
            // What the server has seen end may still be on its way to the carrier.
            while carrier.calls() > 0 {
                assert!(carrier.turn(&mut events).await.unwrap());
            }
            carrier.journal().summary()
        });
        let mut bed = Self {
            server,
            tasks,
            stop,
        };
        for _ in agents {
            bed.until(|event| {
                matches!(
                    event,
                    Event::Phone {
                        registered: true,
                        ..
                    }
                )
            })
            .await;
        }
        bed
    }

    fn send(&self, command: Command) {
        self.server.telephony.send(command).unwrap();
    }

    fn call(&self, id: &str, destination: Destination) -> CallId {
        let call = CallId::new(id);
        self.send(Command::Originate(Box::new(Originate {
            call: call.clone(),
            destination,
            caller_id: CallerId::default(),
            ring_timeout: RING,
            detection: Some(Detection {
                early: true,
                settings: Settings::default(),
            }),
            headers: Vec::new(),
        })));
        call
    }

    fn dial(&self, id: &str, number: &str) -> CallId {
        self.call(id, Destination::trunk("carrier", number))
    }

    async fn until(&mut self, wanted: impl Fn(&Event) -> bool) -> Event {
        let found = async {
            loop {
                let event = self.server.events.recv().await.unwrap();
                if wanted(&event) {
                    return event;
                }
            }
        };
        tokio::time::timeout(DEADLINE, found).await.unwrap()
    }

    async fn until_call(
        &mut self,
        call: &CallId,
        wanted: impl Fn(&EventKind) -> bool,
    ) -> EventKind {
        let event = self
            .until(
                |event| matches!(event, Event::Call { call: c, kind } if c == call && wanted(kind)),
            )
            .await;
        match event {
            Event::Call { kind, .. } => kind,
            other => panic!("{other:?}"),
        }
    }

    async fn ended(&mut self, call: &CallId) -> Ended {
        match self
            .until_call(call, |kind| matches!(kind, EventKind::Ended(_)))
            .await
        {
            EventKind::Ended(ended) => ended,
            other => panic!("{other:?}"),
        }
    }

    async fn verdict(&mut self) -> (CallId, Verdict) {
        let wanted = |event: &Event| {
            matches!(
                event,
                Event::Call {
                    kind: EventKind::Verdict(_),
                    ..
                }
            )
        };
        match self.until(wanted).await {
            Event::Call {
                call,
                kind: EventKind::Verdict(verdict),
            } => (call, *verdict),
            other => panic!("{other:?}"),
        }
    }

    fn hang_up(&self, call: &CallId) {
        let (call, cause) = (call.clone(), HangUpCause::Normal);
        self.send(Command::HangUp { call, cause });
    }

    /// The carrier's summary once all calls are over.
    async fn summary(mut self) -> Value {
        self.stop.send(()).unwrap();
        let summary = tokio::time::timeout(DEADLINE, self.tasks.join_next()).await;
        summary.unwrap().unwrap().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_refuse_and_answer_as_the_script_says() {
    let script = "1=busy;2=decline,ring_ms=50;3=no_answer;4=busy_then_human,ring_ms=50;\
                  5=early_busy,tone_ms=200";
    let mut bed = Bed::start(script, &[], 11_000).await;
    for (number, call_state, detail) in [
        ("1", 6, "busy"),
        ("2", 5, "rejected"),
        ("3", 7, "no_answer"),
        ("5", 6, "busy"),
    ] {
        let call = bed.dial(&format!("refused-{number}"), number);
        let ended = bed.ended(&call).await;
        assert_eq!(
            (ended.call_state, ended.detail),
            (call_state, detail),
            "{number}"
        );
    }
    let first = bed.dial("first", "4");
    assert_eq!(bed.ended(&first).await.detail, "busy");
    let second = bed.dial("second", "4");
    let (call, verdict) = bed.verdict().await;
    assert_eq!((&call, verdict.outcome), (&second, Outcome::Human));
    bed.hang_up(&second);
    let summary = bed.summary().await;
    assert_eq!(summary["behaviours"]["busy_then_human"], 2);
    assert_eq!(summary["roles"]["customer"]["calls"], 6);
    assert_eq!(summary["roles"]["customer"]["answered"], 1);
    assert_eq!(summary["called_again"], json!({"4": 2}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn agent_and_customer_hear_each_other_over_the_bridge() {
    let script = "1=human,ring_ms=50;agent:*=answer,answer_ms=50,talk_ms=1500";
    let mut bed = Bed::start(script, &["7001", "7002"], 11_200).await;
    let customer = bed.dial("customer", "1");
    bed.until_call(&customer, |kind| matches!(kind, EventKind::Answered { .. }))
        .await;
    let agent = bed.call("agent", Destination::Extension("7002".to_owned()));
    bed.until_call(&agent, |kind| matches!(kind, EventKind::Answered { .. }))
        .await;
    bed.send(Command::Bridge {
        a: customer.clone(),
        b: agent.clone(),
    });
    bed.ended(&agent).await;
    bed.hang_up(&customer);
    let summary = bed.summary().await;
    for role in ["agent", "customer"] {
        assert_eq!(summary["roles"][role]["heard"], 1, "{role}: {summary}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_detector_hears_who_answers() {
    let script = "1=human,ring_ms=50;2=machine,ring_ms=50;3=fax,ring_ms=50;4=early_busy";
    let mut bed = Bed::start(script, &[], 11_400).await;
    let expected = [
        ("1", Outcome::Human),
        ("2", Outcome::Machine),
        ("3", Outcome::Fax),
        ("4", Outcome::Busy),
    ];
    for (number, _) in expected {
        bed.dial(number, number);
    }
    let mut found = BTreeMap::new();
    while found.len() < expected.len() {
        let (call, verdict) = bed.verdict().await;
        found.insert(call.as_str().to_owned(), verdict.outcome);
        bed.hang_up(&call);
    }
    for (number, outcome) in expected {
        assert_eq!(found.get(number), Some(&outcome), "{number}");
    }
    let summary = bed.summary().await;
    assert_eq!(summary["roles"]["customer"]["ended"], 4);
}
